package change_test

import (
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// TestVLANOn makes a VLAN on devices of several kinds, as Linux 6.1 and 6.12 were seen to
// answer (vlan_check_real_dev).
func TestVLANOn(t *testing.T) {
	const tunnel = route.LinkPointopoint | route.LinkNoARP
	for _, c := range []struct {
		kind    string
		flags   route.LinkFlags
		refused bool
	}{
		{"wireguard", tunnel, true}, {"tun", tunnel, true}, {"tun", route.LinkBroadcast, false}, {"vrf", route.LinkNoARP, true},
		{"dummy", route.LinkNoARP, false}, {"bridge", route.LinkBroadcast, false}, {"veth", route.LinkBroadcast, false},
	} {
		s := change.New(lookup.New(&route.Snapshot{
			Release: "6.12.117", Links: []route.Link{{Index: 2, Name: "x0", Kind: c.kind, Flags: c.flags, MTU: 1500, PeerNetNS: -1, VRFTable: 9}},
		}))
		no := s.Apply(&change.NewLink{Name: "x0.7", Kind: "vlan", Lower: 2, VLAN: 7}).Refusal
		if (no != nil) != c.refused || c.refused && no.Errno != route.EOPNOTSUPP {
			t.Errorf("on %s with the flags %v: %v, want it refused: %v", c.kind, c.flags, no, c.refused)
		}
	}
}
