package load

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

// facts gathers what the files say, in whatever order they say it. Listings
// name devices and tables; numbers are given to them here: devices have
// provisional indices until [facts.snapshot], when all is known.
type facts struct {
	snap   route.Snapshot
	routes route.List     // provisional devices
	devs   []*dev         // by provisional index - 1
	byName map[string]int // to provisional index
	byNum  map[int]int    // real index to provisional
	// tables and protocols are the names that were looked up, invented how many
	// tables have a name that no rt_tables explained.
	tables    map[string]route.Table
	protocols map[string]route.Protocol
	invented  int
	// has are the facts that were found, and read the tables.
	has      map[found]bool
	complete map[route.Family]bool // every table was listed
	// listing is the current one of the listings. Of a table or of rules that two
	// of them have, one is chosen.
	listings []listing
	listing  int
	from     []int32 // the listing of each route
	listed   []listedRule
	tableIn  map[familyTable][]int32
	ruleIn   map[route.Family][]int32
	parts    map[familyTable]bool // tables of which routes may be missing; table zero: any
	vrfs     map[string]route.Table
	choices  []Fault // what was left aside
	// objectsIn is the file of the last next-hop object.
	objectsIn string
	oddAddr   bool // the last address was not understood, nor is what follows about it
	orders    []deviceOrder
	// memberships are the lists of /proc/net/igmp, grouped how many groups they have.
	memberships []groupList
	grouped     int
	// partAddrs: some addresses are known, of one device say, or of one family.
	partAddrs bool
	// partLinks: some devices are known.
	partLinks bool
}

type found struct {
	fact   route.Fact
	family route.Family
}

type familyTable struct {
	family route.Family
	table  route.Table
}

// dev is what is known of a device.
type dev struct {
	name   string
	index  int // the real one; zero: not told
	link   route.Link
	told   bool // a listing of devices has it
	master int  // provisional
}

// maxNames is how many tables may have names that are not explained. Each is
// compared with all others.
const maxNames = 1 << 12

func newFacts() *facts {
	return &facts{
		byName: map[string]int{}, byNum: map[int]int{}, tables: map[string]route.Table{},
		protocols: map[string]route.Protocol{}, has: map[found]bool{}, tableIn: map[familyTable][]int32{},
		complete: map[route.Family]bool{}, ruleIn: map[route.Family][]int32{}, parts: map[familyTable]bool{},
		vrfs: map[string]route.Table{},
		snap: route.Snapshot{
			Sysctls: route.Sysctls{},
			Names:   route.Names{Tables: map[route.Table]string{}, Protocols: map[route.Protocol]string{}},
		},
	}
}

// device is the provisional index of a device by its name; "*" and "" are none.
func (f *facts) device(name string) int {
	if name == "" || name == "*" {
		return 0
	}
	if i, ok := f.byName[name]; ok {
		return i
	}
	name = strings.Clone(name) // and not the whole line
	f.devs = append(f.devs, &dev{name: name})
	f.byName[name] = len(f.devs)
	return len(f.devs)
}

// deviceByIndex is the same by the real index.
func (f *facts) deviceByIndex(index int) int {
	if index == 0 {
		return 0
	}
	if i, ok := f.byNum[index]; ok {
		return i
	}
	f.devs = append(f.devs, &dev{index: index})
	f.byNum[index] = len(f.devs)
	return len(f.devs)
}

// define says that a device has a name and an index, and gives its provisional
// one. What is provisional of the two becomes one in [facts.numbers].
func (f *facts) define(name string, index int) (int, error) {
	i := f.device(name)
	if i == 0 {
		return 0, fmt.Errorf("a device named %q", name)
	}
	if index < 0 || index > math.MaxInt32 {
		return 0, fmt.Errorf("%d is no index of a device", index)
	}
	if index > 0 {
		f.devs[i-1].index = index
	}
	return i, nil
}

