package report

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Explanation is the decision about a packet and everything that took part in it. For a
// line of --batch it has only the query and the decision.
type Explanation struct {
	Query Query `json:"query"`
	// Packet is the packet that was looked up, if it differs from the query: a connected
	// socket has a source for its second look-up.
	Packet *Query `json:"packet,omitempty"`
	Decision
	// Source says how the source address was chosen.
	Source *Source `json:"source,omitempty"`
	// Trace are the rules in order. Untraced says why there are none: UntracedAsked,
	// UntracedRoutes, UntracedRules or UntracedNone.
	Trace    []RuleTrial `json:"trace,omitempty"`
	Untraced lookup.Code `json:"untraced,omitempty"`
	// Causes are what a refused packet's error may come from, which it is and which of them
	// were ruled out.
	Causes []Cause `json:"causes,omitempty"`
	// Next is the decision if the chosen route went away.
	Next *Next `json:"next,omitempty"`
	// Reverse is the check of a received packet's source. ReverseElse is the check for a
	// further next hop of a multipath route, if it ends otherwise.
	Reverse     *ReversePath `json:"reverse_path,omitempty"`
	ReverseElse *ReversePath `json:"reverse_path_else,omitempty"`
	// UnreadSettings are the kernel settings that matter and could not be read, by their
	// path below /proc/sys: the decision rests on their defaults.
	UnreadSettings []string `json:"unread_settings,omitempty"`
	// Socket is what becomes of a connected socket's packet, if that differs.
	Socket *SocketLookup `json:"connected_socket,omitempty"`
	// Kernel is the kernel's own answer.
	Kernel *Kernel `json:"kernel,omitempty"`
	// ConnectErrno is what connect(2) answers although the packet would get out.
	ConnectErrno route.Errno `json:"connect_errno,omitzero"`
	// SourceLookup is the look-up that chose the source of a connection. Everything above is
	// then of the second look-up, which decides. If the source may be one of several,
	// BySource has a second look-up for each, and the decision is what they have in common.
	SourceLookup *Explanation   `json:"source_lookup,omitempty"`
	BySource     []*Explanation `json:"by_source,omitempty"`
	// Twice says that the second look-up ends elsewhere than the first.
	Twice bool `json:"looked_up_twice,omitempty"`
	// Reply is the way back.
	Reply *Reply `json:"reply,omitempty"`
	// Sockets are those of this host that may take the packet.
	Sockets *Sockets `json:"sockets,omitempty"`
	// Bits are the prefixes nearest to the destination, if details were asked for.
	Bits *Bits `json:"bits,omitempty"`
	// Assumptions are facts that the answer rests on although they were not given or not
	// read.
	Assumptions []Finding `json:"assumptions,omitempty"`
	// Warnings say what would surprise.
	Warnings []Finding `json:"warnings,omitempty"`
}

// Why there is no trace.
const (
	UntracedAsked  lookup.Code = "not-asked"             // the kernel decides before it asks a rule
	UntracedRoutes lookup.Code = lookup.CodeRoutesUnread // the routes could not be read
	UntracedRules  lookup.Code = lookup.CodeRulesUnread  // the rules could not be read
	UntracedNone   lookup.Code = "no-rules"              // the family has no rule
)

// RuleTrial is what became of one policy rule.
type RuleTrial struct {
	Rule    iproute2.Rule  `json:"rule"`
	Verdict lookup.Verdict `json:"verdict"`
	Reason  Reason         `json:"reason"`
	// Table is the one that the rule leads to (a VRF's for an l3mdev rule).
	Table string `json:"table,omitempty"`
	// Candidates are the routes of the table that cover the destination, from the longest
	// prefix to the shortest, where the table was consulted.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Shadow is the route that the table has for the packet although it was not consulted.
	Shadow *iproute2.Route `json:"shadow_route,omitempty"`
	// MarkSetters are what could give a packet the mark that it lacks for the rule. If that
	// was not read, or not all of it, MarkSettersUnread says why.
	MarkSetters       []MarkSetter `json:"mark_setters,omitempty"`
	MarkSettersUnread string       `json:"mark_setters_unread,omitempty"`
}

