package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// defaultMetric6 is the metric of an IPv6 route if none is given (IP6_RT_PRIO_USER).
const defaultMetric6 = 1024

// apply6 does what inet6_rtm_newroute and inet6_rtm_delroute in net/ipv6/route.c do.
func (c *Route) apply6(t *tx) *Refusal {
	if no := c.check6(); no != nil {
		return no
	}
	r := c.Route.Clone()
	r.Table, r.Dst, r.Scope = c.table(), r.Dst.Masked(), 0
	if r.Src.IsValid() {
		if r.Src = r.Src.Masked(); r.Src.Bits() == 0 {
			r.Src = netip.Prefix{}
		}
	}
	if c.Verb == Test { // fib6_add_rt2node adds a route all the same
		same := *c
		same.Verb = Add
		return same.apply6(t)
	}
	if c.Verb == Delete {
		return c.delete6(t, &r)
	}
	if t.kernel.validatesFirst {
		switch {
		case c.multipath() && slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return !h.Gateway.IsValid() }):
			return refuse(route.EINVAL, msgDeviceOnly)
		case r.Type > route.TypeXResolve:
			return refuse(route.EINVAL, msgInvalidType)
		case r.NextHopID != 0 && r.Src.IsValid():
			return refuse(route.EINVAL, msgSourceRouting)
		}
	}
	if r.Metric == 0 {
		r.Metric = defaultMetric6
	}
	return c.add6(t, &r)
}

// check6 refuses a request that is not allowed in any state (rtm_to_fib6_config).
func (c *Route) check6() *Refusal {
	r := &c.Route
	switch {
	case r.TOS != 0:
		return refuse(route.EINVAL, "Invalid dsfield (tos): option not available for IPv6")
	case r.NextHopID != 0 && len(r.NextHops) > 0 && (c.multipath() || c.top() != route.NextHop{}):
		return refuse(route.EINVAL, msgGatewayAndGroup)
	case c.top().Gateway.Is4():
		return refuse(route.EINVAL, "IPv6 does not support RTA_VIA attribute")
	}
	return nil
}

// build6 makes the route that the kernel would have for one next hop
// (ip6_route_info_create).
func (c *Route) build6(t *tx, base *route.Route, h route.NextHop) (*route.Route, *Refusal) {
	r := base.Clone()
	r.NextHops, r.Flags = nil, 0
	h.Realm = 0 // IPv6 has none
	if r.Type > route.TypeXResolve {
		return nil, refuse(route.EINVAL, msgInvalidType)
	}
	o := t.object(r.NextHopID)
	if r.NextHopID != 0 {
		if o == nil {
			return nil, refuse(route.EINVAL, msgNoSuchObject)
		}
		if no := t.checkObject6(o, r.Src); no != nil {
			return nil, no
		}
	}
	t.makeTable(route.IPv6, r.Table)
	var no *Refusal
	if r.Metrics, no = convertMetrics(r.Metrics); no != nil {
		return nil, no
	}
	if r.Type == route.TypeUnspec {
		r.Type = route.TypeUnicast
	}
	if r.Protocol == 0 {
		r.Protocol = route.ProtocolBoot
	}
	if known := r.Pref == route.PreferenceLow || r.Pref == route.PreferenceHigh; !known || !c.HasPref { // rtm_to_fib6_config
		r.Pref = route.PreferenceMedium
	}
	r.Expires = c.Expires
	link := 0
	if o != nil {
		t.expand(&r, o)
		if len(r.NextHops) > 0 {
			link = r.NextHops[0].Link
		} else if r.Type == route.TypeBlackhole {
			link = route.LoopbackIndex
		}
	} else {
		asked := r
		asked.Table = c.Route.Table // table zero means main, but it is no table for looking up a gateway
		if no := t.checkHop6(&h, &asked); no != nil {
			return nil, no
		}
		link = h.Link
		r.NextHops = []route.NextHop{h}
		if fails(r.Type) || t.viaLoopback(&r) { // such a route loses both (it has only RTF_REJECT)
			r.Pref, r.Expires = route.PreferenceMedium, 0
		}
	}
	if r.PrefSrc.IsValid() && r.PrefSrc.IsUnspecified() {
		r.PrefSrc = netip.Addr{}
	}
	if r.PrefSrc.IsValid() && !t.mayPrescribe6(r.PrefSrc, link) {
		return nil, refuse(route.EINVAL, "Invalid source address")
	}
	if r.IsDefault() && r.LooksAdvertised() { // no request sets RTF_ADDRCONF
		r.Flags |= route.FlagByProgram
	}
	return &r, nil
}

// siblings6 reports whether a route can share its prefix and metric with other routes,
// so that they become one route with several next hops (rt6_qualify_for_ecmp).
func siblings6(r *route.Route) bool {
	return r.NextHopID == 0 && r.Protocol != route.ProtocolRA && len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid()
}

