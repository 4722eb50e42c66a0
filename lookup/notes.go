package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Note is something about a decision that would surprise its reader.
type Note struct {
	Reason
	// Route and Rule are what the note is about, where it is about one.
	Route *route.Route
	Rule  *route.Rule
	// Table is what the note is about, where it is about one.
	Table route.Table
	// More is how many further rules the same is true of.
	More int
	// Ask is a packet that would find the route; nil: none is known.
	Ask *route.Flow
}

// What notes are about.
const (
	NoteLinkdownUsed     Code = "linkdown-used"      // a device without carrier is used all the same; Have: its name
	NoteDefaultShadowed  Code = "default-shadowed"   // longer prefixes leave the default route nothing
	NoteTableSkipped     Code = "table-skipped"      // a table that was not asked has a route; Rule, Route
	NoteHashFields       Code = "hash-fields"        // which packet fields choose among the legs; Have: fib_multipath_hash_policy
	NoteTied             Code = "defaults-tied"      // equal default routes, chosen by neighbour state; Have: how many
	NotePrefsrcForeign   Code = "prefsrc-foreign"    // the source that the route prescribes is not this host's; Have: it
	NoteMergedTables     Code = "merged-tables"      // main beat local, because no rule was ever changed
	NoteNeighbourShorter Code = "neighbour-shorter"  // a failed neighbour made the kernel take a shorter prefix
	NoteRedirected       Code = CodeRedirected       // a router redirected the packet to another; Have: that one, Want: the route's own
	NoteStaleLeg         Code = "stale-leg"          // a leg that should not be used may be; Have: its device
	NoteUnknownAttr      Code = "unknown-attributes" // a route has attributes that routewhy does not know; Have: the first's number
	NoteEncap            Code = "encap"              // a light-weight tunnel wraps the packet; Have: its kind
	NoteSocketElsewhere  Code = "socket-elsewhere"   // a connected socket ends elsewhere; Have: the source it gets
	NoteBoundElse        Code = "bound-elsewhere"    // IPv6: a socket that is bound to the device uses routes by it alone; Have: the device, Route or Rule: what decides then, Want: the error that it gets
	NoteMarkedElse       Code = "marked-elsewhere"   // a chain may give the packet a mark with which the answer is another; Have: the mark, Route or Rule: what then decides, Want: the error that it then gets
	NoteLookedUpTwice    Code = "looked-up-twice"    // a connection ends elsewhere than the look-up that chose its source
	NoteStaysOnLink      Code = "source-stays"       // IPv6 drops what is to be forwarded, after the look-up, because of its source; Have: the device, Want: the source
	NoteNotForwarded     Code = "not-forwarded6"     // IPv6 drops what is to be forwarded, after the look-up; Have: the device
	NoteMayRefuse        Code = "may-be-refused"     // a source that is refused if there ever was a route of type local; Have: it, Want: the error
	NoteLoDown           Code = "lo-down"            // what ends at this host goes through lo, which is down
	NoteLoNoIPv6         Code = "lo-without-ipv6"    // what this host sends to its own IPv6 addresses is dropped on lo; Have: its name
	NoteNoZone           Code = "zone-missing"       // a link-local destination without a device
	NoteOnLinkAssumed    Code = "on-link-assumed"    // no route leaves by the device asked for; Have: it
	NotePairOfHosts      Code = "no-broadcast"       // the destination's network is a /31, which has no broadcast address
	NoteNoRuleLeads      Code = "table-unreached"    // a table that no rule leads to has a route; Route
	NoteToolUser         Code = "tool-without-user"  // ip -6 route get asks about a received packet without a user, and a rule asks about that; Have: the rule's priority
	NoteToolVRF          Code = "tool-outside-vrf"   // ip -6 route get does not take a received packet into the VRF of its device, and answers otherwise; Want: the device, Have: the VRF
	NoteDisabled         Code = "ipv6-disabled"      // IPv6 is switched off on devices; Have: the first, or all, Want: on how many
	NoteSysctlUnread     Code = "sysctl-unread"      // settings that matter could not be read; Have: the first's path, Want: how many
	NoteVRFLeft          Code = "vrf-left"           // a packet of a VRF fell through its table to another; Have: the VRF, Table: its table
	NoteChanging         Code = "tables-changing"    // the tables changed while they were read
	NoteBroadcastKept    Code = "broadcast-kept"     // a received broadcast is not sent on to its network; Have: the network's device, Want: a BroadcastForwarding
	NoteBroadcastSentOn  Code = "broadcast-sent-on"  // a received broadcast is sent on, but not where it came in a broadcast frame; Have: the device that received it
	NotePolicy           Code = "ipsec-policy"       // an IPsec policy takes the packet after the decision; Have: it
	NoteNetworkDown      Code = "network-down"       // a device that is down has an address in the destination's network; Have: the device, Want: the address
	NoteClassless        Code = "dhcp-routes"        // DHCP gave a route, and no default; Route
	NoteRuleImplied      Code = "rule-implied"       // a deleted IPv6 rule that the kernel goes by; Rule
	NoteRouterIgnored    Code = "router-ignored"     // a device takes no default route from a router; Have: its name, Want: on how many devices

	// Why a device has no default route from a router; Have: its name, Want: of how many.
	NoteRouterOff              Code = "router-off"                // accept_ra is 0
	NoteRouterOffUnheard       Code = "router-off-unheard"        // accept_ra is 0, and nothing shows that there is a router
	NoteRouterNoDefault        Code = "router-no-default"         // accept_ra_defrtr is 0
	NoteRouterIgnoredUnheard   Code = "router-ignored-unheard"    // it would ignore a router, because the host forwards, and nothing shows that there is one
	NoteRouterNoDefaultUnheard Code = "router-no-default-unheard" // accept_ra_defrtr is 0, and nothing shows that there is a router
	NoteRouterShort            Code = "router-short"              // accept_ra_min_lft leaves out routers with a short lifetime
	NoteRouterGone             Code = "router-gone"               // a router was heard, and gives none now
	NoteRouterSilent           Code = "router-silent"             // it would take one, and nothing shows that a router was heard
	NoteSmallMTU               Code = "mtu-below-ipv6"            // it has no IPv6, because its MTU is below 1280
	NoteNoLinkLocal            Code = "no-link-local"             // it has no link-local address
	NoteDownNoDefault          Code = "down-no-default"           // it is down
	NoteNoCarrierNoDefault     Code = "no-carrier-no-default"     // it has no carrier
	NoteDeviceDown             Code = "next-hop-down"             // a next hop's device is down; Have: its name, Route
	NoteGatewayFailed          Code = "next-hop-failed"           // a next hop's gateway does not answer; Have: it, a Gateway, Route
	NoteSeenOnMaster           Code = "seen-on-master"            // the device that the packet is to come in by is a port, and IP receives on the bridge or bond what comes in there; Have: the port, Want: the other device
	NoteReceivesNothing        Code = "receives-nothing"          // the device that the packet is received by receives nothing; Have: its name, Want: "down" or "no-carrier"
	NoteUnheard                Code = "neighbour-unheard"         // a device's neighbours cannot be asked where they are, for their answers are not delivered; Have: its name, Want: "no-link-local" if it has no address to ask from
	NoteNoARP                  Code = "arp-off"                   // ARP is switched off on a next hop's device, and the neighbour has no entry of its own; Have: the device's name
	NoteAnycastTCP             Code = "anycast-tcp"               // a TCP connection to an anycast address of this host gets no answer; Have: the address
	NoteZeroHostRoute          Code = "zero-host-route"           // a 0.0.0.0/32 or ::/128 route, which is no default route
)

