package golden

import (
	"slices"
	"strconv"
	"strings"
)

// olderThan says whether a kernel release such as "6.1.0-56-amd64" or
// "6.12.117+deb12-amd64" is before a version. One that is not known is taken for the
// newest.
func olderThan(release string, want ...int) bool {
	end := strings.IndexFunc(release, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end >= 0 {
		release = release[:end]
	}
	var have []int
	for part := range strings.SplitSeq(strings.TrimRight(release, "."), ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return false
		}
		have = append(have, n)
	}
	return slices.Compare(have, want) < 0
}
