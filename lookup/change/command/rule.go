package command

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
	"routewhy/route/iproute2"
)

const ruleUsage = "Usage: ip rule { add | del } SELECTOR ACTION"

// rule reads `ip rule`.
func (a *args) rule(c *Command) {
	verb := "list"
	if a.more() {
		word := a.take()
		verb = choose(word, "list lst show save restore add delete flush help")
		if verb == "" {
			a.refuse("Command %q is unknown, try %q.", raw(word), raw("ip rule help"))
		}
	}
	switch verb {
	case "add":
		a.changeRule(c, change.Add)
	case "delete":
		a.changeRule(c, change.Delete)
	case "flush":
		a.flushRules(c)
	case "list", "lst", "show":
		a.ruleFilter()
		c.Reads = true
	case "help":
		a.refuse(ruleUsage)
	default:
		a.unknown("ip rule %s is not understood", verb)
	}
}

// ruleWords are the keywords of a rule, in the order in which ip compares them.
const ruleWords = "not from to preference* order* priority* tos dsfield* fwmark realms* protocol* tun_id* table* lookup " +
	"suppress_prefixlength* sup_pl suppress_ifgroup* sup_group dev iif oif l3mdev uidrange nat map-to* ipproto sport dport"

// ruleRequest is a request that is being built, as iprule_modify fills it in.
type ruleRequest struct {
	*args
	change.Rule
	hasTable, hasTarget bool
	// hasMask says that a mask for the mark is given, which may be zero.
	hasMask bool
}

// changeRule is iprule_modify (ip/iprule.c).
func (a *args) changeRule(c *Command, verb change.Verb) {
	q := &ruleRequest{args: a}
	r := &q.Rule.Rule
	q.Verb, r.SuppressPrefixLen, r.SuppressGroup = verb, -1, -1
	if verb == change.Add {
		r.Action = route.ActionTable
	}
	if !a.more() {
		name := "add"
		if verb == change.Delete {
			name = "del"
		}
		a.refuse("%q requires arguments.", raw("ip rule "+name))
	}
	for a.more() {
		word := a.take()
		if key := chooseExact(word, ruleWords); key != "" {
			q.keyword(c, key)
		} else {
			q.action(word)
		}
	}
	if r.Selector.L3Mdev && r.Table != 0 {
		a.refuse("table can not be specified for l3mdev rules")
	}
	r.Family = a.family
	if r.Family == 0 {
		r.Family = route.IPv4
	}
	if !q.hasTable && verb == change.Add {
		r.Table = route.TableMain
	}
	for _, p := range []*netip.Prefix{&r.Selector.Src, &r.Selector.Dst} {
		if p.IsValid() && p.Bits() == 0 {
			*p = netip.Prefix{}
		}
	}
	c.Changes = append(c.Changes, &q.Rule)
}

// action reads what a rule does.
func (q *ruleRequest) action(word string) {
	r := &q.Rule.Rule
	if word == "type" {
		word = q.value()
	}
	q.hasTable = true
	switch {
	case matches(word, "goto"):
		r.Action = route.ActionGoto
		r.Goto = q.uint32Of(q.value(), "invalid target")
		q.hasTarget = true
	case matches(word, "help"):
		q.refuse(ruleUsage)
	case matches(word, "nop"):
		r.Action = route.ActionNop
	default:
		t, ok := routeType(word)
		if !ok {
			q.invalid(word, "Failed to parse rule type")
		}
		r.Action = route.Action(t)
	}
}

