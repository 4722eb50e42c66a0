package kernel

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"

	"github.com/jsimonetti/rtnetlink/v2"

	"routewhy/route"
)

// sizeofIfInfomsg is the size of struct ifinfomsg (linux/rtnetlink.h).
const sizeofIfInfomsg = 16

// Attributes of a link (linux/if_link.h).
const (
	iflaAddress     = 1
	iflaIfName      = 3
	iflaMTU         = 4
	iflaLink        = 5
	iflaMaster      = 10
	iflaOperState   = 16
	iflaLinkInfo    = 18
	iflaAFSpec      = 26
	iflaGroup       = 27
	iflaExtMask     = 29
	iflaCarrier     = 33
	iflaLinkNetNSID = 37
	iflaPropList    = 52
	iflaAltIfName   = 53

	iflaVRFTable = 1

	iflaInetConf  = 1 // in the AF_INET part of iflaAFSpec
	iflaInet6Conf = 2 // in the AF_INET6 part
)

// extMaskSkipStats asks for links without their counters
// (RTEXT_FILTER_SKIP_STATS).
const extMaskSkipStats = 8

// decodeLink decodes the body of an RTM_NEWLINK message, as rtnl_fill_ifinfo
// (net/core/rtnetlink.c) makes it. rtnetlink.LinkMessage decodes everything except
// the peer's namespace, which it drops, and the table of a VRF, which it leaves
// undecoded. It gets only the attributes that are needed. Otherwise it would refuse
// the whole link if an attribute that is not needed is odd, such as a hardware
// address of two bytes.
func decodeLink(msg []byte) (route.Link, error) {
	if len(msg) < sizeofIfInfomsg {
		return route.Link{}, shortLink(msg)
	}
	picked, err := pickAttrs(msg, sizeofIfInfomsg, iflaIfName, iflaMTU, iflaLink,
		iflaMaster, iflaOperState, iflaLinkInfo, iflaGroup)
	if err != nil {
		return route.Link{}, err
	}
	var m rtnetlink.LinkMessage
	if err := m.UnmarshalBinary(picked); err != nil {
		return route.Link{}, err
	}
	l := route.Link{
		Index: int(int32(m.Index)),
		Flags: route.LinkFlags(m.Flags),
	}
	if m.Attributes != nil {
		err = setLinkAttributes(&l, m.Attributes)
	}
	if err == nil {
		l.PeerNetNS, err = peerNetNS(msg)
	}
	if err == nil && !l.Up() {
		l.IdleCarrier, err = carrier(msg)
	}
	if err == nil {
		l.AltNames, err = altNames(msg)
	}
	if err == nil && m.Type == arphrdEther {
		l.LinkLocal, err = linkLocalOf(msg)
	}
	return l, err
}

// arphrdEther is the type of an Ethernet device (linux/if_arp.h).
const arphrdEther = 1

// linkLocalOf is the link-local address that is made of IFLA_ADDRESS.
func linkLocalOf(msg []byte) (out netip.Addr, _ error) {
	a := attrs{rest: msg[sizeofIfInfomsg:]}
	for a.next() {
		if a.typ == iflaAddress {
			out = route.LinkLocalOf(a.data)
		}
	}
	return out, a.err
}

// altNames are the IFLA_ALT_IFNAME of a device's IFLA_PROP_LIST.
func altNames(msg []byte) ([]string, error) {
	var out []string
	a := attrs{rest: msg[sizeofIfInfomsg:]}
	for a.next() {
		if a.typ != iflaPropList {
			continue
		}
		list := attrs{rest: a.data}
		for list.next() {
			if list.typ == iflaAltIfName {
				out = append(out, string(bytes.TrimRight(list.data, "\x00")))
			}
		}
		if list.err != nil {
			return nil, list.err
		}
	}
	return out, a.err
}

func shortLink(msg []byte) error { return fmt.Errorf("a link message of %d bytes", len(msg)) }

func setLinkAttributes(l *route.Link, m *rtnetlink.LinkAttributes) error {
	l.Name = m.Name
	l.MTU = m.MTU
	l.OperState = uint8(m.OperationalState)
	l.Peer = int(int32(m.Type)) // rtnetlink's name for IFLA_LINK
	if m.NetDevGroup != nil {
		l.Group = *m.NetDevGroup
	}
	if m.Master != nil {
		l.Master = int(int32(*m.Master))
	}
	if m.Info == nil {
		return nil
	}
	l.Kind = m.Info.Kind
	data, ok := m.Info.Data.(*rtnetlink.LinkData)
	if !ok {
		return nil
	}
	ends := tunnelEnds(l.Kind)
	a := attrs{rest: data.Data}
	for a.next() {
		switch {
		case l.Kind == "vrf" && a.typ == iflaVRFTable:
			l.VRFTable = route.Table(a.u32())
		case slices.Contains(ends.local, a.typ):
			l.Local = outerAddr(l.Local, a.data)
		case slices.Contains(ends.remote, a.typ):
			l.Remote = outerAddr(l.Remote, a.data)
		case a.typ == ends.mark && a.typ != 0:
			l.Mark = a.u32()
		case a.typ == ends.lower && a.typ != 0:
			l.Peer = int(int32(a.u32()))
		}
	}
	return a.err
}

