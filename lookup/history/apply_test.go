package history

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestApplyRoute checks that a route comes to the place where the kernel puts it.
func TestApplyRoute(t *testing.T) {
	const gone, replaces, appends = 1, 2, 4
	for _, c := range []struct {
		before string // metric/last byte of each gateway
		event  string
		how    int
		after  string
	}{
		{"", "0/1", 0, "0/1"},
		{"0/1", "5/2", 0, "0/1 5/2"},
		{"5/2", "0/1", 0, "0/1 5/2"},
		{"0/1 0/2", "0/3", 0, "0/3 0/1 0/2"},
		{"0/1 0/2 7/9", "0/3", appends, "0/1 0/2 0/3 7/9"},
		{"0/1 0/2", "0/3", replaces, "0/3 0/2"},
		{"5/1", "0/3", replaces, "0/3 5/1"},
		{"0/1 0/2", "0/2", gone, "0/1"},
		{"0/1", "0/1", gone, ""},
		{"0/1", "0/2", gone, "0/1"},
		{"0/1 5/2", "5/2", 0, "0/1 5/2"}, // it was read already
		{"0/1,2", "0/1,2", gone, ""},
		// IPv6: routes of the same metric come after each other, and each next hop has its
		// own event.
		{"6:9/1", "6:9/2", 0, "6:9/1 6:9/2"},
		{"6:9/1 6:9/2", "6:9/1,2,3", appends, "6:9/1,2,3"},
		{"6:9/1,2", "6:9/3,1,2", appends, "6:9/1,2,3"}, // the event begins with the new one
		{"6:9/1,2,3", "6:9/2", gone, "6:9/1,3"},
		{"6:9/1,2", "6:9/2", gone, "6:9/1"},
		{"6:9/1,2,3", "6:9/1,2,3", gone, ""},
		{"6:9/1,2", "6:9/4", replaces, "6:9/4"},
		{"6:9/1 6:12/2", "6:12/2", gone, "6:9/1"},
		{"6:9/1", "6:7/1", gone, "6:9/1"},
		// A route without a gateway replaces the first of its kind, and otherwise the first.
		{"6:9/1 6:9/0", "6:9/7", replaces, "6:9/7 6:9/0"},
		{"6:9/0 6:9/1", "6:9/7", replaces, "6:9/0 6:9/7"},
		{"6:9/0 6:12/1", "6:9/7", replaces, "6:9/7 6:12/1"},
	} {
		var s route.Snapshot
		for _, text := range strings.Fields(c.before) {
			s.Routes = append(s.Routes, routeOf(t, text))
		}
		s.Links = []route.Link{{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLowerUp}, {Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}}
		r := routeOf(t, c.event)
		e := &route.Event{Route: &r, Gone: c.how&gone != 0, Replaces: c.how&replaces != 0, Appends: c.how&appends != 0}
		before := lookup.New(&s)
		after := Apply(before, e)
		if got := textOf(after, r.Dst); got != c.after {
			t.Errorf("%s, then %s (%d): %q; want %q", c.before, c.event, c.how, got, c.after)
		}
		if got := textOf(before, r.Dst); got != c.before {
			t.Errorf("%s became %q", c.before, got)
		}
		if again := Apply(after, e); textOf(again, r.Dst) != c.after {
			t.Errorf("%s, then %s twice (%d): %q", c.before, c.event, c.how, textOf(again, r.Dst))
		}
	}
}

// routeOf is a default route. The text gives its family, which is 6 if the text begins with
// it, its metric and the last bytes of its gateways. 0 is an IPv6 next hop without a gateway.
func routeOf(t *testing.T, text string) route.Route {
	t.Helper()
	rest, is6 := strings.CutPrefix(text, "6:")
	metric, gateways, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(metric)
	if err != nil {
		t.Fatal(text, err)
	}
	f, network := route.IPv4, "192.0.2."
	if is6 {
		f, network = route.IPv6, "2001:db8::"
	}
	r := route.Route{Table: route.TableMain, Dst: f.Default(), Metric: uint32(n), Type: route.TypeUnicast}
	all := strings.Split(gateways, ",")
	for _, g := range all {
		h := route.NextHop{Gateway: netip.MustParseAddr(network + g), Link: 2}
		if len(all) > 1 {
			h.Weight = 1
		}
		if is6 && g == "0" {
			h.Gateway = netip.Addr{}
		}
		r.NextHops = append(r.NextHops, h)
	}
	return r
}

