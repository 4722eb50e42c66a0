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
func hasPorts(l *route.Link) bool { return l.Kind == "bridge" || bonds(l.Kind) }

// bonds reports whether devices of a kind make one device of several links.
func bonds(kind string) bool { return kind == "bond" || kind == "team" }

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

// hasCarrier reports whether a device has a carrier, even if it is down (netif_carrier_ok).
// Where that was not read, the usual one of its kind is assumed.
func (t *tx) hasCarrier(l *route.Link) bool {
	switch {
	case l.Up():
		return l.Carrier()
	case l.IdleCarrier != route.Unknown:
		return l.IdleCarrier == route.Yes
	case l.Stacked() && l.PeerNetNS < 0:
		p := t.link(l.Peer)
		return p == nil || t.hasCarrier(p)
	case l.Kind == "bridge":
		return len(t.ports(l.Index)) == 0
	}
	return silent(l)
}

// carrierOf reports whether a device that is down has a carrier when it is set up. A veth has
// one if its peer is up too, a VLAN if the device below has one (vlan_dev_open), a bridge if a
// port has one. Otherwise most virtual devices have what they had while they were down. All
// other devices are assumed to have one.
func (t *tx) carrierOf(l *route.Link) bool {
	switch {
	case opensElsewhere(l):
		return !t.foundWithout(l)
	case l.Kind == "veth" && l.PeerNetNS < 0:
		p := t.link(l.Peer)
		return p == nil || p.Up()
	case l.Kind == "vlan" && l.PeerNetNS < 0:
		p := t.link(l.Peer)
		return p == nil || t.hasCarrier(p)
	case hasPorts(l):
		return t.livePort(l.Index) || l.Kind == "bridge" && t.hasCarrier(l)
	case l.IdleCarrier == route.Unknown && !l.Stacked(), hardware(l):
		return true
	}
	return t.hasCarrier(l)
}

// opensElsewhere reports whether a device gets its carrier, when it is set up, from one in
// another namespace. No change made here sets that one down.
func opensElsewhere(l *route.Link) bool {
	return l.PeerNetNS >= 0 && (l.Kind == "veth" || l.Kind == "vlan")
}

// foundWithout reports whether a device was up without a carrier when it was read: the device
// that would give it one is down.
func (t *tx) foundWithout(l *route.Link) bool {
	was := t.first.Snapshot().Link(l.Index)
	return was != nil && was.Kind == l.Kind && was.Up() && !was.Carrier()
}

func hardware(l *route.Link) bool { return l.Kind == "" && l.Flags&route.LinkLoopback == 0 }

// livePort reports whether a port of a device has a carrier.
func (t *tx) livePort(master int) bool {
	return slices.ContainsFunc(t.ports(master), (*route.Link).Carrier)
}

// closedCarrier is the carrier of a device after it was set down. That of a veth and of a VLAN
// goes (veth_close, vlan_dev_stop), and that of a bridge with its ports, which it no longer
// uses (br_stp_disable_port). Drivers of hardware differ.
func (t *tx) closedCarrier(l *route.Link) route.Tristate {
	switch {
	case hardware(l), bonds(l.Kind):
		return route.Unknown
	case l.Kind == "veth", l.Kind == "vlan", l.Kind == "bridge" && t.livePort(l.Index):
		return route.No
	}
	return answer(l.Carrier())
}

func answer(is bool) route.Tristate {
	if is {
		return route.Yes
	}
	return route.No
}

// setIdle sets the carrier of a device that is down.
func (t *tx) setIdle(index int, has route.Tristate) {
	if l := t.link(index); l.IdleCarrier != has {
		t.editLink(index, func(l *route.Link) { l.IdleCarrier = has })
		t.look(index)
	}
}

// look stores that the carrier of a device has changed, so that the kernel has looked at its
// operational state (linkwatch_do_dev).
func (t *tx) look(index int) {
	if t.looked[index] {
		return
	}
	t.looked = with(t.looked, index, true)
}

// unlook forgets what was stored about a device whose index a new one gets.
func (t *tx) unlook(index int) {
	if t.looked[index] {
		t.looked = maps.Clone(t.looked)
		delete(t.looked, index)
	}
}

