package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Comparison is what the kernel's own answer says of a decision.
type Comparison struct {
	// Asked: there is an answer to compare with.
	Asked bool
	// Agrees: the decision allows the answer.
	Agrees bool
	// NextHop is the index of the decision's next hop that the kernel took; -1: none.
	NextHop int
	// Benign says why the answer is more special than the decision: it names one of
	// several next hops, or a learnt exception.
	Benign []Reason
	// Differences are the fields that differ, where they do.
	Differences []Difference

	source bool // the kernel has chosen one, which counts too
}

// Difference is a field in which a decision and the kernel's answer differ.
type Difference struct {
	Field  string `json:"field"`
	Ours   string `json:"routewhy"`
	Kernel string `json:"kernel"`
}

// How the kernel's own answer may differ although both answers are right.
const (
	CodeOneOfSeveral Code = "one-of-several" // the kernel takes one of the next hops
	CodeLearntMTU    Code = "learnt-mtu"     // a learnt path MTU; Have: bytes
	CodeRedirected   Code = "redirected"     // a learnt redirect; Have: the new gateway, Want: the route's own, where it is known
	// IPv6 caches its answers with the next-hop object (rt6_make_pcpu_route),
	// and names the route that was first looked up through it. Have: that one.
	CodeSharedEntry Code = "shared-nexthop"
	// IPv4 goes straight to the device where the gateway was local to this host
	// when the route was added, and to the gateway where it was not; the dump
	// does not tell. Want: the gateway as configured.
	CodeGatewayDirect Code = "gateway-scope"
	// An entry between the siblings of an IPv6 multipath route is not in a dump, because
	// fib6_dump_node goes on after the last sibling. But the kernel uses it: a device
	// route, or one that refuses or throws.
	CodeHiddenEntry Code = "hidden-entry"
	// The source-specific routes of an IPv6 destination are not found any more after its
	// last route for all sources was deleted, if there is a longer prefix below it: the
	// node keeps a route of that prefix, and is compared by it (fib6_repair_tree,
	// fib6_node_lookup_1). Want: the destination.
	CodeSubtreeLost Code = "subtree-lost"
	// IPv6 dumps show the router preference of the first sibling of a multipath
	// route alone, and the kernel chooses by each one's (rt6_score_route). Have: the
	// preference that the others must have.
	CodeSiblingPref Code = "sibling-preference"
	// A next hop is chosen by the source that it would give. The kernel keeps that source
	// when addresses are added or deleted (fib_select_multipath, nh_saddr).
	CodeLegRemembered Code = "leg-remembered"
	// After a route of type local was added once, the source of received packets is
	// checked in full for ever, even if the route is gone (fib_has_custom_local_routes).
	// The full check refuses a broadcast address that passes the short one.
	CodeLocalOnce  Code = "local-route-once"
	CodeCachedType Code = "cached-type" // the kernel names the type of another packet by the same next hop
	// The kernel drops the packet before any look-up, because the device that receives it
	// has no IPv6 or too small an MTU. RTM_GETROUTE looks it up all the same.
	CodeBeforeLookup Code = "before-look-up"
	// RTM_GETROUTE looks up what a device of a VRF receives as if it were in none. Have:
	// the VRF's device.
	CodeReceivedInVRF Code = "received-in-vrf"
)

// Compare compares a decision about a packet with the kernel's answer.
func (f *FIB) Compare(flow *route.Flow, d *Decision, a *route.Answer) Comparison {
	if flow.Dst.Is6() && d.Shortcut.beforeLookup() {
		return Comparison{Asked: a.Asked, Agrees: a.Asked, NextHop: -1, Benign: []Reason{{Code: CodeBeforeLookup}}}
	}
	if tool, other := f.toolInVRF(*flow, d); other {
		c := f.compareAll(flow, &tool, a)
		c.NextHop = -1
		if c.Agrees {
			c.Benign = append(c.Benign, Reason{Code: CodeReceivedInVRF, Have: f.snap.LinkName(f.vrf(flow.In))})
		}
		return c
	}
	return f.compareAll(flow, d, a)
}

