package lookup

import (
	"net/netip"

	"routewhy/route"
)

// GatewayRoute4 is the look-up of an IPv4 gateway that the kernel makes before it accepts
// a route through it (fib_check_nh_v4_gw in net/ipv4/fib_semantics.c). It finds routes of
// at least a scope, by one device or, if link is zero, by any. It looks first in the new
// route's own table, unless that is main or zero, and then asks all rules. The route that
// it gives has only the next hop that fits. An errno of zero with a route whose type is
// TypeUnspec means that the facts do not suffice.
func (f *FIB) GatewayRoute4(gateway netip.Addr, id route.Table, scope route.Scope, link int) (route.Route, route.Errno) {
	w := walk{
		fib: f, flow: route.Flow{Dst: gateway, Out: link}, iif: route.LoopbackIndex, minScope: scope, anyCarrier: true,
		ofGateway: true, mem: new(memory),
	}
	var res result
	if id != 0 && id != route.TableMain {
		if f.merged && id == route.TableLocal {
			c := merged(f.v4.tables[route.TableLocal], f.v4.tables[route.TableMain], gateway)
			w.search4(&c, nil, &res)
		} else {
			w.searchTable(f.v4.tables[id], nil, &res)
		}
	}
	if res.status == again || res.status == refused {
		w.setVRF()
		res = w.searchRules()
	}
	return w.gatewayRoute(&res)
}

// GatewayTable6 is the look-up of an IPv6 gateway in one table, by one device or, if link
// is zero, by any (ip6_nh_lookup_table in net/ipv6/route.c). With strict it takes only
// routes by that device. See [FIB.GatewayRoute4] for what it gives.
func (f *FIB) GatewayTable6(gateway netip.Addr, id route.Table, src netip.Addr, link int, strict bool) (route.Route, route.Errno) {
	w := walk{
		fib: f, flow: route.Flow{Dst: gateway, Src: src, Out: link}, anyCarrier: true, ofGateway: true,
		strict: strict, mem: new(memory),
	}
	res := w.search6(f.v6.tables[id], nil)
	return w.gatewayRoute(&res)
}

// GatewayRoute6 is the look-up of an IPv6 gateway by all rules (ip6_route_check_nh).
func (f *FIB) GatewayRoute6(gateway netip.Addr, link int) (route.Route, route.Errno) {
	w := walk{fib: f, flow: route.Flow{Dst: gateway, Out: link}, ofGateway: true, strict: true, mem: new(memory)}
	w.setVRF()
	res := w.searchRules()
	return w.gatewayRoute(&res)
}

// gatewayRoute is what a look-up of a gateway found.
func (w *walk) gatewayRoute(res *result) (route.Route, route.Errno) {
	switch res.status {
	case found:
		r := res.entry.full(res.dst)
		if len(res.entry.hops) > 0 {
			r.NextHops = []route.NextHop{res.entry.hops[res.hop].NextHop}
		}
		return r, 0
	case unknown:
		return route.Route{}, 0
	case refused:
		return route.Route{}, res.errno
	}
	return route.Route{}, route.ENETUNREACH
}
