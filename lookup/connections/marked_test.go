package connections_test

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/connections"
	"routewhy/route"
)

// marking is a host that sends packets with mark 1 by table 100, whose default route is of a type.
// The main table leads by eth0 or by eth1.
func marking(main string, link int, typ route.Type, markers ...route.Marker) *lookup.FIB {
	s := *host(main, link).Snapshot()
	s.Rules = append([]route.Rule{{
		Family: route.IPv4, Priority: 100, Action: route.ActionTable, Table: 100, SuppressPrefixLen: -1, SuppressGroup: -1,
		Selector: route.Selector{Mark: 1, MarkMask: 0xff},
	}}, s.Rules...)
	s.Rules[0], s.Rules[1] = s.Rules[1], s.Rules[0]
	s.Rules[0].Priority = 0
	s.Routes = append(slices.Clone(s.Routes), route.Route{Table: 100, Dst: route.IPv4.Default(), Type: typ})
	if typ == route.TypeUnicast {
		s.Routes[len(s.Routes)-1].NextHops = []route.NextHop{{Gateway: netip.MustParseAddr("192.0.2.1"), Link: 2}}
	}
	s.Markers, s.MarkersRead = markers, true
	return lookup.New(&s)
}

// TestMarked checks what is said of connections whose packets a packet filter may mark.
func TestMarked(t *testing.T) {
	chain := func(mark uint32, typ, hook string) route.Marker {
		return route.Marker{Kind: route.MarkerRule, Table: "ip m", Chain: "o", Mark: mark, Set: ^uint32(0), Hooks: []route.MarkerHook{{Hook: hook, Type: typ}}}
	}
	legacy := func(table string) route.Marker {
		return route.Marker{Kind: route.MarkerLegacy, Open: ^uint32(0), Table: table}
	}
	session := tcp("192.0.2.2:22", "203.0.113.7:51022")
	for _, c := range []struct {
		name        string
		marker      route.Marker
		main        string
		link        int
		typ         route.Type
		lost        connections.Loss
		may, spared bool
	}{
		{"marked on output", chain(1, "route", "output"), "192.0.2.1", 2, route.TypeProhibit, connections.LostRefused, true, false},
		{"by another mark", chain(2, "route", "output"), "192.0.2.1", 2, route.TypeProhibit, "", false, false},
		{"too late", chain(1, "filter", "output"), "192.0.2.1", 2, route.TypeProhibit, "", false, false},
		{"on receipt", chain(1, "filter", "prerouting"), "192.0.2.1", 2, route.TypeProhibit, "", false, false},
		{"iptables-legacy", legacy("ip mangle"), "192.0.2.1", 2, route.TypeProhibit, connections.LostRefused, true, false},
		{"which cannot mark there", legacy("ip nat"), "192.0.2.1", 2, route.TypeProhibit, "", false, false},
		{"the mark keeps it", chain(1, "route", "output"), "198.51.100.1", 3, route.TypeUnicast, connections.LostElsewhere, true, true},
		{"nothing keeps it", chain(2, "route", "output"), "198.51.100.1", 3, route.TypeUnicast, connections.LostElsewhere, false, false},
		{"nothing is sent without a route", chain(1, "route", "output"), "", 0, route.TypeUnicast, connections.LostRefused, false, false},
	} {
		before := marking("192.0.2.1", 2, route.TypeUnicast, c.marker)
		got := connections.Compare(before, marking(c.main, c.link, c.typ, c.marker), []route.Socket{session})
		if c.lost == "" {
			if len(got) > 0 {
				t.Errorf("%s: %+v", c.name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Lost != c.lost || got[0].MayBeLost != c.may || got[0].Spared != c.spared {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	unread := *marking("192.0.2.1", 2, route.TypeUnicast).Snapshot()
	unread.MarkersRead, unread.Gaps = false, []route.Gap{{Fact: route.FactMarkers}}
	got := connections.Compare(lookup.New(&unread), marking("192.0.2.1", 2, route.TypeProhibit), []route.Socket{session})
	if len(got) != 1 || !got[0].MayBeLost || got[0].Mark != 1 {
		t.Errorf("what sets marks is not read: %+v", got)
	}
}

// TestMarkedLeavesRule: a rule for packets without a mark keeps the connection, and a packet that
// gets a mark leaves it.
func TestMarkedLeavesRule(t *testing.T) {
	rule := func(f *lookup.FIB) *lookup.FIB {
		s := *f.Snapshot()
		s.Rules = slices.Clone(s.Rules)
		s.Rules[1].Selector.Mark = 0
		s.Routes = append(slices.Clone(s.Routes), route.Route{
			Table: 100, Dst: route.IPv4.Default(), Type: route.TypeUnicast,
			NextHops: []route.NextHop{{Gateway: netip.MustParseAddr("192.0.2.1"), Link: 2}},
		})
		return lookup.New(&s)
	}
	session := tcp("192.0.2.2:22", "203.0.113.7:51022")
	for _, c := range []struct {
		name   string
		marker route.Marker
		mark   uint32
	}{
		{"a mark under the mask", route.Marker{Kind: route.MarkerRule, Mark: 6, Set: ^uint32(0), Hooks: []route.MarkerHook{{Hook: "output", Type: "route"}}}, 6},
		{"a mark beside it", route.Marker{Kind: route.MarkerRule, Mark: 0x100, Set: ^uint32(0), Hooks: []route.MarkerHook{{Hook: "output", Type: "route"}}}, 0},
		{"iptables-legacy", route.Marker{Kind: route.MarkerLegacy, Open: ^uint32(0), Table: "ip mangle"}, 1},
	} {
		before, after := marking("192.0.2.1", 2, route.TypeProhibit, c.marker), marking("", 0, route.TypeProhibit, c.marker)
		for _, f := range []**lookup.FIB{&before, &after} {
			s := *(*f).Snapshot()
			s.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(r route.Route) bool { return r.Table == 100 })
			*f = rule(lookup.New(&s))
		}
		got := connections.Compare(before, after, []route.Socket{session})
		if lost := len(got) == 1 && got[0].MayBeLost && got[0].Lost == connections.LostRefused && got[0].Mark == c.mark; lost != (c.mark != 0) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}
