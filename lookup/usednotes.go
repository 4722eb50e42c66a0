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

// Binds is what becomes of an IPv6 packet that a socket sends which is bound to the packet's
// device (SO_BINDTODEVICE), and uses routes by the device alone; false: the same, or the packet
// has no source and so uses such routes alone in any case (ip6_route_output_flags_noref). A
// device that a program names for one packet (IPV6_PKTINFO, IPV6_UNICAST_IF) is only preferred,
// if it names a source as well. A VRF is no device that routes name, and so is not asked about.
func (f *FIB) Binds(flow *route.Flow, d *Decision) (Decision, bool) {
	if flow.Out == 0 || flow.In != 0 || flow.Bound || !flow.Src.IsValid() || !flow.Dst.Is6() || d.Disposition == DispositionUnknown {
		return Decision{}, false
	}
	if l := f.snap.Link(flow.Out); l == nil || l.VRFTable != 0 {
		return Decision{}, false
	}
	bound := *flow
	bound.Bound = true
	again := f.Lookup(bound)
	return again, again.Disposition != DispositionUnknown && !d.SameWay(&again)
}

// boundElse notes that a socket which is bound to the packet's device does otherwise.
func (f *FIB) boundElse(flow *route.Flow, d *Decision) []Note {
	again, other := f.Binds(flow, d)
	if !other {
		return nil
	}
	n := Note{Reason: Reason{Code: NoteBoundElse, Have: f.snap.LinkName(flow.Out)}, Rule: again.Rule}
	if again.HasRoute {
		n.Route = &again.Route
	}
	if again.Errno != 0 {
		n.Want = again.Errno
	}
	return []Note{n}
}