// keyword reads the value of a keyword.
func (q *ruleRequest) keyword(c *Command, key string) {
	r, s := &q.Rule.Rule, &q.Rule.Rule.Selector
	switch key {
	case "not":
		s.Not = true
	case "from":
		s.Src = q.rulePrefix()
	case "to":
		s.Dst = q.rulePrefix()
	case "preference", "order", "priority":
		r.Priority, q.HasPriority = q.uint32Of(q.value(), "preference value is invalid"), true
	case "tos", "dsfield":
		v := q.value()
		tos, ok := dsfield(v)
		if !ok {
			q.invalid(v, "TOS value is invalid")
		}
		s.TOS = tos
	case "fwmark":
		if q.mark(); !q.hasMask && s.Mark != 0 {
			s.MarkMask = 1<<32 - 1 // the kernel's own (fib_nl2rule)
		}
	case "realms":
		r.Realm = q.realmsOr(q.value(), "invalid realms")
	case "protocol":
		v := q.value()
		p, ok := q.protocol(v)
		if !ok {
			q.invalid(v, `"protocol" value is invalid`)
		}
		r.Protocol = p
	case "tun_id":
		v := q.value()
		n, ok := number(v, 64)
		if !ok {
			q.invalid(v, `"tun_id" value is invalid`)
		}
		s.TunnelID = n
	case "table", "lookup":
		v := q.value()
		t, ok := q.table(v)
		if !ok {
			q.invalid(v, "invalid table ID")
		}
		r.Table, q.hasTable = t, true
	case "suppress_prefixlength", "sup_pl":
		v := q.value()
		n, ok := number(v, 31)
		if !ok {
			q.invalid(v, "suppress_prefixlength value is invalid")
		}
		r.SuppressPrefixLen = int(n)
	case "suppress_ifgroup", "sup_group":
		r.SuppressGroup = int64(q.groupNumber(q.value(), `Invalid "suppress_ifgroup" value`))
	case "dev", "iif":
		s.In = q.ifname(q.value(), `"iif"/"dev" not a valid ifname`)
	case "oif":
		s.Out = q.ifname(q.value(), `"oif" not a valid ifname`)
	case "l3mdev":
		s.L3Mdev, q.hasTable = true, true
	case "nat", "map-to":
		q.addr(q.value(), route.IPv4)
		c.Warning = "Warning: route NAT is deprecated"
		r.Action = route.Action(route.TypeNAT)
	default:
		q.portsAndUsers(key)
	}
}

// portsAndUsers reads the value of a keyword about a socket.
func (q *ruleRequest) portsAndUsers(key string) {
	s := &q.Rule.Rule.Selector
	v := q.value()
	switch key {
	case "uidrange":
		start, end := scanRange(v, 32)
		if start == nil || end == nil {
			q.invalid(v, "invalid UID range")
		}
		s.UIDs, s.HasUIDs = route.UIDRange{Start: uint32(*start), End: uint32(*end)}, true
	case "ipproto":
		p, ok := iproute2.Proto(v)
		if !ok || strings.EqualFold(v, "icmpv6") { // getprotobyname knows it as ipv6-icmp
			q.invalid(v, `Invalid "ipproto" value`)
		}
		s.Proto = p
	case "sport", "dport":
		start, end := scanRange(v, 16)
		if start == nil {
			if key == "dport" {
				q.invalid(v, "invalid dport range")
			}
			q.invalid(v, "invalid port range")
		}
		if end == nil {
			end = start
		}
		r := route.PortRange{Start: uint16(*start), End: uint16(*end)}
		if r == (route.PortRange{}) {
			q.lacks = &change.Refusal{Errno: route.EINVAL, Message: "Invalid " + key + " range"}
		}
		if key == "sport" {
			s.SrcPort = r
		} else {
			s.DstPort = r
		}
	}
}

// scanRange reads "5-7" as sscanf(3) does. Text after the numbers is ignored.
func scanRange(v string, bits int) (start, end *uint64) {
	scan := func(s string) (*uint64, string) {
		s = strings.TrimLeft(s, " \t")
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		x, err := strconv.ParseUint(s[:n], 10, 64)
		if n == 0 || err != nil {
			return nil, s
		}
		x &= 1<<bits - 1
		return &x, s[n:]
	}
	start, rest := scan(v)
	if after, ok := strings.CutPrefix(rest, "-"); ok && start != nil {
		end, _ = scan(after)
	}
	return start, end
}

// mark reads a mark and its mask.
func (q *ruleRequest) mark() {
	s := &q.Rule.Rule.Selector
	v := q.value()
	mark, mask, has := strings.Cut(v, "/")
	s.Mark = q.uint32Of(mark, "fwmark value is invalid")
	if q.hasMask = has; has {
		s.MarkMask = q.uint32Of(mask, "fwmask value is invalid")
	}
}

// rulePrefix reads a prefix. If the prefix includes all addresses, it returns the
// zero Prefix.
func (q *ruleRequest) rulePrefix() netip.Prefix {
	return q.prefix(q.value(), q.family).prefix
}

// ifname is a name that a device may have (check_ifname).
func (a *args) ifname(name, why string) string {
	if name == "" || len(name) > 15 || strings.ContainsAny(name, "/ \t\n\v\f\r") {
		a.invalid(name, why)
	}
	return name
}

// groupNumber is rtnl_group_a2n.
func (a *args) groupNumber(v, why string) uint32 {
	if v == "default" {
		return 0
	}
	n, ok := number(v, 31)
	if !ok {
		a.invalid(v, why)
	}
	return uint32(n)
}

