package load

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// parseRule reads a line of ip-rule(8), as print_rule in iproute2's ip/iprule.c
// writes it, after the priority.
func (f *facts) parseRule(priority uint32, line []string, c *context) (route.Rule, error) {
	r := route.Rule{Priority: priority, SuppressPrefixLen: -1, SuppressGroup: -1}
	w := &words{rest: line}
	w.skip("[detached]")
	for w.more() {
		if !f.selectorWord(w, &r) {
			f.actionWord(w, &r)
		}
	}
	if w.err == nil && r.Action == route.ActionUnspec {
		w.fail(fmt.Errorf("no action"))
	}
	err := w.err
	if err == nil {
		err = w.soft
	}
	if err != nil {
		r.Unknown = []route.Attr{{}} // its selector, which was not understood
		f.restOfRule(w, &r)
	}
	if r.Action == route.ActionTable && r.Table == 0 && !r.Selector.L3Mdev || r.Action == route.ActionUnspec {
		// No rule of the kernel's: where it leads was not understood.
		r.Action, r.Unknown = route.ActionNop, []route.Attr{{}}
		if err == nil {
			err = errors.New("it leads to no table")
		}
	}
	if r.Family == 0 && w.colons {
		r.Family = route.IPv6
	}
	if r.Family == 0 {
		r.Family = f.ruleFamily(priority, c)
	}
	if check := r.Check(); check != nil {
		r, err = doubtfulRule(&r), cmp.Or(err, check)
	}
	c.rules = rulesSeen{priority, true, r.Family}
	return r, err
}

// doubtfulRule is what stays of a rule that no kernel has: its place, and where it
// leads.
func doubtfulRule(r *route.Rule) route.Rule {
	d := route.Rule{
		Family: r.Family, Priority: r.Priority, Action: r.Action, Table: r.Table, SuppressPrefixLen: -1, SuppressGroup: -1,
		Unknown: []route.Attr{{}},
	}
	if d.Check() != nil {
		d.Action, d.Table = route.ActionNop, 0
	}
	return d
}

// restOfRule finds where a rule leads of which a word was not understood.
func (f *facts) restOfRule(w *words, r *route.Rule) {
	if r.Action != route.ActionUnspec {
		return
	}
	for i := 0; i+1 < len(w.rest); i++ {
		if w.rest[i] == "lookup" {
			if t, err := f.table(w.rest[i+1]); err == nil {
				r.Action, r.Table = route.ActionTable, t
			}
			return
		}
	}
}

// ruleFamily is the family of a rule without addresses. A second listing, in
// the same file or in another, is IPv6's.
func (f *facts) ruleFamily(priority uint32, c *context) route.Family {
	in := f.ruleIn[route.IPv4]
	switch {
	case c.family != 0:
		return c.family
	case !c.rules.any && len(in) > 0 && in[len(in)-1] != int32(f.listing):
		return route.IPv6
	case !c.rules.any:
		return route.IPv4
	case priority < c.rules.last:
		return route.IPv6
	}
	return c.rules.family
}

// selectorWord takes a part of the condition. False: it is none.
func (f *facts) selectorWord(w *words, r *route.Rule) bool {
	s := &r.Selector
	switch w.peek() {
	case "not":
		w.next()
		s.Not = true
	case "from", "to":
		f.rulePrefix(w, r)
	case "iif", "dev":
		w.next()
		s.In = w.next()
		s.InDetached = w.skip("[detached]")
	case "oif":
		w.next()
		s.Out = w.next()
		s.OutDetached = w.skip("[detached]")
	case "fwmark":
		w.next()
		s.Mark, s.MarkMask = w.masked(32)
	case "tos":
		w.next()
		v, err := iproute2.ParseTOS(w.next())
		if err != nil {
			w.fail(err)
		}
		s.TOS = v
	case "dscp":
		w.next()
		f.dscp(w, s)
	case "flowlabel":
		w.next()
		s.FlowLabel, s.FlowLabelMask = w.masked(20)
	case "uidrange":
		w.next()
		s.HasUIDs = true
		low, high, _ := strings.Cut(w.next(), "-")
		s.UIDs.Start, s.UIDs.End = uint32(uintOr(w, low, 32)), uint32(uintOr(w, high, 32))
	case "ipproto":
		w.next()
		s.Proto = ipProto(w, w.next())
	case "sport":
		w.next()
		s.SrcPort = ports(w, w.next())
	case "dport":
		w.next()
		s.DstPort = ports(w, w.next())
	case "tun_id":
		w.next()
		s.TunnelID = w.number(64)
	default:
		return false
	}
	return true
}

