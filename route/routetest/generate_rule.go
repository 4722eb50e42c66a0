package routetest

import (
	"fmt"
	"net/netip"
	"strings"

	"routewhy/route"
)

// rules makes policy rules, and deletes some of the kernel's own rules.
func (g *generator) rules() {
	for _, f := range g.families() {
		g.times(1, 8, func() { g.rule(f) })
		g.builtinRules(f)
	}
}

// builtinRules deletes or moves rules that the kernel has from the start.
func (g *generator) builtinRules(f route.Family) {
	ip := "ip " + option(f)
	if g.chance(8) { // a common trick: rules before the local table
		g.add("%s rule add priority 50 lookup local", ip)
		g.add("%s rule del priority 0 lookup local", ip)
	} else if g.chance(3) {
		g.add("%s rule del priority 0 lookup local", ip)
	}
	if g.chance(6) {
		g.add("%s rule del priority 32766", ip)
	}
	if f == route.IPv4 && g.chance(8) {
		g.add("%s rule del priority 32767", ip)
	}
	if g.vrf && g.chance(12) { // another common trick: VRFs before the local table
		g.add("%s rule add priority %d l3mdev", ip, g.priority())
		g.add("%s rule del priority 1000 l3mdev", ip)
	}
}

func (g *generator) priority() int {
	return pick(g, 0, 5, 10, 10, 20, 20, 20, 30, 100, 100, 200, 1000, 32765, 32766, 32767, 40000)
}

func (g *generator) rule(f route.Family) {
	if g.opts.Support.Rules618 && g.chance(15) {
		g.add("%s", Rule618(g.rule618(f)))
		return
	}
	priority := g.priority()
	prio := fmt.Sprintf("priority %d", priority)
	if g.chance(7) {
		priority, prio = 32766, "" // the kernel chooses one below
	}
	if g.chance(5) {
		g.add("ip %s rule add %s l3mdev", option(f), prio)
		return
	}
	g.add("ip %s rule add %s %s %s %s", option(f), g.option(12, "not"), g.selector(f), prio, g.action(priority))
}

func (g *generator) action(priority int) string {
	switch {
	case g.chance(10):
		return fmt.Sprintf("goto %d", g.target(priority))
	case g.chance(18):
		return pick(g, "nop", "blackhole", "unreachable", "prohibit")
	}
	return "lookup " + pick(g, "main", "main", "local", "default", "100", "100", "100", "101", "102", "103", "1000", "999") +
		" " + g.option(18, "suppress_prefixlength 0", "suppress_prefixlength 0", "suppress_prefixlength 8",
		"suppress_prefixlength 24", "suppress_prefixlength 48", "suppress_ifgroup 7", "suppress_ifgroup default")
}

// target is where a goto goes: to a later priority, which sometimes has no rule.
func (g *generator) target(priority int) int {
	for range 20 {
		if p := g.priority(); p > priority {
			return p
		}
	}
	return priority + 1 + g.rng.IntN(9)
}

// selector is a condition of up to three parts. It rarely has none.
func (g *generator) selector(f route.Family) string {
	parts := g.selectors(f)
	g.rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	n := pick(g, 0, 1, 1, 1, 1, 2, 2, 2, 3)
	return strings.Join(parts[:n], " ")
}

func (g *generator) selectors(f route.Family) []string {
	link := func() string { return pick(g, pick(g, g.links...).name, pick(g, g.links...).name, "nosuch") }
	if g.vrf && g.chance(60) {
		link = func() string { return pick(g, "red", "red", "blue") }
	}
	tos, icmp := pick(g, "0x04", "0x08", "0x10", "0x10", "0x14", "0x1c"), "icmp"
	if f == route.IPv6 {
		tos, icmp = pick(g, "0x10", "0x10", "0x30", "0xb8"), "ipv6-icmp"
	}
	list := []string{
		"from " + g.rulePrefix(f), "from " + g.rulePrefix(f), "to " + g.rulePrefix(f), "to " + g.rulePrefix(f),
		"fwmark " + pick(g, "1", "1", "2", "0x10/0xf0", "0/0xff", "0x1/0x3"),
		"iif " + pick(g, "lo", link()), "oif " + link(),
		"tos " + tos,
		"uidrange " + pick(g, "0-0", "0-0", "1000-2000", "5-5", "0-999"),
		"ipproto " + pick(g, "tcp", "udp", icmp),
		"sport " + pick(g, "1000", "1000-1999"), "dport " + pick(g, "53", "80-90", "1-65534"),
	}
	return list
}

// rulePrefix is a prefix for from and to.
func (g *generator) rulePrefix(f route.Family) string {
	if own := g.ownAddrs(f); len(own) > 0 && g.chance(35) {
		return pick(g, own...)
	}
	if f == route.IPv6 {
		return pick(g, "2001:db8::/64", "2001:db8:1::/64", "2001:db8:9::/48", "2001:db8:9::/64", "2001:db8::/32",
			"2000::/3", "fd00::/8", "fe80::/10", "::/1", "::/128", "ff00::/8", "2001:db8:9::5")
	}
	return pick(g, "10.0.0.0/24", "10.0.1.0/24", "10.9.0.0/16", "10.9.0.0/24", "10.0.0.0/8", "10.0.0.0/9",
		"0.0.0.0/1", "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "8.8.8.8", "10.9.0.5")
}

// rule618 is a rule with a selector that ip(8) of 2023 lacks.
func (g *generator) rule618(f route.Family) *route.Rule {
	r := &route.Rule{
		Family: f, Priority: uint32(g.priority()), Action: route.ActionTable,
		Table: pick(g, route.TableMain, 100, 100, 101, 1000),
	}
	if g.chance(20) {
		r.Action = pick(g, route.ActionNop, route.ActionBlackhole, route.ActionUnreachable, route.ActionProhibit)
	}
	s := &r.Selector
	s.Not = g.chance(15)
	if g.chance(25) {
		if p, err := netip.ParsePrefix(g.rulePrefix(f)); err == nil {
			s.Dst = p
		}
	}
	switch {
	case f == route.IPv6 && g.chance(30):
		m := pick[uint32](g, 0xfffff, 0xff, 0xf0000)
		s.FlowLabel, s.FlowLabelMask = pick[uint32](g, 0x12345, 0x1, 0x10000, 0)&m, m
	case g.chance(50):
		s.HasDSCP, s.DSCPMask = true, pick[uint8](g, 0x3f, 0x3f, 0x38, 0x01)
		s.DSCP = pick[uint8](g, 0, 0x2e, 0x04, 0x08) & s.DSCPMask
	default:
		s.Proto = pick[uint8](g, 0, 6, 17)
		s.SrcPort = pick(g, route.PortRange{}, route.PortRange{Start: 992, End: 992, Mask: 0xfff0})
		s.DstPort = pick(g, route.PortRange{Start: 80, End: 80, Mask: 0xfff0}, route.PortRange{Start: 1, End: 1, Mask: 1})
	}
	return r
}
