package main

import (
	"routewhy/lookup/report"
	"routewhy/route"
)

// watched is what was read, and whether it was changing meanwhile.
type watched struct{ *report.Watched }

func (w watched) changing() bool { return w.Changing() }

func (w watched) close() { w.Close() }

// steady is [report.Steady].
func steady(src route.Source, w route.Query, f func() (doubt bool, err error)) (watched, error) {
	out, err := report.Steady(src, w, f)
	return watched{out}, err
}
