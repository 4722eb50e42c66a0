package lookup

import "fmt"

// behaviour is what differs between kernel versions, as far as it was seen: on
// 6.1, 6.12 and 6.18. What lies between is where the history of the kernel's source
// puts it, and was not tried.
type behaviour struct {
	// sourcePicksLeg: the source address of a packet prefers the leg of a
	// multipath route that would give it that source (fib_select_multipath). Not
	// on 6.1 and 6.12, but on 6.18; said to be since 6.16.
	sourcePicksLeg bool
	// filterEXDEV: the reverse-path filter answers with EXDEV instead of EINVAL
	// (fib_validate_source). On 6.1 and 6.12, not on 6.18; said to change with 6.13.
	filterEXDEV bool
	// vrfInRules: a rule's iif or oif that names a VRF matches what is received by
	// or bound to its devices (l3mdev_fib_rule_iif_match). On 6.1 and 6.12 only packets that
	// the VRF device itself receives; said to be since 6.15, and for want of a 6.18
	// with VRFs not seen.
	vrfInRules bool
}

// behaviourOf reads the version from a kernel release such as 6.1.0-18-amd64.
// An unknown release is taken as the newest.
func behaviourOf(release string) behaviour {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 {
		return behaviour{sourcePicksLeg: true, vrfInRules: true}
	}
	v := major*1000 + minor
	return behaviour{
		sourcePicksLeg: v >= 6016,
		filterEXDEV:    v < 6013,
		vrfInRules:     v >= 6015,
	}
}
