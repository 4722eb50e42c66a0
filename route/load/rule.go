package load

import (
	"cmp"
	"errors"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// parseRule reads a line of ip-rule(8), after the priority.
func (f *facts) parseRule(priority uint32, line []string, c *context) (route.Rule, error) {
	named, odd := iproute2.ParseRule(line)
	named.Priority = priority
	if odd == nil {
		return f.resolveRule(&named, nil, c)
	}
	rest := iproute2.ParseRuleRest(line[min(odd.At+1, len(line)):])
	if named.Table == "" {
		named.Table = rest.Table
	}
	return f.resolveRule(&named, odd, c)
}

// resolveRule gives a rule its numbers. If a part of it was not understood, its selector
// is not known.
func (f *facts) resolveRule(named *iproute2.Rule, odd error, c *context) (route.Rule, error) {
	r, err := named.Resolve(numbers{f})
	if err = cmp.Or(odd, err); err == nil && r.Action == route.ActionUnspec {
		err = errors.New("no action")
	}
	if err != nil && len(r.Unknown) == 0 {
		r.Unknown = []route.Attr{{}}
	}
	if r.Action == route.ActionTable && r.Table == 0 && !r.Selector.L3Mdev || r.Action == route.ActionUnspec {
		// The kernel has no such rule: it was not understood where it leads.
		r.Action, r.Unknown = route.ActionNop, []route.Attr{{}}
		err = cmp.Or(err, errors.New("it leads to no table"))
	}
	if r.Family == 0 {
		r.Family = f.ruleFamily(r.Priority, c)
	}
	if check := r.Check(); check != nil {
		r, err = doubtfulRule(&r), cmp.Or(err, check)
	}
	c.rules = rulesSeen{r.Priority, true, r.Family}
	return r, err
}

// doubtfulRule is what is kept of a rule that no kernel can have: its place, and where
// it leads.
func doubtfulRule(r *route.Rule) route.Rule {
	d := route.Rule{
		Family: r.Family, Priority: r.Priority, Action: r.Action, Table: r.Table, SuppressPrefixLen: -1, SuppressGroup: -1,
		Unknown: []route.Attr{{}},
	}
	if d.Check() != nil {
		d.Action, d.Table = route.ActionNop, 0
	}
	return d
}

// ruleFamily is the family of a rule without addresses. If there is a second listing, in
// the same file or in another, it is that of IPv6.
func (f *facts) ruleFamily(priority uint32, c *context) route.Family {
	in := f.ruleIn[route.IPv4]
	switch {
	case c.family != 0:
		return c.family
	case !c.rules.any && len(in) > 0 && in[len(in)-1] != int32(f.listing):
		return route.IPv6
	case !c.rules.any:
		return route.IPv4
	case priority < c.rules.last:
		return route.IPv6
	}
	return c.rules.family
}
