package main

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

var roundTrips = flag.Int("roundtrips", 300, "how many random set-ups TestRoundTrips makes")

// TestRoundTrips makes random set-ups. It asks about packets and connections to them,
// including the answers, and about the sockets. In some set-ups it also asks what
// differs after more commands. Each report must print the same after it was converted
// to JSON and back.
func TestRoundTrips(t *testing.T) {
	n := *roundTrips
	if testing.Short() {
		n = min(n, 20)
	}
	support := routetest.Probe(t)
	told := 0
	for seed := range uint64(n) {
		rng := rand.New(rand.NewPCG(seed, 0x70))
		ns := routetest.New(t)
		ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
		at := fmt.Sprintf("/proc/self/task/%d/ns/net", ns.Thread())
		ask := func(args ...string) {
			var stdout, stderr bytes.Buffer
			s := testIO(&stdout, &stderr)
			s.Told = func(r any) {
				told++
				if err := roundTrip(r); err != nil {
					t.Errorf("seed %d: %s: %v", seed, strings.Join(args, " "), err)
				}
			}
			if status := run(t.Context(), args, s); status == exitUsage || status == exitNoAnswer && stderr.Len() > 0 {
				t.Errorf("seed %d: %s: %s", seed, strings.Join(args, " "), &stderr)
			}
		}
		listenAt(t, ns, rng)
		for _, args := range questionsAt(t, rng, at) {
			ask(args...)
		}
		if seed%4 == 0 {
			before := filepath.Join(t.TempDir(), "before.json")
			ask("--netns", at, "--save", before)
			ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
			ask("--netns", at, "--diff", before, "live")
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d set-ups, %d reports", n, told)
}

// listenAt lets sockets listen in a namespace while a test runs: on all addresses, and on
// some of those that it has.
func listenAt(t *testing.T, ns *routetest.Namespace, rng *rand.Rand) {
	ns.Do(func() {
		at := []string{"[::]:80", "0.0.0.0:53", "127.0.0.1:631"}
		own, err := net.InterfaceAddrs()
		if err != nil {
			t.Error(err)
		}
		for range min(3, len(own)) {
			if a := own[rng.IntN(len(own))].(*net.IPNet); !a.IP.IsLinkLocalUnicast() {
				at = append(at, net.JoinHostPort(a.IP.String(), strconv.Itoa(1000+rng.IntN(2000))))
			}
		}
		for _, one := range at {
			l, err := net.Listen("tcp", one)
			if err != nil { // IPv6 is switched off, or the address is tentative
				continue
			}
			t.Cleanup(func() { _ = l.Close() })
		}
	})
}

// questionsAt are command lines about what a namespace has.
func questionsAt(t *testing.T, rng *rand.Rand, at string) [][]string {
	host, err := kernel.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	s, err := host.Read(t.Context(), route.Query{})
	if err != nil {
		t.Fatal(err)
	}
	out := [][]string{{"--netns", at, "--dump"}, {"--netns", at, "default", "0.0.0.0", "::"}, {"--netns", at, "0.0.0.0/1", "10.0.0.0/8", "2000::/3"}}
	if rng.IntN(2) == 0 {
		out = append(out, []string{"--netns", at, "--sockets"})
	}
	for range min(4, len(s.Routes)) {
		out = append(out, []string{"-v", "--netns", at, s.Routes[rng.IntN(len(s.Routes))].Dst.String()})
	}
	flows := routetest.Flows(rng, s, 6)
	if rng.IntN(3) == 0 { // they take longer
		out = append(out, otherModes(rng, s, at, flows)...)
	}
	for i, f := range flows {
		args := []string{"-v", "--netns", at, f.Dst.String()}
		port := uint16(0)
		if i%3 == 2 && f.DstPort != 0 && !f.Dst.IsUnspecified() {
			port = f.DstPort
			args[3] = netip.AddrPortFrom(f.Dst, port).String()
		}
		add := func(given bool, name, value string) {
			if given {
				args = append(args, name, value)
			}
		}
		add(f.Src.IsValid(), "--from", f.Src.String())
		add(f.In != 0, "--iif", s.LinkName(f.In))
		add(f.Out != 0 && f.In == 0, "--oif", s.LinkName(f.Out))
		add(f.Mark != 0, "--mark", fmt.Sprint(f.Mark))
		add(f.TOS != 0, "--tos", fmt.Sprint(f.TOS&^3))
		add(f.In == 0 && f.UID != route.NoUID, "--uid", fmt.Sprint(f.UID))
		add(port == 0 && f.DstPort != 0, "--dport", strconv.Itoa(int(f.DstPort)))
		add(f.SrcPort != 0, "--sport", strconv.Itoa(int(f.SrcPort)))
		ports := f.DstPort != 0 || f.SrcPort != 0
		add(ports, "--ipproto", map[bool]string{true: "tcp", false: "udp"}[f.Proto == route.ProtoTCP])
		if i%2 == 1 {
			args = append(args, "--reply")
		}
		out = append(out, args)
	}
	return out
}

// otherModes are command lines of the modes that ask why, check and try.
func otherModes(rng *rand.Rand, s *route.Snapshot, at string, flows []route.Flow) [][]string {
	out := [][]string{{"--netns", at, "--check"}}
	dev := s.Links[rng.IntN(len(s.Links))].Name
	for i, f := range flows {
		dst := f.Dst.String()
		switch i {
		case 0:
			out = append(out, []string{"--netns", at, dst, "--why-not", dev}, []string{"--netns", at, dst, "--errno", "EHOSTUNREACH"})
		case 1:
			out = append(out, []string{"-v", "--netns", at, "--try", "ip link set " + dev + " down", dst})
		case 2:
			out = append(out, []string{"--netns", at, dst, "--why-not", "default"})
		}
		if other := flows[0].Dst; i > 0 && i < 4 && f.Family() == flows[0].Family() {
			out = append(out, []string{"--netns", at, dst, "--unlike", other.String()})
		}
	}
	return out
}
