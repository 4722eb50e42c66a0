package kernel

import (
	"encoding/binary"
	"fmt"
	"slices"

	"routewhy/route"
)

// sizeofFibRuleHdr is the size of struct fib_rule_hdr (linux/fib_rules.h).
const sizeofFibRuleHdr = 12

// Attributes of a rule (linux/fib_rules.h, as of Linux 6.18).
const (
	fraDst               = 1
	fraSrc               = 2
	fraIifName           = 3
	fraGoto              = 4
	fraPriority          = 6
	fraFwMark            = 10
	fraFlow              = 11
	fraTunID             = 12
	fraSuppressIfGroup   = 13
	fraSuppressPrefixLen = 14
	fraTable             = 15
	fraFwMask            = 16
	fraOifName           = 17
	fraPad               = 18
	fraL3Mdev            = 19
	fraUIDRange          = 20
	fraProtocol          = 21
	fraIPProto           = 22
	fraSportRange        = 23
	fraDportRange        = 24
	fraDSCP              = 25
	fraFlowLabel         = 26
	fraFlowLabelMask     = 27
	fraSportMask         = 28
	fraDportMask         = 29
	fraDSCPMask          = 30
)

// Flags of a rule (FIB_RULE_*).
const (
	ruleFlagPermanent   = 0x01
	ruleFlagInvert      = 0x02
	ruleFlagUnresolved  = 0x04
	ruleFlagIifDetached = 0x08
	ruleFlagOifDetached = 0x10
	ruleFlagsKnown      = 0x1f
)

// fraUnspec is not the number of any attribute. DecodeRule uses it as the type of
// an unknown attribute that holds the flags which decodeRule does not know, such as
// FIB_RULE_FIND_SADDR.
const fraUnspec = 0

// allDSCP is the mask of a rule that compares the whole DSCP.
const allDSCP = 0x3f

// decodeRule decodes the body of an RTM_NEWRULE message, as fib_nl_fill_rule
// (net/core/fib_rules.c) makes it.
func decodeRule(msg []byte) (route.Rule, error) {
	if len(msg) < sizeofFibRuleHdr {
		return route.Rule{}, fmt.Errorf("a rule message of %d bytes", len(msg))
	}
	f := familyOf(msg[0])
	if f == 0 {
		return route.Rule{}, fmt.Errorf("a rule of family %d", msg[0])
	}
	flags := binary.NativeEndian.Uint32(msg[8:])
	r := route.Rule{
		Family:            f,
		Table:             route.Table(msg[4]),
		Action:            route.Action(msg[7]),
		Unresolved:        flags&ruleFlagUnresolved != 0,
		SuppressPrefixLen: -1,
		SuppressGroup:     -1,
		Selector: route.Selector{
			Not:         flags&ruleFlagInvert != 0,
			InDetached:  flags&ruleFlagIifDetached != 0,
			OutDetached: flags&ruleFlagOifDetached != 0,
			TOS:         msg[3],
		},
	}
	if flags &^= ruleFlagsKnown; flags != 0 {
		data := binary.NativeEndian.AppendUint32(nil, flags)
		r.Unknown = append(r.Unknown, route.Attr{Type: fraUnspec, Data: data})
	}
	a := attrs{rest: msg[sizeofFibRuleHdr:]}
	for a.next() {
		if !decodeRuleAttr(&r, &a) && !decodeSelectorAttr(&r.Selector, &a, f, msg[1], msg[2]) {
			r.Unknown = append(r.Unknown, a.unknown())
		}
	}
	if s := &r.Selector; s.HasDSCP && s.DSCPMask == 0 { // before Linux 6.15
		s.DSCPMask = allDSCP
	}
	return r, a.err
}

// decodeRuleAttr decodes an attribute that says what a rule does. False: it is not
// such an attribute.
func decodeRuleAttr(r *route.Rule, a *attrs) bool {
	switch a.typ {
	case fraPad:
	case fraPriority:
		r.Priority = a.u32()
	case fraTable:
		r.Table = route.Table(a.u32())
	case fraGoto:
		r.Goto = a.u32()
	case fraSuppressPrefixLen:
		r.SuppressPrefixLen = int(int32(a.u32()))
	case fraSuppressIfGroup:
		r.SuppressGroup = suppressGroup(a.u32())
	case fraProtocol:
		r.Protocol = route.Protocol(a.u8())
	case fraFlow:
		r.Realm = a.u32()
	default:
		return false
	}
	return true
}

