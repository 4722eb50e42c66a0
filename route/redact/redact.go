// Package redact replaces what must not become public in a snapshot: public
// addresses, by others that keep the structure of prefixes, wherever they stand,
// in names too; what would tell the hardware address of a card; and the names of
// processes. Two addresses that had their first n bits in common still do, so
// every decision stays what it was (Xu, Fan, Ammar, Moon: Prefix-Preserving IP
// Address Anonymization, 2002, section 3).
package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"slices"
)

// Mapping replaces addresses. It is the secret: whoever has the key can undo
// it.
type Mapping struct {
	key    []byte
	known  map[netip.Prefix]turns
	v4, v6 []block
	names  names
}

// New makes a mapping from a key, which is to be random and forgotten.
func New(key []byte) *Mapping {
	m := &Mapping{key: key, known: map[netip.Prefix]turns{}, names: newNames()}
	m.v4, m.v6 = keptBlocks()
	return m
}

// maxKnown is how many prefixes are remembered.
const maxKnown = 1 << 18

// block is a block of addresses whose first bits stay as they are.
type block struct {
	netip.Prefix
	bits int
}

// keptBlocks are the blocks that say nothing about who uses them, and that the
// kernel or RFC 6724 treat apart. Of those in which an IPv4 address is
// embedded (RFC 3056, RFC 4380, RFC 6052) only what is before it stays, and of
// solicited-node addresses (RFC 4291 section 2.7.1) what they have in common.
func keptBlocks() (v4, v6 []block) {
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	} {
		v4 = append(v4, block{netip.MustParsePrefix(s), 32})
	}
	for s, bits := range map[string]int{
		"::/127": 128, "::/96": 96, "::ffff:0.0.0.0/96": 96, "64:ff9b::/96": 96, "100::/64": 128, "2001::/32": 32, "2001:2::/48": 128,
		"2001:10::/28": 28, "2001:db8::/32": 128, "2002::/16": 16, "3fff::/20": 128, "3ffe::/16": 16,
		"fc00::/7": 64, "fe80::/9": 64, "ff00::/8": 128,
	} {
		v6 = append(v6, block{netip.MustParsePrefix(s), bits})
	}
	return v4, v6
}

// Addr replaces an address. Addresses of the blocks that are kept stay; none
// other becomes one of them.
func (m *Mapping) Addr(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return a
	}
	return m.bits(a.WithZone(""), a.BitLen()).WithZone(a.Zone())
}

// bits replaces the first n bits of an address.
func (m *Mapping) bits(a netip.Addr, n int) netip.Addr {
	if a.Is4In6() {
		return netip.AddrFrom16(m.bits(a.Unmap(), max(n-96, 0)).As16())
	}
	old := a.AsSlice()
	out := slices.Clone(old)
	for at := 0; at < n; at += 8 {
		above, _ := a.Prefix(at)
		t := m.turns(above)
		for i := at; i < min(n, at+8); i++ {
			node := 1<<(i-at) | int(old[at/8])>>(8-(i-at)) // in the tree of this byte's bits
			if t.flips[node/8]>>(node%8)&1 == 0 {
				continue
			}
			if here, _ := a.Prefix(i); t.free || !m.keeps(here) {
				out[i/8] ^= 0x80 >> (i % 8)
			}
		}
	}
	mapped, _ := netip.AddrFromSlice(out)
	return mapped
}

// turns says which of the eight bits behind a prefix are turned, by the bits
// before them in the byte: 255 cases, a bit of the hash for each.
type turns struct {
	flips [sha256.Size]byte
	free  bool // no block that is kept has to do with the prefix
}

// turns are those of a prefix that ends with a byte.
func (m *Mapping) turns(above netip.Prefix) turns {
	t, ok := m.known[above]
	if ok {
		return t
	}
	h := hmac.New(sha256.New, m.key)
	b, _ := above.MarshalBinary()
	h.Write(b)
	h.Sum(t.flips[:0])
	blocks := m.blocks(above.Addr())
	t.free = !slices.ContainsFunc(blocks, func(b block) bool { return b.Overlaps(above) })
	if len(m.known) < maxKnown {
		m.known[above] = t
	}
	return t
}

func (m *Mapping) blocks(a netip.Addr) []block {
	if a.Is4() {
		return m.v4
	}
	return m.v6
}

// keeps says whether the bit behind a prefix stays. That depends on the bits
// before it alone, or prefixes would not keep their structure.
func (m *Mapping) keeps(above netip.Prefix) bool {
	i, first := above.Bits(), above.Addr()
	switch {
	case i >= solicitedBits && first.Is6() && solicitedNode(first):
		return false
	case i >= 64 && localUnicast(first):
		return byHand(first)
	}
	return slices.ContainsFunc(m.blocks(first), func(b block) bool { return (i < b.bits || i < b.Bits()) && b.Overlaps(above) })
}

// solicitedBits is the length of ff02::1:ff00:0/104, before the last 24 bits of
// somebody's address.
const solicitedBits = 104

func solicitedNode(a netip.Addr) bool {
	b := a.As16()
	return [13]byte(b[:13]) == [13]byte{0xff, 2, 11: 1, 12: 0xff}
}

// localUnicast says whether an address is not public but may end in a hardware
// address (RFC 4291 appendix A).
func localUnicast(a netip.Addr) bool {
	b := a.As16()
	return a.Is6() && (b[0]&0xfe == 0xfc || b[0] == 0xfe && b[1]&0x80 != 0)
}

// byHand says whether the last half begins with zeros, as somebody would write
// it and no hardware address does.
func byHand(a netip.Addr) bool {
	b := a.As16()
	return b[8] == 0 && b[9] == 0 && b[10] == 0 && b[11] == 0
}

// Prefix replaces a prefix, and keeps its length.
func (m *Mapping) Prefix(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return p
	}
	if p == p.Masked() { // what is behind it is zero
		return netip.PrefixFrom(m.bits(p.Addr(), p.Bits()), p.Bits())
	}
	return netip.PrefixFrom(m.Addr(p.Addr()), p.Bits())
}
