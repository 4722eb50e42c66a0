package history

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"routewhy/lookup/report"
	"routewhy/route"
)

// toldOf are the changes that a watch of one question tells if some events come at once.
func toldOf(t *testing.T, asked Asked, events []route.Event, before, after *route.Snapshot) []*report.Turn {
	ctx, cancel := context.WithCancel(t.Context())
	src := &steps{states: []*route.Snapshot{before, after}, events: [][]route.Event{events, nil, nil}, ready: make(chan struct{}), end: cancel}
	close(src.ready)
	var told []*report.Turn
	w := &Watch{Question: &Question{Asked: []Asked{asked}}, Source: src, Tell: func(all []*report.Turn) error {
		told = append(told, all...)
		return nil
	}}
	if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return told[1:]
}

// TestFailedDevice checks that a device which the kernel makes, sets up and removes again, because
// the rest of the request cannot be done, changes no answer.
func TestFailedDevice(t *testing.T) {
	const up, down = route.LinkUp | route.LinkRunning | route.LinkLowerUp | route.LinkNoARP, route.LinkNoARP
	multicast := route.Route{Table: route.TableLocal, Dst: netip.MustParsePrefix("ff00::/8"), Metric: 256, Type: route.TypeMulticast, Protocol: route.ProtocolKernel, NextHops: []route.NextHop{{Link: 3}}}
	host := func(flags ...route.LinkFlags) *route.Snapshot {
		s := &route.Snapshot{Rules: route.DefaultRules(route.IPv6), Links: []route.Link{{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLowerUp | route.LinkLoopback}}}
		for _, f := range flags {
			s.Links = append(s.Links, route.Link{Index: 3, Name: "n2", Kind: "ifb", Flags: f})
			if f == up {
				s.Routes = []route.Route{multicast}
			}
		}
		return s
	}
	now := time.Now()
	at := func(late time.Duration, e route.Event) route.Event {
		e.Time = now.Add(late)
		return e
	}
	comes := []route.Event{at(0, route.Event{Link: &host(up).Links[1]}), at(0, route.Event{Route: &multicast})}
	goes := func(late time.Duration, port uint32) []route.Event {
		return append(comes[:2:2], at(late, route.Event{Link: &host(down).Links[1]}), at(late, route.Event{Route: &multicast, Gone: true}),
			at(late+time.Millisecond, route.Event{Link: &host(down).Links[1], Gone: true, Port: port}))
	}
	for _, c := range []struct {
		name   string
		events []route.Event
		after  *route.Snapshot
		want   int
	}{
		{"fails", goes(2*time.Millisecond, 0), host(), 0},
		{"is removed by a process", goes(2*time.Millisecond, 7), host(), 2},
		{"is removed later", goes(time.Second, 0), host(), 2},
		{"is set down", goes(2*time.Millisecond, 0)[:4], host(down), 2},
		{"stays", comes, host(up), 1},
	} {
		asked := Asked{Label: "ff02::5", To: report.Destination{Addr: netip.MustParseAddr("ff02::5")}}
		if told := toldOf(t, asked, c.events, host(), c.after); len(told) != c.want {
			t.Errorf("a device that %s: %d changes were told, want %d", c.name, len(told), c.want)
		}
	}
}

