package kernel

import (
	"bytes"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"routewhy/route"
)

// TestMarkersOfTheKernel reads what sets marks: rules that nft(8) made, and a socket. It is
// read only if a rule asks for a mark.
func TestMarkersOfTheKernel(t *testing.T) {
	isolate(t)
	nft(t, `
add table inet fw
add chain inet fw out { type filter hook output priority mangle; }
add chain inet fw moves { type route hook output priority 0; }
add chain inet fw bits
add chain inet fw pre { type filter hook prerouting priority 0; }
add rule inet fw out ip daddr 203.0.113.0/24 counter meta mark set 0x1
add rule inet fw moves jump bits
add rule inet fw bits meta mark set meta mark & 0xffffff00 | 0x10
add rule inet fw pre meta mark set ct mark
`)
	ip(t, "link set lo up\nrule add pref 100 fwmark 1 lookup 100\n")
	control := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, 0x77) }); e != nil {
			return e
		}
		return err
	}}
	l, err := control.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	s := read(t, open(t), route.Query{Markers: true})
	if !s.MarkersRead || s.Lacks(route.FactMarkers, 0) {
		t.Fatalf("not read: %v", s.Gaps)
	}
	for i := range s.Markers {
		s.Markers[i].Handle, s.Markers[i].Processes = 0, nil
	}
	all := ^uint32(0)
	want := []route.Marker{
		{Kind: route.MarkerRule, Mark: 1, Set: all, Table: "inet fw", Chain: "out", Hooks: []route.MarkerHook{{Hook: "output", Type: "filter"}}, Counted: true},
		{Kind: route.MarkerRule, Mark: 0x10, Set: 0xff, Table: "inet fw", Chain: "bits", Hooks: []route.MarkerHook{{Hook: "output", Type: "route"}}},
		{Kind: route.MarkerRule, Open: all, Table: "inet fw", Chain: "pre", Hooks: []route.MarkerHook{{Hook: "prerouting", Type: "filter"}}},
		{Kind: route.MarkerSocket, Mark: 0x77, Set: all, Sockets: 1},
	}
	if d := cmp.Diff(want, s.Markers); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	ip(t, "rule del pref 100\n")
	if s := read(t, open(t), route.Query{Markers: true}); s.MarkersRead || s.Markers != nil {
		t.Errorf("no rule asks for a mark: %v", s.Markers)
	}
}

// nft runs nft(8), or skips the test if there is no nftables.
func nft(t *testing.T, script string) {
	t.Helper()
	path, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("nft(8) is not installed")
	}
	cmd := exec.Command(path, "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); bytes.Contains(out, []byte("Unable to")) || bytes.Contains(out, []byte("not supported")) {
		t.Skipf("the kernel has no nftables: %s", out)
	} else if err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}
