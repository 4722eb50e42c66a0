package listen

import (
	"net/netip"

	"routewhy/route"
)

// Fits checks whether the answers about this host fit in a number of bytes of memory. There
// is an answer for each kind of its addresses and each device that packets come in by. The
// limit also bounds the time that it takes to work them out. each says that an answer is
// needed for every address, and not only once for those that are alike. The error is a
// [route.LimitError].
func (h *Host) Fits(bytes int64, each bool) error {
	const view, look, step = 256, 64, 4 // bytes for an address by a device; for a look-up of a packet; for a range of clients
	const self = 2048                   // bytes for the packet that this host itself sends to an address
	links, total := float64(len(uplinks(h.fib))), 0.0
	groups := map[netip.AddrPort]bool{}
	for i := range h.snap.Sockets {
		if s := &h.snap.Sockets[i]; s.Listens() && s.Proto != route.ProtoTCP && h.scope(s) == ScopeGroup {
			groups[s.Local] = true
		}
	}
	total += float64(len(h.locals)) * (float64(len(h.snap.Rules))*look + self)
	total += (h.sources6() + h.subtrees6()) * step
	if total > float64(bytes) {
		return &route.LimitError{Limit: bytes}
	}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		kinds, locals := map[kind]bool{}, 0.0
		for i := range h.locals {
			if route.FamilyOf(h.locals[i].Addr()) == fam {
				kinds[h.kindAt(i)] = true
				locals++
			}
		}
		k := h.askerOf(fam)
		uplinkKinds := map[int]bool{}
		for _, n := range k.kinds {
			uplinkKinds[n] = true
		}
		alike, cells := float64(len(kinds)), float64(len(k.cells))
		total += alike * (links*(view+cells*step) + float64(len(uplinkKinds))*cells*look)
		if each {
			total += locals * links * (view + cells/4)
		}
		for g := range groups {
			if route.FamilyOf(g.Addr().Unmap()) == fam {
				total += links * (view + cells*look)
			}
		}
		if total > float64(bytes) {
			return &route.LimitError{Limit: bytes}
		}
	}
	return nil
}

// subtrees6 is how many source-specific routes are compared when each range of IPv6 clients
// is looked up.
func (h *Host) subtrees6() float64 {
	most, ranges := h.fib.MostSources(), 0
	if most > 0 {
		h.fib.Cuts(route.IPv6, func(netip.Prefix) { ranges += 2 })
	}
	return float64(most) * float64(ranges)
}

// sources6 is how many addresses are compared when this host sends a packet to each of its
// own IPv6 addresses: each of these may be the packet's source.
func (h *Host) sources6() float64 {
	n, all := 0, 0
	for i := range h.locals {
		if h.locals[i].Addr().Is6() {
			n++
		}
	}
	for i := range h.snap.Addrs {
		if h.snap.Addrs[i].Prefix.Addr().Is6() {
			all++
		}
	}
	return float64(n) * float64(all)
}
