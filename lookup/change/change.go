package change

import (
	"net/netip"
	"time"

	"routewhy/route"
)

// Change is one change of a host's routing state, by value as its netlink request has
// it: what a tool leaves out of the request is the zero value here, and what ip(8)
// fills in by itself must be filled in. It is one of the types below.
type Change interface {
	// apply makes the change in a state that is in the making, or refuses it.
	apply(t *tx) *Refusal
}

// Verb is what is done with an object. The zero value adds.
type Verb uint8

// The verbs, with the flags that ip(8) sends for them.
const (
	Add     Verb = iota // NLM_F_CREATE, NLM_F_EXCL
	Append              // NLM_F_CREATE, NLM_F_APPEND
	Prepend             // NLM_F_CREATE
	Replace             // NLM_F_CREATE, NLM_F_REPLACE
	Modify              // NLM_F_REPLACE: ip's verb `change`
	Delete
)

var verbNames = [...]string{"add", "append", "prepend", "replace", "change", "delete"}

// String is the verb as ip(8) has it.
func (v Verb) String() string { return verbNames[v] }

func (v Verb) creates() bool  { return v <= Replace }
func (v Verb) replaces() bool { return v == Replace || v == Modify }

// Route changes a route (RTM_NEWROUTE, RTM_DELROUTE).
type Route struct {
	Verb Verb
	// Route is as the request has it. Table zero is main. Dst and Src may have bits
	// below their length. Metric zero is none given. Type, Scope and Protocol are what
	// the request says; on deleting, TypeUnspec, ScopeNowhere (IPv4) and ProtocolUnspec
	// match any. A next hop whose Weight is not zero stands in RTA_MULTIPATH, else its
	// gateway and device stand in the route itself.
	Route route.Route
	// Expires is the lifetime of an IPv6 route; zero: for ever.
	Expires time.Duration
	// HasPref says that a router preference was given.
	HasPref bool
}

// Family is the request's family: its destination's.
func (c *Route) Family() route.Family { return c.Route.Family() }

// multipath reports whether the next hops stand in RTA_MULTIPATH.
func (c *Route) multipath() bool { return len(c.Route.NextHops) > 0 && c.Route.NextHops[0].Weight != 0 }

// top is the next hop that stands in the route itself; the zero NextHop: none.
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
	// Rule is as the request has it; SuppressPrefixLen and SuppressGroup are -1 where
	// they are not given.
	Rule route.Rule
	// HasPriority says that a priority was given, which may be zero.
	HasPriority bool
}

// Addr changes an address (RTM_NEWADDR, RTM_DELADDR).
type Addr struct {
	Verb Verb // Add, Modify, Replace, or Delete
	// Addr is as the request has it. Peer is the zero Prefix where IFA_ADDRESS is the
	// address itself. Lifetimes of zero are not given.
	Addr route.Addr
	// Metric is that of the connected route (IFA_RT_PRIORITY).
	Metric uint32
	// NoAddress says that a request to delete names no IFA_ADDRESS.
	NoAddress bool
}

// Link changes a device (RTM_NEWLINK, RTM_DELLINK).
type Link struct {
	Verb Verb // Modify, or Delete
	// Index is the device's.
	Index int
	// Up sets the device up or down; Unknown: neither.
	Up route.Tristate
	// Name renames it; empty: not.
	Name string
	// MTU and Group are set where they are not nil, Master where it is not nil; zero
	// takes the device out of its master.
	MTU    *uint32
	Group  *uint32
	Master *int
	// Address is a new hardware address; nil: none.
	Address []byte
	// ARP switches IFF_NOARP off or on, and Carrier the carrier (IFLA_CARRIER); Unknown:
	// neither.
	ARP, Carrier route.Tristate
}

// NextHop changes a next-hop object (RTM_NEWNEXTHOP, RTM_DELNEXTHOP).
type NextHop struct {
	Verb   Verb // Add, Replace, or Delete
	Object route.NextHopObject
	// NoBuckets says that the request asks for a resilient group of no buckets.
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

// RouteRef is a route of one table as a change found or left it. Its Route is not to be
// changed, and has no Dst of its own.
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
