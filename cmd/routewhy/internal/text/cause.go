package text

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Causes writes the possible causes of an error as text: first the known cause, then the
// possible ones, then the ones that were ruled out.
func Causes(w io.Writer, r *report.Causes, st Style) error {
	x, p := caused{told{r.Decision}, r}, &page{w: w, st: st}
	if bad := x.Disagreement(); bad != nil {
		p.disagreement(told{bad})
		return p.err
	}
	p.line(st.paint(bold, x.line()+p.aside(x.told)))
	if st.Quiet {
		return p.err
	}
	p.blank()
	switch {
	case r.Connected.IsValid():
		for _, f := range r.Decision.Elsewhere() {
			p.detail("note", x.finding(&f), plain)
		}
		p.blank()
	case !r.Gives:
		p.block("  now  ", x.ends()+x.byRule(), plain)
		p.blank()
	case x.Looked().Iif != "":
		p.block("  sender  ", x.senderGets(), plain)
		p.blank()
	}
	p.byState(x)
	if x.Looked().Iif == "" && x.Disposition == lookup.DispositionNoRoute { // what would surprise may be why there is none
		p.warnings(x.told, withoutCode(lookup.NoteNoZone, withoutCode(lookup.NoteChanging, r.Decision.Warnings)))
	}
	p.warnings(x.told, r.Warnings)
	return p.explained(r.Decision)
}

// byRule ends what becomes of the packet now with the rule that decides. One that a host begins
// with decides without saying, and so does one that refuses the packet.
func (x caused) byRule() string {
	r := x.Decision.Rule
	if r == nil || x.Disposition != lookup.DispositionUnicast || r.Selector() == "" && (r.Table == "main" || r.Table == "default") {
		return ""
	}
	return fmt.Sprintf(", by rule %d (%s)", r.Priority, withSelector(r))
}

// repeated reports whether a neighbour that does not answer is ruled out, and was named before as
// the way out that is dead.
func (x caused) repeated(c *report.Cause) bool {
	dead := func(o report.Cause) bool {
		return o.Code == whynot.CauseSilence && o.State == whynot.CauseNot && o.Reason.Code != ""
	}
	failed := strings.Contains(x.neighbourState(name(c.Reason.Have)), "FAILED")
	return c.Code == whynot.CauseNeighbour && c.State == whynot.CauseNot && failed && slices.ContainsFunc(x.r.Causes, dead)
}

// senderGets is what another host gets if its packet is refused.
func (x caused) senderGets() string {
	if x.Shortcut != "" {
		return "gets nothing"
	}
	return strings.TrimPrefix(strings.TrimPrefix(x.seen(&x.Decision), "it is dropped, and "), "its sender ")
}

// byState writes causes in groups: the known cause, the possible ones, what the tables do
// not tell, and what is not the cause.
func (p *page) byState(x caused) {
	for _, part := range []struct {
		state whynot.CauseState
		label string
		tint  ink
	}{{whynot.CauseIs, "it is", green}, {whynot.CausePossible, "may be", yellow}, {whynot.CauseUnseen, "or else", plain}, {whynot.CauseNot, "not", plain}} {
		for i := range x.r.Causes {
			if c := &x.r.Causes[i]; c.State == part.state && !x.repeated(c) {
				p.detail(part.label, x.cause(c), part.tint)
			}
		}
	}
}

// maxCauses is how many other causes of an error are shown without -v.
const maxCauses = 3

// causes writes what else on this host gives the same error and was ruled out. With -v it
// writes everything that may give this error.
func (p *page) causes(e told) {
	x := caused{e, &report.Causes{Errno: programErrno(&e.Decision), Causes: e.Causes}}
	if p.st.Verbose {
		p.byState(x)
		return
	}
	n := 0
	for i := range e.Causes {
		c := &e.Causes[i]
		if c.State != whynot.CauseNot || c.Rule == nil && c.Route == nil || c.Reason.Code == whynot.CauseNoSource { // that one does decide
			continue
		}
		if n++; n <= maxCauses {
			p.detail("not", x.ruledOut(c), plain)
		}
	}
	if n > maxCauses {
		p.detail("not", fmt.Sprintf("%d more that give %s (-v)", n-maxCauses, x.r.Errno), plain)
	}
}

