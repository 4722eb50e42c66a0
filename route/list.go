package route

import (
	"encoding/json"
	"net/netip"
	"slices"
)

// List holds many routes in little memory: routes that differ only in their
// destination share everything else. It keeps the order of the routes. The zero
// value is empty and ready for use. A List must not be copied after it has routes.
type List struct {
	kinds  []Route // without a destination
	count  []int   // of each kind
	shapes ByShape[int32]
	others map[string]int32 // by longKind
	routes []listed
	shared int64 // about how many bytes the kinds and the default routes take
}

// listed is one route: its destination, and the kind that holds everything else.
type listed struct {
	dst  netip.Prefix
	kind int32
}

// ListOf makes a list of the routes of a slice.
func ListOf(all []Route) *List {
	l := &List{routes: make([]listed, 0, len(all))}
	for i := range all {
		l.Add(&all[i])
	}
	return l
}

// Kind is everything of a route except its destination, as a value that can be
// compared.
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
	b, _ := json.Marshal(&rest) // encoding a Route cannot fail
	return string(b)
}

func zeroAddr(f Family) netip.Addr {
	if f == IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// Add adds a copy of a route at the end.
func (l *List) Add(r *Route) {
	k, ok := l.shapes.Get(r)
	if !ok {
		k = l.kind(r)
	}
	l.add(r.Dst, k)
}

// kind finds or makes the kind of a route whose shape is new, or that has none.
func (l *List) kind(r *Route) int32 {
	k := int32(len(l.kinds))
	if !l.shapes.Put(r, k) {
		long := r.longKind()
		if old, ok := l.others[long]; ok {
			return old
		}
		if l.others == nil {
			l.others = map[string]int32{}
		}
		l.others[long] = k
	}
	l.kinds = append(l.kinds, r.Clone())
	l.kinds[k].Dst = netip.Prefix{}
	l.count = append(l.count, 0)
	l.shared += sizeOfKind(r)
	return k
}

func (l *List) add(dst netip.Prefix, kind int32) {
	l.routes = append(l.routes, listed{dst, kind})
	l.count[kind]++
	if dst.Bits() == 0 {
		l.shared += defaultSize
	}
}

// addAnother adds a route that is like the last one except for its destination. The
// destination must be of the same family.
func (l *List) addAnother(dst netip.Prefix) { l.add(dst, l.routes[len(l.routes)-1].kind) }

// Len is the number of routes.
func (l *List) Len() int { return len(l.routes) }

// Each calls f for each route that keep keeps, in order; if keep is nil, for all.
// The next route overwrites the Route, but not what its fields point to. F must
// change neither. If f returns an error, Each stops and returns that error.
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

// Slice returns the routes as a slice.
func (l *List) Slice() []Route {
	out := make([]Route, 0, l.Len())
	for i := range l.routes {
		out = append(out, l.Get(i))
	}
	return out
}

// Kinds are what the routes share: routes without a destination. The caller must not
// change them.
func (l *List) Kinds() []Route { return l.kinds }

// At returns, for the route at a place, its destination and the place of its kind
// in Kinds.
func (l *List) At(i int) (dst netip.Prefix, kind int) {
	return l.routes[i].dst, int(l.routes[i].kind)
}

// Get returns the route at a place.
func (l *List) Get(i int) Route {
	r := l.kinds[l.routes[i].kind]
	r.Dst = l.routes[i].dst
	return r
}

// Rewrite calls f once for each kind, that is, once for all routes that share it. F
// may change anything except the family. It does not see the destinations.
func (l *List) Rewrite(f func(*Route)) {
	for i := range l.kinds {
		f(&l.kinds[i])
	}
	l.shapes, l.others = ByShape[int32]{}, nil
}

// Map returns a copy of the list that dst and rest have changed. Dst replaces the
// destination of each route by one of the same family. Rest changes everything else;
// it is called once for all routes that share it. Rest may replace what fields point
// to, but must not change it in place.
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
