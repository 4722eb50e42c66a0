package change_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route/routetest"
)

// TestTyped compares what is made of commands as somebody types them with what ip(8) and
// the running kernel make of them: those for which a single request is no match, because
// ip makes many requests of one command or asks the kernel in other ways. ROUTEWHY_TYPED
// is how many commands (60), ROUTEWHY_SEED where the random numbers start.
func TestTyped(t *testing.T) {
	support := routetest.Probe(t)
	has := func(cmd string) bool { return len(routetest.New(t).Batch([]string{cmd}).Refused) == 0 }
	lines := typedLines()
	for kind, more := range map[string][]string{
		"ip link add bond0 type bond": {
			"ip link add bond0 type bond", "ip link add bond0 up type bond mode active-backup", "ip link set bond0 up", "ip link set v0 master bond0",
			"ip link set w0 down", "ip link set w0 master bond0", "ip addr add 10.77.0.1/24 dev bond0", "ip link set bond0 down", "ip link del bond0",
			"ip link set v0 nomaster", "ip link set v0 down; ip link set v0 master bond0; ip link set v0 up",
		},
		"ip tuntap add tun0 mode tun":                    {"ip tuntap add tun0 mode tun", "ip tuntap add dev tap0 mode tap", "ip tuntap del tun0 mode tun", "ip link set tun0 up", "ip addr add 10.66.0.1 peer 10.66.0.2 dev tun0", "ip route add 10.67.0.0/16 dev tun0", "ip link set tap0 master br0", "ip link set tap0 up", "ip tuntap del dev tap0 mode tap"},
		"ip tunnel add ipip9 mode ipip remote 192.0.2.9": {"ip tunnel add ipip9 mode ipip remote 192.0.2.9", "ip link set ipip9 up", "ip addr add 10.65.0.1/30 dev ipip9", "ip tunnel del ipip9"},
		"ip link set lo up && ip route add 10.1.0.0/16 encap ip id 7 dst 10.0.0.9 dev lo": {
			"ip route add 10.61.0.0/16 encap ip id 7 dst 10.0.0.9 dev v0", "ip route replace 10.61.0.0/16 encap ip id 7 dst 10.0.0.9 dev v0", "ip route add 10.61.0.0/16 dev v0",
			"ip route append 10.61.0.0/16 encap ip id 7 dst 10.0.0.9 dev v0", "ip route del 10.61.0.0/16 encap ip id 7 dst 10.0.0.9", "ip route del 10.61.0.0/16",
			"ip -6 route add 2001:db8:61::/48 encap ip id 7 dst 10.0.0.9 dev v0", "ip -6 route append 2001:db8:61::/48 via fe80::9 dev v0", "ip -6 route del 2001:db8:61::/48",
		},
	} {
		if has(kind) {
			lines = append(lines, more...)
		}
	}
	slices.Sort(lines)
	seed := uint64(routetest.EnvInt(t, "ROUTEWHY_SEED", 1))
	const perSetup = 12
	for n := range uint64(routetest.EnvInt(t, "ROUTEWHY_TYPED", 60) / perSetup) {
		t.Run(strconv.FormatUint(seed+n, 10), func(t *testing.T) { typed(t, rand.New(rand.NewPCG(seed+n, 4)), support, lines, perSetup) })
	}
}

