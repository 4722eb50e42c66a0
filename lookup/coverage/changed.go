package coverage

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"routewhy/route"
)

// changedPrefixes are the prefixes whose entries differ, where the snapshots are
// the same but for their routes. False: they are not.
func changedPrefixes(a, b *route.Snapshot, fam route.Family) ([]netip.Prefix, bool) {
	if !reflect.DeepEqual(others(a), others(b)) {
		return nil, false
	}
	x, y := entries(a, fam), entries(b, fam)
	var out []netip.Prefix
	for len(x) > 0 || len(y) > 0 {
		k := smaller(x, y)
		var p, q []*route.Route
		p, x = take(x, k)
		q, y = take(y, k)
		if !slices.EqualFunc(p, q, sameRoute) {
			out = append(out, k.Dst)
		}
	}
	return out, true
}

// others is a snapshot without its routes, and without what no decision depends
// on.
func others(s *route.Snapshot) route.Snapshot {
	o := *s
	o.Routes, o.Time, o.Sockets = nil, time.Time{}, nil
	return o
}

// entries are a family's routes by table and prefix; those of one prefix in
// their own order.
func entries(s *route.Snapshot, fam route.Family) []*route.Route {
	out := make([]*route.Route, 0, len(s.Routes))
	for i := range s.Routes {
		if s.Routes[i].Family() == fam {
			out = append(out, &s.Routes[i])
		}
	}
	slices.SortStableFunc(out, compareKeys)
	return out
}

func compareKeys(a, b *route.Route) int {
	return cmp.Or(cmp.Compare(a.Table, b.Table), a.Dst.Addr().Compare(b.Dst.Addr()), a.Dst.Bits()-b.Dst.Bits())
}

func smaller(x, y []*route.Route) *route.Route {
	if len(x) == 0 || len(y) > 0 && compareKeys(y[0], x[0]) < 0 {
		return y[0]
	}
	return x[0]
}

// take splits off the entries of one prefix.
func take(x []*route.Route, k *route.Route) (same, rest []*route.Route) {
	n := 0
	for n < len(x) && compareKeys(x[n], k) == 0 {
		n++
	}
	return x[:n], x[n:]
}

func sameRoute(a, b *route.Route) bool {
	return a.Src == b.Src && a.TOS == b.TOS && a.Metric == b.Metric && a.Type == b.Type && a.Scope == b.Scope &&
		a.Protocol == b.Protocol && a.PrefSrc == b.PrefSrc && a.Pref == b.Pref && a.Flags == b.Flags &&
		a.Expires == b.Expires && a.NextHopID == b.NextHopID && slices.Equal(a.NextHops, b.NextHops) &&
		slices.Equal(a.Metrics, b.Metrics) && len(a.Unknown) == len(b.Unknown)
}

// Routes are a family's routes that one of two snapshots has and the other has
// not, by table and prefix.
func Routes(a, b *route.Snapshot, fam route.Family) (removed, added []*route.Route) {
	x, y := entries(a, fam), entries(b, fam)
	for len(x) > 0 || len(y) > 0 {
		k := smaller(x, y)
		var p, q []*route.Route
		p, x = take(x, k)
		q, y = take(y, k)
		removed = append(removed, without(p, q)...)
		added = append(added, without(q, p)...)
	}
	return removed, added
}

func without(all, others []*route.Route) []*route.Route {
	var out []*route.Route
	for _, r := range all {
		if !slices.ContainsFunc(others, func(o *route.Route) bool { return sameRoute(r, o) }) {
			out = append(out, r)
		}
	}
	return out
}
