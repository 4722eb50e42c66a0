package kernel

import (
	"encoding/binary"
	"net/netip"

	"routewhy/route"
)

// Messages and attributes of linux/genetlink.h and linux/wireguard.h. The keys that a
// message has are not read.
const (
	genlController    = 0x10 // GENL_ID_CTRL
	ctrlGetFamily     = 3
	ctrlAttrID        = 1
	ctrlAttrName      = 2
	sizeofGenlMsghdr  = 4
	wgGetDevice       = 0
	wgDeviceLink      = 1
	wgDevicePort      = 6
	wgDeviceMark      = 7
	wgDevicePeers     = 8
	wgPeerEndpoint    = 4
	wgPeerAllowed     = 9
	wgAllowedAddr     = 2
	wgAllowedBits     = 3
	wireGuardFamily   = "wireguard"
	wireGuardKind     = "wireguard"
	sizeofSockaddrIn  = 16
	sizeofSockaddrIn6 = 28
)

// genlRequest is struct genlmsghdr.
func genlRequest(cmd byte) []byte { return []byte{cmd, 1, 0, 0} }

// genlFamily decodes one family of generic netlink.
func genlFamily(msg []byte) (id uint16, name string) {
	if len(msg) < sizeofGenlMsghdr {
		return 0, ""
	}
	for a := (attrs{rest: msg[sizeofGenlMsghdr:]}); a.next(); {
		switch a.typ {
		case ctrlAttrID:
			id = a.u16()
		case ctrlAttrName:
			name = a.str()
		}
	}
	return id, name
}

// decodeWireGuard adds what a message says of a device. A device with many peers takes
// several messages. Port is the port that it listens on.
func decodeWireGuard(into *route.WireGuard, port *uint16, msg []byte) error {
	if len(msg) < sizeofGenlMsghdr {
		return errMessageShort
	}
	a := attrs{rest: msg[sizeofGenlMsghdr:]}
	for a.next() {
		switch a.typ {
		case wgDevicePort:
			*port = a.u16()
		case wgDeviceMark:
			into.Mark = a.u32()
		case wgDevicePeers:
			peers := attrs{rest: a.data}
			for peers.next() {
				peer := attrs{rest: peers.data}
				for peer.next() {
					switch e := sockaddr(peer.data); {
					case peer.typ == wgPeerAllowed:
						allowed := attrs{rest: peer.data}
						decodeAllowed(into, &allowed)
						peer.nested(&allowed)
					case peer.typ == wgPeerEndpoint && e.IsValid() && len(into.Endpoints) < maxMarkers:
						into.Endpoints = append(into.Endpoints, e)
					}
				}
				peers.nested(&peer)
			}
			a.nested(&peers)
		}
	}
	return a.err
}

// decodeAllowed adds the destinations that a peer takes.
func decodeAllowed(into *route.WireGuard, all *attrs) {
	for all.next() {
		var addr netip.Addr
		bits := -1
		one := attrs{rest: all.data}
		for one.next() {
			switch one.typ {
			case wgAllowedAddr:
				addr, _ = netip.AddrFromSlice(one.data)
			case wgAllowedBits:
				bits = int(one.u8())
			}
		}
		all.nested(&one)
		if p := netip.PrefixFrom(addr, bits); p.IsValid() {
			into.Allowed = append(into.Allowed, p.Masked())
		}
	}
}

// sockaddr is struct sockaddr_in or sockaddr_in6; the zero AddrPort: it is neither.
func sockaddr(b []byte) netip.AddrPort {
	if len(b) < sizeofSockaddrIn {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch family := binary.NativeEndian.Uint16(b); {
	case family == afInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case family == afInet6 && len(b) >= sizeofSockaddrIn6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port)
	}
	return netip.AddrPort{}
}
