package change_test

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// hasLocalGateway reports whether the gateway of an IPv4 route or object would be found as an
// address of this host now. Whether it was found so when the route was added is part of the
// route's identity (fib_check_nh_v4_gw stores nhc_scope, nh_comp compares it), and no dump
// shows it.
func hasLocalGateway(s *route.Snapshot) bool {
	local := func(a netip.Addr) bool {
		return a.Is4() && slices.ContainsFunc(s.Routes, func(r route.Route) bool { return r.Scope == route.ScopeHost && r.Dst.Contains(a) })
	}
	return slices.ContainsFunc(s.NextHops, func(o route.NextHopObject) bool { return local(o.NextHop.Gateway) }) ||
		slices.ContainsFunc(s.Routes, func(r route.Route) bool {
			return slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return local(h.Gateway) })
		})
}
