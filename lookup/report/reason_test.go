package report

import (
	"encoding/json"
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// A reason comes out of JSON as it went in.
func TestReasonRoundTrip(t *testing.T) {
	for _, v := range []any{
		nil, "", "eth0", 7, -1, uint8(6), route.NoUID, uint64(1) << 63, netip.Addr{}, netip.MustParseAddr("192.0.2.1"),
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParseAddrPort("[::1]:80"), route.ENETUNREACH, route.ScopeLink,
		lookup.FaultCarrier, route.NeighbourFailed,
	} {
		r := NewReason(lookup.Reason{Code: "code", Want: v, Have: v})
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Reason
		if err := json.Unmarshal(b, &back); err != nil || back != r {
			t.Errorf("%#v: %s: %v, %v", v, b, back, err)
		}
	}
}

func TestOperand(t *testing.T) {
	tests := []struct {
		value any
		want  string
		json  string
	}{
		{7, "7", "7"},
		{route.NoUID, "4294967295", "4294967295"},
		{"<eth0>", "<eth0>", `"<eth0>"`},
		{route.ScopeLink, "link", `"link"`},
		{route.ENETUNREACH, "ENETUNREACH", `"ENETUNREACH"`},
		{lookup.FaultDown, "device-down", `"device-down"`},
		{netip.Addr{}, "", "null"},
	}
	for _, test := range tests {
		o := operand(test.value)
		b, err := o.MarshalJSON()
		if err != nil || o.String() != test.want || string(b) != test.json {
			t.Errorf("%v: %q, %s, %v", test.value, o, b, err)
		}
	}
}
