package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// maxWork is how many rules and routes one call of [FIB.EntryStatuses] asks, for all its
// packets together. The largest hosts need fewer. The limit is for hostile files: the
// entries that are left are then unknown.
const maxWork = 1 << 24

// prober is a FIB that remembers what became of the packets that it was asked about,
// because entries of one prefix in one table are tried with the same packets. It is for
// one goroutine.
type prober struct {
	*FIB
	made map[route.Flow]*sketch
	gaps map[tablePrefix]*gapIn
	own  []netip.Addr // the host's addresses, in order; nil: not gathered yet
	work int
	kept int // how many rules and candidates are in made
}

func (f *FIB) prober() *prober {
	m := &prober{FIB: f}
	m.forget()
	return m
}

type tablePrefix struct {
	table  route.Table
	prefix netip.Prefix
}

// gapIn is what [FIB.gap] gave.
type gapIn struct {
	addr netip.Addr
	by   []route.Route
	ok   bool
}

// sketch is a trace of only the rules that match, and where its entries are.
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

// maxKept is how many rules and candidates are remembered from one table to the next,
// where each packet counts as sketchCost more: the entries of very many tables may all
// be tried with one packet.
const (
	maxKept    = 1 << 18
	sketchCost = 16
)

// forget removes what is of no use for entries of another prefix or table.
func (m *prober) forget() {
	m.gaps = map[tablePrefix]*gapIn{}
	if m.made == nil || m.kept > maxKept {
		m.made, m.kept = map[route.Flow]*sketch{}, 0
	}
}

// sketch decides about a packet, and remembers the answer; nil: that would be too much work.
func (m *prober) sketch(flow route.Flow) *sketch {
	s, ok := m.made[flow]
	if !ok {
		if s = m.try(flow); s != nil {
			m.made[flow] = s
		}
	}
	return s
}

// try decides about a packet; nil: that would be too much work.
func (m *prober) try(flow route.Flow) *sketch {
	if m.work > maxWork {
		return nil
	}
	s := &sketch{Trace: &Trace{Flow: flow}, at: map[place]*Candidate{}, tied: map[*entry]bool{}}
	w := walk{fib: m.FIB, flow: flow, trace: s.Trace, sketch: true, mem: new(memory)}
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
		m.kept += len(t.Candidates) + 1
	}
	for _, e := range s.Trace.tied {
		s.tied[e] = true
	}
	m.work += w.steps
	m.kept += sketchCost
	return s
}

// verdictRank orders what may be said of an entry that several rules lead to:
// the last of them counts. Negative: it is none of these.
func verdictRank(v Verdict) int { return slices.Index(verdictRanks(), v) }

// gapOf is [FIB.gap]. It remembers the answer.
func (m *prober) gapOf(id route.Table, p netip.Prefix) (netip.Addr, []route.Route, bool) {
	k := tablePrefix{id, p}
	g := m.gaps[k]
	if g == nil {
		g = new(gapIn)
		g.addr, g.by, g.ok = m.gap(id, p)
		m.gaps[k] = g
	}
	return g.addr, g.by, g.ok
}
