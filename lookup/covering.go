package lookup

import "net/netip"

// ref is one leaf that covers a destination.
type ref struct {
	dst  netip.Prefix
	leaf *leaf
}

// covering goes through the leaves that cover an address, the longest prefix first:
// those of one table, or of two tables as one trie, where the first table's leaf of equal
// prefixes comes first. It finds each leaf when it is asked for it, because most look-ups
// end with the first.
type covering struct {
	addr   netip.Addr
	tables [2]*table
	heads  [2]ref // the next leaf of each; without one, its leaf is nil
	given  uint8  // how the head given last is called, from 1; zero: none was given yet
}

// covering are a table's leaves that cover an address; a nil table has none.
func (t *table) covering(a netip.Addr) covering { return covering{addr: a, tables: [2]*table{t}} }

// next gives the next leaf; false: there are no more.
func (c *covering) next() (ref, bool) {
	if c.given == 0 {
		c.advance(0, c.addr.BitLen())
		c.advance(1, c.addr.BitLen())
	} else {
		c.advance(c.given-1, c.heads[c.given-1].dst.Bits()-1)
	}
	c.given = 1
	if c.heads[0].leaf == nil || c.heads[1].leaf != nil && c.heads[1].dst.Bits() > c.heads[0].dst.Bits() {
		c.given = 2
	}
	rf := c.heads[c.given-1]
	return rf, rf.leaf != nil
}

// advance finds a table's longest leaf of at most so many bits.
func (c *covering) advance(i uint8, bits int) {
	c.heads[i].leaf = nil
	if t := c.tables[i]; t != nil && bits >= 0 {
		c.heads[i].dst, c.heads[i].leaf, _ = t.trie.LookupPrefixLPM(netip.PrefixFrom(c.addr, bits))
	}
}
