package whynot

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/routetest"
)

// attempt is what a program does: it connects, and sends something if it uses UDP.
type attempt struct {
	dst, src, dev string
	tcp           bool
	info          bool // the source is given to sendmsg(2), and not to bind(2)
	length        int  // of a UDP packet that must not be fragmented; zero: nothing is sent
}

// errno is the error that the attempt gets.
func (a attempt) errno(t *testing.T) route.Errno {
	dst := netip.MustParseAddr(a.dst)
	family, kind := unix.AF_INET, unix.SOCK_DGRAM
	if dst.Is6() {
		family = unix.AF_INET6
	}
	if a.tcp {
		kind = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	steps := []func() error{
		func() error {
			if a.dev == "" {
				return nil
			}
			return unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, a.dev)
		},
		func() error {
			return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
		},
		func() error {
			if a.src == "" || a.info {
				return nil
			}
			return unix.Bind(fd, sockaddr(netip.MustParseAddr(a.src), 0))
		},
		func() error {
			if a.info {
				return unix.Sendmsg(fd, []byte("x"), packetInfo(netip.MustParseAddr(a.src)), sockaddr(dst, 9), 0)
			}
			return unix.Connect(fd, sockaddr(dst, 9))
		},
		func() error {
			if a.length == 0 {
				return nil
			}
			return unix.Send(fd, make([]byte, a.length), 0)
		},
	}
	for _, step := range steps {
		var errno unix.Errno
		switch err := step(); {
		case errors.As(err, &errno) && errno != unix.EINPROGRESS:
			return route.Errno(errno)
		case err != nil && !errors.As(err, &errno):
			t.Fatal(err)
		}
	}
	return 0
}

// packetInfo is the control message that gives a packet its source.
func packetInfo(src netip.Addr) []byte {
	if src.Is4() {
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: src.As4()})
	}
	return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: src.As16()})
}

func sockaddr(a netip.Addr, port int) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: port, Addr: a.As16()}
}

// TestCauses does what programs do, and compares the error that the kernel gives with the
// causes of that error.
func TestCauses(t *testing.T) {
	l := open(t, routetest.Setup{
		"sysctl -qw net.ipv6.conf.default.accept_ra=0",
		"ip link set lo up",
		"ip link add v0 type veth peer name p0", "ip link add w0 type veth peer name q0",
		"ip link set v0 up", "ip link set p0 up",
		"ip addr add 10.0.0.1/24 dev v0", "ip -6 addr add 2001:db8::1/64 dev v0 nodad",
		"ip route add 10.9.0.0/16 via 10.0.0.2", "ip route add 10.8.0.0/16 via 10.0.0.2 mtu 1000",
		"ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 nud permanent dev v0",
		"ip route add blackhole 10.1.0.0/16", "ip route add unreachable 10.2.0.0/16",
		"ip route add prohibit 10.3.0.0/16", "ip route add throw 10.4.0.0/16", "ip route add multicast 224.0.0.0/4 dev v0",
		"ip -6 route add blackhole 2001:db8:1::/48", "ip -6 route add unreachable 2001:db8:2::/48",
		"ip -6 route add prohibit 2001:db8:3::/48", "ip -6 route add throw 2001:db8:4::/48",
		"ip rule add to 10.5.0.0/16 blackhole", "ip rule add to 10.6.0.0/16 unreachable", "ip rule add to 10.7.0.0/16 prohibit",
		"ip -6 rule add to 2001:db8:5::/48 blackhole", "ip -6 rule add to 2001:db8:6::/48 unreachable",
		"ip -6 rule add to 2001:db8:7::/48 prohibit",
	})
	for _, c := range []struct {
		attempt
		errno route.Errno
		code  lookup.Code
		state CauseState
	}{
		{attempt{dst: "10.1.0.1"}, route.EINVAL, CauseBlackholeRoute, CauseIs},
		{attempt{dst: "10.2.0.1"}, route.EHOSTUNREACH, CauseUnreachableRoute, CauseIs},
		{attempt{dst: "10.3.0.1", tcp: true}, route.EACCES, CauseProhibitRoute, CauseIs},
		{attempt{dst: "10.4.0.1"}, route.ENETUNREACH, CauseThrow, CauseIs},
		{attempt{dst: "10.5.0.1"}, route.EINVAL, CauseBlackholeRule, CauseIs},
		{attempt{dst: "10.6.0.1"}, route.ENETUNREACH, CauseUnreachableRule, CauseIs},
		{attempt{dst: "10.7.0.1"}, route.EACCES, CauseProhibitRule, CauseIs},
		{attempt{dst: "8.8.8.8", tcp: true}, route.ENETUNREACH, CauseNoRoute, CauseIs},
		{attempt{dst: "8.8.8.8", dev: "w0"}, route.ENETUNREACH, CauseDevice, CauseIs},
		{attempt{dst: "10.9.0.1", src: "127.0.0.1"}, route.EINVAL, CauseSource, CauseIs},
		{attempt{dst: "10.9.0.1", src: "203.0.113.1"}, route.EADDRNOTAVAIL, CauseSource, CauseIs},
		{attempt{dst: "10.9.0.1", length: 1600}, route.EMSGSIZE, CauseMTU, CausePossible},
		{attempt{dst: "10.8.0.1", length: 1100}, route.EMSGSIZE, CauseMTU, CausePossible},
		{attempt{dst: "10.0.0.255"}, route.EACCES, CauseBroadcast, CausePossible},
		{attempt{dst: "10.0.0.255", tcp: true}, route.ENETUNREACH, CauseGroup, CausePossible},
		{attempt{dst: "224.0.0.5", tcp: true}, route.ENETUNREACH, CauseGroup, CausePossible},
		{attempt{dst: "2001:db8:1::1"}, route.EINVAL, CauseBlackholeRoute, CauseIs},
		{attempt{dst: "2001:db8:2::1"}, route.EHOSTUNREACH, CauseUnreachableRoute, CauseIs},
		{attempt{dst: "2001:db8:3::1"}, route.EACCES, CauseProhibitRoute, CauseIs},
		{attempt{dst: "2001:db8:4::1"}, route.ENETUNREACH, CauseThrow, CauseIs},
		{attempt{dst: "2001:db8:5::1"}, route.EINVAL, CauseBlackholeRule, CauseIs},
		{attempt{dst: "2001:db8:6::1"}, route.ENETUNREACH, CauseUnreachableRule, CauseIs},
		{attempt{dst: "2001:db8:7::1"}, route.EACCES, CauseProhibitRule, CauseIs},
		{attempt{dst: "2001:db9::1"}, route.ENETUNREACH, CauseNoRoute, CauseIs},
		{attempt{dst: "fe80::9"}, route.EINVAL, CauseScope, CauseIs},
		{attempt{dst: "ff02::9"}, route.EINVAL, CauseScope, CauseIs},
		{attempt{dst: "ff0e::9", tcp: true}, route.ENETUNREACH, CauseGroup, CausePossible},
		{attempt{dst: "2001:db8::9", src: "2001:db8::8"}, route.EADDRNOTAVAIL, CauseSource, CauseIs},
		// A source that no device has, from bind(2) and from sendmsg(2).
		{attempt{dst: "2001:db8::9", src: "2001:db8::8", info: true}, route.EINVAL, CauseSource, CauseIs},
		{attempt{dst: "2001:db8::9", src: "ff02::1"}, route.EINVAL, CauseSource, CauseIs},
		{attempt{dst: "2001:db8::9", src: "ff02::1", info: true}, route.EINVAL, CauseSource, CauseIs},
		{attempt{dst: "2001:db8::9", src: "fe80::8"}, route.EINVAL, CauseSource, CauseIs},
		{attempt{dst: "2001:db8::9", src: "fe80::8", info: true}, route.EINVAL, CauseSource, CauseIs},
		{attempt{dst: "10.9.0.1", src: "203.0.113.1", info: true}, route.ENETUNREACH, CauseSource, CauseIs},
		{attempt{dst: "10.9.0.1", src: "127.0.0.1", info: true}, route.EINVAL, CauseSource, CauseIs},
	} {
		l.cause(t, c.attempt, c.errno, c.code, c.state)
	}
	// Without any address, a program gets no source, whether there is a route or not.
	l.ns.Batch([]string{"sysctl -qw net.ipv6.conf.all.disable_ipv6=1"})
	l.ns.Settle()
	l.read(t)
	l.cause(t, attempt{dst: "2001:db9::1"}, route.EADDRNOTAVAIL, CauseNoSource, CauseIs)
	l.not(t, "2001:db9::1", route.ENETUNREACH)
}

