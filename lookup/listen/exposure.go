package listen

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Exposure is a listening socket and how it can be reached.
type Exposure struct {
	Socket *route.Socket
	Scope  Scope
	// Locals are the addresses on which it takes packets. Sockets that are alike have
	// the same slice.
	Locals []Local
	// Reach is how far it can be reached.
	Reach Reach
}

// Host answers for one host.
type Host struct {
	fib    *lookup.FIB
	snap   *route.Snapshot
	asker  map[route.Family]*asker
	locals []Local
	// anycast says that some of the locals are anycast addresses.
	anycast bool
	kinds   []*kind // of the locals; nil: not asked for yet
	asked   map[route.Family]*demands
	cache   map[reachKey]reached
	// sources are the sources of answers that are sent by sendto(2).
	sources map[sourcesKey][]SourceClass
	names   map[string]int
	rivals  map[service]*rivals // only where sockets of the same port are bound differently
}

// NewHost prepares the answers for a host.
func NewHost(f *lookup.FIB) *Host {
	h := &Host{
		fib: f, snap: f.Snapshot(), asker: map[route.Family]*asker{}, asked: map[route.Family]*demands{},
		cache: map[reachKey]reached{}, sources: map[sourcesKey][]SourceClass{}, names: map[string]int{}, rivals: rivalsOf(f.Snapshot()),
	}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		h.asked[fam] = demandsOf(h.snap, fam)
	}
	h.find()
	return h
}

// kind is the same for addresses if packets to them and from them are decided alike.
type kind struct{ in, out int }

func (h *Host) kind(a netip.Addr) kind {
	return kind{number(h.names, h.fib.KindIn(a)), number(h.names, h.fib.KindOut(a))}
}

// number gives a text its number. Equal texts get the same number.
func number(all map[string]int, text string) int {
	n, ok := all[text]
	if !ok {
		n = len(all)
		all[text] = n
	}
	return n
}

// LeavesOutForeign reports whether there are so many uplinks that the neighbours by one
// device are not told as clients by the others.
func (h *Host) LeavesOutForeign() bool { return h.Uplinks() > maxForeign }

// Uplinks is how many devices there are by which packets of other hosts may come in.
func (h *Host) Uplinks() int { return len(uplinks(h.fib)) }

// General reports whether a socket is reached in the same way as a socket with no special
// mark, user or port that is bound to every address of this host or to one.
func (h *Host) General(s *route.Socket) bool {
	a := s.Local.Addr().Unmap()
	fam := route.FamilyOf(a)
	return s.Link == 0 && !s.Transparent && (s.Proto == route.ProtoTCP || !hasVRF(h.snap)) && !a.IsLoopback() && !isLink(a) &&
		h.asked[fam].of(s) == h.asked[fam].of(anySocket(fam)) && (!s.DualStack() || h.asked[route.IPv4].of(s) == h.asked[route.IPv4].of(anySocket(route.IPv4))) &&
		h.scope(s) != ScopeGroup && !h.Contended(s)
}

// Contended reports whether there are sockets with the same port that are bound
// differently, and may go first.
func (h *Host) Contended(s *route.Socket) bool { return h.rivalsFor(s) != nil }

// Localnet are the devices by which other hosts can reach 127.0.0.0/8 and get answers.
func (h *Host) Localnet() []int {
	links := slices.DeleteFunc(uplinks(h.fib), func(link int) bool { return !h.fib.RoutesLocalnet(link) })
	if len(links) == 0 {
		return nil
	}
	s := anySocket(route.IPv4)
	alike := h.asked[route.IPv4].of(s)
	var out []int
	for i := range h.locals {
		a := h.locals[i].Addr()
		if !a.Is4() || !a.IsLoopback() {
			continue
		}
		for _, link := range links {
			if !takesFrom(h.snap, s, link) {
				continue
			}
			v := h.askerOf(route.IPv4).view(link, a, h.kindAt(i), s, h.at(alike, a))
			if some, _ := v.Reached(); some {
				out = append(out, link)
			}
		}
	}
	return out
}

// kindAt is the kind of one of the locals.
func (h *Host) kindAt(i int) kind {
	if h.kinds == nil {
		h.kinds = make([]*kind, len(h.locals))
	}
	if h.kinds[i] == nil {
		k := h.kind(h.locals[i].Addr())
		h.kinds[i] = &k
	}
	return *h.kinds[i]
}

