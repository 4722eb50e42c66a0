package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"routewhy/route"
)

// sizeofRtMsg is the size of struct rtmsg (linux/rtnetlink.h).
const sizeofRtMsg = 12

// Attributes of a route (enum rtattr_type_t).
const (
	rtaDst       = 1
	rtaSrc       = 2
	rtaIif       = 3
	rtaOif       = 4
	rtaGateway   = 5
	rtaPriority  = 6
	rtaPrefSrc   = 7
	rtaMetrics   = 8
	rtaMultipath = 9
	rtaFlow      = 11
	rtaCacheInfo = 12
	rtaTable     = 15
	rtaMark      = 16
	rtaVia       = 18
	rtaPref      = 20
	rtaEncapType = 21
	rtaEncap     = 22
	rtaPad       = 24
	rtaUID       = 25
	rtaIPProto   = 27
	rtaSport     = 28
	rtaDport     = 29
	rtaNhID      = 30
	rtaFlowLabel = 31
)

// rtaxLock is the mask of the metrics that are locked (RTAX_LOCK).
const rtaxLock = 1

// nextHopFlagBits are the bits of rtm_flags that belong to the only next hop
// (RTNH_F_*). The higher bits belong to the route (RTM_F_*).
const nextHopFlagBits = 0xff

// clockTick is the unit of times in messages, whatever the kernel's HZ is
// (USER_HZ).
const clockTick = time.Second / 100

// routeHeader is the part of a route message that shows whether the route is wanted.
type routeHeader struct {
	family route.Family
	table  route.Table
	dst    netip.Prefix
	flags  route.RouteFlags
	// before is the message up to the attribute with the destination, and after what
	// follows that attribute; both are nil for a default route, which has none.
	before, after []byte
}

// peekRoute decodes the header of a route message, its table and its
// destination. It decodes no more and does not allocate, because it is called for
// every route of a full table. A family other than IPv4 and IPv6 is an error.
func peekRoute(msg []byte) (routeHeader, error) {
	if len(msg) < sizeofRtMsg {
		return routeHeader{}, fmt.Errorf("a route message of %d bytes", len(msg))
	}
	h := routeHeader{
		family: familyOf(msg[0]),
		table:  route.Table(msg[4]),
		flags:  route.RouteFlags(binary.NativeEndian.Uint32(msg[8:])),
	}
	if h.family == 0 {
		return h, fmt.Errorf("a route of family %d", msg[0])
	}
	bits := msg[1]
	if bits == 0 { // a default route has no RTA_DST
		h.dst = netip.PrefixFrom(zeroAddr(h.family), 0)
	}
	a := attrs{rest: msg[sizeofRtMsg:]}
	for hasTable := false; !(hasTable && h.dst.IsValid()); {
		at := len(msg) - len(a.rest)
		if !a.next() {
			break
		}
		switch a.typ {
		case rtaTable:
			h.table, hasTable = route.Table(a.u32()), true
		case rtaDst:
			h.dst = a.prefix(h.family, bits)
			h.before, h.after = msg[:at], a.rest
		}
	}
	if a.err == nil && !h.dst.IsValid() {
		a.err = errNoDestination
	}
	return h, a.err
}

var errNoDestination = errors.New("a route without its destination")

