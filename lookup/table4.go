package lookup

import (
	"net/netip"

	"routewhy/route"
)

// search4 tries the entries of the covering leaves in the kernel's order
// (fib_table_lookup in net/ipv4/fib_trie.c): the longest prefix first, inside
// a prefix in the order of the dump, which is TOS, then metric, then age.
func (w *walk) search4(c *covering, cands *[]Candidate, res *result) {
	var won *route.Route // set once the search is decided, while recording
	var abandoned netip.Addr
	for rf, ok := c.next(); ok; rf, ok = c.next() {
		w.steps += len(rf.leaf.entries)
		for _, e := range rf.leaf.entries {
			if w.skip == (skipped{e, rf.dst}) || e.route.Scope < w.minScope {
				continue
			}
			hop, code := w.try4(e)
			switch {
			case won != nil:
				w.noteLoser(cands, e, rf, won, code)
				continue
			case rf.dst.Addr() == abandoned:
				code = CodeLeafAbandoned
			case code == CodeObjectUnusable:
				abandoned = rf.dst.Addr()
			}
			if w.outcome4(e, rf, hop, code, res) {
				if cands == nil {
					return
				}
				full := e.full(rf.dst)
				won = &full
				noteEnd(cands, e, rf, res)
			} else if cands != nil {
				note(cands, e, rf, VerdictUnusable, w.reason4(e, code))
			}
		}
	}
	settle(cands)
}

// outcome4 reports whether an entry that was tried ends the search. It then sets the
// result.
func (w *walk) outcome4(e *entry, rf ref, hop int, code Code, res *result) bool {
	switch code {
	case "":
		res.status = found
		if rival := rivalUnread(e, rf); rival != nil {
			why := w.fib.doubted(rival, rf.dst)
			res.status, res.why = unknown, &why
		}
	case CodeRefusing:
		res.status, res.errno = refused, e.refusal().Errno()
	case CodeThrow:
		res.status = again
	case e.doubt:
		why := w.fib.doubted(e, rf.dst)
		res.status, res.why = unknown, &why
	default:
		return false
	}
	res.entry, res.dst, res.hop, res.leaf = e, rf.dst, hop, rf.leaf
	return true
}

// rivalUnread finds another default route of the same metric of which something was not
// read: the kernel chooses among such routes by the state of their gateways.
func rivalUnread(e *entry, rf ref) *entry {
	if rf.dst.Bits() > 0 || len(rf.leaf.entries) == 1 {
		return nil
	}
	for _, o := range rf.leaf.entries {
		if o != e && o.unread && o.route.Metric == e.route.Metric && o.route.TOS == e.route.TOS {
			return o
		}
	}
	return nil
}

// refusal is the type with which an entry refuses: its own or its next-hop
// object's.
func (e *entry) refusal() route.Type {
	if e.black && !e.route.Type.Refuses() {
		return route.TypeBlackhole
	}
	return e.route.Type
}

// try4 says why an entry that covers the destination cannot be used, or gives
// its first usable next hop.
func (w *walk) try4(e *entry) (int, Code) {
	r := &e.route
	switch {
	case r.TOS != 0 && r.TOS&^rtTOSMask != 0:
		return 0, CodeTOSNever
	case r.TOS != 0 && r.TOS != w.flow.TOS&rtTOSMask:
		return 0, CodeTOS
	case e.unread:
		return 0, e.doubt
	case r.Type == route.TypeThrow:
		return 0, CodeThrow
	case r.Type.Refuses():
		return 0, CodeRefusing
	case e.black:
		return 0, CodeRefusing
	}
	hop, code := w.tryHops4(e)
	if code != "" && r.NextHopID != 0 {
		return 0, CodeObjectUnusable
	}
	return hop, code
}

// tryHops4 gives an entry's first usable next hop, or why the last one cannot be
// used.
func (w *walk) tryHops4(e *entry) (int, Code) {
	code := CodeDead
	for i := range e.hops {
		if code = w.usable4(&e.hops[i]); code == "" {
			return i, code
		}
	}
	return 0, code
}

// usable4 says why a next hop cannot be used (fib_lookup_good_nhc). A dump
// marks a next hop dead also where it only has no carrier and
// ignore_routes_with_linkdown is set (fib_nexthop_info).
func (w *walk) usable4(h *hop) Code {
	if code := h.down(); code != "" && (code != CodeLinkdown || !w.anyCarrier) {
		return code
	}
	if w.flow.Out != 0 && h.Link != w.flow.Out {
		return CodeRouteOif
	}
	return ""
}

// down says why a next hop cannot be used because of its device; empty: it can.
func (h *hop) down() Code {
	switch {
	case h.Flags&route.NextHopDead == 0:
		return ""
	case h.Flags&route.NextHopLinkDown != 0:
		return CodeLinkdown
	}
	return CodeDead
}

