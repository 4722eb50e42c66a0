package report

import (
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
)

// Lines are the decisions of a batch about packets that differ in nothing but their
// destination.
type Lines struct {
	FIB *lookup.FIB
	// Given and Fields are those of a [Look].
	Given  []lookup.Field
	Fields map[lookup.Field]bool
}

// LineKey is what a line depends on beside the packet's destination and the prefix of its
// route. It has a meaning only beside others of the same Lines.
type LineKey struct {
	entry   lookup.Entry
	src     netip.Addr
	hopSrc  netip.Addr // is another one where the source was given
	gateway netip.Addr
	link    int
	isZero  bool // the route is a default route
	is6     bool
}

// Key is that of a decision; false: no other packet's line is like this one.
func (l *Lines) Key(flow *route.Flow, d *lookup.Decision) (LineKey, bool) {
	if d.Disposition != lookup.DispositionUnicast || !d.HasRoute || d.Shortcut != "" || len(d.NextHops) != 1 || d.SomeRefused != 0 || d.Route.Src.IsValid() {
		return LineKey{}, false
	}
	h := &d.NextHops[0]
	if h.Stale || h.Redirected || h.SrcOneOf != nil {
		return LineKey{}, false
	}
	if !h.Gateway.IsValid() { // a neighbour's state is its own
		if _, known := l.FIB.Neighbour(h.Link, flow.Dst); known {
			return LineKey{}, false
		}
	}
	return LineKey{d.Entry(), d.Src, h.Src, h.Via.Gateway, h.Link, d.Default(), flow.Dst.Is6()}, true
}

// Report is the line of a decision.
func (l *Lines) Report(flow route.Flow, d *lookup.Decision) *Explanation {
	look := Look{FIB: l.FIB, Given: l.Given, Fields: l.Fields}
	return look.Decided(flow, d)
}

// Decided is the line of a look-up of which there is a decision alone.
func (l *Look) Decided(flow route.Flow, d *lookup.Decision) *Explanation {
	l.Trace = &lookup.Trace{Flow: flow, Decision: *d, Gateways: l.FIB.Gateways(&flow, d)}
	return l.Line()
}

// Line is the answer of a line: the question and the decision alone.
type Line struct{ *Explanation }

// LineFault is a line that has no answer.
type LineFault struct {
	// Query has the destination, where it can be told.
	Query       *Query             `json:"query,omitempty"`
	Disposition lookup.Disposition `json:"disposition"`
	Default     bool               `json:"default"`
	// Input is the line, and Error says why there is no answer.
	Input string `json:"input"`
	Error string `json:"error"`
}
