package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"routewhy/route"
)

// Sizes of the netlink header and of an attribute's, and the bits of an
// attribute's type that are flags (linux/netlink.h).
const (
	sizeofNlMsghdr = 16
	sizeofAttr     = 4
	attrTypeMask   = 0x3fff
)

// attrs walks through the attributes in rest, one at each call of next, and does
// not allocate. The first fault ends the walk and stays in err. The getters decode
// the current attribute and report faults in the same way.
type attrs struct {
	rest []byte
	typ  uint16
	data []byte
	err  error
}

func (a *attrs) next() bool {
	if a.err != nil || len(a.rest) == 0 {
		return false
	}
	if len(a.rest) < sizeofAttr {
		a.err = fmt.Errorf("%d bytes after the last attribute", len(a.rest))
		return false
	}
	n := int(binary.NativeEndian.Uint16(a.rest))
	a.typ = binary.NativeEndian.Uint16(a.rest[2:]) & attrTypeMask
	if n < sizeofAttr || n > len(a.rest) {
		a.err = fmt.Errorf("attribute %d claims %d of %d bytes", a.typ, n, len(a.rest))
		return false
	}
	a.data = a.rest[sizeofAttr:n]
	a.rest = a.rest[min(align(n), len(a.rest)):]
	return true
}

// align rounds a length up to where the next attribute or message starts.
func align(n int) int { return (n + 3) &^ 3 }

// has reports whether the attribute has n bytes; otherwise the walk ends.
func (a *attrs) has(n int) bool {
	if len(a.data) == n {
		return true
	}
	if a.err == nil {
		a.err = fmt.Errorf("attribute %d has %d bytes, not %d", a.typ, len(a.data), n)
	}
	return false
}

// nested takes over the fault of a walk inside the attribute, if there is one.
func (a *attrs) nested(inner *attrs) {
	if inner.err != nil && a.err == nil {
		a.err = fmt.Errorf("attribute %d: %w", a.typ, inner.err)
	}
}

func (a *attrs) u8() uint8 {
	if !a.has(1) {
		return 0
	}
	return a.data[0]
}

func (a *attrs) u16() uint16 {
	if !a.has(2) {
		return 0
	}
	return binary.NativeEndian.Uint16(a.data)
}

func (a *attrs) u32() uint32 {
	if !a.has(4) {
		return 0
	}
	return binary.NativeEndian.Uint32(a.data)
}

func (a *attrs) be32() uint32 {
	if !a.has(4) {
		return 0
	}
	return binary.BigEndian.Uint32(a.data)
}

func (a *attrs) be64() uint64 {
	if !a.has(8) {
		return 0
	}
	return binary.BigEndian.Uint64(a.data)
}

// str is a NUL-terminated string.
func (a *attrs) str() string {
	s, _, _ := bytes.Cut(a.data, []byte{0})
	return string(s)
}

// addr is an address of the given family.
func (a *attrs) addr(f route.Family) netip.Addr {
	if !a.has(f.Bits() / 8) {
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(a.data)
	return addr
}

// prefix is the network part of an address.
func (a *attrs) prefix(f route.Family, bits uint8) netip.Prefix {
	p, err := a.addr(f).Prefix(int(bits))
	if err != nil && a.err == nil {
		a.err = fmt.Errorf("attribute %d: a prefix of %d bits", a.typ, bits)
	}
	return p
}

// rulePrefix is a prefix of a rule. The kernel keeps the bits after its length, and compares
// them where a rule is deleted (fib4_rule_compare).
func (a *attrs) rulePrefix(f route.Family, bits uint8) netip.Prefix {
	p := netip.PrefixFrom(a.addr(f), int(bits))
	if !p.IsValid() && a.err == nil {
		a.err = fmt.Errorf("attribute %d: a prefix of %d bits", a.typ, bits)
	}
	return p
}

// via is a next hop of any family (struct rtvia).
func (a *attrs) via() netip.Addr {
	if len(a.data) < 2 {
		a.has(2)
		return netip.Addr{}
	}
	f := familyOf(uint8(binary.NativeEndian.Uint16(a.data)))
	if f == 0 || len(a.data)-2 < f.Bits()/8 {
		a.err = fmt.Errorf("attribute %d: a gateway of family %d in %d bytes",
			a.typ, binary.NativeEndian.Uint16(a.data), len(a.data))
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(a.data[2 : 2+f.Bits()/8])
	return addr
}

// unknown is an unchanged copy of the attribute.
func (a *attrs) unknown() route.Attr {
	return route.Attr{Type: a.typ, Data: bytes.Clone(a.data)}
}

// Address families, numbered as in netlink messages.
const (
	afInet  = 2
	afInet6 = 10
)

// familyOf translates an AF_* number; zero for any other family.
func familyOf(af uint8) route.Family {
	switch af {
	case afInet:
		return route.IPv4
	case afInet6:
		return route.IPv6
	}
	return 0
}

// afOf is the reverse; zero, AF_UNSPEC, stands for both families.
func afOf(f route.Family) uint8 {
	switch f {
	case route.IPv4:
		return afInet
	case route.IPv6:
		return afInet6
	}
	return 0
}

// appendAttr appends one attribute to a message.
func appendAttr(b []byte, typ uint16, data []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(sizeofAttr+len(data)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, data...)
	return append(b, make([]byte, align(len(data))-len(data))...)
}

// appendAttr32 appends an attribute that is a number in host order.
func appendAttr32(b []byte, typ uint16, v uint32) []byte {
	return appendAttr(b, typ, binary.NativeEndian.AppendUint32(nil, v))
}
