package text

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// WhyNot writes why a packet does not go where it is wanted to go, as text.
func WhyNot(w io.Writer, r *report.WhyNot, st Style) error {
	x, p := missed{r, told{r.Decision}}, &page{w: w, st: st}
	if bad := x.Disagreement(); bad != nil {
		p.disagreement(told{bad})
		return p.err
	}
	i := bold
	if !r.Already && len(r.Ways) == 0 && len(r.Packets) == 0 {
		i = red
	}
	p.line(st.paint(i, x.headline()+p.aside(x.told)))
	if st.Quiet {
		return p.err
	}
	p.blank()
	p.blockers(x)
	if !r.Already {
		if !x.ofDefault() || x.Disposition != lookup.DispositionNoRoute {
			p.block("  instead  ", x.told.verdict(), plain)
		}
		p.ways(x)
		p.otherPackets(x)
	}
	p.warnings(x.told, r.Warnings)
	return p.err
}

// aside ends a first line that stands alone, if the tables were changing.
func (p *page) aside(e told) string {
	if p.st.Quiet && e.changing() {
		return changingAside
	}
	return ""
}

// warnings writes what must be said about how the facts were read.
func (p *page) warnings(e told, all []report.Finding) {
	p.blank()
	for i := range all {
		if text := e.finding(&all[i]); text != "" {
			p.detail("note", text, yellow)
		}
	}
}

// texts puts findings into words.
func (e told) texts(all []report.Finding) {
	for i := range all {
		all[i].Text = e.finding(&all[i])
	}
}

// missed is a report that is put into words.
type missed struct {
	r *report.WhyNot
	told
}

// is says what the packet does if it goes as wanted, and isNot what it does if not.
func (x missed) is() string {
	want := iproute2.Safe(x.r.Want)
	switch x.r.Kind {
	case whynot.Device:
		return "goes to " + want
	case whynot.Gateway:
		return "goes " + want
	case whynot.Table:
		return "takes a route of " + want
	case whynot.Rule:
		return "is decided by rule " + want
	case whynot.Source:
		return "gets the source " + strings.TrimPrefix(want, "src ")
	case whynot.Default:
		return "takes a default route"
	}
	return "takes " + want
}

func (x missed) isNot() string {
	is := x.is()
	switch verb, rest, _ := strings.Cut(is, " "); verb {
	case "goes":
		return "does not go " + rest
	case "takes":
		return "does not take " + strings.Replace(strings.Replace(rest, "a route of", "any route of", 1), "a default", "any default", 1)
	case "gets":
		return "does not get " + rest
	}
	return strings.Replace(is, "is ", "is not ", 1)
}

// ofDefault reports whether the question is why there is no default route.
func (x missed) ofDefault() bool {
	return x.r.Kind == whynot.Default && x.r.About.IsValid() && x.r.About.Bits() == 0 && x.Disposition != lookup.DispositionUnknown
}

// noneAtAll reports whether no table has a default route. In that case the other facts
// are the possible reasons.
func (x missed) noneAtAll() bool {
	return len(x.r.Because) > 0 && x.r.Because[0].Reason.Code == whynot.CodeNoDefault && x.r.Because[0].Route == nil
}

// defaultHeadline says whether there is a default route. It also gives the first reason
// why there is none, or why it is not used.
func (x missed) defaultHeadline() string {
	family := route.FamilyOf(x.r.About.Addr())
	if x.r.Already {
		return fmt.Sprintf("%s has a default route: %s %s", family, x.Looked().Addr(), x.verdict())
	}
	if x.r.Sometimes {
		return fmt.Sprintf("%s has a default route for some packets: %s %s", family, x.Looked().Addr(), x.verdict())
	}
	there, because := "no packet takes a default route for "+family.String(), x.r.Because
	if x.noneAtAll() {
		there, because = "there is no default route for "+family.String(), because[1:]
	}
	if len(because) == 0 {
		return there
	}
	return there + ": " + x.blocker(&because[0])
}

func (x missed) headline() string {
	subject := x.subject()
	if x.ofDefault() {
		return x.defaultHeadline()
	}
	switch {
	case x.Disposition == lookup.DispositionUnknown:
		return x.told.headline()
	case x.r.Already:
		return subject + " " + x.is() + ": " + x.verdict()
	case x.r.Sometimes && x.r.Share > 0:
		return fmt.Sprintf("%s %s sometimes: %s of all flows", subject, x.is(), share(x.r.Share))
	case x.r.Sometimes:
		return subject + " " + x.is() + " sometimes: " + x.verdict()
	case len(x.r.Because) == 0:
		return subject + " " + x.isNot() + ": " + x.verdict()
	}
	more := ""
	if n := len(x.r.Because) - 1; n > 0 && !x.noneAtAll() {
		more = fmt.Sprintf(", and %s", agree(n, "more thing stops it", "more things stop it"))
	}
	return subject + " " + x.isNot() + ": " + x.blocker(&x.r.Because[0]) + more
}

