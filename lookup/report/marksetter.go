package report

import (
	"cmp"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
)

// MarkSetter is something that could give packets the mark that a rule asks for.
type MarkSetter struct {
	// By is its kind: nftables, iptables-legacy, socket or wireguard.
	By string `json:"by"`
	// Sure says that its mark matches the rule whatever the packet had before.
	Sure bool `json:"sure"`
	// When says at which times it sets the mark; absent: not known.
	When []lookup.Timing `json:"when,omitempty"`
	// Family, Table, Chain and Handle are those of a rule of nftables.
	Family string     `json:"family,omitempty"`
	Table  string     `json:"table,omitempty"`
	Chain  string     `json:"chain,omitempty"`
	Handle uint64     `json:"handle,omitempty"`
	Hooks  []MarkHook `json:"hooks,omitempty"`
	// Packets is what the rule's counter has counted; absent: it has none.
	Packets *uint64 `json:"packets,omitempty"`
	// Sockets is how many sockets have the mark, and Processes name their programs.
	Sockets   int      `json:"sockets,omitempty"`
	Processes []string `json:"processes,omitempty"`
	// Dev is the WireGuard device.
	Dev string `json:"dev,omitempty"`
}

// MarkHook is a base chain from which packets come to a rule of nftables.
type MarkHook struct {
	Hook string `json:"hook"`
	Type string `json:"type"`
	// Maybe says that they come there through a verdict map, if at all.
	Maybe bool `json:"maybe,omitempty"`
}

// markSetters are what could give packets the mark that a rule asks for, and why not all of
// that is known; empty: it is. What is for packets that come in comes last if the packet did
// not come in.
func (n names) markSetters(r *route.Rule, received bool) (all []MarkSetter, unread string) {
	setters := lookup.Setters(n.snap, r)
	slices.SortStableFunc(setters, func(a, b lookup.Setter) int {
		if x, y := a.In(lookup.SetOnReceipt) == received, b.In(lookup.SetOnReceipt) == received; x != y && x {
			return -1
		} else if x != y {
			return 1
		}
		return 0
	})
	for i := range setters {
		all = append(all, n.markSetter(&setters[i]))
	}
	unread = cmp.Or(n.snap.WhyLacks(route.FactMarkers, 0), n.snap.WhyLacks(route.FactWireGuard, 0))
	return all, unread
}

func (n names) markSetter(s *lookup.Setter) MarkSetter {
	out := MarkSetter{By: s.Kind.String(), Sure: s.Sure, When: s.When, Chain: s.Chain, Handle: s.Handle, Sockets: s.Sockets, Processes: s.Processes}
	out.Family, out.Table, _ = strings.Cut(s.Table, " ")
	for _, h := range s.Hooks {
		out.Hooks = append(out.Hooks, MarkHook(h))
	}
	if s.Counted {
		out.Packets = &s.Packets
	}
	if s.Link != 0 {
		out.Dev = n.dev(s.Link)
	}
	return out
}
