package command

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"routewhy/lookup/change"
	"routewhy/route"
)

const addrUsage = "Usage: ip address {add|change|replace} IFADDR dev IFNAME [ LIFETIME ]"

// address reads `ip address`.
func (a *args) address(c *Command) {
	verb := "list"
	if a.more() {
		word := a.take()
		verb = chooseExact(word, "add* change* chg replace* delete* show* list* lst* flush* save* showdump* restore* help*")
		if verb == "" {
			a.refuse("Command %q is unknown, try %q.", raw(word), raw("ip address help"))
		}
	}
	switch verb {
	case "add":
		a.changeAddr(c, change.Add)
	case "change", "chg":
		a.changeAddr(c, change.Modify)
	case "replace":
		a.changeAddr(c, change.Replace)
	case "delete":
		a.changeAddr(c, change.Delete)
	case "flush":
		a.flushAddrs(c)
	case "list", "lst", "show":
		a.addrFilter()
		c.Reads = true
	case "help":
		a.refuse(addrUsage)
	default:
		a.unknown("ip address %s is not understood", verb)
	}
}

// usualAddrScope is the scope of an address if the command gives none (default_scope
// in ip/ipaddress.c).
func usualAddrScope(a netip.Addr) route.Scope {
	if a.Is4() && a.IsLoopback() {
		return route.ScopeHost
	}
	return route.ScopeGlobal
}

// addrFlag is a flag of an address by its keyword. Zero means a flag that ip does not
// set.
type addrFlag struct {
	name  string
	flag  route.AddrFlags
	only6 bool
}

func addrFlags() []addrFlag {
	return []addrFlag{
		{"home", route.AddrHomeAddress, true}, {"nodad", route.AddrNoDAD, true}, {"mngtmpaddr", route.AddrManageTemp, true},
		{"noprefixroute", route.AddrNoPrefixRoute, false}, {"autojoin", route.AddrMCAutoJoin, false}, {"optimistic", route.AddrOptimistic, true},
		{"secondary", 0, false}, {"temporary", 0, false}, {"permanent", 0, false}, {"dynamic", 0, false}, {"tentative", 0, false},
		{"deprecated", 0, false}, {"dadfailed", 0, false},
	}
}

// addrWords are the keywords of an address, in the order in which ip compares them.
const addrWords = "peer remote broadcast* brd anycast scope dev label metric* priority* preference* valid_lft* preferred_lft* proto " +
	"home nodad mngtmpaddr noprefixroute autojoin optimistic secondary temporary permanent dynamic tentative deprecated dadfailed"

// addrRequest is a request that is being built, as ipaddr_modify fills it in.
type addrRequest struct {
	*args
	change.Addr
	family           route.Family
	local, peer      inet
	hasLocal         bool
	hasPeer          bool
	broadcast        string // "+" or "-"; otherwise, if hasBroadcast is set, an address
	hasBroadcast     bool
	dev              string
	hasScope         bool
	hasValid, hasPre bool
	valid, preferred uint32
	warning          string
}

// changeAddr is ipaddr_modify (ip/ipaddress.c).
func (a *args) changeAddr(c *Command, verb change.Verb) {
	q := &addrRequest{args: a, family: a.family}
	q.Verb = verb
	for a.more() {
		word := a.take()
		if key := chooseExact(word, addrWords); key != "" {
			q.keyword(key)
			continue
		}
		if word == "local" {
			word = a.value()
		}
		if matches(word, "help") {
			a.refuse(addrUsage)
		}
		if q.hasLocal {
			a.garbage("local", word)
		}
		q.local, q.hasLocal = a.prefix(word, q.family), true
		q.learn(q.local.family)
	}
	if q.hasLocal || q.hasPeer && (verb == change.Delete || q.family == route.IPv6) {
		q.complete(c)
		c.Changes = append(c.Changes, &q.Addr)
	} else {
		q.withoutAddress(c)
	}
}