// ruledOut is a rule or a route that gives the same error. The reason why a rule does not
// match is written in the list of rules.
func (x caused) ruledOut(c *report.Cause) string {
	if c.Rule == nil {
		return fmt.Sprintf("%s gives %s too, and does not decide", routeIn(c.Route), x.r.Errno)
	}
	verb := "is not reached"
	if mismatchWords(c.Reason) != "" {
		verb = "does not match"
	}
	return fmt.Sprintf("rule %d (%s) gives %s too, and %s", c.Rule.Priority, withSelector(c.Rule), x.r.Errno, verb)
}

// caused are causes that are put into words.
type caused struct {
	told
	r *report.Causes
}

func (x caused) line() string {
	errno := fmt.Sprintf("%s, %q", x.r.Errno, x.r.Errno.Text())
	var is, may []*report.Cause
	for i := range x.r.Causes {
		switch c := &x.r.Causes[i]; c.State {
		case whynot.CauseIs:
			is = append(is, c)
		case whynot.CausePossible:
			may = append(may, c)
		}
	}
	switch {
	case x.onMaster() != "":
		return fmt.Sprintf("%s %s: ask about %s there", x.subject(), x.onMaster(), x.r.Errno)
	case len(x.r.Causes) == 0 && x.Looked().Iif != "":
		return fmt.Sprintf("%s: no received packet is refused with %s", x.subject(), errno)
	case len(x.r.Causes) == 0:
		return fmt.Sprintf("%s: nothing in routing gives programs %s", x.subject(), errno)
	case len(is) > 0 && x.r.Connected.IsValid():
		return fmt.Sprintf("%s: %s comes from %s, which a connected socket meets with its source %s", x.subject(), errno, x.cause(is[0]), x.r.Connected)
	case len(is) > 0:
		return fmt.Sprintf("%s: %s comes from %s", x.subject(), errno, x.cause(is[0]))
	case len(may) > 0 && may[0].Packet != nil:
		return fmt.Sprintf("%s: %s may come from %s", x.subject(), errno, x.ofPacket(may[0]))
	case len(may) > 0:
		cause, _, _ := strings.Cut(x.cause(may[0]), ": ")
		return fmt.Sprintf("%s: %s may come from %s", x.subject(), errno, cause)
	}
	for i := range x.r.Causes {
		if c := &x.r.Causes[i]; c.Code == whynot.CauseSilence && x.deadWay(c) != "" {
			return fmt.Sprintf("%s: %s does not come from what happens now: %s, and then programs get EHOSTUNREACH, unless TCP gives up first", x.subject(), errno, x.deadWay(c))
		}
		if c := &x.r.Causes[i]; c.Code == whynot.CauseDeadEnd && c.State == whynot.CauseNot && c.Reason.Code != "" && c.Reason.Code != c.Code {
			return fmt.Sprintf("%s: %s does not come from what happens now: %s", x.subject(), errno, x.cause(c))
		}
	}
	return fmt.Sprintf("%s: %s comes from nothing that the tables show%s", x.subject(), errno, x.perhaps())
}

// perhaps is what others say or do, if it comes first among what the tables do not show.
func (x caused) perhaps() string {
	for i := range x.r.Causes {
		c := &x.r.Causes[i]
		if c.State != whynot.CauseUnseen {
			continue
		}
		switch c.Code {
		case whynot.CauseNobody, whynot.CauseICMP, whynot.CauseFirewall:
			text, _, _ := strings.Cut(x.cause(c), ": ")
			text, _, _ = strings.Cut(text, " (")
			return "; perhaps " + text
		}
		return ""
	}
	return ""
}

// ofPacket is a cause of an error that other packets get.
func (x caused) ofPacket(c *report.Cause) string {
	if c.Code == whynot.CauseNoRoute {
		return "a lack of routes for a packet " + altered(c.Packet)
	}
	met := *c
	met.Packet, met.State = nil, whynot.CauseIs
	return fmt.Sprintf("%s, which a packet %s meets", x.cause(&met), altered(c.Packet))
}

