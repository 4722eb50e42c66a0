package render

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// headline is the answer in one sentence; it makes sense alone.
func (e *Explanation) headline() string {
	verdict := e.verdict()
	if e.Dropped() {
		verdict = "is not forwarded (net.ipv6.conf.all.forwarding = 0), though its look-up " + verdict
	}
	out := e.wayOut()
	if out == "" {
		out = e.words().misfit(e.Notes)
	}
	return e.subject() + " " + verdict + e.someRefused() + out + e.connecting() + e.listening() + e.replying()
}

// someRefused says what part of all flows the kernel refuses, where that depends on
// the next hop that a hash gives them.
func (e *Explanation) someRefused() string {
	d := &e.Trace.Decision
	switch {
	case d.SomeRefused == 0, len(e.BySource) > 0 && e.Trace.Twice(): // said source by source
		return ""
	case e.Trace.Flow.In != 0:
		why := "reverse-path filter"
		if d.Ambiguous.Code != lookup.CodeReversePathSome {
			why = "a next hop's device has no IPv4"
		}
		return fmt.Sprintf("; %s dropped (%s, %s)", flowsAre(d.RefusedShare), why, d.SomeRefused)
	}
	return fmt.Sprintf("; %s refused: %s", flowsAre(d.RefusedShare), errnoWords(d.SomeRefused))
}

// flowsAre is a part of all flows as the subject of a sentence.
func flowsAre(part float64) string {
	switch text := share(part); {
	case part == 0:
		return "some flows are"
	case text == "1 in 2":
		return "half of all flows are"
	case strings.HasPrefix(text, "1 in "):
		return text + " flows is"
	case strings.HasSuffix(text, "%"):
		return text + " of all flows are"
	default:
		return text + " flows are"
	}
}

// noted reports whether there is a note of a kind.
func (e *Explanation) noted(c lookup.Code) bool {
	return slices.ContainsFunc(e.Notes, func(n lookup.Note) bool { return n.Code == c })
}

// Dropped says that the packet is dropped after its look-up.
func (e *Explanation) Dropped() bool {
	return slices.ContainsFunc(e.Notes, func(n lookup.Note) bool { return n.Code == lookup.NoteNotForwarded })
}

// OnlyConnected says that the packet has no route without a source, and that a connected
// socket, which gets one, reaches the destination.
func (e *Explanation) OnlyConnected() bool {
	s := e.Trace.Socket
	return e.Trace.Decision.Disposition == lookup.DispositionNoRoute && s != nil &&
		s.Decision.Errno == 0 && s.Decision.Disposition != lookup.DispositionUnknown
}

// subject is the packet: the destination and what was given of the rest.
func (e *Explanation) subject() string {
	return strings.Join(append([]string{e.Subject}, e.Given...), " ")
}

func (e *Explanation) verdict() string {
	d := &e.Trace.Decision
	if len(e.BySource) > 0 && e.Trace.Twice() {
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
		return "is an anycast address of this host: " + e.by(d)
	case lookup.DispositionNoRoute:
		s := e.Trace.Socket
		if s != nil && s.Decision.Disposition == lookup.DispositionUnknown {
			return fmt.Sprintf("has no route without a source; with %s, which a socket gets, it cannot be decided: %s",
				s.Src, e.words().uncertain(s.Decision.Ambiguous))
		}
		if e.OnlyConnected() {
			return fmt.Sprintf("has no route without a source; with %s, which a socket gets, it %s", s.Src, e.goes(&s.Decision))
		}
		if dst := e.Trace.Flow.Dst; dst.IsLoopback() && e.noted(lookup.NoteLoDown) {
			return "has no route, for lo is down: " + e.seen(d)
		}
		return "has no route: " + e.seen(d)
	case lookup.DispositionBlackhole, lookup.DispositionUnreachable, lookup.DispositionProhibit:
		return "is refused" + e.refuser(d) + "; " + e.seen(d)
	case lookup.DispositionInvalid:
		return e.invalid(d)
	}
	return "cannot be decided: " + e.words().uncertain(d.Ambiguous)
}

// seen is what the sender of a packet that is refused gets to see: a program of this
// host an error, another host an ICMP message (ip_error in net/ipv4/route.c,
// ip6_pkt_drop in net/ipv6/route.c), or nothing.
func (e *Explanation) seen(d *lookup.Decision) string {
	if e.Trace.Flow.In == 0 {
		return errnoWords(d.Errno)
	}
	if d.Disposition == lookup.DispositionBlackhole || e.noted(lookup.NoteErrorLost) {
		return "it is dropped, and its sender gets nothing"
	}
	text := "its sender gets " + icmpError(e.Trace.Flow.Dst.Is6(), d.Errno)
	if e.noted(lookup.NoteErrorUnsure) {
		text += ", if this host has a route to it"
	}
	return text
}

