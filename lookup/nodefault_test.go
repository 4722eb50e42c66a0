package lookup

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"routewhy/route"
)

// TestRouterIgnored changes one fact at a time of a host that ignores routers.
func TestRouterIgnored(t *testing.T) {
	up := route.LinkUp | route.LinkLowerUp
	for name, c := range map[string]struct {
		change func(*route.Snapshot)
		want   int // devices
	}{
		"forwards":                           {func(*route.Snapshot) {}, 2},
		"one hybrid":                         {func(s *route.Snapshot) { s.Sysctls["net/ipv6/conf/e0/accept_ra"] = "2" }, 1},
		"one no router":                      {func(s *route.Snapshot) { s.Sysctls["net/ipv6/conf/e0/forwarding"] = "0" }, 1},
		"one takes none at all":              {func(s *route.Snapshot) { s.Sysctls["net/ipv6/conf/e0/accept_ra"] = "0" }, 1},
		"one unread":                         {func(s *route.Snapshot) { delete(s.Sysctls, "net/ipv6/conf/e0/accept_ra") }, 1},
		"one without carrier":                {func(s *route.Snapshot) { s.Links[1].Flags = route.LinkUp }, 1},
		"one in a bridge":                    {func(s *route.Snapshot) { s.Links[1].Master = 3 }, 1},
		"one without an address":             {func(s *route.Snapshot) { s.Addrs[0].Prefix = netip.MustParsePrefix("192.0.2.1/24") }, 1},
		"one of dynamic addresses by itself": {func(s *route.Snapshot) { s.Addrs[2].Protocol, s.Addrs[2].ValidLft = 2, route.ForeverLft }, 2},
		"one that never heard a router": {func(s *route.Snapshot) {
			s.Addrs[2].ValidLft, s.Addrs[2].Flags = route.ForeverLft, route.AddrPermanent
		}, 1},
		"one with a route of them": {func(s *route.Snapshot) {
			s.Addrs = s.Addrs[:2]
			s.Routes = []route.Route{madeBy("2001:db8:5::/64", route.ProtocolRA, 2), madeBy("2001:db8:6::/64", route.ProtocolStatic, 3)}
		}, 1},
		"one with a global address": {func(s *route.Snapshot) { s.Addrs[0].Prefix = netip.MustParsePrefix("2001:db8::1/64") }, 1},
	} {
		s := &route.Snapshot{
			Links: []route.Link{{Index: 1, Name: "lo", Flags: up}, {Index: 2, Name: "e0", Flags: up}, {Index: 3, Name: "e1", Flags: up}},
			Addrs: []route.Addr{
				{Prefix: netip.MustParsePrefix("fe80::1/64"), Link: 2}, {Prefix: netip.MustParsePrefix("fe80::1/64"), Link: 3},
				{Prefix: netip.MustParsePrefix("2001:db8::2/64"), Link: 2, ValidLft: 1800 * time.Second},
				{Prefix: netip.MustParsePrefix("2001:db8:1::2/64"), Link: 3, ValidLft: 1800 * time.Second},
			},
			Sysctls: route.Sysctls{
				"net/ipv6/conf/e0/accept_ra": "1", "net/ipv6/conf/e0/forwarding": "1",
				"net/ipv6/conf/e1/accept_ra": "1", "net/ipv6/conf/e1/forwarding": "1",
			},
		}
		c.change(s)
		notes := New(s).NoDefault(route.IPv6)
		if !slices.ContainsFunc(notes, func(n Note) bool { return n.Code == NoteRouterIgnored && n.Want == c.want }) {
			t.Errorf("%s: %+v; want %d devices", name, notes, c.want)
		}
	}
}

func madeBy(dst string, by route.Protocol, link int) route.Route {
	return route.Route{
		Table: route.TableMain, Dst: netip.MustParsePrefix(dst), Type: route.TypeUnicast, Protocol: by, NextHops: []route.NextHop{{Link: link}},
	}
}
