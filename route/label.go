package route

import "net/netip"

// DefaultLabels is the policy table that a namespace starts with
// (ip6addrlbl_init_table in net/ipv6/addrlabel.c). For unique local addresses and
// 6to4 addresses, it has other labels than RFC 6724 section 2.1.
func DefaultLabels() []AddrLabel {
	label := func(prefix string, n uint32) AddrLabel {
		return AddrLabel{Prefix: netip.MustParsePrefix(prefix), Label: n}
	}
	return []AddrLabel{
		label("::1/128", 0), label("::/96", 3), label("::ffff:0.0.0.0/96", 4), label("2001::/32", 6), label("2001:10::/28", 7),
		label("3ffe::/16", 12), label("2002::/16", 2), label("fec0::/10", 11), label("fc00::/7", 5), label("::/0", 1),
	}
}
