package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"routewhy/route/iproute2"
)

// numeric reports whether text looks like an IPv4 address, which it does if its last
// part is a number. No host name is like that (RFC 1123 section 2.1).
func numeric(s string) bool {
	s = strings.TrimRight(s, ".")
	last := strings.ToLower(s[strings.LastIndex(s, ".")+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// ipv4Fault says why a numeric s is not an IPv4 address in dotted decimal, and how
// other programs would read it. The tail follows s in the destination, and therefore
// also in the hints.
func ipv4Fault(s, tail string) *usageError {
	if trimmed := strings.TrimRight(s, "."); trimmed != s {
		return suggest(usagef("%s ends with a dot", iproute2.Quote(s)), trimmed+tail)
	}
	parts := strings.Split(s, ".")
	for _, p := range parts {
		if p == "" {
			return usagef("%s is not an address: there is nothing between two dots", iproute2.Quote(s))
		}
		if !isNumber(p) {
			return usagef("%s is not an address, and no host name: it ends in a number, but %s is none", iproute2.Quote(s), iproute2.Quote(p))
		}
	}
	if len(parts) > 4 {
		err := usagef("%s has %d numbers, an IPv4 address has 4", iproute2.Quote(s), len(parts))
		return suggest(err, strings.Join(parts[:4], ".")+":"+strings.Join(parts[4:], "."))
	}
	return spellingFault(s, tail, parts)
}

// spellingFault names the possible meanings of an address that is not in full dotted
// decimal: abbreviated, in octal or in hexadecimal.
func spellingFault(s, tail string, parts []string) *usageError {
	ip, ipOK := likeIproute2(parts)
	aton, atonOK := likeInetAton(parts)
	plain := plainDecimal(parts)
	fault := "is abbreviated"
	switch {
	case plain.IsValid():
		fault = fmt.Sprintf("has a leading zero: %s if decimal", plain)
	case len(parts) == 4 || !ipOK:
		fault = "is not in dotted decimal"
	}
	var err *usageError
	switch {
	case ipOK && atonOK && ip == aton:
		err = usagef("%s %s; iproute2 and inet_aton (ping, curl) make %s of it", iproute2.Quote(s), fault, ip)
	case ipOK && atonOK:
		err = usagef("%s %s; iproute2 makes %s of it, inet_aton (ping, curl) %s", iproute2.Quote(s), fault, ip, aton)
	case atonOK:
		err = usagef("%s %s; inet_aton (ping, curl) makes %s of it, iproute2 refuses it", iproute2.Quote(s), fault, aton)
	case len(parts) == 1 && isDecimal(s):
		err = usagef("%s is not an address: it needs more than 32 bits", iproute2.Quote(s))
	case tooLarge(parts) != "":
		err = usagef("%s is not an address: %s is more than 255", iproute2.Quote(s), unquoted(tooLarge(parts)))
	default:
		err = usagef("%s %s; iproute2 and inet_aton (ping, curl) refuse it", iproute2.Quote(s), fault)
	}
	suggestAddrs(err, tail, []netip.Addr{plain, ip, aton})
	if len(parts) == 1 && ipOK && ip.IsUnspecified() && tail == "" {
		err.hint("routewhy 0.0.0.0/0 explains the default route")
	}
	return err
}

// suggestAddrs adds a hint for each valid address, and for each one only once.
func suggestAddrs(err *usageError, tail string, addrs []netip.Addr) {
	seen := map[netip.Addr]bool{{}: true}
	for _, a := range addrs {
		if !seen[a] {
			seen[a] = true
			_ = suggest(err, a.String()+tail)
		}
	}
}

// tooLarge is the decimal part that is more than 255; empty: there is none.
func tooLarge(parts []string) string {
	for _, p := range parts {
		n, err := strconv.ParseUint(p, 10, 64)
		if n > 255 || err != nil && isDecimal(p) {
			return p
		}
	}
	return ""
}

// plainDecimal reads four parts like a person who writes 010 for ten. It returns the
// zero Addr if they are not four decimal octets.
func plainDecimal(parts []string) netip.Addr {
	plain := make([]string, len(parts))
	for i, p := range parts {
		if !isDecimal(p) {
			return netip.Addr{}
		}
		plain[i] = strings.TrimLeft(p[:len(p)-1], "0") + p[len(p)-1:]
	}
	a, err := netip.ParseAddr(strings.Join(plain, "."))
	if err != nil {
		return netip.Addr{}
	}
	return a
}

// likeIproute2 reads an address in the same way as get_addr_ipv4 in iproute2's
// lib/utils.c: each part is one octet, and missing octets at the right are zero.
func likeIproute2(parts []string) (netip.Addr, bool) {
	var octets [4]byte
	for i, p := range parts {
		n, ok := cNumber(p)
		if !ok || n > 255 || i > 3 {
			return netip.Addr{}, false
		}
		octets[i] = byte(n)
	}
	return netip.AddrFrom4(octets), true
}

// likeInetAton reads an address in the same way as inet_aton(3): each part is one
// octet, and the last part fills the remaining octets.
func likeInetAton(parts []string) (netip.Addr, bool) {
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, p := range parts {
		bits := 8
		if i == len(parts)-1 {
			bits = 8 * (4 - i)
		}
		n, ok := cNumber(p)
		if !ok || n >= 1<<bits {
			return netip.Addr{}, false
		}
		sum = sum<<bits | n
	}
	var octets [4]byte
	binary.BigEndian.PutUint32(octets[:], uint32(sum))
	return netip.AddrFrom4(octets), true
}

// cNumber reads a number in the same way as strtoul(3) with base 0: 0x is
// hexadecimal, 0 is octal.
func cNumber(s string) (uint64, bool) {
	base := 10
	switch {
	case len(s) > 1 && strings.EqualFold(s[:2], "0x"):
		s, base = s[2:], 16
	case len(s) > 1 && s[0] == '0':
		base = 8
	}
	n, err := strconv.ParseUint(s, base, 64)
	return n, err == nil
}

// isNumber reports whether text is digits, or 0x and hexadecimal digits.
func isNumber(s string) bool { return s != "" && !strings.Contains(s, ".") && numeric(s) }

func isDecimal(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// parseMask reads a dotted netmask as a prefix length.
func parseMask(s string, mask netip.Addr, addr string) (int, *usageError) {
	b := mask.As4()
	m := binary.BigEndian.Uint32(b[:])
	if bits, ok := leadingOnes(m); ok {
		return bits, nil
	}
	if bits, ok := leadingOnes(^m); ok {
		err := usagef("%s: %s is a wildcard mask, as access lists have it; its netmask is /%d", iproute2.Quote(s), mask, bits)
		return 0, suggest(err, fmt.Sprintf("%s/%d", addr, bits))
	}
	return 0, usagef("%s: the mask %s is not contiguous, and no route can have it", iproute2.Quote(s), mask)
}

// leadingOnes counts the ones of a mask, if only zeros follow them.
func leadingOnes(m uint32) (int, bool) {
	for bits := range 33 {
		if m == ^uint32(0)<<(32-bits) {
			return bits, true
		}
	}
	return 0, false
}
