package load_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/load"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// TestFormatsAgree makes random set-ups in namespaces, and compares the
// decisions from the live kernel with those from a saved snapshot, from a
// folder of `ip -j -d` output, from plain `ip` output in one file, and from
// `ip route save`. What a format does not tell is taken from the live reading
// or is not compared: see the package's documentation.
func TestFormatsAgree(t *testing.T) {
	support := routetest.Probe(t)
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 6))
			ns := routetest.New(t)
			ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
			compareFormats(t, ns, rng)
		})
	}
}

func compareFormats(t *testing.T, ns *routetest.Namespace, rng *rand.Rand) {
	ns.Settle()
	dir := t.TempDir()
	var live *route.Snapshot
	ns.Do(func() {
		host, err := kernel.Open("")
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		read := func() *route.Snapshot {
			s, err := host.Read(t.Context(), route.Query{AllDevices: true})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		// Neighbours change by themselves.
		for range 5 {
			live = read()
			list(t, dir)
			again := read()
			same := cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})
			if cmp.Equal(live.Neighbours, again.Neighbours, same) && cmp.Equal(live.Routes, again.Routes, same) {
				return
			}
		}
		t.Skip("the neighbours do not settle")
	})
	var b bytes.Buffer
	if err := live.Encode(&b); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "saved/snapshot.json", b.Bytes())
	settings := sysctlListing(live)
	write(t, dir, "json/sysctl", settings)
	write(t, dir, "text/sysctl", settings)
	write(t, dir, "binary/sysctl", settings)

	flows := routetest.Flows(rng, live, 100)
	for _, format := range []string{"saved", "json", "text", "binary"} {
		r, err := load.Files(nil, filepath.Join(dir, format))
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		for _, f := range r.Faults {
			t.Errorf("%v", f)
		}
		got, want := *whole(r), *live
		if format != "saved" {
			// Listings do not tell whether local and main are one table. Only `ip
			// addrlabel` tells the labels.
			want.Merged, got.Labels = route.Unknown, want.Labels
			want.Gaps = append(want.Gaps, route.Gap{Fact: route.FactMerged, Family: route.IPv4, Why: route.NotInFiles})
			want.Host, want.Machine, want.Release = "", "", ""
			listNeighbours(&want, format)
		}
		if format == "json" || format == "binary" {
			want.Order, want.Memberships = nil, nil // they lack the files that tell these
		}
		if format == "text" { // it shows no device without a group, and the list of lo may have lost its beginning
			want.Memberships = slices.DeleteFunc(slices.Clone(want.Memberships), func(m route.Membership) bool {
				return m.Is6() && m.Link == route.LoopbackIndex || len(m.Groups) == 0
			})
		}
		if format != "saved" && hidden(&want) {
			continue
		}
		compareDecisions(t, format, &want, &got, flows)
	}
}

// listNeighbours keeps only what `ip neigh` lists. If there are no neighbours, there is no
// file with them, except in JSON, which has an empty list.
func listNeighbours(s *route.Snapshot, format string) {
	s.Neighbours = slices.DeleteFunc(slices.Clone(s.Neighbours), func(n route.Neighbour) bool {
		return n.State == route.NeighbourNone || n.State == route.NeighbourNoARP
	})
	if len(s.Neighbours) == 0 && format != "json" {
		s.Gaps = append(slices.Clone(s.Gaps), route.Gap{Fact: route.FactNeighbours, Why: "not in the files"})
	}
}

// hidden reports whether a set-up has what listings cannot show: selectors that
// are newer than the installed ip, and times below a second.
func hidden(s *route.Snapshot) bool {
	newer := func(r route.Rule) bool {
		sel := &r.Selector
		return len(r.Unknown) > 0 || sel.HasDSCP || sel.FlowLabelMask != 0 || sel.SrcPort.Mask+1 > 1 || sel.DstPort.Mask+1 > 1
	}
	return slices.ContainsFunc(s.Rules, newer) ||
		slices.ContainsFunc(s.Routes, func(r route.Route) bool { return r.Expires != 0 })
}

