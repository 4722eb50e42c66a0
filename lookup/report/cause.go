package report

import (
	"cmp"
	"context"
	"net/netip"

	"routewhy/lookup"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Causes are the things by which a program gets an error for a packet, and which of them it
// is.
type Causes struct {
	Query Query       `json:"query"`
	Errno route.Errno `json:"errno"`
	// Gives says that the look-up gives this error now.
	Gives bool `json:"gives"`
	// Connected is the source that a connected socket gets, if that is what the causes are
	// about: it looks up again with its source, and then gets another error than the packet
	// of Decision. Absent: they are about that packet.
	Connected netip.Addr `json:"connected,omitzero"`
	Causes    []Cause    `json:"causes"`
	// Decision explains what becomes of the packet.
	Decision *Explanation `json:"decision"`
	// Warnings are about the reading.
	Warnings []Finding `json:"warnings,omitempty"`
}

// Cause is one of them.
type Cause struct {
	Code  lookup.Code       `json:"code"`
	State whynot.CauseState `json:"state"`
	// Reason says more: of a rule why it does not match, of a neighbour its address (have)
	// and its device (want). Where there is no more to say than that, its code is the cause's.
	Reason Reason          `json:"reason,omitzero"`
	Rule   *iproute2.Rule  `json:"rule,omitempty"`
	Route  *iproute2.Route `json:"route,omitempty"`
	// Others are the further parts of the rule's selector that do not match.
	Others []Reason `json:"others,omitempty"`
	// Packet is what would have to differ of the packet for it to get the error by this.
	Packet *Alteration `json:"packet,omitempty"`
	Text   string      `json:"text,omitempty"`
}

// AskCauses tells from a source what an error may come from, for each destination.
func AskCauses(ctx context.Context, src route.Source, q *Question, e route.Errno) ([]*Causes, error) {
	a := &asker{Question: q, src: src}
	return steadily(a, func() ([]*Causes, error) { return a.causes(ctx, e) })
}

func (a *asker) causes(ctx context.Context, e route.Errno) ([]*Causes, error) {
	fib, err := a.readAll(ctx)
	if err != nil {
		return nil, err
	}
	n := namesOf(fib)
	var out []*Causes
	for _, d := range a.To {
		l, err := a.typical(ctx, d)
		if err != nil {
			return nil, err
		}
		if e == route.ECONNREFUSED && l.Met == nil {
			if err := a.meet(ctx, l); err != nil {
				return nil, err
			}
		}
		x := l.Report()
		r := &Causes{Query: x.Query, Errno: e, Causes: []Cause{}, Decision: x}
		r.Gives = cmp.Or(x.ProgramErrno, x.Errno) == e
		t := l.Trace
		if s := t.Socket; s != nil && (s.Decision.Errno == e || r.Gives && t.Flow.Dst.Is6()) {
			t, r.Connected = l.connected(), s.Src
			r.Gives = s.Decision.Errno == e
		} else if !r.Gives && x.Disposition.Success() {
			r.Warnings = append(r.Warnings, x.Elsewhere()...)
		}
		r.Causes = append(r.Causes, n.causesOf(l, t, whynot.Otherwise(fib, t, e, l.Fields, whynot.Causes(fib, t, e)))...)
		r.meet()
		x.Causes = nil // they are those above, or of another error than was asked about
		out = append(out, r)
	}
	return out, nil
}

// meet settles whether nobody listens at the port, where the sockets of this host tell.
func (r *Causes) meet() {
	s := r.Decision.Sockets
	if s == nil || s.Unread != "" {
		return
	}
	for i := range r.Causes {
		switch c := &r.Causes[i]; {
		case c.Code != whynot.CauseNobody || c.State != whynot.CausePossible:
		case len(s.Receivers) > 0:
			c.State = whynot.CauseNot
		default:
			c.State = whynot.CauseIs
		}
	}
}

// causes are the causes of an error, by names.
func (n names) causes(t *lookup.Trace, e route.Errno) []Cause {
	return n.causesOf(nil, t, whynot.Causes(n.fib, t, e))
}

func (n names) causesOf(l *look, t *lookup.Trace, all []whynot.Cause) []Cause {
	var out []Cause
	for i := range all {
		c := &all[i]
		one := Cause{Code: c.Code, State: c.State, Reason: NewReason(c.Reason), Others: newReasons(c.Others), Rule: n.rule(c.Rule), Route: n.route(c.Route)}
		if r := &one.Reason; r.Code == "" && *r != (Reason{}) {
			r.Code = c.Code
		}
		if c.Packet != nil {
			if a := n.alterations(l, &t.Flow, []route.Flow{*c.Packet}); len(a) == 1 {
				one.Packet = &a[0]
			}
		}
		out = append(out, one)
	}
	return out
}

// Status is that of the packet.
func (r *Causes) Status() Status { return r.Decision.Status() }

// MarkChanging says that the tables were changing while they were read.
func (r *Causes) MarkChanging() {
	r.Decision.MarkChanging()
	r.Warnings = append(r.Warnings, NewRemark(lookup.NoteChanging, "", ""))
}
