package lookup

import "fmt"

// behaviour is what differs between kernel versions.
type behaviour struct {
	// sourcePicksLeg: the source address of a packet prefers the leg of a
	// multipath route that would give it that source (fib_select_multipath,
	// since 6.16).
	sourcePicksLeg bool
	// sourceEINVAL: a source that is not local is EINVAL instead of ENETUNREACH (older kernels).
	sourceEINVAL bool
	// filterEXDEV: the reverse-path filter answers with EXDEV instead of EINVAL.
	filterEXDEV bool
}

// behaviourOf reads the version from a kernel release such as 6.1.0-18-amd64.
// An unknown release is taken as the newest.
func behaviourOf(release string) behaviour {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 {
		return behaviour{sourcePicksLeg: true}
	}
	v := major*1000 + minor
	return behaviour{
		sourcePicksLeg: v >= 6016,
		sourceEINVAL:   v < 6018,
		filterEXDEV:    v < 6014,
	}
}