// Notes finds what would surprise about a decision.
func (f *FIB) Notes(t *Trace) []Note {
	var out []Note
	add := func(n ...Note) { out = append(out, n...) }
	d := &t.Decision
	if f.snap.Changed {
		add(Note{Reason: Reason{Code: NoteChanging}})
	}
	if open := unsettled(t); len(open) > 0 {
		add(Note{Reason: Reason{NoteSysctlUnread, len(open), open[0]}})
	}
	if t.Socket != nil {
		add(Note{Reason: Reason{Code: NoteSocketElsewhere, Have: t.Socket.Src}, Route: &t.Socket.Decision.Route})
	}
	if t.Twice() {
		add(Note{Reason: Reason{Code: NoteLookedUpTwice}})
	}
	add(f.boundElse(&t.Flow, d)...)
	if n := f.PortNote(&t.Flow); n != nil {
		add(*n)
	}
	add(f.receivesNothing(&t.Flow)...)
	add(f.deviceNotes(t)...)
	add(f.setupNotes(t)...)
	for _, w := range d.NextHops {
		add(f.nextHopNotes(d, &w)...)
		flow := t.Flow
		if !flow.Src.IsValid() {
			flow.Src = d.Src
		}
		if f.unfound(&t.Flow, d, &w) {
			add(Note{Reason: Reason{Code: NoteNoARP, Have: f.snap.LinkName(w.Link)}})
		}
		switch dev := f.snap.LinkName(w.Link); {
		case d.Disposition != DispositionUnicast:
		case f.Unheard(&flow, &w):
			add(Note{Reason: Reason{Code: NoteUnheard, Have: dev}})
		case f.asksNobody(&flow, &w):
			add(Note{Reason: Reason{Code: NoteUnheard, Have: dev, Want: "no-link-local"}})
		}
	}
	add(redirectNotes(d)...)
	if d.Ambiguous.Code == CodeMultipath {
		add(f.hashNote(t.Flow.Family()))
	}
	if len(t.tied) > 0 {
		add(Note{Reason: Reason{Code: NoteTied, Have: len(t.tied)}})
	}
	if d.HasRoute && len(d.Route.Unknown) > 0 {
		add(Note{Reason: Reason{Code: NoteUnknownAttr, Have: d.Route.Unknown[0].Type}, Route: &d.Route})
	}
	if p := f.ForeignSource(d); p.IsValid() {
		add(Note{Reason: Reason{Code: NotePrefsrcForeign, Have: p}, Route: &d.Route})
	}
	if p := f.policy(t); p != nil {
		add(Note{Reason: Reason{Code: NotePolicy, Have: *p}})
	}
	add(trialNotes(t)...)
	add(f.hints(t)...)
	add(f.surprises(t)...)
	add(specialNotes(t)...)
	add(f.vrfLeft(t)...)
	if d.MayRefuse != 0 {
		add(Note{Reason: Reason{NoteMayRefuse, d.MayRefuse, t.Flow.Src}})
	}
	add(f.broadcastNotes(t)...)
	add(f.toolDiffers(t)...)
	add(f.errorNotes(t)...)
	add(f.skippedTables(t)...)
	add(f.unreachedTables(t)...)
	if d.Disposition == DispositionNoRoute && !t.Flow.Dst.IsMulticast() && !isBroadcast4(t.Flow.Dst) {
		lost := func(n Note) bool { return n.Code == NoteNoneMade && t.Flow.In != 0 }
		add(slices.DeleteFunc(f.NoDefault(t.Flow.Family()), lost)...)
	}
	if r, ok := f.shadowedDefault(t); ok {
		add(Note{Reason: Reason{Code: NoteDefaultShadowed}, Route: &r})
	}
	return out
}

