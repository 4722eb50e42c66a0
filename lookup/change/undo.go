package change

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// WayBack says how a host gets back to the state before some changes.
type WayBack struct {
	// Changes bring the state back, one after the other.
	Changes []Change
	// State is the state after these changes.
	State *State
	// Left is what they cannot bring back exactly; empty: the state is the same as
	// before, except for the order of the kernel's own routes to fe80::/64 and ff00::/8, of
	// which each device has one.
	Left []Leftover
}

// Leftover is one thing that no change brings back as it was.
type Leftover struct {
	Code LeftoverCode
	// Dev is the name of the device that it is about, as it was before the changes.
	Dev string
	// Prefix is an address with its length, or the destination of a route or of a
	// neighbour. Not valid with LeftFirst: both fe80::/64 and ff00::/8.
	Prefix netip.Prefix
	// Table is the table of a route.
	Table route.Table
	// Family and Priority are those of a rule.
	Family   route.Family
	Priority uint32
	// ID is the ID of a next-hop object.
	ID uint32
	// Path is the path of a setting, below /proc/sys.
	Path string
}

// LeftoverCode says what is left.
type LeftoverCode string

// What no command brings back.
const (
	LeftDevice      LeftoverCode = "device"         // a device is gone
	LeftDeviceState LeftoverCode = "device-state"   // it is up, named, enslaved or otherwise set as before no more
	LeftSetting     LeftoverCode = "setting"        // a setting has another value
	LeftUnread      LeftoverCode = "setting-unread" // a setting has another value perhaps: it was not read
	LeftAddress     LeftoverCode = "address"        // an address is gone, new, or another one
	LeftTemporary   LeftoverCode = "temporary"      // an address is there, and is not a temporary one
	LeftAddrOrder   LeftoverCode = "address-order"  // a device's addresses are in another order
	LeftRule        LeftoverCode = "rule"           // a rule is gone, new, or in another place
	LeftUnmerged    LeftoverCode = "unmerged"       // the tables local and main stay two (fib_unmerge)
	LeftObject      LeftoverCode = "nexthop"        // a next-hop object is gone, new, or another one
	LeftTimers      LeftoverCode = "timers"         // the timers of a resilient group, which are not read
	LeftRoute       LeftoverCode = "route"          // a route is gone, new, or in another place
	LeftFirst       LeftoverCode = "first-device"   // packets to fe80::/64 or ff00::/8 that name no device take another one
	LeftNeighbour   LeftoverCode = "neighbour"      // an entry of the neighbour table is gone, new, or in another state
	LeftLifetime    LeftoverCode = "lifetime"       // a lifetime begins anew with what was left when the facts were read
	LeftHardware    LeftoverCode = "hardware"       // a device has another hardware address
	LeftPort        LeftoverCode = "port"           // what was set for a device as a port of a bridge or a bond
	LeftAttribute   LeftoverCode = "attribute"      // an attribute that is not read
	LeftAdvertised  LeftoverCode = "advertised"     // router advertisements do not renew it any more
)

// Undo works out the changes that bring a state back after other changes were made in
// it, and tries each of them. done are those other changes in their order, and before
// is the state before the first one.
func Undo(before *State, done []Outcome) WayBack {
	if len(done) == 0 {
		return WayBack{State: before}
	}
	u := &undoer{want: before, now: done[len(done)-1].State, touched: map[spot]bool{}}
	for i := range done {
		u.touch(&done[i])
	}
	return u.run()
}

// run works out the way back. What is not possible in one round may be possible in
// the next.
func (u *undoer) run() WayBack {
	const rounds = 4
	for round := 0; ; round++ {
		u.links()
		u.settings()
		u.links() // a setting may have prevented it before
		u.addresses()
		u.rules()
		u.routes()
		u.neighbours()
		if round == rounds || len(u.left(false)) == 0 || !u.renewAddresses() {
			break
		}
	}
	return WayBack{Changes: u.changes, State: u.now, Left: u.left(true)}
}

// spot is a place for routes: a prefix in a table.
type spot struct {
	table route.Table
	dst   netip.Prefix
}

// undoer works out a way back.
type undoer struct {
	want, now *State
	changes   []Change
	// touched are the places where routes may differ.
	touched map[spot]bool
	// order are the keys of touched, in the order in which they were added.
	order []spot
	// keepsLinks says that superfluous devices stay.
	keepsLinks bool
	// makesTunnels says that a route may be made though only the kind of its tunnel is known.
	makesTunnels bool
	// renewed are devices whose addresses were removed and added again to get their routes
	// back.
	renewed map[linkFamily]bool
}

// mark is a point of a way back. The undoer can return to it.
type mark struct {
	now     *State
	changes int
}

func (u *undoer) mark() mark { return mark{u.now, len(u.changes)} }

func (u *undoer) back(m mark) { u.now, u.changes = m.now, u.changes[:m.changes] }

func (u *undoer) touch(o *Outcome) {
	for _, list := range [][]RouteRef{o.Removed, o.Added} {
		for i := range list {
			p := spot{list[i].Table, list[i].Dst}
			if !u.touched[p] {
				u.touched[p] = true
				u.order = append(u.order, p)
			}
		}
	}
}

// do makes a change, and reports whether it is accepted. One that makes a light-weight tunnel
// is not made: a reading has only the kind of a tunnel.
func (u *undoer) do(c Change) bool {
	if !u.makesTunnels && tunnels(c) {
		return false
	}
	out := u.now.Apply(c)
	if out.Refusal != nil {
		return false
	}
	u.touch(&out)
	u.now = out.State
	u.changes = append(u.changes, c)
	return true
}

func (u *undoer) wanted() *route.Snapshot  { return u.want.fib.Snapshot() }
func (u *undoer) present() *route.Snapshot { return u.now.fib.Snapshot() }

// tunnels reports whether a change makes a light-weight tunnel.
func tunnels(c Change) bool {
	switch c := c.(type) {
	case *Route:
		return c.Verb != Delete && slices.ContainsFunc(c.Route.NextHops, func(h route.NextHop) bool { return h.Encap != 0 })
	case *NextHop:
		return c.Verb != Delete && c.Object.NextHop.Encap != 0
	}
	return false
}
