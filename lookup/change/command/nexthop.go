package command

import (
	"slices"
	"strings"

	"routewhy/lookup/change"
	"routewhy/route"
)

const nextHopUsage = "Usage: ip nexthop { list | flush } [ protocol ID ] SELECTOR"

// nexthop reads `ip nexthop`.
func (a *args) nexthop(c *Command) {
	verb := "list"
	if a.more() {
		word := a.take()
		verb = choose(word, "add replace delete list show lst get flush bucket help")
		if verb == "" {
			a.refuse("Command %q is unknown, try %q.", raw(word), raw("ip nexthop help"))
		}
	}
	switch verb {
	case "add":
		a.changeNextHop(c, change.Add)
	case "replace":
		a.changeNextHop(c, change.Replace)
	case "delete":
		a.changeNextHop(c, change.Delete)
	case "flush":
		a.flushNextHops(c)
	case "list", "show", "lst":
		a.nextHopFilter()
		c.Reads = true
	case "get":
		a.getNextHop(c)
	case "help":
		a.refuse(nextHopUsage)
	default:
		a.unknown("ip nexthop %s is not understood", verb)
	}
}

// changeNextHop is ipnh_modify (ip/ipnexthop.c).
func (a *args) changeNextHop(c *Command, verb change.Verb) {
	q := &change.NextHop{Verb: verb}
	o := &q.Object
	o.Family = a.family
	hasID := false
	for a.more() {
		word := a.take()
		switch key := chooseExact(word, "id dev via encap blackhole fdb onlink group type protocol* help"); key {
		case "id":
			o.ID, hasID = a.uint32Of(a.value(), "invalid id value"), true
		case "dev":
			name := a.value()
			l := a.device(name)
			if l == nil {
				a.invalid(name, "Device does not exist")
			}
			o.NextHop.Link = l.Index
			a.learnNextHop(o, route.IPv4)
		case "via":
			f, g := a.gatewayOf(o.Family)
			a.learnNextHop(o, f)
			o.NextHop.Gateway = g
		case "encap":
			o.NextHop.Encap = a.encapsulation()
		case "blackhole":
			o.Blackhole = true
			a.learnNextHop(o, route.IPv4)
		case "fdb":
			o.FDB = true
		case "onlink":
			o.NextHop.Flags |= route.NextHopOnLink
		case "group":
			o.Group = a.members(a.value())
		case "type":
			q.NoBuckets = a.groupType(o)
		case "protocol":
			v := a.value()
			p, ok := a.protocol(v)
			if !ok {
				a.invalid(v, `"protocol" value is invalid`)
			}
			o.Protocol = p
		case "help":
			a.refuse(nextHopUsage)
		default:
			a.invalid(word, "")
		}
	}
	if len(o.Group) > 0 {
		o.Family = 0
	}
	if verb == change.Delete && !hasID { // nh_valid_get_del_req
		c.Kernel = &change.Refusal{Errno: route.EINVAL, Message: "Nexthop id is missing"}
		return
	}
	c.Changes = append(c.Changes, q)
}

func (a *args) learnNextHop(o *route.NextHopObject, f route.Family) {
	if o.Family == 0 {
		o.Family = f
	}
}

// members are the members of a group: ID[,WEIGHT]/...
func (a *args) members(v string) []route.GroupMember {
	var out []route.GroupMember
	for part := range strings.SplitSeq(v, "/") {
		id, weight, has := strings.Cut(part, ",")
		m := route.GroupMember{ID: a.uint32Of(id, `"group" value is invalid`), Weight: 1}
		if has {
			n, ok := number(weight, 32)
			if !ok || n == 0 || n > 256 {
				a.invalid(weight, `"weight" is invalid`)
			}
			m.Weight = int(n)
		}
		out = append(out, m)
	}
	return out
}

