package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// What becomes of the packets in which a tunnel wraps what goes into it.
const (
	NoteOuter        Code = "outer-packet"       // where they go; Have: the tunnel, Want: its other end, Route
	NoteOuterLoop    Code = "outer-in-itself"    // they go into the tunnel itself; Have: the tunnel, Want: its other end, Route
	NoteOuterRefused Code = "outer-refused"      // no packet to the other end leaves; Have: the tunnel, Want: its other end, Route where one refuses
	NoteOuterLo      Code = "outer-on-lo"        // they go out of lo, and so get nowhere; Have: the tunnel, Want: its other end, Route where there is one
	NoteNoPeer       Code = "no-peer"            // no peer of a WireGuard device takes the packet; Have: the device
	NoteOuterSource  Code = "outer-source-wrong" // the tunnel's own end is no address of this host; Have: the tunnel, Want: the address
)

// maxOuter is how many peers of a WireGuard device are looked at.
const maxOuter = 64

// OuterFlows are the packets that a tunnel sends to its other end, as the kernel looks them
// up. WireGuard sends to each of its peers. It is empty where the device is no tunnel, has no
// other end of its own, or sends in another namespace.
//
// The source is the tunnel's own end, the device the one that it is bound to, and the mark
// its fwmark. They belong to root (ip_tunnel_xmit and ip_tunnel_init_flow in net/ipv4/ip_tunnel.c, ip6_tnl_xmit
// in net/ipv6/ip6_tunnel.c, send4 in drivers/net/wireguard/socket.c). A type of service that the tunnel prescribes is not
// known.
func OuterFlows(s *route.Snapshot, l *route.Link) []route.Flow {
	if l.Kind == kindWireGuard {
		return wireGuardFlows(s, l.Index)
	}
	proto, ok := outerProto(l)
	if to := l.Remote; !ok || !to.IsValid() || to.IsUnspecified() || to.IsMulticast() || l.PeerNetNS >= 0 {
		return nil
	}
	return []route.Flow{{Dst: l.Remote, Src: l.Local, Out: l.Peer, Mark: l.Mark, Proto: proto}}
}

const kindWireGuard = "wireguard"

// KindVXLAN is the kind of a device that may have further other ends: its forwarding database has them.
const KindVXLAN = "vxlan"

func wireGuardFlows(s *route.Snapshot, link int) []route.Flow {
	var out []route.Flow
	for i := range s.WireGuard {
		w := &s.WireGuard[i]
		if w.Link != link || w.Away {
			continue
		}
		for _, e := range w.Endpoints[:min(len(w.Endpoints), maxOuter)] {
			out = append(out, route.Flow{Dst: e.Addr().Unmap(), Mark: w.Mark, Proto: route.ProtoUDP, DstPort: e.Port()})
		}
	}
	return out
}

// outerProto is the protocol of a tunnel's packets; zero: it depends on what is in them.
// Without ok the device is of another kind.
func outerProto(l *route.Link) (proto uint8, ok bool) {
	switch l.Kind {
	case "ipip":
		return 4, true
	case "sit":
		return 41, true
	case "gre", "gretap", "ip6gre", "ip6gretap", "erspan", "ip6erspan":
		return 47, true
	case KindVXLAN, "geneve":
		return route.ProtoUDP, true
	case "ip6tnl":
		return 0, true
	}
	return 0, false
}

// OuterNotes are about the packets of the tunnels that a packet to dst goes into. Where a tunnel
// has several peers, it is not known which of them gets the packet: only what is true of all is
// said. The FIB must have the routes to [FIB.OuterEnds].
func (f *FIB) OuterNotes(dst netip.Addr, d *Decision) []Note {
	if d.Disposition != DispositionUnicast {
		return nil
	}
	var out []Note
	var seen []int
	for i := range d.NextHops {
		if link := d.NextHops[i].Link; !slices.Contains(seen, link) && len(seen) < maxHopNotes {
			seen = append(seen, link)
			out = append(out, f.tunnelNotes(dst, f.snap.Link(link))...)
		}
	}
	return out
}

