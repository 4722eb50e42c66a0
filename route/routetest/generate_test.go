package routetest_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"routewhy/route"
	"routewhy/route/routetest"
)

func TestGenerateIsDeterministic(t *testing.T) {
	opts := routetest.Options{Support: routetest.Support{VRF: true, Dummy: true, Rules618: true}}
	rules := 0
	for seed := range uint64(200) {
		a := routetest.Generate(rand.New(rand.NewPCG(seed, 1)), opts)
		b := routetest.Generate(rand.New(rand.NewPCG(seed, 1)), opts)
		if !slices.Equal(a, b) {
			t.Fatalf("seed %d: two set-ups", seed)
		}
		if strings.Contains(strings.Join(a, "\n"), "rule") {
			rules++
		}
	}
	if rules < 80 || rules > 120 {
		t.Errorf("got %d set-ups of 200 with rules, want about half", rules)
	}
}

func TestGenerateFamily(t *testing.T) {
	for seed := range uint64(100) {
		opts := routetest.Options{Family: route.IPv4}
		if s := strings.Join(routetest.Generate(rand.New(rand.NewPCG(seed, 1)), opts), "\n"); strings.Contains(s, "2001:") {
			t.Fatalf("seed %d: IPv6 in an IPv4 set-up:\n%s", seed, s)
		}
		opts.Family = route.IPv6
		if s := strings.Join(routetest.Generate(rand.New(rand.NewPCG(seed, 1)), opts), "\n"); strings.Contains(s, "10.0.") {
			t.Fatalf("seed %d: IPv4 in an IPv6 set-up:\n%s", seed, s)
		}
	}
}

// TestGenerateIsAccepted: refused commands are a waste, and hide what the
// generator was meant to make.
func TestGenerateIsAccepted(t *testing.T) {
	opts := routetest.Options{Support: routetest.Probe(t)}
	seeds := uint64(200)
	if testing.Short() {
		seeds = 20
	}
	commands, refused, start := 0, 0, time.Now()
	for seed := range seeds {
		ns := routetest.New(t)
		res := ns.Batch(routetest.Generate(rand.New(rand.NewPCG(seed, 2)), opts))
		commands += res.Commands
		refused += len(res.Refused)
		if testing.Verbose() {
			for _, r := range res.Refused {
				t.Logf("seed %d: %s: %s", seed, r.Command, strings.ReplaceAll(r.Why, "\n", " "))
			}
		}
	}
	t.Logf("%d of %d commands refused; %v for a set-up", refused, commands, time.Since(start)/time.Duration(seeds))
	if refused*100 > commands*15 {
		t.Errorf("%d of %d commands refused, want at most 15 %%", refused, commands)
	}
}
