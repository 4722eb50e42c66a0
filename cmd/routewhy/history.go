package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/history"
	"routewhy/lookup/report"
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
	// unknown says that the state at a time was asked for which a record does not have; nil:
	// nobody asks.
	unknown *atomic.Bool
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
	now := time.Now()
	since, until, err := o.times(now)
	if err != nil {
		return err
	}
	upTo := since
	if o.watch.until != "" {
		upTo = until
	}
	rec, err := o.openRecord(ctx, h.path, o.load, earlier(upTo, now), s)
	if err != nil {
		return fmt.Errorf("--history: %w", err)
	}
	if err := rec.covers(since, until, now); err != nil {
		return err
	}
	if h.who {
		return o.sumUp(ctx, s, rec, since, until, now)
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
	begins := rec.beginning(since)
	if begins != nil {
		if err := t.turns([]*report.Turn{begins}); err != nil {
			return err
		}
	}
	w := &history.Watch{Question: q, Explain: o.verbose, Tell: t.turns}
	err = w.Replay(ctx, rec.moments(since), since, until)
	end := rec.ending(o.watch.until != "", earlier(until, now))
	if err == nil && end != nil {
		err = t.turns([]*report.Turn{end})
	}
	if err = t.end(err); err != nil {
		return err
	}
	return o.lackStatus(s, rec, since, until, now, begins, end)
}

// lackStatus is the status of a history that does not have all of the time that is asked about, or
// that is damaged; nil: it has it all. Begins and end were told.
func (o *options) lackStatus(s stdio, rec *pastRecord, since, until, now time.Time, begins, end *report.Turn) error {
	asked := o.history.since != "" || o.watch.until != ""
	toCome := o.watch.until != "" && until.After(now)
	if toCome {
		fmt.Fprintf(s.Stderr, "routewhy: %s\n", toComeWords(until))
	}
	if rec.damagedIn(since, until) || toCome || begins != nil || asked && len(rec.lacks(since, until)) > 0 || o.watch.until != "" && end != nil {
		return statusError(exitNoAnswer)
	}
	return nil
}

func toComeWords(t time.Time) string { return timeWords(t) + " has not come yet" }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
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
	// gaps are the parts that are missing, of those that moments has given.
	gaps []*report.Turn
}

// maxGaps limits how many parts that are missing are remembered.
const maxGaps = 1000

// openRecord opens a record, and waits for what the recorder has to write until a time. For a file
// of rtmon, the other files have the state at its start.
func (o *options) openRecord(ctx context.Context, path string, others []string, upTo time.Time, s stdio) (*pastRecord, error) {
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
	record.Await(ctx, path, upTo, recordPatience)
	rec, err := record.Open(path, base)
	if err != nil {
		return nil, err
	}
	if base != nil && !rec.IsMonitor() {
		return nil, usagef("%s is a whole record: no other --load goes with it", unquoted(path))
	}
	return &pastRecord{Record: rec, name: path, limit: limit}, nil
}

// recordPatience is how long a recorder may take to write what has happened.
const recordPatience = 3 * time.Second

// covers returns an error if the record has nothing of a time.
func (r *pastRecord) covers(since, until, now time.Time) error {
	first, _, _ := r.Span()
	end := r.End()
	switch {
	case since.After(now):
		return errors.New(toComeWords(since))
	case until.Before(first):
		return r.notBegun(until)
	case since.After(end.Time):
		return fmt.Errorf("%s tells of %s to %s%s", unquoted(r.name), timeWords(first), timeWords(end.Time), endingWords(end.Kind))
	}
	return nil
}

// notBegun is the error about a time before the record.
func (r *pastRecord) notBegun(t time.Time) error {
	first, _, _ := r.Span()
	return fmt.Errorf("%s begins at %s, after %s", unquoted(r.name), timeWords(first), timeWords(t))
}

// beginning is the beginning of the record, if the time that is asked about begins before it; nil:
// it does not. Zero: the user names no beginning.
func (r *pastRecord) beginning(since time.Time) *report.Turn {
	first, _, _ := r.Span()
	if since.IsZero() || !since.Before(first) {
		return nil
	}
	return &report.Turn{Time: first, Begins: true}
}

// endingWords says how a record ends, after its last time.
func endingWords(k record.EndKind) string {
	switch k {
	case record.EndStopped:
		return ", when its recorder was stopped"
	case record.EndBroken:
		return ", without a mark that its recorder was stopped"
	case record.EndRunning:
		return "; its recorder is running, but it has written nothing since"
	case record.EndUnknown:
	}
	return ""
}

// ending is the end of the record; nil: there is no need to tell it, because the record has all
// of the time until then. Asked says that somebody asked about the time until then.
func (r *pastRecord) ending(asked bool, until time.Time) *report.Turn {
	end := r.End()
	ended := end.Kind == record.EndBroken || end.Kind == record.EndStopped
	if !until.After(end.Time) || !asked && !ended {
		return nil
	}
	if n := len(r.gaps); n > 0 && r.gaps[n-1].NotRecorded.Equal(r.gaps[n-1].Time) { // that was told
		return nil
	}
	kinds := map[record.EndKind]report.HistoryEnd{
		record.EndStopped: report.HistoryStopped, record.EndBroken: report.HistoryBroken,
		record.EndRunning: report.HistorySilent, record.EndUnknown: report.HistoryEnds,
	}
	return &report.Turn{Time: end.Time, NotRecorded: end.Time, Ends: kinds[end.Kind]}
}