// suppressGroup reads an interface group; all bits set means none.
func suppressGroup(group uint32) int64 {
	if int32(group) == -1 {
		return -1
	}
	return int64(group)
}

// decodeSelectorAttr decodes an attribute that is a part of a rule's condition.
// False: the attribute is not known.
func decodeSelectorAttr(s *route.Selector, a *attrs, f route.Family, dstBits, srcBits uint8) bool {
	switch a.typ {
	case fraSrc:
		s.Src = a.rulePrefix(f, srcBits)
	case fraDst:
		s.Dst = a.rulePrefix(f, dstBits)
	case fraIifName:
		s.In = a.str()
	case fraOifName:
		s.Out = a.str()
	case fraFwMark:
		s.Mark = a.u32()
	case fraFwMask:
		s.MarkMask = a.u32()
	case fraL3Mdev:
		s.L3Mdev = a.u8() != 0
	case fraTunID:
		s.TunnelID = a.be64()
	case fraUIDRange:
		s.UIDs, s.HasUIDs = uidRange(a), true
	case fraIPProto:
		s.Proto = a.u8()
	default:
		return decodeFieldAttr(s, a)
	}
	return true
}

// decodeFieldAttr decodes a condition on a field that has a mask. Ports are in host
// byte order, flow labels in network byte order.
func decodeFieldAttr(s *route.Selector, a *attrs) bool {
	switch a.typ {
	case fraSportRange:
		s.SrcPort.Start, s.SrcPort.End = portRange(a)
	case fraDportRange:
		s.DstPort.Start, s.DstPort.End = portRange(a)
	case fraSportMask:
		s.SrcPort.Mask = portMask(a)
	case fraDportMask:
		s.DstPort.Mask = portMask(a)
	case fraDSCP:
		s.DSCP, s.HasDSCP = a.u8(), true
	case fraDSCPMask:
		s.DSCPMask = a.u8()
	case fraFlowLabel:
		s.FlowLabel = a.be32()
	case fraFlowLabelMask:
		s.FlowLabelMask = a.be32()
	default:
		return false
	}
	return true
}

func uidRange(a *attrs) route.UIDRange {
	if !a.has(8) {
		return route.UIDRange{}
	}
	return route.UIDRange{
		Start: binary.NativeEndian.Uint32(a.data),
		End:   binary.NativeEndian.Uint32(a.data[4:]),
	}
}

func portRange(a *attrs) (start, end uint16) {
	if !a.has(4) {
		return 0, 0
	}
	return binary.NativeEndian.Uint16(a.data), binary.NativeEndian.Uint16(a.data[2:])
}

// portMask reads the mask of a port. Linux 6.14 and later give a mask with all bits
// set for every single port. That means the same as no mask.
func portMask(a *attrs) uint16 {
	if m := a.u16(); m != 0xffff {
		return m
	}
	return 0
}

// isDefaultRules4 reports whether rules holds exactly the IPv4 rules that every
// namespace starts with.
func isDefaultRules4(rules []route.Rule) bool {
	missing, others := againstDefault(rules, route.IPv4)
	return len(missing) == 0 && others == 0
}

// againstDefault compares the rules of a family with the rules that a namespace starts
// with. It says which of these are missing, and how many other rules there are.
func againstDefault(rules []route.Rule, f route.Family) (missing []route.Rule, others int) {
	missing = route.DefaultRules(f)
	for i := range rules {
		r := &rules[i]
		if r.Family != f {
			continue
		}
		at := slices.IndexFunc(missing, func(d route.Rule) bool {
			return d.Priority == r.Priority && d.Table == r.Table && isPlain(r)
		})
		if at < 0 {
			others++
			continue
		}
		missing = slices.Delete(missing, at, at+1)
	}
	return missing, others
}

// isPlain reports whether a rule looks in a table for every packet and accepts every
// result.
func isPlain(r *route.Rule) bool {
	return r.Selector == route.Selector{} && r.Action == route.ActionTable &&
		r.SuppressPrefixLen == -1 && r.SuppressGroup == -1 && len(r.Unknown) == 0
}
