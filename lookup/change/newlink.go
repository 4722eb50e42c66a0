package change

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// NewLink makes a device (RTM_NEWLINK with a kind).
type NewLink struct {
	// Name is the name of the device; empty: the kernel chooses one by the kind.
	Name string
	// Kind is the kind of the device's driver, IFLA_INFO_KIND. For `ip tuntap` it is
	// tun or tap.
	Kind string
	// Lower is the index of the device below it; zero: there is none.
	Lower int
	// MTU is zero if the device has the usual MTU of its kind.
	MTU    uint32
	Group  uint32
	Master int
	Up     bool
	// Address is the hardware address; nil: a random one, or none.
	Address []byte
	// VLAN is the ID of a device of kind vlan.
	VLAN uint16
	// Table is the table of a VRF.
	Table route.Table
	// PointToPoint says that a tunnel has exactly one other end.
	PointToPoint bool
	// Local and Remote are the outer addresses of a tunnel's packets; the zero Addr: none is
	// given.
	Local, Remote netip.Addr
	// Index is the index that the device is to have; zero: the kernel chooses it.
	Index int
	// AddrGen and ChoosesPorts are as those of a [Link].
	AddrGen      *uint8
	ChoosesPorts bool
	// Peer is the other end of a veth. Its Kind is ignored.
	Peer *NewLink
}

// kind is what is usual for one kind of device.
type kind struct {
	mtu   uint32
	flags route.LinkFlags
}

// The device flags that decide nothing here.
const (
	linkBroadcast route.LinkFlags = 0x2
	linkPromisc   route.LinkFlags = 0x100
	linkAllMulti  route.LinkFlags = 0x200
	linkMaster    route.LinkFlags = 0x400
	linkSlave     route.LinkFlags = 0x800
	linkMulticast route.LinkFlags = 0x1000
)

func kinds() map[string]kind {
	const ether = linkBroadcast | linkMulticast
	const tunnel = route.LinkPointopoint | route.LinkNoARP
	plain, bonded := kind{1500, ether}, kind{1500, ether | linkMaster}
	quiet := kind{1500, linkBroadcast | route.LinkNoARP}
	return map[string]kind{
		"veth": plain, "bridge": plain, "dummy": quiet, "vlan": plain, "macvlan": plain, "macvtap": plain, "ipvlan": {1500, ether | route.LinkNoARP},
		"bond": bonded, "team": plain, "ifb": quiet, vrfKind: {65575, linkMaster | route.LinkNoARP}, "vxlan": plain, "geneve": plain,
		"wireguard": {1420, tunnel}, "tun": {1500, tunnel | linkMulticast}, "tap": plain, "ipip": {1480, route.LinkNoARP}, "sit": {1480, route.LinkNoARP},
		"gre": {1476, route.LinkNoARP}, "gretap": {1462, ether}, "vti": {1480, route.LinkNoARP}, "ip6tnl": {1452, route.LinkNoARP}, "ip6gre": {1448, route.LinkNoARP},
		"xfrm": {1500, route.LinkNoARP}, "nlmon": {3776, route.LinkNoARP},
	}
}

// apply does what rtnl_newlink in net/core/rtnetlink.c does.
func (c *NewLink) apply(t *tx) *Refusal {
	if len(c.Name) > maxName {
		return refuse(route.ERANGE, "Attribute failed policy validation")
	}
	if c.Name != "" && t.snap.LinkByName(c.Name) != nil {
		return refuse(route.EEXIST, "")
	}
	k, known := kinds()[c.Kind]
	if !known {
		return refuse(route.EOPNOTSUPP, "Unknown device type")
	}
	below := c.Lower
	if l := t.link(below); l != nil && l.Kind == "macvlan" && c.Kind == "macvlan" {
		below = l.Peer // they are all on top of the same device
	}
	lower := t.link(below)
	if no := c.check(t, lower); no != nil {
		return no
	}
	if no := c.checkFirst(t, k); no != nil {
		return no
	}
	if c.Peer != nil && c.Peer.Name != "" && (t.snap.LinkByName(c.Peer.Name) != nil || c.Peer.Name == c.Name) {
		return refuse(route.EEXIST, "")
	}
	if lower != nil && c.MTU == 0 {
		k.mtu = lower.MTU
	}
	if c.Kind == "vlan" { // vlan_dev_init
		k.flags = lower.Flags &^ (route.LinkUp | route.LinkRunning | route.LinkLowerUp | linkMaster | linkSlave | linkPromisc | linkAllMulti)
	}
	if c.Peer != nil && c.Peer.Up { // at that time it has no other end yet
		return refuse(route.ENOTCONN, "")
	}
	peer := 0
	if c.Peer != nil {
		peer = t.makeLink(c.Peer, "veth", k, 0)
	}
	index := t.makeLink(c, c.Kind, k, cmp.Or(peer, below))
	if peer != 0 {
		t.editLink(peer, func(l *route.Link) { l.Peer = index })
	}
	t.attachRules()
	if c.Kind == vrfKind && !t.hadVRF {
		t.makeVRFRules()
	}
	for _, n := range []struct {
		made  *NewLink
		index int
	}{{c.Peer, peer}, {c, index}} {
		if n.made == nil {
			continue
		}
		if n.made.Up {
			t.raise(n.index)
		}
		if n.made.Master != 0 && n.made == c { // veth_newlink leaves out the other end's
			if no := t.enslave(n.index, n.made.Master); no != nil {
				return no
			}
		}
	}
	return nil
}

