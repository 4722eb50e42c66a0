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
func (p *page) head(e told) {
	i := bold
	if !e.Disposition.Success() && !e.OnlyConnected() || e.WayOut != "" {
		i = red
	}
	text := e.headline()
	if p.st.Quiet && e.changing() {
		text += changingAside
	}
	p.line(p.st.paint(i, text))
}

func (p *page) disagreement(e told) {
	p.line(p.st.paint(red, e.subject()+": routewhy and the kernel disagree"))
	if p.st.Quiet {
		return
	}
	p.line("  routewhy  " + e.verdict())
	p.line("  kernel    " + e.kernelAnswer())
	var fields []string
	for _, d := range e.Kernel.Difference {
		fields = append(fields, fmt.Sprintf("%s %s, not %s", d.Field, iproute2.Safe(d.Kernel), iproute2.Safe(d.Ours)))
	}
	p.block("  differ    ", strings.Join(fields, "; "), plain)
	p.line("  The kernel is right. Please report this with the output of --json.")
}

func (e told) kernelAnswer() string {
	if errno := e.Kernel.Errno; errno != 0 {
		return fmt.Sprintf("refuses: %s, %q", errno, errno.Text())
	}
	a := e.Kernel.Answer
	out := fmt.Sprintf("%s %s", a.Type, hop(a.Gateway, a.Dev))
	if a.Entry != nil {
		out += " by " + a.Entry.Dst
	}
	if a.PrefSrc.IsValid() {
		out += ", from " + a.PrefSrc.String()
	}
	return out
}

// hop is a next hop by its gateway and device.
func hop(gateway netip.Addr, dev string) string {
	h := iproute2.NextHop{Dev: dev}
	if gateway.IsValid() {
		h.Gateway = gateway.String()
	}
	return h.Way()
}

// kernelTold says what the kernel did when it was asked.
func (e told) kernelTold() string {
	if errno := e.Kernel.Errno; errno != 0 {
		return fmt.Sprintf("refused: %s, %q", errno, errno.Text())
	}
	return "answered " + e.kernelAnswer()
}

