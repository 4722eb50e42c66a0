package change_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route/routetest"
)

// TestRegress makes the changes of the saved cases, each a set-up, changes as
// TestDifferential writes them and what the kernel said to the last one, and compares
// the state after each with the running kernel's.
func TestRegress(t *testing.T) {
	if !is618(t) {
		t.Skip("what the kernel says is that of 6.18")
	}
	files, err := filepath.Glob("testdata/regress/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { replay(t, file) })
	}
}

func replay(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "-- setup --\n")
	setup, rest, _ := strings.Cut(rest, "-- changes --\n")
	changes, want, ok := strings.Cut(rest, "-- answer --\n")
	if !ok {
		t.Fatal("a section is missing")
	}
	ns := routetest.New(t)
	ns.Run(t, strings.Split(strings.TrimSpace(setup), "\n")...)
	h, send := open(t, ns), newSender(t, ns)
	state := change.New(lookup.New(h.read(t)))
	var said answer
	for _, line := range strings.Split(strings.TrimSpace(changes), "\n") {
		c := parse(t, line)
		out := state.Apply(c)
		said = send.send(t, c)
		ns.Settle()
		if got := answerOf(out.Refusal); got != said {
			t.Errorf("%s: the engine says %v %q, the kernel %v %q", line, got.Errno, got.Message, said.Errno, said.Message)
		}
		faults := compare(snapshotOf(out.State), h.read(t))
		for wait := time.Millisecond; len(faults) > 0 && wait < time.Second; wait *= 2 {
			time.Sleep(wait) // the kernel enters IPv6 addresses and carriers later
			faults = compare(snapshotOf(out.State), h.read(t))
		}
		for _, f := range faults {
			t.Errorf("%s: %s", line, f)
		}
		state = out.State
	}
	if got := fmt.Sprintf("%s %s\n", said.Errno, said.Message); got != want {
		t.Errorf("the kernel says %q to the last one, not %q", got, want)
	}
}

// parse reads a change as text writes it.
func parse(t *testing.T, line string) change.Change {
	kind, body, _ := strings.Cut(line, " ")
	c := map[string]change.Change{
		"Route": &change.Route{}, "Rule": &change.Rule{}, "Addr": &change.Addr{}, "Link": &change.Link{},
		"NextHop": &change.NextHop{}, "Neighbour": &change.Neighbour{}, "Sysctl": &change.Sysctl{},
	}[kind]
	if err := json.Unmarshal([]byte(body), c); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return c
}
