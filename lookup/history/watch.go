package history

import (
	"context"
	"slices"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// Source is the host that is watched.
type Source interface {
	// Read reads everything that [Question.Need] asks for. Take is called meanwhile, by
	// another goroutine.
	Read(context.Context) (*lookup.FIB, error)
	// Take returns the events so far without waiting. Of the events about routes, it
	// returns those that [Question.Keeps] keeps. Ready gives a value after events
	// came.
	Take() ([]route.Event, error)
	Ready() <-chan struct{}
}

// Watch follows the answers to some questions.
type Watch struct {
	Question *Question
	Source   Source
	// Explain asks for complete explanations of new answers.
	Explain bool
	// Every is how often everything is read again even if no event came; zero: never.
	Every time.Duration
	// Tell gets the first answers, and later changes of some of them, in their order. If it
	// returns an error, the watch ends, and Run returns that error.
	Tell func([]*report.Turn) error

	fib      *lookup.FIB
	answers  []Answer
	silent   map[neighbourKey]route.NeighbourState // those that failed, and have not answered since: failed or forgotten
	set      map[neighbourKey]bool                 // those that somebody set to failed, or is deleting
	gateways gateways
	heard    map[int]route.Link // the devices as events told them last, by their indexes
	// pending are the changes that were not told yet, and recent the events since the
	// last comparison.
	pending []*turn
	recent  []*happening
	// events counts the events that mattered, and how often events were lost.
	events int
	// lost says that events were lost after everything was read. missed says that nobody
	// was told about that.
	lost, missed bool
	dirty        bool
	rules6       rules6
	// guessed says that an IPv6 rule was deleted since the last reading, which alone tells
	// whether the kernel still goes by it.
	guessed bool
	// next is when everything may be read again, last is when it was read last, and took is how
	// long that took.
	next, last time.Time
	took       time.Duration
	// expiry is when the first route of an answer expires; zero: none does.
	expiry time.Time
	// clock is the time of a history that is replayed; zero: the time is the present.
	clock time.Time
}

// turn is a change of an answer.
type turn struct {
	asked         int
	time          time.Time
	before, after Answer
	full          *report.Explanation // of after, if that is wanted
	because       []*happening
	found         bool
	triggers      []report.Trigger // if found
	missing       *Missing         // the part of a history in which it happened, if that is missing
}

// happening is an event that was applied.
type happening struct {
	event   *route.Event
	trigger *report.Trigger
	// endsIPv6 says that a device stops using IPv6, because its MTU became too small, or begins
	// with it anew, because it joins or leaves a VRF (addrconf_notify).
	endsIPv6 bool
}

// The times of a watch.
const (
	// patience is how long a change may wait until everything is read again for the
	// comparison.
	patience = 50 * time.Millisecond
	// slowReading is how long the reading of a large table takes. A change does not wait for
	// that, but shortPatience for what the kernel does because of it.
	slowReading   = 250 * time.Millisecond
	shortPatience = 20 * time.Millisecond
	// lateNotice is how long after its change an event may come.
	lateNotice = 10 * time.Millisecond
	// fastRest times the duration of a reading is the pause before the next reading, and slowRest
	// times that of a slow one. While the kernel dumps a large table, its changes must wait.
	fastRest, slowRest = 4, 20
	// leastRest is the shortest pause after a reading that did not help because
	// everything was changing.
	leastRest = 50 * time.Millisecond
)

// Run watches until ctx ends, and then returns its cause as the error. It also ends if
// Tell or the source fails.
func (w *Watch) Run(ctx context.Context) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	for {
		events, err := w.Source.Take()
		if err != nil {
			return err
		}
		for i := range events {
			w.happen(&events[i])
			if len(w.pending) >= maxPending {
				if err := w.flush(); err != nil {
					return err
				}
			}
		}
		if err := w.settle(ctx); err != nil {
			return err
		}
		if err := w.wait(ctx); err != nil {
			return err
		}
	}
}

// maxPending is how many changes may wait to be told.
const maxPending = 1000

// start reads everything, and tells the first answers.
func (w *Watch) start(ctx context.Context) error {
	w.prepare()
	began := time.Now()
	fib, err := w.read(ctx)
	if err != nil {
		return err
	}
	w.took = time.Since(began)
	if err := w.begin(fib); err != nil {
		return err
	}
	return w.flush()
}

func (w *Watch) prepare() {
	w.silent, w.set, w.heard = map[neighbourKey]route.NeighbourState{}, map[neighbourKey]bool{}, map[int]route.Link{}
}

// begin begins with a state.
func (w *Watch) begin(fib *lookup.FIB) error {
	w.adopt(fib)
	for i := range w.Question.Asked {
		a := w.Question.answer(w.fib, i)
		if a.Line == nil { // a wrong name is more likely than a device that will come
			_, err := report.AnswerFrom(w.fib, &w.Question.Question, w.Question.Asked[i].destination(w.fib))
			return err
		}
		w.answers = append(w.answers, a)
		w.pending = append(w.pending, &turn{asked: i, time: w.last, after: a, full: w.explain(w.fib, i)})
	}
	w.expiry = w.firstExpiry()
	return nil
}

// now is the time at which the watch is.
func (w *Watch) now() time.Time {
	if w.clock.IsZero() {
		return time.Now()
	}
	return w.clock
}