// setCarrier sets the flags and the state of a device that is up.
func (t *tx) setCarrier(index int, has bool) {
	if !has {
		t.look(index)
	}
	looked := t.looked[index]
	t.editLink(index, func(l *route.Link) {
		l.Flags &^= route.LinkRunning | route.LinkLowerUp
		l.IdleCarrier = route.Unknown
		if has {
			l.Flags |= route.LinkRunning | route.LinkLowerUp
		}
		switch {
		case has && !looked && (silent(l) || l.Kind == "bridge" || l.Kind == "tun"):
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
			t.setIdle(x.Index, answer(t.hasCarrier(t.link(index))))
		case x.Kind == "vlan" && !t.link(index).Up(): // nothing is passed on to it (vlan_device_event)
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
// only on its ports. A bridge that is down uses none.
func (t *tx) choosePorts(index int) {
	m := t.link(index)
	if !m.Up() {
		if m.Kind == "bridge" {
			t.setIdle(index, route.No)
		}
		return
	}
	t.look(index)
	t.adjust(index)
	if l := t.link(index); l.Carrier() && l.OperState == operUnknown {
		t.editLink(index, func(l *route.Link) { l.OperState = operUp })
	}
}

// adjust gives a device the carrier that it gets from other devices. The kernel does so after
// a change (linkwatch_event), so that a device which goes down and up in one change takes the
// carrier of no other device.
func (t *tx) adjust(index int) {
	l := t.link(index)
	if l == nil {
		return
	}
	has := t.givenCarrier(l)
	if t.holding {
		t.held = append(t.held, heldCarrier{index, l.Up() && l.Carrier() != has})
		return
	}
	switch {
	case l.Up() && l.Carrier() != has:
		t.carrier(index, has)
	case !l.Up() && l.Stacked():
		t.setIdle(index, answer(has))
	}
}

// givenCarrier is the carrier that a device gets from others while it is up
// (netif_stacked_transfer_operstate, br_port_state_selection).
func (t *tx) givenCarrier(l *route.Link) bool {
	switch {
	case l.Stacked() && l.PeerNetNS < 0:
		p := t.link(l.Peer)
		return p == nil || t.hasCarrier(p)
	case hasPorts(l):
		return t.livePort(l.Index)
	}
	return t.carrierOf(l)
}

// heldCarrier is a device that was held back. changed says that its carrier changed then.
type heldCarrier struct {
	index   int
	changed bool
}

// settleCarriers adjusts the devices that were held back. A carrier that changed and came
// back is reported too (linkwatch_do_dev).
func (t *tx) settleCarriers() {
	t.holding = false
	for _, x := range t.held {
		t.adjust(x.index)
		if l := t.link(x.index); x.changed && l != nil && l.Up() {
			t.changed(x.index, t.isReady6(l))
		}
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

// noteCarrier finds out what a dump shows about the past of a device's carrier.
func (t *tx) noteCarrier(l *route.Link) {
	if l.Up() && l.OperState != operUnknown || !t.hasCarrier(l) {
		t.look(l.Index)
	}
	if l.Kind == "bridge" && l.MTU != leastPortMTU(t.ports(l.Index)) {
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

// Revived is the state after the kernel has begun to use the next hops by a device again that
// routes have beside others, because the device is up now (fib_sync_up, rt6_sync_up). It sends
// no event about them.
func (s *State) Revived(index int) *State {
	snap := s.fib.Snapshot()
	l := snap.Link(index)
	if l == nil || !l.Up() {
		return s
	}
	t := &tx{old: s, edit: s.fib.Edit(), snap: snap, hidden: s.hidden, kernel: behaviourOf(snap.Release)}
	t.syncUp4(index, route.NextHopDead)
	if l.Carrier() && l.HasIPv6() && t.setting(route.IPv6, l.Name, "disable_ipv6") == 0 {
		t.syncUp6(index, true)
	}
	return &State{fib: t.edit.FIB(t.snap), hidden: t.hidden}
}
