package coverage_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/route"
	"routewhy/route/routetest"
)

// TestSurveyIsExact surveys random packets on random set-ups: what becomes of the packet
// to a random address is what is reported about the range that holds the address, and its
// route is one of those that are reported to serve. All sizes add up to all addresses.
// ROUTEWHY_SETUPS is the number of set-ups.
func TestSurveyIsExact(t *testing.T) {
	support := routetest.Probe(t)
	setups, addresses := 2, 1000
	if n, err := strconv.Atoi(os.Getenv("ROUTEWHY_SETUPS")); err == nil {
		setups, addresses = n, 20000
	}
	for seed := range uint64(setups) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 18))
			ns := routetest.New(t)
			ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
			snap := read(t, ns)
			for _, flow := range packets(rng, snap) {
				x := survey(t, lookup.New(snap), flow)
				x.checkSums()
				for i := range addresses {
					x.check(x.draw(rng, snap, i))
				}
			}
		})
	}
}

// packets are plain packets of both families, and some others.
func packets(rng *rand.Rand, s *route.Snapshot) []route.Flow {
	out := []route.Flow{
		{Dst: netip.IPv4Unspecified(), Proto: route.ProtoUDP},
		{Dst: netip.IPv6Unspecified()},
	}
	out = append(out, routetest.OutputFlows(rng, s, 2)...)
	return append(out, routetest.InputFlows(rng, s, 2)...)
}

// surveyed is a survey and its ranges.
type surveyed struct {
	t      *testing.T
	fib    *lookup.FIB
	flow   route.Flow
	survey *coverage.Survey
	ranges []coverage.Range
	ways   []int
}

func survey(t *testing.T, fib *lookup.FIB, flow route.Flow) *surveyed {
	x := &surveyed{t: t, fib: fib, flow: flow}
	x.survey = coverage.Of(fib, flow.Family(), flow, func(r coverage.Range, way int) {
		x.ranges, x.ways = append(x.ranges, r), append(x.ways, way)
	})
	return x
}

// checkSums checks that the ranges are all addresses, each once, and that the ways have
// them all.
func (x *surveyed) checkSums() {
	fam := x.flow.Family()
	want := new(big.Int).Lsh(big.NewInt(1), uint(fam.Bits()))
	byWay, byRange := new(big.Int), new(big.Int)
	texts := map[string]bool{}
	sizes, counts := make([]coverage.Count, len(x.survey.Ways)), make([]int, len(x.survey.Ways))
	for i, r := range x.ranges {
		byRange.Add(byRange, r.Size().Big())
		sizes[x.ways[i]] = sizes[x.ways[i]].Plus(r.Size())
		counts[x.ways[i]]++
		if i > 0 && (x.ranges[i-1].Last.Next() != r.First || x.ways[i-1] == x.ways[i]) {
			x.t.Fatalf("%+v: %v comes after %v", x.flow, r, x.ranges[i-1])
		}
	}
	for i, w := range x.survey.Ways {
		byWay.Add(byWay, w.Size.Big())
		if w.Size != sizes[i] || w.Ranges != counts[i] {
			x.t.Fatalf("%+v: way %d has %v addresses in %d ranges, not %v in %d", x.flow, i, w.Size.Big(), w.Ranges, sizes[i].Big(), counts[i])
		}
		text := x.at(w.First)
		if texts[text] {
			x.t.Fatalf("%+v: two ways are %s", x.flow, text)
		}
		texts[text] = true
	}
	if byWay.Cmp(want) != 0 || byRange.Cmp(want) != 0 {
		x.t.Fatalf("%+v: the ways have %v addresses and the ranges %v, not %v", x.flow, byWay, byRange, want)
	}
}

// draw is an address: the first or the last of each range in turn, and then any address.
func (x *surveyed) draw(rng *rand.Rand, snap *route.Snapshot, i int) netip.Addr {
	if r := i / 2; r < len(x.ranges) {
		return []netip.Addr{x.ranges[r].First, x.ranges[r].Last}[i%2]
	}
	return sample(rng, x.flow.Family(), snap, snap, nil)
}

// check checks one address.
func (x *surveyed) check(dst netip.Addr) {
	x.t.Helper()
	i, found := slices.BinarySearchFunc(x.ranges, dst, func(r coverage.Range, a netip.Addr) int { return r.First.Compare(a) })
	if !found {
		i--
	}
	want := x.at(x.survey.Ways[x.ways[i]].First)
	if got := x.at(dst); got != want {
		x.t.Fatalf("%+v: %s is in %v:\n%swant\n%s", x.flow, dst, x.ranges[i], got, want)
	}
	f := x.flow
	f.Dst = dst
	if d := x.fib.Lookup(f); d.HasRoute {
		at := coverage.Place{Entry: d.Entry(), Dst: d.Route.Dst}
		if !slices.ContainsFunc(x.survey.Served, func(s coverage.Served) bool { return s.Place == at }) {
			x.t.Fatalf("%+v: %s takes %+v, which is not said to serve any address", x.flow, dst, d.Route)
		}
		if slices.Contains(x.survey.Unreached, at) {
			x.t.Fatalf("%+v: %s takes %+v, which is said to be unreached", x.flow, dst, d.Route)
		}
	}
}

// at is what becomes of the packet to an address.
func (x *surveyed) at(dst netip.Addr) string {
	f := x.flow
	f.Dst = dst
	d := x.fib.Lookup(f)
	out := fmt.Sprintln(d.Disposition, d.Errno, d.SomeRefused, d.RefusedShare, d.Ambiguous.Code)
	if d.Disposition == lookup.DispositionInvalid {
		out += fmt.Sprintln(d.Shortcut)
	}
	for _, w := range d.NextHops {
		out += fmt.Sprintln(w.Link, w.Gateway, w.Share, w.Stale, w.Redirected, w.Via.Encap)
	}
	return out
}
