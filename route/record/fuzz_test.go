package record

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzRecord checks that any file is read or refused, within bounds. The folder of seeds has
// a file that rtmon(8) of iproute2 6.1 wrote.
func FuzzRecord(f *testing.F) {
	dir := f.TempDir()
	w, err := Create(dir, Limits{})
	if err != nil {
		f.Fatal(err)
	}
	s, routes := snapshot(after(0), 3)
	for _, err := range []error{w.Snapshot(s, routes, false), w.Event(event(1)), w.Alive(after(2)), w.Close(after(3), false)} {
		if err != nil {
			f.Fatal(err)
		}
	}
	for _, name := range []string{filepath.Join(dir, "00000001"+Suffix), "testdata/rtmon.bin"} {
		seed, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
		f.Add(bytes.Repeat(seed, 2))
	}
	f.Add([]byte(Magic + frameMark))
	path := filepath.Join(dir, "fuzzed")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, nil)
		if err != nil {
			return
		}
		first, _, _ := r.Span()
		begun := false
		for s, err := range r.Steps(first, 1<<20) {
			if err == nil && s.Event != nil && !begun {
				t.Fatal("it begins with an event")
			}
			begun = begun || s.Snapshot != nil
		}
	})
}
