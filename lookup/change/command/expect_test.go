package command_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"routewhy/lookup/change/command"
)

// TestParseExpectation: what a line says, or what is wrong with it and where.
func TestParseExpectation(t *testing.T) {
	for line, want := range map[string]string{
		"":                  "nothing",
		"  \t# default dev": "nothing",
		"default dev bond0": "0.0.0.0/0 [default] dev=bond0",
		"default dev bond0 src 10.0.0.0/8 # uplink":     "0.0.0.0/0 [default] dev=bond0 src=10.0.0.0/8",
		"default via fe80::1":                           "::/0 [default] via=fe80::1",
		"default via inet6 fe80::1":                     "0.0.0.0/0 [default] via=fe80::1",
		"default from 2001:db8::1 dev a":                "::/0 [default from 2001:db8::1] from=2001:db8::1 dev=a",
		"0.0.0.0/0 none":                                "0.0.0.0/0 [0.0.0.0/0] fate=none",
		"::/0 none":                                     "::/0 [::/0] fate=none",
		"8.8.8.8 dev wg0 mark 0x1":                      "8.8.8.8/32 [8.8.8.8 mark 0x1] mark=1 dev=wg0",
		"10.20.0.0/16 table main via 192.0.2.1":         "10.20.0.0/16 [10.20.0.0/16] via=192.0.2.1 table=main",
		"192.0.2.0/24 refused table 77":                 "192.0.2.0/24 [192.0.2.0/24] table=77 fate=refused",
		"8.8.8.8 iif a from 10.0.0.1 ipproto TCP dev b": "8.8.8.8/32 [8.8.8.8 iif a from 10.0.0.1 ipproto TCP] from=10.0.0.1 iif=a proto=6 dev=b",
		"8.8.8.8 uid 1000 sport 1 dport 65535 local":    "8.8.8.8/32 [8.8.8.8 uid 1000 sport 1 dport 65535] uid=1000 sport=1 dport=65535 fate=local",
		"8.8.8.8 vrf red tos ef dev x":                  "8.8.8.8/32 [8.8.8.8 vrf red tos ef] vrf=red tos=184 dev=x",
		"8.8.8.8 oif a tos 0x10 src 10.0.0.1":           "8.8.8.8/32 [8.8.8.8 oif a tos 0x10] oif=a tos=16 src=10.0.0.1/32",
		`8.8.8.8 dev "a#b"`:                             "8.8.8.8/32 [8.8.8.8] dev=a#b",
		"2001:DB8::/32 dev a\r":                         "2001:db8::/32 [2001:DB8::/32] dev=a",
		"10.0.0.0/8 via inet6 fe80::1":                  "10.0.0.0/8 [10.0.0.0/8] via=fe80::1",
		"10.0.0.0/8":                                    "10: what is expected is missing",
		"10.0.0.0/8 mark 1":                             "17: what is expected is missing",
		"web1 dev a":                                    `0: "web1" is no destination`,
		"10.1 dev a":                                    `0: "10.1" is no address in full; ip makes 10.1.0.0 of it`,
		"010.1.1.1 dev a":                               `0: "010.1.1.1" is no address in full; ip makes 8.1.1.1 of it`,
		"10/8 dev a":                                    `0: "10/8" is no prefix in full; ip makes 10.0.0.0/8 of it`,
		"10.0.0.0/255.0.0.0 dev a":                      `0: "10.0.0.0/255.0.0.0" is no prefix in full; ip makes 10.0.0.0/8 of it`,
		"10.0.0.0/33 dev a":                             `0: "10.0.0.0/33" is no prefix`,
		"10.1.0.0/8 dev a":                              `0: "10.1.0.0/8" has bits after its length of 8`,
		"fe80::1%eth0 dev a":                            `0: "fe80::1%eth0" has a zone`,
		"default dev":                                   "11: what is missing after dev",
		"default dev a/b":                               `12: "a/b" cannot be a device name`,
		`default dev ""`:                                `12: "" cannot be a device name`,
		`default table "" dev a`:                        "14: a table has a name or a number",
		"default dev a dev b":                           "14: dev is there twice",
		"default Dev a":                                 `8: "Dev" is not understood`,
		"default de a":                                  `8: "de" is not understood`,
		"default none refused":                          "13: none and refused exclude each other",
		"default none dev a":                            "0: none says that there is no route, and the line says more of it",
		"default refused via 10.0.0.1":                  "0: what is refused goes nowhere, and the line says where it goes",
		"8.8.8.8 local via 10.0.0.1":                    "0: what is delivered to this host has no gateway",
		"8.8.8.8 from 10.0.0.1 src 10.0.0.1":            "0: from gives the packet its source, so that the host chooses none (src)",
		"8.8.8.8 iif a src 10.0.0.1":                    "0: a packet that comes in (iif) has a source, so that the host chooses none (src)",
		"8.8.8.8 iif a oif b dev c":                     "0: a packet that comes in (iif) has no socket here, which oif, vrf and uid are about",
		"8.8.8.8 vrf a oif b dev c":                     "0: oif and vrf exclude each other",
		"8.8.8.8 from 10.0.0.0/8 dev a":                 `13: "10.0.0.0/8" is a prefix, and an address is expected`,
		"8.8.8.8 from fe80::1 dev a":                    "13: fe80::1 is IPv6, and what stands before it is IPv4",
		"8.8.8.8 via inet 2001:db8::1":                  "17: 2001:db8::1 is IPv6",
		"8.8.8.8 mark 010 dev a":                        `13: "010" begins with a zero, which ip takes for octal`,
		"8.8.8.8 mark +1 dev a":                         `13: "+1" is not a number (decimal or 0x hex)`,
		"8.8.8.8 mark 0x100000000 dev a":                "13: 0x100000000 is out of range (0 to 4294967295)",
		"8.8.8.8 mark 1/2 dev a":                        `13: "1/2" has a mask, as rules have; a packet has a mark alone`,
		"8.8.8.8 dport 0 dev a":                         "14: 0 is out of range (1 to 65535)",
		"8.8.8.8 uid 4294967295 dev a":                  "12: 4294967295 is out of range (0 to 4294967294)",
		"8.8.8.8 tos 10 dev a":                          "12: tos 10 is hexadecimal to ip, and decimal to others",
		"8.8.8.8 tos bogus dev a":                       `12: "bogus" is no TOS: a name such as ef, or a number such as 0xb8`,
		"8.8.8.8 ipproto bogus dev a":                   `16: "bogus" is no protocol known here: give its number (0 to 255)`,
		"8.8.8.8 dev $X":                                `12: "$X" is for a shell alone`,
		"8.8.8.8 dev 'a":                                "12: the quotation that begins with ' has no end",
		"8.8.8.8; ip":                                   `7: ";" is for a shell alone`,
		"8.8.8.8 dev " + strings.Repeat("a", 128):       `12: "` + strings.Repeat("a", 100) + `"... cannot be a device name`,
		"\x00\xff dev a":                                `0: "\x00\xff" is no destination`,
	} {
		e, some, err := command.ParseExpectation(line)
		got := "nothing"
		if fault := new(command.SyntaxError); errors.As(err, &fault) {
			got = fmt.Sprintf("%d: %s", fault.Start, fault.Message)
		} else if some {
			got = expectationText(&e)
		}
		if got != want {
			t.Errorf("%q:\n got %s\nwant %s", line, got, want)
		}
	}
}

