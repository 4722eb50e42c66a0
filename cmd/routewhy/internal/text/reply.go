package text

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// replying is the part of the headline about the way back.
func (e told) replying() string {
	r := e.Reply
	if r == nil {
		return ""
	}
	switch r.None.Code {
	case lookup.CodeReplyGroup:
		return "; who answers to a group is not known"
	case lookup.CodeReplyNoSource:
		return "; nobody can answer, it has no source"
	}
	if len(r.Answers) == 0 {
		return "" // the packet's own verdict says it
	}
	return "; " + e.stated()
}

// stated is the way back in one sentence, and whether it is symmetric.
func (e told) stated() string {
	text := e.wayBack()
	if s := e.Reply.Symmetry; s == lookup.Asymmetric || s == lookup.Symmetric && !e.AnswerLost() {
		return string(s) + ": " + text
	}
	if e.alternates() {
		return text + ", but the two directions may differ"
	}
	return text
}

// alternates reports whether the packet may leave by another device next time.
func (e told) alternates() bool { return e.Looked().Iif == "" && alternates(&e.Decision) }

// alternates reports whether the kernel chooses one of several devices again for each
// look-up. It does so among equal default routes.
func alternates(d *report.Decision) bool {
	other := func(h report.NextHop) bool { return h.Dev != d.NextHops[0].Dev }
	return d.Ambiguous.Code == lookup.CodeDefaultsTie && slices.ContainsFunc(d.NextHops, other)
}

// wayBack says in one sentence where the answer goes.
func (e told) wayBack() string {
	r := e.Reply
	first := r.Answers[0]
	switch {
	case first.Query.Iif == "":
		leaves := "leaves"
		if r.None.Code != "" { // the packet is not let in
			leaves = "would leave"
		}
		return "the answer " + told{&first.Explanation}.leaves(leaves, first.Dev)
	case e.Looked().Iif != "":
		return "the answer comes in by " + listedReturns(r.Answers, func(a told) string { return a.goesBack(e.Looked().Iif) })
	}
	what := "the answer is "
	if o := owner(r.Answers); o != nil {
		what = "the answer goes to an address of " + iproute2.Safe(o.Query.Iif) + ": "
	}
	return what + letIn(r.Answers)
}

// owner is the way back by the device that has the packet's source address; nil: there
// is none.
func owner(all []*report.Return) *report.Return {
	i := slices.IndexFunc(all, func(x *report.Return) bool { return x.By == lookup.CodeReplyOwner })
	if i < 0 {
		return nil
	}
	return all[i]
}

// letIn says by which devices the answer may come in, and by which it may not.
func letIn(all []*report.Return) string {
	var order []string
	by := map[string][]string{}
	for _, a := range all {
		fate := arrival(&a.Decision)
		if by[fate] == nil {
			order = append(order, fate)
		}
		if dev := iproute2.Safe(a.Query.Iif); !slices.Contains(by[fate], dev) {
			by[fate] = append(by[fate], dev)
		}
	}
	var out []string
	for _, fate := range order {
		out = append(out, fmt.Sprintf(fate, someDevices(by[fate])))
	}
	return strings.Join(out, ", ")
}

// arrival says what happens to an answer that comes in, with a placeholder for the
// device.
func arrival(d *report.Decision) string {
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		return "unknown on %s"
	case d.Shortcut == lookup.ShortcutReversePath:
		return "dropped on %s (reverse-path filter)"
	case d.Errno != 0:
		return "dropped on %s (" + d.Errno.String() + ")"
	case d.Disposition == lookup.DispositionUnicast:
		return "forwarded from %s, not delivered"
	}
	return "let in by %s"
}

// listedReturns says for each device what happens to an answer that comes in there.
func listedReturns(all []*report.Return, say func(told) string) string {
	var out []string
	for _, a := range all {
		text := iproute2.Safe(a.Query.Iif) + " and " + say(told{&a.Explanation})
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", or by ")
}

// goesBack says where a router sends an answer to a packet that came in by a device.
func (e told) goesBack(came string) string {
	d := &e.Decision
	switch {
	case d.Shortcut == lookup.ShortcutReversePath:
		return "is dropped there (reverse-path filter)"
	case d.Disposition == lookup.DispositionUnknown:
		return "nobody knows where it goes"
	case !d.Disposition.Success():
		return "is not forwarded (" + d.Errno.String() + ")"
	case d.Disposition != lookup.DispositionUnicast:
		return "ends at this host"
	case viaOther(d, came):
		return "goes back by " + devices(d) + ", not by " + iproute2.Safe(came) + e.wayOut()
	}
	return "goes back by " + devices(d) + e.wayOut()
}

// leaves says where this host sends an answer to a packet that came in by a device.
// The verb is "leaves".
func (e told) leaves(verb, came string) string {
	d := &e.Decision
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		return "cannot be decided"
	case d.Disposition == lookup.DispositionNoRoute:
		return "has no route (" + d.Errno.String() + ")"
	case !d.Disposition.Success():
		return "is refused (" + d.Errno.String() + ")"
	case d.Disposition != lookup.DispositionUnicast:
		return "stays on this host"
	case viaOther(d, came):
		return verb + " by " + devices(d) + ", the packet came in by " + iproute2.Safe(came) + e.wayOut()
	}
	return verb + " by " + devices(d) + " too" + e.wayOut()
}

