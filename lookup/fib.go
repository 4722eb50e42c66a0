package lookup

import (
	"iter"
	"net/netip"
	"slices"
	"sync"

	"github.com/gaissmai/bart"

	"routewhy/route"
)

// FIB is an immutable index of a [route.Snapshot] for looking packets up. It
// is safe for concurrent use. The zero value is not useful: see [New] and
// [Builder].
type FIB struct {
	// order4 and order6 are the devices with addresses as the kernel walks them.
	order4, order6 order

	snap       *route.Snapshot
	v4, v6     family
	devices    []*device // by ascending index
	byIndex    map[int]*device
	byName     map[string]*device
	vrfOf      map[route.Table]*device // the VRF devices by their tables
	lastVRF    *device                 // the one of them with the highest index; nil: there is none
	neighbours map[neighbourKey]route.NeighbourState
	objects    map[uint32]*route.NextHopObject
	groups     map[groupKey]*entry // with the next hops of a group, and no more
	own4       map[netip.Addr]int  // addresses of this host, to the device's index
	labels     []route.AddrLabel
	merged     bool
	mayMerge   bool // nobody knows whether the two are one
	useNeigh   int
	// useNeighRead: the setting was.
	useNeighRead bool
	// localByUser: somebody added an IPv4 route of type local, which ends the
	// short check of sources (fib_num_tclassid_users, fib_has_custom_local_routes).
	localByUser bool
	// realms: some IPv4 route or rule has a realm, which ends it too.
	realms bool
	kernel behaviour
	// supposed is a setting that, where it was not read, is taken for 1 instead of
	// what is usual; nil: none is.
	supposed *setting
	// siblings is the router preference that the further siblings of IPv6 multipath
	// routes are supposed to have; nil: the first one's.
	siblings *route.Preference
	// uid6 is the user that a received IPv6 packet is looked up as: root, but for what
	// RTM_GETROUTE is asked without one. See [FIB.toolDiffers].
	uid6 uint32
	// unread, while something is explained, gathers the settings that would have
	// mattered but are not in the snapshot.
	unread *[]string
	// sketches, while entries are judged, are the packets sent for it.
	sketches *sketches
	partial  bool           // routes that no question is about were left out
	sources  []netip.Prefix // of IPv6 routes that are for certain sources
}

// family holds what exists once for IPv4 and once for IPv6.
type family struct {
	rules  []*rule
	tables map[route.Table]*table
	conf   *conf // what is set for all devices
	// index finds the rules that may match a packet; nil: they are few.
	index func() *ruleIndex
	to    map[route.Table][]*route.Rule // those that look in a table, in order
	not   []route.Selector              // what `not` rules do not match, the first of them
	vrfs  bool                          // some look in the packet's VRF's
	// dissects: rules ask about the protocol or the ports of packets that arrive.
	dissects bool
	guess    bool // settings were not read
	// bySource: some entry has several next hops, of which a packet's source may choose,
	// or is for certain sources.
	bySource bool
}

// rule is a policy rule with its device names resolved, as the kernel does
// when devices come and go (fib_rules_event).
type rule struct {
	*route.Rule
	in, out int    // -1: no such device
	table   *table // that the action leads to; nil: there is none, or a VRF's
	all     bool   // every packet matches
	target  int    // where a goto goes on; zero: nowhere
}

// table is one routing table of one family.
type table struct {
	trie     bart.Table[*leaf]
	routes   int
	defaults int        // entries of length 0 (tb_num_default)
	marked   *bart.Lite // all prefixes, where the trie has not all of them
}

// leaf is all entries of one prefix, in the order in which they are tried.
type leaf struct {
	entries []*entry
}

// entry is a route without its destination prefix, so that a million routes
// through the same few next hops share a few entries.
type entry struct {
	route  route.Route // Dst is the zero Prefix
	hops   []hop
	group  bool // hops are the members of a next-hop group
	bucket bool // a resilient one
	black  bool // a blackhole next-hop object
	unread bool // something of it was not read: doubt says what
	doubt  Code // with unread
	fam    route.Family
	alone  *leaf
	// directTo are the devices that it leads to without a gateway; nil: it has too
	// few next hops for that to be worth it.
	directTo map[int]bool
}

// hop is one next hop, and the object that it comes from.
type hop struct {
	route.NextHop
	object uint32
	dev    *device // nil: not known
	// direct: the gateway is the device's own address, and so the packet goes
	// straight to the device. See [hop.gateway4].
	direct bool
}

