package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

// lab is a host with several uplinks. At the other end of each uplink there is a
// router, which is the neighbour on that LAN. The router also has the addresses of
// remote clients.
type lab struct {
	*routetest.Namespace
	t    *testing.T
	live *kernel.Host
	fib  *lookup.FIB
	lans []*lan
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func protoName(proto uint8) string { return (&route.Socket{Proto: proto}).ProtoName() }

func socketType(proto uint8) int {
	if proto == route.ProtoTCP {
		return unix.SOCK_STREAM
	}
	return unix.SOCK_DGRAM
}

// lan is what is at the other end of an uplink.
type lan struct {
	ns     *routetest.Namespace
	uplink int  // its index on the host
	tun    bool // frames have no link-layer header
	tap    int  // a socket that gets every frame from there
	// clients are the addresses there that can be the source of a connection.
	clients []netip.Addr
	zone    uint32 // the router's device
}

// farEnd are the commands that make the other end of an uplink. The router sends to
// the host whatever the host's addresses are, and whatever the host answers. Without a MAC
// address of the host, the link has none.
func farEnd(i int, mac string, clients []string) []string {
	out := []string{
		"sysctl -qw net.ipv4.conf.all.rp_filter=0", "sysctl -qw net.ipv4.conf.all.arp_ignore=1", "sysctl -qw net.ipv4.conf.all.route_localnet=1",
		"sysctl -qw net.ipv4.conf.all.accept_local=1", "sysctl -qw net.ipv6.conf.all.accept_dad=0",
		fmt.Sprintf("ip link set r%d up", i), "ip link add stub type veth peer name stab", "ip link set stub up", "ip link set stab up",
	}
	out = append(out, fmt.Sprintf("ip addr add 10.%d.0.78/32 dev r%d", i, i)) // another gateway
	for _, c := range clients {
		dev, bits := fmt.Sprintf("r%d", i), "/32"
		a := netip.MustParseAddr(c)
		if a.Is6() {
			bits = "/128 nodad"
		}
		if a.Is6() && a.IsLinkLocalUnicast() {
			bits = "/64 nodad"
		}
		if remote(a) {
			dev = "stub"
		}
		out = append(out, "ip addr add "+c+bits+" dev "+dev)
	}
	if mac == "" {
		return append(out, fmt.Sprintf("ip route add default dev r%d", i), fmt.Sprintf("ip -6 route add default dev r%d", i))
	}
	return append(out,
		fmt.Sprintf("ip neigh add 10.99.99.99 lladdr %s nud permanent dev r%d", mac, i), fmt.Sprintf("ip neigh add fe80::99 lladdr %s nud permanent dev r%d", mac, i),
		fmt.Sprintf("ip route add default via 10.99.99.99 dev r%d onlink", i), fmt.Sprintf("ip -6 route add default via fe80::99 dev r%d", i),
		fmt.Sprintf("ip neigh add fe80::2 lladdr %s nud permanent dev r%d", mac, i),
	)
}

// remote reports whether a client is behind the router, and not a neighbour.
func remote(a netip.Addr) bool {
	for _, p := range []string{"10.77.0.0/16", "198.18.0.0/15", "8.8.0.0/16", "172.20.0.0/16", "240.0.0.0/4", "2001:db8:7700::/40", "2600::/16", "fd77::/16"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return true
		}
	}
	return false
}

// newLab makes a host by commands; clients are the addresses at the other end of each
// uplink, which are called e0, e1 and so on, and kinds what these are: veth, tun, or macvlan,
// bridge or bond above a veth.
func newLab(t *testing.T, clients [][]string, kinds, commands []string) *lab {
	l := &lab{Namespace: routetest.New(t), t: t}
	l.Run(t, "sysctl -qw net.ipv6.conf.all.accept_dad=0", "sysctl -qw net.ipv6.conf.default.accept_dad=0", "ip link set lo up")
	for i, far := range clients {
		one := &lan{ns: routetest.New(t), tun: kinds[i] == "tun"}
		mac := fmt.Sprintf("02:00:00:00:00:%02x", i+1)
		one.ns.Run(t, "sysctl -qw net.ipv6.conf.default.accept_dad=0")
		if one.tun {
			mac = ""
			l.tun(one, i)
		}
		l.Run(t, uplinkOf(kinds[i], i, mac, one.ns.Thread())...)
		one.ns.Run(t, farEnd(i, mac, far)...)
		for _, c := range far {
			one.clients = append(one.clients, netip.MustParseAddr(c))
		}
		l.lans = append(l.lans, one)
	}
	for _, r := range l.Batch(commands).Refused {
		t.Logf("%s: %s", r.Command, r.Why)
	}
	for i, one := range l.lans {
		one.uplink, _ = l.Index(fmt.Sprintf("e%d", i))
		r, _ := one.ns.Index(fmt.Sprintf("r%d", i))
		one.zone = uint32(r)
		one.ns.Settle()
		one.ns.Do(func() { one.tap = routetest.Tap(t, r) })
	}
	l.Do(func() {
		var err error
		l.live, err = kernel.Open("")
		l.must(err)
		t.Cleanup(func() { l.live.Close() })
	})
	return l
}

