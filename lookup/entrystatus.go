package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// EntryStatus says whether any packet takes a route entry and, if none does, why not.
type EntryStatus struct {
	Route  route.Route
	Status Status
	// Errno is what programs get where the entry refuses the packets that it takes; else
	// zero.
	Errno route.Errno
	// Rules are the rules that lead to its table, in order.
	Rules []*route.Rule
	// If says which packets take it, where not all do: those that one of these selectors
	// matches. With CodeForwardingOff it says which packets are led to it.
	If []route.Selector
	// Except are rules that refuse some ordinary packets before they come to the entry: those
	// of a user, a protocol, a port or a destination. It is given for entries that an ordinary
	// packet takes, and names a few rules at most.
	Except []*route.Rule
	// By is the route that beats it, if one does.
	By []route.Route
	// Reason says why it is not used now or cannot be used.
	Reason Reason
	// Tied is how many equal default routes there are, this one among them: the kernel
	// chooses by the state of their gateways' neighbour entries. Zero: it is alone.
	Tied int
	// Faults are what is wrong with the route's next hops.
	Faults []NextHopFault
	// Example is an address that is covered by the entry and by no longer prefix of
	// its table; the zero Addr: there is none.
	Example netip.Addr

	entry *entry // of Route
}

// Status says whether a route entry is used.
type Status string

// The statuses.
const (
	StatusInUse       Status = "in-use"      // an unmarked packet of this host takes it
	StatusConditional Status = "conditional" // only packets that match one of If
	StatusPossible    Status = "possible"    // one of several that the kernel chooses among
	StatusStandby     Status = "standby"     // another entry of the same prefix goes first
	StatusShadowed    Status = "shadowed"    // longer prefixes leave it nothing
	StatusBeaten      Status = "beaten"      // an earlier rule's table takes its packets
	StatusRefuses     Status = "refuses"     // ends the look-up with an error
	StatusThrows      Status = "throws"      // ends its table, and the next rule is asked
	StatusUnreached   Status = "unreached"   // no rule leads to its table
	StatusUnusable    Status = "unusable"    // dead, expired
	StatusNever       Status = "never"       // a prefix that is never looked up: 0.0.0.0/32
	StatusUnknown     Status = "unknown"
)

// EntryStatuses gives the status of every entry of exactly a prefix. Tables are in the
// order in which the rules lead to them; those that no rule leads to are last.
func (f *FIB) EntryStatuses(p netip.Prefix) []EntryStatus { return f.prober().judge(p) }

func (f *prober) judge(p netip.Prefix) []EntryStatus {
	fam := f.family(route.FamilyOf(p.Addr()))
	var out []EntryStatus
	for _, id := range f.TableOrder(route.FamilyOf(p.Addr())) {
		t := fam.tables[id]
		if t == nil {
			continue
		}
		l, ok := t.trie.Get(p)
		if !ok {
			continue
		}
		f.forget()
		for _, e := range l.entries {
			out = append(out, f.standing(e, p))
		}
	}
	f.restOf(out, p)
	return out
}

// restOf notes that entries of ::/0 get no packet to the Internet, because longer prefixes
// cover all of 2000::/3.
func (f *prober) restOf(all []EntryStatus, p netip.Prefix) {
	if p != route.IPv6.Default() || !slices.ContainsFunc(all, func(s EntryStatus) bool { return s.Status == StatusInUse || s.Status == StatusPossible }) {
		return
	}
	by := f.carriers(Global6(), maxReplacements-1)
	for i := range all {
		if s := &all[i]; len(by) > 0 && (s.Status == StatusInUse || s.Status == StatusPossible) {
			s.Reason = Reason{Code: CodeRestOf, Have: Global6()}
			for j := range by {
				s.By = append(s.By, by[j].Route)
			}
		}
	}
}

// maxReplacements is how many times [FIB.Replacements] cuts a prefix in two.
const maxReplacements = 3

