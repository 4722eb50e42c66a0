package main

import (
	"errors"
	"testing"
	"time"
)

// TestClockTime checks how times are understood.
func TestClockTime(t *testing.T) {
	zone := time.FixedZone("TEST", 2*60*60)
	now := time.Date(2026, 7, 30, 12, 30, 15, 0, zone)
	for _, c := range []struct{ text, want string }{
		{"02:13", "2026-07-30T02:13:00+02:00"},
		{"02:13:07", "2026-07-30T02:13:07+02:00"},
		{"12:30:15.5", "2026-07-29T12:30:15.5+02:00"}, // today it is to come
		{"12:30", "2026-07-30T12:30:00+02:00"},
		{"23:59", "2026-07-29T23:59:00+02:00"},
		{"yesterday", "2026-07-29T00:00:00+02:00"},
		{"yesterday 02:13", "2026-07-29T02:13:00+02:00"},
		{"today 23:59", "2026-07-30T23:59:00+02:00"},
		{"2026-01-02", "2026-01-02T00:00:00+02:00"},
		{"2026-01-02 02:13", "2026-01-02T02:13:00+02:00"},
		{"2026-01-02T02:13:14", "2026-01-02T02:13:14+02:00"},
		{"2026-01-02T02:13:14Z", "2026-01-02T02:13:14Z"},
		{"2026-01-02T02:13:14.25+05:30", "2026-01-02T02:13:14.25+05:30"},
		{"-10m", "2026-07-30T12:20:15+02:00"},
		{"-1h30m", "2026-07-30T11:00:15+02:00"},
		{"-2d", "2026-07-28T12:30:15+02:00"},
		{"10min ago", "2026-07-30T12:20:15+02:00"},
		{"now", "2026-07-30T12:30:15+02:00"},
		{"", ""}, {"soon", ""}, {"-", ""}, {"-10", ""}, {"-m", ""}, {"25:00", ""}, {"2026-13-01", ""}, {"yesterday 2", ""},
		{"-999999999w", ""}, {"02:13 02:14", ""}, {"ago", ""}, {"\x1b[31m", ""},
	} {
		got, err := clockTime(c.text, now)
		var usage *usageError
		switch {
		case c.want == "" && !errors.As(err, &usage):
			t.Errorf("%q: %v, %v; want an error", c.text, got, err)
		case c.want != "" && (err != nil || got.Format(time.RFC3339Nano) != c.want):
			t.Errorf("%q: %v, %v; want %s", c.text, got.Format(time.RFC3339Nano), err, c.want)
		}
	}
}
