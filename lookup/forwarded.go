package lookup

import (
	"net/netip"

	"routewhy/route"
)

// packets are packets that a selector matches, as far as that is in their power: one
// that this host sends, where it can, and one that it forwards, where the selector
// asks for a source that is not this host's alone.
func (f *prober) packets(sel *route.Selector, flow route.Flow, e *entry) []route.Flow {
	sent := f.flowFor(sel, flow)
	fam := sent.Family()
	if sel.Not || !sel.Src.IsValid() || sel.Src.Bits() == 0 || sent.In != 0 || sent.Out != 0 || sel.In == "lo" || !f.knowsAddrs(fam) {
		return []route.Flow{sent}
	}
	got := sent
	got.Src = f.strangerIn(sel.Src)
	if got.In = f.entrance(got.Src, e); got.In == 0 {
		return []route.Flow{sent}
	}
	if fam == route.IPv4 && f.owner(sent.Src) == 0 {
		return []route.Flow{got} // it cannot send that
	}
	if f.owner(got.Src) != 0 {
		return []route.Flow{sent}
	}
	return []route.Flow{sent, got}
}

// strangerIn is an address in a prefix that is not this host's, where there is one
// among the first few.
func (f *FIB) strangerIn(p netip.Prefix) netip.Addr {
	a := p.Addr()
	if !p.IsSingleIP() {
		a = a.Next() // the first is the network's
	}
	for range 4 {
		if next := a.Next(); f.owner(a) != 0 && p.Contains(next) {
			a = next
		}
	}
	return a
}

// entrance is the device on which packets from an address come in: that by which an
// answer leaves, else the first that an entry does not lead to. Zero: there is none.
func (f *prober) entrance(src netip.Addr, e *entry) int {
	t := f.sketch(route.Flow{Dst: src, UID: route.NoUID})
	if t == nil {
		return 0
	}
	back := &t.Decision
	if back.Disposition == DispositionUnicast && len(back.NextHops) > 0 && back.NextHops[0].Link != route.LoopbackIndex {
		return back.NextHops[0].Link
	}
	for _, d := range f.devices {
		if d.Index != route.LoopbackIndex && d.Up() && !e.leavesBy(d.Index) {
			return d.Index
		}
	}
	return 0
}

// leavesBy reports whether a next hop of an entry is on a device; one of a nil entry is
// on none.
func (e *entry) leavesBy(link int) bool {
	if e == nil {
		return false
	}
	for i := range e.hops {
		if e.hops[i].Link == link {
			return true
		}
	}
	return false
}

// notForwarded reports whether a packet is dropped because this host does not forward.
func (f *FIB) notForwarded(t *Trace) bool {
	return t.Decision.Shortcut == ShortcutNoForwarding || f.dropsForwarded6(t)
}
