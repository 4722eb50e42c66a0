package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// output4 decides about a packet that this host sends over IPv4, in the order
// of ip_route_output_key_hash_rcu (net/ipv4/route.c).
func (w *walk) output4(d *Decision) {
	w.iif = route.LoopbackIndex
	if w.flow.Src.IsValid() && w.flow.Src.IsUnspecified() {
		w.flow.Src = netip.Addr{}
	}
	if w.flow.Src.IsValid() {
		if early, done := w.checkSource4(); done {
			*d = early
			return
		}
	}
	if w.flow.Out != 0 {
		if early, done := w.checkOutput4(); done {
			*d = early
			return
		}
	}
	if w.flow.Dst.IsUnspecified() {
		*d = w.zero4()
		return
	}
	w.setVRF()
	res := w.searchRules()
	if res.status == refused && w.flow.Out != 0 && (w.vrf == 0 || isMulticast4(w.flow.Dst)) {
		*d = w.onLink4(w.flow.Out, &res)
		return
	}
	res.fill(d)
	if res.status != found {
		return
	}
	if d.Disposition == DispositionLocal {
		w.localOut4(d)
		w.outputType4(d)
		w.checkLeaving4(d)
		return
	}
	w.nextHops4(d, &res)
	w.outputType4(d)
	d.setSource(w.flow.Src)
	w.checkLeaving4(d)
}

// checkSource4 is what happens before the FIB because of a given source.
func (w *walk) checkSource4() (Decision, bool) {
	src := w.flow.Src
	if src.IsMulticast() || isBroadcast4(src) {
		return refusal(ShortcutSource, route.EINVAL), true
	}
	notLocal := refusal(ShortcutNotLocal, route.ENETUNREACH)
	if w.flow.Out == 0 && (isMulticast4(w.flow.Dst) || isBroadcast4(w.flow.Dst)) {
		owner := w.fib.owner4(src)
		if owner == 0 && w.fib.knowsAddrs(route.IPv4) {
			return notLocal, true
		}
		if all := w.fib.shared4[src]; all != nil {
			return w.groupOf4(all), true
		}
		return w.group4(ShortcutGroupSource, owner, chosen{addr: src}), true
	}
	if w.fib.owner4(src) == 0 && w.fib.knowsAddrs(route.IPv4) && !w.flow.Transparent {
		return notLocal, true
	}
	return Decision{}, false
}

// checkOutput4 is what happens before the FIB because of a given device. It
// may choose the source that the FIB look-up then starts with.
func (w *walk) checkOutput4() (Decision, bool) {
	dev := w.fib.byIndex[w.flow.Out]
	switch {
	case dev == nil:
		return refusal("", route.ENODEV), true
	case !dev.Up():
		return refusal(ShortcutDown, route.ENETUNREACH), true
	case w.fib.lacksIPv4(dev.Index):
		return refusal(ShortcutNoIPv4, route.ENETUNREACH), true
	}
	dst, src := w.flow.Dst, w.flow.Src
	if isLocalMulticast4(dst) || isBroadcast4(dst) {
		from := chosen{addr: src}
		if !src.IsValid() {
			from = w.selectSource4(dev.Index, netip.Addr{}, route.ScopeLink, nil)
		}
		return w.group4(ShortcutGroupOut, dev.Index, from), true
	}
	if src.IsValid() {
		return Decision{}, false
	}
	var from chosen
	if isMulticast4(dst) {
		from = w.selectSource4(dev.Index, netip.Addr{}, multicastScope, nil)
	}
	if dst.IsUnspecified() {
		from = w.selectSource4(dev.Index, netip.Addr{}, route.ScopeHost, nil)
	}
	w.flow.Src = from.addr
	// What follows is looked up with the source.
	return unknownDecision(Reason{Code: CodeSrcUnordered}), !from.certain()
}

// multicastScope is the scope with which a source for multicast is chosen: the
// flow's own, universe.
const multicastScope = route.ScopeGlobal

// group4 sends to a group or to everybody out of a device, without a route.
func (w *walk) group4(s Shortcut, link int, src chosen) Decision {
	d := Decision{Disposition: DispositionMulticast, Shortcut: s}
	if isBroadcast4(w.flow.Dst) {
		d.Disposition = DispositionBroadcast
	}
	d.NextHops = w.mem.way(NextHop{Link: link, Share: 1, Src: src.addr, SrcOneOf: src.oneOf})
	d.setSource(netip.Addr{})
	w.trySource4(link, netip.Addr{}, route.ScopeLink)
	w.checkLeaving4(&d)
	return d
}

// groupOf4 is group4 for a source that several devices have: see FIB.shared4.
func (w *walk) groupOf4(links []int) Decision {
	d := w.group4(ShortcutGroupSource, links[0], chosen{addr: w.flow.Src})
	d.Ambiguous = Reason{Code: CodeSrcShared4, Have: w.flow.Src}
	d.Errno, d.NextHops = 0, w.mem.ways[:0]
	for _, link := range links {
		d.NextHops = append(d.NextHops, NextHop{Link: link, Src: w.flow.Src})
	}
	w.mem.ways = d.NextHops
	return d
}

// zero4 is what becomes of the destination 0.0.0.0: the source, or 127.0.0.1.
// No rule and no route can change it.
func (w *walk) zero4() Decision {
	src := w.flow.Src
	if !src.IsValid() {
		src = loopback4()
	}
	if w.trace != nil {
		w.trace.Source = SourceTrial{Addr: src, Reason: Reason{Code: CodeSrcLocalDst}, Link: route.LoopbackIndex}
	}
	d := Decision{
		Disposition: DispositionLocal, Shortcut: ShortcutZero, Src: src,
		NextHops: w.mem.way(NextHop{Link: route.LoopbackIndex, Share: 1, Src: src}),
	}
	w.checkLeaving4(&d)
	return d
}

