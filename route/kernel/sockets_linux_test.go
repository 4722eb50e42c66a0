package kernel

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"routewhy/route"
)

// listenOn opens a listening or receiving socket in the calling thread's
// namespace.
func listenOn(t *testing.T, network, address string, v6only bool, dev string) int {
	t.Helper()
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		cerr := c.Control(func(fd uintptr) {
			if strings.HasSuffix(network, "6") {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, map[bool]int{true: 1}[v6only])
			}
			if err == nil && dev != "" {
				err = unix.BindToDevice(int(fd), dev)
			}
		})
		if err == nil {
			err = cerr
		}
		return err
	}}
	if strings.HasPrefix(network, "tcp") {
		l, err := lc.Listen(context.Background(), network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.Addr().(*net.TCPAddr).Port
	}
	l, err := lc.ListenPacket(context.Background(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.LocalAddr().(*net.UDPAddr).Port
}

func TestReadSockets(t *testing.T) {
	isolate(t)
	ip(t, twoDevices)
	listenOn(t, "tcp4", "0.0.0.0:1001", false, "")
	listenOn(t, "tcp6", "[::]:1002", false, "")
	listenOn(t, "tcp6", "[::]:1003", true, "v0")
	listenOn(t, "udp4", "127.0.0.2:1004", false, "")
	listenOn(t, "udp6", "[::1]:1005", false, "")
	conn, err := net.Dial("tcp4", "127.0.0.1:1001")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	h := open(t)
	s := read(t, h, route.Query{Sockets: route.Listening, Processes: true})
	var got []string
	for i := range s.Sockets {
		x := &s.Sockets[i]
		got = append(got, fmt.Sprintf("%s %s %s v6only %v dev %s", x.ProtoName(), x.Local, x.State, x.V6Only, s.LinkName(x.Link)))
		if len(x.Owners) != 1 || x.Owners[0].PID != os.Getpid() || x.Owners[0].Name == "" {
			t.Errorf("%s: owners %v", x.Local, x.Owners)
		}
		if !x.Listens() {
			t.Errorf("%+v does not listen", x)
		}
	}
	slices.Sort(got)
	want := []string{
		"tcp 0.0.0.0:1001 listen v6only false dev if0",
		"tcp [::]:1002 listen v6only false dev if0",
		"tcp [::]:1003 listen v6only true dev v0",
		"udp 127.0.0.2:1004 close v6only false dev if0",
		"udp [::1]:1005 close v6only true dev if0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if one := read(t, h, route.Query{Sockets: route.Listening, Port: 1004}).Sockets; len(one) != 1 || one[0].Local.Port() != 1004 {
		t.Errorf("port 1004: %+v", one)
	}
	all := read(t, h, route.Query{Sockets: route.AllSockets}).Sockets
	if !slices.ContainsFunc(all, func(x route.Socket) bool {
		return x.State == route.SocketEstablished && x.Remote == netip.MustParseAddrPort("127.0.0.1:1001")
	}) {
		t.Errorf("no connection in %+v", all)
	}
	if none := read(t, h, route.Query{}).Sockets; len(none) != 0 {
		t.Errorf("nobody asked for %+v", none)
	}
}

// TestSecondOpinionSockets compares with the sockets that vishvananda/netlink finds.
func TestSecondOpinionSockets(t *testing.T) {
	isolate(t)
	ip(t, twoDevices)
	listenOn(t, "tcp4", "127.0.0.1:1001", false, "v0")
	listenOn(t, "tcp6", "[::]:1002", false, "")
	listenOn(t, "udp4", "0.0.0.0:1004", false, "")
	listenOn(t, "udp6", "[2001:db8:a::1]:1005", false, "")
	ours := map[string]bool{}
	for _, x := range read(t, open(t), route.Query{Sockets: route.AllSockets}).Sockets {
		ours[fmt.Sprint(x.ProtoName(), x.Local, x.State, x.Link, x.UID, x.Inode)] = true
	}
	theirs := 0
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		tcp, err := netlink.SocketDiagTCP(family)
		if err != nil {
			t.Fatal(err)
		}
		udp, err := netlink.SocketDiagUDP(family)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range append(tcp, udp...) {
			proto := "tcp"
			if i >= len(tcp) {
				proto = "udp"
			}
			theirs++
			a, _ := netip.AddrFromSlice(x.ID.Source)
			if family == unix.AF_INET {
				a = a.Unmap()
			}
			text := fmt.Sprint(proto, netip.AddrPortFrom(a, x.ID.SourcePort), route.SocketState(x.State), x.ID.Interface, x.UID, x.INode)
			if !ours[text] {
				t.Errorf("they have %s, we have %v", text, ours)
			}
		}
	}
	if theirs != len(ours) || theirs != 4 {
		t.Errorf("they have %d sockets, we have %d", theirs, len(ours))
	}
}

func TestSocketInode(t *testing.T) {
	for text, want := range map[string]uint32{"socket:[4711]": 4711, "pipe:[4711]": 0, "socket:[x]": 0, "socket:[": 0, "socket:[99999999999]": 0} {
		n, ok := socketInode(text)
		if ok != (want != 0) || ok && n != want {
			t.Errorf("socketInode(%q) = %d, %v", text, n, ok)
		}
	}
}

func TestCaptureSockets(t *testing.T) {
	if !*capture {
		t.Skip("without -capture")
	}
	isolate(t)
	ip(t, twoDevices)
	listenOn(t, "tcp4", "127.0.0.1:1001", false, "v0")
	listenOn(t, "tcp6", "[::]:1002", false, "")
	listenOn(t, "udp6", "[::]:1003", true, "")
	listenOn(t, "udp4", "0.0.0.0:1004", false, "")
	h := open(t)
	s, err := h.dialTo(unix.NETLINK_SOCK_DIAG, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var msgs [][]byte
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for _, proto := range []uint8{route.ProtoTCP, route.ProtoUDP} {
			_, err := s.dump(t.Context(), sockDiagByFamily, socketRequest(f, proto, states(route.AllSockets, proto), 0), func(_ uint16, msg []byte) error {
				msgs = append(msgs, slices.Clone(msg))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	writeSeeds(t, "socket", msgs)
}

func FuzzDecodeSocket(f *testing.F) {
	decode := func(b []byte) (route.Socket, error) {
		s, _, err := decodeSocket(b)
		return s, err
	}
	fuzz(f, "socket", decode, func(t *testing.T, s route.Socket) {
		if s.Family == 0 || s.Local.Addr().BitLen() != s.Family.Bits() || s.Remote.Addr().BitLen() != s.Family.Bits() {
			t.Errorf("%+v", s)
		}
	})
}
