package report

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Trigger is a change of a host's state that changed an answer.
type Trigger struct {
	// Op is [Added], [Removed] or [Changed], and Object what it was done to.
	Op     string `json:"op"`
	Object Object `json:"object"`
	// By is the process that asked for it; absent: that is not known.
	By *route.Requester `json:"by,omitempty"`
	// Kernel says that no process asked by netlink: the kernel did it by itself, or for a
	// program that used an ioctl. It is false where that is not known, see [NamesAsker].
	Kernel bool `json:"kernel,omitempty"`
	// Port is netlink's name of who asked, where it is not known whose that is.
	Port uint32 `json:"port,omitempty"`
	// Expired says that the lifetime of the route or address is over, because of which the
	// kernel removes it.
	Expired bool `json:"expired,omitempty"`
}

// NewTrigger is an event by names, between the state before it and the one after it. It is
// nil for an event that names no object.
func NewTrigger(before, after *lookup.FIB, e *route.Event) *Trigger {
	n := triggerNames{namesOf(before), namesOf(after)}
	now := n.thing(e)
	if now == nil {
		return nil
	}
	t := &Trigger{Op: Added, By: e.By, Object: Object{Kind: kindOfEvent(e), Change: Added}}
	if e.By == nil {
		t.Kernel, t.Port = e.Port == 0 && NamesAsker(e), e.Port
	}
	was := n.former(e)
	switch x := &t.Object; {
	case e.Gone:
		t.Op, x.Change, x.Before = Removed, Removed, now
		t.Expired = t.Kernel && e.Route != nil && e.Route.Expires < 0 || e.By == nil && e.Port == 0 && addrExpired(e.Addr)
	case was != nil:
		t.Op, x.Change, x.Before, x.After = Changed, Changed, was, now
		nameHidden(before, e, was, now)
	default:
		x.After = now
	}
	return t
}

// nameHidden names what changed of a device or an address that a comparison of two states leaves out.
func nameHidden(before *lookup.FIB, e *route.Event, was, now *Thing) {
	switch {
	case e.Link != nil:
		if old := before.Snapshot().Link(e.Link.Index); old.MTU != e.Link.MTU {
			was.Link.MTU, now.Link.MTU = old.MTU, e.Link.MTU
		}
	case e.Addr != nil && e.Addr.Flags&route.AddrTentative == 0:
		was.Address.Tentative = slices.ContainsFunc(before.Snapshot().Addrs, func(a route.Addr) bool {
			return a.Link == e.Addr.Link && a.Prefix == e.Addr.Prefix && a.Flags&route.AddrTentative != 0
		})
	}
}

// addrExpired reports whether an address's time is over, as the event of its end tells it: no full
// second is left.
func addrExpired(a *route.Addr) bool {
	return a != nil && a.Flags&route.AddrPermanent == 0 && a.ValidLft == 0
}

// NamesAsker reports whether an event of its kind has the port of who asked for it. The kernel
// leaves it out of those about IPv6 addresses and most of those about devices.
func NamesAsker(e *route.Event) bool {
	return e.Link == nil && (e.Addr == nil || e.Addr.Prefix.Addr().Is4())
}

func kindOfEvent(e *route.Event) ObjectKind {
	switch {
	case e.Route != nil:
		return KindRoute
	case e.Rule != nil:
		return KindRule
	case e.Addr != nil:
		return KindAddress
	case e.Link != nil:
		return KindLink
	case e.NextHop != nil:
		return KindNextHop
	}
	return KindNeighbour
}

// triggerNames are the names before an event and after it.
type triggerNames struct{ before, after names }

// of are the names of a state that has a device.
func (n *triggerNames) of(link int) names {
	if n.after.snap.Link(link) == nil {
		return n.before
	}
	return n.after
}

// thing is what an event is about, as it shows it.
func (n *triggerNames) thing(e *route.Event) *Thing {
	switch {
	case e.Route != nil:
		link := 0
		if len(e.Route.NextHops) > 0 {
			link = e.Route.NextHops[0].Link
		}
		return &Thing{Route: n.of(link).route(e.Route)}
	case e.Rule != nil:
		return &Thing{Family: FamilyName(e.Rule.Family), Rule: n.after.rule(e.Rule)}
	case e.Addr != nil:
		return &Thing{Address: n.of(e.Addr.Link).addressState(e.Addr)}
	case e.Link != nil:
		return &Thing{Link: n.of(e.Link.Master).linkState(e.Link)}
	case e.NextHop != nil:
		return &Thing{NextHop: n.of(e.NextHop.NextHop.Link).objectState(e.NextHop)}
	case e.Neighbour != nil:
		return n.of(e.Neighbour.Link).neighbour(e.Neighbour)
	}
	return nil
}

// former is what was in the place of the object before; nil: nothing.
func (n *triggerNames) former(e *route.Event) *Thing {
	snap := n.before.snap
	switch {
	case e.Route != nil:
		at := n.before.fib.Edit().At(e.Route.Table, e.Route.Dst)
		left := n.after.fib.Edit().At(e.Route.Table, e.Route.Dst)
		gone := slices.DeleteFunc(at, func(r *route.Route) bool { return slices.Contains(left, r) })
		if len(gone) > 0 && len(left) > 0 {
			full := gone[0].Clone()
			full.Dst = e.Route.Dst
			return &Thing{Route: n.before.route(&full)}
		}
	case e.Link != nil:
		if l := snap.Link(e.Link.Index); l != nil {
			return &Thing{Link: n.before.linkState(l)}
		}
	case e.Addr != nil:
		for i := range snap.Addrs {
			if a := &snap.Addrs[i]; a.Link == e.Addr.Link && a.Prefix == e.Addr.Prefix {
				return &Thing{Address: n.before.addressState(a)}
			}
		}
	case e.NextHop != nil:
		for i := range snap.NextHops {
			if o := &snap.NextHops[i]; o.ID == e.NextHop.ID {
				return &Thing{NextHop: n.before.objectState(o)}
			}
		}
	case e.Neighbour != nil:
		for i := range snap.Neighbours {
			if x := &snap.Neighbours[i]; x.Link == e.Neighbour.Link && x.Addr == e.Neighbour.Addr {
				return n.before.neighbour(x)
			}
		}
	}
	return nil
}

func (n names) neighbour(x *route.Neighbour) *Thing {
	return &Thing{Neighbour: &NeighbourState{x.Addr, n.dev(x.Link), x.State.String()}}
}

// Between is what two states differ in beside their routes, as what came between them; at
// most so many.
func Between(before, after *lookup.FIB, most int) []Trigger {
	d := &differ{before: namesOf(before), after: namesOf(after)}
	d.compareAll()
	var out []Trigger
	for _, x := range d.objects[:min(most, len(d.objects))] {
		out = append(out, Trigger{Op: x.Change, Object: x})
	}
	return out
}
