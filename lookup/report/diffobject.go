package report

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"routewhy/lookup/coverage"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Object is a thing that only one of two hosts has, or that differs.
type Object struct {
	// Kind is one of the kinds below, and Change "removed", "added" or "changed".
	Kind   ObjectKind `json:"kind"`
	Change string     `json:"change"`
	// Text is the thing in words as it is after or, if it was removed, before. Printers of
	// text set it.
	Text   string `json:"text,omitempty"`
	Before *Thing `json:"before,omitempty"`
	After  *Thing `json:"after,omitempty"`
}

// ObjectKind is the kind of an [Object].
type ObjectKind string

// The kinds.
const (
	KindLink    ObjectKind = "link"
	KindAddress ObjectKind = "address"
	KindRule    ObjectKind = "rule"
	KindNextHop ObjectKind = "nexthop"
	KindRoute   ObjectKind = "route"
	KindSetting ObjectKind = "sysctl"
	// KindNeighbour is a neighbour that answers or does not; no comparison of hosts has it.
	KindNeighbour ObjectKind = "neighbour"
)

// How an object differs.
const (
	Removed = "removed"
	Added   = "added"
	Changed = "changed"
)

// Thing is what an object is on one of the hosts: one of its fields, by its kind.
type Thing struct {
	Link    *LinkState     `json:"link,omitempty"`
	Address *AddressState  `json:"address,omitempty"`
	Family  string         `json:"family,omitempty"` // of the rule: inet, inet6
	Rule    *iproute2.Rule `json:"rule,omitempty"`
	// NextHop is a next-hop object.
	NextHop *ObjectState    `json:"nexthop,omitempty"`
	Route   *iproute2.Route `json:"route,omitempty"`
	Setting *SettingState   `json:"sysctl,omitempty"`
	// Neighbour is an entry of the neighbour tables.
	Neighbour *NeighbourState `json:"neighbour,omitempty"`
}

// NeighbourState is a neighbour and the state of its entry.
type NeighbourState struct {
	Address netip.Addr `json:"address"`
	Dev     string     `json:"dev"`
	State   string     `json:"state"`
}

// LinkState is a device.
type LinkState struct {
	Name string `json:"name"`
	// State is "up", "down", or "no-carrier" if it is up and has none.
	State string `json:"state"`
	// Master is the device that it belongs to, VRFTable the table of a VRF.
	Master   string `json:"master,omitempty"`
	VRFTable string `json:"vrf_table,omitempty"`
	// MTU is only there where it is what changed.
	MTU uint32 `json:"mtu,omitempty"`
}

// AddressState is an address of a device.
type AddressState struct {
	Address netip.Prefix `json:"address"`
	Dev     string       `json:"dev"`
	// Deprecated says that a new connection should not use it.
	Deprecated bool `json:"deprecated,omitempty"`
	// Tentative says that it was not used yet, because the kernel looked for another host that has
	// it. It is only there where that has ended.
	Tentative bool `json:"tentative,omitempty"`
}

// ObjectState is a next-hop object: a group of others, one that refuses, or a next hop.
type ObjectState struct {
	ID        uint32            `json:"id"`
	Group     []iproute2.Member `json:"group,omitempty"`
	Blackhole bool              `json:"blackhole,omitempty"`
	Encap     string            `json:"encap,omitempty"`
	Gateway   netip.Addr        `json:"gateway,omitzero"`
	Dev       string            `json:"dev,omitempty"`
	// Unread says that there is a gateway, but a file does not say which.
	Unread bool `json:"gateway_unread,omitempty"`
}

// SettingState is a kernel setting and its value.
type SettingState struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// differ compares two hosts.
type differ struct {
	before, after names
	families      []route.Family
	objects       []Object // except for the routes
	routes        []*coverage.Difference
}

// item is a thing and its name: things of one name are the same thing.
type item struct {
	name  string
	key   string // is another one where the thing differs
	thing *Thing
}

// other is the other host.
func (d *differ) other(n names) *names {
	if n.fib == d.before.fib {
		return &d.after
	}
	return &d.before
}

func (d *differ) compareAll() {
	for _, c := range []struct {
		kind  ObjectKind
		items func(names) []item
	}{
		{KindLink, names.links},
		{KindAddress, func(n names) []item { return n.addresses(d.other(n)) }},
		{KindRule, names.rules}, {KindNextHop, names.objects},
	} {
		d.compare(c.kind, c.items(d.before), c.items(d.after))
	}
	d.compare(KindSetting, d.before.settings(&d.after), d.after.settings(&d.before))
}

// compare notes the things that only one side has, and those that differ.
func (d *differ) compare(kind ObjectKind, a, b []item) {
	before, after := byName(a), byName(b)
	done := map[string]bool{}
	for _, n := range slices.Concat(a, b) {
		if done[n.name] {
			continue
		}
		done[n.name] = true
		x, y := only(before[n.name], after[n.name]), only(after[n.name], before[n.name])
		for len(x) > 0 && len(y) > 0 {
			d.objects = append(d.objects, Object{Kind: kind, Change: Changed, Before: x[0].thing, After: y[0].thing})
			x, y = x[1:], y[1:]
		}
		for _, i := range x {
			d.objects = append(d.objects, Object{Kind: kind, Change: Removed, Before: i.thing})
		}
		for _, i := range y {
			d.objects = append(d.objects, Object{Kind: kind, Change: Added, After: i.thing})
		}
	}
}

