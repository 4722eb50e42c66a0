package connections_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"routewhy/lookup"
	"routewhy/lookup/connections"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// TestLive makes real connections over two providers and changes their host at random.
// It compares what is said about each connection with what happens to it. Both
// providers drop packets whose source is not in their own network. ROUTEWHY_LIVE is how
// many set-ups (3), ROUTEWHY_SEED where the random numbers start.
func TestLive(t *testing.T) {
	seed := routetest.EnvInt(t, "ROUTEWHY_SEED", 1)
	tally := map[string]int{}
	for n := range routetest.EnvInt(t, "ROUTEWHY_LIVE", 3) {
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

const server = "203.0.113.9"

func newSite(t *testing.T, rng *rand.Rand) *site {
	s := &site{host: routetest.New(t), server: routetest.New(t)}
	s.host.Run(t, "ip link set lo up")
	s.server.Run(t, "ip link set lo up", "ip addr add "+server+"/32 dev lo", "sysctl -qw net.ipv4.conf.all.rp_filter=0", "sysctl -qw net.ipv4.conf.default.rp_filter=0")
	for i, net := range []string{"192.0.2", "198.51.100"} {
		r := routetest.New(t)
		r.Run(t, "ip link set lo up", "sysctl -qw net.ipv4.ip_forward=1", "sysctl -qw net.ipv4.conf.all.rp_filter=0", "sysctl -qw net.ipv4.conf.default.rp_filter=0")
		s.host.Run(t, fmt.Sprintf("ip link add u%d type veth peer name cust netns %d", i, r.Thread()),
			fmt.Sprintf("ip addr add %s.2/24 dev u%d", net, i), fmt.Sprintf("ip link set u%d up", i))
		s.server.Run(t, fmt.Sprintf("ip link add p%d type veth peer name core netns %d", i, r.Thread()),
			fmt.Sprintf("ip addr add 10.%d.0.1/30 dev p%d", i, i), fmt.Sprintf("ip link set p%d up", i))
		r.Run(t, "ip addr add "+net+".1/24 dev cust", "ip addr add "+net+".3/24 dev cust", "ip link set cust up", "sysctl -qw net.ipv4.conf.cust.rp_filter=1",
			fmt.Sprintf("ip addr add 10.%d.0.2/30 dev core", i), "ip link set core up", fmt.Sprintf("ip route add %s/32 via 10.%d.0.1", server, i))
		s.server.Run(t, fmt.Sprintf("ip route add %s.0/24 via 10.%d.0.2", net, i))
	}
	s.host.Run(t, "ip route add default via 192.0.2.1 metric 100", "ip route add default via 198.51.100.1 metric 200",
		"ip route add default via 198.51.100.1 table 201", "ip route add default via 192.0.2.1 table 200")
	for _, c := range []string{
		"ip rule add from 198.51.100.2 lookup 201 pref 1001", "ip rule add fwmark 7 lookup 201 pref 1002", "ip rule add from 192.0.2.2 lookup 200 pref 1003",
		"ip route add 203.0.113.0/24 via 192.0.2.3", "sysctl -qw net.ipv4.conf.u0.rp_filter=1", "sysctl -qw net.ipv4.conf.u1.rp_filter=1",
	} {
		if rng.IntN(2) == 0 {
			s.host.Run(t, c)
		}
	}
	for _, ns := range []*routetest.Namespace{s.host, s.server} {
		ns.Settle()
	}
	return s
}

// changes are what may be done to the host.
func changes() []string {
	return []string{
		"ip route replace default via 198.51.100.1 metric 100", "ip route add default via 198.51.100.1", "ip route del default via 192.0.2.1 metric 100",
		"ip route add default via 192.0.2.3 metric 5", "ip route add 203.0.113.0/25 via 198.51.100.1", "ip route add 203.0.113.8/30 via 192.0.2.3",
		"ip route add unreachable 203.0.113.9", "ip route add blackhole 203.0.113.0/28 table 201", "ip rule add from 192.0.2.2 lookup 201 pref 900",
		"ip rule add to 203.0.113.9 lookup 201 pref 901", "ip rule add fwmark 7 lookup 200 pref 902", "ip rule add prohibit dport 5003 ipproto tcp pref 903",
		"ip rule add from 198.51.100.2 lookup 200 pref 904", "ip addr del 192.0.2.2/24 dev u0", "ip addr del 198.51.100.2/24 dev u1", "ip link set u0 down",
		"ip link set u1 down", "sysctl -qw net.ipv4.conf.u1.rp_filter=1", "sysctl -qw net.ipv4.conf.u0.rp_filter=1", "ip route flush table main",
		"ip rule add oif u1 lookup 200 pref 905", "ip rule add uidrange 0-0 lookup 201 pref 906", "ip route replace default nexthop via 198.51.100.1 nexthop via 198.51.100.3",
	}
}

// live is one connection.
type live struct {
	fd, peer int
	local    netip.AddrPort
	how      string
}

// connect makes a connection of the host to the server; nil: it cannot be made.
func (s *site) connect(t *testing.T, port int, src string, mark int, dev string) *live {
	l := &live{how: fmt.Sprintf("port %d, from %q, mark %d, device %q", port, src, mark, dev)}
	var listener int
	s.server.Do(func() {
		listener = must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
		check(t, unix.Bind(listener, &unix.SockaddrInet4{Port: port, Addr: netip.MustParseAddr(server).As4()}))
		check(t, unix.Listen(listener, 1))
	})
	defer unix.Close(listener)
	var err error
	s.host.Do(func() {
		l.fd = must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
		check(t, unix.SetsockoptTimeval(l.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Usec: 250_000}))
		if src != "" {
			check(t, unix.Bind(l.fd, &unix.SockaddrInet4{Addr: netip.MustParseAddr(src).As4()}))
		}
		if mark != 0 {
			check(t, unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_MARK, mark))
		}
		if dev != "" {
			check(t, unix.BindToDevice(l.fd, dev))
		}
		err = unix.Connect(l.fd, &unix.SockaddrInet4{Port: port, Addr: netip.MustParseAddr(server).As4()})
	})
	t.Cleanup(func() { unix.Close(l.fd) })
	if err != nil {
		return nil
	}
	l.peer, _, err = unix.Accept(listener)
	check(t, err)
	t.Cleanup(func() { unix.Close(l.peer) })
	sa, err := unix.Getsockname(l.fd)
	check(t, err)
	in4 := sa.(*unix.SockaddrInet4)
	l.local = netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(in4.Port))
	return l
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

