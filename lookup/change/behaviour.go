package change

import "fmt"

// behaviour is what differs between kernel versions.
type behaviour struct {
	// addrMessages: addresses are refused with a text. Not on 6.1, but on 6.12 and 6.18.
	addrMessages bool
	// lifetimeFirst: the lifetimes of an IPv4 address are checked before its device. Not
	// on 6.1 and 6.12, but on 6.18; said to be since 6.13.
	lifetimeFirst bool
	// backwardLast: whether a rule's goto leads back is checked after all else. Not on 6.1
	// and 6.12, but on 6.18; said to be since 6.15.
	backwardLast bool
	// gatewaysFirst: that each of several IPv6 next hops has a gateway is checked before
	// all else. Not on 6.1 and 6.12, but on 6.18; said to be since 6.16.
	gatewaysFirst bool
	// renamesUp: a device that is up may be renamed. Not on 6.1, but on 6.12 and 6.18;
	// said to be since 6.2.
	renamesUp bool
}

// behaviourOf reads the version from a kernel release. An unknown release is taken as
// the newest.
func behaviourOf(release string) behaviour {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 {
		return behaviour{addrMessages: true, lifetimeFirst: true, backwardLast: true, gatewaysFirst: true, renamesUp: true}
	}
	v := major*1000 + minor
	return behaviour{addrMessages: v >= 6003, lifetimeFirst: v >= 6013, backwardLast: v >= 6015, gatewaysFirst: v >= 6016, renamesUp: v >= 6002}
}
