package change_test

import (
	"net/netip"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// TestAdvertised switches forwarding on. The kernel then deletes the default routes that it
// made from router advertisements, and no other route.
func TestAdvertised(t *testing.T) {
	net := netip.MustParsePrefix("2001:db8:a::/48")
	for name, tt := range map[string]struct {
		dst      netip.Prefix
		acceptRA string
		metric   uint32
		expires  time.Duration
		goes     bool
		flags    route.RouteFlags
	}{
		"made by the kernel":            {route.IPv6.Default(), "1", 1024, 1800 * time.Second, true, 0},
		"accept_ra is not known":        {route.IPv6.Default(), "", 1024, 1800 * time.Second, true, 0},
		"accepted although it forwards": {route.IPv6.Default(), "2", 1024, 1800 * time.Second, false, 0},
		"a route of RFC 4191":           {net, "1", 1024, 1800 * time.Second, false, 0},
		"made without accept_ra":        {route.IPv6.Default(), "0", 1024, 1800 * time.Second, false, 0},
		"made with another metric":      {route.IPv6.Default(), "1", 100, 1800 * time.Second, false, 0},
		"made by a program":             {route.IPv6.Default(), "1", 1024, 1800 * time.Second, false, route.FlagByProgram},
		"made without a lifetime":       {route.IPv6.Default(), "1", 1024, 0, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &route.Snapshot{
				Links: []route.Link{{Index: 2, Name: "eth0", MTU: 1500, Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}},
				Rules: route.DefaultRules(route.IPv6),
				Routes: []route.Route{{
					Table: route.TableMain, Dst: tt.dst, Type: route.TypeUnicast, Protocol: route.ProtocolRA, Metric: tt.metric, Expires: tt.expires, Flags: tt.flags,
					NextHops: []route.NextHop{{Gateway: netip.MustParseAddr("fe80::1"), Link: 2}},
				}},
				Sysctls: route.Sysctls{},
			}
			if tt.acceptRA != "" {
				s.Sysctls[route.ConfPath(route.IPv6, "eth0", "accept_ra")] = tt.acceptRA
			}
			out := change.New(lookup.New(s)).Apply(&change.Sysctl{Path: route.ConfPath(route.IPv6, "all", "forwarding"), Value: "1"})
			if out.Refusal != nil || len(out.Removed) > 0 != tt.goes {
				t.Errorf("refused: %v; removed: %v, want one: %t", out.Refusal, out.Removed, tt.goes)
			}
		})
	}
}
