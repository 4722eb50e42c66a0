package render

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
)

// Reply is the way back of a packet with its decisions explained.
type Reply struct {
	*lookup.Reply
	// Answers are the decisions about the answer, one for each of Returns.
	Answers []*Explanation
	// Answerer is the socket that takes the packet and answers; nil: it is not known.
	Answerer *lookup.Answerer
}

// replying is the part of the headline about the way back.
func (e *Explanation) replying() string {
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
	if len(r.Returns) == 0 {
		return "" // said by the packet's own verdict
	}
	return "; " + e.stated()
}

// stated is the way back in one sentence, and whether it is symmetric.
func (e *Explanation) stated() string {
	text := e.wayBack()
	if s := e.Reply.Symmetry; s == lookup.Asymmetric || s == lookup.Symmetric && !e.AnswerLost() {
		return string(s) + ": " + text
	}
	if e.alternates() {
		return text + ", but the two directions may differ"
	}
	return text
}

// alternates says whether the packet may leave by another device the next time.
func (e *Explanation) alternates() bool {
	return e.Trace.Flow.In == 0 && e.Trace.Decision.Alternates()
}

// AnswerLost says whether the answer does not get to whoever sent the packet,
// by one device at least.
func (e *Explanation) AnswerLost() bool {
	return slices.ContainsFunc(e.Reply.Answers, func(a *Explanation) bool {
		d := a.Trace.Decision.Disposition
		return d != lookup.DispositionUnknown && !d.Success() || a.DeadEnd().Code != "" || a.Answers && e.Trace.Flow.In == 0 && d == lookup.DispositionUnicast
	})
}

// wayBack says in one sentence where the answer goes.
func (e *Explanation) wayBack() string {
	r := e.Reply
	first := &r.Returns[0]
	switch {
	case first.In == 0:
		leaves := "leaves"
		if r.None.Code != "" { // the packet is not let in
			leaves = "would leave"
		}
		return "the answer " + r.Answers[0].leaves(leaves, first.Link)
	case e.Trace.Flow.In != 0:
		return "the answer comes in by " + e.listed(r.Returns, func(a *Explanation) string { return a.goesBack(e.Trace.Flow.In) })
	}
	what := "the answer is "
	if o := slices.IndexFunc(r.Returns, func(x lookup.Return) bool { return x.By == lookup.CodeReplyOwner }); o >= 0 {
		what = "the answer goes to an address of " + e.words().dev(r.Returns[o].In) + ": "
	}
	return what + e.letIn(r.Returns)
}

// letIn says by which devices the answer may come in, and by which not.
func (e *Explanation) letIn(all []lookup.Return) string {
	var order []string
	by := map[string][]string{}
	for i := range all {
		fate := e.Reply.Answers[i].arrival()
		if by[fate] == nil {
			order = append(order, fate)
		}
		if dev := e.words().dev(all[i].In); !slices.Contains(by[fate], dev) {
			by[fate] = append(by[fate], dev)
		}
	}
	var out []string
	for _, fate := range order {
		out = append(out, fmt.Sprintf(fate, strings.Join(by[fate], " and ")))
	}
	return strings.Join(out, ", ")
}

// arrival says what becomes of an answer that comes in, with a place for the
// device.
func (e *Explanation) arrival() string {
	d := &e.Trace.Decision
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

// listed says of each device that an answer comes in by what becomes of it.
func (e *Explanation) listed(all []lookup.Return, say func(*Explanation) string) string {
	var out []string
	for i := range all {
		text := e.words().dev(all[i].In) + " and " + say(e.Reply.Answers[i])
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, ", or by ")
}

// goesBack says where a router sends an answer to what came in by a device.
func (e *Explanation) goesBack(came int) string {
	d := &e.Trace.Decision
	switch {
	case d.Shortcut == lookup.ShortcutReversePath:
		return "is dropped there (reverse-path filter)"
	case d.Disposition == lookup.DispositionUnknown:
		return "nobody knows where it goes"
	case !d.Disposition.Success():
		return "is not forwarded (" + d.Errno.String() + ")"
	case d.Disposition != lookup.DispositionUnicast:
		return "ends at this host"
	case e.viaOther(came):
		return "goes back by " + e.devices(d) + ", not by " + e.words().dev(came) + e.wayOut()
	}
	return "goes back by " + e.devices(d) + e.wayOut()
}

// leaves says where an answer goes that this host sends to what came in by a
// device; verb is "leaves".
func (e *Explanation) leaves(verb string, came int) string {
	d := &e.Trace.Decision
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		return "cannot be decided"
	case d.Disposition == lookup.DispositionNoRoute:
		return "has no route (" + d.Errno.String() + ")"
	case !d.Disposition.Success():
		return "is refused (" + d.Errno.String() + ")"
	case d.Disposition != lookup.DispositionUnicast:
		return "stays on this host"
	case e.viaOther(came):
		return verb + " by " + e.devices(d) + ", the packet came in by " + e.words().dev(came) + e.wayOut()
	}
	return verb + " by " + e.devices(d) + " too" + e.wayOut()
}

