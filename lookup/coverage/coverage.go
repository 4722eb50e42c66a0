// Package coverage decides about all addresses of a family: which of them two snapshots
// decide differently ([Diff]), and what becomes of a packet to each of them ([Of]). The
// boundaries of all prefixes cut the addresses into ranges. One address of each range is
// decided, and ranges with equal decisions are merged.
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

// Holds reports whether an address is in the range.
func (c *Change) Holds(a netip.Addr) bool { return !a.Less(c.First) && !c.Last.Less(a) }

// Host is one of two hosts that are compared.
type Host struct {
	FIB *lookup.FIB
	// Routes are the routes that the FIB was built from.
	Routes *route.List
}

// HostOf indexes a snapshot that contains its routes.
func HostOf(s *route.Snapshot) *Host { return &Host{lookup.New(s), route.ListOf(s.Routes)} }

// Difference is what differs between two hosts for one family.
type Difference struct {
	// Changes are the ranges whose decisions differ.
	Changes *Changes
	// Removed and Added are the routes that only one of the hosts has, by table and
	// prefix. A device is the same if it has the same name.
	Removed, Added route.List
	// Old and New are the routes that are the same entry for the kernel on both
	// hosts, but differ. The two versions of a route have the same place in both.
	Old, New route.List
}

// Diff compares two hosts. The flow describes the rest of the packet, which the host
// sends. The flow names its devices, because an index may mean another device on
// another host.
func Diff(before, after *Host, fam route.Family, flow Flow, mark Mark) *Difference {
	d := &Difference{Changes: new(Changes)}
	changed := d.routes(before, after, fam)
	var within ranges
	// If nothing else differs, only the addresses that those routes cover can be
	// decided differently. But if there is a source, other routes decide whether it
	// is the host's own.
	all := flow.Src.IsValid() || !Alike(before, after)
	if !all {
		within = union(changed)
		if len(within) == 0 {
			return d
		}
	}
	bounds := boundsOf(fam, before.FIB, after.FIB)
	d.Changes = newChanges(before.FIB, after.FIB, flow)
	d.Changes.decideBlocks(fam, func(i int, add func(netip.Prefix)) {
		if block := blockOf(fam, i); !all && !within.overlaps(block) {
			return
		}
		for _, p := range bounds[i] {
			add(p)
		}
		for _, f := range []*lookup.FIB{before.FIB, after.FIB} {
			prefixesOf(f, fam, i, func(p netip.Prefix) {
				if all || within.overlaps(p) {
					add(p)
				}
			})
		}
	}, func(first netip.Addr) bool { return all || within.holds(first) }, mark)
	return d
}

// Flow is a packet except for its destination.
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

// side is one of the two hosts.
type side struct {
	fib      *lookup.FIB
	searcher *lookup.Searcher
	snap     *route.Snapshot
	flow     route.Flow
}

func newSide(fib *lookup.FIB, flow Flow) *side {
	return &side{fib, fib.Searcher(), fib.Snapshot(), flow.of(fib)}
}

// own is a copy for another goroutine.
func (s *side) own() *side {
	c := *s
	c.searcher = s.fib.Searcher()
	return &c
}

// decide gives a decision. The next call overwrites its NextHops.
func (s *side) decide(dst netip.Addr) lookup.Decision {
	f := s.flow
	f.Dst = dst
	return s.searcher.Lookup(f)
}

// same reports whether two decisions send a packet the same way, or refuse it in the
// same way. They may be about two destinations. If the source is the destination
// itself in both, that is no difference.
func (s *side) same(d decided, other *side, e decided) bool {
	if d.Disposition != e.Disposition || d.Errno != e.Errno || d.SomeRefused != e.SomeRefused || d.RefusedShare != e.RefusedShare ||
		d.Ambiguous.Code != e.Ambiguous.Code || len(d.NextHops) != len(e.NextHops) {
		return false
	}
	for i := range d.NextHops {
		w, v := &d.NextHops[i], &e.NextHops[i]
		sources := w.Src == v.Src && w.OtherSrc == v.OtherSrc && slices.Equal(w.SrcOneOf, v.SrcOneOf)
		if !sources && (w.Src != d.dst || v.Src != e.dst) || !s.sameWay(w, other, v) {
			return false
		}
	}
	return true
}

// decided is a decision and the destination that it is about.
type decided struct {
	*lookup.Decision
	dst netip.Addr
}

// sameWay reports whether two ways are the same except for the source.
func (s *side) sameWay(w *lookup.NextHop, other *side, v *lookup.NextHop) bool {
	return w.Gateway == v.Gateway && w.Share == v.Share && w.Stale == v.Stale &&
		s.snap.LinkName(w.Link) == other.snap.LinkName(v.Link)
}

// ranges are disjoint ranges in ascending order.
type ranges []span

type span struct{ first, last netip.Addr }

func byAddress(a, b netip.Prefix) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) }

// union joins prefixes, and sorts them.
func union(all []netip.Prefix) ranges {
	slices.SortFunc(all, byAddress)
	var out ranges
	for _, p := range all {
		last := route.LastAddr(p)
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

// holds reports whether an address is in one of the ranges.
func (r ranges) holds(a netip.Addr) bool {
	i, found := slices.BinarySearchFunc(r, a, func(s span, a netip.Addr) int { return s.first.Compare(a) })
	return found || i > 0 && !r[i-1].last.Less(a)
}

// overlaps reports whether a prefix and one of the ranges have an address in
// common.
func (r ranges) overlaps(p netip.Prefix) bool {
	i, found := slices.BinarySearchFunc(r, p.Addr(), func(s span, a netip.Addr) int { return s.first.Compare(a) })
	return found || i > 0 && !r[i-1].last.Less(p.Addr()) || i < len(r) && p.Contains(r[i].first)
}
