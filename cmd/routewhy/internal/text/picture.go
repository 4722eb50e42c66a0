package text

import (
	"fmt"
	"html"
	"io"
	"strings"
	"unicode"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// Picture draws decisions as SVG, one below the other: the packet, the rules, the routes of
// each table that was asked from the longest prefix to the shortest, the next hops with
// their devices. What lost is grey, with its reason.
func Picture(w io.Writer, all []*report.Explanation) error {
	c := &canvas{y: margin}
	for i, r := range all {
		if i > 0 {
			c.y += 3 * margin
		}
		c.decision(told{r})
	}
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img">
<title>%s</title>
<style>%s</style>
<rect class="ground" width="100%%" height="100%%"/>
%s</svg>
`, pictureWidth, c.y+margin, xmlText(pictureTitle(all)), pictureStyle, c.b.String())
	return err
}

func pictureTitle(all []*report.Explanation) string {
	if len(all) == 0 {
		return "routewhy"
	}
	return told{all[0]}.headline()
}

// The measures of a picture in pixels. A letter is as wide as in any monospace font, or
// less wide.
const (
	pictureWidth = 860
	margin       = 16
	letterWidth  = 7.9
	lineHeight   = 18
	padding      = 8
	step         = 34 // how far routes are indented below their rule
)

const pictureStyle = `
.ground{fill:#fff}.box{fill:#f6f8fa;stroke:#57606a}.won{fill:#e6f6ea;stroke:#1a7f37;stroke-width:2}
.lost{fill:none;stroke:#b6bcc4;stroke-dasharray:4 3}.bad{fill:#fdecea;stroke:#c0392b;stroke-width:2}
.arrow{fill:none;stroke:#57606a;stroke-width:1.5}
text{font:13px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:#1f2328;white-space:pre}
.head{font-weight:bold}.grey{fill:#6a737d}.label{fill:#57606a}
@media (prefers-color-scheme:dark){
.ground{fill:#0d1117}.box{fill:#161b22;stroke:#8b949e}.won{fill:#12261a;stroke:#3fb950}
.lost{stroke:#484f58}.bad{fill:#2d1416;stroke:#f85149}.arrow{stroke:#8b949e}
text{fill:#e6edf3}.grey{fill:#9aa3ad}.label{fill:#9aa3ad}}
@media print{.ground{fill:#fff}.box{fill:#fff;stroke:#555}.won{fill:#fff;stroke:#000}.bad{fill:#fff;stroke:#000}
.lost{stroke:#999}text{fill:#000}.grey,.label{fill:#555}}
`

// canvas is where a picture is drawn, from the top to the bottom.
type canvas struct {
	b strings.Builder
	y int
}

// xmlText is text for XML, without the characters that XML does not have.
func xmlText(s string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || r == '\uFFFE' || r == '\uFFFF' {
			return '?'
		}
		return r
	}, s))
}

// box draws a box: what it is about, and below that what is said of it.
func (c *canvas) box(x int, class, head, about string) {
	wide := pictureWidth - margin - x
	columns := columnsOf(wide - 2*padding)
	lines := fitted(head, columns)
	heads := len(lines)
	if about != "" {
		lines = append(lines, fitted(about, columns)...)
	}
	high := len(lines)*lineHeight + 2*padding
	fmt.Fprintf(&c.b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="5"/>`+"\n", class, x, c.y, wide, high)
	for i, l := range lines {
		ink := "head"
		if class == "lost" || i >= heads {
			ink = "grey"
		}
		if i >= heads && class != "lost" {
			ink = "about"
		}
		c.text(x+padding, c.y+padding+13+i*lineHeight, ink, l)
	}
	c.y += high + 8
}

// fitted wraps a text, and cuts words that are longer than a line.
func fitted(s string, columns int) []string {
	var out []string
	for _, l := range wrap(s, columns) {
		r := []rune(l)
		for len(r) > columns {
			out, r = append(out, string(r[:columns])), r[columns:]
		}
		out = append(out, string(r))
	}
	return out
}

func (c *canvas) text(x, y int, class, s string) {
	fmt.Fprintf(&c.b, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, xmlText(s))
}

func (c *canvas) label(s string) {
	c.text(margin, c.y+13, "label", s)
	c.y += lineHeight + 4
}

// arrow leads down to what is drawn next.
func (c *canvas) arrow() {
	x := 2 * margin
	fmt.Fprintf(&c.b, `<path class="arrow" d="M%d %d v14 m-4 -5 l4 5 l4 -5"/>`+"\n", x, c.y-6)
	c.y += 14
}

func (c *canvas) decision(e told) {
	c.box(margin, "box", e.subject(), e.verdict()+e.someRefused()+e.wayOut())
	c.arrow()
	c.label("policy rules, in the kernel's order")
	if len(e.Trace) == 0 {
		c.box(margin, "box", e.nothingAsked(), "")
	}
	for i := 0; i < len(e.Trace); {
		if n := alike(e.Trace[i:]); n >= foldFrom {
			first, last := &e.Trace[i].Rule, &e.Trace[i+n-1].Rule
			c.box(margin, "lost", fmt.Sprintf("rules %d to %d: %d rules", first.Priority, last.Priority, n), ruleWords(&e.Trace[i]))
			i += n
			continue
		}
		c.rule(&e.Trace[i])
		i++
	}
	c.arrow()
	c.end(e)
}

// rule draws a rule, and below it the routes of its table that cover the destination.
func (c *canvas) rule(t *report.RuleTrial) {
	class := "lost"
	switch t.Verdict {
	case lookup.VerdictMatch:
		class = "won"
	case lookup.VerdictRefuses:
		class = "bad"
	case lookup.VerdictContinue, lookup.VerdictUncertain, lookup.VerdictSuppressed:
		class = "box"
	}
	text := ruleWords(t)
	if quietLocal(t) {
		class, text = "lost", "no match"
	}
	c.box(margin, class, fmt.Sprintf("rule %d: %s", t.Rule.Priority, ruleName(&t.Rule)), text)
	if t.Verdict == lookup.VerdictNotReached {
		return
	}
	for i := range t.Candidates {
		x := &t.Candidates[i]
		if i == maxDrawn {
			c.text(margin+step, c.y+13, "grey", fmt.Sprintf("and %s more", count(len(t.Candidates)-i, "route")))
			c.y += lineHeight + 8
			return
		}
		class := "lost"
		switch x.Verdict {
		case lookup.VerdictChosen, lookup.VerdictPossible:
			class = "won"
		case lookup.VerdictRefuses:
			class = "bad"
		}
		cell := candidateCells(x, false)
		text := candidateWords(x)
		if x.Next {
			text += "; next"
		}
		c.box(margin+step, class, strings.Join(nonEmpty(cell.dst, cell.way, cell.attrs), "  "), text)
	}
}

// maxDrawn is how many routes of a table are drawn.
const maxDrawn = 24

// end draws where the packet ends.
func (c *canvas) end(e told) {
	d := &e.Decision
	switch {
	case d.Disposition == lookup.DispositionLocal || d.Disposition == lookup.DispositionAnycast:
		c.box(margin, "won", "this host", "")
	case !d.Disposition.Success() && d.Disposition != lookup.DispositionUnknown:
		c.box(margin, "bad", "refused", errnoWords(programErrno(d)))
	case len(d.NextHops) == 0:
		c.box(margin, "box", "not known", "")
	default:
		c.label("next hop and device")
	}
	if !d.Disposition.Success() || d.Disposition == lookup.DispositionLocal || d.Disposition == lookup.DispositionAnycast {
		return
	}
	for i := range d.NextHops {
		h := &d.NextHops[i]
		if i == maxDrawn {
			c.label(fmt.Sprintf("and %d more", len(d.NextHops)-i))
			return
		}
		class, about := "won", nonEmpty()
		if h.Share > 0 && len(d.NextHops) > 1 {
			about = append(about, shareAmong(d.NextHops, i, hopShare)+" of all flows")
		}
		if h.Src.IsValid() && !e.SourceGiven() {
			about = append(about, "source "+h.Src.String())
		}
		if h.Fault.Code != "" {
			class, about = "bad", append(about, wrong(h.Fault, true))
		} else if h.Reach != nil && h.Reach.How != report.ReachDirect {
			about = append(about, "the gateway is "+reachWords(h.Reach, h.Dev)+", "+neighbourWords(h))
		}
		head := nextHopWords(h)
		if head == "" {
			head = iproute2.Safe(h.Dev)
		}
		c.box(margin, class, head, strings.Join(about, "; "))
	}
}
