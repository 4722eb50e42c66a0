package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Explanation is one decision with all that is said about it.
type Explanation struct {
	// Subject is the destination as it is to be named.
	Subject string
	// Given are the other properties of the packet that were given, in words:
	// "from 192.0.2.2", "mark 0x1".
	Given []string
	// GivenFields are the same by name.
	GivenFields map[lookup.Field]bool
	FIB         *lookup.FIB
	Trace       *lookup.Trace
	Notes       []lookup.Note
	// Remarks are notes about the question itself.
	Remarks    []Remark
	Answer     route.Answer
	Comparison lookup.Comparison
	// First is the look-up that a connected socket made before, to get a source,
	// and BySource are the second ones where that may be one of several: see
	// [lookup.FIB.Connect].
	First    *Explanation
	BySource []*Explanation
	// ConnectErrno is what connect(2) answers although the packet would get out;
	// zero: nothing.
	ConnectErrno route.Errno
	// Reply is the way back; nil: not asked about.
	Reply *Reply
	// Answers says that the packet is an answer that comes in.
	Answers bool
	// Listeners are the sockets that a packet to this host meets; nil: it ends
	// elsewhere, or no port was asked about.
	Listeners *Listeners
	// NotAsked says why the kernel was not asked; empty: it was.
	NotAsked string
	// Silent leaves out that the kernel was not asked: nobody wanted it to be.
	Silent bool
	// moved says that the tables may have changed between the reading and the
	// kernel's answer.
	moved bool
}