// cause is a cause in words: the known cause, or what was ruled out.
func (x caused) cause(c *report.Cause) string {
	if c.Packet != nil {
		return fmt.Sprintf("%s: %s --errno %s", x.ofPacket(c), c.Packet.Ask[0], x.r.Errno)
	}
	if text := x.byTables(c); text != "" {
		return text
	}
	return x.byOthers(c)
}

// refusers are the words for a route and a rule that refuse.
func refuserKind(c *report.Cause) (kind string, rule bool) {
	switch c.Code {
	case whynot.CauseBlackholeRoute:
		return "blackhole", false
	case whynot.CauseUnreachableRoute:
		return "unreachable", false
	case whynot.CauseProhibitRoute:
		return "prohibit", false
	case whynot.CauseBlackholeRule:
		return "blackhole", true
	case whynot.CauseUnreachableRule:
		return "unreachable", true
	case whynot.CauseProhibitRule:
		return "prohibit", true
	}
	return "", false
}

// byTables is a cause that the tables show; empty: the tables do not show it.
func (x caused) byTables(c *report.Cause) string {
	kind, rule := refuserKind(c)
	not := c.State == whynot.CauseNot
	if c.Reason.Code == whynot.CauseNoSource {
		return x.beforeSource(c)
	}
	switch {
	case rule && c.Rule == nil:
		return fmt.Sprintf("a rule of type %s: there is none", kind)
	case rule && not:
		why := withOthers(mismatchWords(c.Reason), c.Others)
		if why == "" {
			why = "it is not reached"
		}
		return fmt.Sprintf("rule %d (%s): %s", c.Rule.Priority, withSelector(c.Rule), why)
	case rule:
		return fmt.Sprintf("rule %d (%s)", c.Rule.Priority, withSelector(c.Rule))
	case kind != "" && c.Route == nil:
		return fmt.Sprintf("a route of type %s: none covers it", kind)
	case kind != "" && not:
		return routeIn(c.Route) + ": it does not decide"
	case kind != "":
		return routeIn(c.Route)
	}
	switch c.Code {
	case whynot.CauseNoRoute:
		if x.Rule == nil && x.Route == nil && not {
			return "a lack of routes: " + negated(!x.Disposition.Success(), "the packet needs none", "it is refused before a route is looked for")
		}
		return negated(not, noRouteCause(c), "a lack of routes: a rule or a route decides")
	case whynot.CauseThrow:
		if c.Route != nil && !not {
			return routeIn(c.Route) + ", after which no table has a route"
		}
		return "a throw route: none ended the search"
	case whynot.CauseReversePath:
		if x.Looked().Iif == "" && x.r.Errno == route.ETIMEDOUT {
			return negated(not, fmt.Sprintf("the reverse-path filter of %s, which drops answers that come in there: routewhy %s --reply", name(c.Reason.Have), x.asked()),
				"the reverse-path filter: it lets answers in by the device by which the packet leaves")
		}
		if x.Looked().Iif == "" {
			return "the reverse-path filter: it is for packets that come in"
		}
		if not && x.Shortcut == lookup.ShortcutReversePath {
			return fmt.Sprintf("the reverse-path filter of %s: it drops the packet, and on this kernel ip route get then says %s; no program gets either", iproute2.Safe(x.Looked().Iif), x.Decision.Errno)
		}
		return negated(not, "the reverse-path filter of "+iproute2.Safe(x.Looked().Iif), "the reverse-path filter: it does not drop the packet")
	case whynot.CauseForwarding:
		if x.Looked().Iif == "" {
			return "forwarding: this host sends the packet itself"
		}
		switch c.Reason.Code {
		case lookup.NoteNotForwarded:
			return "forwarding: it is off (net.ipv6.conf.all.forwarding = 0), and IPv6 then drops the packet without an error"
		case lookup.NoteStaysOnLink:
			return "forwarding: IPv6 forwards no packet with such a source, and drops it without that error"
		}
		return negated(not, "forwarding, which is off on "+iproute2.Safe(x.Looked().Iif), "forwarding: it is on, or the packet ends here")
	case whynot.CauseDevice:
		if c.Reason.Code == lookup.NoteBoundElse {
			return fmt.Sprintf("%s, if the socket is bound to it (SO_BINDTODEVICE): IPv6 then uses routes by that device alone", c.Reason.Have)
		}
		if c.State == whynot.CauseUnseen && x.r.Errno == route.ENETUNREACH {
			return "another device that the socket is bound to: IPv6 then uses routes by that device alone (--oif)"
		}
		if c.State == whynot.CauseUnseen {
			return "a device that the program names: it is not there, or it is down (--oif, if a socket is bound to one)"
		}
		return negated(not, x.badDevice(), "the device that the socket is bound to: it is up, or none was given")
	case whynot.CauseSource:
		return x.source(c)
	}
	return ""
}

