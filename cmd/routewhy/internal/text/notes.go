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

// finding puts a finding into words; empty: the first line already says it.
func (e told) finding(n *report.Finding) string {
	have := name(n.Have)
	switch n.Code {
	case lookup.NoteLinkdownUsed:
		return linkdownWords(e.Query.Family(), have)
	case lookup.NoteDefaultShadowed:
		return fmt.Sprintf("the default route (%s) is never used: %s and %s cover every address",
			routeLine(n.Route), lookup.SlashOnePair(family(n.Route))[0], lookup.SlashOnePair(family(n.Route))[1])
	case lookup.NoteTableSkipped:
		return e.skipped(n)
	case lookup.NoteHashFields:
		return hashWords(n)
	case lookup.NoteTied:
		return tiedWords(n)
	case lookup.NotePrefsrcForeign:
		return fmt.Sprintf("the route prescribes the source %s, which no device of this host has: replies will not come back here", have)
	case lookup.NoteMergedTables:
		return fmt.Sprintf("%s in main beats table local here: until a policy rule is added or deleted for the first time, the kernel searches the two as one table", n.Route.Dst)
	case lookup.NoteNeighbourShorter:
		return fmt.Sprintf("the longer prefix %s is passed over because its gateway does not answer; a host that does not forward IPv6 (conf.all.forwarding = 0) does that", n.Route.Dst)
	case lookup.NoteStaleLeg:
		return staleWords(have)
	case lookup.NoteBroadcastKept:
		return keptWords(n.Settings, have)
	case lookup.NoteBroadcastSentOn:
		return fmt.Sprintf("that holds for a frame to %s's own MAC address; one that comes in a broadcast frame is dropped while bc_forwarding is on (net.ipv4.conf.{all,%[1]s}.bc_forwarding = 1)", have)
	case lookup.NoteRedirected:
		return e.redirectWords(n)
	}
	return e.rare(n, have)
}

// redirectWords says that a router redirected this host to another router, and how to
// undo that.
func (e told) redirectWords(n *report.Finding) string {
	fam, dst := e.Query.Family(), e.Looked().Addr().String()
	to := fmt.Sprintf("use %s for %s", n.Have, dst)
	if n.Have.IsZero() || n.Have.String() == dst {
		to = fmt.Sprintf("send to %s directly", dst)
	}
	flush := "ip route flush cache"
	if fam == route.IPv6 {
		flush = "ip -6 route flush cache"
	}
	return fmt.Sprintf("the gateway %s told this host to %s (ICMP redirect, taken because accept_redirects was on); the kernel obeys until it forgets, or until `%s`", n.Want, to, flush)
}

// keptWords say which settings would let a broadcast be sent on to the device of its
// network.
func keptWords(set []report.Setting, to string) string {
	if len(set) != 2 {
		return ""
	}
	return fmt.Sprintf("the broadcast would go on to %s with %s = 1 and %s = 1 (they are %d and %d); ip_forward does not count",
		to, iproute2.Safe(set[0].Name), iproute2.Safe(set[1].Name), set[0].Value, set[1].Value)
}

// tiedWords says how equal default routes are used.
func tiedWords(n *report.Finding) string {
	return fmt.Sprintf("%s default routes have the same metric: the kernel prefers a gateway that answers, and may choose another one for each look-up; give them different metrics", n.Have)
}

// remark puts a finding about the question itself into words.
func (e told) remark(n *report.Finding) string {
	switch n.Code {
	case report.RemarkMapped:
		return fmt.Sprintf("::ffff:%s is IPv4 written as IPv6: a socket sends IPv4 to %[1]s", n.Have)
	case report.RemarkPortlike:
		return fmt.Sprintf("all of %s is an address; port %s of %s is [%[3]s]:%[2]s", e.label(), n.Want, n.Have)
	case report.RemarkConnect:
		return fmt.Sprintf("the kernel connects to %s where a program says %s (connect(2), sendto(2))", n.Have, n.Want)
	case report.RemarkSource:
		return e.answerSource(n)
	case report.RemarkProcesses:
		return "process names are missing: " + name(n.Have)
	}
	return ""
}

// family is the family of a route.
func family(r *iproute2.Route) route.Family {
	if r.Is4() {
		return route.IPv4
	}
	return route.IPv6
}

