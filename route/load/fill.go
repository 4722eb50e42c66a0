package load

import (
	"maps"
	"net/netip"
	"slices"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// This file adds what the kernel adds by itself: the files may not tell it.

// assumedLink is a device as it was listed. If only its name is known, or its flags were not
// readable, it is assumed to be up, because routes lead there.
func (f *facts) assumedLink(d *dev) route.Link {
	l := d.link
	l.PeerNetNS = -1
	if !d.told || d.oddFlags {
		l.Flags |= route.LinkUp | route.LinkRunning | route.LinkLowerUp
		if d.name == "lo" {
			l.Flags |= route.LinkLoopback
		}
	}
	return l
}

// fillIn notes the gaps. Where something usual can be assumed instead, it adds that.
func (f *facts) fillIn() {
	s := &f.snap
	gap := func(fact route.Fact, fam route.Family, assumed bool) {
		s.Gaps = append(s.Gaps, route.Gap{Fact: fact, Family: fam, Assumed: assumed, Why: route.NotInFiles})
	}
	for _, fact := range []route.Fact{route.FactLinks, route.FactNeighbours, route.FactNextHops} {
		if !f.has[found{fact, 0}] {
			gap(fact, 0, false)
		}
	}
	if (f.partLinks || !f.toldOf("lo")) && f.has[found{route.FactLinks, 0}] {
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactLinks, Why: "only some of the devices are in the files"})
	}
	f.fillAddrs()
	if !f.has[found{route.FactSysctls, 0}] {
		gap(route.FactSysctls, 0, false)
	}
	gap(route.FactSockets, 0, false)
	gap(route.FactLabels, route.IPv6, true)
	s.Labels = route.DefaultLabels()
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		if !f.has[found{route.FactRules, fam}] {
			if part := len(f.ruleIn[fam]) > 0; part {
				s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactRules, Family: fam, Why: "only a part of them is in the files"})
			} else if why := f.otherRules(fam); why != "" {
				s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactRules, Family: fam, Why: why})
			} else {
				s.Rules = append(s.Rules, route.DefaultRules(fam)...)
				gap(route.FactRules, fam, true)
			}
		}
		f.fillTables(fam)
	}
	if s.Merged == route.Unknown {
		gap(route.FactMerged, route.IPv4, false)
	}
	f.partGaps()
	slices.SortStableFunc(s.Rules, func(a, b route.Rule) int {
		if a.Family != b.Family {
			return int(a.Family) - int(b.Family)
		}
		return int(int64(a.Priority) - int64(b.Priority))
	})
}

// toldOf reports whether a device is listed. The loopback device is in every listing
// of all devices.
func (f *facts) toldOf(name string) bool {
	return slices.ContainsFunc(f.devs, func(d *dev) bool { return d.told && d.name == name })
}

// fillAddrs notes what is not known about the addresses, and infers them from routes.
func (f *facts) fillAddrs() {
	if f.has[found{route.FactAddrs, 0}] && !f.partAddrs {
		return
	}
	some := f.inferAddrs()
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		if f.partAddrs || !f.has[found{route.FactAddrs, fam}] {
			f.snap.Gaps = append(f.snap.Gaps, route.Gap{Fact: route.FactAddrs, Family: fam, Assumed: some, Why: route.NotInFiles})
		}
	}
}

// eachRoute hands over every route.
func (f *facts) eachRoute(each func(*route.Route)) {
	_ = f.routes.Each(nil, func(r *route.Route) error { each(r); return nil })
}

// inferAddrs finds the addresses for which the kernel made routes: the kernel's route to
// a network has this host's address in it as its source (fib_add_ifaddr).
func (f *facts) inferAddrs() bool {
	f.eachRoute(func(r *route.Route) {
		if r.Protocol != route.ProtocolKernel || !r.PrefSrc.IsValid() || len(r.NextHops) != 1 || r.Type != route.TypeUnicast {
			return
		}
		a := route.Addr{
			Link: r.NextHops[0].Link, Prefix: netip.PrefixFrom(r.PrefSrc, r.Dst.Bits()), Flags: route.AddrPermanent,
			PreferredLft: route.ForeverLft, ValidLft: route.ForeverLft,
		}
		if r.Dst.Contains(r.PrefSrc) && a.Check() == nil {
			f.snap.Addrs = append(f.snap.Addrs, a)
		}
	})
	f.snap.Addrs = unique(f.snap.Addrs, func(a *route.Addr) any { return [2]any{a.Link, a.Prefix} })
	return len(f.snap.Addrs) > 0
}

// fillTables notes which tables are not there. Table local is made from the host's
// addresses.
func (f *facts) fillTables(fam route.Family) {
	s := &f.snap
	if !f.has[found{route.FactRoutes, fam}] {
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactRoutes, Family: fam, Why: route.NotInFiles})
		return
	}
	local := len(f.tableIn[familyTable{fam, route.TableLocal}]) > 0
	if f.complete[fam] && local {
		return
	}
	if !local {
		f.fillLocal(fam)
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactLocal, Family: fam, Assumed: true, Why: route.NotInFiles})
	}
	if f.complete[fam] {
		return
	}
	tables := []route.Table{route.TableLocal}
	for k := range f.tableIn {
		if k.family == fam && k.table != route.TableLocal {
			tables = append(tables, k.table)
		}
	}
	if slices.Contains(tables, route.TableMain) && !slices.Contains(tables, route.TableDefault) {
		tables = append(tables, route.TableDefault)
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactDefault, Family: fam, Assumed: true, Why: route.NotInFiles})
	}
	slices.Sort(tables)
	s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactRoutes, Family: fam, Tables: tables, Why: route.NotInFiles})
}

