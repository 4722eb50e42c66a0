package lookup

import (
	"iter"
	"net/netip"

	"routewhy/route"
)

// aside has what it takes to make the routes of large tables again that were left out:
// to read large tables a second time for a few of them would take much longer. A large
// table has few kinds of routes, so that for most prefixes a number tells the route. The
// zero value is empty.
type aside struct {
	byShape route.ByShape[uint16]
	kinds   []route.Route // one of each kind
	// odd are all left-out routes of the prefixes for which no kind tells the route, as far
	// as they are kept.
	odd map[tablePrefix][]route.Route
	// more says how many routes odd has, and full that it gets no more.
	more int
	full bool
}

// oddKind says that no kind tells the routes of a prefix: there are several, or they have
// something that few routes have.
const oddKind = ^uint16(0)

// How many kinds, and how many routes without a kind, are kept.
const (
	maxAsideKinds  = 4096
	maxAsideRoutes = 4096
)

// kind is the number of a route's kind.
func (a *aside) kind(r *route.Route) uint16 {
	if k, ok := a.byShape.Get(r); ok {
		return k
	}
	k := uint16(len(a.kinds)) //nolint:gosec // at most maxAsideKinds
	if len(a.kinds) == maxAsideKinds || !a.byShape.Put(r, k) {
		return oddKind
	}
	a.kinds = append(a.kinds, r.Clone())
	return k
}

// of makes the route of a kind to a prefix.
func (a *aside) of(kind uint16, dst netip.Prefix) route.Route {
	r := a.kinds[kind]
	r.Dst = dst
	return r
}

// leave leaves a route out of the tables.
func (a *aside) leave(b *Builder, r *route.Route) {
	kind := a.kind(r)
	list, place, before := b.leave(r, kind)
	at := tablePrefix{r.Table, r.Dst}
	switch before {
	case route.Unknown: // odd may have other routes of the prefix, and not this one
		a.odd, a.full = nil, true
	case route.No:
		if kind == oddKind {
			a.keep(at, r)
		}
	case route.Yes:
		if first := list.kind(place); first != oddKind {
			list.setKind(place, oddKind)
			one := a.of(first, r.Dst)
			a.keep(at, &one)
		}
		if a.odd[at] != nil {
			a.keep(at, r)
		}
	}
}

// keep keeps a route of a prefix. If there are too many, it keeps none of the prefix.
func (a *aside) keep(at tablePrefix, r *route.Route) {
	if a.more == maxAsideRoutes {
		a.full = true
	}
	if a.full {
		delete(a.odd, at)
		return
	}
	if a.odd == nil {
		a.odd = map[tablePrefix][]route.Route{}
	}
	a.more++
	a.odd[at] = append(a.odd[at], r.Clone())
}

// routes are the left-out routes of a prefix in their order, if all of the prefix's routes
// were left out and are known; otherwise none.
func (a *aside) routes(t *table, at tablePrefix) []route.Route {
	if _, held := t.trie.Get(at.prefix); held {
		return nil // the order in which they come is not known
	}
	place, _ := t.left.search(at.prefix)
	if kind := t.left.kind(place); kind != oddKind {
		return []route.Route{a.of(kind, at.prefix)}
	}
	return a.odd[at]
}

// cover adds the routes that cover some addresses, if all of them are known, and reports
// whether they were.
func (a *aside) cover(b *Builder, f *FIB, addrs []netip.Addr) bool {
	found := map[tablePrefix][]route.Route{}
	for _, addr := range addrs {
		fam := f.family(route.FamilyOf(addr))
		for at := range fam.omitted(addr) {
			if found[at] != nil {
				continue
			}
			if found[at] = a.routes(fam.tables[at.table], at); found[at] == nil {
				return false
			}
		}
	}
	for at, routes := range found {
		b.empty(at.table, at.prefix)
		for i := range routes {
			b.put(&routes[i])
		}
	}
	return true
}

// omitted are the prefixes that cover an address and of which not all routes are held.
func (fam *family) omitted(a netip.Addr) iter.Seq[tablePrefix] {
	return func(yield func(tablePrefix) bool) {
		for id, t := range fam.tables {
			for bits := a.BitLen(); bits >= 0 && t.left.Len() > 0; bits-- {
				if p, _ := a.Prefix(bits); t.omits(p) && !yield(tablePrefix{id, p}) {
					return
				}
			}
		}
	}
}
