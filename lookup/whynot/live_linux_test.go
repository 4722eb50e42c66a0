package whynot

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
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

// compare compares the look-up with the kernel's answer, if there is one.
func (l *live) compare(t *testing.T, flow route.Flow) (lookup.Decision, route.Answer, lookup.Comparison) {
	d := l.fib.Lookup(flow)
	a, _ := l.ask(t, flow)
	return d, a, l.fib.Compare(&flow, &d, &a)
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
// given must be minimal. Each change that is offered is made by ip(8). After it the
// kernel must do what is wanted, and nothing else may move than what is said. Each packet
// that is offered must go there. If no change is offered, no single change may do it.
// ROUTEWHY_SETUPS is how many set-ups, ROUTEWHY_SEED the first one.
func TestLive(t *testing.T) {
	support := routetest.Probe(t)
	const some = 3
	first, setups := routetest.EnvInt(t, "ROUTEWHY_SEED", 0), routetest.EnvInt(t, "ROUTEWHY_SETUPS", some)
	var sum tally
	defer func() { t.Logf("%d set-ups: %+v", setups, sum) }()
	for n := range setups {
		seed := uint64(first + n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 15))
			setup := routetest.Generate(rng, routetest.Options{Support: support})
			setup = lasting(setup)
			host := open(t, setup)
			for _, flow := range routetest.Flows(rng, host.snap, 6) {
				c := &trialCase{t: t, setup: setup, host: host, rng: rng, all: setups > some, sum: &sum}
				c.question = Question{FIB: host.fib, Flow: flow, Want: wants(rng, host.snap, flow.Family())}
				c.question.Connects = flow.In == 0 && !flow.Src.IsValid() && rng.IntN(2) == 0
				c.check()
			}
		})
	}
}

// lasting removes from a set-up what disappears by itself while the test runs: routes that
// have expired, and neighbours that are being asked.
func lasting(setup routetest.Setup) routetest.Setup {
	states := strings.NewReplacer(" nud delay", " nud stale", " nud probe", " nud stale", " nud incomplete", " nud failed")
	var out routetest.Setup
	for _, line := range setup {
		if !strings.Contains(line, "expires 0") {
			out = append(out, states.Replace(line))
		}
	}
	return out
}

// tally is what a run looked at.
type tally struct {
	Questions, Unknown, Yes, Sometimes, No int
	// Facts are sets of facts of which every part was tried, by their size.
	Facts [maxFacts + 1]int
	// Made are the ways whose commands were made in a namespace. Otherwise is how many were
	// not, because the set-up came out differently. Boundaries are the destinations outside
	// the stated ranges for which the kernel was asked before and after. Forgotten is how many
	// of these and of the ways were not compared, because the kernel forgot a neighbour meanwhile.
	Made, Otherwise, Boundaries, Forgotten int
	// Packets is how many packets were offered. NotAsked is how often the kernel does not take
	// the question, for a packet or after a way.
	Packets, NotAsked int
	// Nothing is how many questions got no way, and Edits how many single edits were tried
	// for them.
	Nothing, Edits int
}

// trialCase is one question about a set-up.
type trialCase struct {
	t        *testing.T
	setup    routetest.Setup
	host     *live
	rng      *rand.Rand
	all      bool // if not set, only half of the ways are tried
	question Question
	sum      *tally
}

func (c *trialCase) errorf(format string, args ...any) {
	c.t.Helper()
	q := &c.question
	text := routetest.FormatQuery(q.Flow, func(i int) string { return c.host.snap.LinkName(i) })
	want := q.Want.format(c.host.snap.LinkName)
	if q.Connects {
		text += " (a connection)"
	}
	c.t.Errorf("%s --why-not %s: %s\n%s", text, want, fmt.Sprintf(format, args...), strings.Join(c.setup, "\n"))
}

func (c *trialCase) check() {
	a := Ask(&c.question)
	c.sum.Questions++
	if a.Trace.Decision.Disposition == lookup.DispositionUnknown {
		c.sum.Unknown++
		return
	}
	switch a.Met {
	case All:
		c.sum.Yes++
	case Some:
		c.sum.Sometimes++
	default:
		c.sum.No++
	}
	if a.Met == No {
		c.minimal()
		if len(a.Because) == 0 && len(a.Ways) > 0 {
			d := &a.Trace.Decision
			c.errorf("%q would make it so, but no fact is given: it is %s (%s) by %s", a.Ways[0].Commands, d.Disposition, d.Shortcut, d.Route.Dst)
		}
	}
	for i := range a.Ways {
		if c.all || c.rng.IntN(2) == 0 {
			c.way(&a.Ways[i])
		}
	}
	for _, p := range a.Packets {
		c.sum.Packets++
		if !c.meets(c.host, p) {
			c.errorf("the packet %s is offered, and does not go there", routetest.FormatQuery(p, c.host.snap.LinkName))
		}
	}
	if a.Met != All && len(a.Ways) == 0 {
		c.brute()
	}
}

