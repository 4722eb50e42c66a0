package text

import (
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/expect"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route/iproute2"
)

// Expected writes the result of an expectation, on one line unless [Style.Fold] is set.
func Expected(w io.Writer, x *report.Expected, st Style) error {
	_, err := io.WriteString(w, st.fold(iproute2.Safe(HostLabel(x))+"  "+ExpectedLine(x, st))+"\n")
	return err
}

// ExpectedLine is the line that [Expected] writes, without the host's name.
func ExpectedLine(x *report.Expected, st Style) string {
	tint := plain
	switch x.Result {
	case expect.No:
		tint = red
	case expect.Unknown:
		tint = yellow
	}
	return iproute2.Safe(x.Subject) + "  " + st.paint(tint, ExpectedWords(x))
}

// HostLabel names a host: by its own name or, if that is not known, by the file.
func HostLabel(x *report.Expected) string { return cmp.Or(x.Host, x.File, "this host") }

// ExpectedJSON writes the result as a JSON object on one line.
func ExpectedJSON(w io.Writer, x *report.Expected) error {
	if x.Result != expect.OK || len(x.Assumptions) > 0 {
		x.Text = ExpectedWords(x)
	}
	for i := range x.Assumptions {
		x.Assumptions[i].Text = factWords(&x.Assumptions[i])
	}
	if x.Default != nil {
		annotatePrefix(x.Default)
	}
	return encoder(w).Encode(x)
}

// ExpectedAssumed says that the rules that a result rests on are not known; empty: they are.
func ExpectedAssumed(x *report.Expected) string {
	for i := range x.Assumptions {
		if a := &x.Assumptions[i]; a.Code == "no-rules" {
			return "assumed: " + factWords(a)
		}
	}
	return ""
}

// ExpectedWords say what the result of an expectation is, and why.
func ExpectedWords(x *report.Expected) string {
	if x.Result == expect.OK {
		if ExpectedAssumed(x) != "" {
			return "as expected, if the rules are the default ones"
		}
		return "as expected"
	}
	e := expected{x}
	if x.Decision == nil {
		return e.without()
	}
	var out string
	if x.Part != nil {
		out = partText(x.Part) + " "
	}
	if x.Result == expect.Unknown {
		out += e.unknown()
		if e.Decision.Disposition.Success() && e.Source.IsValid() {
			out += e.sockets()
		}
	} else {
		out += e.is() + e.sockets() + e.wanted() + e.why()
	}
	switch {
	case x.Parts == 2:
		out += "; another part differs too"
	case x.Parts > 2:
		out += fmt.Sprintf("; %s other parts differ too", number(x.Parts-1))
	}
	return out
}

// partText is a part of a destination: an address, a prefix or a range.
func partText(s *report.Span) string {
	if s.First == s.Last {
		return s.First.String()
	}
	return rangeText(s.First, s.Last)
}

// expected is the result of an expectation that is put into words.
type expected struct{ *report.Expected }

// without says why there is no decision.
func (e expected) without() string {
	var code lookup.Code
	want := ""
	if e.Because != nil {
		code, want = e.Because.Code, name(e.Because.Want)
	}
	switch {
	case e.Default != nil && len(e.Default.Entries) == 0:
		return entries{e.Default}.headline()
	case e.Default != nil:
		return "no packet takes a default route: " + entries{e.Default}.headline()
	case e.Word == expect.WordDefault:
		return "no such packet takes a default route"
	case code == report.CodeNoDevice:
		return "there is no device " + want + " here"
	case code == lookup.NoteSeenOnMaster:
		return seenOn(&e.Because.Reason)
	case code == report.CodeNotVRF:
		return want + " is no VRF here"
	case code == report.CodeLinksGone:
		return "cannot be decided: the devices of this host are not known, and " + want + " may be one"
	case code == report.CodeNamesGone:
		return "cannot be decided: the names of this host's tables are not known, and " + want + " may be one"
	}
	return "cannot be decided: " + uncertainWords(e.reason())
}

func (e expected) reason() report.Reason {
	if e.Because == nil {
		return report.Reason{}
	}
	return e.Because.Reason
}

// unknown says why nobody can tell.
func (e expected) unknown() string {
	d := e.Decision
	if d.Disposition == lookup.DispositionUnknown {
		return "cannot be decided: " + uncertainWords(d.Ambiguous)
	}
	if d.MayRefuse != 0 {
		return "may be refused, if there ever was a route of type local, which does not show"
	}
	out := "may not be as expected: it " + e.goes()
	switch {
	case d.Ambiguous.Code == lookup.CodeDefaultsTie:
		return out + " (one of several default routes of equal metric, chosen by the neighbours' states)"
	case d.Ambiguous.Code == lookup.CodeSrcShared4 || d.Ambiguous.Code == lookup.CodeSrcUnordered:
		return out + ": " + uncertainWords(d.Ambiguous)
	}
	return out
}

