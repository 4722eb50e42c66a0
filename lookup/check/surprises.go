package check

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// What is found about settings and states that surprise.
const (
	CodeLoopbackOpen lookup.Code = "loopback-routed"   // neighbours may reach 127.0.0.0/8; Have: the device
	CodeBroadcasts   lookup.Code = "broadcasts-routed" // broadcasts to a device's network are forwarded; Have: the device
	CodeRedirectedTo lookup.Code = "redirect-learnt"   // packets go to another gateway than their route has; Have: the gateway, Want: the destination
	CodeParentBarred lookup.Code = "macvlan-parent"    // packets of a macvlan's VRF do not get to the addresses of its parent; Have: the macvlan, Want: an address
)

// conf reports whether a setting of IPv4 is on for a device, or for all.
func (h *Host) conf(dev, key string) bool {
	n, _ := h.snap.Sysctls.Conf(route.IPv4, dev, key)
	return n != 0
}

// loopbackOpen finds devices with neighbours where packets to 127.0.0.0/8 are let in and out
// on a host that does not forward. Hosts that forward may need it for published ports.
func loopbackOpen(h *Host) []Finding {
	if yes, known := h.forwards(route.IPv4); yes || !known {
		return nil
	}
	return h.settingFindings(CodeLoopbackOpen, func(l *route.Link) bool {
		return h.conf("all", "route_localnet") || h.conf(l.Name, "route_localnet")
	})
}

// broadcastsForwarded finds devices that get the directed broadcasts of other networks. The
// setting has to be on for all devices and for the one on which the broadcast comes in.
func broadcastsForwarded(h *Host) []Finding {
	if yes, known := h.forwards(route.IPv4); !yes || !known || !h.conf("all", "bc_forwarding") {
		return nil
	}
	return h.settingFindings(CodeBroadcasts, func(l *route.Link) bool { return h.conf(l.Name, "bc_forwarding") })
}

// settingFindings are the devices with neighbours and an IPv4 address for which a setting is
// on, as one finding.
func (h *Host) settingFindings(code lookup.Code, on func(*route.Link) bool) []Finding {
	var links []int
	for i := range h.snap.Links {
		l := &h.snap.Links[i]
		if !l.Up() || l.Flags&route.LinkLoopback != 0 || !h.fib.HasNeighbours(l.Index) || !on(l) ||
			!slices.ContainsFunc(h.addrsOf()[l.Index], func(i int) bool { return h.snap.Addrs[i].Prefix.Addr().Is4() }) {
			continue
		}
		links = append(links, l.Index)
	}
	if len(links) == 0 {
		return nil
	}
	return []Finding{{
		Note:  lookup.Note{Reason: lookup.Reason{Code: code, Have: h.snap.LinkName(links[0])}},
		Links: links[:min(len(links), maxEvidence)], Count: len(links),
	}}
}

// redirected finds destinations for which the kernel has learnt another gateway: the first
// one of each gateway, and how many there are.
func redirected(h *Host) []Finding {
	var out []Finding
	for _, fam := range h.families(route.FactRedirects) {
		for i := range h.snap.Learnt {
			r := &h.snap.Learnt[i]
			if route.FamilyOf(r.Dst) != fam {
				continue
			}
			if j := slices.IndexFunc(out, func(f Finding) bool { return f.Have == r.Gateway }); j >= 0 {
				out[j].Count++
				continue
			}
			f := Finding{Note: lookup.Note{Reason: lookup.Reason{Code: CodeRedirectedTo, Want: r.Dst, Have: r.Gateway}}, Links: []int{r.Link}}
			if d := h.lookup(route.Flow{Dst: r.Dst}); d.HasRoute {
				f.Note.Route = &d.Route
			}
			out = append(out, f)
		}
	}
	return out[:min(len(out), maxAlike)]
}

// parentBarred finds macvlans that are in another VRF than the device below them. Their
// packets to the addresses of that device leave by it, and it does not take them in again.
func parentBarred(h *Host) []Finding {
	var out []Finding
	for i := range h.snap.Links {
		l := &h.snap.Links[i]
		parent := h.snap.Link(l.Peer)
		if l.Kind != "macvlan" && l.Kind != "ipvlan" || l.PeerNetNS >= 0 || parent == nil || !l.Up() || h.vrfOf(l) == h.vrfOf(parent) {
			continue
		}
		for _, j := range h.addrsOf()[parent.Index] {
			a := h.snap.Addrs[j].Prefix.Addr()
			if a.IsLinkLocalUnicast() || a.IsLoopback() {
				continue
			}
			d := h.lookup(route.Flow{Dst: a, Out: l.Index})
			if d.Disposition == lookup.DispositionUnicast && len(d.NextHops) == 1 && d.NextHops[0].Link == l.Index && !d.NextHops[0].Gateway.IsValid() {
				out = append(out, Finding{
					Note:  lookup.Note{Reason: lookup.Reason{Code: CodeParentBarred, Want: a, Have: l.Name}},
					Links: []int{l.Index, parent.Index},
				})
				break
			}
		}
	}
	return out[:min(len(out), maxAlike)]
}
