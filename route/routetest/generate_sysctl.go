package routetest

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"

	"routewhy/route"
)

// setting is a sysctl with the values to choose from.
type setting struct {
	name    string
	percent int
	values  []int
}

// settings are the settings of a family; %s stands for a device.
func (g *generator) settings(f route.Family) []setting {
	if f == route.IPv6 {
		return []setting{
			{"net.ipv6.conf.all.forwarding", 50, []int{1}},
			{"net.ipv6.conf.%s.forwarding", 10, []int{0, 1}},
			{"net.ipv6.conf.all.ignore_routes_with_linkdown", 10, []int{1}},
			{"net.ipv6.conf.%s.ignore_routes_with_linkdown", 25, []int{1}},
			{"net.ipv6.conf.%s.use_oif_addrs_only", 15, []int{1}},
			{"net.ipv6.conf.%s.keep_addr_on_down", 10, []int{1}},
			{"net.ipv6.fib_multipath_hash_policy", 10, []int{1}},
		}
	}
	list := []setting{
		{"net.ipv4.conf.all.ignore_routes_with_linkdown", 10, []int{1}},
		{"net.ipv4.conf.%s.ignore_routes_with_linkdown", 25, []int{1}},
		{"net.ipv4.conf.%s.route_localnet", 12, []int{1}},
		{"net.ipv4.conf.%s.promote_secondaries", 15, []int{1}},
		{"net.ipv4.fib_multipath_use_neigh", 30, []int{1}},
		{"net.ipv4.fib_multipath_hash_policy", 10, []int{1}},
		{"net.ipv4.nexthop_compat_mode", 5, []int{0}},
	}
	if !g.opts.OutputOnly {
		list = append(list, inputSettings()...)
	}
	return list
}

// inputSettings are the settings that affect only received packets.
func inputSettings() []setting {
	return []setting{
		{"net.ipv4.ip_forward", 65, []int{1}},
		{"net.ipv4.conf.%s.forwarding", 20, []int{0, 1}},
		{"net.ipv4.conf.all.rp_filter", 30, []int{1, 2}},
		{"net.ipv4.conf.%s.rp_filter", 40, []int{0, 1, 2}},
		{"net.ipv4.conf.all.accept_local", 10, []int{1}},
		{"net.ipv4.conf.%s.accept_local", 20, []int{1}},
		{"net.ipv4.conf.all.route_localnet", 5, []int{1}},
		{"net.ipv4.conf.%s.src_valid_mark", 8, []int{1}},
	}
}

// broadcasts turns on the forwarding of received broadcasts. It has its own random
// numbers, so that the rest of a seed's set-up, and its packets, do not change.
func (g *generator) broadcasts() {
	h := fnv.New64a()
	for _, command := range g.setup {
		h.Write([]byte(command))
	}
	rng := rand.New(rand.NewPCG(h.Sum64(), 0))
	if !g.v4 || g.opts.OutputOnly || rng.IntN(100) >= 25 {
		return
	}
	if rng.IntN(100) < 85 {
		g.add("sysctl -qw net.ipv4.conf.all.bc_forwarding=1")
	}
	for _, l := range g.links {
		if rng.IntN(100) < 65 {
			g.add("sysctl -qw net.ipv4.conf.%s.bc_forwarding=1", strings.ReplaceAll(l.name, ".", "/"))
		}
	}
}

// early makes most settings, before there is anything that they affect.
func (g *generator) early() {
	for _, f := range g.families() {
		for _, s := range g.settings(f) {
			if g.chance(s.percent) {
				g.set(s)
			}
		}
	}
}

// late makes a setting after everything else.
func (g *generator) late() {
	g.set(pick(g, g.settings(pick(g, g.families()...))...))
}

func (g *generator) set(s setting) {
	name := s.name
	if strings.Contains(name, "%s") {
		dev := pick(g, g.links...).name
		name = fmt.Sprintf(name, strings.ReplaceAll(dev, ".", "/")) // see SysctlPath
	}
	g.add("sysctl -qw %s=%d", name, pick(g, s.values...))
}
