package change

import (
	"maps"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// State is a host's routing state before or after a change. It is immutable: each
// change gives another State, which shares everything that did not change with the
// first.
type State struct {
	fib *lookup.FIB
	hidden
}

// hidden is what no dump shows. The zero value has the usual facts.
type hidden struct {
	// first is what was read.
	first *lookup.FIB
	// tables are IPv4 tables that a change made. They may be empty now.
	tables map[route.Table]bool
	// tables6 are the IPv6 tables.
	tables6 map[route.Table]bool
	// custom6 says that an IPv6 rule was added. After that the kernel asks its rules
	// (fib6_has_custom_rules). A snapshot does not tell whether there once was a rule
	// other than those that a namespace starts with.
	custom6 bool
	// linkLocal are the link-local addresses that devices had and would get again.
	linkLocal map[int]route.Addr
	// ready are devices that had a carrier since they went up, even if they have none
	// now (IF_READY).
	ready map[int]bool
	// unready are devices that lost IPv6 while they were up: lo with a small MTU.
	unready map[int]bool
	// anycast is how often devices have joined their anycast addresses (aca_users).
	anycast map[deviceAddr]int
	// parked are addresses that lost their local route when their device went down, and
	// get it back when the device goes up (INET6_IFADDR_STATE_PREDAD).
	parked map[deviceAddr]bool
	// siblings are routes that became another next hop of an IPv6 route. They differ from
	// that route in something that a dump shows only once.
	siblings map[sibling]*route.Route
	// deadHops are next hops that are really dead, where a dump also shows next hops
	// without a carrier as dead.
	deadHops map[sibling]bool
	// looked are devices whose carrier has changed, so that the kernel has looked at their
	// operational state. ownMTU are devices that got their MTU from a request.
	looked, ownMTU map[int]bool
	// hadVRF says that there was a VRF. With the first VRF the kernel made its rules.
	hadVRF bool
	// readdressed are neighbours that got a link-layer address from a request, and devices that
	// got a hardware address: those without an address. No reading tells what they had.
	readdressed map[deviceAddr]bool
	// vlans are the IDs of the VLAN devices that changes made.
	vlans map[int]uint16
}

// New starts with a FIB. It must have all routes that a change may concern: those to
// its prefix and those to its gateways. If a device, an address or a next-hop object
// changes, it must have all routes.
func New(f *lookup.FIB) *State {
	s := &State{fib: f, hidden: hidden{first: f}}
	t := &tx{old: s, edit: f.Edit(), snap: f.Snapshot(), hidden: s.hidden}
	for i := range t.snap.Links {
		if l := &t.snap.Links[i]; l.Up() && !l.Carrier() && t.wasReady6(l) {
			t.setReady(l.Index, true)
		}
		if l := &t.snap.Links[i]; l.Flags&route.LinkLoopback != 0 && l.MTU != 0 && l.MTU < route.LeastMTU6 {
			t.setUnready(l.Index, true)
		}
	}
	for i := range t.snap.Links {
		l := &t.snap.Links[i]
		t.noteCarrier(l)
		if l.Kind == vrfKind {
			t.hadVRF = true
			t.makeTable(route.IPv4, l.VRFTable)
			t.makeTable(route.IPv6, l.VRFTable)
		}
	}
	for i := range t.snap.Rules {
		r := &t.snap.Rules[i]
		if r.Family == route.IPv6 && r.Action == route.ActionTable && r.Table != 0 {
			t.makeTable(route.IPv6, r.Table) // fib6_rule_configure
		}
		t.custom6 = t.custom6 || r.Family == route.IPv6 && !isDefault(r)
		t.hadVRF = t.hadVRF || r.Selector.L3Mdev && r.Protocol == route.ProtocolKernel
	}
	t.noteParked()
	t.noteAnycast()
	s.hidden = t.hidden
	return s
}

// FIB is the state's index for looking packets up, with its snapshot. In the snapshot
// only Routes are not kept up to date.
func (s *State) FIB() *lookup.FIB { return s.fib }

// HasTable reports whether a table is known to exist. The zero family means IPv4.
func (s *State) HasTable(f route.Family, id route.Table) bool {
	tables := s.tables
	if f == route.IPv6 {
		tables = s.tables6
	} else {
		f = route.IPv4
	}
	return id == route.TableMain || id == route.TableLocal || tables[id] || s.fib.Edit().Size(f, id) > 0
}

// Outcome is the result of a change.
type Outcome struct {
	// State is the state after the change. If the change is refused, it is the same as
	// before, unless Partly is set.
	State *State
	// Partly says that something stays changed although the change is refused: some next
	// hops of an IPv6 route, what a request for a device asked for before the part that is
	// refused, the multicast route of a device that is refused an address.
	Partly bool
	// Refusal is the kernel's refusal; nil: the change is made.
	Refusal *Refusal
	// Removed and Added are the routes that were removed and added. If one takes the
	// place of another, they are in that order.
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
	return Outcome{State: next, Partly: r != nil && (t.mine || t.edit.Changed()), Refusal: r, Removed: t.removed, Added: t.added}
}

// tx is a change that is being made.
type tx struct {
	old  *State
	edit *lookup.Edit
	// snap is the snapshot of the state before the change, until own makes a copy for
	// the change.
	snap *route.Snapshot
	mine bool
	// sysctlsMine says that the snapshot's settings are already a copy for this
	// change.
	sysctlsMine bool
	hidden
	// deadMine says that the list of dead next hops is already a copy for this
	// change.
	deadMine bool
	// partly says that something stays changed although the change is refused.
	partly bool
	// held are the devices whose carriers are adjusted later, while holding is true.
	holding bool
	held    []heldCarrier

	removed, added []RouteRef
	kernel         behaviour
}

// own is a snapshot whose lists may be replaced. The elements of a list must be cloned
// before they are written to.
func (t *tx) own() *route.Snapshot {
	if !t.mine {
		c := *t.snap
		t.snap, t.mine = &c, true
	}
	return t.snap
}

// refused is the state after a refusal. A refused request may leave an empty table
// behind.
func (t *tx) refused() *State {
	if len(t.tables) == len(t.old.tables) && len(t.tables6) == len(t.old.tables6) {
		return t.old
	}
	s := *t.old
	s.tables, s.tables6 = t.tables, t.tables6
	return &s
}

// with is a copy of a map in which a key has a value. States share their maps, so that none is
// changed after it was made.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[K]V{}
	}
	m[key] = value
	return m
}

