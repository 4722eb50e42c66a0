package lookup

import (
	"path"
	"slices"

	"routewhy/route"
)

// setting is a per-device setting that decisions use
// (net.ipv4.conf.DEV.KEY, net.ipv6.conf.DEV.KEY).
type setting uint8

const (
	settingAcceptLocal setting = iota
	settingBcForwarding
	settingDisableIPv6
	settingForwarding
	settingIgnoreLinkdown
	settingRouteLocalnet
	settingRPFilter
	settingSendRedirects
	settingSrcValidMark
	settingUseOifAddrsOnly
	settingUseOptimistic
	settingUseTempaddr
	settings // how many there are
)

func (s setting) String() string {
	return [...]string{
		"accept_local", "bc_forwarding", "disable_ipv6", "forwarding", "ignore_routes_with_linkdown", "route_localnet", "rp_filter",
		"send_redirects", "src_valid_mark", "use_oif_addrs_only", "use_optimistic", "use_tempaddr",
	}[s]
}

// usual is the value that a setting has where nobody changed it.
func (s setting) usual() int {
	if s == settingSendRedirects {
		return 1
	}
	return 0
}

// conf is the settings of one device, or those for all devices, in one family:
// looked up once, since a look-up by name for every packet would cost more than
// the packet's routes do.
type conf struct {
	value [settings]int // the usual one where it was not read
	read  [settings]bool
}

func newConf(s route.Sysctls, fam route.Family, dev string) *conf {
	c := new(conf)
	for k := range settings {
		if c.value[k], c.read[k] = s.Conf(fam, dev, k.String()); !c.read[k] {
			c.value[k] = k.usual()
		}
	}
	return c
}

// allDevices is the name under which the kernel keeps what counts for all.
const allDevices = "all"

// conf is a setting of a device, or of all devices where that is nil.
func (f *FIB) conf(fam route.Family, d *device, k setting) int {
	c, dev := f.family(fam).conf, allDevices
	if d != nil {
		c, dev = d.conf4, d.Name
		if fam == route.IPv6 {
			c = d.conf6
		}
	}
	if c.read[k] {
		return c.value[k]
	}
	if f.supposed != nil && *f.supposed == k {
		return 1
	}
	if f.unread != nil {
		f.noteUnread(fam, route.ConfPath(fam, dev, k.String()))
	}
	return c.value[k]
}

// deciding are the settings that may decide what becomes of a packet, all of them
// usually 0.
func deciding(flow *route.Flow) []setting {
	switch {
	case flow.Dst.Is6():
		return []setting{settingForwarding}
	case flow.In == 0:
		return []setting{settingRouteLocalnet}
	}
	return []setting{settingForwarding, settingRPFilter, settingAcceptLocal, settingRouteLocalnet, settingSrcValidMark, settingBcForwarding}
}

// unsettled are the settings that were not read and may matter. Of those that may
// decide it is known that they do not, or the decision is unknown because of them.
func unsettled(t *Trace) []string {
	return slices.DeleteFunc(slices.Clone(t.Unread), func(p string) bool {
		return slices.ContainsFunc(deciding(&t.Flow), func(k setting) bool { return path.Base(p) == k.String() })
	})
}

// undetermined finds a setting that was not read and on which a decision hangs: with
// another value than the usual one, the packet would end otherwise. It gives the
// setting's path below /proc/sys, the device's where that counts.
func (f *FIB) undetermined(flow route.Flow, skip skipped, d *Decision) (setting string, found bool) {
	fam := flow.Family()
	for _, k := range deciding(&flow) {
		supposing := *f
		supposing.supposed, supposing.unread = &k, nil
		w := walk{fib: &supposing, flow: flow, skip: skip, mem: new(memory)}
		var other Decision
		w.judge(&other)
		if d.sameFate(&other) && (k != settingBcForwarding || d.sameEnd(&other)) {
			continue
		}
		dev := allDevices
		if in := f.byIndex[flow.In]; in != nil && fam == route.IPv4 {
			dev = in.Name
		}
		return route.ConfPath(fam, dev, k.String()), true
	}
	return "", false
}

// confOr is an IPv4 setting that counts where it is set for all devices or for
// one.
func (f *FIB) confOr(d *device, k setting) bool {
	return f.conf(route.IPv4, nil, k) != 0 || f.conf(route.IPv4, d, k) != 0
}

// useNeighPath is whether IPv4's multipath routes pass over bad neighbours.
const useNeighPath = "net/ipv4/fib_multipath_use_neigh"

// multipathUseNeigh is the setting [useNeighPath].
func (f *FIB) multipathUseNeigh() bool {
	if !f.useNeighRead {
		f.noteUnread(route.IPv4, useNeighPath)
	}
	return f.useNeigh != 0
}

// noteUnread notes a setting that would have mattered but was not read. One that
// the kernel does not have is no gap of the snapshot.
func (f *FIB) noteUnread(fam route.Family, path string) {
	if f.unread != nil && f.snap.Lacks(route.FactSysctls, fam) && !slices.Contains(*f.unread, path) {
		*f.unread = append(*f.unread, path)
	}
}
