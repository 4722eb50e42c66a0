package lookup

import (
	"net/netip"

	"routewhy/route"
)

// ExternalAddr is an address that stands for the hosts of other networks: one that,
// as far as possible, no prefix but a default route covers, nor one of the pair
// that VPNs put over it.
func (f *FIB) ExternalAddr(fam route.Family) netip.Addr {
	pair := SlashOnePair(fam)
	for _, p := range append([]netip.Prefix{fam.Default()}, pair[:]...) {
		best := netip.Addr{}
		for _, id := range f.TableOrder(fam) {
			if f.family(fam).tables[id] == nil {
				continue
			}
			if gap, _, ok := f.gap(id, p); ok && ordinary(gap) && f.outside(gap) {
				best = gap
			}
		}
		if best.IsValid() {
			return best
		}
	}
	if fam == route.IPv4 {
		return netip.AddrFrom4([4]byte{1})
	}
	return netip.AddrFrom16([16]byte{0x20})
}

// outside says that an unmarked packet to an address takes no route longer
// than half of the address space.
func (f *FIB) outside(a netip.Addr) bool {
	d := f.Lookup(route.Flow{Dst: a})
	return !d.HasRoute || d.Route.Dst.Bits() <= 1
}

// InTable are the routes of one table that were read, in ascending order of
// their prefixes.
func (f *FIB) InTable(fam route.Family, id route.Table) []route.Route {
	t := f.family(fam).tables[id]
	if t == nil {
		return nil
	}
	var out []route.Route
	for p, l := range t.trie.Subnets(fam.Default()) {
		for _, e := range l.entries {
			out = append(out, e.full(p))
		}
	}
	return out
}

// SlashOnePair are the two halves of a family's address space, 0.0.0.0/1 and
// 128.0.0.0/1 or ::/1 and 8000::/1: the pair of routes that VPNs put over the default
// route.
func SlashOnePair(fam route.Family) [2]netip.Prefix {
	high := netip.AddrFrom4([4]byte{128})
	if fam == route.IPv6 {
		high = netip.AddrFrom16([16]byte{0x80})
	}
	return [2]netip.Prefix{netip.PrefixFrom(fam.Default().Addr(), 1), netip.PrefixFrom(high, 1)}
}
