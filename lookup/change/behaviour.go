package change

import "fmt"

// behaviour describes the differences between kernel versions.
type behaviour struct {
	// addrMessages: the refusal of an address has a text. It has none on 6.1, but has
	// one on 6.12 and 6.18.
	addrMessages bool
	// lifetimeFirst: two checks of an IPv4 address come before the check of its
	// device: its lifetimes, and whether it is 0.0.0.0. This is not so on 6.1 and
	// 6.12, but is so on 6.18. It is said to be so since 6.13.
	lifetimeFirst bool
	// backwardLast: the check whether a rule's goto leads back comes after all other
	// checks. This is not so on 6.1 and 6.12, but is so on 6.18. It is said to be so since
	// 6.15.
	backwardLast bool
	// validatesFirst: what depends only on the request is checked before everything else: an
	// IPv6 route's type; that an object is not used for certain sources; that each of several
	// next hops has a gateway; that an object's next hop without a gateway is not on-link. This
	// is not so on 6.1 and 6.12, but is so on 6.18. It is said to be so since 6.16.
	validatesFirst bool
	// renamesUp: a device that is up may be renamed. This is not so on 6.1, but is so
	// on 6.12 and 6.18. It is said to be so since 6.2.
	renamesUp bool
	// sourceOfDevice: when a device loses an IPv6 address, only the routes by that device
	// lose it as their preferred source. This is so on 6.1, but not on 6.12 and 6.18. The
	// last version where it is so is not known.
	sourceOfDevice bool
	// expiresAtOnce: the connected route of an IPv6 address that gets a lifetime expires
	// immediately, because the kernel reads the lifetime as the time when it ends. This is
	// so on 6.1 and 6.18, but not on 6.12 as Debian has it.
	expiresAtOnce bool
}

// behaviourOf reads the version from a kernel release. An unknown release is treated
// as the newest one.
func behaviourOf(release string) behaviour {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n != 2 {
		return behaviour{addrMessages: true, lifetimeFirst: true, backwardLast: true, validatesFirst: true, renamesUp: true, expiresAtOnce: true}
	}
	v := major*1000 + minor
	return behaviour{addrMessages: v >= 6003, lifetimeFirst: v >= 6013, backwardLast: v >= 6015, validatesFirst: v >= 6016, renamesUp: v >= 6002, expiresAtOnce: v != 6012, sourceOfDevice: v < 6012}
}
