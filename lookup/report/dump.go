package report

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Dump is all tables of a host, in the order in which the rules lead to them. The routes
// of large tables are not in it, but read once more where they are asked for: see
// [Table.Rows].
type Dump struct {
	Families []DumpFamily `json:"families"`
	// Table is the only one that is shown; absent: all are.
	Table string `json:"table,omitempty"`
	// Defaults are the default routes of all families.
	Defaults []Entry    `json:"defaults"`
	Rules    []DumpRule `json:"rules"`
	// Down are the devices that are down.
	Down   []string `json:"down,omitempty"`
	Tables []Table  `json:"tables"`
	// Changing says that the tables were changing while they were read: see [Dump.Watch].
	Changing bool `json:"changing"`
	watch    func() bool
}

// DumpFamily is a family whose tables are shown.
type DumpFamily struct {
	Family string `json:"family"` // inet, inet6
	// DefaultUnread says why there may be default routes that are not known: its code is
	// "routes-unread" or "table-part".
	DefaultUnread Reason `json:"default_unread,omitzero"`
}

// DumpRule is a rule of a family.
type DumpRule struct {
	Family string `json:"family"` // inet, inet6
	// TableID is the number of the table that it leads to; absent: it leads to none of its
	// own.
	TableID uint32 `json:"table_id,omitempty"`
	iproute2.Rule
}

// Table is a table of a family.
type Table struct {
	Family string `json:"family"` // inet, inet6
	Table  string `json:"table"`
	ID     uint32 `json:"id"`
	// Rules are the priorities of the rules that lead to it.
	Rules []uint32 `json:"rules"`
	// PerhapsRule is the priority of a rule that may lead to it, because the rule's table is
	// known only by its name or only by its number; absent: there is none.
	PerhapsRule *uint32 `json:"perhaps_rule,omitempty"`
	// Unlisted says that no rule is known to lead to it, and that the rules are not known.
	Unlisted bool `json:"unlisted,omitempty"`
	// Count is how many routes it has, and Default says that one of them is a default route.
	Count   int  `json:"count"`
	Default bool `json:"default,omitempty"`
	// Unread says that nothing is known of it, Partial that only a part is, and Assumed
	// that it is taken for empty because it is so on nearly every host.
	Unread  bool `json:"unread,omitempty"`
	Partial bool `json:"partial,omitempty"`
	Assumed bool `json:"assumed,omitempty"`
	// Groups say where the routes of a large table lead: the largest groups, and how many
	// more there are.
	Groups        []Group `json:"groups,omitempty"`
	GroupsLeftOut int     `json:"groups_left_out,omitempty"`
	// Routes are all routes of a small table. The Rows of a large table are read again.
	Routes []iproute2.Route `json:"routes"`

	names names
	each  func(func(*route.Route) error) error
}

// Group is how many routes of a table lead to the same place.
type Group struct {
	Count    int    `json:"count"`
	Type     string `json:"type"`
	Protocol string `json:"protocol"`
	// NextHop is the only one, or the first of NextHopCount.
	NextHop      *iproute2.NextHop `json:"nexthop,omitempty"`
	NextHopCount int               `json:"nexthop_count,omitempty"`
	// NHID is the ID of their next-hop object.
	NHID uint32 `json:"nhid,omitempty"`
}

// FewRoutes is how many routes a table has, at most, that is not large.
const FewRoutes = 50

// Large reports whether a table is large.
func (t *Table) Large() bool { return t.Count > FewRoutes }

// Row is a route of a table while it is handed out.
type Row struct {
	names names
	raw   *route.Route
	named *iproute2.Route
}

// Dst is its destination.
func (r *Row) Dst() netip.Prefix { return r.raw.Dst }

// Raw is the route as it was read; nil: it comes from a report that was decoded.
func (r *Row) Raw() *route.Route { return r.raw }

// Route is the route.
func (r *Row) Route() *iproute2.Route {
	if r.raw == nil {
		return r.named
	}
	return r.names.route(r.raw)
}

var errEnough = errors.New("enough rows")

