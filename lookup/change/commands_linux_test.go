package change_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
	"routewhy/route"
	"routewhy/route/routetest"
)

// TestCommands types the commands of the saved cases. It compares what is said of each
// command, the state after them and the way back with what the program and the running kernel
// make of them. ROUTEWHY_COMMANDS names other files.
func TestCommands(t *testing.T) {
	routetest.EachFile(t, "testdata/commands/*.txt", "ROUTEWHY_COMMANDS", func(t *testing.T, file string) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		about, rest, _ := strings.Cut(string(b), "-- setup --\n")
		setup, script, ok := strings.Cut(rest, "-- commands --\n")
		if !ok {
			t.Fatal("a section is missing")
		}
		left := sayAndMake(t, strings.Split(strings.TrimSpace(setup), "\n"), script)
		if strings.Contains(about, "Nothing is left.") && len(left) > 0 {
			t.Errorf("left: %+v", left)
		}
	})
}

// sayAndMake works out what the commands of a script do in a set-up, makes them, and takes
// them back. What it returns is not brought back.
func sayAndMake(t *testing.T, setup []string, script string) []change.Leftover {
	ns := routetest.New(t)
	if refused := ns.Batch(setup).Refused; len(refused) > 0 {
		t.Skipf("this kernel refuses %s: %s", refused[0].Command, refused[0].Why)
	}
	h := open(t, ns)
	first := h.first(t)
	ns.Do(func() { first = h.readNew(t, first) })
	before := change.New(lookup.New(first))
	run := &command.Run{After: before}
	err := run.Do(&command.Script{Lines: command.Lines(script)})
	if err != nil {
		t.Fatalf("not understood: %v", err)
	}
	var done []change.Outcome
	for i := range run.Steps {
		s := &run.Steps[i]
		done = append(done, s.Outcomes...)
		if f := saidWrong(s, typedReally(ns, s.Text)); f != "" {
			t.Errorf("%s: %s", s.Text, f)
		}
		ns.Settle()
	}
	if after, differs := h.settle(t, run.After, &change.Link{}, patience); len(compare(carriersTogether(snapshotOf(run.After)), carriersTogether(after))) > 0 {
		t.Errorf("after the commands:\n%s", strings.Join(asked(differs, first), "\n"))
	}
	if t.Failed() {
		return nil
	}
	way := change.Undo(before, done)
	state := run.After
	var story strings.Builder
	for _, c := range way.Changes {
		line := command.Print(c, state)
		state = state.Apply(c).State
		fmt.Fprintln(&story, line)
		if said := typedReally(ns, line); said.failed {
			t.Errorf("the way back is refused: %s: %s", line, said.words)
			return nil
		}
		ns.Settle()
	}
	for _, l := range way.Left {
		fmt.Fprintf(&story, "left: %+v\n", l)
	}
	if testing.Verbose() {
		t.Logf("%s", &story)
	}
	after, differs := h.settle(t, way.State, &change.Link{}, patience)
	if len(compare(carriersTogether(snapshotOf(way.State)), carriersTogether(after))) > 0 {
		t.Errorf("after the way back:\n%s\n%s", strings.Join(asked(differs, first), "\n"), &story)
	}
	if faults := compare(promised(carriersTogether(first)), promised(carriersTogether(after))); exact(way.Left) && len(faults) > 0 && !unmerged(faults) {
		t.Errorf("not as it was:\n%s\n%s", strings.Join(faults, "\n"), &story)
	}
	return way.Left
}

// said is what a program printed.
type said struct {
	failed bool
	words  string
}

// typedReally types a command in the namespace.
func typedReally(ns *routetest.Namespace, line string) (s said) {
	ns.Do(func() {
		out, err := exec.Command("sh", "-c", prompts.ReplaceAllString(line, "")).CombinedOutput()
		s = said{err != nil, string(out)}
	})
	return s
}

// prompts are what may stand in front of a pasted command.
var prompts = regexp.MustCompile(`^(\[#\] |[$#+] )?(sudo )?`)

// saidWrong names the difference between what is said of a command and what the program
// really says.
func saidWrong(s *command.Step, really said) string {
	var words string
	switch {
	case s.Refusal != nil:
		words = s.Refusal.Message
	case s.KernelSays != nil && s.KernelSays.Unknown != "":
		return ""
	case s.KernelSays != nil:
		words = s.KernelSays.Error()
	}
	switch {
	case s.Accepted() == really.failed:
		return fmt.Sprintf("accepted: %v (%q), really: %q", s.Accepted(), words, really.words)
	case !s.Accepted() && !strings.Contains(flat(really.words), flat(words)):
		return fmt.Sprintf("refused with %q, really: %q", words, really.words)
	case s.Accepted() && !s.Reads && s.Warning == "" && strings.TrimSpace(really.words) != "" && s.Words[0] != "sysctl":
		return fmt.Sprintf("accepted, and the program says %q", really.words)
	}
	return ""
}

// flat is a text without the differences in blanks and stops.
func flat(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" \t\n.", r) }), " ")
}

// readNew is what was read, with the settings that new devices get.
func (h *live) readNew(t *testing.T, s *route.Snapshot) *route.Snapshot {
	more, err := h.Read(t.Context(), route.Query{AllDevices: true, NewDevices: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Sysctls = more.Sysctls
	return s
}
