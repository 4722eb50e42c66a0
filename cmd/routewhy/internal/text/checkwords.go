package text

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/check"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// checkText is the finding of a check as a sentence that names the actual routes, rules and
// devices.
func checkText(f *report.CheckFinding) string {
	x := checked{f, f.Finding()}
	if text := cmp.Or(x.ruleText(), x.defaultText(), x.routeText(), x.replyText(), x.deviceText()); text != "" {
		return text
	}
	n := x.n
	switch n.Code {
	case lookup.NoteGatewayFailed:
		return fmt.Sprintf("%s%s: %s; unless it answers now, programs get EHOSTUNREACH", routeInTable(n.Route), x.more(), gatewaySilent(n))
	case lookup.NoteLinkdownUsed, lookup.NoteDeviceDown, lookup.NoteGatewayOwn, lookup.NoteGatewayShared,
		lookup.NoteNoPort, lookup.NoteIsPort, lookup.NoteDummy:
		return routeInTable(n.Route) + x.more() + ": " + entryFinding(n)
	case check.CodePortDown, check.CodePortDark:
		why := " has none"
		if n.Code == check.CodePortDown {
			why = " is down"
		}
		dev := name(n.Have)
		words := strings.TrimPrefix(linkdownWords(family(n.Route), dev), dev+" has no carrier")
		return fmt.Sprintf("%s%s: %s has no carrier, because its only port %s%s%s", routeInTable(n.Route), x.more(), dev, name(n.Want), why, words)
	case check.CodeLegPassedOver:
		return fmt.Sprintf("%s%s: %s; the other next hops carry its packets", routeInTable(n.Route), x.more(), gatewaySilent(n))
	case lookup.NoteTied:
		return x.routes(" and ") + ": " + tiedWords(&report.Finding{Reason: n.Reason})
	case lookup.NoteExpiresSoon, lookup.NoteNoGateway:
		return routeInTable(n.Route) + " " + strings.TrimPrefix(setupFinding(n), n.Route.Dst+" ")
	}
	return cmp.Or(noDefaultWords(n), string(n.Code))
}

// gatewaySilent says that a gateway did not answer.
func gatewaySilent(n *report.Finding) string {
	return fmt.Sprintf("the gateway %s did not answer the last time it was asked (neighbour FAILED, %s)", n.Gateway.Address, reachWords(n.Gateway, n.Gateway.Dev))
}

// checked is the finding of a check, also in the form that other findings have.
type checked struct {
	*report.CheckFinding
	n *report.Finding
}

// routeInTable is a route, with its table if that is not main.
func routeInTable(r *iproute2.Route) string {
	if r.Table == "main" {
		return routeLine(r)
	}
	return routeLine(r) + " in " + tableWords(r.Table)
}

// more says how many other routes there are besides the named one.
func (x checked) more() string {
	if x.Count > 1 {
		return fmt.Sprintf(" (and %s)", agree(x.Count-1, "more route", "more routes"))
	}
	return ""
}

// routes are the first routes of the evidence.
func (x checked) routes(sep string) string {
	var out []string
	for i := range x.Evidence.Routes[:min(len(x.Evidence.Routes), 3)] {
		out = append(out, routeInTable(&x.Evidence.Routes[i]))
	}
	return strings.Join(out, sep)
}

// second is the second route of the evidence, or the first if there is no second.
func (x checked) second() *iproute2.Route {
	return &x.Evidence.Routes[min(1, len(x.Evidence.Routes)-1)]
}

