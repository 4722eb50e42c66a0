package change

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/route"
)

// enslave puts a device into a VRF or a bridge, or takes it out (do_set_master). The
// device leaves the one that it belongs to before the kernel looks at the new one, so that
// it belongs to none if that refuses it.
func (t *tx) enslave(index, master int) *Refusal {
	defer t.settleCarriers()
	if t.link(t.link(index).Master) != nil {
		t.move(index, 0)
	}
	if master == 0 {
		return nil
	}
	if no := t.checkMaster(t.link(index), t.link(master)); no != nil {
		return no
	}
	t.move(index, master)
	return nil
}

// move puts a device that belongs to none into a master, or takes it out of its own.
func (t *tx) move(index, master int) {
	m := t.link(cmp.Or(master, t.link(index).Master))
	vrf := m.Kind == vrfKind
	up := t.link(index).Up()
	if vrf { // this takes the device down and up again (cycle_netdev)
		t.holding = true
		t.disable4(index, linkDown, true)
		t.lower6(t.link(index), false)
		if up {
			t.lower(index)
		}
	}
	if bonds(m.Kind) && master == 0 && up { // bond_release, team_port_del
		t.lower(index)
	}
	t.editLink(index, func(l *route.Link) { l.Master = master })
	if vrf && up || bonds(m.Kind) && master != 0 && !up { // bond_enslave and team_port_add set a port up
		t.raise(index)
	}
	if !vrf {
		t.settleCarriers()
	}
	if master != 0 { // a new master gets its MTU before it loses a carrier; one that loses a port gets it after
		t.adjustMTU(m.Index)
	}
	if hasPorts(m) {
		t.forgetHardware(m.Index)
		t.choosePorts(m.Index)
		t.adjustMTU(m.Index)
	}
	if m.Kind == "bridge" && len(t.ports(m.Index)) <= 1 { // the bridge gets another hardware address
		t.forgetNeighbours(route.IPv4, m.Index, true)
		t.forgetNeighbours(route.IPv6, m.Index, true)
	}
}

// forgetHardware forgets which link-local address a device would get. A bridge has the least
// hardware address of its ports, if it was given none (br_stp_recalculate_bridge_id), and a
// VLAN follows the device below it.
func (t *tx) forgetHardware(index int) {
	t.editLink(index, func(l *route.Link) { l.LinkLocal = netip.Addr{} })
}

// checkMaster refuses a device that may not belong to another device (br_add_if,
// vrf_add_slave).
func (t *tx) checkMaster(l, m *route.Link) *Refusal {
	switch {
	case m == nil:
		return refuse(route.EINVAL, "")
	case m.Kind == vrfKind && l.Kind == vrfKind:
		return refuse(route.EINVAL, "Can not enslave an L3 master device to a VRF")
	case m.Kind == vrfKind && l.Flags&route.LinkLoopback != 0:
		return refuse(route.EOPNOTSUPP, "Can not enslave loopback device to a VRF")
	case m.Kind == "bond" && l.Up(): // bond_enslave
		return refuse(route.EPERM, "Device can not be enslaved while up")
	case m.Kind == "team" && l.Up(): // team_port_add
		return refuse(route.EBUSY, "Device is up. Set it down before adding it as a team port")
	case m.Kind == vrfKind, bonds(m.Kind):
		return nil
	case m.Kind != "bridge":
		return refuse(route.EOPNOTSUPP, "")
	case l.Flags&route.LinkLoopback != 0 || !ethernet(l):
		return refuse(route.EINVAL, "")
	case l.Kind == "bridge":
		return refuse(route.ELOOP, "Can not enslave a bridge to a bridge")
	case t.standsOn(l, m) || t.isLower(l, "macvlan"):
		return refuse(route.EBUSY, "")
	}
	return nil
}

// ethernet reports whether a device is an Ethernet device, as far as its kind shows. TUN and TAP
// are of one kind, and a TAP device is one.
func ethernet(l *route.Link) bool {
	if l.Kind == "tun" {
		return l.Flags&route.LinkPointopoint == 0
	}
	return !slices.Contains([]string{"wireguard", "ipip", "sit", "gre", "vti", "ip6tnl", "ip6gre", "xfrm", "nlmon"}, l.Kind)
}

// standsOn reports whether a device is on top of another one.
func (t *tx) standsOn(l, lower *route.Link) bool {
	for l.Stacked() && l.PeerNetNS < 0 {
		if l.Peer == lower.Index {
			return true
		}
		if l = t.link(l.Peer); l == nil {
			return false
		}
	}
	return false
}

// isLower reports whether a device of a kind is on top of this one.
func (t *tx) isLower(l *route.Link, kind string) bool {
	return slices.ContainsFunc(t.snap.Links, func(x route.Link) bool { return x.Kind == kind && x.Peer == l.Index && x.PeerNetNS < 0 })
}
