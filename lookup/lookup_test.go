package lookup_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// hostOf is a host with two devices and whatever routes and rules: eth0 (2) has
// 192.0.2.2/24, eth1 (3) has 198.51.100.2/24. Without rules it has the default
// ones.
func hostOf(routes []route.Route, rules ...route.Rule) *route.Snapshot {
	addr := func(link int, p string) route.Addr {
		return route.Addr{Link: link, Prefix: netip.MustParsePrefix(p)}
	}
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLoopback},
			{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp},
			{Index: 3, Name: "eth1", Flags: route.LinkUp | route.LinkLowerUp},
		},
		Addrs:  []route.Addr{addr(2, "192.0.2.2/24"), addr(3, "198.51.100.2/24")},
		Routes: routes,
		Rules:  rules,
		Merged: route.No,
	}
	if len(rules) == 0 {
		s.Rules = defaultRules()
	}
	return s
}

func defaultRules() []route.Rule {
	return []route.Rule{
		to(0, route.TableLocal), to(32766, route.TableMain), to(32767, route.TableDefault),
	}
}

func to(priority uint32, t route.Table) route.Rule {
	return route.Rule{
		Family: route.IPv4, Priority: priority, Action: route.ActionTable, Table: t,
		SuppressPrefixLen: -1, SuppressGroup: -1,
	}
}

func via(dst, gateway string, link int, change ...func(*route.Route)) route.Route {
	r := route.Route{
		Table: route.TableMain, Dst: netip.MustParsePrefix(dst), Type: route.TypeUnicast,
		NextHops: []route.NextHop{{Link: link}},
	}
	if gateway != "" {
		r.NextHops[0].Gateway = netip.MustParseAddr(gateway)
	}
	for _, f := range change {
		f(&r)
	}
	return r
}

func metric(n uint32) func(*route.Route)     { return func(r *route.Route) { r.Metric = n } }
func table(t route.Table) func(*route.Route) { return func(r *route.Route) { r.Table = t } }
func tos(n uint8) func(*route.Route)         { return func(r *route.Route) { r.TOS = n } }
func flags(f route.NextHopFlags) func(*route.Route) {
	return func(r *route.Route) { r.NextHops[0].Flags = f }
}

func local(r *route.Route) { r.Type, r.Table = route.TypeLocal, route.TableLocal }

func typ(t route.Type) func(*route.Route) {
	return func(r *route.Route) { r.Type, r.NextHops = t, nil }
}

