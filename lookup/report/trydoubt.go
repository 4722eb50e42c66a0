package report

import (
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/lookup/connections"
	"routewhy/route"
)

// attributes adds the connections that go through a device of which the commands set an
// attribute that is not looked at, or the hardware address, and stores which one. They may be
// lost.
func (t *Trial) attributes(changes []connections.Change, all []route.Socket, which map[*route.Socket]string) []connections.Change {
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

// doubtful are the attributes that commands set and by which packets may get through or not.
func (t *Trial) doubtful() (out []command.Unread) {
	for i := range t.Run.Steps {
		s := &t.Run.Steps[i]
		if !s.Accepted() {
			continue
		}
		for _, u := range s.Unread {
			if u.Decides() {
				out = append(out, u)
			}
		}
		for _, c := range s.Changes {
			if l, ok := c.(*change.Link); ok && l.Address != nil {
				out = append(out, command.Unread{Link: l.Index, Name: hardwareAddress})
			}
		}
	}
	return out
}

// doubt adds a connection if it goes through the device of an attribute.
func (t *Trial) doubt(changes []connections.Change, x *route.Socket, u *command.Unread, which map[*route.Socket]string) []connections.Change {
	before, after := t.Before.FIB(), t.Run.After.FIB()
	at := slices.IndexFunc(changes, func(c connections.Change) bool { return c.Socket == x })
	if at >= 0 && changes[at].Lost != "" {
		return changes
	}
	c := connections.Change{Socket: x, Flow: connections.FlowOf(x)}
	if c.Before, c.After = before.Lookup(c.Flow), after.Lookup(c.Flow); at >= 0 {
		c = changes[at]
	}
	hop := slices.IndexFunc(c.After.NextHops, func(h lookup.NextHop) bool { return connections.Uses(after.Snapshot(), h.Link, u.Link) })
	if hop < 0 || c.After.Disposition == lookup.DispositionLocal {
		return changes
	}
	c.Lost, c.MayBeLost, c.In, c.Below, which[x] = connections.LostAttribute, true, c.After.NextHops[hop].Link, u.Link, u.Name
	if at < 0 {
		return append(changes, c)
	}
	changes[at] = c
	return changes
}
