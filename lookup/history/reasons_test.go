package history

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// TestReasons checks that several events about one change of a device are one reason.
func TestReasons(t *testing.T) {
	event := func(index int, before, after string) *happening {
		h := &happening{event: &route.Event{Link: &route.Link{Index: index}, Gone: after == ""}, trigger: new(report.Trigger)}
		for _, x := range []struct {
			state string
			thing **report.Thing
		}{{before, &h.trigger.Object.Before}, {after, &h.trigger.Object.After}} {
			if x.state != "" {
				*x.thing = &report.Thing{Link: &report.LinkState{Name: "eth", State: x.state}}
			}
		}
		return h
	}
	up, still, again := event(2, "down", "no-carrier"), event(2, "no-carrier", "no-carrier"), event(2, "no-carrier", "up")
	down, gone, other := event(2, "up", "down"), event(2, "down", ""), event(3, "down", "")
	w := &Watch{recent: []*happening{down, other, gone}}
	if got := w.reasons([]*happening{up, still, again}); len(got) != 1 || got[0].Object.Before.Link.State != "down" || got[0].Object.After.Link.State != "up" {
		t.Errorf("a device that comes up: %+v", got)
	}
	if got := w.reasons([]*happening{down}); len(got) != 1 || got[0].Object.After != nil {
		t.Errorf("a device that is deleted: %+v", got)
	}
	if got := w.reasons([]*happening{down, gone}); len(got) != 1 {
		t.Errorf("a device that goes down and is deleted: %+v", got)
	}
	w.recent = []*happening{down, other}
	if got := w.reasons([]*happening{down, up, again}); len(got) != 2 || got[0].Object.After.Link.State != "down" || got[1].Object.After.Link.State != "up" {
		t.Errorf("a device that flaps: %+v", got)
	}
}

// TestNamed checks that a question about a device that gets another name says so.
func TestNamed(t *testing.T) {
	host := func(name string) *route.Snapshot {
		s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: name}}, Rules: route.DefaultRules(route.IPv4)}
		s.Sysctls = route.Sysctls{"net/ipv4/conf/" + name + "/forwarding": "0"}
		return s
	}
	ctx, cancel := context.WithCancel(t.Context())
	src := &steps{states: []*route.Snapshot{host("eth1"), host("lan1")}, events: [][]route.Event{{{Link: &host("lan1").Links[0]}}, nil, nil}, ready: make(chan struct{}), end: cancel}
	close(src.ready)
	var turns []*report.Turn
	q := &Question{Asked: []Asked{{Label: "x", To: report.Destination{Addr: netip.MustParseAddr("192.0.2.1")}}}}
	q.Packet.Oif = "eth1"
	w := &Watch{Question: q, Source: src, Tell: func(all []*report.Turn) error {
		turns = append(turns, all...)
		return nil
	}}
	if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(turns) != 2 || len(turns[1].Because) != 1 || turns[1].Because[0].Object.Kind != report.KindLink {
		t.Errorf("%+v", turns[len(turns)-1])
	}
}

// TestCarrierBefore checks that a device got its carrier according to the events, also if a
// reading that came before the event already had it.
func TestCarrierBefore(t *testing.T) {
	const down, up = route.LinkUp, route.LinkUp | route.LinkRunning | route.LinkLowerUp
	host := func(flags route.LinkFlags) *route.Snapshot {
		return &route.Snapshot{Rules: route.DefaultRules(route.IPv4), Links: []route.Link{{Index: 2, Name: "eth0", Flags: flags}}}
	}
	w := &Watch{Question: &Question{}}
	w.prepare()
	w.adopt(lookup.New(host(down)))
	w.adopt(lookup.New(host(up)))
	w.happen(&route.Event{Link: &host(up).Links[0]})
	if len(w.recent) != 1 || !w.dirty {
		t.Fatalf("%d events count, %v", len(w.recent), w.dirty)
	}
	if x := &w.recent[0].trigger.Object; x.Before.Link.State != "no-carrier" || x.After.Link.State != "up" {
		t.Errorf("before %+v, after %+v", x.Before.Link, x.After.Link)
	}
}

// TestOtherAddress checks that an address of another device or family which appears at the
// same time is not the reason of a change.
func TestOtherAddress(t *testing.T) {
	host := func(gateway string, addrs ...route.Addr) *route.Snapshot {
		own := route.Addr{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.2/24")}
		s := &route.Snapshot{Rules: route.DefaultRules(route.IPv4), Addrs: append([]route.Addr{own}, addrs...), Routes: []route.Route{routeOf(t, "0/"+gateway)}}
		for i, name := range []string{"eth0", "eth1"} {
			s.Links = append(s.Links, route.Link{Index: 2 + i, Name: name, Flags: route.LinkUp | route.LinkRunning | route.LinkLowerUp})
		}
		return s
	}
	w := &Watch{Question: &Question{Asked: []Asked{{Label: "default", Default: route.IPv4}}}}
	w.prepare()
	w.adopt(lookup.New(host("1")))
	w.answers = w.answersOf(w.fib)
	for _, other := range []route.Addr{
		{Link: 3, Prefix: netip.MustParsePrefix("198.51.100.1/24")},
		{Link: 2, Prefix: netip.MustParsePrefix("fe80::1/64")},
	} {
		x := &turn{before: w.answers[0], after: w.answers[0]}
		if w.find(x, lookup.New(host("1", other))); len(x.triggers) != 0 || !x.found {
			t.Errorf("because %+v", x.triggers)
		}
	}
}

// TestOtherFamily checks that a setting of one family is no reason for an answer of the other.
func TestOtherFamily(t *testing.T) {
	for name, family := range map[string]route.Family{"net/ipv4/conf/all/forwarding": route.IPv4, "net/ipv6/conf/all/forwarding": route.IPv6} {
		x := &report.Trigger{Op: report.Changed, Object: report.Object{Kind: report.KindSetting, After: &report.Thing{Setting: &report.SettingState{Name: name}}}}
		for _, f := range []route.Family{route.IPv4, route.IPv6} {
			if got := new(turn).mayFollow(x, f); got != (f == family) {
				t.Errorf("an %s answer may follow from %s: %v", f, name, got)
			}
		}
	}
}
