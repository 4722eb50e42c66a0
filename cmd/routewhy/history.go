package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"time"

	"routewhy/lookup/history"
	"routewhy/route"
	"routewhy/route/load"
	"routewhy/route/record"
)

// historyFlags are the values of --history.
type historyFlags struct {
	// path is the record.
	path string
	// at and since are times as given by the user; empty: not given.
	at, since string
	// who says that the processes are summed up.
	who bool
}

// pastAnswers answers from a record.
func pastAnswers(ctx context.Context, o *options, s stdio) error {
	h := &o.history
	switch {
	case h.at != "" && (h.since != "" || o.watch.until != "" || h.who):
		return usagef("--at is one moment: --since, --until and --who do not go with it")
	case h.at != "":
		return answersAt(ctx, o, s)
	case h.who && len(o.destinations) > 0:
		return usagef("--who sums up all changes: it takes no DESTINATION")
	}
	since, until, err := o.times(time.Now())
	if err != nil {
		return err
	}
	rec, err := o.openRecord(h.path, o.load, s)
	if err != nil {
		return fmt.Errorf("--history: %w", err)
	}
	if err := rec.covers(since, until); err != nil {
		return err
	}
	if h.who {
		return sumUp(ctx, o, s, rec, since, until)
	}
	if err := o.checkWatch(); err != nil {
		return err
	}
	asked, err := o.asked(ctx)
	if err != nil {
		return err
	}
	q := &history.Question{Question: *o.question(nil), Asked: asked}
	q.NoKernel = true
	t := newTeller(o, s, asked, nil)
	if err := t.zone(since, rec); err != nil {
		return err
	}
	w := &history.Watch{Question: q, Explain: o.verbose, Tell: t.turns}
	return t.end(w.Replay(ctx, rec.moments(since), since, until))
}

// answersAt explains as of a time.
func answersAt(ctx context.Context, o *options, s stdio) error {
	if len(o.destinations) == 0 {
		o.destinations = []destination{{kind: kindDefault}}
	}
	if _, err := os.Stat(o.history.path); err != nil {
		return fmt.Errorf("--history: %w", err)
	}
	if !record.IsRecord(o.history.path) {
		return fmt.Errorf("--history: %s is no record, and no file of rtmon", unquoted(o.history.path))
	}
	o.load = append(o.load, o.history.path+"@"+o.history.at)
	return explain(ctx, o, s)
}

// times are the times that --since and --until name. If they are not given, everything is
// meant.
func (o *options) times(now time.Time) (since, until time.Time, err error) {
	until = time.Unix(1<<40, 0)
	if o.history.since != "" {
		if since, err = clockTime(o.history.since, now); err != nil {
			return since, until, err
		}
	}
	if o.watch.until != "" {
		until, err = clockTime(o.watch.until, now)
	}
	if err == nil && until.Before(since) {
		err = usagef("--until is before --since")
	}
	return since, until, err
}

// pastRecord is a record and what it is called.
type pastRecord struct {
	*record.Record
	name  string
	limit int64 // of memory
}

// openRecord opens a record. For a file of rtmon, the other files have the state at its
// start.
func (o *options) openRecord(path string, others []string, s stdio) (*pastRecord, error) {
	var base *record.Base
	limit := o.memory(s)
	if len(others) > 0 {
		limit /= 2
		r, err := load.Within(limit, s.Stdin, o.netns, others...)
		if err != nil {
			return nil, loadError(err, s.Room)
		}
		base = &record.Base{Snapshot: r.Snapshot, Routes: r.Routes}
	}
	rec, err := record.Open(path, base)
	if err != nil {
		return nil, err
	}
	if base != nil && !rec.IsMonitor() {
		return nil, usagef("%s is a whole record: no other --load goes with it", unquoted(path))
	}
	return &pastRecord{rec, path, limit}, nil
}

