// Package rehearse lets the running kernel make changes in a separate network namespace,
// and reports the kernel's answer to each. The namespace has copies of a host's devices,
// addresses, rules and routes. Nothing on the host is changed: a second process of this
// program makes the namespace, and checks that it is not the host's and that it is empty.
// The namespace is gone when that process ends.
package rehearse

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

// Command is a command as a list of changes. They are made in order, up to the first one
// that is refused.
type Command []change.Change

// Answer is the answer to a command; the zero Answer: the command succeeded.
type Answer struct {
	Errno   route.Errno
	Message string
}

// Result is the result of a rehearsal.
type Result struct {
	// Why says why there was no rehearsal; empty: there was one.
	Why string
	// Expected are the answers that package change gives in the namespace. Answers are the
	// kernel's answers. Both have one answer for each command.
	Expected, Answers []Answer
	// Differs lists what is different from the result of package change at the end.
	Differs []change.Leftover
}

// job is what Do sends to the second process.
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

// untag returns the change.
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

// maxRoutes is how many routes are copied into the namespace at most.
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
			case *change.Sysctl:
				if forwards6(one) && slices.ContainsFunc(s.Routes, func(r route.Route) bool { return change.Advertised(s, r.Dst, &r) }) {
					return "only the kernel makes routes from router advertisements as it did here"
				}
			case *change.Rule:
				if one.Rule.Selector.HasUIDs && os.Geteuid() != 0 {
					return "the rule names users, whom a namespace of its own does not have"
				}
			case *change.Neighbour:
				return "neighbours are not made again in a namespace"
			case *change.NewLink:
				if !slices.ContainsFunc(s.Links, func(l route.Link) bool { return l.Kind == one.Kind }) {
					return "no device is made there: whether this kernel has any of type " + one.Kind + " is not known"
				}
				return "what a device is decides here, and other devices stand in for this host's"
			case *change.Link:
				if one.Verb == change.Delete || one.Master != nil || one.Address != nil || one.Carrier != route.Unknown {
					return "what a device is decides here, and other devices stand in for this host's"
				}
			}
		}
	}
	return ""
}

// forwards6 reports whether a setting switches forwarding of IPv6, which deletes routes
// that the kernel made from router advertisements.
func forwards6(c *change.Sysctl) bool {
	return strings.HasPrefix(c.Path, "net/ipv6/conf/") && strings.HasSuffix(c.Path, "/forwarding")
}

// reasonEncap is the reason why a route into a light-weight tunnel is not rehearsed. Only
// the kind of the tunnel is known.
const reasonEncap = "routes into light-weight tunnels (encap) are not made again in a namespace"

func encapsulates(h route.NextHop) bool { return h.Encap != 0 }

// snapshotOf is the snapshot of a state with its routes, and without what a rehearsal does
// not need. If there are too many routes, it has only those that may affect the commands.
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

// prefixesOf are the prefixes that some commands are about: the destinations, gateways and
// sources of their routes. False: the commands do not change only routes.
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
