package lookup_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/routetest"
)

// address6 are the IPv6 addresses and prefixes that stand for those of IPv4 in random hosts
// and packets.
var address6 = map[string]string{
	"": "", "0.0.0.0/0": "::/0", "10.0.0.0/8": "2001:db8:a::/48", "10.1.0.0/16": "2001:db8:a:1::/64", "10.9.9.9": "2001:db8:a:9::9",
	"10.1.2.3": "2001:db8:a:1::3", "10.1.1.1": "2001:db8:a:1::1", "10.2.2.2": "2001:db8:a:2::2", "203.0.113.0/24": "2001:db8:c::/64",
	"203.0.113.128/25": "2001:db8:c::8000/113", "203.0.113.9": "2001:db8:c::9", "203.0.113.200": "2001:db8:c::8009",
	"192.0.2.0/24": "2001:db8:1::/64", "192.0.2.1": "2001:db8:1::1", "192.0.2.3": "2001:db8:1::3", "192.0.2.2": "2001:db8:1::2",
	"192.0.2.77": "2001:db8:1::77", "198.51.100.2/32": "2001:db8:2::2/128", "198.51.100.1": "2001:db8:2::1",
	"198.51.100.2": "2001:db8:2::2", "198.51.100.7": "2001:db8:2::7", "8.8.8.8/32": "2606:4700::8/128", "8.8.8.8": "2606:4700::8",
	"9.9.9.9": "2606:4700::9", "127.0.0.1": "::1",
}

// either is an address or prefix of a random host in its family.
func either(fam route.Family, s string) string {
	if fam == route.IPv4 {
		return s
	}
	six, ok := address6[s]
	if !ok {
		panic(s)
	}
	return six
}

// host6 is the same in IPv6, except for what a family alone has: a TOS decides in IPv4's
// routes, and a source in IPv6's.
func host6(rng *rand.Rand, routes []route.Route, rules []route.Rule) *route.Snapshot {
	for i := range routes {
		if r := &routes[i]; r.TOS != 0 {
			r.TOS = 0
			r.Src = netip.MustParsePrefix(either(route.IPv6, []string{"192.0.2.0/24", "10.0.0.0/8"}[rng.IntN(2)]))
		}
	}
	for i := range rules {
		rules[i].Family = route.IPv6
		if s := &rules[i].Selector; rng.IntN(8) == 0 && i > 0 && i < len(rules)-2 {
			s.FlowLabel, s.FlowLabelMask = 5, 0xf
		}
	}
	s := hostOf(routes, rules...)
	for i, p := range []string{"2001:db8:1::2/64", "2001:db8:2::2/64"} {
		s.Addrs[i].Prefix = netip.MustParsePrefix(p)
	}
	return s
}