// makeVRFRules makes the rules that come with the first VRF (vrf_add_fib_rules).
func (t *tx) makeVRFRules() {
	t.hadVRF = true
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		r := &Rule{HasPriority: true, Rule: route.Rule{
			Family: f, Priority: 1000, Action: route.ActionTable, Selector: route.Selector{L3Mdev: true},
			SuppressPrefixLen: -1, SuppressGroup: -1, Protocol: route.ProtocolKernel,
		}}
		_ = r.apply(t) // a rule that exists stays
	}
}

// check refuses what the newlink function of each kind refuses.
func (c *NewLink) check(t *tx, lower *route.Link) *Refusal {
	stands := slices.Contains([]string{"vlan", "macvlan", "macvtap", "ipvlan"}, c.Kind)
	switch {
	case c.Kind == "vlan" && c.VLAN >= 4095:
		return refuse(route.ERANGE, "8021q: Invalid VLAN id")
	case c.Kind == "vlan" && c.Lower == 0:
		return refuse(route.EINVAL, "8021q: link not specified")
	case c.Kind == "vlan" && lower == nil:
		return refuse(route.ENODEV, "8021q: link does not exist")
	case stands && c.Lower == 0:
		return refuse(route.EINVAL, "")
	case stands && lower == nil:
		return refuse(route.ENODEV, "")
	case stands && c.MTU > lower.MTU:
		return refuse(route.EINVAL, "")
	case c.Kind == "vlan" && (lower.Flags&route.LinkLoopback != 0 || !ethernet(lower) || lower.Kind == vrfKind):
		return refuse(route.EOPNOTSUPP, "8021q: VLANs not supported on device")
	case strings.HasPrefix(c.Kind, "mac") && (lower.Flags&route.LinkLoopback != 0 || !ethernet(lower) || lower.Kind == vrfKind):
		return refuse(route.EINVAL, "")
	case strings.HasPrefix(c.Kind, "mac") && isPort(t, lower):
		return refuse(route.EBUSY, "")
	case c.Kind == "vlan" && t.hasVLAN(lower.Index, c.VLAN):
		return refuse(route.EEXIST, "8021q: VLAN device already exists")
	case c.Kind == "vlan" && c.Up && !lower.Up():
		return refuse(route.ENETDOWN, "")
	case c.Kind == vrfKind && c.Table == 0:
		return refuse(route.EINVAL, "VRF table id is missing")
	case badAddress(c.Address):
		return refuse(route.EADDRNOTAVAIL, "")
	}
	return nil
}

// checkFirst refuses what is refused of every kind of device (rtnl_create_link,
// register_netdevice).
func (c *NewLink) checkFirst(t *tx, k kind) *Refusal {
	least, most := boundsMTU(&route.Link{Kind: c.Kind, Flags: k.flags})
	switch {
	case c.MTU != 0 && c.MTU < least, c.MTU > math.MaxInt32:
		return refuse(route.EINVAL, "mtu less than device minimum")
	case c.MTU > most:
		return refuse(route.EINVAL, "mtu greater than device maximum")
	case c.AddrGen != nil && *c.AddrGen == addrGenStable:
		return t.checkAddrGen(&route.Link{Name: newDevices, MTU: route.LeastMTU6}, c.AddrGen)
	case c.Index != 0 && t.link(c.Index) != nil:
		return refuse(route.EEXIST, "")
	}
	return nil
}

// hasVLAN reports whether a device is known to have a VLAN with this ID on top of it. A
// dump does not show the IDs.
func (t *tx) hasVLAN(lower int, id uint16) bool {
	return slices.ContainsFunc(t.snap.Links, func(x route.Link) bool {
		have, known := t.vlans[x.Index]
		return x.Kind == "vlan" && x.Peer == lower && known && have == id
	})
}

// isPort reports whether a device passes its frames to another device, so that no
// macvlan may be on top of it.
func isPort(t *tx, l *route.Link) bool {
	m := t.link(l.Master)
	return m != nil && m.Kind != vrfKind
}

// badAddress reports whether a hardware address is not allowed for a device
// (is_valid_ether_addr).
func badAddress(a []byte) bool {
	return len(a) == 6 && (a[0]&1 != 0 || !slices.ContainsFunc(a, func(b byte) bool { return b != 0 }))
}

