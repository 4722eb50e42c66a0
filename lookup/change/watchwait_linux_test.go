package change_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/history"
	"routewhy/lookup/report"
	"routewhy/route"
)

// onLink is an address on a device.
type onLink struct {
	link int
	addr netip.Addr
}

// awaitAddrs waits until each IPv6 address that a change brought into use has its local route. The
// kernel adds that a moment later (addrconf_dad_work), also if it looks for no duplicates. If
// another device loses the same address meanwhile, the address is really nowhere for a moment.
// Addresses whose local route was deleted are waited for once.
func (w *watched) awaitAddrs(t *testing.T) {
	for end := time.Now().Add(300 * time.Millisecond); ; time.Sleep(2 * time.Millisecond) {
		lacking := lackingLocal(w.read(t))
		if over := time.Now().After(end); over || !slices.ContainsFunc(lacking, func(x onLink) bool { return !slices.Contains(w.lacking, x) }) {
			w.lacking = lacking
			return
		}
	}
}

// lackingLocal are the IPv6 addresses without a local route. The kernel adds one on a device that is down, too.
func lackingLocal(s *route.Snapshot) (lacking []onLink) {
	for _, a := range s.Addrs {
		x := onLink{a.Link, a.Prefix.Addr()}
		if x.addr.Is6() && !slices.ContainsFunc(s.Routes, func(r route.Route) bool {
			return r.Type == route.TypeLocal && r.Dst == netip.PrefixFrom(x.addr, 128) && slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return h.Link == x.link })
		}) {
			lacking = append(lacking, x)
		}
	}
	return lacking
}

// noteRefused notes the name of a device that the kernel refused to make, or no longer if it has made it.
func (w *watched) noteRefused(c change.Change, said answer) {
	n, ok := c.(*change.NewLink)
	if !ok {
		return
	}
	w.refused = slices.DeleteFunc(w.refused, func(name string) bool { return name == n.Name })
	if said.Errno != 0 {
		w.refused = append(w.refused, n.Name)
	}
}

// byRefused reports whether an answer changed because a device came, or went, that the kernel refused
// to make. It makes such a device, and removes it again (rtnl_newlink_create), which takes long on a
// loaded machine, and no event tells that the request failed.
func (w *watched) byRefused(r *report.Turn) bool {
	if len(r.Because) != 1 || r.Because[0].Object.Kind != report.KindLink {
		return false
	}
	x := &r.Because[0].Object
	thing := x.Before
	if thing == nil {
		thing = x.After
	}
	return (x.Before == nil || x.After == nil) && slices.Contains(w.refused, thing.Link.Name)
}

// hear notes which neighbours have failed.
func (s *source) hear(e *route.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.Link != nil && e.Gone:
		s.silent = slices.DeleteFunc(s.silent, func(x onLink) bool { return x.link == e.Link.Index })
	case e.Neighbour != nil:
		n := onLink{e.Neighbour.Link, e.Neighbour.Addr}
		failed := e.Neighbour.State == route.NeighbourFailed
		if e.Port != 0 || e.Neighbour.State.Valid() {
			s.silent = slices.DeleteFunc(s.silent, func(x onLink) bool { return x == n })
		} else if failed && !e.Gone && !slices.Contains(s.silent, n) {
			s.silent = append(s.silent, n)
		}
	}
}

// forgotten reports whether an answer of the watch differs from that of the last new reading only in
// that the watch knows of neighbours which do not answer, and the kernel has forgotten that, or is asking
// them again. It forgets such neighbours by itself when the whole machine has many of them
// (neigh_periodic_work).
func (w *watched) forgotten(t *testing.T, i int, have string) bool {
	w.src.mu.Lock()
	silent := slices.Clone(w.src.silent)
	w.src.mu.Unlock()
	for _, asked := range []route.NeighbourState{route.NeighbourFailed, route.NeighbourForgotten} {
		s := *w.fib.Snapshot()
		s.Neighbours = slices.Clone(s.Neighbours)
		for _, x := range silent {
			k := slices.IndexFunc(s.Neighbours, func(n route.Neighbour) bool { return n.Link == x.link && n.Addr == x.addr })
			switch {
			case k < 0:
				s.Neighbours = append(s.Neighbours, route.Neighbour{Link: x.link, Addr: x.addr, State: route.NeighbourForgotten})
			case s.Neighbours[k].State == route.NeighbourIncomplete:
				s.Neighbours[k].State = asked
			}
		}
		if w.way(t, w.fib.Edit().FIB(&s), i) == have {
			return true
		}
	}
	return false
}

// knownBefore reports whether the kernel goes by an answer of the watch rather than by that of a new
// reading, which does not know any more that deleted IPv6 rules are in force ([route.Rule.Implied]): no
// address is left about which the kernel could be asked to find that out.
func (w *watched) knownBefore(t *testing.T, i int, want string) bool {
	x := &w.q.Asked[i]
	e := w.explained[x.Label]
	if e == nil || !x.To.Addr.Is6() || hasRules6(w.fib.Snapshot().Rules) {
		return false
	}
	a, err := w.Resolve(t.Context(), route.Flow{Dst: x.To.Addr})
	return err == nil && a.Errno == e.Errno && a.Errno != 0 && !strings.Contains(want, a.Errno.String())
}

