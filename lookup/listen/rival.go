package listen

import (
	"fmt"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// CodeOtherSocket: another socket of the same port goes first; Want: what it is bound to.
const CodeOtherSocket lookup.Code = "other-socket"

// binding is what sockets of one protocol and port are bound to.
type binding struct {
	addr   netip.Addr
	family route.Family
	link   int
	v6only bool
}

func bindingOf(s *route.Socket) binding {
	return binding{s.Local.Addr(), s.Family, s.Link, s.V6Only}
}

// service is a protocol and a port.
type service struct {
	proto uint8
	port  uint16
}

// rivals are the listening sockets of one protocol and port that are bound differently, one
// for each binding, in the kernel's order.
type rivals struct {
	id      int // from 1 on; rivals with the same bindings have the same
	anyAddr []route.Socket
	byAddr  map[netip.Addr][]route.Socket
}

// rivalsOf finds the rivals for each protocol and port that has more than one binding.
func rivalsOf(s *route.Snapshot) map[service]*rivals {
	count := map[service]int{}
	each := func(do func(service, *route.Socket)) {
		for i := range s.Sockets {
			if x := &s.Sockets[i]; x.Listens() {
				do(service{x.Proto, x.Local.Port()}, x)
			}
		}
	}
	each(func(at service, _ *route.Socket) { count[at]++ })
	bindings, all := map[service][]binding{}, map[service]*rivals{}
	seen := map[service]map[binding]bool{}
	each(func(at service, x *route.Socket) {
		b := bindingOf(x)
		if count[at] < 2 || seen[at][b] {
			return
		}
		if seen[at] == nil {
			seen[at], all[at] = map[binding]bool{}, &rivals{byAddr: map[netip.Addr][]route.Socket{}}
		}
		seen[at][b] = true
		bindings[at] = append(bindings[at], b)
		if a := x.Local.Addr().Unmap(); a.IsUnspecified() {
			all[at].anyAddr = append(all[at].anyAddr, *x)
		} else {
			all[at].byAddr[a] = append(all[at].byAddr[a], *x)
		}
	})
	ids := map[string]int{}
	for at, list := range bindings {
		if len(list) < 2 {
			delete(all, at)
			continue
		}
		all[at].id = 1 + number(ids, fmt.Sprint(at.proto, list))
	}
	return all
}

// rivalsFor are the sockets that may go before a socket; nil: none.
func (h *Host) rivalsFor(s *route.Socket) *rivals {
	r := h.rivals[service{s.Proto, s.Local.Port()}]
	if r == nil {
		return nil
	}
	if a := s.Local.Addr().Unmap(); a.IsUnspecified() && len(r.anyAddr) < 2 && len(r.byAddr) == 0 || !a.IsUnspecified() && len(r.byAddr[a]) < 2 {
		return nil
	}
	return r
}

// firstOf is the socket that takes a packet to an address of a local prefix, if no socket
// that is bound like the given one takes it. If the prefix has several addresses, sockets
// that are bound to just one of them do not count.
func (r *rivals) firstOf(h *Host, s *route.Socket, local netip.Prefix, p Packet) (route.Socket, bool) {
	exact := r.byAddr[p.Dst.Addr()]
	if !local.IsSingleIP() {
		exact = nil
	}
	var fit []route.Socket
	for _, list := range [][]route.Socket{exact, r.anyAddr} {
		for i := range list {
			if l := list[i].Link; l == 0 || l == p.Dev || l == p.Slave {
				fit = append(fit, list[i])
			}
		}
	}
	v := Take(h.snap, fit, p)
	own := bindingOf(s)
	if len(v.Receivers) == 0 || slices.ContainsFunc(v.Receivers, func(c Candidate) bool { return bindingOf(c.Socket) == own }) {
		return route.Socket{}, false
	}
	return *v.Receivers[0].Socket, true
}

// giveWay marks the views of an address in which other sockets of the same port take the
// packets. Addresses that share their views still share them afterwards, except for
// addresses that a rival is bound to. shared has the views that were changed.
func (r *rivals) giveWay(h *Host, l *Local, s *route.Socket, shared map[*View][]View) {
	if len(l.Views) == 0 {
		return
	}
	a := l.Addr()
	first := &l.Views[0]
	alone := len(r.byAddr[a]) > 0 || !l.Prefix.IsSingleIP()
	if views, ok := shared[first]; ok && !alone {
		l.Views = views
		return
	}
	views, own := l.Views, false
	for i := range views {
		if !slices.ContainsFunc(views[i].Classes, func(c Class) bool { return c.Delivered != route.No }) {
			continue
		}
		p := Packet{Proto: s.Proto, Dst: netip.AddrPortFrom(a, s.Local.Port()), Dev: views[i].Uplink}
		if v := vrfOf(h.snap, p.Dev); v != 0 {
			p.Dev, p.Slave = v, p.Dev
		}
		if x, ok := r.firstOf(h, s, l.Prefix, p); ok {
			if !own {
				views, own = slices.Clone(views), true
			}
			views[i].Classes = []Class{{
				Clients: []netip.Prefix{netip.PrefixFrom(firstOf(route.FamilyOf(a)), 0)},
				Outcome: Outcome{Delivered: route.No, Answered: route.No, Reason: lookup.Reason{Code: CodeOtherSocket, Want: h.BoundTo(&x)}},
			}}
		}
	}
	if !alone {
		shared[first] = views
	}
	l.Views = views
}

// BoundTo is what a socket is bound to, as ss(8) writes it.
func (h *Host) BoundTo(s *route.Socket) string {
	a := s.Local.Addr().String()
	if s.Link != 0 {
		a += "%" + h.snap.LinkName(s.Link)
	}
	if s.Local.Addr().Is6() {
		a = "[" + a + "]"
	}
	return fmt.Sprintf("%s:%d", a, s.Local.Port())
}
