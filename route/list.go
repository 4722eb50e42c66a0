package route

import (
	"encoding/json"
	"net/netip"
	"slices"
)

// List is many routes in little memory: those that differ by nothing but their
// destination share the rest. It keeps their order. The zero value is empty and
// ready for use; a List must not be copied once it has routes.
type List struct {
	kinds  []Route // without a destination
	count  []int   // of each kind
	shapes map[Shape]int32
	others map[string]int32 // by longKind
	routes []listed
	shared int64 // bytes that the kinds and the default routes take, about
}

// listed is one route: its destination, and the kind that has the rest.
type listed struct {
	dst  netip.Prefix
	kind int32
}

// ListOf is a list of the routes of a slice.
func ListOf(all []Route) *List {
	l := &List{routes: make([]listed, 0, len(all))}
	for i := range all {
		l.Add(&all[i])
	}
	return l
}

// Kind is all of a route but its destination, as a value that compares.
func (r *Route) Kind() any {
	if s, ok := r.Shape(); ok {
		return s
	}
	return r.longKind()
}

// longKind is the kind of a route that has no [Shape].
func (r *Route) longKind() string {
	rest := *r
	rest.Dst = netip.PrefixFrom(zeroAddr(r.Family()), 0)
	b, _ := json.Marshal(&rest) // a Route has nothing that fails
	return string(b)
}

func zeroAddr(f Family) netip.Addr {
	if f == IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// Add adds a route after the others. It is copied.
func (l *List) Add(r *Route) {
	if l.shapes == nil {
		l.shapes, l.others = map[Shape]int32{}, map[string]int32{}
	}
	if s, ok := r.Shape(); ok {
		l.add(r.Dst, kindOf(l, l.shapes, s, r))
	} else {
		l.add(r.Dst, kindOf(l, l.others, r.longKind(), r))
	}
}

func kindOf[K comparable](l *List, known map[K]int32, key K, r *Route) int32 {
	k, ok := known[key]
	if !ok {
		k = int32(len(l.kinds))
		known[key] = k
		l.kinds = append(l.kinds, r.Clone())
		l.kinds[k].Dst = netip.Prefix{}
		l.count = append(l.count, 0)
		l.shared += sizeOfKind(r)
	}
	return k
}

func (l *List) add(dst netip.Prefix, kind int32) {
	l.routes = append(l.routes, listed{dst, kind})
	l.count[kind]++
	if dst.Bits() == 0 {
		l.shared += defaultSize
	}
}

// addAnother adds a route that is the last one's except for its destination, which
// is of the same family.
func (l *List) addAnother(dst netip.Prefix) { l.add(dst, l.routes[len(l.routes)-1].kind) }

// Len is the number of routes.
func (l *List) Len() int { return len(l.routes) }

// Each hands the routes over one by one, in their order, those that keep keeps;
// nil: all. The Route is overwritten by the next one, but what its fields point
// to is not; neither must be changed. An error ends it and becomes its own.
func (l *List) Each(keep func(Table, netip.Prefix) bool, f func(*Route) error) error {
	var r Route
	last := int32(-1)
	for i := range l.routes {
		at := &l.routes[i]
		if keep != nil && !keep(l.kinds[at.kind].Table, at.dst) {
			continue
		}
		if at.kind != last {
			r, last = l.kinds[at.kind], at.kind
		}
		r.Dst = at.dst
		if err := f(&r); err != nil {
			return err
		}
	}
	return nil
}

// Slice is the routes as a slice.
func (l *List) Slice() []Route {
	out := make([]Route, 0, l.Len())
	for i := range l.routes {
		out = append(out, l.Get(i))
	}
	return out
}

// Kinds are what the routes share, each without a destination, to be read only.
func (l *List) Kinds() []Route { return l.kinds }

// At is the destination of a route, by its place, and the place of the rest of
// it among the Kinds.
func (l *List) At(i int) (dst netip.Prefix, kind int) {
	return l.routes[i].dst, int(l.routes[i].kind)
}

// Get is the route at a place.
func (l *List) Get(i int) Route {
	r := l.kinds[l.routes[i].kind]
	r.Dst = l.routes[i].dst
	return r
}

// Rewrite calls f for the routes that share something, once for all of them, to
// change anything but the destination, which f does not see, or the family.
func (l *List) Rewrite(f func(*Route)) {
	for i := range l.kinds {
		f(&l.kinds[i])
	}
	l.shapes = nil
}

// Map gives the routes with other destinations, of the same families, and with
// something else in what they share: rest is called once for all routes that
// share it, and must replace what fields point to, not change it.
func (l *List) Map(dst func(netip.Prefix) netip.Prefix, rest func(*Route)) *List {
	out := &List{kinds: slices.Clone(l.kinds), count: slices.Clone(l.count), shared: l.shared, routes: make([]listed, 0, len(l.routes))}
	for i := range out.kinds {
		rest(&out.kinds[i])
	}
	for i := range l.routes {
		out.routes = append(out.routes, listed{dst(l.routes[i].dst), l.routes[i].kind})
	}
	return out
}