func byName(all []item) map[string][]item {
	out := map[string][]item{}
	for _, n := range all {
		out[n.name] = append(out[n.name], n)
	}
	return out
}

// only are the things that are not among others.
func only(all, others []item) []item {
	left := map[string]int{}
	for i := range others {
		left[others[i].key]++
	}
	return slices.DeleteFunc(slices.Clone(all), func(x item) bool {
		left[x.key]--
		return left[x.key] >= 0
	})
}

// rows are all objects that differ: the routes come last.
func (d *differ) rows() Rows[Object] {
	n := len(d.objects)
	for _, one := range d.routes {
		n += one.Old.Len() + one.Removed.Len() + one.Added.Len()
	}
	return Rows[Object]{n, func(i int) *Object {
		if i < len(d.objects) {
			o := d.objects[i]
			return &o
		}
		i -= len(d.objects)
		for _, one := range d.routes {
			if n := one.Old.Len(); i < n {
				return &Object{Kind: KindRoute, Change: Changed, Before: d.before.routeAt(&one.Old, i), After: d.after.routeAt(&one.New, i)}
			} else {
				i -= n
			}
			if n := one.Removed.Len(); i < n {
				return &Object{Kind: KindRoute, Change: Removed, Before: d.before.routeAt(&one.Removed, i)}
			} else {
				i -= n
			}
			if n := one.Added.Len(); i < n {
				return &Object{Kind: KindRoute, Change: Added, After: d.after.routeAt(&one.Added, i)}
			} else {
				i -= n
			}
		}
		return nil
	}}
}

func (n names) routeAt(all *route.List, i int) *Thing {
	r := all.Get(i)
	return &Thing{Route: n.route(&r)}
}

// newItem is a thing that differs where any of its fields does.
func newItem(name string, t *Thing) item {
	key, _ := json.Marshal(t) // has nothing that fails
	return item{name, string(key), t}
}

func (n names) links() []item {
	var out []item
	for i := range n.snap.Links {
		l := &n.snap.Links[i]
		out = append(out, newItem(l.Name, &Thing{Link: n.linkState(l)}))
	}
	return out
}

func (n names) linkState(l *route.Link) *LinkState {
	s := &LinkState{Name: l.Name, State: "down", Master: n.dev(l.Master), VRFTable: n.table(l.VRFTable)}
	if l.Linked() {
		s.State = "up"
	} else if l.Up() {
		s.State = "no-carrier"
	}
	return s
}

// addresses are those that another host has not: there may be a million that it has.
func (n names) addresses(other *names) []item {
	left := map[AddressState]int{}
	for i := range other.snap.Addrs {
		left[*other.addressState(&other.snap.Addrs[i])]++
	}
	var out []item
	for i := range n.snap.Addrs {
		a := n.addressState(&n.snap.Addrs[i])
		if left[*a]--; left[*a] < 0 {
			out = append(out, newItem(a.Address.String(), &Thing{Address: a}))
		}
	}
	return out
}

func (n names) addressState(a *route.Addr) *AddressState {
	return &AddressState{Address: a.Prefix, Dev: n.snap.LinkName(a.Link), Deprecated: a.Flags&route.AddrDeprecated != 0}
}

func (n names) rules() []item {
	var out []item
	for i := range n.snap.Rules {
		r := &n.snap.Rules[i]
		family := FamilyName(r.Family)
		out = append(out, item{fmt.Sprint(family, r.Priority), n.ruleKey(r), &Thing{Family: family, Rule: n.rule(r)}})
	}
	return out
}

// ruleKey is what a rule does and to which packets, and its priority: who made it, and
// realms, decide nothing.
func (n names) ruleKey(r *route.Rule) string {
	x := n.rule(r)
	x.Protocol, x.FlowFrom, x.FlowTo, x.Unresolved = "", "", "", false
	key, _ := json.Marshal(x) // has nothing that fails
	return string(key)
}

// objects are the next-hop objects.
func (n names) objects() []item {
	var out []item
	for i := range n.snap.NextHops {
		o := &n.snap.NextHops[i]
		out = append(out, newItem(fmt.Sprint(o.ID), &Thing{NextHop: n.objectState(o)}))
	}
	return out
}

func (n names) objectState(o *route.NextHopObject) *ObjectState {
	s := &ObjectState{ID: o.ID, Blackhole: o.Blackhole}
	switch {
	case len(o.Group) > 0:
		for _, m := range o.Group {
			s.Group = append(s.Group, iproute2.Member{ID: m.ID, Weight: m.Weight})
		}
	case !o.Blackhole:
		h := &o.NextHop
		s.Gateway, s.Dev, s.Unread = h.Gateway, n.dev(h.Link), h.Flags&route.NextHopUnread != 0
		if h.Encap != 0 {
			s.Encap = h.Encap.String()
		}
	}
	return s
}

// settings are those that another host has not, or has with another value.
func (n names) settings(other *names) []item {
	var keys []string
	for key, value := range n.snap.Sysctls {
		if v, has := other.snap.Sysctls[key]; !has || v != value {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	var out []item
	for _, key := range keys {
		out = append(out, newItem(key, &Thing{Setting: &SettingState{key, n.snap.Sysctls[key]}}))
	}
	return out
}
