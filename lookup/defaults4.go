package lookup

import "routewhy/route"

// defaults4 is the choice between default routes of one table and metric,
// which the kernel makes by the state of their gateways' neighbours
// (fib_select_default, fib_detect_death in net/ipv4/fib_semantics.c). It
// remembers its last choice, which cannot be read: the result is the set of
// what it may choose.
func (w *walk) defaults4(d *Decision, res *result) []choice {
	tied := w.tied(res)
	if len(tied) < 2 {
		w.mem.choices = append(w.mem.choices[:0], choice{res.entry, &res.entry.hops[res.hop], false})
		return w.mem.choices
	}
	life := w.mem.life[:0]
	for _, c := range tied {
		life = append(life, w.fib.life(c.hop))
	}
	picks := possibleDefaults(w.mem.picks[:0], life)
	if w.fib.snap.Lacks(route.FactNeighbours, route.IPv4) {
		picks = picks[:0]
		for n := range tied {
			picks = append(picks, n)
		}
	}
	out := w.mem.choices[:0]
	for _, n := range picks {
		out = append(out, tied[n])
	}
	w.mem.life, w.mem.picks, w.mem.choices = life, picks, out
	if len(out) > 1 {
		d.Ambiguous = Reason{Code: CodeDefaultsTie, Have: len(out)}
	}
	w.noteTied(tied, out)
	if e := out[0].entry; e != res.entry {
		d.Route, d.entry = e.full(res.dst), e
	}
	return out
}

// tied are the default routes between which the kernel chooses, in its order;
// the first is the one that the table look-up found.
func (w *walk) tied(res *result) []choice {
	out := w.mem.tied[:0]
	lastMetric, lastTOS := res.entry.route.Metric, uint8(0)
	for _, e := range res.leaf.entries {
		r := &e.route
		if w.skip == (skipped{e, res.dst}) || r.TOS != 0 && r.TOS != w.flow.TOS&rtTOSMask {
			continue
		}
		if r.Metric > lastMetric && r.TOS == lastTOS {
			if lastTOS != 0 {
				continue
			}
			break
		}
		if e.allDead() {
			continue
		}
		lastTOS, lastMetric = r.TOS, r.Metric
		if r.Scope != res.entry.route.Scope || r.Type != route.TypeUnicast ||
			len(e.hops) == 0 || !e.hops[0].gateway4().IsValid() {
			continue
		}
		if len(out) == 0 && e != res.entry {
			break
		}
		out = append(out, choice{e, &e.hops[0], false})
	}
	w.mem.tied = out
	return out
}

// allDead reports whether the kernel marks the whole entry dead. It does not where a next
// hop only lacks carrier.
func (e *entry) allDead() bool {
	for i := range e.hops {
		if f := e.hops[i].Flags; f&route.NextHopDead == 0 || f&route.NextHopLinkDown != 0 {
			return false
		}
	}
	return len(e.hops) > 0
}

// neighbourLife is how fib_detect_death judges a gateway.
type neighbourLife uint8

const (
	lifeAlive      neighbourLife = iota // no entry, or REACHABLE: taken
	lifeSuspect                         // otherwise valid: taken unless it was taken last time
	lifeDead                            // passed over; a last resort unless it was taken last time
	lifeUnanswered                      // INCOMPLETE: passed over, and no last resort
)

func (f *FIB) life(h *hop) neighbourLife {
	state, known := f.neighbours[neighbourKey{h.Link, h.Gateway}]
	switch {
	case !known || state == route.NeighbourReachable:
		return lifeAlive
	case state.Valid():
		return lifeSuspect
	case state == route.NeighbourIncomplete:
		return lifeUnanswered
	}
	return lifeDead
}

// possibleDefaults appends the indices of the gateways that may be chosen, over
// all last choices that the kernel may remember: the first that is not dead; the
// next of these where that one is suspect and was the last choice. Where none is
// alive: each that failed in its turn, and the first, which is what the table look-up
// found, once their turn is over (fib_select_default).
func possibleDefaults(out []int, life []neighbourLife) []int {
	for i, l := range life {
		switch {
		case l >= lifeDead:
		case l == lifeAlive || len(out) == 1:
			return append(out, i)
		default:
			out = append(out, i)
		}
	}
	if len(out) > 0 {
		return out
	}
	for i, l := range life {
		if i == 0 || l == lifeDead {
			out = append(out, i)
		}
	}
	return out
}

// noteTied corrects the recorded candidates for the choice among equals.
func (w *walk) noteTied(tied, out []choice) {
	if w.trace == nil {
		return
	}
	isTied, isOut := map[*entry]bool{}, map[*entry]bool{}
	for _, c := range tied {
		w.trace.tied = append(w.trace.tied, c.entry)
		isTied[c.entry] = true
	}
	for _, c := range out {
		isOut[c.entry] = true
	}
	for t := range w.trace.Rules {
		for i := range w.trace.Rules[t].Candidates {
			c := &w.trace.Rules[t].Candidates[i]
			switch {
			case c.Route.Dst.Bits() != 0 || !isTied[c.entry]:
			case !isOut[c.entry]:
				c.Verdict, c.Reason = VerdictLoses, w.tieLoss(c.entry)
			case len(out) == 1:
				c.Verdict, c.Reason = VerdictChosen, w.tieWin(tied, c.entry)
			default:
				c.Verdict, c.Reason = VerdictPossible, Reason{Code: CodeNeighbourTie}
			}
		}
	}
}

// tieWin says why one of several equal defaults is taken now: it is the only one, or the
// first one, whose gateway is not known to fail, or none of the gateways answers and it
// is the first of all.
func (w *walk) tieWin(tied []choice, e *entry) Reason {
	for _, c := range tied {
		if c.entry == e && w.fib.life(c.hop) >= lifeDead || c.entry != e && w.fib.life(c.hop) < lifeDead {
			return Reason{Code: CodeFirst}
		}
	}
	return Reason{Code: CodeNeighbourTie}
}

// tieLoss says why one of several equal defaults is passed over: its gateway fails, or an
// earlier one is taken until its neighbour entry gets old.
func (w *walk) tieLoss(e *entry) Reason {
	h := &e.hops[0]
	if w.fib.life(h) < lifeDead {
		return Reason{Code: CodeNeighbourTie}
	}
	return Reason{Code: CodeNeighbour, Have: w.fib.neighbours[neighbourKey{h.Link, h.Gateway}].String()}
}
