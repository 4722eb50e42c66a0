package command_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"routewhy/lookup/change"
	"routewhy/lookup/change/command"
)

// TestKeywords has a command for each keyword of the manual pages' synopses: ip-route(8),
// ip-address(8), ip-link(8), ip-rule(8), ip-nexthop(8), ip-neighbour(8) and route(8). Each is
// understood, or the program refuses it, or it is an error that has the word's place: none is
// skipped.
func TestKeywords(t *testing.T) {
	b, err := os.ReadFile("testdata/keywords.txt")
	if err != nil {
		t.Fatal(err)
	}
	state := host().Apply(&change.NewLink{Name: "br0", Kind: "bridge"}).State
	bridge := state.FIB().Snapshot().LinkByName("br0").Index
	state = state.Apply(&change.Link{Verb: change.Modify, Index: 3, Master: &bridge}).State
	for text := range strings.Lines(string(b)) {
		want, line, ok := strings.Cut(strings.TrimSpace(text), "\t")
		if !ok {
			continue // the name of a page
		}
		c, err := command.Parse(line, state)
		fault := new(command.SyntaxError)
		got := "understood"
		switch {
		case errors.As(err, &fault):
			got = "not understood"
			if fault.End <= fault.Start || fault.End > len(line) {
				t.Errorf("%s: %v has the place %d to %d", line, err, fault.Start, fault.End)
			}
		case err != nil:
			got = err.Error()
		case c.Refusal != nil:
			got = "refused"
		case len(c.Changes) == 0 && !c.Reads && c.Kernel == nil && c.Late == nil && len(c.Unread) == 0 && !strings.Contains(line+" ", " flush "):
			got = "skipped"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}
