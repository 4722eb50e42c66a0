package kernel

import (
	"net/netip"

	"routewhy/route"
)

// Want says how much Host.Read reads. The zero value is all that takes part in
// a decision, with the settings of the devices that a decision may meet.
type Want struct {
	// Family restricts addresses, rules, routes, neighbours and settings to
	// one family; zero: both. Next-hop objects are read for either, since an
	// IPv4 route may have an IPv6 gateway.
	Family route.Family
	// Keep says which routes to read; nil: all. It is called for every route
	// of every table, before more than the two is known, and should be quick.
	// It may be asked about a route more than once, and about routes that only
	// come or go while the tables are read.
	Keep func(t route.Table, dst netip.Prefix) bool
	// Table restricts the routes to one table; zero: all. The kernel leaves the
	// others out (ip_valid_fib_dump_req, since 4.20).
	Table route.Table
	// Each, if set, is handed the routes that Keep keeps one by one in the
	// kernel's dump order, and Snapshot.Routes stays empty. The Route and its
	// next hops are overwritten by the next one; [route.Route.Clone] is what to
	// keep. An error ends the reading and becomes Read's.
	Each func(*route.Route) error
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
	// every one.
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

// families lists the families that are wanted.
func (w *Want) families() []route.Family {
	if w.Family != 0 {
		return []route.Family{w.Family}
	}
	return []route.Family{route.IPv4, route.IPv6}
}

// keeps says whether a route is wanted. Learnt exceptions, which old kernels
// mix with the table's entries, never are.
func (w *Want) keeps(h routeHeader) bool {
	return h.flags&route.FlagCloned == 0 && (w.Table == 0 || w.Table == h.table) && (w.Keep == nil || w.Keep(h.table, h.dst))
}
