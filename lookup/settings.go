package lookup

import (
	"path"
	"slices"
	"strings"

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
	settingMcForwarding
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
		"accept_local", "bc_forwarding", "disable_ipv6", "forwarding", "ignore_routes_with_linkdown", "mc_forwarding", "route_localnet", "rp_filter",
		"send_redirects", "src_valid_mark", "use_oif_addrs_only", "use_optimistic", "use_tempaddr",
	}[s]
}

// usual is the default value of a setting.
func (s setting) usual() int {
	if s == settingSendRedirects {
		return 1
	}
	return 0
}

// conf is the settings of one device, or those for all devices, in one family: looked up
// once, since a look-up by name for every packet would cost more than the packet's
// routes.
type conf struct {
	value [settings]int // the usual one where it was not read
	read  [settings]bool
}

// confs are the settings of one family by device.
type confs struct {
	of    map[string]*conf
	usual *conf // of a device of which none was read
}

// confsOf gathers the settings of a family: there may be very many devices, most of
// which have none of their own in a snapshot.
func confsOf(s route.Sysctls, fam route.Family) confs {
	usual := new(conf)
	known := map[string]setting{}
	for k := range settings {
		usual.value[k] = k.usual()
		known[k.String()] = k
	}
	c := confs{map[string]*conf{}, usual}
	before := path.Dir(path.Dir(route.ConfPath(fam, "all", "x"))) + "/"
	for name := range s {
		rest, ok := strings.CutPrefix(name, before)
		if !ok {
			continue
		}
		dev, key, _ := strings.Cut(rest, "/")
		k, wanted := known[key]
		if !wanted {
			continue
		}
		value, read := s.Int(name)
		if !read {
			continue
		}
		if c.of[dev] == nil {
			own := *usual
			c.of[dev] = &own
		}
		c.of[dev].value[k], c.of[dev].read[k] = value, true
	}
	return c
}

func (c *confs) device(name string) *conf {
	if own := c.of[name]; own != nil {
		return own
	}
	return c.usual
}

// allDevices is the name under which the kernel keeps what counts for all.
const allDevices = "all"

// setting is where a setting of a device stands, or that of all devices where it is
// nil, and the name of either.
func (f *FIB) setting(fam route.Family, d *device) (*conf, string) {
	switch {
	case d == nil:
		return f.family(fam).conf, allDevices
	case fam == route.IPv6:
		return d.conf6, d.Name
	}
	return d.conf4, d.Name
}

// conf is a setting of a device, or of all devices where that is nil: the usual value
// where it was not read.
func (f *FIB) conf(fam route.Family, d *device, k setting) int {
	c, _ := f.setting(fam, d)
	return c.value[k]
}

// conf is the same for a question: it may suppose another value where none was read, or
// note that.
func (w *walk) conf(fam route.Family, d *device, k setting) int {
	c, dev := w.fib.setting(fam, d)
	if c.read[k] {
		return c.value[k]
	}
	if w.supposed != nil && *w.supposed == k {
		return 1
	}
	if w.unread != nil {
		w.noteUnread(fam, route.ConfPath(fam, dev, k.String()))
	}
	return c.value[k]
}

// deciding are the settings that may decide what becomes of a packet, all of them
// usually 0.
func deciding(flow *route.Flow) []setting {
	switch {
	case flow.Dst.Is6() && flow.In != 0 && flow.Dst.IsMulticast():
		return []setting{settingForwarding, settingMcForwarding}
	case flow.Dst.Is6():
		return []setting{settingForwarding}
	case flow.In == 0:
		return []setting{settingRouteLocalnet}
	case isMulticast4(flow.Dst):
		return []setting{settingRPFilter, settingAcceptLocal, settingRouteLocalnet, settingSrcValidMark, settingMcForwarding}
	}
	return []setting{settingForwarding, settingRPFilter, settingAcceptLocal, settingRouteLocalnet, settingSrcValidMark, settingBcForwarding}
}

// unsettled are the settings that were not read and may matter. If one of them may decide,
// either it is known not to, or the decision is unknown because of it.
func unsettled(t *Trace) []string {
	return slices.DeleteFunc(slices.Clone(t.Unread), func(p string) bool {
		return slices.ContainsFunc(deciding(&t.Flow), func(k setting) bool { return path.Base(p) == k.String() })
	})
}

// undetermined finds a setting that was not read and that decides: with another value
// than the usual one, the packet would end otherwise. It gives the setting's path below
// /proc/sys, with the device's name if the device's setting counts.
func (w *walk) undetermined(flow route.Flow, d *Decision) (setting string, found bool) {
	fam := flow.Family()
	for _, k := range deciding(&flow) {
		other := walk{fib: w.fib, question: w.question, flow: flow, skip: w.skip, mem: new(memory)}
		other.supposed, other.unread = &k, nil
		var o Decision
		other.judge(&o)
		if d.sameFate(&o) && (k != settingBcForwarding || d.sameEnd(&o)) {
			continue
		}
		dev := allDevices
		if in := w.fib.byIndex[flow.In]; in != nil && fam == route.IPv4 {
			dev = in.Name
		}
		return route.ConfPath(fam, dev, k.String()), true
	}
	return "", false
}

// confOr is an IPv4 setting that is on if it is set for all devices or for this one.
func (f *FIB) confOr(d *device, k setting) bool {
	return f.conf(route.IPv4, nil, k) != 0 || f.conf(route.IPv4, d, k) != 0
}

// confOr is the same for a question.
func (w *walk) confOr(d *device, k setting) bool {
	return w.conf(route.IPv4, nil, k) != 0 || w.conf(route.IPv4, d, k) != 0
}

// RoutesLocalnet reports whether a device takes packets to 127.0.0.0/8 (route_localnet).
func (f *FIB) RoutesLocalnet(link int) bool {
	d := f.byIndex[link]
	return d != nil && f.confOr(d, settingRouteLocalnet)
}

// useNeighPath is the setting by which IPv4's multipath routes pass over bad neighbours.
const useNeighPath = "net/ipv4/fib_multipath_use_neigh"

// multipathUseNeigh is the setting [useNeighPath].
func (w *walk) multipathUseNeigh() bool {
	if !w.fib.useNeighRead {
		w.noteUnread(route.IPv4, useNeighPath)
	}
	return w.fib.useNeigh != 0
}

// noteUnread notes a setting that would have mattered but was not read. One that
// the kernel does not have is no gap of the snapshot.
func (w *walk) noteUnread(fam route.Family, path string) {
	if w.unread != nil && w.fib.snap.Lacks(route.FactSysctls, fam) && !slices.Contains(*w.unread, path) {
		*w.unread = append(*w.unread, path)
	}
}
