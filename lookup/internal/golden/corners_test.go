//go:build linux

package golden

import (
	"strings"
	"testing"

	"routewhy/route/routetest"
)

// corner is the set-up that each of corners extends.
const corner = `sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=0 net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.default.accept_ra=0
ip link set lo up
ip link add v0 type veth peer name v0p
ip link add w0 type veth peer name w0p
ip link set v0 up
ip link set v0p up
ip link set w0 up
ip link set w0p up
ip addr add 10.0.0.1/24 dev v0
ip addr add 10.0.1.1/24 dev w0
ip -6 addr add 2001:db8:1::1/64 dev v0 nodad
ip -6 addr add 2001:db8:2::1/64 dev w0 nodad`

// corners are set-ups where the specification is silent or was once misread, and
// that random ones rarely hit. The kernel is asked what is right.
var corners = []struct{ name, setup, queries string }{
	{"local default", "ip route add local 0.0.0.0/0 dev lo", "8.8.8.8; 239.1.1.1; 255.255.255.255; 239.1.1.1 oif v0; 8.8.8.8 oif v0"},
	{"dead member own source", "ip route add 198.51.100.0/24 nexthop via 10.0.0.2 nexthop via 10.0.1.2; ip link set v0 down", "198.51.100.1; 198.51.100.1 from 10.0.0.1; 198.51.100.1 from 10.0.1.1"},
	{"dead member three", "ip link add x0 type veth peer name x0p; ip link set x0p up; ip link set x0 up; ip addr add 10.0.2.1/24 dev x0; ip route add 198.51.100.0/24 nexthop via 10.0.0.2 nexthop via 10.0.1.2 nexthop via 10.0.2.2; ip link set v0 down", "198.51.100.1; 198.51.100.2; 198.51.100.3; 198.51.100.1 from 10.0.0.1; 198.51.100.2 from 10.0.0.1; 198.51.100.3 from 10.0.0.1"},
	{"stale saddr", "ip addr flush dev v0; ip addr flush dev w0; ip addr add 10.99.0.1/32 dev lo; ip route add 198.51.100.0/24 nexthop dev v0 nexthop dev w0; ip addr add 10.0.0.1/24 dev v0; ip addr add 10.0.1.1/24 dev w0", "198.51.100.1 from 10.0.0.1; 198.51.100.1 from 10.0.1.1; 198.51.100.2 from 10.0.1.1; 198.51.100.3 from 10.0.1.1; 198.51.100.4 from 10.0.1.1"},
	{"stale saddr fresh", "ip addr flush dev v0; ip addr flush dev w0; ip addr add 10.99.0.1/32 dev lo; ip route add 198.51.100.0/24 nexthop dev v0 nexthop dev w0; ip addr add 10.0.0.1/24 dev v0; ip addr add 10.0.1.1/24 dev w0", "198.51.100.1; 198.51.100.2; 198.51.100.3; 198.51.100.4; 198.51.100.5; 198.51.100.6; 198.51.100.1 from 10.0.0.1; 198.51.100.1 from 10.0.1.1; 198.51.100.2 from 10.0.1.1; 198.51.100.3 from 10.0.1.1; 198.51.100.4 from 10.0.1.1"},
	{"nh object link scope", "ip addr add 10.0.4.1/32 dev v0 scope link; ip nexthop add id 1 dev v0; ip nexthop add id 2 via 10.0.0.2 dev v0; ip route add 198.51.100.0/24 nhid 1; ip route add 198.51.101.0/24 nhid 2", "198.51.100.1; 198.51.101.1"},
	{"nh object link scope later", "ip nexthop add id 1 dev v0; ip nexthop add id 2 via 10.0.0.2 dev v0; ip route add 198.51.100.0/24 nhid 1; ip route add 198.51.101.0/24 nhid 2; ip addr add 10.0.4.1/32 dev v0 scope link", "198.51.100.1; 198.51.101.1"},
	{"own gateway", "ip route add 198.51.100.0/24 via 10.0.0.1; ip route add 198.51.101.0/24 via 10.0.0.7; ip addr add 10.0.0.7/24 dev v0", "198.51.100.1; 198.51.101.1"},
	{"own gateway other device", "ip addr add 10.0.1.77/32 dev v0; ip route add 198.51.101.0/24 via 10.0.1.77 dev w0", "198.51.101.1"},
	{"v6 via lo", "ip -6 route add 2001:db8:5::/48 dev lo; ip -6 route add default via 2001:db8:1::2", "2001:db8:5::1; 2001:db8:5::1 oif v0"},
	{"v6 anycast", "ip -6 route add anycast 2001:db8:5::1/128 dev v0; ip -6 route add local 2001:db8:5::2/128 dev v0; ip -6 route add multicast 2001:db8:6::/64 dev v0", "2001:db8:5::1; 2001:db8:5::2; 2001:db8:6::1"},
	{"v6 input prefsrc", "ip -6 route add default via 2001:db8:1::2 src 2001:db8:2::1", "2001:db8:5::1 from 2001:db8:1::9 iif v0; 2001:db8:5::1 iif v0; 2001:db8:5::1"},
	{"v6 unknown oif source", "ip -6 route add default via 2001:db8:1::2", "2001:db8:5::1 from 2001:db8:1::1 oif nosuch; 2001:db8:5::1 oif nosuch"},
	{"v6 subtree unusable then sourceless", "ip -6 route add default via 2001:db8:1::9; ip -6 route add 2001:db8:9::/48 via 2001:db8:1::2; ip -6 route add 2001:db8:9::/48 from 2001:db8:2::/64 via 2001:db8:2::2; ip -6 neigh replace 2001:db8:2::2 dev w0 nud failed", "2001:db8:9::1 from 2001:db8:2::1; 2001:db8:9::1; 2001:db8:9::1 from 2001:db8:1::1"},
	{"v6 subtree parent not matching", "ip -6 route add default via 2001:db8:1::9; ip -6 route add 2001:db8:9::/48 via 2001:db8:1::7; ip -6 route add 2001:db8:9::/48 from 2001:db8:7::/64 via 2001:db8:2::7; ip -6 route add 2001:db8:9:9::/64 via 2001:db8:2::2; ip -6 neigh replace 2001:db8:2::2 dev w0 nud failed", "2001:db8:9:9::1 from 2001:db8:2::1; 2001:db8:9:9::1; 2001:db8:9:9::1 from 2001:db8:7::1"},
	{"v6 subtree nested source", "ip -6 route add default via 2001:db8:1::9; ip -6 route add 2001:db8:9::/48 from 2001:db8:2::/48 via 2001:db8:1::7; ip -6 route add 2001:db8:9::/48 from 2001:db8:2::/64 via 2001:db8:2::7; ip -6 neigh replace 2001:db8:2::7 dev w0 nud failed", "2001:db8:9::1 from 2001:db8:2::1; 2001:db8:9::1 from 2001:db8:2:1::1; 2001:db8:9::1"},
	{"v6 subtree strict oif", "ip -6 route add default via 2001:db8:1::9; ip -6 route add default via 2001:db8:2::9 metric 2000; ip -6 route add 2001:db8:9::/48 from ::/64 via 2001:db8:1::7; ip -6 route add 2001:db8:9::/48 via 2001:db8:2::7", "2001:db8:9::1; 2001:db8:9::1 oif w0; 2001:db8:9::1 oif v0"},
	{"v6 root subtree", "ip -6 route add default via 2001:db8:1::9; ip -6 route add default from 2001:db8:2::/64 via 2001:db8:2::9; ip -6 neigh replace 2001:db8:2::9 dev w0 nud failed", "2001:db8:9::1; 2001:db8:9::1 from 2001:db8:2::1; 2001:db8:9::1 from 2001:db8:3::1"},
	{"default tos mix", "ip route add default tos 0x10 via 10.0.0.2 metric 500; ip route add default via 10.0.1.2; ip neigh replace 10.0.0.2 dev v0 nud failed", "8.8.8.8 tos 10; 8.8.8.8"},
	{"default tos mix 2", "ip route add default tos 0x10 via 10.0.0.2 metric 5; ip route add default via 10.0.1.2 metric 10; ip neigh replace 10.0.0.2 dev v0 nud failed", "8.8.8.8 tos 10; 8.8.8.8"},
	{"default three", "ip route add default via 10.0.0.2; ip route append default via 10.0.1.2; ip route append default via 10.0.1.3; ip neigh replace 10.0.0.2 dev v0 nud failed; ip neigh replace 10.0.1.2 dev w0 lladdr 02:00:00:00:00:09 nud stale; ip neigh replace 10.0.1.3 dev w0 lladdr 02:00:00:00:00:09 nud stale", "8.8.8.8; 8.8.8.8; 8.8.8.8; 8.8.8.8"},
	{"default mixed with multipath", "ip route add default via 10.0.0.2; ip route append default nexthop via 10.0.1.2 nexthop via 10.0.1.3; ip neigh replace 10.0.0.2 dev v0 nud failed", "8.8.8.8; 8.8.8.8; 8.8.8.8; 8.8.8.9"},
	{"default device first", "ip route add default dev v0; ip route append default via 10.0.1.2; ip route append default via 10.0.1.3; ip neigh replace 10.0.1.2 dev w0 nud failed", "8.8.8.8; 8.8.8.8"},
	{"default device between", "ip route add default via 10.0.1.2; ip route append default dev v0; ip route append default via 10.0.1.3; ip neigh replace 10.0.1.2 dev w0 nud failed", "8.8.8.8; 8.8.8.8"},
	{"default own gateway", "ip route add default via 10.0.0.1; ip route append default via 10.0.1.2; ip route append default via 10.0.1.3; ip neigh replace 10.0.1.2 dev w0 nud failed", "8.8.8.8; 8.8.8.8"},
	{"default nhid", "ip nexthop add id 1 via 10.0.0.2 dev v0; ip nexthop add id 2 via 10.0.1.2 dev w0; ip route add default nhid 1; ip route append default nhid 2; ip neigh replace 10.0.0.2 dev v0 nud failed", "8.8.8.8; 8.8.8.8"},
	{"v6 zero dst source", "ip -6 route add default dev v0p", "::; 2001:db8:7::1"},
	{"v6 blackhole nh equal metric", "ip -6 nexthop add id 3 blackhole; ip -6 route add 2001:db8:9::/48 dev v0; ip -6 route append 2001:db8:9::/48 nhid 3", "2001:db8:9::1; 2001:db8:9::1 oif v0"},
	{"v4 prefsrc loopback", "ip route add 198.51.100.0/24 via 10.0.0.2 src 127.0.0.1", "198.51.100.1; 198.51.100.1 from 10.0.0.1"},
	{"v4 group v6 member", "ip nexthop add id 1 via 2001:db8:1::2 dev v0; ip nexthop add id 2 via 10.0.1.2 dev w0; ip nexthop add id 10 group 1/2; ip route add 198.51.100.0/24 nhid 10; ip route add 198.51.101.0/24 via inet6 2001:db8:1::2 dev v0", "198.51.100.1; 198.51.100.2; 198.51.100.3; 198.51.101.1"},
	{"same address twice", "ip addr add 10.0.0.1/32 dev w0", "239.1.1.1 from 10.0.0.1; 255.255.255.255 from 10.0.0.1; 10.0.0.1; 10.0.0.1 oif w0; 10.0.0.1 oif v0"},
	{"all hosts in", "", "224.0.0.1 from 10.0.0.9 iif v0; 224.0.0.1 iif v0; 224.0.0.1 from 10.0.0.1 iif v0; 224.0.0.1 from 127.0.0.1 iif v0; 224.0.0.1 from 10.0.0.9 iif lo; 224.0.0.5 from 10.0.0.9 iif v0"},
	{"iif lo", "", "10.0.0.1 from 10.0.0.1 iif lo; 127.0.0.1 from 127.0.0.1 iif lo; 8.8.8.8 from 10.0.0.9 iif lo; 2001:db8:1::1 from 2001:db8:1::1 iif lo; ::1 iif lo"},
	{"v6 link-local", "ip -6 addr add fe80::1/64 dev v0 nodad; ip -6 addr add fe80::1/64 dev w0 nodad", "fe80::1; fe80::1 oif w0; fe80::1 oif v0; fe80::2; fe80::1 oif lo; ff02::1; ff02::1 oif w0; ff05::1 oif v0; fe80::1 from fe80::2 iif w0"},
	{"lo default v4", "ip route add default dev lo", "8.8.8.8; 8.8.8.8 from 127.0.0.1"},
	{"broadcast multipath", "ip route add broadcast 198.51.100.0/24 nexthop dev v0 nexthop dev w0", "198.51.100.1; 198.51.100.1 from 10.0.1.1"},
	{"no address in the subnet", "ip route add 198.51.100.0/24 dev v0", "198.51.100.1 oif w0; 10.0.1.1 from 10.0.0.9 iif w0"},
	{"peer address", "ip addr add 10.9.0.1 peer 10.9.0.2/32 dev v0; ip route add 198.51.100.0/24 via 10.9.0.2", "198.51.100.1; 10.9.0.2; 10.9.0.1"},
	{"weights", "ip route add 198.51.100.0/24 nexthop via 10.0.0.2 weight 1 nexthop via 10.0.1.2 weight 255", "198.51.100.1; 198.51.100.2; 198.51.100.3"},
	{"mp same device", "ip route add 198.51.100.0/24 nexthop via 10.0.0.2 nexthop via 10.0.0.3 nexthop via 10.0.1.2", "198.51.100.1 from 10.0.0.1; 198.51.100.2 from 10.0.0.1; 198.51.100.3 from 10.0.0.1; 198.51.100.4 from 10.0.0.1; 198.51.100.5 from 10.0.1.1"},
	{"rp back out same device", "sysctl -qw net.ipv4.ip_forward=1; ip route add 198.51.100.0/24 via 10.0.0.2", "198.51.100.1 from 10.0.0.255 iif v0; 198.51.100.1 from 10.0.0.9 iif v0; 198.51.100.1 from 10.0.0.1 iif v0"},
	{"v6 tentative", "sysctl -qw net.ipv6.conf.v0.dad_transmits=60; ip -6 addr add 2001:db8:1::5/64 dev v0; ip -6 route add default via 2001:db8:1::2", "2001:db8:1::5; 2001:db8:7::1"},
	{"v6 rank", "ip -6 route add 2001:db8:9::/48 via 2001:db8:1::2 pref low; ip -6 route append 2001:db8:9::/48 via 2001:db8:2::2 pref high; ip -6 route append 2001:db8:9::/48 dev w0p", "2001:db8:9::1; 2001:db8:9::2; 2001:db8:9::3"},
}

func TestCorners(t *testing.T) {
	t.Parallel()
	for _, c := range corners {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ns := routetest.New(t)
			ns.Run(t, strings.Split(corner, "\n")...)
			if c.setup != "" {
				ns.Run(t, strings.Split(c.setup, "; ")...)
			}
			h := openHost(t, ns)
			s := h.read(t)
			for q := range strings.SplitSeq(c.queries, "; ") {
				f, err := routetest.ParseQuery(q, func(name string) (int, bool) {
					if name == "nosuch" {
						return 77, true
					}
					return ns.Index(name)
				})
				if err != nil {
					t.Fatal(err)
				}
				a := Decide(s, f)
				if why := h.differs(t, s, f, a); why != "" {
					t.Errorf("%s\n  golden: %s %s\n  kernel: %s", q, text(s, a), a.Uncertain, why)
				}
			}
		})
	}
}
