package report

import (
	"math/big"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/route"
)

// Diff is what differs between two hosts, or between a host before and after something.
type Diff struct {
	// Objects are the causes: the things that only one of the two has, or that differ.
	Objects Rows[Object] `json:"objects"`
	// Destinations are the ranges that are decided differently, in ascending order, IPv4
	// first. The compared packets have no source, no mark and the like.
	Destinations Rows[Change] `json:"destinations"`
	// OthersMay says that packets which were not compared may be decided differently.
	OthersMay bool      `json:"others_may,omitempty"`
	Warnings  []Finding `json:"warnings,omitempty"`

	ranges []Range
}

// Change is a range of destinations whose decision differs.
type Change struct {
	Range
	// Size is how many addresses it has. The number may have more than 64 bits.
	Size string `json:"size"`
	// Before and After are the decisions about its first address.
	Before Decision `json:"before"`
	After  Decision `json:"after"`
}

// Range is a range of destinations.
type Range struct {
	First netip.Addr `json:"first"`
	Last  netip.Addr `json:"last"`
	// Group is the same for all ranges with the same before and after, from 1.
	Group int `json:"group"`
}

// RemarkSelected is the code of the finding that packets which were not compared may be
// decided differently: those that Rule selects. Ask is one of them.
const RemarkSelected lookup.Code = "selected-packets"

// NewDiff compares two hosts.
func NewDiff(before, after *coverage.Host, families []route.Family) *Diff {
	d := &differ{before: namesOf(before.FIB), after: namesOf(after.FIB), families: families}
	m := newMoves(before.FIB, after.FIB)
	for _, f := range families {
		one := coverage.Diff(before, after, f, coverage.Flow{Flow: route.Flow{Proto: route.ProtoUDP}}, m.mark)
		m.lists = append(m.lists, one.Changes)
		d.routes = append(d.routes, one)
	}
	d.compareAll()
	out := &Diff{Objects: d.rows(), ranges: m.ranges()}
	out.Destinations = m.rows(out.ranges)
	if d.before.snap.Changed || d.after.snap.Changed {
		out.Warnings = append(out.Warnings, NewRemark(lookup.NoteChanging, "", ""))
	}
	rules, maybe := d.selected()
	out.OthersMay = maybe
	out.Warnings = append(out.Warnings, d.selections(rules)...)
	return out
}

// Same reports whether nothing differs.
func (d *Diff) Same() bool { return d.Objects.Len() == 0 && d.Destinations.Len() == 0 }

// Noted reports whether there is a warning of a code.
func (d *Diff) Noted(c lookup.Code) bool { return has(d.Warnings, c) }

// Status is that of the comparison: [StatusNoRoute] where something differs.
func (d *Diff) Status() Status {
	if d.Same() {
		return StatusAnswered
	}
	return StatusNoRoute
}

// Move are ranges with the same before and after.
type Move struct {
	Ranges []Range
	first  int // the place of the first of them
}

// Size is how many addresses they have together.
func (m *Move) Size() *big.Int {
	n := new(big.Int)
	for _, r := range m.Ranges {
		c := coverage.Change{First: r.First, Last: r.Last}
		n.Add(n, c.Size())
	}
	return n
}

// Moves are the ranges by their groups, in the order of the first addresses.
func (d *Diff) Moves() []Move {
	var out []Move
	for i := range d.Destinations.Len() {
		r := d.rangeAt(i)
		if r.Group > len(out) {
			out = append(out, Move{first: i})
		}
		m := &out[r.Group-1]
		m.Ranges = append(m.Ranges, r)
	}
	return out
}

// Decisions are those about the first of a move's ranges.
func (d *Diff) Decisions(m *Move) (before, after *Decision) {
	c := d.Destinations.At(m.first)
	return &c.Before, &c.After
}

func (d *Diff) rangeAt(i int) Range {
	if d.ranges != nil {
		return d.ranges[i]
	}
	return d.Destinations.At(i).Range
}

// fate is all that a decision says, except for the destination.
type fate struct {
	ipv4        bool
	disposition lookup.Disposition
	errno       route.Errno
	shortcut    lookup.Shortcut
	entry       lookup.Entry
	dst         netip.Prefix
	rule        *route.Rule
	src         netip.Addr
	why         lookup.Code
	refused     route.Errno
	hops        int
}

func fateOf(dst netip.Addr, d *lookup.Decision) fate {
	out := fate{
		dst.Is4(), d.Disposition, d.Errno, d.Shortcut, d.Entry(), d.Route.Dst, d.Rule, d.Src, d.Ambiguous.Code, d.SomeRefused, len(d.NextHops),
	}
	if d.Src == dst {
		out.src = netip.Addr{} // the destination itself
	}
	return out
}

// maxAsked is for how many rules a packet is sought that they match, and maxTried how many
// packets are tried for each: the search may take long.
const (
	maxAsked = 16
	maxTried = 1 << 12
)

