package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// syncDown6 deletes the IPv6 routes by a device that goes down or is deleted. In routes
// with other next hops, it marks those by the device as dead (fib6_ifdown in
// net/ipv6/route.c).
func (t *tx) syncDown6(link int, gone bool) {
	by := func(h route.NextHop) bool { return h.Link == link }
	t.rewriteBy(route.IPv6, link, false, func(dst netip.Prefix, r *route.Route) (*route.Route, bool) {
		if r.NextHopID != 0 || !slices.ContainsFunc(r.NextHops, by) {
			return r, false
		}
		if len(r.NextHops) == 1 { // most routes are like this
			return nil, true
		}
		next := r.Clone()
		if gone {
			next.NextHops = slices.DeleteFunc(next.NextHops, by)
			if len(next.NextHops) > 0 && by(r.NextHops[0]) {
				t.recallSibling(dst, &next)
			}
			return &next, len(next.NextHops) == 0
		}
		dead := 0
		for i := range next.NextHops {
			h := &next.NextHops[i]
			if h.Link == link {
				h.Flags = t.flags6(h, true, true)
				t.setDead(dst, r, h)
				dead++
			} else if t.dead(dst, r, h) {
				dead++
			}
		}
		return &next, dead == len(next.NextHops)
	})
}

// carrierDown6 marks the next hops by a device without carrier.
func (t *tx) carrierDown6(link int) {
	t.rewriteBy(route.IPv6, link, false, func(dst netip.Prefix, r *route.Route) (*route.Route, bool) {
		if r.NextHopID != 0 || r.Type == route.TypeLocal || r.Type == route.TypeAnycast && r.Metric == 0 {
			return r, false
		}
		return t.reflag6(r, link, func(h *route.NextHop) route.NextHopFlags { return t.flags6(h, t.dead(dst, r, h), true) })
	})
}

// syncUp6 revives the next hops by a device (rt6_sync_up). all says that the device went
// up, and did not only get its carrier.
func (t *tx) syncUp6(link int, all bool) {
	carrier := t.link(link).Carrier()
	t.rewriteBy(route.IPv6, link, all, func(dst netip.Prefix, r *route.Route) (*route.Route, bool) {
		if r.NextHopID != 0 {
			return r, false
		}
		return t.reflag6(r, link, func(h *route.NextHop) route.NextHopFlags {
			noCarrier := h.Flags&route.NextHopLinkDown != 0 && all && !carrier
			return t.flags6(h, t.dead(dst, r, h) && !all, noCarrier)
		})
	})
	if all {
		t.revive(route.IPv6, link)
	}
}

// reflag6 gives other flags to those next hops of a route that are by a device.
func (t *tx) reflag6(r *route.Route, link int, flags func(*route.NextHop) route.NextHopFlags) (*route.Route, bool) {
	next := r.Clone()
	for i := range next.NextHops {
		if h := &next.NextHops[i]; h.Link == link {
			h.Flags = flags(h)
		}
	}
	if slices.Equal(next.NextHops, r.NextHops) {
		return r, false
	}
	return &next, false
}

// lower6 is addrconf_ifdown: it removes the routes by the device and the device's
// addresses. Permanent addresses stay if a setting keeps them. gone says that the device
// loses IPv6 for good.
func (t *tx) lower6(l *route.Link, gone bool) {
	keeps := !gone && t.setting(route.IPv6, l.Name, "disable_ipv6") == 0
	if all := t.setting(route.IPv6, "all", "keep_addr_on_down"); all != 0 {
		keeps = keeps && all > 0
	} else {
		keeps = keeps && t.setting(route.IPv6, l.Name, "keep_addr_on_down") > 0
	}
	t.rememberLinkLocal(l)
	t.setReady(l.Index, false)
	t.setUnready(l.Index, true)
	t.syncDown6(l.Index, gone)
	t.leaveAllAnycast6(l, gone)
	t.forgetNeighbours(route.IPv6, l.Index, true)
	s := t.own()
	s.Addrs = slices.DeleteFunc(slices.Clone(s.Addrs), func(a route.Addr) bool {
		return a.Link == l.Index && a.Prefix.Addr().Is6() && !(keeps && staysDown6(&a))
	})
	for i := range s.Addrs {
		if a := &s.Addrs[i]; a.Link == l.Index && a.Prefix.Addr().Is6() {
			t.setParked(a, true)
			if a.Flags&route.AddrNoDAD == 0 {
				a.Flags |= route.AddrTentative
			}
		}
	}
}

