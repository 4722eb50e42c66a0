package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// What is found about rules, and the tables that they lead to.
const (
	CodeRuleEmpty      lookup.Code = "rule-to-empty"         // a rule leads to a table without routes; Rule, Table
	CodeGotoNowhere    lookup.Code = "goto-nowhere"          // a rule's goto has no target; Rule, Have: where it was to lead
	CodeRuleNever      lookup.Code = "rule-never"            // an earlier rule takes all packets that a rule is for; Rule, Have: the earlier one's priority
	CodeRuleTwice      lookup.Code = "rule-twice"            // a rule does what an earlier one does; Rule, Have: the earlier one's priority
	CodeRuleDevice     lookup.Code = "rule-without-device"   // a rule names a device that is not there; Rule, Have: the device
	CodeRulePort       lookup.Code = "rule-for-port"         // a rule is for what comes in by a port of a bridge or a bond, which takes it; Rule, Have: the port, Want: the other device
	CodeTableUnreached lookup.Code = "table-of-no-rule"      // no rule leads to a table; Route: one of it, Table, Have: how many routes it has, Want: the VRF of its device
	CodeVRFUnled       lookup.Code = "vrf-table-of-no-rule"  // the table of a VRF is asked by no rule; Route, Table, Have: how many routes it has, Want: the VRF
	CodeMainUnasked    lookup.Code = "main-unasked"          // no rule leads to table main; Route: one of it, Have: how many routes it has
	CodeMainSuppressed lookup.Code = "main-suppressed"       // all rules that lead to table main pass over its default route; Rule: the first, Route: it, Have: "alone" if no packet takes another one
	CodeLocalUnasked   lookup.Code = "local-unasked"         // no rule leads to table local; Have: the family
	CodeLocalPassed    lookup.Code = "own-address-elsewhere" // a rule leads packets to an address of this host elsewhere; Rule, Have: the address, Want: another one
	CodeLocalMissing   lookup.Code = "own-address-missing"   // table local has no route to an address of this host; Have: the address, Want: its device, Route: the one that packets to it take
	CodeOwnRefused     lookup.Code = "own-packets-refused"   // a rule refuses what this host sends; Rule, Have: the source, or the network of the destinations; empty: any; Want: a network to whose neighbours it refuses packets too
	CodeUnboundRefused lookup.Code = "unbound-refused"       // a rule for all sources but some refuses what programs send without a source; Rule
	CodeMarkRefused    lookup.Code = "mark-refused"          // marked packets find no default route where others do; Rule, Have: the mark, Route: the default route
	CodeRuleForeign    lookup.Code = "rule-for-foreign"      // a rule is for a source that this host has not; Rule, Have: it
)

// rules are the rules of a family, in order.
func (h *Host) rules(fam route.Family) []*route.Rule {
	var out []*route.Rule
	for i := range h.snap.Rules {
		if h.snap.Rules[i].Family == fam {
			out = append(out, &h.snap.Rules[i])
		}
	}
	return out
}

// ruleFindings makes a finding for each rule for which the function find reports
// something.
func (h *Host) ruleFindings(facts []route.Fact, find func(*route.Rule) (lookup.Reason, bool)) []Finding {
	var out []Finding
	for _, fam := range h.families(append(facts, route.FactRules)...) {
		for _, r := range h.rules(fam) {
			why, ok := find(r)
			if !ok {
				continue
			}
			f := Finding{Note: lookup.Note{Reason: why, Rule: r}}
			if r.Action == route.ActionTable {
				f.Table = r.Table
			}
			out = append(out, f)
		}
	}
	return fold(out)
}

// maxAlike is how many findings of one kind are told one by one.
const maxAlike = 8

// fold makes one finding of many findings of the same kind, because some hosts have
// hundreds of rules.
func fold(all []Finding) []Finding {
	if len(all) <= maxAlike {
		return all
	}
	out := slices.Clone(all[:maxAlike])
	last := &out[maxAlike-1]
	last.Count = len(all) - maxAlike + 1
	for i := range all[maxAlike:] {
		last.Rules = append(last.Rules, all[maxAlike+i].Rule)
	}
	return out
}

