package change

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/route"
)

// routes brings the routes and the next-hop objects back. A route that a gateway needs
// must come before it. This is done by trying again: each pass mends the places that
// it can.
func (u *undoer) routes() {
	u.dropObjects()
	u.mendAll(u.mendPlace)
	for i := 0; i < len(u.order); i++ { // superfluous routes may prevent other changes
		u.dropExtras(u.order[i])
	}
	u.mendAll(u.mendPlace)
	u.mendAll(u.mendWithHelp)
	for i := range u.wanted().NextHops {
		if w := &u.wanted().NextHops[i]; objectOf(u.present(), w.ID) == nil {
			u.withHelp(helpersOf(route.TableLocal, w.NextHop), func() bool { return u.objectBack(w, nil) })
		}
	}
	u.mendAll(u.mendPlace)
	for i := 0; i < len(u.order); i++ { // what remains, as far as possible
		u.fill(u.order[i])
	}
}

// mendAll calls mend for all places that differ, until a pass mends none.
func (u *undoer) mendAll(mend func(spot) bool) {
	for progress := true; progress; {
		progress = u.objects()
		for i := 0; i < len(u.order); i++ {
			if p := u.order[i]; !u.inPlace(p) {
				progress = mend(p) || progress
			}
		}
	}
}

func (u *undoer) wantAt(p spot) []*route.Route {
	if u.unsettled(p) {
		return u.haveAt(p)
	}
	return p.sorted(u.want.fib.Edit().At(p.table, p.dst))
}

// unsettled reports whether a prefix is that of an address whose test for being unique was
// not finished. The kernel makes the route of such an address when the test is finished.
func (u *undoer) unsettled(p spot) bool {
	return p.dst.Addr().Is6() && p.dst.IsSingleIP() && slices.ContainsFunc(u.wanted().Addrs, func(a route.Addr) bool {
		return a.Flags&route.AddrTentative != 0 && a.Prefix.Addr() == p.dst.Addr()
	})
}

func (u *undoer) haveAt(p spot) []*route.Route { return p.sorted(u.now.fib.Edit().At(p.table, p.dst)) }

// bySource sorts the routes for different sources, because the order in which the
// kernel keeps them has no meaning.
func bySource(list []*route.Route) []*route.Route {
	slices.SortStableFunc(list, func(a, b *route.Route) int {
		return cmp.Or(cmp.Compare(a.Src.Bits(), b.Src.Bits()), a.Src.Addr().Compare(b.Src.Addr()))
	})
	return list
}

func (u *undoer) inPlace(p spot) bool { return slices.EqualFunc(u.wantAt(p), u.haveAt(p), alikeNow) }

func (u *undoer) hasRoute(p spot, r *route.Route) bool {
	return slices.ContainsFunc(u.haveAt(p), func(x *route.Route) bool { return alike(x, r) })
}

// alike reports whether two routes to a prefix are the same, as far as a dump shows.
// The remaining time and what follows from the state of their devices may differ.
func alike(a, b *route.Route) bool {
	if a.Src != b.Src || a.TOS != b.TOS || a.Metric != b.Metric || a.Type != b.Type || a.Scope != b.Scope || a.Protocol != b.Protocol ||
		a.PrefSrc != b.PrefSrc || a.Pref != b.Pref || a.NextHopID != b.NextHopID || (a.Expires == 0) != (b.Expires == 0) ||
		!slices.Equal(a.Metrics, b.Metrics) || !slices.EqualFunc(a.Unknown, b.Unknown, sameAttr) {
		return false
	}
	if a.NextHopID != 0 {
		return true
	}
	alone := len(a.NextHops) == 1
	return slices.EqualFunc(a.NextHops, b.NextHops, func(x, y route.NextHop) bool {
		for _, h := range []*route.NextHop{&x, &y} {
			h.Flags &^= stateFlags | route.NextHopDirect
			if alone {
				h.Weight = 0
			}
		}
		return x == y
	})
}

