package listen

import "net/netip"

// Connects is the address that connect(2) and sendto(2) go to when they are
// given one: that of an IPv4-mapped address is the IPv4 address, and :: is ::1
// (tcp_v6_connect in net/ipv6/tcp_ipv6.c, udpv6_sendmsg in net/ipv6/udp.c).
// 0.0.0.0 stays: only the routing decision replaces it, for it depends on the
// source.
func Connects(dst netip.Addr) netip.Addr {
	if dst = dst.Unmap(); dst.Is6() && dst.IsUnspecified() {
		return netip.IPv6Loopback()
	}
	return dst
}