func uintOr(w *words, s string, bits int) uint64 {
	n, err := number(s, bits)
	if err != nil {
		w.fail(err)
	}
	return n
}

// dscp takes a DSCP with or without a mask. A name is that of the whole octet.
func (f *facts) dscp(w *words, s *route.Selector) {
	s.HasDSCP, s.DSCPMask = true, 0x3f
	text, mask, has := strings.Cut(w.next(), "/")
	if n, err := number(text, 6); err == nil {
		s.DSCP = uint8(n)
	} else if octet, err := iproute2.ParseTOS(text); err == nil {
		s.DSCP = octet >> 2
	} else {
		w.fail(fmt.Errorf("dscp %q", text))
	}
	if has {
		s.DSCPMask = uint8(uintOr(w, mask, 6))
	}
}

func (f *facts) rulePrefix(w *words, r *route.Rule) {
	from := w.next() == "from"
	text := w.next()
	if text == "all" || text == "0/0" {
		return
	}
	p, _, ok := destination(text)
	if !ok { // redacted
		w.unread(text)
		return
	}
	// The kernel keeps the bits after the prefix's length, and compares without them.
	p = p.Masked()
	var err error
	fam := route.FamilyOf(p.Addr())
	if err == nil && r.Family != 0 && r.Family != fam {
		err = fmt.Errorf("%s in a rule of %s", p, r.Family)
	}
	if err != nil {
		w.fail(err)
		return
	}
	r.Family = fam
	if from {
		r.Selector.Src = p
	} else {
		r.Selector.Dst = p
	}
}

// ipProto is a protocol's number by name or number.
func ipProto(w *words, s string) uint8 {
	n, ok := iproute2.Proto(s)
	if !ok {
		w.fail(fmt.Errorf("protocol %q", s))
	}
	return n
}

// ports reads a port, a range, or a port with a mask.
func ports(w *words, s string) route.PortRange {
	if low, high, ok := strings.Cut(s, "-"); ok {
		return route.PortRange{Start: uint16(uintOr(w, low, 16)), End: uint16(uintOr(w, high, 16))}
	}
	text, mask, has := strings.Cut(s, "/")
	p := uint16(uintOr(w, text, 16))
	r := route.PortRange{Start: p, End: p}
	if has {
		r.Mask = uint16(uintOr(w, mask, 16))
	}
	return r
}

// actionWord takes a part of what the rule does.
func (f *facts) actionWord(w *words, r *route.Rule) {
	var err error
	switch word := w.next(); word {
	case "lookup", "table":
		r.Action = route.ActionTable
		if w.peek() == "[l3mdev-table]" {
			w.next()
			r.Selector.L3Mdev = true
			break
		}
		r.Table, err = f.table(w.next())
	case "[l3mdev-table]", "l3mdev":
		r.Action, r.Selector.L3Mdev = route.ActionTable, true
	case "suppress_prefixlength", "suppress_prefixlen":
		r.SuppressPrefixLen = min(int(w.number(8)), route.IPv6.Bits()) // the kernel takes longer ones
	case "suppress_ifgroup":
		text := w.next()
		if text == "default" {
			text = "0"
		}
		r.SuppressGroup = int64(uintOr(w, text, 31))
	case "goto":
		r.Action = route.ActionGoto
		if !w.skip("none") {
			r.Goto = uint32(w.number(32))
		}
	case "[unresolved]", "unresolved":
		r.Unresolved = true
	case "nop", "blackhole", "unreachable", "prohibit":
		err = r.Action.UnmarshalText([]byte(word))
	case "proto", "protocol":
		r.Protocol, err = f.protocol(w.next())
	case "realms", "realm":
		r.Realm = w.realms()
	default:
		err = fmt.Errorf("%q is not known", word)
	}
	if err != nil {
		w.fail(err)
	}
}
