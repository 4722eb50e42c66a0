package main

import (
	"net/netip"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"routewhy/route"
	"routewhy/route/iproute2"
)

func TestParseArgs(t *testing.T) {
	o, err := parseArgs(strings.Fields("8.8.8.8 --from 192.0.2.2 --iif=eth0 --oif br-lan.7 --mark 0xCA6C --tos EF --uid 1000 " +
		"--ipproto udp --sport 0x35 --dport 443 -4 --netns blue --json --color never -v --no-kernel -- example.com:443"))
	if err != nil {
		t.Fatal(err)
	}
	want := packet{
		from:  optional[netip.Addr]{netip.MustParseAddr("192.0.2.2"), true},
		iif:   optional[string]{"eth0", true},
		oif:   optional[string]{"br-lan.7", true},
		mark:  optional[uint32]{0xca6c, true},
		tos:   optional[uint8]{0xb8, true},
		uid:   optional[uint32]{1000, true},
		proto: optional[uint8]{17, true},
		sport: optional[uint16]{53, true},
		dport: optional[uint16]{443, true},
	}
	if o.packet != want {
		t.Errorf("packet %+v; want %+v", o.packet, want)
	}
	if len(o.destinations) != 2 || o.destinations[1].String() != "example.com:443" {
		t.Errorf("destinations %v", o.destinations)
	}
	if o.family != route.IPv4 || o.netns != "blue" || !o.json || o.color != "never" || !o.verbose || o.quiet || !o.noKernel {
		t.Errorf("options %+v", o)
	}
}

