package record

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"routewhy/route"
)

// Source is a host that is recorded.
type Source interface {
	// Read reads everything.
	Read(context.Context) (*route.Snapshot, *route.List, error)
	// Take returns the events so far without waiting, and Ready gives a value after events
	// came.
	Take() ([]route.Event, error)
	Ready() <-chan struct{}
}

// Recorder records a host.
type Recorder struct {
	Source Source
	Writer *Writer
	// Every is how often a snapshot is written even if nothing happened.
	Every time.Duration

	links      map[int]*route.Link
	neighbours map[neighbourKey]health
	// wanted says since when a new snapshot is wanted, because something happened that the
	// kernel does not report whole; zero: none is. Urgent says that events were lost.
	wanted  time.Time
	urgent  bool
	quiet   time.Time // when the last such thing happened
	key     time.Time // when the last snapshot was written
	took    time.Duration
	written time.Time // when something was written last
	synced  time.Time
	flushed time.Time
	beaten  time.Time // when the recorder last wrote that it runs
	// uptime is a clock that nobody sets and that goes on while the machine is suspended; nil:
	// the system's.
	uptime  func() time.Duration
	checked time.Time // when it last looked whether its files are still there
}

type neighbourKey struct {
	link int
	addr netip.Addr
}

// health is what matters of a neighbour's state.
type health uint8

const (
	unsure health = iota
	answers
	failed
)

// The times of a recorder.
const (
	// tick is how often the recorder writes that it runs.
	tick = time.Second
	// stillAfter is how much longer than it should the recorder may wait. If it takes longer, it
	// did not run, and nothing is known of that time.
	stillAfter = 3 * tick
	// flushEvery is how long an event waits until it is written, at most. One that comes after
	// a longer pause does not wait.
	flushEvery = 200 * time.Millisecond
	// naming is how long after its time an event may come, because its process is being
	// named.
	naming = 50 * time.Millisecond
	// syncEvery is how often what was written is made to survive a power cut.
	syncEvery = 15 * time.Second
	// aliveEvery is how often the recorder writes that nothing has happened.
	aliveEvery = 30 * time.Second
	// calm is how long nothing more must have happened before a snapshot is written, and
	// impatient how long it waits for that.
	calm      = time.Second
	impatient = 10 * time.Second
	// keyRate is how many bytes a second snapshots may take, on average, because of events
	// that were not lost.
	keyRate = 4 << 10
	// readShare times the duration of a reading is the pause before the next one.
	readShare = 10
	// maxTries is how often everything is read again in a row because it changed during the
	// reading.
	maxTries = 3
)

// Run records until ctx ends, and returns its cause as the error. It ends before if the
// source fails or nothing can be written.
func (r *Recorder) Run(ctx context.Context) error {
	r.synced = time.Now()
	r.know(new(route.Snapshot))
	if err := r.snapshot(ctx, true); err != nil {
		return err
	}
	for {
		if since, still := r.wait(ctx); still {
			if err := r.resume(context.WithoutCancel(ctx), since); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), r.take())
		}
		until := time.Now().Add(-naming)
		if err := r.take(); err != nil {
			return err
		}
		now := time.Now()
		if err := r.write(ctx, now); err != nil {
			return err
		}
		if now.Sub(r.checked) >= tick {
			if err := r.Writer.Check(); err != nil {
				return err
			}
			r.checked = now
		}
		if now.Sub(r.beaten) >= tick || r.flushed.Equal(now) {
			r.beaten = now
			_ = r.Writer.Beat(until) // without it, readers know less
		}
	}
}

// wait waits until there is something to do. It gives since when, and reports whether the recorder
// stood still meanwhile: it was stopped by a signal, its control group was frozen, or the machine was
// suspended.
func (r *Recorder) wait(ctx context.Context) (since time.Time, still bool) {
	since = time.Now()
	began, pause := r.clock(), r.pause(since)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.Source.Ready():
	case <-timer.C:
	}
	return since, r.clock()-began > pause+stillAfter
}

// clock is a clock that nobody sets.
func (r *Recorder) clock() time.Duration {
	if r.uptime != nil {
		return r.uptime()
	}
	return uptime()
}

// resume goes on after the recorder stood still since a time. The events of the time after that are
// left out, because they have the time at which they were received. What they changed is read.
func (r *Recorder) resume(ctx context.Context, since time.Time) error {
	events, err := r.Source.Take()
	if err != nil {
		return err
	}
	before := slices.DeleteFunc(events, func(e route.Event) bool { return e.Lost || e.Time.After(since) })
	if err := errors.Join(r.record(before), r.Writer.Interrupt(since)); err != nil {
		return err
	}
	r.key = time.Time{}
	return r.snapshot(ctx, false)
}

// pause is how long to wait if nothing happens.
func (r *Recorder) pause(now time.Time) time.Duration {
	if r.Writer.Pending() {
		return max(0, flushEvery-now.Sub(r.flushed))
	}
	return tick
}

