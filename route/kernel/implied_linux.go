package kernel

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// addImplied adds the IPv6 rules that were deleted, if the kernel still acts as if they
// were there. Until a rule is added, the kernel does not use its IPv6 rules: it looks in
// local and main, even if the rules for these tables were deleted. No dump tells whether
// a rule was ever added. So the kernel is asked about an address: if it gives an answer
// that the remaining rules cannot give, no rule was ever added.
func (h *Host) addImplied(ctx context.Context, r *reader) {
	s := r.snap
	missing, others := againstDefault(s.Rules, route.IPv6)
	if len(missing) == 0 || others > 0 || s.Lacks(route.FactRules, route.IPv6) || !h.asksNoRule6(ctx, r, missing) {
		return
	}
	for _, r := range missing {
		r.Implied = true
		s.Rules = append(s.Rules, r)
	}
	slices.SortStableFunc(s.Rules, func(a, b route.Rule) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Priority, b.Priority))
	})
}

// maxAsked is how many addresses the kernel is asked about: the route to one may have been
// deleted, or its device lacks a carrier.
const maxAsked = 12

// asksNoRule6 reports whether the kernel uses no IPv6 rules. It asks about addresses that
// only a table without a rule has. If the rule for local is missing, those are addresses in
// local. Otherwise they are in the host's networks, which are in main, and where other routes
// of main lead. A route that refuses packets tells it too, by its error.
func (h *Host) asksNoRule6(ctx context.Context, r *reader, missing []route.Rule) bool {
	flows := inNetworks6(r.snap)
	if missing[0].Table == route.TableLocal {
		flows = inLocal6(r.snap)
	}
	of := map[route.Table]bool{}
	var ask []sample
	for _, flow := range flows[:min(len(flows), maxAsked)] {
		ask = append(ask, sample{flow: flow})
	}
	for i := range missing {
		of[missing[i].Table] = true
		ask = append(ask, r.samples[missing[i].Table]...)
	}
	refused := !r.samples.refuse(func(t route.Table) bool { return !of[t] })
	for i := range ask {
		a, ok := h.answerTo(ctx, ask[i].flow)
		if ok && a.Errno == ask[i].errno && (a.Errno == 0 && of[a.Table] || a.Errno != 0 && refused) {
			return true
		}
	}
	return false
}

// inLocal6 are flows to addresses that are usually in local: the loopback address, which is
// not there if lo is down, what each device has for multicast (addrconf_add_mroute), and
// the host's addresses.
func inLocal6(s *route.Snapshot) (flows []route.Flow) {
	flows = append(flows, route.Flow{Dst: netip.IPv6Loopback()})
	for i := range s.Links {
		if l := &s.Links[i]; l.Up() && l.HasIPv6() && l.Flags&route.LinkLoopback == 0 {
			flows = append(flows, route.Flow{Dst: netip.IPv6LinkLocalAllNodes(), Out: l.Index})
		}
		if len(flows) == maxAsked/2 {
			break
		}
	}
	for _, a := range s.Addrs {
		if l := s.Link(a.Link); a.Prefix.Addr().Is6() && l != nil && l.Up() {
			flows = append(flows, route.Flow{Dst: a.Prefix.Addr(), Out: a.Link})
		}
	}
	return flows
}

// inNetworks6 are flows to neighbours in the networks of the host's addresses.
func inNetworks6(s *route.Snapshot) (flows []route.Flow) {
	for _, a := range s.Addrs {
		l := s.Link(a.Link)
		if !a.Prefix.Addr().Is6() || a.Prefix.IsSingleIP() || l == nil || !l.Up() {
			continue
		}
		flow := route.Flow{Dst: within6(a.Prefix), Out: a.Link}
		if a.Prefix.Contains(flow.Dst) && flow.Dst != a.Prefix.Addr() {
			flows = append(flows, flow)
		}
	}
	return flows
}

// within6 is an address that is very probably not one of this host, and not the first of the
// network. It may be outside of a very small network.
func within6(network netip.Prefix) netip.Addr {
	a := network.Masked().Addr().As16()
	a[15] ^= 0xfd
	return netip.AddrFrom16(a)
}

// samples are flows to where a few IPv6 routes of the tables local and main lead, whether a
// reading keeps these routes or not.
type samples map[route.Table][]sample

// sample is a flow, and what the kernel answers if it uses the route.
type sample struct {
	flow  route.Flow
	errno route.Errno // zero: the route sends or delivers
}

// maxSamples is how many routes of a table are enough that send or deliver, and how many that
// refuse packets.
const maxSamples = 8

// refuse reports whether any of some tables has a route that refuses packets.
func (s samples) refuse(of func(route.Table) bool) bool {
	for t, all := range s {
		if of(t) && slices.ContainsFunc(all, func(x sample) bool { return x.errno != 0 }) {
			return true
		}
	}
	return false
}

// errno6 is what the kernel answers if it uses an IPv6 route of a type (fib6_prop). A type
// from which this cannot be told is not known.
func errno6(typ byte) (e route.Errno, known bool) {
	switch typ {
	case unix.RTN_UNICAST, unix.RTN_LOCAL, unix.RTN_ANYCAST, unix.RTN_MULTICAST, unix.RTN_BROADCAST:
		return 0, true
	case unix.RTN_BLACKHOLE:
		return route.Errno(unix.EINVAL), true
	case unix.RTN_PROHIBIT:
		return route.Errno(unix.EACCES), true
	case unix.RTN_UNREACHABLE:
		return route.Errno(unix.EHOSTUNREACH), true
	}
	return 0, false
}

// add adds the flow to where a route leads, if it sends, delivers or refuses packets.
func (s *samples) add(h routeHeader, msg []byte) {
	if h.family != route.IPv6 || h.table != route.TableLocal && h.table != route.TableMain || len((*s)[h.table]) == 2*maxSamples || h.flags&route.FlagCloned != 0 {
		return
	}
	errno, known := errno6(msg[7]) // the type, in struct rtmsg
	if !known {
		return
	}
	flow := route.Flow{Dst: within6(h.dst)}
	if !h.dst.Contains(flow.Dst) {
		flow.Dst = h.dst.Addr()
	}
	if flow.Dst.IsLinkLocalUnicast() && errno == 0 || flow.Dst.IsMulticast() {
		return // without a device, they may lead anywhere
	}
	alike := 0
	for _, x := range (*s)[h.table] {
		if (x.errno == 0) == (errno == 0) {
			alike++
		}
	}
	if alike == maxSamples {
		return
	}
	if *s == nil {
		*s = samples{}
	}
	(*s)[h.table] = append((*s)[h.table], sample{flow, errno})
}
