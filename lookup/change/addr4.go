package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// apply does what inet_rtm_newaddr and inet_rtm_deladdr (net/ipv4/devinet.c),
// inet6_rtm_newaddr and inet6_rtm_deladdr (net/ipv6/addrconf.c) do.
func (c *Addr) apply(t *tx) *Refusal {
	if c.Addr.Prefix.Addr().Is6() {
		return c.apply6(t)
	}
	l := t.link(c.Addr.Link)
	lifetimes := c.Verb != Delete && (c.Addr.ValidLft != 0 || c.Addr.PreferredLft != 0) &&
		(c.Addr.ValidLft == 0 || c.Addr.PreferredLft > c.Addr.ValidLft)
	switch {
	case len(c.Addr.Label) > maxName:
		return refuse(route.ERANGE, "Attribute failed policy validation")
	case c.Verb == Delete && (l == nil || !t.snap.HasIPv4(l)):
		return t.refuseAddr(route.ENODEV, "ipv4: Device not found")
	case c.Verb == Delete:
		return c.delete4(t)
	case !c.Addr.Prefix.Addr().IsValid():
		return t.refuseAddr(route.EINVAL, "ipv4: Local address is not supplied")
	case lifetimes && t.kernel.lifetimeFirst:
		return t.refuseAddr(route.EINVAL, msgLifetime4)
	case t.kernel.lifetimeFirst && c.Addr.Prefix.Addr().IsUnspecified():
		return nil // accepted and forgotten, without a look at the device
	case l == nil:
		return t.refuseAddr(route.ENODEV, "ipv4: Device not found")
	case !t.snap.HasIPv4(l):
		return refuse(route.ENOBUFS, "")
	case lifetimes:
		return t.refuseAddr(route.EINVAL, msgLifetime4)
	}
	a := c.Addr
	if a.Broadcast.IsValid() && a.Broadcast.IsUnspecified() {
		a.Broadcast = netip.Addr{}
	}
	if a.Peer.IsValid() && a.Peer.Addr() == a.Prefix.Addr() {
		a.Peer = netip.Prefix{}
	} else if a.Peer.IsValid() {
		a.Peer = netip.PrefixFrom(a.Peer.Addr(), a.Prefix.Bits())
	}
	if a.Label == "" {
		a.Label = l.Name
	}
	a.Metric = c.Metric
	setLifetimes4(&a)
	if at := t.findAddr4(&a); at >= 0 {
		return c.change4(t, at, &a)
	}
	return t.insertAddr4(&a)
}

const msgLifetime4 = "ipv4: address lifetime invalid"

// refuseAddr makes a refusal with the text that kernels give since 6.3.
func (t *tx) refuseAddr(e route.Errno, message string) *Refusal {
	if !t.kernel.addrMessages {
		message = ""
	}
	return refuse(e, message)
}

// The flags that only IPv6 addresses have (IPV6ONLY_FLAGS in net/ipv4/devinet.c).
const only6Flags = route.AddrNoDAD | route.AddrOptimistic | route.AddrDADFailed | route.AddrHomeAddress | route.AddrTentative |
	route.AddrManageTemp | route.AddrStablePrivacy

// setLifetimes4 is set_ifa_lifetime, with what a dump shows of it.
func setLifetimes4(a *route.Addr) {
	a.Flags &^= route.AddrPermanent | route.AddrDeprecated
	if a.ValidLft == 0 {
		a.ValidLft, a.PreferredLft = route.ForeverLft, route.ForeverLft
	}
	if a.PreferredLft == 0 {
		a.Flags |= route.AddrDeprecated
	}
	if a.ValidLft == route.ForeverLft {
		a.Flags |= route.AddrPermanent
		a.PreferredLft = route.ForeverLft
	}
}

// address is the address whose network an IPv4 address is in. If there is a peer, it
// is the peer's address (ifa_address).
func address(a *route.Addr) netip.Addr {
	if a.Peer.IsValid() {
		return a.Peer.Addr()
	}
	return a.Prefix.Addr()
}

// network is the network of an IPv4 address.
func network(a *route.Addr) netip.Prefix {
	return netip.PrefixFrom(address(a), a.Prefix.Bits()).Masked()
}

func secondary(a *route.Addr) bool { return a.Flags&route.AddrSecondary != 0 }

// addrs4 are the indexes of a device's IPv4 addresses in the snapshot, in their
// order.
func (t *tx) addrs4(link int) []int {
	var at []int
	for i := range t.snap.Addrs {
		if a := &t.snap.Addrs[i]; a.Link == link && a.Prefix.Addr().Is4() {
			at = append(at, i)
		}
	}
	return at
}

// findAddr4 finds an address with the same network (find_matching_ifa); -1: there is
// none.
func (t *tx) findAddr4(a *route.Addr) int {
	for _, i := range t.addrs4(a.Link) {
		x := &t.snap.Addrs[i]
		if x.Prefix == a.Prefix && network(x) == network(a) {
			return i
		}
	}
	return -1
}

// change4 does what a request does to an address that exists.
func (c *Addr) change4(t *tx, at int, a *route.Addr) *Refusal {
	if !c.Verb.replaces() {
		return t.refuseAddr(route.EEXIST, "ipv4: Address already assigned")
	}
	s := t.ownAddrs()
	x := &s.Addrs[at]
	if x.Metric != a.Metric {
		t.moveConnected4(*x, a.Metric)
		x.Metric = a.Metric
	}
	x.Protocol, x.ValidLft, x.PreferredLft = a.Protocol, a.ValidLft, a.PreferredLft
	x.Flags = x.Flags&^(route.AddrPermanent|route.AddrDeprecated) | a.Flags&(route.AddrPermanent|route.AddrDeprecated)
	return nil
}

