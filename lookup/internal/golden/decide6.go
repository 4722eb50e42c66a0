package golden

import (
	"net/netip"

	"routewhy/route"
)

// asked6 is what stays the same during one IPv6 look-up.
type asked6 struct {
	flow flow
	// device is the device that the table walk prefers, or insists on where
	// strict is set (RT6_LOOKUP_F_IFACE); zero: none. It is the output device
	// of a flow that is sent and the input device of one that was received.
	device int
	strict bool
}

// decide6 is ip6_route_output_flags_noref and ip6_route_input_lookup (1.4). No
// address is checked, no :: replaced. asked: it is RTM_GETROUTE that looks up.
func decide6(s *route.Snapshot, f route.Flow, asked bool) Answer {
	d := &decision{s: s}
	d.noteGaps(route.IPv6)
	a := asked6{flow: newFlow(f)}
	linkScope := isMulticast6(f.Dst) || isLinkLocal6(f.Dst)
	needsStrict := linkScope || f.Dst == netip.IPv6Loopback()
	var results []result6
	switch {
	case f.In != 0:
		if s.Link(f.In) == nil {
			return d.finish(refuse(route.ENODEV))
		}
		// ip6_rcv_core drops it before a look-up. With an address it is not switched off.
		if l := s.Link(f.In); l.MTU > 0 && l.MTU < 1280 && l.Flags&route.LinkLoopback == 0 {
			return d.finish(refuse(route.EINVAL))
		}
		if v, _ := s.Sysctls.Conf(route.IPv6, s.LinkName(f.In), "disable_ipv6"); v != 0 {
			return d.finish(refuse(route.EINVAL))
		}
		if !asked && d.cannotArrive6(f) {
			return d.finish(refuse(route.EINVAL))
		}
		a.flow.uid = 0 // ip6_route_input asks for root
		a.flow.iif, a.flow.oif = f.In, 0
		a.device, a.strict = f.In, needsStrict
		if !asked && d.vrf(f.In) != 0 && !d.isVRF(f.In) {
			results = d.lookupFromVRF6(&a)
		} else {
			results = d.lookup6(&a)
		}
	case linkScope && d.vrf(f.Out) != 0:
		results = d.lookupLinkScope6(&a)
	default:
		a.strict = needsStrict || f.Out != 0 && unset(f.Src)
		results = d.lookup6(&a)
	}

	var outcomes []outcome
	for _, r := range results {
		outcomes = append(outcomes, d.outcomes6(r, f)...)
	}
	return d.finish(d.answer(outcomes))
}

// outcomes6 are the answers of RTM_GETROUTE for one result: one for each source that
// may be chosen.
func (d *decision) outcomes6(r result6, f route.Flow) []outcome {
	if r.errno != 0 {
		o := outcome{errno: r.errno, entry: r.entry}
		if r.entry != nil {
			o.typ = r.entry.Type
		}
		return []outcome{o}
	}
	// Multicast with an input device cannot be reported (8.2).
	if f.In != 0 && isMulticast6(f.Dst) {
		return []outcome{{errno: route.EMSGSIZE}}
	}
	way := Way{Link: r.hop.Link, Gateway: r.hop.Gateway}
	sources := []netip.Addr{{}}
	// Only the kernel's own anycast entries (RTF_ANYCAST) are delivered here.
	if r.entry.Type == route.TypeLocal || r.entry.Type == route.TypeAnycast && r.entry.Protocol == route.ProtocolKernel {
		way.Link = d.loopbackOf6(r)
	}
	// The source is reported whether one was given or not (5.2): the route's
	// own, else, for a flow that is sent, the one that would be chosen. For a
	// next-hop group that is for its first member's device (4.2).
	switch {
	case r.entry.PrefSrc.IsValid():
		sources = []netip.Addr{r.entry.PrefSrc}
		if r.entry.NextHopID == 0 && len(r.entry.NextHops) > 1 {
			// A dump has the source of the first sibling only.
			d.doubt("siblings may have other sources than the first")
		}
	case f.In == 0:
		link := r.hop.Link
		if r.hops.object {
			link = r.hops.list[0].Link
		}
		sources = d.selectSource6(link, f.Dst)
	}
	var out []outcome
	for _, way.Src = range sources {
		out = append(out, outcome{typ: r.entry.Type, entry: r.entry, way: way})
	}
	return out
}