// device is a link with its addresses and settings.
type device struct {
	*route.Link
	addrs4, addrs6 []*route.Addr
	conf4, conf6   *conf
	vrf            int // the VRF device that it is or belongs to (l3mdev_master_ifindex); zero: none
}

type neighbourKey struct {
	link int
	addr netip.Addr
}

// New indexes a snapshot. The snapshot must not be changed afterwards.
func New(s *route.Snapshot) *FIB {
	var b Builder
	for i := range s.Routes {
		b.Add(&s.Routes[i])
	}
	return b.FIB(s)
}

// Builder gathers the routes of a FIB one at a time, for tables that nobody
// wants to hold in memory as a slice of routes as well. The zero value is
// ready for use.
type Builder struct {
	tables4, tables6 map[route.Table]*table
	shared           map[route.Shape]*entry
	entries          []*entry
	partial          bool
}

// Add adds a route behind those of the same prefix. The route is copied.
func (b *Builder) Add(r *route.Route) {
	b.table(r.Family(), r.Table).add(r.Dst, b.entry(r))
}

// Skip counts a route that is left out because no question to come is about
// what it covers.
func (b *Builder) Skip(f route.Family, id route.Table) {
	b.table(f, id).routes++
	b.partial = true
}

// Mark remembers a route's prefix, for [FIB.EntryStatuses] to know what longer
// prefixes there are although the routes themselves are left out. Where one
// route of a table is marked all must be, those that are added too.
func (b *Builder) Mark(id route.Table, dst netip.Prefix) {
	t := b.table(route.FamilyOf(dst.Addr()), id)
	if t.marked == nil {
		t.marked = new(bart.Lite)
	}
	t.marked.Insert(dst)
}

func (b *Builder) table(f route.Family, id route.Table) *table {
	tables := &b.tables4
	if f == route.IPv6 {
		tables = &b.tables6
	}
	if *tables == nil {
		*tables = make(map[route.Table]*table)
	}
	t := (*tables)[id]
	if t == nil {
		t = new(table)
		(*tables)[id] = t
	}
	return t
}

// LeftOut says whether a route that [Builder.Skip] left out and [Builder.Mark]
// marked covers an address.
func (f *FIB) LeftOut(a netip.Addr) bool {
	for _, t := range f.family(route.FamilyOf(a)).tables {
		if t.marked == nil {
			continue
		}
		for p := range t.marked.Supernets(netip.PrefixFrom(a, a.BitLen())) {
			if _, held := t.trie.Get(p); !held {
				return true
			}
		}
	}
	return false
}

// subnets are the prefixes of a table inside another, in ascending order.
func (t *table) subnets(p netip.Prefix) iter.Seq[netip.Prefix] {
	if t.marked != nil {
		return t.marked.Subnets(p)
	}
	return func(yield func(netip.Prefix) bool) {
		for sub := range t.trie.Subnets(p) {
			if !yield(sub) {
				return
			}
		}
	}
}

func (t *table) add(dst netip.Prefix, e *entry) {
	t.routes++
	if dst.Bits() == 0 {
		t.defaults++
	}
	t.trie.Modify(dst, func(l *leaf, found bool) (*leaf, bool) {
		if !found {
			return e.alone, false
		}
		if len(l.entries) == 1 { // may stand at other prefixes too
			return &leaf{entries: []*entry{l.entries[0], e}}, false
		}
		l.entries = append(l.entries, e)
		return l, false
	})
}

// entry finds or makes the entry of a route.
func (b *Builder) entry(r *route.Route) *entry {
	k, ok := r.Shape()
	if !ok {
		return b.newEntry(r)
	}
	e := b.shared[k]
	if e == nil {
		e = b.newEntry(r)
		if b.shared == nil {
			b.shared = make(map[route.Shape]*entry)
		}
		b.shared[k] = e
	}
	return e
}

func (b *Builder) newEntry(r *route.Route) *entry {
	e := &entry{route: *r, fam: r.Family()}
	e.route.Dst = netip.Prefix{}
	e.route.NextHops = slices.Clone(r.NextHops)
	e.alone = &leaf{entries: []*entry{e}}
	b.entries = append(b.entries, e)
	return e
}

