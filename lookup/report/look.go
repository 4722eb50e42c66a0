package report

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// look is an explained look-up, and what belongs to the question.
type look struct {
	FIB   *lookup.FIB
	Trace *lookup.Trace
	// Label is how the destination is named; empty: by its address.
	Label string
	// Given are the fields that the question gave in words, and Fields all that it settles:
	// a port given with the destination settles the protocol.
	Given  []lookup.Field
	Fields map[lookup.Field]bool
	Part   Part
	Notes  []lookup.Note
	// Remarks are about the question itself.
	Remarks []Finding
	// Answer is the kernel's, and Comparison that of the two; NotAsked says why it was not
	// asked.
	Answer     route.Answer
	Comparison lookup.Comparison
	NotAsked   string
	// ConnectErrno is what connect(2) answers although the packet would get out.
	ConnectErrno route.Errno
	// First and BySource are the other look-ups of a connection: see [lookup.FIB.Connect].
	First    *look
	BySource []*look
	// Reply is the way back, Answers its look-ups and Answerer the socket that answers; nil:
	// not asked about.
	Reply    *lookup.Reply
	Answers  []*look
	Answerer *lookup.Answerer
	// Met are the sockets that the packet meets; nil: not asked about.
	Met *met
	// User is the user whose packets are meant, where nothing else is given.
	User uint32
	// Connects says that the question is about a connection, whose socket looks up twice.
	Connects bool
	// Detail asks for what is costly to find: Bits.
	Detail bool
}

// asked is the packet of the first look-up: a connection's has no source yet, unless it was
// given.
func (l *look) asked() route.Flow {
	if l.Trace.First != nil {
		return l.Trace.First.Flow
	}
	return l.Trace.Flow
}

// connected is what a connected socket does instead of sending the packet.
func (l *look) connected() *lookup.Trace {
	if l.Trace.Socket == nil {
		return l.Trace
	}
	return l.FIB.Connect(l.Trace.Flow)
}

// lookups are all look-ups that a kernel can be asked about: the question's own, the
// other ones of a connection, and those of the answers.
func (l *look) lookups() []*look {
	var out []*look
	if len(l.BySource) == 0 {
		out = append(out, l)
	}
	if l.First != nil {
		out = append(out, l.First)
	}
	return slices.Concat(out, l.BySource, l.Answers)
}

// Report puts all of it into names.
func (l *look) Report() *Explanation {
	n, t := namesOf(l.FIB), l.Trace
	e := l.named((*look).Report)
	e.Source = n.source(t)
	e.Trace, e.Untraced = n.trials(t), n.untraced(t)
	if t.Next != nil {
		e.Next = n.next(&t.Flow, t.Next)
	}
	e.Reverse, e.ReverseElse = n.reversePath(t.Reverse), n.reversePath(t.ReverseElse)
	e.UnreadSettings = t.Unread
	if s := t.Socket; s != nil {
		flow := t.Flow
		flow.Src = s.Src
		e.Socket = &SocketLookup{s.Src, NewDecision(l.FIB, &flow, &s.Decision, nil)}
	}
	if d := &t.Decision; d.Errno != 0 && d.Disposition != lookup.DispositionUnknown {
		e.Causes = n.causes(t, cmp.Or(e.ProgramErrno, d.Errno))
	}
	e.Kernel = n.kernel(l)
	e.Assumptions = append(l.assumed(), n.missing(t)...)
	e.Warnings = slices.Concat(e.lifeless(), n.findings(&t.Flow, l.Notes), l.Remarks)
	e.nowhere()
	if l.Reply != nil {
		e.Reply = n.reply(l)
	}
	if l.Met != nil {
		e.Sockets = l.Met.report()
	}
	if l.Detail && len(t.Rules) > 0 {
		e.Bits = n.bits(t)
	}
	return e
}

// Line is the question and the decision alone, and that no packet makes this look-up.
func (l *look) Line() *Explanation {
	e := l.named((*look).Line)
	for i := range e.NextHops {
		e.NextHops[i].Reach = nil
	}
	if n := l.FIB.PortNote(&l.Trace.Flow); n != nil {
		e.Warnings = namesOf(l.FIB).findings(&l.Trace.Flow, []lookup.Note{*n})
	}
	if !e.Twice {
		e.SourceLookup = nil
	}
	if l.FIB.Snapshot().Changed && l.Part == "" {
		e.MarkChanging()
	}
	return e
}