// uplinkOf are the commands that make an uplink of the host; far is a thread in the namespace
// at its other end.
func uplinkOf(kind string, i int, mac string, far int) []string {
	veth := func(name string) string {
		return fmt.Sprintf("ip link add %s type veth peer name r%d netns %d", name, i, far)
	}
	lower := []string{veth(fmt.Sprintf("v%d", i)), fmt.Sprintf("sysctl -qw net.ipv6.conf.v%d.addr_gen_mode=1", i)}
	port := append(slices.Clone(lower), fmt.Sprintf("ip link set v%d master e%d", i, i), fmt.Sprintf("ip link set v%d up", i))
	up := []string{fmt.Sprintf("sysctl -qw net.ipv6.conf.e%d.addr_gen_mode=1", i), fmt.Sprintf("ip link set e%d up", i)}
	switch kind {
	case "macvlan":
		return append(append(lower, fmt.Sprintf("ip link set v%d up", i), fmt.Sprintf("ip link add e%d link v%d address %s type macvlan mode bridge", i, i, mac)), up...)
	case "bridge":
		return append(append([]string{fmt.Sprintf("ip link add e%d address %s type bridge forward_delay 0", i, mac)}, port...), up...)
	case "bond":
		return append(append([]string{fmt.Sprintf("ip link add e%d address %s type bond mode active-backup miimon 10", i, mac)}, port...), up...)
	case "tun":
		return up
	}
	return append([]string{veth(fmt.Sprintf("e%d address %s", i, mac))}, up...)
}

// tun makes an uplink and its other end from two tun devices, and carries the packets.
func (l *lab) tun(one *lan, i int) {
	open := func(name string) *os.File {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		l.must(err)
		req, err := unix.NewIfreq(name)
		l.must(err)
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		l.must(unix.IoctlIfreq(fd, unix.TUNSETIFF, req))
		f := os.NewFile(uintptr(fd), name)
		l.t.Cleanup(func() { _ = f.Close() })
		return f
	}
	var near, far *os.File
	l.Do(func() { near = open(fmt.Sprintf("e%d", i)) })
	one.ns.Do(func() { far = open(fmt.Sprintf("r%d", i)) })
	carry := func(from, to *os.File) {
		var packet [2048]byte
		for {
			n, err := from.Read(packet[:])
			if err != nil {
				return // it was closed
			}
			_, _ = to.Write(packet[:n]) // a device that is down loses it
		}
	}
	go carry(near, far)
	go carry(far, near)
}

// withHeader puts a link-layer header before a packet.
func withHeader(packet []byte) []byte {
	header := make([]byte, 14)
	proto := uint16(unix.ETH_P_IP)
	if len(packet) > 0 && packet[0]>>4 == 6 {
		proto = unix.ETH_P_IPV6
	}
	binary.BigEndian.PutUint16(header[12:], proto)
	return append(header, packet...)
}

// read reads the host's state.
func (l *lab) read() *route.Snapshot {
	var s *route.Snapshot
	l.Do(func() {
		var err error
		s, err = l.live.Read(l.t.Context(), route.Query{AllDevices: true, Sockets: route.Listening})
		l.must(err)
		l.fib = lookup.New(s)
	})
	return s
}

// bindSpec is one socket to open.
type bindSpec struct {
	addr   netip.Addr
	v6only bool
	dev    string
	zone   uint32
	proto  uint8
	port   int
	join   string // the device that joins the group that it is bound to; empty: none does
}

// isGroup reports whether it is bound to a group or a broadcast address.
func (b bindSpec) isGroup() bool {
	return b.addr.IsMulticast() || b.addr.Is4() && b.addr.As4()[3] == 255
}

func (b bindSpec) String() string {
	s := b.addr.String()
	if b.v6only {
		s += " v6only"
	}
	if b.dev != "" {
		s += "%" + b.dev
	}
	return fmt.Sprintf("%s %s:%d", protoName(b.proto), s, b.port)
}

