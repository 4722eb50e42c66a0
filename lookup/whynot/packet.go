package whynot

import (
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// ofPacket are facts about the packet itself, before any rule is asked: its source,
// the device that it is bound to, and what the settings of the receiving device
// forbid.
func (q *search) ofPacket(s *state, t *lookup.Trace) []option {
	var out []option
	d, snap := &t.Decision, s.fib.Snapshot()
	f := Fact{OfPacket: true, order: -1}
	switch d.Shortcut {
	case lookup.ShortcutNotLocal, lookup.ShortcutSource, lookup.ShortcutLoopback:
		f.Reason = lookup.Reason{Code: lookup.Code(d.Shortcut), Have: s.flow.Src}
		out = append(out, found(f, func(s *state) *state { return s.onFlow(func(f *route.Flow) { f.Src = route.Flow{}.Src }) }))
	case lookup.ShortcutNoForwarding:
		out = append(out, q.setting(s, d, []change.Sysctl{forwarding(s.family())})...)
	case lookup.ShortcutReversePath:
		out = append(out, q.setting(s, d, noFilter(snap.LinkName(s.flow.In)))...)
	case lookup.ShortcutNoIPv6:
		out = append(out, q.setting(s, d, []change.Sysctl{{Path: route.ConfPath(route.IPv6, snap.LinkName(s.flow.In), "disable_ipv6"), Value: "0"}})...)
	}
	out = append(out, q.ofForwarding6(s, d)...)
	if s.flow.Out != 0 && s.flow.In == 0 {
		f.Reason = lookup.Reason{Code: CodeBound, Have: snap.LinkName(s.flow.Out)}
		out = append(out, found(f, func(s *state) *state { return s.onFlow(func(f *route.Flow) { f.Out = 0 }) }))
	}
	if q.want.Kind == Source && s.flow.Src.IsValid() && s.flow.In == 0 {
		f.Reason = lookup.Reason{Code: CodeGiven, Have: s.flow.Src}
		out = append(out, found(f, func(s *state) *state { return s.onFlow(func(f *route.Flow) { f.Src = route.Flow{}.Src }) }))
	}
	return out
}

// onMaster is the packet as IP receives it, if its device is a port and it then goes where it
// is wanted to go.
func (q *Question) onMaster() []route.Flow {
	flow := q.Flow
	flow.In = q.FIB.Receiver(flow.In)
	d := q.FIB.Lookup(flow)
	if met, _ := q.Want.On(q.FIB, &flow, &d); met != All {
		return nil
	}
	return []route.Flow{flow}
}

// ofForwarding6 is the fact that a received IPv6 packet is dropped after its look-up.
func (q *search) ofForwarding6(s *state, d *lookup.Decision) []option {
	f := Fact{Reason: s.fib.Unforwarded6(&s.flow, d), order: -1}
	switch f.Code {
	case lookup.NoteNotForwarded:
		return []option{found(f, func(s *state) *state { return s.set(forwarding(s.family())) })}
	case lookup.NoteStaysOnLink:
		f.OfPacket = true
		return []option{found(f, nil)}
	}
	return nil
}

// unforwarded says why the packet is dropped after its look-up on some host; the zero Reason:
// it is not.
func (q *search) unforwarded(s *state) lookup.Reason {
	if s.flow.In == 0 || s.family() != route.IPv6 {
		return lookup.Reason{}
	}
	d := s.fib.Lookup(s.flow)
	return s.fib.Unforwarded6(&s.flow, &d)
}

// ofGroup is the fact that what is sent to a group or to everybody leaves by the device that
// has its source, and asks no rule (ip_route_output_key_hash_rcu). A connection chooses the
// source itself.
func (q *search) ofGroup(s *state, t *lookup.Trace) []option {
	d := &t.Decision
	if d.Shortcut != lookup.ShortcutGroupSource || q.want.Kind == Source || len(d.NextHops) != 1 {
		return nil
	}
	f := Fact{OfPacket: true, order: -1, Reason: lookup.Reason{
		Code: lookup.Code(d.Shortcut), Have: t.Flow.Src, Want: s.fib.Snapshot().LinkName(d.NextHops[0].Link),
	}}
	if !s.flow.Src.IsValid() {
		return []option{found(f, nil)}
	}
	return []option{found(f, func(s *state) *state { return s.onFlow(func(f *route.Flow) { f.Src = route.Flow{}.Src }) })}
}

// setting is a fact about a setting that drops a received packet.
func (q *search) setting(s *state, d *lookup.Decision, change []change.Sysctl) []option {
	f := Fact{Reason: lookup.Reason{Code: lookup.Code(d.Shortcut), Have: s.fib.Snapshot().LinkName(s.flow.In)}, order: -1}
	return []option{found(f, func(s *state) *state { return s.set(change...) })}
}

// forwarding makes the host forward. In IPv6 the setting of all devices counts (ip6_forward).
func forwarding(f route.Family) change.Sysctl {
	if f == route.IPv4 {
		return change.Sysctl{Path: "net/ipv4/ip_forward", Value: "1"}
	}
	return change.Sysctl{Path: route.ConfPath(route.IPv6, "all", "forwarding"), Value: "1"}
}

// noFilter are the changes that switch the reverse-path filter off. Both settings are
// changed, because the higher one counts.
func noFilter(dev string) []change.Sysctl {
	return []change.Sysctl{
		{Path: route.ConfPath(route.IPv4, "all", "rp_filter"), Value: "0"},
		{Path: route.ConfPath(route.IPv4, dev, "rp_filter"), Value: "0"},
	}
}

// ofSource are the facts because of which the packet gets another source. The first look-up
// of a connection chooses it.
func (q *search) ofSource(s *state, t *lookup.Trace) []option {
	if t.First != nil {
		t = t.First
	}
	d, snap := &t.Decision, s.fib.Snapshot()
	if !d.HasRoute || d.Route.Type != route.TypeUnicast || s.flow.Src.IsValid() {
		return nil
	}
	r, want := d.Route, q.want.Addr
	f := Fact{Rule: d.Rule, Route: &r, order: s.original(d.Rule)}
	prescribe := func(s *state) *state { return s.changed(&r, func(r *route.Route) { r.PrefSrc = want }) }
	own := slices.IndexFunc(snap.Addrs, func(a route.Addr) bool { return a.Prefix.Addr() == want })
	switch {
	case own < 0:
		f.Reason = lookup.Reason{Code: CodeNotOwn, Want: want}
	case r.PrefSrc.IsValid():
		f.Reason = lookup.Reason{Code: CodePrescribed, Have: r.PrefSrc}
	default:
		f.Reason = lookup.Reason{Code: CodeOtherLink, Want: want, Have: snap.LinkName(snap.Addrs[own].Link)}
		for _, c := range t.Source.Candidates {
			if c.Addr.Prefix.Addr() == want && c.Verdict != lookup.VerdictChosen {
				f.Reason = c.Reason
			}
		}
		if f.Code == lookup.CodeSrcOrder || f.Code == CodeOtherLink && slices.ContainsFunc(d.NextHops, func(h lookup.NextHop) bool { return h.Link == snap.Addrs[own].Link }) {
			f.Reason = lookup.Reason{Code: lookup.CodeSrcOrder, Want: want, Have: d.Src}
		}
	}
	return []option{found(f, prescribe)}
}
