package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Notes that name what is probably meant, or that explain why no answer comes.
const (
	NoteSourceElsewhere  Code = "source-elsewhere"   // the route has no src, and another address is in the destination's network; Have: it
	NoteSourceDeprecated Code = "source-passed-over" // the device's address in the destination's network is deprecated, and so another device's is the source; Have: that address, Want: the device
	NoteLengthLost       Code = "length-lost"        // a host route whose address looks like a network with the destination; Route, Want: the network
	NoteForwarded        Code = "iif-missing"        // the source is another host's: the packet comes in by a device; Have: its name, empty: not known
	NoteVRFAddress       Code = "vrf-address"        // the destination is this host's own address, inside a VRF; Have: the VRF, Want: the device
	NoteLocalLater       Code = "local-later"        // the destination is this host's own address, and a rule before table local takes it; Have: the device, Rule
	NoteVRFRoute         Code = "vrf-route"          // the table of a VRF has a route that the packet missed; Have: the VRF, Route
	NoteMacvlan          Code = "macvlan"            // a neighbour on a macvlan or ipvlan: not the host below; Have: the device, Want: the one below
	NoteMulticastGateway Code = "multicast-gateway"  // a group goes to one router; Have: it
	NoteGroupLoopback    Code = "group-on-loopback"  // IPv6 has no route out of lo for groups; Have: its name
	NoteCircles          Code = "circles-on-lo"      // a packet is forwarded to lo until its TTL is used up; Have: lo, Route
	NoteWentDown         Code = "routes-lost"        // a device with an address is down, and has no routes; Have: its name, Want: the address
	NoteNoAddress        Code = "no-ipv4-address"    // no device has an IPv4 address except loopback ones
	NoteLinkLocalOnly    Code = "link-local-only"    // no device has an IPv6 address except link-local ones
	NoteNoRouter         Code = "dhcp-no-router"     // a device's address runs out, as DHCP gives it, and there is no default route; Have: the device, Want: the address
	NoteNoneMade         Code = "none-made"          // every route is made by the kernel: others were never made, or were lost
	NoteMarkIgnored      Code = "mark-ignored"       // the way back is looked up without the packet's mark; Have: the device
	NoteMarkUsed         Code = "mark-used"          // the packet's mark decides about the way back, because of src_valid_mark; Rule
	NoteLocalnet         Code = "localnet"           // a loopback address is let in or out because of route_localnet; Have: the device, Want: the address
)

// hints finds these for a decision.
func (f *FIB) hints(t *Trace) []Note {
	var out []Note
	add := func(n Note, ok bool) {
		if ok {
			out = append(out, n)
		}
	}
	add(f.sourceElsewhere(t))
	add(f.sourcePassedOver(t))
	add(f.forwarded(t))
	add(f.vrfAddress(t))
	add(f.localLater(t))
	add(f.macvlan(t))
	add(multicastGateway(t))
	add(f.groupOnLoopback(t))
	add(f.circles(t))
	add(f.markIgnored(t))
	add(f.markUsed(t))
	add(f.localnet(t))
	out = append(out, f.lengthLost(t)...)
	return append(out, f.vrfRoutes(t)...)
}

// sourceElsewhere notes a route without src to a network on the link: the device's first
// address becomes the source, and not its address in that network.
func (f *FIB) sourceElsewhere(t *Trace) (Note, bool) {
	d := &t.Decision
	if d.Disposition != DispositionUnicast || len(d.NextHops) != 1 || d.NextHops[0].Gateway.IsValid() || !t.Flow.Dst.Is4() ||
		d.Route.PrefSrc.IsValid() || t.Source.Reason.Code != CodeSrcFirst && t.Source.Reason.Code != CodeSrcOther {
		return Note{}, false
	}
	dev := f.byIndex[d.NextHops[0].Link]
	if dev == nil {
		return Note{}, false
	}
	for _, a := range dev.addrs4 {
		if n := subnet(a); !n.IsSingleIP() && n.Contains(t.Flow.Dst) && a.Prefix.Addr() != d.Src && !n.Contains(d.Src) {
			return Note{Reason: Reason{Code: NoteSourceElsewhere, Have: a.Prefix.Addr()}, Route: &d.Route}, true
		}
	}
	return Note{}, false
}

