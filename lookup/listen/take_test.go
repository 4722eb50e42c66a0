package listen

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

func socket(proto uint8, local string, link int, v6only bool) route.Socket {
	a := netip.MustParseAddrPort(local)
	s := route.Socket{Proto: proto, Family: route.FamilyOf(a.Addr()), Local: a, State: route.SocketListen, Link: link, V6Only: v6only}
	if proto == route.ProtoUDP {
		s.State = route.SocketClose
	}
	return s
}

// TestTake has what the tests against the kernel cannot make: VRFs, and connected
// sockets.
func TestTake(t *testing.T) {
	const eth0, vrf = 2, 9
	const tcp, udp = route.ProtoTCP, route.ProtoUDP
	links := []route.Link{{Index: 1, Name: "lo"}, {Index: eth0, Name: "eth0", Master: vrf}, {Index: vrf, Name: "red", Kind: "vrf"}}
	connected := socket(udp, "10.0.0.1:53", 0, false)
	connected.State, connected.Remote = route.SocketEstablished, netip.MustParseAddrPort("10.0.0.9:4000")
	all := []route.Socket{
		socket(tcp, "0.0.0.0:80", 0, false), socket(tcp, "0.0.0.0:80", vrf, false), socket(tcp, "[::]:80", 0, true),
		socket(udp, "10.0.0.1:53", 0, false), connected, socket(udp, "0.0.0.0:53", 0, false),
	}
	accept := route.Sysctls{"net/ipv4/tcp_l3mdev_accept": "1"}
	dst := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port) }
	tests := []struct {
		name    string
		packet  Packet
		sysctls route.Sysctls
		takers  []int
		misses  map[int]lookup.Code
	}{
		{"no VRF", Packet{Proto: tcp, Dst: dst(80), Dev: 3}, nil, []int{0}, map[int]lookup.Code{1: CodeDevice, 2: CodeV6Only}},
		{"a VRF", Packet{Proto: tcp, Dst: dst(80), Dev: vrf, Slave: eth0}, nil, []int{1}, map[int]lookup.Code{0: CodeVRF, 2: CodeV6Only}},
		{"a VRF, accepted", Packet{Proto: tcp, Dst: dst(80), Dev: vrf, Slave: eth0}, accept, []int{0}, map[int]lookup.Code{1: CodeOrder, 2: CodeV6Only}},
		{"a stranger", Packet{Proto: udp, Dst: dst(53), Dev: 3}, nil, []int{3}, map[int]lookup.Code{5: CodeExact}},
		{"the peer", Packet{Proto: udp, Dst: dst(53), Src: connected.Remote, Dev: 3}, nil, []int{4}, map[int]lookup.Code{3: CodePeer, 5: CodeExact}},
		{"nobody", Packet{Proto: tcp, Dst: dst(81), Dev: 3}, nil, nil, nil},
	}
	for _, test := range tests {
		v := Take(&route.Snapshot{Links: links, Sysctls: test.sysctls}, all, test.packet)
		var takers []int
		misses := map[int]lookup.Code{}
		for i := range all {
			for _, c := range v.Receivers {
				if c.Socket == &all[i] {
					takers = append(takers, i)
				}
			}
			for _, c := range v.Misses {
				if c.Socket == &all[i] {
					misses[i] = c.Reason.Code
				}
			}
		}
		if len(takers) != len(test.takers) || len(takers) > 0 && takers[0] != test.takers[0] {
			t.Errorf("%s: taken by %v; want %v", test.name, takers, test.takers)
		}
		for i, want := range test.misses {
			if misses[i] != want {
				t.Errorf("%s: socket %d misses by %q; want %q", test.name, i, misses[i], want)
			}
		}
		if len(misses) != len(test.misses) {
			t.Errorf("%s: misses %v; want %v", test.name, misses, test.misses)
		}
		if refused := v.Refused() == route.ECONNREFUSED; refused != (test.takers == nil) {
			t.Errorf("%s: refused %v", test.name, refused)
		}
	}
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// TestExposures is a host with a default route out of one device.
func TestExposures(t *testing.T) {
	const eth0, eth1 = 2, 3
	up := route.LinkUp | route.LinkLowerUp
	rule := func(priority uint32, table route.Table) route.Rule {
		return route.Rule{Family: route.IPv4, Priority: priority, Action: route.ActionTable, Table: table, SuppressPrefixLen: -1, SuppressGroup: -1}
	}
	local := func(p string, dev int) route.Route {
		return route.Route{Table: route.TableLocal, Dst: prefix(p), Type: route.TypeLocal, Scope: route.ScopeHost, Protocol: route.ProtocolKernel, NextHops: []route.NextHop{{Link: dev}}}
	}
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}, {Index: eth0, Name: "eth0", Flags: up}, {Index: eth1, Name: "eth1", Flags: up},
		},
		Addrs: []route.Addr{
			{Link: 1, Prefix: prefix("127.0.0.1/8"), Scope: route.ScopeHost}, {Link: eth0, Prefix: prefix("192.0.2.2/24")}, {Link: eth1, Prefix: prefix("10.0.0.2/24")},
		},
		Rules: []route.Rule{rule(0, route.TableLocal), rule(32766, route.TableMain)},
		Routes: []route.Route{
			local("127.0.0.0/8", 1), local("192.0.2.2/32", eth0), local("10.0.0.2/32", eth1),
			{Table: route.TableMain, Dst: prefix("0.0.0.0/0"), Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: eth0, Gateway: netip.MustParseAddr("192.0.2.1")}}},
			{Table: route.TableMain, Dst: prefix("192.0.2.0/24"), Type: route.TypeUnicast, Scope: route.ScopeLink, NextHops: []route.NextHop{{Link: eth0}}},
			{Table: route.TableMain, Dst: prefix("10.0.0.0/24"), Type: route.TypeUnicast, Scope: route.ScopeLink, NextHops: []route.NextHop{{Link: eth1}}},
		},
		Sysctls: route.Sysctls{},
	}
	tests := []struct {
		local string
		link  int
		scope Scope
		reach Reach
		want  []string
	}{
		{"0.0.0.0:1", 0, ScopeAll, ReachFar, []string{
			"127.0.0.0/8", "192.0.2.2/32 eth0=10.0.0.0/24>eth1,0.0.0.0/0 eth1=10.0.0.0/24,0.0.0.0/0>eth0", "10.0.0.2/32 eth0=10.0.0.0/24>eth1,0.0.0.0/0 eth1=10.0.0.0/24,0.0.0.0/0>eth0",
		}},
		{"0.0.0.0:1", eth1, ScopeAll, ReachNear, []string{
			"127.0.0.0/8", "192.0.2.2/32 eth1=10.0.0.0/24,0.0.0.0/0!assumed-on-link", "10.0.0.2/32 eth1=10.0.0.0/24,0.0.0.0/0!assumed-on-link",
		}},
		{"192.0.2.2:1", 0, ScopeAddress, ReachFar, []string{"192.0.2.2/32 eth0=10.0.0.0/24>eth1,0.0.0.0/0 eth1=10.0.0.0/24,0.0.0.0/0>eth0"}},
		{"127.0.0.9:1", 0, ScopeLoopback, ReachHost, []string{"127.0.0.9/32"}},
		{"192.0.2.9:1", 0, ScopeGone, ReachNobody, nil},
		{"224.0.0.251:1", 0, ScopeGroup, ReachNobody, nil}, // TCP
	}
	h := NewHost(lookup.New(s))
	for _, test := range tests {
		x := socket(route.ProtoTCP, test.local, test.link, false)
		e := h.Exposure(&x)
		got := described(s, e.Locals)
		if e.Scope != test.scope || e.Reach != test.reach || !slices.Equal(got, test.want) {
			t.Errorf("%s on %d: %s, %s, %q; want %s, %s, %q", test.local, test.link, e.Scope, e.Reach, got, test.scope, test.reach, test.want)
		}
	}
	s.Sysctls["net/ipv4/conf/eth1/rp_filter"] = "1"
	s.Sysctls["net/ipv4/conf/eth0/route_localnet"] = "1"
	x := socket(route.ProtoTCP, "0.0.0.0:1", 0, false)
	e := NewHost(lookup.New(s)).Exposure(&x)
	want := []string{
		"127.0.0.0/8 eth0=10.0.0.0/24!loopback-source,0.0.0.0/0", "192.0.2.2/32 eth0=10.0.0.0/24>eth1,0.0.0.0/0 eth1=10.0.0.0/24,0.0.0.0/0!reverse-path",
		"10.0.0.2/32 eth0=10.0.0.0/24>eth1,0.0.0.0/0 eth1=10.0.0.0/24,0.0.0.0/0!reverse-path",
	}
	if got := described(s, e.Locals); !slices.Equal(got, want) {
		t.Errorf("with settings: %q; want %q", got, want)
	}
}

