package iproute2_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/route/iproute2"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// TestKernel reads what ip(8) prints for random set-ups, as text and as JSON, and prints
// it again. The result must be the same, except for blanks in the text.
func TestKernel(t *testing.T) {
	support := routetest.Probe(t)
	for seed := range uint64(20) {
		ns := routetest.New(t)
		rng := rand.New(rand.NewPCG(seed, 0))
		ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
		ip := func(args string) []byte {
			var out []byte
			var err error
			ns.Do(func() { out, err = exec.Command("ip", strings.Fields(args)...).CombinedOutput() })
			if err != nil {
				t.Fatalf("ip %s: %v: %s", args, err, out)
			}
			return out
		}
		for _, family := range []string{"-4", "-6"} {
			routes := family + " -d route show table all"
			sameText(t, ip(routes), (*iproute2.Route).String, iproute2.ParseRoute)
			sameJSON(t, ip("-j "+routes), iproute2.ParseRouteJSON)
			sameText(t, ip(family+" -d rule show"), (*iproute2.Rule).String, iproute2.ParseRule)
			sameJSON(t, ip(family+" -j -d rule show"), iproute2.ParseRuleJSON)
		}
		sameText(t, ip("link show"), (*iproute2.Link).String, parseDevice)
		sameJSON(t, ip("-j link show"), iproute2.ParseLinkJSON)
		sameText(t, addresses(ip("-d addr show")), (*iproute2.Addr).String, iproute2.ParseAddress)
		sameJSON(t, addrInfo(t, ip("-j -d addr show")), iproute2.ParseAddressJSON)
		sameText(t, ip("-d neigh show nud all"), (*iproute2.Neighbour).String, iproute2.ParseNeighbour)
		sameJSON(t, ip("-j -d neigh show nud all"), iproute2.ParseNeighbourJSON)
		sameText(t, ip("-d nexthop show"), (*iproute2.NextHopObject).String, iproute2.ParseNextHop)
		sameJSON(t, ip("-d -j nexthop show"), iproute2.ParseNextHopJSON)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// sameText reads a listing, prints what was read, and compares the two.
func sameText[T any](t *testing.T, listing []byte, text func(*T) string, parse func([]string) (T, *iproute2.Odd)) {
	t.Helper()
	for _, line := range records(string(listing)) {
		x, odd := parse(strings.Fields(line))
		if got, want := text(&x), strings.Join(strings.Fields(line), " "); odd != nil || got != want {
			t.Errorf("%v\nip:       %s\nroutewhy: %s", odd, want, got)
		}
	}
}

// records are the lines of a listing, each with the indented lines below it.
func records(listing string) []string {
	var out []string
	for line := range strings.Lines(listing) {
		switch words := strings.Fields(line); {
		case len(words) == 0, words[0] == "nh_info": // nh_info repeats what the object is
		case line[0] == '\t' || line[0] == ' ':
			out[len(out)-1] += line
		default:
			out = append(out, line)
		}
	}
	return out
}

// parseDevice reads the lines of a device.
func parseDevice(line []string) (iproute2.Link, *iproute2.Odd) {
	head := line
	at := slices.IndexFunc(line, func(s string) bool { return strings.HasPrefix(s, "link/") })
	if at > 0 {
		head = line[:at]
	}
	l, odd := iproute2.ParseLink(head)
	if at > 0 {
		l.Detail(line[at:])
	}
	return l, odd
}

// addresses are the lines of a listing that are about addresses, each with its lifetimes.
func addresses(listing []byte) []byte {
	var out strings.Builder
	for line := range strings.Lines(string(listing)) {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, "inet"):
			out.WriteString(text + " ")
		case strings.HasPrefix(text, "valid_lft"):
			out.WriteString(text + "\n")
		}
	}
	return []byte(out.String())
}

// addrInfo is a list of the addresses of all devices.
func addrInfo(t *testing.T, listing []byte) []byte {
	var links []struct {
		Addrs []json.RawMessage `json:"addr_info"`
	}
	if err := json.Unmarshal(listing, &links); err != nil {
		t.Fatal(err)
	}
	all := []json.RawMessage{}
	for _, l := range links {
		all = append(all, l.Addrs...)
	}
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameJSON does the same with JSON. Null and true both mean a word without a value.
func sameJSON[T any](t *testing.T, listing []byte, parse func([]byte) (T, error)) {
	t.Helper()
	var all []json.RawMessage
	if err := json.Unmarshal(bytes.TrimSpace(listing), &all); err != nil {
		t.Fatalf("%v: %s", err, listing)
	}
	for _, raw := range all {
		x, err := parse(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		again, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(members(t, raw), members(t, again)); diff != "" {
			t.Errorf("%s (-ip +routewhy):\n%s", raw, diff)
		}
	}
}

// members are the members of an object, except those that routewhy does not keep: nh_info
// of a next-hop object, and a tunnel's parameters.
func members(t *testing.T, raw []byte) map[string]any {
	raw = bytes.ReplaceAll(raw, []byte(`:null`), []byte(`:true`))
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "nh_info")
	if group, ok := m["suppress_ifgroup"].(string); ok { // routewhy writes a number
		n, _ := strconv.ParseFloat(strings.Replace(group, "default", "0", 1), 64)
		m["suppress_ifgroup"] = n
	}
	for _, hop := range append(legs(m), m) {
		if hop["encap"] == "mpls" {
			m["dst"], hop["dst"] = nil, nil
		}
	}
	return m
}

func legs(m map[string]any) []map[string]any {
	var out []map[string]any
	list, _ := m["nexthops"].([]any)
	for _, one := range list {
		if leg, ok := one.(map[string]any); ok {
			out = append(out, leg)
		}
	}
	return slices.Clip(out)
}
