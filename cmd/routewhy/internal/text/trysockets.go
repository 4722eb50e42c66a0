package text

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/lookup/change"
	"routewhy/lookup/connections"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// tryYou says what happens to the sessions that the caller is in.
func (p *page) tryYou(t *report.Try) {
	for i := range t.Sockets {
		s := &t.Sockets[i]
		switch {
		case !s.Yours:
		case s.Lost:
			p.detail("you", fmt.Sprintf("%s would be lost: %s", p.session(s), lossWords(s)), red)
		case s.MayBeLost:
			p.detail("you", fmt.Sprintf("%s may be lost: %s", p.session(s), lossWords(s)), red)
		case s.Perhaps:
			p.detail("you", p.session(s)+" may move: a hash chooses its way", yellow)
		case s.Moves:
			p.detail("you", fmt.Sprintf("%s goes on, %s", p.session(s), wayWords(&s.After)), yellow)
		case len(t.Commands) > 0: // otherwise nothing was tried
			p.detail("you", p.session(s)+" stays", plain)
		}
	}
	if s := t.Swallowed(); s != nil {
		p.detail("tunnel", fmt.Sprintf("%s (%d), which carries %s, would send its packets for %s into it: they never get out",
			iproute2.Safe(s.Comm), s.PID, iproute2.Safe(s.Carries), s.Remote), red)
	}
	if t.SessionUnknown != "" {
		p.detail("you", "you are here by mosh, and where its client is cannot be told: whether your session stays is not known", yellow)
	}
}

// session names a connection that carries a session.
func (p *page) session(s *report.TrySocket) string {
	text := fmt.Sprintf("%s %s %s %s", sessionName(s), s.Remote, p.st.arrow(), s.Local)
	if s.Through != "" {
		text += ", in " + s.Through + ","
	}
	return text
}

// sessionName says whose session a connection carries, and which program carries it.
func sessionName(s *report.TrySocket) string {
	name := strings.TrimSuffix(iproute2.Safe(s.Server), "d")
	if s.Server == "sshd" {
		name = "ssh"
	}
	switch {
	case s.Any && s.Comm == "": // it could not be read whose session it is
		return "what may be an ssh session"
	case s.Any:
		return fmt.Sprintf("the %s session", name)
	}
	return fmt.Sprintf("your %s session", name)
}

// lossWords say why a connection is lost, and which mark decides that.
func lossWords(s *report.TrySocket) string {
	mark := fmt.Sprintf("the mark %#x", s.Reason.Mark)
	if s.Reason.Setter != nil {
		mark += " in " + chainWords(s.Reason.Setter)
	}
	switch {
	case s.Reason.Mark == 0:
		return lossReason(s)
	case s.Reason.Spared:
		return fmt.Sprintf("%s, unless its packets get %s", lossReason(s), mark)
	case s.Reason.Setter == nil:
		return fmt.Sprintf("if its packets get %s, %s; what sets marks is not read", mark, lossReason(s))
	}
	return fmt.Sprintf("its packets may get %s, and then %s", mark, lossReason(s))
}

