package text

import (
	"fmt"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// noRuleLeads is the finding about a route that would be better for a packet that has
// no route or takes a default route. No rule leads to the table of that route. It is
// nil if there is no such finding. If there are several, table main comes first, and
// then the longest prefix.
func (e told) noRuleLeads() *report.Finding {
	if e.Disposition != lookup.DispositionNoRoute && !e.ordinaryDefault() {
		return nil
	}
	if throw, _ := e.thrownBefore(); throw != nil {
		return nil
	}
	var best *report.Finding
	for i := range e.Warnings {
		n := &e.Warnings[i]
		if n.Code != lookup.NoteNoRuleLeads {
			continue
		}
		switch {
		case n.Table == tableMain:
			return n
		case best == nil || prefixOf(n.Route).Bits() > prefixOf(best.Route).Bits():
			best = n
		}
	}
	if best != nil && e.Disposition != lookup.DispositionNoRoute && prefixOf(best.Route).Bits() <= 1 {
		return nil
	}
	return best
}

// thrownBefore is the route of type throw that sends a packet without a route back to the
// rules, and the route of its table that would carry the packet; nil: it is not so.
func (e told) thrownBefore() (throw, carries *iproute2.Route) {
	if e.Disposition != lookup.DispositionNoRoute {
		return nil, nil
	}
	for i := range e.Trace {
		all := e.Trace[i].Candidates
		for j := range all {
			if all[j].Verdict == lookup.VerdictThrows {
				throw = &all[j].Route
			}
			if throw != nil && all[j].Reason.Code == lookup.CodeAfterThrow && all[j].Route.Type == typeUnicast {
				return throw, &all[j].Route
			}
		}
		throw = nil
	}
	return nil, nil
}

// ordinaryDefault reports whether a packet takes a default route and only its destination
// was given.
func (e told) ordinaryDefault() bool {
	return e.Disposition == lookup.DispositionUnicast && e.Default && e.Route != nil && len(given(&e.Query)) == 0
}

// missed says in the first line that a packet takes a default route although there is a
// better route. That route is in a table to which no rule leads, or it leads to a
// neighbour and is in a table that is not reached.
func (e told) missed() string {
	if !e.ordinaryDefault() {
		return ""
	}
	if n := e.noRuleLeads(); n != nil {
		return fmt.Sprintf("; %s has %s, but no rule leads there", tableWords(n.Table), routeLine(n.Route))
	}
	for i := range e.Trace {
		if t := &e.Trace[i]; t.Verdict == lookup.VerdictNotReached && t.Shadow != nil && isNetwork(t.Shadow) && e.Rule != nil {
			return fmt.Sprintf("; %s dev %s in %s is not reached: rule %d goes first",
				t.Shadow.Dst, iproute2.Safe(t.Shadow.Dev), tableWords(t.Table), e.Rule.Priority)
		}
	}
	return ""
}

// isNetwork reports whether a route leads directly to the neighbours in a network.
func isNetwork(r *iproute2.Route) bool {
	hops := r.Hops()
	return r.Type == "unicast" && prefixOf(r).Bits() > 1 && len(hops) == 1 && hops[0].Gateway == "" && hops[0].Via == nil && r.Dev != ""
}

// wayBackWrong says why the reverse-path filter drops a packet, if the first line does
// not already say that.
func (e told) wayBackWrong() string {
	rp := e.Reverse
	if rp == nil || e.Reply != nil && e.Reply.Symmetry == lookup.Asymmetric {
		return ", "
	}
	switch rp.Reason.Code {
	case lookup.CodeRPOther:
		return ", because the answer leaves by " + name(rp.Reason.Have) + "; "
	case lookup.CodeRPNoRoute:
		return ", because there is no way back; "
	}
	return ", "
}
