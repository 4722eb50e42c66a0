//go:build linux

package lookup_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"routewhy/lookup"
	"routewhy/lookup/internal/golden"
	"routewhy/route"
	"routewhy/route/routetest"
)

// packetsPerSetup is how many packets are tried in one random set-up.
const packetsPerSetup = 50

// TestDifferential compares decisions with the running kernel's: random
// set-ups, random packets, both families. ROUTEWHY_PACKETS is how many packets
// (2000), ROUTEWHY_SEED where the random numbers start. What fails is reduced
// and, with UPDATE=1, written to testdata/regress, and belongs into the repository.
func TestDifferential(t *testing.T) {
	packets := routetest.EnvInt(t, "ROUTEWHY_PACKETS", 2000)
	seed := routetest.EnvInt(t, "ROUTEWHY_SEED", 1)
	support := routetest.Probe(t)
	t.Logf("%+v", support)
	tally := tally{setBy: map[lookup.Code]int{}, benign: map[lookup.Code]int{}}
	for n := 0; tally.packets < packets; n++ {
		setupSeed := uint64(seed + n)
		t.Run(strconv.FormatUint(setupSeed, 10), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(setupSeed, 0))
			setup := routetest.Generate(rng, routetest.Options{Support: support})
			tally.setups++
			differ(t, setup, rng, &tally)
		})
		if t.Failed() && os.Getenv("ROUTEWHY_KEEP_GOING") == "" {
			break
		}
	}
	t.Logf("%+v", tally)
}

// tally counts what was compared, and what it was compared by where that was not
// one answer: why a decision is a set or unknown, and what makes an answer more
// special than the decision.
type tally struct {
	setups, packets, received, ipv6, refused, sets, unknown int
	setBy, benign                                           map[lookup.Code]int
}

func differ(t *testing.T, setup routetest.Setup, rng *rand.Rand, tally *tally) {
	ns := routetest.New(t)
	ns.Batch(setup)
	h := open(t, ns)
	f := h.fib(t)
	l := f.Searcher()
	for _, flow := range routetest.Flows(rng, f.Snapshot(), packetsPerSetup) {
		d := f.Lookup(flow)
		if again := l.Lookup(flow); !reflect.DeepEqual(d, again) {
			t.Errorf("%s: a Searcher decides %s", routetest.FormatQuery(flow, ns.Name), describe(f, &again))
		}
		if sum := d.RefusedShare + shareOf(d.NextHops); len(d.NextHops) > 0 && d.Ambiguous.Code != lookup.CodeDefaultsTie && math.Abs(sum-1) > 1e-9 {
			t.Errorf("%s: the shares of all flows come to %v:\n%s", routetest.FormatQuery(flow, ns.Name), sum, describe(f, &d))
		}
		c := h.compare(t, f, &flow, &d)
		tally.add(&flow, &d, &c)
		checkGolden(t, f, &flow, &d)
		if c.Agrees || hiddenExpiry(setup, &d) {
			continue
		}
		// The tables may have changed since they were read, and a route that
		// expires does so unseen: what is left of it is told in 10 ms.
		time.Sleep(20 * time.Millisecond)
		f = h.fib(t)
		l = f.Searcher()
		d = f.Lookup(flow)
		if c = h.compare(t, f, &flow, &d); c.Agrees {
			continue
		}
		query := routetest.FormatQuery(flow, ns.Name)
		t.Errorf("%s: %v\n%s", query, c.Differences, describe(f, &d))
		save(t, setup, &flow, ns)
		return
	}
}

// shareOf is the part of all flows that takes one of some ways.
func shareOf(ways []lookup.NextHop) (sum float64) {
	for i := range ways {
		sum += ways[i].Share
	}
	return sum
}

// hiddenExpiry reports whether the kernel may have an expiry for one of several
// IPv6 next hops that its dump does not show: it shows the first one's alone.
func hiddenExpiry(setup routetest.Setup, d *lookup.Decision) bool {
	return len(d.Route.NextHops) > 1 && d.Route.Dst.Addr().Is6() &&
		slices.ContainsFunc(setup, func(line string) bool {
			return strings.Contains(line, "expires 0") &&
				(strings.Contains(line, "append") || strings.Contains(line, "prepend") || strings.Contains(line, "nexthop"))
		})
}

