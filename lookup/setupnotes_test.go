package lookup_test

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestVRFUnasked pins that packets bound to a VRF whose rule was deleted are said not to
// get to its table.
func TestVRFUnasked(t *testing.T) {
	for name, c := range map[string]struct {
		rules []route.Rule
		want  bool
	}{
		"deleted":     {defaultRules(), true},
		"there":       {inOrder(l3mdev()), false},
		"one by hand": {inOrder(to(5, 10)), false},
	} {
		s := hostOf([]route.Route{via("0.0.0.0/0", "192.0.2.1", 2), via("0.0.0.0/0", "198.51.100.1", 3, table(10))}, c.rules...)
		inVRF(s)
		vrf := s.Links[slices.IndexFunc(s.Links, func(l route.Link) bool { return l.Kind == "vrf" })].Index
		f := lookup.New(s)
		notes := f.Notes(f.Explain(route.Flow{Dst: netip.MustParseAddr("8.8.8.8"), Out: vrf, Proto: 17}))
		got := slices.ContainsFunc(notes, func(n lookup.Note) bool { return n.Code == lookup.NoteVRFUnasked })
		if got != c.want {
			t.Errorf("%s: noted %v, want %v", name, got, c.want)
		}
	}
}

// TestHopsNotes: what is wrong with next hops is noted once where it is the same, and of
// thousands only some are.
func TestHopsNotes(t *testing.T) {
	r := via("0.0.0.0/0", "192.0.2.2", 2)
	for range 8000 {
		r.NextHops = append(r.NextHops, r.NextHops[0])
	}
	count := func(r route.Route) int {
		s := hostOf([]route.Route{r})
		withBroadcast(s)
		f := lookup.New(s)
		n := 0
		for _, note := range f.Notes(f.Explain(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")})) {
			if note.Code == lookup.NoteGatewayOwn {
				n++
			}
		}
		return n
	}
	if n := count(r); n != 1 {
		t.Errorf("%d notes about one gateway", n)
	}
}

func withBroadcast(s *route.Snapshot) {
	for i := range s.Links {
		s.Links[i].Flags |= route.LinkBroadcast
	}
}

// TestNoGateway: ARP asks only on a device with broadcasts. A device of which only the name
// was read has none, and neither have those of mobile networks.
func TestNoGateway(t *testing.T) {
	r := via("0.0.0.0/0", "192.0.2.1", 2)
	r.NextHops[0].Gateway = netip.Addr{}
	for _, broadcast := range []bool{false, true} {
		s := hostOf([]route.Route{r})
		if broadcast {
			withBroadcast(s)
		}
		f := lookup.New(s)
		notes := f.Notes(f.Explain(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")}))
		got := slices.ContainsFunc(notes, func(n lookup.Note) bool { return n.Code == lookup.NoteNoGateway })
		if got != broadcast {
			t.Errorf("a device with broadcasts %v: noted %v", broadcast, got)
		}
	}
}
