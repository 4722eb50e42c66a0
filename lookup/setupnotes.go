package lookup

import (
	"net/netip"
	"slices"
	"time"

	"routewhy/route"
)

// What is set up wrong, or not as people expect, on the way that a packet takes.
const (
	NoteGatewayOwn    Code = "gateway-own"           // a gateway is this host's own address; Have: it, Want: the device that has it
	NoteGatewayShared Code = "gateway-shared"        // a gateway is this host's own address and another host's; Have: it, Want: the device that has it here
	NoteGatewayLink   Code = "gateway-own-link"      // a gateway is its device's own address, and packets go straight to the link; Have: it, Want: the device
	NoteNoPort        Code = "bridge-without-port"   // a bridge has no port; Have: its name
	NoteDummy         Code = "dummy-device"          // a dummy device drops what is sent there; Have: its name
	NoteNoGateway     Code = "default-no-gateway"    // a default route leads to neighbours; Have: the device's name, Route
	NoteExpiresSoon   Code = "expires-soon"          // a router's default route runs out; Have: in how many seconds, Route
	NoteDeprecated    Code = "source-deprecated"     // the source is a deprecated address; Have: it
	NoteCoversRouter  Code = "network-covers-router" // a network holds another device's, with a router in it; Have: that network, Want: the device's name, Route
	NoteNoFallback    Code = "equal-never-used"      // an equal route does not stand in for one with a dead gateway; Route: it
	NoteIsPort        Code = "device-is-port"        // a device is a port of a bridge or a bond; Have: its name, Want: the other's
	NoteTwins         Code = "network-twice"         // a network is on two devices; Have: the first, Want: the other, Route
	NoteVRFUnasked    Code = "vrf-unasked"           // no rule leads to a VRF's table; Have: the VRF, Want: the command that adds one, Table
	NoteRuleHidden    Code = "rule-hidden"           // a rule is for this packet too, and an earlier one takes all packets; Rule, Have: the earlier one's priority
)

// soon is the time left to a default route of router advertisements at which it is noted.
// Advertisements renew a route long before.
const soon = 120 * time.Second

// setupNotes note what is set up wrong where a packet goes.
func (f *FIB) setupNotes(t *Trace) []Note {
	d, out := &t.Decision, f.vrfUnasked(t)
	if d.Disposition != DispositionUnicast {
		return out
	}
	var hops []route.NextHop
	for i := range d.NextHops {
		if w := &d.NextHops[i]; !w.Stale {
			hop := w.Via
			hop.Link = w.Link
			if len(hops) < maxHopNotes && straight(&d.Route, w) {
				out = append(out, Note{Reason: Reason{NoteGatewayLink, f.snap.LinkName(hop.Link), hop.Gateway}, Route: &d.Route})
				hop.Gateway = netip.Addr{}
			}
			hops = append(hops, hop)
		}
	}
	out = append(out, f.hopsNotes(&d.Route, hops)...)
	if d.HasRoute {
		out = append(out, expiresSoon(&d.Route)...)
		out = append(out, f.networkNotes(t)...)
		out = append(out, f.noFallback(t)...)
		out = append(out, f.ruleHidden(t)...)
	}
	return append(out, f.deprecatedSource(t)...)
}

// straight reports whether a route has its device's own address as a gateway to say that its
// destinations are on the link, as was once usual. Of a default route that is a fault.
func straight(r *route.Route, w *NextHop) bool {
	return r.Dst.Bits() > 0 && w.Via.Gateway.IsValid() && !w.Gateway.IsValid() && !w.Redirected
}

// vrfUnasked notes that packets of a VRF do not get to its table, because no rule leads
// there.
func (f *FIB) vrfUnasked(t *Trace) []Note {
	fam := t.Flow.Family()
	dev := f.byIndex[f.vrf(max(t.Flow.Out, t.Flow.In))]
	if dev == nil || dev.VRFTable == 0 || len(f.RulesTo(fam, dev.VRFTable)) > 0 || f.snap.Lacks(route.FactRules, fam) ||
		t.Decision.Table() == dev.VRFTable { // a destination with a meaning on one link needs no rule
		return nil
	}
	return []Note{{Reason: Reason{NoteVRFUnasked, ipRule(fam), dev.Name}, Table: dev.VRFTable}}
}

// ipRule is the command that adds the rule again that the first VRF adds.
func ipRule(fam route.Family) string {
	if fam == route.IPv6 {
		return "ip -6 rule add l3mdev pref 1000"
	}
	return "ip rule add l3mdev pref 1000"
}

// maxHopNotes is how many notes there are, at most, about the next hops of one route: it
// may have thousands.
const maxHopNotes = 16

