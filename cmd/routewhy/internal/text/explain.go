package text

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// told is an explanation that is put into words.
type told struct{ *report.Explanation }

// Explain writes an explanation as text.
func Explain(w io.Writer, r *report.Explanation, st Style) error {
	e, p := told{r}, &page{w: w, st: st}
	if bad := e.Disagreement(); bad != nil {
		p.disagreement(told{bad})
		if st.Quiet {
			return p.err
		}
	} else {
		p.head(e)
		if st.Quiet {
			return p.err
		}
	}
	p.blank()
	p.asks(e)
	p.reverse(e)
	p.details(e, false)
	p.reply(e)
	return p.err
}

// page writes lines until one fails.
type page struct {
	w   io.Writer
	st  Style
	gap bool // a blank line is needed before the next line
	// unset are the priorities of rules that want a mark which nothing sets, not told yet.
	unset []uint32
	err   error
}

func (p *page) line(s string) {
	s = p.st.fold(s)
	if p.gap {
		p.gap, s = false, "\n"+s
	}
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(s, " ")+"\n")
	}
}

// command writes a line that the user copies: a command, after a label or indented. It is not
// folded.
func (p *page) command(s string) {
	folds := p.st.Fold
	p.st.Fold = false
	p.line(s)
	p.st.Fold = folds
}

// blank puts a blank line before the next text, if there is any.
func (p *page) blank() { p.gap = true }

// head writes the answer. Not on a terminal, it is one line, even if it is long, so
// that grep finds it.
func (p *page) head(e told) {
	i := bold
	if !e.Disposition.Success() && !e.OnlyConnected() || e.WayOut != "" {
		i = red
	}
	p.line(p.st.paint(i, e.headline()+p.aside(e)))
}

// hop is a next hop, written as its gateway and device.
func hop(gateway netip.Addr, dev string) string {
	h := iproute2.NextHop{Dev: dev}
	if gateway.IsValid() {
		h.Gateway = gateway.String()
	}
	return h.Way()
}

// block writes a label, and beside it a text that is wrapped.
func (p *page) block(label, text string, i ink) {
	for _, l := range p.st.beside(label, text, i) {
		p.line(l)
	}
}

// labelWidth is the column at which details begin.
const labelWidth = 11

func (p *page) detail(label, text string, i ink) {
	p.block("  "+pad(label, labelWidth-2), text, i)
}

// details writes what an expert checks next. If silent is set, it does not say that
// the kernel was not asked.
func (p *page) details(e told, silent bool) {
	p.blank()
	p.causes(e)
	p.gateways(e)
	p.source(e)
	p.again(e)
	p.next(e)
	p.assumed(e)
	p.listeners(e)
	p.kernel(e, silent)
	p.bitsView(e)
	said := e.noRuleLeads()
	for i := range e.Warnings {
		n := &e.Warnings[i]
		if text := e.finding(n); text != "" && n != said && !lifeless(n.Code) {
			p.detail("note", text, yellow)
		}
	}
}

func (p *page) gateways(e told) {
	hidden, shown := 0, 0
	for i := range e.NextHops {
		h := &e.NextHops[i]
		if h.Reach == nil || h.Stale || e.saidGateway(i) {
			continue
		}
		if shown >= maxGateways && len(e.NextHops) > maxGateways+1 && h.Neighbour != failed && !p.st.Verbose {
			hidden++
			continue
		}
		shown++
		label, addr, tint := "gateway", h.Reach.Address, plain
		if h.Reach.How == report.ReachDirect {
			label, addr = "target", e.Looked().Addr()
			if h.Neighbour == "" { // nothing talked to it yet, so there is nothing to say
				continue
			}
		}
		if h.Neighbour == failed {
			tint = red
		}
		p.detail(label, fmt.Sprintf("%s is %s, %s", addr, reachWords(h.Reach, h.Dev), neighbourWords(h)), tint)
	}
	if hidden > 0 {
		p.detail("", "and "+agree(hidden, "gateway more", "gateways more")+" (-v)", plain)
	}
}

// maxGateways is how many gateways are shown without -v. Those that do not answer are shown
// too.
const maxGateways = 4

// failed is the state of a neighbour that does not answer.
const failed = "FAILED"

// saidGateway reports whether a way before the given one has the same gateway. This
// happens if the ways of a connection differ only in the source.
func (e told) saidGateway(way int) bool {
	g := e.NextHops[way].Reach
	return slices.ContainsFunc(e.NextHops[:way], func(o report.NextHop) bool {
		return !o.Stale && o.Reach != nil && o.Reach.Address == g.Address && o.Dev == e.NextHops[way].Dev
	})
}

// next says which route would be used instead, if the list of candidates does not say
// so.
func (p *page) next(e told) {
	n := e.Next
	if n == nil || e.Ambiguous.Code == lookup.CodeDefaultsTie || e.nextListed() || e.Disposition == lookup.DispositionLocal {
		return
	}
	switch {
	case n.Errno != 0 && !p.st.Verbose:
	case n.Errno != 0:
		p.detail("next", "none: without it there would be no way out ("+n.Errno.String()+")", plain)
	case n.Route != nil:
		p.detail("next", routeLine(n.Route)+" in "+tableWords(n.Route.Table), plain)
	case n.Shortcut == lookup.ShortcutOnLink:
		p.detail("next", "none: without it the kernel would assume the address on the device's own link", plain)
	}
}

// nextListed reports whether the runner-up is one of the candidates shown.
func (e told) nextListed() bool {
	for i := range e.Trace {
		next := func(c report.Candidate) bool { return c.Next }
		if e.Trace[i].Verdict != lookup.VerdictNotReached && slices.ContainsFunc(e.Trace[i].Candidates, next) {
			return true
		}
	}
	return false
}

// assumed names the assumptions of the answer. First are the properties of the packet that
// were not given although a rule or a route asks for them, then the facts that were not
// read. That an ordinary user may not read some facts is usual.
func (p *page) assumed(e told) {
	var fields, facts []string
	for i := range e.Assumptions {
		switch a := &e.Assumptions[i]; {
		case fieldWords(a) != "":
			fields = append(fields, fieldWords(a))
		case factWords(a) != "" && (p.st.Verbose || !a.Private):
			facts = append(facts, factWords(a))
		}
	}
	if len(fields) > 0 {
		p.detail("assumed", strings.Join(fields, ", ")+": rules or routes look at that"+e.portChosen(), plain)
	}
	for _, text := range facts {
		p.detail("assumed", text, yellow)
	}
}

// fieldWords says which value was assumed for a field that was not given; empty: the
// finding is about something else.
func fieldWords(a *report.Finding) string {
	switch lookup.Field(a.Code) {
	case lookup.FieldFrom:
		return "no source yet"
	case lookup.FieldOif:
		return "not bound to a device"
	case lookup.FieldMark:
		return "mark 0"
	case lookup.FieldTOS:
		return "TOS 0"
	case lookup.FieldUID:
		return "uid " + a.Have.String()
	case lookup.FieldProto:
		return "protocol " + protocol(a.Have)
	case lookup.FieldSport:
		return "no source port"
	case lookup.FieldDport:
		return "no destination port"
	case lookup.FieldFlowLabel:
		return "flow label 0"
	}
	return ""
}
