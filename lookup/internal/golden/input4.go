package golden

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

const (
	protoTCP = 6
	protoUDP = 17
)

// input4 is ip_route_input_rcu and ip_route_input_slow (1.2), its steps
// numbered as there. A request's output device is ignored (0.1), and a chosen
// source is never reported (8.2).
func (d *decision) input4(asked route.Flow) Answer {
	in := asked.In
	f := newFlow(asked)
	f.iif, f.oif = in, 0
	f.uid = 0 // always root (0.1)
	if unset(f.src) {
		f.src = netip.IPv4Unspecified()
	}
	d.dissect4(&f)

	if d.s.Link(in) == nil {
		return refuse(route.ENODEV)
	}
	if !d.hasIPv4(in) {
		return refuse(route.EINVAL)
	}

	// 1.
	if f.dst.IsMulticast() {
		return d.inputMulticast4(&f, asked.Proto, in)
	}
	// 2.
	if f.src.IsMulticast() || f.src == limitedBroadcast4() {
		return refuse(route.EINVAL)
	}
	// 3.
	if f.dst == limitedBroadcast4() || f.src.IsUnspecified() && f.dst.IsUnspecified() {
		return d.inputBroadcast4(&f, in, nil)
	}
	// 4.
	if f.src.IsUnspecified() {
		return refuse(route.EINVAL)
	}
	// 5.
	if f.dst.IsUnspecified() {
		return refuse(route.EINVAL)
	}
	// 6.
	if (f.dst.IsLoopback() || f.src.IsLoopback()) && !d.confOr(in, "route_localnet", 0) {
		return refuse(route.EINVAL)
	}
	// 7.
	key := f
	res, errno := d.lookup4(&key)
	// 8.
	if errno != 0 {
		if !d.forwards4(in) {
			return refuse(route.EHOSTUNREACH)
		}
		a := refuse(errno)
		if res.entry != nil {
			a.Type = res.entry.Type
			a.setEntry(res.entry)
		}
		return a
	}
	// 9.
	if res.entry.Type == route.TypeBroadcast {
		if d.sysctl(route.ConfPath(route.IPv4, "all", "bc_forwarding"), 0) != 0 && d.conf(route.IPv4, in, "bc_forwarding", 0) != 0 {
			return d.forward4(&f, in, res)
		}
		return d.inputBroadcast4(&f, in, res.entry)
	}
	// 10.
	if res.entry.Type == route.TypeLocal {
		if errno := d.validateSource4(&f, f.dst, in, 0); errno != 0 {
			return refuse(errno)
		}
		return d.answer([]outcome{{
			typ: route.TypeLocal, entry: res.entry, way: Way{Link: d.loopbackOf(res.hop.Link)},
		}})
	}
	// 11.
	if !d.forwards4(in) {
		return refuse(route.EHOSTUNREACH)
	}
	// 12.
	if res.entry.Type != route.TypeUnicast {
		return refuse(route.EINVAL)
	}
	return d.forward4(&f, in, res)
}

// forward4 is step 13, ip_mkroute_input.
func (d *decision) forward4(f *flow, in int, res result4) Answer {
	paths := []path4{{res.entry, res.hop}}
	if len(res.hops.list) > 1 {
		paths = d.selectMultipath4(res, netip.Addr{})
	}
	var outcomes []outcome
	for _, p := range paths {
		if !d.hasIPv4(p.hop.Link) {
			outcomes = append(outcomes, outcome{errno: route.EINVAL})
			continue
		}
		if errno := d.validateSource4(f, f.dst, in, p.hop.Link); errno != 0 {
			outcomes = append(outcomes, outcome{errno: errno})
			continue
		}
		outcomes = append(outcomes, outcome{
			typ: res.entry.Type, entry: p.entry,
			way: Way{Link: p.hop.Link, Gateway: d.effectiveGateway4(p.entry, p.hop)},
		})
	}
	return d.answer(outcomes)
}

