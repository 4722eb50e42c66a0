package coverage

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Ranges cuts destinations of one host into ranges that are decided alike. It is not safe
// for concurrent use.
type Ranges struct {
	fib      *lookup.FIB
	searcher *lookup.Searcher
	second   *lookup.Searcher                // for what sockets look up again
	heeds6   bool                            // a rule or a route of IPv6 looks at the source
	bounds   map[route.Family][]netip.Prefix // by family: boundaries from other facts than routes
}

// RangesOf gives Ranges for a host, which have not looked at anything yet.
func RangesOf(f *lookup.FIB) *Ranges {
	return &Ranges{
		fib: f, searcher: f.Searcher(), second: f.Searcher(), heeds6: f.HeedsSource(route.IPv6),
		bounds: map[route.Family][]netip.Prefix{},
	}
}

// Each decides a packet to every address of a prefix. It calls each with every range whose
// addresses are all decided alike, in ascending order, and with the decision about the
// range's first address. If the source is the destination itself, the decision has the
// first address as its source. No range crosses an end of cut, which may be the zero
// Prefix. The next decision overwrites this one. Each stops when each returns false.
func (r *Ranges) Each(flow route.Flow, within, cut netip.Prefix, each func(first, last netip.Addr, d *lookup.Decision) bool) {
	end := route.LastAddr(within)
	starts := []netip.Addr{within.Addr()}
	if !within.IsSingleIP() {
		starts = r.starts(within, cut)
	}
	for i, first := range starts {
		last := end
		if i+1 < len(starts) {
			last = starts[i+1].Prev()
		}
		flow.Dst = first
		d := r.searcher.Lookup(flow)
		if !each(first, last, &d) {
			return
		}
	}
}

// Second calls each with every second look-up that sockets make for a range, after the
// decision about its first address that [Ranges.Each] gave: see [lookup.Searcher.Second].
// All addresses of the range are decided alike by it too. IPv6 looks up again only after
// a failure, so that nothing can differ where no rule and no route looks at the source.
func (r *Ranges) Second(flow route.Flow, first netip.Addr, d *lookup.Decision, each func(src netip.Addr, d *lookup.Decision)) {
	if first.Is6() && !r.heeds6 {
		return
	}
	flow.Dst = first
	r.second.Second(flow, d, each)
}

// starts are the first addresses of the ranges.
func (r *Ranges) starts(within, cut netip.Prefix) []netip.Addr {
	fam := route.FamilyOf(within.Addr())
	out := []netip.Addr{within.Addr()}
	add := func(p netip.Prefix) {
		if p.Bits() <= within.Bits() || !within.Contains(p.Addr()) {
			return
		}
		out = append(out, p.Addr())
		if next := route.LastAddr(p).Next(); next.IsValid() && within.Contains(next) {
			out = append(out, next)
		}
	}
	if cut.IsValid() {
		add(cut)
	}
	if r.bounds[fam] == nil {
		all := []netip.Prefix{}
		r.fib.Boundaries(fam, func(p netip.Prefix) { all = append(all, p) })
		r.bounds[fam] = all
	}
	for _, p := range r.bounds[fam] {
		add(p)
	}
	r.fib.PrefixesIn(fam, within.Addr(), route.LastAddr(within), func(p netip.Prefix) bool {
		add(p)
		return true
	})
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// Work is about how much work it is to decide the ranges of all addresses of a host. It is
// the number of ranges, times the most IPv6 addresses of one device: each decision may
// have to choose its source among them. Where a rule or a route of IPv6 looks at the source,
// sockets choose among the addresses of all devices after a failure.
func Work(f *lookup.FIB) int64 {
	ranges, most := 0, 1
	ofLink := map[int]int{}
	for _, a := range f.Snapshot().Addrs {
		if a.Prefix.Addr().Is6() {
			ranges += 4
			ofLink[a.Link]++
			most = max(most, ofLink[a.Link])
		}
	}
	if f.HeedsSource(route.IPv6) {
		most = max(most, ranges/4)
	}
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		f.Prefixes(fam, func(netip.Prefix) { ranges += 2 })
	}
	return int64(ranges) * int64(most)
}
