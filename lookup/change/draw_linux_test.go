package change_test

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"routewhy/lookup/change"
	"routewhy/route"
	"routewhy/route/routetest"
)

// drawer draws random changes, near what a state has.
type drawer struct {
	rng     *rand.Rand
	snap    *route.Snapshot
	objects []string
	support routetest.Support
}

func newDrawer(rng *rand.Rand, support routetest.Support) *drawer {
	list := os.Getenv("ROUTEWHY_OBJECTS")
	if list == "" {
		list = "route4,route4,route6,route6,addr4,addr6,rule,link,link,newlink,neighbour,sysctl,nexthop"
	}
	return &drawer{rng: rng, support: support, objects: strings.Split(list, ",")}
}

// leaveOut removes objects from those that are drawn.
func (d *drawer) leaveOut(objects ...string) {
	d.objects = slices.DeleteFunc(d.objects, func(o string) bool { return slices.Contains(objects, o) })
}

func (d *drawer) chance(percent int) bool { return d.rng.IntN(100) < percent }

func pick[T any](d *drawer, list ...T) T { return list[d.rng.IntN(len(list))] }

// draw draws a change of one of the drawer's objects.
func (d *drawer) draw(s *change.State) change.Change {
	d.snap = snapshotOf(s)
	switch pick(d, d.objects...) {
	case "route4":
		return d.route4()
	case "addr4":
		return d.addrChange4()
	case "route6":
		return d.route6()
	case "nexthop":
		return d.object()
	case "addr6":
		return d.addrChange6()
	case "link":
		return d.linkChange()
	case "newlink":
		return d.newLink()
	case "neighbour":
		return d.neighbour()
	case "sysctl":
		return d.sysctl()
	case "rule":
		return d.ruleChange()
	}
	panic("no such object")
}

var verbs = []change.Verb{
	change.Add, change.Add, change.Add, change.Append, change.Append, change.Prepend, change.Replace, change.Replace,
	change.Modify, change.Delete, change.Delete, change.Delete, change.Delete,
}

func prefixes(list ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(list))
	for i, s := range list {
		all[i] = netip.MustParsePrefix(s)
	}
	return all
}

var pool4 = prefixes("0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/25", "10.9.0.0/16",
	"203.0.113.0/24", "203.0.113.5/32", "192.0.2.1/32", "224.0.0.0/4", "255.255.255.255/32", "127.0.0.0/8")

// route4 draws a change of an IPv4 route. The route is an existing one, altered or
// not, or any other one.
func (d *drawer) route4() change.Change {
	c := &change.Route{Verb: pick(d, verbs...)}
	var mine []route.Route
	for _, r := range d.snap.Routes {
		if r.Dst.Addr().Is4() {
			mine = append(mine, r)
		}
	}
	if len(mine) > 0 && d.chance(55) {
		one := pick(d, mine...)
		c.Route = one.Clone()
		c.Route.Unknown = nil
		if o := c.Route.NextHopID; o != 0 {
			c.Route.NextHops = nil
			if c.Route.Type == route.TypeBlackhole {
				c.Route.Type = route.TypeUnicast
			}
		}
		c.Route.Flags = 0
		for i := range c.Route.NextHops {
			c.Route.NextHops[i].Flags &= route.NextHopOnLink
			c.Route.NextHops[i].Encap = 0
		}
		if c.Verb == change.Delete && d.chance(60) {
			d.loosen4(&c.Route)
		}
		for d.chance(40) {
			d.alter4(c)
		}
		d.showsType(&c.Route)
		return c
	}
	r := &c.Route
	r.Dst, r.Table, r.Type, r.Protocol = pick(d, pool4...), route.TableMain, route.TypeUnicast, route.ProtocolBoot
	d.hops4(r)
	if len(r.NextHops) > 0 && r.NextHops[0].Weight == 0 && !r.NextHops[0].Gateway.IsValid() {
		r.Scope = route.ScopeLink
	}
	if c.Verb == change.Delete {
		r.Scope, r.Protocol = route.ScopeNowhere, 0
		if d.chance(70) {
			r.Type = 0
		}
		if d.chance(50) {
			r.NextHops = nil
		}
	}
	for d.chance(55) {
		d.alter4(c)
	}
	d.showsType(r)
	return c
}

// showsType makes a route by an object that drops packets an ordinary one: a dump does not
// show what else it is.
func (d *drawer) showsType(r *route.Route) {
	blackhole := func(id uint32) bool {
		return slices.ContainsFunc(d.snap.NextHops, func(o route.NextHopObject) bool { return o.ID == id && o.Blackhole })
	}
	for _, o := range d.snap.NextHops {
		if o.ID == r.NextHopID && (o.Blackhole || len(o.Group) == 1 && blackhole(o.Group[0].ID)) && r.Type != 0 {
			r.Type = route.TypeUnicast
		}
	}
}

