package whynot

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/routetest/internet"
)

// largeHost is a host with a full Internet table over three uplinks. A fourth device is
// down, a table is reached by a mark alone, and there are as many rules as are given.
func largeHost(prefixes []netip.Prefix, rules int) *lookup.FIB {
	up := route.LinkUp | route.LinkLowerUp
	s := &route.Snapshot{
		Links: []route.Link{{Index: 1, Name: "lo", Flags: up | route.LinkLoopback}},
		Rules: append(route.DefaultRules(route.IPv4)[:1:1], route.DefaultRules(route.IPv6)...),
	}
	var b lookup.Builder
	add := func(table route.Table, dst netip.Prefix, via netip.Addr, metric uint32, link int) {
		r := route.Route{
			Table: table, Dst: dst, Type: route.TypeUnicast, Metric: metric, Protocol: route.ProtocolBoot,
			NextHops: []route.NextHop{{Link: link, Gateway: via}},
		}
		if !via.IsValid() {
			r.Scope = route.ScopeLink
		}
		b.Add(&r)
	}
	networks := [2][]string{
		{"192.0.2.2/24", "198.51.100.2/24", "203.0.113.2/24", "10.9.0.2/24"},
		{"2001:db8:1::2/64", "2001:db8:2::2/64", "2001:db8:3::2/64", "2001:db8:4::2/64"},
	}
	var gateways [2][4]netip.Addr
	for i := range 4 {
		link := route.Link{Index: 2 + i, Name: fmt.Sprint("eth", i), Flags: up}
		if i == 3 {
			link.Flags = 0
		}
		s.Links = append(s.Links, link)
		for f := range networks {
			p := netip.MustParsePrefix(networks[f][i])
			s.Addrs = append(s.Addrs, route.Addr{Link: link.Index, Prefix: p, Flags: route.AddrPermanent})
			gateways[f][i] = p.Masked().Addr().Next()
			if i < 3 {
				add(route.TableMain, p.Masked(), netip.Addr{}, 0, link.Index)
			}
		}
	}
	for i, p := range prefixes {
		f := p.Addr().BitLen() / 128
		add(route.TableMain, p, gateways[f][i%3], uint32(1024*f), 2+i%3)
	}
	add(route.TableMain, route.IPv4.Default(), gateways[0][0], 100, 2)
	add(route.TableMain, route.IPv4.Default(), gateways[0][1], 600, 3)
	add(100, route.IPv4.Default(), gateways[0][2], 0, 4)
	for i := range rules {
		r := plain(route.IPv4, uint32(1000+i), 100)
		r.Selector.Mark, r.Selector.MarkMask = uint32(1+i), 1<<32-1
		s.Rules = append(s.Rules, r)
	}
	s.Rules = append(s.Rules, route.DefaultRules(route.IPv4)[1:]...)
	return b.FIB(s)
}

// processorTime is the processor time of this process. It says more than a clock on a
// machine that does other work too.
func processorTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkAsk asks on a full Internet table, with 3 and with 200 rules more. The real
// table is that which ROUTEWHY_PREFIXES names.
func BenchmarkAsk(b *testing.B) {
	prefixes, err := internet.Prefixes()
	if err != nil {
		b.Fatal(err)
	}
	wants := []Want{
		{Kind: Device, Link: 3}, {Kind: Device, Link: 4}, {Kind: Device, Link: 5}, {Kind: Gateway, Addr: netip.MustParseAddr("198.51.100.1")},
		{Kind: Gateway, Addr: netip.MustParseAddr("192.0.2.77")}, {Kind: Table, Table: 100}, {Kind: Table, Table: 77}, {Kind: Rule, Priority: 1001},
		{Kind: Prefix, Prefix: route.IPv4.Default()}, {Kind: Source, Addr: netip.MustParseAddr("198.51.100.2")},
		{Kind: Source, Addr: netip.MustParseAddr("10.9.0.2")}, {Kind: Default},
	}
	for _, rules := range []int{3, 200} {
		fib := largeHost(prefixes, rules)
		for _, w := range wants {
			for _, dst := range []string{"8.8.8.8", "240.0.0.1"} {
				name := fmt.Sprintf("%d/%s/%s", rules, w.format(fib.Snapshot().LinkName), dst)
				b.Run(name, func(b *testing.B) {
					flow := route.Flow{Dst: netip.MustParseAddr(dst), UID: route.NoUID}
					start := processorTime()
					for b.Loop() {
						a := Ask(&Question{FIB: fib, Flow: flow, Want: w})
						if a.Met == No && len(a.Because) == 0 {
							b.Fatal("no fact is given")
						}
					}
					b.ReportMetric(float64(processorTime()-start)/float64(b.N)/1e6, "cpu-ms/op")
				})
			}
		}
	}
}
