package command_test

import (
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route"
)

// host is a state with some devices and names.
func host() *change.State {
	return change.New(lookup.New(&route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLoopback | route.LinkRunning | route.LinkLowerUp, MTU: 65536, PeerNetNS: -1},
			{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp, MTU: 1500, PeerNetNS: -1},
			{Index: 3, Name: "eth1", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp, MTU: 1500, PeerNetNS: -1},
			{Index: 4, Name: "red", Kind: "vrf", VRFTable: 10, MTU: 1500, PeerNetNS: -1},
		},
		Rules: append(route.DefaultRules(route.IPv4), route.DefaultRules(route.IPv6)...),
		Names: route.Names{Tables: map[route.Table]string{7: "wan"}},
	}))
}

// TestPrint: what a command asks for is printed as the same command in full.
func TestPrint(t *testing.T) {
	for line, want := range map[string]string{
		"ip r a default via 192.0.2.1":                                             "ip route add default via 192.0.2.1",
		"sudo /sbin/ip ro del 10.1/16 dev eth0 tab wan":                            "ip route del 10.1.0.0/16 dev eth0 table wan",
		"ip -6 r re default via fe80::1 oif eth0 met 0x10":                         "ip -6 route replace default via fe80::1 dev eth0 metric 16",
		"ip route append unreachable 10/8 preference 5":                            "ip route append unreachable 10.0.0.0/8 metric 5",
		"ip route add local 10.0.0.0/8 dev lo table local":                         "ip route add local 10.0.0.0/8 dev lo",
		"ip r a 10.0.0.0/8 nexthop via 192.0.2.1 weight 3 nexthop dev eth1":        "ip route add 10.0.0.0/8 nexthop via 192.0.2.1 weight 3 nexthop dev eth1 weight 1",
		"ip ru a fwmark 1 table 100":                                               "ip rule add fwmark 0x1 lookup 100",
		"ip rule add from 10.0.0.0/8 table wan protocol static":                    "ip rule add from 10.0.0.0/8 lookup wan protocol static",
		"ip -4 r a default via inet6 fe80::1 dev eth0":                             "ip -4 route add default via inet6 fe80::1 dev eth0",
		"ip r a 10.0.0.0/8 via inet6 fe80::1 dev eth0 src 192.0.2.2 mtu lock 1400": "ip route add 10.0.0.0/8 via inet6 fe80::1 dev eth0 src 192.0.2.2 mtu lock 1400",
	} {
		c, err := command.Parse(line, host())
		if err != nil || c.Refusal != nil {
			t.Errorf("%s: %v, %v", line, err, c.Refusal)
			continue
		}
		if got := command.Print(c.Changes[0], host()); got != want {
			t.Errorf("%s:\n got %s\nwant %s", line, got, want)
		}
	}
}
