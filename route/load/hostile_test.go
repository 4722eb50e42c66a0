//go:build unix

package load_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"routewhy/route"
	"routewhy/route/load"
	"routewhy/route/routetest"
)

// TestFolderOfAnything reads folders that contain other things than files. If one
// of these were opened, the program would wait for it or read it forever.
func TestFolderOfAnything(t *testing.T) {
	const listing = "default via 192.0.2.1 dev eth0\n"
	fifo := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
			must(t, syscall.Mkfifo(filepath.Join(dir, name), 0o600))
		}
	}
	link := func(to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { must(t, os.Symlink(to, filepath.Join(dir, "link"))) }
	}
	for name, c := range map[string]struct {
		make  func(*testing.T, string)
		fault string
	}{
		"a pipe":                      {fifo("fifo"), "fifo: is no regular file"},
		"a pipe as a report":          {fifo("sos_commands"), "sos_commands: is no regular file"},
		"a pipe as a report's folder": {fifo("other/sos_commands"), ""},
		"a link to itself":            {link("link"), "link: "},
		"a link to the folder":        {link("."), "link: is no regular file"},
		"a link to a device":          {link("/dev/zero"), "link: "},
		"a link out of the folder":    {link("../../etc/passwd"), "link: "},
		"a socket": {func(t *testing.T, dir string) {
			l, err := net.Listen("unix", filepath.Join(dir, "socket"))
			must(t, err)
			t.Cleanup(func() { l.Close() })
		}, "socket: is no regular file"},
		"a file without an end": {func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "sparse"), nil, 0o600))
			must(t, os.Truncate(filepath.Join(dir, "sparse"), 1<<36))
		}, "sparse: line 1 has more than"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if len(dir) > 80 {
				dir, _ = os.MkdirTemp("", "load") // a socket's name is short
				t.Cleanup(func() { _ = os.RemoveAll(dir) })
			}
			must(t, os.WriteFile(filepath.Join(dir, "ip_route"), []byte(listing), 0o600))
			c.make(t, dir)
			r, err := load.Files(nil, dir)
			if err != nil || r.Routes.Len() == 0 {
				t.Fatalf("%v, %+v", err, r)
			}
			if c.fault == "" && len(r.Faults) > 0 || c.fault != "" && (len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Error(), c.fault)) {
				t.Errorf("%v, want %q", r.Faults, c.fault)
			}
		})
	}
}

