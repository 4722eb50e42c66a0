package text

import (
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

// WriteDump writes a dump as text.
func WriteDump(w io.Writer, d *report.Dump, st Style) error {
	p := &page{w: w, st: st}
	for i := range d.Families {
		p.defaults(d, &d.Families[i])
	}
	if st.Quiet && d.Changed() {
		p.line(strings.TrimSpace(changingAside))
	}
	if st.Quiet {
		return p.err
	}
	for i := range d.Families {
		p.family(d, d.Families[i].Family)
	}
	if d.Changed() {
		p.blank()
		p.detail("note", changingWords, yellow)
	}
	return p.err
}

// familyWords names a family for human readers: IPv4.
func familyWords(name string) string {
	if name == report.FamilyName(route.IPv4) {
		return route.IPv4.String()
	}
	return route.IPv6.String()
}

// defaults starts with the default routes, because most questions are about them.
func (p *page) defaults(d *report.Dump, f *report.DumpFamily) {
	of := func(e report.Entry) bool { return report.FamilyName(family(&e.Route)) == f.Family }
	all := d.Defaults[max(0, slices.IndexFunc(d.Defaults, of)):] // the routes of a family are next to each other
	if end := slices.IndexFunc(all, func(e report.Entry) bool { return !of(e) }); end >= 0 {
		all = all[:end]
	}
	label := "default  "
	if len(all) == 0 {
		text := noDefault(f)
		if d.Table != "" {
			text += " in " + tableWords(d.Table)
		}
		p.line(label + p.st.paint(yellow, text))
		return
	}
	p.standings(label, all)
}

// noDefault says that a family has no default route, as far as that is known.
func noDefault(f *report.DumpFamily) string {
	name := familyWords(f.Family)
	switch why := f.DefaultUnread; why.Code {
	case lookup.CodeRoutesUnread:
		return fmt.Sprintf("unknown for %s: its routes are not known", name) + because(why.Have.String())
	case lookup.CodeTablePart:
		return fmt.Sprintf("unknown for %s: not all routes of table main are known", name)
	}
	return "none for " + name
}

// family writes the rules of a family, and below each rule its table.
func (p *page) family(d *report.Dump, family string) {
	p.blank()
	p.line(p.st.paint(bold, familyWords(family)))
	tables := map[uint32]*report.Table{}
	for i := range d.Tables {
		if t := &d.Tables[i]; t.Family == family {
			tables[t.ID] = t
		}
	}
	shown := map[uint32]bool{}
	for i := range d.Rules {
		if r := &d.Rules[i]; r.Family == family {
			p.dumpRule(d, r, tables[r.TableID], shown)
		}
	}
	for i := range d.Tables {
		t := &d.Tables[i]
		if t.Family != family || shown[t.ID] || t.Count == 0 {
			continue
		}
		how := "no rule leads to " + tableWords(t.Table)
		if len(t.Rules) > 0 {
			how = tableWords(t.Table) + ", by rule " + fmt.Sprint(t.Rules[0])
		} else if t.PerhapsRule != nil {
			how = fmt.Sprintf("rule %d may lead to %s: the list of the tables' names is missing", *t.PerhapsRule, tableWords(t.Table))
		}
		if t.Unlisted {
			how = "whether a rule leads to " + tableWords(t.Table) + " is not known"
		}
		p.line("    -  " + p.st.paint(yellow, how))
		p.table(d, t)
	}
}

func (p *page) dumpRule(d *report.Dump, r *report.DumpRule, t *report.Table, shown map[uint32]bool) {
	line := fmt.Sprintf("%5d  %s", r.Priority, ruleName(&r.Rule))
	switch {
	case r.TableID == 0:
		p.line(line)
	case shown[r.TableID]:
		p.line(line + "  (above)")
	case t == nil:
		p.line(line + "  empty")
	case t.Unread:
		p.line(line + "  not known")
	case t.Count == 0:
		p.line(line + emptyOrPart(t))
	default:
		if !t.Default && t.Table != tableLocal {
			line += "  (no default route)"
		}
		if t.Partial {
			line += "  (only a part is known)"
		}
		p.line(line)
		shown[t.ID] = true
		p.table(d, t)
	}
}

// emptyOrPart says whether a table without routes is really empty.
func emptyOrPart(t *report.Table) string {
	switch {
	case t.Partial:
		return "  only a part is known, without a route"
	case t.Assumed:
		return "  assumed to be empty"
	}
	return "  empty"
}

// tableIndent is the column of the routes.
const tableIndent = 7

// table writes the routes of a table. If there are many, it writes only where they
// lead.
func (p *page) table(d *report.Dump, t *report.Table) {
	if t.Large() {
		if p.st.Verbose {
			p.all(d, t)
			return
		}
		p.summary(t)
		return
	}
	var w widths
	routes := slices.Clone(t.Routes)
	slices.SortStableFunc(routes, func(a, b iproute2.Route) int { return comparePrefixes(prefixOf(&a), prefixOf(&b)) })
	rows := make([]cells, len(routes))
	for i := range routes {
		rows[i] = dumpCells(&routes[i])
		w.dst, w.way, w.attrs = max(w.dst, textWidth(rows[i].dst)), max(w.way, textWidth(rows[i].way)), max(w.attrs, textWidth(rows[i].attrs))
	}
	for i := range rows {
		line := fmt.Sprintf("%*s%s  %s  %s", tableIndent, "", pad(rows[i].dst, w.dst), pad(rows[i].way, w.way), rows[i].attrs)
		if textWidth(line) > p.st.width() {
			line = fmt.Sprintf("%*s%s", tableIndent, "", strings.Join(nonEmpty(rows[i].dst, rows[i].way, rows[i].attrs), "  "))
		}
		p.line(p.st.paint(routeInk(&routes[i]), line))
		for _, leg := range dumpLegs(d, &routes[i], w, p.st.width()) {
			p.line(leg)
		}
	}
}

// all writes all routes of a large table, one by one.
func (p *page) all(d *report.Dump, t *report.Table) {
	rows, w := textRows(d), p.w
	if p.st.Fold {
		w = folding{w, p.st}
	}
	for row, err := range t.Rows() {
		if p.err == nil {
			p.err = err
		}
		if p.err == nil {
			_, p.err = w.Write(rows.text(row))
		}
		if p.err != nil {
			return
		}
	}
}

func comparePrefixes(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

func routeInk(r *iproute2.Route) ink {
	if r.IsDefault() {
		return bold
	}
	return plain
}

func dumpCells(r *iproute2.Route) cells {
	c := cells{r.Destination(), r.Way(), r.Attributes()}
	hops := r.Hops()
	if len(hops) > 1 {
		c.way = numeral(len(hops)) + " next hops"
	}
	var extra []string
	if r.NHID != 0 {
		extra = append(extra, fmt.Sprintf("nhid %d", r.NHID))
	}
	if len(hops) == 1 && slices.Contains(hops[0].Flags, linkDown) {
		extra = append(extra, "no carrier")
	}
	if r.Expires != nil {
		extra = append(extra, fmt.Sprintf("expires in %d s", *r.Expires))
	}
	switch r.Protocol {
	case "kernel", "boot", "unspec":
	default:
		extra = append(extra, "proto "+iproute2.Safe(string(r.Protocol)))
	}
	c.attrs = strings.Join(nonEmpty(append([]string{c.attrs}, extra...)...), " ")
	return c
}

// linkDown is the flag of a next hop if its device has no carrier.
const linkDown = "linkdown"

// dumpLegs are the lines of a route's next hops, if it has several, for a width of the page.
func dumpLegs(d *report.Dump, r *iproute2.Route, w widths, columns int) []string {
	var out []string
	if len(r.NextHops) > 1 {
		indent, wide := tableIndent+2+max(0, w.dst-2)+2, 0
		for i := range r.NextHops {
			out = append(out, legText(d, &r.NextHops[i]))
			wide = max(wide, textWidth(out[i]))
		}
		if indent+wide > columns {
			indent = tableIndent + 4
		}
		for i := range out {
			out[i] = strings.Repeat(" ", indent) + out[i]
		}
	}
	return out
}

func legText(d *report.Dump, h *iproute2.NextHop) string {
	text := fmt.Sprintf("%s  weight %d", h.Way(), max(1, h.Weight))
	switch {
	case slices.Contains(d.Down, h.Dev):
		text += "  " + iproute2.Safe(h.Dev) + " is down"
	case slices.Contains(h.Flags, linkDown):
		text += "  no carrier"
	}
	return text
}

// summary says how many routes of a large table lead to each next hop.
func (p *page) summary(t *report.Table) {
	p.line(fmt.Sprintf("%*s%d routes (-v lists them):", tableIndent, "", t.Count))
	for i := range t.Groups {
		g := &t.Groups[i]
		p.line(fmt.Sprintf("%*s%9d  %s  proto %s", tableIndent+2, "", g.Count, groupWay(g), iproute2.Safe(g.Protocol)))
	}
	if t.GroupsLeftOut > 0 {
		p.line(fmt.Sprintf("%*sand %d ways more", tableIndent+2, "", t.GroupsLeftOut))
	}
}

// groupWay says where the routes of a group lead.
func groupWay(g *report.Group) string {
	way := ""
	if g.NextHop != nil {
		way = g.NextHop.Way()
	}
	switch g.Type {
	case "blackhole", "unreachable", "prohibit", "throw":
		return g.Type
	}
	if g.NextHopCount > 1 {
		way = fmt.Sprintf("%s next hops, the first %s", numeral(g.NextHopCount), way)
	}
	if g.NHID != 0 {
		way = strings.TrimSpace(fmt.Sprintf("%s nhid %d", way, g.NHID))
	}
	if g.Type != typeUnicast {
		way = g.Type + " " + way
	}
	return way
}

// WriteDumpJSON writes a dump as one JSON object. It writes the routes of the tables one
// by one, so a large table is never in memory.
func WriteDumpJSON(w io.Writer, d *report.Dump) error {
	annotateEntries(d.Defaults)
	j := &jsonWriter{w: w}
	head := *d
	head.Defaults, head.Rules, head.Tables = []report.Entry{}, []report.DumpRule{}, []report.Table{}
	const defaults, rules, tables = `"defaults": [`, `"rules": [`, `"tables": [`
	before, rest, _ := strings.Cut(j.indented(&head), defaults)
	j.raw(before + defaults)
	elements(j, d.Defaults)
	before, rest, _ = strings.Cut(rest, rules)
	j.raw(before + rules)
	elements(j, d.Rules)
	before, _, _ = strings.Cut(rest, tables)
	j.raw(before + tables)
	for i := range d.Tables {
		if i > 0 {
			j.raw(",")
		}
		j.table(&d.Tables[i])
	}
	head.Changing = d.Changed()
	_, after, _ := strings.Cut(j.indented(&head), tables)
	j.raw("\n  " + after + "\n")
	return j.err
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

// elements writes the elements of an array that is part of the object, one at a time.
func elements[T any](j *jsonWriter, all []T) {
	const start = "\n    "
	for i := range all {
		if i > 0 {
			j.raw(",")
		}
		j.raw(start + j.encoded(&all[i], "    ", "  "))
	}
	if len(all) > 0 {
		j.raw("\n  ")
	}
}

func (j *jsonWriter) encode(v any) string   { return j.encoded(v, "", "") }
func (j *jsonWriter) indented(v any) string { return j.encoded(v, "", "  ") }

func (j *jsonWriter) encoded(v any, prefix, indent string) string {
	var b strings.Builder
	enc := encoder(&b)
	enc.SetIndent(prefix, indent)
	if err := enc.Encode(v); err != nil && j.err == nil {
		j.err = err
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// table writes a table. Its routes come last in its JSON.
func (j *jsonWriter) table(t *report.Table) {
	head := *t
	head.Routes = []iproute2.Route{}
	j.raw("\n    " + strings.TrimSuffix(j.encode(&head), "]}"))
	sep := "\n      "
	rows := jsonRows()
	for row, err := range t.Rows() {
		if j.err == nil {
			j.err = err
		}
		if j.err != nil {
			return
		}
		j.raw(sep)
		sep = ",\n      "
		if j.err == nil {
			_, j.err = j.w.Write(rows.text(row))
		}
	}
	j.raw("]}")
}
