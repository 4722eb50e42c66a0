package report

import (
	"encoding/binary"
	"hash/maphash"
	"math/big"
	"net/netip"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/route"
)

// moves are the ranges of both families that are decided differently.
type moves struct {
	before, after *lookup.FIB
	lists         []*coverage.Changes
	seed          maphash.Seed
}

func newMoves(before, after *lookup.FIB) *moves {
	return &moves{before: before, after: after, seed: maphash.MakeSeed()}
}

// mark says which changes are alike: those of one group, and those of one share.
func (m *moves) mark(c *coverage.Change) coverage.Key {
	return coverage.Key{
		maphash.Comparable(m.seed, [2]fate{fateOf(c.First, &c.Before), fateOf(c.First, &c.After)}),
		maphash.Comparable(m.seed, [2]uint64{m.leads(c.First, &c.Before), m.leads(c.First, &c.After)}),
	}
}

// leads is a number of all that a decision says but for the prefix of its route.
func (m *moves) leads(dst netip.Addr, d *lookup.Decision) uint64 {
	src := d.Src
	if src == dst {
		src = netip.Addr{}
	}
	n := maphash.Comparable(m.seed, struct {
		ipv4, special, hasRoute, byDefault bool
		disposition                        lookup.Disposition
		shortcut                           lookup.Shortcut
		errno, refused, may                route.Errno
		share                              float64
		why                                lookup.Code
		src                                netip.Addr
	}{
		dst.Is4(), isSpecial(dst), d.HasRoute, d.Default(), d.Disposition, d.Shortcut,
		d.Errno, d.SomeRefused, d.MayRefuse, d.RefusedShare, d.Ambiguous.Code, src,
	})
	for i := range d.NextHops {
		h := &d.NextHops[i]
		n = maphash.Comparable(m.seed, struct {
			before              uint64
			link                int
			gateway, src, other netip.Addr
			via                 route.NextHop
			redirected, stale   bool
			share               float64
		}{n, h.Link, h.Gateway, sourceBut(h.Src, dst), h.OtherSrc, h.Via, h.Redirected, h.Stale, h.Share})
	}
	return n
}

// sourceBut is a source, unless it is the destination itself.
func sourceBut(src, dst netip.Addr) netip.Addr {
	if src == dst {
		return netip.Addr{}
	}
	return src
}

// isSpecial reports whether packets to an address are for several hosts, and only go with
// the default route.
func isSpecial(a netip.Addr) bool {
	return a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// find finds one of the ranges, by its place from 0.
func (m *moves) find(i int) (*coverage.Changes, int) {
	for _, l := range m.lists {
		if i < l.Len() {
			return l, i
		}
		i -= l.Len()
	}
	return nil, 0
}

func (m *moves) len() (n int) {
	for _, l := range m.lists {
		n += l.Len()
	}
	return n
}

// ranges are all ranges, with the number of their group.
func (m *moves) ranges() []Range {
	out := make([]Range, 0, m.len())
	groups := map[uint64]int{}
	for _, l := range m.lists {
		for i := range l.Len() {
			k := l.Key(i)[0]
			if groups[k] == 0 {
				groups[k] = len(groups) + 1
			}
			first, last := l.Range(i)
			out = append(out, Range{first, last, groups[k]})
		}
	}
	return out
}

// rows are the ranges with their decisions.
func (m *moves) rows(ranges []Range) Rows[Change] {
	return Rows[Change]{len(ranges), func(i int) *Change {
		l, at := m.find(i)
		c := l.At(at)
		flow := route.Flow{Dst: c.First}
		return &Change{
			Range: ranges[i], Size: c.Size().String(),
			Before: NewDecision(m.before, &flow, &c.Before, nil), After: NewDecision(m.after, &flow, &c.After, nil),
		}
	}}
}

// Share are ranges whose decisions are the same but for the prefixes of the routes.
type Share struct {
	// Size is how many addresses they have together, and First the first of them.
	Size  *big.Int
	First netip.Addr
	// Before and After are the decisions about that one.
	Before, After *Decision
}

// Special reports whether its packets are for several hosts, and only go with the default
// route.
func (s *Share) Special() bool { return isSpecial(s.First) }

// shares adds the ranges up.
func (m *moves) shares(rows *Rows[Change]) []Share {
	type sum struct {
		place int
		ipv4  uint64
		ipv6  *big.Int
	}
	places := map[uint64]int{}
	var sums []sum
	at := 0
	for _, l := range m.lists {
		for i := range l.Len() {
			k := l.Key(i)[1]
			n, known := places[k]
			if !known {
				n = len(sums)
				places[k], sums = n, append(sums, sum{place: at, ipv6: new(big.Int)})
			}
			at++
			first, last := l.Range(i)
			if first.Is4() && last.Is4() {
				a, b := first.As4(), last.As4()
				sums[n].ipv4 += uint64(binary.BigEndian.Uint32(b[:])) - uint64(binary.BigEndian.Uint32(a[:])) + 1
			} else {
				c := coverage.Change{First: first, Last: last}
				sums[n].ipv6.Add(sums[n].ipv6, c.Size())
			}
		}
	}
	out := make([]Share, len(sums))
	for i := range sums {
		c := rows.At(sums[i].place)
		size := sums[i].ipv6
		out[i] = Share{size.Add(size, new(big.Int).SetUint64(sums[i].ipv4)), c.First, &c.Before, &c.After}
	}
	return out
}

// shareEach are the shares of a report that was read: each range is one.
func shareEach(rows *Rows[Change]) []Share {
	var out []Share
	for _, c := range rows.All() {
		one := coverage.Change{First: c.First, Last: c.Last}
		out = append(out, Share{one.Size(), c.First, &c.Before, &c.After})
	}
	return out
}
