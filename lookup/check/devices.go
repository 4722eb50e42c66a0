package check

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// What is found about devices and addresses.
const (
	CodeLoopbackDown lookup.Code = "loopback-down"      // lo is down
	CodePortAddress  lookup.Code = "address-on-port"    // a port of a bridge or a bond has an address; Have: the port, Want: the other device
	CodeAddrNoRoute  lookup.Code = "address-no-network" // the network of an address has no route; Have: the device, Want: the address
	CodeTunnelLoop   lookup.Code = "tunnel-in-itself"   // what a tunnel sends goes into the tunnel; Have: the tunnel, Want: its other end, Route
	CodeTunnelMTU    lookup.Code = "tunnel-mtu"         // a tunnel's packets do not fit the device below; Have: the tunnel, Want: the device, Route
	CodeOldSource    lookup.Code = "deprecated-source"  // new connections get a deprecated source; Have: it
	CodeDuplicate    lookup.Code = "duplicate-address"  // another host has an IPv6 address of this one; Have: it, Want: the device
	CodeDownAddress  lookup.Code = "down-with-address"  // a device that is down has an address; Have: it, Want: the address
	CodeAddrAlone    lookup.Code = "address-alone"      // a device has one address without a network, and no route; Have: it, Want: the address
)

func loopbackDown(h *Host) []Finding {
	l := h.snap.Link(route.LoopbackIndex)
	if l == nil || l.Up() || l.Flags&route.LinkLoopback == 0 {
		return nil
	}
	return []Finding{{
		Note:  lookup.Note{Reason: lookup.Reason{Code: CodeLoopbackDown}},
		Links: []int{l.Index},
		Fix:   h.fix(&change.Link{Verb: change.Modify, Index: l.Index, Up: route.Yes}),
	}}
}

func uplinkNoPort(h *Host) []Finding { return defaultsOnly(h.wayFindings(lookup.NoteNoPort)) }

// portAddress finds ports with an address. No answer arrives at such an address. If other
// routes leave by the port too, the finding about them says the same and more.
func portAddress(h *Host) []Finding {
	routes := portRoute(h)
	var out []Finding
	for i := range h.snap.Addrs {
		a := &h.snap.Addrs[i]
		l := h.snap.Link(a.Link)
		m := h.snap.MasterOf(l)
		if m == nil || a.Prefix.Addr().IsLinkLocalUnicast() || a.Prefix.Addr().IsLoopback() {
			continue
		}
		told := func(f Finding) bool { return f.Have == l.Name }
		if slices.ContainsFunc(out, told) || slices.ContainsFunc(routes, told) {
			continue
		}
		out = append(out, Finding{
			Note:  lookup.Note{Reason: lookup.Reason{Code: CodePortAddress, Want: m.Name, Have: l.Name}},
			Links: []int{l.Index, m.Index},
		})
	}
	return append(out[:min(len(out), maxAlike)], routes...)
}

// addrNoRoute finds addresses whose network is in no table, although the kernel made the
// route to it when the address was added.
func addrNoRoute(h *Host) []Finding {
	type on struct {
		link int
		net  netip.Prefix
	}
	there := map[on]bool{}
	for i := range h.near {
		for j := range h.near[i].NextHops {
			there[on{h.near[i].NextHops[j].Link, h.near[i].Dst}] = true
		}
	}
	if h.lost > 0 {
		return nil
	}
	known := h.families(route.FactAddrs, factTables)
	var out []Finding
	for i := range h.snap.Addrs {
		a := &h.snap.Addrs[i]
		fam := route.FamilyOf(a.Prefix.Addr())
		l := h.snap.Link(a.Link)
		net := a.Prefix.Masked()
		if l == nil || !l.Up() || l.Flags&route.LinkLoopback != 0 || a.Prefix.IsSingleIP() || a.Peer.IsValid() || !slices.Contains(known, fam) ||
			a.Flags&(route.AddrNoPrefixRoute|route.AddrTentative|route.AddrDADFailed) != 0 || a.Prefix.Addr().IsLinkLocalUnicast() || a.Prefix.Addr().IsLoopback() || there[on{a.Link, net}] ||
			fam == route.IPv6 && !l.Carrier() || h.snap.LacksPart(route.TableMain, fam) || h.ledBack(a.Link, net) || h.ownUplink(a.Link, net) {
			continue
		}
		out = append(out, Finding{
			Note:  lookup.Note{Reason: lookup.Reason{Code: CodeAddrNoRoute, Want: a.Prefix, Have: l.Name}},
			Links: []int{l.Index},
		})
	}
	return out[:min(len(out), maxAlike)]
}

// ledBack reports whether a route by a device, also one by a gateway, leads to a network of it:
// some networks of containers send even what is for a neighbour through the host.
func (h *Host) ledBack(link int, net netip.Prefix) bool {
	by := func(hop route.NextHop) bool { return hop.Link == link }
	if slices.ContainsFunc(h.status(net), func(s lookup.EntryStatus) bool { return slices.ContainsFunc(h.hops(&s.Route), by) }) {
		return true
	}
	d := h.lookup(route.Flow{Dst: h.neighbourIn(net)})
	return d.Disposition == lookup.DispositionUnicast && d.HasRoute && d.Route.Dst.Bits() >= net.Bits() && !d.Route.Dst.IsSingleIP() && slices.ContainsFunc(h.hops(&d.Route), by)
}

