package history

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// applyRoute puts a route in its place among the routes to its prefix, or removes it.
func applyRoute(f *lookup.FIB, e *route.Event) *lookup.FIB {
	edit := f.Edit()
	at := edit.At(e.Route.Table, e.Route.Dst)
	r := e.Route.Clone()
	r.Dst = netip.Prefix{}
	var next []*route.Route
	switch {
	case e.Gone && e.Route.Family() == route.IPv6:
		next = without6(at, &r)
	case e.Gone:
		next = without(at, &r)
	case e.Route.Family() == route.IPv6:
		next = with6(at, &r, e)
	default:
		next = with4(at, &r, e)
	}
	if slices.Equal(at, next) {
		return f
	}
	edit.Set(e.Route.Table, e.Route.Dst, next)
	return edit.FIB(f.Snapshot())
}

// without removes the route that is like another one.
func without(at []*route.Route, r *route.Route) []*route.Route {
	i := slices.IndexFunc(at, func(x *route.Route) bool { return like(x, r) })
	if i < 0 {
		return at
	}
	return slices.Delete(slices.Clone(at), i, i+1)
}

// like reports whether two routes to one prefix are the same for the kernel. The state of
// their next hops does not matter.
func like(a, b *route.Route) bool {
	return a.TOS == b.TOS && a.Metric == b.Metric && a.Type == b.Type && a.Scope == b.Scope && a.Protocol == b.Protocol &&
		a.Src == b.Src && a.PrefSrc == b.PrefSrc && a.NextHopID == b.NextHopID && slices.Equal(a.Metrics, b.Metrics) &&
		(a.NextHopID != 0 || slices.EqualFunc(a.NextHops, b.NextHops, sameHop))
}

// lasting are the flags of a next hop that do not change with the state of its
// device.
const lasting = route.NextHopOnLink | route.NextHopPervasive

func sameHop(a, b route.NextHop) bool {
	return a.Gateway == b.Gateway && a.Link == b.Link && max(a.Weight, 1) == max(b.Weight, 1) && a.Encap == b.Encap &&
		a.Realm == b.Realm && a.Flags&lasting == b.Flags&lasting
}

// with4 puts a route where fib_table_insert puts it. Routes are ordered by TOS, the
// higher first, and then by metric. A new route comes before those with the same TOS and
// metric, unless it is appended.
func with4(at []*route.Route, r *route.Route, e *route.Event) []*route.Route {
	if i := slices.IndexFunc(at, func(x *route.Route) bool { return like(x, r) }); i >= 0 {
		return replaced(at, i, r)
	}
	first := slices.IndexFunc(at, func(x *route.Route) bool {
		return x.TOS < r.TOS || x.TOS == r.TOS && x.Metric >= r.Metric
	})
	if first < 0 {
		return append(slices.Clip(at), r)
	}
	same := func(x *route.Route) bool { return x.TOS == r.TOS && x.Metric == r.Metric }
	if e.Replaces && same(at[first]) {
		return replaced(at, first, r)
	}
	for e.Appends && first < len(at) && same(at[first]) {
		first++
	}
	return slices.Insert(slices.Clone(at), first, r)
}

func replaced(at []*route.Route, i int, r *route.Route) []*route.Route {
	at = slices.Clone(at)
	at[i] = r
	return at
}

// with6 puts a route where fib6_add_rt2node puts it: after those of the same metric. The
// event of a route with several next hops has all of them. A new one is the first in the event
// and the last in the route. A route that replaces another one replaces the first that may have
// several next hops as it may, or the first of all.
func with6(at []*route.Route, r *route.Route, e *route.Event) []*route.Route {
	same := func(x *route.Route) bool { return x.Metric == r.Metric && x.Src == r.Src }
	find := func(is func(x *route.Route) bool) int {
		return slices.IndexFunc(at, func(x *route.Route) bool { return same(x) && is(x) })
	}
	i := find(func(x *route.Route) bool { return like(x, r) || !e.Replaces && isPart(x, r) })
	if i < 0 && e.Replaces {
		i = find(func(x *route.Route) bool { return severalHops(x) == severalHops(r) })
	}
	if i < 0 && e.Replaces {
		i = find(func(*route.Route) bool { return true })
	}
	if i < 0 {
		i = slices.IndexFunc(at, func(x *route.Route) bool { return x.Metric > r.Metric })
		if i < 0 {
			i = len(at)
		}
		return slices.Insert(slices.Clone(at), i, r)
	}
	if !e.Replaces {
		r.NextHops = oldFirst(at[i].NextHops, r.NextHops)
	}
	next := replaced(at, i, r)
	return slices.DeleteFunc(next, func(x *route.Route) bool { return x != r && same(x) && isPart(x, r) })
}

// oldFirst are the next hops of a route, with those that existed before in front, in their
// former order.
func oldFirst(before, hops []route.NextHop) []route.NextHop {
	place := func(h route.NextHop) int {
		if i := slices.IndexFunc(before, func(b route.NextHop) bool { return sameWay(b, h) }); i >= 0 {
			return i
		}
		return len(before)
	}
	hops = slices.Clone(hops)
	slices.SortStableFunc(hops, func(a, b route.NextHop) int { return place(a) - place(b) })
	return hops
}

// severalHops reports whether an IPv6 route may have several next hops (rt6_qualify_for_ecmp).
func severalHops(r *route.Route) bool {
	return r.NextHopID == 0 && r.Protocol != route.ProtocolRA && len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid()
}

// isPart reports whether all next hops of a route are among those of another one.
func isPart(x, r *route.Route) bool {
	if len(x.NextHops) == 0 || len(x.NextHops) > len(r.NextHops) || x.NextHopID != r.NextHopID || x.Type != r.Type {
		return false
	}
	for _, h := range x.NextHops {
		if !slices.ContainsFunc(r.NextHops, func(y route.NextHop) bool { return sameWay(h, y) }) {
			return false
		}
	}
	return true
}

// sameWay is like sameHop, but ignores the weights.
func sameWay(a, b route.NextHop) bool {
	a.Weight, b.Weight = 0, 0
	return sameHop(a, b)
}

// without6 removes a route, or some of the next hops of a route, because the kernel sends
// an event for each next hop.
func without6(at []*route.Route, r *route.Route) []*route.Route {
	same := func(x *route.Route) bool {
		return x.Metric == r.Metric && x.Src == r.Src && x.Type == r.Type && x.NextHopID == r.NextHopID
	}
	i := slices.IndexFunc(at, func(x *route.Route) bool { return like(x, r) })
	if i < 0 {
		i = slices.IndexFunc(at, func(x *route.Route) bool { return same(x) && isPart(r, x) })
	}
	if i < 0 {
		return at
	}
	rest := slices.DeleteFunc(slices.Clone(at[i].NextHops), func(h route.NextHop) bool {
		return slices.ContainsFunc(r.NextHops, func(y route.NextHop) bool { return sameWay(h, y) })
	})
	if len(rest) == 0 || r.NextHopID != 0 || len(at[i].NextHops) < 2 {
		return slices.Delete(slices.Clone(at), i, i+1)
	}
	left := at[i].Clone()
	if left.NextHops = rest; len(rest) == 1 {
		left.NextHops[0].Weight = 0
	}
	return replaced(at, i, &left)
}
