package report

import (
	"slices"

	"routewhy/lookup"
)

// Reply is the way back of a packet, and whether both directions use the same device.
type Reply struct {
	// Symmetry is "symmetric", "asymmetric" or "depends"; absent: no answer.
	Symmetry lookup.Symmetry `json:"symmetry,omitempty"`
	// None says why there is no answer: its code is "refused", "unknown",
	// "group" or "no-source".
	None Reason `json:"none,omitzero"`
	// Text is the verdict in words; printers of text set it.
	Text string `json:"text,omitempty"`
	// Strict is what a strict reverse-path filter would do with the packet itself, if the
	// packet was received and the filter is not strict.
	Strict *ReversePath `json:"strict,omitempty"`
	// Answerer is the socket that takes the packet and answers, if that is known.
	Answerer *Answerer `json:"answerer,omitempty"`
	// Answers are the ways back, one for each device and source of the packet.
	Answers []*Return `json:"answers,omitempty"`
}

// Answerer is a socket that answers.
type Answerer struct {
	// Dev is the device that it is bound to.
	Dev string `json:"dev,omitempty"`
}

// Return is one way back: the decision about the answer.
type Return struct {
	// By is "same-device", "source-owner" or "sent-here".
	By       lookup.Code     `json:"by"`
	Symmetry lookup.Symmetry `json:"symmetry,omitempty"`
	// Dev is the device of the packet itself, by which it left or came in.
	Dev string `json:"dev,omitempty"`
	// Share is the part of all packets that this is about; absent: it cannot be known.
	Share float64 `json:"share,omitempty"`
	// Strict is what a strict reverse-path filter would do with a received answer.
	Strict *ReversePath `json:"strict,omitempty"`
	// Unmarked is what becomes of the answer without the packet's mark, if that differs.
	Unmarked *Next `json:"unmarked,omitempty"`
	Explanation
}

// Lost reports whether the answer does not get to the sender of a packet. The packet came
// in by a device or, if that is empty, was sent by this host.
func (r *Return) Lost(iif string) bool {
	d := r.Disposition
	return d != lookup.DispositionUnknown && !d.Success() || r.WayOut != "" ||
		r.Query.Part == PartReturn && iif == "" && d == lookup.DispositionUnicast
}

// AnswerLost reports whether the answer does not get to the sender, by one device at
// least.
func (e *Explanation) AnswerLost() bool {
	return slices.ContainsFunc(e.Reply.Answers, func(r *Return) bool { return r.Lost(e.Looked().Iif) })
}

func (n names) reply(l *look) *Reply {
	r := l.Reply
	out := &Reply{Symmetry: r.Symmetry, None: NewReason(r.None), Strict: n.reversePath(r.Strict)}
	if l.Answerer != nil {
		out.Answerer = &Answerer{n.dev(l.Answerer.Link)}
	}
	for i, a := range l.Answers {
		x := &r.Returns[i]
		back := &Return{
			By: x.By, Symmetry: x.Symmetry, Dev: n.dev(x.Link), Share: x.Share, Strict: n.reversePath(x.Strict), Explanation: *a.Report(),
		}
		if x.Unmarked != nil {
			flow := x.Trace.Flow
			flow.Mark = 0
			back.Unmarked = n.next(&flow, x.Unmarked)
		}
		out.Answers = append(out.Answers, back)
	}
	return out
}