// randomHost has a few rules of every kind, and tables that overlap.
func randomHost(rng *rand.Rand, fam route.Family) *route.Snapshot {
	one := func(list ...string) string {
		s := list[rng.IntN(len(list))]
		if strings.HasPrefix(s, "eth") || s == "lo" || s == "nosuch0" {
			return s
		}
		return either(fam, s)
	}
	routes := locals()
	if fam == route.IPv6 {
		for i, p := range []string{"2001:db8:1::2/128", "2001:db8:2::2/128", "::1/128"} {
			routes[i].Dst, routes[i].PrefSrc = netip.MustParsePrefix(p), netip.Addr{}
		}
	}
	for i := range 3 + rng.IntN(8) {
		r := via(one("0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "203.0.113.0/24", "203.0.113.128/25"), one("192.0.2.1", "192.0.2.3"), 2,
			metric(uint32(i)), table([]route.Table{254, 254, 100, 101}[rng.IntN(4)]))
		if rng.IntN(3) == 0 {
			r.NextHops[0] = route.NextHop{Link: 3, Gateway: netip.MustParseAddr(either(fam, "198.51.100.1"))}
		}
		switch rng.IntN(8) {
		case 0:
			r.Type, r.NextHops = route.TypeThrow, nil
		case 1:
			r.Type, r.NextHops = route.TypeUnreachable, nil
		case 2:
			r.TOS = 8
		}
		routes = append(routes, r)
	}
	rules := []route.Rule{to(0, route.TableLocal)}
	for i := range rng.IntN(5) {
		r := to(uint32(10+i), []route.Table{100, 101, 102, 254}[rng.IntN(4)])
		s := &r.Selector
		for range rng.IntN(3) {
			switch rng.IntN(9) {
			case 0:
				s.Mark, s.MarkMask = uint32(rng.IntN(4)), 3
			case 1:
				s.Src = netip.MustParsePrefix(one("192.0.2.0/24", "198.51.100.2/32", "10.0.0.0/8", "10.1.0.0/16"))
			case 2:
				s.Dst = netip.MustParsePrefix(one("10.1.0.0/16", "203.0.113.0/24", "8.8.8.8/32"))
			case 3:
				s.HasUIDs, s.UIDs = true, route.UIDRange{Start: uint32(rng.IntN(2)) * 1000, End: 1000}
			case 4:
				s.In = one("eth0", "eth1", "lo", "nosuch0")
			case 5:
				s.Out = one("eth0", "eth1")
			case 6:
				s.Proto = 6
			case 7:
				s.DstPort = route.PortRange{Start: 80, End: 90}
			case 8:
				s.Not = true
			}
		}
		if *s == (route.Selector{Not: true}) {
			s.Not = false
		}
		switch rng.IntN(8) {
		case 0:
			r.Action, r.Table = route.ActionProhibit, 0
		case 1:
			r.SuppressPrefixLen = 0
		}
		rules = append(rules, r)
	}
	rules = append(rules, defaultRules()[1:]...)
	if fam == route.IPv6 {
		s := host6(rng, routes, rules)
		if rng.IntN(2) == 0 {
			s.Sysctls = route.Sysctls{"net/ipv6/conf/all/forwarding": "1"}
		}
		return s
	}
	s := hostOf(routes, rules...)
	if rng.IntN(2) == 0 {
		s.Sysctls = route.Sysctls{"net/ipv4/conf/eth0/forwarding": "1", "net/ipv4/conf/eth1/forwarding": "1"}
	}
	return s
}

// randomPackets are packets of which each field is one that hosts like these tell apart.
func randomPackets(rng *rand.Rand, fam route.Family, n int) []route.Flow {
	addr := func(list ...string) netip.Addr {
		if a := list[rng.IntN(len(list))]; a != "" {
			return netip.MustParseAddr(either(fam, a))
		}
		return netip.Addr{}
	}
	var out []route.Flow
	for range n {
		f := route.Flow{
			Dst: addr("8.8.8.8", "10.9.9.9", "10.1.2.3", "203.0.113.9", "203.0.113.200", "192.0.2.2", "198.51.100.7", "127.0.0.1"),
			Src: addr("", "192.0.2.2", "198.51.100.2", "10.1.1.1", "10.2.2.2", "192.0.2.77", "9.9.9.9"),
			In:  rng.IntN(4), Out: rng.IntN(4), Mark: uint32(rng.IntN(8)), UID: []uint32{0, 1000, 5000, route.NoUID}[rng.IntN(4)],
			Proto: []uint8{0, 6, 17}[rng.IntN(3)], DstPort: []uint16{0, 80, 443}[rng.IntN(3)], TOS: []uint8{0, 8, 16}[rng.IntN(3)],
		}
		if fam == route.IPv6 {
			f.FlowLabel = uint32(rng.IntN(2)) * 5
		}
		if f.In < 2 {
			f.In = 0
		} else {
			f.Out = 0
		}
		out = append(out, f)
	}
	return out
}

// endsAt reports whether a look-up ended at a route.
func endsAt(t *lookup.Trace, r *route.Route) bool {
	for i := range t.Rules {
		for _, c := range t.Rules[i].Candidates {
			switch c.Verdict {
			case lookup.VerdictChosen, lookup.VerdictPossible, lookup.VerdictRefuses, lookup.VerdictThrows:
				if c.Route.Dst == r.Dst && c.Route.Kind() == r.Kind() {
					return true
				}
			}
		}
	}
	return false
}

// matches reports whether a rule matched the packet of a look-up when it was asked.
func matches(t *lookup.Trace, r *route.Rule) bool {
	return slices.ContainsFunc(t.Rules, func(trial lookup.RuleTrial) bool {
		return trial.Rule == r && trial.Verdict != lookup.VerdictNoMatch && trial.Verdict != lookup.VerdictNotReached
	})
}

// TestSolver asks for packets by every rule and route of random hosts. A look-up agrees
// about each that is offered, and where none is, a sample of all packets has none.
func TestSolver(t *testing.T) {
	for _, fam := range []route.Family{route.IPv4, route.IPv6} {
		t.Run(fam.String(), func(t *testing.T) { solve(t, fam) })
	}
}

func solve(t *testing.T, fam route.Family) {
	hosts, packets := uint64(routetest.Fewer(12)), routetest.Fewer(3000)
	offered, none, open := 0, 0, 0
	for seed := range hosts {
		rng := rand.New(rand.NewPCG(seed, 13))
		host := randomHost(rng, fam)
		f := lookup.New(host)
		var sample []*lookup.Trace
		for _, flow := range randomPackets(rng, fam, packets) {
			sample = append(sample, f.Explain(flow))
		}
		check := func(what string, like route.Flow, got lookup.Solution, is func(*lookup.Trace) bool) {
			for _, flow := range got.Packets {
				offered++
				if tr := f.Explain(flow); !is(tr) || like.Dst.IsValid() && flow.Dst != like.Dst {
					t.Errorf("seed %d: %s: offered %+v, which is %s", seed, what, flow, tr.Decision.Disposition)
				}
			}
			switch {
			case len(got.Packets) > 0:
				return
			case !got.Complete:
				open++
				return
			}
			none++
			for _, tr := range sample {
				if is(tr) && (!like.Dst.IsValid() || tr.Flow.Dst == like.Dst) {
					t.Errorf("seed %d: %s: none was offered, but there is %+v", seed, what, tr.Flow)
					return
				}
			}
		}
		for _, like := range []route.Flow{{UID: route.NoUID}, {UID: route.NoUID, Dst: netip.MustParseAddr(either(fam, "10.1.2.3"))}} {
			s := f.Solver()
			for i := range host.Rules {
				r := &host.Rules[i]
				check(fmt.Sprintf("rule %d to %v", r.Priority, like.Dst), like, s.ByRule(r, like), func(tr *lookup.Trace) bool { return tr.Decision.Rule == r })
				check(fmt.Sprintf("packets that rule %d matches, to %v", r.Priority, like.Dst), like, s.Matching(r, like), func(tr *lookup.Trace) bool { return matches(tr, r) })
			}
			for i := range host.Routes {
				r := &host.Routes[i]
				check(fmt.Sprintf("route %s table %d metric %d to %v", r.Dst, r.Table, r.Metric, like.Dst), like, s.ByEntry(r, like), func(tr *lookup.Trace) bool { return endsAt(tr, r) })
			}
			if like.Dst.IsValid() {
				check("eth1", like, s.Find(like, func(_ *route.Flow, d *lookup.Decision) bool { return len(d.NextHops) > 0 && d.NextHops[0].Link == 3 }),
					func(tr *lookup.Trace) bool {
						return len(tr.Decision.NextHops) > 0 && tr.Decision.NextHops[0].Link == 3
					})
			}
		}
		if t.Failed() {
			t.Fatalf("%+v", host.Rules)
		}
	}
	t.Logf("%d packets were offered, %d times there is none, %d searches were given up", offered, none, open)
	if offered < routetest.Fewer(200) || none < routetest.Fewer(50) || open > (offered+none)/10 {
		t.Errorf("too little was decided: %d packets, %d times none, %d given up", offered, none, open)
	}
}
