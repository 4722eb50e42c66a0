package golden

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"routewhy/route"
)

// The devices of lab.
const (
	lo  = 1
	v0p = 2
	v0  = 3
	w0p = 4
	w0  = 5
)

// lab is the host of the conformance scenarios: two Ethernet devices with an
// address of each family, no default route, default rules, and every setting
// at zero.
func lab(t *testing.T, lines ...string) *route.Snapshot {
	t.Helper()
	s := &route.Snapshot{Release: "6.18.44", Merged: route.Yes, Sysctls: route.Sysctls{}}
	for i, name := range []string{"lo", "v0p", "v0", "w0p", "w0"} {
		flags := route.LinkUp | route.LinkLowerUp | route.LinkRunning
		if name == "lo" {
			flags |= route.LinkLoopback
		}
		s.Links = append(s.Links, route.Link{Index: i + 1, Name: name, Flags: flags, MTU: 1500})
	}
	s.Order = [][]int{{lo, v0p, v0, w0p, w0}}
	settings(s, "all", "lo", "v0p", "v0", "w0p", "w0")
	apply(t, s,
		"rule 0 lookup local", "rule 32766 lookup main", "rule 32767 lookup default",
		"rule6 0 lookup local", "rule6 32766 lookup main",
		"addr 127.0.0.1/8 dev lo scope host", "addr ::1/128 dev lo scope host",
		"addr 10.0.0.1/24 dev v0", "addr 2001:db8:1::1/64 dev v0",
		"addr 10.0.1.1/24 dev w0", "addr 2001:db8:2::1/64 dev w0",
		"local 127.0.0.0/8 dev lo table 255 scope host proto kernel src 127.0.0.1",
		"local 127.0.0.1/32 dev lo table 255 scope host proto kernel src 127.0.0.1",
		"broadcast 127.255.255.255/32 dev lo table 255 scope link proto kernel src 127.0.0.1",
		"local ::1/128 dev lo table 255 proto kernel metric 0",
	)
	for _, n := range []struct{ dev, p4, p6 string }{{"v0", "10.0.0.", "2001:db8:1::"}, {"w0", "10.0.1.", "2001:db8:2::"}} {
		apply(t, s,
			"route "+n.p4+"0/24 dev "+n.dev+" scope link proto kernel src "+n.p4+"1",
			"local "+n.p4+"1/32 dev "+n.dev+" table 255 scope host proto kernel src "+n.p4+"1",
			"broadcast "+n.p4+"255/32 dev "+n.dev+" table 255 scope link proto kernel src "+n.p4+"1",
			"route "+n.p6+"/64 dev "+n.dev+" metric 256 proto kernel",
			"route fe80::/64 dev "+n.dev+" metric 256 proto kernel",
			"local "+n.p6+"1/128 dev "+n.dev+" table 255 metric 0 proto kernel",
			"multicast ff00::/8 dev "+n.dev+" table 255 metric 256 proto kernel",
		)
	}
	apply(t, s, lines...)
	return s
}

// settings gives devices every per-device setting, off.
func settings(s *route.Snapshot, devices ...string) {
	for _, dev := range devices {
		for _, key := range []string{
			"accept_local", "bc_forwarding", "forwarding", "ignore_routes_with_linkdown", "mc_forwarding",
			"route_localnet", "rp_filter", "send_redirects", "src_valid_mark",
		} {
			s.Sysctls[route.ConfPath(route.IPv4, dev, key)] = "0"
		}
		for _, key := range []string{
			"forwarding", "ignore_routes_with_linkdown", "optimistic_dad", "use_oif_addrs_only", "use_optimistic", "use_tempaddr",
		} {
			s.Sysctls[route.ConfPath(route.IPv6, dev, key)] = "0"
		}
	}
	s.Sysctls["net/ipv4/fib_multipath_use_neigh"] = "0"
}

