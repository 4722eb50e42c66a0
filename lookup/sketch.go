package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// maxWork is how many rules and routes all packets together may be held against
// that one call of [FIB.EntryStatuses] sends: more than the largest hosts need. It
// is there for hostile files, of which what is left cannot be told.
const maxWork = 1 << 24

// sketches are what became of the packets that [FIB.EntryStatuses] sent. Entries of
// one prefix in one table are asked about with the same packets.
type sketches struct {
	made  map[route.Flow]*sketch
	holes map[tablePrefix]*holeIn
	own   []netip.Addr // the host's addresses, in order; nil: not gathered yet
	work  int
}

type tablePrefix struct {
	table  route.Table
	prefix netip.Prefix
}

// holeIn is what [FIB.gap] gave.
type holeIn struct {
	addr netip.Addr
	by   []route.Route
	ok   bool
}

// sketch is a trace of the rules alone that match, and where its entries are.
type sketch struct {
	*Trace
	at   map[place]*Candidate
	tied map[*entry]bool
}

// place is a route: an entry at its destination.
type place struct {
	entry *entry
	dst   netip.Prefix
}

// sketching is a FIB that remembers what became of the packets that it was asked
// about, for one goroutine.
func (f *FIB) sketching() *FIB {
	s := *f
	s.sketches = new(sketches)
	s.sketches.forget()
	return &s
}

// forget lets go of what entries of another prefix or table do not ask for.
func (m *sketches) forget() {
	m.made, m.holes = map[route.Flow]*sketch{}, map[tablePrefix]*holeIn{}
}

// sketch decides about a packet; nil: that would be too much work.
func (f *FIB) sketch(flow route.Flow) *sketch {
	m := f.sketches
	if s, ok := m.made[flow]; ok {
		return s
	}
	if m.work > maxWork {
		return nil
	}
	s := &sketch{Trace: &Trace{Flow: flow}, at: map[place]*Candidate{}, tied: map[*entry]bool{}}
	w := walk{fib: f, flow: flow, trace: s.Trace, sketch: true, mem: new(memory)}
	w.decide(&s.Decision)
	for i := range s.Rules {
		t := &s.Rules[i]
		for j := range t.Candidates {
			c := &t.Candidates[j]
			k := place{c.entry, c.Route.Dst}
			if old := s.at[k]; old == nil || verdictRank(c.Verdict) > verdictRank(old.Verdict) {
				s.at[k] = c
			}
		}
		m.work += len(t.Candidates) + 1
	}
	for _, e := range s.Trace.tied {
		s.tied[e] = true
	}
	m.work += w.steps
	m.made[flow] = s
	return s
}

// verdictRank orders what may be said of an entry that several rules lead to:
// the last of them counts. Negative: it is none of these.
func verdictRank(v Verdict) int { return slices.Index(verdictRanks(), v) }

// gapOf is [FIB.gap], which is remembered.
func (f *FIB) gapOf(id route.Table, p netip.Prefix) (netip.Addr, []route.Route, bool) {
	k := tablePrefix{id, p}
	h := f.sketches.holes[k]
	if h == nil {
		h = new(holeIn)
		h.addr, h.by, h.ok = f.gap(id, p)
		f.sketches.holes[k] = h
	}
	return h.addr, h.by, h.ok
}

// sourceIn is an address of this host in a prefix, or else the prefix's first.
func (f *FIB) sourceIn(p netip.Prefix) netip.Addr {
	m := f.sketches
	if m.own == nil {
		for i := range f.snap.Addrs {
			m.own = append(m.own, f.snap.Addrs[i].Prefix.Addr())
		}
		slices.SortFunc(m.own, netip.Addr.Compare)
	}
	i, _ := slices.BinarySearchFunc(m.own, p.Masked().Addr(), netip.Addr.Compare)
	if i < len(m.own) && p.Contains(m.own[i]) {
		return m.own[i]
	}
	return p.Addr()
}