// empty reports whether a table has no routes.
func (h *Host) empty(fam route.Family, id route.Table) bool {
	return h.tables[tableKey{fam, id}] == nil && !h.snap.LacksTable(id, fam) && !h.snap.LacksPart(id, fam)
}

func builtin(id route.Table) bool {
	return id == route.TableMain || id == route.TableDefault || id == route.TableLocal
}

// ruleEmpty finds rules for some addresses that lead to a table without routes. Daemons leave
// rules for all packets, and rules for marks, when their tunnel is down. These are only
// reported as a note.
func ruleEmpty(h *Host) []Finding {
	out := h.ruleFindings([]route.Fact{factTables}, func(r *route.Rule) (lookup.Reason, bool) {
		s := &r.Selector
		return lookup.Reason{Code: CodeRuleEmpty}, r.Action == route.ActionTable && !builtin(r.Table) && r.Table != 0 && !s.L3Mdev &&
			(s.Src.IsValid() || s.Dst.IsValid()) && h.empty(r.Family, r.Table)
	})
	return out
}

func gotoNowhere(h *Host) []Finding {
	out := h.ruleFindings(nil, func(r *route.Rule) (lookup.Reason, bool) {
		return lookup.Reason{Code: CodeGotoNowhere, Have: r.Goto}, r.Action == route.ActionGoto && r.Unresolved
	})
	for i := range out {
		out[i].Fix = h.fix(deleteRule(out[i].Rule))
	}
	return out
}

// takesAll reports whether a look-up that reaches a rule ends there, if the packet matches.
func (h *Host) takesAll(r *route.Rule) bool {
	if refusesRule(r.Action) {
		return true
	}
	if r.Action != route.ActionTable || r.SuppressPrefixLen >= 0 || r.SuppressGroup >= 0 || len(r.Unknown) > 0 || r.Table == 0 {
		return false
	}
	if h.throws(r.Family, r.Table) {
		return false
	}
	return slices.ContainsFunc(h.defaults(r.Family), func(s lookup.EntryStatus) bool {
		return s.Route.Table == r.Table && s.Route.TOS == 0 && !s.Route.Src.IsValid() && s.Route.Expires >= 0 && s.DeadEnd().Code != lookup.FaultIgnored &&
			s.DeadEnd().Code != lookup.FaultDead && s.Route.Type != route.TypeThrow
	})
}

func refusesRule(a route.Action) bool {
	return a == route.ActionBlackhole || a == route.ActionUnreachable || a == route.ActionProhibit
}

// throws reports whether some route of a table sends the look-up back to the rules.
func (h *Host) throws(fam route.Family, id route.Table) bool {
	return slices.ContainsFunc(h.near, func(r route.Route) bool { return r.Table == id && r.Family() == fam && r.Type == route.TypeThrow })
}

// ruleNever finds rules that get no packets, because an earlier rule for all packets takes
// them. It ignores the two rules that every host has at the end, because a VPN that takes
// all packets intends this.
func ruleNever(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(factTables, route.FactRules) {
		var taker *route.Rule
		var list []Finding
		for _, r := range h.rules(fam) {
			plain := r.Selector == (route.Selector{})
			switch {
			case r.Action == route.ActionGoto && !r.Unresolved:
				return fold(append(out, list...)) // a goto may reach its target in this way
			case taker == nil:
				if plain && h.takesAll(r) {
					taker = r
				}
			case plain && r.Action == route.ActionTable && (builtin(r.Table) || r.Table == taker.Table), refusesRule(r.Action), r.Action == route.ActionNop:
			default:
				list = append(list, Finding{
					Note:  lookup.Note{Reason: lookup.Reason{Code: CodeRuleNever, Have: taker.Priority}, Rule: r, Table: taker.Table},
					Rules: []*route.Rule{taker},
				})
			}
		}
		out = append(out, list...)
	}
	return foldAll(out)
}

