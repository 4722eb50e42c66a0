package text

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/route/iproute2"
)

// extras are the parts of a route that do not decide: who made it, and what it does
// to packets. If all is not set, they are only the unusual ones.
func extras(r *iproute2.Route, all bool) string {
	var a []string
	add := func(given bool, parts ...string) {
		if given {
			a = append(a, strings.Join(parts, " "))
		}
	}
	add(all && r.Protocol != "unspec" || unusualMaker(r.Protocol), "proto", iproute2.Safe(string(r.Protocol)))
	onlink := func(h iproute2.NextHop) bool { return slices.Contains(h.Flags, "onlink") }
	add(slices.ContainsFunc(r.Hops(), onlink), "onlink")
	inRealm := func(h iproute2.NextHop) bool { return h.Flow != nil }
	if i := slices.IndexFunc(r.Hops(), inRealm); i >= 0 {
		add(true, "realm", realm(r.Hops()[i].Flow))
	}
	for _, name := range r.PathMetrics() {
		value, _ := r.PathMetric(name)
		lock := slices.Contains(r.Locked, name)
		switch {
		case name == "mtu" && lock:
			add(true, "mtu lock")
		case name == "mtu":
		case lock:
			add(true, name, "lock", value)
		default:
			add(all || name == "advmss", name, value)
		}
	}
	return strings.Join(a, " ")
}

// realm is a route's realm as ip-route(8) writes it: first the source's realm, then the
// destination's.
func realm(f *iproute2.Realms) string {
	if f.From != "" {
		return fmt.Sprintf("%s/%s", f.From, f.To)
	}
	return f.To
}

// unusualMaker reports whether a route was made by something that few hosts have. The
// kernel, a script, an administrator, DHCP and router advertisements are usual.
func unusualMaker(protocol iproute2.Text) bool {
	return !slices.Contains([]iproute2.Text{"unspec", "kernel", "boot", "static", "ra", "dhcp"}, protocol)
}
