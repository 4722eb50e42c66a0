package record

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"routewhy/route"
	"routewhy/route/kernel"
)

// Step is one thing that a record has. Exactly one of the fields besides Time and Next is set.
type Step struct {
	Time time.Time
	// Snapshot is the state at that time. It has no routes of its own: they are in Routes.
	Snapshot *route.Snapshot
	Routes   *route.List
	// Event is a change.
	Event *route.Event
	// Gap says that something is missing before Time.
	Gap *Gap
	// Alive says that nothing more had happened until Time.
	Alive bool
	// Next is the earliest time of what comes later, beside the other fields. It is before Time
	// if the clock was set back. The zero value: that is not known, or nothing comes.
	Next time.Time
}

// Gap is a time of which a record does not tell.
type Gap struct {
	// From is the time of the last thing before the gap; zero: there is nothing before it.
	From time.Time
	// Damaged says that the record had something there which cannot be read. Otherwise no
	// recorder was running, or it ended without a word.
	Damaged bool
}

// Record is a record that is read.
type Record struct {
	segments []segment
	end      End
	monitor  *monitor // nil: the record has segments
}

// IsMonitor reports whether the record is a file of rtmon(8).
func (r *Record) IsMonitor() bool { return r.monitor != nil }

// segment is one file of a record.
type segment struct {
	name    string
	size    int64
	entries []entry
}

// IsRecord reports whether a path is a folder that has segments, a segment, or a file of
// rtmon(8). What may not be read may be one: [Open] says that it may not.
func IsRecord(path string) bool {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		names, err := segments(path)
		return errors.Is(err, os.ErrPermission) || err == nil && len(names) > 0
	}
	f, err := os.Open(path)
	if err != nil {
		return errors.Is(err, os.ErrPermission)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	head := make([]byte, 64)
	n, _ := io.ReadFull(f, head)
	return strings.HasPrefix(string(head[:n]), Magic) || kernel.IsMonitor(head[:n]) || kernel.IsSwappedMonitor(head[:n])
}

// Open reads what a record has: a folder, one segment of it, or a file of rtmon(8). For the
// latter, base is the state in which the host was at first, if that is known.
func Open(path string, base *Base) (*Record, error) {
	names := []string{path}
	var w watched
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		m, err := openMonitor(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if m != nil {
			m.base = base
			return &Record{monitor: m}, nil
		}
	default:
		w = watchedIn(path) // before the segments are read, which may grow
		if names, err = segments(path); err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%s: no segments of a record are in it", path)
		}
	}
	r := new(Record)
	for _, name := range names {
		s, err := indexFile(name)
		if errors.Is(err, os.ErrNotExist) { // a recorder deleted it, after those that are older
			r.segments = nil
			continue
		}
		if err != nil {
			return nil, err
		}
		r.segments = append(r.segments, s)
	}
	if _, _, ok := r.Span(); !ok {
		if !info.IsDir() && !IsRecord(path) {
			return nil, fmt.Errorf("%s: it is no record, and no file of rtmon", path)
		}
		return nil, fmt.Errorf("%s: it has no whole snapshot", path)
	}
	if err := r.findEnd(w); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.lookAhead()
	return r, nil
}

// lookAhead finds for each frame the earliest time of those that come later, which is before the
// frame's own if the clock was set back.
func (r *Record) lookAhead() {
	var next time.Time
	for i := range slices.Backward(r.segments) {
		for k := range slices.Backward(r.segments[i].entries) {
			e := &r.segments[i].entries[k]
			e.next = next
			if !e.missing && (next.IsZero() || e.time.Before(next)) {
				next = e.time
			}
		}
	}
}

func indexFile(name string) (segment, error) {
	s := segment{name: name}
	f, err := os.Open(name)
	if err != nil {
		return s, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return s, err
	}
	s.size = info.Size()
	s.entries, err = index(f, s.size)
	return s, err
}

// Span is from when to when the record tells something; false: it has no snapshot. If the clock
// was set back, it begins with the earliest time, and ends with the last thing in the record.
func (r *Record) Span() (first, last time.Time, ok bool) {
	if r.monitor != nil {
		return r.monitor.first, r.monitor.last, true
	}
	for _, s := range r.segments {
		for i := range s.entries {
			e := &s.entries[i]
			if e.missing || !e.isState() && !ok {
				continue
			}
			if !ok || e.time.Before(first) {
				first, ok = e.time, true
			}
			last = e.time
		}
	}
	return first, last, ok
}

// lost reports whether a segment is missing before another one, which is not the first.
func (r *Record) lost(seg int) bool {
	return numberOf(r.segments[seg].name) != numberOf(r.segments[seg-1].name)+1
}

// lacks reports whether something is missing between a time and the frame with which an answer
// about that time begins.
func (r *Record) lacks(from time.Time, seg, at int) bool {
	if !from.Before(r.segments[seg].entries[at].time) {
		return false
	}
	for i := range r.segments[:seg+1] {
		for k := range r.segments[i].entries {
			if r.segments[i].entries[k].missing && (i < seg || k < at) {
				return true
			}
		}
	}
	return false
}