// sourcePassedOver notes a neighbour in IPv6 that gets packets from an address of another
// device, because the one in its own network is deprecated (RFC 6724 rule 3).
func (f *FIB) sourcePassedOver(t *Trace) (Note, bool) {
	d := &t.Decision
	if d.Disposition != DispositionUnicast || len(d.NextHops) != 1 || d.NextHops[0].Gateway.IsValid() || !t.Flow.Dst.Is6() ||
		t.Source.Reason.Code != CodeSrcDeprecated || t.Source.Link == d.NextHops[0].Link {
		return Note{}, false
	}
	dev := f.byIndex[d.NextHops[0].Link]
	if dev == nil {
		return Note{}, false
	}
	for _, a := range dev.addrs6 {
		if !a.Prefix.IsSingleIP() && a.Prefix.Contains(t.Flow.Dst.WithZone("")) && a.Flags&route.AddrDeprecated != 0 {
			return Note{Reason: Reason{NoteSourceDeprecated, dev.Name, a.Prefix.Addr()}, Route: &d.Route}, true
		}
	}
	return Note{}, false
}

// lengthLost finds a host route for the first address of a network that the destination
// is in. Somebody who leaves out the length of a prefix makes such a route.
func (f *FIB) lengthLost(t *Trace) []Note {
	dst, d := t.Flow.Dst.WithZone(""), &t.Decision
	if d.Disposition == DispositionLocal || d.Disposition == DispositionInvalid {
		return nil
	}
	lengths := []int{24, 16, 8}
	if dst.Is6() {
		lengths = []int{64, 56, 48, 40, 32, 96, 112}
	}
	for i := range t.Rules {
		r := &t.Rules[i]
		if r.Verdict == VerdictNoMatch || r.Verdict == VerdictNotReached || r.Table == route.TableLocal || r.Table == 0 {
			continue
		}
		tab := f.family(t.Flow.Family()).tables[r.Table]
		if tab == nil {
			continue
		}
		for _, n := range lengths {
			net := netip.PrefixFrom(dst, n).Masked()
			host := netip.PrefixFrom(net.Addr(), dst.BitLen())
			l, ok := tab.trie.Get(host)
			if !ok || net.Addr() == dst || l.entries[0].route.Type != route.TypeUnicast || !d.missed(&route.Route{Dst: net}) {
				continue
			}
			full := l.entries[0].full(host)
			return []Note{{Reason: Reason{Code: NoteLengthLost, Want: net}, Route: &full, Table: r.Table}}
		}
	}
	return nil
}

// forwarded notes a source that is not this host's. If this host forwards the packet,
// the packet comes in by a device, and the question must name it.
func (f *FIB) forwarded(t *Trace) (Note, bool) {
	if t.Decision.Shortcut != ShortcutNotLocal || t.Flow.In != 0 {
		return Note{}, false
	}
	n := Note{Reason: Reason{Code: NoteForwarded, Have: ""}}
	back := f.Lookup(route.Flow{Dst: t.Flow.Src})
	if back.Disposition == DispositionUnicast && len(back.NextHops) > 0 && !back.Default() {
		n.Have = f.snap.LinkName(back.NextHops[0].Link)
	}
	return n, true
}

// vrfAddress notes a destination that is this host's own address, but inside a VRF that
// the packet does not belong to.
func (f *FIB) vrfAddress(t *Trace) (Note, bool) {
	if t.Decision.Disposition == DispositionLocal {
		return Note{}, false
	}
	dev := f.byIndex[f.owner(t.Flow.Dst.WithZone(""))]
	if dev == nil || dev.vrf == 0 || f.vrf(t.Flow.In) == dev.vrf || f.vrf(t.Flow.Out) == dev.vrf {
		return Note{}, false
	}
	return Note{Reason: Reason{NoteVRFAddress, dev.Name, f.snap.LinkName(dev.vrf)}}, true
}

// localLater notes a destination that is this host's own address, where a rule before the
// one for table local leads the packet elsewhere.
func (f *FIB) localLater(t *Trace) (Note, bool) {
	d := &t.Decision
	dev := f.byIndex[f.owner(t.Flow.Dst.WithZone(""))]
	if dev == nil || dev.vrf != 0 || t.Flow.Out != 0 || d.Rule == nil || d.Disposition != DispositionUnicast || !f.localAfter(t.Flow.Family(), d.Rule) {
		return Note{}, false
	}
	return Note{Reason: Reason{Code: NoteLocalLater, Have: dev.Name}, Rule: d.Rule}, true
}

// localAfter reports whether a rule after another one leads to table local.
func (f *FIB) localAfter(fam route.Family, before *route.Rule) bool {
	for _, r := range f.RulesTo(fam, route.TableLocal) {
		if r.Priority > before.Priority {
			return true
		}
	}
	return false
}

