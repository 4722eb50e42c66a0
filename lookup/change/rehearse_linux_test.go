package change_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route/rehearse"
	"routewhy/route/routetest"
)

// TestRehearse lets the kernel make random changes in the namespace that a rehearsal
// makes for them. The kernel must say the same there as in the namespace that the
// changes are for. ROUTEWHY_REHEARSALS is how many (20), ROUTEWHY_SEED where the random
// numbers start.
func TestRehearse(t *testing.T) {
	support := routetest.Probe(t)
	seed := routetest.EnvInt(t, "ROUTEWHY_SEED", 1)
	tally := map[string]int{}
	for n := range routetest.EnvInt(t, "ROUTEWHY_REHEARSALS", 20) {
		s := uint64(seed + n)
		t.Run(strconv.FormatUint(s, 10), func(t *testing.T) {
			tally[rehearseOne(t, rand.New(rand.NewPCG(s, 4)), support)]++
		})
	}
	if n := routetest.EnvInt(t, "ROUTEWHY_REHEARSALS", 20); tally["agrees"] < n*9/10 && !t.Skipped() {
		t.Errorf("%d of %d agree, for the others the host could not be made again", tally["agrees"], n)
	}
	for _, k := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%5d %s", tally[k], k)
	}
}

func rehearseOne(t *testing.T, rng *rand.Rand, support routetest.Support) string {
	ns := routetest.New(t)
	setup := routetest.Generate(rng, routetest.Options{Support: support})
	setup = slices.DeleteFunc(setup, func(line string) bool { return strings.Contains(line, "expires 0") })
	ns.Batch(setup)
	ns.Settle()
	h := open(t, ns)
	d := newDrawer(rng, support)
	before := change.New(lookup.New(h.read(t)))
	state := before
	var commands []rehearse.Command
	var told []rehearse.Answer
	var story strings.Builder
	for range 1 + rng.IntN(4) {
		c := d.draw(state)
		switch c := c.(type) {
		case *change.NewLink, *change.Neighbour:
			continue
		case *change.Link:
			if c.Verb == change.Delete || c.Master != nil {
				continue
			}
		}
		out := state.Apply(c)
		if out.Refusal != nil && out.Refusal.Unknown != "" {
			continue
		}
		story.WriteString(text(c) + "\n")
		state = out.State
		commands, told = append(commands, rehearse.Command{c}), append(told, rehearse.Answer(answerOf(out.Refusal)))
	}
	var r rehearse.Result
	ns.Do(func() { r = rehearse.Do(t.Context(), before, commands) })
	if r.Why != "" {
		return "not rehearsed: " + r.Why
	}
	for i := range r.Answers {
		switch {
		case r.Expected[i].Errno != told[i].Errno:
			return "the namespace is not alike"
		case r.Answers[i] != r.Expected[i]:
			t.Errorf("command %d: the kernel says %v, and %v was expected\n%s", i, r.Answers[i], r.Expected[i], &story)
		}
	}
	if len(r.Differs) > 0 {
		t.Errorf("differs: %+v\n%s", r.Differs, &story)
	}
	return "agrees"
}
