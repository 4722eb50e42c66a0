package route

import (
	"net/netip"
	"slices"
	"time"
)

// LoopbackIndex is the index of lo in every network namespace
// (LOOPBACK_IFINDEX).
const LoopbackIndex = 1

// Link is a network device.
type Link struct {
	Index int       `json:"index"`
	Name  string    `json:"name"`
	Flags LinkFlags `json:"flags"`
	// Kind is the device's driver kind (veth, vrf, wireguard…); empty for
	// hardware.
	Kind string `json:"kind,omitzero"`
	// Group is the interface group; zero is the default group.
	Group uint32 `json:"group,omitzero"`
	MTU   uint32 `json:"mtu,omitzero"`
	// Master is the index of the bridge, bond or VRF that the device belongs
	// to; zero: none.
	Master int `json:"master,omitzero"`
	// VRFTable is the table of a device of kind vrf.
	VRFTable Table `json:"vrf_table,omitzero"`
	// Peer is the index of the other end of a veth or of the lower device;
	// zero: none. PeerNetNS is the ID of the namespace that Peer is in; -1: the
	// same namespace.
	Peer      int `json:"peer,omitzero"`
	PeerNetNS int `json:"peer_netns"`
	// OperState is the RFC 2863 state, as the kernel's number (IF_OPER_*).
	OperState uint8 `json:"operstate,omitzero"`
	// IdleCarrier says whether a device that is down has a carrier all the same (IFLA_CARRIER).
	// Devices on top of it see that, and many a device has the same when it is set up. Unknown:
	// the device is up, and its flags tell; or it was not read.
	IdleCarrier Tristate `json:"idle_carrier,omitzero"`
	// Local and Remote are the outer addresses of a tunnel's packets. Local is this end of
	// the tunnel. Remote is the other end, which may be a multicast group. The zero Addr:
	// none is set, or the device is not a tunnel.
	Local  netip.Addr `json:"local,omitzero"`
	Remote netip.Addr `json:"remote,omitzero"`
	// Mark is the mark with which a tunnel's packets are looked up (`fwmark`); zero: none.
	// That of a WireGuard device is in [WireGuard].
	Mark uint32 `json:"mark,omitzero"`
	// LinkLocal is the link-local address that the kernel makes of an Ethernet device's
	// hardware address (addrconf_ifid_eui48), where its addr_gen_mode is 0. The device may
	// have it or not. The zero Addr: it is no such device, or the address was not read.
	LinkLocal netip.Addr `json:"link_local,omitzero"`
	// AltNames are the device's other names (`altname`), which ip(8) accepts too.
	AltNames []string `json:"altnames,omitempty"`
}

// LinkLocalOf is the link-local address that is made of a hardware address of six bytes
// (RFC 4291 appendix A); the zero Addr: it does not have six.
func LinkLocalOf(mac []byte) netip.Addr {
	if len(mac) != 6 {
		return netip.Addr{}
	}
	b := [16]byte{0: 0xfe, 1: 0x80}
	copy(b[8:], []byte{mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]})
	return netip.AddrFrom16(b)
}

// LinkFlags are device flags (IFF_*).
type LinkFlags uint32

// The device flags that have a meaning here.
const (
	LinkUp          LinkFlags = 0x1 // administratively up
	LinkBroadcast   LinkFlags = 0x2 // it has a broadcast address, as those have on which ARP asks
	LinkLoopback    LinkFlags = 0x8
	LinkPointopoint LinkFlags = 0x10
	LinkRunning     LinkFlags = 0x40
	LinkNoARP       LinkFlags = 0x80
	LinkLowerUp     LinkFlags = 0x10000 // has carrier
)

// Up reports whether the device is administratively up.
func (l *Link) Up() bool { return l.Flags&LinkUp != 0 }

// HasIPv6 reports whether the device has IPv6 at all. It does if its MTU is at least 1280
// bytes. Lo always has IPv6, whatever its MTU is (addrconf_notify in
// net/ipv6/addrconf.c). An MTU of zero means that the MTU is not known; it is assumed to be
// large enough.
func (l *Link) HasIPv6() bool {
	return l.MTU == 0 || l.MTU >= LeastMTU6 || l.Flags&LinkLoopback != 0
}

