package main

import (
	"context"
	"errors"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// trace decides about a packet, or, where the destination has a port, about a
// connection.
func (q *questions) trace(d destination, flow route.Flow) *lookup.Trace {
	if d.port != 0 {
		return q.fib.Connect(flow)
	}
	return q.fib.Explain(flow)
}

// addLookups adds the other look-ups of a connection.
func (q *questions) addLookups(e *report.Look) {
	if e.Trace.First == nil {
		return
	}
	part := func(t *lookup.Trace, which report.Part) *report.Look {
		return &report.Look{FIB: q.fib, Trace: t, Label: e.Label, Given: e.Given, Fields: e.Fields, Part: which, Detail: e.Detail}
	}
	e.First = part(e.Trace.First, report.PartSource)
	for _, t := range e.Trace.BySource {
		e.BySource = append(e.BySource, part(t, report.PartBySource))
	}
}

// ask lets the kernel answer the same questions.
func (q *questions) ask(ctx context.Context, e *report.Look) error {
	for _, part := range e.Lookups() {
		if err := q.askOne(ctx, part); err != nil {
			return err
		}
	}
	q.settle(e)
	return nil
}

// settle turns the decisions of all look-ups to what the kernel's answers alone show:
// gateways that it has learnt, and entries and sources that are in no dump.
func (q *questions) settle(e *report.Look) {
	some := false
	for _, part := range e.Lookups() {
		some = q.fib.Redirect(part.Trace, &part.Comparison, &part.Answer) || some
		some = q.fib.Settle(part.Trace, &part.Comparison, &part.Answer) || some
	}
	if !some {
		return
	}
	if len(e.BySource) > 0 {
		q.fib.Join(e.Trace)
	}
	e.Notes = q.fib.Notes(e.Trace)
	if e.Reply != nil {
		for _, answer := range e.Answers {
			answer.Notes = q.fib.Notes(answer.Trace)
		}
	}
}

func (q *questions) askOne(ctx context.Context, e *report.Look) error {
	if q.noKernel {
		e.NotAsked = "--no-kernel"
		return nil
	}
	var refused *route.NotAskedError
	answer, err := q.host.Resolve(ctx, e.Trace.Flow)
	switch {
	case errors.As(err, &refused):
		e.NotAsked = refused.Why
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		e.NotAsked = err.Error()
		return nil
	}
	e.Answer = answer
	e.Comparison = q.fib.Compare(&e.Trace.Flow, &e.Trace.Decision, &answer)
	return nil
}
