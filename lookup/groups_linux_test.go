package lookup_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/routetest"
)

// TestGroups sends packets for IPv4 groups to a device from the other end of its cable, and
// compares which of them a socket for all addresses gets with what is decided. Where a
// group is wanted from some sources alone, nothing is decided.
func TestGroups(t *testing.T) {
	ns := routetest.New(t)
	ns.Run(t, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0", "ip link set lo up",
		"ip link add v0 type veth peer name p0", "ip link add w0 type veth peer name q0",
		"ip link set v0 up", "ip link set p0 up", "ip link set w0 up", "ip link set q0 up",
		"ip addr add 10.0.0.1/24 dev v0", "ip addr add 10.0.1.1/24 dev w0",
		"ip addr add 239.1.1.1/32 dev v0 autojoin", "ip addr add 224.0.0.9/32 dev v0 autojoin", "ip addr add 239.1.1.2/32 dev w0 autojoin")
	ns.Settle()
	v0, _ := ns.Index("v0")
	p0, _ := ns.Index("p0")
	h := open(t, ns)
	var got, wire int
	ns.Do(func() {
		got, wire = receiver(t), sender(t, p0)
		picky := udpSocket(t)
		wantFrom(t, picky, "232.1.1.1", "10.0.0.1", "10.0.0.9")
	})
	for _, filter := range []string{"0", "1"} {
		if err := ns.Sysctl("net/ipv4/conf/v0/rp_filter", filter); err != nil {
			t.Fatal(err)
		}
		f := h.fib(t)
		taken := 0
		for _, dst := range []string{"239.1.1.1", "224.0.0.9", "239.1.1.2", "224.0.0.1", "224.0.0.5", "239.9.9.9", "232.1.1.1"} {
			for _, src := range []string{"10.0.0.9", "10.0.1.9", "10.0.0.1", "8.8.8.8", "0.0.0.0", "127.0.0.1", "224.0.0.7", "255.255.255.255"} {
				flow := route.Flow{Dst: netip.MustParseAddr(dst), Src: netip.MustParseAddr(src), In: v0, Proto: route.ProtoUDP, SrcPort: 7, DstPort: groupPort}
				d := f.Lookup(flow)
				var arrived bool
				ns.Do(func() { arrived = arrives(t, wire, got, &flow) })
				if d.Disposition == lookup.DispositionUnknown && dst == "232.1.1.1" {
					continue
				}
				if arrived {
					taken++
				}
				if want := d.Disposition == lookup.DispositionMulticast; arrived != want {
					t.Errorf("rp_filter %s, %s from %s: arrived %v\n%s", filter, dst, src, arrived, describe(f, &d))
				}
			}
		}
		if taken < 5 {
			t.Errorf("only %d packets arrived", taken)
		}
	}
}

const groupPort = 7777

// TestGroups6 does the same for groups of IPv6.
func TestGroups6(t *testing.T) {
	ns := routetest.New(t)
	ns.Run(t, "ip link set lo up", "ip link add v0 type veth peer name p0", "ip link set v0 up", "ip link set p0 up",
		"ip addr add 2001:db8::1/64 dev v0 nodad", "ip addr add ff05::fb/128 dev v0 autojoin", "ip addr add ff02::fb/128 dev p0 autojoin")
	ns.Settle()
	v0, _ := ns.Index("v0")
	p0, _ := ns.Index("p0")
	f := open(t, ns).fib(t)
	var got, wire int
	ns.Do(func() { got, wire = receiver6(t), sender(t, p0) })
	for dst, want := range map[string]bool{
		"ff05::fb": true, "ff02::1": true, "ff02::1:ff00:1": true, "ff02::1:ff00:2": false, "ff02::fb": false, "ff05::fc": false, "ff0e::1": false,
		"ff01::1": false, "ff00::1": false,
	} {
		flow := route.Flow{Dst: netip.MustParseAddr(dst), Src: netip.MustParseAddr("2001:db8::9"), In: v0, Proto: route.ProtoUDP, SrcPort: 7, DstPort: groupPort}
		var arrived bool
		ns.Do(func() { arrived = arrives(t, wire, got, &flow) })
		if d := f.Lookup(flow); arrived != want || want != (d.Disposition == lookup.DispositionMulticast) || !want && d.Disposition != lookup.DispositionInvalid {
			t.Errorf("%s: arrived %v\n%s", dst, arrived, describe(f, &d))
		}
	}
}