// list writes the listings that users send. They are made by ip itself.
func list(t *testing.T, dir string) {
	for name, args := range map[string]string{
		"json/route4.json": "-4 -j -d route show table all", "json/route6.json": "-6 -j -d route show table all",
		"json/rule4.json": "-4 -j -d rule", "json/rule6.json": "-6 -j -d rule",
		"json/addr.json": "-j -d addr", "json/neigh.json": "-j neigh", "json/nexthop.json": "-j nexthop",
		"text/ip_route_show_table_all": "route show table all",
		"text/ip_-4_rule_list":         "-4 rule list", "text/ip_-6_rule_list": "-6 rule list",
		"text/ip_-d_address": "-d address", "text/ip_neigh_show": "neigh show", "text/ip_nexthop": "nexthop",
		"binary/route4": "-4 route save table all", "binary/route6": "-6 route save table all",
		"binary/ip_-4_rule": "-4 rule list", "binary/ip_-6_rule": "-6 rule list",
		"binary/ip_-d_address": "-d address", "binary/ip_neigh_show": "neigh show", "binary/ip_nexthop": "nexthop",
	} {
		out, err := exec.Command("ip", strings.Fields(args)...).Output()
		if err != nil {
			t.Fatalf("ip %s: %v", args, err)
		}
		if len(out) == 0 && strings.HasPrefix(name, "json") {
			out = []byte("[]")
		}
		if len(out) > 0 {
			write(t, dir, name, out)
		}
	}
	for _, name := range []string{"igmp", "igmp6"} {
		if out, err := os.ReadFile("/proc/thread-self/net/" + name); err == nil && len(out) > 0 {
			write(t, dir, "text/"+name, out)
		}
	}
}

func write(t *testing.T, dir, name string, b []byte) {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// sysctlListing is what `sysctl -a` prints.
func sysctlListing(s *route.Snapshot) []byte {
	var b bytes.Buffer
	for _, path := range slices.Sorted(maps.Keys(s.Sysctls)) {
		key := strings.NewReplacer("/", ".", ".", "/").Replace(path)
		fmt.Fprintf(&b, "%s = %s\n", key, s.Sysctls[path])
	}
	return b.Bytes()
}

func compareDecisions(t *testing.T, format string, want, got *route.Snapshot, flows []route.Flow) {
	wantFIB, gotFIB := lookup.New(want), lookup.New(got)
	for _, flow := range flows {
		d := wantFIB.Lookup(flow)
		other := flow
		other.In, other.Out = sameDevice(want, got, flow.In), sameDevice(want, got, flow.Out)
		e := gotFIB.Lookup(other)
		if diff := cmp.Diff(decisionText(wantFIB, &d), decisionText(gotFIB, &e)); diff != "" {
			t.Errorf("%s: %+v (-live +file):\n%s", format, flow, diff)
			return
		}
	}
}

func sameDevice(from, to *route.Snapshot, index int) int {
	if index == 0 || from.Link(index) == nil {
		return index
	}
	if l := to.LinkByName(from.LinkName(index)); l != nil {
		return l.Index
	}
	return 1 << 20
}

// decisionText is everything that a user sees of a decision.
func decisionText(f *lookup.FIB, d *lookup.Decision) []string {
	s := f.Snapshot()
	out := []string{d.Disposition.String(), d.Errno.String(), string(d.Ambiguous.Code), d.Src.String()}
	if d.HasRoute {
		out = append(out, fmt.Sprint(d.Route.Dst, " table ", s.Names.Table(d.Route.Table), " metric ", d.Route.Metric, " nhid ", d.Route.NextHopID))
	}
	if d.Rule != nil {
		out = append(out, fmt.Sprint("rule ", d.Rule.Priority))
	}
	for _, w := range d.NextHops {
		if w.SrcOneOf != nil {
			w.Src = netip.Addr{}
		}
		oneOf := slices.SortedFunc(slices.Values(w.SrcOneOf), netip.Addr.Compare)
		out = append(out, fmt.Sprintf("dev %s via %s share %.3f src %s %v", s.LinkName(w.Link), w.Gateway, w.Share, w.Src, oneOf))
	}
	return out
}
