package lookup

import (
	"net/netip"

	"routewhy/route"
)

// NoteNetworkGone: a device that is up has an address in the destination's network, and
// no table has a route to that network. Have: the device, Want: the address.
const NoteNetworkGone Code = "network-gone"

// networkGone finds such an address. The kernel makes the network's route with the
// address (fib_add_ifaddr, addrconf_prefix_route). It is missing after somebody deletes
// it, or flushes a table. An address that was added without a route
// (IFA_F_NOPREFIXROUTE) counts only if nothing else takes the destination.
func (f *FIB) networkGone(t *Trace) *route.Addr {
	dst, d := t.Flow.Dst.WithZone(""), &t.Decision
	fam := t.Flow.Family()
	if f.snap.Lacks(route.FactRoutes, fam) || f.snap.Assumes(route.FactRoutes, fam) || f.snap.Assumes(route.FactAddrs, fam) || dst.Is6() && dst.IsLinkLocalUnicast() {
		return nil
	}
	for _, dev := range f.devices {
		if !dev.Up() || dev.Index == route.LoopbackIndex {
			continue
		}
		addrs := dev.addrs4
		if dst.Is6() {
			addrs = dev.addrs6
		}
		for _, a := range addrs {
			net := a.Prefix.Masked()
			switch {
			case a.Peer.IsValid() || net.IsSingleIP() || !net.Contains(dst) || !d.missed(&route.Route{Dst: net}):
			case a.Flags&(route.AddrTentative|route.AddrDADFailed) != 0:
			case a.Flags&route.AddrNoPrefixRoute != 0 && d.Disposition != DispositionNoRoute:
			case !f.anyTable(net):
				return a
			}
		}
	}
	return nil
}

// anyTable reports whether a table has a route to exactly a prefix.
func (f *FIB) anyTable(p netip.Prefix) bool {
	for _, tab := range f.family(route.FamilyOf(p.Addr())).tables {
		if _, ok := tab.trie.Get(p); ok {
			return true
		}
	}
	return false
}
