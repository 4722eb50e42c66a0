package lookup

import (
	"net/netip"

	"routewhy/route"
)

// nextHops4 works out every next hop that the kernel may take for a found route
// (fib_select_path in net/ipv4/fib_semantics.c), and the source for each.
func (w *walk) nextHops4(d *Decision, res *result) {
	hops, shares := w.choose4(d, res)
	w.mem.ways = w.mem.ways[:0]
	for i, n := range hops {
		e, h := n.entry, n.hop
		way := NextHop{Link: h.Link, Via: h.NextHop, Object: h.object, Share: shares[i], Stale: n.stale}
		way.Gateway = h.gateway4()
		way.Src = w.flow.Src
		switch {
		case way.Src.IsValid():
		case w.leaks4(h):
			way.setSource(w.selectSource4(w.vrf, netip.Addr{}, route.ScopeLink, nil))
		default:
			if e.hidesSource() {
				break
			}
			src, other := w.source4(&e.route, h)
			way.setSource(src)
			way.OtherSrc = other
		}
		w.mem.ways = append(w.mem.ways, way)
	}
	d.NextHops = w.mem.ways
	if w.trace == nil || len(hops) == 0 {
		return
	}
	if w.leaks4(hops[0].hop) {
		w.trySource4(w.vrf, netip.Addr{}, route.ScopeLink)
		if t := &w.trace.Source; t.Addr.IsValid() && !w.flow.Src.IsValid() {
			t.Reason = Reason{Code: CodeSrcVRF, Have: w.fib.snap.LinkName(w.vrf)}
		}
		return
	}
	if hops[0].entry.hidesSource() && !w.flow.Src.IsValid() {
		w.trace.Source = SourceTrial{Reason: Reason{Code: CodeSrcUnread}}
		return
	}
	if p := hops[0].entry.route.PrefSrc; p.IsValid() && !w.flow.Src.IsValid() {
		w.trace.Source = SourceTrial{Addr: p, Reason: Reason{Code: CodeSrcPrefsrc}, Link: w.fib.owner4(p)}
		return
	}
	w.trySource4(hops[0].hop.Link, hops[0].hop.Gateway, hops[0].hop.sourceScope(hops[0].entry.route.Scope))
}

func (w *NextHop) setSource(c chosen) { w.Src, w.SrcOneOf = c.addr, c.oneOf }

// leaks4 reports whether a packet of a VRF leaves it by a next hop. Its source then
// is the VRF's own, whatever the route prescribes (fib_select_path).
func (w *walk) leaks4(h *hop) bool { return w.vrf != 0 && w.fib.vrf(h.Link) != w.vrf }

// choice is a next hop that the kernel may take.
type choice struct {
	entry *entry
	hop   *hop
	stale bool
}

// choose4 gives the next hops that the kernel may take, and what part of the
// flows takes each.
func (w *walk) choose4(d *Decision, res *result) ([]choice, []float64) {
	e := res.entry
	provisional := choice{e, &e.hops[res.hop], false}
	switch {
	case w.flow.Out != 0:
		return w.mem.choice(provisional)
	case len(e.hops) > 1 && e.bucket:
		d.Ambiguous = Reason{Code: CodeResilient}
		return w.mem.every(e), w.mem.byWeight(e)
	case len(e.hops) > 1:
		return w.multipath4(d, res, provisional)
	case res.dst.Bits() == 0 && e.route.Type == route.TypeUnicast && w.flow.In == 0 && w.countDefaults(e) > 1:
		ties := w.defaults4(d, res)
		w.mem.shares = cleared(w.mem.shares, len(ties))
		if len(ties) == 1 {
			w.mem.shares[0] = 1
		}
		return ties, w.mem.shares
	}
	return w.mem.choice(provisional)
}

func (w *walk) countDefaults(e *entry) int {
	return w.fib.v4.tables[e.route.Table].defaults
}

