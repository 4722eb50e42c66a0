package lookup

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"routewhy/route"
	"routewhy/route/routetest"
)

// TestRuleIndex decides about packets by the index of the rules and without it.
func TestRuleIndex(t *testing.T) {
	for seed := range uint64(routetest.Fewer(40)) {
		rng := rand.New(rand.NewPCG(seed, 7))
		for _, fam := range []route.Family{route.IPv4, route.IPv6} {
			f := New(manyRules(rng, fam, 300))
			if f.family(fam).index == nil {
				t.Fatal("no index")
			}
			plain := *f
			plain.family(fam).index = nil
			for range 300 {
				flow := randomFlow(rng, fam)
				if got, want := f.Lookup(flow), plain.Lookup(flow); !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d, %+v: %+v, without the index %+v", seed, flow, got, want)
				}
				if got, want := f.prober().sketch(flow).Decision, plain.Explain(flow).Decision; !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d, %+v: sketched %+v, explained %+v", seed, flow, got, want)
				}
			}
		}
	}
}

// TestRuleIndexAsks counts the rules that are asked on a host with one for each of
// its customers.
func TestRuleIndexAsks(t *testing.T) {
	s := concentrator(5000, 100)
	f := New(s)
	w := walk{fib: f, flow: route.Flow{Dst: netip.MustParseAddr("8.8.8.8"), Mark: 2310}, mem: new(memory)}
	var d Decision
	w.decide(&d)
	if !d.HasRoute || d.Route.Table != 1009 || w.steps > 3 {
		t.Errorf("%d rules asked, %+v", w.steps, d.Route)
	}
}

// TestStandingsWork bounds what the default routes of such a host cost: twice the
// customers are twice the work.
func TestStandingsWork(t *testing.T) {
	work := func(rules int) int {
		f := New(concentrator(rules, rules/10)).prober()
		var n int
		for _, s := range f.judge(route.IPv4.Default()) {
			if s.Route.Table != route.TableMain && (s.Status != StatusConditional || len(s.If) != 10) {
				t.Fatalf("%d rules: table %d is %s for %d", rules, s.Route.Table, s.Status, len(s.If))
			}
			n++
		}
		if n != rules/10+1 {
			t.Fatalf("%d default routes", n)
		}
		return f.work
	}
	if small, large := work(2000), work(4000); large > small*5/2 {
		t.Errorf("work %d, for twice the rules %d", small, large)
	}
}

// TestStandingsOfManyTables: the default routes of very many tables that one packet asks
// about one after the other are told with that one packet.
func TestStandingsOfManyTables(t *testing.T) {
	const tables = 6000
	s := &route.Snapshot{Links: []route.Link{
		{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLowerUp | route.LinkLoopback}, {Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp},
	}}
	for i := range route.Table(tables) {
		s.Rules = append(s.Rules, route.Rule{
			Family: route.IPv4, Priority: uint32(i), Action: route.ActionTable, Table: 1000 + i, SuppressPrefixLen: 0, SuppressGroup: -1,
		})
		s.Routes = append(s.Routes, route.Route{
			Table: 1000 + i, Dst: route.IPv4.Default(), Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: 2}},
		})
	}
	f := New(s).prober()
	for _, x := range f.judge(route.IPv4.Default()) {
		if x.Status != StatusBeaten {
			t.Fatalf("table %d is %s, %s", x.Route.Table, x.Status, x.Reason.Code)
		}
	}
	if f.work > 10*tables {
		t.Errorf("work %d for %d tables", f.work, tables)
	}
}

// TestStandingsGivesUp: what is too much is unknown, and not called unused.
func TestStandingsGivesUp(t *testing.T) {
	f := New(concentrator(100, 10)).prober()
	f.work = maxWork + 1
	for _, s := range f.judge(route.IPv4.Default()) {
		if s.Status != StatusUnknown || s.Reason.Code != CodeTooMuch {
			t.Errorf("table %d is %s, %s", s.Route.Table, s.Status, s.Reason.Code)
		}
	}
}