// covers returns an error if the record has nothing of a time.
func (r *pastRecord) covers(since, until time.Time) error {
	first, last, _ := r.Span()
	if until.Before(first) || since.After(last.Add(staleRecord)) {
		return fmt.Errorf("%s tells of %s to %s", unquoted(r.name), timeWords(first), timeWords(last))
	}
	return nil
}

// staleRecord is how old the last entry of a record may be whose recorder is running.
const staleRecord = time.Minute

// moments gives what the record has from a time on.
func (r *pastRecord) moments(from time.Time) iter.Seq2[history.Moment, error] {
	return func(yield func(history.Moment, error) bool) {
		for step, err := range r.Steps(from, r.limit) {
			m := history.Moment{Time: step.Time, Event: step.Event}
			if step.Snapshot != nil {
				m.State = load.Of(step.Snapshot, step.Routes, r.name, r.limit).Source()
			}
			if step.Gap != nil {
				m.Missing = &history.Missing{From: step.Gap.From, Damaged: step.Gap.Damaged}
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", unquoted(r.name), err)
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// recordedAt is a record and a time, as in DIR@02:13; the time is empty if it is not given.
// False: the name is of something else.
func recordedAt(name string) (path, at string, ok bool) {
	if name == load.Stdin {
		return "", "", false
	}
	if _, err := os.Lstat(name); err == nil {
		return name, "", record.IsRecord(name)
	}
	for i := len(name) - 1; i > 0; i-- { // a time may begin with @ too
		if name[i] == '@' && record.IsRecord(name[:i]) {
			return name[:i], name[i+1:], true
		}
	}
	return "", "", false
}

// loadPast gives the state that a record has of a time. Ok says that one of the files is a
// record.
func (o *options) loadPast(limit int64, files []string, s stdio) (src route.Source, ok bool, err error) {
	for i, name := range files {
		path, at, is := recordedAt(name)
		if !is {
			continue
		}
		others := append(append([]string{}, files[:i]...), files[i+1:]...)
		rec, err := o.openRecord(path, others, s)
		if err != nil {
			return nil, true, err
		}
		rec.limit = min(rec.limit, limit)
		src, err := o.past(rec, name, at, s)
		return src, true, err
	}
	return nil, false, nil
}

func (o *options) past(rec *pastRecord, name, at string, s stdio) (route.Source, error) {
	first, last, _ := rec.Span()
	t := last
	if at != "" {
		var err error
		if t, err = clockTime(at, time.Now()); err != nil {
			return nil, err
		}
		if t.Before(first) {
			return nil, fmt.Errorf("%s begins at %s, after %s", unquoted(rec.name), timeWords(first), timeWords(t))
		}
	}
	p, err := history.At(context.Background(), rec.moments(t), t)
	if err != nil {
		return nil, err
	}
	if p.FIB == nil {
		return nil, fmt.Errorf("%s has no state of %s", unquoted(rec.name), timeWords(t))
	}
	if p.Missing != nil {
		fmt.Fprintf(s.Stderr, "routewhy: %s: nothing is known of the time since %s, which may have changed what holds at %s\n", printable(name), timeWords(p.Missing.From), timeWords(t))
	} else if p.Ended && t.Sub(p.Time) > staleRecord {
		fmt.Fprintf(s.Stderr, "routewhy: %s: it ends at %s: what happened between then and %s is not known\n", printable(name), timeWords(p.Time), timeWords(t))
	}
	snap, routes := history.Whole(p.FIB)
	snap.Time = t
	return load.Of(snap, routes, rec.name, rec.limit).Source(), nil
}

// zone writes which time zone the times are in, and which day the first one is on.
func (t *teller) zone(since time.Time, rec *pastRecord) error {
	first, _, _ := rec.Span()
	if since.Before(first) {
		since = first
	}
	if t.json {
		return nil
	}
	return t.out.Zone(since)
}

// sumUp sums up who asked for the changes.
func sumUp(ctx context.Context, o *options, s stdio, rec *pastRecord, since, until time.Time) error {
	all, err := history.SumUp(ctx, rec.moments(since), since, until)
	if err != nil {
		return err
	}
	return writeWho(o, s, all)
}
