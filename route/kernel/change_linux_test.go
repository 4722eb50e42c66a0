package kernel

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"routewhy/route"
)

// TestWatch checks what counts as a change of what is read.
func TestWatch(t *testing.T) {
	isolate(t)
	sysctl(t, "net/ipv6/conf/default/disable_ipv6", "1") // otherwise duplicate address detection and group reports disturb the test
	ip(t, "link add v0 type veth peer name v0p\nlink set v0 up\nlink set v0p up\naddr add 10.0.0.1/24 dev v0\n")
	h := open(t)
	settle(h)
	keep := func(_ route.Table, p netip.Prefix) bool { return p == prefix("10.9.0.0/24") }
	var flood strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&flood, "route add 172.%d.%d.%d/32 dev v0\n", 16+i>>16, i>>8&255, i&255)
	}
	for _, c := range []struct {
		name    string
		want    route.Query
		command string
		changed bool
	}{
		{"nothing", route.Query{}, "", false},
		{"a route", route.Query{}, "route add 10.8.0.0/24 dev v0\n", true},
		{"a kept route", route.Query{Keep: keep}, "route add 10.9.0.0/24 dev v0\n", true},
		{"a route that is not kept", route.Query{Keep: keep}, "route del 10.8.0.0/24\n", false},
		{"a rule", route.Query{Keep: keep}, "rule add pref 5 lookup 5\n", true},
		{"a rule of the other family", route.Query{Family: route.IPv6, Keep: keep}, "rule add pref 6 lookup 5\n", false},
		{"a neighbour", route.Query{Keep: keep}, "neigh add 10.0.0.77 dev v0 lladdr 02:00:00:00:00:01\n", false},
		{"a neighbour that counts", route.Query{Keep: keep, WatchNeighbours: true}, "neigh add 10.0.0.78 dev v0 lladdr 02:00:00:00:00:01\n", true},
		{"more than is queued", route.Query{Keep: keep}, flood.String(), true}, // ENOBUFS
	} {
		w := h.Watch(c.want)
		if s := read(t, h, c.want); s.Changed || w.Changed() {
			t.Errorf("%s: changed before", c.name)
		}
		ip(t, c.command)
		if got := w.Changed(); got != c.changed || w.Changed() != got {
			t.Errorf("%s: changed: %v, want %v", c.name, got, c.changed)
		}
		w.Close()
		if s := read(t, h, c.want); s.Changed {
			t.Errorf("%s: a reading without a watch is disturbed", c.name)
		}
	}
}

// settle waits until the kernel has sent nothing for a while, because the kernel brings
// devices up after the command has returned.
func settle(h *Host) {
	for range 20 {
		w := h.Watch(route.Query{WatchNeighbours: true})
		time.Sleep(1500 * time.Millisecond)
		changed := w.Changed()
		w.Close()
		if !changed {
			return
		}
	}
}
