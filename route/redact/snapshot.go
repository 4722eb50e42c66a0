package redact

import (
	"fmt"
	"net/netip"
	"slices"

	"routewhy/route"
)

// Snapshot gives a copy of a snapshot with everything replaced.
func (m *Mapping) Snapshot(s *route.Snapshot) *route.Snapshot {
	o := *s
	o.Links = mapped(s.Links, func(l *route.Link) { l.Name = m.text(l.Name) })
	o.Addrs = mapped(s.Addrs, func(a *route.Addr) {
		a.Prefix, a.Peer, a.Broadcast = m.whole(a.Prefix), m.whole(a.Peer), m.Addr(a.Broadcast)
		a.Label = m.text(a.Label)
	})
	o.Rules = mapped(s.Rules, func(r *route.Rule) {
		sel := &r.Selector
		sel.Src, sel.Dst = m.Prefix(sel.Src), m.Prefix(sel.Dst)
		sel.In, sel.Out = m.text(sel.In), m.text(sel.Out)
		r.Unknown = withoutData(r.Unknown)
	})
	o.Routes = mapped(s.Routes, m.route)
	o.NextHops = mapped(s.NextHops, func(n *route.NextHopObject) {
		n.NextHop.Gateway = m.Addr(n.NextHop.Gateway)
		n.Unknown = withoutData(n.Unknown)
	})
	o.Neighbours = mapped(s.Neighbours, func(n *route.Neighbour) { n.Addr = m.Addr(n.Addr) })
	o.Labels = mapped(s.Labels, func(l *route.AddrLabel) { l.Prefix = m.Prefix(l.Prefix) })
	o.Gaps = mapped(s.Gaps, func(g *route.Gap) { g.Why = m.text(g.Why) })
	o.Sockets = mapped(s.Sockets, m.socket)
	o.Sysctls = route.Sysctls{}
	for path, value := range s.Sysctls {
		o.Sysctls[m.text(path)] = value
	}
	o.Names = route.Names{Tables: map[route.Table]string{}, Protocols: map[route.Protocol]string{}}
	for id, name := range s.Names.Tables {
		o.Names.Tables[id] = m.text(name)
	}
	for id, name := range s.Names.Protocols {
		o.Names.Protocols[id] = m.text(name)
	}
	return &o
}

// Routes gives a copy of a list of routes with everything replaced.
func (m *Mapping) Routes(all *route.List) *route.List { return all.Map(m.Prefix, m.share) }

// mapped is a copy of a slice with every element changed.
func mapped[T any](all []T, change func(*T)) []T {
	out := slices.Clone(all)
	for i := range out {
		change(&out[i])
	}
	return out
}

// whole replaces an address with the length of its network.
func (m *Mapping) whole(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return p
	}
	return netip.PrefixFrom(m.Addr(p.Addr()), p.Bits())
}

func (m *Mapping) route(r *route.Route) {
	r.Dst = m.Prefix(r.Dst)
	m.share(r)
}

// share replaces all of a route but its destination.
func (m *Mapping) share(r *route.Route) {
	r.Src, r.PrefSrc = m.Prefix(r.Src), m.Addr(r.PrefSrc)
	r.NextHops = mapped(r.NextHops, func(h *route.NextHop) { h.Gateway = m.Addr(h.Gateway) })
	r.Unknown = withoutData(r.Unknown)
}

// withoutData keeps that there are unknown attributes, and of which type.
func withoutData(all []route.Attr) []route.Attr {
	return mapped(all, func(a *route.Attr) { a.Data = nil })
}

func (m *Mapping) socket(x *route.Socket) {
	x.Local = netip.AddrPortFrom(m.Addr(x.Local.Addr()), x.Local.Port())
	x.Remote = netip.AddrPortFrom(m.Addr(x.Remote.Addr()), x.Remote.Port())
	x.Owners = mapped(x.Owners, func(p *route.Process) { p.Name = fmt.Sprintf("process%d", p.PID) })
}
