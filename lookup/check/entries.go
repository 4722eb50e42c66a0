package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// What is found about other routes.
const (
	CodeLengthMissing   lookup.Code = "length-missing"       // a host route whose address looks like a network; Route, Want: the network
	CodeEqualUnused     lookup.Code = "equal-unused"         // the second of equal routes is never used; Route: it, Have: how many there are
	CodeGroupGateway    lookup.Code = "group-gateway"        // a route to multicast groups has a gateway; Route
	CodeSourceForeign   lookup.Code = "source-foreign"       // a route prescribes a source that this host has not; Route, Have: it
	CodeForeignCard     lookup.Code = "source-of-other-card" // a default route prescribes a source of another device; Route, Have: it, Want: that device
	CodeNetworkInside   lookup.Code = "network-inside"       // a network of one device lies in another's; Route: it, Have: its device, Want: the wider network
	CodeZeroHost        lookup.Code = "zero-host"            // a host route for the zero address; Route, Have: whether there is a default route beside it, "alone" where not
	CodeTwinNetwork     lookup.Code = "network-on-both"      // a network is on two devices; Route, Have: the first device, Want: the other
	CodeTwinBehind      lookup.Code = "network-behind"       // a network is on two devices, and a neighbour is on the second; Route: the first's, Have: the second device, Want: the neighbour
	CodeSourceElsewhere lookup.Code = "source-of-other"      // neighbours get packets from an address outside their network; Route, Have: that address, Want: the one in the network
	CodeResolverHidden  lookup.Code = "resolver-hidden"      // a name server lies in the network of a bridge; Route, Have: the bridge, Want: the name server
	CodeBridgeFirst     lookup.Code = "bridge-first"         // a bridge's network goes before a route to the same prefix by a gateway; Route, Have: the bridge, Want: the gateway
	CodeCoversUplink    lookup.Code = "covers-uplink"        // a device's network holds another's, with its router; Route, Have: that network, Want: its device
)

// network is a route that puts a network on a device.
type network struct {
	route *route.Route
	link  *route.Link
}

// networks are the networks of devices that have carrier, in tables that rules lead to, in
// the kernel's order.
func (h *Host) networks() []network {
	var out []network
	for i := range h.near {
		r := &h.near[i]
		if r.Type != route.TypeUnicast || len(r.NextHops) != 1 || r.NextHops[0].Gateway.IsValid() || r.Dst.Bits() == 0 || r.Dst.IsSingleIP() ||
			r.Dst.Addr().IsMulticast() || r.Dst.Addr().Is6() && r.Dst.Addr().IsLinkLocalUnicast() || r.Table == route.TableLocal {
			continue
		}
		l := h.snap.Link(r.NextHops[0].Link)
		if l == nil || !l.Up() || l.Flags&route.LinkLoopback != 0 || len(h.fib.RulesTo(r.Family(), r.Table)) == 0 {
			continue
		}
		out = append(out, network{r, l})
	}
	return out
}

// has reports whether a device has an address in a network.
func (h *Host) has(link int, p netip.Prefix) []netip.Addr {
	var out []netip.Addr
	for _, i := range h.addrsOf()[link] {
		a := &h.snap.Addrs[i]
		if a.Prefix.Masked() == p {
			out = append(out, a.Prefix.Addr())
		}
	}
	return out
}

// addrsOf are the addresses of each device.
func (h *Host) addrsOf() map[int][]int {
	if h.byLink == nil {
		h.byLink = map[int][]int{}
		for i := range h.snap.Addrs {
			h.byLink[h.snap.Addrs[i].Link] = append(h.byLink[h.snap.Addrs[i].Link], i)
		}
	}
	return h.byLink
}

