package report

import (
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
	// Parts is the first step at which they part; absent: they do not.
	Parts *Parting `json:"parts,omitempty"`
	// Decisions are what becomes of each.
	Decision       Decision `json:"decision"`
	UnlikeDecision Decision `json:"unlike_decision"`
	// Warnings are about the reading.
	Warnings []Finding `json:"warnings,omitempty"`

	first, second *Explanation
}

// Parting is a step at which the ways of two packets part.
type Parting struct {
	Code lookup.Code    `json:"code"`
	Rule *iproute2.Rule `json:"rule,omitempty"`
	// Matches is the packet that the rule selects, "query" or "unlike", and Reason says
	// why it does not select the other one.
	Matches string `json:"matches,omitempty"`
	Reason  Reason `json:"reason,omitzero"`
	// Route and UnlikeRoute are the entries of the rule's table for each.
	Route       *iproute2.Route `json:"route,omitempty"`
	UnlikeRoute *iproute2.Route `json:"unlike_route,omitempty"`
	Text        string          `json:"text,omitempty"`
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
		AllDevices: true, Devices: append(first.Packet.devices(), second.Packet.devices()...), Policies: true,
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
	u := &Unlike{first: looks[0].Report(), second: looks[1].Report()}
	u.Query, u.Decision = u.first.Query, u.first.Decision
	u.Unlike, u.UnlikeDecision = u.second.Query, u.second.Decision
	p := whynot.Part(looks[0].Trace, looks[1].Trace)
	if u.Same = p.Code == ""; u.Same {
		return u, nil
	}
	u.Parts = &Parting{Code: p.Code, Rule: n.rule(p.Rule), Reason: NewReason(p.Reason), Route: n.route(p.Routes[0]), UnlikeRoute: n.route(p.Routes[1])}
	if p.Code == whynot.PartRule {
		u.Parts.Matches = PartQuery
		if p.Second {
			u.Parts.Matches = PartUnlike
		}
	}
	return u, nil
}

// Explained are the explanations of both packets.
func (u *Unlike) Explained() (first, second *Explanation) {
	if u.first == nil {
		u.first, u.second = &Explanation{Query: u.Query, Decision: u.Decision}, &Explanation{Query: u.Unlike, Decision: u.UnlikeDecision}
	}
	return u.first, u.second
}

// Status is the graver of the two answers'.
func (u *Unlike) Status() Status {
	a, b := u.Explained()
	return max(a.Status(), b.Status())
}

// MarkChanging says that the tables were changing while they were read.
func (u *Unlike) MarkChanging() {
	a, b := u.Explained()
	a.MarkChanging()
	b.MarkChanging()
	u.Warnings = append(u.Warnings, NewRemark(lookup.NoteChanging, "", ""))
}
