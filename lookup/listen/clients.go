package listen

import (
	"cmp"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// cell is a range of client addresses that every decision treats alike. It ends where
// the next one begins.
type cell struct {
	first netip.Addr
	// client: it can be the source of a packet that is received.
	client bool
	// home are the devices whose networks it belongs to; none: this host is in no such
	// network. wider are the devices that have a network around that one.
	home, wider []int
}

// cellsOf are the cells of a family, in ascending order, and the prefixes that cut them.
func cellsOf(f *lookup.FIB, fam route.Family) ([]cell, map[netip.Prefix]bool) {
	starts, cuts := []netip.Addr{firstOf(fam)}, map[netip.Prefix]bool{}
	cut := func(p netip.Prefix) {
		cuts[p] = true
		starts = append(starts, p.Addr())
		if next := after(p); next.IsValid() {
			starts = append(starts, next)
		}
	}
	f.Cuts(fam, cut)
	if fam == route.IPv4 {
		cut(netip.PrefixFrom(firstOf(fam), 8)) // a received packet cannot have such a source: see ordinary
	}
	slices.SortFunc(starts, netip.Addr.Compare)
	starts = slices.Compact(starts)
	cells := make([]cell, len(starts))
	own := map[netip.Addr]bool{} // a look-up outside a VRF does not find those inside
	for i := range f.Snapshot().Addrs {
		own[f.Snapshot().Addrs[i].Prefix.Addr()] = true
	}
	searcher, nets := f.Searcher(), networksOf(f.Snapshot(), fam)
	for i, a := range starts {
		cells[i] = cell{first: a, client: ordinary(a) && !own[a]}
		if !cells[i].client {
			continue
		}
		d := searcher.Lookup(route.Flow{Dst: a})
		if !isLink(a) {
			cells[i].home = nets.of(a, &d)
			cells[i].wider = nets.around(a)
		}
		if home := cells[i].home; len(home) > 0 && vrfOf(f.Snapshot(), home[0]) != 0 {
			d = searcher.Lookup(route.Flow{Dst: a, Out: vrfOf(f.Snapshot(), home[0])}) // the VRF has the network's broadcast address
		}
		switch d.Disposition {
		case lookup.DispositionLocal, lookup.DispositionBroadcast, lookup.DispositionAnycast, lookup.DispositionMulticast:
			cells[i].client = false
		}
	}
	return cells, cuts
}

func firstOf(fam route.Family) netip.Addr {
	if fam == route.IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// lastOf is the last address of a prefix. after is the address after it; the zero Addr:
// there is none.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func after(p netip.Prefix) netip.Addr { return lastOf(p).Next() }

// ordinary reports whether an address is of a kind that another host can have
// (ip_route_input_slow: one in 240.0.0.0/4 is).
func ordinary(a netip.Addr) bool {
	if a.Is4() {
		return a.As4()[0] != 0 && !a.IsLoopback() && !a.IsMulticast() && a != broadcast4()
	}
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !a.Is4In6()
}

// isLink reports whether an address is an IPv6 address that is valid only on one link.
func isLink(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// networks are the networks that the devices of a host are in.
type networks struct {
	links   map[netip.Prefix][]int
	has     map[network]bool
	lengths []int // of the prefixes, the longest first
}

type network struct {
	netip.Prefix
	link int
}

func (n *networks) add(p netip.Prefix, link int) {
	if n.has[network{p, link}] {
		return
	}
	n.has[network{p, link}] = true
	n.links[p] = append(n.links[p], link)
	if !slices.Contains(n.lengths, p.Bits()) {
		n.lengths = append(n.lengths, p.Bits())
		slices.SortFunc(n.lengths, func(a, b int) int { return b - a })
	}
}

func networksOf(s *route.Snapshot, fam route.Family) networks {
	out := networks{links: map[netip.Prefix][]int{}, has: map[network]bool{}}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		if route.FamilyOf(a.Prefix.Addr()) != fam || isLink(a.Prefix.Addr()) {
			continue
		}
		if l := s.Link(a.Link); l == nil || !l.Up() || l.Flags&route.LinkLoopback != 0 {
			continue
		}
		link := a.Link
		if isPort(s, s.Link(link)) {
			link = s.Link(link).Master // the master takes what its port receives
		}
		p := a.Prefix.Masked()
		if a.Peer.IsValid() {
			p = a.Peer.Masked()
		}
		if !p.Contains(a.Prefix.Addr()) || !p.IsSingleIP() {
			out.add(p, link)
		}
	}
	return out
}

// of gives the devices of the longest network that contains an address. A network belongs
// to an address of this host, or a route leads to it without a gateway.
func (n *networks) of(a netip.Addr, d *lookup.Decision) []int {
	var out []int
	best := -1
	add := func(bits, link int) {
		if bits > best {
			best, out = bits, out[:0:0]
		}
		if bits == best && !slices.Contains(out, link) {
			out = append(out, link)
		}
	}
	for _, bits := range n.lengths {
		p, err := a.WithZone("").Prefix(bits)
		if links := n.links[p]; err == nil && len(links) > 0 {
			best, out = bits, slices.Clone(links)
			break
		}
	}
	if d.Disposition == lookup.DispositionUnicast && d.HasRoute && d.Route.Dst.Bits() > 1 {
		for _, w := range d.NextHops {
			if !w.Via.Gateway.IsValid() && d.Route.Dst.Bits() >= best {
				add(d.Route.Dst.Bits(), w.Link)
			}
		}
	}
	return out
}

// around are the devices of all networks that have an address and are those of addresses of
// this host.
func (n *networks) around(a netip.Addr) []int {
	var out []int
	for _, bits := range n.lengths {
		if p, err := a.WithZone("").Prefix(bits); err == nil {
			out = append(out, n.links[p]...)
		}
	}
	return out
}

// isHome reports whether an address may be that of a neighbour by a device.
func (c *cell) isHome(link int) bool {
	return slices.Contains(c.home, link) || slices.Contains(c.wider, link)
}

// labelled is a prefix and a label.
type labelled struct {
	prefix netip.Prefix
	label  int
}

// noLabel is the label of cells that may have any label.
const noLabel = -1

// run is a series of adjacent cells that have the same label.
type run struct {
	first netip.Addr
	label int
}

// prefixes describes the labels of cells by few prefixes. For an address, the longest prefix
// that covers it counts. The first prefix covers all addresses; it has
// the label preferred if that needs no more prefixes. The other prefixes are as long as
// they can be, or are known.
func prefixes(cells []cell, labels []int, preferred int, known map[netip.Prefix]bool) []labelled {
	var runs []run
	for i := range cells {
		if n := len(runs); n == 0 || labels[i] != runs[n-1].label {
			runs = append(runs, run{cells[i].first, labels[i]})
		}
	}
	t := tree{runs, known}
	root := t.build(netip.PrefixFrom(firstOf(route.FamilyOf(cells[0].first)), 0), 0, len(runs))
	label := preferred
	if !root.may(label) {
		label = root.labels[0]
	}
	out := []labelled{{root.prefix, label}}
	return t.assign(root, out, label)
}

// tree makes the smallest table of prefixes (Draves, King, Venkatachary, Zill:
// Constructing Optimal IP Routing Tables, 1999).
type tree struct {
	runs  []run
	known map[netip.Prefix]bool // prefixes that a reader has seen
}

// node is a prefix, and the labels with which it needs the fewest prefixes inside.
type node struct {
	prefix    netip.Prefix
	from, to  int   // places of the runs that overlap with it
	labels    []int // ascending; none: any
	low, high *node
}

func (n *node) may(label int) bool { return len(n.labels) == 0 || slices.Contains(n.labels, label) }

// build makes the node of a prefix. The runs from one place to another overlap with the
// prefix.
func (t *tree) build(p netip.Prefix, from, to int) *node {
	n := &node{prefix: p, from: from, to: to}
	if label, same := t.same(from, to); same {
		if label != noLabel {
			n.labels = []int{label}
		}
		return n
	}
	low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	middle := after(low)
	at := from
	for at < to && t.runs[at].first.Less(middle) {
		at++
	}
	high := at
	if at == to || t.runs[at].first != middle {
		high = at - 1
	}
	n.low, n.high = t.build(low, from, at), t.build(netip.PrefixFrom(middle, p.Bits()+1), high, to)
	n.labels = common(n.low.labels, n.high.labels)
	return n
}

// same reports whether some runs all have the same label. Runs that may have any label do
// not count.
func (t *tree) same(from, to int) (int, bool) {
	label := noLabel
	for _, r := range t.runs[from:to] {
		if r.label != noLabel && label != noLabel && r.label != label {
			return 0, false
		}
		if r.label != noLabel {
			label = r.label
		}
	}
	return label, true
}

// common are the labels that two halves have in common. If there are none, it is the
// labels of both halves together.
func common(a, b []int) []int {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	var both []int
	for _, x := range a {
		if slices.Contains(b, x) {
			both = append(both, x)
		}
	}
	if len(both) > 0 {
		return both
	}
	out := slices.Concat(a, b)
	slices.Sort(out)
	return out
}

// assign appends the prefixes whose label differs from the one that a node inherits. A prefix
// that has several labels inside is named only if it is known: nobody expects exceptions
// inside of a prefix that stands in no listing.
func (t *tree) assign(n *node, out []labelled, label int) []labelled {
	if !n.may(label) {
		if p := t.tight(n); n.low == nil || t.known[p] {
			label = n.labels[0]
			out = append(out, labelled{p, label})
		}
	}
	if n.low != nil {
		out = t.assign(n.high, t.assign(n.low, out, label), label)
	}
	return out
}

// tight is the longest known prefix that covers all runs of a node that have a label. If none
// is known, it is the longest prefix that covers them.
func (t *tree) tight(n *node) netip.Prefix {
	from, to := n.from, n.to-1
	for t.runs[from].label == noLabel {
		from++
	}
	for t.runs[to].label == noLabel {
		to--
	}
	var known netip.Prefix
	for p := n.prefix; ; {
		if t.known[p] {
			known = p
		}
		if p.IsSingleIP() {
			return cmp.Or(known, p)
		}
		low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
		middle := after(low)
		switch {
		case !t.runs[from].first.Less(middle):
			p = netip.PrefixFrom(middle, low.Bits())
		case to+1 < len(t.runs) && !middle.Less(t.runs[to+1].first):
			p = low
		default:
			return cmp.Or(known, p)
		}
	}
}
