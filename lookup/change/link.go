package change

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// apply is do_setlink and rtnl_dellink in net/core/rtnetlink.c.
func (c *Link) apply(t *tx) *Refusal {
	if len(c.Name) > maxName {
		return refuse(route.ERANGE, "Attribute failed policy validation")
	}
	l := t.link(c.Index)
	if l == nil {
		return refuse(route.ENODEV, "")
	}
	if c.Verb == Delete {
		return t.deleteLink(l)
	}
	if c.Address != nil {
		if badAddress(c.Address) {
			return refuse(route.EADDRNOTAVAIL, "")
		}
		t.ownAddress(c.Index, c.Address)
	}
	told := false // of a change of its state (netdev_state_change)
	if c.MTU != nil && *c.MTU != l.MTU {
		if no := t.setMTU(c.Index, *c.MTU); no != nil {
			return no
		}
		t.givenMTU(c.Index)
	}
	if c.Name != "" && (c.Name != l.Name || !t.kernel.renamesUp) {
		if no := t.rename(c.Index, c.Name); no != nil {
			return no
		}
	}
	if c.Group != nil {
		t.editLink(c.Index, func(l *route.Link) { l.Group = *c.Group })
		told = true
	}
	if c.Master != nil && *c.Master != t.link(c.Index).Master {
		if no := t.enslave(c.Index, *c.Master); no != nil {
			return no
		}
		told = true
	}
	switch c.ARP {
	case route.Yes:
		t.editLink(c.Index, func(l *route.Link) { l.Flags &^= route.LinkNoARP })
	case route.No:
		t.editLink(c.Index, func(l *route.Link) { l.Flags |= route.LinkNoARP })
	}
	if c.Carrier != route.Unknown {
		if l.Kind != "dummy" && l.Kind != "tun" && l.Kind != "tap" {
			return refuse(route.EOPNOTSUPP, "")
		}
		if l := t.link(c.Index); l.Up() && l.Carrier() != (c.Carrier == route.Yes) {
			t.carrier(c.Index, c.Carrier == route.Yes)
		}
	}
	switch l := t.link(c.Index); {
	case c.Up == route.Yes && !l.Up():
		if p := t.link(l.Peer); l.Kind == "vlan" && l.PeerNetNS < 0 && p != nil && !p.Up() {
			return refuse(route.ENETDOWN, "")
		}
		t.raise(c.Index)
	case c.Up == route.No && l.Up():
		t.lower(c.Index)
	}
	if l := t.link(c.Index); told && l.Up() {
		t.changed(c.Index, t.isReady6(l))
	}
	return nil
}

// editLink changes what is known of a device.
func (t *tx) editLink(index int, edit func(*route.Link)) {
	s := t.own()
	s.Links = slices.Clone(s.Links)
	edit(s.Link(index))
}

// boundsMTU are the bounds of a device's MTU, as far as they are known.
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

