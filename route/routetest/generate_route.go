package routetest

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/route"
)

// nextHops makes next-hop objects and groups of them, in some set-ups.
func (g *generator) nextHops() {
	if !g.chance(40) {
		return
	}
	for _, f := range g.families() {
		for range 2 + g.rng.IntN(3) {
			g.object(f)
		}
		g.times(0, 2, func() { g.objectGroup(f) })
	}
}

func (g *generator) object(f route.Family) {
	o := object{id: len(g.objects) + 1, family: f}
	gates := slices.DeleteFunc(slices.Clone(g.gates(f)), func(gt gate) bool { return !gt.link.carrier })
	switch {
	case g.chance(10) || len(gates) == 0:
		o.hole = true
		g.add("ip %s nexthop add id %d blackhole", option(f), o.id)
	case g.chance(12):
		g.add("ip %s nexthop add id %d dev %s", option(f), o.id, pick(g, gates...).link.name)
	default:
		gt := pick(g, gates...)
		g.add("ip %s nexthop add id %d via %s dev %s %s", option(f), o.id, gt.addr, gt.link.name, g.option(5, "onlink"))
	}
	g.objects = append(g.objects, o)
}

// objectGroup makes a group of the objects of a family that there are.
func (g *generator) objectGroup(f route.Family) {
	var members []string
	for _, o := range g.objects {
		if o.family == f && !o.group && !o.hole && g.chance(75) {
			members = append(members, fmt.Sprint(o.id)+g.option(40, ",2", ",3", ",10"))
		}
	}
	if len(members) == 0 {
		return
	}
	o := object{id: len(g.objects) + 1, family: f, group: true}
	g.add("ip nexthop add id %d group %s %s", o.id, strings.Join(members, "/"),
		g.option(25, "type resilient buckets 8", "type resilient buckets 32"))
	g.objects = append(g.objects, o)
}

func (g *generator) gates(f route.Family) []gate {
	if f == route.IPv6 {
		return g.gates6
	}
	return g.gates4
}

func (g *generator) ownAddrs(f route.Family) []string {
	if f == route.IPv6 {
		return g.own6
	}
	return g.own4
}

// option is the family option of ip(8).
func option(f route.Family) string {
	if f == route.IPv6 {
		return "-6"
	}
	return "-4"
}

// prefixes are the destinations of routes. They are nested, many have the same network
// address, and they cover addresses of links.
func prefixes(f route.Family) []string {
	if f == route.IPv6 {
		return []string{
			"default", "default", "default", "::/1", "8000::/1", "2000::/3", "2001:db8::/32",
			"2001:db8:9::/48", "2001:db8:9::/48", "2001:db8:9::/48", "2001:db8:9::/56", "2001:db8:9::/64",
			"2001:db8:9::/128", "2001:db8:9::5/128", "2001:db8:9:0:8000::/65", "2001:db8:9:1::/64",
			"2001:db8:0:8000::/49", "2001:db8::/64", "2001:db8:1::/65", "2001:db8::40/122", "2001:db8:1::77/128",
			"2001:db8::1/128", "fd00::/8", "fd00:1::/64", "2002::/16", "64:ff9b::/96", "fe80::/64", "fe80::/10",
			"::1/128", "::/128", "ff05::/16",
		}
	}
	return []string{
		"default", "default", "default", "0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8",
		"10.9.0.0/16", "10.9.0.0/16", "10.9.0.0/24", "10.9.0.0/24", "10.9.0.0/24", "10.9.0.0/25", "10.9.0.0/32",
		"10.9.0.128/25", "10.9.0.5/32", "10.9.1.0/24", "10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "10.0.0.0/25",
		"10.0.0.128/25", "10.0.0.77/32", "10.0.1.64/26", "10.0.0.1/32", "10.0.1.255/32", "198.51.100.0/24",
		"8.8.8.8/32", "8.8.8.0/24", "172.16.0.0/12", "127.9.9.9/32", "127.0.0.0/9", "224.0.0.0/4", "239.1.0.0/16",
		"240.0.0.0/4", "255.255.255.255/32",
	}
}

func (g *generator) routes() {
	for _, f := range g.families() {
		if gates := g.gates(f); len(gates) > 0 && g.chance(50) { // most hosts have one
			gt := pick(g, gates...)
			g.add("ip %s route add default via %s dev %s", option(f), gt.addr, gt.link.name)
			g.used[routeKey(f, "main", "default", "")] = true
		}
		if g.vrf && g.chance(30) { // as the kernel's documentation of VRFs advises
			g.add("ip %s route add unreachable default metric 4278198272 table 110", option(f))
		}
		g.times(4, 14, func() { g.route(f) })
	}
}

// routeKey identifies a route. For each key, the kernel takes only one route unless it is
// told to append.
func routeKey(f route.Family, table, prefix, rest string) string {
	return fmt.Sprint(f, " ", table, " ", prefix, " ", rest)
}

// table draws a routing table. Tables in which the kernel looks only because of a rule
// are for set-ups with rules.
func (g *generator) table() string {
	if g.plain {
		return pick(g, "main", "main", "main", "main", "main", "main", "default", "local")
	}
	return pick(g, "main", "main", "main", "main", "main", "100", "100", "101", "102", "103", "1000", "default", "local")
}

