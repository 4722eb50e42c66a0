package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// CodeGatewayLed: a rule leads packets to a gateway that is in use elsewhere, or refuses them; Rule, Route: what takes them, if it is a route, Have: the gateway, Want: its device
const CodeGatewayLed lookup.Code = "gateway-led"

// gatewayOf is a gateway by a device, and a route that leads there.
type gatewayOf struct {
	addr  netip.Addr
	link  *route.Link
	route *route.Route
}

// usedGateways are the gateways of routes that rules lead to, each once. Link-local
// addresses and devices of VRFs are not among them.
func (h *Host) usedGateways(known []route.Family) []gatewayOf {
	type key struct {
		addr netip.Addr
		link int
	}
	seen := map[key]bool{}
	var out []gatewayOf
	for _, k := range h.order {
		first := &k.First[0]
		if first.Type != route.TypeUnicast || !slices.Contains(known, first.Family()) || len(h.fib.RulesTo(first.Family(), first.Table)) == 0 {
			continue
		}
		for _, hop := range h.hops(first) {
			at, l := key{hop.Gateway, hop.Link}, h.snap.Link(hop.Link)
			if !hop.Gateway.IsValid() || hop.Gateway.IsLinkLocalUnicast() || seen[at] || l == nil || h.inVRF(l) {
				continue
			}
			seen[at] = true
			out = append(out, gatewayOf{hop.Gateway, l, first})
		}
	}
	return out
}

// neighbourOn reports whether a device has a network that contains an address.
func (h *Host) neighbourOn(link int, a netip.Addr) bool {
	return slices.ContainsFunc(h.addrsOf()[link], func(i int) bool {
		p := h.snap.Addrs[i].Prefix
		return !p.IsSingleIP() && p.Contains(a)
	})
}

// gatewaysLed finds rules for the destination of a gateway that lead packets to the gateway
// itself away from its device, or refuse them. Packets through the gateway are not looked up
// by its address.
func (h *Host) gatewaysLed(known []route.Family) []Finding {
	forDst := func(r *route.Rule) bool {
		s := r.Selector
		return s == route.Selector{Dst: s.Dst} && s.Dst.IsValid() && s.Dst.Bits() > 0
	}
	var rules []*route.Rule
	for _, fam := range known {
		for _, r := range h.rules(fam) {
			if forDst(r) {
				rules = append(rules, r)
			}
		}
	}
	if len(rules) == 0 {
		return nil
	}
	var out []Finding
	for _, g := range h.usedGateways(known) {
		if !slices.ContainsFunc(rules, func(r *route.Rule) bool { return r.Selector.Dst.Contains(g.addr) }) {
			continue
		}
		d := h.lookup(route.Flow{Dst: g.addr})
		if d.Rule == nil || !forDst(d.Rule) || h.own(g.addr) != 0 {
			continue
		}
		f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeGatewayLed, Want: g.link.Name, Have: g.addr}, Rule: d.Rule}, Links: []int{g.link.Index}}
		switch {
		case refusesRule(d.Rule.Action):
		case !d.HasRoute || refuses(d.Route.Type) && d.Route.Dst.Bits() > 0:
			continue // RW038 tells of routes that refuse a network
		case refuses(d.Route.Type):
			r := d.Route
			f.Route, f.Table = &r, r.Table
		case d.Disposition == lookup.DispositionUnicast && len(d.NextHops) > 0:
			if by := d.NextHops[0].Link; by == g.link.Index || h.neighbourOn(by, g.addr) {
				continue
			}
			r := d.Route
			f.Route, f.Table = &r, r.Table
		default:
			continue
		}
		f.Routes = append(f.Routes, *g.route)
		out = append(out, f)
	}
	return out
}