// makeLink adds a device that is down.
func (t *tx) makeLink(c *NewLink, name string, k kind, peer int) int {
	s := t.own()
	index := max(c.Index, 1)
	for i := range s.Links {
		if c.Index == 0 {
			index = max(index, s.Links[i].Index+1)
		}
	}
	shown := name
	if shown == "tap" { // both are of one driver
		shown = "tun"
	}
	l := route.Link{
		Index: index, Name: c.Name, Kind: shown, Flags: k.flags, Group: c.Group, MTU: k.mtu, Peer: peer, PeerNetNS: -1, OperState: operDown, VRFTable: c.Table,
		IdleCarrier: t.firstCarrier(shown, peer), Local: c.Local, Remote: c.Remote,
	}
	if c.Kind == "bridge" && (c.ChoosesPorts || c.Address != nil) { // br_dev_newlink, br_changelink
		l.IdleCarrier = route.No
	}
	if c.MTU != 0 {
		l.MTU = c.MTU
	}
	if c.PointToPoint {
		l.Flags |= route.LinkPointopoint
	}
	if p := t.link(peer); c.Kind == "vlan" && p != nil { // it has the hardware address of the device below it (vlan_dev_init)
		l.LinkLocal = p.LinkLocal
	}
	for n := 0; l.Name == ""; n++ {
		if free := name + strconv.Itoa(n); s.LinkByName(free) == nil {
			l.Name = free
		}
	}
	s.Links = append(slices.Clone(s.Links), l)
	s.SortLinks()
	s.Order = slices.Clone(s.Order)
	for i := range s.Order {
		s.Order[i] = append(slices.Clone(s.Order[i]), index)
	}
	t.unlook(index)
	t.newSettings(l.Name, route.IPv4)
	t.newSettings(l.Name, route.IPv6)
	if l.Kind == "vlan" {
		t.vlans = with(t.vlans, index, c.VLAN)
	}
	if l.Kind == vrfKind {
		t.makeTable(route.IPv4, l.VRFTable)
		t.makeTable(route.IPv6, l.VRFTable)
	}
	t.ownAddress(index, c.Address)
	if c.AddrGen != nil {
		t.setAddrGen(index, *c.AddrGen)
	}
	return index
}

// firstCarrier is the carrier of a new device. The peer is the device below it. A TUN device
// has none before a program opens it, a veth none before both ends are up.
func (t *tx) firstCarrier(kind string, peer int) route.Tristate {
	switch {
	case bonds(kind):
		return route.Unknown
	case kind == "tun", kind == "veth":
		return route.No
	}
	l := t.link(peer)
	return answer(l == nil || t.hasCarrier(l))
}

// newSettings copies the settings below conf/default to a device, for one family. It forgets
// those that the device had before.
func (t *tx) newSettings(name string, f route.Family) {
	t.dropSettings(f, name)
	fresh := map[string]string{}
	for path, value := range t.snap.Sysctls {
		if of, dev, key, ok := confOf(path); ok && of == f && dev == newDevices {
			fresh[route.ConfPath(f, name, key)] = value
		}
	}
	// If the settings for new devices were not read, those for all devices are
	// assumed.
	for _, key := range []string{"forwarding", "disable_ipv6"} {
		if path := route.ConfPath(f, name, key); fresh[path] == "" && (f == route.IPv6 || key == "forwarding") {
			fresh[path] = strconv.Itoa(t.setting(f, allDevices, key))
		}
	}
	if _, read := t.snap.Sysctls.Conf(f, allDevices, mcForwarding); read {
		fresh[route.ConfPath(f, name, mcForwarding)] = "0"
	}
	if f == route.IPv6 {
		path := route.ConfPath(f, name, "accept_dad")
		if fresh[path] == "" {
			fresh[path] = "1"
		}
		if t.snap.LinkByName(name).Flags&route.LinkNoARP != 0 { // ipv6_add_dev
			fresh[path] = "-1"
		}
	}
	for path, value := range fresh {
		t.set(path, value)
	}
}

// ownAddress stores the link-local address that follows from a hardware address
// (addrconf_ifid_eui48).
func (t *tx) ownAddress(index int, mac []byte) {
	if a := route.LinkLocalOf(mac); a.IsValid() {
		t.editLink(index, func(l *route.Link) { l.LinkLocal = a })
		t.linkLocal = with(t.linkLocal, index, madeLocal(index, a))
	}
}

// madeLocal is a link-local address as the kernel gives it to a device.
func madeLocal(index int, a netip.Addr) route.Addr {
	return route.Addr{
		Link: index, Prefix: netip.PrefixFrom(a, 64), Scope: route.ScopeLink, Flags: route.AddrPermanent,
		ValidLft: route.ForeverLft, PreferredLft: route.ForeverLft, Protocol: protocolLinkLocal,
	}
}
