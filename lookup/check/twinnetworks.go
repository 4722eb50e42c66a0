package check

import (
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
)

// networkTwice finds networks on two devices, because the kernel uses the first device
// for all packets. If there are different metrics, source rules or a second device
// without a cable, this is intended and not reported.
func networkTwice(h *Host) []Finding {
	type key struct {
		table  route.Table
		dst    netip.Prefix
		metric uint32
	}
	first := map[key]network{}
	var out []Finding
	for _, n := range h.networks() {
		k := key{n.route.Table, n.route.Dst, n.route.Metric}
		o, twice := first[k]
		if !twice {
			first[k] = n
			continue
		}
		if o.link == n.link || !n.link.Carrier() || h.answersFrom(n) || h.setApart(o, n) {
			continue
		}
		r := *o.route
		out = append(out, Finding{
			Note:   lookup.Note{Reason: lookup.Reason{Code: CodeTwinNetwork, Want: n.link.Name, Have: o.link.Name}, Route: &r, Table: r.Table},
			Routes: []route.Route{*n.route},
		})
	}
	out = append(out, h.networkBehind()...)
	return out[:min(len(out), maxAlike)]
}

// networkBehind finds networks on two devices with different metrics, of which the second
// has a neighbour that does not answer on the first. Usually both are the same network.
func (h *Host) networkBehind() []Finding {
	type key struct {
		table route.Table
		dst   netip.Prefix
	}
	first := map[key]network{}
	var out []Finding
	for _, n := range h.networks() {
		k := key{n.route.Table, n.route.Dst}
		o, twice := first[k]
		if !twice {
			first[k] = n
			continue
		}
		if o.link == n.link || o.route.Metric == n.route.Metric || !n.link.Carrier() || h.answersFrom(n) || h.setApart(o, n) {
			continue
		}
		if a := h.onlyOn(n, o); a.IsValid() {
			r := *o.route
			out = append(out, Finding{
				Note:   lookup.Note{Reason: lookup.Reason{Code: CodeTwinBehind, Want: a, Have: n.link.Name}, Route: &r, Table: r.Table},
				Routes: []route.Route{*n.route},
			})
		}
	}
	return out
}

// onlyOn is a neighbour that answers on one device of a network and does not on the other;
// the zero Addr: none is known.
func (h *Host) onlyOn(n, not network) netip.Addr {
	for i := range h.snap.Neighbours {
		x := &h.snap.Neighbours[i]
		if x.Link != n.link.Index || !n.route.Dst.Contains(x.Addr) || x.State&(route.NeighbourReachable|route.NeighbourPermanent) == 0 {
			continue
		}
		if state, known := h.fib.Neighbour(not.link.Index, x.Addr); known && state == route.NeighbourFailed {
			return x.Addr
		}
	}
	return netip.Addr{}
}

// setApart reports whether two devices are point-to-point, or one of them does not take
// packets of its own.
func (h *Host) setApart(a, b network) bool {
	return a.link.Flags&b.link.Flags&route.LinkPointopoint != 0 || h.snap.MasterOf(a.link) != nil || h.snap.MasterOf(b.link) != nil // RW053 reports ports
}

// answersFrom reports whether packets from a device's own address in a network leave by that
// device. A rule for the address can do this.
func (h *Host) answersFrom(n network) bool {
	own := h.has(n.link.Index, n.route.Dst)
	for _, a := range own {
		d := h.lookup(route.Flow{Dst: h.neighbourIn(n.route.Dst), Src: a})
		if len(d.NextHops) != 1 || d.NextHops[0].Link != n.link.Index {
			return false
		}
	}
	return len(own) > 0
}
