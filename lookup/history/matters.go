package history

import (
	"maps"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

type neighbourKey struct {
	link int
	addr netip.Addr
}

// gateways are the addresses of all gateways.
type gateways map[netip.Addr]bool

func gatewaysOf(f *lookup.FIB) gateways {
	g := gateways{}
	edit := f.Edit()
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		for _, id := range edit.Tables(fam) {
			edit.Routes(fam, id, func(_ netip.Prefix, routes []*route.Route) bool {
				for _, r := range routes {
					g.addHops(r.NextHops)
				}
				return true
			})
		}
	}
	for i := range f.Snapshot().NextHops {
		g[f.Snapshot().NextHops[i].NextHop.Gateway] = true
	}
	return g
}

func (g gateways) addHops(hops []route.NextHop) {
	for i := range hops {
		g[hops[i].Gateway] = true
	}
}

// add adds the gateways of an event.
func (g gateways) add(e *route.Event) {
	if e.Route != nil {
		g.addHops(e.Route.NextHops)
	}
	if e.NextHop != nil {
		g[e.NextHop.NextHop.Gateway] = true
	}
}

func (g gateways) has(a netip.Addr) bool { return g[a] }

// matters reports whether an event may change an answer. Many events do not: they say
// that a device has sent more packets, or that a neighbour was looked for again.
func (w *Watch) matters(e *route.Event) bool {
	switch {
	case e.Link != nil:
		return e.Gone || w.linkChanged(e.Link)
	case e.Neighbour != nil:
		return w.neighbourChanged(e)
	}
	return true
}

// linkChanged reports whether a device is different from what an event told about it last, or
// the first reading if no event did. The state in memory may be ahead of the event, because it
// is known what a change of the other end does to a device, and so may a later reading: the
// kernel tells its routes that a device has lost its carrier just before it sends the event.
func (w *Watch) linkChanged(l *route.Link) bool {
	a, ok := w.heard[l.Index]
	b := *l
	return !ok || a.Name != b.Name || a.Flags != b.Flags || a.Kind != b.Kind || a.Group != b.Group || a.MTU != b.MTU ||
		a.Master != b.Master || a.VRFTable != b.VRFTable || a.Peer != b.Peer || a.PeerNetNS != b.PeerNetNS
}

// hearLink notes what an event tells about a device.
func (w *Watch) hearLink(e *route.Event) {
	switch {
	case e.Link == nil:
	case e.Gone:
		delete(w.heard, e.Link.Index)
	default:
		w.heard[e.Link.Index] = *e.Link
	}
}

// asHeard is the state before an event, in which a device is as events told it last.
func (w *Watch) asHeard(e *route.Event) *lookup.FIB {
	if e.Link == nil {
		return w.fib
	}
	was, ok := w.heard[e.Link.Index]
	if old := w.fib.Snapshot().Link(e.Link.Index); !ok || old == nil || old.Flags == was.Flags {
		return w.fib
	}
	return with(w.fib, func(s *route.Snapshot) {
		s.Links = put(s.Links, was, false, func(l *route.Link) bool { return l.Index == was.Index })
	})
}

// neighbourChanged reports whether a gateway, or a destination, has begun or stopped to
// answer. After it has failed, it counts as failed while the kernel tries again and again, and
// as forgotten after the kernel has forgotten it: nothing gets out by it then either, but the
// kernel does not pass over its next hop any more.
func (w *Watch) neighbourChanged(e *route.Event) bool {
	n := e.Neighbour
	if !w.gateways.has(n.Addr) && !w.asks(n.Addr) {
		return false
	}
	k := neighbourKey{n.Link, n.Addr}
	was, known := w.fib.Neighbour(n.Link, n.Addr)
	switch {
	case e.Port != 0 && n.State == route.NeighbourFailed:
		// Somebody set this state, or deletes the entry, which begins in the same way.
		// The next reading shows which.
		delete(w.silent, k)
		w.set[k] = true
		w.events++
		w.dirty = true
		w.note(&happening{event: e, trigger: report.NewTrigger(w.fib, w.fib, e)})
		return false
	case e.Gone && w.set[k]:
		delete(w.set, k)
		return known
	case !e.Gone && n.State == route.NeighbourFailed:
		delete(w.set, k)
		told := w.silent[k] == n.State
		w.silent[k] = n.State
		return !told
	case e.Gone && w.silent[k] == route.NeighbourFailed:
		w.silent[k] = route.NeighbourForgotten
		return true
	case !e.Gone && n.State.Valid():
		delete(w.silent, k)
		delete(w.set, k)
		return !known || !was.Valid()
	case w.silent[k] != 0:
		return false
	}
	return known && was.Valid()
}

// remembered is an event as it is applied: a neighbour that the kernel forgets is not gone.
func (w *Watch) remembered(e *route.Event) *route.Event {
	if e.Neighbour == nil || !e.Gone || w.silent[neighbourKey{e.Neighbour.Link, e.Neighbour.Addr}] != route.NeighbourForgotten {
		return e
	}
	n := *e.Neighbour
	n.State = route.NeighbourForgotten
	return &route.Event{Time: e.Time, Neighbour: &n}
}

// hear forgets which neighbours have failed if they may answer now for all that is known. The
// kernel forgets the neighbours of a device that goes down, loses its carrier or its last
// address, joins another device or stops using IPv6, and a user may delete one.
func (w *Watch) hear(e *route.Event) {
	switch {
	case e.Link != nil && (e.Gone || !e.Link.Carrier() || w.linkChanged(e.Link)):
		for k := range w.silent {
			if k.link == e.Link.Index {
				delete(w.silent, k)
			}
		}
	case e.Addr != nil && e.Gone && w.lastAddr(e.Addr): // the neighbours go too
		for k := range w.silent {
			if k.link == e.Addr.Link && k.addr.Is4() == e.Addr.Prefix.Addr().Is4() {
				delete(w.silent, k)
			}
		}
	case e.Neighbour != nil && e.Gone && e.Port != 0:
		delete(w.silent, neighbourKey{e.Neighbour.Link, e.Neighbour.Addr})
	case report.EventKind(e) == "" && !e.Lost: // of a setting
		maps.DeleteFunc(w.silent, func(_ neighbourKey, s route.NeighbourState) bool { return s == route.NeighbourFailed })
	}
}

// lastAddr reports whether a device has no other address of an address's family.
func (w *Watch) lastAddr(a *route.Addr) bool {
	return !slices.ContainsFunc(w.fib.Snapshot().Addrs, func(x route.Addr) bool {
		return x.Link == a.Link && x.Prefix.Addr().Is4() == a.Prefix.Addr().Is4() && x.Prefix != a.Prefix
	})
}

// asks reports whether a question is about a destination.
func (w *Watch) asks(a netip.Addr) bool {
	for i := range w.Question.Asked {
		if w.Question.Asked[i].To.Addr == a {
			return true
		}
	}
	return false
}
