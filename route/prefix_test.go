package route

import (
	"net/netip"
	"testing"
)

func TestLastAddr(t *testing.T) {
	for prefix, want := range map[string]string{
		"0.0.0.0/0": "255.255.255.255", "10.1.2.0/23": "10.1.3.255", "192.0.2.7/32": "192.0.2.7", "192.0.2.6/31": "192.0.2.7",
		"::/0": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/33": "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "::1/128": "::1",
	} {
		if got := LastAddr(netip.MustParsePrefix(prefix)); got.String() != want {
			t.Errorf("%s: %s, want %s", prefix, got, want)
		}
	}
	if got := LastAddr(netip.Prefix{}); got.IsValid() {
		t.Errorf("the zero prefix: %s", got)
	}
}

func TestDefault(t *testing.T) {
	if v4, v6 := IPv4.Default().String(), IPv6.Default().String(); v4 != "0.0.0.0/0" || v6 != "::/0" {
		t.Errorf("%s and %s", v4, v6)
	}
}
