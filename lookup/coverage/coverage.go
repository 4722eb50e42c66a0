// Package coverage finds which destinations two snapshots decide differently:
// the boundaries of all prefixes cut the addresses into ranges, one address of
// each is decided, and what is equal is merged.
package coverage

import (
	"cmp"
	"math/big"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Change is a range of destinations whose decision differs.
type Change struct {
	First, Last   netip.Addr
	Before, After lookup.Decision
}

// Size is how many addresses the range has.
func (c *Change) Size() *big.Int {
	n := new(big.Int).Sub(number(c.Last), number(c.First))
	return n.Add(n, big.NewInt(1))
}

func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

// Holds says whether an address is in the range.
func (c *Change) Holds(a netip.Addr) bool { return !a.Less(c.First) && !c.Last.Less(a) }

// Diff finds the ranges of a family whose decisions differ, in ascending order.
// The flow says the rest of the packet, which this host sends; its devices are
// named, for an index is another device's in another snapshot.
func Diff(before, after *lookup.FIB, fam route.Family, flow Flow) []Change {
	a, b := side{before, before.Snapshot(), flow.of(before)}, side{after, after.Snapshot(), flow.of(after)}
	starts, only := cuts(before, after, fam, flow.Src.IsValid())
	var out []Change
	for i, first := range starts {
		if only != nil && !only(first) {
			continue
		}
		da, db := a.decide(first), b.decide(first)
		if a.same(&da, &b, &db) {
			continue
		}
		last := lastAddr(fam)
		if i+1 < len(starts) {
			last = starts[i+1].Prev()
		}
		if n := len(out) - 1; n >= 0 && out[n].Last.Next() == first && a.same(&out[n].Before, &a, &da) && b.same(&out[n].After, &b, &db) {
			out[n].Last = last
			continue
		}
		out = append(out, Change{first, last, da, db})
	}
	return out
}

// Flow is a packet but for its destination.
type Flow struct {
	route.Flow
	Out string // the name of a device; empty: none
}

func (f *Flow) of(fib *lookup.FIB) route.Flow {
	out := f.Flow
	if l := fib.Snapshot().LinkByName(f.Out); l != nil {
		out.Out = l.Index
	}
	return out
}

// side is one of the two snapshots.
type side struct {
	fib  *lookup.FIB
	snap *route.Snapshot
	flow route.Flow
}

func (s *side) decide(dst netip.Addr) lookup.Decision {
	f := s.flow
	f.Dst = dst
	return s.fib.Lookup(f)
}

// same says whether two decisions send a packet the same way, or refuse it
// alike. That the source of what is delivered locally is the destination itself
// is no difference.
func (s *side) same(d *lookup.Decision, other *side, e *lookup.Decision) bool {
	if d.Disposition != e.Disposition || d.Errno != e.Errno || d.SomeRefused != e.SomeRefused ||
		d.SetBy.Code != e.SetBy.Code || len(d.Ways) != len(e.Ways) {
		return false
	}
	for i := range d.Ways {
		if !s.sameWay(&d.Ways[i], d, other, &e.Ways[i]) {
			return false
		}
	}
	return true
}

func (s *side) sameWay(w *lookup.Way, d *lookup.Decision, other *side, v *lookup.Way) bool {
	return w.Gateway == v.Gateway && w.Share == v.Share && w.Stale == v.Stale &&
		(d.Disposition == lookup.DispositionLocal || w.Src == v.Src && w.OtherSrc == v.OtherSrc) &&
		s.snap.LinkName(w.Link) == other.snap.LinkName(v.Link)
}

func lastAddr(fam route.Family) netip.Addr {
	b := make([]byte, fam.Bits()/8)
	for i := range b {
		b[i] = 0xff
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// after is the address behind a prefix; the zero Addr: there is none.
func after(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a.Next()
}

// cuts are the first addresses of the ranges that are decided alike. Where the
// two snapshots differ by nothing but routes, only what the differing routes
// cover can be decided differently, and the function says what is in it.
func cuts(before, later *lookup.FIB, fam route.Family, sourced bool) ([]netip.Addr, func(netip.Addr) bool) {
	starts := []netip.Addr{first(fam)}
	add := func(p netip.Prefix) {
		if p.Bits() == 0 {
			return
		}
		starts = append(starts, p.Addr())
		if next := after(p); next.IsValid() {
			starts = append(starts, next)
		}
	}
	changed, ok := changedPrefixes(before.Snapshot(), later.Snapshot(), fam)
	ok = ok && !sourced // whether a source is the host's own is up to other routes
	within := add
	var only func(netip.Addr) bool
	if ok {
		u := union(changed)
		only = u.holds
		within = func(p netip.Prefix) {
			if u.overlaps(p) {
				add(p)
			}
		}
	}
	for _, f := range []*lookup.FIB{before, later} {
		f.Prefixes(fam, within)
		f.Boundaries(fam, add)
	}
	slices.SortFunc(starts, netip.Addr.Compare)
	return slices.Compact(starts), only
}

func first(fam route.Family) netip.Addr {
	if fam == route.IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// ranges are disjoint ranges in ascending order.
type ranges []span

type span struct{ first, last netip.Addr }

// union joins prefixes.
func union(all []netip.Prefix) ranges {
	slices.SortFunc(all, func(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	var out ranges
	for _, p := range all {
		last := lastAddr(route.FamilyOf(p.Addr()))
		if next := after(p); next.IsValid() {
			last = next.Prev()
		}
		if n := len(out); n > 0 && !out[n-1].last.Less(p.Addr()) {
			if out[n-1].last.Less(last) {
				out[n-1].last = last
			}
			continue
		}
		out = append(out, span{p.Addr(), last})
	}
	return out
}

// holds says whether an address is in one of the ranges.
func (r ranges) holds(a netip.Addr) bool {
	i, found := slices.BinarySearchFunc(r, a, func(s span, a netip.Addr) int { return s.first.Compare(a) })
	return found || i > 0 && !r[i-1].last.Less(a)
}

// overlaps says whether a prefix and one of the ranges have an address in
// common.
func (r ranges) overlaps(p netip.Prefix) bool {
	i, found := slices.BinarySearchFunc(r, p.Addr(), func(s span, a netip.Addr) int { return s.first.Compare(a) })
	return found || i > 0 && !r[i-1].last.Less(p.Addr()) || i < len(r) && p.Contains(r[i].first)
}
