package main

import (
	"fmt"
	"os"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route/kernel"
)

// trySession is what is asked about sockets and the way back.
func (o *options) trySession() report.TrySessionQuestion {
	q := report.TrySessionQuestion{Live: len(o.load) == 0, WayBack: o.undo || o.script.given}
	if q.Live {
		q.Sessions = kernel.FindSessions(os.DirFS("/proc"), os.Getpid())
	}
	return q
}

// writeCommands writes the way back, or the script, in place of the report.
func (o *options) writeCommands(t *report.Trial, s stdio) error {
	if t.Report.Refused() {
		return fmt.Errorf("--try: a command would be refused, and so there is nothing to take back: see routewhy --try without --undo and --script")
	}
	for _, line := range text.UndoLeft(t.Report) {
		fmt.Fprintln(s.Stderr, "routewhy: "+line)
	}
	if o.undo {
		return text.Undo(s.Stdout, t.Report.Undo)
	}
	var commands []string
	for i := range t.Run.Steps {
		commands = append(commands, text.ShellWords(t.Run.Steps[i].Words))
	}
	return text.Script(s.Stdout, commands, t.Report.Undo, int(o.script.value))
}
