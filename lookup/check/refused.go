package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// What is found about routes that refuse packets to neighbours.
const (
	CodeNetworkRefused lookup.Code = "network-refused" // a route refuses packets to a network of this host, or to a large part of it; Route, Have: the network, Want: its device
	CodeGatewayRefused lookup.Code = "gateway-refused" // a route refuses packets to a gateway that is in use; Route, Have: the gateway, Want: its device
)

// neighboursRefused finds routes that refuse packets to the neighbours in a network of this
// host, to a large part of them, or to a gateway.
func neighboursRefused(h *Host) []Finding {
	refusing := slices.DeleteFunc(slices.Clone(h.near), func(r route.Route) bool {
		return !refuses(r.Type) || r.Dst.Bits() == 0 || len(h.fib.RulesTo(r.Family(), r.Table)) == 0
	})
	if len(refusing) == 0 {
		return nil
	}
	var out []Finding
	known := h.families(route.FactAddrs, route.FactRoutes, route.FactRules)
	told := slices.Concat(h.takers(route.IPv4), h.takers(route.IPv6)) // RW001 reports the widest
	refusing = slices.DeleteFunc(refusing, func(r route.Route) bool {
		return slices.ContainsFunc(told, func(o route.Route) bool { return same(&o, &r) })
	})
	for i := range h.snap.Addrs[:min(len(h.snap.Addrs), maxOwn)] {
		a := &h.snap.Addrs[i]
		p, l := a.Prefix.Masked(), h.snap.Link(a.Link)
		if p.IsSingleIP() || a.Peer.IsValid() || p.Addr().IsLoopback() || p.Addr().IsLinkLocalUnicast() || l == nil || !l.Up() || h.inVRF(l) ||
			!slices.Contains(known, route.FamilyOf(p.Addr())) {
			continue
		}
		r := h.refusal(p, refusing)
		if r == nil || slices.ContainsFunc(out, func(f Finding) bool { return same(f.Note.Route, r) }) {
			continue
		}
		f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeNetworkRefused, Want: l.Name, Have: p}, Route: r, Table: r.Table}, Links: []int{l.Index}}
		if r.Dst.Bits() <= p.Bits() {
			f.Severity = Error
		}
		out = append(out, f)
	}
	for _, f := range h.gatewaysRefused(known, refusing) {
		if !slices.ContainsFunc(out, func(o Finding) bool { return same(o.Note.Route, f.Note.Route) }) {
			out = append(out, f)
		}
	}
	return out[:min(len(out), maxAlike)]
}

// largePart is how many bits longer a prefix may be that is a large part of a network: it is
// a quarter of it, at least. Smaller parts are set aside on purpose, for containers for
// example.
const largePart = 2

// refusal is the route that refuses packets to a network of this host, or to a large part of
// it; nil: there is none.
func (h *Host) refusal(p netip.Prefix, refusing []route.Route) *route.Route {
	for i := range refusing {
		r := &refusing[i]
		to := p
		switch {
		case !r.Dst.Overlaps(p) || r.Dst.Bits() > p.Bits()+largePart || r.Dst.IsSingleIP():
			continue
		case r.Dst.Bits() > p.Bits():
			to = r.Dst
		}
		d := h.lookup(route.Flow{Dst: h.neighbourIn(to)})
		narrow := d.Rule != nil && d.Rule.Selector.Dst.Bits() > to.Bits() // for one neighbour, perhaps
		if d.HasRoute && same(&d.Route, r) && !narrow {
			return r
		}
	}
	return nil
}

// gatewaysRefused finds gateways that packets go through, while packets to the gateways
// themselves are refused. The kernel looks a gateway up when a route is made, and passes
// over routes that refuse then, since their scope is not that of a link.
func (h *Host) gatewaysRefused(known []route.Family, refusing []route.Route) []Finding {
	var out []Finding
	for _, g := range h.usedGateways(known) {
		covers := func(r route.Route) bool { return r.Dst.Contains(g.addr) }
		if !slices.ContainsFunc(refusing, covers) || slices.ContainsFunc(out, func(f Finding) bool { return f.Have == g.addr }) {
			continue
		}
		d := h.lookup(route.Flow{Dst: g.addr})
		if !d.HasRoute || !slices.ContainsFunc(refusing, func(r route.Route) bool { return same(&r, &d.Route) }) {
			continue
		}
		r := d.Route
		out = append(out, Finding{
			Note:   lookup.Note{Reason: lookup.Reason{Code: CodeGatewayRefused, Want: g.link.Name, Have: g.addr}, Route: &r, Table: r.Table},
			Routes: []route.Route{*g.route}, Links: []int{g.link.Index},
		})
	}
	return out
}