// checkMTU is what an MTU may not be (dev_validate_mtu, and ndo_change_mtu of some kinds).
func (t *tx) checkMTU(l *route.Link, mtu uint32) *Refusal {
	least, most := boundsMTU(l)
	p := t.link(l.Peer)
	if l.Kind == "macvlan" && l.PeerNetNS < 0 && p != nil {
		_, most = boundsMTU(p)
	}
	switch {
	case mtu < least, mtu > math.MaxInt32: // which is a negative number there
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

// setMTU is dev_set_mtu_ext, and what a device without one of the families loses.
func (t *tx) setMTU(index int, mtu uint32) *Refusal {
	l := t.link(index)
	if no := t.checkMTU(l, mtu); no != nil {
		return no
	}
	had4, had6, old := hasIPv4(l), l.HasIPv6(), l.MTU
	t.editLink(index, func(l *route.Link) { l.MTU = mtu })
	l = t.link(index)
	if !had4 && hasIPv4(l) { // as for a new device
		t.newSettings(l.Name, route.IPv4)
	}
	if !had6 && l.HasIPv6() {
		t.newSettings(l.Name, route.IPv6)
	}
	if l.Flags&route.LinkLoopback != 0 && mtu < route.LeastMTU6 {
		t.lower6(l, false)
	}
	if !hasIPv4(l) {
		t.losesIPv4(l)
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

// followMTU6 gives the path MTU of IPv6 routes by a device its new MTU, where it was the
// old one or is more than the new one (fib6_nh_mtu_change).
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

// followMTU gives the bridge of a device, and the devices on it, an MTU that fits
// (br_mtu_auto_adjust, vlan_device_event, macvlan_device_event).
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

// adjustMTU gives a bridge the least MTU of its ports, unless somebody gave it another
// one.
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

// givenMTU notes that a device got its MTU from a request.
func (t *tx) givenMTU(index int) {
	m := maps.Clone(t.ownMTU)
	if m == nil {
		m = map[int]bool{}
	}
	m[index] = true
	t.ownMTU = m
}

// losesIPv4 takes all of IPv4 from a device (inetdev_destroy).
func (t *tx) losesIPv4(l *route.Link) {
	for at := t.addrs4(l.Index); len(at) > 0; at = t.addrs4(l.Index) {
		t.deleteAddr4(at[0], true)
	}
	t.disable4(l.Index, linkGone, true)
}

// disable4 is fib_disable_ip.
func (t *tx) disable4(link int, e linkEvent, force bool) {
	t.syncDown4(link, e, force)
	t.forgetNeighbours(route.IPv4, link, true)
}

// maxName is how long a device's name may be (IFNAMSIZ, without the zero byte).
const maxName = 15

// rename is dev_change_name.
func (t *tx) rename(index int, name string) *Refusal {
	l := t.link(index)
	switch {
	case l.Up() && !t.kernel.renamesUp:
		return refuse(route.EBUSY, "")
	case name == l.Name:
		return nil
	case name == "." || name == ".." || strings.ContainsAny(name, "/: \t\n"):
		return refuse(route.EINVAL, "")
	case t.snap.LinkByName(name) != nil:
		return refuse(route.EEXIST, "")
	}
	old := l.Name
	t.editLink(index, func(l *route.Link) { l.Name = name })
	s := t.own()
	s.Sysctls, t.sysctlsMine = renamed(s.Sysctls, old, name), true
	s.Addrs = slices.Clone(s.Addrs)
	for n, i := range t.addrs4(index) {
		a := &s.Addrs[i]
		a.Label = relabel(a.Label, name, n+1)
	}
	t.attachRules()
	return nil
}

// relabel is what becomes of the label of a device's n-th address when the device gets
// another name (inetdev_changename).
func relabel(label, name string, n int) string {
	if n == 1 {
		return name
	}
	_, alias, ok := strings.Cut(label, ":")
	if alias = ":" + alias; !ok {
		alias = ":" + strconv.Itoa(n)
	}
	return name[:min(len(name), maxName-len(alias))] + alias
}

// renamed are settings in which a device has another name.
func renamed(s route.Sysctls, old, name string) route.Sysctls {
	next := make(route.Sysctls, len(s))
	for path, v := range s {
		switch f, dev, key, ok := confOf(path); {
		case ok && dev == old:
			path = route.ConfPath(f, name, key)
		case ok && dev == name: // of a device that is gone
			continue
		}
		next[path] = v
	}
	return next
}

// attachRules marks the rules whose device does not exist (fib_rules_event).
func (t *tx) attachRules() {
	s := t.own()
	s.Rules = slices.Clone(s.Rules)
	for i := range s.Rules {
		x := &s.Rules[i].Selector
		x.InDetached = x.In != "" && s.LinkByName(x.In) == nil
		x.OutDetached = x.Out != "" && s.LinkByName(x.Out) == nil
	}
}

// enslave puts a device into a VRF or a bridge, or takes it out.
func (t *tx) enslave(index, master int) *Refusal {
	m := t.link(master)
	old := t.link(t.link(index).Master)
	if master != 0 {
		if no := t.checkMaster(t.link(index), m); no != nil {
			return no
		}
	}
	vrf := m != nil && m.Kind == vrfKind || old != nil && old.Kind == vrfKind
	up := t.link(index).Up()
	if vrf { // which takes the device down and up again (cycle_netdev)
		t.disable4(index, linkDown, true)
		t.lower6(t.link(index), false)
		if up {
			t.lower(index)
		}
	}
	t.editLink(index, func(l *route.Link) { l.Master = master })
	if vrf && up {
		t.raise(index)
	}
	if m != nil { // before it loses a carrier, and not after that as one that loses a port
		t.adjustMTU(m.Index)
	}
	for _, b := range []*route.Link{old, m} {
		if b != nil && hasPorts(b) {
			t.choosePorts(b.Index)
			t.adjustMTU(b.Index)
		}
		if b != nil && b.Kind == "bridge" && len(t.ports(b.Index)) <= 1 { // it gets another hardware address
			t.forgetNeighbours(route.IPv4, b.Index, true)
			t.forgetNeighbours(route.IPv6, b.Index, true)
		}
	}
	return nil
}

// checkMaster is what may not belong to another device (br_add_if, vrf_add_slave).
func (t *tx) checkMaster(l, m *route.Link) *Refusal {
	switch {
	case m == nil:
		return refuse(route.EINVAL, "")
	case m.Kind == vrfKind && l.Kind == vrfKind:
		return refuse(route.EINVAL, "Can not enslave an L3 master device to a VRF")
	case m.Kind == vrfKind && l.Flags&route.LinkLoopback != 0:
		return refuse(route.EOPNOTSUPP, "Can not enslave loopback device to a VRF")
	case m.Kind == vrfKind, m.Kind == "bond", m.Kind == "team":
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

// ethernet reports whether a device is one of Ethernet, as far as its kind tells.
func ethernet(l *route.Link) bool {
	return !slices.Contains([]string{"tun", "wireguard", "ipip", "sit", "gre", "vti", "ip6tnl", "ip6gre", "xfrm", "nlmon"}, l.Kind)
}

// standsOn reports whether a device stands on another one.
func (t *tx) standsOn(l, lower *route.Link) bool {
	for stacked(l) && l.PeerNetNS < 0 {
		if l.Peer == lower.Index {
			return true
		}
		if l = t.link(l.Peer); l == nil {
			return false
		}
	}
	return false
}

// isLower reports whether a device of a kind stands on one.
func (t *tx) isLower(l *route.Link, kind string) bool {
	return slices.ContainsFunc(t.snap.Links, func(x route.Link) bool { return x.Kind == kind && x.Peer == l.Index && x.PeerNetNS < 0 })
}

// raise sets a device up (NETDEV_UP).
func (t *tx) raise(index int) {
	t.editLink(index, func(l *route.Link) { l.Flags |= route.LinkUp })
	t.setCarrier(index, t.carrierOf(t.link(index)))
	l := t.link(index)
	if l.Flags&route.LinkLoopback != 0 && hasIPv4(l) {
		_ = t.insertAddr4(&route.Addr{
			Link: index, Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: route.ScopeHost, Label: l.Name,
			Flags: route.AddrPermanent, ValidLft: route.ForeverLft, PreferredLft: route.ForeverLft,
		})
	}
	for _, i := range t.addrs4(index) {
		t.addConnected4(&t.snap.Addrs[i])
	}
	t.syncUp4(index, route.NextHopDead)
	if l.HasIPv6() && t.setting(route.IPv6, l.Name, "disable_ipv6") == 0 {
		t.restore6(l)
		if l.Carrier() {
			t.ready6(l)
		}
	}
	t.follow(index)
	t.raiseVLANs(index)
}

// changed is what follows when something of a device that is up was changed
// (NETDEV_CHANGE). ready says that it had a carrier since it went up.
func (t *tx) changed(index int, ready bool) {
	l := t.link(index)
	if !l.Carrier() {
		for _, f := range []route.Family{route.IPv4, route.IPv6} {
			t.forgetNeighbours(f, index, false)
		}
		t.syncDown4(index, linkCarrier, false)
		t.carrierDown6(index)
		t.flushObjects(index, linkCarrier)
		return
	}
	t.syncUp4(index, route.NextHopLinkDown)
	switch {
	case !l.HasIPv6() || t.setting(route.IPv6, l.Name, "disable_ipv6") != 0:
	case ready:
		t.syncUp6(index, false)
	default:
		t.ready6(l)
	}
}

// lower sets a device down (NETDEV_DOWN).
func (t *tx) lower(index int) {
	t.editLink(index, func(l *route.Link) {
		l.Flags &^= route.LinkUp | route.LinkRunning | route.LinkLowerUp
		l.OperState = operDown
	})
	l := t.link(index)
	t.disable4(index, linkDown, false)
	t.lower6(l, false)
	t.flushObjects(index, linkDown)
	t.follow(index)
}

// undeletable are kinds of devices that RTM_DELLINK does not take.
func undeletable(l *route.Link) bool { return l.Kind == "" }

// deleteLink deletes a device, and a veth's other end.
func (t *tx) deleteLink(l *route.Link) *Refusal {
	if undeletable(l) {
		return refuse(route.EOPNOTSUPP, "")
	}
	gone := t.goWith([]int{l.Index})
	for _, index := range gone {
		t.releasePorts(index)
	}
	for _, index := range gone {
		if t.link(index).Up() {
			t.lower(index)
		}
	}
	for _, index := range gone {
		l := t.link(index)
		t.losesIPv4(l)
		t.lower6(l, true)
		t.flushObjects(index, linkGone)
	}
	var masters []int
	for _, index := range gone {
		if m := t.link(t.link(index).Master); m != nil && hasPorts(m) {
			masters = append(masters, m.Index)
		}
	}
	for _, index := range gone {
		t.dropSettings(t.link(index).Name)
	}
	s := t.own()
	isGone := func(index int) bool { return slices.Contains(gone, index) }
	s.Neighbours = slices.DeleteFunc(slices.Clone(s.Neighbours), func(n route.Neighbour) bool { return isGone(n.Link) })
	s.Links = slices.DeleteFunc(slices.Clone(s.Links), func(l route.Link) bool { return isGone(l.Index) })
	for i := range s.Links {
		if x := &s.Links[i]; isGone(x.Master) {
			x.Master = 0
		}
	}
	order := make([][]int, len(s.Order))
	for i, list := range s.Order {
		order[i] = slices.DeleteFunc(slices.Clone(list), isGone)
	}
	s.Order = order
	for _, m := range masters {
		if t.link(m) != nil {
			t.choosePorts(m)
			t.adjustMTU(m)
		}
	}
	t.attachRules()
	return nil
}

// releasePorts takes the devices out of a VRF that goes (vrf_dellink).
func (t *tx) releasePorts(index int) {
	if t.link(index).Kind != vrfKind {
		return
	}
	t.hadVRF = true
	for i := range t.snap.Links {
		if x := t.snap.Links[i]; x.Master == index {
			_ = t.enslave(x.Index, 0)
		}
	}
}

// dropSettings forgets a device's settings.
func (t *tx) dropSettings(name string) {
	s := t.own()
	s.Sysctls, t.sysctlsMine = maps.Clone(s.Sysctls), true
	maps.DeleteFunc(s.Sysctls, func(path, _ string) bool {
		_, dev, _, ok := confOf(path)
		return ok && dev == name
	})
}

// goWith adds to devices those that are deleted with them: a veth's other end, and what
// stands on one.
func (t *tx) goWith(gone []int) []int {
	for n := 0; n < len(gone); n++ {
		l := t.link(gone[n])
		for i := range t.snap.Links {
			x := &t.snap.Links[i]
			with := l.Kind == "veth" && l.PeerNetNS < 0 && l.Peer == x.Index || stacked(x) && x.PeerNetNS < 0 && x.Peer == l.Index
			if with && !slices.Contains(gone, x.Index) {
				gone = append(gone, x.Index)
			}
		}
	}
	return gone
}
