package change

import (
	"maps"
	"net/netip"

	"routewhy/route"
)

// dead reports whether a next hop is really dead. It may also be skipped only because
// its device has no carrier. A dump shows both in the same way if a setting says so. On a
// device whose IPv6 is switched off it is dead: that marked all next hops which were there
// (addrconf_ifdown, rt6_disable_ip), and none is added since (fib6_nh_init).
func (t *tx) dead(dst netip.Prefix, r *route.Route, h *route.NextHop) bool {
	if h.Flags&route.NextHopDead == 0 {
		return false
	}
	l, f := t.link(h.Link), route.FamilyOf(dst.Addr())
	return l == nil || !l.Up() || h.Flags&route.NextHopLinkDown == 0 || !t.ignoresLinkdown(f, l) ||
		f == route.IPv6 && t.setting(f, l.Name, "disable_ipv6") != 0 || t.deadHops[siblingOf(dst, r, h)]
}

// ignoresLinkdown is ip_ignore_linkdown and ip6_ignore_linkdown.
func (t *tx) ignoresLinkdown(f route.Family, l *route.Link) bool {
	return t.snap.IgnoresLinkdown(f, l.Name)
}

// setDead stores that a next hop is really dead.
func (t *tx) setDead(dst netip.Prefix, r *route.Route, h *route.NextHop) {
	t.ownDead()
	t.deadHops[siblingOf(dst, r, h)] = true
}

// revive removes the next hops by a device from the list of dead ones.
func (t *tx) revive(f route.Family, link int) {
	for k := range t.deadHops {
		if k.link == link && route.FamilyOf(k.dst.Addr()) == f {
			t.ownDead()
			delete(t.deadHops, k)
		}
	}
}

func (t *tx) ownDead() {
	if t.deadMine {
		return
	}
	t.deadHops, t.deadMine = maps.Clone(t.deadHops), true
	if t.deadHops == nil {
		t.deadHops = map[sibling]bool{}
	}
}
