package change

import (
	"math"
	"slices"

	"routewhy/route"
)

// apply does what fib_nl_newrule and fib_nl_delrule in net/core/fib_rules.c do.
func (c *Rule) apply(t *tx) *Refusal {
	r := c.Rule
	if !c.HasPriority {
		r.Priority = t.freePriority(r.Family)
	}
	if no := c.check(t, &r); no != nil {
		return no
	}
	r.Selector.InDetached = r.Selector.In != "" && t.snap.LinkByName(r.Selector.In) == nil
	r.Selector.OutDetached = r.Selector.Out != "" && t.snap.LinkByName(r.Selector.Out) == nil
	if c.Verb == Delete {
		return c.deleteRule(t, &r)
	}
	return c.addRule(t, &r)
}

// freePriority is the priority of a rule if none is given: the priority of the second
// rule minus one (fib_default_rule_pref).
func (t *tx) freePriority(f route.Family) uint32 {
	n := 0
	for i := range t.snap.Rules {
		r := &t.snap.Rules[i]
		if r.Family != f || r.Implied {
			continue
		}
		if n++; n == 2 {
			return max(r.Priority, 1) - 1
		}
	}
	return 0
}

const msgBackward = "Backward goto not supported"

// check refuses a rule that is not allowed, to add or to delete (fib_nl2rule). It
// completes the rule.
func (c *Rule) check(t *tx, r *route.Rule) *Refusal {
	s := &r.Selector
	switch {
	case s.Src.IsValid() && route.FamilyOf(s.Src.Addr()) != r.Family:
		return refuse(route.EINVAL, "Invalid source address")
	case s.Dst.IsValid() && route.FamilyOf(s.Dst.Addr()) != r.Family:
		return refuse(route.EINVAL, "Invalid dst address")
	case r.Goto != 0 && r.Action != route.ActionGoto:
		return refuse(route.EINVAL, "Unexpected goto")
	case r.Goto != 0 && r.Goto <= r.Priority && !t.kernel.backwardLast:
		return refuse(route.EINVAL, msgBackward)
	case r.Goto == 0 && r.Action == route.ActionGoto:
		return refuse(route.EINVAL, "Missing goto target for action goto")
	case s.L3Mdev && r.Table != 0:
		return refuse(route.EINVAL, "l3mdev and table are mutually exclusive")
	case s.HasUIDs && (s.UIDs.Start > s.UIDs.End || s.UIDs.End == math.MaxUint32): // uid_valid
		return refuse(route.EINVAL, "Invalid uid range")
	case !validPorts(s.SrcPort):
		return refuse(route.EINVAL, "Invalid sport range")
	case !validPorts(s.DstPort):
		return refuse(route.EINVAL, "Invalid dport range")
	case r.Goto != 0 && r.Goto <= r.Priority:
		return refuse(route.EINVAL, msgBackward)
	}
	return nil
}

// validPorts is fib_rule_port_range_valid.
func validPorts(p route.PortRange) bool {
	return p == (route.PortRange{}) || p.Start != 0 && p.End != 0 && p.End < math.MaxUint16 && p.Start <= p.End
}

// configure is fib4_rule_configure and fib6_rule_configure.
func (c *Rule) configure(t *tx, r *route.Rule) *Refusal {
	tos := r.Selector.TOS
	looksUp := r.Action == route.ActionTable && r.Table == 0 && !r.Selector.L3Mdev
	switch {
	case tos&3 != 0:
		return refuse(route.EINVAL, "Invalid dsfield (tos): ECN bits must be 0")
	case r.Family == route.IPv4 && tos&^0x1e != 0:
		return refuse(route.EINVAL, "Invalid tos")
	case tos != 0 && r.Selector.HasDSCP:
		return refuse(route.EINVAL, "Cannot specify both TOS and DSCP")
	case r.Family == route.IPv6 && looksUp:
		return refuse(route.EINVAL, "Invalid table")
	case r.Family == route.IPv6:
		r.Realm = 0
		if r.Action == route.ActionTable && !r.Selector.L3Mdev {
			t.makeTable(route.IPv6, r.Table)
		}
		t.custom6 = true
		t.dropImplied()
		return nil
	}
	t.unmerge()
	if looksUp {
		r.Table = t.emptyTable4()
		t.makeTable(route.IPv4, r.Table)
	}
	return nil
}

// emptyTable4 is the first table that does not exist (fib_empty_table).
func (t *tx) emptyTable4() route.Table {
	for id := route.Table(1); id < route.TableDefault; id++ {
		if !t.tableExists(route.IPv4, id) {
			return id
		}
	}
	return 0
}

// unmerge separates IPv4's tables local and main (fib_unmerge).
func (t *tx) unmerge() {
	if t.snap.Merged != route.No {
		t.own().Merged = route.No
	}
}

// dropImplied forgets the deleted rules that IPv6 still used.
func (t *tx) dropImplied() {
	if slices.ContainsFunc(t.snap.Rules, func(r route.Rule) bool { return r.Implied }) {
		s := t.own()
		s.Rules = slices.DeleteFunc(slices.Clone(s.Rules), func(r route.Rule) bool { return r.Implied })
	}
}

