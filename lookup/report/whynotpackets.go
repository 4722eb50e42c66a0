package report

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// property is a field of a packet, with its value as a flag has it.
type property struct {
	field lookup.Field
	value string
}

// properties are the fields of a packet that are not what they are of another one.
func (n names) properties(f, was *route.Flow) []property {
	var out []property
	add := func(differs bool, field lookup.Field, value any) {
		if differs {
			out = append(out, property{field, fmt.Sprint(value)})
		}
	}
	add(f.Src != was.Src && f.Src.IsValid(), lookup.FieldFrom, f.Src)
	add(f.In != was.In && f.In != 0, lookup.FieldIif, n.dev(f.In))
	add(f.Out != was.Out && f.Out != 0, lookup.FieldOif, n.dev(f.Out))
	add(f.Mark != was.Mark, lookup.FieldMark, fmt.Sprintf("%#x", f.Mark))
	add(f.TOS != was.TOS, lookup.FieldTOS, fmt.Sprintf("%#x", f.TOS))
	add(f.UID != was.UID && f.UID != route.NoUID, lookup.FieldUID, f.UID)
	add(f.Proto != was.Proto, lookup.FieldProto, iproute2.ProtoName(f.Proto))
	add(f.SrcPort != was.SrcPort, lookup.FieldSport, f.SrcPort)
	add(f.DstPort != was.DstPort, lookup.FieldDport, f.DstPort)
	add(f.FlowLabel != was.FlowLabel, lookup.FieldFlowLabel, fmt.Sprintf("%#x", f.FlowLabel))
	for _, x := range []struct {
		gone  bool
		field lookup.Field
	}{
		{f.Src != was.Src && !f.Src.IsValid(), lookup.FieldFrom}, {f.In != was.In && f.In == 0, lookup.FieldIif},
		{f.Out != was.Out && f.Out == 0, lookup.FieldOif},
	} {
		if x.gone {
			out = append(out, property{x.field, ""})
		}
	}
	return out
}

// alterations say what differs of packets. Those that differ from one another in the last
// field alone are put together.
func (n names) alterations(l *look, was *route.Flow, packets []route.Flow) []Alteration {
	out := []Alteration{}
	at := map[string]int{} // by the other fields, and by which is the last
	all := make([][]property, len(packets))
	var usual [][]property // of those that are not refused
	for i := range packets {
		all[i] = n.properties(&packets[i], was)
		if packets[i].TunnelID == was.TunnelID && l.errno(&packets[i]) == 0 {
			usual = append(usual, all[i])
		}
	}
	for i, p := range all {
		if len(p) == 0 || packets[i].TunnelID != was.TunnelID || slices.ContainsFunc(usual, func(o []property) bool { return within(o, p) }) {
			continue
		}
		others, last, refused := p[:len(p)-1], p[len(p)-1], l.errno(&packets[i])
		key := fmt.Sprint(others, last.field, refused)
		k, ok := at[key]
		if !ok {
			k, at[key] = len(out), len(out)
			a := Alteration{Field: last.field, Errno: refused}
			for _, o := range others {
				a.With = append(a.With, Alteration{Field: o.field, Values: []string{o.value}, Ask: []string{}})
			}
			out = append(out, a)
		}
		out[k].Values, out[k].Ask = append(out[k].Values, last.value), append(out[k].Ask, n.asking(l, &packets[i]))
	}
	slices.SortStableFunc(out, func(a, b Alteration) int { return a.rank() - b.rank() })
	return out
}

// within reports whether all properties of a packet are among those of another one, which has
// more: to ask for more is not needed.
func within(few, more []property) bool {
	return len(few) > 0 && len(few) < len(more) && !slices.ContainsFunc(few, func(p property) bool { return !slices.Contains(more, p) })
}

// errno is the error that another packet, or a connection, gets.
func (l *look) errno(f *route.Flow) route.Errno {
	if l.Connects && f.In == 0 {
		return l.FIB.Connect(*f).Decision.Errno
	}
	d := l.FIB.Lookup(*f)
	return d.Errno
}

// rank puts packets first that need few changes, then those that are refused, and sockets
// that are bound to the device last: that they go there is no news.
func (a *Alteration) rank() int {
	switch {
	case a.Field == lookup.FieldOif && a.With == nil:
		return 1 << 11
	case a.Errno != 0:
		return 1<<10 + len(a.With)
	}
	return len(a.With)
}

// asking is the command that asks about a packet.
func (n names) asking(l *look, f *route.Flow) string {
	usual := route.Flow{UID: l.User, Proto: (&Packet{}).protoOf(f.Dst)}
	to := f.Dst.String()
	if l.Connects && f.DstPort != 0 && f.In == 0 {
		to = netip.AddrPortFrom(f.Dst, f.DstPort).String()
		usual.Proto, usual.DstPort = route.ProtoTCP, f.DstPort
	}
	words := []string{"routewhy", to}
	for _, p := range n.properties(f, &usual) {
		words = append(words, "--"+string(p.field), iproute2.Safe(p.value))
	}
	return strings.Join(words, " ")
}
