package main

import (
	"context"
	"errors"
	"fmt"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// dump shows every table, in the order in which the rules look at the tables.
func dump(ctx context.Context, o *options, s stdio) error {
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	var d *report.Dump
	w, err := report.Steady(host, route.Query{Family: o.family}, func() (bool, error) {
		var err error
		d, err = report.AskDump(ctx, host, report.DumpQuestion{Family: o.family, Table: o.table})
		return false, err
	})
	if errors.Is(err, report.ErrNoTable) {
		return withHint(fmt.Errorf("--table: no table is named %s here", iproute2.Quote(o.table)), "names come from rt_tables; a number always works")
	}
	if err != nil {
		return err
	}
	defer w.Close()
	d.Watch(w.Changing)
	s.tell(d)
	if o.json {
		return text.WriteDumpJSON(s.Stdout, d)
	}
	return text.WriteDump(s.Stdout, d, o.style(s))
}
