package routetest_test

import (
	"encoding/json"
	"net/netip"
	"path/filepath"
	"reflect"
	"testing"

	"routewhy/route"
	"routewhy/route/routetest"
)

func TestScenarioRoundTrip(t *testing.T) {
	addr := netip.MustParseAddr
	for name, e := range map[string]routetest.Expect{
		"errno": {Errno: "EINVAL", Entry: &routetest.ExpectEntry{Errno: "EINVAL"}},
		"answer": {
			Type: route.TypeUnicast, Table: 254, Dev: "v0", Gateway: addr("10.0.0.2"), Src: addr("10.0.0.1"), MTU: 1200,
			Entry: &routetest.ExpectEntry{
				Prefix: netip.MustParsePrefix("10.9.0.0/16"), Table: 254, Type: route.TypeUnicast, NextHops: 2, TOS: 16,
			},
		},
		"nulls": {Type: route.TypeLocal, Table: 0, Dev: "lo"},
		"candidates": {
			Candidates: []routetest.Expect{{Type: route.TypeUnicast, Table: 1, Dev: "v0"}, {Type: route.TypeUnicast, Table: 1, Dev: "w0"}},
			Entry:      &routetest.ExpectEntry{Prefix: netip.MustParsePrefix("::/0"), From: netip.MustParsePrefix("2001:db8::/32")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := routetest.Scenario{
				Name: name, Area: "random", Family: route.IPv4,
				Setup: routetest.Setup{"ip link set lo up"}, Query: "8.8.8.8", Expect: e,
			}
			dir := filepath.Join(t.TempDir(), "new")
			routetest.Save(t, dir, s)
			got, err := routetest.LoadDir(dir)
			if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], s) {
				t.Errorf("got %+v, %v, want %+v", got, err, s)
			}
		})
	}
}

// TestExpectJSON pins the form that other readers of scenario files rely on.
func TestExpectJSON(t *testing.T) {
	for want, e := range map[string]routetest.Expect{
		`{"errno":"EINVAL"}`: {Errno: "EINVAL"},
		`{"type":"local","table":0,"dev":"lo","gateway":null,"src":"127.0.0.1","fibmatch":{"errno":"EHOSTUNREACH"}}`: {
			Type: route.TypeLocal, Dev: "lo", Src: netip.MustParseAddr("127.0.0.1"),
			Entry: &routetest.ExpectEntry{Errno: "EHOSTUNREACH"},
		},
	} {
		got, err := json.Marshal(e)
		if string(got) != want || err != nil {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	var e routetest.Expect
	if err := json.Unmarshal([]byte(`{"errno":"EINVAL","colour":1}`), &e); err == nil {
		t.Error("an unknown field was taken")
	}
}

func TestExpectMatches(t *testing.T) {
	v, w := routetest.Expect{Dev: "v0"}, routetest.Expect{Dev: "w0"}
	both := routetest.Expect{Candidates: []routetest.Expect{v, w}}
	if !both.Matches(w) || both.Matches(routetest.Expect{Dev: "x0"}) || v.Matches(w) || !v.Matches(v) {
		t.Error("wrong match")
	}
}
