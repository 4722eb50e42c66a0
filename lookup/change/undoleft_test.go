package change_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
)

// TestUndoLeft takes away what no request makes again as it was. It is named, and what can
// come back comes back without a request to delete anything.
func TestUndoLeft(t *testing.T) {
	addr := func(s string, flags route.AddrFlags) route.Addr {
		return route.Addr{
			Link: 2, Prefix: netip.MustParsePrefix(s), Scope: route.ScopeGlobal, Flags: flags, Protocol: 2,
			ValidLft: 2 * time.Hour, PreferredLft: time.Hour,
		}
	}
	temporary, stable := addr("2001:db8::77/64", route.AddrSecondary), addr("2001:db8::5/64", route.AddrManageTemp)
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	before := change.New(lookup.New(&route.Snapshot{
		Links:   []route.Link{{Index: 2, Name: "eth0", MTU: 1500, Flags: up}},
		Addrs:   []route.Addr{temporary, stable},
		Rules:   slices.Concat(route.DefaultRules(route.IPv4), route.DefaultRules(route.IPv6)),
		Sysctls: route.Sysctls{"net/ipv4/conf/all/forwarding": "0", "net/ipv4/conf/eth0/forwarding": "0"},
		NextHops: []route.NextHopObject{
			{ID: 1, Family: route.IPv4, NextHop: route.NextHop{Link: 2}},
			{ID: 2, Group: []route.GroupMember{{ID: 1, Weight: 1}}, Resilient: true, Buckets: 8},
		},
	}))
	for name, tt := range map[string]struct {
		changes []change.Change
		left    change.Leftover
	}{
		"a temporary address": {
			[]change.Change{&change.Addr{Verb: change.Delete, Addr: temporary}, &change.Addr{Verb: change.Delete, Addr: stable}},
			change.Leftover{Code: change.LeftTemporary, Dev: "eth0", Prefix: temporary.Prefix},
		},
		"a resilient group": {
			[]change.Change{&change.NextHop{Verb: change.Delete, Object: route.NextHopObject{ID: 2}}},
			change.Leftover{Code: change.LeftTimers, ID: 2},
		},
		"a setting that follows forwarding": {
			[]change.Change{&change.Sysctl{Path: "net/ipv4/ip_forward", Value: "1"}},
			change.Leftover{Code: change.LeftUnread, Path: "net/ipv4/conf/all/accept_redirects"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var done []change.Outcome
			state := before
			for _, c := range tt.changes {
				out := state.Apply(c)
				if out.Refusal != nil {
					t.Fatalf("%T is refused: %v", c, out.Refusal)
				}
				state, done = out.State, append(done, out)
			}
			way := change.Undo(before, done)
			if !slices.Contains(way.Left, tt.left) {
				t.Errorf("left: %+v, want %+v in it", way.Left, tt.left)
			}
			for _, c := range way.Changes {
				if a, ok := c.(*change.Addr); ok && a.Verb == change.Delete {
					t.Errorf("it deletes %s", a.Addr.Prefix)
				}
			}
			if have := len(way.State.FIB().Snapshot().Addrs); have != 2 {
				t.Errorf("%d addresses afterwards", have)
			}
		})
	}
}

// TestUndoKeepsToItsDevice sets a device down among others. The way back touches none of the
// others for the order of the kernel's routes of each device, and names the device that was
// first, of which a packet that names no device sees something. Where a route that somebody
// else made is among them, it has its place again.
func TestUndoKeepsToItsDevice(t *testing.T) {
	up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
	const user = 9
	state := func(protocol route.Protocol) *change.State {
		s := &route.Snapshot{Rules: slices.Concat(route.DefaultRules(route.IPv4), route.DefaultRules(route.IPv6))}
		for i := 2; i < 6; i++ {
			own := netip.MustParseAddr(fmt.Sprintf("fe80::%d", i))
			s.Links = append(s.Links, route.Link{Index: i, Name: fmt.Sprintf("eth%d", i), MTU: 1500, Flags: up, OperState: 6, LinkLocal: own})
			s.Addrs = append(s.Addrs, route.Addr{
				Link: i, Prefix: netip.PrefixFrom(own, 64), Scope: route.ScopeLink, Flags: route.AddrPermanent, Protocol: 3,
				ValidLft: route.ForeverLft, PreferredLft: route.ForeverLft,
			})
			hop := []route.NextHop{{Link: i, Weight: 1}}
			p := route.ProtocolKernel
			if i == 5 {
				p = protocol
			}
			s.Routes = append(s.Routes,
				route.Route{Dst: netip.PrefixFrom(own, 128), Table: route.TableLocal, Type: route.TypeLocal, Protocol: route.ProtocolKernel, NextHops: hop},
				route.Route{Dst: netip.MustParsePrefix("fe80::/64"), Table: route.TableMain, Type: route.TypeUnicast, Protocol: p, Metric: 256, NextHops: hop},
				route.Route{Dst: netip.MustParsePrefix("ff00::/8"), Table: route.TableLocal, Type: route.TypeMulticast, Protocol: p, Metric: 256, NextHops: hop})
		}
		return change.New(lookup.New(s))
	}
	for name, tt := range map[string]struct {
		dev      int
		protocol route.Protocol
		left     []change.Leftover
		others   bool
	}{
		"the first":                    {2, route.ProtocolKernel, []change.Leftover{{Code: change.LeftFirst, Dev: "eth2"}}, false},
		"another one":                  {3, route.ProtocolKernel, nil, false},
		"with a user's route after it": {3, user, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			before := state(tt.protocol)
			out := before.Apply(&change.Link{Verb: change.Modify, Index: tt.dev, Up: route.No})
			if out.Refusal != nil {
				t.Fatal(out.Refusal)
			}
			way := change.Undo(before, []change.Outcome{out})
			others := slices.ContainsFunc(way.Changes, func(c change.Change) bool {
				r, ok := c.(*change.Route)
				return ok && r.Route.NextHops[0].Link != tt.dev
			})
			if others != tt.others || !slices.Equal(way.Left, tt.left) {
				t.Errorf("other devices are touched: %v, left: %+v", others, way.Left)
			}
		})
	}
}
