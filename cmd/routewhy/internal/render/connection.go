package render

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Lookups are all look-ups that a kernel can be asked about: the explanation's
// own, the other ones of a connection, and those of the answers.
func (e *Explanation) Lookups() []*Explanation {
	var out []*Explanation
	if len(e.BySource) == 0 {
		out = append(out, e)
	}
	if e.First != nil {
		out = append(out, e.First)
	}
	out = append(out, e.BySource...)
	if e.Reply != nil {
		out = append(out, e.Reply.Answers...)
	}
	return out
}

// Disagreement is the first look-up about which the kernel says otherwise; nil:
// there is none.
func (e *Explanation) Disagreement() *Explanation {
	for _, l := range e.Lookups() {
		if l.Comparison.Asked && !l.Comparison.Agrees && !l.moved {
			return l
		}
	}
	return nil
}

// asks writes the rules of all look-ups that the packet takes: mostly one, but
// a connection whose second one ends elsewhere has each under a heading.
func (p *page) asks(e *Explanation) {
	if !e.Trace.Twice() {
		p.rules(e)
		return
	}
	then := e.BySource
	if len(then) == 0 {
		then = []*Explanation{e}
	}
	p.detail("first", "look-up, without a source: "+e.First.gets(), plain)
	p.rules(e.First)
	for i, part := range then {
		p.blank()
		if i >= maxBySource && !p.st.Verbose {
			p.detail("", fmt.Sprintf("and %d more sources (-v lists them)", len(then)-i), dim)
			return
		}
		text := "this one decides"
		if len(then) > 1 {
			text = part.verdict()
		}
		p.detail("second", "look-up, from "+part.Trace.Flow.Src.String()+": "+text, plain)
		p.rules(part)
	}
}

// maxBySource is how many second look-ups are shown without -v.
const maxBySource = 4

// gets says what source the first look-up of a connection gives.
func (e *Explanation) gets() string {
	d := &e.Trace.Decision
	switch {
	case d.Shortcut == lookup.ShortcutZero:
		return fmt.Sprintf("%s stands for %s", e.Trace.Flow.Dst, d.Src)
	case d.Errno != 0:
		return fmt.Sprintf("it fails (%s)", d.Errno)
	case d.Src.IsValid():
		return "it gives " + d.Src.String()
	}
	return "it gives that of the next hop taken"
}

// bySource says where a connection goes that may get one of several sources.
func (e *Explanation) bySource() string {
	if e.eitherDefault() {
		return e.bySourceTied()
	}
	var out []string
	for _, part := range e.BySource {
		out = append(out, fmt.Sprintf("from %s %s", part.Trace.Flow.Src, part.shortly()))
	}
	return "goes by the source that a first look-up chooses: " + strings.Join(out, ", ")
}

// eitherDefault says whether a connection takes any of the same equal default
// routes from every source that it may get.
func (e *Explanation) eitherDefault() bool {
	n := len(liveWays(&e.First.Trace.Decision))
	return !slices.ContainsFunc(e.BySource, func(part *Explanation) bool {
		d := &part.Trace.Decision
		return d.Ambiguous.Code != lookup.CodeDefaultsTie || len(liveWays(d)) != n
	})
}

// bySourceTied says where a connection goes for which equal default routes choose
// the source, and then, anew, the way.
func (e *Explanation) bySourceTied() string {
	var from []string
	for _, part := range e.BySource {
		from = append(from, part.Trace.Flow.Src.String())
	}
	which, n := "either", len(liveWays(&e.First.Trace.Decision))
	if n > 2 {
		which = "any"
	}
	text := fmt.Sprintf("takes %s of %s default routes of the same metric, %s, from %s", which, numeral(n),
		e.First.either(&e.First.Trace.Decision), strings.Join(from, " or "))
	if e.First.Trace.Decision.Alternates() {
		text += ", and not always by the device that has it"
	}
	return text
}

// shortly says in a few words what becomes of a packet.
func (e *Explanation) shortly() string {
	d := &e.Trace.Decision
	live := liveWays(d)
	switch {
	case d.Errno != 0:
		return fmt.Sprintf("refused (%s)", d.Errno)
	case d.Disposition == lookup.DispositionUnknown:
		return "unknown"
	case d.Ambiguous.Code == lookup.CodeDefaultsTie:
		return "by one of " + numeral(len(live)) + " default routes of the same metric"
	case len(live) == 1:
		return iproute2.Way(e.FIB.Snapshot(), &route.NextHop{Gateway: live[0].Gateway, Link: live[0].Link})
	}
	return "over " + numeral(len(live)) + " next hops"
}

// connecting is the part of the headline about a destination that TCP does not
// connect to.
func (e *Explanation) connecting() string {
	if e.ConnectErrno == 0 {
		return ""
	}
	return "; TCP connects to no group: " + errnoWords(e.ConnectErrno)
}

// socketTwice says why there are two look-ups.
func (e *Explanation) socketTwice() string {
	return fmt.Sprintf("a connected socket without a source looks up twice, the second time from the one that it got; `ip route get %s` shows the first alone",
		e.Trace.First.Flow.Dst)
}

// again says, where everything is told, that a connection looked up twice and
// found the same.
func (p *page) again(e *Explanation) {
	if e.Trace.First != nil && !e.Trace.Twice() && p.st.Verbose && len(e.BySource) == 0 {
		p.detail("socket", fmt.Sprintf("looks up twice, the second time from %s, and finds the same", e.Trace.Flow.Src), plain)
	}
}

// lookupsAgree says what the kernel says where there are several second
// look-ups: it agrees with all.
func (p *page) lookupsAgree(e *Explanation) {
	if e.First.Comparison.Asked {
		p.detail("kernel", fmt.Sprintf("agrees with all %s look-ups", numeral(1+len(e.BySource))), plain)
	}
}

// both says that the kernel was asked about both look-ups of a connection.
func (e *Explanation) both() string {
	if e.Trace.Twice() && e.First.Comparison.Asked {
		return " with both look-ups"
	}
	return ""
}

// asked is the packet that the question was about.
func (e *Explanation) asked() *route.Flow {
	if e.Trace.First != nil {
		return &e.Trace.First.Flow
	}
	return &e.Trace.Flow
}

// lookupsJSON adds the other look-ups of a connection: first, the one that
// chose the source, and by_source, where that is one of several, the second one
// with each. Each is a whole decision with the fields of the main one, which is
// the connection's own.
func (e *Explanation) lookupsJSON(j *jsonExplanation) {
	if e.First == nil {
		return
	}
	first := e.First.form()
	j.First = &first
	for _, part := range e.BySource {
		j.BySource = append(j.BySource, part.form())
	}
	if len(e.BySource) > 0 && e.First.Comparison.Asked {
		if slices.ContainsFunc(e.Lookups(), (*Explanation).incomparable) {
			j.Kernel = &jsonKernel{Asked: true, Why: incomparableWords}
			return
		}
		agrees := e.Disagreement() == nil
		j.Kernel = &jsonKernel{Asked: true, Agrees: &agrees}
	}
}
