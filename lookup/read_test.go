package lookup_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/routetest"
)

// memory is a source that has a snapshot.
type memory struct {
	route.Source
	*route.Snapshot
	reads int
}

func (m *memory) Read(_ context.Context, q route.Query) (*route.Snapshot, error) {
	m.reads++
	out := *m.Snapshot
	out.Routes = nil
	for _, r := range m.Routes {
		if !q.Keeps(r.Table, r.Dst) {
			continue
		}
		if err := q.Each(&r); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// largeHost has n routes by a gateway, and a few of other kinds.
func largeHost(n int) *route.Snapshot {
	routes := append(locals(),
		via("0.0.0.0/0", "192.0.2.1", 2), via("0.0.0.0/0", "198.51.100.1", 3, metric(9)),
		// Some of the routes of a prefix are held, and some are not.
		via("203.0.113.0/24", "192.0.2.7", 2, metric(5)), via("203.0.113.0/24", "", 3, metric(7)), via("203.0.113.0/24", "192.0.2.8", 2, metric(8)),
		via("203.0.114.0/24", "", 3, metric(7)), via("203.0.114.0/24", "192.0.2.8", 2, metric(8)),
	)
	for i := range n {
		routes = append(routes, via(fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255), fmt.Sprintf("192.0.2.%d", 3+i%9), 2))
	}
	return hostOf(routes)
}

// TestRead compares what is held of small and large tables with a FIB that holds all.
func TestRead(t *testing.T) {
	asked := []netip.Addr{
		netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("203.0.114.9"), netip.MustParseAddr("10.0.3.4"),
		netip.MustParseAddr("10.15.255.1"), netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("192.0.2.2"),
	}
	about := func(p netip.Prefix) bool {
		for _, a := range asked {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	onLink := func(r *route.Route) bool {
		return r.IsDefault() || len(r.NextHops) > 0 && !r.NextHops[0].Gateway.IsValid()
	}
	for _, c := range []struct {
		name    string
		routes  int
		need    lookup.Need
		reads   int
		partial bool
	}{
		{"everything", 5000, lookup.Need{}, 1, false},
		{"of a small table", 100, lookup.Need{About: about}, 1, false},
		{"of a large table", 5000, lookup.Need{About: about}, 1, true},
		{"a small table that would be held in part", 100, lookup.Need{Hold: onLink, Ask: func(*lookup.FIB) []netip.Addr { return asked }}, 1, false},
		{"a large table in part", 5000, lookup.Need{Hold: onLink, Ask: func(*lookup.FIB) []netip.Addr { return asked }}, 2, true},
		{"with nothing left out that is asked for", 5000, lookup.Need{Hold: onLink, Ask: func(*lookup.FIB) []netip.Addr { return asked[4:] }}, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := largeHost(c.routes)
			src := &memory{Snapshot: host}
			seen := 0
			c.need.Each = func(*route.Route) error { seen++; return nil }
			got, err := lookup.Read(t.Context(), src, &c.need)
			if err != nil {
				t.Fatal(err)
			}
			if src.reads != c.reads || got.Partial() != c.partial {
				t.Errorf("%d readings, partial: %v", src.reads, got.Partial())
			}
			if c.need.About == nil && seen != len(host.Routes) {
				t.Errorf("Each saw %d of %d routes", seen, len(host.Routes))
			}
			want := lookup.New(host)
			questions := asked
			if c.need.Ask != nil {
				questions = c.need.Ask(want)
			}
			for _, a := range questions {
				flow := route.Flow{Dst: a}
				g, w := got.Lookup(flow), want.Lookup(flow)
				if g.Disposition != w.Disposition || g.Route.Dst != w.Route.Dst || g.Route.Metric != w.Route.Metric {
					t.Errorf("%s: %v metric %d, want %v metric %d", a, g.Route, g.Route.Metric, w.Route, w.Route.Metric)
				}
				g, w = got.Explain(flow).Decision, want.Explain(flow).Decision
				if g.Route.Metric != w.Route.Metric {
					t.Errorf("%s explained: metric %d, want %d", a, g.Route.Metric, w.Route.Metric)
				}
			}
		})
	}
}

// TestReadManyTables reads very many tables, each with a route that is left out, for as many
// questions: what costs tables times questions would take hours. So does ExternalAddr, which
// looks for an address that no table but by its default route has.
func TestReadManyTables(t *testing.T) {
	tables := routetest.Fewer(60000)
	hop := []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr("192.0.2.1")}}
	host := hostOf(nil)
	var asked []netip.Addr
	for i := range tables {
		id := route.Table(1000 + i)
		host.Rules = append(host.Rules, route.Rule{
			Family: route.IPv4, Priority: uint32(i) + 1, Action: route.ActionTable, Table: id, SuppressGroup: -1,
		})
		a := netip.AddrFrom4([4]byte{byte(i % 200), byte(i >> 8), byte(i), 1})
		asked = append(asked, a, a)
		host.Routes = append(host.Routes,
			route.Route{Table: id, Dst: route.IPv4.Default(), Type: route.TypeUnicast, NextHops: hop},
			route.Route{Table: id, Dst: netip.PrefixFrom(a, 24).Masked(), Type: route.TypeUnicast, NextHops: hop})
	}
	slices.SortStableFunc(host.Rules, func(a, b route.Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	src := &memory{Snapshot: host}
	f, err := lookup.Read(t.Context(), src, &lookup.Need{Hold: (*route.Route).IsDefault, Ask: func(*lookup.FIB) []netip.Addr { return asked }})
	if err != nil {
		t.Fatal(err)
	}
	if src.reads != 2 || !f.Partial() {
		t.Errorf("%d readings, partial: %v", src.reads, f.Partial())
	}
	if a := f.ExternalAddr(route.IPv4); f.Lookup(route.Flow{Dst: a}).Route.Dst.Bits() > 0 {
		t.Errorf("%s is no address of other networks", a)
	}
}

// TestReadOnce reads random large tables, in the kernel's order and in none. Whatever was left
// out, the answers are those of a FIB that holds all, and a second reading is needed only where
// some of a prefix's routes are held and some are not, or where the order is none.
func TestReadOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(16, 1))
	prefix := func() netip.Prefix {
		a := netip.AddrFrom4([4]byte{10, byte(rng.IntN(8)), byte(rng.IntN(256)), byte(rng.IntN(4) << 6)})
		return netip.PrefixFrom(a, 16+rng.IntN(11)).Masked()
	}
	order := func(a, b route.Route) int {
		return cmp.Or(a.Dst.Addr().Compare(b.Dst.Addr()), b.Dst.Bits()-a.Dst.Bits(), cmp.Compare(a.Metric, b.Metric))
	}
	for _, c := range []struct {
		name                  string
		mixed, shuffled, once bool
	}{{"in order", false, false, true}, {"held in part", true, false, false}, {"in no order", false, true, false}} {
		t.Run(c.name, func(t *testing.T) {
			seen := map[netip.Prefix]uint32{}
			var routes []route.Route
			for range 6000 {
				p := prefix()
				seen[p]++ // a metric for each: the kernel has no two routes that are equal
				r := via(p.String(), fmt.Sprintf("192.0.2.%d", 3+rng.IntN(6)), 2, metric(seen[p]))
				switch rng.IntN(20) {
				case 0:
					r.NextHops = append(r.NextHops, route.NextHop{Link: 3, Gateway: netip.MustParseAddr("198.51.100.1")})
				case 1:
					r.Type, r.NextHops = route.TypeThrow, nil
				}
				routes = append(routes, r)
			}
			slices.SortFunc(routes, order)
			if c.shuffled {
				rng.Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
			}
			host := hostOf(append(locals(), routes...))
			var asked []netip.Addr
			for range 200 {
				asked = append(asked, prefix().Addr().Next())
			}
			src := &memory{Snapshot: host}
			got, err := lookup.Read(t.Context(), src, &lookup.Need{
				Hold: func(r *route.Route) bool { return r.Table != route.TableMain || c.mixed && r.Metric == 2 },
				Ask:  func(*lookup.FIB) []netip.Addr { return asked },
			})
			if err != nil {
				t.Fatal(err)
			}
			if once := src.reads == 1; once != c.once {
				t.Errorf("%d readings", src.reads)
			}
			want := lookup.New(host)
			for _, a := range asked {
				flow := route.Flow{Dst: a}
				if g, w := got.Lookup(flow), want.Lookup(flow); !reflect.DeepEqual(g.Route, w.Route) || g.Disposition != w.Disposition {
					t.Errorf("%s: %v %v, want %v %v", a, g.Disposition, g.Route, w.Disposition, w.Route)
				}
			}
		})
	}
}

// TestReadEnds: an error of Each ends the reading, and becomes its own.
func TestReadEnds(t *testing.T) {
	enough := errors.New("enough")
	_, err := lookup.Read(t.Context(), &memory{Snapshot: largeHost(10)}, &lookup.Need{Each: func(*route.Route) error { return enough }})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

// TestReadLimit: where more is held than may be, the reading ends.
func TestReadLimit(t *testing.T) {
	host := largeHost(6000)
	hold := func(*route.Route) bool { return true }
	_, err := lookup.Read(t.Context(), &memory{Snapshot: host}, &lookup.Need{Hold: hold, Limit: 1 << 20})
	if !errors.As(err, new(*route.LimitError)) {
		t.Error(err)
	}
	if _, err := lookup.Read(t.Context(), &memory{Snapshot: host}, &lookup.Need{Hold: hold, Limit: 1 << 30}); err != nil {
		t.Error(err)
	}
}
