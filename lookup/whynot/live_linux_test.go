package whynot

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/coverage"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// live is a namespace with a set-up, of which the kernel is asked.
type live struct {
	*kernel.Host
	ns   *routetest.Namespace
	fib  *lookup.FIB
	snap *route.Snapshot
}

func open(t *testing.T, setup routetest.Setup) *live {
	l := &live{ns: routetest.New(t)}
	l.ns.Batch(setup)
	l.ns.Settle()
	l.read(t)
	return l
}

func (l *live) read(t *testing.T) {
	l.ns.Do(func() {
		var err error
		if l.Host != nil {
			l.Host.Close()
		}
		if l.Host, err = kernel.Open(""); err != nil {
			t.Fatal(err)
		}
		if l.snap, err = l.Host.Read(t.Context(), route.Query{AllDevices: true}); err != nil {
			t.Fatal(err)
		}
	})
	l.fib = lookup.New(l.snap)
}

// ask asks the kernel, where it takes the question.
func (l *live) ask(t *testing.T, flow route.Flow) (a route.Answer, asked bool) {
	l.ns.Do(func() {
		var refused *route.NotAskedError
		var err error
		switch a, err = l.Resolve(t.Context(), flow); {
		case err == nil:
			asked = true
		case !errors.As(err, &refused):
			t.Fatal(err)
		}
	})
	return a, asked
}

// wants draws something that may be wanted of a packet.
func wants(rng *rand.Rand, s *route.Snapshot, fam route.Family) Want {
	for {
		switch rng.IntN(7) {
		case 0, 1:
			return Want{Kind: Device, Link: s.Links[rng.IntN(len(s.Links))].Index}
		case 2:
			if r := draw(rng, s.Routes); r != nil && r.Family() == fam {
				if h := draw(rng, r.NextHops); h != nil && route.FamilyOf(h.Gateway) == fam {
					return Want{Kind: Gateway, Addr: h.Gateway}
				}
			}
		case 3:
			if r := draw(rng, s.Routes); r != nil && r.Family() == fam {
				return Want{Kind: Table, Table: r.Table}
			}
		case 4:
			if r := draw(rng, s.Routes); r != nil && r.Family() == fam {
				return Want{Kind: Prefix, Prefix: r.Dst}
			}
		case 5:
			if r := draw(rng, s.Rules); r != nil && r.Family == fam {
				return Want{Kind: Rule, Priority: r.Priority}
			}
		case 6:
			if a := draw(rng, s.Addrs); a != nil && route.FamilyOf(a.Prefix.Addr()) == fam {
				return Want{Kind: Source, Addr: a.Prefix.Addr()}
			}
			return Want{Kind: Default}
		}
	}
}

func draw[T any](rng *rand.Rand, all []T) *T {
	if len(all) == 0 {
		return nil
	}
	return &all[rng.IntN(len(all))]
}

// TestLive makes random set-ups and asks random questions about them. The facts that are
// given must be minimal; each change that is offered, made by ip(8), must make the kernel
// do what is wanted, and move nothing else than what is said; each packet that is offered
// must go there; and where no change is offered, no single one may do it.
// ROUTEWHY_SETUPS is how many set-ups.
func TestLive(t *testing.T) {
	support := routetest.Probe(t)
	for seed := range uint64(routetest.EnvInt(t, "ROUTEWHY_SETUPS", 3)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 15))
			setup := routetest.Generate(rng, routetest.Options{Support: support})
			host := open(t, setup)
			for _, flow := range routetest.Flows(rng, host.snap, 6) {
				c := &trialCase{t: t, setup: setup, host: host, rng: rng}
				c.question = Question{FIB: host.fib, Flow: flow, Want: wants(rng, host.snap, flow.Family())}
				c.check()
			}
		})
	}
}

// trialCase is one question about a set-up.
type trialCase struct {
	t        *testing.T
	setup    routetest.Setup
	host     *live
	rng      *rand.Rand
	question Question
}

func (c *trialCase) errorf(format string, args ...any) {
	c.t.Helper()
	q := &c.question
	text := routetest.FormatQuery(q.Flow, func(i int) string { return c.host.snap.LinkName(i) })
	c.t.Errorf("%s --why-not %+v: %s\n%s", text, q.Want, fmt.Sprintf(format, args...), strings.Join(c.setup, "\n"))
}