func (f *FIB) tunnelNotes(dst netip.Addr, l *route.Link) []Note {
	if l == nil {
		return nil
	}
	if w := f.WireGuard(l.Index); w != nil && !w.Takes(dst) {
		return []Note{{Reason: Reason{Code: NoteNoPeer, Have: l.Name}}}
	}
	var first []Note
	for _, flow := range OuterFlows(f.snap, l) {
		n, ok := f.outerNote(l, &flow)
		if !ok || len(first) > 0 && first[0].Code != n.Code {
			return nil
		}
		first = append(first, n)
	}
	return first[:min(len(first), 1)]
}

// OuterLoop tells of a tunnel that is up, and all of whose packets to its other end go into the
// tunnel itself; nil: they do not, or that is not known.
func (f *FIB) OuterLoop(link int) *Note {
	l := f.snap.Link(link)
	if l == nil || !l.Up() || l.Kind == KindVXLAN {
		return nil
	}
	var first *Note
	for _, flow := range OuterFlows(f.snap, l) {
		n, ok := f.outerNote(l, &flow)
		if !ok || n.Code != NoteOuterLoop {
			return nil
		}
		if first == nil {
			first = &n
		}
	}
	return first
}

// WireGuard is what is known about a WireGuard device; nil: nothing.
func (f *FIB) WireGuard(link int) *route.WireGuard {
	for i := range f.snap.WireGuard {
		if w := &f.snap.WireGuard[i]; w.Link == link {
			return w
		}
	}
	return nil
}

// byPort reports whether a rule looks at ports.
func byPort(r route.Rule) bool {
	return r.Selector.SrcPort != route.PortRange{} || r.Selector.DstPort != route.PortRange{}
}

// outerNote says what becomes of one packet that a tunnel sends; false: it is not known.
func (f *FIB) outerNote(l *route.Link, flow *route.Flow) (Note, bool) {
	if flow.Proto == route.ProtoUDP && slices.ContainsFunc(f.snap.Rules, byPort) { // those of its ports are not all known
		return Note{}, false
	}
	d := f.Lookup(*flow)
	n := Note{Reason: Reason{NoteOuter, flow.Dst, l.Name}}
	if d.HasRoute {
		n.Route, n.Table = &d.Route, d.Route.Table
	}
	elsewhere := func(h NextHop) bool { return h.Link != l.Index }
	switch {
	case d.Shortcut == ShortcutNotLocal, f.lacksEnd6(l):
		return Note{Reason: Reason{NoteOuterSource, flow.Src, l.Name}}, true
	case d.Disposition == DispositionUnicast && len(d.NextHops) > 0 && !slices.ContainsFunc(d.NextHops, f.leaves):
		n.Code = NoteOuterLo
	case d.Disposition == DispositionUnicast && d.HasRoute && len(d.NextHops) > 0:
		ask := *flow
		if n.Ask = &ask; !ask.Src.IsValid() {
			ask.Src = d.Src
		}
		if !slices.ContainsFunc(d.NextHops, elsewhere) {
			n.Code = NoteOuterLoop
		}
	case d.Errno != 0 && d.Disposition != DispositionUnknown && d.MayRefuse == 0:
		n.Code = NoteOuterRefused
		if !d.HasRoute && d.Disposition != DispositionNoRoute {
			n.Rule = d.Rule
		}
	default:
		return n, false
	}
	return n, true
}

// leaves reports whether a next hop's device is not lo.
func (f *FIB) leaves(h NextHop) bool {
	dev := f.byIndex[h.Link]
	return dev == nil || dev.Flags&route.LinkLoopback == 0
}

// lacksEnd6 reports whether a tunnel in IPv6 lacks its own end and so sends nothing
// (ip6_tnl_xmit_ctl in net/ipv6/ip6_tunnel.c).
func (f *FIB) lacksEnd6(l *route.Link) bool {
	return slices.Contains([]string{"ip6tnl", "ip6gre", "ip6gretap"}, l.Kind) && l.Local.Is6() && f.owner6(l.Local) == 0 &&
		!f.snap.Lacks(route.FactAddrs, route.IPv6) && !f.snap.Assumes(route.FactAddrs, route.IPv6)
}

// OuterEnds are the addresses that [FIB.OuterNotes] looks up.
func (f *FIB) OuterEnds(d *Decision) []netip.Addr {
	var out []netip.Addr
	for i := range d.NextHops {
		if l := f.snap.Link(d.NextHops[i].Link); l != nil {
			for _, flow := range OuterFlows(f.snap, l) {
				out = append(out, flow.Dst)
			}
		}
	}
	return out
}