// badDevice is the device that the socket is bound to, and what is wrong with it.
func (x caused) badDevice() string {
	dev := iproute2.Safe(cmp.Or(x.Looked().Oif, x.Looked().VRF))
	switch {
	case dev == "":
		return "a device that is down or takes no packet"
	case x.Shortcut == lookup.ShortcutDown:
		return dev + ", which is down"
	case x.Shortcut == lookup.ShortcutNoIPv4:
		return dev + ", whose MTU is too small for IPv4"
	}
	return dev + ", which takes no packet"
}

// noRouteCause is the lack of a route, or of one that can be used.
func noRouteCause(c *report.Cause) string {
	if c.Route == nil {
		return "no route: no table that was asked has one"
	}
	why := candidateWords(&report.Candidate{Route: *c.Route, Reason: c.Reason})
	if c.Reason.Code == lookup.FaultIgnored {
		why = name(c.Reason.Have) + " has no carrier, and ignore_routes_with_linkdown is on"
	}
	return fmt.Sprintf("a route that cannot be used: %s (%s)", routeIn(c.Route), why)
}

// beforeSource is a cause that programs do not meet, because they get no source.
func (x caused) beforeSource(c *report.Cause) string {
	met := *c
	met.Reason, met.State = report.Reason{}, whynot.CauseIs
	return fmt.Sprintf("%s; without an address to choose from, programs get %s before that", x.byTables(&met), programErrno(&x.Decision))
}

// source is the cause about the packet's source.
func (x caused) source(c *report.Cause) string {
	from := x.Looked().From
	bind, info := "EADDRNOTAVAIL", "ENETUNREACH from sendmsg(2) with IP_PKTINFO"
	if from.Is6() {
		info = "EINVAL from sendmsg(2) with IPV6_PKTINFO"
	}
	foreign := fmt.Sprintf("the source %s, which is no address of this host", from)
	switch {
	case c.State == whynot.CauseUnseen && x.r.Errno == route.EADDRNOTAVAIL:
		return "a source that the program binds to and that is no address of this host (--from)"
	case !from.IsValid() && c.State == whynot.CauseNot:
		return "the source: none was given (--from, if the program binds to one)"
	case c.State == whynot.CauseUnseen:
		return "a source that the program gives, and that does not fit (--from)"
	case c.Reason.Code == whynot.CauseScope && c.State == whynot.CauseIs:
		return fmt.Sprintf("the source %s, which is link-local: a program must name its device too, %s%%DEVICE", from, from.WithZone(""))
	case c.Reason.Code == whynot.CauseScope:
		return fmt.Sprintf("the source %s: it is link-local, and without a device gives EINVAL", from)
	case c.Reason.Code == lookup.CodeSrcTentative && c.State == whynot.CauseIs:
		return fmt.Sprintf("the source %s, which this host may not use before its check for duplicates has ended (tentative)", from)
	case c.Reason.Code == lookup.CodeSrcTentative:
		return fmt.Sprintf("the source %s: its check for duplicates has not ended (tentative), but programs get %s from bind(2), or %s", from, bind, info)
	case c.Reason.Code == whynot.CodeNotOwn && c.State == whynot.CauseNot:
		return fmt.Sprintf("the source %s: it is no address of this host, but programs get %s from bind(2), or %s", from, bind, info)
	case c.Reason.Code == whynot.CodeNotOwn && x.r.Errno == route.EADDRNOTAVAIL:
		return foreign + ": bind(2) gives this, unless ip_nonlocal_bind is on"
	case c.Reason.Code == whynot.CodeNotOwn && from.IsMulticast():
		return foreign
	case c.Reason.Code == whynot.CodeNotOwn:
		return foreign + ": " + strings.Replace(info, x.r.Errno.String()+" from ", "", 1) + " gives this"
	case c.State == whynot.CauseIs:
		return fmt.Sprintf("the source %s, which this host may not use", from)
	}
	return fmt.Sprintf("the source %s: it is accepted", from)
}