// FIB indexes the routes added so far, and all other facts from the snapshot,
// whose own Routes are not looked at. Where more are added afterwards, FIB is to
// be called again, and what it gave before must not be used any more.
func (b *Builder) FIB(s *route.Snapshot) *FIB {
	f := &FIB{
		snap:       s,
		v4:         family{tables: b.tables4},
		v6:         family{tables: b.tables6},
		byIndex:    make(map[int]*device, len(s.Links)),
		byName:     make(map[string]*device, len(s.Links)),
		vrfOf:      map[route.Table]*device{},
		neighbours: make(map[neighbourKey]route.NeighbourState, len(s.Neighbours)),
		objects:    make(map[uint32]*route.NextHopObject, len(s.NextHops)),
		groups:     map[groupKey]*entry{},
		own4:       make(map[netip.Addr]int),
		kernel:     behaviourOf(s.Release),
		partial:    b.partial,
		labels:     s.Labels,
	}
	if len(f.labels) == 0 {
		f.labels = route.DefaultLabels()
	}
	f.v4.conf, f.v6.conf = newConf(s.Sysctls, route.IPv4, allDevices), newConf(s.Sysctls, route.IPv6, allDevices)
	f.v4.guess, f.v6.guess = s.Lacks(route.FactSysctls, route.IPv4), s.Lacks(route.FactSysctls, route.IPv6)
	f.useNeigh, f.useNeighRead = s.Sysctls.Int(useNeighPath)
	f.addDevices()
	f.addRules()
	for _, n := range s.Neighbours {
		f.neighbours[neighbourKey{n.Link, n.Addr}] = n.State
	}
	for i := range s.NextHops {
		f.objects[s.NextHops[i].ID] = &s.NextHops[i]
	}
	for _, e := range b.entries {
		f.resolve(e)
		if len(e.hops) > 1 || e.sourceSpecific() {
			f.family(e.fam).bySource = true
		}
		if e.sourceSpecific() {
			f.sources = append(f.sources, e.route.Src.Masked())
		}
		if e.fam == route.IPv4 && e.route.Type == route.TypeLocal && e.route.Protocol != route.ProtocolKernel {
			f.localByUser = true
		}
	}
	f.merged = s.Merged == route.Yes && f.defaultRules4()
	f.mayMerge = s.Merged == route.Unknown && s.Lacks(route.FactMerged, route.IPv4) && f.defaultRules4()
	return f
}

func (f *FIB) addDevices() {
	s := f.snap
	for i := range s.Links {
		d := &device{Link: &s.Links[i]}
		d.conf4, d.conf6 = newConf(s.Sysctls, route.IPv4, d.Name), newConf(s.Sysctls, route.IPv6, d.Name)
		f.devices = append(f.devices, d)
		f.byIndex[d.Index], f.byName[d.Name] = d, d
	}
	slices.SortFunc(f.devices, func(a, b *device) int { return a.Index - b.Index })
	for _, d := range f.devices {
		if d.Kind == vrfKind {
			d.vrf = d.Index
			if d.VRFTable != 0 {
				f.vrfOf[d.VRFTable], f.lastVRF = d, d
			}
		} else if m := f.byIndex[d.Master]; m != nil && m.Kind == vrfKind {
			d.vrf = m.Index
		}
	}
	for i := range s.Addrs {
		a := &s.Addrs[i]
		d := f.byIndex[a.Link]
		if d == nil {
			continue
		}
		if a.Prefix.Addr().Is4() {
			d.addrs4 = append(d.addrs4, a)
			f.own4[a.Prefix.Addr()] = a.Link
		} else {
			d.addrs6 = append(d.addrs6, a)
		}
	}
	f.order4 = orderOf(s, f.devices, func(d *device) bool { return len(d.addrs4) > 0 })
	f.order6 = orderOf(s, f.devices, func(d *device) bool { return len(d.addrs6) > 0 })
}

