package coverage_test

import (
	"fmt"
	"net/netip"

	"routewhy/lookup/coverage"
	"routewhy/route"
)

// The example shows which destinations a change moves. The change is the pair of routes
// by which a VPN takes all traffic without changing the default route.
func ExampleDiff() {
	via := func(dst, gateway string) route.Route {
		return route.Route{
			Table: route.TableMain, Dst: netip.MustParsePrefix(dst), Type: route.TypeUnicast,
			NextHops: []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr(gateway)}},
		}
	}
	host := func(routes ...route.Route) *coverage.Host {
		return coverage.HostOf(&route.Snapshot{
			Links: []route.Link{{Index: 1, Name: "lo", Flags: route.LinkUp}, {Index: 2, Name: "eth0", Flags: route.LinkUp}},
			Addrs: []route.Addr{{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}},
			Rules: []route.Rule{{
				Family: route.IPv4, Priority: 32766, Action: route.ActionTable, Table: route.TableMain,
				SuppressPrefixLen: -1, SuppressGroup: -1,
			}},
			Routes: routes,
		})
	}
	before := host(via("0.0.0.0/0", "192.0.2.1"))
	after := host(via("0.0.0.0/0", "192.0.2.1"), via("0.0.0.0/1", "192.0.2.7"))
	for _, c := range coverage.Diff(before, after, route.IPv4, coverage.Flow{}, nil).Changes.All() {
		fmt.Println(c.First, "to", c.Last, "via", c.Before.NextHops[0].Gateway, "then", c.After.NextHops[0].Gateway)
	}
	// Output:
	// 0.0.0.1 to 127.255.255.255 via 192.0.2.1 then 192.0.2.7
}
