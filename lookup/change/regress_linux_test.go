package change_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route/routetest"
)

// TestRegress makes the changes of the saved cases. It compares what the engine says
// about each change, and the state after it, with the running kernel. ROUTEWHY_CASES
// names other files.
func TestRegress(t *testing.T) {
	routetest.EachFile(t, "testdata/regress/*.txt", "ROUTEWHY_CASES", func(t *testing.T, file string) {
		c := readCase(t, file)
		if slices.ContainsFunc(c.setup, func(line string) bool { return strings.Contains(line, "type vrf") }) && !routetest.Probe(t).VRF {
			t.Skip("this kernel has no VRFs")
		}
		for _, f := range c.faults(t, patience) {
			t.Error(f)
		}
	})
}

// savedCase is a set-up and changes in it, as text writes them.
type savedCase struct {
	about, setup, changes []string
}

func readCase(t *testing.T, file string) *savedCase {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	about, rest, _ := strings.Cut(string(b), "-- setup --\n")
	setup, changes, ok := strings.Cut(rest, "-- changes --\n")
	if !ok {
		t.Fatal("a section is missing")
	}
	lines := func(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }
	return &savedCase{lines(about), lines(setup), lines(changes)}
}

// String is the case as a file has it.
func (c *savedCase) String() string {
	lines := func(list []string) string { return strings.Join(list, "\n") + "\n" }
	return lines(c.about) + "-- setup --\n" + lines(c.setup) + "-- changes --\n" + lines(c.changes)
}

// faults are the differences between the engine and the running kernel. The kernel may
// refuse some of the set-up.
func (c *savedCase) faults(t *testing.T, patience time.Duration) (all []string) {
	ns := routetest.New(t)
	ns.Batch(c.setup)
	h := open(t, ns)
	state := change.New(lookup.New(h.first(t)))
	for _, line := range c.changes {
		x := parse(t, line)
		out := state.Apply(x)
		said := h.send.send(t, x, out.State)
		if f := disagree(out.Refusal, said); f != "" {
			all = append(all, fmt.Sprintf("%s: %s", line, f))
		}
		_, differs := h.settle(t, out.State, x, patience)
		for _, f := range differs {
			all = append(all, fmt.Sprintf("%s: %s", line, f))
		}
		if len(all) > 0 {
			return all
		}
		state = out.State
	}
	return nil
}

// parse reads a change as text writes it.
func parse(t *testing.T, line string) change.Change {
	kind, body, _ := strings.Cut(line, " ")
	c := map[string]change.Change{
		"Route": &change.Route{}, "Rule": &change.Rule{}, "Addr": &change.Addr{}, "Link": &change.Link{}, "NewLink": &change.NewLink{},
		"NextHop": &change.NextHop{}, "Neighbour": &change.Neighbour{}, "Sysctl": &change.Sysctl{},
	}[kind]
	if err := json.Unmarshal([]byte(body), c); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return c
}
