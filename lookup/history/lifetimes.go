package history

import (
	"net/netip"
	"slices"
	"time"

	"routewhy/lookup"
	"routewhy/route"
)

// lifetimes are the IPv6 routes of a history to which somebody gave a lifetime. When it is over, the
// kernel does not use the route, but it deletes it, and sends an event, only some seconds later
// (fib6_age). Routes of router advertisements are left out, because they are renewed without an event.
type lifetimes []lifetime

// lifetime is a route and when it ends.
type lifetime struct {
	table route.Table
	dst   netip.Prefix
	route *route.Route
	end   time.Time
}

func hasLifetime(r *route.Route) bool {
	return r.Expires > 0 && r.Protocol != route.ProtocolRA && r.Protocol != route.ProtocolKernel
}

// lifetimesOf are those of a state at its time.
func lifetimesOf(f *lookup.FIB, at time.Time) (out lifetimes) {
	edit := f.Edit()
	for _, id := range edit.Tables(route.IPv6) {
		edit.Routes(route.IPv6, id, func(dst netip.Prefix, routes []*route.Route) bool {
			for _, r := range routes {
				if hasLifetime(r) {
					out = append(out, lifetime{id, dst, r, at.Add(r.Expires)})
				}
			}
			return true
		})
	}
	return out
}

// happened are those after an event.
func (l lifetimes) happened(e *route.Event) lifetimes {
	if e.Route == nil || e.Route.Family() != route.IPv6 {
		return l
	}
	l = slices.DeleteFunc(l, func(x lifetime) bool {
		return x.table == e.Route.Table && x.dst == e.Route.Dst && like(x.route, e.Route)
	})
	if !e.Gone && hasLifetime(e.Route) {
		l = append(l, lifetime{e.Route.Table, e.Route.Dst, e.Route, e.Time.Add(e.Route.Expires)})
	}
	return l
}

// maxSilence is how long nothing may be known between two moments of a history: a recorder that runs
// says so twice as often.
const maxSilence = time.Minute

// through are those that are known after a time without a moment. None is if the time is long or
// negative: the clock was set, or the machine was suspended, and lifetimes do not follow the clock.
func (l lifetimes) through(from, to time.Time) lifetimes {
	if late := to.Sub(from); late < 0 || late > maxSilence {
		return nil
	}
	return l
}

// first is when the first one ends; false: there is none.
func (l lifetimes) first() (end time.Time, ok bool) {
	for i := range l {
		if !ok || l[i].end.Before(end) {
			end, ok = l[i].end, true
		}
	}
	return end, ok
}

// aged is the state in which the routes have the rest of their lifetime.
func (l lifetimes) aged(f *lookup.FIB, now time.Time) *lookup.FIB {
	edit := f.Edit()
	for _, x := range l {
		at := edit.At(x.table, x.dst)
		i := slices.IndexFunc(at, func(r *route.Route) bool { return r.Expires > 0 && like(r, x.route) })
		if i >= 0 && x.end.After(now) {
			r := at[i].Clone()
			r.Expires = x.end.Sub(now)
			edit.Set(x.table, x.dst, replaced(at, i, &r))
		}
	}
	if !edit.Changed() {
		return f
	}
	return edit.FIB(f.Snapshot())
}

// over is the state in which the routes are over whose lifetime has ended, and those that are left.
func (l lifetimes) over(f *lookup.FIB, now time.Time) (*lookup.FIB, lifetimes) {
	var left lifetimes
	edit := f.Edit()
	for _, x := range l {
		if x.end.After(now) {
			left = append(left, x)
			continue
		}
		at := edit.At(x.table, x.dst)
		if i := slices.IndexFunc(at, func(r *route.Route) bool { return r.Expires > 0 && like(r, x.route) }); i >= 0 {
			r := at[i].Clone()
			r.Expires = min(x.end.Sub(now), -time.Nanosecond)
			edit.Set(x.table, x.dst, replaced(at, i, &r))
		}
	}
	if !edit.Changed() {
		return f, left
	}
	return edit.FIB(f.Snapshot()), left
}