// TestCandidates pins what each covering route is said to have won or lost by.
func TestCandidates(t *testing.T) {
	for name, c := range map[string]struct {
		routes []route.Route
		flow   route.Flow
		// want are the codes of main's candidates in order.
		want []lookup.Code
		// way is the device of the decision; 0: refused with errno.
		way   int
		errno route.Errno
	}{
		"longest": {
			[]route.Route{via("0.0.0.0/0", "192.0.2.1", 2), via("8.8.0.0/16", "198.51.100.1", 3)},
			route.Flow{}, []lookup.Code{lookup.CodeLongest, lookup.CodeShorter}, 3, 0,
		},
		"metric": {
			[]route.Route{via("0.0.0.0/0", "192.0.2.1", 2, metric(1)), via("0.0.0.0/0", "198.51.100.1", 3, metric(2))},
			route.Flow{}, []lookup.Code{lookup.CodeLowestMetric, lookup.CodeMetric}, 2, 0,
		},
		"only the default": {
			[]route.Route{via("0.0.0.0/0", "192.0.2.1", 2)},
			route.Flow{}, []lookup.Code{lookup.CodeOnlyDefault}, 2, 0,
		},
		"equal, the first wins": {
			[]route.Route{via("8.0.0.0/8", "192.0.2.1", 2), via("8.0.0.0/8", "198.51.100.1", 3)},
			route.Flow{}, []lookup.Code{lookup.CodeFirst, lookup.CodeLater}, 2, 0,
		},
		"for the TOS of the packet": {
			[]route.Route{via("8.0.0.0/8", "192.0.2.1", 2, tos(0x10)), via("8.0.0.0/8", "198.51.100.1", 3)},
			route.Flow{TOS: 0x10}, []lookup.Code{lookup.CodeFirst, lookup.CodeTOSFirst}, 2, 0,
		},
		"for another TOS": {
			[]route.Route{via("8.0.0.0/8", "192.0.2.1", 2, tos(0x10)), via("8.0.0.0/8", "198.51.100.1", 3)},
			route.Flow{}, []lookup.Code{lookup.CodeTOS, lookup.CodeLongest}, 3, 0,
		},
		"a TOS that nothing matches": {
			[]route.Route{via("8.0.0.0/8", "192.0.2.1", 2, tos(0xb8)), via("8.0.0.0/8", "198.51.100.1", 3)},
			route.Flow{TOS: 0xb8}, []lookup.Code{lookup.CodeTOSNever, lookup.CodeLongest}, 3, 0,
		},
		"dead": {
			[]route.Route{via("8.0.0.0/8", "192.0.2.1", 2, flags(route.NextHopDead)), via("0.0.0.0/0", "198.51.100.1", 3)},
			route.Flow{}, []lookup.Code{lookup.CodeDead, lookup.CodeOnlyDefault}, 3, 0,
		},
		"no carrier, used": {
			[]route.Route{via("8.0.0.0/8", "192.0.2.1", 2, flags(route.NextHopLinkDown)), via("0.0.0.0/0", "198.51.100.1", 3)},
			route.Flow{}, []lookup.Code{lookup.CodeLongest, lookup.CodeShorter}, 2, 0,
		},
		"another device": {
			[]route.Route{via("8.0.0.0/8", "192.0.2.1", 2), via("0.0.0.0/0", "198.51.100.1", 3)},
			route.Flow{Out: 3}, []lookup.Code{lookup.CodeRouteOif, lookup.CodeOnlyDefault}, 3, 0,
		},
		"blackhole": {
			[]route.Route{via("8.0.0.0/8", "", 0, typ(route.TypeBlackhole)), via("0.0.0.0/0", "198.51.100.1", 3)},
			route.Flow{}, []lookup.Code{lookup.CodeRefusing, lookup.CodeShorter}, 0, route.EINVAL,
		},
		"prohibit": {
			[]route.Route{via("8.0.0.0/8", "", 0, typ(route.TypeProhibit))},
			route.Flow{}, []lookup.Code{lookup.CodeRefusing}, 0, route.EACCES,
		},
		"unreachable": {
			[]route.Route{via("8.0.0.0/8", "", 0, typ(route.TypeUnreachable))},
			route.Flow{}, []lookup.Code{lookup.CodeRefusing}, 0, route.EHOSTUNREACH,
		},
		"throw": {
			[]route.Route{via("8.0.0.0/8", "", 0, typ(route.TypeThrow)), via("0.0.0.0/0", "198.51.100.1", 3)},
			route.Flow{}, []lookup.Code{lookup.CodeThrow, lookup.CodeAfterThrow}, 0, route.ENETUNREACH,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := lookup.New(hostOf(c.routes))
			c.flow.Dst = netip.MustParseAddr("8.8.8.8")
			tr := f.Explain(c.flow)
			var got []lookup.Code
			for _, x := range tr.Rules[1].Candidates {
				got = append(got, x.Reason.Code)
			}
			if len(got) != len(c.want) {
				t.Fatalf("candidates %v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("candidate %d: %s, want %s", i, got[i], c.want[i])
				}
			}
			d := tr.Decision
			if d.Errno != c.errno {
				t.Errorf("errno %v, want %v", d.Errno, c.errno)
			}
			if c.way != 0 && (len(d.NextHops) != 1 || d.NextHops[0].Link != c.way) {
				t.Errorf("ways %+v, want device %d", d.NextHops, c.way)
			}
			if same := f.Lookup(c.flow); same.Disposition != d.Disposition || same.Errno != d.Errno || len(same.NextHops) != len(d.NextHops) {
				t.Errorf("Lookup and Explain differ: %+v, %+v", same, d)
			}
		})
	}
}