// toolInVRF is the decision that RTM_GETROUTE makes about a packet that a device of a VRF
// receives, and whether it differs from the packet's.
func (f *FIB) toolInVRF(flow route.Flow, d *Decision) (Decision, bool) {
	if vrf := f.vrf(flow.In); vrf == 0 || vrf == flow.In || !flow.Dst.Is6() {
		return Decision{}, false
	}
	tool := f.ask(question{asTool: true}, flow)
	return tool, !d.sameFate(&tool) || !d.sameEnd(&tool)
}

func (f *FIB) compareAll(flow *route.Flow, d *Decision, a *route.Answer) Comparison {
	c := f.compare(flow, d, a)
	if c.Agrees || flow.Dst.Is4() {
		return c
	}
	refusing := a.Errno == route.EINVAL || a.Errno == route.EHOSTUNREACH || a.Errno == route.EACCES || a.Errno == route.ENETUNREACH
	switch {
	case f.hiddenEntry(d, a):
		return Comparison{Asked: true, Agrees: true, NextHop: -1, Benign: []Reason{{Code: CodeHiddenEntry}}}
	case refusing && f.hidesRefusal(flow.Dst, d):
		return Comparison{Asked: true, Agrees: true, NextHop: -1, Benign: []Reason{{Code: CodeHiddenEntry}}}
	case !d.HasRoute:
	case f.subtreeLost(d):
		return f.passedOver(c, flow, d, a, CodeSubtreeLost)
	case d.Route.NextHopID != 0 && d.Rule != nil && (d.Rule.SuppressPrefixLen >= 0 || d.Rule.SuppressGroup >= 0):
		c = f.passedOver(c, flow, d, a, CodeSharedEntry)
	}
	if !c.Agrees {
		return f.otherPreference(c, flow, d, a)
	}
	return c
}

// otherPreference compares once more, supposing that the further siblings of
// multipath routes have another preference than the first.
func (f *FIB) otherPreference(c Comparison, flow *route.Flow, d *Decision, a *route.Answer) Comparison {
	for _, p := range []route.Preference{route.PreferenceHigh, route.PreferenceLow} {
		next := f.ask(question{siblings: &p}, *flow)
		if d.sameFate(&next) {
			continue
		}
		if other := f.compare(flow, &next, a); other.Agrees {
			return Comparison{Asked: true, Agrees: true, NextHop: -1, Benign: append(other.Benign, Reason{Code: CodeSiblingPref, Have: p.String()})}
		}
	}
	return c
}

// passedOver compares once more, supposing that the kernel passes over the chosen
// route for a reason that does not show.
func (f *FIB) passedOver(c Comparison, flow *route.Flow, d *Decision, a *route.Answer, why Code) Comparison {
	next := f.without(*flow, d)
	if other := f.compare(flow, &next, a); other.Agrees {
		return Comparison{Asked: true, Agrees: true, NextHop: -1, Benign: append(other.Benign, Reason{Code: why, Want: d.Route.Dst})}
	}
	return c
}

// hidesRefusal reports whether an entry that refuses may stand unseen among the
// siblings of a multipath route: see [CodeHiddenEntry].
func (f *FIB) hidesRefusal(dst netip.Addr, d *Decision) bool {
	for _, t := range f.v6.tables {
		for p, l := range t.trie.Supernets(netip.PrefixFrom(dst, 128)) {
			if d.HasRoute && p.Bits() < d.Route.Dst.Bits() {
				break
			}
			if slices.ContainsFunc(l.entries, func(e *entry) bool { return e.route.NextHopID == 0 && len(e.route.NextHops) > 1 }) {
				return true
			}
		}
	}
	return false
}

// subtreeLost reports whether the chosen route may be out of reach: see
// [CodeSubtreeLost].
func (f *FIB) subtreeLost(d *Decision) bool {
	t := f.v6.tables[d.Route.Table]
	if t == nil || !d.entry.sourceSpecific() {
		return false
	}
	l, _ := t.trie.Get(d.Route.Dst)
	if l == nil || slices.ContainsFunc(l.entries, func(e *entry) bool { return !e.sourceSpecific() }) {
		return false
	}
	for sub := range t.subnets(d.Route.Dst) {
		if sub != d.Route.Dst {
			return true
		}
	}
	return false
}

