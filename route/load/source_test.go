package load_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"routewhy/route"
	"routewhy/route/load"
)

const sourceText = `$ ip route show table all
default via 192.0.2.1 dev eth0
10.0.0.0/8 via 192.0.2.7 dev eth0 table 100
local 192.0.2.2 dev eth0 table local proto kernel scope host src 192.0.2.2
2001:db8::/32 dev eth0 metric 256
`

// TestSource checks what a source of files leaves out if a query asks for less.
func TestSource(t *testing.T) {
	r, err := load.Files(strings.NewReader(sourceText), load.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	src := r.Source()
	defer src.Close()
	for name, c := range map[string]struct {
		query route.Query
		want  int
	}{
		"all":       {route.Query{}, 5}, // with one that comes with IPv6,
		"a family":  {route.Query{Family: route.IPv6}, 2},
		"a table":   {route.Query{Table: 100}, 1},
		"prefixes":  {route.Query{Keep: func(_ route.Table, p netip.Prefix) bool { return p.Contains(netip.MustParseAddr("10.0.0.1")) }}, 2},
		"no routes": {route.Query{NoRoutes: true}, 0},
	} {
		s, err := src.Read(t.Context(), c.query)
		if err != nil || len(s.Routes) != c.want {
			t.Errorf("%s: %d routes, want %d, error %v", name, len(s.Routes), c.want, err)
		}
	}
	enough := errors.New("enough")
	if _, err := src.Read(t.Context(), route.Query{Each: func(*route.Route) error { return enough }}); err != enough {
		t.Errorf("the error of Each became %v", err)
	}
	w := src.Watch(route.Query{})
	defer w.Close()
	var not *route.NotAskedError
	if _, err := src.Resolve(t.Context(), route.Flow{}); !errors.As(err, &not) || !strings.Contains(err.Error(), "standard input") {
		t.Errorf("the kernel's answer: %v", err)
	}
	if w.Changed() || src.Redirects() != nil {
		t.Error("files changed")
	}
}
