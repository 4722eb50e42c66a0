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
		{"2:13am", "2026-07-30T02:13:00+02:00"},
		{"2:13 pm", "2026-07-29T14:13:00+02:00"},
		{"10 minutes ago", "2026-07-30T12:20:15+02:00"},
		{"1 hour 30 min ago", "2026-07-30T11:00:15+02:00"},
		{"-1day", "2026-07-29T12:30:15+02:00"},
		{"02:13 yesterday", "2026-07-29T02:13:00+02:00"},
		{"Jul 30 10:00:01", "2026-07-30T10:00:01+02:00"}, // as in syslog
		{"Aug  2 10:00", "2025-08-02T10:00:00+02:00"},
		{"Monday 02:13", "2026-07-27T02:13:00+02:00"},
		{"thu 23:00", "2026-07-23T23:00:00+02:00"},
		{"Thu 2026-07-30 02:13:07 UTC", "2026-07-30T02:13:07Z"}, // as systemd shows it
		{"2026-07-30 02:13:07 TEST", "2026-07-30T02:13:07+02:00"},
		{"2026-07-30 02:13:07Z", "2026-07-30T02:13:07Z"},
		{"2026-07-30T02:13:07+0100", "2026-07-30T02:13:07+01:00"},
		{"2026-07-30t02:13:07z", "2026-07-30T02:13:07Z"},
		{"02:13 UTC", "2026-07-30T02:13:00Z"},
		{"@1785370380.148", time.Unix(1785370380, 148e6).Format(time.RFC3339Nano)}, {"@1785370380.", ""}, {"@1.-5", ""}, {"@1.0000000001", ""},
		{"@1785370380", time.Unix(1785370380, 0).Format(time.RFC3339Nano)},
		{"Fri 2026-07-30 02:13", ""}, {"Jul 32", ""}, {"UTC", ""}, {"Mon Tue", ""}, {"@", ""}, {"@-1", ""}, {"today yesterday", ""},
		{"Feb 30 02:13", ""}, {"2:13 xm", ""}, {"-10 fortnights", ""}, {"2026-07-30T", ""}, {"5m", ""},
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

// TestClockChange checks times at which a clock is set forward or back.
func TestClockChange(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	spring := time.Date(2026, 3, 29, 12, 0, 0, 0, zone)
	autumn := time.Date(2026, 10, 25, 12, 0, 0, 0, zone)
	for _, c := range []struct {
		text string
		now  time.Time
		want string
	}{
		{"02:30", spring, "2026-03-28T02:30:00+01:00"}, // the clock showed that last the day before
		{"today 02:30", spring, ""},
		{"2026-03-29 02:30", spring, ""},
		{"01:59:59", spring, "2026-03-29T01:59:59+01:00"},
		{"03:00", spring, "2026-03-29T03:00:00+02:00"},
		{"-10h", spring, "2026-03-29T01:00:00+01:00"},
		{"yesterday", spring.AddDate(0, 0, 1), "2026-03-29T00:00:00+01:00"},
		{"02:30", autumn, "2026-10-25T02:30:00+01:00"}, // twice: the second time is the last one
		{"02:30", time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC).In(zone), "2026-10-25T02:30:00+02:00"},
		{"2026-10-25 02:30 CEST", autumn, "2026-10-25T02:30:00+02:00"},
		{"2026-10-25 02:30 CET", autumn, "2026-10-25T02:30:00+01:00"},
		{"2026-10-25T02:30:00+02:00", autumn, "2026-10-25T02:30:00+02:00"},
		{"03:00", autumn, "2026-10-25T03:00:00+01:00"},
		{"yesterday 02:30", autumn, "2026-10-24T02:30:00+02:00"},
	} {
		got, err := clockTime(c.text, c.now)
		if err == nil != (c.want != "") || err == nil && got.Format(time.RFC3339) != c.want {
			t.Errorf("%q at %s: %s, %v; want %s", c.text, c.now, got.Format(time.RFC3339), err, c.want)
		}
	}
}
