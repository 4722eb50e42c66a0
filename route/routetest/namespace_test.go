package routetest_test

import (
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"routewhy/route"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

func TestNamespaceIsFresh(t *testing.T) {
	ns := routetest.New(t)
	var names []string
	ns.Do(func() {
		devs, err := net.Interfaces()
		if err != nil {
			t.Error(err)
		}
		for _, d := range devs {
			names = append(names, d.Name)
		}
	})
	if !slices.Equal(names, []string{"lo"}) {
		t.Errorf("got devices %v, want lo only", names)
	}
	if err := ns.Sysctl("net/ipv4/ip_forward", "1"); err != nil {
		t.Fatal(err)
	}
	inside, err := ns.ReadSysctl("net/ipv4/conf/all/forwarding")
	if err != nil || inside != "1" {
		t.Errorf("inside: got %q, %v, want 1", inside, err)
	}
	if inside, _ = routetest.New(t).ReadSysctl("net/ipv4/ip_forward"); inside != "0" {
		t.Errorf("in another namespace: got %q, want 0", inside)
	}
}

func TestDoNests(t *testing.T) {
	ns := routetest.New(t)
	n := 0
	ns.Do(func() { ns.Do(func() { n++ }) })
	if n != 1 {
		t.Errorf("got %d calls, want 1", n)
	}
}

func TestDoPassesFatal(t *testing.T) {
	ns := routetest.New(t)
	after := false
	t.Run("skipped inside", func(t *testing.T) {
		ns.Do(func() { t.SkipNow() })
		after = true
	})
	if after {
		t.Error("the test went on after SkipNow in Do")
	}
}

func TestBatch(t *testing.T) {
	ns := routetest.New(t)
	res := ns.Batch([]string{
		"ip link set lo up",
		"ip link add v0 type veth peer name v0p",
		"ip link set v0 up",
		"ip link set v0p up",
		"ip addr add 10.0.0.1/24 dev v0",
		"ip -6 addr add 2001:db8::1/64 dev v0 nodad",
		"ip route add 10.9.0.0/16 via 9.9.9.9",   // refused by the kernel
		"ip route add 10.9.0.0/16 viaaa 9.9.9.9", // refused by ip, which gives up
		"ip route add 10.8.0.0/16 via 10.0.0.2",
		"ip -6 route add default via 2001:db8::2",
		"sysctl -qw net.ipv4.conf.v0.rp_filter=2 net.ipv4.nonsense=1",
		"sleep 0.1",
		"test -n \"$(ip -6 route show default)\"",
		"false",
	})
	var got []string
	for _, r := range res.Refused {
		got = append(got, r.Command)
		if r.Why == "" {
			t.Errorf("%s: no reason", r.Command)
		}
	}
	want := []string{
		"ip route add 10.9.0.0/16 via 9.9.9.9", "ip route add 10.9.0.0/16 viaaa 9.9.9.9",
		"sysctl -qw net.ipv4.conf.v0.rp_filter=2 net.ipv4.nonsense=1", "false",
	}
	if !slices.Equal(got, want) || res.Commands != 14 {
		t.Errorf("got %v of %d, want %v", res.Refused, res.Commands, want)
	}
	ns.Run(t, `test "$(ip route show 10.8.0.0/16 | wc -l)" = 1`, "test $(cat /proc/sys/net/ipv4/conf/v0/rp_filter) = 2")
}

// TestSettle: when Batch returns, the kernel has finished what it does with a delay.
func TestSettle(t *testing.T) {
	for range 20 {
		ns := routetest.New(t)
		ns.Run(t,
			"sysctl -qw net.ipv6.conf.default.addr_gen_mode=1",
			"ip link add v0 type veth peer name v0p", "ip link set v0 up", "ip link set v0p up",
			"ip addr add 10.0.0.1/24 dev v0", "ip route add 10.9.0.0/16 via 10.0.0.2",
			"ip -6 addr add 2001:db8::1/64 dev v0 nodad",
		)
		ns.Run(t, "ip -6 route show table local | grep -q '^local 2001:db8::1 '", "ip link set v0p down")
		ns.Run(t, "ip route show 10.9.0.0/16 | grep -q linkdown", "ip link set v0p up")
		ns.Run(t, "! ip route show 10.9.0.0/16 | grep linkdown")
	}
}

func TestRule618(t *testing.T) {
	ns := routetest.New(t)
	r := route.Rule{
		Family: route.IPv6, Priority: 10, Action: route.ActionTable, Table: 1000,
		Selector: route.Selector{
			Not: true, Mark: 1, MarkMask: 0xff, Proto: 17, DSCP: 0x2e, DSCPMask: 0x3e, HasDSCP: true,
			SrcPort: route.PortRange{Start: 80, End: 80, Mask: 0xfff0}, DstPort: route.PortRange{Start: 5, End: 9},
			FlowLabel: 1, FlowLabelMask: 0xff,
		},
	}
	line := routetest.Rule618(&r)
	const want = "rule6.18 -6 add priority 10 not fwmark 0x1/0xff ipproto 17 sport 80/0xfff0 dport 5-9 " +
		"dscp 0x2e/0x3e flowlabel 0x1/0xff lookup 1000"
	if line != want {
		t.Errorf("got  %s\nwant %s", line, want)
	}
	if res := ns.Batch([]string{line}); len(res.Refused) > 0 {
		t.Skip("this kernel: ", res.Refused)
	}
	ns.Run(t, "ip -6 rule | grep '^10:.not from all fwmark 0x1/0xff ipproto udp sport 80 dport 5-9 lookup 1000'")
}

func TestScenarioFile(t *testing.T) {
	file := os.Getenv("ROUTETEST_SCENARIOS")
	if file == "" {
		t.Skip("ROUTETEST_SCENARIOS names no file of scenarios")
	}
	all, err := routetest.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			ns := routetest.New(t)
			ns.Run(t, s.Setup...)
			f, err := routetest.ParseQuery(s.Query, ns.Index)
			if err != nil {
				t.Fatal(err)
			}
			if again := routetest.FormatQuery(f, ns.Name); len(strings.Fields(again)) != len(strings.Fields(s.Query)) {
				t.Errorf("query %q became %q", s.Query, again)
			}
		})
	}
}
