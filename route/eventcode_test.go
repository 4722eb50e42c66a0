package route_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"routewhy/route"
)

// TestEventCode checks that an event is read as it was written.
func TestEventCode(t *testing.T) {
	at := time.Date(2026, 7, 30, 2, 13, 0, 123456789, time.UTC)
	for _, e := range []route.Event{
		{Time: at},
		{Time: at, Lost: true},
		{Time: at, Gone: true, Port: 7, Route: &route.Route{Table: 254, Dst: netip.MustParsePrefix("0.0.0.0/0"), Type: route.TypeUnicast, NextHops: []route.NextHop{{Link: 2}}}},
		{Time: at, Replaces: true, Appends: true, Rule: &route.Rule{Family: route.IPv6, Priority: 5, Table: 7, Action: route.ActionTable, SuppressPrefixLen: -1, SuppressGroup: -1, Selector: route.Selector{In: "eth\xff"}}},
		{Time: at, Link: &route.Link{Index: 2, Name: "a\x1bb\xfe", PeerNetNS: -1}},
		{Time: at, Addr: &route.Addr{Link: 2, Prefix: netip.MustParsePrefix("192.0.2.7/24"), Label: "x\xff"}},
		{Time: at, NextHop: &route.NextHopObject{ID: 9}},
		{Time: at, Neighbour: &route.Neighbour{Link: 2, Addr: netip.MustParseAddr("fe80::1"), State: route.NeighbourFailed}},
		{Time: at, Port: 9, By: &route.Requester{PID: 9, Comm: "\xffip", Unit: "a.service", Parent: &route.Requester{PID: 3, Comm: "sh\xfd"}}},
	} {
		line, err := route.EncodeEvent(&e)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsRune(string(line), '\n') {
			t.Errorf("%s has several lines", line)
		}
		got, err := route.DecodeEvent(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if d := cmp.Diff(&e, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", line, d)
		}
	}
}

// TestEventFaults checks that events which no kernel reports are refused.
func TestEventFaults(t *testing.T) {
	for _, line := range []string{
		``, `[]`, `{"time":"soon"}`, `{"sort":1}`, `{"gone":true,"gone":false}`,
		`{"route":{"table":254,"dst":"10.0.0.1/8","type":"unicast"}}`,
		`{"rule":{"family":"ipv4","priority":1,"action":"table","table":0}}`,
		`{"address":{"link":0,"prefix":"192.0.2.1/24","scope":"global"}}`,
		`{"link":{"index":-1,"name":"eth0","flags":0}}`,
		`{"nexthop":{"id":0}}`,
		`{"neighbour":{"link":1,"state":"FAILED"}}`,
		`{"nexthop":{"id":1},"link":{"index":1,"name":"lo","flags":0}}`,
	} {
		if e, err := route.DecodeEvent([]byte(line)); err == nil {
			t.Errorf("%s: %+v", line, e)
		}
	}
}
