package main

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestParseDestination(t *testing.T) {
	tests := []struct {
		in    string
		kind  kind
		out   string // the plain spelling
		notes string // the codes of the notes
	}{
		{"8.8.8.8", kindAddress, "8.8.8.8", ""},
		{"2001:db8::1", kindAddress, "2001:db8::1", ""},
		{"2001:DB8:0:0:0:0:0:1", kindAddress, "2001:db8::1", ""},
		{"[2001:db8::1]", kindAddress, "2001:db8::1", ""},
		{"fe80::1", kindAddress, "fe80::1", ""},
		{"fe80::1%eth0", kindAddress, "fe80::1%eth0", ""},
		{"fe80::1%2", kindAddress, "fe80::1%2", ""},
		{"ff02::1%eth0.100", kindAddress, "ff02::1%eth0.100", ""},
		{"0.0.0.1", kindAddress, "0.0.0.1", ""},
		{"255.255.255.255", kindAddress, "255.255.255.255", ""},

		{"0.0.0.0", kindZero, "0.0.0.0", ""},
		{"::", kindZero, "::", ""},
		{"[::]", kindZero, "::", ""},
		{"0:0:0:0:0:0:0:0", kindZero, "::", ""},
		{"::ffff:0.0.0.0", kindZero, "0.0.0.0", "mapped"},

		{"0.0.0.0:80", kindAddress, "0.0.0.0:80", ""},
		{"[::]:80", kindAddress, "[::]:80", ""},
		{"8.8.8.8:53", kindAddress, "8.8.8.8:53", ""},
		{"8.8.8.8:65535", kindAddress, "8.8.8.8:65535", ""},
		{"[8.8.8.8]:53", kindAddress, "8.8.8.8:53", ""},
		{"[2001:db8::1]:443", kindAddress, "[2001:db8::1]:443", ""},
		{"[fe80::1%eth0]:22", kindAddress, "[fe80::1%eth0]:22", ""},

		{"::ffff:192.0.2.1", kindAddress, "192.0.2.1", "mapped"},
		{"[::ffff:192.0.2.1]:80", kindAddress, "192.0.2.1:80", "mapped"},
		{"2001:db8::1:80", kindAddress, "2001:db8::1:80", "portlike"},
		{"fe80::1:22%eth0", kindAddress, "fe80::1:22%eth0", ""},
		{"2001:db8::80", kindAddress, "2001:db8::80", ""},
		{"2001:db8::1:2", kindAddress, "2001:db8::1:2", ""},

		{"0.0.0.0/0", kindPrefix, "0.0.0.0/0", ""},
		{"::/0", kindPrefix, "::/0", ""},
		{"0.0.0.0/32", kindPrefix, "0.0.0.0/32", ""},
		{"128.0.0.0/1", kindPrefix, "128.0.0.0/1", ""},
		{"10.0.0.0/8", kindPrefix, "10.0.0.0/8", ""},
		{"192.0.2.1/32", kindPrefix, "192.0.2.1/32", ""},
		{"2001:db8::/32", kindPrefix, "2001:db8::/32", ""},
		{"::ffff:0:0/96", kindPrefix, "::ffff:0.0.0.0/96", ""},
		{"0.0.0.0/0.0.0.0", kindPrefix, "0.0.0.0/0", ""},
		{"10.0.0.0/255.0.0.0", kindPrefix, "10.0.0.0/8", ""},
		{"192.0.2.1/255.255.255.255", kindPrefix, "192.0.2.1/32", ""},

		{"default", kindDefault, "default", ""},

		{"example.com", kindHost, "example.com", ""},
		{"example.com.", kindHost, "example.com.", ""},
		{"example.com:443", kindHost, "example.com:443", ""},
		{"localhost", kindHost, "localhost", ""},
		{"dump", kindHost, "dump", ""},
		{"my_db", kindHost, "my_db", ""},
		{"3com", kindHost, "3com", ""},
		{"1.2.3.x", kindHost, "1.2.3.x", ""},
		{"xn--mnchen-3ya.de", kindHost, "xn--mnchen-3ya.de", ""},
	}
	for _, test := range tests {
		d, err := parseDestination(test.in)
		if err != nil {
			t.Errorf("parseDestination(%q): %v", test.in, err)
			continue
		}
		var codes []string
		for _, n := range d.notes {
			codes = append(codes, string(n.Code))
		}
		if d.kind != test.kind || d.String() != test.out || strings.Join(codes, " ") != test.notes {
			t.Errorf("parseDestination(%q) = kind %d, %s, notes %q; want kind %d, %s, notes %q",
				test.in, d.kind, d, codes, test.kind, test.out, test.notes)
		}
	}
}

