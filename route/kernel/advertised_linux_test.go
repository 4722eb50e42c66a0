package kernel

import (
	"bufio"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"routewhy/route"
)

// TestDefaults6Of: the lines that a kernel wrote about a route from a router advertisement, one
// that a program made with a lifetime, and others.
func TestDefaults6Of(t *testing.T) {
	const zero = "00000000000000000000000000000000"
	text := zero + " 00 " + zero + " 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0\n" +
		zero + " 00 " + zero + " 00 fe800000000000000000000000000002 00000400 00000001 00000000 00400003     eth1\n" +
		zero + " 00 " + zero + " 00 " + zero + " ffffffff 00000001 00000000 00200200       lo\n" +
		"20010db8000000000000000000000000 40 " + zero + " 00 " + zero + " 00000100 00000001 00000000 00000001     eth0\n"
	want := []default6{
		{netip.MustParseAddr("fe80::1"), "eth0", 1024, true}, {netip.MustParseAddr("fe80::2"), "eth1", 1024, false},
	}
	if got := defaults6Of(bufio.NewScanner(strings.NewReader(text))); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

// TestReadByProgram reads a default route that a program made as the kernel makes those from
// router advertisements.
func TestReadByProgram(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+"addr add 2001:db8::2/64 dev v0 nodad\nroute add ::/0 via 2001:db8::1 dev v0 proto ra metric 1024 expires 1800\n")
	s := read(t, open(t), route.Query{})
	for i := range s.Routes {
		if r := &s.Routes[i]; r.IsDefault() && r.Dst.Addr().Is6() && r.LooksAdvertised() {
			if r.Flags&route.FlagByProgram == 0 {
				t.Error("it is taken for the kernel's")
			}
			return
		}
	}
	t.Error("it is not there")
}
