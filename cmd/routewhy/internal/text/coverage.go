package text

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// Coverage writes what becomes of a packet to each address of a family: first in one line,
// and then by next hops and by routes, the largest part first.
func Coverage(w io.Writer, c *report.Coverage, st Style) error {
	p := &page{w: w, st: st}
	v := covered{c}
	head := v.headline()
	if st.Quiet && c.Changing() {
		head += changingAside
	}
	p.line(st.paint(bold, head))
	if st.Quiet {
		return p.err
	}
	p.outcomes(v)
	p.served(v)
	p.unrouted(v)
	p.unreached(v)
	p.coverageNotes(v)
	return p.err
}

// coverageNotes writes what the answer rests on although it was not read.
func (p *page) coverageNotes(v covered) {
	p.blank()
	for i := range v.Assumptions {
		if text := factWords(&v.Assumptions[i]); text != "" && (p.st.Verbose || !v.Assumptions[i].Private) {
			p.detail("assumed", text, yellow)
		}
	}
	if v.Changing() {
		p.detail("note", changingWords, yellow)
	}
}

// covered is a report that is put into words.
type covered struct{ *report.Coverage }

// subject is the packet.
func (v covered) subject() string {
	return strings.Join(append([]string{v.Query.Family().String()}, given(&v.Query)...), " ")
}

const (
	// maxHeadWays is how many ways the first line names.
	maxHeadWays = 3
	// allGlobal is how many addresses 2000::/3 has: 2^125.
	allGlobal = "42535295865117307932921825928971026432"
	// maxCovered is how many ways, routes and ranges are shown without -v.
	maxCovered = 10
)

func (v covered) headline() string {
	var out []string
	left := 1.0
	n := v.Ways.Len()
	for i, w := range v.Ways.All() {
		if i == maxHeadWays || i > 0 && w.Share < 0.0005 {
			break
		}
		out = append(out, portion(w.Share, w.Size == v.Size, 1)+" "+v.becomes(w))
		left -= w.Share
	}
	text := v.subject() + ": " + strings.Join(out, ", ")
	if more := n - len(out); more > 0 && left >= 0.0005 {
		text += fmt.Sprintf(", and %s in %s", portion(left, false, 1), agree(more, "other way", "other ways"))
	}
	return text
}

// becomes says what becomes of the packet.
func (v covered) becomes(w *report.CoverageWay) string {
	d := w.Outcome()
	switch d.Disposition {
	case lookup.DispositionUnicast:
		return v.leaves(w, d)
	case lookup.DispositionLocal:
		return "ends at this host"
	case lookup.DispositionAnycast:
		return "is an anycast address of this host"
	case lookup.DispositionBroadcast, lookup.DispositionMulticast:
		return v.toMany(d)
	case lookup.DispositionNoRoute:
		return "has no route"
	case lookup.DispositionBlackhole, lookup.DispositionUnreachable, lookup.DispositionProhibit:
		return fmt.Sprintf("is refused (%s, %s)", d.Disposition, d.Errno)
	case lookup.DispositionInvalid:
		if w.Decision != nil {
			return verdictAbout(v.Query, w)
		}
	}
	return "cannot be decided: " + uncertainWords(d.Ambiguous)
}

// verdictAbout says why the kernel refuses the packet itself.
func verdictAbout(q report.Query, w *report.CoverageWay) string {
	e := told{&report.Explanation{Query: q, Decision: *w.Decision}}
	e.Query.Dst = netip.PrefixFrom(w.Example, w.Example.BitLen())
	return e.verdict()
}

func (v covered) toMany(d *report.Decision) string {
	kind := "is " + d.Disposition.String()
	switch {
	case v.Query.Iif != "" && d.SentOn:
		return kind + ", sent on to " + devices(d) + " and delivered to this host"
	case v.Query.Iif != "":
		return kind + ", delivered to this host"
	case devices(d) == "":
		return kind
	}
	return kind + " on " + devices(d)
}

// leaves says by which next hops a packet leaves.
func (v covered) leaves(w *report.CoverageWay, d *report.Decision) string {
	verb := "leaves "
	switch {
	case w.NotForwarded:
		verb = "is not forwarded (net.ipv6.conf.all.forwarding = 0), though it has a route "
		if from := v.Query.From; from.IsLinkLocalUnicast() || from.IsUnspecified() {
			verb = "is not forwarded, because of its source, though it has a route "
		}
	case d.SentOn:
		verb = "is forwarded "
	}
	live := liveWays(d)
	var out []string
	for i := range live {
		h := &live[i]
		text := nextHopWords(h)
		if !h.Gateway.IsValid() && !h.Configured.IsValid() && h.Encap == "" && !h.Unread {
			text = "straight to " + iproute2.Safe(h.Dev)
			if h.NoNeighbours {
				text = "into " + iproute2.Safe(h.Dev)
			}
		}
		if len(live) > 1 && h.Share > 0 {
			text += " (" + shareAmong(live, i, hopShare) + ")"
		}
		out = append(out, text)
	}
	if n := len(out); n > maxNamed {
		out = append(out[:maxNamed-1], fmt.Sprintf("%d more", n-maxNamed+1))
	}
	text := verb + strings.Join(out, " or ")
	if d.SomeRefused != nil {
		text += fmt.Sprintf(", and some flows are refused (%s)", d.SomeRefused.Errno)
	}
	if d.WayOut != "" {
		text += ", but " + faults(d)
	}
	return text
}

