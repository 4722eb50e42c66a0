package record

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// End is how a record ends.
type End struct {
	// Time is until when the record tells all that happened. The zero value: it tells nothing.
	Time time.Time
	// Kind is what is known of the end.
	Kind EndKind
}

// EndKind is what is known of the end of a record.
type EndKind uint8

// The kinds of ends.
const (
	// EndUnknown: nothing is known. This is the zero value, and so of a file of rtmon, of a
	// segment alone, and of a record whose lock cannot be read.
	EndUnknown EndKind = iota
	// EndRunning: a recorder is writing to the record.
	EndRunning
	// EndStopped: the recorder ended in good order at that time.
	EndStopped
	// EndBroken: no recorder is running, and the last one did not write that it ended. It was
	// killed, the power was cut, or it could not write.
	EndBroken
)

// End is how the record ends, as it was when the record was opened.
func (r *Record) End() End {
	if r.monitor != nil {
		return End{Time: r.monitor.last}
	}
	return r.end
}

// Await waits until the recorder that is running has written all that happened until a time, but no
// longer than a limit. If none is running, it does not wait.
func Await(ctx context.Context, dir string, until time.Time, limit time.Duration) {
	over := time.After(limit)
	for {
		w := watchedIn(dir)
		if !w.running || w.beat != nil && !w.beat.time.Before(until) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-time.After(awaitEvery):
		}
	}
}

// awaitEvery is how often Await looks.
const awaitEvery = 50 * time.Millisecond

// watched is whether a recorder is running, and its last beat. Known says that the lock could be
// read, which says for certain that none is running.
type watched struct {
	known, running bool
	beat           *beat
}

func watchedIn(dir string) watched {
	w := watched{beat: lastBeat(dir)}
	f, err := os.Open(filepath.Join(dir, lockName))
	if err == nil {
		defer f.Close()
		w.running, err = locked(f)
	}
	w.known = err == nil
	// Only who may write to the record may read the lock.
	if unsure := !w.known || !w.running && hidesLocks(f); unsure && w.beat != nil {
		w.running = w.beat.recent(time.Now())
	}
	return w
}

// unwritten reports whether something that is missing in the last segment is what the recorder
// is just writing.
func (w *watched) unwritten(number int, e *entry) bool {
	return w.running && e.missing && w.beat != nil && (number > w.beat.number || number == w.beat.number && e.at >= w.beat.size)
}

// findEnd finds out how the record ends.
func (r *Record) findEnd(w watched) error {
	_, last, ok := r.Span()
	if !ok {
		return nil
	}
	s := &r.segments[len(r.segments)-1]
	number := numberOf(s.name)
	if n := len(s.entries); n > 0 && w.unwritten(number, &s.entries[n-1]) {
		s.entries = s.entries[:n-1]
	}
	var e entry // the last one
	if n := len(s.entries); n > 0 {
		e = s.entries[n-1]
	}
	r.end.Time = last
	if err := r.endOfEvents(); err != nil {
		return err
	}
	switch {
	case w.running:
		r.end.Kind = EndRunning
	case e.kind == kindEnd:
		r.end.Kind = EndStopped
	case w.known:
		r.end.Kind = EndBroken
	}
	if b := w.beat; b != nil && b.number == number && r.end.Kind != EndStopped && (b.time.After(r.end.Time) || b.afterStep(s, r.end.Time)) {
		if s.size >= b.size && (!e.missing || e.at >= b.size) {
			r.end.Time = b.time
		}
	}
	return nil
}

// afterStep reports whether a beat is the last thing although its time is before that of the last
// frame, because the clock was set back between them.
func (b *beat) afterStep(s *segment, last time.Time) bool {
	return b.size == s.size && last.Sub(b.time) > tick
}

// endOfEvents moves the end to the last event, if a frame of events is the last one that can be
// read. The time of the frame is that of its first event.
func (r *Record) endOfEvents() error {
	for i := range slices.Backward(r.segments) {
		s := &r.segments[i]
		for k := range slices.Backward(s.entries) {
			e := &s.entries[k]
			switch {
			case e.missing:
				continue
			case e.kind == kindEvents:
				return r.endAfter(s.name, e)
			}
			return nil
		}
	}
	return nil
}

// endAfter moves the end to the last of a frame's events.
func (r *Record) endAfter(name string, e *entry) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	p := &player{yield: func(s Step, err error) bool {
		if err == nil && s.Time.After(r.end.Time) {
			r.end.Time = s.Time
		}
		return true
	}}
	_, _ = p.events(f, e) // a fault is told when the record is played
	return nil
}