// reason4 adds the operands to the code with which an entry was tried.
func (w *walk) reason4(e *entry, code Code) Reason {
	why := Reason{Code: code}
	switch code {
	case CodeTOSNever:
		why.Want = int(e.route.TOS)
	case CodeTOS:
		why.Want, why.Have = int(e.route.TOS), int(w.flow.TOS&rtTOSMask)
	case CodeObjectUnusable:
		_, why.Want = w.tryHops4(e)
	case CodeLinkdown, CodeDead, CodeRouteOif:
		why = w.hopReason(e, code, w.flow.Out)
	}
	return why
}

// hopReason adds the operands to the code with which an entry's last next hop
// was tried.
func (w *walk) hopReason(e *entry, code Code, out int) Reason {
	why := Reason{Code: code}
	if len(e.hops) > 0 {
		why.Have = w.fib.snap.LinkName(e.hops[len(e.hops)-1].Link)
	}
	if code == CodeRouteOif {
		why.Want = w.fib.snap.LinkName(out)
	}
	return why
}

// noteEnd records the entry that ended a search.
func noteEnd(cands *[]Candidate, e *entry, rf ref, res *result) {
	switch res.status {
	case found:
		note(cands, e, rf, VerdictChosen, Reason{})
	case refused:
		note(cands, e, rf, VerdictRefuses, Reason{Code: CodeRefusing, Want: e.refusal().String()})
	case unknown:
		note(cands, e, rf, VerdictUncertain, *res.why)
	default:
		note(cands, e, rf, VerdictThrows, Reason{Code: CodeThrow})
	}
}

// noteLoser records an entry that comes after the one that ended the search.
// If it cannot be used itself, that says more than that it came later.
func (w *walk) noteLoser(cands *[]Candidate, e *entry, rf ref, won *route.Route, code Code) {
	why := w.reason4(e, code)
	if code == CodeMetricUnread && won.Flags&route.FlagNoMetric != 0 && won.Dst == rf.dst && won.Table == e.route.Table {
		note(cands, e, rf, VerdictUncertain, w.fib.doubted(e, rf.dst)) // it may come first
		return
	}
	switch code {
	case "", CodeRefusing, CodeThrow, e.doubt:
		full := e.full(rf.dst)
		if won.Type == route.TypeThrow {
			why = Reason{Code: CodeAfterThrow, Want: won.Dst}
		} else {
			why = loss(won, &full)
		}
		note(cands, e, rf, VerdictLoses, why)
	default:
		note(cands, e, rf, VerdictUnusable, why)
	}
}

// searchMerged is the look-up of a namespace whose rules were never changed:
// tables local and main are one trie, and no rule is evaluated (fib_lookup in
// include/net/ip_fib.h, fib_new_table).
func (w *walk) searchMerged(rules []*rule, res *result) {
	var cands *[]Candidate
	if w.trace != nil {
		w.trace.Merged = true
		cands = new([]Candidate)
	}
	c := merged(rules[0].table, rules[1].table, w.flow.Dst)
	w.search4(&c, cands, res)
	decider := rules[1]
	if res.entry != nil && res.entry.route.Table == route.TableLocal {
		decider = rules[0]
	}
	res.rule = decider.Rule
	w.recordMerged(rules, cands, res)
	if res.status != again {
		w.unreached(rules[2:], CodeAfter)
		return
	}
	w.searchDefault(rules[2], res)
}

// merged are the covering leaves of local and main as one trie: the longer
// prefix first, and of equal ones the higher table.
func merged(local, main *table, a netip.Addr) covering {
	return covering{addr: a, tables: [2]*table{local, main}}
}

func (w *walk) searchDefault(r *rule, res *result) {
	if w.consult(r, res); res.status == again {
		*res = result{status: refused, errno: route.ENETUNREACH}
	}
}

// recordMerged records the one search as the two rules that an administrator sees.
func (w *walk) recordMerged(rules []*rule, cands *[]Candidate, res *result) {
	if w.trace == nil {
		return
	}
	for _, r := range rules[:2] {
		trial := w.begin(r, r.Table)
		for _, c := range *cands {
			if c.Route.Table == r.Table {
				trial.Candidates = append(trial.Candidates, c)
			}
		}
		if r.Rule == res.rule || res.status == again && res.entry == nil {
			trial.end(res, r.table.size())
		} else {
			trial.end(&result{}, r.table.size())
			trial.mergedLoser(res)
		}
	}
}

// mergedLoser corrects the reason of the table of the pair that did not decide.
func (t *RuleTrial) mergedLoser(res *result) {
	switch {
	case t.Table == route.TableMain:
		t.Verdict, t.Reason = VerdictNotReached, Reason{Code: CodeAfter}
	case len(t.Candidates) == 0:
	default:
		t.Reason = Reason{Code: CodeMerged, Want: res.dst}
	}
}
