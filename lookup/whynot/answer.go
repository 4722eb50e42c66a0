package whynot

import (
	"math/big"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// Question is why a packet does not go somewhere.
type Question struct {
	// FIB has all routes of the host.
	FIB  *lookup.FIB
	Flow route.Flow
	Want Want
	// About is the prefix that the packet stands for: changes are for all of it. The zero
	// Prefix: for its destination alone.
	About netip.Prefix
	// Sockets are the host's connections. Yours reports whether one is of whoever asks: a
	// way by which it is lost is not given; nil: none is.
	Sockets []route.Socket
	Yours   func(*route.Socket) bool
}

// Answer is why it does not, and what would make it.
type Answer struct {
	Trace *lookup.Trace
	// Met is whether it does go there; Share is which part of all flows, zero where that
	// cannot be known.
	Met   Met
	Share float64
	// Because is the smallest set of facts that stops it, in the kernel's order. Empty
	// where it does go there, and where none was found.
	Because []Fact
	// Ways are changes of the host after which it goes there, the best first.
	Ways []Way
	// LockOut is how many ways are not among them since they would lock out whoever asks.
	LockOut int
	// Packets are packets to the same destination that do go there, those that differ the
	// least first. NoPacket says that there is none.
	Packets  []route.Flow
	NoPacket bool
}

// Way is some changes of the host, in their order, after which the packet goes where it is
// wanted to go.
type Way struct {
	Changes []change.Change
	// Commands are the same as commands of a shell.
	Commands []string
	// Addresses is for how many destinations such a packet goes otherwise after them; nil:
	// too many to count.
	Addresses *big.Int
	// Sockets is how many connections go otherwise.
	Sockets int
	// Direct is the device by which a new route sends the packet straight to its link,
	// where neighbours must answer; zero: none does.
	Direct int
}

// maxWays is how many ways are given.
const maxWays = 5

// Ask answers a question.
func Ask(q *Question) *Answer {
	root := newState(q.FIB, q.Flow)
	a := &Answer{Trace: q.FIB.Explain(q.Flow)}
	d := &a.Trace.Decision
	if d.Disposition == lookup.DispositionUnknown {
		return a
	}
	if a.Met, a.Share = q.Want.Met(&q.Flow, d); a.Met == All {
		return a
	}
	s := &search{want: q.Want, about: q.About, root: root}
	var facts []option
	if a.Met == No {
		facts = s.facts()
		if facts == nil {
			facts = s.hopeless(a.Trace)
		}
	} else {
		a.Because = []Fact{{Reason: d.Ambiguous, Rule: d.Rule, Route: &d.Route}}
	}
	for i := range facts {
		a.Because = append(a.Because, facts[i].Fact)
		if facts[i].Code == CodeNoDefault && facts[i].Route == nil {
			a.Because = append(a.Because, s.noDefault(facts[i].order)...)
		}
	}
	slices.SortStableFunc(a.Because, func(a, b Fact) int { return a.order - b.order })
	a.Ways, a.LockOut = s.ways(q, a.Trace, facts)
	a.Packets, a.NoPacket = s.packets(facts)
	return a
}

// hopeless is the first fact that nothing can be supposed without. Where there is none, the
// set of facts is too large to be found, and it is the first of all.
func (q *search) hopeless(t *lookup.Trace) []option {
	all := q.options(q.root, t)
	if i := slices.IndexFunc(all, func(o option) bool { return o.take == nil }); i >= 0 {
		return all[i : i+1]
	}
	return all[:min(1, len(all))]
}

// maxPackets is how many packets are tried, to find some that go where they are wanted
// to go.
const maxPackets = 1 << 13

// maxByRule is of how many rules packets are sought that they select.
const maxByRule = 8

// packets finds packets to the same destination that go where they are wanted to go.
func (q *search) packets(facts []option) (found []route.Flow, none bool) {
	solver := q.root.fib.Solver()
	solver.Most = maxPackets
	goes := func(f *route.Flow, d *lookup.Decision) bool {
		met, _ := q.want.Met(f, d)
		return met == All && q.likely(f)
	}
	got := solver.Find(q.root.flow, goes)
	found, none = got.Packets, got.Complete && len(got.Packets) == 0
	for i := range found {
		q.ofAHost(&found[i], goes)
	}
	if slices.ContainsFunc(found, func(f route.Flow) bool { return f.Out == q.root.flow.Out }) {
		return found, none
	}
	for _, r := range q.selecting(facts) {
		for _, f := range solver.ByRule(r, q.root.flow).Packets {
			d := q.root.fib.Lookup(f)
			if goes(&f, &d) && !slices.Contains(found, f) {
				found, none = append(found, f), false
			}
		}
	}
	return found, none
}

// ofAHost makes the source of a received packet that of a host where it is a network's own
// address.
func (q *search) ofAHost(f *route.Flow, goes func(*route.Flow, *lookup.Decision) bool) {
	if b := f.Src.AsSlice(); f.In == 0 || f.Src == q.root.flow.Src || len(b) == 0 || b[len(b)-1] != 0 {
		return
	}
	next := *f
	for range 4 { // the first ones are often this host's and its router's
		next.Src = next.Src.Next()
		if d := q.root.fib.Lookup(next); goes(&next, &d) {
			*f = next
			return
		}
	}
}

// selecting are the rules that lead to wanted entries and do not select the packet: first
// those that stop it.
func (q *search) selecting(facts []option) []*route.Rule {
	snap := q.root.fib.Snapshot()
	var out []*route.Rule
	add := func(i int) {
		if i >= 0 && i < len(snap.Rules) && len(out) < maxByRule && !slices.Contains(out, &snap.Rules[i]) {
			out = append(out, &snap.Rules[i])
		}
	}
	for i := range facts {
		if f := &facts[i]; f.Rule != nil && f.Route == nil {
			add(f.order)
		}
	}
	for _, w := range q.wanted(q.root) {
		for _, r := range q.root.fib.RulesTo(q.root.family(), w.Table) {
			add(q.root.place(r))
		}
	}
	return out
}

// likely reports whether a packet has a source that packets have: this host sends with
// its own, and receives with others'.
func (q *search) likely(f *route.Flow) bool {
	src := f.Src
	if f.In == 0 && q.root.flow.In != 0 {
		return false // what this host sends is not what it was about
	}
	if src == q.root.flow.Src && f.In == q.root.flow.In || !src.IsValid() && f.In == 0 {
		return true
	}
	own := slices.ContainsFunc(q.root.fib.Snapshot().Addrs, func(a route.Addr) bool { return a.Prefix.Addr() == src })
	return src.IsValid() && !src.IsUnspecified() && own == (f.In == 0)
}
