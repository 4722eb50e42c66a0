package history

import (
	"slices"

	"routewhy/route"
)

// grouped are the pending changes. If several of them follow from one change of a device
// or an address, they become one.
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
		if p := last[t.asked]; p != nil && len(t.because) == 1 && slices.Equal(p.because, t.because) && w.brings(t.because[0]) {
			p.after = t.after
			continue
		}
		last[t.asked] = t
		out = append(out, t)
	}
	return slices.DeleteFunc(out, func(t *turn) bool { return t.before.same(&t.after) })
}

// brings reports whether an event causes other events.
func (w *Watch) brings(h *happening) bool { return h.event.Link != nil || h.event.Addr != nil }

// root is the change of a device or an address because of which the kernel itself
// changed a route or an address; nil: there is none among the recent changes.
func (w *Watch) root(h *happening) *happening {
	e := h.event
	if h.trigger == nil || !h.trigger.Kernel || e.Route == nil && e.Addr == nil {
		return nil
	}
	var best *happening
	for _, x := range w.recent {
		if x == h || x.trigger == nil || !onSameDevice(x.event, e) {
			continue
		}
		switch {
		case x.event.Link != nil && x.fits(e):
			return x
		case x.event.Addr != nil && e.Route != nil && x.event.Gone == e.Gone && route.FamilyOf(x.event.Addr.Prefix.Addr()) == e.Route.Family():
			best = x
		}
	}
	return best
}

// onSameDevice reports whether a change of a device or an address concerns the device
// that a route or an address is on.
func onSameDevice(x, e *route.Event) bool {
	link := 0
	switch {
	case x.Link != nil:
		link = x.Link.Index
	case x.Addr != nil:
		link = x.Addr.Link
	}
	if e.Addr != nil {
		return e.Addr.Link == link
	}
	return slices.ContainsFunc(e.Route.NextHops, func(h route.NextHop) bool { return h.Link == link })
}

// fits reports whether a change of a device explains the event: a device that goes up
// makes the kernel add something, and any other change makes it remove something.
func (h *happening) fits(e *route.Event) bool {
	up := h.trigger.Object.After != nil && h.trigger.Object.After.Link.State == "up"
	return up != e.Gone
}