func expectationText(e *command.Expectation) string {
	out := fmt.Sprintf("%s [%s]", e.Dst, e.Subject)
	add := func(name string, there bool, value any) {
		if there {
			out += fmt.Sprintf(" %s=%v", name, value)
		}
	}
	add("from", e.From.IsValid(), e.From)
	add("iif", e.Iif != "", e.Iif)
	add("oif", e.Oif != "", e.Oif)
	add("vrf", e.VRF != "", e.VRF)
	if e.Mark != nil {
		add("mark", true, *e.Mark)
	}
	if e.TOS != nil {
		add("tos", true, *e.TOS)
	}
	if e.UID != nil {
		add("uid", true, *e.UID)
	}
	if e.Proto != nil {
		add("proto", true, *e.Proto)
	}
	add("sport", e.Sport != 0, e.Sport)
	add("dport", e.Dport != 0, e.Dport)
	w := &e.Wanted
	add("dev", w.Dev != "", w.Dev)
	add("via", w.Via.IsValid(), w.Via)
	add("table", w.Table != "", w.Table)
	add("src", w.Src.IsValid(), w.Src)
	add("fate", w.Fate != "", w.Fate)
	return out
}

// FuzzExpectation checks that the parser fails for any line only with an error that has a
// place in the line. What is understood must mean the same when it is written again.
func FuzzExpectation(f *testing.F) {
	for _, line := range []string{
		"default dev bond0 src 10.0.0.0/8", "10.20.0.0/16 table main via 192.0.2.1", "8.8.8.8 mark 0x1 dev wg0 # x", "192.0.2.0/24 refused", "::/0 none",
		"8.8.8.8 iif eth0 from 10.0.0.1 tos ef ipproto tcp sport 1 dport 2 dev 'eth1'", "8.8.8.8 uid 5 vrf red local", "\ufeff\t10.1/8 via inet6 fe80::1", `8.8.8.8 dev "a \" b`,
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		e, some, err := command.ParseExpectation(line)
		if err != nil {
			fault := new(command.SyntaxError)
			if !errors.As(err, &fault) || fault.Message == "" || fault.Start < 0 || fault.End < fault.Start || fault.End > len(line) {
				t.Errorf("%q: %#v", line, err)
			}
			return
		}
		if !some {
			return
		}
		if !e.Dst.IsValid() || e.Dst != e.Dst.Masked() || e.Subject == "" || !strings.HasPrefix(e.Text, strings.Fields(e.Subject + " x")[0]) {
			t.Errorf("%q: %+v", line, e)
		}
		if strings.ContainsAny(line, "'\"\\") { // quotation marks are not written again
			return
		}
		again, _, err := command.ParseExpectation(e.Text)
		if err != nil || expectationText(&again) != expectationText(&e) {
			t.Errorf("%q: again %v %+v", line, err, again)
		}
	})
}