// named are the question and the decision, and the same of a connection's other look-ups.
func (l *look) named(part func(*look) *Explanation) *Explanation {
	n, t := namesOf(l.FIB), l.Trace
	e := &Explanation{ConnectErrno: l.ConnectErrno, Decision: NewDecision(l.FIB, &t.Flow, &t.Decision, t.Gateways), Twice: t.Twice()}
	asked := l.asked()
	e.Query = n.query(&asked, l.Fields)
	e.Query.Given, e.Query.Part = l.Given, l.Part
	if l.Label != e.Query.Addr().String() {
		e.Query.Label = l.Label
	}
	if asked != t.Flow {
		packet := n.query(&t.Flow, l.Fields)
		e.Packet = &packet
	}
	if l.First != nil {
		e.SourceLookup = part(l.First)
	}
	for _, s := range l.BySource {
		e.BySource = append(e.BySource, part(s))
	}
	return e
}

func (n names) source(t *lookup.Trace) *Source {
	s := &t.Source
	if s.Reason.Code == "" {
		return nil
	}
	out := &Source{
		Address: s.Addr, Dev: n.dev(s.Link), Reason: NewReason(s.Reason),
		Unread: s.Reason.Code == lookup.CodeSrcUnread || s.Reason.Code == lookup.CodeSrcNone && !n.knowsAddrs(t.Flow.Family()),
	}
	for _, c := range s.Candidates {
		out.Candidates = append(out.Candidates, SourceCandidate{c.Addr.Prefix, n.dev(c.Addr.Link), c.Verdict, NewReason(c.Reason)})
	}
	return out
}

func (n names) trials(t *lookup.Trace) []RuleTrial {
	var out []RuleTrial
	for i := range t.Rules {
		r := &t.Rules[i]
		j := RuleTrial{Rule: *n.rule(r.Rule), Verdict: r.Verdict, Reason: NewReason(r.Reason), Table: n.table(r.Table), Shadow: n.route(r.Shadow)}
		if r.Verdict == lookup.VerdictNoMatch && r.Reason.Code == lookup.CodeMark && !r.Rule.Selector.Not {
			j.MarkSetters, j.MarkSettersUnread = n.markSetters(r.Rule, t.Flow.In != 0)
		}
		for k := range r.Candidates {
			j.Candidates = append(j.Candidates, n.candidate(t, &r.Candidates[k]))
		}
		out = append(out, j)
	}
	return out
}

func (n names) candidate(t *lookup.Trace, c *lookup.Candidate) Candidate {
	out := Candidate{Route: *n.route(&c.Route), Verdict: c.Verdict, Reason: NewReason(c.Reason), Next: isNext(t.Next, c)}
	states := make([]HopState, len(c.Route.NextHops))
	var shares map[route.NextHop]float64
	if c.Verdict == lookup.VerdictChosen {
		shares = sharesOf(&t.Decision)
	}
	some := false
	for i := range states {
		h := &c.Route.NextHops[i]
		states[i] = HopState{Fault: NewReason(n.fib.HopHealth(h)), Share: shares[*h]}
		some = some || states[i] != HopState{}
	}
	if some {
		out.NextHops = states
	}
	return out
}

// sharesOf are the parts of all flows that take the next hops of the chosen route.
func sharesOf(d *lookup.Decision) map[route.NextHop]float64 {
	if len(d.NextHops) <= 1 && d.SomeRefused == 0 {
		return nil
	}
	out := make(map[route.NextHop]float64, len(d.NextHops))
	for i := range d.NextHops {
		if w := &d.NextHops[i]; w.Share > 0 {
			out[w.Via] = w.Share
		}
	}
	return out
}

// isNext reports whether a candidate is what would take over.
func isNext(next *lookup.Decision, c *lookup.Candidate) bool {
	if next == nil || !next.HasRoute || c.Verdict != lookup.VerdictLoses {
		return false
	}
	a, b := &c.Route, &next.Route
	return a.Table == b.Table && a.Dst == b.Dst && a.Metric == b.Metric && a.TOS == b.TOS && a.Src == b.Src && slices.Equal(a.NextHops, b.NextHops)
}

