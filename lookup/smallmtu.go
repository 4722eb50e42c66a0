package lookup

import "routewhy/route"

// minMTU6 is the smallest MTU of a device that has IPv6 (RFC 8200 section 5). The kernel
// takes IPv6 from a device with a smaller one, with its addresses and routes
// (addrconf_notify in net/ipv6/addrconf.c).
const minMTU6 = 1280

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
		if d.tooSmall6() && d.Carrier() && d.Master == 0 && len(d.addrs6) == 0 && f.HasNeighbours(d.Index) {
			out = append(out, d.Index)
		}
	}
	if !some {
		return nil
	}
	return out
}

// tooSmall6 reports whether a device's MTU is known and too small for IPv6.
func (d *device) tooSmall6() bool {
	return d.MTU > 0 && d.MTU < minMTU6 && d.Flags&route.LinkLoopback == 0
}

// smallMTU6 notes the devices that have no IPv6 because of their MTU.
func (f *FIB) smallMTU6() []Note {
	var names []string
	for _, link := range f.SmallMTU6() {
		names = append(names, f.snap.LinkName(link))
	}
	return named(NoteSmallMTU, names)
}
