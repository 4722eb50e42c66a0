package lookup

import (
	"net/netip"

	"routewhy/route"
)

// How an entry fares with packets that differ in one thing from those that a rule with a
// selector takes.

// maxDetours is how many rules one packet is kept from, one after the other, and
// maxDetoursTried how many packets are tried for one entry.
const (
	maxDetours      = 4
	maxDetoursTried = 48
)

// detour is the search for a packet that takes an entry although rules with selectors take
// an ordinary one away from it.
type detour struct {
	*prober
	status *EntryStatus
	tried  int
	// standby is the first status of an entry that would take such packets if another entry
	// of its prefix were gone; nil: there is none.
	standby *EntryStatus
}

// otherwise looks for packets that take an entry because they are not what an earlier rule
// asks for. It is for an entry that the packets tried so far do not take.
func (f *prober) otherwise(s *EntryStatus) {
	d := detour{prober: f, status: s}
	if !d.from(f.probeFlow(s, &route.Selector{}), nil) && d.standby != nil {
		s.fate(d.standby)
	}
}

// from tries packets that differ from one that does not take the entry, so that one of the
// rules which match it does not match them. It reports whether one of them settled the
// status. Avoided are the selectors of the rules that the packet was already kept from.
func (d *detour) from(flow route.Flow, avoided []*route.Selector) bool {
	t := d.sketch(flow)
	if t == nil || len(avoided) == maxDetours {
		return false
	}
	var next []step
	for i := len(t.Rules) - 1; i >= 0; i-- {
		sel := &t.Rules[i].Rule.Selector
		if *sel == (route.Selector{}) || sel.Not {
			continue
		}
		for _, other := range d.unlike(sel, flow, d.status) {
			if d.tried++; d.tried > maxDetoursTried {
				return false
			}
			s := step{other, append(avoided[:len(avoided):len(avoided)], sel)}
			if d.settles(s) {
				return true
			}
			next = append(next, s)
		}
	}
	for _, s := range next {
		if d.from(s.flow, s.avoided) {
			return true
		}
	}
	return false
}

// step is a packet that some selectors do not match.
type step struct {
	flow    route.Flow
	avoided []*route.Selector
}

// settles notes what became of a packet, if it takes the entry or would take it.
func (d *detour) settles(s step) bool {
	one := EntryStatus{Route: d.status.Route}
	d.stands(&one, d.status.entry, s.flow)
	if one.Status == StatusStandby && d.standby == nil {
		d.standby = &one
	}
	if !one.Status.taken() && one.Reason.Code != CodeForwardingOff {
		return false
	}
	d.status.fate(&one)
	if one.Status.taken() {
		d.status.Status = StatusConditional
	}
	d.status.By, d.status.If = nil, []route.Selector{{}}
	if len(s.avoided) == 1 {
		sel := *s.avoided[0]
		sel.Not = true
		d.status.If[0] = sel
	}
	return true
}

// narrowedBy is the selector of a rule without which an ordinary packet would not take an
// entry: other ordinary packets, with another protocol or user for example, do not. Nil:
// there is none.
func (f *prober) narrowedBy(s, one *EntryStatus) *route.Selector {
	if one.Status != StatusInUse && one.Status != StatusPossible {
		return nil
	}
	flow := f.probeFlow(s, &route.Selector{})
	t := f.sketch(flow)
	for i := range t.Rules {
		sel := &t.Rules[i].Rule.Selector
		if *sel == (route.Selector{}) || sel.Not {
			continue
		}
		for _, other := range f.unlikeOrdinary(sel, flow, s) {
			two := EntryStatus{Route: s.Route}
			if f.stands(&two, s.entry, other); two.Status == StatusBeaten {
				return sel
			}
		}
	}
	return nil
}

// maxRefusals is how many rules are tried that may refuse some packets of one entry.
const maxRefusals = 16

// refusals are the rules that refuse ordinary packets which would take an entry: those of a
// user, a protocol, a port or a destination.
func (f *prober) refusals(s *EntryStatus) []*route.Rule {
	if s.Status != StatusInUse && s.Status != StatusPossible {
		return nil
	}
	var out []*route.Rule
	tried := 0
	for _, r := range f.family(s.Route.Family()).rules {
		if !r.refusesOrdinary() {
			continue
		}
		if tried++; tried > maxRefusals {
			break
		}
		flow := f.flowFor(&r.Selector, f.probeFlow(s, &r.Selector))
		if t := f.sketch(flow); t != nil && t.Decision.Rule == r.Rule && !t.Decision.HasRoute {
			out = append(out, r.Rule)
		}
	}
	return out
}

// refusesOrdinary reports whether a rule refuses packets by nothing but their user, protocol,
// port or destination.
func (r *rule) refusesOrdinary() bool {
	s := r.Selector
	if s.In == "lo" {
		s.In = ""
	}
	s.HasUIDs, s.UIDs, s.Proto, s.SrcPort, s.DstPort, s.Dst = false, route.UIDRange{}, 0, route.PortRange{}, route.PortRange{}, netip.Prefix{}
	return s == route.Selector{} && r.Selector != (route.Selector{}) &&
		(r.Action == route.ActionBlackhole || r.Action == route.ActionUnreachable || r.Action == route.ActionProhibit)
}

