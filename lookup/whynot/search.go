package whynot

import (
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
)

// maxFacts is how many facts are given at most. maxTried is the number of sets of
// facts after which the search ends without a result.
const (
	maxFacts = 5
	maxTried = 600
)

// search looks for the smallest set of facts that stops a packet.
type search struct {
	want  Want
	about netip.Prefix
	root  *state
	// around is what a pass over all entries found; nil: there was none yet.
	around *survey
	// tried is how many states were examined.
	tried int
	// met says whether the packet goes where it is wanted to go now.
	met Met
	// also are other facts, each of which stops the packet alone.
	also []Fact
}

// target is the destination of the changes: the packet's destination, or the prefix
// that it represents.
func (q *search) target() netip.Prefix {
	if q.about.IsValid() {
		return q.about
	}
	return netip.PrefixFrom(q.root.dst(), q.root.dst().BitLen())
}

// node is a host without some of the facts.
type node struct {
	state *state
	facts []option
}

func (n *node) key() string {
	keys := make([]string, len(n.facts))
	for i := range n.facts {
		keys[i] = n.facts[i].key
	}
	slices.Sort(keys)
	return strings.Join(keys, "\n")
}

// facts tries sets with one fact first, and then larger sets. Sets of the same size are
// tried in the kernel's order. It returns nil if it finds none. The facts are in the
// order in which they must be taken away, because one fact may be visible only without
// another one.
func (q *search) facts() []option {
	queue := []node{{state: q.root}}
	seen := map[string]bool{}
	for len(queue) > 0 && q.tried < maxTried {
		n := queue[0]
		queue = queue[1:]
		q.tried++
		t := n.state.explain()
		if met, _ := q.want.Met(&n.state.flow, &t.Decision); met != No && len(n.facts) > 0 {
			if len(n.facts) == 1 {
				q.also = q.alone(&n.facts[0], queue)
			}
			return q.minimal(n.facts)
		}
		if len(n.facts) == maxFacts {
			continue
		}
		for _, o := range q.options(n.state, t) {
			if o.take == nil || slices.ContainsFunc(n.facts, func(f option) bool { return f.key == o.key }) {
				continue
			}
			next := node{facts: append(slices.Clone(n.facts), o)}
			if k := next.key(); !seen[k] {
				seen[k] = true
				if next.state = o.take(n.state); next.state != nil {
					queue = append(queue, next)
				}
			}
		}
	}
	return nil
}

// maxAlso is how many other facts are given, each of which also stops the packet alone.
const maxAlso = 2

// alone are facts about routes of tables that are asked, if the packet would go where it is
// wanted to go without one of them, as it would without the first fact.
func (q *search) alone(first *option, queue []node) []Fact {
	var out []Fact
	told := []*route.Route{first.Route, first.Wanted}
	for i := range queue {
		n := &queue[i]
		if len(n.facts) != 1 || len(out) == maxAlso {
			continue
		}
		f := &n.facts[0].Fact
		if f.Route == nil || f.Wanted == nil || slices.ContainsFunc(told, func(r *route.Route) bool { return r != nil && (sameEntry(r, f.Route) || sameEntry(r, f.Wanted)) }) {
			continue
		}
		d := n.state.decide()
		if met, _ := q.want.Met(&n.state.flow, &d); met != No {
			out, told = append(out, *f), append(told, f.Route, f.Wanted)
		}
	}
	return out
}

func sameEntry(a, b *route.Route) bool {
	return a.Table == b.Table && a.Dst == b.Dst && a.Kind() == b.Kind()
}

// minimal is the smallest part of a set of facts that is enough: without this part, the
// packet goes where it is wanted to go.
func (q *search) minimal(facts []option) []option {
	best := facts
	for mask := 1; mask < 1<<len(facts)-1; mask++ {
		var part []option
		for i := range facts {
			if mask>>i&1 != 0 {
				part = append(part, facts[i])
			}
		}
		if len(part) < len(best) && q.suffices(part) {
			best = part
		}
	}
	return best
}

// suffices reports whether the packet goes where it is wanted to go without the given
// facts.
func (q *search) suffices(facts []option) bool {
	s := q.root
	for i := range facts {
		if s = facts[i].take(s); s == nil {
			return false
		}
	}
	d := s.decide()
	met, _ := q.want.Met(&s.flow, &d)
	return met != No
}

