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
	ScopeLoopback Scope = "loopback" // an address that only this host itself reaches
	ScopeGroup    Scope = "group"    // a multicast group or a broadcast address
	ScopeGone     Scope = "gone"     // an address that is not this host's
	ScopeUnknown  Scope = "unknown"  // whether it is, is not known
)

// From says from where an address of this host can be talked to.
type From string

// From where.
const (
	FromAnywhere From = "anywhere" // answers to clients in other networks leave by the device that has the address
	FromOther    From = "other"    // they leave by another device
	FromNetwork  From = "network"  // they have no route: only clients in the address's own network
	FromLink     From = "link"     // a link-local address
	FromHost     From = "host"     // this host alone
	FromLocalnet From = "localnet" // a loopback address that route_localnet opens to a device's neighbours
	FromFiltered From = "filtered" // packets from other networks are dropped on arrival
	FromUnknown  From = "unknown"  // the routes, or a setting that decides, could not be read
)

// Local is an address of this host and who can talk to it.
type Local struct {
	Addr netip.Addr
	// Network is the network that the address is in.
	Network netip.Prefix
	Link    int
	// VRF is the VRF that the device belongs to; zero: none.
	VRF  int
	From From
	// Client is the address outside that stands for those in other networks;
	// the zero Addr: it was not asked about.
	Client netip.Addr
	// Arrives is what becomes of a packet from there, Reply of the answer.
	Arrives, Reply lookup.Decision
	// Down says that the device is down, so that its own network is cut off.
	Down bool
}

// Exposure is a listening socket and how it can be reached.
type Exposure struct {
	Socket *route.Socket
	Scope  Scope
	// Locals are the addresses on which it can be reached.
	Locals []Local
}

// Host answers for one host.
type Host struct {
	fib    *lookup.FIB
	snap   *route.Snapshot
	locals []Local
	// picky says that a rule asks for what differs from socket to socket.
	picky  bool
	client map[route.Family]netip.Addr
}

// NewHost prepares the answers for a host.
func NewHost(f *lookup.FIB) *Host {
	h := &Host{fib: f, snap: f.Snapshot(), client: map[route.Family]netip.Addr{}}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		h.client[fam] = f.Outside(fam)
	}
	for i := range h.snap.Rules {
		s := &h.snap.Rules[i].Selector
		if s.MarkMask != 0 || s.HasUIDs || s.Proto != 0 || s.SrcPort != (route.PortRange{}) {
			h.picky = true
		}
	}
	for i := range h.snap.Addrs {
		if a := &h.snap.Addrs[i]; a.Flags&(route.AddrTentative|route.AddrDADFailed) == 0 {
			h.locals = append(h.locals, h.local(a, &route.Socket{}))
		}
	}
	return h
}

// Locals are the addresses of this host, in the kernel's order, and who can
// talk to a socket of no special mark, user or port there.
func (h *Host) Locals() []Local { return h.locals }

// local finds out who can talk to a socket on one address.
func (h *Host) local(a *route.Addr, s *route.Socket) Local {
	l := Local{Addr: a.Prefix.Addr(), Network: a.Prefix.Masked(), Link: a.Link, VRF: vrfOf(h.snap, a.Link)}
	if a.Peer.IsValid() && a.Peer != a.Prefix {
		l.Network = a.Peer.Masked()
	}
	dev := h.snap.Link(a.Link)
	l.Down = dev == nil || !dev.Up()
	fam := route.FamilyOf(l.Addr)
	switch {
	case l.Addr.IsLoopback():
		l.From = h.loopback(l.Addr)
	case l.Addr.IsLinkLocalUnicast():
		l.From = FromLink
	case h.snap.Lacks(route.FactRoutes, fam) || h.snap.Lacks(route.FactRules, fam):
		l.From = FromUnknown
	default:
		l.Client = h.client[fam]
		h.ask(&l, dev, s)
	}
	return l
}

// loopback says who can talk to an address in 127.0.0.0/8, or to ::1
// (ip_route_input_slow, IN_DEV_NET_ROUTE_LOCALNET).
func (h *Host) loopback(a netip.Addr) From {
	if a.Is4() && len(h.Localnet()) > 0 {
		return FromLocalnet
	}
	return FromHost
}

