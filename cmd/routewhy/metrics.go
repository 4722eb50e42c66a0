package main

import (
	"context"
	"fmt"
	"io"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route"
)

// writeMetrics makes the checks, and writes the findings as metrics instead of text. A
// file is written whole or not at all.
func (o *options) writeMetrics(ctx context.Context, host route.Source, s stdio) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	var m *report.Metrics
	w, err := report.Steady(host, route.Query{Family: o.family}, func() (bool, error) {
		var err error
		m, err = report.AskMetrics(ctx, host, o.family, o.resolvers(), o.checks, o.noKernel)
		return err == nil && m.Disagrees(), err
	})
	if err != nil {
		return err
	}
	defer w.Close()
	m.Changing = m.Changing || w.Changing()
	write := func(w io.Writer) error { return text.Metrics(w, m) }
	if o.metrics == "-" {
		err = write(s.Stdout)
	} else if err = writeFile(ctx, o.metrics, 0o666, write); err != nil {
		err = fmt.Errorf("--metrics: %w", err)
	}
	if status := m.Status(); err == nil && status != report.StatusAnswered {
		return statusError(status)
	}
	return err
}
