package text

import (
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"a sentence", "2001:db8::1 takes the default route ::/0 via fe80::1 dev eth0",
			"2001:db8::1 takes the default route ::/0\n  via fe80::1 dev eth0"},
		{"the last cell", "  gateway  one two three four five six seven",
			"  gateway  one two three four five six\n           seven"},
		{"no room for the last cell", "      enp10s0f0vlan01  metric  one two three four",
			"      enp10s0f0vlan01  metric\n          one two three four"},
		{"a last cell that fits nowhere", "      enp10s0f0vlan01  metric  one two three four five six seven",
			"      enp10s0f0vlan01  metric  one two\n          three four five six seven"},
		{"nothing but spaces at the end", "  via 198.18.1.254 dev e0  weight 1       ", "  via 198.18.1.254 dev e0  weight 1"},
		{"a word is never broken", "2001:db8:1234:5678:9abc:de01:1234:5678/128",
			"2001:db8:1234:5678:9abc:de01:1234:5678/128"},
		{"colour has no width", "\x1b[1m12345678901234567890 1234567890123456789\x1b[0m",
			"\x1b[1m12345678901234567890 1234567890123456789\x1b[0m"},
	} {
		if got := (Style{Fold: true, Width: 40}).fold(c.line); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := (Style{Width: 40}).fold(c.line); got != c.line {
			t.Errorf("%s: not on a terminal: %q", c.name, got)
		}
	}
}

func TestFolding(t *testing.T) {
	var out strings.Builder
	w := Folding(&out, 40)
	for _, text := range []string{"\r12 of 40 lines of a very long batch of addresses", "routewhy: one two three four five six seven\nhint: one\n"} {
		if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	want := "\r12 of 40 lines of a very long batch of addressesroutewhy: one two three four five six\n  seven\nhint: one\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestBeside(t *testing.T) {
	st := Style{Width: 40}
	for _, c := range []struct{ label, text, want string }{
		{"  note     ", "one two three four five six seven", "  note     one two three four five six\n           seven"},
		{"  2001:db8::1234  enp10s0f0  ", "one two three", "  2001:db8::1234  enp10s0f0\n      one two three"},
		{"12:00:00  ", "via 2001:db8:1234:5678:9abc:de01:12:fffe", "12:00:00\n    via\n    2001:db8:1234:5678:9abc:de01:12:fffe"},
	} {
		if got := strings.Join(st.beside(c.label, c.text, plain), "\n"); got != c.want {
			t.Errorf("%q: %q, want %q", c.label, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	if got := numbers([]uint32{1, 3, 4, 7, 8, 9, 10, 20}); got != "1, 3, 4, 7 to 10, 20" {
		t.Error(got)
	}
}