// ownUplink reports whether a table other than main, to which a rule leads, has a default route
// by a gateway in a device's network. The agents of some clouds give each further device such a
// table, and delete the route to its network from main.
func (h *Host) ownUplink(link int, net netip.Prefix) bool {
	fam := route.FamilyOf(net.Addr())
	return !h.unread(route.FactRules, fam) && slices.ContainsFunc(h.defaults(fam), func(s lookup.EntryStatus) bool {
		return s.Route.Table != route.TableMain && len(s.Rules) > 0 && slices.ContainsFunc(h.hops(&s.Route), func(hop route.NextHop) bool {
			return hop.Link == link && net.Contains(hop.Gateway)
		})
	})
}

// oldSource finds that new connections to other networks get a deprecated address.
func oldSource(h *Host) []Finding {
	if len(h.families(route.FactAddrs, route.FactRoutes)) == 0 || h.unread(route.FactAddrs, route.IPv6) {
		return nil
	}
	t := h.explain(route.Flow{Dst: h.far(route.IPv6)})
	for _, n := range h.fib.Notes(t) {
		if n.Code == lookup.NoteDeprecated {
			n.Code = CodeOldSource
			f := Finding{Note: n}
			if a, ok := n.Have.(netip.Addr); ok && h.own(a) != 0 {
				f.Links = append(f.Links, h.own(a))
			}
			return []Finding{f}
		}
	}
	return nil
}

func duplicate(h *Host) []Finding {
	var out []Finding
	for i := range h.snap.Addrs {
		a := &h.snap.Addrs[i]
		if a.Flags&route.AddrDADFailed != 0 {
			out = append(out, Finding{
				Note:  lookup.Note{Reason: lookup.Reason{Code: CodeDuplicate, Want: h.snap.LinkName(a.Link), Have: a.Prefix.Addr()}},
				Links: []int{a.Link},
			})
		}
	}
	return out[:min(len(out), maxAlike)]
}

// overhead is how many bytes a kind of tunnel puts before a packet, including the outer header;
// zero: it is not a known kind of tunnel.
func overhead(kind string, outer6 bool) uint32 {
	ip := uint32(20)
	if outer6 {
		ip = 40
	}
	switch kind {
	case "ipip", "sit", "ip6tnl":
		return ip
	case "gre", "ip6gre":
		return ip + 4
	case "gretap", "ip6gretap":
		return ip + 4 + 14
	case "vxlan", "geneve":
		return ip + 8 + 8 + 14
	case kindWireGuard:
		return ip + 8 + 32
	}
	return 0
}

// below is the device by which a tunnel's packets leave; nil: it is not known.
func (h *Host) below(l *route.Link) *route.Link {
	if flows := lookup.OuterFlows(h.snap, l); len(flows) > 0 {
		flow := flows[0]
		if h.own(flow.Src) == 0 {
			flow.Src = netip.Addr{} // the size is still that of the way
		}
		if d := h.lookup(flow); d.Disposition == lookup.DispositionUnicast && len(d.NextHops) == 1 {
			return h.snap.Link(d.NextHops[0].Link)
		}
		return nil
	}
	if l.PeerNetNS >= 0 {
		return nil
	}
	return h.snap.Link(cmp.Or(l.Peer, h.own(l.Local)))
}

// tunnelLoop finds tunnels whose own packets are sent into the same tunnel. WireGuard sends
// to each of its peers: one of them is enough.
func tunnelLoop(h *Host) []Finding {
	var out []Finding
	for i := range h.snap.Links {
		l := &h.snap.Links[i]
		if !l.Up() {
			continue
		}
		for _, flow := range lookup.OuterFlows(h.snap, l) {
			d := h.lookup(flow)
			if d.Disposition != lookup.DispositionUnicast || !d.HasRoute || slices.ContainsFunc(d.NextHops, func(n lookup.NextHop) bool { return n.Link != l.Index }) {
				continue
			}
			r := d.Route
			out = append(out, Finding{
				Note:  lookup.Note{Reason: lookup.Reason{Code: CodeTunnelLoop, Want: flow.Dst, Have: l.Name}, Route: &r, Table: r.Table},
				Links: []int{l.Index},
			})
			break
		}
	}
	return out[:min(len(out), maxAlike)]
}

