package iproute2_test

import (
	"strings"
	"testing"

	"routewhy/route/iproute2"
)

// TestWantsMore checks which words a line may end with.
func TestWantsMore(t *testing.T) {
	for _, s := range strings.Fields("via dev proto scope src metric table from to nhid encap lookup iif oif fwmark mtu pref expires weight nexthop tos goto realms uidrange sport dscp") {
		if !iproute2.WantsMore(s) {
			t.Errorf("a line may end with %s", s)
		}
	}
	for _, s := range strings.Fields("onlink dead linkdown cache not nop blackhole l3mdev [l3mdev-table] unresolved eth0 192.0.2.1 100") {
		if iproute2.WantsMore(s) {
			t.Errorf("no line may end with %s", s)
		}
	}
}
