package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// object finds a next-hop object; nil: there is none.
func (t *tx) object(id uint32) *route.NextHopObject {
	if id == 0 {
		return nil
	}
	i := slices.IndexFunc(t.snap.NextHops, func(o route.NextHopObject) bool { return o.ID == id })
	if i < 0 {
		return nil
	}
	return &t.snap.NextHops[i]
}

// checkObject4 refuses an object that an IPv4 route of a scope cannot use
// (fib_check_nexthop in net/ipv4/nexthop.c).
func (t *tx) checkObject4(o *route.NextHopObject, scope route.Scope) *Refusal {
	if o.FDB {
		return refuse(route.EINVAL, "Route cannot point to a fdb nexthop")
	}
	h := &o.NextHop
	if len(o.Group) > 0 {
		if scope == route.ScopeHost {
			return refuse(route.EINVAL, msgHostScopeHops)
		}
		first := t.object(o.Group[0].ID)
		if first == nil {
			return &Refusal{Unknown: "the members of the next-hop group are not all known"}
		}
		h = &first.NextHop
	}
	switch {
	case scope == route.ScopeHost && h.Gateway.IsValid():
		return refuse(route.EINVAL, msgHostScopeGate)
	case h.Flags&route.NextHopOnLink != 0 && scope >= route.ScopeLink:
		return refuse(route.EINVAL, "Scope mismatch with nexthop")
	}
	return nil
}

// checkObject6 refuses an object that an IPv6 route cannot use (fib6_check_nexthop).
func (t *tx) checkObject6(o *route.NextHopObject, src netip.Prefix) *Refusal {
	family, fdb := o.Family, o.FDB
	if len(o.Group) > 0 {
		first := t.object(o.Group[0].ID)
		if first == nil {
			return &Refusal{Unknown: "the members of the next-hop group are not all known"}
		}
		family = route.IPv6
		for _, m := range o.Group {
			if x := t.object(m.ID); x != nil && x.Family == route.IPv4 {
				family = route.IPv4
			}
		}
	}
	switch {
	case src.IsValid() && !src.Addr().IsUnspecified():
		return refuse(route.EINVAL, "IPv6 routes using source address can not use nexthop objects")
	case family == route.IPv4:
		return refuse(route.EINVAL, "IPv6 routes can not use an IPv4 nexthop")
	case fdb:
		return refuse(route.EINVAL, "Route cannot point to a fdb nexthop")
	case src.IsValid():
		return refuse(route.EINVAL, msgSourceRouting)
	}
	return nil
}

// blackholes reports whether an object drops packets. A group drops them if its only
// member does (nexthop_is_blackhole).
func (t *tx) blackholes(o *route.NextHopObject) bool {
	if len(o.Group) == 1 {
		o = t.object(o.Group[0].ID)
	}
	return o != nil && o.Blackhole
}

// expand gives a route the next hops of its object, as a dump shows them.
func (t *tx) expand(r *route.Route, o *route.NextHopObject) {
	r.NextHops = nil
	if t.blackholes(o) {
		r.Type = route.TypeBlackhole
		return
	}
	if len(o.Group) == 0 {
		r.NextHops = []route.NextHop{o.NextHop}
	}
	for _, m := range o.Group {
		if member := t.object(m.ID); member != nil {
			h := member.NextHop
			h.Weight = m.Weight
			r.NextHops = append(r.NextHops, h)
		}
	}
	if len(r.NextHops) == 1 {
		r.NextHops[0].Weight = 0
		if fails(r.Type) { // a dump shows only several next hops
			r.NextHops = nil
		}
	}
}
