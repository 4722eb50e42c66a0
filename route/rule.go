package route

import "net/netip"

// Rule is one entry of the policy routing database (ip-rule(8)): a condition
// on the packet, and the table to look in or another action.
type Rule struct {
	Family Family `json:"family"`
	// Priority orders the rules, lowest first; equal priorities keep the
	// order in which they were added.
	Priority uint32   `json:"priority"`
	Selector Selector `json:"selector,omitzero"`
	Action   Action   `json:"action"`
	// Table is the table that ActionTable looks in. It is zero with an l3mdev
	// selector, because such a rule uses the table of the VRF.
	Table Table `json:"table,omitzero"`
	// Goto is the priority to continue at, for ActionGoto.
	Goto uint32 `json:"goto,omitzero"`
	// Unresolved marks a goto whose target does not exist (FIB_RULE_UNRESOLVED).
	Unresolved bool `json:"unresolved,omitzero"`
	// SuppressPrefixLen drops a result whose prefix is this long or shorter;
	// -1: drops none.
	SuppressPrefixLen int `json:"suppress_prefixlen"`
	// SuppressGroup drops a result whose device is in this interface group;
	// -1: drops none.
	SuppressGroup int64    `json:"suppress_ifgroup"`
	Protocol      Protocol `json:"protocol,omitzero"`
	Realm         uint32   `json:"realm,omitzero"`
	Unknown       []Attr   `json:"unknown,omitempty"`
	// Implied says that the rule was deleted, but that the kernel still acts as if it
	// were there: until the first IPv6 rule is added, the kernel looks in the local and
	// the main table and uses no rule (fib6_has_custom_rules in net/ipv6/fib6_rules.c).
	Implied bool `json:"implied,omitzero"`
}

// DefaultRules are the rules that a namespace starts with
// (fib_default_rules_init in net/ipv4/fib_rules.c, fib6_rules_net_init).
func DefaultRules(f Family) []Rule {
	rule := func(priority uint32, t Table) Rule {
		return Rule{
			Family: f, Priority: priority, Action: ActionTable, Table: t,
			SuppressPrefixLen: -1, SuppressGroup: -1, Protocol: ProtocolKernel,
		}
	}
	rules := []Rule{rule(0, TableLocal), rule(32766, TableMain)}
	if f == IPv4 {
		rules = append(rules, rule(32767, TableDefault))
	}
	return rules
}

// Action is what a rule does when its selector matches (FR_ACT_*).
type Action uint8

// The rule actions, numbered as in linux/fib_rules.h.
const (
	ActionUnspec      Action = 0
	ActionTable       Action = 1
	ActionGoto        Action = 2
	ActionNop         Action = 3
	ActionBlackhole   Action = 6
	ActionUnreachable Action = 7
	ActionProhibit    Action = 8
)

var actionNames = [...]string{"unspec", "lookup", "goto", "nop", "4", "5", "blackhole", "unreachable", "prohibit"}

func (a Action) String() string { return enumName(actionNames[:], int(a)) }

// MarshalText gives the name that ip-rule(8) uses.
func (a Action) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads a name or a number.
func (a *Action) UnmarshalText(b []byte) error {
	n, err := enumValue(actionNames[:], string(b), 255)
	*a = Action(n)
	return err
}

// Selector is the condition of a rule. All parts that are given must match. Not
// inverts the result. The zero value matches every packet.
type Selector struct {
	Not bool `json:"not,omitzero"`
	// Src and Dst are the prefixes of `from` and `to`; the zero Prefix: all.
	Src netip.Prefix `json:"from,omitzero"`
	Dst netip.Prefix `json:"to,omitzero"`
	// In and Out are device names; empty: any. A name that no device has
	// matches nothing.
	In  string `json:"iif,omitzero"`
	Out string `json:"oif,omitzero"`
	// InDetached and OutDetached say that no device of that name exists.
	InDetached  bool `json:"iif_detached,omitzero"`
	OutDetached bool `json:"oif_detached,omitzero"`
	// Mark is compared with the packet's mark under MarkMask; both zero: not
	// compared.
	Mark     uint32 `json:"fwmark,omitzero"`
	MarkMask uint32 `json:"fwmask,omitzero"`
	// TOS is the legacy selector; zero: not compared.
	TOS uint8 `json:"tos,omitzero"`
	// DSCP, six bits, is compared under its mask if HasDSCP is set.
	DSCP     uint8 `json:"dscp,omitzero"`
	DSCPMask uint8 `json:"dscp_mask,omitzero"`
	HasDSCP  bool  `json:"has_dscp,omitzero"`
	// FlowLabel is compared under FlowLabelMask; a zero mask: not compared.
	FlowLabel     uint32 `json:"flowlabel,omitzero"`
	FlowLabelMask uint32 `json:"flowlabel_mask,omitzero"`
	// UIDs is the range of user IDs, if HasUIDs is set.
	UIDs    UIDRange `json:"uidrange,omitzero"`
	HasUIDs bool     `json:"has_uidrange,omitzero"`
	// Proto is the IP protocol number; zero: any.
	Proto uint8 `json:"ipproto,omitzero"`
	// SrcPort and DstPort are port ranges; the zero range: any.
	SrcPort PortRange `json:"sport,omitzero"`
	DstPort PortRange `json:"dport,omitzero"`
	// L3Mdev matches packets that belong to a VRF.
	L3Mdev bool `json:"l3mdev,omitzero"`
	// TunnelID is compared with the metadata of a received tunnel packet;
	// zero: not compared.
	TunnelID uint64 `json:"tun_id,omitzero"`
}

// UIDRange is an inclusive range of user IDs.
type UIDRange struct {
	Start uint32 `json:"start"`
	End   uint32 `json:"end"`
}

// PortRange is an inclusive range of ports, or one port compared under a mask.
type PortRange struct {
	Start uint16 `json:"start"`
	End   uint16 `json:"end"`
	// Mask is for a single port; zero: compare the whole port.
	Mask uint16 `json:"mask,omitzero"`
}

// Holds reports whether a port is in the range, or is equal under the mask if there
// is one. The zero range holds every port.
func (r PortRange) Holds(port uint16) bool {
	switch {
	case r == (PortRange{}):
		return true
	case r.Mask != 0:
		return (r.Start^port)&r.Mask == 0
	}
	return r.Start <= port && port <= r.End
}
