package history

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// rules6 says what is known of the IPv6 rules of a history.
type rules6 struct {
	// added says that a rule was added at some time. From then on, no deleted rule is in force
	// ([route.Rule.Implied]), whatever is added and deleted later (fib6_rule_configure).
	added bool
}

// read notes whether a state has a rule with which no namespace starts. A deleted one may be in
// force although a reading does not show it.
func (k *rules6) read(s *route.Snapshot) {
	starts := route.DefaultRules(route.IPv6)
	k.added = k.added || slices.ContainsFunc(s.Rules, func(r route.Rule) bool {
		return r.Family == route.IPv6 && !slices.ContainsFunc(starts, func(d route.Rule) bool { return sameRule(&d, &r) })
	})
}

// apply is like [Apply], with what is known of the rules.
func (k *rules6) apply(f *lookup.FIB, e *route.Event) *lookup.FIB {
	after := Apply(f, e)
	switch {
	case e.Rule == nil || e.Rule.Family != route.IPv6:
	case !e.Gone:
		k.added = true
	case k.added:
		return with(after, func(s *route.Snapshot) {
			s.Rules = slices.DeleteFunc(slices.Clone(s.Rules), func(r route.Rule) bool { return r.Implied })
		})
	}
	return after
}