// is says what happens to the packet instead.
func (e expected) is() string {
	d := e.Decision
	if e.Some && e.Word != expect.WordRefused && d.SomeRefused != nil {
		return flowsAre(e.Share) + " refused"
	}
	if e.Some && e.Word != expect.WordRefused {
		return e.someFlows()
	}
	return e.goes()
}

// sockets says which sockets' packets are meant, and the source with which they look up
// again.
func (e expected) sockets() string {
	switch {
	case e.Sockets == expect.Unconnected:
		return " from a socket that is not connected"
	case e.Sockets == expect.Connected:
		return fmt.Sprintf(" from a connected socket (source %s)", e.Source)
	case e.Source.IsValid() && (e.Word != expect.WordSrc || !e.Decision.Disposition.Success()):
		return fmt.Sprintf(" from the source %s", e.Source)
	}
	return ""
}

// goes says what happens to the packet, but only what the expectation's word asks
// about.
func (e expected) goes() string {
	d := e.Decision
	switch d.Disposition {
	case lookup.DispositionNoRoute:
		return "has no route"
	case lookup.DispositionBlackhole, lookup.DispositionUnreachable, lookup.DispositionProhibit:
		return "is refused" + refuser(d)
	case lookup.DispositionInvalid:
		return told{&report.Explanation{Query: *e.Query, Decision: *d}}.verdict()
	}
	switch {
	case e.Word == expect.WordTable && d.Route != nil:
		return "is decided by " + tableWords(d.Route.Table)
	case e.Word == expect.WordTable:
		return "is decided by no table"
	case e.Word == expect.WordSrc && d.Src.IsValid():
		return "gets the source " + d.Src.String()
	case e.Word == expect.WordSrc && len(e.sources()) > 0:
		return "gets the source " + alternatives(e.sources())
	case e.Word == expect.WordSrc:
		return "gets no source"
	case d.Disposition == lookup.DispositionLocal, d.Disposition == lookup.DispositionAnycast:
		return "ends at this host"
	case d.Disposition != lookup.DispositionUnicast:
		return "is " + d.Disposition.String() + " on " + e.devices()
	case e.Word == expect.WordVia && e.gateways() == "":
		return "goes straight to " + e.devices()
	case e.Word == expect.WordVia:
		return "goes via " + e.gateways()
	}
	return "leaves by " + e.devices()
}

func (e expected) sources() []string {
	var out []string
	for i := range e.Decision.NextHops {
		h := &e.Decision.NextHops[i]
		for _, a := range append(h.SrcOneOf, h.Src) {
			if a.IsValid() {
				out = append(out, a.String())
			}
		}
	}
	return unique(out)
}

func (e expected) devices() string {
	var out []string
	for i := range e.Decision.NextHops {
		out = append(out, iproute2.Safe(e.Decision.NextHops[i].Dev))
	}
	return alternatives(unique(out))
}

func (e expected) gateways() string {
	var out []string
	for i := range e.Decision.NextHops {
		if h := &e.Decision.NextHops[i]; h.Gateway.IsValid() {
			out = append(out, h.Gateway.String())
		}
	}
	return alternatives(unique(out))
}