// loosen4 leaves out what a request to delete does not have to say.
func (d *drawer) loosen4(r *route.Route) {
	if d.chance(60) {
		r.Type = 0
	}
	if d.chance(70) {
		r.Scope = route.ScopeNowhere
	}
	if d.chance(70) {
		r.Protocol = 0
	}
	if d.chance(60) {
		r.Metric = 0
	}
	if d.chance(60) {
		r.PrefSrc = netip.Addr{}
	}
	if d.chance(50) {
		r.NextHops, r.NextHopID = nil, 0
	}
	if d.chance(50) {
		r.Metrics = nil
	}
}

// alter4 changes one thing of a request.
func (d *drawer) alter4(c *change.Route) {
	r := &c.Route
	switch d.rng.IntN(13) {
	case 0:
		r.Dst = pick(d, pool4...)
	case 1:
		r.Table = pick(d, route.TableMain, 100, 110, 1000, route.TableLocal, route.TableDefault, 0)
	case 2:
		r.TOS = pick[uint8](d, 0, 0, 0x10, 0x08, 0x04, 0x01, 0xb8)
	case 3, 4:
		r.Metric = pick[uint32](d, 0, 0, 1, 5, 10, 100, 2000)
	case 5:
		r.Type = pick(d, route.TypeUnicast, route.TypeUnicast, route.TypeBlackhole, route.TypeUnreachable, route.TypeProhibit, route.TypeThrow,
			route.TypeLocal, route.TypeBroadcast, route.TypeMulticast, route.TypeAnycast, route.TypeNAT, route.TypeUnspec, route.TypeXResolve, 12)
		if r.Type.Errno() != 0 && d.chance(80) {
			r.NextHops = nil
		}
	case 6:
		r.Scope = pick[route.Scope](d, 0, 0, 200, route.ScopeLink, route.ScopeLink, route.ScopeHost, route.ScopeNowhere)
	case 7:
		r.Protocol = pick[route.Protocol](d, 0, 2, 3, 4, 12, 16)
	case 8:
		r.PrefSrc = d.addr4()
	case 9, 10:
		d.hops4(r)
	case 11:
		r.Metrics = pick(d, nil, []route.Metric{{ID: 2, Value: 1300}}, []route.Metric{{ID: 2, Value: 1280, Lock: true}},
			[]route.Metric{{ID: 2, Value: 1300}, {ID: 8, Value: 1200}}, []route.Metric{{ID: 10, Value: 64}}, []route.Metric{{ID: 2, Value: 100000}})
	case 12:
		if r.Dst.Bits() < 32 && d.chance(30) {
			r.Dst = netip.PrefixFrom(netip.MustParseAddr("10.0.0.77"), r.Dst.Bits())
		}
	}
}

// addr4 is an address of this host, a neighbour's, or another one.
func (d *drawer) addr4() netip.Addr {
	var own []netip.Addr
	for _, a := range d.snap.Addrs {
		if a.Prefix.Addr().Is4() {
			own = append(own, a.Prefix.Addr())
		}
	}
	if len(own) > 0 && d.chance(60) {
		return pick(d, own...)
	}
	return netip.MustParseAddr(pick(d, "10.0.0.2", "10.0.1.255", "203.0.113.1", "127.0.0.1", "10.0.0.0", "0.0.0.0", "224.0.0.5", "255.255.255.255"))
}

// gateway4 is an address that may be a gateway: mostly one on a link.
func (d *drawer) gateway4() netip.Addr {
	if d.chance(15) {
		return d.addr4()
	}
	return netip.MustParseAddr(pick(d, "10.0.0.2", "10.0.0.3", "10.0.1.2", "10.0.1.3", "10.0.2.2", "10.0.3.4", "10.9.0.7", "172.16.0.9", "172.16.1.3",
		"10.0.0.255", "203.0.113.1", "192.0.2.1", "10.200.0.1", "172.17.0.1"))
}

func (d *drawer) device() int {
	if d.chance(4) {
		return pick(d, 0, 1, 777)
	}
	return pick(d, d.snap.Links...).Index
}

func (d *drawer) hop4() route.NextHop {
	var h route.NextHop
	switch n := d.rng.IntN(10); {
	case n < 4:
		h.Gateway = d.gateway4()
	case n < 7:
		h.Gateway, h.Link = d.gateway4(), d.device()
	case n < 9:
		h.Link = d.device()
	}
	if d.chance(8) {
		h.Gateway = d.gateway6()
	}
	if d.chance(8) {
		h.Flags = route.NextHopOnLink
	}
	if d.chance(2) {
		h.Realm = 5
	}
	return h
}

