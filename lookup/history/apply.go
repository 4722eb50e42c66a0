package history

import (
	"net/netip"
	"reflect"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// Apply gives the state after an event. The result is like a FIB that is read after the
// event, as far as that can be known. The FIB before stays unchanged. An event that the
// FIB already includes changes nothing.
func Apply(f *lookup.FIB, e *route.Event) *lookup.FIB {
	switch {
	case e.Route != nil:
		return applyRoute(f, e)
	case e.Link != nil:
		return applyLink(f, e)
	case e.Addr != nil:
		return applyAddr(f, e)
	case e.NextHop != nil:
		return applyNextHop(f, e)
	case e.Rule != nil:
		return with(f, func(s *route.Snapshot) { s.Rules = applyRule(s.Rules, e) })
	case e.Neighbour != nil:
		return with(f, func(s *route.Snapshot) { s.Neighbours = applyNeighbour(s.Neighbours, e) })
	}
	return f
}

// with is a FIB that differs in facts other than the routes. Edit gets a copy of the
// snapshot, and must replace every list that it changes.
func with(f *lookup.FIB, edit func(*route.Snapshot)) *lookup.FIB {
	s := *f.Snapshot()
	edit(&s)
	return f.Edit().FIB(&s)
}

// put replaces the element for which same is true in a copy of a list, or adds one at the
// end. If gone is set, it removes the element.
func put[T any](list []T, v T, gone bool, same func(*T) bool) []T {
	i := slices.IndexFunc(list, func(x T) bool { return same(&x) })
	switch {
	case gone && i < 0:
		return list
	case gone:
		return slices.Delete(slices.Clone(list), i, i+1)
	case i < 0:
		return append(slices.Clip(list), v)
	}
	list = slices.Clone(list)
	list[i] = v
	return list
}

// applyRule keeps the kernel's order: a new rule comes after the other rules of its
// priority. A deleted IPv6 rule may stay in force.
func applyRule(list []route.Rule, e *route.Event) []route.Rule {
	at := slices.IndexFunc(list, func(r route.Rule) bool { return sameRule(&r, e.Rule) })
	if e.Gone {
		switch {
		case at < 0 || list[at].Implied:
			return list
		case staysInForce(list, e.Rule):
			list = slices.Clone(list)
			list[at].Implied = true
			return list
		}
		return slices.Delete(slices.Clone(list), at, at+1)
	}
	if at >= 0 && !list[at].Implied {
		return list
	}
	if e.Rule.Family == route.IPv6 { // from now on, the kernel goes by the rules that are there
		list = slices.DeleteFunc(slices.Clone(list), func(r route.Rule) bool { return r.Implied })
	}
	return inOrder(list, e.Rule)
}

// staysInForce reports whether the kernel very probably goes by an IPv6 rule although it is
// deleted ([route.Rule.Implied]): the rule is one that a namespace starts with, and so are all
// others. Whether there ever was another one, only a reading can tell.
func staysInForce(list []route.Rule, deleted *route.Rule) bool {
	starts := route.DefaultRules(route.IPv6)
	isStart := func(r *route.Rule) bool {
		return slices.ContainsFunc(starts, func(d route.Rule) bool { return sameRule(&d, r) })
	}
	return deleted.Family == route.IPv6 && isStart(deleted) && !slices.ContainsFunc(list, func(r route.Rule) bool {
		return r.Family == route.IPv6 && !isStart(&r)
	})
}

// inOrder is a list with one more rule, after the others of its priority.
func inOrder(list []route.Rule, r *route.Rule) []route.Rule {
	at := slices.IndexFunc(list, func(x route.Rule) bool { return x.Family == r.Family && x.Priority > r.Priority })
	if at < 0 {
		return append(slices.Clip(list), *r)
	}
	return slices.Insert(slices.Clone(list), at, *r)
}

// sameRule reports whether two rules are the same rule. Whether a goto's target exists
// does not matter.
func sameRule(a, b *route.Rule) bool {
	x, y := *a, *b
	x.Unresolved, y.Unresolved, x.Implied, y.Implied = false, false, false, false
	return reflect.DeepEqual(&x, &y)
}

func applyNeighbour(list []route.Neighbour, e *route.Event) []route.Neighbour {
	return put(list, *e.Neighbour, e.Gone, func(n *route.Neighbour) bool {
		return n.Link == e.Neighbour.Link && n.Addr == e.Neighbour.Addr
	})
}

// applyLink applies a change of a device. If the device goes down or is deleted, its
// routes are removed too. If it goes up, the next hops by it are used again that routes have
// beside others.
func applyLink(f *lookup.FIB, e *route.Event) *lookup.FIB {
	old := f.Snapshot().Link(e.Link.Index)
	switch {
	case old == nil && e.Gone:
		return f
	case old == nil:
	case e.Gone:
		f = made(f, &change.Link{Verb: change.Delete, Index: old.Index})
	case old.Up() && !e.Link.Up():
		f = made(f, &change.Link{Verb: change.Modify, Index: old.Index, Up: route.No})
	case old.Up() && e.Link.Up() && old.Linked() != e.Link.Linked():
		f = change.New(f).Carrier(old.Index, e.Link.Linked()).FIB()
	}
	f = with(f, func(s *route.Snapshot) {
		s.Links = put(s.Links, *e.Link, e.Gone, func(l *route.Link) bool { return l.Index == e.Link.Index })
		s.SortLinks()
	})
	if old != nil && !old.Up() && e.Link.Up() && !e.Gone {
		f = change.New(f).Revived(e.Link.Index).FIB()
	}
	return f
}

// made makes a change that the kernel has already made. If the engine refuses it,
// nothing changes.
func made(f *lookup.FIB, c change.Change) *lookup.FIB { return change.New(f).Apply(c).State.FIB() }

// applyAddr applies a change of an address. If the address is gone, the routes that
// prescribe it as source are removed too, or do not prescribe it any more. Those of IPv6 go on
// prescribing it if its device stops using IPv6.
func applyAddr(f *lookup.FIB, e *route.Event) *lookup.FIB {
	same := func(a *route.Addr) bool {
		return a.Link == e.Addr.Link && a.Prefix == e.Addr.Prefix && a.Peer == e.Addr.Peer
	}
	if e.Gone && slices.ContainsFunc(f.Snapshot().Addrs, func(a route.Addr) bool { return same(&a) }) && !goneBefore(f, e.Addr) {
		f = made(f, &change.Addr{Verb: change.Delete, Addr: *e.Addr})
	}
	return with(f, func(s *route.Snapshot) {
		if !e.Gone && !slices.ContainsFunc(s.Addrs, func(a route.Addr) bool { return same(&a) }) {
			s.Addrs = slices.Insert(slices.Clone(s.Addrs), change.PlaceOfAddr(s.Addrs, e.Addr), *e.Addr)
			return
		}
		s.Addrs = put(s.Addrs, *e.Addr, e.Gone, same)
	})
}

// goneBefore reports whether the local route of an IPv6 address went before the address did. The
// kernel removes it first if the device stops using IPv6 (addrconf_ifdown), and last if the
// address alone is removed (ipv6_del_addr).
func goneBefore(f *lookup.FIB, a *route.Addr) bool {
	addr := a.Prefix.Addr()
	return addr.Is6() && !slices.ContainsFunc(f.Edit().At(route.TableLocal, netip.PrefixFrom(addr, addr.BitLen())), func(r *route.Route) bool {
		return r.Type == route.TypeLocal && slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return h.Link == a.Link })
	})
}

// applyNextHop applies a change of a next-hop object. If the object is gone, the
// routes that name it are removed too.
func applyNextHop(f *lookup.FIB, e *route.Event) *lookup.FIB {
	same := func(o *route.NextHopObject) bool { return o.ID == e.NextHop.ID }
	if e.Gone && slices.ContainsFunc(f.Snapshot().NextHops, func(o route.NextHopObject) bool { return same(&o) }) {
		f = made(f, &change.NextHop{Verb: change.Delete, Object: *e.NextHop})
	}
	return with(f, func(s *route.Snapshot) { s.NextHops = put(s.NextHops, *e.NextHop, e.Gone, same) })
}
