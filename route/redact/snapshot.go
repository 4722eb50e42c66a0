package redact

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"routewhy/route"
)

// Snapshot returns a copy of a snapshot with everything replaced. If the routes are in a
// separate list, it returns a copy of that too; otherwise routes is nil. A mapping must
// be used for one snapshot only.
func (m *Mapping) Snapshot(s *route.Snapshot, routes *route.List) (*route.Snapshot, *route.List) {
	m.learn(s, routes)
	o := *s
	o.Host, o.Release = "", versionOf(s.Release)
	o.Time = m.time(s.Time)
	o.Links = mapped(s.Links, m.link)
	o.SortLinks()
	o.Order = mapped(s.Order, func(list *[]int) { *list = mapped(*list, func(link *int) { *link = m.index(*link) }) })
	o.Addrs = mapped(s.Addrs, func(a *route.Addr) {
		a.Prefix, a.Peer, a.Broadcast = m.whole(a.Prefix), m.whole(a.Peer), m.Addr(a.Broadcast)
		a.Link, a.Label = m.index(a.Link), m.label(a.Label)
	})
	o.Memberships = mapped(s.Memberships, func(b *route.Membership) {
		b.Link = m.index(b.Link)
		for _, list := range []*[]netip.Addr{&b.Groups, &b.Filtered} {
			*list = mapped(*list, func(a *netip.Addr) { *a = m.Addr(*a) })
		}
	})
	solicit(s.Addrs, s.Memberships, &o)
	o.Rules = mapped(s.Rules, m.rule)
	o.Routes = mapped(s.Routes, m.route)
	o.NextHops = mapped(s.NextHops, m.nextHopObject)
	o.Neighbours = mapped(s.Neighbours, func(n *route.Neighbour) { n.Link, n.Addr, n.Port = m.index(n.Link), m.Addr(n.Addr), m.index(n.Port) })
	o.Labels = mapped(s.Labels, func(l *route.AddrLabel) { l.Link, l.Prefix = m.index(l.Link), m.Prefix(l.Prefix) })
	o.Gaps = mapped(s.Gaps, func(g *route.Gap) {
		g.Why = m.text(g.Why)
		g.Tables = mapped(g.Tables, func(t *route.Table) { *t = m.table(*t) })
	})
	o.Sockets = mapped(s.Sockets, m.socket)
	o.Markers = mapped(s.Markers, m.marker)
	o.Learnt = mapped(s.Learnt, func(r *route.Redirect) {
		r.Dst, r.Gateway, r.Link = m.Addr(r.Dst), m.Addr(r.Gateway), m.index(r.Link)
	})
	o.WireGuard = mapped(s.WireGuard, func(w *route.WireGuard) {
		w.Link = m.index(w.Link)
		w.Endpoints = mapped(w.Endpoints, func(a *netip.AddrPort) { *a = netip.AddrPortFrom(m.Addr(a.Addr()), a.Port()) })
		w.Allowed = mapped(w.Allowed, func(p *netip.Prefix) { *p = m.Prefix(*p) })
	})
	o.Sysctls = route.Sysctls{}
	for path, value := range s.Sysctls {
		o.Sysctls[m.path(path)] = value
	}
	o.Names = m.tableNames(s.Names)
	if routes != nil {
		routes = routes.Map(m.Prefix, m.share)
	}
	return &o, routes
}

// mapped returns a copy of a slice in which every element is changed.
func mapped[T any](all []T, change func(*T)) []T {
	out := slices.Clone(all)
	for i := range out {
		change(&out[i])
	}
	return out
}

// versionOf is the version in a kernel's release, without the text that a distribution
// or the person who built the kernel has added.
func versionOf(release string) string {
	return regexp.MustCompile(`^[0-9.]*[0-9]`).FindString(release)
}

// time keeps only the day of a time; a strict mapping keeps nothing.
func (m *Mapping) time(t time.Time) time.Time {
	if m.strict || t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(24 * time.Hour)
}

// whole replaces an address that has the length of its network, and keeps the length.
func (m *Mapping) whole(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return p
	}
	return netip.PrefixFrom(m.Addr(p.Addr()), p.Bits())
}

func (m *Mapping) link(l *route.Link) {
	l.Name, l.AltNames = m.device(l.Name), nil
	l.Index, l.Master, l.VRFTable, l.Group = m.index(l.Index), m.index(l.Master), m.table(l.VRFTable), m.group(l.Group)
	l.Local, l.Remote, l.LinkLocal = m.Addr(l.Local), m.Addr(l.Remote), m.Addr(l.LinkLocal)
	switch {
	case l.PeerNetNS < 0:
		l.Peer = m.index(l.Peer)
	case m.strict: // the peer is a device of another namespace
		l.Peer, l.PeerNetNS = 0, 0
	}
}

func (m *Mapping) rule(r *route.Rule) {
	sel := &r.Selector
	sel.Src, sel.Dst = m.Prefix(sel.Src), m.Prefix(sel.Dst)
	sel.In, sel.Out = m.device(sel.In), m.device(sel.Out)
	if sel.HasUIDs {
		sel.UIDs = m.userRange(sel.UIDs)
	}
	r.Table = m.table(r.Table)
	if r.SuppressGroup >= 0 {
		r.SuppressGroup = int64(m.group(uint32(r.SuppressGroup)))
	}
	r.Unknown = withoutData(r.Unknown)
}