// options are the facts that a look-up shows and that may each stop the packet, in the
// kernel's order.
func (q *search) options(s *state, t *lookup.Trace) []option {
	out := q.ofPacket(s, t)
	if q.want.Kind == Source {
		out = append(out, q.ofSource(s, t)...)
	}
	wanted, group := q.wanted(s), q.ofGroup(s, t)
	t = walked(t)
	looked := s.onFlow(func(f *route.Flow) { *f = t.Flow }) // a connection's packet has a source
	for i := range t.Rules {
		out = append(out, q.ofRule(looked, &t.Rules[i], wanted)...)
		if decided(&t.Rules[i]) {
			break
		}
	}
	out = append(out, q.unreached(s, t, wanted)...)
	if len(wanted) == 0 {
		out = append(out, q.noEntry(s, t)...)
	}
	return append(out, group...)
}

// decided reports whether the look-up ended at a rule.
func decided(t *lookup.RuleTrial) bool {
	return t.Verdict == lookup.VerdictMatch || t.Verdict == lookup.VerdictRefuses || t.Verdict == lookup.VerdictUncertain
}

// maxWanted is how many entries that could carry the packet are looked at.
const maxWanted = 64

// wanted are the entries that cover the destination and would bring the packet where it
// is wanted to go.
func (q *search) wanted(s *state) []*route.Route {
	var out []*route.Route
	snap := s.fib.Snapshot()
	s.covering(func(r *route.Route) bool {
		if q.want.gives(snap, r) {
			out = append(out, r)
		}
		return len(out) < maxWanted
	})
	return out
}

// in is the first of some routes that is in a table.
func in(all []*route.Route, id route.Table) *route.Route {
	for _, r := range all {
		if r.Table == id {
			return r
		}
	}
	return nil
}

// ofRule are the facts about one rule and its table.
func (q *search) ofRule(s *state, t *lookup.RuleTrial, wanted []*route.Route) []option {
	f := Fact{Rule: t.Rule, order: s.original(t.Rule)}
	var out []option
	switch t.Verdict {
	case lookup.VerdictNoMatch:
		return q.unselected(s, t, f, wanted)
	case lookup.VerdictSuppressed:
		if f.Wanted = in(wanted, t.Table); f.Wanted != nil && f.order >= 0 {
			f.Reason = t.Reason
			out = append(out, found(f, func(s *state) *state {
				i := s.at(f.order)
				if i < 0 {
					return nil
				}
				return s.onRule(i, func(r *route.Rule) { r.SuppressPrefixLen, r.SuppressGroup = -1, -1 })
			}))
		}
		return append(out, q.inTable(s, t, f, wanted)...)
	case lookup.VerdictContinue:
		if t.Rule.Action == route.ActionGoto {
			return q.skips(t, f)
		}
		return q.inTable(s, t, f, wanted)
	case lookup.VerdictMatch, lookup.VerdictRefuses:
		out = q.inTable(s, t, f, wanted)
		return append(out, q.elsewhere(t, f)...)
	}
	return nil
}

// original is the index of a rule in the first snapshot; -1: the rule is a supposed
// one, or is not in the snapshot.
func (s *state) original(r *route.Rule) int {
	if i := s.place(r); i >= 0 {
		return s.rules[i]
	}
	return -1
}

// at is the present index of a rule of the first snapshot; -1: the rule is gone.
func (s *state) at(place int) int { return slices.Index(s.rules, place) }

// gone is the state without one rule of the first snapshot.
func (s *state) gone(place int) *state {
	i := s.at(place)
	if i < 0 {
		return nil
	}
	return s.withoutRule(i)
}

// unselected are facts about a rule that leads to a wanted entry, and does not select
// the packet.
func (q *search) unselected(s *state, t *lookup.RuleTrial, f Fact, wanted []*route.Route) []option {
	wants := q.want.Kind == Rule && t.Rule.Priority == q.want.Priority
	if f.Wanted = in(wanted, t.Table); f.Wanted == nil && !wants || f.order < 0 {
		return nil
	}
	f.Reason, f.Others = t.Reason, t.Others
	if t.Shadow != nil && f.Wanted != nil && q.want.gives(s.fib.Snapshot(), t.Shadow) {
		f.Wanted = t.Shadow
	}
	return []option{found(f, func(s *state) *state {
		i := s.at(f.order)
		if i < 0 {
			return nil
		}
		return s.onRule(i, func(r *route.Rule) {
			r.Selector, r.Unknown = route.Selector{L3Mdev: r.Selector.L3Mdev && r.Table == 0}, nil
		})
	})}
}

// skips is the fact that a goto skips rules.
func (q *search) skips(t *lookup.RuleTrial, f Fact) []option {
	if t.Reason.Code != lookup.CodeGoto || f.order < 0 {
		return nil
	}
	f.Reason = lookup.Reason{Code: CodeSkipGoto, Want: t.Rule.Goto}
	return []option{found(f, func(s *state) *state { return s.gone(f.order) })}
}

