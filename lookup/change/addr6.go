package change

import (
	"net/netip"
	"slices"
	"time"

	"routewhy/route"
)

// kernelMetric6 is the metric of the IPv6 routes that the kernel makes
// (IP6_RT_PRIO_ADDRCONF).
const kernelMetric6 = 256

// given6 are the flags that a request may give an IPv6 address.
const given6 = route.AddrNoDAD | route.AddrHomeAddress | route.AddrManageTemp | route.AddrNoPrefixRoute | route.AddrMCAutoJoin | route.AddrOptimistic

// apply6 does what inet6_rtm_newaddr and inet6_rtm_deladdr in net/ipv6/addrconf.c do.
func (c *Addr) apply6(t *tx) *Refusal {
	l := t.link(c.Addr.Link)
	switch {
	case c.Verb != Delete && t.kernel.lifetimeFirst && (c.Addr.ValidLft != 0 || c.Addr.PreferredLft != 0) && badLifetime(&c.Addr):
		return t.refuseAddr(route.EINVAL, msgLifetime6)
	case l == nil:
		return t.refuseAddr(route.ENODEV, "ipv6: Unable to find the interface")
	case c.Verb == Delete && !l.HasIPv6():
		return t.refuseAddr(route.ENXIO, "ipv6: IPv6 is disabled on this device")
	case c.Verb == Delete:
		return c.remove6(t)
	case !l.HasIPv6():
		return refuse(route.EINVAL, "")
	}
	a := c.Addr
	a.Label, a.Broadcast, a.Metric, a.Scope = "", netip.Addr{}, c.Metric, scope6(a.Prefix.Addr())
	a.Flags &= given6
	if a.Peer.IsValid() && a.Peer.Addr() == a.Prefix.Addr() {
		a.Peer = netip.Prefix{}
	} else if a.Peer.IsValid() {
		a.Peer = netip.PrefixFrom(a.Peer.Addr(), a.Prefix.Bits())
	}
	if a.ValidLft == 0 && a.PreferredLft == 0 {
		a.ValidLft, a.PreferredLft = route.ForeverLft, route.ForeverLft
	}
	optimistic := t.setting(route.IPv6, "all", "optimistic_dad") != 0 || t.setting(route.IPv6, l.Name, "optimistic_dad") != 0
	if !optimistic || t.setting(route.IPv6, "all", "forwarding") != 0 {
		a.Flags &^= route.AddrOptimistic
	}
	if a.Flags&route.AddrNoDAD != 0 && a.Flags&route.AddrOptimistic != 0 {
		return refuse(route.EINVAL, "IFA_F_NODAD and IFA_F_OPTIMISTIC are mutually exclusive")
	}
	at := slices.IndexFunc(t.snap.Addrs, func(x route.Addr) bool { return x.Link == a.Link && x.Prefix.Addr() == a.Prefix.Addr() })
	switch {
	case at >= 0 && c.Verb.replaces():
		return t.modifyAddr6(at, &a)
	case at >= 0:
		return t.refuseAddr(route.EEXIST, "ipv6: address already assigned")
	}
	return t.addAddr6(l, &a)
}

const msgLifetime6 = "ipv6: address lifetime invalid"

// scope6 is the scope of an IPv6 address, as a dump shows it.
func scope6(a netip.Addr) route.Scope {
	b := a.As16()
	multicast := func(scope byte) bool { return b[0] == 0xff && b[1]&0xf == scope }
	switch {
	case a.IsLoopback(), multicast(1):
		return route.ScopeHost
	case a.IsLinkLocalUnicast(), multicast(2):
		return route.ScopeLink
	case b[0] == 0xfe && b[1]&0xc0 == 0xc0, multicast(5):
		return route.ScopeSite
	}
	return route.ScopeGlobal
}

// badLifetime reports whether lifetimes are invalid.
func badLifetime(a *route.Addr) bool { return a.ValidLft == 0 || a.PreferredLft > a.ValidLft }

