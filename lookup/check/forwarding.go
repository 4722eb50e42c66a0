package check

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// CodeDeviceNotForwarding: this host forwards, but not what comes in by a device; Have: the device, Want: the device of containers; Route: what the answers to containers come in by, if it is not their own device
const CodeDeviceNotForwarding lookup.Code = "device-not-forwarding"

// deviceNotForwarding finds devices of containers, and devices by which answers to them come in,
// whose packets this host does not send on. IPv4 asks the setting of the device by which a packet
// comes in (IN_DEV_FORWARD in ip_route_input_slow, net/ipv4/route.c). It ignores hosts that do not
// forward at all.
func (h *Host) deviceNotForwarding() []Finding {
	off := func(link int) bool {
		n, known := h.snap.Sysctls.Conf(route.IPv4, h.snap.LinkName(link), "forwarding")
		return known && n == 0
	}
	inside := h.insides()
	if len(inside) == 0 {
		return nil
	}
	var out []Finding
	for _, link := range inside {
		if off(link) {
			out = append(out, Finding{
				Note:  lookup.Note{Reason: lookup.Reason{Code: CodeDeviceNotForwarding, Want: h.snap.LinkName(link), Have: h.snap.LinkName(link)}},
				Links: []int{link},
			})
		}
	}
	d := h.lookup(route.Flow{Dst: h.far(route.IPv4)})
	if d.Disposition != lookup.DispositionUnicast || !d.HasRoute {
		return out[:min(len(out), maxAlike)]
	}
	for i := range d.NextHops {
		if link := d.NextHops[i].Link; off(link) && !slices.Contains(inside, link) {
			r := d.Route
			out = append(out, Finding{
				Note:  lookup.Note{Reason: lookup.Reason{Code: CodeDeviceNotForwarding, Want: h.snap.LinkName(inside[0]), Have: h.snap.LinkName(link)}, Route: &r, Table: r.Table},
				Links: []int{link, inside[0]},
			})
		}
	}
	return out[:min(len(out), maxAlike)]
}

// insides are the devices of containers: those with a route to one of them, and a bridge that has
// ports.
func (h *Host) insides() []int {
	var out []int
	for _, r := range h.pods(route.IPv4) {
		if link := r.NextHops[0].Link; !slices.Contains(out, link) {
			out = append(out, link)
		}
	}
	for i := range h.snap.Links {
		if l := &h.snap.Links[i]; h.holdsContainers(l) {
			out = append(out, l.Index)
		}
	}
	return out
}
