package change_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/history"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

// TestWatch makes random changes while a watch of several destinations runs. The watch's
// last answers must be the same as those of a new reading. Each change of an answer must
// begin with the answer before, and a change of the host that alters no answer must not
// be told. ROUTEWHY_WATCHED is how many changes (30), ROUTEWHY_SEED where the random
// numbers start.
func TestWatch(t *testing.T) {
	changes := routetest.EnvInt(t, "ROUTEWHY_WATCHED", 30)
	seed := routetest.EnvInt(t, "ROUTEWHY_SEED", 1)
	support := routetest.Probe(t)
	made, told, silent, fewest := 0, 0, 0, watchedDests
	for n := 0; made < changes; n++ {
		t.Run(strconv.Itoa(seed+n), func(t *testing.T) {
			w := newWatched(t, rand.New(rand.NewPCG(uint64(seed+n), 2)), support, 0)
			for range min(changes-made, 60) {
				w.step(t)
				made++
				if t.Failed() {
					break
				}
			}
			told, silent, fewest = told+w.told, silent+w.silent, min(fewest, len(w.q.Asked))
		})
		if t.Failed() {
			break
		}
	}
	t.Logf("%d changes, %d or more destinations, %d changes of answers were told, %d of them found by reading again", made, fewest, told, silent)
}

// watched is a namespace that is watched while it is changed.
type watched struct {
	*live
	d *drawer
	q *history.Question
	// buffer is how many bytes of events the kernel may queue; zero: as many as it allows.
	buffer int
	src    *source

	mu     sync.Mutex
	turns  []*report.Turn
	told   int
	silent int
	ways   []string // after the last step, by the questions
	// explained are the explanations that the watch told last, by their labels, and fib is the last new reading.
	explained map[string]*report.Explanation
	fib       *lookup.FIB
	lacking   []onLink // the IPv6 addresses without a local route after the last step
	refused   []string // the devices that the kernel refused to make
}

func newWatched(t *testing.T, rng *rand.Rand, support routetest.Support, buffer int) *watched {
	ns := routetest.New(t)
	w := &watched{d: newDrawer(rng, support), buffer: buffer}
	setup := routetest.Generate(rng, routetest.Options{Support: support})
	ns.Batch(append(w.d.settings(), setup...))
	ns.Settle()
	w.live = open(t, ns)
	w.q = &history.Question{Asked: []history.Asked{{Label: "default IPv4", Default: route.IPv4}, {Label: "default IPv6", Default: route.IPv6}}}
	w.q.NoKernel = true
	snap := w.first(t)
	w.send.askReports(t, snap)
	for _, flow := range routetest.OutputFlows(rng, snap, 100) {
		w.ask(flow.Dst)
	}
	w.start(t)
	return w
}

// watchedDests is how many destinations are watched, the two default routes among them.
const watchedDests = 50

func (w *watched) ask(a netip.Addr) {
	label := a.String()
	if len(w.q.Asked) < watchedDests && !slices.ContainsFunc(w.q.Asked, func(x history.Asked) bool { return x.Label == label }) {
		w.q.Asked = append(w.q.Asked, history.Asked{Label: label, To: report.Destination{Addr: a}})
	}
}

// source is a namespace that is followed.
type source struct {
	*kernel.Follower
	host *kernel.Host
	need *lookup.Need
	lost atomic.Int32 // how often events were lost

	mu     sync.Mutex
	silent []onLink // the neighbours that have failed by themselves and have not answered since
}

func (s *source) Take() ([]route.Event, error) {
	events, err := s.Follower.Take()
	for i := range events {
		if events[i].Lost {
			s.lost.Add(1)
		}
		s.hear(&events[i])
	}
	return events, err
}

func (s *source) Read(ctx context.Context) (*lookup.FIB, error) {
	return lookup.Read(ctx, s.host, s.need)
}

// start starts the watch in the background.
func (w *watched) start(t *testing.T) {
	var host *kernel.Host
	w.ns.Do(func() {
		var err error
		if host, err = kernel.Open(""); err != nil {
			t.Fatal(err)
		}
	})
	follower, err := host.Follow(route.Query{Family: w.q.Family(), Keep: w.q.Keeps}, nil, w.buffer)
	if err != nil {
		t.Fatal(err)
	}
	w.src = &source{Follower: follower, host: host, need: w.q.Need()}
	w.explained = map[string]*report.Explanation{}
	watch := &history.Watch{Question: w.q, Source: w.src, Every: 200 * time.Millisecond, Tell: func(all []*report.Turn) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range all {
			w.explained[r.Label] = r.After
		}
		w.turns = append(w.turns, all...)
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- watch.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		follower.Close()
		host.Close()
	})
	w.begin(t)
}