// setLifetimes6 sets the flags that follow from the lifetimes.
func setLifetimes6(a *route.Addr) {
	if a.ValidLft == route.ForeverLft {
		a.Flags |= route.AddrPermanent
	}
	if a.PreferredLft == 0 {
		a.Flags |= route.AddrDeprecated
	}
}

// addAddr6 is inet6_addr_add and ipv6_add_addr.
func (t *tx) addAddr6(l *route.Link, a *route.Addr) *Refusal {
	addr := a.Prefix.Addr()
	switch {
	case badLifetime(a):
		return t.refuseAddr(route.EINVAL, msgLifetime6)
	case a.Flags&route.AddrManageTemp != 0 && a.Prefix.Bits() != 64:
		return t.refuseAddr(route.EINVAL, `ipv6: address with "mngtmpaddr" flag must have a prefix length of 64`)
	case t.setting(route.IPv6, l.Name, "disable_ipv6") != 0:
		return t.refuseAddr(route.EACCES, "ipv6: IPv6 is disabled on this device")
	}
	t.addMulticast6(l)
	t.partly = t.edit.Changed()
	switch {
	case addr.IsUnspecified():
		return t.refuseAddr(route.EADDRNOTAVAIL, "ipv6: Invalid address")
	case addr.IsMulticast() && a.Flags&route.AddrMCAutoJoin == 0:
		return t.refuseAddr(route.EADDRNOTAVAIL, `ipv6: Cannot assign multicast address without "IFA_F_MCAUTOJOIN" flag`)
	case addr.IsLoopback() && l.Flags&route.LinkLoopback == 0 && l.Kind != vrfKind:
		return t.refuseAddr(route.EADDRNOTAVAIL, "ipv6: Cannot assign loopback address on this device")
	}
	t.partly = false
	setLifetimes6(a)
	t.enterAddr6(l, a)
	return nil
}

// vrfKind is the kind of a VRF device.
const vrfKind = "vrf"

// enterAddr6 adds an address to a device's list and makes its routes.
func (t *tx) enterAddr6(l *route.Link, a *route.Addr) {
	if t.staysTentative(l, a) {
		a.Flags |= route.AddrTentative
	}
	t.setParked(a, false)
	s := t.own()
	s.Addrs = slices.Insert(slices.Clone(s.Addrs), PlaceOfAddr(s.Addrs, a), *a)
	if a.Flags&route.AddrNoPrefixRoute == 0 {
		t.prefixRoute6(l, a.Prefix.Masked(), a)
	}
	if a.Flags&route.AddrTentative == 0 {
		t.announce6(l, a)
	}
}

// staysTentative reports whether the test that an address is unique waits until its
// device has a carrier, so that the address is not usable before (addrconf_dad_begin).
func (t *tx) staysTentative(l *route.Link, a *route.Addr) bool {
	tried := t.setting(route.IPv6, "all", "accept_dad") > 0 || t.setting(route.IPv6, l.Name, "accept_dad") > 0
	return tried && a.Flags&route.AddrNoDAD == 0 && l.Flags&(route.LinkNoARP|route.LinkLoopback) == 0 && !l.Carrier()
}

// srcScope6 orders the addresses of a device (ipv6_addr_src_scope). ::1 counts as an
// address of a link.
func srcScope6(a netip.Addr) int {
	if a.IsMulticast() {
		return int(a.As16()[1] & 0xf)
	}
	switch scope6(a) {
	case route.ScopeHost, route.ScopeLink:
		return 2
	case route.ScopeSite:
		return 5
	}
	return 14
}

// insertKernel6 adds a route that the kernel makes. If it exists already, it stays
// unchanged.
func (t *tx) insertKernel6(l *route.Link, r *route.Route, evenDown bool) {
	if r.Table == 0 {
		return
	}
	r.Protocol = route.ProtocolKernel
	h := route.NextHop{Link: l.Index}
	if !l.HasIPv6() || t.setting(route.IPv6, l.Name, "disable_ipv6") != 0 || !l.Up() && !evenDown {
		return
	}
	if r.Type != route.TypeLocal && r.Type != route.TypeAnycast && !l.Carrier() {
		h.Flags = t.flags6(&h, false, true)
	}
	r.NextHops = []route.NextHop{h}
	t.makeTable(route.IPv6, r.Table)
	_ = t.insert6(r, Prepend)
}

