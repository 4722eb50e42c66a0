package render

import (
	"fmt"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// missing says what the answer rests on although it was not read.
func (e *Explanation) missing() []Remark {
	var out []Remark
	for _, g := range e.FIB.Missing(e.Trace) {
		if text := missingWords(e, &g); text != "" {
			out = append(out, Remark{Code: gapCode(g.Fact), Text: text})
		}
	}
	return out
}

// missing says what the answer about an entry rests on although it was not read.
func (e *Prefix) missing() []Remark {
	s, fam := e.FIB.Snapshot(), route.FamilyOf(e.Dst.Addr())
	if s.Lacks(route.FactRoutes, fam) {
		return nil
	}
	var out []Remark
	for _, g := range s.Gaps {
		rests := g.Fact == route.FactRules && g.Assumed || g.Fact == route.FactOddLines && !e.Unknown() ||
			g.Fact == route.FactDefault || g.Fact == route.FactChoice
		if rests && (g.Family == 0 || g.Family == fam) {
			out = append(out, Remark{gapCode(g.Fact), missingWords(&Explanation{FIB: e.FIB}, &g)})
		}
	}
	return out
}

// gapCode is the code of a gap.
func gapCode(f route.Fact) string {
	switch f {
	case route.FactLocal:
		return "no-table-local"
	case route.FactDefault:
		return "no-table-default"
	case route.FactChoice:
		return "other-listings"
	case route.FactOddLines:
		return "odd-lines"
	case route.FactPolicies:
		return "no-ipsec-policies"
	}
	return "no-" + string(f)
}

func missingWords(e *Explanation, g *route.Gap) string {
	switch g.Fact {
	case route.FactOddLines:
		return "what was not understood of the files changes nothing here: " + iproute2.Safe(g.Why)
	case route.FactDefault:
		return "table default is empty, as on nearly every host: there is no listing of it"
	case route.FactChoice:
		return "what stands first in the files: " + iproute2.Safe(g.Why)
	case route.FactNeighbours:
		return "nothing of the gateways' neighbour states, by which the kernel chooses: they are not known"
	case route.FactPolicies:
		return "that no IPsec policy takes this packet: they could not be read" + because(g.Why)
	case route.FactRules:
		return "the default three rules: there is no listing of rules"
	case route.FactLocal:
		if s := e.FIB.Snapshot(); s.Lacks(route.FactAddrs, 0) || s.Assumes(route.FactAddrs, 0) {
			return fmt.Sprintf("%s is not an address of that host: there is no listing of table local or of the addresses", e.Trace.Flow.Dst)
		}
		return "table local as the addresses make it: there is no listing of it"
	case route.FactAddrs:
		if e.Trace.Flow.Src.IsValid() {
			return fmt.Sprintf("%s is an address of that host: there is no listing of the addresses", e.Trace.Flow.Src)
		}
		if g.Assumed {
			return "the addresses that routes tell of: there is no listing of the addresses"
		}
	}
	return ""
}

// absent writes what is assumed because it was not read. That an ordinary user may
// not read something is usual.
func (p *page) absent(e *Explanation) {
	for _, g := range e.FIB.Missing(e.Trace) {
		if text := missingWords(e, &g); text != "" && (p.st.Verbose || !g.Private) {
			p.detail("assumed", text, yellow)
		}
	}
}

// noSource says whether the lack of a source only means that the addresses were
// not read.
func (e *Explanation) noSource() bool {
	return e.Trace.Source.Reason.Code == lookup.CodeSrcNone && !e.words().knowsAddrs(e.Trace.Flow.Family())
}
