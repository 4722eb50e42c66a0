package change

import (
	"maps"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// State is a host's routing state as changes find it. It is immutable: each change
// gives another State, which shares with it what the change leaves alone.
type State struct {
	fib *lookup.FIB
	hidden
}

// hidden is what no dump shows. The zero value is what is usual.
type hidden struct {
	// tables are IPv4 tables that a change made, which may be empty since.
	tables map[route.Table]bool
	// tables6 are the IPv6 tables.
	tables6 map[route.Table]bool
	// custom6 says that an IPv6 rule was added, which makes the kernel ask its rules.
	custom6 bool
	// linkLocal are the link-local addresses that devices had and would get again.
	linkLocal map[int]route.Addr
	// ready are devices that had a carrier since they went up, though they have none now
	// (IF_READY).
	ready map[int]bool
	// parked are addresses that lost their local route when their device went down, and
	// get it again with the device (INET6_IFADDR_STATE_PREDAD).
	parked map[deviceAddr]bool
	// siblings are the routes that became another next hop of an IPv6 route which differs
	// from them in what a dump shows once.
	siblings map[sibling]*route.Route
	// deadHops are next hops that are dead, where a dump shows them dead also for want of
	// a carrier.
	deadHops map[sibling]bool
	// dark are devices without a carrier of their own, and bridges whose ports the kernel
	// has looked at and found none that has one. ownMTU are devices that a request gave an
	// MTU.
	dark, ownMTU map[int]bool
	// hadVRF says that there was a VRF, with which the kernel made its rules.
	hadVRF bool
	// vlans are the IDs of the VLAN devices that changes made.
	vlans map[int]uint16
}

// New starts from a FIB, which must have all routes that a change may meet: those to
// its prefix, those to its gateways and, where a device, an address or a next-hop
// object changes, all.
func New(f *lookup.FIB) *State {
	s := &State{fib: f}
	t := &tx{old: s, edit: f.Edit(), snap: f.Snapshot()}
	for i := range t.snap.Links {
		if l := &t.snap.Links[i]; l.Up() && !l.Carrier() && t.wasReady6(l) {
			t.setReady(l.Index, true)
		}
	}
	for i := range t.snap.Links {
		switch l := &t.snap.Links[i]; l.Kind {
		case "bridge":
			t.noteBridge(l)
		case vrfKind:
			t.hadVRF = true
			t.makeTable(route.IPv4, l.VRFTable)
			t.makeTable(route.IPv6, l.VRFTable)
		}
	}
	t.noteParked()
	s.hidden = t.hidden
	return s
}

// FIB is the state's index for looking packets up, and its snapshot: of that, Routes
// alone are not kept up to date.
func (s *State) FIB() *lookup.FIB { return s.fib }

// HasTable reports whether a table is known to exist. The zero family: that of IPv4.
func (s *State) HasTable(f route.Family, id route.Table) bool {
	tables := s.tables
	if f == route.IPv6 {
		tables = s.tables6
	} else {
		f = route.IPv4
	}
	return id == route.TableMain || id == route.TableLocal || tables[id] || s.fib.Edit().Size(f, id) > 0
}

// Outcome is what becomes of a change.
type Outcome struct {
	// State is the state after it; where the change is refused, the same as before, but
	// for an IPv6 route with several next hops, some of which may have been changed,
	// and the multicast route of a device that is refused an address.
	State *State
	// Refusal is the kernel's refusal; nil: the change is made.
	Refusal *Refusal
	// Removed and Added are the routes that went and came, in that order where one
	// takes another's place.
	Removed, Added []RouteRef
}

// Apply makes a change.
func (s *State) Apply(c Change) Outcome {
	snap := s.fib.Snapshot()
	t := &tx{old: s, edit: s.fib.Edit(), snap: snap, hidden: s.hidden, kernel: behaviourOf(snap.Release)}
	r := c.apply(t)
	if r != nil && !t.partly {
		return Outcome{State: t.refused(), Refusal: r}
	}
	next := &State{fib: t.edit.FIB(t.snap), hidden: t.hidden}
	return Outcome{State: next, Refusal: r, Removed: t.removed, Added: t.added}
}

// tx is a change on its way.
type tx struct {
	old  *State
	edit *lookup.Edit
	// snap is the snapshot of the state before until own makes it the change's own.
	snap *route.Snapshot
	mine bool
	// sysctlsMine says that the snapshot's settings are the change's own.
	sysctlsMine bool
	hidden
	// deadMine says that the list of dead next hops is the change's own.
	deadMine bool
	// partly says that a change that is refused leaves something behind.
	partly bool

	removed, added []RouteRef
	kernel         behaviour
}

// own is a snapshot whose lists may be replaced. What they hold must be cloned before it
// is written to.
func (t *tx) own() *route.Snapshot {
	if !t.mine {
		c := *t.snap
		t.snap, t.mine = &c, true
	}
	return t.snap
}

// refused is the state after a refusal: a request may leave an empty table behind.
func (t *tx) refused() *State {
	if len(t.tables) == len(t.old.tables) && len(t.tables6) == len(t.old.tables6) {
		return t.old
	}
	s := *t.old
	s.tables, s.tables6 = t.tables, t.tables6
	return &s
}

// makeTable notes that a table exists from now on (fib_new_table, fib6_new_table).
func (t *tx) makeTable(f route.Family, id route.Table) {
	tables := &t.tables
	if f == route.IPv6 {
		tables = &t.tables6
	}
	if (*tables)[id] {
		return
	}
	m := maps.Clone(*tables)
	if m == nil {
		m = map[route.Table]bool{}
	}
	m[id] = true
	*tables = m
}

// tableExists reports whether the kernel is known to have made a table. IPv6's local and
// main are there from the start; IPv4's come with the first route, at first as one.
func (t *tx) tableExists(f route.Family, id route.Table) bool {
	if f == route.IPv6 {
		return id == route.TableMain || id == route.TableLocal || t.tables6[id] || t.edit.Size(f, id) > 0
	}
	return t.tables[id] || t.edit.Size(f, id) > 0 || id == route.TableMain && t.merged() && t.tableExists(f, route.TableLocal)
}

// setRoutes replaces the routes to a prefix.
func (t *tx) setRoutes(ref RouteRef, before, after []*route.Route) {
	t.record(ref, before, after)
	t.edit.Set(ref.Table, ref.Dst, after)
}

// record notes which routes go and come.
func (t *tx) record(ref RouteRef, before, after []*route.Route) {
	if len(after) == 0 { // which leaves the table, perhaps an empty one
		t.makeTable(route.FamilyOf(ref.Dst.Addr()), ref.Table)
	}
	for _, r := range before {
		if !slices.Contains(after, r) {
			t.removed = append(t.removed, RouteRef{ref.Table, ref.Dst, r})
		}
	}
	for _, r := range after {
		if !slices.Contains(before, r) {
			t.added = append(t.added, RouteRef{ref.Table, ref.Dst, r})
		}
	}
}

// link finds a device.
func (t *tx) link(index int) *route.Link { return t.snap.Link(index) }

// setting is a device's setting in a family; zero where it was not read.
func (t *tx) setting(f route.Family, dev, key string) int {
	n, _ := t.snap.Sysctls.Conf(f, dev, key)
	return n
}
