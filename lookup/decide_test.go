package lookup_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/route"
)

// says is a decision in one line: what becomes of the packet, and for each way
// its device, gateway, source and share.
func says(s *route.Snapshot, d *lookup.Decision) string {
	if d.Errno != 0 {
		return d.Disposition.String() + " " + d.Errno.String()
	}
	ways := make([]string, 0, len(d.NextHops))
	for _, w := range d.NextHops {
		text := s.LinkName(w.Link)
		if w.Gateway.IsValid() {
			text += " via " + w.Gateway.String()
		}
		if w.Src.IsValid() {
			text += " from " + w.Src.String()
		}
		if w.Share != 1 {
			text += fmt.Sprintf(" %g", w.Share)
		}
		if w.Stale {
			text += " stale"
		}
		ways = append(ways, text)
	}
	return d.Disposition.String() + " " + strings.Join(ways, ", ")
}

// six makes a rule one of IPv6.
func six(r route.Rule) route.Rule {
	r.Family = route.IPv6
	return r
}

// inVRF adds the VRF red (4), with table 10, and puts eth0 into it.
func inVRF(s *route.Snapshot) {
	s.Links = append(s.Links, route.Link{Index: 4, Name: "red", Kind: "vrf", VRFTable: 10, Flags: route.LinkUp | route.LinkNoARP})
	s.Links[1].Master = 4
}

// l3mdev is the rule that leads the packets of a VRF to its table.
func l3mdev() route.Rule {
	r := to(1000, 0)
	r.Selector.L3Mdev = true
	return r
}

// forbids is a rule that prohibits what a selector matches.
func forbids(priority uint32, sel route.Selector) route.Rule {
	r := to(priority, 0)
	r.Action, r.Selector = route.ActionProhibit, sel
	return r
}

// objects adds next-hop object 1 by eth0 and 2 by eth1, and 10, a group of them
// with the weights 1 and 3.
func objects(gateways ...string) func(*route.Snapshot) {
	return func(s *route.Snapshot) {
		for i, g := range gateways {
			s.NextHops = append(s.NextHops, route.NextHopObject{
				ID: uint32(i + 1), NextHop: route.NextHop{Link: i + 2, Gateway: netip.MustParseAddr(g)},
			})
		}
		s.NextHops = append(s.NextHops, route.NextHopObject{ID: 10, Group: []route.GroupMember{{ID: 1, Weight: 1}, {ID: 2, Weight: 3}}})
	}
}

func byObject(dst string, id uint32) route.Route {
	return route.Route{Table: route.TableMain, Dst: netip.MustParsePrefix(dst), Type: route.TypeUnicast, NextHopID: id}
}

func neighbour(link int, a string, state route.NeighbourState) func(*route.Snapshot) {
	return func(s *route.Snapshot) {
		s.Neighbours = append(s.Neighbours, route.Neighbour{Link: link, Addr: netip.MustParseAddr(a), State: state})
	}
}

func sysctl(keys ...string) func(*route.Snapshot) {
	return func(s *route.Snapshot) {
		if s.Sysctls == nil {
			s.Sysctls = route.Sysctls{}
		}
		for _, k := range keys {
			name, value, _ := strings.Cut(k, "=")
			s.Sysctls[name] = value
		}
	}
}

func release(r string) func(*route.Snapshot) { return func(s *route.Snapshot) { s.Release = r } }

func all(changes ...func(*route.Snapshot)) func(*route.Snapshot) {
	return func(s *route.Snapshot) {
		for _, c := range changes {
			c(s)
		}
	}
}

// from makes a route one for some sources.
func from(src string) func(*route.Route) {
	return func(r *route.Route) { r.Src = netip.MustParsePrefix(src) }
}

// twoSiblings is an IPv6 route by both devices.
func twoSiblings(dst string, change ...func(*route.Route)) route.Route {
	r := via(dst, "2001:db8::1", 2, change...)
	r.NextHops = append(r.NextHops, route.NextHop{Gateway: netip.MustParseAddr("2001:db8:1::1"), Link: 3, Weight: 3})
	r.NextHops[0].Weight = 1
	return r
}

