package listen

import (
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
)

// Loopback is the address that stands for this host in the family of another.
func Loopback(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// Connects is the address that connect(2) and sendto(2) go to when they are
// given one: that of an IPv4-mapped address is the IPv4 address, and :: is ::1
// (tcp_v6_connect in net/ipv6/tcp_ipv6.c, udpv6_sendmsg in net/ipv6/udp.c).
// 0.0.0.0 stays: only the routing decision replaces it, because it depends on the
// source.
func Connects(dst netip.Addr) netip.Addr {
	if dst = dst.Unmap(); dst.Is6() && dst.IsUnspecified() {
		return netip.IPv6Loopback()
	}
	return dst
}

// Refuses is the error with which connect(2) refuses a destination that the
// decision about it lets out; zero: none. TCP connects to no group
// (tcp_v4_connect in net/ipv4/tcp_ipv4.c, tcp_v6_connect in
// net/ipv6/tcp_ipv6.c), and UDP to a broadcast address only where the program
// has set SO_BROADCAST (__ip4_datagram_connect in net/ipv4/datagram.c), which it
// is taken to have done.
func Refuses(flow *route.Flow, d *lookup.Decision) route.Errno {
	group := d.Disposition == lookup.DispositionMulticast || d.Disposition == lookup.DispositionBroadcast
	if flow.Proto == route.ProtoTCP && flow.In == 0 && group {
		return route.ENETUNREACH
	}
	return 0
}
