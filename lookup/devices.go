package lookup

import (
	"net/netip"
	"slices"
)

func (f *FIB) addDevices(conf4, conf6 *confs) {
	s := f.snap
	all := make([]device, len(s.Links))
	f.devices = make([]*device, 0, len(all))
	for i := range all {
		d := &all[i]
		d.Link = &s.Links[i]
		d.conf4, d.conf6 = conf4.device(d.Name), conf6.device(d.Name)
		f.devices = append(f.devices, d)
		f.byIndex[d.Index], f.byName[d.Name] = d, d
	}
	slices.SortFunc(f.devices, func(a, b *device) int { return a.Index - b.Index })
	for _, d := range f.devices {
		if d.Kind == vrfKind {
			d.vrf = d.Index
			if d.VRFTable != 0 {
				f.vrfOf[d.VRFTable], f.lastVRF = d, d
			}
		} else if m := f.byIndex[d.Master]; m != nil && m.Kind == vrfKind {
			d.vrf = m.Index
		}
	}
	for i := range s.Memberships {
		switch m, d := &s.Memberships[i], f.byIndex[s.Memberships[i].Link]; {
		case d == nil:
		case m.Is6():
			d.groups6 = m
		default:
			d.groups4 = m
		}
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		d := f.byIndex[a.Link]
		if d == nil {
			continue
		}
		if a.Prefix.Addr().Is4() {
			d.addrs4 = append(d.addrs4, a)
			f.owns4(a.Prefix.Addr(), a.Link)
		} else {
			d.addrs6 = append(d.addrs6, a)
			if first, ok := f.own6[a.Prefix.Addr()]; !ok || a.Link < first {
				f.own6[a.Prefix.Addr()] = a.Link
			}
		}
	}
	f.order4 = orderOf(s, f.devices, func(d *device) bool { return len(d.addrs4) > 0 })
	f.order6 = orderOf(s, f.devices, func(d *device) bool { return len(d.addrs6) > 0 })
}

// owns4 notes that a device has an address.
func (f *FIB) owns4(a netip.Addr, link int) {
	if other, again := f.own4[a]; again && other != link && !slices.Contains(f.shared4[a], link) {
		if f.shared4 == nil {
			f.shared4 = map[netip.Addr][]int{}
		}
		if f.shared4[a] == nil {
			f.shared4[a] = []int{other}
		}
		f.shared4[a] = append(f.shared4[a], link)
	}
	f.own4[a] = link
}

// has4 reports whether a device has an address.
func (f *FIB) has4(link int, a netip.Addr) bool {
	owner, ok := f.own4[a]
	return ok && owner == link || slices.Contains(f.shared4[a], link)
}
