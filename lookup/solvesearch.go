package lookup

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"routewhy/route"
)

// search is the search for packets. It begins with some packets, and goes on to packets
// that differ from one of these in more and more fields. For each field it tries one value
// of each kind: values that no rule, route or device distinguishes are of one kind.
type search struct {
	m      *prober
	fam    route.Family
	like   route.Flow
	goal   func(*sketch) bool
	admits func(*route.Flow) bool // a packet may lead to a solution; nil: all may

	enough int // how many packets suffice
	most   int // how many may be tried

	starts []route.Flow
	dsts   []netip.Addr
	moves  []func(route.Flow) route.Flow // nil: they were not needed yet

	seen     map[route.Flow]bool
	found    []route.Flow
	complete bool
}

func (s *Solver) search(fam route.Family, like route.Flow) *search {
	return &search{
		m: s.m, fam: fam, like: like, seen: map[route.Flow]bool{}, complete: true,
		enough: cmp.Or(s.Enough, maxSolutions), most: cmp.Or(s.Most, maxTried),
	}
}

// allMoves adds the changes of all fields.
func (x *search) allMoves() {
	x.ruleMoves()
	x.deviceMoves()
	x.sourceMoves()
	for _, t := range x.m.tos {
		x.move(func(f *route.Flow) { f.TOS = t })
	}
	if x.like.Dst.IsValid() {
		return
	}
	for _, a := range x.dsts {
		x.move(func(f *route.Flow) { f.Dst = a })
	}
}

// destinations sets which destinations there are to try within a prefix.
func (x *search) destinations(within netip.Prefix) {
	if x.like.Dst.IsValid() {
		x.dsts = []netip.Addr{x.like.Dst}
		return
	}
	x.dsts = x.classes(within)
}

// startBy adds packets to those that are tried first: the packets that a selector matches,
// to each destination.
func (x *search) startBy(sel *route.Selector) {
	for _, dst := range x.dsts {
		flow := x.like
		flow.Dst = dst
		x.starts = append(x.starts, x.m.packets(sel, flow, nil)...)
		x.starts = append(x.starts, flow)
	}
}

// move adds the change of one field.
func (x *search) move(change func(*route.Flow)) {
	x.moves = append(x.moves, func(f route.Flow) route.Flow {
		change(&f)
		return f
	})
}

// ruleMoves adds values that the rules distinguish.
func (x *search) ruleMoves() {
	for _, r := range x.m.family(x.fam).rules {
		s := &r.Selector
		if s.MarkMask != 0 {
			x.move(func(f *route.Flow) { f.Mark = f.Mark&^s.MarkMask | s.Mark })
			x.move(func(f *route.Flow) { f.Mark &^= s.MarkMask })
			x.move(func(f *route.Flow) { f.Mark ^= s.MarkMask & -s.MarkMask })
		}
		if s.HasUIDs {
			x.uidMoves(0, s.UIDs.Start, s.UIDs.End+1)
		}
		if s.TOS != 0 {
			x.move(func(f *route.Flow) { f.TOS = s.TOS })
			x.move(func(f *route.Flow) { f.TOS = 0 })
		}
		if s.HasDSCP {
			mask := s.DSCPMask << 2
			x.move(func(f *route.Flow) { f.TOS = f.TOS&^mask | s.DSCP<<2 })
			x.move(func(f *route.Flow) { f.TOS ^= mask & -mask })
		}
		if s.FlowLabelMask != 0 {
			x.move(func(f *route.Flow) { f.FlowLabel = f.FlowLabel&^s.FlowLabelMask | s.FlowLabel })
			x.move(func(f *route.Flow) { f.FlowLabel ^= s.FlowLabelMask & -s.FlowLabelMask })
		}
		if s.Proto != 0 {
			x.move(func(f *route.Flow) { f.Proto = s.Proto })
			x.move(func(f *route.Flow) { f.Proto = OtherProto })
		}
		x.portMoves(s.SrcPort, func(f *route.Flow) *uint16 { return &f.SrcPort })
		x.portMoves(s.DstPort, func(f *route.Flow) *uint16 { return &f.DstPort })
		if s.TunnelID != 0 {
			x.move(func(f *route.Flow) { f.TunnelID = s.TunnelID })
			x.move(func(f *route.Flow) { f.TunnelID = 0 })
		}
	}
}

// OtherProto is a protocol that no rule is likely to ask for (RFC 3692: for
// experiments).
const OtherProto = 253

func (x *search) uidMoves(uids ...uint32) {
	for _, u := range uids {
		x.move(func(f *route.Flow) { f.UID = u })
	}
}

func (x *search) portMoves(p route.PortRange, port func(*route.Flow) *uint16) {
	switch {
	case p == route.PortRange{}:
		return
	case p.Mask != 0:
		x.move(func(f *route.Flow) { *port(f) = *port(f)&^p.Mask | p.Start&p.Mask })
		x.move(func(f *route.Flow) { *port(f) ^= p.Mask & -p.Mask })
		return
	}
	values := []uint16{0, p.Start}
	if p.End < math.MaxUint16 {
		values = append(values, p.End+1)
	}
	for _, n := range values {
		x.move(func(f *route.Flow) { *port(f) = n })
	}
}

// maxClasses is how many devices, and how many addresses, are tried at most.
const maxClasses = 256

// deviceMoves adds the devices by which packets come in, or which they are bound to.
func (x *search) deviceMoves() {
	x.move(func(f *route.Flow) { f.In = 0 })
	x.move(func(f *route.Flow) { f.Out = 0 })
	for i, d := range x.m.devices {
		if i == maxClasses {
			x.complete = false
			return
		}
		x.move(func(f *route.Flow) { f.Out, f.In = d.Index, 0 })
		if d.Index == route.LoopbackIndex || x.m.Receiver(d.Index) != d.Index {
			continue
		}
		x.move(func(f *route.Flow) { f.In, f.Out = d.Index, 0 })
	}
}

