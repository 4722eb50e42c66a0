package change

import (
	"maps"
	"net/netip"

	"routewhy/route"
)

// anycastOf is the subnet-router anycast address of an address's network; false: it has
// none (addrconf_join_anycast).
func anycastOf(a *route.Addr) (netip.Addr, bool) {
	if a.Prefix.Bits() >= 127 {
		return netip.Addr{}, false
	}
	first := a.Prefix.Masked().Addr()
	return first, !first.IsUnspecified()
}

// joinAnycast6 is __ipv6_dev_ac_inc: only the first to join makes the route. If somebody
// deletes the route in the meantime, the next to join does not make it again.
func (t *tx) joinAnycast6(l *route.Link, a *route.Addr) {
	first, ok := anycastOf(a)
	if !ok {
		return
	}
	n := t.anycastUsers(l, first)
	t.setAnycastUsers(l.Index, first, n+1)
	if n == 0 {
		t.insertKernel6(l, &route.Route{Table: t.kernelTable6(l, route.TableLocal), Dst: single(first), Type: route.TypeAnycast}, true)
	}
}

// leaveAnycast6 is __ipv6_dev_ac_dec: the last to leave deletes the route. An address leaves
// even if it never joined, because it still had to be tested.
func (t *tx) leaveAnycast6(l *route.Link, a *route.Addr) {
	first, ok := anycastOf(a)
	if !ok {
		return
	}
	n := t.anycastUsers(l, first)
	t.setAnycastUsers(l.Index, first, max(n-1, 0))
	if n == 1 {
		t.dropKernel6(t.kernelTable6(l, route.TableLocal), single(first), isAnycast6(l))
	}
}

// isAnycast6 reports whether a route is that of a device's own anycast address.
func isAnycast6(l *route.Link) func(*route.Route) bool {
	return func(r *route.Route) bool {
		return r.Type == route.TypeAnycast && r.Protocol == route.ProtocolKernel && r.Metric == 0 && byDevice(r, l.Index)
	}
}

// anycastUsers is how often a device has joined an anycast address (aca_users). Where there
// is a route, somebody did.
func (t *tx) anycastUsers(l *route.Link, first netip.Addr) int {
	if n := t.anycast[deviceAddr{l.Index, first}]; n > 0 {
		return n
	}
	for _, r := range t.edit.At(t.kernelTable6(l, route.TableLocal), single(first)) {
		if isAnycast6(l)(r) {
			return 1
		}
	}
	return 0
}

func (t *tx) setAnycastUsers(link int, first netip.Addr, n int) {
	key := deviceAddr{link, first}
	if t.anycast[key] == n {
		return
	}
	t.anycast = with(t.anycast, key, n)
	if n == 0 {
		delete(t.anycast, key)
	}
}

// noteAnycast counts how often each device has joined its anycast addresses. A reading does
// not tell: usually each address that is in use has joined once.
func (t *tx) noteAnycast() {
	m := map[deviceAddr]int{}
	for i := range t.snap.Addrs {
		a := &t.snap.Addrs[i]
		l := t.link(a.Link)
		if !a.Prefix.Addr().Is6() || a.Flags&route.AddrTentative != 0 || l == nil || t.parked[deviceAddr{a.Link, a.Prefix.Addr()}] {
			continue
		}
		if first, ok := anycastOf(a); ok && t.setting(route.IPv6, l.Name, "forwarding") != 0 {
			m[deviceAddr{a.Link, first}]++
		}
	}
	t.anycast = m
}

// leaveAllAnycast6 does what addrconf_ifdown does about the anycast addresses of a device that
// goes down, after it deleted the routes. If the device loses IPv6 for good, they all go
// (ipv6_ac_destroy_dev). Otherwise each of its addresses leaves once, and one that had joined
// twice leaves something behind.
func (t *tx) leaveAllAnycast6(l *route.Link, gone bool) {
	if gone {
		m := maps.Clone(t.anycast)
		maps.DeleteFunc(m, func(key deviceAddr, _ int) bool { return key.link == l.Index })
		t.anycast = m
		return
	}
	if t.setting(route.IPv6, l.Name, "forwarding") == 0 {
		return
	}
	for i := range t.snap.Addrs {
		if a := &t.snap.Addrs[i]; a.Link == l.Index && a.Prefix.Addr().Is6() {
			t.leaveAnycast6(l, a)
		}
	}
}