// viaOther says whether a decision may leave by another device.
func (e *Explanation) viaOther(link int) bool {
	return slices.ContainsFunc(liveWays(&e.Trace.Decision), func(w lookup.NextHop) bool { return w.Link != link })
}

// devices are those that a packet may leave by.
func (e *Explanation) devices(d *lookup.Decision) string {
	var out []string
	for _, w := range liveWays(d) {
		if dev := e.words().dev(w.Link); !slices.Contains(out, dev) {
			out = append(out, dev)
		}
	}
	return strings.Join(out, " or ")
}

// maxAnswers is how many ways back are explained in full without -v.
const maxAnswers = 2

// reply writes the way back.
func (p *page) reply(e *Explanation) {
	r := e.Reply
	if r == nil {
		return
	}
	shown := 0
	for i, a := range r.Answers {
		a.Silent = a.Silent || a.NotAsked == e.NotAsked // said above
		same := e.sameAnswer(i)
		if same >= 0 && !p.st.Verbose {
			continue
		}
		p.blank()
		p.detail("answer", a.headline(), bold)
		if shown++; shown > maxAnswers && !p.st.Verbose {
			continue
		}
		p.blank()
		p.rules(a)
		p.reverse(a)
		p.details(a)
	}
	p.blank()
	p.both(e)
}

// sameAnswer finds an earlier answer of which everything that is shown is the
// same but the device that it comes in by; -1: there is none.
func (e *Explanation) sameAnswer(i int) int {
	a := e.Reply.Answers[i]
	return slices.IndexFunc(e.Reply.Answers[:i], func(b *Explanation) bool {
		return b.Trace.Flow.Dst == a.Trace.Flow.Dst && a.arrival() == b.arrival() && a.Trace.Decision.Route.Dst == b.Trace.Decision.Route.Dst &&
			samePassing(a.Trace.Reverse, b.Trace.Reverse) && a.devices(&a.Trace.Decision) == b.devices(&b.Trace.Decision)
	})
}

func samePassing(a, b *lookup.ReversePath) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Passed == b.Passed && a.Filter == b.Filter && a.Reason.Code == b.Reason.Code
}

// both writes what the two directions have to do with each other.
func (p *page) both(e *Explanation) {
	r := e.Reply
	if len(r.Returns) == 0 {
		p.detail("answer", "none: "+e.noAnswer(), plain)
		return
	}
	tint := green
	if r.Symmetry != lookup.Symmetric || e.AnswerLost() {
		tint = yellow
	}
	p.detail("verdict", e.verdictBoth(), tint)
	p.strict(e, e, r.Strict, "the packet")
	p.loose(e, e.Trace)
	for i, a := range r.Answers {
		p.strict(e, a, r.Returns[i].Strict, "the answer")
		p.loose(e, a.Trace)
		if e.sameAnswer(i) < 0 {
			p.unmarked(a, r.Returns[i].Unmarked)
		}
	}
	for _, text := range e.replyAssumed() {
		p.detail("assumed", text, plain)
	}
}

func (e *Explanation) noAnswer() string {
	switch e.Reply.None.Code {
	case lookup.CodeReplyGroup:
		return fmt.Sprintf("whoever answers to a group does so from an address of his own: ask for that, routewhy %s --from ADDRESS --iif DEV --reply", e.groupsAnswerTo())
	case lookup.CodeReplyNotForwarded:
		return "the packet is not forwarded"
	case lookup.CodeReplyNoSource:
		return "the packet has no source that it could go to"
	case lookup.CodeReplyUnknown:
		return "where the packet goes is not known"
	}
	return "the packet gets nowhere"
}

