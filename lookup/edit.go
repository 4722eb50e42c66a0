package lookup

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"routewhy/route"
)

// Edit makes a FIB that differs from another one in some routes. The two share all else,
// so an Edit costs as much as it changes, however large the tables are. The FIB that it
// starts from stays as it is. An Edit is for one goroutine.
type Edit struct {
	base    *FIB
	changed map[tableKey]*table
	fresh   []*entry // made here, and not resolved yet
	lost    bool     // some entry was taken out
}

type tableKey struct {
	fam route.Family
	id  route.Table
}

// Edit starts from a FIB.
func (f *FIB) Edit() *Edit { return &Edit{base: f} }

// At are the routes to one prefix in one table, in the order in which the kernel tries
// them. Their Dst is the zero Prefix. They must not be changed.
func (e *Edit) At(id route.Table, dst netip.Prefix) []*route.Route {
	return e.table(route.FamilyOf(dst.Addr()), id).at(dst)
}

// Routes calls yield for each prefix of a table and its routes, until yield returns
// false. The slice is used again for the next prefix. See [Edit.At].
func (e *Edit) Routes(f route.Family, id route.Table, yield func(netip.Prefix, []*route.Route) bool) {
	t := e.table(f, id)
	if t == nil {
		return
	}
	var list []*route.Route
	for dst, l := range t.trie.All() {
		list = l.appendTo(list[:0])
		if !yield(dst, list) {
			return
		}
	}
}