func (f *FIB) addRules() {
	index := func(name string) int {
		if name == "" {
			return 0
		}
		if d := f.byName[name]; d != nil {
			return d.Index
		}
		return -1
	}
	s := f.snap
	for i := range s.Rules {
		r := &rule{Rule: &s.Rules[i]}
		r.in, r.out = index(r.Selector.In), index(r.Selector.Out)
		if r.Family == route.IPv4 {
			f.v4.rules = append(f.v4.rules, r)
			f.realms = f.realms || r.Realm != 0
		} else {
			f.v6.rules = append(f.v6.rules, r)
		}
	}
	if s.NoRules4 {
		f.v4.rules = withoutRules(route.IPv4)
	}
	if s.NoRules6 {
		f.v6.rules = withoutRules(route.IPv6)
	}
	for _, fam := range []*family{&f.v4, &f.v6} {
		fam.to = map[route.Table][]*route.Rule{}
		for _, r := range fam.rules {
			r.table = fam.tables[r.Table]
			r.all = r.Selector == (route.Selector{}) && len(r.Unknown) == 0
			fam.dissects = fam.dissects || r.dissects()
			fam.lead(r)
		}
		gotos(fam.rules)
		if rules := fam.rules; len(rules) >= indexedRules {
			fam.index = sync.OnceValue(func() *ruleIndex { return newRuleIndex(f, rules) })
		}
	}
}

// lead notes which table a rule leads to.
func (fam *family) lead(r *rule) {
	if r.Action == route.ActionTable {
		fam.to[r.Table] = append(fam.to[r.Table], r.Rule)
		fam.vrfs = fam.vrfs || r.Selector.L3Mdev
	}
	if r.Selector.Not && len(fam.not) < maxNots {
		inner := r.Selector
		inner.Not = false
		fam.not = append(fam.not, inner)
	}
}

// maxNots is how many `not` rules are asked for packets that they do not match.
const maxNots = 64

// withoutRules are the rules that a kernel without multiple tables behaves by
// (fib_lookup in include/net/ip_fib.h, fib6_rule_lookup in net/ipv6/ip6_fib.c).
func withoutRules(fam route.Family) []*rule {
	all := func(priority uint32, t route.Table) *rule {
		return &rule{Rule: &route.Rule{
			Family: fam, Priority: priority, Action: route.ActionTable, Table: t,
			SuppressPrefixLen: -1, SuppressGroup: -1,
		}}
	}
	return []*rule{all(0, route.TableLocal), all(32766, route.TableMain)}
}

// defaultRules4 says whether the IPv4 rules are those that a namespace starts
// with.
func (f *FIB) defaultRules4() bool {
	want := []struct {
		priority uint32
		table    route.Table
	}{{0, route.TableLocal}, {32766, route.TableMain}, {32767, route.TableDefault}}
	if len(f.v4.rules) != len(want) {
		return false
	}
	for i, r := range f.v4.rules {
		if r.Priority != want[i].priority || r.Table != want[i].table ||
			r.Action != route.ActionTable || r.Selector != (route.Selector{}) ||
			r.SuppressPrefixLen >= 0 || r.SuppressGroup >= 0 {
			return false
		}
	}
	return true
}

// complete works out what a next hop means on this host.
func (f *FIB) complete(h *hop) {
	h.dev = f.byIndex[h.Link]
	h.direct = h.dev != nil && f.own4[h.Gateway] == h.Link && h.Flags&route.NextHopOnLink == 0
}

// resolve fills in the next hops of an entry, from its own or from its object.
func (f *FIB) resolve(e *entry) {
	f.fillHops(e)
	if !e.group || f.objects[e.route.NextHopID] == nil {
		f.finish(e)
	}
}

func (f *FIB) fillHops(e *entry) {
	e.hops, e.group, e.bucket, e.black = nil, false, false, false
	e.doubt = e.odd()
	e.unread = e.doubt != ""
	if e.route.NextHopID == 0 {
		for _, h := range e.route.NextHops {
			e.hops = append(e.hops, hop{NextHop: h})
		}
		return
	}
	o := f.objects[e.route.NextHopID]
	switch {
	case o == nil && len(e.route.NextHops) == 0:
		e.unread, e.doubt = true, CodeNextHopUnknown
	case o == nil: // the kernel expanded it for us
		e.group = len(e.route.NextHops) > 1
		for _, h := range e.route.NextHops {
			e.hops = append(e.hops, hop{NextHop: h, object: e.route.NextHopID})
		}
	case len(o.Group) == 0:
		e.black = o.Blackhole
		e.hops = []hop{{NextHop: o.NextHop, object: o.ID}}
	default:
		f.shareGroup(e, o)
	}
}

// finish works out what the next hops of an entry mean on this host.
func (f *FIB) finish(e *entry) {
	for i := range e.hops {
		h := &e.hops[i]
		if !f.mayRevive(e.fam, h) {
			h.Flags &^= route.NextHopLinkDown
		}
		f.complete(h)
		f.realms = f.realms || e.fam == route.IPv4 && h.Realm != 0
	}
	e.noteDirect()
}

