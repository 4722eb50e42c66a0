package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Connect explains what a socket does when it connects to the flow's destination.
// A socket without a source looks up twice, the second time with the source that the
// first look-up chose: in IPv4 always (ip_route_connect in include/net/route.h), in
// IPv6 where the first failed (ip6_dst_lookup_tail in net/ipv6/ip6_output.c). The Trace
// is then that of the second look-up, but tells how the first chose the source, and
// First is the first look-up. If the first may choose one of several sources, Decision
// has what all of them may lead to, and BySource the second look-up of each.
//
// TCP looks up once more after it has chosen its source port (ip_route_newports). That
// matters to rules that name source ports. The flow either has that port, or has none.
func (f *FIB) Connect(flow route.Flow) *Trace {
	first := f.Explain(flow)
	first.Socket = nil
	if flow.Dst.Is6() && first.Decision.Errno != 0 && flow.In == 0 && !flow.Src.IsValid() {
		if src := f.sourceOfFailed6(&flow, &first.Source); src.certain() {
			first.Source.Addr = src.addr
		}
	}
	var second []*Trace
	for _, again := range f.lookups(flow, &first.Decision) {
		t := f.Explain(again)
		t.Socket = nil
		second = append(second, t)
	}
	elsewhere := func(t *Trace) bool { return !t.Decision.sameEnd(&first.Decision) }
	switch {
	case len(second) == 0, zeroToLoopback(first, second[0]):
		return first
	case len(second) > 1 && len(first.Decision.NextHops) == 1 && !slices.ContainsFunc(second, elsewhere):
		return first // whichever source it gets
	case len(second) == 1:
		t := second[0]
		t.First, t.Source = first, first.Source
		return t
	}
	t := *first
	t.First, t.BySource, t.Next = first, second, nil
	f.Join(&t)
	return &t
}

// Join sets again what the second look-ups of a connection have in common, after
// [FIB.Redirect] has changed one of them.
func (f *FIB) Join(t *Trace) {
	t.Decision = either(&t.First.Decision, t.BySource)
	t.Gateways = f.Gateways(&t.Flow, &t.Decision)
}

// Twice reports whether the second look-up of a connection ends elsewhere than the
// first.
func (t *Trace) Twice() bool {
	if t.First == nil {
		return false
	}
	a, b := &t.First.Decision, &t.Decision
	sameWay := func(x, y NextHop) bool { return x.Link == y.Link && x.Via.Gateway == y.Via.Gateway }
	return !a.sameFate(b) || a.Rule != b.Rule || !slices.EqualFunc(a.NextHops, b.NextHops, sameWay)
}

// zeroToLoopback reports whether the two look-ups of a connection to 0.0.0.0 say
// the same. The first takes the destination 127.0.0.1, or the source, and asks no rule;
// the second looks that up.
func zeroToLoopback(first, second *Trace) bool {
	return first.Decision.Shortcut == ShortcutZero && second.Decision.Disposition == DispositionLocal
}

// lookups are the second look-ups that a connected socket may make: none, or one for
// each source that the first may have chosen.
func (f *FIB) lookups(flow route.Flow, first *Decision) []route.Flow {
	if flow.In != 0 || first.Disposition == DispositionUnknown {
		return nil
	}
	given := flow.Src.IsValid() && !flow.Src.IsUnspecified()
	if flow.Dst.Is6() {
		if given || first.Errno == 0 || flow.Dst.IsMulticast() {
			return nil
		}
		src := f.sourceOfFailed6(&flow, nil)
		flow.Bound = flow.Out != 0 // else the look-up with a source would leave its device
		if !src.certain() {
			return withSource(flow, src.oneOf...)
		}
		return withSource(flow, src.addr)
	}
	switch {
	case first.Errno != 0:
		return nil
	case first.Shortcut == ShortcutZero:
		flow.Dst = first.Src
		return withSource(flow, first.Src)
	case given:
		return nil
	}
	return withSource(flow, first.Sources()...)
}

// sourceOfFailed6 is the source that IPv6 chooses after a look-up that failed: without a
// route no device goes before the others, even if the socket is bound to one, except that a
// VRF keeps to its own addresses (ip6_route_get_saddr in include/net/ip6_route.h).
func (f *FIB) sourceOfFailed6(flow *route.Flow, t *SourceTrial) chosen {
	return (&walk{fib: f}).selectSource6(flow.Dst, f.vrf(flow.Out), t)
}

// withSource are copies of a flow with each source that is one.
func withSource(flow route.Flow, sources ...netip.Addr) []route.Flow {
	var out []route.Flow
	for _, src := range sources {
		if src.IsValid() {
			flow.Src = src
			out = append(out, flow)
		}
	}
	return out
}

// Sources are the sources that a packet may get, each once: the zero Addr where it may get
// none.
func (d *Decision) Sources() []netip.Addr {
	if d.Src.IsValid() {
		return []netip.Addr{d.Src}
	}
	var out []netip.Addr
	add := func(src netip.Addr) {
		if !slices.Contains(out, src) {
			out = append(out, src)
		}
	}
	for _, w := range d.NextHops {
		switch {
		case w.Stale:
		case w.SrcOneOf != nil:
			for _, src := range w.SrcOneOf {
				add(src)
			}
		default:
			add(w.Src)
		}
	}
	return out
}

// either is the decision about packets whose source the first look-up chooses, where the
// source decides the rest.
func either(first *Decision, second []*Trace) Decision {
	lead := max(0, slices.IndexFunc(second, func(t *Trace) bool { return t.Decision.Disposition.Success() }))
	out := Decision{
		Disposition: second[lead].Decision.Disposition, Errno: second[lead].Decision.Errno, Ambiguous: first.Ambiguous,
		SomeRefused: first.SomeRefused, RefusedShare: first.RefusedShare,
	}
	if out.Ambiguous.Code == "" {
		out.Ambiguous.Code = CodeSrcUnordered // it is all that else makes several sources
	}
	for _, t := range second {
		d := &t.Decision
		part := first.share(t.Flow.Src)
		switch {
		case out.Errno != 0:
		case d.Errno != 0:
			out.SomeRefused, out.RefusedShare = d.Errno, out.RefusedShare+part
		case d.SomeRefused != 0:
			out.SomeRefused, out.RefusedShare = d.SomeRefused, out.RefusedShare+part*d.RefusedShare
		}
		for _, w := range d.NextHops {
			w.Share, w.Src, w.SrcOneOf = part*w.Share, t.Flow.Src, nil
			out.NextHops = append(out.NextHops, w)
		}
	}
	out.agree(second)
	return out
}

// agree keeps what all look-ups have in common.
func (d *Decision) agree(all []*Trace) {
	one := &all[0].Decision
	same := func(by func(*Decision) bool) bool {
		return !slices.ContainsFunc(all, func(t *Trace) bool { return !by(&t.Decision) })
	}
	if same(func(o *Decision) bool { return o.Rule == one.Rule }) {
		d.Rule = one.Rule
	}
	if same(one.sameFate) {
		d.Route, d.HasRoute, d.entry, d.Shortcut = one.Route, one.HasRoute, one.entry, one.Shortcut
	}
}

// share is the part of all flows that gets a source; zero: it cannot be known.
func (d *Decision) share(src netip.Addr) float64 {
	sum := 0.0
	for _, w := range d.NextHops {
		if slices.Contains(w.SrcOneOf, src) {
			return 0
		}
		if w.Src == src {
			sum += w.Share
		}
	}
	return sum
}