func (x checked) defaultText() string {
	n := x.n
	switch n.Code {
	case check.CodeDefaultRefused:
		what := []string{n.Route.Destination()}
		var left string
		for i := range x.Evidence.Routes[1:] {
			if r := &x.Evidence.Routes[1+i]; r.Type == typeUnicast {
				left = cmp.Or(left, routeInTable(r))
			} else {
				what = append(what, r.Dst)
			}
		}
		verb, which := agreeWord(len(what), "refuses", "refuse"), "all of its packets"
		if len(what) == 1 && !n.Route.IsDefault() {
			which = "many of its packets"
		}
		if n.Route.Type == typeLocal {
			verb = agreeWord(len(what), "delivers", "deliver")
			which += " to this host itself"
		}
		return fmt.Sprintf("%s in %s %s before the default route %s and %s %s", and(what), tableWords(n.Table), agreeWord(len(what), "comes", "come"), left, verb, which)
	case check.CodeDefaultThrown:
		what := []string{n.Route.Destination()}
		var left string
		for i := range x.Evidence.Routes[1:] {
			if r := &x.Evidence.Routes[1+i]; r.Type == typeUnicast {
				left = cmp.Or(left, routeLine(r))
			} else {
				what = append(what, r.Dst)
			}
		}
		return fmt.Sprintf("%s in %s %s before its default route %s and %s the look-up in that table, and no table after it carries the packets",
			and(what), tableWords(n.Table), agreeWord(len(what), "comes", "come"), left, agreeWord(len(what), "ends", "end"))
	case check.CodeDefaultUnreached:
		if n.Have.Number() > 0 {
			return fmt.Sprintf("no default route can be used: %s is in %s, and no rule leads there", routeLine(n.Route), tableWords(n.Table))
		}
		return fmt.Sprintf("the only default route, %s, is in %s, and no rule leads there: packets to other networks find no route", routeLine(n.Route), tableWords(n.Table))
	case check.CodeDefaultCovered:
		var by []string
		for i := range x.Evidence.Routes[1:] {
			by = append(by, routeLine(&x.Evidence.Routes[1+i]))
		}
		return fmt.Sprintf("%s is never used: %s cover every address; if they are a VPN's, its own packets may go into the VPN, because no other route uses the old gateway",
			routeInTable(n.Route), and(by))
	case check.CodeDefaultExpired:
		return fmt.Sprintf("%s has run out, and there is no other default route: no router advertisement has renewed it", routeInTable(n.Route))
	case check.CodeGatewayOutside:
		return fmt.Sprintf("%s: the gateway %s is in no network of %s, no route leads to it, and it has never answered", routeInTable(n.Route), name(n.Have), name(n.Want))
	case check.CodeDarkFirst:
		return fmt.Sprintf("%s goes before %s, though %s has no carrier (%s = 0)", routeInTable(n.Route), routeLine(x.second()), name(n.Have),
			setting(family(n.Route), name(n.Have), "ignore_routes_with_linkdown"))
	}
	return ""
}

