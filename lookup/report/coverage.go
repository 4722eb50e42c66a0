package report

import (
	"cmp"
	"context"
	"math/big"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Coverage says what becomes of a packet to each address of a family: how many addresses
// each next hop and each route gets. Numbers of addresses are decimal, and may have more
// than 64 bits. A share is a part of all addresses, 0 to 1.
type Coverage struct {
	// Query is the packet. Its Dst is all addresses of the family.
	Query Query  `json:"query"`
	Size  string `json:"size"`
	// Ways are what becomes of the packet, the largest first. Their sizes add up to Size.
	Ways Rows[CoverageWay] `json:"ways"`
	// Routes are those that decide about some addresses, the largest first.
	Routes Rows[ServedRoute] `json:"routes"`
	// Unreached are the routes that decide about no address, those with the shortest
	// prefixes first. Routes of type throw are in neither list, and neither are those that
	// cover addresses about which nothing is known.
	Unreached Rows[UnreachedRoute] `json:"unreached"`
	// UnreachedTables are the tables that have such routes, in the order in which the rules
	// lead to them; tables that no rule leads to are last.
	UnreachedTables []UnreachedTable `json:"unreached_tables,omitempty"`
	// Map is the same as a map; nil: none was asked for.
	Map *CoverageMap `json:"map,omitempty"`
	// Assumptions are facts that the answer rests on although they were not read.
	Assumptions []Finding `json:"assumptions,omitempty"`
	Warnings    []Finding `json:"warnings,omitempty"`
}

// CoverageWay is one thing that may become of the packet.
type CoverageWay struct {
	Size  string  `json:"size"`
	Share float64 `json:"share"`
	// GlobalSize is how many of the addresses are in 2000::/3, the global unicast addresses
	// of IPv6, and Global the part of 2000::/3 that these are, 0 to 1.
	GlobalSize string  `json:"global_size,omitempty"`
	Global     float64 `json:"share_of_global,omitempty"`
	// Ranges is how many ranges of addresses it has. Largest are the largest of them.
	Ranges  int             `json:"ranges"`
	Largest []CoverageRange `json:"largest"`
	// What follows has the same meaning as in a decision.
	Disposition lookup.Disposition `json:"disposition"`
	Errno       route.Errno        `json:"errno,omitzero"`
	SomeRefused *Refused           `json:"some_refused,omitempty"`
	Shortcut    lookup.Shortcut    `json:"shortcut,omitempty"`
	NextHops    []NextHop          `json:"nexthops,omitempty"`
	Ambiguous   Reason             `json:"ambiguous,omitzero"`
	SentOn      bool               `json:"sent_on,omitempty"`
	// NotForwarded says that IPv6 forwarding is off, so that a received packet is dropped
	// although it has a route.
	NotForwarded bool   `json:"not_forwarded,omitempty"`
	WayOut       string `json:"way_out,omitempty"`
	Why          Reason `json:"reason,omitzero"`
	// Example is one of the addresses, and Decision what becomes of the packet to it. It is
	// there where the way is a refusal of the packet itself.
	Example  netip.Addr `json:"example,omitzero"`
	Decision *Decision  `json:"decision,omitempty"`
}

// CoverageRange is a range of addresses.
type CoverageRange struct {
	First netip.Addr `json:"first"`
	Last  netip.Addr `json:"last"`
	Size  string     `json:"size"`
}

// ServedRoute is a route that decides about some addresses.
type ServedRoute struct {
	Size  string         `json:"size"`
	Share float64        `json:"share"`
	Route iproute2.Route `json:"route"`
	// Turns says that it takes turns with other equal default routes, which have the same
	// addresses.
	Turns bool `json:"turns,omitempty"`
}

// UnreachedRoute is a route that decides about no address.
type UnreachedRoute struct {
	Route iproute2.Route `json:"route"`
	// Entry says how the route stands for all packets; absent: only the first
	// [MaxUnreached] have it.
	Entry *Entry `json:"entry,omitempty"`
	// ByDevice says that packets take it that are bound to its device: it is for addresses
	// that have a meaning on one link alone.
	ByDevice bool `json:"by_device,omitempty"`
}

// MaxUnreached is for how many unreached routes it is said how they stand.
const MaxUnreached = 64

// UnreachedTable is a table with unreached routes.
type UnreachedTable struct {
	Table string `json:"table"`
	// Count is how many routes of the table are unreached, and Routes how many it has.
	Count  int `json:"count"`
	Routes int `json:"routes"`
	// Led says that a rule leads to the table.
	Led bool `json:"led,omitempty"`
	// Reason says why it is not known whether a rule leads to the table.
	Reason Reason `json:"reason,omitzero"`
}

// Changing reports whether the tables were changing while they were read.
func (c *Coverage) Changing() bool { return has(c.Warnings, lookup.NoteChanging) }

// Status is [StatusUnknown] if nothing is known about any address.
func (c *Coverage) Status() Status {
	for i := range c.Ways.Len() {
		if c.Ways.At(i).Disposition != lookup.DispositionUnknown {
			return StatusAnswered
		}
	}
	return StatusUnknown
}

// AskCoverage surveys the packet of a question, whose destinations are ignored, from a
// source: of one family or, zero, of both; with maps if they are asked for. Errors are those of
// [Ask], and a [*route.LimitError] where the work would be more than most allows; zero: it
// never is. The work is about the number of ranges times the addresses of one device.
func AskCoverage(ctx context.Context, src route.Source, family route.Family, q *Question, maps bool, most int64) ([]*Coverage, error) {
	b, err := ReadBatch(ctx, src, family, q)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if family != route.IPv4 && most > 0 && coverage.Work(b.fib) > most {
		return nil, &route.LimitError{Limit: most}
	}
	var out []*Coverage
	for _, fam := range families(family) {
		flow := b.plain4
		if fam == route.IPv6 {
			flow = b.plain6
		}
		var m *mapper
		if maps {
			m = &mapper{fam: fam}
		}
		out = append(out, b.coverage(fam, flow, m))
	}
	return out, nil
}

func families(f route.Family) []route.Family {
	if f != 0 {
		return []route.Family{f}
	}
	return []route.Family{route.IPv4, route.IPv6}
}

// coverage surveys one family. The mapper is nil if no map is asked for.
func (b *Batch) coverage(fam route.Family, flow route.Flow, m *mapper) *Coverage {
	n := namesOf(b.fib)
	s := n.surveyed(fam, flow, m)
	out := &Coverage{
		Query: n.query(&flow, b.fields), Size: s.all.String(),
		Ways: s.wayRows(), Routes: s.routeRows(), Unreached: s.unreachedRows(), UnreachedTables: s.tables(),
		Assumptions: s.assumed(),
	}
	if m != nil {
		out.Map = m.drawn(s.places)
	}
	out.Query.Dst, out.Query.Given = fam.Default(), b.given
	if b.ChangedAtOnce() || b.Changing() {
		out.Warnings = append(out.Warnings, NewRemark(lookup.NoteChanging, "", ""))
	}
	return out
}

// assumed are the facts that the answer rests on although they were not read.
func (s *surveyed) assumed() []Finding {
	var out []Finding
	turns := slices.ContainsFunc(s.Served, func(x coverage.Served) bool { return x.Turns })
	for _, g := range s.snap.Gaps {
		if g.Family != 0 && g.Family != s.Family || g.Fact == route.FactNeighbours && !turns {
			continue
		}
		x := Finding{Reason: Reason{Code: GapCode(g.Fact)}, Private: g.Private}
		switch g.Fact {
		case route.FactDefault, route.FactNeighbours, route.FactRules, route.FactLocal, route.FactAddrs, route.FactLegs:
		case route.FactOddLines, route.FactChoice:
			x.Have = operand(g.Why)
		default:
			continue
		}
		out = append(out, x)
	}
	return out
}

// surveyed is a survey by names.
type surveyed struct {
	names
	*coverage.Survey
	all    *big.Int // how many addresses the family has
	served []int32  // the order of Served
	places []int    // of the ways, by the places that they had in the survey
}

func (n names) surveyed(fam route.Family, flow route.Flow, m *mapper) *surveyed {
	var each func(coverage.Range, int)
	if m != nil {
		each = m.add
	}
	s := &surveyed{names: n, Survey: coverage.Of(n.fib, fam, flow, each), all: new(big.Int).Lsh(big.NewInt(1), uint(fam.Bits()))}
	was := map[netip.Addr]int{}
	for i, w := range s.Ways {
		was[w.First] = i
	}
	slices.SortStableFunc(s.Ways, func(x, y coverage.Way) int { return larger(x.Size, y.Size) })
	s.places = make([]int, len(s.Ways))
	for i, w := range s.Ways {
		s.places[was[w.First]] = i
	}
	s.served = make([]int32, len(s.Served))
	for i := range s.served {
		s.served[i] = int32(i)
	}
	slices.SortFunc(s.served, func(i, k int32) int {
		x, y := &s.Served[i], &s.Served[k]
		if o := larger(x.Size, y.Size); o != 0 {
			return o
		}
		return s.order(&x.Place, &y.Place)
	})
	slices.SortFunc(s.Unreached, func(x, y coverage.Place) int {
		return cmp.Or(x.Dst.Bits()-y.Dst.Bits(), s.order(&x, &y))
	})
	return s
}

// larger puts the larger number first.
func larger(x, y coverage.Count) int {
	switch {
	case y.Less(x):
		return -1
	case x.Less(y):
		return 1
	}
	return 0
}

// order is that of two routes: by their prefixes, and then by all that is printed of them.
func (s *surveyed) order(x, y *coverage.Place) int {
	if o := cmp.Or(x.Dst.Addr().Compare(y.Dst.Addr()), x.Dst.Bits()-y.Dst.Bits(), cmp.Compare(x.Entry.Table(), y.Entry.Table())); o != 0 {
		return o
	}
	if x.Entry == y.Entry {
		return 0
	}
	a, b := x.Entry.Route(x.Dst), y.Entry.Route(y.Dst)
	return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.TOS, b.TOS), cmp.Compare(s.route(&a).Line(), s.route(&b).Line()))
}