// lossReason says why a connection is lost.
func lossReason(s *report.TrySocket) string {
	dev := iproute2.Safe(s.Reason.Dev)
	switch s.Reason.Code {
	case connections.LostRefused:
		return fmt.Sprintf("its answers get %s, %q", s.After.Errno, s.After.Errno.Text())
	case connections.LostSource:
		return fmt.Sprintf("what arrives for %s would not be delivered here any more", s.Local.Addr())
	case connections.LostReversePath:
		return fmt.Sprintf("the reverse-path filter of %s would drop what the other end sends", dev)
	case connections.LostDevice:
		return dev + " would be down" + mayArrive(s)
	case connections.LostCarrier:
		return dev + " would have no carrier" + mayArrive(s)
	case connections.LostLower:
		return fmt.Sprintf("nothing would get from %s out by %s any more%s", dev, iproute2.Safe(s.Reason.Below), mayArrive(s))
	case connections.LostPort:
		return portWords(s)
	case connections.LostAttribute:
		if s.Reason.Attribute == "address" {
			return fmt.Sprintf("%s gets another hardware address, and neighbours send to the old one until they ask again", iproute2.Safe(s.Reason.Below))
		}
		return fmt.Sprintf("it goes through %s, and what the %s does is not looked at", iproute2.Safe(s.Reason.Below), iproute2.Safe(s.Reason.Attribute))
	case connections.LostElsewhere:
		return fmt.Sprintf("its answers would leave %s and keep the source %s", wayWords(&s.After), s.Local.Addr())
	case connections.LostGateway:
		return fmt.Sprintf("its answers would go straight to %s, where the other end is not", devicesOf(&s.After))
	case connections.LostUnheard:
		return fmt.Sprintf("it moves to %s on %s, and whether that answers is not known: the neighbour table has no entry of it that works", s.Reason.Neighbour, dev)
	case connections.LostNeighbour:
		return fmt.Sprintf("the neighbour entry of %s on %s is set by hand, and whether packets reach it then is not known", s.Reason.Neighbour, dev)
	case connections.LostAsPort:
		return fmt.Sprintf("%s would be a port, which gets no answers of %s: the session lasts only as long as the neighbour entry does", dev, s.Reason.Neighbour)
	case connections.LostItself:
		return fmt.Sprintf("its packets would go into %s, which it carries itself", dev)
	case connections.LostExpiring:
		return fmt.Sprintf("%s goes after %s s, unless something renews it", expiring(s), strconv.FormatFloat(s.Reason.Seconds, 'f', -1, 64))
	case connections.LostOtherHere:
		return fmt.Sprintf("%s, the other end's address, would be this host's own", s.Remote.Addr())
	case connections.LostDead:
		if s.Reason.Neighbour.IsValid() {
			return fmt.Sprintf("its gateway %s does not answer", s.Reason.Neighbour)
		}
		return "nothing gets out " + wayWords(&s.After)
	}
	return string(s.Reason.Code)
}

// expiring names what of a connection gets a lifetime.
func expiring(s *report.TrySocket) string {
	if s.Reason.Attribute == "route" {
		return "its route"
	}
	return "its address " + s.Local.Addr().String()
}

// mayArrive says why a connection that leaves by another device may be lost all the same.
func mayArrive(s *report.TrySocket) string {
	switch {
	case !s.MayBeLost:
		return ""
	case slices.ContainsFunc(s.After.NextHops, func(h report.NextHop) bool { return h.Dev == s.Reason.Dev }):
		return ", and a hash may choose it"
	}
	return ", and the other end's packets may arrive by it"
}

// portWords say that a port of a bridge carries nothing any more.
func portWords(s *report.TrySocket) string {
	dev, port := iproute2.Safe(s.Reason.Dev), iproute2.Safe(s.Reason.Below)
	text := fmt.Sprintf("nothing would get from %s out by %s any more", dev, port)
	if s.MayBeLost {
		return text + ", and which port leads to the other end is not read"
	}
	if s.Reason.Neighbour.IsValid() {
		return fmt.Sprintf("%s, and %s is reached by that port", text, s.Reason.Neighbour)
	}
	return text + ", and it has no other port that works"
}

// arrow is the sign between the two ends of a connection.
func (s Style) arrow() string {
	if s.Unicode {
		return "→"
	}
	return "->"
}

// wayWords say by which devices a packet leaves.
func wayWords(d *report.Decision) string { return "by " + devicesOf(d) }

// devicesOf are the devices by which a packet may leave.
func devicesOf(d *report.Decision) string {
	var out []string
	for i := range d.NextHops {
		name := iproute2.Safe(d.NextHops[i].Dev)
		if len(out) == 0 || out[len(out)-1] != name {
			out = append(out, name)
		}
	}
	return alternatives(out)
}

