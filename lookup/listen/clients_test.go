package listen

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestClientsNextToOthers: what can be the source of a packet is told apart from what cannot,
// and so has no part in a prefix of it.
func TestClientsNextToOthers(t *testing.T) {
	s := &route.Snapshot{
		Links:  []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp}, {Index: 3, Name: "eth1", Flags: route.LinkUp | route.LinkLowerUp}},
		Addrs:  []route.Addr{{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}},
		Rules:  route.DefaultRules(route.IPv4),
		Routes: []route.Route{{Table: route.TableLocal, Dst: netip.MustParsePrefix("192.0.2.2/32"), Type: route.TypeLocal, NextHops: []route.NextHop{{Link: 2}}}},
	}
	for _, r := range []struct {
		dst  string
		link int
		typ  route.Type
	}{{"0.0.0.0/0", 2, route.TypeUnicast}, {"9.0.0.0/8", 3, route.TypeUnicast}, {"240.0.0.0/4", 0, route.TypeBlackhole}} {
		one := route.Route{Table: route.TableMain, Dst: netip.MustParsePrefix(r.dst), Type: r.typ}
		if r.link != 0 {
			one.NextHops = []route.NextHop{{Link: r.link, Gateway: netip.MustParseAddr("192.0.2.1")}}
		}
		s.Routes = append(s.Routes, one)
	}
	x := anySocket(route.IPv4)
	e := NewHost(lookup.New(s)).Exposure(x)
	for client, by := range map[string]int{
		"0.0.0.1": 0, "1.0.0.0": 2, "8.8.8.8": 2, "9.0.0.0": 3, "9.255.255.255": 3, "10.0.0.0": 2, "223.255.255.255": 2, "240.0.0.1": 0, "255.255.255.254": 0,
	} {
		a, got, bits := netip.MustParseAddr(client), Outcome{}, -1
		for _, c := range e.Locals[0].Views[0].Classes {
			for _, p := range c.Clients {
				if p.Contains(a) && p.Bits() > bits {
					got, bits = c.Outcome, p.Bits()
				}
			}
		}
		switch {
		case !ordinary(a): // it may be said to be in any class
		case by == 0 && got.Answered != route.No, by != 0 && (len(got.By) != 1 || got.By[0] != by):
			t.Errorf("%s is answered by %v (%+v), want by %d", client, got.By, got.Reason, by)
		}
	}
}
