package route

import "net/netip"

// Default is the destination of the family's default routes: 0.0.0.0/0 or ::/0,
// the prefix of length 0, which covers every address.
func (f Family) Default() netip.Prefix { return netip.PrefixFrom(zeroAddr(f), 0) }

// Halves are the two prefixes that a prefix with host bits consists of. p must be masked, and
// not a single address.
func Halves(p netip.Prefix) (low, high netip.Prefix) {
	low = netip.PrefixFrom(p.Addr(), p.Bits()+1)
	return low, netip.PrefixFrom(LastAddr(low).Next(), p.Bits()+1)
}

// LastAddr is the last address that a prefix covers: the one with all host bits set.
// For the zero Prefix it is the zero Addr.
func LastAddr(p netip.Prefix) netip.Addr {
	if !p.IsValid() {
		return netip.Addr{}
	}
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
