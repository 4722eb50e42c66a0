package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// position is one node at which the kernel selects among routes: those of one
// destination prefix and one source prefix.
type position struct {
	dst     netip.Prefix
	entries []*entry
	// hidden says why the first descent passes over the node.
	hidden Reason
}

// search6 looks in a table of IPv6 (fib6_table_lookup in net/ipv6/route.c): at
// the node of the longest prefix first, then backtracking to shorter ones. A
// host that does not forward first passes over gateways that failed, in the
// whole table, and takes them only where there is nothing else.
func (w *walk) search6(t *table, cands *[]Candidate) result {
	if t == nil {
		return result{}
	}
	if res, ok := w.longest6(t, cands); ok {
		return res
	}
	path, start := w.path6(t)
	w.reachable = w.avoidFailed6()
	res, at := w.descend6(path, start)
	if at < 0 && w.reachable {
		w.reachable = false
		res, at = w.descend6(path, start)
	}
	if cands != nil {
		w.record6(path, start, at, res, cands)
		w.recordOthers6(t, cands)
	}
	return res
}

// longest6 tries only the node of the longest prefix, where most look-ups end. It is for
// nodes without source-specific routes while nothing is recorded. False: the look-up must
// go through all nodes.
func (w *walk) longest6(t *table, cands *[]Candidate) (result, bool) {
	if cands != nil || w.skip.entry != nil {
		return result{}, false
	}
	c := t.covering(w.flow.Dst)
	rf, ok := c.next()
	if !ok {
		return result{}, true
	}
	if slices.ContainsFunc(rf.leaf.entries, (*entry).sourceSpecific) {
		return result{}, false
	}
	w.reachable = w.avoidFailed6()
	return w.select6(&position{dst: rf.dst, entries: rf.leaf.entries})
}

// avoidFailed6 reports whether gateways with a failed neighbour are passed over
// (RT6_LOOKUP_F_REACHABLE): only the setting for all devices counts.
func (w *walk) avoidFailed6() bool {
	return !w.ofGateway && w.conf(route.IPv6, nil, settingForwarding) == 0
}

// descend6 selects at the positions in turn. It gives the index of the position
// that gave a result, or -1.
func (w *walk) descend6(path []position, start int) (result, int) {
	for i := start; i < len(path); i++ {
		if res, ok := w.select6(&path[i]); ok {
			return res, i
		}
	}
	return result{}, -1
}

// path6 lists the nodes that cover the packet in the order in which the kernel
// backtracks through them, and where its first descent ends
// (fib6_node_lookup_1, fib6_backtrack in net/ipv6/ip6_fib.c). Below a
// destination prefix stand the source prefixes that have routes of their own.
// The descent skips a destination that has such routes but none for this source;
// backtracking does not.
func (w *walk) path6(t *table) ([]position, int) {
	path := w.mem.path[:0]
	start := -1
	c := t.covering(w.flow.Dst)
	for rf, ok := c.next(); ok; rf, ok = c.next() {
		dst, l := rf.dst, rf.leaf
		w.steps += len(l.entries)
		own, sourced := w.split6(l, dst)
		hasSubtree := len(own) < len(l.entries)
		for _, p := range sourced {
			if start < 0 {
				start = len(path)
			}
			path = append(path, p)
		}
		if len(own) == 0 {
			continue
		}
		p := position{dst: dst, entries: own}
		switch {
		case start >= 0:
		case !hasSubtree || dst.Bits() == 0:
			start = len(path)
		default:
			p.hidden = Reason{Code: CodeSourceHides}
		}
		path = append(path, p)
	}
	if start < 0 {
		start = len(path)
	}
	w.mem.path = path
	return path, start
}