func TestParseDestinationFaults(t *testing.T) {
	tests := []struct {
		in    string
		fault string   // in the error
		hints []string // the commands in the hints, without the program's name
	}{
		// Abbreviated: what iproute2 6.1 and glibc's inet_aton were seen to do.
		{"10.1", "iproute2 makes 10.1.0.0 of it, inet_aton (ping, curl) 10.0.0.1", []string{"10.1.0.0", "10.0.0.1"}},
		{"127.1", "iproute2 makes 127.1.0.0 of it, inet_aton (ping, curl) 127.0.0.1", []string{"127.1.0.0", "127.0.0.1"}},
		{"172.16", "iproute2 makes 172.16.0.0 of it, inet_aton (ping, curl) 172.0.0.16", []string{"172.16.0.0", "172.0.0.16"}},
		{"0", "is abbreviated; iproute2 and inet_aton (ping, curl) make 0.0.0.0 of it", []string{"0.0.0.0", "0.0.0.0/0 explains the default route"}},
		{"8.8.8", "iproute2 makes 8.8.8.0 of it, inet_aton (ping, curl) 8.8.0.8", []string{"8.8.8.0", "8.8.0.8"}},
		{"127.1:80", "is abbreviated", []string{"127.1.0.0:80", "127.0.0.1:80"}},
		{"0/0", "iproute2 makes 0.0.0.0/0 of it", []string{"0.0.0.0/0"}},
		{"0/1", "iproute2 makes 0.0.0.0/1 of it", []string{"0.0.0.0/1"}},
		{"10.5/16", "iproute2 makes 10.5.0.0/16 of it", []string{"10.5.0.0/16"}},
		{"127.1/8", "iproute2 makes 127.1.0.0/8 of it", []string{"127.0.0.0/8"}},

		// Numbers in other bases.
		{"010.1.1.1", "10.1.1.1 if decimal; iproute2 and inet_aton (ping, curl) make 8.1.1.1 of it", []string{"10.1.1.1", "8.1.1.1"}},
		{"010.1.1.0/24", "10.1.1.0 if decimal", []string{"10.1.1.0/24", "8.1.1.0/24"}},
		{"08.1.1.1", "8.1.1.1 if decimal; iproute2 and inet_aton (ping, curl) refuse it", []string{"8.1.1.1"}},
		{"01.1.1.1", "leading zero", []string{"1.1.1.1"}},
		{"0x7f000001", "inet_aton (ping, curl) makes 127.0.0.1 of it, iproute2 refuses it", []string{"127.0.0.1"}},
		{"2130706433", "not in dotted decimal; inet_aton (ping, curl) makes 127.0.0.1 of it", []string{"127.0.0.1"}},
		{"0x7f.0.0.1", "make 127.0.0.1 of it", []string{"127.0.0.1"}},
		{"4294967296", "more than 32 bits", nil},
		{"0x", "refuse it", nil},

		// Faults of an IPv4 address.
		{"256.1.1.1", "256 is more than 255", nil},
		{"99999999999999999999.1.1.1", "is more than 255", nil},
		{"300.1", "300 is more than 255", nil},
		{"8.8.8.8.", "ends with a dot", []string{"8.8.8.8"}},
		{"8.8.8.8.:53", "ends with a dot", []string{"8.8.8.8:53"}},
		{"8.8..8", "nothing between two dots", nil},
		{".8", "nothing between two dots", nil},
		{"8.8.8.8.53", "has 5 numbers", []string{"8.8.8.8:53"}},
		{"8.8.8.8.8.8", "has 6 numbers", nil},
		{"foo.1", `"foo" is none`, nil},
		{"1.2.3.4%eth0", "only a link-local IPv6 address has a zone", nil},

		// Prefixes.
		{"1.2.3.4/33", "an IPv4 prefix length is 0 to 32, not 33", []string{"1.2.3.4"}},
		{"2001:db8::/129", "an IPv6 prefix length is 0 to 128, not 129", []string{"2001:db8::"}},
		{"1.2.3.4/99999999999999999999", "prefix length is 0 to 32", []string{"1.2.3.4"}},
		{"8.8.8.8/8", "host bits set below /8: as a prefix it is 8.0.0.0/8",
			[]string{"8.0.0.0/8 explains that prefix", "8.8.8.8 explains the address"}},
		{"128.0.0.0/0", "host bits set below /0: as a prefix it is 0.0.0.0/0",
			[]string{"0.0.0.0/0 explains that prefix", "128.0.0.0/1 explains the prefix that has these bits", "128.0.0.0 explains the address"}},
		{"10.1.0.0/8", "as a prefix it is 10.0.0.0/8",
			[]string{"10.0.0.0/8 explains that prefix", "10.1.0.0/16 explains the prefix that has these bits", "10.1.0.0 explains the address"}},
		{"2001:db8::1/64", "as a prefix it is 2001:db8::/64",
			[]string{"2001:db8::/64 explains that prefix", "2001:db8::1 explains the address"}},
		{"10.0.0.1/255.0.0.0", "host bits set below /8", []string{"10.0.0.0/8 explains that prefix", "10.0.0.1 explains the address"}},
		{"10.0.0.0/255.0.255.0", "the mask 255.0.255.0 is not contiguous", nil},
		{"10.0.0.0/0.0.0.255", "0.0.0.255 is a wildcard mask", []string{"10.0.0.0/24"}},
		{"2001:db8::/255.255.0.0", "is not a prefix length", []string{"2001:db8::"}},
		{"10.0.0.0/", "no prefix length after the slash", []string{"10.0.0.0"}},
		{"10.0.0.0/08", "leading zero", []string{"10.0.0.0/8"}},
		{"10.0.0.0/-1", `"-1" is not a prefix length`, []string{"10.0.0.0"}},
		{"10.0.0.0/8/8", `"8/8" is not a prefix length`, []string{"10.0.0.0"}},
		{"/8", "no address before the slash", nil},
		{"/etc/hosts", "no address before the slash", nil},
		{"default/0", "default has no length", []string{"default"}},
		{"fe80::%eth0/64", "a prefix has no zone", []string{"fe80::/64"}},
		{"10.0.0.0:53/8", "a prefix has no port", []string{"10.0.0.0/8"}},
		{"[2001:db8::]/32", "a prefix has no brackets", []string{"2001:db8::/32"}},
		{"a[b/8", "only an address has a prefix length", nil},
		{"[[/8", "a prefix has no brackets", nil},
		{"2001:db8/32", "the address is not complete", []string{"2001:db8::/32"}},
		{"example.com/24", "a host name has no path", []string{"example.com"}},

		// IPv6.
		{"1::2::3", ":: can stand for zeros once only", nil},
		{"fe80:::1", "three colons", nil},
		{"12345::", "12345 has more than 4 digits", nil},
		{"2001:db8::g", `'g' is no hexadecimal digit`, nil},
		{"1:2:3:4", "4 groups of 8", nil},
		{"1:2:3:4:5:6:7:8:a", "more than 8 groups", nil},
		{"1:2:3:4:5:6:7:8:80", "with a port it needs brackets", []string{"[1:2:3:4:5:6:7:8]:80"}},
		{"aa:bb:cc:dd:ee:ff", "hardware address", nil},
		{"2001:db8::1%eth0", "only a link-local IPv6 address has a zone",
			[]string{"2001:db8::1 --oif eth0 asks for a socket bound to that device"}},
		{"fe80::1%", "no device after the %", []string{"fe80::1"}},
		{"fe80::1%eth0:80", `"eth0:80" cannot be a device name`, []string{"[fe80::1%eth0]:80"}},
		{"[::1", "no closing bracket", nil},
		{"[::1]80", "only :PORT can follow", nil},
		{"[localhost]:80", "brackets are for an address", []string{"localhost:80"}},
		{"[]", "brackets are for an address", nil},

		// Ports.
		{"8.8.8.8:", "no port after the colon", []string{"8.8.8.8"}},
		{"8.8.8.8:0", "a port is 1 to 65535, not 0", []string{"8.8.8.8"}},
		{"8.8.8.8:65536", "a port is 1 to 65535, not 65536", []string{"8.8.8.8"}},
		{"8.8.8.8:http", `"http" is not a port number`, []string{"8.8.8.8:80"}},
		{"8.8.8.8:nosuch", `"nosuch" is not a port number`, []string{"8.8.8.8"}},
		{"[2001:db8::1]:https", `"https" is not a port number`, []string{"[2001:db8::1]:443"}},
		{"fe80::1@eth0", "before a device stands %", []string{"fe80::1%eth0"}},
		{"[::1]:", "no port after the colon", []string{"::1"}},
		{"2001:db8", `"db8" is not a port number`, []string{"2001:db8::"}},
		{":80", "no address before the port", nil},

		// Other text.
		{"", "empty", nil},
		{" 8.8.8.8", "white space", []string{"8.8.8.8"}},
		{"8.8.8.8\r\n", `"8.8.8.8\r\n" starts or ends with white space`, []string{"8.8.8.8"}},
		{"1.2.3.4,5.6.7.8", "more than one word", []string{"1.2.3.4 5.6.7.8"}},
		{"10.0.0.0 10.1", "more than one word", nil},
		{",", "more than one word", nil},
		{"http://0.0.0.0:80/", "is a URL", []string{"0.0.0.0:80"}},
		{"http://0.0.0.0/", "is a URL", []string{"0.0.0.0:80"}},
		{"https://user:pw@[::1]/x?y", "is a URL", []string{"[::1]:443"}},
		{"gopher://example.com/1", "is a URL", []string{"example.com"}},
		{"http://", "is a URL", nil},
		{"root@10.0.0.1", "has an @", []string{"10.0.0.1"}},
		{"m\u00fcnchen.de", `"m\u00fcnchen.de" is not plain ASCII`, nil},
		{"\uff18.8.8.8", "is not plain ASCII", nil},
		{"8.8.8.8\xff", `\xff`, nil},
		{"a\x1b[31m", `"a\x1b[31m" has a control character`, nil},
		{"a..b", "a part between the dots is empty", nil},
		{".", "a part between the dots is empty", nil},
		{"-a", "hyphen", nil},
		{"a*b", `it has a '*'`, nil},
		{strings.Repeat("a", 64), "longer than 63", nil},
		{strings.Repeat("a.", 127) + "a", "longer than 253", nil},
		{strings.Repeat("9", 100000), "...", nil},
	}
	for _, test := range tests {
		_, err := parseDestination(test.in)
		if err == nil {
			t.Errorf("parseDestination(%.40q): no error", test.in)
			continue
		}
		if statusOf(err) != exitUsage {
			t.Errorf("parseDestination(%.40q): not a usage error: %v", test.in, err)
		}
		if !strings.Contains(err.Error(), test.fault) {
			t.Errorf("parseDestination(%.40q): %v; want %q in it", test.in, err, test.fault)
		}
		if len(err.Error()) > 300 {
			t.Errorf("parseDestination(%.40q): the error has %d bytes", test.in, len(err.Error()))
		}
		var hints []string
		for _, h := range hintsOf(err) {
			hints = append(hints, strings.TrimPrefix(h, "routewhy "))
		}
		if !slices.Equal(hints, test.hints) {
			t.Errorf("parseDestination(%.40q): hints %q; want %q", test.in, hints, test.hints)
		}
	}
}

