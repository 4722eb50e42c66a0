package golden

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
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

// linksByIndex are the devices in the order of their indices.
func linksByIndex(s *route.Snapshot) []route.Link {
	links := slices.Clone(s.Links)
	slices.SortStableFunc(links, func(a, b route.Link) int { return cmp.Compare(a.Index, b.Index) })
	return links
}
