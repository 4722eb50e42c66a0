package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// rules writes the rules in the kernel's order, and below each table that was
// consulted its candidates.
func (p *page) rules(e told) {
	trials := e.Trace
	if len(trials) == 0 {
		p.line("  " + e.nothingAsked())
		return
	}
	width := 0
	for i := range trials {
		width = max(width, textWidth(ruleName(&trials[i].Rule)))
	}
	width = min(width, 36)
	for i := 0; i < len(trials) && !p.st.Verbose; i++ {
		if n := alike(trials[i:]); n >= foldFrom {
			head, _ := foldedRow(trials[i : i+n])
			width = max(width, textWidth(head)-9)
			i += n - 1
		}
	}
	cols := e.candidateWidths(p.st.Verbose)
	for i := 0; i < len(trials); {
		n := 1
		if !p.st.Verbose {
			n = alike(trials[i:])
		}
		if n >= foldFrom {
			p.folded(trials[i:i+n], width)
			i += n
			continue
		}
		p.rule(e, &trials[i], width)
		p.candidates(e, &trials[i], cols)
		i++
	}
	p.unsetMarks()
}

// nothingAsked says why there is no rule to show.
func (e told) nothingAsked() string {
	switch e.Untraced {
	case report.UntracedAsked:
		return "no rule and no route was asked"
	case report.UntracedRoutes:
		return "the routes of " + e.Query.Family().String() + " are not known"
	case report.UntracedRules:
		return "the policy rules could not be read"
	}
	return fmt.Sprintf("there is no policy rule for %s: no table is looked up", e.Query.Family())
}

// foldFrom is how many similar rules it takes to show them as one line.
const foldFrom = 4

// alike counts the rules at the beginning that had the same result for the same
// reason.
func alike(trials []report.RuleTrial) int {
	first := &trials[0]
	n := 0
	for n < len(trials) {
		t := &trials[n]
		if t.Verdict != first.Verdict || t.Reason.Code != first.Reason.Code || len(t.Candidates) > 0 ||
			t.Verdict != lookup.VerdictNoMatch && t.Verdict != lookup.VerdictNotReached {
			break
		}
		n++
	}
	return n
}

func (p *page) folded(trials []report.RuleTrial, width int) {
	head, verdict := foldedRow(trials)
	p.ruleText(pad(head, 9+width)+"  ", verdict+" (-v)", dim)
}

// foldedRow is the row of similar rules: which ones they are and what they want, and what came
// of them.
func foldedRow(trials []report.RuleTrial) (head, verdict string) {
	first, last := trials[0].Rule.Priority, trials[len(trials)-1].Rule.Priority
	what := map[lookup.Code]string{
		lookup.CodeFrom: "want another source", lookup.CodeFromUnset: "want a source", lookup.CodeTo: "want another destination",
		lookup.CodeIif: "want another iif", lookup.CodeOif: "want another oif", lookup.CodeMark: "want a fwmark",
		lookup.CodeUID: "want another uid", lookup.CodeProto: "want another protocol",
		lookup.CodeSport: "want a source port", lookup.CodeDport: "want a destination port",
		lookup.CodeIifDetached: "name a missing iif", lookup.CodeOifDetached: "name a missing oif",
		lookup.CodeRuleTOS: "want a TOS", lookup.CodeDSCP: "want a DSCP", lookup.CodeL3mdev: "want a VRF",
	}[trials[0].Reason.Code]
	text := fmt.Sprintf("%d rules %s", len(trials), what)
	verdict = "no match"
	switch trials[0].Reason.Code {
	case lookup.CodeTo:
	default:
		verdict = ruleWords(&trials[0])
	}
	if trials[0].Verdict == lookup.VerdictNotReached {
		text, verdict = fmt.Sprintf("%d rules", len(trials)), ruleWords(&trials[0])
	}
	between := fmt.Sprintf("%d-%d", first, last)
	if first == last {
		between = fmt.Sprint(first)
	}
	return fmt.Sprintf("%7s  ", between) + text, verdict
}

func (p *page) rule(e told, t *report.RuleTrial, width int) {
	name := ruleName(&t.Rule)
	text := ruleWords(t)
	if t.Verdict == lookup.VerdictNoMatch && t.Reason.Code == lookup.CodeTo {
		text = "no match"
	}
	if quietLocal(t) {
		text = "no match"
	}
	if t.Shadow != nil && e.worthSaying(t) {
		text += "; would take " + routeLine(t.Shadow)
	}
	label := fmt.Sprintf("  %5d  %s", t.Rule.Priority, name)
	if textWidth(name) > width { // it is too long for its column
		p.line(p.st.paint(ruleInk(t), label))
		label = "         " + strings.Repeat(" ", width)
	}
	p.ruleText(pad(label, 9+width)+"  ", text, ruleInk(t))
	p.markSetters(t)
}

