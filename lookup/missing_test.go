package lookup_test

import (
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestAddrsUnread: where only routes tell of addresses, a device without any may
// well have one, in the gateway's network too.
func TestAddrsUnread(t *testing.T) {
	for _, tt := range []struct {
		name   string
		gaps   []route.Gap
		src    string
		code   lookup.Code
		unread bool
	}{
		{"listed", nil, "192.0.2.2", lookup.CodeSrcOther, false},
		{"from routes", []route.Gap{{Fact: route.FactAddrs, Assumed: true}}, "", lookup.CodeSrcNone, true},
	} {
		s := hostOf(append(locals(), via("0.0.0.0/0", "203.0.113.1", 3)))
		s.Addrs, s.Gaps = s.Addrs[:1], tt.gaps // eth1 has none
		got := lookup.New(s).Explain(route.Flow{Dst: netip.MustParseAddr("8.8.8.8")})
		want := netip.Addr{}
		if tt.src != "" {
			want = netip.MustParseAddr(tt.src)
		}
		if got.Decision.Src != want || got.Source.Reason.Code != tt.code || got.Gateways[0].OnLinkUnknown != tt.unread {
			t.Errorf("%s: %v, %+v, %+v", tt.name, got.Decision.Src, got.Source.Reason, got.Gateways[0])
		}
	}
}
