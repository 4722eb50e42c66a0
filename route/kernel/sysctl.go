package kernel

import (
	"iter"
	"slices"
	"strings"

	"routewhy/route"
)

// settings are the settings of a family that take part in a decision: those of
// the namespace, below net/ipv4 or net/ipv6, and those of each device, below
// its conf/DEVICE (net/ipv4/sysctl_net_ipv4.c, net/ipv4/devinet.c,
// net/ipv6/sysctl_net_ipv6.c and net/ipv6/addrconf.c).
type settings struct {
	folder    string
	namespace []string
	device    []string
}

func settingsOf(f route.Family) settings {
	if f == route.IPv4 {
		return settings{
			folder: "net/ipv4/",
			namespace: []string{
				"fib_multipath_hash_fields", "fib_multipath_hash_policy", "fib_multipath_use_neigh",
				"ip_forward", "ip_forward_use_pmtu", "ip_nonlocal_bind", "nexthop_compat_mode",
				"raw_l3mdev_accept", "tcp_l3mdev_accept", "udp_l3mdev_accept",
			},
			device: []string{
				"accept_local", "bc_forwarding", "forwarding", "ignore_routes_with_linkdown",
				"route_localnet", "rp_filter", "send_redirects", "src_valid_mark",
			},
		}
	}
	return settings{
		folder: "net/ipv6/",
		namespace: []string{
			"fib_multipath_hash_fields", "fib_multipath_hash_policy", "ip_nonlocal_bind",
		},
		device: []string{
			"accept_ra", "accept_ra_defrtr", "accept_ra_rt_info_max_plen", "addr_gen_mode",
			"disable_ipv6", "force_forwarding", "forwarding", "ignore_routes_with_linkdown",
			"optimistic_dad", "use_oif_addrs_only", "use_optimistic", "use_tempaddr",
		},
	}
}

// IsSetting says whether a setting, by its path below /proc/sys, takes part in a
// decision. Those of the device "default" do not: they are what a new one gets.
func IsSetting(path string) bool {
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		s := settingsOf(f)
		rest, ok := strings.CutPrefix(path, s.folder)
		if !ok {
			continue
		}
		if conf, ok := strings.CutPrefix(rest, "conf/"); ok {
			dev, key, _ := strings.Cut(conf, "/")
			return dev != "default" && slices.Contains(s.device, key)
		}
		return slices.Contains(s.namespace, rest)
	}
	return false
}

// folders are where the settings of the namespace, of "all" and of some devices
// are, each with the names of those settings.
func (s settings) folders(devices []string) iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		if !yield(s.folder, s.namespace) {
			return
		}
		for _, dev := range slices.Concat([]string{"all"}, devices) {
			if !yield(s.folder+"conf/"+dev+"/", s.device) {
				return
			}
		}
	}
}
