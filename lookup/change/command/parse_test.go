package command_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route"
)

// TestWords: what the programs themselves refuse, in their words and with the place.
func TestWords(t *testing.T) {
	for _, c := range []struct{ line, by, message, word string }{
		{"ip route add 10.0.0.0/8 via 192.0.2.1 table nosuch", "ip", `argument "nosuch" is wrong: "table" value is invalid`, "nosuch"},
		{"ip r a 10.0.0.0/8 via 192.0.2.1 foo", "ip", `either "to" is duplicate, or "foo" is a garbage.`, "foo"},
		{"ip route add any via 192.0.2.1", "ip", `any valid prefix is expected rather than "via".`, "via"},
		{"ip -4 route add default via fe80::1 dev eth0", "ip", `inet address is expected rather than "fe80::1".`, "fe80::1"},
		{"ip route add 10.0.0.0/8 dev", "ip", `Command line is not complete. Try option "help"`, ""},
		{"ip route add 10.0.0.0/8 dev eth7", "ip", `Cannot find device "eth7"`, "eth7"},
		{"ip route add 10.0.0.0/8 rto_m 5", "ip", `either "to" is duplicate, or "rto_m" is a garbage.`, "rto_m"},
		{"ip rout3 add default", "ip", `Object "rout3" is unknown, try "ip help".`, "rout3"},
		{"ip link insert x0", "ip", `Command "insert" is unknown, try "ip link help".`, "insert"},
		{"ip rule add fr 10.0.0.1 table 5", "ip", `argument "fr" is wrong: Failed to parse rule type`, "fr"},
		{"ip addr add 192.0.2.9/24 eth0", "ip", `either "local" is duplicate, or "eth0" is a garbage.`, "eth0"},
		{"ip addr add 192.0.2.9/24 dev eth0 valid_lft 5", "ip", "preferred_lft is greater than valid_lft", "5"},
		{"ip link set eth0 promisc maybe", "ip", `argument of "promisc" must be "on" or "off", not "maybe"`, "maybe"},
		{"ip link show eth0 up down", "ip", `either "dev" is duplicate, or "down" is a garbage.`, "down"},
		{"ip addr show dev eth9", "ip", `Device "eth9" does not exist.`, "eth9"},
		{"ip rule show goto 5", "ip", `inet prefix is expected rather than "goto".`, "goto"},
		{"ip nexthop list foo", "ip", `argument "foo" is wrong: `, "foo"},
		{"ip nexthop add id 5 group x", "ip", `argument "x" is wrong: "group" value is invalid`, "x"},
		{"ip route add default via 192.0.2.1 via 192.0.2.3", "ip", `argument "via" is wrong: use nexthop syntax to specify multiple via`, "via"},
		{"ip nexthop add id 5 group 1,0", "ip", `argument "0" is wrong: "weight" is invalid`, "1,0"},
		{"ip --nosuch route", "ip", `Option "-nosuch" is unknown, try "ip -help".`, "--nosuch"},
		{"ip neigh get 192.0.2.9", "ip", "Device and address are required arguments.", "192.0.2.9"},
		{"ip neigh get dev eth0", "ip", "Device and address are required arguments.", "eth0"},
		{"route add -net 10.1.0.0/8 eth0", "route", "netmask doesn't match route address", "eth0"},
		{"ifconfig eth9 up", "ifconfig", "eth9: ERROR while getting interface flags: No such device", "eth9"},
	} {
		got, err := command.Parse(c.line, host())
		if err != nil || got.Refusal == nil {
			t.Errorf("%s: %+v, %v", c.line, got, err)
			continue
		}
		r := got.Refusal
		if r.By != c.by || r.Message != c.message || got.Text[r.Start:r.End] != c.word {
			t.Errorf("%s:\n got %s: %s at %q\nwant %s: %s at %q", c.line, r.By, r.Message, got.Text[r.Start:r.End], c.by, c.message, c.word)
		}
	}
}

