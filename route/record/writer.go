package record

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"routewhy/route"
)

// Suffix is how the names of segments end.
const Suffix = ".routewhy"

// lockName is the file that a recorder locks.
const lockName = "lock"

// beatName is the file in which a running recorder says so. It is not the one that is locked,
// because whoever may read a file may lock it.
const beatName = "alive"

// ErrLocked says that another recorder writes to a record.
var ErrLocked = errors.New("another recorder writes to it")

// Limits of a record.
type Limits struct {
	// Size is how many bytes all segments may take; zero: no limit. The oldest segments
	// are deleted. The last one stays.
	Size int64
	// Age is how old a segment may become; zero: no limit.
	Age time.Duration
}

// The size of a segment is leastSegment, or if that is more, segmentKeys snapshots.
const (
	leastSegment = 4 << 20
	segmentKeys  = 8
	// segmentParts is how many segments a record of the greatest size has at least, as far
	// as they can be that small.
	segmentParts = 8
)

// Writer appends to a record. Only one goroutine may use it.
type Writer struct {
	dir    string
	limits Limits
	locked *os.File
	alive  *os.File // nil: it was not opened yet
	number int      // of the segment

	file     *os.File // nil: no segment was begun
	size     int64
	snapshot int64 // the size of the last snapshot
	dirty    bool  // something was written since the last Sync
	gap      bool  // nothing is known of the time before the next snapshot
	zip      *zstd.Encoder
	events   bytes.Buffer
	first    time.Time // of events
}

// Create opens a record for writing. It makes the folder if there is none, but not the folder
// in which it is. The error is [ErrLocked] if another process writes to the record.
func Create(dir string, limits Limits) (*Writer, error) {
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	names, err := segments(dir)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	w := &Writer{dir: dir, limits: limits, locked: f}
	if len(names) > 0 {
		w.number = numberOf(names[len(names)-1])
		endLast(names[len(names)-1])
	}
	w.zip, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	return w, err
}

// makeFolder makes the folder of a record if there is none. A folder in which it would be is
// not made, because its name is most likely mistyped.
func makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o755)
	switch {
	case errors.Is(err, fs.ErrExist):
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			return errors.New("it is a file, and a record is a folder")
		}
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the folder %s does not exist", filepath.Dir(dir))
	}
	return err
}

// numberOf is the number in the name of a segment; negative: it is none.
func numberOf(name string) int {
	text, ok := strings.CutSuffix(filepath.Base(name), Suffix)
	n, err := strconv.ParseUint(text, 10, 31)
	if !ok || err != nil {
		return -1
	}
	return int(n)
}

