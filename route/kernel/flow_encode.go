package kernel

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"routewhy/route"
)

// Flags of an RTM_GETROUTE request (RTM_F_*). RTM_F_NOTIFY, 0x100, must never
// be sent: in IPv4 it stays set in the kernel's cached route.
const (
	rtmLookupTable = 0x1000
	rtmFibMatch    = 0x2000
)

// IP protocols that RTM_GETROUTE accepts (rtm_getroute_parse_ip_proto).
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// encodeFlow makes the body of an RTM_GETROUTE request. The two queries of a
// flow differ in rtm_flags only.
func encodeFlow(f *route.Flow, flags uint32) ([]byte, error) {
	if err := askable(f); err != nil {
		return nil, err
	}
	fam := f.Family()
	bits := uint8(fam.Bits())
	b := make([]byte, sizeofRtMsg, 128)
	b[0], b[1], b[3] = afOf(fam), bits, f.TOS&^3
	if f.Src.IsValid() {
		b[2] = bits
	}
	if fam == route.IPv4 { // IPv6 always tells the table, and refuses this flag
		flags |= rtmLookupTable
	}
	binary.NativeEndian.PutUint32(b[8:], flags)
	b = appendAttr(b, rtaDst, f.Dst.AsSlice())
	if f.Src.IsValid() {
		b = appendAttr(b, rtaSrc, f.Src.AsSlice())
	}
	uid := f.UID
	if f.In != 0 {
		uid = 0 // whoever asks, because the kernel looks up received packets as root's
	}
	b = appendAttr32(b, rtaUID, uid)
	for _, a := range [...]struct {
		typ uint16
		v   uint32
	}{
		{rtaIif, uint32(f.In)},
		{rtaOif, uint32(f.Out)},
		{rtaMark, f.Mark},
	} {
		if a.v != 0 {
			b = appendAttr32(b, a.typ, a.v)
		}
	}
	return appendTransport(b, f), nil
}

// appendTransport appends what the packet's upper layers say, and the flow label.
// Ports and the flow label are in network byte order.
func appendTransport(b []byte, f *route.Flow) []byte {
	if f.Proto != 0 {
		b = appendAttr(b, rtaIPProto, []byte{f.Proto})
	}
	if f.SrcPort != 0 {
		b = appendAttr(b, rtaSport, binary.BigEndian.AppendUint16(nil, f.SrcPort))
	}
	if f.DstPort != 0 {
		b = appendAttr(b, rtaDport, binary.BigEndian.AppendUint16(nil, f.DstPort))
	}
	if f.FlowLabel != 0 && f.Family() == route.IPv6 {
		b = appendAttr(b, rtaFlowLabel, binary.BigEndian.AppendUint32(nil, f.FlowLabel))
	}
	return b
}

// askable returns an error if a flow has something that a request cannot express.
func askable(f *route.Flow) error {
	fam := f.Family()
	switch {
	case fam == 0:
		return &route.NotAskedError{Why: "no destination"}
	case f.Src != netip.Addr{} && route.FamilyOf(f.Src) != fam:
		return &route.NotAskedError{Why: fmt.Sprintf("source %s and destination %s are of different families", f.Src, f.Dst)}
	case f.TunnelID != 0:
		return &route.NotAskedError{Why: "RTM_GETROUTE has no tunnel ID"}
	case f.FlowLabel >= 1<<20:
		return &route.NotAskedError{Why: fmt.Sprintf("flow label %#x has more than 20 bits", f.FlowLabel)}
	case !askableProto(fam, f.Proto):
		return &route.NotAskedError{Why: fmt.Sprintf("RTM_GETROUTE does not take IP protocol %d", f.Proto)}
	case fam == route.IPv6 && f.Bound:
		return &route.NotAskedError{Why: "RTM_GETROUTE asks without a socket that is bound to a device"}
	case fam == route.IPv6 && f.In != 0 && f.Dst.IsMulticast():
		return &route.NotAskedError{Why: "RTM_GETROUTE does not take a received IPv6 multicast packet"}
	}
	return nil
}

// askableProto reports whether a protocol can be asked about. Zero is left out of
// the request; the kernel then assumes UDP in IPv4, and no protocol in IPv6.
func askableProto(f route.Family, proto uint8) bool {
	switch proto {
	case 0, protoTCP, protoUDP:
		return true
	case protoICMP:
		return f == route.IPv4
	case protoICMPv6:
		return f == route.IPv6
	}
	return false
}
