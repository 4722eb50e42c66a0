package render

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// rules writes the rules in the kernel's order, and under each consulted table
// its candidates.
func (p *page) rules(e *Explanation) {
	trials := e.Trace.Rules
	if len(trials) == 0 {
		p.line("  " + e.nothingAsked())
		return
	}
	width := 0
	for i := range trials {
		width = max(width, columns(ruleName(e.FIB.Snapshot(), trials[i].Rule)))
	}
	width = min(width, 36)
	cols := e.columns(p.st.Verbose)
	for i := 0; i < len(trials); {
		n := 1
		if !p.st.Verbose {
			n = alike(trials[i:])
		}
		if n >= foldFrom {
			p.folded(e, trials[i:i+n], width)
			i += n
			continue
		}
		p.rule(e, &trials[i], width)
		p.candidates(e, &trials[i], cols)
		i++
	}
}

// nothingAsked says why there is no rule to show.
func (e *Explanation) nothingAsked() string {
	f := e.Trace.Flow.Family()
	s := e.FIB.Snapshot()
	switch {
	case e.Trace.Decision.Shortcut != "", e.Trace.Decision.Ambiguous.Code == lookup.CodeSrcUnordered:
		return "no rule and no route was asked"
	case s.Lacks(route.FactRoutes, f):
		return "the routes of " + f.String() + " are not known"
	case s.Lacks(route.FactRules, f):
		return "the policy rules could not be read"
	}
	return fmt.Sprintf("there is no policy rule for %s: no table is looked up", f)
}

// foldFrom is how many rules that are alike are shown as one line.
const foldFrom = 4

