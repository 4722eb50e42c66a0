package lookup

import (
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"routewhy/route"
)

// New indexes a snapshot. The snapshot must not be changed afterwards.
func New(s *route.Snapshot) *FIB {
	var b Builder
	for i := range s.Routes {
		b.Add(&s.Routes[i])
	}
	return b.FIB(s)
}

// Builder gathers the routes of a FIB one at a time, so that a large table need not be
// in memory as a slice of routes as well. The zero value is
// ready for use.
type Builder struct {
	tables4, tables6 map[route.Table]*table
	shared           route.ByShape[*entry]
	entries          []*entry
	partial          bool
}

// Add adds a route after those of the same prefix. The route is copied.
func (b *Builder) Add(r *route.Route) {
	b.table(r.Family(), r.Table).add(r.Dst, b.entry(r))
}

// skip counts a route that is left out, because no question will be about an address
// that it covers.
func (b *Builder) skip(f route.Family, id route.Table) *table {
	t := b.table(f, id)
	t.routes++
	b.partial = true
	return t
}

// leave counts a route of a kind that is left out, and remembers its prefix, so that
// [FIB.EntryStatuses] knows which longer prefixes there are. It tells where the prefix is
// in which list, and whether another route of the prefix was left out before.
func (b *Builder) leave(r *route.Route, kind uint16) (list *prefixList, at int, before route.Tristate) {
	list = &b.skip(r.Family(), r.Table).left
	at, before = list.add(r.Dst, kind)
	return list, at, before
}

// empty removes the routes of a prefix, before all of them are put there again.
func (b *Builder) empty(id route.Table, dst netip.Prefix) {
	t := b.table(route.FamilyOf(dst.Addr()), id)
	t.trie.Delete(dst)
	if t.read == nil {
		t.read = new(bart.Lite)
	}
	t.read.Insert(dst)
}

// put adds a route that was counted before.
func (b *Builder) put(r *route.Route) { b.table(r.Family(), r.Table).insert(r.Dst, b.entry(r)) }

func (b *Builder) table(f route.Family, id route.Table) *table {
	tables := &b.tables4
	if f == route.IPv6 {
		tables = &b.tables6
	}
	if *tables == nil {
		*tables = make(map[route.Table]*table)
	}
	t := (*tables)[id]
	if t == nil {
		t = newTable()
		(*tables)[id] = t
	}
	return t
}

func newTable() *table { return &table{trie: new(bart.Table[*leaf])} }

func (t *table) add(dst netip.Prefix, e *entry) {
	t.routes++
	if dst.Bits() == 0 {
		t.defaults++
	}
	t.insert(dst, e)
}

func (t *table) insert(dst netip.Prefix, e *entry) {
	t.trie.Modify(dst, func(l *leaf, found bool) (*leaf, bool) {
		if !found {
			return e.alone, false
		}
		if len(l.entries) == 1 { // may stand at other prefixes too
			return &leaf{entries: []*entry{l.entries[0], e}}, false
		}
		l.entries = append(l.entries, e)
		return l, false
	})
}

// entry finds or makes the entry of a route.
func (b *Builder) entry(r *route.Route) *entry {
	e, ok := b.shared.Get(r)
	if !ok {
		e = b.newEntry(r)
		b.shared.Put(r, e)
	}
	return e
}

func (b *Builder) newEntry(r *route.Route) *entry {
	e := newEntry(r, r.Family())
	b.entries = append(b.entries, e)
	return e
}

func newEntry(r *route.Route, fam route.Family) *entry {
	e := &entry{route: *r, fam: fam}
	e.route.Dst = netip.Prefix{}
	e.route.NextHops = slices.Clone(r.NextHops)
	e.alone = &leaf{entries: []*entry{e}}
	return e
}

// FIB indexes the routes that were added so far, and all other facts of the snapshot.
// The snapshot's own Routes are ignored. If more routes are added afterwards, FIB must be
// called again, and the former FIB must not be used any more.
func (b *Builder) FIB(s *route.Snapshot) *FIB {
	f := &FIB{
		snap:       s,
		v4:         family{tables: b.tables4},
		v6:         family{tables: b.tables6},
		byIndex:    make(map[int]*device, len(s.Links)),
		byName:     make(map[string]*device, len(s.Links)),
		vrfOf:      map[route.Table]*device{},
		neighbours: make(map[neighbourKey]route.NeighbourState, len(s.Neighbours)),
		objects:    make(map[uint32]*route.NextHopObject, len(s.NextHops)),
		groups:     map[groupKey]*entry{},
		own4:       make(map[netip.Addr]int),
		own6:       make(map[netip.Addr]int),
		kernel:     behaviourOf(s.Release),
		partial:    b.partial,
		labels:     s.Labels,
		kinds:      &kinds{entries: b.entries},
	}
	if len(f.labels) == 0 {
		f.labels = route.DefaultLabels()
	}
	conf4, conf6 := confsOf(s.Sysctls, route.IPv4), confsOf(s.Sysctls, route.IPv6)
	f.v4.conf, f.v6.conf = conf4.device(allDevices), conf6.device(allDevices)
	f.v4.guess, f.v6.guess = s.Lacks(route.FactSysctls, route.IPv4), s.Lacks(route.FactSysctls, route.IPv6)
	f.useNeigh, f.useNeighRead = s.Sysctls.Int(useNeighPath)
	f.addDevices(&conf4, &conf6)
	f.addRules()
	for _, n := range s.Neighbours {
		f.addNeighbour(&n)
	}
	for i := range s.NextHops {
		f.objects[s.NextHops[i].ID] = &s.NextHops[i]
	}
	for _, e := range b.entries {
		f.resolve(e)
		f.take(e)
	}
	for _, tables := range []map[route.Table]*table{b.tables4, b.tables6} {
		for _, t := range tables {
			t.left.sort()
		}
	}
	f.merge()
	return f
}

// merge works out whether IPv4's tables local and main are one.
func (f *FIB) merge() {
	s, plain := f.snap, f.defaultRules4()
	f.merged = s.Merged == route.Yes && plain
	f.mayMerge = s.Merged == route.Unknown && s.Lacks(route.FactMerged, route.IPv4) && plain
}

// take notes what an entry means for all look-ups.
func (f *FIB) take(e *entry) {
	if len(e.hops) > 1 || e.sourceSpecific() {
		f.family(e.fam).bySource = true
	}
	if e.sourceSpecific() {
		f.sources = append(f.sources, e.route.Src.Masked())
	}
	if t := e.route.TOS; t != 0 && e.fam == route.IPv4 && !slices.Contains(f.tos, t) {
		f.tos = append(f.tos, t)
	}
	if e.fam == route.IPv4 && e.route.Type == route.TypeLocal && e.route.Protocol != route.ProtocolKernel {
		f.localByUser = true
	}
}
