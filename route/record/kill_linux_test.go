package record

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"routewhy/route/routetest"
)

// childFolder names the variable that makes this test program a recorder.
const childFolder = "ROUTEWHY_TEST_RECORD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(fullFolder); dir != "" {
		if err := fill(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv(childFolder); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// child records as fast as it can, and prints the number of each event that was synced.
func child(dir string) error {
	w, err := Create(dir, Limits{})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	for i := 0; ; i++ {
		if i%500 == 0 {
			s, routes := snapshot(after(i), 2000)
			if err := w.Snapshot(s, routes, i%1000 == 0); err != nil {
				return err
			}
		}
		if err := w.Event(event(i)); err != nil {
			return err
		}
		switch {
		case i%50 == 49:
			if err := w.Sync(); err != nil {
				return err
			}
			fmt.Fprintln(out, i)
			_ = out.Flush()
		case i%5 == 0:
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
}

// TestKill kills a recorder at random moments. All that it had synced must be read, in order
// and each event once; the rest may be missing only at the end. ROUTEWHY_KILLS is how many
// times (5), ROUTEWHY_SEED where the random numbers start.
func TestKill(t *testing.T) {
	rng := rand.New(rand.NewPCG(uint64(routetest.EnvInt(t, "ROUTEWHY_SEED", 1)), 17))
	synced, read, lost := 0, 0, 0
	for n := range routetest.EnvInt(t, "ROUTEWHY_KILLS", 5) {
		dir := t.TempDir()
		last := kill(t, dir, time.Duration(rng.IntN(30_000))*time.Microsecond)
		have, torn := readBack(t, dir, last)
		if have < last {
			t.Fatalf("kill %d: event %d was synced, but the record ends after event %d", n, last, have)
		}
		synced, read = synced+last+1, read+have+1
		if torn {
			lost++
		}
		w, err := Create(dir, Limits{}) // the next recorder goes on
		if err != nil {
			t.Fatal(err)
		}
		s, routes := snapshot(after(1<<20), 1)
		must(t, w.Snapshot(s, routes, false), w.Close(after(1<<20+1), false))
		if got := told(t, dir, after(1<<20)); got != "1048576:1 routes, 1048577:alive" {
			t.Fatalf("kill %d: after another recorder: %s", n, got)
		}
	}
	t.Logf("%d events were synced, %d were read; %d records ended in the middle of a frame", synced, read, lost)
}

// kill starts a recorder, kills it some time after its first sync, and gives the number of the
// last event that it said was synced.
func kill(t *testing.T, dir string, wait time.Duration) int {
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childFolder+"="+dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	last := -1
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		must(t, err)
		if last < 0 {
			time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		}
		last = n
	}
	_ = cmd.Wait() // it was killed
	if last < 0 {
		t.Fatal("the recorder wrote nothing")
	}
	return last
}

// readBack gives the number of the last event that a record has, and whether it says that
// something is lost at its end.
func readBack(t *testing.T, dir string, last int) (have int, torn bool) {
	r, err := Open(dir, nil)
	must(t, err)
	next := 0
	for s, err := range r.Steps(start(), 1<<24) {
		must(t, err)
		switch {
		case s.Gap != nil:
			torn = true
		case torn:
			t.Fatalf("something follows what is lost: %+v", s)
		case s.Snapshot != nil && !s.Time.Equal(after(next)):
			t.Fatalf("a snapshot of %s comes before event %d", s.Time, next)
		case s.Event != nil && (!s.Time.Equal(after(next)) || s.Event.Route.Dst != numbered(next).Dst):
			t.Fatalf("event %s comes in the place of event %d", s.Event.Route.Dst, next)
		case s.Event != nil:
			next++
		}
	}
	if next <= last && !torn {
		t.Errorf("event %d was synced; %d are read, and nothing is said of the rest", last, next)
	}
	return next - 1, torn
}