func (c *Rule) addRule(t *tx, r *route.Rule) *Refusal {
	if slices.ContainsFunc(t.snap.Rules, func(x route.Rule) bool { return same(&x, r) }) {
		return refuse(route.EEXIST, "")
	}
	if no := c.configure(t, r); no != nil {
		return no
	}
	s := t.own()
	at := len(s.Rules)
	for i := range s.Rules {
		x := &s.Rules[i]
		if x.Family == r.Family && x.Priority > r.Priority || x.Family > r.Family {
			at = i
			break
		}
	}
	s.Rules = slices.Insert(slices.Clone(s.Rules), at, *r)
	resolveGotos(s.Rules)
	return nil
}

// resolveGotos marks the gotos that have no target.
func resolveGotos(rules []route.Rule) {
	for i := range rules {
		if r := &rules[i]; r.Action == route.ActionGoto {
			r.Unresolved = !slices.ContainsFunc(rules, func(x route.Rule) bool {
				return x.Family == r.Family && x.Priority == r.Goto && !x.Implied
			})
		}
	}
}

// same reports whether a rule is the same as a new one (rule_exists). If the new one
// has no addresses, TOS or realm, these may differ.
func same(x, r *route.Rule) bool {
	a, b := &x.Selector, &r.Selector
	return !x.Implied && x.Family == r.Family && x.Action == r.Action && x.Table == r.Table && x.Priority == r.Priority &&
		a.In == b.In && a.Out == b.Out && a.Mark == b.Mark && a.MarkMask == b.MarkMask && a.TunnelID == b.TunnelID &&
		x.SuppressGroup == r.SuppressGroup && x.SuppressPrefixLen == r.SuppressPrefixLen && a.L3Mdev == b.L3Mdev &&
		a.HasUIDs == b.HasUIDs && a.UIDs == b.UIDs && a.Proto == b.Proto && x.Protocol == r.Protocol &&
		a.SrcPort == b.SrcPort && a.DstPort == b.DstPort && fits(x, r)
}

// fits does the part of both comparisons that depends on the family
// (fib4_rule_compare, fib6_rule_compare).
func fits(x, want *route.Rule) bool {
	a, b := &x.Selector, &want.Selector
	return (!b.Src.IsValid() || b.Src.Bits() == 0 || a.Src == b.Src) &&
		(!b.Dst.IsValid() || b.Dst.Bits() == 0 || a.Dst == b.Dst) &&
		(b.TOS == 0 || !a.HasDSCP && a.TOS == b.TOS) &&
		(!b.HasDSCP || a.HasDSCP && a.DSCP == b.DSCP && a.DSCPMask == b.DSCPMask) &&
		(b.FlowLabelMask == 0 || a.FlowLabel == b.FlowLabel && a.FlowLabelMask == b.FlowLabelMask) &&
		(want.Realm == 0 || want.Family == route.IPv6 || x.Realm == want.Realm)
}

// matches reports whether a rule is one that a request to delete means (rule_find).
// What the request does not give may have any value.
func (c *Rule) matches(x, want *route.Rule) bool {
	a, b := &x.Selector, &want.Selector
	return !x.Implied && x.Family == want.Family &&
		(want.Action == 0 || x.Action == want.Action) &&
		(want.Table == 0 || x.Table == want.Table) &&
		(!c.HasPriority || x.Priority == want.Priority) &&
		(b.In == "" || a.In == b.In) && (b.Out == "" || a.Out == b.Out) &&
		(b.Mark == 0 || a.Mark == b.Mark) && (b.MarkMask == 0 || a.MarkMask == b.MarkMask) &&
		(want.SuppressGroup < 0 || x.SuppressGroup == want.SuppressGroup) &&
		(want.SuppressPrefixLen < 0 || x.SuppressPrefixLen == want.SuppressPrefixLen) &&
		(b.TunnelID == 0 || a.TunnelID == b.TunnelID) && (!b.L3Mdev || a.L3Mdev) &&
		(!b.HasUIDs || a.HasUIDs && a.UIDs == b.UIDs) &&
		(b.Proto == 0 || a.Proto == b.Proto) && (want.Protocol == 0 || x.Protocol == want.Protocol) &&
		(b.SrcPort == route.PortRange{} || a.SrcPort == b.SrcPort) &&
		(b.DstPort == route.PortRange{} || a.DstPort == b.DstPort) && fits(x, want)
}

func (c *Rule) deleteRule(t *tx, r *route.Rule) *Refusal {
	at := slices.IndexFunc(t.snap.Rules, func(x route.Rule) bool { return c.matches(&x, r) })
	if at < 0 {
		return refuse(route.ENOENT, "")
	}
	if r.Family == route.IPv4 {
		t.unmerge()
	}
	s := t.own()
	s.Rules = slices.Clone(s.Rules)
	gone := s.Rules[at]
	// Until another rule is added, IPv6 uses its first rules, even if they are
	// deleted.
	if r.Family == route.IPv6 && !t.custom6 && isDefault(&gone) {
		s.Rules[at].Implied = true
	} else {
		s.Rules = slices.Delete(s.Rules, at, at+1)
	}
	resolveGotos(s.Rules)
	return nil
}

// isDefault reports whether a rule is one of those that a namespace starts with.
func isDefault(r *route.Rule) bool {
	return slices.ContainsFunc(route.DefaultRules(r.Family), func(d route.Rule) bool {
		return d.Priority == r.Priority && d.Table == r.Table && d.Action == r.Action && d.Protocol == r.Protocol && r.Selector == d.Selector
	})
}
