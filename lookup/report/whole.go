package report

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// ReadWhole reads what questions about the whole host need. Of tables too large to be held,
// what covers the addresses that stand for other networks is read as well, and of the
// routes to other networks one of each kind; those are the second result, which is empty
// where all routes are held. Errors are those of the source.
func ReadWhole(ctx context.Context, src route.Source, q route.Query) (*lookup.FIB, []AlikeRoutes, error) {
	q.AllDevices = true
	var far farRoutes
	var limit int64
	if l, ok := src.(route.Limited); ok {
		limit = l.Limit()
	}
	fib, err := lookup.Read(ctx, src, &lookup.Need{
		Query: q,
		Limit: limit,
		Hold:  func(r *route.Route) bool { return !leadsFar(r) || far.holds(r) },
		Ask: func(f *lookup.FIB) []netip.Addr {
			return append(far.missed(), f.ExternalAddr(route.IPv4), f.ExternalAddr(route.IPv6))
		},
		Each: func(r *route.Route) error {
			if leadsFar(r) {
				far.count(r)
			}
			return nil
		},
		Again: func() { far = farRoutes{} },
	})
	if errors.As(err, new(*route.LimitError)) {
		err = fmt.Errorf("routes: %w", err)
	}
	if err != nil {
		return nil, nil, err
	}
	if !fib.Partial() {
		return fib, nil, nil
	}
	return fib, far.all(), nil
}

// farRoutes are the routes of large tables to other networks, by what they are except for
// their destination.
type farRoutes struct {
	byShape route.ByShape[*farKind]
	byLinks map[string]*farKind // of the rest
	kinds   []*farKind

	// That of the route which was counted last: it is asked for again at once.
	counted *route.Route
	of      *farKind
}

type farKind struct {
	AlikeRoutes
	held bool
}

// maxFarShapes is how many shapes are told apart. Of the rest, those by the same devices
// are one kind.
const maxFarShapes = 64

func (f *farRoutes) kind(r *route.Route) *farKind {
	if r == f.counted {
		return f.of
	}
	if k, ok := f.byShape.Get(r); ok {
		return k
	}
	k := new(farKind)
	if f.byShape.Len() == maxFarShapes || !f.byShape.Put(r, k) {
		links := fmt.Append(nil, r.Table, " ", r.NextHopID)
		for i := range r.NextHops {
			links = fmt.Append(links, " ", r.NextHops[i].Link)
		}
		if old := f.byLinks[string(links)]; old != nil {
			return old
		}
		if f.byLinks == nil {
			f.byLinks = map[string]*farKind{}
		}
		f.byLinks[string(links)] = k
	}
	f.kinds = append(f.kinds, k)
	return k
}

// count counts a route. The longest prefix of its kind stands for it.
func (f *farRoutes) count(r *route.Route) {
	f.counted = nil
	k := f.kind(r)
	f.counted, f.of = r, k
	k.Count++
	if !k.held && (!k.Dst.IsValid() || r.Dst.Bits() > k.Dst.Bits()) {
		k.Dst = r.Dst
	}
}

// holds reports whether a route is the one of its kind that is held: the first that is
// so long that hardly another one is inside it.
func (f *farRoutes) holds(r *route.Route) bool {
	long := 24
	if r.Dst.Addr().Is6() {
		long = 48
	}
	k := f.kind(r)
	if !k.held && r.Dst.Bits() >= long {
		k.held, k.Dst = true, r.Dst
	}
	return k.held && k.Dst == r.Dst
}

// missed are addresses in the longest prefix of each kind of which no route is held.
func (f *farRoutes) missed() []netip.Addr {
	var out []netip.Addr
	for _, k := range f.kinds {
		if !k.held && len(out) < maxFarShapes {
			out = append(out, k.Dst.Addr())
		}
	}
	return out
}

func (f *farRoutes) all() []AlikeRoutes {
	var out []AlikeRoutes
	for _, k := range f.kinds {
		out = append(out, k.AlikeRoutes)
	}
	slices.SortStableFunc(out, func(a, b AlikeRoutes) int { return b.Count - a.Count })
	return out
}

// leadsFar reports whether a route leads to other networks by a gateway, and covers no
// half of all addresses. Of a large table, the others say more: what is on a link, and
// what refuses.
func leadsFar(r *route.Route) bool {
	return r.Type == route.TypeUnicast && r.Dst.Bits() > 1 && (r.NextHopID != 0 || len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid())
}
