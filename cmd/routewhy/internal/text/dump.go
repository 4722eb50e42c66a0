package text

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Dump is all tables of a namespace in the order in which the rules lead to
// them.
type Dump struct {
	FIB *lookup.FIB
	// Families are those to show.
	Families []route.Family
	// Only is the one table to show; zero: all.
	Only   route.Table
	Tables map[TableKey]*Table
	// Each hands the routes of a table to a function one by one, for tables
	// whose routes are not all in Tables.
	Each func(TableKey, func(*route.Route) error) error
	// Changing reports whether the tables have been changing so far; nil: they
	// were not.
	Changing func() bool
}

// TableKey names a table: numbers are used once per family.
type TableKey struct {
	Family route.Family
	ID     route.Table
}

// Table is what is known of one table.
type Table struct {
	// Count is how many routes it has, of which Routes are the first.
	Count int
	// Default says that one of them is a default route.
	Default bool
	Routes  []route.Route
	// Groups counts its routes by where they lead.
	Groups map[Group]int
}

// Group is what is the same of routes that lead to the same place.
type Group struct {
	hop      route.NextHop
	hops     int
	object   uint32
	typ      route.Type
	protocol route.Protocol
}

// GroupOf is the group that a route belongs to.
func GroupOf(r *route.Route) Group {
	g := Group{hops: len(r.NextHops), object: r.NextHopID, typ: r.Type, protocol: r.Protocol}
	if g.hops > 0 {
		g.hop = r.NextHops[0]
	}
	return g
}

// way is where the routes of a group lead.
func (g *Group) way(s *route.Snapshot) string {
	way := iproute2.Way(s, &g.hop)
	switch {
	case g.typ.Refuses() || g.typ == route.TypeThrow:
		return g.typ.String()
	case g.hops > 1:
		way = fmt.Sprintf("%s next hops, the first %s", numeral(g.hops), way)
	case g.hops == 0:
		way = ""
	}
	if g.object != 0 {
		way = strings.TrimSpace(fmt.Sprintf("%s nhid %d", way, g.object))
	}
	if g.typ != route.TypeUnicast {
		way = g.typ.String() + " " + way
	}
	return way
}

// whole says whether all routes of the table are there.
func (t *Table) whole() bool { return t.Count == len(t.Routes) }

// WriteDump writes a dump as text.
func WriteDump(w io.Writer, d *Dump, st Style) error {
	p := &page{w: w, st: st}
	p.defaults(d)
	if st.Quiet && d.changing() {
		p.line(strings.TrimSpace(changingAside))
	}
	if st.Quiet {
		return p.err
	}
	for _, f := range d.Families {
		p.family(d, f)
	}
	if d.changing() {
		p.blank()
		p.detail("note", changingWords, yellow)
	}
	return p.err
}

func (d *Dump) changing() bool {
	return d.FIB.Snapshot().Changed || d.Changing != nil && d.Changing()
}

// defaults leads with the default routes: what most questions are about.
func (p *page) defaults(d *Dump) {
	for _, f := range d.Families {
		all := slices.DeleteFunc(d.FIB.EntryStatuses(f.Default()), func(s lookup.EntryStatus) bool {
			return d.Only != 0 && s.Route.Table != d.Only
		})
		label := "default  "
		if len(all) == 0 {
			p.line(label + p.st.paint(yellow, noDefault(d.FIB.Snapshot(), f)))
			continue
		}
		p.standings(label, report.NewEntries(d.FIB, all))
	}
}

func noDefault(s *route.Snapshot, f route.Family) string {
	switch {
	case s.Lacks(route.FactRoutes, f):
		return fmt.Sprintf("unknown for %s: its routes are not known", f) + because(s.WhyLacks(route.FactRoutes, f))
	case s.LacksPart(route.TableMain, f) || s.LacksTable(route.TableMain, f):
		return fmt.Sprintf("unknown for %s: not all routes of table main are known", f)
	}
	return fmt.Sprintf("none for %s", f)
}

// family writes the rules of a family, and under each its table.
func (p *page) family(d *Dump, f route.Family) {
	s := d.FIB.Snapshot()
	p.blank()
	p.line(p.st.paint(bold, f.String()))
	shown := map[route.Table]bool{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if r.Family != f || d.Only != 0 && r.Table != d.Only {
			continue
		}
		p.dumpRule(d, r, shown)
	}
	for _, id := range d.FIB.TableOrder(f) {
		t := d.Tables[TableKey{f, id}]
		if shown[id] || t == nil || d.Only != 0 && id != d.Only {
			continue
		}
		how := "no rule leads to " + tableName(s, id)
		if rules := d.FIB.RulesTo(f, id); len(rules) > 0 {
			how = tableName(s, id) + ", by rule " + fmt.Sprint(rules[0].Priority)
		}
		p.line("    -  " + p.st.paint(yellow, how))
		p.table(d, TableKey{f, id}, t)
	}
}

