package text

import (
	"cmp"
	"fmt"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route/iproute2"
)

// routeIn is a route and its table, on one line.
func routeIn(r *iproute2.Route) string { return routeLine(r) + " in " + tableWords(r.Table) }

// blocker says what stops the packet.
func (x missed) blocker(b *report.Blocker) string {
	switch c := b.Reason.Code; c {
	case whynot.CodeEarlier:
		return x.earlier(b)
	case whynot.CodeRefused:
		if b.Route == nil {
			return fmt.Sprintf("rule %d (%s: %s) refuses it first", b.Rule.Priority, cmp.Or(b.Rule.Selector(), "from all"), ruleTarget(b.Rule))
		}
		return fmt.Sprintf("%s, to which rule %d leads, refuses it first", routeIn(b.Route), b.Rule.Priority)
	case whynot.CodeUnreached:
		if b.Supposed {
			return "no rule leads to " + tableWords(b.Wanted.Table)
		}
		return fmt.Sprintf("no rule leads to %s, which has %s", tableWords(b.Wanted.Table), routeLine(b.Wanted))
	case lookup.CodeMaySame:
		return fmt.Sprintf("no rule is known to lead to %s, though a rule leads to %s, which may be the same table", tableWords(b.Wanted.Table), tableWords(name(b.Reason.Want)))
	case lookup.CodeRulesUnlisted, lookup.CodeRulesUnread:
		return fmt.Sprintf("no rule is known to lead to %s: the rules are not known", tableWords(b.Wanted.Table))
	case whynot.CodeSkipGoto:
		return x.skipped(b)
	case lookup.CodeSuppressPrefix, lookup.CodeSuppressGroup:
		if b.Supposed {
			return fmt.Sprintf("rule %d drops what it finds in %s (%s)", b.Rule.Priority, tableWords(b.Wanted.Table), suppressor(b.Rule))
		}
		return fmt.Sprintf("rule %d finds %s and drops it (%s)", b.Rule.Priority, routeIn(b.Wanted), suppressor(b.Rule))
	}
	if text := x.noEntry(b); text != "" {
		return text
	}
	if text := x.packetFact(b); text != "" {
		return text
	}
	if text := noDefaultWords(&report.Finding{Reason: b.Reason}); text != "" {
		return text
	}
	if b.Rule != nil && b.Route == nil && b.Reason.Code != whynot.CodeForSources {
		return x.ruleFact(b)
	}
	return x.entryFact(b)
}

// maxSkipped is how many rules are named that a goto leaves out.
const maxSkipped = 3

// skipped is a goto that leaves out rules.
func (x missed) skipped(b *report.Blocker) string {
	var rules []string
	for _, p := range b.Skipped[:min(len(b.Skipped), maxSkipped)] {
		rules = append(rules, fmt.Sprint(p))
	}
	if n := len(b.Skipped) - maxSkipped; n > 0 {
		rules = append(rules, fmt.Sprintf("%d more", n))
	}
	what := "the rules between"
	switch len(rules) {
	case 0:
	case 1:
		what = "rule " + rules[0]
	default:
		what = "rules " + listed(rules)
	}
	return fmt.Sprintf("rule %d goes on at %s, and leaves out %s", b.Rule.Priority, b.Reason.Want, what)
}

// suppressor is the part of a rule that drops routes, as ip(8) writes it.
func suppressor(r *iproute2.Rule) string {
	var out []string
	if r.SuppressPrefix != nil {
		out = append(out, fmt.Sprintf("suppress_prefixlength %d", *r.SuppressPrefix))
	}
	if r.SuppressGroup != nil {
		out = append(out, fmt.Sprintf("suppress_ifgroup %v", *r.SuppressGroup))
	}
	return strings.Join(out, " ")
}

