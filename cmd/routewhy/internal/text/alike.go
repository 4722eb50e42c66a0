package text

import (
	"encoding/json"
	"strings"

	"routewhy/route"
	"routewhy/route/iproute2"
)

// A large table holds a million routes over a few next hops, and writing out
// the same words for each takes three times as long as reading them from the
// kernel. So what is the same of routes that differ in their destination alone
// is written once and kept.

// around is what stands before and after a route's destination.
type around struct{ before, after string }

// rowWriter writes rows that differ in the destination alone.
type rowWriter struct {
	make func(*route.Route) string // a whole row
	kept map[route.Shape]around
	row  []byte
}

// text is the row of a route; it is overwritten by the next call.
func (w *rowWriter) text(r *route.Route) []byte {
	k, ok := r.Shape()
	if !ok {
		return append(w.row[:0], w.make(r)...)
	}
	a, known := w.kept[k]
	if !known {
		before, after, _ := strings.Cut(w.make(r), r.Dst.String())
		a = around{before, after}
		if w.kept == nil {
			w.kept = make(map[route.Shape]around)
		}
		w.kept[k] = a
	}
	w.row = append(w.row[:0], a.before...)
	w.row = r.Dst.AppendTo(w.row)
	w.row = append(w.row, a.after...)
	return w.row
}

// textRows writes routes as lines of a dump, without columns.
func textRows(s *route.Snapshot) *rowWriter {
	return &rowWriter{make: func(r *route.Route) string {
		c := dumpCells(s, r)
		return strings.Repeat(" ", tableIndent) + strings.Join(nonEmpty(c.dst, c.way, c.attrs), "  ") + "\n"
	}}
}

// jsonRows writes routes as JSON objects.
func jsonRows(s *route.Snapshot) *rowWriter {
	return &rowWriter{make: func(r *route.Route) string {
		b, err := json.Marshal(iproute2.RouteJSON(s, r))
		if err != nil { // strings and numbers always encode
			return "null"
		}
		return string(b)
	}}
}
