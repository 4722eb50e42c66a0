package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// source4 is the source address of a packet without one that leaves by a next hop
// (fib_result_prefsrc in net/ipv4/fib_semantics.c). It gives a second source where the
// kernel may have either: the kernel keeps the source with a next-hop object. At first it
// chooses by the object's own scope. After some address changes, it chooses by the scope
// of the first route that is used.
func (w *walk) source4(r *route.Route, h *hop) (src chosen, other netip.Addr) {
	if r.PrefSrc.IsValid() {
		return chosen{addr: r.PrefSrc}, netip.Addr{}
	}
	src = w.sourceOf4(h.dev, h.Gateway, h.sourceScope(r.Scope), nil)
	if o, kept := w.sourceKept4(h, r.Scope); kept && !src.may(o) {
		if other = o; !o.IsValid() {
			other = netip.IPv4Unspecified()
		}
	}
	if h.object != 0 {
		if o := w.selectSource4(h.Link, h.Gateway, r.Scope, nil); !src.may(o.addr) {
			other = o.addr
		}
	}
	return src, other
}

// sourceKept4 is the source that the kernel may still keep with a next hop, because it
// chose it before route_localnet was set. The setting allows addresses of scope host.
// False: it is not set, or does not matter.
func (w *walk) sourceKept4(h *hop, scope route.Scope) (netip.Addr, bool) {
	if h.dev == nil || scope != route.ScopeLink || !w.confOr(h.dev, settingRouteLocalnet) {
		return netip.Addr{}, false
	}
	before := *h.dev
	before.addrs4 = slices.DeleteFunc(slices.Clone(h.dev.addrs4), func(a *route.Addr) bool { return a.Scope > route.ScopeLink })
	if a := w.fromDevice4(&before, h.Gateway, scope, nil); a != nil {
		return a.Prefix.Addr(), true
	}
	return w.fib.lent4(h.Link, scope, nil).addr, true
}

// sourceScope is the scope by which a source is chosen for a next hop: the
// route's, or for an object one more than its own (nh_create_ipv4).
func (h *hop) sourceScope(s route.Scope) route.Scope {
	switch {
	case h.object == 0:
		return s
	case h.Gateway.IsValid():
		return route.ScopeLink - 1
	}
	return route.ScopeLink
}

// selectSource4 chooses an address of a device for reaching a gateway, or,
// without one, anything on the link, by a route of a scope (inet_select_addr
// in net/ipv4/devinet.c). With a trial it records what was considered.
func (w *walk) selectSource4(link int, gateway netip.Addr, scope route.Scope, trial *SourceTrial) chosen {
	return w.sourceOf4(w.fib.byIndex[link], gateway, scope, trial)
}

// sourceOf4 is selectSource4 for a device; without one there is no source.
func (w *walk) sourceOf4(dev *device, gateway netip.Addr, scope route.Scope, trial *SourceTrial) chosen {
	if dev == nil {
		return chosen{}
	}
	if a := w.fromDevice4(dev, gateway, scope, trial); a != nil {
		return chosen{addr: trial.take(a, gateway, dev.Index)}
	}
	return w.fib.lent4(dev.Index, scope, trial)
}

// lent4 is an address of another device, for a device that has none that fits. If
// addresses are known only from routes, the device may have one, and nothing is known.
func (f *FIB) lent4(link int, scope route.Scope, trial *SourceTrial) chosen {
	if f.snap.Assumes(route.FactAddrs, route.IPv4) {
		return trial.none()
	}
	vrf := f.vrf(link)
	if m := f.byIndex[vrf]; vrf != 0 {
		if a := firstOf4(m, scope); a != nil {
			return trial.takeOther([]lender{{m, a}})
		}
	}
	var room [2]lender
	all := room[:0]
	for _, d := range f.order4.devices {
		if d.vrf != vrf {
			continue
		}
		if a := firstOf4(d, scope); a != nil {
			if all = append(all, lender{d, a}); f.order4.known || d.Index == route.LoopbackIndex {
				break // no other is before it
			}
		}
	}
	if len(all) == 0 {
		return trial.none()
	}
	return trial.takeOther(f.order4.first(all))
}