// TestSelectors pins by which selector a rule fails, and that `not` inverts.
func TestSelectors(t *testing.T) {
	p := netip.MustParsePrefix
	base := route.Flow{Dst: netip.MustParseAddr("8.8.8.8"), Src: netip.MustParseAddr("192.0.2.2"), Proto: 6, DstPort: 80, UID: 7}
	for name, c := range map[string]struct {
		sel  route.Selector
		want lookup.Code // empty: matches
	}{
		"from":            {route.Selector{Src: p("192.0.2.0/24")}, ""},
		"from another":    {route.Selector{Src: p("10.0.0.0/8")}, lookup.CodeFrom},
		"to":              {route.Selector{Dst: p("8.0.0.0/8")}, ""},
		"to another":      {route.Selector{Dst: p("9.0.0.0/8")}, lookup.CodeTo},
		"iif lo":          {route.Selector{In: "lo"}, ""},
		"iif":             {route.Selector{In: "eth0"}, lookup.CodeIif},
		"iif nowhere":     {route.Selector{In: "wlan9"}, lookup.CodeIifDetached},
		"oif":             {route.Selector{Out: "eth0"}, lookup.CodeOif},
		"oif nowhere":     {route.Selector{Out: "wlan9"}, lookup.CodeOifDetached},
		"fwmark":          {route.Selector{Mark: 1, MarkMask: 0xff}, lookup.CodeMark},
		"fwmark zero":     {route.Selector{MarkMask: 0xff}, ""},
		"tos":             {route.Selector{TOS: 0x10}, lookup.CodeRuleTOS},
		"dscp":            {route.Selector{HasDSCP: true, DSCP: 46, DSCPMask: 0x3f}, lookup.CodeDSCP},
		"dscp zero":       {route.Selector{HasDSCP: true, DSCPMask: 0x3f}, ""},
		"dscp mask":       {route.Selector{HasDSCP: true, DSCP: 1, DSCPMask: 0x3e}, ""},
		"last uid":        {route.Selector{HasUIDs: true, UIDs: route.UIDRange{Start: 6, End: 7}}, ""},
		"last port":       {route.Selector{DstPort: route.PortRange{Start: 70, End: 80}}, ""},
		"uid":             {route.Selector{HasUIDs: true, UIDs: route.UIDRange{Start: 7, End: 7}}, ""},
		"another uid":     {route.Selector{HasUIDs: true, UIDs: route.UIDRange{Start: 8, End: 9}}, lookup.CodeUID},
		"protocol":        {route.Selector{Proto: 17}, lookup.CodeProto},
		"source port":     {route.Selector{SrcPort: route.PortRange{Start: 1, End: 9}}, lookup.CodeSport},
		"port range":      {route.Selector{DstPort: route.PortRange{Start: 80, End: 90}}, ""},
		"port mask":       {route.Selector{DstPort: route.PortRange{Start: 0x51, End: 0x51, Mask: 0xfff0}}, ""},
		"port below":      {route.Selector{DstPort: route.PortRange{Start: 81, End: 90}}, lookup.CodeDport},
		"vrf":             {route.Selector{L3Mdev: true}, lookup.CodeL3mdev},
		"tunnel":          {route.Selector{TunnelID: 5}, lookup.CodeTunnelID},
		"not from":        {route.Selector{Not: true, Src: p("10.0.0.0/8")}, ""},
		"not, all":        {route.Selector{Not: true}, lookup.CodeNot},
		"not iif nowhere": {route.Selector{Not: true, In: "wlan9"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := to(100, 7)
			r.Selector = c.sel
			tr := lookup.New(hostOf(nil, r)).Explain(base)
			got := tr.Rules[0]
			if matched := got.Verdict != lookup.VerdictNoMatch; matched != (c.want == "") || !matched && got.Reason.Code != c.want {
				t.Errorf("%s %s, want %q", got.Verdict, got.Reason.Code, c.want)
			}
		})
	}
}

