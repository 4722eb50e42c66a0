package routetest_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
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
				Name: name, Family: route.IPv4,
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

// TestLoadJSON reads scenario files in their other form, JSON.
func TestLoadJSON(t *testing.T) {
	const line = `{"name":"n","area":"a","family":4,"setup":[],"query":"::","expect":`
	for text, want := range map[string]routetest.Expect{
		`{"errno":"EINVAL"}`: {Errno: "EINVAL"},
		`{"type":"local","table":0,"dev":"lo","gateway":null,"src":"127.0.0.1","fibmatch":{"errno":"EHOSTUNREACH"}}`: {
			Type: route.TypeLocal, Dev: "lo", Src: netip.MustParseAddr("127.0.0.1"),
			Entry: &routetest.ExpectEntry{Errno: "EHOSTUNREACH"},
		},
	} {
		file := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(file, []byte(line+text+"}\n\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := routetest.Load(file)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0].Expect, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	var e routetest.Expect
	if err := json.Unmarshal([]byte(`{"errno":"EINVAL","colour":1}`), &e); err == nil {
		t.Error("an unknown field was taken")
	}
}

// TestSaveAnswers changes the answers of a file and nothing else.
func TestSaveAnswers(t *testing.T) {
	dir := t.TempDir()
	const before = `What they share.
-- base v4 --
ip link set lo up
-- one --
base v4
# Why it is here.
ip link set lo down
get 8.8.8.8
= EINVAL
entry EINVAL
before 6.1 = EXDEV
before 6.13 = ENETUNREACH
before 6.13 = EINVAL
-- other --
get ::1
= EINVAL
`
	file := filepath.Join(dir, "x.txtar")
	if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := routetest.LoadDir(dir)
	if err != nil || len(all) != 2 || len(all[0].Setup) != 2 || all[1].Family != route.IPv6 {
		t.Fatalf("%+v, %v", all, err)
	}
	for release, want := range map[string]routetest.Expect{
		"6.0.1": {Errno: "EXDEV"}, "6.13": all[0].Expect, "unknown": all[0].Expect,
		"6.1": {Candidates: []routetest.Expect{{Errno: "ENETUNREACH"}, {Errno: "EINVAL"}}},
	} {
		if got := all[0].On(release); !reflect.DeepEqual(got, want) {
			t.Errorf("on %s: %+v, want %+v", release, got, want)
		}
	}
	routetest.SaveAnswers(t, dir, map[string]routetest.Expect{"one": {Type: route.TypeLocal, Dev: "lo"}})
	got, err := os.ReadFile(file)
	if want := strings.Replace(before, "= EINVAL\nentry EINVAL", "= local dev lo", 1); string(got) != want {
		t.Errorf("%v, got\n%s", err, got)
	}
}

// TestOddScenarios reads files that cannot be understood.
func TestOddScenarios(t *testing.T) {
	for _, text := range []string{
		"get ::1", "= EINVAL", "base x\nget ::1\n= EINVAL", "get ::1\n= local dev", "get ::1\n= local dev lo colour red",
		"get ::1\n= EINVAL\nentry local", "get ::1\n= EINVAL\nentry local ::/0 metric 99999999999", "get ::1\n= EINVAL\nbefore = EINVAL",
	} {
		file := filepath.Join(t.TempDir(), "x.txtar")
		if err := os.WriteFile(file, []byte("-- one --\n"+text), 0o644); err != nil {
			t.Fatal(err)
		}
		if all, err := routetest.Load(file); err == nil {
			t.Errorf("%q is %+v", text, all)
		}
	}
}

func TestExpectMatches(t *testing.T) {
	v, w := routetest.Expect{Dev: "v0"}, routetest.Expect{Dev: "w0"}
	both := routetest.Expect{Candidates: []routetest.Expect{v, w}}
	if !both.Matches(w) || both.Matches(routetest.Expect{Dev: "x0"}) || v.Matches(w) || !v.Matches(v) {
		t.Error("wrong match")
	}
}
