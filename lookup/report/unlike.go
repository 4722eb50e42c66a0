package report

import (
	"cmp"
	"context"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Unlike is where the ways of two packets part.
type Unlike struct {
	// Query is the first packet, and Unlike the second.
	Query  Query `json:"query"`
	Unlike Query `json:"unlike"`
	// Same says that they go the same way, by the same rule and route.
	Same bool `json:"same"`
	// ConnectedSame says whether the packets of connected sockets go the same way, which look up
	// again with their sources; absent: as Same says.
	ConnectedSame *bool `json:"connected_same,omitempty"`
	// Parts is the first step at which they part; absent: they do not.
	Parts *Parting `json:"parts,omitempty"`
	// Decision explains what becomes of the first packet, UnlikeDecision what becomes of
	// the second.
	Decision       *Explanation `json:"decision"`
	UnlikeDecision *Explanation `json:"unlike_decision"`
	// Warnings are about the reading.
	Warnings []Finding `json:"warnings,omitempty"`
}

// Parting is a step at which the ways of two packets part.
type Parting struct {
	Code lookup.Code    `json:"code"`
	Rule *iproute2.Rule `json:"rule,omitempty"`
	// Matches is the packet that the rule selects, "query" or "unlike", and Reason says
	// why it does not select the other one. If a packet is received on another device, Matches
	// is that packet, and Reason says which device.
	Matches string `json:"matches,omitempty"`
	Reason  Reason `json:"reason,omitzero"`
	// Others are the further parts of the rule's selector that do not match.
	Others []Reason `json:"others,omitempty"`
	// Route and UnlikeRoute are the entries of the rule's table for each.
	Route       *iproute2.Route `json:"route,omitempty"`
	UnlikeRoute *iproute2.Route `json:"unlike_route,omitempty"`
	// Dropped and UnlikeDropped say that the rule found that entry and then dropped it.
	Dropped       bool   `json:"dropped,omitempty"`
	UnlikeDropped bool   `json:"unlike_dropped,omitempty"`
	Text          string `json:"text,omitempty"`
}

// The packets of a parting.
const (
	PartQuery  = "query"
	PartUnlike = "unlike"
)

// AskUnlike compares two packets, each of which is one destination's. Errors are those of
// the source, and a [*DeviceError].
func AskUnlike(ctx context.Context, src route.Source, first, second *Question) (*Unlike, error) {
	a := &asker{Question: &Question{To: slices.Concat(first.To, second.To), Packet: first.Packet}, src: src}
	all, err := steadily(a, func() ([]*Unlike, error) {
		one, err := unlike(ctx, src, first, second)
		if err != nil {
			return nil, err
		}
		return []*Unlike{one}, nil
	})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func unlike(ctx context.Context, src route.Source, first, second *Question) (*Unlike, error) {
	fib, err := lookup.Read(ctx, src, &lookup.Need{Query: route.Query{
		AllDevices: true, Devices: append(first.Packet.devices(), second.Packet.devices()...), Policies: true, Markers: true,
	}})
	if err != nil {
		return nil, err
	}
	var looks [2]*look
	for i, q := range []*Question{first, second} {
		a := &asker{Question: q, src: src, fib: fib}
		if looks[i], err = a.typical(ctx, q.To[0]); err != nil {
			return nil, err
		}
	}
	n := namesOf(fib)
	u := &Unlike{Decision: looks[0].Report(), UnlikeDecision: looks[1].Report()}
	u.Query, u.Unlike = u.Decision.Query, u.UnlikeDecision.Query
	p := firstParting(fib, looks[0].Trace, looks[1].Trace)
	u.Same = p.Code == ""
	if looks[0].Trace.Socket != nil || looks[1].Trace.Socket != nil {
		same := firstParting(fib, looks[0].connected(), looks[1].connected()).Code == ""
		if same != u.Same {
			u.ConnectedSame = &same
		}
	}
	for _, e := range []*Explanation{u.Decision, u.UnlikeDecision} {
		u.Warnings = append(u.Warnings, noted(e.Warnings, lookup.NoteBoundElse)...)
	}
	for _, l := range looks {
		if slices.Contains(second.Packet.Given(), lookup.FieldMark) {
			break // the marks are what is compared
		}
		u.Warnings = append(u.Warnings, l.marked(func(_ *route.Flow, d *lookup.Decision) bool { return !d.SameWay(&l.Trace.Decision) })...)
	}
	if u.Same {
		return u, nil
	}
	u.Parts = &Parting{Code: p.Code, Rule: n.rule(p.Rule), Reason: NewReason(p.Reason), Others: newReasons(p.Others), Route: n.route(p.Routes[0]), UnlikeRoute: n.route(p.Routes[1]), Dropped: p.Dropped[0], UnlikeDropped: p.Dropped[1]}
	if p.Code == whynot.PartRule || p.Code == whynot.PartPort {
		u.Parts.Matches = PartQuery
		if p.Second {
			u.Parts.Matches = PartUnlike
		}
	}
	return u, nil
}

// firstParting is where two packets part. A connected socket looks up twice, the second time with the
// source that it got the first time. If the first look-ups part, that is the first step.
func firstParting(fib *lookup.FIB, a, b *lookup.Trace) whynot.Parting {
	p := whynot.Part(fib, a, b)
	if p.Code == "" || a.First == nil && b.First == nil {
		return p
	}
	if q := whynot.Part(fib, cmp.Or(a.First, a), cmp.Or(b.First, b)); q.Code == whynot.PartRule || q.Code == whynot.PartEntry {
		return q
	}
	return p
}

// Status is the graver of the two answers'.
func (u *Unlike) Status() Status {
	return max(u.Decision.Status(), u.UnlikeDecision.Status())
}

// MarkChanging says that the tables were changing while they were read.
func (u *Unlike) MarkChanging() {
	u.Decision.MarkChanging()
	u.UnlikeDecision.MarkChanging()
	u.Warnings = append(u.Warnings, NewRemark(lookup.NoteChanging, "", ""))
}
