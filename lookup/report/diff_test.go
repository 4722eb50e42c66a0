package report_test

import (
	"fmt"
	"net/netip"
	"testing"

	"routewhy/lookup/coverage"
	"routewhy/lookup/report"
	"routewhy/route"
)

// changes are the objects that differ, as "kind change name before after".
func changes(before, after *route.Snapshot) []string {
	d := report.NewDiff(coverage.HostOf(before), coverage.HostOf(after), []route.Family{route.IPv4})
	var out []string
	for i := range d.Objects.Len() {
		o := d.Objects.At(i)
		line := fmt.Sprint(o.Kind, " ", o.Change)
		for _, t := range []*report.Thing{o.Before, o.After} {
			switch {
			case t == nil:
			case t.Setting != nil:
				line += fmt.Sprintf(" %s=%s", t.Setting.Name, t.Setting.Value)
			case t.Rule != nil:
				line += fmt.Sprintf(" %d", t.Rule.Priority)
			}
		}
		out = append(out, line)
	}
	return out
}

// TestDiffOfAlike: of things that are alike, what counts is how many there are on each side.
// With hundreds of thousands of them, comparing each with each would take hours.
func TestDiffOfAlike(t *testing.T) {
	rules := func(n int) *route.Snapshot {
		s := &route.Snapshot{}
		for range n {
			s.Rules = append(s.Rules, route.Rule{Family: route.IPv4, Priority: 5, Action: route.ActionTable, Table: 5, SuppressPrefixLen: -1, SuppressGroup: -1})
		}
		return s
	}
	for _, tt := range []struct {
		before, after int
		want          string
	}{
		{2, 2, "[]"},
		{2, 3, "[rule added 5]"},
		{3, 1, "[rule removed 5 rule removed 5]"},
		{100_000, 100_000, "[]"},
	} {
		if got := fmt.Sprint(changes(rules(tt.before), rules(tt.after))); got != tt.want {
			t.Errorf("%d, %d: %s; want %s", tt.before, tt.after, got, tt.want)
		}
	}
}

// TestDiffOfAddresses names the addresses that only one side has, and each as often.
func TestDiffOfAddresses(t *testing.T) {
	host := func(prefixes ...string) *route.Snapshot {
		s := &route.Snapshot{Links: []route.Link{{Index: 2, Name: "eth0"}}}
		for _, p := range prefixes {
			s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.MustParsePrefix(p)})
		}
		return s
	}
	got := fmt.Sprint(changes(host("10.0.0.1/8", "10.0.0.2/8", "10.0.0.2/8"), host("10.0.0.1/8", "10.0.0.3/8", "10.0.0.2/8")))
	if want := "[address removed address added]"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

// TestDiffOfSettings names the settings that only one side has, and those with another value.
func TestDiffOfSettings(t *testing.T) {
	before := &route.Snapshot{Sysctls: route.Sysctls{"a": "0", "b": "0", "c": "1"}}
	after := &route.Snapshot{Sysctls: route.Sysctls{"a": "0", "b": "1", "d": "2"}}
	if got, want := fmt.Sprint(changes(before, after)), "[sysctl changed b=0 b=1 sysctl removed c=1 sysctl added d=2]"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
}