// TestExposuresInVRF: eth1 is in a VRF, and sockets that are not bound to a device take its
// packets. The answers of a connection stay in the VRF, but the answer to a datagram does
// not. IPv6 packets from there count as received by the VRF.
func TestExposuresInVRF(t *testing.T) {
	const eth0, eth1, red, inRed = 2, 3, 4, 10
	up := route.LinkUp | route.LinkLowerUp
	rule := func(fam route.Family, priority uint32, table route.Table, sel route.Selector) route.Rule {
		return route.Rule{Family: fam, Priority: priority, Action: route.ActionTable, Table: table, Selector: sel, SuppressPrefixLen: -1, SuppressGroup: -1}
	}
	to := func(p string, typ route.Type, table route.Table, dev int) route.Route {
		return route.Route{Table: table, Dst: prefix(p), Type: typ, NextHops: []route.NextHop{{Link: dev}}}
	}
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}, {Index: eth0, Name: "eth0", Flags: up},
			{Index: eth1, Name: "eth1", Flags: up, Master: red}, {Index: red, Name: "red", Kind: "vrf", Flags: up, VRFTable: inRed},
		},
		Addrs: []route.Addr{
			{Link: eth0, Prefix: prefix("192.0.2.2/24")}, {Link: eth1, Prefix: prefix("10.0.0.2/24")},
			{Link: eth1, Prefix: prefix("2001:db8::2/64")}, {Link: eth1, Prefix: prefix("fe80::2/64")},
		},
		Routes: []route.Route{
			to("192.0.2.2/32", route.TypeLocal, route.TableLocal, eth0), to("10.0.0.2/32", route.TypeLocal, inRed, eth1),
			to("10.0.0.255/32", route.TypeBroadcast, inRed, eth1),
			to("192.0.2.0/24", route.TypeUnicast, route.TableMain, eth0), to("10.0.0.0/24", route.TypeUnicast, inRed, eth1),
			to("2001:db8::2/128", route.TypeLocal, inRed, eth1), to("2001:db8::/64", route.TypeUnicast, inRed, eth1),
			to("fe80::2/128", route.TypeLocal, inRed, eth1), to("fe80::/64", route.TypeUnicast, inRed, eth1),
		},
		Sysctls: route.Sysctls{"net/ipv4/tcp_l3mdev_accept": "1", "net/ipv4/udp_l3mdev_accept": "1"},
	}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		s.Rules = append(s.Rules, rule(fam, 0, route.TableLocal, route.Selector{}), rule(fam, 1000, 0, route.Selector{L3Mdev: true}), rule(fam, 32766, route.TableMain, route.Selector{}))
	}
	byRed, byEth1, tcpAlone := rule(route.IPv6, 10, 0, route.Selector{In: "red"}), rule(route.IPv6, 10, 0, route.Selector{In: "eth1"}), rule(route.IPv6, 10, 0, route.Selector{Proto: route.ProtoTCP})
	for name, test := range map[string]struct {
		proto uint8
		local string
		link  int
		rule  *route.Rule
		want  []string
	}{
		"a connection":               {route.ProtoTCP, "10.0.0.2:1", 0, nil, []string{"10.0.0.2/32 eth1=192.0.2.0/24>eth0,10.0.0.0/24,0.0.0.0/0!no-route"}},
		"a datagram":                 {route.ProtoUDP, "10.0.0.2:1", 0, nil, []string{"10.0.0.2/32 eth1=192.0.2.0/24>eth0,0.0.0.0/0!no-route"}},
		"a datagram to a bound one":  {route.ProtoUDP, "10.0.0.2:1", red, nil, []string{"10.0.0.2/32 eth1=192.0.2.0/24>eth0,10.0.0.0/24,0.0.0.0/0!no-route"}},
		"IPv6":                       {route.ProtoTCP, "[2001:db8::2]:1", red, nil, []string{"2001:db8::2/128 eth1=2001:db8::/64fe80::/64,::/0!no-route"}},
		"a rule for the VRF":         {route.ProtoTCP, "[2001:db8::2]:1", red, &byRed, []string{"2001:db8::2/128"}},
		"a rule for its device":      {route.ProtoTCP, "[2001:db8::2]:1", red, &byEth1, []string{"2001:db8::2/128 eth1=2001:db8::/64fe80::/64,::/0!no-route"}},
		"a link asks no rule":        {route.ProtoTCP, "[fe80::2]:1", eth1, &byRed, []string{"fe80::2/128 eth1=2001:db8::/64fe80::/64,::/0!no-route"}},
		"a link asks no rule at all": {route.ProtoTCP, "[fe80::2]:1", eth1, &tcpAlone, []string{"fe80::2/128 eth1=fe80::/64,::/0!answer-refused"}},
	} {
		one := *s
		if test.rule != nil {
			test.rule.Action = route.ActionProhibit
			one.Rules = append([]route.Rule{*test.rule}, s.Rules...)
		}
		x := socket(test.proto, test.local, test.link, false)
		e := NewHost(lookup.New(&one)).Exposure(&x)
		if got := described(&one, e.Locals); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q; want %q", name, got, test.want)
		}
	}
}