// requestRoute is a route of a dump in the form that a request has.
func requestRoute(v Verb, p spot, listed *route.Route) *Route {
	c := &Route{Verb: v, Route: listed.Clone(), Expires: listed.Expires, HasPref: listed.Pref != route.PreferenceMedium}
	r := &c.Route
	r.Dst, r.Table, r.Flags, r.Unknown, r.Expires = p.dst, p.table, 0, nil, 0
	v6 := p.dst.Addr().Is6()
	if v6 {
		r.Scope = 0
	}
	switch {
	case r.NextHopID != 0 && v == Delete: // a dump may show another type for it
		r.NextHops, r.Type = nil, route.TypeUnspec
	case r.NextHopID != 0:
		r.NextHops = nil
		if r.Type == route.TypeBlackhole { // a route by a blackhole object is dumped like this
			r.Type = route.TypeUnicast
		}
	case fails(r.Type) && v6 && v == Delete: // the kernel does not look at its type
		r.NextHops = []route.NextHop{{Link: route.LoopbackIndex}}
	case fails(r.Type):
		r.NextHops = nil
	}
	for i := range r.NextHops {
		h := &r.NextHops[i]
		h.Flags &= route.NextHopOnLink
		switch {
		case len(r.NextHops) == 1:
			h.Weight = 0
		default:
			weigh(h)
		}
	}
	if v == Delete {
		c.HasPref, c.Expires = false, 0
	}
	return c
}

// mendPlace gives a prefix its routes back, all or none, and reports whether it did.
// It first tries the fewest changes, and then makes all routes again.
func (u *undoer) mendPlace(p spot) bool {
	m := u.mark()
	for _, anew := range []bool{false, true} {
		u.arrange(p, anew)
		if u.inPlace(p) {
			return true
		}
		u.back(m)
	}
	return false
}

// fill gives a prefix those routes back that are possible.
func (u *undoer) fill(p spot) {
	for _, r := range u.wantAt(p) {
		if m := u.mark(); !u.hasRoute(p, r) && u.do(requestRoute(Append, p, r)) && !u.hasRoute(p, r) {
			u.back(m) // the kernel makes another route from it
		}
	}
}

// dropExtras deletes the superfluous routes of a prefix.
func (u *undoer) dropExtras(p spot) {
	want := u.wantAt(p)
	for _, r := range slices.Backward(u.haveAt(p)) {
		if !slices.ContainsFunc(want, func(x *route.Route) bool { return alike(x, r) }) {
			u.deleteRoute(p, r)
		}
	}
}

// deleteRoute deletes a route, if there is a request that deletes exactly this one.
func (u *undoer) deleteRoute(p spot, r *route.Route) bool {
	m, before := u.mark(), len(u.haveAt(p))
	if u.remove(p, r) && len(u.haveAt(p)) == before-1 && !slices.Contains(u.haveAt(p), r) {
		return true
	}
	u.back(m)
	return false
}

// remove asks to delete a route. It leaves out what ip itself fills in for a route, if
// the request then still finds the same route.
func (u *undoer) remove(p spot, r *route.Route) bool {
	c := requestRoute(Delete, p, r)
	if r.Protocol == route.ProtocolBoot && p.dst.Addr().Is4() && !fails(r.Type) {
		m := u.mark()
		short := *c
		short.Route.Protocol, short.Route.Scope, short.Route.Type = 0, route.ScopeNowhere, route.TypeUnspec
		if u.do(&short) && !slices.Contains(u.haveAt(p), r) {
			return true
		}
		u.back(m)
	}
	return u.do(c)
}

// mendWithHelp mends a prefix whose gateways are no longer on any link, or whose sources
// are no longer addresses of this host. The kernel checks these when a route is made. So
// it adds routes to them during that time.
func (u *undoer) mendWithHelp(p spot) bool {
	for _, id := range []route.Table{p.table, route.TableLocal} {
		var helpers []*Route
		for _, r := range u.wantAt(p) {
			if !u.hasRoute(p, r) {
				for _, h := range r.NextHops {
					helpers = append(helpers, helpersOf(id, h)...)
				}
				helpers = append(helpers, helperSource(r.PrefSrc)...)
			}
		}
		if u.withHelp(helpers, func() bool { return u.mendPlace(p) }) {
			return true
		}
	}
	return false
}

