package whynot

import (
	"math"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// rules lead the packet to the tables of the wanted entries. They come before the rule
// that decides, or after the last rule.
func (x *tries) rules(t *lookup.Trace, wanted []*route.Route) []proposal {
	var out []proposal
	seen := map[route.Table]bool{}
	host := x.target()
	lead := func(id route.Table) {
		if seen[id] {
			return
		}
		seen[id] = true
		for _, pref := range x.priorities(t) {
			r := plain(x.root.family(), pref, id)
			all := r
			if r.Selector.Dst = host; host.Bits() > 0 {
				out = append(out, adding(r))
			}
			if src := x.packet.Src; src.IsValid() {
				r.Selector = route.Selector{Src: netip.PrefixFrom(src.WithZone(""), src.BitLen())}
				out = append(out, adding(r))
			} else if host.Bits() == 0 || len(x.root.fib.RulesTo(x.root.family(), id)) == 0 {
				if t.Decision.Rule == nil {
					all.Priority = x.last()
				}
				out = append(out, adding(all))
			}
		}
	}
	for _, w := range wanted {
		lead(w.Table)
	}
	if x.want.Kind == Table {
		lead(x.want.Table)
	}
	snap := x.root.fib.Snapshot()
	for i := range snap.Rules {
		r := snap.Rules[i]
		if r.Family != x.root.family() || len(r.Unknown) > 0 || !x.named(t, &r) {
			continue
		}
		if x.want.Kind == Rule { // the same rule again, only for this destination
			r.Selector = route.Selector{Dst: host}
			out = append(out, adding(r))
		} else if r.SuppressPrefixLen >= 0 || r.SuppressGroup >= 0 {
			old := r
			r.SuppressPrefixLen, r.SuppressGroup = -1, -1
			out = append(out, slices.Concat(x.deleting(&old), adding(r)))
		}
	}
	return out
}

// last is a priority after those of all rules. If no number is left, it is the priority
// of the last rule.
func (x *tries) last() uint32 {
	var last uint32
	for _, r := range x.root.fib.Snapshot().Rules {
		if r.Family == x.root.family() {
			last = max(last, r.Priority)
		}
	}
	return max(last+min(1, math.MaxUint32-last), 32766) // the rule for table main is there
}

// named reports whether a rule is the wanted one, or one that dropped the route from its
// table.
func (x *tries) named(t *lookup.Trace, r *route.Rule) bool {
	if x.want.Kind == Rule {
		return r.Priority == x.want.Priority
	}
	return slices.ContainsFunc(t.Rules, func(o lookup.RuleTrial) bool {
		return o.Verdict == lookup.VerdictSuppressed && o.Rule.Priority == r.Priority
	})
}

// priorities are the priorities that a rule may have to come before the rule that
// decides, and before the first goto that the packet takes, which may jump over that place.
func (x *tries) priorities(t *lookup.Trace) []uint32 {
	if x.early {
		return x.first()
	}
	before := uint32(32766) // no rule decides: before the one for table main
	if d := t.Decision.Rule; d != nil {
		before = d.Priority
	}
	out := []uint32{before}
	for i := range t.Rules {
		if r := t.Rules[i].Rule; r.Action == route.ActionGoto && t.Rules[i].Verdict == lookup.VerdictContinue {
			out = append(out, r.Priority)
			break
		}
	}
	out = slices.DeleteFunc(slices.Compact(out), func(p uint32) bool { return p == 0 })
	for i := range out {
		out[i]--
	}
	return out
}

// first is the priority before all rules but those for table local; empty: none is left.
func (x *tries) first() []uint32 {
	first := uint32(0)
	for _, r := range x.root.fib.Snapshot().Rules {
		if r.Family == x.root.family() && r.Priority > 0 && (first == 0 || r.Priority < first) {
			first = r.Priority
		}
	}
	if first < 2 {
		return nil
	}
	return []uint32{first - 1}
}

func plain(f route.Family, pref uint32, id route.Table) route.Rule {
	return route.Rule{
		Family: f, Priority: pref, Action: route.ActionTable, Table: id, SuppressPrefixLen: -1, SuppressGroup: -1,
	}
}

func adding(r route.Rule) proposal {
	r.Protocol, r.Implied, r.Unresolved = 0, false, false
	return proposal{&change.Rule{Verb: change.Add, Rule: r, HasPriority: true}}
}

// deleting deletes a rule. It leaves out what an older ip(8) has no words for, if the
// rest still says which rule is meant.
func (x *tries) deleting(r *route.Rule) proposal {
	c := *r
	if s := &c.Selector; recent(s) && x.alone(r) {
		s.HasDSCP, s.DSCP, s.DSCPMask, s.FlowLabel, s.FlowLabelMask = false, 0, 0, 0, 0
		s.SrcPort, s.DstPort = route.PortRange{}, route.PortRange{}
	}
	return proposal{&change.Rule{Verb: change.Delete, Rule: c, HasPriority: true}}
}

// recent reports whether a rule selects by something that only kernels since about
// 6.14 have.
func recent(s *route.Selector) bool {
	return s.HasDSCP || s.FlowLabelMask != 0 || s.SrcPort.Mask != 0 || s.DstPort.Mask != 0
}

// alone reports whether no other rule of the family has the rule's priority.
func (x *tries) alone(r *route.Rule) bool {
	n := 0
	for _, o := range x.root.fib.Snapshot().Rules {
		if o.Family == r.Family && o.Priority == r.Priority {
			n++
		}
	}
	return n == 1
}