// apply changes a snapshot by lines that resemble the commands of iproute2. It
// does not do what the kernel would do besides.
//
//	route|local|blackhole|… PREFIX [from PREFIX] [via GW dev DEV[,FLAG…] [weight N]]… [table N] [metric N] [tos N] [src A] [scope S] [proto P] [pref P] [nhid N] [expires N]
//	nexthop ID via GW dev DEV | nexthop ID dev DEV | nexthop ID blackhole | group ID A,B [resilient] (A: ID or ID*100+WEIGHT)
//	rule|rule6 PRIORITY [not] SELECTORS ACTION [suppress_prefixlength N] [suppress_ifgroup N]
//	neigh A dev DEV STATE
//	addr PREFIX dev DEV [peer PREFIX] [scope S] [FLAG…]
//	link DEV down|nocarrier|group N|master DEV|mtu N|p2p
//	vrf DEV INDEX TABLE
//	order [DEV…] (one more list of devices; none: forget all)
//	join DEV [GROUP…] [sources GROUP…] (all that it has joined; and of which some sources alone are taken)
//	sysctl PATH VALUE
//	delrule|delrule6 PRIORITY | deladdrs DEV | unset PATH | split | merged-unknown | release RELEASE
func apply(t *testing.T, s *route.Snapshot, lines ...string) {
	t.Helper()
	for _, line := range lines {
		w := &words{t: t, s: s, line: line, rest: strings.Fields(line)}
		switch verb := w.next(); verb {
		case "rule", "rule6":
			if len(s.Rules) >= 5 && verb == "rule" { // lab's own five change nothing
				s.Merged = route.No
			}
			s.Rules = append(s.Rules, w.rule(verb == "rule6"))
			slices.SortStableFunc(s.Rules, func(a, b route.Rule) int { return int(a.Priority) - int(b.Priority) })
		case "delrule", "delrule6":
			p, fam := w.number(), route.IPv6
			if verb == "delrule" {
				s.Merged, fam = route.No, route.IPv4
			}
			s.Rules = slices.DeleteFunc(s.Rules, func(r route.Rule) bool { return r.Family == fam && r.Priority == uint32(p) })
		case "nexthop":
			s.NextHops = append(s.NextHops, w.nexthop())
		case "group":
			s.NextHops = append(s.NextHops, w.group())
		case "neigh":
			n := route.Neighbour{Addr: w.addr()}
			w.want("dev")
			n.Link, n.State = w.dev(), neighbourState(w.next())
			s.Neighbours = append(s.Neighbours, n)
		case "addr":
			s.Addrs = append(s.Addrs, w.address())
		case "deladdrs":
			link := w.dev()
			s.Addrs = slices.DeleteFunc(s.Addrs, func(a route.Addr) bool { return a.Link == link })
		case "link":
			w.link()
		case "order":
			var list []int
			for len(w.rest) > 0 {
				list = append(list, w.dev())
			}
			if s.Order = append(s.Order, list); list == nil {
				s.Order = nil
			}
		case "join":
			s.Memberships = append(s.Memberships, w.membership())
		case "vrf":
			l := route.Link{Name: w.next(), Kind: "vrf", Flags: route.LinkUp | route.LinkLowerUp, MTU: 1500}
			l.Index, l.VRFTable = int(w.number()), route.Table(w.number())
			s.Links = append(s.Links, l)
			s.Order[0] = append(s.Order[0], l.Index)
			settings(s, l.Name)
		case "sysctl":
			path := w.next()
			s.Sysctls[path] = w.next()
		case "unset":
			delete(s.Sysctls, w.next())
		case "split":
			s.Merged = route.No
		case "merged-unknown":
			s.Merged = route.Unknown
		case "release":
			s.Release = w.next()
		default:
			s.Routes = append(s.Routes, w.route(verb))
		}
		if w.more() {
			t.Fatalf("%q: what is %q?", line, w.rest)
		}
	}
}

// words reads one line.
type words struct {
	t    *testing.T
	s    *route.Snapshot
	line string
	rest []string
}

func (w *words) more() bool { return len(w.rest) > 0 }