// TestGotos pins where gotos go on, of which there may be many to nowhere.
func TestGotos(t *testing.T) {
	s := &route.Snapshot{Links: []route.Link{{Index: 1, Name: "lo"}}}
	for i := range uint32(4) {
		s.Rules = append(s.Rules, route.Rule{Family: route.IPv4, Priority: i, Action: route.ActionGoto, Goto: i, SuppressPrefixLen: -1, SuppressGroup: -1})
	}
	s.Rules = append(s.Rules, route.Rule{Family: route.IPv4, Priority: 3, Action: route.ActionProhibit, SuppressPrefixLen: -1, SuppressGroup: -1})
	var got []int
	for _, r := range New(s).v4.rules {
		got = append(got, r.target)
	}
	if want := []int{0, 0, 0, 4, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestPossibleDefaults holds the choice between equal default routes against
// fib_select_default with every last choice that it may remember.
func TestPossibleDefaults(t *testing.T) {
	kernel := func(life []neighbourLife, last int) int {
		resort := -1
		for i, l := range life {
			switch {
			case l == lifeAlive || l == lifeSuspect && i != last:
				return i
			case l == lifeSuspect || resort < 0 && i > last && l != lifeUnanswered:
				resort = i
			}
		}
		return max(resort, 0)
	}
	for n := 1; n <= 6; n++ {
		total := 1
		for range n {
			total *= 4
		}
		for code := range total {
			life := make([]neighbourLife, n)
			for i, rest := 0, code; i < n; i, rest = i+1, rest/4 {
				life[i] = neighbourLife(rest % 4)
			}
			var want []int
			for last := -1; last < n; last++ {
				if i := kernel(life, last); !slices.Contains(want, i) {
					want = append(want, i)
				}
			}
			slices.Sort(want)
			if got := possibleDefaults(nil, life); !slices.Equal(got, want) {
				t.Errorf("%v: %v, the kernel %v", life, got, want)
			}
		}
	}
}

// TestSamePrefix adds routes of one prefix, whose entries must not be copied for
// each of them, and whose first may be shared with another prefix.
func TestSamePrefix(t *testing.T) {
	var b Builder
	def, other := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("10.0.0.0/8")
	add := func(dst netip.Prefix, metric uint32) {
		b.Add(&route.Route{Table: route.TableMain, Dst: dst, Type: route.TypeUnicast, Metric: metric, NextHops: []route.NextHop{{Link: 1}}})
	}
	add(def, 0)
	add(other, 0)
	for i := range uint32(1000) {
		add(def, i+1)
	}
	first, _ := b.tables4[route.TableMain].trie.Get(def)
	shared, _ := b.tables4[route.TableMain].trie.Get(other)
	if len(first.entries) != 1001 || len(shared.entries) != 1 || first.entries[1000].route.Metric != 1000 {
		t.Fatalf("%d and %d entries", len(first.entries), len(shared.entries))
	}
	add(def, 0)
	if again, _ := b.tables4[route.TableMain].trie.Get(def); again != first {
		t.Error("the entries were copied")
	}
}

// concentrator is a host with a rule for each customer and a default route in each
// of several tables.
func concentrator(rules, tables int) *route.Snapshot {
	s := &route.Snapshot{
		Links: []route.Link{{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLoopback}, {Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp}},
		Addrs: []route.Addr{{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}},
		Rules: route.DefaultRules(route.IPv4)[:1],
	}
	def := func(t route.Table) {
		s.Routes = append(s.Routes, route.Route{
			Table: t, Dst: route.IPv4.Default(), Type: route.TypeUnicast,
			NextHops: []route.NextHop{{Gateway: netip.MustParseAddr("192.0.2.1"), Link: 2}},
		})
	}
	for i := range rules {
		s.Rules = append(s.Rules, route.Rule{
			Family: route.IPv4, Priority: uint32(i + 1), Action: route.ActionTable, Table: route.Table(1000 + i%tables),
			Selector: route.Selector{Mark: uint32(i + 1), MarkMask: 1<<32 - 1}, SuppressPrefixLen: -1, SuppressGroup: -1,
		})
	}
	s.Rules = append(s.Rules, route.DefaultRules(route.IPv4)[1:]...)
	for i := range tables {
		def(route.Table(1000 + i))
	}
	def(route.TableMain)
	return s
}

// manyRules are random rules that lead to a few tables of a few routes.
func manyRules(rng *rand.Rand, fam route.Family, n int) *route.Snapshot {
	s := &route.Snapshot{Sysctls: route.Sysctls{"net/ipv4/conf/all/rp_filter": "0"}}
	for i, name := range []string{"lo", "eth0", "eth1", "red"} {
		s.Links = append(s.Links, route.Link{Index: i + 1, Name: name, Flags: route.LinkUp | route.LinkLowerUp})
	}
	s.Links[3].Kind, s.Links[3].VRFTable, s.Links[2].Master = vrfKind, 12, 4
	for i := range n {
		r := route.Rule{
			Family: fam, Priority: uint32(i/2) + 1, Action: route.ActionTable, Table: route.Table(10 + rng.IntN(4)),
			SuppressPrefixLen: rng.IntN(40) - 39, SuppressGroup: -1,
		}
		r.SuppressPrefixLen = max(r.SuppressPrefixLen, -1)
		if rng.IntN(8) == 0 {
			r.Action, r.Table, r.Goto = route.ActionGoto, 0, uint32(rng.IntN(n/2))
		}
		sel := &r.Selector
		pick := func(one int) bool { return rng.IntN(one) == 0 }
		if pick(2) {
			sel.Src = randomNet(rng, fam)
		}
		if pick(3) {
			sel.Dst = randomNet(rng, fam)
		}
		if pick(4) {
			sel.MarkMask = []uint32{0xff, 0xffffffff, 1}[rng.IntN(3)]
			sel.Mark = uint32(rng.IntN(4)) & sel.MarkMask
		}
		if pick(5) {
			sel.In = []string{"lo", "eth0", "red", "gone"}[rng.IntN(4)]
		}
		if pick(6) {
			sel.Proto = 6
		}
		sel.Not = pick(12)
		if *sel == (route.Selector{}) || pick(20) {
			sel.UIDs, sel.HasUIDs = route.UIDRange{Start: 1, End: 5}, true
		}
		if pick(100) {
			r.Unknown = []route.Attr{{Type: 99}}
		}
		s.Rules = append(s.Rules, r)
	}
	for i := range 30 {
		s.Routes = append(s.Routes, route.Route{
			Table: route.Table(10 + i%5), Dst: randomNet(rng, fam).Masked(), Type: route.TypeUnicast, Metric: uint32(i),
			NextHops: []route.NextHop{{Link: 2 + rng.IntN(2)}},
		})
	}
	return s
}

func randomNet(rng *rand.Rand, fam route.Family) netip.Prefix {
	a := randomAddr(rng, fam)
	return netip.PrefixFrom(a, a.BitLen()-[]int{0, 1, 2, a.BitLen()}[rng.IntN(4)])
}

func randomAddr(rng *rand.Rand, fam route.Family) netip.Addr {
	if fam == route.IPv4 {
		return netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(16))})
	}
	return netip.AddrFrom16([16]byte{0x20, 1, 15: byte(rng.IntN(16))})
}

