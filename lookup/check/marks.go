package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// What is found about the marks that rules ask for.
const (
	CodeMarkLate  lookup.Code = "mark-too-late" // the mark of a rule is set after the routing decision; Rule, Have: the mark, Want: "sent" if it is in time for packets that come in
	CodeMarkUnset lookup.Code = "mark-unset"    // nothing that can be seen sets the mark of a rule; Rule, Have: the mark
)

// markLate finds rules whose mark is set only after the routing decision, at least for what
// this host sends.
func markLate(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactRules, route.FactMarkers) {
		for _, r := range h.markRules(fam) {
			if f, ok := h.late(r); ok {
				out = append(out, f)
			}
		}
	}
	return out[:min(len(out), maxAlike)]
}

// late looks at the mark of one rule. A chain on hook output that sets it may also be there
// for connections, whose mark is taken back when answers come in: then it is in time.
func (h *Host) late(r *route.Rule) (Finding, bool) {
	var sent, other []lookup.Setter
	received := false
	for _, s := range lookup.Setters(h.snap, r) {
		switch {
		case s.In(lookup.SetOnReceipt):
			if !s.Sure {
				return Finding{}, false
			}
			received = true
		case s.Kind == route.MarkerLegacy, s.In(lookup.SetBySender, lookup.SetBeforeSending), len(s.When) == 0:
			return Finding{}, false
		case !s.Sure || s.In(lookup.SetNever):
		case slices.ContainsFunc(s.Hooks, func(k route.MarkerHook) bool { return k.Hook == "output" && !k.Maybe }):
			sent = append(sent, s)
		default:
			other = append(other, s)
		}
	}
	f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeMarkLate, Have: int64(r.Selector.Mark)}, Rule: r, Table: r.Table}, Setters: sent}
	switch in := r.Selector.In; {
	case len(sent) > 0 && (in == "" || in == "lo"):
		if received {
			f.Severity, f.Want = Warning, "sent"
		}
	case len(other) > 0 && !received:
		f.Setters = other
	default:
		return Finding{}, false
	}
	return f, h.leadsElsewhere(r)
}

// markUnset finds rules for a mark that nothing sets which can be seen.
func markUnset(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactRules, route.FactMarkers) {
		for _, r := range h.markRules(fam) {
			set := slices.ContainsFunc(lookup.Setters(h.snap, r), func(s lookup.Setter) bool { return !s.In(lookup.SetNever) })
			if !set && h.leadsElsewhere(r) {
				out = append(out, Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeMarkUnset, Have: int64(r.Selector.Mark)}, Rule: r}})
			}
		}
	}
	if len(out) > 1 {
		out[0].Count = len(out) - 1
		for _, f := range out[1:] {
			out[0].Rules = append(out[0].Rules, f.Note.Rule)
		}
	}
	return out[:min(len(out), 1)]
}

// markRules are the rules that lead packets with a mark to a table.
func (h *Host) markRules(fam route.Family) []*route.Rule {
	return slices.DeleteFunc(slices.Clone(h.rules(fam)), func(r *route.Rule) bool {
		return r.Selector.Mark&r.Selector.MarkMask == 0 || r.Selector.Not || r.Action != route.ActionTable
	})
}

// leadsElsewhere reports whether some packet takes another way if it has the mark of a rule.
func (h *Host) leadsElsewhere(r *route.Rule) bool {
	dsts := []netip.Addr{h.far(r.Family)}
	for _, k := range h.order {
		for i := range k.First {
			if o := &k.First[i]; o.Table == r.Table && o.Family() == r.Family && len(dsts) < maxOwn {
				dsts = append(dsts, o.Dst.Addr())
			}
		}
	}
	return slices.ContainsFunc(dsts, func(dst netip.Addr) bool {
		flow := route.Flow{Dst: dst}
		if s := r.Selector.Src; s.IsValid() {
			flow.Src = s.Addr()
		}
		plain := h.lookup(flow)
		flow.Mark = r.Selector.Mark
		marked := h.lookup(flow)
		return marked.Rule == r && (plain.Disposition != marked.Disposition || !slices.EqualFunc(plain.NextHops, marked.NextHops, sameHop))
	})
}

// sameHop reports whether two next hops lead to the same place.
func sameHop(a, b lookup.NextHop) bool { return a.Link == b.Link && a.Gateway == b.Gateway }
