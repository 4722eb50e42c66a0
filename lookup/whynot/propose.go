package whynot

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// proposals are changes that may help, each alone or together with another one.
func (x *tries) proposals(t *lookup.Trace, facts []option) []proposal {
	var out []proposal
	add := func(p ...proposal) { out = append(out, p...) }
	wanted := x.wanted(x.root)
	if t.First != nil && x.want.Kind == Source {
		add(x.sources(t.First)...)
		add(x.deprecation(t.First)...)
	} else {
		add(x.sources(t)...)
		add(x.deprecation(t)...)
	}
	byRule := func(o option) bool { return o.Code == CodeUnreached }
	if lead := x.rules(t, wanted); slices.ContainsFunc(facts, byRule) {
		add(lead...) // somebody made these tables, and forgot the rule
		add(x.hostRoutes(t, wanted)...)
	} else {
		add(x.hostRoutes(t, wanted)...)
		add(lead...)
	}
	for i := range facts {
		add(x.metrics(&facts[i].Fact)...)
	}
	add(x.deletions(t)...)
	if t.First != nil {
		add(x.deletions(t.First)...)
	}
	for i := range facts {
		add(x.removals(&facts[i].Fact)...)
	}
	add(x.links(wanted)...)
	add(x.settings(t, facts)...)
	return out
}

// deciding are the tables that are asked until one decides, without table local.
func deciding(t *lookup.Trace) []route.Table {
	var out []route.Table
	for i := range t.Rules {
		r := &t.Rules[i]
		asked := r.Verdict != lookup.VerdictNoMatch && r.Verdict != lookup.VerdictNotReached
		if (asked || t.Merged && r.Table == route.TableMain) && r.Table != 0 && r.Table != route.TableLocal && !slices.Contains(out, r.Table) {
			out = append(out, r.Table)
		}
		if decided(r) && !t.Merged {
			break
		}
	}
	if slices.Contains(out, route.TableMain) { // a route that main may need is not needed in a later table
		out = slices.DeleteFunc(out, func(id route.Table) bool { return id == route.TableDefault })
	}
	return out
}

