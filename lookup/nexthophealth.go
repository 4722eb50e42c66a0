package lookup

import (
	"net/netip"

	"routewhy/route"
)

// What is wrong with a next hop.
const (
	FaultDown      Code = "device-down"    // its device is down; Have: the device's name
	FaultCarrier   Code = "no-carrier"     // its device has no carrier, and the kernel uses it all the same; Have: the device's name
	FaultIgnored   Code = "linkdown"       // its device has no carrier, and the kernel passes it over (ignore_routes_with_linkdown); Have: the device's name
	FaultDead      Code = "marked-dead"    // the kernel marks it dead
	FaultNeighbour Code = "gateway-failed" // its gateway does not answer; Have: the gateway
	FaultNoIPv6    Code = "no-ipv6"        // its device drops IPv6: that of the way out, or lo or a VRF's for what this host sends to itself; Have: the device's name
	FaultSmallMTU  Code = "small-mtu"      // its device has no IPv6, because its MTU is too small; Have: the same
	FaultOwn       Code = "own-gateway"    // its gateway is this host's own address, and nothing leaves by lo; Have: the gateway
	FaultLoopback  Code = "loopback-route" // it leads out of lo, but not to this host: the kernel drops the packets; Have: the device's name
	FaultTarget    Code = "target-failed"  // the packet's destination is a neighbour itself, and does not answer; Have: it
)

// NextHopFault is what is wrong with one of a route's next hops.
type NextHopFault struct {
	Reason
	// Hop is the index of the next hop in the route.
	Hop int
}

// Faults are what is wrong with the next hops of a route.
func (f *FIB) Faults(r *route.Route) []NextHopFault {
	var out []NextHopFault
	for i := range r.NextHops {
		h := &r.NextHops[i]
		why := f.HopHealth(h)
		if why.Code == "" && r.Type == route.TypeUnicast && r.Family() == route.IPv6 && h.Encap == 0 {
			why = f.without6(f.byIndex[h.Link])
		}
		if why.Code == "" && r.Type == route.TypeUnicast {
			why = f.lacksPort(h.Link)
		}
		if why.Code == "" && r.Type == route.TypeUnicast {
			why = f.outOfLoopback(h)
		}
		if why.Code != "" {
			out = append(out, NextHopFault{why, i})
		}
	}
	return out
}

// DeadEnd says why nothing gets out by any next hop of the entry; the zero Reason:
// packets may get out.
func (s *EntryStatus) DeadEnd() Reason {
	if len(s.Faults) == 0 || len(s.Faults) < len(s.Route.NextHops) {
		return Reason{}
	}
	return s.Faults[0].Reason
}

// HopHealth says why a route's next hop is not used, or why packets that take it do not
// arrive; the zero Reason: nothing is known to be wrong.
func (f *FIB) HopHealth(h *route.NextHop) Reason {
	name := f.snap.LinkName(h.Link)
	dead := h.Flags&route.NextHopDead != 0
	switch dev := f.byIndex[h.Link]; {
	case dev != nil && !dev.Up():
		return Reason{Code: FaultDown, Have: name}
	case dead && h.Flags&route.NextHopLinkDown != 0:
		return Reason{Code: FaultIgnored, Have: name}
	case h.Flags&route.NextHopLinkDown != 0:
		return Reason{Code: FaultCarrier, Have: name}
	case dead:
		return Reason{Code: FaultDead}
	}
	if h.Gateway.IsValid() && f.fails(h.Link, h.Gateway) {
		return Reason{Code: FaultNeighbour, Have: h.Gateway}
	}
	return Reason{}
}

// NextHopHealth says why a packet does not arrive by one of a decision's next hops; the zero
// Reason: nothing is known to be wrong.
func (f *FIB) NextHopHealth(flow *route.Flow, d *Decision, w *NextHop) Reason {
	hop := w.Via
	hop.Link, hop.Gateway = w.Link, w.Gateway
	if dev := f.byIndex[w.Link]; !d.HasRoute && dev != nil && dev.Up() && dev.Flags&(route.LinkLowerUp|route.LinkRunning) == 0 {
		return Reason{Code: FaultCarrier, Have: f.snap.LinkName(w.Link)}
	}
	ours := d.Disposition == DispositionLocal || d.Disposition == DispositionAnycast
	if ours {
		hop.Flags, hop.Gateway = 0, netip.Addr{} // through lo, or through a VRF's device
	}
	r := f.HopHealth(&hop)
	if r.Code == "" && d.Disposition == DispositionUnicast {
		r = f.leavesNever(flow, &hop, w)
	}
	dev := f.byIndex[hop.Link]
	switch {
	case r.Code == "" && ours && flow.Dst.Is6() && flow.In == 0 && dev != nil && f.conf(route.IPv6, dev, settingDisableIPv6) != 0:
		return Reason{Code: FaultNoIPv6, Have: dev.Name}
	case r.Code == FaultIgnored, r.Code == FaultDead: // the kernel does not use such a next hop
		return Reason{}
	case r.Code == "" && f.targetFails(flow, d, w):
		return Reason{Code: FaultTarget, Have: flow.Dst.WithZone("")}
	}
	return r
}

