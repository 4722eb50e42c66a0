package change

import (
	"math"
	"net/netip"
	"slices"

	"routewhy/route"
)

// boundsMTU are the smallest and the largest MTU of a device, as far as they are
// known.
func boundsMTU(l *route.Link) (least, most uint32) {
	switch {
	case l.Flags&route.LinkLoopback != 0, l.Kind == "dummy", l.Kind == "ifb":
		return 0, math.MaxInt32
	case l.Kind == "vlan", l.Kind == "wireguard":
		return 0, 65535
	case l.Kind == vrfKind:
		return 1280, 65575
	}
	return 68, 65535
}

// checkMTU refuses an MTU that is not allowed (dev_validate_mtu, and ndo_change_mtu of
// some kinds).
func (t *tx) checkMTU(l *route.Link, mtu uint32) *Refusal {
	least, most := boundsMTU(l)
	p := t.link(l.Peer)
	if l.Kind == "macvlan" && l.PeerNetNS < 0 && p != nil {
		_, most = boundsMTU(p)
	}
	switch {
	case mtu < least, mtu > math.MaxInt32: // the larger values are negative numbers in the kernel
		return refuse(route.EINVAL, "mtu less than device minimum")
	case mtu > most:
		return refuse(route.EINVAL, "mtu greater than device maximum")
	case l.Kind == "vlan" && l.PeerNetNS < 0 && p != nil && mtu > p.MTU:
		return refuse(route.ERANGE, "")
	case l.Kind == "macvlan" && l.PeerNetNS < 0 && p != nil && mtu > p.MTU:
		return refuse(route.EINVAL, "")
	}
	return nil
}

// setMTU is dev_set_mtu_ext. It also does what follows if a device loses one of the
// families.
func (t *tx) setMTU(index int, mtu uint32) *Refusal {
	l := t.link(index)
	if no := t.checkMTU(l, mtu); no != nil {
		return no
	}
	had4, had6, old := t.snap.HasIPv4(l), l.HasIPv6(), l.MTU
	t.editLink(index, func(l *route.Link) { l.MTU = mtu })
	l = t.link(index)
	if !had4 && mtu >= route.LeastMTU4 { // the same as for a new device
		t.newSettings(l.Name, route.IPv4)
	}
	if !had6 && l.HasIPv6() {
		t.newSettings(l.Name, route.IPv6)
	}
	if l.Flags&route.LinkLoopback != 0 && mtu < route.LeastMTU6 {
		t.lower6(l, false)
	}
	if had4 && mtu < route.LeastMTU4 {
		t.losesIPv4(l, true)
		t.dropSettings(route.IPv4, l.Name)
	}
	switch has6 := l.HasIPv6(); {
	case had6 && has6 && mtu >= route.LeastMTU6:
		t.followMTU6(index, old, mtu)
	case had6 && !has6:
		t.lower6(l, true)
	case !had6 && has6 && l.Up() && l.Carrier():
		t.ready6(l)
	}
	t.followMTU(index)
	return nil
}

// followMTU6 gives IPv6 routes by a device its new MTU as path MTU, if their path MTU
// was the old MTU or is more than the new one (fib6_nh_mtu_change).
func (t *tx) followMTU6(index int, old, mtu uint32) {
	t.rewriteAll(route.IPv6, func(_ netip.Prefix, r *route.Route) (*route.Route, bool) {
		at := slices.IndexFunc(r.Metrics, func(m route.Metric) bool { return m.ID == route.MetricMTU && !m.Lock })
		if at < 0 || r.Metrics[at].Value == mtu || r.Metrics[at].Value < mtu && r.Metrics[at].Value != old {
			return r, false
		}
		by := func(h route.NextHop) bool { return h.Link == index }
		if r.NextHopID == 0 && (len(r.NextHops) == 0 || !by(r.NextHops[0])) || !slices.ContainsFunc(r.NextHops, by) {
			return r, false
		}
		next := r.Clone()
		next.Metrics[at].Value = mtu
		return &next, false
	})
}

// followMTU gives a suitable MTU to the bridge of a device and to the devices on top
// of it (br_mtu_auto_adjust, vlan_device_event, macvlan_device_event).
func (t *tx) followMTU(index int) {
	l := t.link(index)
	if l.Master != 0 {
		t.adjustMTU(l.Master)
	}
	for _, x := range slices.Clone(t.snap.Links) {
		if (x.Kind == "vlan" || x.Kind == "macvlan") && x.Peer == index && x.PeerNetNS < 0 && x.MTU > l.MTU {
			_ = t.setMTU(x.Index, l.MTU)
		}
	}
}

// adjustMTU gives a bridge the smallest MTU of its ports, unless a request has set
// another one.
func (t *tx) adjustMTU(index int) {
	m := t.link(index)
	if m == nil || m.Kind != "bridge" || t.ownMTU[index] {
		return
	}
	if mtu := leastPortMTU(t.ports(index)); mtu != m.MTU {
		_ = t.setMTU(index, mtu)
	}
}

// leastPortMTU is br_mtu_min.
func leastPortMTU(ports []*route.Link) uint32 {
	mtu := uint32(1500)
	for i, p := range ports {
		if i == 0 || p.MTU < mtu {
			mtu = p.MTU
		}
	}
	return mtu
}

// givenMTU stores that a device got its MTU from a request.
func (t *tx) givenMTU(index int) {
	t.ownMTU = with(t.ownMTU, index, true)
}
