package whynot

import (
	"cmp"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/lookup/connections"
	"routewhy/lookup/coverage"
	"routewhy/route"
)

// proposal is a list of changes that may help, in their order.
type proposal []change.Change

// tries tries changes and keeps those that help.
type tries struct {
	*search
	question *Question
	start    *trial
	packet   route.Flow // what leaves now: a connection's packet has a source
	seen     map[string]bool
	ways     []Way
	lockOut  int
	whole    bool // only ways for all flows are kept
	early    bool // rules come before all others but the first
	anyHop   bool // next hops of other routes than one whose length was forgotten are tried too
	large    bool // all addresses are too many ranges to look at
}

// maxPairs is how many pairs of changes are tried.
const maxPairs = 400

// ways are the best changes after which the packet goes where it is wanted to go.
func (q *search) ways(ask *Question, t *lookup.Trace, facts []option) ([]Way, int) {
	x := &tries{search: q, question: ask, start: &trial{state: change.New(q.root.fib)}, packet: t.Flow, seen: map[string]bool{}}
	t = walked(t)
	singles := x.proposals(t, facts)
	done := make([]*trial, len(singles))
	for i, p := range singles {
		done[i] = x.start.after(p)
		x.judge(done[i])
	}
	useful := func(w Way) bool { return !w.PacketAlone && !w.Some }
	if !slices.ContainsFunc(x.ways, useful) { // a connection may meet an earlier rule with its new source
		x.early = true
		for _, p := range x.rules(t, q.wanted(q.root)) {
			x.judge(x.start.after(p))
		}
	}
	if len(x.ways) == 0 && x.want.Kind == Prefix {
		x.anyHop = true
		for _, p := range x.hostRoutes(t, q.wanted(q.root)) {
			x.judge(x.start.after(p))
		}
	}
	lockOut := x.lockOut
	x.whole = len(x.ways) > 0
	if !slices.ContainsFunc(x.ways, func(w Way) bool { return !w.Some }) {
		x.pairs(singles, done)
	}
	if lockOut == 0 {
		lockOut = x.lockOut
	}
	slices.SortStableFunc(x.ways, compareWays)
	return x.best(), lockOut
}

// maxAlike is how many ways are given that differ only in their next hops.
const maxAlike = 2

// best are the first ways. If several are alike, only some of them are given.
func (x *tries) best() []Way {
	alike, reached := map[string]int{}, map[string]bool{}
	for i := range x.ways {
		w := &x.ways[i]
		reached[w.kind()] = reached[w.kind()] || w.Direct == 0 && w.DeadEnd.Code != CodeByLoopback
	}
	var first, more []int // more: the further ones of a kind
	hops := map[string]bool{}
	for i := range x.ways {
		w := &x.ways[i]
		k := w.kind()
		if w.Direct != 0 && reached[k] {
			continue // another one sends the packet where a host surely answers
		}
		if w.DeadEnd.Code == CodeByLoopback && x.ways[0].DeadEnd.Code == "" {
			continue // another one sends it to others
		}
		if hops[k+w.hops()] {
			continue // the same with a source
		}
		hops[k+w.hops()] = true
		switch alike[k]++; {
		case alike[k] == 1:
			first = append(first, i)
		case alike[k] <= maxAlike:
			more = append(more, i)
		}
	}
	both := slices.Concat(first, more)
	both = both[:min(len(both), maxWays)]
	slices.Sort(both)
	var out []Way
	for _, i := range both {
		out = append(out, x.ways[i])
	}
	return out
}

// hops are the next hops of a way's routes.
func (w *Way) hops() string {
	text := ""
	for _, c := range w.Changes {
		if r, ok := c.(*change.Route); ok {
			text += fmt.Sprintln(r.Route.NextHopID, r.Route.NextHops)
		}
	}
	return text
}

// kind is the same text for ways that differ only in the next hops of routes.
func (w *Way) kind() string {
	kind := ""
	for _, c := range w.Changes {
		if r, ok := c.(*change.Route); ok {
			kind += fmt.Sprintln(r.Verb, r.Route.Table, r.Route.Dst, r.Route.Metric)
		} else {
			kind += fmt.Sprintf("%p", c)
		}
	}
	return kind
}

