// Routewhy says why a packet goes where it goes: which rule, which table and which
// route of a Linux host decide, and why each of the other routes lost.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/term"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/route/rehearse"
)

func main() { os.Exit(start(nil)) }

// start runs the process. If change is set, it may change the streams.
func start(change func(*stdio)) int {
	if rehearse.Second() {
		return 0
	}
	signal.Ignore(syscall.SIGPIPE) // Go does not tell whether it was ignored before: see run
	err := checkStdout()
	if err == nil {
		err = startPoller()
	}
	if err != nil {
		return reportError(os.Stderr, err)
	}
	s := osStdio()
	if change != nil {
		change(&s)
	}
	ctx, err := withinRoom(context.Background(), &s)
	if err != nil {
		return reportError(os.Stderr, err)
	}
	return run(ctx, os.Args[1:], s)
}

// stdio is everything that the command line needs from outside: its three streams,
// what they are connected to, and the environment.
type stdio struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// StdoutTTY and StderrTTY say that the stream is a terminal.
	StdoutTTY, StderrTTY bool
	// Width is the number of columns of the terminal on Stdout; zero: unknown.
	Width int
	// Room is how many bytes of memory the process may take; zero: there is no limit.
	Room int64
	// LookupEnv reads a variable of the environment, as [os.LookupEnv] does.
	LookupEnv func(string) (string, bool)
	// Told gets every report before the report is written; nil: nobody gets it.
	Told func(any)
}

// tell passes a report to Told.
func (s stdio) tell(r any) {
	if s.Told != nil {
		s.Told(r)
	}
}

// osStdio is the stdio of the process itself.
func osStdio() stdio {
	s := stdio{
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		StdoutTTY: term.IsTerminal(int(os.Stdout.Fd())),
		StderrTTY: term.IsTerminal(int(os.Stderr.Fd())),
		LookupEnv: os.LookupEnv,
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		s.Width = width
	}
	if width, _, err := term.GetSize(int(os.Stderr.Fd())); err == nil {
		s.Stderr = text.Folding(s.Stderr, width)
	}
	return s
}

// env is the value of a variable; it is empty if the variable is not set.
func (s stdio) env(name string) string {
	value, _ := s.LookupEnv(name)
	return value
}

// saveMemory makes the garbage collector work more often, unless the user has set GOGC. It
// is for modes that hold much of a full Internet table, where memory is scarcer than time.
func (s stdio) saveMemory(percent int) {
	if s.env("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// run is the whole program; it returns the exit status. It is the only place where
// errors become text.
//
// Standard output is buffered. It is no error if a reader stops early (`| head`):
// SIGPIPE is ignored, and the program ends at the write that fails.
func run(ctx context.Context, args []string, s stdio) int {
	out := bufio.NewWriterSize(s.Stdout, 64<<10) // a dump of a large table is hundreds of megabytes
	buffered := s
	buffered.Stdout = out
	err := execute(ctx, args, buffered)
	if flushErr := out.Flush(); flushErr != nil {
		err = fmt.Errorf("standard output: %w", flushErr)
	}
	if errors.Is(err, syscall.EPIPE) {
		return exitOK
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return reportError(s.Stderr, err)
}

// execute reads the command line and does what it asks for.
func execute(ctx context.Context, args []string, s stdio) error {
	opts, err := parseArgs(args)
	if err != nil {
		return err
	}
	if opts.json {
		s.Stdout = &jsonSafe{w: s.Stdout}
	}
	if opts.save != "" || opts.html != "" || opts.svg != "" {
		var stop context.CancelFunc
		ctx, stop = interruptible(ctx)
		defer stop()
	}
	if opts.html != "" || opts.svg != "" {
		return runDrawn(ctx, args, opts, s)
	}
	unknown := new(atomic.Bool)
	opts.history.unknown = unknown
	err = opts.run(ctx, opts, s)
	if status := statusOf(err); unknown.Load() && (status == exitOK || status == exitNoRoute) {
		return statusError(exitNoAnswer)
	}
	return err
}

// interruptible is a context that ends at the first signal that asks the program to
// end. The second such signal ends the process. It is for work that would leave a
// half-written file behind. All other work dies of the signal, as a shell's loop
// expects. A signal that is ignored (nohup) stays ignored.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}
	ends = slices.DeleteFunc(ends, signal.Ignored)
	if len(ends) == 0 {
		return context.WithCancel(ctx)
	}
	ctx, stop := signal.NotifyContext(ctx, ends...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
