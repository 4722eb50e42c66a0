package connections_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/connections"
	"routewhy/route"
)

const running = route.LinkUp | route.LinkRunning | route.LinkLowerUp

// below is the first host, whose eth0 is of a kind, with these devices instead of others
// below it.
func below(kind string, peer int, eth0 route.LinkFlags, links ...route.Link) *lookup.FIB {
	s := *host("192.0.2.1", 2).Snapshot()
	s.Links = slices.Clone(s.Links)
	s.Links[1].Kind, s.Links[1].Peer, s.Links[1].PeerNetNS, s.Links[1].Flags = kind, peer, -1, eth0
	for i := range links {
		links[i].PeerNetNS = -1
	}
	s.Links = append(s.Links, links...)
	return lookup.New(&s)
}

// TestCarried checks connections by devices whose ports or lower devices change. Their
// routes stay.
func TestCarried(t *testing.T) {
	port := func(index int, flags route.LinkFlags) route.Link {
		return route.Link{Index: index, Name: "p", Flags: flags, Master: 2}
	}
	lower := func(flags route.LinkFlags) route.Link { return route.Link{Index: 10, Name: "lower", Flags: flags} }
	end := func(index, peer, master int) route.Link {
		return route.Link{Index: index, Name: "v", Kind: "veth", Flags: running, Peer: peer, Master: master}
	}
	other := func(flags route.LinkFlags) route.Link {
		return route.Link{Index: 20, Name: "br1", Kind: "bridge", Flags: flags}
	}
	uplink := func(flags route.LinkFlags) route.Link {
		return route.Link{Index: 21, Name: "u", Flags: flags, Master: 20}
	}
	for _, c := range []struct {
		name          string
		before, after *lookup.FIB
		lost          connections.Loss
		maybe         bool
		below         int
	}{
		{"a device loses its carrier, and its routes stay", below("", 0, running), below("", 0, route.LinkUp), connections.LostCarrier, false, 0},
		{"the only port goes down", below("bridge", 0, running, port(10, running)), below("bridge", 0, route.LinkUp, port(10, 0)), connections.LostPort, false, 10},
		{"the only port leaves", below("bridge", 0, running, port(10, running)), below("bridge", 0, route.LinkUp), connections.LostPort, false, 10},
		{"one of two ports of a bridge", below("bridge", 0, running, port(10, running), port(11, running)), below("bridge", 0, running, port(10, 0), port(11, running)), connections.LostPort, true, 10},
		{"one of two ports of a bond", below("bond", 0, running, port(10, running), port(11, running)), below("bond", 0, running, port(10, 0), port(11, running)), "", false, 0},
		{"both ports of a bond", below("bond", 0, running, port(10, running), port(11, running)), below("bond", 0, route.LinkUp, port(10, 0), port(11, 0)), connections.LostPort, false, 10},
		{"another port comes", below("bridge", 0, running, port(10, running)), below("bridge", 0, running, port(10, running), port(11, running)), "", false, 0},
		{"the device below a macvlan goes down", below("macvlan", 10, running, lower(running)), below("macvlan", 10, running, lower(0)), connections.LostLower, false, 10},
		{"the device below a VLAN has no carrier", below("vlan", 10, running, lower(running)), below("vlan", 10, route.LinkUp, lower(route.LinkUp)), connections.LostLower, false, 10},
		{"it had none before", below("vlan", 10, running, lower(0)), below("vlan", 10, running, lower(0)), "", false, 0},
		{
			"the uplink of another bridge", below("bridge", 0, running, end(10, 11, 2), end(11, 10, 20), other(running), uplink(running)),
			below("bridge", 0, running, end(10, 11, 2), end(11, 10, 20), other(running), uplink(0)), connections.LostPort, false, 21,
		},
		{
			"the other bridge", below("bridge", 0, running, end(10, 11, 2), end(11, 10, 20), other(running), uplink(running)),
			below("bridge", 0, running, end(10, 11, 2), end(11, 10, 20), other(0), uplink(running)), connections.LostPort, false, 21,
		},
	} {
		socket := route.Socket{
			Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketEstablished,
			Local: netip.MustParseAddrPort("192.0.2.2:22"), Remote: netip.MustParseAddrPort("203.0.113.7:51022"),
		}
		got := connections.Compare(c.before, c.after, []route.Socket{socket})
		switch {
		case c.lost == "" && len(got) == 0:
		case len(got) != 1 || got[0].Lost != c.lost || got[0].MayBeLost != c.maybe || got[0].Below != c.below:
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestMayArrive checks a connection that leaves by one device with the address of another
// one: the other end's packets may arrive by that one, which goes down.
func TestMayArrive(t *testing.T) {
	socket := route.Socket{
		Proto: route.ProtoTCP, Family: route.IPv4, State: route.SocketEstablished,
		Local: netip.MustParseAddrPort("198.51.100.2:22"), Remote: netip.MustParseAddrPort("203.0.113.7:51022"),
	}
	after := *host("192.0.2.1", 2).Snapshot()
	after.Links = slices.Clone(after.Links)
	after.Links[2].Flags = 0
	got := connections.Compare(host("192.0.2.1", 2), lookup.New(&after), []route.Socket{socket})
	if len(got) != 1 || got[0].Lost != connections.LostDevice || !got[0].MayBeLost || got[0].In != 3 {
		t.Errorf("%+v", got)
	}
}

// TestPortOfNeighbour: where a bridge's forwarding table tells by which port the gateway is
// reached, a connection is lost with that port and with no other.
func TestPortOfNeighbour(t *testing.T) {
	bridged := func(port int, masters ...int) *lookup.FIB {
		s := *host("192.0.2.1", 2).Snapshot()
		s.Links = slices.Clone(s.Links)
		s.Links[1].Kind = "bridge"
		for i, m := range masters {
			s.Links = append(s.Links, route.Link{Index: 4 + i, Name: fmt.Sprint("p", i), Kind: "veth", Flags: running, Master: m, PeerNetNS: 0})
		}
		s.Neighbours = []route.Neighbour{{Link: 2, Addr: netip.MustParseAddr("192.0.2.1"), State: route.NeighbourReachable, Port: port}}
		return lookup.New(&s)
	}
	session := tcp("192.0.2.2:22", "203.0.113.7:51022")
	for _, c := range []struct {
		name      string
		port      int
		masters   [2]int // of the two ports, after the change
		lost, may bool
	}{
		{"the other port leaves", 4, [2]int{2, 0}, false, false},
		{"its port leaves", 4, [2]int{0, 2}, true, false},
		{"both leave", 4, [2]int{0, 0}, true, false},
		{"a port leaves, and it is not known which is its own", 0, [2]int{2, 0}, true, true},
	} {
		got := connections.Compare(bridged(c.port, 2, 2), bridged(c.port, c.masters[:]...), []route.Socket{session})
		lost := len(got) == 1 && got[0].Lost == connections.LostPort
		if lost != c.lost || lost && got[0].MayBeLost != c.may || lost && c.port != 0 && got[0].Below != c.port {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