// receiver6 is a socket that gets what this host takes for any group of IPv6.
func receiver6(t *testing.T) int {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet6{Port: groupPort}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func udpSocket(t *testing.T) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// receiver is a socket that gets what this host takes for any group.
func receiver(t *testing.T) int {
	fd := udpSocket(t)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: groupPort}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// wantFrom joins a group, on the device of an address, for packets from a source alone.
func wantFrom(t *testing.T, fd int, group, device, source string) {
	var b []byte // struct ip_mreq_source
	for _, a := range []string{group, device, source} {
		b = append(b, netip.MustParseAddr(a).AsSlice()...)
	}
	if err := unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_ADD_SOURCE_MEMBERSHIP, string(b)); err != nil {
		t.Fatal(err)
	}
}

// sender is a socket that puts frames on the cable.
func sender(t *testing.T, link int) int {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: link})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// arrives sends a packet, then one that is taken for sure, and reports whether the first
// came before it.
func arrives(t *testing.T, wire, socket int, flow *route.Flow) bool {
	sure := route.Flow{Dst: netip.MustParseAddr("224.0.0.1"), Src: netip.MustParseAddr("10.0.0.99")}
	if flow.Dst.Is6() {
		sure = route.Flow{Dst: netip.MustParseAddr("ff02::1"), Src: netip.MustParseAddr("2001:db8::99")}
	}
	for i, f := range []*route.Flow{flow, &sure} {
		if _, err := unix.Write(wire, groupFrame(f, byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	first := false
	b := make([]byte, 16)
	for range 1000 {
		n, _, err := unix.Recvfrom(socket, b, 0)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			time.Sleep(10 * time.Millisecond)
		case err != nil:
			t.Fatal(err)
		case n == 1 && b[0] == 1:
			return first
		default:
			first = true
		}
	}
	t.Fatal("the packet for all hosts did not come")
	return false
}

// groupFrame is an Ethernet frame with a UDP packet of one byte.
func groupFrame(f *route.Flow, what byte) []byte {
	if f.Dst.Is6() {
		return groupFrame6(f, what)
	}
	dst := f.Dst.As4()
	b := []byte{0x01, 0x00, 0x5e, dst[1] & 0x7f, dst[2], dst[3], 2, 0, 0, 0, 0, 1, 0x08, 0x00}
	ip := []byte{0x45, 0, 0, 29, 0, 0, 0, 0, 1, unix.IPPROTO_UDP, 0, 0}
	ip = append(append(ip, f.Src.AsSlice()...), dst[:]...)
	sum := uint32(0)
	for i := 0; i < len(ip); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(ip[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(ip[10:], ^uint16(sum))
	b = append(b, ip...)
	b = binary.BigEndian.AppendUint16(b, 7)
	b = binary.BigEndian.AppendUint16(b, groupPort)
	return append(b, 0, 9, 0, 0, what) // no checksum
}

func groupFrame6(f *route.Flow, what byte) []byte {
	dst := f.Dst.As16()
	udp := binary.BigEndian.AppendUint16([]byte{0, 7}, groupPort)
	udp = append(udp, 0, 9, 0, 0, what)
	addrs := append(f.Src.AsSlice(), dst[:]...)
	sum := uint32(len(udp) + unix.IPPROTO_UDP)
	for part := append(append(addrs[:32:32], udp...), 0); len(part) > 0; part = part[2:] {
		sum += uint32(binary.BigEndian.Uint16(part))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(udp[6:], ^uint16(sum))
	b := []byte{0x33, 0x33, dst[12], dst[13], dst[14], dst[15], 2, 0, 0, 0, 0, 1, 0x86, 0xdd}
	b = append(b, 0x60, 0, 0, 0, 0, byte(len(udp)), unix.IPPROTO_UDP, 255)
	return append(append(b, addrs...), udp...)
}
