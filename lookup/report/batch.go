package report

import (
	"context"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Batch answers questions about many packets, one after the other, after everything was
// read once. It gives only the decision about each.
type Batch struct {
	asker
	ctx      context.Context // of the kernel's answers
	watched  *Watched
	searcher *lookup.Searcher
	given    []lookup.Field
	fields   map[lookup.Field]bool
	// plain4 and plain6 are packets of which only the destination is given.
	plain4, plain6 route.Flow
	// asks says of which family the kernel is asked about every packet: see learnt.
	asks map[route.Family]bool
}

// ReadBatch reads a source for a batch: of one family or, zero, of both. The question's
// Packet holds for every line that says nothing else; its destinations are ignored.
// Errors are those of [Ask]. The caller closes the batch.
func ReadBatch(ctx context.Context, src route.Source, family route.Family, q *Question) (*Batch, error) {
	b := &Batch{asker: asker{Question: q, src: src}, ctx: ctx}
	var err error
	b.watched, err = Steady(src, route.Query{Family: family}, func() (bool, error) {
		var err error
		b.fib, err = lookup.Read(ctx, src, &lookup.Need{Query: route.Query{Family: family, AllDevices: true}})
		return false, err
	})
	if err != nil {
		return nil, err
	}
	snap := b.fib.Snapshot()
	snap.Changed = snap.Changed || b.watched.Changing()
	if err := b.start(); err != nil {
		b.Close()
		return nil, err
	}
	if !q.NoKernel {
		b.asks = src.Redirects()
	}
	return b, nil
}

// NewBatch is a batch about facts that were read already. It asks no kernel.
func NewBatch(fib *lookup.FIB, q *Question) (*Batch, error) {
	b := &Batch{asker: asker{Question: q, fib: fib}, watched: &Watched{watch: route.Still{}}}
	return b, b.start()
}

func (b *Batch) start() error {
	snap := b.fib.Snapshot()
	b.searcher = b.fib.Searcher()
	b.given, b.fields = b.Packet.Given(), b.Packet.fields()
	var err error
	if b.plain4, err = b.flow(snap, &Destination{Addr: netip.IPv4Unspecified()}, &b.Packet); err != nil {
		return err
	}
	b.plain6, err = b.flow(snap, &Destination{Addr: netip.IPv6Unspecified()}, &b.Packet)
	return err
}

// Close ends the watch for changes.
func (b *Batch) Close() { b.watched.Close() }

// ChangedAtOnce reports whether the tables were changing while they were read.
func (b *Batch) ChangedAtOnce() bool { return b.fib.Snapshot().Changed }

// Changing reports whether they have changed since.
func (b *Batch) Changing() bool { return b.watched.Changing() }

// Gaps are the facts that are missing for all decisions.
func (b *Batch) Gaps() []route.Gap {
	return slices.DeleteFunc(slices.Clone(b.fib.Snapshot().Gaps), func(g route.Gap) bool {
		return slices.Contains([]route.Fact{route.FactNames, route.FactSockets, route.FactProcesses, route.FactMarks}, g.Fact)
	})
}

// Decided is the decision about a packet of a batch. It is overwritten by the next one.
type Decided struct {
	batch    *Batch
	flow     route.Flow
	decision lookup.Decision
}

// Decide decides about the packet of the batch that goes to an address, and writes the
// decision to x.
func (b *Batch) Decide(x *Decided, dst netip.Addr) {
	x.batch, x.flow = b, b.plain4
	if dst.Is6() {
		x.flow = b.plain6
	}
	x.flow.Dst = dst
	x.decision = b.searcher.Lookup(x.flow)
	b.learnt(&x.flow, &x.decision)
}

// Answer answers about one packet or connection. More than its destination may be given.
func (b *Batch) Answer(d *Destination, p *Packet) (*Explanation, error) {
	one := asker{Question: &Question{Packet: *p, User: b.User, NoKernel: b.NoKernel}, src: b.src, fib: b.fib}
	if d.Port == 0 {
		return b.answer(&one, d)
	}
	l, _, err := one.lookUp(d)
	if err != nil {
		return nil, err
	}
	to := d.connects(p)
	l.Label = to.label()
	if b.asks[l.Trace.Flow.Family()] {
		if err := one.askKernel(b.ctx, l); err != nil {
			return nil, err
		}
	}
	return l.Line(), nil
}

func (b *Batch) answer(one *asker, d *Destination) (*Explanation, error) {
	p := one.Packet.to(d)
	flow, err := one.flow(b.fib.Snapshot(), d, &p)
	if err != nil {
		return nil, err
	}
	dec := b.searcher.Lookup(flow)
	b.learnt(&flow, &dec)
	l := look{FIB: b.fib, Label: d.label(), Given: one.Packet.Given(), Fields: p.fields()}
	return l.decided(flow, &dec), nil
}

// learnt changes a decision to the gateways that the kernel has learnt from ICMP
// redirects. Only its answers show all of them. So it is asked about every packet, but
// only if a redirect ever came in.
func (b *Batch) learnt(flow *route.Flow, d *lookup.Decision) {
	byGateway := func(w lookup.NextHop) bool { return w.Gateway.IsValid() }
	if !b.asks[route.FamilyOf(flow.Dst)] || !slices.ContainsFunc(d.NextHops, byGateway) {
		return
	}
	if answer, err := b.src.Resolve(b.ctx, *flow); err == nil {
		c := b.fib.Compare(flow, d, &answer)
		d.Redirect(&c, &answer)
	}
}

// LineKey is what a line depends on beside the packet's destination and the prefix of its
// route. It may only be compared with others of the same batch.
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
func (x *Decided) Key() (LineKey, bool) {
	d := &x.decision
	if d.Disposition != lookup.DispositionUnicast || !d.HasRoute || d.Shortcut != "" || len(d.NextHops) != 1 || d.SomeRefused != 0 || d.Route.Src.IsValid() {
		return LineKey{}, false
	}
	h := &d.NextHops[0]
	if h.Stale || h.Redirected || h.SrcOneOf != nil {
		return LineKey{}, false
	}
	if !h.Gateway.IsValid() { // a neighbour's state is its own
		if _, known := x.batch.fib.Neighbour(h.Link, x.flow.Dst); known {
			return LineKey{}, false
		}
	}
	return LineKey{d.Entry(), d.Src, h.Src, h.Via.Gateway, h.Link, d.Default(), x.flow.Dst.Is6()}, true
}

// Prefix is the destination of the packet's route.
func (x *Decided) Prefix() netip.Prefix { return x.decision.Route.Dst }

// Status is what the decision comes to.
func (x *Decided) Status() Status {
	status := StatusOf(x.batch.fib, &x.flow, &x.decision)
	if status == StatusAnswered && x.batch.fib.SeenOnMaster(&x.flow).Code != "" {
		return StatusNoRoute
	}
	return status
}

// Report is the line of the decision.
func (x *Decided) Report() *Explanation {
	b := x.batch
	l := look{FIB: b.fib, Given: b.given, Fields: b.fields}
	return l.decided(x.flow, &x.decision)
}

// decided is the line of a look-up of which only the decision is known.
func (l *look) decided(flow route.Flow, d *lookup.Decision) *Explanation {
	l.Trace = &lookup.Trace{Flow: flow, Decision: *d, Gateways: l.FIB.Gateways(&flow, d)}
	return l.Line()
}

// Line is the answer of a line: the question and the decision alone.
type Line struct{ *Explanation }

// LineFault is a line that has no answer.
type LineFault struct {
	// Query has the destination, if it was understood.
	Query       *Query             `json:"query,omitempty"`
	Disposition lookup.Disposition `json:"disposition"`
	Default     bool               `json:"default"`
	// Input is the line, and Error says why there is no answer.
	Input string `json:"input"`
	Error string `json:"error"`
}
