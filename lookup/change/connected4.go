package change

import (
	"net/netip"

	"routewhy/route"
)

// broadcastOf is the last address of an IPv4 network.
func broadcastOf(p netip.Prefix) netip.Addr { return route.LastAddr(p) }

// connected4 adds or deletes a route that the kernel makes for an address
// (fib_magic).
func (t *tx) connected4(v Verb, typ route.Type, dst netip.Prefix, a *route.Addr, metric uint32) {
	l := t.link(a.Link)
	id := t.vrfTable(l)
	if id == 0 {
		if id = route.TableLocal; typ == route.TypeUnicast {
			id = route.TableMain
		}
	}
	c := &Route{Verb: v, Route: route.Route{
		Table: id, Dst: dst, Type: typ, Protocol: route.ProtocolKernel, Scope: route.ScopeLink, Metric: metric,
		PrefSrc: a.Prefix.Addr(), NextHops: []route.NextHop{{Link: a.Link}},
	}}
	if typ == route.TypeLocal {
		c.Route.Scope = route.ScopeHost
	}
	if v == Delete {
		_ = c.delete4(t)
		return
	}
	t.makeTable(route.IPv4, id)
	_ = c.insert4(t) // the kernel continues even if this fails
}

// networkType is the type of the route to an address's network.
func networkType(l *route.Link) route.Type {
	if l.Flags&route.LinkLoopback != 0 {
		return route.TypeLocal
	}
	return route.TypeUnicast
}

// single is the prefix of one address.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// primary is the primary address of an address's network. Routes have it as their
// source.
func (t *tx) primary(a *route.Addr) *route.Addr {
	if !secondary(a) {
		return a
	}
	for _, i := range t.addrs4(a.Link) {
		if x := &t.snap.Addrs[i]; x.Prefix.Bits() == a.Prefix.Bits() && network(x) == network(a) {
			return x
		}
	}
	return nil
}

// routesNetwork reports whether an address's network has more than that one address.
func routesNetwork(a *route.Addr) bool {
	net := network(a)
	return !net.Addr().IsUnspecified() && (net.Addr() != a.Prefix.Addr() || a.Prefix.Bits() < 32)
}

// addConnected4 makes the routes of an address (fib_add_ifaddr).
func (t *tx) addConnected4(a *route.Addr) {
	l := t.link(a.Link)
	prim := t.primary(a)
	if prim == nil {
		return
	}
	t.connected4(Append, route.TypeLocal, single(a.Prefix.Addr()), prim, 0)
	if !l.Up() {
		return
	}
	if b := a.Broadcast; b.IsValid() && !b.IsUnspecified() && b != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		t.connected4(Append, route.TypeBroadcast, single(b), prim, 0)
		t.forgetUnresolved(a.Link, b)
	}
	if secondary(a) || !routesNetwork(a) {
		return
	}
	net := network(a)
	if a.Flags&route.AddrNoPrefixRoute == 0 {
		t.connected4(Append, networkType(l), net, prim, a.Metric)
	}
	if net.Bits() < 31 {
		t.connected4(Append, route.TypeBroadcast, single(broadcastOf(net)), prim, 0)
		t.forgetUnresolved(a.Link, broadcastOf(net))
	}
}

// moveConnected4 changes the metric of the route to an address's network
// (fib_modify_prefix_metric).
func (t *tx) moveConnected4(a route.Addr, metric uint32) {
	l := t.link(a.Link)
	if !l.Up() || secondary(&a) || a.Flags&route.AddrNoPrefixRoute != 0 || !routesNetwork(&a) {
		return
	}
	t.connected4(Append, networkType(l), network(&a), &a, metric)
	t.connected4(Delete, networkType(l), network(&a), &a, a.Metric)
}

// The parts of an address that are kept because another address needs them too.
const (
	keepLocal = 1 << iota
	keepBroadcast
	keepNetworkFirst
	keepNetworkLast
)