// happen applies an event, and decides again about what the event may change.
func (w *Watch) happen(e *route.Event) {
	if e.Lost {
		w.events++
		w.lost, w.missed, w.dirty = true, true, true
		clear(w.silent) // somebody may have set their state since
		clear(w.heard)
		return
	}
	w.hear(e)
	matters := w.matters(e)
	heard := w.asHeard(e)
	w.hearLink(e)
	if !matters {
		return
	}
	w.events++
	w.dirty = true
	before := w.fib
	w.fib = w.rules6.apply(before, w.remembered(e))
	h := &happening{event: e, trigger: report.NewTrigger(heard, w.fib, e)}
	if e.Link != nil && !e.Gone {
		old := before.Snapshot().Link(e.Link.Index)
		h.endsIPv6 = old != nil && (old.HasIPv6() && !e.Link.HasIPv6() || vrfOf(before, old) != vrfOf(before, e.Link))
	}
	w.note(h)
	if w.fib == before {
		return
	}
	w.gateways.add(e)
	w.guessed = w.guessed || e.Rule != nil && e.Gone && !w.rules6.added
	for i := range w.answers {
		if e.Route != nil && e.Route.Table != route.TableLocal && !w.Question.Asked[i].concerns(e.Route.Dst) {
			continue
		}
		a := w.Question.answer(w.fib, i)
		// Memory may lack something that is read together with the rest, such as the
		// settings of a new device.
		if a.settled() && !a.same(&w.answers[i]) {
			w.turned(&turn{asked: i, time: e.Time, before: w.answers[i], after: a, full: w.explain(w.fib, i), because: []*happening{h}})
			w.answers[i] = a
		}
	}
}

// vrfOf is the VRF that a device is a part of; 0: none.
func vrfOf(f *lookup.FIB, l *route.Link) int {
	if m := f.Snapshot().Link(l.Master); m != nil && m.VRFTable != 0 {
		return l.Master
	}
	return 0
}

// explain gives the complete explanation of an answer in a state; nil: none is wanted, or the
// question cannot be asked.
func (w *Watch) explain(f *lookup.FIB, asked int) *report.Explanation {
	if !w.Explain {
		return nil
	}
	return w.Question.explain(f, asked)
}

// maxRecent is how many events are stored because they may have caused something.
const maxRecent = 1000

func (w *Watch) note(h *happening) {
	if len(w.recent) == maxRecent {
		w.recent = slices.Delete(w.recent, 0, maxRecent/2)
	}
	w.recent = append(w.recent, h)
}

// settle reads everything again if something happened and it is time to do so, and tells
// what has changed.
func (w *Watch) settle(ctx context.Context) error {
	now := time.Now()
	if w.due(now) {
		if err := w.compare(ctx); err != nil {
			return err
		}
	}
	if w.dirty && !w.waited(time.Now()) {
		return nil
	}
	return w.flush()
}

// waited reports whether a change has waited long enough to be told.
func (w *Watch) waited(now time.Time) bool { return len(w.pending) > 0 && !now.Before(w.tellAt()) }

// tellAt is when the first pending change is told at the latest.
func (w *Watch) tellAt() time.Time {
	if w.took > slowReading {
		return w.pending[0].time.Add(shortPatience)
	}
	return w.pending[0].time.Add(patience)
}

// due reports whether it is time to read everything again.
func (w *Watch) due(now time.Time) bool {
	return w.dirty && !now.Before(w.next) || w.Every > 0 && !now.Before(w.last.Add(w.Every)) || !w.expiry.IsZero() && !now.Before(w.expiry)
}

// flush tells the pending changes.
func (w *Watch) flush() error {
	pending := w.grouped()
	w.pending = nil
	var all []*report.Turn
	for _, t := range pending {
		all = append(all, w.report(t))
	}
	if w.missed && len(all) == 0 && !w.lost {
		all, w.missed = []*report.Turn{{Time: w.now(), Missed: true}}, false
	}
	if !w.dirty {
		w.recent = nil
	}
	if len(all) == 0 {
		return nil
	}
	return w.Tell(all)
}

// report is a change, with names instead of numbers.
func (w *Watch) report(t *turn) *report.Turn {
	x := &w.Question.Asked[t.asked]
	r := &report.Turn{
		Time: t.time, Label: x.Label, Before: t.before.Line, BeforeFault: t.before.Fault, After: t.after.Line, AfterFault: t.after.Fault,
		Found: t.found, Because: t.triggers, Missed: w.missed, Default: x.Default != 0,
	}
	w.missed = false
	if t.missing != nil {
		r.NotRecorded, r.Damaged = t.missing.From, t.missing.Damaged
	}
	if len(t.because) > 0 {
		r.Because = w.reasons(t.because)
	}
	r.Full = t.full
	if w.clock.IsZero() && w.answers[t.asked].same(&t.after) { // everything was read since, and more is known
		r.Full = w.explain(w.fib, t.asked)
	}
	return r
}

// wait waits until there is something to do.
func (w *Watch) wait(ctx context.Context) error {
	var timer <-chan time.Time
	if at := w.until(); !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.Source.Ready():
	case <-timer:
	}
	return nil
}

// until is the time when there is something to do even if no event comes; zero:
// never.
func (w *Watch) until() time.Time {
	var at time.Time
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if w.Every > 0 {
		earlier(w.last.Add(w.Every))
	}
	if !w.expiry.IsZero() {
		earlier(w.expiry)
	}
	if w.dirty {
		earlier(w.next)
	}
	if len(w.pending) > 0 {
		earlier(w.tellAt())
	}
	return at
}