// pairs tries two of the given changes together. done are the hosts after each of them
// alone; nil: it is refused. If the first of the two is refused, pairs tries the other
// order. Changes of a device or a setting take longest, and so come first.
func (x *tries) pairs(singles []proposal, done []*trial) {
	n := 0
	after := func(i, j int) bool {
		both := done[i].after(singles[j])
		x.judge(both)
		return both != nil
	}
	for i := range singles {
		for j := range singles[:i] {
			if n++; n > maxPairs {
				return
			}
			first, second := i, j
			if !singles[i].ofRoutes() && singles[j].ofRoutes() {
				first, second = i, j
			} else if !singles[j].ofRoutes() {
				first, second = j, i
			}
			if !after(first, second) {
				after(second, first)
			}
		}
	}
}

// ofRoutes reports whether all changes are changes of routes and rules.
func (p proposal) ofRoutes() bool {
	return !slices.ContainsFunc(p, func(c change.Change) bool {
		switch c.(type) {
		case *change.Route, *change.Rule:
			return false
		}
		return true
	})
}

// trial is a host after some changes.
type trial struct {
	changes  proposal
	commands []string
	state    *change.State
	touched  extent
}

// after is the host after more changes; nil: one is refused.
func (t *trial) after(p proposal) *trial {
	if t == nil {
		return nil
	}
	out := &trial{
		changes: slices.Concat(t.changes, p), commands: slices.Clone(t.commands), state: t.state,
		touched: extent{t.touched.all, slices.Clone(t.touched.within)},
	}
	for _, c := range p {
		done := out.state.Apply(c)
		if done.Refusal != nil {
			return nil
		}
		out.commands = append(out.commands, command.Print(c, out.state))
		out.touched.add(c, out.state, &done)
		out.state = done.State
	}
	return out
}

// compareWays puts the better way first: the one that connections go too, then the one that is no dead end, then the one that
// moves fewer addresses, then the one that moves fewer connections, then the one with fewer
// commands, then the one that deletes less.
func compareWays(a, b Way) int {
	lost := func(w *Way) bool { return w.DeadEnd.Code != "" || w.Errno != 0 }
	switch {
	case a.PacketAlone && !b.PacketAlone:
		return 1
	case !a.PacketAlone && b.PacketAlone:
		return -1
	case lost(&a) && !lost(&b):
		return 1
	case !lost(&a) && lost(&b):
		return -1
	case a.Addresses == nil && b.Addresses != nil:
		return 1
	case a.Addresses != nil && b.Addresses == nil:
		return -1
	case a.Addresses != nil:
		if c := a.Addresses.Cmp(b.Addresses); c != 0 {
			return c
		}
	}
	some := func(w *Way) int {
		if w.Some {
			return 1
		}
		return 0
	}
	return cmp.Or(a.Sockets-b.Sockets, len(a.Commands)-len(b.Commands), some(&a)-some(&b), a.losses()-b.losses())
}

// losses is how many routes and rules that somebody made are deleted or replaced.
func (w *Way) losses() int {
	n := 0
	for _, c := range w.Changes {
		switch c := c.(type) {
		case *change.Route:
			if c.Verb == change.Delete || c.Verb == change.Replace {
				n++
			}
		case *change.Rule:
			if c.Verb == change.Delete {
				n++
			}
		}
	}
	return n
}

