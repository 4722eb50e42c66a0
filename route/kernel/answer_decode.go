package kernel

import "routewhy/route"

// rtcfRedirected is the flag of an IPv4 answer whose gateway was learnt from an ICMP
// redirect (RTCF_REDIRECTED in linux/in_route.h).
const rtcfRedirected = 0x40000

// decodeAnswer decodes the body of the RTM_NEWROUTE message that answers an
// RTM_GETROUTE request without RTM_F_FIB_MATCH, as rt_fill_info
// (net/ipv4/route.c) and rt6_fill_node (net/ipv6/route.c) make it.
func decodeAnswer(msg []byte) (route.Answer, error) {
	r, err := decodeRoute(msg)
	if err != nil {
		return route.Answer{}, err
	}
	a := route.Answer{
		Asked:   true,
		Type:    r.Type,
		Table:   r.Table,
		Src:     r.PrefSrc,
		Expires: r.Expires != 0 && r.Flags&route.FlagCloned != 0,
	}
	a.Redirected = r.Flags&rtcfRedirected != 0
	if msg[0] == afInet6 {
		a.Redirected = r.Flags&route.FlagCloned != 0
	}
	if len(r.NextHops) > 0 {
		a.Gateway, a.Link = r.NextHops[0].Gateway, r.NextHops[0].Link
	}
	for _, m := range r.Metrics {
		if m.ID == route.MetricMTU {
			a.MTU, a.MTULocked = m.Value, m.Lock
		}
	}
	return a, nil
}