// part is a number of addresses as a part of others.
func part(n coverage.Count, of *big.Int) float64 {
	out, _ := new(big.Rat).SetFrac(n.Big(), of).Float64()
	return out
}

func (s *surveyed) wayRows() Rows[CoverageWay] {
	return Rows[CoverageWay]{len(s.Ways), func(i int) *CoverageWay {
		w := &s.Ways[i]
		out := &CoverageWay{Size: w.Size.Big().String(), Share: part(w.Size, s.all), Ranges: w.Ranges}
		if s.Family == route.IPv6 {
			out.GlobalSize, out.Global = w.Global.Big().String(), part(w.Global, new(big.Int).Rsh(s.all, 3))
		}
		for _, r := range w.Largest {
			out.Largest = append(out.Largest, CoverageRange{r.First, r.Last, r.Size().Big().String()})
		}
		s.become(out, w.First)
		return out
	}}
}

// become adds what becomes of the packet.
func (s *surveyed) become(out *CoverageWay, first netip.Addr) {
	flow, raw := s.Decide(first)
	d := NewDecision(s.fib, &flow, &raw, nil)
	if d.Disposition == lookup.DispositionInvalid {
		out.Example, out.Decision, out.Shortcut = first, &d, d.Shortcut
	}
	out.Disposition, out.Errno, out.SomeRefused, out.Ambiguous, out.SentOn = d.Disposition, d.Errno, d.SomeRefused, d.Ambiguous, d.SentOn
	if flow.In != 0 && d.Disposition == lookup.DispositionUnicast {
		notes := s.fib.Notes(s.fib.Explain(flow))
		out.NotForwarded = slices.ContainsFunc(notes, func(n lookup.Note) bool { return n.Code == lookup.NoteNotForwarded || n.Code == lookup.NoteStaysOnLink })
	}
	target := lookup.FaultTarget // the address itself, and so not true of all
	if d.Why.Code != target {
		out.WayOut, out.Why = d.WayOut, d.Why
	}
	for _, h := range d.NextHops {
		h.Src, h.SrcOneOf, h.Weight, h.NHID = netip.Addr{}, nil, 0, 0
		if h.Fault.Code == target {
			h.Fault = Reason{}
		}
		out.NextHops = append(out.NextHops, h)
	}
}

