package change

import (
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
	}
	if c.Name != "" && c.Name != l.Name {
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

// The bounds of an ordinary device's MTU. Those of each kind are not known.
const (
	leastMTU = 68
	mostMTU  = 65535
)

// setMTU is dev_set_mtu_ext, and what a device without one of the families loses.
func (t *tx) setMTU(index int, mtu uint32) *Refusal {
	l := t.link(index)
	if l.Flags&route.LinkLoopback == 0 {
		switch {
		case mtu < leastMTU || mtu > math.MaxInt32:
			return refuse(route.EINVAL, "mtu less than device minimum")
		case mtu > mostMTU:
			return refuse(route.EINVAL, "mtu greater than device maximum")
		}
	}
	had6 := l.HasIPv6()
	t.editLink(index, func(l *route.Link) { l.MTU = mtu })
	l = t.link(index)
	if l.Flags&route.LinkLoopback != 0 && mtu < route.LeastMTU6 {
		t.lower6(l, false)
	}
	if !hasIPv4(l) {
		t.losesIPv4(l)
	}
	switch has6 := l.HasIPv6(); {
	case had6 && !has6:
		t.lower6(l, true)
	case !had6 && has6 && l.Up() && l.Carrier():
		t.ready6(l)
	}
	return nil
}

// losesIPv4 takes all of IPv4 from a device (inetdev_destroy).
func (t *tx) losesIPv4(l *route.Link) {
	for at := t.addrs4(l.Index); len(at) > 0; at = t.addrs4(l.Index) {
		t.deleteAddr4(at[0], true)
	}
	t.syncDown4(l.Index, linkGone, true)
}

// maxName is how long a device's name may be (IFNAMSIZ, without the zero byte).
const maxName = 15

// rename is dev_change_name.
func (t *tx) rename(index int, name string) *Refusal {
	l := t.link(index)
	switch {
	case l.Up() && !t.kernel.renamesUp:
		return refuse(route.EBUSY, "")
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
	switch {
	case master != 0 && m == nil, master != 0 && m.Kind == "bridge" && t.link(index).Flags&route.LinkLoopback != 0:
		return refuse(route.EINVAL, "")
	case master != 0 && !slices.Contains([]string{vrfKind, "bridge", "bond", "team"}, m.Kind):
		return refuse(route.EOPNOTSUPP, "")
	}
	vrf := m != nil && m.Kind == vrfKind || old != nil && old.Kind == vrfKind
	up := t.link(index).Up()
	if vrf { // which takes the device down and up again (cycle_netdev)
		t.syncDown4(index, linkDown, true)
		t.lower6(t.link(index), false)
		if up {
			t.lower(index)
		}
	}
	t.editLink(index, func(l *route.Link) { l.Master = master })
	if vrf && up {
		t.raise(index)
	}
	return nil
}

// carrierOf reports whether a device that is up has a carrier: a veth where its peer is
// up too; of others it is taken for granted.
func (t *tx) carrierOf(l *route.Link) bool {
	if l.Kind != "veth" || l.PeerNetNS >= 0 {
		return true
	}
	p := t.link(l.Peer)
	return p == nil || p.Up()
}

// The operational states (IF_OPER_*).
const (
	operUnknown        = 0
	operDown           = 2
	operLowerLayerDown = 3
	operUp             = 6
)

// setCarrier sets the flags and the state of a device that is up.
func (t *tx) setCarrier(index int, has bool) {
	t.editLink(index, func(l *route.Link) {
		l.Flags &^= route.LinkRunning | route.LinkLowerUp
		if has {
			l.Flags |= route.LinkRunning | route.LinkLowerUp
		}
		switch {
		case l.Flags&route.LinkLoopback != 0:
			l.OperState = operUnknown
		case has:
			l.OperState = operUp
		case l.Kind == "veth":
			l.OperState = operLowerLayerDown
		default:
			l.OperState = operDown
		}
	})
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
	t.peerFollows(index)
}

// peerFollows gives the other end of a veth its carrier, or takes it.
func (t *tx) peerFollows(index int) {
	l := t.link(index)
	if l.Kind != "veth" || l.PeerNetNS >= 0 {
		return
	}
	p := t.link(l.Peer)
	if p == nil || !p.Up() || p.Carrier() == l.Up() {
		return
	}
	t.carrier(p.Index, l.Up())
}

// carrier gives a device that is up its carrier, or takes it.
func (t *tx) carrier(index int, has bool) {
	ready := t.isReady6(t.link(index))
	t.setCarrier(index, has)
	if !has {
		t.setReady(index, true)
	}
	t.changed(index, ready)
}

// changed is what follows when something of a device that is up was changed
// (NETDEV_CHANGE). ready says that it had a carrier since it went up.
func (t *tx) changed(index int, ready bool) {
	l := t.link(index)
	if !l.Carrier() {
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
	t.syncDown4(index, linkDown, false)
	t.lower6(l, false)
	t.flushObjects(index, linkDown)
	t.forgetNeighbours(index)
	t.peerFollows(index)
}

// forgetNeighbours empties a device's neighbour table, but for permanent entries.
func (t *tx) forgetNeighbours(index int) {
	s := t.own()
	s.Neighbours = slices.DeleteFunc(slices.Clone(s.Neighbours), func(n route.Neighbour) bool {
		return n.Link == index && n.State != route.NeighbourPermanent
	})
}

// undeletable are kinds of devices that RTM_DELLINK does not take.
func undeletable(l *route.Link) bool { return l.Kind == "" }

// deleteLink deletes a device, and a veth's other end.
func (t *tx) deleteLink(l *route.Link) *Refusal {
	if undeletable(l) {
		return refuse(route.EOPNOTSUPP, "")
	}
	gone := []int{l.Index}
	if l.Kind == "veth" && l.PeerNetNS < 0 && t.link(l.Peer) != nil {
		gone = append(gone, l.Peer)
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
	t.attachRules()
	return nil
}