// kernelTable6 is the table of a device's routes: the table of its VRF, or else the
// other table.
func (t *tx) kernelTable6(l *route.Link, other route.Table) route.Table {
	if id := t.vrfTable(l); id != 0 {
		return id
	}
	return other
}

// prefixRoute6 is addrconf_prefix_route.
func (t *tx) prefixRoute6(l *route.Link, dst netip.Prefix, a *route.Addr) {
	metric := a.Metric
	if metric == 0 {
		metric = kernelMetric6
	}
	r := &route.Route{Table: t.kernelTable6(l, route.TableMain), Dst: dst, Metric: metric, Type: route.TypeUnicast}
	if a.ValidLft != route.ForeverLft && !(l.Flags&route.LinkLoopback != 0 && !dst.Addr().IsLoopback()) {
		r.Expires = a.ValidLft
	}
	t.insertKernel6(l, r, false)
}

// addMulticast6 is addrconf_add_mroute.
func (t *tx) addMulticast6(l *route.Link) {
	if l.Flags&route.LinkLoopback != 0 || l.Kind == vrfKind {
		return
	}
	t.insertKernel6(l, &route.Route{
		Table: t.kernelTable6(l, route.TableLocal), Dst: netip.MustParsePrefix("ff00::/8"),
		Metric: kernelMetric6, Type: route.TypeMulticast,
	}, false)
}

// announce6 makes the routes that an address gets when it may be used
// (__ipv6_ifa_notify).
func (t *tx) announce6(l *route.Link, a *route.Addr) {
	local := t.kernelTable6(l, route.TableLocal)
	t.insertKernel6(l, &route.Route{Table: local, Dst: single(a.Prefix.Addr()), Type: route.TypeLocal}, true)
	if t.setting(route.IPv6, l.Name, "forwarding") != 0 {
		t.joinAnycast6(l, a)
	}
	if a.Peer.IsValid() {
		peer := *a
		peer.ValidLft = route.ForeverLft
		t.prefixRoute6(l, single(a.Peer.Addr()), &peer)
	}
}

// byDevice reports whether a route's only next hop is a device.
func byDevice(r *route.Route, link int) bool {
	return len(r.NextHops) == 1 && r.NextHops[0].Link == link
}

// dropKernel6 deletes the first route to a prefix for which fits is true.
func (t *tx) dropKernel6(id route.Table, dst netip.Prefix, fits func(*route.Route) bool) {
	list := t.edit.At(id, dst)
	at := slices.IndexFunc(list, func(r *route.Route) bool { return !r.Src.IsValid() && r.NextHopID == 0 && fits(r) })
	if at >= 0 {
		t.setRoutes(RouteRef{Table: id, Dst: dst}, list, slices.Delete(slices.Clone(list), at, at+1))
	}
}

// dropPrefix6 deletes the first route to a prefix by a device that has no gateway
// (addrconf_get_prefix_route). It does not matter who made the route.
func (t *tx) dropPrefix6(l *route.Link, dst netip.Prefix) {
	t.dropKernel6(t.kernelTable6(l, route.TableMain), dst, func(r *route.Route) bool {
		return byDevice(r, l.Index) && !r.NextHops[0].Gateway.IsValid()
	})
}

// remove6 is inet6_addr_del.
func (c *Addr) remove6(t *tx) *Refusal {
	at := slices.IndexFunc(t.snap.Addrs, func(x route.Addr) bool { return x.Link == c.Addr.Link && x.Prefix == c.Addr.Prefix })
	if at < 0 {
		return t.refuseAddr(route.EADDRNOTAVAIL, "ipv6: address not found")
	}
	t.removeAddr6(t.snap.Addrs[at])
	return nil
}

// prefixUse says whether other addresses need the route to an address's network.
type prefixUse uint8

const (
	prefixUnused  prefixUse = iota
	prefixExpires           // only addresses that expire need it
	prefixUsed
)