// judge keeps changes that help.
func (x *tries) judge(t *trial) {
	if t == nil {
		return
	}
	key := strings.Join(slices.Sorted(slices.Values(t.commands)), "\n")
	if x.seen[key] {
		return
	}
	x.seen[key] = true
	now := t.state.FIB()
	d := decide(now, x.root.flow, x.root.connects)
	met, share := x.want.On(now, &x.root.flow, &d)
	if met == No || met == Some && (x.met == Some || x.whole || t.sharesLater()) {
		return
	}
	if met == All {
		share = 0
	}
	w := Way{
		Some: met == Some, Share: share,
		Changes: t.changes, Commands: t.commands, Addresses: x.size(now, &t.touched), Errno: d.Errno, DeadEnd: now.DeadEnd(&x.root.flow, &d),
	}
	if p := now.ForeignSource(&d); w.DeadEnd.Code == "" && p.IsValid() {
		w.DeadEnd = lookup.Reason{Code: lookup.NotePrefsrcForeign, Have: p}
	}
	if w.DeadEnd.Code == "" || w.DeadEnd.Code == lookup.FaultLoopback && x.want.Kind != Device {
		w.DeadEnd = x.nowhere(now, &d)
	}
	for _, c := range connections.Compare(x.root.fib, now, x.question.Sockets) {
		if c.Lost != "" && x.question.Yours != nil && x.question.Yours(c.Socket) {
			x.lockOut++
			return
		}
		if c.Moves {
			w.Sockets++
		}
		if c.Moves && c.Lost == connections.LostElsewhere {
			w.Stranded++
		}
	}
	if len(d.NextHops) > 0 && d.Disposition == lookup.DispositionUnicast && addsDirect(t.changes) && x.stranger(d.NextHops[0].Link) {
		w.Direct = d.NextHops[0].Link
	}
	w.Unnumbered, w.Src = x.unnumbered(now, t.changes, &d)
	if met == All && x.root.connectsElse() {
		again := decide(now, x.root.flow, true)
		met, _ := x.want.On(now, &x.root.flow, &again)
		if w.PacketAlone = met != All; w.PacketAlone {
			w.ConnectErrno = again.Errno
		}
		if x.want.Kind == Source && met == All {
			w.Connected = otherDevice(&d, &again)
		}
	}
	w.Second = x.want.Kind == Rule && slices.ContainsFunc(t.changes, func(c change.Change) bool {
		r, ok := c.(*change.Rule)
		return ok && r.Verb == change.Add && r.Rule.Priority == x.want.Priority
	})
	x.ways = append(x.ways, w)
}

// otherDevice is the device by which the packet of a second decision leaves, if that of the
// first one leaves by another; zero: it does not, or there is more than one.
func otherDevice(d, again *lookup.Decision) int {
	if len(d.NextHops) != 1 || len(again.NextHops) != 1 || d.NextHops[0].Link == again.NextHops[0].Link {
		return 0
	}
	return again.NextHops[0].Link
}

// sharesLater reports whether the changes let next hops without carrier be used. The kernel
// gives them a part of a multipath route's flows only when a link changes (fib_rebalance).
func (t *trial) sharesLater() bool {
	return slices.ContainsFunc(t.changes, func(c change.Change) bool {
		s, ok := c.(*change.Sysctl)
		return ok && strings.HasSuffix(s.Path, "/ignore_routes_with_linkdown")
	})
}

// unnumbered is the device of a new route, if it has no address of the family that packets
// could have as their source, and the source that they get; zero: it has one.
func (x *tries) unnumbered(now *lookup.FIB, p proposal, d *lookup.Decision) (int, netip.Addr) {
	adds := slices.ContainsFunc(p, func(c change.Change) bool {
		r, ok := c.(*change.Route)
		return ok && r.Verb != change.Delete
	})
	if !adds || !p.ofRoutes() || x.root.flow.Src.IsValid() || x.root.flow.In != 0 || len(d.NextHops) != 1 || d.NextHops[0].Link == route.LoopbackIndex || d.Route.PrefSrc.IsValid() {
		return 0, netip.Addr{}
	}
	link := d.NextHops[0].Link
	if slices.ContainsFunc(now.Snapshot().Addrs, func(a route.Addr) bool {
		return a.Link == link && route.FamilyOf(a.Prefix.Addr()) == x.root.family() && !(a.Prefix.Addr().Is6() && a.Prefix.Addr().IsLinkLocalUnicast())
	}) {
		return 0, netip.Addr{}
	}
	return link, d.Src
}

