package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/netip"
	"slices"
)

// Mapping replaces addresses, names and numbers. It must stay secret, because whoever has
// its key can undo the replacement.
type Mapping struct {
	key     []byte
	strict  bool
	known   map[netip.Prefix]turns
	v4, v6  []block
	names   names
	numbers numbers
}

// New makes a mapping from a key. The key should be random, and nobody should keep it.
func New(key []byte) *Mapping {
	m := &Mapping{key: key, known: map[netip.Prefix]turns{}, names: newNames(), numbers: newNumbers()}
	m.v4, m.v6 = keptBlocks()
	return m
}

// NewStrict makes a mapping that replaces more, see the package comment.
func NewStrict(key []byte) *Mapping {
	m := New(key)
	m.strict = true
	m.v4, m.v6 = strictBlocks()
	return m
}

// maxKnown is how many prefixes are remembered.
const maxKnown = 1 << 18

// block is a block of addresses whose first bits stay as they are.
type block struct {
	netip.Prefix
	bits int
}

// keptBlocks are the blocks that say nothing about who uses them, and the blocks that
// the kernel or RFC 6724 treat specially. If an IPv4 address is embedded in the
// addresses of a block (RFC 3056, RFC 4380, RFC 6052), only the bits before it stay. Of
// the groups that embed an AS number or a prefix (RFC 3180, RFC 6034), eight bits stay.
// For IPv6 groups, see [Mapping.keeps].
func keptBlocks() (v4, v6 []block) {
	v4 = blocks(map[string]int{
		"0.0.0.0/8": 32, "10.0.0.0/8": 32, "100.64.0.0/10": 32, "127.0.0.0/8": 32, "169.254.0.0/16": 32,
		"172.16.0.0/12": 32, "192.0.0.0/24": 32, "192.0.2.0/24": 32, "192.168.0.0/16": 32, "198.18.0.0/15": 32,
		"198.51.100.0/24": 32, "203.0.113.0/24": 32, "224.0.0.0/5": 32, "232.0.0.0/8": 32, "233.0.0.0/8": 8,
		"234.0.0.0/8": 8, "235.0.0.0/8": 32, "236.0.0.0/6": 32, "240.0.0.0/4": 32,
	})
	v6 = blocks(map[string]int{
		"::/127": 128, "::/96": 96, "::ffff:0.0.0.0/96": 96, "64:ff9b::/96": 96, "100::/64": 128, "2001::/32": 32, "2001:2::/48": 128,
		"2001:10::/28": 28, "2001:db8::/32": 128, "2002::/16": 16, "3fff::/20": 128, "3ffe::/16": 16,
		"fc00::/7": 64, "fe80::/9": 64, "ff00::/8": 128,
	})
	return v4, v6
}

// strictBlocks are the blocks for a strict mapping. Of most addresses in them, only the
// bits stay that show that the kernel or RFC 6724 treat the block specially.
func strictBlocks() (v4, v6 []block) {
	v4 = blocks(map[string]int{
		"0.0.0.0/8": 32, "10.0.0.0/8": 8, "100.64.0.0/10": 10, "127.0.0.0/8": 32, "169.254.0.0/16": 16,
		"172.16.0.0/12": 12, "192.0.0.0/24": 24, "192.0.2.0/24": 24, "192.168.0.0/16": 16, "198.18.0.0/15": 15,
		"198.51.100.0/24": 24, "203.0.113.0/24": 24, "224.0.0.0/4": 8, "224.0.0.0/24": 32, "240.0.0.0/4": 4,
		"255.255.255.255/32": 32,
	})
	v6 = blocks(map[string]int{
		"::/127": 128, "::/96": 96, "::ffff:0.0.0.0/96": 96, "64:ff9b::/96": 96, "100::/64": 64, "2001::/32": 32, "2001:2::/48": 48,
		"2001:10::/28": 28, "2001:db8::/32": 32, "2002::/16": 16, "3fff::/20": 20, "3ffe::/16": 16,
		"fc00::/7": 8, "fe80::/10": 64, "fec0::/10": 10, "ff00::/8": 16,
		"ff02::1:ff00:0/104": 104, "ff02::2:ff00:0/104": 104,
	})
	return v4, v6
}

