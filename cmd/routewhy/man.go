package main

import (
	"routewhy/cmd/routewhy/internal/manual"
	"routewhy/lookup/check"
	"routewhy/lookup/report"
)

// manualPage is the manual page routewhy(8), in the format mdoc(7).
func manualPage() string {
	in := &manual.Input{Usage: usageText}
	for _, k := range report.Kinds() {
		in.Findings = append(in.Findings, manual.Term{Word: string(k.Code), Meaning: k.Title + " (" + string(k.Severity) + "). " + k.Explanation})
	}
	for _, c := range check.All() {
		in.Checks = append(in.Checks, manual.Term{Word: c.ID, Meaning: c.Title + " (" + string(c.Severity) + "). " + c.Doc})
	}
	return manual.Page(in)
}