// groupKey names a group as entries of one family have it.
type groupKey struct {
	id  uint32
	fam route.Family
}

// shareGroup gives an entry the next hops of its group, which all that name it share:
// there may be many entries, and many members.
func (f *FIB) shareGroup(e *entry, group *route.NextHopObject) {
	k := groupKey{group.ID, e.fam}
	first := f.groups[k]
	if first == nil {
		first = &entry{fam: e.fam}
		f.resolveGroup(first, group)
		f.finish(first)
		f.groups[k] = first
	}
	e.hops, e.group, e.bucket, e.black, e.directTo = first.hops, first.group, first.bucket, first.black, first.directTo
	if first.unread {
		e.unread, e.doubt = true, first.doubt
	}
}

// mayRevive says whether a next hop that is marked dead and without carrier is
// only passed over because of ignore_routes_with_linkdown, which a dump marks
// the same way. One whose device is down is really dead (fib_sync_down_dev).
func (f *FIB) mayRevive(fam route.Family, h *hop) bool {
	d := f.byIndex[h.Link]
	if d == nil {
		return true
	}
	c := d.conf4
	if fam == route.IPv6 {
		c = d.conf6
	}
	ignored := c.value[settingIgnoreLinkdown] != 0 || !c.read[settingIgnoreLinkdown]
	if fam == route.IPv4 {
		ignored = ignored || f.v4.conf.value[settingIgnoreLinkdown] != 0
	}
	return d.Up() && (ignored || h.Flags&route.NextHopDead == 0)
}

func (f *FIB) resolveGroup(e *entry, group *route.NextHopObject) {
	e.group, e.bucket = true, group.Resilient
	for _, m := range group.Group {
		o := f.objects[m.ID]
		if o == nil && len(e.route.NextHops) > 0 { // what the kernel expanded it to
			e.hops = nil
			for _, h := range e.route.NextHops {
				e.hops = append(e.hops, hop{NextHop: h, object: group.ID})
			}
			return
		}
		if o == nil {
			e.unread, e.doubt = true, CodeNextHopUnknown
			return
		}
		// A blackhole can only be in a group alone (nh_create_group).
		e.black = o.Blackhole
		h := hop{NextHop: o.NextHop, object: o.ID}
		h.Weight = m.Weight
		e.hops = append(e.hops, h)
	}
}

// odd says what of a file's route was not understood; empty: nothing.
func (e *entry) odd() Code {
	switch unread := func(h route.NextHop) bool { return h.Flags&route.NextHopUnread != 0 }; {
	case e.route.Flags&route.FlagOdd != 0:
		return CodeRouteOdd
	case e.route.Flags&route.FlagNoMetric != 0:
		return CodeMetricUnread
	case slices.ContainsFunc(e.route.NextHops, unread):
		return CodeGatewayUnread
	}
	return ""
}

// doubted says why nobody can tell what an entry does.
func (f *FIB) doubted(e *entry, dst netip.Prefix) Reason {
	if e.doubt == CodeNextHopUnknown {
		return f.lacks(Reason{Code: e.doubt, Want: e.route.NextHopID}, route.FactNextHops, e.fam)
	}
	why := Reason{Code: e.doubt, Have: dst}
	if e.doubt == CodeGatewayUnread && len(e.hops) == 1 {
		why.Want = e.hops[0].Link
	}
	return why
}

// full is the entry's route with its destination.
func (e *entry) full(dst netip.Prefix) route.Route {
	r := e.route
	r.Dst = dst
	return r
}

// Snapshot is what the FIB was built from.
func (f *FIB) Snapshot() *route.Snapshot { return f.snap }

func (f *FIB) family(fam route.Family) *family {
	if fam == route.IPv4 {
		return &f.v4
	}
	return &f.v6
}

// vrf is the index of the VRF device that a device is or belongs to
// (l3mdev_master_ifindex); zero: none.
func (f *FIB) vrf(index int) int {
	if d := f.byIndex[index]; d != nil {
		return d.vrf
	}
	return 0
}

// vrfKind is the Kind of a VRF device.
const vrfKind = "vrf"

// size is how many routes a table has.
func (t *table) size() int {
	if t == nil {
		return 0
	}
	return t.routes
}
