package lookup

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/route"
)

// Symmetry reports whether a packet and its answer use the same device of this
// host. The empty value: there is no answer.
type Symmetry string

// The symmetries.
const (
	Symmetric        Symmetry = "symmetric"
	Asymmetric       Symmetry = "asymmetric"
	SymmetryDepends  Symmetry = "depends" // on the next hop, on the networks around, or on the look-up: see [Decision.Alternates]
	symmetryNoAnswer Symmetry = ""
)

// Reply is the way back: what becomes of the answer to a packet.
type Reply struct {
	// None says why there is no answer to ask about; the zero Reason: there is
	// one.
	None     Reason
	Symmetry Symmetry
	// Returns are the ways back, one for each device and source of the packet.
	Returns []Return
	// Strict is what a strict reverse-path filter would do with the packet itself. Nil: the
	// packet was not received, or the filter is strict, or, in IPv6, there is none.
	Strict *ReversePath
}

// Return is one way back.
type Return struct {
	// Link is the device that the packet itself takes, or was received by.
	Link int
	// In is the device by which the answer comes in; zero: this host sends it.
	In int
	// By says why it is that device.
	By Code
	// Share is the part of all packets that this is about, 0 to 1; zero where it
	// cannot be known.
	Share    float64
	Symmetry Symmetry
	// Trace is the decision about the answer.
	Trace *Trace
	// Strict is what a strict reverse-path filter would do with a received answer: see
	// [Reply].
	Strict *ReversePath
	// Unmarked is what becomes of the answer without the packet's mark, because marks do
	// not leave a host; nil: the same.
	Unmarked *Decision
}

// By which device an answer comes in, and why there is none.
const (
	CodeReplySame  Code = "same-device"  // the one that the packet left by
	CodeReplyOwner Code = "source-owner" // the one that has the packet's source; the packet left by another
	CodeReplyHere  Code = "sent-here"    // this host sends the answer
	// There is none:
	CodeReplyNotForwarded Code = "not-sent-on" // IPv6 drops the packet after its look-up
	CodeReplyRefused      Code = "refused"     // the packet gets nowhere
	CodeReplyUnknown      Code = "unknown"     // where the packet goes is unknown
	CodeReplyGroup        Code = "group"       // the packet is for a group: members answer from their own addresses
	CodeReplyNoSource     Code = "no-source"   // a packet without a source cannot be answered
)

// Reply works out the way back of the packet of a trace. The answer has the packet's
// addresses and ports exchanged, and its protocol, TOS and mark. It comes in by the device
// by which the packet left. If that device does not have the packet's source, the answer
// may also come in by the device that has it, because other networks send it there. This
// host answers packets that it receives and delivers. The answer to a packet that it
// forwards comes in by the device by which the packet left. Nobody translates addresses.
func (f *FIB) Reply(t *Trace) *Reply { return f.ReplyOf(t, nil) }

// Answerer is the socket that answers to a packet.
type Answerer struct {
	// Link is the device that it is bound to; zero: none.
	Link int
	// Mark is the one that it sets.
	Mark uint32
	// UID is its owner.
	UID uint32
	// Transparent says that it is a transparent one: see [route.Flow].
	Transparent bool
}

// ReplyOf is [FIB.Reply] for a socket of this host that takes the packet and answers; nil:
// the socket is not known.
func (f *FIB) ReplyOf(t *Trace, who *Answerer) *Reply {
	r := &Reply{}
	d := &t.Decision
	if t.Flow.In != 0 {
		r.Strict = f.strict(t)
	}
	switch {
	case d.Disposition == DispositionUnknown:
		r.None.Code = CodeReplyUnknown
	case d.Shortcut == ShortcutReversePath && d.HasRoute && d.Route.Type == route.TypeLocal:
		r.None.Code = CodeReplyRefused
		r.Returns = f.answered(t, who) // what it would be
	case !d.Disposition.Success():
		r.None.Code = CodeReplyRefused
	case len(d.Sources()) == 0 || !d.Sources()[0].IsValid() || d.Sources()[0].IsUnspecified():
		r.None.Code = CodeReplyNoSource
	case d.IsGroup() && t.Flow.In == 0:
		r.None.Code = CodeReplyGroup
	case f.Unforwarded6(&t.Flow, &t.Decision).Code != "":
		r.None.Code = CodeReplyNotForwarded
	case d.Disposition != DispositionUnicast:
		r.Returns = f.answered(t, who)
	default:
		r.Returns = f.returned(t)
	}
	if t.Flow.In == 0 && d.Alternates() {
		for i := range r.Returns {
			r.Returns[i].unsettle()
		}
	}
	r.Symmetry = common(r.Returns)
	return r
}

// Alternates reports whether each look-up may choose another of several devices, as
// among equal default routes: two look-ups of one socket may then end differently.
func (d *Decision) Alternates() bool {
	other := func(w NextHop) bool { return w.Link != d.NextHops[0].Link }
	return d.Ambiguous.Code == CodeDefaultsTie && slices.ContainsFunc(d.NextHops, other)
}

