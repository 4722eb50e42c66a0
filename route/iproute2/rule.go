package iproute2

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"routewhy/route"
)

// Rule is a rule as `ip -j -d rule show` writes it. In routewhy's own JSON, dst is a
// prefix with its length, and members that are null in ip(8)'s JSON (not, l3mdev, nop)
// are true.
type Rule struct {
	Priority       uint32  `json:"priority"`
	Not            Mark    `json:"not,omitempty"`
	Src            string  `json:"src"`
	SrcLen         int     `json:"srclen,omitempty"`
	Dst            string  `json:"dst,omitempty"`
	DstLen         int     `json:"dstlen,omitempty"`
	TOS            Text    `json:"tos,omitempty"`
	DSCP           Text    `json:"dscp,omitempty"`
	DSCPMask       Text    `json:"dscp_mask,omitempty"`
	FwMark         Text    `json:"fwmark,omitempty"`
	FwMask         Text    `json:"fwmask,omitempty"`
	Iif            string  `json:"iif,omitempty"`
	IifDetached    Mark    `json:"iif_detached,omitempty"`
	Oif            string  `json:"oif,omitempty"`
	OifDetached    Mark    `json:"oif_detached,omitempty"`
	L3Mdev         Mark    `json:"l3mdev,omitempty"`
	UIDStart       *uint32 `json:"uid_start,omitempty"`
	UIDEnd         *uint32 `json:"uid_end,omitempty"`
	IPProto        Text    `json:"ipproto,omitempty"`
	Sport          uint16  `json:"sport,omitempty"`
	SportStart     uint16  `json:"sport_start,omitempty"`
	SportEnd       uint16  `json:"sport_end,omitempty"`
	SportMask      Text    `json:"sport_mask,omitempty"`
	Dport          uint16  `json:"dport,omitempty"`
	DportStart     uint16  `json:"dport_start,omitempty"`
	DportEnd       uint16  `json:"dport_end,omitempty"`
	DportMask      Text    `json:"dport_mask,omitempty"`
	FlowLabel      Text    `json:"flowlabel,omitempty"`
	FlowLabelMask  Text    `json:"flowlabel_mask,omitempty"`
	TunID          uint64  `json:"tun_id,omitempty"`
	Table          Text    `json:"table,omitempty"`
	FlowFrom       Text    `json:"flow_from,omitempty"`
	FlowTo         Text    `json:"flow_to,omitempty"`
	SuppressPrefix *int    `json:"suppress_prefixlen,omitempty"`
	SuppressGroup  *Group  `json:"suppress_ifgroup,omitempty"`
	Action         string  `json:"action,omitempty"`
	Goto           uint32  `json:"goto,omitempty"`
	Unresolved     Mark    `json:"unresolved,omitempty"`
	Implied        bool    `json:"implied,omitempty"` // not in ip-rule(8): [route.Rule.Implied]
	Nop            Mark    `json:"nop,omitempty"`
	Protocol       Text    `json:"protocol,omitempty"`
	// Unknown are the numbers of the attributes that routewhy does not know. The number 0
	// means that a part of a file was not understood. Ip-rule(8) does not have this member.
	Unknown []uint16 `json:"unknown,omitempty"`
}

// Group is the number of a group of devices. The name of 0 is default.
type Group int64

// UnmarshalJSON reads a number or a string.
func (g *Group) UnmarshalJSON(b []byte) (err error) {
	*g, err = parseGroup(string(bytes.Trim(b, `"`)))
	return err
}

func parseGroup(s string) (Group, error) {
	if s == "default" {
		return 0, nil
	}
	n, err := ParseUint(s, 31)
	return Group(n), err
}

func (g Group) String() string {
	if g == 0 {
		return "default"
	}
	return strconv.FormatInt(int64(g), 10)
}

// noTarget is the action of a goto without a target.
const noTarget = "goto"

