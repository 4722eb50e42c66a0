package render

import (
	"fmt"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// extras are what a route has beside what decides: who made it, and what it does to
// packets. Without all, only what is unusual.
func extras(s *route.Snapshot, r *route.Route, all bool) string {
	var a []string
	add := func(format string, args ...any) { a = append(a, fmt.Sprintf(format, args...)) }
	if all && r.Protocol != route.ProtocolUnspec || unusualMaker(r.Protocol) {
		add("proto %s", iproute2.Safe(s.Names.Protocol(r.Protocol)))
	}
	onlink, realms := false, false
	for i := range r.NextHops {
		h := &r.NextHops[i]
		if h.Flags&route.NextHopOnLink != 0 && !onlink {
			onlink = true
			add("onlink")
		}
		if h.Realm != 0 && !realms {
			realms = true
			add("realm %s", realm(h.Realm))
		}
	}
	for _, m := range r.Metrics {
		switch {
		case m.ID == route.MetricMTU && m.Lock:
			add("mtu lock")
		case m.ID == route.MetricMTU:
		case m.Lock:
			add("%s lock %d", m.Name(), m.Value)
		case all || m.Name() == "advmss":
			add("%s %d", m.Name(), m.Value)
		}
	}
	return strings.Join(a, " ")
}

// realm is a route's realm as ip-route(8) writes it: the source's and the destination's.
func realm(n uint32) string {
	if from := n >> 16; from != 0 {
		return fmt.Sprintf("%d/%d", from, n&0xffff)
	}
	return fmt.Sprint(n)
}

// unusualMaker reports whether a route was made by something that few hosts have: not
// the kernel, a script, an administrator, DHCP or router advertisements.
func unusualMaker(p route.Protocol) bool {
	switch p {
	case route.ProtocolUnspec, route.ProtocolKernel, route.ProtocolBoot, route.ProtocolStatic, route.ProtocolRA, route.ProtocolDHCP:
		return false
	}
	return true
}
