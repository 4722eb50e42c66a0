package lookup_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gaissmai/bart"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/routetest/internet"
)

// internetTable are the IPv4 prefixes of a full Internet table.
func internetTable(b *testing.B) []netip.Prefix {
	all, err := internet.Prefixes()
	if err != nil {
		b.Fatal(err)
	}
	return slices.DeleteFunc(all, func(p netip.Prefix) bool { return p.Addr().Is6() })
}

// internetHost is a host with three rules and the full table over three
// gateways.
func internetHost(prefixes []netip.Prefix) *route.Snapshot {
	s := hostOf(nil)
	gateways := []string{"192.0.2.1", "192.0.2.3", "192.0.2.4"}
	for i, p := range prefixes {
		s.Routes = append(s.Routes, via(p.String(), gateways[i%3], 2))
	}
	s.Routes = append(s.Routes, via("0.0.0.0/0", "192.0.2.1", 2))
	for _, own := range []string{"127.0.0.0/8", "127.0.0.1/32", "192.0.2.2/32", "198.51.100.2/32"} {
		s.Routes = append(s.Routes, via(own, "", 2, local))
	}
	return s
}

func randomAddrs() []netip.Addr {
	rng := rand.New(rand.NewPCG(7, 7))
	out := make([]netip.Addr, 1<<16)
	for i := range out {
		out[i] = internet.Addr4(rng)
	}
	return out
}

func BenchmarkFullTable(b *testing.B) {
	prefixes := internetTable(b)
	s := internetHost(prefixes)
	addrs := randomAddrs()
	var bare bart.Table[int]
	for i, p := range prefixes {
		bare.Insert(p, i)
	}
	f := lookup.New(s)
	b.Run("Build", func(b *testing.B) {
		for b.Loop() {
			lookup.New(s)
		}
		b.ReportMetric(float64(len(s.Routes)), "routes")
	})
	b.Run("BareLPM", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			bare.Lookup(addrs[i&0xffff])
		}
	})
	b.Run("Lookup", func(b *testing.B) {
		b.ReportAllocs()
		l := f.Searcher()
		for i := 0; b.Loop(); i++ {
			l.Lookup(route.Flow{Dst: addrs[i&0xffff], Proto: 17})
		}
	})
	// In turns, since the machine's pace changes from one benchmark to the next.
	b.Run("LookupToBareLPM", func(b *testing.B) {
		l := f.Searcher()
		var ratios []float64
		for b.Loop() {
			begin := time.Now()
			for _, a := range addrs {
				bare.Lookup(a)
			}
			between := time.Now()
			for _, a := range addrs {
				l.Lookup(route.Flow{Dst: a, Proto: 17})
			}
			ratios = append(ratios, float64(time.Since(between))/float64(between.Sub(begin)))
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "times-bare")
		b.ReportMetric(0, "ns/op")
	})
	b.Run("Explain", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			f.Explain(route.Flow{Dst: addrs[i&0xffff], Proto: 17})
		}
	})
}

// BenchmarkRules asks a host with many rules that do not match.
func BenchmarkRules(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		var rules []route.Rule
		for i := range n {
			r := to(uint32(100+i), 7)
			r.Selector.Mark, r.Selector.MarkMask = uint32(i+1), ^uint32(0)
			rules = append(rules, r)
		}
		f := lookup.New(hostOf([]route.Route{via("0.0.0.0/0", "192.0.2.1", 2)}, append(rules, to(32766, route.TableMain))...))
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			l := f.Searcher()
			for b.Loop() {
				l.Lookup(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")})
			}
		})
	}
}
