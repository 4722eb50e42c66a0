package connections_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/lookup/change/command"
	"routewhy/lookup/connections"
	"routewhy/lookup/report"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// TestLive makes real connections over two providers, TCP and UDP, IPv4 and IPv6. It asks
// what commands would do to them, and then runs the commands. Exactly those connections
// must move and stall that were said to. Both providers drop packets whose source is not
// in their own network, and each of their addresses has its own station, so that a frame
// shows the gateway. ROUTEWHY_LIVE is how many set-ups (2), ROUTEWHY_SEED where the random
// numbers start.
func TestLive(t *testing.T) {
	seed := routetest.EnvInt(t, "ROUTEWHY_SEED", 1)
	tally := map[string]int{}
	for n := range routetest.EnvInt(t, "ROUTEWHY_LIVE", 2) {
		s := uint64(seed + n)
		t.Run(strconv.FormatUint(s, 10), func(t *testing.T) { tryLive(t, rand.New(rand.NewPCG(s, 3)), tally) })
	}
	for _, k := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%5d %s", tally[k], k)
	}
}

// site is a host with two providers, and a server beyond them.
type site struct {
	host, server *routetest.Namespace
}

// family is what differs between the families.
type family struct {
	ip      string // the command
	domain  int
	server  string
	nets    [2]string // of the providers: their customers' addresses begin so
	core    string    // of the links between the providers and the server, with a verb
	nodad   string
	all     int // the length of a host's address
	network int
}

func families() []family {
	return []family{
		{"ip", unix.AF_INET, "203.0.113.9", [2]string{"192.0.2.", "198.51.100."}, "10.%d.0.", "", 32, 24},
		{"ip -6", unix.AF_INET6, "2001:db8:ff::9", [2]string{"2001:db8:1::", "2001:db8:2::"}, "2001:db8:a%d::", " nodad", 128, 64},
	}
}

func newSite(t *testing.T, rng *rand.Rand) *site {
	s := &site{host: routetest.New(t), server: routetest.New(t)}
	var quiet []string
	for _, name := range []string{"all", "default"} {
		quiet = append(quiet, "sysctl -qw net.ipv4.conf."+name+".rp_filter=0 net.ipv6.conf."+name+".accept_dad=0")
	}
	quiet = append(quiet, "ip link set lo up")
	host, server := slices.Clone(quiet), slices.Clone(quiet)
	routers := []*routetest.Namespace{routetest.New(t), routetest.New(t)}
	for i, r := range routers {
		host = append(host, uplink(i, r.Thread(), rng.IntN(4))...)
		server = append(server, fmt.Sprintf("ip link add p%d type veth peer name core netns %d", i, r.Thread()), fmt.Sprintf("ip link set p%d up", i))
	}
	s.host.Run(t, host...)
	s.server.Run(t, server...)
	host, server = nil, nil
	for i, r := range routers {
		lines := append(slices.Clone(quiet), "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1", "ip link set cust up",
			"ip link add cust3 link cust type macvlan mode bridge", "ip link set cust3 up", "ip link set core up",
			"sysctl -qw net.ipv4.conf.cust.arp_ignore=1 net.ipv4.conf.cust3.arp_ignore=1")
		for _, f := range families() {
			mine, core := f.nets[i], fmt.Sprintf(f.core, i)
			host = append(host, fmt.Sprintf("%s addr add %s2/%d dev u%d%s", f.ip, mine, f.network, i, f.nodad))
			server = append(server, fmt.Sprintf("%s addr add %s1/%d dev p%d%s", f.ip, core, f.network, i, f.nodad), fmt.Sprintf("%s route add %s0/%d via %s2", f.ip, mine, f.network, core))
			lines = append(lines, fmt.Sprintf("%s addr add %s1/%d dev cust%s", f.ip, mine, f.network, f.nodad), fmt.Sprintf("%s addr add %s3/%d dev cust3%s", f.ip, mine, f.all, f.nodad),
				fmt.Sprintf("%s addr add %s2/%d dev core%s", f.ip, core, f.network, f.nodad), fmt.Sprintf("%s route add %s/%d via %s1", f.ip, f.server, f.all, core))
			for _, dev := range []string{"cust", "cust3"} {
				lines = append(lines, fmt.Sprintf("%s rule add iif %s from %s0/%d lookup main pref 5", f.ip, dev, mine, f.network),
					fmt.Sprintf("%s rule add iif %s blackhole pref 6", f.ip, dev))
			}
		}
		r.Run(t, lines...)
	}
	for _, f := range families() {
		server = append(server, fmt.Sprintf("%s addr add %s/%d dev lo%s", f.ip, f.server, f.all, f.nodad))
		host = append(host, f.lines("ip route add default via A1 metric 100", "ip route add default via B1 metric 200", "ip route add default via B1 table 201",
			"ip route add default via A1 table 200")...)
		for _, c := range f.lines("ip rule add from B2 lookup 201 pref 1001", "ip rule add fwmark 7 lookup 201 pref 1002", "ip rule add from A2 lookup 200 pref 1003",
			"ip route add SERVER/NETWORK via A3", "sysctl -qw net.ipv4.conf.u0.rp_filter=1", "sysctl -qw net.ipv4.conf.u1.rp_filter=1") {
			if rng.IntN(2) == 0 {
				host = append(host, c)
			}
		}
	}
	s.host.Run(t, host...)
	s.server.Run(t, server...)
	for _, ns := range []*routetest.Namespace{s.host, s.server} {
		ns.Settle()
	}
	return s
}

