package lookup_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestSilentGateway: on a point-to-point device, one entry stands for all IPv4 neighbours (seen on a
// tun device after `ip neigh add 10.0.0.77 dev e0 nud failed`: it loses all IPv4 packets).
func TestSilentGateway(t *testing.T) {
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	s := &route.Snapshot{
		Links: []route.Link{{Index: 2, Name: "tun0", Flags: up | route.LinkPointopoint | route.LinkNoARP}, {Index: 3, Name: "eth0", Flags: up}},
		Neighbours: []route.Neighbour{
			{Link: 2, Addr: netip.IPv4Unspecified(), State: route.NeighbourIncomplete},
			{Link: 3, Addr: netip.MustParseAddr("10.0.0.1"), State: route.NeighbourFailed},
		},
	}
	f := lookup.New(s)
	for _, tt := range []struct {
		link          int
		gateway, want string
	}{
		{2, "10.0.0.1", "0.0.0.0"},
		{2, "", "0.0.0.0"},
		{2, "2001:db8::1", ""},
		{3, "10.0.0.1", "10.0.0.1"},
		{3, "10.0.0.2", ""},
		{3, "", ""},
	} {
		gateway, _ := netip.ParseAddr(tt.gateway)
		want, _ := netip.ParseAddr(tt.want)
		if got := f.SilentGateway(&lookup.NextHop{Link: tt.link, Gateway: gateway}); got != want {
			t.Errorf("device %d, gateway %q: %v", tt.link, tt.gateway, got)
		}
	}
}
