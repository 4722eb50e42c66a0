package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"

	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/load"
)

// source is where the facts come from: the running kernel, or files.
type source interface {
	Read(context.Context, kernel.Want) (*route.Snapshot, error)
	Resolve(context.Context, route.Flow) (route.Answer, error)
	// Redirects says for which families gateways may have been learnt from ICMP
	// redirects.
	Redirects() map[route.Family]bool
	Watch(kernel.Want) *kernel.Watch
	io.Closer
}

// openSource opens what the command line names, and saves a snapshot of it
// where it says so.
func openSource(ctx context.Context, o *options, s stdio) (source, error) {
	src, err := o.source(s)
	if err == nil && o.save != "" {
		if err = saveSnapshot(ctx, o, src, s); err != nil {
			src.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	return src, nil
}

func (o *options) source(s stdio) (source, error) {
	if len(o.load) == 0 {
		return openHost(o.netns)
	}
	return loadFiles(o, s)
}

// loadFiles reads the files that the command line names.
func loadFiles(o *options, s stdio) (source, error) {
	r, err := load.Within(o.memory(s), s.Stdin, o.netns, o.load...)
	if err != nil {
		return nil, loadError(err, s.Room)
	}
	if o.strict && len(r.Faults) > 0 {
		return nil, fmt.Errorf("--load: %w", r.Faults[0])
	}
	for _, f := range r.Faults {
		fmt.Fprintf(s.Stderr, "routewhy: --load: %s\n", printable(f.Error()))
	}
	if r.MoreFaults > 0 {
		fmt.Fprintf(s.Stderr, "routewhy: --load: and %d more\n", r.MoreFaults)
	}
	return &loaded{r.Snapshot, r.Routes, o.load}, nil
}

// memory is how many bytes what is read of files may take; --diff reads two. The
// garbage collector keeps to about as much, unless the user has told it something
// else.
func (o *options) memory(s stdio) int64 {
	limit := int64(load.DefaultLimit)
	if o.loadLimit.given {
		limit = int64(o.loadLimit.value) << 20
	}
	if s.Room != 0 && s.Room < limit {
		limit = s.Room
	} else if s.env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	return limit / int64(max(1, len(o.sources)))
}

// loadError is what kept files from being read, and which namespaces they tell
// of where another one was asked for.
func loadError(err error, room int64) error {
	var unknown *load.NamespaceError
	if limit := new(route.LimitError); errors.As(err, &limit) {
		if room != 0 && limit.Limit<<1 > room {
			return withHint(fmt.Errorf("--load: %w", err), "RLIMIT_AS (ulimit -v) allows the process no more")
		}
		return withHint(fmt.Errorf("--load: %w", err), fmt.Sprintf("--load-limit %d allows twice as much", limit.Limit>>19))
	}
	if errors.As(err, &unknown) && len(unknown.Known) > 0 {
		return withHint(fmt.Errorf("--load: %w", err), "they have "+strings.Join(unknown.Known, ", ")+", and the host's own without --netns")
	}
	return fmt.Errorf("--load: %w", err)
}

// loaded is a source that was read from files.
type loaded struct {
	snap   *route.Snapshot // without its routes
	routes *route.List
	names  []string
}

func (*loaded) Close() error { return nil }

// Watch is of files, which were read already.
func (*loaded) Watch(kernel.Want) *kernel.Watch { return new(kernel.Watch) }

// Redirects says none: what the kernel has learnt is in no file.
func (*loaded) Redirects() map[route.Family]bool { return nil }

// Resolve does not: there is no kernel to ask.
func (l *loaded) Resolve(context.Context, route.Flow) (route.Answer, error) {
	names := slices.Clone(l.names)
	for i := range names {
		if names[i] == load.Stdin {
			names[i] = "standard input"
		}
	}
	why := "nothing was cross-checked, the facts are from " + strings.Join(names, " and ")
	if !l.snap.Time.IsZero() {
		why += l.snap.Time.UTC().Format(", as of 2006-01-02 15:04:05 UTC")
	}
	return route.Answer{}, &kernel.NotAskedError{Why: why}
}

// Read gives of the files what [kernel.Host.Read] would give of a kernel.
func (l *loaded) Read(ctx context.Context, w kernel.Want) (*route.Snapshot, error) {
	s := *l.snap
	if w.NoNeighbours {
		s.Neighbours = nil
	}
	s.Sockets = wantedSockets(l.snap.Sockets, &w)
	if w.Family != 0 {
		s.Addrs = slices.DeleteFunc(slices.Clone(s.Addrs), func(a route.Addr) bool {
			return route.FamilyOf(a.Prefix.Addr()) != w.Family
		})
		s.Rules = slices.DeleteFunc(slices.Clone(s.Rules), func(r route.Rule) bool { return r.Family != w.Family })
	}
	if w.NoRoutes {
		s.NextHops = nil
		return &s, ctx.Err()
	}
	return &s, l.readRoutes(ctx, &s, &w)
}

func (l *loaded) readRoutes(ctx context.Context, s *route.Snapshot, w *kernel.Want) error {
	keep := func(t route.Table, dst netip.Prefix) bool {
		return (w.Family == 0 || route.FamilyOf(dst.Addr()) == w.Family) && (w.Table == 0 || t == w.Table) &&
			(w.Keep == nil || w.Keep(t, dst))
	}
	each := w.Each
	if each == nil {
		each = func(r *route.Route) error {
			s.Routes = append(s.Routes, *r)
			return nil
		}
	}
	if err := l.routes.Each(keep, each); err != nil {
		return err
	}
	return ctx.Err()
}

func wantedSockets(all []route.Socket, w *kernel.Want) []route.Socket {
	return slices.DeleteFunc(slices.Clone(all), func(x route.Socket) bool {
		return w.Sockets == kernel.NoSockets || w.Sockets == kernel.Listening && !x.Listens() && x.Proto == route.ProtoTCP ||
			w.Port != 0 && x.Local.Port() != w.Port
	})
}
