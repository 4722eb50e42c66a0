package golden

import (
	"net/netip"

	"routewhy/route"
)

// path4 is one choice that is open after an entry was found.
type path4 struct {
	entry *route.Route
	hop   route.NextHop
}

// selectPath4 is fib_select_path (1.1 step 8): with an output device the
// provisional next hop; of several, any that the hash may give (4.1, 4.2); of
// several default routes, any that the neighbours leave (3.4).
func (d *decision) selectPath4(res result4, f *flow) []path4 {
	if f.oif != 0 {
		return []path4{{res.entry, res.hop}}
	}
	if len(res.hops.list) > 1 {
		return d.selectMultipath4(res, f.src)
	}
	if res.entry.Dst.Bits() == 0 && d.countDefaults4(res.table) > 1 && res.entry.Type == route.TypeUnicast {
		return d.selectDefault4(res, f)
	}
	return []path4{{res.entry, res.hop}}
}

// selectMultipath4 is fib_select_multipath. The source is unset for a forwarded
// packet: there it does not decide.
func (d *decision) selectMultipath4(res result4, src netip.Addr) []path4 {
	var chosen []route.NextHop
	if res.hops.object {
		chosen = d.hashGroup(res.hops)
	} else {
		chosen = d.hashInline4(res, src)
	}
	var paths []path4
	for _, nh := range chosen {
		paths = append(paths, path4{res.entry, nh})
	}
	return paths
}

// hashInline4 is every member of an inline multipath route that a hash may give
// (4.1). Whether a member without carrier takes part may have been decided
// before the sysctl was set (3.2, stale multipath bounds), so it counts as
// possible, both ways.
func (d *decision) hashInline4(res result4, src netip.Addr) []route.NextHop {
	var alive, up []route.NextHop
	for _, nh := range res.hops.list {
		if d.dead(route.IPv4, nh) {
			continue
		}
		alive = append(alive, nh)
		if !d.linkdownIgnored(route.IPv4, nh) {
			up = append(up, nh)
		}
	}
	if len(up) != len(alive) {
		d.doubt("a member without carrier may still be in use")
	}
	return union(d.scoreInline4(res, alive, src), d.scoreInline4(res, up, src))
}

// scoreInline4 picks among the members that have a share of the hash.
func (d *decision) scoreInline4(res result4, members []route.NextHop, src netip.Addr) []route.NextHop {
	// fib_multipath_use_neigh
	var good []route.NextHop
	for _, nh := range members {
		if d.effectiveGateway4(res.entry, nh).IsValid() && !d.goodNeighbour(nh) && d.sysctl("net/ipv4/fib_multipath_use_neigh", 0) != 0 {
			continue
		}
		good = append(good, nh)
	}
	if len(good) == 0 {
		return []route.NextHop{res.hop}
	}
	// 2 points for the own source outweigh 1 for the hash, which then decides
	// among those that have it. Before Linux 6.16 the source did not decide.
	if !unset(src) && !olderThan(d.s.Release, 6, 16) {
		var own []route.NextHop
		for _, nh := range good {
			d.doubtOwnSource4(nh)
			if d.oneSource4(nh.Link, gateway4(nh), res.entry.Scope) == src {
				own = append(own, nh)
			}
		}
		if len(own) > 0 {
			return own
		}
	}
	return good
}

// doubtOwnSource4 doubts the source that is taken for a member's own. The kernel
// compares with the one that it found when it last needed it, at the latest when
// the route was made; addresses may have come since (nh_saddr). Where the
// gateway is on a subnet of the device, the address there must have been first.
func (d *decision) doubtOwnSource4(nh route.NextHop) {
	for _, a := range d.addrs4(nh.Link) {
		if gw := gateway4(nh); gw.IsValid() && onSubnetOf(a, gw) {
			return
		}
	}
	d.doubt("the kernel may remember an older source of a member")
}

// gateway4 is the IPv4 gateway of a next hop; the zero Addr: none.
func gateway4(nh route.NextHop) netip.Addr {
	if nh.Gateway.Is4() {
		return nh.Gateway
	}
	return netip.Addr{}
}

// hashGroup is every member of a next-hop group that a hash may give, in either
// family (4.2).
func (d *decision) hashGroup(h hops) []route.NextHop {
	if h.resilient {
		return d.hashBuckets(h)
	}
	var good []route.NextHop
	for _, nh := range h.list {
		if d.goodNeighbour(nh) {
			good = append(good, nh)
		}
	}
	if len(good) == 0 {
		return h.list[:1]
	}
	return good
}

// hashBuckets is every member of a resilient group that has a bucket
// (nh_res_group_rebalance). One whose weight is too small for the number of
// buckets has none, or only such as it has kept from before a change.
func (d *decision) hashBuckets(h hops) []route.NextHop {
	total := 0
	for _, nh := range h.list {
		total += nh.Weight
	}
	if h.buckets == 0 || total == 0 {
		return h.list
	}
	var with []route.NextHop
	sum, given := 0, 0
	for _, nh := range h.list {
		sum += nh.Weight
		upTo := (h.buckets*sum + total/2) / total // rounded to the nearest
		if upTo == given {
			d.doubt("a member without buckets of its own may still have some")
			continue
		}
		with, given = append(with, nh), upTo
	}
	return with
}

