package lookup_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestUnheard: whether the neighbours' advertisements come in depends on the address that
// asks. A link-local address that is still checked for duplicates has no local route yet,
// and asks nobody: the packet's source does.
func TestUnheard(t *testing.T) {
	const up = route.LinkUp | route.LinkRunning | route.LinkLowerUp
	linkLocal, global := netip.MustParsePrefix("fe80::2/64"), netip.MustParsePrefix("2001:db8:1::2/64")
	for name, tt := range map[string]struct {
		flags   route.AddrFlags // of the link-local address
		refuses bool            // a rule refuses what comes in
		want    bool
	}{
		"checked":             {},
		"checked, refused":    {refuses: true, want: true},
		"tentative":           {flags: route.AddrTentative},
		"optimistic":          {flags: route.AddrTentative | route.AddrOptimistic},
		"tentative, refused":  {flags: route.AddrTentative, refuses: true, want: true},
		"optimistic, refused": {flags: route.AddrTentative | route.AddrOptimistic, refuses: true, want: true},
	} {
		s := &route.Snapshot{
			Links: []route.Link{{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}, {Index: 2, Name: "eth0", Flags: up}},
			Addrs: []route.Addr{{Link: 2, Prefix: linkLocal, Scope: route.ScopeLink, Flags: tt.flags}, {Link: 2, Prefix: global}},
			Rules: []route.Rule{
				{Family: route.IPv6, Priority: 10, Action: route.ActionTable, Table: route.TableLocal, SuppressPrefixLen: -1, SuppressGroup: -1},
				{Family: route.IPv6, Priority: 32766, Action: route.ActionTable, Table: route.TableMain, SuppressPrefixLen: -1, SuppressGroup: -1},
			},
		}
		if tt.refuses {
			s.Rules = append([]route.Rule{{Family: route.IPv6, Priority: 5, Action: route.ActionProhibit, Selector: route.Selector{In: "eth0"}, SuppressPrefixLen: -1, SuppressGroup: -1}}, s.Rules...)
		}
		add := func(table route.Table, typ route.Type, dst, gateway string) {
			r := route.Route{Table: table, Type: typ, Dst: netip.MustParsePrefix(dst), NextHops: []route.NextHop{{Link: 2}}}
			if gateway != "" {
				r.NextHops[0].Gateway = netip.MustParseAddr(gateway)
			}
			s.Routes = append(s.Routes, r)
		}
		add(route.TableLocal, route.TypeLocal, "2001:db8:1::2/128", "")
		if tt.flags == 0 {
			add(route.TableLocal, route.TypeLocal, "fe80::2/128", "")
		}
		add(route.TableMain, route.TypeUnicast, "fe80::/64", "")
		add(route.TableMain, route.TypeUnicast, "2001:db8:1::/64", "")
		add(route.TableMain, route.TypeUnicast, "::/0", "fe80::1")
		fib := lookup.New(s)
		got := false
		for _, n := range fib.Notes(fib.Explain(route.Flow{Dst: netip.MustParseAddr("2001:db8:9::1")})) {
			got = got || n.Code == lookup.NoteUnheard
		}
		if got != tt.want {
			t.Errorf("%s: %v; want %v", name, got, tt.want)
		}
	}
}
