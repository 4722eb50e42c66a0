package report

import (
	"net/netip"
	"slices"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/lookup/connections"
	"routewhy/route"
)

// doubtful is something that commands set, and by which connections may be lost or not.
type doubtful struct {
	// Unread is an attribute of a device, or the device of what follows.
	command.Unread
	// neighbour is the neighbour whose entry is set; the zero Addr: none.
	neighbour netip.Addr
	// lives is the lifetime of the address own, or of the route way; zero: for ever.
	lives time.Duration
	own   netip.Addr
	way   *change.Route
}

// attributes adds the connections that go through a device of which the commands set an
// attribute that is not looked at, or the hardware address, to a neighbour whose entry they set,
// or with what they give a lifetime. It stores which one. They may be lost.
func (t *Trial) attributes(changes []connections.Change, all []route.Socket, which map[*route.Socket]doubtful) []connections.Change {
	for _, u := range t.doubtful() {
		for j := range all {
			if x := &all[j]; connections.Connected(x) {
				changes = t.doubt(changes, x, &u, which)
			}
		}
	}
	return changes
}

// hardwareAddress is the name of a device's hardware address among attributes.
const hardwareAddress = "address"

// ownAddress and wayOut are what gets a lifetime: a connection's address, or its route.
const (
	ownAddress = "own-address"
	wayOut     = "route"
)

// doubtful are the things that commands set and by which packets may get through or not.
func (t *Trial) doubtful() (out []doubtful) {
	for i := range t.Run.Steps {
		s := &t.Run.Steps[i]
		if !s.Accepted() {
			continue
		}
		for _, u := range s.Unread {
			if u.Decides() {
				out = append(out, doubtful{Unread: u})
			}
		}
		for _, c := range s.Changes {
			switch c := c.(type) {
			case *change.Link:
				if c.Address != nil {
					out = append(out, doubtful{Unread: command.Unread{Link: c.Index, Name: hardwareAddress}})
				}
			case *change.Neighbour:
				if setsNeighbour(c) {
					out = append(out, doubtful{Unread: command.Unread{Link: c.Neighbour.Link}, neighbour: c.Neighbour.Addr})
				}
			case *change.Addr:
				if lives := lifetime(c); lives > 0 {
					out = append(out, doubtful{Unread: command.Unread{Name: ownAddress}, own: c.Addr.Prefix.Addr(), lives: lives})
				}
			case *change.Route:
				if c.Verb != change.Delete && c.Expires > 0 {
					out = append(out, doubtful{Unread: command.Unread{Name: wayOut}, way: c, lives: c.Expires})
				}
			}
		}
	}
	return out
}

// setsNeighbour reports whether a request makes the kernel send to an address that nobody
// confirmed, or wait for an answer that it does not ask for. An entry that is neither makes
// it ask again (neigh_event_send).
func setsNeighbour(c *change.Neighbour) bool {
	state := c.Neighbour.State
	return c.Verb != change.Delete && (c.LinkAddr && state.Valid() || state == route.NeighbourIncomplete)
}

// lifetime is the lifetime that a request gives an address; zero: for ever.
func lifetime(c *change.Addr) time.Duration {
	if c.Verb == change.Delete || c.Addr.ValidLft == route.ForeverLft {
		return 0
	}
	return c.Addr.ValidLft
}

// concerns says what a connection has to do with it, and by which device; false: nothing.
func (u *doubtful) concerns(c *connections.Change, after *lookup.FIB) (why connections.Loss, link int, is bool) {
	if len(c.After.NextHops) == 0 {
		return "", 0, false
	}
	switch first := c.After.NextHops[0].Link; {
	case u.own.IsValid():
		return connections.LostExpiring, first, c.Flow.Src == u.own
	case u.way != nil:
		r := &c.After.Route
		return connections.LostExpiring, first, c.After.HasRoute && r.Dst == u.way.Route.Dst.Masked() && r.Table == table(u.way) && r.Expires != 0
	}
	hop := slices.IndexFunc(c.After.NextHops, func(h lookup.NextHop) bool {
		if u.neighbour.IsValid() {
			return h.Link == u.Link && connections.NeighbourOf(&h, c.Flow.Dst) == u.neighbour
		}
		return connections.Uses(after.Snapshot(), h.Link, u.Link)
	})
	if hop < 0 {
		return "", 0, false
	}
	why = connections.LostAttribute
	if u.neighbour.IsValid() {
		why = connections.LostNeighbour
	}
	return why, c.After.NextHops[hop].Link, true
}

// doubt adds a connection if it goes through the device of an attribute.
func (t *Trial) doubt(changes []connections.Change, x *route.Socket, u *doubtful, which map[*route.Socket]doubtful) []connections.Change {
	before, after := t.Before.FIB(), t.Run.After.FIB()
	at := slices.IndexFunc(changes, func(c connections.Change) bool { return c.Socket == x })
	if at >= 0 && changes[at].Lost != "" {
		return changes
	}
	c := connections.Change{Socket: x, Flow: connections.FlowOf(x)}
	if c.Before, c.After = before.Lookup(c.Flow), after.Lookup(c.Flow); at >= 0 {
		c = changes[at]
	}
	why, link, is := u.concerns(&c, after)
	if !is || c.After.Disposition == lookup.DispositionLocal {
		return changes
	}
	c.Lost, c.MayBeLost, c.In, c.Neighbour, which[x] = why, true, link, u.neighbour, *u
	if why == connections.LostAttribute {
		c.Below = u.Link
	}
	if at < 0 {
		return append(changes, c)
	}
	changes[at] = c
	return changes
}