func (x checked) ruleText() string {
	n := x.n
	if n.Rule == nil {
		return x.tableText()
	}
	rule := fmt.Sprintf("rule %d (%s)", n.Rule.Priority, ruleName(n.Rule))
	have := name(n.Have)
	switch n.Code {
	case check.CodeRuleEmpty:
		rule = fmt.Sprintf("rule %d sends packets %s to %s, which is empty: they take the rules after it", n.Rule.Priority, n.Rule.Selector(), tableWords(n.Table))
	case check.CodeGotoNowhere:
		rule += fmt.Sprintf(" does nothing: no rule has priority %s", have)
	case check.CodeRuleNever:
		return x.neverText()
	case check.CodeRuleTwice:
		rule = fmt.Sprintf("rule %d repeats rule %s (%s)", n.Rule.Priority, have, ruleName(n.Rule))
		if x.Count > 1 {
			rule += fmt.Sprintf(", and so %s", agree(x.Count-1, "more does", "more do"))
		}
		return rule
	case check.CodeRuleDevice:
		rule += fmt.Sprintf(" matches no packet: there is no device %s", have)
	case check.CodeRulePort:
		rule += fmt.Sprintf(" matches no packet: %s is a port of %s, and packets come in by %s", have, name(n.Want), portOwner(name(n.Want)))
	case check.CodeLocalPassed:
		if x.Count < 2 {
			return fmt.Sprintf("packets to this host's own address %s leave by %s: %s comes before table local", have, routeInTable(n.Route), rule)
		}
		own := have + " and " + name(n.Want)
		if x.Count > 2 {
			own = fmt.Sprintf("%s, %s and %d more", have, name(n.Want), x.Count-2)
		}
		return fmt.Sprintf("packets to this host's own addresses %s leave, the first by %s: %s comes before table local", own, routeInTable(n.Route), rule)
	case check.CodeOwnRefused:
		what, to := "packet", "to other networks"
		if name(n.Want) != "" {
			to += " and to its neighbours"
		}
		if proto := string(n.Rule.IPProto); proto != "" {
			what = strings.ToUpper(iproute2.Safe(proto)) + " packet"
		}
		if u := n.Rule.UIDStart; u != nil && n.Rule.UIDEnd != nil {
			return fmt.Sprintf("%s refuses every %s that programs of the users %d to %d send %s", rule, what, *u, *n.Rule.UIDEnd, strings.Replace(to, "its", "this host's", 1))
		}
		if have == "" {
			return fmt.Sprintf("%s refuses every %s that this host sends %s", rule, what, to)
		}
		if strings.Contains(have, "/") {
			return fmt.Sprintf("%s refuses every %s that this host sends to its neighbours in %s", rule, what, have)
		}
		return fmt.Sprintf("%s refuses every %s from this host's own address %s", rule, what, have)
	case check.CodeUnboundRefused:
		return rule + " refuses what programs send to other networks: a program's first look-up has no source yet, and so the rule matches; only sockets that were bound to such a source before get out"
	case check.CodeMarkLate:
		return x.lateText(rule)
	case check.CodeMarkUnset:
		return x.unsetText(rule)
	case check.CodeMarkRefused:
		return fmt.Sprintf("%s packets with mark %#x are refused by %s: the tables that their rules lead to have no default route, which is %s", family(n.Route), n.Have.Number(), rule, routeInTable(n.Route))
	case check.CodeNeighboursLed:
		return fmt.Sprintf("packets from %s to its neighbours in %s take %s: %s leads there, and the table lacks the network", have, name(n.Want), routeInTable(n.Route), rule)
	case check.CodeMainSuppressed:
		text := fmt.Sprintf("%s is never used: %s passes over it, and no other rule leads to table main", routeLine(n.Route), rule)
		if len(x.Evidence.Rules) > 1 {
			text = fmt.Sprintf("%s is never used: all rules that lead to table main pass over it, %s first", routeLine(n.Route), rule)
		}
		if have != "" {
			text += "; packets to other networks find no route"
		}
		return text
	case check.CodeNeighboursTaken:
		return fmt.Sprintf("packets to neighbours in %s on %s take %s: %s leads there first", name(n.Want), have, routeInTable(n.Route), rule)
	case check.CodeGatewayLed:
		return x.gatewayLedText(rule)
	case check.CodeRuleForeign:
		rule += fmt.Sprintf(" is for a source that no device of this host has: %s", have)
	default:
		return ""
	}
	if x.Count > 0 {
		rule += fmt.Sprintf(" (and %s)", agree(x.Count, "more rule", "more rules"))
	}
	return rule
}

// unsetText says that nothing sets the mark that rules want.
func (x checked) unsetText(rule string) string {
	waits := " waits"
	if x.Count > 0 {
		waits = fmt.Sprintf(" and %s wait", agree(x.Count, "more rule", "more rules"))
	}
	return rule + waits + " for a mark, and nothing that can be seen sets it (eBPF, tc and closed sockets cannot be seen)"
}

// gatewayLedText says what a rule for a gateway does.
func (x checked) gatewayLedText(rule string) string {
	gateway, of := name(x.n.Have), x.second().Line()
	const passes = "what goes on through it still passes, but what is sent to the gateway itself "
	switch {
	case x.Table == "":
		return fmt.Sprintf("%s refuses packets to %s, which is the gateway of %s: %sdoes not", rule, gateway, of, passes)
	case x.n.Route.Type != typeUnicast:
		return fmt.Sprintf("%s leads packets to %s to %s, which refuses them; it is the gateway of %s: %sdoes not", rule, gateway, routeInTable(x.n.Route), of, passes)
	}
	return fmt.Sprintf("%s leads packets to %s to %s, though it is the gateway of %s: %sgoes another way", rule, gateway, routeInTable(x.n.Route), of, passes)
}

// lateText says that a mark is set too late.
func (x checked) lateText(rule string) string {
	var by []string
	for i := range x.MarkSetters[:min(len(x.MarkSetters), 3)] {
		s := &x.MarkSetters[i]
		text := chainWords(s)
		if s.Packets != nil {
			text += ", " + packetsCounted(*s.Packets) + " so far"
		}
		by = append(by, text)
	}
	what := "packets"
	if name(x.n.Want) == "sent" {
		what = "what this host sends"
	}
	return fmt.Sprintf("%s does not get %s: its mark %#x is set too late, after the route is chosen, by %s; for what this host sends, a chain of type route on hook output sets it in time",
		rule, what, x.n.Have.Number(), strings.Join(by, " and "))
}

