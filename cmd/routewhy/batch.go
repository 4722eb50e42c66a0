package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/report"
	"routewhy/route"
)

// batch decides about one destination for each input line, and prints one decision
// for each line in the same order.
func batch(ctx context.Context, o *options, s stdio) error {
	in, err := openLines("--batch", o.batch, s)
	if err != nil {
		return err
	}
	defer in.Close()
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	read, err := report.ReadBatch(ctx, host, o.family, o.question(nil))
	if err != nil {
		return deviceFault(err)
	}
	defer read.Close()
	b := newBatcher(o, read, s)
	b.absent()
	if read.ChangedAtOnce() {
		fmt.Fprintln(s.Stderr, "routewhy: --batch: the tables were changing while they were read")
		return b.run(ctx, in)
	}
	err = b.run(ctx, in)
	if read.Changing() {
		b.tell.clear()
		fmt.Fprintln(s.Stderr, "routewhy: --batch: the tables have changed since they were read, which was before the first line")
	}
	return err
}

// absent says which facts all decisions are made without. It says so once, not on
// every line.
func (b *batcher) absent() {
	var said []route.Fact
	for _, g := range b.read.Gaps() {
		if slices.Contains(said, g.Fact) {
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

// batcher answers lines.
type batcher struct {
	*options
	read    *report.Batch
	decided report.Decided
	out     *text.Batch
	s       stdio
	tell    progress

	number int // number of the current line, from 1
	status int // the exit status of the worst line
}

func newBatcher(o *options, read *report.Batch, s stdio) *batcher {
	return &batcher{
		options: o, read: read, s: s, out: text.NewBatch(s.Stdout, o.json, o.style(s)),
		tell: progress{w: s.Stderr, on: s.StderrTTY && !s.StdoutTTY},
	}
}

// blockSize is how much is read at once. The answers so far are written out whenever
// the program must wait for more input, so that a program at the other end of two
// pipes sees each answer.
const blockSize = 256 << 10

// run answers all lines. A line that is not understood is reported, and the work
// continues with the next line.
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

// flush writes out the answers so far, and also what [run] still holds in its buffer.
func (b *batcher) flush() error {
	if err := b.out.Flush(); err != nil {
		return err
	}
	if held, ok := b.s.Stdout.(*bufio.Writer); ok {
		return held.Flush()
	}
	return nil
}

// lines answers the whole lines of a block. If the block is the last one, it also
// answers the incomplete line at its end. It returns what is left.
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
	if dst, ok := b.plain(text); ok {
		b.decide(dst)
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

func (b *batcher) decide(dst netip.Addr) {
	x := &b.decided
	b.read.Decide(x, dst)
	b.status = max(b.status, int(x.Status()))
	key, ok := x.Key()
	switch {
	case !ok:
		b.add(x.Report())
	case !b.out.Again(key, dst, x.Prefix()):
		line := x.Report()
		b.s.tell(report.Line{Explanation: line})
		b.out.Keep(key, line)
	}
}

func (b *batcher) add(line *report.Explanation) {
	b.s.tell(report.Line{Explanation: line})
	b.out.Add(line)
}

// fault reports a line that has no answer. Such a line also gets a line among the
// answers, so that the answers stay beside the questions.
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