// alike counts the rules at the beginning that became the same thing for the
// same reason.
func alike(trials []lookup.RuleTrial) int {
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

func (p *page) folded(e *Explanation, trials []lookup.RuleTrial, width int) {
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
	verdict := "no match"
	switch trials[0].Reason.Code {
	case lookup.CodeTo:
	default:
		verdict = e.words().rule(&trials[0])
	}
	if trials[0].Verdict == lookup.VerdictNotReached {
		text, verdict = fmt.Sprintf("%d rules", len(trials)), e.words().rule(&trials[0])
	}
	label := fmt.Sprintf("%7s  ", fmt.Sprintf("%d-%d", first, last))
	p.block(label+pad(text, width)+"  ", verdict+" (-v)", dim)
}

func (p *page) rule(e *Explanation, t *lookup.RuleTrial, width int) {
	name := ruleName(e.FIB.Snapshot(), t.Rule)
	text := e.words().rule(t)
	if t.Verdict == lookup.VerdictNoMatch && t.Reason.Code == lookup.CodeTo {
		text = "no match"
	}
	if e.quietLocal(t) {
		text = "no match"
	}
	if t.Shadow != nil && e.worthSaying(t) {
		text += "; would take " + iproute2.RouteLine(e.FIB.Snapshot(), t.Shadow)
	}
	label := fmt.Sprintf("  %5d  %s", t.Rule.Priority, name)
	if columns(name) > width { // too long for its column
		p.line(p.st.paint(ruleInk(t), label))
		label = "         " + strings.Repeat(" ", width)
	}
	p.block(pad(label, 9+width)+"  ", text, ruleInk(t))
}

// quietLocal says that table local simply has nothing, as for any address that
// is not this host's.
func (e *Explanation) quietLocal(t *lookup.RuleTrial) bool {
	return t.Table == route.TableLocal && t.Reason.Code == lookup.CodeTableNoMatch
}

// worthSaying says whether it is news what a rule that was not reached would
// have done: where it would not take the same way.
func (e *Explanation) worthSaying(t *lookup.RuleTrial) bool {
	d := &e.Trace.Decision
	return t.Verdict == lookup.VerdictNotReached && !(d.HasRoute && t.Table == d.Route.Table) && d.Disposition != lookup.DispositionLocal
}

func ruleInk(t *lookup.RuleTrial) ink {
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
func ruleName(s *route.Snapshot, r *route.Rule) string {
	sel := iproute2.Selector(r)
	to := ruleTarget(s, r)
	if r.Implied {
		to += " (deleted)"
	}
	if sel == "" {
		return to
	}
	return sel + ": " + to
}

func ruleTarget(s *route.Snapshot, r *route.Rule) string {
	switch r.Action {
	case route.ActionTable:
	case route.ActionGoto:
		return fmt.Sprintf("goto %d", r.Goto)
	default:
		return r.Action.String()
	}
	to := iproute2.Table(s, r.Table)
	if r.Selector.L3Mdev && r.Table == 0 {
		to = "the VRF's table"
	}
	switch {
	case r.SuppressPrefixLen == 0:
		to += ", only longer than /0"
	case r.SuppressPrefixLen > 0:
		to += fmt.Sprintf(", only longer than /%d", r.SuppressPrefixLen)
	}
	if r.SuppressGroup >= 0 {
		to += fmt.Sprintf(", not out of group %d", r.SuppressGroup)
	}
	return to
}

// cells are a candidate's columns.
type cells struct{ dst, way, attrs string }

func (e *Explanation) cells(r *route.Route, all bool) cells {
	s := e.FIB.Snapshot()
	bare := *r
	bare.PrefSrc = netip.Addr{} // what it means for this packet is said below
	c := cells{iproute2.Destination(r), "", iproute2.Attributes(&bare)}
	if len(r.NextHops) <= 1 {
		c.way = iproute2.RouteWay(s, r)
	} else {
		c.way = numeral(len(r.NextHops)) + " next hops"
	}
	if r.NextHopID != 0 && len(r.NextHops) > 0 {
		c.attrs = strings.TrimSpace(fmt.Sprintf("%s nhid %d", c.attrs, r.NextHopID))
	}
	if len(r.NextHops) == 1 && r.NextHops[0].Flags&route.NextHopLinkDown != 0 {
		c.attrs = strings.TrimSpace(c.attrs + " " + e.words().deviceFault(e.FIB, &r.NextHops[0]))
	}
	c.attrs = strings.TrimSpace(c.attrs + " " + extras(s, r, all))
	return c
}

// widths are the widths of the candidates' columns.
type widths struct{ dst, way, attrs, legs int }

// legWidth is the width of the longest next hop of a multipath route.
func (e *Explanation) legWidth(r *route.Route) int {
	n := 0
	if len(r.NextHops) > 1 {
		for i := range r.NextHops {
			n = max(n, columns(iproute2.Way(e.FIB.Snapshot(), &r.NextHops[i])))
		}
	}
	return n
}

func (e *Explanation) columns(all bool) widths {
	var w widths
	for i := range e.Trace.Rules {
		if e.Trace.Rules[i].Verdict == lookup.VerdictNotReached {
			continue
		}
		for j := range e.Trace.Rules[i].Candidates {
			c := e.cells(&e.Trace.Rules[i].Candidates[j].Route, all)
			w.dst, w.way, w.attrs = max(w.dst, columns(c.dst)), max(w.way, columns(c.way)), max(w.attrs, columns(c.attrs))
			w.legs = max(w.legs, e.legWidth(&e.Trace.Rules[i].Candidates[j].Route))
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

func (p *page) candidates(e *Explanation, t *lookup.RuleTrial, w widths) {
	if t.Verdict == lookup.VerdictNotReached && !p.st.Verbose {
		return // main, searched together with local
	}
	shown := 0
	for i := range t.Candidates {
		c := &t.Candidates[i]
		if shown >= maxCandidates && !p.st.Verbose && c.Verdict == lookup.VerdictLoses && !e.isNext(c) {
			continue
		}
		shown++
		p.candidate(e, c, w)
	}
	if hidden := len(t.Candidates) - shown; hidden > 0 {
		p.line(fmt.Sprintf("%*sand %s that lose (-v lists them)", candidateIndent+2, "", count(hidden, "route")))
	}
}

func (p *page) candidate(e *Explanation, c *lookup.Candidate, w widths) {
	m, i := markLost, plain
	switch c.Verdict {
	case lookup.VerdictChosen, lookup.VerdictPossible:
		m, i = markChosen, green
	case lookup.VerdictRefuses:
		m, i = markChosen, red
	case lookup.VerdictUnusable, lookup.VerdictSuppressed, lookup.VerdictThrows, lookup.VerdictUncertain:
		m = markUnusable
	}
	cell := e.cells(&c.Route, p.st.Verbose)
	head := fmt.Sprintf("%*s%s %s", candidateIndent, "", p.st.mark(m), pad(cell.dst, w.dst))
	for _, col := range []struct {
		text  string
		width int
	}{{cell.way, w.way}, {cell.attrs, w.attrs}} {
		if col.width > 0 {
			head += "  " + pad(col.text, col.width)
		}
	}
	text := e.words().route(c)
	if e.isNext(c) {
		text += "; next"
	}
	tight := fmt.Sprintf("%*s%s %s", candidateIndent, "", p.st.mark(m), strings.Join(nonEmpty(cell.dst, cell.way, cell.attrs), "  "))
	p.aligned(head, tight, text, i)
	p.legs(e, c, w)
}

// aligned writes a row and what is said of it after it: without the columns
// where the line would get too long, or below it.
func (p *page) aligned(head, tight, text string, i ink) {
	for _, h := range []string{head, tight} {
		if columns(h)+2+columns(text) <= p.st.width() {
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

// legs writes the next hops of a multipath route below it, and their shares
// where it was chosen.
func (p *page) legs(e *Explanation, c *lookup.Candidate, w widths) {
	if len(c.Route.NextHops) < 2 {
		return
	}
	shares := e.shares(c)
	for i := range c.Route.NextHops {
		h := &c.Route.NextHops[i]
		text := strings.TrimSpace(e.words().deviceFault(e.FIB, h) + "  " + shares[*h])
		if d := &e.Trace.Decision; d.SomeRefused != 0 && c.Verdict == lookup.VerdictChosen && text == "" {
			text = "refused"
		}
		way := pad(iproute2.Way(e.FIB.Snapshot(), h), w.legs)
		p.line(fmt.Sprintf("%*s%s  %s  %s", candidateIndent+2, "", strings.Repeat(" ", w.dst), way, text))
	}
}

// shares says which part of the flows takes each next hop of the chosen route.
func (e *Explanation) shares(c *lookup.Candidate) map[route.NextHop]string {
	out := map[route.NextHop]string{}
	if c.Verdict != lookup.VerdictChosen {
		return out
	}
	for _, w := range e.Trace.Decision.NextHops {
		if d := &e.Trace.Decision; w.Share > 0 && (len(d.NextHops) > 1 || d.SomeRefused != 0) {
			out[w.Via] = share(w.Share)
		}
	}
	return out
}

// share writes a part as a fraction where that is simple: "3 in 4".
func share(f float64) string {
	for n := 1; n <= 20; n++ {
		if k := f * float64(n); k > 0.999 && abs(k-float64(int(k+0.5))) < 0.001 {
			return fmt.Sprintf("%d in %d", int(k+0.5), n)
		}
	}
	return fmt.Sprintf("%.1f %%", f*100)
}

func abs(f float64) float64 {
	if f < 0 {
		return -f
	}
	return f
}