// portion is a part of all in percent. Only all of it is 100 %.
func portion(part float64, all bool, decimals int) string {
	least := 0.1
	if decimals > 1 {
		least = 0.01
	}
	switch x := part * 100; {
	case all:
		return "100 %"
	case x < least/2:
		return fmt.Sprintf("<%v %%", least)
	case x > 100-least/2:
		return fmt.Sprintf(">%v %%", 100-least)
	default:
		return fmt.Sprintf("%.*f %%", decimals, x)
	}
}

// amount is a number of addresses. A large one is a power of two, and what it differs from
// that by, or it is rounded.
func amount(digits string) string {
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok || n.BitLen() <= 40 {
		return commas(digits)
	}
	for _, k := range []int{n.BitLen() - 1, n.BitLen()} {
		diff := new(big.Int).Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(k)))
		switch {
		case diff.Sign() == 0:
			return fmt.Sprintf("2^%d", k)
		case diff.IsInt64() && diff.Int64() > 0 && diff.Int64() < 10000:
			return fmt.Sprintf("2^%d + %d", k, diff)
		case diff.IsInt64() && diff.Int64() < 0 && diff.Int64() > -10000:
			return fmt.Sprintf("2^%d - %d", k, diff.Neg(diff))
		}
	}
	f, _ := new(big.Float).SetInt(n).Float64()
	return strings.Replace(fmt.Sprintf("%.2e", f), "e+", "e", 1)
}

// row is a line of a table: a part, a number of addresses, and what they are about.
type row struct{ share, amount, text string }

// rows writes a table under a title.
func (p *page) rows(title string, all []row, left string) {
	if len(all) == 0 && left == "" {
		return
	}
	p.blank()
	p.line("  " + title)
	wide := 0
	for _, r := range all {
		wide = max(wide, textWidth(r.amount))
	}
	for _, r := range all {
		label := "    "
		if r.share != "" {
			label += fmt.Sprintf("%8s  ", r.share)
		}
		p.block(label+strings.Repeat(" ", wide-textWidth(r.amount))+r.amount+"  ", r.text, plain)
	}
	if left != "" {
		p.line("    " + left)
	}
}

func (p *page) outcomes(v covered) {
	var all []row
	rest := 0.0
	n := v.Ways.Len()
	for i, w := range v.Ways.All() {
		if i >= maxCovered && !p.st.Verbose && n > maxCovered+1 {
			rest += w.Share
			continue
		}
		text := v.becomes(w)
		if global := portion(w.Global, w.GlobalSize == allGlobal, 2); w.Global > 0 && global != portion(w.Share, false, 2) {
			text += fmt.Sprintf(": %s of 2000::/3", global)
		}
		if p.st.Verbose {
			text += "; " + rangesOf(w)
		}
		all = append(all, row{portion(w.Share, w.Size == v.Size, 2), amount(w.Size), text})
	}
	left := ""
	if more := n - len(all); more > 0 {
		left = fmt.Sprintf("and %d more, %s together (-v)", more, portion(rest, false, 2))
	}
	p.rows("addresses by what becomes of the packet", all, left)
}

// rangesOf are the largest ranges of a way.
func rangesOf(w *report.CoverageWay) string {
	var out []string
	for i, r := range w.Largest {
		if i == maxRanges {
			break
		}
		out = append(out, rangeText(r.First, r.Last))
	}
	text := strings.Join(out, ", ")
	if more := w.Ranges - len(out); more > 0 {
		text += ", " + agree(more, "range more", "ranges more")
	}
	return text
}

// served writes the routes that decide. Those of table local are usual.
func (p *page) served(v covered) {
	var all []row
	for i := range v.Routes.Len() {
		if len(all) == maxCovered && !p.st.Verbose {
			break
		}
		r := v.Routes.At(i)
		if r.Route.Table == tableLocal && !p.st.Verbose {
			continue
		}
		text := routeText(&r.Route)
		if r.Turns {
			text += " (takes turns with equal ones)"
		}
		all = append(all, row{portion(r.Share, r.Size == v.Size, 2), amount(r.Size), text})
	}
	left := ""
	if more := v.Routes.Len() - len(all); more > 0 {
		left = fmt.Sprintf("and %s more (-v)", commas(fmt.Sprint(more)))
		if len(all) == 0 {
			left = fmt.Sprintf("%s of table local alone (-v)", agree(more, "route", "routes"))
		}
	}
	p.rows("addresses by route", all, left)
}

