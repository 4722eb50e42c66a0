package special

import (
	"net/netip"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	all := All()
	for i, e := range all {
		if e.Prefix != e.Prefix.Masked() || e.Name == "" || e.Phrase == "" || len(e.Documents) == 0 {
			t.Errorf("%+v", e)
		}
		if len(e.Phrase) > 64 || strings.HasSuffix(e.Phrase, ".") {
			t.Errorf("%s: the phrase is no phrase: %s", e.Prefix, e.Phrase)
		}
		for _, d := range e.Documents {
			if d.Name == "RFC 5735" || d.Name == "RFC 3330" {
				t.Errorf("%s cites %s, which is obsolete", e.Prefix, d)
			}
		}
		if i > 0 && all[i-1].Prefix.Addr().Is4() == e.Prefix.Addr().Is4() && e.Prefix.Addr().Less(all[i-1].Prefix.Addr()) {
			t.Errorf("%s comes after %s", e.Prefix, all[i-1].Prefix)
		}
	}
}

func TestOf(t *testing.T) {
	for a, want := range map[string]string{
		"0.0.0.0": "0.0.0.0/32", "0.0.0.5": "0.0.0.0/8", "127.255.255.255": "127.0.0.0/8", "10.1.2.3": "10.0.0.0/8",
		"192.0.0.9": "192.0.0.9/32", "192.0.0.100": "192.0.0.0/24", "255.255.255.255": "255.255.255.255/32", "250.0.0.1": "240.0.0.0/4",
		"::": "::/128", "::1": "::1/128", "::ffff:127.0.0.1": "127.0.0.0/8", "fe80::1%eth0": "fe80::/10", "64:ff9b::808:808": "64:ff9b::/96",
		"64:ff9b:1::1": "64:ff9b:1::/48", "fd00::1": "fc00::/7", "2001:0:1::1": "2001::/32", "2001:1f0::": "2001::/23", "ff02::1": "ff00::/8",
		"8.8.8.8": "", "2606:4700::1111": "", "1.0.0.1": "", "2001:200::1": "",
	} {
		e, ok := Of(netip.MustParseAddr(a))
		if got := ""; ok {
			got = e.Prefix.String()
			if got != want {
				t.Errorf("%s is in %s; want %s", a, got, want)
			}
		} else if want != "" {
			t.Errorf("%s is in nothing; want %s", a, want)
		}
	}
}