// askerOf is the asker of a family.
func (h *Host) askerOf(fam route.Family) *asker {
	if h.asker[fam] == nil {
		h.asker[fam] = newAsker(h.fib, fam)
	}
	return h.asker[fam]
}

// anySocket is a socket without its own mark, user or port, on every address.
func anySocket(fam route.Family) *route.Socket {
	return &route.Socket{Proto: route.ProtoTCP, Family: fam, V6Only: true, Local: netip.AddrPortFrom(firstOf(fam), 0)}
}

// Exposure tells how a listening socket can be reached.
func (h *Host) Exposure(s *route.Socket) Exposure {
	e := Exposure{Socket: s}
	e.Scope = h.scope(s)
	switch e.Scope {
	case ScopeGone:
	default:
		r := h.reach(s, e.Scope)
		e.Locals, e.Reach = r.locals, r.reach
		if e.Scope == ScopeUnknown {
			e.Reach = max(e.Reach, ReachUnknown)
		}
	}
	return e
}

// reachKey is the same for all sockets that are reached alike.
type reachKey struct {
	addr    netip.Addr // 0.0.0.0 with an IPv6 socket means ::ffff:0.0.0.0, which takes no IPv6
	family  route.Family
	v6only  bool
	bound   int
	special [2]special // in IPv4 and in IPv6
	proto   uint8      // set for UDP, for groups, and if there is a VRF: one protocol may take its packets and another not
	rivals  int        // the rivals of the same port

	transparent bool
}

// keyOf is the key of a socket.
func (h *Host) keyOf(s *route.Socket, scope Scope) reachKey {
	key := reachKey{s.Local.Addr().Unmap(), s.Family, s.V6Only, s.Link, [2]special{h.asked[route.IPv4].of(s), h.asked[route.IPv6].of(s)}, 0, 0, s.Transparent}
	if r := h.rivalsFor(s); r != nil {
		key.rivals = r.id
	}
	if scope == ScopeGroup || s.Proto == route.ProtoUDP || h.anycast || s.Link == 0 && hasVRF(h.snap) {
		key.proto = s.Proto
	}
	return key
}

// reached are the addresses on which sockets that are alike take packets, and how far
// they can be reached.
type reached struct {
	locals []Local
	reach  Reach
}

// reach gives the addresses on which a socket takes packets, and who reaches them.
func (h *Host) reach(s *route.Socket, scope Scope) reached {
	bound, key, r := s.Local.Addr().Unmap(), h.keyOf(s, scope), h.rivalsFor(s)
	if out, ok := h.cache[key]; ok {
		return out
	}
	var out reached
	if scope == ScopeGroup {
		if out.locals = h.group(s); len(out.locals) > 0 {
			out.reach = out.locals[0].Reach()
		}
		h.cache[key] = out
		return out
	}
	shared := map[*View][]View{}
	for i := range h.locals {
		l, of := h.locals[i], h.kindAt(i)
		switch {
		case !bound.IsUnspecified() && (!l.Prefix.Contains(bound) || isLink(l.Addr()) && s.Link != 0 && s.Link != l.Link),
			bound.IsUnspecified() && l.Addr().Is4() && s.Family == route.IPv6 && s.V6Only,
			l.Anycast && !takesAnycast(s),
			bound.IsUnspecified() && l.Addr().Is6() && (s.Family == route.IPv4 || s.Local.Addr().Is4In6()):
			continue
		case !bound.IsUnspecified() && (l.Addr() != bound || !l.Prefix.IsSingleIP()):
			l.one, of = netip.Addr{}, h.kind(bound)
			l.Prefix = netip.PrefixFrom(bound, bound.BitLen())
		}
		h.views(&l, of, s, key.special[l.Addr().BitLen()/128], r)
		if r != nil {
			r.giveWay(h, &l, s, shared)
		}
		if s.Link == 0 || l.Self || len(l.Views) > 0 {
			out.locals, out.reach = append(out.locals, l), max(out.reach, l.Reach())
		}
	}
	if out.reach < ReachOneWay && h.hears(s, out.locals) {
		out.reach = ReachOneWay
	}
	h.cache[key] = out
	return out
}