func (c *trialCase) check() {
	a := Ask(&c.question)
	if a.Trace.Decision.Disposition == lookup.DispositionUnknown {
		return
	}
	if a.Met == No {
		c.minimal()
	}
	for i := range a.Ways {
		if c.rng.IntN(2) == 0 {
			c.way(&a.Ways[i])
		}
	}
	for _, p := range a.Packets {
		if !c.meets(c.host, p) {
			c.errorf("the packet %s is offered, and does not go there", routetest.FormatQuery(p, c.host.snap.LinkName))
		}
	}
	if a.Met != All && len(a.Ways) == 0 {
		c.brute()
	}
}

// minimal holds the facts against what becomes of the packet without some of them.
func (c *trialCase) minimal() {
	s := &search{want: c.question.Want, root: newState(c.question.FIB, c.question.Flow)}
	facts := s.facts()
	if facts == nil {
		return
	}
	if !s.suffices(facts) {
		c.errorf("without all facts it does not go there: %v", facts)
	}
	for mask := range 1<<len(facts) - 1 {
		var part []option
		for i := range facts {
			if mask>>i&1 != 0 {
				part = append(part, facts[i])
			}
		}
		if s.suffices(part) {
			c.errorf("of the facts %v some suffice: %v", facts, part)
			return
		}
	}
}

// meets reports whether the kernel sends a packet where it is wanted to go.
func (c *trialCase) meets(host *live, flow route.Flow) bool {
	w := c.question.Want
	a, asked := host.ask(c.t, flow)
	if !asked {
		return true
	}
	d := host.fib.Lookup(flow)
	if cmp := host.fib.Compare(&flow, &d, &a); !cmp.Agrees {
		c.errorf("after it, routewhy and the kernel disagree: %+v", cmp)
		return true
	}
	if a.Errno != 0 {
		met, _ := w.Met(&flow, &d) // a route that refuses may be what is wanted
		return met == All
	}
	switch w.Kind {
	case Device:
		return a.Link == w.Link
	case Gateway:
		return a.Gateway == w.Addr || d.NextHops[0].Gateway == w.Addr
	case Table:
		return a.Table == w.Table || w.Table == route.TableLocal
	case Source:
		return a.Src == w.Addr || flow.Src == w.Addr || flow.In != 0
	case Prefix:
		return !a.HasEntry || a.Entry.Dst == w.Prefix
	case Default:
		return !a.HasEntry || a.Entry.Dst.Bits() == 0
	}
	met, _ := w.Met(&flow, &d)
	return met == All
}

// way makes changes in a namespace of its own.
func (c *trialCase) way(w *Way) {
	other := open(c.t, c.setup)
	if !slices.EqualFunc(other.snap.Links, c.host.snap.Links, func(a, b route.Link) bool { return a.Index == b.Index && a.Name == b.Name }) {
		return // the set-up does not say which index its devices have
	}
	res := other.ns.Batch(w.Commands)
	if slices.ContainsFunc(res.Refused, func(r routetest.Refusal) bool { return strings.Contains(r.Why, "is wrong") }) {
		return // this ip(8) has no word for it
	}
	if len(res.Refused) > 0 {
		c.errorf("the kernel refuses %q: %v", w.Commands, res.Refused)
		return
	}
	other.ns.Settle()
	other.read(c.t)
	if !c.meets(other, c.question.Flow) {
		c.errorf("after %q it does not go there", w.Commands)
		return
	}
	c.outside(w, other)
}

