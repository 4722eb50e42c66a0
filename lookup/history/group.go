package history

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"routewhy/lookup/report"
	"routewhy/route"
)

// grouped are the pending changes. If several of them follow from one change of a device
// or an address, or the kernel itself made them in a row, they become one.
func (w *Watch) grouped() []*turn {
	var out []*turn
	last := map[int]*turn{}
	for _, t := range w.pending {
		for i, h := range t.because {
			if root := w.root(h); root != nil {
				t.because[i] = root
			}
		}
		t.because = slices.Compact(t.because)
		if p := last[t.asked]; p != nil {
			if len(t.because) == 1 && slices.Equal(p.because, t.because) && w.brings(t.because[0]) {
				p.after, p.full = t.after, t.full
				continue
			}
			if inARow(p, t) {
				p.after, p.full, p.because = t.after, t.full, slices.Compact(slices.Concat(p.because, t.because))
				continue
			}
		}
		last[t.asked] = t
		out = append(out, t)
	}
	w.leaveOutFailed(out)
	return slices.DeleteFunc(out, func(t *turn) bool { return t.before.same(&t.after) })
}

// leaveOutFailed leaves out two changes of an answer if a new device caused the first, and the end of
// that device took it back. A user asked for a device that the kernel cannot make as a whole. It makes
// the device, sets it up, fails at the rest, for instance to put it into a bridge, and removes the
// device again (rtnl_newlink_create).
func (w *Watch) leaveOutFailed(turns []*turn) {
	last := map[int]*turn{}
	for _, t := range turns {
		p := last[t.asked]
		last[t.asked] = t
		if p != nil && p.before.same(&t.after) && w.endsAtOnce(p, t) {
			p.after, t.before = p.before, t.after
			delete(last, t.asked)
		}
	}
}

// failTime is how long the kernel needs at most to make a device and remove it again.
const failTime = 200 * time.Millisecond

// endsAtOnce reports whether one change follows from a new device alone, and the other from the end
// of the same device a moment later. How long that takes depends on the machine, because the kernel
// waits for packets on their way.
func (w *Watch) endsAtOnce(a, b *turn) bool {
	if len(a.because) != 1 || len(b.because) != 1 {
		return false
	}
	first, end := a.because[0], w.deleted(b.because[0])
	if first.event.Link == nil || first.trigger == nil || first.trigger.Object.Before != nil || end.event.Link == nil {
		return false
	}
	return end.event.Gone && end.event.Port == 0 && end.event.Link.Index == first.event.Link.Index && end.event.Time.Sub(first.event.Time) <= failTime
}

// stepTime is how long the kernel needs at most between two steps of one work.
const stepTime = 10 * time.Millisecond

// inARow reports whether two changes of an answer are steps of one work of the kernel: it
// removes, or adds, routes and addresses one by one, for instance where a setting turns IPv6
// off, or with both ends of a pair of devices. What is between the steps lasts no longer than a
// few packets.
func inARow(a, b *turn) bool {
	if len(a.because) == 0 || len(b.because) == 0 {
		return false
	}
	first, last := b.because[0], a.because[len(a.because)-1]
	if first.event.Time.Sub(last.event.Time) > stepTime {
		return false
	}
	all := slices.Concat(a.because, b.because)
	if !slices.ContainsFunc(all, func(h *happening) bool { return !h.renews(last) }) {
		return true
	}
	for _, h := range all {
		e := h.event
		if e.Port != 0 || h.takes() != first.takes() || e.Route == nil && e.Addr == nil && (e.Link == nil || !h.takes()) || e.Route != nil && e.Route.Protocol == route.ProtocolRA {
			return false
		}
	}
	return true
}

// renews reports whether an event is one of those by which the kernel removes the route of a
// network, and adds it again with another metric or another lifetime, because its address on
// the device was changed. The removed route may be one that somebody else has added
// (modify_prefix_route).
func (h *happening) renews(other *happening) bool {
	e := h.event
	if e.Port != 0 || e.Addr == nil && (e.Route == nil || e.Route.Protocol != route.ProtocolKernel && !e.Gone) || e.Addr != nil && e.Gone {
		return false
	}
	return other.event.Addr != nil && onSameDevice(other.event, e) || e.Addr != nil && other.event.Route != nil && onSameDevice(e, other.event) ||
		e.Route != nil && other.event.Route != nil && e.Route.Table == other.event.Route.Table && e.Route.Dst == other.event.Route.Dst
}