// vrfRoutes are the routes of VRFs that a packet missed because it belongs to no VRF.
func (f *FIB) vrfRoutes(t *Trace) []Note {
	if t.Flow.In != 0 || t.Flow.Out != 0 {
		return nil
	}
	if _, own := f.vrfAddress(t); own {
		return nil
	}
	var out []Note
	for _, d := range f.devices {
		tab := f.family(t.Flow.Family()).tables[d.VRFTable]
		if d.Kind != vrfKind || tab == nil {
			continue
		}
		w := walk{fib: f, flow: t.Flow, iif: route.LoopbackIndex, mem: new(memory)}
		var res result
		if w.searchTable(tab, nil, &res); res.status != found {
			continue
		}
		full := res.entry.full(res.dst)
		asked := func(r *route.Rule) bool { return r.Table == d.VRFTable && !r.Selector.L3Mdev }
		if !t.Decision.missed(&full) || anyRule(f.family(t.Flow.Family()).rules, asked) {
			continue
		}
		out = append(out, Note{Reason: Reason{Code: NoteVRFRoute, Have: d.Name}, Route: &full, Table: d.VRFTable})
	}
	return out
}

func anyRule(rules []*rule, is func(*route.Rule) bool) bool {
	for _, r := range rules {
		if is(r.Rule) {
			return true
		}
	}
	return false
}

// macvlan notes a neighbour on a device whose driver never hands a frame to the host that
// has the device below (macvlan_queue_xmit, ipvlan_queue_xmit). A container does not
// reach its own host that way.
func (f *FIB) macvlan(t *Trace) (Note, bool) {
	d := &t.Decision
	if d.Disposition != DispositionUnicast || len(d.NextHops) != 1 || d.NextHops[0].Gateway.IsValid() {
		return Note{}, false
	}
	dev := f.byIndex[d.NextHops[0].Link]
	if dev == nil {
		return Note{}, false
	}
	switch dev.Kind {
	case "macvlan", "macvtap", "ipvlan", "ipvtap":
	default:
		return Note{}, false
	}
	below := ""
	if lower := f.byIndex[dev.Peer]; lower != nil && dev.PeerNetNS < 0 {
		own := func(a *route.Addr) bool { return !a.Prefix.Addr().IsLinkLocalUnicast() }
		if lower.vrf == dev.vrf && (slices.ContainsFunc(lower.addrs4, own) || slices.ContainsFunc(lower.addrs6, own)) {
			return Note{}, false // this is the host that has it
		}
		below = lower.Name
	}
	return Note{Reason: Reason{NoteMacvlan, below, dev.Name}}, true
}

// groupOnLoopback notes that IPv6 has no way out of lo for groups: the kernel makes the route
// ff00::/8 for other devices (addrconf_add_dev in net/ipv6/addrconf.c).
func (f *FIB) groupOnLoopback(t *Trace) (Note, bool) {
	dev := f.byIndex[t.Flow.Out]
	if dev == nil || dev.Flags&route.LinkLoopback == 0 || !t.Flow.Dst.Is6() || !t.Flow.Dst.IsMulticast() ||
		t.Decision.Disposition != DispositionNoRoute || f.conf(route.IPv6, dev, settingDisableIPv6) != 0 {
		return Note{}, false
	}
	return Note{Reason: Reason{Code: NoteGroupLoopback, Have: dev.Name}}, true
}

// circles notes that a packet is forwarded to lo again and again: it comes back in there with
// the route that it has already (loopback_xmit in drivers/net/loopback.c, ip_rcv_finish_core in
// net/ipv4/ip_input.c).
func (f *FIB) circles(t *Trace) (Note, bool) {
	d := &t.Decision
	if t.Flow.In == 0 || !t.Flow.Dst.Is4() || d.Disposition != DispositionUnicast || len(d.NextHops) != 1 || f.leaves(d.NextHops[0]) {
		return Note{}, false
	}
	return Note{Reason: Reason{Code: NoteCircles, Have: f.snap.LinkName(d.NextHops[0].Link)}, Route: &d.Route}, true
}

// multicastGateway notes a route with a gateway that takes a group: the frame goes to
// the gateway's own MAC address, and no other host takes it.
func multicastGateway(t *Trace) (Note, bool) {
	d := &t.Decision
	if d.Disposition != DispositionMulticast || t.Flow.In != 0 {
		return Note{}, false
	}
	for _, w := range d.NextHops {
		if w.Gateway.IsValid() {
			return Note{Reason: Reason{Code: NoteMulticastGateway, Have: w.Gateway}}, true
		}
	}
	return Note{}, false
}

