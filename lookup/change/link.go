package change

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// apply does what do_setlink and rtnl_dellink in net/core/rtnetlink.c do.
func (c *Link) apply(t *tx) *Refusal {
	if len(c.Name) > maxName {
		return refuse(route.ERANGE, "Attribute failed policy validation")
	}
	l := t.link(c.Index)
	if l == nil {
		if c.Verb == Delete && c.Index == 0 { // rtnl_dellink
			return refuse(route.EINVAL, "")
		}
		return refuse(route.ENODEV, "")
	}
	if c.Verb == Delete {
		return t.deleteLink(l)
	}
	if no := t.checkAddrGen(l, c.AddrGen); no != nil {
		return no
	}
	t.partly = true // what is done before a refusal stays (do_setlink)
	told, no := c.modify(t, l)
	if l := t.link(c.Index); told && l.Up() {
		t.changed(c.Index, t.isReady6(l))
	}
	return no
}

// modify makes the parts of a change one after the other, in the kernel's order. It also
// says whether a change of the device's state is reported (netdev_state_change): that of its
// group is, but not that it belongs to another device (DO_SETLINK_NOTIFY and
// DO_SETLINK_MODIFIED).
func (c *Link) modify(t *tx, l *route.Link) (told bool, _ *Refusal) {
	if c.Address != nil {
		if !ethernet(l) { // it has no hardware address (dev_set_mac_address)
			return false, refuse(route.EOPNOTSUPP, "")
		}
		if badAddress(c.Address) {
			return false, refuse(route.EADDRNOTAVAIL, "")
		}
		t.ownAddress(c.Index, c.Address)
		for _, x := range t.snap.Links {
			if x.Kind == "vlan" && x.Peer == c.Index && x.PeerNetNS < 0 {
				t.forgetHardware(x.Index)
			}
		}
		t.readdress(c.Index, netip.Addr{})
		if l.Kind == "bridge" { // br_set_mac_address
			t.choosePorts(c.Index)
		}
	}
	if c.MTU != nil && *c.MTU != l.MTU {
		if no := t.setMTU(c.Index, *c.MTU); no != nil {
			return false, no
		}
		t.givenMTU(c.Index)
	}
	if c.Group != nil {
		t.editLink(c.Index, func(l *route.Link) { l.Group = *c.Group })
		told = true
	}
	if c.Name != "" && (c.Name != l.Name || !t.kernel.renamesUp) {
		if no := t.rename(c.Index, c.Name); no != nil {
			return told, no
		}
	}
	if no := c.setFlags(t); no != nil {
		return told, no
	}
	if c.Master != nil && *c.Master != t.link(c.Index).Master {
		if no := t.enslave(c.Index, *c.Master); no != nil {
			return told, no
		}
	}
	if l := t.link(c.Index); c.Carrier != route.Unknown {
		if l.Kind != "dummy" && l.Kind != "tun" && l.Kind != "tap" {
			return told, refuse(route.EOPNOTSUPP, "")
		}
		has := c.Carrier == route.Yes
		if has && l.Kind == "tun" && !t.isOpen(l) {
			return told, refuse(route.EPERM, "")
		}
		switch {
		case !l.Up():
			t.setIdle(c.Index, c.Carrier)
		case l.Carrier() != has:
			t.carrier(c.Index, has)
		}
	}
	if c.ChoosesPorts && l.Kind == "bridge" {
		t.choosePorts(c.Index)
	}
	if c.AddrGen != nil {
		t.setAddrGen(c.Index, *c.AddrGen)
	}
	return told, nil
}

// isOpen reports whether a program has a TUN device open (tun_net_change_carrier). Then it
// has a carrier, unless a request took that away. One that was read without is taken for one
// that no program has open.
func (t *tx) isOpen(l *route.Link) bool {
	was := t.first.Snapshot().Link(l.Index)
	return !lacksCarrier(l) || was != nil && was.Kind == l.Kind && !lacksCarrier(was)
}

// lacksCarrier reports whether a device is known to have no carrier.
func lacksCarrier(l *route.Link) bool {
	return l.Up() && !l.Carrier() || l.IdleCarrier == route.No
}