// TestLaterCause checks that a change of a route does not follow from a device that is set down
// after it, nor from its address that goes then, and does from a device that loses the carrier, of
// which the kernel tells last.
func TestLaterCause(t *testing.T) {
	const up = route.LinkUp | route.LinkRunning | route.LinkLowerUp
	network := func(metric uint32) route.Route {
		return route.Route{Table: route.TableMain, Dst: route.IPv6.Default(), Metric: metric, Type: route.TypeUnicast, Protocol: route.ProtocolKernel, NextHops: []route.NextHop{{Link: 2}}}
	}
	one, two := network(256), network(2000)
	host := func(flags route.LinkFlags, routes ...route.Route) *route.Snapshot {
		return &route.Snapshot{Rules: route.DefaultRules(route.IPv6), Links: []route.Link{{Index: 2, Name: "eth0", Flags: flags}}, Routes: routes}
	}
	now := time.Now()
	removed, added := route.Event{Route: &one, Gone: true, Time: now}, route.Event{Route: &two, Time: now}
	link := func(flags route.LinkFlags) route.Event {
		return route.Event{Link: &host(flags).Links[0], Time: now.Add(9 * time.Millisecond)}
	}
	gone := route.Event{Addr: &route.Addr{Link: 2, Prefix: netip.MustParsePrefix("2001:db8::1/1")}, Gone: true, Time: now.Add(9 * time.Millisecond)}
	for _, c := range []struct {
		name   string
		events []route.Event
		after  *route.Snapshot
		kind   report.ObjectKind
	}{
		{"another metric, and then the device is set down", []route.Event{removed, added, link(0)}, host(0), report.KindLink},
		{"another metric, and then the device is set down, and its address goes", []route.Event{removed, added, link(0), gone}, host(0), report.KindLink},
		{"the route goes with the address", []route.Event{removed, gone}, host(up), report.KindAddress},
		{"the route goes, and then the device is set down", []route.Event{removed, link(0)}, host(0), report.KindRoute},
		{"the route goes with the carrier", []route.Event{removed, link(route.LinkUp)}, host(route.LinkUp), report.KindLink},
	} {
		told := toldOf(t, Asked{Label: "default", Default: route.IPv6}, c.events, host(up, one), c.after)
		if len(told) != 1 {
			t.Errorf("%s: %d changes were told, want 1", c.name, len(told))
			continue
		}
		if because := told[0].Because; len(because) != 1 || because[0].Object.Kind != c.kind {
			t.Errorf("%s: because %+v, want one of %s", c.name, because, c.kind)
		}
	}
}

// TestRenewed checks that a route which the kernel itself removes, and adds again as its own, because
// an address was changed, changes no answer, and that the same is told if a program did it or if
// another route comes.
func TestRenewed(t *testing.T) {
	network := func(dst string, metric uint32, protocol route.Protocol) *route.Route {
		return &route.Route{Table: route.TableMain, Dst: netip.MustParsePrefix(dst), Metric: metric, Type: route.TypeUnicast, Protocol: protocol, NextHops: []route.NextHop{{Link: 2}}}
	}
	host := func(r *route.Route) *route.Snapshot {
		return &route.Snapshot{Rules: route.DefaultRules(route.IPv6), Links: []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}}, Routes: []route.Route{*r}}
	}
	was, is, wider := network("2001:db8::/64", 10, route.ProtocolBoot), network("2001:db8::/64", 256, route.ProtocolKernel), network("2001:db8::/48", 256, route.ProtocolKernel)
	now := time.Now()
	for _, c := range []struct {
		name  string
		added *route.Route
		port  uint32
		late  time.Duration
		want  int
	}{
		{"the kernel makes it its own", is, 0, time.Microsecond, 0},
		{"a program does so", is, 7, time.Microsecond, 2},
		{"the kernel adds it later", is, 0, time.Second, 2},
		{"the kernel adds another", wider, 0, time.Microsecond, 2},
	} {
		events := []route.Event{{Route: was, Gone: true, Time: now, Port: c.port}, {Route: c.added, Time: now.Add(c.late), Port: c.port}}
		asked := Asked{Label: "2001:db8::9", To: report.Destination{Addr: netip.MustParseAddr("2001:db8::9")}}
		if told := toldOf(t, asked, events, host(was), host(c.added)); len(told) != c.want {
			t.Errorf("%s: %d changes were told, want %d", c.name, len(told), c.want)
		}
	}
}