func TestParseArgsDefaults(t *testing.T) {
	o, err := parseArgs([]string{"8.8.8.8"})
	if err != nil {
		t.Fatal(err)
	}
	o.run, o.destinations = nil, nil
	if want := (&options{color: "auto"}); !reflect.DeepEqual(o, want) {
		t.Errorf("%+v; want %+v", o, want)
	}
	o, err = parseArgs([]string{"--dump", "--table", "51820", "-6"})
	if err != nil || o.table != "51820" || o.family != route.IPv6 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestFamilyOfTheFlags(t *testing.T) {
	tests := []struct {
		args string
		want route.Family
	}{
		{"default", 0},
		{"default -6", route.IPv6},
		{"default --from 192.0.2.2", route.IPv4},
		{"default --from ::ffff:192.0.2.2", route.IPv4},
		{"default --flowlabel 7", route.IPv6},
	}
	for _, test := range tests {
		o, err := parseArgs(strings.Fields(test.args))
		if err != nil || o.family != test.want {
			t.Errorf("%s: %v, %v; want %v", test.args, o, err, test.want)
		}
	}
}

func TestParseArgsFaults(t *testing.T) {
	tests := []struct{ args, want, hint string }{
		{"", "no DESTINATION", "routewhy --help"},
		{"--why-not eth0", "no DESTINATION", "routewhy 8.8.8.8 --why-not ..."},
		{"--dump 8.8.8.8", `--dump takes no DESTINATION, but there is "8.8.8.8"`, ""},
		{"--table main 8.8.8.8", "--table goes with --dump, not with a DESTINATION", ""},
		{"--dump --from 192.0.2.2", "--from does not go with --dump", ""},
		{"--dump --no-kernel", "--no-kernel does not go with --dump", ""},
		{"-v -q 8.8.8.8", "-v and -q exclude each other", ""},

		{"--try x --mark 5", "--mark describes a packet to a DESTINATION, and there is none", "8.8.8.8 --mark ..."},
		{"--save f --mark 5", "--mark describes an answer about a DESTINATION, and there is none", ""},
		{"--save f --reply", "--reply describes an answer", ""},
		{"--save f --why-not eth0", "no DESTINATION", ""},
		{"--svg 8.8.8.8", `no DESTINATION: "8.8.8.8" is the value of --svg`, "routewhy 8.8.8.8 --svg FILE"},
		{"--save 8.8.8.8", `no DESTINATION: "8.8.8.8" is the value of --save`, "routewhy 8.8.8.8 --save FILE"},

		{"--dmup", "unknown flag --dmup", "did you mean --dump?"},
		{"-dump", "unknown flag -dump", "did you mean --dump?"},
		{"-mark=1 8.8.8.8", "unknown flag -mark", "did you mean --mark?"},
		{"--form 192.0.2.2 8.8.8.8", "unknown flag --form", "did you mean --from?"},
		{"--fwmark 1 8.8.8.8", "unknown flag --fwmark", "did you mean --mark?"},
		{"--JSON 8.8.8.8", "unknown flag --JSON", "did you mean --json?"},
		{"--iff eth0 8.8.8.8", "unknown flag --iff", "did you mean --iif?"},
		{"--verb 8.8.8.8", "unknown flag --verb", "did you mean --verbose?"},
		{"--frobnicate", "unknown flag --frobnicate", "routewhy --help lists the flags"},
		{"-x", "unknown flag -x", "routewhy --help lists the flags"},
		{"--\x1b[31m", `unknown flag "--\x1b[31m"`, ""},
		{"---x", `"---x" is no flag`, ""},

		{"--mark", "--mark needs a value", "--mark N"},
		{"8.8.8.8 --load", "--load needs a value", "--load FILE|DIR"},
		{"8.8.8.8 --why-not", "--why-not needs a value", "a device, via GATEWAY"},
		{"--mark abc 8.8.8.8", `--mark: "abc" is not a number (decimal or 0x hex)`, ""},
		{"--mark -1 8.8.8.8", `--mark: "-1" is not a number`, ""},
		{"--mark 1_0 8.8.8.8", `--mark: "1_0" is not a number`, ""},
		{"--mark 0x 8.8.8.8", `--mark: "0x" is not a number`, ""},
		{"--mark 1/0xff 8.8.8.8", `--mark: "1/0xff" has a mask`, ""},
		{"--mark 1/x 8.8.8.8", `--mark: "1/x" is not a number`, ""},
		{"--mark 010 8.8.8.8", `--mark: "010" starts with a zero`, ""},
		{"--mark 0x100000000 8.8.8.8", "--mark: 0x100000000 is out of range (0 to 4294967295)", ""},
		{"--mark 99999999999999999999 8.8.8.8", "is out of range", ""},
		{"--uid 4294967295 8.8.8.8", "--uid: 4294967295 is out of range (0 to 4294967294)", ""},
		{"--uid root 8.8.8.8", `--uid: "root" is a user's name`, ""},
		{"--tos 256 8.8.8.8", "--tos: 256 is out of range (0 to 255)", ""},
		{"--tos fast 8.8.8.8", `--tos: "fast" is no name known here`, ""},
		{"--ipproto 256 8.8.8.8", "--ipproto: 256 is out of range (0 to 255)", ""},
		{"--ipproto tpc 8.8.8.8", `--ipproto: "tpc" is no name known here`, ""},
		{"--sport 0 8.8.8.8", "--sport: 0 is out of range (1 to 65535)", ""},
		{"--dport 65536 8.8.8.8", "--dport: 65536 is out of range (1 to 65535)", ""},
		{"--flowlabel 0x100000 ::1", "--flowlabel: 0x100000 is out of range (0 to 1048575)", ""},
		{"--color red 8.8.8.8", `--color: "red" is none of auto, always, never`, ""},
		{"--completion ksh", `--completion: "ksh" is none of bash, zsh, fish`, ""},
		{"--json=yes 8.8.8.8", `--json takes no value, but there is "yes"`, ""},
		{"--iif --oif 8.8.8.8", `--iif: "--oif" cannot be a device name`, ""},
		{"--iif a/b 8.8.8.8", `--iif: "a/b" cannot be a device name`, ""},
		{"--netns= 8.8.8.8", `--netns: "" is no namespace`, ""},
		{"--from 10.1 8.8.8.8", `--from: "10.1" is abbreviated`, ""},
		{"--from 10.0.0.0/8 8.8.8.8", `--from: "10.0.0.0/8" is not an address`, ""},
		{"--from 10.0.0.1:80 8.8.8.8", `--from: "10.0.0.1:80" is not an address`, ""},
		{"--from myhost 8.8.8.8", `--from: "myhost" is not an address`, ""},
		{"--from fe80::1%eth0 ::1", "--oif names the device", ""},

		{"-4 -6 default", "-4 is IPv4, -6 is IPv6: a packet has one family", ""},
		{"-4 ::1", "-4 is IPv4, ::1 is IPv6", ""},
		{"-6 10.0.0.0/8", "-6 is IPv6, 10.0.0.0/8 is IPv4", ""},
		{"--from 2001:db8::1 8.8.8.8", "--from 2001:db8::1 is IPv6, 8.8.8.8 is IPv4", ""},
		{"--flowlabel 1 8.8.8.8", "--flowlabel is IPv6, 8.8.8.8 is IPv4", ""},
		{"--vrf red --oif eth0 8.8.8.8", "--vrf and --oif both", ""},
		{"fe80::1%eth0 --oif eth1", "fe80::1%eth0 and --oif eth1 name two devices", ""},
		{"fe80::1%eth0 --vrf red", "fe80::1%eth0 and --vrf red name two devices", ""},
		{"8.8.8.8:53 --dport 80", "8.8.8.8:53 and --dport 80 name two ports", ""},
		{"8.8.8.8:53 --ipproto icmp", "8.8.8.8:53 has a port, --ipproto icmp has none", ""},
		{"10.1", `"10.1" is abbreviated`, "routewhy 10.1.0.0"},
		{"8.8.8.8 from 10.0.1.2", `"from" is ip-route(8)'s way to ask`, "routewhy 8.8.8.8 --from 10.0.1.2"},
		{"get to 8.8.8.8 dev e1 fwmark 7 dsfield 4", `"get" is ip-route(8)'s way`, "routewhy 8.8.8.8 --oif e1 --mark 7 --tos 4"},
		{"route get 8.8.8.8", `"get" is ip-route(8)'s way`, "routewhy 8.8.8.8"},
		{"ip route get 8.8.8.8 from 10.0.1.2", `"get" is ip-route(8)'s way`, "routewhy 8.8.8.8 --from 10.0.1.2"},
		{"8.8.8.8 80", `"80" is no DESTINATION`, "routewhy 8.8.8.8:80, if it is a port"},
		{"8.8.8.8 port 80", `"80" is no DESTINATION`, "routewhy 8.8.8.8:80, if it is a port"},
		{"8.8.8.8 80.1", `"80.1" is abbreviated`, "routewhy 80.1.0.0"},
		{"--to 8.8.8.8", "unknown flag --to", "a DESTINATION needs no flag: routewhy 8.8.8.8"},
		{"8.8.8.8 iif", `"iif" is ip-route(8)'s way`, "routewhy 8.8.8.8"},
	}
	for _, test := range tests {
		_, err := parseArgs(strings.Fields(test.args))
		if err == nil {
			t.Errorf("%s: no error; want %s", test.args, test.want)
			continue
		}
		if statusOf(err) != exitUsage || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v (exit %d); want %s", test.args, err, statusOf(err), test.want)
		}
		if hints := strings.Join(hintsOf(err), "\n"); !strings.Contains(hints, test.hint) {
			t.Errorf("%s: hints %q; want %q", test.args, hints, test.hint)
		}
	}
}

