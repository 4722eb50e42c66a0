// Package rehearse lets the running kernel make changes in a network namespace of its own,
// in which a host's devices, addresses, rules and routes were made again, and tells what
// it says to each. Nothing of the host is changed: a second process of this program makes
// the namespace, checks that it is another one and that nothing is in it, and ends with
// it.
package rehearse

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"routewhy/lookup/change"
	"routewhy/route"
)

// Command is a command as its changes, which are made up to the first that is refused.
type Command []change.Change

// Answer is what is said to a command; the zero Answer: it is made.
type Answer struct {
	Errno   route.Errno
	Message string
}

// Result is what came of a rehearsal.
type Result struct {
	// Why says why there was none; empty: there was one.
	Why string
	// Expected are the answers that package change gives in the namespace, and Answers the
	// kernel's, one for each command.
	Expected, Answers []Answer
	// Differs names what in the end is not as package change has it.
	Differs []change.Leftover
}

// job is what the second process is told.
type job struct {
	// Host is the identity of the host's network namespace, which the process must not
	// be in.
	Host     string
	Snapshot *route.Snapshot
	Commands [][]tagged
}

// tagged is a change with its type.
type tagged struct {
	Kind   string
	Change json.RawMessage
}

func tag(c change.Change) (tagged, error) {
	b, err := json.Marshal(c)
	return tagged{reflect.TypeOf(c).Elem().Name(), b}, err
}

// untag is the change.
func (t *tagged) untag() (change.Change, error) {
	var c change.Change
	switch t.Kind {
	case "Route":
		c = new(change.Route)
	case "Rule":
		c = new(change.Rule)
	case "Addr":
		c = new(change.Addr)
	case "Link":
		c = new(change.Link)
	case "NextHop":
		c = new(change.NextHop)
	case "Sysctl":
		c = new(change.Sysctl)
	default:
		return nil, fmt.Errorf("no change %q", t.Kind)
	}
	return c, json.Unmarshal(t.Change, c)
}

// maxRoutes is how many routes are made again at most.
const maxRoutes = 2000

// unfit says why commands cannot be rehearsed; empty: they can.
func unfit(s *route.Snapshot, commands []Command) string {
	if len(s.Routes) > maxRoutes {
		return fmt.Sprintf("there are more than %d routes, too many to be made again", maxRoutes)
	}
	for _, c := range commands {
		for _, one := range c {
			switch one := one.(type) {
			case *change.Route:
				if slices.ContainsFunc(one.Route.NextHops, encapsulates) {
					return reasonEncap
				}
			case *change.NextHop:
				if encapsulates(one.Object.NextHop) {
					return reasonEncap
				}
			case *change.Neighbour:
				return "neighbours are not made again in a namespace"
			case *change.NewLink:
				return "what a device is decides here, and other devices stand in for this host's"
			case *change.Link:
				if one.Verb == change.Delete || one.Master != nil {
					return "what a device is decides here, and other devices stand in for this host's"
				}
			}
		}
	}
	return ""
}

// reasonEncap is why a route into a light-weight tunnel is not rehearsed: of the tunnel,
// only its kind is known.
const reasonEncap = "routes into light-weight tunnels (encap) are not made again in a namespace"

func encapsulates(h route.NextHop) bool { return h.Encap != 0 }

// snapshotOf is a state's snapshot with its routes, and without what takes no part. Of many
// routes, only those count that the commands may meet.
func snapshotOf(s *change.State, commands []Command) *route.Snapshot {
	snap := *s.FIB().Snapshot()
	snap.Routes, snap.Sockets, snap.Policies, snap.Neighbours, snap.Gaps = nil, nil, nil, nil, nil
	e := s.FIB().Edit()
	n := 0
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for _, id := range e.Tables(f) {
			n += e.Size(f, id)
		}
	}
	meets := func(route.Table, netip.Prefix) bool { return true }
	if about, ok := prefixesOf(commands); ok && n > maxRoutes {
		meets = func(id route.Table, dst netip.Prefix) bool {
			return id == route.TableLocal || slices.ContainsFunc(about, func(p netip.Prefix) bool {
				return dst.Overlaps(p) && (dst.Bits() <= p.Bits() || p.Bits() > 0)
			})
		}
	}
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for _, id := range e.Tables(f) {
			e.Routes(f, id, func(dst netip.Prefix, list []*route.Route) bool {
				if !meets(id, dst) {
					return true
				}
				for _, r := range list {
					full := *r
					full.Dst = dst
					snap.Routes = append(snap.Routes, full)
				}
				return len(snap.Routes) <= maxRoutes
			})
		}
	}
	return &snap
}

// prefixesOf are what some commands are about, with gateways and sources, where they change
// routes alone; false: they change something else.
func prefixesOf(commands []Command) (all []netip.Prefix, ok bool) {
	single := func(a netip.Addr) {
		if a.IsValid() {
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	for _, list := range commands {
		for _, c := range list {
			r, ok := c.(*change.Route)
			if !ok || r.Route.NextHopID != 0 {
				return nil, false
			}
			all = append(all, r.Route.Dst.Masked())
			single(r.Route.PrefSrc)
			for _, h := range r.Route.NextHops {
				single(h.Gateway)
			}
		}
	}
	return all, true
}