// networkCovers finds a network that includes another device's network with a router in
// it. Addresses that only this router reaches are then searched on the wrong link.
func networkCovers(h *Host) []Finding {
	wide := map[netip.Prefix][]network{}
	all := h.networks()
	for _, n := range all {
		if h.fib.HasNeighbours(n.link.Index) && len(h.has(n.link.Index, n.route.Dst)) > 0 {
			wide[n.route.Dst] = append(wide[n.route.Dst], n)
		}
	}
	routers := h.routers()
	var out []Finding
	for _, n := range all {
		addressed := len(h.has(n.link.Index, n.route.Dst)) > 0
		for bits := n.route.Dst.Bits() - 1; bits > 0; bits-- {
			p, _ := n.route.Dst.Addr().Prefix(bits)
			for _, w := range wide[p] {
				if w.link == n.link || h.vrfOf(w.link) != h.vrfOf(n.link) {
					continue
				}
				r := *w.route
				if !addressed {
					if gateway := routers.in(w.link.Index, n.route.Dst); gateway.IsValid() {
						out = append(out, inside(n, w, gateway))
					}
				} else if gateway := routers.in(n.link.Index, n.route.Dst); gateway.IsValid() {
					out = append(out, Finding{
						Note:   lookup.Note{Reason: lookup.Reason{Code: CodeCoversUplink, Want: n.link.Name, Have: n.route.Dst}, Route: &r, Table: r.Table},
						Routes: []route.Route{*n.route},
					})
				} else if hidden := h.hides(n, w); hidden.IsValid() {
					out = append(out, inside(n, w, hidden))
				}
			}
		}
	}
	return slices.Concat(out[:min(len(out), maxAlike)], hiddenResolver(h), h.bridgeFirst())
}

// bridgeFirst finds the networks of bridges that go before a route to the same prefix by a
// gateway, which is then never used. Routing protocols make such routes, and so a bridge that is
// an uplink may have them on purpose.
func (h *Host) bridgeFirst() []Finding {
	var out []Finding
	for _, p := range h.pairs {
		a, b := &p.first, &p.second
		if a.Type != route.TypeUnicast || b.Type != route.TypeUnicast || a.IsDefault() || a.Metric == b.Metric || a.TOS != b.TOS ||
			len(a.NextHops) != 1 || h.leadsOn(a) || !h.leadsOn(b) || h.dark(a) && !h.dark(b) || !byHand(b.Protocol) {
			continue // RW034 and RW008 report some of them
		}
		l := h.snap.Link(a.NextHops[0].Link)
		if l == nil || l.Kind != "bridge" || len(h.has(l.Index, a.Dst)) == 0 || h.isUplink(a.Family(), l.Index) || !h.used(a) {
			continue
		}
		r := *a
		out = append(out, Finding{
			Note:   lookup.Note{Reason: lookup.Reason{Code: CodeBridgeFirst, Want: h.hops(b)[0].Gateway, Have: l.Name}, Route: &r, Table: r.Table},
			Routes: []route.Route{*b},
		})
	}
	return out[:min(len(out), maxAlike)]
}

// byHand reports whether a person, a network manager or DHCP makes routes with a protocol.
func byHand(p route.Protocol) bool {
	return p == route.ProtocolBoot || p == route.ProtocolStatic || p == route.ProtocolDHCP
}

// isUplink reports whether a default route that is used leaves by a device.
func (h *Host) isUplink(fam route.Family, link int) bool {
	return slices.ContainsFunc(h.defaults(fam), func(s lookup.EntryStatus) bool {
		return s.Used() && slices.ContainsFunc(h.hops(&s.Route), func(x route.NextHop) bool { return x.Link == link })
	})
}

// inside is the finding that a network lies in a wider one and takes one of its addresses.
func inside(n, w network, hidden netip.Addr) Finding {
	inner := *n.route
	return Finding{
		Note:   lookup.Note{Reason: lookup.Reason{Code: CodeNetworkInside, Want: hidden, Have: n.link.Name}, Route: &inner, Table: inner.Table},
		Routes: []route.Route{*w.route},
	}
}