// Candidate is one route that covers the destination.
type Candidate struct {
	Route   iproute2.Route `json:"route"`
	Verdict lookup.Verdict `json:"verdict"`
	Reason  Reason         `json:"reason"`
	// Next says that this one would take over if the chosen route went away.
	Next bool `json:"next,omitempty"`
	// NextHops are the states of the route's next hops, in their order; absent: there is
	// nothing to say of them.
	NextHops []HopState `json:"nexthops,omitempty"`
}

// HopState is what there is to say of one of a route's next hops.
type HopState struct {
	// Fault is what is wrong with it.
	Fault Reason `json:"fault,omitzero"`
	// Share is the part of all flows that the chosen route sends there; absent: there
	// is nothing to share, or it cannot be known.
	Share float64 `json:"share,omitempty"`
}

// Source says how the source address was chosen, for the first next hop.
type Source struct {
	Address netip.Addr `json:"address,omitzero"`
	// Dev is the device that has the address.
	Dev    string `json:"dev,omitempty"`
	Reason Reason `json:"reason"`
	// Unread says that there is no source only because the addresses were not read.
	Unread bool `json:"unread,omitempty"`
	// Candidates are the addresses that were considered, in the kernel's order.
	Candidates []SourceCandidate `json:"candidates,omitempty"`
}

// SourceCandidate is an address that could have been the source.
type SourceCandidate struct {
	Address netip.Prefix   `json:"address"`
	Dev     string         `json:"dev"`
	Verdict lookup.Verdict `json:"verdict"`
	Reason  Reason         `json:"reason"`
}

// Next is a decision and the table of its route.
type Next struct {
	Decision
	Table string `json:"table,omitempty"`
}

// SocketLookup is the second look-up of a connected socket, with the source that it got.
type SocketLookup struct {
	From netip.Addr `json:"from"`
	Decision
}

// ReversePath is the check of a received packet's source.
type ReversePath struct {
	// Filter is the effective rp_filter: 0 off, 1 strict, 2 loose. FilterFrom is the
	// setting that makes it so, "all" or the device's name; FilterUnread: it was not read.
	Filter       int    `json:"rp_filter"`
	FilterFrom   string `json:"rp_filter_from,omitempty"`
	FilterUnread bool   `json:"rp_filter_unread,omitempty"`
	Passed       bool   `json:"passed"`
	Reason       Reason `json:"reason"`
	// Lookup is the look-up of the way back to the source; absent: none was needed.
	Lookup *Explanation `json:"lookup,omitempty"`
}

// Kernel is the kernel's own answer to the same question.
type Kernel struct {
	Asked bool `json:"asked"`
	// NotAsked says why it was not asked.
	NotAsked string `json:"not_asked,omitempty"`
	// Agrees is absent if there is nothing to compare: the kernel was not asked, or it gives
	// another answer but the tables were changing meanwhile.
	Agrees *bool       `json:"agrees,omitempty"`
	Answer *Answer     `json:"answer,omitempty"`
	Errno  route.Errno `json:"errno,omitzero"`
	// NextHop is the index, in nexthops, of the one that the kernel took.
	NextHop *int `json:"nexthop,omitempty"`
	// Explained says why the answer is more special than the decision and still agrees.
	Explained []Reason `json:"explained,omitempty"`
	// Difference are the fields that differ.
	Difference []lookup.Difference `json:"difference,omitempty"`
}

// Answer is the kernel's answer if it does not refuse.
type Answer struct {
	Type    string          `json:"type"`
	Table   string          `json:"table,omitempty"`
	Gateway netip.Addr      `json:"gateway,omitzero"`
	Dev     string          `json:"dev,omitempty"`
	PrefSrc netip.Addr      `json:"prefsrc,omitzero"`
	MTU     uint32          `json:"mtu,omitempty"`
	Entry   *iproute2.Route `json:"entry,omitempty"`
}

