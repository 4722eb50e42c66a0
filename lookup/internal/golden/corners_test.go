//go:build linux

package golden

import (
	"testing"

	"routewhy/route/routetest"
)

// severalAnswers are corners in which the kernel goes by what no dump shows: the age
// of an address, and the preference of a sibling. This package says so; lookup
// does not.
func severalAnswers() []routetest.Corner {
	return []routetest.Corner{
		{Name: "same address twice", Setup: routetest.Setup{"ip addr add 10.0.0.1/32 dev w0"}, Queries: []string{"239.1.1.1 from 10.0.0.1", "255.255.255.255 from 10.0.0.1", "10.0.0.1", "10.0.0.1 oif w0", "10.0.0.1 oif v0"}},
		{Name: "v6 rank", Setup: routetest.Setup{"ip -6 route add 2001:db8:9::/48 via 2001:db8:1::2 pref low", "ip -6 route append 2001:db8:9::/48 via 2001:db8:2::2 pref high", "ip -6 route append 2001:db8:9::/48 dev w0p"}, Queries: []string{"2001:db8:9::1", "2001:db8:9::2", "2001:db8:9::3"}},
	}
}

func TestCorners(t *testing.T) {
	t.Parallel()
	for _, c := range append(routetest.Corners(), severalAnswers()...) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			ns := routetest.New(t)
			ns.Run(t, routetest.CornerBase()...)
			ns.Run(t, c.Setup...)
			h := openHost(t, ns)
			s := h.read(t)
			for _, q := range c.Queries {
				f, err := routetest.ParseQuery(q, func(name string) (int, bool) {
					if name == "nosuch" {
						return routetest.NoSuchDevice, true
					}
					return ns.Index(name)
				})
				if err != nil {
					t.Fatal(err)
				}
				a := Resolve(s, f)
				if why := h.differs(t, s, f, a); why != "" {
					t.Errorf("%s\n  golden: %s %s\n  kernel: %s", q, text(s, a), a.Uncertain, why)
				}
			}
		})
	}
}
