//go:build linux

package lookup_test

import (
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/internal/golden"
	"routewhy/route/routetest"
)

// TestCorners compares decisions in set-ups where one fact alone decides with the
// kernel's and the slow oracle's.
func TestCorners(t *testing.T) {
	for _, c := range routetest.Corners() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			ns := routetest.New(t)
			ns.Run(t, routetest.CornerBase()...)
			ns.Run(t, c.Setup...)
			h := open(t, ns)
			f := h.fib(t)
			for _, q := range c.Queries {
				flow, err := routetest.ParseQuery(q, func(name string) (int, bool) {
					if name == "nosuch" {
						return routetest.NoSuchDevice, true
					}
					return ns.Index(name)
				})
				if err != nil {
					t.Fatal(err)
				}
				d := f.Lookup(flow)
				if c := h.compare(t, f, &flow, &d); !c.Agrees {
					t.Errorf("%s: %+v\n%s", q, c.Differences, describe(f, &d))
				}
				if d.Disposition == lookup.DispositionUnknown && golden.Decide(f.Snapshot(), flow).Uncertain == "" {
					t.Errorf("%s: undecided", q)
				}
				checkGolden(t, f, &flow, &d)
			}
		})
	}
}
