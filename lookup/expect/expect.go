// Package expect decides whether a host does what is expected of it: for all addresses of
// a destination, exactly.
package expect

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change/command"
	"routewhy/lookup/coverage"
	"routewhy/route"
)

// State is whether an expectation holds. The zero value is none.
type State string

// The states.
const (
	OK      State = "ok"
	No      State = "no"
	Unknown State = "unknown" // what was read does not tell
)

// Word is the word of an expectation that is not met.
type Word string

// The words.
const (
	WordDev     Word = "dev"
	WordVia     Word = "via"
	WordTable   Word = "table"
	WordSrc     Word = "src"
	WordRefused Word = "refused"
	WordNone    Word = "none"
	WordLocal   Word = "local"
	// WordDefault: no packet takes a default route.
	WordDefault Word = "default"
)

// Question is an expectation by a host's own numbers.
type Question struct {
	// Dst is the destination, all addresses of which are meant. Where its length is 0,
	// those are meant whose packets take a default route or, where none does, the longer
	// prefixes that replace it (see [lookup.FIB.Replacements]); not multicast groups.
	Dst netip.Prefix
	// Flow is the packet except for its destination.
	Flow   route.Flow
	Wanted Wanted
}

// Wanted is what is expected of each packet. What is zero is not asked for.
type Wanted struct {
	// Link is the index of the device; -1: one that the host does not have.
	Link int
	Via  netip.Addr
	// Table is asked for where HasTable is set; [route.TableUnspec]: the host has none of
	// the name.
	Table    route.Table
	HasTable bool
	Src      netip.Prefix
	Fate     command.Fate
}

// Result is whether an expectation holds, and where not.
type Result struct {
	State State
	// Word is what is not met; empty where the state is OK, or nothing can be told.
	Word Word
	// First and Last are the part of the destination where it is not met, the largest if
	// there are Parts of them. With [WordDefault], and where it is met, they are zero.
	First, Last netip.Addr
	Parts       int
	// Whole says that it is met nowhere.
	Whole bool
	// Addr is the first address of the largest range, in that part, that is decided
	// alike, and Decision what becomes of a packet to it; nil: there is none.
	Addr     netip.Addr
	Decision *lookup.Decision
	// Some says that it is not met by some flows alone, and Share which part of all that
	// is; zero: it cannot be known.
	Some  bool
	Share float64
}

// Hold decides about an expectation.
func Hold(f *lookup.FIB, r *coverage.Ranges, q *Question) Result {
	if q.Dst.Bits() > 0 {
		return q.over(r, func(*lookup.Decision) bool { return true })
	}
	out := q.over(r, func(d *lookup.Decision) bool { return d.Default() && !group(d) })
	if out.State != "" {
		return out
	}
	if others := f.Replacements(q.Dst); len(others) > 0 {
		out = q.over(r, func(d *lookup.Decision) bool {
			return d.HasRoute && !group(d) && slices.ContainsFunc(others, func(s lookup.EntryStatus) bool { return s.Route.Dst == d.Route.Dst })
		})
	}
	switch {
	case out.State != "":
		return out
	case q.Wanted.Fate == command.FateNone:
		return Result{State: OK}
	}
	return Result{State: No, Word: WordDefault}
}

// group reports whether a packet is for many: the default route gives these a device and no
// more.
func group(d *lookup.Decision) bool {
	return d.Disposition == lookup.DispositionMulticast || d.Disposition == lookup.DispositionBroadcast
}

// over decides about the ranges of the destination that are about the expectation; those
// that cannot be decided may be. The zero Result: there are none.
func (q *Question) over(r *coverage.Ranges, about func(*lookup.Decision) bool) Result {
	var ok, no, unknown gathered
	r.Each(q.Flow, q.Dst, q.Wanted.Src, func(first, last netip.Addr, d *lookup.Decision) bool {
		if d.Disposition != lookup.DispositionUnknown && !about(d) {
			return true
		}
		v := q.judge(d)
		switch v.state {
		case OK:
			ok.add(first, last, d, v)
		case No:
			no.add(first, last, d, v)
		default:
			unknown.add(first, last, d, v)
		}
		return true
	})
	switch {
	case no.parts > 0:
		out := no.result()
		out.Whole = ok.parts == 0 && unknown.parts == 0
		return out
	case unknown.parts > 0:
		out := unknown.result()
		out.Whole = ok.parts == 0
		return out
	case ok.parts > 0:
		out := ok.result()
		out.First, out.Last, out.Parts = netip.Addr{}, netip.Addr{}, 0
		return out
	}
	return Result{}
}

// gathered are ranges of the same state.
type gathered struct {
	parts      int
	this, most part
}

// part is ranges in a row, and the largest of them.
type part struct {
	first, last netip.Addr
	size        size
	addr        netip.Addr
	largest     size
	decision    lookup.Decision
	verdict     verdict
}

// add adds a range, which comes after all others.
func (g *gathered) add(first, last netip.Addr, d *lookup.Decision, v verdict) {
	p := &g.this
	if g.parts == 0 || p.last.Next() != first {
		g.parts++
		*p = part{first: first}
	}
	p.last = last
	if n := sizeOf(first, last); p.size == (size{}) || p.largest.less(n) {
		p.addr, p.largest, p.verdict = first, n, v
		p.decision = *d
		p.decision.NextHops = slices.Clone(d.NextHops)
	}
	p.size = sizeOf(p.first, last)
	if g.most.size.less(p.size) {
		g.most = *p
	}
}

func (g *gathered) result() Result {
	p := &g.most
	return Result{
		State: p.verdict.state, Word: p.verdict.word, First: p.first, Last: p.last, Parts: g.parts,
		Addr: p.addr, Decision: &p.decision, Some: p.verdict.some, Share: p.verdict.share,
	}
}

// size is how many addresses a range has, which may take 128 bits: one less.
type size struct {
	any      bool
	high, lo uint64
}

func sizeOf(first, last netip.Addr) size {
	a, b := first.As16(), last.As16()
	lo, borrow := bits.Sub64(binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(a[8:]), 0)
	high, _ := bits.Sub64(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(a[:8]), borrow)
	return size{true, high, lo}
}

func (s size) less(o size) bool {
	switch {
	case s.any != o.any:
		return o.any
	case s.high != o.high:
		return s.high < o.high
	}
	return s.lo < o.lo
}
