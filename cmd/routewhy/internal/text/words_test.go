package text

import (
	"strings"
	"testing"
)

func TestShare(t *testing.T) {
	for _, c := range []struct {
		f    float64
		want string
	}{{1, "1 in 1"}, {0.25, "1 in 4"}, {0.75, "3 in 4"}, {1.0 / 3, "1 in 3"}, {0.123, "12.3 %"}} {
		if got := share(c.f); got != c.want {
			t.Errorf("%v: %s, want %s", c.f, got, c.want)
		}
	}
}

// Parts of one whole are written alike: weights 21, 60 and 3 of 84 would be "1 in 4", "5 in 7"
// and "3.6 %".
func TestShareAmong(t *testing.T) {
	part := func(f *float64) float64 { return *f }
	for _, c := range []struct {
		all  []float64
		want string
	}{
		{[]float64{0.25, 5.0 / 7, 3.0 / 84}, "25.0 %|71.4 %|3.6 %"},
		{[]float64{0.25, 0.75, 0}, "1 in 4|3 in 4|0.0 %"}, // nothing is written of a next hop that gets none
	} {
		var got []string
		for i := range c.all {
			got = append(got, shareAmong(c.all, i, part))
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%v: %q, want %s", c.all, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	got := strings.Join(wrap("one two three four", 9), "|")
	if got != "one two|three|four" {
		t.Error(got)
	}
}

// A command between backquotes stays on one line: its first part may be a command that does
// something else.
func TestWrapCommands(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"closed by (`ip route add x table 10`), so", "closed by|(`ip route add x table 10`),|so"},
		{"`one` two` three four", "`one`|two`|three|four"},
	} {
		if got := strings.Join(wrap(c.text, 9), "|"); got != c.want {
			t.Errorf("wrapped: %s; want %s", got, c.want)
		}
	}
	line := "this is closed by `ip route add unreachable default table 10`, and so on and so on"
	folded := Style{Fold: true, Width: 40}.fold(line)
	if !strings.Contains(folded, "`ip route add unreachable default table 10`,") || !strings.Contains(folded, "\n") {
		t.Error(folded)
	}
}

// A command of --try stays on one line on a terminal too.
func TestCommandRow(t *testing.T) {
	var b strings.Builder
	p := &tryPage{page: page{w: &b, st: Style{Fold: true, Width: 60}}}
	const command = "  > ip rule del pref 1001 from 10.0.0.0/8 to 10.1.0.0/16 iif eth0 lookup main"
	p.commandRow(command, "only shows", plain)
	if want := command + "\n           only shows\n"; b.String() != want {
		t.Errorf("%q; want %q", b.String(), want)
	}
}