// usesPrefix6 is check_cleanup_prefix_route.
func (t *tx) usesPrefix6(a *route.Addr) prefixUse {
	use := prefixUnused
	for i := range t.snap.Addrs {
		x := &t.snap.Addrs[i]
		if x.Link != a.Link || x.Prefix.Addr() == a.Prefix.Addr() || x.Prefix.Masked() != a.Prefix.Masked() {
			continue
		}
		if x.Flags&(route.AddrPermanent|route.AddrNoPrefixRoute) != 0 {
			return prefixUsed
		}
		use = prefixExpires
	}
	return use
}

// removeAddr6 is ipv6_del_addr.
func (t *tx) removeAddr6(a route.Addr) {
	l := t.link(a.Link)
	use := prefixUsed
	if a.Flags&route.AddrPermanent != 0 && a.Flags&route.AddrNoPrefixRoute == 0 {
		use = t.usesPrefix6(&a)
	}
	t.forgetAddr6(&a)
	t.setParked(&a, false)
	t.retract6(l, &a)
	switch use {
	case prefixUnused:
		t.dropPrefix6(l, a.Prefix.Masked())
	case prefixExpires:
		t.expirePrefix6(l, &a)
	}
	t.rewriteAll(route.IPv6, func(dst netip.Prefix, r *route.Route) (*route.Route, bool) {
		if r.PrefSrc != a.Prefix.Addr() || r.NextHopID != 0 {
			return r, false
		}
		return t.withoutSource6(dst, r, a.Link), false
	})
}

// withoutSource6 is a route after a device has lost the address that is the route's preferred
// source (fib6_remove_prefsrc). Each next hop is a route of its own, and a dump shows only the
// source of the first.
func (t *tx) withoutSource6(dst netip.Prefix, r *route.Route, link int) *route.Route {
	lost := r.Clone()
	lost.PrefSrc = netip.Addr{}
	if len(r.NextHops) == 0 {
		return &lost
	}
	after := r
	if t.losesSource6(r.PrefSrc, r.NextHops[0].Link, link) {
		after = &lost
	}
	for i := range r.NextHops[1:] {
		h := &r.NextHops[i+1]
		own := r
		if t.losesSource6(r.PrefSrc, h.Link, link) {
			own = &lost
		}
		t.changeSource(siblingOf(dst, r, h), r.PrefSrc, own, after)
	}
	return after
}

// losesSource6 reports whether a route by a device loses its preferred source when another
// device, or the same, loses that address.
func (t *tx) losesSource6(source netip.Addr, by, link int) bool {
	if t.kernel.sourceOfDevice {
		return by == link
	}
	return !t.mayPrescribe6(source, by)
}

// expirePrefix6 makes the route to an address's network expire together with the last of
// the other addresses in that network.
func (t *tx) expirePrefix6(l *route.Link, a *route.Addr) {
	var last time.Duration
	for i := range t.snap.Addrs {
		if x := &t.snap.Addrs[i]; x.Link == a.Link && x.Prefix.Addr() != a.Prefix.Addr() && x.Prefix.Masked() == a.Prefix.Masked() {
			last = max(last, x.ValidLft)
		}
	}
	id := t.kernelTable6(l, route.TableMain)
	list := t.edit.At(id, a.Prefix.Masked())
	at := slices.IndexFunc(list, func(r *route.Route) bool { return isPrefix6(r, l) })
	if at < 0 || list[at].Expires != 0 {
		return
	}
	next := list[at].Clone()
	next.Expires = last
	after := slices.Clone(list)
	after[at] = &next
	t.setRoutes(RouteRef{Table: id, Dst: a.Prefix.Masked()}, list, after)
}

// isPrefix6 reports whether a route may be the route to an address's network by a
// device.
func isPrefix6(r *route.Route, l *route.Link) bool {
	return !r.Src.IsValid() && r.NextHopID == 0 && byDevice(r, l.Index) && !r.NextHops[0].Gateway.IsValid()
}

// forgetAddr6 removes an address from its device's list.
func (t *tx) forgetAddr6(a *route.Addr) {
	s := t.own()
	s.Addrs = slices.DeleteFunc(slices.Clone(s.Addrs), func(x route.Addr) bool { return x.Link == a.Link && x.Prefix.Addr() == a.Prefix.Addr() })
}

