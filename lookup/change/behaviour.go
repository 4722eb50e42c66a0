package change

import "fmt"

// behaviour is what differs between kernel versions.
type behaviour struct {
	// addrMessages: addresses are refused with a text. Not on 6.1, but on 6.12 and 6.18.
	addrMessages bool
	// lifetimeFirst: the lifetimes of an IPv4 address, and whether it is 0.0.0.0, are
	// checked before its device. Not
	// on 6.1 and 6.12, but on 6.18; said to be since 6.13.
	lifetimeFirst bool
	// backwardLast: whether a rule's goto leads back is checked after all else. Not on 6.1
	// and 6.12, but on 6.18; said to be since 6.15.
	backwardLast bool
	// validatesFirst: what depends on the request alone is checked before all else: an IPv6
	// route's type, that an object is not used for certain sources, that each of several
	// next hops has a gateway, and that an object's is not on-link without one. Not on 6.1 and 6.12, but on 6.18; said to be since 6.16.
	validatesFirst bool
	// renamesUp: a device that is up may be renamed. Not on 6.1, but on 6.12 and 6.18;
	// said to be since 6.2.
	renamesUp bool
	// sourceOfDevice: when a device loses an IPv6 address, the routes by that device alone
	// prescribe it no more. So on 6.1, but not on 6.12 and 6.18; until when is not known.
	sourceOfDevice bool
	// expiresAtOnce: the connected route of an IPv6 address that gets a lifetime expires at
	// that moment, since the kernel takes the lifetime for the time when it ends. So on 6.1
	// and 6.18, but not on 6.12 as Debian has it.
	expiresAtOnce bool
}

// behaviourOf reads the version from a kernel release. An unknown release is taken as
// the newest.
func behaviourOf(release string) behaviour {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 {
		return behaviour{addrMessages: true, lifetimeFirst: true, backwardLast: true, validatesFirst: true, renamesUp: true, expiresAtOnce: true}
	}
	v := major*1000 + minor
	return behaviour{addrMessages: v >= 6003, lifetimeFirst: v >= 6013, backwardLast: v >= 6015, validatesFirst: v >= 6016, renamesUp: v >= 6002, expiresAtOnce: v != 6012, sourceOfDevice: v < 6012}
}
