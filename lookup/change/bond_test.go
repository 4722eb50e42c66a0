package change_test

import (
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// TestBond checks that a bond takes no device that is up, and sets up one that it takes
// (bond_enslave). A device that leaves it goes down (bond_release).
func TestBond(t *testing.T) {
	for flags, want := range map[route.LinkFlags]route.Errno{0: 0, route.LinkUp: route.EPERM} {
		s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0", Flags: flags}, {Index: 3, Name: "bond0", Kind: "bond"}}}
		master := 3
		out := change.New(lookup.New(s)).Apply(&change.Link{Index: 2, Master: &master})
		var got route.Errno
		if out.Refusal != nil {
			got = out.Refusal.Errno
		}
		if got != want {
			t.Errorf("with flags %v: %v, want %v", flags, got, want)
		}
		if flags != 0 {
			continue
		}
		if l := out.State.FIB().Snapshot().Link(2); !l.Up() || l.Master != 3 {
			t.Errorf("the bond's port is %+v", l)
		}
		none := 0
		if l := out.State.Apply(&change.Link{Index: 2, Master: &none}).State.FIB().Snapshot().Link(2); l.Up() || l.Master != 0 {
			t.Errorf("the port that left is %+v", l)
		}
	}
}
