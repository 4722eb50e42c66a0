package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// NoDefault finds why a family may have no default route: a host route that was meant to
// be one, devices that ignore what routers advertise, a DHCP server that sends other
// routes.
func (f *FIB) NoDefault(fam route.Family) []Note {
	out := f.zeroHostRoutes(fam)
	if fam == route.IPv6 {
		if why := slices.Concat(f.switchedOff6(), f.routerIgnored()); len(why) > 0 {
			return append(out, why...)
		}
		return append(out, f.linkLocalOnly()...)
	}
	if lost := f.classless(); len(lost) > 0 {
		return append(out, lost...)
	}
	return append(out, f.routesLost()...)
}

// classless finds routes through a gateway that DHCP gave. A server that sends any must
// also send the default route, because clients then ignore the Router option (RFC 3442).
func (f *FIB) classless() []Note {
	t := f.family(route.IPv4).tables[route.TableMain]
	if t == nil || t.defaults > 0 {
		return nil
	}
	for dst, l := range t.trie.All() {
		for _, e := range l.entries {
			if e.route.Protocol != route.ProtocolDHCP || dst.IsSingleIP() || len(e.hops) != 1 || !e.hops[0].Gateway.IsValid() {
				continue
			}
			r := e.full(dst)
			return []Note{{Reason: Reason{Code: NoteClassless}, Route: &r}}
		}
	}
	return nil
}

// zeroHostRoutes are host routes for the zero address. People take them for default
// routes.
func (f *FIB) zeroHostRoutes(fam route.Family) []Note {
	zero := netip.PrefixFrom(netip.IPv4Unspecified(), 32)
	if fam == route.IPv6 {
		zero = netip.PrefixFrom(netip.IPv6Unspecified(), 128)
	}
	var out []Note
	for _, id := range f.TableIDs(fam) {
		if l, ok := f.family(fam).tables[id].trie.Get(zero); ok {
			r := l.entries[0].full(zero)
			out = append(out, Note{Reason: Reason{Code: NoteZeroHostRoute}, Route: &r})
		}
	}
	return out
}

// routerIgnored names the devices on which the kernel ignores router advertisements only
// because it forwards: a router does not follow other routers unless accept_ra is 2
// (ipv6_accept_ra in include/net/ipv6.h). This is how the default route vanishes from a
// host that begins to forward, for containers for example. If accept_ra is 0, a network
// manager may handle advertisements in place of the kernel. A device is left out if
// nothing shows that a router was ever heard there.
func (f *FIB) routerIgnored() []Note {
	var names []string
	heard := f.linksOfRA()
	for _, d := range f.devices {
		if !d.Carrier() || d.Master != 0 || !d.hasLinkLocal() || !heard[d.Index] && !d.heardRouter() {
			continue
		}
		accept, known := f.snap.Sysctls.Conf(route.IPv6, d.Name, "accept_ra")
		if known && accept == 1 && f.conf(route.IPv6, d, settingForwarding) != 0 {
			names = append(names, d.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Note{{Reason: Reason{Code: NoteRouterIgnored, Have: names[0], Want: len(names)}}}
}

// linkLocalOnly notes that devices have only link-local addresses, which no router
// forwards (RFC 4291 section 2.5.6): the host was given no IPv6.
func (f *FIB) linkLocalOnly() []Note {
	if f.snap.Lacks(route.FactAddrs, route.IPv6) || f.snap.Assumes(route.FactAddrs, route.IPv6) {
		return nil
	}
	some := false
	for _, d := range f.devices {
		for _, a := range d.addrs6 {
			addr := a.Prefix.Addr()
			if !addr.IsLinkLocalUnicast() && !addr.IsLoopback() {
				return nil
			}
			some = some || addr.IsLinkLocalUnicast()
		}
	}
	if !some {
		return nil
	}
	return []Note{{Reason: Reason{Code: NoteLinkLocalOnly}}}
}

// protocolRA marks an address that comes from a router advertisement
// (IFAPROT_KERNEL_RA).
const protocolRA = 2

// heardRouter reports whether a device has an address from router advertisements, or
// one that expires.
func (d *device) heardRouter() bool {
	return slices.ContainsFunc(d.addrs6, func(a *route.Addr) bool {
		dynamic := a.Flags&route.AddrPermanent == 0 && a.ValidLft < route.ForeverLft
		return !a.Prefix.Addr().IsLinkLocalUnicast() && (dynamic || a.Protocol == protocolRA || a.Flags&route.AddrManageTemp != 0)
	})
}

// linksOfRA are the devices that have a route from router advertisements. A route of the
// kernel that expires is one of these.
func (f *FIB) linksOfRA() map[int]bool {
	out := map[int]bool{}
	for _, t := range f.v6.tables {
		for _, l := range t.trie.All() {
			for _, e := range l.entries {
				if e.route.Protocol != route.ProtocolRA && (e.route.Protocol != route.ProtocolKernel || e.route.Expires == 0) {
					continue
				}
				for i := range e.hops {
					out[e.hops[i].Link] = true
				}
			}
		}
	}
	return out
}

// hasLinkLocal reports whether a device has a link-local address, which it needs to hear
// a router.
func (d *device) hasLinkLocal() bool {
	return slices.ContainsFunc(d.addrs6, func(a *route.Addr) bool { return a.Prefix.Addr().IsLinkLocalUnicast() })
}
