package whynot

import (
	"math/big"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// Question asks why a packet does not go somewhere.
type Question struct {
	// FIB has all routes of the host.
	FIB  *lookup.FIB
	Flow route.Flow
	// Connects says that the packet is of a socket that connects, and looks up twice if Flow
	// has no source (see [lookup.FIB.Connect]).
	Connects bool
	Want     Want
	// About is the prefix that the packet represents: changes are for the whole prefix.
	// The zero Prefix means that changes are only for the packet's destination.
	About netip.Prefix
	// Sockets are the host's connections. Yours reports whether a connection belongs to
	// the person who asks. A way that loses such a connection is not given. If Yours is
	// nil, no connection belongs to that person.
	Sockets []route.Socket
	Yours   func(*route.Socket) bool
}

// Answer says why the packet does not go there, and what would make it go there.
type Answer struct {
	Trace *lookup.Trace
	// Met says whether it does go there. Share is the part of all flows that do; zero if
	// that cannot be known.
	Met   Met
	Share float64
	// Connected is the same of a socket that connects, if the question is about a packet
	// without a source: such a socket looks up again with its source.
	Connected Met
	// Because is the smallest set of facts that stops it, in the kernel's order. It is
	// empty if the packet does go there, and if no such set was found.
	Because []Fact
	// Also are other facts about routes, each of which alone stops it as the one of Because
	// does: without one of them, it would go there too.
	Also []Fact
	// Ways are changes of the host after which the packet goes there, the best first.
	Ways []Way
	// LockOut is how many ways are left out because they would lock out the person who
	// asks.
	LockOut int
	// Packets are packets to the same destination that do go there. Those that differ
	// least come first. NoPacket says that there is none.
	Packets  []route.Flow
	NoPacket bool
}

// Way is a list of changes of the host, in their order. After them the packet goes where
// it is wanted to go.
type Way struct {
	Changes []change.Change
	// Commands are the same changes as shell commands.
	Commands []string
	// Addresses is the number of destinations for which such a packet goes differently
	// after the changes; nil: there are too many to count.
	Addresses *big.Int
	// Sockets is how many connections go differently after the changes. Stranded is how many of
	// them then leave by another device with the source that they have, which is none of that
	// device's (see [connections.LostElsewhere]).
	Sockets, Stranded int
	// Direct is the device by which a new route sends the packet directly to its link,
	// where a neighbour must answer; zero: no new route does so.
	Direct int
	// Some says that only a part of all flows goes there after the changes, and none before.
	// Share is that part; zero if it cannot be known.
	Some  bool
	Share float64
	// Unnumbered is the device of a new route, if it has no address that packets could have as
	// their source, and Src is their source; zero: it has one.
	Unnumbered int
	Src        netip.Addr
	// Errno is the error that the packet then gets: the wanted rule or route refuses it; zero:
	// it gets none.
	Errno route.Errno
	// PacketAlone says that only a packet without a source goes there after the changes: a
	// socket that connects looks up again with its source, and goes elsewhere.
	PacketAlone bool
	// ConnectErrno is the error that such a socket gets in connect(2), if PacketAlone is set;
	// zero: its packets go elsewhere.
	ConnectErrno route.Errno
	// Connected is the device by which the packets of a socket that connects leave after the
	// changes, if the wanted source makes its second look-up leave by another device than a
	// packet without a source; zero: it does not.
	Connected int
	// Second says that the changes add a rule of the wanted priority: the host's own rule still
	// does not decide.
	Second bool
	// DeadEnd says why the packet, or the answer to it, is lost all the same (see
	// [lookup.FIB.DeadEnd] and [lookup.FIB.ForeignSource]); the zero Reason: nothing of the
	// kind is known.
	DeadEnd lookup.Reason
}

// maxWays is how many ways are given at most.
const maxWays = 5

// Ask answers a question.
func Ask(q *Question) *Answer {
	root := newState(q.FIB, q.Flow, q.Connects)
	a := &Answer{Trace: root.explain()}
	d := &a.Trace.Decision
	if d.Disposition == lookup.DispositionUnknown {
		return a
	}
	if why := q.FIB.SeenOnMaster(&q.Flow); why.Code != "" {
		a.Because, a.Packets = []Fact{{Reason: why, OfPacket: true, order: -1}}, q.onMaster()
		return a
	}
	a.Met, a.Share = q.Want.On(q.FIB, &q.Flow, d)
	a.Connected = a.Met
	if root.connectsElse() {
		again := q.FIB.Connect(q.Flow)
		a.Connected, _ = q.Want.On(q.FIB, &q.Flow, &again.Decision)
	}
	if a.Met == All {
		return a
	}
	s := &search{want: q.Want, about: q.About, root: root, met: a.Met}
	var facts []option
	if a.Met == No {
		facts = s.facts()
		if facts == nil {
			facts = s.hopeless(a.Trace)
		}
	} else {
		a.Because = []Fact{{Reason: d.Ambiguous, Rule: d.Rule, Route: &d.Route}}
	}
	for i := range facts {
		if w := facts[i].Wanted; w != nil {
			facts[i].Supposed = !s.real(w)
		}
		a.Because = append(a.Because, facts[i].Fact)
		if r := facts[i].Route; facts[i].Code == CodeNoDefault && (r == nil || r.Type.Refuses()) {
			a.Because = append(a.Because, s.noDefault(facts[i].order)...)
		}
	}
	a.Also = s.also
	slices.SortStableFunc(a.Because, func(a, b Fact) int { return a.order - b.order })
	a.Ways, a.LockOut = s.ways(q, a.Trace, facts)
	a.Packets, a.NoPacket = s.packets(facts)
	return a
}

// hopeless is the first fact that the search cannot take away. If there is no such fact,
// the set of facts is too large to be found, and hopeless is the first fact of all.
func (q *search) hopeless(t *lookup.Trace) []option {
	all := q.options(q.root, t)
	if i := slices.IndexFunc(all, func(o option) bool { return o.take == nil }); i >= 0 {
		return all[i : i+1]
	}
	return all[:min(1, len(all))]
}

// maxPackets is how many packets are tried in the search for some that go where they
// are wanted to go.
const maxPackets = 1 << 13

// maxByRule is for how many rules the search tries packets that the rule selects.
const maxByRule = 8

// packets finds packets to the same destination that go where they are wanted to go.
func (q *search) packets(facts []option) (found []route.Flow, none bool) {
	solver := q.root.fib.Solver()
	solver.Most = maxPackets
	assumed := false
	goes := func(f *route.Flow, d *lookup.Decision) bool {
		if q.root.connects && f.In == 0 && !f.Src.IsValid() {
			again := decide(q.root.fib, *f, true)
			d = &again
		}
		if f.Out != 0 && f.Src.IsValid() && q.root.family() == route.IPv6 && f.Out != q.want.Link {
			bound := *f
			bound.Bound = true // IPv6 then uses routes by the device alone
			again := q.root.fib.Lookup(bound)
			if met, _ := q.want.On(q.root.fib, f, &again); met != All {
				return false
			}
		}
		if met, _ := q.want.On(q.root.fib, f, d); met != All || !q.likely(f) || q.root.connects && f.In != 0 {
			return false
		}
		if d.Shortcut != "" && !d.Disposition.Success() {
			return false // it is refused for another reason than its route
		}
		// Without a route, a packet that is bound to a device goes straight to its link, where
		// hardly any destination answers.
		onLink := f.Out != q.root.flow.Out && f.Out != 0 && !d.HasRoute &&
			(f.Out == route.LoopbackIndex || q.root.fib.HasNeighbours(f.Out))
		assumed = assumed || onLink
		return !onLink
	}
	got := solver.Find(q.root.flow, goes)
	found, none = got.Packets, got.Complete && len(got.Packets) == 0 && !assumed
	var hosts []route.Flow
	for _, f := range found {
		if q.ofAHost(&f, goes); !slices.Contains(hosts, f) {
			hosts = append(hosts, f)
		}
	}
	found = q.plausible(q.usual(hosts, goes))
	if slices.ContainsFunc(found, func(f route.Flow) bool { return f.Out == q.root.flow.Out }) {
		return found, none
	}
	for _, r := range q.selecting(facts) {
		for _, f := range solver.ByRule(r, q.root.flow).Packets {
			d := decide(q.root.fib, f, q.root.connects)
			if !goes(&f, &d) {
				continue
			}
			if q.ofAHost(&f, goes); !slices.Contains(found, f) {
				found, none = append(found, f), false
			}
		}
	}
	return oneOfEach(found, &q.root.flow), none
}

// oneOfEach keeps one of the received packets that differ only in their sources, if the question
// was about another device: by which device they come in is what they have in common.
func oneOfEach(all []route.Flow, asked *route.Flow) []route.Flow {
	var out []route.Flow
	for _, f := range all {
		alike := func(o route.Flow) bool {
			o.Src = f.Src
			return o == f
		}
		if f.In == 0 || f.In == asked.In || !slices.ContainsFunc(out, alike) {
			out = append(out, f)
		}
	}
	return out
}

// usual replaces protocols that nobody uses by a usual one, and leaves out packets without a
// port if there are some with one.
func (q *search) usual(all []route.Flow, goes func(*route.Flow, *lookup.Decision) bool) []route.Flow {
	var out []route.Flow
	asked := q.root.flow
	portless := func(f route.Flow) bool {
		return asked.DstPort != 0 && f.DstPort == 0 || asked.SrcPort != 0 && f.SrcPort == 0
	}
	if rest := slices.DeleteFunc(slices.Clone(all), portless); len(rest) > 0 {
		all = rest
	}
	for _, f := range all {
		for _, p := range []uint8{route.ProtoTCP, route.ProtoUDP} {
			next := f
			next.Proto = p
			if f.Proto != lookup.OtherProto || next == q.root.flow {
				continue
			}
			if d := decide(q.root.fib, next, q.root.connects); goes(&next, &d) {
				f = next
			}
		}
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// plausible leaves out received packets, if the question is about a packet of this host,
// and others are left: those from no network of the device.
func (q *search) plausible(all []route.Flow) []route.Flow {
	if q.root.flow.In != 0 {
		return all
	}
	odd := func(f route.Flow) bool {
		return f.In != 0 && !slices.ContainsFunc(q.root.fib.Snapshot().Addrs, func(a route.Addr) bool {
			return a.Link == f.In && a.Prefix.Contains(f.Src) && a.Prefix.Bits() > 0
		})
	}
	if rest := slices.DeleteFunc(slices.Clone(all), odd); len(rest) > 0 {
		return rest
	}
	return all
}

// ofAHost is for a received packet. It replaces a source by the address of a host in a
// network of the device, if the packet goes there too. If that is not so, and the source is
// the address of a network, it replaces it by the address of a host in that network.
func (q *search) ofAHost(f *route.Flow, goes func(*route.Flow, *lookup.Decision) bool) {
	if f.In != 0 && f.Src != q.root.flow.Src {
		for _, a := range q.root.fib.Snapshot().Addrs {
			next := *f
			if next.Src = neighbourOf(a.Prefix); a.Link != f.In || route.FamilyOf(next.Src) != q.root.family() || a.Prefix.Addr().IsLinkLocalUnicast() {
				continue
			}
			if d := q.root.fib.Lookup(next); goes(&next, &d) {
				*f = next
				return
			}
		}
	}
	if b := f.Src.AsSlice(); f.In == 0 || f.Src == q.root.flow.Src || len(b) == 0 || b[len(b)-1] != 0 {
		return
	}
	next := *f
	for range 4 { // the first addresses often belong to this host and its router
		next.Src = next.Src.Next()
		if d := q.root.fib.Lookup(next); goes(&next, &d) {
			*f = next
			return
		}
	}
}

// neighbourOf is another address in an address's network: the first one, or the second one
// if the first one is the address itself.
func neighbourOf(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().Next()
	if a == p.Addr() {
		a = a.Next()
	}
	return a
}

// selecting are the rules that lead to wanted entries and do not select the packet. Those
// that stop the packet come first.
func (q *search) selecting(facts []option) []*route.Rule {
	snap := q.root.fib.Snapshot()
	var out []*route.Rule
	add := func(i int) {
		if i >= 0 && i < len(snap.Rules) && len(out) < maxByRule && !slices.Contains(out, &snap.Rules[i]) {
			out = append(out, &snap.Rules[i])
		}
	}
	for i := range facts {
		if f := &facts[i]; f.Rule != nil && f.Route == nil {
			add(f.order)
		}
	}
	for _, w := range q.wanted(q.root) {
		for _, r := range q.root.fib.RulesTo(q.root.family(), w.Table) {
			add(q.root.place(r))
		}
	}
	return out
}

// likely reports whether a packet has a plausible source. What this host sends has one
// of its own addresses, and what it receives has the address of another host.
func (q *search) likely(f *route.Flow) bool {
	src := f.Src
	if f.In == 0 && src != q.root.flow.Src && q.root.unready(src) {
		return false // no program may bind to it yet
	}
	if f.In == 0 && q.root.flow.In != 0 {
		return false // the question was not about what this host sends
	}
	if src == q.root.flow.Src && f.In == q.root.flow.In || !src.IsValid() && f.In == 0 {
		return true
	}
	own := slices.ContainsFunc(q.root.fib.Snapshot().Addrs, func(a route.Addr) bool { return a.Prefix.Addr() == src })
	return src.IsValid() && !src.IsUnspecified() && own == (f.In == 0)
}
