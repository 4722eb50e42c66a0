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

// proposal is changes that may help, in their order.
type proposal []change.Change

// tries tries changes.
type tries struct {
	*search
	question *Question
	start    *change.State
	seen     map[string]bool
	ways     []Way
	lockOut  int
}

// maxPairs is how many pairs of changes are tried.
const maxPairs = 400

// ways are the best changes after which the packet goes where it is wanted to go.
func (q *search) ways(ask *Question, t *lookup.Trace, facts []option) ([]Way, int) {
	x := &tries{search: q, question: ask, start: change.New(q.root.fib), seen: map[string]bool{}}
	singles := x.proposals(t, facts)
	for _, p := range singles {
		x.try(p)
	}
	lockOut := x.lockOut
	if len(x.ways) == 0 {
		x.pairs(singles)
	}
	if lockOut == 0 {
		lockOut = x.lockOut
	}
	slices.SortStableFunc(x.ways, compareWays)
	return x.best(), lockOut
}

// maxAlike is how many ways are given that differ in their next hops alone.
const maxAlike = 2

// best are the first ways, but of those that are alike only some.
func (x *tries) best() []Way {
	alike, reached := map[string]int{}, map[string]bool{}
	for i := range x.ways {
		w := &x.ways[i]
		reached[w.kind()] = reached[w.kind()] || w.Direct == 0
	}
	var out []Way
	for _, w := range x.ways {
		k := w.kind()
		if w.Direct != 0 && reached[k] {
			continue // there is one by which somebody is reached
		}
		if alike[k]++; alike[k] <= maxAlike {
			out = append(out, w)
		}
	}
	return out[:min(len(out), maxWays)]
}

// kind is the same for ways that differ in the next hops of routes alone.
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

// pairs tries two of some changes, in the other order where the first is refused.
func (x *tries) pairs(singles []proposal) {
	n := 0
	for i := range singles {
		for j := range singles[:i] {
			if n++; n > maxPairs {
				return
			}
			if !x.try(slices.Concat(singles[i], singles[j])) {
				x.try(slices.Concat(singles[j], singles[i]))
			}
		}
	}
}

// compareWays has the way first that moves fewer addresses, then fewer connections, then
// takes fewer commands, then deletes less.
func compareWays(a, b Way) int {
	switch {
	case a.Addresses == nil && b.Addresses != nil:
		return 1
	case a.Addresses != nil && b.Addresses == nil:
		return -1
	case a.Addresses != nil:
		if c := a.Addresses.Cmp(b.Addresses); c != 0 {
			return c
		}
	}
	return cmp.Or(a.Sockets-b.Sockets, len(a.Commands)-len(b.Commands), a.losses()-b.losses())
}

// losses is how many routes and rules are deleted or replaced, which somebody made.
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

// try makes changes on a copy, and keeps them where they help. It reports whether they
// can be made.
func (x *tries) try(p proposal) bool {
	now := x.start
	var commands []string
	touched := &extent{}
	for _, c := range p {
		out := now.Apply(c)
		if out.Refusal != nil {
			return false
		}
		commands = append(commands, command.Print(c, now))
		touched.add(c, now, &out)
		now = out.State
	}
	key := strings.Join(slices.Sorted(slices.Values(commands)), "\n")
	if x.seen[key] {
		return true
	}
	x.seen[key] = true
	d := now.FIB().Lookup(x.root.flow)
	if met, _ := x.want.Met(&x.root.flow, &d); met != All {
		return true
	}
	w := Way{Changes: p, Commands: commands, Addresses: x.size(now.FIB(), touched)}
	for _, c := range connections.Compare(x.root.fib, now.FIB(), x.question.Sockets) {
		if c.Lost != "" && x.question.Yours != nil && x.question.Yours(c.Socket) {
			x.lockOut++
			return true
		}
		if c.Moves {
			w.Sockets++
		}
	}
	if len(d.NextHops) > 0 && addsDirect(p) && x.stranger(d.NextHops[0].Link) {
		w.Direct = d.NextHops[0].Link
	}
	x.ways = append(x.ways, w)
	return true
}

// stranger reports whether the destination is in no network of a device on which
// neighbours must answer.
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

// extent is which destinations changes may move.
type extent struct {
	all    bool
	within []netip.Prefix
}

func (e *extent) add(c change.Change, before *change.State, out *change.Outcome) {
	if out.State.FIB().Snapshot().Merged != before.FIB().Snapshot().Merged {
		e.all = true // local and main are one table no more
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
			e.within = append(e.within, s.Dst)
		}
	default:
		e.all = true
	}
}

// size is for how many destinations a packet like the one asked about goes otherwise; nil:
// there are too many ranges to look at.
func (x *tries) size(after *lookup.FIB, e *extent) *big.Int {
	changes, ok := x.moves(after, e)
	if !ok {
		return nil
	}
	n := new(big.Int)
	for i := range changes {
		n.Add(n, changes[i].Size())
	}
	return n
}

// moves are the destinations to which such a packet goes otherwise; false: there are too
// many ranges to look at.
func (x *tries) moves(after *lookup.FIB, e *extent) ([]coverage.Change, bool) {
	flow := x.root.flow
	within := e.within
	covers := func(p netip.Prefix) bool { return p.Contains(flow.Src) }
	if e.all || flow.In != 0 && slices.ContainsFunc(within, covers) {
		within = []netip.Prefix{x.root.family().Default()}
	}
	return coverage.Within(x.root.fib, after, flow, within)
}
