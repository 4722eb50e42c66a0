package report

import (
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// marked are findings about chains that may give the packet a mark before its route is settled,
// if the answer is another one for a packet with that mark, as elsewhere reports. There are none
// if the question gives the mark.
func (l *look) marked(elsewhere func(*route.Flow, *lookup.Decision) bool) []Finding {
	t := l.Trace
	if slices.Contains(l.Given, lookup.FieldMark) || t.Decision.Disposition == lookup.DispositionUnknown || len(l.BySource) > 0 {
		return nil
	}
	if t.Flow.In == 0 && !t.Decision.Disposition.Success() {
		return nil // it does not get to a chain on output
	}
	n := namesOf(l.FIB)
	var out []Finding
	for _, m := range l.FIB.Marked(&t.Flow, &t.Decision) {
		if m.Decision.Disposition == lookup.DispositionUnknown || !elsewhere(&m.Flow, &m.Decision) {
			continue
		}
		note := lookup.Note{Reason: lookup.Reason{Code: lookup.NoteMarkedElse, Have: m.Flow.Mark}, Rule: m.Decision.Rule}
		if m.Decision.HasRoute {
			note.Route = &m.Decision.Route
		}
		if m.Decision.Errno != 0 {
			note.Want = m.Decision.Errno
		}
		f, setter := n.finding(nil, &note), n.markSetter(&m.Setter)
		f.MarkSetter = &setter
		out = append(out, f)
	}
	return out
}
