package record

import (
	"context"
	"strings"
	"testing"
	"time"

	"routewhy/route"
)

// stillHost is a host whose recorder stands still.
type stillHost struct {
	ready  chan struct{}
	routes int
	events []route.Event
	clock  time.Duration
	// clocked is called each time the clock is read.
	clocked func()
}

func (h *stillHost) Read(context.Context) (*route.Snapshot, *route.List, error) {
	s, routes := snapshot(time.Now(), h.routes)
	return s, routes, nil
}

func (h *stillHost) Take() ([]route.Event, error) {
	events := h.events
	h.events = nil
	return events, nil
}

func (h *stillHost) Ready() <-chan struct{} { return h.ready }

func (h *stillHost) uptime() time.Duration {
	h.clocked()
	return h.clock
}

// TestStandsStill checks that a recorder that stood still does not claim that time: a change of it
// has no time, and is found by reading everything again.
func TestStandsStill(t *testing.T) {
	for _, c := range []struct {
		still time.Duration
		want  string
	}{
		{stillAfter, "1 routes, event, alive"},
		{stillAfter + 2*tick, "1 routes, alive, gap, 2 routes, alive"},
	} {
		dir := t.TempDir()
		ctx, stop := context.WithCancel(context.Background())
		h := &stillHost{ready: make(chan struct{}, 1), routes: 1}
		read := 0
		h.clocked = func() {
			switch read++; read {
			case 1: // it begins to wait
				h.ready <- struct{}{}
			case 2: // it has waited
				h.clock += c.still
				h.routes = 2
				h.events = []route.Event{{Time: time.Now(), Route: numbered(1)}}
			case 3:
				stop()
			}
		}
		w := create(t, dir, Limits{})
		r := &Recorder{Source: h, Writer: w, uptime: h.uptime}
		if err := r.Run(ctx); err != context.Canceled && !strings.Contains(err.Error(), context.Canceled.Error()) {
			t.Error(err)
		}
		must(t, w.Close(time.Now(), false))
		if got := kinds(t, dir); got != c.want {
			t.Errorf("after %s: %s; want %s", c.still, got, c.want)
		}
	}
}

// kinds says what a record has, without times.
func kinds(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	for _, word := range strings.Split(told(t, dir, start()), ", ") {
		_, what, _ := strings.Cut(word, ":")
		switch {
		case strings.HasPrefix(what, "10."):
			what = "event"
		case strings.HasPrefix(what, "gap"):
			what = "gap"
		}
		out = append(out, what)
	}
	return strings.Join(out, ", ")
}
