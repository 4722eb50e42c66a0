package report_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// TestFewRulesAreRepeated writes many default routes of a table that many rules lead to:
// the rules are there with the first of them, and counted with the last.
func TestFewRulesAreRepeated(t *testing.T) {
	const rules, routes = 400, 400
	s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp, PeerNetNS: -1}}}
	for i := range rules {
		s.Rules = append(s.Rules, route.Rule{
			Family: route.IPv4, Priority: uint32(i + 1), Action: route.ActionTable, Table: route.TableMain, SuppressPrefixLen: -1, SuppressGroup: -1,
			Selector: route.Selector{Mark: uint32(i + 1), MarkMask: 0xffff},
		})
	}
	for i := range routes {
		s.Routes = append(s.Routes, route.Route{
			Table: route.TableMain, Dst: netip.MustParsePrefix("0.0.0.0/0"), Metric: uint32(i), Type: route.TypeUnicast,
			NextHops: []route.NextHop{{Link: 2}},
		})
	}
	fib := lookup.New(s)
	out := report.NewEntries(fib, fib.EntryStatuses(route.IPv4.Default()))
	if len(out) != routes {
		t.Fatalf("%d default routes", len(out))
	}
	first, last := out[0], out[routes-1]
	if len(first.Rules) != rules || first.RulesLeftOut != 0 || len(last.Rules) != 0 || last.RulesLeftOut != rules {
		t.Errorf("first %d and %d left out, last %d and %d left out", len(first.Rules), first.RulesLeftOut, len(last.Rules), last.RulesLeftOut)
	}
}
