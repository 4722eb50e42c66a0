package change

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// The names below net/ipv4/conf and net/ipv6/conf that are not names of devices.
const (
	allDevices = "all"
	newDevices = "default"
)

// mcForwarding is set by programs that route multicast packets, and by no setting.
const mcForwarding = "mc_forwarding"

// ipForward is another name of net/ipv4/conf/all/forwarding.
const ipForward = "net/ipv4/ip_forward"

// apply writes a setting and does what the kernel does immediately. If nothing here
// depends on a setting, it is only stored.
func (c *Sysctl) apply(t *tx) *Refusal {
	path := c.Path
	if path == ipForward {
		t.set(path, c.Value)
		path = route.ConfPath(route.IPv4, allDevices, "forwarding")
	}
	f, dev, key, ok := confOf(path)
	if !ok {
		if !inRange(path, c.Value) {
			return refuse(route.EINVAL, "")
		}
		t.set(path, c.Value)
		return nil
	}
	if dev != allDevices && dev != newDevices && !t.hasConf(f, dev) {
		return refuse(route.ENOENT, "")
	}
	if key == mcForwarding { // DEVINET_SYSCTL_RO_ENTRY
		return refuse(route.EACCES, "")
	}
	n, err := strconv.Atoi(strings.TrimSpace(c.Value))
	if err != nil {
		return refuse(route.EINVAL, "")
	}
	switch key {
	case "addr_gen_mode":
		return t.writeAddrGen(dev, n)
	case "mtu":
		if l := t.snap.LinkByName(dev); f == route.IPv6 && (n < route.LeastMTU6 || l != nil && n > int(l.MTU)) { // addrconf_sysctl_mtu
			return refuse(route.EINVAL, "")
		}
		t.set(path, strconv.Itoa(n))
	case "forwarding":
		t.setForwarding(f, dev, n)
	case "disable_ipv6":
		t.setDisableIPv6(dev, n)
	case "ignore_routes_with_linkdown":
		t.setIgnoreLinkdown(f, dev, n)
	default:
		t.set(path, strconv.Itoa(n))
	}
	return nil
}

// inRange reports whether a setting takes a value, as far as its limits are known
// (ipv4_net_table, ipv6_table_template).
func inRange(path, value string) bool {
	_, key, _ := strings.Cut(strings.TrimPrefix(path, "net/"), "/")
	least, most := 0, 0
	switch key {
	case "fib_multipath_hash_policy":
		most = 3
	case "fib_multipath_hash_fields":
		least, most = 1, 0xfff
	case "fib_multipath_use_neigh", "tcp_l3mdev_accept", "udp_l3mdev_accept", "raw_l3mdev_accept":
		most = 1
	case "ip_nonlocal_bind", "fwmark_reflect", "tcp_fwmark_accept", "ip_forward_use_pmtu":
		most = 255
	case "ip_default_ttl":
		least, most = 1, 255
	default:
		return true
	}
	n, err := strconv.Atoi(strings.TrimSpace(value))
	return err == nil && least <= n && n <= most
}

// hasConf reports whether there are settings of a family for a device with this name.
func (t *tx) hasConf(f route.Family, dev string) bool {
	l := t.snap.LinkByName(dev)
	if l == nil || f == route.IPv4 {
		return l != nil && t.snap.HasIPv4(l)
	}
	return l.HasIPv6()
}

// confOf is the family, the device and the name of a per-device setting.
func confOf(path string) (f route.Family, dev, key string, ok bool) {
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if rest, ok := strings.CutPrefix(path, strings.TrimSuffix(route.ConfPath(f, "", ""), "/")); ok {
			dev, key, ok = strings.Cut(rest, "/")
			return f, dev, key, ok
		}
	}
	return 0, "", "", false
}

