package text

import (
	"cmp"
	"fmt"
	"io"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route/iproute2"
)

// Unlike writes as text where the ways of two packets separate.
func Unlike(w io.Writer, u *report.Unlike, st Style) error {
	a, b := u.Decision, u.UnlikeDecision
	p := &page{w: w, st: st}
	for _, e := range []*report.Explanation{a, b} {
		if bad := e.Disagreement(); bad != nil {
			p.disagreement(told{bad})
			return p.err
		}
	}
	p.line(st.paint(bold, parting(u)+connectedParting(u)+p.aside(told{a})))
	if st.Quiet {
		return p.err
	}
	p.blank()
	for _, e := range []*report.Explanation{a, b} {
		p.block("  ", told{e}.headline(), plain)
	}
	p.elsewhere(a, b)
	p.warnings(told{a}, u.Warnings)
	return p.explained(a, b)
}

// elsewhere writes where connected sockets' packets end instead. If that is the same for both
// packets, it is written once.
func (p *page) elsewhere(a, b *report.Explanation) {
	p.blank()
	last := ""
	for _, e := range []*report.Explanation{a, b} {
		for _, f := range e.Elsewhere() {
			if text := (told{e}).finding(&f); text != last {
				p.detail("note", text, yellow)
				last = text
			}
		}
	}
}

// connectedParting says whether the packets of connected sockets part, if the packets that
// were asked about do otherwise.
func connectedParting(u *report.Unlike) string {
	switch same := u.ConnectedSame; {
	case same == nil:
		return ""
	case *same:
		return "; those of connected sockets go the same way"
	}
	return "; those of connected sockets part"
}

// parting is the first step at which two packets separate, in one sentence.
func parting(u *report.Unlike) string {
	x, y := u.Decision, u.UnlikeDecision
	a, b := told{x}.subject(), told{y}.subject()
	both := a + " and " + b
	neither := x.NotForwarded() && y.NotForwarded()
	if u.Parts == nil {
		if neither {
			return fmt.Sprintf("%s take the same route, %s, and neither is forwarded", both, routeIn(x.Route))
		}
		if x.Route == nil {
			return both + " end the same way"
		}
		if n := len(x.NextHops); n > 1 && x.Ambiguous.Code == lookup.CodeMultipath {
			return fmt.Sprintf("%s go the same way, by the same one of the %d next hops of %s", both, n, entryIn(x.Route))
		}
		return fmt.Sprintf("%s go the same way, by %s", both, routeIn(x.Route))
	}
	p := u.Parts
	switch p.Code {
	case whynot.PartRule:
		match, other := a, b
		if p.Matches == report.PartUnlike {
			match, other = b, a
		}
		text := fmt.Sprintf("%s part at rule %d (%s: %s): only %s matches it", both, p.Rule.Priority, cmp.Or(p.Rule.Selector(), "from all"), ruleTarget(p.Rule), match)
		if why := withOthers(mismatchWords(p.Reason), p.Others); why != "" {
			text += fmt.Sprintf(" (%s: %s)", other, why)
		}
		return text
	case whynot.PartEntry:
		return fmt.Sprintf("%s part at rule %d: %s %s, %s %s", both, p.Rule.Priority, a, foundThere(p, p.Route, p.Dropped), b, foundThere(p, p.UnlikeRoute, p.UnlikeDropped))
	case whynot.PartHop:
		return both + " part at the next hop, with the same route"
	case whynot.PartMayHop:
		return fmt.Sprintf("%s take %s, and may part at its next hops: a hash chooses among those that each may take", both, entryIn(x.Route))
	case whynot.PartHash:
		by := hashedBy(&p.Reason)
		if by == "" {
			by = "fields that are not known"
		}
		return fmt.Sprintf("%s take %s, and may part at its next hops: a hash of %s chooses (fib_multipath_hash_policy)", both, entryIn(x.Route), by)
	case whynot.PartPort:
		elsewhere := a
		if p.Matches == report.PartUnlike {
			elsewhere = b
		}
		return both + " are not compared: " + elsewhere + " " + seenOn(&p.Reason)
	case whynot.PartDrop:
		return both + " find the same route, and " + whoIsDropped(x, y, a, b)
	case whynot.PartSource:
		if neither {
			return both + " take the same route, from different sources, and neither is forwarded"
		}
		return both + " go the same way, from different sources"
	}
	return both + " part before any rule is asked"
}

// whoIsDropped says which of two packets is dropped after its look-up.
func whoIsDropped(x, y *report.Explanation, a, b string) string {
	gone := func(e *report.Explanation) bool {
		return e.NotForwarded() || e.Disposition == lookup.DispositionInvalid
	}
	switch {
	case !gone(y):
		return "only " + a + " is dropped"
	case !gone(x):
		return "only " + b + " is dropped"
	}
	return "are dropped for different reasons"
}

// entryIn is a route without its next hops, and its table.
func entryIn(r *iproute2.Route) string { return r.Destination() + " in " + tableWords(r.Table) }

// foundThere says which route the table of a rule has for a packet.
func foundThere(p *report.Parting, r *iproute2.Route, dropped bool) string {
	switch {
	case r == nil:
		return "finds no route in " + tableWords(p.Rule.Table)
	case dropped:
		return fmt.Sprintf("finds %s and drops it (%s)", routeIn(r), suppressor(p.Rule))
	}
	return "finds " + routeIn(r)
}

// UnlikeJSON writes the same as JSON: an array with one object.
func UnlikeJSON(w io.Writer, u *report.Unlike) error {
	if u.Parts != nil {
		u.Parts.Text = parting(u)
	}
	for _, e := range []*report.Explanation{u.Decision, u.UnlikeDecision} {
		Annotate(e)
	}
	told{u.Decision}.texts(u.Warnings)
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode([]*report.Unlike{u})
}
