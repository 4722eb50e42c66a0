package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
)

const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// The flags' values. Each function gives what pflag calls with the text that
// was given; the error does not name the flag, whoever reports it does.

// numberFlag reads a number from least to most.
func numberFlag[T uint16 | uint32](dst *optional[T], least, most uint64) func(string) error {
	return func(s string) error {
		n, err := parseNumber(s, least, most)
		if err == nil {
			dst.set(T(n))
		}
		return err
	}
}

// parseNumber reads a decimal or 0x hexadecimal number. A leading zero, which
// iproute2 takes for octal, is refused.
func parseNumber(s string, least, most uint64) (uint64, error) {
	digits, base := s, 10
	if len(s) > 1 && (s[:2] == "0x" || s[:2] == "0X") {
		digits, base = s[2:], 16
	}
	n, err := strconv.ParseUint(digits, base, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) || err == nil && (n < least || n > most):
		return 0, fmt.Errorf("%s is out of range (%d to %d)", unquoted(s), least, most)
	case err != nil:
		return 0, fmt.Errorf("%s is not a number (decimal or 0x hex)", quote(s))
	case base == 10 && len(s) > 1 && s[0] == '0':
		return 0, fmt.Errorf("%s starts with a zero, which iproute2 takes for octal", quote(s))
	}
	return n, nil
}

// fileFlag reads the name of a file; "-" is one.
func fileFlag(set func(string)) func(string) error {
	return func(s string) error {
		if s == "" || s[0] == '-' && s != "-" {
			return fmt.Errorf("%s is no file; ./%s would be", quote(s), printable(s))
		}
		set(s)
		return nil
	}
}

// textFlag reads a word that only the host can judge.
func textFlag(dst *string, what string) func(string) error {
	return func(s string) error {
		if s == "" || s[0] == '-' {
			return fmt.Errorf("%s is no %s", quote(s), what)
		}
		*dst = s
		return nil
	}
}

// deviceFlag reads the name of a device, which may be an alternative name (127
// bytes; IFNAMSIZ-1 is 15).
func deviceFlag(dst *optional[string]) func(string) error {
	return func(s string) error {
		if !validDevice(s) {
			return fmt.Errorf("%s cannot be a device name", quote(s))
		}
		dst.set(s)
		return nil
	}
}

// validDevice is dev_valid_name of the kernel, and refuses besides what is more
// likely a flag.
func validDevice(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) < 128 && s[0] != '-' &&
		!strings.ContainsAny(s, "/: \t\n\v\f\r")
}

// wordFlag reads one of a few words.
func wordFlag(dst *string, words []string) func(string) error {
	return func(s string) error {
		if !slices.Contains(words, s) {
			return fmt.Errorf("%s is none of %s", quote(s), strings.Join(words, ", "))
		}
		*dst = s
		return nil
	}
}

func colorWords() []string { return []string{"auto", "always", "never"} }

func shells() []string { return []string{"bash", "zsh", "fish"} }

// packetFlag is a flag that describes the packet.
type packetFlag struct {
	name, usage string
	set         func(string) error
}

// flags are all of them.
func (p *packet) flags() []packetFlag {
	return []packetFlag{
		{"from", "source address", p.setFrom},
		{"iif", "device it arrives on", deviceFlag(&p.iif)},
		{"oif", "device the socket is bound to", deviceFlag(&p.oif)},
		{"vrf", "VRF the socket is bound to", deviceFlag(&p.vrf)},
		{"mark", "firewall mark", numberFlag(&p.mark, 0, 1<<32-1)},
		{"tos", "TOS octet or DSCP name", p.setTOS},
		{"uid", "owner of the socket", numberFlag(&p.uid, 0, uint64(route.NoUID)-1)},
		{"ipproto", "IP protocol", p.setProto},
		{"sport", "source port", numberFlag(&p.sport, 1, 1<<16-1)},
		{"dport", "destination port", numberFlag(&p.dport, 1, 1<<16-1)},
		{"flowlabel", "IPv6 flow label", numberFlag(&p.flowLabel, 0, 1<<20-1)},
	}
}

// setFrom reads the source address.
func (p *packet) setFrom(s string) error {
	d, err := parseDestination(s)
	switch {
	case err != nil:
		return errors.New(err.Error())
	case d.kind != kindAddress && d.kind != kindZero || d.port != 0:
		return fmt.Errorf("%s is not an address", quote(s))
	case d.zone != "":
		return fmt.Errorf("%s has a zone; --oif names the device", quote(s))
	}
	p.from.set(d.addr)
	return nil
}

// setTOS reads the TOS octet. A bare number is decimal; ip-route(8) takes it
// for hexadecimal.
func (p *packet) setTOS(s string) error {
	n, err := nameOrNumber(s, tosNames())
	if err == nil {
		p.tos.set(n)
	}
	return err
}

// setProto reads the IP protocol.
func (p *packet) setProto(s string) error {
	n, err := nameOrNumber(s, protoNames())
	if err == nil {
		p.proto.set(n)
	}
	return err
}

// namedNumber is a number of one octet that has a name.
type namedNumber struct {
	name string
	n    uint8
}

func nameOrNumber(s string, names []namedNumber) (uint8, error) {
	for _, known := range names {
		if strings.EqualFold(known.name, s) {
			return known.n, nil
		}
	}
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, fmt.Errorf("%s is no name known here: give the number (0 to 255)", quote(s))
	}
	n, err := parseNumber(s, 0, 255)
	return uint8(n), err
}

// tosNames are the names of iproute2's rt_dsfield, of today and of the days of
// RFC 791 precedence, and of the DSCP classes. The numbers are whole octets.
func tosNames() []namedNumber {
	return []namedNumber{
		{"default", 0x00}, {"be", 0x00}, {"cs0", 0x00}, {"le", 0x04},
		{"cs1", 0x20}, {"cs2", 0x40}, {"cs3", 0x60}, {"cs4", 0x80}, {"cs5", 0xa0}, {"cs6", 0xc0}, {"cs7", 0xe0},
		{"af11", 0x28}, {"af12", 0x30}, {"af13", 0x38},
		{"af21", 0x48}, {"af22", 0x50}, {"af23", 0x58},
		{"af31", 0x68}, {"af32", 0x70}, {"af33", 0x78},
		{"af41", 0x88}, {"af42", 0x90}, {"af43", 0x98},
		{"va", 0xb0}, {"ef", 0xb8},
		{"lowdelay", 0x10}, {"throughput", 0x08}, {"reliability", 0x04},
		{"priority", 0x20}, {"immediate", 0x40}, {"flash", 0x60}, {"flash-override", 0x80},
		{"critical", 0xa0}, {"internet", 0xc0}, {"network", 0xe0},
	}
}

// protoNames are the names of /etc/protocols that matter for routing.
func protoNames() []namedNumber {
	return []namedNumber{
		{"tcp", protoTCP}, {"udp", 17}, {"icmp", protoICMP}, {"icmpv6", protoICMPv6}, {"ipv6-icmp", protoICMPv6},
		{"sctp", 132}, {"dccp", 33}, {"udplite", 136},
		{"esp", 50}, {"ah", 51}, {"gre", 47}, {"ipip", 4}, {"ipencap", 4}, {"ipv6", 41}, {"l2tp", 115},
		{"igmp", 2}, {"ospf", 89}, {"pim", 103}, {"vrrp", 112}, {"eigrp", 88}, {"rsvp", 46},
	}
}