// foldAll makes one finding of all findings that have the same reason and differ in their
// rule. The first rule in the evidence of each finding becomes the last one. There are no
// more findings than a person can read.
func foldAll(all []Finding) []Finding {
	type key struct {
		lookup.Reason
		family route.Family
	}
	place := map[key]int{}
	var out []Finding
	for _, f := range all {
		k := key{f.Reason, f.Rule.Family}
		i, ok := place[k]
		switch {
		case ok:
			o := &out[i]
			o.Count = max(o.Count, 1) + 1
			o.Fix = nil
			if last := len(o.Rules) - 1; last < maxEvidence-1 {
				o.Rules = slices.Insert(o.Rules, last, f.Rule)
			}
		case len(out) < maxAlike:
			f.Rules = append([]*route.Rule{f.Rule}, f.Rules...)
			place[k] = len(out)
			out = append(out, f)
		default:
			o := &out[maxAlike-1]
			o.Count, o.Fix = max(o.Count, 1)+1, nil
		}
	}
	return out
}

func ruleTwice(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactRules) {
		first := map[any]*route.Rule{}
		for _, r := range h.rules(fam) {
			usual := r.Selector == (route.Selector{}) && builtin(r.Table) // one of the rules that every host has
			if len(r.Unknown) > 0 || r.Action == route.ActionGoto || r.Action == route.ActionNop || usual {
				continue
			}
			key := [...]any{r.Selector, r.Action, r.Table, r.SuppressPrefixLen, r.SuppressGroup}
			if o := first[key]; o != nil {
				out = append(out, Finding{
					Note:  lookup.Note{Reason: lookup.Reason{Code: CodeRuleTwice, Have: o.Priority}, Rule: r},
					Rules: []*route.Rule{o},
				})
				continue
			}
			first[key] = r
		}
	}
	out = foldAll(out)
	for i := range out {
		if out[i].Count == 0 {
			out[i].Fix = h.fix(deleteRule(out[i].Rule))
		}
	}
	return out
}

func ruleDevice(h *Host) []Finding {
	return h.ruleFindings([]route.Fact{route.FactLinks}, func(r *route.Rule) (lookup.Reason, bool) {
		for _, name := range []string{r.Selector.In, r.Selector.Out} {
			if name != "" && !r.Selector.Not && h.snap.LinkByName(name) == nil && !h.isAltName(name) {
				return lookup.Reason{Code: CodeRuleDevice, Have: name}, true
			}
		}
		return lookup.Reason{}, false
	})
}

// rulePort finds rules for packets that come in by a port. A packet that a bridge or a bond has
// taken comes in by that device when the rules are asked.
func rulePort(h *Host) []Finding {
	return h.ruleFindings([]route.Fact{route.FactLinks}, func(r *route.Rule) (lookup.Reason, bool) {
		m := h.snap.MasterOf(h.snap.LinkByName(r.Selector.In))
		if r.Selector.In == "" || r.Selector.Not || m == nil {
			return lookup.Reason{}, false
		}
		return lookup.Reason{Code: CodeRulePort, Have: r.Selector.In, Want: m.Name}, true
	})
}

func (h *Host) isAltName(name string) bool {
	return slices.ContainsFunc(h.snap.Links, func(l route.Link) bool { return slices.Contains(l.AltNames, name) })
}

// tableUnreached finds tables with routes to other networks to which no rule leads. It
// ignores tables that have only the networks of devices, because a line that is down
// leaves such tables.
func tableUnreached(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(factTables, route.FactRules) {
		if unreachedDefault(h, fam) {
			continue
		}
		for _, id := range h.fib.TableIDs(fam) {
			t := h.tables[tableKey{fam, id}]
			if t == nil || builtin(id) || len(h.fib.RulesTo(fam, id)) > 0 || t.far == 0 {
				continue
			}
			r := t.first
			if refuses(r.Type) {
				continue
			}
			f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeTableUnreached, Have: t.routes}, Route: &r, Table: id}, Count: t.routes}
			for _, hop := range h.hops(&r) {
				if vrf := h.snap.Link(h.vrfOf(h.snap.Link(hop.Link))); vrf != nil && f.Want == nil {
					f.Want, f.Links = vrf.Name, append(f.Links, vrf.Index)
					if vrf.VRFTable == id {
						f.Code = CodeVRFUnled
					}
				}
			}
			out = append(out, f)
		}
	}
	return out[:min(len(out), maxAlike)]
}

