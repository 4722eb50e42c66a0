package kernel

import (
	"context"
	"net/netip"
	"slices"

	"routewhy/route"
)

// maxMergedQuestions limits how many addresses are asked about.
const maxMergedQuestions = 16

// merged finds out whether IPv4's local and main tables share one trie. They
// do until the first change of a rule (fib_unmerge in net/ipv4/fib_frontend.c).
// Only the kernel knows whether there was ever such a change. Its answer about an
// address of this host names table main if the tables share a trie, and otherwise
// table local.
//
// The result is unknown if there is no such address to ask about. An address can be
// asked about if a device has it and was up at some time. If there is none, the local
// table has only entries that were put there by hand.
func (h *Host) merged(ctx context.Context, s *route.Snapshot) route.Tristate {
	if s.NoRules4 { // built without multiple tables: one trie from the start
		return route.Yes
	}
	if s.Lacks(route.FactRules, route.IPv4) {
		return route.Unknown
	}
	if !isDefaultRules4(s.Rules) {
		return route.No
	}
	for _, addr := range localCandidates(s) {
		if answer, ok := h.tableOf(ctx, addr); ok {
			return answer
		}
	}
	return route.Unknown
}

// localCandidates are IPv4 addresses that are probably in the local table, the
// most probable first.
func localCandidates(s *route.Snapshot) []netip.Addr {
	var up, down []netip.Addr
	for _, a := range s.Addrs {
		if !a.Prefix.Addr().Is4() {
			continue
		}
		if l := s.Link(a.Link); l != nil && l.Up() {
			up = append(up, a.Prefix.Addr())
		} else {
			down = append(down, a.Prefix.Addr())
		}
	}
	all := slices.Concat(up, down)
	all = all[:min(len(all), maxMergedQuestions)]
	return append(all, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}

// tableOf asks the kernel for the table of an address. False: the answer does not
// say it, because the address is not local after all.
func (h *Host) tableOf(ctx context.Context, addr netip.Addr) (route.Tristate, bool) {
	a, ok := h.answerTo(ctx, route.Flow{Dst: addr})
	if !ok || a.Errno != 0 || a.Type != route.TypeLocal {
		return route.Unknown, false
	}
	switch a.Table {
	case route.TableMain:
		return route.Yes, true
	case route.TableLocal:
		return route.No, true
	}
	return route.Unknown, false
}

// answerTo is the kernel's answer about a flow. False: it gave none.
func (h *Host) answerTo(ctx context.Context, flow route.Flow) (route.Answer, bool) {
	body, err := encodeFlow(&flow, 0)
	if err != nil {
		return route.Answer{}, false
	}
	replies, err := h.ask(ctx, body)
	if err != nil {
		return route.Answer{}, false
	}
	a, err := answerOf(replies[0])
	return a, err == nil
}