// takes reports whether an event takes something away.
func (h *happening) takes() bool {
	if h.event.Link == nil || h.event.Gone || h.trigger == nil {
		return h.event.Gone
	}
	is := &h.trigger.Object
	return h.endsIPv6 || is.After == nil || is.Before != nil && is.After.Link.State != "up"
}

// turned notes a change of an answer. If the kernel itself has just made the opposite change,
// neither of them is told.
func (w *Watch) turned(t *turn) {
	for i := len(w.pending) - 1; i >= 0; i-- {
		p := w.pending[i]
		if p.asked != t.asked {
			continue
		}
		if p.before.same(&t.after) && len(p.because) == 1 && p.because[0].undoneBy(t.because[0]) {
			w.pending = slices.Delete(w.pending, i, i+1)
			return
		}
		break
	}
	w.pending = append(w.pending, t)
}

// undoneBy reports whether another event of the kernel's own, a moment later, is about the same
// route or address and says the opposite. It does that with an address that turns out not to be
// allowed on its device.
func (h *happening) undoneBy(other *happening) bool {
	a, b := h.event, other.event
	if a.Port != 0 || b.Port != 0 || a.Gone == b.Gone || b.Time.Sub(a.Time) > stepTime {
		return false
	}
	switch {
	case a.Route != nil && b.Route != nil:
		return a.Route.Table == b.Route.Table && a.Route.Dst == b.Route.Dst && a.Route.Protocol == route.ProtocolKernel && like(a.Route, b.Route)
	case a.Addr != nil && b.Addr != nil:
		return a.Addr.Link == b.Addr.Link && a.Addr.Prefix == b.Addr.Prefix
	}
	return false
}

// brings reports whether an event causes other events.
func (w *Watch) brings(h *happening) bool { return h.event.Link != nil || h.event.Addr != nil }

// root is the change of a device or an address because of which the kernel itself
// changed a route or an address; nil: there is none among the recent changes. It may come after
// what it causes, but then nothing opposite is between the two. Of several changes of the device,
// it is the first after the last opposite one.
func (w *Watch) root(h *happening) *happening {
	e := h.event
	if h.trigger == nil || e.Port != 0 || e.Route == nil && e.Addr == nil {
		return nil
	}
	var link, addr *happening
	at := slices.Index(w.recent, h)
	for i, x := range w.recent {
		switch {
		case x == h && link != nil:
			return link
		case x == h || x.trigger == nil || !onSameDevice(x.event, e):
		case i > at && x.takes() != h.takes():
			return addr
		case !near(x.event, e):
		case i > at && x.event.Link != nil && x.fits(e) && x.comesLast():
			return x
		case i < at && x.event.Link != nil && x.fits(e):
			if link == nil {
				link = x
			}
		case i < at && x.event.Link != nil && x.otherState():
			link = nil
		case x.event.Addr != nil && e.Route != nil && x.bringsRoute(e):
			addr = x
		}
	}
	return addr
}

// otherState reports whether a device came, went, went up or down, or got or lost its carrier.
func (h *happening) otherState() bool {
	x := &h.trigger.Object
	return x.Before == nil || x.After == nil || x.Before.Link.State != x.After.Link.State
}

// The times between a change of a device or an address and what the kernel does because of it.
const (
	// effectTime is how long after the change it may come.
	effectTime = time.Second
	// noticeTime is how long before it may come.
	noticeTime = 200 * time.Millisecond
)

// near reports whether the kernel may have caused an event by another one. In a history, many
// events wait for the next state, and most have nothing to do with each other.
func near(cause, e *route.Event) bool {
	late := e.Time.Sub(cause.Time)
	return late <= effectTime && late >= -noticeTime
}

// bringsRoute reports whether a change of an address explains a change of a route. A router
// advertisement renews the lifetimes of addresses, but its routes do not follow from them.
func (h *happening) bringsRoute(e *route.Event) bool {
	if h.event.Gone != e.Gone || route.FamilyOf(h.event.Addr.Prefix.Addr()) != e.Route.Family() || e.Route.Protocol == route.ProtocolRA {
		return false
	}
	return e.Gone || e.Route.Protocol == route.ProtocolKernel && h.changed()
}

// changed reports whether an event shows anything new.
func (h *happening) changed() bool {
	x := &h.trigger.Object
	switch {
	case x.Before == nil || x.After == nil:
		return true
	case x.Before.Address != nil && x.After.Address != nil:
		return *x.Before.Address != *x.After.Address
	}
	return true
}

