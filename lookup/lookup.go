package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Lookup decides where a packet goes.
func (f *FIB) Lookup(flow route.Flow) (d Decision) {
	w := walk{fib: f, flow: flow, mem: new(memory)}
	w.decide(&d)
	return d
}

// ask decides for a special question.
func (f *FIB) ask(q question, flow route.Flow) (d Decision) {
	w := walk{fib: f, question: q, flow: flow, mem: new(memory)}
	w.decide(&d)
	return d
}

// LookupConnected decides about the packets of a connected socket. If the socket has no
// source, the second look-up decides, with the source that the first one chose, if that
// source is certain: see [FIB.Connect].
func (f *FIB) LookupConnected(flow route.Flow) Decision {
	d := f.Lookup(flow)
	if again := f.connected(flow, &d); again != nil {
		return again.Decision
	}
	return d
}

// Explain decides the same by the same walk, and keeps everything that took
// part.
func (f *FIB) Explain(flow route.Flow) *Trace {
	t := &Trace{Flow: flow}
	w := walk{fib: f, question: question{unread: &t.Unread}, flow: flow, trace: t, mem: new(memory)}
	w.decide(&t.Decision)
	t.Gateways = f.Gateways(&flow, &t.Decision)
	if t.Decision.HasRoute {
		next := f.without(flow, &t.Decision)
		t.Next = &next
	}
	t.Socket = f.connected(flow, &t.Decision)
	return t
}

// connected looks up again with the source that the first look-up chose, as a
// connected socket without one does: see [FIB.Connect]. It gives nil where that
// changes nothing, or where the source depends on the next hop.
func (f *FIB) connected(flow route.Flow, d *Decision) *SocketTrial {
	all := f.lookups(flow, d)
	if len(all) != 1 || d.Shortcut == ShortcutZero {
		return nil
	}
	again := f.Lookup(all[0])
	if d.sameEnd(&again) {
		return nil
	}
	return &SocketTrial{all[0].Src, again}
}

// sameFate reports whether the same becomes of packets by two decisions.
func (d *Decision) sameFate(o *Decision) bool {
	if d.Disposition != o.Disposition || d.Errno != o.Errno {
		return false
	}
	if d.HasRoute != o.HasRoute || d.entry != o.entry || d.Route.Dst != o.Route.Dst {
		return false
	}
	return true
}

// sameEnd reports whether two decisions bring packets to the same place. The routes may
// differ: a packet for a group, from the address of a device, takes that device without
// a route.
func (d *Decision) sameEnd(o *Decision) bool {
	same := func(a, b NextHop) bool {
		return a.Link == b.Link && a.Gateway == b.Gateway && a.Via.Encap == b.Via.Encap
	}
	return d.Disposition == o.Disposition && d.Errno == o.Errno && slices.EqualFunc(d.NextHops, o.NextHops, same)
}

// without decides as if the chosen entry did not exist.
func (f *FIB) without(flow route.Flow, d *Decision) (next Decision) {
	w := walk{fib: f, flow: flow, skip: skipped{d.entry, d.Route.Dst}, mem: new(memory)}
	w.decide(&next)
	return next
}

// decide decides, unless it would have to guess. It fills a Decision that is zero: a
// Decision is large, and copies would slow a look-up down.
func (w *walk) decide(d *Decision) {
	if fam := w.flow.Family(); fam == 0 || !w.fib.family(fam).guess {
		w.judge(d)
		return
	}
	flow := w.flow
	w.judge(d)
	if path, found := w.undetermined(flow, d); found {
		*d = unknownDecision(w.fib.lacks(Reason{Code: CodeSettingUnread, Want: path}, route.FactSysctls, flow.Family()))
	}
}

