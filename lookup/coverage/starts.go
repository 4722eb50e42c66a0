package coverage

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// blockBits is how long the prefixes are into which the addresses are cut. Each is looked at
// alone, so that all processors share the work and little memory is needed.
const blockBits = 8

// blocks is how many blocks a family has.
const blocks = 1 << blockBits

// blockOf is the prefix of a block.
func blockOf(fam route.Family, i int) netip.Prefix {
	raw := fam.Default().Addr().AsSlice()
	raw[0] = byte(i)
	a, _ := netip.AddrFromSlice(raw)
	return netip.PrefixFrom(a, blockBits)
}

// boundsOf are, for each block, the prefixes in it at whose ends ranges end for another
// reason than a route.
func boundsOf(fam route.Family, fibs ...*lookup.FIB) (out [blocks][]netip.Prefix) {
	for _, f := range fibs {
		f.Boundaries(fam, func(p netip.Prefix) {
			if p.Bits() > blockBits {
				i := p.Addr().AsSlice()[0]
				out[i] = append(out[i], p)
			}
		})
	}
	return out
}

// prefixesOf calls each with the prefixes of the routes in a block.
func prefixesOf(f *lookup.FIB, fam route.Family, block int, each func(netip.Prefix)) {
	within := blockOf(fam, block)
	f.PrefixesIn(fam, within.Addr(), route.LastAddr(within), func(p netip.Prefix) bool {
		each(p)
		return true
	})
}

// starts are the first addresses of the ranges of a block that are decided alike.
type starts struct {
	within netip.Prefix
	list   []netip.Addr
}

// begin begins with a block's own first address.
func (s *starts) begin(within netip.Prefix) {
	s.within, s.list = within, append(s.list[:0], within.Addr())
}

// add notes the first address of a prefix in the block, and the first address after it.
func (s *starts) add(p netip.Prefix) {
	if p.Bits() <= s.within.Bits() {
		return
	}
	if a := p.Addr(); s.list[len(s.list)-1] != a { // unless it is noted already as the address after the prefix before
		s.list = append(s.list, a)
	}
	if next := route.LastAddr(p).Next(); next.IsValid() && s.within.Contains(next) {
		s.list = append(s.list, next)
	}
}

// sorted are all of them. The next begin overwrites them.
func (s *starts) sorted() []netip.Addr {
	slices.SortFunc(s.list, netip.Addr.Compare)
	s.list = slices.Compact(s.list)
	return s.list
}
