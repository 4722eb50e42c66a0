package lookup_test

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestFaults pins what is said to be wrong with the next hops of a default route
// over eth0 and eth1, and by which note.
func TestFaults(t *testing.T) {
	down := func(s *route.Snapshot) { s.Links[1].Flags = 0 }
	fails := func(s *route.Snapshot) {
		s.Neighbours = []route.Neighbour{{Link: 2, Addr: netip.MustParseAddr("192.0.2.1"), State: route.NeighbourFailed}}
	}
	for name, c := range map[string]struct {
		flags  route.NextHopFlags // of the first next hop
		change func(*route.Snapshot)
		fault  lookup.Code
		note   lookup.Code
	}{
		"nothing":            {},
		"no carrier":         {flags: route.NextHopLinkDown, fault: lookup.FaultCarrier, note: lookup.NoteLinkdownUsed},
		"device down":        {flags: route.NextHopDead | route.NextHopLinkDown, change: down, fault: lookup.FaultDown, note: lookup.NoteDeviceDown},
		"carrier is asked":   {flags: route.NextHopDead | route.NextHopLinkDown, fault: lookup.FaultIgnored, note: lookup.NoteStaleLeg},
		"dead":               {flags: route.NextHopDead, fault: lookup.FaultDead},
		"the gateway failed": {change: fails, fault: lookup.FaultNeighbour, note: lookup.NoteGatewayFailed},
	} {
		t.Run(name, func(t *testing.T) {
			r := via("0.0.0.0/0", "192.0.2.1", 2)
			r.NextHops[0].Flags = c.flags
			r.NextHops = append(r.NextHops, via("0.0.0.0/0", "198.51.100.1", 3).NextHops...)
			s := hostOf([]route.Route{r}, inOrder()...)
			if c.change != nil {
				c.change(s)
			}
			f := lookup.New(s)
			all := f.EntryStatuses(r.Dst)
			var faults, notes, want, wantNotes []lookup.Code
			for _, x := range all[0].Faults {
				faults = append(faults, x.Code)
			}
			for _, n := range f.EntryNotes(all) {
				notes = append(notes, n.Code)
			}
			if c.fault != "" {
				want = append(want, c.fault)
			}
			if c.note != "" {
				wantNotes = append(wantNotes, c.note)
			}
			if !slices.Equal(faults, want) || !slices.Equal(notes, wantNotes) {
				t.Errorf("faults %v, notes %v; want %v, %v", faults, notes, want, wantNotes)
			}
		})
	}
}