// withoutAddress is the kernel's answer to a request without an address. IPv4 deletes the
// first one of the device (inet_rtm_deladdr).
func (q *addrRequest) withoutAddress(c *Command) {
	if q.dev == "" {
		q.refuse("Not enough information: %q argument is required.", raw("dev"))
	}
	index := q.link(q.dev).Index
	switch {
	case q.family == route.IPv6:
		c.Kernel = &change.Refusal{Errno: route.EINVAL}
	case q.family == 0:
		c.Kernel = &change.Refusal{Errno: route.EOPNOTSUPP}
	case q.Verb != change.Delete:
		c.Kernel = &change.Refusal{Errno: route.EINVAL, Message: "ipv4: Local address is not supplied", MessageUnsure: true}
	default:
		first := route.Addr{Link: index, Label: q.Addr.Addr.Label, Prefix: route.IPv4.Default()} // which is no address
		at := slices.IndexFunc(q.snap.Addrs, func(x route.Addr) bool {
			return x.Link == index && x.Prefix.Addr().Is4() && (first.Label == "" || x.Label == first.Label)
		})
		if at >= 0 {
			first = q.snap.Addrs[at]
		}
		c.Changes = append(c.Changes, drop(&first))
	}
}

func (q *addrRequest) learn(f route.Family) {
	if q.family == 0 {
		q.family = f
	}
}

// keyword reads the value of a keyword.
func (q *addrRequest) keyword(key string) {
	a := &q.Addr.Addr
	switch key {
	case "peer", "remote":
		v := q.value()
		if q.hasPeer {
			q.twice("peer", v)
		}
		q.peer, q.hasPeer = q.prefix(v, q.family), true
		q.learn(q.peer.family)
	case "broadcast", "brd":
		v := q.value()
		if q.hasBroadcast {
			q.twice("broadcast", v)
		}
		q.hasBroadcast, q.broadcast = true, v
		if v != "+" && v != "-" {
			a.Broadcast = q.addr(v, q.family)
			q.learn(route.FamilyOf(a.Broadcast))
		}
	case "anycast":
		q.addr(q.value(), q.family)
	case "scope":
		v := q.value()
		s, ok := scope(v)
		if !ok {
			q.invalid(v, "invalid scope value.")
		}
		a.Scope, q.hasScope = s, true
	case "dev":
		q.dev = q.value()
	case "label":
		a.Label = q.value()
	case "metric", "priority", "preference":
		q.Metric = q.uint32Of(q.value(), `"metric" value is invalid`)
	case "valid_lft":
		v := q.value()
		if q.hasValid {
			q.twice("valid_lft", v)
		}
		q.valid, q.hasValid = q.lifetime(v, "valid_lft value"), true
	case "preferred_lft":
		v := q.value()
		if q.hasPre {
			q.twice("preferred_lft", v)
		}
		q.preferred, q.hasPre = q.lifetime(v, "preferred_lft value"), true
	case "proto":
		a.Protocol = q.uint8Of(q.value(), `"proto" value is invalid`)
	default:
		q.flag(key)
	}
}

// flag reads a flag. Some flags are only for IPv6. ip leaves these out if it does not know
// yet that the address is an IPv6 address.
func (q *addrRequest) flag(key string) {
	for _, f := range addrFlags() {
		switch {
		case f.name != key:
		case f.flag == 0:
			q.warning = fmt.Sprintf("Warning: %s option is not mutable from userspace", key)
		case f.only6 && q.family != route.IPv6:
			q.warning = fmt.Sprintf("Warning: %s option can be set only for IPv6 addresses", key)
		default:
			q.Addr.Addr.Flags |= f.flag
		}
	}
}

// lifetime is set_lifetime, in seconds.
func (q *addrRequest) lifetime(v, why string) uint32 {
	if v == "forever" {
		return 1<<32 - 1
	}
	return q.uint32Of(v, why)
}