// untraced says why no rule was asked.
func (n names) untraced(t *lookup.Trace) lookup.Code {
	fam := t.Flow.Family()
	switch {
	case len(t.Rules) > 0:
		return ""
	case t.Decision.Shortcut != "", t.Decision.Ambiguous.Code == lookup.CodeSrcUnordered:
		return UntracedAsked
	case n.snap.Lacks(route.FactRoutes, fam):
		return UntracedRoutes
	case n.snap.Lacks(route.FactRules, fam):
		return UntracedRules
	}
	return UntracedNone
}

func (n names) next(flow *route.Flow, d *lookup.Decision) *Next {
	return &Next{NewDecision(n.fib, flow, d, nil), n.table(d.Table())}
}

func (n names) reversePath(rp *lookup.ReversePath) *ReversePath {
	if rp == nil {
		return nil
	}
	out := &ReversePath{
		Filter: rp.Filter, FilterFrom: rp.FilterFrom, FilterUnread: rp.FilterUnread, Passed: rp.Passed, Reason: NewReason(rp.Reason),
	}
	if t := rp.Trace; t != nil {
		back := look{FIB: n.fib, Trace: t}
		out.Lookup = back.named(nil)
		out.Lookup.Trace, out.Lookup.Untraced = n.trials(t), n.untraced(t)
	}
	return out
}

func (n names) kernel(l *look) *Kernel {
	c, a := &l.Comparison, &l.Answer
	if len(l.BySource) > 0 && l.First.Comparison.Asked {
		differs := func(o *look) bool { return o.Comparison.Asked && !o.Comparison.Agrees }
		agrees := !slices.ContainsFunc(l.lookups(), differs)
		return &Kernel{Asked: true, Agrees: &agrees}
	}
	k := &Kernel{Asked: c.Asked, NotAsked: l.NotAsked, Errno: a.Errno, Explained: reasons(c.Benign), Difference: c.Differences}
	if !c.Asked {
		return k
	}
	k.Agrees = &c.Agrees
	if c.NextHop >= 0 && c.NextHop < len(l.Trace.Decision.NextHops) {
		k.NextHop = &c.NextHop
	}
	if a.Errno == 0 {
		k.Answer = &Answer{Type: a.Type.String(), Table: n.table(a.Table), Gateway: a.Gateway, Dev: n.dev(a.Link), PrefSrc: a.Src, MTU: a.MTU}
		if a.HasEntry {
			k.Answer.Entry = n.route(&a.Entry)
		}
	}
	return k
}

// assumed are the fields that were not given although a rule or a route asked for them.
func (l *look) assumed() []Finding {
	var out []Finding
	f := &l.Trace.Flow
	settled := func(field lookup.Field) bool {
		return l.Fields[field] || field == lookup.FieldFrom && (f.Src.IsValid() || l.First != nil) ||
			field == lookup.FieldUID && f.In != 0 // a received packet counts as root's
	}
	for _, field := range l.Trace.Asked(settled) {
		if settled(field) {
			continue
		}
		x := Finding{Reason: Reason{Code: lookup.Code(field)}}
		switch field {
		case lookup.FieldUID:
			x.Have = operand(f.UID)
		case lookup.FieldProto:
			x.Have = operand(f.Proto)
		}
		out = append(out, x)
	}
	return out
}

// missing are the facts that the answer rests on although they were not read.
func (n names) missing(t *lookup.Trace) []Finding {
	var out []Finding
	noAddrs := n.snap.Lacks(route.FactAddrs, 0) || n.snap.Assumes(route.FactAddrs, 0)
	for _, g := range n.fib.Missing(t) {
		x := Finding{Reason: Reason{Code: GapCode(g.Fact)}, Private: g.Private}
		switch g.Fact {
		case route.FactDefault, route.FactNeighbours, route.FactLegs:
		case route.FactRules:
			if r := n.fib.Unlisted(t); r != nil {
				x.Route, x.Table = n.route(r), n.table(r.Table)
			}
		case route.FactOddLines, route.FactChoice, route.FactPolicies:
			x.Have = operand(g.Why)
		case route.FactLocal:
			if noAddrs {
				x.Want = operand(t.Flow.Dst)
			}
		case route.FactAddrs:
			if x.Want = operand(t.Flow.Src); x.Want.IsZero() && !g.Assumed {
				continue
			}
		default:
			continue
		}
		out = append(out, x)
	}
	if d := &t.Decision; d.HasRoute && d.Route.Flags&route.FlagNoType != 0 {
		out = append(out, Finding{Reason: Reason{Code: AssumedType}, Route: n.route(&d.Route)})
	}
	return out
}

