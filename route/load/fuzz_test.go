package load_test

import (
	"archive/tar"
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/load"
)

// fuzz reads bytes as a file. Decisions can be made with the result, and it can be saved
// and read again, and is then the same.
func fuzz(f *testing.F, seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := load.Files(bytes.NewReader(file), load.Stdin)
		if err != nil {
			return
		}
		saveAgain(t, r)
		fib := lookup.New(whole(r))
		for _, dst := range []string{"8.8.8.8", "0.0.0.0", "2001:db8::1", "ff02::1"} {
			fib.Explain(route.Flow{Dst: netip.MustParseAddr(dst)})
		}
	})
}

// whole is a snapshot that contains its routes.
func whole(r *load.Result) *route.Snapshot {
	s := *r.Snapshot
	s.Routes = r.Routes.Slice()
	return &s
}

// seeds are the files of testdata that match.
func seeds(f *testing.F, pattern string) [][]byte {
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds %s: %v", pattern, err)
	}
	var out [][]byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func FuzzText(f *testing.F)  { fuzz(f, append(seeds(f, "*.txt"), seeds(f, "listings/*.txt")...)...) }
func FuzzJSON(f *testing.F)  { fuzz(f, seeds(f, "*.json")...) }
func FuzzSaved(f *testing.F) { fuzz(f, seeds(f, "*.save")...) }

func FuzzArchive(f *testing.F) {
	var all [][]byte
	for _, text := range seeds(f, "*.txt") {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, name := range []string{
			"sosreport-x/sos_commands/networking/ip_route_show_table_all",
			"sosreport-x/sos_commands/networking/namespaces/a/ip_netns_exec_a_ip_-d_address_show", "../../etc/passwd", "notes.txt",
		} {
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
				f.Fatal(err)
			}
			if _, err := w.Write(text); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		all = append(all, b.Bytes())
	}
	fuzz(f, all...)
}
