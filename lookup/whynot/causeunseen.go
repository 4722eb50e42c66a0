package whynot

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// outside are causes about which the tables tell little.
func (x *causes) outside(c lookup.Code) Cause {
	switch c {
	case CauseFirewall, CauseNobody, CausePorts, CauseQueue:
		return x.ofPackets(c)
	case CauseBroadcast:
		return x.perhaps(c, x.d.Disposition == lookup.DispositionBroadcast)
	case CauseGroup:
		group := x.d.Disposition == lookup.DispositionBroadcast || x.d.Disposition == lookup.DispositionMulticast
		if x.flow.Proto == route.ProtoTCP { // it certainly does not connect there
			return x.whether(c, group)
		}
		return x.perhaps(c, group)
	case CauseScope:
		dst := x.flow.Dst
		local := dst.IsLinkLocalUnicast() || dst.IsLinkLocalMulticast() || dst.IsInterfaceLocalMulticast()
		return x.whether(c, local && x.flow.Out == 0)
	case CauseNoSource:
		lacks := x.d.Disposition == lookup.DispositionUnicast && !x.d.Src.IsValid() && len(x.d.NextHops) == 1 && x.d.NextHops[0].SrcOneOf == nil
		return x.whether(c, lacks || x.fib.ProgramErrno(&x.flow, x.d) == route.EADDRNOTAVAIL)
	case CauseSilence:
		return x.bySilence(c)
	case CauseICMP:
		if !x.leaves() && (x.d.Disposition != lookup.DispositionLocal || x.errno != route.ECONNRESET) {
			return Cause{Code: c, State: CauseNot} // the packet does not leave
		}
	case CausePolicy:
		return x.byPolicy(c)
	case CauseMTU:
		return x.byMTU(c)
	case CauseFamily:
		return x.byFamily(c)
	case CauseKey:
		return x.byKey(c)
	}
	return Cause{Code: c, State: CauseUnseen}
}

// ofPackets are causes about packets that leave the look-up: none does if it refuses.
func (x *causes) ofPackets(c lookup.Code) Cause {
	switch {
	case x.refusedHere() && x.errno != route.EADDRINUSE:
		return Cause{Code: c, State: CauseNot}
	case c == CauseNobody && x.d.Disposition == lookup.DispositionLocal:
		return Cause{Code: c, State: CausePossible}
	}
	return Cause{Code: c, State: CauseUnseen}
}

// perhaps is a cause that depends on what the program does, and is possible or not.
func (x *causes) perhaps(c lookup.Code, possible bool) Cause {
	if possible {
		return Cause{Code: c, State: CausePossible}
	}
	return Cause{Code: c, State: CauseNot}
}

func (x *causes) bySilence(c lookup.Code) Cause {
	out := Cause{Code: c, State: CauseIs, Reason: x.deadEnd()}
	switch out.Reason.Code {
	case lookup.FaultCarrier, lookup.FaultDown, lookup.NoteNoPort:
		switch x.asked() {
		case CauseIs:
			out.State = CauseNot
		case CausePossible:
			out.State = CausePossible
		}
		return out
	case lookup.FaultNeighbour, lookup.FaultTarget: // programs get EHOSTUNREACH
		out.State = CauseNot
		return out
	case "":
	default:
		return out
	}
	return x.perhaps(c, x.d.Disposition.Success())
}

// byFilter is the reverse-path filter: it drops the received packet, or answers to the packet
// that come in by the device by which it leaves.
func (x *causes) byFilter(c lookup.Code) Cause {
	if x.flow.In != 0 {
		return x.whether(c, x.d.Shortcut == lookup.ShortcutReversePath && x.d.Errno == x.errno)
	}
	f := x.flow
	for _, h := range x.d.NextHops {
		src := h.Src
		if f.Src.IsValid() {
			src = f.Src
		}
		if x.d.Disposition != lookup.DispositionUnicast || !src.IsValid() || x.family() != route.IPv4 {
			continue
		}
		back := route.Flow{Dst: src, Src: f.Dst, In: h.Link, Proto: f.Proto, SrcPort: f.DstPort, DstPort: f.SrcPort, UID: f.UID}
		if d := x.fib.Lookup(back); d.Shortcut == lookup.ShortcutReversePath {
			return Cause{Code: c, State: CauseIs, Reason: lookup.Reason{Have: x.fib.Snapshot().LinkName(h.Link)}}
		}
	}
	return Cause{Code: c, State: CauseNot}
}