// ruleWords are the words of a rule in the order of print_rule in ip/iprule.c. In a
// listing, the priority comes before them.
var ruleWords = languageOf(func() []keyword[Rule] {
	return []keyword[Rule]{
		{"not", func(r *Rule) any { return &r.Not }},
		{"from", func(r *Rule) any { return prefixWords{&r.Src, &r.SrcLen} }},
		{"to", func(r *Rule) any { return prefixWords{&r.Dst, &r.DstLen} }},
		{"tos dsfield", func(r *Rule) any { return &r.TOS }},
		{"fwmark", func(r *Rule) any { return maskedWord{&r.FwMark, &r.FwMask} }},
		{"iif dev", func(r *Rule) any { return deviceWords{&r.Iif, &r.IifDetached} }},
		{"oif", func(r *Rule) any { return deviceWords{&r.Oif, &r.OifDetached} }},
		{"uidrange", func(r *Rule) any { return uidWords{r} }},
		{"ipproto", func(r *Rule) any { return &r.IPProto }},
		{"sport", func(r *Rule) any { return portWords{&r.Sport, &r.SportStart, &r.SportEnd, &r.SportMask} }},
		{"dport", func(r *Rule) any { return portWords{&r.Dport, &r.DportStart, &r.DportEnd, &r.DportMask} }},
		{"dscp", func(r *Rule) any { return maskedWord{&r.DSCP, &r.DSCPMask} }},
		{"flowlabel", func(r *Rule) any { return maskedWord{&r.FlowLabel, &r.FlowLabelMask} }},
		{"tun_id", func(r *Rule) any { return &r.TunID }},
		{"lookup table", func(r *Rule) any { return lookupWords{r} }},
		{"l3mdev [l3mdev-table]", func(r *Rule) any { return l3mdevWord{r} }},
		{"suppress_prefixlength suppress_prefixlen", func(r *Rule) any { return &r.SuppressPrefix }},
		{"suppress_ifgroup", func(r *Rule) any { return valueWord[Group]{&r.SuppressGroup, parseGroup} }},
		{"realms realm", func(r *Rule) any { return ruleRealms{r} }},
		{"goto", func(r *Rule) any { return gotoWords{r} }},
		{"[unresolved] unresolved", func(r *Rule) any { return &r.Unresolved }},
		{"nop", func(r *Rule) any { return &r.Nop }},
		{"blackhole unreachable prohibit", func(r *Rule) any { return actionWord{r} }},
		{"proto protocol", func(r *Rule) any { return &r.Protocol }},
	}
})

// ParseRule reads a rule of a listing, with or without the priority before it, or of a
// command. It stops at a word that is not understood.
func ParseRule(line []string) (Rule, *Odd) {
	w := &words{all: line}
	var r Rule
	if head, ok := strings.CutSuffix(w.peek(), ":"); ok {
		n, err := ParseUint(head, 32)
		if w.next(); err != nil {
			w.fail(err)
		}
		r.Priority = uint32(n)
	}
	w.skip("[detached]")
	for w.more() {
		if !ruleWords().take(w, &r) {
			w.fail(fmt.Errorf("%q is not known", w.next()))
		}
	}
	return r, w.odd
}

// IsRuleWord reports whether a word is a keyword of a rule.
func IsRuleWord(s string) bool { return ruleWords().byName[s] != nil }

// ParseRuleRest reads the words of a rule after a word that was not understood. It skips
// other words that are not understood.
func ParseRuleRest(line []string) Rule { return parseRest(ruleWords(), line) }

// String is the rule as `ip -d rule show` lists it.
func (r *Rule) String() string {
	return strings.Join(ruleWords().text([]string{strconv.FormatUint(uint64(r.Priority), 10) + ":"}, r), " ")
}

// ParseRuleJSON reads a rule that ip(8) wrote as JSON. A member that is not known is an
// error. Even with an error, it returns as much as was understood.
func ParseRuleJSON(raw []byte) (Rule, error) {
	var r Rule
	v := struct {
		*Rule
		Goto        Text            `json:"goto"` // may be "none"
		Realms      Text            `json:"realms"`
		Realm       Text            `json:"realm"`
		Blackhole   Mark            `json:"blackhole"`
		Unreachable Mark            `json:"unreachable"`
		Prohibit    Mark            `json:"prohibit"`
		TableName   json.RawMessage `json:"table_name"`
	}{Rule: &r}
	err := strict(raw, &v)
	if target := string(v.Goto); target == "none" {
		r.Action = noTarget
	} else if target != "" {
		n, bad := ParseUint(target, 32)
		r.Goto, err = uint32(n), cmp.Or(err, bad)
	}
	if to := cmp.Or(v.Realms, v.Realm); to != "" {
		r.FlowTo = to
	}
	switch {
	case bool(v.Blackhole):
		r.Action = "blackhole"
	case bool(v.Unreachable):
		r.Action = "unreachable"
	case bool(v.Prohibit):
		r.Action = "prohibit"
	}
	return r, err
}