// icmpError is the error that a packet brings its sender when it is refused.
func icmpError(six bool, why route.Errno) string {
	switch {
	case why == route.EACCES && six:
		return `ICMPv6 "administratively prohibited"`
	case why == route.EACCES:
		return `ICMP "administratively prohibited"`
	case six:
		return `ICMPv6 "no route to destination"`
	case why == route.EHOSTUNREACH:
		return `ICMP "host unreachable"`
	}
	return `ICMP "network unreachable"`
}

// errnoWords is what a program sees.
func errnoWords(e route.Errno) string {
	return fmt.Sprintf("programs get %s, %q", e, e.Text())
}

// goes says by which route a packet leaves, and how.
func (e *Explanation) goes(d *lookup.Decision) string {
	if d.Shortcut == lookup.ShortcutOnLink {
		return fmt.Sprintf("goes out of %s without a route%s", e.words().dev(d.NextHops[0].Link), e.from(d))
	}
	if live := liveWays(d); len(live) > 1 {
		return e.severalWays(d, len(live))
	}
	how := "goes " + e.into(d) + ": "
	if d.Default() {
		how = "takes the default route "
	}
	return how + e.by(d) + e.from(d)
}

// liveWays are the ways that the kernel should be using.
func liveWays(d *lookup.Decision) []lookup.NextHop {
	var out []lookup.NextHop
	for _, w := range d.NextHops {
		if !w.Stale {
			out = append(out, w)
		}
	}
	return out
}

func (e *Explanation) severalWays(d *lookup.Decision, n int) string {
	what := "takes " + d.Route.Dst.String()
	if d.Default() {
		what = "takes the default route"
	}
	if d.Ambiguous.Code == lookup.CodeDefaultsTie {
		return fmt.Sprintf("takes one of %s default routes of equal metric, as the neighbours' states have it: %s%s%s", numeral(n), e.either(d), e.from(d), e.redirected(d))
	}
	src := e.from(d)
	if src == "" && e.Trace.Flow.In == 0 && !e.givenSource() {
		src = ", from an address of the one taken"
	}
	return fmt.Sprintf("%s over %s next hops%s, %s%s%s", what, numeral(n), e.inTable(d), e.either(d), src, e.redirected(d))
}

// maxNamed is how many ways the headline names.
const maxNamed = 4

