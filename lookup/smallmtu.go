package lookup

import "routewhy/route"

// SmallMTU6 are the indexes of the devices that have neighbours, and no IPv6 because their
// MTU is too small. There are none if no device has IPv6, or if the addresses are not known.
func (f *FIB) SmallMTU6() []int {
	if f.snap.Lacks(route.FactAddrs, route.IPv6) || f.snap.Assumes(route.FactAddrs, route.IPv6) {
		return nil
	}
	var out []int
	some := false
	for _, d := range f.devices {
		some = some || len(d.addrs6) > 0
		if !d.HasIPv6() && d.Carrier() && d.Master == 0 && len(d.addrs6) == 0 && f.HasNeighbours(d.Index) {
			out = append(out, d.Index)
		}
	}
	if !some {
		return nil
	}
	return out
}

// smallMTU6 notes the devices that have no IPv6 because of their MTU.
func (f *FIB) smallMTU6() []Note {
	var names []string
	for _, link := range f.SmallMTU6() {
		names = append(names, f.snap.LinkName(link))
	}
	return named(NoteSmallMTU, names)
}