// tunnelMTU finds tunnels whose largest packets do not fit the device below.
func tunnelMTU(h *Host) []Finding {
	var out []Finding
	for i := range h.snap.Links {
		l := &h.snap.Links[i]
		if overhead(l.Kind, false) == 0 || !l.Up() || l.MTU == 0 {
			continue
		}
		for _, c := range h.carriers(l) {
			if c.under == nil || c.under.Index == l.Index || c.under.MTU == 0 || c.under.Flags&route.LinkLoopback != 0 || l.MTU+c.more <= c.under.MTU {
				continue
			}
			out = append(out, Finding{
				Note:  lookup.Note{Reason: lookup.Reason{Code: CodeTunnelMTU, Want: c.under.Name, Have: l.Name}},
				Links: []int{l.Index, c.under.Index},
				Sizes: []uint32{l.MTU, c.more, c.under.MTU},
			})
			break
		}
	}
	return out[:min(len(out), maxAlike)]
}

// carrier is a device that a tunnel's packets leave by, and how many bytes more each of them
// has there.
type carrier struct {
	under *route.Link
	more  uint32
}

// carriers are the devices below a tunnel. WireGuard has one for each of its peers.
func (h *Host) carriers(l *route.Link) []carrier {
	if l.Kind != kindWireGuard {
		outer6 := l.Remote.Is6() || l.Local.Is6() || l.Kind == "ip6tnl" || l.Kind == "ip6gre" || l.Kind == "ip6gretap"
		return []carrier{{h.below(l), overhead(l.Kind, outer6)}}
	}
	var out []carrier
	for _, flow := range lookup.OuterFlows(h.snap, l) {
		if d := h.lookup(flow); d.Disposition == lookup.DispositionUnicast && len(d.NextHops) == 1 {
			out = append(out, carrier{h.snap.Link(d.NextHops[0].Link), overhead(l.Kind, flow.Dst.Is6())})
		}
	}
	return out
}

const kindWireGuard = "wireguard"

// portRoute finds routes by a port, except the route to its own network. No answer
// comes back to such a route.
func portRoute(h *Host) []Finding {
	return slices.DeleteFunc(h.wayFindings(lookup.NoteIsPort), func(f Finding) bool {
		hops := h.hops(f.Note.Route)
		return len(hops) == 1 && len(h.has(hops[0].Link, f.Note.Route.Dst)) > 0
	})
}

// downAddress finds devices that are down and have an address. A dummy device is ignored,
// because its addresses are only for table local.
func downAddress(h *Host) []Finding {
	var out []Finding
	for i := range h.snap.Links {
		l := &h.snap.Links[i]
		if l.Up() || l.Kind == "dummy" || l.Flags&route.LinkLoopback != 0 {
			continue
		}
		for _, j := range h.addrsOf()[l.Index] {
			a := h.snap.Addrs[j].Prefix
			if !a.Addr().IsLinkLocalUnicast() && !a.IsSingleIP() && (h.hasDefault(route.FamilyOf(a.Addr())) || h.only != 0 && h.only != route.FamilyOf(a.Addr())) { // otherwise RW010 reports it
				out = append(out, Finding{
					Note:  lookup.Note{Reason: lookup.Reason{Code: CodeDownAddress, Want: a, Have: l.Name}},
					Links: []int{l.Index},
				})
				break
			}
		}
	}
	return out[:min(len(out), maxAlike)]
}

// addrAlone finds devices that have only one address, without a network, and no route. The
// length of such an address was left out.
func addrAlone(h *Host) []Finding {
	routed := map[int]bool{}
	for _, k := range h.order {
		for i := range k.First {
			for _, hop := range h.hops(&k.First[i]) {
				routed[hop.Link] = routed[hop.Link] || k.First[i].Family() == route.IPv4
			}
		}
	}
	var out []Finding
	for i := range h.snap.Links {
		l := &h.snap.Links[i]
		if !l.Carrier() || l.Kind == "dummy" || routed[l.Index] || !h.fib.HasNeighbours(l.Index) || l.Master != 0 || len(h.kinds) >= maxKinds {
			continue
		}
		var only []netip.Prefix
		for _, j := range h.addrsOf()[l.Index] {
			if a := &h.snap.Addrs[j]; a.Prefix.Addr().Is4() {
				only = append(only, a.Prefix)
			}
		}
		if len(only) != 1 || !only[0].IsSingleIP() || h.shared(only[0].Addr(), l.Index) || h.inParent(only[0].Addr(), l) {
			continue
		}
		out = append(out, Finding{
			Note:  lookup.Note{Reason: lookup.Reason{Code: CodeAddrAlone, Want: only[0], Have: l.Name}},
			Links: []int{l.Index},
		})
	}
	return out[:min(len(out), maxAlike)]
}

// inParent reports whether a device is a macvlan and an address is in a network of the
// device below it. VRRP has its address like that, with a MAC address of its own.
func (h *Host) inParent(a netip.Addr, l *route.Link) bool {
	if l.Kind != "macvlan" || l.PeerNetNS >= 0 {
		return false
	}
	return slices.ContainsFunc(h.addrsOf()[l.Peer], func(i int) bool {
		p := h.snap.Addrs[i].Prefix
		return !p.IsSingleIP() && p.Contains(a)
	})
}

// shared reports whether another device has the address too.
func (h *Host) shared(a netip.Addr, link int) bool {
	return slices.ContainsFunc(h.snap.Addrs, func(o route.Addr) bool { return o.Link != link && o.Prefix.Addr() == a })
}
