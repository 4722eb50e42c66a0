package main

import (
	"context"
	"errors"
	"fmt"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route"
)

// covers shows how many addresses each next hop and each route gets.
func covers(ctx context.Context, o *options, s stdio) error {
	s.saveMemory(50)
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	all, err := report.AskCoverage(ctx, host, o.family, o.question(nil), o.draw || o.svg != "" || o.html != "", 2*o.limit())
	if limit := new(route.LimitError); errors.As(err, &limit) && limit.Limit == 2*o.limit() {
		return withHint(errors.New("--coverage: a device has too many IPv6 addresses: each range of destinations chooses among them"), "-4 leaves IPv6 out")
	}
	if err != nil {
		return deviceFault(overLimit(err))
	}
	if o.json {
		for _, c := range all {
			s.tell(c)
		}
		err = text.CoverageJSON(s.Stdout, all)
	}
	status := report.StatusUnknown
	for i, c := range all {
		status = min(status, c.Status())
		if o.json || err != nil {
			continue
		}
		s.tell(c)
		if i > 0 && !o.quiet {
			fmt.Fprintln(s.Stdout)
		}
		if o.draw {
			err = text.CoverageMap(s.Stdout, c, o.style(s))
			continue
		}
		err = text.Coverage(s.Stdout, c, o.style(s))
	}
	if err == nil && status != report.StatusAnswered {
		return statusError(status)
	}
	return err
}
