package whynot

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// state is a host and a packet. Each is either real or supposed.
type state struct {
	fib *lookup.FIB
	// rules has, for each rule of the snapshot, its index in the snapshot that was asked
	// about; -1: the rule is a supposed one.
	rules []int
	flow  route.Flow
	// connects says that a socket connects, which looks up twice (see [lookup.FIB.Connect]).
	connects bool
}

func newState(f *lookup.FIB, flow route.Flow, connects bool) *state {
	s := &state{fib: f, flow: flow, connects: connects}
	for i := range f.Snapshot().Rules {
		s.rules = append(s.rules, i)
	}
	return s
}

// explain looks the packet up, or what a socket sends that connects.
func (s *state) explain() *lookup.Trace {
	if s.connects {
		return s.fib.Connect(s.flow)
	}
	return s.fib.Explain(s.flow)
}

// walked is the look-up whose rules and routes decide. That is the first one of a connection,
// if the second one asks no rule: what is sent to a group or to everybody leaves by the device
// that has its source (ip_route_output_key_hash_rcu).
func walked(t *lookup.Trace) *lookup.Trace {
	if t.First != nil && len(t.Rules) == 0 {
		return t.First
	}
	return t
}

// decide is the decision of explain.
func (s *state) decide() lookup.Decision { return decide(s.fib, s.flow, s.connects) }

func decide(f *lookup.FIB, flow route.Flow, connects bool) lookup.Decision {
	if connects {
		return f.Connect(flow).Decision
	}
	return f.Lookup(flow)
}

// connectsElse reports whether a socket that connects may send packets otherwise than the
// look-up says: the question is about a packet of this host that has no source yet.
func (s *state) connectsElse() bool { return !s.connects && s.flow.In == 0 && !s.flow.Src.IsValid() }

// place is the index of a rule in the snapshot; -1: it is not one of its rules.
func (s *state) place(r *route.Rule) int {
	all := s.fib.Snapshot().Rules
	for i := range all {
		if &all[i] == r {
			return i
		}
	}
	return -1
}

// family is the family of the packet.
func (s *state) family() route.Family { return s.flow.Family() }

// dst is the destination without a zone.
func (s *state) dst() netip.Addr { return s.flow.Dst.WithZone("") }

// onFlow is the same host with another packet.
func (s *state) onFlow(edit func(*route.Flow)) *state {
	c := *s
	edit(&c.flow)
	return &c
}

// full is a route of an [lookup.Edit] with its destination.
func full(r *route.Route, dst netip.Prefix) route.Route {
	c := *r
	c.Dst = dst
	return c
}

// onRoutes replaces the routes to a prefix of a table.
func (s *state) onRoutes(id route.Table, dst netip.Prefix, edit func([]*route.Route) []*route.Route) *state {
	e := s.fib.Edit()
	e.Set(id, dst, edit(slices.Clone(e.At(id, dst))))
	c := *s
	c.fib = e.FIB(s.fib.Snapshot())
	return &c
}

// without is the host without one route.
func (s *state) without(r *route.Route) *state {
	kind := r.Kind()
	return s.onRoutes(r.Table, r.Dst, func(all []*route.Route) []*route.Route {
		i := slices.IndexFunc(all, func(o *route.Route) bool { f := full(o, r.Dst); return f.Kind() == kind })
		if i < 0 {
			return all
		}
		return slices.Delete(all, i, i+1)
	})
}

// withoutSourced is the host without those routes of a table to the destination that are
// only for packets from some prefix.
func (s *state) withoutSourced(id route.Table) *state {
	var gone []route.Route
	s.covering(func(r *route.Route) bool {
		if r.Table == id && r.Src.Bits() > 0 {
			gone = append(gone, *r)
		}
		return true
	})
	out := s
	for i := range gone {
		out = out.without(&gone[i])
	}
	return out
}

// with is the host with one more route. The route comes before the other routes to
// its prefix.
func (s *state) with(r *route.Route) *state {
	return s.onRoutes(r.Table, r.Dst, func(all []*route.Route) []*route.Route { return slices.Insert(all, 0, r) })
}

// changed is the host with one route changed.
func (s *state) changed(r *route.Route, edit func(*route.Route)) *state {
	kind := r.Kind()
	return s.onRoutes(r.Table, r.Dst, func(all []*route.Route) []*route.Route {
		for i, o := range all {
			if f := full(o, r.Dst); f.Kind() == kind {
				c := o.Clone()
				edit(&c)
				all[i] = &c
				break
			}
		}
		return all
	})
}

// onRules is the host with other rules.
func (s *state) onRules(edit func(rules []route.Rule, places []int) ([]route.Rule, []int)) *state {
	snap := *s.fib.Snapshot()
	c := *s
	snap.Rules, c.rules = edit(slices.Clone(snap.Rules), slices.Clone(s.rules))
	c.fib = s.fib.Edit().FIB(&snap)
	return &c
}

// withoutRule is the host without one rule, which is given by its index.
func (s *state) withoutRule(i int) *state {
	return s.onRules(func(rules []route.Rule, places []int) ([]route.Rule, []int) {
		return slices.Delete(rules, i, i+1), slices.Delete(places, i, i+1)
	})
}

// onRule is the host with one rule changed.
func (s *state) onRule(i int, edit func(*route.Rule)) *state {
	return s.onRules(func(rules []route.Rule, places []int) ([]route.Rule, []int) {
		edit(&rules[i])
		return rules, places
	})
}

// withRule is the host with one more rule, before the rule with the given index.
func (s *state) withRule(i int, r route.Rule) *state {
	return s.onRules(func(rules []route.Rule, places []int) ([]route.Rule, []int) {
		return slices.Insert(rules, i, r), slices.Insert(places, i, -1)
	})
}

// onSnapshot is the host with other facts, but the same routes and rules.
func (s *state) onSnapshot(edit func(*route.Snapshot)) *state {
	snap := *s.fib.Snapshot()
	edit(&snap)
	c := *s
	c.fib = s.fib.Edit().FIB(&snap)
	return &c
}

// set is the host with other settings; nil: the kernel refuses them.
func (s *state) set(settings ...change.Sysctl) *state {
	now := change.New(s.fib)
	for i := range settings {
		out := now.Apply(&settings[i])
		if out.Refusal != nil {
			return nil
		}
		now = out.State
	}
	c := *s
	c.fib = now.FIB()
	return &c
}

// covering gives the routes of all tables that cover the destination. The longest
// prefix of each table comes first.
func (s *state) covering(yield func(*route.Route) bool) {
	e := s.fib.Edit()
	for _, id := range e.Tables(s.family()) {
		stop := false
		e.Covering(id, s.dst(), func(p netip.Prefix, all []*route.Route) bool {
			for _, o := range all {
				if f := full(o, p); !yield(&f) {
					stop = true
					return false
				}
			}
			return true
		})
		if stop {
			return
		}
	}
}

// covers is the first route that covers the destination and is a wanted one; nil: there
// is none.
func (s *state) covers(wanted func(*route.Route) bool) (found *route.Route) {
	s.covering(func(r *route.Route) bool {
		if wanted(r) {
			found = r
		}
		return found == nil
	})
	return found
}

// alive removes the marks from next hops that are not used.
func alive(all []route.NextHop) []route.NextHop {
	out := slices.Clone(all)
	for i := range out {
		out[i].Flags &^= route.NextHopDead | route.NextHopLinkDown
	}
	return out
}