// Localnet are the devices, other than lo, whose neighbours may send to
// 127.0.0.0/8: those with route_localnet.
func (h *Host) Localnet() []int {
	var out []int
	all, _ := h.snap.Sysctls.Conf(route.IPv4, "all", "route_localnet")
	for i := range h.snap.Links {
		l := &h.snap.Links[i]
		one, _ := h.snap.Sysctls.Conf(route.IPv4, l.Name, "route_localnet")
		if l.Index != route.LoopbackIndex && l.Up() && all+one != 0 {
			out = append(out, l.Index)
		}
	}
	return out
}

// ask decides about a packet from outside to the address, and its answer.
func (h *Host) ask(l *Local, dev *route.Link, s *route.Socket) {
	arrives := route.Flow{Dst: l.Addr, Src: l.Client, In: l.Link, UID: route.NoUID, Proto: s.Proto, DstPort: s.Local.Port()}
	reply := route.Flow{
		Dst: l.Client, Src: l.Addr, Out: s.Link, Mark: s.Mark, UID: s.UID, Proto: s.Proto, SrcPort: s.Local.Port(),
	}
	if l.VRF != 0 && reply.Out == 0 {
		reply.Out = l.VRF
	}
	l.Reply = h.fib.Lookup(reply)
	elsewhere := dev == nil || dev.Flags&route.LinkLoopback != 0 || dev.Kind == "dummy"
	if !elsewhere {
		l.Arrives = h.fib.Lookup(arrives)
	}
	switch {
	case l.Reply.Disposition == lookup.DispositionUnknown:
		l.From = FromUnknown
	case !l.Reply.Disposition.Success() || len(l.Reply.Ways) == 0 || l.Reply.Shortcut == lookup.ShortcutOnLink:
		// A device that a socket is bound to stands in for a missing route,
		// but nobody on its link answers for other networks.
		l.From = FromNetwork
	case elsewhere:
		// Its packets come in by whichever device leads here.
		l.From = FromAnywhere
	case l.Arrives.Disposition == lookup.DispositionUnknown:
		l.From = FromUnknown
	case !l.Arrives.Disposition.Success():
		l.From = FromFiltered
	case slices.ContainsFunc(l.Reply.Ways, func(w lookup.Way) bool { return w.Link == l.Link }):
		l.From = FromAnywhere
	default:
		l.From = FromOther
	}
}

// Exposures tell of each listening socket how it can be reached.
func (h *Host) Exposures(sockets []route.Socket) []Exposure {
	var out []Exposure
	for i := range sockets {
		if sockets[i].Listens() {
			out = append(out, h.exposure(&sockets[i]))
		}
	}
	return out
}

func (h *Host) exposure(s *route.Socket) Exposure {
	e := Exposure{Socket: s}
	e.Scope = h.scope(s)
	if e.Scope == ScopeGone || e.Scope == ScopeGroup {
		return e
	}
	bound := s.Local.Addr().Unmap()
	found := false
	for i := range h.locals {
		l := &h.locals[i]
		if !h.meets(s, bound, l) {
			continue
		}
		found = true
		e.Locals = append(e.Locals, h.forSocket(s, l))
	}
	if !found && e.Scope != ScopeAll { // local by a route, not by an address
		l := h.local(&route.Addr{Link: route.LoopbackIndex, Prefix: netip.PrefixFrom(bound, bound.BitLen())}, s)
		e.Locals = append(e.Locals, l)
	}
	return e
}

// meets says whether a socket takes what comes to an address.
func (h *Host) meets(s *route.Socket, bound netip.Addr, l *Local) bool {
	switch {
	case !bound.IsUnspecified():
		if bound != l.Addr || bound.IsLinkLocalUnicast() && s.Link != 0 && s.Link != l.Link {
			return false
		}
	case l.Addr.Is4() && s.Family == route.IPv6 && s.V6Only, l.Addr.Is6() && s.Family == route.IPv4:
		return false
	}
	if s.Link == 0 {
		return l.VRF == 0 || acceptsVRF(h.snap, s.Proto)
	}
	return s.Link == l.Link || s.Link == l.VRF
}

// forSocket is an address as a socket sees it: where rules ask for what differs
// from socket to socket, or it is bound to a device, its answers may go another
// way.
func (h *Host) forSocket(s *route.Socket, l *Local) Local {
	if !h.picky && s.Link == 0 || !l.Client.IsValid() {
		return *l
	}
	one := *l
	h.ask(&one, h.snap.Link(l.Link), s)
	return one
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