func (d *drawer) hops4(r *route.Route) {
	r.NextHops, r.NextHopID = nil, 0
	switch {
	case d.chance(8):
		ids := []uint32{99}
		for _, o := range d.snap.NextHops {
			if !slices.ContainsFunc(o.Group, func(route.GroupMember) bool { return false }) {
				ids = append(ids, o.ID)
			}
		}
		r.NextHopID = pick(d, ids...)
	case d.chance(20):
		for range 1 + d.rng.IntN(3) {
			h := d.hop4()
			h.Weight = pick(d, 1, 1, 2, 10)
			r.NextHops = append(r.NextHops, h)
		}
		if len(r.NextHops) == 1 { // a dump does not show its weight
			r.NextHops[0].Weight = 1
		}
	default:
		if h := d.hop4(); h != (route.NextHop{}) {
			r.NextHops = []route.NextHop{h}
		}
	}
}

var addrVerbs = []change.Verb{change.Add, change.Add, change.Add, change.Replace, change.Modify, change.Delete, change.Delete, change.Delete}

// addrChange4 draws a change of an IPv4 address. The address is an existing one,
// altered or not, or any other one.
func (d *drawer) addrChange4() change.Change {
	c := &change.Addr{Verb: pick(d, addrVerbs...)}
	var mine []route.Addr
	for _, a := range d.snap.Addrs {
		if a.Prefix.Addr().Is4() {
			mine = append(mine, a)
		}
	}
	a := &c.Addr
	if len(mine) > 0 && d.chance(60) {
		*a = pick(d, mine...)
		c.Metric, a.Metric = a.Metric, 0
		a.Flags &= route.AddrNoPrefixRoute
		a.ValidLft, a.PreferredLft = 0, 0
		if c.Verb == change.Delete {
			a.Flags, a.Broadcast, a.Scope, c.Metric = 0, netip.Addr{}, 0, 0
			if d.chance(60) {
				a.Label = ""
			}
			c.NoAddress = d.chance(10)
		}
		for d.chance(25) {
			d.alterAddr4(c)
		}
		return c
	}
	a.Link = d.device()
	a.Prefix = netip.MustParsePrefix(pick(d, "10.0.0.1/24", "10.0.0.5/24", "10.0.0.6/24", "10.0.0.9/25", "10.0.1.1/24", "10.0.2.1/30", "192.0.2.1/32",
		"198.51.100.1/31", "198.51.100.0/31", "172.16.0.1/16", "10.9.0.1/24", "10.0.0.77/32", "127.0.0.2/8", "0.0.0.0/24", "0.1.2.3/8", "224.0.0.9/32", "10.255.0.1/32"))
	for d.chance(45) {
		d.alterAddr4(c)
	}
	return c
}

