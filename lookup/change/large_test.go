package change_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// large is a host with a table of the given number of routes by one gateway.
func large(routes int) *lookup.FIB {
	s := &route.Snapshot{
		Links:  []route.Link{{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLoopback}, {Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp}},
		Addrs:  []route.Addr{{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}},
		Rules:  append(route.DefaultRules(route.IPv4), route.DefaultRules(route.IPv6)...),
		Merged: route.Yes,
	}
	var b lookup.Builder
	b.Add(&route.Route{
		Table: route.TableMain, Dst: netip.MustParsePrefix("192.0.2.0/24"), Type: route.TypeUnicast, Scope: route.ScopeLink,
		NextHops: []route.NextHop{{Link: 2}},
	})
	for i := range routes {
		a := netip.AddrFrom4([4]byte{byte(1 + i>>16), byte(i >> 8), byte(i), 0})
		b.Add(&route.Route{
			Table: route.TableMain, Dst: netip.PrefixFrom(a, 24), Type: route.TypeUnicast,
			NextHops: []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr("192.0.2.1")}},
		})
	}
	return b.FIB(s)
}

func addRoute(n int) *change.Route {
	return &change.Route{Route: route.Route{
		Table: route.TableMain, Dst: netip.PrefixFrom(netip.AddrFrom4([4]byte{203, byte(n >> 8), byte(n), 0}), 24), Type: route.TypeUnicast,
		Protocol: route.ProtocolBoot, NextHops: []route.NextHop{{Gateway: netip.MustParseAddr("192.0.2.1")}},
	}}
}

// TestShares changes one of many routes. The cost of the state after it must depend
// only on what changes.
func TestShares(t *testing.T) {
	s := change.New(large(100_000))
	allocs := testing.AllocsPerRun(10, func() {
		if out := s.Apply(addRoute(0)); out.Refusal != nil {
			t.Error(out.Refusal)
		}
	})
	if allocs > 200 {
		t.Errorf("one route takes %v allocations", allocs)
	}
	out := s.Apply(addRoute(0))
	dst := route.Flow{Dst: netip.MustParseAddr("203.0.0.9")}
	if d := s.FIB().Lookup(dst); d.HasRoute {
		t.Error("the state before the change has the route")
	}
	if d := out.State.FIB().Lookup(dst); !d.HasRoute || d.NextHops[0].Link != 2 {
		t.Errorf("the state after the change has not: %+v", d)
	}
}

// TestMayHave asks for routes by a device: of the first state, of an edit, and of the
// state after it. A device that no route uses must not cost a pass over all routes.
func TestMayHave(t *testing.T) {
	f := large(100_000)
	by := func(link int) func(*route.Route) bool {
		return func(r *route.Route) bool { return len(r.NextHops) > 0 && r.NextHops[0].Link == link }
	}
	seen := 0
	if f.Edit().MayHave(route.IPv4, func(*route.Route) bool { seen++; return false }); seen > 10 {
		t.Errorf("%d routes were looked at", seen)
	}
	e := f.Edit()
	if !e.MayHave(route.IPv4, by(2)) || e.MayHave(route.IPv6, by(2)) || e.MayHave(route.IPv4, by(1)) {
		t.Error("the first state: wrong")
	}
	e.Set(route.TableMain, netip.MustParsePrefix("203.0.113.9/32"), []*route.Route{{
		Table: route.TableMain, Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: 1}},
	}})
	if !e.MayHave(route.IPv4, by(1)) {
		t.Error("the edit lacks its route")
	}
	next := e.FIB(f.Snapshot()).Edit()
	if !next.MayHave(route.IPv4, by(1)) || !next.MayHave(route.IPv4, by(2)) {
		t.Error("the state after it lacks a route")
	}
}

// BenchmarkApply adds a route to a full table.
func BenchmarkApply(b *testing.B) {
	s := change.New(large(1_000_000))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if out := s.Apply(addRoute(n)); out.Refusal != nil {
			b.Fatal(out.Refusal)
		} else {
			s = out.State
		}
	}
}

// BenchmarkLinkDown sets the only device of a full table down.
func BenchmarkLinkDown(b *testing.B) {
	s := change.New(large(1_000_000))
	for b.Loop() {
		if out := s.Apply(&change.Link{Verb: change.Modify, Index: 2, Up: route.No}); len(out.Removed) != 1_000_001 {
			b.Fatal(len(out.Removed))
		}
	}
}

// TestSharesByRule adds and deletes a policy rule: the tables stay what they are.
func TestSharesByRule(t *testing.T) {
	s := change.New(large(100_000))
	add := &change.Rule{Rule: route.Rule{
		Family: route.IPv4, Priority: 100, Action: route.ActionTable, Table: 100, SuppressPrefixLen: -1, SuppressGroup: -1,
		Selector: route.Selector{Dst: netip.MustParsePrefix("1.0.0.9/32")},
	}, HasPriority: true}
	refuse := &change.Rule{Rule: route.Rule{
		Family: route.IPv4, Priority: 50, Action: route.ActionBlackhole, SuppressPrefixLen: -1, SuppressGroup: -1,
		Selector: route.Selector{Src: netip.MustParsePrefix("192.0.2.2/32")},
	}, HasPriority: true}
	allocs := testing.AllocsPerRun(10, func() { s.Apply(add) })
	if allocs > 200 {
		t.Errorf("one rule takes %v allocations", allocs)
	}
	to := route.Flow{Dst: netip.MustParseAddr("1.0.0.9"), Src: netip.MustParseAddr("192.0.2.2")}
	after := s.Apply(add).State.Apply(refuse).State
	if d := after.FIB().Lookup(to); d.Disposition != lookup.DispositionBlackhole {
		t.Errorf("with a blackhole rule: %+v", d)
	}
	undone := *refuse
	undone.Verb = change.Delete
	if d := after.Apply(&undone).State.FIB().Lookup(to); !d.HasRoute || d.Rule.Priority != 32766 {
		t.Errorf("without it again: %+v", d)
	}
	if d := s.FIB().Lookup(to); !d.HasRoute {
		t.Errorf("the state before them has changed: %+v", d)
	}
}
