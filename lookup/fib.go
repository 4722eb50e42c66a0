package lookup

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"routewhy/route"
)

// FIB is an immutable index of a [route.Snapshot] for looking packets up. It
// is safe for concurrent use. The zero value is not useful: see [Read], [New]
// and [Builder].
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
	forgotten  map[neighbourKey]bool // those without an entry that are known not to answer
	objects    map[uint32]*route.NextHopObject
	groups     map[groupKey]*entry // with the next hops of a group, and no more
	own4       map[netip.Addr]int  // addresses of this host, to the device's index
	own6       map[netip.Addr]int  // to the first device's
	// shared4 are the devices of each address that several devices have. The kernel takes
	// the device that got it last (__ip_dev_find), which no dump shows.
	shared4  map[netip.Addr][]int
	labels   []route.AddrLabel
	merged   bool
	mayMerge bool // it is not known whether the two are one
	useNeigh int
	// useNeighRead: the setting was.
	useNeighRead bool
	// localByUser: somebody added an IPv4 route of type local, which ends the
	// short check of sources (fib_num_tclassid_users, fib_has_custom_local_routes).
	localByUser bool
	// realms: some IPv4 route or rule has a realm, which ends it too.
	realms  bool
	kernel  behaviour
	partial bool           // routes that no question is about were left out
	tos     []uint8        // of IPv4 routes that are for certain packets
	sources []netip.Prefix // of IPv6 routes that are for certain sources
	kinds   *kinds
}

// kinds are the entries that some prefix has, or had before an [Edit]. They are a list,
// so that an Edit does not copy them.
type kinds struct {
	entries []*entry
	before  *kinds // those that an Edit started from; nil: there was none
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
	// custom: the rules of IPv6 are not those that a namespace starts with
	// (fib6_has_custom_rules).
	custom bool
	guess  bool // settings were not read
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
	trie     *bart.Table[*leaf]
	routes   int
	defaults int        // entries of length 0 (tb_num_default)
	left     prefixList // the prefixes of which not all routes were held when they were first read
	read     *bart.Lite // those among them of which the trie has all routes since
}

// leaf is all entries of one prefix, in the order in which they are tried.
type leaf struct {
	entries []*entry
}

// entry is a route without its destination prefix: a million routes through the same
// few next hops share a few entries.
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
	// directTo are the devices that it leads to without a gateway; nil: it has few next
	// hops, and they are asked one by one.
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
	groups4        *route.Membership // nil: not known
	groups6        *route.Membership // nil: not known
	vrf            int               // the VRF device that it is or belongs to (l3mdev_master_ifindex); zero: none
}

type neighbourKey struct {
	link int
	addr netip.Addr
}

// Partial reports whether routes were left out because no question would be about them:
// see [Need].
func (f *FIB) Partial() bool { return f.partial }

// leftOut are those of some addresses that a route covers of which only the prefix is
// remembered. They are in ascending order, each once.
func (f *FIB) leftOut(addrs []netip.Addr) []netip.Addr {
	addrs = slices.Compact(slices.SortedFunc(slices.Values(addrs), netip.Addr.Compare))
	omits4, omits6 := f.v4.omits(len(addrs)), f.v6.omits(len(addrs))
	return slices.DeleteFunc(addrs, func(a netip.Addr) bool {
		return a.Is4() && !omits4(a) || a.Is6() && !omits6(a)
	})
}

// omits gives a function that reports whether a route covers an address of which only
// the prefix is remembered. It serves many questions: to search the lists for every length
// of a prefix then costs more than to gather once what is left out.
func (fam *family) omits(questions int) func(netip.Addr) bool {
	var searches, size int64 // 32 bits are too few for many questions to many tables
	for _, t := range fam.tables {
		if n := t.left.Len(); n > 0 {
			searches += int64(questions) * 8 * maxKeySize
			size += int64(n)
		}
	}
	if searches <= size {
		return func(a netip.Addr) bool {
			for range fam.omitted(a) {
				return true
			}
			return false
		}
	}
	all := new(bart.Lite)
	for _, t := range fam.tables {
		for i := range t.left.Len() {
			if p := t.left.at(i); !t.isRead(p) {
				all.Insert(p)
			}
		}
	}
	return all.Lookup
}

// omits reports whether not all routes of a prefix are held.
func (t *table) omits(p netip.Prefix) bool {
	_, left := t.left.search(p)
	return left && !t.isRead(p)
}

// isRead reports whether a prefix that was left out was read later.
func (t *table) isRead(p netip.Prefix) bool { return t.read != nil && t.read.Get(p) }

// subnets are the prefixes of a table inside another, in ascending order.
func (t *table) subnets(p netip.Prefix) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		next, _ := t.left.search(p)
		// leftTo yields the left prefixes up to one that is not to be yielded itself.
		leftTo := func(end int) bool {
			for ; next < end; next++ {
				if sub := t.left.at(next); !t.isRead(sub) && !yield(sub) {
					return false
				}
			}
			return true
		}
		for sub := range t.trie.Subnets(p) {
			at, too := t.left.search(sub)
			if !leftTo(at) || !yield(sub) {
				return
			}
			if too {
				next++
			}
		}
		leftTo(t.left.after(p))
	}
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