// Replacements are the longer prefixes that together carry all packets to a prefix, so
// that no packet takes an entry of the prefix itself: 0.0.0.0/1 and 128.0.0.0/1 of VPNs,
// for example. For ::/0, those that carry all packets to 2000::/3 are enough. Nil: there
// are none.
func (f *FIB) Replacements(p netip.Prefix) []EntryStatus {
	out := f.replacements(p, maxReplacements)
	if len(out) == 0 && p == route.IPv6.Default() {
		out = f.carriers(Global6(), maxReplacements-1)
	}
	return out
}

// carriers are the entries of a prefix that carry its packets, or the longer prefixes that
// together do.
func (f *FIB) carriers(p netip.Prefix, depth int) []EntryStatus {
	out := slices.DeleteFunc(f.EntryStatuses(p), func(s EntryStatus) bool {
		return s.Status != StatusInUse && s.Status != StatusPossible || s.Route.Type != route.TypeUnicast
	})
	if len(out) == 0 {
		out = f.replacements(p, depth)
	}
	return out
}

func (f *FIB) replacements(p netip.Prefix, depth int) []EntryStatus {
	if depth == 0 || p.IsSingleIP() {
		return nil
	}
	low, high := route.Halves(p)
	var out []EntryStatus
	for _, half := range []netip.Prefix{low, high} {
		one := f.carriers(half, depth-1)
		if len(one) == 0 {
			return nil
		}
		out = append(out, one...)
	}
	return out
}

func (f *prober) standing(e *entry, p netip.Prefix) EntryStatus {
	s := EntryStatus{Route: e.full(p), Rules: f.RulesTo(e.fam, e.route.Table), entry: e}
	s.Faults = f.Faults(&s.Route)
	if len(s.Rules) == 0 {
		s.Status = StatusUnreached
		if why := f.Unled(e.fam, e.route.Table); why.Code != "" {
			s.Status, s.Reason = StatusUnknown, why
		}
		return s
	}
	if p == netip.PrefixFrom(netip.IPv4Unspecified(), 32) {
		s.Status = StatusNever
		return s
	}
	gap, by, ok := f.gapOf(e.route.Table, p)
	if !ok {
		s.Status, s.By = StatusShadowed, by
		return s
	}
	s.Example = gap
	f.probe(&s, e)
	return s
}

// probe looks packets up to see which take the entry: first an ordinary one, then those
// that the rules which lead to the table ask for.
func (f *prober) probe(s *EntryStatus, e *entry) {
	first := true
	for _, sel := range f.conditions(s, e) {
		one := f.trial(s, e, sel)
		plain := sel == (route.Selector{})
		if plain {
			if n := f.narrowedBy(s, &one); n != nil {
				sel, plain = *n, false
			}
		}
		switch {
		case plain && (one.Status.taken() || one.Status == StatusUnknown):
			s.fate(&one)
			s.Except = f.refusals(s)
			return
		case one.Status.taken():
			if s.Status != StatusConditional {
				s.If = nil
			}
			s.Status, s.Errno, s.By, s.Reason, s.Tied = StatusConditional, one.Errno, nil, one.Reason, one.Tied
			if !slices.Contains(s.If, sel) {
				s.If = append(s.If, sel)
			}
		case first || s.Status == StatusBeaten && one.Status != StatusBeaten:
			s.fate(&one)
			s.If = one.If
		}
		first = false
	}
	if s.Status == StatusBeaten {
		f.otherwise(s)
	}
}

// trial finds the status of an entry from packets that a selector matches.
func (f *prober) trial(s *EntryStatus, e *entry, sel route.Selector) (one EntryStatus) {
	for _, flow := range f.packets(&sel, f.probeFlow(s, &sel), e) {
		one = EntryStatus{Route: s.Route}
		if f.stands(&one, e, flow); one.Status.taken() {
			break
		}
	}
	if one.Reason.Code == CodeForwardingOff {
		one.If = []route.Selector{sel}
	}
	return one
}

// fate notes what became of one packet.
func (s *EntryStatus) fate(one *EntryStatus) {
	s.Status, s.Errno, s.By, s.Reason, s.Tied = one.Status, one.Errno, one.By, one.Reason, one.Tied
}

