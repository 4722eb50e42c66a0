package change

import (
	"slices"

	"routewhy/route"
)

// rules brings the rules back, and also their order among equal priorities.
func (u *undoer) rules() {
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		want := rulesOf(u.wanted(), f)
		for range 2*len(want) + 2*len(rulesOf(u.present(), f)) + 4 {
			have := rulesOf(u.present(), f)
			if slices.EqualFunc(want, have, sameListed) || !u.mendRule(want, have) {
				break
			}
		}
	}
}

// rulesOf are the rules of a family, without the deleted rules that IPv6 still uses,
// because no dump has these.
func rulesOf(s *route.Snapshot, f route.Family) []route.Rule {
	return slices.DeleteFunc(slices.Clone(s.Rules), func(r route.Rule) bool { return r.Family != f || r.Implied })
}

// sameListed reports whether two rules are the same in every detail.
func sameListed(a, b route.Rule) bool {
	x, y := a, b
	x.Unknown, y.Unknown, x.Unresolved, y.Unresolved = nil, nil, false, false
	for _, r := range []*route.Rule{&x, &y} {
		r.Selector.InDetached, r.Selector.OutDetached = false, false
	}
	return x.Family == y.Family && x.Priority == y.Priority && x.Selector == y.Selector && x.Action == y.Action && x.Table == y.Table &&
		x.Goto == y.Goto && x.SuppressPrefixLen == y.SuppressPrefixLen && x.SuppressGroup == y.SuppressGroup &&
		x.Protocol == y.Protocol && x.Realm == y.Realm && slices.EqualFunc(a.Unknown, b.Unknown, sameAttr)
}

func sameAttr(a, b route.Attr) bool { return a.Type == b.Type && slices.Equal(a.Data, b.Data) }

// mendRule makes one change where two lists first differ. It adds a missing rule if all
// rules before it are in place and no other rule of its priority comes after it. If a
// rule prevents this, that rule is deleted first.
func (u *undoer) mendRule(want, have []route.Rule) bool {
	at := 0
	for at < len(want) && at < len(have) && sameListed(want[at], have[at]) {
		at++
	}
	has := func(list []route.Rule, r route.Rule) bool {
		return slices.ContainsFunc(list, func(x route.Rule) bool { return sameListed(x, r) })
	}
	switch {
	case at < len(have) && !has(want[at:], have[at]): // a superfluous one
		return u.deleteRuleAt(have, at)
	case at == len(want):
		return false
	}
	// want[at] is missing here. If a rule of its priority is here already, it must come
	// after want[at].
	if at < len(have) && have[at].Priority == want[at].Priority {
		return u.deleteRuleAt(have, at)
	}
	return u.do(&Rule{Verb: Add, Rule: request(want[at]), HasPriority: true})
}

// request is a listed rule in the form that a request has.
func request(r route.Rule) route.Rule {
	r.Unresolved, r.Implied, r.Selector.InDetached, r.Selector.OutDetached, r.Unknown = false, false, false, false, nil
	return r
}

// deleteRuleAt deletes a rule. What a request does not name may have any value. So the
// request may delete a rule that stands before this one; that rule is added again
// later.
func (u *undoer) deleteRuleAt(have []route.Rule, at int) bool {
	return u.do(&Rule{Verb: Delete, Rule: request(have[at]), HasPriority: true})
}
