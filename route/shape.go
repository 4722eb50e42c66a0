package route

import "net/netip"

// Shape is everything of a route except its destination, as a value that can be
// compared. A large table has a million routes, but only a few shapes.
type Shape struct {
	family   Family
	table    Table
	src      netip.Prefix
	prefSrc  netip.Addr
	hop      NextHop
	hops     int
	metric   uint32
	object   uint32
	flags    RouteFlags
	tos      uint8
	typ      Type
	scope    Scope
	protocol Protocol
	pref     Preference
}

// Shape is the route's shape. False: the route has none, because it has something
// that few routes have and that a Shape has no place for (several next hops, path
// metrics, an expiry, unknown attributes).
func (r *Route) Shape() (Shape, bool) {
	if len(r.NextHops) > 1 || len(r.Metrics) > 0 || len(r.Unknown) > 0 || r.Expires != 0 {
		return Shape{}, false
	}
	s := Shape{
		family: r.Family(), table: r.Table, src: r.Src, prefSrc: r.PrefSrc, hops: len(r.NextHops), metric: r.Metric,
		object: r.NextHopID, flags: r.Flags, tos: r.TOS, typ: r.Type, scope: r.Scope, protocol: r.Protocol, pref: r.Pref,
	}
	if len(r.NextHops) == 1 {
		s.hop = r.NextHops[0]
	}
	return s, true
}

// is reports whether the shape is a route's.
func (s *Shape) is(r *Route) bool {
	return s.hops == len(r.NextHops) && (s.hops == 0 || s.hops == 1 && s.hop == r.NextHops[0]) &&
		s.table == r.Table && s.metric == r.Metric && s.object == r.NextHopID && s.flags == r.Flags && s.tos == r.TOS &&
		s.typ == r.Type && s.scope == r.Scope && s.protocol == r.Protocol && s.pref == r.Pref &&
		s.family == r.Family() && s.prefSrc == r.PrefSrc && s.src == r.Src &&
		len(r.Metrics) == 0 && len(r.Unknown) == 0 && r.Expires == 0
}

// ByShape has a value for each shape of routes. The zero value is empty.
type ByShape[T any] struct {
	first []shaped[T] // most routes have one of a few shapes, and to compare is quicker than a map
	all   map[Shape]T
}

type shaped[T any] struct {
	shape Shape
	value T
}

// maxFirstShapes is how many shapes are compared one after the other.
const maxFirstShapes = 8

// Get is the value of a route's shape; false: it has none.
func (m *ByShape[T]) Get(r *Route) (T, bool) {
	for i := range m.first {
		if m.first[i].shape.is(r) {
			return m.first[i].value, true
		}
	}
	var none T
	if len(m.all) == 0 {
		return none, false
	}
	s, ok := r.Shape()
	if !ok {
		return none, false
	}
	v, ok := m.all[s]
	return v, ok
}

// Put sets the value of a route's shape, which must have none yet. It does nothing if the
// route has no shape, and reports whether it has one.
func (m *ByShape[T]) Put(r *Route, v T) bool {
	s, ok := r.Shape()
	switch {
	case !ok:
		return false
	case len(m.first) < maxFirstShapes:
		m.first = append(m.first, shaped[T]{s, v})
	default:
		if m.all == nil {
			m.all = map[Shape]T{}
		}
		m.all[s] = v
	}
	return true
}

// Len is how many shapes have a value.
func (m *ByShape[T]) Len() int { return len(m.first) + len(m.all) }
