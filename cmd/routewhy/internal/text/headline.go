package text

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// headline is the answer in one sentence, which can be understood alone.
func (e told) headline() string {
	verdict := e.ends()
	out := e.wayOut()
	if out == "" && e.Shortcut != lookup.ShortcutVRFLink {
		out = misfit(e.Warnings)
	}
	return e.subject() + " " + verdict + ifStandard(e.Assumptions) + e.someRefused() + e.missed() + out + e.connecting() + e.listening() + e.replying()
}

// ends is the verdict, and whether the packet is dropped after its look-up.
func (e told) ends() string {
	if text := cmp.Or(e.onMaster(), e.unforwarded()); text != "" {
		return text + ", though its look-up " + e.verdict()
	}
	return e.verdict()
}

// unforwarded says that the packet is dropped after its look-up; empty: it is not.
func (e told) unforwarded() string {
	switch {
	case e.Noted(lookup.NoteNotForwarded):
		return "is not forwarded (net.ipv6.conf.all.forwarding = 0)"
	case e.Noted(lookup.NoteStaysOnLink):
		return "is not forwarded, because of its source"
	}
	return ""
}

// subject is the packet: the destination and the other fields that were given.
func (e told) subject() string {
	q := &e.Query
	return strings.Join(append([]string{e.label()}, given(q)...), " ")
}

// label names the destination.
func (e told) label() string { return cmp.Or(e.Query.Label, e.Query.Addr().String()) }

// given are the fields of a packet that were given besides the destination. For a
// connection it also says which of its look-ups the packet belongs to.
func given(q *report.Query) []string {
	var out []string
	add := func(field lookup.Field, there bool, format string, value any) {
		if there && q.Has(field) {
			out = append(out, fmt.Sprintf(format, value))
		}
	}
	add(lookup.FieldFrom, q.From.IsValid(), "from %s", q.From)
	add(lookup.FieldIif, true, "on %s", iproute2.Safe(q.Iif))
	add(lookup.FieldOif, true, "bound to %s", iproute2.Safe(q.Oif))
	add(lookup.FieldVRF, true, "vrf %s", iproute2.Safe(q.VRF))
	add(lookup.FieldMark, true, "mark %#x", q.Marked())
	if q.TOS != nil {
		add(lookup.FieldTOS, true, "tos %#x", *q.TOS)
	}
	if q.UID != nil {
		add(lookup.FieldUID, true, "uid %d", *q.UID)
	}
	add(lookup.FieldProto, true, "%s", q.IPProto)
	add(lookup.FieldSport, true, "sport %d", q.Sport)
	add(lookup.FieldDport, true, "dport %d", q.Dport)
	add(lookup.FieldFlowLabel, true, "flowlabel %#x", q.FlowLabel)
	switch q.Part {
	case report.PartSource:
		out = append(out, "(first look-up)")
	case report.PartBySource:
		out = append(out, "from "+q.From.String())
	}
	return out
}

func (e told) verdict() string {
	d := &e.Decision
	if len(e.BySource) > 0 && e.Twice {
		return e.bySource()
	}
	switch d.Disposition {
	case lookup.DispositionUnicast:
		return e.goes(d)
	case lookup.DispositionLocal:
		return e.here(d)
	case lookup.DispositionBroadcast, lookup.DispositionMulticast:
		return e.group(d)
	case lookup.DispositionAnycast:
		return "is an anycast address of this host: " + by(d)
	case lookup.DispositionNoRoute:
		s := e.Socket
		if s != nil && s.Disposition == lookup.DispositionUnknown {
			return fmt.Sprintf("has no route without a source; with %s, which a socket gets, it cannot be decided: %s",
				s.From, uncertainWords(s.Ambiguous))
		}
		if e.OnlyConnected() {
			return fmt.Sprintf("has no route without a source; with %s, which a socket gets, it %s", s.From, e.goes(&s.Decision))
		}
		if dst := e.Looked().Addr(); dst.IsLoopback() && e.Noted(lookup.NoteLoDown) {
			return "has no route, because lo is down: " + e.seen(d)
		}
		if throw, carries := e.thrownBefore(); throw != nil {
			return fmt.Sprintf("has no route, for %s in %s ends that table before %s, and no table after it has one: %s",
				throw.Destination(), tableWords(throw.Table), routeLine(carries), e.seen(d))
		}
		if n := e.noRuleLeads(); n != nil {
			return fmt.Sprintf("has no route, for no rule leads to %s, which has %s: %s", tableWords(n.Table), routeLine(n.Route), e.seen(d))
		}
		return "has no route: " + e.seen(d)
	case lookup.DispositionBlackhole, lookup.DispositionUnreachable, lookup.DispositionProhibit:
		if a := e.typeUnread(); a != nil {
			return "is refused" + e.somehow(a)
		}
		return "is refused" + refuser(d) + "; " + e.seen(d)
	case lookup.DispositionInvalid:
		return e.invalid(d)
	}
	return "cannot be decided: " + uncertainWords(d.Ambiguous)
}

