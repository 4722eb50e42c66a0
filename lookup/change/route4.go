package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// apply does what inet_rtm_newroute and inet_rtm_delroute (net/ipv4/fib_frontend.c),
// inet6_rtm_newroute and inet6_rtm_delroute (net/ipv6/route.c) do.
func (c *Route) apply(t *tx) *Refusal {
	if c.Family() == route.IPv6 {
		return c.apply6(t)
	}
	if r := c.check4(); r != nil {
		return r
	}
	if c.Verb == Delete {
		return c.delete4(t)
	}
	t.makeTable(route.IPv4, c.table())
	return c.insert4(t)
}

// check4 refuses a request that is not allowed in any state (rtm_to_fib_config).
func (c *Route) check4() *Refusal {
	r := &c.Route
	switch {
	case r.TOS&3 != 0:
		return refuse(route.EINVAL, "Invalid dsfield (tos): ECN bits must be 0")
	case r.Type > route.TypeXResolve:
		return refuse(route.EINVAL, msgInvalidType)
	case r.Dst != r.Dst.Masked():
		return refuse(route.EINVAL, msgPrefixBits)
	case r.NextHopID != 0 && len(r.NextHops) > 0 && (c.multipath() || c.top() != route.NextHop{}):
		return refuse(route.EINVAL, msgGatewayAndGroup)
	}
	return nil
}

// leastScope is the widest scope that a route of a type may have (fib_props in
// net/ipv4/fib_semantics.c).
func leastScope(t route.Type) route.Scope {
	switch t {
	case route.TypeLocal:
		return route.ScopeHost
	case route.TypeBroadcast, route.TypeAnycast:
		return route.ScopeLink
	case route.TypeUnspec, route.TypeNAT, route.TypeXResolve:
		return route.ScopeNowhere
	}
	return route.ScopeGlobal
}

// fails reports whether a route of a type refuses packets. A throw route counts as
// one.
func fails(t route.Type) bool { return t.Errno() != 0 || t == route.TypeNAT || t == route.TypeXResolve }

// build4 checks a request and makes the route that the kernel would have
// (fib_create_info).
func (c *Route) build4(t *tx) (*route.Route, *Refusal) {
	r := c.Route.Clone()
	r.Table = c.table()
	r.Src, r.Pref, r.Expires = netip.Prefix{}, 0, 0
	if r.PrefSrc.IsValid() && r.PrefSrc.IsUnspecified() {
		r.PrefSrc = netip.Addr{}
	}
	for i := range r.NextHops {
		if g := &r.NextHops[i].Gateway; g.IsValid() && g.Is4() && g.IsUnspecified() {
			*g = netip.Addr{}
		}
	}
	if leastScope(r.Type) > r.Scope {
		return nil, refuse(route.EINVAL, msgInvalidScope)
	}
	if r.NextHopID != 0 {
		if t.object(r.NextHopID) == nil {
			return nil, refuse(route.EINVAL, msgNoSuchObject)
		}
		if known := t.findByObject(&r); known != nil && len(r.Metrics) == 0 {
			shared := known.Clone()
			shared.Dst, shared.TOS = r.Dst, r.TOS
			return &shared, nil
		}
	}
	var no *Refusal
	if r.Metrics, no = convertMetrics(r.Metrics); no != nil {
		return nil, no
	}
	switch {
	case fails(r.Type):
		if len(r.NextHops) > 0 && (c.multipath() || r.NextHops[0].Link != 0 || r.NextHops[0].Gateway.IsValid()) {
			return nil, refuse(route.EINVAL, "Gateway, device and multipath can not be specified for this route type")
		}
		r.NextHops = nil
		if o := t.object(r.NextHopID); o != nil {
			t.expand(&r, o)
		}
		return &r, nil
	case r.Type == route.TypeUnspec || r.Type > route.TypeMulticast:
		return nil, refuse(route.EINVAL, msgInvalidType)
	case r.Scope > route.ScopeHost:
		return nil, refuse(route.EINVAL, msgInvalidScope)
	}
	if no := c.hops4(t, &r); no != nil {
		return nil, no
	}
	if r.PrefSrc.IsValid() && !c.validPrefSrc(t, r.PrefSrc) {
		return nil, refuse(route.EINVAL, "Invalid prefsrc address")
	}
	return &r, nil
}

// findByObject finds a route of the same table by the same object. The kernel uses the
// facts of that route for a new one too, including its path metrics (fib_find_info_nh).
func (t *tx) findByObject(r *route.Route) (known *route.Route) {
	t.edit.Routes(route.IPv4, r.Table, func(_ netip.Prefix, list []*route.Route) bool {
		for _, x := range list {
			if x.NextHopID == r.NextHopID && t.typeOf(x) == r.Type && x.Protocol == r.Protocol && x.Scope == r.Scope &&
				x.PrefSrc == r.PrefSrc && x.Metric == r.Metric {
				known = x
				return false
			}
		}
		return true
	})
	return known
}

// typeOf is a route's type. A route by a blackhole object is dumped as a blackhole.
func (t *tx) typeOf(r *route.Route) route.Type {
	if o := t.object(r.NextHopID); o != nil && t.blackholes(o) {
		return route.TypeUnicast
	}
	return r.Type
}