// viaOther reports whether a decision may leave by another device.
func viaOther(d *report.Decision, dev string) bool {
	return slices.ContainsFunc(liveWays(d), func(w report.NextHop) bool { return w.Dev != dev })
}

// devices are the devices that a packet may leave by.
func devices(d *report.Decision) string {
	var out []string
	for _, w := range liveWays(d) {
		if dev := iproute2.Safe(w.Dev); !slices.Contains(out, dev) {
			out = append(out, dev)
		}
	}
	return alternatives(out)
}

// maxAnswers is how many ways back are explained in full without -v.
const maxAnswers = 2

// reply writes the way back.
func (p *page) reply(e told) {
	r := e.Reply
	if r == nil {
		return
	}
	shown := 0
	for i, back := range r.Answers {
		if sameAnswer(r.Answers, i) >= 0 && !p.st.Verbose {
			continue
		}
		a := told{&back.Explanation}
		p.blank()
		p.detail("answer", a.headline(), bold)
		if shown++; shown > maxAnswers && !p.st.Verbose {
			continue
		}
		p.blank()
		p.rules(a)
		p.reverse(a)
		p.details(a, notAsked(a) == notAsked(e)) // it is already said above
	}
	p.blank()
	p.bothWays(e)
}

// notAsked says why the kernel was not asked; empty: it was.
func notAsked(e told) string {
	if e.Kernel == nil {
		return ""
	}
	return e.Kernel.NotAsked
}

// sameAnswer finds an earlier answer that looks the same in the output, except for
// the device where it comes in; -1: there is none.
func sameAnswer(all []*report.Return, i int) int {
	a := all[i]
	return slices.IndexFunc(all[:i], func(b *report.Return) bool {
		return b.Query.Dst == a.Query.Dst && arrival(&a.Decision) == arrival(&b.Decision) && routeDst(&a.Decision) == routeDst(&b.Decision) &&
			samePassing(a.Reverse, b.Reverse) && devices(&a.Decision) == devices(&b.Decision)
	})
}

// routeDst is the prefix of the chosen route; empty: there is none.
func routeDst(d *report.Decision) string {
	if d.Route == nil {
		return ""
	}
	return d.Route.Dst
}

func samePassing(a, b *report.ReversePath) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Passed == b.Passed && a.Filter == b.Filter && a.Reason.Code == b.Reason.Code
}

// bothWays writes how the two directions are related.
func (p *page) bothWays(e told) {
	r := e.Reply
	if len(r.Answers) == 0 {
		p.detail("answer", "none: "+e.noAnswer(), plain)
		return
	}
	tint := green
	if r.Symmetry != lookup.Symmetric || e.AnswerLost() {
		tint = yellow
	}
	p.detail("verdict", e.verdictBoth(), tint)
	p.strict(e, r.Strict, "the packet")
	p.loose(e)
	for i, back := range r.Answers {
		a := told{&back.Explanation}
		p.strict(a, back.Strict, "the answer")
		p.loose(a)
		if sameAnswer(r.Answers, i) < 0 {
			p.unmarked(a, back.Unmarked)
		}
	}
	for _, text := range e.replyAssumed() {
		p.detail("assumed", text, plain)
	}
}

func (e told) noAnswer() string {
	switch e.Reply.None.Code {
	case lookup.CodeReplyGroup:
		return fmt.Sprintf("whoever answers to a group does so from an address of its own: ask for that, routewhy %s --from ADDRESS --iif DEV --reply", e.groupsAnswerTo())
	case lookup.CodeReplyNotForwarded:
		return "the packet is not forwarded"
	case lookup.CodeReplyNoSource:
		return "the packet has no source to which an answer could go"
	case lookup.CodeReplyUnknown:
		return "where the packet goes is not known"
	}
	return "the packet gets nowhere"
}

// groupsAnswerTo says where answers go if a packet was sent to a group.
func (e told) groupsAnswerTo() string {
	if src := e.Src; src.IsValid() {
		return src.String()
	}
	return "SOURCE"
}

// symmetry states whether both directions use the same device.
func (e told) symmetry() string {
	if e.Reply.None.Code == lookup.CodeReplyRefused {
		return e.stated() + "; the packet is dropped because of that"
	}
	return e.stated()
}

// verdictBoth is the same verdict, with the devices of both directions side by side.
func (e told) verdictBoth() string {
	r := e.Reply
	switch lost := e.AnswerLost(); {
	case r.None.Code == lookup.CodeReplyRefused:
		return e.symmetry()
	case lost && len(e.BySource) == 0 && len(r.Answers) == 1:
		return "one way only: " + e.wayBack()
	case lost:
		return "depends: " + e.wayBack()
	case r.Symmetry == "":
		return e.wayBack()
	}
	text := string(r.Symmetry) + ": " + e.paths()
	if e.alternates() {
		text += "; the two directions may differ, because the kernel chooses anew among equal default routes for each look-up"
	}
	return text
}

