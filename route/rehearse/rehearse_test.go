package rehearse

import (
	"testing"

	"routewhy/lookup/change"
	"routewhy/route"
)

func TestUnfit(t *testing.T) {
	plain := route.NextHop{Link: 2}
	tunnelled := route.NextHop{Link: 2, Encap: 4}
	for name, c := range map[string]struct {
		change change.Change
		unfit  bool
	}{
		"a route":                        {&change.Route{Route: route.Route{NextHops: []route.NextHop{plain}}}, false},
		"a route into a tunnel":          {&change.Route{Route: route.Route{NextHops: []route.NextHop{plain, tunnelled}}}, true},
		"a next-hop object":              {&change.NextHop{Object: route.NextHopObject{NextHop: plain}}, false},
		"a next-hop object of a tunnel":  {&change.NextHop{Object: route.NextHopObject{NextHop: tunnelled}}, true},
		"a neighbour":                    {&change.Neighbour{}, true},
		"a new device":                   {&change.NewLink{}, true},
		"a device that is to be deleted": {&change.Link{Verb: change.Delete}, true},
		"a device that goes down":        {&change.Link{Verb: change.Modify, Up: route.No}, false},
	} {
		if why := unfit(&route.Snapshot{}, []Command{{c.change}}); (why != "") != c.unfit {
			t.Errorf("%s: %q", name, why)
		}
	}
}