// makeTable stores that a table exists from now on (fib_new_table, fib6_new_table).
func (t *tx) makeTable(f route.Family, id route.Table) {
	tables := &t.tables
	if f == route.IPv6 {
		tables = &t.tables6
	}
	if (*tables)[id] {
		return
	}
	*tables = with(*tables, id, true)
}

// tableExists reports whether the kernel is known to have made a table. IPv6's local and
// main exist from the start. IPv4's come with the first route, at first as one table.
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

// manyRoutes is how many routes of a table are changed before room is made for all of them.
const manyRoutes = 4096

// record stores which routes are removed and added.
func (t *tx) record(ref RouteRef, before, after []*route.Route) {
	if len(after) == 0 { // the table stays, and may be empty now
		t.makeTable(route.FamilyOf(ref.Dst.Addr()), ref.Table)
	}
	for _, r := range before {
		if !slices.Contains(after, r) {
			if n := len(t.removed); n == cap(t.removed) && n > manyRoutes { // it is probably all of them
				t.removed = slices.Grow(t.removed, t.edit.Size(route.FamilyOf(ref.Dst.Addr()), ref.Table))
			}
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

// setting is a device's setting in a family; zero if it was not read.
func (t *tx) setting(f route.Family, dev, key string) int {
	n, _ := t.snap.Sysctls.Conf(f, dev, key)
	return n
}
