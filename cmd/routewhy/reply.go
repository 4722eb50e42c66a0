package main

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/report"
)

// addReply adds the way back.
func (q *questions) addReply(e *report.Look, r *lookup.Reply, p *packet) {
	e.Reply = r
	fields := p.replyFields(e.Trace.Flow.In == 0)
	for i := range r.Returns {
		t := r.Returns[i].Trace
		answer := &report.Look{FIB: q.fib, Trace: t, Fields: fields, Part: report.PartAnswer, Notes: q.fib.Notes(t), Detail: e.Detail}
		if t.Flow.Src.IsValid() {
			answer.Given = append(answer.Given, lookup.FieldFrom)
		}
		if t.Flow.In != 0 {
			answer.Given = append(answer.Given, lookup.FieldIif)
			if r.Returns[i].By != lookup.CodeReplyHere {
				answer.Part = report.PartReturn
			}
		}
		e.Answers = append(e.Answers, answer)
	}
}

// answerer is what is known of the socket that takes the packet; nil: nothing, or several
// may take it that are not bound alike.
func answerer(l *report.Met) *lookup.Answerer {
	if l == nil || len(l.Verdict.Receivers) == 0 {
		return nil
	}
	var out *lookup.Answerer
	for _, c := range l.Verdict.Receivers {
		one := lookup.Answerer{Link: c.Socket.Link, Mark: c.Socket.Mark, UID: c.Socket.UID}
		if out != nil && *out != one {
			return nil
		}
		out = &one
	}
	return out
}

// unread notes the destinations of answers, and says whether routes to one of
// them may have been left out so far.
func (q *questions) unread(r *lookup.Reply) bool {
	before := len(q.answered)
	for i := range r.Returns {
		if dst := r.Returns[i].Trace.Flow.Dst; !slices.Contains(q.answered, dst) {
			q.answered = append(q.answered, dst)
		}
	}
	return q.fib.Partial() && len(q.answered) > before
}

// replyFields are the properties of the answer that what was given settles.
func (p *packet) replyFields(comesIn bool) map[lookup.Field]bool {
	return map[lookup.Field]bool{
		lookup.FieldFrom: true, lookup.FieldOif: true, lookup.FieldUID: comesIn || p.uid.given,
		lookup.FieldMark: p.mark.given, lookup.FieldTOS: p.tos.given, lookup.FieldProto: p.proto.given,
		lookup.FieldSport: p.dport.given, lookup.FieldDport: p.sport.given,
	}
}

// refuseReply refuses --reply for what is no packet.
func (o *options) refuseReply() error {
	if !o.reply {
		return nil
	}
	for i := range o.destinations {
		if d := &o.destinations[i]; d.kind == kindPrefix || d.kind == kindDefault {
			return usagef("--reply is about a packet; %s is a route entry", d).
				hint("name an address: routewhy 8.8.8.8 --reply")
		}
	}
	return nil
}

// covers says whether a prefix covers the destination of an answer.
func (q *questions) covers(dst netip.Prefix) bool {
	return slices.ContainsFunc(q.answered, dst.Contains)
}
