package command_test

import (
	"strings"
	"testing"

	"routewhy/lookup/change/command"
)

// FuzzParse checks that the parser fails for any text only with an error that has a place
// in the text. What a command asks for is printed and understood again.
func FuzzParse(f *testing.F) {
	for _, line := range []string{
		"ip route add default via 192.0.2.1 dev eth0", "sudo ip -6 r re ::/0 nexthop via fe80::1 dev eth0 weight 2", "[#] ip -4 rule add not fwmark 51820 table 51820",
		"ip addr add 192.0.2.9/24 brd + dev eth0", "ip link set dev eth0 mtu 1400 up", "ip nexthop add id 1 group 1,2/3", "route add -net 10.0.0.0/8 gw 192.0.2.1",
		"ifconfig eth0:1 10.0.0.1 netmask 255.0.0.0 up", "sysctl -w net.ipv4.ip_forward=1", "ip neigh replace 192.0.2.1 lladdr 0:1:2:3:4:5 dev eth0",
		"ip route flush root 10/8", "ip link add red type vrf table 10", "ip route add 10.0.0.0/8 encap seg6 mode encap segs fe80::1 dev eth0", `ip route add "10.0.0.0/8" \`,
		"ip route get 8.8.8.8 from 1.1.1.1 iif eth0", "ip -n x route", "a;b && c # d\n'e\\\n",
	} {
		f.Add(line)
	}
	s := host()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		for _, l := range command.Lines(text) {
			if !strings.Contains(text, l.Text) {
				t.Errorf("%q is not in %q", l.Text, text)
			}
			c, err := command.Parse(l.Text, s)
			if err != nil {
				e, ok := err.(*command.SyntaxError)
				if !ok || e.Message == "" || e.Start < 0 || e.End < e.Start || e.End > len(e.Text) {
					t.Errorf("%q: %#v", l.Text, err)
				}
				continue
			}
			if r := c.Refusal; r != nil && (r.Message == "" || len(c.Changes) > 0 || r.Start < 0 || r.End < r.Start || r.End > len(c.Text)) {
				t.Errorf("%q: %+v", l.Text, r)
			}
			run := command.Run{After: s}
			_ = run.Do(&command.Script{Lines: []command.Line{l}})
			for _, x := range c.Changes {
				_ = command.Print(x, s)
			}
		}
	})
}
