package lookup_test

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestStanding pins where an entry stands that only some packets reach.
func TestStanding(t *testing.T) {
	def := via("0.0.0.0/0", "192.0.2.1", 2)
	other := via("0.0.0.0/0", "198.51.100.1", 3, table(201))
	rule := func(sel route.Selector) route.Rule {
		r := to(5, 201)
		r.Selector = sel
		return r
	}
	p := netip.MustParsePrefix
	both := []route.Route{def, other}
	jump := func(sel route.Selector, target uint32) route.Rule {
		return route.Rule{Family: route.IPv4, Priority: 4, Selector: sel, Action: route.ActionGoto, Goto: target, SuppressPrefixLen: -1, SuppressGroup: -1}
	}
	for name, c := range map[string]struct {
		routes []route.Route
		rules  []route.Rule
		change func(*route.Snapshot)
		table  route.Table
		prefix string // 0.0.0.0/0
		want   lookup.Status
		when   int // how many selectors lead to it
	}{
		"never looked up":   {routes: []route.Route{via("0.0.0.0/32", "", 2)}, table: 254, prefix: "0.0.0.0/32", want: lookup.StatusNever},
		"by a VRF":          {routes: []route.Route{via("0.0.0.0/0", "192.0.2.1", 2, table(10))}, rules: inOrder(l3mdev()), change: inVRF, table: 10, want: lookup.StatusConditional, when: 1},
		"to some":           {routes: []route.Route{def, other}, rules: inOrder(rule(route.Selector{Dst: p("10.1.0.0/16")})), table: 201, want: lookup.StatusConditional, when: 1},
		"from some, throws": {routes: []route.Route{def, via("0.0.0.0/0", "", 0, table(201), typ(route.TypeThrow))}, rules: inOrder(rule(route.Selector{Src: p("192.0.2.2/32")})), table: 201, want: lookup.StatusConditional, when: 1},
		"from a host behind this one": {
			routes: []route.Route{def, other}, rules: inOrder(rule(route.Selector{Src: p("10.7.0.9/32")})), change: forwards("1"), table: 201, want: lookup.StatusConditional, when: 1,
		},
		"from a host behind this one, which does not forward": {
			routes: []route.Route{def, other}, rules: inOrder(rule(route.Selector{Src: p("10.7.0.9/32")})), change: forwards("0"), table: 201, want: lookup.StatusUnusable, when: 1,
		},
		"arrives, and is not forwarded": {
			routes: []route.Route{def, other}, rules: inOrder(rule(route.Selector{In: "eth0"})), change: forwards("0"), table: 201, want: lookup.StatusUnusable, when: 1,
		},
		"from a network that this host is in, the others of it": {
			routes: []route.Route{def, other, via("0.0.0.0/0", "198.51.100.7", 3, table(202))},
			rules:  inOrder(from2(4, 202, "192.0.2.2/32"), rule(route.Selector{Src: p("192.0.2.0/24")})), change: forwards("1"), table: 201, want: lookup.StatusConditional, when: 1,
		},
		"not from some": {routes: []route.Route{def, other}, rules: inOrder(rule(route.Selector{Not: true, Src: p("192.0.2.0/24")})), table: 254, want: lookup.StatusConditional, when: 1},
		"what this host sends": {
			routes: []route.Route{def, other}, rules: inOrder(rule(route.Selector{In: "lo", Mark: 1, MarkMask: 1})), table: 201, want: lookup.StatusConditional, when: 1,
		},
		"all but one protocol":              {routes: both, rules: inOrder(rule(route.Selector{Proto: 17})), table: 254, want: lookup.StatusConditional, when: 1},
		"one protocol":                      {routes: both, rules: inOrder(rule(route.Selector{Proto: 17})), table: 201, want: lookup.StatusConditional, when: 1},
		"all but two protocols":             {routes: both, rules: inOrder(rule(route.Selector{Proto: 17}), rule(route.Selector{Proto: 6})), table: 254, want: lookup.StatusConditional, when: 1},
		"all but half of the addresses":     {routes: both, rules: inOrder(rule(route.Selector{Dst: p("0.0.0.0/1")})), table: 254, want: lookup.StatusConditional, when: 1},
		"half of the addresses":             {routes: both, rules: inOrder(rule(route.Selector{Dst: p("0.0.0.0/1")})), table: 201, want: lookup.StatusConditional, when: 1},
		"both halves":                       {routes: both, rules: inOrder(rule(route.Selector{Dst: p("0.0.0.0/1")}), rule(route.Selector{Dst: p("128.0.0.0/1")})), table: 201, want: lookup.StatusInUse},
		"both halves, the other table":      {routes: both, rules: inOrder(rule(route.Selector{Dst: p("0.0.0.0/1")}), rule(route.Selector{Dst: p("128.0.0.0/1")})), table: 254, want: lookup.StatusBeaten},
		"all but what has no source":        {routes: both, rules: inOrder(rule(route.Selector{Src: p("0.0.0.0/1")})), table: 254, want: lookup.StatusConditional, when: 1},
		"all but what has no mark":          {routes: both, rules: inOrder(rule(route.Selector{MarkMask: 0xff})), table: 254, want: lookup.StatusConditional, when: 1},
		"unmarked":                          {routes: both, rules: inOrder(rule(route.Selector{MarkMask: 0xff})), table: 201, want: lookup.StatusInUse},
		"forwarded":                         {routes: both, rules: inOrder(rule(route.Selector{In: "lo"})), change: forwards("1"), table: 254, want: lookup.StatusConditional, when: 1},
		"forwarded, but forwarding is off":  {routes: both, rules: inOrder(rule(route.Selector{In: "lo"})), change: forwards("0"), table: 254, want: lookup.StatusUnusable, when: 1},
		"a goto for one protocol goes past": {routes: both, rules: inOrder(jump(route.Selector{Proto: 17}, 32766), rule(route.Selector{})), table: 201, want: lookup.StatusConditional, when: 1},
		"merged, behind local": {
			routes: []route.Route{via("203.0.113.0/24", "", 1, table(route.TableLocal), func(r *route.Route) { r.Type = route.TypeLocal }), via("203.0.113.0/24", "", 2)},
			change: func(s *route.Snapshot) { s.Merged = route.Yes }, table: 254, prefix: "203.0.113.0/24", want: lookup.StatusBeaten,
		},
		"from some by itself": {
			routes: []route.Route{via("::/0", "", 2, from("2001:db8:7::/64"))}, rules: []route.Rule{six(to(32766, route.TableMain))},
			table: 254, prefix: "::/0", want: lookup.StatusConditional, when: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostOf(c.routes, c.rules...)
			if c.change != nil {
				c.change(s)
			}
			prefix := "0.0.0.0/0"
			if c.prefix != "" {
				prefix = c.prefix
			}
			for _, x := range lookup.New(s).EntryStatuses(p(prefix)) {
				if x.Route.Table == c.table && (x.Status != c.want || len(x.If) != c.when) {
					t.Errorf("%s if %+v, want %s and %d", x.Status, x.If, c.want, c.when)
				}
			}
		})
	}
}

// TestRefusedOrdinary pins which rules refuse ordinary packets that would take a default
// route which is in use.
func TestRefusedOrdinary(t *testing.T) {
	refuse := func(priority uint32, sel route.Selector) route.Rule {
		return route.Rule{Family: route.IPv4, Priority: priority, Selector: sel, Action: route.ActionBlackhole, SuppressPrefixLen: -1, SuppressGroup: -1}
	}
	rules := inOrder(
		refuse(5, route.Selector{HasUIDs: true}),
		refuse(6, route.Selector{HasUIDs: true}),                                // never reached
		refuse(7, route.Selector{Mark: 1, MarkMask: 1}),                         // nothing ordinary
		refuse(8, route.Selector{Dst: netip.MustParsePrefix("203.0.113.0/24")}), // reached
		refuse(40000, route.Selector{Proto: 6}),                                 // after main
	)
	var got []uint32
	for _, r := range lookup.New(hostOf([]route.Route{via("0.0.0.0/0", "192.0.2.1", 2)}, rules...)).EntryStatuses(route.IPv4.Default())[0].Except {
		got = append(got, r.Priority)
	}
	if want := []uint32{5, 8}; !slices.Equal(got, want) {
		t.Errorf("rules %v, want %v", got, want)
	}
}

// forwards switches forwarding on or off, on all devices.
func forwards(value string) func(*route.Snapshot) {
	return func(s *route.Snapshot) {
		s.Sysctls = route.Sysctls{}
		for _, dev := range []string{"all", "eth0", "eth1"} {
			s.Sysctls["net/ipv4/conf/"+dev+"/forwarding"] = value
			s.Sysctls["net/ipv4/conf/"+dev+"/rp_filter"] = "0"
		}
	}
}

func from2(priority uint32, t route.Table, src string) route.Rule {
	r := to(priority, t)
	r.Selector.Src = netip.MustParsePrefix(src)
	return r
}

// TestReplacements pins which longer prefixes stand for a default route that no packet
// takes.
func TestReplacements(t *testing.T) {
	refusing := func(r *route.Route) { r.Type, r.NextHops = route.TypeUnreachable, nil }
	for name, c := range map[string]struct {
		routes []route.Route
		want   []string
	}{
		"a pair":             {[]route.Route{via("0.0.0.0/1", "", 2), via("128.0.0.0/1", "", 3)}, []string{"0.0.0.0/1", "128.0.0.0/1"}},
		"three":              {[]route.Route{via("0.0.0.0/2", "", 2), via("64.0.0.0/2", "", 2), via("128.0.0.0/1", "", 3)}, []string{"0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1"}},
		"one half":           {[]route.Route{via("0.0.0.0/1", "", 2)}, nil},
		"one half refuses":   {[]route.Route{via("0.0.0.0/1", "", 2), via("128.0.0.0/1", "", 0, refusing)}, nil},
		"one half elsewhere": {[]route.Route{via("0.0.0.0/1", "", 2), via("128.0.0.0/1", "", 3, table(77))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range lookup.New(hostOf(c.routes)).Replacements(route.IPv4.Default()) {
				got = append(got, s.Route.Dst.String())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestExample pins for which address of a prefix no longer one stands.
func TestExample(t *testing.T) {
	for name, c := range map[string]struct {
		prefix string
		longer []string
		want   string
	}{
		"nothing longer":       {"10.0.0.0/8", nil, "10.0.0.0"},
		"nested":               {"10.0.0.0/8", []string{"10.0.0.0/9", "10.0.0.0/10"}, "10.128.0.0"},
		"before the first":     {"10.0.0.0/8", []string{"10.64.0.0/10", "10.128.0.0/9"}, "10.0.0.0"},
		"between":              {"10.0.0.0/8", []string{"10.0.0.0/10", "10.128.0.0/9"}, "10.64.0.0"},
		"behind the last":      {"10.0.0.0/8", []string{"10.0.0.0/9", "10.128.0.0/10"}, "10.192.0.0"},
		"not 0.0.0.0":          {"0.0.0.0/8", nil, "0.0.0.1"},
		"an ordinary one":      {"0.0.0.0/0", nil, "1.0.0.0"},
		"not behind its end":   {"127.0.0.0/8", nil, "127.0.0.0"},
		"up to the last of it": {"255.0.0.0/8", []string{"255.0.0.0/9", "255.128.0.0/9"}, "invalid IP"},
		"the last of IPv6":     {"ff00::/8", []string{"ff00::/9", "ff80::/9"}, "invalid IP"},
		"both halves":          {"10.0.0.0/8", []string{"10.0.0.0/9", "10.128.0.0/9"}, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			routes := []route.Route{via(c.prefix, "", 2)}
			for _, p := range c.longer {
				routes = append(routes, via(p, "", 3))
			}
			got := lookup.New(hostOf(routes, append(defaultRules(), six(to(32766, route.TableMain)))...)).EntryStatuses(netip.MustParsePrefix(c.prefix))[0].Example
			if got.String() != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}

// TestStandingTied pins which of several equal default routes are used, by the state
// of their gateways' neighbours, and that each is known to be one of several.
func TestStandingTied(t *testing.T) {
	state := func(link int, gateway string, is route.NeighbourState) route.Neighbour {
		return route.Neighbour{Link: link, Addr: netip.MustParseAddr(gateway), State: is}
	}
	first, second := "192.0.2.1", "198.51.100.1"
	tie, failed := lookup.CodeNeighbourTie, lookup.CodeNeighbour
	for name, c := range map[string]struct {
		neighbours []route.Neighbour
		status     [2]lookup.Status
		reason     [2]lookup.Code
	}{
		"no entries": {nil, [2]lookup.Status{lookup.StatusInUse, lookup.StatusStandby}, [2]lookup.Code{lookup.CodeFirst, tie}},
		"both answer": {
			[]route.Neighbour{state(2, first, route.NeighbourReachable), state(3, second, route.NeighbourReachable)},
			[2]lookup.Status{lookup.StatusInUse, lookup.StatusStandby}, [2]lookup.Code{lookup.CodeFirst, tie},
		},
		"both old": {
			[]route.Neighbour{state(2, first, route.NeighbourStale), state(3, second, route.NeighbourStale)},
			[2]lookup.Status{lookup.StatusPossible, lookup.StatusPossible}, [2]lookup.Code{tie, tie},
		},
		"the first fails": {
			[]route.Neighbour{state(2, first, route.NeighbourFailed), state(3, second, route.NeighbourStale)},
			[2]lookup.Status{lookup.StatusStandby, lookup.StatusInUse}, [2]lookup.Code{failed, tie},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostOf([]route.Route{via("0.0.0.0/0", first, 2), via("0.0.0.0/0", second, 3), via("0.0.0.0/0", second, 3, metric(7))}, defaultRules()...)
			s.Neighbours = c.neighbours
			f := lookup.New(s)
			all := f.EntryStatuses(netip.MustParsePrefix("0.0.0.0/0"))
			for i := range c.status {
				if x := all[i]; x.Status != c.status[i] || x.Reason.Code != c.reason[i] || x.Tied != 2 {
					t.Errorf("entry %d: %s, %s, tied %d, want %s, %s, tied 2", i, x.Status, x.Reason.Code, x.Tied, c.status[i], c.reason[i])
				}
			}
			if all[2].Tied != 0 {
				t.Errorf("the one of another metric: tied %d", all[2].Tied)
			}
			if !noted(f, lookup.NoteTied) {
				t.Error("no note says that default routes have the same metric")
			}
		})
	}
}

func noted(f *lookup.FIB, code lookup.Code) bool {
	notes := f.Notes(f.Explain(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")}))
	return slices.ContainsFunc(notes, func(n lookup.Note) bool { return n.Code == code })
}
