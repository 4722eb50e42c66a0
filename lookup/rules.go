package lookup

import (
	"net/netip"

	"routewhy/route"
)

// status is how the search of a table, or of all rules, ended.
type status uint8

const (
	again   status = iota // nothing found: ask on (the kernel's -EAGAIN)
	found                 // a route that carries the packet
	refused               // an error ends the look-up
	unknown               // the facts do not suffice
)

// result is what a search found.
type result struct {
	status status
	errno  route.Errno // with refused
	rule   *route.Rule
	entry  *entry // nil: a rule refused, or nothing was found
	dst    netip.Prefix
	hop    int   // the provisional next hop: the first usable one
	leaf   *leaf // where the entry stands, for the choice between defaults
	// why is why the status is unknown; nil where it is not.
	why *Reason
}

// link is the device of the provisional next hop; zero: there is none.
func (res *result) link() int {
	if res.entry == nil || len(res.entry.hops) == 0 {
		return 0
	}
	return res.entry.hops[res.hop].Link
}

// walk is one look-up on its way through rules and tables. With a nil trace
// nothing is recorded.
type walk struct {
	fib *FIB
	question
	flow route.Flow
	// iif is the receiving device as rules see it: lo for what this host sends.
	iif int
	// vrf is the VRF that the packet belongs to, and whether by its output
	// device (flowi_l3mdev, FLOWI_FLAG_L3MDEV_OIF).
	vrf      int
	vrfByOif bool
	// linkOfVRF: a look-up for a link of a device in a VRF (searchVRF6).
	linkOfVRF bool
	strict    bool // IPv6: RT6_LOOKUP_F_IFACE
	reachable bool // IPv6: gateways that failed are passed over (RT6_LOOKUP_F_REACHABLE)
	// ofGateway: a new route's gateway is looked up (see [FIB.GatewayRoute4]). minScope is
	// the least scope that an IPv4 route must have (flowi4_scope), and anyCarrier takes
	// devices without carrier too (FIB_LOOKUP_IGNORE_LINKSTATE).
	ofGateway, anyCarrier bool
	minScope              route.Scope
	trace                 *Trace
	sketch                bool // the trace is to have the rules alone that match
	steps                 int  // how many rules and routes were asked
	skip                  skipped
	mem                   *memory
}

// question is what belongs to one question, and not to the facts. The zero value is an
// ordinary one.
type question struct {
	// supposed is a setting that, where it was not read, is taken for 1 instead of
	// what is usual; nil: none is.
	supposed *setting
	// siblings is the router preference that the further siblings of IPv6 multipath
	// routes are supposed to have; nil: the first one's.
	siblings *route.Preference
	// noUser: a received IPv6 packet is looked up as RTM_GETROUTE asks about it, without
	// a user, and not as root's. See [FIB.toolDiffers].
	noUser bool
	// asTool: a packet received by a device of a VRF is looked up as RTM_GETROUTE asks
	// about it, which does not take it into the VRF first. See [walk.enter6].
	asTool bool
	// earlier: the kernel is from before the change of behaviour.oifKeepsHop, where that
	// is not known.
	earlier bool
	// unread gathers the settings that would have mattered but are not in the
	// snapshot; nil: they are not gathered.
	unread *[]string
}

// skipped is an entry that is supposed to be gone.
type skipped struct {
	entry *entry
	dst   netip.Prefix
}

