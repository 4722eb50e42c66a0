package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/lookup/report"
	"routewhy/route"
)

// diff shows how two sources differ, and for which destinations.
func diff(ctx context.Context, o *options, s stdio) error {
	var hosts [2]*coverage.Host
	var errs [2]error
	var faults [2]bytes.Buffer
	var wait sync.WaitGroup
	for i, name := range o.sources {
		own := s
		own.Stderr = &faults[i]
		wait.Go(func() { hosts[i], errs[i] = wholeHost(ctx, o, name, own) })
	}
	wait.Wait()
	for i := range faults {
		if _, err := faults[i].WriteTo(s.Stderr); err != nil {
			return err
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if err := o.comparable(hosts); err != nil {
		return err
	}
	d := report.NewDiff(hosts[0], hosts[1], families(o.family))
	s.tell(d)
	var err error
	if o.json {
		err = text.DiffJSON(s.Stdout, d)
	} else {
		err = text.Diff(s.Stdout, d, o.style(s))
	}
	if status := d.Status(); err == nil && status != report.StatusAnswered {
		return statusError(status)
	}
	return err
}

// comparable refuses hosts with very many IPv6 addresses, because for each range of
// destinations the source is chosen among all addresses of a device.
func (o *options) comparable(hosts [2]*coverage.Host) error {
	if o.family == route.IPv4 {
		return nil
	}
	ranges, most := 0, 0
	for _, h := range hosts {
		ofLink := map[int]int{}
		for _, a := range h.FIB.Snapshot().Addrs {
			if a.Prefix.Addr().Is6() {
				ranges += 4
				ofLink[a.Link]++
				most = max(most, ofLink[a.Link])
			}
		}
		for i := range h.Routes.Len() {
			if dst, _ := h.Routes.At(i); dst.Addr().Is6() {
				ranges += 2
			}
		}
	}
	if int64(ranges)*int64(most) <= 2*o.limit() || coverage.Alike(hosts[0], hosts[1]) {
		return nil
	}
	return withHint(fmt.Errorf("--diff: a device has %d IPv6 addresses, which is too much where each of %d ranges chooses among them", most, ranges),
		fmt.Sprintf("--load-limit %d allows twice as much; -4 leaves IPv6 out", o.limit()>>19))
}

// isLive reports whether a source is the running host.
func isLive(name string) bool { return name == "-" || name == "live" }

// wholeHost reads everything from one of the two sources; "-" or "live" is the
// running host.
func wholeHost(ctx context.Context, o *options, name string, s stdio) (*coverage.Host, error) {
	var src route.Source
	var err error
	if isLive(name) {
		src, err = openHost(o.netns)
	} else {
		one := *o
		one.load = []string{name}
		if slices.ContainsFunc(o.sources, isLive) {
			one.netns = "" // --netns is for the running host only
		}
		src, err = loadFiles(&one, s)
	}
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if o.json {
		src = route.TextNames(src)
	}
	routes := new(route.List)
	fib, err := lookup.Read(ctx, src, &lookup.Need{
		Query: route.Query{AllDevices: true},
		Each:  func(r *route.Route) error { routes.Add(r); return nil },
		Again: func() { routes = new(route.List) },
	})
	if err != nil {
		return nil, err
	}
	return &coverage.Host{FIB: fib, Routes: routes}, nil
}
