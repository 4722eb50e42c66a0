package kernel

import (
	"net/netip"
	"testing"
	"time"

	"routewhy/route"
)

// TestFollowReady checks that routes about which nothing is followed wake nobody.
func TestFollowReady(t *testing.T) {
	isolate(t)
	sysctl(t, "net/ipv6/conf/default/disable_ipv6", "1")
	ip(t, "link add v0 type veth peer name v0p\nlink set v0 up\nlink set v0p up\naddr add 10.0.0.1/24 dev v0\n")
	h := open(t)
	settle(h)
	f, err := h.Follow(route.Query{Family: route.IPv4, Keep: func(_ route.Table, p netip.Prefix) bool { return p == prefix("10.9.0.0/24") }}, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ip(t, "route add 10.8.0.0/24 dev v0\n")
	select {
	case <-f.Ready():
		t.Error("a route that is not kept wakes the reader")
	case <-time.After(100 * time.Millisecond):
	}
	ip(t, "route add 10.9.0.0/24 dev v0\n")
	select {
	case <-f.Ready():
	case <-time.After(10 * time.Second):
		t.Error("a kept route does not wake the reader")
	}
	if events, err := f.Take(); err != nil || len(events) != 1 || events[0].Route == nil {
		t.Errorf("events %+v, %v", events, err)
	}
}