// fromDevice4 is the device's own best address: the first whose subnet has the gateway or,
// without one, the first that the scope allows.
func (w *walk) fromDevice4(dev *device, gateway netip.Addr, scope route.Scope, trial *SourceTrial) *route.Addr {
	var first *route.Addr
	for _, a := range dev.addrs4 {
		switch {
		case a.Flags&route.AddrSecondary != 0:
			trial.reject(a, Reason{Code: CodeSrcSecondary})
		case min(a.Scope, route.ScopeHost) > scope && !w.stretches(dev, a.Scope, scope):
			trial.reject(a, Reason{CodeSrcScope, scope.String(), a.Scope.String()})
		case !gateway.IsValid() || subnet(a).Contains(gateway):
			return a
		default:
			trial.reject(a, Reason{Code: CodeSrcNotSubnet, Want: gateway})
			if first == nil {
				first = a
			}
		}
	}
	return first
}

// stretches reports whether an address of scope host may serve a route of scope
// link, as it may with route_localnet.
func (w *walk) stretches(dev *device, addr, scope route.Scope) bool {
	return addr > route.ScopeLink && scope == route.ScopeLink && w.confOr(dev, settingRouteLocalnet)
}

// firstOf4 is the first address of a device that may serve others
// (in_dev_select_addr).
func firstOf4(d *device, scope route.Scope) *route.Addr {
	for _, a := range d.addrs4 {
		if a.Flags&route.AddrSecondary == 0 && a.Scope != route.ScopeLink && a.Scope <= scope {
			return a
		}
	}
	return nil
}

// subnet is the network of an address as the kernel sees it: the peer's, if there is one
// (inet_ifa_match compares with ifa_address).
func subnet(a *route.Addr) netip.Prefix {
	if a.Peer.IsValid() {
		return a.Peer.Masked()
	}
	return a.Prefix.Masked()
}

// trySource4 records how the source of the first next hop was chosen.
func (w *walk) trySource4(link int, gateway netip.Addr, scope route.Scope) {
	if w.trace == nil {
		return
	}
	t := &w.trace.Source
	if w.flow.Src.IsValid() {
		*t = SourceTrial{Addr: w.flow.Src, Reason: Reason{Code: CodeSrcGiven}, Link: w.fib.owner4(w.flow.Src)}
		return
	}
	if src := w.selectSource4(link, gateway, scope, t); src.certain() {
		t.Addr = src.addr
	}
}

// none records that there is no source.
func (t *SourceTrial) none() chosen {
	if t != nil {
		t.Reason = Reason{Code: CodeSrcNone}
	}
	return chosen{}
}

// reject records an address that is not taken. A nil trial records nothing.
func (t *SourceTrial) reject(a *route.Addr, why Reason) {
	if t != nil {
		t.Candidates = append(t.Candidates, SourceCandidate{*a, VerdictLoses, why})
	}
}

// take records the address that is taken from the output device.
func (t *SourceTrial) take(a *route.Addr, gateway netip.Addr, link int) netip.Addr {
	if t == nil {
		return a.Prefix.Addr()
	}
	t.Link = link
	t.Reason = Reason{Code: CodeSrcFirst}
	if gateway.IsValid() && subnet(a).Contains(gateway) {
		t.Reason = Reason{CodeSrcGateway, gateway, subnet(a)}
	}
	for i := range t.Candidates { // it may be there as the second best
		if t.Candidates[i].Addr == *a {
			t.Candidates = slices.Delete(t.Candidates, i, i+1)
			break
		}
	}
	t.Candidates = append(t.Candidates, SourceCandidate{*a, VerdictChosen, t.Reason})
	return a.Prefix.Addr()
}

// takeOther records the address that another device lends, or those of all devices
// that may be the one.
func (t *SourceTrial) takeOther(all []lender) chosen {
	c := lent(all)
	if t == nil {
		return c
	}
	if !c.certain() {
		t.unordered(all)
		return c
	}
	a, d := all[0].addr, all[0].dev
	t.Link = d.Index
	t.Reason = Reason{Code: CodeSrcOther, Have: d.Name}
	t.Candidates = append(t.Candidates, SourceCandidate{*a, VerdictChosen, t.Reason})
	return c
}

// unordered records the addresses of devices of which it is not known which came first.
func (t *SourceTrial) unordered(all []lender) {
	t.Link, t.Reason = 0, Reason{Code: CodeSrcUnordered}
	for i := range all {
		t.Candidates = append(t.Candidates, SourceCandidate{*all[i].addr, VerdictPossible, t.Reason})
	}
}
