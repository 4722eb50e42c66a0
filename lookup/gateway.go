package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Gateways says how the gateway of each next hop is reached.
func (f *FIB) Gateways(flow *route.Flow, d *Decision) []Gateway {
	out := make([]Gateway, len(d.NextHops))
	for i, way := range d.NextHops {
		out[i] = f.gateway(flow, d, way)
	}
	return out
}

func (f *FIB) gateway(flow *route.Flow, d *Decision, way NextHop) Gateway {
	g := Gateway{Addr: way.Gateway, Link: way.Link, Forced: way.Via.Flags&route.NextHopOnLink != 0, Redirected: way.Redirected}
	if !g.Addr.IsValid() {
		if d.Disposition != DispositionUnicast || !f.HasNeighbours(way.Link) {
			return g
		}
		g.Addr, g.Direct = flow.Dst.WithZone(""), true
		g.State, g.HasState = f.neighbours[neighbourKey{g.Link, g.Addr}]
		return g
	}
	g.State, g.HasState = f.neighbours[f.neighbourKey(g.Link, g.Addr)]
	g.OnLinkBy, g.HasOnLink = f.onLink(g.Addr, g.Link)
	g.OnLinkUnknown = !g.HasOnLink && (f.partial || !f.knowsAddrs(route.FamilyOf(g.Addr)))
	return g
}

// addNeighbour adds what is known of a neighbour. One that the kernel has forgotten does not answer, but
// decides nothing.
func (f *FIB) addNeighbour(n *route.Neighbour) {
	k := neighbourKey{n.Link, n.Addr}
	if n.State != route.NeighbourForgotten {
		f.neighbours[k] = n.State
		return
	}
	if f.forgotten == nil {
		f.forgotten = map[neighbourKey]bool{}
	}
	f.forgotten[k] = true
}

// fails reports whether a neighbour on a device is known not to answer.
func (f *FIB) fails(link int, a netip.Addr) bool {
	k := f.neighbourKey(link, a)
	return f.neighbours[k] == route.NeighbourFailed || f.forgotten[k]
}

// Neighbour is the state of a neighbour on a device; known: it has an entry.
func (f *FIB) Neighbour(link int, a netip.Addr) (state route.NeighbourState, known bool) {
	state, known = f.neighbours[f.neighbourKey(link, a.WithZone(""))]
	return state, known
}

// neighbourKey is the key of the entry of the neighbour table for an address on a device. On a
// point-to-point device, all IPv4 addresses have one entry, for 0.0.0.0
// (__ipv4_neigh_lookup_noref in include/net/arp.h, and arp_constructor).
func (f *FIB) neighbourKey(link int, a netip.Addr) neighbourKey {
	if dev := f.byIndex[link]; a.Is4() && dev != nil && dev.Flags&route.LinkPointopoint != 0 {
		a = netip.IPv4Unspecified()
	}
	return neighbourKey{link, a}
}

// SilentGateway is the neighbour that a next hop sends to if it did not answer the last time: its
// gateway, or the entry that stands for all neighbours of a point-to-point device. The zero
// Addr: it answered, or that is not known.
func (f *FIB) SilentGateway(w *NextHop) netip.Addr {
	to, dev := w.Gateway, f.byIndex[w.Link]
	shared := dev != nil && dev.Flags&route.LinkPointopoint != 0 && !to.Is6()
	if shared {
		to = netip.IPv4Unspecified()
	}
	state, known := f.neighbours[neighbourKey{w.Link, to}]
	if state&route.NeighbourFailed != 0 || f.forgotten[neighbourKey{w.Link, to}] || shared && known && !state.Valid() { // nobody answers there
		return to
	}
	return netip.Addr{}
}

// HasNeighbours reports whether a device asks who has an address before it sends there:
// it is no tunnel, no loopback and no device without ARP (arp_constructor in net/ipv4/arp.c,
// ndisc_constructor in net/ipv6/ndisc.c).
func (f *FIB) HasNeighbours(link int) bool {
	dev := f.byIndex[link]
	return dev != nil && dev.Flags&(route.LinkLoopback|route.LinkNoARP|route.LinkPointopoint) == 0
}

// WithoutARP reports whether ARP is switched off (IFF_NOARP) on a device of a kind that has it
// when it is made. The kernel then neither asks who has an address nor answers, for IPv6
// it does not ask: what it sends to a neighbour without a permanent entry goes to the
// device's own link-layer address (arp_constructor, arp_rcv in net/ipv4/arp.c,
// ndisc_constructor in net/ipv6/ndisc.c). BPF programs may hand it over all the same.
func (f *FIB) WithoutARP(link int) bool {
	dev := f.byIndex[link]
	return dev != nil && dev.Flags&(route.LinkNoARP|route.LinkPointopoint|route.LinkLoopback) == route.LinkNoARP &&
		slices.Contains([]string{"veth", "bridge", "vlan", "bond", "team", "macvlan", "macvtap"}, dev.Kind)
}

// neighbour is whom a next hop sends a packet to: its gateway, or the destination itself.
func (w *NextHop) neighbour(flow *route.Flow) netip.Addr {
	if w.Gateway.IsValid() {
		return w.Gateway
	}
	return flow.Dst.WithZone("")
}

