package golden

import (
	"net/netip"

	"routewhy/route"
)

// flow is the key of one look-up: struct flowi4 or flowi6 (0.1). It differs
// from route.Flow in that the kernel has filled in and changed some of it.
type flow struct {
	dst, src netip.Addr // src may be unset
	iif, oif int
	mark     uint32
	tos      uint8
	uid      uint32
	proto    uint8
	sport    uint16
	dport    uint16
	label    uint32
	tunnel   uint64
	// scope is how near an IPv4 entry must reach; zero in ordinary look-ups.
	scope route.Scope
	// vrf is flowi_l3mdev; vrfByOut says that the output device set it.
	vrf      int
	vrfByOut bool
}

// newFlow is the key as the asker gives it. In the kernel's words a flow that
// this host sends was received on lo (0.1).
func newFlow(f route.Flow) flow {
	return flow{
		dst: f.Dst, src: f.Src, iif: route.LoopbackIndex, oif: f.Out, mark: f.Mark, tos: f.TOS &^ 3, uid: f.UID,
		proto: f.Proto, sport: f.SrcPort, dport: f.DstPort, label: f.FlowLabel, tunnel: f.TunnelID,
	}
}

// enterVRF is l3mdev_update_flow (7).
func (d *decision) enterVRF(f *flow) {
	if f.oif != 0 && d.s.Link(f.oif) != nil {
		if f.vrf == 0 {
			f.vrf = d.vrf(f.oif)
			f.vrfByOut = f.vrf != 0
		}
		if d.isVRF(f.oif) {
			f.oif = 0
		}
		return
	}
	if f.iif > route.LoopbackIndex && f.vrf == 0 {
		f.vrf = d.vrf(f.iif)
	}
}

// rulesOf are the rules of one family in the kernel's order (2.1).
func (d *decision) rulesOf(fam route.Family) []route.Rule {
	var rules []route.Rule
	for _, r := range d.s.Rules {
		if r.Family == fam {
			rules = append(rules, r)
		}
	}
	return rules
}

// ruleAt finds the first rule with a priority; -1: none.
func ruleAt(rules []route.Rule, priority uint32) int {
	for i, r := range rules {
		if r.Priority == priority {
			return i
		}
	}
	return -1
}

// nextRule finds the first rule from i on that matches and does something: the
// walk of 2.1 with goto and nop resolved. It is -1 at the end of the list.
func (d *decision) nextRule(rules []route.Rule, i int, f *flow) int {
	for i < len(rules) {
		r := &rules[i]
		if len(r.Unknown) > 0 {
			d.doubt("a rule has attributes that are not understood")
		}
		if !d.matches(r, f) {
			i++
			continue
		}
		switch r.Action {
		case route.ActionGoto:
			target := ruleAt(rules, r.Goto)
			if target <= i { // unresolved, or backward, which the kernel refuses to create
				i++
				continue
			}
			i = target // whose selectors are tested in turn
		case route.ActionNop:
			i++
		default:
			return i
		}
	}
	return -1
}

// actionErrno is the error of a rule that looks up no table (2.1).
func actionErrno(a route.Action) route.Errno {
	switch a {
	case route.ActionUnreachable:
		return route.ENETUNREACH
	case route.ActionProhibit:
		return route.EACCES
	}
	return route.EINVAL // blackhole
}

// tableOf is the table that a rule looks up; zero: none (2.2, 7).
func (d *decision) tableOf(r *route.Rule, f *flow) route.Table {
	if !r.Selector.L3Mdev {
		return r.Table
	}
	if !d.isVRF(f.vrf) { // `not l3mdev`
		return 0
	}
	return d.s.Link(f.vrf).VRFTable
}

// matches is fib_rule_match (2.2): all selectors, then `not`.
func (d *decision) matches(r *route.Rule, f *flow) bool {
	return d.selects(&r.Selector, f) != r.Selector.Not
}

func (d *decision) selects(sel *route.Selector, f *flow) bool {
	six := f.dst.Is6()

	// iif, oif
	if sel.In != "" && !d.selectsIn(sel, f) {
		return false
	}
	if sel.Out != "" && !d.selectsOut(sel, f) {
		return false
	}
	// fwmark
	if (sel.Mark^f.mark)&sel.MarkMask != 0 {
		return false
	}
	// tun_id
	if sel.TunnelID != 0 && sel.TunnelID != f.tunnel {
		return false
	}
	// l3mdev
	if sel.L3Mdev && !d.isVRF(f.vrf) {
		return false
	}
	// uidrange
	if sel.HasUIDs && (f.uid < sel.UIDs.Start || f.uid > sel.UIDs.End) {
		return false
	}
	// to
	if sel.Dst.IsValid() && !sel.Dst.Masked().Contains(f.dst) {
		return false
	}
	// from
	if sel.Src.IsValid() && sel.Src.Bits() > 0 {
		src := f.src
		if unset(src) {
			if six {
				return false // never matches, not even ::/128
			}
			src = netip.IPv4Unspecified()
		}
		if !sel.Src.Masked().Contains(src) {
			return false
		}
	}
	// tos, dscp
	switch {
	case sel.HasDSCP:
		if (sel.DSCP^f.tos>>2)&sel.DSCPMask != 0 {
			return false
		}
	case sel.TOS != 0 && six:
		if sel.TOS != f.tos {
			return false
		}
	case sel.TOS != 0:
		if sel.TOS != f.tos&0x1c {
			return false
		}
	}
	// flowlabel
	if six && (sel.FlowLabel^f.label)&sel.FlowLabelMask != 0 {
		return false
	}
	// ipproto, sport, dport
	if sel.Proto != 0 && sel.Proto != f.proto {
		return false
	}
	return selectsPort(sel.SrcPort, f.sport) && selectsPort(sel.DstPort, f.dport)
}

func (d *decision) selectsIn(sel *route.Selector, f *flow) bool {
	l := d.s.LinkByName(sel.In)
	if l == nil || sel.InDetached {
		return false
	}
	if d.isVRF(l.Index) && !olderThan(d.s.Release, 6, 15) {
		return f.vrf == l.Index && !f.vrfByOut
	}
	return l.Index == f.iif
}

func (d *decision) selectsOut(sel *route.Selector, f *flow) bool {
	l := d.s.LinkByName(sel.Out)
	if l == nil || sel.OutDetached {
		return false
	}
	if d.isVRF(l.Index) && !olderThan(d.s.Release, 6, 15) {
		return f.vrf == l.Index && f.vrfByOut
	}
	return l.Index == f.oif
}

func selectsPort(r route.PortRange, port uint16) bool {
	if r.Mask != 0 {
		return (r.Start^port)&r.Mask == 0
	}
	return r == route.PortRange{} || (r.Start <= port && port <= r.End)
}