// receivesNothing notes that a device is down or has no carrier, and so receives no packet.
func (f *FIB) receivesNothing(flow *route.Flow) []Note {
	switch dev := f.byIndex[flow.In]; {
	case dev == nil || dev.Carrier():
		return nil
	case dev.Up():
		return []Note{{Reason: Reason{NoteReceivesNothing, "no-carrier", dev.Name}}}
	default:
		return []Note{{Reason: Reason{NoteReceivesNothing, "down", dev.Name}}}
	}
}

// EntryNotes finds what would surprise about the entries of one prefix.
func (f *FIB) EntryNotes(all []EntryStatus) []Note {
	var out []Note
	for i := range all {
		s := &all[i]
		sameTie := func(o EntryStatus) bool { return s.SameTie(&o) }
		if s.Tied > 0 && !slices.ContainsFunc(all[:i], sameTie) {
			out = append(out, Note{Reason: Reason{Code: NoteTied, Have: s.Tied}, Route: &s.Route, Table: s.Route.Table})
		}
		if s.Used() {
			out = append(out, f.faultNotes(s)...)
			if s.Route.IsDefault() {
				out = append(out, f.entrySetup(s)...)
			}
		}
	}
	return out
}

func (f *FIB) owner(a netip.Addr) int {
	if a.Is4() {
		return f.owner4(a)
	}
	return f.owner6(a)
}