// dissect4 is fib4_rules_early_flow_dissect: a received packet's protocol and
// ports are looked at only if a rule that is not bound to `iif lo` asks for
// them (2.2). Only TCP and UDP have ports.
func (d *decision) dissect4(f *flow) {
	needed := false
	for _, r := range d.rulesOf(route.IPv4) {
		sel := r.Selector
		asks := sel.Proto != 0 || sel.SrcPort != route.PortRange{} || sel.DstPort != route.PortRange{}
		lo := d.s.LinkByName(sel.In)
		if asks && (lo == nil || lo.Index != route.LoopbackIndex) {
			needed = true
		}
	}
	if !needed {
		f.proto = 0
	}
	if !needed || f.proto != protoTCP && f.proto != protoUDP {
		f.sport, f.dport = 0, 0
	}
}

// forwards4 is IN_DEV_FORWARD: the device's own setting alone counts (1.2).
func (d *decision) forwards4(link int) bool {
	return d.conf(route.IPv4, link, "forwarding", 0) != 0
}

// inputBroadcast4 is brd_input: delivery of a broadcast to this host.
func (d *decision) inputBroadcast4(f *flow, in int, entry *route.Route) Answer {
	if !f.src.IsUnspecified() {
		if errno := d.validateSource4(f, netip.IPv4Unspecified(), in, 0); errno != 0 {
			return refuse(errno)
		}
	}
	link := route.LoopbackIndex
	if entry != nil && len(entry.NextHops) > 0 {
		link = d.loopbackOf(entry.NextHops[0].Link)
	}
	return d.answer([]outcome{{typ: route.TypeBroadcast, entry: entry, way: Way{Link: link}}})
}

// inputMulticast4 is the branch for groups of ip_route_input_rcu: ip_check_mc_rcu, then
// ip_route_input_mc with ip_mc_validate_source (1.2 step 1). proto is that of the IP
// header, which f has not where nothing dissects.
func (d *decision) inputMulticast4(f *flow, proto uint8, in int) Answer {
	ours, known := d.member4(f, proto, in)
	if known && !ours {
		if localMulticast4(f.dst) || d.sysctl(route.ConfPath(route.IPv4, "all", "mc_forwarding"), 0) == 0 || d.conf(route.IPv4, in, "mc_forwarding", 0) == 0 {
			return refuse(route.EINVAL)
		}
	}
	errno := d.validateGroupSource4(f, proto, in)
	if errno == route.EINVAL {
		return refuse(errno)
	}
	if !known {
		d.doubt("multicast group memberships are not known")
		return refuse(route.EINVAL)
	}
	if errno != 0 {
		return refuse(errno)
	}
	return d.answer([]outcome{{typ: route.TypeMulticast, way: Way{Link: route.LoopbackIndex}}})
}

// member4 is ip_check_mc_rcu: whether a device has joined the group, and takes it from
// the packet's source.
func (d *decision) member4(f *flow, proto uint8, in int) (ours, known bool) {
	joined, filtered, read := d.groups4(in, f.dst)
	switch {
	case !read:
		all := f.dst == netip.AddrFrom4([4]byte{224, 0, 0, 1}) && d.isUp(in)
		return all, all
	case joined:
		return true, proto == protoIGMP || f.src.IsUnspecified() || !filtered
	}
	// A request has the device itself in skb->dev, a packet its VRF's (7).
	if v := d.vrf(in); v != 0 && v != in {
		if joined, _, read := d.groups4(v, f.dst); joined || !read {
			return false, false
		}
	}
	return false, true
}

// groups4 reports whether a device has joined a group, and whether some sources are asked
// for or shut out.
func (d *decision) groups4(link int, group netip.Addr) (joined, filtered, read bool) {
	for _, m := range d.s.Memberships {
		if m.Link == link && !m.Is6() {
			return slices.Contains(m.Groups, group), slices.Contains(m.Filtered, group), true
		}
	}
	return false, false, false
}