// open opens a listening socket; -1: the kernel refuses it.
func (l *lab) open(b bindSpec) int {
	family, sa := sockaddrAt(b.addr, b.port, b.zone)
	fd, err := unix.Socket(family, socketType(b.proto)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	l.must(err)
	if family == unix.AF_INET6 {
		only := 0
		if b.v6only {
			only = 1
		}
		l.must(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only))
		l.must(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
	} else {
		l.must(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
	}
	if b.dev != "" {
		if err := unix.BindToDevice(fd, b.dev); err != nil { // there is none of that name
			_ = unix.Close(fd)
			return -1
		}
	}
	if b.join != "" {
		index, _ := l.Index(b.join)
		l.must(unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: b.addr.As4(), Ifindex: int32(index)}))
	}
	if err = unix.Bind(fd, sa); err == nil && b.proto == route.ProtoTCP {
		err = unix.Listen(fd, 128)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1
	}
	l.t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func sockaddrAt(a netip.Addr, port int, zone uint32) (int, unix.Sockaddr) {
	if a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: a.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: a.As16(), ZoneId: zone}
}

// conn is one connection that is tried.
type conn struct {
	lan      int // -1: from the host itself
	src, dst netip.Addr
	server   int // the place of the socket that it is meant for
	spec     bindSpec
	fd       int
	port     uint16 // the client's
	// What happened:
	connected bool
	received  bool  // UDP: the server got the datagram
	answers   []int // the devices of the host by which answers were seen to leave
	// plain are the sources of answers that the server sent without giving a source.
	// refused is what sendto(2) said about them.
	plain   []netip.Addr
	refused error
}

func (c *conn) String() string {
	return fmt.Sprintf("%s from %s (lan %d) to %s", c.spec, c.src, c.lan, c.dst)
}

// dial begins a connection, in the client's namespace.
func (l *lab) dial(c *conn, zone uint32) {
	bound := uint32(0)
	if c.src.Is6() && c.src.IsLinkLocalUnicast() || c.dst.Is6() && c.dst.IsLinkLocalUnicast() {
		bound = zone
	}
	family, to := sockaddrAt(c.dst, c.spec.port, bound)
	fd, err := unix.Socket(family, socketType(c.spec.proto)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	l.must(err)
	c.fd = fd
	l.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
	if c.dst.Is4() && c.dst.IsMulticast() {
		l.must(unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(zone)}))
	}
	if c.src.IsValid() {
		_, from := sockaddrAt(c.src, 0, bound)
		if err := unix.Bind(fd, from); err != nil {
			l.t.Fatalf("%s: bind: %v", c, err)
		}
	}
	err = unix.Connect(fd, to)
	if c.spec.proto == route.ProtoUDP && err == nil {
		_, err = unix.Write(fd, []byte("question"))
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		if c.lan >= 0 {
			l.t.Fatalf("%s: connect: %v", c, err)
		}
		return
	}
	name, err := unix.Getsockname(fd)
	l.must(err)
	switch n := name.(type) {
	case *unix.SockaddrInet4:
		c.port, c.src = uint16(n.Port), netip.AddrFrom4(n.Addr)
	case *unix.SockaddrInet6:
		c.port, c.src = uint16(n.Port), netip.AddrFrom16(n.Addr)
	}
}

// try makes all connections at once, and waits until everything that can happen has
// happened.
func (l *lab) try(conns []*conn, servers []int) {
	begin := time.Now()
	for i := range l.lans {
		l.lans[i].ns.Do(func() {
			for _, c := range conns {
				if c.lan == i {
					l.dial(c, l.lans[i].zone)
				}
			}
		})
	}
	l.Do(func() {
		for _, c := range conns {
			if c.lan < 0 {
				l.dial(c, c.spec.zone)
			}
		}
	})
	quiet, steps := time.Now(), 0
	patience := max(patience, 2*quiet.Sub(begin)) // on a slow machine
	for {
		late := time.Since(quiet) > patience && steps >= quietSteps // whatever happened before shows in the next step
		if steps++; l.step(conns, servers) {
			quiet, steps = time.Now(), 0
		} else if late {
			break
		}
		time.Sleep(time.Millisecond)
	}
	for _, c := range conns {
		_ = unix.Close(c.fd)
	}
}

// patience is the time without any event after which no further event is expected.
const patience = 250 * time.Millisecond

// quietSteps is how often the test has run again without any event before it expects none. A
// machine that lets the test wait for the processor lets the kernel wait too.
const quietSteps = 150

// step does what is to be done now; true: something happened.
func (l *lab) step(conns []*conn, servers []int) bool {
	happened := false
	for i, fd := range servers {
		for l.serve(conns, i, fd) {
			happened = true
		}
	}
	for i := range l.lans {
		buf := make([]byte, 2048)
		for {
			n, _, err := unix.Recvfrom(l.lans[i].tap, buf, 0)
			if err != nil {
				break
			}
			frame := buf[:n]
			if l.lans[i].tun {
				frame = withHeader(frame)
			}
			for _, c := range conns {
				src, plain, ok := c.answeredBy(frame)
				switch {
				case c.lan < 0 || !ok:
				case plain && !slices.Contains(c.plain, src):
					c.plain, happened = append(c.plain, src), true
				case !plain && src == c.dst && !slices.Contains(c.answers, l.lans[i].uplink):
					c.answers, happened = append(c.answers, l.lans[i].uplink), true
				}
			}
		}
	}
	for _, c := range conns {
		if !c.connected && c.isUp() {
			c.connected, happened = true, true
		}
	}
	return happened
}

