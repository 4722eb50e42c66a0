package route

import (
	"net/netip"
	"time"
)

// LoopbackIndex is the index of lo in every network namespace
// (LOOPBACK_IFINDEX).
const LoopbackIndex = 1

// Link is a network device.
type Link struct {
	Index int
	Name  string
	Flags LinkFlags
	// Kind is the device's driver kind (veth, vrf, wireguard…); empty for
	// hardware.
	Kind string
	// Group is the interface group; zero is the default group.
	Group uint32
	MTU   uint32
	// Master is the index of the bridge, bond or VRF that the device belongs
	// to; zero: none.
	Master int
	// VRFTable is the table of a device of kind vrf.
	VRFTable Table
	// Peer is the index of the other end of a veth or of the lower device;
	// zero: none. PeerNetNS is the namespace ID it is in; -1: the same.
	Peer      int
	PeerNetNS int
	// OperState is the RFC 2863 state as the kernel gives it (IF_OPER_*).
	OperState uint8
}

// LinkFlags are device flags (IFF_*).
type LinkFlags uint32

// The device flags that have a meaning here.
const (
	LinkUp          LinkFlags = 0x1 // administratively up
	LinkLoopback    LinkFlags = 0x8
	LinkPointopoint LinkFlags = 0x10
	LinkRunning     LinkFlags = 0x40
	LinkNoARP       LinkFlags = 0x80
	LinkLowerUp     LinkFlags = 0x10000 // has carrier
)

// Up says whether the device is administratively up.
func (l *Link) Up() bool { return l.Flags&LinkUp != 0 }

// Carrier says whether the device is up and its lower layer is too.
func (l *Link) Carrier() bool { return l.Flags&(LinkUp|LinkLowerUp) == LinkUp|LinkLowerUp }

// Addr is an address of this host.
type Addr struct {
	Link int
	// Addr and Prefix are the address with the prefix length that was
	// configured: 192.0.2.2 in 192.0.2.2/24. Prefix is not masked.
	Prefix netip.Prefix
	// Peer is the other end of a point-to-point address; the zero Prefix: none.
	Peer      netip.Prefix
	Broadcast netip.Addr
	Scope     Scope
	Flags     AddrFlags
	Label     string
	// PreferredLft is zero for a deprecated address; ForeverLft: no limit.
	PreferredLft time.Duration
	ValidLft     time.Duration
	Protocol     uint8
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
	Link  int
	Addr  netip.Addr
	State NeighbourState
}

// AddrLabel is an entry of the RFC 6724 policy table (ip-addrlabel(8)).
type AddrLabel struct {
	Prefix netip.Prefix
	Label  uint32
	Link   int // zero: every device
}