// uplink are the commands that make the i-th uplink. Its end may be a port of a bridge with
// another port perhaps, or it may have a macvlan on top. E is its lower end then.
func uplink(i, thread, kind int) []string {
	veth := fmt.Sprintf("ip link add NAME type veth peer name cust netns %d", thread)
	var out []string
	switch kind {
	case 0:
		out = []string{strings.Replace(veth, "NAME", "U", 1)}
	case 1:
		out = []string{"ip link add U type bridge", strings.Replace(veth, "NAME", "E", 1), "ip link set E master U up"}
	case 2:
		out = []string{"ip link add U type bridge", strings.Replace(veth, "NAME", "E", 1), "ip link set E master U up",
			"ip link add T type veth peer name TT", "ip link set TT up", "ip link set T master U up"}
	default:
		out = []string{strings.Replace(veth, "NAME", "E", 1), "ip link set E up", "ip link add U link E type macvlan"}
	}
	n := strconv.Itoa(i)
	r := strings.NewReplacer(" U", " u"+n, " E", " e"+n, " TT", " tt"+n, " T", " t"+n)
	out = append(out, "ip link set U up")
	for k := range out {
		out[k] = r.Replace(out[k])
	}
	return out
}

// lines are commands for a family. A and B stand for the networks of the providers.
func (f *family) lines(list ...string) []string {
	network := netip.PrefixFrom(netip.MustParseAddr(f.server), f.network).Masked().String()
	r := strings.NewReplacer("ip ", f.ip+" ", "A1", f.nets[0]+"1", "A2", f.nets[0]+"2", "A3", f.nets[0]+"3", "B1", f.nets[1]+"1", "B2", f.nets[1]+"2", "B3", f.nets[1]+"3",
		"SERVER/NETWORK", network, "SERVER", f.server, "/LEN", "/"+strconv.Itoa(f.network))
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = r.Replace(l)
	}
	return out
}

