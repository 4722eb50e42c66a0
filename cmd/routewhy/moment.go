package main

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"routewhy/route/iproute2"
)

// clockTime understands a time of the past as people type it, in the local time zone: 02:13 is
// when the clock showed that last.
func clockTime(text string, now time.Time) (time.Time, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return time.Time{}, notTime(text)
	}
	if t, err := time.Parse(time.RFC3339Nano, words[0]); err == nil && len(words) == 1 {
		return t, nil
	}
	day, rest := dayOf(words, now)
	switch {
	case len(words) == 1 && words[0] == "now":
		return now, nil
	case len(words) == 1 && strings.HasPrefix(words[0], "-"):
		return ago(text, words[0][1:], now)
	case len(rest) == 2 && rest[1] == "ago":
		return ago(text, rest[0], now)
	case !day.IsZero() && len(rest) == 0:
		return day, nil
	case len(rest) != 1:
		return time.Time{}, notTime(text)
	}
	c, err := time.Parse("15:04:05.999999999", rest[0])
	if err != nil {
		if c, err = time.Parse("15:04", rest[0]); err != nil {
			return time.Time{}, notTime(text)
		}
	}
	on := day
	if on.IsZero() {
		on = now
	}
	t := time.Date(on.Year(), on.Month(), on.Day(), c.Hour(), c.Minute(), c.Second(), c.Nanosecond(), now.Location())
	if day.IsZero() && t.After(now) {
		t = time.Date(on.Year(), on.Month(), on.Day()-1, c.Hour(), c.Minute(), c.Second(), c.Nanosecond(), now.Location())
	}
	return t, nil
}

// dayOf is the beginning of the day that the first word names, and the other words. If it
// names none, the day is zero and all words are left.
func dayOf(words []string, now time.Time) (time.Time, []string) {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	first, rest := words[0], words[1:]
	if date, clock, ok := strings.Cut(first, "T"); ok && len(rest) == 0 {
		first, rest = date, []string{clock}
	}
	switch first {
	case "today":
		return midnight, rest
	case "yesterday":
		return midnight.AddDate(0, 0, -1), rest
	}
	if d, err := time.ParseInLocation(time.DateOnly, first, now.Location()); err == nil {
		return d, rest
	}
	return time.Time{}, words
}

// agoUnits are the units of a time before now.
func agoUnits() map[string]time.Duration {
	return map[string]time.Duration{"s": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
}

// maxAgo limits how long ago a time may be.
const maxAgo = 100 * 365 * 24 * time.Hour

// ago is a time before now, such as 1h30m.
func ago(whole, text string, now time.Time) (time.Time, error) {
	part := regexp.MustCompile(`^(\d{1,9})(s|min|m|h|d|w)`)
	var sum time.Duration
	for rest := text; rest != ""; {
		m := part.FindStringSubmatch(rest)
		if m == nil {
			return time.Time{}, notTime(whole)
		}
		n, _ := strconv.Atoi(m[1])
		if unit := agoUnits()[m[2]]; time.Duration(n) > maxAgo/unit {
			return time.Time{}, notTime(whole)
		} else if sum += time.Duration(n) * unit; sum > maxAgo {
			return time.Time{}, notTime(whole)
		}
		rest = rest[len(m[0]):]
	}
	if text == "" {
		return time.Time{}, notTime(whole)
	}
	return now.Add(-sum), nil
}

func notTime(text string) error {
	return usagef("%s is no time", iproute2.Quote(text)).
		hint("02:13, 'yesterday 02:13', -10m, 2026-07-30, '2026-07-30 02:13' or 2026-07-30T02:13:00+02:00")
}

// timeWords is a time for a reader, with its zone.
func timeWords(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }
