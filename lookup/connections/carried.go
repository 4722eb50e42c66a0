package connections

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// carried looks at the devices below those by which a connection's packets leave: the ports
// of a bridge, and the lower device of a VLAN or a macvlan. The kernel sends into a device
// without asking whether one of these carries the packet any further.
func (c *Change) carried(before, after *route.Snapshot) {
	lost := 0
	for i := range c.After.NextHops {
		in := c.After.NextHops[i].Link
		why, below, sure := stops(before, after, in)
		to := NeighbourOf(&c.After.NextHops[i], c.Flow.Dst)
		port := portOf(before, in, to)
		known := why == LostPort && port != 0 && !sure
		if known && stays(before, after, in, port) {
			continue
		}
		if known {
			below, sure = port, true
		}
		if why == "" {
			continue
		}
		if sure {
			lost++
		}
		if c.Lost == "" || sure && lost == 1 {
			c.Lost, c.In, c.Below, c.Neighbour = why, in, below, netip.Addr{}
			if known {
				c.Neighbour = to
			}
		}
	}
	c.MayBeLost = c.Lost != "" && lost < len(c.After.NextHops)
	if c.Lost == "" {
		c.received(before, after)
	}
}

// portOf is the port of a bridge by which a neighbour is reached; zero: it is not known.
func portOf(s *route.Snapshot, link int, to netip.Addr) int {
	at := slices.IndexFunc(s.Neighbours, func(n route.Neighbour) bool { return n.Link == link && n.Addr == to })
	if at < 0 {
		return 0
	}
	return s.Neighbours[at].Port
}

// stays reports whether a port is still one of those below a device, and carries all that it
// carried.
func stays(before, after *route.Snapshot, link, port int) bool {
	now := carriers(after, port)
	return Uses(after, link, port) && len(now) > 0 &&
		!slices.ContainsFunc(carriers(before, port), func(i int) bool { return !slices.Contains(now, i) })
}

// received looks at the devices that have the connection's own address, where its packets
// leave by others: the other end's packets may arrive by one of them.
func (c *Change) received(before, after *route.Snapshot) {
	for _, a := range before.Addrs {
		l := before.Link(a.Link)
		if a.Prefix.Addr() != c.Flow.Src || l == nil || l.Flags&route.LinkLoopback != 0 {
			continue
		}
		if slices.ContainsFunc(c.Before.NextHops, func(h lookup.NextHop) bool { return h.Link == a.Link }) {
			continue
		}
		if now := after.Link(a.Link); len(carriers(before, a.Link)) > 0 && (now == nil || !now.Up()) {
			c.Lost, c.In, c.MayBeLost = LostDevice, a.Link, true
		} else if why, below, _ := stops(before, after, a.Link); why != "" {
			c.Lost, c.In, c.Below, c.MayBeLost = why, a.Link, below, true
		}
	}
}

// stops says why a device that carried packets carries none any more, and which device
// below it does not; empty: it carries them, or it did not carry any before. Sure is false
// if only some of a bridge's ports stopped: packets may go by one of these.
func stops(before, after *route.Snapshot, link int) (why Loss, below int, sure bool) {
	old, now := carriers(before, link), carriers(after, link)
	gone := slices.DeleteFunc(slices.Clone(old), func(i int) bool { return slices.Contains(now, i) })
	if len(gone) == 0 {
		return "", 0, true
	}
	why, below = LostLower, gone[0]
	switch l := after.Link(link); {
	case l == nil:
		return LostDevice, 0, true
	case below == link:
		return LostCarrier, 0, true
	case l.HasPorts():
		why = LostPort
		if l.Kind != "bridge" && l.Kind != "openvswitch" && len(now) > 0 {
			return "", 0, true // the other ports of a bond or a team carry all
		}
	}
	return why, below, len(gone) == len(old)
}

// carriers are the devices that carry what is sent into a device: itself, or, if it has
// ports or is on top of another device, the devices at the bottom. A veth whose other end is
// a port of a bridge of this host leads to the bridge's other ports. Devices without a
// carrier are not among them.
func carriers(s *route.Snapshot, link int) []int { return carriersBut(s, link, nil) }

// carriersBut leaves out devices that were looked at.
func carriersBut(s *route.Snapshot, link int, seen []int) []int {
	l := s.Link(link)
	if l == nil || !l.Up() || slices.Contains(seen, link) {
		return nil
	}
	seen = append(slices.Clone(seen), link)
	switch {
	case l.Stacked() && l.PeerNetNS < 0 && s.Link(l.Peer) != nil:
		return carriersBut(s, l.Peer, seen)
	case l.HasPorts():
		var out []int
		for i := range s.Links {
			if p := &s.Links[i]; p.Master == link {
				out = append(out, carriersBut(s, p.Index, seen)...)
			}
		}
		return out
	case !l.Carrier():
		return nil
	case l.Kind == "veth" && l.PeerNetNS < 0 && s.Link(l.Peer) != nil:
		if m := s.MasterOf(s.Link(l.Peer)); m != nil && m.Kind == "bridge" {
			return carriersBut(s, m.Index, append(seen, l.Peer))
		}
	}
	return []int{link}
}

// Uses reports whether packets that are sent into a device may go through another one, as
// itself, its port, or a device below it.
func Uses(s *route.Snapshot, link, other int) bool {
	return uses(s, link, other, nil)
}

// uses leaves out devices that were looked at.
func uses(s *route.Snapshot, link, other int, seen []int) bool {
	l := s.Link(link)
	switch {
	case link == other:
		return true
	case l == nil || slices.Contains(seen, link):
		return false
	}
	seen = append(slices.Clone(seen), link)
	if l.PeerNetNS < 0 && l.Peer != 0 {
		if l.Stacked() {
			return uses(s, l.Peer, other, seen)
		}
		if m := s.MasterOf(s.Link(l.Peer)); l.Kind == "veth" && m != nil {
			return uses(s, m.Index, other, append(seen, l.Peer))
		}
	}
	return l.HasPorts() && slices.ContainsFunc(s.Links, func(p route.Link) bool { return p.Master == link && uses(s, p.Index, other, seen) })
}
