package route

import "net/netip"

// Rule is one entry of the policy routing database (ip-rule(8)): a condition
// on the packet, and the table to look in, or another thing to do.
type Rule struct {
	Family Family
	// Priority orders the rules, lowest first; equal priorities keep the
	// order in which they were added.
	Priority uint32
	Selector Selector
	Action   Action
	// Table is looked up by ActionTable; zero with an l3mdev selector, which
	// takes the VRF's.
	Table Table
	// Goto is the priority to continue at, for ActionGoto.
	Goto uint32
	// Unresolved marks a goto whose target does not exist (FIB_RULE_UNRESOLVED).
	Unresolved bool
	// SuppressPrefixLen drops a result whose prefix is this long or shorter;
	// -1: drops none.
	SuppressPrefixLen int
	// SuppressGroup drops a result whose device is in this interface group;
	// -1: drops none.
	SuppressGroup int64
	Protocol      Protocol
	Realm         uint32
	Unknown       []Attr
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

func (a Action) String() string {
	return enumName([]string{"unspec", "lookup", "goto", "nop", "4", "5", "blackhole", "unreachable", "prohibit"}, int(a))
}

// Selector is the condition of a rule. All given parts must match; Not then
// inverts the total. The zero value matches every packet.
type Selector struct {
	Not bool
	// Src and Dst are the prefixes of `from` and `to`; the zero Prefix: all.
	Src, Dst netip.Prefix
	// In and Out are device names; empty: any. A name that no device has
	// matches nothing.
	In, Out string
	// InDetached and OutDetached say that no device of that name exists.
	InDetached, OutDetached bool
	// Mark is compared with the packet's mark under MarkMask; both zero: not
	// compared.
	Mark, MarkMask uint32
	// TOS is the legacy selector; zero: not compared.
	TOS uint8
	// DSCP is compared, under its mask, where HasDSCP is set. Six bits.
	DSCP, DSCPMask uint8
	HasDSCP        bool
	// FlowLabel is compared under FlowLabelMask; a zero mask: not compared.
	FlowLabel, FlowLabelMask uint32
	// UIDs is the range of user IDs, where HasUIDs is set.
	UIDs    UIDRange
	HasUIDs bool
	// Proto is the IP protocol number; zero: any.
	Proto uint8
	// SrcPort and DstPort are port ranges; the zero range: any.
	SrcPort, DstPort PortRange
	// L3Mdev matches packets that belong to a VRF.
	L3Mdev bool
	// TunnelID is compared with the metadata of a received tunnel packet;
	// zero: not compared.
	TunnelID uint64
}

// UIDRange is an inclusive range of user IDs.
type UIDRange struct{ Start, End uint32 }

// PortRange is an inclusive range of ports, or one port compared under a mask.
type PortRange struct {
	Start, End uint16
	// Mask is for a single port; zero: compare the whole port.
	Mask uint16
}
