package history

import (
	"context"
	"errors"
	"net/netip"
	"testing"

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
