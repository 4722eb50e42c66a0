package lookup

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/route"
)

// input4 decides about an IPv4 packet that arrives on a device, in the order
// of ip_route_input_slow (net/ipv4/route.c).
func (w *walk) input4() Decision {
	dev := w.fib.byIndex[w.flow.In]
	if dev == nil {
		return refusal("", route.ENODEV)
	}
	if w.fib.lacksIPv4(dev.Index) {
		return refusal(ShortcutNoIPv4, route.EINVAL)
	}
	w.iif = dev.Index
	w.flow.Out = 0
	w.flow.UID = 0 // the namespace's root, whoever asks
	if !w.flow.Src.IsValid() {
		w.flow.Src = netip.IPv4Unspecified()
	}
	if isMulticast4(w.flow.Dst) {
		return w.multicastIn4(dev)
	}
	w.dissect4()
	if d, done := w.checkMartians4(dev); done {
		return d
	}
	w.setVRF()
	res := w.searchRules()
	var d Decision
	res.fill(&d)
	switch {
	case res.status == unknown:
		return d
	case res.status == refused && !w.forwarding4(dev):
		return w.notForwarding(d)
	case res.status == refused:
		return d
	}
	return w.deliver4(dev, d, &res)
}

// dissect4 removes the protocol and the ports from a received packet where rules do not
// see them: the kernel dissects a packet only if a rule that is not bound to lo asks
// about them (fib4_rules_early_flow_dissect, fib_rule_requires_fldissect).
func (w *walk) dissect4() {
	if !w.fib.v4.dissects {
		w.flow.Proto = 0
	}
	if !hasPorts(w.flow.Proto) {
		w.flow.SrcPort, w.flow.DstPort = 0, 0
	}
}

// hasPorts reports whether packets of a protocol are dissected into ports
// (__skb_flow_dissect in net/core/flow_dissector.c).
func hasPorts(proto uint8) bool {
	switch proto {
	case 6, 17, 33, 132, 136: // TCP, UDP, DCCP, SCTP, UDP-Lite
		return true
	}
	return false
}

// checkMartians4 decides about packets that the kernel refuses, or delivers as broadcast,
// before it asks any rule.
func (w *walk) checkMartians4(dev *device) (Decision, bool) {
	src, dst := w.flow.Src, w.flow.Dst
	martianSrc := refusal(ShortcutMartianSrc, route.EINVAL)
	martianDst := refusal(ShortcutMartianDst, route.EINVAL)
	switch {
	case src.IsMulticast() || isBroadcast4(src):
		return martianSrc, true
	case isBroadcast4(dst) || dst.IsUnspecified() && src.IsUnspecified():
		return w.broadcastIn4(dev), true
	case src.IsUnspecified():
		return martianSrc, true
	case dst.IsUnspecified():
		return martianDst, true
	case dst.IsLoopback() && !w.confOr(dev, settingRouteLocalnet):
		return martianDst, true
	case src.IsLoopback() && !w.confOr(dev, settingRouteLocalnet):
		return martianSrc, true
	}
	return Decision{}, false
}

// broadcastIn4 delivers a limited broadcast to this host. Its source is
// checked, unless it has none.
func (w *walk) broadcastIn4(dev *device) Decision {
	d := Decision{
		Disposition: DispositionBroadcast, Shortcut: ShortcutBroadcastIn, Src: w.flow.Src,
		NextHops: w.mem.way(NextHop{Link: route.LoopbackIndex, Share: 1}),
	}
	if w.flow.Src.IsUnspecified() {
		return d
	}
	return w.validated(dev, 0, netip.IPv4Unspecified(), d)
}

// localDevice is the device that the kernel names for local delivery by an
// entry: lo, or the VRF of the entry's device (ip_rt_get_dev).
func (w *walk) localDevice(res *result) int {
	return cmp.Or(w.fib.vrf(res.link()), route.LoopbackIndex)
}

func (w *walk) forwarding4(dev *device) bool {
	return w.conf(route.IPv4, dev, settingForwarding) != 0
}

// notForwarding replaces the result of the look-up: a host that does not forward answers
// with EHOSTUNREACH.
func (w *walk) notForwarding(d Decision) Decision {
	d.Disposition, d.Errno, d.Shortcut = DispositionInvalid, route.EHOSTUNREACH, ShortcutNoForwarding
	d.NextHops, d.Ambiguous = nil, Reason{}
	return d
}