// start is the place of the last snapshot that was made at a time or before, or of the first
// one.
func (r *Record) start(from time.Time) (seg, at int) {
	found := false
	for i := range r.segments {
		for k := range r.segments[i].entries {
			e := &r.segments[i].entries[k]
			if !e.missing && e.isState() && (!found || !e.time.After(from)) {
				seg, at, found = i, k, true
			}
		}
	}
	return seg, at
}

// Steps gives what the record has from a time on, in the order in which it was written. It
// begins with the last snapshot that was made at that time or before, or with the first one.
// A snapshot takes no more memory than limit bytes. An error is the last thing given.
func (r *Record) Steps(from time.Time, limit int64) iter.Seq2[Step, error] {
	if r.monitor != nil {
		return r.monitor.steps()
	}
	return func(yield func(Step, error) bool) {
		seg, at := r.start(from)
		p := &player{limit: limit, yield: yield, damaged: r.lacks(from, seg, at)}
		for i := seg; i < len(r.segments); i++ {
			s := &r.segments[i]
			p.damaged = p.damaged || i > seg && r.lost(i)
			if !p.segment(s, at) {
				return
			}
			at = 0
		}
		if p.begun && p.damaged {
			yield(Step{Time: p.last, Gap: &Gap{From: p.last, Damaged: true}}, nil)
		}
	}
}

// player gives the steps of segments.
type player struct {
	limit int64
	yield func(Step, error) bool

	last    time.Time // of the last frame
	damaged bool      // something is missing since the last snapshot
	begun   bool
}

// segment gives the steps of a segment from a frame on. False: there will be no more.
func (p *player) segment(s *segment, at int) bool {
	f, err := os.Open(s.name)
	if errors.Is(err, os.ErrNotExist) {
		p.damaged = true
		return true
	}
	if err != nil {
		p.yield(Step{}, err)
		return false
	}
	defer f.Close()
	for i := range s.entries[at:] {
		e := &s.entries[at+i]
		if e.missing {
			p.damaged = true
			continue
		}
		if !e.isState() && p.damaged {
			continue
		}
		if more, err := p.frame(f, e); err != nil {
			p.yield(Step{}, fmt.Errorf("%s: %w", filepath.Base(s.name), err))
			return false
		} else if !more {
			return false
		}
		p.last = e.time
	}
	return true
}

// frame gives the steps of a frame.
func (p *player) frame(f *os.File, e *entry) (more bool, err error) {
	switch e.kind {
	case kindBegin, kindSnapshot:
		if gap := p.gap(e); gap != nil && !p.yield(Step{Time: e.time, Gap: gap, Next: e.next}, nil) {
			return false, nil
		}
		p.begun, p.damaged = true, false
		return p.snapshot(f, e)
	case kindEvents:
		return p.events(f, e)
	case kindAlive, kindEnd:
		return p.yield(Step{Time: e.time, Alive: true, Next: e.next}, nil), nil
	}
	p.damaged = true // a later version wrote it
	return true, nil
}

// gap is what is missing before a snapshot; nil: nothing.
func (p *player) gap(e *entry) *Gap {
	if p.damaged || p.begun && e.kind == kindBegin {
		return &Gap{From: p.last, Damaged: p.damaged}
	}
	return nil
}

func content(f io.ReaderAt, e *entry) (*zstd.Decoder, error) {
	return zstd.NewReader(bufio.NewReader(io.NewSectionReader(f, e.at, e.size)), zstd.WithDecoderMaxMemory(maxContent),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
}

// Limits of the content of a frame.
const (
	maxContent = 1 << 30
	maxWindow  = 16 << 20
	maxLine    = 1 << 20
	// maxLines limits how many bytes of events a frame has.
	maxLines = 4 * maxEvents
)

func (p *player) snapshot(f io.ReaderAt, e *entry) (bool, error) {
	z, err := content(f, e)
	if err != nil {
		return false, err
	}
	defer z.Close()
	s, routes, err := route.DecodeList(io.LimitReader(z, maxContent), route.NewAllowance(p.limit))
	if err != nil {
		return false, err
	}
	return p.yield(Step{Time: e.time, Snapshot: s, Routes: routes, Next: e.next}, nil), nil
}

func (p *player) events(f io.ReaderAt, e *entry) (bool, error) {
	z, err := content(f, e)
	if err != nil {
		return false, err
	}
	defer z.Close()
	lines := bufio.NewScanner(io.LimitReader(z, maxLines))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		event, err := route.DecodeEvent(lines.Bytes())
		if err != nil {
			return false, fmt.Errorf("an event: %w", err)
		}
		if !p.yield(Step{Time: event.Time, Event: event, Next: e.next}, nil) {
			return false, nil
		}
	}
	return true, lines.Err()
}
