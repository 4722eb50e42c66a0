package change_test

import (
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// TestCarrierFromElsewhere sets devices down and up that get their carrier from a device in
// another namespace, which no change here touches (veth_open, vlan_dev_open), and a TUN device
// that a program has open. The way back leaves nothing.
func TestCarrierFromElsewhere(t *testing.T) {
	const live = route.LinkUp | route.LinkRunning | route.LinkLowerUp
	for _, c := range []struct {
		name string
		link route.Link
		has  bool
	}{
		{"veth", route.Link{Kind: "veth", Flags: live, Peer: 7, OperState: 6}, true},
		{"vlan", route.Link{Kind: "vlan", Flags: live, Peer: 7, OperState: 6}, true},
		{"macvlan", route.Link{Kind: "macvlan", Flags: live, Peer: 7, OperState: 6}, true},
		{"tun", route.Link{Kind: "tun", Flags: live | route.LinkPointopoint | route.LinkNoARP, PeerNetNS: -1}, true},
		{"veth without", route.Link{Kind: "veth", Flags: route.LinkUp, Peer: 7, OperState: 7}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.link.Index, c.link.Name, c.link.MTU = 2, "eth0", 1500
			before := change.New(lookup.New(&route.Snapshot{Release: "6.18.0", Links: []route.Link{c.link}}))
			down := before.Apply(&change.Link{Verb: change.Modify, Index: 2, Up: route.No})
			up := down.State.Apply(&change.Link{Verb: change.Modify, Index: 2, Up: route.Yes})
			if l := up.State.FIB().Snapshot().Link(2); l.Carrier() != c.has {
				t.Errorf("after down and up it has a carrier: %t", l.Carrier())
			}
			if back := change.Undo(before, []change.Outcome{down}); len(back.Left) > 0 && c.has {
				t.Errorf("the way back leaves %+v", back.Left)
			}
		})
	}
}
