package record

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestEnd checks until when a record is known, and what is known of its end.
func TestEnd(t *testing.T) {
	dir := t.TempDir()
	segment := filepath.Join(dir, "00000001"+Suffix)
	check := func(what, path string, want int, kind EndKind) {
		t.Helper()
		r, err := Open(path, nil)
		must(t, err)
		if got := r.End(); !got.Time.Equal(after(want)) || got.Kind != kind {
			t.Errorf("%s: it ends after %s, kind %d; want %ds, kind %d", what, got.Time.Sub(start()), got.Kind, want, kind)
		}
	}
	w := create(t, dir, Limits{})
	s, routes := snapshot(after(0), 1)
	must(t, w.Snapshot(s, routes, false), w.Event(event(1)), w.Event(event(2)))
	check("events that are not written", dir, 0, EndRunning)
	must(t, w.Beat(after(3)))
	check("a beat before its events", dir, 0, EndRunning)
	must(t, w.Flush())
	check("two events in a frame", dir, 2, EndRunning)
	must(t, w.Beat(after(30)))
	check("a beat", dir, 30, EndRunning)
	check("a segment alone", segment, 2, EndUnknown)
	must(t, w.Event(event(40)), w.Flush(), w.Close(after(50), true)) // as if it had been killed
	check("killed after an event", dir, 40, EndBroken)
	info, err := os.Stat(segment)
	must(t, err)
	must(t, os.Truncate(segment, info.Size()-1))
	check("the last frame was cut off", dir, 30, EndBroken)

	w = create(t, dir, Limits{})
	check("another recorder before its snapshot", dir, 30, EndRunning)
	s, routes = snapshot(after(100), 1)
	must(t, w.Snapshot(s, routes, false), w.Beat(after(109)), w.Close(after(110), false))
	check("stopped", dir, 110, EndStopped)

	w = create(t, dir, Limits{})
	s, routes = snapshot(after(200), 1)
	must(t, w.Snapshot(s, routes, false), w.Event(event(201)), w.Flush(), w.Beat(after(209)), w.Close(after(210), true))
	check("killed after a beat", dir, 209, EndBroken)
	third := filepath.Join(dir, "00000003"+Suffix)
	whole, err := os.ReadFile(third)
	must(t, err)
	events := len(whole) - len(frameBytes(kindEvents, after(201), nil)) // somewhere in the last frame
	must(t, os.Truncate(third, int64(events)))
	check("a power cut after a beat", dir, 200, EndBroken)
	must(t, os.WriteFile(third, whole, 0o600))
	w = create(t, dir, Limits{})
	s, routes = snapshot(after(300), 1)
	must(t, w.Snapshot(s, routes, false), w.Beat(after(301)), w.Close(after(302), true))
	if got := told(t, dir, after(201)); got != "200:1 routes, 201:10.0.0.201, 209:alive, 300:gap from 209 false, 300:1 routes" {
		t.Errorf("after another recorder: %s", got)
	}
	check("killed after a gap", dir, 301, EndBroken)
	must(t, os.Remove(filepath.Join(dir, lockName)))
	check("copied without the lock", dir, 301, EndUnknown)
}

// TestClockSetBack checks a record of two recorders' worth of time after the clock was set back:
// what comes next is looked ahead for, the record begins at the earliest time, and a beat that is
// earlier than the last frame is its end.
func TestClockSetBack(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Limits{})
	s, routes := snapshot(after(100), 1)
	must(t, w.Snapshot(s, routes, false), w.Alive(after(130)), w.Beat(after(90)))
	r, err := Open(dir, nil)
	must(t, err)
	if got := r.End().Time; !got.Equal(after(90)) {
		t.Errorf("after a beat it ends after %s", got.Sub(start()))
	}
	must(t, w.Event(event(95)), w.Flush(), w.Alive(after(120)))
	r, err = Open(dir, nil)
	must(t, err)
	if first, _, _ := r.Span(); !first.Equal(after(95)) {
		t.Errorf("it begins after %s", first.Sub(start()))
	}
	var next []int
	for s, err := range r.Steps(after(100), 1<<20) {
		must(t, err)
		next = append(next, int(s.Next.Sub(start())/time.Second))
	}
	if len(next) != 4 || !slices.Equal(next[:3], []int{95, 95, 120}) {
		t.Errorf("the earliest times of what follows: %v", next)
	}
	must(t, w.Close(after(121), false))
}

// TestFilesGone checks that a recorder sees that its files are not in the record any more, and that
// the file in which it says that it runs comes back.
func TestFilesGone(t *testing.T) {
	for _, c := range []struct {
		gone  string
		again bool
		fault bool
	}{
		{"", false, false},
		{beatName, false, false},
		{lockName, false, true},
		{lockName, true, true},
		{"00000001" + Suffix, false, true},
		{".", false, true},
	} {
		dir := filepath.Join(t.TempDir(), "r")
		w := create(t, dir, Limits{})
		s, routes := snapshot(after(0), 1)
		must(t, w.Snapshot(s, routes, false), w.Beat(after(1)), w.Check())
		if c.gone != "" {
			must(t, os.RemoveAll(filepath.Clean(filepath.Join(dir, c.gone))))
		}
		if c.again {
			must(t, create(t, dir, Limits{}).Close(after(2), false))
		}
		if err := w.Check(); (err != nil) != c.fault {
			t.Errorf("%q: %v", c.gone, err)
		}
		if c.gone == beatName {
			must(t, w.Beat(after(2)))
			if b := lastBeat(dir); b == nil || !b.time.Equal(after(2)) {
				t.Errorf("it says that it runs: %v", b)
			}
		}
		if err := w.Close(after(3), false); (err != nil) != c.fault {
			t.Errorf("%q: at its end: %v", c.gone, err)
		}
	}
}

// TestBeingWritten checks that what a running recorder is just writing is not said to be damaged.
func TestBeingWritten(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Limits{})
	s, routes := snapshot(after(0), 1)
	must(t, w.Snapshot(s, routes, false), w.Beat(after(1)), w.write(frameBytes(kindAlive, after(2), nil)[:headSize-1]))
	if got := told(t, dir, start()); got != "0:1 routes" {
		t.Errorf("while it is written: %s", got)
	}
	must(t, w.Close(after(3), true))
	if got := told(t, dir, start()); got != "0:1 routes, 0:gap from 0 true" {
		t.Errorf("after the recorder was killed: %s", got)
	}
}

// TestLostSegment checks that a segment that is missing between others is a loss.
func TestLostSegment(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Limits{})
	for i := range 4 {
		s, routes := snapshot(after(10*i), 1)
		must(t, w.Snapshot(s, routes, true), w.Event(event(10*i+5)))
	}
	must(t, w.Close(after(40), false))
	rest := ", 30:1 routes, 35:10.0.0.35, 40:alive"
	if got := told(t, dir, after(10)); got != "10:1 routes, 15:10.0.0.15, 20:1 routes, 25:10.0.0.25"+rest {
		t.Errorf("all segments: %s", got)
	}
	must(t, os.Remove(filepath.Join(dir, "00000003"+Suffix)))
	for _, from := range []int{12, 22} {
		if got := told(t, dir, after(from)); got != "10:1 routes, 15:10.0.0.15, 30:gap from 15 true"+rest {
			t.Errorf("without the third segment from %d: %s", from, got)
		}
	}
	must(t, os.Remove(filepath.Join(dir, "00000001"+Suffix)), os.Remove(filepath.Join(dir, "00000002"+Suffix)))
	if got := told(t, dir, after(0)); got != rest[2:] {
		t.Errorf("without the oldest segments: %s", got)
	}
}