// elsewhere is the fact that the look-up ended at a rule with another result than the
// wanted one.
func (q *search) elsewhere(t *lookup.RuleTrial, f Fact) []option {
	f.Reason.Code = CodeEarlier
	if t.Verdict == lookup.VerdictRefuses {
		f.Reason.Code = CodeRefused
	}
	end := ended(t)
	var out []option
	if end != nil {
		f.Route = end
		r := *end
		out = append(out, option{f, keyOf(&f, "route"), func(s *state) *state { return s.without(&r) }})
	}
	if f.order >= 0 {
		out = append(out, option{f, keyOf(&f, "rule"), func(s *state) *state { return s.gone(f.order) }})
	}
	return out
}

// ended is the entry at which the search of a rule's table ended; nil: there is none.
func ended(t *lookup.RuleTrial) *route.Route {
	for i := range t.Candidates {
		switch c := &t.Candidates[i]; c.Verdict {
		case lookup.VerdictChosen, lookup.VerdictPossible, lookup.VerdictRefuses, lookup.VerdictThrows, lookup.VerdictSuppressed:
			return &c.Route
		}
	}
	return nil
}

// inTable are the facts that prevent the wanted entries of a rule's table from being
// taken.
func (q *search) inTable(s *state, t *lookup.RuleTrial, f Fact, wanted []*route.Route) []option {
	var out []option
	end := ended(t)
	for i := range t.Candidates {
		c := &t.Candidates[i]
		if !slices.ContainsFunc(wanted, func(r *route.Route) bool {
			return r.Dst == c.Route.Dst && r.Table == c.Route.Table && r.Kind() == c.Route.Kind()
		}) {
			continue
		}
		f := f
		f.Wanted, f.Reason = &c.Route, c.Reason
		switch {
		case c.Verdict == lookup.VerdictUnusable:
			out = append(out, q.unusable(s, f)...)
		case c.Verdict == lookup.VerdictChosen || c.Verdict == lookup.VerdictPossible:
			out = append(out, q.deadLeg(s, f)...)
		case c.Verdict == lookup.VerdictLoses && end != nil:
			f.Route = end
			out = append(out, found(f, func(s *state) *state { return s.without(f.Route) }))
		}
	}
	return append(out, q.forSources(s, t, f, wanted)...)
}

// forSources are facts about wanted entries in a rule's table that are for other sources
// than the packet's source, because such an entry is not looked at (fib6_node_lookup).
func (q *search) forSources(s *state, t *lookup.RuleTrial, f Fact, wanted []*route.Route) []option {
	var out []option
	for _, w := range wanted {
		if w.Table != t.Table || w.Src.Bits() <= 0 || w.Src.Contains(s.flow.Src) {
			continue
		}
		f := f
		f.Wanted, f.Reason = w, lookup.Reason{Code: CodeForSources, Want: w.Src, Have: s.flow.Src}
		out = append(out, found(f, func(s *state) *state {
			return s.changed(w, func(r *route.Route) { r.Src = netip.Prefix{} })
		}))
	}
	return out
}

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

// unreached are facts about the wanted entries of tables that no rule leads to.
func (q *search) unreached(s *state, t *lookup.Trace, wanted []*route.Route) []option {
	last := -1 // a rule is supposed before this one
	for i := range t.Rules {
		if decided(&t.Rules[i]) {
			last = s.original(t.Rules[i].Rule)
		}
	}
	var out []option
	seen := map[route.Table]bool{}
	for _, w := range wanted {
		if seen[w.Table] || len(s.fib.RulesTo(s.family(), w.Table)) > 0 {
			continue
		}
		seen[w.Table] = true
		f := Fact{Reason: lookup.Reason{Code: CodeUnreached}, Wanted: w, order: last}
		if why := s.fib.Unled(s.family(), w.Table); why.Code != "" {
			f.Reason = why
		}
		if last < 0 {
			f.order = len(s.rules)
		}
		supposed := route.Rule{Family: s.family(), Action: route.ActionTable, Table: w.Table, SuppressPrefixLen: -1, SuppressGroup: -1}
		out = append(out, found(f, func(s *state) *state {
			rules := s.fib.Snapshot().Rules
			i, r := s.at(last), supposed
			if last < 0 || i < 0 {
				i = len(rules)
			} else {
				r.Priority = rules[i].Priority
			}
			return s.withRule(i, r)
		}))
	}
	return out
}
