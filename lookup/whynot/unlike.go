package whynot

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Parting is the first step at which the ways of two packets separate.
type Parting struct {
	// Code is one of the codes below; empty: the ways do not separate.
	Code lookup.Code
	// Rule is the rule at which they separate; nil: there is none.
	Rule *route.Rule
	// Second says that the rule selects the second packet. The Reason is then about the
	// first packet.
	Second bool
	// Reason says why the rule does not select the other packet.
	Reason lookup.Reason
	Others []lookup.Reason // further parts of its selector that do not match
	// Routes are the entries at which the search of the rule's table ended, one for each
	// packet; nil: the search found none.
	Routes [2]*route.Route
	// Dropped says for which packet the rule found its route and then dropped it
	// (suppress_prefixlength, suppress_ifgroup).
	Dropped [2]bool
}

// Where two packets part.
const (
	PartRule    lookup.Code = "parts-at-rule"        // a rule selects one of them alone; Rule
	PartEntry   lookup.Code = "parts-in-table"       // a table has another entry for each, or for one of them; Rule
	PartHop     lookup.Code = "parts-at-next-hop"    // one entry, and other next hops
	PartMayHop  lookup.Code = "may-part-at-next-hop" // one multipath route, whose hash chooses the next hop of one of them at least
	PartHash    lookup.Code = "may-part-by-hash"     // one multipath route, whose hash may choose another next hop for each; Want: the setting that says by what, Have: its value
	PartSource  lookup.Code = "parts-at-source"      // one way, and other sources
	PartOutside lookup.Code = "parts-before"         // one of them is decided before any rule
	PartPort    lookup.Code = "received-elsewhere"   // IP receives one of them at least on another device than was asked about; Have: the port, Want: the other device
	PartDrop    lookup.Code = "parts-by-drop"        // one route, and one of them is dropped, or each for another reason
)

// Part compares the results for two packets of one family on one host.
func Part(f *lookup.FIB, a, b *lookup.Trace) Parting {
	for i, t := range []*lookup.Trace{a, b} {
		if why := f.SeenOnMaster(&t.Flow); why.Code != "" {
			return Parting{Code: PartPort, Second: i == 1, Reason: why}
		}
	}
	if (len(a.Rules) == 0) != (len(b.Rules) == 0) || a.Decision.Shortcut != b.Decision.Shortcut && len(a.Rules) == 0 {
		return Parting{Code: PartOutside}
	}
	for i := range min(len(a.Rules), len(b.Rules)) {
		x, y := &a.Rules[i], &b.Rules[i]
		if p := partAt(x, y); p.Code != "" {
			return p
		}
		if decided(x) || decided(y) {
			break
		}
	}
	if dropped(f, a) != dropped(f, b) {
		return Parting{Code: PartDrop}
	}
	if p := partAfter(&a.Decision, &b.Decision); p.Code != "" {
		return p
	}
	return byHash(f, a, b)
}

// dropped says why a received packet is dropped after its look-up: by a setting, or because of
// its source. Empty: it is not.
func dropped(f *lookup.FIB, t *lookup.Trace) lookup.Code {
	switch d := &t.Decision; {
	case t.Flow.In == 0 || !d.HasRoute:
		return ""
	case d.Disposition == lookup.DispositionInvalid:
		return lookup.Code(d.Shortcut)
	default:
		return f.Unforwarded6(&t.Flow, d).Code
	}
}

// partAt compares the results at one rule.
func partAt(x, y *lookup.RuleTrial) Parting {
	p := Parting{Rule: x.Rule}
	missed := func(t *lookup.RuleTrial) bool { return t.Verdict == lookup.VerdictNoMatch }
	switch {
	case missed(x) && missed(y):
		return Parting{}
	case missed(x):
		p.Code, p.Second, p.Reason, p.Others = PartRule, true, x.Reason, x.Others
		return p
	case missed(y):
		p.Code, p.Reason, p.Others = PartRule, y.Reason, y.Others
		return p
	}
	p.Routes = [2]*route.Route{ended(x), ended(y)}
	if x.Verdict == y.Verdict && sameRoute(p.Routes[0], p.Routes[1]) {
		return Parting{}
	}
	p.Code = PartEntry
	p.Dropped = [2]bool{x.Verdict == lookup.VerdictSuppressed, y.Verdict == lookup.VerdictSuppressed}
	return p
}

func sameRoute(a, b *route.Route) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Table == b.Table && a.Dst == b.Dst && a.Kind() == b.Kind()
}

// partAfter compares what comes after the choice of a route.
func partAfter(a, b *lookup.Decision) Parting {
	way := func(x, y lookup.NextHop) bool { return x.Link == y.Link && x.Gateway == y.Gateway }
	source := func(x, y lookup.NextHop) bool { return x.Src == y.Src }
	mayMeet := func(x lookup.NextHop) bool {
		return slices.ContainsFunc(b.NextHops, func(y lookup.NextHop) bool { return way(x, y) })
	}
	switch {
	case a.Disposition == b.Disposition && len(a.NextHops)+len(b.NextHops) > 2 &&
		!slices.EqualFunc(a.NextHops, b.NextHops, way) && slices.ContainsFunc(a.NextHops, mayMeet):
		return Parting{Code: PartMayHop}
	case a.Disposition != b.Disposition, a.Shortcut != b.Shortcut, !slices.EqualFunc(a.NextHops, b.NextHops, way):
		return Parting{Code: PartHop}
	case a.Src != b.Src, !slices.EqualFunc(a.NextHops, b.NextHops, source):
		return Parting{Code: PartSource}
	}
	return Parting{}
}
