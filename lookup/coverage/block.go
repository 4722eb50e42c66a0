package coverage

import (
	"encoding/binary"
	"math"
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
)

// block is what becomes of the packet to the addresses of one prefix.
type block struct {
	ways  []blockWay // in the order of their first addresses
	parts []part
	// served are the routes that decide about addresses of the block. Those of which the
	// prefix is shorter than the block's may do so in other blocks too.
	served []Served
	// unreached are the other routes of the block.
	unreached []Place
	doubt     ranges // of which nothing is known
	global    bool   // the block is in 2000::/3
}

// part is a range and the place of its way in the block.
type part struct {
	Range
	way int
}

type blockWay struct {
	key   string // is the same if the same becomes of two packets
	first netip.Addr
}

// surveyor surveys one block after the other.
type surveyor struct {
	s        *Survey
	searcher *lookup.Searcher
	key      []byte
	places   map[Place]int // of the block's served routes
	starts   starts
	tied     map[lookup.Entry][]Place
}

func (w *surveyor) block(i int, bounds []netip.Prefix) *block {
	within := blockOf(w.s.Family, i)
	clear(w.places)
	b := &block{global: w.s.Family == route.IPv6 && i>>5 == 1}
	ways := map[string]int{}
	w.starts.begin(within)
	for _, p := range bounds {
		w.starts.add(p)
	}
	prefixesOf(w.s.fib, w.s.Family, i, w.starts.add)
	starts := w.starts.sorted()
	flow := w.s.flow
	for i, first := range starts {
		last := route.LastAddr(within)
		if i+1 < len(starts) {
			last = starts[i+1].Prev()
		}
		flow.Dst = first
		d := w.searcher.Lookup(flow)
		w.key = appendKey(w.key[:0], &d)
		n, known := ways[string(w.key)]
		if !known {
			n = len(b.ways)
			b.ways = append(b.ways, blockWay{string(w.key), first})
			ways[b.ways[n].key] = n
		}
		if k := len(b.parts) - 1; k >= 0 && b.parts[k].way == n {
			b.parts[k].Last = last
		} else {
			b.parts = append(b.parts, part{Range{first, last}, n})
		}
		if d.Disposition == lookup.DispositionUnknown {
			b.doubt = append(b.doubt, span{first, last})
		}
		w.take(b, flow, &d, CountOf(first, last))
	}
	w.s.fib.EntriesIn(within, func(dst netip.Prefix, e lookup.Entry) {
		at := Place{e, dst}
		if _, served := w.places[at]; !served && !e.Throws() && !b.doubt.overlaps(dst) {
			b.unreached = append(b.unreached, at)
		}
	})
	return b
}

// take notes which routes a decision takes.
func (w *surveyor) take(b *block, flow route.Flow, d *lookup.Decision, size Count) {
	if !d.HasRoute {
		return
	}
	own := Place{d.Entry(), d.Route.Dst}
	if d.Ambiguous.Code != lookup.CodeDefaultsTie {
		w.serve(b, own, size, false)
		return
	}
	for _, at := range w.turns(flow, own) {
		w.serve(b, at, size, true)
	}
}

func (w *surveyor) serve(b *block, at Place, size Count, turns bool) {
	i, known := w.places[at]
	if !known {
		i = len(b.served)
		w.places[at] = i
		b.served = append(b.served, Served{Place: at})
	}
	b.served[i].Size, b.served[i].Turns = b.served[i].Size.Plus(size), b.served[i].Turns || turns
}

// turns are the equal default routes that one of them takes turns with, itself among them.
func (w *surveyor) turns(flow route.Flow, own Place) []Place {
	if all := w.tied[own.Entry]; all != nil {
		return all
	}
	all := []Place{own}
	t := w.s.fib.Explain(flow)
	for i := range t.Rules {
		for k := range t.Rules[i].Candidates {
			c := &t.Rules[i].Candidates[k]
			at := Place{c.Entry(), c.Route.Dst}
			if c.Verdict == lookup.VerdictPossible && at != own {
				all = append(all, at)
			}
		}
	}
	if w.tied == nil {
		w.tied = map[lookup.Entry][]Place{}
	}
	w.tied[own.Entry] = all
	return all
}

// appendKey appends what makes two decisions the same way.
func appendKey(b []byte, d *lookup.Decision) []byte {
	b = append(b, byte(d.Disposition))
	b = binary.BigEndian.AppendUint64(b, uint64(d.Errno))
	b = binary.BigEndian.AppendUint64(b, uint64(d.SomeRefused))
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(d.RefusedShare))
	b = append(append(b, d.Ambiguous.Code...), 0)
	if d.Disposition == lookup.DispositionInvalid {
		b = append(append(b, d.Shortcut...), 0)
	}
	for i := range d.NextHops {
		h := &d.NextHops[i]
		b = append(b, byte(h.Gateway.BitLen()), byte(h.Via.Encap), byte(h.Via.Encap>>8), flags(h.Stale, h.Redirected))
		b = append(b, h.Gateway.AsSlice()...)
		b = binary.BigEndian.AppendUint64(b, uint64(h.Link))
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(h.Share))
	}
	return b
}

func flags(all ...bool) (out byte) {
	for _, set := range all {
		out <<= 1
		if set {
			out |= 1
		}
	}
	return out
}
