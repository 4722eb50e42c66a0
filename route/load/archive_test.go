package load_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"routewhy/route/load"
)

// archive makes a tar file of members: names and bodies alternate. A body that begins
// with "->" is a link.
func archive(t *testing.T, members ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		h := tar.Header{Name: members[i], Mode: 0o644, Size: int64(len(members[i+1]))}
		target, isLink := strings.CutPrefix(members[i+1], "->")
		if isLink {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, target, 0
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if !isLink {
			if _, err := io.WriteString(w, members[i+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	networking = "sosreport-web1/sos_commands/networking/"
	routes     = "default via 192.0.2.1 dev eth0\n"
)

// TestArchive reads a report with every kind of compression. Members that are no
// regular files are left out, and so are members in other places.
func TestArchive(t *testing.T) {
	plain := archive(t,
		networking+"ip_route_show_table_all", routes,
		networking+"ip_-d_address", "->/etc/passwd",
		"../../"+networking+"ip_-4_rule_list", "0:\tfrom all blackhole\n",
		"sosreport-web1/var/log/messages", "0:\tfrom all blackhole\n",
		networking+"namespaces/blue/ip_netns_exec_blue_ip_route_show_table_all", "default via 10.0.0.1 dev tap0\n",
	)
	for name, pack := range map[string]func(io.Writer) io.WriteCloser{
		"tar": func(w io.Writer) io.WriteCloser { return unpacked{w} },
		"gz":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"zst": func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z },
		"xz":  func(w io.Writer) io.WriteCloser { z, _ := xz.NewWriter(w); return z },
	} {
		var b bytes.Buffer
		w := pack(&b)
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got := understood(load.Files(bytes.NewReader(b.Bytes()), load.Stdin))
		if !strings.Contains(got, "route: 0.0.0.0/0 via 192.0.2.1 dev eth0") || strings.Contains(got, "blackhole") ||
			strings.Contains(got, "tap0") || strings.Contains(got, "odd:") {
			t.Errorf("%s:\n%s", name, got)
		}
		got = understood(load.Namespace(bytes.NewReader(b.Bytes()), "blue", load.Stdin))
		if !strings.Contains(got, "route: 0.0.0.0/0 via 10.0.0.1 dev tap0") || strings.Contains(got, "eth0") {
			t.Errorf("%s, namespace blue:\n%s", name, got)
		}
		_, err := load.Namespace(bytes.NewReader(b.Bytes()), "red", load.Stdin)
		var unknown *load.NamespaceError
		if !errors.As(err, &unknown) || !slices.Equal(unknown.Known, []string{"blue"}) {
			t.Errorf("%s, namespace red: %v", name, err)
		}
		for _, n := range []int{1, 10, b.Len() / 2, b.Len() - 600} { // these end in the middle
			if _, err := load.Files(bytes.NewReader(b.Bytes()[:max(0, n)]), load.Stdin); err == nil && name != "tar" && n > 10 {
				t.Errorf("%s: the first %d bytes of %d are read as the whole", name, n, b.Len())
			}
		}
	}
}

type unpacked struct{ io.Writer }

func (unpacked) Close() error { return nil }

// TestBombs reads a few bytes that can be unpacked to very many. There is an error
// before they cost much.
func TestBombs(t *testing.T) {
	zipped := func(write func(io.Writer)) []byte {
		var b bytes.Buffer
		z, err := zstd.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		write(z)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	chunk := bytes.Repeat([]byte("\n"), 1<<20)
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"lines": {zipped(func(w io.Writer) {
			for range 20 {
				_, _ = w.Write(chunk)
			}
		}), "has more than 3670016 lines"},
		"odd lines": {zipped(func(w io.Writer) {
			_, _ = io.WriteString(w, "default via 192.0.2.1 dev eth0\n")
			_, _ = io.WriteString(w, strings.Repeat("x y z\n", 300_000))
		}), "has more than 262144 lines that are not understood"},
		"a line": {zipped(func(w io.Writer) {
			for range 20 {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
			}
		}), "has more than 1024 KiB"},
		"an element": {zipped(func(w io.Writer) {
			_, _ = io.WriteString(w, `[{"dst":"`)
			for range 20 {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
			}
		}), "has more than 8 MiB"},
		"a snapshot's element": {zipped(func(w io.Writer) {
			_, _ = io.WriteString(w, `{"routewhy":1,"routes":[{"dst":"`)
			for range 20 {
				_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
			}
		}), "has more than 8 MiB"},
		"a member": {zipped(func(w io.Writer) {
			z := tar.NewWriter(w)
			_ = z.WriteHeader(&tar.Header{Name: networking + "ip_link", Mode: 0o644, Size: 300 << 20})
			for range 300 {
				_, _ = z.Write(chunk)
			}
			_ = z.Close()
		}), "has more than 256 MiB"},
	} {
		if _, err := load.Files(bytes.NewReader(tt.file), load.Stdin); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want an error with %q", name, err, tt.want)
		}
	}
}

// TestFolderStays reads nothing outside a folder.
func TestFolderStays(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "routes")
	if err := os.WriteFile(outside, []byte(routes), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "ip_route")); err != nil {
		t.Skip(err)
	}
	if _, err := load.Files(nil, dir); err == nil || !strings.Contains(err.Error(), "has no file that routewhy knows") {
		t.Errorf("%v", err)
	}
}