// TestTextLimit refuses texts whose words and lines take too long to read, although
// nothing of them takes memory.
func TestTextLimit(t *testing.T) {
	const limit = 1 << 20
	for name, text := range map[string]string{
		"lines":       strings.Repeat("#\n", limit/64),
		"words":       strings.Repeat("# "+strings.Repeat("a ", 1000)+"\n", limit/20_000),
		"not known":   strings.Repeat("192.0.2.1 dev eth0 new\n", limit/320),
		"long words":  strings.Repeat(strings.Repeat("x", 900)+"\n", limit/3000),
		"long routes": strings.Repeat("default"+strings.Repeat(" nexthop via 192.0.2.1 dev e", 200)+"\n", limit/20_000),
	} {
		_, err := load.Within(limit, strings.NewReader("default dev eth0\n"+text), "", load.Stdin)
		if over := new(route.LimitError); !errors.As(err, &over) || !over.Text && name != "long routes" {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := load.Files(strings.NewReader("default dev eth0\n"+text), load.Stdin); err != nil {
			t.Errorf("%s: %v with the usual limit", name, err)
		}
	}
}

// TestLongLine reads on after a line that no listing can have.
func TestLongLine(t *testing.T) {
	text := "default via 192.0.2.1 dev eth0\n10.0.0.0/8" + strings.Repeat(" nexthop via 192.0.2.1 dev eth0", 10_000) + "\n10.9.0.0/16 dev eth0\n"
	r, err := load.Files(strings.NewReader(text), load.Stdin)
	if err != nil || len(r.Faults) != 1 || r.Faults[0].Line != 2 {
		t.Fatalf("%v, faults %v", err, r.Faults)
	}
	odd := map[string]bool{}
	for _, e := range r.Routes.Slice() {
		odd[e.Dst.String()] = e.Flags&route.FlagOdd != 0
	}
	for dst, want := range map[string]bool{"0.0.0.0/0": false, "10.0.0.0/8": true, "10.9.0.0/16": false} {
		if is, ok := odd[dst]; !ok || is != want {
			t.Errorf("%s: there %v, odd %v, want odd %v", dst, ok, is, want)
		}
	}
}

// TestNames reads names of tables that are explained after their use, and more names of
// protocols than there are protocols.
func TestNames(t *testing.T) {
	var b strings.Builder
	b.WriteString("# ip route show table blue\ndefault dev eth0\n# cat /etc/iproute2/rt_tables\n100 blue\n200 main\n# ip rule\n5: from all lookup blue\n")
	b.WriteString("# ip route show table main\n10.0.0.0/8 dev eth0\n# ip route show table all\n")
	for i := range 300 {
		fmt.Fprintf(&b, "10.1.%d.0/24 dev eth0 table 254 proto p%d\n", i%200, i)
	}
	r, err := load.Files(strings.NewReader(b.String()), load.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	tables := map[route.Table]int{}
	for _, e := range r.Routes.Slice() {
		tables[e.Table]++
	}
	if tables[100] != 1 || tables[200] != 1 || tables[254] != 300 || r.Snapshot.Rules[0].Table != 100 {
		t.Errorf("routes of tables: %v, rules %v", tables, r.Snapshot.Rules)
	}
	if n := len(r.Faults) + r.MoreFaults; n < 300-256 || n >= 100 {
		t.Errorf("%d faults: %v", n, r.Faults)
	}
}

// TestReportOfPipes reads a sosreport whose files and folders are pipes.
func TestReportOfPipes(t *testing.T) {
	for _, pipe := range []string{"ip_route_show_table_all", "ip_netns_exec_blue_ip_route_show_table_all", "namespaces", "namespaces/blue", ""} {
		dir := t.TempDir()
		name := filepath.Join(dir, "sos_commands/networking", pipe)
		must(t, os.MkdirAll(filepath.Dir(name), 0o755))
		must(t, syscall.Mkfifo(name, 0o600))
		if _, err := load.Files(nil, dir); err == nil {
			t.Errorf("%s: no error", pipe)
		}
	}
}

// TestLimit refuses files that take more memory than is allowed, of each kind.
func TestLimit(t *testing.T) {
	count := routetest.Fewer(50_000)
	lines := func(format string) string {
		var b strings.Builder
		for i := range count {
			fmt.Fprintf(&b, format+"\n", i>>8&255, i&255, i)
		}
		return b.String()
	}
	list := func(format string) string {
		return "[" + strings.ReplaceAll(strings.TrimSpace(lines(format)), "\n", ",\n") + "]"
	}
	for name, text := range map[string]string{
		"routes":       lines("10.9.%d.%d dev eth0 metric %d mtu 1400"),
		"devices":      lines("10.9.%d.%d dev eth%d"),
		"addresses":    "2: eth0: <UP> mtu 1500\n" + lines("    inet 10.9.%d.%d/8 scope global eth0:%d"),
		"rules":        lines("5: from 10.9.%d.%d fwmark %d lookup main"),
		"neighbours":   lines("10.9.%d.%d dev eth0 lladdr 02:00:00:00:00:01 STALE\n192.0.2.%d"),
		"settings":     lines("net.ipv4.conf.d%d/%d/%d.rp_filter = 1"),
		"/proc":        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n" + lines("eth0 %02X%02X0A0A 00000000 1 0 0 %d FFFFFFFF 0 0 0"),
		"tables":       lines("10.9.%d.%d dev eth0 table %d"),
		"JSON routes":  list(`{"dst":"10.9.%d.%d","dev":"eth0","metric":%d,"flags":[]}`),
		"JSON rules":   list(`{"priority":5,"src":"10.9.%d.%d","fwmark":"%d","table":"main"}`),
		"JSON devices": list(`{"ifname":"eth%d/%d","ifindex":1%d,"flags":["UP"]}`),
		"next hops":    `[{"dst":"default","flags":[],"nexthops":[` + strings.Repeat(`{"dev":"e"},`, 32_000) + `{"dev":"e"}]}]`,
	} {
		_, err := load.Within(int64(routetest.Fewer(4<<20)), strings.NewReader(text), "", load.Stdin)
		if limit := new(route.LimitError); !errors.As(err, &limit) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := load.Within(1<<30, strings.NewReader(text), "", load.Stdin); err != nil {
			t.Errorf("%s, with enough: %v", name, err)
		}
	}
}

// TestLimitOfNames counts the names in texts, which may be long.
func TestLimitOfNames(t *testing.T) {
	for name, line := range map[string]string{
		"device": "10.0.%d.0/24 dev d%d%s\n",
		"link":   "%d: d%d%s: <UP,LOWER_UP> mtu 1500\n",
		"JSON":   `{"dst":"10.0.%d.0/24","dev":"d%d%s","flags":[]}` + "\n",
	} {
		var b strings.Builder
		for i := range 250 {
			fmt.Fprintf(&b, line, i+2, i, strings.Repeat("x", 16_000))
		}
		if _, err := load.Within(2<<20, strings.NewReader(b.String()), "", load.Stdin); !errors.As(err, new(*route.LimitError)) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := load.Within(64<<20, strings.NewReader(b.String()), "", load.Stdin); err != nil {
			t.Errorf("%s, with enough: %v", name, err)
		}
	}
}

// TestOddWords reads a large table that has an unknown word in each line.
func TestOddWords(t *testing.T) {
	lines := routetest.Fewer(300_000)
	var b strings.Builder
	b.WriteString("# ip route show table all\n")
	for i := range lines {
		fmt.Fprintf(&b, "10.%d.%d.%d via 192.0.2.1 dev eth0 newword 1\n", i>>16, i>>8&255, i&255)
	}
	r, err := load.Files(strings.NewReader(b.String()), load.Stdin)
	if err != nil || r.Routes.Len() < lines {
		t.Errorf("%v", err)
	}
}

// TestOddElements: a JSON list with very many elements that are not understood is refused
// before all of it was read.
func TestOddElements(t *testing.T) {
	text := `[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]}` + strings.Repeat(`,{"a":1}`, 300_000) + `]`
	_, err := load.Files(strings.NewReader(text), load.Stdin)
	if err == nil || !strings.Contains(err.Error(), "more than 262144 elements that are not understood") {
		t.Errorf("%v", err)
	}
}

// TestManyHops: a JSON route with more next hops than a kernel can report is refused too.
func TestManyHops(t *testing.T) {
	text := `[{"dst":"default","flags":[],"nexthops":[` + strings.Repeat(`{"dev":"e"},`, 50_000) + `{"dev":"e"}]}]`
	_, err := load.Files(strings.NewReader(text), load.Stdin)
	if err == nil || !strings.Contains(err.Error(), "element 1 is a route with more next hops than one may have") {
		t.Errorf("%v", err)
	}
}

// TestLongWords: a line with a word that is longer than any name is not examined further.
func TestLongWords(t *testing.T) {
	text := "default via 192.0.2.1 dev eth0\n2: " + strings.Repeat("x", 1<<15) + ": <UP> mtu 1500\n"
	r, err := load.Files(strings.NewReader(text), load.Stdin)
	if err != nil || len(r.Faults) != 1 || !strings.Contains(r.Faults[0].Error(), "longer than any name") || r.Routes.Len() == 0 {
		t.Errorf("%v, %v, %d routes", err, r, r.Routes.Len())
	}
}

// TestMemberSizes reads members of an archive whose size is that of the pieces in which they
// are kept, or close to it. None of their bytes is lost.
func TestMemberSizes(t *testing.T) {
	const last = "10.9.0.0/16 dev eth0\n"
	for _, size := range []int{len(last), 1<<20 - 1, 1 << 20, 1<<20 + 1, 2 << 20, 2<<20 + 1} {
		body := strings.Repeat("\n", size-len(last)) + last
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		must(t, w.WriteHeader(&tar.Header{Name: "ip_route", Size: int64(size), Mode: 0o600}))
		_, err := io.WriteString(w, body)
		must(t, err)
		whole := b.Len()
		must(t, w.Close())
		r, err := load.Files(bytes.NewReader(b.Bytes()), load.Stdin)
		if err != nil || !slices.ContainsFunc(r.Routes.Slice(), func(r route.Route) bool { return r.Dst.String() == "10.9.0.0/16" }) {
			t.Errorf("%d bytes: %v", size, err)
		}
		_, err = load.Files(bytes.NewReader(b.Bytes()[:whole-1]), load.Stdin)
		if err == nil || !strings.Contains(err.Error(), "damaged archive") {
			t.Errorf("%d bytes, cut off: %v", size, err)
		}
	}
}

// TestLimitOfArchive: the memory of all members of an archive is counted together.
func TestLimitOfArchive(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range 20 {
		body := strings.Repeat(fmt.Sprintf("10.%d.0.0/16 dev eth0\n", i), 10_000)
		must(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("ip_route%d", i), Size: int64(len(body)), Mode: 0o600}))
		_, err := w.Write([]byte(body))
		must(t, err)
	}
	must(t, w.Close())
	if _, err := load.Within(1<<20, bytes.NewReader(b.Bytes()), "", load.Stdin); !errors.As(err, new(*route.LimitError)) {
		t.Errorf("%v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