// hides is a gateway or a neighbour of a wider network whose address is in a narrower
// network on another device; the zero Addr: none is known.
func (h *Host) hides(n, w network) netip.Addr {
	if gateway := h.routers().in(w.link.Index, n.route.Dst); gateway.IsValid() {
		return gateway
	}
	for i := range h.snap.Neighbours {
		x := &h.snap.Neighbours[i]
		if x.Link == w.link.Index && n.route.Dst.Contains(x.Addr) && x.State.Valid() {
			return x.Addr
		}
	}
	return netip.Addr{}
}

// gateways are the gateways of routes, for each device.
type gateways map[int][]netip.Addr

func (g gateways) in(link int, p netip.Prefix) netip.Addr {
	for _, a := range g[link] {
		if p.Contains(a) {
			return a
		}
	}
	return netip.Addr{}
}

// routers are the gateways of routes that rules lead to.
func (h *Host) routers() gateways {
	if h.gates != nil {
		return h.gates
	}
	h.gates = gateways{}
	for _, k := range h.order {
		r := &k.First[0]
		if len(h.fib.RulesTo(r.Family(), r.Table)) == 0 {
			continue
		}
		for i := range k.First {
			for _, hop := range h.hops(&k.First[i]) {
				if hop.Gateway.IsValid() && !slices.Contains(h.gates[hop.Link], hop.Gateway) {
					h.gates[hop.Link] = append(h.gates[hop.Link], hop.Gateway)
				}
			}
		}
	}
	return h.gates
}

// vrfOf is the VRF device that a device belongs to; zero: it belongs to none.
func (h *Host) vrfOf(l *route.Link) int {
	for range 4 {
		if l == nil {
			return 0
		}
		if l.Kind == kindVRF {
			return l.Index
		}
		l = h.snap.Link(l.Master)
	}
	return 0
}

func zeroHost(h *Host) []Finding {
	var out []Finding
	for i := range h.near {
		r := h.near[i]
		if r.Dst.Addr().IsUnspecified() && r.Dst.IsSingleIP() && r.Table != route.TableLocal && r.Type == route.TypeUnicast {
			out = append(out, h.zero(&r))
		}
	}
	for _, k := range h.order {
		for i := range k.First {
			if r := k.First[i]; leadsFar(&r) && r.Dst.Addr().IsUnspecified() && r.Dst.IsSingleIP() {
				out = append(out, h.zero(&r))
			}
		}
	}
	return out
}

func (h *Host) zero(r *route.Route) Finding {
	f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeZeroHost}, Route: r, Table: r.Table}}
	if !h.hasDefault(r.Family()) {
		f.Severity, f.Have = Error, "alone"
	}
	if f.Severity == "" {
		f.Fix = h.fix(deleteRoute(r))
	}
	return f
}

// lengthMissing finds host routes for the first address of a network. Such routes are
// made when the length of a prefix is left out.
func lengthMissing(h *Host) []Finding {
	var out []Finding
	for i := range h.odd {
		r := h.odd[i]
		a := r.Dst.Addr()
		hops := h.hops(&r)
		if len(hops) != 1 || h.own(a) != 0 || !h.used(&r) || h.isGateway(a) {
			continue
		}
		if len(h.hosts[net24(a)]) > 1 || h.fabric() {
			continue // these are single addresses, of which one may end in 0
		}
		if direct := !hops[0].Gateway.IsValid(); direct && r.Protocol != route.ProtocolDHCP {
			continue
		}
		if _, known := h.fib.Neighbour(hops[0].Link, a); known {
			continue
		}
		net := net24(a)
		if len(h.status(net)) > 0 {
			continue
		}
		out = append(out, Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeLengthMissing, Want: net}, Route: &r, Table: r.Table}})
	}
	return out[:min(len(out), maxAlike)]
}

// net24 is the /24 of an IPv4 address.
func net24(a netip.Addr) netip.Prefix {
	p, _ := a.Prefix(24)
	return p
}

