package text

import (
	"fmt"
	"io"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// Try writes as text what commands would do: first the answer, then the surprising
// effects, then what happens to the destinations that were asked about, and how many
// addresses move.
func Try(w io.Writer, t *report.Try, st Style) error {
	p := &tryPage{page{w: w, st: st}, t}
	tint := bold
	if t.Status() != report.StatusAnswered {
		tint = red
	}
	head := p.firstLine()
	if st.Quiet && t.Changing() {
		head += changingAside
	}
	p.line(st.paint(tint, head))
	if st.Quiet {
		return p.err
	}
	p.places()
	p.blank()
	p.tryYou(t)
	p.commandList()
	p.instead()
	p.tryNotes()
	p.answers()
	p.moves()
	p.trySockets(t)
	p.trySafe(t)
	p.tryUndo(t)
	p.tryKernel(t)
	return p.err
}

// TryJSON writes the same as JSON: one object.
func TryJSON(w io.Writer, t *report.Try) error {
	for i := range t.Commands {
		for k := range t.Commands[i].Surprises {
			f := &t.Commands[i].Surprises[k]
			f.Text = surprise(f)
		}
	}
	for i := range t.Warnings {
		t.Warnings[i].Text = surprise(&t.Warnings[i])
	}
	for i := range t.Answers {
		annotateReceived(&t.Answers[i])
		for _, e := range []*report.Explanation{t.Answers[i].ExplainedBefore, t.Answers[i].ExplainedAfter} {
			if e != nil {
				Annotate(e)
			}
		}
	}
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(t)
}

// annotateReceived puts into words on which device an answer's packet is received.
func annotateReceived(a *report.TryAnswer) {
	for _, f := range []*report.Finding{a.ReceivedBefore, a.ReceivedAfter} {
		if f != nil {
			f.Text = told{&report.Explanation{Query: a.Query}}.seenOnMaster(f)
		}
	}
}

// tryPage is the page about commands.
type tryPage struct {
	page
	*report.Try
}

// commandText is a command on one line, in a form that is safe for a terminal.
func commandText(s string) string {
	return iproute2.Safe(strings.Join(strings.Fields(strings.ReplaceAll(s, "\\\n", " ")), " "))
}

// places shows where in the command the word is that a program refuses.
func (p *tryPage) places() {
	if len(p.Commands) != 1 {
		return
	}
	c := &p.Commands[0]
	plainText := !strings.ContainsFunc(c.Command, func(r rune) bool { return r < ' ' || r > '~' })
	if c.Accepted || c.By == "kernel" || c.End <= c.Start || c.End > len(c.Command) || !plainText {
		return
	}
	p.command("  " + c.Command)
	p.command("  " + strings.Repeat(" ", c.Start) + p.st.paint(yellow, strings.Repeat("^", c.End-c.Start)))
}

// instead writes the commands that the user may have meant.
func (p *tryPage) instead() {
	label := "instead"
	width := 0
	for i := range p.Commands {
		for _, x := range p.Commands[i].Instead {
			width = max(width, textWidth(x.Command))
		}
	}
	for i := range p.Commands {
		for _, x := range p.Commands[i].Instead {
			text := iproute2.Safe(x.Command)
			words := insteadWords(x.Code)
			if labelWidth+width+2+textWidth(words) <= p.st.width() {
				p.command("  " + pad(label, labelWidth-2) + pad(text, width) + "  " + words)
			} else {
				p.command("  " + pad(label, labelWidth-2) + text)
				p.line(strings.Repeat(" ", labelWidth+2) + words)
			}
			label = ""
		}
	}
}

// commandRow writes a command, and what is to be said of it beside or below it.
func (p *tryPage) commandRow(row, text string, tint ink) {
	if textWidth(row)+2+textWidth(text) <= p.st.width() {
		p.aligned(row+"  ", row, text, tint)
		return
	}
	p.command(p.st.paint(tint, row))
	if text != "" {
		p.block(strings.Repeat(" ", candidateIndent+4), text, tint)
	}
}

// commandList writes what happens to each of several commands.
func (p *tryPage) commandList() {
	if len(p.Commands) == 1 && len(p.NotReached) == 0 && len(p.PassedOver) == 0 {
		return
	}
	for i := range p.Commands {
		c := &p.Commands[i]
		sign, tint, text := p.st.mark(markChosen), plain, ""
		switch {
		case c.Unknown:
			sign, tint, text = "?", yellow, iproute2.Safe(c.Message)
		case !c.Accepted:
			sign, tint, text = p.st.mark(markUnusable), red, "refused: "+refusalWords(c)
		case c.Reads:
			text = "only shows"
		}
		p.commandRow("  "+sign+" "+commandText(c.Command), text, tint)
	}
	for _, l := range p.PassedOver {
		p.command("  ? " + commandText(l.Command) + "  not understood, passed over")
	}
	for _, l := range p.NotReached {
		p.command("  " + p.st.mark(markLost) + " " + commandText(l.Command) + "  not reached")
	}
	p.blank()
}

// maxTrySelected is how many notes about packets are shown without -v.
const maxTrySelected = 3

// tryNotes writes what is surprising and was not said in the first line.
func (p *tryPage) tryNotes() {
	said := p.headline()
	note := func(text string) {
		if text != "" && !strings.Contains(said, text) {
			p.detail("note", text, yellow)
		}
	}
	selected := 0
	for i := range p.Warnings {
		w := &p.Warnings[i]
		compared := w.Code == report.RemarkSelected && w.Ask != nil && asking(w.Ask) == "" // such packets were compared
		if w.Code == report.RemarkSelected && !compared {
			if selected++; selected > maxTrySelected && !p.st.Verbose {
				continue
			}
		}
		if !compared && (w.Code != report.RemarkDeleteAlone || !strings.Contains(said, "all the same")) {
			note(surprise(w))
		}
	}
	if more := selected - maxTrySelected; more > 0 && !p.st.Verbose {
		note(fmt.Sprintf("and so may those of %s (-v)", agree(more, "more rule", "more rules")))
	}
	for i := range p.Commands {
		c := &p.Commands[i]
		if c.Warning != "" {
			note("ip says: " + iproute2.Safe(strings.TrimPrefix(c.Warning, "Warning: ")))
		}
		for k := range c.Surprises {
			if c.Surprises[k].Code == report.RemarkKind && strings.Contains(said, p.provided()) {
				continue
			}
			note(p.ofCommand(c, surprise(&c.Surprises[k])))
		}
	}
	if len(p.PassedOver) > 0 {
		note("what other programs would change is not known here")
	}
}

// answers writes the results for the destinations that were asked about, before and
// after.
func (p *tryPage) answers() {
	for i := range p.Answers {
		a := &p.Answers[i]
		if len(p.Answers) > 1 && !a.Differs && a.Before.Disposition == lookup.DispositionNoRoute && isDefault(a.Query.Label) {
			continue // this family has no default route, before and after
		}
		subject := told{&report.Explanation{Query: a.Query, Decision: a.Before}}.subject()
		p.blank()
		switch {
		case a.ExplainedBefore != nil && a.ExplainedAfter != nil && p.st.Verbose:
			p.explained("before", a.ExplainedBefore)
			p.explained("after", a.ExplainedAfter)
		case !a.Differs:
			p.line(subject + " stays: it " + answerWords(a, &a.After, a.ReceivedAfter))
		default:
			p.line(subject)
			p.block("  before  ", answerWords(a, &a.Before, a.ReceivedBefore), plain)
			p.block("  after   ", answerWords(a, &a.After, a.ReceivedAfter), plain)
		}
	}
}

func isDefault(prefix string) bool { return prefix == "0.0.0.0/0" || prefix == "::/0" }

// answerWords is the verdict about one of the two decisions, and whether nothing gets out or
// the packet is received on another device.
func answerWords(a *report.TryAnswer, d *report.Decision, elsewhere *report.Finding) string {
	e := told{&report.Explanation{Query: a.Query, Decision: *d}}
	if elsewhere != nil {
		return seenOn(&elsewhere.Reason) + ", though its look-up " + e.verdict()
	}
	return e.verdict() + e.wayOut()
}

// explained writes an explanation in the same form as without commands.
func (p *tryPage) explained(when string, e *report.Explanation) {
	p.line(p.st.paint(bold, when+": "+told{e}.headline()))
	p.blank()
	p.asks(told{e})
	p.reverse(told{e})
	p.details(told{e}, true)
	p.blank()
}
