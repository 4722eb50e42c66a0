package whynot

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// bySource is the cause about the source that the packet has, or that the program may have
// given it.
func (x *causes) bySource(c lookup.Code) Cause {
	src := x.flow.Src
	out := Cause{Code: c, State: CauseNot, Reason: lookup.Reason{Have: src}}
	if !src.IsValid() || src.IsUnspecified() {
		if x.flow.In == 0 && x.d.Errno != x.errno { // otherwise the tables tell what it is
			out.State = CauseUnseen
		}
		return out
	}
	if x.d.Errno == x.errno && slices.Contains([]lookup.Shortcut{
		lookup.ShortcutSource, lookup.ShortcutNotLocal, lookup.ShortcutLoopback, lookup.ShortcutMartianSrc, lookup.ShortcutOwnSource,
	}, x.d.Shortcut) {
		out.State = CauseIs
	}
	if x.flow.In != 0 {
		return out
	}
	linkLocal := src.IsLinkLocalUnicast() && src.Is6()
	switch {
	case linkLocal && x.flow.Out == 0:
		out.Reason.Code = CauseScope
	case !x.mayBind(src):
		out.Reason.Code = CodeNotOwn
		if x.unready(src) {
			out.Reason.Code = lookup.CodeSrcTentative
		}
	}
	if out.Reason.Code != "" && slices.Contains(sourceErrnos(src, linkLocal && x.flow.Out == 0), x.errno) {
		out.State = CauseIs
	}
	return out
}

// sourceErrnos are the errors that a program may get if it gives a packet a source that is
// not the host's: first from bind(2), and then from sendmsg(2) with IP_PKTINFO or
// IPV6_PKTINFO. A link-local source needs a device too, whoever has it.
func sourceErrnos(src netip.Addr, noDevice bool) []route.Errno {
	switch {
	case src.Is4():
		return []route.Errno{route.EADDRNOTAVAIL, route.ENETUNREACH}
	case noDevice, src.IsMulticast():
		return []route.Errno{route.EINVAL}
	}
	return []route.Errno{route.EADDRNOTAVAIL, route.EINVAL}
}

// mayBind reports whether a program may bind to an address: for IPv4 one that table local
// has (__inet_bind in net/ipv4/af_inet.c), for IPv6 one that a device has, and whose
// duplicate detection is over (ipv6_chk_addr).
func (x *causes) mayBind(src netip.Addr) bool {
	if src.Is4() {
		return src.IsMulticast() || x.inLocal(src)
	}
	return slices.ContainsFunc(x.fib.Snapshot().Addrs, func(a route.Addr) bool {
		return a.Prefix.Addr() == src && !tentative(&a)
	})
}

// tentative reports whether the duplicate detection of an address goes on, or found another
// host that has it.
func tentative(a *route.Addr) bool {
	return a.Flags&route.AddrTentative != 0 && a.Flags&route.AddrOptimistic == 0
}

// unready reports whether the host has an address, and may not use it yet.
func (s *state) unready(src netip.Addr) bool {
	return slices.ContainsFunc(s.fib.Snapshot().Addrs, func(a route.Addr) bool { return a.Prefix.Addr() == src && tentative(&a) })
}

// inLocal reports whether table local has an address as one of this host's, or as a
// broadcast address.
func (x *causes) inLocal(a netip.Addr) bool {
	local := false
	x.fib.Edit().Covering(route.TableLocal, a, func(_ netip.Prefix, all []*route.Route) bool {
		for _, r := range all {
			local = local || r.Type == route.TypeLocal || r.Type == route.TypeBroadcast
			return false // the longest prefix decides
		}
		return true
	})
	return local
}

// afterSource is for programs that do not get as far as the tables, because no address fits
// as their source: what the tables have is then not the cause.
func (x *causes) afterSource(all []Cause) []Cause {
	if e := x.fib.ProgramErrno(&x.flow, x.d); e == 0 || e == x.errno {
		return all
	}
	for i := range all {
		if c := &all[i]; c.State == CauseIs {
			c.State, c.Reason = CauseNot, lookup.Reason{Code: CauseNoSource}
		}
	}
	return all
}

// byDeadEnd is the cause about the devices by which the packet leaves: nobody answers there.
func (x *causes) byDeadEnd(c lookup.Code) Cause {
	out := Cause{Code: c, State: CauseNot, Reason: x.deadEnd()}
	switch out.Reason.Code {
	case lookup.FaultCarrier, lookup.FaultDown, lookup.NoteNoPort:
		out.State = x.asked()
	default:
		out.Reason = lookup.Reason{}
	}
	return out
}

// deadEnd says why nothing gets out; the zero Reason: something may.
func (x *causes) deadEnd() lookup.Reason {
	if why := x.fib.DeadEnd(&x.flow, x.d); why.Code != "" {
		return why
	}
	if l := x.noPort(); l != "" {
		return lookup.Reason{Code: lookup.NoteNoPort, Have: l}
	}
	return lookup.Reason{}
}

// asked says whether the kernel asks for the link-layer address of a neighbour before it sends
// the packet, of which a program hears after some seconds if nobody answers (EHOSTUNREACH,
// neigh_invalidate). Otherwise the packet is lost, and nobody is told (ETIMEDOUT). Without a
// carrier no entry stays but a permanent one (neigh_carrier_down).
func (x *causes) asked() CauseState {
	out := CauseState("")
	for i := range x.t.Gateways {
		g, state := &x.t.Gateways[i], CauseIs
		switch fixed := route.NeighbourPermanent | route.NeighbourNoARP; {
		case !g.Addr.IsValid() || !x.fib.HasNeighbours(g.Link) || g.HasState && g.State&fixed != 0:
			state = CauseNot
		case !g.HasState && x.fib.Snapshot().Lacks(route.FactNeighbours, x.family()):
			state = CausePossible
		}
		if out != "" && out != state {
			return CausePossible
		}
		out = state
	}
	if out == "" {
		return CauseNot
	}
	return out
}

// noPort is the bridge without a port by which the packet leaves; empty: it leaves otherwise.
func (x *causes) noPort() string {
	if d := x.d; d.Disposition == lookup.DispositionUnicast && len(d.NextHops) == 1 && x.fib.LacksPort(d.NextHops[0].Link) {
		return x.fib.Snapshot().LinkName(d.NextHops[0].Link)
	}
	return ""
}

// leaves reports whether the packet leaves this host, as far as the tables tell.
func (x *causes) leaves() bool {
	return x.d.Disposition == lookup.DispositionUnicast && x.byDeadEnd(CauseDeadEnd).Reason.Code == ""
}

// withoutNeighbours leaves out neighbours of which nothing is known, if nobody can answer.
func withoutNeighbours(all []Cause) []Cause {
	is := func(c Cause) bool { return c.Code == CauseDeadEnd && c.State == CauseIs }
	if !slices.ContainsFunc(all, is) {
		return all
	}
	return slices.DeleteFunc(all, func(c Cause) bool { return c.Code == CauseNeighbour && c.State == CausePossible })
}

// refusedHere reports whether the look-up refuses a packet of this host, so that there is no
// packet for anybody else to refuse.
func (x *causes) refusedHere() bool {
	return x.flow.In == 0 && x.d.Errno != 0 && x.d.Disposition != lookup.DispositionUnknown
}
