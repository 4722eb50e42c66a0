package load

import (
	std "context"
	"slices"
	"strings"
	"time"

	"routewhy/route"
)

// Source gives the content of the files in the way a kernel gives that of a host.
func (r *Result) Source() route.Source { return &source{r} }

// Of is a result that has a snapshot and its routes from somewhere else. Name says from where,
// and limit is how many bytes of memory its content may take. The time of the snapshot will be
// told in the local time zone.
func Of(s *route.Snapshot, routes *route.List, name string, limit int64) *Result {
	return &Result{Snapshot: s, Routes: routes, names: []string{name}, limit: limit, zone: time.Local}
}

// source is a route.Source of files that were read.
type source struct{ *Result }

// Limit is how many bytes of memory the files were allowed to take.
func (s *source) Limit() int64 { return s.limit }

// Close does nothing: the files were read and closed already.
func (*source) Close() error { return nil }

// Watch never sees a change: the files were read already.
func (*source) Watch(route.Query) route.Watch { return route.Still{} }

// Redirects gives none: what the kernel has learned is in no file.
func (*source) Redirects() map[route.Family]bool { return nil }

// Resolve gives no answer: there is no kernel to ask.
func (s *source) Resolve(std.Context, route.Flow) (route.Answer, error) {
	names := slices.Clone(s.names)
	for i := range names {
		if names[i] == Stdin {
			names[i] = "standard input"
		}
	}
	why := "nothing was cross-checked, the facts are from " + strings.Join(names, " and ")
	if !s.Snapshot.Time.IsZero() {
		why += s.Snapshot.Time.In(s.zone).Format(", as of 2006-01-02 15:04:05 MST")
	}
	return route.Answer{}, &route.NotAskedError{Why: why}
}

// Read gives what a query asks for. It always gives all settings of devices that the
// files have.
func (s *source) Read(ctx std.Context, q route.Query) (*route.Snapshot, error) {
	out := *s.Snapshot
	if q.NoNeighbours {
		out.Neighbours = nil
	}
	if !out.MarkersRead && (q.AllMarkers || q.Markers && out.AsksForMark()) && out.WhyLacks(route.FactMarkers, 0) == "" {
		out.Gaps = append(slices.Clone(out.Gaps), route.Gap{Fact: route.FactMarkers, Why: route.NotInFiles})
	}
	out.Sockets = slices.DeleteFunc(slices.Clone(out.Sockets), func(x route.Socket) bool { return !q.Takes(&x) })
	if q.Family != 0 {
		out.Addrs = slices.DeleteFunc(slices.Clone(out.Addrs), func(a route.Addr) bool {
			return route.FamilyOf(a.Prefix.Addr()) != q.Family
		})
		out.Rules = slices.DeleteFunc(slices.Clone(out.Rules), func(r route.Rule) bool { return r.Family != q.Family })
	}
	if q.NoRoutes {
		out.NextHops = nil
		return &out, ctx.Err()
	}
	each := q.Each
	if each == nil {
		each = func(r *route.Route) error {
			out.Routes = append(out.Routes, *r)
			return nil
		}
	}
	if err := s.Routes.Each(q.Keeps, each); err != nil {
		return nil, err
	}
	return &out, ctx.Err()
}