// groupType reads the type of a group, and reports whether the group asks for no
// buckets.
func (a *args) groupType(o *route.NextHopObject) (none bool) {
	switch v := a.value(); v {
	case "mpath":
	case "resilient":
		o.Resilient = true
		for a.more() {
			switch a.peek() {
			case "buckets":
				a.take()
				size := a.value()
				n, ok := number(size, 16)
				if !ok {
					a.invalid(size, `"buckets" value is invalid`)
				}
				o.Buckets, none = int(n), n == 0
			case "idle_timer", "unbalanced_timer":
				key := a.take()
				a.uint32Of(a.value(), `"`+key+`" value is invalid`)
			default:
				return none
			}
		}
	default:
		a.invalid(v, `"type" value is invalid`)
	}
	return none
}

// getNextHop is ipnh_get.
func (a *args) getNextHop(c *Command) {
	c.Reads = true
	id := uint32(0)
	for a.more() {
		if a.take() != "id" {
			a.refuse(nextHopUsage)
		}
		id = a.uint32Of(a.value(), "invalid id value")
	}
	if id == 0 {
		a.refuse(nextHopUsage)
	}
	c.Kernel = a.noNextHop(id)
}

// noNextHop is what the kernel says where it has no such object; nil: it has one.
func (a *args) noNextHop(id uint32) *change.Refusal {
	if slices.ContainsFunc(a.snap.NextHops, func(o route.NextHopObject) bool { return o.ID == id }) {
		return nil
	}
	return &change.Refusal{Errno: route.ENOENT}
}

// flushNextHops deletes next-hop objects.
func (a *args) flushNextHops(c *Command) {
	keep := a.nextHopFilter()
	state := a.state
	for i := range a.snap.NextHops {
		o := &a.snap.NextHops[i]
		if a.family != 0 && o.Family != a.family || !keep(o) {
			continue
		}
		del := &change.NextHop{Verb: change.Delete, Object: route.NextHopObject{ID: o.ID}}
		if out := state.Apply(del); out.Refusal == nil { // a group goes with its last member
			c.Changes = append(c.Changes, del)
			state = out.State
		}
	}
}

// nextHopFilter reads which objects are meant (ipnh_list_flush). An ID is asked for at
// once, and nothing after it is read.
func (a *args) nextHopFilter() func(*route.NextHopObject) bool {
	var filters []func(*route.NextHopObject) bool
	add := func(f func(*route.NextHopObject) bool) { filters = append(filters, f) }
	for a.more() && a.lacks == nil {
		word := a.take()
		switch chooseExact(word, "dev* groups* id protocol* fdb* master* vrf* help*") {
		case "dev":
			l := a.given(a.value(), "Device does not exist")
			add(func(o *route.NextHopObject) bool { return o.NextHop.Link == l.Index })
		case "groups":
			add(func(o *route.NextHopObject) bool { return len(o.Group) > 0 })
		case "id":
			id := a.uint32Of(a.value(), "invalid id value")
			a.lacks = a.noNextHop(id)
			add(func(o *route.NextHopObject) bool { return o.ID == id })
		case "protocol":
			n := a.uint32Of(a.value(), "invalid protocol value") // no name
			add(func(o *route.NextHopObject) bool { return uint32(o.Protocol) == n })
		case "fdb":
			add(func(o *route.NextHopObject) bool { return o.FDB })
		case "master":
			m := a.given(a.value(), "Device does not exist")
			add(a.ofMaster(m))
		case "vrf":
			name := a.value()
			m := a.given(name, "Invalid VRF")
			if m.Kind != "vrf" {
				a.invalid(name, "Invalid VRF")
			}
			add(a.ofMaster(m))
		case "help":
			a.refuse(nextHopUsage)
		case "":
			a.invalid(word, "")
		}
	}
	return func(o *route.NextHopObject) bool {
		return !slices.ContainsFunc(filters, func(f func(*route.NextHopObject) bool) bool { return !f(o) })
	}
}

// given finds a device that is a value, or gives ip's refusal with a reason.
func (a *args) given(name, why string) *route.Link {
	l := a.device(name)
	if l == nil {
		a.invalid(name, why)
	}
	return l
}

// ofMaster reports whether an object's device belongs to another device.
func (a *args) ofMaster(m *route.Link) func(*route.NextHopObject) bool {
	return func(o *route.NextHopObject) bool {
		l := a.snap.Link(o.NextHop.Link)
		return l != nil && l.Master == m.Index
	}
}
