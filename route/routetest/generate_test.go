package routetest_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"routewhy/route"
	"routewhy/route/routetest"
)

// everything is more than any available kernel has.
var everything = routetest.Support{VRF: true, Dummy: true, VLAN: true, WireGuard: true, MPLS: true, Rules618: true}

func TestGenerateIsDeterministic(t *testing.T) {
	opts := routetest.Options{Support: everything}
	rules := 0
	for seed := range uint64(200) {
		a := routetest.Generate(rand.New(rand.NewPCG(seed, 1)), opts)
		b := routetest.Generate(rand.New(rand.NewPCG(seed, 1)), opts)
		if !slices.Equal(a, b) {
			t.Fatalf("seed %d: two set-ups", seed)
		}
		if strings.Contains(strings.Join(a, "\n"), "rule") {
			rules++
		}
	}
	if rules < 80 || rules > 120 {
		t.Errorf("got %d set-ups of 200 with rules, want about half", rules)
	}
}

func TestGenerateFamily(t *testing.T) {
	for seed := range uint64(100) {
		opts := routetest.Options{Family: route.IPv4}
		if s := strings.Join(routetest.Generate(rand.New(rand.NewPCG(seed, 1)), opts), "\n"); strings.Contains(s, "2001:") {
			t.Fatalf("seed %d: IPv6 in an IPv4 set-up:\n%s", seed, s)
		}
		opts.Family = route.IPv6
		if s := strings.Join(routetest.Generate(rand.New(rand.NewPCG(seed, 1)), opts), "\n"); strings.Contains(s, "10.0.") {
			t.Fatalf("seed %d: IPv4 in an IPv6 set-up:\n%s", seed, s)
		}
	}
}

// TestGenerateMakesAll: the generator still makes every kind of thing.
func TestGenerateMakesAll(t *testing.T) {
	opts := routetest.Options{Support: everything}
	all := ""
	for seed := range uint64(500) {
		all += strings.Join(routetest.Generate(rand.New(rand.NewPCG(seed, 3)), opts), "\n") + "\n"
	}
	for _, words := range []string{
		// rules
		" not from ", " to ", "fwmark 0x10/0xf0", " iif lo", " iif nosuch", " oif ", " tos ", " uidrange ", " ipproto ",
		" sport ", " dport ", " goto ", " nop\n", " blackhole\n", " unreachable\n", " prohibit\n", "suppress_prefixlength",
		"suppress_ifgroup", "l3mdev", "rule del priority 0", "rule del priority 32766", "rule del priority 32767",
		" dscp ", " flowlabel ", "sport 992/0xfff0",
		// addresses
		"scope link", "scope host", "preferred_lft 0", " peer ", "dev lo", "noprefixroute", "/32 dev", "/128 dev",
		// routes
		"route add", "route append", "route prepend", "route replace", "add blackhole ", "add unreachable ", "add prohibit ",
		"add throw ", "add local ", "table 1000", "table default", "table local", "metric", "tos 0xb8", " src ", "onlink",
		"mtu lock", "via inet6", "weight", "nhid", "type resilient", "from 2001:db8::/32", "pref low", "pref high",
		"expires 0", "expires 1000",
		// links, neighbours, settings
		" down\n", "link del", " name new", "group 7", "master red", "type dummy", "type vlan", "type wireguard", "encap mpls", "nud none", "nud incomplete", "nud failed",
		"nud stale", "nud reachable", "nud permanent", "nud noarp", "fib_multipath_use_neigh", "all.ignore_routes_with_linkdown",
		"rp_filter=2", "accept_local", "route_localnet", "x0/1.forwarding", "use_oif_addrs_only", "nexthop replace", "nexthop del",
	} {
		if !strings.Contains(all, words) {
			t.Errorf("no %q in any set-up", words)
		}
	}
}

// TestGenerateIsAccepted: few commands are refused. Refused ones are a waste, and then
// what the generator was meant to make is missing.
func TestGenerateIsAccepted(t *testing.T) {
	opts := routetest.Options{Support: routetest.Probe(t)}
	seeds := uint64(200)
	if testing.Short() {
		seeds = 20
	}
	commands, refused, start := 0, 0, time.Now()
	for seed := range seeds {
		ns := routetest.New(t)
		res := ns.Batch(routetest.Generate(rand.New(rand.NewPCG(seed, 2)), opts))
		commands += res.Commands
		refused += len(res.Refused)
		if testing.Verbose() {
			for _, r := range res.Refused {
				t.Logf("seed %d: %s: %s", seed, r.Command, strings.ReplaceAll(r.Why, "\n", " "))
			}
		}
	}
	t.Logf("%d of %d commands refused; %v for a set-up", refused, commands, time.Since(start)/time.Duration(seeds))
	if refused*100 > commands*15 {
		t.Errorf("%d of %d commands refused, want at most 15 %%", refused, commands)
	}
}