// TestNotUnderstood: what is not understood here is an error that names the word.
func TestNotUnderstood(t *testing.T) {
	for line, want := range map[string]string{
		"ip route add $NET via 192.0.2.1":            `"$NET" is a variable`,
		`ip route add "${NET}" via 192.0.2.1`:        "is a variable",
		"ip route del default || true":               `"||" joins two commands`,
		"ip route show | head":                       `"|" joins two commands`,
		"ip route add default via `cat gw`":          "is a command's output",
		"ip route add 10.{1,2}.0.0/16 via 192.0.2.1": `"{1,2}" stands for several words`,
		"ip link set eth{0..3} up":                   `"{0..3}" stands for several words`,
		"env -i ip link set eth0 up":                 `"env" runs another program`,
		"ip link set eth0 up >/dev/nullx":            "is a redirection",
		"ip link set eth0 up 2>&3":                   "is a redirection",
		"ip route save > file":                       `">" is a redirection`,
		"ip route add default via <GATEWAY>":         `"<GATEWAY>" is a redirection`,
		"ip link set eth* up":                        "is a pattern",
		"ip route add 10.0.0.0/8 dev eth0 &":         "in the background",
		"(ip link set eth0 up)":                      "groups commands",
		"brctl addif br0 eth0":                       `"brctl" is a program that is not understood`,
		"while ip rule del table 5; do :; done":      `"while" is of the shell`,
		"ip -n blue route add default via 192.0.2.1": "another network namespace",
		"ip xfrm state flush":                        "which is not understood",
		`ip route add "10.0.0.0/8`:                   "has no end",
		"ip link set eth0 netns blue":                "network namespaces",
	} {
		_, err := command.Parse(line, host())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// TestQuiet: where a command's output goes, and what env adds to its environment, changes
// nothing of it.
func TestQuiet(t *testing.T) {
	const plain = "ip route add 10.0.0.0/8 via 192.0.2.1"
	want, err := command.Parse(plain, host())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		plain + " 2>/dev/null", plain + " 2> /dev/null", plain + " >/dev/null 2>&1", plain + " &>/dev/null", plain + " 1>>/dev/null  2>&1 # quiet", plain + " </dev/null",
		plain + " >&2", "ip route add 10.0.0.0/8 2>/dev/null via 192.0.2.1", "env LANG=C " + plain, "env LANG=C LC_ALL='C' " + plain + " 2>/dev/null", "sudo env A=b /sbin/" + plain,
	} {
		got, err := command.Parse(line, host())
		if err != nil || got.Refusal != nil || !reflect.DeepEqual(got.Changes, want.Changes) {
			t.Errorf("%s: %+v, %v", line, got, err)
		}
	}
	batch := &command.Script{Lines: command.Lines("route add 10.0.0.0/8 via 192.0.2.1 2>/dev/null"), Batch: true}
	if err := (&command.Run{After: host()}).Do(batch); err == nil {
		t.Error("ip -batch has no redirections")
	}
}

// TestLines: a script's commands, with their lines.
func TestLines(t *testing.T) {
	lines := command.Lines("#!/bin/sh\n\nip route add 10.0.0.0/8 \\\n  via 192.0.2.1 # why\nip a; ip b && ip c\n  echo 'x; y'\n")
	want := []command.Line{
		{Text: "ip route add 10.0.0.0/8 \\\n  via 192.0.2.1 # why", Number: 3}, {Text: "ip a", Number: 5}, {Text: "ip b", Number: 5}, {Text: "ip c", Number: 5, And: true},
		{Text: "echo 'x; y'", Number: 6},
	}
	if len(lines) != len(want) {
		t.Fatalf("%+v", lines)
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("got %+v, want %+v", lines[i], want[i])
		}
	}
}

// TestIsBatch tells lines of `ip -batch` from commands.
func TestIsBatch(t *testing.T) {
	for script, want := range map[string]bool{
		"route add 10.0.0.0/8 via 192.0.2.1\n":                     true,
		"route add -net 10.0.0.0/8 gw 192.0.2.1\n":                 false,
		"route add default gw 192.0.2.1\nlink set eth0 up\n":       true,
		"ip route add 10.0.0.0/8 via 192.0.2.1\nroute del default": false,
		"rule add from 192.0.2.1 table 5\n":                        true,
	} {
		if got := command.IsBatch(command.Lines(script)); got != want {
			t.Errorf("%q: %v", script, got)
		}
	}
}