// AssumedType: a listing does not show how a route refuses the packet.
const AssumedType lookup.Code = "no-type"

// GapCode is the code of the finding that a fact is missing.
func GapCode(f route.Fact) lookup.Code {
	switch f {
	case route.FactLocal:
		return "no-table-local"
	case route.FactDefault:
		return "no-table-default"
	case route.FactChoice:
		return "other-listings"
	case route.FactOddLines:
		return "odd-lines"
	case route.FactLegs:
		return "no-legs"
	case route.FactPolicies:
		return "no-ipsec-policies"
	}
	return "no-" + lookup.Code(f)
}

// What the first line of an answer says of next hops that let nothing through.
const (
	WarnDead    lookup.Code = "way-out-dead"     // nothing gets out
	WarnSilent              = lookup.FaultTarget // the destination is a neighbour and does not answer
	WarnSomeOut lookup.Code = "next-hop-dead"    // nothing gets out by some of the next hops
)

// lifeless warns of next hops that let nothing through.
func (e *Explanation) lifeless() []Finding {
	dead := func(h NextHop) bool { return !h.Stale && h.Fault.Code != "" }
	var code lookup.Code
	switch {
	case e.Why.Code == lookup.FaultTarget:
		code = WarnSilent
	case e.WayOut != "":
		code = WarnDead
	case slices.ContainsFunc(e.NextHops, dead) && (e.Looked().Iif == "" || e.Disposition == lookup.DispositionUnicast):
		code = WarnSomeOut
	default:
		return nil
	}
	return []Finding{{Reason: Reason{Code: code}}}
}

// nowhere makes the way out dead where a finding about the device, or about what is done with
// the packet after the decision, says that the kernel sends nothing. With several next hops
// the finding may be about one of them alone.
func (e *Explanation) nowhere() {
	if e.WayOut != "" || e.Disposition != lookup.DispositionUnicast || len(e.NextHops) != 1 {
		return
	}
	if i := slices.IndexFunc(e.Warnings, func(n Finding) bool { return n.nothingLeaves() }); i >= 0 {
		e.WayOut, e.Why = wayOutDead, e.Warnings[i].Reason
	}
}

// nothingLeaves reports whether a finding says that the kernel drops the packet. A vxlan device
// may have further other ends, in its forwarding database.
func (n *Finding) nothingLeaves() bool {
	switch n.Code {
	case lookup.NoteOuterLoop, lookup.NoteOuterRefused, lookup.NoteOuterLo, lookup.NoteOuterSource:
		return n.Kind != lookup.KindVXLAN
	case lookup.NoteNoPeer:
		return true
	case lookup.NotePolicy:
		return n.Policy != nil && n.Policy.Block
	}
	return false
}

// maxNear is how many prefixes that do not cover the address are shown.
const maxNear = 4

// bits are the prefixes that cover an address, and the nearest of those that do not, in
// the tables that were asked.
func (n names) bits(t *lookup.Trace) *Bits {
	a := t.Flow.Dst.WithZone("")
	out := &Bits{}
	seen := map[netip.Prefix]bool{}
	for i := range t.Rules {
		r := &t.Rules[i]
		if r.Table == 0 || r.Verdict == lookup.VerdictNotReached ||
			r.Verdict == lookup.VerdictNoMatch && r.Candidates == nil && r.Reason.Code != lookup.CodeTableNoMatch {
			continue
		}
		for in := range n.fib.InTable(route.FamilyOf(a), r.Table) {
			switch {
			case seen[in.Dst]:
			case in.Dst.Contains(a):
				out.Covering = append(out.Covering, in.Dst)
			case CommonBits(a, in.Dst.Addr()) > 0:
				out.Near = append(out.Near, in.Dst)
			}
			seen[in.Dst] = true
		}
	}
	slices.SortStableFunc(out.Covering, func(x, y netip.Prefix) int { return cmp.Compare(y.Bits(), x.Bits()) })
	slices.SortStableFunc(out.Near, func(x, y netip.Prefix) int {
		return cmp.Compare(CommonBits(a, y.Addr()), CommonBits(a, x.Addr()))
	})
	out.Near = out.Near[:min(len(out.Near), maxNear)]
	return out
}

// CommonBits is how many leading bits two addresses of a family share.
func CommonBits(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range a.BitLen() {
		if (x[i/8]^y[i/8])&(0x80>>(i%8)) != 0 {
			return i
		}
	}
	return a.BitLen()
}
