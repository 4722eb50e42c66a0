package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// complete works out what a next hop means on this host.
func (f *FIB) complete(h *hop) {
	h.dev = f.byIndex[h.Link]
	h.direct = h.dev != nil && f.has4(h.Link, h.Gateway) && h.Flags&route.NextHopOnLink == 0
}

// resolve fills in the next hops of an entry, from its own or from its object.
func (f *FIB) resolve(e *entry) {
	f.fillHops(e)
	if !e.group || f.objects[e.route.NextHopID] == nil {
		f.finish(e)
	}
}

func (f *FIB) fillHops(e *entry) {
	e.hops, e.group, e.bucket, e.black = nil, false, false, false
	e.doubt = e.odd()
	e.unread = e.doubt != ""
	if e.route.NextHopID == 0 {
		for _, h := range e.route.NextHops {
			e.hops = append(e.hops, hop{NextHop: h})
		}
		return
	}
	o := f.objects[e.route.NextHopID]
	switch {
	case o == nil && len(e.route.NextHops) == 0:
		e.unread, e.doubt = true, CodeNextHopUnknown
	case o == nil: // the kernel expanded it for us
		e.group = len(e.route.NextHops) > 1
		for _, h := range e.route.NextHops {
			e.hops = append(e.hops, hop{NextHop: h, object: e.route.NextHopID})
		}
	case len(o.Group) == 0:
		e.black = o.Blackhole
		e.hops = []hop{{NextHop: o.NextHop, object: o.ID}}
	default:
		f.shareGroup(e, o)
	}
}

// finish works out what the next hops of an entry mean on this host.
func (f *FIB) finish(e *entry) {
	for i := range e.hops {
		h := &e.hops[i]
		if !f.mayRevive(e.fam, h) {
			h.Flags &^= route.NextHopLinkDown
		}
		f.complete(h)
		f.realms = f.realms || e.fam == route.IPv4 && h.Realm != 0
	}
	e.noteDirect()
}

// groupKey names a group as entries of one family have it.
type groupKey struct {
	id  uint32
	fam route.Family
}

// shareGroup gives an entry the next hops of its group. All entries that name the group
// share them, because there may be many entries, and many members.
func (f *FIB) shareGroup(e *entry, group *route.NextHopObject) {
	k := groupKey{group.ID, e.fam}
	first := f.groups[k]
	if first == nil {
		first = &entry{fam: e.fam}
		f.resolveGroup(first, group)
		f.finish(first)
		f.groups[k] = first
	}
	e.hops, e.group, e.bucket, e.black, e.directTo = first.hops, first.group, first.bucket, first.black, first.directTo
	if first.unread {
		e.unread, e.doubt = true, first.doubt
	}
}

// mayRevive reports whether a next hop that is marked dead and without carrier is passed
// over only because of ignore_routes_with_linkdown: a dump marks that the same way. A
// next hop whose device is down is really dead (fib_sync_down_dev).
func (f *FIB) mayRevive(fam route.Family, h *hop) bool {
	d := f.byIndex[h.Link]
	if d == nil {
		return true
	}
	c := d.conf4
	if fam == route.IPv6 {
		c = d.conf6
	}
	ignored := c.value[settingIgnoreLinkdown] != 0 || !c.read[settingIgnoreLinkdown]
	if fam == route.IPv4 {
		ignored = ignored || f.v4.conf.value[settingIgnoreLinkdown] != 0
	}
	return d.Up() && (ignored || h.Flags&route.NextHopDead == 0)
}

func (f *FIB) resolveGroup(e *entry, group *route.NextHopObject) {
	e.group, e.bucket = true, group.Resilient
	for _, m := range group.Group {
		o := f.objects[m.ID]
		if o == nil && len(e.route.NextHops) > 0 { // what the kernel expanded it to
			e.hops = nil
			for _, h := range e.route.NextHops {
				e.hops = append(e.hops, hop{NextHop: h, object: group.ID})
			}
			return
		}
		if o == nil {
			e.unread, e.doubt = true, CodeNextHopUnknown
			return
		}
		// A blackhole can only be in a group alone (nh_create_group).
		e.black = o.Blackhole
		h := hop{NextHop: o.NextHop, object: o.ID}
		h.Weight = m.Weight
		e.hops = append(e.hops, h)
	}
}

// odd says what was not understood of a file's route; empty: nothing.
func (e *entry) odd() Code {
	switch unread := func(h route.NextHop) bool { return h.Flags&route.NextHopUnread != 0 }; {
	case e.route.Flags&route.FlagOdd != 0:
		return CodeRouteOdd
	case e.route.Flags&route.FlagNoMetric != 0:
		return CodeMetricUnread
	case slices.ContainsFunc(e.route.NextHops, unread):
		return CodeGatewayUnread
	}
	return ""
}

// hidesSource reports whether a file's route prescribes a source that is not readable.
func (e *entry) hidesSource() bool { return e.route.Flags&route.FlagNoSource != 0 }

// doubted says why it is not known what an entry does.
func (f *FIB) doubted(e *entry, dst netip.Prefix) Reason {
	if e.doubt == CodeNextHopUnknown {
		return f.lacks(Reason{Code: e.doubt, Want: e.route.NextHopID}, route.FactNextHops, e.fam)
	}
	why := Reason{Code: e.doubt, Have: dst}
	if e.doubt == CodeGatewayUnread && len(e.hops) == 1 && e.hops[0].Link != 0 {
		why.Want = f.snap.LinkName(e.hops[0].Link)
	}
	return why
}