// deliver4 goes on with a received packet for which a route was found.
func (w *walk) deliver4(dev *device, d Decision, res *result) Decision {
	d.Src = w.flow.Src
	switch res.entry.route.Type {
	case route.TypeBroadcast:
		if w.forwardsBroadcasts(dev) {
			return w.forward4(dev, d, res)
		}
		d.NextHops = w.mem.way(NextHop{Link: w.localDevice(res), Share: 1})
		return w.validated(dev, 0, netip.IPv4Unspecified(), d)
	case route.TypeLocal:
		d.NextHops = w.mem.way(NextHop{Link: w.localDevice(res), Share: 1})
		return w.validated(dev, 0, w.flow.Dst, d)
	}
	if !w.forwarding4(dev) {
		return w.notForwarding(d)
	}
	if res.entry.route.Type != route.TypeUnicast {
		d.Disposition, d.Errno, d.Shortcut = DispositionInvalid, route.EINVAL, ShortcutNotUnicast
		return d
	}
	return w.forward4(dev, d, res)
}

// forwardsBroadcasts reports whether a packet that a device receives for a network's
// broadcast address is sent on to that network. The setting must be on for all devices
// and for this one (IN_DEV_BFORWARD in include/linux/inetdevice.h); no other setting of
// forwarding matters.
func (w *walk) forwardsBroadcasts(dev *device) bool {
	return w.conf(route.IPv4, nil, settingBcForwarding) != 0 && w.conf(route.IPv4, dev, settingBcForwarding) != 0
}

// forward4 sends a received packet on (ip_mkroute_input).
func (w *walk) forward4(dev *device, d Decision, res *result) Decision {
	w.nextHops4(&d, res)
	before, refused, share := len(d.NextHops), d, 0.0
	var may route.Errno // one next hop may refuse what the others take
	d.NextHops = slices.DeleteFunc(d.NextHops, func(way NextHop) bool {
		v := d
		if w.fib.lacksIPv4(way.Link) {
			v.Disposition, v.Errno, v.Shortcut, v.NextHops = DispositionInvalid, route.EINVAL, ShortcutNoIPv4, nil
		} else {
			v = w.validated(dev, way.Link, w.flow.Dst, d)
		}
		if v.Errno != 0 {
			refused = v
			share += way.Share
		}
		may = cmp.Or(may, v.MayRefuse)
		return v.Errno != 0
	})
	d.MayRefuse = may
	switch {
	case len(d.NextHops) == 0:
		return refused
	case len(d.NextHops) < before: // the hash decides
		d.SomeRefused, d.RefusedShare = refused.Errno, share
		if refused.Shortcut != ShortcutNoIPv4 {
			d.Ambiguous = Reason{Code: CodeReversePathSome}
		}
	}
	return d
}

// validated gives the decision if the packet's source passes the check, and the refusal
// if not (fib_validate_source). The check is for leaving by a device, or for delivery
// here if that is zero. It looks the way back up from an address: the packet's
// destination, or none where that is a group.
func (w *walk) validated(dev *device, out int, from netip.Addr, d Decision) Decision {
	rp := w.validate(dev, out, from)
	switch {
	case w.trace == nil:
	case w.trace.Reverse == nil:
		w.trace.Reverse = rp
	case w.trace.Reverse.Passed != rp.Passed:
		w.trace.ReverseElse = rp
	}
	if rp.Passed {
		if rp.Short && !w.passesInFull(dev, out, from, rp) {
			d.MayRefuse = route.EINVAL
		}
		return d
	}
	d.Disposition, d.Errno, d.Shortcut, d.NextHops = DispositionInvalid, route.EINVAL, rp.shortcut(), nil
	if d.Shortcut == ShortcutReversePath && w.fib.kernel.filterEXDEV {
		d.Errno = route.EXDEV
	}
	return d
}

func (rp *ReversePath) shortcut() Shortcut {
	switch rp.Reason.Code {
	case CodeRPOwnSource:
		return ShortcutOwnSource
	case CodeRPNotUnicast:
		return ShortcutMartianSrc
	}
	return ShortcutReversePath
}

