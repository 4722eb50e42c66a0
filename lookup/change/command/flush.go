package command

import (
	"net/netip"
	"slices"

	"routewhy/lookup/change"
	"routewhy/route"
)

// routeFilter says which routes `ip route flush` and `ip route show` mean.
type routeFilter struct {
	*args
	family  route.Family
	table   route.Table // zero: all
	cached  bool
	filters []func(*route.Route) bool
}

// flushRoutes deletes routes (iproute_list_flush_or_save in ip/iproute.c).
func (a *args) flushRoutes(c *Command) {
	if !a.more() {
		a.refuse("%q requires arguments.", raw("ip route flush"))
	}
	q := a.routeFilter()
	if q.cached {
		return // learnt routes are not kept here
	}
	if c.Kernel = q.noTable(); c.Kernel != nil {
		return
	}
	edit := a.state.FIB().Edit()
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		if q.family != 0 && q.family != f {
			continue
		}
		for _, id := range edit.Tables(f) {
			if q.table != 0 && q.table != id {
				continue
			}
			edit.Routes(f, id, func(dst netip.Prefix, list []*route.Route) bool {
				for _, r := range list {
					q.add(c, id, dst, r)
				}
				return true
			})
		}
	}
}

// add adds the change that deletes a route, if the route is one of those that are
// meant.
func (q *routeFilter) add(c *Command, id route.Table, dst netip.Prefix, r *route.Route) {
	full := r.Clone()
	full.Table, full.Dst = id, dst
	if !q.holds(&full) {
		return
	}
	if full.NextHopID != 0 {
		// ip sends back what the dump shows: the object and its next hops too, which
		// exclude each other.
		c.Stay++
		c.Late = &change.Refusal{Errno: route.EINVAL, Message: "Failed to send flush request: Invalid argument"}
		return
	}
	full.Unknown, full.Flags, full.Expires = nil, 0, 0
	for i := range full.NextHops {
		h := &full.NextHops[i]
		h.Flags &= route.NextHopOnLink
		if len(full.NextHops) == 1 {
			h.Weight = 0
		}
	}
	c.Changes = append(c.Changes, &change.Route{Verb: change.Delete, Route: full})
}

// noTable is the kernel's refusal to list a table that does not exist.
func (q *routeFilter) noTable() *change.Refusal {
	if q.table == 0 || q.state.HasTable(q.family, q.table) {
		return nil
	}
	name := "ipv4: "
	if q.family == route.IPv6 {
		name = "ipv6: "
	}
	return &change.Refusal{Errno: route.ENOENT, Message: name + "FIB table does not exist"}
}

func (q *routeFilter) holds(r *route.Route) bool {
	return !slices.ContainsFunc(q.filters, func(f func(*route.Route) bool) bool { return !f(r) })
}

func (q *routeFilter) keep(f func(*route.Route) bool) { q.filters = append(q.filters, f) }

// routeFilter reads the words of a filter.
func (a *args) routeFilter() *routeFilter {
	q := &routeFilter{args: a, family: a.family, table: route.TableMain}
	for a.more() {
		word := a.take()
		key := chooseExact(word, "table* vrf* cached* cloned* tos dsfield* protocol* scope* type* dev oif iif mark metric* priority* preference via src realms* from*")
		if key == "" {
			q.to(word)
		} else {
			q.keyword(key)
		}
	}
	if q.family == 0 && q.table != 0 {
		q.family = route.IPv4
	}
	return q
}

// keyword reads the value of a keyword.
func (q *routeFilter) keyword(key string) {
	switch key {
	case "table":
		v := q.value()
		t, ok := q.args.table(v)
		switch {
		case ok:
			q.table = t
		case v == "all":
			q.table = 0
		case v == "cache":
			q.cached = true
		default:
			q.invalid(v, "table id value is invalid")
		}
	case "vrf":
		q.table = q.vrf(q.value())
	case "cached", "cloned":
		q.cached = true
	case "tos", "dsfield":
		v := q.value()
		tos, ok := dsfield(v)
		if !ok {
			q.invalid(v, "TOS value is invalid")
		}
		q.keep(func(r *route.Route) bool { return r.TOS == tos })
	case "protocol":
		v := q.value()
		p, ok := q.protocol(v)
		switch {
		case ok:
			q.keep(func(r *route.Route) bool { return r.Protocol == p })
		case v != "all":
			q.invalid(v, `invalid "protocol"`)
		}
	case "scope":
		v := q.value()
		s, ok := scope(v)
		switch {
		case ok:
			q.keep(func(r *route.Route) bool { return r.Scope == s })
		case v != "all":
			q.invalid(v, `invalid "scope"`)
		}
	case "type":
		v := q.value()
		t, ok := routeType(v)
		if !ok {
			q.invalid(v, "node type value is invalid")
		}
		q.keep(func(r *route.Route) bool { return r.Type == t })
	case "metric", "priority", "preference":
		n := q.uint32Of(q.value(), `"metric" value is invalid`)
		q.keep(func(r *route.Route) bool { return r.Metric == n })
	case "mark":
		q.uint32Of(q.value(), "invalid mark value")
	default:
		q.way(key)
	}
}

