package lookup

import (
	"net/netip"

	"routewhy/route"
)

// gap finds an address of a prefix that is in none of the table's longer prefixes: an
// ordinary one where there is a choice. Where there is no such address, it gives at most
// two prefixes that together cover all of them.
func (f *FIB) gap(id route.Table, p netip.Prefix) (netip.Addr, []route.Route, bool) {
	t := f.family(route.FamilyOf(p.Addr())).tables[id]
	var c cover
	c.start(p)
	for sub := range t.subnets(p) {
		if sub != p {
			c.add(sub)
		}
		if c.found() {
			break
		}
	}
	c.finish()
	if c.best.IsValid() {
		return c.best, nil, true
	}
	return netip.Addr{}, c.widest(t, p), false
}

// cover walks through the longer prefixes in a prefix in ascending order, and
// looks for a gap between them.
type cover struct {
	whole netip.Prefix
	next  netip.Addr // the first address not covered so far
	full  bool       // nothing is left after next
	best  netip.Addr
}

func (c *cover) start(p netip.Prefix) { c.whole, c.next = p, p.Addr() }

func (c *cover) add(sub netip.Prefix) {
	if c.full {
		return
	}
	if c.next.Less(sub.Addr()) {
		c.gap(c.next, sub.Addr().Prev())
	}
	last := route.LastAddr(sub)
	if last.Less(c.next) {
		return
	}
	c.next = last.Next()
	c.full = !c.next.IsValid()
}

func (c *cover) finish() {
	if !c.full {
		c.gap(c.next, route.LastAddr(c.whole))
	}
}

// found says that nothing better can be found.
func (c *cover) found() bool { return c.best.IsValid() && ordinary(c.best) }

// gap takes the first ordinary address of a gap.
func (c *cover) gap(first, last netip.Addr) {
	if c.found() {
		return
	}
	if first.IsUnspecified() && first != last { // never looked up
		first = first.Next()
	}
	for _, a := range []netip.Addr{first, ordinaryAfter(first)} {
		if a.IsValid() && !last.Less(a) && (!c.best.IsValid() || ordinary(a)) {
			c.best = a
		}
	}
}

// ordinary reports whether an address is that of some other host, as far as its
// kind goes.
func ordinary(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !(a.Is4() && a.As4()[0] == 0)
}

// ordinaryAfter is the first ordinary address after the special block that an
// address is in.
func ordinaryAfter(a netip.Addr) netip.Addr {
	switch {
	case ordinary(a):
		return a
	case a.Is4() && a.As4()[0] == 0:
		return netip.AddrFrom4([4]byte{1})
	case a.Is4() && a.IsLoopback():
		return netip.AddrFrom4([4]byte{128})
	case a.Is4():
		return netip.AddrFrom4([4]byte{240})
	case a.As16()[0] == 0:
		return netip.AddrFrom16([16]byte{0x20})
	}
	return netip.Addr{}
}

// widest are the two halves of a prefix, where both have a route. They shadow a route
// most plainly.
func (c *cover) widest(t *table, p netip.Prefix) []route.Route {
	var out []route.Route
	low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	high := netip.PrefixFrom(route.LastAddr(low).Next(), p.Bits()+1)
	for _, h := range []netip.Prefix{low, high} {
		if l, ok := t.trie.Get(h); ok {
			out = append(out, l.entries[0].full(h))
		}
	}
	return out
}
