package render

import (
	"bytes"
	"encoding/json"
	"io"
	"net/netip"
	"strings"

	"routewhy/lookup"
	"routewhy/route"
)

// Batch writes decisions, one a line: the sentence that an explanation starts
// with, or a JSON object without what only an explanation has.
//
// Most lines of a long batch differ in two texts alone, the destination and the
// prefix of its route; what stands around them is kept by what it depends on.
// Putting each line together anew costs ten times as much as deciding it.
type Batch struct {
	w     io.Writer
	fib   *lookup.FIB
	query BatchQuery
	json  bool
	buf   []byte
	err   error
	kept  map[lineKey]lineFrame
}

// BatchQuery is what all plain lines of a batch ask: the packets of either family
// but for their destination, and what was given of them, as in [Explanation].
type BatchQuery struct {
	Plain4, Plain6 route.Flow
	Given          []string
	GivenFields    map[lookup.Field]bool
}

// lineKey is what a plain line's text depends on beside the destination and the
// route's prefix.
type lineKey struct {
	entry   lookup.Entry
	src     netip.Addr
	waySrc  netip.Addr // is another one where the source was given
	gateway netip.Addr
	link    int
	isZero  bool // the route is a default route
	is6     bool
}

// lineFrame is the text before, between and after the destination and the
// prefix.
type lineFrame struct{ before, between, after string }

// maxKept bounds how many frames are kept.
const maxKept = 1 << 16

// NewBatch starts a batch.
func NewBatch(w io.Writer, fib *lookup.FIB, q BatchQuery, asJSON bool) *Batch {
	return &Batch{w: w, fib: fib, query: q, json: asJSON, kept: map[lineKey]lineFrame{}}
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

// Plain adds the decision about one of the query's packets.
func (b *Batch) Plain(flow route.Flow, d *lookup.Decision) {
	if !ordinary(d) || b.ownLine(&flow, d) {
		b.Asked(&Explanation{Subject: flow.Dst.String(), Given: b.query.Given, GivenFields: b.query.GivenFields}, flow, d)
		return
	}
	way := &d.NextHops[0]
	k := lineKey{d.Entry(), d.Src, way.Src, way.Via.Gateway, way.Link, d.Default(), flow.Dst.Is6()}
	frame, known := b.kept[k]
	if !known {
		if len(b.kept) == maxKept {
			clear(b.kept)
		}
		frame = b.frame(flow, d)
		b.kept[k] = frame
	}
	b.buf = append(b.buf, frame.before...)
	b.buf = flow.Dst.AppendTo(b.buf)
	b.buf = append(b.buf, frame.between...)
	b.buf = d.Route.Dst.AppendTo(b.buf)
	b.buf = append(b.buf, frame.after...)
	b.flushFull()
}

// ordinary says that a packet leaves by one next hop of a route.
func ordinary(d *lookup.Decision) bool {
	return d.Disposition == lookup.DispositionUnicast && d.HasRoute && d.Shortcut == "" &&
		len(d.NextHops) == 1 && !d.NextHops[0].Stale && !d.NextHops[0].Redirected && d.SomeRefused == 0 && !d.Route.Src.IsValid() &&
		d.NextHops[0].SrcOneOf == nil
}

// ownLine reports whether a destination is a neighbour whose state is known: then its
// line says what no other destination's does.
func (b *Batch) ownLine(flow *route.Flow, d *lookup.Decision) bool {
	if d.NextHops[0].Gateway.IsValid() {
		return false
	}
	_, known := b.fib.Neighbour(d.NextHops[0].Link, flow.Dst)
	return known
}

// frame makes a line as any other, and takes the two texts out of it.
func (b *Batch) frame(flow route.Flow, d *lookup.Decision) lineFrame {
	whole := b.compose(&Explanation{Subject: flow.Dst.String(), Given: b.query.Given, GivenFields: b.query.GivenFields}, flow, d)
	before, rest, _ := strings.Cut(whole, flow.Dst.String())
	at := 0
	if b.json {
		at = strings.Index(rest, `"route":{`)
	}
	between, after, _ := strings.Cut(rest[at:], d.Route.Dst.String())
	return lineFrame{before, rest[:at] + between, after}
}

// Asked adds the decision about any packet. Of e, Subject, Given and GivenFields
// are set, and for a connection Trace and what belongs to it.
func (b *Batch) Asked(e *Explanation, flow route.Flow, d *lookup.Decision) {
	b.buf = append(b.buf, b.compose(e, flow, d)...)
	b.flushFull()
}

// jsonFault is a line that has no answer.
type jsonFault struct {
	Query       *jsonFaultQuery    `json:"query,omitempty"`
	Disposition lookup.Disposition `json:"disposition"`
	Default     bool               `json:"default"`
	// Input is the line, and Error says why there is no answer.
	Input string `json:"input"`
	Error string `json:"error"`
}

type jsonFaultQuery struct {
	Dst string `json:"dst"`
}

// Fault adds a line that has no answer: what it says, the destination where it can be
// told, and why not.
func (b *Batch) Fault(input string, dst netip.Prefix, why string) {
	if !b.json {
		b.buf = append(b.buf, input+" cannot be decided: "+why+"\n"...)
		b.flushFull()
		return
	}
	f := jsonFault{Disposition: lookup.DispositionUnknown, Input: input, Error: why}
	if dst.IsValid() {
		f.Query = &jsonFaultQuery{dst.String()}
	}
	b.buf = append(b.buf, b.encoded(f)...)
	b.flushFull()
}

func (b *Batch) flushFull() {
	if len(b.buf) >= flushAt {
		_ = b.Flush() // the last one gives its error again
	}
}

// compose is a line with its end.
func (b *Batch) compose(e *Explanation, flow route.Flow, d *lookup.Decision) string {
	e.FIB = b.fib
	if e.Trace == nil {
		e.Trace = &lookup.Trace{Flow: flow, Decision: *d}
		if e.GivenFields[lookup.FieldFrom] {
			e.Trace.Source.Reason.Code = lookup.CodeSrcGiven
		}
	}
	if !b.json {
		return e.headline() + "\n"
	}
	if e.Trace.Gateways == nil {
		e.Trace.Gateways = b.fib.Gateways(&flow, d)
	}
	j := e.decisionJSON()
	if b.fib.Snapshot().Changed {
		j.Warnings = []Remark{changingRemark()}
	}
	return b.encoded(j)
}

// encoded is a JSON object on a line.
func (b *Batch) encoded(v any) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil && b.err == nil {
		b.err = err
	}
	return out.String()
}