// changes are what may be done to the host.
func changes() (all []string) {
	for _, f := range families() {
		all = append(all, f.lines(
			"ip route replace default via B1 metric 100", "ip route add default via B1 metric 1", "ip route del default via A1 metric 100",
			"ip route add default via A3 metric 5", "ip route add SERVER via B1", "ip route add SERVER via A3 metric 3", "ip route replace SERVER/NETWORK via B3",
			"ip route add unreachable SERVER", "ip route add blackhole SERVER table 201", "ip rule add from A2 lookup 201 pref 900",
			"ip rule add to SERVER lookup 201 pref 901", "ip rule add fwmark 7 lookup 200 pref 902", "ip rule add prohibit dport 5003 pref 903",
			"ip rule add from B2 lookup 200 pref 904", "ip addr del A2/LEN dev u0", "ip addr del B2/LEN dev u1", "ip link set u0 down",
			"ip link set u1 down", "sysctl -qw net.ipv4.conf.u1.rp_filter=1", "sysctl -qw net.ipv4.conf.u0.rp_filter=1", "ip route flush table main",
			"ip rule add oif u1 lookup 200 pref 905", "ip rule add uidrange 0-0 lookup 201 pref 906", "ip rule add ipproto udp lookup 201 pref 907",
			"ip route replace default nexthop via B1 nexthop via B3", "sysctl -qw net.ipv6.conf.u0.disable_ipv6=1", "ip link set u0 mtu 1279",
			"ip route change default via A3 metric 100", "ip route del SERVER/NETWORK")...)
	}
	for range 3 {
		all = append(all, "ip link set e0 down", "ip link set e1 down", "ip link set e0 nomaster", "ip link del e1", "ip link set t0 down", "ip link set u0 arp off")
	}
	return all
}

// live is one connection.
type live struct {
	fd, peer int
	port     int // the server's
	unbound  bool
	how      string
}

// connect makes a connection of the host to the server; nil: it cannot be made.
func (s *site) connect(t *testing.T, f *family, kind, port int, src string, mark int, dev string) *live {
	l := &live{port: port, unbound: src == "", how: fmt.Sprintf("%s, %s, port %d, from %q, mark %d, device %q", f.ip, map[int]string{unix.SOCK_STREAM: "TCP", unix.SOCK_DGRAM: "UDP"}[kind], port, src, mark, dev)}
	var listener int
	s.server.Do(func() {
		listener = must(unix.Socket(f.domain, kind|unix.SOCK_CLOEXEC, 0))(t)
		check(t, unix.Bind(listener, sockaddr(netip.MustParseAddr(f.server), port)))
		if kind == unix.SOCK_STREAM {
			check(t, unix.Listen(listener, 1))
		}
	})
	var err error
	s.host.Do(func() {
		l.fd = must(unix.Socket(f.domain, kind|unix.SOCK_CLOEXEC, 0))(t)
		check(t, unix.SetsockoptTimeval(l.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Usec: 250_000}))
		if src != "" {
			check(t, unix.Bind(l.fd, sockaddr(netip.MustParseAddr(src), 0)))
		}
		if mark != 0 {
			check(t, unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_MARK, mark))
		}
		if dev != "" {
			check(t, unix.BindToDevice(l.fd, dev))
		}
		err = unix.Connect(l.fd, sockaddr(netip.MustParseAddr(f.server), port))
	})
	t.Cleanup(func() { unix.Close(l.fd) })
	if kind == unix.SOCK_DGRAM {
		t.Cleanup(func() { unix.Close(listener) })
		l.peer = listener
		if err == nil {
			l.say(l.fd)
		}
		if err != nil || !readable(l.peer, 500*time.Millisecond) {
			return nil
		}
		_, from, err := unix.Recvfrom(l.peer, make([]byte, 8), 0)
		check(t, err)
		check(t, unix.Connect(l.peer, from))
		return l
	}
	defer unix.Close(listener)
	if err != nil {
		return nil
	}
	l.peer, _, err = unix.Accept(listener)
	check(t, err)
	t.Cleanup(func() { unix.Close(l.peer) })
	return l
}

func sockaddr(a netip.Addr, port int) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: port, Addr: a.As16()}
}

// say sends a byte.
func (l *live) say(fd int) { _, _ = unix.Write(fd, []byte("?")) }

