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
		if met, _ := q.want.On(n.state.fib, &n.state.flow, &t.Decision); met != No && len(n.facts) > 0 {
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
// wanted to go without one of them, as it would without the first fact. Such a fact is that
// another route goes before the wanted one, or that a rule drops it.
func (q *search) alone(first *option, queue []node) []Fact {
	var out []Fact
	told := []*route.Route{first.Route, first.Wanted}
	for i := range queue {
		n := &queue[i]
		if len(n.facts) != 1 || len(out) == maxAlso {
			continue
		}
		f := &n.facts[0].Fact
		drops := f.Code == lookup.CodeSuppressPrefix || f.Code == lookup.CodeSuppressGroup
		if f.Route == nil && !drops || f.Wanted == nil || slices.ContainsFunc(told, func(r *route.Route) bool { return sameEntry(r, f.Route) || sameEntry(r, f.Wanted) }) {
			continue
		}
		d := n.state.decide()
		if met, _ := q.want.On(n.state.fib, &n.state.flow, &d); met != No {
			out, told = append(out, *f), append(told, f.Route, f.Wanted)
		}
	}
	return out
}

// sameEntry reports whether two routes are one; nil is no route.
func sameEntry(a, b *route.Route) bool {
	return a != nil && b != nil && a.Table == b.Table && a.Dst == b.Dst && a.Kind() == b.Kind()
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
	met, _ := q.want.On(s.fib, &s.flow, &d)
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
		if i > 0 {
			out = append(out, q.inMerged(looked, t, i, wanted)...)
		}
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
		if t.Reason.Code == lookup.CodeMerged {
			return nil // another fact says so
		}
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
		return append(out, q.inTable(s, t, f, wanted, ended(t))...)
	case lookup.VerdictContinue:
		if t.Rule.Action == route.ActionGoto {
			return q.skips(t, f)
		}
		return q.inTable(s, t, f, wanted, ended(t))
	case lookup.VerdictMatch, lookup.VerdictRefuses:
		out = q.inTable(s, t, f, wanted, ended(t))
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

// inMerged are the facts that prevent the wanted entries of one of the tables local and main
// from being taken, if an entry of the other one ended the search of both, which are one table:
// an entry of main, or a throw route of table local. The rule at the index is that of main.
func (q *search) inMerged(s *state, t *lookup.Trace, i int, wanted []*route.Route) []option {
	local, main := &t.Rules[i-1], &t.Rules[i]
	f := Fact{Rule: main.Rule, order: s.original(main.Rule)}
	switch {
	case local.Reason.Code == lookup.CodeMerged:
		return q.inTable(s, local, f, wanted, ended(main))
	case t.Merged && local.Table == route.TableLocal && main.Verdict == lookup.VerdictNotReached:
		return q.inTable(s, main, f, wanted, ended(local))
	}
	return nil
}

// inTable are the facts that prevent the wanted entries of a rule's table from being
// taken. The search of the table ended at an entry; nil: there is none.
func (q *search) inTable(s *state, t *lookup.RuleTrial, f Fact, wanted []*route.Route, end *route.Route) []option {
	var out []option
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
		case c.Reason.Code == CodeForSources: // below
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
