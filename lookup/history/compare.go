package history

import (
	"context"
	"slices"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// maxTries is how often everything is read again in a row because it changed during the
// reading.
const maxTries = 3

// compare reads everything and compares it with the state that results from the
// events.
func (w *Watch) compare(ctx context.Context) error {
	for range maxTries {
		began, n := time.Now(), w.events
		fib, err := w.read(ctx)
		if err != nil {
			return err
		}
		w.last = time.Now()
		w.took = w.last.Sub(began)
		w.next = w.last.Add(w.rest())
		if err := w.takeIn(); err != nil {
			return err
		}
		steady := w.events == n && !fib.Snapshot().Changed
		answers := w.answersOf(fib)
		if steady && !slices.EqualFunc(answers, w.answers, func(a, b Answer) bool { return a.same(&b) }) {
			time.Sleep(lateNotice)
			if err := w.takeIn(); err != nil {
				return err
			}
			steady = w.events == n
		}
		switch {
		case steady:
			w.correct(fib, answers)
			w.dirty, w.lost = false, false
			return nil
		case w.lost: // the state in memory is older than what was read
			w.correct(fib, answers)
			w.lost = false
			return nil
		case w.took > patience:
			w.next = w.last.Add(max(w.rest(), leastRest))
			return nil
		}
	}
	w.next = w.last.Add(max(w.rest(), leastRest))
	return nil
}

// rest is the pause before the next reading.
func (w *Watch) rest() time.Duration {
	if w.took > slowReading {
		return slowRest * w.took
	}
	return fastRest * w.took
}

// takeIn applies the events that have come.
func (w *Watch) takeIn() error {
	events, err := w.Source.Take()
	if err != nil {
		return err
	}
	for i := range events {
		w.happen(&events[i])
	}
	return nil
}

// read reads everything. A neighbour that has failed, and that the kernel tries again,
// counts as failed until it answers.
func (w *Watch) read(ctx context.Context) (*lookup.FIB, error) {
	f, err := w.readMeanwhile(ctx)
	if err != nil {
		return nil, err
	}
	if w.fib != nil && !w.lost && !w.guessed {
		f = implied6(f, w.fib.Snapshot())
	}
	return w.silenced(f), nil
}

// meanwhile is how often events are looked for while everything is read.
const meanwhile = 10 * time.Millisecond

// readMeanwhile reads everything. A full table takes long, and what happens meanwhile is told
// without waiting for its end.
func (w *Watch) readMeanwhile(ctx context.Context) (*lookup.FIB, error) {
	if w.fib == nil {
		return w.Source.Read(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var fib *lookup.FIB
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		fib, err = w.Source.Read(ctx)
	}()
	tick := time.NewTicker(meanwhile)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return fib, err
		case <-tick.C:
		}
		if fault := w.tellMeanwhile(); fault != nil {
			cancel()
			<-done
			return nil, fault
		}
	}
}

// tellMeanwhile applies the events that have come, and tells the changes that have waited long
// enough.
func (w *Watch) tellMeanwhile() error {
	if err := w.takeIn(); err != nil || !w.waited(time.Now()) {
		return err
	}
	return w.flush()
}

// implied6 is what was read, with the deleted IPv6 rules that were in force before. They
// are in force until a rule is added ([route.Rule.Implied]), and an event tells that. A
// reading can miss them, because the kernel is asked about an address to find them, and
// may have no answer while its tables change.
func implied6(f *lookup.FIB, before *route.Snapshot) *lookup.FIB {
	var lacks []route.Rule
	for i := range before.Rules {
		r := &before.Rules[i]
		if r.Implied && !slices.ContainsFunc(f.Snapshot().Rules, func(x route.Rule) bool { return sameRule(&x, r) }) {
			lacks = append(lacks, *r)
		}
	}
	added := func(r route.Rule) bool {
		return r.Family == route.IPv6 && !slices.ContainsFunc(before.Rules, func(x route.Rule) bool { return sameRule(&x, &r) })
	}
	if len(lacks) == 0 || slices.ContainsFunc(f.Snapshot().Rules, added) {
		return f
	}
	return with(f, func(s *route.Snapshot) {
		for i := range lacks {
			s.Rules = inOrder(s.Rules, &lacks[i])
		}
	})
}

// silenced is what was read, with the neighbours that do not answer. The kernel has forgotten those
// without an entry, and no longer passes over next hops because of them.
func (w *Watch) silenced(f *lookup.FIB) *lookup.FIB {
	if len(w.silent) == 0 {
		return f
	}
	return with(f, func(s *route.Snapshot) {
		s.Neighbours = slices.Clone(s.Neighbours)
		for i := range s.Neighbours {
			n := &s.Neighbours[i]
			k := neighbourKey{n.Link, n.Addr}
			was, ok := w.silent[k]
			switch {
			case n.State.Valid():
				delete(w.silent, k)
			case ok && n.State == route.NeighbourFailed:
				w.silent[k] = n.State
			case ok:
				n.State = was
			}
		}
		for k := range w.silent {
			if s.Link(k.link) == nil {
				delete(w.silent, k)
			} else if !slices.ContainsFunc(s.Neighbours, func(n route.Neighbour) bool { return n.Link == k.link && n.Addr == k.addr }) {
				w.silent[k] = route.NeighbourForgotten
				s.Neighbours = append(s.Neighbours, route.Neighbour{Link: k.link, Addr: k.addr, State: route.NeighbourForgotten})
			}
		}
	})
}