// searchRules asks the rules in order (fib_rules_lookup in
// net/core/fib_rules.c).
func (w *walk) searchRules() (res result) {
	fam := w.fib.family(w.flow.Family())
	if w.fib.snap.Lacks(route.FactRules, w.flow.Family()) {
		why := w.fib.lacks(Reason{Code: CodeRulesUnread}, route.FactRules, w.flow.Family())
		return result{status: unknown, why: &why}
	}
	if w.fib.merged && w.flow.Dst.Is4() {
		w.searchMerged(fam.rules, &res)
		return res
	}
	x := w.index(fam)
	if x != nil {
		w.mem.rules = x.lists(w.mem.rules[:0], w)
	}
	for i := w.next(x, fam.rules, 0); i < len(fam.rules); i = w.next(x, fam.rules, i+1) {
		r := fam.rules[i]
		w.steps++
		switch code := w.matches(r); {
		case code == CodeUnknownSelect:
			why := unknownSelector(r.Rule)
			w.record(r, VerdictUncertain, why)
			w.unreached(fam.rules[i+1:], CodeAfter)
			return result{status: unknown, why: &why}
		case code != "":
			w.mismatch(r, code)
			continue
		case r.Action == route.ActionGoto:
			i = w.jump(fam.rules, i)
			continue
		}
		if w.act(r, &res); res.status != again {
			w.unreached(fam.rules[i+1:], CodeAfter)
			if i == 0 && w.flow.Dst.Is4() && w.mergedLonger(&res) {
				return result{status: unknown, why: &Reason{Code: CodeMergedUnread, Want: res.dst}}
			}
			return res
		}
	}
	if why := w.unlisted(); why != nil {
		return result{status: unknown, why: why}
	}
	return result{status: refused, errno: route.ENETUNREACH}
}

// unlisted says that a rule which is not known may decide, where the default ones find
// nothing, because no rules were listed: there is a table with a route for the packet to
// which no default rule leads. Somebody filled it, and a rule is what that is good for. A
// VRF's table has another use. Nil: no such rule decides.
func (w *walk) unlisted() *Reason {
	fam := w.flow.Family()
	if !w.fib.snap.Assumes(route.FactRules, fam) {
		return nil
	}
	for _, id := range w.fib.TableIDs(fam) {
		if len(w.fib.RulesTo(fam, id)) > 0 || w.fib.vrfOf[id] != nil {
			continue
		}
		var res result
		quiet := *w
		quiet.trace = nil
		if quiet.searchTable(w.fib.family(fam).tables[id], nil, &res); res.status != again {
			return &Reason{Code: CodeRulesUnlisted, Want: w.fib.snap.Names.Table(id)}
		}
	}
	return nil
}

// mergedLonger reports whether table main has an entry for the packet that wins over the
// one of table local if the two are one table. Whether they are one is not known: files do
// not show whether a rule was ever added.
func (w *walk) mergedLonger(res *result) bool {
	if !w.fib.mayMerge || res.entry == nil || res.dst.IsSingleIP() {
		return false
	}
	var one result
	quiet := *w
	quiet.trace = nil
	c := merged(w.fib.v4.rules[0].table, w.fib.v4.rules[1].table, w.flow.Dst)
	quiet.search4(&c, nil, &one)
	return one.entry != nil && one.entry.route.Table == route.TableMain
}

// unknownSelector says what is not known of a rule.
func unknownSelector(r *route.Rule) Reason {
	if r.Unknown[0].Type == 0 { // no attribute: a line of a file
		return Reason{Code: CodeRuleOdd, Want: r.Priority}
	}
	return Reason{Code: CodeUnknownSelect, Want: r.Unknown[0].Type}
}

// jump is the action goto: it gives the index before the rule to go on at.
func (w *walk) jump(rules []*rule, i int) int {
	r := rules[i]
	if r.target == 0 {
		w.record(r, VerdictContinue, Reason{Code: CodeGotoUnresolved, Want: r.Goto})
		return i
	}
	w.record(r, VerdictContinue, Reason{Code: CodeGoto, Want: r.Goto})
	w.unreached(rules[i+1:r.target], CodeJumped)
	return r.target - 1
}

