package report

import (
	"math/big"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/lookup/whynot"
	"routewhy/route"
)

// redirected corrects a report about a gateway for a packet that a router redirected to
// another one. The look-up in the tables does not know of the redirect: it is in the kernel's
// answer.
func (r *WhyNot) redirected(l *look, want *whynot.Want) {
	d := &l.Trace.Decision
	if want.Kind != whynot.Gateway || len(d.NextHops) != 1 || !d.NextHops[0].Redirected {
		return
	}
	switch h := &d.NextHops[0]; want.Addr {
	case h.Gateway:
		r.Already, r.Sometimes, r.Share, r.NotOffered, r.NoPacket = true, false, 0, 0, false
		r.Because, r.Ways, r.Packets = []Blocker{}, []Way{}, []Alteration{}
	case h.Via.Gateway:
		n := namesOf(l.FIB)
		r.Already = false
		r.Because = []Blocker{{Reason: NewReason(lookup.Reason{Code: lookup.CodeRedirected, Have: h.Gateway, Want: want.Addr}), Route: n.route(&d.Route)}}
		if w := hostRoute(l, h); w != nil && !r.About.IsValid() {
			r.Ways = []Way{*w}
		}
		r.Warnings = append(r.Warnings, slices.DeleteFunc(slices.Clone(r.Decision.Warnings), func(f Finding) bool {
			return f.Reason.Code != lookup.NoteRedirected
		})...)
	}
}

// hostRoute is a route to the destination by a route's own gateway; nil: the kernel would
// refuse it. The kernel keeps a redirect with the next hop of the route that the packet took.
// IPv4 routes with the same attributes share it (fib_find_info in net/ipv4/fib_semantics.c), so
// that the new route must have another metric.
func hostRoute(l *look, h *lookup.NextHop) *Way {
	dst := l.Trace.Flow.Dst.WithZone("")
	c := &change.Route{Verb: change.Add, Route: route.Route{
		Table: l.Trace.Decision.Route.Table, Dst: netip.PrefixFrom(dst, dst.BitLen()), Type: route.TypeUnicast, Protocol: route.ProtocolBoot,
		NextHops: []route.NextHop{{Link: h.Link, Gateway: h.Via.Gateway}},
	}}
	if l.Trace.Decision.Route.Metric == 0 && dst.Is4() {
		c.Route.Metric = 1
	}
	now := change.New(l.FIB)
	if now.Apply(c).Refusal != nil {
		return nil
	}
	return &Way{Commands: []string{command.Print(c, now)}, Addresses: big.NewInt(1), SocketsUnread: true}
}
