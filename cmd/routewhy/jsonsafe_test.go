package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestJSONSafe writes names that a terminal may obey, in pieces of every size.
func TestJSONSafe(t *testing.T) {
	const name = "é \u009b2J \u202edroc\u2066 \u200b\ufeff\u00ad\u007f \U000e0041 日"
	text := `{"dev":"` + name + `"}`
	for size := 1; size <= len(text); size++ {
		var out strings.Builder
		w := &jsonSafe{w: &out}
		for i := 0; i < len(text); i += size {
			if _, err := w.Write([]byte(text[i:min(len(text), i+size)])); err != nil {
				t.Fatal(err)
			}
		}
		const want = `{"dev":"é \u009b2J \u202edroc\u2066 \u200b\ufeff\u00ad\u007f \udb40\udc41 日"}`
		if out.String() != want {
			t.Fatalf("pieces of %d: %s, want %s", size, &out, want)
		}
		var back struct{ Dev string }
		if err := json.Unmarshal([]byte(out.String()), &back); err != nil || back.Dev != name {
			t.Fatalf("%q, %v", back.Dev, err)
		}
	}
}

// TestSaveRefusesXZ: a name that promises what is not written is refused.
func TestSaveRefusesXZ(t *testing.T) {
	for _, name := range []string{"a.xz", "a.json.bz2", "a.zip", "a.lz4"} {
		if _, err := parseArgs([]string{"--save", name}); err == nil || !strings.Contains(err.Error(), "--save") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseArgs([]string{"--save", "a.json.zst"}); err != nil {
		t.Error(err)
	}
}