// setFlags is dev_change_flags.
func (c *Link) setFlags(t *tx) *Refusal {
	before := t.link(c.Index).Flags & route.LinkNoARP
	switch c.ARP {
	case route.Yes:
		t.editLink(c.Index, func(l *route.Link) { l.Flags &^= route.LinkNoARP })
	case route.No:
		t.editLink(c.Index, func(l *route.Link) { l.Flags |= route.LinkNoARP })
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
	if l := t.link(c.Index); l.Up() && l.Flags&route.LinkNoARP != before {
		t.changedARP(l)
	}
	return nil
}

// changedARP does what follows when a device that is up asks for link-layer addresses from
// now on, or no more. All neighbours go, and the change of the flags is reported as any other
// (__dev_notify_flags), although the carrier stays. If the device was ready, IPv6 announces
// its addresses again (arp_netdev_event, ndisc_netdev_event, addrconf_dad_run).
func (t *tx) changedARP(l *route.Link) {
	t.forgetNeighbours(route.IPv4, l.Index, true)
	t.forgetNeighbours(route.IPv6, l.Index, true)
	ready := t.isReady6(l)
	t.changed(l.Index, ready)
	if !ready || !l.Carrier() || !l.HasIPv6() || t.setting(route.IPv6, l.Name, "disable_ipv6") != 0 {
		return
	}
	for _, a := range slices.Clone(t.snap.Addrs) {
		if a.Link == l.Index && a.Prefix.Addr().Is6() && a.Flags&route.AddrTentative == 0 {
			t.announce6(l, &a)
		}
	}
}

// editLink changes the known properties of a device.
func (t *tx) editLink(index int, edit func(*route.Link)) {
	s := t.own()
	s.Links = slices.Clone(s.Links)
	edit(s.Link(index))
}

// losesIPv4 removes everything of IPv4 from a device (inetdev_destroy). If the device stays,
// its routes go with its last address, as when it goes down: where it has none, they stay.
func (t *tx) losesIPv4(l *route.Link, stays bool) {
	if stays && len(t.addrs4(l.Index)) == 0 {
		t.forgetNeighbours(route.IPv4, l.Index, true)
		return
	}
	for at := t.addrs4(l.Index); len(at) > 0; at = t.addrs4(l.Index) {
		t.deleteAddr4(at[0], true)
	}
	if !stays {
		t.disable4(l.Index, linkGone, true)
	}
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

// relabel is the new label of a device's n-th address after the device gets another
// name (inetdev_changename).
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

// renamed are the settings after a device gets another name.
func renamed(s route.Sysctls, old, name string) route.Sysctls {
	next := make(route.Sysctls, len(s))
	for path, v := range s {
		switch f, dev, key, ok := confOf(path); {
		case ok && dev == old:
			path = route.ConfPath(f, name, key)
		case ok && dev == name: // it belongs to a device that does not exist any more
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

// raise sets a device up (NETDEV_UP).
func (t *tx) raise(index int) {
	has := t.carrierOf(t.link(index))
	t.editLink(index, func(l *route.Link) { l.Flags |= route.LinkUp })
	t.setCarrier(index, has)
	l := t.link(index)
	if l.Kind == "wireguard" && t.snap.HasIPv4(l) { // wg_open
		for _, dev := range []string{l.Name, allDevices} {
			if _, read := t.snap.Sysctls.Conf(route.IPv4, dev, "send_redirects"); read {
				t.setConf(route.IPv4, dev, "send_redirects", 0)
			}
		}
	}
	if l.Flags&route.LinkLoopback != 0 && t.snap.HasIPv4(l) {
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

// changed does what follows after a property of a device that is up was changed
// (NETDEV_CHANGE). ready says that the device had a carrier since it went up.
func (t *tx) changed(index int, ready bool) {
	l := t.link(index)
	if !l.Carrier() {
		for _, f := range []route.Family{route.IPv4, route.IPv6} {
			t.forgetNeighbours(f, index, false)
		}
		if t.snap.HasIPv4(l) {
			t.syncDown4(index, linkCarrier, false)
		}
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
	idle := t.closedCarrier(t.link(index))
	if idle == route.No {
		t.look(index)
	}
	t.editLink(index, func(l *route.Link) {
		l.Flags &^= route.LinkUp | route.LinkRunning | route.LinkLowerUp
		l.OperState, l.IdleCarrier = operDown, idle
	})
	l := t.link(index)
	if t.snap.HasIPv4(l) { // otherwise its IPv4 routes stay (fib_netdev_event)
		t.disable4(index, linkDown, false)
	}
	t.lower6(l, false)
	t.flushObjects(index, linkDown)
	t.follow(index)
}

// undeletable reports whether a device is of a kind that RTM_DELLINK refuses.
func undeletable(l *route.Link) bool { return l.Kind == "" }

// deleteLink deletes a device, and the other end of a veth.
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
		t.losesIPv4(l, false)
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
		t.dropSettings(route.IPv4, t.link(index).Name)
		t.dropSettings(route.IPv6, t.link(index).Name)
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
			t.forgetHardware(m)
			t.choosePorts(m)
			t.adjustMTU(m)
		}
	}
	t.attachRules()
	return nil
}

// releasePorts takes the devices out of a VRF that is deleted (vrf_dellink).
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

// dropSettings forgets a device's settings of a family.
func (t *tx) dropSettings(f route.Family, name string) {
	s := t.own()
	s.Sysctls, t.sysctlsMine = maps.Clone(s.Sysctls), true
	maps.DeleteFunc(s.Sysctls, func(path, _ string) bool {
		of, dev, _, ok := confOf(path)
		return ok && of == f && dev == name
	})
}

// goWith adds to devices those that are deleted with them: the other end of a veth, and
// the devices on top of one.
func (t *tx) goWith(gone []int) []int {
	for n := 0; n < len(gone); n++ {
		l := t.link(gone[n])
		for i := range t.snap.Links {
			x := &t.snap.Links[i]
			with := l.Kind == "veth" && l.PeerNetNS < 0 && l.Peer == x.Index || x.Stacked() && x.PeerNetNS < 0 && x.Peer == l.Index
			if with && !slices.Contains(gone, x.Index) {
				gone = append(gone, x.Index)
			}
		}
	}
	return gone
}