// LeastMTU4 is the least MTU of a device that has IPv4 (IPV4_MIN_MTU).
const LeastMTU4 = 68

// LeastMTU6 is the MTU below which a device has no IPv6 (IPV6_MIN_MTU).
const LeastMTU6 = 1280

// Carrier reports whether the device is up and its lower layer is too.
func (l *Link) Carrier() bool { return l.Flags&(LinkUp|LinkLowerUp) == LinkUp|LinkLowerUp }

// Linked reports whether the device is up and its routes count as ones with a carrier. The kernel
// notices a lost carrier up to a second after the lower layer went (linkwatch_event), and only then
// changes the routes and LinkRunning (fib_netdev_event).
func (l *Link) Linked() bool {
	return l.Flags&LinkUp != 0 && l.Flags&(LinkRunning|LinkLowerUp) != 0
}

// HasPorts reports whether the device is of a kind that takes every frame that its ports
// receive (br_handle_frame, bond_handle_frame).
func (l *Link) HasPorts() bool {
	return slices.Contains([]string{"bridge", "bond", "team", "openvswitch"}, l.Kind)
}

// Stacked reports whether the device is of a kind that sends and receives by a lower device,
// which is its Peer.
func (l *Link) Stacked() bool {
	return slices.Contains([]string{"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap"}, l.Kind)
}

// Addr is an address of this host.
type Addr struct {
	Link int `json:"link"`
	// Prefix is the address together with the prefix length that was
	// configured, such as 192.0.2.2/24. It is not masked.
	Prefix netip.Prefix `json:"prefix"`
	// Peer is the other end of a point-to-point address; the zero Prefix: none.
	Peer      netip.Prefix `json:"peer,omitzero"`
	Broadcast netip.Addr   `json:"broadcast,omitzero"`
	Scope     Scope        `json:"scope"`
	Flags     AddrFlags    `json:"flags,omitzero"`
	Label     string       `json:"label,omitzero"`
	// PreferredLft is zero for a deprecated address; ForeverLft: no limit.
	PreferredLft time.Duration `json:"preferred_lft_ns,omitzero"`
	ValidLft     time.Duration `json:"valid_lft_ns,omitzero"`
	Protocol     uint8         `json:"protocol,omitzero"`
	// Metric is the metric of the route to the address's network (IFA_RT_PRIORITY). Zero:
	// the usual metric.
	Metric uint32 `json:"metric,omitzero"`
}

// ForeverLft is the lifetime of an address that does not expire.
const ForeverLft = time.Duration(0xffffffff) * time.Second

// AddrFlags are address flags (IFA_F_*).
type AddrFlags uint32

// The address flags. Secondary and Temporary share a bit: the first is IPv4's
// meaning, the second IPv6's.
const (
	AddrSecondary     AddrFlags = 0x01
	AddrTemporary     AddrFlags = 0x01
	AddrNoDAD         AddrFlags = 0x02
	AddrOptimistic    AddrFlags = 0x04
	AddrDADFailed     AddrFlags = 0x08
	AddrHomeAddress   AddrFlags = 0x10
	AddrDeprecated    AddrFlags = 0x20
	AddrTentative     AddrFlags = 0x40
	AddrPermanent     AddrFlags = 0x80
	AddrManageTemp    AddrFlags = 0x100
	AddrNoPrefixRoute AddrFlags = 0x200
	AddrMCAutoJoin    AddrFlags = 0x400
	AddrStablePrivacy AddrFlags = 0x800
)

// Neighbour is an entry of the neighbour table (ARP, NDP).
type Neighbour struct {
	Link  int            `json:"link"`
	Addr  netip.Addr     `json:"addr"`
	State NeighbourState `json:"state"`
	// Port is the port of the bridge that Link is, or is on top of, by which the neighbour is
	// reached: the bridge's forwarding table has its hardware address there. Zero: there is no
	// bridge, or it is not known.
	Port int `json:"port,omitzero"`
}

// AddrLabel is an entry of the RFC 6724 policy table (ip-addrlabel(8)).
type AddrLabel struct {
	Prefix netip.Prefix `json:"prefix"`
	Label  uint32       `json:"label"`
	Link   int          `json:"link,omitzero"` // zero: every device
}
