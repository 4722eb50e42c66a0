package text

import (
	"fmt"
	"slices"
	"strings"

	"routewhy/lookup"
	"routewhy/lookup/report"
)

// wayOut is the part of the headline about ways that no packet gets through; empty:
// no such way is known.
func (e told) wayOut() string {
	d := &e.Decision
	if d.WayOut != "" {
		if text := faults(d); text != "" {
			return ", but " + text
		}
		return misfit(e.Warnings)
	}
	dead := 0
	for _, w := range liveWays(d) {
		if w.Fault.Code != "" {
			dead++
		}
	}
	if dead == 0 || e.Looked().Iif != "" && d.Disposition != lookup.DispositionUnicast {
		return ""
	}
	return fmt.Sprintf(", but nothing gets out by %s of them: %s", numeral(dead), faults(d))
}

// faults names what is wrong with the decision's ways. It names each fault once.
func faults(d *report.Decision) string {
	live := liveWays(d)
	var all []report.Reason
	for _, w := range live {
		if w.Fault.Code != "" {
			all = append(all, w.Fault)
		}
	}
	return faultList(all, len(live) == 1)
}

// faultList names faults of next hops, each fault once. If only is set, they are
// faults of the only next hop that the sentence is about.
func faultList(all []report.Reason, only bool) string {
	var silent, out []string
	for _, x := range all {
		text := wrong(x, only)
		if x.Code == lookup.FaultNeighbour && !only {
			text = name(x.Have)
			if !slices.Contains(silent, text) {
				silent = append(silent, text)
			}
			continue
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	switch len(silent) {
	case 0:
	case 1:
		out = append([]string{"the gateway " + silent[0] + " does not answer"}, out...)
	default:
		out = append([]string{"the gateways " + listed(silent) + " do not answer"}, out...)
	}
	return listed(out)
}

// listed joins words with commas, the last one with "and".
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// lifeless reports whether the first line already says what a finding says.
func lifeless(c lookup.Code) bool {
	return c == report.WarnDead || c == report.WarnSilent || c == report.WarnSomeOut
}

// first is the text of the first line, as a finding.
func (e told) first(c lookup.Code) string {
	text := strings.TrimPrefix(e.wayOut(), ", but ")
	switch c {
	case report.WarnDead:
		return "nothing gets out: " + text
	case report.WarnSilent:
		return e.Looked().Addr().String() + " does not answer (neighbour FAILED)"
	case report.WarnSomeOut:
		return text
	}
	return ""
}