// lives reports whether what the host sends arrives, and what the server sends back.
func (l *live) lives(wait time.Duration) bool {
	_, err := unix.Write(l.fd, []byte("?"))
	if err != nil || !readable(l.peer, wait) {
		return false
	}
	_, _ = unix.Read(l.peer, make([]byte, 8))
	_, err = unix.Write(l.peer, []byte("!"))
	if err != nil || !readable(l.fd, wait) {
		return false
	}
	n, _ := unix.Read(l.fd, make([]byte, 8))
	return n > 0
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

// tap sees by which device, and to which station, the host's packets leave.
type tap struct{ fd int }

func (s *site) tap(t *testing.T) *tap {
	w := &tap{}
	s.host.Do(func() {
		const all = 0x0300 // htons(ETH_P_ALL)
		w.fd = must(unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all))(t)
	})
	t.Cleanup(func() { unix.Close(w.fd) })
	return w
}

// ways are the devices and stations by which each of the host's ports sends TCP.
func (w *tap) ways() map[uint16]map[string]bool {
	out := map[uint16]map[string]bool{}
	b := make([]byte, 2048)
	for {
		n, sa, err := unix.Recvfrom(w.fd, b, 0)
		if err != nil {
			return out
		}
		ll, ok := sa.(*unix.SockaddrLinklayer)
		if !ok || ll.Pkttype != unix.PACKET_OUTGOING || n < 38 || b[12] != 8 || b[13] != 0 || b[23] != unix.IPPROTO_TCP {
			continue
		}
		port := uint16(b[34])<<8 | uint16(b[35])
		if out[port] == nil {
			out[port] = map[string]bool{}
		}
		out[port][fmt.Sprintf("%d %x", ll.Ifindex, b[:6])] = true
	}
}

func tryLive(t *testing.T, rng *rand.Rand, tally map[string]int) {
	s := newSite(t, rng)
	var all []*live
	for i := range 8 {
		src := []string{"", "", "192.0.2.2", "198.51.100.2"}[rng.IntN(4)]
		mark, dev := []int{0, 0, 7}[rng.IntN(3)], []string{"", "", "", "u0", "u1"}[rng.IntN(5)]
		l := s.connect(t, 5000+i, src, mark, dev)
		if l == nil {
			continue
		}
		if !l.lives(5 * time.Second) {
			t.Fatalf("%s: connected, and does not live", l.how)
		}
		all = append(all, l)
	}
	before := s.read(t)
	w := s.tap(t)
	for _, l := range all {
		l.lives(5 * time.Second)
	}
	old := w.ways()
	var made []string
	for range 1 + rng.IntN(2) {
		list := changes()
		made = append(made, list[rng.IntN(len(list))])
	}
	s.host.Batch(made)
	after := s.read(t)
	said := map[uint16]connections.Change{}
	for _, c := range connections.Compare(before, after, before.Snapshot().Sockets) {
		said[c.Socket.Local.Port()] = c
	}
	w.ways()
	really := make([]bool, len(all))
	done := make(chan int)
	for i, l := range all {
		wait := 20 * time.Second // where it is said to live
		if said[l.local.Port()].Lost != "" {
			wait = 500 * time.Millisecond
		}
		go func() { really[i] = l.lives(wait); done <- i }()
	}
	for range all {
		<-done
	}
	now := w.ways()
	for i, l := range all {
		c := said[l.local.Port()]
		if really[i] == (c.Lost != "") {
			t.Errorf("%s: said to be lost: %q, lives: %v\n%s", l.how, c.Lost, really[i], strings.Join(made, "\n"))
		}
		if moves, ok := leaves(old[l.local.Port()], now[l.local.Port()]); ok && moves != c.Moves && !c.Perhaps && !sameStation(&c) {
			t.Errorf("%s: said to move: %v, moves: %v (from %v to %v)\n%s", l.how, c.Moves, moves, old[l.local.Port()], now[l.local.Port()], strings.Join(made, "\n"))
		}
		switch {
		case c.Lost != "":
			tally["lost: "+string(c.Lost)]++
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

// sameStation reports whether a connection moves between two addresses of one provider's
// router. No frame shows that.
func sameStation(c *connections.Change) bool {
	return c.Moves && c.Before.NextHops[0].Link == c.After.NextHops[0].Link
}

func (s *site) read(t *testing.T) *lookup.FIB {
	s.host.Settle()
	var fib *lookup.FIB
	s.host.Do(func() {
		h, err := kernel.Open("")
		check(t, err)
		defer h.Close()
		fib, err = lookup.Read(t.Context(), h, &lookup.Need{Query: route.Query{AllDevices: true, Sockets: route.AllSockets}})
		check(t, err)
	})
	return fib
}
