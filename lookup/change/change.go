package change

import (
	"net/netip"
	"time"

	"routewhy/route"
)

// Change is one change of a host's routing state, as values like those in its netlink
// request. If a tool leaves something out of the request, it is the zero value here.
// If ip(8) fills something in by itself, it must be filled in here too. A Change is
// one of the types below.
type Change interface {
	// apply makes the change in a state that is being built, or refuses it.
	apply(t *tx) *Refusal
}

// Verb says what is done with an object. The zero value is Add.
type Verb uint8

// The verbs, with the flags that ip(8) sends for them.
const (
	Add     Verb = iota // NLM_F_CREATE, NLM_F_EXCL
	Append              // NLM_F_CREATE, NLM_F_APPEND
	Prepend             // NLM_F_CREATE
	Replace             // NLM_F_CREATE, NLM_F_REPLACE
	Modify              // NLM_F_REPLACE: ip's verb `change`
	Delete
	Test // NLM_F_EXCL: a route alone
)

var verbNames = [...]string{"add", "append", "prepend", "replace", "change", "delete", "test"}

// String is the verb as ip(8) has it.
func (v Verb) String() string { return verbNames[v] }

func (v Verb) creates() bool  { return v <= Replace }
func (v Verb) replaces() bool { return v == Replace || v == Modify }

// Route changes a route (RTM_NEWROUTE, RTM_DELROUTE).
type Route struct {
	Verb Verb
	// Route is as in the request. Table zero is main. Dst and Src may have bits set
	// after their length. Metric zero means that none is given. Type, Scope and
	// Protocol are what the request says; on deleting, TypeUnspec, ScopeNowhere (IPv4)
	// and ProtocolUnspec match any value. A next hop whose Weight is not zero is in
	// RTA_MULTIPATH. Otherwise its gateway and device are in the route itself.
	Route route.Route
	// Expires is the lifetime of an IPv6 route; zero: for ever.
	Expires time.Duration
	// HasPref says that a router preference was given.
	HasPref bool
}

// Family is the family of the request, which is that of its destination.
func (c *Route) Family() route.Family { return c.Route.Family() }

// multipath reports whether the next hops are in RTA_MULTIPATH.
func (c *Route) multipath() bool { return len(c.Route.NextHops) > 0 && c.Route.NextHops[0].Weight != 0 }

// top is the next hop that is in the route itself. The zero NextHop means that there
// is none.
func (c *Route) top() route.NextHop {
	if len(c.Route.NextHops) == 0 || c.multipath() {
		return route.NextHop{}
	}
	return c.Route.NextHops[0]
}

// table is the table that the request means.
func (c *Route) table() route.Table {
	if c.Route.Table == 0 {
		return route.TableMain
	}
	return c.Route.Table
}

// Rule changes a policy rule (RTM_NEWRULE, RTM_DELRULE).
type Rule struct {
	Verb Verb // Add, or Delete
	// Rule is as in the request. SuppressPrefixLen and SuppressGroup are -1 if they
	// are not given. MarkMask is what the kernel takes if none is given: all bits, with a Mark.
	Rule route.Rule
	// HasPriority says that a priority was given, which may be zero.
	HasPriority bool
}

// Addr changes an address (RTM_NEWADDR, RTM_DELADDR).
type Addr struct {
	Verb Verb // Add, Modify, Replace, or Delete
	// Addr is as in the request. Peer is the zero Prefix if IFA_ADDRESS is the
	// address itself. A lifetime of zero means that it is not given.
	Addr route.Addr
	// Metric is the metric of the connected route (IFA_RT_PRIORITY).
	Metric uint32
	// NoAddress says that a request to delete names no IFA_ADDRESS.
	NoAddress bool
}

// Link changes a device (RTM_NEWLINK, RTM_DELLINK).
type Link struct {
	Verb Verb // Modify, or Delete
	// Index is the index of the device.
	Index int
	// Up sets the device up or down; Unknown: neither.
	Up route.Tristate
	// Name is the new name of the device; empty: the name does not change.
	Name string
	// MTU, Group and Master are set if they are not nil. If Master is zero, the
	// device is taken out of its master.
	MTU    *uint32
	Group  *uint32
	Master *int
	// Address is a new hardware address; nil: none.
	Address []byte
	// ARP switches IFF_NOARP off or on, and Carrier sets the carrier (IFLA_CARRIER).
	// Unknown changes neither.
	ARP, Carrier route.Tristate
	// AddrGen is how the device gets its link-local IPv6 address from now on
	// (IFLA_INET6_ADDR_GEN_MODE); nil: it does not change.
	AddrGen *uint8
	// ChoosesPorts says that an attribute of a bridge is set by which the kernel looks at the
	// states of its ports again.
	ChoosesPorts bool
}

// NextHop changes a next-hop object (RTM_NEWNEXTHOP, RTM_DELNEXTHOP).
type NextHop struct {
	Verb   Verb // Add, Replace, or Delete
	Object route.NextHopObject
	// NoBuckets says that the request asks for a resilient group with no buckets.
	NoBuckets bool
}

// Neighbour changes an entry of the neighbour table (RTM_NEWNEIGH, RTM_DELNEIGH).
type Neighbour struct {
	Verb      Verb // Add, Modify, Replace, or Delete
	Neighbour route.Neighbour
	// LinkAddr says that the request has a link-layer address.
	LinkAddr bool
}

// Sysctl writes a setting, given by its path below /proc/sys.
type Sysctl struct {
	Path  string
	Value string
}

// RouteRef is a route of one table as it was before or after a change. Its Route must
// not be changed, and has no Dst of its own.
type RouteRef struct {
	Table route.Table
	Dst   netip.Prefix
	Route *route.Route
}

// Full is the route with its destination.
func (r RouteRef) Full() route.Route {
	full := *r.Route
	full.Dst = r.Dst
	return full
}
