package main

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// The flags' values. Each function returns what pflag calls with the text that was
// given. The error does not name the flag, because the code that reports it does.

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

// parseNumber reads a decimal or 0x hexadecimal number. A leading zero is refused,
// because iproute2 would read the number as octal.
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
		return 0, fmt.Errorf("%s is not a number (decimal or 0x hex)", iproute2.Quote(s))
	case base == 10 && len(s) > 1 && s[0] == '0':
		return 0, fmt.Errorf("%s starts with a zero, which iproute2 takes for octal", iproute2.Quote(s))
	}
	return n, nil
}

// fileFlag reads the name of a file; "-" is one.
func fileFlag(set func(string)) func(string) error {
	return func(s string) error {
		if s == "" || s[0] == '-' && s != "-" {
			return fmt.Errorf("%s is no file; ./%s would be", iproute2.Quote(s), printable(s))
		}
		set(s)
		return nil
	}
}

// textFlag reads a word that only the host can check.
func textFlag(dst *string, what string) func(string) error {
	return func(s string) error {
		if s == "" || s[0] == '-' {
			return fmt.Errorf("%s is no %s", iproute2.Quote(s), what)
		}
		*dst = s
		return nil
	}
}

// momentFlag reads a time of the past, as it was given. It may begin with a dash.
func momentFlag(dst *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return notTime(s)
		}
		*dst = s
		return nil
	}
}

// untilFlag reads what --until waits for, or a time. If it is there twice, both must hold.
func untilFlag(dst *string) func(string) error {
	return func(s string) error {
		more := strings.TrimSpace(s)
		if more == "" {
			return fmt.Errorf("%s is no answer to wait for, and no time", iproute2.Quote(s))
		}
		*dst = strings.TrimSpace(*dst + " " + more)
		return nil
	}
}

// deviceFlag reads the name of a device. It may be an alternative name, which has up
// to 127 bytes; other names have up to IFNAMSIZ-1, which is 15.
func deviceFlag(dst *optional[string]) func(string) error {
	return func(s string) error {
		if !validDevice(s) {
			return fmt.Errorf("%s cannot be a device name", iproute2.Quote(s))
		}
		dst.set(s)
		return nil
	}
}

// validDevice is dev_valid_name of the kernel. It also refuses what is more likely a
// flag.
func validDevice(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) < 128 && s[0] != '-' &&
		!strings.ContainsAny(s, "/: \t\n\v\f\r")
}

// wordFlag reads one of a few words.
func wordFlag(dst *string, words []string) func(string) error {
	return func(s string) error {
		if !slices.Contains(words, s) {
			return fmt.Errorf("%s is none of %s", iproute2.Quote(s), strings.Join(words, ", "))
		}
		*dst = s
		return nil
	}
}

func colorWords() []string { return []string{"auto", "always", "never"} }

// The words of --redact; the first is meant where none is given.
const (
	redactPublic = "public"
	redactStrict = "strict"
)

func redactWords() []string { return []string{redactPublic, redactStrict} }

func shells() []string { return []string{"bash", "zsh", "fish"} }

// packetFlag is a flag that describes the packet.
type packetFlag struct {
	name, usage string
	set         func(string) error
}

// flags are all flags that describe the packet.
func (p *packet) flags() []packetFlag {
	return []packetFlag{
		{"from", "source address", p.setFrom},
		{"iif", "device it arrives on", deviceFlag(&p.iif)},
		{"oif", "device the socket is bound to", deviceFlag(&p.oif)},
		{"vrf", "VRF the socket is bound to", deviceFlag(&p.vrf)},
		{"mark", "firewall mark", p.setMark},
		{"tos", "TOS octet or DSCP name", p.setTOS},
		{"uid", "owner of the socket", p.setUID},
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
	case d.kind == kindHost && isDevice(s):
		return fmt.Errorf("%s is a device: --iif for a packet that comes in by it, --oif for a socket that is bound to it", iproute2.Quote(s))
	case d.kind != kindAddress && d.kind != kindZero || d.port != 0:
		return fmt.Errorf("%s is not an address", iproute2.Quote(s))
	case d.zone != "":
		return fmt.Errorf("%s has a zone; --oif names the device", iproute2.Quote(s))
	}
	p.from.set(d.addr)
	return nil
}

// setMark reads the mark. Unlike a rule's mark, it has no mask.
func (p *packet) setMark(s string) error {
	if mark, mask, ok := strings.Cut(s, "/"); ok && isNumber(mark) && isNumber(mask) {
		return fmt.Errorf("%s has a mask, as rules have; a packet has a mark alone: --mark %s", iproute2.Quote(s), mark)
	}
	return numberFlag(&p.mark, 0, 1<<32-1)(s)
}

// setUID reads the user's number.
func (p *packet) setUID(s string) error {
	if !isNumber(s) {
		if who, err := user.Lookup(s); err == nil {
			return fmt.Errorf("%s is a user's name, and the kernel goes by the number: --uid %s", iproute2.Quote(s), who.Uid)
		}
	}
	return numberFlag(&p.uid, 0, uint64(route.NoUID)-1)(s)
}

// setTOS reads the TOS octet. A number without prefix is decimal here, but
// ip-route(8) reads it as hexadecimal.
func (p *packet) setTOS(s string) error {
	n, err := nameOrNumber(s, iproute2.TOSNames())
	if err == nil {
		p.tos.set(n)
	}
	return err
}

// setProto reads the IP protocol.
func (p *packet) setProto(s string) error {
	n, err := nameOrNumber(s, iproute2.Protocols())
	if err == nil {
		p.proto.set(n)
	}
	return err
}

func nameOrNumber(s string, names []iproute2.NamedNumber) (uint8, error) {
	for _, known := range names {
		if strings.EqualFold(known.Name, s) {
			return known.Number, nil
		}
	}
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, fmt.Errorf("%s is no name known here: give the number (0 to 255)", iproute2.Quote(s))
	}
	n, err := parseNumber(s, 0, 255)
	return uint8(n), err
}
