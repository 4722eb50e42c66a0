package lookup

import (
	"net/netip"

	"routewhy/route"
)

// gateways tells of each way's gateway how it is reached.
func (f *FIB) gateways(flow *route.Flow, d *Decision) []Gateway {
	out := make([]Gateway, len(d.Ways))
	for i, way := range d.Ways {
		out[i] = f.gateway(flow, d, way)
	}
	return out
}

func (f *FIB) gateway(flow *route.Flow, d *Decision, way Way) Gateway {
	g := Gateway{Addr: way.Gateway, Link: way.Link, Forced: way.Via.Flags&route.NextHopOnLink != 0}
	if !g.Addr.IsValid() {
		dev := f.byIndex[way.Link]
		if d.Disposition != DispositionUnicast || dev == nil || dev.Flags&(route.LinkLoopback|route.LinkNoARP|route.LinkPointopoint) != 0 {
			return g
		}
		g.Addr, g.Direct = flow.Dst.WithZone(""), true
		g.State, g.HasState = f.neighbours[neighbourKey{g.Link, g.Addr}]
		return g
	}
	g.State, g.HasState = f.neighbours[neighbourKey{g.Link, g.Addr}]
	g.OnLinkBy, g.HasOnLink = f.onLink(g.Addr, g.Link)
	return g
}

// onLink finds the route by which an address is a neighbour on a device: the
// longest one that leads there without a gateway, in any table.
func (f *FIB) onLink(a netip.Addr, link int) (route.Route, bool) {
	fam := f.family(route.FamilyOf(a))
	var best route.Route
	ok := false
	for id := range fam.tables {
		for _, rf := range fam.covering(nil, id, a) {
			for _, e := range rf.leaf.entries {
				if ok && rf.dst.Bits() <= best.Dst.Bits() || e.route.Type != route.TypeUnicast {
					continue
				}
				for i := range e.hops {
					if h := &e.hops[i]; h.Link == link && !h.Gateway.IsValid() {
						best, ok = e.full(rf.dst), true
					}
				}
			}
		}
	}
	return best, ok
}