// nowhere says why a packet that leaves gets to nobody: by a bridge without a port, or
// because a loopback address is each host's own. The zero Reason: neither is so.
func (x *tries) nowhere(now *lookup.FIB, d *lookup.Decision) lookup.Reason {
	if d.Disposition != lookup.DispositionUnicast || len(d.NextHops) != 1 {
		return lookup.Reason{}
	}
	name := now.Snapshot().LinkName(d.NextHops[0].Link)
	switch {
	case now.LacksPort(d.NextHops[0].Link):
		return lookup.Reason{Code: lookup.NoteNoPort, Have: name}
	case d.NextHops[0].Link == route.LoopbackIndex && x.want.Kind != Device:
		return lookup.Reason{Code: CodeByLoopback, Have: name}
	case x.root.dst().IsLoopback() && d.NextHops[0].Link != route.LoopbackIndex:
		return lookup.Reason{Code: CodeLoopback, Have: name}
	}
	return lookup.Reason{}
}

// stranger reports whether the destination is in none of the networks of a device on
// which neighbours must answer.
func (x *tries) stranger(link int) bool {
	snap, near := x.root.fib.Snapshot(), false
	x.root.covering(func(r *route.Route) bool {
		near = slices.ContainsFunc(hopsOf(snap, r), func(h route.NextHop) bool { return h.Link == link && !h.Gateway.IsValid() })
		return !near
	})
	return !near && x.root.fib.HasNeighbours(link)
}

// addsDirect reports whether some changes add a route without a gateway.
func addsDirect(p proposal) bool {
	return slices.ContainsFunc(p, func(c change.Change) bool {
		r, ok := c.(*change.Route)
		return ok && r.Verb != change.Delete && len(r.Route.NextHops) == 1 && !r.Route.NextHops[0].Gateway.IsValid()
	})
}

// extent says which destinations changes may move.
type extent struct {
	all    bool
	within []netip.Prefix
}

func (e *extent) add(c change.Change, before *change.State, out *change.Outcome) {
	if out.State.FIB().Snapshot().Merged != before.FIB().Snapshot().Merged {
		e.all = true // local and main are no longer one table
	}
	for _, refs := range [][]change.RouteRef{out.Removed, out.Added} {
		for i := range refs {
			e.within = append(e.within, refs[i].Dst)
		}
	}
	switch c := c.(type) {
	case *change.Route:
	case *change.Rule:
		if s := &c.Rule.Selector; s.Not || !s.Dst.IsValid() {
			e.all = true
		} else {
			e.within = append(e.within, s.Dst.Masked())
		}
	default:
		e.all = true
	}
}

// size is the number of destinations for which a packet like the one asked about goes
// differently; nil: there are too many ranges to look at.
func (x *tries) size(after *lookup.FIB, e *extent) *big.Int {
	if x.unforwarded(x.root).Code != "" && x.unforwarded(&state{fib: after, flow: x.root.flow}).Code == "" {
		return nil // all that the device receives for others goes on from now on
	}
	most := new(big.Int)
	for _, flow := range slices.Compact([]route.Flow{x.packet, x.root.flow}) { // a connection makes two look-ups
		changes, ok := x.moves(after, flow, e)
		if !ok {
			return nil
		}
		n := new(big.Int)
		for i := range changes {
			n.Add(n, changes[i].Size())
		}
		if n.Cmp(most) > 0 {
			most = n
		}
	}
	return most
}

// moves are the destinations for which such a packet goes differently; false: there are
// too many ranges to look at.
func (x *tries) moves(after *lookup.FIB, flow route.Flow, e *extent) ([]coverage.Change, bool) {
	within := e.within
	covers := func(p netip.Prefix) bool { return p.Contains(flow.Src) }
	all := e.all || flow.In != 0 && slices.ContainsFunc(within, covers)
	if all {
		within = []netip.Prefix{x.root.family().Default()}
	}
	if all && x.large {
		return nil, false
	}
	changes, ok := coverage.Within(x.root.fib, after, flow, within)
	x.large = x.large || all && !ok
	return changes, ok
}
