package listen

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestGroups: who can send to a socket on a group or a broadcast address.
func TestGroups(t *testing.T) {
	const eth0, eth1 = 2, 3
	up := route.LinkUp | route.LinkLowerUp
	joined := func(s ...string) (out []netip.Addr) {
		for _, a := range s {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	to := func(p string, typ route.Type, dev int) route.Route {
		return route.Route{Table: route.TableMain, Dst: prefix(p), Type: typ, NextHops: []route.NextHop{{Link: dev}}}
	}
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}, {Index: eth0, Name: "eth0", Flags: up}, {Index: eth1, Name: "eth1", Flags: up},
		},
		Addrs: []route.Addr{{Link: eth0, Prefix: prefix("192.0.2.2/24")}, {Link: eth1, Prefix: prefix("10.0.0.2/24")}},
		Rules: append(route.DefaultRules(route.IPv4), route.DefaultRules(route.IPv6)...),
		Routes: []route.Route{
			to("192.0.2.2/32", route.TypeLocal, eth0), to("192.0.2.255/32", route.TypeBroadcast, eth0), to("10.0.0.2/32", route.TypeLocal, eth1),
			to("192.0.2.0/24", route.TypeUnicast, eth0), to("10.0.0.0/24", route.TypeUnicast, eth1), to("ff00::/8", route.TypeMulticast, eth0),
		},
		Memberships: []route.Membership{{Link: 1}, {Link: eth0, Groups: joined("224.0.0.251", "239.1.2.3")}, {Link: eth1, Groups: joined("224.0.0.251", "239.1.2.4")}},
		Sysctls:     route.Sysctls{"net/ipv4/conf/eth1/rp_filter": "1"},
	}
	h := NewHost(lookup.New(s))
	for _, test := range []struct {
		proto uint8
		local string
		link  int
		reach Reach
		by    []int // devices by which some packets get there
	}{
		{route.ProtoTCP, "192.0.2.255:1", 0, ReachNobody, nil},
		{route.ProtoTCP, "224.0.0.251:1", 0, ReachNobody, nil},
		{route.ProtoUDP, "224.0.0.251:1", 0, ReachNear, []int{eth0, eth1}},
		{route.ProtoUDP, "224.0.0.251:1", eth1, ReachNear, []int{eth1}},
		{route.ProtoUDP, "255.255.255.255:1", 0, ReachNear, []int{eth0, eth1}},
		{route.ProtoUDP, "192.0.2.255:1", 0, ReachFar, []int{eth0, eth1}},
		{route.ProtoUDP, "239.1.2.3:1", 0, ReachFar, []int{eth0}},
		{route.ProtoUDP, "239.1.2.4:1", 0, ReachNear, []int{eth1}}, // the filter drops packets of other networks
		{route.ProtoUDP, "239.1.2.5:1", 0, ReachNobody, nil},
		{route.ProtoUDP, "[ff02::1]:1", 0, ReachNear, []int{eth0}},
		{route.ProtoUDP, "[ff02::fb]:1", 0, ReachNear, nil}, // the groups of IPv6 are not known
		{route.ProtoUDP, "[ff05::2]:1", 0, ReachUnknown, nil},
		{route.ProtoUDP, "[ff01::1]:1", 0, ReachHost, nil},
	} {
		x := socket(test.proto, test.local, test.link, false)
		e := h.Exposure(&x)
		var by []int
		for i := range e.Locals {
			for j := range e.Locals[i].Views {
				if some, _ := e.Locals[i].Views[j].Reached(); some {
					by = append(by, e.Locals[i].Views[j].Uplink)
				}
			}
		}
		if e.Scope != ScopeGroup || e.Reach != test.reach || len(by) != len(test.by) || len(by) > 0 && by[0] != test.by[0] {
			t.Errorf("%s %s on %d: %s, %s, by %v; want %s, by %v", x.ProtoName(), test.local, test.link, e.Scope, e.Reach, by, test.reach, test.by)
		}
	}
}
