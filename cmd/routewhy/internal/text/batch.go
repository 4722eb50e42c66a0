package text

import (
	"io"
	"net/netip"
	"strings"

	"routewhy/lookup/report"
)

// Batch writes decisions, one on each line. A line is the sentence that an explanation
// starts with, or a JSON object without the fields that only an explanation has.
//
// Most lines of a long batch differ only in two texts: the destination and the prefix of
// its route. The text around them is kept under a key of everything that it depends on.
// Building each line again would take ten times as long as the decision.
type Batch struct {
	w    io.Writer
	json bool
	st   Style
	buf  []byte
	err  error
	kept map[report.LineKey]lineFrame
}

// lineFrame is the text before, between and after the destination and the
// prefix.
type lineFrame struct{ before, between, after string }

// maxKept is the highest number of frames that are kept.
const maxKept = 1 << 16

// NewBatch starts a batch.
func NewBatch(w io.Writer, asJSON bool, st Style) *Batch {
	return &Batch{w: w, json: asJSON, st: st, kept: map[report.LineKey]lineFrame{}}
}

// flushAt is how many bytes are collected before they are written.
const flushAt = 64 << 10

// Flush writes the lines that were added. It also returns the error of any write
// before.
func (b *Batch) Flush() error {
	if b.err == nil && len(b.buf) > 0 {
		_, b.err = b.w.Write(b.buf)
	}
	b.buf = b.buf[:0]
	return b.err
}

func (b *Batch) flushFull() {
	if len(b.buf) >= flushAt {
		_ = b.Flush() // the last Flush returns this error again
	}
}

// Again adds a line like the one that was kept under a key, with another destination and
// prefix. It reports whether there was such a line.
func (b *Batch) Again(k report.LineKey, dst netip.Addr, prefix netip.Prefix) bool {
	frame, known := b.kept[k]
	if !known {
		return false
	}
	b.buf = append(b.buf, frame.before...)
	b.buf = dst.AppendTo(b.buf)
	b.buf = append(b.buf, frame.between...)
	b.buf = prefix.AppendTo(b.buf)
	b.buf = append(b.buf, frame.after...)
	b.flushFull()
	return true
}

// Add adds a line.
func (b *Batch) Add(e *report.Explanation) { b.add(b.line(e)) }

// Keep adds a line, and keeps the text around its destination and prefix under a key.
func (b *Batch) Keep(k report.LineKey, e *report.Explanation) {
	whole := b.line(e)
	if b.st.Fold && !b.json {
		b.add(whole) // another destination folds elsewhere
		return
	}
	if len(b.kept) == maxKept {
		clear(b.kept)
	}
	before, rest, _ := strings.Cut(whole, e.Query.Addr().String())
	at := 0
	if b.json {
		at = strings.Index(rest, `"route":{`)
	}
	between, after, _ := strings.Cut(rest[at:], e.Route.Dst)
	b.kept[k] = lineFrame{before, rest[:at] + between, after}
	b.add(whole)
}

// Fault adds a line that has no answer.
func (b *Batch) Fault(f *report.LineFault) {
	if b.json {
		b.add(b.encoded(f))
		return
	}
	b.add(f.Input + " cannot be decided: " + f.Error + "\n")
}

func (b *Batch) add(line string) {
	b.buf = append(b.buf, line...)
	b.flushFull()
}

// line is the line of a decision, with the line end.
func (b *Batch) line(e *report.Explanation) string {
	if !b.json {
		return b.st.fold(told{e}.headline()) + "\n"
	}
	Annotate(e)
	return b.encoded(e)
}

// encoded is a JSON object on a line.
func (b *Batch) encoded(v any) string {
	var out strings.Builder
	if err := encoder(&out).Encode(v); err != nil && b.err == nil {
		b.err = err
	}
	return out.String()
}
