package text

import (
	"fmt"
	"math/big"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/lookup/whynot"
	"routewhy/route/iproute2"
)

// ways writes which changes on the host would make the packet go as wanted.
func (p *page) ways(x missed) {
	p.blank()
	if len(x.r.Ways) == 0 {
		text := "no change of a route, a rule, a device or a setting that was tried makes it so"
		if x.noneAtAll() {
			text = "no gateway is known of which a default route could be made"
		}
		if x.r.NotOffered > 0 {
			text = fmt.Sprintf("%s would make it so, and end your session", agree(x.r.NotOffered, "change", "changes"))
		}
		p.line("  " + text)
	} else {
		so := "so"
		if x.r.Sometimes {
			so = "so for all flows"
			if x.byAddresses() != "" {
				so = "sure"
			}
		}
		which := ", any one of these (each was tried on a copy)"
		if len(x.r.Ways) == 1 {
			which = " (tried on a copy)"
		}
		p.line("  to make it " + so + which)
	}
	for i := range x.r.Ways {
		w := &x.r.Ways[i]
		for k, c := range w.Commands {
			note := ""
			if k == len(w.Commands)-1 {
				note = "moves " + moved(w) + wayFault(w)
			}
			if textWidth(c)+textWidth(note)+8 <= p.st.width() {
				p.command("    " + pad(c, min(52, p.st.width()-4-2-textWidth(note))) + "  " + p.st.paint(dim, note))
				continue
			}
			p.command("    " + c)
			if note != "" {
				p.block("      ", note, dim)
			}
		}
	}
	if n := x.r.NotOffered; n > 0 && len(x.r.Ways) > 0 {
		p.line("    " + agree(n, "more change", "more changes") + " would end your session")
	}
}

// wayFault says what is wrong with the way that the packet then takes; empty: nothing is
// known to be.
func wayFault(w *report.Way) string {
	if w.Sometimes {
		return "; then " + chance(w) + wayTo(w)
	}
	return wayTo(w)
}

// chance says that a way is for a part of all flows.
func chance(w *report.Way) string {
	if w.Share > 0 {
		return "a hash chooses, with a chance of " + share(w.Share)
	}
	return "a hash chooses"
}

// wayTo says what is wrong where packets then go.
func wayTo(w *report.Way) string {
	if w.Errno != 0 {
		return "; then the packet is refused: " + w.Errno.String()
	}
	if w.DeadEnd != nil {
		switch w.DeadEnd.Code {
		case lookup.NoteNoPort:
			return "; but " + name(w.DeadEnd.Have) + " has no port"
		case whynot.CodeByLoopback:
			return "; but what leaves by " + name(w.DeadEnd.Have) + " comes back to this host"
		case whynot.CodeLoopback:
			return "; but other hosts drop packets to a loopback address"
		}
		if text := wrong(*w.DeadEnd, true); text != "" {
			return "; but " + text
		}
	}
	text := ""
	if w.Direct != "" {
		text = fmt.Sprintf("; it must answer on %s itself", iproute2.Safe(w.Direct))
	}
	switch {
	case w.ConnectErrno != 0:
		text += "; a connected socket looks up again with its source, and is refused: " + w.ConnectErrno.String()
	case w.PacketAlone:
		text += "; a connected socket's packets still go elsewhere"
	}
	if w.Connected != "" {
		text += fmt.Sprintf("; a connected socket's packets then leave by %s", iproute2.Safe(w.Connected))
	}
	if w.SecondRule {
		text += "; this is another rule of that priority"
	}
	return text + unnumbered(w)
}

// unnumbered says that the device of a new route has no address, and which source packets get;
// empty: it has one.
func unnumbered(w *report.Way) string {
	dev := iproute2.Safe(w.Unnumbered)
	what := "no address"
	if w.LinkLocal {
		what = "no address except a link-local one"
	}
	switch {
	case w.Unnumbered == "":
		return ""
	case !w.Src.IsValid():
		return fmt.Sprintf("; %s has %s, so packets have no source", dev, what)
	}
	return fmt.Sprintf("; %s has %s, so packets leave from %s", dev, what, w.Src)
}