// hops4 checks the next hops, and completes them.
func (c *Route) hops4(t *tx, r *route.Route) *Refusal {
	if r.NextHopID != 0 {
		o := t.object(r.NextHopID)
		if no := t.checkObject4(o, r.Scope); no != nil {
			return no
		}
		t.expand(r, o)
		return nil
	}
	if len(r.NextHops) == 0 {
		r.NextHops = []route.NextHop{{}}
	}
	if r.Scope == route.ScopeHost {
		h := &r.NextHops[0]
		switch {
		case len(r.NextHops) != 1:
			return refuse(route.EINVAL, msgHostScopeHops)
		case h.Gateway.IsValid():
			return refuse(route.EINVAL, msgHostScopeGate)
		case t.link(h.Link) == nil:
			return refuse(route.ENODEV, "")
		}
	} else {
		for i := range r.NextHops {
			if no := t.checkHop4(&r.NextHops[i], r.Table, r.Scope); no != nil {
				return no
			}
		}
	}
	if len(r.NextHops) == 1 && r.NextHops[0].Weight == 1 {
		r.NextHops[0].Weight = 0
	}
	return nil
}

// shareFlags4 gives a new route the state of its next hops. Routes of a table with equal
// attributes share one fib_info, also the flags of its next hops (fib_create_info). It makes
// a difference for IPv6 gateways alone: fib_check_nh_v6_gw does not look at the carrier.
func (t *tx) shareFlags4(r *route.Route) {
	dark := func(h route.NextHop) bool {
		l := t.link(h.Link)
		return h.Gateway.IsValid() && h.Gateway.Is6() && l != nil && !l.Carrier()
	}
	if r.NextHopID != 0 || !slices.ContainsFunc(r.NextHops, dark) {
		return
	}
	t.edit.Routes(route.IPv4, r.Table, func(_ netip.Prefix, list []*route.Route) bool {
		for _, o := range list {
			if t.sameRoute4(o, r) {
				for i := range r.NextHops {
					r.NextHops[i].Flags |= o.NextHops[i].Flags & (route.NextHopDead | route.NextHopLinkDown)
				}
				return false
			}
		}
		return true
	})
}

// validPrefSrc reports whether a preferred source is an address of this host
// (fib_valid_prefsrc).
func (c *Route) validPrefSrc(t *tx, src netip.Addr) bool {
	if c.Route.Type == route.TypeLocal && src == c.Route.Dst.Addr() {
		return true
	}
	id := c.table()
	if id == route.TableMain {
		id = route.TableLocal
	}
	if t.addrType(src, id) == route.TypeLocal {
		return true
	}
	return id != route.TableLocal && t.addrType(src, route.TableLocal) == route.TypeLocal
}

// find4 finds the position that a route of a TOS and a metric has, or would have,
// among the routes to a prefix (fib_find_alias).
func find4(list []*route.Route, tos uint8, metric uint32) int {
	for i, r := range list {
		if r.TOS < tos || r.TOS == tos && r.Metric >= metric {
			return i
		}
	}
	return len(list)
}

// insert4 is fib_table_insert in net/ipv4/fib_trie.c.
func (c *Route) insert4(t *tx) *Refusal {
	r, no := c.build4(t)
	if no != nil {
		return no
	}
	t.shareFlags4(r)
	ref := RouteRef{Table: r.Table, Dst: r.Dst}
	list := t.edit.At(ref.Table, ref.Dst)
	at := find4(list, r.TOS, r.Metric)
	end, match := at, -1
	for ; end < len(list) && list[end].TOS == r.TOS && list[end].Metric == r.Metric; end++ {
		if t.sameRoute4(list[end], r) {
			match = end
			break
		}
	}
	if end > at || match >= 0 { // there is one with the same TOS and metric
		switch {
		case c.Verb == Add, c.Verb == Test:
			return refuse(route.EEXIST, "")
		case c.Verb.replaces() && match == at:
			return nil
		case c.Verb.replaces() && match >= 0, match >= 0:
			return refuse(route.EEXIST, "")
		case c.Verb.replaces():
			after := slices.Clone(list)
			after[at] = r
			t.setRoutes(ref, list, after)
			return nil
		case c.Verb == Append:
			at = end
		}
	}
	if !c.Verb.creates() {
		return refuse(route.ENOENT, "")
	}
	t.setRoutes(ref, list, slices.Insert(slices.Clone(list), at, r))
	return nil
}

// delete4 is fib_table_delete.
func (c *Route) delete4(t *tx) *Refusal {
	r := &c.Route
	if r.NextHopID != 0 && t.object(r.NextHopID) == nil {
		return refuse(route.EINVAL, msgNoSuchObject)
	}
	id := c.table()
	list := t.edit.At(id, r.Dst)
	if len(list) == 0 && !t.tableExists(route.IPv4, id) {
		return &Refusal{Errno: route.ESRCH, Message: msgNoTable, MessageUnsure: true}
	}
	for i := find4(list, r.TOS, 0); i < len(list) && list[i].TOS == r.TOS; i++ {
		if c.matches4(t, list[i]) {
			t.setRoutes(RouteRef{Table: id, Dst: r.Dst}, list, slices.Delete(slices.Clone(list), i, i+1))
			return nil
		}
	}
	return refuse(route.ESRCH, "")
}