// unlike are packets like one that a selector matches, each of which differs in one thing
// that the selector asks for.
func (f *prober) unlike(sel *route.Selector, flow route.Flow, s *EntryStatus) []route.Flow {
	out := f.unlikeOrdinary(sel, flow, s)
	add := func(change func(*route.Flow)) {
		other := flow
		change(&other)
		out = append(out, other)
	}
	if m := sel.MarkMask; m != 0 {
		add(func(x *route.Flow) { x.Mark ^= m & -m })
	}
	if m := sel.DSCPMask << 2; sel.HasDSCP && m != 0 {
		add(func(x *route.Flow) { x.TOS ^= m & -m })
	}
	if m := sel.FlowLabelMask; m != 0 {
		add(func(x *route.Flow) { x.FlowLabel ^= m & -m })
	}
	if sel.Src.IsValid() && sel.Src.Bits() > 0 {
		if src := f.sourceOutside(sel.Src, flow.Family()); src.IsValid() {
			add(func(x *route.Flow) { x.Src = src })
		}
	}
	if sel.In == "lo" {
		if in := f.entranceFor(flow, s.entry); in != nil {
			add(func(x *route.Flow) { x.In, x.Src = in.Index, f.neighbourOf(in) })
		}
	}
	return out
}

// unlikeOrdinary are those of unlike that this host sends without anything special: a
// protocol, a port, a user or a destination differs.
func (f *prober) unlikeOrdinary(sel *route.Selector, flow route.Flow, s *EntryStatus) []route.Flow {
	var out []route.Flow
	add := func(change func(*route.Flow)) {
		other := flow
		change(&other)
		out = append(out, other)
	}
	if sel.Proto != 0 {
		for _, p := range []uint8{6, 17, 1} {
			if p != sel.Proto && p != flow.Proto {
				add(func(x *route.Flow) { x.Proto, x.SrcPort, x.DstPort = p, 0, 0 })
			}
		}
	}
	if p, ok := portOutside(sel.SrcPort); ok {
		add(func(x *route.Flow) { x.SrcPort = p })
	}
	if p, ok := portOutside(sel.DstPort); ok {
		add(func(x *route.Flow) { x.DstPort = p })
	}
	if sel.HasUIDs && sel.UIDs.End < route.NoUID-1 {
		add(func(x *route.Flow) { x.UID = sel.UIDs.End + 1 })
	} else if sel.HasUIDs && sel.UIDs.Start > 0 {
		add(func(x *route.Flow) { x.UID = sel.UIDs.Start - 1 })
	}
	if dst := f.gapOutside(s.Route.Table, s.Route.Dst, sel.Dst); dst.IsValid() {
		add(func(x *route.Flow) { x.Dst = dst })
	}
	return out
}

// portOutside is a port that a range does not hold, if there is one.
func portOutside(r route.PortRange) (uint16, bool) {
	switch {
	case r == (route.PortRange{}):
		return 0, false
	case r.Mask != 0:
		return r.Start ^ r.Mask&-r.Mask, true
	case r.End < 65535:
		return r.End + 1, true
	}
	return r.Start - 1, r.Start > 1
}

// gapOutside is an address of a prefix that no longer prefix of its table covers and that is
// outside of another prefix; the zero Addr: there is none.
func (f *prober) gapOutside(id route.Table, whole, out netip.Prefix) netip.Addr {
	var first netip.Addr
	if !out.IsValid() || !whole.Overlaps(out) {
		return first
	}
	for bits := out.Bits(); bits > whole.Bits(); bits-- {
		low, high := route.Halves(netip.PrefixFrom(out.Addr(), bits-1).Masked())
		if low.Contains(out.Addr()) {
			low = high
		}
		a, _, ok := f.gapOf(id, low)
		switch {
		case ok && ordinary(a):
			return a
		case ok && !first.IsValid():
			first = a
		}
	}
	return first
}

// sourceOutside is an address of this host from which it can send to others and that is in
// none of a prefix; the zero Addr: there is none.
func (f *prober) sourceOutside(p netip.Prefix, fam route.Family) netip.Addr {
	for i := range f.snap.Addrs {
		a := f.snap.Addrs[i].Prefix.Addr()
		if route.FamilyOf(a) == fam && a.IsGlobalUnicast() && !p.Contains(a) && f.owner(a) != 0 {
			return a
		}
	}
	return netip.Addr{}
}

// entranceFor is a device on which a packet may come in that is to leave by an entry:
// rather one that the entry does not lead to; nil: there is none.
func (f *prober) entranceFor(flow route.Flow, e *entry) *device {
	var last *device
	for _, d := range f.devices {
		if d.Index == route.LoopbackIndex || !d.Up() || flow.Dst.Is4() && !f.neighbourOf(d).IsValid() {
			continue
		}
		if !e.leavesBy(d.Index) {
			return d
		}
		last = d
	}
	return last
}
