package redact_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/redact"
	"routewhy/route/routetest"
	"routewhy/route/routetest/live"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// TestStructure maps random addresses. Two addresses still have the same number of bits
// in common, and no other address becomes one in a block that is kept.
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

// TestDecisionsStay redacts random set-ups in both ways. Every decision must be explained by
// the same codes, and no public address may remain in the bytes. With a strict mapping, no
// name of a device or a table may remain. ROUTEWHY_SETUPS is the number of set-ups.
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
			stays(t, rng, s, redact.New([]byte(fmt.Sprint(seed))), false)
			stays(t, rng, s, redact.NewStrict([]byte(fmt.Sprint(seed))), true)
		})
	}
}

func stays(t *testing.T, rng *rand.Rand, s *route.Snapshot, m *redact.Mapping, strict bool) {
	o, _ := m.Snapshot(s, nil)
	before, after := lookup.New(s), lookup.New(o)
	for _, f := range routetest.Flows(rng, s, 100) {
		g := f
		g.Dst, g.Src = m.Addr(f.Dst), m.Addr(f.Src)
		g.In, g.Out, g.UID = m.Index(f.In), m.Index(f.Out), m.User(f.UID)
		if diff := cmp.Diff(codes(before.Explain(f)), codes(after.Explain(g))); diff != "" {
			t.Fatalf("strict %v: %+v as %+v:\n%s", strict, f, g, diff)
		}
	}
	var b bytes.Buffer
	if err := o.Encode(&b); err != nil {
		t.Fatal(err)
	}
	if left := strayAddress.Find(b.Bytes()); left != nil {
		t.Fatalf("%s... is left in\n%s", left, b.Bytes())
	}
	if !strict {
		return
	}
	for _, l := range s.Links {
		if l.Name != "lo" && bytes.Contains(b.Bytes(), []byte(`"`+l.Name+`"`)) {
			t.Errorf("%s is left in\n%s", l.Name, b.Bytes())
		}
	}
}

func read(t *testing.T, ns *routetest.Namespace) *route.Snapshot {
	return live.Read(t, ns, route.Query{AllDevices: true, Sockets: route.AllSockets})
}

// public replaces the addresses for documentation in a set-up by public addresses.
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

// TestNames redacts addresses in names.
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
	o, _ := redact.New([]byte("key")).Snapshot(s, nil)
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
	out := []string{d.Disposition.String(), d.Errno.String(), string(d.Shortcut), string(d.Ambiguous.Code), string(t.Source.Reason.Code)}
	for _, r := range t.Rules {
		out = append(out, string(r.Verdict)+" "+string(r.Reason.Code))
		for _, c := range r.Candidates {
			out = append(out, fmt.Sprint(c.Verdict, c.Reason.Code, c.Route.Dst.Bits(), c.Route.Metric))
		}
	}
	return out
}

// TestParts redacts names that contain an address, or a part of one, in other spellings.
func TestParts(t *testing.T) {
	s := &route.Snapshot{Addrs: []route.Addr{
		{Link: 2, Prefix: netip.MustParsePrefix("134.50.64.77/24")},
		{Link: 2, Prefix: netip.MustParsePrefix("2a00:1450:9:77::1/64")},
	}}
	gone := []string{
		"n8632404d", "n8632", "n404D", "i2a00_1450_9", "v6-2a00", "gw-1450-9", "ip-134-50-64-77", "host_134_50_64_77",
		"to134.50", "to64-77", "isp-145-97-20", "isp-2600_1f00", "veth5254ffc0", "ve5254c0ffee", "a.145.97.20.77", "tap86:32:40:4d",
	}
	kept := []string{
		"eth0", "eth0.100", "bond0.4094", "enp0s31f6", "enp129s0f1np1", "wg0", "br-lan", "vlan1234", "vxlan100", "eth0.100.200",
		"eno1", "wlp0s20f3", "docker0", "tun1-2", "ip-10-0-0-1", "host_10_0_0_1", "ppp0", "cilium_vxlan", "lxdbr0", "eth0.2001", "fe0-1",
	}
	for i, name := range slices.Concat(gone, kept) {
		s.Links = append(s.Links, route.Link{Index: i + 2, Name: name})
	}
	o, _ := redact.New([]byte("key")).Snapshot(s, nil)
	seen := map[string]bool{}
	for i, l := range o.Links {
		old := s.Links[i].Name
		if changed := l.Name != old; changed != (i < len(gone)) {
			t.Errorf("%s becomes %s", old, l.Name)
		}
		if seen[l.Name] {
			t.Errorf("two devices are called %s", l.Name)
		}
		seen[l.Name] = true
	}
}