// onSameDevice reports whether a change of a device, an address or a route concerns the device
// that a route or an address is on.
func onSameDevice(x, e *route.Event) bool {
	switch {
	case x.Link != nil:
		return isOn(e, x.Link.Index)
	case x.Addr != nil:
		return isOn(e, x.Addr.Link)
	case x.Route != nil:
		return slices.ContainsFunc(x.Route.NextHops, func(h route.NextHop) bool { return isOn(e, h.Link) })
	}
	return false
}

// isOn reports whether a route or an address is on a device.
func isOn(e *route.Event, link int) bool {
	if e.Addr != nil {
		return e.Addr.Link == link
	}
	return slices.ContainsFunc(e.Route.NextHops, func(h route.NextHop) bool { return h.Link == link })
}

// fits reports whether a change of a device explains the event: a device that goes up
// makes the kernel add something, and any other change makes it remove something. Another
// name alone does neither. If a device stops using IPv6, the kernel removes what is of IPv6.
func (h *happening) fits(e *route.Event) bool {
	x := &h.trigger.Object
	if x.Before != nil && x.After != nil && x.Before.Link.Name != x.After.Link.Name {
		was := *x.Before.Link
		was.Name = x.After.Link.Name
		if was == *x.After.Link {
			return false
		}
	}
	if h.endsIPv6 {
		return e.Gone && (e.Route == nil || e.Route.Family() == route.IPv6) && (e.Addr == nil || e.Addr.Prefix.Addr().Is6())
	}
	up := x.After != nil && x.After.Link.State == "up"
	return up != e.Gone
}

// comesLast reports whether the kernel tells of a change of a device only after what it changes
// because of that: so it does if a device gets or loses the carrier (netdev_state_change) or is
// deleted, but not if it is made or set up or down (__dev_notify_flags).
func (h *happening) comesLast() bool {
	x := &h.trigger.Object
	return x.After == nil || x.Before != nil && (x.Before.Link.State == "down") == (x.After.Link.State == "down")
}

// mayCause reports whether an event may be why an answer is different, although the state in
// memory did not show it. It must be about something that the answer uses.
func (w *Watch) mayCause(h *happening, t *turn) bool {
	e, x := h.event, &w.Question.Asked[t.asked]
	switch {
	case e.Route != nil:
		return x.concerns(e.Route.Dst)
	case e.Addr != nil:
		return h.changed() && t.usesAddress(h.device(), e.Addr.Prefix.Addr())
	case e.Link != nil:
		return e.Link.VRFTable != 0 || e.Link.Master != 0 || t.usesDevice(h.device())
	case e.Neighbour != nil:
		return e.Port != 0
	}
	return true
}

// mayFollow reports whether an answer about packets of a family may be different because of a
// difference between two states. An address must be one that the answer uses, and a setting not
// one of the other family.
func (t *turn) mayFollow(x *report.Trigger, f route.Family) bool {
	thing := x.Object.Before
	if thing == nil {
		thing = x.Object.After
	}
	if thing != nil && thing.Setting != nil {
		other := "net/ipv6/"
		if f == route.IPv6 {
			other = "net/ipv4/"
		}
		return !strings.HasPrefix(thing.Setting.Name, other)
	}
	if thing == nil || thing.Address == nil {
		return true
	}
	return t.usesAddress(thing.Address.Dev, thing.Address.Address.Addr())
}

// usesAddress reports whether an address of a device is the answer's source, or another of
// the source's family on the answer's device.
func (t *turn) usesAddress(dev string, a netip.Addr) bool {
	return t.uses(func(d *report.Decision) bool {
		return d.Src == a || d.Src.IsValid() && d.Src.Is4() == a.Is4() && t.usesDevice(dev)
	})
}

// device is the name of the device that an event is about, before it.
func (h *happening) device() string {
	thing := h.trigger.Object.Before
	if thing == nil {
		thing = h.trigger.Object.After
	}
	switch {
	case thing.Link != nil:
		return thing.Link.Name
	case thing.Address != nil:
		return thing.Address.Dev
	}
	return ""
}

// uses reports whether something is true of the answer before or of the one after.
func (t *turn) uses(is func(*report.Decision) bool) bool {
	for _, a := range []*Answer{&t.before, &t.after} {
		if a.Line != nil && is(&a.Line.Decision) {
			return true
		}
	}
	return false
}

func (t *turn) usesDevice(name string) bool {
	return t.uses(func(d *report.Decision) bool {
		return slices.ContainsFunc(d.NextHops, func(n report.NextHop) bool { return n.Dev == name })
	})
}