// sourceMoves adds the sources that rules, routes and addresses distinguish.
func (x *search) sourceMoves() {
	x.move(func(f *route.Flow) { f.Src = netip.Addr{} })
	for _, a := range x.classes(x.fam.Default()) {
		x.move(func(f *route.Flow) { f.Src = a })
	}
}

// classes are addresses within a prefix, one of each kind: addresses of one kind are in
// the same prefixes of rules, routes and addresses.
func (x *search) classes(within netip.Prefix) []netip.Addr {
	within = within.Masked()
	all := []netip.Prefix{within}
	seen := map[netip.Prefix]bool{within: true}
	add := func(p netip.Prefix) bool {
		if p.Bits() <= within.Bits() || !within.Contains(p.Addr()) || seen[p] {
			return true
		}
		if len(all) == maxClasses {
			x.complete = false
			return false
		}
		seen[p] = true
		all = append(all, p)
		return true
	}
	for _, p := range blocks(x.fam) {
		add(netip.MustParsePrefix(p))
	}
	x.m.ownCuts(x.fam, add)
	slices.SortFunc(all, netip.Prefix.Compare)
	var out []netip.Addr
	for i, p := range all {
		var c cover
		c.start(p)
		for _, sub := range all[i+1:] {
			if !p.Contains(sub.Addr()) {
				break
			}
			c.add(sub)
		}
		c.finish()
		if c.best.IsValid() {
			out = append(out, c.best)
		}
	}
	return out
}

// blocks are those of apart that decide which rule or entry takes a packet, and of
// multicast addresses those of a few scopes. The rest of apart matters only where a source
// is chosen.
func blocks(fam route.Family) []string {
	if fam == route.IPv4 {
		return apart(fam)
	}
	return []string{"::/128", "::1/128", "::ffff:0.0.0.0/96", "fe80::/10", "ff00::/8", "ff01::/16", "ff02::/16", "ff0e::/16"}
}

// run searches until no packet is left to be tried, or there are enough.
func (x *search) run() Solution {
	queue := x.add(nil, x.starts...)
	for len(queue) > 0 && len(x.found) < x.enough {
		flow := queue[0]
		queue = queue[1:]
		t := x.m.try(flow)
		if t == nil || len(x.seen) >= x.most {
			x.complete = false
			break
		}
		if x.goal(t) {
			x.take(flow)
			continue
		}
		if x.moves == nil {
			x.allMoves()
		}
		for _, m := range x.moves {
			queue = x.add(queue, m(flow))
		}
	}
	slices.SortStableFunc(x.found, func(a, b route.Flow) int { return x.differs(&a) - x.differs(&b) })
	return Solution{x.found, x.complete && len(queue) == 0}
}

// add adds packets to those to be tried, each once.
func (x *search) add(queue []route.Flow, flows ...route.Flow) []route.Flow {
	for _, f := range flows {
		if f.In != 0 {
			f.Out = 0
		}
		if x.m.SeenOnMaster(&f).Code != "" {
			continue // there is no such packet
		}
		if !x.seen[f] && (x.admits == nil || x.admits(&f)) {
			x.seen[f] = true
			queue = append(queue, f)
		}
	}
	return queue
}

// take keeps a packet that is sought, without the changes that it does not need.
func (x *search) take(flow route.Flow) {
	for again := true; again; {
		again = false
		for _, back := range x.backs() {
			one := flow
			back(&one)
			if one == flow || x.admits != nil && !x.admits(&one) {
				continue
			}
			if t := x.m.try(one); t != nil && x.goal(t) {
				flow, again = one, true
			}
		}
	}
	if !slices.Contains(x.found, flow) {
		x.found = append(x.found, flow)
	}
}

// backs are the changes of one field back to its value in the given packet.
func (x *search) backs() []func(*route.Flow) {
	l := &x.like
	return []func(*route.Flow){
		func(f *route.Flow) { f.In, f.Out, f.Src = l.In, l.Out, l.Src },
		func(f *route.Flow) { f.In, f.Out = l.In, l.Out },
		func(f *route.Flow) { f.Src = l.Src },
		func(f *route.Flow) { f.Mark = l.Mark },
		func(f *route.Flow) { f.TOS = l.TOS },
		func(f *route.Flow) { f.UID = l.UID },
		func(f *route.Flow) { f.Proto = l.Proto },
		func(f *route.Flow) { f.SrcPort = l.SrcPort },
		func(f *route.Flow) { f.DstPort = l.DstPort },
		func(f *route.Flow) { f.FlowLabel = l.FlowLabel },
		func(f *route.Flow) { f.TunnelID = l.TunnelID },
	}
}

// differs counts the fields in which a packet differs from the given one.
func (x *search) differs(flow *route.Flow) int {
	n := 0
	for _, back := range x.backs()[1:] {
		one := *flow
		if back(&one); one != *flow {
			n++
		}
	}
	return n
}

// admits reports whether the packet's own fields fit a selector. The kernel does not see
// all fields of a received packet as they are.
func admits(s *route.Selector, f *route.Flow) bool {
	switch {
	case s.Dst.IsValid() && !s.Dst.Contains(f.Dst):
	case f.In == 0 && s.HasUIDs && (f.UID < s.UIDs.Start || f.UID > s.UIDs.End):
	case (f.Mark^s.Mark)&s.MarkMask != 0:
	default:
		return true
	}
	return false
}