// multipath4 works out the members that a hash may choose
// (fib_select_multipath, nexthop_select_path_hthr).
func (w *walk) multipath4(d *Decision, res *result, provisional choice) ([]choice, []float64) {
	e := res.entry
	in, weight := w.members4(e)
	if !e.group && w.flow.In == 0 && w.flow.Src.IsValid() && w.fib.kernel.sourcePicksLeg {
		w.preferSource(e, in)
	}
	choices, shares := w.mem.spread(e, in, weight)
	if len(choices) == 0 {
		// All bad: a group falls back on its first member, a route on the first
		// that the table look-up found usable.
		if e.group {
			provisional = choice{e, &e.hops[0], false}
		}
		return w.mem.choice(provisional)
	}
	if len(choices) > 1 {
		d.Ambiguous = Reason{Code: CodeMultipath}
	}
	return choices, shares
}

// membership says how a hash treats a member.
type membership uint8

const (
	memberOut   membership = iota // never chosen
	memberIn                      // chosen
	memberStale                   // not to be chosen, but perhaps still in the kernel's bounds
)

// members4 says of each next hop whether the hash may choose it, and its
// weight in the hash's bounds; zero: it has none.
func (w *walk) members4(e *entry) ([]membership, []int) {
	in, weight := w.mem.members(len(e.hops))
	useNeigh := w.multipathUseNeigh()
	for i := range e.hops {
		h := &e.hops[i]
		good := w.fib.goodNeighbour(h)
		dead := h.Flags&route.NextHopDead != 0
		switch {
		case e.group:
			weight[i] = max(1, h.Weight)
			if good {
				in[i] = memberIn
			}
		case dead && h.Flags&route.NextHopLinkDown != 0 && (!useNeigh || good):
			in[i] = memberStale
		case dead:
		case useNeigh && !good:
			weight[i] = max(1, h.Weight)
		default:
			in[i], weight[i] = memberIn, max(1, h.Weight)
		}
	}
	return in, weight
}

// goodNeighbour reports whether a next hop's gateway is not known to be
// unreachable (fib_good_nh, ipv4_good_nh).
func (f *FIB) goodNeighbour(h *hop) bool {
	if !h.Gateway.IsValid() {
		return true
	}
	state, known := f.neighbours[f.neighbourKey(h.Link, h.Gateway)]
	return !known || state.Valid()
}

// preferSource leaves only the members that would give the packet the source that it
// has, if there are any.
func (w *walk) preferSource(e *entry, in []membership) {
	source := func(i int) chosen {
		return w.selectSource4(e.hops[i].Link, e.hops[i].Gateway, e.route.Scope, nil)
	}
	any := false
	for i := range in {
		if in[i] == memberIn && !any {
			src := source(i)
			any = src.certain() && src.addr == w.flow.Src
		}
	}
	if !any { // where it is not certain that one has it, the hash chooses
		return
	}
	for i := range in {
		if in[i] == memberOut {
			continue
		}
		if src := source(i); !src.may(w.flow.Src) {
			in[i] = memberOut
		}
	}
}

// spread gives the members that may be chosen, each with its part of the hash's range:
// its own part, and the parts of the members before it that are never chosen. What
// follows the last one goes to the first.
func (m *memory) spread(e *entry, in []membership, weight []int) ([]choice, []float64) {
	choices, shares := m.choices[:0], m.shares[:0]
	total, carried := 0, 0
	first := -1
	for i := range e.hops {
		total += weight[i]
		if in[i] == memberOut {
			carried += weight[i]
			continue
		}
		choices = append(choices, choice{e, &e.hops[i], in[i] == memberStale})
		if in[i] == memberStale {
			shares = append(shares, 0)
			continue
		}
		if first < 0 {
			first = len(choices) - 1
		}
		shares = append(shares, float64(weight[i]+carried))
		carried = 0
	}
	if first < 0 {
		return nil, nil
	}
	shares[first] += float64(carried)
	for i := range shares {
		shares[i] /= float64(total)
	}
	m.choices, m.shares = choices, shares
	return choices, shares
}

// gateway4 is the gateway that the kernel really uses. A gateway that is the device's own
// address has scope host, and the packet goes straight to the device (fib_check_nh,
// rt_set_nexthop). The kernel decides that when the route is added, and does not show
// what it decided: see [CodeGatewayDirect].
func (h *hop) gateway4() netip.Addr {
	if h.direct {
		return netip.Addr{}
	}
	return h.Gateway
}
