package route

import (
	"context"
	"net/netip"
)

// Source is where the facts about a host come from: its running kernel
// (route/kernel), or files (route/load).
type Source interface {
	// Read reads what is asked for. The snapshot's Gaps say what could not be
	// read. An error means that there is no snapshot.
	Read(context.Context, Query) (*Snapshot, error)
	// Resolve gives the kernel's own answer about a packet. If the kernel cannot
	// be asked about it, the error is a [*NotAskedError].
	Resolve(context.Context, Flow) (Answer, error)
	// Redirects says for which families gateways may have been learnt from ICMP
	// redirects.
	Redirects() map[Family]bool
	// Watch starts to notice changes of what the query reads. Only routes that Keep
	// keeps count. For a watch, Keep must not depend on what was read before.
	Watch(Query) Watch
	Close() error
}

// Limited is a [Source] that limits how much of it may be held in memory.
type Limited interface {
	// Limit is the limit in bytes.
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

// Still is the [Watch] of a source that does not change.
type Still struct{}

// Changed always reports that nothing has happened.
func (Still) Changed() bool { return false }

// Close does nothing.
func (Still) Close() {}

// NotAskedError says why a kernel could not be asked about a flow. It says
// nothing about the flow itself: the decision may be quite ordinary.
type NotAskedError struct{ Why string }

func (e *NotAskedError) Error() string { return "the kernel cannot be asked: " + e.Why }

// Query says how much [Source.Read] reads. The zero value asks for all that takes part
// in a decision, with the settings of the devices that a decision may lead to.
type Query struct {
	// Family restricts addresses, rules, routes, neighbours and settings to
	// one family; zero: both. Next-hop objects are read in any case, because
	// an IPv4 route may have an IPv6 gateway.
	Family Family
	// Keep says which routes to read; nil: all. It is called for every route
	// of every table, so it should be quick. Only the table and the
	// destination are known when it is called. It may be asked about a route
	// more than once, and about routes that are added or deleted while the
	// tables are read.
	Keep func(t Table, dst netip.Prefix) bool
	// Table restricts the routes to one table; zero: all. The kernel leaves out
	// the other tables (ip_valid_fib_dump_req, since 4.20).
	Table Table
	// Each, if set, is called for each route that Keep keeps, in the kernel's
	// dump order, and Snapshot.Routes stays empty. The next route overwrites
	// the Route and its next hops; to keep a route, use [Route.Clone]. If Each
	// returns an error, Read stops and returns that error.
	Each func(*Route) error
	// Again is called if tables changed while they were being read, before
	// Each is called for all routes once more. It must discard the routes of
	// the first reading. If Again is nil and Each is set, the routes are read
	// only once, even if they changed.
	Again func()
	// NoRoutes leaves out routes and next-hop objects. NoNeighbours leaves out
	// the neighbour tables.
	NoRoutes, NoNeighbours bool
	// WatchNeighbours makes a [Watch] notice changes of neighbours too. By default it
	// does not, because they happen all the time.
	WatchNeighbours bool
	// Devices are the names of devices whose settings are to be read, in
	// addition to lo and the devices that the rules and the kept routes name.
	// AllDevices asks for every device. With either of them, the IPv4 groups
	// that devices have joined are read too.
	Devices    []string
	AllDevices bool
	// NewDevices adds the settings for new devices (conf/default) and the like that the kernel
	// writes along with the setting for all devices.
	NewDevices bool
	// Policies adds the IPsec policies.
	Policies bool
	// Markers adds what sets the marks of packets, if a rule asks for a mark.
	// AllMarkers adds it even if no rule does.
	Markers, AllMarkers bool
	// Redirects adds what the kernel has learnt from ICMP redirects.
	Redirects bool
	// WireGuard adds the WireGuard devices.
	WireGuard bool
	// Sockets says which sockets to read. Both families are read, whatever
	// Family is. Port restricts the sockets to one local port. Processes adds
	// the processes that have them open, as far as these may be seen.
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
	// AllSockets are all sockets, also those with a connection.
	AllSockets
)

// Takes reports whether a socket is among those asked for.
func (q *Query) Takes(x *Socket) bool {
	listening := x.Listens() || x.Proto != ProtoTCP
	return (q.Sockets == AllSockets || q.Sockets == Listening && listening) && (q.Port == 0 || x.Local.Port() == q.Port)
}
