package whynot

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestLockOutByMark asks about a host whose login may have a mark that a packet filter sets.
// A change of the way that marked packets take may end the login, and must not be offered.
func TestLockOutByMark(t *testing.T) {
	for _, c := range []struct {
		name    string
		markers []route.Marker
		lockOut bool
	}{
		{"nothing sets it", nil, false},
		{"a rule sets it", []route.Marker{{
			Kind: route.MarkerRule, Table: "inet mark", Chain: "out", Mark: 1, Set: 1, Hooks: []route.MarkerHook{{Hook: "output", Type: "route"}},
		}}, true},
	} {
		s := twoUplinks()
		s.Markers, s.MarkersRead = c.markers, true
		s.Rules = append(s.Rules, route.Rule{Family: route.IPv4, Priority: 100, Action: route.ActionTable, Table: 200, SuppressPrefixLen: -1, SuppressGroup: -1,
			Selector: route.Selector{Mark: 1, MarkMask: 1}})
		slices.SortFunc(s.Rules, func(a, b route.Rule) int { return int(a.Priority) - int(b.Priority) })
		s.Routes = append(s.Routes, route.Route{Table: 200, Dst: route.IPv4.Default(), Type: route.TypeUnicast,
			Protocol: route.ProtocolBoot, NextHops: []route.NextHop{{Link: 2, Gateway: netip.MustParseAddr("192.0.2.1")}}})
		a := Ask(&Question{
			FIB: lookup.New(s), Flow: route.Flow{Dst: netip.MustParseAddr("203.0.113.9"), UID: route.NoUID, Mark: 1}, Want: Want{Kind: Device, Link: 3},
			Sockets: s.Sockets, Yours: func(*route.Socket) bool { return true },
		})
		var commands []string
		for i := range a.Ways {
			commands = append(commands, a.Ways[i].Commands...)
		}
		offered := slices.Contains(commands, "ip route add 203.0.113.9 via 198.51.100.1 dev eth1 table 200")
		if offered == c.lockOut || (a.LockOut > 0) != c.lockOut {
			t.Errorf("%s: offered %q, %d end the session", c.name, commands, a.LockOut)
		}
	}
}
