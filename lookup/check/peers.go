package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// CodeRouteNoPeer: a route leads into a WireGuard device, none of whose peers takes what goes there; Have: the device, Want: a destination that none takes, Route
const CodeRouteNoPeer lookup.Code = "route-without-peer"

// routeNoPeer finds routes into WireGuard devices that refuse the packets, because no peer has
// the destinations in its allowed-ips. It ignores the network of the device's own address, and a
// route of which a peer takes a part, unless that is a default route.
func routeNoPeer(h *Host) []Finding {
	var out []Finding
	for i := range h.snap.WireGuard {
		w := &h.snap.WireGuard[i]
		l := h.snap.Link(w.Link)
		if l == nil || !l.Up() || w.Unknown() {
			continue
		}
		for _, r := range h.into(w.Link) {
			if r.Table == route.TableLocal || len(h.has(w.Link, r.Dst)) > 0 || r.Dst.Addr().IsLinkLocalUnicast() {
				continue
			}
			if dst, ok := h.untaken(w, r); ok {
				c := r.Clone()
				out = append(out, Finding{
					Note:  lookup.Note{Reason: lookup.Reason{Code: CodeRouteNoPeer, Want: dst, Have: l.Name}, Route: &c, Table: r.Table},
					Links: []int{w.Link},
				})
			}
		}
	}
	return out[:min(len(out), maxAlike)]
}

// into are routes whose only next hop is by a device, of those through a gateway a few alone.
func (h *Host) into(link int) []*route.Route {
	var out []*route.Route
	add := func(r *route.Route) {
		if len(r.NextHops) == 1 && r.NextHops[0].Link == link {
			out = append(out, r)
		}
	}
	for i := range h.near {
		add(&h.near[i])
	}
	for _, k := range h.order {
		for i := range k.First {
			if leadsFar(&k.First[i]) {
				add(&k.First[i])
			}
		}
	}
	return out
}

// untaken is a destination of a route that no peer takes; false: there is none, or a peer takes a
// part of what goes there.
func (h *Host) untaken(w *route.WireGuard, r *route.Route) (netip.Addr, bool) {
	if r.Type != route.TypeUnicast {
		return netip.Addr{}, false
	}
	if leadsFar(r) {
		dst := r.Dst.Addr()
		d := h.lookup(route.Flow{Dst: dst})
		return dst, d.HasRoute && same(&d.Route, r) && !slices.ContainsFunc(w.Allowed, r.Dst.Overlaps)
	}
	for _, s := range h.status(r.Dst) {
		if !same(&s.Route, r) || !s.Used() || !s.Example.IsValid() || w.Takes(s.Example) {
			continue
		}
		part := func(p netip.Prefix) bool { return p.Overlaps(r.Dst) && !h.longerHas(r, p) }
		return s.Example, r.IsDefault() || !slices.ContainsFunc(w.Allowed, part)
	}
	return netip.Addr{}, false
}

// longerHas reports whether a longer prefix of a route's table holds a prefix.
func (h *Host) longerHas(r *route.Route, p netip.Prefix) bool {
	return slices.ContainsFunc(h.near, func(o route.Route) bool {
		return o.Table == r.Table && o.Dst.Bits() > r.Dst.Bits() && o.Dst.Bits() <= p.Bits() && o.Dst.Contains(p.Addr())
	})
}