func FuzzParseDestination(f *testing.F) {
	for _, s := range []string{
		"8.8.8.8", "10.1", "010.1.1.1", "::ffff:192.0.2.1", "fe80::1%eth0", "[fe80::1%eth0]:80", "10.0.0.0/255.0.0.0",
		"8.8.8.8/8", "2001:db8::1:80", "example.com:443", "http://0.0.0.0:80/", "0/0", "default", "a,b c", "0x7f.1", "1.2.3.4.5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDestination(s)
		if err != nil {
			checkFault(t, err)
			return
		}
		again, err := parseDestination(d.String())
		if err != nil {
			t.Fatalf("%q is %s, which is refused: %v", s, d, err)
		}
		d.notes, again.notes = nil, nil
		if d.kind != again.kind || d.String() != again.String() || d.addr != again.addr || d.prefix != again.prefix ||
			d.zone != again.zone || d.host != again.host || d.port != again.port {
			t.Errorf("%q is %+v; its spelling %s is %+v", s, d, d, again)
		}
		if printable(d.String()) != d.String() {
			t.Errorf("%q is %q, which is not printable", s, d)
		}
		if a, err := netip.ParseAddr(s); err == nil && a.Unmap() != d.addr.WithZone(d.zone) {
			t.Errorf("%q is %s, netip has %s", s, d, a)
		}
		if p, err := netip.ParsePrefix(s); err == nil && p != d.prefix {
			t.Errorf("%q is %s, netip has %s", s, d, p)
		}
	})
}

// checkFault checks what every refusal must keep.
func checkFault(t *testing.T, err error) {
	t.Helper()
	var usage *usageError
	if !errors.As(err, &usage) {
		t.Errorf("not a usage error: %v", err)
	}
	for _, text := range append(hintsOf(err), err.Error()) {
		if text != printable(text) {
			t.Errorf("not printable: %q", text)
		}
	}
	for _, hint := range hintsOf(err) {
		command, _, _ := strings.Cut(strings.TrimPrefix(hint, "routewhy "), " ")
		if _, err := parseDestination(command); err != nil {
			t.Errorf("the hint %q is refused: %v", hint, err)
		}
	}
}