// validate checks the source of a received packet (fib_validate_source and
// __fib_validate_source in net/ipv4/fib_frontend.c).
func (w *walk) validate(dev *device, out int, from netip.Addr) *ReversePath {
	rp := &ReversePath{}
	rp.Filter, rp.FilterFrom = w.rpFilter(dev)
	rp.FilterUnread = !dev.conf4.read[settingRPFilter] && !w.fib.v4.conf.read[settingRPFilter]
	redirects := w.conf(route.IPv4, nil, settingSendRedirects) != 0 || w.conf(route.IPv4, dev, settingSendRedirects) != 0
	if rp.Filter == 0 && !w.fib.realms && (dev.Index != out || !redirects) {
		if w.confOr(dev, settingAcceptLocal) {
			rp.Passed, rp.Reason = true, Reason{Code: CodeRPOff}
			return rp
		}
		if w.fastPath() {
			_, own := w.fib.own4[w.flow.Src]
			rp.Passed, rp.Short, rp.Reason = !own, true, Reason{Code: CodeRPOff}
			if own {
				rp.Reason = Reason{Code: CodeRPOwnSource, Have: w.flow.Src}
			}
			return rp
		}
	}
	w.reverse(dev, out, from, rp)
	return rp
}

// passesInFull reports whether a source that passed the short check would also pass the
// full one, which looks the way back up.
func (w *walk) passesInFull(dev *device, out int, from netip.Addr, rp *ReversePath) bool {
	silent := *w
	silent.trace = nil
	full := ReversePath{Filter: rp.Filter}
	silent.reverse(dev, out, from, &full)
	return full.Passed
}

// fastPath reports whether the source is only compared with the addresses of this host.
// That is so if no rule was ever changed and nobody added a route of type local.
func (w *walk) fastPath() bool {
	return w.fib.merged && !w.fib.localByUser
}

// rpFilter is the effective reverse-path filter of a device: the larger of its
// own and that of all devices.
func (w *walk) rpFilter(dev *device) (int, string) {
	all, own := w.conf(route.IPv4, nil, settingRPFilter), w.conf(route.IPv4, dev, settingRPFilter)
	if own >= all {
		return own, dev.Name
	}
	return all, allDevices
}

// reverse looks the way back up: does a packet to this packet's source leave by the
// device that this one came from?
func (w *walk) reverse(dev *device, out int, from netip.Addr, rp *ReversePath) {
	back := w.flow
	back.Dst, back.Src = w.flow.Src, from
	back.SrcPort, back.DstPort = w.flow.DstPort, w.flow.SrcPort
	back.In, back.Out, back.UID = 0, 0, 0
	if !w.confOr(dev, settingSrcValidMark) {
		back.Mark = 0
	}
	r := walk{fib: w.fib, question: w.question, flow: back, iif: cmp.Or(out, route.LoopbackIndex), vrf: w.fib.vrf(dev.Index), mem: w.mem}
	if w.trace != nil {
		rp.Trace = &Trace{Flow: back}
		r.trace, r.sketch = rp.Trace, w.sketch
	}
	r.setVRF()
	res := r.searchRules()
	w.steps += r.steps
	var d Decision
	res.fill(&d)
	if rp.Trace != nil && res.status == found && d.Disposition == DispositionUnicast {
		for i := range res.entry.hops {
			h := &res.entry.hops[i]
			d.NextHops = append(d.NextHops, NextHop{Link: h.Link, Gateway: h.Gateway, Via: h.NextHop})
		}
	}
	if rp.Trace != nil {
		rp.Trace.Decision = d
	}
	rp.Passed, rp.Reason = w.reverseVerdict(dev, &res, rp.Filter)
}

func (w *walk) reverseVerdict(dev *device, res *result, filter int) (bool, Reason) {
	switch {
	case res.status != found:
		return filter == 0, Reason{Code: CodeRPNoRoute}
	case res.entry.route.Type == route.TypeLocal && w.confOr(dev, settingAcceptLocal):
	case res.entry.route.Type == route.TypeLocal:
		return false, Reason{Code: CodeRPOwnSource, Have: w.flow.Src}
	case res.entry.route.Type != route.TypeUnicast:
		return false, Reason{CodeRPNotUnicast, w.flow.Src, res.entry.route.Type.String()}
	}
	for i := range res.entry.hops {
		if l := res.entry.hops[i].Link; l == dev.Index || w.fib.vrf(l) == dev.Index {
			return true, Reason{Code: CodeRPSame, Have: dev.Name}
		}
	}
	if res.entry.route.Type == route.TypeLocal && dev.Index == route.LoopbackIndex {
		return true, Reason{Code: CodeRPSame, Have: dev.Name}
	}
	other := Reason{CodeRPOther, dev.Name, w.fib.snap.LinkName(res.entry.hops[res.hop].Link)}
	switch {
	case len(dev.addrs4) == 0:
		return filter == 0, Reason{Code: CodeRPNoAddress, Have: dev.Name}
	case filter == 1:
		return false, other
	}
	return true, other
}
