package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// parseIPv6 understands text with two colons or more, without brackets.
func parseIPv6(s string) (destination, *usageError) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return destination{}, ipv6Fault(s)
	}
	d, fault := fromAddr(s, a, 0)
	if fault != nil {
		return destination{}, fault
	}
	if host, port, ok := cutPort(s); ok && slices.Contains(portsOftenMeant(), port) {
		d.notes = append(d.notes, report.NewRemark(report.RemarkPortlike, port, host))
	}
	return d, nil
}

// portsOftenMeant are numbers that could be the last group of an address, but are
// more likely to be ports.
func portsOftenMeant() []string {
	return []string{
		"22", "25", "53", "80", "123", "143", "389", "443", "465", "587", "636", "853", "993", "995",
		"1194", "3000", "3306", "5000", "5432", "6379", "6443", "8000", "8080", "8443", "9000", "9090", "9100",
	}
}

// cutPort splits an address without brackets from the port that seems to
// follow it.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndex(s, ":")
	if i < 1 || s[i-1] == ':' || !isDecimal(s[i+1:]) {
		return "", "", false
	}
	a, err := netip.ParseAddr(s[:i])
	return s[:i], s[i+1:], err == nil && a.Is6()
}

// ipv6Fault says why text with colons is not an IPv6 address.
func ipv6Fault(s string) *usageError {
	if mac, err := net.ParseMAC(s); err == nil && len(mac) == 6 {
		return usagef("%s is a hardware address: routes are for IP addresses", iproute2.Quote(s))
	}
	addr, zone, hasZone := strings.Cut(s, "%")
	if hasZone && zone == "" {
		return suggest(usagef("%s has no device after the %%", iproute2.Quote(s)), addr)
	}
	if host, port, ok := cutPort(addr); ok {
		return suggest(usagef("%s is not an IPv6 address; with a port it needs brackets", iproute2.Quote(s)),
			"["+host+"]:"+port)
	}
	return usagef("%s is not an IPv6 address: %s", iproute2.Quote(s), groupFault(addr))
}

// groupFault finds the fault in the groups of something like an IPv6 address.
func groupFault(s string) string {
	if i := strings.IndexFunc(s, func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF:.", c) }); i >= 0 {
		return fmt.Sprintf("%q is no hexadecimal digit", s[i])
	}
	groups := strings.Split(s, ":")
	for _, g := range groups {
		if len(g) > 4 && !strings.Contains(g, ".") {
			return fmt.Sprintf("%s has more than 4 digits", unquoted(g))
		}
	}
	switch {
	case strings.Contains(s, ":::"):
		return "there are three colons in a row"
	case strings.Count(s, "::") > 1:
		return ":: can stand for zeros once only"
	case len(groups) > 8:
		return "it has more than 8 groups"
	case len(groups) < 8 && !strings.Contains(s, "::") && !strings.Contains(s, "."):
		return fmt.Sprintf("it has %d groups of 8, and no ::", len(groups))
	}
	return "its groups make no sense"
}