// Resolve finds the numbers of a rule. If the family is zero, the rule does not show it.
// Even with an error, it returns as much as was understood: only the parts that cannot be
// read are left out of the condition.
func (r *Rule) Resolve(n Names) (route.Rule, error) {
	s := route.Selector{
		Not: bool(r.Not), In: r.Iif, Out: r.Oif, InDetached: bool(r.IifDetached), OutDetached: bool(r.OifDetached),
		L3Mdev: bool(r.L3Mdev), TunnelID: r.TunID,
		SrcPort: route.PortRange{Start: r.Sport, End: r.Sport}, DstPort: route.PortRange{Start: r.Dport, End: r.Dport},
	}
	out := route.Rule{
		Priority: r.Priority, Goto: r.Goto, Unresolved: bool(r.Unresolved), Implied: r.Implied,
		Realm: (&Realms{string(r.FlowFrom), string(r.FlowTo)}).number(), SuppressPrefixLen: -1, SuppressGroup: -1,
	}
	var errs resolving
	s.Src = errs.prefix(&out, r.Src, r.SrcLen)
	s.Dst = errs.prefix(&out, r.Dst, r.DstLen)
	if r.TOS != "" {
		s.TOS = must[uint8](&errs)(ParseTOS(string(r.TOS)))
	}
	s.Mark, s.MarkMask = errs.masked(r.FwMark, r.FwMask, 32)
	s.FlowLabel, s.FlowLabelMask = errs.masked(r.FlowLabel, r.FlowLabelMask, 20)
	if r.DSCP != "" {
		dscp := r.DSCP
		if _, err := ParseUint(string(dscp), 6); err != nil {
			if octet, err := ParseTOS(string(dscp)); err == nil { // a name stands for the whole octet
				dscp = Text(strconv.Itoa(int(octet >> 2)))
			}
		}
		v, mask := errs.masked(dscp, r.DSCPMask, 6)
		s.HasDSCP, s.DSCP, s.DSCPMask = true, uint8(v), uint8(mask)
	}
	if r.UIDStart != nil && r.UIDEnd != nil {
		s.HasUIDs, s.UIDs = true, route.UIDRange{Start: *r.UIDStart, End: *r.UIDEnd}
	}
	if r.IPProto != "" {
		var known bool
		if s.Proto, known = Proto(string(r.IPProto)); !known {
			errs.add(fmt.Errorf("protocol %q", r.IPProto))
		}
	}
	errs.ports(&s.SrcPort, r.SportStart, r.SportEnd, r.SportMask)
	errs.ports(&s.DstPort, r.DportStart, r.DportEnd, r.DportMask)
	if r.SuppressPrefix != nil { // the kernel accepts longer lengths
		out.SuppressPrefixLen = min(*r.SuppressPrefix, route.IPv6.Bits())
	}
	if r.SuppressGroup != nil {
		out.SuppressGroup = int64(*r.SuppressGroup)
	}
	if r.Protocol != "" {
		out.Protocol = must[route.Protocol](&errs)(n.Protocol(string(r.Protocol)))
	}
	switch {
	case r.Goto != 0 || r.Action == noTarget:
		out.Action = route.ActionGoto
	case bool(r.Nop):
		out.Action = route.ActionNop
	case r.Action != "":
		errs.add(out.Action.UnmarshalText([]byte(r.Action)))
	case r.Table != "":
		out.Action, out.Table = route.ActionTable, must[route.Table](&errs)(n.Table(string(r.Table)))
	case bool(r.L3Mdev):
		out.Action = route.ActionTable
	}
	for _, attr := range r.Unknown {
		out.Unknown = append(out.Unknown, route.Attr{Type: attr})
	}
	out.Selector = s
	return out, errs.first
}

// resolving keeps the first error.
type resolving struct{ first error }

func (e *resolving) add(err error) {
	if e.first == nil {
		e.first = err
	}
}

// must returns a function that gives a value without its error, and keeps the error.
func must[T any](e *resolving) func(T, error) T {
	return func(v T, err error) T {
		e.add(err)
		return v
	}
}

// prefix reads a prefix of a rule. The rule gets the family of its prefixes. The bits after
// the prefix's length are removed: the kernel keeps them, but does not compare them.
func (e *resolving) prefix(r *route.Rule, addr string, length int) netip.Prefix {
	if addr == "" || addr == "all" || addr == "0" {
		return netip.Prefix{}
	}
	if length != 0 && !strings.Contains(addr, "/") {
		addr = lengthened(addr, length)
	}
	p, err := ParsePrefix(addr)
	if err != nil { // for example, because the prefix was redacted
		e.add(fmt.Errorf("%q is no address", addr))
		if strings.Contains(addr, ":") && r.Family == 0 {
			r.Family = route.IPv6
		}
		return netip.Prefix{}
	}
	family := route.FamilyOf(p.Addr())
	if r.Family != 0 && r.Family != family {
		e.add(fmt.Errorf("%s in a rule of %s", p, r.Family))
		return netip.Prefix{}
	}
	r.Family = family
	return p
}

// masked reads a value and a mask with a number of bits. Without a mask, all bits count.
func (e *resolving) masked(value, mask Text, bits int) (uint32, uint32) {
	if value == "" {
		return 0, 0
	}
	v, m := must[uint64](e)(ParseUint(string(value), bits)), uint64(1)<<bits-1
	if mask != "" {
		m = must[uint64](e)(ParseUint(string(mask), bits))
	}
	return uint32(v), uint32(m)
}

func (e *resolving) ports(r *route.PortRange, start, end uint16, mask Text) {
	if end != 0 {
		r.Start, r.End = start, end
	}
	if mask != "" {
		r.Mask = uint16(must[uint64](e)(ParseUint(string(mask), 16)))
	}
}