// neverText says that rules are never reached. The rule that takes all packets is the last
// one in the evidence.
func (x checked) neverText() string {
	rules := x.Evidence.Rules
	taker, late := &rules[len(rules)-1], rules[:len(rules)-1]
	var names []string
	for i := range late[:min(len(late), 3)] {
		names = append(names, fmt.Sprintf("%d (%s)", late[i].Priority, ruleName(&late[i])))
	}
	text := "rule "
	if len(late) > 1 {
		text = "rules "
	}
	text += strings.Join(names, ", ")
	if more := max(x.Count, len(late)) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	why := "and its table has a default route"
	if x.Table == "" {
		why = "and refuses them"
	}
	return fmt.Sprintf("%s %s never reached: rule %d (%s) takes every packet first, %s", text, agreeWord(len(late), "is", "are"), taker.Priority, ruleName(taker), why)
}

func (x checked) tableText() string {
	n := x.n
	switch n.Code {
	case check.CodeTableUnreached:
		text := fmt.Sprintf("no rule leads to %s: %s never used", tableWords(n.Table), x.itsRoutes())
		if vrf := name(n.Want); vrf != "" {
			text += fmt.Sprintf("; its device belongs to the VRF %s, which has another table", vrf)
		}
		return text
	case check.CodeVRFUnled:
		fam := "-4"
		if !n.Route.Is4() {
			fam = "-6"
		}
		return fmt.Sprintf("no rule leads to %s, the table of the VRF %s: %s never used; the rule for VRFs is missing (`ip %s rule add l3mdev pref 1000`)",
			tableWords(n.Table), name(n.Want), x.itsRoutes(), fam)
	case check.CodeMainUnasked:
		return fmt.Sprintf("no rule leads to table main: %s never used", x.itsRoutes())
	case check.CodeLocalMissing:
		text := fmt.Sprintf("table local has no route to %s's address %s", name(n.Want), name(n.Have))
		if x.Count > 1 {
			text += fmt.Sprintf(" (and to %s)", agree(x.Count-1, "more address", "more addresses"))
		}
		if n.Route == nil {
			return text + ": packets to it do not come here, they find no route"
		}
		return text + ": packets to it do not come here, they take " + routeInTable(n.Route)
	case check.CodeLocalUnasked:
		return fmt.Sprintf("no rule leads to table local (%s): what is sent to this host's own addresses does not come here", name(n.Have))
	}
	return ""
}

// itsRoutes are the routes of a table; only the first of them is shown.
func (x checked) itsRoutes() string {
	if more := int(x.n.Have.Number()) - 1; more > 0 {
		return fmt.Sprintf("%s and %s are", routeLine(x.n.Route), agree(more, "more route", "more routes"))
	}
	return routeLine(x.n.Route) + " is"
}

