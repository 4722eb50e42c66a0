package change_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
	"routewhy/route/routetest"
)

// TestUndo makes random sequences of changes in the running kernel, and then the
// changes that bring the state back. All is compared but what Undo does not promise to restore.
// ROUTEWHY_UNDOS is how many sequences (12), ROUTEWHY_SEED where the random numbers start.
func TestUndo(t *testing.T) {
	support := routetest.Probe(t)
	seed := routetest.EnvInt(t, "ROUTEWHY_SEED", 1)
	tally := map[string]int{}
	for n := range routetest.EnvInt(t, "ROUTEWHY_UNDOS", 12) {
		s := uint64(seed + n)
		t.Run(strconv.FormatUint(s, 10), func(t *testing.T) {
			undoReally(t, rand.New(rand.NewPCG(s, 2)), support, tally)
		})
	}
	for _, k := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%6d %s", tally[k], k)
	}
}

func undoReally(t *testing.T, rng *rand.Rand, support routetest.Support, tally map[string]int) {
	ns := routetest.New(t)
	d := newDrawer(rng, support)
	d.leaveOut("newlink")
	setup := routetest.Generate(rng, routetest.Options{Support: support})
	setup = slices.DeleteFunc(setup, func(line string) bool { return strings.Contains(line, "expires 0") })
	ns.Batch(append(d.settings(), setup...))
	h, send := open(t, ns), newSender(t, ns)
	ns.Settle()
	first := h.read(t)
	undoOnPaper(t, d, first, tally)
	before := change.New(lookup.New(first))
	var done []change.Outcome
	var story strings.Builder
	state := before
	for range 1 + rng.IntN(8) {
		c := d.draw(state)
		if l, ok := c.(*change.Link); ok && l.Verb == change.Delete {
			continue // nothing brings that back
		}
		out := state.Apply(c)
		if out.Refusal != nil {
			continue
		}
		said := send.send(t, c, nil)
		ns.Settle()
		if faults := settled(t, h, out.State); said != (answer{}) || len(faults) > 0 {
			tally["passed over: the engine and the kernel differ"]++
			return // TestDifferential shows this
		}
		fmt.Fprintln(&story, "do  ", text(c))
		state, done = out.State, append(done, out)
	}
	way := change.Undo(before, done)
	for _, l := range way.Left {
		tally["left: "+string(l.Code)]++
	}
	for _, c := range way.Changes {
		fmt.Fprintln(&story, "undo", text(c))
		if said := send.send(t, c, nil); said != (answer{}) {
			t.Errorf("the kernel refuses %s: %v %q\n%s", text(c), said.Errno, said.Message, &story)
			return
		}
		ns.Settle() // when a device is ready decides the order of its routes
	}
	ns.Settle()
	if faults := settled(t, h, way.State); len(faults) > 0 {
		t.Errorf("the engine expects another state after the undo:\n%s\n%s", strings.Join(faults, "\n"), &story)
		return
	}
	tally[fmt.Sprintf("undone exactly: %v", exact(way.Left))]++
	if !exact(way.Left) {
		return
	}
	if faults := compare(promised(first), promised(h.read(t))); len(faults) > 0 && !unmerged(faults) {
		t.Errorf("not as it was:\n%s\n%s", strings.Join(faults, "\n"), &story)
	}
}