// not says that no cause of an error is the cause for a packet.
func (l *live) not(t *testing.T, dst string, e route.Errno) {
	t.Helper()
	for _, c := range Causes(l.fib, l.fib.Explain(route.Flow{Dst: netip.MustParseAddr(dst), Proto: route.ProtoUDP}), e) {
		if c.State == CauseIs {
			t.Errorf("%s gives %s to %s", c.Code, e, dst)
		}
	}
}

// TestCauseWithoutNeighbours asks about a device without carrier and without neighbours: what
// is sent there is lost, and the program hears of nothing.
func TestCauseWithoutNeighbours(t *testing.T) {
	l := open(t, routetest.Setup{
		"ip link set lo up", "ip link add v0 type veth peer name p0", "ip link set v0 arp off", "ip link set v0 up", "ip addr add 10.0.0.1/24 dev v0",
	})
	l.not(t, "10.0.0.9", route.EHOSTUNREACH)
}

// cause compares an attempt with the error that it gets, and with what is said of a cause of
// that error.
func (l *live) cause(t *testing.T, a attempt, want route.Errno, code lookup.Code, state CauseState) {
	t.Helper()
	flow := route.Flow{Dst: netip.MustParseAddr(a.dst), Proto: route.ProtoUDP}
	if a.src != "" {
		flow.Src = netip.MustParseAddr(a.src)
	}
	if a.dev != "" {
		flow.Out = l.snap.LinkByName(a.dev).Index
	}
	var got route.Errno
	l.ns.Do(func() { got = a.errno(t) })
	if got != want {
		t.Errorf("%+v: the kernel gives %s; want %s", a, got, want)
		return
	}
	trace := l.fib.Explain(flow)
	found := CauseState("")
	for _, c := range Causes(l.fib, trace, got) {
		if c.Code == code && (found == "" || c.State == state) {
			found = c.State
		}
		if c.Code != code && c.State == CauseIs {
			t.Errorf("%+v gives %s: %s is the cause too", a, got, c.Code)
		}
	}
	if found != state {
		t.Errorf("%+v gives %s: %s is %q; want %q", a, got, code, found, state)
	}
	d := &trace.Decision
	if state == CauseIs && d.Errno != 0 && want != route.EADDRNOTAVAIL && d.Errno != want {
		t.Errorf("%+v: the look-up gives %s; want %s", a, d.Errno, want)
	}
	if p := l.fib.ProgramErrno(&flow, d); want == route.EADDRNOTAVAIL && a.src == "" && p != want {
		t.Errorf("%+v: programs get %s; want %s", a, p, want)
	}
}