func (p *page) dumpRule(d *Dump, r *route.Rule, shown map[route.Table]bool) {
	s := d.FIB.Snapshot()
	line := fmt.Sprintf("%5d  %s", r.Priority, oldRuleName(s, r))
	t := d.Tables[TableKey{r.Family, r.Table}]
	switch {
	case r.Action != route.ActionTable || r.Table == 0:
		p.line(line)
	case shown[r.Table]:
		p.line(line + "  (above)")
	case s.LacksTable(r.Table, r.Family):
		p.line(line + "  not known")
	case t == nil || t.Count == 0:
		p.line(line + emptyOrPart(s, r))
	default:
		if !t.Default && r.Table != route.TableLocal {
			line += "  (no default route)"
		}
		if s.LacksPart(r.Table, r.Family) {
			line += "  (only a part is known)"
		}
		p.line(line)
		shown[r.Table] = true
		p.table(d, TableKey{r.Family, r.Table}, t)
	}
}

// emptyOrPart says of a table without routes whether it has none.
func emptyOrPart(s *route.Snapshot, r *route.Rule) string {
	switch {
	case s.LacksPart(r.Table, r.Family):
		return "  only a part is known, without a route"
	case r.Table == route.TableDefault && s.Assumes(route.FactDefault, r.Family):
		return "  assumed to be empty"
	}
	return "  empty"
}

// tableIndent is the column of the routes.
const tableIndent = 7

// table writes the routes of a table, or where they lead if they are many.
func (p *page) table(d *Dump, k TableKey, t *Table) {
	s := d.FIB.Snapshot()
	if !t.whole() {
		if p.st.Verbose {
			p.all(d, k)
			return
		}
		p.summary(s, t)
		return
	}
	var w widths
	routes := slices.Clone(t.Routes)
	slices.SortStableFunc(routes, func(a, b route.Route) int { return comparePrefixes(a.Dst, b.Dst) })
	rows := make([]cells, len(routes))
	for i := range routes {
		rows[i] = dumpCells(s, &routes[i])
		w.dst, w.way, w.attrs = max(w.dst, columns(rows[i].dst)), max(w.way, columns(rows[i].way)), max(w.attrs, columns(rows[i].attrs))
	}
	for i := range rows {
		line := fmt.Sprintf("%*s%s  %s  %s", tableIndent, "", pad(rows[i].dst, w.dst), pad(rows[i].way, w.way), rows[i].attrs)
		if columns(line) > p.st.width() {
			line = fmt.Sprintf("%*s%s", tableIndent, "", strings.Join(nonEmpty(rows[i].dst, rows[i].way, rows[i].attrs), "  "))
		}
		p.line(p.st.paint(routeInk(&routes[i]), line))
		p.dumpLegs(s, &routes[i], w)
	}
}

// all streams a table that is too large to be held.
func (p *page) all(d *Dump, k TableKey) {
	s := d.FIB.Snapshot()
	rows := textRows(s)
	err := d.Each(k, func(r *route.Route) error {
		if p.err == nil {
			_, p.err = p.w.Write(rows.text(r))
		}
		p.dumpLegs(s, r, widths{})
		return p.err
	})
	if p.err == nil {
		p.err = err
	}
}

func comparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

func routeInk(r *route.Route) ink {
	switch {
	case r.IsDefault():
		return bold
	case r.Type.Refuses():
		return red
	}
	return plain
}

func dumpCells(s *route.Snapshot, r *route.Route) cells {
	c := cells{iproute2.Destination(r), "", iproute2.Attributes(r)}
	if len(r.NextHops) > 1 {
		c.way = numeral(len(r.NextHops)) + " next hops"
	} else {
		c.way = iproute2.RouteWay(s, r)
	}
	var extra []string
	if r.NextHopID != 0 {
		extra = append(extra, fmt.Sprintf("nhid %d", r.NextHopID))
	}
	if len(r.NextHops) == 1 && r.NextHops[0].Flags&route.NextHopLinkDown != 0 {
		extra = append(extra, "no carrier")
	}
	if r.Expires != 0 {
		extra = append(extra, fmt.Sprintf("expires in %.0f s", r.Expires.Seconds()))
	}
	if p := r.Protocol; p != route.ProtocolKernel && p != route.ProtocolBoot && p != route.ProtocolUnspec {
		extra = append(extra, "proto "+iproute2.Safe(s.Names.Protocol(p)))
	}
	c.attrs = strings.Join(nonEmpty(append([]string{c.attrs}, extra...)...), " ")
	return c
}

func (p *page) dumpLegs(s *route.Snapshot, r *route.Route, w widths) {
	if len(r.NextHops) < 2 {
		return
	}
	for i := range r.NextHops {
		h := &r.NextHops[i]
		p.line(fmt.Sprintf("%*s%s  %s", tableIndent+2, "", pad("", max(0, w.dst-2)), legText(s, h)))
	}
}