// ends are the numbers of the attributes in IFLA_INFO_DATA that hold the addresses of a
// tunnel's two ends, the mark of its packets, and the device that they leave by where
// IFLA_LINK does not have it. Zero: there is no such attribute.
type ends struct {
	local, remote []uint16
	mark, lower   uint16
}

// tunnelEnds are the ends for a kind of device (linux/if_link.h, linux/if_tunnel.h).
func tunnelEnds(kind string) ends {
	switch kind {
	case "ipip", "sit", "ip6tnl":
		return ends{[]uint16{2}, []uint16{3}, 20, 0} // IFLA_IPTUN_LOCAL, _REMOTE, _FWMARK
	case "gre", "gretap", "erspan", "ip6gre", "ip6gretap", "ip6erspan":
		return ends{[]uint16{6}, []uint16{7}, 20, 0} // IFLA_GRE_LOCAL, _REMOTE, _FWMARK
	case "vti", "vti6":
		return ends{[]uint16{4}, []uint16{5}, 6, 0} // IFLA_VTI_LOCAL, _REMOTE, _FWMARK
	case "vxlan":
		return ends{[]uint16{4, 17}, []uint16{2, 16}, 0, 3} // IFLA_VXLAN_LOCAL and _LOCAL6, _GROUP and _GROUP6, _LINK
	case "geneve":
		return ends{remote: []uint16{2, 7}} // IFLA_GENEVE_REMOTE, _REMOTE6
	}
	return ends{}
}

// outerAddr is the address of a tunnel's end. An address that is all zero is not set; then
// the result is the address that was known before.
func outerAddr(was netip.Addr, data []byte) netip.Addr {
	if a, ok := netip.AddrFromSlice(data); ok && !a.IsUnspecified() {
		return a
	}
	return was
}

// peerNetNS is IFLA_LINK_NETNSID, which is there only if the peer is in another
// namespace. If it is not there, peerNetNS is -1.
func peerNetNS(msg []byte) (int, error) {
	id := -1
	a := attrs{rest: msg[sizeofIfInfomsg:]}
	for a.next() {
		if a.typ == iflaLinkNetNSID {
			id = int(int32(a.u32()))
		}
	}
	return id, a.err
}

// carrier is IFLA_CARRIER, which is there also for a device that is down (netif_carrier_ok).
func carrier(msg []byte) (route.Tristate, error) {
	has := route.Unknown
	a := attrs{rest: msg[sizeofIfInfomsg:]}
	for a.next() {
		if a.typ != iflaCarrier || len(a.data) != 1 {
			continue
		}
		if has = route.No; a.data[0] != 0 {
			has = route.Yes
		}
	}
	return has, a.err
}

// pickAttrs copies a message's header and the attributes that are wanted.
func pickAttrs(msg []byte, header int, want ...uint16) ([]byte, error) {
	b := append(make([]byte, 0, 256), msg[:header]...)
	a := attrs{rest: msg[header:]}
	for a.next() {
		if slices.Contains(want, a.typ) {
			b = appendAttr(b, a.typ, a.data)
		}
	}
	return b, a.err
}

// linkConf holds the lists of a device's settings, one for each family. A list is nil
// if the device does not have the family. The lists have what the files in
// /proc/sys/net/ipv4/conf/DEVICE and the same folder of IPv6 show, so these files need
// not be read for each device.
type linkConf struct{ inet, inet6 []byte }

func (c *linkConf) of(f route.Family) []byte {
	if f == route.IPv4 {
		return c.inet
	}
	return c.inet6
}

// decodeLinkConf copies the settings out of the body of an RTM_NEWLINK message
// (inet_fill_link_af in net/ipv4/devinet.c, inet6_fill_ifla6_attrs in
// net/ipv6/addrconf.c).
func decodeLinkConf(msg []byte) (linkConf, error) {
	var c linkConf
	if len(msg) < sizeofIfInfomsg {
		return c, shortLink(msg)
	}
	a := attrs{rest: msg[sizeofIfInfomsg:]}
	for a.next() {
		if a.typ != iflaAFSpec {
			continue
		}
		spec := attrs{rest: a.data}
		for spec.next() {
			inner := attrs{rest: spec.data}
			for inner.next() {
				switch {
				case spec.typ == afInet && inner.typ == iflaInetConf:
					c.inet = slices.Clone(inner.data)
				case spec.typ == afInet6 && inner.typ == iflaInet6Conf:
					c.inet6 = slices.Clone(inner.data)
				}
			}
			spec.nested(&inner)
		}
		a.nested(&spec)
	}
	return c, a.err
}
