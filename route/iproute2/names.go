package iproute2

import (
	"strconv"
	"strings"
	"unicode"
)

// Safe makes a name fit for a terminal: what is not printable is shown as an
// escape such as \x1b, never sent.
func Safe(name string) string {
	if !strings.ContainsFunc(name, unprintable) {
		return name
	}
	q := strconv.QuoteToASCII(name)
	return q[1 : len(q)-1]
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }

// ProtoName is an IP protocol's name in rules and packets, or its number.
func ProtoName(n uint8) string {
	switch n {
	case 1:
		return "icmp"
	case 6:
		return "tcp"
	case 17:
		return "udp"
	case 33:
		return "dccp"
	case 47:
		return "gre"
	case 50:
		return "esp"
	case 51:
		return "ah"
	case 58:
		return "ipv6-icmp"
	case 132:
		return "sctp"
	case 136:
		return "udplite"
	}
	return strconv.Itoa(int(n))
}
