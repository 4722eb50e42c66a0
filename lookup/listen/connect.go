package listen

import (
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
)

// Loopback is the address that means this host, in the family of the given address.
func Loopback(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// Connects is the address that connect(2) and sendto(2) really use for a given one. An
// IPv4-mapped address becomes the IPv4 address, and :: becomes ::1
// (tcp_v6_connect in net/ipv6/tcp_ipv6.c, udpv6_sendmsg in net/ipv6/udp.c).
// 0.0.0.0 stays: only the routing decision replaces it, because what it becomes
// depends on the source.
func Connects(dst netip.Addr) netip.Addr {
	if dst = dst.Unmap(); dst.Is6() && dst.IsUnspecified() {
		return netip.IPv6Loopback()
	}
	return dst
}

// Refuses is the error with which connect(2) refuses a destination although there is a
// route to it; zero: it does not refuse. TCP does not connect to groups
// (tcp_v4_connect in net/ipv4/tcp_ipv4.c, tcp_v6_connect in
// net/ipv6/tcp_ipv6.c). UDP connects to a broadcast address only if the program
// has set SO_BROADCAST (__ip4_datagram_connect in net/ipv4/datagram.c); it is assumed
// that the program has done so.
func Refuses(flow *route.Flow, d *lookup.Decision) route.Errno {
	group := d.Disposition == lookup.DispositionMulticast || d.Disposition == lookup.DispositionBroadcast
	if flow.Proto == route.ProtoTCP && flow.In == 0 && group {
		return route.ENETUNREACH
	}
	return 0
}
