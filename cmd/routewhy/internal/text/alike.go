package text

import (
	"fmt"
	"strings"

	"routewhy/lookup/report"
	"routewhy/route"
)

// A large table has a million routes but only a few next hops. Writing the same words
// again for each route takes three times as long as reading the routes from the
// kernel. So if routes differ only in their destination, the part that they have in
// common is written once and kept.

// around is what stands before and after a route's destination.
type around struct{ before, after string }

// rowWriter writes rows that differ only in the destination.
type rowWriter struct {
	make func(*report.Row) string // a whole row
	kept route.ByShape[around]
	row  []byte
}

// text is the row of a route; it is overwritten by the next call.
func (w *rowWriter) text(r *report.Row) []byte {
	raw := r.Raw()
	if raw == nil {
		return append(w.row[:0], w.make(r)...)
	}
	a, known := w.kept.Get(raw)
	if !known {
		whole := w.make(r)
		before, after, _ := strings.Cut(whole, r.Dst().String())
		if a = (around{before, after}); !w.kept.Put(raw, a) {
			return append(w.row[:0], whole...)
		}
	}
	w.row = append(w.row[:0], a.before...)
	w.row = r.Dst().AppendTo(w.row)
	w.row = append(w.row, a.after...)
	return w.row
}

// textRows writes routes as lines of a dump, without columns.
func textRows(d *report.Dump) *rowWriter {
	return &rowWriter{make: func(row *report.Row) string {
		r := row.Route()
		c := dumpCells(r)
		line := strings.Join(nonEmpty(c.dst, c.way, c.attrs), "  ")
		legs := dumpLegs(d, r, widths{}, 0)
		return strings.Join(append([]string{fmt.Sprintf("%*s%s", tableIndent, "", line)}, legs...), "\n") + "\n"
	}}
}

// jsonRows writes routes as JSON objects.
func jsonRows() *rowWriter {
	return &rowWriter{make: func(row *report.Row) string {
		var b strings.Builder
		if err := encoder(&b).Encode(row.Route()); err != nil { // strings and numbers always encode
			return "null"
		}
		return strings.TrimSuffix(b.String(), "\n")
	}}
}
