package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// NoDefault finds why a family may have no default route: a host route that was meant to
// be one, devices that take none from routers, a DHCP server that sends other routes. Only
// what something on the host shows is among them.
func (f *FIB) NoDefault(fam route.Family) []Note {
	out := f.zeroHostRoutes(fam)
	if fam == route.IPv6 {
		if why := slices.Concat(f.switchedOff6(), f.smallMTU6(), f.routers(true)); len(why) > 0 {
			return append(out, why...)
		}
		return append(out, f.linkLocalOnly()...)
	}
	if lost := f.classless(); len(lost) > 0 {
		return append(out, lost...)
	}
	if lost := f.routesLost(); len(lost) > 0 {
		return append(out, lost...)
	}
	return append(out, f.noAddress4()...)
}

// WhyNoDefault is NoDefault for somebody who asks just that: where nothing shows what it
// is, it names for every device by which there might be one what keeps it away.
func (f *FIB) WhyNoDefault(fam route.Family) []Note {
	out := f.NoDefault(fam)
	if fam == route.IPv6 && len(f.zeroHostRoutes(fam)) == 0 {
		return f.whyNoDefault6()
	}
	if len(out) > 0 && out[0].Code != NoteLinkLocalOnly && out[0].Code != NoteNoneMade {
		return out // something shows what it is
	}
	return append(out, f.notUp()...)
}

// whyNoDefault6 is WhyNoDefault for IPv6. A setting that keeps a router's default route away
// is a cause, and that all addresses are link-local is only what follows from it. Devices
// without IPv6 come first only if no other device is as likely to have the default route.
func (f *FIB) whyNoDefault6() []Note {
	off := slices.Concat(f.switchedOff6(), f.smallMTU6())
	if heard := f.routers(true); len(heard) > 0 {
		return append(heard, off...)
	}
	var set, rest []Note
	for _, n := range f.routers(false) {
		if n.Code == NoteNoLinkLocal || n.Code == NoteRouterSilent {
			rest = append(rest, n)
		} else {
			set = append(set, n)
		}
	}
	// Where the kernel takes no advertisements, nothing tells whether there is a router, and
	// most such hosts have a static default route.
	static := slices.ContainsFunc(set, func(n Note) bool { return n.Code == NoteRouterOffUnheard })
	switch {
	case len(off) == 0 && static && f.noneMade(route.IPv6):
		return slices.Concat([]Note{{Reason: Reason{Code: NoteNoneMade}}}, set, f.linkLocalOnly(), rest, f.notUp())
	case len(off) == 0:
		return slices.Concat(set, f.linkLocalOnly(), rest, f.notUp())
	case f.atUplink(set):
		return append(set, off...)
	}
	return append(off, set...)
}

// atUplink reports whether one of the notes names a device by which a default route of IPv4
// leaves or might leave; if there is no such device, any will do.
func (f *FIB) atUplink(notes []Note) bool {
	uplinks := f.uplinks4()
	return slices.ContainsFunc(notes, func(n Note) bool {
		dev, _ := n.Have.(string)
		l := f.snap.LinkByName(dev)
		return len(uplinks) == 0 || l != nil && uplinks[l.Index]
	})
}

// noAddress4 notes that no device has an IPv4 address that other hosts reach.
func (f *FIB) noAddress4() []Note {
	if f.snap.Lacks(route.FactAddrs, route.IPv4) || f.snap.Assumes(route.FactAddrs, route.IPv4) {
		return nil
	}
	if slices.ContainsFunc(f.snap.Addrs, func(a route.Addr) bool {
		return a.Prefix.Addr().Is4() && !a.Prefix.Addr().IsLoopback()
	}) {
		return nil
	}
	return []Note{{Reason: Reason{Code: NoteNoAddress}}}
}

// notUp names the devices that have an address, and are down or have no carrier.
func (f *FIB) notUp() []Note {
	var down, silent []string
	for _, d := range f.devices {
		switch {
		case d.Index == route.LoopbackIndex || d.Master != 0 || len(d.addrs4)+len(d.addrs6) == 0:
		case !d.Up():
			down = append(down, d.Name)
		case !d.Carrier():
			silent = append(silent, d.Name)
		}
	}
	return slices.Concat(named(NoteDownNoDefault, down), named(NoteNoCarrierNoDefault, silent))
}