func (w *Watch) answersOf(f *lookup.FIB) []Answer {
	all := make([]Answer, len(w.Question.Asked))
	for i := range all {
		all[i] = w.Question.answer(f, i)
	}
	return all
}

// correct replaces the state in memory by what was read. If the two give different
// answers, the last changes that were not told yet become one change.
func (w *Watch) correct(fib *lookup.FIB, answers []Answer) {
	for i := range answers {
		if answers[i].same(&w.answers[i]) {
			continue
		}
		t := &turn{asked: i, time: w.now(), before: w.answers[i], after: answers[i], full: w.explain(fib, i)}
		w.merge(t)
		if t.before.same(&t.after) {
			continue
		}
		if t.because == nil {
			w.find(t, fib)
		}
		w.insert(t)
	}
	w.answers = answers
	w.adopt(fib)
}

// oneChange is how long after each other the parts of one change may come.
const oneChange = 200 * time.Millisecond

// merge makes the last pending changes of an answer a part of a correction. What they said is
// wrong, unless something that may be the reason happened later. In a history, there may be
// earlier changes that have nothing to do with it.
func (w *Watch) merge(t *turn) {
	var last *turn
	for k := len(w.pending) - 1; k >= 0; k-- {
		p := w.pending[k]
		switch {
		case p.asked != t.asked:
			continue
		case last == nil && w.hasLater(p, t), last != nil && last.time.Sub(p.time) > oneChange:
			return
		}
		t.before, t.time = p.before, p.time
		t.because = append(slices.Clone(p.because), t.because...)
		w.pending = slices.Delete(w.pending, k, k+1)
		last = p
	}
}

// hasLater reports whether something that may be the reason for a correction happened later than
// a pending change.
func (w *Watch) hasLater(p, t *turn) bool {
	return slices.ContainsFunc(w.recent, func(h *happening) bool {
		return h.event.Time.Sub(p.time) > oneChange && (h.trigger == nil || w.mayCause(h, t))
	})
}

// insert adds a correction to the pending changes. One that was found in a history belongs to
// the time of its reason.
func (w *Watch) insert(t *turn) {
	if n := len(t.because); n > 0 && !w.clock.IsZero() && t.time.Equal(w.clock) {
		t.time = t.because[n-1].event.Time
	}
	at := len(w.pending)
	for at > 0 && w.pending[at-1].asked != t.asked && w.pending[at-1].time.After(t.time) {
		at--
	}
	w.pending = slices.Insert(w.pending, at, t)
}

// maxFound is how many differences are named if no event told about a change.
const maxFound = 3

// maxLooked is how many differences are looked at for that.
const maxLooked = 50

// find looks for what changed an answer, if no event in memory changed it.
func (w *Watch) find(t *turn, fib *lookup.FIB) {
	if t.because = w.named(t); len(t.because) > 0 {
		return
	}
	t.triggers = expired(w.fib, fib, &w.Question.Asked[t.asked])
	if len(t.triggers) == 0 {
		t.triggers = slices.DeleteFunc(report.Between(w.fib, fib, maxLooked), func(x report.Trigger) bool { return !t.mayFollow(&x, w.Question.Asked[t.asked].family()) })
		t.triggers = t.triggers[:min(len(t.triggers), maxFound)]
	}
	if len(t.triggers) > 0 {
		return
	}
	since := w.lastPending(t.asked)
	for _, h := range w.recent {
		if h.trigger != nil && h.event.Time.After(since) && w.mayCause(h, t) && !slices.Contains(t.because, h) && len(t.because) < maxFound {
			t.because = append(t.because, h)
		}
	}
	t.found = len(t.because) == 0
}

// lastPending is the time of the last pending change of an answer; zero: there is none.
func (w *Watch) lastPending(asked int) (last time.Time) {
	for _, p := range w.pending {
		if p.asked == asked {
			last = p.time
		}
	}
	return last
}

// adopt continues with what was read.
func (w *Watch) adopt(fib *lookup.FIB) {
	w.fib = fib
	w.gateways = gatewaysOf(fib)
	w.guessed = false
	w.rules6.read(fib.Snapshot())
	for _, l := range fib.Snapshot().Links {
		if _, ok := w.heard[l.Index]; !ok {
			w.heard[l.Index] = l
		}
	}
	w.last = w.now()
	w.expiry = w.firstExpiry()
	set := map[neighbourKey]bool{}
	for _, n := range fib.Snapshot().Neighbours {
		k := neighbourKey{n.Link, n.Addr}
		switch {
		case n.State != route.NeighbourFailed:
		case w.set[k]: // nobody asked it, and it may be deleted at this moment
			set[k] = true
		case w.gateways.has(n.Addr):
			w.silent[k] = route.NeighbourFailed
		}
	}
	w.set = set
}
