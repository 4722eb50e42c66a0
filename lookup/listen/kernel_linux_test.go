package listen_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/lookup"
	"routewhy/lookup/listen"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// bind is one way to listen.
type bind struct {
	addr   netip.Addr
	v6only bool
	dev    string
}

func (b bind) String() string {
	s := b.addr.String()
	if b.v6only {
		s += " v6only"
	}
	if b.dev != "" {
		s += "%" + b.dev
	}
	return s
}

const port = 7777

// host is a namespace with two devices.
type host struct {
	*routetest.Namespace
	t    *testing.T
	live *kernel.Host
	fib  *lookup.FIB
}

func newHost(t *testing.T) *host {
	h := &host{Namespace: routetest.New(t), t: t}
	h.Run(t,
		"ip link set lo up",
		"ip link add v0 type veth peer name p0", "ip link add w0 type veth peer name q0",
		"ip link set v0 up", "ip link set p0 up", "ip link set w0 up", "ip link set q0 up",
		"ip addr add 10.0.0.1/24 dev v0", "ip addr add 10.0.1.1/24 dev w0",
		"ip -6 addr add 2001:db8::1/64 dev v0 nodad", "ip -6 addr add 2001:db8:1::1/64 dev w0 nodad",
		"sleep 0.2")
	h.Do(func() {
		var err error
		if h.live, err = kernel.Open(""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.live.Close() })
		s, err := h.live.Read(t.Context(), route.Query{AllDevices: true})
		if err != nil {
			t.Fatal(err)
		}
		h.fib = lookup.New(s)
	})
	return h
}

func (h *host) addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// binds are all ways to listen that the test tries.
func (h *host) binds() []bind {
	var out []bind
	for _, a := range []string{"0.0.0.0", "127.0.0.1", "127.0.0.2", "10.0.0.1", "::", "::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:0.0.0.0"} {
		for _, dev := range []string{"", "lo", "v0", "w0"} {
			out = append(out, bind{addr: h.addr(a), dev: dev})
			if a := h.addr(a); a.Is6() && !a.Is4In6() {
				out = append(out, bind{addr: a, v6only: true, dev: dev})
			}
		}
	}
	return out
}

func (h *host) destinations() []netip.Addr {
	var out []netip.Addr
	for _, a := range []string{
		"0.0.0.0", "127.0.0.1", "127.0.0.2", "127.255.255.254", "10.0.0.1", "10.0.1.1", "::", "::1", "2001:db8::1", "2001:db8:1::1",
		"::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:10.0.1.1",
	} {
		out = append(out, h.addr(a))
	}
	return out
}

func sockaddr(a netip.Addr, port int) (int, unix.Sockaddr) {
	if a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: a.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: a.As16()}
}

func socketType(proto uint8) int {
	if proto == route.ProtoTCP {
		return unix.SOCK_STREAM
	}
	return unix.SOCK_DGRAM
}

// listener opens a listening socket; -1: the kernel refuses to bind it.
func (h *host) listener(proto uint8, b bind, options ...int) int {
	family, sa := sockaddr(b.addr, port)
	fd, err := unix.Socket(family, socketType(proto)|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	if family == unix.AF_INET6 {
		only := 0
		if b.v6only {
			only = 1
		}
		h.must(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only))
	}
	if b.dev != "" {
		h.must(unix.BindToDevice(fd, b.dev))
	}
	if proto == route.ProtoTCP { // connections of the last round may linger
		options = append(options, unix.SO_REUSEADDR)
	}
	for _, o := range options {
		h.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 1))
	}
	if err = unix.Bind(fd, sa); err == nil && proto == route.ProtoTCP {
		err = unix.Listen(fd, 8)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1
	}
	return fd
}

func (h *host) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// inode is the number that a socket has in the kernel's list.
func (h *host) inode(fd int) uint32 {
	var st unix.Stat_t
	h.must(unix.Fstat(fd, &st))
	return uint32(st.Ino)
}

// talk connects and, with UDP, sends. It finds out which listener got the
// packet: it gives the listener's inode, or the error that the client sees.
func (h *host) talk(proto uint8, dst netip.Addr, dev string, listeners []int) (uint32, error) {
	family, sa := sockaddr(dst, port)
	fd, err := unix.Socket(family, socketType(proto)|unix.SOCK_CLOEXEC, 0)
	h.must(err)
	defer unix.Close(fd)
	h.must(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Usec: 300000}))
	h.must(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	if dev != "" {
		h.must(unix.BindToDevice(fd, dev))
	}
	// With a time limit, a signal ends connect(2): the next call continues it.
	err = unix.Connect(fd, sa)
	for err == unix.EINTR {
		err = unix.Connect(fd, sa)
	}
	if err != nil {
		return 0, err
	}
	if proto == route.ProtoUDP {
		if _, err := unix.Write(fd, []byte("x")); err != nil {
			return 0, err
		}
	}
	patience := 300 * time.Millisecond
	if lost(proto, dev) {
		patience = 10 * time.Millisecond
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, l := range listeners {
			if received(proto, l) {
				return h.inode(l), nil
			}
		}
		if e, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && e != 0 {
			return 0, unix.Errno(e)
		}
	}
	return 0, unix.ETIMEDOUT
}

