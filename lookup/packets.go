package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// What a packet must be for a selector to match it. See [Solver] for the packets that
// rules and entries then really take.

// packets are packets that a selector matches, as far as packets can be made so: one that
// this host sends, if it can, and one that it forwards, if the selector allows a source
// that is not this host's.
func (f *prober) packets(sel *route.Selector, flow route.Flow, e *entry) []route.Flow {
	sent := f.flowFor(sel, flow)
	fam := sent.Family()
	if sel.Not || !sel.Src.IsValid() || sel.Src.Bits() == 0 || sent.In != 0 || sent.Out != 0 || sel.In == "lo" || !f.knowsAddrs(fam) {
		return []route.Flow{sent}
	}
	got := sent
	got.Src = f.strangerIn(sel.Src.Masked())
	if got.In = f.entrance(got.Src, e); got.In == 0 {
		return []route.Flow{sent}
	}
	if fam == route.IPv4 && f.owner(sent.Src) == 0 {
		return []route.Flow{got} // it cannot send that
	}
	if f.owner(got.Src) != 0 {
		return []route.Flow{sent}
	}
	return []route.Flow{sent, got}
}

// strangerIn is an address in a prefix that is not this host's, if there is one among the
// first few.
func (f *FIB) strangerIn(p netip.Prefix) netip.Addr {
	a := p.Addr()
	if !p.IsSingleIP() {
		a = a.Next() // the first is the network's
	}
	for range 4 {
		if next := a.Next(); f.owner(a) != 0 && p.Contains(next) {
			a = next
		}
	}
	return a
}

// entrance is the device on which packets from an address come in: the one by which an
// answer leaves or, without that, the first that an entry does not lead to. Zero: there
// is none.
func (f *prober) entrance(src netip.Addr, e *entry) int {
	t := f.sketch(route.Flow{Dst: src, UID: route.NoUID})
	if t == nil {
		return 0
	}
	back := &t.Decision
	if back.Disposition == DispositionUnicast && len(back.NextHops) > 0 && back.NextHops[0].Link != route.LoopbackIndex {
		return back.NextHops[0].Link
	}
	for _, d := range f.devices {
		if d.Index != route.LoopbackIndex && d.Up() && !e.leavesBy(d.Index) {
			return d.Index
		}
	}
	return 0
}

// leavesBy reports whether a next hop of an entry is on a device; one of a nil entry is
// on none.
func (e *entry) leavesBy(link int) bool {
	if e == nil {
		return false
	}
	for i := range e.hops {
		if e.hops[i].Link == link {
			return true
		}
	}
	return false
}

// flowFor changes a packet so that a selector matches it, as far as that is in
// the packet's power.
func (f *prober) flowFor(s *route.Selector, flow route.Flow) route.Flow {
	if s.Not {
		return flow
	}
	if s.Src.IsValid() && s.Src.Bits() > 0 {
		flow.Src = f.sourceIn(s.Src.Masked())
	}
	if s.MarkMask != 0 {
		flow.Mark = s.Mark
	}
	if s.HasUIDs {
		flow.UID = s.UIDs.Start
	}
	if s.HasDSCP {
		flow.TOS = s.DSCP << 2
	}
	if s.TOS != 0 {
		flow.TOS = s.TOS
	}
	if s.Proto != 0 {
		flow.Proto = s.Proto
	}
	flow.SrcPort, flow.DstPort = s.SrcPort.Start, s.DstPort.Start
	if s.FlowLabelMask != 0 {
		flow.FlowLabel = s.FlowLabel
	}
	if d := f.byName[s.Out]; d != nil {
		flow.Out = d.Index
	}
	if s.L3Mdev && f.lastVRF != nil {
		flow.Out = f.lastVRF.Index
	}
	if d := f.byName[s.In]; d != nil && s.In != "lo" {
		flow.In = d.Index
		if !flow.Src.IsValid() {
			flow.Src = f.neighbourOf(d)
		}
	}
	return flow
}

// neighbourOf is an address that could be another host's on a device's network.
func (f *FIB) neighbourOf(d *device) netip.Addr {
	for _, a := range d.addrs4 {
		n := a.Prefix.Masked()
		for x := n.Addr().Next(); n.Contains(x); x = x.Next() {
			if x != a.Prefix.Addr() {
				return x
			}
		}
	}
	return netip.Addr{}
}

// sourceIn is an address of this host in a prefix, or else the prefix's first.
func (m *prober) sourceIn(p netip.Prefix) netip.Addr {
	if m.own == nil {
		for i := range m.snap.Addrs {
			m.own = append(m.own, m.snap.Addrs[i].Prefix.Addr())
		}
		slices.SortFunc(m.own, netip.Addr.Compare)
	}
	i, _ := slices.BinarySearchFunc(m.own, p.Masked().Addr(), netip.Addr.Compare)
	if i < len(m.own) && p.Contains(m.own[i]) {
		return m.own[i]
	}
	return p.Addr()
}

// conditions are what a packet may have to be to take an entry: nothing
// special; what a rule that leads to its table asks for; what keeps it from an
// earlier `not` rule; what the entry itself asks for.
func (f *prober) conditions(s *EntryStatus, e *entry) []route.Selector {
	var out []route.Selector
	seen := map[route.Selector]bool{}
	add := func(sel route.Selector) {
		if e.sourceSpecific() && !sel.Src.IsValid() {
			sel.Src = e.route.Src
		}
		if e.route.TOS != 0 {
			sel.TOS = e.route.TOS
		}
		if !seen[sel] {
			seen[sel] = true
			out = append(out, sel)
		}
	}
	add(route.Selector{})
	for _, r := range s.Rules {
		add(r.Selector)
	}
	for _, sel := range f.family(s.Route.Family()).not {
		add(sel)
	}
	return out
}

// meets is a packet like another one that a rule sends to a table, and that a route
// there decides; nil: none is known. Where the rule asks for more than a source, a mark
// or a user, there is no short way to tell of it.
func (f *prober) meets(sel *route.Selector, like *route.Flow, table route.Table) *route.Flow {
	switch *sel {
	case route.Selector{Src: sel.Src}:
	case route.Selector{Mark: sel.Mark, MarkMask: sel.MarkMask}, route.Selector{HasUIDs: true, UIDs: sel.UIDs}:
		if like.Src.IsValid() || like.In != 0 || like.Out != 0 {
			return nil
		}
	default:
		return nil
	}
	for _, flow := range f.packets(sel, *like, nil) {
		if d := f.Lookup(flow); d.HasRoute && d.Route.Table == table {
			return &flow
		}
	}
	return nil
}
