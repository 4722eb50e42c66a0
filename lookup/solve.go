package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Solver finds packets: it is the inverse of a look-up. It remembers the packets that
// it tried, and is not safe for concurrent use; a FIB may have many.
type Solver struct {
	// Enough is how many packets suffice; zero: 8.
	Enough int
	// Most is how many packets one call tries at most; zero: 65536.
	Most int

	m *prober
}

// Solver makes one that has tried no packets.
func (f *FIB) Solver() *Solver { return &Solver{m: f.prober()} }

// Solution is the packets that a [Solver] found.
type Solution struct {
	// Packets are some of them. Each was looked up, and differs from the given packet
	// only in fields that must differ. Those that differ in the fewest fields come first.
	Packets []route.Flow
	// Complete says that all kinds of packets were tried. If it is false, the search was
	// given up, and there may be more.
	Complete bool
}

// maxSolutions is how many packets a [Solver] gives, unless it is told otherwise, and
// maxTried how many it tries.
const (
	maxSolutions = 8
	maxTried     = 1 << 16
)

// ByRule finds packets that a rule of the snapshot decides ([Decision].Rule), and that
// differ as little as possible from a given packet. If that has a destination, it stays.
func (s *Solver) ByRule(r *route.Rule, like route.Flow) Solution {
	return s.byRule(r, like, func(t *sketch) bool { return t.Decision.Rule == r })
}

// Matching finds packets that a rule of the snapshot matches, whether it then decides or
// not. Otherwise it is like [Solver.ByRule].
func (s *Solver) Matching(r *route.Rule, like route.Flow) Solution {
	return s.byRule(r, like, func(t *sketch) bool {
		return slices.ContainsFunc(t.Rules, func(trial RuleTrial) bool { return trial.Rule == r })
	})
}

func (s *Solver) byRule(r *route.Rule, like route.Flow, goal func(*sketch) bool) Solution {
	x := s.search(r.Family, like)
	x.goal = goal
	if !r.Selector.Not {
		x.admits = func(flow *route.Flow) bool { return admits(&r.Selector, flow) }
	}
	within := r.Selector.Dst
	if !within.IsValid() || r.Selector.Not {
		within = r.Family.Default()
	}
	x.destinations(within.Masked())
	x.startBy(&r.Selector)
	return x.run()
}

// ByEntry finds packets whose look-up ends at a route of the snapshot: they take it, or
// perhaps take it as one of several, or it refuses them, or it ends its table (throw).
func (s *Solver) ByEntry(r *route.Route, like route.Flow) Solution {
	x := s.search(r.Family(), like)
	t := s.m.family(r.Family()).tables[r.Table]
	if t == nil || like.Dst.IsValid() && !r.Dst.Contains(like.Dst) {
		return Solution{Complete: true}
	}
	l, ok := t.trie.Get(r.Dst)
	if !ok {
		return Solution{Complete: true}
	}
	kind := r.Kind()
	i := slices.IndexFunc(l.entries, func(e *entry) bool { full := e.full(r.Dst); return full.Kind() == kind })
	if i < 0 {
		return Solution{Complete: true}
	}
	e := l.entries[i]
	x.goal = func(t *sketch) bool {
		c := t.at[place{e, r.Dst}]
		return c != nil && ends(c.Verdict)
	}
	x.destinations(r.Dst)
	for _, sel := range s.m.conditions(&EntryStatus{Route: *r, Rules: s.m.RulesTo(e.fam, r.Table)}, e) {
		x.startBy(&sel)
	}
	return x.run()
}

// ends reports whether a look-up ended at a candidate with this verdict.
func ends(v Verdict) bool {
	return v == VerdictChosen || v == VerdictPossible || v == VerdictRefuses || v == VerdictThrows
}

// Find finds packets to a destination for which sought reports true, given the packet and
// its decision.
func (s *Solver) Find(like route.Flow, sought func(*route.Flow, *Decision) bool) Solution {
	x := s.search(like.Family(), like)
	x.dsts = []netip.Addr{like.Dst}
	x.goal = func(t *sketch) bool { return sought(&t.Flow, &t.Decision) }
	x.starts = append(x.starts, like)
	return x.run()
}
