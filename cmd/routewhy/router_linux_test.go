package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// router is a command for scripts: it sends out of a device what a router at the
// other end of the link would send to a host.
//
//	router redirect OUT DEVICE ROUTER HOST DESTINATION GATEWAY
//	router toobig   OUT DEVICE ROUTER HOST DESTINATION MTU
//	router advert   OUT DEVICE ROUTER HOST NETWORK LIFETIME
//
// OUT is the device to send from, whose peer DEVICE is the host's. The router
// ROUTER tells HOST to send to DESTINATION by GATEWAY, or that packets to
// DESTINATION may have MTU bytes, or advertises itself for LIFETIME seconds, and the
// prefix NETWORK/64.
func router() {
	if len(os.Args) != 8 {
		fmt.Fprintln(os.Stderr, "usage: router redirect|toobig|advert OUT DEVICE ROUTER HOST DESTINATION GATEWAY|MTU|LIFETIME")
		os.Exit(2)
	}
	if err := sendAsRouter(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6], os.Args[7]); err != nil {
		fmt.Fprintln(os.Stderr, "router:", err)
		os.Exit(1)
	}
}

func sendAsRouter(kind, out, device, router, host, dst, what string) error {
	from, err := net.InterfaceByName(out)
	if err != nil {
		return err
	}
	to, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	src, err := netip.ParseAddr(router)
	if err != nil {
		return err
	}
	frame := append(append([]byte{}, to.HardwareAddr...), from.HardwareAddr...)
	packet := packet4
	if src.Is6() {
		packet = packet6
	}
	body, err := packet(kind, src, netip.MustParseAddr(host), netip.MustParseAddr(dst), what)
	if err != nil {
		return err
	}
	proto := uint16(unix.ETH_P_IP)
	if src.Is6() {
		proto = unix.ETH_P_IPV6
	}
	frame = append(binary.BigEndian.AppendUint16(frame, proto), body...)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: from.Index})
}

// packet4 is an ICMP message in an IPv4 packet (RFC 792).
func packet4(kind string, router, host, dst netip.Addr, what string) ([]byte, error) {
	message := []byte{5, 1, 0, 0} // redirect, for a host
	if kind == "redirect" {
		message = append(message, netip.MustParseAddr(what).AsSlice()...)
	} else {
		mtu, err := strconv.ParseUint(what, 0, 16)
		if err != nil {
			return nil, err
		}
		message = binary.BigEndian.AppendUint16([]byte{3, 4, 0, 0, 0, 0}, uint16(mtu))
	}
	message = append(message, header4(host, dst, make([]byte, 8))...)
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	return header4(router, host, message), nil
}

// header4 puts an IPv4 header before an ICMP message.
func header4(src, dst netip.Addr, message []byte) []byte {
	h := make([]byte, 20, 20+len(message))
	h[0], h[8], h[9] = 0x45, 64, unix.IPPROTO_ICMP
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(message)))
	copy(h[12:], src.AsSlice())
	copy(h[16:], dst.AsSlice())
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return append(h, message...)
}

// packet6 is an ICMPv6 message in an IPv6 packet (RFC 4861 sections 4.2 and 4.5, RFC
// 4443 section 3.2).
func packet6(kind string, router, host, dst netip.Addr, what string) ([]byte, error) {
	var message []byte
	switch kind {
	case "redirect":
		message = append([]byte{137, 0, 0, 0, 0, 0, 0, 0}, netip.MustParseAddr(what).AsSlice()...)
		message = append(message, dst.AsSlice()...)
	case "advert":
		lifetime, err := strconv.ParseUint(what, 0, 16)
		if err != nil {
			return nil, err
		}
		message = binary.BigEndian.AppendUint16([]byte{134, 0, 0, 0, 64, 0}, uint16(lifetime))
		message = append(message, make([]byte, 8)...)          // no timers
		message = append(message, 3, 4, 64, 0xc0)              // a prefix, on the link and for addresses
		message = binary.BigEndian.AppendUint32(message, 7200) // valid
		message = binary.BigEndian.AppendUint32(message, 3600) // preferred
		message = append(append(message, 0, 0, 0, 0), dst.AsSlice()...)
	default:
		mtu, err := strconv.ParseUint(what, 0, 32)
		if err != nil {
			return nil, err
		}
		message = binary.BigEndian.AppendUint32([]byte{2, 0, 0, 0}, uint32(mtu))
		message = append(message, header6(host, dst, make([]byte, 8))...)
	}
	pseudo := append(append([]byte{}, router.AsSlice()...), host.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(message)))
	pseudo = append(append(pseudo, 0, 0, 0, unix.IPPROTO_ICMPV6), message...)
	binary.BigEndian.PutUint16(message[2:], checksum(pseudo))
	return header6(router, host, message), nil
}

// header6 puts an IPv6 header before an ICMPv6 message.
func header6(src, dst netip.Addr, message []byte) []byte {
	h := binary.BigEndian.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(len(message)))
	h = append(append(append(h, unix.IPPROTO_ICMPV6, 255), src.AsSlice()...), dst.AsSlice()...)
	return append(h, message...)
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