// either names the ways of which a packet takes one.
func (e *Explanation) either(d *lookup.Decision) string {
	var out []string
	for _, w := range liveWays(d) {
		hop := route.NextHop{Gateway: w.Gateway, Link: w.Link}
		if w.Redirected { // what it was redirected to comes after
			hop.Gateway = w.Via.Gateway
		}
		if text := iproute2.Way(e.FIB.Snapshot(), &hop); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	if n := len(out); n > maxNamed {
		out = append(out[:maxNamed-1], fmt.Sprintf("%d more", n-maxNamed+1))
	}
	return strings.Join(out, " or ")
}

// redirected says which of several next hops the kernel was redirected from.
func (e *Explanation) redirected(d *lookup.Decision) string {
	for _, w := range d.NextHops {
		if w.Redirected {
			return fmt.Sprintf("; of them %s is redirected to %s", w.Via.Gateway, e.words().redirectedTo(&w))
		}
	}
	return ""
}

// redirectedTo is where the frame goes instead.
func (w words) redirectedTo(x *lookup.NextHop) string {
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

// into names the direction of a packet: through a gateway, into a tunnel, or
// straight to a neighbour.
func (e *Explanation) into(d *lookup.Decision) string {
	w := d.NextHops[0]
	dev := e.words().dev(w.Link)
	link := e.FIB.Snapshot().Link(w.Link)
	switch {
	case link != nil && link.Flags&(route.LinkPointopoint|route.LinkNoARP) != 0:
		return "into " + dev
	case w.Gateway.IsValid():
		return "out of " + dev
	}
	return "straight to " + dev
}

// by is the route that decided, and its table where that is not main.
func (e *Explanation) by(d *lookup.Decision) string {
	s := e.FIB.Snapshot()
	parts := []string{iproute2.Destination(&d.Route)}
	if live := liveWays(d); len(live) == 1 && d.Disposition == lookup.DispositionUnicast {
		parts = append(parts, e.words().way(&live[0]))
	} else if way := iproute2.RouteWay(s, &d.Route); way != "" {
		parts = append(parts, way)
	}
	return strings.Join(parts, " ") + e.inTable(d)
}

func (e *Explanation) inTable(d *lookup.Decision) string {
	if t := d.Table(); t != route.TableMain && t != route.TableUnspec {
		return " in " + tableName(e.FIB.Snapshot(), t)
	}
	return ""
}

func tableName(s *route.Snapshot, t route.Table) string {
	name := iproute2.Table(s, t)
	if !strings.HasPrefix(name, "table ") {
		name = "table " + name
	}
	return name
}

func (e *Explanation) from(d *lookup.Decision) string {
	if e.Trace.Flow.In != 0 || e.givenSource() {
		return ""
	}
	if d.Src.IsValid() {
		return ", from " + d.Src.String()
	}
	if live := liveWays(d); len(live) == 1 && live[0].SrcOneOf != nil {
		return ", from " + either(live[0].SrcOneOf)
	}
	if len(d.NextHops) == 1 && e.words().knowsAddrs(e.Trace.Flow.Family()) {
		return ", without a source address"
	}
	return ""
}

// either are sources of which the packet gets one.
func either(all []netip.Addr) string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return alternatives(out)
}

func (e *Explanation) givenSource() bool { return e.Trace.Source.Reason.Code == lookup.CodeSrcGiven }

// here says that a packet is delivered to this host.
func (e *Explanation) here(d *lookup.Decision) string {
	if d.Shortcut == lookup.ShortcutZero {
		return fmt.Sprintf("ends at this host: the kernel takes %s in its place, before any rule or route", d.Src)
	}
	dst := e.Trace.Flow.Dst
	if dst.IsLoopback() {
		return "is a loopback address, and ends at this host: " + e.by(d)
	}
	what := "ends at this host: "
	if d.Route.Dst.IsSingleIP() && !e.nobodys(dst) {
		what = "is this host's own address: "
	}
	what += e.by(d)
	if d.Src != dst {
		what += e.from(d)
	}
	return what
}

// nobodys reports whether an address is known to be none of this host's devices', as
// that of a route of type local that somebody added.
func (e *Explanation) nobodys(a netip.Addr) bool {
	has := func(x route.Addr) bool { return x.Prefix.Addr() == a.WithZone("") }
	return e.words().knowsAddrs(route.FamilyOf(a)) && !slices.ContainsFunc(e.FIB.Snapshot().Addrs, has)
}

func (e *Explanation) group(d *lookup.Decision) string {
	kind := d.Disposition.String()
	if in := e.Trace.Flow.In; e.Trace.SentOn() && d.NextHops[0].Link == in {
		dev := e.words().dev(in)
		return fmt.Sprintf("is %s: dropped in a broadcast frame (bc_forwarding is on), in one to %s's MAC address sent on to %[2]s and delivered to this host", kind, dev)
	}
	if e.Trace.SentOn() {
		return fmt.Sprintf("is %s, sent on to %s and delivered to this host", kind, e.devices(d))
	}
	if e.Trace.Flow.In != 0 {
		return "is " + kind + ", delivered to this host" + e.kept(d)
	}
	out := "is " + kind + " on " + e.words().dev(d.NextHops[0].Link)
	if live := liveWays(d); len(live) > 1 {
		out = fmt.Sprintf("is %s, sent %s", kind, e.either(d))
	}
	if d.HasRoute && d.Route.Type == route.TypeUnicast {
		out += ", the device of " + d.Route.Dst.String() + e.inTable(d)
	} else if d.HasRoute {
		out += ": " + e.by(d)
	}
	return out + e.from(d)
}

// kept says that a broadcast for the network of another device is not sent on there.
func (e *Explanation) kept(d *lookup.Decision) string {
	if link := d.Kept(&e.Trace.Flow); link != 0 {
		return ", not sent on to " + e.words().dev(link)
	}
	return ""
}

// way is a next hop, and where the kernel was redirected from it the gateway in its
// place.
func (w words) way(x *lookup.NextHop) string {
	if !x.Redirected {
		return iproute2.Way(w.snap, &x.Via)
	}
	to := x.Via
	to.Gateway = x.Gateway
	return fmt.Sprintf("%s (redirected from %s)", iproute2.Way(w.snap, &to), x.Via.Gateway)
}

// refuser names what refuses: a route or a rule.
func (e *Explanation) refuser(d *lookup.Decision) string {
	if d.HasRoute {
		r := d.Route
		if d.Disposition == lookup.DispositionBlackhole && r.Type == route.TypeUnicast {
			return fmt.Sprintf(": %s leads to the blackhole nexthop object %d in %s", r.Dst, r.NextHopID, tableName(e.FIB.Snapshot(), r.Table))
		}
		return ": " + iproute2.Destination(&r) + " in " + tableName(e.FIB.Snapshot(), r.Table)
	}
	sel := iproute2.Selector(d.Rule)
	if sel == "" {
		sel = "from all"
	}
	return fmt.Sprintf(" by rule %d (%s: %s)", d.Rule.Priority, sel, d.Rule.Action)
}

// invalid says why the kernel rejects the packet itself.
func (e *Explanation) invalid(d *lookup.Decision) string {
	f := &e.Trace.Flow
	switch d.Shortcut {
	case lookup.ShortcutSource:
		return fmt.Sprintf("is refused: %s cannot be a source; %s", f.Src, errnoWords(d.Errno))
	case lookup.ShortcutNotLocal:
		return fmt.Sprintf("is refused: %s is not an address of this host; %s", f.Src, errnoWords(d.Errno))
	case lookup.ShortcutNoDevice:
		return "is refused: there is no such device; " + errnoWords(d.Errno)
	case lookup.ShortcutDown:
		return fmt.Sprintf("is refused: %s is down; %s", e.words().dev(f.Out), errnoWords(d.Errno))
	case lookup.ShortcutNoIPv4:
		return e.withoutIPv4(d)
	case lookup.ShortcutLoopback:
		return fmt.Sprintf("is refused: a loopback source may not leave by the device of %s (route_localnet is off); %s", e.by(d), errnoWords(d.Errno))
	case lookup.ShortcutVRFLink:
		return "is refused: the VRF device itself has no link, name one of its devices (--oif); " + errnoWords(d.Errno)
	case lookup.ShortcutNoForwarding:
		return fmt.Sprintf("is not forwarded: forwarding is off on %s; its sender gets nothing (the kernel says %s)", e.words().dev(f.In), d.Errno)
	case lookup.ShortcutNotUnicast:
		return fmt.Sprintf("is dropped: a %s route cannot be forwarded to; the kernel says %s", d.Route.Type, d.Errno)
	}
	return "is dropped before routing: " + e.dropped(d)
}

// withoutIPv4 names the device whose MTU is too small for IPv4: one that was asked
// for, that of a next hop, or lo, by which this host's own packets come back.
func (e *Explanation) withoutIPv4(d *lookup.Decision) string {
	f, snap := &e.Trace.Flow, e.FIB.Snapshot()
	links := []int{f.In, f.Out}
	for i := range d.Route.NextHops {
		if d.Disposition == lookup.DispositionInvalid && d.Route.Type != route.TypeLocal {
			links = append(links, d.Route.NextHops[i].Link)
		}
	}
	if id := d.Route.NextHopID; id != 0 {
		for i := range snap.NextHops {
			if n := &snap.NextHops[i]; n.ID == id {
				links = append(links, n.NextHop.Link)
			}
		}
	}
	name, mtu := e.words().dev(route.LoopbackIndex), uint32(0)
	for _, index := range append(links, route.LoopbackIndex) {
		if l := snap.Link(index); l != nil && l.MTU != 0 && l.MTU < 68 {
			name, mtu = e.words().dev(index), l.MTU
			break
		}
	}
	verb := "is refused"
	if f.In != 0 {
		verb = "is dropped"
	}
	return fmt.Sprintf("%s: %s has no IPv4, for which its MTU of %d is too small (68 at least); the kernel says %s", verb, name, mtu, d.Errno)
}

// dropped says why a received packet is not let in.
func (e *Explanation) dropped(d *lookup.Decision) string {
	f := &e.Trace.Flow
	switch d.Shortcut {
	case lookup.ShortcutMartianSrc:
		if f.Src.IsValid() && !f.Src.IsUnspecified() {
			return fmt.Sprintf("%s cannot be the source of a received packet%s", f.Src, e.localnet(f.Src))
		}
		return "a received packet without a source is a martian; name it with --from"
	case lookup.ShortcutMartianDst:
		return fmt.Sprintf("nothing for %s may come in from outside%s", f.Dst, e.localnet(f.Dst))
	case lookup.ShortcutOwnSource:
		return fmt.Sprintf("its source %s is this host's own address", f.Src)
	case lookup.ShortcutNoIPv6:
		return fmt.Sprintf("IPv6 is switched off on %s (disable_ipv6), its sender gets nothing", e.words().dev(f.In))
	case lookup.ShortcutReversePath:
		return "reverse-path filter (rp_filter), programs see nothing"
	}
	return string(d.Shortcut)
}

// localnet names the setting that would let a loopback address in.
func (e *Explanation) localnet(a netip.Addr) string {
	if !a.Is4() || !a.IsLoopback() {
		return ""
	}
	return fmt.Sprintf(" (route_localnet is off on %s)", e.words().dev(e.Trace.Flow.In))
}

// knowsAddrs says whether an address that is not there is not the host's.
func (w words) knowsAddrs(fam route.Family) bool {
	return !w.snap.Lacks(route.FactAddrs, fam) && !w.snap.Assumes(route.FactAddrs, fam)
}

func (e *Explanation) words() words { return words{e.FIB.Snapshot()} }