// unfound reports whether the neighbour that a decision's next hop sends to may get nothing,
// because ARP is switched off on the device and the neighbour has no entry of its own. An
// entry of state NOARP counts as the kernel's.
func (f *FIB) unfound(flow *route.Flow, d *Decision, w *NextHop) bool {
	state := f.neighbours[f.neighbourKey(w.Link, w.neighbour(flow))] &^ route.NeighbourNoARP
	return d.Disposition == DispositionUnicast && w.Via.Encap == 0 && f.WithoutARP(w.Link) && !state.Valid()
}

// Unheard reports whether an IPv6 packet cannot leave by a next hop because this host
// never gets the neighbour advertisement, which says where the neighbour is: a rule
// refuses what comes in there, or leads it to a route that is not local. The advertisement
// goes to the packet's source, or to the device's own link-local address (ndisc_solicit in
// net/ipv6/ndisc.c). An address that is still checked for duplicates asks nobody.
func (f *FIB) Unheard(flow *route.Flow, hop *NextHop) bool {
	if !f.mustAsk6(flow, hop) {
		return false
	}
	dev, to := f.byIndex[hop.Link], hop.neighbour(flow)
	own, _ := dev.asks6(flow.Src)
	if _, first := f.localFirst(&f.v6, own); first || !own.IsValid() {
		return false
	}
	d := f.Lookup(route.Flow{Dst: own, Src: to, In: hop.Link, UID: route.NoUID, Proto: 58})
	return d.Disposition != DispositionLocal && d.Disposition != DispositionAnycast && d.Disposition != DispositionUnknown
}

// mustAsk6 reports whether an IPv6 packet leaves by a next hop only after the kernel has asked
// where the neighbour is.
func (f *FIB) mustAsk6(flow *route.Flow, hop *NextHop) bool {
	to := hop.neighbour(flow)
	return to.Is6() && !to.IsMulticast() && f.HasNeighbours(hop.Link) && !f.neighbours[neighbourKey{hop.Link, to}].Valid()
}

// asksNobody reports whether an IPv6 packet cannot leave by a next hop because its device has no
// address from which it could ask where the neighbour is.
func (f *FIB) asksNobody(flow *route.Flow, hop *NextHop) bool {
	if !f.mustAsk6(flow, hop) || !f.knowsAddrs(route.IPv6) {
		return false
	}
	own, soon := f.byIndex[hop.Link].asks6(flow.Src)
	return !own.IsValid() && !soon
}

// asks6 is the address from which a device asks for IPv6 neighbours, if a packet has the
// source src: that source, or its own link-local address (ndisc_solicit, ndisc_send_ns). The
// zero Addr: it asks nobody; soon says that it will when an address is no longer
// checked for duplicates.
func (d *device) asks6(src netip.Addr) (own netip.Addr, soon bool) {
	for _, a := range d.addrs6 {
		x := a.Prefix.Addr()
		switch {
		case x != src && !x.IsLinkLocalUnicast():
		case a.Flags&(route.AddrTentative|route.AddrOptimistic) != 0:
			soon = true
		case x == src || !own.IsValid():
			own = x
		}
	}
	return own, soon
}

// onLink finds the network by which an address is a neighbour on a device: the network
// of one of the device's addresses, or of the longest route, in any table, that leads
// there without a gateway. It prefers a network to a route to the one address.
func (f *FIB) onLink(a netip.Addr, link int) (netip.Prefix, bool) {
	best, ok := netip.Prefix{}, false
	longer := func(p netip.Prefix) {
		if p.Contains(a) && (!ok || best.IsSingleIP() || !p.IsSingleIP() && p.Bits() > best.Bits()) {
			best, ok = p, true
		}
	}
	if d := f.byIndex[link]; d != nil {
		for _, x := range append(d.addrs4[:len(d.addrs4):len(d.addrs4)], d.addrs6...) {
			longer(subnet(x))
		}
	}
	fam := f.family(route.FamilyOf(a))
	for _, t := range fam.tables {
		c := t.covering(a)
		for rf, ok := c.next(); ok; rf, ok = c.next() {
			for _, e := range rf.leaf.entries {
				if e.route.Type == route.TypeUnicast && e.direct(link) {
					longer(rf.dst)
				}
			}
		}
	}
	return best, ok
}

// manyHops is the least number of next hops of an entry that remembers which devices it
// leads to without a gateway.
const manyHops = 16

// noteDirect remembers which devices an entry leads to without a gateway.
func (e *entry) noteDirect() {
	e.directTo = nil
	if len(e.hops) < manyHops {
		return
	}
	e.directTo = map[int]bool{}
	for i := range e.hops {
		if h := &e.hops[i]; !h.Gateway.IsValid() {
			e.directTo[h.Link] = true
		}
	}
}

// direct reports whether an entry leads to a device without a gateway.
func (e *entry) direct(link int) bool {
	if e.directTo != nil {
		return e.directTo[link]
	}
	for i := range e.hops {
		if h := &e.hops[i]; h.Link == link && !h.Gateway.IsValid() {
			return true
		}
	}
	return false
}
