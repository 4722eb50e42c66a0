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

// scope classifies the address that a socket is bound to.
func (h *Host) scope(s *route.Socket) Scope {
	a := s.Local.Addr().Unmap()
	switch {
	case a.IsUnspecified():
		return ScopeAll
	case a.IsMulticast(), a == broadcast4():
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
	case d.Disposition == lookup.DispositionAnycast && takesAnycast(s):
		return ScopeAddress
	case d.Disposition == lookup.DispositionBroadcast:
		return ScopeGroup
	case h.snap.Lacks(route.FactAddrs, s.Family) || d.Disposition == lookup.DispositionUnknown:
		return ScopeUnknown
	case h.delivers(s): // a rule for received packets delivers to it
		return ScopeAddress
	}
	return ScopeGone
}

// delivers reports whether packets to the address of a socket may get to it.
func (h *Host) delivers(s *route.Socket) bool {
	r := h.reach(s, ScopeAddress)
	return r.reach > ReachNobody || slices.ContainsFunc(r.locals, func(l Local) bool {
		return slices.ContainsFunc(l.Views, func(v View) bool {
			return slices.ContainsFunc(v.Classes, func(c Class) bool { return c.Delivered != route.No })
		})
	})
}

// ScopeOf is what an address is to this host: the scope that a socket on it would have.
func (h *Host) ScopeOf(a netip.Addr) Scope {
	s := anySocket(route.FamilyOf(a))
	s.Local = netip.AddrPortFrom(a, 0)
	return h.scope(s)
}
