package record

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"routewhy/route"
)

// start is when the records of the tests begin.
func start() time.Time { return time.Date(2026, 7, 30, 2, 13, 0, 0, time.UTC) }

func after(n int) time.Time { return start().Add(time.Duration(n) * time.Second) }

// snapshot has n routes.
func snapshot(at time.Time, n int) (*route.Snapshot, *route.List) {
	s := &route.Snapshot{Host: "test", Time: at, Links: []route.Link{{Index: 1, Name: "lo", PeerNetNS: -1}}}
	routes := new(route.List)
	for i := range n {
		routes.Add(numbered(i))
	}
	return s, routes
}

// numbered is one of many routes.
func numbered(i int) *route.Route {
	return &route.Route{
		Table: route.TableMain, Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: 1}},
		Dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32),
	}
}

func event(i int) *route.Event { return &route.Event{Time: after(i), Route: numbered(i), Port: 7} }

func create(t *testing.T, dir string, l Limits) *Writer {
	t.Helper()
	w, err := Create(dir, l)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// told says what a record has from a time on.
func told(t *testing.T, path string, from time.Time) string {
	t.Helper()
	r, err := Open(path, nil)
	if err != nil {
		return err.Error()
	}
	var out []string
	for s, err := range r.Steps(from, 1<<20) {
		at := int(s.Time.Sub(start()) / time.Second)
		switch {
		case err != nil:
			out = append(out, "error")
		case s.Snapshot != nil:
			out = append(out, fmt.Sprintf("%d:%d routes", at, s.Routes.Len()))
		case s.Event != nil:
			out = append(out, fmt.Sprintf("%d:%s", at, s.Event.Route.Dst.Addr()))
		case s.Gap != nil:
			out = append(out, fmt.Sprintf("%d:gap from %d %v", at, int(s.Gap.From.Sub(start())/time.Second), s.Gap.Damaged))
		default:
			out = append(out, fmt.Sprintf("%d:alive", at))
		}
	}
	return strings.Join(out, ", ")
}

// write writes a record of two segments: snapshots at 0, 3 and 6, and events at 1, 2, 4, 5,
// 7 and 8.
func write(t *testing.T, dir string) {
	w := create(t, dir, Limits{})
	for i := range 9 {
		if i%3 == 0 {
			s, routes := snapshot(after(i), i)
			must(t, w.Snapshot(s, routes, i == 6))
			continue
		}
		must(t, w.Event(event(i)), w.Flush())
	}
	must(t, w.Close(after(9), false))
}

// TestRecord checks that what was written is read, from any time on.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	write(t, dir)
	for _, c := range []struct {
		from int
		want string
	}{
		{-5, "0:0 routes, 1:10.0.0.1, 2:10.0.0.2, 3:3 routes, 4:10.0.0.4, 5:10.0.0.5, 6:6 routes, 7:10.0.0.7, 8:10.0.0.8, 9:alive"},
		{5, "3:3 routes, 4:10.0.0.4, 5:10.0.0.5, 6:6 routes, 7:10.0.0.7, 8:10.0.0.8, 9:alive"},
		{99, "6:6 routes, 7:10.0.0.7, 8:10.0.0.8, 9:alive"},
	} {
		if got := told(t, dir, after(c.from)); got != c.want {
			t.Errorf("from %d: %s; want %s", c.from, got, c.want)
		}
	}
	if got := told(t, filepath.Join(dir, "00000002"+Suffix), start()); got != "6:6 routes, 7:10.0.0.7, 8:10.0.0.8, 9:alive" {
		t.Errorf("one segment: %s", got)
	}
}

// TestGap checks that the time when no recorder was running is told.
func TestGap(t *testing.T) {
	dir := t.TempDir()
	write(t, dir)
	w := create(t, dir, Limits{})
	s, routes := snapshot(after(100), 1)
	must(t, w.Snapshot(s, routes, false), w.Alive(after(130)), w.Close(after(131), true)) // as if it had been killed
	w = create(t, dir, Limits{})
	s, routes = snapshot(after(500), 1)
	must(t, w.Snapshot(s, routes, false), w.Close(after(501), false))
	want := "6:6 routes, 7:10.0.0.7, 8:10.0.0.8, 9:alive, 100:gap from 9 false, 100:1 routes, 130:alive, 500:gap from 130 false, 500:1 routes, 501:alive"
	if got := told(t, dir, after(7)); got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

// TestDamage damages many bytes of a record in turn, and cuts it off there. What does
// not depend on the damage must be read, and the rest must be said to be lost.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	write(t, dir)
	whole := strings.Split(told(t, dir, start()), ", ")
	for _, name := range []string{"00000001", "00000002"} {
		path := filepath.Join(dir, name+Suffix)
		good, err := os.ReadFile(path)
		must(t, err)
		for i := 0; i < len(good); i += 1 + i/60 {
			for _, cut := range []bool{false, true} {
				bad := slices.Clone(good)
				bad[i] ^= 0x55
				if cut {
					bad = bad[:i]
				}
				must(t, os.WriteFile(path, bad, 0o600))
				got := told(t, dir, start())
				lost := len(whole)
				for _, step := range strings.Split(got, ", ") {
					switch {
					case slices.Contains(whole, step):
						lost--
					case !strings.Contains(step, "gap"):
						t.Fatalf("%s, byte %d: %s", name, i, got)
					}
				}
				if lost > 0 && !strings.Contains(got, "true") && !strings.Contains(got, "no whole snapshot") && !cut {
					t.Fatalf("%s, byte %d: nothing is said of what is lost: %s", name, i, got)
				}
				if name == "00000001" && !strings.HasSuffix(got, "6:6 routes, 7:10.0.0.7, 8:10.0.0.8, 9:alive") {
					t.Fatalf("%s, byte %d: the other segment is lost: %s", name, i, got)
				}
			}
		}
		must(t, os.WriteFile(path, good, 0o600))
	}
}

// TestLock checks that only one process at a time writes to a record.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir, Limits{})
	if _, err := Create(dir, Limits{}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second recorder: %v", err)
	}
	must(t, w.Close(after(1), false))
	must(t, create(t, dir, Limits{}).Close(after(1), false))
}

// TestLimits checks that a record stays within its size, and that what is too old is deleted.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	const limit = 200 << 10
	w := create(t, dir, Limits{Size: limit})
	for i := range 20000 {
		if i == 0 || w.Full() {
			s, routes := snapshot(after(i), 100)
			must(t, w.Snapshot(s, routes, true))
		}
		must(t, w.Event(event(i)))
		if i%20 == 0 {
			must(t, w.Flush())
		}
	}
	must(t, w.Close(after(20000), false))
	if size := sizeOf(t, dir); size > limit || size < limit/2 {
		t.Errorf("it takes %d bytes", size)
	}
	names, err := segments(dir)
	must(t, err)
	old := time.Now().Add(-48 * time.Hour)
	must(t, os.Chtimes(names[0], old, old))
	w = create(t, dir, Limits{Age: 24 * time.Hour})
	s, routes := snapshot(after(30000), 1)
	must(t, w.Snapshot(s, routes, false), w.Close(after(30001), false))
	now, err := segments(dir)
	must(t, err)
	if len(now) != len(names) || now[0] != names[1] {
		t.Errorf("of %v, %v are left", names, now)
	}
}

func sizeOf(t *testing.T, dir string) (n int64) {
	names, err := segments(dir)
	must(t, err)
	for _, name := range names {
		info, err := os.Stat(name)
		must(t, err)
		n += info.Size()
	}
	return n
}