// withHelp makes changes while some helper routes exist. It makes all or none, and
// reports whether it did.
func (u *undoer) withHelp(helpers []*Route, do func() bool) bool {
	m := u.mark()
	var made []*Route
	for _, c := range helpers {
		if u.do(c) {
			made = append(made, c)
		}
	}
	if len(made) == 0 || !do() {
		u.back(m)
		return false
	}
	for _, c := range slices.Backward(made) {
		undo := *c
		undo.Verb = Delete
		before := u.haveAt(spot{c.Route.Table, c.Route.Dst})
		if !u.do(&undo) || len(u.haveAt(spot{c.Route.Table, c.Route.Dst})) != len(before)-1 {
			u.back(m)
			return false
		}
	}
	return true
}

// helpersOf are the routes that put a gateway on a link. Each is in one table: the
// gateway's own table, or table local, because most rules lead there first.
func helpersOf(table route.Table, h route.NextHop) []*Route {
	if !h.Gateway.IsValid() || h.Flags&route.NextHopOnLink != 0 {
		return nil
	}
	c := &Route{Verb: Prepend, Route: route.Route{
		Table: table, Dst: single(h.Gateway), Type: route.TypeUnicast, Protocol: route.ProtocolBoot, NextHops: []route.NextHop{{Link: h.Link}},
	}}
	if h.Gateway.Is4() {
		c.Route.Scope = route.ScopeLink
	} else {
		c.Route.Metric = 1
	}
	return []*Route{c}
}

// helperSource is a route that makes an IPv4 address an address of this host.
func helperSource(a netip.Addr) []*Route {
	if !a.IsValid() || !a.Is4() {
		return nil
	}
	return []*Route{{Verb: Prepend, Route: route.Route{
		Table: route.TableLocal, Dst: single(a), Type: route.TypeLocal, Scope: route.ScopeHost, Protocol: route.ProtocolBoot,
		NextHops: []route.NextHop{{Link: route.LoopbackIndex}},
	}}}
}

// dropObjects deletes the superfluous next-hop objects.
func (u *undoer) dropObjects() {
	for _, o := range u.present().NextHops {
		if objectOf(u.wanted(), o.ID) == nil && objectOf(u.present(), o.ID) != nil {
			u.do(&NextHop{Verb: Delete, Object: route.NextHopObject{ID: o.ID}})
		}
	}
}

func objectOf(s *route.Snapshot, id uint32) *route.NextHopObject {
	i := slices.IndexFunc(s.NextHops, func(o route.NextHopObject) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return &s.NextHops[i]
}

func sameObject(a, b *route.NextHopObject) bool {
	x, y := a.NextHop, b.NextHop
	x.Flags &^= stateFlags | route.NextHopDirect
	y.Flags &^= stateFlags | route.NextHopDirect
	return a.Family == b.Family && x == y && a.Blackhole == b.Blackhole && a.FDB == b.FDB && a.Resilient == b.Resilient && a.Buckets == b.Buckets &&
		a.Protocol == b.Protocol && slices.Equal(a.Group, b.Group) && slices.EqualFunc(a.Unknown, b.Unknown, sameAttr)
}

// objects gives those next-hop objects back that can be made now, groups after their
// members. It reports whether it made any.
func (u *undoer) objects() bool {
	did := false
	for _, groups := range []bool{false, true} {
		for i := range u.wanted().NextHops {
			w := &u.wanted().NextHops[i]
			have := objectOf(u.present(), w.ID)
			if len(w.Group) > 0 != groups || have != nil && sameObject(have, w) {
				continue
			}
			did = u.objectBack(w, have) || did
		}
	}
	return did
}

func (u *undoer) objectBack(w, have *route.NextHopObject) bool {
	o := *w
	o.Unknown, o.NextHop.Flags = nil, o.NextHop.Flags&route.NextHopOnLink
	m := u.mark()
	is := func() bool {
		x := objectOf(u.present(), w.ID)
		return x != nil && sameObject(x, w)
	}
	if have == nil {
		if u.do(&NextHop{Verb: Add, Object: o}) && is() {
			return true
		}
		u.back(m)
		return false
	}
	if u.do(&NextHop{Verb: Replace, Object: o}) && is() {
		return true
	}
	u.back(m)
	if u.do(&NextHop{Verb: Delete, Object: route.NextHopObject{ID: w.ID}}) && u.do(&NextHop{Verb: Add, Object: o}) && is() {
		return true
	}
	u.back(m)
	return false
}
