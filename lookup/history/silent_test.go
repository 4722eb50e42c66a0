package history

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"routewhy/lookup/report"
	"routewhy/route"
)

// TestSilentStays checks that a gateway which the kernel has forgotten counts as one that does not answer
// after an address of its device is deleted, unless it is the last one.
func TestSilentStays(t *testing.T) {
	gateway := netip.MustParseAddr("192.0.2.1")
	host := func(addrs ...string) *route.Snapshot {
		s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}}, Rules: route.DefaultRules(route.IPv4)}
		for _, a := range addrs {
			s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.MustParsePrefix(a)})
		}
		s.Routes = []route.Route{routeOf(t, "0/1")}
		s.Routes[0].NextHops = []route.NextHop{{Gateway: gateway, Link: 2}}
		return s
	}
	failed := route.Event{Time: time.Now(), Neighbour: &route.Neighbour{Link: 2, Addr: gateway, State: route.NeighbourFailed}}
	forgotten := route.Event{Time: time.Now(), Neighbour: failed.Neighbour, Gone: true}
	for _, c := range []struct {
		before, after *route.Snapshot
		fails         bool
	}{
		{host("192.0.2.2/24", "198.51.100.2/24"), host("192.0.2.2/24"), true},
		{host("198.51.100.2/24", "2001:db8::2/64"), host("2001:db8::2/64"), false},
	} {
		a := netip.MustParsePrefix("198.51.100.2/24")
		deleted := route.Event{Time: time.Now(), Addr: &route.Addr{Link: 2, Prefix: a}, Gone: true, Port: 7}
		ctx, cancel := context.WithCancel(t.Context())
		src := &steps{states: []*route.Snapshot{c.before, c.after}, events: [][]route.Event{{failed, forgotten, deleted}, nil, nil}, ready: make(chan struct{}), end: cancel}
		close(src.ready)
		w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv4}}}, Source: src, Tell: func([]*report.Turn) error { return nil }}
		if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if fails := w.answers[0].Line.WayOut != ""; fails != c.fails {
			t.Errorf("with %d addresses before, the gateway counts as one that does not answer: %v", len(c.before.Addrs), fails)
		}
	}
}

// TestLostCarrier checks that a device is said to have lost its carrier where the kernel notices that some
// time after the lower layer went, as it does with a bridge that loses its last port.
func TestLostCarrier(t *testing.T) {
	host := func(flags route.LinkFlags, hop route.NextHopFlags) *route.Snapshot {
		s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "br0", Kind: "bridge", Flags: route.LinkUp | flags}}, Rules: route.DefaultRules(route.IPv4)}
		s.Routes = []route.Route{routeOf(t, "0/1")}
		s.Routes[0].NextHops = []route.NextHop{{Gateway: netip.MustParseAddr("192.0.2.1"), Link: 2, Flags: hop}}
		return s
	}
	lower := host(route.LinkRunning, 0) // the first event, after which the routes are as before
	lost := host(0, route.NextHopLinkDown)
	event := func(s *route.Snapshot) []route.Event {
		return []route.Event{{Time: time.Now(), Link: &s.Links[0]}}
	}
	ctx, cancel := context.WithCancel(t.Context())
	src := &steps{
		states: []*route.Snapshot{host(route.LinkRunning|route.LinkLowerUp, 0), lower, lost},
		ready:  make(chan struct{}), end: cancel,
	}
	idle := make([][]route.Event, 40) // long enough for a reading
	src.events = slices.Concat([][]route.Event{event(lower)}, idle, [][]route.Event{event(lost)}, idle)
	go func() {
		for ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
			select {
			case src.ready <- struct{}{}:
			case <-ctx.Done():
			}
		}
	}()
	var last *report.Turn
	told := 0
	w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv4}}}, Source: src, Tell: func(all []*report.Turn) error {
		told += len(all)
		last = all[len(all)-1]
		return nil
	}}
	if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if told != 2 || len(last.Because) != 1 {
		t.Fatalf("%d answers were told, the last because of %+v", told, last.Because)
	}
	if x := last.Because[0].Object; x.Before == nil || x.Before.Link.State != "up" || x.After.Link.State != "no-carrier" {
		t.Errorf("the device changed from %+v to %+v", x.Before.Link, x.After.Link)
	}
}

// TestLeavesVRF checks that the IPv6 addresses which the kernel removes because a device leaves a VRF are
// said to follow from that.
func TestLeavesVRF(t *testing.T) {
	own := netip.MustParsePrefix("2001:db8::2/64")
	host := func(master int, addrs ...route.Addr) *route.Snapshot {
		up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
		s := &route.Snapshot{Rules: route.DefaultRules(route.IPv6), Addrs: addrs}
		s.Links = []route.Link{{Index: 2, Name: "eth0", Flags: up, Master: master}, {Index: 3, Name: "red", Flags: up, VRFTable: 10}, {Index: 4, Name: "br0", Flags: up}}
		s.Routes = []route.Route{routeOf(t, "6:9/1")}
		return s
	}
	now := time.Now()
	for master, want := range map[int]report.ObjectKind{3: report.KindLink, 4: report.KindAddress} {
		before, after := host(master, route.Addr{Link: 2, Prefix: own}), host(0)
		events := []route.Event{{Time: now, Link: &after.Links[0]}, {Time: now.Add(time.Millisecond), Addr: &before.Addrs[0], Gone: true}}
		told := toldOf(t, Asked{To: report.Destination{Addr: netip.MustParseAddr("2001:db8:9::1")}}, events, before, after)
		if len(told) == 0 || told[len(told)-1].Because[0].Object.Kind != want {
			t.Errorf("eth0 leaves the device %d: %d changes, %+v", master, len(told), told)
		}
	}
}