// lives reports whether what the host sends arrives, and what the server sends back. UDP
// is sent again from time to time.
func (l *live) lives(wait time.Duration) bool {
	end := time.Now().Add(wait)
	return l.passes(l.fd, l.peer, end) && l.passes(l.peer, l.fd, end)
}

func (l *live) passes(from, to int, end time.Time) bool {
	for {
		l.say(from)
		if readable(to, min(500*time.Millisecond, time.Until(end))) {
			if n, _ := unix.Read(to, make([]byte, 64)); n > 0 {
				return true
			}
		}
		if time.Now().After(end) {
			return false
		}
	}
}

func must(fd int, err error) func(*testing.T) int {
	return func(t *testing.T) int { check(t, err); return fd }
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readable(fd int, wait time.Duration) bool {
	for end := time.Now().Add(wait); time.Now().Before(end); {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(time.Until(end).Milliseconds())+1)
		if n > 0 {
			return fds[0].Revents&unix.POLLIN != 0
		}
		if err != nil && err != unix.EINTR {
			return false
		}
	}
	return false
}

// tap sees by which uplink, and to which station, the host's packets leave.
type tap struct {
	fd      int
	uplinks []int
}

func (s *site) tap(t *testing.T) *tap {
	w := &tap{}
	s.host.Do(func() {
		for _, name := range []string{"u0", "u1"} {
			i, err := net.InterfaceByName(name)
			check(t, err)
			w.uplinks = append(w.uplinks, i.Index)
		}
		const all = 0x0300 // htons(ETH_P_ALL)
		w.fd = must(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all))(t)
		check(t, unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20))
	})
	t.Cleanup(func() { unix.Close(w.fd) })
	return w
}

// ways are the devices and stations by which packets to each of the server's ports leave.
func (w *tap) ways() map[int]map[string]bool {
	out := map[int]map[string]bool{}
	b := make([]byte, 2048)
	for {
		n, sa, err := unix.Recvfrom(w.fd, b, 0)
		if err != nil {
			return out
		}
		ll, ok := sa.(*unix.SockaddrLinklayer)
		if !ok || ll.Pkttype != unix.PACKET_OUTGOING || !slices.Contains(w.uplinks, ll.Ifindex) {
			continue
		}
		port, ok := portOf(b[:n])
		if !ok {
			continue
		}
		if out[port] == nil {
			out[port] = map[string]bool{}
		}
		out[port][fmt.Sprintf("%d %x", ll.Ifindex, b[:6])] = true
	}
}

// portOf is the destination port of a frame with TCP or UDP.
func portOf(frame []byte) (int, bool) {
	var proto byte
	var at int
	switch {
	case len(frame) > 38 && bytes.Equal(frame[12:14], []byte{8, 0}):
		proto, at = frame[23], 36
	case len(frame) > 58 && bytes.Equal(frame[12:14], []byte{0x86, 0xdd}):
		proto, at = frame[20], 56
	default:
		return 0, false
	}
	return int(binary.BigEndian.Uint16(frame[at:])), proto == unix.IPPROTO_TCP || proto == unix.IPPROTO_UDP
}

// said is what --try says of the connections, by the server's port. Those in kept may have the
// way of a look-up without their source (see the package's comment).
func (s *site) said(t *testing.T, lines []string) (out map[int]report.TrySocket, kept map[int]bool) {
	out, kept = map[int]report.TrySocket{}, map[int]bool{}
	q := &report.TryQuestion{}
	for _, l := range lines {
		q.Scripts = append(q.Scripts, command.Script{Lines: command.Lines(l)})
	}
	s.host.Do(func() {
		h, err := kernel.Open("")
		check(t, err)
		defer h.Close()
		trial, err := report.NewTrial(t.Context(), h, q)
		check(t, err)
		for _, x := range trial.Report.Sockets {
			out[int(x.Remote.Port())] = x
		}
		before := trial.Before.FIB()
		for i := range before.Snapshot().Sockets {
			x := &before.Snapshot().Sockets[i]
			with := connections.FlowOf(x)
			first := with
			first.Src = netip.Addr{}
			a, b := before.Lookup(with), before.Lookup(first)
			kept[int(x.Remote.Port())] = with.Dst.Is6() && len(a.NextHops) > 0 && len(b.NextHops) > 0 && a.NextHops[0].Gateway != b.NextHops[0].Gateway
		}
	})
	return out, kept
}

