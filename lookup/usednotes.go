package lookup

import (
	"net/netip"

	"routewhy/route"
)

// UsedNotes finds what would surprise about the next hops of an entry that packets take,
// whatever its prefix: see [FIB.EntryNotes].
func (f *FIB) UsedNotes(s *EntryStatus) []Note { return append(f.faultNotes(s), f.entrySetup(s)...) }

// StatusAlone is what [FIB.EntryStatuses] would say of a route that packets take, where it is
// not known what else its table has.
func (f *FIB) StatusAlone(r *route.Route) EntryStatus {
	return EntryStatus{Route: *r, Status: StatusInUse, Faults: f.Faults(r), Example: r.Dst.Addr().Next()}
}

// Owner is the device that has an address of this host; zero: none has.
func (f *FIB) Owner(a netip.Addr) int { return f.owner(a) }
