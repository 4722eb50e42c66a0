package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// causes tells what can have caused an error that a program got for a destination.
func causes(ctx context.Context, o *options, s stdio) error {
	errno, err := parseErrno(o.errno)
	if err != nil {
		return err
	}
	dests, err := resolveAll(ctx, o)
	if err != nil {
		return err
	}
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	all, err := report.AskCauses(ctx, host, o.question(dests), errno)
	if err != nil {
		return deviceFault(err)
	}
	status := report.StatusAnswered
	for _, r := range all {
		s.tell(r)
		status = max(status, r.Status())
	}
	if o.json {
		err = text.CausesJSON(s.Stdout, all)
	}
	for i, r := range all {
		if o.json || err != nil {
			break
		}
		if i > 0 && !o.quiet {
			fmt.Fprintln(s.Stdout)
		}
		err = text.Causes(s.Stdout, r, o.style(s))
	}
	if err == nil && status != report.StatusAnswered {
		return statusError(status)
	}
	return err
}

// plainWords are the words of an error without what programs print before them ("connect: "),
// in lower case and without "is": "Network unreachable" and "Network is unreachable" are one.
func plainWords(s string) string {
	if i := strings.LastIndex(s, ": "); i >= 0 {
		s = s[i+2:]
	}
	words := slices.DeleteFunc(strings.Fields(strings.ToLower(s)), func(w string) bool { return w == "is" })
	return strings.Join(words, " ")
}

// parseErrno understands an error by its symbol, by its number or by the words that
// programs print for it.
func parseErrno(s string) (route.Errno, error) {
	const last = 133 // EHWPOISON
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		if n == 0 || n > last {
			return 0, usagef("--errno: %s is the number of no error", iproute2.Quote(s)).hint("routewhy 8.8.8.8 --errno EHOSTUNREACH")
		}
		return route.Errno(n), nil
	}
	var e route.Errno
	if e.UnmarshalText([]byte(strings.ToUpper(s))) == nil {
		return e, nil
	}
	words := plainWords(s)
	for n := range uint64(last) {
		if e := route.Errno(n); plainWords(e.Text()) == words {
			return e, nil
		}
	}
	switch words { // what musl, the C library of Alpine Linux, prints
	case "host unreachable":
		return route.EHOSTUNREACH, nil
	case "operation timed out":
		return route.ETIMEDOUT, nil
	case "address not available":
		return route.EADDRNOTAVAIL, nil
	case "address in use":
		return route.EADDRINUSE, nil
	}
	return 0, usagef("--errno: %s is not an error", iproute2.Quote(s)).hint("routewhy 8.8.8.8 --errno EHOSTUNREACH")
}
