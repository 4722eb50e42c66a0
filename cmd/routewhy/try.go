package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"routewhy/cmd/routewhy/internal/text"
	"routewhy/lookup/change/command"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/iproute2"
)

// maxScript is how long a script for --try may be.
const maxScript = 4 << 20

// script is a value of --try: a command, or the contents of a file.
type script struct {
	// name is the file's name; empty: the value is a command.
	name string
	text string
}

// try tells what commands would do, without running them.
func try(ctx context.Context, o *options, s stdio) error {
	scripts, err := o.scripts(s)
	if err != nil {
		return err
	}
	dests, err := resolveAll(ctx, o)
	if err != nil {
		return err
	}
	q := &report.TryQuestion{Question: *o.question(dests), Family: o.family, TrySessionQuestion: o.trySession()}
	for i := range q.To {
		q.To[i].KeepMapped()
	}
	for i := range scripts {
		q.Scripts = append(q.Scripts, scripts[i].read())
	}
	if err := lacksCommand(q.Scripts); err != nil {
		return err
	}
	s.saveMemory(40)
	host, err := openSource(ctx, o, s)
	if err != nil {
		return err
	}
	defer host.Close()
	if live, ok := host.(interface {
		HasSetting(path string) route.Tristate
	}); ok {
		for i := range q.Scripts {
			q.Scripts[i].Exists = live.HasSetting
		}
	}
	trial, err := report.NewTrial(ctx, host, q)
	if fault := new(command.SyntaxError); errors.As(err, &fault) {
		return misunderstood(scripts, fault)
	}
	if err != nil {
		return deviceFault(err)
	}
	if o.undo || o.script.given {
		return o.writeCommands(trial, s)
	}
	o.rehearse(ctx, trial)
	return o.writeTry(trial.Report, s)
}

// writeTry writes the report, and returns its exit status.
func (o *options) writeTry(t *report.Try, s stdio) error {
	s.tell(t)
	var err error
	if o.json {
		err = text.TryJSON(s.Stdout, t)
	} else {
		err = text.Try(s.Stdout, t, o.style(s))
	}
	if status := t.Status(); err == nil && status != report.StatusAnswered {
		return statusError(status)
	}
	return err
}

// scripts are the values of --try, with the contents of the files.
func (o *options) scripts(s stdio) ([]script, error) {
	var out []script
	stdin := false
	for _, value := range o.tries {
		one := script{text: value}
		switch {
		case value == "-" && stdin:
			return nil, usagef("--try - is given twice, and there is one standard input")
		case value == "-":
			stdin, one.name = true, "-"
			b, err := readScript(s.Stdin)
			if err != nil {
				return nil, fmt.Errorf("--try: standard input: %w", err)
			}
			one.text = b
		case isFile(value):
			one.name = value
			f, err := os.Open(value)
			if err != nil {
				return nil, fmt.Errorf("--try: %w", err)
			}
			one.text, err = readScript(f)
			f.Close()
			if err != nil {
				return nil, fmt.Errorf("--try: %s: %w", value, err)
			}
		default:
			if err := notThere(value); err != nil {
				return nil, err
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// notQuoted refuses a command whose other words were taken as DESTINATIONs, because
// it was not quoted.
func (o *options) notQuoted(args []string) error {
	for _, value := range o.tries {
		if slices.Contains([]string{"ip", "route", "ifconfig", "sysctl", "sudo"}, path.Base(value)) && !isFile(value) {
			return usagef("--try has the word %s alone: quote the command", iproute2.Quote(value)).
				hint("routewhy --try '%s'", iproute2.Safe(value+" "+strings.Join(args, " ")))
		}
	}
	return nil
}

// notThere refuses a value of --try that can only be the name of a file, if there is
// no such file.
func notThere(value string) error {
	if strings.ContainsAny(value, " \t\n;&") || !strings.Contains(value, "/") {
		return nil
	}
	info, err := os.Stat(value)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--try: there is no file %s", iproute2.Quote(value))
	case err == nil && info.IsDir():
		return fmt.Errorf("--try: %s is a directory", iproute2.Quote(value))
	}
	return nil
}

// isFile reports whether a value of --try names a file. A command is different
// because it has a blank.
func isFile(value string) bool {
	if strings.TrimSpace(value) == "" || len(value) > 4096 {
		return false
	}
	info, err := os.Stat(value)
	return err == nil && !info.IsDir()
}

func readScript(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxScript+1))
	if err == nil && len(b) > maxScript {
		err = fmt.Errorf("it is longer than %d MB", maxScript>>20)
	}
	return string(b), err
}

// read splits a script into its commands.
func (x *script) read() command.Script {
	lines := command.Lines(x.text)
	if x.name == "" && strings.HasPrefix(strings.TrimSpace(x.text), "# ") {
		lines = nil
	}
	return command.Script{Lines: lines, Batch: x.name != "" && command.IsBatch(lines), Mixed: x.name != ""}
}

// lacksCommand refuses scripts without any command.
func lacksCommand(all []command.Script) error {
	for i := range all {
		if len(all[i].Lines) == 0 {
			return usagef("--try: there is no command in it").hint("routewhy --try 'ip route add default via 192.0.2.1'")
		}
	}
	return nil
}

// misunderstood makes the error for a command that is not understood, with its place.
func misunderstood(scripts []script, e *command.SyntaxError) error {
	where := iproute2.Quote(e.Text)
	for i := range scripts {
		x := &scripts[i]
		if x.name == "" {
			continue
		}
		for _, l := range command.Lines(x.text) {
			if l.Text == e.Text {
				name := x.name
				if name == "-" {
					name = "standard input"
				}
				where = fmt.Sprintf("%s, line %d: %s", name, l.Number, iproute2.Quote(e.Text))
				break
			}
		}
	}
	err := usagef("--try: %s in %s", e.Message, where)
	if e.Hint != "" {
		return err.hint("%s", e.Hint)
	}
	return err
}
