package change_test

import (
	"net/netip"
	"slices"

	"routewhy/lookup/change"
	"routewhy/route"
)

// object draws a change of a next-hop object.
func (d *drawer) object() change.Change {
	c := &change.NextHop{Verb: pick(d, change.Add, change.Add, change.Replace, change.Replace, change.Modify, change.Delete, change.Delete)}
	o := &c.Object
	if c.Verb == change.Delete {
		o.ID = uint32(1 + d.rng.IntN(9))
		return c
	}
	o.ID, o.Protocol = uint32(1+d.rng.IntN(9)), pick[route.Protocol](d, 0, 3, 4)
	switch n := d.rng.IntN(20); {
	case n < 2:
		o.Family, o.Blackhole = pick(d, route.IPv4, route.IPv6), true
	case n < 8:
		for range 1 + d.rng.IntN(3) {
			o.Group = append(o.Group, route.GroupMember{ID: uint32(1 + d.rng.IntN(9)), Weight: pick(d, 1, 1, 2, 10)})
		}
		if d.chance(25) {
			o.Resilient, o.Buckets = true, pick(d, 8, 32)
		}
	case n < 14:
		o.Family, o.NextHop = route.IPv4, route.NextHop{Gateway: d.gateway4(), Link: d.device()}
		if d.chance(15) {
			o.NextHop.Gateway = netip.Addr{}
		}
	default:
		o.Family, o.NextHop = route.IPv6, route.NextHop{Gateway: d.gateway6(), Link: d.device()}
		if d.chance(15) {
			o.NextHop.Gateway = netip.Addr{}
		}
	}
	if d.chance(8) {
		o.NextHop.Flags = route.NextHopOnLink
	}
	return c
}

// linkChange draws a change of a device.
func (d *drawer) linkChange() change.Change {
	c := &change.Link{Verb: change.Modify, Index: max(d.device(), 1)}
	switch n := d.rng.IntN(21); {
	case n == 20 && d.joined(c.Index):
		c.Up = route.Yes
	case n == 20:
		c.ARP, c.Carrier = pick(d, route.Unknown, route.Yes, route.No), pick(d, route.Unknown, route.Yes, route.No)
		if d.chance(30) {
			c.Up, c.Master = pick(d, route.Yes, route.No), d.master()
		}
	case n < 7:
		c.Up = route.No
	case n < 14:
		c.Up = route.Yes
	case n < 15:
		c.Verb = change.Delete
	case n < 17:
		mtu := pick[uint32](d, 1500, 1400, 1280, 1279, 68, 67, 60, 70000)
		c.MTU = &mtu
	case n < 18 && slices.Contains(d.objects, "newlink") && d.chance(70):
		c.Master = d.master()
	case n < 19:
		c.Name = pick(d, "new0", "new1", "v0", "w0", "lo", "a name", "averyveryverylongname")
	default:
		group := pick[uint32](d, 0, 7, 8)
		c.Group = &group
	}
	return c
}

// joined reports whether a device has joined the anycast addresses of its networks. With
// IFF_NOARP changed it joins them once more, and how often that was done is not shown.
func (d *drawer) joined(index int) bool {
	n, _ := d.snap.Sysctls.Conf(route.IPv6, d.snap.LinkName(index), "forwarding")
	return n != 0
}

// sysctl draws a setting.
func (d *drawer) sysctl() change.Change {
	f := pick(d, route.IPv4, route.IPv6)
	keys := []string{"forwarding", "ignore_routes_with_linkdown", "rp_filter", "promote_secondaries"}
	if f == route.IPv6 {
		keys = []string{"forwarding", "disable_ipv6", "ignore_routes_with_linkdown", "keep_addr_on_down"}
	}
	key := pick(d, keys...)
	dev := pick(d, "all", "all", "v0", "w0", "lo", "nodev", "v0p")
	return &change.Sysctl{Path: route.ConfPath(f, dev, key), Value: pick(d, "0", "1")}
}

// master is a device that another one may belong to, or none.
func (d *drawer) master() *int {
	masters := []int{0, d.device()}
	for _, l := range d.snap.Links {
		if l.Kind == "bridge" || l.Kind == "vrf" {
			masters = append(masters, l.Index, l.Index)
		}
	}
	m := pick(d, masters...)
	return &m
}

// newLink draws a new device. There are never many.
func (d *drawer) newLink() change.Change {
	if len(d.snap.Links) > 14 {
		return &change.Link{Verb: change.Delete, Index: d.device()}
	}
	kinds := []string{"veth", "bridge", "macvlan", "ifb"}
	for kind, has := range map[string]bool{"dummy": d.support.Dummy, "vlan": d.support.VLAN, "vrf": d.support.VRF} {
		if has {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	c := &change.NewLink{Name: pick(d, "n0", "n1", "n2", "v0", "new0"), Kind: pick(d, kinds...), Up: d.chance(40)}
	switch c.Kind {
	case "veth":
		c.Peer = &change.NewLink{Name: c.Name + "p", Up: d.chance(40)}
	case "macvlan", "vlan":
		c.Lower, c.VLAN = d.device(), 8 // the set-up has one of 7
	case "vrf":
		c.Table = pick[route.Table](d, 110, 111, 0)
	}
	if d.chance(15) && c.Kind != "vrf" {
		c.MTU = pick[uint32](d, 1400, 1279)
	}
	if d.chance(15) && c.Kind != "vrf" { // such a device leaves its rules even if it is refused
		c.Master = *d.master()
	}
	return c
}

// neighbour draws a change of a neighbour.
func (d *drawer) neighbour() change.Change {
	c := &change.Neighbour{Verb: pick(d, change.Add, change.Replace, change.Replace, change.Modify, change.Delete, change.Delete), LinkAddr: d.chance(70)}
	n := &c.Neighbour
	mine := slices.DeleteFunc(slices.Clone(d.snap.Neighbours), func(n route.Neighbour) bool { return n.Addr.IsMulticast() })
	if len(mine) > 0 && d.chance(60) {
		*n = pick(d, mine...)
	} else {
		n.Link, n.Addr = d.device(), d.gateway4()
		if d.chance(50) {
			n.Addr = d.gateway6()
		}
	}
	n.State = pick(d, route.NeighbourPermanent, route.NeighbourPermanent, route.NeighbourFailed, route.NeighbourNoARP, route.NeighbourStale, route.NeighbourReachable)
	return c
}
