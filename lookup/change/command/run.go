package command

import (
	"errors"

	"routewhy/lookup/change"
)

// Step is the result of a command.
type Step struct {
	Command
	Line int
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
}

// Script says how commands are to be read.
type Script struct {
	Lines []Line
	// Batch says that the commands are lines of `ip -batch`.
	Batch bool
	// Mixed says that commands of other programs are skipped.
	Mixed bool
}

// Do carries out commands, beginning with a state. The error is a [*SyntaxError]; in
// that case there is no result for any command.
func (r *Run) Do(s *Script) error {
	ok := true
	for i, l := range s.Lines {
		if l.And && !ok {
			r.Left = append(r.Left, l)
			continue
		}
		c, err := parse(l.Text, r.After, s.Batch)
		var fault *SyntaxError
		switch {
		case errors.As(err, &fault) && fault.Foreign && s.Mixed:
			r.Foreign = append(r.Foreign, l)
			continue
		case err != nil:
			return err
		}
		step := Step{Command: c, Line: l.Number, Before: r.After}
		step.make()
		r.After = step.After
		r.Steps = append(r.Steps, step)
		if ok = step.Accepted(); !ok && s.Batch {
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
		if out.Refusal != nil {
			s.KernelSays = out.Refusal
			if s.Errors && out.Refusal.Unknown == "" {
				s.KernelSays = &change.Refusal{Errno: out.Refusal.Errno}
			}
			return
		}
	}
	if s.Late != nil {
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
