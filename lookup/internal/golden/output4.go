package golden

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

func limitedBroadcast4() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

func loopback4() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// localMulticast4 reports whether an address is in 224.0.0.0/24.
func localMulticast4(a netip.Addr) bool { return a.IsLinkLocalMulticast() }

const protoIGMP = 2

// output4 is ip_route_output_key_hash_rcu (1.1), its steps numbered as there.
func (d *decision) output4(asked route.Flow) Answer {
	f := newFlow(asked)
	srcGiven := !unset(asked.Src)
	if !srcGiven {
		f.src = netip.Addr{}
	}
	// report is a flow that leaves without a table entry. A given source is
	// not reported back.
	report := func(typ route.Type, link int, src netip.Addr) outcome {
		return d.makeRoute4(&f, srcGiven, outcome{typ: typ, way: Way{Link: link, Src: src}})
	}
	// reportAny is report with each source that the flow may have.
	reportAny := func(typ route.Type, link int) []outcome {
		sources := []netip.Addr{f.src}
		if unset(f.src) {
			sources = d.selectSource4(link, netip.Addr{}, route.ScopeLink)
		}
		var outcomes []outcome
		for _, src := range sources {
			outcomes = append(outcomes, report(typ, link, src))
		}
		return outcomes
	}

	if srcGiven {
		// 1.
		if f.src.IsMulticast() || f.src == limitedBroadcast4() {
			return refuse(route.EINVAL)
		}
		owners := d.ownersOf(f.src)
		// 2.
		if f.oif == 0 && (f.dst.IsMulticast() || f.dst == limitedBroadcast4()) {
			if len(owners) == 0 {
				return refuse(route.ENETUNREACH)
			}
			var outcomes []outcome
			for _, link := range owners {
				outcomes = append(outcomes, report(route.TypeUnspec, link, f.src))
			}
			return d.answer(outcomes)
		}
		// 3.
		if len(owners) == 0 {
			return refuse(route.ENETUNREACH)
		}
	}

	// 4.
	out := f.oif
	if out != 0 {
		if d.s.Link(out) == nil {
			return refuse(route.ENODEV)
		}
		if !d.isUp(out) || !d.hasIPv4(out) {
			return refuse(route.ENETUNREACH)
		}
		if localMulticast4(f.dst) || f.dst == limitedBroadcast4() || f.proto == protoIGMP {
			return d.answer(reportAny(route.TypeUnspec, out))
		}
		if !srcGiven {
			switch {
			case f.dst.IsMulticast():
				f.src = d.oneSource4(out, netip.Addr{}, route.ScopeGlobal)
			case f.dst.IsUnspecified():
				f.src = d.oneSource4(out, netip.Addr{}, route.ScopeHost)
			}
		}
	}

	// 5.
	if f.dst.IsUnspecified() {
		f.dst = f.src
		if unset(f.dst) {
			f.dst, f.src = loopback4(), loopback4()
		}
		return d.answer([]outcome{report(route.TypeLocal, route.LoopbackIndex, f.src)})
	}

	// 6.
	res, errno := d.lookup4(&f)
	if errno != 0 {
		if f.oif != 0 && (f.dst.IsMulticast() || f.vrf == 0) {
			return d.answer(reportAny(route.TypeUnicast, out))
		}
		a := refuse(errno)
		if res.entry != nil {
			a.Type = res.entry.Type
			a.setEntry(res.entry)
		}
		return a
	}

	// 7.
	if res.entry.Type == route.TypeLocal {
		if unset(f.src) {
			f.src = f.dst
			if res.entry.PrefSrc.IsValid() {
				f.src = res.entry.PrefSrc
			}
		}
		link := d.loopbackOf(res.hop.Link)
		return d.answer([]outcome{d.makeRoute4(&f, srcGiven, outcome{
			typ: route.TypeLocal, entry: res.entry, way: Way{Link: link, Src: f.src},
		})})
	}

	// 8.
	var outcomes []outcome
	for _, p := range d.selectPath4(res, &f) {
		sources := []netip.Addr{f.src}
		if unset(f.src) {
			sources = d.sourcesOf4(p, &f)
		}
		// 9.
		for _, src := range sources {
			outcomes = append(outcomes, d.makeRoute4(&f, srcGiven, outcome{
				typ: p.entry.Type, entry: p.entry,
				way: Way{Link: p.hop.Link, Gateway: d.effectiveGateway4(p.entry, p.hop), Src: src},
			}))
		}
	}
	return d.answer(outcomes)
}