// earlier is a rule that leads elsewhere.
func (x missed) earlier(b *report.Blocker) string {
	if b.Route == nil {
		return fmt.Sprintf("rule %d (%s) decides first", b.Rule.Priority, ruleTarget(b.Rule))
	}
	text := fmt.Sprintf("rule %d finds %s first", b.Rule.Priority, routeIn(b.Route))
	if b.Route.Table == tableLocal && b.Route.Type == "local" && prefixOf(b.Route).IsSingleIP() {
		text += ", this host's own address"
	}
	return text
}

// noEntry is the text about missing entries; empty: the fact is about something else.
func (x missed) noEntry(b *report.Blocker) string {
	dst := x.Looked().Addr()
	switch b.Reason.Code {
	case whynot.CodeNoEntry:
		return fmt.Sprintf("%s covers it; the nearest, %s, differs in bit %s", x.noRoute(), routeIn(b.Route), b.Reason.Have)
	case whynot.CodeNone:
		if b.Route != nil {
			return "the only one is " + routeIn(b.Route)
		}
		if x.r.Kind == whynot.Rule {
			return fmt.Sprintf("the table of rule %d has no route for it", b.Rule.Priority)
		}
		return "there is " + x.noRoute()
	case whynot.CodeLength:
		return fmt.Sprintf("there is %s; with that address there is only %s", x.noRoute(), routeIn(b.Route))
	case whynot.CodeNoDefault:
		if b.Route != nil {
			return "the only one is " + routeIn(b.Route)
		}
		return "no table has a default route"
	case lookup.NoteZeroHostRoute, lookup.NoteClassless:
		return noDefaultWords(&report.Finding{Reason: b.Reason, Route: b.Route})
	case whynot.CodeOutside:
		return fmt.Sprintf("%s does not cover %s: they differ in bit %s", b.Reason.Want, dst, b.Reason.Have)
	case whynot.CodeNoRule:
		return fmt.Sprintf("there is no rule %s", b.Reason.Want)
	}
	return ""
}

// noRoute names the entries that are missing.
func (x missed) noRoute() string {
	want := iproute2.Safe(cmp.Or(x.r.Master, x.r.Want))
	switch x.r.Kind {
	case whynot.Device:
		return "no route out of " + want
	case whynot.Gateway:
		return "no route " + want
	case whynot.Table:
		return "no route in " + want
	case whynot.Source:
		return "no route to it"
	}
	return "no route " + want
}

// packetFact is the text about the packet or the device that receives it; empty: the
// fact is about something else.
func (x missed) packetFact(b *report.Blocker) string {
	have := name(b.Reason.Have)
	switch b.Reason.Code {
	case lookup.CodeRedirected:
		return name(b.Reason.Want) + " told this host to use " + have + " (ICMP redirect)"
	case lookup.FaultNoIPv6:
		return "IPv6 is switched off on " + have + " (disable_ipv6 = 1)"
	case lookup.FaultDown:
		return have + " is down"
	case lookup.FaultNeighbour:
		return "the gateway " + have + " does not answer"
	case lookup.FaultCarrier:
		return have + " has no carrier"
	case lookup.FaultIgnored:
		return have + " has no carrier, and ignore_routes_with_linkdown is on"
	case whynot.CodeBound:
		return "the packet is bound to " + have
	case whynot.CodeGiven:
		return "the packet has the source " + have
	case lookup.Code(lookup.ShortcutNotLocal):
		return have + " is not an address of this host"
	case lookup.Code(lookup.ShortcutSource):
		return have + " cannot be a source"
	case lookup.Code(lookup.ShortcutLoopback):
		return "a packet with the loopback source " + have + " may not leave"
	case lookup.Code(lookup.ShortcutNoForwarding):
		return "forwarding is off on " + have
	case lookup.NoteNotForwarded:
		return "IPv6 forwarding is off (net.ipv6.conf.all.forwarding = 0)"
	case lookup.NoteSeenOnMaster:
		return "it " + seenOn(&b.Reason)
	case lookup.NoteStaysOnLink:
		return "a packet with the source " + name(b.Reason.Want) + " is not forwarded to another link"
	case lookup.Code(lookup.ShortcutReversePath):
		return "the reverse-path filter of " + have + " drops it"
	case lookup.Code(lookup.ShortcutNoIPv6):
		return "IPv6 is switched off on " + have
	case lookup.Code(lookup.ShortcutGroupSource):
		to := "a group"
		if !x.Looked().Addr().IsMulticast() {
			to = "everybody"
		}
		return fmt.Sprintf("its source %s is an address of %s, and what goes to %s leaves there without a rule or a route", have, b.Reason.Want, to)
	case whynot.CodePrescribed:
		return fmt.Sprintf("%s prescribes the source %s", routeIn(b.Route), have)
	case whynot.CodeNotOwn:
		return fmt.Sprintf("%s is not an address of this host", b.Reason.Want)
	case whynot.CodeOtherLink:
		return fmt.Sprintf("%s is an address of %s, and %s leaves by another device", b.Reason.Want, have, routeLine(b.Route))
	case lookup.CodeSrcOrder:
		return fmt.Sprintf("%s comes before %s among the device's addresses", have, strings.TrimPrefix(iproute2.Safe(x.r.Want), "src "))
	}
	return ""
}

