package expect

import (
	"net/netip"

	"routewhy/lookup"
	"routewhy/lookup/whynot"
	"routewhy/route"
)

// Cause is why a packet does not do what is expected.
type Cause struct {
	lookup.Reason
	// Rule is the rule that the reason is about; nil: none.
	Rule *route.Rule
	// Route is a route by which it would; nil: there is none.
	Route *route.Route
}

// Why finds why a packet does not do what is expected: by what the route lost by which it
// would, or why the rule to it does not lead there. The zero Cause: nothing is to be said
// that the decision does not say.
func Why(f *lookup.FIB, q *Question, r *Result) Cause {
	flow := q.Flow
	flow.Dst = r.Addr
	switch {
	case r.State == Unknown && r.Decision != nil:
		return Cause{Reason: r.Decision.Ambiguous}
	case r.Decision == nil || r.State == OK || r.Decision.Disposition == lookup.DispositionInvalid:
		return Cause{}
	case r.Word == WordSrc && r.Decision.Disposition.Success() && !r.Some:
		return Cause{Reason: f.Explain(flow).Source.Reason}
	}
	w, asked := q.Wanted.want(r.Word)
	if !asked || r.Some {
		return Cause{}
	}
	t, snap := f.Explain(flow), f.Snapshot()
	for i := range t.Rules {
		trial := &t.Rules[i]
		for j := range trial.Candidates {
			c := &trial.Candidates[j]
			if c.Verdict != lookup.VerdictChosen && c.Verdict != lookup.VerdictPossible && w.Gives(snap, &c.Route) {
				return Cause{Reason: c.Reason, Route: &c.Route, Rule: trial.Rule}
			}
		}
	}
	if trial := telling(t, func(trial *lookup.RuleTrial) bool { return trial.Shadow != nil && w.Gives(snap, trial.Shadow) }); trial != nil {
		return Cause{Reason: trial.Reason, Route: trial.Shadow, Rule: trial.Rule}
	}
	return unasked(f, &flow, &w, t)
}

// telling is, of the rules that lead where a packet is expected to go, the one that tells
// most about why it does not: one that comes too late, or else one that is not for other
// destinations; nil: there is none.
func telling(t *lookup.Trace, leads func(*lookup.RuleTrial) bool) *lookup.RuleTrial {
	var out *lookup.RuleTrial
	rank := func(trial *lookup.RuleTrial) int {
		switch {
		case trial == nil:
			return 0
		case trial.Verdict == lookup.VerdictNotReached:
			return 3
		case trial.Reason.Code != lookup.CodeTo:
			return 2
		}
		return 1
	}
	for i := range t.Rules {
		if trial := &t.Rules[i]; leads(trial) && rank(trial) > rank(out) {
			out = trial
		}
	}
	return out
}

// unasked is why a route is not asked by which a packet would do what is expected, or that
// there is none.
func unasked(f *lookup.FIB, flow *route.Flow, w *whynot.Want, t *lookup.Trace) Cause {
	snap, e := f.Snapshot(), f.Edit()
	for _, id := range e.Tables(flow.Family()) {
		var found *route.Route
		e.Covering(id, flow.Dst, func(p netip.Prefix, all []*route.Route) bool {
			for _, r := range all {
				one := *r
				if one.Dst = p; w.Gives(snap, &one) {
					found = &one
					return false
				}
			}
			return true
		})
		if found == nil {
			continue
		}
		if trial := telling(t, func(trial *lookup.RuleTrial) bool { return trial.Table == id }); trial != nil {
			return Cause{Reason: trial.Reason, Route: found, Rule: trial.Rule}
		}
		return Cause{Reason: lookup.Reason{Code: whynot.CodeUnreached}, Route: found}
	}
	return Cause{Reason: lookup.Reason{Code: whynot.CodeNone}}
}

// want is a word of what is wanted as package whynot has it; false: it is none of those
// that a route gives.
func (w *Wanted) want(word Word) (whynot.Want, bool) {
	switch {
	case word == WordDev && w.Link > 0:
		return whynot.Want{Kind: whynot.Device, Link: w.Link}, true
	case word == WordVia:
		return whynot.Want{Kind: whynot.Gateway, Addr: w.Via}, true
	case word == WordTable && w.Table != route.TableUnspec:
		return whynot.Want{Kind: whynot.Table, Table: w.Table}, true
	}
	return whynot.Want{}, false
}