// staysDown6 reports whether an address may stay while its device is down.
func staysDown6(a *route.Addr) bool {
	addr := a.Prefix.Addr()
	return a.Flags&route.AddrPermanent != 0 && !addr.IsLinkLocalUnicast() && !addr.IsLoopback()
}

// protocolLinkLocal is the protocol of a link-local address that the kernel made
// (IFAPROT_KERNEL_LL).
const protocolLinkLocal = 3

// kernelMade reports whether the kernel gave a link-local address to a device. Either the
// address says so, or it is made from a MAC address (RFC 4291 appendix A).
func kernelMade(a *route.Addr) bool {
	b := a.Prefix.Addr().As16()
	return a.Protocol == protocolLinkLocal || a.Prefix.Bits() == 64 && b[11] == 0xff && b[12] == 0xfe
}

// rememberLinkLocal stores the link-local address that the kernel gave to a device,
// because the kernel would make it again.
func (t *tx) rememberLinkLocal(l *route.Link) {
	for i := range t.snap.Addrs {
		a := t.snap.Addrs[i]
		if a.Link != l.Index || !a.Prefix.Addr().Is6() || !a.Prefix.Addr().IsLinkLocalUnicast() || !kernelMade(&a) {
			continue
		}
		t.linkLocal = with(t.linkLocal, l.Index, a)
	}
}

// restore6 makes the routes of the addresses that stayed while a device was down
// (addrconf_permanent_addr).
func (t *tx) restore6(l *route.Link) {
	var kept []route.Addr
	for _, a := range t.snap.Addrs {
		if a.Link == l.Index && a.Prefix.Addr().Is6() && a.Flags&route.AddrPermanent != 0 {
			kept = append(kept, a)
		}
	}
	for _, a := range kept {
		if a.Flags&route.AddrNoPrefixRoute == 0 {
			t.prefixRoute6(l, a.Prefix.Masked(), &a)
		}
		if t.parked[deviceAddr{a.Link, a.Prefix.Addr()}] && !t.staysTentative(l, &a) {
			t.settle6(l, a)
		}
	}
}

// hasLocal6 reports whether an address has its local route.
func (t *tx) hasLocal6(l *route.Link, a *route.Addr) bool {
	return slices.ContainsFunc(t.edit.At(t.kernelTable6(l, route.TableLocal), single(a.Prefix.Addr())), func(r *route.Route) bool {
		return r.Type == route.TypeLocal && r.Protocol == route.ProtocolKernel && byDevice(r, l.Index)
	})
}

// settle6 makes an address usable.
func (t *tx) settle6(l *route.Link, a route.Addr) {
	s := t.ownAddrs()
	for i := range s.Addrs {
		if x := &s.Addrs[i]; x.Link == a.Link && x.Prefix == a.Prefix {
			x.Flags &^= route.AddrTentative | route.AddrOptimistic
		}
	}
	t.setParked(&a, false)
	t.announce6(l, &a)
}

// deviceAddr is an address of a device.
type deviceAddr struct {
	link int
	addr netip.Addr
}

// setParked stores whether an address waits for its device.
func (t *tx) setParked(a *route.Addr, is bool) {
	key := deviceAddr{a.Link, a.Prefix.Addr()}
	if t.parked[key] == is {
		return
	}
	t.parked = with(t.parked, key, is)
}

// noteParked finds out which addresses wait: those without a local route on devices
// that are down, or that have no IPv6 now. An address that was added in the meantime
// has its local route.
func (t *tx) noteParked() {
	for i := range t.snap.Addrs {
		a := &t.snap.Addrs[i]
		if l := t.link(a.Link); a.Prefix.Addr().Is6() && l != nil && !l.Carrier() && !t.hasLocal6(l, a) {
			t.setParked(a, true)
		}
	}
}

