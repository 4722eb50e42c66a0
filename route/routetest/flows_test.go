package routetest_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"routewhy/route"
	"routewhy/route/routetest"
)

func snapshot() *route.Snapshot {
	prefix := netip.MustParsePrefix
	return &route.Snapshot{
		Links: []route.Link{{Index: 1, Name: "lo"}, {Index: 3, Name: "v0"}},
		Addrs: []route.Addr{{Link: 3, Prefix: prefix("10.0.0.1/24")}, {Link: 3, Prefix: prefix("2001:db8::1/64")}},
		Rules: []route.Rule{
			{Family: route.IPv4, Selector: route.Selector{
				Mark: 0x10, MarkMask: 0xf0, Proto: 132, SrcPort: route.PortRange{Start: 100, End: 200},
				UIDs: route.UIDRange{Start: 5, End: 9}, HasUIDs: true,
			}},
		},
		Routes: []route.Route{
			{Dst: prefix("10.9.0.0/17"), NextHops: []route.NextHop{{Gateway: netip.MustParseAddr("10.0.0.2")}}},
			{Dst: prefix("0.0.0.0/0")}, {Dst: prefix("::/0")}, {Dst: prefix("2001:db8:9::/65")},
		},
	}
}

func TestFlowsReachBoundaries(t *testing.T) {
	flows := routetest.Flows(rand.New(rand.NewPCG(1, 2)), snapshot(), 20000)
	var dsts []netip.Addr
	var marks, uids []uint32
	var sports []uint16
	input := 0
	for _, f := range flows {
		if f.Family() == route.IPv4 {
			dsts, marks, uids, sports = append(dsts, f.Dst), append(marks, f.Mark), append(uids, f.UID), append(sports, f.SrcPort)
		} else {
			dsts = append(dsts, f.Dst)
		}
		if f.In != 0 {
			input++
		}
	}
	for _, a := range []string{
		"10.9.0.0", "10.9.127.255", "10.9.128.0", "10.8.255.255", "0.0.0.0", "255.255.255.255", "10.0.0.1", "10.0.0.2",
		"2001:db8:9::", "2001:db8:9:0:7fff:ffff:ffff:ffff", "2001:db8:9:0:8000::", "::1",
	} {
		if !slices.Contains(dsts, netip.MustParseAddr(a)) {
			t.Errorf("no flow to %s", a)
		}
	}
	for _, m := range []uint32{0x10, 0xffffff1f, 0x11, 0xe0} {
		if !slices.Contains(marks, m) {
			t.Errorf("no flow with mark %#x", m)
		}
	}
	for _, u := range []uint32{0, 4, 5, 9, 10} {
		if !slices.Contains(uids, u) {
			t.Errorf("no flow with uid %d", u)
		}
	}
	for _, p := range []uint16{0, 99, 100, 200, 201} {
		if !slices.Contains(sports, p) {
			t.Errorf("no flow with source port %d", p)
		}
	}
	if input < 4000 || input > 6000 {
		t.Errorf("got %d received packets of %d, want a quarter", input, len(flows))
	}
}

func TestFlowsCanBeAsked(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range routetest.OutputFlows(rng, snapshot(), 3000) {
		if f.In != 0 {
			t.Fatalf("%+v is received", f)
		}
	}
	protos := map[route.Family][]uint8{route.IPv4: {1, 6, 17}, route.IPv6: {0, 6, 17, 58}}
	for _, f := range append(routetest.InputFlows(rng, snapshot(), 3000), routetest.Flows(rng, snapshot(), 3000)...) {
		if !slices.Contains(protos[f.Family()], f.Proto) || f.Src.IsValid() && f.Src.Is4() != f.Dst.Is4() {
			t.Fatalf("the kernel would refuse %+v", f)
		}
		query := routetest.FormatQuery(f, linkName)
		if got, err := routetest.ParseQuery(query, linkIndex); err != nil || got != f {
			t.Fatalf("%s: got %+v, %v, want %+v", query, got, err, f)
		}
	}
}

func TestFlowsAreDeterministic(t *testing.T) {
	a := routetest.Flows(rand.New(rand.NewPCG(7, 2)), snapshot(), 100)
	if b := routetest.Flows(rand.New(rand.NewPCG(7, 2)), snapshot(), 100); !slices.Equal(a, b) {
		t.Error("equal seeds gave other flows")
	}
	if got := routetest.Flows(rand.New(rand.NewPCG(7, 2)), &route.Snapshot{}, 100); len(got) != 100 {
		t.Errorf("of an empty snapshot: got %d flows", len(got))
	}
}
