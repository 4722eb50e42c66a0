package listen

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestClientsNextToOthers has addresses that can be the source of a packet next to addresses
// that cannot. The prefixes of the classes are right for all that can.
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
		case !ordinary(a): // it may be in any class
		case by == 0 && got.Answered != route.No, by != 0 && (len(got.By) != 1 || got.By[0] != by):
			t.Errorf("%s is answered by %v (%+v), want by %d", client, got.By, got.Reason, by)
		}
	}
}

// TestNetworkInsideAnother: eth1's network is a part of eth0's. Neighbours by eth0 with an
// address of that part get no answer, because it asks for them on eth1's link; and by eth1
// there are no clients of the rest.
func TestNetworkInsideAnother(t *testing.T) {
	const eth0, eth1 = 2, 3
	up := route.LinkUp | route.LinkLowerUp
	to := func(p string, typ route.Type, table route.Table, dev int) route.Route {
		return route.Route{Table: table, Dst: prefix(p), Type: typ, NextHops: []route.NextHop{{Link: dev}}}
	}
	s := &route.Snapshot{
		Links: []route.Link{{Index: eth0, Name: "eth0", Flags: up}, {Index: eth1, Name: "eth1", Flags: up}},
		Addrs: []route.Addr{{Link: eth0, Prefix: prefix("10.0.0.2/8")}, {Link: eth1, Prefix: prefix("10.1.0.2/24")}},
		Rules: route.DefaultRules(route.IPv4),
		Routes: []route.Route{
			to("10.0.0.2/32", route.TypeLocal, route.TableLocal, eth0), to("10.1.0.2/32", route.TypeLocal, route.TableLocal, eth1),
			to("10.0.0.0/8", route.TypeUnicast, route.TableMain, eth0), to("10.1.0.0/24", route.TypeUnicast, route.TableMain, eth1),
		},
		Sysctls: route.Sysctls{},
	}
	x := socket(route.ProtoTCP, "10.0.0.2:1", 0, false)
	e := NewHost(lookup.New(s)).Exposure(&x)
	want := []string{"10.0.0.2/32 eth0=10.1.0.0/24!other-link,10.0.0.0/8,0.0.0.0/0!no-route eth1=10.1.0.0/24,10.0.0.0/8>eth0,0.0.0.0/0!no-route"}
	if got := described(s, e.Locals); !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}
