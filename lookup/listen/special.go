package listen

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"routewhy/route"
)

// clientPort is the port that clients are assumed to have. It is the first of the range that
// is for clients (RFC 6335 section 6), and is also in the range from which Linux chooses.
const clientPort = 49152

// special says which rules of a family may apply to a socket: to the packets that come to
// it, to the look-up that checks their source, and to its answers. Each is a number, which
// is the same for sockets that the rules treat alike.
type special struct{ in, check, out int }

// demands are the rules of a family that ask for something that depends on the socket: a
// protocol, ports, a mark or a user.
type demands struct {
	rules []demand
	sets  [][]int32 // places in rules; the first set is empty
	ids   map[string]int
	apply map[setAt]int
}

// demand is such a rule.
type demand struct {
	*route.Rule
	// effect is the same for rules that do the same to the same packets, if the socket has
	// what each rule asks for. A `not` rule has an effect of its own. If rules jump, every
	// rule has.
	effect int
	// place is the same for two rules if no rule between them can decide for all sockets
	// alike.
	place int
}

type setAt struct {
	set      int
	addr     netip.Addr
	incoming bool
}

// effect is what a rule does, and to which packets, without what it asks of the socket.
type effect struct {
	action   route.Action
	table    route.Table
	length   int
	group    int64
	selector route.Selector
	own      int
}

func demandsOf(s *route.Snapshot, fam route.Family) *demands {
	d := &demands{sets: [][]int32{nil}, ids: map[string]int{"": 0}, apply: map[setAt]int{}}
	jumps := slices.ContainsFunc(s.Rules, func(r route.Rule) bool { return r.Family == fam && r.Action == route.ActionGoto })
	effects := map[effect]int{}
	place := 0
	for i := range s.Rules {
		r := &s.Rules[i]
		switch sel := &r.Selector; {
		case r.Family != fam:
			continue
		case sel.MarkMask == 0 && !sel.HasUIDs && sel.Proto == 0 && sel.SrcPort == (route.PortRange{}) && sel.DstPort == (route.PortRange{}):
			place++
			continue
		}
		e := effect{action: r.Action, table: r.Table, length: r.SuppressPrefixLen, group: r.SuppressGroup, selector: r.Selector}
		e.selector.Mark, e.selector.MarkMask, e.selector.UIDs, e.selector.HasUIDs = 0, 0, route.UIDRange{}, false
		e.selector.Proto, e.selector.SrcPort, e.selector.DstPort = 0, route.PortRange{}, route.PortRange{}
		if jumps || r.Selector.Not || len(r.Unknown) > 0 {
			e.own = i + 1
			place++
		}
		if _, ok := effects[e]; !ok {
			effects[e] = len(effects)
		}
		d.rules = append(d.rules, demand{r, effects[e], place})
	}
	return d
}

// of says which of the rules may apply to a socket.
func (d *demands) of(s *route.Socket) special {
	if len(d.rules) == 0 {
		return special{}
	}
	port := s.Local.Port()
	holds := func(r *demand, src, dst uint16, mark, uid uint32) bool {
		sel := &r.Selector
		return (sel.Proto == 0 || sel.Proto == s.Proto) && sel.SrcPort.Holds(src) && sel.DstPort.Holds(dst) &&
			(mark^sel.Mark)&sel.MarkMask == 0 && (!sel.HasUIDs || sel.UIDs.Start <= uid && uid <= sel.UIDs.End)
	}
	return special{
		in:    d.set(func(r *demand) bool { return holds(r, clientPort, port, 0, 0) }),
		check: d.set(func(r *demand) bool { return holds(r, port, clientPort, 0, 0) }),
		out:   d.set(func(r *demand) bool { return holds(r, port, clientPort, s.Mark, s.UID) }),
	}
}

// set is the number of the set of rules for which holds is true.
func (d *demands) set(holds func(*demand) bool) int {
	var all []int32
	for i := range d.rules {
		if holds(&d.rules[i]) {
			all = append(all, int32(i))
		}
	}
	return d.number(all)
}

// number gives a set of rules its number. Sets have the same number if their rules do the
// same in the same order. A rule that does the same as an earlier one is left out.
func (d *demands) number(all []int32) int {
	var text []byte
	var kept []int32
	for _, i := range all {
		r := &d.rules[i]
		if slices.ContainsFunc(kept, func(j int32) bool { return d.rules[j].effect == r.effect }) {
			continue
		}
		kept = append(kept, i)
		text = binary.AppendUvarint(binary.AppendUvarint(text, uint64(r.effect)), uint64(r.place))
	}
	id, ok := d.ids[string(text)]
	if !ok {
		id = len(d.sets)
		d.ids[string(text)] = id
		d.sets = append(d.sets, kept)
	}
	return id
}

// at is the number of the rules of a set that can select packets to an address of this host,
// or from it.
func (d *demands) at(set int, a netip.Addr, incoming bool) int {
	if set == 0 {
		return 0
	}
	key := setAt{set, a, incoming}
	id, ok := d.apply[key]
	if !ok {
		var all []int32
		for _, i := range d.sets[set] {
			sel := &d.rules[i].Selector
			p := sel.Src
			if incoming {
				p = sel.Dst
			}
			if sel.Not || !p.IsValid() || p.Contains(a) {
				all = append(all, i)
			}
		}
		id = d.number(all)
		d.apply[key] = id
	}
	return id
}
