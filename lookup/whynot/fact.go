package whynot

import (
	"fmt"

	"routewhy/lookup"
	"routewhy/route"
)

// Fact is one thing that stops the packet.
type Fact struct {
	lookup.Reason
	// Others are the further parts of the rule's selector that do not match (see
	// [lookup.RuleTrial]).
	Others []lookup.Reason
	// Rule is the rule that the fact is about, or that leads to the table; nil: there
	// is none.
	Rule *route.Rule
	// Route is the entry that the packet takes instead, that refuses it, or that ends
	// the search of its table. For CodeNoEntry it is the nearest entry. Nil: there is
	// none.
	Route *route.Route
	// Wanted is the entry with which the packet would go where it is wanted to go;
	// nil: there is none.
	Wanted *route.Route
	// Supposed says that the host does not have Wanted: another fact says that it is missing.
	Supposed bool
	// OfPacket says that the fact is a property of the packet, and not of the host.
	OfPacket bool

	order int // the index of the rule among all rules
}

// What stops a packet, beside the reasons for which rules do not match and routes lose
// or cannot be used. Want and Have are those of package lookup where the code is one of
// its.
const (
	CodeEarlier    lookup.Code = "earlier-rule"         // a rule leads elsewhere before another one is asked; Rule, Route
	CodeRefused    lookup.Code = "refuses-first"        // a rule or a route refuses the packet; Rule, Route
	CodeUnreached              = lookup.NoteNoRuleLeads // no rule leads to the table of Wanted
	CodeNoEntry    lookup.Code = "no-entry"             // no entry that is wanted covers the destination; Route: the nearest, Have: the first bit, from 1, in which it differs, Want: the prefix
	CodeNone       lookup.Code = "no-such-entry"        // there is no such entry at all; Route: but one that leads nowhere
	CodeLength     lookup.Code = "other-length"         // there is no entry of the prefix; Route: one that begins with the same address and has another length
	CodeNoDefault  lookup.Code = "no-default"           // there is no default route at all; Route: but one that leads nowhere
	CodeForSources             = lookup.CodeForSources  // the entry is for packets from a prefix; Want: it, Have: the packet's source
	CodeOutside    lookup.Code = "outside-prefix"       // the prefix does not cover the destination; Want: it, Have: the first bit, from 1, in which they differ
	CodeNoRule     lookup.Code = "rule-absent"          // no rule has the priority; Want: it
	CodeBound      lookup.Code = "bound"                // the packet is bound to a device; Have: it
	CodeGiven      lookup.Code = "source-given"         // the packet has a source; Have: it
	CodePrescribed lookup.Code = "source-by-route"      // the route prescribes a source; Have: it
	CodeNotOwn     lookup.Code = "not-own"              // the address is not this host's; Want: it
	CodeOtherLink  lookup.Code = "source-on-other"      // the address is another device's; Want: it, Have: the device
	CodeLoopback   lookup.Code = "loopback-leaves"      // of a way: a loopback address is sent to others, who drop it; Have: the device
	CodeByLoopback lookup.Code = "leaves-by-lo"         // of a way: packets leave by lo, and so come back to this host; Have: the device
	CodeSkipGoto   lookup.Code = "goto-skips"           // a goto skips the rule; Want: where it goes on
)

// option is a fact, together with the host without that fact.
type option struct {
	Fact
	key  string
	take func(*state) *state // if it is nil, or returns nil, nothing would change
}

// keyOf gives different facts different keys.
func keyOf(f *Fact, variant string) string {
	k := fmt.Sprintf("%s %d %s", f.Code, f.order, variant)
	for _, r := range []*route.Route{f.Route, f.Wanted} {
		if r != nil {
			k += fmt.Sprintf(" %d %s %v", r.Table, r.Dst, r.Kind())
		}
	}
	return k
}

// found makes an option.
func found(f Fact, take func(*state) *state) option { return option{f, keyOf(&f, ""), take} }
