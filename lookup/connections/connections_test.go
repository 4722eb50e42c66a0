package connections_test

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/connections"
	"routewhy/route"
)

// host is one with two uplinks and a default route by the first or the second.
func host(gateway string, link int) *lookup.FIB {
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	s := &route.Snapshot{
		Links: []route.Link{{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}, {Index: 2, Name: "eth0", Flags: up}, {Index: 3, Name: "eth1", Flags: up}},
		Addrs: []route.Addr{
			{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}, {Link: 3, Prefix: netip.MustParsePrefix("198.51.100.2/24")},
		},
		Rules: route.DefaultRules(route.IPv4),
	}
	add := func(dst string, typ route.Type, scope route.Scope, h route.NextHop) {
		r := route.Route{Table: route.TableMain, Dst: netip.MustParsePrefix(dst), Type: typ, Scope: scope, NextHops: []route.NextHop{h}}
		if typ == route.TypeLocal {
			r.Table = route.TableLocal
		}
		s.Routes = append(s.Routes, r)
	}
	add("192.0.2.2/32", route.TypeLocal, route.ScopeHost, route.NextHop{Link: 2})
	add("198.51.100.2/32", route.TypeLocal, route.ScopeHost, route.NextHop{Link: 3})
	add("192.0.2.0/24", route.TypeUnicast, route.ScopeLink, route.NextHop{Link: 2})
	add("198.51.100.0/24", route.TypeUnicast, route.ScopeLink, route.NextHop{Link: 3})
	if gateway != "" {
		add("0.0.0.0/0", route.TypeUnicast, route.ScopeGlobal, route.NextHop{Gateway: netip.MustParseAddr(gateway), Link: link})
	}
	return lookup.New(s)
}

// ported is the first host with eth0 in a bridge.
func ported(bridge route.LinkFlags) *lookup.FIB {
	s := *host("192.0.2.1", 2).Snapshot()
	s.Links = append(slices.Clone(s.Links), route.Link{Index: 4, Name: "br0", Kind: "bridge", Flags: bridge})
	s.Links[1].Master = 4
	return lookup.New(&s)
}

// knows is a host with an entry of its neighbour table on eth0.
func knows(f *lookup.FIB, addr string, state route.NeighbourState) *lookup.FIB {
	s := *f.Snapshot()
	s.Neighbours = []route.Neighbour{{Link: 2, Addr: netip.MustParseAddr(addr), State: state}}
	return lookup.New(&s)
}

// holds is a host with one more address of its own.
func holds(f *lookup.FIB, addr string) *lookup.FIB {
	s := *f.Snapshot()
	p := netip.MustParsePrefix(addr + "/32")
	s.Addrs = append(slices.Clone(s.Addrs), route.Addr{Link: 1, Prefix: p})
	s.Routes = append(slices.Clone(s.Routes), route.Route{
		Table: route.TableLocal, Dst: p, Type: route.TypeLocal, Scope: route.ScopeHost, NextHops: []route.NextHop{{Link: 1}},
	})
	return lookup.New(&s)
}

// silent is the first host with eth0 asking for no link-layer address.
func silent() *lookup.FIB {
	s := *host("192.0.2.1", 2).Snapshot()
	s.Links = slices.Clone(s.Links)
	s.Links[1].Flags |= route.LinkNoARP
	return lookup.New(&s)
}

// tcp is an established connection over IPv4.
func tcp(local, remote string) route.Socket {
	return route.Socket{
		Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketEstablished,
		Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote),
	}
}

