package iproute2_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/route/iproute2"
)

// drawer draws fields of random objects, about half of them empty.
type drawer struct{ *rand.Rand }

func (d drawer) half() bool { return d.IntN(2) == 0 }

func (d drawer) of(values ...string) string {
	if d.half() {
		return ""
	}
	return values[d.IntN(len(values))]
}

func (d drawer) text(values ...string) iproute2.Text { return iproute2.Text(d.of(values...)) }

func (d drawer) number() uint32 {
	if d.half() {
		return 0
	}
	return d.Uint32() >> d.IntN(32)
}

func (d drawer) flags() []string {
	flags := []string{}
	for _, f := range []string{"dead", "onlink", "linkdown", "rt_trap"} {
		if d.IntN(8) == 0 {
			flags = append(flags, f)
		}
	}
	return flags
}

func (d drawer) realms() *iproute2.Realms {
	if to := d.of("5", "home"); to != "" {
		return &iproute2.Realms{From: d.of("3", "away"), To: to}
	}
	return nil
}

// gateway is a gateway of the same family, one of the other family, or none.
func (d drawer) gateway() (string, *iproute2.Via) {
	switch d.IntN(3) {
	case 0:
		return "192.0.2.1", nil
	case 1:
		return "", &iproute2.Via{Family: "inet6", Host: "fe80::1"}
	}
	return "", nil
}

func (d drawer) route() iproute2.Route {
	r := iproute2.Route{
		Type: d.text("unicast", "blackhole", "8"), Dst: []string{"default", "10.0.0.0/8", "192.0.2.1", "::/0"}[d.IntN(4)],
		From: d.of("2001:db8::/32"), TOS: d.text("0x10", "lowdelay"), NHID: d.number(), Dev: d.of("eth0", "a.b", "-x"),
		Table: d.text("main", "1000", "vpn"), Protocol: d.text("kernel", "77"), Scope: d.text("link", "global"),
		PrefSrc: d.of("192.0.2.9"), Flags: d.flags(), Flow: d.realms(), Pref: d.of("medium", "low"), Error: d.text("-101"),
	}
	if d.half() {
		n := iproute2.Number(d.number())
		r.Metric = &n
	}
	if d.half() {
		n := iproute2.Seconds(d.number())
		r.Expires = &n
	}
	r.Metrics = d.metrics()
	for _, name := range []string{"mtu", "rtt"} {
		if r.Metrics[name] != nil && d.half() {
			r.Locked = append(r.Locked, name)
		}
	}
	for range d.IntN(3) {
		h := iproute2.NextHop{Dev: d.of("eth1"), Flow: d.realms(), Weight: 1 + d.IntN(256), Flags: d.flags()}
		h.Gateway, h.Via = d.gateway()
		r.NextHops = append(r.NextHops, h)
	}
	r.Gateway, r.Via = d.gateway()
	return r
}

