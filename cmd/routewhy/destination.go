package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// destination is one DESTINATION of the command line.
type destination struct {
	kind kind
	// addr is the address of kindAddress and kindZero, without a zone. An IPv4
	// address that was given mapped into IPv6 is an IPv4 address here.
	addr netip.Addr
	// zone is the device of a link-local address, a name or an index as it was
	// given; empty: none.
	zone string
	// prefix is that of kindPrefix; it is masked.
	prefix netip.Prefix
	// host is the name of kindHost. [resolve] keeps the name in the addresses that it
	// finds for it.
	host string
	// port is the port that was given; zero: none.
	port uint16
	// either says that this is one of the two prefixes that `default` means if no
	// family was given. At least one of the two has to be used.
	either bool
	// notes are what the user may not know about this spelling.
	notes []report.Finding
}

// kind says what a destination is.
type kind int

const (
	kindAddress kind = iota // one packet, or a connection if there is a port
	kindZero                // a bare 0.0.0.0 or ::
	kindPrefix              // a route entry
	kindDefault             // the default route of one family or both
	kindHost                // a name to resolve
)

// family is the family of the destination. It is zero if the destination may be of
// both families.
func (d destination) family() route.Family {
	if d.kind == kindPrefix {
		return route.FamilyOf(d.prefix.Addr())
	}
	return route.FamilyOf(d.addr)
}

// String is the simplest spelling that parseDestination understands as the same
// destination. It is safe to print.
func (d destination) String() string {
	switch d.kind {
	case kindPrefix:
		return d.prefix.String()
	case kindDefault:
		return "default"
	case kindHost:
		if d.port == 0 {
			return d.host
		}
		return d.host + ":" + strconv.Itoa(int(d.port))
	}
	addr := d.addr.WithZone(d.zone)
	if d.port == 0 {
		return addr.String()
	}
	return netip.AddrPortFrom(addr, d.port).String()
}

// parseDestination understands one DESTINATION. It accepts only text that has one
// possible meaning. Its error, a usage error, says what else the text could have
// meant.
func parseDestination(s string) (destination, error) {
	if err := textFault(s); err != nil {
		return destination{}, err
	}
	d, err := parseText(s)
	if err != nil {
		return destination{}, err
	}
	return d, nil
}

// parseText finds the kind of a destination by its punctuation.
func parseText(s string) (destination, *usageError) {
	switch addrPart, _, _ := strings.Cut(s, "%"); {
	case s == "default":
		return destination{kind: kindDefault}, nil
	case strings.Contains(s, "/"):
		return parsePrefix(s)
	case s[0] == '[':
		return parseBracketed(s)
	case strings.Count(addrPart, ":") > 1:
		return parseIPv6(s)
	case strings.Contains(s, "%"):
		return destination{}, usagef("%s: only a link-local IPv6 address has a zone", iproute2.Quote(s))
	case strings.Contains(s, ":"):
		return parseHostPort(s)
	}
	return parseHost(s, "")
}

// textFault finds what no kind of destination may have.
func textFault(s string) *usageError {
	switch {
	case s == "":
		return usagef("empty DESTINATION")
	case strings.TrimSpace(s) != s:
		return suggest(usagef("%s starts or ends with white space", iproute2.Quote(s)), strings.TrimSpace(s))
	case strings.ContainsAny(s, " \t\n\v\f\r,;"):
		list := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \t\n\v\f\r,;", r) })
		return suggest(usagef("%s is more than one word: give each DESTINATION as an argument of its own", iproute2.Quote(s)), list...)
	}
	for _, r := range s {
		switch {
		case r > '~':
			return usagef("%s is not plain ASCII: such a host name is written in its xn-- form", iproute2.Quote(s))
		case r < ' ':
			return usagef("%s has a control character", iproute2.Quote(s))
		}
	}
	if strings.Contains(s, "://") {
		return urlFault(s)
	}
	if i := strings.LastIndex(s, "@"); i >= 0 && strings.Count(s[:i], ":") > 1 {
		return suggest(usagef("%s has an @; before a device stands %%", iproute2.Quote(s)), s[:i]+"%"+s[i+1:])
	} else if i >= 0 {
		return suggest(usagef("%s has an @, which no DESTINATION has", iproute2.Quote(s)), s[i+1:])
	}
	return nil
}

// urlFault refuses a URL and names the connection that its user would make.
func urlFault(s string) *usageError {
	scheme, rest, _ := strings.Cut(s, "://")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndex(rest, "@")+1:]
	err := usagef("%s is a URL, not a DESTINATION", iproute2.Quote(s))
	port := map[string]string{"http": "80", "https": "443", "ssh": "22", "ftp": "21"}[strings.ToLower(scheme)]
	if d, bad := parseDestination(rest); bad == nil && d.port == 0 && port != "" {
		withPort := rest + ":" + port
		if d.family() == route.IPv6 && rest[0] != '[' {
			withPort = "[" + rest + "]:" + port
		}
		return suggest(err, withPort)
	}
	return suggest(err, rest)
}

// suggest adds the command with other destinations as a hint, if such a command would
// be understood. A suggestion must be shorter than what is refused, or be made from
// an address that was understood already; otherwise the suggestions would never end.
func suggest(err *usageError, destinations ...string) *usageError {
	for _, s := range destinations {
		if _, bad := parseDestination(s); bad != nil {
			return err
		}
	}
	if len(destinations) == 0 {
		return err
	}
	return err.hint("routewhy %s", strings.Join(destinations, " "))
}