// Flags of what is not built yet are not offered.
// TestFlagsOfTheFuture: a flag is there when what it does is.
func TestFlagsOfTheFuture(t *testing.T) {
	for _, name := range []string{"path"} {
		_, err := parseArgs([]string{"--" + name})
		if err == nil || err.Error() != "unknown flag --"+name {
			t.Errorf("--%s: %v", name, err)
		} else if hint := hintsOf(err)[0]; hint != "routewhy --help lists the flags" {
			t.Errorf("--%s: hint: %s", name, hint)
		}
	}
}

func TestTwoModes(t *testing.T) {
	all := []mode{{}, {flag: "dump"}, {flag: "check"}, {flag: "sockets"}}
	fs := new(options).flagSet(all)
	if err := fs.Parse([]string{"--sockets", "--check=false", "--dump"}); err != nil {
		t.Fatal(err)
	}
	_, err := chooseMode(fs, all)
	if err == nil || err.Error() != "--dump and --sockets are two modes: one at a time" {
		t.Errorf("%v", err)
	}
}

// Every flag goes with a mode, and modes name no others.
func TestModesAndFlags(t *testing.T) {
	all := modes()
	fs := new(options).flagSet(all)
	fs.VisitAll(func(f *pflag.Flag) {
		isMode := slices.ContainsFunc(all, func(m mode) bool { return m.flag == f.Name })
		alone := slices.Contains([]string{"help", "version", "man", "completion", "schema"}, f.Name)
		if !isMode && !alone && len(modesWith(f.Name, all)) == 0 {
			t.Errorf("--%s goes with no mode", f.Name)
		}
	})
	for _, m := range all {
		for _, name := range m.flags {
			if fs.Lookup(name) == nil {
				t.Errorf("%s has --%s, which is no flag", &m, name)
			}
		}
		if m.run == nil {
			t.Errorf("%s does nothing", &m)
		}
	}
}