// judge decides by what was read, and by the usual value of what was not read.
func (w *walk) judge(d *Decision) {
	fam := w.flow.Family()
	switch {
	case w.fib.snap.Lacks(route.FactRoutes, fam):
		*d = unknownDecision(w.fib.lacks(Reason{Code: CodeRoutesUnread}, route.FactRoutes, fam))
	case fam == route.IPv4 && w.flow.In != 0:
		*d = w.input4()
	case fam == route.IPv4:
		w.output4(d)
	case fam == route.IPv6:
		flow := w.flow
		w.decide6(d)
		w.hingeRelease(flow, d)
	}
}

// hingeRelease makes a decision unknown if kernels before and after a change decide
// differently about the packet, and it is not known whether this kernel has the change:
// see behaviour.oifKeepsHop. If both decisions only allow different next hops, decide6
// gives all of them.
func (w *walk) hingeRelease(flow route.Flow, d *Decision) {
	if w.oifKeepsHop() != perhapsSo || flow.Out|flow.In == 0 || d.Disposition == DispositionUnknown {
		return
	}
	other := walk{fib: w.fib, question: w.question, flow: flow, skip: w.skip, mem: new(memory)}
	other.earlier, other.unread = true, nil
	var o Decision
	if other.decide6(&o); !d.sameFate(&o) {
		*d = unknownDecision(Reason{Code: CodeReleaseUnread})
	}
}

// lacks is a reason why something is not known, with why a fact is not in the snapshot.
func (f *FIB) lacks(r Reason, fact route.Fact, fam route.Family) Reason {
	if why := f.snap.WhyLacks(fact, fam); why != "" {
		r.Have = why
	}
	return r
}

func unknownDecision(why Reason) Decision { return Decision{Ambiguous: why} }

// refusal is a decision without a route.
func refusal(s Shortcut, e route.Errno) Decision {
	return Decision{Disposition: DispositionInvalid, Errno: e, Shortcut: s}
}

// fill makes a decision of what the rules gave, except for its next hops.
func (res *result) fill(d *Decision) {
	d.Rule = res.rule
	if e := res.entry; e != nil {
		d.Route, d.HasRoute, d.entry = e.route, true, e
		d.Route.Dst = res.dst
	}
	switch res.status {
	case found:
		d.Disposition = dispositionOf(res.entry.route.Type)
	case unknown:
		d.Ambiguous = *res.why
	default:
		d.Errno = res.errno
		d.Disposition = res.refusedAs()
	}
}

// refusedAs is the disposition of a refusal: by a route, by a rule, or by the
// lack of both.
func (res *result) refusedAs() Disposition {
	switch {
	case res.entry != nil:
		return dispositionOf(res.entry.refusal())
	case res.rule == nil:
		return DispositionNoRoute
	}
	switch res.rule.Action {
	case route.ActionBlackhole:
		return DispositionBlackhole
	case route.ActionUnreachable:
		return DispositionUnreachable
	case route.ActionProhibit:
		return DispositionProhibit
	}
	return DispositionNoRoute
}

// setSource sets the packet's source, if all next hops give the same.
func (d *Decision) setSource(given netip.Addr) {
	if given.IsValid() && !given.IsUnspecified() {
		d.Src = given
		return
	}
	for i := range d.NextHops {
		way := &d.NextHops[i]
		if way.SrcOneOf != nil && !way.Stale {
			d.Src = netip.Addr{}
			return
		}
		if i > 0 && way.Src != d.Src && !way.Stale {
			d.Src = netip.Addr{}
			return
		}
		if i == 0 {
			d.Src = way.Src
		}
	}
}

// setVRF works out which VRF the packet belongs to, where that is not settled
// (l3mdev_update_flow in net/l3mdev/l3mdev.c). Being bound to the VRF device
// itself means its table, and no device.
func (w *walk) setVRF() {
	if out := w.flow.Out; w.fib.byIndex[out] != nil {
		w.vrf, w.vrfByOif = w.fib.vrf(out), true
		if w.vrf == out {
			w.flow.Out = 0
		}
		return
	}
	if w.iif > route.LoopbackIndex && w.vrf == 0 {
		w.vrf = w.fib.vrf(w.iif)
	}
}
