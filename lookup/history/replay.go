package history

import (
	"context"
	"errors"
	"iter"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
)

// stateWait is how long after a change its history may have the whole state, with which the
// change is compared before it is told.
const stateWait = 15 * time.Second

// replay is a watch of what happened before.
type replay struct {
	*Watch
	since time.Time
	// begun says that a state was there, and told that the first answers were told.
	begun, told bool
	// missing is a part of the history that is missing before the next state.
	missing *Missing
	lives   lifetimes
}

// Replay tells of a history what Run would have told of the host: the answers at one time,
// or as they are first known after it, and their changes until another time. Where the clock was set
// back over one of these times, the second one is meant.
func (w *Watch) Replay(ctx context.Context, moments iter.Seq2[Moment, error], since, until time.Time) error {
	w.prepare()
	p := &replay{Watch: w, since: since}
	for m, err := range moments {
		if err != nil {
			return err
		}
		if p.begun && m.over(until) {
			if m.lacks(until) {
				return p.endsIn(&m)
			}
			break
		}
		if p.begun && !p.told && m.over(since) && !m.lacks(since) && (p.missing == nil || !p.missing.From.Before(since)) {
			if err := p.first(); err != nil {
				return err
			}
		}
		if p.lives = p.lives.through(w.clock, m.Time); m.Missing != nil {
			p.lives = nil
		}
		p.expire(m.Time)
		w.clock = m.Time
		if err := p.moment(ctx, &m); err != nil {
			return err
		}
	}
	if p.begun && !p.told {
		if err := p.first(); err != nil {
			return err
		}
	}
	return p.flush()
}

// expire tells of the routes whose lifetime ends until a time.
func (p *replay) expire(until time.Time) {
	for end, ok := p.lives.first(); ok && !end.After(until); end, ok = p.lives.first() {
		before := p.fib
		p.fib, p.lives = p.lives.over(before, end)
		for i := range p.answers {
			a := p.Question.answer(p.fib, i)
			if a.same(&p.answers[i]) {
				continue
			}
			p.pending = append(p.pending, &turn{
				asked: i, time: end, before: p.answers[i], after: a, full: p.explain(p.fib, i), triggers: expired(before, p.fib, &p.Question.Asked[i]),
			})
			p.answers[i] = a
		}
	}
}

// lacks reports whether a time is in the part of the history that is missing before the moment.
func (m *Moment) lacks(at time.Time) bool {
	return m.Missing != nil && m.Missing.From.Before(at) && at.Before(m.Time)
}

// endsIn ends with a part of the history that is missing and has the end of the time that is asked
// about. If it has the beginning too, no answer of that time is known.
func (p *replay) endsIn(m *Moment) error {
	if !p.told && !m.lacks(p.since) {
		if err := p.first(); err != nil {
			return err
		}
	}
	return errors.Join(p.flush(), p.Tell([]*report.Turn{m.gap()}))
}

// gap is the line about the part of the history that is missing.
func (m *Moment) gap() *report.Turn {
	return &report.Turn{Time: m.Time, Missed: true, NotRecorded: m.Missing.From, Damaged: m.Missing.Damaged}
}

// first tells the answers at the beginning of the time that is asked about.
func (p *replay) first() error {
	p.told = true
	p.pending, p.recent, p.missed = nil, nil, false
	at := p.since
	if at.Before(p.clock) {
		at = p.clock
	}
	for i, a := range p.answers {
		p.pending = append(p.pending, &turn{asked: i, time: at, after: a, full: p.explain(p.fib, i)})
	}
	return p.Watch.flush()
}

// flush tells what has changed, if it is in the time that is asked about.
func (p *replay) flush() error {
	p.dirty = false
	if !p.told {
		p.pending, p.recent, p.missed = nil, nil, false
		return nil
	}
	return p.Watch.flush()
}

func (p *replay) moment(ctx context.Context, m *Moment) error {
	if len(p.pending) > 0 && m.Time.After(p.pending[0].time.Add(stateWait)) || len(p.pending) >= maxPending {
		if err := p.flush(); err != nil {
			return err
		}
	}
	switch {
	case m.State != nil:
		return p.state(ctx, m)
	case m.Missing != nil:
		p.missing = m.Missing
		if err := p.flush(); err != nil || p.begun && !p.told && !m.lacks(p.since) {
			return err
		}
		return p.Tell([]*report.Turn{m.gap()})
	case m.Event == nil || !p.begun:
		return nil
	}
	e := m.Event
	if e.Route == nil || p.Question.Keeps(e.Route.Table, e.Route.Dst) {
		p.happen(e)
		p.lives = p.lives.happened(e)
	}
	p.lost = false // only a state is compared
	return nil
}

// state continues with a state that the history has.
func (p *replay) state(ctx context.Context, m *Moment) error {
	fib, err := lookup.Read(ctx, m.State, p.Question.Need())
	if err != nil {
		return err
	}
	p.lives = lifetimesOf(fib, m.Time)
	if !p.begun {
		p.begun = true
		if err := p.begin(fib); err != nil {
			return err
		}
		p.pending = nil
		return nil
	}
	fib = p.silenced(fib)
	p.correct(fib, p.answersOf(fib))
	for _, t := range p.pending {
		if len(t.because) == 0 {
			t.missing = p.missing
		}
	}
	p.missing = nil
	return p.flush()
}
