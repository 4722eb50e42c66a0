package change

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/route"
)

const msgInvalidObject = "Invalid nexthop id"

// apply does what rtm_new_nexthop and rtm_del_nexthop in net/ipv4/nexthop.c do.
func (c *NextHop) apply(t *tx) *Refusal {
	o := c.Object
	if c.Verb == Delete {
		switch {
		case o.ID == 0:
			return refuse(route.EINVAL, msgInvalidObject)
		case t.object(o.ID) == nil:
			return refuse(route.ENOENT, "")
		}
		t.removeObject(o.ID)
		return nil
	}
	if no := c.check(t, &o); no != nil {
		return no
	}
	if c.Verb.replaces() && o.ID == 0 {
		return refuse(route.EINVAL, "Replace requires nexthop id")
	}
	if o.ID == 0 {
		for o.ID = 1; t.object(o.ID) != nil; o.ID++ {
		}
	}
	if len(o.Group) == 0 {
		if no := t.completeObject(&o); no != nil {
			return no
		}
	} else {
		o.NextHop = route.NextHop{} // a group has no flags of its own
	}
	old := t.object(o.ID)
	switch {
	case old != nil && c.Verb.replaces():
		return t.replaceObject(old, &o)
	case old != nil:
		return refuse(route.EEXIST, "")
	case !c.Verb.creates():
		return refuse(route.ENOENT, "Replace specified without create and no entry exists")
	case o.Resilient && o.Buckets == 0:
		return refuse(route.EINVAL, "Number of buckets not specified for nexthop group insertion")
	}
	s := t.own()
	at, _ := slices.BinarySearchFunc(s.NextHops, o.ID, func(x route.NextHopObject, id uint32) int { return cmp.Compare(x.ID, id) })
	s.NextHops = slices.Insert(slices.Clone(s.NextHops), at, o)
	return nil
}

// check refuses an object that is not allowed (rtm_to_nh_config).
func (c *NextHop) check(t *tx, o *route.NextHopObject) *Refusal {
	h := &o.NextHop
	switch {
	case h.Flags&^route.NextHopOnLink != 0:
		return refuse(route.EINVAL, "Invalid nexthop flags in ancillary header")
	case o.Family == 0 && len(o.Group) == 0:
		return refuse(route.EINVAL, "Invalid address family")
	case o.FDB && (h.Link != 0 || o.Blackhole):
		return refuse(route.EINVAL, "Fdb attribute can not be used with encap, oif or blackhole")
	case len(o.Group) > 0 && o.Family != 0:
		return refuse(route.EINVAL, "Invalid family for group")
	case len(o.Group) > 0 && c.NoBuckets:
		return refuse(route.EINVAL, "Number of buckets needs to be non-0")
	case len(o.Group) > 0:
		return t.checkGroup(o)
	case o.Blackhole && (h.Gateway.IsValid() || h.Link != 0):
		return refuse(route.EINVAL, "Blackhole attribute can not be used with gateway, oif, encap or fdb")
	case o.Blackhole, o.FDB:
		return nil
	case h.Link == 0:
		return refuse(route.EINVAL, "Device attribute required for non-blackhole and non-fdb nexthops")
	}
	if !t.kernel.validatesFirst {
		if no := t.checkDevice(h.Link); no != nil {
			return no
		}
	}
	switch {
	case h.Gateway.IsValid() && route.FamilyOf(h.Gateway) != o.Family:
		return refuse(route.EINVAL, "Invalid gateway")
	case !h.Gateway.IsValid() && h.Flags&route.NextHopOnLink != 0:
		return refuse(route.EINVAL, "ONLINK flag can not be set for nexthop without a gateway")
	}
	return t.checkDevice(h.Link)
}

// checkDevice checks the device of an object.
func (t *tx) checkDevice(link int) *Refusal {
	l := t.link(link)
	switch {
	case l == nil:
		return refuse(route.EINVAL, "Invalid device index")
	case !l.Up():
		return refuse(route.ENETDOWN, msgDeviceNotUp)
	case !l.Carrier():
		return refuse(route.ENETDOWN, "Carrier for nexthop device is down")
	}
	return nil
}

