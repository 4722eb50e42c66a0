package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// apply does what neigh_add and neigh_delete in net/core/neighbour.c do.
func (c *Neighbour) apply(t *tx) *Refusal {
	n := c.Neighbour
	l := t.link(n.Link)
	switch {
	case n.Link != 0 && l == nil:
		return refuse(route.ENODEV, "")
	case l == nil && c.Verb == Delete:
		return refuse(route.EINVAL, "")
	case l == nil:
		return refuse(route.EINVAL, "Device not specified")
	case c.Verb != Delete && n.Addr.Is6() && (!l.HasIPv6() || t.setting(route.IPv6, l.Name, "disable_ipv6") != 0):
		return refuse(route.EINVAL, "IPv6 is disabled on this device")
	}
	at := t.findNeighbour(n.Link, n.Addr)
	switch {
	case at < 0 && (c.Verb == Delete || !c.Verb.creates()):
		return refuse(route.ENOENT, "")
	case c.Verb == Delete:
		s := t.own()
		s.Neighbours = slices.Delete(slices.Clone(s.Neighbours), at, at+1)
		return nil
	case at >= 0 && c.Verb == Add:
		return refuse(route.EEXIST, "")
	case at < 0 && n.Addr.Is4() && !t.snap.HasIPv4(l):
		return refuse(route.EINVAL, "")
	}
	s := t.own()
	s.Neighbours = slices.Clone(s.Neighbours)
	if at < 0 {
		at = t.makeNeighbour(l, n.Addr)
	}
	x := &s.Neighbours[at]
	if n.State.Valid() && !c.LinkAddr && !x.State.Valid() && ethernet(l) {
		t.partly = true // the entry exists although the request is refused
		return refuse(route.EINVAL, "No link layer address given")
	}
	x.State = n.State
	if c.LinkAddr {
		t.readdress(x.Link, x.Addr)
	}
	return nil
}

// readdress stores that a neighbour has got a link-layer address; without an address: that a
// device has got a hardware address.
func (t *tx) readdress(link int, a netip.Addr) {
	t.readdressed = with(t.readdressed, deviceAddr{link, a}, true)
}

func (t *tx) findNeighbour(link int, a netip.Addr) int {
	return slices.IndexFunc(t.snap.Neighbours, func(x route.Neighbour) bool { return x.Link == link && x.Addr == a })
}

// makeNeighbour adds an address to the neighbour table (arp_constructor,
// ndisc_constructor).
func (t *tx) makeNeighbour(l *route.Link, a netip.Addr) int {
	if a.Is4() && l.Flags&(route.LinkLoopback|route.LinkPointopoint) != 0 {
		a = netip.IPv4Unspecified() // such devices have one entry for all addresses
		if at := t.findNeighbour(l.Index, a); at >= 0 {
			return at
		}
	}
	n := route.Neighbour{Link: l.Index, Addr: a}
	many := a.IsMulticast()
	if a.Is4() {
		typ := t.addrType(a, t.deviceTable(l))
		many = typ == route.TypeMulticast || typ == route.TypeBroadcast
	}
	if many || l.Flags&(route.LinkNoARP|route.LinkLoopback) != 0 {
		n.State = route.NeighbourNoARP
	}
	t.snap.Neighbours = append(t.snap.Neighbours, n)
	return len(t.snap.Neighbours) - 1
}

// forgetNeighbours empties a device's neighbour table for one family (neigh_ifdown,
// neigh_carrier_down).
func (t *tx) forgetNeighbours(f route.Family, index int, permanent bool) {
	goes := func(n route.Neighbour) bool {
		return n.Link == index && route.FamilyOf(n.Addr) == f && (permanent || n.State != route.NeighbourPermanent)
	}
	if !slices.ContainsFunc(t.snap.Neighbours, goes) {
		return
	}
	s := t.own()
	s.Neighbours = slices.DeleteFunc(slices.Clone(s.Neighbours), goes)
}

// forgetUnresolved removes the entry of an address that became a broadcast address, unless it
// has a link-layer address (arp_invalidate).
func (t *tx) forgetUnresolved(link int, a netip.Addr) {
	at := t.findNeighbour(link, a)
	if at < 0 || t.snap.Neighbours[at].State.Valid() {
		return
	}
	s := t.own()
	s.Neighbours = slices.Delete(slices.Clone(s.Neighbours), at, at+1)
}
