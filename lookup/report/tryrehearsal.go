package report

import (
	"routewhy/lookup/change"
	"routewhy/route"
)

// KernelSaid is what the kernel did with the commands in a namespace of its own.
type KernelSaid struct {
	// Why says why it was not asked; empty: it was.
	Why string
	// Expected are what was expected of it there, and Answers what it said, one for each
	// step of the trial.
	Expected, Answers []TryVerdict
	// Differs is what in the end is not as expected.
	Differs []change.Leftover
}

// Changes are those that each step asks the kernel for; none where the program refuses,
// or where it is known without them what the kernel says.
func (t *Trial) Changes() [][]change.Change {
	out := make([][]change.Change, len(t.Run.Steps))
	for i := range t.Run.Steps {
		if s := &t.Run.Steps[i]; s.Refusal == nil && s.Kernel == nil {
			out[i] = s.Changes
		}
	}
	return out
}

// Heard puts the kernel's own answer into the report.
func (t *Trial) Heard(k *KernelSaid) {
	r := &Rehearsal{Why: k.Why}
	t.Report.Kernel = r
	if k.Why != "" {
		return
	}
	for i := range t.Run.Steps {
		if list := t.Run.Steps[i].Unread; len(list) > 0 {
			r.Why = "the " + list[0].Name + " of a device is not tried there"
			if list[0].Optional() {
				r.Why += ": whether this kernel has it is not known"
			}
			return
		}
	}
	changes := t.Changes()
	for i := range t.Run.Steps {
		if len(changes[i]) == 0 {
			continue
		}
		var told route.Errno
		if no := t.Run.Steps[i].KernelSays; no != nil {
			told = no.Errno
			if no.Unknown != "" {
				r.Why = no.Unknown
				return
			}
		}
		if k.Expected[i].Errno != told {
			r.Why = "this host could not be made again well enough in a namespace"
			return
		}
		if k.Answers[i] != k.Expected[i] {
			r.Rehearsed, r.Difference = true, &TryDifference{Command: t.Run.Steps[i].Text, Kernel: k.Answers[i], Routewhy: k.Expected[i]}
			return
		}
	}
	r.Rehearsed = true
	if len(k.Differs) > 0 {
		r.Difference = &TryDifference{Result: leftovers(t.Before.FIB().Snapshot().Names, k.Differs)}
		return
	}
	r.Agrees = true
}