// checkGroup is nh_check_attr_group.
func (t *tx) checkGroup(o *route.NextHopObject) *Refusal {
	seen := map[uint32]bool{}
	for _, m := range o.Group {
		if seen[m.ID] {
			return refuse(route.EINVAL, "Nexthop id can not be used twice in a group")
		}
		seen[m.ID] = true
	}
	for _, m := range o.Group {
		x := t.object(m.ID)
		switch {
		case x == nil:
			return refuse(route.EINVAL, msgInvalidObject)
		case len(x.Group) > 0 && x.Resilient:
			return refuse(route.EINVAL, "Resilient group can not be a nexthop within a group")
		case len(x.Group) > 0:
			return refuse(route.EINVAL, "Hash-threshold group can not be a nexthop within a group")
		case x.Blackhole && len(o.Group) > 1:
			return refuse(route.EINVAL, "Blackhole nexthop can not be used in a group with more than 1 path")
		case !o.FDB && x.FDB:
			return refuse(route.EINVAL, "Non FDB nexthop group cannot have fdb nexthops")
		case o.FDB && !x.FDB:
			return refuse(route.EINVAL, "FDB nexthop group can only have fdb nexthops")
		case o.FDB && x.Family != t.object(o.Group[0].ID).Family:
			return refuse(route.EINVAL, "FDB nexthop group cannot have mixed family nexthops")
		}
	}
	return nil
}

// completeObject checks the next hop of an object that is not a group, and completes
// it (nh_create_ipv4, nh_create_ipv6).
func (t *tx) completeObject(o *route.NextHopObject) *Refusal {
	if o.FDB {
		return nil
	}
	h := o.NextHop
	if h.Gateway.IsValid() && h.Gateway.IsUnspecified() {
		h.Gateway = netip.Addr{}
	}
	if o.Blackhole {
		h.Link = route.LoopbackIndex
	}
	var id route.Table
	if l := t.link(h.Link); l != nil {
		id = t.vrfTable(l)
	}
	var no *Refusal
	if o.Family == route.IPv4 {
		no = t.checkHop4(&h, id, route.ScopeGlobal)
	} else {
		no = t.checkHop6(&h, &route.Route{Table: id, Type: route.TypeUnicast, Dst: route.IPv6.Default()})
	}
	if no != nil {
		return no
	}
	if o.Blackhole {
		h.Link = 0
	}
	o.NextHop = h
	return nil
}

// usedBy are the IDs of an object and of the groups that it belongs to.
func (t *tx) usedBy(id uint32) map[uint32]bool {
	ids := map[uint32]bool{id: true}
	for i := range t.snap.NextHops {
		o := &t.snap.NextHops[i]
		if slices.ContainsFunc(o.Group, func(m route.GroupMember) bool { return m.ID == id }) {
			ids[o.ID] = true
		}
	}
	return ids
}

// routesOf calls f for the routes of all tables that name one of the given objects,
// until f returns a refusal.
func (t *tx) routesOf(ids map[uint32]bool, f func(*route.Route, route.Family) *Refusal) (no *Refusal) {
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		for _, id := range t.edit.Tables(fam) {
			t.edit.Routes(fam, id, func(_ netip.Prefix, list []*route.Route) bool {
				for _, r := range list {
					if ids[r.NextHopID] {
						if no = f(r, fam); no != nil {
							return false
						}
					}
				}
				return true
			})
			if no != nil {
				return no
			}
		}
	}
	return nil
}

