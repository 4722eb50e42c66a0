//go:build linux

package golden

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// TestScenarios makes the set-up of each conformance scenario in a namespace of
// its own and compares Resolve with what the scenario expects, and with what
// this kernel says.
func TestScenarios(t *testing.T) {
	t.Parallel()
	scenarios, err := routetest.LoadDir("../../testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) == 0 {
		t.Fatal("no scenarios")
	}
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			ns := routetest.New(t)
			ns.Run(t, sc.Setup...)
			h := openHost(t, ns)
			s := h.read(t)
			f, err := routetest.ParseQuery(sc.Query, ns.Index)
			if err != nil {
				t.Fatal(err)
			}
			a := Resolve(s, f)
			if why := differsFromScenario(s, a, sc.On(s.Release)); why != "" {
				t.Errorf("%s: %s\n%s", sc.Query, text(s, a), why)
			}
			if why := h.differs(t, s, f, a); why != "" {
				t.Errorf("%s: %s\nthis kernel: %s", sc.Query, text(s, a), why)
			}
		})
	}
}

// differsFromScenario compares an answer with what a scenario expects; empty:
// they agree.
func differsFromScenario(s *route.Snapshot, a Answer, want routetest.Expect) string {
	if want.Errno != "" || a.Errno != 0 {
		if want.Errno != a.Errno.String() {
			return fmt.Sprintf("want errno %q", want.Errno)
		}
		return ""
	}
	candidates := want.Candidates
	if candidates == nil {
		candidates = []routetest.Expect{want}
	}
	var ways []Way
	for _, c := range candidates {
		if c.Type != a.Type || !sameTable(s, a.Table, c.Table) {
			return fmt.Sprintf("want %v, table %d", c.Type, c.Table)
		}
		ways = append(ways, Way{s.LinkByName(c.Dev).Index, c.Gateway, c.Src})
	}
	if !sameWays(ways, a.NextHops) {
		return fmt.Sprintf("want ways %v", ways)
	}
	e := want.Entry
	switch {
	case e == nil:
	case e.Errno != "":
		if a.HasEntry {
			return "want no entry"
		}
	case !a.HasEntry:
		return fmt.Sprintf("want entry %v", e.Prefix)
	case a.Entry.Dst != e.Prefix, a.Entry.Metric != e.Metric, a.Entry.TOS != e.TOS, a.Entry.Src != e.From,
		a.Entry.NextHopID != e.NHID, !sameTable(s, a.Table, e.Table):
		return fmt.Sprintf("want entry %+v, have %+v", *e, a.Entry)
	}
	return ""
}

// sameTable compares tables; the kernel says main for local while they share a
// trie.
func sameTable(s *route.Snapshot, have, kernel route.Table) bool {
	return have == kernel || s.Merged == route.Yes && have == route.TableLocal && kernel == route.TableMain
}

func sameWays(a, b []Way) bool {
	within := func(a, b []Way) bool {
		return !slices.ContainsFunc(a, func(w Way) bool { return !slices.Contains(b, w) })
	}
	return within(a, b) && within(b, a)
}

// host is the kernel of a namespace.
type host struct {
	ns *routetest.Namespace
	*kernel.Host
}

func openHost(t *testing.T, ns *routetest.Namespace) *host {
	t.Helper()
	h := &host{ns: ns}
	var err error
	ns.Do(func() { h.Host, err = kernel.Open("") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func (h *host) read(t *testing.T) *route.Snapshot {
	t.Helper()
	var s *route.Snapshot
	var err error
	h.ns.Do(func() { s, err = h.Read(context.Background(), route.Query{AllDevices: true}) })
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range s.Gaps {
		if g.Fact != route.FactNames {
			t.Fatalf("%s could not be read: %s", g.Fact, g.Why)
		}
	}
	return s
}

// ask asks the kernel about a flow. The answer says that it was not asked where
// the flow has something that the kernel cannot be asked about.
func (h *host) ask(t *testing.T, f route.Flow) route.Answer {
	t.Helper()
	var k route.Answer
	var err error
	h.ns.Do(func() { k, err = h.Resolve(context.Background(), f) })
	var notAsked *route.NotAskedError
	if err != nil && !errors.As(err, &notAsked) {
		t.Fatal(err)
	}
	return k
}

// differs asks the kernel about a flow and compares; empty: they agree.
func (h *host) differs(t *testing.T, s *route.Snapshot, f route.Flow, a Answer) string {
	t.Helper()
	k := h.ask(t, f)
	if !k.Asked {
		return ""
	}
	return differsFromKernel(s, f, a, k)
}

// differsFromKernel compares an answer with the kernel's; empty: the kernel's is
// one of those that Decide allows.
func differsFromKernel(s *route.Snapshot, f route.Flow, a Answer, k route.Answer) string {
	said := describe(s, k)
	if k.Errno != 0 || a.Errno != 0 {
		if k.Errno != a.Errno && k.Errno != a.SomeRefused && a.Uncertain == "" {
			return said
		}
		return ""
	}
	if k.Type != a.Type && a.Uncertain == "" {
		return said
	}
	// A dump does not say that a further sibling has a source of its own.
	if f.Family() == route.IPv6 && a.Entry.NextHopID == 0 && len(a.Entry.NextHops) > 1 {
		k.Src = netip.Addr{}
		f.Src = f.Dst
	}
	var ways []Way
	for _, w := range a.NextHops {
		if f.Src.IsValid() {
			w.Src = netip.Addr{} // Resolve withholds it
		}
		ways = append(ways, w)
	}
	if !slices.Contains(ways, Way{k.Link, k.Gateway, k.Src}) && a.Uncertain == "" {
		return said
	}
	if len(a.NextHops) > 1 { // the entry may be another's
		return ""
	}
	if !sameTable(s, a.Table, k.Table) && a.Uncertain == "" {
		return said
	}
	// The TOS is not compared: it stays that of the first candidate where the
	// kernel moves on to another default route (3.4).
	if k.HasEntry && a.Uncertain == "" && (!a.HasEntry || a.Entry.Dst != k.Entry.Dst || a.Entry.Metric != k.Entry.Metric ||
		a.Entry.Src != k.Entry.Src || a.Entry.NextHopID != k.Entry.NextHopID) {
		return said
	}
	return ""
}

// describe is the kernel's answer in the form of text.
func describe(s *route.Snapshot, k route.Answer) string {
	a := Answer{Errno: k.Errno, Type: k.Type, Table: k.Table, NextHops: []Way{{k.Link, k.Gateway, k.Src}}}
	out := text(s, a)
	if k.HasEntry {
		out += fmt.Sprintf(" by %v metric %d", k.Entry.Dst, k.Entry.Metric)
	}
	return strings.TrimSpace(out)
}
