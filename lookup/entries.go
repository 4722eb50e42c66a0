package lookup

import (
	"net/netip"

	"routewhy/route"
)

// Entry is the candidate's.
func (c *Candidate) Entry() Entry { return Entry{c.entry} }

// Route is the whole route of an entry to one destination.
func (e Entry) Route(dst netip.Prefix) route.Route { return e.e.full(dst) }

// Table is the table that the entry is in.
func (e Entry) Table() route.Table { return e.e.route.Table }

// Throws reports whether the entry ends its table instead of carrying a packet.
func (e Entry) Throws() bool { return e.e.route.Type == route.TypeThrow }

// EntriesIn calls each with every route of a family whose destination lies inside a
// prefix, or is the prefix. Those of each table are in ascending order.
func (f *FIB) EntriesIn(within netip.Prefix, each func(dst netip.Prefix, e Entry)) {
	for _, t := range f.family(route.FamilyOf(within.Addr())).tables {
		for p, l := range t.trie.Subnets(within) {
			for _, e := range l.entries {
				each(p, Entry{e})
			}
		}
	}
}

// ShortEntries calls each with every route of a family whose prefix is shorter than a
// number of bits.
func (f *FIB) ShortEntries(fam route.Family, bits int, each func(dst netip.Prefix, e Entry)) {
	for _, t := range f.family(fam).tables {
		for n := range bits {
			for i := range 1 << n {
				p := shortPrefix(fam, n, i)
				l, ok := t.trie.Get(p)
				if !ok {
					continue
				}
				for _, e := range l.entries {
					each(p, Entry{e})
				}
			}
		}
	}
}

// shortPrefix is one of the prefixes of at most eight bits, by its place from 0.
func shortPrefix(fam route.Family, bits, place int) netip.Prefix {
	first := byte(place << (8 - bits))
	if fam == route.IPv4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{first}), bits)
	}
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{first}), bits)
}

// Entry identifies the route that the status is of.
func (s *EntryStatus) Entry() Entry { return Entry{s.entry} }