// generates is the link-local address that the kernel gives to a device (addrconf_addr_gen);
// false: it gives none, or it is not known which. An ipvlan has the hardware address of the
// device below it, and another number goes into its link-local address (addrconf_ifid_eui48).
func (t *tx) generates(l *route.Link) (route.Addr, bool) {
	mode, read := t.snap.Sysctls.Conf(route.IPv6, l.Name, "addr_gen_mode")
	m := t.link(l.Master)
	switch {
	case mode == addrGenNone, m != nil && bonds(m.Kind):
		return route.Addr{}, false
	case read && mode == addrGenEUI64 && l.LinkLocal.IsValid() && l.Kind != vrfKind && l.Kind != "ipvlan":
		return madeLocal(l.Index, l.LinkLocal), true
	}
	a, ok := t.linkLocal[l.Index]
	return a, ok
}

// ready6 does what follows when a device is up and gets a carrier for the first time
// since then (addrconf_init_auto_addrs, addrconf_dad_run).
func (t *tx) ready6(l *route.Link) {
	t.setUnready(l.Index, false)
	if m := t.link(l.Master); m != nil && m.Kind == "bond" { // addrconf_notify passes over IFF_SLAVE
		return
	}
	if l.Flags&route.LinkLoopback != 0 {
		t.loopback6(l)
	} else {
		t.addMulticast6(l)
		t.makeLinkLocal(l)
	}
	for _, a := range slices.Clone(t.snap.Addrs) {
		if a.Link == l.Index && a.Flags&route.AddrTentative != 0 && a.Prefix.Addr().Is6() && !t.staysTentative(l, &a) {
			t.settle6(l, a)
		}
	}
	t.syncUp6(l.Index, true)
	if l.MTU != 0 && l.MTU < route.LeastMTU6 { // lo's
		t.lower6(l, false)
	}
}

// loopback6 gives lo its address (init_loopback).
func (t *tx) loopback6(l *route.Link) {
	one := route.Addr{
		Link: l.Index, Prefix: single(netip.IPv6Loopback()), Scope: route.ScopeHost, Flags: route.AddrPermanent,
		ValidLft: route.ForeverLft, PreferredLft: route.ForeverLft, Protocol: protocolLoopback,
	}
	if t.hasAddr6(&one) {
		return
	}
	s := t.own()
	s.Addrs = slices.Insert(slices.Clone(s.Addrs), PlaceOfAddr(s.Addrs, &one), one)
	t.announce6(l, &one)
}

// protocolLoopback is the protocol of ::1 (IFAPROT_KERNEL_LO).
const protocolLoopback = 1

func (t *tx) hasAddr6(a *route.Addr) bool {
	return slices.ContainsFunc(t.snap.Addrs, func(x route.Addr) bool { return x.Link == a.Link && x.Prefix.Addr() == a.Prefix.Addr() })
}

// isReady6 reports whether a device had a carrier since it went up (IF_READY). lo loses that
// with a small MTU, and does not get it back with a larger one (addrconf_notify).
func (t *tx) isReady6(l *route.Link) bool {
	return l.Carrier() && !t.unready[l.Index] && l.HasIPv6() && t.setting(route.IPv6, l.Name, "disable_ipv6") == 0 || t.ready[l.Index]
}

// wasReady6 reports whether a device without carrier had one since it went up, if
// nothing else is known about it. If it had one, it has a multicast route, and no
// address that still has to be tested.
func (t *tx) wasReady6(l *route.Link) bool {
	if slices.ContainsFunc(t.snap.Addrs, func(a route.Addr) bool {
		return a.Link == l.Index && a.Prefix.Addr().Is6() && a.Flags&route.AddrTentative != 0 && a.Flags&route.AddrDADFailed == 0
	}) {
		return false
	}
	if a, ok := t.generates(l); ok && !t.hasAddr6(&a) { // it gets that when it is ready
		return false
	}
	list := t.edit.At(t.kernelTable6(l, route.TableLocal), netip.MustParsePrefix("ff00::/8"))
	return slices.ContainsFunc(list, func(r *route.Route) bool { return byDevice(r, l.Index) })
}

// setReady stores whether a device had a carrier since it went up.
func (t *tx) setReady(index int, is bool) {
	if t.ready[index] == is {
		return
	}
	t.ready = with(t.ready, index, is)
}

// setUnready stores whether a device has nothing of IPv6 until it is told again that it is up,
// although it has a carrier.
func (t *tx) setUnready(index int, is bool) {
	if t.unready[index] == is {
		return
	}
	t.unready = with(t.unready, index, is)
}