// Remark is something about the question that the user should know.
type Remark struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Explain writes an explanation as text.
func Explain(w io.Writer, e *Explanation, st Style) error {
	p := &page{w: w, st: st}
	if bad := e.Disagreement(); bad != nil {
		p.disagreement(bad)
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
	p.details(e)
	p.reply(e)
	return p.err
}

// page writes lines until one fails.
type page struct {
	w   io.Writer
	st  Style
	gap bool // a blank line is due before the next one
	err error
}

func (p *page) line(s string) {
	if p.gap {
		p.gap, s = false, "\n"+s
	}
	if p.err == nil {
		_, p.err = io.WriteString(p.w, strings.TrimRight(s, " ")+"\n")
	}
}

// blank sets what follows, if anything does, apart.
func (p *page) blank() { p.gap = true }

// head writes the answer. It is one line, however long, so that it can be
// grepped.
func (p *page) head(e *Explanation) {
	i := bold
	if d := e.Trace.Decision.Disposition; !d.Success() && !e.OnlyConnected() || e.DeadEnd().Code != "" {
		i = red
	}
	text := e.headline()
	if p.st.Quiet && e.changing() {
		text += changingAside
	}
	p.line(p.st.paint(i, text))
}

func (p *page) disagreement(e *Explanation) {
	p.line(p.st.paint(red, e.subject()+": routewhy and the kernel disagree"))
	if p.st.Quiet {
		return
	}
	p.line("  routewhy  " + e.verdict())
	p.line("  kernel    " + e.kernelAnswer())
	var fields []string
	for _, d := range e.Comparison.Differences {
		fields = append(fields, fmt.Sprintf("%s %s, not %s", d.Field, iproute2.Safe(d.Kernel), iproute2.Safe(d.Ours)))
	}
	p.block("  differ    ", strings.Join(fields, "; "), plain)
	p.line("  The kernel is right. Please report this with the output of --json.")
}

func (e *Explanation) kernelAnswer() string {
	a := &e.Answer
	s := e.FIB.Snapshot()
	if a.Errno != 0 {
		return fmt.Sprintf("refuses: %s, %q", a.Errno, a.Errno.Text())
	}
	way := iproute2.Way(s, &route.NextHop{Gateway: a.Gateway, Link: a.Link})
	out := fmt.Sprintf("%s %s", a.Type, way)
	if a.HasEntry {
		out = fmt.Sprintf("%s %s by %s", a.Type, way, a.Entry.Dst)
	}
	if a.Src.IsValid() {
		out += ", from " + a.Src.String()
	}
	return out
}

// kernelTold says what the kernel did when it was asked.
func (e *Explanation) kernelTold() string {
	if e.Answer.Errno != 0 {
		return fmt.Sprintf("refused: %s, %q", e.Answer.Errno, e.Answer.Errno.Text())
	}
	return "answered " + e.kernelAnswer()
}

// block writes a label and a text that is wrapped beside it.
func (p *page) block(label, text string, i ink) {
	indent := columns(label)
	for n, l := range wrap(text, p.st.width()-indent) {
		if n > 0 {
			label = strings.Repeat(" ", indent)
		}
		p.line(label + p.st.paint(i, l))
	}
}

// labelWidth is the column at which details begin.
const labelWidth = 11

func (p *page) detail(label, text string, i ink) {
	p.block("  "+pad(label, labelWidth-2), text, i)
}

// details writes what an expert checks next.
func (p *page) details(e *Explanation) {
	p.blank()
	p.gateways(e)
	p.source(e)
	p.again(e)
	p.next(e)
	p.assumed(e)
	p.absent(e)
	p.listeners(e)
	p.kernel(e)
	p.bitsView(e)
	for _, n := range e.Notes {
		if text := e.note(&n); text != "" {
			p.detail("note", text, yellow)
		}
	}
	for _, r := range e.Remarks {
		p.detail("note", r.Text, yellow)
	}
}

func (p *page) gateways(e *Explanation) {
	for i := range e.Trace.Gateways {
		g := &e.Trace.Gateways[i]
		if !g.Addr.IsValid() || e.Trace.Decision.NextHops[i].Stale || i >= 8 && !p.st.Verbose || e.saidGateway(i) {
			continue
		}
		label, tint := "gateway", plain
		if g.Direct {
			label = "target"
			if !g.HasState { // nobody talked to it yet: nothing to say
				continue
			}
		}
		if g.HasState && g.State == route.NeighbourFailed {
			tint = red
		}
		p.detail(label, fmt.Sprintf("%s is %s", g.Addr, e.words().gateway(g)), tint)
	}
}

// saidGateway says whether a way before the given one has the same gateway, as those
// of a connection do that differ in the source.
func (e *Explanation) saidGateway(way int) bool {
	g, ways := &e.Trace.Gateways[way], e.Trace.Decision.NextHops
	for i := range way {
		if o := &e.Trace.Gateways[i]; o.Addr == g.Addr && o.Link == g.Link && !ways[i].Stale {
			return true
		}
	}
	return false
}

func (p *page) source(e *Explanation) {
	d, t := &e.Trace.Decision, &e.Trace.Source
	if e.Trace.First != nil && e.Trace.First.Decision.Errno == 0 {
		d = &e.Trace.First.Decision
	}
	if e.Trace.Flow.In != 0 || t.Reason.Code == "" || t.Reason.Code == lookup.CodeSrcGiven || d.Errno != 0 {
		return
	}
	switch {
	case d.Shortcut == lookup.ShortcutZero:
		return
	case e.noSource():
		p.detail("source", "unknown: there is no listing of the addresses", yellow)
	case t.Reason.Code == lookup.CodeSrcNone:
		p.detail("source", "none: no device has an address that fits", yellow)
	case t.Reason.Code == lookup.CodeSrcShared && len(d.NextHops) > 0:
		p.detail("source", either(d.NextHops[0].SrcOneOf)+", "+e.words().source(t), yellow)
	case t.Reason.Code == lookup.CodeSrcUnordered:
		p.detail("source", e.unordered(), yellow)
	case len(liveWays(d)) > 1 && !d.Src.IsValid():
		p.detail("source", "that of the next hop taken: "+e.sources(d), plain)
	case d.Disposition == lookup.DispositionLocal && t.Addr == e.Trace.Flow.Dst:
	default:
		p.detail("source", fmt.Sprintf("%s, %s", t.Addr, e.sourceReason()), plain)
	}
	if p.st.Verbose {
		p.sourceCandidates(e)
	}
}

// sourceReason says what made the packet's source. A redirect does not change it.
func (e *Explanation) sourceReason() string {
	t := &e.Trace.Source
	w := e.Trace.Decision.NextHops
	if t.Reason.Code == lookup.CodeSrcGateway && len(w) == 1 && w[0].Redirected && !e.Trace.Gateways[0].OnLinkBy.Contains(w[0].Via.Gateway) {
		return fmt.Sprintf("%s's address in the network of the route's own gateway %s", e.words().dev(t.Link), w[0].Via.Gateway)
	}
	return e.words().source(t)
}

// unordered says that one of several devices lends the source, and that nobody knows
// which.
func (e *Explanation) unordered() string {
	var all []string
	for _, c := range e.Trace.Source.Candidates {
		if c.Verdict == lookup.VerdictPossible {
			all = append(all, c.Addr.Prefix.Addr().String()+" of "+e.words().dev(c.Addr.Link))
		}
	}
	return alternatives(all) + ": that of the device that came into this namespace first, and which one did is not known"
}

// alternatives joins words of which one holds.
func alternatives(all []string) string {
	const shown = 3
	if n := len(all) - shown; n > 0 {
		all = append(all[:shown:shown], fmt.Sprintf("one of %d others", n))
	}
	return strings.Join(all, " or ")
}

func (e *Explanation) sources(d *lookup.Decision) string {
	var out []string
	for _, w := range liveWays(d) {
		if w.Src.IsValid() {
			out = append(out, w.Src.String()+" on "+e.words().dev(w.Link))
		}
	}
	return strings.Join(out, ", ")
}

func (p *page) sourceCandidates(e *Explanation) {
	for _, c := range e.Trace.Source.Candidates {
		if c.Verdict == lookup.VerdictChosen {
			continue
		}
		p.detail("", fmt.Sprintf("not %s on %s: %s", c.Addr.Prefix, e.words().dev(c.Addr.Link), sourceLoss(c.Reason)), dim)
	}
}

// sourceLoss says why an address was not taken.
func sourceLoss(r lookup.Reason) string {
	switch r.Code {
	case lookup.CodeSrcSecondary:
		return "secondary"
	case lookup.CodeSrcScope:
		return fmt.Sprintf("scope %v, the route has %v", r.Have, r.Want)
	case lookup.CodeSrcNotSubnet:
		return fmt.Sprintf("%v is not in its network", r.Want)
	case lookup.CodeSrcTentative:
		return "tentative"
	case lookup.CodeSrcSame:
		return "another is the destination itself (RFC 6724 rule 1)"
	case lookup.CodeSrcScope6:
		return "its scope fits less well (RFC 6724 rule 2)"
	case lookup.CodeSrcDeprecated:
		return "deprecated (RFC 6724 rule 3)"
	case lookup.CodeSrcDevice:
		return "not on the output device (RFC 6724 rule 5)"
	case lookup.CodeSrcLabel:
		return "has not the destination's label (RFC 6724 rule 6)"
	case lookup.CodeSrcTemporary:
		return "public or temporary, not as use_tempaddr asks (RFC 6724 rule 7)"
	case lookup.CodeSrcOrchid:
		return "an ORCHID or not, unlike the destination"
	case lookup.CodeSrcPrefix:
		return "shorter prefix in common with the destination (RFC 6724 rule 8)"
	case lookup.CodeSrcOptimistic:
		return "optimistic"
	case lookup.CodeSrcOrder:
		return "equal, but later"
	}
	return strings.ReplaceAll(string(r.Code), "-", " ")
}

// next says what would take over, where the list of candidates does not.
func (p *page) next(e *Explanation) {
	n := e.Trace.Next
	if n == nil || e.Trace.Decision.Ambiguous.Code == lookup.CodeDefaultsTie || e.nextListed() || e.Trace.Decision.Disposition == lookup.DispositionLocal {
		return
	}
	switch {
	case n.Errno != 0 && !p.st.Verbose:
	case n.Errno != 0:
		p.detail("next", "none: without it there would be no way out ("+n.Errno.String()+")", plain)
	case n.HasRoute:
		p.detail("next", iproute2.RouteLine(e.FIB.Snapshot(), &n.Route)+" in "+tableName(e.FIB.Snapshot(), n.Route.Table), plain)
	case n.Shortcut == lookup.ShortcutOnLink:
		p.detail("next", "none: without it the kernel would assume the address on the device's own link", plain)
	}
}

// nextListed says whether the runner-up stands among the candidates shown.
func (e *Explanation) nextListed() bool {
	for i := range e.Trace.Rules {
		if e.Trace.Rules[i].Verdict == lookup.VerdictNotReached {
			continue
		}
		for j := range e.Trace.Rules[i].Candidates {
			if e.isNext(&e.Trace.Rules[i].Candidates[j]) {
				return true
			}
		}
	}
	return false
}

// isNext says whether a candidate is the runner-up.
func (e *Explanation) isNext(c *lookup.Candidate) bool {
	n := e.Trace.Next
	return n != nil && n.HasRoute && c.Verdict == lookup.VerdictLoses && c.Route.Table == n.Route.Table &&
		c.Route.Dst == n.Route.Dst && c.Route.Metric == n.Route.Metric && c.Route.TOS == n.Route.TOS &&
		c.Route.Src == n.Route.Src && sameWays(c.Route.NextHops, n.Route.NextHops)
}

func sameWays(a, b []route.NextHop) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// assumed names the properties of the packet that were not given although a
// rule or a route asked for them.
func (p *page) assumed(e *Explanation) {
	if a := e.assumptions(); len(a) > 0 {
		var texts []string
		for _, r := range a {
			texts = append(texts, r.Text)
		}
		p.detail("assumed", strings.Join(texts, ", ")+": rules or routes look at that", plain)
	}
}

func (e *Explanation) assumptions() []Remark {
	var out []Remark
	f := &e.Trace.Flow
	for _, field := range e.Trace.Asked() {
		if e.GivenFields[field] {
			continue
		}
		text := map[lookup.Field]string{
			lookup.FieldFrom: "no source yet", lookup.FieldOif: "not bound to a device",
			lookup.FieldMark: "mark 0", lookup.FieldTOS: "TOS 0", lookup.FieldUID: fmt.Sprintf("uid %d", f.UID),
			lookup.FieldProto: "protocol " + protocol(f.Proto), lookup.FieldSport: "no source port",
			lookup.FieldDport: "no destination port", lookup.FieldFlowLabel: "flow label 0",
		}[field]
		out = append(out, Remark{Code: string(field), Text: text})
	}
	return out
}

func (p *page) kernel(e *Explanation) {
	c := &e.Comparison
	switch {
	case e.NotAsked != "" && !e.Silent:
		p.detail("kernel", "not asked: "+iproute2.Safe(e.NotAsked), plain)
	case slices.ContainsFunc(e.Lookups(), (*Explanation).incomparable):
		p.detail("kernel", "cannot be compared: the tables were changing"+e.otherAnswer(), plain)
	case len(e.BySource) > 0:
		p.lookupsAgree(e)
	case c.Asked && e.Trace.Decision.Shortcut == lookup.ShortcutNoIPv6:
		p.detail("kernel", e.kernelTold()+": ip -6 route get does not ask whether the device takes IPv6", plain)
	case c.Asked && c.Agrees:
		p.detail("kernel", "agrees"+e.dropErrno()+e.both()+e.benign(), plain)
	}
}

// otherAnswer is the kernel's answer at another time.
func (e *Explanation) otherAnswer() string {
	if !e.incomparable() {
		return ""
	}
	return "; it " + e.kernelTold()
}

// dropErrno is the error that the kernel names for a packet that it drops on
// arrival: nobody else gets to see it.
func (e *Explanation) dropErrno() string {
	d := &e.Trace.Decision
	if e.Trace.Flow.In == 0 || d.Disposition != lookup.DispositionInvalid || d.Shortcut == lookup.ShortcutNoForwarding || d.Shortcut == lookup.ShortcutNotUnicast {
		return ""
	}
	return " (" + d.Errno.String() + ")"
}

// hiddenWords says by what, which it does not show, the kernel may answer
// otherwise; empty: the code is none of these.
func hiddenWords(c lookup.Code) string {
	switch c {
	case lookup.CodeHiddenEntry:
		return "an entry that stands between the next hops of a multipath route is in no dump"
	case lookup.CodeSiblingPref:
		return "of the next hops of a multipath route a dump has the first one's router preference alone"
	case lookup.CodeSubtreeLost:
		return "source-specific routes are lost after a deleted route of the same prefix"
	case lookup.CodeSharedEntry:
		return "a rule's suppressor looks at another route by the same next-hop object"
	}
	return ""
}

// shared says that the kernel answers by another route with the same next-hop object,
// and what of its answer is that one's.
func (e *Explanation) shared(b lookup.Reason) string {
	d, a := &e.Trace.Decision, &e.Answer
	var its []string
	if e.Trace.Flow.In == 0 && a.Src.IsValid() && d.Src != a.Src && !e.givenSource() {
		its = append(its, "the source "+a.Src.String())
	}
	own := uint32(0)
	for _, m := range d.Route.Metrics {
		if m.ID == route.MetricMTU {
			own = m.Value
		}
	}
	if a.MTU != own && a.MTU != 0 {
		its = append(its, fmt.Sprintf("the MTU %d", a.MTU))
	} else if a.MTU != own {
		its = append(its, "no MTU of its own")
	}
	text := fmt.Sprintf("it answers by %v, which uses nexthop object %d too", b.Have, d.Route.NextHopID)
	if len(its) == 0 {
		return text
	}
	return text + ": " + strings.Join(its, " and ") + ". A processor keeps one answer for both routes, that of the one used first"
}

// redirectedFromOne says whether the kernel was redirected from one of several next
// hops, and does not tell from which.
func (e *Explanation) redirectedFromOne() bool {
	return slices.ContainsFunc(e.Comparison.Benign, func(b lookup.Reason) bool {
		return b.Code == lookup.CodeRedirected && b.Want == nil
	})
}

// benign says what the kernel's answer adds to an agreement.
func (e *Explanation) benign() string {
	if e.Trace.Decision.Disposition == lookup.DispositionUnknown {
		return " as far as is known: it " + e.kernelTold()
	}
	var out []string
	for _, b := range e.Comparison.Benign {
		if why := hiddenWords(b.Code); why != "" && e.Comparison.NextHop < 0 {
			return ", as far as it shows what it goes by: it " + e.kernelTold() + "; " + why
		}
		switch b.Code {
		case lookup.CodeLearntMTU:
			out = append(out, fmt.Sprintf("it has learnt a path MTU of %v", b.Have))
		case lookup.CodeLocalOnce:
			out = append(out, "a route of type local was added once, and since then it checks sources by the way back")
		case lookup.CodeSharedEntry:
			out = append(out, e.shared(b))
		case lookup.CodeLegRemembered:
			out = append(out, "it takes another leg, "+iproute2.Way(e.FIB.Snapshot(), &route.NextHop{Gateway: e.Answer.Gateway, Link: e.Answer.Link})+", remembering the legs' sources from before an address changed")
		case lookup.CodeRedirected:
			if b.Want == nil { // else the headline says so
				out = append(out, fmt.Sprintf("it was redirected from one of these gateways to %v", b.Have))
			}
		case lookup.CodeOneOfSeveral:
			if e.Answer.Errno != 0 {
				out = append(out, fmt.Sprintf("for this very question it refuses: %s", e.Answer.Errno))
			}
			if e.Comparison.NextHop < 0 || e.redirectedFromOne() {
				continue
			}
			w := e.Trace.Decision.NextHops[e.Comparison.NextHop]
			out = append(out, "for this very question it takes "+iproute2.Way(e.FIB.Snapshot(), &route.NextHop{Gateway: w.Gateway, Link: w.Link}))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + strings.Join(out, "; ")
}
