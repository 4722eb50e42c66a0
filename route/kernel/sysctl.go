package kernel

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// settings are the settings of a family that take part in a decision. Those of the
// namespace are below net/ipv4 or net/ipv6. Those of each device are in the folder
// conf/DEVICE there (net/ipv4/sysctl_net_ipv4.c, net/ipv4/devinet.c,
// net/ipv6/sysctl_net_ipv6.c and net/ipv6/addrconf.c).
type settings struct {
	folder    string
	namespace []string
	device    []deviceSetting
}

// deviceSetting is a setting of a device: the name of its file, and its place in the
// list of a link message. That list is IFLA_INET_CONF (places IPV4_DEVCONF_... - 1 of
// linux/ip.h) or IFLA_INET6_CONF (places DEVCONF_... of linux/ipv6.h).
type deviceSetting struct {
	key   string
	index int
}

func settingsOf(f route.Family) settings {
	if f == route.IPv4 {
		return settings{
			folder: "net/ipv4/",
			namespace: []string{
				"fib_multipath_hash_fields", "fib_multipath_hash_policy", "fib_multipath_use_neigh", "fwmark_reflect",
				"tcp_l3mdev_accept", "udp_l3mdev_accept",
			},
			device: []deviceSetting{
				{"accept_local", 22}, {"bc_forwarding", 31}, {"forwarding", 0}, {"ignore_routes_with_linkdown", 28},
				{"mc_forwarding", 1}, {"promote_secondaries", 19}, {"route_localnet", 25}, {"rp_filter", 7}, {"send_redirects", 5}, {"src_valid_mark", 23},
			},
		}
	}
	return settings{
		folder:    "net/ipv6/",
		namespace: []string{"fib_multipath_hash_fields", "fib_multipath_hash_policy", "fwmark_reflect"},
		device: []deviceSetting{
			{"accept_dad", 27}, {"accept_ra", 3}, {"accept_ra_defrtr", 17}, {"accept_ra_min_lft", 58}, {"accept_ra_rt_info_max_plen", 21}, {"addr_gen_mode", 47},
			{"disable_ipv6", 26}, {"force_forwarding", 59}, {"forwarding", 0}, {"ignore_routes_with_linkdown", 39}, {"mc_forwarding", 25},
			{"keep_addr_on_down", 42}, {"optimistic_dad", 23}, {"use_oif_addrs_only", 37}, {"use_optimistic", 34}, {"use_tempaddr", 10},
		},
	}
}

// The setting that is there if the kernel has MPLS.
const (
	mplsFolder = "net/mpls/"
	mplsKey    = "platform_labels"
)

// IsSetting reports whether a setting, by its path below /proc/sys, takes part in a
// decision. The settings of the device "default" do not: they are what a new device
// gets.
func IsSetting(path string) bool {
	if path == mplsFolder+mplsKey {
		return true
	}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		s := settingsOf(f)
		rest, ok := strings.CutPrefix(path, s.folder)
		if !ok {
			continue
		}
		if conf, ok := strings.CutPrefix(rest, "conf/"); ok {
			dev, key, _ := strings.Cut(conf, "/")
			return dev != "default" && slices.ContainsFunc(s.device, func(d deviceSetting) bool { return d.key == key })
		}
		return slices.Contains(s.namespace, rest)
	}
	return false
}

// deviceKeys are the names of the settings that devices have.
func (s settings) deviceKeys() []string {
	keys := make([]string, len(s.device))
	for i, d := range s.device {
		keys[i] = d.key
	}
	return keys
}

// off6 reports whether IPv6 is switched off on a device (DEVCONF_DISABLE_IPV6). That
// explains why no route leads to the device.
func (c *linkConf) off6() bool {
	const at = 4 * 26
	return at+4 <= len(c.inet6) && binary.NativeEndian.Uint32(c.inet6[at:]) != 0
}

// addDevice adds the settings of a device from its list in a link message. If a kernel
// does not have one of the settings, its list is shorter.
func (s settings) addDevice(into route.Sysctls, dev string, list []byte) {
	for _, d := range s.device {
		if at := 4 * d.index; at+4 <= len(list) {
			value := int32(binary.NativeEndian.Uint32(list[at:]))
			into[s.folder+"conf/"+dev+"/"+d.key] = strconv.Itoa(int(value))
		}
	}
}