// fabric reports whether this host has a network of two addresses (RFC 3021). Who uses such
// networks gives out addresses that end in 0.
func (h *Host) fabric() bool {
	return slices.ContainsFunc(h.snap.Addrs, func(a route.Addr) bool { return a.Prefix.Addr().Is4() && a.Prefix.Bits() == 31 })
}

func (h *Host) isGateway(a netip.Addr) bool {
	for _, all := range h.routers() {
		if slices.Contains(all, a) {
			return true
		}
	}
	return false
}

// equalUnused finds IPv4 routes that were appended to an equal one, because the kernel never
// uses them. Default routes are different: the kernel chooses among equal ones.
func equalUnused(h *Host) []Finding {
	var out []Finding
	for _, p := range h.pairs {
		a, b := &p.first, &p.second
		if a.Metric != b.Metric || a.TOS != b.TOS || a.Family() != route.IPv4 || a.IsDefault() || a.Type != route.TypeUnicast && !refuses(a.Type) ||
			b.Type != route.TypeUnicast || len(h.fib.RulesTo(route.IPv4, a.Table)) == 0 || !h.leadsOn(a) && !h.leadsOn(b) {
			continue
		}
		r := *b
		f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeEqualUnused}, Route: &r, Table: r.Table}, Routes: []route.Route{*a}}
		if hops := h.hops(a); len(hops) == 1 && h.fib.HopHealth(&hops[0]).Code != "" {
			f.Severity = Error
			f.Have = string(h.fib.HopHealth(&hops[0]).Code)
		}
		if refuses(a.Type) {
			f.Severity = Error
		}
		out = append(out, f)
	}
	if len(out) > maxAlike {
		out[maxAlike-1].Count = len(out) - maxAlike + 1
	}
	return out[:min(len(out), maxAlike)]
}

func (h *Host) leadsOn(r *route.Route) bool {
	hops := h.hops(r)
	return len(hops) > 0 && hops[0].Gateway.IsValid()
}

func groupGateway(h *Host) []Finding {
	var out []Finding
	for i := range h.groups {
		if r := h.groups[i]; h.used(&r) {
			out = append(out, Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeGroupGateway}, Route: &r, Table: r.Table}})
		}
	}
	return out[:min(len(out), maxAlike)]
}

// sourceForeign finds routes whose source is no longer an address of this host.
func sourceForeign(h *Host) []Finding {
	var out []Finding
	for _, k := range h.order {
		r := k.First[0]
		src := r.PrefSrc
		if !src.IsValid() || h.unread(route.FactAddrs, route.FamilyOf(src)) || h.own(src) != 0 || len(h.fib.RulesTo(r.Family(), r.Table)) == 0 {
			continue
		}
		if !h.snap.Assumes(route.FactLocal, r.Family()) && h.lookup(route.Flow{Dst: src}).Disposition == lookup.DispositionLocal {
			continue // it is local because of a route of type local
		}
		i := slices.IndexFunc(out, func(f Finding) bool { return f.Have == src && f.Table == r.Table })
		if i >= 0 {
			out[i].Count += k.Count
			out[i].Routes = append(out[i].Routes, r)
			continue
		}
		out = append(out, Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeSourceForeign, Have: src}, Route: &r, Table: r.Table}, Count: k.Count})
	}
	return out[:min(len(out), maxAlike)]
}

// sourceOtherCard finds default routes in use that prescribe an address of another card with
// neighbours. Routers do that on purpose, and so do hosts whose public address is not on the
// link to their provider, which has private addresses.
func sourceOtherCard(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactAddrs, route.FactRoutes, route.FactRules, route.FactLinks) {
		for _, s := range h.defaults(fam) {
			r := s.Route
			hops := h.hops(&r)
			if !s.Used() || !r.PrefSrc.IsValid() || r.Type != route.TypeUnicast || len(hops) != 1 {
				continue
			}
			if from := h.card(r.PrefSrc, hops[0].Link); from != nil && h.better(&hops[0], r.PrefSrc) && h.notOnPurpose(fam, from) {
				out = append(out, Finding{
					Note:  lookup.Note{Reason: lookup.Reason{Code: CodeForeignCard, Want: from.Name, Have: r.PrefSrc}, Route: &r, Table: r.Table},
					Links: []int{hops[0].Link, from.Index},
				})
			}
		}
	}
	return out[:min(len(out), maxAlike)]
}