// union joins two lists of next hops, in the order of the first that has each.
func union(a, b []route.NextHop) []route.NextHop {
	var all []route.NextHop
	for _, list := range [][]route.NextHop{a, b} {
		for _, nh := range list {
			seen := false
			for _, have := range all {
				seen = seen || have == nh
			}
			if !seen {
				all = append(all, nh)
			}
		}
	}
	return all
}

// countDefaults4 is tb_num_default: the entries of a table with prefix length 0.
func (d *decision) countDefaults4(table route.Table) int {
	n := 0
	for _, r := range d.s.Routes {
		if r.Family() == route.IPv4 && r.Table == table && r.Dst.Bits() == 0 && r.Flags&route.FlagCloned == 0 {
			n++
		}
	}
	return n
}

// selectDefault4 is fib_select_default (3.4). What it chose last time (dflt,
// fa_default in the kernel) is remembered in the first candidate, where nobody
// can read it; so every value that it may have is tried.
func (d *decision) selectDefault4(res result4, f *flow) []path4 {
	candidates := d.defaultCandidates4(res, f)
	if len(candidates) < 2 {
		return []path4{{res.entry, res.hop}}
	}
	var paths []path4
	for dflt := -1; dflt < len(candidates); dflt++ {
		p := path4{res.entry, res.hop}
		if i := d.chooseDefault4(candidates, dflt); i >= 0 {
			p = candidates[i]
		}
		seen := false
		for _, have := range paths {
			seen = seen || have == p
		}
		if !seen {
			paths = append(paths, p)
		}
	}
	return paths
}

// defaultCandidates4 are the entries that fib_select_default judges, in order.
func (d *decision) defaultCandidates4(res result4, f *flow) []path4 {
	var candidates []path4
	lastMetric, lastTOS := res.entry.Metric, uint8(0)
	for _, e := range d.covering4(res.table, f.dst) {
		if e.Dst.Bits() != 0 || e.Table != res.table {
			continue
		}
		if e.TOS != 0 && e.TOS != f.tos&0x1c {
			continue
		}
		// Entries with a larger metric are not considered.
		if e.Metric > lastMetric && e.TOS == lastTOS {
			if lastTOS != 0 {
				continue
			}
			break
		}
		h := d.hopsOf(e)
		if d.allDead4(e, h) {
			continue
		}
		lastTOS, lastMetric = e.TOS, e.Metric
		if e.Scope != res.entry.Scope || e.Type != route.TypeUnicast {
			continue
		}
		if len(h.list) == 0 || !d.effectiveGateway4(e, h.list[0]).IsValid() {
			continue
		}
		if len(candidates) == 0 && e != res.entry {
			break
		}
		candidates = append(candidates, path4{e, h.list[0]})
	}
	return candidates
}

func (d *decision) allDead4(e *route.Route, h hops) bool {
	if e.Type.Refuses() || e.Type == route.TypeThrow {
		return false // it has no next hop that could be dead
	}
	for _, nh := range h.list {
		if !d.dead(route.IPv4, nh) {
			return false
		}
	}
	return true
}

// chooseDefault4 judges the candidates with fib_detect_death and says which is
// taken; -1: none, the look-up's own entry stays.
func (d *decision) chooseDefault4(candidates []path4, dflt int) int {
	lastResort := -1
	for order, c := range candidates {
		state, exists := d.neighbour(c.hop.Link, c.hop.Gateway)
		switch {
		case !exists, state == route.NeighbourReachable:
			return order
		case state.Valid() && order != dflt:
			return order
		case state.Valid(), lastResort < 0 && order > dflt && state != route.NeighbourIncomplete:
			lastResort = order
		}
	}
	return lastResort
}

// effectiveGateway4 is the gateway that a packet is sent to: none where the
// gateway itself is found by an entry of scope host, as one of this host's own
// addresses is, instead of link (3.1; fib_check_nh). The kernel settles that
// when the route is made, so it may be otherwise if that entry came later. (It
// may also be so for an entry that is gone by now, but then nothing shows it.)
func (d *decision) effectiveGateway4(e *route.Route, nh route.NextHop) netip.Addr {
	if !nh.Gateway.Is4() || nh.Flags&route.NextHopOnLink != 0 {
		return nh.Gateway
	}
	key := flow{
		dst: nh.Gateway, iif: route.LoopbackIndex, oif: nh.Link, scope: max(e.Scope+1, route.ScopeLink),
	}
	res, errno := result4{}, route.EAGAIN
	if e.Table != route.TableMain && e.NextHopID == 0 {
		res, errno = d.lookupTable4(e.Table, &key)
	}
	if errno != 0 {
		res, errno = d.lookup4(&key)
	}
	if errno != 0 || res.entry.Scope < route.ScopeHost {
		return nh.Gateway
	}
	d.doubt("the gateway may have become direct only after the route was made")
	return netip.Addr{}
}
