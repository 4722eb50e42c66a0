package load_test

import (
	"path/filepath"
	"strings"
	"testing"

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

// TestRefuses feeds files that are damaged, or of no known kind.
func TestRefuses(t *testing.T) {
	for _, tt := range []struct{ file, want string }{
		{"", "is empty"},
		{"\n\n", "is none of the files"},
		{"hello\n", "is none of the files"},
		{"\x7fELF\x02\x01\x01\x00\x00", "is none of the files"},
		{"[", "ends in the middle"},
		{`[{"dst":"default"`, "ends in the middle"},
		{"\x24\x12\x31\x45\x00", "ends in the middle"},
		{"\x24\x12\x31\x45\x00\x00\x00\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "claims 0 bytes"},
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
