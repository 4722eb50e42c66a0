package whynot

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
)

// forgot reports whether a way does not lead there because the two hosts do not know of the
// same failed neighbours: the kernel forgets them at its own time (neigh_periodic_work).
func (c *trialCase) forgot(w *Way, other *live) bool {
	if slices.Equal(failed(c.host.snap), failed(other.snap)) {
		return false
	}
	same := *c.host.snap
	same.Neighbours = other.snap.Neighbours
	now := change.New(lookup.New(&same))
	for _, x := range w.Changes {
		now = now.Apply(x).State
	}
	d := decide(now.FIB(), c.question.Flow, c.question.Connects)
	met, _ := c.question.Want.Met(&c.question.Flow, &d)
	return met != All
}

// sometimes checks a way after which a part of all flows goes where it is wanted to go.
func (c *trialCase) sometimes(host *live, w *Way) {
	flow := c.question.Flow
	_, a, same := host.compare(c.t, flow)
	d := decide(host.fib, flow, c.question.Connects)
	met, share := c.question.Want.Met(&flow, &d)
	if met != Some || share != w.Share {
		c.errorf("after %q a part of all flows does not go there: %+v", w.Commands, d)
	}
	if a.Asked && !same.Agrees {
		c.errorf("after %q routewhy and the kernel disagree: %+v", w.Commands, same)
	}
	if a.Asked && share > 0 && !c.seen(host, &d, share) {
		c.errorf("after %q the kernel sends no flow there, and a part of %v should go", w.Commands, share)
	}
}

// seen reports whether the kernel sends some flow by a multipath route where it is wanted to
// go. It asks about other destinations of the route, of which the hash is another one.
func (c *trialCase) seen(host *live, d *lookup.Decision, share float64) bool {
	flow, prefix := c.question.Flow, d.Route.Dst
	free := min(prefix.Addr().BitLen()-prefix.Bits(), 16)
	if len(d.NextHops) < 2 || free < 10 {
		return true // too few destinations
	}
	asked := 0
	for range int(20 / share) { // by chance none is seen in one of 10^8 cases
		b := prefix.Addr().AsSlice()
		n := c.rng.IntN(1 << free)
		b[len(b)-1] |= byte(n)
		b[len(b)-2] |= byte(n >> 8)
		flow.Dst, _ = netip.AddrFromSlice(b)
		other := decide(host.fib, flow, false)
		if met, _ := c.question.Want.Met(&flow, &other); met != Some || other.Entry() != d.Entry() {
			continue
		}
		a, ok := host.ask(c.t, flow)
		if !ok {
			continue
		}
		asked++
		one := other
		one.NextHops = slices.DeleteFunc(slices.Clone(other.NextHops), func(h lookup.NextHop) bool { return h.Link != a.Link || h.Gateway != a.Gateway })
		if met, _ := c.question.Want.Met(&flow, &one); met != No {
			return true
		}
	}
	return asked < int(10/share)
}