// retract6 deletes the routes that announce6 made.
func (t *tx) retract6(l *route.Link, a *route.Addr) {
	if t.setting(route.IPv6, l.Name, "forwarding") != 0 {
		t.leaveAnycast6(l, a)
	}
	if a.Peer.IsValid() {
		t.dropPrefix6(l, single(a.Peer.Addr()))
	}
	t.dropKernel6(t.kernelTable6(l, route.TableLocal), single(a.Prefix.Addr()), func(r *route.Route) bool {
		return r.Type == route.TypeLocal && r.Protocol == route.ProtocolKernel && r.Metric == 0 && byDevice(r, l.Index)
	})
}

// modifyAddr6 is inet6_addr_modify.
func (t *tx) modifyAddr6(at int, a *route.Addr) *Refusal {
	if badLifetime(a) {
		return refuse(route.EINVAL, "")
	}
	old := t.snap.Addrs[at]
	l := t.link(old.Link)
	setLifetimes6(a)
	next := old
	const replaced = route.AddrDeprecated | route.AddrPermanent | route.AddrNoDAD | route.AddrHomeAddress | route.AddrManageTemp | route.AddrNoPrefixRoute
	next.Flags = old.Flags&^replaced | a.Flags
	next.ValidLft, next.PreferredLft, next.Protocol = a.ValidLft, a.PreferredLft, a.Protocol
	if a.Metric != 0 {
		next.Metric = a.Metric
	}
	newPeer := a.Peer.IsValid() && a.Peer.Addr() != old.Peer.Addr()
	if newPeer {
		if old.Peer.IsValid() {
			t.dropPrefix6(l, netip.PrefixFrom(old.Peer.Addr(), old.Prefix.Bits()).Masked())
		}
		next.Peer = netip.PrefixFrom(a.Peer.Addr(), old.Prefix.Bits())
	}
	s := t.ownAddrs()
	s.Addrs[at] = next
	had := old.Flags&route.AddrPermanent != 0 && old.Flags&route.AddrNoPrefixRoute == 0
	switch {
	case next.Flags&route.AddrNoPrefixRoute == 0:
		kept := had && t.renewPrefix6(l, &next, next.Prefix.Masked())
		if !kept {
			t.prefixRoute6(l, next.Prefix.Masked(), &next)
		}
		if peer := next.Peer; peer.IsValid() {
			if had {
				kept = t.renewPrefix6(l, &next, peer.Masked())
			}
			if !kept {
				t.prefixRoute6(l, peer.Masked(), &next)
			}
		}
	case had && t.usesPrefix6(&next) == prefixUnused:
		t.dropPrefix6(l, next.Prefix.Masked())
	case had && t.usesPrefix6(&next) == prefixExpires:
		t.expirePrefix6(l, &next)
	}
	return nil
}

// renewPrefix6 is modify_prefix_route; false: there is no such route.
func (t *tx) renewPrefix6(l *route.Link, a *route.Addr, dst netip.Prefix) bool {
	id := t.kernelTable6(l, route.TableMain)
	list := t.edit.At(id, dst)
	at := slices.IndexFunc(list, func(r *route.Route) bool { return isPrefix6(r, l) })
	if at < 0 {
		return false
	}
	metric := a.Metric
	if metric == 0 {
		metric = kernelMetric6
	}
	if list[at].Metric != metric {
		t.dropPrefix6(l, dst)
		t.prefixRoute6(l, dst, a)
		return true
	}
	next := list[at].Clone()
	next.Expires = 0
	if a.ValidLft != route.ForeverLft {
		next.Expires = a.ValidLft
		if t.kernel.expiresAtOnce {
			next.Expires = -time.Second
		}
	}
	if next.Expires == 0 && list[at].Expires == 0 {
		return true
	}
	after := slices.Clone(list)
	after[at] = &next
	t.setRoutes(RouteRef{Table: id, Dst: dst}, list, after)
	return true
}