// unreachedDefault reports whether RW002 has already reported it.
func unreachedDefault(h *Host, fam route.Family) bool {
	return slices.ContainsFunc(defaultUnreached(h), func(f Finding) bool { return f.Note.Route.Family() == fam })
}

// mainUnasked finds that table main is never asked although somebody has added routes to
// it.
func mainUnasked(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactRoutes, route.FactRules) {
		t := h.tables[tableKey{fam, route.TableMain}]
		if t == nil || t.far == 0 {
			continue
		}
		if len(h.fib.RulesTo(fam, route.TableMain)) > 0 {
			out = append(out, h.mainSuppressed(fam)...)
			continue
		}
		r := t.first
		out = append(out, Finding{
			Note: lookup.Note{Reason: lookup.Reason{Code: CodeMainUnasked, Have: t.routes}, Route: &r, Table: r.Table},
			Fix:  h.fix(h.usualRule(fam, route.TableMain)),
		})
	}
	return out
}

// mainSuppressed finds that all rules for table main pass over its default route. A VPN adds
// such a rule before the usual one, which was deleted. It is no more than a note if packets
// have another default route.
func (h *Host) mainSuppressed(fam route.Family) []Finding {
	plain := func(r *route.Rule) bool { return r.SuppressPrefixLen < 0 && r.SuppressGroup < 0 }
	if slices.ContainsFunc(h.fib.RulesTo(fam, route.TableMain), plain) {
		return nil
	}
	for _, s := range h.defaults(fam) {
		if s.Route.Table != route.TableMain || s.Route.Type != route.TypeUnicast || s.Used() {
			continue
		}
		r := s.Route
		rules := h.fib.RulesTo(fam, route.TableMain)
		f := Finding{
			Note:  lookup.Note{Reason: lookup.Reason{Code: CodeMainSuppressed}, Rule: rules[0], Route: &r, Table: r.Table},
			Rules: rules, Fix: h.fix(h.usualRule(fam, route.TableMain)), Severity: Notice,
		}
		if !h.hasDefault(fam) {
			f.Severity, f.Have = Error, "alone"
		}
		return []Finding{f}
	}
	return nil
}

// usualRule is the change that adds the rule that every host has for a table.
func (h *Host) usualRule(fam route.Family, id route.Table) change.Change {
	rules := route.DefaultRules(fam)
	i := slices.IndexFunc(rules, func(r route.Rule) bool { return r.Table == id })
	r := rules[i]
	r.Protocol = route.ProtocolUnspec
	return &change.Rule{Verb: change.Add, Rule: r, HasPriority: true}
}

// inVRF reports whether a device is a VRF or belongs to one.
func (h *Host) inVRF(l *route.Link) bool {
	if l.Kind == kindVRF {
		return true
	}
	for range 4 {
		if l = h.snap.Link(l.Master); l == nil {
			return false
		}
		if l.Kind == kindVRF {
			return true
		}
	}
	return false
}

const kindVRF = "vrf"

// onlyMark reports whether a rule is for a mark and nothing else.
func onlyMark(r *route.Rule) bool {
	s := r.Selector
	return s.MarkMask != 0 && s == route.Selector{Mark: s.Mark, MarkMask: s.MarkMask}
}

