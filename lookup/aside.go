package lookup

import (
	"iter"
	"net/netip"

	"routewhy/route"
)

// aside has routes of large tables that were left out, but are kept in case they are
// asked about: to read large tables a second time for them would take much longer.
type aside struct {
	routes map[tablePrefix][]route.Route // all of a prefix; nil: none may be kept any more
}

// left keeps a route that was left out, if wanted is set and it is the first one of its
// prefix, or if the others of its prefix are kept. before tells whether another route of
// the prefix was left out before. If that is unknown, nothing is kept any more, because a
// route of a prefix that is kept may be missing. held reports whether another one is held.
func (a *aside) left(r *route.Route, wanted bool, before route.Tristate, held func() bool) {
	if before == route.Unknown {
		a.routes = nil
	}
	if a.routes == nil || before == route.No && !wanted {
		return
	}
	at := tablePrefix{r.Table, r.Dst}
	if before == route.Yes && a.routes[at] == nil || before == route.No && held() {
		return
	}
	a.routes[at] = append(a.routes[at], r.Clone())
}

// held tells that a route of a prefix is held: then not all of them are kept here.
func (a *aside) held(r *route.Route) {
	if len(a.routes) > 0 {
		delete(a.routes, tablePrefix{r.Table, r.Dst})
	}
}

// cover adds the routes that cover some addresses, if all of them are kept, and reports
// whether they were.
func (a *aside) cover(b *Builder, f *FIB, addrs []netip.Addr) bool {
	if len(a.routes) == 0 {
		return false
	}
	var found []tablePrefix
	for _, addr := range addrs {
		for at := range f.family(route.FamilyOf(addr)).omitted(addr) {
			if a.routes[at] == nil {
				return false
			}
			found = append(found, at)
		}
	}
	for _, at := range found {
		b.empty(at.table, at.prefix)
		for i := range a.routes[at] {
			b.put(&a.routes[at][i])
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