func (x checked) routeText() string {
	n := x.n
	have, want := name(n.Have), name(n.Want)
	switch n.Code {
	case check.CodeNeighboursBelow:
		text := fmt.Sprintf("packets to neighbours in %s on %s take %s, whose metric is lower than that of the network's own route", want, have, routeInTable(n.Route))
		if own := x.Evidence.Routes; len(own) > 1 && own[1].Metric != nil {
			text += fmt.Sprintf(" (%d)", *own[1].Metric)
		}
		return text
	case check.CodeTwinNetwork:
		return fmt.Sprintf("%s is the network of %s and of %s, with the same metric: all that is sent there leaves by %[2]s, also the answers to what comes in by %[3]s",
			n.Route.Dst, have, want)
	case check.CodeTwinBehind:
		return fmt.Sprintf("%s is the network of %s and of %s, and packets to %s go by %[2]s, where it does not answer, though it is on %[3]s: the metric of %[2]s's route is lower",
			n.Route.Dst, iproute2.Safe(n.Route.Dev), have, want)
	case check.CodeCoversUplink:
		return fmt.Sprintf("%s covers %s's network %s with its router: what that router has in %s is looked for on %s's own link",
			routeInTable(n.Route), want, have, n.Route.Dst, iproute2.Safe(n.Route.Dev))
	case check.CodeNetworkInside:
		return fmt.Sprintf("%s hides addresses of %s's network %s, among them %s", routeInTable(n.Route), iproute2.Safe(x.second().Dev), x.second().Dst, want)
	case check.CodeResolverHidden:
		return fmt.Sprintf("%s hides the name server %s (/etc/resolv.conf): it is looked for on the bridge %s, where it was not seen", routeInTable(n.Route), want, have)
	case check.CodeBridgeFirst:
		return fmt.Sprintf("%s goes before %s: what is behind %s is looked for on the bridge %s", routeInTable(n.Route), routeLine(x.second()), want, have)
	case check.CodeSourceElsewhere:
		return fmt.Sprintf("%s has no src: its neighbours get packets from %s, though this host has %s in that network", routeInTable(n.Route), have, want)
	case check.CodeZeroHost:
		text := fmt.Sprintf("%s carries no packet: it is a host route for the zero address, and probably %s was meant", routeInTable(n.Route), family(n.Route).Default())
		if have != "" {
			text += "; there is no default route beside it"
		}
		return text
	case check.CodeLengthMissing:
		return fmt.Sprintf("%s is for one address alone (%s/32), which looks like a network: probably %s or so was meant", routeInTable(n.Route),
			strings.TrimSuffix(n.Route.Dst, "/32"), want)
	case check.CodeEqualUnused:
		if r := x.second(); r.Type != typeUnicast {
			return fmt.Sprintf("%s is never used: %s comes first, with the same metric, and refuses the packets", routeInTable(n.Route), routeLine(r))
		}
		text := fmt.Sprintf("%s is never used: %s is the same for the kernel and comes first", routeInTable(n.Route), routeLine(x.second()))
		if have != "" {
			text += ", though nothing gets out by it now"
		}
		return text
	case check.CodeNetworkRefused:
		if p, err := netip.ParsePrefix(have); err == nil && prefixOf(n.Route).Bits() <= p.Bits() {
			return fmt.Sprintf("%s in %s refuses packets to all neighbours in %s's network %s", n.Route.Destination(), tableWords(n.Table), want, have)
		}
		return fmt.Sprintf("%s in %s refuses packets to a part of %s's network %s", n.Route.Destination(), tableWords(n.Table), want, have)
	case check.CodeGatewayRefused:
		return fmt.Sprintf("%s in %s refuses packets to %s, which is the gateway of %s: what goes on through it still passes, but what is sent to the gateway itself does not",
			n.Route.Destination(), tableWords(n.Table), have, routeLine(x.second()))
	case check.CodeForeignCard:
		return fmt.Sprintf("%s prescribes the source %s, which is an address of %s: answers come back by that device, or the next router drops the packets", routeInTable(n.Route), have, want)
	case check.CodeGroupGateway:
		return fmt.Sprintf("%s has a gateway: frames to these groups go to that router alone, and no other member sees them", routeInTable(n.Route))
	case check.CodeSourceForeign:
		text := fmt.Sprintf("%s%s prescribes the source %s, which no device of this host has", routeInTable(n.Route), x.more(), have)
		if n.Route.Is4() {
			text += ": connections that get it are refused"
		}
		return text
	}
	return ""
}

func (x checked) replyText() string {
	n := x.n
	have, want := name(n.Have), name(n.Want)
	switch n.Code {
	case check.CodeMarkStrict:
		return fmt.Sprintf("answers to packets with the mark of rule %d are dropped: they come in by %s, whose reverse-path filter is strict (rp_filter = 1) and looks up without the mark (src_valid_mark = 0), and finds %s",
			n.Rule.Priority, have, want)
	case check.CodeOtherWay:
		return fmt.Sprintf("packets from %s leave by %s, though %s is there: what comes in for that address is answered by another device", have, want, routeInTable(n.Route))
	case check.CodeOtherWayDrops:
		return fmt.Sprintf("packets from %s leave by %s, though %s is there: what comes in there for that address from other networks is dropped, because the reverse-path filter is strict (rp_filter = 1)", have, want, routeInTable(n.Route))
	case check.CodeStrictReplies:
		return fmt.Sprintf("what comes in by %s from other networks for its own address %s is dropped: the reverse-path filter is strict (rp_filter = 1), and answers would leave by another device",
			have, want)
	case check.CodeVRFLeft:
		return fmt.Sprintf("packets of the VRF %s leave it by %s: its table %s has no default route; `%s` closes it", have, routeInTable(n.Route), iproute2.Safe(n.Table), unreachableDefault(n))
	case check.CodeDeviceNotForwarding:
		lost := "what containers send to other networks is dropped"
		if n.Route != nil {
			lost = "answers to containers on " + want + " are dropped"
		}
		return fmt.Sprintf("this host does not forward what comes in by %s (net.ipv4.conf.%[1]s.forwarding = 0): %s", have, lost)
	case check.CodePodsCut:
		fam := "net.ipv4.ip_forward"
		if n.Route != nil && !n.Route.Is4() {
			fam = "net.ipv6.conf.all.forwarding"
		}
		what := "containers are on " + have
		if more := n.Want.Number() - 1; more > 0 {
			what += " and " + agree(int(more), "more device", "more devices")
		}
		return fmt.Sprintf("%s, and this host does not forward (%s = 0): what they send to other networks is dropped", what, fam)
	case check.CodeNotForwarding:
		return fmt.Sprintf("%s is for packets that come in by %s, and this host does not forward them (forwarding = 0)", routeInTable(n.Route), have)
	}
	return ""
}