// ruleText writes what came of a rule beside the rule, or below it where there is no room.
func (p *page) ruleText(label, text string, i ink) {
	room := p.st.width() - textWidth(label)
	if textWidth(text) <= room || room >= minFolded && longestWord(text) <= room {
		p.block(label, text, i)
		return
	}
	if label = strings.TrimRight(label, " "); label != "" {
		p.line(label)
	}
	p.block(strings.Repeat(" ", candidateIndent+4), text, i)
}

// quietLocal reports whether the only thing to say about table local is that it has
// no route, which is usual for any address that is not this host's.
func quietLocal(t *report.RuleTrial) bool {
	return t.Table == tableLocal && t.Reason.Code == lookup.CodeTableNoMatch
}

// worthSaying reports whether the user should know what a rule that was not reached
// would have done, because it would not have taken the same way.
func (e told) worthSaying(t *report.RuleTrial) bool {
	d := &e.Decision
	return t.Verdict == lookup.VerdictNotReached && !(d.Route != nil && t.Table == string(d.Route.Table)) && d.Disposition != lookup.DispositionLocal
}

func ruleInk(t *report.RuleTrial) ink {
	switch t.Verdict {
	case lookup.VerdictMatch:
		return green
	case lookup.VerdictRefuses:
		return red
	case lookup.VerdictNotReached:
		return dim
	}
	return plain
}

// ruleName is a rule's condition and where it leads.
func ruleName(r *iproute2.Rule) string {
	sel := r.Selector()
	to := ruleTarget(r)
	if r.Implied {
		to += " (deleted)"
	}
	if sel == "" {
		return to
	}
	return sel + ": " + to
}

func ruleTarget(r *iproute2.Rule) string {
	switch does := r.Does(); does {
	case "lookup":
	case "goto":
		return fmt.Sprintf("goto %d", r.Goto)
	default:
		return does
	}
	to := iproute2.TableName(cmp.Or(r.Table, "0"))
	if r.L3Mdev && r.Table == "" {
		if to = "the VRF's table"; r.Not {
			to += ", or main outside of VRFs"
		}
	}
	switch n := r.SuppressPrefix; {
	case n == nil:
	case *n == 0:
		to += ", only longer than /0"
	default:
		to += fmt.Sprintf(", only longer than /%d", *n)
	}
	if r.SuppressGroup != nil {
		to += fmt.Sprintf(", not out of group %d", *r.SuppressGroup)
	}
	return to
}

// cells are a candidate's columns.
type cells struct{ dst, way, attrs string }

func candidateCells(c *report.Candidate, all bool) cells {
	r := &c.Route
	bare := *r
	bare.PrefSrc = "" // its meaning for this packet is written below
	out := cells{r.Destination(), r.Way(), bare.Attributes()}
	hops := r.Hops()
	if len(hops) > 1 {
		out.way = numeral(len(hops)) + " next hops"
	}
	if r.NHID != 0 && len(hops) > 0 {
		out.attrs = strings.TrimSpace(fmt.Sprintf("%s nhid %d", out.attrs, r.NHID))
	}
	if len(hops) == 1 && slices.Contains(hops[0].Flags, "linkdown") && len(c.NextHops) > 0 {
		out.attrs = strings.TrimSpace(out.attrs + " " + deviceFault(c.NextHops[0].Fault))
	}
	out.attrs = strings.TrimSpace(out.attrs + " " + extras(r, all))
	return out
}

// widths are the widths of the candidates' columns.
type widths struct{ dst, way, attrs, legs int }

// legWidth is the width of the longest next hop of a multipath route.
func legWidth(r *iproute2.Route) int {
	n := 0
	if len(r.NextHops) > 1 {
		for i := range r.NextHops {
			n = max(n, textWidth(r.NextHops[i].Way()))
		}
	}
	return n
}

func (e told) candidateWidths(all bool) widths {
	var w widths
	for i := range e.Trace {
		if e.Trace[i].Verdict == lookup.VerdictNotReached {
			continue
		}
		for j := range e.Trace[i].Candidates {
			x := &e.Trace[i].Candidates[j]
			c := candidateCells(x, all)
			w.dst, w.way, w.attrs = max(w.dst, textWidth(c.dst)), max(w.way, textWidth(c.way)), max(w.attrs, textWidth(c.attrs))
			w.legs = max(w.legs, legWidth(&x.Route))
		}
	}
	w.dst, w.way, w.attrs = min(w.dst, 32), min(w.way, 44), min(w.attrs, 24)
	return w
}

// candidateIndent is the column of a candidate's mark.
const candidateIndent = 7

// maxCandidates is how many candidates of a table are shown unless all are
// asked for.
const maxCandidates = 8

func (p *page) candidates(e told, t *report.RuleTrial, w widths) {
	if t.Verdict == lookup.VerdictNotReached && !p.st.Verbose {
		return // main, which was searched together with local
	}
	shown := 0
	for i := range t.Candidates {
		c := &t.Candidates[i]
		if shown >= maxCandidates && !p.st.Verbose && c.Verdict == lookup.VerdictLoses && !c.Next {
			continue
		}
		shown++
		p.candidate(e, c, w)
	}
	if hidden := len(t.Candidates) - shown; hidden > 0 {
		p.line(fmt.Sprintf("%*sand %s that lose (-v lists them)", candidateIndent+2, "", count(hidden, "route")))
	}
}

