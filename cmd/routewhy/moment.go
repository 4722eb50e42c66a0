package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"routewhy/route/iproute2"
)

// clockTime understands a time of the past as people type it, and as logs show it. It is in the
// local time zone, unless the text names another one: 02:13 is when the clock showed that last.
// Where a clock is set back and shows a time twice, the second time is meant.
func clockTime(text string, now time.Time) (time.Time, error) {
	lower := strings.ToLower(strings.TrimSpace(text))
	if lower == "now" {
		return now, nil
	}
	if since, ok := strings.CutPrefix(lower, "@"); ok {
		return unixTime(text, since)
	}
	if long, ok := strings.CutPrefix(lower, "-"); ok {
		return ago(text, long, now)
	}
	if long, ok := strings.CutSuffix(lower, " ago"); ok {
		return ago(text, long, now)
	}
	w := typed{now: now, zone: now.Location()}
	words := strings.Fields(lower)
	for len(words) > 0 {
		n := w.take(words)
		if n == 0 {
			return time.Time{}, notTime(text)
		}
		words = words[n:]
	}
	return w.time(text)
}

// typed is what the words of a time say.
type typed struct {
	now  time.Time
	zone *time.Location
	// year, month and day are the date; month zero: none was named, year zero: none was
	// named beside the month.
	year    int
	month   time.Month
	day     int
	weekday *time.Weekday
	clock   *time.Time // of any day
	zoned   bool
}

// take understands the first word, or the first two, and gives how many; zero: it is no part of
// a time, or there is such a part already.
func (w *typed) take(words []string) int {
	first := words[0]
	if date, clock, ok := strings.Cut(first, "t"); ok && w.date(date) {
		return b2n(w.takeClock(clock))
	}
	switch {
	case len(words) > 1 && (words[1] == "am" || words[1] == "pm") && w.takeClock(first+words[1]):
		return 2
	case w.date(first), w.dayWord(first), w.takeClock(first), w.takeZone(first):
		return 1
	case len(words) > 1 && w.monthDay(first, words[1]):
		return 2
	}
	return 0
}

func b2n(b bool) int {
	if b {
		return 1
	}
	return 0
}

// date understands 2026-07-30.
func (w *typed) date(s string) bool {
	d, err := time.Parse(time.DateOnly, strings.ReplaceAll(s, "/", "-"))
	if err != nil || w.month != 0 {
		return false
	}
	w.year, w.month, w.day = d.Date()
	return true
}

// dayWord understands today, yesterday, and the days of the week.
func (w *typed) dayWord(s string) bool {
	if s == "today" || s == "yesterday" {
		if w.month != 0 {
			return false
		}
		w.year, w.month, w.day = w.now.Date()
		if s == "yesterday" {
			w.year, w.month, w.day = time.Date(w.year, w.month, w.day-1, 0, 0, 0, 0, time.UTC).Date()
		}
		return true
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); w.weekday == nil && (s == name || s == name[:3]) {
			w.weekday = &d
			return true
		}
	}
	return false
}

// monthDay understands Jul 30, as logs have it.
func (w *typed) monthDay(month, day string) bool {
	d, err := time.Parse("Jan 2", month+" "+day)
	if err != nil || w.month != 0 {
		return false
	}
	w.month, w.day = d.Month(), d.Day()
	return true
}

// takeClock understands 02:13, 02:13:07.5 and 2:13am, also with a time zone's offset after it.
func (w *typed) takeClock(s string) bool {
	if w.clock != nil {
		return false
	}
	rest := s
	if i := strings.IndexAny(s, "z+-"); i > 0 {
		if rest = s[:i]; !w.takeZone(s[i:]) {
			return false
		}
	}
	for _, form := range []string{"15:04:05.999999999", "15:04", "3:04:05pm", "3:04pm", "3pm"} {
		if c, err := time.Parse(form, rest); err == nil {
			w.clock = &c
			return true
		}
	}
	return false
}

// takeZone understands UTC, Z, +02:00, +0200, and the abbreviation of the local time zone.
func (w *typed) takeZone(s string) bool {
	if w.zoned {
		return false
	}
	if s == "z" || s == "utc" || s == "gmt" {
		w.zone, w.zoned = time.UTC, true
		return true
	}
	for _, form := range []string{"-07:00", "-0700"} {
		if t, err := time.Parse(form, s); err == nil {
			w.zone, w.zoned = t.Location(), true
			return true
		}
	}
	// Summer and winter have abbreviations of their own.
	for month := range 12 {
		t := w.now.AddDate(0, -month, 0)
		if name, offset := t.Zone(); strings.ToLower(name) == s {
			w.zone, w.zoned = time.FixedZone(name, offset), true
			return true
		}
	}
	return false
}

