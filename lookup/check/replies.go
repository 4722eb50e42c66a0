package check

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// What is found about both ways of packets, and about what is forwarded.
const (
	CodeMarkStrict    lookup.Code = "strict-without-mark" // the answers to marked packets are dropped; Have: the device, Want: the device that the filter expects, Rule
	CodeStrictReplies lookup.Code = "strict-uplink"       // what comes in by an uplink for its own address is dropped; Have: the device, Want: the address
	CodeNotForwarding lookup.Code = "forwards-nothing"    // routes or rules are for packets that this host does not forward; Have: the device, Route or Rule
	CodePodsCut       lookup.Code = "pods-cut"            // devices of containers, and forwarding is off; Have: the first device, Want: how many
	CodeOtherWay      lookup.Code = "other-way"           // packets from an address leave by another device; Have: the address, Want: that device, Route: the default route of its own
	CodeOtherWayDrops lookup.Code = "other-way-strict"    // the same, and the device's strict reverse-path filter drops what comes in; the same operands
	CodeVRFLeft       lookup.Code = "vrf-open"            // packets of a VRF leave it by other tables; Have: the VRF, Route, Table
)

// strict reports whether a device's reverse-path filter is strict, and whether the
// filter looks sources up with the packet's mark.
func (h *Host) strict(link int) (filter, marked bool) {
	name := h.snap.LinkName(link)
	value := func(dev, key string) int { n, _ := h.snap.Sysctls.Conf(route.IPv4, dev, key); return n }
	filter = max(value("all", "rp_filter"), value(name, "rp_filter")) == 1
	return filter, value("all", "src_valid_mark") != 0 || value(name, "src_valid_mark") != 0
}

// markStrict finds marks that lead packets out by a device whose strict reverse-path filter
// drops the answers. The filter looks the source up without the mark, and finds another
// device.
func markStrict(h *Host) []Finding {
	var out []Finding
	if len(h.families(route.FactRules, route.FactSysctls, route.FactRoutes)) == 0 || h.unread(route.FactSysctls, route.IPv4) {
		return nil
	}
	far := h.far(route.IPv4)
	tried := map[uint32]bool{0: true}
	for _, r := range h.rules(route.IPv4) {
		mark := r.Selector.Mark
		if r.Selector.MarkMask == 0 || tried[mark] {
			continue
		}
		tried[mark] = true
		if f, ok := h.answerDropped(r, far); ok && !slices.ContainsFunc(out, func(o Finding) bool { return o.Have == f.Have }) {
			out = append(out, f)
		}
	}
	return out
}

func (h *Host) answerDropped(r *route.Rule, far netip.Addr) (Finding, bool) {
	marked := h.lookup(route.Flow{Dst: far, Mark: r.Selector.Mark})
	plain := h.lookup(route.Flow{Dst: far})
	if marked.Disposition != lookup.DispositionUnicast || plain.Disposition != lookup.DispositionUnicast ||
		len(marked.NextHops) != 1 || len(plain.NextHops) != 1 || !marked.Src.IsValid() {
		return Finding{}, false
	}
	out, other := marked.NextHops[0].Link, plain.NextHops[0].Link
	if filter, byMark := h.strict(out); out == other || !filter || byMark {
		return Finding{}, false
	}
	d := h.lookup(route.Flow{Dst: marked.Src, Src: far, In: out})
	if d.Shortcut != lookup.ShortcutReversePath {
		return Finding{}, false
	}
	return Finding{
		Note:   lookup.Note{Reason: lookup.Reason{Code: CodeMarkStrict, Want: h.snap.LinkName(other), Have: h.snap.LinkName(out)}, Rule: r},
		Routes: []route.Route{marked.Route, plain.Route},
		Links:  []int{out, other},
	}, true
}

// strictReplies finds uplinks with two properties: there is a default route for packets
// from the uplink's own address, and its strict filter drops packets from other networks
// to that address.
func strictReplies(h *Host) []Finding {
	var out []Finding
	if h.unread(route.FactSysctls, route.IPv4) || len(h.families(route.FactRules, route.FactAddrs, route.FactRoutes)) == 0 {
		return nil
	}
	far := h.far(route.IPv4)
	seen := map[int]bool{}
	for _, s := range h.defaults(route.IPv4) {
		bySource := func(sel route.Selector) bool { return sel == route.Selector{Src: sel.Src} }
		if !s.Used() || s.Route.Type != route.TypeUnicast || !slices.ContainsFunc(s.If, bySource) && len(s.If) > 0 {
			continue // RW041 reports those for a mark
		}
		for _, hop := range h.hops(&s.Route) {
			filter, _ := h.strict(hop.Link)
			if seen[hop.Link] || !filter || !h.fib.HasNeighbours(hop.Link) {
				continue
			}
			seen[hop.Link] = true
			for _, i := range h.addrsOf()[hop.Link] {
				a := h.snap.Addrs[i].Prefix.Addr()
				if !a.Is4() || h.snap.Addrs[i].Scope != route.ScopeGlobal {
					continue
				}
				if d := h.lookup(route.Flow{Dst: a, Src: far, In: hop.Link}); d.Shortcut == lookup.ShortcutReversePath {
					r := s.Route
					out = append(out, Finding{
						Note:  lookup.Note{Reason: lookup.Reason{Code: CodeStrictReplies, Want: a, Have: h.snap.LinkName(hop.Link)}, Route: &r, Table: r.Table},
						Links: []int{hop.Link},
					})
					break
				}
			}
		}
	}
	return out[:min(len(out), maxAlike)]
}

