package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// decide6 decides about an IPv6 packet, sent by this host
// (ip6_route_output_flags_noref in net/ipv6/route.c) or received
// (ip6_route_input_lookup). IPv6 checks neither sources nor forwarding here.
func (w *walk) decide6(d *Decision) {
	if w.flow.Src.IsValid() && w.flow.Src.IsUnspecified() {
		w.flow.Src = netip.Addr{}
	}
	dst := w.flow.Dst
	w.strict = dst.IsMulticast() || dst.IsLinkLocalUnicast() || dst.IsLoopback()
	vrf := w.fib.vrf(w.flow.Out)
	var dev *device
	if w.flow.In != 0 {
		dev = w.fib.byIndex[w.flow.In]
		switch {
		case dev == nil:
			*d = refusal("", route.ENODEV)
			return
		case !dev.HasIPv6():
			*d = refusal(ShortcutSmallMTU, route.EINVAL)
			return
		case w.dropsIPv6(dev):
			*d = refusal(ShortcutNoIPv6, route.EINVAL)
			return
		}
		if martian := martian6(dev, w.flow.Src, dst); martian != "" {
			*d = refusal(martian, route.EINVAL)
			return
		}
		w.iif, w.flow.Out = w.flow.In, 0
		w.flow.UID = 0 // the namespace's root, whoever asks
		if w.noUser {
			w.flow.UID = route.NoUID
		}
		vrf = w.enter6()
	} else {
		w.iif = route.LoopbackIndex
		w.strict = w.strict || w.flow.Out != 0 && (!w.flow.Src.IsValid() || w.flow.Bound)
	}
	var res result
	switch {
	case vrf == 0 || w.flow.In == 0 && !dst.IsMulticast() && !dst.IsLinkLocalUnicast():
		w.setVRF()
		res = w.searchRules()
	case w.flow.Out == vrf:
		*d = refusal(ShortcutVRFLink, route.ENETUNREACH)
		return
	default:
		res = w.searchVRF6(vrf)
	}
	res.fill(d)
	if res.status != found {
		return
	}
	w.nextHops6(d, &res)
	if w.flow.In != 0 {
		d.Src = w.flow.Src
		for i := range d.NextHops {
			d.NextHops[i].setSource(chosen{})
		}
		if d.Disposition == DispositionMulticast && dst.IsMulticast() { // a route of that type may be to anything
			w.deliver6(d, dev)
		}
		return
	}
	d.setSource(w.flow.Src)
}

// enter6 takes a received packet into the VRF of its device. For a destination that has a
// meaning on one link, it gives the VRF if its table has a route: then this table alone is
// asked, and no rule (vrf_ip6_rcv, vrf_ip6_input_dst in drivers/net/vrf.c). Every other
// packet counts as received by the VRF itself. IPv4 (ip_rcv_finish) and RTM_GETROUTE look
// it up as received by the device.
func (w *walk) enter6() int {
	vrf := w.fib.vrf(w.flow.In)
	if vrf == 0 || vrf == w.flow.In || w.asTool {
		return 0
	}
	if w.strict {
		silent := *w
		silent.trace = nil
		if res := silent.searchVRF6(vrf); res.status != refused || res.entry != nil {
			return vrf
		}
	}
	w.iif, w.flow.In = vrf, vrf
	return 0
}

// dropsIPv6 reports whether a device drops every IPv6 packet that it receives, before
// a route is looked up (ip6_rcv_core in net/ipv6/ip6_input.c, by the device's own
// setting). A device with addresses does not: the setting removes its addresses.
func (w *walk) dropsIPv6(dev *device) bool {
	if dev.conf6.read[settingDisableIPv6] {
		return dev.conf6.value[settingDisableIPv6] != 0
	}
	return len(dev.addrs6) == 0 && w.conf(route.IPv6, dev, settingDisableIPv6) != 0
}

// martian6 says why a packet that a device receives is dropped before a route is looked up:
// its source or its destination cannot come from another host (ip6_rcv_core in
// net/ipv6/ip6_input.c). Empty: it is not.
func martian6(dev *device, src, dst netip.Addr) Shortcut {
	lo := dev.Flags&route.LinkLoopback != 0
	here := lo || dev.Kind == vrfKind
	switch {
	case src.IsLoopback() && !here:
		return ShortcutMartianSrc
	case dst.IsLoopback() && !here, staysHere(dst) && (!lo || dst.As16()[1]&0x0f == 0):
		return ShortcutMartianDst
	case src.IsMulticast() || src.Is4In6():
		return ShortcutMartianSrc
	}
	return ""
}

// searchVRF6 is the look-up for the link of a device in a VRF: the rules are not
// asked, only the VRF's table (l3mdev_link_scope_lookup; received: [walk.enter6]). In a trace it stands
// with the rule that usually leads there.
func (w *walk) searchVRF6(vrf int) result {
	w.vrf, w.vrfByOif, w.strict, w.linkOfVRF = vrf, true, true, true
	id := w.fib.byIndex[vrf].VRFTable
	t := w.fib.v6.tables[id]
	rules := w.fib.v6.rules
	at := slices.IndexFunc(rules, func(r *rule) bool { return r.Selector.L3Mdev && r.Action == route.ActionTable })
	if at < 0 {
		at = len(rules)
	}
	w.unreached(rules[:at], CodeAfter)
	var trial *RuleTrial
	if at < len(rules) {
		trial = w.begin(rules[at], id)
	}
	var res result
	w.searchTable(t, trial.list(), &res)
	trial.end(&res, t.size())
	if at < len(rules) {
		w.unreached(rules[at+1:], CodeAfter)
		res.rule = rules[at].Rule
	}
	if res.status == again {
		return result{status: refused, errno: route.ENETUNREACH}
	}
	return res
}