// entryFinding puts a finding about a route entry into words.
func entryFinding(n *report.Finding) string {
	switch n.Code {
	case lookup.NoteTied:
		return tiedWords(n)
	case lookup.NoteLinkdownUsed:
		return linkdownWords(family(n.Route), name(n.Have))
	case lookup.NoteStaleLeg:
		return staleWords(name(n.Have))
	case lookup.NoteDeviceDown:
		return name(n.Have) + " is down: nothing goes out of it"
	case lookup.NoteGatewayFailed:
		return fmt.Sprintf("the gateway %s is %s, %s", n.Gateway.Address, reachWords(n.Gateway, n.Gateway.Dev), failedWords)
	}
	return setupFinding(n)
}

// staleWords says that a next hop may still be used although it should not be.
func staleWords(dev string) string {
	return fmt.Sprintf("the next hop on %s has no carrier and should not be used, but the kernel may still do so until the next link event", dev)
}

// linkdownWords says that a device without carrier is still used.
func linkdownWords(f route.Family, dev string) string {
	return fmt.Sprintf("%s has no carrier, and the kernel uses its routes all the same (%s = 0)",
		dev, setting(f, dev, "ignore_routes_with_linkdown"))
}

// rare puts into words what only few hosts have.
func (e told) rare(n *report.Finding, have string) string {
	switch n.Code {
	case lookup.NoteUnknownAttr:
		return fmt.Sprintf("the route has attribute %s, which this routewhy does not know; it may change what happens", have)
	case lookup.NoteEncap:
		return fmt.Sprintf("the packet is wrapped (encap %s), and what comes out may be routed again", have)
	case lookup.NoteSocketElsewhere:
		return e.socketElsewhere()
	case lookup.NoteLookedUpTwice:
		return e.socketTwice()
	case lookup.NoteStaysOnLink:
		if e.Looked().From.IsUnspecified() {
			return "the packet is dropped all the same: nothing without a source is forwarded, which the look-up does not check"
		}
		return fmt.Sprintf("the packet is dropped all the same, and its sender gets ICMPv6 \"beyond scope of source address\": the link-local source %s has a meaning on %s alone, which the look-up does not check", n.Want, have)
	case lookup.NoteNotForwarded:
		return "the packet is dropped all the same: IPv6 forwarding is off (net.ipv6.conf.all.forwarding = 0), which the look-up does not check"
	case lookup.NoteMayRefuse:
		return fmt.Sprintf("it may be refused (%s): the kernel lets the source %s in only where no route of type local was ever added, "+
			"and one that was deleted does not show", n.Want, n.Have)
	case lookup.NoteLoDown:
		return "lo is down: nothing that is sent to this host's own addresses arrives; `ip link set lo up`"
	case lookup.NoteLoNoIPv6:
		return fmt.Sprintf("IPv6 is switched off on %s (net.ipv6.conf.%s.disable_ipv6 = 1): nothing that is sent to this host's own IPv6 addresses arrives", have, have)
	case lookup.NoteAnycastTCP:
		return "TCP takes nothing at an anycast address: the connection gets no answer, and no reset"
	case lookup.NoteUnheard:
		if n.Want.String() == "no-link-local" {
			return fmt.Sprintf("neighbours on %s cannot be asked for their link-layer addresses: %[1]s has no link-local address, and the packet's source is not on it", have)
		}
		return fmt.Sprintf("neighbours on %s cannot be asked for their link-layer addresses: a rule or a route keeps their answers (ICMPv6) from this host", have)
	case lookup.NoteNoARP:
		return fmt.Sprintf("ARP is off on %s: a neighbour there without a permanent entry (ip neigh) gets nothing, unless a BPF program hands the packets over", have)
	case lookup.NoteSeenOnMaster:
		return e.seenOnMaster(n)
	case lookup.NoteReceivesNothing:
		if n.Want.String() == "down" {
			return fmt.Sprintf("nothing comes in by %s now: it is down", have)
		}
		return fmt.Sprintf("nothing comes in by %s now: it has no carrier", have)
	case lookup.NoteNoZone:
		kind := "address"
		if e.Looked().Addr().IsMulticast() {
			kind = "group"
		}
		return fmt.Sprintf("a link-local %s needs its device, connect() fails without (EINVAL): routewhy %s%%DEV", kind, have)
	case lookup.NoteOnLinkAssumed:
		return fmt.Sprintf("the look-up found no way out of %s; for a socket bound to a device the kernel then assumes that the destination is on its link", have)
	case lookup.NotePairOfHosts:
		return fmt.Sprintf("%s is a pair of hosts: a /31 has neither a network nor a broadcast address (RFC 3021)", n.Route.Dst)
	case lookup.NoteNoRuleLeads:
		return fmt.Sprintf("%s has %s, but no rule leads there", tableWords(n.Table), routeLine(n.Route))
	case lookup.NoteSysctlUnread:
		if n.Want.Number() == 1 {
			return fmt.Sprintf("the setting %s matters here and could not be read: this takes its default", have)
		}
		return fmt.Sprintf("%s settings that matter here could not be read (%s ...): this takes their defaults", n.Want, have)
	case lookup.NotePolicy:
		return policyWords(n.Policy)
	case lookup.NoteVRFLeft:
		return fmt.Sprintf("the packet leaves the VRF %s: its table %s has no route that carries or refuses it, so the rules after it were asked; with `%s` nothing falls through",
			have, iproute2.Safe(n.Table), unreachableDefault(n))
	case lookup.NoteChanging:
		return changingWords
	case lookup.NoteNetworkDown:
		return fmt.Sprintf("%s has %s, and %s is in that network, but the device is down: `ip link set %s up` brings the network's route back",
			have, n.Want, e.Looked().Addr(), ShellWords([]string{have}))
	case lookup.NoteNetworkGone:
		return e.networkGone(n, have)
	case lookup.NoteRuleImplied:
		return fmt.Sprintf("rule %d (%s) was deleted, and the kernel goes by it all the same: until an IPv6 rule is added for the first time, it looks in local and main and asks no rule",
			n.Rule.Priority, ruleTarget(n.Rule))
	case lookup.NoteToolVRF:
		return fmt.Sprintf("%s belongs to the VRF %s, and ip -6 route get asks as if it did not: it answers otherwise", n.Want, have)
	case lookup.NoteToolUser:
		return fmt.Sprintf("a received packet counts as root's, and ip -6 route get asks about it without a user: because of rule %s it answers otherwise", n.Have)
	}
	if text := noDefaultWords(n); text != "" {
		return text
	}
	if text := e.hint(n, have); text != "" {
		return text
	}
	if text := setupFinding(n); text != "" {
		return text
	}
	return cmp.Or(e.first(n.Code), specialFinding(n), e.remark(n))
}

