package change

import "routewhy/route"

// PlaceOfAddr is the position that a new address gets in a dump of all addresses, 0 to len(addrs).
// An IPv4 address comes after the primary ones of its device that have no wider scope, or
// after all of them if it is secondary (__inet_insert_ifa). An IPv6 address comes before those of
// its device that have no wider scope (ipv6_link_dev_addr).
func PlaceOfAddr(addrs []route.Addr, a *route.Addr) int {
	if a.Prefix.Addr().Is4() {
		return placeOfAddr4(addrs, a)
	}
	return placeOfAddr6(addrs, a)
}

func placeOfAddr4(addrs []route.Addr, a *route.Addr) int {
	at, mine := placeOfAddrs(addrs, a.Link), false
	for i := range addrs {
		x := &addrs[i]
		if x.Link != a.Link || !x.Prefix.Addr().Is4() {
			continue
		}
		if !mine {
			at, mine = i, true
		}
		if secondary(a) || !secondary(x) && a.Scope <= x.Scope {
			at = i + 1
		}
	}
	return at
}

// placeOfAddrs is the position where the first IPv4 address of a device comes in a
// dump. A dump is in the order of the devices' indexes.
func placeOfAddrs(addrs []route.Addr, link int) int {
	for i := range addrs {
		if a := &addrs[i]; !a.Prefix.Addr().Is4() || a.Link > link {
			return i
		}
	}
	return len(addrs)
}

// placeOfAddr6 is the position of an IPv6 address: the widest scope comes first, and within the
// same scope the newest address.
func placeOfAddr6(addrs []route.Addr, a *route.Addr) int {
	at := len(addrs)
	mine := false
	for i := range addrs {
		x := &addrs[i]
		if !x.Prefix.Addr().Is6() {
			continue
		}
		switch {
		case x.Link == a.Link && srcScope6(a.Prefix.Addr()) >= srcScope6(x.Prefix.Addr()), !mine && x.Link > a.Link:
			return i
		case x.Link == a.Link:
			mine = true
			at = i + 1
		case mine:
			return at
		}
	}
	return at
}