// replaceObject is replace_nexthop.
func (t *tx) replaceObject(old, o *route.NextHopObject) *Refusal {
	suits := func(r *route.Route, f route.Family) *Refusal {
		if f == route.IPv6 {
			return t.checkObject6(o, netip.Prefix{})
		}
		return t.checkObject4(o, r.Scope)
	}
	if no := t.routesOf(map[uint32]bool{old.ID: true}, suits); no != nil {
		return no
	}
	for i := range t.snap.NextHops {
		g := &t.snap.NextHops[i]
		if g.ID == old.ID || !slices.ContainsFunc(g.Group, func(m route.GroupMember) bool { return m.ID == old.ID }) {
			continue
		}
		if o.Blackhole && len(g.Group) > 1 {
			return refuse(route.EINVAL, "Blackhole nexthop can not be a member of a group with more than one path")
		}
		if no := t.routesOf(map[uint32]bool{g.ID: true}, suits); no != nil {
			return no
		}
	}
	switch {
	case len(old.Group) > 0 && len(o.Group) == 0:
		return refuse(route.EINVAL, "Can not replace a nexthop group with a nexthop.")
	case len(old.Group) > 0 && old.Resilient != o.Resilient:
		return refuse(route.EINVAL, "Can not replace a nexthop group with one of a different type.")
	case old.Resilient && o.Buckets != 0 && o.Buckets != old.Buckets:
		return refuse(route.EINVAL, "Can not change number of buckets of a resilient nexthop group.")
	case len(old.Group) == 0 && len(o.Group) > 0:
		return refuse(route.EINVAL, "Can not replace a nexthop with a nexthop group.")
	}
	users := t.usedBy(old.ID)
	dropped := map[uint32]bool{}
	for id := range users {
		dropped[id] = t.blackholes(t.object(id))
	}
	next := *o
	if len(old.Group) > 0 { // the group's protocol and buckets stay
		next.Protocol, next.Buckets = old.Protocol, old.Buckets
	}
	s := t.own()
	s.NextHops = slices.Clone(s.NextHops)
	for i := range s.NextHops {
		if s.NextHops[i].ID == next.ID {
			s.NextHops[i] = next
		}
	}
	t.expandAgain(users, dropped)
	return nil
}

// expandAgain gives the routes of some objects the present next hops of these objects.
// dropped are those which dropped packets until now.
func (t *tx) expandAgain(ids, dropped map[uint32]bool) {
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		t.rewriteAll(f, func(_ netip.Prefix, r *route.Route) (*route.Route, bool) {
			o := t.object(r.NextHopID)
			if o == nil || !ids[r.NextHopID] {
				return r, false
			}
			next := r.Clone()
			if next.Type == route.TypeBlackhole && dropped[r.NextHopID] { // a dump shows a route by a blackhole object like this
				next.Type = route.TypeUnicast
			}
			t.expand(&next, o)
			if next.Type == r.Type && slices.Equal(next.NextHops, r.NextHops) {
				return r, false
			}
			return &next, false
		})
	}
}

// removeObject deletes an object, the routes that name it, and its membership in
// groups (remove_nexthop). A group without members is deleted too.
func (t *tx) removeObject(id uint32) {
	s := t.own()
	s.NextHops = slices.DeleteFunc(slices.Clone(s.NextHops), func(o route.NextHopObject) bool { return o.ID == id })
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		t.rewriteAll(f, func(_ netip.Prefix, r *route.Route) (*route.Route, bool) { return r, r.NextHopID == id })
	}
	for _, o := range slices.Clone(s.NextHops) {
		rest := slices.DeleteFunc(slices.Clone(o.Group), func(m route.GroupMember) bool { return m.ID == id })
		switch {
		case len(rest) == len(o.Group):
		case len(rest) == 0:
			t.removeObject(o.ID)
		default:
			at := slices.IndexFunc(t.snap.NextHops, func(x route.NextHopObject) bool { return x.ID == o.ID })
			t.snap.NextHops[at].Group = rest
			t.expandAgain(map[uint32]bool{o.ID: true}, nil) // a group of several drops nothing
		}
	}
}

// flushObjects deletes the objects by a device (nexthop_flush_dev).
func (t *tx) flushObjects(link int, e linkEvent) {
	for _, o := range slices.Clone(t.snap.NextHops) {
		byDevice := o.NextHop.Link == link || o.Blackhole && link == route.LoopbackIndex && e == linkGone
		if len(o.Group) == 0 && byDevice && t.object(o.ID) != nil {
			t.removeObject(o.ID)
		}
	}
}
