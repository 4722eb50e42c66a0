package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// parsePrefix understands text with a slash: ADDRESS/LENGTH, or ADDRESS/MASK for
// IPv4.
func parsePrefix(s string) (destination, *usageError) {
	text, length, _ := strings.Cut(s, "/")
	a, err := netip.ParseAddr(text)
	if err != nil {
		return destination{}, prefixAddrFault(s, text, length)
	}
	if a.Zone() != "" {
		return destination{}, suggest(usagef("%s: a prefix has no zone", iproute2.Quote(s)), a.WithZone("").String()+"/"+length)
	}
	bits, fault := parseLength(s, a, length)
	if fault != nil {
		return destination{}, fault
	}
	p := netip.PrefixFrom(a, bits)
	if p != p.Masked() {
		return destination{}, hostBitsFault(s, p)
	}
	return destination{kind: kindPrefix, prefix: p}, nil
}

// parseLength reads what follows the slash.
func parseLength(s string, a netip.Addr, text string) (int, *usageError) {
	if text == "" {
		return 0, suggest(usagef("%s has no prefix length after the slash", iproute2.Quote(s)), a.String())
	}
	if mask, err := netip.ParseAddr(text); err == nil && mask.Is4() && a.Is4() {
		return parseMask(s, mask, a.String())
	}
	if !isDecimal(text) {
		return 0, suggest(usagef("%s: %s is not a prefix length", iproute2.Quote(s), iproute2.Quote(text)), a.String())
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > a.BitLen() {
		fault := usagef("%s: an %s prefix length is 0 to %d, not %s", iproute2.Quote(s), route.FamilyOf(a), a.BitLen(), unquoted(text))
		return 0, suggest(fault, a.String())
	}
	if text != strconv.Itoa(n) {
		return 0, suggest(usagef("%s: the prefix length has a leading zero", iproute2.Quote(s)), fmt.Sprintf("%s/%d", a, n))
	}
	return n, nil
}

// hostBitsFault refuses a prefix that has bits set after its length, as the kernel
// does, and names the prefix that was probably meant.
func hostBitsFault(s string, p netip.Prefix) *usageError {
	err := usagef("%s has host bits set below /%d: as a prefix it is %s", iproute2.Quote(s), p.Bits(), p.Masked())
	err.hint("routewhy %s explains that prefix", p.Masked())
	if natural := naturalPrefix(p.Addr()); natural.IsValid() && natural.Bits() > p.Bits() {
		err.hint("routewhy %s explains the prefix that has these bits", natural)
	}
	return err.hint("routewhy %s explains the address", p.Addr())
}

// naturalPrefix is the IPv4 prefix that a network address without a length suggests:
// the octets before the zeros at the end. The zero Prefix means that the address
// suggests no prefix. 128.0.0.0 suggests the upper half of all addresses.
func naturalPrefix(a netip.Addr) netip.Prefix {
	if !a.Is4() {
		return netip.Prefix{}
	}
	octets := a.As4()
	if octets == [4]byte{128} {
		return netip.PrefixFrom(a, 1)
	}
	for bits := 8; bits < 32; bits += 8 {
		if p := netip.PrefixFrom(a, bits); p == p.Masked() {
			return p
		}
	}
	return netip.Prefix{}
}

// portAndProtocol is an error for an address with a port and a protocol, as other
// programs write it: 192.0.2.1:53/udp. It is nil if the text is not like that.
func portAndProtocol(s, text, proto string) *usageError {
	if !slices.Contains([]string{"tcp", "udp", "sctp", "dccp"}, proto) {
		return nil
	}
	if d, err := parseDestination(text); err != nil || d.port == 0 {
		return nil
	}
	hint := "routewhy " + text
	if proto != "tcp" {
		hint += " --ipproto " + proto
	}
	return usagef("%s: --ipproto names the protocol, which is TCP where there is a port", iproute2.Quote(s)).hint("%s", hint)
}

// prefixAddrFault says why the text before the slash is not an address.
func prefixAddrFault(s, text, length string) *usageError {
	if err := portAndProtocol(s, text, length); err != nil {
		return err
	}
	switch {
	case text == "":
		return usagef("%s has no address before the slash", iproute2.Quote(s))
	case text == "default":
		return usagef("%s: default has no length", iproute2.Quote(s)).hint("routewhy default")
	case numeric(text):
		return numericPrefixFault(s, text, length)
	case text[0] == '[':
		return suggest(usagef("%s: a prefix has no brackets", iproute2.Quote(s)), strings.Trim(text, "[]")+"/"+length)
	}
	if _, err := netip.ParseAddr(text + "::"); err == nil {
		return suggest(usagef("%s: the address is not complete", iproute2.Quote(s)), text+"::/"+length)
	}
	if host, port, ok := strings.Cut(text, ":"); ok && isDecimal(port) {
		return suggest(usagef("%s: a prefix has no port", iproute2.Quote(s)), host+"/"+length)
	}
	if strings.Contains(text, ":") {
		return ipv6Fault(text)
	}
	return suggest(usagef("%s: only an address has a prefix length, and a host name has no path", iproute2.Quote(s)), text)
}

// numericPrefixFault is for an IPv4 address that is not in full dotted decimal.
func numericPrefixFault(s, text, length string) *usageError {
	parts := strings.Split(text, ".")
	a, ok := likeIproute2(parts)
	bits, err := strconv.Atoi(length)
	if !ok || err != nil || bits < 0 || bits > 32 || len(parts) == 4 {
		return ipv4Fault(text, "/"+length)
	}
	p := netip.PrefixFrom(a, bits)
	fault := usagef("%s is abbreviated: iproute2 makes %s of it", iproute2.Quote(s), p)
	return suggest(fault, p.Masked().String())
}