// hears reports whether a socket takes datagrams of other hosts, whatever becomes of the
// answers. One that is bound to every address also takes what is sent to all hosts on a
// link, which needs no address of the device (ip_route_input_slow,
// ip6_mc_input).
func (h *Host) hears(s *route.Socket, locals []Local) bool {
	if s.Proto != route.ProtoUDP {
		return false
	}
	if s.Local.Addr().Unmap().IsUnspecified() {
		return slices.ContainsFunc(h.askerOf(s.Family).links, func(link int) bool {
			return takesFrom(h.snap, s, link) && (s.Family == route.IPv4 || s.DualStack() || !h.fib.Without6(link))
		})
	}
	return slices.ContainsFunc(locals, func(l Local) bool {
		return slices.ContainsFunc(l.Views, func(v View) bool {
			return slices.ContainsFunc(v.Classes, func(c Class) bool { return c.Delivered == route.Yes })
		})
	})
}

// takesAnycast reports whether a socket takes what is sent to an anycast address of this
// host. TCP drops it (tcp_v6_conn_request in net/ipv6/tcp_ipv6.c), and bind(2) refuses
// such an address, except with IPV6_FREEBIND.
func takesAnycast(s *route.Socket) bool {
	return s.Proto == route.ProtoUDP && s.Family == route.IPv6 && !s.Local.Addr().Is4In6()
}

// views finds out who reaches an address, by each uplink at which the socket takes packets.
func (h *Host) views(l *Local, of kind, s *route.Socket, alike special, r *rivals) {
	fam := route.FamilyOf(l.Addr())
	k := h.askerOf(fam)
	alike = h.at(alike, l.Addr())
	l.Views = k.viewsOf(l, of, s, alike)
	flow := route.Flow{Dst: l.Addr(), UID: s.UID, Proto: s.Proto, SrcPort: clientPort, DstPort: max(s.Local.Port(), 1)}
	if isLink(l.Addr()) {
		flow.Out = l.Link
	}
	d := h.fib.LookupConnected(flow)
	p, ok := PacketOf(h.snap, &flow, &d)
	if !ok || h.fib.DeadEnd(&flow, &d).Code != "" || !h.answersSelf(l, &d, s) {
		return
	}
	if r != nil {
		if x, other := r.firstOf(h, s, l.Prefix, p); other {
			l.SelfTo = h.BoundTo(&x)
			return
		}
	}
	l.Self = (s.Link == 0 && p.Slave == 0 || s.Link == 0 && acceptsVRF(h.snap, s.Proto) || s.Link != 0 && (s.Link == p.Dev || s.Link == p.Slave))
}

// at limits what rules ask of a socket: only rules count that can select packets to an
// address, or answers from it.
func (h *Host) at(alike special, a netip.Addr) special {
	asked := h.asked[route.FamilyOf(a)]
	return special{asked.at(alike.in, a, true), asked.at(alike.check, a, false), asked.at(alike.out, a, false)}
}

// answersSelf reports whether a socket's answers to this host itself arrive.
func (h *Host) answersSelf(l *Local, d *lookup.Decision, s *route.Socket) bool {
	back := route.Flow{Dst: d.Src, Src: l.Addr(), Out: s.Link, Bound: s.Link != 0, Mark: s.Mark, UID: s.UID, Proto: s.Proto, SrcPort: s.Local.Port(), DstPort: clientPort, Transparent: s.Transparent}
	switch {
	case isLink(l.Addr()):
		back.Out = l.Link
	default:
		back.Out = answersBy(s, l.VRF)
	}
	answer := h.fib.Lookup(back)
	if answer.Shortcut == lookup.ShortcutOnLink && len(answer.NextHops) == 1 {
		out := h.snap.Link(answer.NextHops[0].Link)
		return out != nil && out.Flags&route.LinkLoopback != 0 // __mkroute_output: packets that leave by lo come back
	}
	return answer.Disposition == lookup.DispositionLocal || answer.Disposition == lookup.DispositionUnknown
}

// hasVRF reports whether a host has a VRF. Then one protocol may take the VRF's packets and
// another not.
func hasVRF(s *route.Snapshot) bool {
	return slices.ContainsFunc(s.Links, func(l route.Link) bool { return l.Kind == "vrf" })
}

// answersBy is the device that a socket's answers are bound to, if the packets belong to
// a VRF. A TCP connection stays in the VRF (inet_request_bound_dev_if), but the answer to
// a datagram does not.
func answersBy(s *route.Socket, vrf int) int {
	if s.Link == 0 && s.Proto == route.ProtoTCP {
		return vrf
	}
	return s.Link
}

// takesFrom reports whether a socket takes packets that come in by a device.
func takesFrom(s *route.Snapshot, x *route.Socket, link int) bool {
	vrf := vrfOf(s, link)
	if x.Link == 0 {
		return vrf == 0 || acceptsVRF(s, x.Proto)
	}
	return x.Link == link || x.Link == vrf
}