// Tables are the tables of a family that have, or had, routes, in ascending order.
func (e *Edit) Tables(f route.Family) []route.Table {
	ids := slices.Collect(maps.Keys(e.base.family(f).tables))
	for k := range e.changed {
		if k.fam == f && !slices.Contains(ids, k.id) {
			ids = append(ids, k.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Covering gives the prefixes of a table that cover an address, the longest first,
// each with its routes, until yield returns false.
func (e *Edit) Covering(id route.Table, a netip.Addr, yield func(netip.Prefix, []*route.Route) bool) {
	t := e.table(route.FamilyOf(a), id)
	if t == nil {
		return
	}
	c := t.covering(a)
	for rf, ok := c.next(); ok; rf, ok = c.next() {
		if !yield(rf.dst, rf.leaf.routes()) {
			return
		}
	}
}

// Set replaces the routes to a prefix of a table by others. Routes that At gave for this
// prefix are kept as they are; new ones are copied.
func (e *Edit) Set(id route.Table, dst netip.Prefix, routes []*route.Route) {
	t := e.own(route.FamilyOf(dst.Addr()), id)
	old, _ := t.trie.Get(dst)
	t.put(dst, e.entries(t, dst, old, routes))
}

// entries are those of the routes that take the place of a leaf.
func (e *Edit) entries(t *table, dst netip.Prefix, old *leaf, routes []*route.Route) []*entry {
	entries := make([]*entry, len(routes))
	for i, r := range routes {
		entries[i] = old.entryOf(r)
		if entries[i] == nil {
			entries[i] = newEntry(r, route.FamilyOf(dst.Addr()))
			e.fresh = append(e.fresh, entries[i])
		}
	}
	n := len(entries)
	if old != nil {
		n -= len(old.entries)
		e.lost = true
	}
	t.routes += n
	if dst.Bits() == 0 {
		t.defaults += n
	}
	return entries
}

// MayHave reports whether a family may have a route of some kind. It need not go through
// all prefixes, because many share a route. It may report true because of a route that
// was removed. The function gets routes without their destination.
func (e *Edit) MayHave(f route.Family, kind func(*route.Route) bool) bool {
	is := func(x *entry) bool { return x.fam == f && kind(&x.route) }
	for k := e.base.kinds; k != nil; k = k.before {
		if slices.ContainsFunc(k.entries, is) {
			return true
		}
	}
	return slices.ContainsFunc(e.fresh, is)
}

// fewChanges is how many prefixes of a table are changed one by one at most.
const fewChanges = 1000

// Rewrite replaces the routes to each prefix of a table by those that edit gives for
// them; false: they stay. The slice that edit gets is used again for the next prefix. See
// [Edit.Set].
func (e *Edit) Rewrite(f route.Family, id route.Table, edit func(netip.Prefix, []*route.Route) ([]*route.Route, bool)) {
	if e.table(f, id) == nil {
		return
	}
	before := e.table(f, id).trie
	var few []replacement
	var t *table
	var next *bart.Table[*leaf] // to change many prefixes in the old one would copy it many times over
	var list []*route.Route
	for dst, l := range before.All() {
		list = l.appendTo(list[:0])
		routes, changed := edit(dst, list)
		if !changed {
			if next != nil {
				next.Insert(dst, l)
			}
			continue
		}
		t = e.own(f, id)
		one := replacement{dst, e.entries(t, dst, l, routes)}
		if next == nil && len(few) < fewChanges {
			few = append(few, one)
			continue
		}
		if next == nil {
			next = replaced(before, dst, few)
		}
		one.insert(next)
	}
	if next != nil {
		t.trie = next
		return
	}
	for _, c := range few {
		t.put(c.dst, c.entries)
	}
}

// replacement is what a prefix has after a change; no entries: nothing.
type replacement struct {
	dst     netip.Prefix
	entries []*entry
}

func (r *replacement) insert(t *bart.Table[*leaf]) {
	if len(r.entries) > 0 {
		t.Insert(r.dst, &leaf{entries: r.entries})
	}
}

// replaced is a new table. It has what an old table has before a prefix, with some of it
// replaced. The replacements are in the table's order.
func replaced(old *bart.Table[*leaf], end netip.Prefix, few []replacement) *bart.Table[*leaf] {
	next := newTable().trie
	for dst, l := range old.All() {
		switch {
		case dst == end:
			return next
		case len(few) > 0 && few[0].dst == dst:
			few[0].insert(next)
			few = few[1:]
		default:
			next.Insert(dst, l)
		}
	}
	return next
}

// put replaces what is at a prefix.
func (t *table) put(dst netip.Prefix, entries []*entry) {
	if len(entries) == 0 {
		t.trie = t.trie.DeletePersist(dst)
		return
	}
	t.trie = t.trie.InsertPersist(dst, &leaf{entries: entries})
}

func (e *Edit) table(f route.Family, id route.Table) *table {
	if t := e.changed[tableKey{f, id}]; t != nil {
		return t
	}
	return e.base.family(f).tables[id]
}

// own is a table of the new FIB's own.
func (e *Edit) own(f route.Family, id route.Table) *table {
	k := tableKey{f, id}
	if t := e.changed[k]; t != nil {
		return t
	}
	t := newTable()
	if old := e.base.family(f).tables[id]; old != nil {
		*t = *old
	}
	if e.changed == nil {
		e.changed = map[tableKey]*table{}
	}
	e.changed[k] = t
	return t
}

func (t *table) at(dst netip.Prefix) []*route.Route {
	if t == nil {
		return nil
	}
	l, _ := t.trie.Get(dst)
	return l.routes()
}

// routes are a leaf's routes; a nil leaf has none.
func (l *leaf) routes() []*route.Route {
	if l == nil {
		return nil
	}
	return l.appendTo(make([]*route.Route, 0, len(l.entries)))
}

// appendTo appends a leaf's routes to a list.
func (l *leaf) appendTo(list []*route.Route) []*route.Route {
	for _, e := range l.entries {
		list = append(list, &e.route)
	}
	return list
}

// entryOf is the entry of a route; nil: there is none.
func (l *leaf) entryOf(r *route.Route) *entry {
	if l == nil {
		return nil
	}
	for _, e := range l.entries {
		if &e.route == r {
			return e
		}
	}
	return nil
}

// Changed reports whether any route was changed.
func (e *Edit) Changed() bool { return len(e.changed) > 0 }

// FIB is the FIB with the changed routes. All other facts are those of a snapshot, which
// may be the one of the FIB that the Edit started from; its Routes are not looked at.
// The Edit must not be used any more.
func (e *Edit) FIB(s *route.Snapshot) *FIB {
	if s != e.base.snap && (e.base.realms || !sameButRules(e.base.snap, s)) {
		return e.rebuild(s)
	}
	f := new(FIB)
	*f = *e.base
	if s != e.base.snap {
		f.snap = s
		f.ruleAgain()
	}
	if !e.Changed() {
		return f
	}
	f.groups = maps.Clone(f.groups)
	f.sources = slices.Clip(f.sources)
	if len(e.fresh) > 0 {
		f.kinds = &kinds{e.fresh, f.kinds}
	}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		e.share(f, fam)
	}
	for _, entry := range e.fresh {
		f.resolve(entry)
		f.take(entry)
	}
	if e.lost && f.realms {
		return e.rebuild(s)
	}
	return f
}

// share gives a FIB, which is a copy, its changed tables of one family.
func (e *Edit) share(f *FIB, fam route.Family) {
	mine := f.family(fam)
	tables := e.tables(fam)
	if tables == nil {
		return
	}
	mine.tables = tables
	rules := make([]*rule, len(mine.rules))
	for i, r := range mine.rules {
		own := *r
		own.table = tables[r.Table]
		rules[i] = &own
	}
	mine.rules = rules
}

// tables are all tables of a family; nil: none was changed.
func (e *Edit) tables(fam route.Family) map[route.Table]*table {
	var tables map[route.Table]*table
	for k, t := range e.changed {
		if k.fam != fam {
			continue
		}
		if tables == nil {
			if tables = maps.Clone(e.base.family(fam).tables); tables == nil {
				tables = map[route.Table]*table{}
			}
		}
		tables[k.id] = t
	}
	return tables
}

// rebuild indexes all facts again except for the routes. An entry knows the devices that
// it leads to, and so each gets a successor.
func (e *Edit) rebuild(s *route.Snapshot) *FIB {
	b := Builder{partial: e.base.partial}
	successor := map[*entry]*entry{}
	renew := func(old *entry) *entry {
		if successor[old] == nil {
			successor[old] = newEntry(&old.route, old.fam)
			b.entries = append(b.entries, successor[old])
		}
		return successor[old]
	}
	renewed := func(fam route.Family) map[route.Table]*table {
		tables := map[route.Table]*table{}
		for _, id := range e.Tables(fam) {
			tables[id] = e.table(fam, id).renewed(renew)
		}
		return tables
	}
	b.tables4, b.tables6 = renewed(route.IPv4), renewed(route.IPv6)
	return b.FIB(s)
}

// renewed is a copy of a table with other entries.
func (t *table) renewed(renew func(*entry) *entry) *table {
	c := newTable()
	c.routes, c.defaults, c.left, c.read = t.routes, t.defaults, t.left, t.read
	for dst, l := range t.trie.All() {
		if len(l.entries) == 1 {
			c.trie.Insert(dst, renew(l.entries[0]).alone)
			continue
		}
		entries := make([]*entry, len(l.entries))
		for i, e := range l.entries {
			entries[i] = renew(e)
		}
		c.trie.Insert(dst, &leaf{entries: entries})
	}
	return c
}

// Size is how many routes a table has.
func (e *Edit) Size(f route.Family, id route.Table) int { return e.table(f, id).size() }

// HasSubnets reports whether a table has routes to a prefix or to longer ones in it.
func (e *Edit) HasSubnets(id route.Table, p netip.Prefix) bool {
	t := e.table(route.FamilyOf(p.Addr()), id)
	if t == nil {
		return false
	}
	for range t.trie.Subnets(p) {
		return true
	}
	return false
}
