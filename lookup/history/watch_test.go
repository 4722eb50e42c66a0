package history

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/load"
)

// steps is a host that is read, and from which events come, in a given order.
type steps struct {
	states []*route.Snapshot // what each reading gives; the last one also later
	events [][]route.Event   // what each Take gives; later ones give none
	ready  chan struct{}
	end    context.CancelFunc // called when nothing is left
}

func (s *steps) Read(ctx context.Context) (*lookup.FIB, error) {
	now := s.states[0]
	if len(s.states) > 1 {
		s.states = s.states[1:]
	}
	return lookup.Read(ctx, load.Of(now, route.ListOf(now.Routes), "test", 0).Source(), new(lookup.Need))
}

func (s *steps) Take() ([]route.Event, error) {
	if len(s.events) == 0 {
		s.end()
		return nil, nil
	}
	now := s.events[0]
	s.events = s.events[1:]
	return now, nil
}

func (s *steps) Ready() <-chan struct{} { return s.ready }

// TestDeletedNeighbour checks that a gateway which somebody deletes does not count as one that
// does not answer, if everything is read in the moment in which the kernel has set it to failed
// and has not yet removed it.
func TestDeletedNeighbour(t *testing.T) {
	gateway := netip.MustParseAddr("192.0.2.1")
	host := func(states ...route.NeighbourState) *route.Snapshot {
		s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}}, Rules: route.DefaultRules(route.IPv4)}
		s.Routes = []route.Route{routeOf(t, "0/1")}
		s.Routes[0].NextHops = []route.NextHop{{Gateway: gateway, Link: 2}}
		for _, state := range states {
			s.Neighbours = append(s.Neighbours, route.Neighbour{Link: 2, Addr: gateway, State: state})
		}
		return s
	}
	failed := route.Event{Neighbour: &route.Neighbour{Link: 2, Addr: gateway, State: route.NeighbourFailed}, Port: 7}
	gone := route.Event{Neighbour: failed.Neighbour, Gone: true}
	for _, c := range []struct {
		name   string
		events [][]route.Event // before, during and after the readings
	}{
		{"the end comes soon", [][]route.Event{{failed}, nil, {gone}, nil}},
		{"the end comes late", [][]route.Event{{failed}, nil, nil, {gone}, nil}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &steps{states: []*route.Snapshot{host(route.NeighbourPermanent), host(route.NeighbourFailed), host()}, events: c.events, ready: make(chan struct{}, 1), end: cancel}
		close(src.ready)
		var last *report.Turn
		w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv4}}}, Source: src, Tell: func(all []*report.Turn) error {
			last = all[len(all)-1]
			return nil
		}}
		if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if !w.answers[0].same(&Answer{way: last.After.Way(false)}) || last.After.Status() != report.StatusAnswered {
			t.Errorf("%s: the last answer is %s", c.name, last.After.Way(false))
		}
	}
}

// TestForgottenNeighbour checks that the kernel uses an IPv6 next hop again after it has forgotten that the
// gateway failed, and that nothing gets out by it as long as that does not answer.
func TestForgottenNeighbour(t *testing.T) {
	const failed, again = route.NeighbourFailed, route.NeighbourIncomplete
	gateway := netip.MustParseAddr("2001:db8:2::1")
	host := func(states ...route.NeighbourState) *route.Snapshot {
		up := route.LinkUp | route.LinkRunning | route.LinkLowerUp
		s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0", Flags: up}, {Index: 3, Name: "eth1", Flags: up}}, Rules: route.DefaultRules(route.IPv6)}
		s.Routes = []route.Route{{Table: route.TableMain, Dst: route.IPv6.Default(), Metric: 1024, Type: route.TypeUnicast, NextHops: []route.NextHop{
			{Gateway: netip.MustParseAddr("2001:db8:1::1"), Link: 2}, {Gateway: gateway, Link: 3},
		}}}
		for _, state := range states {
			s.Neighbours = append(s.Neighbours, route.Neighbour{Link: 3, Addr: gateway, State: state})
		}
		return s
	}
	is := func(state route.NeighbourState) route.Event {
		return route.Event{Time: time.Now(), Neighbour: &route.Neighbour{Link: 3, Addr: gateway, State: state}}
	}
	gone := is(failed)
	gone.Gone = true
	for _, c := range []struct {
		name   string
		events []route.Event
		after  *route.Snapshot
		want   int // how many next hops there are
		fails  bool
	}{
		{"it fails", []route.Event{is(failed)}, host(failed), 1, false},
		{"the kernel tries again", []route.Event{is(failed), is(again)}, host(again), 1, false},
		{"the kernel forgets it", []route.Event{is(failed), gone}, host(), 2, true},
		{"the kernel forgets it, and no event says so", []route.Event{is(failed)}, host(), 2, true},
		{"the kernel asks it after that", []route.Event{is(failed), gone, is(again)}, host(again), 2, true},
		{"it fails again", []route.Event{is(failed), gone, is(again), is(failed)}, host(failed), 1, false},
		{"a setting changes after that", []route.Event{is(failed), gone, {Time: time.Now()}}, host(), 2, true},
		{"it answers", []route.Event{is(failed), gone, is(route.NeighbourReachable)}, host(route.NeighbourReachable), 2, false},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &steps{states: []*route.Snapshot{host(route.NeighbourStale), c.after}, events: [][]route.Event{c.events, nil, nil}, ready: make(chan struct{}), end: cancel}
		close(src.ready)
		w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv6}}}, Source: src, Tell: func([]*report.Turn) error { return nil }}
		if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		hops := w.answers[0].Line.NextHops
		if len(hops) != c.want || hops[len(hops)-1].Fault.Code != "" != c.fails {
			t.Errorf("%s: the answer is %s; want %d next hops, and %v that nothing gets out by the second", c.name, w.answers[0].way, c.want, c.fails)
		}
	}
}