// TestUnknownSelector: what routewhy does not know is not guessed.
func TestUnknownSelector(t *testing.T) {
	r := to(100, route.TableMain)
	r.Unknown = []route.Attr{{Type: 99}}
	routes := []route.Route{via("0.0.0.0/0", "192.0.2.1", 2)}
	flow := route.Flow{Dst: netip.MustParseAddr("8.8.8.8")}
	if d := lookup.New(hostOf(routes, r)).Lookup(flow); d.Disposition != lookup.DispositionUnknown {
		t.Errorf("%s, want unknown", d.Disposition)
	}
	not := r
	not.Selector.Not, not.Selector.Dst = true, netip.MustParsePrefix("9.0.0.0/8")
	if d := lookup.New(hostOf(routes, not)).Lookup(flow); d.Disposition != lookup.DispositionUnknown {
		t.Errorf("not: %s, want unknown", d.Disposition)
	}
	// Another selector settles the matter.
	r.Selector.Dst = netip.MustParsePrefix("9.0.0.0/8")
	all := append([]route.Rule{r}, defaultRules()...)
	if d := lookup.New(hostOf(routes, all...)).Lookup(flow); d.Disposition != lookup.DispositionUnicast {
		t.Errorf("%s, want unicast", d.Disposition)
	}
}

// TestGaps: what could not be read makes the decision unknown, or is said.
func TestGaps(t *testing.T) {
	flow := route.Flow{Dst: netip.MustParseAddr("8.8.8.8")}
	for _, fact := range []route.Fact{route.FactRoutes, route.FactRules} {
		s := hostOf([]route.Route{via("0.0.0.0/0", "192.0.2.1", 2)})
		s.Gaps = []route.Gap{{Fact: fact, Why: "permission denied"}}
		if d := lookup.New(s).Lookup(flow); d.Disposition != lookup.DispositionUnknown || d.Ambiguous.Have != "permission denied" {
			t.Errorf("without %s: %s, %+v", fact, d.Disposition, d.Ambiguous)
		}
	}
	s := hostOf([]route.Route{via("0.0.0.0/0", "192.0.2.1", 2)})
	s.Gaps = []route.Gap{{Fact: route.FactSysctls, Why: "permission denied"}}
	flow.In, flow.Src = 3, netip.MustParseAddr("198.51.100.9")
	if tr := lookup.New(s).Explain(flow); len(tr.Unread) == 0 {
		t.Error("a forwarding decision without sysctls says nothing of it")
	}
	s.Gaps = []route.Gap{{Fact: route.FactPolicies, Why: "permission denied"}}
	s.Routes = append(s.Routes, via("192.0.2.2/32", "", 2, local))
	for dst, want := range map[string]int{"8.8.8.8": 1, "192.0.2.2": 0} {
		f := lookup.New(s)
		if got := f.Missing(f.Explain(route.Flow{Dst: netip.MustParseAddr(dst)})); len(got) != want {
			t.Errorf("%s without IPsec policies: %+v", dst, got)
		}
	}
}

