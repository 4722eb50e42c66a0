package golden

import (
	"slices"
	"strconv"
	"strings"
)

// olderThan reports whether a kernel release such as "6.1.0-56-amd64" or
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

// keepsHop reports whether a kernel lets the IPv6 next hop stay that the walk found on
// the output device (have_oif_match in ip6_pol_route): the change was made for Linux
// 7.0 and carried over into some older ones. Not sure: it may have been.
func keepsHop(release string) (so, sure bool) {
	switch {
	case release == "" || !strings.Contains(release, "."):
		return false, false
	case !olderThan(release, 7):
		return true, true
	case strings.HasPrefix(release, "6.1.0-56-"): // Debian's 6.1.192
		return true, true
	case strings.HasPrefix(release, "6.1.0-"), strings.HasPrefix(release, "6.12.0"):
		return false, false // a distribution's, which may have any change
	case within(release, 6, 1):
		return !olderThan(release, 6, 1, 189), true
	case within(release, 6, 12):
		return !olderThan(release, 6, 12, 112), true
	case within(release, 6, 18):
		return false, olderThan(release, 6, 18, 45) && !strings.HasPrefix(release, "6.18.0")
	}
	return false, false
}

// within reports whether a release is one of a version's.
func within(release string, major, minor int) bool {
	return !olderThan(release, major, minor, 1) && olderThan(release, major, minor+1)
}
