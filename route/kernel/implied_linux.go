package kernel

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"routewhy/route"
)

// addImplied adds the IPv6 rules that were deleted and that the kernel goes by all
// the same. Until a rule is added, the kernel does not ask its IPv6 rules: it looks
// into local and main, even where the rules for these were deleted. No dump tells
// whether a rule was ever added. An answer tells it that none of the rules left can give.
func (h *Host) addImplied(ctx context.Context, s *route.Snapshot) {
	missing, others := againstDefault(s.Rules, route.IPv6)
	if len(missing) == 0 || others > 0 || s.Lacks(route.FactRules, route.IPv6) || !h.asksNoRule6(ctx, s, missing) {
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

// asksNoRule6 asks for addresses that only a table without a rule has: of local, or
// else of the networks of the host, which main has.
func (h *Host) asksNoRule6(ctx context.Context, s *route.Snapshot, missing []route.Rule) bool {
	flow := route.Flow{Dst: netip.IPv6Loopback()}
	if missing[0].Table == route.TableLocal {
		a, ok := h.answerTo(ctx, flow)
		return ok && a.Errno == 0 && a.Table == route.TableLocal
	}
	for _, a := range s.Addrs {
		l := s.Link(a.Link)
		if !a.Prefix.Addr().Is6() || a.Prefix.IsSingleIP() || l == nil || !l.Up() {
			continue
		}
		last := a.Prefix.Masked().Addr().As16()
		last[15] ^= 0xfd // hardly an address of this host, and not the network's first
		flow = route.Flow{Dst: netip.AddrFrom16(last), Out: a.Link}
		if !a.Prefix.Contains(flow.Dst) || flow.Dst == a.Prefix.Addr() {
			continue
		}
		a, ok := h.answerTo(ctx, flow)
		return ok && a.Errno == 0 && a.Table == route.TableMain
	}
	return false
}
