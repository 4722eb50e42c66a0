package text

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// selects says whether a rule asks for more than the destination: a packet of this
// host without a source, a mark and the like, by which a diff compares, does not
// tell what it does to others.
func selects(r *route.Rule) bool {
	s := r.Selector
	s.Not, s.Dst = false, netip.Prefix{}
	if s.Src.Bits() == 0 {
		s.Src = netip.Prefix{}
	}
	if s.In == "lo" { // what this host sends
		s.In = ""
	}
	return s != route.Selector{} || len(r.Unknown) > 0
}

// selecting are the rules of a host that ask for more than the destination.
func selecting(f *lookup.FIB, fam route.Family) []*route.Rule {
	var out []*route.Rule
	rules := f.Snapshot().Rules
	for i := range rules {
		if rules[i].Family == fam && selects(&rules[i]) {
			out = append(out, &rules[i])
		}
	}
	return out
}

// sideRule is a rule of one of the two hosts.
type sideRule struct {
	fib  *lookup.FIB
	rule *route.Rule
}

// selected finds which packets that a diff does not compare may be decided
// differently: the rules that pick them, each once, and whether there may be any
// at all.
func (d *Diff) selected() (rules []sideRule, maybe bool) {
	maybe = slices.ContainsFunc(d.objects, func(o object) bool { return o.Kind == "sysctl" })
	for i, fam := range d.Families {
		changed := d.changedRules(fam)
		tables := changedTables(d.routes[i])
		for _, f := range []*lookup.FIB{d.Before, d.After} {
			leading := rulesTo(f, fam, tables)
			for _, r := range selecting(f, fam) {
				if leading[r] || changed[ruleText(f, r)] {
					rules = append(rules, sideRule{f, r})
				}
				aside := r.Selector.Not || r.Action == route.ActionGoto // packets that come by another way to the rest
				maybe = maybe || leading[r] || len(changed) > 0 || aside && len(tables) > 0
			}
		}
	}
	return rules, maybe
}

// rulesTo are the rules that lead to one of some tables.
func rulesTo(f *lookup.FIB, fam route.Family, tables []route.Table) map[*route.Rule]bool {
	out := map[*route.Rule]bool{}
	for _, t := range tables {
		for _, r := range f.RulesTo(fam, t) {
			out[r] = true
		}
	}
	return out
}

// mayMove says whether packets that were not compared may be decided differently.
func (d *Diff) mayMove() bool {
	_, maybe := d.selected()
	return maybe
}

// changedRules are the rules of a family that one side alone has.
func (d *Diff) changedRules(fam route.Family) map[string]bool {
	count := map[string]int{}
	tally := func(f *lookup.FIB, n int) {
		rules := f.Snapshot().Rules
		for i := range rules {
			if rules[i].Family == fam {
				count[ruleText(f, &rules[i])] += n
			}
		}
	}
	tally(d.Before, 1)
	tally(d.After, -1)
	out := map[string]bool{}
	for text, n := range count {
		if n != 0 {
			out[text] = true
		}
	}
	return out
}

func ruleText(f *lookup.FIB, r *route.Rule) string {
	return fmt.Sprintf("%d %s", r.Priority, oldRuleName(f.Snapshot(), r))
}

// changedTables are the tables whose routes differ.
func changedTables(one *coverage.Difference) []route.Table {
	seen := map[route.Table]bool{}
	for _, list := range []*route.List{&one.Removed, &one.Added, &one.Old} {
		for i := range list.Len() {
			seen[list.Get(i).Table] = true
		}
	}
	return slices.Collect(maps.Keys(seen))
}

// notes say which packets that were not compared may be decided differently.
func (d *Diff) notes() []Remark {
	var out []Remark
	seen := map[string]bool{}
	rules, _ := d.selected()
	for _, r := range rules {
		text := fmt.Sprintf("packets %s may be decided differently", packetsOf(r.rule))
		if flags := d.flags(r.rule); flags != "" {
			text += fmt.Sprintf(": compare routewhy ADDRESS %s --load OLD with --load NEW", flags)
		}
		if !seen[text] {
			seen[text] = true
			out = append(out, Remark{"selected-packets", text})
		}
	}
	return out
}

// packetsOf says which packets a rule picks.
func packetsOf(r *route.Rule) string {
	text := iproute2.Selector(r)
	if r.Selector.L3Mdev {
		text = strings.Replace(text, "l3mdev", "of a VRF", 1)
	}
	return text
}

// flags are those of routewhy that make a packet which a rule picks; empty: none
// do.
func (d *Diff) flags(r *route.Rule) string {
	s := r.Selector
	if s.Not || s.TunnelID != 0 || s.HasDSCP || s.FlowLabelMask != 0 || s.SrcPort.Mask != 0 || s.DstPort.Mask != 0 || len(r.Unknown) > 0 {
		return ""
	}
	var out []string
	add := func(yes bool, flag string, value any) {
		if yes {
			out = append(out, fmt.Sprintf("%s %v", flag, value))
		}
	}
	if s.Src.IsValid() && s.Src.Bits() > 0 {
		src, own := d.sourceIn(&s)
		add(true, "--from", src)
		add(!own && s.In == "", "--iif", "DEV")
	}
	add(s.MarkMask != 0, "--mark", fmt.Sprintf("%#x", s.Mark))
	add(s.In != "" && s.In != "lo", "--iif", iproute2.Safe(s.In))
	add(s.Out != "", "--oif", iproute2.Safe(s.Out))
	add(s.L3Mdev, "--vrf", "VRF")
	add(s.TOS != 0, "--tos", fmt.Sprintf("%#x", s.TOS))
	add(s.HasUIDs, "--uid", s.UIDs.Start)
	add(s.Proto != 0, "--ipproto", iproute2.ProtoName(s.Proto))
	add(s.SrcPort != route.PortRange{}, "--sport", s.SrcPort.Start)
	add(s.DstPort != route.PortRange{}, "--dport", s.DstPort.Start)
	return strings.Join(out, " ")
}

// sourceIn is an address that a selector's `from` has: one of the hosts' own where
// there is one, or else that of a packet that comes in, if that is known.
func (d *Diff) sourceIn(s *route.Selector) (src netip.Addr, own bool) {
	for _, f := range []*lookup.FIB{d.After, d.Before} {
		for _, a := range f.Snapshot().Addrs {
			if s.Src.Contains(a.Prefix.Addr()) {
				return a.Prefix.Addr(), true
			}
		}
	}
	own = !words{d.After.Snapshot()}.knowsAddrs(route.FamilyOf(s.Src.Addr()))
	if first := s.Src.Addr().Next(); !s.Src.IsSingleIP() && s.Src.Contains(first) {
		return first, own
	}
	return s.Src.Addr(), own
}