// TestNamesStayApart redacts many names that have few digits. They must stay different.
func TestNamesStayApart(t *testing.T) {
	s := &route.Snapshot{Addrs: []route.Addr{{Link: 2, Prefix: netip.MustParsePrefix("134.50.64.77/24")}}}
	for i := range 90 {
		s.Links = append(s.Links, route.Link{Index: i + 2, Name: fmt.Sprintf("a134.50.%d", i)})
	}
	o, _ := redact.New([]byte("key")).Snapshot(s, nil)
	seen := map[string]bool{}
	for _, l := range o.Links {
		if seen[l.Name] {
			t.Errorf("two devices are called %s", l.Name)
		}
		seen[l.Name] = true
	}
}

// TestGroups redacts multicast groups. What is embedded in a group is replaced. Groups with
// nothing embedded stay.
func TestGroups(t *testing.T) {
	m := redact.New([]byte("key"))
	for _, test := range []struct {
		group string
		from  int // the first bit that may change; -1: none may
	}{
		{"224.0.0.251", -1}, {"239.1.2.3", -1}, {"232.1.1.1", -1}, {"233.252.0.1", 8}, {"234.145.97.20", 8},
		{"ff02::1", -1}, {"ff05::1:3", -1}, {"ff0e::1234:5678", -1}, {"ff3e::8000:1", -1}, {"ff02::1:ffc0:ffee", 104}, {"ff02::2:ffc0:ffee", 104},
		{"ff3e:30:2a00:1450:9:77:1234:5678", 32}, {"ff7e:130:2a00:1450:9:77:1234:5678", 32},
		{"ff32:ff:5054:ff:fec0:ffee:1:2", 32},
	} {
		a := netip.MustParseAddr(test.group)
		b := m.Addr(a)
		if test.from < 0 && a != b || test.from >= 0 && (a == b || common(a, b) < test.from) {
			t.Errorf("%s becomes %s", a, b)
		}
		if s := redact.NewStrict([]byte("key")).Addr(a); !s.IsMulticast() || s == a && test.from > 0 {
			t.Errorf("strict: %s becomes %s", a, s)
		}
	}
}

// TestEmbedded redacts addresses that contain another address.
func TestEmbedded(t *testing.T) {
	m := redact.New([]byte("key"))
	for _, text := range []string{
		"2002:9161:144d::1", "64:ff9b::145.97.20.77", "fe80::5efe:145.97.20.77", "fe80::200:5efe:145.97.20.77", "::ffff:145.97.20.77",
		"::145.97.20.77", "fe80::145.97.20.77", "fd00:64::145.97.20.77", "2001:0:9161:144d::1", "64:ff9b:1::145.97.20.77",
		"::ffff:0:145.97.20.77", "2a00:1450:9::145.97.20.77",
	} {
		a := netip.MustParseAddr(text)
		b := m.Addr(a)
		if x, y := a.As16(), b.As16(); [2]byte(x[14:]) == [2]byte(y[14:]) && !strings.HasPrefix(text, "200") || a == b {
			t.Errorf("%s becomes %s", a, b)
		}
	}
}

// TestTold redacts other facts that could show which host it is.
func TestTold(t *testing.T) {
	s := &route.Snapshot{
		Host: "db7.example.org", Machine: "x86_64",
		Release: "6.1.0-13-amd64-db7.example.org",
		Time:    time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC),
		Rules:   []route.Rule{{Family: route.IPv4, Selector: route.Selector{HasUIDs: true, UIDs: route.UIDRange{Start: 5000, End: 5999}}}},
		Sockets: []route.Socket{
			{Inode: 77001, UID: 0, Owners: []route.Process{{PID: 4711, Name: "secretd"}}},
			{Inode: 77002, UID: 61234, Owners: []route.Process{{PID: 4711, Name: "secretd"}, {PID: 4712, Name: "other"}}},
			{Inode: 77002, UID: 5432}, {UID: 61234},
		},
	}
	o, _ := redact.New([]byte("key")).Snapshot(s, nil)
	want := []route.Socket{
		{Inode: 1, Owners: []route.Process{{PID: 1, Name: "process1"}}},
		{Inode: 2, UID: 6000, Owners: []route.Process{{PID: 1, Name: "process1"}, {PID: 2, Name: "process2"}}},
		{Inode: 2, UID: 5000}, {UID: 6000},
	}
	if diff := cmp.Diff(want, o.Sockets, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if o.Host != "" || o.Machine != "x86_64" {
		t.Error(o.Host, o.Machine)
	}
	if o.Release != "6.1.0" || o.Time != time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC) {
		t.Error(o.Release, o.Time)
	}
	if o, _ := redact.NewStrict([]byte("key")).Snapshot(s, nil); !o.Time.IsZero() || o.Sockets[1].UID != 2000 || o.Rules[0].Selector.UIDs != (route.UIDRange{Start: 1000, End: 1999}) {
		t.Errorf("strict: %v %+v %+v", o.Time, o.Sockets, o.Rules)
	}
}
