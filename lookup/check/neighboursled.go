package check

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// What is found about packets to neighbours.
const (
	CodeNeighboursLed   lookup.Code = "neighbours-led"   // packets from an address to its neighbours are led elsewhere; Rule, Route, Have: the address, Want: the network
	CodeNeighboursTaken lookup.Code = "neighbours-taken" // a rule leads all packets to the neighbours in a network, or in a part of it, elsewhere; Rule, Route, Have: the device of the network, Want: the network or the part
	CodeNeighboursBelow lookup.Code = "neighbours-below" // a route elsewhere goes before the network's own; Route: it, Have: the device of the network, Want: the network
)

// neighboursLed finds rules that lead packets to neighbours to a table that has another route
// for them: packets from this host's address in a network, or all packets to the network.
func neighboursLed(h *Host) []Finding {
	var out []Finding
	known := h.families(factTables, route.FactRules)
	for i := range h.snap.Addrs[:min(len(h.snap.Addrs), maxOwn)] {
		a := &h.snap.Addrs[i]
		l := h.snap.Link(a.Link)
		if l == nil || !l.Carrier() || a.Prefix.IsSingleIP() || a.Scope != route.ScopeGlobal || !slices.Contains(known, route.FamilyOf(a.Prefix.Addr())) ||
			!h.fib.HasNeighbours(a.Link) || a.Peer.IsValid() {
			continue
		}
		for _, f := range []Finding{h.ledFrom(a), h.ledTo(a)} {
			if f.Rule != nil && !slices.ContainsFunc(out, func(o Finding) bool { return o.Rule == f.Rule }) {
				out = append(out, f)
			}
		}
	}
	for _, f := range h.gatewaysLed(known) {
		if !slices.ContainsFunc(out, func(o Finding) bool { return o.Rule == f.Rule }) {
			out = append(out, f)
		}
	}
	return slices.Concat(out[:min(len(out), maxAlike)], h.outranked(known))
}

// outranked finds routes with lower metrics than a network's own, to the same prefix: a VPN's
// other end often has a network with the same addresses.
func (h *Host) outranked(known []route.Family) []Finding {
	var out []Finding
	for _, p := range h.pairs {
		a, b := &p.first, &p.second
		if a.Type != route.TypeUnicast || b.Type != route.TypeUnicast || a.Table != b.Table || a.IsDefault() || a.Metric >= b.Metric ||
			a.TOS != b.TOS || len(b.NextHops) != 1 || h.leadsOn(b) || !byHand(a.Protocol) || !slices.Contains(known, a.Family()) {
			continue
		}
		l := h.snap.Link(b.NextHops[0].Link)
		if l == nil || !l.Carrier() || !h.fib.HasNeighbours(l.Index) || len(h.has(l.Index, b.Dst)) == 0 || !h.leavesLink(a, l) || !h.used(a) {
			continue
		}
		r := *a
		out = append(out, Finding{
			Note:   lookup.Note{Reason: lookup.Reason{Code: CodeNeighboursBelow, Want: b.Dst, Have: l.Name}, Route: &r, Table: r.Table},
			Routes: []route.Route{*b},
			Links:  []int{l.Index},
		})
	}
	return out[:min(len(out), maxAlike)]
}

// leavesLink reports whether all next hops of a route are beyond the link of a device. A device
// on top of it, and one with an address in the same network, may be on that link too.
func (h *Host) leavesLink(r *route.Route, on *route.Link) bool {
	hops := h.hops(r)
	for i := range hops {
		l := h.snap.Link(hops[i].Link)
		if l == nil || l.Index == on.Index || l.Peer == on.Index || l.Master == on.Index || on.Master == l.Index || len(h.has(l.Index, r.Dst)) > 0 ||
			!hops[i].Gateway.IsValid() && h.fib.HasNeighbours(l.Index) && l.Kind != kindTun {
			return false
		}
	}
	return len(hops) > 0
}

// ledFrom is about packets from an address to its neighbours; the zero Finding: they get
// there.
func (h *Host) ledFrom(a *route.Addr) Finding {
	d, away := h.away(a, route.Flow{Src: a.Prefix.Addr()})
	if !away || !d.Rule.Selector.Src.IsValid() || d.Rule.Selector.Not || !wider(&d, a) {
		return Finding{}
	}
	r := d.Route
	f := Finding{
		Note:  lookup.Note{Reason: lookup.Reason{Code: CodeNeighboursLed, Want: a.Prefix.Masked(), Have: a.Prefix.Addr()}, Rule: d.Rule, Route: &r, Table: r.Table},
		Links: []int{a.Link},
	}
	if d.NextHops[0].Link == a.Link {
		f.Severity = Notice // the router sends them back
	}
	return f
}

// ledTo is about packets without a source to the neighbours of an address. It ignores a rule
// for all packets that leads them to a default route in a tunnel, because a VPN may intend
// this, and another device in the same network.
func (h *Host) ledTo(a *route.Addr) Finding {
	d, away := h.away(a, route.Flow{})
	if !away || h.inVRF(h.snap.Link(a.Link)) {
		return Finding{}
	}
	s, to, by := d.Rule.Selector, a.Prefix.Masked(), d.NextHops[0].Link
	forThem := s == route.Selector{Dst: s.Dst} && s.Dst.IsValid() && s.Dst.Bits() > 0
	forAll := s == route.Selector{Src: s.Src, Dst: s.Dst} && !forThem && (!s.Src.IsValid() || s.Src.Bits() == 0)
	half := d.Route.Dst.Bits() <= 1
	switch {
	case by == a.Link && (!wider(&d, a) || forAll), by != a.Link && len(h.has(by, to)) > 0:
		return Finding{}
	case forAll && half && (!h.fib.HasNeighbours(by) || h.snap.Link(by).Kind == kindTun):
		return Finding{}
	case !forAll && !forThem || forThem && s.Dst.IsSingleIP(): // one neighbour is led on purpose
		return Finding{}
	}
	if s.Dst.Bits() > to.Bits() {
		to = s.Dst
	}
	r := d.Route
	f := Finding{
		Note:  lookup.Note{Reason: lookup.Reason{Code: CodeNeighboursTaken, Want: to, Have: h.snap.LinkName(a.Link)}, Rule: d.Rule, Route: &r, Table: r.Table},
		Links: []int{a.Link},
	}
	if by == a.Link {
		f.Severity = Notice
	}
	return f
}

// kindTun is the kind of a device whose other end is a program. It has neighbours if it
// carries Ethernet frames (tap).
const kindTun = "tun"

// away looks up a packet to a neighbour in the network of an address. It reports whether
// a route of another table than main takes it that is not for a part of that network.
func (h *Host) away(a *route.Addr, flow route.Flow) (lookup.Decision, bool) {
	flow.Dst = h.neighbourIn(a.Prefix.Masked())
	d := h.lookup(flow)
	return d, d.Disposition == lookup.DispositionUnicast && d.Rule != nil && d.HasRoute && len(d.NextHops) > 0 &&
		d.Route.Table != route.TableMain && d.Route.Dst.Bits() <= a.Prefix.Bits()
}

// wider reports whether a decision's route is for more than the network of an address.
func wider(d *lookup.Decision, a *route.Addr) bool { return d.Route.Dst.Bits() < a.Prefix.Bits() }