// trySockets says what happens to the other live connections.
func (p *page) trySockets(t *report.Try) {
	if t.SocketsUnread != "" {
		p.detail("sockets", "not read: "+iproute2.Safe(t.SocketsUnread), yellow)
		return
	}
	var lost, unsure, moved, maybe int
	for i := range t.Sockets {
		switch s := &t.Sockets[i]; {
		case s.Yours && !p.st.Verbose:
		case s.Lost:
			lost++
		case s.MayBeLost:
			unsure++
		case s.Perhaps:
			maybe++
		case s.Moves:
			moved++
		}
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", counted(n, "connection"), what))
		}
	}
	add(lost, "would be lost")
	add(unsure, "may be lost")
	add(moved, "would move and go on")
	add(maybe, "may move: a hash chooses")
	if len(parts) == 0 {
		return
	}
	text := strings.Join(parts, ", ")
	if !p.st.Verbose {
		p.detail("sockets", text+"; -v lists them", yellow)
		return
	}
	p.detail("sockets", text, yellow)
	for i := range t.Sockets {
		if s := &t.Sockets[i]; s.Lost || s.MayBeLost || s.Moves {
			p.block(strings.Repeat(" ", labelWidth), p.socketWords(s), plain)
		}
	}
}

// counted is a number and the name of the things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// socketWords say what happens to a connection.
func (p *page) socketWords(s *report.TrySocket) string {
	text := fmt.Sprintf("%s %s %s %s", s.Proto, s.Local, p.st.arrow(), s.Remote)
	if s.Comm != "" {
		text += fmt.Sprintf(" %s (%d)", iproute2.Safe(s.Comm), s.PID)
	}
	switch {
	case s.Lost:
		return text + ": lost, " + lossWords(s)
	case s.MayBeLost:
		return text + ": may be lost, " + lossWords(s)
	case s.Perhaps:
		return text + ": may move"
	}
	return text + ": moves from " + devicesOf(&s.Before) + " to " + devicesOf(&s.After)
}

// trySafe writes the commands that would keep the caller's session.
func (p *page) trySafe(t *report.Try) {
	if len(t.Safe) == 0 {
		return
	}
	label := "safe"
	for _, c := range t.Safe {
		p.command("  " + pad(label, labelWidth-2) + p.st.paint(green, c))
		label = ""
	}
	p.detail("", "first, and your session stays", plain)
}

// maxUndoShown is how many commands of the way back are shown without -v.
const maxUndoShown = 6

// tryUndo writes the commands that restore the present state.
func (p *page) tryUndo(t *report.Try) {
	label := "undo"
	put := func(text string, i ink) {
		p.detail(label, text, i)
		label = ""
	}
	command := func(text string) { // it is not wrapped, because the user copies it
		p.command("  " + pad(label, labelWidth-2) + text)
		label = ""
	}
	switch {
	case t.UndoLong > 0:
		put(fmt.Sprintf("%d routes went or came: --undo works out the commands that bring them back", t.UndoLong), plain)
		return
	case len(t.Undo) > maxUndoShown && !p.st.Verbose:
		put(fmt.Sprintf("%d commands: --undo prints them", len(t.Undo)), plain)
	default:
		for _, c := range t.Undo {
			command(c)
		}
	}
	var addrs, routes int
	gone := slices.ContainsFunc(t.UndoLeft, func(l report.Leftover) bool { return l.Code == change.LeftDevice })
	for i := range t.UndoLeft {
		switch c := t.UndoLeft[i].Code; {
		case p.st.Verbose || !gone:
		case c == change.LeftAddress:
			addrs++
			continue
		case c == change.LeftRoute:
			routes++
			continue
		}
		if text := leftWords(&t.UndoLeft[i]); text != "" && (p.st.Verbose || !minor(t.UndoLeft[i].Code)) {
			put("does not bring back "+text, yellow)
		}
	}
	if text := manyLeft(addrs, routes); text != "" {
		put("does not bring back "+text+" (-v)", yellow)
	}
}

// manyLeft counts what is not restored after a device is gone; empty: nothing is
// left.
func manyLeft(addrs, routes int) string {
	var parts []string
	switch {
	case addrs == 1:
		parts = append(parts, "1 address")
	case addrs > 1:
		parts = append(parts, fmt.Sprintf("%d addresses", addrs))
	}
	if routes > 0 {
		parts = append(parts, "routes to "+counted(routes, "destination"))
	}
	return strings.Join(parts, ", and ")
}

// minor reports whether something that is not restored is told only with the details.
func minor(c change.LeftoverCode) bool {
	return c == change.LeftUnmerged || c == change.LeftUnread || c == change.LeftAddrOrder || c == change.LeftFirst
}

