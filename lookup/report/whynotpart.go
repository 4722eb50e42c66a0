package report

import (
	"math/big"
	"net/netip"

	"routewhy/lookup"
	"routewhy/lookup/coverage"
	"routewhy/lookup/whynot"
	"routewhy/route"
)

// Apart are those addresses of a prefix that do not go as its typical address does: they go
// where they are wanted to go, and it does not, or the other way round. This host's own
// addresses and broadcasts are not among them.
type Apart struct {
	// Addresses is how many they are, and First is the first of them.
	Addresses *big.Int   `json:"addresses"`
	First     netip.Addr `json:"first"`
	// AtLeast says that the prefix has too many ranges, and not all of them were decided.
	AtLeast bool `json:"at_least,omitempty"`
}

// maxApart is how many ranges of a prefix are decided.
const maxApart = 1 << 16

// apart finds the addresses of a prefix that do not go as its typical address does; nil: all
// go alike, or the question is about all addresses of a family.
func apart(l *look, want *whynot.Want, about netip.Prefix, met whynot.Met) *Apart {
	if !about.IsValid() || about.Bits() == 0 || about.IsSingleIP() || met == whynot.Some {
		return nil
	}
	out, n := &Apart{Addresses: new(big.Int)}, 0
	flow := l.asked()
	coverage.RangesOf(l.FIB).Each(flow, about, netip.Prefix{}, func(first, last netip.Addr, d *lookup.Decision) bool {
		if n++; n > maxApart {
			out.AtLeast = true
			return false
		}
		if !sentOn(d) {
			return true
		}
		flow.Dst = first
		if now, _ := want.On(l.FIB, &flow, d); (now == whynot.All) == (met == whynot.All) {
			return true
		}
		if !out.First.IsValid() {
			out.First = first
		}
		out.Addresses.Add(out.Addresses, coverage.CountOf(first, last).Big())
		return true
	})
	if !out.First.IsValid() {
		return nil
	}
	return out
}

// sentOn reports whether a decision is about a packet to another host, of which something is
// known.
func sentOn(d *lookup.Decision) bool {
	switch d.Disposition {
	case lookup.DispositionLocal, lookup.DispositionBroadcast, lookup.DispositionAnycast, lookup.DispositionMulticast, lookup.DispositionUnknown:
		return false
	}
	return !d.HasRoute || d.Route.Table != route.TableLocal
}
