package listen

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Scope is what a socket is bound to.
type Scope string

// The scopes.
const (
	ScopeAll      Scope = "all"      // every address: 0.0.0.0 or ::
	ScopeAddress  Scope = "address"  // one address of this host
	ScopeLoopback Scope = "loopback" // a loopback address
	ScopeGroup    Scope = "group"    // a multicast group or a broadcast address
	ScopeGone     Scope = "gone"     // an address that is not this host's
	ScopeUnknown  Scope = "unknown"  // whether it is, is not known
)

// Local is an address of this host, or a prefix of such, and who reaches it.
type Local struct {
	// Prefix is the address, or what a route of type local makes this host's.
	Prefix netip.Prefix
	// Link is the device that has it, VRF the one that this belongs to; zero: none.
	Link, VRF int
	// Views are who reaches it by each uplink at which it takes packets.
	Views []View
	// Self says whether this host itself reaches it.
	Self bool

	one netip.Addr // of the prefix, that stands for it; the zero Addr: its first
}

// Addr is the address, or one that stands for the prefix.
func (l *Local) Addr() netip.Addr {
	if l.one.IsValid() {
		return l.one
	}
	return l.Prefix.Addr()
}

// Reach is how far an address or a socket can be reached.
type Reach uint8

// The reaches, the farthest last.
const (
	ReachNobody  Reach = iota
	ReachHost          // this host alone
	ReachNear          // clients in networks of this host's devices
	ReachUnknown       // whether other networks do is not known
	ReachFar           // clients in other networks
)

func (r Reach) String() string { return [...]string{"nobody", "host", "near", "unknown", "far"}[r] }

// Reach is how far it can be reached.
func (l *Local) Reach() Reach {
	best := ReachNobody
	if l.Self {
		best = ReachHost
	}
	for i := range l.Views {
		switch some, far := l.Views[i].Reached(); {
		case far:
			best = max(best, ReachFar)
		case l.Views[i].Uncertain():
			best = max(best, ReachUnknown)
		case some:
			best = max(best, ReachNear)
		}
	}
	return best
}

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
	kinds  []kind // of the locals
	asked  map[route.Family]*demands
	cache  map[reachKey]reached
	names  map[string]int
}

// NewHost prepares the answers for a host.
func NewHost(f *lookup.FIB) *Host {
	h := &Host{
		fib: f, snap: f.Snapshot(), asker: map[route.Family]*asker{}, asked: map[route.Family]*demands{},
		cache: map[reachKey]reached{}, names: map[string]int{},
	}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		h.asked[fam] = demandsOf(h.snap, fam)
	}
	h.find()
	return h
}

// kind tells addresses apart by how packets to them and from them are decided.
type kind struct{ in, out int }

func (h *Host) kind(a netip.Addr) kind {
	return kind{number(h.names, h.fib.KindIn(a)), number(h.names, h.fib.KindOut(a))}
}

// number is that of a text: the same for the same one.
func number(all map[string]int, text string) int {
	n, ok := all[text]
	if !ok {
		n = len(all)
		all[text] = n
	}
	return n
}

// find gathers the addresses of this host: those of its devices, and what else is local
// by a route.
func (h *Host) find() {
	add := func(p netip.Prefix, link int) {
		has := func(l Local) bool { return l.Prefix == p && (l.Link == link || !isLink(p.Addr())) }
		if !slices.ContainsFunc(h.locals, has) {
			h.locals = append(h.locals, Local{Prefix: p, Link: link, VRF: vrfOf(h.snap, link)})
			h.kinds = append(h.kinds, h.kind(p.Addr()))
		}
	}
	for i := range h.snap.Addrs {
		a := &h.snap.Addrs[i]
		switch p := netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()); {
		case a.Flags&(route.AddrTentative|route.AddrDADFailed) != 0:
		case p.Addr().Is4() && p.Addr().IsLoopback():
			add(netip.MustParsePrefix("127.0.0.0/8"), a.Link)
			if last := &h.locals[len(h.locals)-1]; !last.one.IsValid() && last.Prefix.Contains(p.Addr()) {
				last.one, h.kinds[len(h.kinds)-1] = p.Addr(), h.kind(p.Addr())
			}
		default:
			add(p, a.Link)
		}
	}
	h.fib.LocalRoutes(func(p netip.Prefix, link int) {
		covered := func(l Local) bool { return l.Prefix.Bits() <= p.Bits() && l.Prefix.Contains(p.Addr()) }
		if !slices.ContainsFunc(h.locals, covered) {
			add(p, link)
		}
	})
}

// Locals are the addresses of this host, in the kernel's order, and who reaches a socket
// of no special mark, user or port there.
func (h *Host) Locals() []Local {
	var out []Local
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		out = append(out, h.reach(&route.Socket{Proto: route.ProtoTCP, Family: fam, V6Only: true, Local: netip.AddrPortFrom(firstOf(fam), 0)}).locals...)
	}
	return out
}

// Localnet are the devices by which other hosts reach 127.0.0.0/8, and get answers.
func (h *Host) Localnet() []int {
	var out []int
	for _, l := range h.Locals() {
		for i := range l.Views {
			if some, _ := l.Views[i].Reached(); some && l.Addr().Is4() && l.Addr().IsLoopback() {
				out = append(out, l.Views[i].Uplink)
			}
		}
	}
	return out
}

// Exposures tell of each listening socket how it can be reached.
func (h *Host) Exposures(sockets []route.Socket) []Exposure {
	var out []Exposure
	for i := range sockets {
		if sockets[i].Listens() {
			out = append(out, h.Exposure(&sockets[i]))
		}
	}
	return out
}

