package redact_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
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
// same codes, and no public address remains in the bytes. ROUTEWHY_SETUPS is how
// many.
func TestDecisionsStay(t *testing.T) {
	support := routetest.Probe(t)
	setups := 40
	if n, err := strconv.Atoi(os.Getenv("ROUTEWHY_SETUPS")); err == nil {
		setups = n
	}
	for seed := range uint64(setups) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 8))
			ns := routetest.New(t)
			ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
			s := public(t, read(t, ns))
			m := redact.New([]byte(fmt.Sprint(seed)))
			o := m.Snapshot(s)
			before, after := lookup.New(s), lookup.New(o)
			for _, f := range routetest.Flows(rng, s, 100) {
				g := f
				g.Dst, g.Src = m.Addr(f.Dst), m.Addr(f.Src)
				if diff := cmp.Diff(codes(before.Explain(f)), codes(after.Explain(g))); diff != "" {
					t.Fatalf("%+v:\n%s", f, diff)
				}
			}
			var b bytes.Buffer
			if err := o.Encode(&b); err != nil {
				t.Fatal(err)
			}
			if left := strayAddress.Find(b.Bytes()); left != nil {
				t.Fatalf("%s... is left in\n%s", left, b.Bytes())
			}
		})
	}
}

func read(t *testing.T, ns *routetest.Namespace) *route.Snapshot {
	var s *route.Snapshot
	ns.Do(func() {
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		if s, err = host.Read(t.Context(), kernel.Want{AllDevices: true, Sockets: kernel.AllSockets}); err != nil {
			t.Fatal(err)
		}
	})
	return s
}

// public gives a set-up addresses that are public, in place of those for
// documentation.
func public(t *testing.T, s *route.Snapshot) *route.Snapshot {
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"192.0.2.", "145.97.20.", "198.51.100.", "131.211.6.", "203.0.113.", "94.142.3.", "2001:db8:", "2a00:1450:",
	).Replace(b.String())
	s, err := route.Decode(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// strayAddress is the beginning of one of public's addresses.
var strayAddress = regexp.MustCompile(`145\.97\.20\.|131\.211\.6\.|94\.142\.3\.|2a00:1450:[^"/]`)

// TestNames redacts what stands in names.
func TestNames(t *testing.T) {
	s := &route.Snapshot{
		Links: []route.Link{
			{Index: 2, Name: "vpn-145.97.20.77"}, {Index: 3, Name: "enx525400c0ffee"}, {Index: 4, Name: "to_145_97_20_78"},
			{Index: 5, Name: "eth0.100"}, {Index: 6, Name: "gw2a00:1450::7"}, {Index: 7, Name: "p10.0.0.1"},
		},
		Addrs: []route.Addr{
			{Link: 2, Prefix: netip.MustParsePrefix("fe80::5054:ff:fec0:ffee/64"), Label: "145.97.20.77:1"},
			{Link: 2, Prefix: netip.MustParsePrefix("2002:9161:144d::1/48")},
			{Link: 2, Prefix: netip.MustParsePrefix("fd00::5054:ff:fec0:ffee/64")},
			{Link: 2, Prefix: netip.MustParsePrefix("fe80::1/64")},
		},
		Rules: []route.Rule{{
			Family: route.IPv4, Selector: route.Selector{In: "vpn-145.97.20.77"},
			Unknown: []route.Attr{{Type: 99, Data: []byte("145.97.20.77")}},
		}},
		Neighbours: []route.Neighbour{{Link: 2, Addr: netip.MustParseAddr("ff02::1:ffc0:ffee")}},
		Names:      route.Names{Tables: map[route.Table]string{7: "isp-145.97.20.77"}},
		Sysctls:    route.Sysctls{"net/ipv4/conf/vpn-145.97.20.77/rp_filter": "1"},
	}
	o := redact.New([]byte("key")).Snapshot(s)
	var b bytes.Buffer
	if err := o.Encode(&b); err != nil {
		t.Fatal(err)
	}
	for _, odd := range []string{"145.97", "145_97", "c0ff", "c0:ff", "9161", "2a00:1450:", "MTQ1"} {
		if bytes.Contains(b.Bytes(), []byte(odd)) {
			t.Errorf("%s is left in\n%s", odd, b.Bytes())
		}
	}
	for _, kept := range []string{`"eth0.100"`, `"p10.0.0.1"`, `"fe80::1/64"`, `"` + o.Links[0].Name + `"`, o.Rules[0].Selector.In, "conf/" + o.Links[0].Name + "/"} {
		if !bytes.Contains(b.Bytes(), []byte(kept)) {
			t.Errorf("%s is missing in\n%s", kept, b.Bytes())
		}
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