// outside asks the kernel about addresses of which it is not said that they move.
func (c *trialCase) outside(w *Way, other *live) {
	now, touched := change.New(c.host.fib), &extent{}
	for _, x := range w.Changes {
		out := now.Apply(x)
		touched.add(x, now, &out)
		now = out.State
	}
	x := &tries{search: &search{root: newState(c.host.fib, c.question.Flow)}}
	moves, ok := x.moves(now.FIB(), touched)
	if !ok {
		c.errorf("too many ranges to look at")
	}
	var sample []netip.Addr
	fam := c.question.Flow.Family()
	c.host.fib.Prefixes(fam, func(p netip.Prefix) {
		sample = append(sample, p.Addr(), route.LastAddr(p), p.Addr().Prev(), route.LastAddr(p).Next())
	})
	c.rng.Shuffle(len(sample), func(i, j int) { sample[i], sample[j] = sample[j], sample[i] })
	for _, a := range sample[:min(len(sample), 40)] {
		if !a.IsValid() || a.Is6() && a.IsMulticast() && c.question.Flow.In != 0 {
			continue
		}
		f := c.question.Flow
		f.Dst = a
		if slices.ContainsFunc(moves, func(m coverage.Change) bool { return m.Holds(a) }) {
			continue
		}
		before, after := c.host.fib.Lookup(f), other.fib.Lookup(f)
		x, asked := c.host.ask(c.t, f)
		y, _ := other.ask(c.t, f)
		special := func(l *live, d *lookup.Decision, a *route.Answer) bool {
			return len(l.fib.Compare(&f, d, a).Benign) > 0
		}
		if special(c.host, &before, &x) || special(other, &after, &y) {
			continue // the kernel keeps an answer for several routes
		}
		if !asked || len(before.NextHops) > 1 || before.MayRefuse != 0 || after.MayRefuse != 0 {
			continue // a hash may choose otherwise
		}
		if x.Errno != y.Errno || x.Link != y.Link || x.Gateway != y.Gateway || x.Src != y.Src {
			c.errorf("after %q %s moves too, from %+v to %+v", w.Commands, a, x, y)
			return
		}
	}
}

// brute tries single edits.
func (c *trialCase) brute() {
	for _, p := range edits(c.host, &c.question.Flow) {
		if r, ok := p.(*change.Rule); ok && r.Verb == change.Add && c.question.Want.Kind == Rule && r.Rule.Priority == c.question.Want.Priority {
			continue // it is another rule of that priority
		}
		out := change.New(c.host.fib).Apply(p)
		if out.Refusal != nil {
			continue
		}
		d := out.State.FIB().Lookup(c.question.Flow)
		if met, _ := c.question.Want.Met(&c.question.Flow, &d); met == All {
			c.errorf("nothing is offered, but %T %+v would do it", p, p)
			return
		}
	}
}

// edits are single changes of a host.
func edits(host *live, flow *route.Flow) []change.Change {
	var out []change.Change
	fam := flow.Family()
	to := netip.PrefixFrom(flow.Dst.WithZone(""), flow.Dst.BitLen())
	tables := host.fib.TableOrder(fam)
	hops := map[route.NextHop]bool{}
	for i := range host.snap.Routes {
		r := &host.snap.Routes[i]
		if r.Family() != fam || r.Table == route.TableLocal {
			continue
		}
		out = append(out, deletion(r))
		for _, h := range r.NextHops {
			if h.Encap == 0 && r.Type == route.TypeUnicast {
				hops[route.NextHop{Link: h.Link, Gateway: h.Gateway, Flags: h.Flags & route.NextHopOnLink}] = true
			}
		}
	}
	x := &tries{}
	for _, id := range tables {
		if id == route.TableLocal {
			continue
		}
		for h := range hops {
			r := route.Route{Table: id, Dst: to, Type: route.TypeUnicast, NextHops: []route.NextHop{h}}
			out = append(out, x.addition(change.Add, r)[0]...)
		}
	}
	for i := range host.snap.Rules {
		r := &host.snap.Rules[i]
		if r.Family != fam || original(r) || len(r.Unknown) > 0 || r.Implied {
			continue
		}
		out = append(out, deleting(r)...)
	}
	for _, id := range tables {
		for i := range host.snap.Rules {
			if r := &host.snap.Rules[i]; r.Family == fam && r.Priority > 0 {
				one := plain(fam, r.Priority-1, id)
				one.Selector.Dst = to
				out = append(out, adding(one)...)
			}
		}
	}
	for i := range host.snap.Links {
		out = append(out, &change.Link{Verb: change.Modify, Index: host.snap.Links[i].Index, Up: route.Yes})
	}
	return out
}