func (w *words) next() string {
	w.t.Helper()
	if !w.more() {
		w.t.Fatalf("%q ends early", w.line)
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word
}

func (w *words) want(word string) {
	w.t.Helper()
	if got := w.next(); got != word {
		w.t.Fatalf("%q: %q instead of %q", w.line, got, word)
	}
}

func (w *words) number() uint64 {
	w.t.Helper()
	n, err := strconv.ParseUint(w.next(), 0, 64)
	if err != nil {
		w.t.Fatalf("%q: %v", w.line, err)
	}
	return n
}

func (w *words) addr() netip.Addr {
	w.t.Helper()
	a, err := netip.ParseAddr(w.next())
	if err != nil {
		w.t.Fatalf("%q: %v", w.line, err)
	}
	return a
}

func (w *words) prefix() netip.Prefix {
	w.t.Helper()
	p, err := netip.ParsePrefix(w.next())
	if err != nil {
		w.t.Fatalf("%q: %v", w.line, err)
	}
	return p
}

func (w *words) dev() int {
	w.t.Helper()
	name := w.next()
	l := w.s.LinkByName(name)
	if l == nil {
		w.t.Fatalf("%q: no device %q", w.line, name)
	}
	return l.Index
}

func (w *words) table() route.Table {
	w.t.Helper()
	name := w.next()
	table, ok := route.Names{}.TableByName(name)
	if !ok {
		w.t.Fatalf("%q: no table %q", w.line, name)
	}
	return table
}

func (w *words) scope() route.Scope {
	switch name := w.next(); name {
	case "link":
		return route.ScopeLink
	case "host":
		return route.ScopeHost
	default:
		w.t.Fatalf("%q: no scope %q", w.line, name)
		return 0
	}
}

func (w *words) route(verb string) route.Route {
	w.t.Helper()
	types := map[string]route.Type{"route": route.TypeUnicast}
	for typ := route.TypeUnicast; typ <= route.TypeXResolve; typ++ {
		types[typ.String()] = typ
	}
	typ, ok := types[verb]
	if !ok {
		w.t.Fatalf("%q: no verb %q", w.line, verb)
	}
	r := route.Route{Table: route.TableMain, Type: typ, Dst: w.prefix(), Protocol: route.ProtocolBoot}
	if r.Family() == route.IPv6 {
		r.Metric = 1024
	}
	var nh route.NextHop
	for w.more() {
		switch key := w.next(); key {
		case "from":
			r.Src = w.prefix()
		case "via":
			nh.Gateway = w.addr()
		case "dev":
			name, flags, _ := strings.Cut(w.next(), ",")
			l := w.s.LinkByName(name)
			if l == nil {
				w.t.Fatalf("%q: no device %q", w.line, name)
			}
			nh.Link = l.Index
			nh.Weight = 1
			for flag := range strings.SplitSeq(flags, ",") {
				nh.Flags |= map[string]route.NextHopFlags{
					"dead": route.NextHopDead, "linkdown": route.NextHopLinkDown, "onlink": route.NextHopOnLink,
				}[flag]
			}
			r.NextHops = append(r.NextHops, nh)
			nh = route.NextHop{}
		case "realm":
			r.NextHops[len(r.NextHops)-1].Realm = uint32(w.number())
		case "table":
			r.Table = w.table()
		case "metric":
			r.Metric = uint32(w.number())
		case "tos":
			r.TOS = uint8(w.number())
		case "src":
			r.PrefSrc = w.addr()
		case "scope":
			r.Scope = w.scope()
		case "proto":
			w.want("kernel")
			r.Protocol = route.ProtocolKernel
		case "pref":
			r.Pref = map[string]route.Preference{"low": route.PreferenceLow, "high": route.PreferenceHigh}[w.next()]
		case "nhid":
			r.NextHopID = uint32(w.number())
		case "expired":
			r.Expires = -1
		case "unknown":
			r.Unknown = []route.Attr{{Type: 99}}
		default:
			w.t.Fatalf("%q: what is %q?", w.line, key)
		}
	}
	return r
}

func (w *words) nexthop() route.NextHopObject {
	o := route.NextHopObject{ID: uint32(w.number()), Family: route.IPv4}
	for w.more() {
		switch key := w.next(); key {
		case "via":
			o.NextHop.Gateway = w.addr()
			o.Family = route.FamilyOf(o.NextHop.Gateway)
		case "dev":
			o.NextHop.Link = w.dev()
		case "blackhole":
			o.Blackhole = true
			o.NextHop.Link = lo
		}
	}
	return o
}

func (w *words) group() route.NextHopObject {
	o := route.NextHopObject{ID: uint32(w.number())}
	for id := range strings.SplitSeq(w.next(), ",") {
		n, err := strconv.Atoi(id)
		if err != nil {
			w.t.Fatalf("%q: %v", w.line, err)
		}
		weight := 1
		if n > 100 { // 310 is member 3 with weight 10
			n, weight = n/100, n%100
		}
		o.Group = append(o.Group, route.GroupMember{ID: uint32(n), Weight: weight})
	}
	if w.more() {
		w.want("resilient")
		o.Resilient, o.Buckets = true, 8
	}
	return o
}

func (w *words) rule(six bool) route.Rule {
	w.t.Helper()
	r := route.Rule{
		Family: route.IPv4, Priority: uint32(w.number()), SuppressPrefixLen: -1, SuppressGroup: -1,
	}
	if six {
		r.Family = route.IPv6
	}
	sel := &r.Selector
	ports := func() route.PortRange {
		from, to, isRange := strings.Cut(w.next(), "-")
		if !isRange {
			to = from
		}
		a, _ := strconv.Atoi(from)
		b, _ := strconv.Atoi(to)
		return route.PortRange{Start: uint16(a), End: uint16(b)}
	}
	for w.more() {
		switch key := w.next(); key {
		case "not":
			sel.Not = true
		case "from":
			sel.Src = w.prefix()
		case "to":
			sel.Dst = w.prefix()
		case "iif":
			sel.In = w.next()
			sel.InDetached = w.s.LinkByName(sel.In) == nil
		case "oif":
			sel.Out = w.next()
			sel.OutDetached = w.s.LinkByName(sel.Out) == nil
		case "fwmark":
			mark, mask, _ := strings.Cut(w.next(), "/")
			m, _ := strconv.ParseUint(mark, 0, 32)
			k, _ := strconv.ParseUint(mask, 0, 32)
			sel.Mark, sel.MarkMask = uint32(m), uint32(k)
		case "tos":
			sel.TOS = uint8(w.number())
		case "dscp":
			sel.DSCP, sel.DSCPMask, sel.HasDSCP = uint8(w.number()), 0x3f, true
		case "flowlabel":
			sel.FlowLabel, sel.FlowLabelMask = uint32(w.number()), 0xfffff
		case "uidrange":
			from, to, _ := strings.Cut(w.next(), "-")
			a, _ := strconv.Atoi(from)
			b, _ := strconv.Atoi(to)
			sel.UIDs, sel.HasUIDs = route.UIDRange{Start: uint32(a), End: uint32(b)}, true
		case "ipproto":
			sel.Proto = uint8(w.number())
		case "sport":
			sel.SrcPort = ports()
		case "dport":
			sel.DstPort = ports()
		case "dportmask":
			sel.DstPort = route.PortRange{Start: uint16(w.number()), Mask: uint16(w.number())}
		case "tun_id":
			sel.TunnelID = w.number()
		case "l3mdev":
			sel.L3Mdev = true
			r.Action = route.ActionTable
		case "lookup":
			r.Action, r.Table = route.ActionTable, w.table()
		case "goto":
			r.Action, r.Goto = route.ActionGoto, uint32(w.number())
		case "nop":
			r.Action = route.ActionNop
		case "blackhole":
			r.Action = route.ActionBlackhole
		case "unreachable":
			r.Action = route.ActionUnreachable
		case "prohibit":
			r.Action = route.ActionProhibit
		case "suppress_prefixlength":
			r.SuppressPrefixLen = int(w.number())
		case "suppress_ifgroup":
			r.SuppressGroup = int64(w.number())
		case "realm":
			r.Realm = uint32(w.number())
		case "unknown":
			r.Unknown = []route.Attr{{Type: 99}}
		default:
			w.t.Fatalf("%q: what is %q?", w.line, key)
		}
	}
	return r
}

func (w *words) address() route.Addr {
	a := route.Addr{Prefix: w.prefix()}
	w.want("dev")
	a.Link = w.dev()
	for w.more() {
		switch key := w.next(); key {
		case "peer":
			a.Peer = w.prefix()
		case "scope":
			a.Scope = w.scope()
		default:
			a.Flags |= map[string]route.AddrFlags{
				"secondary": route.AddrSecondary, "temporary": route.AddrTemporary, "deprecated": route.AddrDeprecated,
				"tentative": route.AddrTentative, "optimistic": route.AddrOptimistic,
			}[key]
		}
	}
	return a
}

func (w *words) link() {
	l := w.s.LinkByName(w.next())
	for w.more() {
		switch key := w.next(); key {
		case "down":
			l.Flags &^= route.LinkUp | route.LinkLowerUp
		case "nocarrier":
			l.Flags &^= route.LinkLowerUp
		case "group":
			l.Group = uint32(w.number())
		case "master":
			l.Master = w.dev()
		case "mtu":
			l.MTU = uint32(w.number())
			if l.MTU < 68 { // it loses IPv4, and the settings of IPv4
				maps.DeleteFunc(w.s.Sysctls, func(path, _ string) bool { return strings.HasPrefix(path, route.ConfPath(route.IPv4, l.Name, "")) })
			}
		case "p2p":
			l.Flags |= route.LinkPointopoint
		}
	}
}

func neighbourState(name string) route.NeighbourState {
	for bit := route.NeighbourState(0x80); bit > 0; bit >>= 1 {
		if bit.String() == name {
			return bit
		}
	}
	return route.NeighbourNone
}

// query reads the arguments of `ip route get` into a flow, with the defaults of
// RTM_GETROUTE (0.1).
func query(t *testing.T, s *route.Snapshot, q string) route.Flow {
	t.Helper()
	w := &words{t: t, s: s, line: q, rest: strings.Fields(q)}
	f := route.Flow{Dst: w.addr()}
	if f.Family() == route.IPv4 {
		f.Proto = protoUDP
	}
	uid := false
	for w.more() {
		switch key := w.next(); key {
		case "from":
			f.Src = w.addr()
		case "iif":
			f.In = w.devOrIndex()
		case "oif":
			f.Out = w.devOrIndex()
		case "mark":
			f.Mark = uint32(w.number())
		case "tos":
			f.TOS = uint8(w.number())
		case "uid":
			f.UID, uid = uint32(w.number()), true
		case "ipproto":
			name := w.next()
			protos := map[string]uint8{"tcp": protoTCP, "udp": protoUDP, "icmp": 1, "ipv6-icmp": 58, "igmp": protoIGMP}
			if protos[name] == 0 {
				t.Fatalf("%q: no protocol %q", q, name)
			}
			f.Proto = protos[name]
		case "sport":
			f.SrcPort = uint16(w.number())
		case "dport":
			f.DstPort = uint16(w.number())
		case "flowlabel":
			f.FlowLabel = uint32(w.number())
		case "tun_id":
			f.TunnelID = w.number()
		default:
			t.Fatalf("%q: what is %q?", q, key)
		}
	}
	if f.In != 0 && !uid && f.Family() == route.IPv6 {
		f.UID = route.NoUID
	}
	return f
}

// devOrIndex reads a device that need not exist.
func (w *words) devOrIndex() int {
	w.t.Helper()
	if n, err := strconv.Atoi(w.rest[0]); err == nil {
		w.rest = w.rest[1:]
		return n
	}
	return w.dev()
}

// text is an answer in one line: the errno; or type, table, and the ways. A
// question mark says that it is uncertain.
func text(s *route.Snapshot, a Answer) string {
	var b strings.Builder
	if a.Errno != 0 {
		b.WriteString(a.Errno.String())
	} else {
		fmt.Fprintf(&b, "%v %d", a.Type, a.Table)
		for i, w := range a.NextHops {
			if i > 0 {
				b.WriteString(" |")
			}
			if w.Gateway.IsValid() {
				fmt.Fprintf(&b, " via %v", w.Gateway)
			}
			fmt.Fprintf(&b, " dev %s", s.LinkName(w.Link))
			if w.Src.IsValid() {
				fmt.Fprintf(&b, " src %v", w.Src)
			}
		}
	}
	if a.SomeRefused != 0 {
		b.WriteString(" | " + a.SomeRefused.String())
	}
	if a.Uncertain != "" {
		b.WriteString(" ?")
	}
	return b.String()
}

func (w *words) membership() route.Membership {
	m := route.Membership{Link: w.dev()}
	list := &m.Groups
	for len(w.rest) > 0 {
		if w.rest[0] == "sources" {
			w.next()
			list = &m.Filtered
			continue
		}
		*list = append(*list, w.addr())
	}
	return m
}
