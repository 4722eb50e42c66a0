package listen

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestLoopbackByUplinks: all devices that refuse packets to 127.0.0.0/8 share one look-up. The
// answer for each is the same as if only that device had been asked about.
func TestLoopbackByUplinks(t *testing.T) {
	const devices = 20
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	s := &route.Snapshot{
		Links:  []route.Link{{Index: 1, Name: "lo", Flags: up | route.LinkLoopback, PeerNetNS: -1}},
		Addrs:  []route.Addr{{Link: 1, Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: route.ScopeHost}},
		Rules:  route.DefaultRules(route.IPv4),
		Routes: []route.Route{{Table: route.TableLocal, Dst: loopback, Type: route.TypeLocal, Scope: route.ScopeHost, NextHops: []route.NextHop{{Link: 1}}}},
		Sysctls: map[string]string{
			"net/ipv4/conf/v3/route_localnet": "1",
		},
	}
	for i := range devices {
		a := netip.AddrFrom4([4]byte{10, 0, byte(i), 1})
		s.Links = append(s.Links, route.Link{Index: i + 2, Name: fmt.Sprint("v", i), Flags: up, PeerNetNS: -1})
		s.Addrs = append(s.Addrs, route.Addr{Link: i + 2, Prefix: netip.PrefixFrom(a, 24)})
		s.Routes = append(s.Routes, route.Route{
			Table: route.TableLocal, Dst: netip.PrefixFrom(a, 32), Type: route.TypeLocal, NextHops: []route.NextHop{{Link: i + 2}},
		})
	}
	h := NewHost(lookup.New(s))
	socket, a := anySocket(route.IPv4), netip.MustParseAddr("127.0.0.1")
	ask := func(k *asker, link int) View {
		return k.view(link, a, h.kind(a), socket, h.at(h.asked[route.IPv4].of(socket), a))
	}
	all := newAsker(h.fib, route.IPv4)
	for _, link := range all.links {
		if got, want := ask(all, link), ask(newAsker(h.fib, route.IPv4), link); !reflect.DeepEqual(got, want) {
			t.Errorf("by %d: %+v, want %+v", link, got, want)
		}
	}
	if n := len(all.ins); n != 2 { // the one of v3, and the one of the others
		t.Errorf("by %d devices the packets of all clients were looked up %d times", len(all.links), n)
	}
}