// complete does what comes after the last word.
func (q *addrRequest) complete(c *Command) {
	a := &q.Addr.Addr
	if q.dev == "" {
		q.refuse("Not enough information: %q argument is required.", raw("dev"))
	}
	local := q.local.in(q.family)
	switch {
	case !q.hasLocal:
		local = netip.PrefixFrom(q.peer.prefix.Addr(), q.peer.prefix.Bits())
	case !q.hasPeer && q.Verb == change.Delete && q.family == route.IPv4 && !q.local.hasLength:
		c.Warning = "Warning: Executing wildcard deletion to stay compatible with old scripts."
		q.NoAddress = true
	}
	length := local.Bits()
	if q.hasPeer {
		peer := q.peer.in(q.family)
		if peer.Bits() != 0 {
			length = peer.Bits()
		}
		a.Peer = netip.PrefixFrom(peer.Addr(), length)
	}
	a.Prefix = netip.PrefixFrom(local.Addr(), length)
	q.fillBroadcast(local)
	if !q.hasScope && q.Verb != change.Delete {
		a.Scope = usualAddrScope(local.Addr())
	}
	a.Link = q.link(q.dev).Index
	c.Warning = strings.TrimSpace(c.Warning + " " + q.warning)
	if q.hasValid || q.hasPre {
		q.lifetimes()
	}
}

// fillBroadcast works out the broadcast address for + and -.
func (q *addrRequest) fillBroadcast(local netip.Prefix) {
	a := &q.Addr.Addr
	if q.Verb == change.Delete || q.broadcast != "+" && q.broadcast != "-" {
		return
	}
	if q.family != route.IPv4 {
		q.refuse("Broadcast can be set only for IPv4 addresses")
	}
	of := local
	if q.hasPeer {
		of = q.peer.in(q.family)
	}
	if of.Bits() > 30 {
		return
	}
	if q.broadcast == "+" {
		a.Broadcast = route.LastAddr(of.Masked())
	} else {
		a.Broadcast = of.Masked().Addr()
	}
}

// lifetimes checks the two lifetimes.
func (q *addrRequest) lifetimes() {
	valid, preferred := q.valid, q.preferred
	if !q.hasValid {
		valid = 1<<32 - 1
	}
	if !q.hasPre {
		preferred = 1<<32 - 1
	}
	if valid == 0 {
		q.refuse("valid_lft is zero")
	}
	if preferred > valid {
		q.refuse("preferred_lft is greater than valid_lft")
	}
	q.Addr.Addr.ValidLft, q.Addr.Addr.PreferredLft = time.Duration(valid)*time.Second, time.Duration(preferred)*time.Second
}

// flushAddrs deletes addresses, the secondary ones first (ipaddr_flush in
// ip/ipaddress.c).
func (a *args) flushAddrs(c *Command) {
	if !a.more() {
		a.refuse("Flush requires arguments.")
	}
	keep := a.addrFilter()
	var first, then []change.Change
	for _, x := range slices.Clone(a.snap.Addrs) {
		f := route.FamilyOf(x.Prefix.Addr())
		if a.family != 0 && f != a.family || !keep(&x) {
			continue
		}
		del := &change.Addr{Verb: change.Delete, Addr: x}
		del.Addr.Flags, del.Addr.ValidLft, del.Addr.PreferredLft, del.Addr.Metric = 0, 0, 0, 0
		if f == route.IPv4 && x.Flags&route.AddrSecondary != 0 {
			first = append(first, del)
		} else {
			then = append(then, del)
		}
	}
	c.Changes = slices.Concat(first, then)
}

