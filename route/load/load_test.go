package load_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"routewhy/route"
	"routewhy/route/load"
)

// TestWhole reads every file of testdata: no line is odd.
func TestWhole(t *testing.T) {
	names, err := filepath.Glob("testdata/*.*")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		r, err := load.Files(nil, name)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, f := range r.Faults {
			t.Errorf("%v", f)
		}
	}
}

// TestSavedDevices: `ip route save` has only the numbers of devices. They become
// devices all the same, with the addresses that routes show.
func TestSavedDevices(t *testing.T) {
	r, err := load.Files(nil, "testdata/route.save")
	if err != nil {
		t.Fatal(err)
	}
	s := r.Snapshot
	if lo := s.Link(route.LoopbackIndex); lo == nil || lo.Name != "lo" {
		t.Errorf("lo is %+v", lo)
	}
	if len(s.Addrs) == 0 || !s.Assumes(route.FactAddrs, route.IPv4) {
		t.Errorf("addresses %+v, gaps %+v", s.Addrs, s.Gaps)
	}
	for _, a := range s.Addrs {
		if l := s.Link(a.Link); l == nil || l.Name != s.LinkName(a.Link) || !l.Up() {
			t.Errorf("%s is on device %d: %+v", a.Prefix, a.Link, l)
		}
	}
}

// TestUname reads the host's name and its hardware from the uname -a of several systems.
func TestUname(t *testing.T) {
	for text, want := range map[string][3]string{
		"Linux web1.example.com 5.14.0-427.el9.x86_64 #1 SMP PREEMPT_DYNAMIC Fri Feb 23 01:51:18 EST 2024 x86_64 x86_64 x86_64 GNU/Linux": {"web1.example.com", "x86_64", "5.14.0-427.el9.x86_64"},
		"Linux web2 6.1.0-13-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.55-1 (2023-09-29) x86_64 GNU/Linux":                                  {"web2", "x86_64", "6.1.0-13-amd64"},
		"Linux old 2.6.32 #1 SMP Thu Jan 1 00:00:00 UTC 2015 i686 i686 i386 GNU/Linux":                                                    {"old", "i686", "2.6.32"},
		"Linux pi 6.1.21-v7l+ #1642 SMP Mon Apr 3 17:22:30 BST 2023 armv7l unknown unknown GNU/Linux":                                     {"pi", "armv7l", "6.1.21-v7l+"},
		"Linux x 6.1.0 #1 SMP": {"x", "", "6.1.0"},
		"Linux " + strings.Repeat("h", 65) + " 6.1.0 #1 SMP x86_64 Linux": {"", "x86_64", "6.1.0"},
	} {
		r, err := load.Files(strings.NewReader(text+"\ndefault via 192.0.2.1 dev eth0\n"), load.Stdin)
		if err != nil || len(r.Faults) > 0 {
			t.Fatalf("%s: %v %v", text, err, r)
		}
		if s := r.Snapshot; [3]string{s.Host, s.Machine, s.Release} != want {
			t.Errorf("%s: host %q, machine %q, release %q", text, s.Host, s.Machine, s.Release)
		}
	}
}

// TestVRFInText: `ip -d` writes further words after a VRF's table.
func TestVRFInText(t *testing.T) {
	const text = `4: red: <NOARP,MASTER,UP,LOWER_UP> mtu 65575 qdisc noqueue state UP group default qlen 1000
    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff promiscuity 0 minmtu 1280 maxmtu 65575
    vrf table 110 numtxqueues 1 numrxqueues 1 gso_max_size 65536
3: v0@v0p: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master red state UP group default qlen 1000
    vrf_slave table 110 numtxqueues 1 numrxqueues 1 gso_max_size 65536
    inet 10.0.0.1/24 scope global v0
       valid_lft forever preferred_lft forever
`
	r, err := load.Files(strings.NewReader(text), load.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	red, v0 := r.Snapshot.LinkByName("red"), r.Snapshot.LinkByName("v0")
	if red == nil || v0 == nil || red.Kind != "vrf" || red.VRFTable != 110 || v0.Master != red.Index || v0.VRFTable != 0 {
		t.Errorf("red %+v, v0 %+v", red, v0)
	}
}

// TestRefuses reads files that are damaged or of no known kind: they are refused.
func TestRefuses(t *testing.T) {
	magic := string(binary.NativeEndian.AppendUint32(nil, 0x45311224)) // of ip route save
	for _, tt := range []struct{ file, want string }{
		{"", "is empty"},
		{"\n\n", "is none of the files"},
		{"hello\n", "is none of the files"},
		{"\x7fELF\x02\x01\x01\x00\x00", "is none of the files"},
		{"[", "ends in the middle"},
		{`[{"dst":"default"`, "ends in the middle"},
		{magic + "\x00", "ends in the middle"},
		{magic + "\x00\x00\x00\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "claims 0 bytes"},
		{"\x1f\x8b\x08", "EOF"},
		{"\xfd7zXZ\x00", "EOF"},
		{"PK\x03\x04", "unpack it first"},
		{strings.Repeat("x", 2<<20), "has more than 1024 KiB"},
		{"{}", "snapshot"},
	} {
		_, err := load.Files(strings.NewReader(tt.file), load.Stdin)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.20q: %v; want an error with %q", tt.file, err, tt.want)
		}
	}
}

// TestEncodings reads the same listing as Windows writes it. It refuses a file that a
// machine with the other byte order saved.
func TestEncodings(t *testing.T) {
	const text = "default via 192.0.2.1 dev eth0\r\n"
	utf16 := func(order binary.AppendByteOrder, mark ...byte) string {
		for _, c := range utf16.Encode([]rune(text)) {
			mark = order.AppendUint16(mark, c)
		}
		return string(mark)
	}
	for _, file := range []string{
		"\ufeff" + text, utf16(binary.LittleEndian, 0xff, 0xfe), utf16(binary.BigEndian, 0xfe, 0xff), utf16(binary.LittleEndian), utf16(binary.BigEndian),
	} {
		r, err := load.Files(strings.NewReader(file), load.Stdin)
		if err != nil || len(r.Faults) > 0 {
			t.Errorf("%q: %v %v", file, err, r)
			continue
		}
		if d := r.Routes.Get(0); !d.IsDefault() || d.NextHops[0].Gateway.String() != "192.0.2.1" {
			t.Errorf("%q: %+v", file, d)
		}
	}
	swapped := []byte{0x24, 0x12, 0x31, 0x45}
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		swapped = []byte{0x45, 0x31, 0x12, 0x24}
	}
	_, err := load.Files(bytes.NewReader(append(swapped, 0x34, 0, 0, 0)), load.Stdin)
	if err == nil || !strings.Contains(err.Error(), "other byte order") {
		t.Errorf("route.save of the other byte order: %v", err)
	}
}

// TestSeveralReports: an archive with two sosreports is about two hosts.
func TestSeveralReports(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, host := range []string{"sosreport-a", "sosreport-b"} {
		const body = "default via 192.0.2.1 dev eth0\n"
		name := host + "/sos_commands/networking/ip_route_show_table_all"
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := load.Files(&b, load.Stdin); err == nil || !strings.Contains(err.Error(), "several sosreports") {
		t.Error(err)
	}
}