// set writes one setting.
func (t *tx) set(path, value string) {
	s := t.own()
	if !t.sysctlsMine {
		s.Sysctls, t.sysctlsMine = maps.Clone(s.Sysctls), true
	}
	if s.Sysctls == nil {
		s.Sysctls = route.Sysctls{}
	}
	s.Sysctls[path] = value
}

func (t *tx) setConf(f route.Family, dev, key string, n int) {
	t.set(route.ConfPath(f, dev, key), strconv.Itoa(n))
}

// named are the devices that a name below conf means and that have the settings of the family,
// in the kernel's order as far as the order is known. A device without the family is passed
// over (inet_forward_change, addrconf_forward_change, addrconf_disable_change,
// addrconf_linkdown_change): it gets no settings.
func (t *tx) named(f route.Family, dev string) []string {
	if dev == newDevices {
		return nil
	}
	if dev != allDevices {
		return []string{dev}
	}
	var order []int
	for _, list := range t.snap.Order {
		if len(list) > len(order) {
			order = list
		}
	}
	order = slices.Clone(order)
	for i := range t.snap.Links { // for devices that are not in it, the index tells which came first
		if index := t.snap.Links[i].Index; !slices.Contains(order, index) {
			at := slices.IndexFunc(order, func(x int) bool { return x > index })
			if at < 0 {
				at = len(order)
			}
			order = slices.Insert(order, at, index)
		}
	}
	var all []string
	for _, index := range order {
		if l := t.link(index); l != nil && t.hasConf(f, l.Name) {
			all = append(all, l.Name)
		}
	}
	return all
}

// setForwarding switches forwarding (inet_forward_change in net/ipv4/devinet.c,
// addrconf_fixup_forwarding in net/ipv6/addrconf.c). The setting for all devices
// switches each of them.
func (t *tx) setForwarding(f route.Family, dev string, n int) {
	before := t.setting(f, dev, "forwarding")
	if f == route.IPv4 && before == n {
		return
	}
	t.setConf(f, dev, "forwarding", n)
	if dev == allDevices {
		t.setConf(f, newDevices, "forwarding", n)
		if f == route.IPv4 {
			t.set(ipForward, strconv.Itoa(n))
			t.setConf(f, allDevices, "accept_redirects", truthOf(n == 0))
		}
	}
	if f == route.IPv4 {
		for _, name := range t.named(f, dev) {
			t.setConf(f, name, "forwarding", n)
		}
		return
	}
	if (before != 0) == (n != 0) && dev != allDevices {
		return
	}
	for _, name := range t.named(f, dev) {
		was := t.setting(f, name, "forwarding")
		if name == dev {
			was = before
		}
		t.setConf(f, name, "forwarding", n)
		if (was != 0) != (n != 0) {
			t.forwards6(t.snap.LinkByName(name), n != 0)
		}
	}
	if n != 0 {
		t.purgeRouters()
	}
}

// truthOf is a setting's value for yes or no.
func truthOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// forwards6 joins or leaves the anycast addresses of a device's networks
// (dev_forward_change).
func (t *tx) forwards6(l *route.Link, on bool) {
	for _, a := range slices.Clone(t.snap.Addrs) {
		if a.Link != l.Index || !a.Prefix.Addr().Is6() || a.Flags&route.AddrTentative != 0 {
			continue
		}
		if on {
			t.joinAnycast6(l, &a)
		} else {
			t.leaveAnycast6(l, &a)
		}
	}
}

// purgeRouters deletes the default routes that the kernel made from router advertisements,
// except if a device accepts such routes although it forwards (rt6_purge_dflt_routers, which
// looks only at the root of each table).
func (t *tx) purgeRouters() {
	for _, id := range t.edit.Tables(route.IPv6) {
		at := RouteRef{Table: id, Dst: route.IPv6.Default()}
		var keep []*route.Route
		list := t.edit.At(id, at.Dst)
		for _, r := range list {
			if !Advertised(t.snap, route.IPv6.Default(), r) || t.acceptsForwarding(r) {
				keep = append(keep, r)
			}
		}
		if len(keep) < len(list) {
			t.setRoutes(at, list, keep)
		}
	}
}

