package lookup

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"routewhy/route"
)

// Cuts calls add with the prefixes of a family by which a packet may be decided that has
// one of this host's addresses as its source or its destination. If that address stays,
// packets are decided alike whose other addresses are in the same of these prefixes.
func (f *FIB) Cuts(fam route.Family, add func(netip.Prefix)) {
	f.ownCuts(fam, func(p netip.Prefix) bool {
		add(p)
		return true
	})
	for _, p := range apart(fam) {
		add(netip.MustParsePrefix(p))
	}
}

// ownCuts are those of the host's own rules, addresses and routes. The routes come last,
// because they may be very many; they end when add returns false.
func (f *FIB) ownCuts(fam route.Family, add func(netip.Prefix) bool) {
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
	if fam == route.IPv6 {
		for _, p := range f.sources {
			add(p)
		}
	}
	for _, t := range f.family(fam).tables {
		for p := range t.trie.AllSorted() {
			if !add(p) {
				return
			}
		}
	}
}

// MostSources is how many source-specific routes one IPv6 destination has at most. A look-up
// of a packet to that destination compares its source with all of them.
func (f *FIB) MostSources() int {
	most := 0
	if len(f.sources) == 0 {
		return 0
	}
	for _, t := range f.family(route.IPv6).tables {
		for _, l := range t.trie.AllSorted() {
			n := 0
			for _, e := range l.entries {
				if e.sourceSpecific() {
					n++
				}
			}
			most = max(most, n)
		}
	}
	return most
}

// KindIn gives the same text for two addresses of this host if received packets to them,
// from one source and by one device, are decided alike.
func (f *FIB) KindIn(a netip.Addr) string {
	fam := f.family(route.FamilyOf(a))
	if a.IsLoopback() || a.IsLinkLocalUnicast() {
		return a.String()
	}
	b := fmt.Appendf(nil, "%d ", a.BitLen())
	for _, r := range fam.rules {
		b = append(b, flag(covers(r.Selector.Src, a)))
	}
	if vrf, ok := f.localFirst(fam, a); ok {
		return string(fmt.Appendf(b, "local %d", vrf))
	}
	for _, r := range fam.rules {
		b = append(b, flag(covers(r.Selector.Dst, a)))
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
			if rf.leaf.local() {
				b = fmt.Appendf(b, "local %d", f.vrf(rf.leaf.entries[0].link()))
				break // shorter ones are not asked
			}
			b = fmt.Appendf(b, "%p", rf.leaf)
		}
	}
	return string(b)
}

// localFirst reports whether the first rule matches all packets and leads to routes that
// make an address this host's. It also gives the VRF of their device.
func (f *FIB) localFirst(fam *family, a netip.Addr) (vrf int, ok bool) {
	if len(fam.rules) == 0 || !fam.rules[0].all || fam.rules[0].Action != route.ActionTable || fam.rules[0].SuppressPrefixLen >= 0 || fam.rules[0].SuppressGroup >= 0 {
		return 0, false
	}
	c := fam.rules[0].table.covering(a)
	rf, ok := c.next()
	if !ok || !rf.dst.IsSingleIP() || !rf.leaf.local() {
		return 0, false
	}
	return f.vrf(rf.leaf.entries[0].link()), true
}

// local reports whether all its entries are of type local, for any packet.
func (l *leaf) local() bool {
	return !slices.ContainsFunc(l.entries, func(e *entry) bool {
		return e.route.Type != route.TypeLocal || e.route.TOS != 0 || e.unread || e.sourceSpecific()
	})
}

// KindOut gives the same text for two addresses of this host if packets from them, to one
// destination, are decided alike.
func (f *FIB) KindOut(a netip.Addr) string {
	fam := f.family(route.FamilyOf(a))
	// In IPv6, rules for received packets decide whether neighbours are heard: see [FIB.Unheard].
	received := a.Is6() && slices.ContainsFunc(fam.rules, func(r *rule) bool { return r.in != 0 && r.in != route.LoopbackIndex })
	if fam.bySource || received || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return a.String()
	}
	b := fmt.Appendf(nil, "%d %t ", a.BitLen(), f.owner(a) != 0)
	for _, r := range fam.rules {
		b = append(b, flag(covers(r.Selector.Src, a)))
	}
	return string(b)
}

func covers(p netip.Prefix, a netip.Addr) bool { return p.IsValid() && p.Contains(a) }

// KindOfUplink gives the same text for two devices if packets that they receive are
// decided alike, except for packets to loopback addresses and to addresses that have a
// meaning on one link only.
func (f *FIB) KindOfUplink(link int, fam route.Family) string {
	own := fmt.Sprint(link)
	dev := f.byIndex[link]
	all := f.family(fam)
	if dev == nil || all.guess || slices.ContainsFunc(all.rules, func(r *rule) bool { return r.in == link || r.out == link }) {
		return own
	}
	w := walk{fib: f}
	if fam == route.IPv6 {
		return fmt.Sprintf("vrf %d drops %t IPv6 %t", dev.vrf, w.dropsIPv6(dev), dev.HasIPv6())
	}
	filter, _ := w.rpFilter(dev)
	if filter == 1 || filter != 0 && len(dev.addrs4) == 0 {
		return own
	}
	b := fmt.Appendf(nil, "vrf %d filter %d addresses %t IPv4 %t ", dev.vrf, filter, len(dev.addrs4) > 0, !f.lacksIPv4(link))
	for _, on := range []bool{
		f.confOr(dev, settingRouteLocalnet), f.confOr(dev, settingAcceptLocal), f.confOr(dev, settingSrcValidMark), f.forwards(dev),
		f.conf(route.IPv4, nil, settingSendRedirects) != 0 || f.conf(route.IPv4, dev, settingSendRedirects) != 0,
		f.conf(route.IPv4, nil, settingBcForwarding) != 0 && f.conf(route.IPv4, dev, settingBcForwarding) != 0,
	} {
		b = append(b, '0'+flag(on))
	}
	return string(b)
}

func (f *FIB) forwards(dev *device) bool { return f.conf(route.IPv4, dev, settingForwarding) != 0 }

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

// LocalRoutes calls each with every prefix that a route of type local, or anycast, makes this
// host's, and with the route's device.
func (f *FIB) LocalRoutes(kind route.Type, each func(netip.Prefix, int)) {
	for _, fam := range []*family{&f.v4, &f.v6} {
		for _, id := range slices.Sorted(maps.Keys(fam.tables)) {
			for p, l := range fam.tables[id].trie.AllSorted() {
				for _, e := range l.entries {
					if e.route.Type == kind {
						each(p, e.link())
					}
				}
			}
		}
	}
}