// Exposure tells how a listening socket can be reached.
func (h *Host) Exposure(s *route.Socket) Exposure {
	e := Exposure{Socket: s}
	e.Scope = h.scope(s)
	switch e.Scope {
	case ScopeGone:
	case ScopeGroup:
		e.Reach = ReachNear
	default:
		r := h.reach(s)
		e.Locals, e.Reach = r.locals, r.reach
		if e.Scope == ScopeUnknown {
			e.Reach = max(e.Reach, ReachUnknown)
		}
	}
	return e
}

// reachKey is what sockets have in common that are reached alike.
type reachKey struct {
	addr    netip.Addr
	family  route.Family
	v6only  bool
	bound   int
	special [2]special // in IPv4 and in IPv6
}

// reached are the addresses on which sockets that are alike take packets.
type reached struct {
	locals []Local
	reach  Reach
}

// reach are the addresses on which a socket takes packets, and who reaches them.
func (h *Host) reach(s *route.Socket) reached {
	bound := s.Local.Addr().Unmap()
	key := reachKey{bound, s.Family, s.V6Only, s.Link, [2]special{h.asked[route.IPv4].of(s), h.asked[route.IPv6].of(s)}}
	if out, ok := h.cache[key]; ok {
		return out
	}
	var out reached
	for i := range h.locals {
		l, of := h.locals[i], h.kinds[i]
		switch {
		case !bound.IsUnspecified() && (!l.Prefix.Contains(bound) || isLink(l.Addr()) && s.Link != 0 && s.Link != l.Link),
			bound.IsUnspecified() && l.Addr().Is4() && s.Family == route.IPv6 && s.V6Only,
			bound.IsUnspecified() && l.Addr().Is6() && s.Family == route.IPv4:
			continue
		case !bound.IsUnspecified() && (l.Addr() != bound || !l.Prefix.IsSingleIP()):
			l.one, of = netip.Addr{}, h.kind(bound)
			l.Prefix = netip.PrefixFrom(bound, bound.BitLen())
		}
		h.views(&l, of, s, key.special[l.Addr().BitLen()/128])
		if s.Link == 0 || l.Self || len(l.Views) > 0 {
			out.locals, out.reach = append(out.locals, l), max(out.reach, l.Reach())
		}
	}
	h.cache[key] = out
	return out
}

// views asks who reaches an address by each uplink at which the socket takes packets.
func (h *Host) views(l *Local, of kind, s *route.Socket, alike special) {
	fam := route.FamilyOf(l.Addr())
	k := h.asker[fam]
	if k == nil {
		k = newAsker(h.fib, fam)
		h.asker[fam] = k
	}
	asked := h.asked[fam]
	alike = special{asked.at(alike.in, l.Addr(), true), asked.at(alike.check, l.Addr(), false), asked.at(alike.out, l.Addr(), false)}
	for _, up := range k.links {
		if takesFrom(h.snap, s, up) && (!isLink(l.Addr()) || up == l.Link) {
			l.Views = append(l.Views, k.view(up, l.Addr(), of, s, alike))
		}
	}
	if lo := h.snap.Link(route.LoopbackIndex); lo != nil && !lo.Up() {
		return // what this host sends to itself goes by lo
	}
	flow := route.Flow{Dst: l.Addr(), UID: s.UID, Proto: s.Proto, DstPort: max(s.Local.Port(), 1)}
	if isLink(l.Addr()) {
		flow.Out = l.Link
	}
	d := h.fib.Lookup(flow)
	p, ok := PacketOf(h.snap, &flow, &d)
	if !ok || !h.answersSelf(l, &d, s) {
		return
	}
	l.Self = (s.Link == 0 && p.Slave == 0 || s.Link == 0 && acceptsVRF(h.snap, s.Proto) || s.Link != 0 && (s.Link == p.Dev || s.Link == p.Slave))
}

// answersSelf reports whether a socket's answers to this host itself get there.
func (h *Host) answersSelf(l *Local, d *lookup.Decision, s *route.Socket) bool {
	back := route.Flow{Dst: d.Src, Src: l.Addr(), Out: s.Link, Bound: s.Link != 0, Mark: s.Mark, UID: s.UID, Proto: s.Proto, SrcPort: s.Local.Port()}
	switch {
	case isLink(l.Addr()):
		back.Out = l.Link
	case back.Out == 0:
		back.Out = l.VRF
	}
	answer := h.fib.Lookup(back)
	return answer.Disposition == lookup.DispositionLocal || answer.Disposition == lookup.DispositionUnknown
}

// takesFrom reports whether a socket takes packets that come by a device.
func takesFrom(s *route.Snapshot, x *route.Socket, link int) bool {
	vrf := vrfOf(s, link)
	if x.Link == 0 {
		return vrf == 0 || acceptsVRF(s, x.Proto)
	}
	return x.Link == link || x.Link == vrf
}

// scope classifies the address that a socket is bound to.
func (h *Host) scope(s *route.Socket) Scope {
	a := s.Local.Addr().Unmap()
	switch {
	case a.IsUnspecified():
		return ScopeAll
	case a.IsMulticast():
		return ScopeGroup
	case slices.ContainsFunc(h.snap.Addrs, func(x route.Addr) bool { return x.Prefix.Addr() == a }):
		if a.IsLoopback() {
			return ScopeLoopback
		}
		return ScopeAddress
	}
	d := h.fib.Lookup(route.Flow{Dst: a, Out: s.Link})
	switch {
	case d.Disposition == lookup.DispositionLocal && a.IsLoopback():
		return ScopeLoopback
	case d.Disposition == lookup.DispositionLocal:
		return ScopeAddress
	case d.Disposition == lookup.DispositionBroadcast:
		return ScopeGroup
	case h.snap.Lacks(route.FactAddrs, s.Family) || d.Disposition == lookup.DispositionUnknown:
		return ScopeUnknown
	}
	return ScopeGone
}