// markIgnored notes a packet that the reverse-path filter drops because its way back
// depends on its mark. The filter ignores the mark unless src_valid_mark is on.
func (f *FIB) markIgnored(t *Trace) (Note, bool) {
	rp := t.Reverse
	dev := f.byIndex[t.Flow.In]
	if rp == nil || rp.Passed || rp.Trace == nil || dev == nil || f.confOr(dev, settingSrcValidMark) {
		return Note{}, false
	}
	for i := range rp.Trace.Rules {
		if r := &rp.Trace.Rules[i]; r.Verdict != VerdictNotReached && r.Rule.Selector.MarkMask != 0 {
			return Note{Reason: Reason{Code: NoteMarkIgnored, Have: dev.Name}, Rule: r.Rule}, true
		}
	}
	return Note{}, false
}

// markUsed notes a way back for which a rule decides that asks for the mark. The filter
// knows the packet's mark only with src_valid_mark.
func (f *FIB) markUsed(t *Trace) (Note, bool) {
	rp := t.Reverse
	if rp == nil || rp.Filter == 0 || rp.Trace == nil || t.Flow.Mark == 0 {
		return Note{}, false
	}
	dev, rule := f.byIndex[t.Flow.In], rp.Trace.Decision.Rule
	if dev == nil || rule == nil || rule.Selector.MarkMask == 0 || !f.confOr(dev, settingSrcValidMark) {
		return Note{}, false
	}
	return Note{Reason: Reason{Code: NoteMarkUsed}, Rule: rule}, true
}

// localnet notes an IPv4 loopback address that comes in or leaves by another device than
// lo, which the kernel refuses without route_localnet (ip_route_input_slow,
// __mkroute_output).
func (f *FIB) localnet(t *Trace) (Note, bool) {
	d, link := &t.Decision, t.Flow.In
	if link == 0 && len(d.NextHops) > 0 && d.Disposition == DispositionUnicast {
		link = d.NextHops[0].Link
	}
	dev := f.byIndex[link]
	if dev == nil || dev.Index == route.LoopbackIndex || !d.Disposition.Success() || !f.confOr(dev, settingRouteLocalnet) {
		return Note{}, false
	}
	for _, a := range []netip.Addr{t.Flow.Dst, t.Flow.Src} {
		if a.Is4() && a.IsLoopback() {
			return Note{Reason: Reason{Code: NoteLocalnet, Have: dev.Name, Want: a}}, true
		}
	}
	return Note{}, false
}

// routesLost notes that a default route may be missing because its device went down: the
// kernel then deletes the device's IPv4 routes (fib_sync_down_dev), and makes only those
// of its addresses again.
func (f *FIB) routesLost() []Note {
	for _, t := range f.v4.tables {
		if t.defaults > 0 {
			return nil
		}
	}
	if z := f.zeroconf(); len(z) > 0 {
		return z
	}
	for _, d := range f.devices {
		if d.Up() || d.Index == route.LoopbackIndex || len(d.addrs4) == 0 {
			continue
		}
		return []Note{{Reason: Reason{NoteWentDown, d.addrs4[0].Prefix, d.Name}}}
	}
	for _, d := range f.devices {
		for _, a := range d.addrs4 {
			if a.Flags&route.AddrPermanent == 0 && a.ValidLft > 0 && a.ValidLft < route.ForeverLft {
				return []Note{{Reason: Reason{NoteNoRouter, a.Prefix, d.Name}}}
			}
		}
	}
	if f.noneMade(route.IPv4) {
		return []Note{{Reason: Reason{Code: NoteNoneMade}}}
	}
	return nil
}

// noneMade reports whether table main has only routes that the kernel made.
func (f *FIB) noneMade(fam route.Family) bool {
	main := f.family(fam).tables[route.TableMain]
	if main == nil || f.partial || f.snap.Lacks(route.FactRoutes, fam) || f.snap.Assumes(route.FactRoutes, fam) {
		return false
	}
	for _, l := range main.trie.All() {
		for _, e := range l.entries {
			if e.route.Protocol != route.ProtocolKernel {
				return false
			}
		}
	}
	return true
}

// notForwarded reports whether a packet is dropped because this host does not forward.
func (f *FIB) notForwarded(t *Trace) bool {
	return t.Decision.Shortcut == ShortcutNoForwarding || f.Unforwarded6(&t.Flow, &t.Decision).Code != ""
}