// begin waits for the first answers of the watch, and until they are those of a new reading:
// the kernel may still be at work with the set-up.
func (w *watched) begin(t *testing.T) {
	w.ways = make([]string, len(w.q.Asked))
	ways, ok := w.settled(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	if have := w.last(w.turns); !ok {
		t.Errorf("the watch begins with\n%q and a fresh reading has\n%q", have, ways)
	}
	w.ways, w.turns = ways, nil
}

// fresh are the answers of a new reading, of all that another process would read.
func (w *watched) fresh(t *testing.T) []string {
	var fib *lookup.FIB
	var err error
	w.ns.Do(func() { fib, err = lookup.Read(t.Context(), w.Host, w.q.Need()) })
	if err != nil {
		t.Fatal(err)
	}
	w.fib = fib
	ways := make([]string, len(w.q.Asked))
	for i := range w.q.Asked {
		ways[i] = w.way(t, fib, i)
	}
	return ways
}

// way is the answer to a question from a state.
func (w *watched) way(t *testing.T, fib *lookup.FIB, i int) string {
	x := &w.q.Asked[i]
	to := x.To
	if x.Default != 0 {
		to.Addr = fib.ExternalAddr(x.Default)
	}
	e, err := report.AnswerFrom(fib, &w.q.Question, &to)
	if err != nil {
		t.Fatal(err)
	}
	return e.Way(x.Default == 0)
}

// wait waits until what was told is enough, and reports whether it ever was. It asks less and
// less often, because on a loaded machine the watch needs the processor.
func (w *watched) wait(t *testing.T, enough func([]*report.Turn) bool) bool {
	end := time.Now().Add(time.Minute)
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 300*time.Millisecond) {
		w.mu.Lock()
		ok := enough(w.turns)
		w.mu.Unlock()
		if ok || time.Now().After(end) {
			return ok
		}
		time.Sleep(pause)
	}
}

// last are the answers after some turns.
func (w *watched) last(turns []*report.Turn) []string {
	ways := slices.Clone(w.ways)
	for _, r := range turns {
		if i := w.index(r); i >= 0 {
			ways[i] = r.After.Way(!r.Default)
		}
	}
	return ways
}

func (w *watched) index(r *report.Turn) int {
	return slices.IndexFunc(w.q.Asked, func(x history.Asked) bool { return x.Label == r.Label })
}

// settled waits until the watch has the answers of a new reading, which it returns.
func (w *watched) settled(t *testing.T) (ways []string, ok bool) {
	ok = w.wait(t, func([]*report.Turn) bool {
		w.mu.Unlock()
		ways = w.fresh(t)
		w.mu.Lock()
		have := w.last(w.turns)
		for i := range ways {
			if ways[i] != have[i] && (w.forgotten(t, i, have[i]) || w.knownBefore(t, i, ways[i])) {
				ways[i] = have[i]
			}
		}
		return slices.Equal(have, ways)
	})
	return ways, ok
}