func (f *FIB) nextHopNotes(d *Decision, w *NextHop) []Note {
	var out []Note
	switch {
	case w.Stale:
		out = append(out, Note{Reason: Reason{Code: NoteStaleLeg, Have: f.snap.LinkName(w.Link)}})
	case w.Via.Flags&route.NextHopLinkDown != 0 && d.Disposition != DispositionLocal:
		out = append(out, Note{Reason: Reason{Code: NoteLinkdownUsed, Have: f.snap.LinkName(w.Link)}})
	}
	if w.Via.Encap != 0 {
		out = append(out, Note{Reason: Reason{Code: NoteEncap, Have: w.Via.Encap.String()}})
	}
	return out
}

// hashNote says which fields of a packet choose among the legs of a multipath route.
func (f *FIB) hashNote(fam route.Family) Note {
	key := "net/ipv4/fib_multipath_hash_policy"
	if fam == route.IPv6 {
		key = "net/ipv6/fib_multipath_hash_policy"
	}
	n := Note{Reason: Reason{Code: NoteHashFields, Want: key}}
	if v, ok := f.snap.Sysctls.Int(key); ok {
		n.Have = v
	}
	return n
}

// mergedWinner is the entry of table main that ended the search of it and of local.
func mergedWinner(t *Trace, main int) *route.Route {
	for i := range t.Rules[main].Candidates {
		if c := &t.Rules[main].Candidates[i]; c.Verdict != VerdictLoses && c.Verdict != VerdictUnusable {
			return &c.Route
		}
	}
	return &t.Decision.Route
}

// trialNotes are notes about the rules and the candidates.
func trialNotes(t *Trace) []Note {
	var out []Note
	for i := range t.Rules {
		r := &t.Rules[i]
		if r.Rule.Implied && r.Verdict != VerdictNotReached {
			out = append(out, Note{Reason: Reason{Code: NoteRuleImplied}, Rule: r.Rule})
		}
		if r.Reason.Code == CodeMerged {
			out = append(out, Note{Reason: Reason{Code: NoteMergedTables}, Route: mergedWinner(t, i+1)})
		}
		for j := range r.Candidates {
			c := &r.Candidates[j]
			longer := t.Decision.HasRoute && c.Route.Dst.Bits() > t.Decision.Route.Dst.Bits()
			if c.Reason.Code == CodeNeighbour && longer && r.Verdict == VerdictMatch {
				out = append(out, Note{Reason: Reason{Code: NoteNeighbourShorter}, Route: &c.Route})
			}
		}
	}
	return out
}

// vrfLeft notes that a packet of a VRF found its route in another table: the VRF's table
// had none, not even one that refuses.
func (f *FIB) vrfLeft(t *Trace) []Note {
	d := &t.Decision
	for i := range t.Rules {
		r := &t.Rules[i]
		if !d.HasRoute || !r.Rule.Selector.L3Mdev || r.Rule.Selector.Not || d.Route.Table == r.Table ||
			d.Route.Type == route.TypeLocal || r.Verdict != VerdictContinue && r.Verdict != VerdictSuppressed {
			continue
		}
		for _, l := range f.devices {
			inside := func(h NextHop) bool { return f.vrf(h.Link) == l.Index }
			if l.Kind == "vrf" && l.VRFTable == r.Table && !slices.ContainsFunc(d.NextHops, inside) {
				return []Note{{Reason: Reason{Code: NoteVRFLeft, Have: l.Name}, Route: &d.Route, Table: r.Table}}
			}
		}
	}
	return nil
}

// dropped reports whether a default route refuses the packet and another default route
// could have carried it.
func (d *Decision) dropped(r *route.Route) bool {
	return d.Default() && d.Errno != 0 && r.Type == route.TypeUnicast
}

// missed reports whether people would expect a route, which the packet did not find, to
// take it: the packet has no route, or one with a shorter prefix.
func (d *Decision) missed(r *route.Route) bool {
	return d.Disposition == DispositionNoRoute || d.dropped(r) ||
		d.HasRoute && d.Disposition != DispositionLocal && r.Dst.Bits() > d.Route.Dst.Bits()
}

