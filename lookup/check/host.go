package check

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// Host is what the checks look at. It is a FIB, and what was collected from the routes
// when they were read, because the FIB does not have all routes of a large table.
type Host struct {
	fib  *lookup.FIB
	snap *route.Snapshot
	*gathered
	// Resolvers are the host's name servers; nil: they are not known.
	Resolvers []netip.Addr
	only      route.Family // zero: both
	// asked are addresses that checks looked up. They are collected if asks is set.
	asked []netip.Addr
	asks  bool
	// statuses are results that are stored for later use.
	statuses map[netip.Prefix][]lookup.EntryStatus
	// alone are addresses that have a host route or a rule.
	alone   map[netip.Addr]bool
	state   *change.State
	wayList []wayNote
	byLink  map[int][]int
	outside map[route.Family]netip.Addr
	objects map[uint32]*route.NextHopObject
	gates   gateways
	dirs    map[netip.Addr]int // own addresses, to their devices
}

// gathered is what is stored about the routes.
type gathered struct {
	tables map[tableKey]*tableSum
	kinds  map[kindKey]*Kind
	order  []*Kind
	// near are routes that do not lead to other networks by a gateway. They are few, even
	// if the tables are large.
	near []route.Route
	// lost is how many more there were.
	lost int
	// pairs are routes that follow each other in the kernel's order: routes of one
	// table to one prefix.
	pairs []pair
	// odd are host routes whose address looks like a network, and groups are routes to
	// multicast groups by a gateway.
	odd, groups []route.Route
	// hosts are some of the addresses that have host routes, for each /24 of IPv4.
	hosts     map[netip.Prefix][]netip.Addr
	last      route.Route
	lastSum   *tableSum
	lastTable tableKey
	lastKind  [4]*Kind
	lastKey   [4]kindKey
	turn      int
}

type tableKey struct {
	family route.Family
	id     route.Table
}

// tableSum is what is known about a whole table.
type tableSum struct {
	routes, defaults int
	// far is how many of its routes have a gateway or refuse packets, without the
	// routes that the kernel made.
	far   int
	first route.Route // the first of those; if there is none, the first route
}

// kindKey is what routes that lead to the same place have in common.
type kindKey struct {
	table   route.Table
	family  route.Family
	typ     route.Type
	hop     route.NextHop
	hops    int
	object  uint32
	prefSrc netip.Addr
}

// Kind are the routes of a table that lead to the same place.
type Kind struct {
	Count int
	// First are a few of them, default routes before others.
	First []route.Route
	// several says that each of them has several next hops, and that these are not all
	// the same.
	several bool
}

type pair struct{ first, second route.Route }

// How much is stored about a host's routes.
const (
	maxNear  = 40_000
	maxKinds = 20_000
	maxPairs = 1024
	maxFirst = 3
)

// Read reads from a source what checks need, for both families, or only for the given one
// if it is not zero. resolvers are the host's name servers, as far as they are known.
// Errors are those of the source.
func Read(ctx context.Context, src route.Source, only route.Family, resolvers []netip.Addr, checks []Check) (*Host, error) {
	var g *gathered
	begin := func() {
		g = &gathered{tables: map[tableKey]*tableSum{}, kinds: map[kindKey]*Kind{}, hosts: map[netip.Prefix][]netip.Addr{}}
	}
	begin()
	fib, err := lookup.Read(ctx, src, &lookup.Need{
		Query: route.Query{Family: only, AllDevices: true, Markers: true, Redirects: true, WireGuard: true},
		Hold:  func(r *route.Route) bool { return !leadsFar(r) },
		Ask: func(f *lookup.FIB) []netip.Addr {
			h := newHost(f, g, only)
			h.Resolvers = resolvers
			h.asks = true
			h.Run(checks)
			return h.asked
		},
		Each:  func(r *route.Route) error { g.take(r); return nil },
		Again: begin,
	})
	if err != nil {
		return nil, err
	}
	h := newHost(fib, g, only)
	h.Resolvers = resolvers
	return h, nil
}

func newHost(f *lookup.FIB, g *gathered, only route.Family) *Host {
	h := &Host{fib: f, only: only, snap: f.Snapshot(), gathered: g, statuses: map[netip.Prefix][]lookup.EntryStatus{}, dirs: map[netip.Addr]int{}, outside: map[route.Family]netip.Addr{}}
	for i := range h.snap.Addrs {
		a := &h.snap.Addrs[i]
		if _, ok := h.dirs[a.Prefix.Addr()]; !ok {
			h.dirs[a.Prefix.Addr()] = a.Link
		}
	}
	return h
}

// FIB is the index in which the checks look packets up.
func (h *Host) FIB() *lookup.FIB { return h.fib }