// validateGroupSource4 is ip_mc_validate_source.
func (d *decision) validateGroupSource4(f *flow, proto uint8, in int) route.Errno {
	switch {
	case f.src.IsMulticast(), f.src == limitedBroadcast4():
		return route.EINVAL
	case f.src.IsLoopback() && !d.confOr(in, "route_localnet", 0):
		return route.EINVAL
	case f.src.IsUnspecified():
		if !localMulticast4(f.dst) && proto != protoIGMP {
			return route.EINVAL
		}
		return 0
	}
	return d.validateSource4(f, netip.IPv4Unspecified(), in, 0)
}

// validateSource4 is fib_validate_source (1.3). dst is what the reverse look-up
// takes as its source; out is the device that the packet will leave by, zero
// for local delivery.
func (d *decision) validateSource4(f *flow, dst netip.Addr, in, out int) route.Errno {
	rpf := d.confMax(in, "rp_filter")

	// Fast path.
	if rpf == 0 && !d.realms4() && (in != out || !d.confOr(in, "send_redirects", 1)) {
		if d.confOr(in, "accept_local", 0) {
			return 0
		}
		if d.merged && !d.customLocalRoutes4() {
			var errno route.Errno
			for _, a := range d.s.Addrs {
				if a.Prefix.Addr() == f.src {
					errno = route.EINVAL
				}
			}
			if errno != d.reversePath4(f, dst, in, out, rpf) {
				d.doubt("a local route that is gone by now may have made source checks stricter")
			}
			return errno
		}
	}
	return d.reversePath4(f, dst, in, out, rpf)
}

// reversePath4 is __fib_validate_source, the full check of 1.3.
func (d *decision) reversePath4(f *flow, dst netip.Addr, in, out, rpf int) route.Errno {
	failed := route.EINVAL
	if olderThan(d.s.Release, 6, 13) {
		failed = route.EXDEV
	}
	reverse := flow{
		dst: f.src, src: dst, iif: out, tos: f.tos, uid: 0,
		proto: f.proto, sport: f.dport, dport: f.sport, vrf: d.vrf(in),
	}
	if out == 0 {
		reverse.iif = route.LoopbackIndex
	}
	if f.mark != 0 && d.confOr(in, "src_valid_mark", 0) {
		reverse.mark = f.mark
	}
	res, errno := d.lookup4(&reverse)
	if errno != 0 {
		if rpf != 0 {
			return failed
		}
		return 0
	}
	if res.entry.Type == route.TypeLocal && !d.confOr(in, "accept_local", 0) {
		return route.EINVAL
	}
	if res.entry.Type != route.TypeLocal && res.entry.Type != route.TypeUnicast {
		return route.EINVAL
	}
	for _, nh := range res.hops.list {
		if nh.Link == in || d.vrf(nh.Link) == in {
			return 0
		}
	}
	if res.entry.Type == route.TypeLocal && in == route.LoopbackIndex {
		return 0
	}
	hasAddress := false
	for _, a := range d.s.Addrs {
		hasAddress = hasAddress || a.Link == in && a.Prefix.Addr().Is4()
	}
	if !hasAddress && rpf != 0 || rpf == 1 {
		return failed
	}
	return 0
}

// realms4 reports whether anything has a realm (fib_num_tclassid_users).
func (d *decision) realms4() bool {
	for _, r := range d.s.Rules {
		if r.Family == route.IPv4 && r.Realm != 0 {
			return true
		}
	}
	for _, r := range d.s.Routes {
		for _, nh := range r.NextHops {
			if r.Family() == route.IPv4 && nh.Realm != 0 {
				return true
			}
		}
	}
	return false
}

// customLocalRoutes4 is fib_has_custom_local_routes, as far as a snapshot shows
// it: the kernel also remembers one that was deleted.
func (d *decision) customLocalRoutes4() bool {
	for _, r := range d.s.Routes {
		if r.Family() == route.IPv4 && r.Type == route.TypeLocal && r.Protocol != route.ProtocolKernel {
			return true
		}
	}
	return false
}
