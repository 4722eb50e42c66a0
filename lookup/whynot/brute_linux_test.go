package whynot

import (
	"net/netip"
	"slices"

	"routewhy/lookup/change"
	"routewhy/route"
)

// brute tries single edits.
func (c *trialCase) brute() {
	c.sum.Nothing++
	for _, p := range edits(c.host, &c.question.Flow) {
		c.sum.Edits++
		out := change.New(c.host.fib).Apply(p)
		if out.Refusal != nil {
			continue
		}
		d := decide(out.State.FIB(), c.question.Flow, c.question.Connects)
		if c.question.Want.Kind == Rule && !c.has(d.Rule) {
			continue // it is another rule, which was given the priority of the one that is wanted
		}
		if met, _ := c.question.Want.On(out.State.FIB(), &c.question.Flow, &d); met == All {
			c.errorf("nothing is offered, but %T %+v would do it", p, p)
			return
		}
	}
}

// has reports whether the host has a rule of a priority that does the same.
func (c *trialCase) has(r *route.Rule) bool {
	return r != nil && slices.ContainsFunc(c.host.snap.Rules, func(o route.Rule) bool {
		return o.Family == r.Family && o.Priority == r.Priority && o.Action == r.Action && o.Table == r.Table && o.Goto == r.Goto
	})
}

// edits are single changes of a host.
func edits(host *live, flow *route.Flow) []change.Change {
	var out []change.Change
	fam := flow.Family()
	to := netip.PrefixFrom(flow.Dst.WithZone(""), flow.Dst.BitLen())
	tables := host.fib.TableOrder(fam)
	hops := map[route.NextHop]bool{}
	for i := range host.snap.Routes {
		r := &host.snap.Routes[i]
		if r.Family() != fam || r.Table == route.TableLocal {
			continue
		}
		out = append(out, deletion(r))
		for _, h := range r.NextHops {
			if h.Encap == 0 && r.Type == route.TypeUnicast {
				hops[route.NextHop{Link: h.Link, Gateway: h.Gateway, Flags: h.Flags & route.NextHopOnLink}] = true
			}
		}
	}
	x := &tries{search: &search{root: newState(host.fib, *flow, false)}}
	for _, id := range tables {
		if id == route.TableLocal {
			continue
		}
		for h := range hops {
			r := route.Route{Table: id, Dst: to, Type: route.TypeUnicast, NextHops: []route.NextHop{h}}
			out = append(out, x.addition(change.Add, r)[0]...)
		}
	}
	for i := range host.snap.Rules {
		r := &host.snap.Rules[i]
		if r.Family != fam || original(r) || len(r.Unknown) > 0 || r.Implied {
			continue
		}
		out = append(out, x.deleting(r)...)
	}
	for _, id := range tables {
		for i := range host.snap.Rules {
			if r := &host.snap.Rules[i]; r.Family == fam && r.Priority > 0 {
				one := plain(fam, r.Priority-1, id)
				one.Selector.Dst = to
				out = append(out, adding(one)...)
			}
		}
	}
	for i := range host.snap.Links {
		out = append(out, &change.Link{Verb: change.Modify, Index: host.snap.Links[i].Index, Up: route.Yes})
	}
	return out
}