// split6 separates the entries of a destination into those for any source and
// those for the source prefixes that cover the packet's, longest first.
func (w *walk) split6(l *leaf, dst netip.Prefix) (own []*entry, sourced []position) {
	simple := !slices.ContainsFunc(l.entries, (*entry).sourceSpecific)
	if simple && w.skip.entry == nil {
		return l.entries, nil
	}
	src := w.looked6()
	for _, e := range l.entries {
		switch {
		case w.skip == (skipped{e, dst}):
		case !e.sourceSpecific():
			own = append(own, e)
		case e.route.Src.Contains(src):
			i := slices.IndexFunc(sourced, func(p position) bool { return p.entries[0].route.Src == e.route.Src })
			if i < 0 {
				sourced = append(sourced, position{dst: dst})
				i = len(sourced) - 1
			}
			sourced[i].entries = append(sourced[i].entries, e)
		}
	}
	slices.SortFunc(sourced, func(a, b position) int {
		return b.entries[0].route.Src.Bits() - a.entries[0].route.Src.Bits()
	})
	return own, sourced
}

func (e *entry) sourceSpecific() bool { return e.route.Src.IsValid() && e.route.Src.Bits() > 0 }

// select6 chooses among the routes of a node (rt6_select, find_rr_leaf): among those of
// the lowest metric first and, only if none of them can be used, among all others.
func (w *walk) select6(p *position) (result, bool) {
	if len(p.entries) == 0 {
		return result{}, false
	}
	metric := p.entries[0].route.Metric
	rest := slices.IndexFunc(p.entries, func(e *entry) bool { return e.route.Metric != metric })
	if rest < 0 {
		rest = len(p.entries)
	}
	for _, group := range [][]*entry{p.entries[:rest], p.entries[rest:]} {
		if e, hop := w.best6(group); e != nil {
			return w.found6(e, hop, p.dst), true
		}
	}
	return result{}, false
}

// found6 turns a selected entry into a result. The look-up of a gateway does not go on to the
// next rule after a throw route (fib6_rule_action_alt goes on only where its table has no
// route at all).
func (w *walk) found6(e *entry, hop int, dst netip.Prefix) result {
	res := result{entry: e, dst: dst, hop: hop, status: found}
	switch t := e.refusal(); {
	case e.route.Expires < 0:
		res.status, res.why = unknown, &Reason{Code: CodeExpiredFirst, Have: dst}
	case e.unread:
		why := w.fib.doubted(e, dst)
		res.status, res.why = unknown, &why
	case t == route.TypeThrow && w.ofGateway:
		res.status, res.errno = refused, route.EAGAIN
	case t == route.TypeThrow:
		res.status = again
	case t.Refuses():
		res.status, res.errno = refused, t.Errno()
	}
	return res
}

// best6 is the entry with the highest score, the first of equal ones, and its
// next hop (__find_rr_leaf). A blackhole object ends the choice at once.
func (w *walk) best6(group []*entry) (*entry, int) {
	var best *entry
	var bestHop int
	top := -1
	for _, e := range group {
		if e.route.Expires < 0 {
			if len(e.hops) > 1 && !e.group {
				return e, 0 // of the siblings only the first's expiry is known
			}
			continue
		}
		if e.black || e.unread {
			return e, 0
		}
		for i := range e.hops {
			code, score := w.score6(e, &e.hops[i])
			if p := w.siblings; p != nil && i > 0 && !e.group {
				score = score&2 | preferenceScore(*p)<<2
			}
			if code != "" || score <= top {
				continue
			}
			best, bestHop, top = e, i, score
			if e.group && w.oifKeepsHop() == perhapsNot {
				break // of a group, the first member that is better is taken
			}
		}
	}
	return best, bestHop
}

// score6 is how well a next hop fits, or why it cannot be used (find_match).
func (w *walk) score6(e *entry, h *hop) (Code, int) {
	if code := h.down(); code != "" && (code != CodeLinkdown || !w.anyCarrier) {
		return code, -1
	}
	return w.scoreRoute6(e, h)
}

// scoreRoute6 is score6 whatever the state of the device (rt6_score_route).
func (w *walk) scoreRoute6(e *entry, h *hop) (Code, int) {
	out := w.out6()
	fits := out == 0 || h.Link == out
	switch {
	case w.strict && !fits:
		return CodeRouteOif, -1
	case w.reachable && w.failed6(h):
		return CodeNeighbour, -1
	}
	score := preferenceScore(e.route.Pref) << 2
	if fits {
		score |= 2
	}
	return "", score
}

