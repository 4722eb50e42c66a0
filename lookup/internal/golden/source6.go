package golden

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// selectSource6 is ipv6_dev_get_saddr (5.2 steps 2 to 4) for a socket without
// preferences. link is the output device. It is several sources where the order of
// the devices decides and is not known, and always at least one: the zero Addr for
// none.
func (d *decision) selectSource6(link int, dst netip.Addr) []netip.Addr {
	// 2. the candidates
	onlyLink := isMulticast6(dst) || scope6(dst) <= scopeLink6
	if !onlyLink && d.addressesElsewhere6(link) {
		onlyLink = d.conf(route.IPv6, link, "use_oif_addrs_only", 0) != 0
	}
	if onlyLink {
		return []netip.Addr{addressOf(d.bestSource6(link, dst, []int{link}))}
	}
	vrf := d.vrf(link)
	if vrf != 0 {
		// The device, then its VRF, come before the rest of the VRF. The kernel
		// means to stop at an address of theirs with sufficient scope, but
		// compares the scope's sign wrongly.
		own := d.bestSource6(link, dst, []int{link, vrf})
		if own != nil && !slices.ContainsFunc(d.s.Links, func(l route.Link) bool {
			return d.vrf(l.Index) == vrf && d.beats6(d.bestSource6(link, dst, []int{l.Index}), own, link, dst)
		}) {
			return []netip.Addr{own.Prefix.Addr()}
		}
	}
	// Of the other devices, those whose best address no other's beats.
	best := func(l int) *route.Addr {
		if d.vrf(l) != vrf {
			return nil
		}
		return d.bestSource6(link, dst, []int{l})
	}
	unbeaten := func(l int) bool {
		a := best(l)
		return a != nil && !slices.ContainsFunc(d.s.Links, func(o route.Link) bool {
			return d.beats6(best(o.Index), a, link, dst)
		})
	}
	var sources []netip.Addr
	for _, l := range d.earliest(unbeaten) {
		if a := best(l).Prefix.Addr(); !slices.Contains(sources, a) {
			sources = append(sources, a)
		}
	}
	if len(sources) == 0 { // 4. none
		return []netip.Addr{{}}
	}
	return sources
}

// beats6 reports whether one address, which may be nil, is better than another.
func (d *decision) beats6(a, b *route.Addr, out int, dst netip.Addr) bool {
	return a != nil && d.better6(a, b, out, dst)
}

// addressOf is the zero Addr for nil.
func addressOf(a *route.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	return a.Prefix.Addr()
}

// addressesElsewhere6 reports whether another device has a candidate, so that
// use_oif_addrs_only can make a difference.
func (d *decision) addressesElsewhere6(link int) bool {
	return slices.ContainsFunc(d.s.Addrs, func(a route.Addr) bool {
		return a.Link != link && candidate6(a)
	})
}

// candidate6 reports whether an address may be a source at all.
func candidate6(a route.Addr) bool {
	addr := a.Prefix.Addr()
	if !addr.Is6() || addr.IsUnspecified() || isMulticast6(addr) {
		return false
	}
	return a.Flags&route.AddrTentative == 0 || a.Flags&route.AddrOptimistic != 0
}

// bestSource6 compares the addresses of some devices pairwise; a full tie keeps
// the earlier. Nil: there is none.
func (d *decision) bestSource6(out int, dst netip.Addr, links []int) *route.Addr {
	var best *route.Addr
	for _, link := range links {
		for i := range d.s.Addrs {
			a := &d.s.Addrs[i]
			if a.Link != link || !candidate6(*a) {
				continue
			}
			if best == nil || d.better6(a, best, out, dst) {
				best = a
			}
		}
	}
	return best
}

// better6 is the pairwise comparison of 5.2 step 3: the first rule that tells
// the two addresses apart decides.
func (d *decision) better6(a, b *route.Addr, out int, dst netip.Addr) bool {
	rules := []func(x *route.Addr) int{
		// 1 equals the destination
		func(x *route.Addr) int { return truth(x.Prefix.Addr() == dst) },
		// 2 appropriate scope: the smallest that is sufficient, else the largest
		func(x *route.Addr) int {
			scope := scope6(x.Prefix.Addr())
			if scope >= scope6(dst) {
				return -scope
			}
			return scope - 128
		},
		// 3 not deprecated, nor optimistic
		func(x *route.Addr) int { return truth(d.preferred6(x)) },
		// 5 on the output device
		func(x *route.Addr) int { return truth(x.Link == out) },
		// 6 the destination's label
		func(x *route.Addr) int {
			return truth(d.label6(x.Prefix.Addr(), x.Link) == d.label6(dst, out))
		},
		// 7 public over temporary, or the reverse where the device prefers so
		func(x *route.Addr) int {
			return truth((x.Flags&route.AddrTemporary != 0) == d.prefersTemporary6(x.Link, (a.Flags|b.Flags)&route.AddrTemporary != 0))
		},
		// 8a ORCHID with ORCHID
		func(x *route.Addr) int { return truth(isORCHID(x.Prefix.Addr()) == isORCHID(dst)) },
		// 8 longest common prefix, at most the address's own
		func(x *route.Addr) int { return min(commonBits(x.Prefix.Addr(), dst), x.Prefix.Bits()) },
		// not optimistic
		func(x *route.Addr) int { return truth(x.Flags&route.AddrOptimistic == 0) },
	}
	for _, rule := range rules {
		if x, y := rule(a), rule(b); x != y {
			return x > y
		}
	}
	return false
}

