package change

import (
	"net/netip"

	"routewhy/route"
)

const msgGatewayLocal = "Gateway can not be a local address"

// checkGateway6 checks an IPv6 gateway of an IPv4 route (fib_check_nh_v6_gw).
func (t *tx) checkGateway6(h *route.NextHop, id route.Table) *Refusal {
	no := t.checkHop6(h, &route.Route{Table: id, Type: route.TypeUnicast, Dst: route.IPv6.Default()})
	h.Flags &= route.NextHopOnLink // only the IPv6 next hop stores that there is no carrier
	return no
}

// checkHop6 checks a next hop of an IPv6 route, and completes it (fib6_nh_init in
// net/ipv6/route.c).
func (t *tx) checkHop6(h *route.NextHop, r *route.Route) *Refusal {
	l := t.link(h.Link)
	switch {
	case h.Link != 0 && (l == nil || !l.HasIPv6()):
		return refuse(route.ENODEV, "")
	case h.Flags&route.NextHopOnLink == 0:
	case l == nil:
		return refuse(route.ENODEV, "Nexthop device required for onlink")
	case !l.Up():
		return refuse(route.ENETDOWN, msgDeviceNotUp)
	}
	if fails(r.Type) {
		*h = route.NextHop{Link: route.LoopbackIndex, Flags: h.Flags & route.NextHopOnLink}
		return nil
	}
	if h.Gateway.IsValid() {
		if no := t.validGateway6(h, r); no != nil {
			return no
		}
		l = t.link(h.Link)
	}
	switch {
	case l == nil:
		return refuse(route.ENODEV, "")
	case !l.HasIPv6() || t.setting(route.IPv6, l.Name, "disable_ipv6") != 0:
		return refuse(route.EACCES, "IPv6 is disabled on nexthop device")
	case !l.Up():
		return refuse(route.ENETDOWN, msgDeviceNotUp)
	}
	h.Flags &= route.NextHopOnLink
	if r.Type != route.TypeLocal && !l.Carrier() {
		h.Flags = t.flags6(h, false, true)
	}
	return nil
}

// flags6 are a next hop's flags for a given state of its device, as a dump shows
// them.
func (t *tx) flags6(h *route.NextHop, dead, noCarrier bool) route.NextHopFlags {
	f := h.Flags &^ (route.NextHopDead | route.NextHopLinkDown)
	if noCarrier {
		f |= route.NextHopLinkDown
	}
	if l := t.link(h.Link); dead || noCarrier && l != nil && t.ignoresLinkdown(route.IPv6, l) {
		f |= route.NextHopDead
	}
	return f
}

// validGateway6 is ip6_validate_gw.
func (t *tx) validGateway6(h *route.NextHop, r *route.Route) *Refusal {
	g := h.Gateway
	named := h.Link != 0
	if named && t.isLocal6(g, h.Link) {
		return refuse(route.EINVAL, msgGatewayLocal)
	}
	if !g.IsLinkLocalUnicast() {
		if g.IsUnspecified() || g.IsMulticast() {
			return refuse(route.EINVAL, "Invalid gateway address")
		}
		no := t.onLink6(h, r)
		if no != nil {
			return no
		}
	}
	l := t.link(h.Link)
	switch {
	case l == nil:
		return refuse(route.EINVAL, "Egress device not specified")
	case l.Flags&route.LinkLoopback != 0:
		return refuse(route.EINVAL, "Egress device can not be loopback device for this route")
	case !named && t.isLocal6(g, h.Link):
		return refuse(route.EINVAL, msgGatewayLocal)
	}
	return nil
}

// onLink6 checks that a gateway is on a link, and finds the link.
func (t *tx) onLink6(h *route.NextHop, r *route.Route) *Refusal {
	if h.Flags&route.NextHopOnLink != 0 {
		return t.notElsewhere6(h, r)
	}
	unreachable := refuse(route.EHOSTUNREACH, "")
	rejects := func(x *route.Route) bool { return fails(x.Type) || t.viaLoopback(x) }
	done := false
	var x route.Route
	if r.Table != 0 {
		var errno route.Errno
		x, errno = t.old.fib.GatewayTable6(h.Gateway, r.Table, r.PrefSrc, h.Link, true)
		done = errno == 0 && len(x.NextHops) == 1 && !rejects(&x) && !x.NextHops[0].Gateway.IsValid() &&
			(h.Link == 0 || x.NextHops[0].Link == h.Link)
	}
	if !done {
		var errno route.Errno
		x, errno = t.old.fib.GatewayRoute6(h.Gateway, h.Link)
		if errno != 0 || len(x.NextHops) == 0 || rejects(&x) || x.NextHops[0].Gateway.IsValid() {
			return unreachable
		}
	}
	switch {
	case h.Link != 0 && x.NextHops[0].Link != h.Link:
		return unreachable
	case h.Link == 0:
		h.Link = x.NextHops[0].Link
	}
	return nil
}

// viaLoopback reports whether the kernel treats a route by lo as one that refuses
// packets (fib6_is_reject).
func (t *tx) viaLoopback(r *route.Route) bool {
	if len(r.NextHops) != 1 || r.Type == route.TypeLocal || r.Type == route.TypeAnycast && r.Metric == 0 {
		return false
	}
	l := t.link(r.NextHops[0].Link)
	return l != nil && l.Flags&route.LinkLoopback != 0 && !r.Dst.Addr().IsLoopback()
}

// notElsewhere6 is ip6_route_check_nh_onlink: if a gateway is treated as on-link, it
// must not be known on another device.
func (t *tx) notElsewhere6(h *route.NextHop, _ *route.Route) *Refusal {
	id := t.vrfTable(t.link(h.Link))
	if id == 0 {
		id = route.TableMain
	}
	x, errno := t.old.fib.GatewayTable6(h.Gateway, id, netip.Addr{}, h.Link, false)
	if errno != 0 || x.Dst.Addr().IsUnspecified() || fails(x.Type) || t.viaLoopback(&x) {
		return nil
	}
	if x.Type != route.TypeUnicast || len(x.NextHops) == 0 || x.NextHops[0].Link != h.Link {
		return refuse(route.EINVAL, "Nexthop has invalid gateway or device mismatch")
	}
	return nil
}

// isLocal6 reports whether an address is one of this host's addresses. A link-local
// address must be the device's (ipv6_chk_addr_and_flags).
func (t *tx) isLocal6(a netip.Addr, link int) bool {
	dev := t.link(link)
	for i := range t.snap.Addrs {
		x := &t.snap.Addrs[i]
		if x.Prefix.Addr() != a || a.IsLinkLocalUnicast() && x.Link != link {
			continue
		}
		if l := t.link(x.Link); l == nil || dev == nil || t.vrfTable(l) == t.vrfTable(dev) {
			return true
		}
	}
	return false
}

// mayPrescribe6 reports whether an address can be the preferred source of an IPv6
// route by a device (ipv6_chk_addr).
func (t *tx) mayPrescribe6(a netip.Addr, link int) bool {
	dev := t.link(link)
	for i := range t.snap.Addrs {
		x := &t.snap.Addrs[i]
		if x.Prefix.Addr() != a || x.Flags&route.AddrTentative != 0 && x.Flags&route.AddrOptimistic == 0 {
			continue
		}
		if x.Link != link && (x.Scope == route.ScopeLink || x.Scope == route.ScopeHost) {
			continue
		}
		if l := t.link(x.Link); l == nil || dev == nil || t.vrfTable(l) == t.vrfTable(dev) {
			return true
		}
	}
	return false
}
