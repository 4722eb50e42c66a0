package coverage

import (
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"routewhy/lookup"
	"routewhy/route"
)

// Survey is what becomes of a packet to each address of one family. Only one goroutine at
// a time may use it.
type Survey struct {
	Family route.Family
	// Ways are what may become of the packet, in the order of their first addresses. Their
	// sizes add up to all addresses of the family.
	Ways []Way
	// Served are the routes that decide about some addresses, in no certain order. Together
	// they may have fewer addresses than the family: some addresses are decided without a
	// route. If routes take turns, each of them has the addresses of all.
	Served []Served
	// Unreached are the other routes, in no certain order. Routes of type throw are left
	// out, and those that cover an address about which nothing is known.
	Unreached []Place

	fib  *lookup.FIB
	flow route.Flow
}

// Way is one thing that may become of the packet: the same next hops in the same parts, or
// the same refusal. The source and the route do not matter.
type Way struct {
	Size   Count
	Global Count // those of them in 2000::/3, the global unicast addresses of IPv6
	Ranges int   // the ranges that have these addresses; no two of them are adjacent
	// Largest are the largest of these ranges, at most [MaxLargest]. The first of the
	// largest comes first.
	Largest []Range
	First   netip.Addr
}

// MaxLargest is how many ranges of a [Way] are kept.
const MaxLargest = 32

// Range is a range of addresses.
type Range struct{ First, Last netip.Addr }

// Size is how many addresses it has.
func (r Range) Size() Count { return CountOf(r.First, r.Last) }

// Place is a route: an entry and its destination.
type Place struct {
	Entry lookup.Entry
	Dst   netip.Prefix
}

// Served is a route that decides about some addresses.
type Served struct {
	Place
	Size Count
	// Turns says that it is one of several equal default routes, among which the kernel
	// chooses.
	Turns bool
}

// Of surveys a packet, whose destination is ignored, to all addresses of a family. It calls
// each with every range of addresses of one way, in ascending order, and with the place of
// that way in Ways; each may be nil.
func Of(f *lookup.FIB, fam route.Family, flow route.Flow, each func(r Range, way int)) *Survey {
	s := &Survey{Family: fam, fib: f, flow: flow, Served: make([]Served, 0, f.PrefixCount(fam))}
	c := &collector{Survey: s, each: each, ways: map[string]int{}, short: map[Place]Served{}}
	s.eachBlock(func(b *block) { c.add(b) })
	c.end()
	return s
}

// Decide decides about the packet to one address.
func (s *Survey) Decide(dst netip.Addr) (route.Flow, lookup.Decision) {
	flow := s.flow
	flow.Dst = dst
	return flow, s.fib.Lookup(flow)
}

// eachBlock surveys all blocks, and calls done with each in ascending order.
func (s *Survey) eachBlock(done func(*block)) {
	bounds := boundsOf(s.Family, s.fib)
	workers := runtime.GOMAXPROCS(0)
	todo := make(chan int)
	results := [blocks]chan *block{}
	for i := range results {
		results[i] = make(chan *block, 1)
	}
	ahead := make(chan struct{}, 4*workers) // of the block that is awaited
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			w := &surveyor{s: s, searcher: s.fib.Searcher(), places: map[Place]int{}}
			for i := range todo {
				results[i] <- w.block(i, bounds[i])
			}
		})
	}
	go func() {
		for i := range results {
			ahead <- struct{}{}
			todo <- i
		}
		close(todo)
	}()
	for i := range results {
		done(<-results[i])
		<-ahead
	}
	wait.Wait()
}

// collector puts the blocks together.
type collector struct {
	*Survey
	each  func(Range, int)
	ways  map[string]int
	open  Range // the last range, which the next block may go on with
	way   int   // its way
	short map[Place]Served
	doubt ranges // the ranges of which nothing is known
}

func (c *collector) add(b *block) {
	place := make([]int, len(b.ways))
	for i, w := range b.ways {
		n, known := c.ways[w.key]
		if !known {
			n = len(c.Ways)
			c.ways[w.key] = n
			c.Ways = append(c.Ways, Way{First: w.first})
		}
		place[i] = n
	}
	for _, p := range b.parts {
		size, w := p.Size(), place[p.way]
		c.Ways[w].Size = c.Ways[w].Size.Plus(size)
		if b.global {
			c.Ways[w].Global = c.Ways[w].Global.Plus(size)
		}
		if c.open.First.IsValid() && c.way == w {
			c.open.Last = p.Last
			continue
		}
		c.close()
		c.open, c.way = p.Range, w
	}
	c.doubt = append(c.doubt, b.doubt...)
	for _, one := range b.served {
		at := one.Place
		if at.Dst.Bits() >= blockBits {
			c.Served = append(c.Served, one)
			continue
		}
		sum := c.short[at]
		c.short[at] = Served{at, sum.Size.Plus(one.Size), sum.Turns || one.Turns}
	}
	c.Unreached = append(c.Unreached, b.unreached...)
}

// close ends the open range.
func (c *collector) close() {
	if !c.open.First.IsValid() {
		return
	}
	w := &c.Ways[c.way]
	w.Ranges++
	w.keep(c.open)
	if c.each != nil {
		c.each(c.open, c.way)
	}
}

// keep keeps a range if it is one of the largest.
func (w *Way) keep(r Range) {
	size := r.Size()
	at := len(w.Largest)
	for at > 0 && w.Largest[at-1].Size().Less(size) {
		at--
	}
	if at == MaxLargest {
		return
	}
	w.Largest = slices.Insert(w.Largest[:min(len(w.Largest), MaxLargest-1)], at, r)
}

// end adds what belongs to no single block.
func (c *collector) end() {
	c.close()
	for _, one := range c.short {
		c.Served = append(c.Served, one)
	}
	c.fib.ShortEntries(c.Family, blockBits, func(dst netip.Prefix, e lookup.Entry) {
		at := Place{e, dst}
		if _, served := c.short[at]; !served && !e.Throws() && !c.doubt.overlaps(dst) {
			c.Unreached = append(c.Unreached, at)
		}
	})
}
