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
