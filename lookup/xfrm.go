package lookup

import (
	"net/netip"

	"routewhy/route"
)

// policy is the IPsec policy that changes what becomes of the packet after the decision
// (xfrm_lookup, __xfrm_policy_check and __xfrm_route_forward in net/xfrm/xfrm_policy.c);
// nil: none, as far as policies were read. Packets from a host to itself go through lo,
// which is exempt (disable_xfrm).
func (f *FIB) policy(t *Trace) *route.Policy {
	d := &t.Decision
	if !t.mayMeetPolicy() {
		return nil
	}
	switch {
	case t.Flow.In != 0 && d.Disposition == DispositionUnicast: // it is let in, and sent on
		if p := f.firstPolicy(route.PolicyForward, &t.Flow, d.Src, t.Flow.In); p != nil {
			return p
		}
	case t.Flow.In != 0:
		return f.firstPolicy(route.PolicyIn, &t.Flow, d.Src, t.Flow.In)
	}
	return f.firstPolicy(route.PolicyOut, &t.Flow, d.Src, d.NextHops[0].Link)
}

// mayMeetPolicy reports whether policies are asked about a packet: it is not refused, and
// does not go from this host to itself.
func (t *Trace) mayMeetPolicy() bool {
	d := &t.Decision
	return d.Src.IsValid() && len(d.NextHops) > 0 && d.Disposition.Success() && (t.Flow.In != 0 || d.Disposition != DispositionLocal)
}

// firstPolicy is the first policy of a direction that matches a packet; nil: there is
// none, or it lets the packet pass unchanged.
func (f *FIB) firstPolicy(dir route.PolicyDir, flow *route.Flow, src netip.Addr, link int) *route.Policy {
	var first *route.Policy
	for i := range f.snap.Policies {
		p := &f.snap.Policies[i]
		if p.Dir == dir && (first == nil || p.Priority < first.Priority) && p.Selects(flow, src, link) {
			first = p
		}
	}
	if first == nil || !first.Block && first.Transforms == 0 {
		return nil
	}
	return first
}