func (m *Mapping) route(r *route.Route) {
	r.Dst = m.Prefix(r.Dst)
	m.share(r)
}

// share replaces everything of a route except its destination.
func (m *Mapping) share(r *route.Route) {
	r.Table, r.NextHopID = m.table(r.Table), m.object(r.NextHopID)
	r.Src, r.PrefSrc = m.Prefix(r.Src), m.Addr(r.PrefSrc)
	r.NextHops = mapped(r.NextHops, m.nextHop)
	r.Unknown = withoutData(r.Unknown)
}

func (m *Mapping) nextHop(h *route.NextHop) { h.Gateway, h.Link = m.Addr(h.Gateway), m.index(h.Link) }

func (m *Mapping) nextHopObject(n *route.NextHopObject) {
	n.ID = m.object(n.ID)
	m.nextHop(&n.NextHop)
	n.Group = mapped(n.Group, func(g *route.GroupMember) { g.ID = m.object(g.ID) })
	n.Unknown = withoutData(n.Unknown)
}

// withoutData keeps the types of unknown attributes, but drops their data.
func withoutData(all []route.Attr) []route.Attr {
	return mapped(all, func(a *route.Attr) { a.Data = nil })
}

func (m *Mapping) socket(x *route.Socket) {
	x.Local = netip.AddrPortFrom(m.Addr(x.Local.Addr()), x.Local.Port())
	x.Remote = netip.AddrPortFrom(m.Addr(x.Remote.Addr()), x.Remote.Port())
	x.Link, x.UID = m.index(x.Link), m.owner(x.UID)
	x.Inode = numbered(m.numbers.inodes, x.Inode, 1)
	x.Owners = mapped(x.Owners, func(p *route.Process) {
		p.PID = numbered(m.numbers.processes, p.PID, 1)
		p.Name = fmt.Sprintf("process%d", p.PID)
	})
}

// path replaces the name of a device in the path of a setting.
func (m *Mapping) path(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) == 5 && (parts[2] == "conf" || parts[2] == "neigh") && parts[3] != "all" && parts[3] != "default" {
		parts[3] = m.device(parts[3])
	}
	return strings.Join(parts, "/")
}

// label replaces the label of an address. A label is the name of a device, with or
// without a colon and more text.
func (m *Mapping) label(label string) string {
	if dev, rest, ok := strings.Cut(label, ":"); ok && m.names.devices[dev] {
		return m.device(dev) + ":" + m.text(rest)
	}
	return m.device(label)
}

func (m *Mapping) tableNames(n route.Names) route.Names {
	out := route.Names{Tables: map[route.Table]string{}, Protocols: map[route.Protocol]string{}}
	for id, name := range n.Tables {
		switch {
		case !m.strict:
			out.Tables[id] = m.name(name)
		case id != 0 && !reserved(id):
			out.Tables[m.table(id)] = fmt.Sprintf("table%d", m.table(id))
		}
	}
	if !m.strict { // without these, the usual protocols still have a name by their number
		for id, name := range n.Protocols {
			out.Protocols[id] = m.text(name)
		}
	}
	return out
}

// solicit replaces the solicited-node groups that devices have joined for their old
// addresses by the solicited-node groups of the new addresses.
func solicit(addrs []route.Addr, joined []route.Membership, o *route.Snapshot) {
	type place struct {
		link  int
		group netip.Addr
	}
	had := map[place]bool{}
	for i := range joined {
		for _, a := range joined[i].Groups {
			had[place{joined[i].Link, a}] = true
		}
	}
	groups := map[int][]netip.Addr{} // by the new index
	for i := range addrs {
		if a := addrs[i].Prefix.Addr(); a.Is6() && had[place{addrs[i].Link, nodeGroup(a)}] {
			link := o.Addrs[i].Link
			groups[link] = append(groups[link], nodeGroup(o.Addrs[i].Prefix.Addr()))
		}
	}
	for i := range o.Memberships {
		if m := &o.Memberships[i]; m.Is6() {
			m.Groups = slices.DeleteFunc(m.Groups, func(a netip.Addr) bool { return solicitedNode(a.As16()) })
			m.Groups = append(m.Groups, groups[m.Link]...)
		}
	}
}

// nodeGroup is the solicited-node group of an address (RFC 4291 section 2.7.1).
func nodeGroup(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 2, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// marker keeps what a marker does, and replaces who it is.
func (m *Mapping) marker(x *route.Marker) {
	x.Link = m.index(x.Link)
	x.Table, x.Chain = m.text(x.Table), m.text(x.Chain)
	if family, name, ok := strings.Cut(x.Table, " "); ok && m.strict && x.Kind == route.MarkerRule {
		x.Table = family + " " + m.numberedName("table", name)
		x.Chain = m.numberedName("chain", x.Chain)
	}
	n := 0
	x.Processes = mapped(x.Processes, func(name *string) { n++; *name = fmt.Sprintf("program%d", n) })
}

// numberedName replaces the name of a thing by what it is and a number.
func (m *Mapping) numberedName(what, name string) string {
	key := what + " " + name
	if m.names.fresh[key] == "" {
		m.names.fresh[key] = fmt.Sprintf("%s%d", what, len(m.names.fresh)+1)
	}
	return m.names.fresh[key]
}