func (f *FIB) compare(flow *route.Flow, d *Decision, a *route.Answer) Comparison {
	c := Comparison{Asked: a.Asked, NextHop: -1}
	if !a.Asked || d.Disposition == DispositionUnknown {
		c.Agrees = a.Asked
		return c
	}
	if a.Errno != 0 && a.Errno == d.SomeRefused {
		c.Agrees = true
		c.Benign = []Reason{{Code: CodeOneOfSeveral}}
		return c
	}
	if a.Errno != 0 && a.Errno == d.MayRefuse {
		c.Agrees, c.Benign = true, []Reason{{Code: CodeLocalOnce}}
		return c
	}
	c.differ("errno", errnoText(d.Errno), errnoText(a.Errno))
	if d.Errno == 0 && a.Errno == 0 {
		f.compareNextHop(&c, flow, d, a)
		switch {
		case c.NextHop >= 0 && f.sharesObject(d, a):
			c.Benign = append(c.Benign, Reason{Code: CodeSharedEntry, Have: a.Entry.Dst})
		default:
			c.compareType(d, a)
			f.compareTable(&c, flow, d, a)
			compareEntry(&c, d, a)
		}
	}
	c.Agrees = len(c.Differences) == 0
	return c
}

func (c *Comparison) differ(field, ours, kernels string) {
	if ours != kernels {
		c.Differences = append(c.Differences, Difference{field, ours, kernels})
	}
}

func errnoText(e route.Errno) string {
	if e == 0 {
		return "none"
	}
	return e.String()
}

// compareTable compares the table. While local and main share a trie, the
// kernel names main for both.
func (f *FIB) compareTable(c *Comparison, flow *route.Flow, d *Decision, a *route.Answer) {
	ours := d.Table()
	if ours == route.TableLocal && a.Table == route.TableMain && flow.Dst.Is4() && f.snap.Merged != route.No {
		ours = route.TableMain
	}
	c.differ("table", f.snap.Names.Table(ours), f.snap.Names.Table(a.Table))
}

// compareType compares what becomes of the packet. IPv4 caches its answers with the
// next hop (rt_cache_route). So it may call a packet for a group unicast, or the other
// way round, if both go by the same next hop.
func (c *Comparison) compareType(d *Decision, a *route.Answer) {
	cached := func(x, y Disposition) bool { return x == DispositionUnicast && y == DispositionMulticast }
	if k := dispositionOf(a.Type); c.NextHop >= 0 && (cached(d.Disposition, k) || cached(k, d.Disposition)) {
		c.Benign = append(c.Benign, Reason{CodeCachedType, d.Disposition.String(), k.String()})
		return
	}
	c.differ("type", d.Disposition.String(), a.Type.String())
}

// sharesObject reports whether the kernel's answer names another IPv6 route with
// a next-hop object in common with the chosen one.
func (f *FIB) sharesObject(d *Decision, a *route.Answer) bool {
	if !d.HasRoute || !a.HasEntry || d.Route.NextHopID == 0 || a.Entry.NextHopID == 0 || d.Route.Dst.Addr().Is4() ||
		a.Entry.Table == d.Route.Table && a.Entry.Dst == d.Route.Dst {
		return false
	}
	ours := f.members(d.Route.NextHopID)
	return slices.ContainsFunc(f.members(a.Entry.NextHopID), func(id uint32) bool { return slices.Contains(ours, id) })
}

// members are the plain objects of a next-hop object's ID.
func (f *FIB) members(id uint32) []uint32 {
	o := f.objects[id]
	if o == nil || len(o.Group) == 0 {
		return []uint32{id}
	}
	var out []uint32
	for _, m := range o.Group {
		out = append(out, m.ID)
	}
	return out
}

