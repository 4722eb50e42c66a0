package report_test

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// countedHost counts how often it is read.
type countedHost struct {
	*host
	reads int
}

func (h *countedHost) Read(ctx context.Context, q route.Query) (*route.Snapshot, error) {
	h.reads++
	return h.host.Read(ctx, q)
}

// TestReadWhole reads a large table and a few short routes by other gateways, which stand
// for themselves: the tables are read once more only where these cannot be asked about.
func TestReadWhole(t *testing.T) {
	by := func(dst, gateway string, metric uint32) route.Route {
		return route.Route{
			Table: route.TableMain, Dst: netip.MustParsePrefix(dst), Type: route.TypeUnicast, Metric: metric,
			NextHops: []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr(gateway)}},
		}
	}
	onLink := func(dst string, metric uint32) route.Route {
		r := by(dst, "192.0.2.1", metric)
		r.NextHops[0].Gateway = netip.Addr{}
		return r
	}
	many := func(gateway string, n int) []route.Route {
		var out []route.Route
		for i := range n {
			out = append(out, by(fmt.Sprintf("100.%d.0.0/16", 64+n-1-i), gateway, 0))
		}
		return out
	}
	for _, c := range []struct {
		name   string
		routes []route.Route
		reads  int
		alike  []string // of those by other gateways, in order
	}{
		{"none", nil, 1, nil},
		{"one short route", []route.Route{by("172.16.0.0/12", "192.0.2.9", 0)}, 1, []string{"172.16.0.0/12 1"}},
		{"inside one another", []route.Route{
			by("100.64.0.0/16", "192.0.2.9", 0), by("100.64.0.0/17", "192.0.2.8", 0), by("100.64.128.0/17", "192.0.2.8", 0), by("172.16.0.0/12", "192.0.2.9", 0),
		}, 1, []string{"100.64.0.0/16 2", "100.64.0.0/17 2"}},
		{"two of one prefix", []route.Route{by("172.16.0.0/12", "192.0.2.8", 0), by("172.16.0.0/12", "192.0.2.9", 5)}, 1, []string{"172.16.0.0/12 1", "172.16.0.0/12 1"}},
		{"another route of the prefix was held first", []route.Route{onLink("172.16.0.0/12", 0), by("172.16.0.0/12", "192.0.2.9", 5)}, 2, []string{"172.16.0.0/12 1"}},
		{"another route of the prefix was held later", []route.Route{by("172.16.0.0/12", "192.0.2.9", 0), onLink("172.16.0.0/12", 5)}, 2, []string{"172.16.0.0/12 1"}},
		{"inside one of many", append(many("192.0.2.8", 20), by("100.64.8.0/22", "192.0.2.9", 0)), 1, []string{"100.83.0.0/16 20", "100.64.8.0/22 1"}},
		{"the longest of many", append(many("192.0.2.9", 20), by("172.16.0.0/20", "192.0.2.9", 0)), 1, []string{"172.16.0.0/20 21"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := &countedHost{host: oneGateway()}
			for i := range 5000 {
				src.snap.Routes = append(src.snap.Routes, by(fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255), "192.0.2.1", 0))
			}
			src.snap.Routes = append(src.snap.Routes, c.routes...)
			fib, alike, err := report.ReadWhole(t.Context(), src, route.Query{})
			if err != nil {
				t.Fatal(err)
			}
			whole := lookup.New(&src.snap)
			for _, a := range alike[1:] {
				flow := route.Flow{Dst: a.Dst.Addr()}
				if got, want := fib.Explain(flow).Decision, whole.Explain(flow).Decision; !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %+v, want %+v", flow.Dst, got, want)
				}
			}
			var got []string
			for _, a := range alike[1:] {
				got = append(got, fmt.Sprintf("%s %d", a.Dst, a.Count))
			}
			if src.reads != c.reads || !slices.Equal(got, c.alike) {
				t.Errorf("read %d times, want %d; %q, want %q", src.reads, c.reads, got, c.alike)
			}
		})
	}
}
