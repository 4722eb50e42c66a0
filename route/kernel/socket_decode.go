package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"routewhy/route"
)

// Sizes of struct inet_diag_msg and struct inet_diag_req_v2, and the
// attributes that are read (linux/inet_diag.h).
const (
	sizeofInetDiagMsg   = 72
	sizeofInetDiagReqV2 = 56

	inetDiagSkV6Only = 11
	inetDiagMark     = 15
	inetDiagSockopt  = 22
)

// transparentBit is the bit of `transparent` in the first byte of struct inet_diag_sockopt.
// It is the sixth of eight bits. Compilers count the bits from the lowest one, or on
// big-endian machines from the highest one.
func transparentBit() byte {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return 1 << 5
	}
	return 1 << 2
}

// decodeSocket decodes struct inet_diag_msg and its attributes. The message does not have
// the protocol: it is the one that was asked for. Marked says whether the message has the
// mark.
func decodeSocket(b []byte) (s route.Socket, marked bool, err error) {
	if len(b) < sizeofInetDiagMsg {
		return s, false, fmt.Errorf("inet_diag_msg of %d bytes", len(b))
	}
	s.Family = familyOf(b[0])
	if s.Family == 0 {
		return s, false, fmt.Errorf("inet_diag_msg of family %d", b[0])
	}
	s.State = route.SocketState(b[1])
	n := s.Family.Bits() / 8
	local, _ := netip.AddrFromSlice(b[8 : 8+n])
	remote, _ := netip.AddrFromSlice(b[24 : 24+n])
	s.Local = netip.AddrPortFrom(local, binary.BigEndian.Uint16(b[4:]))
	s.Remote = netip.AddrPortFrom(remote, binary.BigEndian.Uint16(b[6:]))
	s.Link = int(int32(binary.NativeEndian.Uint32(b[40:])))
	s.UID = binary.NativeEndian.Uint32(b[64:])
	s.Inode = binary.NativeEndian.Uint32(b[68:])
	a := attrs{rest: b[sizeofInetDiagMsg:]}
	for a.next() {
		switch a.typ {
		case inetDiagSkV6Only:
			s.V6Only = a.u8() != 0
		case inetDiagMark:
			s.Mark, marked = a.u32(), true
		case inetDiagSockopt:
			s.Transparent = len(a.data) > 0 && a.data[0]&transparentBit() != 0
		}
	}
	return s, marked, a.err
}

// socketRequest is struct inet_diag_req_v2, which says which sockets to dump. If the
// local port, in network byte order, is not zero, the kernel dumps only sockets with
// that port (inet_diag_dump_icsk, udp_dump).
func socketRequest(f route.Family, proto uint8, states uint32, port uint16) []byte {
	b := make([]byte, sizeofInetDiagReqV2)
	b[0], b[1] = afOf(f), proto
	binary.NativeEndian.PutUint32(b[4:], states)
	binary.BigEndian.PutUint16(b[8:], port)
	// No cookie: any socket.
	binary.NativeEndian.PutUint32(b[48:], ^uint32(0))
	binary.NativeEndian.PutUint32(b[52:], ^uint32(0))
	return b
}