// write writes what should be written by now.
func (r *Recorder) write(ctx context.Context, now time.Time) error {
	switch full := r.Writer.Full(); {
	case full || r.due(now):
		return r.snapshot(ctx, full)
	case now.Sub(r.written) >= aliveEvery:
		r.written = now
		if err := r.Writer.Alive(now); err != nil {
			return err
		}
	}
	if now.Sub(r.synced) >= syncEvery {
		r.synced = now
		return r.Writer.Sync()
	}
	if r.Writer.Pending() && now.Sub(r.flushed) >= flushEvery {
		r.flushed = now
		return r.Writer.Flush()
	}
	return nil
}

// due reports whether a snapshot should be written.
func (r *Recorder) due(now time.Time) bool {
	since := now.Sub(r.key)
	switch {
	case since < readShare*r.took:
		return false
	case r.urgent:
		return true
	case since < time.Duration(r.Writer.SnapshotSize())*time.Second/keyRate:
		return false
	case r.wanted.IsZero():
		return r.Every > 0 && since >= r.Every
	}
	return now.Sub(r.quiet) >= calm || now.Sub(r.wanted) >= impatient
}

// snapshot reads everything and writes it. Events that came during the reading come after
// it: where it has them already, they change nothing.
func (r *Recorder) snapshot(ctx context.Context, fresh bool) error {
	var s *route.Snapshot
	var routes *route.List
	for try := 1; ; try++ {
		if !r.key.IsZero() { // the record begins with a snapshot, also after a gap
			if err := errors.Join(r.take(), r.Writer.Flush()); err != nil {
				return err
			}
		} else if _, err := r.Source.Take(); err != nil {
			return err
		}
		r.wanted, r.urgent = time.Time{}, false
		began := time.Now()
		var err error
		if s, routes, err = r.Source.Read(ctx); err != nil {
			return err
		}
		r.took = time.Since(began)
		events, err := r.Source.Take()
		if err != nil {
			return err
		}
		steady := len(events) == 0 && !s.Changed
		if steady || try == maxTries || r.took > tick {
			if err := r.Writer.Snapshot(s, routes, fresh); err != nil {
				return err
			}
			r.know(s)
			if err := r.record(events); err != nil {
				return err
			}
			break
		}
		if r.key.IsZero() { // the record begins with a snapshot
			continue
		}
		if err := r.record(events); err != nil {
			return err
		}
	}
	r.key = time.Now()
	r.written, r.synced = r.key, r.key
	return r.Writer.Sync()
}

// know remembers what events are compared with.
func (r *Recorder) know(s *route.Snapshot) {
	r.links, r.neighbours = map[int]*route.Link{}, map[neighbourKey]health{}
	for i := range s.Links {
		r.links[s.Links[i].Index] = &s.Links[i]
	}
	for i := range s.Neighbours {
		n := &s.Neighbours[i]
		r.neighbours[neighbourKey{n.Link, n.Addr}] = healthOf(n, false)
	}
}

func healthOf(n *route.Neighbour, gone bool) health {
	switch {
	case !gone && n.State == route.NeighbourFailed:
		return failed
	case !gone && n.State.Valid():
		return answers
	}
	return unsure
}

// take records the events that came.
func (r *Recorder) take() error {
	events, err := r.Source.Take()
	if err != nil {
		return err
	}
	return r.record(events)
}

func (r *Recorder) record(events []route.Event) error {
	for i := range events {
		if err := r.event(&events[i]); err != nil {
			return err
		}
	}
	return nil
}

// event records an event, unless it tells nothing new.
func (r *Recorder) event(e *route.Event) error {
	if e.Lost {
		r.urgent = true
	}
	if !r.isNew(e) {
		return nil
	}
	if e.Route == nil && e.Neighbour == nil {
		if r.quiet = time.Now(); r.wanted.IsZero() {
			r.wanted = r.quiet
		}
	}
	r.written = time.Now()
	return r.Writer.Event(e)
}

// isNew reports whether an event tells something new. Many tell that a device has sent more
// packets, or that a neighbour was looked for again.
func (r *Recorder) isNew(e *route.Event) bool {
	switch {
	case e.Link != nil:
		old := r.links[e.Link.Index]
		if e.Gone {
			delete(r.links, e.Link.Index)
			return true
		}
		r.links[e.Link.Index] = e.Link
		return old == nil || !reflect.DeepEqual(old, e.Link)
	case e.Neighbour != nil:
		k, h := neighbourKey{e.Neighbour.Link, e.Neighbour.Addr}, healthOf(e.Neighbour, e.Gone)
		old, known := r.neighbours[k]
		if e.Gone {
			delete(r.neighbours, k)
		} else if known || len(r.neighbours) < maxNeighbours {
			r.neighbours[k] = h
		}
		return !known || old != h
	}
	return true
}

// maxNeighbours limits how many neighbours are remembered.
const maxNeighbours = 1 << 16
