package expect

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/whynot"
	"routewhy/route"
)

// Cause says why a packet does not do what is expected.
type Cause struct {
	lookup.Reason
	// Rule is the rule that the reason is about; nil: none.
	Rule *route.Rule
	// Route is a route with which the packet would do it; nil: there is none.
	Route *route.Route
}

// CodeShortcut: the kernel decides before it asks a rule, or without a route; Have: where it
// does so
const CodeShortcut lookup.Code = "decided-without-route"

// CodeBySource: the rule matches a socket's second look-up, which has the source that the
// first one chose; Have: the source.
const CodeBySource lookup.Code = "by-chosen-source"

// Why finds why a packet does not do what is expected. Either there is a route with which
// it would, and that route lost for a reason, or the rule to that route does not lead
// there. The zero Cause means that there is nothing to say beyond the decision.
func Why(f *lookup.FIB, q *Question, r *Result) Cause {
	flow := q.Flow
	flow.Dst = r.Addr
	if r.Src.IsValid() {
		flow.Src = r.Src
	}
	switch {
	case r.State == Unknown && r.Decision != nil:
		return Cause{Reason: r.Decision.Ambiguous}
	case r.Decision == nil || r.State == OK || r.Decision.Disposition == lookup.DispositionInvalid:
		return Cause{}
	case !r.Decision.HasRoute && r.Decision.Disposition.Success():
		return Cause{Reason: lookup.Reason{Code: CodeShortcut, Have: string(r.Decision.Shortcut)}}
	case r.Word == WordSrc && r.Decision.Disposition.Success() && !r.Some:
		if flow.Src = q.Flow.Src; r.Src.IsValid() {
			return Cause{Reason: f.Connect(flow).Source.Reason}
		}
		return Cause{Reason: f.Explain(flow).Source.Reason}
	}
	w, asked := q.Wanted.want(r.Word)
	switch {
	case !r.Some && r.Src.IsValid() && r.Decision.Rule != nil && (!asked || r.Decision.Rule.Selector.Src.IsValid()):
		return Cause{Reason: lookup.Reason{Code: CodeBySource, Have: r.Src}, Rule: r.Decision.Rule}
	case !asked || r.Some:
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

// telling chooses one of the rules that lead where a packet is expected to go. It is the
// rule that explains best why the packet does not go there: a rule that comes too late,
// or else a rule that is not for other destinations. Of several such rules, it is one of
// whose selectors fewer do not match, then one of whose selectors more match, and then one
// that is for another value of what the expectation names; nil: there is none.
func telling(t *lookup.Trace, leads func(*lookup.RuleTrial) bool) *lookup.RuleTrial {
	var out *lookup.RuleTrial
	var best match
	rank := func(trial *lookup.RuleTrial) int {
		switch {
		case trial == nil:
			return 0
		case trial.Verdict == lookup.VerdictNotReached:
			return 3
		case !trial.Rule.Selector.Dst.IsValid() || trial.Rule.Selector.Dst.Contains(t.Flow.Dst) || trial.Rule.Selector.Not:
			return 2
		}
		return 1
	}
	for i := range t.Rules {
		trial := &t.Rules[i]
		if !leads(trial) || rank(trial) < rank(out) {
			continue
		}
		if m := matching(&trial.Rule.Selector, &t.Flow); rank(trial) > rank(out) || m.nearer(best) {
			out, best = trial, m
		}
	}
	return out
}

// match counts the selectors of a rule: those that match a packet, those that do not, and of
// the latter those for which the packet has a value that somebody gave it.
type match struct{ yes, no, given int }

func (m match) nearer(o match) bool {
	return cmp.Or(cmp.Compare(o.no, m.no), cmp.Compare(m.yes, o.yes), cmp.Compare(m.given, o.given)) > 0
}

// matching compares the selectors of a rule with a packet. Those that few rules have are not
// counted.
func matching(s *route.Selector, f *route.Flow) match {
	var m match
	count := func(there, matches, given bool) {
		switch {
		case there && matches:
			m.yes++
		case there:
			m.no++
			if given {
				m.given++
			}
		}
	}
	count(s.Src.IsValid(), f.Src.IsValid() && s.Src.Contains(f.Src), f.Src.IsValid())
	count(s.Dst.IsValid(), s.Dst.IsValid() && s.Dst.Contains(f.Dst), true)
	count(s.MarkMask != 0, (s.Mark^f.Mark)&s.MarkMask == 0, f.Mark != 0)
	count(s.In != "", f.In != 0, f.In != 0)
	count(s.Out != "", f.Out != 0, f.Out != 0)
	count(s.TOS != 0, s.TOS == f.TOS, f.TOS != 0)
	count(s.HasUIDs, s.UIDs.Start <= f.UID && f.UID <= s.UIDs.End, f.UID != 0)
	count(s.Proto != 0, s.Proto == f.Proto, false) // a packet always has a protocol
	count(s.SrcPort != route.PortRange{}, s.SrcPort.Holds(f.SrcPort), f.SrcPort != 0)
	count(s.DstPort != route.PortRange{}, s.DstPort.Holds(f.DstPort), f.DstPort != 0)
	return m
}

// unasked says why a route with which a packet would do what is expected is not asked, or
// that there is no such route.
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
		if may := f.MayLead(flow.Family(), id); may != nil {
			if i := slices.IndexFunc(t.Rules, func(trial lookup.RuleTrial) bool { return trial.Rule == may }); i >= 0 {
				return Cause{Reason: t.Rules[i].Reason, Route: found, Rule: may}
			}
		}
		return Cause{Reason: lookup.Reason{Code: whynot.CodeUnreached}, Route: found}
	}
	return Cause{Reason: lookup.Reason{Code: whynot.CodeNone}}
}

// want is an expected word in the form of package whynot; false: it is not one that a
// route can meet.
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