// hopsNotes are about the next hops of a route, each once.
func (f *FIB) hopsNotes(r *route.Route, hops []route.NextHop) []Note {
	var out []Note
	for i := range hops {
		for _, n := range f.hopNotes(r, &hops[i]) {
			if !slices.ContainsFunc(out, func(o Note) bool { return o.Reason == n.Reason }) {
				out = append(out, n)
			}
		}
		if len(out) >= maxHopNotes {
			break
		}
	}
	return out
}

// LacksPort reports whether a device is a bridge without a port: nothing that is sent there
// gets anywhere.
func (f *FIB) LacksPort(link int) bool {
	dev := f.byIndex[link]
	return dev != nil && dev.Kind == "bridge" && !f.hasPort(dev.Index) && !f.snap.Lacks(route.FactLinks, 0)
}

// hopNotes are about one next hop of a route.
func (f *FIB) hopNotes(r *route.Route, h *route.NextHop) []Note {
	dev := f.byIndex[h.Link]
	if dev == nil {
		return nil
	}
	// A device without neighbours takes every packet that is sent there. Networks of
	// containers have routes through their own address on such devices. A device that has
	// no broadcasts, as those of mobile networks, or of which only the name is known, may be
	// one of them.
	quiet := dev.Flags&(route.LinkLoopback|route.LinkPointopoint|route.LinkNoARP) != 0 || dev.Flags&route.LinkBroadcast == 0
	var out []Note
	if owner := f.ownGateway(h); owner != 0 && !quiet {
		code := NoteGatewayOwn
		if f.neighbours[neighbourKey{h.Link, h.Gateway}].Valid() {
			code = NoteGatewayShared
		}
		out = append(out, Note{Reason: Reason{code, f.snap.LinkName(owner), h.Gateway}, Route: r})
	}
	if f.LacksPort(h.Link) {
		out = append(out, Note{Reason: Reason{Code: NoteNoPort, Have: dev.Name}, Route: r})
	}
	if dev.Kind == "dummy" && r.Type == route.TypeUnicast && h.Encap == 0 {
		out = append(out, Note{Reason: Reason{Code: NoteDummy, Have: dev.Name}, Route: r})
	}
	if m := f.snap.MasterOf(dev.Link); m != nil {
		out = append(out, Note{Reason: Reason{NoteIsPort, m.Name, dev.Name}, Route: r})
	}
	if r.Dst.Bits() == 0 && r.Type == route.TypeUnicast && !h.Gateway.IsValid() && h.Encap == 0 && !quiet && dev.Kind != vrfKind {
		n := Note{Reason: Reason{Code: NoteNoGateway, Have: dev.Name}, Route: r}
		if z := f.zeroconf(); len(z) > 0 && z[0].Have == dev.Name && r.Family() == route.IPv4 {
			n.Reason = z[0].Reason // it is there because no DHCP server answered
		}
		out = append(out, n)
	}
	return out
}

// ownGateway is the device that has a next hop's gateway as its address; zero: none has.
// For routing, a device in another VRF is another host.
func (f *FIB) ownGateway(h *route.NextHop) int {
	if !h.Gateway.IsValid() || h.Gateway.IsLinkLocalUnicast() && h.Gateway.Is6() {
		return 0
	}
	owner := f.owner(h.Gateway)
	if owner == 0 || f.vrf(owner) != f.vrf(h.Link) {
		return 0
	}
	return owner
}

func (f *FIB) hasPort(bridge int) bool {
	return slices.ContainsFunc(f.devices, func(d *device) bool { return d.Master == bridge })
}

// expiresSoon notes that a default route of a router has little of its lifetime left.
func expiresSoon(r *route.Route) []Note {
	if !r.IsDefault() || r.Expires <= 0 || r.Expires > soon {
		return nil
	}
	return []Note{{Reason: Reason{Code: NoteExpiresSoon, Have: int(r.Expires / time.Second)}, Route: r}}
}

// networkNotes note that the network of a device is on another device too.
func (f *FIB) networkNotes(t *Trace) []Note {
	d := &t.Decision
	link := d.network()
	if link == 0 {
		return nil
	}
	for i := range t.Rules {
		for j := range t.Rules[i].Candidates {
			c := &t.Rules[i].Candidates[j]
			if c.Reason.Code != CodeLater || c.Route.Dst != d.Route.Dst || len(c.Route.NextHops) != 1 {
				continue
			}
			if h := &c.Route.NextHops[0]; !h.Gateway.IsValid() && h.Link != link && f.answersBy(t, h.Link, link) {
				return []Note{{Reason: Reason{NoteTwins, f.snap.LinkName(h.Link), f.snap.LinkName(link)}, Route: &d.Route}}
			}
		}
	}
	return f.coversRouter(d, link)
}

