package redact_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/redact"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// TestStructure maps random addresses: what two have in common they keep, and
// what is kept stays apart.
func TestStructure(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	m := redact.New([]byte("key"))
	for range 2000 {
		b := [4]byte{byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32())}
		c := b
		bit := rng.IntN(32)
		c[bit/8] ^= 0x80 >> (bit % 8)
		x, y := netip.AddrFrom4(b), netip.AddrFrom4(c)
		if got := common(m.Addr(x), m.Addr(y)); got != bit {
			t.Fatalf("%s and %s have %d bits in common, their images %d", x, y, bit, got)
		}
		if p := m.Addr(x); p.IsPrivate() != x.IsPrivate() || p.IsLoopback() != x.IsLoopback() || p.IsMulticast() != x.IsMulticast() {
			t.Fatalf("%s becomes %s", x, p)
		}
	}
}

func common(a, b netip.Addr) int {
	n := 0
	for n < a.BitLen() {
		p, _ := a.Prefix(n + 1)
		if !p.Contains(b) {
			break
		}
		n++
	}
	return n
}

// TestDecisionsStay redacts random set-ups: every decision is explained by the
// same codes.
func TestDecisionsStay(t *testing.T) {
	support := routetest.Probe(t)
	setups := 200
	if testing.Short() {
		setups = 20
	}
	for seed := range uint64(setups) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 8))
			ns := routetest.New(t)
			ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
			var s *route.Snapshot
			ns.Do(func() {
				host, err := kernel.Open("")
				if err != nil {
					t.Fatal(err)
				}
				defer host.Close()
				if s, err = host.Read(t.Context(), kernel.Want{AllDevices: true}); err != nil {
					t.Fatal(err)
				}
			})
			m := redact.New([]byte(fmt.Sprint(seed)))
			before, after := lookup.New(s), lookup.New(m.Snapshot(s))
			for _, f := range routetest.Flows(rng, s, 100) {
				g := f
				g.Dst, g.Src = m.Addr(f.Dst), m.Addr(f.Src)
				if diff := cmp.Diff(codes(before.Explain(f)), codes(after.Explain(g))); diff != "" {
					t.Fatalf("%+v:\n%s", f, diff)
				}
			}
		})
	}
}

// codes are the reasons of an explanation, without addresses.
func codes(t *lookup.Trace) []string {
	d := &t.Decision
	out := []string{d.Disposition.String(), d.Errno.String(), string(d.Shortcut), string(d.SetBy.Code), string(t.Source.Reason.Code)}
	for _, r := range t.Rules {
		out = append(out, string(r.Verdict)+" "+string(r.Reason.Code))
		for _, c := range r.Candidates {
			out = append(out, fmt.Sprint(c.Verdict, c.Reason.Code, c.Route.Dst.Bits(), c.Route.Metric))
		}
	}
	return out
}
