package routetest_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"routewhy/route"
	"routewhy/route/routetest"
)

func linkIndex(name string) (int, bool) {
	i, ok := map[string]int{"lo": 1, "v0": 3, "w0": 5}[name]
	return i, ok
}

func linkName(index int) string { return map[int]string{1: "lo", 3: "v0", 5: "w0"}[index] }

func TestParseQuery(t *testing.T) {
	addr := netip.MustParseAddr
	for query, want := range map[string]route.Flow{
		"8.8.8.8": {Dst: addr("8.8.8.8"), Proto: 17},
		"::1":     {Dst: addr("::1")},
		"8.8.8.8 from 10.0.0.1 iif v0 mark 0x1 uid 5 tos 0x10 ipproto tcp sport 1 dport 2": {
			Dst: addr("8.8.8.8"), Src: addr("10.0.0.1"), In: 3, Mark: 1, UID: 5, TOS: 16, Proto: 6, SrcPort: 1, DstPort: 2,
		},
		"8.8.8.8 oif w0 tos 10":              {Dst: addr("8.8.8.8"), Out: 5, TOS: 16, Proto: 17},
		"2001:db8::1 iif v0":                 {Dst: addr("2001:db8::1"), In: 3, UID: route.NoUID},
		"2001:db8::1 uid 0 iif v0":           {Dst: addr("2001:db8::1"), In: 3},
		"2001:db8::1 flowlabel 5 ipproto 58": {Dst: addr("2001:db8::1"), FlowLabel: 5, Proto: 58},
		"2001:db8::1 ipproto ipv6-icmp":      {Dst: addr("2001:db8::1"), Proto: 58},
		"10.0.0.1 iif lo from 0.0.0.0":       {Dst: addr("10.0.0.1"), In: 1, Src: addr("0.0.0.0"), Proto: 17},
	} {
		got, err := routetest.ParseQuery(query, linkIndex)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", query, got, err, want)
		}
	}
	for _, query := range []string{
		"", "x", "8.8.8.8 from", "8.8.8.8 from x", "8.8.8.8 iif x0", "8.8.8.8 colour 1", "8.8.8.8 tos 0x100",
		"8.8.8.8 sport 65536", "8.8.8.8 ipproto x", "fe80::1%v0", "::ffff:1.2.3.4",
	} {
		if f, err := routetest.ParseQuery(query, linkIndex); err == nil {
			t.Errorf("%q: got %+v, want an error", query, f)
		}
	}
}

func TestQueryRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	addrs := []string{"0.0.0.0", "8.8.8.8", "::", "2001:db8::1", "fe80::1"}
	maybe := func(n int64) int64 {
		if rng.IntN(2) == 0 {
			return 0
		}
		return rng.Int64N(n)
	}
	for range 2000 {
		f := route.Flow{
			Dst: netip.MustParseAddr(addrs[rng.IntN(len(addrs))]), In: []int{0, 1, 3}[rng.IntN(3)],
			Out: []int{0, 5}[rng.IntN(2)], Mark: uint32(maybe(1 << 32)), TOS: uint8(maybe(256)),
			UID: []uint32{0, 5, route.NoUID}[rng.IntN(3)], Proto: uint8(maybe(256)),
			SrcPort: uint16(maybe(65536)), DstPort: uint16(maybe(65536)), FlowLabel: uint32(maybe(1 << 20)),
		}
		if rng.IntN(2) == 0 {
			f.Src = f.Dst.Next()
		}
		query := routetest.FormatQuery(f, linkName)
		if got, err := routetest.ParseQuery(query, linkIndex); err != nil || got != f {
			t.Fatalf("%s: got %+v, %v, want %+v", query, got, err, f)
		}
	}
}
