package load

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"routewhy/route"
)

// If a table is listed more than once, the listings are compared.

// routeKey is what two listings must have in common for a route to be the same.
type routeKey struct {
	dst, src netip.Prefix
	gateway  netip.Addr
	link     int
	metric   uint32
	tos      uint8
	typ      route.Type
}

func keyOf(r *route.Route, index []int, lowest rank) routeKey {
	k := routeKey{dst: r.Dst, src: r.Src, metric: r.Metric, tos: r.TOS, typ: r.Type}
	if len(r.NextHops) > 0 {
		k.gateway, k.link = r.NextHops[0].Gateway, index[r.NextHops[0].Link]
	}
	if lowest < rankIP {
		k.tos, k.typ, k.src = 0, 0, netip.Prefix{}
	}
	if lowest == rankNetstat {
		k.metric = 0
	}
	return k
}

// chooseRoutes takes each table from one listing: the first whole one that tells
// most. If none is whole, it takes the table from all of them together. Then it puts
// the routes of a prefix in the kernel's order, which may differ from that of the lines.
func (f *facts) chooseRoutes(index []int) {
	several := map[familyTable][]int32{}
	for k, in := range f.tableIn {
		if len(in) > 1 {
			several[k] = in
		}
		if !slices.ContainsFunc(in, func(l int32) bool { return f.listings[l].partial == "" }) {
			f.part(k)
		}
	}
	keep := f.merge(several, index)
	f.briefGap(keep)
	perm := f.kernelOrder(keep)
	if perm == nil {
		return
	}
	var out route.List
	for _, i := range perm {
		r := f.routes.Get(int(i.at))
		r.Flags |= i.flags
		out.Add(&r)
	}
	f.routes = out
	f.from = nil
}

// merge says which routes stay; nil: all.
func (f *facts) merge(several map[familyTable][]int32, index []int) []bool {
	if len(several) == 0 {
		return nil
	}
	routes := map[familyTable]map[int32][]int32{} // by table and listing
	for k := range several {
		routes[k] = map[int32][]int32{}
	}
	kinds := f.routes.Kinds()
	keep := make([]bool, f.routes.Len())
	for i := range keep {
		dst, kind := f.routes.At(i)
		k := familyTable{route.FamilyOf(dst.Addr()), kinds[kind].Table}
		if several[k] == nil {
			keep[i] = true
			continue
		}
		routes[k][f.from[i]] = append(routes[k][f.from[i]], int32(i))
	}
	for _, k := range slices.SortedFunc(mapKeys(several), compareTables) {
		f.mergeTable(k, several[k], routes[k], index, keep)
	}
	return keep
}

// briefGap notes that table main comes from a listing that shows neither the TOS of IPv4
// routes nor their next hops after the first.
func (f *facts) briefGap(keep []bool) {
	for i, l := range f.from {
		if f.listings[l].rank == rankIP || keep != nil && !keep[i] {
			continue
		}
		if dst, _ := f.routes.At(i); dst.Addr().Is4() {
			f.snap.Gaps = append(f.snap.Gaps, route.Gap{
				Fact: route.FactLegs, Family: route.IPv4, Tables: []route.Table{route.TableMain}, Assumed: true, Why: route.NotInFiles,
			})
			return
		}
	}
}

func mapKeys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func compareTables(a, b familyTable) int {
	return cmp.Or(cmp.Compare(a.family, b.family), cmp.Compare(a.table, b.table))
}

// mergeTable chooses among the listings of one table.
func (f *facts) mergeTable(k familyTable, in []int32, routes map[int32][]int32, index []int, keep []bool) {
	in = f.joinWeak(in, routes)
	keys := func(l int32, lowest rank) map[routeKey]bool {
		out := map[routeKey]bool{}
		for _, i := range routes[l] {
			if r := f.routes.Get(int(i)); lowest == rankIP || r.Type == route.TypeUnicast {
				out[keyOf(&r, index, lowest)] = true
			}
		}
		return out
	}
	same := func(l, o int32) bool {
		lowest := min(f.listings[l].rank, f.listings[o].rank)
		if k.family == route.IPv6 && lowest < rankIP {
			return true // the other formats do not show the table of IPv6 routes
		}
		a, b := keys(l, lowest), keys(o, lowest)
		for key := range a {
			if !b[key] {
				return false
			}
		}
		return f.listings[l].partial != "" || len(a) == len(b)
	}
	best := int32(-1)
	for _, l := range in {
		switch a := f.listings[l]; {
		case a.partial != "":
		case best < 0, len(routes[best]) == 0 && len(routes[l]) > 0, a.rank > f.listings[best].rank && same(l, best):
			best = l
		}
	}
	if best < 0 {
		seen := map[routeKey]bool{}
		for _, l := range in {
			for _, i := range routes[l] {
				r := f.routes.Get(int(i))
				keep[i] = !seen[keyOf(&r, index, rankIP)]
			}
			for key := range keys(l, rankIP) {
				seen[key] = true
			}
		}
		return
	}
	for _, i := range routes[best] {
		keep[i] = true
	}
	for _, l := range in {
		if l != best && !same(l, best) {
			name := f.snap.Names.Table(k.table)
			f.differs(l, best, fmt.Sprintf("another %s listing of table %s, which differs", k.family, name), route.Gap{Family: k.family, Tables: []route.Table{k.table}})
			return
		}
	}
}

// joinWeak joins listings that are separated only by a line that was not understood,
// if no route is in both.
func (f *facts) joinWeak(in []int32, routes map[int32][]int32) []int32 {
	type place struct {
		dst, src netip.Prefix
		tos      uint8
		metric   uint32
	}
	seen := map[place]bool{}
	var out []int32
	for _, l := range in {
		var new []place
		twice := false
		for _, i := range routes[l] {
			r := f.routes.Get(int(i))
			p := place{r.Dst, r.Src, r.TOS, r.Metric}
			twice = twice || seen[p]
			new = append(new, p)
		}
		if n := len(out); n > 0 && f.listings[l].weak && !twice && f.listings[l].file == f.listings[out[n-1]].file {
			routes[out[n-1]] = append(routes[out[n-1]], routes[l]...)
			delete(routes, l)
		} else {
			out = append(out, l)
			clear(seen)
		}
		for _, p := range new {
			seen[p] = true
		}
	}
	return out
}
