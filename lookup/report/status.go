package report

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Status is what an answer comes to: the worse, the higher.
type Status int

// The statuses. They are the exit statuses of the program.
const (
	StatusAnswered  Status = 0 // there is a usable answer
	StatusNoRoute   Status = 1 // it has no route, is refused in whole or in part, or its only way out is dead
	StatusUnknown   Status = 3 // the facts do not suffice
	StatusDisagrees Status = 4 // the kernel gives another answer
)

// StatusOf is the status of a decision alone.
func StatusOf(f *lookup.FIB, flow *route.Flow, d *lookup.Decision) Status {
	return status(d.Disposition, d.SomeRefused != 0 || f.DeadEnd(flow, d).Code != "")
}

// Status is the same by names.
func (d *Decision) Status() Status {
	return status(d.Disposition, d.SomeRefused != nil || d.WayOut != "")
}

func status(d lookup.Disposition, lost bool) Status {
	switch {
	case d == lookup.DispositionUnknown:
		return StatusUnknown
	case !d.Success(), lost:
		return StatusNoRoute
	}
	return StatusAnswered
}

// Status is that of a packet or a connection, and of its answer where that was asked
// about.
func (e *Explanation) Status() Status {
	if e.Disagreement() != nil {
		return StatusDisagrees
	}
	status := e.Decision.Status()
	if e.OnlyConnected() && e.SomeRefused == nil && e.WayOut == "" {
		status = StatusAnswered
	}
	if status == StatusAnswered && (e.ConnectErrno != 0 || e.NotForwarded() || e.SeenOnMaster() != nil || e.refusedLater()) {
		status = StatusNoRoute
	}
	if e.Reply == nil || status != StatusAnswered {
		return status
	}
	if e.AnswerLost() {
		status = StatusNoRoute
	}
	for _, answer := range e.Reply.Answers {
		status = max(status, answer.Explanation.Status())
	}
	return status
}

// refusedLater reports whether the packet is refused after the decision: an IPsec policy blocks
// it, or it goes to a WireGuard device alone, none of whose peers takes it.
func (e *Explanation) refusedLater() bool {
	elsewhere := func(h NextHop) bool { return h.Dev != e.NextHops[0].Dev }
	return slices.ContainsFunc(e.Warnings, func(f Finding) bool {
		return f.Policy != nil && f.Policy.Block || f.Code == lookup.NoteNoPeer && !slices.ContainsFunc(e.NextHops, elsewhere)
	})
}
