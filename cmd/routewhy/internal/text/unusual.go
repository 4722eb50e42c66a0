package text

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/route/iproute2"
)

// extras are what a route has beside what decides: who made it, and what it does to
// packets. Without all, only what is unusual.
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

// realm is a route's realm as ip-route(8) writes it: the source's and the destination's.
func realm(f *iproute2.Realms) string {
	if f.From != "" {
		return fmt.Sprintf("%s/%s", f.From, f.To)
	}
	return f.To
}

// unusualMaker reports whether a route was made by something that few hosts have: not
// the kernel, a script, an administrator, DHCP or router advertisements.
func unusualMaker(protocol iproute2.Text) bool {
	return !slices.Contains([]iproute2.Text{"unspec", "kernel", "boot", "static", "ra", "dhcp"}, protocol)
}