// markRefused finds marked packets that a rule refuses although another table has a default
// route. The tables that every host has, and those that the mark's rules lead to, have none.
// If the mark has its own table, the refusal is intended for the time when that table is
// empty.
func markRefused(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(factTables, route.FactRules) {
		plain := h.lookup(route.Flow{Dst: h.far(fam)})
		if plain.Disposition != lookup.DispositionUnicast || !plain.HasRoute || !h.uplink(fam) {
			continue
		}
		rules := h.rules(fam)
		for i, r := range rules {
			if !refusesRule(r.Action) || !onlyMark(r) {
				continue
			}
			asks := func(id route.Table) bool {
				return slices.ContainsFunc(rules[:i], func(o *route.Rule) bool {
					return o.Action == route.ActionTable && o.Table == id && o.Selector == r.Selector
				})
			}
			d := h.lookup(route.Flow{Dst: h.far(fam), Mark: r.Selector.Mark})
			if d.Rule == r && asks(route.TableMain) {
				full := plain.Route
				out = append(out, Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeMarkRefused, Have: int64(r.Selector.Mark)}, Rule: r, Route: &full, Table: full.Table}})
			}
		}
	}
	return out
}

// uplink reports whether a table that rules lead to has a default route by a device with
// neighbours, and not only one into a tunnel.
func (h *Host) uplink(fam route.Family) bool {
	return slices.ContainsFunc(h.defaults(fam), func(s lookup.EntryStatus) bool {
		return len(s.Rules) > 0 && slices.ContainsFunc(h.hops(&s.Route), func(x route.NextHop) bool { return h.fib.HasNeighbours(x.Link) })
	})
}

// forwards reports whether this host is a router for a family. The result known says that the
// setting was read.
func (h *Host) forwards(fam route.Family) (yes, known bool) {
	n, known := h.snap.Sysctls.Conf(fam, "all", "forwarding")
	if n != 0 {
		return true, true
	}
	for i := range h.snap.Links {
		if own, ok := h.snap.Sysctls.Conf(fam, h.snap.Links[i].Name, "forwarding"); ok && own != 0 {
			return true, true
		}
	}
	return false, known
}

// ruleForeign finds rules for a source that is not an address of this host, if the host
// does not forward. It ignores a rule for a whole network, and a rule for a host that has
// its own route here, because such a rule is for packets from there.
func ruleForeign(h *Host) []Finding {
	return h.ruleFindings([]route.Fact{route.FactAddrs, route.FactRoutes}, func(r *route.Rule) (lookup.Reason, bool) {
		src := r.Selector.Src
		if r.Action != route.ActionTable || r.Selector.Not || !src.IsValid() || !src.IsSingleIP() || r.Selector.In != "" || h.own(src.Addr()) != 0 {
			return lookup.Reason{}, false
		}
		if yes, known := h.forwards(r.Family); yes || !known {
			return lookup.Reason{}, false
		}
		d := h.lookup(route.Flow{Dst: src.Addr()})
		here := d.Disposition == lookup.DispositionLocal || d.HasRoute && d.Route.Dst.IsSingleIP()
		return lookup.Reason{Code: CodeRuleForeign, Have: src.Addr()}, !here
	})
}

// neighbourIn is an address in a network that does not belong to this host. If possible, no
// host route and no rule is for it alone, so that it stands for the other neighbours too.
func (h *Host) neighbourIn(p netip.Prefix) netip.Addr {
	a := p.Addr().Next()
	if p.Bits() == p.Addr().BitLen()-1 && h.own(a) != 0 {
		return p.Addr() // of two addresses, the other one
	}
	first := a
	for range 64 {
		if h.own(a) == 0 {
			if h.own(first) != 0 {
				first = a
			}
			if !h.singled(a) {
				return a
			}
		}
		a = a.Next()
		if !p.Contains(a) || a.Is4() && !p.Contains(a.Next()) { // the last one is for broadcasts
			break
		}
	}
	return first
}

// singled reports whether a host route or a rule is for an address alone.
func (h *Host) singled(a netip.Addr) bool {
	if h.alone == nil {
		h.alone = map[netip.Addr]bool{}
		for i := range h.near {
			if r := &h.near[i]; r.Dst.IsSingleIP() && r.Table != route.TableLocal {
				h.alone[r.Dst.Addr()] = true
			}
		}
		for i := range h.snap.Rules {
			if p := h.snap.Rules[i].Selector.Dst; p.IsValid() && p.IsSingleIP() {
				h.alone[p.Addr()] = true
			}
		}
	}
	return h.alone[a] || slices.Contains(h.hosts[net24(a)], a)
}
