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

// TestGroupBoundaries checks that a group which a device has joined is a boundary, and for
// IPv6 those that every device is in: what comes in for them is decided apart.
func TestGroupBoundaries(t *testing.T) {
	joined := []netip.Addr{netip.MustParseAddr("224.0.0.251"), netip.MustParseAddr("ff02::fb")}
	fib := lookup.New(&route.Snapshot{Memberships: []route.Membership{{Link: 2, Family: route.IPv4, Groups: joined[:1]}, {Link: 2, Family: route.IPv6, Groups: joined[1:]}}})
	for fam, want := range map[route.Family][]netip.Addr{
		route.IPv4: joined[:1],
		route.IPv6: {joined[1], netip.MustParseAddr("ff02::1"), netip.MustParseAddr("ff01::1")},
	} {
		found := map[netip.Prefix]bool{}
		fib.Boundaries(fam, func(p netip.Prefix) { found[p] = true })
		for _, a := range want {
			if !found[netip.PrefixFrom(a, a.BitLen())] {
				t.Errorf("%v: no boundary at %v", fam, a)
			}
		}
	}
}
