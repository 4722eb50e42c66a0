package kernel

import (
	"encoding/binary"
	"slices"
)

// Messages are written here as their parts: first the header's bytes, then the
// attributes.

func attr(typ uint16, parts ...[]byte) []byte {
	return appendAttr(nil, typ, slices.Concat(parts...))
}

func attr8(typ uint16, v uint8) []byte   { return attr(typ, []byte{v}) }
func attr16(typ uint16, v uint16) []byte { return attr(typ, u16(v)) }
func attr32(typ uint16, v uint32) []byte { return attr(typ, u32(v)) }

func u16(v uint16) []byte  { return binary.NativeEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte  { return binary.NativeEndian.AppendUint32(nil, v) }
func be32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
func be64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// routeMessage is a struct rtmsg with attributes.
func routeMessage(hdr [8]byte, flags uint32, attrs ...[]byte) []byte {
	return append(slices.Concat(hdr[:], u32(flags)), slices.Concat(attrs...)...)
}

// ruleMessage is a struct fib_rule_hdr with attributes.
func ruleMessage(hdr [8]byte, flags uint32, attrs ...[]byte) []byte {
	return routeMessage(hdr, flags, attrs...)
}

// nextHopMessage is a struct nhmsg with attributes.
func nextHopMessage(hdr [4]byte, flags uint32, attrs ...[]byte) []byte {
	return append(slices.Concat(hdr[:], u32(flags)), slices.Concat(attrs...)...)
}

// hop is a struct rtnexthop with attributes.
func hop(flags, hops uint8, link uint32, attrs ...[]byte) []byte {
	inner := slices.Concat(attrs...)
	b := u16(uint16(sizeofRtNexthop + len(inner)))
	b = append(b, flags, hops)
	return append(append(b, u32(link)...), inner...)
}

func ipBytes(s string) []byte { return addr(s).AsSlice() }