// add6 adds a route. If the route has several next hops, it adds one after the other
// (ip6_route_multipath_add).
func (c *Route) add6(t *tx, base *route.Route) *Refusal {
	if !c.multipath() {
		r, no := c.build6(t, base, c.top())
		if no != nil {
			return no
		}
		return t.insert6(r, c.Verb)
	}
	var all []*route.Route
	for _, h := range base.NextHops {
		weight := h.Weight
		h.Weight = 0
		r, no := c.build6(t, base, h)
		if no != nil {
			return no
		}
		if !siblings6(r) && !t.kernel.validatesFirst {
			return refuse(route.EINVAL, msgDeviceOnly)
		}
		if slices.ContainsFunc(all, func(x *route.Route) bool { return sameHop6(x.NextHops[0], r.NextHops[0]) }) {
			return refuse(route.EEXIST, "")
		}
		r.NextHops[0].Weight = weight
		all = append(all, r)
	}
	verb := c.Verb
	for i, r := range all {
		if no := t.insert6(r, verb); no != nil {
			for _, made := range all[:i] {
				_ = t.remove6(made, made.NextHops[0], true)
			}
			t.partly = t.partly || i > 0
			return no
		}
		if verb == Add || verb.replaces() {
			verb = Prepend // neither NLM_F_EXCL nor NLM_F_REPLACE
		}
	}
	return nil
}

// sameHop6 reports whether two next hops are the same (rt6_duplicate_nexthop).
func sameHop6(a, b route.NextHop) bool {
	return a.Link == b.Link && a.Gateway == b.Gateway && a.Encap == b.Encap
}

// node6 are the routes to a prefix, and among them those from the same sources.
func (t *tx) node6(id route.Table, dst, src netip.Prefix) (all, mine []*route.Route) {
	all = t.edit.At(id, dst)
	for _, r := range all {
		if r.Src == src {
			mine = append(mine, r)
		}
	}
	return all, mine
}

// setNode6 puts the routes to a prefix from the same sources back. In a dump the
// routes for any source come first.
func (t *tx) setNode6(id route.Table, dst, src netip.Prefix, all, mine []*route.Route) {
	var after []*route.Route
	placed := false
	place := func() {
		if !placed {
			after = append(after, mine...)
			placed = true
		}
	}
	if !src.IsValid() {
		place()
	}
	for _, r := range all {
		switch {
		case r.Src == src:
			place()
		default:
			after = append(after, r)
		}
	}
	place()
	t.setRoutes(RouteRef{Table: id, Dst: dst}, all, after)
}

// insert6 is fib6_add and fib6_add_rt2node in net/ipv6/ip6_fib.c.
func (t *tx) insert6(r *route.Route, v Verb) *Refusal {
	all, mine := t.node6(r.Table, r.Dst, r.Src)
	if len(mine) == 0 && !v.creates() {
		if t.nodeExists6(r) {
			return refuse(route.ENOENT, "")
		}
		return refuse(route.ENOENT, "Can not replace route - no match found")
	}
	at, fallback, sibling := len(mine), -1, -1
	for i, x := range mine {
		if x.Metric > r.Metric {
			at = i
			break
		}
		if x.Metric != r.Metric {
			continue
		}
		switch {
		case v == Add:
			return refuse(route.EEXIST, "")
		case v.replaces() && siblings6(x) == siblings6(r):
			return t.replace6(r, all, mine, i)
		case v.replaces():
			if fallback < 0 {
				fallback = i
			}
		case t.duplicate6(x, r):
			return t.renew6(r, all, mine, i)
		case siblings6(x) && siblings6(r):
			sibling = i
		}
	}
	if v.replaces() && fallback >= 0 {
		return t.replace6(r, all, mine, fallback)
	}
	if !v.creates() {
		return refuse(route.ENOENT, "")
	}
	after := slices.Clone(mine)
	if sibling >= 0 {
		joined := mine[sibling].Clone()
		weigh(&joined.NextHops[0])
		h := r.NextHops[0]
		weigh(&h)
		joined.NextHops = append(joined.NextHops, h)
		after[sibling] = &joined
		t.rememberSibling(&joined, r)
	} else {
		after = slices.Insert(after, at, r)
	}
	t.setNode6(r.Table, r.Dst, r.Src, all, after)
	return nil
}

// weigh gives the smallest weight to one of several next hops, if it has none.
func weigh(h *route.NextHop) { h.Weight = max(h.Weight, 1) }

// duplicate6 reports whether a route has the next hop, or the object, of a new one.
func (t *tx) duplicate6(x, r *route.Route) bool {
	if x.NextHopID != 0 || r.NextHopID != 0 {
		return x.NextHopID == r.NextHopID
	}
	return slices.ContainsFunc(x.NextHops, func(h route.NextHop) bool { return sameHop6(h, r.NextHops[0]) })
}