// goes says by which route a packet leaves, and how.
func (e told) goes(d *report.Decision) string {
	if d.Shortcut == lookup.ShortcutOnLink {
		return fmt.Sprintf("goes out of %s without a route%s", iproute2.Safe(d.NextHops[0].Dev), e.from(d))
	}
	if live := liveWays(d); len(live) > 1 {
		return e.severalWays(d, len(live))
	}
	how := "goes " + into(d) + ": "
	switch left := e.left(); {
	case d.Default && left != "":
		how = left + " by the default route "
	case left != "":
		how = left + ", " + into(d) + ": "
	case d.Default:
		how = "takes the default route "
	}
	return how + by(d) + e.from(d)
}

// left says that a packet of a VRF leaves it by the route of another table. Empty: it does not.
func (e told) left() string {
	for i := range e.Warnings {
		if n := &e.Warnings[i]; n.Code == lookup.NoteVRFLeft {
			return "leaves the VRF " + name(n.Have)
		}
	}
	return ""
}

// liveWays are the ways that the kernel should use.
func liveWays(d *report.Decision) []report.NextHop {
	var out []report.NextHop
	for _, w := range d.NextHops {
		if !w.Stale {
			out = append(out, w)
		}
	}
	return out
}

func (e told) severalWays(d *report.Decision, n int) string {
	what := "goes"
	if d.Route != nil {
		what = "takes " + d.Route.Dst
	}
	if d.Default {
		what = "takes the default route"
	}
	if left := e.left(); left != "" {
		what = left + " by " + strings.TrimPrefix(what, "takes ")
	}
	if d.Ambiguous.Code == lookup.CodeDefaultsTie {
		return fmt.Sprintf("takes one of %s default routes of equal metric, chosen by the neighbours' states: %s%s%s", numeral(n), eitherWay(d), e.from(d), redirected(d))
	}
	src := e.from(d)
	if src == "" && e.Looked().Iif == "" && !e.SourceGiven() {
		src = ", from an address of the one taken"
	}
	return fmt.Sprintf("%s over %s next hops%s, %s%s%s", what, numeral(n), inTable(d), eitherWay(d), src, redirected(d))
}

// maxNamed is how many ways the headline names.
const maxNamed = 4

// eitherWay names the ways if a packet takes one of several.
func eitherWay(d *report.Decision) string {
	var out []string
	for _, w := range liveWays(d) {
		gateway := w.Gateway
		if w.RedirectedFrom.IsValid() { // the gateway that it was redirected to comes later
			gateway = w.RedirectedFrom
		}
		if text := hop(gateway, w.Dev); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if n := len(out); n > maxNamed {
		out = append(out[:maxNamed-1], fmt.Sprintf("%d more", n-maxNamed+1))
	}
	return strings.Join(out, " or ")
}

// redirected says from which of several next hops the kernel was redirected.
func redirected(d *report.Decision) string {
	for _, w := range d.NextHops {
		if w.RedirectedFrom.IsValid() {
			return fmt.Sprintf("; of them %s is redirected to %s", w.RedirectedFrom, redirectedTo(&w))
		}
	}
	return ""
}

// redirectedTo is where the frame goes instead.
func redirectedTo(x *report.NextHop) string {
	if x.Gateway.IsValid() {
		return x.Gateway.String()
	}
	return "the destination itself"
}

func numeral(n int) string {
	if n < 10 {
		return [...]string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}[n]
	}
	return fmt.Sprint(n)
}

// into names the direction of a packet: through a gateway, into a tunnel, or directly
// to a neighbour.
func into(d *report.Decision) string {
	w := &d.NextHops[0]
	dev := iproute2.Safe(w.Dev)
	switch {
	case w.NoNeighbours:
		return "into " + dev
	case w.Gateway.IsValid():
		return "out of " + dev
	}
	return "straight to " + dev
}

