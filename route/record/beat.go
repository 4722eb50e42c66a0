package record

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"
)

// beat is what a running recorder writes over and over into the same place: until when all that
// happened is written, and where the record ended then. It is not synced. After a power cut the
// record may be shorter than the beat says; then the beat says nothing.
type beat struct {
	time   time.Time
	number int   // of the last segment
	size   int64 // of that segment
}

const (
	beatForm = "alive %020d %010d %020d "
	// beatSize is the size of a beat: the form, and a check sum with the end of the line.
	beatSize = 6 + 20 + 1 + 10 + 1 + 20 + 1 + 9
)

func (b *beat) encode() []byte {
	text := fmt.Appendf(nil, beatForm, b.time.UnixNano(), b.number, b.size)
	return fmt.Appendf(text, "%08x\n", crc32.Checksum(text, castagnoli()))
}

// lastBeat is the last beat of a record; nil: there is none.
func lastBeat(dir string) *beat {
	f, err := os.Open(filepath.Join(dir, beatName))
	if err != nil {
		return nil
	}
	defer f.Close()
	for range 3 { // it may be written at this moment
		if b := readBeat(f); b != nil {
			return b
		}
	}
	return nil
}

// recent reports whether a recorder beat so lately that it most likely still does.
func (b *beat) recent(now time.Time) bool {
	since := now.Sub(b.time)
	return -tick < since && since < 3*tick
}

// readBeat reads a beat; nil: there is none, or it is being written.
func readBeat(f *os.File) *beat {
	var buf [beatSize]byte
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, beatSize), buf[:]); err != nil {
		return nil
	}
	b, nanoseconds := new(beat), int64(0)
	if _, err := fmt.Sscanf(string(buf[:]), "alive %d %d %d", &nanoseconds, &b.number, &b.size); err != nil {
		return nil
	}
	b.time = time.Unix(0, nanoseconds)
	if string(b.encode()) != string(buf[:]) {
		return nil
	}
	return b
}

// Beat says, without syncing, that all that happened until a time is written. It does nothing if
// there are events that are not.
func (w *Writer) Beat(until time.Time) error {
	if w.file == nil || w.events.Len() > 0 {
		return nil
	}
	if w.alive != nil && replaced(w.alive) { // readers would not know that a recorder runs
		_ = w.alive.Close()
		w.alive = nil
	}
	if w.alive == nil {
		f, err := os.OpenFile(filepath.Join(w.dir, beatName), os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return err
		}
		w.alive = f
	}
	b := beat{time: until, number: w.number, size: w.size}
	_, err := w.alive.WriteAt(b.encode(), 0)
	return err
}

// endLast writes into the last segment of a recorder that was killed until when it had written all
// that happened, because the next recorder writes over its beat. If that fails, readers know less.
func endLast(name string) {
	s, err := indexFile(name)
	n := len(s.entries)
	if err != nil || n == 0 || s.entries[n-1].missing || s.entries[n-1].kind == kindEnd {
		return
	}
	r := &Record{segments: []segment{s}}
	w := watched{beat: lastBeat(filepath.Dir(name))}
	if err := r.findEnd(w); err != nil || w.beat == nil || !r.end.Time.Equal(w.beat.time) {
		return
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if _, err := f.Write(frameBytes(kindAlive, r.end.Time, nil)); err != nil {
		_ = f.Truncate(s.size)
	}
}