// TestGoto: the walk goes on at the first rule of the priority, and a missing
// one is ignored.
func TestGoto(t *testing.T) {
	jump := route.Rule{Family: route.IPv4, Priority: 10, Action: route.ActionGoto, Goto: 300, SuppressPrefixLen: -1, SuppressGroup: -1}
	routes := []route.Route{via("0.0.0.0/0", "192.0.2.1", 2, table(100)), via("0.0.0.0/0", "198.51.100.1", 3, table(101))}
	flow := route.Flow{Dst: netip.MustParseAddr("8.8.8.8")}
	tr := lookup.New(hostOf(routes, jump, to(100, 100), to(300, 101))).Explain(flow)
	if d := tr.Decision; len(d.NextHops) != 1 || d.NextHops[0].Link != 3 {
		t.Errorf("ways %+v, want eth1", d.NextHops)
	}
	if v := tr.Rules[1]; v.Verdict != lookup.VerdictNotReached || v.Reason.Code != lookup.CodeJumped {
		t.Errorf("%+v", v)
	}
	jump.Goto = 200
	if d := lookup.New(hostOf(routes, jump, to(100, 100))).Lookup(flow); len(d.NextHops) != 1 || d.NextHops[0].Link != 2 {
		t.Errorf("unresolved goto: %+v", d.NextHops)
	}
	if d := lookup.New(hostOf(routes, jump, to(100, 100), to(300, 101))).Lookup(flow); len(d.NextHops) != 1 || d.NextHops[0].Link != 2 {
		t.Errorf("goto between two rules: %+v", d.NextHops)
	}
}

// TestSuppress: a rule that ignores short prefixes lets longer ones through.
func TestSuppress(t *testing.T) {
	only := to(10, route.TableMain)
	only.SuppressPrefixLen = 0
	routes := []route.Route{via("0.0.0.0/0", "192.0.2.1", 2), via("10.0.0.0/8", "192.0.2.1", 2), via("0.0.0.0/0", "198.51.100.1", 3, table(100))}
	f := lookup.New(hostOf(routes, only, to(20, 100)))
	for dst, link := range map[string]int{"8.8.8.8": 3, "10.1.1.1": 2} {
		if d := f.Lookup(route.Flow{Dst: netip.MustParseAddr(dst)}); len(d.NextHops) != 1 || d.NextHops[0].Link != link {
			t.Errorf("%s: %+v, want device %d", dst, d.NextHops, link)
		}
	}
}