// Outcome is what becomes of the packet, as far as it is the same for all addresses.
func (w *CoverageWay) Outcome() *Decision {
	return &Decision{
		Disposition: w.Disposition, Errno: w.Errno, SomeRefused: w.SomeRefused, Shortcut: w.Shortcut, NextHops: w.NextHops,
		Ambiguous: w.Ambiguous, SentOn: w.SentOn, WayOut: w.WayOut, Why: w.Why,
	}
}

func (s *surveyed) routeRows() Rows[ServedRoute] {
	return Rows[ServedRoute]{len(s.Served), func(i int) *ServedRoute {
		x := &s.Served[s.served[i]]
		r := x.Entry.Route(x.Dst)
		return &ServedRoute{x.Size.Big().String(), part(x.Size, s.all), *s.route(&r), x.Turns}
	}}
}

func (s *surveyed) unreachedRows() Rows[UnreachedRoute] {
	return Rows[UnreachedRoute]{len(s.Unreached), func(i int) *UnreachedRoute {
		x := &s.Unreached[i]
		r := x.Entry.Route(x.Dst)
		out := &UnreachedRoute{Route: *s.route(&r), ByDevice: s.unbound() && oneLink(x.Dst)}
		if i < MaxUnreached {
			out.Entry = s.standing(x)
		}
		return out
	}}
}

// unbound reports whether the packet's sender is bound to no device.
func (s *surveyed) unbound() bool {
	flow, _ := s.Decide(s.Family.Default().Addr())
	return flow.Out == 0
}

// oneLink reports whether the addresses of a prefix have a meaning on one link alone.
func oneLink(p netip.Prefix) bool {
	return p.Addr().Is6() && (p.Addr().IsLinkLocalUnicast() || p.Addr().IsMulticast())
}

// standing says how an entry stands.
func (s *surveyed) standing(x *coverage.Place) *Entry {
	for _, e := range s.fib.EntryStatuses(x.Dst) {
		if e.Entry() == x.Entry {
			out := s.entry(&e)
			for _, r := range e.Rules[:min(len(e.Rules), maxConditions)] {
				out.Rules = append(out.Rules, *s.rule(r))
			}
			return &out
		}
	}
	return nil
}

// tables are those with unreached routes.
func (s *surveyed) tables() []UnreachedTable {
	count := map[route.Table]int{}
	for i := range s.Unreached {
		count[s.Unreached[i].Entry.Table()]++
	}
	var out []UnreachedTable
	for _, t := range s.fib.TableOrder(s.Family) {
		if count[t] > 0 {
			one := UnreachedTable{Table: s.table(t), Count: count[t], Routes: s.fib.TableSize(s.Family, t), Led: len(s.fib.RulesTo(s.Family, t)) > 0}
			if !one.Led {
				one.Reason = NewReason(s.fib.Unled(s.Family, t))
			}
			out = append(out, one)
		}
	}
	return out
}
