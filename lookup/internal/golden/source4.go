package golden

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// sourcesOf4 is the source of a flow that has none, for a result that is not
// local (5.1 steps 2 and 3; 7): every one that it may get.
func (d *decision) sourcesOf4(p path4, f *flow) []netip.Addr {
	if f.vrf != 0 && d.vrf(p.hop.Link) != f.vrf {
		return d.selectSource4(f.vrf, netip.Addr{}, route.ScopeLink)
	}
	if p.entry.PrefSrc.IsValid() {
		return []netip.Addr{p.entry.PrefSrc}
	}
	sources := d.selectSource4(p.hop.Link, gateway4(p.hop), p.entry.Scope)
	if p.entry.NextHopID == 0 || p.hop.Gateway.Is6() {
		return sources
	}
	// A next-hop object has a source from the time when it was made, not for
	// the route's scope except for its own: nearer than the gateway's, or than the
	// device's (net/ipv4/nexthop.c nh_create_ipv4). It is kept until any
	// address changes and the object is used again.
	scope := route.ScopeHost - 1
	if p.hop.Gateway.IsValid() {
		scope = route.ScopeLink - 1
	}
	for _, old := range d.selectSource4(p.hop.Link, gateway4(p.hop), scope) {
		if !slices.Contains(sources, old) {
			sources = append(sources, old)
		}
	}
	return sources
}

// oneSource4 is selectSource4 where what follows depends on the source.
func (d *decision) oneSource4(link int, gw netip.Addr, scope route.Scope) netip.Addr {
	sources := d.selectSource4(link, gw, scope)
	if len(sources) > 1 {
		d.doubt("which device came into the namespace first is not known")
	}
	return sources[0]
}

// selectSource4 is inet_select_addr (5.1 steps 3 to 5). It is several sources where
// the order of the devices decides and is not known, and always at least one: the
// zero Addr for none.
func (d *decision) selectSource4(link int, gw netip.Addr, scope route.Scope) []netip.Addr {
	// 3. the device's own addresses
	var first netip.Addr
	for _, a := range d.addrs4(link) {
		if d.narrowed4(a, scope) > scope {
			continue
		}
		if !gw.IsValid() || onSubnetOf(a, gw) {
			return []netip.Addr{a.Prefix.Addr()}
		}
		if !first.IsValid() {
			first = a.Prefix.Addr()
		}
	}
	if first.IsValid() {
		return []netip.Addr{first}
	}
	// 4. the VRF's addresses, then those of every device of the same VRF
	vrf := d.vrf(link)
	if vrf != 0 {
		if a := d.anySource4(vrf, scope); a.IsValid() {
			return []netip.Addr{a}
		}
	}
	lends := func(l int) bool { return d.vrf(l) == vrf && d.anySource4(l, scope).IsValid() }
	var sources []netip.Addr
	for _, l := range d.earliest(lends) {
		if a := d.anySource4(l, scope); !slices.Contains(sources, a) {
			sources = append(sources, a)
		}
	}
	if len(sources) > 0 {
		return sources
	}
	// 5. nothing
	return []netip.Addr{{}}
}

// addrs4 are a device's primary IPv4 addresses in the order of the dump.
func (d *decision) addrs4(link int) []route.Addr {
	var addrs []route.Addr
	for _, a := range d.s.Addrs {
		if a.Link == link && a.Prefix.Addr().Is4() && a.Flags&route.AddrSecondary == 0 {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// narrowed4 is an address's scope, where one of scope host counts as link on a
// device with route_localnet. That matters only to a route of scope link.
func (d *decision) narrowed4(a route.Addr, scope route.Scope) route.Scope {
	if a.Scope > route.ScopeLink && scope == route.ScopeLink && d.confOr(a.Link, "route_localnet", 0) {
		d.doubt("a next hop may keep the source that it had before route_localnet was set")
		return route.ScopeLink
	}
	return min(a.Scope, route.ScopeHost)
}

// onSubnetOf reports whether an address's subnet, or that of its peer, has the
// gateway.
func onSubnetOf(a route.Addr, gw netip.Addr) bool {
	subnet := a.Prefix
	if a.Peer.IsValid() {
		subnet = a.Peer
	}
	return subnet.Masked().Contains(gw)
}

// anySource4 is in_dev_select_addr: a source from another device.
func (d *decision) anySource4(link int, scope route.Scope) netip.Addr {
	for _, a := range d.addrs4(link) {
		if a.Scope != route.ScopeLink && a.Scope <= scope {
			return a.Prefix.Addr()
		}
	}
	return netip.Addr{}
}