// groupsAnswerTo is where answers to a packet for a group go.
func (e *Explanation) groupsAnswerTo() string {
	if src := e.Trace.Decision.Src; src.IsValid() {
		return src.String()
	}
	return "SOURCE"
}

// symmetry states whether both directions use the same device.
func (e *Explanation) symmetry() string {
	if e.Reply.None.Code == lookup.CodeReplyRefused {
		return e.stated() + "; for that the packet is dropped"
	}
	return e.stated()
}

// verdictBoth is the same with the devices of both directions side by side.
func (e *Explanation) verdictBoth() string {
	r := e.Reply
	switch lost := e.AnswerLost(); {
	case r.None.Code == lookup.CodeReplyRefused:
		return e.symmetry()
	case lost && len(e.BySource) == 0 && len(r.Returns) == 1:
		return "one way only: " + e.wayBack()
	case lost:
		return "depends: " + e.wayBack()
	case r.Symmetry == "":
		return e.wayBack()
	}
	text := string(r.Symmetry) + ": " + e.paths()
	if e.alternates() {
		text += "; the two directions may differ, for the kernel chooses among equal default routes for each look-up anew"
	}
	return text
}

// paths names the devices of both directions.
func (e *Explanation) paths() string {
	r := e.Reply
	in, out := e.words().dev(e.Trace.Flow.In), e.devices(&e.Trace.Decision)
	first, a := &r.Returns[0], r.Answers[0]
	onward := a.Trace.Decision.Disposition == lookup.DispositionUnicast
	switch {
	case first.In == 0 && e.Trace.Flow.In == 0 || first.In == 0 && !onward:
		return "neither leaves this host"
	case first.In == 0:
		return fmt.Sprintf("in by %s, back by %s", in, a.devices(&a.Trace.Decision))
	case e.Trace.Flow.In != 0:
		var back []string
		for _, x := range r.Answers {
			if dev := x.devices(&x.Trace.Decision); !slices.Contains(back, dev) {
				back = append(back, dev)
			}
		}
		return fmt.Sprintf("in by %s and out by %s, back in by %s and out by %s", in, out, out, strings.Join(back, " or "))
	}
	var back []string
	for i := range r.Returns {
		if dev := e.words().dev(r.Returns[i].In); !slices.Contains(back, dev) {
			back = append(back, dev)
		}
	}
	return fmt.Sprintf("out by %s, back by %s", out, strings.Join(back, " or "))
}

// strict says what a strict reverse-path filter would do, where the device has
// none and it would drop.
func (p *page) strict(e, at *Explanation, rp *lookup.ReversePath, what string) {
	if rp == nil || rp.Passed || rp.Reason.Code == lookup.CodeRPOwnSource || at.Trace.Reverse == nil {
		return
	}
	why := "there is no way back"
	if rp.Reason.Code == lookup.CodeRPOther {
		why = fmt.Sprintf("%s is reached by %s", at.Trace.Flow.Src, e.words().link(rp.Reason.Have))
	}
	text := fmt.Sprintf("rp_filter = 1 on %s would drop %s: %s", e.words().dev(at.Trace.Flow.In), what, why)
	if len(at.Trace.Unread) == 0 {
		text += [...]string{" (it is off, 0)", "", " (it is loose, 2)"}[min(max(at.Trace.Reverse.Filter, 0), 2)]
	}
	p.detail("strict", text, plain)
}

// loose says what would let in what a strict reverse-path filter drops.
func (p *page) loose(e *Explanation, t *lookup.Trace) {
	if rp := t.Reverse; rp != nil && !rp.Passed && rp.Filter == 1 && rp.Reason.Code == lookup.CodeRPOther {
		dev := e.words().dev(t.Flow.In)
		p.detail("loose", fmt.Sprintf("%s = 2 would let it in: any route to %s would do", setting(route.IPv4, dev, "rp_filter"), t.Flow.Src), plain)
		if rp.Trace != nil && rp.Trace.Flow.Mark != t.Flow.Mark {
			p.detail("mark", fmt.Sprintf("the filter looks up without the mark %#x (%s = 0)", t.Flow.Mark, setting(route.IPv4, dev, "src_valid_mark")), plain)
		}
	}
}

// unmarked says what becomes of an answer that does not have the packet's mark.
func (p *page) unmarked(a *Explanation, d *lookup.Decision) {
	if d == nil {
		return
	}
	plainly := *a
	plainly.Trace = &lookup.Trace{Flow: a.Trace.Flow, Decision: *d}
	who := "the firewall must set (CONNMARK)"
	if a.Trace.Flow.In == 0 {
		who = "its socket or the firewall must set"
	}
	p.detail("mark", fmt.Sprintf("the answer is taken to have the mark %#x too, which %s; without it, it %s", a.Trace.Flow.Mark, who, plainly.verdict()), yellow)
}

