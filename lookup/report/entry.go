package report

import (
	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Entry is a route entry and its status: whether any packet takes it and, if none does,
// why not.
type Entry struct {
	Route  iproute2.Route `json:"route"`
	Status lookup.Status  `json:"status"`
	// Used says that some packets take it and leave by it. Condition says which: those that
	// one of these matches; absent: an ordinary packet takes it. If the reason is
	// "only-forwarded", Condition says which packets the entry is for.
	Used              bool        `json:"used"`
	Condition         []Condition `json:"condition,omitempty"`
	ConditionsLeftOut int         `json:"conditions_left_out,omitempty"`
	// Except are rules before the one that leads to it that refuse some ordinary packets: those
	// of a user, a protocol, a port or a destination.
	Except []Condition `json:"except,omitempty"`
	// Errno is what programs get where the status is "refuses". TypeUnread says that a listing
	// shows only that the entry refuses: Errno is then that of type unreachable.
	Errno      route.Errno `json:"errno,omitzero"`
	TypeUnread bool        `json:"type_unread,omitempty"`
	// Rules are those that lead to its table, in order. RulesLeftOut is how many are left
	// out because an earlier entry of the same table has them.
	Rules        []iproute2.Rule `json:"rules,omitempty"`
	RulesLeftOut int             `json:"rules_left_out,omitempty"`
	// By are the routes that beat it.
	By []iproute2.Route `json:"by,omitempty"`
	// Reason says why it is not used now, why it cannot be used, or why that is unknown.
	Reason Reason `json:"reason,omitzero"`
	// Tied is how many default routes of its table, this one among them, are equal; absent:
	// it is alone.
	Tied int `json:"tied,omitempty"`
	// Faults are what is wrong with its next hops.
	Faults []HopFault `json:"faults,omitempty"`
	// Warnings say what would surprise about an entry that packets take.
	Warnings []Finding `json:"warnings,omitempty"`
}

// HopFault is what is wrong with one of a route's next hops.
type HopFault struct {
	Reason
	// NextHop is its index in the route.
	NextHop int `json:"nexthop"`
}

// Condition says which packets are meant: the selector of a rule, without a priority.
type Condition struct {
	Priority uint32 `json:"priority,omitempty"`
	iproute2.Rule
}

const (
	// maxConditions is how many conditions of an entry are given.
	maxConditions = 16
	// maxRepeated is how many rules are given again, at most, for further entries of a
	// table: each has all rules that lead to the table.
	maxRepeated = 1 << 16
)

// NewEntries are entries of one prefix by names.
func NewEntries(f *lookup.FIB, all []lookup.EntryStatus) []Entry {
	n := namesOf(f)
	out := make([]Entry, len(all))
	given := map[route.Table]bool{} // the tables whose rules are there
	left := maxRepeated
	for i := range all {
		s := &all[i]
		out[i] = n.entry(s)
		switch {
		case !given[s.Route.Table]:
			given[s.Route.Table] = true
		case left < len(s.Rules):
			out[i].RulesLeftOut = len(s.Rules)
			continue
		default:
			left -= len(s.Rules)
		}
		for _, r := range s.Rules {
			out[i].Rules = append(out[i].Rules, *n.rule(r))
		}
	}
	return out
}

func (n names) entry(s *lookup.EntryStatus) Entry {
	e := Entry{
		Route: *n.route(&s.Route), Status: s.Status, Used: s.Used(), Errno: s.Errno, Reason: NewReason(s.Reason), Tied: s.Tied,
		TypeUnread: s.Route.Flags&route.FlagNoType != 0,
		Warnings:   n.findings(&route.Flow{}, n.fib.EntryNotes([]lookup.EntryStatus{*s})),
	}
	if s.Status == lookup.StatusConditional || s.Reason.Code == lookup.CodeForwardingOff {
		e.ConditionsLeftOut = max(0, len(s.If)-maxConditions)
		for _, sel := range s.If[:len(s.If)-e.ConditionsLeftOut] {
			e.Condition = append(e.Condition, n.condition(sel))
		}
	}
	for _, r := range s.Except {
		c := n.condition(r.Selector)
		c.Priority = r.Priority
		e.Except = append(e.Except, c)
	}
	for i := range s.By {
		e.By = append(e.By, *n.route(&s.By[i]))
	}
	for _, x := range s.Faults {
		e.Faults = append(e.Faults, HopFault{NewReason(x.Reason), x.Hop})
	}
	return e
}

func (n names) condition(sel route.Selector) Condition {
	r := n.rule(&route.Rule{Selector: sel, Action: route.ActionTable, SuppressPrefixLen: -1, SuppressGroup: -1})
	r.Protocol = ""
	return Condition{Rule: *r}
}

// Always reports whether an ordinary packet takes the entry, or may take it.
func (e *Entry) Always() bool {
	return e.Status == lookup.StatusInUse || e.Status == lookup.StatusPossible
}

// SameTie reports whether two entries are of the same equal default routes.
func (e *Entry) SameTie(o *Entry) bool {
	return e.Tied > 0 && e.Tied == o.Tied && e.Route.Table == o.Route.Table
}

// TakesTurns reports whether an entry is used at times as one of several equal default
// routes, even if another one is used now.
func (e *Entry) TakesTurns() bool {
	return e.Tied > 0 && (e.Status == lookup.StatusInUse || e.Reason.Code == lookup.CodeNeighbourTie)
}

// deadEnd says why nothing gets out by any next hop of the entry; the zero Reason:
// packets may get out.
func (e *Entry) deadEnd() Reason {
	if len(e.Faults) == 0 || len(e.Faults) < len(e.Route.Hops()) {
		return Reason{}
	}
	return e.Faults[0].Reason
}