// UndoLeft says in words what the way back does not restore, one line for each.
func UndoLeft(t *report.Try) []string {
	var out []string
	for i := range t.UndoLeft {
		out = append(out, leftWords(&t.UndoLeft[i]))
	}
	return out
}

// leftWords put into words something that is not restored.
func leftWords(l *report.Leftover) string {
	dev := iproute2.Safe(l.Dev)
	switch l.Code {
	case change.LeftDevice:
		return "the device " + dev + ", which is gone"
	case change.LeftDeviceState:
		return "the state of " + dev
	case change.LeftSetting:
		return "the setting " + iproute2.Safe(l.Path)
	case change.LeftUnread:
		return "the setting " + iproute2.Safe(l.Path) + ", which was not read"
	case change.LeftAddress:
		return fmt.Sprintf("the address %s of %s", l.Prefix, dev)
	case change.LeftTemporary:
		return fmt.Sprintf("that %s of %s is a temporary address", l.Prefix, dev)
	case change.LeftAddrOrder:
		return "the order of the addresses of " + dev
	case change.LeftRule:
		return fmt.Sprintf("rule %d", l.Priority)
	case change.LeftObject:
		return fmt.Sprintf("the next-hop object %d", l.ID)
	case change.LeftTimers:
		return fmt.Sprintf("the timers of the next-hop object %d, which are not read", l.ID)
	case change.LeftRoute:
		return fmt.Sprintf("a route to %s in table %s, or the order of its routes", l.Prefix, iproute2.Safe(l.Table))
	case change.LeftFirst:
		return fmt.Sprintf("the order of the routes to %s: %s was first, for packets that name no device", firstWhere(l.Prefix), dev)
	case change.LeftNeighbour:
		return fmt.Sprintf("the neighbour entry of %s on %s", l.Prefix.Addr(), dev)
	case change.LeftHardware:
		return "the hardware address of " + dev
	case change.LeftPort:
		return "what else was set for " + dev + " as a port"
	case change.LeftAttribute:
		return fmt.Sprintf("the %s of %s", iproute2.Safe(l.Attribute), dev)
	case change.LeftUnmerged:
		return "that tables local and main are searched as one, which ends with the first rule that is added or deleted"
	case change.LeftLifetime:
		return fmt.Sprintf("how long %s has still to live: that begins anew", l.Prefix)
	case change.LeftAdvertised:
		return fmt.Sprintf("that router advertisements renew %s", l.Prefix)
	}
	return string(l.Code)
}

// firstWhere names the routes of which each device has one, and whose order is another one.
func firstWhere(dst netip.Prefix) string {
	if !dst.IsValid() {
		return "fe80::/64 and ff00::/8"
	}
	return dst.String()
}

// tryKernel says what the kernel did with the commands in a separate namespace.
func (p *page) tryKernel(t *report.Try) {
	switch k := t.Kernel; {
	case k == nil:
	case !k.Rehearsed:
		p.detail("kernel", "not asked: "+iproute2.Safe(k.Why), plain)
	case k.Agrees:
		p.detail("kernel", "agrees: it did the same in a namespace of its own", plain)
	default:
		p.detail("kernel", "disagrees: "+differenceWords(k.Difference)+". The kernel is right: please report it", red)
	}
}

// differenceWords say what the kernel said or did differently.
func differenceWords(d *report.TryDifference) string {
	if d.Command == "" {
		var parts []string
		for i := range d.Result {
			parts = append(parts, leftWords(&d.Result[i]))
		}
		return "in a namespace of its own, in the end these differ: " + strings.Join(parts, "; ")
	}
	return fmt.Sprintf("in a namespace of its own, to %s it says %s; routewhy says %s", iproute2.Safe(d.Command), verdictWords(d.Kernel), verdictWords(d.Routewhy))
}

func verdictWords(v report.TryVerdict) string {
	switch {
	case v.Errno == 0:
		return "accepted"
	case v.Message != "":
		return fmt.Sprintf("%q (%s)", v.Message, v.Errno)
	}
	return fmt.Sprintf("%q (%s)", v.Errno.Text(), v.Errno)
}
