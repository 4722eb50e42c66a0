package main

import (
	"net/netip"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// TestTooMany: where it would take too long to find out who reaches what listens here, the
// error names what there is too much of.
func TestTooMany(t *testing.T) {
	s := &route.Snapshot{Links: []route.Link{{Index: 1, Name: "lo"}, {Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkLowerUp}}}
	for i := range 900 {
		s.Routes = append(s.Routes, route.Route{
			Table: route.TableMain, Dst: netip.MustParsePrefix("::/0"), Src: netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, byte(i >> 8), byte(i)}), 32),
			Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: 2}},
		})
	}
	fib := lookup.New(s)
	x := report.Exposure{FIB: fib, Limit: 1 << 20}
	if _, err := x.Report(); err == nil {
		t.Error("it is not refused")
	}
	if got := (&options{}).tooMany(fib).Error(); !strings.HasSuffix(got, "1 prefix and 900 source-specific routes to one of them") {
		t.Error(got)
	}
}
