package command

import (
	"errors"

	"routewhy/lookup/change"
	"routewhy/route"
)

// Step is the result of a command.
type Step struct {
	Command
	Line int
	// Position is the command's place among all commands of the run, from 1. Those count
	// that were skipped or not reached.
	Position int
	// Before and After are the states before and after the command.
	Before, After *change.State
	// Outcomes are the outcomes of its changes, up to the first one that the kernel
	// refuses.
	Outcomes []change.Outcome
	// KernelSays is the kernel's refusal; nil: there is none.
	KernelSays *change.Refusal
}

// Accepted reports whether the command does what it was told to do.
func (s *Step) Accepted() bool { return s.Refusal == nil && s.KernelSays == nil }

// Run is the result of commands that are carried out one after the other.
type Run struct {
	Steps []Step
	// Foreign are commands of other programs, which were skipped.
	Foreign []Line
	// Left are the commands that were not reached, because a batch ends at the first
	// command that is refused.
	Left []Line
	// After is the state at the end.
	After *change.State

	seen int // commands, in all scripts
}

// Script says how commands are to be read.
type Script struct {
	Lines []Line
	// Batch says that the commands are lines of `ip -batch`.
	Batch bool
	// Mixed says that commands of other programs are skipped.
	Mixed bool
	// Exists reports whether the kernel has a setting, by its path below /proc/sys. Of a
	// device, it is asked about the setting of "default". Nil: the kernel is not there to be
	// asked, so that a setting with a name that is not known may exist or not.
	Exists func(path string) route.Tristate
}

// DoAll carries out several scripts, one after the other. The error is as that of [Run.Do].
func (r *Run) DoAll(all []Script) error {
	for i := range all {
		if err := r.Do(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// Do carries out commands, beginning with a state. The error is a [*SyntaxError]; in
// that case there is no result for any command.
func (r *Run) Do(s *Script) error {
	ok := true
	var sh shell
	for i, l := range s.Lines {
		r.seen++
		if l.And && !ok {
			r.Left = append(r.Left, l)
			continue
		}
		if own, err := sh.own(&l, s); err != nil {
			return err
		} else if sh.exited {
			r.Left = append(r.Left, s.Lines[i+1:]...)
			return nil
		} else if own {
			r.seen--
			ok = true
			continue
		}
		c, err := parse(l.Text, r.After, s)
		var fault *SyntaxError
		switch {
		case errors.As(err, &fault) && fault.Foreign && s.Mixed:
			r.Foreign = append(r.Foreign, l)
			ok = true
			continue
		case err != nil:
			return err
		}
		step := Step{Command: c, Line: l.Number, Position: r.seen, Before: r.After}
		step.make()
		r.After = step.After
		r.Steps = append(r.Steps, step)
		joined := i+1 < len(s.Lines) && s.Lines[i+1].And // the shell goes on after a command before &&
		if ok = step.Accepted(); !ok && (s.Batch || sh.errexit && !joined) {
			r.Left = append(r.Left, s.Lines[i+1:]...)
			return nil
		}
	}
	return nil
}

// make makes the changes that a command asks for.
func (s *Step) make() {
	s.After, s.KernelSays = s.Before, s.Kernel
	if s.Kernel != nil || s.Refusal != nil {
		return
	}
	for _, c := range s.Changes {
		out := s.After.Apply(c)
		s.Outcomes = append(s.Outcomes, out)
		s.After = out.State
		if out.Refusal == nil {
			continue
		}
		if s.KernelSays == nil {
			s.KernelSays = out.Refusal
		}
		if s.Errors && out.Refusal.Unknown == "" {
			s.KernelSays = &change.Refusal{Errno: out.Refusal.Errno}
		}
		if _, goesOn := c.(*change.Sysctl); !goesOn {
			return
		}
	}
	if s.Late != nil && s.KernelSays == nil {
		s.KernelSays = s.Late
	}
	if s.Get.Dst.IsValid() {
		if d := s.After.FIB().Lookup(s.Get); d.Errno != 0 {
			s.KernelSays = &change.Refusal{Errno: d.Errno}
		}
	}
}

// Removed are the routes that were removed.
func (s *Step) Removed() []change.RouteRef {
	return s.refs(func(o *change.Outcome) []change.RouteRef { return o.Removed })
}

// Added are the routes that were added.
func (s *Step) Added() []change.RouteRef {
	return s.refs(func(o *change.Outcome) []change.RouteRef { return o.Added })
}

// refs are the routes of all outcomes. A route that was removed and added again is in
// neither list.
func (s *Step) refs(of func(*change.Outcome) []change.RouteRef) []change.RouteRef {
	if len(s.Outcomes) == 1 { // the lists may be large
		return of(&s.Outcomes[0])
	}
	var out []change.RouteRef
	for i := range s.Outcomes {
		out = append(out, of(&s.Outcomes[i])...)
	}
	return out
}
