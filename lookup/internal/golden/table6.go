package golden

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// result6 is struct fib6_result: the entry and the next hop that an IPv6
// look-up found, or why it was refused.
type result6 struct {
	errno route.Errno
	entry *route.Route
	hops  hops
	hop   route.NextHop
}

// node6 is one node of the tree: the entries of one destination prefix and one
// source prefix, by metric and then in the order of the dump.
type node6 []*route.Route

// lookupTable6 is ip6_pol_route (3.5): the walk, then the choice by hash. It is
// every result that the table may give; none: no match.
func (d *decision) lookupTable6(table route.Table, a *asked6) []result6 {
	nodes := d.walk6(table, a)
	// The first pass passes over next hops whose gateway's neighbour is
	// FAILED, on a host; the second does not. On a router both are the same.
	for _, reachable := range []bool{true, false} {
		for _, n := range nodes {
			if res, found := d.select6(n, a, reachable); found {
				return d.selectPath6(res, a)
			}
		}
	}
	return nil
}

// walk6 is the order in which a look-up visits the nodes of a table:
// fib6_node_lookup finds the first, fib6_backtrack those after it.
func (d *decision) walk6(table route.Table, a *asked6) []node6 {
	src := a.flow.src
	if unset(src) {
		src = netip.IPv6Unspecified() // an unspecified source is searched as ::
	}
	type place struct {
		subtree    bool    // there are source-specific entries, for any source
		bySource   []node6 // of these, those that cover the source, longest first
		sourceless []node6 // at most one
	}
	var places []place
	for bits := 128; bits >= 0; bits-- {
		prefix := netip.PrefixFrom(a.flow.dst, bits).Masked()
		p := place{subtree: d.hasSubtree6(table, prefix)}
		if p.subtree {
			for srcBits := 128; srcBits > 0; srcBits-- {
				from := netip.PrefixFrom(src, srcBits).Masked()
				if entries := d.entries6(table, prefix, from); len(entries) > 0 {
					p.bySource = append(p.bySource, entries)
				}
			}
		}
		if entries := d.entries6(table, prefix, netip.Prefix{}); len(entries) > 0 {
			p.sourceless = append(p.sourceless, entries)
		}
		if p.subtree || len(p.sourceless) > 0 || bits == 0 {
			places = append(places, p)
		}
	}

	// The look-up begins at the longest destination prefix, but passes over one
	// that has source-specific entries of which none covers the source, even if
	// it also has source-less ones; except at the root.
	for len(places) > 1 && places[0].subtree && len(places[0].bySource) == 0 {
		places = places[1:]
	}
	// Going back from there, source-specific entries come first and source-less
	// ones after them, and no prefix is passed over.
	var nodes []node6
	for _, p := range places {
		nodes = append(nodes, p.bySource...)
		nodes = append(nodes, p.sourceless...)
	}
	return nodes
}

// entries6 is the node with exactly these prefixes; the zero Prefix of a source
// is that of source-less entries.
func (d *decision) entries6(table route.Table, dst, src netip.Prefix) node6 {
	var entries node6
	for i := range d.s.Routes {
		r := &d.s.Routes[i]
		if r.Table == table && r.Dst == dst && sourcePrefix6(r) == src && r.Flags&route.FlagCloned == 0 {
			entries = append(entries, r)
		}
	}
	slices.SortStableFunc(entries, func(a, b *route.Route) int {
		switch {
		case a.Metric < b.Metric:
			return -1
		case a.Metric > b.Metric:
			return 1
		}
		return 0
	})
	return entries
}

// sourcePrefix6 is the source prefix of an entry; the zero Prefix for none,
// which is what ::/0 means.
func sourcePrefix6(r *route.Route) netip.Prefix {
	if r.Src.IsValid() && r.Src.Bits() == 0 {
		return netip.Prefix{}
	}
	return r.Src
}

// hasSubtree6 reports whether a destination prefix has source-specific entries.
func (d *decision) hasSubtree6(table route.Table, dst netip.Prefix) bool {
	for i := range d.s.Routes {
		r := &d.s.Routes[i]
		if r.Table == table && r.Dst == dst && sourcePrefix6(r).IsValid() && r.Flags&route.FlagCloned == 0 {
			return true
		}
	}
	return false
}

// select6 is rt6_select with find_rr_leaf: the best entry of a node. Only if
// none of the lowest metric is usable are all the larger ones tried, together.
func (d *decision) select6(n node6, a *asked6, reachable bool) (result6, bool) {
	lowest := n[0].Metric
	var first, rest node6
	for _, e := range n {
		if e.Metric == lowest {
			first = append(first, e)
		} else {
			rest = append(rest, e)
		}
	}
	if res, found := d.best6(first, a, reachable); found {
		return res, true
	}
	return d.best6(rest, a, reachable)
}