// TestCauses checks what a change is said to follow from: a router's default route, which
// expires before the kernel deletes it or comes back, does not follow from what happens to an
// address at the same time, nor to another device.
func TestCauses(t *testing.T) {
	router, own := netip.MustParseAddr("fe80::1"), netip.MustParsePrefix("2001:db8::2/64")
	host := func(life time.Duration, carrier bool) *route.Snapshot {
		s := &route.Snapshot{Rules: route.DefaultRules(route.IPv6)}
		for i, name := range []string{"eth0", "eth1"} {
			l := route.Link{Index: 2 + i, Name: name, Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}
			if i == 1 && !carrier {
				l.Flags = route.LinkUp
			}
			s.Links = append(s.Links, l)
		}
		s.Addrs = []route.Addr{{Link: 2, Prefix: own}}
		if life != 0 {
			s.Routes = []route.Route{{Table: route.TableMain, Dst: route.IPv6.Default(), Metric: 1024, Type: route.TypeUnicast, Protocol: route.ProtocolRA, Expires: life, NextHops: []route.NextHop{{Gateway: router, Link: 2}}}}
		}
		if life < 0 { // the hop limit (RTAX_HOPLIMIT), which the kernel sets after the event of the route
			s.Routes[0].Metrics = []route.Metric{{ID: 10, Value: 64}}
		}
		return s
	}
	lost := route.Event{Link: &host(0, false).Links[1]}
	renewed := route.Event{Addr: &host(0, true).Addrs[0]}
	added := route.Event{Route: &host(time.Minute, true).Routes[0]}
	for _, c := range []struct {
		name    string
		states  []*route.Snapshot
		events  [][]route.Event
		expired bool
		kinds   []report.ObjectKind
	}{
		{"expired", []*route.Snapshot{host(time.Second, true), host(-time.Second, false)}, [][]route.Event{{lost}, nil, nil}, true, []report.ObjectKind{report.KindRoute}},
		{"renewed", []*route.Snapshot{host(-time.Second, true), host(time.Minute, true)}, [][]route.Event{{renewed}, nil, nil}, false, []report.ObjectKind{report.KindRoute}},
		{"gone without an event", []*route.Snapshot{host(time.Second, true), host(0, false)}, [][]route.Event{{lost}, nil, nil}, false, nil},
		{"added with a renewed address", []*route.Snapshot{host(0, true), host(time.Minute, true)}, [][]route.Event{{renewed, added}, nil, nil}, false, []report.ObjectKind{report.KindRoute}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		src := &steps{states: c.states, events: c.events, ready: make(chan struct{}), end: cancel}
		close(src.ready)
		var turns []*report.Turn
		w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv6}}}, Source: src, Tell: func(all []*report.Turn) error {
			turns = append(turns, all...)
			return nil
		}}
		if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if len(turns) != 2 {
			t.Errorf("%s: %d changes were told", c.name, len(turns)-1)
			continue
		}
		because := turns[1].Because
		ok := len(because) == len(c.kinds) && turns[1].Found == (len(c.kinds) == 0)
		for i := 0; ok && i < len(because); i++ {
			ok = because[i].Object.Kind == c.kinds[i] && because[i].Expired == c.expired
		}
		if !ok {
			t.Errorf("%s: found %v, because %+v", c.name, turns[1].Found, because)
		}
	}
}

