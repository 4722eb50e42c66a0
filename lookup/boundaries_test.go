package lookup_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestBoundariesOfMany hands what many addresses have in common over once.
func TestBoundariesOfMany(t *testing.T) {
	s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0", PeerNetNS: -1}}}
	const n = 2000
	for i := range n {
		a := netip.MustParseAddr("2001:db8::").As16()
		a[14], a[15] = byte(i>>8), byte(i)
		s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.PrefixFrom(netip.AddrFrom16(a), 64)})
	}
	count := 0
	has := map[netip.Prefix]bool{}
	lookup.New(s).Boundaries(route.IPv6, func(p netip.Prefix) {
		count++
		has[p] = true
	})
	for _, p := range []string{"2001:db8::/64", "2001:db8::7/128", "2001:db8::400/118", "2000::/3"} {
		if !has[netip.MustParsePrefix(p)] {
			t.Errorf("%s is missing", p)
		}
	}
	if count > 5*n {
		t.Errorf("%d prefixes of %d addresses", count, n)
	}
}