// card is the device with neighbours that has an address as one of a network; nil: there is
// none, or the given device has the address too.
func (h *Host) card(a netip.Addr, not int) *route.Link {
	var out *route.Link
	for i := range h.snap.Addrs {
		o := &h.snap.Addrs[i]
		if o.Prefix.Addr() != a {
			continue
		}
		l := h.snap.Link(o.Link)
		if l == nil || o.Link == not || o.Prefix.IsSingleIP() || l.Kind == "dummy" || l.Flags&route.LinkLoopback != 0 || !h.fib.HasNeighbours(l.Index) || h.inVRF(l) {
			return nil
		}
		out = l
	}
	return out
}

// better reports whether a next hop's device has an address of its own in the gateway's
// network that would do: not a private one in place of a public one.
func (h *Host) better(hop *route.NextHop, src netip.Addr) bool {
	return slices.ContainsFunc(h.addrsOf()[hop.Link], func(i int) bool {
		p := h.snap.Addrs[i].Prefix
		return hop.Gateway.IsValid() && p.Contains(hop.Gateway) && !p.Addr().IsLinkLocalUnicast() && (!p.Addr().IsPrivate() || src.IsPrivate())
	})
}

// notOnPurpose reports whether a device has its own way out, or this host does not forward
// for the network of that device.
func (h *Host) notOnPurpose(fam route.Family, l *route.Link) bool {
	for _, s := range h.defaults(fam) {
		if slices.ContainsFunc(h.hops(&s.Route), func(hop route.NextHop) bool { return hop.Link == l.Index }) {
			return true
		}
	}
	yes, known := h.forwards(fam)
	return known && !yes
}

// sourceElsewhere finds networks that are reached by a route without a source. The kernel
// then takes the device's first address, and not the address that is in that network.
func sourceElsewhere(h *Host) []Finding {
	var out []Finding
	for _, n := range h.networks() {
		own := h.has(n.link.Index, n.route.Dst)
		if n.route.PrefSrc.IsValid() || len(own) == 0 || n.route.Family() != route.IPv4 {
			continue
		}
		d := h.lookup(route.Flow{Dst: h.neighbourIn(n.route.Dst)})
		if d.Disposition != lookup.DispositionUnicast || !same(&d.Route, n.route) || !d.Src.IsValid() || n.route.Dst.Contains(d.Src) {
			continue
		}
		r := *n.route
		out = append(out, Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeSourceElsewhere, Want: own[0], Have: d.Src}, Route: &r, Table: r.Table}})
	}
	return out[:min(len(out), maxAlike)]
}

// hiddenResolver finds name servers whose address is in the network of a bridge of
// containers, if no such server was ever seen there.
func hiddenResolver(h *Host) []Finding {
	var out []Finding
	for _, a := range h.Resolvers {
		if h.own(a) != 0 || a.IsLoopback() {
			continue
		}
		d := h.lookup(route.Flow{Dst: a})
		if d.Disposition != lookup.DispositionUnicast || d.Default() || len(d.NextHops) != 1 || d.NextHops[0].Gateway.IsValid() || d.Route.Dst.IsSingleIP() {
			continue
		}
		l := h.snap.Link(d.NextHops[0].Link)
		state, known := h.fib.Neighbour(d.NextHops[0].Link, a)
		if l == nil || l.Kind != "bridge" || known && state.Valid() {
			continue
		}
		if h.isUplink(route.FamilyOf(a), l.Index) {
			continue
		}
		r := d.Route
		out = append(out, Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeResolverHidden, Want: a, Have: l.Name}, Route: &r, Table: r.Table}})
	}
	return out
}
