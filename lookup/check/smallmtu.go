package check

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// CodeSmallMTU: a device has no IPv6, because its MTU is too small; Have: it, Want: the MTU
const CodeSmallMTU lookup.Code = "mtu-takes-ipv6"

// smallMTU finds devices of IPv4 that have lost IPv6 by their MTU. If no device has an IPv6
// address for other networks, IPv6 may not be wanted, and if IPv4's default route is by
// another device, it may not be wanted on this one.
func smallMTU(h *Host) []Finding {
	if h.only == route.IPv4 || h.unread(route.FactAddrs, route.IPv6) {
		return nil
	}
	uplink := map[int]bool{}
	for _, s := range h.defaults(route.IPv4) {
		for _, hop := range h.hops(&s.Route) {
			uplink[hop.Link] = uplink[hop.Link] || s.Used()
		}
	}
	wanted := h.hasGlobal6() || h.only == route.IPv6
	var out []Finding
	for _, link := range h.fib.SmallMTU6() {
		has4 := func(a route.Addr) bool {
			return a.Link == link && a.Prefix.Addr().Is4() && a.Scope == route.ScopeGlobal
		}
		l := h.snap.Link(link)
		if !wanted && !uplink[link] || l.Kind == "dummy" || h.inVRF(l) || h.only == 0 && !slices.ContainsFunc(h.snap.Addrs, has4) {
			continue
		}
		f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeSmallMTU, Want: int(l.MTU), Have: l.Name}}, Links: []int{link}}
		if !wanted || !uplink[link] {
			f.Severity = Notice
		}
		out = append(out, f)
	}
	return out[:min(len(out), maxAlike)]
}