// notForwarding finds rules and routes that are for other hosts' packets, on a host that
// does not forward.
func notForwarding(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactSysctls, route.FactRoutes, route.FactRules) {
		yes, known := h.forwards(fam)
		if yes && fam == route.IPv4 {
			out = append(out, h.deviceNotForwarding()...)
		}
		if yes || !known {
			continue
		}
		if pods := h.pods(fam); len(pods) > 0 {
			r := pods[0]
			f := Finding{
				Note:   lookup.Note{Reason: lookup.Reason{Code: CodePodsCut, Want: len(pods), Have: h.snap.LinkName(r.NextHops[0].Link)}, Route: &r, Table: r.Table},
				Routes: pods[:min(len(pods), maxFirst)],
				Count:  len(pods),
			}
			out = append(out, f)
			continue
		}
		if bridge := h.containers(fam); bridge != nil {
			out = append(out, Finding{
				Note:  lookup.Note{Reason: lookup.Reason{Code: CodePodsCut, Want: 1, Have: bridge.Name}, Table: route.TableMain},
				Links: []int{bridge.Index},
			})
			continue
		}
		for _, s := range h.defaults(fam) {
			received := func(r *route.Rule) bool { return r.Selector.In != "" && r.Selector.In != "lo" }
			if s.Reason.Code == lookup.CodeForwardingOff && slices.ContainsFunc(s.Rules, received) {
				r := s.Route
				f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeNotForwarding, Have: s.Reason.Have}, Route: &r, Table: r.Table}}
				f.Rules = append(f.Rules, s.Rules...)
				out = append(out, f)
				break
			}
		}
	}
	return out
}

// pods are routes to single addresses that are not gateways, on devices that have no address
// of their own. Network plug-ins of Kubernetes make such routes for containers.
func (h *Host) pods(fam route.Family) []route.Route {
	var out []route.Route
	for i := range h.near {
		r := &h.near[i]
		if r.Family() != fam || r.Type != route.TypeUnicast || !r.Dst.IsSingleIP() || len(r.NextHops) != 1 || r.NextHops[0].Gateway.IsValid() || r.Table != route.TableMain ||
			r.Dst.Addr().IsLinkLocalUnicast() || r.Dst.Addr().IsMulticast() {
			continue
		}
		l := h.snap.Link(r.NextHops[0].Link)
		if l == nil || l.Kind != "veth" || l.Master != 0 || h.isGateway(r.Dst.Addr()) || h.global(l.Index) {
			continue
		}
		out = append(out, *r)
	}
	return out
}

// global reports whether a device has an address that is valid beyond its link.
func (h *Host) global(link int) bool {
	return slices.ContainsFunc(h.addrsOf()[link], func(i int) bool { return !h.snap.Addrs[i].Prefix.Addr().IsLinkLocalUnicast() })
}

// containers is a bridge with ports and an address that a container engine made, judged by
// its name; nil: there is none.
func (h *Host) containers(fam route.Family) *route.Link {
	for i := range h.snap.Links {
		if l := &h.snap.Links[i]; fam == route.IPv4 && h.holdsContainers(l) {
			return l
		}
	}
	return nil
}

func (h *Host) holdsContainers(l *route.Link) bool {
	return l.Kind == "bridge" && l.Carrier() && containerBridge(l.Name) && h.hasPort(l.Index) &&
		slices.ContainsFunc(h.addrsOf()[l.Index], func(i int) bool { return h.snap.Addrs[i].Prefix.Addr().Is4() })
}

func (h *Host) hasPort(bridge int) bool {
	return slices.ContainsFunc(h.snap.Links, func(l route.Link) bool { return l.Master == bridge })
}