// route makes one route of any type.
func (g *generator) route(f route.Family) {
	table, prefix := g.table(), pick(g, prefixes(f)...)
	if g.vrf && g.chance(35) {
		table = "110"
	}
	r := randomRoute{g: g, f: f, prefix: prefix}
	r.draw()
	key := routeKey(f, table, prefix, r.key)
	verb := "add"
	switch {
	case g.used[key]:
		verb = pick(g, "append", "append", "append", "prepend", "replace")
	case g.chance(15):
		verb = pick(g, "append", "prepend", "replace")
	}
	g.used[key] = true
	g.add("ip %s route %s %s %s table %s %s", option(f), verb, r.typ, prefix, table, r.rest)
}

// randomRoute is a route except for its table and the verb.
type randomRoute struct {
	g      *generator
	f      route.Family
	prefix string
	typ    string
	// key and the prefix identify the route: a table has only one with the same.
	key  string
	rest string
}

func (r *randomRoute) word(format string, args ...any) {
	r.rest += " " + fmt.Sprintf(format, args...)
}

func (r *randomRoute) draw() {
	g := r.g
	metric := g.option(35, "metric 1", "metric 5", "metric 10", "metric 10", "metric 2000")
	r.key, r.rest = metric, metric
	if r.f == route.IPv6 && r.prefix != "::1/128" && g.chance(12) {
		from := "from " + pick(g, "2001:db8::/64", "2001:db8:1::/64", "2001:db8::/32", "2001:db8::1/128", "fd00::/8")
		r.key += from
		r.word("%s", from)
	}
	if r.f == route.IPv4 && g.chance(10) {
		tos := "tos " + pick(g, "0x04", "0x08", "0x10", "0x10", "0x1c", "0xb8")
		r.key += tos
		r.word("%s", tos)
	}
	switch {
	case g.chance(19):
		r.typ = pick(g, "blackhole", "unreachable", "prohibit", "throw", "throw")
	case g.chance(6):
		r.special()
	default:
		r.unicast()
	}
}

// special makes the route one of a type that usually only the kernel makes.
func (r *randomRoute) special() {
	r.typ = r.g.option(80, "local", "local", "broadcast", "anycast", "multicast")
	if r.typ == "broadcast" && r.f == route.IPv6 {
		r.typ = "anycast"
	}
	r.word("dev %s", pick(r.g, r.g.usable().name, "lo"))
}

func (r *randomRoute) unicast() {
	g, gates := r.g, r.g.gates(r.f)
	switch o, ok := g.pickObject(r.f); {
	case ok && g.chance(35) && !strings.Contains(r.key, "from"):
		r.word("nhid %d", o.id)
		return // the object gives its next hop and much else
	case len(gates) > 0 && g.chance(18):
		r.details() // must come before
		r.multipath(gates)
		return
	case len(gates) == 0 || g.chance(20):
		r.device()
	case r.f == route.IPv4 && len(g.gates6) > 0 && g.chance(15):
		gt := pick(g, g.gates6...)
		r.word("via inet6 %s dev %s", gt.addr, gt.link.name)
	default:
		r.gateway(pick(g, gates...))
	}
	r.details()
}

// pickObject draws a next-hop object that a route of a family can use.
func (g *generator) pickObject(f route.Family) (object, bool) {
	if len(g.objects) == 0 {
		return object{}, false
	}
	o := pick(g, g.objects...)
	return o, o.family == f || f == route.IPv4 && !o.hole
}

func (r *randomRoute) device() {
	r.word("dev %s", r.g.usable().name)
	if r.f == route.IPv4 {
		r.word("%s", r.g.option(25, "scope global", "scope link", "scope host"))
	}
}

func (r *randomRoute) gateway(gt gate) {
	g := r.g
	if g.opts.Support.MPLS && g.chance(8) {
		r.word("encap mpls %s", pick(g, "100", "100/200"))
	}
	switch {
	case g.chance(6):
		r.word("via %s dev %s onlink", pick(g, gt.addr, r.foreign()), gt.link.name)
	case g.chance(30) && !strings.HasPrefix(gt.addr, "fe80"):
		r.word("via %s", gt.addr)
	default:
		r.word("via %s dev %s", gt.addr, gt.link.name)
	}
}

// foreign is a gateway that is not on any link.
func (r *randomRoute) foreign() string {
	if r.f == route.IPv6 {
		return "2001:db8:77::1"
	}
	return "203.0.113.1"
}

func (r *randomRoute) multipath(gates []gate) {
	g := r.g
	hops := ""
	g.times(2, 4, func() {
		gt := pick(g, gates...)
		hop := fmt.Sprintf(" nexthop via %s dev %s", gt.addr, gt.link.name)
		if strings.Contains(hops, hop) {
			return // IPv6 takes each gateway only once
		}
		if r.f == route.IPv4 && g.chance(12) {
			hop = fmt.Sprintf(" nexthop dev %s", gt.link.name)
		}
		hops += hop + g.option(40, " weight 2", " weight 3", " weight 10")
	})
	r.rest += hops
}

func (r *randomRoute) details() {
	g := r.g
	if own := g.ownAddrs(r.f); len(own) > 0 && g.chance(15) {
		if src := pick(g, own...); !strings.HasPrefix(src, "fe80") { // only with its own device
			r.word("src %s", src)
		}
	}
	r.word("%s", g.option(6, "mtu 1300", "mtu lock 1280"))
	r.word("%s", g.option(15, "proto static", "proto bird", "proto kernel"))
	if r.f == route.IPv4 {
		r.word("%s", g.option(1, "realm 5"))
		return
	}
	r.word("%s", g.option(20, "pref low", "pref high", "pref high"))
	r.word("%s", g.option(8, "expires 0", "expires 1000"))
}
