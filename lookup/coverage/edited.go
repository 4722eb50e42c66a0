package coverage

import (
	"net/netip"
	"reflect"
	"time"

	"routewhy/lookup"
	"routewhy/route"
)

// Edited finds the ranges of a family that are decided differently after a change of a
// host: changed are the prefixes whose routes differ. The FIBs need not have the routes to
// other prefixes than those that overlap with them, unless more than routes differs. See
// [Diff].
func Edited(before, after *lookup.FIB, fam route.Family, changed []netip.Prefix, flow Flow) []Change {
	var mine []netip.Prefix
	for _, p := range changed {
		if route.FamilyOf(p.Addr()) == fam {
			mine = append(mine, p)
		}
	}
	all := flow.Src.IsValid() || !alikeOtherwise(before.Snapshot(), after.Snapshot())
	within := union(mine)
	if !all && len(within) == 0 {
		return nil
	}
	starts := cuts(before, after, fam, all, within)
	return decideAll(newSide(before, flow), newSide(after, flow), starts, func(first netip.Addr) bool { return all || within.holds(first) })
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