func typedLines() []string {
	return []string{
		"ip route flush table main", "ip -6 route flush table main", "ip route flush table all", "ip route flush dev v0", "ip route flush root 10.0.0.0/8",
		"ip route flush match 10.0.0.1", "ip route flush exact 10.0.0.0/8", "ip route flush 10.0.0.0/24", "ip -6 route flush dev v0", "ip -6 route flush proto boot",
		"ip route flush proto kernel", "ip route flush scope link", "ip route flush type unicast", "ip route flush via 10.0.0.2", "ip route flush cache",
		"ip route flush table 100", "ip -6 route flush table 100", "ip route flush metric 5", "ip route flush src 10.0.0.1", "ip -6 route flush root 2001:db8::/32",
		"ip route flush default", "ip -6 route flush default", "ip route flush table local type broadcast", "ip route flush vrf red",
		"ip addr flush dev v0", "ip -4 addr flush dev w0", "ip -6 addr flush dev v0", "ip addr flush dev v0 scope global", "ip addr flush to 10.0.0.0/16",
		"ip addr flush label 'v*'", "ip addr flush dev w0 secondary", "ip addr flush dev w0 primary", "ip addr flush up", "ip addr flush scope link",
		"ip -4 addr del dev v0", "ip addr del 10.0.0.1 dev v0", "ip addr del 10.0.0.0/8 dev v0", "ip addr flush dev v0:1", "ip addr flush dev nosuch",
		"ip rule flush", "ip -6 rule flush", "ip rule flush table 100", "ip rule flush from 10.0.0.0/8", "ip rule flush pref 10", "ip rule del pref 10", "ip rule del table 100",
		"ip nexthop flush", "ip nexthop flush dev v0", "ip nexthop flush groups", "ip nexthop flush id 1", "ip nexthop flush proto static",
		"ip neigh flush dev v0", "ip neigh flush all", "ip neigh flush to 10.0.0.2", "ip neigh flush nud permanent", "ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:09 dev v0",
		"ip link add br0 type bridge", "ip link set br0 up", "ip link set v0 master br0", "ip link set v0 nomaster", "ip link del br0", "ip link set group 7 down",
		"ip link set v0 down", "ip link set v0 up", "ip link set w0 down", "ip link set w0 up", "ip link set v0p down", "ip link set v0p up", "ip link set v0:3 mtu 1400",
		"ip route add 10.60.0.0/16 via 10.0.0.2", "ip route add 10.60.0.0/16 via 10.0.1.2 metric 5", "ip route append 10.60.0.0/16 via 10.0.0.3", "ip route del 10.60.0.0/16",
		"ip route add 10.62.0.0/16 dev v0:1", "ip route add default via 10.0.0.2", "ip -6 route add 2001:db8:60::/48 dev v0 expires 3600",
		"ip -6 route replace 2001:db8:60::/48 dev v0 expires 7200", "ip -6 route replace 2001:db8:60::/48 dev v0", "ip -6 route append 2001:db8:60::/48 via fe80::9 dev v0 expires 600",
		"ip -6 route change 2001:db8:60::/48 dev v0 expires 0", "ip route add 10.63.0.0/16 dev v0 expires 60", "ip -6 route del 2001:db8:60::/48",
		"sysctl -qw net.ipv6.conf.v0.accept_ra=2", "sysctl -qw net.ipv6.conf.all.accept_ra=0", "sysctl -qw net.ipv6.conf.all.forwarding=1", "sysctl -qw net.ipv6.conf.all.forwarding=0",
		"sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.ipv6.conf.all.disable_ipv6=1", "sysctl -qw net.ipv6.conf.v0.disable_ipv6=0",
		"ip rule add from 10.0.0.0/8 table 100", "ip rule add pref 10 fwmark 7 table 100", "ip -6 rule add from 2001:db8::/32 table 100",
	}
}

// typed makes one set-up, and types commands in it.
func typed(t *testing.T, rng *rand.Rand, support routetest.Support, lines []string, commands int) {
	ns := routetest.New(t)
	d := newDrawer(rng, support)
	ns.Batch(append(d.settings(), slices.DeleteFunc(routetest.Generate(rng, routetest.Options{Support: support}), hides)...))
	h := open(t, ns)
	h.forgetCarriers(t)
	state := change.New(lookup.New(h.first(t)))
	var done []string
	for range commands {
		line := lines[rng.IntN(len(lines))]
		run := &command.Run{After: collected(state, h.read(t))}
		if err := run.Do(&command.Script{Lines: command.Lines(line)}); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		step := &run.Steps[len(run.Steps)-1]
		var refused []routetest.Refusal
		for _, l := range command.Lines(line) {
			refused = ns.Batch([]string{l.Text}).Refused
		}
		done = append(done, line)
		switch {
		case step.Accepted() && len(refused) > 0:
			t.Errorf("accepted, and really: %s\n%s", refused[0].Why, strings.Join(done, "\n"))
		case !step.Accepted() && len(refused) == 0 && strings.Contains(step.KernelSays.Error(), "FIB table does not exist"): // it is there without routes, which no dump shows
		case !step.Accepted() && len(refused) == 0:
			t.Errorf("refused (%v, %v), and really accepted\n%s", step.Refusal, step.KernelSays, strings.Join(done, "\n"))
		case step.Refusal != nil && !strings.Contains(refused[0].Why, step.Refusal.Message):
			t.Errorf("ip says %q, and really %q", step.Refusal.Message, refused[0].Why)
		case step.KernelSays != nil && !strings.Contains(refused[0].Why, step.KernelSays.Error()):
			t.Errorf("the kernel says %q, and really %q", step.KernelSays.Error(), refused[0].Why)
		}
		after, differs := h.settle(t, run.After, &change.Link{}, patience)
		if len(after.Links) > len(snapshotOf(state).Links) { // whose index is hard to foresee
			run.After, differs = change.New(lookup.New(after)), nil
		}
		if len(compare(carriersTogether(snapshotOf(run.After)), carriersTogether(after))) > 0 {
			t.Errorf("%s\n%s", strings.Join(differs, "\n"), strings.Join(done, "\n"))
		}
		if t.Failed() {
			return
		}
		state = run.After
		if len(differs) > 0 || rng.IntN(3) == 0 && !doubtful(after) {
			state = change.New(lookup.New(after))
		}
	}
}