// TestCompare checks what happens to connections, without a kernel.
func TestCompare(t *testing.T) {
	udp := tcp("192.0.2.2:5353", "203.0.113.7:53")
	udp.Proto = route.ProtoUDP
	listener := tcp("192.0.2.2:22", "0.0.0.0:0")
	listener.State = route.SocketListen
	mapped := tcp("[::ffff:192.0.2.2]:22", "[::ffff:203.0.113.7]:51022")
	mapped.Family = route.IPv6
	bound := tcp("192.0.2.2:22", "203.0.113.7:51023")
	bound.Link = 2
	const bridgeUp = route.LinkUp | route.LinkRunning | route.LinkLowerUp
	for _, c := range []struct {
		name        string
		after       *lookup.FIB
		socket      route.Socket
		moves, told bool
		lost        connections.Loss
	}{
		{"nothing changes", host("192.0.2.1", 2), tcp("192.0.2.2:22", "203.0.113.7:51022"), false, false, ""},
		{"its device becomes a port of a bridge that is down", ported(0), tcp("192.0.2.2:22", "203.0.113.7:51022"), false, true, connections.LostDevice},
		{"and of one that is up", ported(bridgeUp), tcp("192.0.2.2:22", "203.0.113.7:51022"), false, true, connections.LostAsPort},
		{"and its gateway's entry is not renewed", knows(ported(bridgeUp), "192.0.2.1", route.NeighbourStale), tcp("192.0.2.2:22", "203.0.113.7:51022"), false, true, connections.LostAsPort},
		{"or stays without answers", knows(ported(bridgeUp), "192.0.2.1", route.NeighbourPermanent), tcp("192.0.2.2:22", "203.0.113.7:51022"), false, false, ""},
		{"its device asks for no address", silent(), tcp("192.0.2.2:22", "203.0.113.7:51022"), false, true, connections.LostDead},
		{"another gateway of the network", knows(host("192.0.2.3", 2), "192.0.2.3", route.NeighbourStale), tcp("192.0.2.2:22", "203.0.113.7:51022"), true, true, ""},
		{"one of which nothing is known", host("192.0.2.3", 2), tcp("192.0.2.2:22", "203.0.113.7:51022"), true, true, connections.LostUnheard},
		{"one that is asked for", knows(host("192.0.2.3", 2), "192.0.2.3", route.NeighbourIncomplete), tcp("192.0.2.2:22", "203.0.113.7:51022"), true, true, connections.LostUnheard},
		{"one that does not answer", knows(host("192.0.2.3", 2), "192.0.2.3", route.NeighbourFailed), tcp("192.0.2.2:22", "203.0.113.7:51022"), true, true, connections.LostDead},
		{"the other end's address is this host's own", holds(host("192.0.2.1", 2), "203.0.113.7"), tcp("192.0.2.2:22", "203.0.113.7:51022"), true, true, connections.LostOtherHere},
		{"another network", host("198.51.100.1", 3), tcp("192.0.2.2:22", "203.0.113.7:51022"), true, true, connections.LostElsewhere},
		{"UDP", host("198.51.100.1", 3), udp, true, true, connections.LostElsewhere},
		{"an IPv6 socket of an IPv4 connection", host("198.51.100.1", 3), mapped, true, true, connections.LostElsewhere},
		{"no route", host("", 0), tcp("192.0.2.2:22", "203.0.113.7:51022"), true, true, connections.LostRefused},
		{"the neighbour next door stays", host("", 0), tcp("192.0.2.2:22", "192.0.2.7:51022"), false, false, ""},
		{"a listener has no connection", host("", 0), listener, false, false, ""},
		{"bound to its device", host("198.51.100.1", 3), bound, true, true, connections.LostGateway},
	} {
		got := connections.Compare(host("192.0.2.1", 2), c.after, []route.Socket{c.socket})
		if len(got) == 1 != c.told {
			t.Errorf("%s: %+v", c.name, got)
		} else if c.told && (got[0].Lost != c.lost || got[0].Moves != c.moves) {
			t.Errorf("%s: lost %q, moves %v; want %q, %v", c.name, got[0].Lost, got[0].Moves, c.lost, c.moves)
		}
	}
}

