package golden

import (
	"slices"
	"strconv"
	"strings"
)

// olderThan says whether a kernel release such as "6.1.0-56-amd64" is before a
// version. One that is not known is taken for the newest.
func olderThan(release string, want ...int) bool {
	version, _, _ := strings.Cut(release, "-")
	var have []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return false
		}
		have = append(have, n)
	}
	return slices.Compare(have, want) < 0
}
