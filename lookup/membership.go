package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// protoIGMP is IGMP's number in the IP header.
const protoIGMP = 2

// isAllHosts reports whether a group is the one that every device joins when it comes up
// (RFC 1112 section 4, ip_mc_up).
func isAllHosts(group netip.Addr) bool { return group == netip.AddrFrom4([4]byte{224, 0, 0, 1}) }

// multicastIn4 is what becomes of a received packet for a group (ip_route_input_rcu in
// net/ipv4/route.c). The kernel looks into no table for it.
func (w *walk) multicastIn4(dev *device) Decision {
	igmp := w.flow.Proto == protoIGMP // which is looked at whether or not a rule asks
	w.dissect4()
	member := w.fib.joined(dev, w.flow.Dst, w.flow.Src, igmp)
	if member == route.No && (isLocalMulticast4(w.flow.Dst) || !w.routesMulticast(dev)) {
		return refusal(ShortcutNotJoined, route.EINVAL)
	}
	d := w.acceptedIn4(dev, igmp)
	if member == route.No && d.Errno == 0 {
		d.Shortcut = ShortcutRouted
	}
	if member != route.Unknown || d.Errno == route.EINVAL { // refused for its source, whatever the group is
		return d
	}
	if w.trace != nil {
		w.trace.Reverse, w.trace.ReverseElse = nil, nil // it may not come so far
	}
	unread := Reason{Code: CodeMembership, Want: w.flow.Dst}
	if dev.groups4 != nil && slices.Contains(dev.groups4.Filtered, w.flow.Dst) {
		unread = Reason{Code: CodeGroupSources, Want: w.flow.Dst}
	}
	return Decision{Shortcut: ShortcutMulticastIn, Ambiguous: unread}
}

// joined reports whether a device takes packets for a group from a source
// (ip_check_mc_rcu in net/ipv4/igmp.c).
func (f *FIB) joined(dev *device, group, src netip.Addr, igmp bool) route.Tristate {
	in := dev.groups4
	switch {
	case in == nil && isAllHosts(group) && dev.Up():
		return route.Yes
	case in == nil:
		return route.Unknown
	case !slices.Contains(in.Groups, group):
		return f.joinedByVRF(dev, group)
	case igmp, src.IsUnspecified(), !slices.Contains(in.Filtered, group):
		return route.Yes
	}
	return route.Unknown // the file does not tell how many sockets exclude which sources
}

// joinedByVRF is the answer for a device that has not joined a group. A packet that a
// device of a VRF receives is also taken for the groups of the VRF's own device. The
// kernel's answer to RTM_GETROUTE does not show that, so the answer is unknown.
func (f *FIB) joinedByVRF(dev *device, group netip.Addr) route.Tristate {
	master := f.byIndex[dev.vrf]
	if master == nil || master == dev || master.groups4 != nil && !slices.Contains(master.groups4.Groups, group) {
		return route.No
	}
	return route.Unknown
}

// routesMulticast reports whether a multicast router takes what a device receives
// (IN_DEV_MFORWARD): the setting is on where its program runs.
func (w *walk) routesMulticast(dev *device) bool {
	return w.conf(route.IPv4, nil, settingMcForwarding) != 0 && w.conf(route.IPv4, dev, settingMcForwarding) != 0
}

// acceptedIn4 is what becomes of a received packet for a group that was joined or is
// routed: its source is checked (ip_mc_validate_source in net/ipv4/route.c).
func (w *walk) acceptedIn4(dev *device, igmp bool) Decision {
	src := w.flow.Src
	switch {
	case src.IsMulticast() || isBroadcast4(src),
		src.IsLoopback() && !w.confOr(dev, settingRouteLocalnet),
		src.IsUnspecified() && !igmp && !isLocalMulticast4(w.flow.Dst):
		return refusal(ShortcutMartianSrc, route.EINVAL)
	}
	d := Decision{
		Disposition: DispositionMulticast, Shortcut: ShortcutMulticastIn, Src: src,
		NextHops: w.mem.way(NextHop{Link: route.LoopbackIndex, Share: 1}),
	}
	if src.IsUnspecified() {
		return d
	}
	return w.validated(dev, 0, netip.IPv4Unspecified(), d)
}

// isAllNodes reports whether a group is one of those that every device with IPv6 is in
// (RFC 4291 section 2.7.1).
func isAllNodes(group netip.Addr) bool {
	return group == netip.AddrFrom16([16]byte{0xff, 2, 15: 1}) || group == netip.AddrFrom16([16]byte{0xff, 1, 15: 1})
}

// staysHere reports whether the scope of a group of IPv6 is this host or less. What a
// device receives for one is dropped (ip6_rcv_core in net/ipv6/ip6_input.c).
func staysHere(group netip.Addr) bool { return group.IsMulticast() && group.As16()[1]&0x0f <= 1 }

// deliver6 judges a received packet for a group for which the tables have a route: the
// device must have joined the group (ip6_mc_input in net/ipv6/ip6_input.c), or a multicast
// router must run.
func (w *walk) deliver6(d *Decision, dev *device) {
	group := w.flow.Dst
	switch in := dev.groups6; {
	case in == nil && !isAllNodes(group):
		*d = unknownDecision(Reason{Code: CodeMembership, Want: group})
	case in == nil || slices.Contains(in.Groups, group):
	case group.IsLinkLocalMulticast() || w.conf(route.IPv6, nil, settingMcForwarding) == 0:
		*d = refusal(ShortcutNotJoined, route.EINVAL)
	default:
		d.Shortcut = ShortcutRouted
	}
}
