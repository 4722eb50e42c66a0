package main

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

// TestSpellings makes routes with the spellings of the zero address that people use.
// It compares three things with the kernel: which route results, what routewhy
// understands by the spelling, and what routewhy says about packets.
func TestSpellings(t *testing.T) {
	const via = " via 10.0.0.2"
	tests := []struct {
		command string // the words after `ip route add`, or the whole command
		word    string // the spelling as a DESTINATION
		prefix  string // what the kernel has afterwards; empty: it refuses
	}{
		{"0.0.0.0" + via, "0.0.0.0", "0.0.0.0/32"},
		{"0" + via, "0", "0.0.0.0/32"},
		{"0.0.0.0/32" + via, "0.0.0.0/32", "0.0.0.0/32"},
		{"0.0.0.0/0" + via, "0.0.0.0/0", "0.0.0.0/0"},
		{"0/0" + via, "0/0", "0.0.0.0/0"},
		{"default" + via, "default", "0.0.0.0/0"},
		{"all" + via, "", "0.0.0.0/0"},
		{"any" + via, "", ""},
		{"0.0.0.0/0.0.0.0" + via, "0.0.0.0/0.0.0.0", "0.0.0.0/0"},
		{"0.0.0.0/8" + via, "0.0.0.0/8", "0.0.0.0/8"},
		{"0/8" + via, "0/8", "0.0.0.0/8"},
		{"0.0.0.0/255.0.0.0" + via, "0.0.0.0/255.0.0.0", "0.0.0.0/8"},
		{"0.0.0.0/1" + via, "0.0.0.0/1", "0.0.0.0/1"},
		{"0/1" + via, "0/1", "0.0.0.0/1"},
		{"128.0.0.0/1" + via, "128.0.0.0/1", "128.0.0.0/1"},
		{"1.2.3.4/0" + via, "1.2.3.4/0", ""},
		{"128.0.0.0/0" + via, "128.0.0.0/0", ""},
		{"10.1.2.3/8" + via, "10.1.2.3/8", ""},
		{"127.1" + via, "127.1", "127.1.0.0/32"},
		{"172.16" + via, "172.16", "172.16.0.0/32"},
		{"10.5/16" + via, "10.5/16", "10.5.0.0/16"},
		{"11.0.0.0/255.0.0.0" + via, "11.0.0.0/255.0.0.0", "11.0.0.0/8"},
		{"default via 0.0.0.0", "", ""},
		{"0.0.0.0/0 via 0.0.0.0 dev v0", "0.0.0.0/0", "0.0.0.0/0"},
		{"default dev v0", "default", "0.0.0.0/0"},
		{":: via 2001:db8::2", "::", "::/128"},
		{"::/128 via 2001:db8::2", "::/128", "::/128"},
		{"::/0 via 2001:db8::2", "::/0", "::/0"},
		{"-6 default via 2001:db8::2", "default", "::/0"},
	}
	for _, test := range tests {
		t.Run(strings.ReplaceAll(test.command, "/", "|"), func(t *testing.T) {
			s := spelled(t, test.command)
			checkSpelling(t, s, test.word, test.prefix)
		})
	}
}

// spelledRoute is a namespace in which one route was added.
type spelledRoute struct {
	fib    *lookup.FIB
	routes []route.Route // those that the command added
	live   *kernel.Host
	ns     *routetest.Namespace
}

// spelled adds a route by a command.
func spelled(t *testing.T, command string) *spelledRoute {
	s := &spelledRoute{ns: routetest.New(t)}
	s.ns.Run(t,
		"ip link set lo up", "ip link add v0 type veth peer name p0", "ip link set v0 up", "ip link set p0 up",
		"ip addr add 10.0.0.1/24 dev v0", "ip -6 addr add 2001:db8::1/64 dev v0 nodad", "sleep 0.2")
	s.ns.Do(func() {
		var err error
		if s.live, err = kernel.Open(""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.live.Close() })
		before := s.read(t)
		args := append([]string{"route", "add"}, strings.Fields(command)...)
		if args[2] == "-6" {
			args = append([]string{"-6", "route", "add"}, args[3:]...)
		}
		_ = exec.Command("ip", args...).Run() // some are refused
		s.ns.Settle()
		after := s.read(t)
		s.fib = lookup.New(after)
		old := map[netip.Prefix]int{}
		for _, r := range before.Routes {
			old[r.Dst]++
		}
		for _, r := range after.Routes {
			if old[r.Dst]--; old[r.Dst] < 0 {
				s.routes = append(s.routes, r)
			}
		}
	})
	return s
}

func (s *spelledRoute) read(t *testing.T) *route.Snapshot {
	snap, err := s.live.Read(t.Context(), route.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func checkSpelling(t *testing.T, s *spelledRoute, word, prefix string) {
	var got string
	for _, r := range s.routes {
		got = r.Dst.String()
	}
	if got != prefix {
		t.Fatalf("the kernel has %q now; want %q", got, prefix)
	}
	if word != "" {
		checkWord(t, word, prefix)
	}
	if prefix != "" {
		checkStanding(t, s, netip.MustParsePrefix(prefix))
	}
	for _, dst := range []string{"0.0.0.0", "0.0.0.5", "8.8.8.8", "127.1.0.0", "200.0.0.1", "::", "2606:4700::1"} {
		flow := route.Flow{Dst: netip.MustParseAddr(dst)}
		if flow.Dst.Is4() {
			flow.Proto = protoUDP
		}
		d := s.fib.Lookup(flow)
		var a route.Answer
		var err error
		s.ns.Do(func() { a, err = s.live.Resolve(t.Context(), flow) })
		if err != nil {
			t.Fatal(err)
		}
		if c := s.fib.Compare(&flow, &d, &a); !c.Agrees {
			t.Errorf("%s: the kernel disagrees: %+v", dst, c.Differences)
		}
	}
}

// checkWord checks what routewhy does with a spelling: it understands it as the same
// prefix or as the address of a host route, or it refuses it and names that.
func checkWord(t *testing.T, word, prefix string) {
	d, err := parseDestination(word)
	if err != nil {
		hints := strings.Join(hintsOf(err), "\n")
		if prefix != "" && !strings.Contains(hints, strings.TrimSuffix(prefix, "/32")) {
			t.Errorf("%s is refused, and %s is not named: %v, %s", word, prefix, err, hints)
		}
		return
	}
	switch {
	case prefix == "":
		t.Errorf("%s is understood, but the kernel refuses it", word)
	case d.kind == kindDefault:
		if !strings.HasSuffix(prefix, "/0") {
			t.Errorf("%s is the default route, for the kernel it is %s", word, prefix)
		}
	case d.kind == kindPrefix:
		if d.prefix.String() != prefix {
			t.Errorf("%s is %s, for the kernel it is %s", word, d.prefix, prefix)
		}
	case netip.PrefixFrom(d.addr, d.addr.BitLen()).String() != prefix:
		t.Errorf("%s is %s, for the kernel it is %s", word, d.addr, prefix)
	}
}

// checkStanding checks what is said about the entry. No packet takes a host route for
// the zero address, and some packet takes every other entry.
func checkStanding(t *testing.T, s *spelledRoute, p netip.Prefix) {
	want := lookup.StatusInUse
	if p.String() == "0.0.0.0/32" {
		want = lookup.StatusNever
	}
	for _, st := range s.fib.EntryStatuses(p) {
		if st.Status != want && p.String() != "::/128" {
			t.Errorf("%s is said to be %s; want %s", p, st.Status, want)
		}
	}
}