// answersBy reports whether the answer from an address that a device has in the
// network of a packet's destination leaves by another device. A policy rule for that
// address may lead elsewhere. A link-local destination is reached by the device of its
// zone.
func (f *FIB) answersBy(t *Trace, dev, by int) bool {
	d, dst := f.byIndex[dev], t.Flow.Dst
	if d == nil || dst.IsLinkLocalUnicast() && dst.Is6() {
		return false
	}
	for _, a := range append(d.addrs4[:len(d.addrs4):len(d.addrs4)], d.addrs6...) {
		flow := t.Flow
		flow.Src = a.Prefix.Addr()
		if flow.In != 0 || !subnet(a).Contains(dst) {
			continue
		}
		if r := f.Lookup(flow); len(r.NextHops) != 1 || r.NextHops[0].Link != by {
			return false
		}
	}
	return true
}

// network is the device on whose network the destination is, by a decision; zero: the
// packet goes through a gateway, or by a route to one address.
func (d *Decision) network() int {
	if len(d.NextHops) != 1 || d.Route.Dst.IsSingleIP() || d.Route.Dst.Bits() == 0 || d.NextHops[0].Via.Gateway.IsValid() {
		return 0
	}
	return d.NextHops[0].Link
}

// coversRouter finds a default route's gateway on another device whose network is inside
// the network that the destination is in, by a decision.
func (f *FIB) coversRouter(d *Decision, link int) []Note {
	for _, t := range f.family(d.Route.Family()).tables {
		l, ok := t.trie.Get(d.Route.Family().Default())
		if !ok {
			continue
		}
		for _, e := range l.entries {
			for i := range e.hops {
				h := &e.hops[i]
				if h.Link == link || !h.Gateway.IsValid() || !d.Route.Dst.Contains(h.Gateway) || f.vrf(h.Link) != f.vrf(link) {
					continue
				}
				if p, on := f.addrNetwork(h.Gateway, h.Link); on && p.Bits() > d.Route.Dst.Bits() {
					return []Note{{Reason: Reason{NoteCoversRouter, f.snap.LinkName(h.Link), p}, Route: &d.Route}}
				}
			}
		}
	}
	return nil
}

// addrNetwork is the network of an address of a device that has another address in it.
func (f *FIB) addrNetwork(a netip.Addr, link int) (netip.Prefix, bool) {
	dev := f.byIndex[link]
	if dev == nil {
		return netip.Prefix{}, false
	}
	for _, x := range append(dev.addrs4[:len(dev.addrs4):len(dev.addrs4)], dev.addrs6...) {
		if p := subnet(x); p.Contains(a) && !p.IsSingleIP() {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// noFallback finds a route that is equal to one whose gateway does not answer, and that
// the kernel does not use in its place.
func (f *FIB) noFallback(t *Trace) []Note {
	d := &t.Decision
	if d.Route.Family() != route.IPv4 || d.Route.IsDefault() || len(d.NextHops) != 1 || f.NextHopHealth(&t.Flow, d, &d.NextHops[0]).Code != FaultNeighbour {
		return nil
	}
	for i := range t.Rules {
		for j := range t.Rules[i].Candidates {
			if c := &t.Rules[i].Candidates[j]; c.Reason.Code == CodeLater && c.Route.Dst == d.Route.Dst {
				return []Note{{Reason: Reason{Code: NoteNoFallback}, Route: &c.Route}}
			}
		}
	}
	return nil
}

// ruleHidden finds a rule for this packet that no packet gets to: an earlier rule is for
// all packets, and its table has a default route.
func (f *FIB) ruleHidden(t *Trace) []Note {
	d := &t.Decision
	if !d.Default() || d.Rule == nil || d.Rule.Selector != (route.Selector{}) {
		return nil
	}
	w := walk{fib: f, flow: t.Flow, iif: max(t.Flow.In, route.LoopbackIndex), mem: new(memory)}
	for _, r := range f.family(t.Flow.Family()).rules {
		late := r.Priority > d.Rule.Priority && r.Action == route.ActionTable && r.Table != d.Route.Table
		if late && !r.all && !r.Selector.L3Mdev && w.matches(r) == "" {
			return []Note{{Reason: Reason{Code: NoteRuleHidden, Have: d.Rule.Priority}, Rule: r.Rule}}
		}
	}
	return nil
}

// deprecatedSource notes that a new connection gets a deprecated address, because there
// is no other.
func (f *FIB) deprecatedSource(t *Trace) []Note {
	src := t.Decision.Src
	if t.Flow.In != 0 || !src.Is6() || t.Source.Reason.Code == CodeSrcGiven || t.Source.Reason.Code == CodeSrcPrefsrc {
		return nil
	}
	for _, d := range f.devices {
		for _, a := range d.addrs6 {
			if a.Prefix.Addr() == src && a.Flags&route.AddrDeprecated != 0 {
				return []Note{{Reason: Reason{Code: NoteDeprecated, Have: src}}}
			}
		}
	}
	return nil
}

// entrySetup are such notes about an entry of a default route that packets take.
func (f *FIB) entrySetup(s *EntryStatus) []Note {
	return append(expiresSoon(&s.Route), f.hopsNotes(&s.Route, s.Route.NextHops)...)
}
