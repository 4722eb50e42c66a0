package whynot

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// unusable is the fact that an entry cannot be used, whatever other entries there
// are.
func (q *search) unusable(s *state, f Fact) []option {
	w := *f.Wanted
	take := func(s *state) *state {
		return s.changed(&w, func(r *route.Route) { r.NextHops = alive(r.NextHops) })
	}
	switch f.Code {
	case lookup.CodeDead, lookup.CodeLinkdown, lookup.CodeObjectUnusable:
		if w.NextHopID != 0 {
			take = func(s *state) *state { return s.onSnapshot(aliveObjects) }
		}
		snap := s.fib.Snapshot()
		for _, h := range hopsOf(snap, &w) {
			if l := snap.Link(h.Link); l != nil && !l.Up() {
				f.Reason = lookup.Reason{Code: lookup.FaultDown, Have: l.Name}
			} else if l != nil && !q.real(&w) && switchedOff(snap, s.family(), l.Name) {
				f.Reason = lookup.Reason{Code: lookup.FaultNoIPv6, Have: l.Name}
			} else if l != nil && !l.Carrier() && !q.real(&w) {
				f.Reason = lookup.Reason{Code: lookup.FaultIgnored, Have: l.Name}
			}
		}
		if !q.real(&w) {
			f.Wanted, f.Rule = nil, nil
		}
	case lookup.CodeExpired:
		take = func(s *state) *state { return s.changed(&w, func(r *route.Route) { r.Expires = 0 }) }
	case lookup.CodeTOS, lookup.CodeTOSNever:
		take = func(s *state) *state { return s.changed(&w, func(r *route.Route) { r.TOS = 0 }) }
	case lookup.CodeNeighbour:
		take = func(s *state) *state { return s.onSnapshot(func(snap *route.Snapshot) { forget(snap, &w) }) }
	case lookup.CodeSourceHides:
		take = func(s *state) *state { return s.withoutSourced(w.Table) }
	case lookup.CodeRouteOif:
		if s.flow.In == 0 {
			return nil // the fact about the packet's device says so
		}
		take = func(s *state) *state {
			return s.changed(&w, func(r *route.Route) { r.NextHops, r.NextHopID = []route.NextHop{{Link: s.flow.In}}, 0 })
		}
	}
	return []option{found(f, take)}
}

// deadLeg is the fact that a multipath route is taken, but not by the next hop that is
// wanted, because nothing gets out there.
func (q *search) deadLeg(s *state, f Fact) []option {
	if q.want.Kind != Device && q.want.Kind != Gateway {
		return nil
	}
	for _, h := range hopsOf(s.fib.Snapshot(), f.Wanted) {
		why := s.fib.HopHealth(&h)
		if !q.right(s, &h) || why.Code == "" {
			continue
		}
		f.Reason = why
		w := *f.Wanted
		take := func(s *state) *state {
			return s.changed(&w, func(r *route.Route) { r.NextHops = alive(r.NextHops) })
		}
		switch {
		case why.Code == lookup.FaultNeighbour:
			take = func(s *state) *state { return s.onSnapshot(func(snap *route.Snapshot) { forget(snap, &w) }) }
		case w.NextHopID != 0:
			take = func(s *state) *state { return s.onSnapshot(aliveObjects) }
		}
		return []option{found(f, take)}
	}
	return nil
}

// forget removes what is known of a route's gateways.
func forget(snap *route.Snapshot, w *route.Route) {
	snap.Neighbours = slices.DeleteFunc(slices.Clone(snap.Neighbours), func(n route.Neighbour) bool {
		return slices.ContainsFunc(hopsOf(snap, w), func(h route.NextHop) bool { return h.Gateway == n.Addr && h.Link == n.Link })
	})
}

// real reports whether the host that was asked about has the entry.
func (q *search) real(r *route.Route) bool {
	found := false
	q.root.covering(func(o *route.Route) bool {
		found = o.Table == r.Table && o.Dst == r.Dst && o.Kind() == r.Kind()
		return !found
	})
	return found
}

func aliveObjects(snap *route.Snapshot) {
	snap.NextHops = slices.Clone(snap.NextHops)
	for i := range snap.NextHops {
		snap.NextHops[i].NextHop.Flags &^= route.NextHopDead | route.NextHopLinkDown
	}
}