// Used reports whether some packets take the entry and leave by it, as far as is known.
func (s *EntryStatus) Used() bool {
	if s.Status == StatusConditional {
		return s.Errno == 0 && s.Route.Type != route.TypeThrow
	}
	return s.Status == StatusInUse || s.Status == StatusPossible
}

// SameTie reports whether two entries are of the same equal default routes.
func (s *EntryStatus) SameTie(o *EntryStatus) bool {
	return s.Tied > 0 && s.Tied == o.Tied && s.Route.Table == o.Route.Table
}

// TakesTurns reports whether an entry is used at times as one of several equal default
// routes, even if another one is used now.
func (s *EntryStatus) TakesTurns() bool {
	return s.Tied > 0 && (s.Status == StatusInUse || s.Reason.Code == CodeNeighbourTie)
}

// taken reports whether packets end at the entry.
func (s Status) taken() bool {
	switch s {
	case StatusInUse, StatusPossible, StatusRefuses, StatusThrows:
		return true
	}
	return false
}

// probeFlow is a packet to an address that the entry is best for. The address is in the
// selector's `to` where that is narrower.
func (f *prober) probeFlow(s *EntryStatus, sel *route.Selector) route.Flow {
	flow := route.Flow{Dst: s.Example, UID: route.NoUID}
	if d := sel.Dst; d.IsValid() && d.Bits() > s.Route.Dst.Bits() && s.Route.Dst.Overlaps(d) {
		if gap, _, ok := f.gapOf(s.Route.Table, d); ok {
			flow.Dst = gap
		}
	}
	if flow.Dst.Is4() {
		flow.Proto = 17
	}
	return flow
}

// stands finds the status of an entry from one packet.
func (f *prober) stands(s *EntryStatus, e *entry, flow route.Flow) {
	t := f.sketch(flow)
	if t == nil {
		s.Status, s.Reason = StatusUnknown, Reason{Code: CodeTooMuch}
		return
	}
	if t.tied[e] {
		s.Tied = len(t.tied)
	}
	if c := t.at[place{e, s.Route.Dst}]; c != nil {
		s.Reason = c.Reason
		s.judge(c, &t.Decision, e)
	} else if t.Decision.Disposition == DispositionUnknown {
		s.Status, s.Reason = StatusUnknown, t.Decision.Ambiguous
	} else {
		s.Status = StatusBeaten
		if t.Decision.HasRoute {
			s.By = []route.Route{t.Decision.Route}
		}
	}
	if s.Status == StatusInUse && f.notForwarded(t.Trace) {
		s.Status, s.Reason = StatusUnusable, Reason{Code: CodeForwardingOff, Have: f.snap.LinkName(flow.In)}
	}
}

// verdictRanks orders what may be said of an entry that several rules lead to:
// the last of them counts.
func verdictRanks() []Verdict {
	return []Verdict{
		VerdictSuppressed, VerdictUnusable, VerdictLoses, VerdictUncertain, VerdictPossible,
		VerdictThrows, VerdictRefuses, VerdictChosen,
	}
}

func (s *EntryStatus) judge(c *Candidate, d *Decision, e *entry) {
	s.By = nil
	switch c.Verdict {
	case VerdictChosen:
		s.Status = StatusInUse
	case VerdictRefuses:
		s.Status, s.Errno = StatusRefuses, e.refusal().Errno()
	case VerdictThrows:
		s.Status = StatusThrows
	case VerdictPossible:
		s.Status = StatusPossible
	case VerdictLoses:
		s.Status = StatusStandby
		if d.HasRoute {
			s.By = []route.Route{d.Route}
			if d.Route.Table != e.route.Table || d.Route.Dst != s.Route.Dst {
				s.Status = StatusBeaten
			}
		}
	case VerdictSuppressed:
		s.Status = StatusBeaten
		if d.Disposition == DispositionUnknown { // a later rule may lead to it again
			s.Status, s.Reason = StatusUnknown, d.Ambiguous
		}
	case VerdictUncertain:
		s.Status = StatusUnknown
	default:
		s.Status = StatusUnusable
	}
}
