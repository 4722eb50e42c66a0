package listen_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

// connecting is a namespace with two uplinks. Every gateway has a neighbour entry
// with a hardware address that shows the gateway's IP address. Packets are seen at
// the other ends of the uplinks.
type connecting struct {
	*host
	taps map[int]int // from the index of an uplink to a socket at its other end
}

// uplinks is the common set-up. gateways are the neighbours in it.
func uplinks() []string {
	return []string{
		"ip link set lo up",
		"ip link add v0 type veth peer name p0", "ip link add w0 type veth peer name q0",
		"ip link set v0 up", "ip link set p0 up", "ip link set w0 up", "ip link set q0 up",
		"ip addr add 10.0.0.1/24 dev v0", "ip addr add 10.0.1.1/24 dev w0",
		"ip -6 addr add 2001:db8::1/64 dev v0 nodad", "ip -6 addr add 2001:db8:1::1/64 dev w0 nodad",
		"ip route add default via 10.0.0.2",
	}
}

func gateways() map[string]string {
	return map[string]string{
		"10.0.0.2": "v0", "10.0.0.3": "v0", "10.0.1.2": "w0", "10.0.1.3": "w0", "2001:db8::2": "v0", "2001:db8:1::2": "w0",
	}
}

// station is the hardware address that a gateway gets.
func station(gateway netip.Addr) net.HardwareAddr {
	b := gateway.AsSlice()
	return append(net.HardwareAddr{2, byte(len(b))}, b[len(b)-4:]...)
}

func newConnecting(t *testing.T, commands []string) *connecting {
	h := &connecting{&host{Namespace: routetest.New(t), t: t}, map[int]int{}}
	all := uplinks()
	for gw, dev := range gateways() {
		all = append(all, fmt.Sprintf("ip neigh add %s lladdr %s nud permanent dev %s", gw, station(netip.MustParseAddr(gw)), dev))
	}
	h.Run(t, append(all, commands...)...)
	h.Do(func() {
		var err error
		h.live, err = kernel.Open("")
		h.must(err)
		t.Cleanup(func() { h.live.Close() })
		s, err := h.live.Read(t.Context(), route.Query{AllDevices: true})
		h.must(err)
		h.fib = lookup.New(s)
		for up, far := range map[string]string{"v0": "p0", "w0": "q0"} {
			h.taps[s.LinkByName(up).Index] = routetest.Tap(t, s.LinkByName(far).Index)
		}
	})
	return h
}

// seen is a packet at the other end of an uplink.
type seen struct {
	link    int
	gateway net.HardwareAddr
	src     netip.Addr
}

// next waits for a packet to a destination and port.
func (h *connecting) next(dst netip.Addr, port uint16) (seen, bool) {
	buf := make([]byte, 2048)
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for link, fd := range h.taps {
			for {
				n, _, err := unix.Recvfrom(fd, buf, 0)
				if err != nil {
					break
				}
				if src, ok := sentTo(buf[:n], dst, port); ok {
					return seen{link, slices.Clone(buf[:6]), src}, true
				}
			}
		}
	}
	return seen{}, false
}

// sentTo is the source of a frame's packet, if the packet goes to a destination and
// port. The packets here have no IP options.
func sentTo(frame []byte, dst netip.Addr, port uint16) (netip.Addr, bool) {
	if len(frame) < 58 {
		frame = append(slices.Clone(frame), make([]byte, 58)...)
	}
	src, to, at := frame[26:30], frame[30:34], 34
	if binary.BigEndian.Uint16(frame[12:]) == unix.ETH_P_IPV6 {
		src, to, at = frame[22:38], frame[38:54], 54
	}
	if a, _ := netip.AddrFromSlice(to); a != dst || binary.BigEndian.Uint16(frame[at+2:]) != port {
		return netip.Addr{}, false
	}
	a, ok := netip.AddrFromSlice(src)
	return a, ok
}