// minimal checks the facts: it compares them with what happens to the packet without
// some of them.
func (c *trialCase) minimal() {
	s := &search{want: c.question.Want, root: newState(c.question.FIB, c.question.Flow, c.question.Connects)}
	facts := s.facts()
	if facts == nil {
		return
	}
	c.sum.Facts[len(facts)]++
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

// meets reports whether a packet goes where it is wanted to go, by the look-up in what was
// read of a host and by its kernel.
func (c *trialCase) meets(host *live, flow route.Flow) bool {
	w, d := c.question.Want, decide(host.fib, flow, c.question.Connects)
	if met, _ := w.Met(&flow, &d); met != All {
		return false
	}
	if c.question.Connects { // the kernel is asked about the second look-up
		t := host.fib.Connect(flow)
		if flow = t.Flow; len(t.BySource) > 0 {
			return true
		}
	}
	a, asked := host.ask(c.t, flow)
	if !asked {
		c.sum.NotAsked++
		return true
	}
	cmp := host.fib.Compare(&flow, &d, &a)
	if !cmp.Agrees { // the kernel may have forgotten a neighbour meanwhile
		host.read(c.t)
		d, a, cmp = host.compare(c.t, flow)
	}
	if !cmp.Agrees {
		c.errorf("after it, routewhy and the kernel disagree: %+v", cmp)
		return true
	}
	if a.Errno != 0 {
		return true // a route that refuses is what is wanted
	}
	switch w.Kind {
	case Device:
		return a.Link == w.Link
	case Gateway:
		return a.Gateway == w.Addr || !a.Gateway.IsValid() && d.NextHops[0].Gateway == w.Addr // it is the destination
	case Prefix:
		return !a.HasEntry || a.Entry.Dst == w.Prefix
	case Default:
		return !a.HasEntry || a.Entry.Dst.Bits() == 0
	}
	return true
}

// way makes changes in a separate namespace.
func (c *trialCase) way(w *Way) {
	other := c.again()
	if other == nil {
		c.sum.Otherwise++
		return
	}
	c.sum.Made++
	commands := slices.Clone(w.Commands)
	for i, x := range w.Changes {
		if r, ok := x.(*change.Rule); ok && recent(&r.Rule.Selector) { // this ip(8) has no words for it
			if commands[i] = routetest.Rule618(&r.Rule); r.Verb == change.Delete {
				commands[i] = routetest.Rule618Deleted(&r.Rule)
			}
		}
	}
	if res := other.ns.Batch(commands); len(res.Refused) > 0 {
		c.errorf("the kernel refuses %q: %v", w.Commands, res.Refused)
		return
	}
	other.ns.Settle()
	other.read(c.t)
	if w.Some {
		c.sometimes(other, w)
	} else if !c.meets(other, c.question.Flow) {
		if c.forgot(w, other) {
			c.sum.Forgotten++
			return
		}
		c.errorf("after %q it does not go there: %+v", w.Commands, other.fib.Lookup(c.question.Flow))
		return
	}
	c.outside(w, other)
}

// again makes the set-up again. If the result is different, it tries a few times, because
// it depends on when the kernel hears of a carrier which of two equal routes comes first.
// It returns nil if the result is different each time.
func (c *trialCase) again() *live {
	for range 8 {
		other := open(c.t, c.setup)
		if alike(c.host.snap, other.snap) {
			return other
		}
	}
	c.t.Logf("the set-up comes out otherwise each time:\n%s", strings.Join(c.setup, "\n"))
	return nil
}

// alike reports whether two hosts have the same devices, routes and rules, in one order.
func alike(a, b *route.Snapshot) bool {
	links := func(x, y route.Link) bool { return x.Index == y.Index && x.Name == y.Name }
	routes := func(x, y route.Route) bool {
		x.Expires, y.Expires = 0, 0
		return reflect.DeepEqual(x, y)
	}
	return slices.EqualFunc(a.Links, b.Links, links) && slices.EqualFunc(a.Routes, b.Routes, routes) && reflect.DeepEqual(a.Rules, b.Rules)
}

// outside asks the kernel about addresses that should not move.
func (c *trialCase) outside(w *Way, other *live) {
	before := c.host.fib
	now, touched := change.New(before), &extent{}
	for _, x := range w.Changes {
		out := now.Apply(x)
		touched.add(x, now, &out)
		now = out.State
	}
	x := &tries{search: &search{root: newState(c.host.fib, c.question.Flow, c.question.Connects)}}
	moves, ok := x.moves(now.FIB(), c.question.Flow, touched)
	if !ok {
		c.errorf("too many ranges to look at")
	}
	// The kernel forgets a neighbour that failed after a while, in both namespaces at its own time.
	same := *other.snap
	same.Neighbours = now.FIB().Snapshot().Neighbours
	both := [2]*lookup.FIB{before, lookup.New(&same)}
	var sample []netip.Addr
	fam := c.question.Flow.Family()
	for _, f := range []*lookup.FIB{c.host.fib, other.fib} {
		f.Prefixes(fam, func(p netip.Prefix) {
			sample = append(sample, p.Addr(), route.LastAddr(p), p.Addr().Prev(), route.LastAddr(p).Next())
		})
	}
	slices.SortFunc(sample, netip.Addr.Compare)
	for _, a := range slices.Compact(sample) {
		moved := func(m coverage.Change) bool { return m.Holds(a) }
		if !a.IsValid() || slices.ContainsFunc(moves, moved) {
			continue
		}
		c.sum.Boundaries++
		if why := c.moved(both, other, a); why != "" {
			c.errorf("after %q %s moves too: %s", w.Commands, a, why)
			return
		}
	}
}

// moved says how a packet to a destination goes differently than before, according to the
// look-ups before and after the change, or to the kernel; empty: it does not. The kernel's answers are not compared if
// they may differ each time: if there are several next hops, or if an answer is kept for
// several routes.
func (c *trialCase) moved(both [2]*lookup.FIB, other *live, dst netip.Addr) string {
	f := c.question.Flow
	f.Dst = dst
	moved, ok := coverage.Within(both[0], both[1], f, []netip.Prefix{netip.PrefixFrom(dst, dst.BitLen())})
	if !ok || len(moved) > 0 {
		return fmt.Sprintf("%+v", moved)
	}
	x, y, certain, why := c.answers(other, f)
	if why != "" || !certain || sameAnswer(&x, &y) {
		return why
	}
	// The kernel forgets a neighbour that failed after a while, in each of the namespaces at
	// its own time. After that, IPv6 may choose another route.
	c.host.read(c.t)
	other.read(c.t)
	if !slices.Equal(failed(c.host.snap), failed(other.snap)) {
		c.sum.Forgotten++
		return ""
	}
	if x, y, certain, why = c.answers(other, f); why != "" || !certain || sameAnswer(&x, &y) {
		return why
	}
	return fmt.Sprintf("the kernel's answers are %+v and %+v", x, y)
}

// answers are the kernel's answers on both hosts, and what is wrong with them. They are not
// certain if they may differ each time.
func (c *trialCase) answers(other *live, f route.Flow) (x, y route.Answer, certain bool, wrong string) {
	var answers [2]route.Answer
	certain = true
	for i, host := range []*live{c.host, other} {
		d, a, same := host.compare(c.t, f)
		if a.Asked && !same.Agrees { // a neighbour may be known to be dead meanwhile
			host.read(c.t)
			if _, _, same = host.compare(c.t, f); !same.Agrees {
				return x, y, false, fmt.Sprintf("routewhy and the kernel disagree: %+v", same)
			}
			return x, y, false, ""
		}
		answers[i] = a
		certain = certain && a.Asked && len(d.NextHops) <= 1 && d.MayRefuse == 0 && len(same.Benign) == 0
	}
	return answers[0], answers[1], certain, ""
}

// failed are the neighbours that failed, in order of device and address.
func failed(s *route.Snapshot) []route.Neighbour {
	out := slices.Clone(s.Neighbours)
	out = slices.DeleteFunc(out, func(n route.Neighbour) bool { return n.State&route.NeighbourFailed == 0 })
	slices.SortFunc(out, func(a, b route.Neighbour) int { return cmp.Or(a.Link-b.Link, a.Addr.Compare(b.Addr)) })
	return out
}

func sameAnswer(x, y *route.Answer) bool {
	return x.Errno == y.Errno && x.Link == y.Link && x.Gateway == y.Gateway && x.Src == y.Src
}
