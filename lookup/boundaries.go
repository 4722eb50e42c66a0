package lookup

import (
	"maps"
	"net/netip"
	"slices"

	"routewhy/route"
)

// Boundaries calls add with the prefixes, except for those of routes, by which a packet
// may be decided: those of the rules, of the addresses, of multicast groups, and of the
// address blocks that the kernel treats specially. Two destinations that are in the same of
// these prefixes, and in the same of [FIB.Prefixes], are decided alike.
func (f *FIB) Boundaries(fam route.Family, add func(netip.Prefix)) {
	s := f.snap
	for i := range s.Rules {
		if d := s.Rules[i].Selector.Dst; s.Rules[i].Family == fam && d.IsValid() {
			add(d.Masked())
		}
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if route.FamilyOf(a.Prefix.Addr()) != fam {
			continue
		}
		add(a.Prefix.Masked())
		if a.Peer.IsValid() {
			add(a.Peer.Masked())
		}
	}
	if fam == route.IPv6 {
		f.commonBits(add)
	}
	for i := range s.Memberships { // groups that devices have joined decide about what comes in
		for _, group := range s.Memberships[i].Groups {
			if route.FamilyOf(group) == fam {
				add(netip.PrefixFrom(group, group.BitLen()))
			}
		}
	}
	for i := range s.Labels {
		if fam == route.IPv6 {
			add(s.Labels[i].Prefix.Masked())
		}
	}
	for _, p := range apart(fam) {
		add(netip.MustParsePrefix(p))
	}
}

// commonBits calls add with each prefix of this host's IPv6 addresses, once: of two
// sources, the one that has more bits in common with the destination wins (RFC 6724
// section 5, rule 8).
func (f *FIB) commonBits(add func(netip.Prefix)) {
	all := slices.SortedFunc(maps.Keys(f.own6), netip.Addr.Compare)
	for i, a := range all {
		shared := 0
		for i > 0 && shared < 128 && netip.PrefixFrom(a, shared+1).Contains(all[i-1]) {
			shared++
		}
		for bits := shared + 1; bits <= 128; bits++ {
			add(netip.PrefixFrom(a, bits).Masked())
		}
	}
}

// apart are the blocks that the kernel treats specially, in routing and in the
// choice of a source (ip_route_output_key_hash_rcu, __ipv6_addr_type).
func apart(fam route.Family) []string {
	if fam == route.IPv4 {
		return []string{"0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "224.0.0.0/24", "224.0.0.1/32", "255.255.255.255/32"}
	}
	out := []string{
		"::/128", "::1/128", "::/96", "::ffff:0.0.0.0/96", "2001::/32", "2001:10::/28", "2002::/16", "3ffe::/16",
		"fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "ff01::1/128", "ff02::1/128",
	}
	// The scope of a multicast address is its fourth digit.
	for i := range 256 {
		out = append(out, netip.PrefixFrom(netip.AddrFrom16([16]byte{0xff, byte(i)}), 16).String())
	}
	return out
}

// PrefixCount is how many prefixes [FIB.Prefixes] has.
func (f *FIB) PrefixCount(fam route.Family) (n int) {
	for _, t := range f.family(fam).tables {
		n += t.trie.Size()
	}
	return n
}

// Prefixes calls add with the prefix of each route of a family, those of each table in
// ascending order.
func (f *FIB) Prefixes(fam route.Family, add func(netip.Prefix)) {
	for _, t := range f.family(fam).tables {
		for p := range t.trie.AllSorted() {
			add(p)
		}
	}
}

// PrefixesIn calls each with the prefix of each route of a family that lies between two
// addresses, until each returns false.
func (f *FIB) PrefixesIn(fam route.Family, first, last netip.Addr, each func(netip.Prefix) bool) {
	within := spanning(first, last)
	for _, t := range f.family(fam).tables {
		for p := range t.trie.Subnets(within) {
			if route.LastAddr(p).Less(first) || last.Less(p.Addr()) {
				continue
			}
			if !each(p) {
				return
			}
		}
	}
}

// spanning is the longest prefix that covers both addresses.
func spanning(a, b netip.Addr) netip.Prefix {
	p := netip.PrefixFrom(a, a.BitLen())
	for !p.Contains(b) {
		p = netip.PrefixFrom(a, p.Bits()-1).Masked()
	}
	return p
}
