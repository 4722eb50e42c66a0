package route

import (
	"context"
	"net/netip"
)

// Source is where the facts about a host come from: its running kernel, by
// route/kernel, or files, by route/load.
type Source interface {
	// Read reads what is asked for. What could not be read is in the snapshot's
	// Gaps; an error means that there is no snapshot.
	Read(context.Context, Query) (*Snapshot, error)
	// Resolve is the kernel's own answer about a packet. The error is a
	// [*NotAskedError] where the kernel cannot be asked about it.
	Resolve(context.Context, Flow) (Answer, error)
	// Redirects tells for which families gateways may have been learnt from ICMP
	// redirects.
	Redirects() map[Family]bool
	// Watch notices changes, from now on, of what the query reads. Of routes, those
	// count that Keep keeps; here it may not depend on what was read before.
	Watch(Query) Watch
	Close() error
}

// Limited is a [Source] of which not more than so much is to be held.
type Limited interface {
	// Limit is how many bytes of memory.
	Limit() int64
}

// Watch notices changes of what a [Source] reads.
type Watch interface {
	// Changed reports whether something that matters has happened since the watch
	// was started. It does not wait.
	Changed() bool
	// Close ends the watch.
	Close()
}

// Still is the [Watch] of what does not change.
type Still struct{}

// Changed reports that nothing has.
func (Still) Changed() bool { return false }

// Close does nothing.
func (Still) Close() {}

// NotAskedError says why a kernel could not be asked about a flow. It is no
// statement about the flow: its decision may be perfectly ordinary.
type NotAskedError struct{ Why string }

func (e *NotAskedError) Error() string { return "the kernel cannot be asked: " + e.Why }

// Query says how much [Source.Read] reads. The zero value is all that takes part in
// a decision, with the settings of the devices that a decision may meet.
type Query struct {
	// Family restricts addresses, rules, routes, neighbours and settings to
	// one family; zero: both. Next-hop objects are read for either, since an
	// IPv4 route may have an IPv6 gateway.
	Family Family
	// Keep says which routes to read; nil: all. It is called for every route
	// of every table, before more than the two is known, and should be quick.
	// It may be asked about a route more than once, and about routes that only
	// come or go while the tables are read.
	Keep func(t Table, dst netip.Prefix) bool
	// Table restricts the routes to one table; zero: all. The kernel leaves the
	// others out (ip_valid_fib_dump_req, since 4.20).
	Table Table
	// Each, if set, is handed the routes that Keep keeps one by one in the
	// kernel's dump order, and Snapshot.Routes stays empty. The Route and its
	// next hops are overwritten by the next one; [Route.Clone] is what to
	// keep. An error ends the reading and becomes Read's.
	Each func(*Route) error
	// Again is called where tables changed while they were being read, before
	// Each is handed all routes once more: it forgets the former. Without it,
	// routes that Each is handed are read only once, changed or not.
	Again func()
	// NoRoutes leaves routes and next-hop objects out, NoNeighbours the
	// neighbour tables.
	NoRoutes, NoNeighbours bool
	// WatchNeighbours makes changes of neighbours count for a [Watch], although they
	// come all the time.
	WatchNeighbours bool
	// Devices are the names of devices whose settings are to be read, beside
	// lo and those that the rules and the kept routes name; AllDevices is
	// every one. With either, the IPv4 groups that devices have joined are read.
	Devices    []string
	AllDevices bool
	// Policies adds the IPsec policies.
	Policies bool
	// Sockets says which sockets to read, of both families whatever Family
	// is; Port restricts them to one local port. Processes adds who holds them
	// open, as far as that may be seen.
	Sockets   Sockets
	Port      uint16
	Processes bool
}

// Families lists the families that are asked for.
func (q *Query) Families() []Family {
	if q.Family != 0 {
		return []Family{q.Family}
	}
	return []Family{IPv4, IPv6}
}

// Keeps reports whether the routes of a prefix in a table are asked for.
func (q *Query) Keeps(t Table, dst netip.Prefix) bool {
	return (q.Family == 0 || FamilyOf(dst.Addr()) == q.Family) && (q.Table == 0 || t == q.Table) &&
		(q.Keep == nil || q.Keep(t, dst))
}

// Sockets says which sockets [Source.Read] reads.
type Sockets uint8

// Which sockets to read.
const (
	// NoSockets are read by default: few questions are about them.
	NoSockets Sockets = iota
	// Listening are the TCP sockets that listen, and the UDP sockets.
	Listening
	// AllSockets are those with a connection as well.
	AllSockets
)

// Takes reports whether a socket is among those asked for.
func (q *Query) Takes(x *Socket) bool {
	listening := x.Listens() || x.Proto != ProtoTCP
	return (q.Sockets == AllSockets || q.Sockets == Listening && listening) && (q.Port == 0 || x.Local.Port() == q.Port)
}