// moved says which other packets would go differently.
func moved(w *report.Way) string {
	text := "very many addresses"
	if w.Addresses != nil {
		text = roughly(w.Addresses)
	}
	switch {
	case w.SocketsUnread:
	case w.Sockets == 0:
		text += ", 0 connections"
	default:
		text += ", " + count(w.Sockets, "connection") + stranded(w)
	}
	return text
}

// stranded says how many of the connections that move keep a source that is none of their new
// device's.
func stranded(w *report.Way) string {
	switch {
	case w.Stranded == 0:
		return ""
	case w.Sockets == 1:
		return ", which keeps its source and very likely breaks"
	case w.Stranded == w.Sockets:
		return ", which keep their sources and very likely break"
	case w.Stranded == 1:
		return ", one of which keeps its source and very likely breaks"
	}
	return fmt.Sprintf(", %d of which keep their sources and very likely break", w.Stranded)
}

// roughly is a number of addresses. One that only IPv6 has is a part of all its addresses,
// or a power of two: nobody reads 39 digits.
func roughly(n *big.Int) string {
	const all = 128
	if n.BitLen() <= 64 {
		return addresses(n)
	}
	share, _ := new(big.Rat).SetFrac(n, new(big.Int).Lsh(big.NewInt(1), all)).Float64()
	if share < 0.01 {
		return fmt.Sprintf("about 2^%d addresses", n.BitLen()-1)
	}
	return fmt.Sprintf("%.1f%% of all IPv6 addresses", 100*share)
}

// maxAlterations is how many kinds of packets are shown without -v.
const maxAlterations = 4

// otherPackets writes which packets go where the user wants.
func (p *page) otherPackets(x missed) {
	p.blank()
	if x.r.NoPacket && x.ofDefault() {
		return
	}
	if x.r.NoPacket {
		what := "packet"
		if x.r.Connects {
			what = "connection"
		}
		if x.Looked().Iif != "" {
			what = "received packet"
		}
		p.line("  no " + what + " to this destination " + x.is())
		return
	}
	if len(x.r.Packets) == 0 {
		return
	}
	if x.r.Connects {
		p.line("  connections that do")
	} else {
		p.line("  packets that do")
	}
	for i := range x.r.Packets {
		if i == maxAlterations && !p.st.Verbose {
			p.line(fmt.Sprintf("    and %d more (-v)", len(x.r.Packets)-i))
			return
		}
		a := &x.r.Packets[i]
		what := altered(a)
		if a.Errno != 0 {
			what += ", but it is refused: " + a.Errno.String()
		}
		p.aligned("    "+pad(what, 26), "    "+what, a.Ask[0], plain)
	}
}

// altered says in what way packets differ.
func altered(a *report.Alteration) string {
	out := ""
	for i := range a.With {
		out += fieldWith(&a.With[i]) + ", "
	}
	last := fieldWith(a)
	if out != "" {
		last = strings.TrimPrefix(last, "with ")
	}
	return out + last
}

func fieldWith(a *report.Alteration) string {
	var said, values []string
	for _, v := range a.Values {
		if v == "" {
			said = append(said, without(a.Field))
		} else {
			values = append(values, iproute2.Safe(v))
		}
	}
	if len(values) > 0 {
		said = append(said, fieldIs(a.Field, alternatives(values)))
	}
	return strings.Join(said, " or ")
}

// without says that a packet does not have a field.
func without(f lookup.Field) string {
	switch f {
	case lookup.FieldFrom:
		return "without a source"
	case lookup.FieldIif:
		return "sent by this host"
	}
	return "not bound to a device"
}

// fieldIs says which value a field has.
func fieldIs(f lookup.Field, v string) string {
	switch f {
	case lookup.FieldFrom:
		return "from " + v
	case lookup.FieldIif:
		return "received on " + v
	case lookup.FieldOif:
		return "bound to " + v
	case lookup.FieldMark:
		return "with mark " + v
	case lookup.FieldTOS:
		return "with TOS " + v
	case lookup.FieldUID:
		return "with uid " + v
	case lookup.FieldProto:
		return "of protocol " + v
	case lookup.FieldSport:
		return "from port " + v
	case lookup.FieldDport:
		return "to port " + v
	}
	return "with flow label " + v
}