// nextHops6 works out every next hop that the kernel may take (fib6_select_path).
func (w *walk) nextHops6(d *Decision, res *result) {
	e := res.entry
	var choices []choice
	var shares []float64
	keeps := w.keepsHop6(e, res.hop)
	switch {
	case len(e.hops) > 1 && keeps == certainly:
		choices, shares = w.mem.choice(choice{e, &e.hops[res.hop], false})
	case len(e.hops) > 1 && e.bucket:
		d.Ambiguous = Reason{Code: CodeResilient}
		choices, shares = w.mem.every(e), w.mem.byWeight(e)
	case len(e.hops) > 1 && e.group:
		choices, shares = w.group6(e, res.hop, keeps)
	case len(e.hops) > 1:
		choices, shares = w.siblings6(e, res.hop)
	case len(e.hops) == 1:
		choices, shares = w.mem.choice(choice{e, &e.hops[res.hop], false})
	}
	if len(choices) > 1 && d.Ambiguous.Code == "" {
		d.Ambiguous = Reason{Code: CodeMultipath}
	}
	w.mem.ways = w.mem.ways[:0]
	for i, c := range choices {
		way := NextHop{Link: w.device6(&e.route, res.dst, c.hop), Gateway: c.hop.Gateway, Via: c.hop.NextHop, Object: c.hop.object, Share: shares[i], Stale: c.stale}
		from := c.hop
		if e.group { // the kernel asks for the first member's device, whichever is taken
			from = &e.hops[0]
		}
		if w.flow.In == 0 {
			way.setSource(w.source6(&e.route, from.Link, i == 0))
			if e.route.PrefSrc.IsValid() && len(e.hops) > 1 && c.hop != &e.hops[0] {
				// Of the siblings' own sources only the first's is in a dump.
				way.OtherSrc = w.selectSource6(w.flow.Dst, from.Link, nil).addr
			}
		}
		w.mem.ways = append(w.mem.ways, way)
	}
	d.NextHops = w.mem.ways
}

// keepsHop6 reports whether the kernel keeps the next hop that the walk found, whatever
// the hash says: the next hop is on the device that the packet is to be sent by. A
// look-up for a link of a VRF's device does not know that its packet is sent.
func (w *walk) keepsHop6(e *entry, own int) perhaps {
	if w.iif != route.LoopbackIndex || w.linkOfVRF || len(e.hops) == 0 || e.hops[own].Link != w.out6() {
		return perhapsNot
	}
	return w.oifKeepsHop()
}

// device6 is the device that the kernel names: lo, or the VRF, for what is
// delivered here (ip6_rt_get_dev_rcu).
func (w *walk) device6(r *route.Route, dst netip.Prefix, h *hop) int {
	// Only the kernel's own anycast entries are delivered through lo; a route of
	// type anycast that somebody added keeps its device.
	if r.Type != route.TypeLocal && (r.Type != route.TypeAnycast || r.Protocol != route.ProtocolKernel) {
		return h.Link
	}
	vrf := w.fib.vrf(h.Link)
	if a := dst.Addr(); vrf != 0 && (h.Link == vrf || !a.IsMulticast() && !a.IsLinkLocalUnicast() && !a.IsLoopback()) {
		return vrf
	}
	return route.LoopbackIndex
}

// group6 are the members of a next-hop group that the hash may choose: it
// passes over bad neighbours, whatever the device asked for. The walk's own choice
// is among them where the kernel perhaps keeps it.
func (w *walk) group6(e *entry, own int, keeps perhaps) ([]choice, []float64) {
	in, weight := w.mem.members(len(e.hops))
	for i := range e.hops {
		weight[i] = max(1, e.hops[i].Weight)
		if w.fib.goodNeighbour(&e.hops[i]) {
			in[i] = memberIn
		}
	}
	if !slices.Contains(in, memberIn) {
		in[0] = memberIn
	}
	if keeps == perhapsSo {
		in[own] = memberIn
	}
	choices, shares := w.mem.spread(e, in, weight)
	return choices, shares
}

// siblings6 are the siblings of a multipath route that the hash may choose;
// where it points to one that cannot be used, the walk's own choice stays.
func (w *walk) siblings6(e *entry, own int) ([]choice, []float64) {
	w.reachable = w.avoidFailed6()
	in, weight := w.mem.members(len(e.hops))
	for i := range e.hops {
		h := &e.hops[i]
		dead := h.Flags&route.NextHopDead != 0
		noCarrier := h.Flags&route.NextHopLinkDown != 0
		_, score := w.scoreRoute6(e, h)
		switch {
		case dead && noCarrier && score >= 0:
			in[i] = memberStale
		case dead:
		case score >= 0:
			in[i], weight[i] = memberIn, max(1, h.Weight)
		default:
			weight[i] = max(1, h.Weight)
		}
	}
	in[own] = memberIn // even if only the second pass takes it
	weight[own] = max(1, e.hops[own].Weight)
	return w.mem.spreadTo(e, in, weight, own)
}

// spreadTo is spread, except that one member gets the parts of all that are never chosen.
func (m *memory) spreadTo(e *entry, in []membership, weight []int, own int) ([]choice, []float64) {
	choices, shares := m.choices[:0], m.shares[:0]
	total, out, at := 0, 0, 0
	for i := range e.hops {
		total += weight[i]
		if in[i] == memberOut {
			out += weight[i]
			continue
		}
		if i == own {
			at = len(choices)
		}
		choices = append(choices, choice{e, &e.hops[i], in[i] == memberStale})
		shares = append(shares, float64(weight[i]))
	}
	shares[at] += float64(out)
	for i := range shares {
		shares[i] /= float64(total)
	}
	m.choices, m.shares = choices, shares
	return choices, shares
}
