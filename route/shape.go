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