func textOf(f *lookup.FIB, dst netip.Prefix) string {
	var out []string
	for _, r := range f.Edit().At(route.TableMain, dst) {
		var gateways []string
		for _, h := range r.NextHops {
			last := 0
			if g := h.Gateway.AsSlice(); g != nil {
				last = int(g[len(g)-1])
			}
			gateways = append(gateways, strconv.Itoa(last))
		}
		text := strconv.Itoa(int(r.Metric)) + "/" + strings.Join(gateways, ",")
		if dst.Addr().Is6() {
			text = "6:" + text
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

// TestApplyRule checks that a rule comes after the others of its priority.
func TestApplyRule(t *testing.T) {
	rule := func(f route.Family, priority uint32, table route.Table) route.Rule {
		return route.Rule{Family: f, Priority: priority, Action: route.ActionTable, Table: table, SuppressPrefixLen: -1, SuppressGroup: -1}
	}
	list := []route.Rule{rule(route.IPv4, 0, 255), rule(route.IPv4, 10, 7), rule(route.IPv4, 32766, 254), rule(route.IPv6, 0, 255), rule(route.IPv6, 32766, 254)}
	r := rule(route.IPv4, 10, 8)
	got := applyRule(list, &route.Event{Rule: &r})
	if i := slices.IndexFunc(got, func(x route.Rule) bool { return x.Table == 8 }); i != 2 {
		t.Errorf("the rule is at %d", i)
	}
	if again := applyRule(got, &route.Event{Rule: &r}); len(again) != len(got) {
		t.Errorf("%d rules, and %d after the same event again", len(got), len(again))
	}
	if left := applyRule(got, &route.Event{Rule: &r, Gone: true}); len(left) != len(list) {
		t.Errorf("%d rules are left of %d", len(left), len(list))
	}
}

// TestImplied checks for how long deleted IPv6 rules are in force.
func TestImplied(t *testing.T) {
	local, main := route.DefaultRules(route.IPv6)[0], route.DefaultRules(route.IPv6)[1]
	implied := local
	implied.Implied = true
	other := main
	other.Priority = 100
	hostWith := func(rules ...route.Rule) *lookup.FIB { return lookup.New(&route.Snapshot{Rules: rules}) }
	for _, c := range []struct {
		name         string
		before, read []route.Rule
		want         []route.Rule
	}{
		{"a reading that could not ask the kernel", []route.Rule{implied, main}, []route.Rule{main}, []route.Rule{implied, main}},
		{"the rule is there again", []route.Rule{implied, main}, []route.Rule{local, main}, []route.Rule{local, main}},
		{"another one was added", []route.Rule{implied, main}, []route.Rule{other, main}, []route.Rule{other, main}},
		{"it was not in force", []route.Rule{main}, []route.Rule{main}, []route.Rule{main}},
	} {
		got := implied6(hostWith(c.read...), hostWith(c.before...).Snapshot()).Snapshot().Rules
		if !slices.EqualFunc(got, c.want, func(a, b route.Rule) bool { return sameRule(&a, &b) && a.Implied == b.Implied }) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	for _, c := range []struct {
		before []route.Rule
		want   bool // the deleted rule stays in force
	}{
		{[]route.Rule{local, main}, true},
		{[]route.Rule{implied, main}, true}, // it was read already
		{[]route.Rule{local, other, main}, false},
	} {
		got := Apply(hostWith(c.before...), &route.Event{Rule: &local, Gone: true}).Snapshot().Rules
		if in := slices.ContainsFunc(got, func(r route.Rule) bool { return sameRule(&r, &local) && r.Implied }); in != c.want || len(got) == len(c.before) != c.want {
			t.Errorf("of %+v is left %+v", c.before, got)
		}
	}
	for _, added := range []route.Rule{other, local} {
		got := Apply(hostWith(implied, main), &route.Event{Rule: &added}).Snapshot().Rules
		if len(got) != 2 || got[0].Implied || got[0].Priority != added.Priority {
			t.Errorf("after rule %d: %+v", added.Priority, got)
		}
	}
}

// TestDeletedRule checks that a deleted IPv6 rule is not in force if another one was there before.
func TestDeletedRule(t *testing.T) {
	starts := route.DefaultRules(route.IPv6)
	other := starts[1]
	other.Priority = 100
	for _, c := range []struct {
		name   string
		before []route.Rule
		events []route.Event
		want   int // how many rules the kernel goes by
	}{
		{"nothing was added", starts, []route.Event{{Rule: &starts[1], Gone: true}}, 2},
		{"one was added", starts, []route.Event{{Rule: &other}, {Rule: &other, Gone: true}, {Rule: &starts[1], Gone: true}}, 1},
		{"one was there", append(starts[:2:2], other), []route.Event{{Rule: &other, Gone: true}, {Rule: &starts[1], Gone: true}}, 1},
	} {
		var rules rules6
		f := lookup.New(&route.Snapshot{Rules: c.before})
		rules.read(f.Snapshot())
		for i := range c.events {
			f = rules.apply(f, &c.events[i])
		}
		if got := f.Snapshot().Rules; len(got) != c.want {
			t.Errorf("%s: the kernel goes by %+v; want %d rules", c.name, got, c.want)
		}
	}
}

// TestApplyAddr checks that a route goes on prescribing an IPv6 address that went with its
// device, and that it does not prescribe one that was removed.
func TestApplyAddr(t *testing.T) {
	own := netip.MustParsePrefix("2001:db8:5::1/64")
	local := route.Route{Table: route.TableLocal, Dst: netip.PrefixFrom(own.Addr(), 128), Type: route.TypeLocal, Protocol: route.ProtocolKernel, NextHops: []route.NextHop{{Link: 3}}}
	way := routeOf(t, "6:9/1")
	way.PrefSrc = own.Addr()
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	f := lookup.New(&route.Snapshot{
		Links:  []route.Link{{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLowerUp}, {Index: 2, Name: "eth0", Flags: up}, {Index: 3, Name: "eth1", Flags: up}},
		Addrs:  []route.Addr{{Link: 3, Prefix: own}},
		Routes: []route.Route{local, way},
	})
	addr := route.Event{Addr: &route.Addr{Link: 3, Prefix: own}, Gone: true}
	with := route.Event{Route: &local, Gone: true}
	for _, c := range []struct {
		name   string
		events []*route.Event
		want   netip.Addr
	}{
		{"with its device", []*route.Event{&with, &addr}, own.Addr()},
		{"alone", []*route.Event{&addr, &with}, netip.Addr{}},
	} {
		after := f
		for _, e := range c.events {
			after = Apply(after, e)
		}
		left := after.Edit().At(route.TableMain, route.IPv6.Default())
		if len(left) != 1 || left[0].PrefSrc != c.want || len(after.Snapshot().Addrs) != 0 {
			t.Errorf("the address went %s: %d routes and %d addresses are left; want that the route prescribes %v", c.name, len(left), len(after.Snapshot().Addrs), c.want)
		}
	}
}

// TestApplyUp checks that the dead next hops by a device are used again after it went up.
func TestApplyUp(t *testing.T) {
	const lower = route.LinkRunning | route.LinkLowerUp
	hops := func(gateways ...string) (out []route.NextHop) {
		for i, g := range gateways {
			out = append(out, route.NextHop{Gateway: netip.MustParseAddr(g), Link: 2 + i})
		}
		out[1].Flags = route.NextHopDead | route.NextHopLinkDown
		return out
	}
	f := lookup.New(&route.Snapshot{
		Links: []route.Link{{Index: 1, Name: "lo", Flags: route.LinkUp | lower}, {Index: 2, Name: "eth0", Flags: route.LinkUp | lower}, {Index: 3, Name: "eth1"}},
		Addrs: []route.Addr{{Link: 3, Prefix: netip.MustParsePrefix("198.51.100.2/24")}},
		Routes: []route.Route{
			{Table: route.TableMain, Dst: route.IPv4.Default(), Type: route.TypeUnicast, NextHops: hops("192.0.2.1", "198.51.100.1")},
			{Table: route.TableMain, Dst: route.IPv6.Default(), Metric: 1024, Type: route.TypeUnicast, NextHops: hops("2001:db8:1::1", "2001:db8:2::1")},
		},
	})
	for _, c := range []struct {
		flags  route.LinkFlags
		v4, v6 route.NextHopFlags
	}{
		{route.LinkUp | lower, 0, 0},
		{route.LinkUp, route.NextHopLinkDown, route.NextHopDead | route.NextHopLinkDown},
		{0, route.NextHopDead | route.NextHopLinkDown, route.NextHopDead | route.NextHopLinkDown},
	} {
		after := Apply(f, &route.Event{Link: &route.Link{Index: 3, Name: "eth1", Flags: c.flags}})
		for _, x := range []struct {
			dst  netip.Prefix
			want route.NextHopFlags
		}{{route.IPv4.Default(), c.v4}, {route.IPv6.Default(), c.v6}} {
			left := after.Edit().At(route.TableMain, x.dst)
			if len(left) != 1 || left[0].NextHops[1].Flags != x.want {
				t.Errorf("%s after eth1 has the flags %#x: %+v; want the flags %#x for the second next hop", x.dst, c.flags, left[0].NextHops, x.want)
			}
		}
	}
}

// TestApplyNewAddr checks that an address comes to the place where the kernel puts it: the newest IPv6
// address first, and the newest IPv4 one last, unless its scope is narrower.
func TestApplyNewAddr(t *testing.T) {
	for _, c := range []struct{ before, event, after string }{
		{"", "2001:db8::1/64", "2001:db8::1/64"},
		{"2001:db8::1/64 fe80::1/64", "2001:db8::2/64", "2001:db8::2/64 2001:db8::1/64 fe80::1/64"},
		{"2001:db8::2/64 2001:db8::1/64", "2001:db8::1/64", "2001:db8::2/64 2001:db8::1/64"},
		{"192.0.2.1/24 2001:db8::1/64", "198.51.100.1/24", "192.0.2.1/24 198.51.100.1/24 2001:db8::1/64"},
		{"192.0.2.1/24", "198.51.100.1/24/link", "198.51.100.1/24/link 192.0.2.1/24"},
		{"192.0.2.1/24 192.0.2.2/24/secondary", "198.51.100.1/24", "192.0.2.1/24 198.51.100.1/24 192.0.2.2/24/secondary"},
		{"192.0.2.1/24 198.51.100.1/24", "192.0.2.2/24/secondary", "192.0.2.1/24 198.51.100.1/24 192.0.2.2/24/secondary"},
	} {
		var s route.Snapshot
		for _, text := range strings.Fields(c.before) {
			s.Addrs = append(s.Addrs, addrOf(text))
		}
		s.Links = []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}}
		a := addrOf(c.event)
		want := make([]route.Addr, 0, len(s.Addrs)+1)
		for _, text := range strings.Fields(c.after) {
			want = append(want, addrOf(text))
		}
		if got := Apply(lookup.New(&s), &route.Event{Addr: &a}).Snapshot().Addrs; !slices.Equal(got, want) {
			t.Errorf("%s, then %s: %v; want %v", c.before, c.event, got, want)
		}
	}
}

// addrOf is an address of the device 2, of global scope unless something else is after it.
func addrOf(text string) route.Addr {
	f := append(strings.Split(text, "/"), "")
	a := route.Addr{Link: 2, Prefix: netip.MustParsePrefix(f[0] + "/" + f[1])}
	switch f[2] {
	case "link":
		a.Scope = route.ScopeLink
	case "secondary":
		a.Flags = route.AddrSecondary
	}
	return a
}