// blockers writes all facts, if there are several.
func (p *page) blockers(x missed) {
	all := x.r.Because
	if x.noneAtAll() && x.ofDefault() {
		all = all[1:] // the first line already says that
	}
	if len(all) < 2 {
		return
	}
	for i := range all {
		p.block(fmt.Sprintf("  %d  ", i+1), x.blocker(&all[i]), plain)
	}
	p.blank()
}

// routeIn is a route and its table, on one line.
func routeIn(r *iproute2.Route) string { return r.Line() + " in " + tableWords(r.Table) }

// blocker says what stops the packet.
func (x missed) blocker(b *report.Blocker) string {
	switch c := b.Reason.Code; c {
	case whynot.CodeEarlier:
		return x.earlier(b)
	case whynot.CodeRefused:
		if b.Route == nil {
			return fmt.Sprintf("rule %d (%s: %s) refuses it first", b.Rule.Priority, cmp.Or(b.Rule.Selector(), "from all"), ruleTarget(b.Rule))
		}
		return fmt.Sprintf("%s, to which rule %d leads, refuses it first", routeIn(b.Route), b.Rule.Priority)
	case whynot.CodeUnreached:
		return fmt.Sprintf("no rule leads to %s, which has %s", tableWords(b.Wanted.Table), b.Wanted.Line())
	case whynot.CodeSkipGoto:
		return fmt.Sprintf("rule %d goes on at %s, and leaves out the rules between", b.Rule.Priority, b.Reason.Want)
	case lookup.CodeSuppressPrefix, lookup.CodeSuppressGroup:
		return fmt.Sprintf("rule %d finds %s and drops it (%s)", b.Rule.Priority, routeIn(b.Wanted), suppressor(b.Rule))
	}
	if text := x.noEntry(b); text != "" {
		return text
	}
	if text := x.packetFact(b); text != "" {
		return text
	}
	if text := noDefaultWords(&report.Finding{Reason: b.Reason}); text != "" {
		return text
	}
	if b.Rule != nil && b.Route == nil && b.Reason.Code != whynot.CodeForSources {
		return x.ruleFact(b)
	}
	return x.entryFact(b)
}

// suppressor is the part of a rule that drops routes, as ip(8) writes it.
func suppressor(r *iproute2.Rule) string {
	var out []string
	if r.SuppressPrefix != nil {
		out = append(out, fmt.Sprintf("suppress_prefixlength %d", *r.SuppressPrefix))
	}
	if r.SuppressGroup != nil {
		out = append(out, fmt.Sprintf("suppress_ifgroup %v", *r.SuppressGroup))
	}
	return strings.Join(out, " ")
}

// earlier is a rule that leads elsewhere.
func (x missed) earlier(b *report.Blocker) string {
	if b.Route == nil {
		return fmt.Sprintf("rule %d (%s) decides first", b.Rule.Priority, ruleTarget(b.Rule))
	}
	text := fmt.Sprintf("rule %d finds %s first", b.Rule.Priority, routeIn(b.Route))
	if b.Route.Table == tableLocal && b.Route.Type == "local" {
		text += ", this host's own address"
	}
	return text
}

// noEntry is the text about missing entries; empty: the fact is about something else.
func (x missed) noEntry(b *report.Blocker) string {
	dst := x.Looked().Addr()
	switch b.Reason.Code {
	case whynot.CodeNoEntry:
		return fmt.Sprintf("%s covers it; the nearest, %s, differs in bit %s", x.noRoute(), routeIn(b.Route), b.Reason.Have)
	case whynot.CodeNone:
		if b.Route != nil {
			return "the only one is " + routeIn(b.Route)
		}
		if x.r.Kind == whynot.Rule {
			return fmt.Sprintf("the table of rule %d has no route for it", b.Rule.Priority)
		}
		return "there is " + x.noRoute()
	case whynot.CodeNoDefault:
		if b.Route != nil {
			return "the only one is " + routeIn(b.Route)
		}
		return "no table has a default route"
	case lookup.NoteZeroHostRoute, lookup.NoteClassless:
		return noDefaultWords(&report.Finding{Reason: b.Reason, Route: b.Route})
	case whynot.CodeOutside:
		return fmt.Sprintf("%s does not cover %s: they differ in bit %s", b.Reason.Want, dst, b.Reason.Have)
	case whynot.CodeNoRule:
		return fmt.Sprintf("there is no rule %s", b.Reason.Want)
	}
	return ""
}