// zeroAddr is 0.0.0.0 or ::.
func zeroAddr(f route.Family) netip.Addr {
	if f == route.IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// decodeRoute decodes the body of an RTM_NEWROUTE message, as fib_dump_info
// (net/ipv4/fib_semantics.c) and rt6_fill_node (net/ipv6/route.c) make it.
func decodeRoute(msg []byte) (route.Route, error) {
	var r route.Route
	h, err := peekRoute(msg)
	if err == nil {
		err = new(routeDecoder).decode(&r, msg, h)
	}
	return r, err
}

// routeDecoder decodes routes one after the other. Most routes have only one next
// hop. These next hops are elements of arrays that many routes share. If passing is
// set, each route is used up before the next one is decoded. Then routes whose messages
// differ only in the destination are decoded once: a large table has few of these kinds.
type routeDecoder struct {
	passing bool
	spare   []route.NextHop
	chunk   int
	kinds   map[string]*route.Route // by the message without the destination
	key     []byte
	hops    []route.NextHop
}

// maxKinds limits how many kinds of routes are remembered.
const maxKinds = 1024

// next sets every field of r from a message, as decode does. Known says that an earlier
// route was the same except for its destination.
func (d *routeDecoder) next(r *route.Route, msg []byte, h routeHeader) (known bool, err error) {
	if !d.passing || h.before == nil {
		return false, d.decode(r, msg, h)
	}
	d.key = append(append(d.key[:0], h.before...), h.after...)
	d.key[1] = 0 // the length of the destination
	if k := d.kinds[string(d.key)]; k != nil {
		*r = *k
		r.Dst = h.dst
		if len(k.NextHops) > 0 { // whoever gets the route may change them
			d.hops = append(d.hops[:0], k.NextHops...)
			r.NextHops = d.hops
		}
		return true, nil
	}
	if err := d.decode(r, msg, h); err != nil {
		return false, err
	}
	if len(d.kinds) < maxKinds {
		if d.kinds == nil {
			d.kinds = map[string]*route.Route{}
		}
		k := r.Clone()
		d.kinds[string(d.key)] = &k
	}
	return false, nil
}

// maxChunk limits the length of the arrays that routes share.
const maxChunk = 1024

func (d *routeDecoder) one(h route.NextHop) []route.NextHop {
	if len(d.spare) == 0 {
		d.chunk = min(max(1, 2*d.chunk), maxChunk)
		d.spare = make([]route.NextHop, d.chunk)
	}
	hops := d.spare[:1:1]
	if !d.passing {
		d.spare = d.spare[1:]
	}
	hops[0] = h
	return hops
}

// decode sets every field of r from a message. H is the header that peekRoute has
// decoded. R does not refer to the bytes of msg afterwards.
func (d *routeDecoder) decode(r *route.Route, msg []byte, h routeHeader) error {
	*r = route.Route{
		Table:    h.table,
		Dst:      h.dst,
		TOS:      msg[3],
		Protocol: route.Protocol(msg[5]),
		Scope:    route.Scope(msg[6]),
		Type:     route.Type(msg[7]),
		Flags:    h.flags &^ nextHopFlagBits,
	}
	hop := route.NextHop{Flags: route.NextHopFlags(h.flags & nextHopFlagBits)}
	single := false
	a := attrs{rest: msg[sizeofRtMsg:]}
	for a.next() {
		switch {
		case a.typ == rtaOif:
			hop.Link, single = int(int32(a.u32())), true
		case decodeHopAttr(&hop, &a, h.family):
			single = single || a.typ == rtaGateway || a.typ == rtaVia
		case !decodeRouteAttr(r, &a, h.family, msg[2]):
			r.Unknown = append(r.Unknown, a.unknown())
		}
	}
	// The refusing types have no device in IPv4, but a next-hop object that
	// is a black hole is shown with lo.
	if single && r.NextHops == nil && !(h.family == route.IPv4 && r.Type.Refuses()) {
		r.NextHops = d.one(hop)
	}
	return a.err
}

// decodeHopAttr decodes an attribute that is about a next hop: a route's only next
// hop, or a member of RTA_MULTIPATH. False: the attribute is not about a next hop.
func decodeHopAttr(hop *route.NextHop, a *attrs, f route.Family) bool {
	switch a.typ {
	case rtaGateway:
		hop.Gateway = a.addr(f)
	case rtaVia:
		hop.Gateway = a.via()
	case rtaFlow:
		hop.Realm = a.u32()
	case rtaEncapType:
		hop.Encap = route.Encap(a.u16())
	case rtaEncap: // the tunnel's parameters: no decision depends on them
	default:
		return false
	}
	return true
}

// decodeRouteAttr decodes an attribute that is about the whole route. False: the
// attribute is not known.
func decodeRouteAttr(r *route.Route, a *attrs, f route.Family, srcBits uint8) bool {
	switch a.typ {
	case rtaDst, rtaTable: // see peekRoute
	case rtaSrc:
		r.Src = a.prefix(f, srcBits)
	case rtaPriority:
		r.Metric = a.u32()
	case rtaPrefSrc:
		r.PrefSrc = a.addr(f)
	case rtaPref:
		r.Pref = route.Preference(a.u8())
	case rtaNhID:
		r.NextHopID = a.u32()
	case rtaMetrics:
		r.Metrics = decodeMetrics(a)
	case rtaCacheInfo:
		r.Expires = decodeExpiry(a)
	case rtaMultipath:
		r.NextHops = decodeMultipath(r, a, f)
	case rtaIif, rtaMark, rtaPad, rtaUID, rtaIPProto, rtaSport, rtaDport, rtaFlowLabel:
		// An answer repeats the question.
	default:
		return false
	}
	return true
}

// decodeMetrics decodes RTA_METRICS.
func decodeMetrics(outer *attrs) []route.Metric {
	var metrics []route.Metric
	var locked uint32
	a := attrs{rest: outer.data}
	for a.next() {
		switch a.typ {
		case rtaxLock:
			locked = a.u32()
		case route.MetricCongestion:
			metrics = append(metrics, route.Metric{ID: a.typ, Text: a.str()})
		default:
			metrics = append(metrics, route.Metric{ID: a.typ, Value: a.u32()})
		}
	}
	for i := range metrics {
		m := &metrics[i]
		m.Lock = m.ID < 32 && locked>>m.ID&1 != 0
	}
	outer.nested(&a)
	return metrics
}

// decodeExpiry decodes rta_expires of struct rta_cacheinfo, a signed number of
// clock ticks; zero: does not expire.
func decodeExpiry(a *attrs) time.Duration {
	if len(a.data) < 12 {
		a.has(12)
		return 0
	}
	return time.Duration(int32(binary.NativeEndian.Uint32(a.data[8:]))) * clockTick
}

// sizeofRtNexthop is the size of struct rtnexthop, without its attributes.
const sizeofRtNexthop = 8

// decodeMultipath decodes RTA_MULTIPATH, a list of struct rtnexthop. A member's
// unknown attributes become unknown attributes of the route.
func decodeMultipath(r *route.Route, outer *attrs, f route.Family) []route.NextHop {
	hops := []route.NextHop{}
	for b := outer.data; len(b) > 0 && outer.err == nil; {
		n := len(b) + 1
		if len(b) >= sizeofRtNexthop {
			n = int(binary.NativeEndian.Uint16(b))
		}
		if n < sizeofRtNexthop || n > len(b) {
			outer.err = fmt.Errorf("attribute %d: a next hop cut short", outer.typ)
			break
		}
		hop := route.NextHop{
			Flags:  route.NextHopFlags(b[2]),
			Weight: int(b[3]) + 1,
			Link:   int(int32(binary.NativeEndian.Uint32(b[4:]))),
		}
		a := attrs{rest: b[sizeofRtNexthop:n]}
		for a.next() {
			if !decodeHopAttr(&hop, &a, f) {
				r.Unknown = append(r.Unknown, a.unknown())
			}
		}
		outer.nested(&a)
		hops = append(hops, hop)
		b = b[min(align(n), len(b)):]
	}
	return hops
}
