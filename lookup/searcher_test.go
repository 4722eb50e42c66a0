package lookup_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestSearcherAllocates wants no allocation of a look-up that follows others,
// whatever way it takes through rules and tables.
func TestSearcherAllocates(t *testing.T) {
	multipath := via("8.8.0.0/16", "192.0.2.1", 2)
	multipath.NextHops = append(multipath.NextHops, route.NextHop{Gateway: netip.MustParseAddr("198.51.100.1"), Link: 3})
	to8 := netip.MustParseAddr("8.8.8.8")
	suppress := to(10, route.TableMain)
	suppress.SuppressPrefixLen = 0
	v6 := []route.Route{
		via("::/0", "fe80::1", 2), via("2001:db8::/32", "fe80::2", 3, flags(route.NextHopDead)), via("2001:db8:1::/48", "fe80::3", 3),
	}
	six := to(32766, route.TableMain)
	six.Family = route.IPv6
	defaults := []route.Route{via("0.0.0.0/0", "192.0.2.1", 2), via("0.0.0.0/0", "198.51.100.1", 3)}
	for name, c := range map[string]struct {
		routes []route.Route
		rules  []route.Rule
		flow   route.Flow
	}{
		"default route": {defaults[:1], nil, route.Flow{Dst: to8}},
		"source given":  {defaults[:1], nil, route.Flow{Dst: to8, Src: netip.MustParseAddr("192.0.2.2")}},
		"no route":      {nil, nil, route.Flow{Dst: to8}},
		"refused":       {[]route.Route{via("8.0.0.0/8", "", 0, typ(route.TypeProhibit))}, nil, route.Flow{Dst: to8}},
		"oif":           {defaults, nil, route.Flow{Dst: to8, Out: 3}},
		"multipath":     {[]route.Route{multipath}, nil, route.Flow{Dst: to8}},
		"tied defaults": {defaults, nil, route.Flow{Dst: to8}},
		"backtracking":  {append(defaults[:1:1], via("8.8.8.0/24", "198.51.100.1", 3, flags(route.NextHopDead))), nil, route.Flow{Dst: to8}},
		"throw":         {append(defaults[:1:1], via("8.8.8.0/24", "", 0, typ(route.TypeThrow))), nil, route.Flow{Dst: to8}},
		"suppressed":    {defaults[:1], []route.Rule{suppress, to(32766, route.TableMain)}, route.Flow{Dst: to8}},
		"zero":          {defaults[:1], nil, route.Flow{Dst: netip.IPv4Unspecified()}},
		"IPv6":          {v6, []route.Rule{six}, route.Flow{Dst: netip.MustParseAddr("2001:db8:1::1")}},
		"IPv6 dead":     {v6, []route.Rule{six}, route.Flow{Dst: netip.MustParseAddr("2001:db8:2::1")}},
	} {
		s := hostOf(c.routes, c.rules...)
		s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.MustParsePrefix("2001:db8:ffff::2/64")})
		l := lookup.New(s).Searcher()
		l.Lookup(c.flow)
		if n := testing.AllocsPerRun(100, func() { l.Lookup(c.flow) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestSearcherForgets: nothing of one look-up is left in the next.
func TestSearcherForgets(t *testing.T) {
	bad := legs("9.0.0.0/8")
	bad.NextHops[0].Flags = route.NextHopDead
	s := hostOf([]route.Route{legs("8.0.0.0/8"), bad})
	f := lookup.New(s)
	l := f.Searcher()
	l.Lookup(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")})
	nine := route.Flow{Dst: netip.MustParseAddr("9.9.9.9")}
	a, b := l.Lookup(nine), f.Lookup(nine)
	if got, want := says(s, &a), says(s, &b); got != want || len(a.NextHops) != 1 {
		t.Errorf("%s, want %s", got, want)
	}
}