// ownAddrs gives the change its own copy of the list of addresses.
func (t *tx) ownAddrs() *route.Snapshot {
	s := t.own()
	s.Addrs = slices.Clone(s.Addrs)
	return s
}

// insertAddr4 is __inet_insert_ifa.
func (t *tx) insertAddr4(a *route.Addr) *Refusal {
	if a.Prefix.Addr().IsUnspecified() {
		return nil // accepted and forgotten
	}
	a.Flags &^= route.AddrSecondary | only6Flags
	for _, i := range t.addrs4(a.Link) {
		x := &t.snap.Addrs[i]
		if x.Prefix.Bits() == a.Prefix.Bits() && network(x).Contains(address(a)) {
			switch {
			case x.Prefix.Addr() == a.Prefix.Addr():
				return refuse(route.EEXIST, "")
			case x.Scope != a.Scope:
				return t.refuseAddr(route.EINVAL, "ipv4: Invalid scope value")
			}
			a.Flags |= route.AddrSecondary
		}
	}
	s := t.own()
	s.Addrs = slices.Insert(slices.Clone(s.Addrs), PlaceOfAddr(s.Addrs, a), *a)
	t.addConnected4(a)
	t.syncUp4(a.Link, route.NextHopDead)
	return nil
}

// delete4 is inet_rtm_deladdr.
func (c *Addr) delete4(t *tx) *Refusal {
	q := &c.Addr
	for _, i := range t.addrs4(q.Link) {
		a := &t.snap.Addrs[i]
		switch {
		case q.Prefix.Addr().IsValid() && q.Prefix.Addr() != a.Prefix.Addr(),
			q.Label != "" && q.Label != a.Label,
			!c.NoAddress && (q.Prefix.Bits() != a.Prefix.Bits() || !network(a).Contains(address(q))):
			continue
		}
		t.deleteAddr4(i, false)
		return nil
	}
	return t.refuseAddr(route.EADDRNOTAVAIL, "ipv4: Address not found")
}

// deleteAddr4 removes an address. Either the secondary addresses of its network are
// removed too, or one of them takes its place (__inet_del_ifa). dead says that the
// device is being removed.
func (t *tx) deleteAddr4(at int, dead bool) {
	gone := t.snap.Addrs[at]
	l := t.link(gone.Link)
	promotes := t.setting(route.IPv4, "all", "promote_secondaries") != 0 || t.setting(route.IPv4, l.Name, "promote_secondaries") != 0
	var promoted *route.Addr
	if !dead && !secondary(&gone) {
		for _, x := range t.secondaries(&gone) {
			if promotes {
				promoted = &x
				break
			}
			t.dropAddr4(&x)
			t.removeConnected4(&x, nil, false)
			t.afterRemoval4(x.Link)
		}
	}
	if promoted != nil {
		for _, x := range t.secondaries(&gone) {
			t.removeConnected4(&x, &gone, false)
		}
	}
	t.dropAddr4(&gone)
	t.removeConnected4(&gone, nil, dead)
	t.afterRemoval4(gone.Link)
	if promoted != nil {
		t.promote(promoted, at, gone.Scope)
	}
}

// secondaries are the secondary addresses of an address's network that come after it.
func (t *tx) secondaries(first *route.Addr) []route.Addr {
	var list []route.Addr
	after := false
	for _, i := range t.addrs4(first.Link) {
		x := t.snap.Addrs[i]
		if after && secondary(&x) && x.Prefix.Bits() == first.Prefix.Bits() && network(&x) == network(first) {
			list = append(list, x)
		}
		after = after || x.Prefix == first.Prefix && x.Peer == first.Peer
	}
	return list
}

// dropAddr4 removes one address from the list.
func (t *tx) dropAddr4(a *route.Addr) {
	s := t.own()
	s.Addrs = slices.DeleteFunc(slices.Clone(s.Addrs), func(x route.Addr) bool {
		return x.Link == a.Link && x.Prefix == a.Prefix && x.Peer == a.Peer
	})
}

// promote makes a secondary address the first one of its network. It is put in the
// place of the removed one, or after the addresses with at least its scope.
func (t *tx) promote(a *route.Addr, place int, scope route.Scope) {
	for _, i := range t.addrs4(a.Link) {
		x := &t.snap.Addrs[i]
		if i < place {
			continue
		}
		if x.Prefix == a.Prefix && x.Peer == a.Peer {
			break
		}
		if !secondary(x) && scope <= x.Scope {
			place = i + 1
		}
	}
	t.dropAddr4(a)
	up := *a
	up.Flags &^= route.AddrSecondary
	s := t.own()
	s.Addrs = slices.Insert(slices.Clone(s.Addrs), place, up)
	t.addConnected4(&up)
	t.syncUp4(a.Link, route.NextHopDead)
	for _, x := range t.secondaries(&up) {
		t.addConnected4(&x)
	}
}

// afterRemoval4 disables IPv4 on a device that has lost its last address.
func (t *tx) afterRemoval4(link int) {
	if len(t.addrs4(link)) == 0 {
		t.disable4(link, linkDown, true)
	}
}