// preferenceScore orders the router preferences (IPV6_DECODE_PREF).
func preferenceScore(p route.Preference) int { return int(p) ^ 2 }

// out6 is the device that a table look-up compares with: for a received packet
// the one it came from.
func (w *walk) out6() int {
	if w.flow.In != 0 {
		return w.flow.In
	}
	return w.flow.Out
}

// failed6 reports whether a next hop's gateway is known to be unreachable
// (rt6_check_neigh, with router preferences compiled in).
func (w *walk) failed6(h *hop) bool {
	if !h.Gateway.IsValid() {
		return false
	}
	state, known := w.fib.neighbours[neighbourKey{h.Link, h.Gateway}]
	return known && state&route.NeighbourFailed != 0
}

// record6 gives every covering route its verdict.
func (w *walk) record6(path []position, start, at int, res result, cands *[]Candidate) {
	for i, p := range path {
		for _, e := range p.entries {
			v, why := VerdictUnusable, w.unusable6(e)
			switch {
			case at >= 0 && e == res.entry && i == at:
				noteEnd(cands, e, ref{dst: p.dst}, &res)
				continue
			case i < start:
				why = p.hidden
			case why.Code == "" && at >= 0:
				v, why = VerdictLoses, w.loss6(res, e, p.dst)
			}
			note(cands, e, ref{dst: p.dst}, v, why)
		}
	}
	settle(cands)
}

// recordOthers6 adds the routes that cover the destination and are for packets from a prefix
// that the packet's source is not in: the kernel does not look at them.
func (w *walk) recordOthers6(t *table, cands *[]Candidate) {
	if w.sketch {
		return
	}
	n := len(*cands)
	c := t.covering(w.flow.Dst)
	for rf, ok := c.next(); ok; rf, ok = c.next() {
		for _, e := range rf.leaf.entries {
			if e.sourceSpecific() && !e.route.Src.Contains(w.looked6()) && w.skip != (skipped{e, rf.dst}) {
				note(cands, e, ref{dst: rf.dst}, VerdictUnusable, Reason{Code: CodeForSources, Want: e.route.Src, Have: w.flow.Src})
			}
		}
	}
	if len(*cands) > n {
		slices.SortStableFunc(*cands, func(a, b Candidate) int { return b.Route.Dst.Bits() - a.Route.Dst.Bits() })
	}
}

// looked6 is the source that source-specific routes are compared with: the unspecified
// address while the packet has none.
func (w *walk) looked6() netip.Addr {
	if !w.flow.Src.IsValid() {
		return netip.IPv6Unspecified()
	}
	return w.flow.Src
}

// unusable6 says why an entry could not have been chosen at all.
func (w *walk) unusable6(e *entry) Reason {
	if e.route.Expires < 0 {
		return Reason{Code: CodeExpired, Have: int(-e.route.Expires.Seconds())}
	}
	if e.black || e.unread {
		return Reason{}
	}
	code := CodeDead
	for i := range e.hops {
		if code, _ = w.score6(e, &e.hops[i]); code == "" {
			return Reason{}
		}
	}
	if code == CodeNeighbour {
		return Reason{Code: code, Have: route.NeighbourFailed.String()}
	}
	return w.hopReason(e, code, w.out6())
}

// loss6 says why a usable route loses.
func (w *walk) loss6(res result, e *entry, dst netip.Prefix) Reason {
	won, lost := res.entry.full(res.dst), e.full(dst)
	if won.Type == route.TypeThrow {
		return Reason{Code: CodeAfterThrow, Want: won.Dst}
	}
	why := loss(&won, &lost)
	if why.Code != CodeLater {
		return why
	}
	switch {
	case won.Pref != lost.Pref:
		return Reason{CodePreference, won.Pref.String(), lost.Pref.String()}
	case w.out6() != 0 && len(e.hops) > 0 && e.hops[0].Link != w.out6() && res.entry.hops[res.hop].Link == w.out6():
		return Reason{CodeDevice, w.fib.snap.LinkName(w.out6()), w.fib.snap.LinkName(e.hops[0].Link)}
	}
	return why
}
