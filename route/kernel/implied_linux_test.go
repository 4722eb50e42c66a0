package kernel

import (
	"slices"
	"testing"

	"routewhy/route"
)

// TestReadImplied checks that a deleted IPv6 rule is found as long as the kernel goes by it,
// whichever addresses the host has.
func TestReadImplied(t *testing.T) {
	const devices = "link add v0 type veth peer name v0p\nlink set v0 up\nlink set v0p up\n"
	const address = "addr add 2001:db8::1/64 dev v0 nodad\n"
	local, main := []route.Table{route.TableLocal}, []route.Table{route.TableMain}
	for _, c := range []struct {
		name, links, lines string
		want               []route.Table
	}{
		{"lo is up", "link set lo up\n", "rule del prio 0\n", local},
		{"lo is down", devices, address + "rule del prio 0\n", local},
		{"a device without addresses", devices, "rule del prio 0\n", local},
		{"no multicast route", devices, address + "route del ff00::/8 dev v0 table local\nroute del ff00::/8 dev v0p table local\nrule del prio 0\n", local},
		{"a multicast route of the second device alone", devices, "route del ff00::/8 dev v0p table local\nrule del prio 0\n", local},
		{"a multicast route of the first device alone", devices, "route del ff00::/8 dev v0 table local\nrule del prio 0\n", local},
		{"main is gone", devices, address + "rule del prio 32766\n", main},
		{"main is gone, and the network's route", devices, address + "route add 2001:db8:9::/48 dev v0p\nroute del 2001:db8::/64 dev v0\nrule del prio 32766\n", main},
		{"main is gone, and no device has an address", devices, "route add 2001:db8:9::1 dev v0p\nrule del prio 32766\n", main},
		{"main is gone, and has a blackhole alone", devices, "route add blackhole fe80::/10\nrule del prio 32766\n", main},
		{"main is gone, and has a multicast route alone", "link set lo up\n", "route add multicast default dev lo\nrule del prio 32766\n", main},
		{"main is gone, and has a broadcast route alone", "link set lo up\n", "route add broadcast default dev lo table main\nrule del prio 32766\n", main},
		{"main is gone, and refuses alone", devices, "route add prohibit default\nroute add unreachable 2001:db8:9::1\nrule del prio 32766\n", main},
		{"main is gone, and local refuses too", devices, "route add prohibit default\nroute add prohibit 2001:db8:9::1 table local\nrule add prio 5 table 9\nrule del prio 5\nrule del prio 32766\n", nil},
		{"both are gone, and only main has a route", "", "route add unreachable default\nrule del prio 0\nrule del prio 32766\n", slices.Concat(local, main)},
		{"a rule was added, and main has a blackhole alone", devices, "route add blackhole fe80::/10\nrule add prio 5 table 9\nrule del prio 5\nrule del prio 32766\n", nil},
		{"both are gone", devices, address + "rule del prio 0\nrule del prio 32766\n", slices.Concat(local, main)},
		{"a rule was added", devices, address + "rule add prio 5 table 9\nrule del prio 5\nrule del prio 0\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			isolate(t)
			sysctl(t, "net/ipv6/conf/default/addr_gen_mode", "1") // no link-local address
			ip(t, c.links)
			ip(t, c.lines, "-6")
			var got []route.Table
			for _, r := range read(t, open(t), route.Query{}).Rules {
				if r.Implied {
					got = append(got, r.Table)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("in force although deleted: %v, want %v", got, c.want)
			}
		})
	}
}