func (d drawer) metrics() iproute2.Metrics {
	m := iproute2.Metrics{}
	for _, name := range []string{"mtu", "rtt", "advmss", "hoplimit", "fastopen_no_cookie"} {
		if d.IntN(4) == 0 {
			m[name] = d.number() >> 12
		}
	}
	if d.IntN(4) == 0 {
		m["ecn"] = true
	}
	if d.IntN(4) == 0 {
		m["congestion"] = "cubic"
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

func (d drawer) object() iproute2.NextHopObject {
	o := iproute2.NextHopObject{
		ID: 1 + d.number()>>1, Dev: d.of("eth0"), Scope: d.text("link"), Protocol: d.text("static", "99"), Flags: d.flags(),
		Blackhole: iproute2.Mark(d.half()), FDB: iproute2.Mark(d.half()),
	}
	o.Gateway, o.Via = d.gateway()
	for range d.IntN(4) {
		o.Group = append(o.Group, iproute2.Member{ID: 1 + d.number()>>1, Weight: []int{0, 2, 256}[d.IntN(3)]})
	}
	if d.half() {
		o.Type, o.Resilient = "resilient", &iproute2.ResilientArgs{Buckets: 32, IdleTimer: d.number()}
	}
	return o
}

func (d drawer) mark() iproute2.Mark { return iproute2.Mark(d.IntN(4) == 0) }

// masked is a value with or without a mask, or nothing.
func (d drawer) masked(limit uint32) (value, mask iproute2.Text) {
	if d.half() {
		return "", ""
	}
	value = iproute2.Text(fmt.Sprintf("%#x", d.Uint32N(limit)))
	if d.half() {
		mask = iproute2.Text(fmt.Sprintf("%#x", d.Uint32N(limit)))
	}
	return value, mask
}

func (d drawer) rule() iproute2.Rule {
	r := iproute2.Rule{
		Priority: d.number(), Not: d.mark(), Src: "all", TOS: d.text("0x10", "lowdelay"), Iif: d.of("eth0"), Oif: d.of("lo", "a.b"),
		IPProto: d.text("tcp", "99"), TunID: uint64(d.number()) << 20, FlowTo: d.text("5", "home"), Protocol: d.text("kernel", "77"),
	}
	if d.half() {
		r.Src, r.SrcLen = "192.0.2.0", 24*d.IntN(2)
	}
	if d.half() {
		r.Dst, r.DstLen = "2001:db8::", 32*d.IntN(2)
	}
	r.IifDetached = r.Iif != "" && d.mark()
	r.OifDetached = r.Oif != "" && d.mark()
	r.FwMark, r.FwMask = d.masked(1<<32 - 1)
	r.DSCP, r.DSCPMask = d.masked(64)
	r.FlowLabel, r.FlowLabelMask = d.masked(1 << 20)
	if d.half() {
		first, last := d.number(), d.number()
		r.UIDStart, r.UIDEnd = &first, &last
	}
	switch d.IntN(4) {
	case 0:
		r.Sport = 80
	case 1:
		r.SportStart, r.SportEnd = 5, 9
	case 2:
		r.Dport, r.DportMask = 80, "0xf0"
	}
	if r.FlowTo != "" {
		r.FlowFrom = d.text("3")
	}
	switch d.IntN(5) {
	case 0:
		r.Goto, r.Unresolved = 1+d.number()>>1, d.mark()
	case 1:
		r.Nop = true
	case 2:
		r.Action = d.of("blackhole", "prohibit", "unreachable", "goto")
	case 3:
		r.L3Mdev = true
	default:
		r.Table, r.L3Mdev = "main", d.mark()
	}
	if d.half() {
		n, group := d.IntN(129), iproute2.Group(d.number()>>1)
		r.SuppressPrefix, r.SuppressGroup = &n, &group
	}
	return r
}

func (d drawer) addr() iproute2.Addr {
	a := iproute2.Addr{
		Family: "inet", Local: "192.0.2.1", PrefixLen: d.IntN(33), Metric: d.number(), Broadcast: d.of("192.0.2.255"), Anycast: d.of("192.0.2.7"),
		Scope: d.text("global", "link"), Tentative: d.mark(), Dynamic: d.mark(), NoPrefix: d.mark(), Stable: d.mark(), Temporary: d.mark(),
		Protocol: d.text("kernel_ll"), Label: d.of("eth0:1"), Peer: d.of("198.51.100.1"),
	}
	if d.half() {
		a.Family, a.Local, a.PrefixLen = "inet6", "2001:db8::1", d.IntN(129)
	}
	if d.half() {
		valid, preferred := iproute2.Seconds(d.number()), iproute2.Seconds(1<<32-1)
		a.ValidLft, a.PreferredLft = &valid, &preferred
	}
	return a
}

func (d drawer) link() iproute2.Link {
	l := iproute2.Link{
		Index: d.IntN(99), Name: []string{"eth0", "a.b", "wg0"}[d.IntN(3)], Flags: []string{}, MTU: d.number(), Qdisc: d.of("noqueue"),
		Master: d.of("br0"), OperState: d.of("UP", "DOWN"), Mode: d.of("DEFAULT"), Group: d.text("default", "7"), TxQLen: d.number(),
	}
	if d.half() {
		l.Flags = []string{"BROADCAST", "UP"}
	}
	switch d.IntN(3) {
	case 0:
		l.Lower = "eth9"
	case 1:
		l.LowerIf = 1 + d.IntN(99)
	}
	return l
}

func (d drawer) neighbour() iproute2.Neighbour {
	n := iproute2.Neighbour{
		Dst: "192.0.2.1", Dev: d.of("eth0"), LLAddr: d.of("02:00:00:00:00:01"), Router: d.mark(), Proxy: d.mark(), Managed: d.mark(),
		ExternLearn: d.mark(), Offload: d.mark(), Protocol: d.text("static"),
	}
	if s := d.of("STALE", "FAILED"); s != "" {
		n.State = append(n.State, s)
	}
	return n
}

// TestRoundTrip prints random objects and reads them again, as text and as JSON.
func TestRoundTrip(t *testing.T) {
	d := drawer{rand.New(rand.NewPCG(1, 0))}
	for range 2000 {
		roundTrip(t, d.route(), (*iproute2.Route).String, iproute2.ParseRoute, iproute2.ParseRouteJSON)
		roundTrip(t, d.rule(), (*iproute2.Rule).String, iproute2.ParseRule, iproute2.ParseRuleJSON)
		roundTrip(t, d.addr(), (*iproute2.Addr).String, iproute2.ParseAddress, iproute2.ParseAddressJSON)
		roundTrip(t, d.neighbour(), (*iproute2.Neighbour).String, iproute2.ParseNeighbour, iproute2.ParseNeighbourJSON)
		roundTrip(t, d.link(), (*iproute2.Link).String, iproute2.ParseLink, iproute2.ParseLinkJSON)
		roundTrip(t, d.object(), (*iproute2.NextHopObject).String, iproute2.ParseNextHop, iproute2.ParseNextHopJSON)
	}
}

func roundTrip[T any](t *testing.T, x T, text func(*T) string, parse func([]string) (T, *iproute2.Odd), parseJSON func([]byte) (T, error)) {
	t.Helper()
	line := text(&x)
	got, odd := parse(strings.Fields(line))
	if diff := cmp.Diff(x, got); odd != nil || diff != "" {
		t.Fatalf("%s: %v\n%s", line, odd, diff)
	}
	raw, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	got, err = parseJSON(raw)
	if diff := cmp.Diff(x, got); err != nil || diff != "" {
		t.Fatalf("%s: %v\n%s", raw, err, diff)
	}
}

// again reads a line, prints what was understood, and reads that. Both results must be the
// same.
func again[T any](t *testing.T, line string, text func(*T) string, parse func([]string) (T, *iproute2.Odd)) {
	x, odd := parse(strings.Fields(line))
	if odd != nil && (odd.At < 0 || odd.At > len(strings.Fields(line)) || odd.Err == nil) {
		t.Fatalf("%q: word %d is odd: %v", line, odd.At, odd.Err)
	}
	first := text(&x)
	if odd != nil {
		return
	}
	y, odd := parse(strings.Fields(first))
	if second := text(&y); odd != nil || first != second {
		t.Fatalf("%q: %v\n%s\n%s", line, odd, first, second)
	}
}

// againJSON does the same with JSON.
func againJSON[T any](t *testing.T, raw []byte, parse func([]byte) (T, error)) {
	x, err := parse(raw)
	if err != nil {
		return
	}
	first, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	y, err := parse(first)
	if err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	if second, err := json.Marshal(y); err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%v\n%s\n%s", err, first, second)
	}
}

func FuzzRoute(f *testing.F) {
	d := drawer{rand.New(rand.NewPCG(2, 0))}
	for range 50 {
		r := d.route()
		f.Add(r.String())
	}
	f.Fuzz(func(t *testing.T, line string) {
		if !strings.Contains(line, "encap") { // only the order shows which words belong to the tunnel
			again(t, line, (*iproute2.Route).String, iproute2.ParseRoute)
		}
		againJSON(t, []byte(line), iproute2.ParseRouteJSON)
	})
}

func FuzzRule(f *testing.F) {
	d := drawer{rand.New(rand.NewPCG(4, 0))}
	for range 50 {
		r := d.rule()
		f.Add(r.String())
	}
	f.Fuzz(func(t *testing.T, line string) {
		again(t, line, (*iproute2.Rule).String, iproute2.ParseRule)
		againJSON(t, []byte(line), iproute2.ParseRuleJSON)
	})
}

func FuzzAddress(f *testing.F) {
	d := drawer{rand.New(rand.NewPCG(5, 0))}
	for range 50 {
		a := d.addr()
		f.Add(a.String())
	}
	f.Fuzz(func(t *testing.T, line string) {
		again(t, "inet "+line, (*iproute2.Addr).String, iproute2.ParseAddress)
		againJSON(t, []byte(line), iproute2.ParseAddressJSON)
	})
}

func FuzzNeighbour(f *testing.F) {
	d := drawer{rand.New(rand.NewPCG(6, 0))}
	for range 50 {
		n := d.neighbour()
		f.Add(n.String())
	}
	f.Fuzz(func(t *testing.T, line string) {
		again(t, line, (*iproute2.Neighbour).String, iproute2.ParseNeighbour)
		againJSON(t, []byte(line), iproute2.ParseNeighbourJSON)
	})
}

func FuzzLink(f *testing.F) {
	d := drawer{rand.New(rand.NewPCG(7, 0))}
	for range 50 {
		l := d.link()
		f.Add(l.String())
	}
	f.Fuzz(func(t *testing.T, line string) {
		again(t, line, (*iproute2.Link).String, iproute2.ParseLink)
		againJSON(t, []byte(line), iproute2.ParseLinkJSON)
	})
}

func FuzzNextHop(f *testing.F) {
	d := drawer{rand.New(rand.NewPCG(3, 0))}
	for range 50 {
		o := d.object()
		f.Add(o.String())
	}
	f.Fuzz(func(t *testing.T, line string) {
		if !strings.Contains(line, "encap") {
			again(t, line, (*iproute2.NextHopObject).String, iproute2.ParseNextHop)
		}
		againJSON(t, []byte(line), iproute2.ParseNextHopJSON)
	})
}

// TestOdd names the word that is not understood.
func TestOdd(t *testing.T) {
	for line, want := range map[string]string{
		"default via 10.0.0.1 dev eth0":            "<nil>",
		"default vai 10.0.0.1 dev eth0":            `1 "vai" is not known`,
		"default via 10.0.0.1 dev":                 "4 it ends in the middle",
		"default via 10.0.0.1 via 10.0.0.2":        `3 "via" is there twice`,
		"default dev eth0 metric x":                `4 "x" is no metric`,
		"10.0.0.0/8 nexthop via 10.0.0.1 weigth 1": `4 "weigth" is not known`,
	} {
		_, odd := iproute2.ParseRoute(strings.Fields(line))
		got := "<nil>"
		if odd != nil {
			got = fmt.Sprint(odd.At, " ", odd)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}
