package change

import (
	"maps"
	"slices"

	"routewhy/route"
)

// The operational states (IF_OPER_*).
const (
	operUnknown        = 0
	operDown           = 2
	operLowerLayerDown = 3
	operUp             = 6
)

// hasPorts reports whether devices of a kind get their carrier from the devices that
// belong to them.
func hasPorts(l *route.Link) bool { return slices.Contains([]string{"bridge", "bond", "team"}, l.Kind) }

// silent reports whether devices of a kind have a carrier from the start, so that the
// kernel does not look at their operational state before that changes.
func silent(l *route.Link) bool {
	return l.Flags&route.LinkLoopback != 0 || slices.Contains([]string{
		"dummy", "ifb", "vxlan", "geneve", "wireguard", "ipip", "sit", "gre", "gretap", "vti", "ip6tnl", "ip6gre", "xfrm", "nlmon",
	}, l.Kind)
}

// ports are the devices that belong to a bridge or a bond.
func (t *tx) ports(master int) (list []*route.Link) {
	for i := range t.snap.Links {
		if l := &t.snap.Links[i]; l.Master == master {
			list = append(list, l)
		}
	}
	return list
}

// carrierOf reports whether a device would have a carrier if it is up. A veth has one if
// its peer is up too, a device on top of another one has one if that one has one, and a
// bridge has one if a port has one. A device that is known to have no carrier of its own
// has none. All other devices are assumed to have one.
func (t *tx) carrierOf(l *route.Link) bool {
	switch {
	case t.dark[l.Index] && !hasPorts(l):
		return false
	case l.Kind == "veth" && l.PeerNetNS < 0:
		p := t.link(l.Peer)
		return p == nil || p.Up()
	case l.Stacked() && l.PeerNetNS < 0:
		p := t.link(l.Peer)
		return p == nil || t.keptCarrier(p)
	case hasPorts(l):
		ports := t.ports(l.Index)
		return slices.ContainsFunc(ports, (*route.Link).Carrier) || len(ports) == 0 && l.Kind == "bridge" && !t.dark[l.Index]
	}
	return true
}

// keptCarrier reports whether the devices on top of a device see a carrier on it. Even
// a device that is down may have one (netif_stacked_transfer_operstate).
func (t *tx) keptCarrier(l *route.Link) bool {
	return l.Carrier() || !l.Up() && (silent(l) || l.Kind == "bridge" || l.Stacked()) && t.carrierOf(l)
}

// setDark stores whether a device has no carrier as long as nothing about it changes.
func (t *tx) setDark(index int, is bool) {
	if t.dark[index] == is {
		return
	}
	m := maps.Clone(t.dark)
	if m == nil {
		m = map[int]bool{}
	}
	m[index] = is
	t.dark = m
}

// setCarrier sets the flags and the state of a device that is up.
func (t *tx) setCarrier(index int, has bool) {
	fresh := len(t.ports(index)) == 0 && !t.dark[index] // the kernel has not looked at the bridge's ports yet
	_, looked := t.dark[index]                          // the kernel has looked at its state, because its carrier was once taken away
	t.editLink(index, func(l *route.Link) {
		l.Flags &^= route.LinkRunning | route.LinkLowerUp
		if has {
			l.Flags |= route.LinkRunning | route.LinkLowerUp
		}
		switch {
		case has && (silent(l) && !looked || l.Kind == "bridge" && fresh):
			l.OperState = operUnknown
		case has:
			l.OperState = operUp
		case l.Kind == "veth" || l.Stacked():
			l.OperState = operLowerLayerDown
		default:
			l.OperState = operDown
		}
	})
}

// follow sets or removes the carrier of the devices that depend on another device,
// after that device went up or down or its carrier changed.
func (t *tx) follow(index int) {
	l := t.link(index)
	if l.Kind == "veth" && l.PeerNetNS < 0 {
		t.adjust(l.Peer)
	}
	if m := t.link(l.Master); m != nil && hasPorts(m) {
		t.choosePorts(m.Index)
	}
	for _, x := range slices.Clone(t.snap.Links) {
		switch {
		case !x.Stacked() || x.Peer != index || x.PeerNetNS >= 0:
		case x.Kind == "vlan" && !t.link(index).Up() && x.Up():
			t.lower(x.Index)
		default:
			t.adjust(x.Index)
		}
	}
}

// raiseVLANs sets up the VLANs on top of a device that is set up (vlan_device_event).
func (t *tx) raiseVLANs(index int) {
	for _, x := range slices.Clone(t.snap.Links) {
		if x.Kind == "vlan" && x.Peer == index && x.PeerNetNS < 0 && !x.Up() {
			t.raise(x.Index)
		}
	}
}

// choosePorts is br_port_state_selection. From now on the carrier of a bridge depends
// only on its ports.
func (t *tx) choosePorts(index int) {
	m := t.link(index)
	t.setDark(index, !m.Up() || !slices.ContainsFunc(t.ports(index), (*route.Link).Carrier))
	t.adjust(index)
	if l := t.link(index); l.Carrier() && l.OperState == operUnknown {
		t.editLink(index, func(l *route.Link) { l.OperState = operUp })
	}
}

// adjust gives a device the carrier that it gets from other devices. The kernel does so after
// a change (linkwatch_event), so that a device which goes down and up in one change takes the
// carrier of no other device.
func (t *tx) adjust(index int) {
	if t.holding {
		t.held = append(t.held, index)
		return
	}
	if l := t.link(index); l != nil && l.Up() && l.Carrier() != t.carrierOf(l) {
		t.carrier(index, !l.Carrier())
	}
}

// settleCarriers adjusts the devices that were held back.
func (t *tx) settleCarriers() {
	t.holding = false
	for _, index := range t.held {
		t.adjust(index)
	}
	t.held = nil
}

// carrier sets or removes the carrier of a device that is up.
func (t *tx) carrier(index int, has bool) {
	ready := t.isReady6(t.link(index))
	t.setCarrier(index, has)
	if !has {
		t.setReady(index, ready)
	}
	t.changed(index, ready)
	t.follow(index)
}

// noteBridge finds out what a dump shows about a bridge's past.
func (t *tx) noteBridge(l *route.Link) {
	ports := t.ports(l.Index)
	if l.Up() && !l.Carrier() || !l.Up() && len(ports) > 0 {
		t.setDark(l.Index, true)
	}
	if l.MTU != leastPortMTU(ports) {
		t.givenMTU(l.Index)
	}
}

// Carrier is the state after a device that is up has got or lost its carrier.
func (s *State) Carrier(index int, has bool) *State {
	snap := s.fib.Snapshot()
	if l := snap.Link(index); l == nil || !l.Up() {
		return s
	}
	t := &tx{old: s, edit: s.fib.Edit(), snap: snap, hidden: s.hidden, kernel: behaviourOf(snap.Release)}
	t.carrier(index, has)
	return &State{fib: t.edit.FIB(t.snap), hidden: t.hidden}
}