// table is a table's number by its name or number.
func (f *facts) table(name string) (route.Table, error) {
	if name == "" {
		return route.TableMain, nil
	}
	if t, ok := f.tables[name]; ok {
		return t, nil
	}
	t, ok := f.snap.Names.TableByName(name)
	switch {
	case ok:
		if len(f.tables) < maxNames {
			f.tables[strings.Clone(name)] = t
		}
		return t, nil
	case !plainName(name):
		return 0, fmt.Errorf("table %q", name)
	case f.invented == maxNames:
		return 0, fmt.Errorf("table %q: more than %d names", name, maxNames)
	}
	t, name = f.invent(), strings.Clone(name)
	f.tables[name], f.snap.Names.Tables[t] = t, name
	return t, nil
}

// firstInvented begins the numbers that nobody uses, as far as one can tell.
const firstInvented route.Table = 1 << 31

func (f *facts) invent() route.Table {
	f.invented++
	return firstInvented + route.Table(f.invented-1)
}

// protocol is a protocol's number by its name or number.
func (f *facts) protocol(name string) (route.Protocol, error) {
	if p, ok := f.protocols[name]; ok {
		return p, nil
	}
	if n, err := strconv.ParseUint(name, 0, 8); err == nil {
		return route.Protocol(n), nil
	}
	for n := range 256 {
		if p := route.Protocol(n); f.snap.Names.Protocol(p) == name {
			f.protocols[strings.Clone(name)] = p
			return p, nil
		}
	}
	for n := 255; n >= 0 && plainName(name); n-- {
		p := route.Protocol(n)
		if f.snap.Names.Protocol(p) == strconv.Itoa(n) {
			name = strings.Clone(name)
			f.protocols[name], f.snap.Names.Protocols[p] = p, name
			return p, nil
		}
	}
	return 0, fmt.Errorf("protocol %q", name)
}

// plainName reports whether a word can be somebody's name for a number: rt_tables may
// have any word there, such as 4g or eth0.20, but nobody means an address.
func plainName(s string) bool {
	if _, _, isAddress := destination(s); isAddress {
		return false
	}
	return s != "" && len(s) < 64 && !strings.ContainsAny(s, " \t/:\"'*<>()[]{}\x00\x1b") && strings.Trim(s, "0123456789-") != ""
}

func (f *facts) found(fact route.Fact, fams ...route.Family) {
	for _, fam := range fams {
		f.has[found{fact, fam}] = true
	}
}

// numbers finds the index of every provisional device: the real one where it
// was told, else one that no device has.
func (f *facts) numbers() []int {
	out := make([]int, len(f.devs)+1)
	used := map[int]int{} // real index to provisional
	for i, d := range f.devs {
		if d.index != 0 && d.name != "" {
			used[d.index], out[i+1] = i+1, d.index
		}
	}
	for i, d := range f.devs {
		if d.index != 0 && d.name == "" {
			out[i+1] = d.index
			if _, named := used[d.index]; !named {
				used[d.index] = i + 1
			}
		}
	}
	next := 2
	for i, d := range f.devs {
		if out[i+1] != 0 {
			continue
		}
		n := next
		if d.name == "lo" {
			n = route.LoopbackIndex
		}
		for used[n] != 0 {
			n++
		}
		used[n], out[i+1] = i+1, n
		next = max(next, n)
	}
	return out
}

// nameAll names the devices of which only the index is known as
// [route.Snapshot.LinkName] does: routes lead there, so they exist.
func (f *facts) nameAll(index []int) {
	named := map[int]bool{}
	for i, d := range f.devs {
		named[index[i+1]] = named[index[i+1]] || d.name != ""
	}
	for i, d := range f.devs {
		name := "if" + strconv.Itoa(index[i+1])
		if d.name == "" && !named[index[i+1]] && f.byName[name] == 0 {
			d.name = name
		}
	}
}