func blocks(kept map[string]int) []block {
	var all []block
	for s, bits := range kept {
		all = append(all, block{netip.MustParsePrefix(s), bits})
	}
	return all
}

// Addr replaces an address. Addresses in the blocks that are kept stay. No other
// address becomes one of them.
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
			node := 1<<(i-at) | int(old[at/8])>>(8-(i-at)) // a node in the tree of this byte's bits
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

// turns says which of the eight bits after a prefix are inverted. That depends on
// the bits before them in the same byte. There are 255 cases; each uses one bit of
// the hash.
type turns struct {
	flips [sha256.Size]byte
	free  bool // no block that is kept overlaps the prefix
}

// turns returns the turns for a prefix whose length is a whole number of bytes.
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

// keeps reports whether the bit after a prefix stays. That depends only on the bits
// before it; otherwise prefixes would not keep their structure.
func (m *Mapping) keeps(above netip.Prefix) bool {
	i, first := above.Bits(), above.Addr()
	switch {
	case i >= 16 && first.Is6() && first.IsMulticast():
		return m.keepsGroup(first.As16(), i)
	case i >= 64 && localUnicast(first):
		return byHand(first.As16())
	}
	return m.inBlock(first, i)
}

// keepsGroup is keeps for the bits of an IPv6 group after the flags and the scope. The
// group may end in a part of somebody's address or of the hash of a host name (RFC 4291
// section 2.7.1, RFC 4620 section 5). It may have a prefix or a hardware address in its
// middle (RFC 3306, RFC 3956, RFC 4489).
func (m *Mapping) keepsGroup(b [16]byte, i int) bool {
	const prefixFlag = 0x20
	switch {
	case b[1]&prefixFlag != 0 && i >= 32 && (i < 96 || m.strict):
		return zero(b[4:12]) // as in the groups of RFC 4607, which have no prefix
	case i >= 104 && (solicitedNode(b) || nodeInformation(b)):
		return false
	}
	return !m.strict || zero(b[2:14]) || m.inBlock(netip.AddrFrom16(b), i)
}

// inBlock reports whether a bit belongs to a block that stays.
func (m *Mapping) inBlock(first netip.Addr, i int) bool {
	above := netip.PrefixFrom(first, i)
	return slices.ContainsFunc(m.blocks(first), func(b block) bool { return (i < b.bits || i < b.Bits()) && b.Overlaps(above) })
}

func zero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// solicitedNode reports whether a group is in ff02::1:ff00:0/104. NodeInformation
// reports whether it is in ff02::2:ff00:0/104.
func solicitedNode(b [16]byte) bool { return [13]byte(b[:13]) == [13]byte{0xff, 2, 11: 1, 12: 0xff} }

func nodeInformation(b [16]byte) bool { return [13]byte(b[:13]) == [13]byte{0xff, 2, 11: 2, 12: 0xff} }

// localUnicast reports whether an address is not public and may end in a hardware
// address (RFC 4291 appendix A).
func localUnicast(a netip.Addr) bool {
	b := a.As16()
	return a.Is6() && (b[0]&0xfe == 0xfc || b[0] == 0xfe && b[1]&0x80 != 0)
}

// byHand reports whether the last 64 bits are a small number, as a person would write
// it. Then they are neither a hardware address nor an IPv4 address.
func byHand(b [16]byte) bool { return zero(b[8:14]) }

// Prefix replaces a prefix, and keeps its length.
func (m *Mapping) Prefix(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return p
	}
	if p == p.Masked() { // all bits after the prefix are zero
		return netip.PrefixFrom(m.bits(p.Addr(), p.Bits()), p.Bits())
	}
	return netip.PrefixFrom(m.Addr(p.Addr()), p.Bits())
}
