package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/history"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/load"
)

// openSource opens the source that the command line names, and saves a snapshot of it
// if the command line asks for one.
func openSource(ctx context.Context, o *options, s stdio) (route.Source, error) {
	src, err := o.source(s)
	if err == nil && o.save != "" {
		if err = saveSnapshot(ctx, o, src, s); err != nil {
			src.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	if o.json && len(o.tries) == 0 {
		o.packet.textNames()
		return route.TextNames(src), nil
	}
	return src, nil
}

func (o *options) source(s stdio) (route.Source, error) {
	if len(o.load) == 0 {
		return openHost(o.netns)
	}
	return loadFiles(o, s)
}

// loadFiles reads the files that the command line names.
func loadFiles(o *options, s stdio) (route.Source, error) {
	return loadWithin(o, o.memory(s), o.load, s)
}

// loadWithin reads files of one host, within limit bytes of memory.
func loadWithin(o *options, limit int64, files []string, s stdio) (route.Source, error) {
	if src, ok, err := o.loadPast(limit, files, s); ok {
		return src, err
	}
	r, err := load.Within(limit, s.Stdin, o.netns, files...)
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
	if len(r.PassedOver) > 0 {
		what := "network namespaces"
		if r.OtherHosts {
			what = "hosts or network namespaces"
		}
		fmt.Fprintf(s.Stderr, "routewhy: --load: listings of other %s were passed over, which --netns reads: %s\n", what,
			printable(strings.Join(r.PassedOver, ", ")))
	}
	return r.Source(), nil
}

// memory is how many bytes of memory the contents of files may take. It is less for
// --diff, which reads two sources.
func (o *options) memory(s stdio) int64 {
	return o.allMemory(s) / int64(max(1, len(o.sources)))
}

// allMemory is how many bytes all contents of files may take at one time. The garbage
// collector stays within about the same size, unless the user has set another limit for
// it.
func (o *options) allMemory(s stdio) int64 {
	limit := o.limit()
	if s.Room != 0 && s.Room < limit {
		limit = s.Room
	} else if s.env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
	return limit
}

// limit is how many bytes of memory the user allows.
func (o *options) limit() int64 {
	if o.loadLimit.given {
		return int64(o.loadLimit.value) << 20
	}
	return load.DefaultLimit
}

// loadError is the error that prevented reading the files. If another namespace was
// asked for, it also names the namespaces that the files have.
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

// overLimit adds how to raise the files' limit, if an error is about that limit.
func overLimit(err error) error {
	if errors.As(err, new(*route.LimitError)) {
		return loadError(err, 0)
	}
	return err
}

// openHost opens a network namespace for reading.
func openHost(netns string) (*kernel.Host, error) {
	host, err := kernel.Open(netns)
	if netns != "" && errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return nil, withHint(err, "sudo routewhy --netns "+unquoted(netns)+" ...")
	}
	return host, err
}

// goneNotice is how long it takes to notice that a namespace is gone.
const goneNotice = time.Second

// untilGone is a context that ends when the name of a host's namespace is deleted, or its
// process has ended. Otherwise the namespace would stay for as long as it is followed, and
// nothing would ever happen in it.
func untilGone(ctx context.Context, host *kernel.Host, netns string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if netns == "" {
		return ctx, func() { cancel(nil) }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(goneNotice)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if host.Gone(netns) {
				cancel(goneError(netns))
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// goneError is the end of a namespace, by what the user called it.
type goneError string

func (e goneError) Error() string {
	if strings.Trim(string(e), "0123456789") == "" {
		return fmt.Sprintf("process %s has ended: its network namespace is not followed any more", string(e))
	}
	return fmt.Sprintf("the network namespace %s was deleted", unquoted(string(e)))
}

// holdsTUN reports whether a process has a TUN or TAP device open.
func holdsTUN(pid int, dev string) bool { return kernel.HoldsTUN(os.DirFS("/proc"), pid, dev) }

// ownSessions are the remote logins that this process runs in.
func ownSessions() []route.Session { return kernel.FindSessions(os.DirFS("/proc"), os.Getpid()) }

// liveHost is a host whose events are followed.
type liveHost struct {
	*kernel.Follower
	host  *kernel.Host
	names *kernel.Requesters
	need  *lookup.Need
}

// follow starts to follow a host's events, before anything is read.
func follow(host *kernel.Host, q *history.Question) (*liveHost, error) {
	names := host.Requesters()
	f, err := host.Follow(route.Query{Family: q.Family(), Keep: q.Keeps}, names.Name, 0)
	if err != nil {
		names.Close()
		return nil, err
	}
	return &liveHost{f, host, names, q.Need()}, nil
}

func (l *liveHost) close() {
	l.Close()
	l.names.Close()
}

// Read reads everything that the questions need.
func (l *liveHost) Read(ctx context.Context) (*lookup.FIB, error) {
	return lookup.Read(ctx, l.host, l.need)
}

// recordedHost is a host that is recorded.
type recordedHost struct {
	*kernel.Follower
	host  *kernel.Host
	names *kernel.Requesters
}

// followAll starts to follow all events of a host.
func followAll(host *kernel.Host) (*recordedHost, error) {
	names := host.Requesters()
	f, err := host.Follow(route.Query{}, names.Name, 0)
	if err != nil {
		names.Close()
		return nil, err
	}
	return &recordedHost{f, host, names}, nil
}

func (l *recordedHost) close() {
	l.Close()
	l.names.Close()
}

// Read reads everything.
func (l *recordedHost) Read(ctx context.Context) (*route.Snapshot, *route.List, error) {
	routes := new(route.List)
	s, err := l.host.Read(ctx, route.Query{
		AllDevices: true,
		Each:       func(r *route.Route) error { routes.Add(r); return nil },
		Again:      func() { routes = new(route.List) },
	})
	return s, routes, err
}