// lost reports whether the kernel cannot find the client to report an ICMP error to:
// the error comes by lo, and the client is bound to another device.
func lost(proto uint8, dev string) bool { return proto == route.ProtoUDP && dev != "" && dev != "lo" }

func received(proto uint8, fd int) bool {
	if proto == route.ProtoTCP {
		c, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
		if err == nil {
			_ = unix.Close(c)
		}
		return err == nil
	}
	var b [8]byte
	_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT)
	return err == nil
}

// predict is what routewhy says about the same connection.
func (h *host) predict(proto uint8, dst netip.Addr, dev string) (takers []uint32, refused route.Errno) {
	s, err := h.live.Read(h.t.Context(), route.Query{NoRoutes: true, NoNeighbours: true, Sockets: route.Listening, Port: port})
	h.must(err)
	flow := route.Flow{Dst: listen.Connects(dst), Proto: proto, DstPort: port}
	if dev != "" {
		flow.Out = h.fib.Snapshot().LinkByName(dev).Index
	}
	d := h.fib.Lookup(flow)
	if d.Errno != 0 {
		return nil, d.Errno
	}
	p, ok := listen.PacketOf(h.fib.Snapshot(), &flow, &d)
	if !ok {
		return nil, 0
	}
	v := listen.Take(h.fib.Snapshot(), s.Sockets, p)
	for _, c := range v.Receivers {
		takers = append(takers, c.Socket.Inode)
	}
	return takers, v.Refused()
}

func protoName(proto uint8) string { return (&route.Socket{Proto: proto}).ProtoName() }

// TestConnect tries every pair of a way to listen and a destination.
func TestConnect(t *testing.T) {
	h := newHost(t)
	tried, taken := 0, 0
	h.Do(func() {
		for _, proto := range []uint8{route.ProtoTCP, route.ProtoUDP} {
			for _, b := range h.binds() {
				fd := h.listener(proto, b)
				if fd < 0 {
					if b.addr.Is4() || b.dev == "" { // ::1 is only on lo
						t.Errorf("%s: cannot listen on %s", protoName(proto), b)
					}
					continue
				}
				for _, dst := range h.destinations() {
					for _, dev := range []string{"", "lo", "v0"} {
						tried++
						if h.check(proto, dst, dev, []int{fd}, b.String()) {
							taken++
						}
					}
				}
				h.must(unix.Close(fd))
			}
		}
	})
	t.Logf("%d connections tried, %d accepted", tried, taken)
}

// check compares one connection with the prediction; true: it was accepted.
// Connections that leave the host are skipped: nobody is there.
func (h *host) check(proto uint8, dst netip.Addr, dev string, listeners []int, what string) bool {
	h.t.Helper()
	takers, refused := h.predict(proto, dst, dev)
	if len(takers) == 0 && refused == 0 {
		return false
	}
	got, err := h.talk(proto, dst, dev, listeners)
	var errno unix.Errno
	errors.As(err, &errno)
	if lost(proto, dev) && errno == unix.ETIMEDOUT {
		errno = unix.ECONNREFUSED
	}
	if got != 0 && slices.Contains(takers, got) || got == 0 && len(takers) == 0 && route.Errno(errno) == refused {
		return got != 0
	}
	h.t.Errorf("%s to %s bound to %q, listening: %s: the kernel gave it to %d (%v); predicted %v (%v)",
		protoName(proto), dst, dev, what, got, err, takers, refused)
	return got != 0
}

// TestConnectMany lets several sockets listen at the same time.
func TestConnectMany(t *testing.T) {
	h := newHost(t)
	rng := rand.New(rand.NewPCG(3, 3))
	rounds, single := 60, 0
	if testing.Short() {
		rounds = 10
	}
	h.Do(func() {
		for round := range rounds {
			proto := []uint8{route.ProtoTCP, route.ProtoUDP}[round%2]
			share := []int{unix.SO_REUSEPORT, unix.SO_REUSEADDR}[round/2%2]
			var fds []int
			var names []string
			for _, b := range h.binds() {
				if rng.IntN(4) != 0 {
					continue
				}
				if fd := h.listener(proto, b, share); fd >= 0 {
					fds = append(fds, fd)
					names = append(names, fmt.Sprintf("%s=%d", b, h.inode(fd)))
				}
			}
			for _, dst := range h.destinations() {
				for _, dev := range []string{"", "v0"} {
					if takers, _ := h.predict(proto, dst, dev); len(takers) == 1 {
						single++
					}
					h.check(proto, dst, dev, fds, strings.Join(names, ", "))
				}
			}
			for _, fd := range fds {
				h.must(unix.Close(fd))
			}
		}
	})
	t.Logf("%d predictions named one socket", single)
}
