package text

import (
	"io"

	"routewhy/lookup/report"
)

// Try writes what commands would do as text.
func Try(w io.Writer, t *report.Try, st Style) error {
	p := &page{w: w, st: st}
	for i := range t.Commands {
		p.line(t.Commands[i].Command + ": " + t.Commands[i].Message)
	}
	p.blank()
	p.tryYou(t)
	p.trySockets(t)
	p.trySafe(t)
	p.tryUndo(t)
	p.tryKernel(t)
	return p.err
}

// TryJSON writes the same as JSON: one object.
func TryJSON(w io.Writer, t *report.Try) error {
	enc := encoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(t)
}