// noDefaultWords says why there may be no default route; empty: the finding is about
// something else.
func noDefaultWords(n *report.Finding) string {
	if n.Code == lookup.NoteZeroHostRoute {
		return fmt.Sprintf("%s is a host route for the zero address, not a default route, and never carries a packet; probably %s was meant",
			routeLine(n.Route), family(n.Route).Default())
	}
	if n.Code == lookup.NoteClassless {
		return fmt.Sprintf("DHCP gave %s but no default route: where the server sends routes (option 121), the Router option is ignored, and the default must be among them (RFC 3442)",
			routeLine(n.Route))
	}
	dev := name(n.Have)
	switch n.Code {
	case lookup.NoteWentDown:
		return fmt.Sprintf("%s, which has %s, is down: a device that goes down loses its routes, and a static route does not come back by itself when it is up again", dev, n.Want)
	case lookup.NoteZeroconf:
		return fmt.Sprintf("%s has no address but %s, which it gave itself: a host does that where no DHCP server answers (RFC 3927), and no router forwards it", dev, n.Want)
	case lookup.NoteNoRouter:
		return fmt.Sprintf("%s has %s for a time only, as DHCP gives addresses, and no default route came with it: the server names no router (option 3), or a network manager was told to take none", dev, n.Want)
	case lookup.NoteNoAddress:
		return "no device has an IPv4 address: no DHCP server gave one, or nobody configured one"
	case lookup.NoteLinkLocalOnly:
		return "no device has an IPv6 address except link-local ones, and these reach neighbours alone"
	case lookup.NoteNoneMade:
		return "main has only the networks of its devices' addresses: no default route was added, or somebody deleted it, or it was lost when its device went down (a static route does not come back by itself)"
	}
	if n.Code == lookup.NoteDisabled {
		return switchedOff(n, dev)
	}
	return routerWords(n)
}

