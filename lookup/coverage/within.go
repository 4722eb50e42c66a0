package coverage

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// maxStarts is how many ranges [Within] looks at, at most.
const maxStarts = 1 << 17

// Within finds the destinations in some prefixes of one family to which a packet goes
// differently after a host was changed. The devices must be the same before and after.
// It returns false if there are too many ranges to look at.
func Within(before, after *lookup.FIB, flow route.Flow, prefixes []netip.Prefix) ([]Change, bool) {
	fam := route.FamilyOf(flow.Dst)
	prefixes = slices.DeleteFunc(slices.Clone(prefixes), func(p netip.Prefix) bool { return route.FamilyOf(p.Addr()) != fam })
	inside := union(prefixes)
	list, ok := startsWithin(before, after, fam, inside)
	if !ok {
		return nil, false
	}
	c := newChanges(before, after, Flow{Flow: flow})
	c.decide((len(list)+chunk-1)/chunk, func(i int, _ *starts) ([]netip.Addr, netip.Addr) {
		last := route.LastAddr(fam.Default())
		if end := (i + 1) * chunk; end < len(list) {
			last = list[end].Prev()
		}
		return list[i*chunk : min((i+1)*chunk, len(list))], last
	}, inside.holds, nil)
	return c.All(), true
}

// chunk is how many ranges are decided at a time.
const chunk = 1 << 12

// startsWithin are the first addresses of the ranges that are decided alike.
func startsWithin(before, after *lookup.FIB, fam route.Family, inside ranges) ([]netip.Addr, bool) {
	starts := []netip.Addr{fam.Default().Addr()}
	add := func(p netip.Prefix) {
		if !inside.overlaps(p) || p.Bits() == 0 {
			return
		}
		starts = append(starts, p.Addr())
		if next := route.LastAddr(p).Next(); next.IsValid() {
			starts = append(starts, next)
		}
	}
	for _, s := range inside { // a range must not cross the start or the end of these
		starts = append(starts, s.first)
		if next := s.last.Next(); next.IsValid() {
			starts = append(starts, next)
		}
	}
	for _, f := range []*lookup.FIB{before, after} {
		f.Boundaries(fam, add)
		for _, s := range inside {
			f.PrefixesIn(fam, s.first, s.last, func(p netip.Prefix) bool {
				add(p)
				return len(starts) < maxStarts
			})
		}
	}
	if len(starts) >= maxStarts {
		return nil, false
	}
	slices.SortFunc(starts, netip.Addr.Compare)
	return slices.Compact(starts), true
}