// best6 is __find_rr_leaf: the entry with the highest score, the first of
// equals.
func (d *decision) best6(entries node6, a *asked6, reachable bool) (best result6, found bool) {
	highest := -1
	for _, e := range entries {
		if len(entries) > 1 && e.NextHopID == 0 && len(e.NextHops) > 1 {
			// A dump has the preference of the first sibling only.
			d.doubt("siblings may have other preferences than the first")
		}
		if e.Expires < 0 {
			continue
		}
		if len(e.Unknown) > 0 {
			d.doubt("a route has attributes that are not understood")
		}
		h := d.hopsOf(e)
		if h.blackhole {
			// Whatever the output device, and whatever was found before it.
			return result6{entry: e, hops: h, hop: h.list[0], errno: route.EINVAL}, true
		}
		for _, nh := range h.list {
			if d.dead(route.IPv6, nh) || d.linkdownIgnored(route.IPv6, nh) {
				continue
			}
			score := d.score6(e, nh, a, reachable)
			if score <= highest {
				continue
			}
			highest = score
			best, found = result6{entry: e, hops: h, hop: nh, errno: refusal(e.Type)}, true
			if so, _ := keepsHop(d.s.Release); h.object && !so {
				break // the first member that improved the score did
			}
		}
	}
	return best, found
}

// score6 is rt6_score_route; negative: not usable.
func (d *decision) score6(e *route.Route, nh route.NextHop, a *asked6, reachable bool) int {
	score := 0
	if a.device == 0 || a.device == nh.Link {
		score = 2
	}
	if score == 0 && a.strict {
		return -1
	}
	switch e.Pref {
	case route.PreferenceHigh:
		score += 4 * 3
	case route.PreferenceMedium:
		score += 4 * 2
	case route.PreferenceLow:
		score += 4 * 1
	}
	if reachable && nh.Gateway.IsValid() && d.failed6(nh) {
		return -1
	}
	return score
}

// failed6 reports whether a gateway's neighbour is FAILED and that matters: only
// while conf.all.forwarding is 0.
func (d *decision) failed6(nh route.NextHop) bool {
	state, exists := d.neighbour(nh.Link, nh.Gateway)
	return exists && state == route.NeighbourFailed && d.sysctl(route.ConfPath(route.IPv6, "all", "forwarding"), 0) == 0
}

// selectPath6 is fib6_select_path (4.2, 4.3): what the hash may make of the
// entry that the walk chose.
func (d *decision) selectPath6(walked result6, a *asked6) []result6 {
	if walked.errno != 0 {
		return []result6{walked}
	}
	d.doubtSharedObject6(walked)
	if len(walked.hops.list) < 2 {
		return []result6{walked}
	}
	// have_oif_match: what is sent by a device keeps the next hop on it.
	if a.flow.iif == route.LoopbackIndex && walked.hop.Link == a.device {
		so, sure := keepsHop(d.s.Release)
		if so {
			return []result6{walked}
		}
		if !sure {
			d.doubt("the kernel may keep the next hop on the output device")
		}
	}
	var hashed []route.NextHop
	if walked.hops.object {
		hashed = d.hashGroup(walked.hops)
	} else {
		hashed = d.hashSiblings6(walked, a)
	}
	var results []result6
	for _, nh := range hashed {
		res := walked
		res.hop = nh
		results = append(results, res)
	}
	return results
}

// doubtSharedObject6 doubts the entry where several lead to one next-hop object.
// The object keeps what was prepared for the first packet that used it
// (rt6i_pcpu), and with it that packet's entry: its table, prefix, type and
// source are reported for the packets of all, and are what suppressors see.
func (d *decision) doubtSharedObject6(res result6) {
	for i := range d.s.Routes {
		r := &d.s.Routes[i]
		if r != res.entry && r.Family() == route.IPv6 && d.shareObject(r, res.entry) {
			d.doubt("the entry may be another with the same next-hop object")
		}
	}
}

// hashSiblings6 is every sibling that a hash may give (4.3). For one that may
// not be used, in the sense of the first pass, the walk's own choice stands in.
// Whether a sibling without carrier takes part may have been decided before the
// sysctl was set (3.2, stale multipath bounds).
func (d *decision) hashSiblings6(walked result6, a *asked6) []route.NextHop {
	var chosen []route.NextHop
	for _, nh := range walked.hops.list {
		if d.dead(route.IPv6, nh) {
			continue
		}
		if d.linkdownIgnored(route.IPv6, nh) {
			d.doubt("a member without carrier may still be in use")
		}
		if d.score6(walked.entry, nh, a, true) < 0 {
			nh = walked.hop
		}
		chosen = append(chosen, nh)
	}
	return union(chosen, nil)
}