// undoOnPaper makes random sequences of changes and undoes them, in the engine only.
func undoOnPaper(t *testing.T, d *drawer, first *route.Snapshot, tally map[string]int) {
	before := change.New(lookup.New(first))
	want := snapshotOf(before)
	for range 20 {
		state := before
		var done []change.Outcome
		var story strings.Builder
		for range 1 + d.rng.IntN(12) {
			c := d.draw(state)
			if l, ok := c.(*change.Link); ok && l.Verb == change.Delete {
				continue // nothing brings that back
			}
			if out := state.Apply(c); out.Refusal == nil {
				fmt.Fprintln(&story, "do  ", text(c))
				state, done = out.State, append(done, out)
			}
		}
		way := change.Undo(before, done)
		tally[fmt.Sprintf("on paper, exactly: %v", exact(way.Left))]++
		if !exact(way.Left) {
			for _, l := range way.Left {
				tally["left on paper: "+string(l.Code)]++
			}
			continue
		}
		have := snapshotOf(way.State)
		have.Sysctls = maps.Clone(have.Sysctls)
		maps.DeleteFunc(have.Sysctls, func(path, _ string) bool { _, read := want.Sysctls[path]; return !read })
		if faults := compare(promised(want), promised(have)); len(faults) > 0 && !unmerged(faults) {
			for _, c := range way.Changes {
				fmt.Fprintln(&story, "undo", text(c))
			}
			t.Errorf("on paper, not as it was:\n%s\n%s", strings.Join(faults, "\n"), &story)
			return
		}
	}
}

// settled waits until the kernel has the state. If that takes too long, it names the
// differences.
func settled(t *testing.T, h *live, want *change.State) []string {
	faults := compare(snapshotOf(want), h.read(t))
	for wait := time.Millisecond; len(faults) > 0 && wait < 300*time.Millisecond; wait *= 2 {
		time.Sleep(wait) // the kernel enters IPv6 addresses and carriers later
		faults = compare(snapshotOf(want), h.read(t))
	}
	return faults
}

// exact reports whether a dump cannot distinguish the state from the one before.
func exact(left []change.Leftover) bool {
	return !slices.ContainsFunc(left, func(l change.Leftover) bool {
		return l.Code != change.LeftUnread && l.Code != change.LeftUnmerged && l.Code != change.LeftLifetime && l.Code != change.LeftAdvertised &&
			l.Code != change.LeftFirst
	})
}

// promised is what of a snapshot Undo promises to bring back: all but the order of some routes
// (linkRoutesTogether), and the protocols of addresses, for which not every ip has a word.
func promised(s *route.Snapshot) *route.Snapshot {
	out := linkRoutesTogether(s)
	out.Addrs = slices.Clone(s.Addrs)
	for i := range out.Addrs {
		out.Addrs[i].Protocol = 0
	}
	return out
}

// linkRoutesTogether is a snapshot in which the kernel's own routes to fe80::/64 and ff00::/8,
// of which each device has one, are in the order of the devices. Only those of one table and
// metric are put into order, and only where there is no other route among them: a user's route
// there keeps its place. A packet that names its device finds the same route in either order.
func linkRoutesTogether(s *route.Snapshot) *route.Snapshot {
	type group struct {
		table    route.Table
		dst, src netip.Prefix
		metric   uint32
	}
	places := map[group][]int{}
	others := map[group]bool{}
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Dst.String() != "fe80::/64" && r.Dst.String() != "ff00::/8" {
			continue
		}
		g := group{r.Table, r.Dst, r.Src, r.Metric}
		places[g] = append(places[g], i)
		if r.Protocol != route.ProtocolKernel || r.NextHopID != 0 || len(r.NextHops) != 1 || r.NextHops[0].Gateway.IsValid() {
			others[g] = true
		}
	}
	out := *s
	out.Routes = slices.Clone(s.Routes)
	for g, at := range places {
		if others[g] {
			continue
		}
		from := slices.Clone(at)
		slices.SortStableFunc(from, func(a, b int) int { return cmp.Compare(s.Routes[a].NextHops[0].Link, s.Routes[b].NextHops[0].Link) })
		for i := range at {
			out.Routes[at[i]] = s.Routes[from[i]]
		}
	}
	return &out
}

// unmerged reports whether tables local and main are separate, and nothing else
// differs.
func unmerged(faults []string) bool {
	return len(faults) == 1 && strings.HasPrefix(faults[0], "merged: ")
}
