package coverage

import (
	"net/netip"
	"reflect"
	"slices"
	"time"

	"routewhy/lookup"
	"routewhy/route"
)

// Edited finds the ranges of a family that are decided differently after a host was
// changed. changed are the prefixes of both families whose routes differ; Edited may
// overwrite them. The FIBs need only the routes to prefixes that overlap with these,
// unless something other than routes differs too. See [Diff].
func Edited(before, after *lookup.FIB, fam route.Family, changed []netip.Prefix, flow Flow, mark Mark) *Changes {
	mine := slices.DeleteFunc(changed, func(p netip.Prefix) bool { return route.FamilyOf(p.Addr()) != fam })
	all := flow.Src.IsValid() || !alikeOtherwise(before.Snapshot(), after.Snapshot())
	c := newChanges(before, after, flow)
	var within ranges
	if all {
		slices.SortFunc(mine, byAddress)
	} else if within = union(mine); len(within) == 0 {
		return c
	}
	bounds := boundsOf(fam, before, after)
	c.decideBlocks(fam, func(i int, add func(netip.Prefix)) {
		block := blockOf(fam, i)
		if !all && !within.overlaps(block) {
			return
		}
		for _, p := range bounds[i] {
			add(p)
		}
		// Prefixes that only the later FIB has are among those that changed.
		at, _ := slices.BinarySearchFunc(mine, block.Addr(), func(p netip.Prefix, a netip.Addr) int { return p.Addr().Compare(a) })
		for ; at < len(mine) && block.Contains(mine[at].Addr()); at++ {
			add(mine[at])
		}
		prefixesOf(before, fam, i, func(p netip.Prefix) {
			if all || within.overlaps(p) {
				add(p)
			}
		})
	}, func(first netip.Addr) bool { return all || within.holds(first) }, mark)
	return c
}

// alikeOtherwise reports whether two snapshots are the same except for their routes.
func alikeOtherwise(a, b *route.Snapshot) bool {
	if a == b {
		return true
	}
	x, y := *a, *b
	for _, s := range []*route.Snapshot{&x, &y} {
		s.Routes, s.Sockets, s.Time, s.Host, s.Machine = nil, nil, time.Time{}, "", ""
	}
	return reflect.DeepEqual(x, y)
}