func withSelector(r *iproute2.Rule) string {
	if sel := r.Selector(); sel != "" {
		return sel + ": " + ruleTarget(r)
	}
	return "from all: " + ruleTarget(r)
}

func negated(not bool, is, isNot string) string {
	if not {
		return isNot
	}
	return is
}

// byOthers is a cause about which the tables say little.
func (x caused) byOthers(c *report.Cause) string {
	not := c.State == whynot.CauseNot
	switch c.Code {
	case whynot.CauseNeighbour:
		return x.neighbour(c)
	case whynot.CauseDeadEnd:
		return x.deadEnd(c)
	case whynot.CauseBroadcast:
		return negated(not, "SO_BROADCAST, which the socket has not set: the destination is a broadcast address", "SO_BROADCAST: the destination is no broadcast address")
	case whynot.CauseGroup:
		if not && x.Looked().Addr().IsMulticast() {
			return "TCP to a group: the packet is refused before that matters"
		}
		return negated(not, "TCP, which connects to no broadcast or multicast address", "TCP to a group: the destination is one host")
	case whynot.CauseScope:
		return negated(not, "a link-local destination without a device: a program must name one, "+x.Looked().Addr().WithZone("").String()+"%DEVICE",
			"a link-local destination without a device: it is none, or it has a device")
	case whynot.CauseNoSource:
		return negated(not, "the choice of a source: no device has an address that fits", "the choice of a source: there is one")
	case whynot.CauseSilence:
		return x.silence(c)
	case whynot.CauseICMP:
		return negated(not, icmpCause(x.r.Errno), "another host's error: the packet does not leave this host")
	case whynot.CauseFirewall:
		return negated(not, firewallCause(x.r.Errno), "a firewall: the packet is refused before one sees it")
	case whynot.CauseNobody:
		return x.nobody(c)
	case whynot.CausePorts:
		if x.r.Errno == route.EADDRINUSE {
			return "a source port that another socket has, or none is left (bind): ss -anp shows who has it"
		}
		return negated(not, "source ports: none is left for this destination", "source ports: the packet is refused before it gets one")
	}
	return x.byPrograms(c)
}

// nobody is the cause that no socket listens at the port.
func (x caused) nobody(c *report.Cause) string {
	s := x.Sockets
	switch {
	case c.State == whynot.CauseNot && s != nil && len(s.Receivers) > 0:
		return fmt.Sprintf("a port at which nobody listens: %s, takes it", socketName(&s.Receivers[0].Socket))
	case c.State == whynot.CauseNot:
		return "nobody who listens: the packet does not get there"
	case c.State == whynot.CauseIs && s != nil:
		return fmt.Sprintf("a port at which nobody listens: no %s socket of this host takes what goes to port %d", s.IPProto, s.Port)
	case c.State == whynot.CausePossible:
		return "a port at which nobody listens: the destination is this host itself, and ss -ltnup shows who listens here"
	}
	return "nobody listens at that port of the destination"
}

// CausesJSON writes the same as JSON: an array with one object for each destination.
func CausesJSON(w io.Writer, all []*report.Causes) error {
	for _, r := range all {
		Annotate(r.Decision)
		x := caused{told{r.Decision}, r}
		for i := range r.Causes {
			r.Causes[i].Text = x.cause(&r.Causes[i])
		}
		x.texts(r.Warnings)
	}
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}