// leadsFar reports whether a route leads to other networks by a gateway and does not
// cover half of all addresses or more.
func leadsFar(r *route.Route) bool {
	return r.Type == route.TypeUnicast && r.Dst.Bits() > 1 && (r.NextHopID != 0 || len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid())
}

// take stores what is needed of a route.
func (g *gathered) take(r *route.Route) {
	fam := r.Family()
	t := g.sum(tableKey{fam, r.Table}, r)
	t.routes++
	if r.IsDefault() {
		t.defaults++
	}
	far := leadsFar(r)
	if r.IsDefault() || far || r.Protocol != route.ProtocolKernel && len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid() {
		if t.far++; t.far == 1 {
			t.first = r.Clone()
		}
	}
	if r.Table != route.TableLocal {
		g.kind(r, fam).take(r)
	}
	if !far {
		if len(g.near) < maxNear {
			g.near = append(g.near, r.Clone())
		} else {
			g.lost++
		}
	}
	g.notice(r)
}

// sum is what is known about a route's table. The last table is stored, because all routes
// of a table come one after the other.
func (g *gathered) sum(k tableKey, r *route.Route) *tableSum {
	if g.lastSum != nil && g.lastTable == k {
		return g.lastSum
	}
	t := g.tables[k]
	if t == nil {
		t = &tableSum{first: r.Clone()}
		g.tables[k] = t
	}
	g.lastSum, g.lastTable = t, k
	return t
}

// notice stores routes that checks look at one by one.
func (g *gathered) notice(r *route.Route) {
	if g.last.Table == r.Table && g.last.Dst == r.Dst && r.Table != route.TableLocal {
		if len(g.pairs) < maxPairs {
			g.pairs = append(g.pairs, pair{g.last.Clone(), r.Clone()})
		}
	}
	g.last.NextHops = append(g.last.NextHops[:0], r.NextHops...)
	hops := g.last.NextHops
	g.last = *r
	g.last.NextHops, g.last.Metrics, g.last.Unknown = hops, nil, nil
	g.noticeHost(r)
	switch a := r.Dst.Addr(); {
	case r.Type != route.TypeUnicast || r.Table == route.TableLocal:
	case looksLikeNetwork(r):
		if len(g.odd) < maxFirst*maxEvidence {
			g.odd = append(g.odd, r.Clone())
		}
	case a.IsMulticast() && a.Is4() && len(r.NextHops) > 0 && r.NextHops[0].Gateway.IsValid():
		if len(g.groups) < maxEvidence {
			g.groups = append(g.groups, r.Clone())
		}
	}
}

// maxHosts is of how many /24 host routes are noticed.
const maxHosts = 1024

// noticeHost stores the addresses of host routes, two for each /24.
func (g *gathered) noticeHost(r *route.Route) {
	a := r.Dst.Addr()
	if r.Type != route.TypeUnicast || !a.Is4() || !r.Dst.IsSingleIP() {
		return
	}
	all, ok := g.hosts[net24(a)]
	if (ok || len(g.hosts) < maxHosts) && len(all) < 2 && !slices.Contains(all, a) {
		g.hosts[net24(a)] = append(all, a)
	}
}

// looksLikeNetwork reports whether a host route's address ends like a network address.
// Routes that routing protocols make are not mistakes of people, so they do not count.
func looksLikeNetwork(r *route.Route) bool {
	if !r.Dst.IsSingleIP() || !r.Dst.Addr().Is4() || r.Dst.Addr().IsUnspecified() {
		return false
	}
	switch r.Protocol {
	case route.ProtocolBoot, route.ProtocolStatic, route.ProtocolDHCP:
		return r.Dst.Addr().As4()[3] == 0
	}
	return false
}

// kind finds the kind of a route. The last few that were asked for are stored, because
// large tables have few kinds.
func (g *gathered) kind(r *route.Route, fam route.Family) *Kind {
	key := kindKey{table: r.Table, family: fam, typ: r.Type, hops: len(r.NextHops), object: r.NextHopID, prefSrc: r.PrefSrc}
	if len(r.NextHops) > 0 {
		key.hop = r.NextHops[0]
	}
	for i := range g.lastKind {
		if o := &g.lastKey[i]; g.lastKind[i] != nil && o.hop.Link == key.hop.Link && o.table == key.table && *o == key {
			return g.lastKind[i]
		}
	}
	k := g.kinds[key]
	if k == nil {
		k = &Kind{several: len(r.NextHops) > 1}
		if len(g.kinds) < maxKinds {
			g.kinds[key] = k
			g.order = append(g.order, k)
		}
	}
	g.lastKind[g.turn], g.lastKey[g.turn] = k, key
	g.turn = (g.turn + 1) % len(g.lastKind)
	return k
}

