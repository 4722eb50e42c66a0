package rehearse

import (
	"bytes"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) {
	if Second() {
		os.Exit(0)
	}
	routetest.Main(m)
}

// inNamespace does the work of the second process in the namespace of the calling thread,
// and returns its error.
func inNamespace(t *testing.T, host string) error {
	b, err := json.Marshal(job{Host: host, Snapshot: &route.Snapshot{Links: []route.Link{{Index: 7, Name: "made"}}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = perform(t.Context(), bytes.NewReader(b))
	if dev, _ := net.InterfaceByName("made"); dev != nil && err != nil {
		t.Error("it made a device all the same")
	}
	return err
}

// TestElsewhere lets the second process run in namespaces where it must refuse.
func TestElsewhere(t *testing.T) {
	ns := routetest.New(t)
	ns.Do(func() {
		mine, err := os.Readlink("/proc/thread-self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{mine, ""} {
			if err := inNamespace(t, host); err == nil || !strings.Contains(err.Error(), "namespace of its own") {
				t.Errorf("in the namespace of the host: %v", err)
			}
		}
	})
	ns.Run(t, "ip link set lo up")
	ns.Do(func() {
		if err := inNamespace(t, "net:[1]"); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("in a namespace that somebody uses: %v", err)
		}
	})
}

// TestDo rehearses changes. On the host itself nothing changes.
func TestDo(t *testing.T) {
	ns := routetest.New(t)
	ns.Run(t, "ip link set lo up", "ip link add eth0.5 type veth peer name p0", "ip link set p0 up", "ip link set eth0.5 up", "ip addr add 192.0.2.2/24 dev eth0.5")
	ns.Settle()
	read := func() (snap *route.Snapshot) {
		ns.Do(func() {
			h, err := kernel.Open("")
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			if snap, err = h.Read(t.Context(), route.Query{AllDevices: true}); err != nil {
				t.Fatal(err)
			}
		})
		return snap
	}
	before := read()
	gateway := func(a string) Command {
		return Command{&change.Route{Route: route.Route{
			Dst: netip.MustParsePrefix("10.0.0.0/8"), Type: route.TypeUnicast, Protocol: route.ProtocolBoot, NextHops: []route.NextHop{{Gateway: netip.MustParseAddr(a)}},
		}}}
	}
	commands := []Command{gateway("192.0.2.1"), gateway("192.0.2.3"), gateway("203.0.113.1"), {&change.Sysctl{Path: "net/ipv4/conf/eth0.5/rp_filter", Value: "1"}}}
	var r Result
	ns.Do(func() { r = Do(t.Context(), change.New(lookup.New(before)), commands) })
	if r.Why != "" {
		t.Fatal(r.Why)
	}
	want := []Answer{{}, {Errno: route.EEXIST}, {route.ENETUNREACH, "Nexthop has invalid gateway"}, {}}
	for i := range want {
		if r.Answers[i] != want[i] || r.Expected[i] != want[i] {
			t.Errorf("command %d: the kernel says %v, and %v was expected; want %v", i, r.Answers[i], r.Expected[i], want[i])
		}
	}
	if len(r.Differs) > 0 {
		t.Errorf("differs: %+v", r.Differs)
	}
	if left := change.Differences(change.New(lookup.New(before)), change.New(lookup.New(read()))); len(left) > 0 {
		t.Errorf("the host changed: %+v", left)
	}
}
