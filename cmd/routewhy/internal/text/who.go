package text

import (
	"fmt"
	"io"
	"strings"
	"time"

	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// Who writes which processes asked for changes.
func Who(w io.Writer, all []*report.Asker) error {
	var b strings.Builder
	if len(all) == 0 {
		b.WriteString("no changes were recorded\n")
	}
	for _, a := range all {
		fmt.Fprintf(&b, "%s: %s, %s\n", askerWords(a), counted(a.Total, "change"), spanWords(a.First, a.Last))
		for i := range a.Changes {
			c := &a.Changes[i]
			var parts []string
			if c.Added > 0 {
				parts = append(parts, fmt.Sprintf("%d added or changed", c.Added))
			}
			if c.Removed > 0 {
				parts = append(parts, fmt.Sprintf("%d deleted", c.Removed))
			}
			fmt.Fprintf(&b, "  %s: %s\n", kindsWords(c.Kind), strings.Join(parts, ", "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WhoJSON writes the same as one JSON object a line.
func WhoJSON(w io.Writer, all []*report.Asker) error {
	enc := encoder(w)
	for _, a := range all {
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

func askerWords(a *report.Asker) string {
	switch {
	case a.By != nil && a.Processes > 1:
		one := *a.By
		return manyRequesters(&one, a.Processes)
	case a.By != nil:
		return requesterWords(a.By)
	case a.Kernel:
		return "the kernel, or programs by an ioctl"
	case a.Processes == 0:
		return "not known: of devices and IPv6 addresses the kernel tells for hardly any change who asked"
	case a.Processes == 1:
		return "a process that is not known"
	}
	return fmt.Sprintf("processes that are not known (%d netlink ports)", a.Processes)
}

// manyRequesters is "ip (12 processes, started by dhclient-script)".
func manyRequesters(r *route.Requester, n int) string {
	text := requesterWords(r)
	return strings.Replace(text, fmt.Sprintf("(pid %d", r.PID), fmt.Sprintf("(%d processes", n), 1)
}

func kindsWords(k report.ObjectKind) string {
	words := map[report.ObjectKind]string{
		report.KindRoute: "routes", report.KindRule: "rules", report.KindAddress: "addresses", report.KindNextHop: "next hops", report.KindLink: "devices",
	}[k]
	if words == "" {
		return iproute2.Safe(string(k))
	}
	return words
}

// spanWords is from when to when something happened.
func spanWords(first, last time.Time) string {
	first, last = first.Local(), last.Local()
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	switch {
	case first.Format(time.DateTime) == last.Format(time.DateTime):
		return first.Format(time.DateTime)
	case day(first) == day(last):
		return first.Format(time.DateTime) + " to " + last.Format(time.TimeOnly)
	}
	return first.Format(time.DateTime) + " to " + last.Format(time.DateTime)
}
