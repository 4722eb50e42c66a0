package main

import (
	"context"
	"fmt"
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
	for n := range uint64(last) {
		if e := route.Errno(n); strings.EqualFold(e.Text(), strings.TrimSpace(s)) {
			return e, nil
		}
	}
	return 0, usagef("--errno: %s is not an error", iproute2.Quote(s)).hint("routewhy 8.8.8.8 --errno EHOSTUNREACH")
}