// flushRules deletes all rules except those of priority zero (flush_rule in
// ip/iprule.c).
func (a *args) flushRules(c *Command) {
	f := a.family
	if f == 0 {
		f = route.IPv4
	}
	keep := a.ruleFilter()
	for _, r := range slices.Clone(a.snap.Rules) {
		if r.Family == f && r.Priority != 0 && !r.Implied && keep(&r) {
			r.Unresolved, r.Unknown = false, nil
			r.Selector.InDetached, r.Selector.OutDetached = false, false
			c.Changes = append(c.Changes, &change.Rule{Verb: change.Delete, Rule: r, HasPriority: true})
		}
	}
}

// ruleFilter reads which rules `ip rule flush` and `ip rule show` mean
// (iprule_list_flush_or_save in ip/iprule.c).
func (a *args) ruleFilter() func(*route.Rule) bool {
	filters := []func(*route.Rule) bool{}
	add := func(f func(*route.Rule) bool) { filters = append(filters, f) }
	for a.more() {
		word := a.take()
		switch key := chooseExact(word, "preference* order* priority* not tos dsfield* fwmark lookup* table tun_id* table* from* iif oif l3mdev* uidrange* "+
			"ipproto* sport* dport* protocol* from* to*"); key {
		case "preference", "order", "priority":
			n := a.uint32Of(a.value(), "preference value is invalid")
			add(func(r *route.Rule) bool { return r.Priority == n })
		case "table", "lookup":
			v := a.value()
			t, ok := a.table(v)
			if !ok {
				a.invalid(v, "table id value is invalid")
			}
			add(func(r *route.Rule) bool { return r.Table == t || t == 0 })
		case "protocol":
			v := a.value()
			p, ok := a.protocol(v)
			if !ok && v != "all" {
				a.invalid(v, `invalid "protocol"`)
			}
			add(func(r *route.Rule) bool { return r.Protocol == p || !ok })
		case "from", "to":
			add(inPrefix(a.prefix(a.value(), max(a.family, route.IPv4)), key == "from"))
		case "iif", "oif":
			name := a.ifname(a.value(), `"`+key+`" not a valid ifname`)
			add(func(r *route.Rule) bool {
				return key == "iif" && r.Selector.In == name || key == "oif" && r.Selector.Out == name
			})
		case "fwmark":
			q := &ruleRequest{args: a}
			q.mark()
			want := &q.Rule.Rule.Selector
			add(func(r *route.Rule) bool {
				have := &r.Selector
				return (want.Mark == 0 || have.Mark == want.Mark) && (want.MarkMask == 0 || have.MarkMask == want.MarkMask)
			})
		case "l3mdev":
			add(func(r *route.Rule) bool { return r.Selector.L3Mdev })
		case "not":
			add(func(r *route.Rule) bool { return r.Selector.Not })
		case "tos", "dsfield":
			v := a.value()
			tos, ok := dsfield(v)
			if !ok {
				a.invalid(v, "TOS value is invalid")
			}
			add(func(r *route.Rule) bool { return r.Selector.TOS == tos })
		case "tun_id":
			v := a.value()
			if _, ok := number(v, 64); !ok {
				a.invalid(v, `"tun_id" value is invalid`)
			}
			add(func(*route.Rule) bool { return false }) // such a rule is not understood
		case "uidrange", "ipproto", "sport", "dport":
			q := &ruleRequest{args: a}
			q.portsAndUsers(key)
			add(likePorts(&q.Rule.Rule.Selector))
		case "":
			add(inPrefix(a.prefix(word, max(a.family, route.IPv4)), false))
		}
	}
	return func(r *route.Rule) bool {
		return !slices.ContainsFunc(filters, func(f func(*route.Rule) bool) bool { return !f(r) })
	}
}

// inPrefix reports whether a rule's own prefix is in the given one.
func inPrefix(p inet, from bool) func(*route.Rule) bool {
	return func(r *route.Rule) bool {
		have := r.Selector.Dst
		if from {
			have = r.Selector.Src
		}
		return p.prefix.Bits() <= 0 || have.IsValid() && have.Bits() >= p.prefix.Bits() && p.prefix.Masked().Contains(have.Addr())
	}
}

// likePorts reports whether a rule has the same users, protocol and ports.
func likePorts(want *route.Selector) func(*route.Rule) bool {
	return func(r *route.Rule) bool {
		have := &r.Selector
		return (!want.HasUIDs || have.HasUIDs && have.UIDs == want.UIDs) && (want.Proto == 0 || have.Proto == want.Proto) &&
			(want.SrcPort == route.PortRange{} || have.SrcPort == want.SrcPort) && (want.DstPort == route.PortRange{} || have.DstPort == want.DstPort)
	}
}