// unsettle takes back that both directions use the same device, if the next packet may
// leave by another one.
func (r *Return) unsettle() {
	if r.Symmetry == Symmetric {
		r.Symmetry = SymmetryDepends
	}
}

// common is the symmetry of all ways back together.
func common(all []Return) Symmetry {
	out := symmetryNoAnswer
	for i := range all {
		switch s := all[i].Symmetry; {
		case s == symmetryNoAnswer:
		case out == symmetryNoAnswer:
			out = s
		case out != s:
			out = SymmetryDepends
		}
	}
	return out
}

// IsGroup reports whether a packet goes to many hosts at once. Answers then come from
// other addresses than the one that it was sent to.
func (d *Decision) IsGroup() bool {
	return d.Disposition == DispositionBroadcast || d.Disposition == DispositionMulticast
}

// Unforwarded6 says why a received IPv6 packet is dropped although the look-up found a route:
// [NoteNotForwarded] or [NoteStaysOnLink]. The kernel asks whether it may forward only after
// the look-up (ip6_forward in net/ipv6/ip6_output.c). The zero Reason: it is not dropped, or
// it is no such packet.
func (f *FIB) Unforwarded6(flow *route.Flow, d *Decision) Reason {
	dev := f.byIndex[flow.In]
	switch {
	case dev == nil || flow.In == 0 || !flow.Dst.Is6() || d.Disposition != DispositionUnicast:
	case f.forwardingOff6(dev):
		return Reason{Code: NoteNotForwarded, Have: dev.Name}
	case staysOnLink6(flow, d):
		return Reason{NoteStaysOnLink, flow.Src, dev.Name}
	}
	return Reason{}
}

// staysOnLink6 reports whether a received packet is not forwarded because of its source: a
// link-local one, or none. It may go back by the device that it came by.
func staysOnLink6(flow *route.Flow, d *Decision) bool {
	return (flow.Src.IsLinkLocalUnicast() || flow.Src.IsUnspecified()) &&
		!slices.ContainsFunc(d.NextHops, func(h NextHop) bool { return h.Link == flow.In })
}

// forwardingOff6 reports whether what a device receives for other hosts is not forwarded.
func (f *FIB) forwardingOff6(dev *device) bool {
	all, known := f.snap.Sysctls.Conf(route.IPv6, "all", "forwarding")
	forced, _ := f.snap.Sysctls.Conf(route.IPv6, dev.Name, "force_forwarding")
	return known && all == 0 && forced == 0
}

// exchanged is the answer to a packet that has a source.
func exchanged(flow route.Flow, src netip.Addr) route.Flow {
	flow.Dst, flow.Src = src, flow.Dst.WithZone("")
	flow.SrcPort, flow.DstPort = flow.DstPort, flow.SrcPort
	flow.In, flow.Out, flow.FlowLabel = 0, 0, 0
	return flow
}

// answered is the answer that this host itself sends: to a packet that it received, or
// that it sent to itself. The answer is bound to the VRF of the device that the packet
// came in by. To a link-local address it is bound to that device itself; else to none
// (tcp_v4_init_req and tcp_v6_init_req, icmp_reply).
func (f *FIB) answered(t *Trace, who *Answerer) []Return {
	flow := t.Flow
	in := flow.In
	if t.Decision.Shortcut == ShortcutZero {
		flow.Dst = t.Decision.Src
	}
	back := exchanged(flow, t.Decision.Sources()[0])
	if t.Decision.IsGroup() {
		back.Src = netip.Addr{} // whoever answers has an address of its own
	}
	back.Out = f.vrf(cmp.Or(in, flow.Out))
	if who != nil && who.Link == 0 && flow.Proto == route.ProtoUDP {
		back.Out = 0 // the answer to a datagram is not in the VRF
	}
	if who != nil {
		back.Out, back.Bound, back.UID = cmp.Or(who.Link, back.Out), who.Link != 0, who.UID
		back.Mark, back.Transparent = cmp.Or(who.Mark, back.Mark), who.Transparent
	}
	if back.Dst.Is6() && back.Dst.IsLinkLocalUnicast() {
		back.Out = cmp.Or(in, flow.Out, t.Decision.device(), back.Out)
	}
	if back.UID == route.NoUID {
		back.UID = 0
	}
	r := Return{Link: in, By: CodeReplyHere, Share: 1}
	if in == 0 && len(t.Decision.NextHops) > 0 {
		r.Link = t.Decision.NextHops[0].Link
	}
	return []Return{f.decideReturn(r, in, back)}
}

// device is the one that the chosen route names; zero: none.
func (d *Decision) device() int {
	if !d.HasRoute || len(d.Route.NextHops) == 0 {
		return 0
	}
	return d.Route.NextHops[0].Link
}