// TestExposuresOfProtocols: TCP takes the packets of a VRF, and UDP does not.
func TestExposuresOfProtocols(t *testing.T) {
	const eth1, red = 3, 4
	up := route.LinkUp | route.LinkLowerUp
	s := &route.Snapshot{
		Links:   []route.Link{{Index: eth1, Name: "eth1", Flags: up, Master: red}, {Index: red, Name: "red", Kind: "vrf", Flags: up, VRFTable: 10}},
		Addrs:   []route.Addr{{Link: eth1, Prefix: prefix("10.0.0.2/24")}},
		Sysctls: route.Sysctls{"net/ipv4/tcp_l3mdev_accept": "1", "net/ipv4/udp_l3mdev_accept": "0"},
	}
	h := NewHost(lookup.New(s))
	for _, proto := range []uint8{route.ProtoTCP, route.ProtoUDP, route.ProtoTCP} {
		x := socket(proto, "10.0.0.2:1", 0, false)
		e := h.Exposure(&x)
		if got := len(e.Locals[0].Views) > 0; got != (proto == route.ProtoTCP) {
			t.Errorf("%s takes packets from eth1: %t", x.ProtoName(), got)
		}
	}
}

// described writes each address with its uplinks and their classes. After > are the other
// devices by which answers leave. After ! is the reason why there are no answers. Addresses
// to which no uplink delivers are left out.
func described(s *route.Snapshot, locals []Local) []string {
	var out []string
	for i := range locals {
		text := locals[i].Prefix.String()
		for j := range locals[i].Views {
			v := &locals[i].Views[j]
			var classes []string
			for k := len(v.Classes) - 1; k >= 0; k-- {
				c := &v.Classes[k]
				one := ""
				for _, p := range c.Clients {
					one += p.String()
				}
				switch {
				case c.Answered != route.Yes:
					one += "!" + string(c.Reason.Code)
				case !c.Good(v.Uplink):
					for _, link := range c.By {
						one += ">" + s.LinkName(link)
					}
				}
				classes = append(classes, one)
			}
			if some, _ := v.Reached(); some {
				text += " " + s.LinkName(v.Uplink) + "=" + strings.Join(classes, ",")
			}
		}
		out = append(out, text)
	}
	return out
}

