package kernel

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"

	"routewhy/route"
)

// Sizes of struct ifaddrmsg (linux/if_addr.h), ndmsg (linux/neighbour.h) and
// ifaddrlblmsg (linux/if_addrlabel.h).
const (
	sizeofIfAddrmsg    = 8
	sizeofNdMsg        = 12
	sizeofIfAddrLblMsg = 12
)

// Attributes of an address, a neighbour and an address label.
const (
	ifaAddress   = 1
	ifaLocal     = 2
	ifaLabel     = 3
	ifaBroadcast = 4
	ifaCacheInfo = 6
	ifaFlags     = 8
	ifaPriority  = 9
	ifaProto     = 11

	ndaDst = 1

	ifalAddress = 1
	ifalLabel   = 2
)

// decodeAddr decodes the body of an RTM_NEWADDR message, as inet_fill_ifaddr
// (net/ipv4/devinet.c) and inet6_fill_ifaddr (net/ipv6/addrconf.c) make it.
// rtnetlink.AddressMessage decodes everything except IFA_PROTO and IFA_RT_PRIORITY, which it
// drops.
func decodeAddr(msg []byte) (route.Addr, error) {
	if len(msg) < sizeofIfAddrmsg {
		return route.Addr{}, fmt.Errorf("an address message of %d bytes", len(msg))
	}
	picked, err := pickAttrs(msg, sizeofIfAddrmsg,
		ifaAddress, ifaLocal, ifaLabel, ifaBroadcast, ifaCacheInfo, ifaFlags)
	if err != nil {
		return route.Addr{}, err
	}
	var m rtnetlink.AddressMessage
	if err := m.UnmarshalBinary(picked); err != nil {
		return route.Addr{}, err
	}
	if m.Attributes == nil {
		return route.Addr{}, fmt.Errorf("an address message without an address")
	}
	a := route.Addr{
		Link:  int(int32(m.Index)),
		Scope: route.Scope(m.Scope),
		Flags: route.AddrFlags(m.Attributes.Flags),
		Label: m.Attributes.Label,
	}
	if a.Flags == 0 { // before Linux 3.14
		a.Flags = route.AddrFlags(m.Flags)
	}
	setLifetimes(&a, m.Attributes.CacheInfo)
	if err := decodeAddrMore(&a, msg); err != nil {
		return a, err
	}
	return a, setAddresses(&a, familyOf(m.Family), int(m.PrefixLength), m.Attributes)
}

// setAddresses distinguishes the address from its peer. If there is an IFA_LOCAL,
// it is the address, and IFA_ADDRESS is the other end.
func setAddresses(a *route.Addr, f route.Family, bits int, m *rtnetlink.AddressAttributes) error {
	local, address := addrOf(m.Local), addrOf(m.Address)
	if !local.IsValid() {
		local = address
	}
	if route.FamilyOf(local) != f || f == 0 || bits > f.Bits() {
		return fmt.Errorf("an address message of %s with %s/%d", f, local, bits)
	}
	a.Prefix = netip.PrefixFrom(local, bits)
	if address.IsValid() && address != local {
		a.Peer = netip.PrefixFrom(address, bits)
	}
	a.Broadcast = addrOf(m.Broadcast)
	return nil
}

// addrOf converts an address as rtnetlink gives it, four bytes or 16.
func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a
}

// setLifetimes sets the lifetimes from the seconds that an address has left. All
// bits set, as in route.ForeverLft, means no limit. An address without lifetimes
// has no limit either.
func setLifetimes(a *route.Addr, c rtnetlink.CacheInfo) {
	a.PreferredLft = time.Duration(c.Preferred) * time.Second
	a.ValidLft = time.Duration(c.Valid) * time.Second
	if c == (rtnetlink.CacheInfo{}) {
		a.PreferredLft, a.ValidLft = route.ForeverLft, route.ForeverLft
	}
}

// decodeAddrMore decodes who made the address, and the metric for its network.
func decodeAddrMore(into *route.Addr, msg []byte) error {
	a := attrs{rest: msg[sizeofIfAddrmsg:]}
	for a.next() {
		switch a.typ {
		case ifaProto:
			into.Protocol = a.u8()
		case ifaPriority:
			into.Metric = a.u32()
		}
	}
	return a.err
}

// decodeNeighbour decodes the body of an RTM_NEWNEIGH message, as
// neigh_fill_info (net/core/neighbour.c) makes it, with
// rtnetlink.NeighMessage.
func decodeNeighbour(msg []byte) (route.Neighbour, error) {
	if len(msg) < sizeofNdMsg {
		return route.Neighbour{}, fmt.Errorf("a neighbour message of %d bytes", len(msg))
	}
	picked, err := pickAttrs(msg, sizeofNdMsg, ndaDst)
	if err != nil {
		return route.Neighbour{}, err
	}
	var m rtnetlink.NeighMessage
	if err := m.UnmarshalBinary(picked); err != nil {
		return route.Neighbour{}, err
	}
	n := route.Neighbour{
		Link:  int(int32(m.Index)),
		State: route.NeighbourState(m.State),
	}
	if m.Attributes != nil {
		n.Addr = addrOf(m.Attributes.Address)
	}
	if !n.Addr.IsValid() {
		return n, fmt.Errorf("a neighbour without its address")
	}
	return n, nil
}

// decodeLabel decodes the body of an RTM_NEWADDRLABEL message, as
// ip6addrlbl_fill (net/ipv6/addrlabel.c) makes it.
func decodeLabel(msg []byte) (route.AddrLabel, error) {
	if len(msg) < sizeofIfAddrLblMsg {
		return route.AddrLabel{}, fmt.Errorf("an address label message of %d bytes", len(msg))
	}
	l := route.AddrLabel{Link: int(int32(binary.NativeEndian.Uint32(msg[4:])))}
	a := attrs{rest: msg[sizeofIfAddrLblMsg:]}
	for a.next() {
		switch a.typ {
		case ifalAddress:
			l.Prefix = a.prefix(route.IPv6, msg[2])
		case ifalLabel:
			l.Label = a.u32()
		}
	}
	if a.err == nil && !l.Prefix.IsValid() {
		a.err = fmt.Errorf("an address label without its prefix")
	}
	return l, a.err
}