// snapshot is what all files together say, and what they do not.
func (f *facts) snapshot() *route.Snapshot {
	s := &f.snap
	if lo := f.devs[f.device("lo")-1]; lo.index == 0 {
		lo.index = route.LoopbackIndex
	}
	f.rename()
	index := f.numbers()
	f.nameAll(index)
	f.chooseRules()
	f.chooseRoutes(index)
	for i, d := range f.devs {
		if d.name != "" {
			d.link.Name, d.link.Index = d.name, index[i+1]
			d.link.Master = index[d.master]
			s.Links = append(s.Links, f.assumedLink(d))
		}
	}
	s.SortLinks()
	s.Links = slices.CompactFunc(s.Links, func(a, b route.Link) bool { return a.Index == b.Index })
	for i := range s.Addrs {
		s.Addrs[i].Link = index[s.Addrs[i].Link]
	}
	s.Addrs = unique(s.Addrs, func(a *route.Addr) any { return [2]any{a.Link, a.Prefix} })
	s.Order = f.order(index)
	s.Memberships = f.joined(index)
	f.routes.Rewrite(func(r *route.Route) {
		r.NextHops = slices.Clone(r.NextHops) // may be another one's too
		for k := range r.NextHops {
			r.NextHops[k].Link = index[r.NextHops[k].Link]
		}
	})
	for i := range s.NextHops {
		s.NextHops[i].NextHop.Link = index[s.NextHops[i].NextHop.Link]
	}
	for i := range s.Neighbours {
		s.Neighbours[i].Link = index[s.Neighbours[i].Link]
	}
	s.Neighbours = unique(s.Neighbours, func(n *route.Neighbour) any { return [2]any{n.Link, n.Addr} })
	s.NextHops = unique(s.NextHops, func(o *route.NextHopObject) any { return o.ID })
	f.dropNested()
	f.fillIn()
	return s
}

// dropNested leaves out the groups that have a group among their members, which no
// kernel has: what such an object leads to is not known.
func (f *facts) dropNested() {
	groups := map[uint32]bool{}
	for i := range f.snap.NextHops {
		o := &f.snap.NextHops[i]
		groups[o.ID] = len(o.Group) > 0
	}
	f.snap.NextHops = slices.DeleteFunc(f.snap.NextHops, func(o route.NextHopObject) bool {
		i := slices.IndexFunc(o.Group, func(m route.GroupMember) bool { return m.ID == 0 || groups[m.ID] })
		if i >= 0 {
			err := fmt.Errorf("next-hop object %d: its member %d is a group, or none", o.ID, o.Group[i].ID)
			f.choices = append(f.choices, Fault{f.objectsIn, 0, err})
		}
		return i >= 0
	})
}

// unique leaves out what several listings have.
func unique[T any](all []T, key func(*T) any) []T {
	seen := map[any]bool{}
	return slices.DeleteFunc(all, func(v T) bool {
		k := key(&v)
		again := seen[k]
		seen[k] = true
		return again
	})
}

// assumedLink is a device as it was listed. One of which only the name is known
// is taken to be up, since routes lead there.
func (f *facts) assumedLink(d *dev) route.Link {
	l := d.link
	l.PeerNetNS = -1
	if !d.told {
		l.Flags = route.LinkUp | route.LinkRunning | route.LinkLowerUp
		if d.name == "lo" {
			l.Flags |= route.LinkLoopback
		}
	}
	return l
}

// fillIn notes the gaps, and puts what is usual where it can stand in.
func (f *facts) fillIn() {
	s := &f.snap
	gap := func(fact route.Fact, fam route.Family, assumed bool) {
		s.Gaps = append(s.Gaps, route.Gap{Fact: fact, Family: fam, Assumed: assumed, Why: route.NotInFiles})
	}
	for _, fact := range []route.Fact{route.FactLinks, route.FactNeighbours, route.FactNextHops} {
		if !f.has[found{fact, 0}] {
			gap(fact, 0, false)
		}
	}
	if (f.partLinks || !f.toldOf("lo")) && f.has[found{route.FactLinks, 0}] {
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactLinks, Why: "only some of the devices are in the files"})
	}
	f.fillAddrs()
	if !f.has[found{route.FactSysctls, 0}] {
		gap(route.FactSysctls, 0, false)
	}
	gap(route.FactSockets, 0, false)
	gap(route.FactLabels, route.IPv6, true)
	s.Labels = route.DefaultLabels()
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		if !f.has[found{route.FactRules, fam}] {
			if part := len(f.ruleIn[fam]) > 0; part {
				s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactRules, Family: fam, Why: "only a part of them is in the files"})
			} else {
				s.Rules = append(s.Rules, route.DefaultRules(fam)...)
				gap(route.FactRules, fam, true)
			}
		}
		f.fillTables(fam)
	}
	if s.Merged == route.Unknown {
		gap(route.FactMerged, route.IPv4, false)
	}
	f.partGaps()
	slices.SortStableFunc(s.Rules, func(a, b route.Rule) int {
		if a.Family != b.Family {
			return int(a.Family) - int(b.Family)
		}
		return int(int64(a.Priority) - int64(b.Priority))
	})
}

