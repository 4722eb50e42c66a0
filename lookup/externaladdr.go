package lookup

import (
	"iter"
	"net/netip"
	"slices"

	"routewhy/route"
)

// ExternalAddr is an address that represents the hosts of other networks. If possible, no
// prefix covers it except a default route, or one of those that VPNs add in place of it. In
// IPv6 it is in 2000::/3, if possible.
func (f *FIB) ExternalAddr(fam route.Family) netip.Addr {
	pair, tables := SlashOnePair(fam), f.TableOrder(fam)
	var wide []netip.Prefix
	if fam == route.IPv6 {
		low, high := route.Halves(Global6())
		wide = []netip.Prefix{Global6(), low, high}
	}
	tried := map[netip.Addr]bool{}
	for _, p := range append(append(wide, fam.Default()), pair[:]...) {
		for _, id := range slices.Backward(tables) {
			if f.family(fam).tables[id] == nil || len(tried) > maxExternalTries {
				continue
			}
			gap, _, ok := f.gap(id, p)
			if !ok || !ordinary(gap) || tried[gap] {
				continue
			}
			if tried[gap] = true; f.outside(gap) {
				return gap
			}
		}
	}
	if fam == route.IPv4 {
		return netip.AddrFrom4([4]byte{1})
	}
	return Global6().Addr()
}

// maxExternalTries is how many addresses are tried: each costs a look-up, which may ask
// very many rules.
const maxExternalTries = 64

// outside reports whether an unmarked packet to an address takes no route longer than
// half of the address space or, in IPv6, half of 2000::/3.
func (f *FIB) outside(a netip.Addr) bool {
	most := 1
	if a.Is6() {
		most = Global6().Bits() + 1
	}
	d := f.Lookup(route.Flow{Dst: a})
	return !d.HasRoute || d.Route.Dst.Bits() <= most
}

// InTable are the routes of one table that were read, in ascending order of their
// prefixes. Each is overwritten by the next one.
func (f *FIB) InTable(fam route.Family, id route.Table) iter.Seq[*route.Route] {
	return func(yield func(*route.Route) bool) {
		t := f.family(fam).tables[id]
		if t == nil {
			return
		}
		var r route.Route
		for p, l := range t.trie.Subnets(fam.Default()) {
			for _, e := range l.entries {
				if r = e.full(p); !yield(&r) {
					return
				}
			}
		}
	}
}

// Global6 has all IPv6 unicast addresses that are assigned on the Internet now: 2000::/3 (RFC
// 4291 section 2.4, IANA's registry). A route to it stands for a default route.
func Global6() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3) }

// SlashOnePair are the two halves of a family's address space, 0.0.0.0/1 and
// 128.0.0.0/1 or ::/1 and 8000::/1. VPNs add routes to both in place of a default route.
func SlashOnePair(fam route.Family) [2]netip.Prefix {
	high := netip.AddrFrom4([4]byte{128})
	if fam == route.IPv6 {
		high = netip.AddrFrom16([16]byte{0x80})
	}
	return [2]netip.Prefix{netip.PrefixFrom(fam.Default().Addr(), 1), netip.PrefixFrom(high, 1)}
}