// replyAssumed is what the way back rests on.
func (e *Explanation) replyAssumed() []string {
	r := e.Reply
	var out []string
	in := e.Trace.Flow.In
	owner := slices.IndexFunc(r.Returns, func(x lookup.Return) bool { return x.By == lookup.CodeReplyOwner })
	switch first := &r.Returns[0]; {
	case first.In == 0 && in == 0:
	case first.In == 0 && r.Answerer != nil:
		if r.Answerer.Link != 0 {
			out = append(out, "the answer leaves by the device that the socket is bound to, "+e.words().dev(r.Answerer.Link))
		}
	case first.In == 0:
		text := "the socket is bound to no device"
		if e.Trace.Flow.Mark == 0 {
			text += " and sets no mark of its own"
		}
		out = append(out, text)
	case in != 0:
		out = append(out, "nobody translates addresses (NAT)")
	case owner >= 0:
		o := &r.Returns[owner]
		out = append(out, fmt.Sprintf("the answer comes in by %s, where the packet left, or by %s, which has %s: the networks around decide",
			e.devices(&e.Trace.Decision), e.words().dev(o.In), o.Trace.Flow.Dst))
	default:
		out = append(out, "the answer comes in by the device that the packet left by: the networks around decide")
	}
	if f := e.Trace.Flow; f.Mark != 0 && !slices.ContainsFunc(r.Returns, func(x lookup.Return) bool { return x.Unmarked != nil }) {
		out = append(out, fmt.Sprintf("the answer has mark %#x too; without it, the same becomes of it", f.Mark))
	}
	if in != 0 && r.Symmetry == lookup.Asymmetric || owner >= 0 {
		out = append(out, "no filter on the other side: a strict one there drops what comes in where it would not send itself")
	}
	return out
}

// jsonReply is the same in JSON: what both directions have to do with each
// other, and for each way back a whole decision.
type jsonReply struct {
	// Symmetry is "symmetric", "asymmetric" or "depends"; absent: no answer.
	Symmetry lookup.Symmetry `json:"symmetry,omitempty"`
	// None says why there is no answer: its code is "refused", "unknown",
	// "group" or "no-source".
	None *lookup.Reason `json:"none,omitempty"`
	// Text is the verdict in a sentence.
	Text string `json:"text"`
	// Strict is what a strict reverse-path filter makes of the packet itself,
	// where it was received and the filter is not strict.
	Strict  *jsonReverse   `json:"strict,omitempty"`
	Answers []jsonAnswered `json:"answers,omitempty"`
}

// jsonAnswered is one way back, with the same fields as the main decision.
type jsonAnswered struct {
	// By is "same-device", "source-owner" or "sent-here".
	By       lookup.Code     `json:"by"`
	Symmetry lookup.Symmetry `json:"symmetry,omitempty"`
	// Dev is the device of the packet itself, by which it left or came in.
	Dev    string       `json:"dev,omitempty"`
	Share  float64      `json:"share,omitempty"`
	Strict *jsonReverse `json:"strict,omitempty"`
	// Unmarked is what becomes of the answer without the packet's mark, where
	// that is something else.
	Unmarked *jsonNext `json:"unmarked,omitempty"`
	jsonExplanation
}

func (e *Explanation) replyJSON() *jsonReply {
	r, s := e.Reply, e.FIB.Snapshot()
	if r == nil {
		return nil
	}
	j := &jsonReply{Symmetry: r.Symmetry, Strict: reverseJSON(s, r.Strict)}
	if r.None.Code != "" {
		j.None = &r.None
	}
	j.Text = "no answer: " + e.noAnswer()
	if len(r.Returns) > 0 {
		j.Text = e.symmetry()
	}
	for i, a := range r.Answers {
		x := &r.Returns[i]
		j.Answers = append(j.Answers, jsonAnswered{
			By: x.By, Symmetry: x.Symmetry, Dev: s.LinkName(x.Link), Share: x.Share, Strict: reverseJSON(s, x.Strict),
			Unmarked: nextJSON(s, x.Unmarked), jsonExplanation: a.form(),
		})
	}
	return j
}