// toldOf reports whether a device is listed. The loopback device is in every listing
// of all devices.
func (f *facts) toldOf(name string) bool {
	return slices.ContainsFunc(f.devs, func(d *dev) bool { return d.told && d.name == name })
}

// fillAddrs notes what is not known of the addresses, and infers them from routes.
func (f *facts) fillAddrs() {
	if f.has[found{route.FactAddrs, 0}] && !f.partAddrs {
		return
	}
	some := f.inferAddrs()
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		if f.partAddrs || !f.has[found{route.FactAddrs, fam}] {
			f.snap.Gaps = append(f.snap.Gaps, route.Gap{Fact: route.FactAddrs, Family: fam, Assumed: some, Why: route.NotInFiles})
		}
	}
}

// eachRoute hands over every route.
func (f *facts) eachRoute(each func(*route.Route)) {
	_ = f.routes.Each(nil, func(r *route.Route) error { each(r); return nil })
}

// inferAddrs finds the addresses that the kernel made routes for: its route to a
// network has the address there as source (fib_add_ifaddr).
func (f *facts) inferAddrs() bool {
	f.eachRoute(func(r *route.Route) {
		if r.Protocol != route.ProtocolKernel || !r.PrefSrc.IsValid() || len(r.NextHops) != 1 || r.Type != route.TypeUnicast {
			return
		}
		a := route.Addr{
			Link: r.NextHops[0].Link, Prefix: netip.PrefixFrom(r.PrefSrc, r.Dst.Bits()), Flags: route.AddrPermanent,
			PreferredLft: route.ForeverLft, ValidLft: route.ForeverLft,
		}
		if r.Dst.Contains(r.PrefSrc) && a.Check() == nil {
			f.snap.Addrs = append(f.snap.Addrs, a)
		}
	})
	f.snap.Addrs = unique(f.snap.Addrs, func(a *route.Addr) any { return [2]any{a.Link, a.Prefix} })
	return len(f.snap.Addrs) > 0
}

// fillTables says which tables are not there. In table local, the host's
// addresses stand in.
func (f *facts) fillTables(fam route.Family) {
	s := &f.snap
	if !f.has[found{route.FactRoutes, fam}] {
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactRoutes, Family: fam, Why: route.NotInFiles})
		return
	}
	local := len(f.tableIn[familyTable{fam, route.TableLocal}]) > 0
	if f.complete[fam] && local {
		return
	}
	if !local {
		f.fillLocal(fam)
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactLocal, Family: fam, Assumed: true, Why: route.NotInFiles})
	}
	if f.complete[fam] {
		return
	}
	tables := []route.Table{route.TableLocal}
	for k := range f.tableIn {
		if k.family == fam && k.table != route.TableLocal {
			tables = append(tables, k.table)
		}
	}
	if slices.Contains(tables, route.TableMain) && !slices.Contains(tables, route.TableDefault) {
		tables = append(tables, route.TableDefault)
		s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactDefault, Family: fam, Assumed: true, Why: route.NotInFiles})
	}
	slices.Sort(tables)
	s.Gaps = append(s.Gaps, route.Gap{Fact: route.FactRoutes, Family: fam, Tables: tables, Why: route.NotInFiles})
}

