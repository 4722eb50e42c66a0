package change

import (
	"slices"

	"routewhy/route"
)

// addresses brings the addresses back, device by device.
func (u *undoer) addresses() {
	for i := range u.wanted().Links {
		for _, f := range []route.Family{route.IPv4, route.IPv6} {
			u.addressesOf(u.wanted().Links[i].Index, f)
		}
	}
}

// addrs are a device's addresses of a family, in their order and without their protocols
// (IFA_PROTO). Not every ip has a word for these, kernels before 5.18 and listings do not tell
// them, and no packet is decided by them.
func (u *undoer) addrs(s *route.Snapshot, link int, f route.Family) []route.Addr {
	list := slices.DeleteFunc(slices.Clone(s.Addrs), func(a route.Addr) bool {
		return a.Link != link || route.FamilyOf(a.Prefix.Addr()) != f
	})
	for i := range list {
		list[i].Protocol = 0
		if f == route.IPv6 { // no request makes a temporary address
			list[i].Flags &^= route.AddrSecondary
		}
	}
	return list
}

// sameAddr reports whether two addresses are the same, except for the remaining time.
func sameAddr(a, b route.Addr) bool { return timeless(a) == timeless(b) }

// timeless removes what changes only with time: how long a limited lifetime still is,
// and whether the kernel has finished testing whether an address is unique.
func timeless(a route.Addr) route.Addr {
	const limited = 1
	if a.ValidLft != route.ForeverLft {
		a.ValidLft = limited
	}
	if a.PreferredLft != route.ForeverLft && a.PreferredLft != 0 {
		a.PreferredLft = limited
	}
	if a.Prefix.Addr().Is6() {
		a.Flags &^= route.AddrTentative | route.AddrOptimistic
	}
	return a
}

// addressesOf brings the addresses of one device back. It first tries what changes
// least. If that does not give the right order, it removes all addresses after the first
// difference.
func (u *undoer) addressesOf(link int, f route.Family) {
	want := u.addrs(u.wanted(), link, f)
	done := func() bool { return slices.EqualFunc(want, u.addrs(u.present(), link, f), sameAddr) }
	if done() || u.present().Link(link) == nil {
		return
	}
	m := u.mark()
	u.placeAddrs(want, link, f, 0)
	if done() {
		return
	}
	u.back(m)
	have := u.addrs(u.present(), link, f)
	u.placeAddrs(want, link, f, alikeFirst(want, have, f))
	if !done() {
		u.back(m)
		u.placeAddrs(want, link, f, 0)
	}
}

// alikeFirst is how many addresses two lists have in common, counted from the side where
// the kernel keeps the oldest: it puts a new IPv6 address before the others, and a new
// IPv4 address after them. It returns the number of the other addresses, at least one.
func alikeFirst(want, have []route.Addr, f route.Family) int {
	n := 0
	for n < len(want) && n < len(have) {
		w, h := want[n], have[n]
		if f == route.IPv6 {
			w, h = want[len(want)-1-n], have[len(have)-1-n]
		}
		if !sameAddr(w, h) {
			break
		}
		n++
	}
	return max(1, len(have)-n)
}

// placeAddrs deletes the addresses that are superfluous or different, and also the
// given number of the newest other addresses. Then it adds those that are missing.
func (u *undoer) placeAddrs(want []route.Addr, link int, f route.Family, newest int) {
	have := u.addrs(u.present(), link, f)
	if f == route.IPv4 {
		slices.Reverse(have) // the newest first, and secondary addresses before their primary one
	}
	for i := range have {
		w := slices.IndexFunc(want, func(a route.Addr) bool { return a.Prefix == have[i].Prefix && a.Peer == have[i].Peer })
		if w >= 0 && i >= newest && (sameAddr(want[w], have[i]) || u.modifyAddr(&want[w])) {
			continue
		}
		u.do(&Addr{Verb: Delete, Addr: route.Addr{Link: link, Prefix: have[i].Prefix, Peer: have[i].Peer, Label: have[i].Label}})
	}
	missing := slices.Clone(want)
	if f == route.IPv6 {
		slices.Reverse(missing)
	} else { // primary addresses first
		slices.SortStableFunc(missing, func(a, b route.Addr) int { return int(a.Flags&route.AddrSecondary) - int(b.Flags&route.AddrSecondary) })
	}
	for i := range missing {
		if !slices.ContainsFunc(u.addrs(u.present(), link, f), func(a route.Addr) bool { return a.Prefix == missing[i].Prefix && a.Peer == missing[i].Peer }) {
			verb := Add
			if missing[i].Prefix.Addr().Is6() && missing[i].Prefix.Addr().IsLinkLocalUnicast() {
				verb = Replace // the kernel may have made it again itself
			}
			u.do(requestAddr(verb, &missing[i]))
		}
	}
}

// modifyAddr changes an address in place, if that makes it what it was before.
func (u *undoer) modifyAddr(w *route.Addr) bool {
	m := u.mark()
	if u.do(requestAddr(Modify, w)) && slices.ContainsFunc(u.addrs(u.present(), w.Link, route.FamilyOf(w.Prefix.Addr())), func(a route.Addr) bool { return sameAddr(a, *w) }) {
		return true
	}
	u.back(m)
	return false
}

// requestAddr is a listed address in the form that a request has.
func requestAddr(v Verb, a *route.Addr) *Addr {
	c := &Addr{Verb: v, Addr: *a, Metric: a.Metric}
	c.Addr.Metric = 0
	if a.Prefix.Addr().Is4() {
		c.Addr.Flags &= route.AddrNoPrefixRoute | route.AddrMCAutoJoin
	} else {
		c.Addr.Flags &= given6
	}
	if a.ValidLft == route.ForeverLft && a.PreferredLft == route.ForeverLft {
		c.Addr.ValidLft, c.Addr.PreferredLft = 0, 0
	}
	return c
}

// renewAddresses is for addresses whose own routes are not as they were. No request
// can make such routes, so it removes the addresses and adds them again. It reports
// whether there was anything to do.
func (u *undoer) renewAddresses() bool {
	if u.renewed == nil {
		u.renewed = map[linkFamily]bool{}
	}
	did := false
	for _, p := range u.order {
		for _, r := range u.want.fib.Edit().At(p.table, p.dst) {
			if r.Protocol != route.ProtocolKernel || len(r.NextHops) != 1 || u.hasRoute(p, r) {
				continue
			}
			link := r.NextHops[0].Link
			key := linkFamily{link, route.FamilyOf(p.dst.Addr())}
			if !u.renewed[key] && u.present().Link(link) != nil {
				u.renewed[key] = true
				want := u.addrs(u.wanted(), link, key.family)
				u.placeAddrs(want, link, key.family, len(want)+1)
				did = true
			}
		}
	}
	return did
}

// linkFamily is one family on one device.
type linkFamily struct {
	link   int
	family route.Family
}