// containerBridge reports whether a bridge has a name like those that Docker, podman or a
// plug-in of Kubernetes give.
func containerBridge(name string) bool {
	for _, known := range []string{"docker0", "cni0", "podman0", "kube-bridge", "cbr0"} {
		if name == known {
			return true
		}
	}
	if len(name) != len("br-")+12 || name[:3] != "br-" {
		return false
	}
	for _, c := range name[3:] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// vrfOpen finds VRFs whose packets find nothing in the VRF's table and take the default
// route of another table.
func vrfOpen(h *Host) []Finding {
	var out []Finding
	for i := range h.snap.Links {
		l := &h.snap.Links[i]
		if l.Kind != kindVRF || !l.Up() {
			continue
		}
		for _, fam := range h.families(factTables, route.FactRules) {
			if h.empty(fam, l.VRFTable) {
				continue
			}
			flow := route.Flow{Dst: h.far(fam), Out: l.Index}
			if d := h.lookup(flow); d.Disposition != lookup.DispositionUnicast || !d.HasRoute || d.Route.Table == l.VRFTable {
				continue
			}
			t := h.explain(flow)
			for _, n := range h.fib.Notes(t) {
				if n.Code == lookup.NoteVRFLeft && t.Decision.Disposition == lookup.DispositionUnicast {
					n.Code = CodeVRFLeft
					out = append(out, Finding{Note: n, Links: []int{l.Index}})
				}
			}
		}
	}
	return out[:min(len(out), maxAlike)]
}

// otherWay finds addresses from which packets to other networks leave by another device,
// although the address's own device has a default route. There are three exceptions. If DHCP or a
// router gave both default routes, the second one is intended as a reserve. If marks or
// receiving devices lead to the device, they are intended to keep connections on it. If only
// packets to some destinations are led to it, other networks are not reached by it.
func otherWay(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(factTables, route.FactRules, route.FactAddrs) {
		far := h.far(fam)
		seen := map[int]bool{}
		for _, s := range h.defaults(fam) {
			p := s.Route.Protocol
			if s.Route.Type != route.TypeUnicast || p == route.ProtocolDHCP || p == route.ProtocolRA || s.Status == lookup.StatusUnreached || s.Tied > 0 || !forSources(&s) {
				continue
			}
			for _, hop := range h.hops(&s.Route) {
				if l := h.snap.Link(hop.Link); l == nil || !l.Carrier() || h.inVRF(l) { // nothing comes in by it, or only for its VRF
					continue
				}
				if seen[hop.Link] || !hop.Gateway.IsValid() || !h.fib.HasNeighbours(hop.Link) || h.ledByOthers(fam, hop.Link) {
					continue
				}
				seen[hop.Link] = true
				if f, ok := h.leavesOtherwise(&s.Route, hop.Link, far); ok {
					r := s.Route
					f.Note.Route, f.Table = &r, r.Table
					out = append(out, f)
				}
			}
		}
	}
	return out[:min(len(out), maxAlike)]
}

// forSources reports whether an entry is for all packets, or for those from some sources. One
// for some destinations, users or ports is no uplink for the answers to what comes in.
func forSources(s *lookup.EntryStatus) bool {
	bySource := func(sel route.Selector) bool { return sel == route.Selector{Not: sel.Not, Src: sel.Src} }
	return len(s.If) == 0 || slices.ContainsFunc(s.If, bySource)
}

// leavesOtherwise finds the first address of a device from which packets to another network
// leave by another device. It ignores packets that take the device's own default route, which
// has several next hops.
func (h *Host) leavesOtherwise(own *route.Route, link int, far netip.Addr) (Finding, bool) {
	fam := own.Family()
	for _, i := range h.addrsOf()[link] {
		a := h.snap.Addrs[i].Prefix.Addr()
		if route.FamilyOf(a) != fam || h.snap.Addrs[i].Scope != route.ScopeGlobal {
			continue
		}
		d := h.lookup(route.Flow{Dst: far, Src: a})
		other := func(w lookup.NextHop) bool { return w.Link != link }
		if d.Disposition == lookup.DispositionUnicast && len(d.NextHops) > 0 && !same(&d.Route, own) && !slices.ContainsFunc(d.NextHops, func(w lookup.NextHop) bool { return !other(w) }) {
			by := d.NextHops[0].Link
			if !h.fib.HasNeighbours(by) {
				return Finding{}, false // this is a VPN for all packets
			}
			code := CodeOtherWay
			if d := h.lookup(route.Flow{Dst: a, Src: far, In: link}); d.Shortcut == lookup.ShortcutReversePath {
				code = CodeOtherWayDrops
			}
			return Finding{
				Note:  lookup.Note{Reason: lookup.Reason{Code: code, Want: h.snap.LinkName(by), Have: a}},
				Links: []int{link, by},
			}, true
		}
	}
	return Finding{}, false
}

// ledByOthers reports whether a rule for marks, or for packets that come in by a device, leads
// out by the given device.
func (h *Host) ledByOthers(fam route.Family, link int) bool {
	return slices.ContainsFunc(h.defaults(fam), func(s lookup.EntryStatus) bool {
		by := slices.ContainsFunc(s.Rules, func(r *route.Rule) bool { return r.Selector.MarkMask != 0 || r.Selector.In != "" || r.Selector.L3Mdev })
		return by && slices.ContainsFunc(h.hops(&s.Route), func(x route.NextHop) bool { return x.Link == link })
	})
}