// TestSelfLooksUpTwice: a rule takes packets that have no source yet. A connection of this host
// to itself is decided by the look-up with a source.
func TestSelfLooksUpTwice(t *testing.T) {
	rule := func(priority uint32, table route.Table, sel route.Selector) route.Rule {
		return route.Rule{Family: route.IPv4, Priority: priority, Action: route.ActionTable, Table: table, Selector: sel, SuppressPrefixLen: -1, SuppressGroup: -1}
	}
	to := func(p string, table route.Table, typ route.Type) route.Route {
		return route.Route{Table: table, Dst: prefix(p), Type: typ, NextHops: []route.NextHop{{Link: 2}}}
	}
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLowerUp | route.LinkLoopback}, {Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp},
		},
		Addrs: []route.Addr{{Link: 2, Prefix: prefix("192.0.2.2/24")}},
		Rules: []route.Rule{
			rule(50, 100, route.Selector{Src: prefix("192.0.2.2/32"), Not: true}), rule(100, route.TableLocal, route.Selector{}), rule(200, route.TableMain, route.Selector{}),
		},
		Routes: []route.Route{to("192.0.2.2/32", route.TableLocal, route.TypeLocal), to("0.0.0.0/0", 100, route.TypeUnicast), to("192.0.2.0/24", route.TableMain, route.TypeUnicast)},
	}
	x := socket(route.ProtoTCP, "0.0.0.0:1", 0, false)
	e := NewHost(lookup.New(s)).Exposure(&x)
	if len(e.Locals) != 1 || !e.Locals[0].Self {
		t.Errorf("this host does not reach its own address: %+v", e.Locals)
	}
}