func randomFlow(rng *rand.Rand, fam route.Family) route.Flow {
	flow := route.Flow{Dst: randomAddr(rng, fam), Mark: uint32(rng.IntN(4)), UID: uint32(rng.IntN(8)), Proto: []uint8{6, 17}[rng.IntN(2)]}
	if rng.IntN(2) == 0 {
		flow.Src = randomAddr(rng, fam)
	}
	if rng.IntN(3) == 0 {
		flow.In = 2 + rng.IntN(2)
	} else if rng.IntN(3) == 0 {
		flow.Out = 2 + rng.IntN(3)
	}
	return flow
}

// TestSharedGroup: entries share the next hops of their group.
func TestSharedGroup(t *testing.T) {
	s := &route.Snapshot{
		Links:    []route.Link{{Index: 1, Name: "lo"}, {Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp}},
		NextHops: []route.NextHopObject{{ID: 9, Group: []route.GroupMember{{ID: 1, Weight: 1}, {ID: 2, Weight: 3}}}},
	}
	for id := range uint32(2) {
		s.NextHops = append(s.NextHops, route.NextHopObject{ID: id + 1, Family: route.IPv4, NextHop: route.NextHop{Link: 2}})
	}
	for i := range uint32(3) {
		s.Routes = append(s.Routes, route.Route{Table: route.TableMain, Dst: route.IPv4.Default(), Type: route.TypeUnicast, Metric: i, NextHopID: 9})
	}
	f := New(s)
	l, _ := f.v4.tables[route.TableMain].trie.Get(route.IPv4.Default())
	for _, e := range l.entries {
		if len(e.hops) != 2 || &e.hops[0] != &l.entries[0].hops[0] || e.hops[1].Weight != 3 || e.hops[1].dev == nil || !e.group {
			t.Errorf("metric %d: %+v", e.route.Metric, e)
		}
	}
}