func (d *drawer) alterAddr4(c *change.Addr) {
	a := &c.Addr
	switch d.rng.IntN(9) {
	case 0:
		a.Link = d.device()
	case 1:
		a.Prefix = netip.PrefixFrom(a.Prefix.Addr(), pick(d, 24, 25, 32, 31, 30, 16))
	case 2:
		a.Peer = netip.Prefix{}
		if d.chance(70) {
			a.Peer = netip.PrefixFrom(pick(d, netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.200.0.1")), a.Prefix.Bits())
		}
	case 3:
		a.Broadcast = netip.MustParseAddr(pick(d, "10.0.0.255", "10.0.1.255", "255.255.255.255", "10.0.0.0", "10.9.9.9"))
	case 4:
		a.Scope = pick(d, route.ScopeGlobal, route.ScopeSite, route.ScopeLink, route.ScopeHost)
	case 5:
		a.Flags ^= route.AddrNoPrefixRoute
	case 6:
		c.Metric = pick[uint32](d, 0, 50, 100)
	case 7:
		a.ValidLft, a.PreferredLft = pick(d, time.Hour, time.Hour, 0, route.ForeverLft), pick(d, time.Minute, 0, time.Hour, 2*time.Hour)
	case 8:
		a.Label = pick(d, "", "other")
	}
}

// settings are lines for the beginning of a set-up.
func (d *drawer) settings() (lines []string) {
	if d.chance(40) {
		lines = append(lines, "sysctl -qw net.ipv4.conf.all.promote_secondaries=1")
	}
	return lines
}

// ruleChange draws a change of a rule.
func (d *drawer) ruleChange() change.Change {
	c := &change.Rule{Verb: pick(d, change.Add, change.Add, change.Add, change.Delete, change.Delete), HasPriority: true}
	if len(d.snap.Rules) > 0 && d.chance(55) {
		c.Rule = pick(d, d.snap.Rules...)
		r := &c.Rule
		r.Unresolved, r.Implied, r.Selector.InDetached, r.Selector.OutDetached = false, false, false, false
		if c.Verb == change.Delete {
			d.loosenRule(c)
		}
		for d.chance(35) {
			d.alterRule(c)
		}
		return c
	}
	c.Rule = route.Rule{Family: pick(d, route.IPv4, route.IPv6), Priority: pick[uint32](d, 0, 10, 20, 30, 100, 1000, 32766, 40000),
		Action: route.ActionTable, Table: pick[route.Table](d, 100, 101, 254, 200), SuppressPrefixLen: -1, SuppressGroup: -1, Protocol: 3}
	c.HasPriority = d.chance(70)
	if !c.HasPriority {
		c.Rule.Priority = 0
	}
	if c.Verb == change.Delete {
		d.loosenRule(c)
	}
	for d.chance(60) {
		d.alterRule(c)
	}
	return c
}

// loosenRule leaves out what a request to delete does not have to say.
func (d *drawer) loosenRule(c *change.Rule) {
	r := &c.Rule
	if d.chance(30) {
		c.HasPriority, r.Priority = false, 0
	}
	if d.chance(50) {
		r.Protocol = 0
	}
	if d.chance(30) && r.Action == route.ActionTable {
		r.Action = 0
	}
	if d.chance(30) {
		r.Table = 0
	}
	if d.chance(40) {
		r.Selector = route.Selector{}
	}
	if d.chance(50) {
		r.SuppressGroup, r.SuppressPrefixLen = -1, -1
	}
	if d.chance(50) {
		r.Realm = 0
	}
}

func (d *drawer) alterRule(c *change.Rule) {
	r, s := &c.Rule, &c.Rule.Selector
	prefix := func() netip.Prefix {
		if d.chance(25) {
			return netip.Prefix{}
		}
		if r.Family == route.IPv4 {
			return netip.MustParsePrefix(pick(d, "10.0.0.0/8", "10.0.0.1/32", "192.0.2.0/24", "10.0.0.0/24"))
		}
		return netip.MustParsePrefix(pick(d, "2001:db8::/32", "2001:db8::1/128", "fd00::/8"))
	}
	port := func() route.PortRange {
		return pick(d, route.PortRange{}, route.PortRange{Start: 80, End: 80}, route.PortRange{Start: 1000, End: 2000},
			route.PortRange{Start: 2000, End: 1000}, route.PortRange{Start: 1, End: 65535}, route.PortRange{Start: 0, End: 5})
	}
	switch d.rng.IntN(17) {
	case 0:
		c.HasPriority, r.Priority = true, pick[uint32](d, 0, 10, 20, 30, 100, 1000, 32766, 40000)
	case 1:
		c.HasPriority, r.Priority = false, 0
	case 2:
		r.Table = pick[route.Table](d, 0, 100, 101, 200, 254, 255, 1000)
	case 3:
		r.Action, r.Table, r.Goto = pick(d, route.ActionBlackhole, route.ActionUnreachable, route.ActionProhibit, route.ActionNop), 0, 0
	case 4:
		r.Action, r.Table, r.Goto = route.ActionGoto, 0, pick[uint32](d, 0, 5, 20, 30, 1000, 32766, 40000, 50000)
	case 5:
		s.Src = prefix()
	case 6:
		s.Dst = prefix()
	case 7:
		s.In = pick(d, "", "v0", "w0", "lo", "nodev")
	case 8:
		s.Out = pick(d, "", "v0", "w0", "nodev")
	case 9:
		s.Mark, s.MarkMask = pick[uint32](d, 0, 1, 2), pick[uint32](d, 0, 0xff, 0xffffffff)
	case 10:
		s.TOS = pick[uint8](d, 0, 0x10, 0x08, 0x01, 0xb8, 0x20, 0x04)
	case 11:
		s.Not = !s.Not
	case 12:
		r.SuppressPrefixLen, r.SuppressGroup = pick(d, -1, 0, 1, 24), pick[int64](d, -1, 0, 7)
	case 13:
		r.Protocol = pick[route.Protocol](d, 0, 3, 4, 2)
	case 14:
		s.HasUIDs, s.UIDs = true, pick(d, route.UIDRange{Start: 0, End: 0}, route.UIDRange{Start: 1000, End: 2000}, route.UIDRange{Start: 5, End: 4})
	case 15:
		s.Proto, s.SrcPort, s.DstPort = pick[uint8](d, 0, 6, 17), port(), port()
	case 16:
		if d.chance(50) {
			r.Realm = pick[uint32](d, 0, 5)
		} else {
			s.L3Mdev, r.Table = !s.L3Mdev, 0
		}
	}
}