// compareNextHop finds the next hop that the kernel took.
func (f *FIB) compareNextHop(c *Comparison, flow *route.Flow, d *Decision, a *route.Answer) {
	c.source = flow.In == 0 && !flow.Src.IsValid() && !f.sharesObject(d, a)
	gateway := a.Gateway
	c.NextHop = slices.IndexFunc(d.NextHops, func(w NextHop) bool {
		return w.Link == a.Link && w.leadsTo(gateway) && (!c.source || w.sends(a))
	})
	redirected := false
	if c.NextHop < 0 && a.Redirected {
		f.compareRedirected(c, d, a)
		redirected = c.NextHop >= 0
	}
	if c.NextHop < 0 && rememberedLeg(flow, d, a) {
		c.Benign = append(c.Benign, Reason{Code: CodeLegRemembered, Have: flow.Src})
		return
	}
	if c.NextHop < 0 {
		f.differNextHop(c, d, a)
		return
	}
	if w := &d.NextHops[c.NextHop]; !redirected && !sameAddr(w.Gateway, gateway) {
		c.Benign = append(c.Benign, Reason{Code: CodeGatewayDirect, Want: w.Via.Gateway, Have: gateway})
	}
	if a.Expires && a.MTU != 0 {
		c.Benign = append(c.Benign, Reason{Code: CodeLearntMTU, Have: a.MTU})
	}
	if len(d.NextHops) > 1 || d.SomeRefused != 0 {
		c.Benign = append(c.Benign, Reason{Code: CodeOneOfSeveral})
	}
}

// rememberedLeg reports whether the kernel took a leg of an IPv4 multipath route that
// would not give the packet the source that it has.
func rememberedLeg(flow *route.Flow, d *Decision, a *route.Answer) bool {
	if !flow.Src.Is4() || flow.In != 0 || !d.HasRoute || d.Route.NextHopID != 0 || len(d.Route.NextHops) < 2 {
		return false
	}
	return slices.ContainsFunc(d.Route.NextHops, func(h route.NextHop) bool {
		return h.Link == a.Link && sameAddr(h.Gateway, a.Gateway) && h.Flags&route.NextHopDead == 0
	})
}

// leadsTo reports whether the next hop may be by a gateway.
func (w *NextHop) leadsTo(gateway netip.Addr) bool {
	return sameAddr(w.Gateway, gateway) || w.Via.Gateway.Is4() && w.Via.Flags&route.NextHopOnLink == 0 &&
		(!gateway.IsValid() || sameAddr(w.Via.Gateway, gateway))
}

// sends reports whether the next hop may give a packet the source that the kernel
// names. The siblings of an IPv6 multipath route may have sources of their own, which
// are in the kernel's answer and not in a dump.
func (w *NextHop) sends(a *route.Answer) bool {
	return sameAddr(w.Src, a.Src) || slices.Contains(w.SrcOneOf, a.Src) || w.OtherSrc.IsValid() && sameAddr(w.OtherSrc, a.Src) ||
		a.Src.Is6() && w.Via.Weight > 0 && w.Object == 0 && a.HasEntry && a.Entry.PrefSrc == a.Src
}

// differNextHop names what differs in the first next hop.
func (f *FIB) differNextHop(c *Comparison, d *Decision, a *route.Answer) {
	if len(d.NextHops) == 0 {
		c.differ("device", "none", f.snap.LinkName(a.Link))
		return
	}
	w := d.NextHops[0]
	c.differ("device", f.snap.LinkName(w.Link), f.snap.LinkName(a.Link))
	c.differ("gateway", addrText(w.Gateway), addrText(a.Gateway))
	if c.source {
		c.differ("source", addrText(w.Src), addrText(a.Src))
	}
}

// compareEntry compares the table entry that the kernel matched. If the kernel chooses
// among several routes, each of them agrees.
func compareEntry(c *Comparison, d *Decision, a *route.Answer) {
	if !a.HasEntry || !d.HasRoute {
		return
	}
	c.differ("prefix", d.Route.Dst.String(), a.Entry.Dst.String())
	// The answer and the entry are two look-ups. Between equal defaults of different
	// TOS and metric the kernel may have switched from one to the other.
	if d.Ambiguous.Code != CodeDefaultsTie {
		c.differ("metric", hex(d.Route.Metric), hex(a.Entry.Metric))
	}
	// Between default routes of different TOS the kernel may switch, and names
	// the TOS of the one that it found first (fib_select_default).
	if d.Route.Dst.Addr().Is4() && d.Route.Dst.Bits() > 0 {
		c.differ("tos", hex(uint32(d.Route.TOS)), hex(uint32(a.Entry.TOS)))
	}
}

func sameAddr(a, b netip.Addr) bool {
	if !a.IsValid() || a.IsUnspecified() {
		return !b.IsValid() || b.IsUnspecified()
	}
	return a.WithZone("") == b.WithZone("")
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return "none"
	}
	return a.String()
}