// TestAlias: the kernel takes what is before a colon for the device.
func TestAlias(t *testing.T) {
	for line, want := range map[string]string{
		"ip route add 10.0.0.0/8 dev eth0:1": "ip route add 10.0.0.0/8 dev eth0",
		"ip addr add 192.0.2.9/24 dev eth0:": "ip addr add 192.0.2.9/24 dev eth0",
		"ip link del eth1:7":                 "ip link del eth1",
		"ip link set eth1:7 up":              "ip link set eth1 up",
	} {
		c, err := command.Parse(line, host())
		if err != nil || len(c.Changes) != 1 {
			t.Errorf("%s: %+v, %v", line, c, err)
			continue
		}
		if got := command.Print(c.Changes[0], host()); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

// TestKernelWords: what the kernel says, in the words in which the program has it. Programs
// that ask with ioctl(2) only hear of an error.
func TestKernelWords(t *testing.T) {
	for line, want := range map[string]string{
		"ip addr add dev eth0":                "Operation not supported",
		"ip addr del dev eth0":                "Operation not supported",
		"ip -4 addr add dev eth0":             "ipv4: Local address is not supplied",
		"ip addr add peer 192.0.2.1 dev eth0": "ipv4: Local address is not supplied",
		"ip -4 addr del dev eth0":             "ipv4: Address not found",
		"ip -6 addr replace dev eth0":         "Invalid argument",
		"ip nexthop get id 7":                 "No such file or directory",
		"ip nexthop list id 7 foo":            "No such file or directory",
		"ip route add default via 192.0.2.1":  "Nexthop has invalid gateway",
		"route add default gw 192.0.2.1":      "Network is unreachable",
	} {
		run := &command.Run{After: host()}
		if err := run.Do(&command.Script{Lines: command.Lines(line)}); err != nil || run.Steps[0].KernelSays == nil {
			t.Errorf("%s: %+v, %v", line, run.Steps, err)
			continue
		}
		if got := run.Steps[0].KernelSays.Error(); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestFilters: which objects a command that names several is about.
func TestFilters(t *testing.T) {
	for line, want := range map[string]int{
		"ip addr flush label 'eth0:*'":       1,
		"ip addr flush label 'eth[!1]*'":     3, // the label of an IPv6 address is its device
		"ip addr flush dev eth0 label '*:7'": 1,
		"ip -4 addr del dev eth0":            1,
		"ip rule flush from 10.0.0.0/8":      1,
		"ip rule flush from 10.1.0.0/17":     0,
		"ip rule flush from all":             3,
		"ip rule flush dport 80":             1,
		"ip rule flush uidrange 5-7":         0,
		"ip rule flush not":                  0,
		"ip rule flush fwmark 7/0xff":        0,
	} {
		s := *host().FIB().Snapshot()
		for _, a := range []struct{ prefix, label string }{{"192.0.2.1/24", "eth0"}, {"192.0.2.2/24", "eth0:7"}, {"2001:db8::1/64", ""}} {
			s.Addrs = append(s.Addrs, route.Addr{Link: 2, Prefix: netip.MustParsePrefix(a.prefix), Label: a.label})
		}
		s.Rules = append(s.Rules, route.Rule{
			Family: route.IPv4, Priority: 9, Action: route.ActionTable, Table: 7, SuppressPrefixLen: -1, SuppressGroup: -1,
			Selector: route.Selector{Src: netip.MustParsePrefix("10.1.0.0/16"), DstPort: route.PortRange{Start: 80, End: 80}, Mark: 7, MarkMask: 0xffffffff},
		})
		c, err := command.Parse(line, change.New(lookup.New(&s)))
		if err != nil || len(c.Changes) != want {
			t.Errorf("%s: %d changes, want %d: %v %v", line, len(c.Changes), want, err, c.Refusal)
		}
	}
}