// skippedTables are the tables that have a route that the packet missed, because it does
// not match the rule. A table is left out if another rule leads to it as well.
func (f *FIB) skippedTables(t *Trace) []Note {
	asked := map[route.Table]bool{}
	for i := range t.Rules {
		if r := &t.Rules[i]; r.Verdict != VerdictNoMatch {
			asked[r.Table] = true
		}
	}
	m := f.prober() // many rules ask for this host's addresses
	var out []Note
	place := map[route.Table]int{}
	for i := range t.Rules {
		r := &t.Rules[i]
		if r.Verdict != VerdictNoMatch || r.Shadow == nil || asked[r.Table] || !t.Decision.missed(r.Shadow) {
			continue
		}
		k, ok := place[r.Table]
		if !ok {
			k = len(out)
			place[r.Table] = k
			out = append(out, Note{More: -1})
		}
		n := &out[k]
		n.More++
		from := r.Reason.Code == CodeFromUnset && !r.Rule.Selector.Not
		if n.More > 0 && (n.Ask != nil || !from) {
			continue
		}
		*n = Note{Reason: Reason{NoteTableSkipped, r.Reason.Want, r.Reason.Code}, Route: r.Shadow, Rule: r.Rule, Table: r.Table, More: n.More}
		n.Ask = m.meets(&r.Rule.Selector, &t.Flow, r.Table)
	}
	return out
}

// unreachedTables are the tables that have a route that the packet missed, and that
// no rule leads to.
func (f *FIB) unreachedTables(t *Trace) []Note {
	fam := t.Flow.Family()
	var out []Note
	for _, id := range f.TableIDs(fam) {
		if len(f.RulesTo(fam, id)) > 0 || f.Unled(fam, id).Code != "" {
			continue
		}
		w := walk{fib: f, flow: t.Flow, iif: route.LoopbackIndex, mem: new(memory)}
		var res result
		if w.searchTable(f.family(fam).tables[id], nil, &res); res.status == found {
			if full := res.entry.full(res.dst); t.Decision.missed(&full) {
				out = append(out, Note{Reason: Reason{Code: NoteNoRuleLeads}, Route: &full, Table: id})
			}
		}
	}
	return out
}

// shadowedDefault finds, for a decision by a longer prefix, the default route
// of the same table that no packet can reach because the two halves of the
// address space have routes of their own.
func (f *FIB) shadowedDefault(t *Trace) (route.Route, bool) {
	d := &t.Decision
	if !d.HasRoute || d.Route.Dst.Bits() != 1 {
		return route.Route{}, false
	}
	tab := f.family(t.Flow.Family()).tables[d.Route.Table]
	for _, h := range SlashOnePair(t.Flow.Family()) {
		if _, ok := tab.trie.Get(h); !ok {
			return route.Route{}, false
		}
	}
	whole := t.Flow.Family().Default()
	l, ok := tab.trie.Get(whole)
	if !ok {
		return route.Route{}, false
	}
	return l.entries[0].full(whole), true
}

// toolDiffers notes that the answer of ip -6 route get differs from what becomes of a
// received packet. The tool asks without a user (inet6_rtm_getroute), but the packet is
// looked up as root's (ip6_route_input); and the tool does not take the packet into the
// VRF of its device.
func (f *FIB) toolDiffers(t *Trace) []Note {
	if t.Flow.In == 0 || !t.Flow.Dst.Is6() {
		return nil
	}
	if _, other := f.toolInVRF(t.Flow, &t.Decision); other {
		return []Note{{Reason: Reason{NoteToolVRF, f.snap.LinkName(t.Flow.In), f.snap.LinkName(f.vrf(t.Flow.In))}}}
	}
	i := slices.IndexFunc(t.Rules, func(r RuleTrial) bool { return r.Rule.Selector.HasUIDs })
	if i < 0 {
		return nil
	}
	if d := f.ask(question{noUser: true}, t.Flow); d.sameFate(&t.Decision) {
		return nil
	}
	return []Note{{Reason: Reason{Code: NoteToolUser, Have: t.Rules[i].Rule.Priority}}}
}
