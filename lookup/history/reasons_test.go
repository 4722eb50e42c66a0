package history

import (
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
