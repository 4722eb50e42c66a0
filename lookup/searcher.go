package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Searcher looks packets up one after the other in the same memory: a look-up with no
// more next hops than an earlier one allocates nothing. It is not safe for concurrent
// use; a FIB may have many.
type Searcher struct {
	fib *FIB
	mem memory
}

// Searcher makes one with empty memory.
func (f *FIB) Searcher() *Searcher { return &Searcher{fib: f} }

// Lookup decides as [FIB.Lookup] does. The NextHops of the decision are overwritten by
// the next one. [Decision.Clone] is a decision that can be kept.
func (l *Searcher) Lookup(flow route.Flow) (d Decision) {
	w := walk{fib: l.fib, flow: flow, mem: &l.mem}
	w.decide(&d)
	return d
}

// Clone is a decision with NextHops of its own, which no later look-up of a [Searcher]
// overwrites.
func (d *Decision) Clone() Decision {
	out := *d
	out.NextHops = slices.Clone(d.NextHops)
	return out
}

// Second calls each with every second look-up that a socket makes after the first one
// about its flow, and with the source that the socket then has: see [FIB.Connect]. If the
// socket makes only the first look-up, it does not call each. The first decision must come
// from another Searcher, because each look-up overwrites the decision before it.
func (l *Searcher) Second(flow route.Flow, first *Decision, each func(src netip.Addr, d *Decision)) {
	for _, again := range l.fib.lookups(flow, first) {
		d := l.Lookup(again)
		if first.Shortcut == ShortcutZero && d.Disposition == DispositionLocal {
			continue // see zeroToLoopback
		}
		each(again.Src, &d)
	}
}

// HeedsSource reports whether a rule or a route of a family looks at a packet's source.
func (f *FIB) HeedsSource(fam route.Family) bool {
	all := f.family(fam)
	return all.bySource || slices.ContainsFunc(all.rules, func(r *rule) bool { return r.Selector.Src.IsValid() })
}

// memory is reused by one look-up after the other. Each slice may be in use only once at
// a time.
type memory struct {
	ways    []NextHop
	choices []choice
	tied    []choice
	shares  []float64
	picks   []int
	life    []neighbourLife
	in      []membership
	weight  []int
	path    []position
	rules   [][]int32 // that may match, where there is an index of them
}

// way is a decision's NextHops if there is only one.
func (m *memory) way(one NextHop) []NextHop {
	m.ways = append(m.ways[:0], one)
	return m.ways
}

// choice is one next hop that is taken by all flows.
func (m *memory) choice(one choice) ([]choice, []float64) {
	m.choices, m.shares = append(m.choices[:0], one), append(m.shares[:0], 1)
	return m.choices, m.shares
}

// every is all next hops of an entry.
func (m *memory) every(e *entry) []choice {
	m.choices = m.choices[:0]
	for i := range e.hops {
		m.choices = append(m.choices, choice{e, &e.hops[i], false})
	}
	return m.choices
}

// byWeight are the shares of all next hops of an entry.
func (m *memory) byWeight(e *entry) []float64 {
	total := 0
	for i := range e.hops {
		total += max(1, e.hops[i].Weight)
	}
	m.shares = m.shares[:0]
	for i := range e.hops {
		m.shares = append(m.shares, float64(max(1, e.hops[i].Weight))/float64(total))
	}
	return m.shares
}

// members is a membership and a weight for each of n next hops: out, and zero.
func (m *memory) members(n int) ([]membership, []int) {
	m.in, m.weight = cleared(m.in, n), cleared(m.weight, n)
	return m.in, m.weight
}

// cleared is a slice of n zero values in the memory of another one.
func cleared[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}