// block writes a label and a text that is wrapped beside it.
func (p *page) block(label, text string, i ink) {
	indent := textWidth(label)
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

// details writes what an expert checks next. Silent leaves out that the kernel was not
// asked.
func (p *page) details(e told, silent bool) {
	p.blank()
	p.gateways(e)
	p.source(e)
	p.again(e)
	p.next(e)
	p.assumed(e)
	p.listeners(e)
	p.kernel(e, silent)
	p.bitsView(e)
	for i := range e.Warnings {
		if text := e.finding(&e.Warnings[i]); text != "" && !lifeless(e.Warnings[i].Code) {
			p.detail("note", text, yellow)
		}
	}
}

func (p *page) gateways(e told) {
	for i := range e.NextHops {
		h := &e.NextHops[i]
		if h.Reach == nil || h.Stale || i >= 8 && !p.st.Verbose || e.saidGateway(i) {
			continue
		}
		label, addr, tint := "gateway", h.Reach.Address, plain
		if h.Reach.How == report.ReachDirect {
			label, addr = "target", e.Looked().Addr()
			if h.Neighbour == "" { // nobody talked to it yet: nothing to say
				continue
			}
		}
		if h.Neighbour == failed {
			tint = red
		}
		p.detail(label, fmt.Sprintf("%s is %s, %s", addr, reachWords(h.Reach, h.Dev), neighbourWords(h)), tint)
	}
}

// failed is the state of a neighbour that does not answer.
const failed = "FAILED"

// saidGateway reports whether a way before the given one has the same gateway, as those
// of a connection do that differ in the source.
func (e told) saidGateway(way int) bool {
	g := e.NextHops[way].Reach
	return slices.ContainsFunc(e.NextHops[:way], func(o report.NextHop) bool {
		return !o.Stale && o.Reach != nil && o.Reach.Address == g.Address && o.Dev == e.NextHops[way].Dev
	})
}

func (p *page) source(e told) {
	d, t := &e.Decision, e.Source
	if e.SourceLookup != nil && e.SourceLookup.Errno == 0 {
		d = &e.SourceLookup.Decision
	}
	if e.Looked().Iif != "" || t == nil || t.Reason.Code == lookup.CodeSrcGiven || d.Errno != 0 {
		return
	}
	switch {
	case d.Shortcut == lookup.ShortcutZero:
		return
	case t.Unread:
		p.detail("source", "unknown: there is no listing of the addresses", yellow)
	case t.Reason.Code == lookup.CodeSrcNone:
		p.detail("source", "none: no device has an address that fits", yellow)
	case t.Reason.Code == lookup.CodeSrcShared && len(d.NextHops) > 0:
		p.detail("source", either(d.NextHops[0].SrcOneOf)+", "+sourceWords(t), yellow)
	case t.Reason.Code == lookup.CodeSrcUnordered:
		p.detail("source", unordered(t), yellow)
	case len(liveWays(d)) > 1 && !d.Src.IsValid():
		p.detail("source", "that of the next hop taken: "+sources(d), plain)
	case d.Disposition == lookup.DispositionLocal && t.Address == e.Looked().Addr():
	default:
		p.detail("source", fmt.Sprintf("%s, %s", t.Address, e.sourceReason()), plain)
	}
	if p.st.Verbose {
		p.sourceCandidates(t)
	}
}

// sourceReason says what made the packet's source. A redirect does not change it.
func (e told) sourceReason() string {
	t, w := e.Source, e.NextHops
	if t.Reason.Code == lookup.CodeSrcGateway && len(w) == 1 && w[0].RedirectedFrom.IsValid() {
		if r := w[0].Reach; r == nil || !r.Network.Contains(w[0].RedirectedFrom) {
			return fmt.Sprintf("%s's address in the network of the route's own gateway %s", iproute2.Safe(t.Dev), w[0].RedirectedFrom)
		}
	}
	return sourceWords(t)
}

// unordered says that one of several devices lends the source, and that nobody knows
// which.
func unordered(t *report.Source) string {
	var all []string
	for _, c := range t.Candidates {
		if c.Verdict == lookup.VerdictPossible {
			all = append(all, c.Address.Addr().String()+" of "+iproute2.Safe(c.Dev))
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

func sources(d *report.Decision) string {
	var out []string
	for _, w := range liveWays(d) {
		if w.Src.IsValid() {
			out = append(out, w.Src.String()+" on "+iproute2.Safe(w.Dev))
		}
	}
	return strings.Join(out, ", ")
}

func (p *page) sourceCandidates(t *report.Source) {
	for _, c := range t.Candidates {
		if c.Verdict == lookup.VerdictChosen {
			continue
		}
		p.detail("", fmt.Sprintf("not %s on %s: %s", c.Address, iproute2.Safe(c.Dev), sourceLoss(c.Reason)), dim)
	}
}

// sourceLoss says why an address was not taken.
func sourceLoss(r report.Reason) string {
	switch r.Code {
	case lookup.CodeSrcSecondary:
		return "secondary"
	case lookup.CodeSrcScope:
		return fmt.Sprintf("scope %s, the route has %s", r.Have, r.Want)
	case lookup.CodeSrcNotSubnet:
		return fmt.Sprintf("%s is not in its network", r.Want)
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
		p.detail("next", n.Route.Line()+" in "+tableWords(n.Route.Table), plain)
	case n.Shortcut == lookup.ShortcutOnLink:
		p.detail("next", "none: without it the kernel would assume the address on the device's own link", plain)
	}
}

// nextListed reports whether the runner-up stands among the candidates shown.
func (e told) nextListed() bool {
	for i := range e.Trace {
		next := func(c report.Candidate) bool { return c.Next }
		if e.Trace[i].Verdict != lookup.VerdictNotReached && slices.ContainsFunc(e.Trace[i].Candidates, next) {
			return true
		}
	}
	return false
}

// assumed names what the answer rests on: first the properties of the packet that were not
// given although a rule or a route asked for them, then what was not read. That an
// ordinary user may not read something is usual.
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
		p.detail("assumed", strings.Join(fields, ", ")+": rules or routes look at that", plain)
	}
	for _, text := range facts {
		p.detail("assumed", text, yellow)
	}
}

// fieldWords says what was taken for a field that was not given; empty: it is none.
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

func (p *page) kernel(e told, silent bool) {
	k := e.Kernel
	incomparable := func(l *report.Explanation) bool { return l.Kernel.Incomparable() }
	switch {
	case k == nil:
	case k.NotAsked == report.NoKernelAsked:
	case k.NotAsked != "" && !silent:
		p.detail("kernel", "not asked: "+iproute2.Safe(k.NotAsked), plain)
	case slices.ContainsFunc(e.Lookups(), incomparable):
		p.detail("kernel", "cannot be compared: the tables were changing"+e.otherAnswer(), plain)
	case len(e.BySource) > 0:
		p.lookupsAgree(e)
	case k.Asked && (e.Shortcut == lookup.ShortcutNoIPv6 || e.Shortcut == lookup.ShortcutSmallMTU):
		p.detail("kernel", e.kernelTold()+": ip -6 route get does not ask whether the device takes IPv6", plain)
	case k.Agrees != nil && *k.Agrees:
		p.detail("kernel", "agrees"+e.dropErrno()+e.both()+e.explained(), plain)
	}
}

// otherAnswer is the kernel's answer at another time.
func (e told) otherAnswer() string {
	if !e.Kernel.Incomparable() || len(e.BySource) > 0 {
		return ""
	}
	return "; it " + e.kernelTold()
}

// dropErrno is the error that the kernel names for a packet that it drops on
// arrival: nobody else gets to see it.
func (e told) dropErrno() string {
	d := &e.Decision
	if e.Looked().Iif == "" || d.Disposition != lookup.DispositionInvalid || d.Shortcut == lookup.ShortcutNoForwarding || d.Shortcut == lookup.ShortcutNotUnicast {
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
	case lookup.CodeReceivedInVRF:
		return "ip -6 route get does not take what a device of a VRF receives into the VRF"
	}
	return ""
}

// shared says that the kernel answers by another route with the same next-hop object,
// and what of its answer is that one's.
func (e told) shared(b report.Reason) string {
	d, a := &e.Decision, e.Kernel.Answer
	var its []string
	if e.Looked().Iif == "" && a.PrefSrc.IsValid() && d.Src != a.PrefSrc && !e.SourceGiven() {
		its = append(its, "the source "+a.PrefSrc.String())
	}
	own, _ := d.Route.PathMetric("mtu")
	if mtu := fmt.Sprint(a.MTU); mtu != own && a.MTU != 0 {
		its = append(its, "the MTU "+mtu)
	} else if own != "" && a.MTU == 0 {
		its = append(its, "no MTU of its own")
	}
	text := fmt.Sprintf("it answers by %s, which uses nexthop object %d too", b.Have, d.Route.NHID)
	if len(its) == 0 {
		return text
	}
	return text + ": " + strings.Join(its, " and ") + ". A processor keeps one answer for both routes, that of the one used first"
}

// redirectedFromOne reports whether the kernel was redirected from one of several next
// hops, and does not tell from which.
func (e told) redirectedFromOne() bool {
	return slices.ContainsFunc(e.Kernel.Explained, func(b report.Reason) bool {
		return b.Code == lookup.CodeRedirected && b.Want.IsZero()
	})
}

// explained says what the kernel's answer adds to an agreement.
func (e told) explained() string {
	k := e.Kernel
	if e.Disposition == lookup.DispositionUnknown {
		return " as far as is known: it " + e.kernelTold()
	}
	var out []string
	for _, b := range k.Explained {
		if why := hiddenWords(b.Code); why != "" && k.NextHop == nil {
			return ", as far as it shows what it goes by: it " + e.kernelTold() + "; " + why
		}
		switch b.Code {
		case lookup.CodeLearntMTU:
			out = append(out, fmt.Sprintf("it has learnt a path MTU of %s", b.Have))
		case lookup.CodeLocalOnce:
			out = append(out, "a route of type local was added once, and since then it checks sources by the way back")
		case lookup.CodeSharedEntry:
			out = append(out, e.shared(b))
		case lookup.CodeLegRemembered:
			out = append(out, "it takes another leg, "+hop(k.Answer.Gateway, k.Answer.Dev)+", remembering the legs' sources from before an address changed")
		case lookup.CodeRedirected:
			if b.Want.IsZero() { // else the headline says so
				out = append(out, fmt.Sprintf("it was redirected from one of these gateways to %s", b.Have))
			}
		case lookup.CodeOneOfSeveral:
			if k.Errno != 0 {
				out = append(out, fmt.Sprintf("for this very question it refuses: %s", k.Errno))
			}
			if k.NextHop == nil || e.redirectedFromOne() {
				continue
			}
			w := &e.NextHops[*k.NextHop]
			out = append(out, "for this very question it takes "+hop(w.Gateway, w.Dev))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "; " + strings.Join(out, "; ")
}