// by is the route that decided, with its table if that is not main.
func by(d *report.Decision) string {
	var parts []string
	if d.Route != nil {
		parts = append(parts, d.Route.Destination())
	}
	if live := liveWays(d); len(live) == 1 && d.Disposition == lookup.DispositionUnicast {
		parts = append(parts, nextHopWords(&live[0]))
	} else if d.Route != nil {
		parts = append(parts, nonEmpty(d.Route.Way())...)
	}
	return strings.Join(parts, " ") + inTable(d)
}

func inTable(d *report.Decision) string {
	if d.Route != nil && d.Route.Table != tableMain {
		return " in " + tableWords(d.Route.Table)
	}
	return ""
}

// The tables that are not named where they are the usual ones.
const (
	tableMain  = "main"
	tableLocal = "local"
)

// tableWords names a table in a sentence.
func tableWords[T ~string](table T) string {
	name := iproute2.TableName(string(table))
	if !strings.HasPrefix(name, "table ") {
		name = "table " + name
	}
	return name
}

func (e told) from(d *report.Decision) string {
	if e.Looked().Iif != "" || e.SourceGiven() {
		return ""
	}
	if d.Src.IsValid() {
		return ", from " + d.Src.String()
	}
	if live := liveWays(d); len(live) == 1 && live[0].SrcOneOf != nil {
		return ", from " + either(live[0].SrcOneOf)
	}
	if d.NoSource {
		return ", without a source address"
	}
	return ""
}

// either are several sources. The packet gets one of them.
func either(all []netip.Addr) string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return alternatives(out)
}

// here says that a packet is delivered to this host.
func (e told) here(d *report.Decision) string {
	if d.Shortcut == lookup.ShortcutZero {
		return fmt.Sprintf("ends at this host: the kernel takes %s in its place, before any rule or route", d.Src)
	}
	dst := e.Looked().Addr()
	if dst.IsLoopback() {
		return "is a loopback address, and ends at this host: " + by(d)
	}
	what := "ends at this host: "
	if single(routeDst(d)) && !d.Unassigned {
		what = "is this host's own address: "
	}
	what += by(d)
	if d.Src != dst {
		what += e.from(d)
	}
	return what
}

// single reports whether a prefix has only one address.
func single(prefix string) bool {
	return strings.HasSuffix(prefix, "/32") && !strings.Contains(prefix, ":") || strings.HasSuffix(prefix, "/128")
}

func (e told) group(d *report.Decision) string {
	kind := d.Disposition.String()
	in := e.Looked().Iif
	if d.SentOn && d.NextHops[0].Dev == in {
		dev := iproute2.Safe(in)
		return fmt.Sprintf("is %s: dropped in a broadcast frame (bc_forwarding is on), in one to %s's MAC address sent on to %[2]s and delivered to this host", kind, dev)
	}
	if d.SentOn {
		return fmt.Sprintf("is %s, sent on to %s and delivered to this host", kind, devices(d))
	}
	if d.Shortcut == lookup.ShortcutRouted {
		return fmt.Sprintf("is %s, left to the multicast router: %s has not joined the group", kind, iproute2.Safe(in))
	}
	if in != "" {
		return "is " + kind + ", delivered to this host" + kept(d)
	}
	out := "is " + kind + " on " + iproute2.Safe(d.NextHops[0].Dev)
	if live := liveWays(d); len(live) > 1 {
		out = fmt.Sprintf("is %s, sent %s", kind, eitherWay(d))
	}
	if d.Route != nil && d.Route.Type == typeUnicast {
		out += ", the device of " + d.Route.Dst + inTable(d)
	} else if d.Route != nil {
		out += ": " + by(d)
	}
	return out + e.from(d)
}

// kept says that a broadcast that arrived for the network of another device is not
// sent on to that device.
func kept(d *report.Decision) string {
	if d.NotSentOn != "" {
		return ", not sent on to " + iproute2.Safe(d.NotSentOn)
	}
	return ""
}

// Types of routes: an ordinary one, and one to this host itself.
const (
	typeUnicast = "unicast"
	typeLocal   = "local"
)

// nextHopWords is a next hop as it is configured. If the kernel was redirected from
// its gateway, the new gateway stands instead of the old one.
func nextHopWords(x *report.NextHop) string {
	h := iproute2.NextHop{Encap: x.Encap, Dev: x.Dev, Unread: x.Unread}
	switch {
	case x.Configured.IsValid():
		h.Gateway = x.Configured.String()
	case x.Gateway.IsValid():
		h.Gateway = x.Gateway.String()
	}
	if !x.RedirectedFrom.IsValid() {
		return h.Way()
	}
	return fmt.Sprintf("%s (redirected from %s)", h.Way(), x.RedirectedFrom)
}
