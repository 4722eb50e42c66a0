package iproute2

import (
	"strconv"
	"strings"
)

// Protocols are the IP protocols that matter for routing, with the names of
// /etc/protocols and the names that people use. If several names have the same
// number, ip(8) prints the first.
func Protocols() []NamedNumber {
	return []NamedNumber{
		{"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"ipv6-icmp", 58}, {"icmpv6", 58},
		{"sctp", 132}, {"dccp", 33}, {"udplite", 136},
		{"esp", 50}, {"ah", 51}, {"gre", 47}, {"ipencap", 4}, {"ipip", 4}, {"ipv6", 41}, {"l2tp", 115},
		{"igmp", 2}, {"ospf", 89}, {"pim", 103}, {"vrrp", 112}, {"eigrp", 88}, {"rsvp", 46},
	}
}

// ProtoName is an IP protocol's name in rules and packets, or its number.
func ProtoName(n uint8) string {
	for _, known := range Protocols() {
		if known.Number == n {
			return known.Name
		}
	}
	return strconv.Itoa(int(n))
}

// Proto is an IP protocol by its name, in upper or lower case, or by its decimal
// number. False: there is no such protocol.
func Proto(s string) (uint8, bool) {
	for _, known := range Protocols() {
		if strings.EqualFold(known.Name, s) {
			return known.Number, true
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return uint8(n), err == nil
}
