package iproute2

import (
	"encoding/json"
	"net/netip"
	"testing"

	"routewhy/route"
)

// TestTextOfJSON checks that a route and a rule print the same after they were written as
// JSON and read again.
func TestTextOfJSON(t *testing.T) {
	s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0"}, {Index: 3, Name: "wg0"}}}
	gateway := netip.MustParseAddr("192.0.2.1")
	routes := []struct {
		r    route.Route
		want string
	}{
		{route.Route{Type: route.TypeUnicast, Dst: netip.MustParsePrefix("0.0.0.0/0"), Metric: 100, NextHops: []route.NextHop{{Gateway: gateway, Link: 2}}},
			"0.0.0.0/0 via 192.0.2.1 dev eth0 metric 100"},
		{route.Route{Type: route.TypeBlackhole, Dst: netip.MustParsePrefix("10.0.0.0/8"), Metric: 4278198272}, "blackhole 10.0.0.0/8 metric 4278198272"},
		{route.Route{Type: route.TypeUnicast, Dst: netip.MustParsePrefix("2001:db8::/32"), Src: netip.MustParsePrefix("2001:db8:1::/48"), Metric: 1024,
			Pref: route.PreferenceHigh, NextHops: []route.NextHop{{Link: 3}}, Metrics: []route.Metric{{ID: route.MetricMTU, Value: 1400, Lock: true}}},
			"2001:db8::/32 from 2001:db8:1::/48 dev wg0 pref high mtu 1400"},
		{route.Route{Type: route.TypeUnicast, Dst: netip.MustParsePrefix("10.1.0.0/16"), TOS: 0x10, NextHops: []route.NextHop{
			{Gateway: netip.MustParseAddr("fe80::1"), Link: 2, Weight: 1}, {Link: 3, Weight: 2, Encap: 1, Flags: route.NextHopUnread}}},
			"10.1.0.0/16 nexthop via fe80::1 dev eth0 nexthop encap mpls via ? dev wg0 tos 0x10"},
		{route.Route{Type: route.TypeUnicast, Dst: netip.MustParsePrefix("10.2.0.0/16"), NextHopID: 7}, "10.2.0.0/16 nhid 7"},
	}
	for _, test := range routes {
		in := RouteJSON(s, &test.r)
		out := decoded(t, in)
		if in.Line() != test.want || out.Line() != test.want {
			t.Errorf("%q, from JSON %q; want %q", in.Line(), out.Line(), test.want)
		}
	}
	rules := []struct {
		sel     route.Selector
		unknown []route.Attr
		want    string
	}{
		{route.Selector{}, nil, ""},
		{route.Selector{Not: true}, nil, "not from all"},
		{route.Selector{Src: netip.MustParsePrefix("192.0.2.0/24"), Dst: netip.MustParsePrefix("198.51.100.1/32")}, nil, "from 192.0.2.0/24 to 198.51.100.1"},
		{route.Selector{Src: netip.MustParsePrefix("2001:db8::1/128"), Mark: 1, MarkMask: 0xff}, nil, "from 2001:db8::1 fwmark 0x1/0xff"},
		{route.Selector{In: "eth0", InDetached: true, HasUIDs: true}, nil, "iif eth0 [no such device] uidrange 0-0"},
		{route.Selector{SrcPort: route.PortRange{Start: 0x50, End: 0x50, Mask: 0xf0}, DstPort: route.PortRange{End: 9}, Proto: 6}, nil, "ipproto tcp sport 0x50/0xf0 dport 0-9"},
		{route.Selector{HasDSCP: true, DSCPMask: 0x3f, L3Mdev: true}, []route.Attr{{Type: 99}, {}}, "dscp 0x0 l3mdev attribute 99 (unknown to routewhy) (not understood)"},
	}
	for _, test := range rules {
		in := RuleJSON(s, &route.Rule{Selector: test.sel, Action: route.ActionTable, Table: route.TableMain, SuppressPrefixLen: -1, SuppressGroup: -1, Unknown: test.unknown})
		out := decoded(t, in)
		if in.Selector() != test.want || out.Selector() != test.want {
			t.Errorf("%q, from JSON %q; want %q", in.Selector(), out.Selector(), test.want)
		}
	}
}

func decoded[T any](t *testing.T, in T) T {
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out T
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