// TestEndOfIPv6 checks that what the kernel removes from a device whose MTU becomes too small for
// IPv6 is one change of an answer together with that, and none if the answer ends as it began.
func TestEndOfIPv6(t *testing.T) {
	const up = route.LinkUp | route.LinkRunning | route.LinkLowerUp
	now := time.Now()
	big, small := route.Link{Index: 2, Name: "eth0", Flags: up, MTU: 1500}, route.Link{Index: 2, Name: "eth0", Flags: up, MTU: 1279}
	a := &happening{event: &route.Event{Link: &small, Time: now}, trigger: &report.Trigger{}, endsIPv6: true}
	a.trigger.Object.Before = &report.Thing{Link: &report.LinkState{Name: "eth0", State: "up"}}
	a.trigger.Object.After = a.trigger.Object.Before
	b := &happening{event: &route.Event{Addr: &route.Addr{Link: 2, Prefix: netip.MustParsePrefix("fe80::3/64")}, Gone: true, Time: now.Add(3 * time.Millisecond)}, trigger: &report.Trigger{}}
	if !inARow(&turn{because: []*happening{a}}, &turn{because: []*happening{b}}) {
		t.Error("the end of IPv6 on a device and that of its addresses are two changes")
	}
	if root := (&Watch{recent: []*happening{a, b}}).root(b); root != a {
		t.Errorf("the reason of the end of an address is %+v", root)
	}
	host := func(l route.Link) *route.Snapshot {
		return &route.Snapshot{Rules: route.DefaultRules(route.IPv6), Links: []route.Link{l}}
	}
	f, err := (&steps{states: []*route.Snapshot{host(big)}}).Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &Watch{Question: &Question{}, fib: f}
	w.prepare()
	w.adopt(f)
	w.happen(&route.Event{Link: &small})
	if len(w.recent) != 1 || !w.recent[0].takes() {
		t.Error("a device whose MTU becomes too small is not known to stop using IPv6")
	}
}

// TestUnrelatedDevice checks that a change of a device is not taken for the reason of a route that it
// has nothing to do with.
func TestUnrelatedDevice(t *testing.T) {
	const up = route.LinkUp | route.LinkRunning | route.LinkLowerUp
	link := func(name string, flags route.LinkFlags) *route.Link {
		return &route.Link{Index: 2, Name: name, Flags: flags}
	}
	way := route.Route{Table: route.TableMain, Dst: route.IPv4.Default(), Type: route.TypeUnicast, Protocol: route.ProtocolKernel, NextHops: []route.NextHop{{Link: 2}}}
	host := func(l *route.Link, routes ...route.Route) *route.Snapshot {
		return &route.Snapshot{Rules: route.DefaultRules(route.IPv4), Links: []route.Link{*l}, Routes: routes}
	}
	now := time.Now()
	for _, c := range []struct {
		name   string
		before *route.Link
		events []route.Event
		want   report.ObjectKind
	}{
		{"its device gets another name later", link("eth0", up), []route.Event{{Time: now, Route: &way}, {Time: now, Link: link("wan0", up)}}, report.KindRoute},
		{"its device went up long before", link("eth0", 0), []route.Event{{Time: now, Link: link("eth0", up)}, {Time: now.Add(3 * time.Second), Route: &way}}, report.KindRoute},
		{"its device went up and down before", link("eth0", 0), []route.Event{{Time: now, Link: link("eth0", up)}, {Time: now, Link: link("eth0", 0)}, {Time: now, Route: &way}}, report.KindRoute},
		{"its device went up just before", link("eth0", 0), []route.Event{{Time: now, Link: link("eth0", up)}, {Time: now, Route: &way}}, report.KindLink},
	} {
		last := c.before
		for i := range c.events {
			if l := c.events[i].Link; l != nil {
				last = l
			}
		}
		told := toldOf(t, Asked{Label: "default", Default: route.IPv4}, c.events, host(c.before), host(last, way))
		if len(told) == 0 || len(told[0].Because) == 0 || told[0].Because[0].Object.Kind != c.want {
			t.Errorf("%s: %+v; want a %s as the reason", c.name, told, c.want)
		}
	}
}
