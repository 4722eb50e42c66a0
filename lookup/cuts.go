package lookup

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"routewhy/route"
)

// Cuts hands prefixes of a family to add such that a decision about a packet is the same
// for all addresses that the same of these prefixes cover, be they its source or its
// destination, while its other address is given and is one of this host's.
func (f *FIB) Cuts(fam route.Family, add func(netip.Prefix)) {
	f.Prefixes(fam, add)
	s := f.snap
	for i := range s.Rules {
		r := &s.Rules[i]
		for _, p := range []netip.Prefix{r.Selector.Src, r.Selector.Dst} {
			if r.Family == fam && p.IsValid() {
				add(p.Masked())
			}
		}
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if route.FamilyOf(a.Prefix.Addr()) != fam {
			continue
		}
		add(a.Prefix.Masked())
		add(netip.PrefixFrom(a.Prefix.Addr(), fam.Bits()))
		if a.Peer.IsValid() {
			add(a.Peer.Masked())
		}
	}
	for _, p := range f.sources {
		if fam == route.IPv6 {
			add(p)
		}
	}
	for _, p := range apart(fam) {
		add(netip.MustParsePrefix(p))
	}
}

// Kind is the same text for addresses of this host that are decided alike, as the
// source or the destination of a packet whose other address is given.
func (f *FIB) Kind(a netip.Addr) string {
	fam := f.family(route.FamilyOf(a))
	if fam.bySource || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return a.String()
	}
	b := fmt.Appendf(nil, "%d %d", a.BitLen(), f.owner(a))
	for _, r := range fam.rules {
		s := &r.Selector
		b = append(b, flag(s.Src.IsValid() && s.Src.Contains(a))|2*flag(s.Dst.IsValid() && s.Dst.Contains(a)))
	}
	for _, id := range f.TableOrder(route.FamilyOf(a)) {
		t := fam.tables[id]
		if t == nil {
			continue
		}
		b = binary.AppendUvarint(b, uint64(id))
		c := t.covering(a)
		for rf, ok := c.next(); ok; rf, ok = c.next() {
			b = append(b, byte(rf.dst.Bits()))
			if !slices.ContainsFunc(rf.leaf.entries, func(e *entry) bool { return e.route.Type != route.TypeLocal || e.route.TOS != 0 }) {
				b = fmt.Appendf(b, "local %d", rf.leaf.entries[0].link())
				break // shorter ones are not asked
			}
			b = fmt.Appendf(b, "%p", rf.leaf)
		}
	}
	return string(b)
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// link is the device of an entry's first next hop; zero: it has none.
func (e *entry) link() int {
	if len(e.hops) == 0 {
		return 0
	}
	return e.hops[0].Link
}

// LocalRoutes hands each prefix that a route of type local makes this host's to each, with
// the route's device.
func (f *FIB) LocalRoutes(each func(netip.Prefix, int)) {
	for _, fam := range []*family{&f.v4, &f.v6} {
		for _, id := range slices.Sorted(maps.Keys(fam.tables)) {
			for p, l := range fam.tables[id].trie.AllSorted() {
				for _, e := range l.entries {
					if e.route.Type == route.TypeLocal {
						each(p, e.link())
					}
				}
			}
		}
	}
}
