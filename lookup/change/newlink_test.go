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
	for kind, refused := range map[string]bool{"wireguard": true, "tun": true, "vrf": true, "dummy": false, "bridge": false, "veth": false} {
		s := change.New(lookup.New(&route.Snapshot{
			Release: "6.12.117", Links: []route.Link{{Index: 2, Name: "x0", Kind: kind, MTU: 1500, PeerNetNS: -1, VRFTable: 9}},
		}))
		no := s.Apply(&change.NewLink{Name: "x0.7", Kind: "vlan", Lower: 2, VLAN: 7}).Refusal
		if (no != nil) != refused || refused && no.Errno != route.EOPNOTSUPP {
			t.Errorf("on %s: %v, want it refused: %v", kind, no, refused)
		}
	}
}