// hasRules6 reports whether the rules that a namespace starts with are all there for IPv6.
func hasRules6(rules []route.Rule) bool {
	n := 0
	for i := range rules {
		if rules[i].Family == route.IPv6 {
			n++
		}
	}
	return n >= len(route.DefaultRules(route.IPv6))
}

// addedAgain reports whether an answer changed because the kernel itself has added the local route of an
// IPv6 address again that was just deleted. It does that where it had not finished its work with the
// address, which a loaded machine delays (addrconf_dad_work, __ipv6_ifa_notify).
func addedAgain(c change.Change, r *report.Turn) bool {
	d, ok := c.(*change.Route)
	if !ok || d.Verb != change.Delete || d.Route.Table != route.TableLocal || len(r.Because) != 1 {
		return false
	}
	x := &r.Because[0]
	return x.Kernel && x.Op == report.Added && x.Object.Kind == report.KindRoute && x.Object.After.Route.Dst == d.Route.Dst.String()
}

// TestAddedAgain checks which changes of an answer are the kernel's late work.
func TestAddedAgain(t *testing.T) {
	local := route.Route{Table: route.TableLocal, Dst: netip.MustParsePrefix("2001:db8::78/128"), Type: route.TypeLocal, Protocol: route.ProtocolKernel}
	c := &change.Route{Verb: change.Delete, Route: local}
	fib := lookup.New(&route.Snapshot{})
	for port, want := range map[uint32]bool{0: true, 7: false} {
		x := report.NewTrigger(fib, fib, &route.Event{Route: &local, Port: port})
		if got := addedAgain(c, &report.Turn{Because: []report.Trigger{*x}}); got != want {
			t.Errorf("an event of port %d counts as late work: %v, want %v: %+v", port, got, want, x.Object.After.Route)
		}
	}
}

// TestForgotten checks which answers of a watch count as known from before.
func TestForgotten(t *testing.T) {
	const up = route.LinkUp | route.LinkRunning | route.LinkLowerUp
	near, far := netip.MustParseAddr("fe80::1:0"), netip.MustParseAddr("fe80::1:1")
	is := func(state route.NeighbourState) *route.Neighbour {
		return &route.Neighbour{Link: 3, Addr: far, State: state}
	}
	host := func(neighbours ...*route.Neighbour) *lookup.FIB {
		s := &route.Snapshot{Rules: route.DefaultRules(route.IPv6), Links: []route.Link{{Index: 2, Name: "v0", Flags: up}, {Index: 3, Name: "w0", Flags: up}}}
		s.Routes = []route.Route{{Table: route.TableMain, Dst: route.IPv6.Default(), Metric: 1024, Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: 2, Gateway: near}, {Link: 3, Gateway: far}}}}
		for _, n := range neighbours {
			s.Neighbours = append(s.Neighbours, *n)
		}
		return lookup.New(s)
	}
	failed, answers, removed := route.Event{Neighbour: is(route.NeighbourFailed)}, route.Event{Neighbour: is(route.NeighbourReachable)}, route.Event{Neighbour: is(route.NeighbourFailed), Gone: true, Port: 7}
	asked, reachable := is(route.NeighbourIncomplete), is(route.NeighbourReachable)
	w := &watched{q: &history.Question{Asked: []history.Asked{{Label: "2001:db8::9", To: report.Destination{Addr: netip.MustParseAddr("2001:db8::9")}}}}}
	passed, blamed := w.way(t, host(is(route.NeighbourFailed)), 0), w.way(t, host(is(route.NeighbourForgotten)), 0)
	for _, c := range []struct {
		name   string
		events []route.Event
		now    *lookup.FIB
		have   string
		want   bool
	}{
		{"has failed, and is forgotten", []route.Event{failed}, host(), blamed, true},
		{"has failed, and is forgotten, but is passed over", []route.Event{failed}, host(), passed, false},
		{"has failed, and is asked again", []route.Event{failed}, host(asked), passed, true},
		{"has failed, was forgotten, and is asked again", []route.Event{failed}, host(asked), blamed, true},
		{"has failed, and answered, and is forgotten", []route.Event{failed, answers}, host(), blamed, false},
		{"has failed, and somebody removed it", []route.Event{failed, removed}, host(), blamed, false},
		{"has failed, and answers", []route.Event{failed}, host(reachable), passed, false},
		{"has not failed", nil, host(), blamed, false},
	} {
		w.src, w.fib = new(source), c.now
		for i := range c.events {
			w.src.hear(&c.events[i])
		}
		if got := w.forgotten(t, 0, c.have); got != c.want {
			t.Errorf("a gateway that %s: counts as known from before: %v, want %v", c.name, got, c.want)
		}
	}
}
