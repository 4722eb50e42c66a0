package routetest

import (
	"fmt"
	"strings"

	"routewhy/route"
)

// addresses gives the devices addresses.
func (g *generator) addresses() {
	for _, l := range g.links {
		if g.v4 && !g.chance(6) {
			g.addresses4(l)
		}
		if g.v6 && !g.chance(6) {
			g.addresses6(l)
		}
	}
	if g.v4 && g.chance(25) {
		g.own("ip addr add %s dev %s", pick(g, "10.255.0.1/32", "10.0.0.50/32", "192.0.2.129/25", "10.255.0.1/24 scope link"), "lo")
	}
	if g.v6 && g.chance(25) {
		g.own("ip -6 addr add %s dev %s nodad", pick(g, "2001:db8:ff::1/128", "fd00::1/128", "2001:db8::50/128"), "lo")
	}
	if g.v6 && g.chance(10) {
		g.add("ip addrlabel add prefix %s label %d", pick(g, "2001:db8:1::/48", "fd00::/16", "2001:db8:9::/48"), pick(g, 7, 1, 5))
	}
}

// own adds an address and remembers it. The address is the first word of addr. A
// device takes each address only once.
func (g *generator) own(format, addr, dev string, more ...any) {
	a, _, _ := strings.Cut(strings.Fields(addr)[0], "/")
	if g.used[dev+" "+a] {
		return
	}
	g.used[dev+" "+a] = true
	g.add(format, append([]any{addr, dev}, more...)...)
	if strings.Contains(a, ":") {
		g.own6 = append(g.own6, a)
	} else {
		g.own4 = append(g.own4, a)
	}
}

func (g *generator) addresses4(l *genLink) {
	n := l.n
	g.own("ip addr add %s dev %s", g.first4(n), l.name)
	g.used[routeKey(route.IPv4, "main", fmt.Sprintf("10.0.%d.0/24", n), "")] = true
	if g.chance(45) {
		g.times(1, 3, func() { g.own("ip addr add %s dev %s", g.extra4(n), l.name) })
	}
	if !l.up {
		return
	}
	for _, host := range []int{2, 3, 4} {
		g.gates4 = append(g.gates4, gate{fmt.Sprintf("10.0.%d.%d", n, host), l})
	}
}

func (g *generator) first4(n int) string {
	s := fmt.Sprintf("10.0.%d.1/24 %s", n, g.option(50, fmt.Sprintf("brd 10.0.%d.255", n)))
	if g.chance(4) {
		s += " metric 50"
	}
	return s
}

// extra4 is a further address of link n.
func (g *generator) extra4(n int) string {
	other := g.rng.IntN(3)
	return pick(g,
		fmt.Sprintf("10.0.%d.%d/24", n, 5+g.rng.IntN(3)),  // secondary
		fmt.Sprintf("10.0.%d.%d/25", n, 9+g.rng.IntN(3)),  // nested
		fmt.Sprintf("10.0.%d.%d/32", n, 76+g.rng.IntN(3)), // alone
		fmt.Sprintf("192.0.2.%d/32", 1+n),
		fmt.Sprintf("10.0.%d.%d/26 scope link", n, 12+g.rng.IntN(3)),
		fmt.Sprintf("172.16.%d.1/24 scope link", n),
		fmt.Sprintf("172.16.%d.1/24 scope host", n),
		fmt.Sprintf("172.16.%d.1/24", n), // a second subnet
		fmt.Sprintf("172.16.%d.1/24 noprefixroute", n),
		fmt.Sprintf("10.0.%d.%d/24", other, 20+10*n+g.rng.IntN(3)), // maybe another link's subnet
		fmt.Sprintf("10.0.%d.%d/16", other, 21+10*n),
		fmt.Sprintf("10.0.%d.%d peer 10.200.0.%d/32", n, 15+g.rng.IntN(2), 1+n),
		fmt.Sprintf("10.200.1.%d peer 10.0.%d.129/25", 1+n, other),
		fmt.Sprintf("172.17.%d.0/31", n),
		fmt.Sprintf("169.254.%d.1/16 brd 169.254.255.254", n),
		fmt.Sprintf("10.9.0.%d/24", 1+n),
	)
}

func (g *generator) addresses6(l *genLink) {
	n := l.n
	var gates []string
	if g.chance(90) {
		g.own("ip -6 addr add %s dev %s nodad", fmt.Sprintf("2001:db8:%d::1/64", n), l.name)
		gates = []string{"2001:db8:%d::2", "2001:db8:%d::3"}
	}
	if g.chance(60) {
		g.own("ip -6 addr add %s dev %s nodad", fmt.Sprintf("fe80::%d/64", n+1), l.name)
	}
	if g.chance(50) {
		g.times(1, 3, func() {
			g.own("ip -6 addr add %s dev %s nodad %s", g.extra6(n), l.name, g.option(25, "preferred_lft 0"))
		})
	}
	if !l.up {
		return
	}
	for _, a := range append(gates, "fe80::1:%d") {
		g.gates6 = append(g.gates6, gate{fmt.Sprintf(a, n), l})
	}
}

// extra6 is a further address of link n.
func (g *generator) extra6(n int) string {
	other := g.rng.IntN(3)
	return pick(g,
		fmt.Sprintf("2001:db8:%d::%d/64", n, 5+g.rng.IntN(3)),
		fmt.Sprintf("2001:db8:%d::%d/128", n, 76+g.rng.IntN(3)),
		fmt.Sprintf("fd00:%d::1/64", n),
		fmt.Sprintf("fd00:%d::1/64", n),
		fmt.Sprintf("2001:db8:%d::%d/64", other, 20+10*n+g.rng.IntN(3)),
		fmt.Sprintf("2001:db8:9::%d/48", 1+n),
		fmt.Sprintf("2001:db8:%d::8/64 noprefixroute", n),
		fmt.Sprintf("2001:db8:%d::9 peer 2001:db8:50::%d/128", n, 1+n),
		fmt.Sprintf("2001:db8:%d::e/127", n),
		fmt.Sprintf("2002:a00:1::%d/64", n+1),
		fmt.Sprintf("2001:db8:3%d::1/64 metric 100", n),
		fmt.Sprintf("64:ff9b::%d/96", n+1),
	)
}

// neighbours gives some gateways an entry in the neighbour table.
func (g *generator) neighbours() {
	for _, gt := range append(g.gates4[:len(g.gates4):len(g.gates4)], g.gates6...) {
		if g.chance(25) {
			g.neighbour(gt)
		}
	}
}

func (g *generator) neighbour(gt gate) {
	state := pick(g, "none", "incomplete", "failed", "failed", "failed", "stale", "stale",
		"reachable", "reachable", "permanent", "noarp", "probe", "delay")
	lladdr := "lladdr 02:00:00:00:00:01"
	if state == "none" || state == "incomplete" || state == "failed" {
		lladdr = ""
	}
	g.add("ip neigh replace %s %s dev %s nud %s", gt.addr, lladdr, gt.link.name, state)
}