// acceptsForwarding reports whether the device of a route accepts router advertisements
// although it forwards.
func (t *tx) acceptsForwarding(r *route.Route) bool {
	l := t.link(r.NextHops[0].Link)
	return l != nil && t.setting(route.IPv6, l.Name, "accept_ra") == 2
}

// Advertised reports whether the kernel itself seems to have made a route from a router
// advertisement (RTF_ADDRCONF, which no dump shows). A network manager that reads the
// advertisements makes routes with the same protocol, but it switches accept_ra off, or
// uses another metric, or gives no lifetime; or the reading found that a program made it.
func Advertised(s *route.Snapshot, dst netip.Prefix, r *route.Route) bool {
	full := *r
	full.Dst = dst
	if !full.LooksAdvertised() || r.Flags&route.FlagByProgram != 0 {
		return false
	}
	l := s.Link(r.NextHops[0].Link)
	if l == nil {
		return false
	}
	accepts, known := s.Sysctls.Conf(route.IPv6, l.Name, "accept_ra")
	return !known || accepts != 0
}

// setDisableIPv6 removes IPv6 from devices, or gives it back (addrconf_disable_ipv6).
func (t *tx) setDisableIPv6(dev string, n int) {
	before := map[string]int{}
	for _, name := range t.named(route.IPv6, dev) {
		before[name] = t.setting(route.IPv6, name, "disable_ipv6")
	}
	t.setConf(route.IPv6, dev, "disable_ipv6", n)
	if dev == allDevices {
		t.setConf(route.IPv6, newDevices, "disable_ipv6", n)
	}
	for _, name := range t.named(route.IPv6, dev) {
		t.setConf(route.IPv6, name, "disable_ipv6", n)
		l := t.snap.LinkByName(name)
		switch {
		case (before[name] != 0) == (n != 0):
		case n != 0:
			t.lower6(l, false)
		case l.Up():
			t.restore6(l)
			if l.Carrier() {
				t.ready6(l)
			}
		}
	}
}

// setIgnoreLinkdown sets whether routes without carrier are skipped. If they are, a dump
// shows their next hops as dead. For IPv6 only a device's own setting counts, and the
// setting for all devices is written to each device (addrconf_fixup_linkdown in
// net/ipv6/addrconf.c).
func (t *tx) setIgnoreLinkdown(f route.Family, dev string, n int) {
	dead := map[*route.NextHop]bool{}
	t.rewriteAll(f, func(dst netip.Prefix, r *route.Route) (*route.Route, bool) {
		for i := range r.NextHops {
			if h := &r.NextHops[i]; h.Flags&route.NextHopLinkDown != 0 {
				if dead[h] = t.dead(dst, r, h); dead[h] {
					t.setDead(dst, r, h)
				}
			}
		}
		return r, false
	})
	const key = "ignore_routes_with_linkdown"
	t.setConf(f, dev, key, n)
	if f == route.IPv6 && dev == allDevices {
		t.setConf(f, newDevices, key, n)
		for _, name := range t.named(f, dev) {
			t.setConf(f, name, key, n)
		}
	}
	t.rewriteAll(f, func(_ netip.Prefix, r *route.Route) (*route.Route, bool) {
		next := r.Clone()
		for i := range next.NextHops {
			h := &next.NextHops[i]
			if h.Flags&route.NextHopLinkDown == 0 {
				continue
			}
			if f == route.IPv4 {
				h.Flags = t.flags4(h, dead[&r.NextHops[i]], true)
			} else {
				h.Flags = t.flags6(h, dead[&r.NextHops[i]], true)
			}
		}
		if slices.Equal(next.NextHops, r.NextHops) {
			return r, false
		}
		return &next, false
	})
}