// byPolicy is the IPsec policy that blocks the packet.
func (x *causes) byPolicy(c lookup.Code) Cause {
	for _, n := range x.fib.Notes(x.t) {
		if p, ok := n.Have.(route.Policy); ok && n.Code == lookup.NotePolicy && p.Block {
			return Cause{Code: c, State: CauseIs, Reason: lookup.Reason{Have: p.Src, Want: p.Dst}}
		}
	}
	for _, n := range x.fib.Notes(x.t) {
		if p, ok := n.Have.(route.Policy); ok && n.Code == lookup.NotePolicy && x.errno == route.ETIMEDOUT {
			return Cause{Code: c, State: CausePossible, Reason: lookup.Reason{Have: p.Src, Want: p.Dst}}
		}
	}
	if x.fib.Snapshot().Lacks(route.FactPolicies, 0) {
		return Cause{Code: c, State: CauseUnseen}
	}
	return Cause{Code: c, State: CauseNot}
}

// byMTU is the MTU of the device by which the packet leaves, or that of its route.
func (x *causes) byMTU(c lookup.Code) Cause {
	out := x.perhaps(c, x.d.Disposition.Success())
	if len(x.d.NextHops) == 0 {
		return out
	}
	if l := x.fib.Snapshot().Link(x.d.NextHops[0].Link); l != nil {
		out.Reason = lookup.Reason{Have: l.MTU, Want: l.Name}
	}
	for _, m := range x.d.Route.Metrics {
		if m.ID == route.MetricMTU && m.Value != 0 {
			out.Reason.Have = m.Value
		}
	}
	return out
}

// byFamily says whether the kernel has IPv6. A kernel with it has a route or an address of
// lo, unless somebody removed both.
func (x *causes) byFamily(c lookup.Code) Cause {
	snap := x.fib.Snapshot()
	six := func(a route.Addr) bool { return route.FamilyOf(a.Prefix.Addr()) == route.IPv6 }
	if x.family() == route.IPv4 || slices.ContainsFunc(snap.Addrs, six) {
		return Cause{Code: c, State: CauseNot}
	}
	return Cause{Code: c, State: CausePossible}
}

// byKey is the WireGuard device by which the packet leaves. If it is known that no peer takes the
// packet, the reason says so, and if one does, that is not why a key is missing.
func (x *causes) byKey(c lookup.Code) Cause {
	for _, h := range x.d.NextHops {
		if l := x.fib.Snapshot().Link(h.Link); l != nil && l.Kind == "wireguard" {
			switch w := x.fib.WireGuard(l.Index); {
			case w != nil && !w.Takes(x.flow.Dst):
				return x.noPeer(c, l.Name)
			case w != nil && !w.Unknown() && x.errno == route.ENOKEY:
				return Cause{Code: c, State: CauseNot, Reason: lookup.Reason{Have: l.Name}}
			}
			return Cause{Code: c, State: CauseIs, Reason: lookup.Reason{Have: l.Name}}
		}
	}
	return Cause{Code: c, State: CauseNot}
}

// noPeer is that no peer of a WireGuard device takes the packet, which does not give
// EDESTADDRREQ: that is for a peer without an endpoint.
func (x *causes) noPeer(c lookup.Code, dev string) Cause {
	if x.errno == route.EDESTADDRREQ {
		return Cause{Code: c, State: CauseNot, Reason: lookup.Reason{Code: lookup.NoteNoPeer, Have: dev}}
	}
	return Cause{Code: c, State: CauseIs, Reason: lookup.Reason{Code: lookup.NoteNoPeer, Have: dev}}
}