func unique(all []string) []string {
	var out []string
	for _, s := range all {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// someFlows says where those flows go that are not as expected.
func (e expected) someFlows() string {
	var out []string
	for i := range e.Decision.NextHops {
		h := &e.Decision.NextHops[i]
		switch {
		case e.Word == expect.WordDev && h.Dev != e.Want:
			out = append(out, iproute2.Safe(h.Dev))
		case e.Word == expect.WordVia && h.Gateway.IsValid() && h.Gateway.String() != e.Want:
			out = append(out, h.Gateway.String())
		case e.Word == expect.WordVia && !h.Gateway.IsValid():
			out = append(out, iproute2.Safe(h.Dev))
		case e.Word == expect.WordSrc && h.Src.IsValid() && !within(e.Want, h.Src):
			out = append(out, h.Src.String())
		}
	}
	flows, one := strings.CutSuffix(flowsAre(e.Share), " is")
	flows = strings.TrimSuffix(flows, " are")
	verb := map[expect.Word][2]string{
		expect.WordDev: {"leave by", "leaves by"}, expect.WordVia: {"go via", "goes via"}, expect.WordSrc: {"get the source", "gets the source"},
	}[e.Word]
	if one {
		verb[0] = verb[1]
	}
	return flows + " " + verb[0] + " " + alternatives(unique(out))
}

// within reports whether an address is in a prefix, or is the address.
func within(text string, a netip.Addr) bool {
	p, err := netip.ParsePrefix(text)
	return err == nil && p.Contains(a) || text == a.String()
}

// wanted says what was expected.
func (e expected) wanted() string {
	want := iproute2.Safe(e.Want)
	success := e.Decision.Disposition.Success()
	switch e.Word {
	case expect.WordTable:
		return ", expected " + tableWords(want)
	case expect.WordDev:
		if success && e.Decision.SomeRefused == nil {
			return ", expected " + want
		}
		return ", expected dev " + want
	case expect.WordVia:
		return ", expected via " + want
	case expect.WordSrc:
		if strings.Contains(want, "/") {
			return ", expected one of " + want
		}
		return ", expected the source " + want
	case expect.WordNone:
		return ", expected no route"
	case expect.WordRefused:
		return ", expected a refusal"
	}
	return ", expected delivery to this host"
}

// why says why the expected route lost. It begins with a colon.
func (e expected) why() string {
	b := e.Because
	if b == nil {
		return ""
	}
	if text := e.cause(b); text != "" {
		return ": " + text
	}
	return ""
}

func (e expected) cause(b *report.Because) string {
	d := e.Decision
	switch b.Code {
	case report.CodeNoDevice:
		return "there is no " + name(b.Want) + " here"
	case report.CodeNoTable:
		return "no table has that name here"
	case expect.CodeBySource:
		if !d.Disposition.Success() {
			return "" // the rule is named as what refuses it, or leads to what does
		}
		return fmt.Sprintf("rule %d (%s) matches that source", b.Rule.Priority, withSelector(b.Rule))
	case expect.CodeShortcut:
		return e.shortcut()
	case whynot.CodeNone:
		return "no route for it leads there"
	case whynot.CodeUnreached:
		return "no rule leads to " + tableWords(b.Route.Table)
	}
	switch {
	case e.Word == expect.WordSrc:
		return e.source(b)
	case b.Route == nil:
		return ""
	case b.Code == lookup.CodeMetric && d.Route != nil:
		return fmt.Sprintf("metric %v < %v%s", b.Want, b.Have, madeBy(d.Route))
	case b.Code == lookup.CodeShorter && d.Route != nil:
		if e.Part != nil && rangeText(e.Part.First, e.Part.Last) == d.Route.Dst {
			return "longer prefix" + madeBy(d.Route)
		}
		return "longer prefix " + d.Route.Dst + madeBy(d.Route)
	case b.Code == lookup.CodeAfter || b.Code == lookup.CodeJumped:
		if d.Rule != nil && b.Rule != nil {
			return fmt.Sprintf("rule %d comes before rule %d", d.Rule.Priority, b.Rule.Priority)
		}
		return ""
	case b.Code == lookup.CodeSuppressPrefix || b.Code == lookup.CodeSuppressGroup:
		return fmt.Sprintf("rule %d %s", b.Rule.Priority, suppressedWords(b.Reason))
	}
	if b.Code == lookup.CodeTo && b.Rule != nil {
		return fmt.Sprintf("rule %d (%s) is for other destinations", b.Rule.Priority, withSelector(b.Rule))
	}
	if why := mismatchWords(b.Reason); why != "" && b.Rule != nil {
		return fmt.Sprintf("rule %d (%s) does not match, %s", b.Rule.Priority, withSelector(b.Rule), why)
	}
	return fmt.Sprintf("%s %s", routeLine(b.Route), candidateWords(&report.Candidate{Route: *b.Route, Reason: b.Reason, Verdict: lookup.VerdictLoses}))
}

// shortcut says why no route decides.
func (e expected) shortcut() string {
	d := e.Decision
	switch d.Shortcut {
	case lookup.ShortcutZero:
		return fmt.Sprintf("the kernel takes %s in its place, before any rule or route", d.Src)
	case lookup.ShortcutOnLink:
		return fmt.Sprintf("no route by %s covers it, so that it is taken for a neighbour there", iproute2.Safe(d.NextHops[0].Dev))
	}
	return "the kernel decides that without a route"
}

func (e expected) source(b *report.Because) string {
	if b.Code == lookup.CodeSrcPrefsrc {
		return "the route says so"
	}
	t := &report.Source{Address: e.Decision.Src, Reason: b.Reason}
	if len(e.Decision.NextHops) > 0 {
		t.Dev = e.Decision.NextHops[0].Dev
	}
	return sourceWords(t)
}

// madeBy says which program made a route, if that is unusual.
func madeBy(r *iproute2.Route) string {
	switch r.Protocol {
	case "", "boot", "static", "kernel":
		return ""
	}
	return " (" + iproute2.Safe(string(r.Protocol)) + ")"
}
