package lookup

import (
	"fmt"
	"strings"
)

// behaviour is what differs between kernel versions. It was tried on 6.1, 6.12 and
// 6.18. The versions in which it changed are from the history of the kernel's source,
// and were not tried.
type behaviour struct {
	// sourcePicksLeg: the source address of a packet prefers the leg of a
	// multipath route that would give it that source (fib_select_multipath): on 6.18,
	// but not on 6.1 and 6.12. The source has it since 6.16.
	sourcePicksLeg bool
	// filterEXDEV: the reverse-path filter answers with EXDEV instead of EINVAL
	// (fib_validate_source): on 6.1 and 6.12, but not on 6.18. The source changed in 6.13.
	filterEXDEV bool
	// vrfInRules: a rule's iif or oif that names a VRF matches what is received by or
	// bound to its devices (l3mdev_fib_rule_iif_match). On 6.1 and 6.12 it matches only
	// packets that the VRF device itself receives. The source changed in 6.15, which was
	// not tried: there was no 6.18 with VRFs.
	vrfInRules bool
	// oifKeepsHop: an IPv6 packet that this host sends by a device keeps the next
	// hop on it that the walk found, and no hash chooses another one (ip6_pol_route
	// since "ipv6: Honor oif when choosing nexthop for locally generated traffic").
	oifKeepsHop perhaps
}

// perhaps is what is known of a change that was carried over into older kernels.
type perhaps uint8

const (
	perhapsNot perhaps = iota
	perhapsSo          // nobody knows: both are possible
	certainly
)

// behaviourOf reads the version from a kernel release such as 6.1.0-18-amd64.
// An unknown release is taken as the newest.
func behaviourOf(release string) behaviour {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 {
		return behaviour{sourcePicksLeg: true, vrfInRules: true, oifKeepsHop: perhapsSo}
	}
	v := major*1000 + minor
	return behaviour{
		sourcePicksLeg: v >= 6016,
		filterEXDEV:    v < 6013,
		vrfInRules:     v >= 6015,
		oifKeepsHop:    oifKeepsHop(release),
	}
}

// oifKeepsHop reads from a release whether it has that change. The change was made for
// 7.0 and carried over, by Debian's changelogs, into 6.12.112 and 6.1.189. 6.12.117 and
// 6.1.0-56 were tried and have it; 6.18.44 was tried and has not. Others may have it.
func oifKeepsHop(release string) perhaps {
	var major, minor, patch int
	n, _ := fmt.Sscanf(release, "%d.%d.%d", &major, &minor, &patch)
	has, lacks := false, false
	switch {
	case n < 2:
	case major >= 7:
		has = true
	case n < 3 || major < 6:
	case minor == 1 && patch == 0: // Debian's releases do not tell the patch level
		has = strings.HasPrefix(release, "6.1.0-56-")
	case patch == 0:
	case minor == 1:
		has, lacks = patch >= 189, patch < 189
	case minor == 12:
		has, lacks = patch >= 112, patch < 112
	case minor == 18:
		lacks = patch <= 44
	}
	switch {
	case has:
		return certainly
	case lacks:
		return perhapsNot
	}
	return perhapsSo
}

// oifKeepsHop is behaviour.oifKeepsHop for a question.
func (w *walk) oifKeepsHop() perhaps {
	if w.earlier {
		return perhapsNot
	}
	return w.fib.kernel.oifKeepsHop
}
