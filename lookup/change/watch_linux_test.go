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
	made, told, silent := 0, 0, 0
	for n := 0; made < changes; n++ {
		t.Run(strconv.Itoa(seed+n), func(t *testing.T) {
			w := newWatched(t, rand.New(rand.NewPCG(uint64(seed+n), 2)), support)
			for range min(changes-made, 60) {
				w.step(t)
				made++
				if t.Failed() {
					break
				}
			}
			told, silent = told+w.told, silent+w.silent
		})
		if t.Failed() {
			break
		}
	}
	t.Logf("%d changes, %d of answers were told, %d of them found by reading again", made, told, silent)
}

// watched is a namespace that is watched while it is changed.
type watched struct {
	*live
	d *drawer
	q *history.Question

	mu     sync.Mutex
	turns  []*report.Turn
	told   int
	silent int
	ways   []string // after the last step, by the questions
}

func newWatched(t *testing.T, rng *rand.Rand, support routetest.Support) *watched {
	ns := routetest.New(t)
	w := &watched{d: newDrawer(rng, support)}
	setup := routetest.Generate(rng, routetest.Options{Support: support})
	ns.Batch(append(w.d.settings(), setup...))
	ns.Settle()
	w.live = open(t, ns)
	w.q = &history.Question{Asked: []history.Asked{{Label: "default IPv4", Default: route.IPv4}, {Label: "default IPv6", Default: route.IPv6}}}
	w.q.NoKernel = true
	snap := w.first(t)
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
	follower, err := host.Follow(route.Query{Family: w.q.Family(), Keep: w.q.Keeps}, nil)
	if err != nil {
		t.Fatal(err)
	}
	src := &source{follower, host, w.q.Need()}
	watch := &history.Watch{Question: w.q, Source: src, Every: 200 * time.Millisecond, Tell: func(all []*report.Turn) error {
		w.mu.Lock()
		defer w.mu.Unlock()
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
	w.ways = w.fresh(t)
	w.wait(t, func(turns []*report.Turn) bool { return len(turns) >= len(w.q.Asked) })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turns = nil
}

// fresh are the answers of a new reading.
func (w *watched) fresh(t *testing.T) []string {
	snap := w.read(t)
	fib := lookup.New(snap)
	ways := make([]string, len(w.q.Asked))
	for i := range w.q.Asked {
		x := &w.q.Asked[i]
		to := x.To
		if x.Default != 0 {
			to.Addr = fib.ExternalAddr(x.Default)
		}
		e, err := report.AnswerFrom(fib, &w.q.Question, &to)
		if err != nil {
			t.Fatal(err)
		}
		ways[i] = e.Way(x.Default == 0)
	}
	return ways
}

// wait waits until what was told is enough, and reports whether it ever was.
func (w *watched) wait(t *testing.T, enough func([]*report.Turn) bool) bool {
	end := time.Now().Add(10 * time.Second)
	for {
		w.mu.Lock()
		ok := enough(w.turns)
		w.mu.Unlock()
		if ok || time.Now().After(end) {
			return ok
		}
		time.Sleep(2 * time.Millisecond)
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

// step makes a change, and waits until the watch has the answers of a new reading.
func (w *watched) step(t *testing.T) {
	c := w.d.draw(change.New(lookup.New(w.read(t))))
	w.send.send(t, c, nil)
	w.barrier(t)
	var ways []string
	ok := w.wait(t, func([]*report.Turn) bool {
		w.mu.Unlock()
		ways = w.fresh(t)
		w.mu.Lock()
		return slices.Equal(w.last(w.turns), ways)
	})
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
