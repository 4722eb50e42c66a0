package routetest

import "strings"

// Corner is a set-up where the specification is silent or was once misread, or
// where one fact alone decides, and that random ones rarely hit. The kernel is
// asked what is right.
type Corner struct {
	Name string
	// Setup is what comes behind CornerBase.
	Setup Setup
	// Queries are arguments of `ip route get`. The device nosuch stands for one
	// that does not exist.
	Queries []string
}

// NoSuchDevice is the index that stands for the device nosuch.
const NoSuchDevice = 77

// cornerBase is the set-up that each of the corners extends.
const cornerBase = `sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=0 net.ipv6.conf.default.addr_gen_mode=1 net.ipv6.conf.default.accept_ra=0
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

// CornerBase is the set-up that each corner extends: two devices, v0 and w0, with
// an address of each family, and their other ends.
func CornerBase() Setup { return strings.Split(cornerBase, "\n") }

// Corners gives them all.
func Corners() []Corner {
	all := corners()
	out := make([]Corner, 0, len(all))
	for _, c := range all {
		one := Corner{Name: c.name, Queries: strings.Split(c.queries, "; ")}
		if c.setup != "" {
			one.Setup = strings.Split(c.setup, "; ")
		}
		out = append(out, one)
	}
	return out
}

// corner is a Corner with its lists joined by "; ".
type corner struct{ name, setup, queries string }

func corners() []corner {
	return []corner{
		{"devices moved in", `here=$$ && unshare -n sh -c "ip link add e0 index 200 type veth peer name e0p index 201 && ip link add e1 index 100 type veth peer name e1p index 101 && ip link set e0 netns $here && ip link set e1 netns $here && ip link set e0p netns $here && ip link set e1p netns $here" && true; ip addr flush dev v0; ip addr flush dev w0; ip addr add 10.5.0.1/24 dev e0; ip addr add 10.6.0.1/24 dev e1; ip -6 addr add 2001:db8:5::1/64 dev e0 nodad; ip -6 addr add 2001:db8:6::1/64 dev e1 nodad; ip route add 198.51.100.0/24 dev w0; ip -6 route add 2001:db8:9::/48 dev w0`, "198.51.100.1; 2001:db8:9::1; 224.0.0.5 oif w0; 239.1.1.1 oif w0; 203.0.113.1 oif w0"},
		{"v6 main deleted", "ip -6 route add default via 2001:db8:1::2; ip -6 rule del pref 32766", "2001:4860::1; 2001:db8:1::1; 2001:db8:2::9; 2001:4860::1 iif w0 from 2001:db8:2::9"},
		{"v6 local deleted", "ip -6 route add default via 2001:db8:1::2; ip -6 rule del pref 0", "2001:4860::1; 2001:db8:1::1; ::1; 2001:db8:2::1 iif w0 from 2001:db8:2::9"},
		{"v6 all rules deleted", "ip -6 route add default via 2001:db8:1::2; ip -6 rule del pref 0; ip -6 rule del pref 32766", "2001:4860::1; 2001:db8:1::1"},
		{"v6 main deleted, rules asked", "ip -6 route add default via 2001:db8:1::2; ip -6 rule add pref 5 lookup 77; ip -6 rule del pref 5; ip -6 rule del pref 32766", "2001:4860::1; 2001:db8:1::1; 2001:db8:2::9"},
		{"v6 local deleted, rules asked", "ip -6 route add default via 2001:db8:1::2; ip -6 rule add pref 5 lookup 77; ip -6 rule del pref 5; ip -6 rule del pref 0", "2001:4860::1; 2001:db8:1::1; ::1"},
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
		{"suppress by the first next hop", "ip link set w0 group 5; ip route add 198.51.100.0/24 table 100 nexthop via 10.0.0.2 nexthop via 10.0.1.2; ip rule add priority 50 lookup 100 suppress_ifgroup 5", "198.51.100.1 oif w0; 198.51.100.1 oif v0; 198.51.100.1"},
		{"suppress by another group", "ip link set v0 group 7; ip link set w0 group 5; ip route add 198.51.100.0/24 via 10.0.0.2 table 100; ip route add 203.0.113.0/24 via 10.0.1.2 table 100; ip rule add priority 50 lookup 100 suppress_ifgroup 5", "198.51.100.1; 203.0.113.1"},
		{"rule unreachable", "ip rule add priority 50 to 198.51.100.0/24 unreachable; ip rule add priority 51 to 203.0.113.0/24 blackhole; ip rule add priority 52 to 192.0.2.0/24 prohibit", "198.51.100.1; 203.0.113.1; 192.0.2.1"},
		{"goto a missing rule", "ip rule add priority 100 goto 300; ip rule add priority 200 lookup 100; ip rule add priority 400 lookup main; ip route add 198.51.100.0/24 via 10.0.0.2; ip route add 198.51.100.0/24 via 10.0.1.2 table 100", "198.51.100.1"},
		{"object abandons its leaf", "ip nexthop add id 1 via 10.0.0.2 dev v0; ip route add 198.51.100.0/24 nhid 1; ip route add 198.51.100.0/23 via 10.0.1.2; ip route add 198.51.0.0/16 via 10.0.1.9", "198.51.100.1 oif w0; 198.51.101.1 oif w0; 198.51.100.1"},
		{"merged, own address in main", "ip route add 10.0.0.1/32 via 10.0.1.2; ip route add 198.51.100.0/24 via 10.0.1.2; ip route add local 198.51.100.0/24 dev lo", "10.0.0.1; 198.51.100.1; 198.51.100.1 oif w0"},
		{"one bit shorter", "ip route add 198.51.100.0/25 via 10.0.0.2; ip route add 198.51.100.0/24 via 10.0.1.2", "198.51.100.1 oif w0; 198.51.100.1"},
		{"own gateway onlink", "ip route add 198.51.100.0/24 via 10.0.1.7 dev w0 onlink; ip addr add 10.0.1.7/24 dev w0", "198.51.100.1"},
		{"down and linkdown ignored", "sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1; ip route add 198.51.100.0/24 nexthop via 10.0.0.2 nexthop via 10.0.1.2; ip link set v0 down", "198.51.100.1"},
		{"user's local source", "ip route add local 192.0.2.0/24 dev lo", "10.0.0.1 from 192.0.2.5 iif v0; 10.0.0.1 from 10.0.0.9 iif v0"},
		{"rule with a realm", "sysctl -qw net.ipv4.conf.all.accept_local=1; ip rule add priority 50 from 203.0.113.0/24 lookup main realms 5", "10.0.0.1 from 10.0.0.255 iif v0"},
		{"group, all bad", "sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1; ip nexthop add id 1 via 10.0.0.2 dev v0; ip nexthop add id 2 via 10.0.1.2 dev w0; ip nexthop add id 10 group 1/2; ip route add 198.51.100.0/24 nhid 10; ip neigh replace 10.0.0.2 dev v0 nud failed; ip neigh replace 10.0.1.2 dev w0 nud failed; ip link set v0p down", "198.51.100.1"},
		{"default scopes", "ip route add default via 10.0.0.2; ip route append default via 10.0.1.2 scope site; ip neigh replace 10.0.0.2 dev v0 nud failed", "8.8.8.8"},
		{"default behind one without carrier", "sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1; ip route add default via 10.0.0.2; ip route append default via 10.0.1.2; ip route append default via 10.0.1.3; ip neigh replace 10.0.1.2 dev w0 nud failed; ip link set v0p down", "8.8.8.8"},
		{"broadcast source", "", "10.0.0.2 from 255.255.255.255; 224.0.0.1 from 255.255.255.255 oif v0; 224.0.0.1 from 255.255.255.255"},
		{"route of all groups", "ip route add 224.0.0.0/4 via 10.0.0.2", "239.1.1.1; 224.0.0.1"},
		{"addresses of the host", "", "127.0.0.77; 127.255.255.255; 255.255.255.255 from 10.0.1.1 oif v0; 0.0.0.0 oif v0p; 0.0.0.0 oif v0"},
		{"rp loose, no address", "sysctl -qw net.ipv4.conf.v0p.rp_filter=2", "10.0.1.1 from 10.0.1.9 iif v0p; 10.0.1.1 from 10.0.0.9 iif v0p"},
		{"rp loose, accept_local", "sysctl -qw net.ipv4.conf.all.accept_local=1 net.ipv4.conf.all.rp_filter=2", "10.0.0.1 from 10.0.1.1 iif v0; 10.0.0.1 from 10.0.0.1 iif v0"},
		{"route_localnet in", "sysctl -qw net.ipv4.conf.v0.route_localnet=1", "127.0.0.1 from 10.0.0.9 iif v0; 10.0.0.1 from 127.0.0.9 iif v0; 127.0.0.1 from 10.0.1.9 iif w0"},
		{"rp exchanges ports", "sysctl -qw net.ipv4.conf.all.rp_filter=1; ip rule add priority 50 ipproto tcp sport 80 to 10.0.0.9 prohibit", "10.0.0.1 from 10.0.0.9 iif v0 ipproto tcp dport 80; 10.0.0.1 from 10.0.0.9 iif v0 ipproto tcp sport 80"},
		{"rp by the device out", "sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=1; ip route add 198.51.100.0/24 via 10.0.1.2; ip rule add priority 50 iif w0 to 10.0.0.0/24 prohibit", "198.51.100.1 from 10.0.0.9 iif v0; 10.0.1.1 from 10.0.0.9 iif v0"},
		{"forwarded to no unicast", "sysctl -qw net.ipv4.ip_forward=1; ip route add multicast 198.51.100.0/24 dev w0; ip route add anycast 203.0.113.0/24 dev w0", "198.51.100.1 from 10.0.0.9 iif v0; 203.0.113.1 from 10.0.0.9 iif v0"},
		{"broadcasts sent on", "sysctl -qw net.ipv4.conf.all.bc_forwarding=1 net.ipv4.conf.v0.bc_forwarding=1; ip route add broadcast 198.51.100.0/24 nexthop dev v0 nexthop dev w0", "10.0.1.255 from 10.0.0.9 iif v0; 10.0.0.255 from 10.0.0.9 iif v0; 10.0.0.255 from 10.0.1.9 iif w0; 255.255.255.255 from 10.0.0.9 iif v0; 10.0.1.255 from 10.0.1.9 iif v0; 10.0.1.255 from 10.0.0.255 iif v0; 10.0.0.255 from 10.0.0.255 iif v0; 198.51.100.1 from 10.0.0.9 iif v0; 198.51.100.2 from 10.0.0.9 iif v0; 198.51.100.3 from 10.0.0.9 iif v0; 10.0.1.255 from 10.0.0.1 iif v0; 127.255.255.255 from 10.0.0.9 iif v0"},
		{"broadcasts sent on, filtered", "sysctl -qw net.ipv4.conf.all.bc_forwarding=1 net.ipv4.conf.v0.bc_forwarding=1 net.ipv4.conf.all.rp_filter=1; ip rule add priority 50 iif w0 to 10.0.0.8/29 prohibit", "10.0.1.255 from 10.0.0.9 iif v0; 10.0.1.255 from 10.0.0.99 iif v0; 10.0.1.255 from 10.0.1.9 iif v0"},
		{"broadcasts sent on by one setting", "sysctl -qw net.ipv4.conf.all.bc_forwarding=1 net.ipv4.ip_forward=1; sysctl -qw net.ipv4.conf.w0.bc_forwarding=0", "10.0.1.255 from 10.0.0.9 iif v0; 10.0.0.255 from 10.0.1.9 iif w0"},
		{"lent source of scope link", "ip addr flush dev v0; ip addr add 10.0.0.1/24 dev v0 scope link", "224.0.0.1 oif w0p; 198.51.100.1 oif w0p; 198.51.100.1 oif v0"},
		{"route_localnet source", "sysctl -qw net.ipv4.conf.all.route_localnet=1", "198.51.100.1 oif lo; 255.255.255.254 oif lo"},
		{"route_localnet and scope link", "ip addr flush dev v0; ip addr add 10.0.0.1/24 dev v0 scope link; sysctl -qw net.ipv4.conf.v0.route_localnet=1; ip route add 198.51.100.0/24 dev v0 scope link", "198.51.100.1"},
		{"gateway in no subnet", "ip addr add 10.0.7.1/24 dev v0; ip route add 198.51.100.0/24 via 10.0.9.9 dev v0 onlink; ip route add 203.0.113.0/24 via 10.0.7.9", "198.51.100.1; 203.0.113.1"},
		{"v6 throw", "ip -6 route add throw 2001:db8:9::/48 table 100; ip -6 rule add priority 50 lookup 100; ip -6 route add 2001:db8:9::/48 via 2001:db8:1::2", "2001:db8:9::1"},
		{"v6 refusing object with a failed gateway", "ip -6 nexthop add id 1 via 2001:db8:1::2 dev v0; ip -6 route add unreachable 2001:db8:9::/48 nhid 1; ip -6 neigh replace 2001:db8:1::2 dev v0 nud failed; ip -6 route add default via 2001:db8:2::2", "2001:db8:9::1"},
		{"v6 loopback is strict", "ip -6 route add default via 2001:db8:1::2", "::1 from 2001:db8:1::9 iif v0; ::1 oif v0; ::1"},
		{"v6 sibling without carrier", "sysctl -qw net.ipv6.conf.all.ignore_routes_with_linkdown=1 net.ipv6.conf.v0.ignore_routes_with_linkdown=1; ip -6 route add 2001:db8:9::/48 nexthop via 2001:db8:1::2 dev v0 nexthop via 2001:db8:2::2 dev w0; ip link set v0p down", "2001:db8:9::1; 2001:db8:9::2"},
		{"v6 all siblings failed", "ip -6 route add 2001:db8:9::/48 nexthop via 2001:db8:1::2 dev v0 nexthop via 2001:db8:2::2 dev w0; ip -6 neigh replace 2001:db8:1::2 dev v0 nud failed; ip -6 neigh replace 2001:db8:2::2 dev w0 nud failed", "2001:db8:9::1; 2001:db8:9::2; 2001:db8:9::3"},
		{"v6 device given, source too", "ip -6 route add 2001:db8:9::/48 dev v0 metric 5; ip -6 route append 2001:db8:9::/48 dev w0 metric 5", "2001:db8:9::1 from 2001:db8:1::1 oif w0; 2001:db8:9::1 from 2001:db8:1::1 oif v0; 2001:db8:9::1"},
		{"v6 lowest metric unusable", "ip -6 route add 2001:db8:9::/48 via 2001:db8:1::2 metric 5; ip -6 route add 2001:db8:9::/48 via 2001:db8:2::2 metric 9; ip -6 neigh replace 2001:db8:1::2 dev v0 nud failed", "2001:db8:9::1"},
		{"v6 source near the destination", "ip -6 addr add 2001:db8:f000::1/32 dev v0 nodad; ip -6 route add default via 2001:db8:1::2", "2001:db8:ffff::1; 2001:db8:1::3; 2001:db8:2::3 oif w0; 2001:db8:2::3"},
		{"v6 from all", "ip -6 rule add priority 50 from ::/0 to 2001:db8:9::/48 prohibit", "2001:db8:9::1; 2001:db8:9::1 from 2001:db8:1::1"},
	}
}
