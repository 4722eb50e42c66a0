package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// checkHop4 checks a next hop of an IPv4 route, and completes it (fib_check_nh in
// net/ipv4/fib_semantics.c).
func (t *tx) checkHop4(h *route.NextHop, id route.Table, scope route.Scope) *Refusal {
	var no *Refusal
	switch {
	case !h.Gateway.IsValid():
		no = t.checkDevice4(h)
	case h.Gateway.Is6():
		no = t.checkGateway6(h, id)
	case h.Flags&route.NextHopOnLink != 0:
		no = t.checkOnLink4(h, scope)
	default:
		no = t.checkGateway4(h, id, scope)
	}
	if no == nil && !h.Gateway.Is6() {
		t.markCarrier4(h)
	}
	return no
}

// markCarrier4 sets the flags of a next hop whose device has no carrier, as a dump
// shows them (fib_nexthop_info).
func (t *tx) markCarrier4(h *route.NextHop) {
	l := t.link(h.Link)
	if l.Carrier() {
		return
	}
	h.Flags |= route.NextHopLinkDown
	if t.ignoresLinkdown(route.IPv4, l) {
		h.Flags |= route.NextHopDead
	}
}

// checkDevice4 is fib_check_nh_nongw.
func (t *tx) checkDevice4(h *route.NextHop) *Refusal {
	l := t.link(h.Link)
	switch {
	case h.Flags&(route.NextHopOnLink|route.NextHopPervasive) != 0:
		return refuse(route.EINVAL, "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set")
	case l == nil || !t.snap.HasIPv4(l):
		return refuse(route.ENODEV, "")
	case !l.Up():
		return refuse(route.ENETDOWN, "Device for nexthop is not up")
	}
	return nil
}

// checkOnLink4 is fib_check_nh_v4_gw for a gateway that is treated as on-link.
func (t *tx) checkOnLink4(h *route.NextHop, scope route.Scope) *Refusal {
	l := t.link(h.Link)
	switch {
	case scope >= route.ScopeLink:
		return refuse(route.EINVAL, "Nexthop has invalid scope")
	case l == nil:
		return refuse(route.ENODEV, "Nexthop device required for onlink")
	case !l.Up():
		return refuse(route.ENETDOWN, msgDeviceNotUp)
	case t.addrType(h.Gateway, t.deviceTable(l)) != route.TypeUnicast:
		return refuse(route.EINVAL, msgInvalidGateway)
	}
	return nil
}

// checkGateway4 looks a gateway up (fib_check_nh_v4_gw).
func (t *tx) checkGateway4(h *route.NextHop, id route.Table, scope route.Scope) *Refusal {
	r, errno := t.old.fib.GatewayRoute4(h.Gateway, id, max(scope+1, route.ScopeLink), h.Link)
	switch {
	case errno != 0:
		return refuse(errno, msgInvalidGateway)
	case r.Type == route.TypeUnspec:
		return &Refusal{Unknown: "the routes to the gateway are not all known"}
	case r.Type != route.TypeUnicast && r.Type != route.TypeLocal:
		return refuse(route.EINVAL, msgInvalidGateway)
	case len(r.NextHops) == 0 || t.link(r.NextHops[0].Link) == nil:
		return refuse(route.EINVAL, "No egress device for nexthop gateway")
	}
	h.Link = r.NextHops[0].Link
	if !t.link(h.Link).Up() {
		return refuse(route.ENETDOWN, "")
	}
	if direct(t.snap, &r, h.Gateway, h.Link) {
		h.Flags |= route.NextHopDirect
	}
	return nil
}

// direct reports whether a gateway by a device is found as an address of this host, but is
// not one of the device.
func direct(s *route.Snapshot, way *route.Route, gateway netip.Addr, link int) bool {
	return way.Scope == route.ScopeHost && !slices.ContainsFunc(s.Addrs, func(x route.Addr) bool { return x.Link == link && x.Prefix.Addr() == gateway })
}

// deviceTable is the table that has a device's own addresses: the table of its VRF,
// or local.
func (t *tx) deviceTable(l *route.Link) route.Table {
	if id := t.vrfTable(l); id != 0 {
		return id
	}
	return route.TableLocal
}

// vrfTable is the table of the VRF that a device is or belongs to; zero: there is
// none (l3mdev_fib_table).
func (t *tx) vrfTable(l *route.Link) route.Table {
	if l.VRFTable == 0 && l.Master != 0 {
		if l = t.link(l.Master); l == nil {
			return 0
		}
	}
	return l.VRFTable
}

// addrType is the type that an IPv4 address has in one table (inet_addr_type_table).
func (t *tx) addrType(a netip.Addr, id route.Table) route.Type {
	switch {
	case a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return route.TypeBroadcast
	case a.IsMulticast():
		return route.TypeMulticast
	case !t.tableExists(route.IPv4, id):
		return route.TypeBroadcast
	}
	typ := route.TypeUnicast
	best := -1
	tables := []route.Table{id}
	if t.merged() && (id == route.TableLocal || id == route.TableMain) {
		tables = []route.Table{route.TableLocal, route.TableMain}
	}
	for _, id := range tables {
		t.edit.Covering(id, a, func(dst netip.Prefix, list []*route.Route) bool {
			if dst.Bits() <= best {
				return false
			}
			for _, r := range list {
				if r.TOS != 0 { // the look-up has none
					continue
				}
				if fails(r.Type) {
					typ, best = route.TypeUnicast, dst.Bits()
					return false
				}
				if t.alive4(r) {
					typ, best = r.Type, dst.Bits()
					return false
				}
			}
			return true
		})
	}
	return typ
}

// merged reports whether IPv4's tables local and main are one trie.
func (t *tx) merged() bool { return t.snap.Merged == route.Yes }

// alive4 reports whether some next hop of a route can be used.
func (t *tx) alive4(r *route.Route) bool {
	for _, h := range r.NextHops {
		if h.Flags&route.NextHopDead == 0 {
			return true
		}
	}
	return false
}