// noRoute names the entries that are missing.
func (x missed) noRoute() string {
	want := iproute2.Safe(x.r.Want)
	switch x.r.Kind {
	case whynot.Device:
		return "no route out of " + want
	case whynot.Gateway:
		return "no route " + want
	case whynot.Table:
		return "no route in " + want
	case whynot.Source:
		return "no route to it"
	}
	return "no route " + want
}

// packetFact is the text about the packet or the device that receives it; empty: the
// fact is about something else.
func (x missed) packetFact(b *report.Blocker) string {
	have := name(b.Reason.Have)
	switch b.Reason.Code {
	case lookup.FaultDown:
		return have + " is down"
	case whynot.CodeBound:
		return "the packet is bound to " + have
	case whynot.CodeGiven:
		return "the packet has the source " + have
	case lookup.Code(lookup.ShortcutNotLocal):
		return have + " is not an address of this host"
	case lookup.Code(lookup.ShortcutSource):
		return have + " cannot be a source"
	case lookup.Code(lookup.ShortcutLoopback):
		return "a packet with the loopback source " + have + " may not leave"
	case lookup.Code(lookup.ShortcutNoForwarding):
		return "forwarding is off on " + have
	case lookup.Code(lookup.ShortcutReversePath):
		return "the reverse-path filter of " + have + " drops it"
	case lookup.Code(lookup.ShortcutNoIPv6):
		return "IPv6 is switched off on " + have
	case whynot.CodePrescribed:
		return fmt.Sprintf("%s prescribes the source %s", routeIn(b.Route), have)
	case whynot.CodeNotOwn:
		return fmt.Sprintf("%s is not an address of this host", b.Reason.Want)
	case whynot.CodeOtherLink:
		return fmt.Sprintf("%s is an address of %s, and %s leaves by another device", b.Reason.Want, have, b.Route.Line())
	case lookup.CodeSrcOrder:
		return fmt.Sprintf("%s comes before %s among the device's addresses", have, strings.TrimPrefix(iproute2.Safe(x.r.Want), "src "))
	}
	return ""
}

// ruleFact is the text about a rule that does not match.
func (x missed) ruleFact(b *report.Blocker) string {
	sel := cmp.Or(b.Rule.Selector(), "from all")
	why := mismatchWords(b.Reason)
	if b.Reason.Code == lookup.CodeTo {
		why = "the destination is another"
	}
	if b.Wanted == nil {
		return fmt.Sprintf("rule %d (%s) does not match: %s", b.Rule.Priority, sel, why)
	}
	if b.Reason.Code == lookup.CodeDead || why == "" {
		return x.entryFact(b)
	}
	return fmt.Sprintf("rule %d (%s), which leads to %s, does not match: %s", b.Rule.Priority, sel, routeIn(b.Wanted), why)
}

// entryFact is the text about an entry that loses, or that cannot be used.
func (x missed) entryFact(b *report.Blocker) string {
	if b.Wanted == nil {
		return sourceLoss(b.Reason)
	}
	if b.Reason.Code == whynot.CodeForSources {
		return fmt.Sprintf("%s is for packets from %s alone", routeIn(b.Wanted), b.Reason.Want)
	}
	c := &report.Candidate{Route: *b.Wanted, Reason: b.Reason}
	text := candidateWords(c)
	if b.Route == nil {
		return fmt.Sprintf("%s cannot be used: %s", routeIn(b.Wanted), text)
	}
	if b.Reason.Code == lookup.CodeMetric {
		text = fmt.Sprintf("metric %s > %s", b.Reason.Have, b.Reason.Want)
	}
	if b.Reason.Code == lookup.CodeShorter {
		return fmt.Sprintf("%s is longer than %s", routeIn(b.Route), b.Wanted.Line())
	}
	return fmt.Sprintf("%s goes before %s: %s", routeIn(b.Route), b.Wanted.Line(), text)
}