// moreDevices says how many other devices there are besides the named one.
func (x checked) moreDevices() string {
	if x.Count > 1 {
		return fmt.Sprintf(" (and %s)", agree(x.Count-1, "more device", "more devices"))
	}
	return ""
}

func (x checked) deviceText() string {
	n := x.n
	have, want := name(n.Have), name(n.Want)
	switch n.Code {
	case check.CodeLoopbackOpen:
		return fmt.Sprintf("route_localnet is on for %s%s: neighbours may reach what listens on 127.0.0.1", have, x.moreDevices())
	case check.CodeBroadcasts:
		return fmt.Sprintf("bc_forwarding is on for all devices and for %s%s: broadcasts from there to the networks of other devices are forwarded", have, x.moreDevices())
	case check.CodeRedirectedTo:
		text := fmt.Sprintf("packets to %s go to the gateway %s by %s: an ICMP redirect told so", want, have, iproute2.Safe(x.Evidence.Devices[0]))
		if n.Route != nil {
			text += ", not " + routeInTable(n.Route)
		}
		if x.Count > 0 {
			text += fmt.Sprintf(" (and %s)", agree(x.Count, "more destination", "more destinations"))
		}
		return text
	case check.CodeParentBarred:
		return fmt.Sprintf("packets of %s's VRF to %s do not arrive: that is an address of %s, the device below it, which does not take in what %[1]s sends", have, want, iproute2.Safe(x.Evidence.Devices[1]))
	case check.CodeRouteNoPeer:
		return fmt.Sprintf("%s: no peer of %s takes what goes there, %s for one (wg show %s allowed-ips): TCP gets EHOSTUNREACH, UDP ENOKEY", routeInTable(n.Route), have, want, ShellWords([]string{have}))
	case check.CodeLoopbackDown:
		return "lo is down: what this host sends to its own addresses, also 127.0.0.1, is lost"
	case check.CodePortAddress:
		return fmt.Sprintf("%s has an address and is a port of %s, which takes all that comes in there: no answer gets to that address; it belongs on %s", have, want, portOwner(want))
	case check.CodeAddrNoRoute:
		return fmt.Sprintf("%s has %s, and no table has a route to that network by %[1]s: it was deleted", have, want)
	case check.CodeTunnelLoop:
		return fmt.Sprintf("%s leads the packets of the tunnel %s to its other end %s into the tunnel itself: nothing gets out", routeInTable(n.Route), have, want)
	case check.CodeTunnelMTU:
		return fmt.Sprintf("the MTU of %s, %d, and the %d bytes that it puts before each packet are more than the MTU of %s, %d: at most %d fits",
			have, x.MTU.Tunnel, x.MTU.Overhead, want, x.MTU.Below, x.MTU.Below-min(x.MTU.Below, x.MTU.Overhead))
	case check.CodeOldSource:
		return fmt.Sprintf("new connections get the source %s, which is deprecated (its preferred lifetime is over), and no other address fits", have)
	case check.CodeDownAddress:
		return fmt.Sprintf("%s has %s and is down: `ip link set %s up` brings its network back, not its static routes", have, want, ShellWords([]string{have}))
	case check.CodeSmallMTU:
		return fmt.Sprintf("%s has no IPv6: its MTU is %s, and IPv6 needs 1280; a larger MTU does not bring back the addresses and routes that it had", have, want)
	case check.CodeAddrAlone:
		return fmt.Sprintf("%s has the single address %s and no route: nothing is reached by it; its network's length is missing", have, want)
	case check.CodeDuplicate:
		return fmt.Sprintf("another host has %s, an address of %s (duplicate address detection): it is not used here", have, want)
	}
	return ""
}
