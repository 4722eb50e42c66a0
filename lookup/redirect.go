package lookup

import (
	"slices"

	"routewhy/route"
)

// compareRedirected finds the next hop that the kernel took if it has learnt another
// gateway for it from an ICMP redirect, which no dump of routes shows (__ip_do_redirect
// in net/ipv4/route.c, rt6_do_redirect in net/ipv6/route.c). The device and the source
// stay those of the route.
func (f *FIB) compareRedirected(c *Comparison, d *Decision, a *route.Answer) {
	may := func(w NextHop) bool {
		return w.Link == a.Link && w.Via.Gateway.IsValid() && (!c.source || w.sends(a))
	}
	first := slices.IndexFunc(d.NextHops, may)
	if first < 0 {
		return
	}
	c.NextHop = first
	why := Reason{Code: CodeRedirected, Have: a.Gateway}
	others := slices.ContainsFunc(d.NextHops[first+1:], may)
	// Of IPv6 siblings the kernel lists the one that it took first.
	if others && d.Route.Dst.Addr().Is6() && a.HasEntry && len(a.Entry.NextHops) > 0 {
		took := a.Entry.NextHops[0].Gateway
		if i := slices.IndexFunc(d.NextHops, func(w NextHop) bool { return may(w) && w.Via.Gateway == took }); i >= 0 {
			c.NextHop, others = i, false
		}
	}
	if !others {
		why.Want = d.NextHops[c.NextHop].Via.Gateway
	}
	c.Benign = append(c.Benign, why)
}

// Redirect gives the next hop that the kernel took the gateway that the kernel has learnt
// for it, because the frame goes there. It reports whether there is one. If several next
// hops leave by the same device, the kernel does not show which of them was redirected,
// and all stay as they are.
func (d *Decision) Redirect(c *Comparison, a *route.Answer) bool {
	learnt := func(b Reason) bool { return b.Code == CodeRedirected && b.Want != nil }
	if !c.Agrees || c.NextHop < 0 || !slices.ContainsFunc(c.Benign, learnt) {
		return false
	}
	d.NextHops = slices.Clone(d.NextHops)
	w := &d.NextHops[c.NextHop]
	w.Gateway, w.Redirected = a.Gateway, true
	return true
}

// Redirect does the same for an explained decision, and says how the new gateway is
// reached.
func (f *FIB) Redirect(t *Trace, c *Comparison, a *route.Answer) bool {
	if !t.Decision.Redirect(c, a) {
		return false
	}
	t.Gateways = f.Gateways(&t.Flow, &t.Decision)
	return true
}

// redirectNotes name the router that redirected the packet. Have is the new
// gateway (the destination itself: none), Want the route's own.
func redirectNotes(d *Decision) []Note {
	var out []Note
	for i := range d.NextHops {
		w := &d.NextHops[i]
		same := func(o NextHop) bool { return o.Redirected && o.Link == w.Link && o.Via.Gateway == w.Via.Gateway }
		if w.Redirected && !slices.ContainsFunc(d.NextHops[:i], same) {
			out = append(out, Note{Reason: Reason{NoteRedirected, w.Via.Gateway, w.Gateway}, Route: &d.Route})
		}
	}
	return out
}
