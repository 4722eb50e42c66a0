package history

import (
	"net/netip"
	"slices"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// firstExpiry is when the first route of an answer expires; zero: none does. From then on the
// kernel does not use the route, but it deletes it, and sends an event, only some seconds later
// (fib6_age). In a history, the events alone tell it.
func (w *Watch) firstExpiry() time.Time {
	var first time.Time
	if !w.clock.IsZero() {
		return first
	}
	for i := range w.answers {
		a := &w.answers[i]
		if a.Line == nil || a.Line.Decision.Route == nil || a.Line.Decision.Route.Expires == nil {
			continue
		}
		left := time.Duration(*a.Line.Decision.Route.Expires)*time.Second + expirySlack
		if at := w.last.Add(left); left > 0 && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// expirySlack is how much longer a route may live than an answer says, which has full seconds.
const expirySlack = 1100 * time.Millisecond

// expired are the routes that concern a question and have expired between two states, although
// the kernel has not deleted them yet, and those that were renewed after that. The kernel sends
// no event about either.
func expired(before, after *lookup.FIB, x *Asked) []report.Trigger {
	var out []report.Trigger
	edit, old := after.Edit(), before.Edit()
	for _, id := range edit.Tables(route.IPv6) {
		edit.Routes(route.IPv6, id, func(dst netip.Prefix, routes []*route.Route) bool {
			if !x.concerns(dst) {
				return true
			}
			for _, r := range routes {
				if slices.ContainsFunc(old.At(id, dst), func(o *route.Route) bool { return (o.Expires < 0) != (r.Expires < 0) && sameEntry(o, r) }) {
					full := r.Clone()
					full.Dst = dst
					out = append(out, *report.NewTrigger(before, after, &route.Event{Route: &full, Gone: r.Expires < 0}))
				}
			}
			return len(out) < maxFound
		})
	}
	return out
}

// sameEntry reports whether two routes of different times are the same one. The kernel sets what a
// router advertisement says of hop limit and MTU after the event of its route
// (ndisc_router_discovery).
func sameEntry(a, b *route.Route) bool {
	if a.Protocol != route.ProtocolRA || b.Protocol != route.ProtocolRA {
		return like(a, b)
	}
	x := *a
	x.Metrics = b.Metrics
	return like(&x, b)
}
