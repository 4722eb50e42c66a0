package lookup

import "routewhy/route"

// What is kept of a walk. All methods do nothing where nothing is recorded.

// record notes what became of a rule that leads to no table.
func (w *walk) record(r *rule, v Verdict, why Reason) {
	if w.trace == nil {
		return
	}
	w.trace.Rules = append(w.trace.Rules, RuleTrial{Rule: r.Rule, Verdict: v, Reason: why})
}

// mismatch notes a rule whose selector does not match.
func (w *walk) mismatch(r *rule, code Code) {
	if w.trace == nil || w.sketch {
		return
	}
	w.record(r, VerdictNoMatch, w.mismatchReason(r, code))
	w.trace.Rules[len(w.trace.Rules)-1].Others = w.otherMismatches(r, code)
	w.would(r)
}

// unreached notes rules that were not asked.
func (w *walk) unreached(rules []*rule, code Code) {
	if w.trace == nil || w.sketch {
		return
	}
	for _, r := range rules {
		w.record(r, VerdictNotReached, Reason{Code: code})
		if w.matches(r) == "" {
			w.would(r)
		}
	}
}

// would notes what the table of the rule last recorded has for the packet.
func (w *walk) would(r *rule) {
	if r.Action != route.ActionTable {
		return
	}
	trial := &w.trace.Rules[len(w.trace.Rules)-1]
	var t *table
	trial.Table, t = w.tableOf(r)
	silent := *w
	silent.trace = nil
	var res result
	silent.searchTable(t, nil, &res)
	if res.status != found {
		return
	}
	if silent.suppressed(r, &res) != "" {
		return
	}
	full := res.entry.full(res.dst)
	trial.Shadow = &full
}

// begin notes a rule whose table is about to be consulted.
func (w *walk) begin(r *rule, t route.Table) *RuleTrial {
	if w.trace == nil {
		return nil
	}
	w.trace.Rules = append(w.trace.Rules, RuleTrial{Rule: r.Rule, Table: t})
	return &w.trace.Rules[len(w.trace.Rules)-1]
}

// list is where the candidates go; nil where nothing is recorded.
func (t *RuleTrial) list() *[]Candidate {
	if t == nil {
		return nil
	}
	return &t.Candidates
}

// end notes how the consultation of a table of that many routes ended.
func (t *RuleTrial) end(res *result, size int) {
	if t == nil {
		return
	}
	switch res.status {
	case found:
		t.Verdict, t.Reason = VerdictMatch, Reason{Code: CodeDecided}
	case refused:
		t.Verdict, t.Reason = VerdictRefuses, Reason{Code: CodeDecided}
	case unknown:
		t.Verdict, t.Reason = VerdictUncertain, *res.why
	default:
		t.Verdict, t.Reason = VerdictContinue, againReason(res, size, len(t.Candidates))
	}
}

// doubt takes back what was said of the route that was chosen.
func (t *RuleTrial) doubt(why Reason) {
	if t == nil {
		return
	}
	for i := range t.Candidates {
		switch c := &t.Candidates[i]; c.Verdict {
		case VerdictChosen, VerdictPossible, VerdictRefuses, VerdictThrows:
			c.Verdict, c.Reason = VerdictUncertain, why
		}
	}
}

func againReason(res *result, size, covering int) Reason {
	switch {
	case res.entry != nil:
		return Reason{Code: CodeTableThrow, Have: res.dst}
	case size == 0:
		return Reason{Code: CodeTableEmpty}
	case covering > 0:
		return Reason{Code: CodeTableUnusable, Have: covering}
	}
	return Reason{Code: CodeTableNoMatch, Have: size}
}

// suppress notes that the rule dropped what its table gave.
func (w *walk) suppress(t *RuleTrial, res *result, code Code) {
	if t == nil {
		return
	}
	why := Reason{CodeSuppressPrefix, t.Rule.SuppressPrefixLen, res.dst.Bits()}
	switch code {
	case CodeSuppressGroup:
		why = Reason{code, t.Rule.SuppressGroup, w.suppressible(res).dev.Name}
	case CodeSuppressMTU:
		why = Reason{Code: code, Have: w.suppressible(res).dev.Name}
	}
	t.Verdict, t.Reason = VerdictSuppressed, why
	for i := range t.Candidates {
		c := &t.Candidates[i]
		if c.Verdict == VerdictChosen {
			c.Verdict, c.Reason = VerdictSuppressed, why
		}
	}
}

// note adds a candidate.
func note(cands *[]Candidate, e *entry, rf ref, v Verdict, why Reason) {
	*cands = append(*cands, Candidate{e.full(rf.dst), v, why, e})
}

// loss is the one fact by which a usable route loses to the chosen one.
func loss(winner, loser *route.Route) Reason {
	switch {
	case winner.Table != loser.Table && winner.Dst.Bits() == loser.Dst.Bits():
		return Reason{Code: CodeLocalFirst}
	case winner.Dst.Bits() != loser.Dst.Bits():
		return Reason{CodeShorter, winner.Dst.Bits(), loser.Dst.Bits()}
	case winner.TOS != loser.TOS && winner.Dst.Addr().Is4():
		return Reason{CodeTOSFirst, hex(uint32(winner.TOS)), hex(uint32(loser.TOS))}
	case winner.Src != loser.Src:
		return Reason{Code: CodeSourceLess, Want: winner.Src}
	case winner.Metric != loser.Metric:
		return Reason{CodeMetric, winner.Metric, loser.Metric}
	}
	return Reason{Code: CodeLater}
}

// win is the one fact by which the route at index i of the candidates won.
func win(cands []Candidate, i int) Reason {
	w := &cands[i].Route
	for j := range cands {
		c := &cands[j]
		if j == i || c.Route.Dst != w.Dst || c.Verdict != VerdictLoses {
			continue
		}
		switch c.Reason.Code {
		case CodeMetric:
			return Reason{CodeLowestMetric, w.Metric, c.Route.Metric}
		case CodeTOSFirst, CodeSourceLess, CodePreference, CodeDevice, CodeLocalFirst:
			return Reason{Code: CodeFirst, Want: string(c.Reason.Code)}
		case CodeLater:
			return Reason{Code: CodeFirst}
		}
	}
	if w.Dst.Bits() == 0 {
		return Reason{Code: CodeOnlyDefault}
	}
	return Reason{Code: CodeLongest, Have: w.Dst.Bits()}
}

// settle gives the winner its reason, once all losers have theirs.
func settle(cands *[]Candidate) {
	if cands == nil {
		return
	}
	for i := range *cands {
		if c := &(*cands)[i]; c.Verdict == VerdictChosen && c.Reason.Code == "" {
			c.Reason = win(*cands, i)
		}
	}
}
