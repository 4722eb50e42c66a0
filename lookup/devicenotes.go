package lookup

import (
	"slices"

	"routewhy/route"
)

// deviceNotes are about the state of devices that the decision rests on.
func (f *FIB) deviceNotes(t *Trace) []Note {
	var out []Note
	d, dst := &t.Decision, t.Flow.Dst
	lo := f.byIndex[route.LoopbackIndex]
	local := d.Disposition == DispositionLocal || d.Disposition == DispositionAnycast || dst.IsLoopback() || dst.IsUnspecified()
	throughVRF := len(d.NextHops) > 0 && f.vrf(d.NextHops[0].Link) != 0 // whose device is its loopback device
	if local && t.Flow.In == 0 && lo != nil && !lo.Up() && !throughVRF {
		out = append(out, Note{Reason: Reason{Code: NoteLoDown}})
	}
	if why := f.DeadEnd(&t.Flow, d); why.Code == FaultNoIPv6 && d.Disposition != DispositionUnicast {
		out = append(out, Note{Reason: Reason{Code: NoteLoNoIPv6, Have: why.Have}})
	}
	if d.Disposition == DispositionUnicast && d.HasRoute && d.Route.Dst.Addr().Is4() && d.Route.Dst.Bits() == 31 &&
		len(d.NextHops) == 1 && !d.NextHops[0].Gateway.IsValid() {
		out = append(out, Note{Reason: Reason{Code: NotePairOfHosts}, Route: &d.Route})
	}
	if a := f.networkDown(t); a != nil {
		out = append(out, Note{Reason: Reason{NoteNetworkDown, a.Prefix, f.snap.LinkName(a.Link)}})
	}
	if a := f.networkGone(t); a != nil {
		out = append(out, Note{Reason: Reason{NoteNetworkGone, a.Prefix, f.snap.LinkName(a.Link)}})
	}
	if why := f.Unforwarded6(&t.Flow, d); why.Code != "" {
		out = append(out, Note{Reason: why})
	}
	if d.Shortcut == ShortcutOnLink {
		out = append(out, Note{Reason: Reason{Code: NoteOnLinkAssumed, Have: f.snap.LinkName(d.NextHops[0].Link)}})
	}
	if (dst.IsLinkLocalUnicast() || dst.IsLinkLocalMulticast()) && dst.Is6() && t.Flow.Out == 0 && t.Flow.In == 0 && d.Disposition != DispositionLocal {
		out = append(out, Note{Reason: Reason{Code: NoteNoZone, Have: dst}})
	}
	return out
}

// switchedOff6 names the devices on which IPv6 is switched off. Each device's own setting
// counts; the setting for all devices is only what was last written to them. If other
// devices have IPv6, it names only those that a default route might leave by.
func (f *FIB) switchedOff6() []Note {
	var off []*device
	on := 0
	for _, d := range f.devices {
		switch {
		case !d.Up() || d.Master != 0 || d.Flags&route.LinkLoopback != 0:
		case d.conf6.value[settingDisableIPv6] != 0:
			off = append(off, d)
		default:
			on++
		}
	}
	if len(off) > 0 && on == 0 && !f.snap.Lacks(route.FactLinks, 0) {
		return []Note{{Reason: Reason{Code: NoteDisabled, Have: allDevices, Want: len(off)}}}
	}
	uplinks := f.uplinks4()
	off = slices.DeleteFunc(off, func(d *device) bool { return len(uplinks) > 0 && !uplinks[d.Index] })
	if len(off) == 0 {
		return nil
	}
	return []Note{{Reason: Reason{Code: NoteDisabled, Have: off[0].Name, Want: len(off)}}}
}

// uplinks4 are the devices that IPv4's default routes leave by. If there is no default
// route, they are the devices with an IPv4 address.
func (f *FIB) uplinks4() map[int]bool {
	out := map[int]bool{}
	for _, t := range f.v4.tables {
		if l, ok := t.trie.Get(route.IPv4.Default()); ok {
			for _, e := range l.entries {
				for i := range e.hops {
					out[e.hops[i].Link] = true
				}
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, d := range f.devices {
		if len(d.addrs4) > 0 && d.Flags&route.LinkLoopback == 0 {
			out[d.Index] = true
		}
	}
	return out
}

// networkDown finds an address of this host whose network contains the destination, but
// has no route because the device is down.
func (f *FIB) networkDown(t *Trace) *route.Addr {
	for _, d := range f.devices {
		if d.Up() {
			continue
		}
		addrs := d.addrs4
		if t.Flow.Dst.Is6() {
			addrs = d.addrs6
		}
		for _, a := range addrs {
			if !a.Prefix.IsSingleIP() && a.Prefix.Contains(t.Flow.Dst) && t.Decision.missed(&route.Route{Dst: a.Prefix}) {
				return a
			}
		}
	}
	return nil
}
