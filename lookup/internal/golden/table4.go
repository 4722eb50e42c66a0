package golden

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// result4 is struct fib_result: the entry that an IPv4 look-up found.
type result4 struct {
	entry *route.Route
	hops  hops
	// hop is the provisional next hop: the first usable one (3.1).
	hop route.NextHop
	// table is the table that was asked for. While local and main share a trie
	// it is main for the entries of both.
	table route.Table
}

// lookup4 is fib_lookup: rules, or, while there are only the default ones, the
// short way (2.4). EAGAIN never leaves it. For a flow that an entry refuses,
// the result has that entry.
func (d *decision) lookup4(f *flow) (result4, route.Errno) {
	if !d.merged {
		return d.lookupRules4(f)
	}
	res, errno := d.lookupTable4(route.TableMain, f)
	if errno == route.EAGAIN && !d.s.NoRules4 {
		res, errno = d.lookupTable4(route.TableDefault, f)
	}
	if errno == route.EAGAIN {
		return result4{}, route.ENETUNREACH
	}
	return res, errno
}

// lookupRules4 is fib_rules_lookup with fib4_rule_action (2.1, 2.3).
func (d *decision) lookupRules4(f *flow) (result4, route.Errno) {
	d.enterVRF(f)
	rules := d.rulesOf(route.IPv4)
	for i := d.nextRule(rules, 0, f); i >= 0; i = d.nextRule(rules, i+1, f) {
		r := &rules[i]
		if r.Action != route.ActionTable {
			return result4{}, actionErrno(r.Action)
		}
		res, errno := d.lookupTable4(d.tableOf(r, f), f)
		switch {
		case errno == route.EAGAIN:
			continue
		case errno == 0 && d.suppressed4(r, res):
			continue
		}
		return res, errno
	}
	return result4{}, route.ENETUNREACH
}

// suppressed4 is fib4_rule_suppress (2.3). The group is that of the first next
// hop, whichever was chosen.
func (d *decision) suppressed4(r *route.Rule, res result4) bool {
	if res.entry.Dst.Bits() <= r.SuppressPrefixLen {
		return true
	}
	return r.SuppressGroup != -1 && d.inGroup(res.hops.list[0].Link, r.SuppressGroup)
}

func (d *decision) inGroup(link int, group int64) bool {
	l := d.s.Link(link)
	return l != nil && int64(l.Group) == group
}

// lookupTable4 is fib_table_lookup (3.1): the leaves that cover the
// destination, nearest first; in each leaf the entries in order. EAGAIN is "no
// match" and throw.
func (d *decision) lookupTable4(table route.Table, f *flow) (result4, route.Errno) {
	entries := d.covering4(table, f.dst)
	for i := 0; i < len(entries); i++ {
		e := entries[i]
		if e.TOS != 0 && e.TOS != f.tos&0x1c {
			continue
		}
		if e.Scope < f.scope {
			continue
		}
		if len(e.Unknown) > 0 {
			d.doubt("a route has attributes that are not understood")
		}
		h := d.hopsOf(e)
		if e.NextHopID == 0 || !h.blackhole {
			if errno := refusal(e.Type); errno != 0 {
				return result4{entry: e, table: table}, errno
			}
		}
		if h.blackhole {
			return result4{entry: e, table: table}, route.EINVAL
		}
		for _, nh := range h.list {
			if d.usable4(nh, f) {
				return result4{entry: e, hops: h, hop: nh, table: table}, 0
			}
		}
		if h.object {
			// Next-hop-object exception: the rest of the leaf is skipped.
			for i+1 < len(entries) && entries[i+1].Dst.Addr() == e.Dst.Addr() {
				i++
			}
		}
	}
	return result4{}, route.EAGAIN
}

// covering4 are the entries of a table whose prefix covers an address, in the
// order in which the kernel tests them (3.1).
func (d *decision) covering4(table route.Table, dst netip.Addr) []*route.Route {
	var entries []*route.Route
	for i := range d.s.Routes {
		r := &d.s.Routes[i]
		if r.Family() == route.IPv4 && d.sees4(table, r.Table) && r.Flags&route.FlagCloned == 0 && r.Dst.Contains(dst) {
			entries = append(entries, r)
		}
	}
	slices.SortStableFunc(entries, func(a, b *route.Route) int {
		switch {
		case a.Dst.Bits() != b.Dst.Bits(): // 1. longest first
			return b.Dst.Bits() - a.Dst.Bits()
		case a.Table != b.Table: // 2. table id, highest first
			return int(b.Table) - int(a.Table)
		case a.TOS != b.TOS: // 3. TOS, highest first
			return int(b.TOS) - int(a.TOS)
		case a.Metric < b.Metric: // 4. metric, lowest first
			return -1
		case a.Metric > b.Metric:
			return 1
		}
		return 0 // 5. the order of the dump
	})
	return entries
}

// sees4 reports whether a look-up in one table meets the entries of another: local
// and main see each other while they share a trie (2.4).
func (d *decision) sees4(asked, of route.Table) bool {
	if d.merged && (asked == route.TableMain || asked == route.TableLocal) {
		return of == route.TableMain || of == route.TableLocal
	}
	return asked == of
}

// refusal is the error of a route type (3.3).
func refusal(t route.Type) route.Errno {
	switch t {
	case route.TypeBlackhole, route.TypeNAT, route.TypeXResolve:
		return route.EINVAL
	case route.TypeUnreachable:
		return route.EHOSTUNREACH
	case route.TypeProhibit:
		return route.EACCES
	case route.TypeThrow:
		return route.EAGAIN
	}
	return 0
}

// usable4 is fib_lookup_good_nhc (3.1).
func (d *decision) usable4(nh route.NextHop, f *flow) bool {
	if d.dead(route.IPv4, nh) {
		return false
	}
	if d.linkdownIgnored(route.IPv4, nh) {
		return false
	}
	return f.oif == 0 || f.oif == nh.Link
}
