package kernel

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"routewhy/route"
)

func TestParseNames(t *testing.T) {
	const text = `# reserved values
255	local
 254  main # not the default
0x64 vpn
0XC8	hex
010 ten
  # 7 commented
7
eight 8
8 eight nine
4294967296 toolarge
-1 negative
12#no space
13 with-\u001b[31m-escape
13 later
`
	got := map[uint64]string{}
	parseNames(got, []byte(text), 1<<32-1)
	want := map[uint64]string{
		255: "local", 254: "main", 100: "vpn", 200: "hex", 10: "ten", 8: "eight", 13: "later",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReadNames(t *testing.T) {
	root := t.TempDir()
	folders := []string{filepath.Join(root, "lib"), filepath.Join(root, "share"), filepath.Join(root, "etc")}
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(tables map[route.Table]string, protos map[route.Protocol]string) {
		t.Helper()
		n, err := readNames(folders)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(n.Tables, tables) || !maps.Equal(n.Protocols, protos) {
			t.Errorf("got %v %v, want %v %v", n.Tables, n.Protocols, tables, protos)
		}
	}
	check(nil, nil)

	write("share/rt_tables", "1 one\n2 two\n")
	write("share/rt_protos", "200 mine\n300 toolarge\n")
	write("share/rt_tables.d/a.conf", "3 three\n2 zwei\n")
	check(map[route.Table]string{1: "one", 2: "zwei", 3: "three"}, map[route.Protocol]string{200: "mine"})

	write("etc/rt_tables.d/a.conf", "4 four\n")
	write("etc/rt_tables.d/b.conf", "4 vier\n")
	write("etc/rt_tables.d/ignored", "5 five\n")
	write("etc/rt_tables.d/.hidden.conf", "5 five\n")
	check(map[route.Table]string{1: "one", 2: "two", 4: "vier"}, map[route.Protocol]string{200: "mine"})

	write("etc/rt_tables", "1 eins\n")
	check(map[route.Table]string{1: "eins", 4: "vier"}, map[route.Protocol]string{200: "mine"})

	if err := os.Mkdir(filepath.Join(root, "etc/rt_protos"), 0o755); err != nil {
		t.Fatal(err)
	}
	n, err := readNames(folders)
	if err == nil || n.Protocols[200] != "mine" || n.Tables[1] != "eins" {
		t.Errorf("a folder in place of a file: %v, %v", n, err)
	}
}

func FuzzParseNames(f *testing.F) {
	f.Add([]byte("255 local\n0x10 x # y\n"))
	f.Add([]byte("\x00 \xff\n1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		names := map[uint64]string{}
		parseNames(names, b, 255)
		for n, name := range names {
			if n > 255 || name == "" {
				t.Errorf("%d %q", n, name)
			}
		}
	})
}