// loopbackOf6 is the device that local delivery is reported with: lo, or the
// VRF unless the entry is for an address of link scope (7).
func (d *decision) loopbackOf6(r result6) int {
	a := r.entry.Dst.Addr()
	if d.isVRF(r.hop.Link) {
		return r.hop.Link
	}
	if isMulticast6(a) || isLinkLocal6(a) || a == netip.IPv6Loopback() {
		return route.LoopbackIndex
	}
	return d.loopbackOf(r.hop.Link)
}

// lookupLinkScope6 is l3mdev_link_scope_lookup (7): to a destination of link
// scope by a device of a VRF. The rules are not asked, and the VRF device itself
// leads nowhere.
func (d *decision) lookupLinkScope6(a *asked6) []result6 {
	out := a.flow.oif
	a.device, a.strict = out, true
	a.flow.iif = 0 // that the packet is sent is noted after this look-up alone
	if !d.isVRF(out) {
		if results := d.lookupTable6(d.s.Link(d.vrf(out)).VRFTable, a); len(results) > 0 {
			return results
		}
	}
	return []result6{{errno: route.ENETUNREACH}}
}

// lookupFromVRF6 is what a device of a VRF receives (7; vrf_ip6_rcv): for a destination
// of link scope the VRF's table is asked first, for the device itself. Whatever is not
// found there was received by the VRF.
func (d *decision) lookupFromVRF6(a *asked6) []result6 {
	vrf := d.vrf(a.flow.iif)
	if a.strict {
		if results := d.lookupTable6(d.s.Link(vrf).VRFTable, a); len(results) > 0 {
			return results
		}
	}
	a.flow.iif, a.device = vrf, vrf
	return d.lookup6(a)
}

// lookup6 is fib6_rule_lookup: every result that the rules may end with.
func (d *decision) lookup6(a *asked6) []result6 {
	if !d.s.NoRules6 {
		d.enterVRF(&a.flow)
	}
	if a.device == 0 {
		a.device = a.flow.oif // which is none by now if it was a VRF
	}
	if !d.s.NoRules6 {
		return d.lookupRules6(a, 0)
	}
	results := d.lookupTable6(route.TableMain, a)
	if len(results) == 0 || results[0].errno == route.EAGAIN {
		return []result6{{errno: route.ENETUNREACH}}
	}
	return results
}

// lookupRules6 is fib_rules_lookup with fib6_rule_action, from rule i on (2.1).
// Of several results of one table, a suppressor may drop some and keep others;
// each one dropped makes way for what the later rules say.
func (d *decision) lookupRules6(a *asked6, i int) []result6 {
	rules := d.rulesOf(route.IPv6)
	i = d.nextRule(rules, i, &a.flow)
	if i < 0 {
		return []result6{{errno: route.ENETUNREACH}}
	}
	r := &rules[i]
	if r.Action != route.ActionTable {
		return []result6{{errno: actionErrno(r.Action)}}
	}
	var results []result6
	goOn := false
	found := d.lookupTable6(d.tableOf(r, &a.flow), a)
	for _, res := range found {
		switch {
		case res.errno == route.EAGAIN: // throw
			goOn = true
		case res.errno == 0 && d.suppressed6(r, res):
			goOn = true
		default:
			results = append(results, res)
		}
	}
	if len(found) == 0 || goOn {
		results = append(results, d.lookupRules6(a, i+1)...)
	}
	return results
}

// suppressed6 is fib6_rule_suppress (2.3).
func (d *decision) suppressed6(r *route.Rule, res result6) bool {
	if res.entry.Dst.Bits() <= r.SuppressPrefixLen {
		return true
	}
	return r.SuppressGroup != -1 && d.inGroup(res.hop.Link, r.SuppressGroup)
}

// cannotArrive6 is the rest of ip6_rcv_core: neither RFC 4291 2.5.3 (loopback) nor 2.7
// (groups of the node, groups as sources) let such a packet leave its sender.
func (d *decision) cannotArrive6(f route.Flow) bool {
	loopback := f.Src == netip.IPv6Loopback() || f.Dst == netip.IPv6Loopback()
	if loopback && !d.isLoopback(f.In) && !d.isVRF(f.In) {
		return true
	}
	if isMulticast6(f.Dst) {
		scope := f.Dst.As16()[1] % 16
		if scope == 0 || scope == 1 && !d.isLoopback(f.In) {
			return true
		}
	}
	return f.Src.IsValid() && (isMulticast6(f.Src) || f.Src.Is4In6())
}