// removeConnected4 deletes the routes of an address (fib_del_ifaddr). If a secondary
// address takes its place, iprim is the address whose network is treated as gone.
func (t *tx) removeConnected4(a, iprim *route.Addr, dead bool) {
	l := t.link(a.Link)
	prim, ownNetwork := a, false
	net := network(a)
	switch {
	case secondary(a):
		if iprim != nil {
			prim = iprim
		} else if prim = t.primary(a); prim == nil {
			return
		}
	case routesNetwork(a):
		if a.Flags&route.AddrNoPrefixRoute == 0 {
			t.connected4(Delete, networkType(l), net, prim, 0)
		}
		ownNetwork = true
	}
	keep, gone := 0, true
	if !dead {
		keep, gone = t.keeps(a, prim, iprim)
	}
	if keep&keepBroadcast == 0 && a.Broadcast.IsValid() {
		t.connected4(Delete, route.TypeBroadcast, single(a.Broadcast), prim, 0)
	}
	if ownNetwork && net.Bits() < 31 {
		if keep&keepNetworkLast == 0 {
			t.connected4(Delete, route.TypeBroadcast, single(broadcastOf(net)), prim, 0)
		}
		if keep&keepNetworkFirst == 0 {
			t.connected4(Delete, route.TypeBroadcast, single(net.Addr()), prim, 0)
		}
	}
	if keep&keepLocal != 0 {
		return
	}
	t.connected4(Delete, route.TypeLocal, single(a.Prefix.Addr()), prim, 0)
	if gone && t.addrType(a.Prefix.Addr(), t.deviceTable(l)) != route.TypeLocal {
		t.dropBySource4(l, a.Prefix.Addr())
	}
}

// keeps works out which parts other addresses of the device need from an address that
// is removed.
func (t *tx) keeps(a, prim, iprim *route.Addr) (keep int, gone bool) {
	gone = true
	last, first := broadcastOf(network(a)), network(a).Addr()
	sameSource := false
	var by *route.Addr
	for _, i := range t.addrs4(a.Link) {
		x := &t.snap.Addrs[i]
		if x.Prefix == a.Prefix && x.Peer == a.Peer {
			gone = false
			continue
		}
		if iprim != nil && x.Prefix.Bits() == iprim.Prefix.Bits() && network(x) == network(iprim) {
			continue
		}
		if secondary(x) {
			if x.Prefix.Bits() == prim.Prefix.Bits() && network(x) == network(prim) {
				by = prim
			} else {
				if !sameSource {
					continue
				}
				if by == nil || x.Prefix.Bits() != by.Prefix.Bits() || network(x) != network(by) {
					by = t.primary(x)
				}
				if by == nil || by.Prefix.Addr() != prim.Prefix.Addr() {
					continue
				}
			}
		} else {
			if prim.Prefix.Addr() != x.Prefix.Addr() {
				continue
			}
			by = x
			sameSource = sameSource || x.Prefix != prim.Prefix || x.Peer != prim.Peer
		}
		if a.Prefix.Addr() == x.Prefix.Addr() {
			keep |= keepLocal
		}
		if a.Broadcast == x.Broadcast {
			keep |= keepBroadcast
		}
		if last == x.Broadcast {
			keep |= keepNetworkLast
		}
		if first == x.Broadcast {
			keep |= keepNetworkFirst
		}
		if by == x && x.Prefix.Bits() < 31 && !network(x).Addr().IsUnspecified() {
			last1, first1 := broadcastOf(network(x)), network(x).Addr()
			if a.Broadcast == last1 || a.Broadcast == first1 {
				keep |= keepBroadcast
			}
			if last == last1 || last == first1 {
				keep |= keepNetworkLast
			}
			if first == last1 || first == first1 {
				keep |= keepNetworkFirst
			}
		}
	}
	return keep, gone
}

// dropBySource4 deletes the routes whose preferred source no longer exists, in table
// main or in the table of the device's VRF (fib_sync_down_addr).
func (t *tx) dropBySource4(l *route.Link, src netip.Addr) {
	id := t.vrfTable(l)
	if id == 0 {
		id = route.TableMain
	}
	t.rewrite(route.IPv4, id, func(_ netip.Prefix, r *route.Route) (*route.Route, bool) { return r, r.PrefSrc == src })
}
