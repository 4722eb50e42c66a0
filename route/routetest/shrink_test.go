package routetest_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"routewhy/route/routetest"
)

func TestShrink(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	all := routetest.Setup{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}
	for range 200 {
		var need routetest.Setup
		for _, c := range all {
			if rng.IntN(4) == 0 {
				need = append(need, c)
			}
		}
		fails := func(s routetest.Setup) bool {
			return !slices.ContainsFunc(need, func(c string) bool { return !slices.Contains(s, c) })
		}
		if got := routetest.Shrink(all, fails); !slices.Equal(got, need) {
			t.Fatalf("got %v, want %v", got, need)
		}
	}
	if len(all) != 11 || all[10] != "k" {
		t.Error("the set-up given was changed")
	}
}

// TestShrinkTogether: commands that are only needed in pairs.
func TestShrinkTogether(t *testing.T) {
	fails := func(s routetest.Setup) bool { return slices.Contains(s, "x") == slices.Contains(s, "y") }
	if got := routetest.Shrink(routetest.Setup{"x", "a", "b", "y"}, fails); len(got) != 2 {
		t.Errorf("got %v, want the pair, which no single step can drop", got)
	}
}