// connect makes a connected socket and, with UDP, sends by it. It gives what was seen
// of the first packet.
func (h *connecting) connect(proto uint8, dst netip.Addr) (seen, route.Errno) {
	family, sa := sockaddr(dst, port)
	fd, err := unix.Socket(family, socketType(proto)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	h.must(err)
	defer unix.Close(fd)
	err = unix.Connect(fd, sa)
	if proto == route.ProtoUDP && err == nil {
		_, err = unix.Write(fd, []byte("x"))
	}
	var errno unix.Errno
	if errors.As(err, &errno) && errno != unix.EINPROGRESS {
		return seen{}, route.Errno(errno)
	}
	p, ok := h.next(dst, port)
	if !ok {
		h.t.Fatalf("%s to %s: no packet was seen", protoName(proto), dst)
	}
	return p, 0
}

// TestConnectedSocket compares real connected sockets with what [lookup.FIB.Connect]
// says about them. It looks at the packets that leave.
func TestConnectedSocket(t *testing.T) {
	two := "ip route add 10.9.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.2"
	for name, c := range map[string]struct {
		commands []string
		dst      string // with %d: twelve of them
		// twice says that at least one second look-up ends elsewhere.
		twice bool
		// ways is how many ways there are. If older is not 0, it is that number before
		// 6.16, where some second look-ups then end elsewhere: in these kernels, a
		// source does not choose the leg that would give it.
		ways, older int
	}{
		"ordinary": {nil, "10.9.0.%d", false, 1, 0},
		"a rule for the source": {[]string{
			"ip rule add from 10.0.0.1 table 100", "ip route add default via 10.0.1.2 table 100",
		}, "10.9.0.%d", true, 1, 0},
		"a rule for the source that refuses": {[]string{"ip rule add from 10.0.0.1 prohibit"}, "10.9.0.%d", true, 0, 0},
		"a rule for TCP and the source": {[]string{
			"ip rule add from 10.0.0.1 ipproto tcp dport 7777 table 100", "ip route add default via 10.0.1.2 table 100",
		}, "10.9.0.%d", true, 1, 0},
		"two legs": {[]string{two}, "10.9.0.%d", false, 2, 4},
		"two legs, a rule for each source": {[]string{
			two, "ip rule add from 10.0.0.1 table 100", "ip rule add from 10.0.1.1 table 101",
			"ip route add default via 10.0.0.3 table 100", "ip route add default via 10.0.1.3 table 101",
		}, "10.9.0.%d", true, 2, 0},
		"two legs, crossed by rules": {[]string{
			two, "ip rule add from 10.0.0.1 table 100", "ip rule add from 10.0.1.1 table 101",
			"ip route add default via 10.0.1.3 table 100", "ip route add default via 10.0.0.3 table 101",
		}, "10.9.0.%d", true, 2, 0},
		"two legs by port, of one source": {[]string{
			"ip route add 10.9.0.0/16 src 10.0.1.1 nexthop via 10.0.0.2 nexthop via 10.0.0.3",
		}, "10.9.0.%d", false, 2, 0},
		"0.0.0.0, and its loopback address refused": {[]string{
			"ip rule add to 127.0.0.0/8 prohibit pref 5", "ip rule add pref 10 table local", "ip rule del pref 0",
		}, "0.0.0.0", true, 0, 0},
		"IPv6": {[]string{"ip -6 route add default via 2001:db8::2"}, "2001:db8:9::%d", false, 1, 0},
		"IPv6, a rule for the source": {[]string{
			"ip -6 route add default via 2001:db8::2",
			"ip -6 rule add from 2001:db8::1 table 100", "ip -6 route add default via 2001:db8:1::2 table 100",
		}, "2001:db8:9::%d", false, 1, 0},
		"IPv6, routes for certain sources alone": {[]string{
			"ip -6 route add default from 2001:db8:1::/64 via 2001:db8:1::2",
			"ip -6 route add default from 2001:db8::/64 via 2001:db8::2",
		}, "2001:db8:9::%d", true, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := newConnecting(t, c.commands)
			if c.older != 0 && before616(h.fib.Snapshot().Release) {
				c.ways, c.twice = c.older, true
			}
			h.Do(func() {
				for _, proto := range []uint8{route.ProtoTCP, route.ProtoUDP} {
					if name == "a rule for TCP and the source" && proto == route.ProtoUDP {
						continue
					}
					for n := range 12 {
						dst := c.dst
						if dst != "0.0.0.0" {
							dst = fmt.Sprintf(dst, 1+n)
						}
						tr := h.fib.Connect(route.Flow{Dst: listen.Connects(h.addr(dst)), Proto: proto, DstPort: port})
						if tr.Twice() != c.twice || len(tr.Decision.NextHops) != c.ways {
							t.Fatalf("%s: twice: %v, %d ways; want %v and %d: %+v", dst, tr.Twice(), len(tr.Decision.NextHops), c.twice, c.ways, tr.Decision)
						}
						h.compare(proto, h.addr(dst), tr)
					}
				}
			})
		})
	}
}

func before616(release string) bool {
	var major, minor int
	n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return n == 2 && (major < 6 || major == 6 && minor < 16)
}

// compare compares a real connection with a decision.
func (h *connecting) compare(proto uint8, dst netip.Addr, tr *lookup.Trace) {
	h.t.Helper()
	got, errno := h.connect(proto, dst)
	d := &tr.Decision
	if errno != d.Errno {
		h.t.Errorf("%s to %s: the kernel says %v, predicted %v", protoName(proto), dst, errno, d.Errno)
		return
	}
	if errno != 0 {
		return
	}
	if !slices.ContainsFunc(d.NextHops, func(w lookup.NextHop) bool {
		src := w.Src
		if d.Src.IsValid() {
			src = d.Src
		}
		return w.Link == got.link && src == got.src && slices.Equal(station(w.Gateway), got.gateway)
	}) {
		h.t.Errorf("%s to %s: left by device %d from %s to %s, predicted %+v", protoName(proto), dst, got.link, got.src, got.gateway, d.NextHops)
	}
}

// TestConnectGroup: what TCP and UDP do with groups to which there is a way.
func TestConnectGroup(t *testing.T) {
	h := newConnecting(t, nil)
	h.Do(func() {
		for _, proto := range []uint8{route.ProtoTCP, route.ProtoUDP} {
			for _, dst := range []string{"10.0.0.255", "224.0.0.5", "239.1.1.1", "255.255.255.255", "10.9.0.1"} {
				flow := route.Flow{Dst: h.addr(dst), Proto: proto, DstPort: port}
				tr := h.fib.Connect(flow)
				if tr.Decision.Errno != 0 {
					t.Fatalf("%s: %+v", dst, tr.Decision)
				}
				family, sa := sockaddr(flow.Dst, port)
				fd, err := unix.Socket(family, socketType(proto)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
				h.must(err)
				h.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1))
				var errno unix.Errno
				if err := unix.Connect(fd, sa); errors.As(err, &errno) && errno == unix.EINPROGRESS {
					errno = 0
				}
				if want := listen.Refuses(&tr.Flow, &tr.Decision); route.Errno(errno) != want {
					t.Errorf("%s to %s: the kernel says %v, predicted %v", protoName(proto), dst, errno, want)
				}
				h.must(unix.Close(fd))
			}
		}
	})
}
