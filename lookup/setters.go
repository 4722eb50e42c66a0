package lookup

import (
	"cmp"
	"slices"

	"routewhy/route"
)

// Timing says whether a mark is set before the routing decision, of which packets. The zero
// value means that it is not known.
type Timing string

// When marks are set.
const (
	// SetBySender is before the first look-up: by SO_MARK, or by WireGuard for its own packets.
	SetBySender Timing = "sender"
	// SetBeforeSending is in a chain of type route on hook output. The kernel looks the packet
	// up again if its mark has changed (nf_route_table_hook4, ip_route_me_harder).
	SetBeforeSending Timing = "output-route"
	// SetOnReceipt is before received packets are looked up. Packets that this host sends do
	// not come there.
	SetOnReceipt Timing = "receipt"
	// SetTooLate is after the decision: in a chain of type filter or nat on hook output, or in
	// one of input, forward or postrouting.
	SetTooLate Timing = "too-late"
	// SetNever is in a chain to which no packets come.
	SetNever Timing = "never"
)

// Setter is something that could give packets the mark that a rule asks for.
type Setter struct {
	*route.Marker
	// Sure says that the mark matches whatever the packet had before.
	Sure bool
	// When are the times at which it is set, each once. Empty: not known.
	When []Timing
}

// In reports whether the mark is set at one of the given times.
func (s *Setter) In(times ...Timing) bool {
	return slices.ContainsFunc(s.When, func(t Timing) bool { return slices.Contains(times, t) })
}

// Setters are what could give packets the mark that a rule asks for, as far as that was read:
// first those of which it is sure, and those in time before others. The tables of
// iptables-legacy, whose rules are not read, come last.
func Setters(snap *route.Snapshot, r *route.Rule) []Setter {
	var out []Setter
	sel := &r.Selector
	for i := range snap.Markers {
		m := &snap.Markers[i]
		gives := m.Gives(sel.Mark&sel.MarkMask, sel.MarkMask)
		if gives == route.No || !m.Meets(r.Family) {
			continue
		}
		out = append(out, Setter{m, gives == route.Yes, timings(m)})
	}
	slices.SortStableFunc(out, func(a, b Setter) int { return cmp.Compare(a.rank(), b.rank()) })
	return out
}

func (s *Setter) rank() int {
	n := 0
	if !s.Sure {
		n = 2
	}
	if s.In(SetNever) {
		n = 3
	} else if s.Kind == route.MarkerLegacy {
		n = 4
	}
	if !s.In(SetBySender, SetBeforeSending, SetOnReceipt) {
		return 2*n + 1
	}
	return 2 * n
}

// KnowsSetters reports whether all that could give a mark was read, as far as it can be
// seen at all: programs of eBPF, tc, and sockets that are closed cannot.
func KnowsSetters(snap *route.Snapshot) bool {
	return KnowsMarks(snap) && !snap.Lacks(route.FactWireGuard, 0)
}

// KnowsMarks reports whether what gives marks to the packets of other programs was read:
// KnowsSetters without WireGuard, which marks its own packets alone.
func KnowsMarks(snap *route.Snapshot) bool {
	return snap.MarkersRead && !snap.Lacks(route.FactMarkers, 0)
}

// timings says when a marker sets marks. A chain that is reached by a verdict map alone may
// not be reached.
func timings(m *route.Marker) []Timing {
	switch m.Kind {
	case route.MarkerSocket, route.MarkerWireGuard:
		return []Timing{SetBySender}
	case route.MarkerRule:
	default:
		return nil
	}
	if len(m.Hooks) == 0 {
		return []Timing{SetNever}
	}
	var out []Timing
	for _, h := range m.Hooks {
		if t := timing(h); !h.Maybe && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

func timing(h route.MarkerHook) Timing {
	switch {
	case h.Hook == "prerouting" || h.Hook == "ingress":
		return SetOnReceipt
	case h.Hook == "output" && h.Type == "route":
		return SetBeforeSending
	}
	return SetTooLate
}
