package coverage

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"routewhy/lookup"
	"routewhy/route"
)

// Changes are ranges whose decisions differ, in ascending order. There may be a million,
// so each decision is worked out again when it is asked for. The zero value has none.
// Only one goroutine at a time may use them.
type Changes struct {
	found []found
	a, b  *side
}

// found is a range and its mark.
type found struct {
	span
	mark Key
}

// Key is what a [Mark] returns for a change.
type Key [2]uint64

// Mark returns a key for a change. The caller uses it to find changes that are alike.
// Several goroutines call it at the same time. It must not keep the change.
type Mark func(*Change) Key

func newChanges(before, after *lookup.FIB, flow Flow) *Changes {
	return &Changes{a: newSide(before, flow), b: newSide(after, flow)}
}

// Len is how many ranges there are.
func (c *Changes) Len() int { return len(c.found) }

// Range is the first and the last address of one of the ranges.
func (c *Changes) Range(i int) (first, last netip.Addr) { return c.found[i].first, c.found[i].last }

// Key is what the caller's Mark returned for the first part of a range.
func (c *Changes) Key(i int) Key { return c.found[i].mark }

// At is one of the changes, by its place. The first place is 0.
func (c *Changes) At(i int) Change {
	x := c.at(c.found[i].first)
	x.Last = c.found[i].last
	x.Before, x.After = x.Before.Clone(), x.After.Clone()
	return x
}

// All are all changes.
func (c *Changes) All() []Change {
	out := make([]Change, c.Len())
	for i := range out {
		out[i] = c.At(i)
	}
	return out
}

// at gives the decisions about an address. The next call overwrites their NextHops.
func (c *Changes) at(first netip.Addr) Change {
	return Change{First: first, Before: c.a.decide(first), After: c.b.decide(first)}
}

// alike reports whether two changes are the same, so that adjacent ranges can be joined.
func (c *Changes) alike(x, y *Change) bool {
	return c.a.same(decided{&x.Before, x.First}, c.a, decided{&y.Before, y.First}) &&
		c.b.same(decided{&x.After, x.First}, c.b, decided{&y.After, y.First})
}

// own is a copy without the ranges, for another goroutine.
func (c *Changes) own() *Changes { return &Changes{a: c.a.own(), b: c.b.own()} }

// decideBlocks decides a packet to each address of a family. bounds calls add with the
// prefixes in a block at whose ends ranges may end.
func (c *Changes) decideBlocks(fam route.Family, bounds func(block int, add func(netip.Prefix)), wanted func(netip.Addr) bool, mark Mark) {
	c.decide(blocks, func(i int, s *starts) ([]netip.Addr, netip.Addr) {
		s.begin(blockOf(fam, i))
		bounds(i, s.add)
		return s.sorted(), route.LastAddr(s.within)
	}, wanted, mark)
}

// decide decides a packet to each of the ranges of some parts. part gives, for a part, the
// first addresses of its ranges and the last address of the last range; it may use the
// starts, which are the calling goroutine's own. Ranges that have the same two decisions
// are joined. All processors share the work.
func (c *Changes) decide(n int, part func(i int, s *starts) (first []netip.Addr, last netip.Addr), wanted func(netip.Addr) bool, mark Mark) {
	parts := make([][]found, n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wait.Go(func() {
			mine := c.own()
			var s starts
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				first, last := part(i, &s)
				parts[i] = mine.decideSome(first, last, wanted, mark)
			}
		})
	}
	wait.Wait()
	c.collect(parts)
}

// collect puts the parts together.
func (c *Changes) collect(parts [][]found) {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	c.found = make([]found, 0, n)
	for i, part := range parts {
		parts[i] = nil // it is copied, and there may be a million
		last := len(c.found) - 1
		if last >= 0 && len(part) > 0 && c.found[last].last.Next() == part[0].first {
			x := c.At(last)
			if y := c.at(part[0].first); c.alike(&x, &y) {
				c.found[last].last = part[0].last
				part = part[1:]
			}
		}
		c.found = append(c.found, part...)
	}
}

// decideSome decides some of the ranges, of which the last one ends at an address.
func (c *Changes) decideSome(starts []netip.Addr, end netip.Addr, wanted func(netip.Addr) bool, mark Mark) []found {
	var out []found
	var x, last Change // the same two are used for all ranges
	for i, first := range starts {
		if !wanted(first) {
			continue
		}
		x = c.at(first)
		if c.a.same(decided{&x.Before, x.First}, c.b, decided{&x.After, x.First}) {
			continue
		}
		end := end
		if i+1 < len(starts) {
			end = starts[i+1].Prev()
		}
		n := len(out) - 1
		if n >= 0 && out[n].last.Next() == x.First && c.alike(&last, &x) {
			out[n].last = end
			continue
		}
		one := found{span: span{x.First, end}}
		if mark != nil {
			one.mark = mark(&x)
		}
		out = append(out, one)
		hops := [2][]lookup.NextHop{append(last.Before.NextHops[:0], x.Before.NextHops...), append(last.After.NextHops[:0], x.After.NextHops...)}
		last = x
		last.Before.NextHops, last.After.NextHops = hops[0], hops[1]
	}
	return out
}
