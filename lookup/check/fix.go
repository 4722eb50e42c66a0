package check

import (
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// State is the host's state, in the form that changes need.
func (h *Host) State() *change.State {
	if h.state == nil {
		h.state = change.New(h.fib)
	}
	return h.state
}

// fix returns the changes if two things are true: the kernel would accept them one after the
// other, and packets that get out or are delivered now would go where they went before. If so,
// connections do too. Nil means that there is a doubt.
func (h *Host) fix(changes ...change.Change) []change.Change {
	if h.asks || h.fib.Partial() {
		return nil // what the change affects may not be in memory
	}
	s := h.State()
	for _, c := range changes {
		o := s.Apply(c)
		if o.Refusal != nil {
			return nil
		}
		s = o.State
	}
	if !h.unmoved(s) {
		return nil
	}
	return changes
}

// unmoved reports whether packets that get somewhere now would still go the same way:
// packets to another network without a source and from each address of this host, and
// packets to each such address.
func (h *Host) unmoved(s *change.State) bool {
	for _, fam := range h.families(route.FactRoutes) {
		flows := []route.Flow{{Dst: h.far(fam)}}
		for i := range h.snap.Addrs[:min(len(h.snap.Addrs), maxOwn)] {
			if ip := h.snap.Addrs[i].Prefix.Addr(); route.FamilyOf(ip) == fam && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
				flows = append(flows, route.Flow{Dst: h.far(fam), Src: ip}, route.Flow{Dst: ip})
			}
		}
		for _, flow := range flows {
			a, b := h.fib.Lookup(flow), s.FIB().Lookup(flow)
			if !a.Disposition.Success() {
				continue
			}
			if a.Disposition != b.Disposition || a.Errno != b.Errno || len(a.NextHops) != len(b.NextHops) ||
				!slices.EqualFunc(a.NextHops, b.NextHops, sameWay) {
				return false
			}
		}
	}
	return true
}

func sameWay(a, b lookup.NextHop) bool {
	return a.Link == b.Link && a.Gateway == b.Gateway && a.Src == b.Src
}

// deleteRule is the change that deletes a rule.
func deleteRule(r *route.Rule) change.Change {
	return &change.Rule{Verb: change.Delete, Rule: *r, HasPriority: true}
}

// deleteRoute is the change that deletes a route.
func deleteRoute(r *route.Route) change.Change {
	return &change.Route{Verb: change.Delete, Route: r.Clone()}
}
