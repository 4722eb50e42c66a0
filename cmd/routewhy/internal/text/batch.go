package text

import (
	"io"
	"net/netip"
	"strings"

	"routewhy/lookup/report"
)

// Batch writes decisions, one a line: the sentence that an explanation starts
// with, or a JSON object without what only an explanation has.
//
// Most lines of a long batch differ in two texts alone, the destination and the prefix of
// its route; what stands around them is kept by what it depends on. Putting each line
// together again costs ten times as much as deciding it.
type Batch struct {
	w    io.Writer
	json bool
	buf  []byte
	err  error
	kept map[report.LineKey]lineFrame
}

// lineFrame is the text before, between and after the destination and the
// prefix.
type lineFrame struct{ before, between, after string }

// maxKept bounds how many frames are kept.
const maxKept = 1 << 16

// NewBatch starts a batch.
func NewBatch(w io.Writer, asJSON bool) *Batch {
	return &Batch{w: w, json: asJSON, kept: map[report.LineKey]lineFrame{}}
}

// flushAt is how much is gathered before it is written.
const flushAt = 64 << 10

// Flush writes what was added. Its error is also that of all writes before.
func (b *Batch) Flush() error {
	if b.err == nil && len(b.buf) > 0 {
		_, b.err = b.w.Write(b.buf)
	}
	b.buf = b.buf[:0]
	return b.err
}

func (b *Batch) flushFull() {
	if len(b.buf) >= flushAt {
		_ = b.Flush() // the last one gives its error again
	}
}

// Again adds a line like the one that was kept under a key, with another destination and
// prefix. It reports whether there was one.
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

// Keep adds a line, and keeps what stands around its two texts under a key.
func (b *Batch) Keep(k report.LineKey, e *report.Explanation) {
	whole := b.line(e)
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

// line is a decision's, with its end.
func (b *Batch) line(e *report.Explanation) string {
	if !b.json {
		return told{e}.headline() + "\n"
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