// paths names the devices of both directions.
func (e told) paths() string {
	r, iif := e.Reply, e.Looked().Iif
	in, out := iproute2.Safe(iif), devices(&e.Decision)
	first := r.Answers[0]
	switch onward := first.Disposition == lookup.DispositionUnicast; {
	case first.Query.Iif == "" && (iif == "" || !onward):
		return "neither leaves this host"
	case first.Query.Iif == "":
		return fmt.Sprintf("in by %s, back by %s", in, devices(&first.Decision))
	case iif != "":
		back := each(r.Answers, func(x *report.Return) string { return devices(&x.Decision) })
		return fmt.Sprintf("in by %s and out by %s, back in by %s and out by %s", in, out, out, back)
	}
	return fmt.Sprintf("out by %s, back by %s", out, each(r.Answers, func(x *report.Return) string { return iproute2.Safe(x.Query.Iif) }))
}

// each joins what is said about all ways back, and says each text only once.
func each(all []*report.Return, say func(*report.Return) string) string {
	var out []string
	for _, x := range all {
		if text := say(x); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, " or ")
}

// strict says what a strict reverse-path filter would do. It does so if the device of
// a packet has no filter and a strict one would drop the packet.
func (p *page) strict(e told, rp *report.ReversePath, what string) {
	if rp == nil || rp.Passed || rp.Reason.Code == lookup.CodeRPOwnSource || e.Reverse == nil {
		return
	}
	why := "there is no way back"
	if rp.Reason.Code == lookup.CodeRPOther {
		why = fmt.Sprintf("%s is reached by %s", e.Looked().From, name(rp.Reason.Have))
	}
	text := fmt.Sprintf("rp_filter = 1 on %s would drop %s: %s", iproute2.Safe(e.Looked().Iif), what, why)
	if len(e.UnreadSettings) == 0 {
		text += [...]string{" (it is off, 0)", "", " (it is loose, 2)"}[min(max(e.Reverse.Filter, 0), 2)]
	}
	p.detail("strict", text, plain)
}

// loose says which change would let in a packet that a strict reverse-path filter
// drops.
func (p *page) loose(e told) {
	rp, q := e.Reverse, e.Looked()
	if rp == nil || rp.Passed || rp.Filter != 1 || rp.Reason.Code != lookup.CodeRPOther {
		return
	}
	dev := iproute2.Safe(q.Iif)
	p.detail("loose", fmt.Sprintf("%s = 2 would let it in: any route to %s would do", setting(route.IPv4, dev, "rp_filter"), q.From), plain)
	if rp.Lookup != nil && rp.Lookup.Query.Marked() != q.Marked() {
		p.detail("mark", fmt.Sprintf("the filter looks up without the mark %#x (%s = 0)", q.Marked(), setting(route.IPv4, dev, "src_valid_mark")), plain)
	}
}

// unmarked says what happens to an answer that does not have the packet's mark.
func (p *page) unmarked(a told, d *report.Next) {
	if d == nil {
		return
	}
	q := *a.Looked()
	q.Given = nil
	plainly := told{&report.Explanation{Query: q, Decision: d.Decision, Warnings: a.Warnings}}
	who := "the firewall must set (CONNMARK)"
	if q.Iif == "" {
		who = "its socket or the firewall must set"
	}
	p.detail("mark", fmt.Sprintf("the answer is taken to have the mark %#x too, which %s; without it, it %s", q.Marked(), who, plainly.verdict()), yellow)
}

// replyAssumed are the assumptions about the way back.
func (e told) replyAssumed() []string {
	r, q := e.Reply, e.Looked()
	var out []string
	o := owner(r.Answers)
	switch sent := r.Answers[0].Query.Iif == ""; {
	case sent && q.Iif == "":
	case sent && r.Answerer != nil:
		if r.Answerer.Dev != "" {
			out = append(out, "the answer leaves by the device that the socket is bound to, "+iproute2.Safe(r.Answerer.Dev))
		}
	case sent:
		text := "the socket is bound to no device"
		if q.Marked() == 0 {
			text += " and sets no mark of its own"
		}
		out = append(out, text)
	case q.Iif != "":
		out = append(out, "nobody translates addresses (NAT)")
	case o != nil:
		out = append(out, fmt.Sprintf("the answer comes in by %s, where the packet left, or by %s, which has %s: the networks around decide",
			devices(&e.Decision), iproute2.Safe(o.Query.Iif), o.Query.Addr()))
	default:
		out = append(out, "the answer comes in by the device that the packet left by: the networks around decide")
	}
	unmarked := func(x *report.Return) bool { return x.Unmarked != nil }
	if m := q.Marked(); m != 0 && !slices.ContainsFunc(r.Answers, unmarked) {
		out = append(out, fmt.Sprintf("the answer has mark %#x too; without the mark, the result is the same", m))
	}
	if q.Iif != "" && r.Symmetry == lookup.Asymmetric || o != nil {
		out = append(out, "no filter on the other side: a strict one there drops what comes in by a device by which it would not answer")
	}
	return out
}