// act does what a matching rule demands (fib4_rule_action, fib6_rule_action).
func (w *walk) act(r *rule, res *result) {
	switch r.Action {
	case route.ActionTable:
		w.consult(r, res)
	case route.ActionBlackhole:
		w.refuse(r, route.EINVAL, res)
	case route.ActionUnreachable:
		w.refuse(r, route.ENETUNREACH, res)
	case route.ActionProhibit:
		w.refuse(r, route.EACCES, res)
	case route.ActionNop:
		w.record(r, VerdictContinue, Reason{Code: CodeNop})
	default:
		why := Reason{Code: CodeUnknownSelect, Want: r.Action.String()}
		w.record(r, VerdictUncertain, why)
		*res = result{status: unknown, why: &why}
	}
}

func (w *walk) refuse(r *rule, e route.Errno, res *result) {
	w.record(r, VerdictRefuses, Reason{Code: CodeRuleRefuses, Want: r.Action.String()})
	*res = result{status: refused, errno: e, rule: r.Rule}
}

// consult looks in a rule's table and applies its suppressors.
func (w *walk) consult(r *rule, res *result) {
	*res = result{}
	id, t := w.tableOf(r)
	if w.fib.snap.LacksTable(id, w.flow.Family()) {
		why := w.fib.lacks(Reason{Code: CodeNoTables, Want: w.fib.snap.Names.Table(id)}, route.FactRoutes, w.flow.Family())
		w.record(r, VerdictUncertain, why)
		res.status, res.rule, res.why = unknown, r.Rule, &why
		return
	}
	trial := w.begin(r, id)
	w.searchTable(t, trial.list(), res)
	if res.status == found {
		if code := w.suppressed(r, res); code != "" {
			w.suppress(trial, res, code)
			*res = result{}
			return
		}
	}
	if w.fib.snap.LacksPart(id, w.flow.Family()) {
		why := Reason{Code: CodeTablePart, Want: w.fib.snap.Names.Table(id)}
		trial.doubt(why)
		*res = result{status: unknown, why: &why}
	}
	res.rule = r.Rule
	trial.end(res, t.size())
}

// searchTable looks in one table; nil: one that has no routes.
func (w *walk) searchTable(t *table, cands *[]Candidate, res *result) {
	if w.flow.Dst.Is4() {
		c := t.covering(w.flow.Dst)
		w.search4(&c, cands, res)
		return
	}
	*res = w.search6(t, cands)
}

// tableOf is the table that a rule leads to. A rule for packets of a VRF that is inverted
// matches other packets, and leads them to main, because no table was noted
// (fib_rule_get_table, fib_get_table).
func (w *walk) tableOf(r *rule) (route.Table, *table) {
	if r.Selector.L3Mdev {
		id := route.TableMain
		if w.vrf != 0 {
			id = w.fib.byIndex[w.vrf].VRFTable
		}
		return id, w.fib.family(r.Family).tables[id]
	}
	return r.Table, r.table
}

// suppressed says why a rule drops a result, if it does (fib4_rule_suppress,
// fib6_rule_suppress; and __fib6_rule_action, which any added rule brings into play). What a
// table refuses is never dropped. The look-up of an IPv6 gateway has no rt6_info that a rule
// could drop.
func (w *walk) suppressed(r *rule, res *result) Code {
	if w.ofGateway && w.flow.Dst.Is6() {
		return ""
	}
	switch h := w.suppressible(res); {
	case w.flow.Dst.Is6() && w.fib.v6.custom && h != nil && h.dev != nil && !h.dev.HasIPv6():
		return CodeSuppressMTU
	case r.SuppressPrefixLen >= res.dst.Bits():
		return CodeSuppressPrefix
	case r.SuppressGroup >= 0 && h != nil && h.dev != nil && int64(h.dev.Group) == r.SuppressGroup:
		return CodeSuppressGroup
	}
	return ""
}

// suppressible is the next hop whose device's group counts; nil: there is none.
// IPv4 looks at the first next hop even where another one is taken.
func (w *walk) suppressible(res *result) *hop {
	switch {
	case len(res.entry.hops) == 0:
		return nil
	case w.flow.Dst.Is4():
		return &res.entry.hops[0]
	}
	return &res.entry.hops[res.hop]
}