// onLink4 replaces any failure for a socket that is bound to a device: the destination
// is assumed to be on the device's link.
func (w *walk) onLink4(out int, res *result) Decision {
	d := Decision{Disposition: DispositionUnicast, Shortcut: ShortcutOnLink, Rule: res.rule}
	src := chosen{addr: w.flow.Src}
	if !src.addr.IsValid() {
		src = w.selectSource4(out, netip.Addr{}, route.ScopeLink, nil)
		w.trySource4(out, netip.Addr{}, route.ScopeLink)
	}
	d.NextHops = w.mem.way(NextHop{Link: out, Via: route.NextHop{Link: out}, Share: 1, Src: src.addr, SrcOneOf: src.oneOf})
	d.setSource(netip.Addr{})
	if isMulticast4(w.flow.Dst) {
		d.Disposition = DispositionMulticast
	}
	w.checkLeaving4(&d)
	return d
}

// localOut4 completes the decision about an address of this host.
func (w *walk) localOut4(d *Decision) {
	link := route.LoopbackIndex
	via := route.NextHop{}
	if len(d.entry.hops) > 0 {
		via = d.entry.hops[0].NextHop
		if v := w.fib.vrf(via.Link); v != 0 {
			link = v
		}
	}
	src := w.flow.Dst
	why := Reason{Code: CodeSrcLocalDst}
	if d.Route.PrefSrc.IsValid() {
		src, why = d.Route.PrefSrc, Reason{Code: CodeSrcPrefsrc}
	}
	if w.flow.Src.IsValid() {
		src, why = w.flow.Src, Reason{Code: CodeSrcGiven}
	}
	d.Src = src
	d.NextHops = w.mem.way(NextHop{Link: link, Via: via, Share: 1, Src: src})
	if w.trace != nil {
		w.trace.Source = SourceTrial{Addr: src, Reason: why, Link: w.fib.owner4(src)}
	}
}

// outputType4 corrects a unicast result for a broadcast or group address: the route only
// gives its device (__mkroute_output).
func (w *walk) outputType4(d *Decision) {
	dst := w.flow.Dst
	switch {
	case isBroadcast4(dst):
		d.Disposition = DispositionBroadcast
	case isMulticast4(dst):
		d.Disposition = DispositionMulticast
	}
	noGateway := d.Disposition == DispositionBroadcast ||
		d.Disposition == DispositionMulticast && d.Route.Dst.Bits() < 4
	for i := range d.NextHops {
		if noGateway {
			d.NextHops[i].Gateway = netip.Addr{}
		}
	}
}

// checkLeaving4 refuses a device without IPv4, and a source in 127/8 that would leave
// the host (__mkroute_output). If only some legs of a multipath route let it out, the
// hash decides.
func (w *walk) checkLeaving4(d *Decision) {
	kept, refused, shortcut := true, 0.0, ShortcutLoopback
	for i := range d.NextHops {
		if !w.mayLeave4(d, &d.NextHops[i]) {
			if w.fib.lacksIPv4(d.NextHops[i].Link) {
				shortcut = ShortcutNoIPv4
			}
			kept = false
			refused += d.NextHops[i].Share
		}
	}
	if kept {
		return
	}
	d.NextHops = slices.DeleteFunc(d.NextHops, func(way NextHop) bool { return !w.mayLeave4(d, &way) })
	if slices.ContainsFunc(d.NextHops, func(way NextHop) bool { return !way.Stale }) {
		d.SomeRefused, d.RefusedShare = route.EINVAL, refused
		return
	}
	d.Disposition, d.Errno, d.Shortcut, d.NextHops = DispositionInvalid, route.EINVAL, shortcut, nil
}

func (w *walk) mayLeave4(d *Decision, way *NextHop) bool {
	if w.fib.lacksIPv4(way.Link) {
		return false
	}
	src := d.Src
	if !src.IsValid() {
		src = way.Src
	}
	if !src.IsLoopback() {
		return true
	}
	dev := w.fib.byIndex[way.Link]
	return dev == nil || dev.Flags&route.LinkLoopback != 0 || dev.Kind == vrfKind || w.confOr(dev, settingRouteLocalnet)
}

// lacksIPv4 reports whether a device has no IPv4.
func (f *FIB) lacksIPv4(link int) bool {
	dev := f.byIndex[link]
	return dev != nil && !f.snap.HasIPv4(dev.Link)
}

func isMulticast4(a netip.Addr) bool { return a.Is4() && a.IsMulticast() }

// isLocalMulticast4 reports whether an address is in 224.0.0.0/24.
func isLocalMulticast4(a netip.Addr) bool { return a.Is4() && a.IsLinkLocalMulticast() }

func isBroadcast4(a netip.Addr) bool { return a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

func loopback4() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// owner4 is the index of the device that an address of this host is on, zero
// for an address that is not this host's (__ip_dev_find in
// net/ipv4/devinet.c): configured, or of type local in table local.
func (f *FIB) owner4(a netip.Addr) int {
	if i, ok := f.own4[a]; ok {
		return i
	}
	w := walk{fib: f, flow: route.Flow{Dst: a}}
	local := f.v4.tables[route.TableLocal]
	c := local.covering(a)
	if f.merged {
		c = merged(local, f.v4.tables[route.TableMain], a)
	}
	var res result
	w.search4(&c, nil, &res)
	if res.status != found || res.entry.route.Type != route.TypeLocal {
		return 0
	}
	return res.link()
}