// fillLocal makes table local as the kernel would for the addresses that are
// known (fib_add_ifaddr in net/ipv4/fib_frontend.c, addrconf_f6i_alloc in
// net/ipv6/route.c): those listed, and else those that routes have as source.
func (f *facts) fillLocal(fam route.Family) {
	own := map[netip.Addr]int{}
	lo := route.LoopbackIndex
	for _, a := range f.snap.Addrs {
		own[a.Prefix.Addr()] = a.Link
	}
	f.eachRoute(func(r *route.Route) {
		if r.PrefSrc.IsValid() && len(r.NextHops) > 0 && own[r.PrefSrc] == 0 {
			own[r.PrefSrc] = r.NextHops[0].Link
		}
	})
	add := func(dst netip.Prefix, link int, typ route.Type, scope route.Scope, src netip.Addr) {
		if fam == route.IPv6 {
			scope, src = route.ScopeGlobal, netip.Addr{}
		}
		if l := f.snap.Link(link); l != nil && l.Master != 0 {
			if vrf := f.snap.Link(l.Master); vrf != nil && vrf.Kind == "vrf" {
				return // in the VRF's table
			}
		}
		f.routes.Add(&route.Route{
			Table: route.TableLocal, Dst: dst, Type: typ, Scope: scope, PrefSrc: src,
			Protocol: route.ProtocolKernel, NextHops: []route.NextHop{{Link: link}},
		})
	}
	if fam == route.IPv4 {
		own[netip.AddrFrom4([4]byte{127, 0, 0, 1})] = lo
		add(netip.MustParsePrefix("127.0.0.0/8"), lo, route.TypeLocal, route.ScopeHost, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	} else {
		own[netip.IPv6Loopback()] = lo
	}
	for _, a := range slices.SortedFunc(maps.Keys(own), netip.Addr.Compare) {
		if route.FamilyOf(a) == fam {
			add(netip.PrefixFrom(a, a.BitLen()), own[a], route.TypeLocal, route.ScopeHost, a)
		}
	}
	if fam == route.IPv4 {
		add(netip.MustParsePrefix("127.255.255.255/32"), lo, route.TypeBroadcast, route.ScopeLink, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		f.fillBroadcast(add)
		return
	}
	f.fillMulticast(add)
}

// fillBroadcast adds the broadcast addresses of the networks: the one that an
// address has, and the last one of its network, which the kernel adds in any case
// (fib_add_ifaddr). The network of an address on lo is this host's.
func (f *facts) fillBroadcast(add func(netip.Prefix, int, route.Type, route.Scope, netip.Addr)) {
	seen := map[netip.Prefix]bool{netip.MustParsePrefix("127.255.255.255/32"): true}
	for i := range f.snap.Addrs {
		a := &f.snap.Addrs[i]
		l := f.snap.Link(a.Link)
		if !a.Prefix.Addr().Is4() || l == nil || !l.Up() {
			continue
		}
		network := a.Prefix.Masked()
		if a.Peer.IsValid() {
			network = netip.PrefixFrom(a.Peer.Addr(), a.Prefix.Bits()).Masked()
		}
		var all []netip.Addr
		if a.Broadcast.Is4() && a.Broadcast != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			all = append(all, a.Broadcast)
		}
		if network.Addr().As4()[0] != 0 && network.Bits() < 31 && a.Flags&route.AddrSecondary == 0 {
			all = append(all, lastOf(network))
			if a.Link == route.LoopbackIndex && network != netip.MustParsePrefix("127.0.0.0/8") {
				add(network, a.Link, route.TypeLocal, route.ScopeHost, a.Prefix.Addr())
			}
		}
		for _, b := range all {
			if p := netip.PrefixFrom(b, 32); !seen[p] {
				seen[p] = true
				add(p, a.Link, route.TypeBroadcast, route.ScopeLink, a.Prefix.Addr())
			}
		}
	}
}

// lastOf is the last address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// fillMulticast adds ff00::/8 for every device that has IPv6 (addrconf_add_mroute).
func (f *facts) fillMulticast(add func(netip.Prefix, int, route.Type, route.Scope, netip.Addr)) {
	seen := map[int]bool{}
	for i := range f.snap.Addrs {
		a := &f.snap.Addrs[i]
		if a.Prefix.Addr().Is6() && !seen[a.Link] && a.Link != route.LoopbackIndex {
			seen[a.Link] = true
			add(netip.MustParsePrefix("ff00::/8"), a.Link, route.TypeMulticast, 0, netip.Addr{})
		}
	}
}