func (k *Kind) take(r *route.Route) {
	k.Count++
	switch {
	case r.IsDefault() && (len(k.First) == 0 || !k.First[0].IsDefault()):
		k.First = append([]route.Route{r.Clone()}, k.First...)
	case len(k.First) < maxFirst:
		k.First = append(k.First, r.Clone())
	}
}

// lookup decides about a packet. It also stores the packet's addresses if they are
// asked for.
func (h *Host) lookup(flow route.Flow) lookup.Decision {
	h.about(flow.Dst)
	h.about(flow.Src)
	return h.fib.Lookup(flow)
}

// explain is like lookup, and also returns what took part in the decision.
func (h *Host) explain(flow route.Flow) *lookup.Trace {
	h.about(flow.Dst)
	h.about(flow.Src)
	return h.fib.Explain(flow)
}

func (h *Host) about(a netip.Addr) {
	if h.asks && a.IsValid() {
		h.asked = append(h.asked, a)
	}
}

// status has the statuses of the entries of a prefix.
func (h *Host) status(p netip.Prefix) []lookup.EntryStatus {
	if all, ok := h.statuses[p]; ok {
		return all
	}
	all := h.fib.EntryStatuses(p)
	for i := range all {
		h.about(all[i].Example)
	}
	h.statuses[p] = all
	return all
}

// defaults has the statuses of the entries of a family's default route, in the order
// in which packets reach them.
func (h *Host) defaults(fam route.Family) []lookup.EntryStatus { return h.status(fam.Default()) }

// used reports whether packets take a route, as far as is known.
func (h *Host) used(r *route.Route) bool {
	if len(h.fib.RulesTo(r.Family(), r.Table)) == 0 {
		return false
	}
	for _, s := range h.status(r.Dst) {
		if same(&s.Route, r) {
			return s.Used()
		}
	}
	return true
}

// hops are a route's next hops. If it has a next-hop object, they are those of the
// object.
func (h *Host) hops(r *route.Route) []route.NextHop {
	if len(r.NextHops) > 0 || r.NextHopID == 0 {
		return r.NextHops
	}
	o := h.object(r.NextHopID)
	if o == nil {
		return nil
	}
	if len(o.Group) == 0 {
		return []route.NextHop{h.hopOf(o, r.Family())}
	}
	var out []route.NextHop
	for _, m := range o.Group {
		if member := h.object(m.ID); member != nil {
			out = append(out, h.hopOf(member, r.Family()))
		}
	}
	return out
}

// hopOf is the next hop of an object. For objects, the kernel does not tell whether their
// device has a carrier.
func (h *Host) hopOf(o *route.NextHopObject, fam route.Family) route.NextHop {
	hop := o.NextHop
	l := h.snap.Link(hop.Link)
	if l == nil || !l.Up() || l.Carrier() || l.Flags&route.LinkLoopback != 0 {
		return hop
	}
	hop.Flags |= route.NextHopLinkDown
	if h.snap.IgnoresLinkdown(fam, l.Name) {
		hop.Flags |= route.NextHopDead
	}
	return hop
}

func (h *Host) object(id uint32) *route.NextHopObject {
	if h.objects == nil {
		h.objects = map[uint32]*route.NextHopObject{}
		for i := range h.snap.NextHops {
			h.objects[h.snap.NextHops[i].ID] = &h.snap.NextHops[i]
		}
	}
	return h.objects[id]
}

// own is the device of an address of this host; zero: it has no such address.
func (h *Host) own(a netip.Addr) int { return h.dirs[a] }

// lacks are the facts that a check needs and that were not read; empty: all were
// read.
func (h *Host) lacks(c *Check) string {
	var out []string
	for _, fact := range c.Needs {
		if len(h.families(fact)) == 0 {
			out = append(out, string(fact))
		}
	}
	return strings.Join(out, ", ")
}

// unread reports whether a fact is not known for a family. A fact that is only assumed,
// because nearly every host has it, is not known.
func (h *Host) unread(fact route.Fact, fam route.Family) bool {
	switch fact {
	case factTables:
		return h.snap.WhyLacks(route.FactRoutes, fam) != "" || h.snap.WhyLacks(route.FactPart, fam) != ""
	case route.FactMarkers:
		return h.snap.AsksForMark() && !lookup.KnowsSetters(h.snap)
	case route.FactRoutes: // some tables are better than none
		return h.snap.Lacks(fact, fam)
	}
	return h.snap.WhyLacks(fact, fam) != "" || h.snap.Assumes(fact, fam)
}

// families are the families for which the given facts are known.
func (h *Host) families(facts ...route.Fact) []route.Family {
	var out []route.Family
	q := route.Query{Family: h.only}
	for _, fam := range q.Families() {
		if !slices.ContainsFunc(facts, func(f route.Fact) bool { return h.unread(f, fam) }) {
			out = append(out, fam)
		}
	}
	return out
}