// ruleFact is the text about a rule that does not match.
func (x missed) ruleFact(b *report.Blocker) string {
	sel := cmp.Or(b.Rule.Selector(), "from all")
	why := mismatchWords(b.Reason)
	if b.Reason.Code == lookup.CodeTo {
		why = anotherDestination
	}
	why = withOthers(why, b.Others)
	if b.Wanted == nil {
		return fmt.Sprintf("rule %d (%s) does not match: %s", b.Rule.Priority, sel, why)
	}
	if b.Reason.Code == lookup.CodeDead || why == "" {
		return x.entryFact(b)
	}
	leads := routeIn(b.Wanted)
	if b.Supposed {
		leads = tableWords(b.Wanted.Table)
	}
	return fmt.Sprintf("rule %d (%s), which leads to %s, does not match: %s", b.Rule.Priority, sel, leads, why)
}

// entryFact is the text about an entry that loses, or that cannot be used.
func (x missed) entryFact(b *report.Blocker) string {
	if b.Wanted == nil {
		return whichSource(b.Reason)
	}
	if b.Reason.Code == whynot.CodeForSources {
		return fmt.Sprintf("%s is for packets from %s alone", routeIn(b.Wanted), b.Reason.Want)
	}
	c := &report.Candidate{Route: *b.Wanted, Reason: b.Reason}
	text := candidateWords(c)
	if b.Route == nil {
		return fmt.Sprintf("%s cannot be used: %s", routeIn(b.Wanted), text)
	}
	if b.Reason.Code == lookup.CodeMetric {
		text = fmt.Sprintf("metric %s > %s", b.Reason.Have, b.Reason.Want)
	}
	wanted := routeLine(b.Wanted)
	if b.Supposed {
		wanted = b.Wanted.Dst
	}
	if b.Route.Type == "throw" {
		searched := "this table"
		if b.Route.Table != b.Wanted.Table {
			searched = tableWords(b.Wanted.Table) + " too: both are one table until a rule is added or deleted"
		}
		return fmt.Sprintf("%s comes before %s, and ends the search of %s", routeIn(b.Route), wanted, searched)
	}
	if b.Reason.Code == lookup.CodeShorter {
		return fmt.Sprintf("%s is longer than %s", routeIn(b.Route), wanted)
	}
	return fmt.Sprintf("%s goes before %s: %s", routeIn(b.Route), wanted, text)
}

// whichSource is the sentence about an address that is not taken. "It" is that address.
func whichSource(r report.Reason) string {
	loss := sourceLoss(r)
	switch r.Code {
	case lookup.CodeSrcScope:
		return fmt.Sprintf("its scope is %s, and the route has %s", r.Have, r.Want)
	case lookup.CodeSrcNotSubnet, lookup.CodeSrcSame, lookup.CodeSrcScope6:
		return loss
	case lookup.CodeSrcLabel:
		return "it " + loss
	case lookup.CodeSrcPrefix:
		return "it has a " + loss
	}
	return "it is " + loss
}
