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
	// Objects are what one of the two has and the other has not, or has otherwise: these
	// are the causes.
	Objects Rows[Object] `json:"objects"`
	// Destinations are the ranges that are decided differently, in ascending order, IPv4
	// first. What is compared are packets without a source, a mark and the like.
	Destinations Rows[Change] `json:"destinations"`
	// OthersMay says that packets which were not compared may be decided differently.
	OthersMay bool      `json:"others_may,omitempty"`
	Warnings  []Finding `json:"warnings,omitempty"`

	ranges []Range
}

// Change is a range of destinations whose decision differs.
type Change struct {
	Range
	// Size is how many addresses it has, which may be a number of more than 64 bits.
	Size string `json:"size"`
	// Before and After are the decisions about its first address.
	Before Decision `json:"before"`
	After  Decision `json:"after"`
}

// Range is some destinations in a row.
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
	var changes []coverage.Change
	for _, f := range families {
		one := coverage.Diff(before, after, f, coverage.Flow{Flow: route.Flow{Proto: route.ProtoUDP}})
		if changes == nil {
			changes = one.Changes
		} else {
			changes = append(changes, one.Changes...)
		}
		one.Changes = nil
		d.routes = append(d.routes, one)
	}
	d.compareAll()
	out := &Diff{Objects: d.rows(), ranges: grouped(changes)}
	out.Destinations = changeRows(before.FIB, after.FIB, changes, out.ranges)
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

// grouped are the ranges of changes, with the number of their group.
func grouped(all []coverage.Change) []Range {
	out := make([]Range, len(all))
	groups := map[[2]fate]int{}
	for i := range all {
		c := &all[i]
		k := [2]fate{fateOf(c.First, &c.Before), fateOf(c.First, &c.After)}
		if groups[k] == 0 {
			groups[k] = len(groups) + 1
		}
		out[i] = Range{c.First, c.Last, groups[k]}
	}
	return out
}

// fate is what a decision says, but for the destination.
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

// selections are the findings about rules that select packets which were not compared.
func (d *differ) selections(rules []sideRule) []Finding {
	var out []Finding
	seen := map[string]bool{}
	for _, r := range rules {
		f := Finding{Reason: Reason{Code: RemarkSelected}, Rule: r.names.rule(r.rule)}
		f.Ask, f.Received = d.packet(r.rule)
		if key := f.Rule.Selector(); !seen[key] {
			seen[key] = true
			out = append(out, f)
		}
	}
	return out
}

// sideRule is a rule of one of the two hosts.
type sideRule struct {
	names names
	rule  *route.Rule
}

// selected finds which packets that are not compared may be decided differently: the rules
// that select them, and whether there may be any at all.
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
				if leading[r] || changed[n.ruleKey(r)] {
					rules = append(rules, sideRule{n, r})
				}
				aside := r.Selector.Not || r.Action == route.ActionGoto // packets that come by another way to the rest
				maybe = maybe || leading[r] || len(changed) > 0 || aside && len(tables) > 0
			}
		}
	}
	return rules, maybe
}

// selects reports whether a rule asks for more than the destination: a packet of this
// host without a source, a mark and the like, by which hosts are compared, does not
// tell what it does to others.
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

// rulesTo are the rules that lead to one of some tables.
func rulesTo(f *lookup.FIB, fam route.Family, tables []route.Table) map[*route.Rule]bool {
	out := map[*route.Rule]bool{}
	for _, t := range tables {
		for _, r := range f.RulesTo(fam, t) {
			out[r] = true
		}
	}
	return out
}

// changedRules are the rules of a family that one side alone has.
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

// changedTables are the tables whose routes differ.
func changedTables(one *coverage.Difference) []route.Table {
	var out []route.Table
	seen := map[route.Table]bool{}
	for _, list := range []*route.List{&one.Removed, &one.Added, &one.Old} {
		for i := range list.Len() {
			if t := list.Get(i).Table; !seen[t] {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	return out
}

// packet is what a packet must be that a rule selects, and whether it must come in by a
// device, which may be any; nil: that cannot be told.
func (d *differ) packet(r *route.Rule) (q *Query, received bool) {
	s := r.Selector
	if s.Not || s.TunnelID != 0 || s.HasDSCP || s.FlowLabelMask != 0 || s.SrcPort.Mask != 0 || s.DstPort.Mask != 0 || len(r.Unknown) > 0 {
		return nil, false
	}
	q = &Query{Oif: s.Out, Sport: s.SrcPort.Start, Dport: s.DstPort.Start}
	if s.Src.IsValid() && s.Src.Bits() > 0 {
		src, own := d.sourceIn(&s)
		q.From, received = src, !own && s.In == ""
	}
	if s.MarkMask != 0 {
		q.Mark = &s.Mark
	}
	if s.In != "lo" {
		q.Iif = s.In
	}
	if s.TOS != 0 {
		q.TOS = &s.TOS
	}
	if s.HasUIDs {
		q.UID = &s.UIDs.Start
	}
	if s.Proto != 0 {
		q.IPProto = d.after.query(&route.Flow{Proto: s.Proto}, nil).IPProto
	}
	return q, received
}

// sourceIn is an address that a selector's `from` has: one of the hosts' own where
// there is one, or else that of a packet that comes in, if that is known.
func (d *differ) sourceIn(s *route.Selector) (src netip.Addr, own bool) {
	for _, n := range []names{d.after, d.before} {
		for _, a := range n.snap.Addrs {
			if s.Src.Contains(a.Prefix.Addr()) {
				return a.Prefix.Addr(), true
			}
		}
	}
	own = !d.after.knowsAddrs(route.FamilyOf(s.Src.Addr()))
	if first := s.Src.Addr().Next(); !s.Src.IsSingleIP() && s.Src.Contains(first) {
		return first, own
	}
	return s.Src.Addr(), own
}