// hops are next hops by which the packet would go where it is wanted to go. Those of
// entries that cover it come first.
func (x *tries) hops(wanted []*route.Route) []route.NextHop {
	var out []route.NextHop
	for _, r := range wanted {
		if r.Type == route.TypeUnicast {
			out = x.more(x.root, out, r)
		}
	}
	if x.want.Kind == Prefix && !x.anyHop {
		if r := sameAddress(x.root, x.want.Prefix); r != nil {
			return x.more(x.root, out, r) // the length was forgotten: the rest is right
		}
	}
	around := x.look()
	for _, h := range around.hops {
		if len(out) < maxHops && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	if h, ok := x.hop(x.root, around.nearest); ok && len(out) == 0 {
		h.Flags = 0
		out = append(out, h)
	}
	link := x.want.Link
	if x.want.Kind == Source { // the device that the packet is bound to
		link = x.root.flow.Out
	}
	if h := (route.NextHop{Link: link}); link != 0 && (x.want.Kind == Device || x.want.Kind == Source) && !slices.Contains(out, h) {
		out = append(out, h)
	}
	if x.want.Kind == Default { // few destinations answer if the packet is sent to a link directly
		out = slices.DeleteFunc(out, func(h route.NextHop) bool { return !h.Gateway.IsValid() && x.root.fib.HasNeighbours(h.Link) })
	}
	return out
}

// maxTables is in how many tables a new route is tried.
const maxTables = 8

// hostRoutes are routes only to the destination, in the tables that are asked, and in those
// with wanted entries.
func (x *tries) hostRoutes(t *lookup.Trace, wanted []*route.Route) []proposal {
	tables := deciding(t)
	add := func(id route.Table) {
		if !slices.Contains(tables, id) && id != route.TableLocal && len(tables) < maxTables {
			tables = append(tables, id)
		}
	}
	if t.First != nil { // the look-up that chooses a connection's source
		for _, id := range deciding(t.First) {
			add(id)
		}
	}
	for _, w := range wanted { // a rule that leads to this table may be a change too
		add(w.Table)
	}
	host := x.target()
	switch x.want.Kind {
	case Prefix:
		if len(wanted) > 0 && x.want.Prefix != host || !x.want.Prefix.Contains(host.Addr()) || x.about.IsValid() && x.about != x.want.Prefix {
			return nil
		}
		host = x.want.Prefix
	case Default:
		host = x.root.family().Default()
	case Table:
		tables = []route.Table{x.want.Table}
	case Rule:
		tables = nil
		for _, r := range x.root.fib.Snapshot().Rules {
			if r.Family == x.root.family() && r.Priority == x.want.Priority && r.Table != 0 {
				tables = append(tables, r.Table)
			}
		}
	}
	var out []proposal
	hops := x.hops(wanted)
	for _, id := range tables {
		for _, h := range hops {
			r := route.Route{Table: id, Dst: host, Type: route.TypeUnicast, NextHops: []route.NextHop{h}}
			out = append(out, x.addition(change.Add, r)...)
			if x.want.Kind == Source && !x.root.flow.Src.IsValid() {
				named := r
				named.PrefSrc = x.want.Addr
				out = append(out, x.addition(change.Add, named)...)
			}
			old := x.root.fib.Edit().At(id, host)
			if len(old) == 0 || old[0].Type == route.TypeLocal || old[0].Type == route.TypeBroadcast {
				continue
			}
			if m := old[0].Metric; m > 1 {
				r.Metric = m - 1
				out = append(out, x.addition(change.Add, r)...)
			}
			r.Metric = old[0].Metric
			out = append(out, x.addition(change.Replace, r)...)
			if d := &t.Decision.Route; t.Decision.HasRoute && d.Table == id && d.Dst == host && d.TOS != 0 {
				r.TOS, r.Metric = d.TOS, d.Metric
				out = append(out, x.addition(change.Replace, r)...)
			}
		}
	}
	return out
}

// addition adds a route. It returns nothing if no command can say that.
func (x *tries) addition(v change.Verb, r route.Route) []proposal {
	c := r.Clone()
	c.Flags, c.Protocol, c.Expires, c.Unknown, c.Scope = 0, route.ProtocolBoot, 0, nil, route.ScopeGlobal
	further := len(c.NextHops) > 1
	for i := range c.NextHops {
		h := &c.NextHops[i]
		if h.Encap != 0 {
			return nil
		}
		h.Flags &= route.NextHopOnLink
		further = further || h.Gateway.IsValid()
		if len(c.NextHops) == 1 {
			h.Weight = 0
		}
	}
	if c.NextHopID != 0 {
		c.NextHops, further = nil, true
	}
	if c.Type != route.TypeUnicast {
		c.NextHops = nil
	} else if c.Family() == route.IPv4 && !further {
		c.Scope = route.ScopeLink
	}
	return []proposal{{&change.Route{Verb: v, Route: c, HasPref: c.Pref != 0}}}
}

// deletion deletes a route.
func deletion(r *route.Route) *change.Route {
	c := r.Clone()
	c.Flags, c.Protocol, c.Expires, c.Unknown, c.Metrics, c.Pref, c.PrefSrc = 0, 0, 0, nil, nil, 0, netip.Addr{}
	c.Scope = route.ScopeGlobal
	switch {
	case c.Family() == route.IPv6:
	case c.Type == route.TypeLocal:
		c.Scope = route.ScopeHost // as ip(8) asks
	default:
		c.Scope = route.ScopeNowhere
	}
	if c.Type == route.TypeUnicast {
		c.Type = route.TypeUnspec
	} else {
		c.NextHops = nil
	}
	if c.NextHopID != 0 { // the type that a listing has may be that of its object
		c.Type, c.NextHops = route.TypeUnspec, nil
	}
	for i := range c.NextHops {
		h := &c.NextHops[i]
		*h = route.NextHop{Gateway: h.Gateway, Link: h.Link, Weight: h.Weight}
		if len(c.NextHops) == 1 {
			h.Weight = 0
		}
	}
	return &change.Route{Verb: change.Delete, Route: c}
}

// sources prescribe a source, either for the route that the packet takes, or for a
// new route only to the destination.
func (x *tries) sources(t *lookup.Trace) []proposal {
	d := &t.Decision
	if x.want.Kind != Source || !d.HasRoute || d.Route.Type != route.TypeUnicast {
		return nil
	}
	r := d.Route
	r.PrefSrc = x.want.Addr
	out := x.addition(change.Replace, r)
	host := r
	host.Dst = x.target()
	if host.Dst != r.Dst {
		host.TOS, host.Metric, host.Metrics, host.Src = 0, 0, nil, netip.Prefix{}
		out = append(x.addition(change.Add, host), out...)
	}
	return out
}

// deprecation makes the address that the packet gets instead a deprecated one, which IPv6
// avoids (RFC 6724 rule 3). An address with a lifetime is left to the program that renews it.
func (x *tries) deprecation(t *lookup.Trace) []proposal {
	got := t.Decision.Src
	if x.want.Kind != Source || !got.Is6() || got.IsLinkLocalUnicast() || x.root.flow.Src.IsValid() {
		return nil
	}
	var out []proposal
	for _, a := range x.root.fib.Snapshot().Addrs {
		if a.Prefix.Addr() == got && a.ValidLft == route.ForeverLft && a.PreferredLft == route.ForeverLft {
			a.PreferredLft = 0
			out = append(out, proposal{&change.Addr{Verb: change.Modify, Addr: a}})
		}
	}
	return out
}

// metrics are changes that let an entry win which loses by its metric.
func (x *tries) metrics(f *Fact) []proposal {
	if f.Code != lookup.CodeMetric || f.Wanted == nil || f.Route == nil || f.Wanted.Dst != f.Route.Dst {
		return nil
	}
	better, worse := *f.Wanted, *f.Route
	if f.Route.Metric > 1 {
		better.Metric = f.Route.Metric - 1
		return x.addition(change.Add, better)
	}
	worse.Metric = f.Wanted.Metric + 1
	again := x.addition(change.Add, worse)
	if again == nil {
		return nil
	}
	return []proposal{append(proposal{deletion(f.Route)}, again[0]...)}
}

// deletions remove what comes before a wanted entry: routes and rules. They do not
// remove what the kernel made for the host's own addresses, nor the rules that the host
// began with.
func (x *tries) deletions(t *lookup.Trace) []proposal {
	var out []proposal
	for i := range t.Rules {
		r := &t.Rules[i]
		if r.Verdict == lookup.VerdictNoMatch || r.Verdict == lookup.VerdictNotReached {
			continue
		}
		for j := range r.Candidates {
			c := &r.Candidates[j]
			byHand := c.Route.Protocol == route.ProtocolBoot || c.Route.Protocol == route.ProtocolStatic
			if (c.Route.Table != route.TableLocal || byHand) && c.Verdict != lookup.VerdictLoses && c.Verdict != lookup.VerdictUnusable {
				out = append(out, x.without(&c.Route))
			}
		}
		if k := x.root.place(r.Rule); k >= 0 && !original(r.Rule) && len(r.Rule.Unknown) == 0 {
			out = append(out, x.deleting(r.Rule))
		}
	}
	return out
}

// without deletes a route. One that is half of what replaces a default route is deleted
// together with the other half, because alone it would leave half of a VPN behind.
func (x *tries) without(r *route.Route) proposal {
	if o := x.otherHalf(r); o != nil && (x.target().Bits() == 0 || o.Type == r.Type && slices.Equal(o.NextHops, r.NextHops)) {
		return proposal{deletion(r), deletion(o)}
	}
	return proposal{deletion(r)}
}

// otherHalf is the route of the same table to the other half of all addresses; nil: the given
// route is not for half of them, or there is no other.
func (x *tries) otherHalf(r *route.Route) *route.Route {
	if r.Dst.Bits() != 1 {
		return nil
	}
	other := netip.PrefixFrom(route.LastAddr(r.Dst).Next(), 1)
	if !other.IsValid() {
		other = netip.PrefixFrom(x.root.family().Default().Addr(), 1)
	}
	all := x.root.fib.Edit().At(r.Table, other)
	if len(all) == 0 {
		return nil
	}
	o := full(all[0], other)
	return &o
}

// removals delete the route or the rule that a fact is about.
func (x *tries) removals(f *Fact) []proposal {
	var out []proposal
	if f.Route != nil && f.Route.Table != route.TableLocal && f.Code != CodeNoEntry {
		out = append(out, x.without(f.Route))
	}
	if f.Rule != nil && (f.Code == CodeEarlier || f.Code == CodeRefused || f.Code == CodeSkipGoto) && !original(f.Rule) && len(f.Rule.Unknown) == 0 {
		out = append(out, x.deleting(f.Rule))
	}
	return out
}

// original reports whether a rule is one that a namespace begins with.
func original(r *route.Rule) bool {
	return slices.ContainsFunc(route.DefaultRules(r.Family), func(d route.Rule) bool {
		return d.Priority == r.Priority && d.Table == r.Table && r.Selector == route.Selector{} && r.Action == d.Action
	})
}

// links set up those devices by which the packet is wanted to leave, and the devices that
// these need: the other end of a veth, the lower device of a VLAN.
func (x *tries) links(wanted []*route.Route) []proposal {
	snap := x.root.fib.Snapshot()
	var downs []int
	down := func(l *route.Link) {
		if l != nil && !l.Up() && !slices.Contains(downs, l.Index) {
			downs = append(downs, l.Index)
		}
	}
	note := func(index int) {
		l := snap.Link(index)
		if down(l); l != nil && !l.Carrier() && l.PeerNetNS == -1 {
			down(snap.Link(l.Peer))
		}
	}
	if x.want.Kind == Device {
		note(x.want.Link)
	}
	if x.want.Kind == Gateway {
		note(x.linkOf(x.root, x.want.Addr))
	}
	if x.want.Kind == Source {
		note(x.owner(x.root))
	}
	note(x.root.flow.Out)
	for _, w := range wanted {
		for _, h := range hopsOf(snap, w) {
			note(h.Link)
		}
	}
	for i := range snap.Addrs { // the kernel makes the routes of its networks again
		if a := &snap.Addrs[i]; x.networks() && (a.Prefix.Contains(x.root.dst()) || a.Peer.IsValid() && a.Peer.Contains(x.root.dst())) {
			down(snap.Link(a.Link))
		}
	}
	var out []proposal
	for _, index := range downs {
		out = append(out, proposal{&change.Link{Verb: change.Modify, Index: index, Up: route.Yes}})
	}
	return out
}

// networks reports whether the route of a device's network may be what is wanted.
func (x *tries) networks() bool {
	return x.want.Kind == Table || x.want.Kind == Prefix || x.want.Kind == Rule
}

// settings let in what a setting drops, and use a next hop without carrier.
func (x *tries) settings(t *lookup.Trace, facts []option) []proposal {
	var out []proposal
	snap, s := x.root.fib.Snapshot(), x.root
	set := func(all ...change.Sysctl) {
		var p proposal
		for i := range all {
			if snap.Sysctls[all[i].Path] != all[i].Value {
				p = append(p, &all[i])
			}
		}
		if len(p) > 0 {
			out = append(out, p)
		}
	}
	dev := snap.LinkName(s.flow.In)
	for i := range facts {
		if name, ok := facts[i].Have.(string); ok && facts[i].Code == lookup.FaultNoIPv6 {
			set(change.Sysctl{Path: route.ConfPath(route.IPv6, name, "disable_ipv6"), Value: "0"})
		}
	}
	codes := []lookup.Code{lookup.Code(t.Decision.Shortcut)}
	if s.flow.In != 0 {
		codes = append(codes, lookup.Code(t.Decision.Disposition.String()))
	}
	for i := range facts {
		codes = append(codes, facts[i].Code)
	}
	codes = append(codes, x.unforwarded(s).Code)
	slices.Sort(codes)
	for _, c := range slices.Compact(codes) {
		switch c {
		case lookup.Code(lookup.ShortcutNoForwarding):
			set(change.Sysctl{Path: route.ConfPath(s.family(), dev, "forwarding"), Value: "1"})
			set(forwarding(s.family()))
		case lookup.NoteNotForwarded:
			set(forwarding(s.family()))
			if path := route.ConfPath(s.family(), dev, "force_forwarding"); snap.Sysctls[path] != "" {
				set(change.Sysctl{Path: path, Value: "1"})
			}
		case lookup.Code(lookup.ShortcutReversePath):
			set(change.Sysctl{Path: route.ConfPath(route.IPv4, dev, "rp_filter"), Value: "2"}) // loose: the higher of all and dev counts
			set(noFilter(dev)...)
		case lookup.Code(lookup.DispositionBroadcast.String()):
			set(change.Sysctl{Path: route.ConfPath(route.IPv4, "all", "bc_forwarding"), Value: "1"},
				change.Sysctl{Path: route.ConfPath(route.IPv4, dev, "bc_forwarding"), Value: "1"})
		case lookup.Code(lookup.ShortcutNoIPv6):
			set(change.Sysctl{Path: route.ConfPath(route.IPv6, dev, "disable_ipv6"), Value: "0"})
		}
	}
	for _, name := range x.ignored(t, facts) {
		set(change.Sysctl{Path: route.ConfPath(s.family(), name, "ignore_routes_with_linkdown"), Value: "0"})
		set(change.Sysctl{Path: route.ConfPath(s.family(), "all", "ignore_routes_with_linkdown"), Value: "0"},
			change.Sysctl{Path: route.ConfPath(s.family(), name, "ignore_routes_with_linkdown"), Value: "0"})
	}
	return out
}

// ignored are the devices without carrier whose routes are therefore not used.
func (x *tries) ignored(t *lookup.Trace, facts []option) []string {
	var out []string
	snap := x.root.fib.Snapshot()
	for i := range facts {
		if name, ok := facts[i].Have.(string); ok && facts[i].Code == lookup.FaultIgnored {
			out = append(out, name)
		}
	}
	for i := range t.Rules {
		for j := range t.Rules[i].Candidates {
			c := &t.Rules[i].Candidates[j]
			if c.Reason.Code != lookup.CodeLinkdown && c.Reason.Code != lookup.CodeObjectUnusable {
				continue
			}
			for _, h := range hopsOf(snap, &c.Route) {
				out = append(out, snap.LinkName(h.Link))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
