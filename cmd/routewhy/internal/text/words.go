package text

import (
	"cmp"
	"fmt"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// name is an operand that is a name, in a form that is safe for a terminal.
func name(o report.Operand) string { return iproute2.Safe(o.String()) }

// ruleWords says what happened at a rule.
func ruleWords(t *report.RuleTrial) string {
	r := t.Reason
	switch t.Verdict {
	case lookup.VerdictMatch:
		return "match"
	case lookup.VerdictNotReached:
		if r.Code == lookup.CodeJumped {
			return "jumped over"
		}
		return "not reached"
	case lookup.VerdictNoMatch:
		return strings.TrimSuffix("no match: "+mismatchWords(r), ": ")
	case lookup.VerdictUncertain:
		return "cannot tell: " + uncertainWords(r)
	case lookup.VerdictSuppressed:
		return suppressedWords(r)
	}
	return outcomeWords(t)
}

// outcomeWords says what a rule that matched did.
func outcomeWords(t *report.RuleTrial) string {
	r := t.Reason
	switch r.Code {
	case lookup.CodeDecided:
		return "match"
	case lookup.CodeRuleRefuses:
		return fmt.Sprintf("match: %v", r.Want)
	case lookup.CodeTableEmpty:
		return "no match: the table is empty"
	case lookup.CodeTableNoMatch:
		if r.Have.Number() == 1 {
			return "no match: 1 route, which is no default route"
		}
		return "no match: " + count(int(r.Have.Number()), "route") + ", and no default route among them"
	case lookup.CodeTableUnusable:
		return "no match: none of the routes that cover it can be used"
	case lookup.CodeTableThrow:
		return fmt.Sprintf("thrown back by %v: the next rule is asked", r.Have)
	case lookup.CodeGoto:
		return fmt.Sprintf("match: goes on at %v", r.Want)
	case lookup.CodeGotoUnresolved:
		return fmt.Sprintf("ignored: no rule below has priority %v", r.Want)
	case lookup.CodeNop:
		return "match, does nothing"
	case lookup.CodeMerged:
		return fmt.Sprintf("loses to a longer prefix in main, %v", r.Want)
	}
	return string(r.Code)
}

func count(n int, noun string) string { return agree(n, noun, noun+"s") }

// agree is a number followed by the right word: the one for one thing, or the one for
// several.
func agree(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// mismatchWords says which value of the packet did not match a selector.
func mismatchWords(r report.Reason) string {
	switch r.Code {
	case lookup.CodeFrom:
		return fmt.Sprintf("the source is %v", r.Have)
	case lookup.CodeFromUnset:
		return "the packet has no source yet"
	case lookup.CodeIif:
		if r.Want.String() == "lo" {
			return "it came in on " + name(r.Have)
		}
		if r.Have.String() == "lo" {
			return "sent by this host"
		}
		return "it came in on " + name(r.Have)
	case lookup.CodeIifDetached, lookup.CodeOifDetached:
		return "there is no device " + name(r.Want)
	case lookup.CodeOif:
		if r.Have.IsZero() {
			return "not bound to a device"
		}
		return "bound to " + name(r.Have)
	case lookup.CodeMark:
		return fmt.Sprintf("the packet has mark %v", r.Have)
	case lookup.CodeRuleTOS:
		return fmt.Sprintf("the packet has TOS %v", r.Have)
	case lookup.CodeDSCP:
		return fmt.Sprintf("the packet has DSCP %v", r.Have)
	case lookup.CodeFlowLabel:
		return fmt.Sprintf("the packet has flow label %v", r.Have)
	case lookup.CodeUID:
		if r.Have.Number() == int64(route.NoUID) {
			return "no user sent it"
		}
		return fmt.Sprintf("uid %v", r.Have)
	case lookup.CodeProto:
		return "protocol " + protocol(r.Have)
	case lookup.CodeSport:
		return "source port " + port(r.Have)
	case lookup.CodeDport:
		return "destination port " + port(r.Have)
	case lookup.CodeL3mdev:
		return "the packet belongs to no VRF"
	case lookup.CodeTunnelID:
		return fmt.Sprintf("tunnel ID %v", r.Have)
	case lookup.CodeNot:
		return "all of that applies, and `not` inverts it"
	}
	return ""
}

// withOthers are all parts of a rule's selector that do not match, in one phrase.
func withOthers(first string, others []report.Reason) string {
	if len(others) == 0 {
		return first
	}
	all := []string{cmp.Or(first, anotherDestination)}
	for i := range others {
		why := mismatchWords(others[i])
		if others[i].Code == lookup.CodeTo {
			why = anotherDestination
		}
		if why != "" {
			all = append(all, why)
		}
	}
	return strings.Join(all[:len(all)-1], ", ") + ", and " + all[len(all)-1]
}

// anotherDestination says that a rule is for other destinations, where the rule itself is not
// shown.
const anotherDestination = "the destination is another"

func protocol(o report.Operand) string {
	if o.Number() == 0 {
		return "not given"
	}
	return iproute2.ProtoName(uint8(o.Number()))
}

func port(o report.Operand) string {
	if o.Number() == 0 {
		return "not given"
	}
	return o.String()
}

func suppressedWords(r report.Reason) string {
	switch r.Code {
	case lookup.CodeSuppressGroup:
		return fmt.Sprintf("finds a route out of %s and drops it (group %v)", name(r.Have), r.Want)
	case lookup.CodeSuppressMTU:
		return fmt.Sprintf("finds a route out of %s and drops it (MTU under 1280 bytes)", name(r.Have))
	}
	return fmt.Sprintf("finds a /%v and drops it", r.Have)
}

// uncertainWords says why nobody can tell. If something was not read, it also says
// why.
func uncertainWords(r report.Reason) string {
	switch r.Code {
	case lookup.CodeExpiredFirst, lookup.CodeRouteOdd, lookup.CodeGatewayUnread, lookup.CodeMetricUnread: // Have is a prefix
		return unreadWords(r)
	}
	return unreadWords(r) + because(r.Have.String())
}

// because adds why something was not read, if the reason is unusual.
func because(why string) string {
	if why == "" || why == route.NotInFiles {
		return ""
	}
	return " (" + iproute2.Safe(why) + ")"
}

func unreadWords(r report.Reason) string {
	switch r.Code {
	case lookup.CodeUnknownSelect:
		return fmt.Sprintf("a rule has attribute %v, which this routewhy does not know", r.Want)
	case lookup.CodeNextHopUnknown:
		return fmt.Sprintf("next-hop object %v could not be read", r.Want)
	case lookup.CodeRulesUnread:
		return "the policy rules could not be read"
	case lookup.CodeRulesUnlisted:
		return fmt.Sprintf("there is no listing of rules, and one may lead to %s", tableWords(name(r.Want)))
	case lookup.CodeMergedUnread:
		return fmt.Sprintf("%v in table local comes before main's longer prefix only if a policy rule was ever added or deleted, and files do not tell that", r.Want)
	case lookup.CodeTooMuch:
		return "there are more rules and routes than routewhy goes through"
	case lookup.CodeSettingUnread:
		return fmt.Sprintf("the setting %s decides, and is not known", name(r.Want))
	case lookup.CodeExpiredFirst:
		return fmt.Sprintf("the first next hop of %v has expired, and the kernel does not tell about the others", r.Have)
	case lookup.CodeNoTables:
		return fmt.Sprintf("the routes of table %s are not known", name(r.Want))
	case lookup.CodeMaySame:
		return fmt.Sprintf("a rule leads to %s, which may be this table: the list of the tables' names is missing", tableWords(name(r.Want)))
	case lookup.CodeTablePart:
		return fmt.Sprintf("only a part of table %s is known, and the rest may decide", name(r.Want))
	case lookup.CodeRuleOdd:
		return fmt.Sprintf("rule %v was not understood, and may decide", r.Want)
	case lookup.CodeRouteOdd:
		return fmt.Sprintf("a route to %v was not understood, and may decide", r.Have)
	case lookup.CodeGatewayUnread:
		if !r.Want.IsZero() {
			return fmt.Sprintf("%v leads out of %s by a gateway that is not readable", r.Have, name(r.Want))
		}
		return fmt.Sprintf("a gateway of %v is not readable", r.Have)
	case lookup.CodeMetricUnread:
		return fmt.Sprintf("the metrics of the routes to %v decide, and are not known", r.Have)
	case lookup.CodeRoutesUnread:
		return "the routes could not be read"
	case lookup.CodeSrcShared4:
		return fmt.Sprintf("several devices have %v; the kernel takes the one that got it last, and does not show which one that is", r.Have)
	case lookup.CodeReleaseUnread:
		return "kernels differ in how the device asked for chooses among next hops, and it is not known what this release does"
	case lookup.CodeMembership:
		return fmt.Sprintf("whether this host listens to the group %v is not known", r.Want)
	case lookup.CodeGroupSources:
		return fmt.Sprintf("this host listens to the group %v, but from which sources is not known", r.Want)
	case lookup.CodeSrcUnordered:
		return "it depends on the source; the device that came into this namespace first gives it, and the order of the devices is not known"
	}
	return string(r.Code)
}

// candidateWords says why a candidate won or lost.
func candidateWords(c *report.Candidate) string {
	r := c.Reason
	switch r.Code {
	case lookup.CodeLongest:
		return fmt.Sprintf("longest match, %s", bits(r.Have))
	case lookup.CodeOnlyDefault:
		return "nothing longer covers it"
	case lookup.CodeShorter:
		return fmt.Sprintf("shorter prefix, %s", bits(r.Have))
	case lookup.CodeMetric:
		return metricWord(&c.Route) + fmt.Sprintf("%v > %v", r.Have, r.Want)
	case lookup.CodeLowestMetric:
		if metricWord(&c.Route) == "" {
			return "lowest metric"
		}
		return fmt.Sprintf("lowest metric, %v < %v", r.Want, r.Have)
	case lookup.CodeLater:
		return "equal, but later in the table"
	case lookup.CodeFirst:
		return firstWords(r)
	case lookup.CodeTOS:
		return "only for TOS " + tos(r.Want)
	case lookup.CodeTOSNever:
		return "never used: no packet matches TOS " + tos(r.Want)
	case lookup.CodeTOSFirst:
		return "a route for this TOS comes first"
	case lookup.CodeLocalFirst:
		return "table local comes first"
	case lookup.CodeThrow:
		return "ends this table: the next rule is asked"
	case lookup.CodeAfterThrow:
		return fmt.Sprintf("after the throw route %v", r.Want)
	case lookup.CodeRefusing:
		return "ends the look-up: longest match, " + bits(report.Text(length(c.Route.Dst)))
	case lookup.CodeSuppressPrefix, lookup.CodeSuppressGroup:
		return "dropped by this rule"
	case lookup.CodeSuppressMTU:
		return "dropped: its device has no IPv6"
	}
	return unusableWords(c)
}

// metricWord is the word metric. It is for a route whose row does not show the metric
// because it is the usual one.
func metricWord(r *iproute2.Route) string {
	if strings.Contains(r.Attributes(), "metric ") {
		return ""
	}
	return "metric "
}

func firstWords(r report.Reason) string {
	switch lookup.Code(r.Want.String()) {
	case lookup.CodeTOSFirst:
		return "for this very TOS"
	case lookup.CodeSourceLess:
		return "for this very source"
	case lookup.CodePreference:
		return "higher router preference"
	case lookup.CodeDevice:
		return "on the device asked for"
	case lookup.CodeLocalFirst:
		return "table local comes first"
	}
	return "first of equal routes"
}

// bits says how many bits a prefix's length has.
func bits(o report.Operand) string {
	if o.String() == "1" {
		return "1 bit"
	}
	return o.String() + " bits"
}

// length is the length of a prefix.
func length(prefix string) string {
	_, n, _ := strings.Cut(prefix, "/")
	return n
}

// tos is a TOS value as ip(8) writes it.
func tos(o report.Operand) string {
	if text := o.String(); strings.HasPrefix(text, "0x") {
		return text
	}
	return fmt.Sprintf("%#x", o.Number())
}

// unusableWords says why a candidate could not be used at all, and other reasons.
func unusableWords(c *report.Candidate) string {
	r := c.Reason
	switch r.Code {
	case lookup.CodeDead:
		return "its next hop is dead"
	case lookup.CodeLinkdown:
		return "no carrier, and ignore_routes_with_linkdown is on"
	case lookup.CodeRouteOif:
		return fmt.Sprintf("leaves by %s, not %s", name(r.Have), name(r.Want))
	case lookup.CodeExpired:
		return fmt.Sprintf("expired %v s ago", r.Have)
	case lookup.CodeSourceHides:
		return "hidden: this prefix has routes for certain sources"
	case lookup.CodeForSources:
		if r.Have.IsZero() {
			return "the packet has no source yet"
		}
		return fmt.Sprintf("the packet is from %v", r.Have)
	case lookup.CodeSourceLess:
		return "a route for this very source comes first"
	case lookup.CodePreference:
		return fmt.Sprintf("lower router preference, %v", r.Have)
	case lookup.CodeDevice:
		return "not on the device asked for"
	case lookup.CodeNeighbour:
		return fmt.Sprintf("its gateway's neighbour entry is %v", r.Have)
	case lookup.CodeObjectUnusable:
		return fmt.Sprintf("nexthop object %d has no usable member", c.Route.NHID)
	case lookup.CodeForwardingOff:
		return fmt.Sprintf("forwarding is off on %s", name(r.Have))
	case lookup.CodeLeafAbandoned:
		return "passed over with the nexthop object at the same network address"
	case lookup.CodeNextHopUnknown:
		return uncertainWords(r)
	case lookup.CodeExpiredFirst:
		return "its first next hop has expired"
	case lookup.CodeGatewayUnread:
		return "its gateway is not readable"
	case lookup.CodeRouteOdd:
		return "not understood"
	case lookup.CodeMetricUnread:
		return "its metric is not known"
	case lookup.CodeTablePart:
		return "a part of the table is missing"
	case lookup.CodeNeighbourTie:
		if c.Verdict == lookup.VerdictChosen {
			return "equal, but its gateway is the one that answers"
		}
		if c.Verdict == lookup.VerdictLoses {
			return tieTurn
		}
		return "one of several equal defaults"
	}
	return string(r.Code)
}

// tieTurn says when an equal default route that is not used now will be used.
const tieTurn = "equal, takes its turn once neighbours are stale"

// sourceWords says why an address became the source.
func sourceWords(t *report.Source) string {
	dev := iproute2.Safe(t.Dev)
	switch c := t.Reason.Code; c {
	case lookup.CodeSrcPrefsrc:
		return "set by the route (src)"
	case lookup.CodeSrcLocalDst:
		return "the destination itself"
	case lookup.CodeSrcGateway:
		if single(t.Reason.Have.String()) {
			return dev + "'s address, with the gateway at its other end"
		}
		return dev + "'s address in the gateway's network"
	case lookup.CodeSrcFirst:
		return dev + "'s first address"
	case lookup.CodeSrcOther:
		return "borrowed from " + dev + ": the output device has none that fits"
	case lookup.CodeSrcVRF:
		return dev + "'s: a packet that leaves its VRF keeps an address of it"
	case lookup.CodeSrcOnly:
		return "the only candidate"
	case lookup.CodeSrcSame:
		return "equal to the destination (RFC 6724 rule 1)"
	case lookup.CodeSrcScope6:
		return "of the right scope (RFC 6724 rule 2)"
	case lookup.CodeSrcDeprecated:
		return "not deprecated (RFC 6724 rule 3)"
	case lookup.CodeSrcDevice:
		return "on the output device (RFC 6724 rule 5)"
	case lookup.CodeSrcLabel:
		return "has the destination's label (RFC 6724 rule 6)"
	case lookup.CodeSrcTemporary:
		return "public or temporary as use_tempaddr asks (RFC 6724 rule 7)"
	case lookup.CodeSrcOrchid:
		return "an ORCHID if the destination is one"
	case lookup.CodeSrcPrefix:
		return "longest prefix in common with the destination (RFC 6724 rule 8)"
	case lookup.CodeSrcOptimistic:
		return "not optimistic"
	case lookup.CodeSrcOrder:
		return "first of equals, " + dev + "'s"
	case lookup.CodeSrcShared:
		return fmt.Sprintf("that of %v or of %v, whichever was used first: both use one nexthop object", t.Reason.Want, t.Reason.Have)
	case lookup.CodeSrcUnordered:
		return "that of the device that came into this namespace first, and it is not known which one that is"
	}
	return string(t.Reason.Code)
}

// reachWords says how a neighbour on a device is reached.
func reachWords(r *report.Reach, dev string) string {
	dev = iproute2.Safe(dev)
	switch r.How {
	case report.ReachDirect:
		return "on " + dev + "'s link"
	case report.ReachRoute:
		return "on " + dev + "'s link, by the route " + r.Network.String()
	case report.ReachNetwork:
		return "on " + dev + "'s network " + r.Network.String()
	case report.ReachRedirect:
		return "taken as on " + dev + "'s link (redirect)"
	case report.ReachOnLink:
		return "taken as on " + dev + "'s link (onlink)"
	case report.ReachLinkLocal:
		return "link-local on " + dev
	case report.ReachUnknown:
		return "reached by " + dev + " (in which of its networks is not known)"
	}
	return "not in any network of " + dev + " any more"
}

// neighbourWords say in which state the neighbour of a next hop is.
func neighbourWords(h *report.NextHop) string {
	switch {
	case h.NeighbourUnread:
		return "neighbour state unknown"
	case h.Neighbour == "", h.Neighbour == "NONE":
		return "no neighbour entry yet"
	case h.Neighbour == failed:
		return failedWords
	case h.Neighbour == "INCOMPLETE":
		return "neighbour incomplete: asked, and no answer so far"
	}
	return "neighbour " + strings.ToLower(h.Neighbour)
}

// failedWords is about a neighbour that does not answer.
const failedWords = "neighbour FAILED: it does not answer, programs get EHOSTUNREACH"

// routeLine is a route on one line. If it has many next hops, it says how many.
func routeLine(r *iproute2.Route) string {
	n := len(r.NextHops)
	if n < maxNamed {
		return r.Line()
	}
	few := *r
	few.NextHops, few.Gateway, few.Dev = nil, "", ""
	return strings.Join(nonEmpty(r.Destination(), fmt.Sprintf("over %s next hops", numeral(n)), few.Attributes()), " ")
}