// Bits are the prefixes nearest to the destination in the tables that were asked: those
// that cover it, from the longest, and those of the others that have the most leading
// bits in common with it.
type Bits struct {
	Covering []netip.Prefix `json:"covering,omitempty"`
	Near     []netip.Prefix `json:"near,omitempty"`
}

// Looked is the packet that was looked up.
func (e *Explanation) Looked() *Query {
	if e.Packet != nil {
		return e.Packet
	}
	return &e.Query
}

// Noted reports whether there is a warning of a code.
func (e *Explanation) Noted(c lookup.Code) bool { return has(e.Warnings, c) }

// SourceGiven reports whether the packet has a source that was not chosen for it.
func (e *Explanation) SourceGiven() bool {
	if e.Source == nil {
		return e.Query.Has(lookup.FieldFrom) || e.Query.Iif != ""
	}
	return e.Source.Reason.Code == lookup.CodeSrcGiven
}

// OnlyConnected reports whether the packet has no route without a source, and a connected
// socket, which gets one, reaches the destination.
func (e *Explanation) OnlyConnected() bool {
	s := e.Socket
	return e.Disposition == lookup.DispositionNoRoute && s != nil && s.Errno == 0 && s.Disposition != lookup.DispositionUnknown
}

// Elsewhere are the warnings that a connected socket's packet ends elsewhere.
func (e *Explanation) Elsewhere() []Finding {
	return slices.DeleteFunc(slices.Clone(e.Warnings), func(f Finding) bool { return f.Reason.Code != lookup.NoteSocketElsewhere })
}

// NotForwarded reports whether the packet is dropped after its look-up.
func (e *Explanation) NotForwarded() bool {
	return e.Noted(lookup.NoteNotForwarded) || e.Noted(lookup.NoteStaysOnLink)
}

// SeenOnMaster is the finding that the packet's device is a port, so that no packet makes this
// look-up; nil: there is none.
func (e *Explanation) SeenOnMaster() *Finding {
	if i := slices.IndexFunc(e.Warnings, func(f Finding) bool { return f.Reason.Code == lookup.NoteSeenOnMaster }); i >= 0 {
		return &e.Warnings[i]
	}
	return nil
}

// Lookups are all look-ups that a kernel can be asked about: the explanation's
// own, the other ones of a connection, and those of the answers.
func (e *Explanation) Lookups() []*Explanation {
	var out []*Explanation
	if len(e.BySource) == 0 {
		out = append(out, e)
	}
	if e.SourceLookup != nil {
		out = append(out, e.SourceLookup)
	}
	out = append(out, e.BySource...)
	if e.Reply != nil {
		for _, a := range e.Reply.Answers {
			out = append(out, &a.Explanation)
		}
	}
	return out
}

// Disagreement is the first look-up about which the kernel gives another answer; nil:
// there is none.
func (e *Explanation) Disagreement() *Explanation {
	for _, l := range e.Lookups() {
		if l.Kernel.disagrees() {
			return l
		}
	}
	return nil
}

func (k *Kernel) disagrees() bool { return k != nil && k.Agrees != nil && !*k.Agrees }

// Incomparable reports whether the kernel gives another answer, which may be of another
// time.
func (k *Kernel) Incomparable() bool { return k != nil && k.Asked && k.Agrees == nil }

// MarkChanging says that the tables were changing while they were read and while the
// kernel was asked: if it gives another answer, that is no disagreement.
func (e *Explanation) MarkChanging() {
	for _, part := range append(e.Lookups(), e) {
		if part.Kernel.disagrees() {
			part.Kernel.Agrees, part.Kernel.Difference = nil, nil
		}
	}
	if !e.Noted(lookup.NoteChanging) {
		e.Warnings = slices.Insert(e.Warnings, 0, Finding{Reason: Reason{Code: lookup.NoteChanging}})
	}
}
