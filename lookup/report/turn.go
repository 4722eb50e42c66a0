package report

import (
	"fmt"
	"strings"
	"time"

	"routewhy/lookup"
)

// Turn is one line of --watch: an answer as it is at first, or a change of one.
type Turn struct {
	Time time.Time `json:"time"`
	// Label names what is watched.
	Label string `json:"query"`
	// Before and After are the answers; Before is absent at first. Where a question cannot be
	// asked, because a device that it names is not there, they are absent and a Fault says why.
	Before      *Explanation `json:"before,omitempty"`
	After       *Explanation `json:"after,omitempty"`
	BeforeFault string       `json:"before_error,omitempty"`
	AfterFault  string       `json:"after_error,omitempty"`
	// Because are the changes that did it. None after the first line: they are not known.
	Because []Trigger `json:"because,omitempty"`
	// Found says that no event told of the change, and that it was found when everything
	// was read again.
	Found bool `json:"found,omitempty"`
	// Missed says that the kernel could not queue all events, and so something may have
	// been missed before this.
	Missed bool `json:"missed,omitempty"`
	// NotRecorded is since when nothing is known until Time, where a history has a gap. An
	// answer that has it changed in that gap. Damaged says that the gap was recorded but
	// cannot be read.
	NotRecorded time.Time `json:"not_recorded_since,omitzero"`
	Damaged     bool      `json:"damaged,omitempty"`
	// Begins says that a history begins at Time, after the beginning of the time that was asked
	// about: what happened before is not known.
	Begins bool `json:"record_begins,omitempty"`
	// Ends is how a history ends at Time, where it does not tell all of the time that was
	// asked about; empty: it does not end there.
	Ends HistoryEnd `json:"record_ends,omitempty"`
	// Full is the whole explanation of the answer, where it is wanted.
	Full *Explanation `json:"explanation,omitempty"`
	// Default says that the question is about the default route of a family, of which the
	// source is no part.
	Default bool `json:"default_route,omitempty"`
}

// HistoryEnd is how a history ends.
type HistoryEnd string

// The ends of a history.
const (
	// HistoryStopped: the recorder was stopped in good order.
	HistoryStopped HistoryEnd = "stopped"
	// HistoryBroken: no recorder is running, and there is no mark that the last one was
	// stopped in good order.
	HistoryBroken HistoryEnd = "broken"
	// HistorySilent: a recorder is running, but has written nothing since.
	HistorySilent HistoryEnd = "silent"
	// HistoryEnds: nothing is known about the end.
	HistoryEnds HistoryEnd = "unknown"
)

// First reports whether the line is an answer that was there from the start.
func (t *Turn) First() bool { return t.Before == nil && t.BeforeFault == "" }

// Way is what a reader sees of an answer, as a value that compares: where the packet goes,
// from which source unless that is left out, and what is wrong with it. Which entry says so
// is no part of it.
func (e *Explanation) Way(source bool) string {
	var b strings.Builder
	e.addWay(&b, source)
	return b.String()
}

func (e *Explanation) addWay(b *strings.Builder, source bool) {
	d := &e.Decision
	fmt.Fprint(b, d.Disposition, d.Errno, d.MayRefuse, d.WayOut, d.Why.Code, e.whySeveral(), d.SentOn, d.NotSentOn, d.Unassigned, e.ConnectErrno)
	if d.SomeRefused != nil {
		fmt.Fprint(b, *d.SomeRefused)
	}
	if source {
		fmt.Fprint(b, d.Src, d.NoSource)
	}
	switch {
	case d.Disposition == lookup.DispositionInvalid: // why, and not by which route
		b.WriteString(string(d.Shortcut))
	case d.Disposition != lookup.DispositionUnicast && d.Route != nil:
		b.WriteString(string(d.Route.Table)) // which refuses, or delivers
	}
	for _, h := range d.NextHops {
		fmt.Fprint(b, "|", h.Gateway, h.Dev, h.Encap, h.Weight, h.Share, h.Stale, h.Fault.Code, h.RedirectedFrom)
		if source {
			fmt.Fprint(b, h.Src, h.SrcOneOf)
		}
	}
	for _, s := range e.BySource {
		b.WriteString("/")
		s.addWay(b, source)
	}
}

// whySeveral is why there are several next hops, or none is known. Whether a hash of the flow or its
// bucket chooses one shows nowhere in the answer.
func (e *Explanation) whySeveral() lookup.Code {
	if code := e.Decision.Ambiguous.Code; code != lookup.CodeResilient {
		return code
	}
	return lookup.CodeMultipath
}

// Explain explains the decision about a destination from what was read, without the
// kernel's own answer.
func Explain(f *lookup.FIB, q *Question, d *Destination) (*Explanation, error) {
	l, err := lookFrom(f, q, d)
	if err != nil {
		return nil, err
	}
	l.Notes = f.Notes(l.Trace)
	return l.Report(), nil
}

// AnswerFrom is the same as a line: the question and the decision alone.
func AnswerFrom(f *lookup.FIB, q *Question, d *Destination) (*Explanation, error) {
	l, err := lookFrom(f, q, d)
	if err != nil {
		return nil, err
	}
	return l.Line(), nil
}

func lookFrom(f *lookup.FIB, q *Question, d *Destination) (*look, error) {
	a := &asker{Question: q, fib: f}
	l, _, err := a.lookUp(d)
	if err != nil {
		return nil, err
	}
	l.NotAsked = NoKernelAsked
	return l, nil
}
