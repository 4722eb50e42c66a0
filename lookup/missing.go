package lookup

import (
	"slices"

	"routewhy/route"
)

// Missing are the gaps of the snapshot that a decision rests on, each once: something
// was assumed instead, or is not known. A gap that makes the decision unknown is the
// decision's own reason, and is not among them.
func (f *FIB) Missing(t *Trace) []route.Gap {
	var out []route.Gap
	for i := range f.snap.Gaps {
		g := f.snap.Gaps[i]
		fam := t.Flow.Family()
		if g.Family != 0 && g.Family != fam || slices.ContainsFunc(out, func(o route.Gap) bool { return o.Fact == g.Fact }) {
			continue
		}
		if f.rests(t, g.Fact, g.Assumed, g.Tables) {
			out = append(out, g)
		}
	}
	return out
}

// rests reports whether a decision, or what is said of it, would differ if a fact had
// another value.
func (f *FIB) rests(t *Trace, fact route.Fact, assumed bool, tables []route.Table) bool {
	switch fact {
	case route.FactOddLines:
		return len(t.Rules) > 0 && t.Decision.Disposition != DispositionUnknown
	case route.FactChoice:
		return slices.ContainsFunc(t.Rules, func(r RuleTrial) bool {
			return r.Verdict != VerdictNotReached && (len(tables) == 0 || slices.Contains(tables, r.Table))
		})
	case route.FactDefault:
		return slices.ContainsFunc(t.Rules, func(r RuleTrial) bool {
			return r.Table == route.TableDefault && r.Verdict != VerdictNotReached
		})
	case route.FactLegs:
		return t.Decision.HasRoute && slices.Contains(tables, t.Decision.Route.Table)
	case route.FactNeighbours:
		return t.Decision.Ambiguous.Code == CodeDefaultsTie
	case route.FactRules:
		return assumed && len(t.Rules) > 0
	case route.FactLocal:
		return assumed && t.Decision.Disposition != DispositionLocal && slices.ContainsFunc(t.Rules, func(r RuleTrial) bool {
			return r.Table == route.TableLocal && r.Verdict != VerdictNotReached
		})
	case route.FactAddrs:
		return t.Flow.In == 0 && (t.Flow.Src.IsValid() && f.owner4(t.Flow.Src) == 0 || guessed(t.Source.Reason.Code))
	}
	return fact == route.FactPolicies && t.mayMeetPolicy()
}

// Unlisted is a route that decides otherwise than a decision does, in a table to which a rule
// may lead that is not known, because no rules were listed. Nil: there is none.
func (f *FIB) Unlisted(t *Trace) *route.Route {
	d, fam := &t.Decision, t.Flow.Family()
	if !f.snap.Assumes(route.FactRules, fam) || !d.HasRoute || d.Route.Table == route.TableLocal {
		return nil
	}
	w := walk{fib: f, flow: t.Flow, mem: new(memory)}
	for _, id := range f.TableIDs(fam) {
		if len(f.RulesTo(fam, id)) > 0 || f.vrfOf[id] != nil {
			continue
		}
		var res result
		w.searchTable(f.family(fam).tables[id], nil, &res)
		if res.entry == nil || res.status == again || sameWay(res.entry, d.entry) {
			continue
		}
		r := res.entry.full(res.dst)
		return &r
	}
	return nil
}

// sameWay reports whether two entries send packets the same way.
func sameWay(a, b *entry) bool {
	return b != nil && a.route.Type == b.route.Type && !a.unread && !b.unread &&
		slices.EqualFunc(a.hops, b.hops, func(x, y hop) bool { return x.Link == y.Link && x.Gateway == y.Gateway })
}

// guessed reports whether a source was chosen among addresses.
func guessed(c Code) bool {
	return c != "" && c != CodeSrcNone && c != CodeSrcUnread && c != CodeSrcPrefsrc && c != CodeSrcGiven && c != CodeSrcLocalDst
}

// knowsAddrs reports whether all of the host's addresses are known.
func (f *FIB) knowsAddrs(fam route.Family) bool {
	return !f.snap.Lacks(route.FactAddrs, fam) && !f.snap.Assumes(route.FactAddrs, fam)
}