func tryLive(t *testing.T, rng *rand.Rand, tally map[string]int) {
	s := newSite(t, rng)
	var all []*live
	for i := range 12 {
		f := &families()[i%2]
		src := []string{"", "", f.nets[0] + "2", f.nets[1] + "2"}[rng.IntN(4)]
		mark, dev := []int{0, 0, 7}[rng.IntN(3)], []string{"", "", "", "u0", "u1"}[rng.IntN(5)]
		kind := []int{unix.SOCK_STREAM, unix.SOCK_DGRAM}[rng.IntN(2)]
		l := s.connect(t, f, kind, 5000+i, src, mark, dev)
		if l == nil {
			continue
		}
		switch lives := l.lives(time.Second); {
		case !lives && kind == unix.SOCK_STREAM:
			t.Fatalf("%s: connected, and does not live", l.how)
		case lives: // the answers to UDP may be dropped by the reverse-path filter
			all = append(all, l)
		}
	}
	if len(all) == 0 {
		t.Fatal("no connection could be made")
	}
	w := s.tap(t)
	for _, l := range all {
		if !l.lives(5 * time.Second) {
			t.Fatalf("%s: does not live", l.how)
		}
	}
	old := w.ways()
	var made []string
	for range 1 + rng.IntN(2) {
		list := changes()
		made = append(made, list[rng.IntN(len(list))])
	}
	said, kept := s.said(t, made)
	for _, line := range made {
		s.host.Batch([]string{line})
	}
	s.host.Batch([]string{"ip route flush cache"}) // for the reverse-path filter: see the package's comment
	s.host.Settle()
	w.ways()
	really := make([]bool, len(all))
	done := make(chan int)
	for i, l := range all {
		wait := 20 * time.Second // where it is said to live
		if said[l.port].Lost || said[l.port].MayBeLost {
			wait = 600 * time.Millisecond
		}
		go func() { really[i] = l.lives(wait); done <- i }()
	}
	for range all {
		<-done
	}
	now := w.ways()
	for i, l := range all {
		c := said[l.port]
		if really[i] == c.Lost && !c.MayBeLost {
			t.Errorf("%s: said to be lost: %v %s, lives: %v\n%s", l.how, c.Lost, c.Reason.Code, really[i], strings.Join(made, "\n"))
		}
		if moves, ok := leaves(old[l.port], now[l.port]); ok && moves != c.Moves && !c.Perhaps && !(c.Lost && slices.Contains(made, "ip link set u0 arp off")) && !(l.unbound && kept[l.port]) {
			t.Errorf("%s: said to move: %v, moves: %v (from %v to %v)\n%s", l.how, c.Moves, moves, old[l.port], now[l.port], strings.Join(made, "\n"))
		}
		switch {
		case c.Lost:
			tally["lost: "+string(c.Reason.Code)]++
		case c.MayBeLost:
			tally[fmt.Sprintf("may be lost, and lives %v: %s", really[i], c.Reason.Code)]++
		case c.Perhaps:
			tally["may move"]++
		case c.Moves:
			tally["moves and lives"]++
		default:
			tally["stays"]++
		}
	}
}

// leaves reports whether packets leave in a different way; false: they do not leave
// at all.
func leaves(old, now map[string]bool) (moves, known bool) {
	if len(now) == 0 {
		return false, false
	}
	for w := range now {
		if !old[w] {
			return true, true
		}
	}
	return false, true
}
