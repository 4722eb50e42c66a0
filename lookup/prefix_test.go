package lookup_test

import (
	"fmt"
	"net/netip"
	"testing"

	"routewhy/lookup"
)

// TestCovering asks what carries a prefix that is in no table, the one that begins
// with the address that is never looked up among them.
func TestCovering(t *testing.T) {
	f := lookup.New(hostOf(append(locals(), via("0.0.0.0/0", "192.0.2.1", 2))))
	for _, p := range []string{"0.0.0.0/8", "0.0.0.0/7", "10.0.0.0/8", "198.51.100.0/24", "203.0.113.9/32"} {
		if d := f.Covering(netip.MustParsePrefix(p)); !d.Default() {
			t.Errorf("%s: %+v", p, d)
		}
	}
	if d := f.Covering(netip.MustParsePrefix("0.0.0.0/32")); d.Disposition != lookup.DispositionLocal {
		t.Errorf("0.0.0.0/32: %+v", d)
	}
}

// TestInside names what takes addresses out of the default route of a table, and no
// prefix of a table behind it.
func TestInside(t *testing.T) {
	routes := append(locals(), via("0.0.0.0/0", "192.0.2.1", 2), via("10.0.0.0/8", "198.51.100.1", 3), via("0.0.0.0/32", "192.0.2.1", 2))
	all := netip.MustParsePrefix("0.0.0.0/0")
	names := func(f *lookup.FIB) (out []string) {
		for _, in := range f.Inside(all) {
			for _, r := range in.First {
				out = append(out, fmt.Sprint(in.Table, " ", r.Dst))
			}
		}
		return out
	}
	if got := names(lookup.New(hostOf(routes))); len(got) != 4 || got[3] != "254 10.0.0.0/8" {
		t.Errorf("%q", got)
	}
	routes = append(routes, via("0.0.0.0/0", "198.51.100.1", 3, table(52)))
	if got := names(lookup.New(hostOf(routes, append(defaultRules()[:1:1], to(5270, 52), to(32766, 254))...))); len(got) != 3 {
		t.Errorf("behind a table of a VPN: %q", got)
	}
}