// named is a note about some devices; none where there are none.
func named(c Code, devices []string) []Note {
	if len(devices) == 0 {
		return nil
	}
	return []Note{{Reason: Reason{Code: c, Have: devices[0], Want: len(devices)}}}
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

// routers finds why the kernel has no default route from router advertisements, and on
// which devices. If heard is set, it leaves out devices on which nothing shows that a router
// was ever heard.
func (f *FIB) routers(heard bool) []Note {
	var codes []Code
	names := map[Code][]string{}
	sure, likely := f.linksOfRA()
	for _, d := range f.devices {
		if !d.Carrier() || d.Master != 0 || d.Flags&route.LinkLoopback != 0 || d.conf6.value[settingDisableIPv6] != 0 || !d.HasIPv6() {
			continue
		}
		some := likely[d.Index] || d.heardRouter()
		code := f.routerOn(d, sure[d.Index] || d.hadRouter())
		if code == "" || heard && (!some || code == NoteNoLinkLocal || code == NoteRouterSilent) {
			continue
		}
		if !some {
			code = unheard(code)
		}
		if names[code] == nil {
			codes = append(codes, code)
		}
		names[code] = append(names[code], d.Name)
	}
	var out []Note
	for _, c := range codes {
		slices.SortStableFunc(names[c], f.uplinksFirst())
		out = append(out, named(c, names[c])...)
	}
	return out
}

// unheard is the code for a device on which nothing shows that there is a router.
func unheard(c Code) Code {
	switch c {
	case NoteRouterOff:
		return NoteRouterOffUnheard
	case NoteRouterIgnored:
		return NoteRouterIgnoredUnheard
	case NoteRouterNoDefault:
		return NoteRouterNoDefaultUnheard
	}
	return c
}

// uplinksFirst orders devices by name: first those by which IPv4's default routes leave, or
// might leave.
func (f *FIB) uplinksFirst() func(a, b string) int {
	uplinks := f.uplinks4()
	rank := func(dev string) int {
		if l := f.snap.LinkByName(dev); l != nil && uplinks[l.Index] {
			return 0
		}
		return 1
	}
	return func(a, b string) int { return rank(a) - rank(b) }
}

// routerOn says why a device has no default route from a router. Without a link-local
// address it hears none. A router does not follow other routers unless accept_ra is 2
// (ipv6_accept_ra in include/net/ipv6.h): this is how the default route vanishes from a
// host that begins to forward, for containers for example. If accept_ra is 0, a network
// manager may handle advertisements in place of the kernel. If accept_ra_defrtr is 0, the
// kernel takes all of an advertisement but the default route (ndisc_router_discovery in
// net/ipv6/ndisc.c). If accept_ra_min_lft is not 0, it takes none from a router whose
// lifetime is shorter. Empty: that is not known.
func (f *FIB) routerOn(d *device, heard bool) Code {
	if !d.hasLinkLocal() {
		if f.snap.Lacks(route.FactAddrs, route.IPv6) || f.snap.Assumes(route.FactAddrs, route.IPv6) {
			return ""
		}
		return NoteNoLinkLocal
	}
	accept, known := f.snap.Sysctls.Conf(route.IPv6, d.Name, "accept_ra")
	takes, told := f.snap.Sysctls.Conf(route.IPv6, d.Name, "accept_ra_defrtr")
	short, _ := f.snap.Sysctls.Conf(route.IPv6, d.Name, "accept_ra_min_lft")
	switch {
	case !known:
		return ""
	case accept == 0:
		return NoteRouterOff
	case accept == 1 && f.conf(route.IPv6, d, settingForwarding) != 0:
		return NoteRouterIgnored
	case told && takes == 0:
		return NoteRouterNoDefault
	case short > 0:
		return NoteRouterShort
	case heard:
		return NoteRouterGone
	}
	return NoteRouterSilent
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

// hadRouter reports whether a device has an address that only a router's advertisement
// gives: not one that somebody else gave a lifetime.
func (d *device) hadRouter() bool {
	return slices.ContainsFunc(d.addrs6, func(a *route.Addr) bool { return a.Protocol == protocolRA || a.Flags&route.AddrManageTemp != 0 })
}

// linksOfRA are the devices that have a route from router advertisements, and those that
// have one that runs out, which the kernel makes itself for addresses that run out too.
func (f *FIB) linksOfRA() (sure, likely map[int]bool) {
	sure, likely = map[int]bool{}, map[int]bool{}
	for _, t := range f.v6.tables {
		for _, l := range t.trie.All() {
			for _, e := range l.entries {
				ra := e.route.Protocol == route.ProtocolRA
				if !ra && (e.route.Protocol != route.ProtocolKernel || e.route.Expires == 0) {
					continue
				}
				for i := range e.hops {
					likely[e.hops[i].Link] = true
					sure[e.hops[i].Link] = sure[e.hops[i].Link] || ra
				}
			}
		}
	}
	return sure, likely
}

// hasLinkLocal reports whether a device has a link-local address, which it needs to hear
// a router.
func (d *device) hasLinkLocal() bool {
	return slices.ContainsFunc(d.addrs6, func(a *route.Addr) bool { return a.Prefix.Addr().IsLinkLocalUnicast() })
}

// LinkLocal reports whether a device has a link-local address of IPv6; false for IPv4.
func (f *FIB) LinkLocal(link int, fam route.Family) bool {
	d := f.byIndex[link]
	return fam == route.IPv6 && d != nil && d.hasLinkLocal()
}
