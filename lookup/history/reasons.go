package history

import (
	"slices"

	"routewhy/lookup/report"
)

// reasons are the changes that events tell of. What the kernel tells of one change of a device
// in several events is one reason.
func (w *Watch) reasons(because []*happening) []report.Trigger {
	var out []report.Trigger
	var last *happening
	told := map[*happening]bool{}
	for _, h := range because {
		if h.trigger == nil {
			continue
		}
		if h = w.deleted(h); told[h] {
			continue
		}
		told[h] = true
		if n := len(out); n > 0 && last.rises() && h.rises() && last.event.Link.Index == h.event.Link.Index {
			out[n-1].Object.After = h.trigger.Object.After
			if out[n-1].By == nil {
				out[n-1].By = h.trigger.By
			}
		} else {
			out = append(out, *h.trigger)
		}
		last = h
	}
	return out
}

// deleted is the deletion of the device that goes down in an event, if that came with it.
func (w *Watch) deleted(h *happening) *happening {
	if h.event.Link == nil || h.trigger.Object.After == nil || h.trigger.Object.After.Link.State != "down" {
		return h
	}
	at := slices.Index(w.recent, h)
	if at < 0 {
		return h
	}
	for _, x := range w.recent[at:] {
		if x.trigger != nil && x.event.Link != nil && x.event.Gone && x.event.Link.Index == h.event.Link.Index {
			return x
		}
	}
	return h
}

// rises reports whether a device that was there before comes up in an event, or stays as it is.
func (h *happening) rises() bool {
	x := &h.trigger.Object
	if h.event.Link == nil || x.Before == nil || x.After == nil || x.Before.Link.Name != x.After.Link.Name || x.Before.Link.Master != x.After.Link.Master {
		return false
	}
	order := []string{"down", "no-carrier", "up"}
	return slices.Index(order, x.Before.Link.State) <= slices.Index(order, x.After.Link.State)
}

// named are the recent events by which a device came, went or got another name, if a question
// cannot be asked, or could not be asked before, because it names a device.
func (w *Watch) named(t *turn) []*happening {
	if t.before.Line != nil && t.after.Line != nil {
		return nil
	}
	p := &w.Question.Packet
	asked := []string{p.Iif, p.Oif, p.VRF, w.Question.Asked[t.asked].To.Zone}
	var out []*happening
	for _, h := range w.recent {
		if h.trigger == nil || h.event.Link == nil {
			continue
		}
		was, is := "", ""
		if x := h.trigger.Object.Before; x != nil {
			was = x.Link.Name
		}
		if x := h.trigger.Object.After; x != nil {
			is = x.Link.Name
		}
		if was != is && (was != "" && slices.Contains(asked, was) || is != "" && slices.Contains(asked, is)) {
			out = append(out, h)
		}
	}
	return out[max(len(out)-maxFound, 0):]
}
