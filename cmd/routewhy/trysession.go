package main

import (
	"context"
	"fmt"
	"time"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/report"
	"routewhy/route/rehearse"
)

// trySession is the question about sockets and the way back.
func (o *options) trySession() report.TrySessionQuestion {
	q := report.TrySessionQuestion{Live: len(o.load) == 0, WayBack: o.undo || o.script.given}
	if q.Live {
		q.Sessions = ownSessions()
	}
	return q
}

// writeCommands writes the way back, or the script, instead of the report.
func (o *options) writeCommands(t *report.Trial, s stdio) error {
	if t.Report.Refused() {
		if o.script.given {
			return fmt.Errorf("--try: a command would be refused, and a script would take the others back at once: see routewhy --try without --script")
		}
		if len(t.Report.Undo) == 0 {
			return fmt.Errorf("--try: a command would be refused, and so there is nothing to take back: see routewhy --try without --undo")
		}
		fmt.Fprintln(s.Stderr, "routewhy: --try: a command would be refused; what is printed takes the others back")
	}
	if t.Report.Changing() {
		fmt.Fprintln(s.Stderr, "routewhy: --try: the tables were changing while they were read: ask again")
	}
	option := "--undo"
	if o.script.given {
		option = "--script"
	}
	for _, line := range text.UndoLeft(t.Report) {
		fmt.Fprintf(s.Stderr, "routewhy: %s does not bring back %s\n", option, line)
	}
	if o.undo {
		return whole(t.Report, text.Undo(s.Stdout, t.Report.Undo))
	}
	if len(t.Report.Undo) == 0 {
		return fmt.Errorf("--try: no command takes this back, and so a script would not: see routewhy --try without --script")
	}
	var commands []string
	for i := range t.Run.Steps {
		commands = append(commands, text.ShellWords(t.Run.Steps[i].Words))
	}
	return whole(t.Report, text.Script(s.Stdout, t.Report, commands, int(o.script.value)))
}

// whole is the error of writing the way back, or the status of one that does not bring back all.
func whole(t *report.Try, err error) error {
	if err == nil && !t.Whole() {
		return statusError(report.StatusUnknown)
	}
	return err
}

// rehearsalTime is how long a rehearsal may take.
const rehearsalTime = 5 * time.Second

// rehearse lets the kernel run the commands in a separate namespace.
func (o *options) rehearse(ctx context.Context, t *report.Trial) {
	if o.noKernel || len(o.load) > 0 {
		return
	}
	var commands []rehearse.Command
	asks := false
	for _, c := range t.Changes() {
		commands = append(commands, c)
		asks = asks || len(c) > 0
	}
	if !asks {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, rehearsalTime)
	defer cancel()
	r := rehearse.Do(ctx, t.Before, commands)
	t.Heard(&report.KernelSaid{Why: r.Why, Expected: verdicts(r.Expected), Answers: verdicts(r.Answers), Differs: r.Differs})
}

func verdicts(all []rehearse.Answer) []report.TryVerdict {
	out := make([]report.TryVerdict, len(all))
	for i, a := range all {
		out[i] = report.TryVerdict(a)
	}
	return out
}