func TestUsageText(t *testing.T) {
	fs := new(options).flagSet(modes())
	seen := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)(?:^|[\s(])(--?[a-z0-9][a-z0-9-]*)`).FindAllStringSubmatch(usageText, -1) {
		name := strings.TrimLeft(m[1], "-")
		f := fs.Lookup(name)
		if !strings.HasPrefix(m[1], "--") && len(name) == 1 {
			f = fs.ShorthandLookup(name)
		}
		if f == nil {
			t.Errorf("the usage text has %s, which is no flag", m[1])
			continue
		}
		seen[m[1]] = true
	}
	fs.VisitAll(func(f *pflag.Flag) {
		if !seen["--"+f.Name] || f.Shorthand != "" && !seen["-"+f.Shorthand] {
			t.Errorf("the usage text lacks --%s -%s", f.Name, f.Shorthand)
		}
	})
	for line := range strings.Lines(usageText) {
		if len(line) > 81 {
			t.Errorf("longer than 80 columns: %s", line)
		}
	}
}

func TestNumberNames(t *testing.T) {
	tests := []struct {
		args       string
		tos, proto uint8
	}{
		{"--tos default --ipproto tcp", 0, 6},
		{"--tos be --ipproto UDP", 0, 17},
		{"--tos CS6 --ipproto icmpv6", 0xc0, 58},
		{"--tos af41 --ipproto ipv6-icmp", 0x88, 58},
		{"--tos ef --ipproto sctp", 0xb8, 132},
		{"--tos 0x10 --ipproto esp", 0x10, 50},
		{"--tos 10 --ipproto 0xff", 10, 255},
	}
	for _, test := range tests {
		o, err := parseArgs(append(strings.Fields(test.args), "default"))
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		if o.packet.tos.value != test.tos || o.packet.proto.value != test.proto {
			t.Errorf("%s: %#x, %d", test.args, o.packet.tos.value, o.packet.proto.value)
		}
	}
	for _, n := range iproute2.TOSNames() {
		if n.Number&3 != 0 {
			t.Errorf("%s has ECN bits", n.Name)
		}
	}
}

func TestColored(t *testing.T) {
	tests := []struct {
		color string
		tty   bool
		env   map[string]string
		want  bool
	}{
		{"auto", true, nil, true},
		{"auto", false, nil, false},
		{"auto", true, map[string]string{"NO_COLOR": "1"}, false},
		{"auto", true, map[string]string{"NO_COLOR": ""}, true},
		{"auto", true, map[string]string{"TERM": "dumb"}, false},
		{"always", false, map[string]string{"NO_COLOR": "1"}, true},
		{"never", true, nil, false},
	}
	for _, test := range tests {
		o := &options{color: test.color}
		s := stdio{StdoutTTY: test.tty, LookupEnv: func(name string) (string, bool) {
			value, ok := test.env[name]
			return value, ok
		}}
		if got := o.colored(s); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}

func TestVersionLine(t *testing.T) {
	line := versionLine("", &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}})
	if !strings.HasPrefix(line, "routewhy v1.2.3 go") {
		t.Error(line)
	}
	devel := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}
	if line := versionLine("", devel); !strings.HasPrefix(line, "routewhy unversioned go") {
		t.Error(line)
	}
	devel.Settings = []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "0123abcd"}}
	if line := versionLine("", devel); !strings.HasPrefix(line, "routewhy 0123abcd go") {
		t.Error(line)
	}
	if line := versionLine("1.2.4", devel); !strings.HasPrefix(line, "routewhy 1.2.4 go") {
		t.Error(line)
	}
}

func FuzzParseArgs(f *testing.F) {
	f.Add("--mark", "0x1", "8.8.8.8")
	f.Add("-4vq", "--tos=ef", "[::1]:80")
	f.Add("--dump", "--table", "main")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		o, err := parseArgs([]string{a, b, c})
		if err != nil && statusOf(err) != exitUsage {
			t.Errorf("not a usage error: %v", err)
		}
		if err == nil && o.run == nil {
			t.Error("nothing to do")
		}
	})
}
