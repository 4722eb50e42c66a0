package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// batch decides about one destination a line, and prints one decision a line in
// the same order.
func batch(ctx context.Context, o *options, s stdio) error {
	in, err := openBatch(o.batch, s)
	if err != nil {
		return err
	}
	defer in.Close()
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	var fib *lookup.FIB
	during, err := steady(host, route.Query{Family: o.family}, func() (bool, error) {
		var err error
		fib, err = readAll(ctx, o, host)
		return false, err
	})
	defer during.close()
	if err != nil {
		return err
	}
	fib.Snapshot().Changed = fib.Snapshot().Changed || during.changing()
	b, err := newBatcher(o, fib, s)
	if err != nil {
		return err
	}
	b.absent()
	if b.host = host; !o.noKernel {
		b.ctx, b.asks = ctx, host.Redirects()
	}
	if fib.Snapshot().Changed {
		fmt.Fprintln(s.Stderr, "routewhy: --batch: the tables were changing while they were read")
		return b.run(ctx, in)
	}
	err = b.run(ctx, in)
	if during.changing() {
		b.tell.clear()
		fmt.Fprintln(s.Stderr, "routewhy: --batch: the tables have changed since they were read, which was before the first line")
	}
	return err
}

// absent says once, not on every line, which facts all decisions are made
// without.
func (b *batcher) absent() {
	var said []route.Fact
	for _, g := range b.fib.Snapshot().Gaps {
		if g.Fact == route.FactNames || g.Fact == route.FactSockets || g.Fact == route.FactProcesses || slices.Contains(said, g.Fact) {
			continue
		}
		said = append(said, g.Fact)
		what := "not known"
		if g.Assumed {
			what = "taken to be the usual ones"
		}
		fmt.Fprintf(b.s.Stderr, "routewhy: --batch: %s: %s: %s\n", g.Fact, what, printable(g.Why))
	}
}

// openBatch opens the file of lines; "-" is standard input.
func openBatch(name string, s stdio) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(s.Stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--batch: %w", err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("--batch: %s is a directory", quote(name))
	}
	return f, nil
}

// readAll reads every table once, whatever destinations will come.
func readAll(ctx context.Context, o *options, host route.Source) (*lookup.FIB, error) {
	return lookup.Read(ctx, host, &lookup.Need{Query: route.Query{Family: o.family, AllDevices: true}})
}

// batcher answers lines.
type batcher struct {
	questions
	searcher *lookup.Searcher
	alike    report.Lines
	out      *text.Batch
	s        stdio
	tell     progress

	// plain4 and plain6 are the packets of lines that are an address alone, but
	// for their destination.
	plain4, plain6 route.Flow

	// asks says of which family the kernel is asked about every line: see learnt.
	asks map[route.Family]bool
	ctx  context.Context // of those questions

	number int // of the current line, from 1
	status int // the exit status of the worst line
}

func newBatcher(o *options, fib *lookup.FIB, s stdio) (*batcher, error) {
	b := &batcher{questions: questions{options: o, fib: fib}, searcher: fib.Searcher(), s: s}
	b.tell = progress{w: s.Stderr, on: s.StderrTTY && !s.StdoutTTY}
	var err error
	if b.plain4, err = b.flow(destination{addr: netip.IPv4Unspecified()}, &o.packet); err != nil {
		return nil, err
	}
	if b.plain6, err = b.flow(destination{addr: netip.IPv6Unspecified()}, &o.packet); err != nil {
		return nil, err
	}
	b.alike = report.Lines{FIB: fib, Given: o.packet.given(), Fields: o.packet.fields()}
	b.out = text.NewBatch(s.Stdout, o.json)
	return b, nil
}

// blockSize is how much is read at once. What has been answered is written out
// whenever more must be waited for, so that a program at the other end of two
// pipes sees each answer.
const blockSize = 256 << 10

// run answers all lines. A line that is not understood is reported, and the rest
// goes on.
func (b *batcher) run(ctx context.Context, in io.Reader) error {
	buf := make([]byte, 0, blockSize)
	for {
		n, err := in.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return fmt.Errorf("--batch: line %d: %w", b.number+1, err)
		}
		rest := b.lines(buf, last)
		if err := b.flush(); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b.tell.update(b.number)
		if last {
			break
		}
		if len(rest) == cap(buf) {
			return fmt.Errorf("--batch: line %d is longer than %d bytes", b.number+1, blockSize)
		}
		buf = buf[:copy(buf, rest)]
	}
	b.tell.clear()
	if b.status != exitOK {
		return statusError(b.status)
	}
	return nil
}

// flush writes out what was answered, and what [run] holds back of it.
func (b *batcher) flush() error {
	if err := b.out.Flush(); err != nil {
		return err
	}
	if held, ok := b.s.Stdout.(*bufio.Writer); ok {
		return held.Flush()
	}
	return nil
}

// lines answers the whole lines of a block, and the rest of it where that is the
// last. It returns what is left.
func (b *batcher) lines(block []byte, last bool) []byte {
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n')
		line := block
		switch {
		case end >= 0:
			line, block = block[:end], block[end+1:]
		case last:
			block = nil
		default:
			return block
		}
		b.number++
		b.line(string(line))
	}
	return nil
}

// line answers one line.
func (b *batcher) line(text string) {
	text = strings.TrimRight(text, "\r")
	if flow, ok := b.plain(text); ok {
		b.decide(flow)
		return
	}
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' {
		return
	}
	if err := b.asked(text); err != nil {
		b.fault(text, err)
	}
}

func (b *batcher) decide(flow route.Flow) {
	d := b.searcher.Lookup(flow)
	b.learnt(&flow, &d)
	b.status = max(b.status, int(report.StatusOf(b.fib, &flow, &d)))
	key, ok := b.alike.Key(&flow, &d)
	switch {
	case !ok:
		b.add(b.alike.Report(flow, &d))
	case !b.out.Again(key, flow.Dst, d.Route.Dst):
		line := b.alike.Report(flow, &d)
		b.s.tell(report.Line{Explanation: line})
		b.out.Keep(key, line)
	}
}

func (b *batcher) add(line *report.Explanation) {
	b.s.tell(report.Line{Explanation: line})
	b.out.Add(line)
}

// learnt turns a decision to the gateways that the kernel has learnt from ICMP
// redirects. Nothing but its answers shows them all, and so it is asked about every
// line, but only where a redirect ever came in.
func (b *batcher) learnt(flow *route.Flow, d *lookup.Decision) {
	byGateway := func(w lookup.NextHop) bool { return w.Gateway.IsValid() }
	if !b.asks[route.FamilyOf(flow.Dst)] || !slices.ContainsFunc(d.NextHops, byGateway) {
		return
	}
	if answer, err := b.host.Resolve(b.ctx, *flow); err == nil {
		c := b.fib.Compare(flow, d, &answer)
		d.Redirect(&c, &answer)
	}
}

// fault reports a line that has no answer. It has a line among the answers too, so
// that these stand beside the questions.
func (b *batcher) fault(text string, err error) {
	b.status = max(b.status, exitNoAnswer)
	fault := report.LineFault{Disposition: lookup.DispositionUnknown, Input: printable(text), Error: printable(err.Error())}
	if dst := batchedDestination(text); dst.IsValid() {
		fault.Query = &report.Query{Dst: dst}
	}
	b.out.Fault(&fault)
	b.tell.clear()
	fmt.Fprintf(b.s.Stderr, "routewhy: --batch: line %d: %s\n", b.number, printable(err.Error()))
}