// time is the time that the words name.
func (w *typed) time(text string) (time.Time, error) {
	if w.clock == nil && w.month == 0 && w.weekday == nil {
		return time.Time{}, notTime(text)
	}
	if w.month != 0 && w.year != 0 {
		if day := time.Date(w.year, w.month, w.day, 0, 0, 0, 0, time.UTC); w.weekday != nil && day.Weekday() != *w.weekday {
			return time.Time{}, usagef("%s is no time: %s is a %s", iproute2.Quote(text), day.Format(time.DateOnly), day.Weekday())
		}
		t := w.on(w.year, w.month, w.day)
		if t.IsZero() {
			return t, usagef("%s is no time: the clock was set forward over it", iproute2.Quote(text))
		}
		return t, nil
	}
	return w.last(text)
}

// last is the last time at which the words were true.
func (w *typed) last(text string) (time.Time, error) {
	y, m, d := w.now.In(w.zone).Date()
	for back := range 9 * 366 { // the longest time between two 29 February
		day := time.Date(y, m, d-back, 0, 0, 0, 0, time.UTC)
		if w.month != 0 && (day.Month() != w.month || day.Day() != w.day) || w.weekday != nil && day.Weekday() != *w.weekday {
			continue
		}
		if t := w.on(day.Date()); !t.IsZero() && !t.After(w.now) {
			return t, nil
		}
	}
	return time.Time{}, notTime(text)
}

// on is when the clock showed the time on a day, the last one that is not to come; zero:
// never, because the clock was set forward over it. The clock's first time on a day is meant if
// none was named.
func (w *typed) on(y int, m time.Month, d int) time.Time {
	if w.clock == nil {
		return time.Date(y, m, d, 0, 0, 0, 0, w.zone)
	}
	c := w.clock
	want := time.Date(y, m, d, c.Hour(), c.Minute(), c.Second(), c.Nanosecond(), time.UTC)
	var found []time.Time
	for _, near := range []time.Time{want.Add(-36 * time.Hour), want.Add(36 * time.Hour)} {
		_, offset := near.In(w.zone).Zone()
		t := want.Add(-time.Duration(offset) * time.Second).In(w.zone)
		if _, own := t.Zone(); own == offset {
			found = append(found, t)
		}
	}
	slices.SortFunc(found, func(a, b time.Time) int { return a.Compare(b) })
	for _, t := range slices.Backward(found) {
		if !t.After(w.now) {
			return t
		}
	}
	if len(found) > 0 {
		return found[0]
	}
	return time.Time{}
}

// unixTime is so many seconds after 1970, which may have a fraction.
func unixTime(whole, text string) (time.Time, error) {
	m := regexp.MustCompile(`^(\d{1,12})(?:\.(\d{1,9}))?$`).FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, notTime(whole)
	}
	n, err := strconv.ParseInt(m[1], 10, 40)
	if err != nil {
		return time.Time{}, notTime(whole)
	}
	nanoseconds, _ := strconv.ParseInt((m[2] + "000000000")[:9], 10, 64)
	return time.Unix(n, nanoseconds), nil
}

// agoUnits are the units of a time before now.
func agoUnits() map[string]time.Duration {
	const day = 24 * time.Hour
	units := map[string]time.Duration{}
	for unit, names := range map[time.Duration]string{
		time.Second: "s sec second seconds", time.Minute: "m min minute minutes", time.Hour: "h hr hour hours", day: "d day days", 7 * day: "w week weeks",
	} {
		for _, name := range strings.Fields(names) {
			units[name] = unit
		}
	}
	return units
}

// maxAgo limits how long ago a time may be.
const maxAgo = 100 * 365 * 24 * time.Hour

// ago is a time before now, such as 1h30m or 10 minutes.
func ago(whole, text string, now time.Time) (time.Time, error) {
	part := regexp.MustCompile(`^ *(\d{1,9}) *([a-z]+)`)
	units := agoUnits()
	var sum time.Duration
	for rest := text; rest != ""; {
		m := part.FindStringSubmatch(rest)
		if m == nil {
			return time.Time{}, notTime(whole)
		}
		n, _ := strconv.Atoi(m[1])
		if unit := units[m[2]]; unit == 0 || time.Duration(n) > maxAgo/unit {
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