// TestNext: the runner-up is the decision without the winner.
func TestNext(t *testing.T) {
	f := lookup.New(hostOf([]route.Route{via("0.0.0.0/0", "192.0.2.1", 2, metric(1)), via("0.0.0.0/0", "198.51.100.1", 3, metric(2))}))
	tr := f.Explain(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")})
	if tr.Next == nil || len(tr.Next.NextHops) != 1 || tr.Next.NextHops[0].Link != 3 {
		t.Errorf("next: %+v", tr.Next)
	}
}

// TestStandings pins where default routes stand.
func TestStandings(t *testing.T) {
	from := to(100, 201)
	from.Selector.Src = netip.MustParsePrefix("198.51.100.2/32")
	routes := []route.Route{
		via("0.0.0.0/0", "192.0.2.1", 2, metric(1)),
		via("0.0.0.0/0", "198.51.100.1", 3, metric(2)),
		via("0.0.0.0/0", "198.51.100.1", 3, table(201)),
		via("0.0.0.0/0", "198.51.100.1", 3, table(77)),
	}
	rules := append([]route.Rule{from}, defaultRules()...)
	want := map[string]lookup.Status{
		"201/0": lookup.StatusConditional, "254/1": lookup.StatusInUse, "254/2": lookup.StatusStandby, "77/0": lookup.StatusUnreached,
	}
	for _, s := range lookup.New(hostOf(routes, rules...)).EntryStatuses(netip.MustParsePrefix("0.0.0.0/0")) {
		key := route.Names{Tables: map[route.Table]string{254: "254"}}.Table(s.Route.Table) + "/" + string(rune('0'+s.Route.Metric))
		if s.Status != want[key] {
			t.Errorf("%s: %s, want %s", key, s.Status, want[key])
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	halves := []route.Route{routes[0], via("0.0.0.0/1", "198.51.100.1", 3), via("128.0.0.0/1", "198.51.100.1", 3)}
	s := lookup.New(hostOf(halves)).EntryStatuses(netip.MustParsePrefix("0.0.0.0/0"))
	if len(s) != 1 || s[0].Status != lookup.StatusShadowed || len(s[0].By) != 2 {
		t.Errorf("under the halves: %+v", s)
	}
}

// TestSettingsUnread wants no decision where one that was not read decides, and
// one where none does.
func TestSettingsUnread(t *testing.T) {
	routes := []route.Route{
		via("0.0.0.0/0", "192.0.2.1", 2),
		via("192.0.2.2/32", "", 2, local), via("127.0.0.0/8", "", 1, local), via("127.0.0.1/32", "", 1, local),
		via("192.0.2.255/32", "", 2, func(r *route.Route) { r.Type, r.Table = route.TypeBroadcast, route.TableLocal }),
	}
	here, there := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("203.0.113.9")
	for name, c := range map[string]struct {
		flow route.Flow
		path string
	}{
		"sent":                 {route.Flow{Dst: there}, ""},
		"received, same way":   {route.Flow{Dst: here, Src: there, In: 2}, ""},
		"received, other way":  {route.Flow{Dst: here, Src: there, In: 3}, "net/ipv4/conf/eth1/rp_filter"},
		"to be forwarded":      {route.Flow{Dst: there, Src: netip.MustParseAddr("198.51.100.9"), In: 3}, "net/ipv4/conf/eth1/forwarding"},
		"from itself":          {route.Flow{Dst: here, Src: here, In: 2}, "net/ipv4/conf/eth0/accept_local"},
		"to loopback":          {route.Flow{Dst: netip.MustParseAddr("127.0.0.1"), Src: there, In: 2}, "net/ipv4/conf/eth0/route_localnet"},
		"sent from loopback":   {route.Flow{Dst: there, Src: netip.MustParseAddr("127.0.0.1")}, "net/ipv4/conf/all/route_localnet"},
		"broadcast":            {route.Flow{Dst: netip.MustParseAddr("192.0.2.255"), Src: there, In: 2}, "net/ipv4/conf/eth0/bc_forwarding"},
		"a martian in any way": {route.Flow{Dst: here, Src: netip.MustParseAddr("224.0.0.1"), In: 2}, ""},
	} {
		s := hostOf(routes)
		s.Gaps = []route.Gap{{Fact: route.FactSysctls, Why: "not in the files"}}
		f := lookup.New(s)
		d := f.Lookup(c.flow)
		want := lookup.Reason{}
		if c.path != "" {
			want = lookup.Reason{Code: lookup.CodeSettingUnread, Want: c.path, Have: s.Gaps[0].Why}
		}
		if d.Ambiguous != want || (d.Disposition == lookup.DispositionUnknown) != (c.path != "") {
			t.Errorf("%s: %s, %v; want %v", name, d.Disposition, d.Ambiguous, want)
		}
		if e := f.Explain(c.flow).Decision; e.Ambiguous != d.Ambiguous {
			t.Errorf("%s: explained by %v", name, e.Ambiguous)
		}
		s.Gaps = nil // a kernel that has no such settings
		if d := lookup.New(s).Lookup(c.flow); d.Disposition == lookup.DispositionUnknown {
			t.Errorf("%s: unknown although all was read", name)
		}
	}
}

// TestThrowThenRule wants nothing of a table that threw the packet in what a
// later rule says of it.
func TestThrowThenRule(t *testing.T) {
	routes := []route.Route{via("8.8.0.0/16", "", 0, typ(route.TypeThrow), table(100))}
	refuse := to(20, 0)
	refuse.Action = route.ActionProhibit
	d := lookup.New(hostOf(routes, to(10, 100), refuse)).Lookup(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")})
	if d.Disposition != lookup.DispositionProhibit || d.HasRoute || d.Rule == nil || d.Rule.Priority != 20 {
		t.Errorf("%s, route %v, rule %v", d.Disposition, d.Route, d.Rule)
	}
}