// selections are the findings about rules that select packets which were not compared.
func (d *differ) selections(rules []sideRule) []Finding {
	var out []Finding
	solvers := map[*lookup.FIB]*lookup.Solver{}
	at := map[string]int{}
	for k, r := range rules {
		f := Finding{Reason: Reason{Code: RemarkSelected}, Rule: r.names.rule(r.rule)}
		i, seen := at[f.Rule.Selector()]
		if !seen {
			i = len(out)
			at[f.Rule.Selector()] = i
			out = append(out, f)
		}
		if out[i].Ask != nil || k >= maxAsked {
			continue
		}
		s := solvers[r.names.fib]
		if s == nil {
			s = r.names.fib.Solver()
			s.Enough, s.Most = 1, maxTried
			solvers[r.names.fib] = s
		}
		out[i].Ask = r.ask(s)
	}
	return out
}

// sideRule is a rule of one of the two hosts.
type sideRule struct {
	names names
	rule  *route.Rule
	// changed is the destination of a route that differs in the rule's table; invalid:
	// none differs.
	changed netip.Prefix
}

// ask is a packet that the rule matches: the fields in which it differs from those that
// are compared, and its destination if that matters. Nil: none was found, or there is
// no flag for it.
func (r *sideRule) ask(s *lookup.Solver) *Query {
	like := route.Flow{Proto: route.ProtoUDP, UID: route.NoUID}
	dst, anyElse := r.destination()
	like.Dst = dst
	found := s.Matching(r.rule, like).Packets
	if len(found) == 0 || found[0].TunnelID != 0 {
		return nil
	}
	if !anyElse {
		like.Dst = netip.Addr{}
	}
	return r.names.asks(&like, &found[0])
}

// destination is one that the rule may match and, if possible, that takes a route that
// differs. It also reports whether any other destination would do as well.
func (r *sideRule) destination() (dst netip.Addr, anyElse bool) {
	within := r.changed
	if s := &r.rule.Selector; s.Dst.IsValid() && !s.Not && (!within.IsValid() || !within.Overlaps(s.Dst) || s.Dst.Bits() > within.Bits()) {
		within = s.Dst.Masked()
	}
	if within.IsValid() && within.Bits() > 0 {
		return hostIn(within), false
	}
	return r.names.fib.ExternalAddr(r.rule.Family), true
}

// hostIn is the first address of a prefix that is not the network's own.
func hostIn(p netip.Prefix) netip.Addr {
	if next := p.Addr().Next(); p.Bits() < p.Addr().BitLen()-1 && p.Contains(next) {
		return next
	}
	return p.Addr()
}

// selected finds the rules that select packets that are not compared and may be decided
// differently. It also reports whether there may be such packets at all.
func (d *differ) selected() (rules []sideRule, maybe bool) {
	maybe = slices.ContainsFunc(d.objects, func(o Object) bool { return o.Kind == KindSetting })
	for i, fam := range d.families {
		changed := d.changedRules(fam)
		tables := changedTables(d.routes[i])
		for _, n := range []names{d.before, d.after} {
			leading := rulesTo(n.fib, fam, tables)
			for k := range n.snap.Rules {
				r := &n.snap.Rules[k]
				if r.Family != fam || !selects(r) {
					continue
				}
				dst, leads := leading[r]
				if leads || changed[n.ruleKey(r)] {
					rules = append(rules, sideRule{n, r, dst})
				}
				aside := r.Selector.Not || r.Action == route.ActionGoto // other packets go on to the rules that follow
				maybe = maybe || leads || len(changed) > 0 || aside && len(tables) > 0
			}
		}
	}
	return rules, maybe
}

// selects reports whether a rule asks for more than the destination. The compared packets,
// which this host sends without a source, a mark and the like, do not show what such a rule
// does with others.
func selects(r *route.Rule) bool {
	s := r.Selector
	s.Not, s.Dst = false, netip.Prefix{}
	if s.Src.Bits() == 0 {
		s.Src = netip.Prefix{}
	}
	if s.In == "lo" { // what this host sends
		s.In = ""
	}
	return s != route.Selector{} || len(r.Unknown) > 0
}

// rulesTo are the rules that lead to one of some tables, each with the destination of a
// route that differs there.
func rulesTo(f *lookup.FIB, fam route.Family, tables map[route.Table]netip.Prefix) map[*route.Rule]netip.Prefix {
	out := map[*route.Rule]netip.Prefix{}
	for t, dst := range tables {
		for _, r := range f.RulesTo(fam, t) {
			out[r] = dst
		}
	}
	return out
}

// changedRules are the rules of a family that only one side has.
func (d *differ) changedRules(fam route.Family) map[string]bool {
	count := map[string]int{}
	tally := func(n names, by int) {
		for i := range n.snap.Rules {
			if r := &n.snap.Rules[i]; r.Family == fam {
				count[n.ruleKey(r)] += by
			}
		}
	}
	tally(d.before, 1)
	tally(d.after, -1)
	out := map[string]bool{}
	for key, n := range count {
		if n != 0 {
			out[key] = true
		}
	}
	return out
}

// changedTables are the tables whose routes differ, each with the destination of the first
// that does.
func changedTables(one *coverage.Difference) map[route.Table]netip.Prefix {
	out := map[route.Table]netip.Prefix{}
	for _, list := range []*route.List{&one.Removed, &one.Added, &one.Old} {
		for i := range list.Len() {
			r := list.Get(i)
			if _, ok := out[r.Table]; !ok {
				out[r.Table] = r.Dst
			}
		}
	}
	return out
}
