package lookup

import (
	"net/netip"

	"routewhy/route"
)

// matches says which part of a rule's selector does not match the packet
// (fib_rule_match, fib4_rule_match, fib6_rule_match); the empty code: all do.
func (w *walk) matches(r *rule) Code {
	if r.all {
		return ""
	}
	code := w.selects(r)
	// The kernel may differ by a selector that routewhy does not know, unless another
	// selector already does not match.
	if len(r.Unknown) > 0 && (code == "" || r.Selector.Not) {
		return CodeUnknownSelect
	}
	switch {
	case !r.Selector.Not:
		return code
	case code == "":
		return CodeNot
	}
	return ""
}

// selects is matches without the effect of `not`.
func (w *walk) selects(r *rule) Code {
	s, f := &r.Selector, &w.flow
	if code := w.selectsDevices(r); code != "" {
		return code
	}
	switch {
	case (f.Mark^s.Mark)&s.MarkMask != 0:
		return CodeMark
	case s.TunnelID != 0 && s.TunnelID != f.TunnelID:
		return CodeTunnelID
	case s.L3Mdev && w.vrf == 0:
		return CodeL3mdev
	case s.HasUIDs && (f.UID < s.UIDs.Start || f.UID > s.UIDs.End):
		return CodeUID
	}
	if code := w.selectsAddrs(s); code != "" {
		return code
	}
	switch {
	case s.TOS != 0 && s.TOS != w.ruleTOS():
		return CodeRuleTOS
	case s.HasDSCP && (f.TOS>>2^s.DSCP)&s.DSCPMask != 0:
		return CodeDSCP
	case (f.FlowLabel^s.FlowLabel)&s.FlowLabelMask != 0:
		return CodeFlowLabel
	case s.Proto != 0 && s.Proto != f.Proto:
		return CodeProto
	case !s.SrcPort.Holds(f.SrcPort):
		return CodeSport
	case !s.DstPort.Holds(f.DstPort):
		return CodeDport
	}
	return ""
}

// selectsDevices compares iif and oif.
func (w *walk) selectsDevices(r *rule) Code {
	switch {
	case r.in < 0:
		return CodeIifDetached
	case r.in != 0 && !w.selectsDevice(r.in, w.iif, false):
		return CodeIif
	case r.out < 0:
		return CodeOifDetached
	case r.out != 0 && !w.selectsDevice(r.out, w.flow.Out, true):
		return CodeOif
	}
	return ""
}

// selectsDevice compares a rule's device with the packet's. The name of a VRF
// stands for what belongs to it (l3mdev_fib_rule_iif_match).
func (w *walk) selectsDevice(named, have int, out bool) bool {
	if w.fib.kernel.vrfInRules && w.fib.vrf(named) == named {
		return w.vrf == named && w.vrfByOif == out
	}
	return named == have
}

func (w *walk) selectsAddrs(s *route.Selector) Code {
	f := &w.flow
	if s.Src.IsValid() && s.Src.Bits() > 0 && !w.from(s.Src) {
		if !f.Src.IsValid() {
			return CodeFromUnset
		}
		return CodeFrom
	}
	if s.Dst.IsValid() && !s.Dst.Contains(f.Dst) {
		return CodeTo
	}
	return ""
}

// from reports whether the packet's source is in a rule's prefix. A source that
// is not chosen yet is 0.0.0.0 for IPv4, and in no prefix for IPv6.
func (w *walk) from(p netip.Prefix) bool {
	src := w.flow.Src
	if w.flow.Dst.Is4() {
		if !src.IsValid() {
			src = netip.IPv4Unspecified()
		}
		return p.Contains(src)
	}
	return src.IsValid() && !src.IsUnspecified() && p.Contains(src)
}

// rtTOSMask is IPTOS_RT_MASK: the TOS bits that IPv4's legacy selectors see.
const rtTOSMask = 0x1c

// ruleTOS is the packet's TOS as a rule's `tos` sees it.
func (w *walk) ruleTOS() uint8 {
	if w.flow.Dst.Is4() {
		return w.flow.TOS & rtTOSMask
	}
	return w.flow.TOS &^ 3
}

// otherMismatches are the parts of a rule's selector that do not match, but for the first one.
func (w *walk) otherMismatches(r *rule, first Code) []Reason {
	if r.Selector.Not {
		return nil
	}
	var out []Reason
	own := *r.Rule
	rest := *r
	rest.Rule = &own
	for code := first; rest.drop(code); {
		if code = w.selects(&rest); code == "" {
			break
		}
		out = append(out, w.mismatchReason(&rest, code))
	}
	return out
}

// drop removes the part of a rule's selector that a code is about, and reports whether there
// is one.
func (r *rule) drop(code Code) bool {
	s := &r.Selector
	switch code {
	case CodeIif, CodeIifDetached:
		r.in = 0
	case CodeOif, CodeOifDetached:
		r.out = 0
	case CodeMark:
		s.MarkMask = 0
	case CodeTunnelID:
		s.TunnelID = 0
	case CodeL3mdev:
		s.L3Mdev = false
	case CodeUID:
		s.HasUIDs = false
	case CodeFrom, CodeFromUnset:
		s.Src = netip.Prefix{}
	case CodeTo:
		s.Dst = netip.Prefix{}
	case CodeRuleTOS:
		s.TOS = 0
	case CodeDSCP:
		s.HasDSCP = false
	case CodeFlowLabel:
		s.FlowLabelMask = 0
	case CodeProto:
		s.Proto = 0
	case CodeSport:
		s.SrcPort = route.PortRange{}
	case CodeDport:
		s.DstPort = route.PortRange{}
	default:
		return false
	}
	return true
}

// mismatchReason adds to a code what the rule wants and what the packet has.
func (w *walk) mismatchReason(r *rule, code Code) Reason {
	s, f := &r.Selector, &w.flow
	why := Reason{Code: code}
	switch code {
	case CodeIif, CodeIifDetached:
		why.Want = s.In
		if code == CodeIif {
			why.Have = w.fib.snap.LinkName(w.iif)
		}
	case CodeOif, CodeOifDetached:
		why.Want = s.Out
		if f.Out != 0 {
			why.Have = w.fib.snap.LinkName(f.Out)
		}
	case CodeMark:
		why.Want, why.Have = maskedText(s.Mark, s.MarkMask), hex(f.Mark)
	case CodeTunnelID:
		why.Want, why.Have = s.TunnelID, f.TunnelID
	case CodeUID:
		why.Want, why.Have = rangeText(s.UIDs.Start, s.UIDs.End), f.UID
	case CodeFrom:
		why.Want, why.Have = s.Src, f.Src
	case CodeFromUnset:
		why.Want = s.Src
	case CodeTo:
		why.Want, why.Have = s.Dst, f.Dst
	case CodeRuleTOS:
		why.Want, why.Have = hex(uint32(s.TOS)), hex(uint32(w.ruleTOS()))
	case CodeDSCP:
		why.Want, why.Have = dscpText(s.DSCP, s.DSCPMask), hex(uint32(f.TOS>>2))
	case CodeFlowLabel:
		why.Want, why.Have = maskedText(s.FlowLabel, s.FlowLabelMask), hex(f.FlowLabel)
	case CodeProto:
		why.Want, why.Have = s.Proto, f.Proto
	case CodeSport:
		why.Want, why.Have = portsText(s.SrcPort), f.SrcPort
	case CodeDport:
		why.Want, why.Have = portsText(s.DstPort), f.DstPort
	}
	return why
}