// TestStraight checks which connections are lost when their packets leave by no gateway any more.
func TestStraight(t *testing.T) {
	behind := func(f *lookup.FIB) *lookup.FIB { // what eth0's own address sends leaves by the gateway
		s := *f.Snapshot()
		s.Rules = append(slices.Clone(s.Rules[:1]), s.Rules...)
		s.Rules[1] = s.Rules[2]
		s.Rules[1].Priority, s.Rules[1].Table, s.Rules[1].Selector.Src = 500, 100, netip.MustParsePrefix("192.0.2.2/32")
		s.Routes = append(slices.Clone(s.Routes), route.Route{
			Table: 100, Dst: route.IPv4.Default(), Type: route.TypeUnicast,
			NextHops: []route.NextHop{{Gateway: netip.MustParseAddr("192.0.2.1"), Link: 2}},
		})
		return lookup.New(&s)
	}
	for _, c := range []struct {
		name, remote, neighbour string
		state                   route.NeighbourState
		lost                    connections.Loss
	}{
		{"the gateway", "192.0.2.1:51022", "192.0.2.1", route.NeighbourReachable, ""},
		{"of its network, with an entry", "192.0.2.50:51022", "192.0.2.50", route.NeighbourStale, ""},
		{"of its network, without one", "192.0.2.50:51022", "192.0.2.1", route.NeighbourStale, connections.LostUnheard},
		{"of no network, with an entry", "203.0.113.7:51022", "203.0.113.7", route.NeighbourStale, ""},
		{"of no network, and asked for in vain", "203.0.113.7:51022", "203.0.113.7", route.NeighbourFailed, connections.LostGateway},
		{"of no network, without one", "203.0.113.7:51022", "192.0.2.1", route.NeighbourStale, connections.LostGateway},
	} {
		s := *knows(host("192.0.2.1", 2), c.neighbour, c.state).Snapshot()
		s.Routes = append(slices.Clone(s.Routes), route.Route{
			Table: route.TableMain, Dst: netip.MustParsePrefix("203.0.113.0/24"), Type: route.TypeUnicast, Scope: route.ScopeLink, NextHops: []route.NextHop{{Link: 2}},
		})
		after := lookup.New(&s)
		got := connections.Compare(behind(after), after, []route.Socket{{
			Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketEstablished,
			Local: netip.MustParseAddrPort("192.0.2.2:22"), Remote: netip.MustParseAddrPort(c.remote),
		}})
		if len(got) != 1 || !got[0].Moves || got[0].Lost != c.lost {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestEachKeepsItsWays: each connection has its own next hops, and not those of the last one
// that was looked up.
func TestEachKeepsItsWays(t *testing.T) {
	before, after := host("192.0.2.1", 2), host("198.51.100.1", 3)
	to := func(f *lookup.FIB) *lookup.FIB { // 203.0.113.0/24 is reached through one more gateway of the device
		s := *f.Snapshot()
		last := s.Routes[len(s.Routes)-1]
		gateway := netip.MustParseAddr("192.0.2.9")
		if last.NextHops[0].Link == 3 {
			gateway = netip.MustParseAddr("198.51.100.9")
		}
		last.Dst, last.NextHops = netip.MustParsePrefix("203.0.113.0/24"), []route.NextHop{{Gateway: gateway, Link: last.NextHops[0].Link}}
		s.Routes = append(slices.Clone(s.Routes), last)
		return lookup.New(&s)
	}
	got := connections.Compare(to(before), to(after), []route.Socket{tcp("192.0.2.2:22", "8.8.8.8:443"), tcp("192.0.2.2:22", "203.0.113.7:51022")})
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{"192.0.2.1 198.51.100.1", "192.0.2.9 198.51.100.9"} {
		if is := got[i].Before.NextHops[0].Gateway.String() + " " + got[i].After.NextHops[0].Gateway.String(); is != want {
			t.Errorf("connection %d: %s, want %s", i, is, want)
		}
	}
}