// returned are the ways back of a packet that leaves this host.
func (f *FIB) returned(t *Trace) []Return {
	var out []Return
	add := func(r Return, src netip.Addr) {
		for i := range out {
			if o := &out[i]; o.In == r.In && o.Link == r.Link && o.Trace.Flow.Dst == src {
				o.Share += r.Share
				return
			}
		}
		back := exchanged(t.Flow, src)
		back.In, back.UID = r.In, 0
		if back.Dst.Is6() {
			back.UID = route.NoUID
		}
		out = append(out, f.decideReturn(r, t.Flow.In, back))
	}
	for i := range t.Decision.NextHops {
		way := &t.Decision.NextHops[i]
		for _, src := range t.Decision.sourcesBy(way) {
			if !way.Stale && src.IsValid() {
				add(Return{Link: way.Link, In: way.Link, By: CodeReplySame, Share: way.share(src)}, src)
			}
		}
	}
	for i := range t.Decision.NextHops {
		way := &t.Decision.NextHops[i]
		for _, src := range t.Decision.sourcesBy(way) {
			if owner := f.network(src); t.Flow.In == 0 && !way.Stale && owner != 0 && owner != way.Link {
				add(Return{Link: way.Link, In: owner, By: CodeReplyOwner, Share: way.share(src)}, src)
			}
		}
	}
	return out
}

// sourcesBy are the sources that a packet may have that takes one of the next hops.
func (d *Decision) sourcesBy(w *NextHop) []netip.Addr {
	if !d.Src.IsValid() && w.SrcOneOf != nil {
		return w.SrcOneOf
	}
	return []netip.Addr{cmp.Or(d.Src, w.Src)}
}

// share is the part of all flows that takes this next hop with a source; zero: it cannot
// be known.
func (w *NextHop) share(src netip.Addr) float64 {
	if slices.Contains(w.SrcOneOf, src) {
		return 0
	}
	return w.Share
}

// network is the device that has an address of this host and leads to other
// hosts; zero: there is none.
func (f *FIB) network(a netip.Addr) int {
	if !a.IsValid() {
		return 0
	}
	dev := f.byIndex[f.owner(a)]
	if dev == nil || dev.Flags&route.LinkLoopback != 0 || dev.Kind == "dummy" || dev.Kind == "vrf" || !dev.Up() {
		return 0
	}
	return dev.Index
}

// decideReturn decides about the answer to a packet. The answer came in by a device or,
// zero, was sent by this host.
func (f *FIB) decideReturn(r Return, came int, back route.Flow) Return {
	r.Trace = f.Explain(back)
	r.Trace.Socket = nil // the socket has its addresses
	r.Strict = f.strict(r.Trace)
	if back.Mark != 0 {
		plain := back
		plain.Mark = 0
		d, given := f.Lookup(plain), &r.Trace.Decision
		bothRefused := d.Errno != 0 && d.Errno == given.Errno && d.Shortcut == given.Shortcut
		if !bothRefused && !d.sameFate(given) {
			r.Unmarked = &d
		}
	}
	r.Symmetry = r.symmetry(came)
	return r
}

func (r *Return) symmetry(came int) Symmetry {
	d := &r.Trace.Decision
	switch {
	case came != 0 && d.Disposition == DispositionUnicast:
		return viaDevice(d, came)
	case came == 0 && r.In != 0 && d.Disposition != DispositionLocal && d.Shortcut != ShortcutReversePath,
		r.In == 0 && !d.Disposition.Success():
		return symmetryNoAnswer
	case came == 0 && r.In != 0 && r.In != r.Link:
		return SymmetryDepends
	case came == 0 || r.In == 0:
		return Symmetric
	}
	return symmetryNoAnswer
}

// viaDevice reports whether a decision leaves by a device.
func viaDevice(d *Decision, link int) Symmetry {
	same, other := false, false
	for _, w := range d.NextHops {
		if w.Stale {
			continue
		}
		same, other = same || w.Link == link, other || w.Link != link
	}
	switch {
	case same && other:
		return SymmetryDepends
	case other:
		return Asymmetric
	}
	return Symmetric
}

// strict is what a strict reverse-path filter would do with a received packet; nil: the
// filter is strict already, was not asked, or does not exist.
func (f *FIB) strict(t *Trace) *ReversePath {
	dev := f.byIndex[t.Flow.In]
	if t.Flow.In == 0 || dev == nil || !t.Flow.Dst.Is4() || t.Reverse == nil || t.Reverse.Filter == 1 {
		return nil
	}
	w := walk{fib: f, flow: t.Flow, iif: dev.Index, mem: new(memory)}
	w.flow.Out, w.flow.UID = 0, 0
	w.dissect4()
	out, from := 0, t.Flow.Dst
	switch d := &t.Decision; {
	case d.IsGroup():
		from = netip.IPv4Unspecified()
	case d.Disposition == DispositionUnicast && len(d.NextHops) > 0:
		out = d.NextHops[0].Link
	}
	rp := &ReversePath{Filter: 1}
	w.reverse(dev, out, from, rp)
	return rp
}