// serve accepts a connection or answers a datagram. It answers a datagram from the address
// that the datagram was sent to. If the socket is bound to every address, it first also
// answers without a source.
func (l *lab) serve(conns []*conn, server, fd int) bool {
	if a, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC); err == nil {
		_ = unix.Close(a)
		return true
	} else if !errors.Is(err, unix.EOPNOTSUPP) {
		return false
	}
	var buf, oob [256]byte
	n, oobn, _, from, err := unix.Recvmsg(fd, buf[:], oob[:], unix.MSG_DONTWAIT)
	if err != nil {
		return errors.Is(err, unix.ECONNREFUSED) // of an answer before
	}
	var refused error
	if slices.ContainsFunc(conns, func(c *conn) bool { return c.server == server && c.spec.addr.IsUnspecified() }) {
		refused = unix.Sendto(fd, []byte(plainAnswer), unix.MSG_DONTWAIT, from)
	}
	for _, c := range conns {
		port := 0
		switch a := from.(type) {
		case *unix.SockaddrInet4:
			port = a.Port
		case *unix.SockaddrInet6:
			port = a.Port
		}
		if c.server == server && int(c.port) == port && sameSource(c.src, from) {
			c.received, c.refused = true, refused
		}
	}
	control, link := answerFrom(oob[:oobn])
	if to, ok := from.(*unix.SockaddrInet6); ok && to.ZoneId != 0 {
		to.ZoneId = link // of what a VRF took in, the kernel names the VRF, and that leads nowhere
	}
	_ = unix.Sendmsg(fd, buf[:n], control, from, unix.MSG_DONTWAIT)
	return true
}

func sameSource(a netip.Addr, from unix.Sockaddr) bool {
	switch f := from.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(f.Addr) == a
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(f.Addr).Unmap() == a
	}
	return false
}

// answerFrom makes the control message for sending from the address that a datagram
// came to. The message has no device, except for a link-local address. It also returns
// the device that an IPv6 datagram came in by.
func answerFrom(oob []byte) ([]byte, uint32) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, 0
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO:
			var a [4]byte
			copy(a[:], m.Data[8:12])
			return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: a}), 0
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO:
			var a [16]byte
			copy(a[:], m.Data)
			info, link := &unix.Inet6Pktinfo{Addr: a}, binary.NativeEndian.Uint32(m.Data[16:])
			if addr := netip.AddrFrom16(a); addr.IsLinkLocalUnicast() && !addr.Is4In6() {
				info.Ifindex = link
			}
			return unix.PktInfo6(info), link
		}
	}
	return nil, 0
}

// plainAnswer is what a server sends without a source. It is shorter than other answers.
const plainAnswer = "plain"

// answeredBy reports whether a frame is an answer to a connection: a SYN with ACK, or a
// datagram. It tells its source, and whether it was sent without one.
func (c *conn) answeredBy(frame []byte) (src netip.Addr, plain, ok bool) {
	if len(frame) < 58 {
		frame = append(slices.Clone(frame), make([]byte, 74)...)
	}
	var dst netip.Addr
	proto, at := frame[23], 34
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_IP:
		src, _ = netip.AddrFromSlice(frame[26:30])
		dst, _ = netip.AddrFromSlice(frame[30:34])
	case unix.ETH_P_IPV6:
		src, _ = netip.AddrFromSlice(frame[22:38])
		dst, _ = netip.AddrFromSlice(frame[38:54])
		proto, at = frame[20], 54
	default:
		return src, false, false
	}
	if dst != c.src || proto != c.spec.proto || int(binary.BigEndian.Uint16(frame[at:])) != c.spec.port ||
		binary.BigEndian.Uint16(frame[at+2:]) != c.port {
		return src, false, false
	}
	plain = proto == route.ProtoUDP && binary.BigEndian.Uint16(frame[at+4:]) == uint16(8+len(plainAnswer))
	return src, plain, proto == route.ProtoUDP || frame[at+13]&0x12 == 0x12
}

// isUp reports whether the client got its answer, from the address that it asked.
func (c *conn) isUp() bool {
	if c.spec.proto == route.ProtoTCP {
		_, err := unix.Getpeername(c.fd)
		return err == nil
	}
	var b [16]byte
	for {
		n, _, err := unix.Recvfrom(c.fd, b[:], unix.MSG_DONTWAIT)
		if err != nil || n > len(plainAnswer) {
			return err == nil
		}
	}
}