// filterFlag is a flag by which addresses are chosen, and whether it must be set
// (get_filter). A minus sign before it means that it must not.
func filterFlag(word string) (bit route.AddrFlags, set, ok bool) {
	name, minus := strings.CutPrefix(word, "-")
	switch name {
	case "dynamic":
		return route.AddrPermanent, minus, true
	case "primary":
		return route.AddrSecondary, minus, true
	}
	bit, ok = map[string]route.AddrFlags{
		"permanent": route.AddrPermanent, "secondary": route.AddrSecondary, "temporary": route.AddrSecondary,
		"tentative": route.AddrTentative, "deprecated": route.AddrDeprecated, "dadfailed": route.AddrDADFailed,
		"noprefixroute": route.AddrNoPrefixRoute, "mngtmpaddr": route.AddrManageTemp, "nodad": route.AddrNoDAD,
		"home": route.AddrHomeAddress, "autojoin": route.AddrMCAutoJoin, "optimistic": route.AddrOptimistic,
	}[name]
	return bit, !minus, ok
}

// addrFilter reads which addresses `ip addr flush` means, and what `ip addr show` and
// `ip link show` are about (ipaddr_list_flush_or_save).
func (a *args) addrFilter() func(*route.Addr) bool {
	var filters []func(*route.Addr) bool
	add := func(f func(*route.Addr) bool) { filters = append(filters, f) }
	flag := func(bit route.AddrFlags, set bool) {
		add(func(x *route.Addr) bool { return x.Flags&bit != 0 == set })
	}
	dev := ""
	for a.more() {
		word := a.take()
		if bit, set, ok := filterFlag(word); ok {
			flag(bit, set)
			continue
		}
		switch key := chooseExact(word, "to scope up label group master vrf nomaster type dev"); key {
		case "to":
			p := a.prefix(a.value(), a.family)
			if p.prefix.IsValid() {
				add(func(x *route.Addr) bool {
					return p.prefix.Masked().Overlaps(x.Prefix) && x.Prefix.Bits() >= p.prefix.Bits()
				})
			}
		case "scope":
			v := a.value()
			if v == "all" {
				continue
			}
			s, ok := scope(v)
			if !ok {
				a.invalid(v, `invalid "scope"`)
			}
			add(func(x *route.Addr) bool { return x.Scope == s })
		case "up":
			add(func(x *route.Addr) bool { l := a.snap.Link(x.Link); return l != nil && l.Up() })
		case "group":
			n := a.groupNumber(a.value(), `Invalid "group" value`)
			add(func(x *route.Addr) bool { l := a.snap.Link(x.Link); return l != nil && l.Group == n })
		case "master", "vrf":
			name := a.value()
			m := a.device(name)
			if m == nil {
				a.invalid(name, "Device does not exist")
			}
			add(func(x *route.Addr) bool { l := a.snap.Link(x.Link); return l != nil && l.Master == m.Index })
		case "nomaster":
			add(func(x *route.Addr) bool { l := a.snap.Link(x.Link); return l != nil && l.Master == 0 })
		case "type":
			kind := a.value()
			add(func(x *route.Addr) bool { l := a.snap.Link(x.Link); return l != nil && l.Kind == kind })
		case "label":
			pattern := a.value()
			add(func(x *route.Addr) bool { return matchesLabel(pattern, a.label(x)) })
		case "dev", "":
			name := word
			if key == "dev" {
				name = a.value()
			}
			if dev != "" {
				a.garbage("dev", name)
			}
			dev = name
		}
	}
	if dev != "" {
		l := a.device(dev)
		if l == nil {
			a.refuse("Device %q does not exist.", raw(dev))
		}
		add(func(x *route.Addr) bool { return x.Link == l.Index })
	}
	return func(x *route.Addr) bool {
		return !slices.ContainsFunc(filters, func(f func(*route.Addr) bool) bool { return !f(x) })
	}
}

// label is the label of an address. For an IPv6 address, that is its device.
func (a *args) label(x *route.Addr) string {
	if x.Label == "" {
		return a.snap.LinkName(x.Link)
	}
	return x.Label
}

// matchesLabel is fnmatch(3).
func matchesLabel(pattern, label string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "[!", "[^"), label)
	return err == nil && ok
}