// truth is 1 for true, as in C.
func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// preferred6 reports whether an address is neither deprecated nor optimistic. It
// does not matter for loopback, mapped and compatible addresses.
func (d *decision) preferred6(a *route.Addr) bool {
	addr := a.Prefix.Addr()
	if addr == netip.IPv6Loopback() || addr.Is4In6() || isV4Compatible(addr) {
		return true
	}
	if a.Flags&route.AddrDeprecated != 0 {
		return false
	}
	return a.Flags&route.AddrOptimistic == 0 || d.usesOptimistic6(a.Link)
}

func (d *decision) usesOptimistic6(link int) bool {
	on := func(key string) bool {
		return d.sysctl(route.ConfPath(route.IPv6, "all", key), 0) != 0 || d.conf(route.IPv6, link, key, 0) != 0
	}
	return on("optimistic_dad") && on("use_optimistic")
}

// prefersTemporary6 is use_tempaddr >= 2. Between addresses none of which is
// temporary it hardly matters; there, not to know it is no doubt.
func (d *decision) prefersTemporary6(link int, matters bool) bool {
	if matters {
		return d.conf(route.IPv6, link, "use_tempaddr", 0) >= 2
	}
	v, _ := d.s.Sysctls.Conf(route.IPv6, d.s.LinkName(link), "use_tempaddr")
	return v >= 2
}

// The scopes of IPv6 addresses (RFC 4291 section 2.7).
const (
	scopeNone6   = -1
	scopeLink6   = 2
	scopeSite6   = 5
	scopeGlobal6 = 14
)

// scope6 is __ipv6_addr_src_scope. The unspecified address has none.
func scope6(a netip.Addr) int {
	bytes := a.As16()
	switch {
	case a.IsUnspecified():
		return scopeNone6
	case isMulticast6(a):
		return int(bytes[1] & 0x0f)
	case a == netip.IPv6Loopback(), isLinkLocal6(a):
		return scopeLink6
	case bytes[0] == 0xfe && bytes[1]&0xc0 == 0xc0:
		return scopeSite6
	}
	return scopeGlobal6
}

// isMulticast6 and isLinkLocal6 differ from netip's methods in that they do not
// look into mapped IPv4 addresses.
func isMulticast6(a netip.Addr) bool { return a.As16()[0] == 0xff }

func isLinkLocal6(a netip.Addr) bool {
	return a.As16()[0] == 0xfe && a.As16()[1]&0xc0 == 0x80
}

// isV4Compatible reports whether an address is in ::/96 and no other kind.
func isV4Compatible(a netip.Addr) bool {
	return netip.PrefixFrom(netip.IPv6Unspecified(), 96).Contains(a) && !a.IsUnspecified() && a != netip.IPv6Loopback()
}

func isORCHID(a netip.Addr) bool {
	return netip.MustParsePrefix("2001:10::/28").Contains(a)
}

// commonBits is the length of the prefix that two addresses have in common.
func commonBits(a, b netip.Addr) int {
	for bits := 128; bits > 0; bits-- {
		if netip.PrefixFrom(a, bits).Masked() == netip.PrefixFrom(b, bits).Masked() {
			return bits
		}
	}
	return 0
}

// label6 is ipv6_addr_label: the label of the longest matching entry of the
// policy table.
func (d *decision) label6(a netip.Addr, link int) uint32 {
	if d.s.Lacks(route.FactLabels, route.IPv6) {
		d.doubt("address labels were not read")
	}
	labels := d.s.Labels
	if len(labels) == 0 {
		labels = defaultLabels()
	}
	longest, label := -1, ^uint32(0)
	for _, l := range labels {
		if l.Prefix.Contains(a) && (l.Link == 0 || l.Link == link) && l.Prefix.Bits() > longest {
			longest, label = l.Prefix.Bits(), l.Label
		}
	}
	return label
}

// defaultLabels is the kernel's own policy table (net/ipv6/addrlabel.c), which
// is not RFC 6724's.
func defaultLabels() []route.AddrLabel {
	return []route.AddrLabel{
		{Prefix: netip.MustParsePrefix("::1/128"), Label: 0},
		{Prefix: netip.MustParsePrefix("::ffff:0:0/96"), Label: 4},
		{Prefix: netip.MustParsePrefix("::/96"), Label: 3},
		{Prefix: netip.MustParsePrefix("2001::/32"), Label: 6},
		{Prefix: netip.MustParsePrefix("2001:10::/28"), Label: 7},
		{Prefix: netip.MustParsePrefix("3ffe::/16"), Label: 12},
		{Prefix: netip.MustParsePrefix("2002::/16"), Label: 2},
		{Prefix: netip.MustParsePrefix("fec0::/10"), Label: 11},
		{Prefix: netip.MustParsePrefix("fc00::/7"), Label: 5},
		{Prefix: netip.MustParsePrefix("::/0"), Label: 1},
	}
}
