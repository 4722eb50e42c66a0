package routetest

import (
	"slices"

	"routewhy/route"
)

// events changes what is there, in half of the set-ups. It does so because the order in
// which things happen leaves traces in the kernel.
func (g *generator) events() {
	if !g.chance(50) {
		return
	}
	g.times(1, 3, g.event)
}

func (g *generator) event() {
	l := pick(g, g.links...)
	switch {
	case g.chance(40) && l.peer != "":
		g.add("ip link set %s down", l.peer)
	case g.chance(20):
		g.add("ip link set %s down", l.name)
		if g.chance(60) {
			g.add("ip link set %s up", l.name)
		}
	case g.chance(15) && len(g.objects) > 0:
		g.objectEvent()
	case g.chance(25):
		g.addrEvent(l)
	case g.chance(10):
		g.linkEvent(l)
	case g.chance(50):
		if gates := slices.Concat(g.gates4, g.gates6); len(gates) > 0 {
			g.neighbour(pick(g, gates...))
		}
	default:
		g.late()
	}
}

func (g *generator) objectEvent() {
	o := pick(g, g.objects...)
	gates := g.gates(o.family)
	if g.chance(50) || o.group || len(gates) == 0 {
		g.add("ip nexthop del id %d", o.id)
		return
	}
	gt := pick(g, gates...)
	g.add("ip %s nexthop replace id %d via %s dev %s", option(o.family), o.id, gt.addr, gt.link.name)
}

// addrEvent takes a device's first address away, or all its addresses.
func (g *generator) addrEvent(l *genLink) {
	f := pick(g, g.families()...)
	switch {
	case g.chance(20):
		g.add("ip %s addr flush dev %s", option(f), l.name)
	case f == route.IPv4:
		g.add("ip addr del 10.0.%d.1/24 dev %s", l.n, l.name)
	default:
		g.add("ip -6 addr del 2001:db8:%d::1/64 dev %s", l.n, l.name)
	}
}

// linkEvent takes a device away or gives it another name, which detaches rules.
func (g *generator) linkEvent(l *genLink) {
	if g.chance(50) || l.vrf {
		g.add("ip link del %s", l.name)
		return
	}
	g.add("ip link set %s down", l.name)
	g.add("ip link set %s name new%d", l.name, l.n)
	g.add("ip link set new%d up", l.n)
}
