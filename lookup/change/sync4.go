package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// linkEvent says what happens to a device.
type linkEvent uint8

const (
	linkCarrier linkEvent = iota // it loses its carrier (NETDEV_CHANGE)
	linkDown                     // it goes down, or IPv4 is switched off (NETDEV_DOWN)
	linkGone                     // it is deleted (NETDEV_UNREGISTER)
)

// rewrite changes the routes of a table. For each route, edit returns the new route,
// which is the same one if it stays unchanged, or says that the route is removed.
func (t *tx) rewrite(f route.Family, id route.Table, edit func(netip.Prefix, *route.Route) (next *route.Route, gone bool)) {
	t.edit.Rewrite(f, id, func(dst netip.Prefix, list []*route.Route) ([]*route.Route, bool) {
		var after []*route.Route
		changed := false
		for i, r := range list {
			next, gone := edit(dst, r)
			if !changed && !gone && next == r {
				continue // most routes stay, so there is no list of them
			}
			if !changed {
				changed, after = true, slices.Clone(list[:i])
			}
			if !gone {
				after = append(after, next)
			}
		}
		if !changed {
			return nil, false
		}
		t.record(RouteRef{Table: id, Dst: dst}, list, after)
		return after, true
	})
}

// rewriteAll does the same with all tables of a family.
func (t *tx) rewriteAll(f route.Family, edit func(netip.Prefix, *route.Route) (*route.Route, bool)) {
	for _, id := range t.edit.Tables(f) {
		t.rewrite(f, id, edit)
	}
}

// rewriteBy does the same with the routes that have a next hop by a device, or if down is
// set, one by it that is dead or without carrier. It is fast if there are none.
func (t *tx) rewriteBy(f route.Family, link int, down bool, edit func(netip.Prefix, *route.Route) (*route.Route, bool)) {
	by := func(h route.NextHop) bool {
		return h.Link == link && (!down || h.Flags&(route.NextHopDead|route.NextHopLinkDown) != 0)
	}
	if t.edit.MayHave(f, func(r *route.Route) bool { return slices.ContainsFunc(r.NextHops, by) }) {
		t.rewriteAll(f, edit)
	}
}

// flags4 are a next hop's flags for a given state of its device, as a dump shows
// them.
func (t *tx) flags4(h *route.NextHop, dead, noCarrier bool) route.NextHopFlags {
	f := h.Flags &^ (route.NextHopDead | route.NextHopLinkDown)
	if noCarrier {
		f |= route.NextHopLinkDown
	}
	if l := t.link(h.Link); dead || noCarrier && l != nil && t.ignoresLinkdown(route.IPv4, l) {
		f |= route.NextHopDead
	}
	return f
}

// syncDown4 marks the next hops by a device as dead, or as without carrier, and
// deletes the routes that have no other next hop (fib_sync_down_dev, fib_flush).
// Routes to this host's own addresses stay unless force is set.
func (t *tx) syncDown4(link int, e linkEvent, force bool) {
	t.rewriteBy(route.IPv4, link, false, func(dst netip.Prefix, r *route.Route) (*route.Route, bool) {
		if r.NextHopID != 0 || !slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return h.Link == link }) ||
			r.Scope == route.ScopeHost && !force {
			return r, false
		}
		if len(r.NextHops) == 1 && e != linkCarrier { // most routes are like this, so no copy of each is needed
			return nil, true
		}
		next := r.Clone()
		dead := 0
		for i := range next.NextHops {
			h := &next.NextHops[i]
			switch {
			case t.dead(dst, r, h):
				dead++
			case h.Link == link:
				h.Flags = t.flags4(h, e != linkCarrier, true)
				if e != linkCarrier {
					t.setDead(dst, r, h)
				}
				dead++
			}
			if e == linkGone && h.Link == link {
				dead = len(next.NextHops)
				break
			}
		}
		if dead == len(next.NextHops) && e != linkCarrier {
			return nil, true
		}
		if slices.Equal(r.NextHops, next.NextHops) {
			return r, false
		}
		return &next, false
	})
}

// syncUp4 revives the next hops by a device (fib_sync_up).
func (t *tx) syncUp4(link int, what route.NextHopFlags) {
	l := t.link(link)
	if !l.Up() || !t.snap.HasIPv4(l) {
		return
	}
	if what&route.NextHopDead != 0 && l.Flags&(route.LinkRunning|route.LinkLowerUp) != 0 {
		what |= route.NextHopLinkDown
	}
	t.rewriteBy(route.IPv4, link, true, func(dst netip.Prefix, r *route.Route) (*route.Route, bool) {
		if r.NextHopID != 0 || !slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool {
			return h.Link == link && h.Flags&(route.NextHopDead|route.NextHopLinkDown) != 0
		}) {
			return r, false
		}
		next := r.Clone()
		for i := range next.NextHops {
			if h := &next.NextHops[i]; h.Link == link {
				dead := t.dead(dst, r, h) && what&route.NextHopDead == 0
				noCarrier := h.Flags&route.NextHopLinkDown != 0 && what&route.NextHopLinkDown == 0
				h.Flags = t.flags4(h, dead, noCarrier)
			}
		}
		if slices.Equal(r.NextHops, next.NextHops) {
			return r, false
		}
		return &next, false
	})
	if what&route.NextHopDead != 0 {
		t.revive(route.IPv4, link)
	}
}
