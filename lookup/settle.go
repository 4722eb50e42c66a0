package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Settle changes an explained decision to what only the kernel's answer shows: the kernel
// uses an entry that is in no dump, or gives the source of another route by the same
// next-hop object, or refuses a source because there once was a route of type local, or goes
// by a gateway that became an address of this host after the route was added. It reports
// whether the decision has changed.
func (f *FIB) Settle(t *Trace, c *Comparison, a *route.Answer) bool {
	if !c.Asked || !c.Agrees {
		return false
	}
	d := &t.Decision
	has := func(code Code) bool {
		return slices.ContainsFunc(c.Benign, func(b Reason) bool { return b.Code == code })
	}
	switch {
	case has(CodeLocalOnce):
		once := *f
		once.localByUser = true
		*t = *once.Explain(t.Flow)
	case d.MayRefuse != 0: // it did not
		d.MayRefuse = 0
	case has(CodeHiddenEntry) && d.Errno != 0 && a.Errno == 0:
		f.adopt(t, a)
	case has(CodeSharedEntry) && c.NextHop >= 0 && sharedSource(t, &d.NextHops[c.NextHop], a):
		d.NextHops = slices.Clone(d.NextHops)
		w := &d.NextHops[c.NextHop]
		w.SrcOneOf, d.Src = []netip.Addr{w.Src, a.Src}, netip.Addr{}
		t.Source.Addr, t.Source.Link, t.Source.Reason = netip.Addr{}, 0, Reason{CodeSrcShared, d.Route.Dst, a.Entry.Dst}
	case has(CodeGatewayDirect) && c.NextHop >= 0 && a.Gateway.Is4():
		d.NextHops = slices.Clone(d.NextHops)
		d.NextHops[c.NextHop].Gateway = a.Gateway
		t.Gateways = f.Gateways(&t.Flow, d)
	default:
		return false
	}
	return true
}

// sharedSource reports whether the kernel gives a packet without a source a different one
// than its route would.
func sharedSource(t *Trace, w *NextHop, a *route.Answer) bool {
	return t.Flow.In == 0 && !t.Flow.Src.IsValid() && a.Src.IsValid() && w.SrcOneOf == nil && !w.sends(a)
}

// adopt takes the kernel's decision for one that has no route, since the entry that
// the kernel uses is in no dump.
func (f *FIB) adopt(t *Trace, a *route.Answer) {
	way := NextHop{Link: a.Link, Gateway: a.Gateway, Via: route.NextHop{Link: a.Link, Gateway: a.Gateway}, Share: 1, Src: a.Src}
	t.Decision = Decision{Disposition: dispositionOf(a.Type), Route: a.Entry, HasRoute: true, NextHops: []NextHop{way}}
	t.Decision.setSource(t.Flow.Src)
	t.Gateways = f.Gateways(&t.Flow, &t.Decision)
	t.Source, t.Socket = SourceTrial{}, nil
}

// hiddenEntry reports whether the kernel used an entry that is hidden among the siblings
// of a multipath route: one with a next-hop object, or by a device alone. The kernel must
// try it before the entry that we chose.
func (f *FIB) hiddenEntry(d *Decision, a *route.Answer) bool {
	k := &a.Entry
	if a.Errno != 0 || !a.HasEntry || !k.Dst.Addr().Is6() || k.NextHopID == 0 && (len(k.NextHops) != 1 || k.NextHops[0].Gateway.IsValid()) {
		return false
	}
	if d.HasRoute && d.Route.Table == k.Table && d.Route.Dst.Bits() > k.Dst.Bits() {
		return false
	}
	t := f.v6.tables[k.Table]
	if t == nil {
		return false
	}
	l, _ := t.trie.Get(k.Dst)
	if l == nil {
		return false
	}
	among, seen := false, false
	for _, e := range l.entries {
		r := &e.route
		if r.Metric != k.Metric || r.Src != k.Src {
			continue
		}
		among = among || r.NextHopID == 0 && len(r.NextHops) > 1
		seen = seen || r.NextHopID == k.NextHopID && (k.NextHopID != 0 || len(r.NextHops) == 1 && r.NextHops[0].Link == k.NextHops[0].Link && !r.NextHops[0].Gateway.IsValid())
	}
	return among && !seen
}
