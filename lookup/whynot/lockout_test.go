package whynot

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// twoUplinks is a host with two uplinks and a login from 203.0.113.9 by the first.
func twoUplinks() *route.Snapshot {
	up := route.LinkUp | route.LinkLowerUp
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}, {Index: 2, Name: "eth0", Flags: up}, {Index: 3, Name: "eth1", Flags: up},
		},
		Rules: route.DefaultRules(route.IPv4),
		Sockets: []route.Socket{{
			Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketEstablished,
			Local: netip.MustParseAddrPort("192.0.2.2:22"), Remote: netip.MustParseAddrPort("203.0.113.9:50000"),
		}},
	}
	for i, own := range []string{"192.0.2.2/24", "198.51.100.2/24"} {
		p, link := netip.MustParsePrefix(own), 2+i
		gateway := p.Masked().Addr().Next()
		s.Addrs = append(s.Addrs, route.Addr{Link: link, Prefix: p, Flags: route.AddrPermanent})
		s.Routes = append(s.Routes,
			route.Route{Table: route.TableLocal, Dst: netip.PrefixFrom(p.Addr(), 32), Type: route.TypeLocal, Scope: route.ScopeHost,
				Protocol: route.ProtocolKernel, PrefSrc: p.Addr(), NextHops: []route.NextHop{{Link: link}}},
			route.Route{Table: route.TableMain, Dst: p.Masked(), Type: route.TypeUnicast, Scope: route.ScopeLink,
				Protocol: route.ProtocolKernel, PrefSrc: p.Addr(), NextHops: []route.NextHop{{Link: link}}},
			route.Route{Table: route.TableMain, Dst: route.IPv4.Default(), Type: route.TypeUnicast, Metric: uint32(100 * i),
				Protocol: route.ProtocolBoot, NextHops: []route.NextHop{{Link: link, Gateway: gateway}}})
	}
	return s
}

// TestLockOut asks about a host to which somebody is logged in. A change that ends the
// login must not be offered.
func TestLockOut(t *testing.T) {
	s := twoUplinks()
	for _, c := range []struct {
		dst     string
		yours   bool
		offered string // a command that is among those offered; empty: none is
		lockOut bool
	}{
		{"8.8.8.8", false, "ip route del default via 192.0.2.1 dev eth0", false},
		{"8.8.8.8", true, "ip route add 8.8.8.8 via 198.51.100.1 dev eth1", true},
		{"203.0.113.9", false, "ip route add 203.0.113.9 via 198.51.100.1 dev eth1", false},
		{"203.0.113.9", true, "", true},
	} {
		q := &Question{
			FIB: lookup.New(s), Flow: route.Flow{Dst: netip.MustParseAddr(c.dst), UID: route.NoUID}, Want: Want{Kind: Device, Link: 3},
			Sockets: s.Sockets, Yours: func(*route.Socket) bool { return c.yours },
		}
		a := Ask(q)
		var commands []string
		for i := range a.Ways {
			commands = append(commands, a.Ways[i].Commands...)
		}
		ends := slices.ContainsFunc(commands, func(s string) bool { return strings.HasPrefix(s, "ip route del default") })
		if c.offered == "" && len(commands) > 0 || c.offered != "" && !slices.Contains(commands, c.offered) || c.yours && ends || (a.LockOut > 0) != c.lockOut {
			t.Errorf("%s, yours %v: offered %q, %d end the session", c.dst, c.yours, commands, a.LockOut)
		}
	}
}
