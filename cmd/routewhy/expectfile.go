package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"routewhy/lookup/change/command"
	"routewhy/lookup/report"
	"routewhy/route/iproute2"
)

// Limits of a file of expectations.
const (
	maxExpectations    = 1 << 20 // lines
	maxExpectationLine = 64 << 10
	maxExpectFaults    = 20 // how many faults are named
)

// checkSnapshots checks the arguments of --expect.
func (o *options) checkSnapshots() error {
	if len(o.load) > 0 && len(o.sources) > 0 {
		return usagef("--load and SNAPSHOTs are two ways to say which hosts: one at a time").
			hint("files of one host are several --load, and each SNAPSHOT is a host")
	}
	stdin := 0
	for _, s := range append(slices.Concat(o.sources, o.load), o.expect) {
		switch {
		case s == "":
			return usagef("an empty name is no SNAPSHOT")
		case s == "-":
			stdin++
		}
	}
	if stdin > 1 {
		return usagef("standard input (-) can be read only once")
	}
	if o.junit == "-" && o.json {
		return usagef("--junit - and --json both write to standard output")
	}
	return nil
}

// readExpectations reads the file of expectations. If something in it is wrong, the
// error is a usage error that names each place.
func readExpectations(o *options, s stdio) ([]report.Expectation, error) {
	in, err := openLines("--expect", o.expect, s)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	all, faults, err := parseExpectations(in)
	if err != nil {
		return nil, fmt.Errorf("--expect: %s: %w", unquoted(o.expect), err)
	}
	if len(faults) > 0 {
		for i, f := range faults {
			if i == len(faults)-1 || i == maxExpectFaults-1 {
				break
			}
			_ = reportError(s.Stderr, f.in(o.expect))
		}
		if n := len(faults) - maxExpectFaults; n > 0 {
			return nil, faults[maxExpectFaults-1].in(o.expect).hint("%d more lines are not understood", n)
		}
		return nil, faults[len(faults)-1].in(o.expect)
	}
	if len(all) == 0 {
		return nil, usagef("--expect: %s has no expectation", unquoted(o.expect)).
			hint("a line is like: default dev eth0")
	}
	return all, nil
}

// expectFault is a line that is not understood, and the column of the fault, from 1.
type expectFault struct {
	line, column int
	*command.SyntaxError
}

func (f *expectFault) in(name string) *usageError {
	err := usagef("--expect: %s:%d:%d: %s", unquoted(name), f.line, f.column, f.Message)
	if f.Hint != "" {
		err.hint("%s", f.Hint)
	}
	return err
}

// parseExpectations reads lines. The error is the reader's error, or says that there
// is too much to read.
func parseExpectations(in io.Reader) (all []report.Expectation, faults []expectFault, err error) {
	r := bufio.NewReaderSize(in, maxExpectationLine)
	for number := 1; ; number++ {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, nil, fmt.Errorf("line %d is longer than %d bytes", number, maxExpectationLine)
		case err != nil && !errors.Is(err, io.EOF):
			return nil, nil, err
		case number > maxExpectations:
			return nil, nil, fmt.Errorf("it has more than %d lines", maxExpectations)
		}
		text := strings.TrimRight(string(line), "\r\n")
		if number == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		e, some, bad := command.ParseExpectation(text)
		if fault := new(command.SyntaxError); errors.As(bad, &fault) {
			faults = append(faults, expectFault{number, utf8.RuneCountInString(text[:fault.Start]) + 1, fault})
		} else if some {
			all = append(all, report.Expectation{Expectation: e, Line: number})
		}
		if err != nil {
			return all, faults, nil
		}
	}
}

// openLines opens a file of lines; "-" is standard input.
func openLines(flag, name string, s stdio) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(s.Stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s: %s is a directory", flag, iproute2.Quote(name))
	}
	return f, nil
}