// TestDecide pins decisions that one fact turns.
func TestDecide(t *testing.T) {
	const gone = route.NextHopDead | route.NextHopLinkDown
	stale := legs("203.0.113.0/24")
	stale.NextHops[1].Flags = gone
	six9 := "2001:db8:9::/48"
	group := byObject(six9, 10)
	staleSibling := twoSiblings(six9)
	staleSibling.NextHops[1].Flags = gone
	broadcast := via("192.0.2.255/32", "", 2, table(route.TableLocal), typ(route.TypeBroadcast))
	broadcast.NextHops = []route.NextHop{{Link: 2}}
	oif, iif := forbids(5, route.Selector{Out: "red"}), forbids(5, route.Selector{In: "red"})
	inRed := func(dst, gateway string, link int) route.Route { return via(dst, gateway, link, table(10)) }
	to6 := six(to(32766, route.TableMain))
	for name, c := range map[string]struct {
		routes   []route.Route
		rules    []route.Rule
		change   func(*route.Snapshot)
		dst, src string
		flow     route.Flow
		want     string
	}{
		"weights of a group": {
			routes: []route.Route{byObject("203.0.113.0/24", 10)}, change: objects("192.0.2.1", "198.51.100.1"),
			want: "unicast eth0 via 192.0.2.1 from 192.0.2.2 0.25, eth1 via 198.51.100.1 from 198.51.100.2 0.75",
		},
		"the share of a failed last member": {
			routes: []route.Route{byObject("203.0.113.0/24", 10)},
			change: all(objects("192.0.2.1", "198.51.100.1"), neighbour(3, "198.51.100.1", route.NeighbourFailed)),
			want:   "unicast eth0 via 192.0.2.1 from 192.0.2.2",
		},
		"weights of a resilient group": {
			routes: []route.Route{byObject("203.0.113.0/24", 10)},
			change: all(objects("192.0.2.1", "198.51.100.1"), func(s *route.Snapshot) { s.NextHops[2].Resilient = true }),
			want:   "unicast eth0 via 192.0.2.1 from 192.0.2.2 0.25, eth1 via 198.51.100.1 from 198.51.100.2 0.75",
		},
		"the share of a failed sibling": {
			routes: []route.Route{twoSiblings(six9)}, rules: []route.Rule{to6}, dst: "2001:db8:9::9", src: "2001:db8::2",
			change: neighbour(2, "2001:db8::1", route.NeighbourFailed), want: "unicast eth1 via 2001:db8:1::1",
		},
		"merged is for the default rules alone": {
			routes: append(locals(), via("192.0.2.0/24", "", 2)),
			rules:  []route.Rule{fromSource(0, "10.0.0.0/8", route.TableLocal), to(32766, route.TableMain), to(32767, route.TableDefault)},
			change: func(s *route.Snapshot) { s.Merged = route.Yes },
			dst:    "192.0.2.2", want: "unicast eth0 from 192.0.2.2",
		},
		"an address of a bridge's port": {
			routes: locals(), dst: "192.0.2.2", want: "local lo from 192.0.2.2",
			change: func(s *route.Snapshot) {
				s.Links = append(s.Links, route.Link{Index: 4, Name: "br0", Kind: "bridge", Flags: route.LinkUp})
				s.Links[1].Master = 4
			},
		},
		"SCTP has ports": {
			routes: append(locals(), via("203.0.113.0/24", "", 2)), rules: inOrder(forbids(5, route.Selector{Proto: 132, DstPort: route.PortRange{Start: 80, End: 80}})),
			change: sysctl("net/ipv4/conf/eth0/forwarding=1"), src: "192.0.2.9",
			flow: route.Flow{In: 2, Proto: 132, DstPort: 80}, want: "prohibit EACCES",
		},
		"redirects are sent unless said otherwise": {
			routes: append(locals(), broadcast, via("0.0.0.0/0", "192.0.2.1", 2)),
			change: sysctl("net/ipv4/conf/eth0/forwarding=1", "net/ipv4/conf/eth0/accept_local=1"),
			src:    "192.0.2.255", flow: route.Flow{In: 2}, want: "invalid EINVAL",
		},
		"a secondary address is no source": {
			routes: []route.Route{via("203.0.113.0/24", "192.0.2.1", 2)}, want: "unicast eth0 via 192.0.2.1 from 192.0.2.3",
			change: func(s *route.Snapshot) {
				s.Addrs[0].Flags = route.AddrSecondary
				s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.3/24")})
			},
		},
		"prohibited by a rule": {rules: inOrder(forbids(5, route.Selector{})), want: "prohibit EACCES"},
		"from any, without a source": {
			rules: []route.Rule{six(forbids(5, route.Selector{Src: netip.MustParsePrefix("::/0")}))},
			dst:   "2001:db8:9::9", want: "prohibit EACCES",
		},
		"a neighbour that is asked for has not failed": {
			routes: []route.Route{via(six9, "2001:db8::1", 2, metric(5)), via(six9, "2001:db8:1::1", 3, metric(9))}, rules: []route.Rule{to6},
			dst: "2001:db8:9::9", change: neighbour(2, "2001:db8::1", route.NeighbourIncomplete), want: "unicast eth0 via 2001:db8::1",
		},
		"of a group the first member counted": {
			routes: []route.Route{group, via(six9, "", 3)}, rules: []route.Rule{to6}, change: all(objects("2001:db8::1", "2001:db8:1::1"), release("6.18.44")),
			dst: "2001:db8:9::9", src: "2001:db8::2", flow: route.Flow{Out: 3}, want: "unicast eth1",
		},
		"of a group the best member counts": {
			routes: []route.Route{group, via(six9, "", 3)}, rules: []route.Rule{to6}, change: all(objects("2001:db8::1", "2001:db8:1::1"), release("7.0.1")),
			dst: "2001:db8:9::9", src: "2001:db8::2", flow: route.Flow{Out: 3}, want: "unicast eth1 via 2001:db8:1::1",
		},
		"of a group nobody knows which member counts": {
			routes: []route.Route{group, via(six9, "", 3)}, rules: []route.Rule{to6}, change: all(objects("2001:db8::1", "2001:db8:1::1"), release("6.18.99")),
			dst: "2001:db8:9::9", src: "2001:db8::2", flow: route.Flow{Out: 3}, want: "unknown ",
		},
		"of a group nobody knows which member counts, where it is all the same": {
			routes: []route.Route{group}, rules: []route.Rule{to6}, change: all(objects("2001:db8::1", "2001:db8:1::1"), release("6.18.99")),
			dst: "2001:db8:9::9", src: "2001:db8::2", flow: route.Flow{Out: 3}, want: "unicast eth0 via 2001:db8::1 0.25, eth1 via 2001:db8:1::1 0.75",
		},
		"a device asked for keeps its sibling": {
			routes: []route.Route{twoSiblings(six9)}, rules: []route.Rule{to6}, change: release("6.12.117+deb12-amd64"),
			dst: "2001:db8:9::9", src: "2001:db8::2", flow: route.Flow{Out: 3}, want: "unicast eth1 via 2001:db8:1::1",
		},
		"a device asked for did not keep its sibling": {
			routes: []route.Route{twoSiblings(six9)}, rules: []route.Rule{to6}, change: release("6.12.111"),
			dst: "2001:db8:9::9", src: "2001:db8::2", flow: route.Flow{Out: 3}, want: "unicast eth0 via 2001:db8::1 0.25, eth1 via 2001:db8:1::1 0.75",
		},
		"a device asked for that no sibling is on": {
			routes: []route.Route{twoSiblings(six9)}, rules: []route.Rule{to6}, change: release("6.1.0-56-amd64"),
			dst: "2001:db8:9::9", src: "2001:db8::2", flow: route.Flow{Out: 1}, want: "unicast eth0 via 2001:db8::1 0.25, eth1 via 2001:db8:1::1 0.75",
		},
		"a received packet keeps no sibling": {
			routes: []route.Route{twoSiblings(six9)}, rules: []route.Rule{to6}, change: release("7.0.0"),
			dst: "2001:db8:9::9", src: "2001:db8::7", flow: route.Flow{In: 3}, want: "unicast eth0 via 2001:db8::1 0.25, eth1 via 2001:db8:1::1 0.75",
		},
		"a device asked for may keep a member that the hash passes over": {
			routes: []route.Route{group}, rules: []route.Rule{to6}, dst: "2001:db8:9::9", src: "2001:db8::2", flow: route.Flow{Out: 3},
			change: all(objects("2001:db8::1", "2001:db8:1::1"), release("6.18.99"), neighbour(3, "2001:db8:1::1", route.NeighbourIncomplete)),
			want:   "unicast eth0 via 2001:db8::1 0.25, eth1 via 2001:db8:1::1 0.75",
		},
		"defaults whose gateways do not answer yet": {
			routes: []route.Route{via("0.0.0.0/0", "192.0.2.1", 2), via("0.0.0.0/0", "198.51.100.1", 3)},
			change: all(neighbour(2, "192.0.2.1", route.NeighbourIncomplete), neighbour(3, "198.51.100.1", route.NeighbourIncomplete)),
			want:   "unicast eth0 via 192.0.2.1 from 192.0.2.2",
		},
		"expired with siblings": {
			routes: []route.Route{twoSiblings(six9, func(r *route.Route) { r.Expires = -time.Second })}, rules: []route.Rule{to6},
			dst: "2001:db8:9::9", want: "unknown ",
		},
		"a stale leg": {
			routes: []route.Route{stale}, change: sysctl("net/ipv4/conf/eth1/ignore_routes_with_linkdown=1"),
			want: "unicast eth0 via 192.0.2.1 from 192.0.2.2, eth1 via 198.51.100.1 from 198.51.100.2 0 stale",
		},
		"oif of a VRF, received by its device": {
			routes: []route.Route{inRed("203.0.113.0/24", "", 2), inRed("192.0.2.0/24", "", 2)}, rules: inOrder(oif, l3mdev()), change: all(inVRF, sysctl("net/ipv4/conf/eth0/forwarding=1")),
			src: "192.0.2.9", flow: route.Flow{In: 2}, want: "unicast eth0 from 192.0.2.9",
		},
		"oif of a VRF, bound to its device": {rules: inOrder(oif, l3mdev()), change: inVRF, flow: route.Flow{Out: 2}, want: "prohibit EACCES"},
		"iif of a VRF, received by its device": {
			rules: inOrder(iif, l3mdev()), change: all(inVRF, sysctl("net/ipv4/conf/eth0/forwarding=1")),
			src: "192.0.2.9", flow: route.Flow{In: 2}, want: "prohibit EACCES",
		},
		"iif of a VRF before 6.15": {
			routes: []route.Route{inRed("203.0.113.0/24", "", 2), inRed("192.0.2.0/24", "", 2)}, rules: inOrder(iif, l3mdev()), change: all(inVRF, release("6.14.1"), sysctl("net/ipv4/conf/eth0/forwarding=1")),
			src: "192.0.2.9", flow: route.Flow{In: 2}, want: "unicast eth0 from 192.0.2.9",
		},
		"no source from outside a VRF": {
			routes: []route.Route{inRed("203.0.113.0/24", "", 2)}, rules: inOrder(l3mdev()), want: "unicast eth0", flow: route.Flow{Out: 2},
			change: all(inVRF, func(s *route.Snapshot) { s.Addrs = s.Addrs[1:] }),
		},
		"to a group by the VRF": {
			routes: []route.Route{inRed("ff00::/8", "", 4)}, rules: []route.Rule{six(l3mdev())}, change: inVRF,
			dst: "ff02::1", flow: route.Flow{Out: 4}, want: "invalid ENETUNREACH",
		},
		"the way back stays in the VRF": {
			routes: []route.Route{inRed("203.0.113.0/24", "", 2), inRed("198.51.100.0/24", "", 3), via("203.0.113.0/24", "", 3)},
			rules:  inOrder(l3mdev()), change: all(inVRF, sysctl("net/ipv4/conf/eth0/forwarding=1", "net/ipv4/conf/all/rp_filter=1")),
			dst: "198.51.100.9", src: "203.0.113.9", flow: route.Flow{In: 2}, want: "unicast eth1 from 203.0.113.9",
		},
		"a group of which all are bad": {
			routes: []route.Route{byObject("203.0.113.0/24", 10)}, want: "unicast eth0 via 192.0.2.1 from 192.0.2.2",
			change: all(
				objects("192.0.2.1", "198.51.100.1"), func(s *route.Snapshot) { s.NextHops[0].NextHop.Flags = gone },
				sysctl("net/ipv4/conf/eth0/ignore_routes_with_linkdown=1"),
				neighbour(2, "192.0.2.1", route.NeighbourFailed), neighbour(3, "198.51.100.1", route.NeighbourFailed),
			),
		},
		"a source that two devices have, for a group": {
			dst: "239.1.1.1", src: "192.0.2.2", want: "multicast eth0 from 192.0.2.2 0, eth1 from 192.0.2.2 0",
			change: func(s *route.Snapshot) {
				s.Addrs = append(s.Addrs, route.Addr{Link: 3, Prefix: netip.MustParsePrefix("192.0.2.2/32")})
			},
		},
		"a gateway that two devices have as their own": {
			routes: []route.Route{via("203.0.113.0/24", "192.0.2.2", 2)}, want: "unicast eth0 from 192.0.2.2",
			change: func(s *route.Snapshot) {
				s.Addrs = append(s.Addrs, route.Addr{Link: 3, Prefix: netip.MustParsePrefix("192.0.2.2/32")})
			},
		},
		"three failed defaults": {
			routes: []route.Route{via("0.0.0.0/0", "192.0.2.1", 2), via("0.0.0.0/0", "192.0.2.7", 2), via("0.0.0.0/0", "198.51.100.1", 3)},
			change: all(
				neighbour(2, "192.0.2.1", route.NeighbourFailed), neighbour(2, "192.0.2.7", route.NeighbourFailed),
				neighbour(3, "198.51.100.1", route.NeighbourFailed),
			),
			want: "unicast eth0 via 192.0.2.1 from 192.0.2.2 0, eth0 via 192.0.2.7 from 192.0.2.2 0, eth1 via 198.51.100.1 from 198.51.100.2 0",
		},
		"an object's gateway wants more than a link's scope": {
			routes: []route.Route{byObject("203.0.113.0/24", 1)}, want: "unicast eth0 via 192.0.2.1 from 192.0.2.3",
			change: all(objects("192.0.2.1", "198.51.100.1"), func(s *route.Snapshot) {
				s.Addrs[0].Scope = route.ScopeLink
				s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.3/24")})
			}),
		},
		"the longer source": {
			routes: []route.Route{via(six9, "", 2, from("2001:db8::/32")), via(six9, "", 3, from("2001:db8:2::/48"))}, rules: []route.Rule{to6},
			dst: "2001:db8:9::9", src: "2001:db8:2::2", want: "unicast eth1",
		},
		"a throw route of IPv6": {
			routes: []route.Route{via(six9, "", 1, table(100), func(r *route.Route) { r.Type = route.TypeThrow }), via(six9, "", 2)},
			rules:  []route.Rule{six(to(5, 100)), to6}, dst: "2001:db8:9::9", want: "unicast eth0",
		},
		"a stale sibling": {
			routes: []route.Route{staleSibling}, rules: []route.Rule{to6}, change: sysctl("net/ipv6/conf/eth1/ignore_routes_with_linkdown=1"),
			dst: "2001:db8:9::9", want: "unicast eth0 via 2001:db8::1, eth1 via 2001:db8:1::1 0 stale",
		},
		"a loopback source leaves by a VRF": {
			routes: append(locals(), via("203.0.113.0/24", "", 4)), change: inVRF, src: "127.0.0.1", want: "unicast red from 127.0.0.1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostOf(c.routes, c.rules...)
			if c.change != nil {
				c.change(s)
			}
			flow := c.flow
			flow.Dst = netip.MustParseAddr("203.0.113.9")
			if c.dst != "" {
				flow.Dst = netip.MustParseAddr(c.dst)
			}
			if c.src != "" {
				flow.Src = netip.MustParseAddr(c.src)
			}
			d := lookup.New(s).Lookup(flow)
			if got := says(s, &d); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestStaleSource: a leg that should not be taken leaves the source certain.
func TestStaleSource(t *testing.T) {
	r := legs("203.0.113.0/24")
	r.NextHops[1].Flags = route.NextHopDead | route.NextHopLinkDown
	s := hostOf([]route.Route{r})
	sysctl("net/ipv4/conf/eth1/ignore_routes_with_linkdown=1")(s)
	if d := lookup.New(s).Lookup(route.Flow{Dst: netip.MustParseAddr("203.0.113.9")}); d.Src != netip.MustParseAddr("192.0.2.2") {
		t.Errorf("source %v", d.Src)
	}
}

// TestSource6 pins by which rule an IPv6 source is chosen: the first address is
// never the one.
func TestSource6(t *testing.T) {
	on := func(link int, p string, f ...route.AddrFlags) route.Addr {
		a := route.Addr{Link: link, Prefix: netip.MustParsePrefix(p)}
		for _, x := range f {
			a.Flags |= x
		}
		return a
	}
	label := func(p string, n uint32, link int) route.AddrLabel {
		return route.AddrLabel{Prefix: netip.MustParsePrefix(p), Label: n, Link: link}
	}
	plain := label("::/0", 1, 0)
	for name, c := range map[string]struct {
		addrs  []route.Addr
		labels []route.AddrLabel
		sysctl string
		dst    string
		want   string // empty: none
	}{
		"use_tempaddr 1":     {addrs: []route.Addr{on(2, "2001:db8::2/64", route.AddrTemporary), on(2, "2001:db8::3/64")}, sysctl: "eth0/use_tempaddr=1", want: "2001:db8::3"},
		"use_tempaddr 2":     {addrs: []route.Addr{on(2, "2001:db8::2/64"), on(2, "2001:db8::3/64", route.AddrTemporary)}, sysctl: "eth0/use_tempaddr=2", want: "2001:db8::3"},
		"bits of its prefix": {addrs: []route.Addr{on(2, "2001:db8:5::3/32"), on(2, "2001:db8:4::2/64")}, want: "2001:db8:4::2"},
		"optimistic":         {addrs: []route.Addr{on(2, "2001:db8::2/64", route.AddrTentative), on(2, "2001:db8::3/64", route.AddrTentative, route.AddrOptimistic)}, want: "2001:db8::3"},
		"one that is sure":   {addrs: []route.Addr{on(2, "2001:db8::2/64", route.AddrOptimistic), on(2, "2001:db8::3/64")}, sysctl: "eth0/use_optimistic=1", want: "2001:db8::3"},
		"use_optimistic":     {addrs: []route.Addr{on(2, "2003::2/64"), on(2, "2001:db8:5::2/64", route.AddrOptimistic)}, sysctl: "all/use_optimistic=1", want: "2001:db8:5::2"},
		"deprecated":         {addrs: []route.Addr{on(2, "2001:db8:5::2/64", route.AddrDeprecated), on(2, "2003::2/64")}, want: "2003::2"},
		"device":             {addrs: []route.Addr{on(3, "2001:db8:5::2/64"), on(2, "2003::2/64")}, want: "2003::2"},
		"not of the link":    {addrs: []route.Addr{on(3, "fe80::3/64"), on(3, "2001:db8::3/64")}, dst: "fe80::9", want: ""},
		"default labels":     {addrs: []route.Addr{on(2, "3ffe::2/64"), on(2, "8001::2/64")}, dst: "4001::1", want: "8001::2"},
		"longest label":      {addrs: []route.Addr{on(2, "2002::2/64"), on(2, "4001::2/64")}, dst: "3fff::1", want: "4001::2"},
		"label of a device":  {addrs: []route.Addr{on(2, "2003::2/64"), on(2, "2001:db8:1::2/64")}, labels: []route.AddrLabel{plain, label("2001:db8:1::/48", 9, 3)}, want: "2001:db8:1::2"},
		"no ORCHID":          {addrs: []route.Addr{on(2, "2001:1f::2/64"), on(2, "2003::2/64")}, labels: []route.AddrLabel{plain}, dst: "2001:20::1", want: "2003::2"},
		"preferred":          {addrs: []route.Addr{on(2, "2001:db8:5::9/64")}, want: "2001:db8:5::9"},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostOf([]route.Route{via("::/0", "fe80::1", 2), via("fe80::/64", "", 2)}, six(to(32766, route.TableMain)))
			s.Addrs, s.Labels = c.addrs, c.labels
			if c.sysctl != "" {
				sysctl("net/ipv6/conf/" + c.sysctl)(s)
			}
			dst := netip.MustParseAddr("2001:db8:5::1")
			if c.dst != "" {
				dst = netip.MustParseAddr(c.dst)
			}
			got := ""
			if d := lookup.New(s).Lookup(route.Flow{Dst: dst}); d.Src.IsValid() {
				got = d.Src.String()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
