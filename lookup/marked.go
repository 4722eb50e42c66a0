package lookup

import (
	"slices"

	"routewhy/route"
)

// Marked is what becomes of a packet to which a chain gives a mark in time.
type Marked struct {
	Setter Setter
	// Flow is the packet with that mark, and Decision what becomes of it.
	Flow     route.Flow
	Decision Decision
}

// Marked are the chains that may give a packet another mark before its route is settled, and
// what then becomes of it, by what was read (see [route.Query].Markers). What a chain asks of a
// packet is not read, so the packet may be none of those that get the mark. A packet of this
// host is looked up again with the source that it has (ip_route_me_harder,
// ip6_route_me_harder).
func (f *FIB) Marked(flow *route.Flow, d *Decision) []Marked {
	snap := f.Snapshot()
	when := SetOnReceipt
	again := *flow
	if flow.In == 0 {
		when = SetBeforeSending
		if !again.Src.IsValid() && len(d.NextHops) == 1 {
			again.Src = d.Src
		}
	}
	var out []Marked
	for i := range snap.Markers {
		m := &snap.Markers[i]
		s := Setter{m, m.Open == 0, timings(m)}
		if m.Kind != route.MarkerRule || !m.Meets(flow.Family()) || !s.In(when) {
			continue
		}
		for _, mark := range marksBy(snap, m, flow) {
			next := again
			next.Mark = mark
			out = append(out, Marked{s, next, f.Lookup(next)})
		}
	}
	return out
}

// marksBy are the marks that a packet may have after a marker. Of the bits that are not known,
// those are tried that a rule asks for.
func marksBy(snap *route.Snapshot, m *route.Marker, flow *route.Flow) []uint32 {
	var out []uint32
	add := func(mark uint32) {
		if mark != flow.Mark && !slices.Contains(out, mark) {
			out = append(out, mark)
		}
	}
	sure := flow.Mark&^m.Set | m.Mark&m.Set
	if m.Open == 0 {
		add(sure)
		return out
	}
	for i := range snap.Rules {
		if s := &snap.Rules[i].Selector; snap.Rules[i].Family == flow.Family() && s.MarkMask != 0 {
			bits := m.Open & s.MarkMask
			add(sure&^bits | s.Mark&bits)
		}
	}
	return out
}

// SameWay reports whether two decisions send a packet the same way, whatever route says so.
func (d *Decision) SameWay(o *Decision) bool {
	return d.Disposition == o.Disposition && slices.EqualFunc(d.NextHops, o.NextHops, func(a, b NextHop) bool {
		return a.Link == b.Link && a.Gateway == b.Gateway
	})
}
