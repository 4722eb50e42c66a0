package routetest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"routewhy/route"
)

// rule618Word begins the line of a rule that ip(8) may not know.
const rule618Word = "rule6.18"

// Rule618 writes a rule as a line for [Namespace.Batch]. It is for rules that an
// ip(8) of 2023 cannot make: with a DSCP, masked ports or a flow label. Kernels
// have these since about 6.14. It covers what the tests of such rules need:
//
//	rule6.18 -4 add priority 10 not from 10.0.0.0/24 to 10.9.0.0/16
//	  fwmark 0x1/0xff ipproto 17 sport 80/0xfff0 dport 53 dscp 0x2e/0x3f
//	  flowlabel 0x1/0xff lookup 100
//
// Instead of add there may be del. Instead of `lookup 100` there may be `goto 200`, nop, blackhole, unreachable or
// prohibit. Everything else that a rule may have is left out.
func Rule618(r *route.Rule) string {
	s := &r.Selector
	w := []string{rule618Word, "-4", "add", "priority", fmt.Sprint(r.Priority)}
	if r.Family == route.IPv6 {
		w[1] = "-6"
	}
	if s.Not {
		w = append(w, "not")
	}
	if s.Src.IsValid() {
		w = append(w, "from", s.Src.String())
	}
	if s.Dst.IsValid() {
		w = append(w, "to", s.Dst.String())
	}
	if s.MarkMask != 0 {
		w = append(w, "fwmark", masked(s.Mark, s.MarkMask))
	}
	if s.Proto != 0 {
		w = append(w, "ipproto", fmt.Sprint(s.Proto))
	}
	w = appendPort(w, "sport", s.SrcPort)
	w = appendPort(w, "dport", s.DstPort)
	if s.HasDSCP {
		w = append(w, "dscp", masked(uint32(s.DSCP), uint32(s.DSCPMask)))
	}
	if s.FlowLabelMask != 0 {
		w = append(w, "flowlabel", masked(s.FlowLabel, s.FlowLabelMask))
	}
	w = append(w, r.Action.String())
	switch r.Action {
	case route.ActionTable:
		w = append(w, fmt.Sprint(r.Table))
	case route.ActionGoto:
		w = append(w, fmt.Sprint(r.Goto))
	}
	return strings.Join(w, " ")
}

// Rule618Deleted writes a line that deletes such a rule.
func Rule618Deleted(r *route.Rule) string {
	return strings.Replace(Rule618(r), " add ", " del ", 1)
}

func masked(v, mask uint32) string { return fmt.Sprintf("%#x/%#x", v, mask) }

func appendPort(w []string, word string, p route.PortRange) []string {
	switch {
	case p.Mask != 0:
		return append(w, word, fmt.Sprintf("%d/%#x", p.Start, p.Mask))
	case p.Start == 0 && p.End == 0:
		return w
	case p.Start == p.End:
		return append(w, word, fmt.Sprint(p.Start))
	}
	return append(w, word, fmt.Sprintf("%d-%d", p.Start, p.End))
}

// parseRule618 reads a line that Rule618 wrote, or Rule618Deleted: then gone is true.
func parseRule618(line string) (r *route.Rule, gone bool, err error) {
	words := strings.Fields(line)
	if len(words) < 4 || words[0] != rule618Word || words[2] != "add" && words[2] != "del" {
		return nil, false, fmt.Errorf("%q is not a %s line", line, rule618Word)
	}
	r = &route.Rule{Family: route.IPv4, SuppressPrefixLen: -1, SuppressGroup: -1}
	switch words[1] {
	case "-4":
	case "-6":
		r.Family = route.IPv6
	default:
		return nil, false, fmt.Errorf("%s: no family", words[1])
	}
	for w := words[3:]; len(w) > 0; {
		n, err := readRuleWord(r, w)
		if err != nil {
			return nil, false, fmt.Errorf("%s: %w", w[0], err)
		}
		w = w[n:]
	}
	return r, words[2] == "del", nil
}

// readRuleWord reads one word with its value, and tells how many words it read.
func readRuleWord(r *route.Rule, w []string) (int, error) {
	switch w[0] {
	case "not":
		r.Selector.Not = true
		return 1, nil
	case "nop":
		r.Action = route.ActionNop
		return 1, nil
	case "blackhole":
		r.Action = route.ActionBlackhole
		return 1, nil
	case "unreachable":
		r.Action = route.ActionUnreachable
		return 1, nil
	case "prohibit":
		r.Action = route.ActionProhibit
		return 1, nil
	}
	if len(w) < 2 {
		return 0, fmt.Errorf("no value")
	}
	return 2, readRuleValue(r, w[0], w[1])
}

func readRuleValue(r *route.Rule, word, value string) (err error) {
	s := &r.Selector
	switch word {
	case "priority":
		r.Priority, err = u32(value)
	case "from":
		s.Src, err = netip.ParsePrefix(value)
	case "to":
		s.Dst, err = netip.ParsePrefix(value)
	case "fwmark":
		s.Mark, s.MarkMask, err = maskedValue(value, ^uint32(0))
	case "ipproto":
		s.Proto, err = parseProto(value)
	case "sport":
		s.SrcPort, err = parsePort(value)
	case "dport":
		s.DstPort, err = parsePort(value)
	case "dscp":
		var v, m uint32
		v, m, err = maskedValue(value, 0x3f)
		s.DSCP, s.DSCPMask, s.HasDSCP = uint8(v), uint8(m), true
	case "flowlabel":
		s.FlowLabel, s.FlowLabelMask, err = maskedValue(value, 0xfffff)
	case "lookup":
		var v uint32
		v, err = u32(value)
		r.Table, r.Action = route.Table(v), route.ActionTable
	case "goto":
		r.Goto, err = u32(value)
		r.Action = route.ActionGoto
	default:
		err = fmt.Errorf("unknown word")
	}
	return err
}

func u32(s string) (uint32, error) {
	v, err := strconv.ParseUint(s, 0, 32)
	return uint32(v), err
}

func u16(s string) (uint16, error) {
	v, err := strconv.ParseUint(s, 0, 16)
	return uint16(v), err
}

// maskedValue reads "value/mask"; without a mask all bits count.
func maskedValue(s string, all uint32) (v, mask uint32, err error) {
	a, b, has := strings.Cut(s, "/")
	if v, err = u32(a); err != nil || !has {
		return v, all, err
	}
	mask, err = u32(b)
	return v, mask, err
}

// parsePort reads "80", "80-90" or "80/0xfff0".
func parsePort(s string) (p route.PortRange, err error) {
	if a, b, has := strings.Cut(s, "/"); has {
		if p.Start, err = u16(a); err == nil {
			p.Mask, err = u16(b)
		}
		p.End = p.Start
		return p, err
	}
	a, b, has := strings.Cut(s, "-")
	if !has {
		b = a
	}
	if p.Start, err = u16(a); err == nil {
		p.End, err = u16(b)
	}
	return p, err
}
