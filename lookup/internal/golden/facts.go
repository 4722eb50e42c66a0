package golden

import (
	"net/netip"

	"routewhy/route"
)

// sysctl is a kernel setting, or its default, with a doubt, if it was not read.
// Callers ask only when the value makes a difference.
func (d *decision) sysctl(path string, byDefault int) int {
	if v, ok := d.s.Sysctls.Int(path); ok {
		return v
	}
	d.doubt("sysctl " + path + " was not read")
	return byDefault
}

// conf is a setting of one device.
func (d *decision) conf(fam route.Family, link int, key string, byDefault int) int {
	return d.sysctl(route.ConfPath(fam, d.s.LinkName(link), key), byDefault)
}

// confOr reports whether a boolean IPv4 setting is on for all devices or for this
// one (IN_DEV_ORCONF).
func (d *decision) confOr(link int, key string, byDefault int) bool {
	return d.sysctl(route.ConfPath(route.IPv4, "all", key), byDefault) != 0 ||
		d.conf(route.IPv4, link, key, byDefault) != 0
}

// confMax is the larger of an IPv4 setting's values for all devices and for
// this one (IN_DEV_MAXCONF).
func (d *decision) confMax(link int, key string) int {
	return max(d.sysctl(route.ConfPath(route.IPv4, "all", key), 0), d.conf(route.IPv4, link, key, 0))
}

// isUp reports whether a device exists and is administratively up.
func (d *decision) isUp(link int) bool {
	l := d.s.Link(link)
	return l != nil && l.Up()
}

// hasIPv4 reports whether a device has IPv4 state (struct in_device). One whose
// MTU became less than IPv4 allows has none, and no settings.
func (d *decision) hasIPv4(link int) bool {
	l := d.s.Link(link)
	if l == nil || l.MTU == 0 || l.MTU >= 68 {
		return l != nil
	}
	_, has := d.s.Sysctls.Conf(route.IPv4, l.Name, "forwarding")
	return has
}

func (d *decision) isLoopback(link int) bool {
	l := d.s.Link(link)
	return l != nil && l.Flags&route.LinkLoopback != 0
}

func (d *decision) isVRF(link int) bool {
	l := d.s.Link(link)
	return l != nil && l.Kind == "vrf"
}

// vrf is the VRF device that a device belongs to or is; zero: none (7,
// l3mdev_master_ifindex).
func (d *decision) vrf(link int) int {
	if d.isVRF(link) {
		return link
	}
	if l := d.s.Link(link); l != nil && d.isVRF(l.Master) {
		return l.Master
	}
	return 0
}

// loopbackOf is the device that local delivery through a device is reported
// with: its VRF, or lo (7).
func (d *decision) loopbackOf(link int) int {
	if v := d.vrf(link); v != 0 {
		return v
	}
	return route.LoopbackIndex
}

// neighbour finds a neighbour entry.
func (d *decision) neighbour(link int, a netip.Addr) (state route.NeighbourState, exists bool) {
	if d.s.Lacks(route.FactNeighbours, route.FamilyOf(a)) {
		d.doubt("neighbours were not read")
	}
	for _, n := range d.s.Neighbours {
		if n.Link == link && n.Addr == a {
			return n.State, true
		}
	}
	return 0, false
}

// goodNeighbour reports whether the neighbour of a next hop is unknown or valid
// (4.1, 4.2). ARP has one entry, for 0.0.0.0, on a device that has no
// neighbours to tell apart (include/net/arp.h).
func (d *decision) goodNeighbour(nh route.NextHop) bool {
	if !nh.Gateway.IsValid() {
		return true
	}
	gw := nh.Gateway
	if l := d.s.Link(nh.Link); gw.Is4() && l != nil && l.Flags&(route.LinkLoopback|route.LinkPointopoint) != 0 {
		gw = netip.IPv4Unspecified()
	}
	state, exists := d.neighbour(nh.Link, gw)
	return !exists || state.Valid()
}

// ignoresLinkdown reports whether a device's next hops are passed over while it
// has no carrier (3.2).
func (d *decision) ignoresLinkdown(fam route.Family, link int) bool {
	if fam == route.IPv4 {
		return d.confOr(link, "ignore_routes_with_linkdown", 0)
	}
	return d.conf(route.IPv6, link, "ignore_routes_with_linkdown", 0) != 0
}

// linkdownIgnored reports whether a next hop is passed over for lack of carrier.
func (d *decision) linkdownIgnored(fam route.Family, nh route.NextHop) bool {
	return nh.Flags&route.NextHopLinkDown != 0 && d.ignoresLinkdown(fam, nh.Link)
}

// dead reports whether a next hop is dead. A dump shows `dead linkdown` for one
// whose device merely has no carrier, too, while that is to be ignored (3.2).
func (d *decision) dead(fam route.Family, nh route.NextHop) bool {
	if nh.Flags&route.NextHopDead == 0 {
		return false
	}
	return !d.isUp(nh.Link) || !d.linkdownIgnored(fam, nh)
}

// hops is where a table entry leads: inline next hops, or those of its next-hop
// object (4.2).
type hops struct {
	list []route.NextHop
	// object says that they are of a next-hop object, group that it is a group
	// of several, resilient that it is a resilient one.
	object, group, resilient bool
	// buckets is the size of a resilient group's table.
	buckets int
	// blackhole says that the object is a blackhole.
	blackhole bool
}

func (d *decision) hopsOf(r *route.Route) hops {
	if r.NextHopID == 0 {
		return hops{list: r.NextHops}
	}
	if d.s.Lacks(route.FactNextHops, r.Family()) {
		d.doubt("next-hop objects were not read")
	}
	object := d.nextHopObject(r.NextHopID)
	if object == nil {
		d.doubt("a next-hop object is missing")
		return hops{list: r.NextHops, object: true, group: len(r.NextHops) > 1}
	}
	if len(object.Group) == 0 {
		return hops{list: []route.NextHop{object.NextHop}, object: true, blackhole: object.Blackhole}
	}
	h := hops{object: true, group: len(object.Group) > 1, resilient: object.Resilient, buckets: object.Buckets}
	for _, m := range object.Group {
		member := d.nextHopObject(m.ID)
		if member == nil {
			d.doubt("a member of a next-hop group is missing")
			continue
		}
		nh := member.NextHop
		nh.Weight = m.Weight
		h.list = append(h.list, nh)
		// A blackhole can only be a group's sole member.
		h.blackhole = h.blackhole || member.Blackhole
	}
	return h
}

func (d *decision) nextHopObject(id uint32) *route.NextHopObject {
	for i := range d.s.NextHops {
		if d.s.NextHops[i].ID == id {
			return &d.s.NextHops[i]
		}
	}
	return nil
}

// shareObject reports whether two entries lead to the same next-hop object,
// directly or as members of their groups.
func (d *decision) shareObject(a, b *route.Route) bool {
	for _, x := range d.objectsOf(a) {
		for _, y := range d.objectsOf(b) {
			if x == y {
				return true
			}
		}
	}
	return false
}

// objectsOf are the IDs of an entry's next-hop object and its members.
func (d *decision) objectsOf(r *route.Route) []uint32 {
	if r.NextHopID == 0 {
		return nil
	}
	ids := []uint32{r.NextHopID}
	if object := d.nextHopObject(r.NextHopID); object != nil {
		for _, m := range object.Group {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
