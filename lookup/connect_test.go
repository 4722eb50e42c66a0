package lookup_test

import (
	"cmp"
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// locals are the routes that two-device hosts of hostOf have in table local.
func locals() []route.Route {
	local := func(dst string, link int) route.Route {
		return via(dst, "", link, table(route.TableLocal), func(r *route.Route) {
			r.Type, r.Scope, r.PrefSrc = route.TypeLocal, route.ScopeHost, r.Dst.Addr()
		})
	}
	return []route.Route{local("192.0.2.2/32", 2), local("198.51.100.2/32", 3), local("127.0.0.1/32", 1)}
}

// legs makes a multipath route of both devices.
func legs(dst string) route.Route {
	r := via(dst, "192.0.2.1", 2)
	r.NextHops = append(r.NextHops, route.NextHop{Gateway: netip.MustParseAddr("198.51.100.1"), Link: 3, Weight: 1})
	r.NextHops[0].Weight = 1
	return r
}

// fromSource is a rule for packets from one address.
func fromSource(priority uint32, src string, t route.Table) route.Rule {
	r := to(priority, t)
	r.Selector.Src = netip.MustParsePrefix(src)
	return r
}

// refusing is a rule for packets to some addresses, which it prohibits.
func refusing(priority uint32, dst string) route.Rule {
	r := to(priority, 0)
	r.Action, r.Selector.Dst = route.ActionProhibit, netip.MustParsePrefix(dst)
	return r
}

// inOrder are some rules and the default ones in the order of their priorities.
func inOrder(rules ...route.Rule) []route.Rule {
	all := slices.Concat(rules, defaultRules())
	slices.SortStableFunc(all, func(a, b route.Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	return all
}

// TestConnect pins what the two look-ups of a connection come to.
func TestConnect(t *testing.T) {
	main := []route.Route{via("192.0.2.0/24", "", 2), via("198.51.100.0/24", "", 3), via("0.0.0.0/0", "192.0.2.1", 2)}
	other := via("0.0.0.0/0", "198.51.100.1", 3, table(100))
	third := via("0.0.0.0/0", "198.51.100.9", 3, table(101))
	refuse := via("0.0.0.0/0", "", 0, table(102), typ(route.TypeProhibit))
	two := legs("203.0.113.0/24")
	for name, c := range map[string]struct {
		dst   string
		from  string
		more  []route.Route
		rules []route.Rule
		// links are the devices of the connection's ways.
		links    []int
		errno    route.Errno
		some     route.Errno
		src      string
		twice    bool
		bySource int
		first    bool
	}{
		"the same twice":                {dst: "203.0.113.9", links: []int{2}, src: "192.0.2.2", first: true},
		"a rule for its source":         {dst: "203.0.113.9", rules: []route.Rule{fromSource(5, "192.0.2.2/32", 100)}, links: []int{3}, src: "192.0.2.2", twice: true, first: true},
		"a rule for another source":     {dst: "203.0.113.9", rules: []route.Rule{fromSource(5, "198.51.100.2/32", 100)}, links: []int{2}, src: "192.0.2.2", first: true},
		"a source of its own":           {dst: "203.0.113.9", from: "192.0.2.2", rules: []route.Rule{fromSource(5, "192.0.2.2/32", 100)}, links: []int{3}, src: "192.0.2.2"},
		"refused the second time":       {dst: "203.0.113.9", rules: []route.Rule{fromSource(5, "192.0.2.2/32", 102)}, errno: route.EACCES, twice: true, first: true},
		"another rule, the same route":  {dst: "203.0.113.9", rules: []route.Rule{fromSource(5, "192.0.2.2/32", route.TableMain)}, links: []int{2}, src: "192.0.2.2", twice: true, first: true},
		"this host":                     {dst: "198.51.100.2", links: []int{1}, src: "198.51.100.2", first: true},
		"0.0.0.0":                       {dst: "0.0.0.0", links: []int{1}, src: "127.0.0.1"},
		"0.0.0.0, and 127/8 prohibited": {dst: "0.0.0.0", rules: []route.Rule{refusing(0, "127.0.0.0/8")}, errno: route.EACCES, twice: true, first: true},
		"two legs, each keeps its own":  {dst: "203.0.113.9", more: []route.Route{two}, links: []int{2, 3}, bySource: 2, first: true},
		"two legs and rules":            {dst: "203.0.113.9", more: []route.Route{two}, rules: []route.Rule{fromSource(5, "192.0.2.2/32", 101), fromSource(6, "198.51.100.2/32", 100)}, links: []int{3, 3}, twice: true, bySource: 2, first: true},
		"two legs, one refused":         {dst: "203.0.113.9", more: []route.Route{two}, rules: []route.Rule{fromSource(5, "192.0.2.2/32", 102)}, links: []int{3}, some: route.EACCES, twice: true, bySource: 2, first: true},
		"the same prefix elsewhere":     {dst: "203.0.113.9", more: []route.Route{via("203.0.113.0/24", "192.0.2.1", 2), via("203.0.113.0/24", "192.0.2.1", 2, table(103))}, rules: []route.Rule{fromSource(5, "192.0.2.2/32", 103)}, links: []int{2}, src: "192.0.2.2", twice: true, first: true},
		"nowhere the first time":        {dst: "203.0.113.9", rules: []route.Rule{refusing(0, "203.0.113.0/24")}, errno: route.EACCES},
	} {
		t.Run(name, func(t *testing.T) {
			routes := append(append(locals(), main...), other, third, refuse)
			f := lookup.New(hostOf(append(routes, c.more...), inOrder(c.rules...)...))
			flow := route.Flow{Dst: netip.MustParseAddr(c.dst), Proto: route.ProtoTCP, DstPort: 443}
			if c.from != "" {
				flow.Src = netip.MustParseAddr(c.from)
			}
			got := f.Connect(flow)
			d := &got.Decision
			if d.Errno != c.errno || d.SomeRefused != c.some {
				t.Errorf("errno %v, for some %v; want %v and %v", d.Errno, d.SomeRefused, c.errno, c.some)
			}
			if !sameLinks(d.NextHops, c.links) {
				t.Errorf("ways %+v, want devices %v", d.NextHops, c.links)
			}
			if d.Src.IsValid() && d.Src.String() != c.src || !d.Src.IsValid() && c.src != "" {
				t.Errorf("source %v, want %s", d.Src, c.src)
			}
			if got.Twice() != c.twice || len(got.BySource) != c.bySource || (got.First != nil) != c.first {
				t.Errorf("twice %v, %d by source, first %v; want %v, %d, %v", got.Twice(), len(got.BySource), got.First != nil, c.twice, c.bySource, c.first)
			}
		})
	}
}

func sameLinks(ways []lookup.NextHop, links []int) bool {
	if len(ways) != len(links) {
		return false
	}
	for i := range ways {
		if ways[i].Link != links[i] {
			return false
		}
	}
	return true
}

// TestConnectShares: a source's part of all connections is that of the legs that
// give it.
func TestConnectShares(t *testing.T) {
	two := legs("203.0.113.0/24")
	two.NextHops[1].Weight = 3
	routes := append(locals(), two, via("0.0.0.0/0", "198.51.100.9", 3, table(101)))
	rules := append([]route.Rule{fromSource(5, "192.0.2.2/32", 101)}, defaultRules()...)
	got := lookup.New(hostOf(routes, rules...)).Connect(route.Flow{Dst: netip.MustParseAddr("203.0.113.9")})
	if w := got.Decision.NextHops; len(w) != 2 || w[0].Share != 0.25 || w[1].Share != 0.75 || w[0].Src != netip.MustParseAddr("192.0.2.2") {
		t.Errorf("%+v", w)
	}
}

// TestConnectOnce: where a socket looks up only once there is no second look-up.
func TestConnectOnce(t *testing.T) {
	main := []route.Route{via("2001:db8::/32", "", 2), via("203.0.113.0/24", "192.0.2.1", 2, func(r *route.Route) { r.PrefSrc = netip.MustParseAddr("127.0.0.1") })}
	for dst, what := range map[string]string{
		"2001:db8::9": "IPv6, and the first found a route",
		"ff02::1":     "IPv6 to a group",
		"203.0.113.9": "refused for its source",
		"192.0.2.9":   "refused by a rule",
	} {
		s := hostOf(append(locals(), main...), inOrder(refusing(5, "192.0.2.0/24"), six(to(32766, route.TableMain)))...)
		s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.MustParsePrefix("2001:db8::2/64")})
		flow := route.Flow{Dst: netip.MustParseAddr(dst)}
		if flow.Dst.IsMulticast() {
			flow.Out = 2
		}
		if got := lookup.New(s).Connect(flow); got.First != nil {
			t.Errorf("%s: %+v", what, got.Decision)
		}
	}
}

// TestConnectStale: a leg that should not be taken makes no look-up of its own.
func TestConnectStale(t *testing.T) {
	r := legs("203.0.113.0/24")
	r.NextHops = append(r.NextHops, route.NextHop{Link: 4, Weight: 1, Flags: route.NextHopDead | route.NextHopLinkDown})
	s := hostOf(append(locals(), r))
	s.Links = append(s.Links, route.Link{Index: 4, Name: "eth2", Flags: route.LinkUp})
	s.Addrs = append(s.Addrs, route.Addr{Link: 4, Prefix: netip.MustParsePrefix("10.0.0.2/24")})
	sysctl("net/ipv4/conf/all/ignore_routes_with_linkdown=1")(s)
	if got := lookup.New(s).Connect(route.Flow{Dst: netip.MustParseAddr("203.0.113.9")}); len(got.BySource) != 2 {
		t.Errorf("%d sources, want 2", len(got.BySource))
	}
}

// TestSocket: the warning that a connected socket ends elsewhere comes where it
// does, and only there.
func TestSocket(t *testing.T) {
	routes := append(locals(),
		via("203.0.113.0/24", "192.0.2.1", 2), via("203.0.113.0/24", "192.0.2.9", 2, table(100)),
		via("203.0.114.0/24", "192.0.2.1", 2), via("203.0.114.0/24", "192.0.2.1", 2, table(100)),
		via("0.0.0.0/0", "192.0.2.1", 2), via("239.2.0.0/16", "192.0.2.1", 2, func(r *route.Route) { r.PrefSrc = netip.MustParseAddr("198.51.100.2") }),
	)
	rules := inOrder(fromSource(5, "192.0.2.2/32", 100), refusing(0, "127.0.0.0/8"))
	f := lookup.New(hostOf(routes, rules...))
	for dst, want := range map[string]bool{
		"203.0.113.9": true, "203.0.114.9": false, "198.51.100.2": false, "0.0.0.0": false,
		"239.1.1.1": false, "224.0.0.251": false, "255.255.255.255": false, "239.2.1.1": true,
	} {
		if got := f.Explain(route.Flow{Dst: netip.MustParseAddr(dst)}).Socket; (got != nil) != want {
			t.Errorf("%s: %+v", dst, got)
		}
	}
}
