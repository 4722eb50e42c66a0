package coverage

import (
	"cmp"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"routewhy/route"
)

// routes notes the routes that only one of the hosts has. It gives the prefixes whose
// entries differ.
func (d *Difference) routes(a, b *Host, fam route.Family) []netip.Prefix {
	var out []netip.Prefix
	compare(a, b, fam, func(x, y []entry) {
		if slices.EqualFunc(x, y, sameEntry) {
			return
		}
		out = append(out, slices.Concat(x, y)[0].dst)
		d.split(a.without(x, y), b.without(y, x))
	})
	return out
}

// gateways are the neighbours whose state may decide: gateways of routes that are
// not known to be alive. The kernel treats all valid states except reachable alike, and
// also all states in which the neighbour is not alive yet (fib_detect_death,
// ipv4_good_nh, rt6_check_neigh).
func (h *Host) gateways() []route.Neighbour {
	used := map[route.Neighbour]bool{}
	add := func(hop *route.NextHop) { used[route.Neighbour{Link: hop.Link, Addr: hop.Gateway}] = true }
	for _, r := range h.Routes.Kinds() {
		for i := range r.NextHops {
			add(&r.NextHops[i])
		}
	}
	s := h.FIB.Snapshot()
	for i := range s.NextHops {
		add(&s.NextHops[i].NextHop)
	}
	var out []route.Neighbour
	for _, n := range s.Neighbours {
		switch {
		case !used[route.Neighbour{Link: n.Link, Addr: n.Addr}] || n.State == route.NeighbourReachable:
			continue
		case n.State.Valid():
			n.State = route.NeighbourStale
		case n.State&route.NeighbourFailed == 0:
			n.State = route.NeighbourIncomplete
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b route.Neighbour) int { return cmp.Or(a.Link-b.Link, a.Addr.Compare(b.Addr)) })
	return out
}

// split sorts the routes of one prefix into those that were removed, added or changed.
func (d *Difference) split(removed, added []route.Route) {
	for i := range removed {
		r := &removed[i]
		k := slices.IndexFunc(added, func(o route.Route) bool { return o.Src == r.Src && o.TOS == r.TOS && o.Metric == r.Metric })
		if k < 0 {
			d.Removed.Add(r)
			continue
		}
		d.Old.Add(r)
		d.New.Add(&added[k])
		added = slices.Delete(added, k, k+1)
	}
	for i := range added {
		d.Added.Add(&added[i])
	}
}

// Alike reports whether two hosts are the same except for their routes.
func Alike(a, b *Host) bool {
	x, y := others(a), others(b)
	same := maps.Equal(x.Sysctls, y.Sysctls)
	x.Sysctls, y.Sysctls = nil, nil
	return same && reflect.DeepEqual(x, y)
}

// others is a snapshot without its routes, and without everything that decides nothing.
func others(h *Host) route.Snapshot {
	s := h.FIB.Snapshot()
	o := *s
	o.Routes, o.Time, o.Sockets, o.Neighbours = nil, time.Time{}, nil, h.gateways()
	o.Host, o.Machine = "", ""
	o.Addrs = slices.Clone(s.Addrs)
	for i := range o.Addrs { // only whether a time is over counts, not how much is left
		a := &o.Addrs[i]
		a.PreferredLft, a.ValidLft = min(a.PreferredLft, 1), min(a.ValidLft, 1)
	}
	return o
}

// without are the routes that are not among others.
func (h *Host) without(all, others []entry) []route.Route {
	var out []route.Route
	for _, e := range all {
		if !slices.ContainsFunc(others, func(o entry) bool { return sameEntry(e, o) }) {
			out = append(out, h.Routes.Get(int(e.place)))
		}
	}
	return out
}

// entry is a route: its place, and what it is.
type entry struct {
	dst   netip.Prefix
	table route.Table
	place int32 // among the host's routes
	kind  int32 // its number, which is the same on both hosts
}

func sameEntry(a, b entry) bool { return a.kind == b.kind }

// compare calls each with the entries of every prefix of every table. The entries of
// each host are in that host's order.
func compare(a, b *Host, fam route.Family, each func(x, y []entry)) {
	kinds := map[any]int32{}
	names := a.FIB.Snapshot()
	x, y := a.entries(fam, a.kinds(names, kinds)), b.entries(fam, b.kinds(names, kinds))
	for len(x) > 0 || len(y) > 0 {
		var k *entry
		switch {
		case len(x) == 0 || len(y) > 0 && byPrefix(&y[0], &x[0]) < 0:
			k = &y[0]
		default:
			k = &x[0]
		}
		var p, q []entry
		p, x = take(x, k)
		q, y = take(y, k)
		each(p, q)
	}
}

// take splits the entries of one prefix off the start of a list.
func take(x []entry, k *entry) (same, rest []entry) {
	n := 0
	for n < len(x) && byPrefix(&x[n], k) == 0 {
		n++
	}
	return x[:n], x[n:]
}

// kinds numbers the kinds of the host's routes. Devices are compared by name; names
// is the host whose device numbers are used.
func (h *Host) kinds(names *route.Snapshot, known map[any]int32) []int32 {
	link := linkNumbers(h.FIB.Snapshot(), names)
	out := make([]int32, 0, len(h.Routes.Kinds()))
	for _, r := range h.Routes.Kinds() {
		r.NextHops = slices.Clone(r.NextHops)
		for i := range r.NextHops {
			r.NextHops[i].Link = link(r.NextHops[i].Link)
			r.NextHops[i].Flags &^= route.NextHopOffload | route.NextHopTrap
		}
		// What hardware does with a route does not count. Of a time, only whether it
		// is over counts.
		r.Flags, r.Expires = 0, min(max(r.Expires, -1), 1)
		key := r.Kind()
		n, ok := known[key]
		if !ok {
			n = int32(len(known))
			known[key] = n
		}
		out = append(out, n)
	}
	return out
}

// linkNumbers gives the index that a device of one host has on another. It finds it by
// the device's name. The index is negative if there is no device of that name.
func linkNumbers(own, other *route.Snapshot) func(int) int {
	byName, numbers := map[string]int{}, map[int]int{}
	for i := range other.Links {
		byName[other.Links[i].Name] = other.Links[i].Index
	}
	for i := range own.Links {
		l := &own.Links[i]
		if n, ok := byName[l.Name]; ok {
			numbers[l.Index] = n
		} else {
			numbers[l.Index] = -l.Index
		}
	}
	return func(index int) int {
		if n, ok := numbers[index]; ok {
			return n
		}
		return index
	}
}

// entries are a family's entries by table and prefix.
func (h *Host) entries(fam route.Family, kinds []int32) []entry {
	out := make([]entry, 0, h.Routes.Len())
	shared := h.Routes.Kinds()
	for i := range h.Routes.Len() {
		dst, k := h.Routes.At(i)
		if route.FamilyOf(dst.Addr()) == fam {
			out = append(out, entry{dst, shared[k].Table, int32(i), kinds[k]})
		}
	}
	inOrder := func(a, b entry) int { return cmp.Or(byPrefix(&a, &b), cmp.Compare(a.place, b.place)) }
	slices.SortFunc(out, inOrder)
	return out
}

func byPrefix(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.table, b.table), a.dst.Addr().Compare(b.dst.Addr()), a.dst.Bits()-b.dst.Bits())
}