// switchedOff says on which devices there is no IPv6.
func switchedOff(n *report.Finding, first string) string {
	if first == "all" {
		return "IPv6 is switched off on every device (disable_ipv6 = 1)"
	}
	where := first
	if more := n.Want.Number() - 1; more > 0 {
		where += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("IPv6 is switched off on %s (%s = 1)", where, setting(route.IPv6, first, "disable_ipv6"))
}

// unreachableDefault is the command that closes a VRF's table, with the metric
// that the kernel's documentation uses.
func unreachableDefault(n *report.Finding) string {
	ip := "ip"
	if !n.Route.Is4() {
		ip = "ip -6"
	}
	return fmt.Sprintf("%s route add unreachable default metric 4278198272 table %s", ip, iproute2.Safe(n.Table))
}

// socketElsewhere says where a connected socket goes, because it looks up again with
// the source that it got.
func (e told) socketElsewhere() string {
	t := e.Socket
	d := &t.Decision
	if e.OnlyConnected() { // the first line already says it
		return fmt.Sprintf("`ip route get %s` makes the look-up without a source; routewhy %[1]s --from %s explains the socket's", e.Looked().Addr(), t.From)
	}
	way := "is refused: " + d.Errno.String()
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		way = "cannot be decided: " + uncertainWords(d.Ambiguous)
	case d.Errno != 0:
	case d.Route != nil:
		way = "takes " + routeLine(d.Route) + " in " + tableWords(d.Route.Table)
	case len(d.NextHops) > 0:
		way = "goes out of " + iproute2.Safe(d.NextHops[0].Dev)
	}
	return fmt.Sprintf("a connected socket gets the source %s, looks up again with it, and then %s: routewhy %s --from %s",
		t.From, way, e.label(), t.From)
}

// setting is a setting of a device in the form that sysctl(8) takes.
func setting(f route.Family, dev, key string) string { return route.SettingName(f, dev, key) }

// asking are flags. Together with the destination that was asked about, they ask
// about another packet.
func asking(q *report.Query) string {
	text := ""
	if q.From.IsValid() {
		text += fmt.Sprintf(" --from %s", q.From)
	}
	if q.Iif != "" {
		text += " --iif " + iproute2.Safe(q.Iif)
	}
	if q.Oif != "" {
		text += " --oif " + iproute2.Safe(q.Oif)
	}
	if q.VRF != "" {
		text += " --vrf " + iproute2.Safe(q.VRF)
	}
	if q.Mark != nil {
		text += fmt.Sprintf(" --mark %#x", *q.Mark)
	}
	if q.TOS != nil {
		text += fmt.Sprintf(" --tos %#x", *q.TOS)
	}
	if q.UID != nil {
		text += fmt.Sprintf(" --uid %d", *q.UID)
	}
	if q.IPProto != "" {
		text += " --ipproto " + q.IPProto
	}
	if q.Sport != 0 {
		text += fmt.Sprintf(" --sport %d", q.Sport)
	}
	if q.Dport != 0 {
		text += fmt.Sprintf(" --dport %d", q.Dport)
	}
	if q.FlowLabel != 0 {
		text += fmt.Sprintf(" --flowlabel %#x", q.FlowLabel)
	}
	return text
}

// skipped names a table that has a route but was not used, and says how to ask for
// it.
func (e told) skipped(n *report.Finding) string {
	what := routeLine(n.Route)
	if n.Route.IsDefault() {
		what = "a default route (" + n.Route.Way() + ")"
	}
	text := fmt.Sprintf("%s has %s, but rule %d sends there only %s", tableWords(n.Table), what, n.Rule.Priority, onlyPackets(n.Rule))
	if n.More > 0 {
		text += fmt.Sprintf("; %s there for other packets", agree(n.More, "more rule leads", "more rules lead"))
	}
	if n.Ask != nil {
		text += ": routewhy " + e.label() + asking(n.Ask)
	}
	return text
}

// onlyPackets names the packets that the selector of a rule selects.
func onlyPackets(r *iproute2.Rule) string {
	text := packets(r)
	switch {
	case strings.HasPrefix(text, "packets "):
		return text
	case strings.HasPrefix(text, "sockets "):
		return "packets of " + text
	case strings.HasPrefix(text, "from "), strings.HasPrefix(text, "to "):
		return "packets " + text
	}
	return "packets that are " + text
}