func (p *page) candidate(e told, c *report.Candidate, w widths) {
	m, i := markLost, plain
	switch c.Verdict {
	case lookup.VerdictChosen, lookup.VerdictPossible:
		m, i = markChosen, green
	case lookup.VerdictRefuses:
		m, i = markChosen, red
	case lookup.VerdictUnusable, lookup.VerdictSuppressed, lookup.VerdictThrows, lookup.VerdictUncertain:
		m = markUnusable
	}
	cell := candidateCells(c, p.st.Verbose)
	head := fmt.Sprintf("%*s%s %s", candidateIndent, "", p.st.mark(m), pad(cell.dst, w.dst))
	for _, col := range []struct {
		text  string
		width int
	}{{cell.way, w.way}, {cell.attrs, w.attrs}} {
		if col.width > 0 {
			head += "  " + pad(col.text, col.width)
		}
	}
	text := candidateWords(c)
	if c.Next {
		text += "; next"
	}
	tight := fmt.Sprintf("%*s%s %s", candidateIndent, "", p.st.mark(m), strings.Join(nonEmpty(cell.dst, cell.way, cell.attrs), "  "))
	if textWidth(tight) > p.st.width() { // the attributes get their own lines
		tight = fmt.Sprintf("%*s%s %s", candidateIndent, "", p.st.mark(m), strings.Join(nonEmpty(cell.dst, cell.way), "  "))
		p.line(p.st.paint(i, tight))
		if cell.attrs != "" {
			p.block(strings.Repeat(" ", candidateIndent+4), cell.attrs, i)
		}
		p.block(strings.Repeat(" ", candidateIndent+4), text, i)
	} else {
		p.aligned(head, tight, text, i)
	}
	p.legs(e, c, w)
}

// aligned writes a row and then what is said about it. If the line would be too long,
// it leaves out the columns, or puts the text below the row.
func (p *page) aligned(head, tight, text string, i ink) {
	for _, h := range []string{head, tight} {
		if textWidth(h)+2+textWidth(text) <= p.st.width() {
			p.line(p.st.paint(i, h+"  "+text))
			return
		}
	}
	p.line(p.st.paint(i, tight))
	p.block(strings.Repeat(" ", candidateIndent+4), text, i)
}

func nonEmpty(parts ...string) []string {
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

// legs writes the next hops of a multipath route below the route, and their shares if
// the route was chosen.
func (p *page) legs(e told, c *report.Candidate, w widths) {
	if len(c.Route.NextHops) < 2 {
		return
	}
	indent := candidateIndent + 2 + w.dst + 2
	if indent+w.legs+2+legTextWidth > p.st.width() {
		indent = candidateIndent + 4
	}
	n := len(c.Route.NextHops)
	if c.Verdict == lookup.VerdictLoses && n > maxNamed && !p.st.Verbose {
		n = maxNamed - 1
	}
	for i := range n {
		text := ""
		if len(c.NextHops) > 0 {
			text = hopStateWords(c.NextHops, i)
		}
		if e.SomeRefused != nil && c.Verdict == lookup.VerdictChosen && text == "" {
			text = "refused"
		}
		way := pad(c.Route.NextHops[i].Way(), w.legs)
		p.line(strings.Repeat(" ", indent) + way + "  " + text)
	}
	if n < len(c.Route.NextHops) {
		p.line(fmt.Sprintf("%*sand %d more (-v)", indent, "", len(c.Route.NextHops)-n))
	}
}

// legTextWidth is how wide the text after a next hop usually is.
const legTextWidth = 8

// hopStateWords says what is wrong with a next hop, and what part of the flows takes it.
func hopStateWords(all []report.HopState, i int) string {
	text := deviceFault(all[i].Fault)
	if all[i].Share > 0 {
		text += "  " + shareAmong(all, i, func(h *report.HopState) float64 { return h.Share })
	}
	return strings.TrimSpace(text)
}

// share writes a part as a fraction if the fraction is simple: "3 in 4".
func share(f float64) string {
	for n := 1; n <= 20; n++ {
		if k := f * float64(n); k > 0.999 && abs(k-float64(int(k+0.5))) < 0.001 {
			return fmt.Sprintf("%d in %d", int(k+0.5), n)
		}
	}
	return percent(f)
}

func percent(f float64) string { return fmt.Sprintf("%.1f %%", f*100) }

// shareAmong writes one of several parts: all of them are fractions, or all are percents, so
// that they can be compared.
func shareAmong[T any](all []T, i int, part func(*T) float64) string {
	for j := range all {
		if f := part(&all[j]); f > 0 && strings.HasSuffix(share(f), "%") {
			return percent(part(&all[i]))
		}
	}
	return share(part(&all[i]))
}

// hopShare is what part of the flows a next hop of a decision gets.
func hopShare(h *report.NextHop) float64 { return h.Share }

func abs(f float64) float64 {
	if f < 0 {
		return -f
	}
	return f
}