func legText(s *route.Snapshot, h *route.NextHop) string {
	text := fmt.Sprintf("%s  weight %d", iproute2.Way(s, h), max(1, h.Weight))
	switch l := s.Link(h.Link); {
	case l != nil && !l.Up():
		text += "  " + iproute2.Safe(l.Name) + " is down"
	case h.Flags&route.NextHopLinkDown != 0:
		text += "  no carrier"
	}
	return text
}

// maxGroups is how many destinations of a large table are named.
const maxGroups = 12

// summary says how many routes of a large table lead where.
func (p *page) summary(s *route.Snapshot, t *Table) {
	type row struct {
		g Group
		n int
	}
	var rows []row
	for g, n := range t.Groups {
		rows = append(rows, row{g, n})
	}
	slices.SortFunc(rows, func(a, b row) int {
		if a.n != b.n {
			return b.n - a.n
		}
		return strings.Compare(a.g.way(s), b.g.way(s))
	})
	p.line(fmt.Sprintf("%*s%d routes (-v lists them):", tableIndent, "", t.Count))
	for i, r := range rows {
		if i == maxGroups {
			p.line(fmt.Sprintf("%*sand %d ways more", tableIndent+2, "", len(rows)-i))
			return
		}
		p.line(fmt.Sprintf("%*s%9d  %s  proto %s", tableIndent+2, "", r.n, r.g.way(s), iproute2.Safe(s.Names.Protocol(r.g.protocol))))
	}
}

// WriteDumpJSON writes a dump as one JSON object: the default routes and where
// they stand, the rules, and the tables with their routes.
func WriteDumpJSON(w io.Writer, d *Dump) error {
	s := d.FIB.Snapshot()
	jw := &jsonWriter{w: w}
	jw.raw("{\n  \"defaults\": ")
	defaults := []report.Entry{}
	for _, f := range d.Families {
		for _, st := range report.NewEntries(d.FIB, d.FIB.EntryStatuses(f.Default())) {
			if d.Only == 0 || string(st.Route.Table) == s.Names.Table(d.Only) {
				defaults = append(defaults, st)
			}
		}
	}
	jw.value(defaults)
	jw.raw(",\n  \"rules\": ")
	jw.value(d.rulesJSON())
	jw.raw(",\n  \"tables\": [")
	first := true
	for _, f := range d.Families {
		for _, id := range d.FIB.TableOrder(f) {
			if d.Only != 0 && id != d.Only {
				continue
			}
			if !first {
				jw.raw(",")
			}
			first = false
			jw.table(d, TableKey{f, id})
		}
	}
	jw.raw("\n  ],\n  \"changing\": ")
	jw.value(d.changing())
	jw.raw("\n}\n")
	return jw.err
}

// dumpRuleJSON is a rule and the family that it is of.
type dumpRuleJSON struct {
	Family string `json:"family"`
	iproute2.Rule
}

func (d *Dump) rulesJSON() []dumpRuleJSON {
	s := d.FIB.Snapshot()
	out := []dumpRuleJSON{}
	for i := range s.Rules {
		r := &s.Rules[i]
		if slices.Contains(d.Families, r.Family) && (d.Only == 0 || r.Table == d.Only) {
			out = append(out, dumpRuleJSON{familyJSON(r.Family), iproute2.RuleJSON(s, r)})
		}
	}
	return out
}

func familyJSON(f route.Family) string {
	if f == route.IPv4 {
		return "inet"
	}
	return "inet6"
}

// jsonWriter writes JSON piece by piece, until a piece fails.
type jsonWriter struct {
	w   io.Writer
	err error
}

func (j *jsonWriter) raw(s string) {
	if j.err == nil {
		_, j.err = io.WriteString(j.w, s)
	}
}

func (j *jsonWriter) value(v any) {
	b, err := json.Marshal(v)
	if j.err == nil {
		j.err = err
	}
	j.raw(string(b))
}

func (j *jsonWriter) table(d *Dump, k TableKey) {
	s := d.FIB.Snapshot()
	rules := []uint32{}
	for _, r := range d.FIB.RulesTo(k.Family, k.ID) {
		rules = append(rules, r.Priority)
	}
	j.raw("\n    {\"family\": \"" + familyJSON(k.Family) + "\", \"table\": ")
	j.value(s.Names.Table(k.ID))
	j.raw(", \"id\": ")
	j.value(k.ID)
	j.raw(", \"rules\": ")
	j.value(rules)
	j.raw(", \"routes\": [")
	sep := "\n      "
	rows := jsonRows(s)
	write := func(r *route.Route) error {
		j.raw(sep)
		sep = ",\n      "
		if j.err == nil {
			_, j.err = j.w.Write(rows.text(r))
		}
		return j.err
	}
	if err := d.eachRoute(k, write); err != nil && j.err == nil {
		j.err = err
	}
	j.raw("]}")
}

func (d *Dump) eachRoute(k TableKey, write func(*route.Route) error) error {
	t := d.Tables[k]
	if t == nil {
		return nil
	}
	if !t.whole() {
		return d.Each(k, write)
	}
	for i := range t.Routes {
		if err := write(&t.Routes[i]); err != nil {
			return err
		}
	}
	return nil
}
