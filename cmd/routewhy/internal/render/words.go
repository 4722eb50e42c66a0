package render

import (
	"fmt"
	"net/netip"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// words puts the codes of package lookup into sentences, for one snapshot.
type words struct{ snap *route.Snapshot }

func (w words) link(v any) string {
	if i, ok := v.(int); ok {
		return w.dev(i)
	}
	return iproute2.Safe(fmt.Sprint(v))
}

func (w words) dev(index int) string { return iproute2.Safe(w.snap.LinkName(index)) }

// rule says what became of a rule.
func (w words) rule(t *lookup.RuleTrial) string {
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
		return strings.TrimSuffix("no match: "+w.mismatch(r), ": ")
	case lookup.VerdictUncertain:
		return "cannot tell: " + w.uncertain(r)
	case lookup.VerdictSuppressed:
		return w.suppressed(r)
	}
	return w.outcome(t)
}

// outcome says what a rule that matched did.
func (w words) outcome(t *lookup.RuleTrial) string {
	r := t.Reason
	switch r.Code {
	case lookup.CodeDecided:
		return "match"
	case lookup.CodeRuleRefuses:
		return fmt.Sprintf("match: %v", r.Want)
	case lookup.CodeTableEmpty:
		return "no match: the table is empty"
	case lookup.CodeTableNoMatch:
		if r.Have == 1 {
			return "no match: 1 route, which is no default route"
		}
		return "no match: " + count(r.Have, "route") + ", and no default route among them"
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

func count(v any, noun string) string {
	if v == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%v %ss", v, noun)
}

// agree is a number with what there are of it: one, or several.
func agree(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}

// mismatch says by which value of the packet a selector failed.
func (w words) mismatch(r lookup.Reason) string {
	switch r.Code {
	case lookup.CodeFrom:
		return fmt.Sprintf("the source is %v", r.Have)
	case lookup.CodeFromUnset:
		return "the packet has no source yet"
	case lookup.CodeIif:
		if r.Want == "lo" {
			return "it came in on " + w.link(r.Have)
		}
		if r.Have == "lo" {
			return "sent by this host"
		}
		return "it came in on " + w.link(r.Have)
	case lookup.CodeIifDetached, lookup.CodeOifDetached:
		return "there is no device " + w.link(r.Want)
	case lookup.CodeOif:
		if r.Have == nil {
			return "not bound to a device"
		}
		return "bound to " + w.link(r.Have)
	case lookup.CodeMark:
		return fmt.Sprintf("the packet has mark %v", r.Have)
	case lookup.CodeRuleTOS:
		return fmt.Sprintf("the packet has TOS %v", r.Have)
	case lookup.CodeDSCP:
		return fmt.Sprintf("the packet has DSCP %v", r.Have)
	case lookup.CodeFlowLabel:
		return fmt.Sprintf("the packet has flow label %v", r.Have)
	case lookup.CodeUID:
		if r.Have == route.NoUID {
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

func protocol(v any) string {
	n, _ := v.(uint8)
	if n == 0 {
		return "not given"
	}
	return iproute2.ProtoName(n)
}

func port(v any) string {
	if v == uint16(0) {
		return "not given"
	}
	return fmt.Sprint(v)
}

func (w words) suppressed(r lookup.Reason) string {
	if r.Code == lookup.CodeSuppressGroup {
		return fmt.Sprintf("finds a route out of %s and drops it (group %v)", w.link(r.Have), r.Want)
	}
	return fmt.Sprintf("finds a /%v and drops it", r.Have)
}

// uncertain says why nobody can tell, and where something was not read, why not.
func (w words) uncertain(r lookup.Reason) string {
	why, _ := r.Have.(string)
	return w.unread(r) + because(why)
}

// because adds why something was not read, where that is not what is usual.
func because(why string) string {
	if why == "" || why == route.NotInFiles {
		return ""
	}
	return " (" + iproute2.Safe(why) + ")"
}

func (w words) unread(r lookup.Reason) string {
	switch r.Code {
	case lookup.CodeUnknownSelect:
		return fmt.Sprintf("a rule has attribute %v, which this routewhy does not know", r.Want)
	case lookup.CodeNextHopUnknown:
		return fmt.Sprintf("next-hop object %v could not be read", r.Want)
	case lookup.CodeRulesUnread:
		return "the policy rules could not be read"
	case lookup.CodeMergedUnread:
		return fmt.Sprintf("%v in table local comes before main's longer prefix only if a policy rule was ever added or deleted, and files do not tell that", r.Want)
	case lookup.CodeTooMuch:
		return "there are more rules and routes than routewhy goes through"
	case lookup.CodeSettingUnread:
		return fmt.Sprintf("the setting %s is not known, and decides", w.link(r.Want))
	case lookup.CodeExpiredFirst:
		return fmt.Sprintf("the first next hop of %v has expired, and the kernel does not tell about the others", r.Have)
	case lookup.CodeNoTables:
		return fmt.Sprintf("the routes of table %s are not known", w.link(r.Want))
	case lookup.CodeTablePart:
		return fmt.Sprintf("only a part of table %s is known, and the rest may decide", w.link(r.Want))
	case lookup.CodeRuleOdd:
		return fmt.Sprintf("rule %v was not understood, and may decide", r.Want)
	case lookup.CodeRouteOdd:
		return fmt.Sprintf("a route to %v was not understood, and may decide", r.Have)
	case lookup.CodeGatewayUnread:
		if r.Want != nil {
			return fmt.Sprintf("%v leads out of %s by a gateway that is not readable", r.Have, w.link(r.Want))
		}
		return fmt.Sprintf("the gateways of %v are not all readable", r.Have)
	case lookup.CodeMetricUnread:
		return fmt.Sprintf("the metrics of the routes to %v are not told, and decide", r.Have)
	case lookup.CodeRoutesUnread:
		return "the routes could not be read"
	case lookup.CodeSrcShared4:
		return fmt.Sprintf("several devices have %v, and the one that was given it last is taken, which the kernel does not tell", r.Have)
	case lookup.CodeReleaseUnread:
		return "kernels differ in how they choose among next hops by the device asked for, and of this release it is not known how"
	case lookup.CodeMembership:
		return fmt.Sprintf("whether this host listens to the group %v is not known", r.Want)
	case lookup.CodeSrcUnordered:
		return "it depends on the source, which the device lends that came into this namespace first, and their order is not known"
	}
	return string(r.Code)
}

// route says why a candidate won or lost.
func (w words) route(c *lookup.Candidate) string {
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
		return w.first(r)
	case lookup.CodeTOS:
		return fmt.Sprintf("only for TOS %#x", r.Want)
	case lookup.CodeTOSNever:
		return fmt.Sprintf("never used: no packet matches TOS %#x", r.Want)
	case lookup.CodeTOSFirst:
		return "a route for this TOS comes first"
	case lookup.CodeLocalFirst:
		return "table local comes first"
	case lookup.CodeThrow:
		return "ends this table: the next rule is asked"
	case lookup.CodeAfterThrow:
		return fmt.Sprintf("after the throw route %v", r.Want)
	case lookup.CodeRefusing:
		return "ends the look-up: longest match, " + bits(c.Route.Dst.Bits())
	case lookup.CodeSuppressPrefix, lookup.CodeSuppressGroup:
		return "dropped by this rule"
	}
	return w.unusable(c)
}

// metricWord is the word metric, where the route's row does not have it because
// its metric is the usual one.
func metricWord(r *route.Route) string {
	if strings.Contains(iproute2.Attributes(r), "metric ") {
		return ""
	}
	return "metric "
}

func (w words) first(r lookup.Reason) string {
	switch r.Want {
	case string(lookup.CodeTOSFirst):
		return "for this very TOS"
	case string(lookup.CodeSourceLess):
		return "for this very source"
	case string(lookup.CodePreference):
		return "higher router preference"
	case string(lookup.CodeDevice):
		return "on the device asked for"
	case string(lookup.CodeLocalFirst):
		return "table local comes first"
	}
	return "first of equal routes"
}

func bits(v any) string { return count(v, "bit") }

// unusable says why a candidate could not be used at all, and the rest.
func (w words) unusable(c *lookup.Candidate) string {
	r := c.Reason
	switch r.Code {
	case lookup.CodeDead:
		return "its next hop is dead"
	case lookup.CodeLinkdown:
		return "no carrier, and ignore_routes_with_linkdown is on"
	case lookup.CodeRouteOif:
		return fmt.Sprintf("leaves by %s, not %s", w.link(r.Have), w.link(r.Want))
	case lookup.CodeExpired:
		return fmt.Sprintf("expired %v s ago", r.Have)
	case lookup.CodeSourceHides:
		return "hidden: this prefix has routes for certain sources"
	case lookup.CodeSourceLess:
		return "a route for this very source comes first"
	case lookup.CodePreference:
		return fmt.Sprintf("lower router preference, %v", r.Have)
	case lookup.CodeDevice:
		return "not on the device asked for"
	case lookup.CodeNeighbour:
		return fmt.Sprintf("its gateway's neighbour entry is %v", r.Have)
	case lookup.CodeObjectUnusable:
		return fmt.Sprintf("nexthop object %d has no usable member", c.Route.NextHopID)
	case lookup.CodeForwardingOff:
		return fmt.Sprintf("forwarding is off on %s", w.link(r.Have))
	case lookup.CodeLeafAbandoned:
		return "given up with the longer prefix of the same address"
	case lookup.CodeNextHopUnknown:
		return w.uncertain(r)
	case lookup.CodeGatewayUnread:
		return "its gateway is not readable"
	case lookup.CodeRouteOdd:
		return "not understood"
	case lookup.CodeMetricUnread:
		return "its metric is not told"
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

// tieTurn says when an equal default route is taken that is passed over now.
const tieTurn = "equal, takes its turn once neighbours are stale"

// source says what made an address the source.
func (w words) source(t *lookup.SourceTrial) string {
	dev := w.dev(t.Link)
	switch c := t.Reason.Code; c {
	case lookup.CodeSrcPrefsrc:
		return "set by the route (src)"
	case lookup.CodeSrcLocalDst:
		return "the destination itself"
	case lookup.CodeSrcGateway:
		if p, ok := t.Reason.Have.(netip.Prefix); ok && p.IsSingleIP() {
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
		return "that of the device that came into this namespace first, and which one did is not known"
	}
	return string(t.Reason.Code)
}

// gateway says how a gateway, or the destination itself, is reached.
func (w words) gateway(g *lookup.Gateway) string {
	dev := w.dev(g.Link)
	var how string
	switch {
	case g.Direct:
		how = "on " + dev + "'s link"
	case g.HasOnLink && g.OnLinkBy.IsSingleIP():
		how = "on " + dev + "'s link, by the route " + g.OnLinkBy.String()
	case g.HasOnLink:
		how = "on " + dev + "'s network " + g.OnLinkBy.String()
	case g.Redirected:
		how = "taken as on " + dev + "'s link (redirect)"
	case g.Forced:
		how = "taken as on " + dev + "'s link (onlink)"
	case g.Addr.IsLinkLocalUnicast():
		how = "link-local on " + dev
	case g.OnLinkUnknown:
		how = "reached by " + dev + " (in which of its networks is not known)"
	default:
		how = "not in any network of " + dev + " any more"
	}
	return how + ", " + w.neighbour(g)
}

func (w words) neighbour(g *lookup.Gateway) string {
	switch {
	case !g.HasState && w.snap.Lacks(route.FactNeighbours, route.FamilyOf(g.Addr)):
		return "neighbour state unknown"
	case !g.HasState, g.State == route.NeighbourNone:
		return "no neighbour entry yet"
	case g.State == route.NeighbourFailed:
		return "neighbour FAILED: it does not answer, programs get EHOSTUNREACH"
	}
	return "neighbour " + strings.ToLower(g.State.String())
}