// ways writes which changes on the host would make the packet go as wanted.
func (p *page) ways(x missed) {
	p.blank()
	if len(x.r.Ways) == 0 {
		text := "no change of a route, a rule, a device or a setting that was tried makes it so"
		if x.noneAtAll() {
			text = "no gateway is known of which a default route could be made"
		}
		if x.r.NotOffered > 0 {
			text = fmt.Sprintf("%s would make it so, and end your session", agree(x.r.NotOffered, "change", "changes"))
		}
		p.line("  " + text)
	} else {
		p.line("  to change that, what moves least first (each was tried on a copy)")
	}
	for i := range x.r.Ways {
		w := &x.r.Ways[i]
		for k, c := range w.Commands {
			note := ""
			if k == len(w.Commands)-1 {
				note = "moves " + moved(w)
				if w.Direct != "" {
					note += fmt.Sprintf("; no gateway on %s is known", iproute2.Safe(w.Direct))
				}
			}
			if textWidth(c)+textWidth(note)+8 <= p.st.width() {
				p.line("    " + pad(c, min(52, p.st.width()-4-2-textWidth(note))) + "  " + p.st.paint(dim, note))
				continue
			}
			p.line("    " + c)
			if note != "" {
				p.line("      " + p.st.paint(dim, note))
			}
		}
	}
	if n := x.r.NotOffered; n > 0 && len(x.r.Ways) > 0 {
		p.line("    " + agree(n, "more change", "more changes") + " would end your session")
	}
}

// moved says which other packets would go differently.
func moved(w *report.Way) string {
	text := "very many addresses"
	if w.Addresses != nil {
		text = addresses(w.Addresses)
	}
	switch {
	case w.SocketsUnread:
	case w.Sockets == 0:
		text += ", no connection"
	default:
		text += ", " + count(w.Sockets, "connection")
	}
	return text
}

// maxAlterations is how many kinds of packets are shown without -v.
const maxAlterations = 4

// otherPackets writes which packets go where the user wants.
func (p *page) otherPackets(x missed) {
	p.blank()
	if x.r.NoPacket && x.ofDefault() {
		return
	}
	if x.r.NoPacket {
		p.line("  or the packet: none to this destination " + x.is())
		return
	}
	if len(x.r.Packets) == 0 {
		return
	}
	p.line("  or the packet")
	for i := range x.r.Packets {
		if i == maxAlterations && !p.st.Verbose {
			p.line(fmt.Sprintf("    and %d more (-v)", len(x.r.Packets)-i))
			return
		}
		a := &x.r.Packets[i]
		p.aligned("    "+pad(altered(a), 26), "    "+altered(a), a.Ask[0], plain)
	}
}

// altered says in what way packets differ.
func altered(a *report.Alteration) string {
	out := ""
	for i := range a.With {
		out += fieldWith(&a.With[i]) + ", "
	}
	last := fieldWith(a)
	if out != "" {
		last = strings.TrimPrefix(last, "with ")
	}
	return out + last
}

func fieldWith(a *report.Alteration) string {
	var said, values []string
	for _, v := range a.Values {
		if v == "" {
			said = append(said, without(a.Field))
		} else {
			values = append(values, iproute2.Safe(v))
		}
	}
	if len(values) > 0 {
		said = append(said, fieldIs(a.Field, alternatives(values)))
	}
	return strings.Join(said, " or ")
}

// without says that a packet does not have a field.
func without(f lookup.Field) string {
	switch f {
	case lookup.FieldFrom:
		return "without a source"
	case lookup.FieldIif:
		return "sent by this host"
	}
	return "not bound to a device"
}

// fieldIs says which value a field has.
func fieldIs(f lookup.Field, v string) string {
	switch f {
	case lookup.FieldFrom:
		return "from " + v
	case lookup.FieldIif:
		return "received on " + v
	case lookup.FieldOif:
		return "bound to " + v
	case lookup.FieldMark:
		return "with mark " + v
	case lookup.FieldTOS:
		return "with TOS " + v
	case lookup.FieldUID:
		return "with uid " + v
	case lookup.FieldProto:
		return "of protocol " + v
	case lookup.FieldSport:
		return "from port " + v
	case lookup.FieldDport:
		return "to port " + v
	}
	return "with flow label " + v
}

// WhyNotJSON writes the same as JSON: an array with one object for each destination.
func WhyNotJSON(w io.Writer, all []*report.WhyNot) error {
	for _, r := range all {
		Annotate(r.Decision)
		x := missed{r, told{r.Decision}}
		for i := range r.Because {
			r.Because[i].Text = x.blocker(&r.Because[i])
		}
		x.texts(r.Warnings)
	}
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}
