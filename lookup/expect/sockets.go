package expect

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/route"
)

// Sockets are the sockets whose packets a result is about.
type Sockets string

// A socket without a source looks up twice, the second time with the source that the first
// look-up chose. In IPv4 only those do that are connected, which all of TCP are
// (ip_route_connect in include/net/route.h); the others send by the first look-up. In IPv6
// all do, but only where the first fails (ip6_dst_lookup_tail in net/ipv6/ip6_output.c).
// See [lookup.FIB.Connect].
const (
	All         Sockets = ""
	Connected   Sockets = "connected"
	Unconnected Sockets = "unconnected"
)

// both judges a packet by the look-ups that sockets send it by, and gives the decision that
// the verdict is about: the first look-up and the second, or the second alone for TCP and
// IPv6. What differs goes before what does not, and the first look-up before the second.
// The verdict has no state if the expectation is not about these packets.
func (q *Question) both(r *coverage.Ranges, dst netip.Addr, d *lookup.Decision, about func(*lookup.Decision) bool) (verdict, *lookup.Decision) {
	judge := func(d *lookup.Decision) verdict {
		if d.Disposition != lookup.DispositionUnknown && !about(d) {
			return verdict{}
		}
		return q.judge(d)
	}
	one := judge(d)
	meant := one.state != "" && d.Disposition != lookup.DispositionUnknown
	var second verdict
	var by lookup.Decision
	times, differs := 0, false
	r.Second(q.Flow, dst, d, func(src netip.Addr, again *lookup.Decision) {
		v := judge(again)
		if v.state == "" && meant && refusedAnywhere(again) {
			v = q.judge(again)
		}
		v.src = src
		if dst.Is4() && q.Flow.Proto != route.ProtoTCP {
			v.sockets = Connected
		}
		times++
		differs = differs || times > 1 && v.state != second.state
		if times == 1 || v.state.before(second.state) {
			second, by = v, again.Clone()
		}
	})
	if times == 0 {
		return one, d
	}
	if differs && second.state == No { // it depends on the source, which is one of several
		if one.state == No {
			return one, d
		}
		if d.Ambiguous.Code != lookup.CodeMultipath && d.Ambiguous.Code != lookup.CodeResilient {
			second.state = Unknown
		}
	}
	alone := dst.Is6() || q.Flow.Proto == route.ProtoTCP
	switch {
	case one.state == second.state && one.word == second.word && alike(d, &by):
		return one, d
	case alone || second.state.before(one.state):
		return second, &by
	case one.state == No && second.state == OK:
		one.sockets = Unconnected
	}
	return one, d
}

// refusedAnywhere reports whether a packet gets nowhere for another reason than its
// destination.
func refusedAnywhere(d *lookup.Decision) bool {
	return !d.Disposition.Success() && !d.HasRoute && (d.Rule == nil || !d.Rule.Selector.Dst.IsValid())
}

// before reports whether a state says more against an expectation than another one.
func (s State) before(o State) bool {
	order := []State{No, Unknown, OK, ""}
	return slices.Index(order, s) < slices.Index(order, o)
}