// TestSteps checks that what the kernel removes in a row is one change of an answer, or none if
// the answer ends as it began, and that what a process removes is told step by step.
func TestSteps(t *testing.T) {
	own := netip.MustParsePrefix("2001:db8::2/64")
	thrown := route.Route{Table: route.TableMain, Dst: route.IPv6.Default(), Metric: 1, Type: route.TypeThrow, NextHops: []route.NextHop{{Link: 1}}}
	way := routeOf(t, "6:9/1")
	host := func(routes ...route.Route) *route.Snapshot {
		s := &route.Snapshot{Rules: route.DefaultRules(route.IPv6), Addrs: []route.Addr{{Link: 2, Prefix: own}}, Routes: routes}
		s.Links = []route.Link{{Index: 1, Name: "lo", Flags: route.LinkUp | route.LinkLowerUp}, {Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}}
		return s
	}
	now := time.Now()
	removed := func(port uint32, late time.Duration) []route.Event {
		return []route.Event{{Route: &thrown, Gone: true, Port: port, Time: now}, {Route: &way, Gone: true, Port: port, Time: now.Add(late)}}
	}
	connected := route.Route{Table: route.TableMain, Dst: route.IPv6.Default(), Metric: 1, Type: route.TypeUnicast, Protocol: route.ProtocolKernel, NextHops: []route.NextHop{{Link: 2}}}
	renewed := []route.Event{{Route: &connected, Gone: true, Time: now}, {Route: &connected, Time: now}}
	for _, c := range []struct {
		name   string
		events []route.Event
		told   int
	}{
		{"by the kernel", removed(0, time.Millisecond), 0},
		{"by a process", removed(7, time.Millisecond), 2},
		{"by the kernel, one after the other", removed(0, time.Second), 2},
		{"and added", renewed, 0},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		before, after := host(thrown, way), host()
		if !c.events[len(c.events)-1].Gone {
			before, after = host(connected, way), host(connected, way)
		}
		src := &steps{states: []*route.Snapshot{before, after}, events: [][]route.Event{c.events, nil, nil}, ready: make(chan struct{}), end: cancel}
		close(src.ready)
		told := 0
		w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv6}}}, Source: src, Tell: func(all []*report.Turn) error {
			told += len(all)
			return nil
		}}
		if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if told-1 != c.told {
			t.Errorf("removed %s: %d changes were told; want %d", c.name, told-1, c.told)
		}
	}
}

// slow is a host whose second reading, of a full table, takes until a change was told.
type slow struct {
	steps
	readings int
	told     chan struct{}
}

func (s *slow) Read(ctx context.Context) (*lookup.FIB, error) {
	if s.readings++; s.readings == 2 {
		select {
		case <-s.told:
		case <-time.After(10 * time.Second):
		}
	}
	return s.steps.Read(ctx)
}

// TestSlowReading checks that a change is told while everything is read again.
func TestSlowReading(t *testing.T) {
	host := func(routes ...route.Route) *route.Snapshot {
		s := &route.Snapshot{Rules: route.DefaultRules(route.IPv4), Routes: routes}
		s.Links = []route.Link{{Index: 2, Name: "eth0", Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp}}
		return s
	}
	one, two := routeOf(t, "0/1"), routeOf(t, "0/2")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	src := &slow{told: make(chan struct{})}
	src.steps = steps{states: []*route.Snapshot{host(one), host(two)}, ready: make(chan struct{}), end: func() {}}
	src.events = [][]route.Event{{{Route: &two, Replaces: true, Time: began}}}
	close(src.ready)
	told := 0
	w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv4}}}, Source: src, Tell: func(all []*report.Turn) error {
		if told += len(all); told == 2 {
			close(src.told)
			cancel()
		}
		return nil
	}}
	if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if took := time.Since(began); told != 2 || took > 5*time.Second {
		t.Errorf("%d answers were told after %s", told, took)
	}
}

// TestPatience checks that a change does not wait for the reading of a large table.
func TestPatience(t *testing.T) {
	at := time.Unix(1000, 0)
	for took, want := range map[time.Duration]time.Duration{10 * time.Millisecond: patience, time.Second: shortPatience} {
		w := &Watch{took: took, pending: []*turn{{time: at}}}
		if got := w.tellAt().Sub(at); got != want || w.waited(at.Add(want-1)) || !w.waited(at.Add(want)) {
			t.Errorf("a change waits %s where a reading takes %s, want %s", got, took, want)
		}
	}
}

// TestCorrectBegins checks that changes which become one begin with the answer that was told last, also if
// no event told of the first of them.
func TestCorrectBegins(t *testing.T) {
	fib := lookup.New(&route.Snapshot{})
	a, b, c, d := Answer{way: "a"}, Answer{way: "b"}, Answer{way: "c"}, Answer{way: "d"}
	w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv4}}}, fib: fib, answers: []Answer{c}}
	w.prepare()
	w.pending = []*turn{{before: a, after: b, found: true}, {before: b, after: c}}
	w.correct(fib, []Answer{d})
	if len(w.pending) != 1 || w.pending[0].before.way != "a" || w.pending[0].after.way != "d" {
		t.Errorf("%d changes, the first from %q to %q", len(w.pending), w.pending[0].before.way, w.pending[0].after.way)
	}
}
