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