// routeText is a route, with its table if that is not main.
func routeText(r *iproute2.Route) string {
	text := routeLine(r)
	if r.Table != tableMain {
		text += " in " + tableWords(r.Table)
	}
	return text
}

// unrouted writes the largest ranges without a route.
func (p *page) unrouted(v covered) {
	for _, w := range v.Ways.All() {
		if w.Disposition != lookup.DispositionNoRoute {
			continue
		}
		var all []row
		for i, r := range w.Largest {
			if i == maxCovered && !p.st.Verbose {
				break
			}
			all = append(all, row{"", amount(r.Size), rangeText(r.First, r.Last)})
		}
		left := ""
		if more := w.Ranges - len(all); more > 0 {
			left = fmt.Sprintf("and %s more", commas(fmt.Sprint(more)))
			if len(all) < len(w.Largest) {
				left += " (-v)"
			}
		}
		p.rows("without a route, the largest ranges first", all, left)
	}
}

// unreached writes the routes that no address takes.
func (p *page) unreached(v covered) {
	n := v.Unreached.Len()
	if n == 0 {
		return
	}
	var all []string
	whole := map[string]bool{} // the tables that no rule leads to, which one line tells
	told, unknown := 0, false
	for _, t := range v.UnreachedTables {
		if !t.Led && t.Count > 1 {
			whole[t.Table] = true
			told += t.Count
			why := "no rule leads there"
			if t.Reason.Code != "" {
				why = "cannot tell: " + uncertainWords(t.Reason)
			}
			all = append(all, fmt.Sprintf("all %s of %s: %s", commas(fmt.Sprint(t.Count)), tableWords(t.Table), why))
		}
		unknown = unknown || t.Reason.Code != ""
	}
	for i := range min(n, report.MaxUnreached) {
		r := v.Unreached.At(i)
		switch {
		case whole[string(r.Route.Table)]:
			continue
		case r.ByDevice && !p.st.Verbose:
			told++
			continue
		case told == len(whole)+maxCovered && !p.st.Verbose:
			continue
		}
		text := routeText(&r.Route)
		if r.Entry != nil {
			text += ": " + standing(r.Entry)
		}
		told++
		all = append(all, text)
	}
	left := ""
	if more := n - told; more > 0 {
		left = fmt.Sprintf("and %s more", commas(fmt.Sprint(more)))
		if !p.st.Verbose {
			left += " (-v)"
		}
	}
	if len(all) == 0 && left == "" {
		return
	}
	p.blank()
	title := "  routes that this packet never takes, to whatever address"
	if unknown {
		title += ", as far as is known"
	}
	p.line(title)
	for _, text := range all {
		for i, l := range wrap(text, p.st.width()-6) {
			p.line("    " + strings.Repeat("  ", min(i, 1)) + l)
		}
	}
	if left != "" {
		p.line("    " + left)
	}
}

// CoverageJSON writes the reports as JSON, one row at a time, because there may be a
// million routes. The output looks as if [WriteJSON] had written it.
func CoverageJSON(w io.Writer, all []*report.Coverage) error {
	j := &rowsJSON{w: w}
	for i, c := range all {
		j.text([]string{"[\n  {\n", ",\n  {\n"}[min(i, 1)])
		for k := range c.Assumptions {
			c.Assumptions[k].Text = factWords(&c.Assumptions[k])
		}
		for k := range c.Warnings {
			c.Warnings[k].Text = changingWords
		}
		j.text(fmt.Sprintf("    \"query\": %s,\n    \"size\": %q,\n    \"ways\": ", j.indented(c.Query, "    "), c.Size))
		writeRows(j, &c.Ways, func(*report.CoverageWay) {})
		j.text(",\n    \"routes\": ")
		writeRows(j, &c.Routes, func(*report.ServedRoute) {})
		j.text(",\n    \"unreached\": ")
		writeRows(j, &c.Unreached, func(*report.UnreachedRoute) {})
		j.member("unreached_tables", c.UnreachedTables, len(c.UnreachedTables))
		if c.Map != nil {
			j.member("map", c.Map, 1)
		}
		j.member("assumptions", c.Assumptions, len(c.Assumptions))
		j.member("warnings", c.Warnings, len(c.Warnings))
		j.text("\n  }")
	}
	j.text("\n]\n")
	return j.err
}

// member writes a member of an object, unless it has no values.
func (j *rowsJSON) member(name string, v any, values int) {
	if values > 0 {
		key, _ := json.Marshal(name)
		j.text(",\n    " + string(key) + ": " + string(j.indented(v, "    ")))
	}
}