// makeRoute4 is __mkroute_output (1.1 step 9). The way of the outcome comes with
// the source that the packet will have; it goes with what is reported of it.
func (d *decision) makeRoute4(f *flow, srcGiven bool, o outcome) outcome {
	if !d.hasIPv4(o.way.Link) {
		return outcome{errno: route.EINVAL}
	}
	if o.way.Src.IsLoopback() && !d.isLoopback(o.way.Link) && !d.isVRF(o.way.Link) && !d.confOr(o.way.Link, "route_localnet", 0) {
		return outcome{errno: route.EINVAL}
	}
	switch {
	case f.dst == limitedBroadcast4():
		o.typ = route.TypeBroadcast
		o.way.Gateway = netip.Addr{}
	case f.dst.IsMulticast():
		o.typ = route.TypeMulticast
		if o.entry != nil && o.entry.Dst.Bits() < 4 {
			o.way.Gateway = netip.Addr{}
		}
	case f.dst.IsUnspecified():
		return outcome{errno: route.EINVAL}
	}
	d.doubtCachedType4(f, o)
	if srcGiven || unset(o.way.Src) {
		o.way.Src = netip.Addr{}
	}
	return o
}

// doubtCachedType4 doubts the type, unicast or multicast, where a route to
// multicast destinations and one to others have the same next hop. The kernel
// then shares what it prepared for the first packet of either (fib_info's cached
// route), and with it the type.
func (d *decision) doubtCachedType4(f *flow, o outcome) {
	if o.entry == nil || o.entry.Type != route.TypeUnicast || f.dst == limitedBroadcast4() || f.dst.IsMulticast() && o.entry.Dst.Bits() < 4 {
		return
	}
	for i := range d.s.Routes {
		r := &d.s.Routes[i]
		if r.Family() == route.IPv4 && r.Dst.Addr().IsMulticast() != f.dst.IsMulticast() && d.sharesInfo4(r, o.entry) {
			d.doubt("the type may be that of another route with the same next hops")
		}
	}
}

// sharesInfo4 reports whether two IPv4 routes have the same next hops for the
// kernel: the same object, or all that fib_find_info compares.
func (d *decision) sharesInfo4(a, b *route.Route) bool {
	if a.NextHopID != 0 || b.NextHopID != 0 {
		return d.shareObject(a, b)
	}
	return a.Type == b.Type && a.Table == b.Table && a.Scope == b.Scope && a.Protocol == b.Protocol && a.Metric == b.Metric &&
		a.PrefSrc == b.PrefSrc && slices.Equal(a.NextHops, b.NextHops) && slices.Equal(a.Metrics, b.Metrics)
}

// ownersOf are the devices that a source address is local to, by
// __ip_dev_find: those that have exactly this address, or else the device of a
// local entry in table 255 (1.1 step 3). More than one is possible only where
// several devices have the same address; which one the kernel finds first
// depends on the order in which they got it.
func (d *decision) ownersOf(a netip.Addr) []int {
	var links []int
	for _, own := range d.s.Addrs {
		if own.Prefix.Addr() == a {
			links = append(links, own.Link)
		}
	}
	if len(links) > 0 {
		return links
	}
	res, errno := d.lookupTable4(route.TableLocal, &flow{dst: a})
	if errno == 0 && res.entry.Type == route.TypeLocal {
		return []int{res.hop.Link}
	}
	return nil
}