// checkGolden compares a decision with the slow oracle's: the same refusal, or
// exactly the same set of ways, where the oracle is certain.
func checkGolden(t *testing.T, f *lookup.FIB, flow *route.Flow, d *lookup.Decision) {
	t.Helper()
	g := golden.Decide(f.Snapshot(), *flow)
	if g.Uncertain != "" || d.Disposition == lookup.DispositionUnknown {
		return
	}
	var want []string
	if g.Errno != 0 {
		want = []string{answerText(g.Errno.String(), 0, "", netip.Addr{}, netip.Addr{})}
	}
	for _, w := range g.NextHops {
		if flow.In != 0 || flow.Src.IsValid() {
			w.Src = netip.Addr{}
		}
		want = append(want, answerText("", g.Type, f.Snapshot().LinkName(w.Link), w.Gateway, w.Src))
	}
	if g.SomeRefused != 0 {
		want = append(want, answerText(g.SomeRefused.String(), 0, "", netip.Addr{}, netip.Addr{}))
	}
	slices.Sort(want)
	plain := *d
	if flow.In != 0 || flow.Src.IsValid() {
		plain.NextHops = slices.Clone(d.NextHops)
		for i := range plain.NextHops {
			plain.NextHops[i].Src = netip.Addr{}
		}
	}
	if diff := cmp.Diff(slices.Compact(want), decided(f, flow, &plain)); diff != "" {
		t.Errorf("%s: the slow oracle differs (-oracle +routewhy):\n%s", flow.Dst, diff)
	}
}

func (t *tally) add(flow *route.Flow, d *lookup.Decision, c *lookup.Comparison) {
	t.packets++
	if flow.In != 0 {
		t.received++
	}
	if flow.Dst.Is6() {
		t.ipv6++
	}
	if d.Ambiguous.Code != "" {
		t.setBy[d.Ambiguous.Code]++
	}
	for _, why := range c.Benign {
		t.benign[why.Code]++
	}
	switch {
	case d.Disposition == lookup.DispositionUnknown:
		t.unknown++
	case d.Errno != 0:
		t.refused++
	case len(d.NextHops) > 1:
		t.sets++
	}
}

func describe(f *lookup.FIB, d *lookup.Decision) string {
	s := fmt.Sprintf("decided: %s errno %s shortcut %q set by %v\n", d.Disposition, d.Errno, d.Shortcut, d.Ambiguous)
	if d.HasRoute {
		s += fmt.Sprintf("route: table %d %v metric %d tos %#x %v\n", d.Route.Table, d.Route.Dst, d.Route.Metric, d.Route.TOS, d.Route.NextHops)
	}
	for _, w := range d.NextHops {
		s += fmt.Sprintf("way: dev %s via %v src %v\n", f.Snapshot().LinkName(w.Link), w.Gateway, w.Src)
	}
	return s
}

// save reduces a set-up that shows a disagreement, and with UPDATE=1 keeps it.
func save(t *testing.T, setup routetest.Setup, flow *route.Flow, ns *routetest.Namespace) {
	query := routetest.FormatQuery(*flow, ns.Name)
	small := routetest.Shrink(setup, func(s routetest.Setup) bool { return disagrees(t, s, query) })
	answer := ask(t, small, query)
	if os.Getenv("UPDATE") == "" {
		t.Logf("reduced, which UPDATE=1 keeps:\n%s\nget %s: %+v", strings.Join(small, "\n"), query, answer)
		return
	}
	routetest.Save(t, "testdata/regress", routetest.Scenario{
		Name: strings.ReplaceAll(t.Name(), "/", "-"), Area: "regress", Family: flow.Family(),
		Setup: small, Query: query, Expect: answer,
	})
}

func disagrees(t *testing.T, setup routetest.Setup, query string) bool {
	ns := routetest.New(t)
	ns.Batch(setup)
	flow, err := routetest.ParseQuery(query, ns.Index)
	if err != nil {
		return false
	}
	h := open(t, ns)
	f := h.fib(t)
	d := f.Lookup(flow)
	return !h.compare(t, f, &flow, &d).Agrees
}

// ask is the kernel's answer in a fresh set-up.
func ask(t *testing.T, setup routetest.Setup, query string) routetest.Expect {
	ns := routetest.New(t)
	ns.Batch(setup)
	flow, err := routetest.ParseQuery(query, ns.Index)
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, ns)
	var a route.Answer
	ns.Do(func() { a, err = h.Resolve(t.Context(), flow) })
	if err != nil {
		t.Fatal(err)
	}
	return routetest.ExpectOf(a, ns.Name)
}
