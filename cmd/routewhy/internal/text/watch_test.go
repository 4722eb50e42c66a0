package text

import (
	"strings"
	"testing"
	"time"

	"routewhy/lookup/report"
)

// TestWatchClockChange checks that a new day, and clocks that are set back, are told.
func TestWatchClockChange(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	local := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = local })
	var b strings.Builder
	w := NewWatch(&b, Style{}, []string{"x"})
	at := time.Date(2026, 10, 24, 21, 30, 0, 0, time.UTC)
	if err := w.Zone(at); err != nil {
		t.Fatal(err)
	}
	for _, hours := range []time.Duration{0, 2, 3, 4} {
		if err := w.Turns([]*report.Turn{{Time: at.Add(hours * time.Hour), Label: "x", AfterFault: "no"}}); err != nil {
			t.Fatal(err)
		}
	}
	const want = `2026-10-24, times are CEST (UTC+02:00)
23:30:00  x  cannot be asked: no
2026-10-25
01:30:00  x  cannot be asked: no
02:30:00  x  cannot be asked: no
2026-10-25, times are CET (UTC+01:00)
02:30:00  x  cannot be asked: no
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}
