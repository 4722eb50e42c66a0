package listen

import (
	"fmt"
	"net/netip"
	"slices"

	"routewhy/route"
)

// Local is an address of this host, or a prefix of such addresses, and who reaches it.
type Local struct {
	// Prefix is the address, or the prefix of a route of type local.
	Prefix netip.Prefix
	// Link is the device that has it. VRF is the VRF of that device. Zero: none.
	Link, VRF int
	// Views tell who reaches it, by each uplink at which it takes packets.
	Views []View
	// Self reports whether this host itself reaches it.
	Self bool
	// SelfTo is what another socket is bound to, if that socket takes the packets that this
	// host itself sends there. Empty: this socket takes them, or none does.
	SelfTo string
	// Anycast says that it is an IPv6 anycast address, on which TCP takes nothing.
	Anycast bool

	one netip.Addr // an address that represents the prefix; the zero Addr: the first one does
}

// Addr is the address, or one that represents the prefix.
func (l *Local) Addr() netip.Addr {
	if l.one.IsValid() {
		return l.one
	}
	return l.Prefix.Addr()
}

// standIn is the address that represents a prefix whose first address is special: one of
// length 0. A transparent proxy has such a prefix, because all packets that its rule
// selects are local.
func standIn(p netip.Prefix) netip.Addr {
	switch {
	case !p.Addr().IsUnspecified():
		return netip.Addr{}
	case p.Addr().Is4():
		return netip.AddrFrom4([4]byte{1})
	}
	return netip.AddrFrom16([16]byte{0x20})
}

// Reach is how far an address or a socket can be reached.
type Reach uint8

// The reaches, the farthest last.
const (
	ReachNobody  Reach = iota
	ReachHost          // this host alone
	ReachOneWay        // other hosts too, but only by datagrams that get no answer
	ReachNear          // clients in networks of this host's devices
	ReachUnknown       // it is not known whether clients in other networks can
	ReachFar           // clients in other networks
)

func reachNames() []string { return []string{"nobody", "host", "one-way", "near", "unknown", "far"} }

func (r Reach) String() string { return reachNames()[r] }

// MarshalText gives the name.
func (r Reach) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a name.
func (r *Reach) UnmarshalText(b []byte) error {
	i := slices.Index(reachNames(), string(b))
	if i < 0 {
		return fmt.Errorf("unknown reach %q", b)
	}
	*r = Reach(i)
	return nil
}

// Reach is how far it can be reached.
func (l *Local) Reach() Reach {
	best := ReachNobody
	if l.Self {
		best = ReachHost
	}
	for i := range l.Views {
		some, far := l.Views[i].Reached()
		perhaps, perhapsFar := l.Views[i].Uncertain()
		switch {
		case far:
			best = max(best, ReachFar)
		case perhapsFar:
			best = max(best, ReachUnknown)
		case some, perhaps:
			best = max(best, ReachNear)
		}
	}
	return best
}

// find gathers the addresses of this host: those of its devices, and those that only a
// route makes local.
func (h *Host) find() {
	type place struct {
		prefix netip.Prefix
		link   int
	}
	seen := map[place]bool{}
	lengths := map[int]bool{} // of the prefixes
	add := func(p netip.Prefix, link int) {
		k := place{prefix: p}
		if isLink(p.Addr()) {
			k.link = link
		}
		if !seen[k] {
			seen[k], lengths[p.Bits()] = true, true
			h.locals = append(h.locals, Local{Prefix: p, Link: link, VRF: vrfOf(h.snap, link), one: standIn(p)})
		}
	}
	for i := range h.snap.Addrs {
		a := &h.snap.Addrs[i]
		switch p := netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()); {
		case a.Flags&(route.AddrTentative|route.AddrDADFailed) != 0:
		case p.Addr().Is4() && p.Addr().IsLoopback():
			add(netip.MustParsePrefix("127.0.0.0/8"), a.Link)
			if last := &h.locals[len(h.locals)-1]; !last.one.IsValid() && last.Prefix.Contains(p.Addr()) {
				last.one = p.Addr()
			}
		default:
			add(p, a.Link)
		}
	}
	whole := map[netip.Prefix]bool{}
	for i := range h.locals {
		whole[h.locals[i].Prefix] = true
	}
	h.fib.LocalRoutes(route.TypeLocal, func(p netip.Prefix, link int) {
		for bits := range lengths {
			if q := netip.PrefixFrom(p.Addr(), bits).Masked(); bits <= p.Bits() && whole[q] {
				return
			}
		}
		whole[p] = true
		add(p, link)
	})
	first := len(h.locals)
	h.fib.LocalRoutes(route.TypeAnycast, add)
	for i := range h.locals[first:] {
		h.locals[first+i].Anycast = true
	}
	h.anycast = len(h.locals) > first
}

// HasIn reports whether an address of this host is in a prefix.
func (h *Host) HasIn(p netip.Prefix) bool {
	return slices.ContainsFunc(h.locals, func(l Local) bool { return l.Prefix.Overlaps(p) })
}

// External reports whether this host has an address of a family that is not a loopback
// address, or whether it lets other hosts reach 127.0.0.0/8.
func (h *Host) External(fam route.Family) bool {
	some := slices.ContainsFunc(h.locals, func(l Local) bool {
		return route.FamilyOf(l.Addr()) == fam && !l.Addr().IsLoopback()
	})
	return some || fam == route.IPv4 && len(h.Localnet()) > 0
}

// Locals are the addresses of this host, in the kernel's order. They tell who reaches a
// socket there that has no special mark, user or port.
func (h *Host) Locals() []Local {
	var out []Local
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		out = append(out, h.reach(anySocket(fam), ScopeAll).locals...)
	}
	return out
}