// fillLocal makes table local as the kernel would for the addresses that are
// known (fib_add_ifaddr in net/ipv4/fib_frontend.c, addrconf_f6i_alloc in
// net/ipv6/route.c). These are the listed ones, or else the sources of routes.
func (f *facts) fillLocal(fam route.Family) {
	own := map[netip.Addr]int{}
	lo := route.LoopbackIndex
	for _, a := range f.snap.Addrs {
		own[a.Prefix.Addr()] = a.Link
	}
	f.eachRoute(func(r *route.Route) {
		if r.PrefSrc.IsValid() && len(r.NextHops) > 0 && own[r.PrefSrc] == 0 {
			own[r.PrefSrc] = r.NextHops[0].Link
		}
	})
	add := func(dst netip.Prefix, link int, typ route.Type, scope route.Scope, src netip.Addr) {
		if fam == route.IPv6 {
			scope, src = route.ScopeGlobal, netip.Addr{}
		}
		if l := f.snap.Link(link); l != nil && l.Master != 0 {
			if vrf := f.snap.Link(l.Master); vrf != nil && vrf.Kind == "vrf" {
				return // it belongs in the VRF's table
			}
		}
		f.routes.Add(&route.Route{
			Table: route.TableLocal, Dst: dst, Type: typ, Scope: scope, PrefSrc: src,
			Protocol: route.ProtocolKernel, NextHops: []route.NextHop{{Link: link}},
		})
	}
	if fam == route.IPv4 {
		own[netip.AddrFrom4([4]byte{127, 0, 0, 1})] = lo
		add(netip.MustParsePrefix("127.0.0.0/8"), lo, route.TypeLocal, route.ScopeHost, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	} else {
		own[netip.IPv6Loopback()] = lo
	}
	for _, a := range slices.SortedFunc(maps.Keys(own), netip.Addr.Compare) {
		if route.FamilyOf(a) == fam {
			add(netip.PrefixFrom(a, a.BitLen()), own[a], route.TypeLocal, route.ScopeHost, a)
		}
	}
	if fam == route.IPv4 {
		add(netip.MustParsePrefix("127.255.255.255/32"), lo, route.TypeBroadcast, route.ScopeLink, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		f.fillBroadcast(add)
		return
	}
	f.fillMulticast(add)
}

// fillBroadcast adds the broadcast addresses of the networks: the one that is listed
// with an address, and the last one of its network, which the kernel always adds
// (fib_add_ifaddr). The network of an address on lo is local as a whole.
func (f *facts) fillBroadcast(add func(netip.Prefix, int, route.Type, route.Scope, netip.Addr)) {
	seen := map[netip.Prefix]bool{netip.MustParsePrefix("127.255.255.255/32"): true}
	for i := range f.snap.Addrs {
		a := &f.snap.Addrs[i]
		l := f.snap.Link(a.Link)
		if !a.Prefix.Addr().Is4() || l == nil || !l.Up() {
			continue
		}
		network := a.Prefix.Masked()
		if a.Peer.IsValid() {
			network = netip.PrefixFrom(a.Peer.Addr(), a.Prefix.Bits()).Masked()
		}
		var all []netip.Addr
		if a.Broadcast.Is4() && a.Broadcast != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			all = append(all, a.Broadcast)
		}
		if network.Addr().As4()[0] != 0 && network.Bits() < 31 && a.Flags&route.AddrSecondary == 0 {
			all = append(all, lastOf(network))
			if a.Link == route.LoopbackIndex && network != netip.MustParsePrefix("127.0.0.0/8") {
				add(network, a.Link, route.TypeLocal, route.ScopeHost, a.Prefix.Addr())
			}
		}
		for _, b := range all {
			if p := netip.PrefixFrom(b, 32); !seen[p] {
				seen[p] = true
				add(p, a.Link, route.TypeBroadcast, route.ScopeLink, a.Prefix.Addr())
			}
		}
	}
}

// lastOf is the last address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// fillMulticast adds ff00::/8 for every device that has IPv6 (addrconf_add_mroute).
func (f *facts) fillMulticast(add func(netip.Prefix, int, route.Type, route.Scope, netip.Addr)) {
	seen := map[int]bool{}
	for i := range f.snap.Addrs {
		a := &f.snap.Addrs[i]
		if a.Prefix.Addr().Is6() && !seen[a.Link] && a.Link != route.LoopbackIndex {
			seen[a.Link] = true
			add(netip.MustParsePrefix("ff00::/8"), a.Link, route.TypeMulticast, 0, netip.Addr{})
		}
	}
}

// setBelow sets the device by which a tunnel's packets leave. Where the listing names one
// that is not known, or another namespace, the packets leave elsewhere.
func (f *facts) setBelow(l *route.Link, d *dev, index []int) {
	if !iproute2.IsTunnel(l.Kind) {
		return
	}
	i := f.byName[d.lower]
	if d.lower != "" {
		l.Peer = index[i]
	}
	if d.elsewhere || d.lower != "" && i == 0 {
		l.PeerNetNS = 0
	}
}