// reverse writes the check of a received packet's source.
func (p *page) reverse(e told) {
	rp, comesBack := e.Reverse, e.Query.Part == report.PartReturn
	if rp == nil {
		return
	}
	p.blank()
	if rp.Lookup != nil {
		p.nested(told{rp.Lookup}, comesBack)
	}
	tint := plain
	if !rp.Passed {
		tint = red
	}
	if rp.Filter == 0 && !rp.Passed { // refused with any filter
		p.detail("sender", reverseWords(rp, comesBack), tint)
		return
	}
	mode := [...]string{"off", "strict", "loose"}[min(max(rp.Filter, 0), 2)]
	value := fmt.Sprintf("rp_filter = %d, from conf.%s", rp.Filter, iproute2.Safe(rp.FilterFrom))
	if rp.FilterUnread {
		mode, value = "taken as off", "rp_filter is not known"
	}
	p.detail("filter", fmt.Sprintf("%s on %s (%s): %s", mode, iproute2.Safe(e.Looked().Iif), value, reverseWords(rp, comesBack)), tint)
	if x := e.ReverseElse; x != nil {
		p.detail("", "on its way out by another next hop: "+reverseWords(x, comesBack), plain)
	}
}

// nested writes the look-up of the way back to a packet's source. That look-up is a
// separate decision. If comesBack is set, the packet itself is an answer.
func (p *page) nested(e told, comesBack bool) {
	label, way, by := "answer", "has no route", "would go by "
	if comesBack {
		label, by = "sender", "is reached by "
	}
	if r := e.Route; r != nil {
		way = by + routeLine(r)
		if r.Table != tableMain && r.Table != tableLocal {
			way += fmt.Sprintf(" in %s, rule %d", tableWords(r.Table), e.Rule.Priority)
		}
	}
	p.detail(label, fmt.Sprintf("%s %s", e.Looked().Addr(), way), plain)
	if p.st.Verbose && len(e.Trace) > 0 {
		p.rules(e)
	}
}

// reverseWords says how the reverse-path filter judges a packet's source. If back is
// set, the packet itself is an answer.
func reverseWords(rp *report.ReversePath, back bool) string {
	r := rp.Reason
	if rp.Filter == 0 && r.Code == lookup.CodeRPSame {
		return "sources are not checked"
	}
	leaves := "the answer leaves"
	if back {
		leaves = "it is reached"
	}
	switch r.Code {
	case lookup.CodeRPOff:
		return "sources are not checked"
	case lookup.CodeRPSame:
		return "passed, " + leaves + " by the same device"
	case lookup.CodeRPOther:
		if rp.Passed {
			return fmt.Sprintf("passed, although %s by %s", leaves, name(r.Have))
		}
		return fmt.Sprintf("dropped: %s by %s, and the two must be the same device", leaves, name(r.Have))
	case lookup.CodeRPNoRoute:
		if rp.Passed {
			return "passed, although there is no way back"
		}
		return "dropped: there is no way back"
	case lookup.CodeRPOwnSource:
		return fmt.Sprintf("dropped: the source %s is this host's own address (accept_local is off)", r.Have)
	case lookup.CodeRPNotUnicast:
		return fmt.Sprintf("dropped: the way back is of type %s", r.Have)
	case lookup.CodeRPNoAddress:
		if rp.Passed {
			return "passed: the device has no IPv4 address"
		}
		return "dropped: the device has no IPv4 address"
	}
	return string(r.Code)
}

// policyWords says what an IPsec policy does with a packet.
func policyWords(p *report.Policy) string {
	which := fmt.Sprintf("(ip xfrm policy: src %s dst %s dir %s)", p.Src, p.Dst, p.Dir)
	switch {
	case p.Block && p.Dir == "out":
		return "an IPsec policy blocks this packet " + which + `: programs get EPERM, "Operation not permitted", whatever the route`
	case p.Block:
		return "an IPsec policy drops this packet " + which
	case p.Dir != "out":
		return "an IPsec policy lets this packet in only through IPsec " + which
	case p.Tunnel.IsValid():
		return fmt.Sprintf("an IPsec policy takes this packet after this decision %s: it goes through the tunnel to %s, which is routed anew: routewhy %[2]s", which, p.Tunnel)
	}
	return "an IPsec policy encrypts this packet after this decision " + which
}