// Rows are the routes of a table, one by one: each Row is overwritten by the next one. If
// they cannot be read, an error comes last.
func (t *Table) Rows() iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		row := &Row{names: t.names}
		if t.each == nil {
			for i := range t.Routes {
				if row.named = &t.Routes[i]; !yield(row, nil) {
					return
				}
			}
			return
		}
		stopped := false
		err := t.each(func(r *route.Route) error {
			if row.raw = r; !yield(row, nil) {
				stopped = true
				return errEnough
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// Watch tells a dump how to find out, while its rows are read, that the tables are
// changing.
func (d *Dump) Watch(changing func() bool) { d.watch = changing }

// Changed reports whether the tables have been changing so far, and notes that.
func (d *Dump) Changed() bool {
	d.Changing = d.Changing || d.watch != nil && d.watch()
	return d.Changing
}

// DumpQuestion says which tables are wanted.
type DumpQuestion struct {
	// Family is theirs; zero: both.
	Family route.Family
	// Table is the name or number of the only one; empty: all.
	Table string
}

// ErrNoTable is the error for a name that no table has.
var ErrNoTable = errors.New("no table has that name")

// AskDump reads all tables once. Of large ones, it reads a second time what decides about
// the default routes. Errors are those of the source, and ErrNoTable.
func AskDump(ctx context.Context, src route.Source, q DumpQuestion) (*Dump, error) {
	families := []route.Family{q.Family}
	if q.Family == 0 {
		families = []route.Family{route.IPv4, route.IPv6}
	}
	all := counts{}
	fib, err := lookup.Read(ctx, src, &lookup.Need{
		Query: route.Query{Family: q.Family},
		Hold:  (*route.Route).IsDefault,
		Ask:   func(f *lookup.FIB) []netip.Addr { return examples(f, families) },
		Each:  func(r *route.Route) error { all.take(r); return nil },
		Again: func() { clear(all) },
	})
	if err != nil {
		return nil, err
	}
	n, only := namesOf(fib), route.Table(0)
	if q.Table != "" {
		id, ok := n.snap.Names.TableByName(q.Table)
		if !ok {
			return nil, ErrNoTable
		}
		only = id
	}
	d := &Dump{Table: n.onlyTable(only), Defaults: []Entry{}, Rules: []DumpRule{}, Down: n.down(), Tables: []Table{}, Changing: n.snap.Changed}
	for _, f := range families {
		d.Families = append(d.Families, DumpFamily{FamilyName(f), n.defaultUnread(f)})
		d.Defaults = append(d.Defaults, n.defaults(f, only)...)
		d.Rules = append(d.Rules, n.dumpRules(f, only)...)
		tables := fib.TableOrder(f)
		d.Tables = slices.Grow(d.Tables, len(tables))
		for _, id := range tables {
			if only != 0 && id != only {
				continue
			}
			k := tableKey{f, id}
			t := n.dumpTable(k, all[k])
			delete(all, k)
			if t.Large() {
				t.each = func(each func(*route.Route) error) error {
					_, err := src.Read(ctx, route.Query{Family: f, Table: id, Each: each, NoNeighbours: true})
					return err
				}
			}
			d.Tables = append(d.Tables, t)
		}
	}
	return d, nil
}

// onlyTable names the one table that is shown; empty: all are.
func (n names) onlyTable(only route.Table) string {
	if only == 0 {
		return ""
	}
	return n.table(only)
}

// examples are the addresses by which the status of default routes is found.
func examples(f *lookup.FIB, of []route.Family) []netip.Addr {
	var out []netip.Addr
	for _, fam := range of {
		for _, s := range f.EntryStatuses(fam.Default()) {
			if s.Example.IsValid() {
				out = append(out, s.Example)
			}
		}
	}
	return out
}

// defaults are the default routes of a family, or of one of its tables.
func (n names) defaults(f route.Family, only route.Table) []Entry {
	return NewEntries(n.fib, slices.DeleteFunc(n.fib.EntryStatuses(f.Default()), func(s lookup.EntryStatus) bool {
		return only != 0 && s.Route.Table != only
	}))
}

func (n names) defaultUnread(f route.Family) Reason {
	switch {
	case n.snap.Lacks(route.FactRoutes, f):
		return Reason{Code: lookup.CodeRoutesUnread, Have: operand(n.snap.WhyLacks(route.FactRoutes, f))}
	case n.snap.LacksPart(route.TableMain, f) || n.snap.LacksTable(route.TableMain, f):
		return Reason{Code: lookup.CodeTablePart, Want: Text(n.table(route.TableMain))}
	}
	return Reason{}
}

// dumpRules are the rules of a family, or those that lead to one table.
func (n names) dumpRules(f route.Family, only route.Table) []DumpRule {
	var out []DumpRule
	for i := range n.snap.Rules {
		r := &n.snap.Rules[i]
		if r.Family != f || only != 0 && r.Table != only {
			continue
		}
		d := DumpRule{Family: FamilyName(f), Rule: *n.rule(r)}
		if r.Action == route.ActionTable {
			d.TableID = uint32(r.Table)
		}
		out = append(out, d)
	}
	return out
}

func (n names) down() []string {
	var out []string
	for i := range n.snap.Links {
		if l := &n.snap.Links[i]; !l.Up() {
			out = append(out, l.Name)
		}
	}
	return out
}

func (n names) dumpTable(k tableKey, c *tableCount) Table {
	t := Table{
		Family: FamilyName(k.family), Table: n.table(k.id), ID: uint32(k.id), Rules: []uint32{}, Routes: []iproute2.Route{}, names: n,
		Unread: n.snap.LacksTable(k.id, k.family), Partial: n.snap.LacksPart(k.id, k.family),
		Assumed: k.id == route.TableDefault && n.snap.Assumes(route.FactDefault, k.family),
	}
	for _, r := range n.fib.RulesTo(k.family, k.id) {
		t.Rules = append(t.Rules, r.Priority)
	}
	if r := n.fib.MayLead(k.family, k.id); r != nil && len(t.Rules) == 0 {
		t.PerhapsRule = &r.Priority
	}
	t.Unlisted = len(t.Rules) == 0 && t.PerhapsRule == nil && n.fib.Unled(k.family, k.id).Code != ""
	if c == nil {
		return t
	}
	t.Count, t.Default = c.count, c.hasDefault
	if t.Large() {
		t.Groups, t.GroupsLeftOut = n.groups(c.groups)
		return t
	}
	for i := range c.first {
		t.Routes = append(t.Routes, *n.route(&c.first[i]))
	}
	return t
}

// tableKey names a table: numbers are used once per family.
type tableKey struct {
	family route.Family
	id     route.Table
}

// counts gathers the tables of a dump while their routes are read.
type counts map[tableKey]*tableCount

// tableCount is what is kept about one table.
type tableCount struct {
	count      int
	hasDefault bool
	first      []route.Route    // all of a small table
	groups     map[groupKey]int // of a large one
}

// groupKey is the same for routes that lead to the same place.
type groupKey struct {
	hop      route.NextHop
	hops     int
	object   uint32
	typ      route.Type
	protocol route.Protocol
}

// take keeps the routes of small tables, and counts those of large ones by where they lead.
func (all counts) take(r *route.Route) {
	k := tableKey{r.Family(), r.Table}
	t := all[k]
	if t == nil {
		t = new(tableCount)
		all[k] = t
	}
	t.count++
	t.hasDefault = t.hasDefault || r.IsDefault()
	if t.count <= FewRoutes {
		t.first = append(t.first, r.Clone())
		return
	}
	if t.groups == nil {
		t.groups = map[groupKey]int{}
		for i := range t.first {
			t.groups[keyOf(&t.first[i])]++
		}
		t.first = nil
	}
	t.groups[keyOf(r)]++
}

func keyOf(r *route.Route) groupKey {
	g := groupKey{hops: len(r.NextHops), object: r.NextHopID, typ: r.Type, protocol: r.Protocol}
	if g.hops > 0 {
		g.hop = r.NextHops[0]
	}
	return g
}

// maxGroups is how many groups of routes of a large table are shown.
const maxGroups = 12

// groups are the largest groups, and how many more there are.
func (n names) groups(all map[groupKey]int) ([]Group, int) {
	type group struct {
		groupKey
		count int
	}
	list := make([]group, 0, len(all))
	for k, count := range all {
		list = append(list, group{k, count})
	}
	slices.SortFunc(list, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.typ, b.typ), cmp.Compare(a.hops, b.hops), a.hop.Gateway.Compare(b.hop.Gateway),
			cmp.Compare(a.hop.Link, b.hop.Link), cmp.Compare(a.object, b.object), cmp.Compare(a.protocol, b.protocol),
			cmp.Compare(a.hop.Weight, b.hop.Weight), cmp.Compare(a.hop.Flags, b.hop.Flags))
	})
	var out []Group
	for i := range list[:min(len(list), maxGroups)] {
		g := &list[i]
		x := Group{Count: g.count, Type: g.typ.String(), Protocol: n.snap.Names.Protocol(g.protocol), NextHopCount: g.hops, NHID: g.object}
		if g.hops > 0 {
			h := iproute2.NextHopJSON(n.snap, route.FamilyOf(g.hop.Gateway), &g.hop)
			x.NextHop = &h
		}
		out = append(out, x)
	}
	return out, len(list) - len(out)
}
