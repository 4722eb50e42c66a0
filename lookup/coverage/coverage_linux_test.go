package coverage_test

import (
	"fmt"
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
	"routewhy/route/routetest/live"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// samples is how many addresses are tried in each pair of set-ups.
const samples = 10000

// TestDiffIsExact compares random set-ups: an address is decided differently if
// and only if it is in a reported range. ROUTEWHY_SETUPS is the number of set-ups.
func TestDiffIsExact(t *testing.T) {
	support := routetest.Probe(t)
	pairs := 12
	if n, err := strconv.Atoi(os.Getenv("ROUTEWHY_SETUPS")); err == nil {
		pairs = n
	}
	for seed := range uint64(pairs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			ns := routetest.New(t)
			setup := routetest.Generate(rng, routetest.Options{Support: support})
			ns.Batch(setup)
			before := read(t, ns)
			checkPair(t, rng, before, fewRoutesLess(rng, before))
			// More random changes are made to the same namespace.
			ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
			checkPair(t, rng, before, read(t, ns))
		})
	}
}

func read(t *testing.T, ns *routetest.Namespace) *route.Snapshot {
	return live.Read(t, ns, route.Query{AllDevices: true})
}

// fewRoutesLess is the same snapshot without a few routes.
func fewRoutesLess(rng *rand.Rand, s *route.Snapshot) *route.Snapshot {
	o := *s
	o.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(route.Route) bool { return rng.IntN(8) == 0 })
	return &o
}

func checkPair(t *testing.T, rng *rand.Rand, a, b *route.Snapshot) {
	t.Helper()
	x, y := coverage.HostOf(a), coverage.HostOf(b)
	before, after := x.FIB, y.FIB
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		flow := coverage.Flow{Flow: route.Flow{Proto: 17}}
		changes := coverage.Diff(x, y, fam, flow, nil).Changes.All()
		for i := 1; i < len(changes); i++ {
			if !changes[i-1].Last.Less(changes[i].First) {
				t.Fatalf("ranges overlap: %s-%s, %s", changes[i-1].First, changes[i-1].Last, changes[i].First)
			}
		}
		for range samples {
			dst := sample(rng, fam, a, b, changes)
			f := flow.Flow
			f.Dst = dst
			d, e := before.Lookup(f), after.Lookup(f)
			reported := slices.ContainsFunc(changes, func(c coverage.Change) bool { return c.Holds(dst) })
			if differs := text(before, &d) != text(after, &e); differs != reported {
				t.Fatalf("%s: differs %v, reported %v\n%s\n%s", dst, differs, reported, text(before, &d), text(after, &e))
			}
		}
	}
}

// sample is a random address: any one, or one next to a boundary.
func sample(rng *rand.Rand, fam route.Family, a, b *route.Snapshot, changes []coverage.Change) netip.Addr {
	var at netip.Addr
	switch n := rng.IntN(4); {
	case n == 0 && len(changes) > 0:
		c := &changes[rng.IntN(len(changes))]
		at = []netip.Addr{c.First, c.Last}[rng.IntN(2)]
	case n == 1 && len(a.Routes) > 0:
		at = a.Routes[rng.IntN(len(a.Routes))].Dst.Addr()
	case n == 2 && len(b.Addrs) > 0:
		at = b.Addrs[rng.IntN(len(b.Addrs))].Prefix.Addr()
	}
	if route.FamilyOf(at) != fam {
		raw := make([]byte, fam.Bits()/8)
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		at, _ = netip.AddrFromSlice(raw)
	}
	raw := at.AsSlice()
	raw[rng.IntN(len(raw))] ^= byte(rng.IntN(256)&rng.IntN(256)) * byte(rng.IntN(2))
	at, _ = netip.AddrFromSlice(raw)
	if near := []netip.Addr{at, at.Next(), at.Prev()}[rng.IntN(3)]; near.IsValid() {
		return near
	}
	return at
}

// text is the part of a decision that matters to the packet.
func text(f *lookup.FIB, d *lookup.Decision) string {
	out := fmt.Sprintln(d.Disposition, d.Errno, d.SomeRefused, d.Ambiguous.Code)
	for _, w := range d.NextHops {
		src := fmt.Sprint(w.Src, w.OtherSrc)
		if d.Disposition == lookup.DispositionLocal {
			src = ""
		}
		out += fmt.Sprintln(f.Snapshot().LinkName(w.Link), w.Gateway, w.Share, w.Stale, src)
	}
	return out
}