// segments are the paths of the segments in a folder, the oldest first.
func segments(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if numberOf(e.Name()) >= 0 && e.Type().IsRegular() {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	slices.SortFunc(out, func(a, b string) int { return numberOf(a) - numberOf(b) })
	return out, nil
}

// Full reports whether the segment is so large that a new one should begin.
func (w *Writer) Full() bool {
	limit := max(leastSegment, segmentKeys*w.snapshot)
	if w.limits.Size > 0 {
		limit = min(limit, max(w.limits.Size/segmentParts, 2*w.snapshot))
	}
	return w.size >= limit
}

// SnapshotSize is how many bytes the last snapshot takes.
func (w *Writer) SnapshotSize() int64 { return w.snapshot }

// Snapshot writes a snapshot with its routes, after the events so far. If fresh is set, a new
// segment begins with it; a first one does in any case.
func (w *Writer) Snapshot(s *route.Snapshot, routes *route.List, fresh bool) error {
	if err := w.Flush(); err != nil {
		return err
	}
	var b bytes.Buffer
	w.zip.Reset(&b)
	if err := errors.Join(s.EncodeWith(w.zip, routes), w.zip.Close()); err != nil {
		return err
	}
	kind := byte(kindSnapshot)
	if w.file == nil || w.gap {
		kind = kindBegin
	}
	if fresh || w.file == nil {
		if err := w.begin(); err != nil {
			return err
		}
	}
	w.snapshot = int64(b.Len())
	if err := w.frame(kind, s.Time, b.Bytes()); err != nil {
		return err
	}
	w.gap = false
	return nil
}

// Interrupt says that nothing is known of the time from the given one to the next snapshot.
func (w *Writer) Interrupt(from time.Time) error {
	w.gap = true
	return w.Alive(from)
}

// begin begins a new segment, and deletes those that are too many or too old.
func (w *Writer) begin() error {
	if w.file != nil {
		if err := errors.Join(w.Sync(), w.file.Close()); err != nil {
			return err
		}
		w.file = nil
	}
	if err := w.clean(); err != nil {
		return err
	}
	w.number++
	name := filepath.Join(w.dir, fmt.Sprintf("%08d%s", w.number, Suffix))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	w.file, w.size = f, 0
	if err := w.write([]byte(Magic)); err != nil {
		return err
	}
	return syncFolder(w.dir)
}

// clean deletes the oldest segments until the rest is within the limits.
func (w *Writer) clean() error {
	names, err := segments(w.dir)
	if err != nil {
		return err
	}
	total, old := int64(0), 0 // the first ones of names
	for i, name := range slices.Backward(names) {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		total += info.Size()
		// The next segment will need room as well.
		if tooMuch := w.limits.Size > 0 && total > w.limits.Size*(segmentParts-1)/segmentParts; tooMuch || w.limits.Age > 0 && time.Since(info.ModTime()) > w.limits.Age {
			old = i + 1
			break
		}
	}
	for _, name := range names[:old] { // the oldest first: readers take a hole for a loss
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// maxEvents is how many bytes of events one frame may have, about.
const maxEvents = 1 << 20

// Event adds an event. It is written at the next Flush or Snapshot, or if there are many.
func (w *Writer) Event(e *route.Event) error {
	line, err := route.EncodeEvent(e)
	if err != nil {
		return err
	}
	if w.events.Len() == 0 {
		w.first = e.Time
	}
	w.events.Write(line)
	w.events.WriteByte('\n')
	if w.events.Len() >= maxEvents {
		return w.Flush()
	}
	return nil
}

// Pending reports whether there are events that were not written yet.
func (w *Writer) Pending() bool { return w.events.Len() > 0 }

// Flush writes the events that were not written yet. It does not sync them. If it fails because
// the disk is full, it has written the first ones, as many as there is room for.
func (w *Writer) Flush() error {
	if w.events.Len() == 0 || w.file == nil {
		return nil
	}
	err := w.lines(w.first, w.events.Bytes())
	w.events.Reset()
	return err
}

// lines writes events, the first of which has the given time.
func (w *Writer) lines(first time.Time, b []byte) error {
	fault := w.frame(kindEvents, first, w.zip.EncodeAll(b, nil))
	if fault == nil {
		return nil
	}
	half := bytes.IndexByte(b[len(b)/2:], '\n') + len(b)/2 + 1
	if half >= len(b) {
		half = bytes.IndexByte(b, '\n') + 1
	}
	if half >= len(b) {
		return fault
	}
	if err := w.lines(first, b[:half]); err != nil {
		return err
	}
	e, err := route.DecodeEvent(b[half : half+bytes.IndexByte(b[half:], '\n')])
	if err != nil {
		return err
	}
	return w.lines(e.Time, b[half:])
}

// Alive writes that nothing more has happened until now.
func (w *Writer) Alive(now time.Time) error {
	if err := w.Flush(); err != nil {
		return err
	}
	return w.frame(kindAlive, now, nil)
}

func (w *Writer) frame(kind byte, at time.Time, content []byte) error {
	if len(content) > maxFrame {
		return fmt.Errorf("a snapshot has more than %d MiB", maxFrame>>20)
	}
	return w.write(frameBytes(kind, at, content))
}

// write writes to the segment. What was written only in part is taken back.
func (w *Writer) write(b []byte) error {
	if w.file == nil {
		return errors.New("no segment was begun")
	}
	if _, err := w.file.Write(b); err != nil {
		if w.size > 0 {
			_ = w.file.Truncate(w.size)
		} else {
			_ = os.Remove(w.file.Name())
		}
		return err
	}
	w.size += int64(len(b))
	w.dirty = true
	return nil
}

// Sync makes sure that what was written survives a power cut.
func (w *Writer) Sync() error {
	if err := w.Flush(); err != nil {
		return err
	}
	if !w.dirty || w.file == nil {
		return nil
	}
	w.dirty = false
	return w.file.Sync()
}

// Check returns an error if what is written is lost, or is not alone, because the last segment or
// the lock was deleted, moved, or replaced.
func (w *Writer) Check() error {
	for _, f := range []*os.File{w.locked, w.file} {
		if f != nil && replaced(f) {
			return fmt.Errorf("%s was deleted, moved or replaced while it was in use", f.Name())
		}
	}
	return nil
}

// replaced reports whether the name of an open file is no longer that file's.
func replaced(f *os.File) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.Name())
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(own, named)
}

// Close writes that the recorder ends in good order, unless it failed before, and releases
// the record. The error may be that of [Writer.Check].
func (w *Writer) Close(now time.Time, failed bool) error {
	var err error
	if w.file != nil && !failed {
		err = errors.Join(w.Flush(), w.frame(kindEnd, now, nil), w.Sync(), w.Check())
	}
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	if w.alive != nil {
		err = errors.Join(err, w.alive.Close())
	}
	return errors.Join(err, w.locked.Close())
}