// leavesNever says why nothing leaves by a next hop whose state is good; the zero Reason: it
// does.
func (f *FIB) leavesNever(flow *route.Flow, hop *route.NextHop, w *NextHop) Reason {
	if flow.Dst.Is6() && hop.Encap == 0 {
		if why := f.without6(f.byIndex[hop.Link]); why.Code != "" {
			return why
		}
	}
	if why := f.lacksPort(hop.Link); why.Code != "" {
		return why
	}
	return f.outOfLoopback(&w.Via)
}

// lacksPort says that a device is a bridge without a port; the zero Reason: it is not.
func (f *FIB) lacksPort(link int) Reason {
	if !f.LacksPort(link) {
		return Reason{}
	}
	return Reason{Code: NoteNoPort, Have: f.snap.LinkName(link)}
}

// outOfLoopback says why nothing arrives by a next hop of a route of type unicast that leads
// out of lo: the kernel drops its packets, for IPv4 when they come in again (dst_discard), for
// IPv6 at once (ip6_pkt_discard_out). IPv4 makes such a route if the gateway is this host's
// own address. The zero Reason: the next hop has another device, or an encapsulation, which
// decides itself.
func (f *FIB) outOfLoopback(h *route.NextHop) Reason {
	switch {
	case h.Link != route.LoopbackIndex || h.Encap != 0:
		return Reason{}
	case f.ownGateway(h) != 0:
		return Reason{Code: FaultOwn, Have: h.Gateway}
	}
	return Reason{Code: FaultLoopback, Have: f.snap.LinkName(h.Link)}
}

// without6 says why a device sends no IPv6 (ip6_output); the zero Reason: it does. Routes by
// next-hop objects stay when IPv6 goes.
func (f *FIB) without6(dev *device) Reason {
	switch {
	case dev == nil:
		return Reason{}
	case !dev.HasIPv6():
		return Reason{Code: FaultSmallMTU, Have: dev.Name}
	case f.conf(route.IPv6, dev, settingDisableIPv6) != 0:
		return Reason{Code: FaultNoIPv6, Have: dev.Name}
	}
	return Reason{}
}

// Without6 reports whether a device sends no IPv6: it is switched off there, or the device's
// MTU is too small.
func (f *FIB) Without6(link int) bool { return f.without6(f.byIndex[link]).Code != "" }

// targetFails reports whether a packet's destination is a neighbour itself that is known not to
// answer.
func (f *FIB) targetFails(flow *route.Flow, d *Decision, w *NextHop) bool {
	return !w.Gateway.IsValid() && d.Disposition == DispositionUnicast && f.fails(w.Link, flow.Dst.WithZone(""))
}

// DeadEnd says why nothing gets out although the decision has a next hop: each next hop
// has a fault, and this is the first. The zero Reason: packets may get out, or need not,
// because they were received and end at this host.
func (f *FIB) DeadEnd(flow *route.Flow, d *Decision) Reason {
	if !d.Disposition.Success() || flow.In != 0 && d.Disposition != DispositionUnicast {
		return Reason{}
	}
	first := Reason{}
	for i := range d.NextHops {
		if d.NextHops[i].Stale {
			continue
		}
		why := f.NextHopHealth(flow, d, &d.NextHops[i])
		if why.Code == "" {
			return Reason{}
		}
		if first.Code == "" {
			first = why
		}
	}
	return first
}

// ForeignSource is the source that a decision's route prescribes, if no device of this host
// has that address: a connected socket is refused, and replies come back to nobody. The
// zero Addr: there is no such source.
func (f *FIB) ForeignSource(d *Decision) netip.Addr {
	if p := d.Route.PrefSrc; d.HasRoute && p.IsValid() && p == d.Src && f.owner(p) == 0 {
		return p
	}
	return netip.Addr{}
}

// faultNotes say what is wrong with the next hops of an entry that packets take.
func (f *FIB) faultNotes(s *EntryStatus) []Note {
	var out []Note
	for _, x := range s.Faults {
		n := Note{Reason: Reason{Have: x.Have}, Route: &s.Route, Table: s.Route.Table}
		switch x.Code {
		case FaultDown:
			n.Code = NoteDeviceDown
		case FaultCarrier:
			n.Code = NoteLinkdownUsed
		case FaultIgnored:
			if s.Route.Family() == route.IPv6 || s.Route.NextHopID != 0 || f.useNeigh != 0 {
				continue
			}
			n.Code = NoteStaleLeg
		case FaultNeighbour:
			h := &s.Route.NextHops[x.Hop]
			way := NextHop{Link: h.Link, Gateway: h.Gateway, Via: *h}
			n.Code, n.Have = NoteGatewayFailed, f.gateway(&route.Flow{Dst: s.Example}, &Decision{}, way)
		case FaultOwn:
			n.Code, n.Want = NoteGatewayOwn, f.snap.LinkName(f.ownGateway(&s.Route.NextHops[x.Hop]))
		default:
			continue // where the entry stands says it
		}
		if out = append(out, n); len(out) == maxHopNotes {
			break
		}
	}
	return out
}
