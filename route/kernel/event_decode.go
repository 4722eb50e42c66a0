package kernel

import "routewhy/route"

// The types of netlink messages that are events (linux/rtnetlink.h).
const (
	rtmNewLink    = 16
	rtmDelLink    = 17
	rtmNewAddr    = 20
	rtmDelAddr    = 21
	rtmNewRoute   = 24
	rtmDelRoute   = 25
	rtmNewNeigh   = 28
	rtmDelNeigh   = 29
	rtmNewRule    = 32
	rtmDelRule    = 33
	rtmNewNextHop = 104
	rtmDelNextHop = 105
)

// Flags of a message (linux/netlink.h).
const (
	nlmMulti   = 0x2
	nlmReplace = 0x100
	nlmAppend  = 0x800
)

// familyUnspec is AF_UNSPEC.
const familyUnspec = 0

// decodeEvent decodes a message. A message that is not understood becomes an event which says
// that something changed. False: it is about something that takes no part in routing, such
// as a bridge's ports.
func decodeEvent(typ, flags uint16, body []byte) (e route.Event, kept bool) {
	e.Replaces, e.Appends = flags&nlmReplace != 0, flags&nlmAppend != 0
	switch typ {
	case rtmDelLink, rtmDelAddr, rtmDelRoute, rtmDelNeigh, rtmDelRule, rtmDelNextHop:
		e.Gone = true
	}
	switch typ {
	case rtmNewRoute, rtmDelRoute:
		e.Route = decoded(body, decodeRoute)
	case rtmNewLink, rtmDelLink:
		e.Link = decoded(body, decodeLink)
		return e, len(body) > 0 && body[0] == familyUnspec
	case rtmNewAddr, rtmDelAddr:
		e.Addr = decoded(body, decodeAddr)
		return e, ofFamily(body)
	case rtmNewRule, rtmDelRule:
		e.Rule = decoded(body, decodeRule)
		return e, ofFamily(body)
	case rtmNewNextHop, rtmDelNextHop:
		e.NextHop = decoded(body, decodeNextHop)
	case rtmNewNeigh, rtmDelNeigh:
		e.Neighbour = decoded(body, decodeNeighbour)
		return e, e.Neighbour != nil && ofFamily(body)
	}
	return e, true
}

func decoded[T any](body []byte, decode func([]byte) (T, error)) *T {
	v, err := decode(body)
	if err != nil {
		return nil
	}
	return &v
}

// ofFamily reports whether a message is about IPv4 or IPv6. Other messages are, for example,
// about bridges.
func ofFamily(body []byte) bool { return len(body) > 0 && familyOf(body[0]) != 0 }
