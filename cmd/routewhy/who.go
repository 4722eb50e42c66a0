package main

import (
	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
)

// writeWho writes who asked for changes.
func writeWho(o *options, s stdio, all []*report.Asker) error {
	for _, a := range all {
		s.tell(a)
	}
	if o.json {
		return text.WhoJSON(s.Stdout, all)
	}
	return text.Who(s.Stdout, all)
}