// step makes a change, and waits until the watch has the answers of a new reading.
func (w *watched) step(t *testing.T) {
	snap := w.read(t)
	c := w.d.draw(change.New(lookup.New(snap)))
	for deletesFailed(snap, c) {
		c = w.d.draw(change.New(lookup.New(snap)))
	}
	w.noteRefused(c, w.send.send(t, c, nil))
	w.barrier(t)
	w.send.askReports(t, snap)
	w.awaitAddrs(t)
	ways, ok := w.settled(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !ok {
		have := w.last(w.turns)
		for i := range ways {
			if have[i] != ways[i] {
				t.Errorf("%s: after %s the watch has\n%s and a fresh reading\n%s", w.q.Asked[i].Label, text(c), have[i], ways[i])
			}
		}
	}
	w.check(t, c)
	w.ways, w.turns = ways, nil
}

// deletesFailed reports whether a change deletes a neighbour that has failed. For a watch it has
// failed until it answers: the event is like that of the kernel itself, which collects such
// neighbours and then asks again.
func deletesFailed(s *route.Snapshot, c change.Change) bool {
	n, ok := c.(*change.Neighbour)
	return ok && n.Verb == change.Delete && slices.ContainsFunc(s.Neighbours, func(x route.Neighbour) bool {
		return x.Link == n.Neighbour.Link && x.Addr == n.Neighbour.Addr && x.State == route.NeighbourFailed
	})
}

// check checks what was told of one change.
func (w *watched) check(t *testing.T, c change.Change) {
	at := slices.Clone(w.ways)
	times := map[int][]string{}
	for _, r := range w.turns {
		i := w.index(r)
		if i < 0 {
			t.Errorf("after %s: %+v", text(c), r)
			continue
		}
		w.told++
		if r.Found {
			w.silent++
		}
		before, after := r.Before.Way(!r.Default), r.After.Way(!r.Default)
		if before != at[i] {
			t.Errorf("%s: after %s the watch tells of\n%s though it told before\n%s", r.Label, text(c), before, at[i])
		}
		if before == after {
			t.Errorf("%s: after %s the watch tells of no change: %s", r.Label, text(c), after)
		}
		at[i] = after
		if w.byRefused(r) {
			continue
		}
		if addedAgain(c, r) {
			delete(times, i)
			continue
		}
		var why []string
		for k := range r.Because {
			why = append(why, fmt.Sprint(r.Because[k].Op, " ", r.Because[k].Object.Kind))
		}
		times[i] = append(times[i], fmt.Sprint(after, " because ", strings.Join(why, ", ")))
	}
	for i, all := range times {
		if len(all) > 1 && slices.ContainsFunc(all[:len(all)-1], func(s string) bool { return strings.HasPrefix(s, at[i]+" because") }) || at[i] == w.ways[i] {
			t.Errorf("%s: after %s the watch tells of changes that were none:\n%s\n%s", w.q.Asked[i].Label, text(c), w.ways[i], strings.Join(all, "\n"))
		}
	}
}

// TestWatchBursts makes many random changes at once while a watch of several destinations
// runs, and lets devices flap. Some of the watches have so small a buffer that the kernel
// loses events, which must be told. The last answers must be those of a new reading, and each
// change of an answer must begin with the answer before. ROUTEWHY_BURSTS is how many bursts
// (2), ROUTEWHY_SEED where the random numbers start.
func TestWatchBursts(t *testing.T) {
	bursts := routetest.EnvInt(t, "ROUTEWHY_BURSTS", 2)
	seed := routetest.EnvInt(t, "ROUTEWHY_SEED", 1)
	support := routetest.Probe(t)
	made, told, lost := 0, 0, int32(0)
	for n := range bursts {
		t.Run(strconv.Itoa(seed+n), func(t *testing.T) {
			buffer := 0
			if n%2 == 1 {
				buffer = 1 // the kernel's least
			}
			rng := rand.New(rand.NewPCG(uint64(seed+n), 3))
			w := newWatched(t, rng, support, buffer)
			w.d.leaveOut("neighbour") // a watch remembers failed ones that the kernel forgets after some seconds
			for range 5 {
				made += w.burst(t, rng)
				if t.Failed() {
					break
				}
			}
			told, lost = told+w.told, lost+w.src.lost.Load()
		})
		if t.Failed() {
			break
		}
	}
	t.Logf("%d changes, %d of answers were told, events were lost %d times", made, told, lost)
}

// burst makes many changes, waits until the watch has the answers of a new reading, and gives
// how many changes it made.
func (w *watched) burst(t *testing.T, rng *rand.Rand) (made int) {
	lost := w.src.lost.Load()
	state := change.New(lookup.New(w.read(t)))
	for range 30 {
		w.send.send(t, w.d.draw(state), nil)
		made++
	}
	if links := state.FIB().Snapshot().Links; rng.IntN(2) == 0 { // a device flaps
		l := links[rng.IntN(len(links))]
		for i := range 10 {
			up := route.Yes
			if l.Up() == (i%2 == 0) {
				up = route.No
			}
			w.send.send(t, &change.Link{Verb: change.Modify, Index: l.Index, Up: up}, nil)
			made++
		}
	}
	w.barrier(t)
	w.send.askReports(t, state.FIB().Snapshot())
	ways, ok := w.settled(t)
	if now := w.src.lost.Load(); now > lost && !w.wait(t, func(turns []*report.Turn) bool {
		return slices.ContainsFunc(turns, func(r *report.Turn) bool { return r.Missed })
	}) {
		t.Error("events were lost, and the watch does not say so")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	have := w.last(w.turns)
	for i := range ways {
		if !ok && have[i] != ways[i] {
			t.Errorf("%s: the watch has\n%s and a fresh reading\n%s", w.q.Asked[i].Label, have[i], ways[i])
		}
	}
	at := slices.Clone(w.ways)
	for _, r := range w.turns {
		i := w.index(r)
		if i < 0 {
			if !r.Missed {
				t.Errorf("%+v", r)
			}
			continue
		}
		w.told++
		before, after := r.Before.Way(!r.Default), r.After.Way(!r.Default)
		if before != at[i] || before == after {
			t.Errorf("%s: the watch tells of\n%s\n%s though it told before\n%s", r.Label, before, after, at[i])
		}
		at[i] = after
	}
	w.ways, w.turns = at, nil // the watch may have told more after the last reading
	return made
}
