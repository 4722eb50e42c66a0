package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup"
	"routewhy/lookup/expect"
	"routewhy/lookup/report"
	"routewhy/route"
)

// expectations compares hosts with what is expected of them.
func expectations(ctx context.Context, o *options, s stdio) error {
	all, err := readExpectations(o, s)
	if err != nil {
		return err
	}
	f := newFleet(o, s, all)
	if o.junit == "" {
		err = f.run(ctx, nil)
	} else {
		var stop context.CancelFunc
		ctx, stop = interruptible(ctx)
		defer stop()
		err = f.runJUnit(ctx)
	}
	if err == nil && f.status != report.StatusAnswered {
		return statusError(f.status)
	}
	return err
}

// runJUnit also writes the report for CI during the run. The file is written whole or
// not at all.
func (f *fleet) runJUnit(ctx context.Context) error {
	write := func(w io.Writer) error {
		j := text.NewJUnit(w)
		return errors.Join(f.run(ctx, j), j.End())
	}
	var err error
	if f.junit == "-" {
		f.quietly = true
		err = write(f.s.Stdout)
	} else {
		err = writeFile(ctx, f.junit, 0o666, write)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("--junit: %w", err)
	}
	return err
}

// fleet are the hosts to look at, and the results so far.
type fleet struct {
	*options
	s       stdio
	all     []report.Expectation
	perHost int64 // bytes of memory that one of several hosts may take
	quietly bool  // standard output is needed for something else

	told sync.Mutex
	// turn is held by one worker alone if its host needs all memory. Several workers
	// hold it together if their hosts do not.
	turn sync.RWMutex

	out   *text.Fleet
	notOK []int // per expectation, how many hosts are not as expected
	open  []int // the hosts for which nobody can tell

	hosts, good, unread int
	status              report.Status
}

func newFleet(o *options, s stdio, all []report.Expectation) *fleet {
	f := &fleet{options: o, s: s, all: all, notOK: make([]int, len(all)), open: make([]int, len(all))}
	f.out = text.NewFleet(s.Stdout, o.style(s), o.sources)
	return f
}

// names are the hosts. The empty name is the host that the flags describe.
func (f *fleet) names() []string {
	if len(f.sources) == 0 {
		return []string{""}
	}
	return f.sources
}

// hostResult is the result for one host, as it will be written.
type hostResult struct {
	file   string
	stderr bytes.Buffer
	err    error
	label  string
	// lines are the lines of the text, without the host's label. With --json, json is the
	// text instead.
	lines  []string
	json   bytes.Buffer
	junit  text.JUnitSuite
	states []expect.State
}