// lacks are the parts of a time that are missing.
func (r *pastRecord) lacks(since, until time.Time) (out []*report.Turn) {
	for _, g := range r.gaps {
		if last := g.NotRecorded.Equal(g.Time); !g.NotRecorded.After(until) && (last || !g.Time.Before(since)) {
			out = append(out, g)
		}
	}
	return out
}

// damagedIn reports whether the record is damaged at a time.
func (r *pastRecord) damagedIn(since, until time.Time) bool {
	return slices.ContainsFunc(r.lacks(since, until), func(t *report.Turn) bool { return t.Damaged })
}

// moments gives what the record has from a time on.
func (r *pastRecord) moments(from time.Time) iter.Seq2[history.Moment, error] {
	return func(yield func(history.Moment, error) bool) {
		for step, err := range r.Steps(from, r.limit) {
			m := history.Moment{Time: step.Time, Event: step.Event, Next: step.Next}
			if step.Snapshot != nil {
				m.State = load.Of(step.Snapshot, step.Routes, r.name, r.limit).Source()
			}
			if step.Gap != nil {
				m.Missing = &history.Missing{From: step.Gap.From, Damaged: step.Gap.Damaged}
				if len(r.gaps) < maxGaps {
					r.gaps = append(r.gaps, &report.Turn{Time: step.Time, NotRecorded: step.Gap.From, Damaged: step.Gap.Damaged})
				}
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
		src, err := o.past(path, others, name, at, limit, s)
		return src, true, err
	}
	return nil, false, nil
}

// past gives the state that a record has of a time; empty: the last one.
func (o *options) past(path string, others []string, name, at string, limit int64, s stdio) (route.Source, error) {
	ctx, now := context.Background(), time.Now()
	var t time.Time
	if at != "" {
		var err error
		if t, err = clockTime(at, now); err != nil {
			return nil, err
		}
	}
	rec, err := o.openRecord(ctx, path, others, earlier(t, now), s)
	if err != nil {
		return nil, err
	}
	rec.limit = min(rec.limit, limit)
	first, _, _ := rec.Span()
	end := rec.End()
	if at == "" {
		t = end.Time
	}
	if t.Before(first) {
		return nil, rec.notBegun(t)
	}
	p, err := history.At(ctx, rec.moments(t), t)
	if err != nil {
		return nil, err
	}
	if p.FIB == nil {
		return nil, fmt.Errorf("%s has no state of %s", unquoted(rec.name), timeWords(t))
	}
	known := t
	switch {
	case p.Missing != nil:
		known = p.Missing.From
		meant := ", which may have changed what holds at " + timeWords(t)
		if known.Equal(t) {
			meant = ""
		}
		fmt.Fprintf(s.Stderr, "routewhy: %s: %s the time since %s%s\n", printable(name), lostWords(p.Missing), timeWords(known), meant)
	case t.After(now):
		known = earlier(now, end.Time)
		fmt.Fprintf(s.Stderr, "routewhy: %s: %s: this is the state of %s\n", printable(name), toComeWords(t), timeWords(known))
	case t.After(end.Time):
		known = end.Time
		when := "between then and " + timeWords(t)
		if timeWords(t) == timeWords(known) {
			when = "later"
		}
		fmt.Fprintf(s.Stderr, "routewhy: %s: it ends at %s%s: what happened %s is not known\n", printable(name), timeWords(known), endingWords(end.Kind), when)
	case at == "" && (end.Kind == record.EndBroken || end.Kind == record.EndStopped):
		fmt.Fprintf(s.Stderr, "routewhy: %s: it ends at %s%s\n", printable(name), timeWords(known), endingWords(end.Kind))
	}
	if u := o.history.unknown; u != nil && (p.Missing != nil || !known.Equal(t)) {
		u.Store(true)
	}
	snap, routes := history.Whole(p.FIB)
	snap.Time = known
	return load.Of(snap, routes, rec.name, rec.limit).Source(), nil
}

func lostWords(m *history.Missing) string {
	if m.Damaged {
		return "the record is damaged, and nothing is known of"
	}
	return "nothing is known of"
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

// sumUp sums up who asked for the changes. It says on standard error which of them it cannot know.
func (o *options) sumUp(ctx context.Context, s stdio, rec *pastRecord, since, until, now time.Time) error {
	all, err := history.SumUp(ctx, rec.moments(since), since, until)
	if err != nil {
		return err
	}
	begins, end := rec.beginning(since), rec.ending(o.watch.until != "", earlier(until, now))
	lacks := append(append([]*report.Turn{begins}, rec.lacks(since, until)...), end)
	for _, t := range slices.DeleteFunc(lacks, func(t *report.Turn) bool { return t == nil }) {
		fmt.Fprintf(s.Stderr, "routewhy: %s: %s\n", printable(rec.name), text.NotRecorded(t, timeWords))
	}
	if err := writeWho(o, s, all); err != nil {
		return err
	}
	return o.lackStatus(s, rec, since, until, now, begins, end)
}
