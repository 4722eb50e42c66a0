package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
)

func TestStatusOf(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, exitOK},
		{statusError(exitNoRoute), exitNoRoute},
		{fmt.Errorf("8.8.8.8: %w", statusError(exitDisagree)), exitDisagree},
		{usagef("x"), exitUsage},
		{fmt.Errorf("line 3: %w", usagef("x")), exitUsage},
		{withHint(usagef("x"), "y"), exitUsage},
		{errors.New("x"), exitNoAnswer},
		{withHint(errors.New("x"), "y"), exitNoAnswer},
		{context.Canceled, exitNoAnswer},
	}
	for _, test := range tests {
		if got := statusOf(test.err); got != test.want {
			t.Errorf("%v: %d; want %d", test.err, got, test.want)
		}
	}
}

// The statuses are a contract, and --help documents each.
func TestExitStatuses(t *testing.T) {
	tests := []struct {
		status  int
		meaning string
	}{
		{exitOK, "every destination has a usable answer"},
		{exitNoRoute, "at least one destination has no route"},
		{exitUsage, "the command line is wrong"},
		{exitNoAnswer, "could not answer"},
		{exitDisagree, "routewhy and the kernel disagree"},
	}
	for want, test := range tests {
		if test.status != want {
			t.Errorf("%s: %d; want %d", test.meaning, test.status, want)
		}
		if line := fmt.Sprintf("\n  %d  %s", want, test.meaning); !strings.Contains(usageText, line) {
			t.Errorf("the usage text lacks %q", line)
		}
	}
}

func TestReport(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{nil, ""},
		{statusError(exitNoRoute), ""},
		{errors.New("it broke"), "routewhy: it broke\n"},
		{usagef("bad").hint("try %s", "this").hint("or that"), "routewhy: bad\nhint: try this\nhint: or that\n"},
		{withHint(fmt.Errorf("op: %w", withHint(errors.New("x"), "inner")), "outer"), "routewhy: op: x\nhint: outer\nhint: inner\n"},
		{fmt.Errorf("read: %w", context.Canceled), "routewhy: interrupted\n"},
		{errors.New("two\nlines\x1b[2J \u202e \xff é"), "routewhy: two\\nlines\\x1b[2J \\u202e \\ufffd é\n"},
	}
	for _, test := range tests {
		var out strings.Builder
		reportError(&out, test.err)
		if out.String() != test.want {
			t.Errorf("%v: %q; want %q", test.err, out.String(), test.want)
		}
	}
	if withHint(nil, "x") != nil {
		t.Error("a hint made an error")
	}
}

// failingWriter fails every write.
type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func testIO(stdout, stderr io.Writer) stdio {
	return stdio{
		Stdin: strings.NewReader(""), Stdout: stdout, Stderr: stderr,
		LookupEnv: func(string) (string, bool) { return "", false },
	}
}

func TestRun(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"--help"}, testIO(&stdout, &stderr)); status != exitOK {
		t.Errorf("--help: %d", status)
	}
	if stdout.String() != usageText || stderr.Len() != 0 {
		t.Errorf("--help: %q, %q", &stdout, &stderr)
	}
	stdout.Reset()
	if status := run(t.Context(), []string{"--nonsense"}, testIO(&stdout, &stderr)); status != exitUsage {
		t.Errorf("--nonsense: %d", status)
	}
	if stdout.Len() != 0 || !strings.HasPrefix(stderr.String(), "routewhy: ") {
		t.Errorf("--nonsense: %q, %q", &stdout, &stderr)
	}
}

func TestRunWriteErrors(t *testing.T) {
	var stderr strings.Builder
	status := run(t.Context(), []string{"--help"}, testIO(failingWriter{syscall.EPIPE}, &stderr))
	if status != exitOK || stderr.String() != "" {
		t.Errorf("EPIPE: %d, %q", status, &stderr)
	}
	status = run(t.Context(), []string{"--help"}, testIO(failingWriter{syscall.ENOSPC}, &stderr))
	if status != exitNoAnswer || stderr.String() != "routewhy: standard output: no space left on device\n" {
		t.Errorf("ENOSPC: %d, %q", status, &stderr)
	}
}