// way reads the value of a keyword that says where a route leads.
func (q *routeFilter) way(key string) {
	switch key {
	case "dev", "oif":
		l := q.link(q.value())
		q.keep(func(r *route.Route) bool {
			return slices.ContainsFunc(q.hops(r), func(h route.NextHop) bool { return h.Link == l.Index }) && len(q.hops(r)) == 1
		})
	case "iif":
		q.link(q.value())
		q.keep(func(*route.Route) bool { return false })
	case "via":
		word := q.value()
		if word == "inet" || word == "inet6" {
			q.family, word = q.familyOf(word), q.value()
		}
		p := q.prefix(word, q.family)
		if q.family == 0 {
			q.family = p.family
		}
		q.keep(func(r *route.Route) bool {
			return slices.ContainsFunc(q.hops(r), func(h route.NextHop) bool { return p.prefix.Masked().Contains(h.Gateway) }) && len(q.hops(r)) == 1
		})
	case "src":
		p := q.prefix(q.value(), q.family)
		if q.family == 0 {
			q.family = p.family
		}
		q.keep(func(r *route.Route) bool { return r.PrefSrc.IsValid() && p.prefix.Masked().Contains(r.PrefSrc) })
	case "realms":
		n := q.realmsOr(q.value(), "invalid realms")
		q.keep(func(r *route.Route) bool {
			return slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return h.Realm == n })
		})
	case "from":
		q.from()
	}
}

func (q *routeFilter) familyOf(word string) route.Family {
	if word == "inet6" {
		return route.IPv6
	}
	return route.IPv4
}

// hops are a route's next hops. If it has a next-hop object, they are those of the
// object.
func (q *routeFilter) hops(r *route.Route) []route.NextHop {
	if r.NextHopID == 0 {
		return r.NextHops
	}
	for i := range q.snap.NextHops {
		if o := &q.snap.NextHops[i]; o.ID == r.NextHopID && len(o.Group) == 0 {
			return []route.NextHop{o.NextHop}
		}
	}
	return nil
}

// from reads a source prefix.
func (q *routeFilter) from() {
	how, p := q.how(q.value())
	if !p.prefix.IsValid() {
		return
	}
	q.keep(func(r *route.Route) bool {
		src := r.Src
		if !src.IsValid() {
			src = r.Family().Default()
		}
		return how(src)
	})
}

// to reads a destination.
func (q *routeFilter) to(word string) {
	if matches(word, "to") {
		word = q.value()
	}
	how, p := q.how(word)
	if q.family == 0 {
		q.family = p.family
	}
	if p.prefix.IsValid() || p.hasLength {
		q.keep(func(r *route.Route) bool { return how(r.Dst) })
	}
}

// how reads root, match or exact and a prefix. It returns a function that reports
// whether a route's prefix fits.
func (q *routeFilter) how(word string) (func(netip.Prefix) bool, inet) {
	key := choose(word, "root match exact")
	if key != "" {
		word = q.value()
	}
	p := q.prefix(word, q.family)
	want := p.in(max(p.family, route.IPv4))
	inside := func(d netip.Prefix) bool { return d.Bits() >= want.Bits() && want.Masked().Contains(d.Addr()) }
	covers := func(d netip.Prefix) bool { return d.Bits() <= want.Bits() && d.Contains(want.Addr()) }
	switch {
	case word == "any" || word == "all":
		return func(netip.Prefix) bool { return true }, p
	case key == "root":
		return inside, p
	case key == "match":
		return covers, p
	}
	return func(d netip.Prefix) bool { return inside(d) && covers(d) }, p
}

// showRoutes reads `ip route show`.
func (a *args) showRoutes(c *Command) {
	q := a.routeFilter()
	c.Kernel, c.Reads = q.noTable(), true
}