// run looks at all hosts, several at a time, and writes the results in the order of the
// hosts.
func (f *fleet) run(ctx context.Context, j *text.JUnit) error {
	names := f.names()
	limit := f.allMemory(f.s)
	workers := min(runtime.GOMAXPROCS(0), len(names))
	f.perHost = limit / int64(workers)
	results := make([]chan *hostResult, len(names))
	for i := range results {
		results[i] = make(chan *hostResult, 1)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	next := make(chan int)
	ahead := make(chan struct{}, 2*workers) // finished hosts wait for their turn
	go func() {
		defer close(next)
		for i := range names {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return
			}
			next <- i
		}
	}()
	for range workers {
		go func() {
			for i := range next {
				results[i] <- f.host(ctx, names[i], j != nil, limit)
			}
		}()
	}
	for i := range names {
		select {
		case r := <-results[i]:
			<-ahead
			if err := f.write(r, j); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return f.end()
}

// host looks at one host. If the host needs more memory than its share, it waits until it
// may use all memory.
func (f *fleet) host(ctx context.Context, name string, junit bool, limit int64) *hostResult {
	f.turn.RLock()
	r := f.look(ctx, name, junit, f.perHost)
	f.turn.RUnlock()
	if most := new(route.LimitError); f.perHost < limit && errors.As(r.err, &most) && name != "-" {
		f.turn.Lock()
		defer f.turn.Unlock()
		r = f.look(ctx, name, junit, limit)
	}
	return r
}

func (f *fleet) look(ctx context.Context, name string, junit bool, limit int64) *hostResult {
	r := &hostResult{file: name}
	own := f.s
	own.Stderr = &r.stderr
	fib, err := f.read(ctx, name, limit, own)
	if err != nil {
		r.err = err
		return r
	}
	if name == "" && len(f.load) > 0 {
		r.file = f.load[0]
	} else if isRunning(name) {
		r.file = ""
	}
	if fib.Snapshot().Changed {
		fmt.Fprintf(&r.stderr, "routewhy: --expect: %sthe tables were changing while they were read\n", prefixed(r.file))
	}
	h := report.NewExpectHost(fib, 2*f.limit())
	r.states = make([]expect.State, len(f.all))
	for i := range f.all {
		x := h.Hold(&f.all[i])
		x.File = r.file
		r.states[i] = x.Result
		if err := f.keep(r, x, junit); err != nil {
			r.err = err
			return r
		}
		if ctx.Err() != nil {
			r.err = context.Cause(ctx)
			return r
		}
	}
	return r
}

// prefixed is a file's name, put before a message about the file.
func prefixed(name string) string {
	if name == "" {
		return ""
	}
	return printable(name) + ": "
}

// keep stores the parts of a result that will be written.
func (f *fleet) keep(r *hostResult, x *report.Expected, junit bool) error {
	f.told.Lock()
	f.s.tell(x)
	f.told.Unlock()
	r.label = text.HostLabel(x)
	if junit {
		r.junit.Add(x)
	}
	switch {
	case f.json:
		return text.ExpectedJSON(&r.json, x)
	case x.Result != expect.OK || f.verbose || text.ExpectedAssumed(x) != "":
		if a := text.ExpectedAssumed(x); a != "" && !slices.Contains(r.lines, a) {
			r.lines = append(r.lines, a)
		}
		if x.Result == expect.OK && !f.verbose {
			return nil
		}
		r.lines = append(r.lines, text.ExpectedLine(x, f.style(f.s)))
	}
	return nil
}

// isRunning reports whether a name stands for the running host.
func isRunning(name string) bool { return name == "" || name == "live" }

// read reads everything about one host.
func (f *fleet) read(ctx context.Context, name string, limit int64, s stdio) (*lookup.FIB, error) {
	var src route.Source
	var err error
	switch {
	case isRunning(name) && len(f.load) == 0:
		one := *f.options
		if len(f.sources) > 1 || name == "live" && slices.ContainsFunc(f.sources, func(s string) bool { return !isRunning(s) }) {
			one.netns = "" // the flag is about one of the files
		}
		src, err = openHost(one.netns)
	case name == "":
		src, err = loadWithin(f.options, limit, f.load, s)
	default:
		src, err = loadWithin(f.options, limit, []string{name}, s)
	}
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return lookup.Read(ctx, src, &lookup.Need{Query: route.Query{AllDevices: true}})
}

// write writes the result for a host.
func (f *fleet) write(r *hostResult, j *text.JUnit) error {
	f.hosts++
	if _, err := r.stderr.WriteTo(f.s.Stderr); err != nil {
		return err
	}
	if r.err != nil {
		if errors.Is(r.err, context.Canceled) {
			return r.err
		}
		f.unread++
		f.status = max(f.status, report.StatusUnknown)
		_ = reportError(f.s.Stderr, r.err)
		if j != nil {
			j.Unread(r.file, printable(r.err.Error()))
		}
		return nil
	}
	good := true
	for i, state := range r.states {
		switch state {
		case expect.No:
			f.notOK[i]++
			f.status = max(f.status, report.StatusNoRoute)
		case expect.Unknown:
			f.open[i]++
			f.status = max(f.status, report.StatusUnknown)
		}
		good = good && state == expect.OK
	}
	if good {
		f.good++
	}
	label := f.out.Label(r.label, r.file)
	if j != nil {
		j.Host(label, &r.junit)
	}
	switch {
	case f.quietly:
		return nil
	case f.json:
		_, err := r.json.WriteTo(f.s.Stdout)
		return err
	}
	return f.out.Host(label, r.lines)
}

// end writes the results for all hosts together.
func (f *fleet) end() error {
	if f.json || f.quietly {
		return nil
	}
	sum := text.FleetSum{File: f.expect, Hosts: f.hosts, Good: f.good, Unread: f.unread, Expectations: len(f.all)}
	for i := range f.all {
		if f.notOK[i]+f.open[i] > 0 {
			sum.Lines = append(sum.Lines, text.FleetLine{Line: f.all[i].Line, Expect: f.all[i].Text, Not: f.notOK[i], Unknown: f.open[i]})
		}
	}
	return f.out.Sum(&sum)
}
