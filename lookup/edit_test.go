package lookup_test

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestRewriteMany changes most of the routes of a table, and removes some, in one pass and
// one by one: the tables are the same.
func TestRewriteMany(t *testing.T) {
	const count = 5000
	var b lookup.Builder
	prefix := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
	}
	for i := range count {
		b.Add(&route.Route{Table: route.TableMain, Dst: prefix(i), Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: 2}}})
	}
	f := b.FIB(&route.Snapshot{})
	number := func(p netip.Prefix) int { a := p.Addr().As4(); return int(a[1])<<8 | int(a[2]) }
	edit := func(p netip.Prefix, list []*route.Route) ([]*route.Route, bool) {
		switch n := number(p); {
		case n%7 == 0 || n > count-10:
			return nil, false
		case n%3 == 0:
			return nil, true
		}
		r := list[0].Clone()
		r.Metric = 7
		return []*route.Route{&r}, true
	}
	together, single := f.Edit(), f.Edit()
	together.Rewrite(route.IPv4, route.TableMain, edit)
	for i := range count {
		if routes, changed := edit(prefix(i), f.Edit().At(route.TableMain, prefix(i))); changed {
			single.Set(route.TableMain, prefix(i), routes)
		}
	}
	list := func(e *lookup.Edit) (out []route.Route) {
		e.Routes(route.IPv4, route.TableMain, func(dst netip.Prefix, routes []*route.Route) bool {
			for _, r := range routes {
				out = append(out, route.Route{Dst: dst, Metric: r.Metric})
			}
			return true
		})
		return out
	}
	want, have := list(single), list(together)
	same := func(a, b route.Route) bool { return a.Dst == b.Dst && a.Metric == b.Metric }
	if len(want) < count/2 || !slices.EqualFunc(want, have, same) {
		t.Errorf("one by one there are %d routes, together %d, or they differ", len(want), len(have))
	}
	if n, m := single.Size(route.IPv4, route.TableMain), together.Size(route.IPv4, route.TableMain); n != m {
		t.Errorf("sizes %d and %d", n, m)
	}
}