// renew6 gives an existing route another lifetime. The new route is still refused.
func (t *tx) renew6(r *route.Route, all, mine []*route.Route, at int) *Refusal {
	if mine[at].Expires != 0 {
		next := mine[at].Clone()
		next.Expires = r.Expires
		after := slices.Clone(mine)
		after[at] = &next
		t.setNode6(r.Table, r.Dst, r.Src, all, after)
		t.partly = true
	}
	return refuse(route.EEXIST, "")
}

// replace6 puts a route in the place of another one. If that one has several next
// hops, all of them are removed.
func (t *tx) replace6(r *route.Route, all, mine []*route.Route, at int) *Refusal {
	after := slices.Clone(mine)
	after[at] = r
	t.setNode6(r.Table, r.Dst, r.Src, all, after)
	return nil
}

// nodeExists6 reports whether the kernel's tree has a node for a prefix without routes.
// That is so for the root, and for places where longer prefixes branch.
func (t *tx) nodeExists6(r *route.Route) bool {
	if r.Src.IsValid() {
		return false
	}
	if r.Dst.Bits() == 0 || len(t.edit.At(r.Table, r.Dst)) > 0 {
		return true
	}
	if r.Dst.Bits() == 128 {
		return false
	}
	low := netip.PrefixFrom(r.Dst.Addr(), r.Dst.Bits()+1)
	high := netip.PrefixFrom(route.LastAddr(r.Dst), r.Dst.Bits()+1).Masked()
	return t.edit.HasSubnets(r.Table, low) && t.edit.HasSubnets(r.Table, high)
}

// delete6 is inet6_rtm_delroute.
func (c *Route) delete6(t *tx, r *route.Route) *Refusal {
	if r.NextHopID != 0 && t.object(r.NextHopID) == nil {
		return refuse(route.EINVAL, msgNoSuchObject)
	}
	if !c.multipath() {
		return t.remove6(r, c.top(), false)
	}
	var last *Refusal
	for _, h := range r.NextHops {
		if no := t.remove6(r, h, true); no != nil {
			last = no
		} else {
			t.partly = true
		}
	}
	if last == nil {
		t.partly = false
	}
	return last
}

// remove6 deletes the first route that matches (ip6_route_del). If the request has a
// gateway, or if one is set, only one next hop is removed.
func (t *tx) remove6(r *route.Route, h route.NextHop, one bool) *Refusal {
	if len(t.edit.At(r.Table, r.Dst)) == 0 && !t.tableExists(route.IPv6, r.Table) {
		return &Refusal{Errno: route.ESRCH, Message: msgNoTable, MessageUnsure: true}
	}
	src := r.Src
	if all := t.edit.At(r.Table, r.Dst); !slices.ContainsFunc(all, func(x *route.Route) bool { return x.Src.IsValid() }) {
		src = netip.Prefix{} // if there are no routes for certain sources, those for any source are used
	}
	all, mine := t.node6(r.Table, r.Dst, src)
	if len(mine) == 0 && !src.IsValid() && r.Dst.Bits() == 0 && meansNull(r, h) {
		return refuse(route.ENOENT, "")
	}
	for i, x := range mine {
		if x.NextHopID != 0 && r.NextHopID != 0 && x.NextHopID != r.NextHopID ||
			r.Metric != 0 && r.Metric != x.Metric || r.Protocol != 0 && r.Protocol != x.Protocol ||
			x.NextHopID == 0 && r.NextHopID != 0 {
			continue
		}
		at := 0
		if x.NextHopID == 0 {
			at = slices.IndexFunc(x.NextHops, func(y route.NextHop) bool {
				return (h.Link == 0 || y.Link == h.Link) && gatewayFits6(h.Gateway, y.Gateway)
			})
		}
		if at < 0 {
			continue
		}
		after := slices.Clone(mine)
		if len(x.NextHops) > 1 && x.NextHopID == 0 && (one || h.Gateway.IsValid()) {
			rest := x.Clone()
			rest.NextHops = slices.Delete(rest.NextHops, at, at+1)
			after[i] = &rest
			if at == 0 {
				t.recallSibling(r.Dst, after[i])
			}
		} else {
			after = slices.Delete(after, i, i+1)
		}
		t.setNode6(r.Table, r.Dst, src, all, after)
		return nil
	}
	return refuse(route.ESRCH, "")
}

// gatewayFits6 reports whether a next hop's gateway is one that a request to delete
// means. If the request has none, any gateway matches; if it has ::, no gateway
// matches.
func gatewayFits6(want, have netip.Addr) bool {
	return !want.IsValid() || want == have || want.IsUnspecified() && !have.IsValid()
}

// meansNull reports whether a request to delete means the entry that is at ::/0 if
// there is no route (fib6_null_entry).
func meansNull(r *route.Route, h route.NextHop) bool {
	return r.Metric == 0 && (r.Protocol == 0 || r.Protocol == route.ProtocolKernel) && r.NextHopID == 0 &&
		(h.Link == 0 || h.Link == route.LoopbackIndex) && gatewayFits6(h.Gateway, netip.Addr{})
}