// matches4 reports whether a route is one that a request to delete means.
func (c *Route) matches4(t *tx, r *route.Route) bool {
	q := &c.Route
	typ := t.typeOf(r)
	switch {
	case q.Type != route.TypeUnspec && q.Type != typ,
		q.Scope != route.ScopeNowhere && q.Scope != r.Scope,
		q.PrefSrc.IsValid() && !q.PrefSrc.IsUnspecified() && q.PrefSrc != r.PrefSrc,
		q.Protocol != 0 && q.Protocol != r.Protocol,
		q.Metric != 0 && q.Metric != r.Metric:
		return false
	}
	return c.hopsMatch4(r) && metricsMatch(q.Metrics, r.Metrics)
}

// hopsMatch4 is fib_nh_match.
func (c *Route) hopsMatch4(r *route.Route) bool {
	q, top := &c.Route, c.top()
	gateway := top.Gateway
	if gateway.IsValid() && gateway.Is4() && gateway.IsUnspecified() {
		gateway = netip.Addr{}
	}
	switch {
	case q.NextHopID != 0:
		return q.NextHopID == r.NextHopID
	case r.NextHopID != 0:
		return top.Link == 0 && !gateway.IsValid() && !c.multipath()
	case top.Link != 0 || gateway.IsValid():
		if len(r.NextHops) == 0 {
			return false
		}
		h := &r.NextHops[0]
		return (top.Realm == 0 || top.Realm == h.Realm) &&
			(top.Link == 0 || top.Link == h.Link) && (!gateway.IsValid() || gateway == h.Gateway)
	case !c.multipath():
		return true
	}
	hops := r.NextHops
	if len(hops) == 0 { // a route that refuses packets has an empty next hop
		hops = []route.NextHop{{}}
	}
	for i, h := range hops {
		if i >= len(q.NextHops) {
			return false
		}
		w := q.NextHops[i]
		// An IPv6 gateway is only compared with another gateway. A next hop without a
		// gateway matches too.
		gateway := w.Gateway.IsValid() && w.Gateway != h.Gateway && (w.Gateway.Is4() || h.Gateway.IsValid())
		if w.Link != 0 && w.Link != h.Link || gateway || w.Realm != 0 && w.Realm != h.Realm {
			return false
		}
	}
	return true
}

// sameRoute4 reports whether a route is equal to a new one in everything that the
// kernel compares (fib_find_info).
func (t *tx) sameRoute4(a *route.Route, b *route.Route) bool {
	if a.Protocol != b.Protocol || a.Scope != b.Scope || a.PrefSrc != b.PrefSrc || a.Metric != b.Metric ||
		a.Table != b.Table || a.NextHopID != b.NextHopID || a.Type != b.Type || !slices.Equal(a.Metrics, b.Metrics) {
		return false
	}
	if a.NextHopID != 0 {
		return true
	}
	return slices.EqualFunc(a.NextHops, b.NextHops, func(x, y route.NextHop) bool {
		direct := y.Flags & route.NextHopDirect
		x.Flags, y.Flags = x.Flags&^route.NextHopDirect, y.Flags&^route.NextHopDirect
		return sameHop(x, y) && t.scopeOf(a, b.Dst, x) == direct
	})
}

// scopeOf is NextHopDirect or nothing for a next hop of a route. No dump shows it: for a
// next hop that was read, it is what the tables that were read say of the gateway.
func (t *tx) scopeOf(r *route.Route, dst netip.Prefix, h route.NextHop) route.NextHopFlags {
	for i := range r.NextHops {
		if x := &r.NextHops[i]; x.Gateway == h.Gateway && x.Link == h.Link && x.Flags&route.NextHopDirect != 0 {
			return route.NextHopDirect
		}
	}
	if !h.Gateway.Is4() || h.Flags&route.NextHopOnLink != 0 || !slices.ContainsFunc(t.first.Edit().At(r.Table, dst), func(x *route.Route) bool {
		return x.Scope == r.Scope && x.Metric == r.Metric && slices.EqualFunc(x.NextHops, r.NextHops, sameHop)
	}) {
		return 0
	}
	way, errno := t.first.GatewayRoute4(h.Gateway, r.Table, max(r.Scope+1, route.ScopeLink), h.Link)
	if errno == 0 && direct(t.first.Snapshot(), &way, h.Gateway, h.Link) {
		return route.NextHopDirect
	}
	return 0
}

// stateFlags are the flags of a next hop that are not part of its identity
// (RTNH_COMPARE_MASK).
const stateFlags = route.NextHopDead | route.NextHopLinkDown | route.NextHopOffload | route.NextHopTrap

// sameHop is nh_comp.
func sameHop(a, b route.NextHop) bool {
	a.Flags &^= stateFlags
	b.Flags &^= stateFlags
	return a == b
}