// parseBracketed understands [ADDRESS] and [ADDRESS]:PORT.
func parseBracketed(s string) (destination, *usageError) {
	inner, rest, closed := strings.Cut(s[1:], "]")
	if !closed {
		return destination{}, usagef("%s has no closing bracket", iproute2.Quote(s))
	}
	a, err := netip.ParseAddr(inner)
	if err != nil {
		if strings.Contains(inner, ":") {
			return destination{}, ipv6Fault(inner)
		}
		return destination{}, suggest(usagef("%s: brackets are for an address", iproute2.Quote(s)), inner+rest)
	}
	if rest == "" {
		return fromAddr(s, a, 0)
	}
	text, ok := strings.CutPrefix(rest, ":")
	if !ok {
		return destination{}, usagef("%s: only :PORT can follow the bracket", iproute2.Quote(s))
	}
	port, fault := parsePort(s, text)
	if n := serviceNamed(text); n != 0 {
		return destination{}, suggest(fault, "["+inner+"]:"+strconv.Itoa(n))
	}
	if fault != nil {
		return destination{}, suggest(fault, inner)
	}
	return fromAddr(s, a, port)
}

// parseHostPort understands text with one colon.
func parseHostPort(s string) (destination, *usageError) {
	host, text, _ := strings.Cut(s, ":")
	if host == "" {
		return destination{}, usagef("%s has no address before the port", iproute2.Quote(s))
	}
	port, fault := parsePort(s, text)
	if n := serviceNamed(text); n != 0 {
		return destination{}, suggest(fault, host+":"+strconv.Itoa(n))
	}
	if fault != nil {
		if _, err := netip.ParseAddr(s + "::"); err == nil {
			return destination{}, suggest(fault, s+"::")
		}
		return destination{}, suggest(fault, host)
	}
	d, fault := parseHost(host, ":"+text)
	if fault != nil {
		return destination{}, fault
	}
	d.port = port
	if d.kind == kindZero {
		d.kind = kindAddress
	}
	return d, nil
}

// serviceNamed is the TCP port of a service by its name. It is zero if there is no such
// service, or if the name is already a number.
func serviceNamed(name string) int {
	if name == "" || strings.Trim(name, "0123456789") == "" {
		return 0
	}
	n, err := net.LookupPort("tcp", strings.ToLower(name))
	if err != nil {
		return 0
	}
	return n
}

// parsePort reads the port text of the destination s.
func parsePort(s, text string) (uint16, *usageError) {
	if text == "" {
		return 0, usagef("%s has no port after the colon", iproute2.Quote(s))
	}
	if strings.Trim(text, "0123456789") != "" {
		return 0, usagef("%s: %s is not a port number (1 to 65535)", iproute2.Quote(s), iproute2.Quote(text))
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, usagef("%s: a port is 1 to 65535, not %s", iproute2.Quote(s), unquoted(text))
	}
	return uint16(n), nil
}

// parseHost understands text without a colon: an IPv4 address or a host name. The
// tail is what follows this text in the destination.
func parseHost(s, tail string) (destination, *usageError) {
	if a, err := netip.ParseAddr(s); err == nil {
		return fromAddr(s, a, 0)
	}
	if numeric(s) {
		return destination{}, ipv4Fault(s, tail)
	}
	if fault := hostFault(s); fault != "" {
		return destination{}, usagef("%s is not a host name: %s", iproute2.Quote(s), fault)
	}
	return destination{kind: kindHost, host: s}, nil
}

// hostFault says why a text cannot be a host name; it is empty if it can. The rules
// are those of RFC 1123 section 2.1, and underscores, which people use, are allowed
// too.
func hostFault(s string) string {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return "it is longer than 253 characters"
	}
	for label := range strings.SplitSeq(s, ".") {
		switch {
		case label == "":
			return "a part between the dots is empty"
		case len(label) > 63:
			return "a part between the dots is longer than 63 characters"
		case label[0] == '-' || label[len(label)-1] == '-':
			return "a part starts or ends with a hyphen"
		}
		for _, c := range label {
			if c != '-' && c != '_' && !isAlphanumeric(c) {
				return fmt.Sprintf("it has a %q", c)
			}
		}
	}
	return ""
}

func isAlphanumeric(c rune) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// fromAddr is the destination of an address that was written as s.
func fromAddr(s string, a netip.Addr, port uint16) (destination, *usageError) {
	zone := a.Zone()
	d := destination{addr: a.WithZone(""), zone: zone, port: port}
	if d.addr.Is4In6() {
		d.addr = d.addr.Unmap()
		d.notes = append(d.notes, report.NewRemark(report.RemarkMapped, "", d.addr.String()))
	}
	if zone != "" {
		if fault := zoneFault(s, d); fault != nil {
			return destination{}, fault
		}
	}
	if d.addr.IsUnspecified() && port == 0 {
		d.kind = kindZero
	}
	return d, nil
}

// zoneFault refuses a zone if the kernel would not look at it, and a zone that cannot
// be a device.
func zoneFault(s string, d destination) *usageError {
	local := d.addr.IsLinkLocalUnicast() || d.addr.IsLinkLocalMulticast() || d.addr.IsInterfaceLocalMulticast()
	if !d.addr.Is6() || !local {
		err := usagef("%s: only a link-local IPv6 address has a zone", iproute2.Quote(s))
		if validDevice(d.zone) {
			err.hint("routewhy %s --oif %s asks for a socket bound to that device",
				destination{addr: d.addr, port: d.port}, d.zone)
		}
		return err
	}
	if validDevice(d.zone) {
		return nil
	}
	err := usagef("%s: %s cannot be a device name", iproute2.Quote(s), iproute2.Quote(d.zone))
	if dev, port, ok := strings.Cut(d.zone, ":"); ok && d.port == 0 {
		return suggest(err, fmt.Sprintf("[%s%%%s]:%s", d.addr, dev, port))
	}
	return err
}
