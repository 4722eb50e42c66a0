package change_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"routewhy/lookup"
	"routewhy/lookup/change"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/rehearse"
	"routewhy/route/routetest"
)

func TestMain(m *testing.M) {
	if rehearse.Second() {
		os.Exit(0)
	}
	routetest.Main(m)
}

// TestDifferential compares what the engine makes of changes with what the running kernel
// makes of them. It uses random set-ups and random sequences of changes. ROUTEWHY_CHANGES
// is how many changes (2000), ROUTEWHY_PER_SETUP how many in one set-up (80),
// ROUTEWHY_SEED where the random numbers start, ROUTEWHY_OBJECTS which objects (all: see
// drawer.draw). A failing case is reduced and written to the folder that ROUTEWHY_KEEP
// names.
func TestDifferential(t *testing.T) {
	changes := routetest.EnvInt(t, "ROUTEWHY_CHANGES", 2000)
	perSetup := routetest.EnvInt(t, "ROUTEWHY_PER_SETUP", 80)
	seed := routetest.EnvInt(t, "ROUTEWHY_SEED", 1)
	support := routetest.Probe(t)
	tally := map[string]int{}
	made := 0
	for n := 0; made < changes; n++ {
		setupSeed := uint64(seed + n)
		t.Run(strconv.FormatUint(setupSeed, 10), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(setupSeed, 1))
			made += differ(t, rng, support, perSetup, tally)
		})
		if t.Failed() && os.Getenv("ROUTEWHY_KEEP_GOING") == "" {
			break
		}
	}
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range tally {
			if !yield(k) {
				return
			}
		}
	}) {
		t.Logf("%6d %s", tally[k], k)
	}
	t.Logf("%d changes", made)
}

// differ makes one set-up and changes in it. It returns how many changes it made.
func differ(t *testing.T, rng *rand.Rand, support routetest.Support, changes int, tally map[string]int) int {
	ns := routetest.New(t)
	d := newDrawer(rng, support)
	setup := routetest.Generate(rng, routetest.Options{Support: support})
	setup = slices.DeleteFunc(setup, hides)
	setup = slices.DeleteFunc(setup, func(line string) bool { return hidesOwn(line, setup) })
	setup = settled6(append(d.settings(), setup...))
	ns.Batch(setup)
	h := open(t, ns)
	h.forgetCarriers(t)
	state := change.New(lookup.New(h.first(t)))
	steps := rng.IntN(3) // 0: each change begins from a fresh reading
	var done []change.Change
	hadVRF, hadLocal := false, false // no dump tells these after the last one was deleted
	for n := range changes {
		hadVRF, hadLocal = hadVRF || hasVRF(state), hadLocal || hasLocalGateway(snapshotOf(state))
		hidden := hadVRF && !hasVRF(state) || hadLocal || h.joinedAgain(t, snapshotOf(state))
		if steps == 0 && n > 0 && !hidden && !doubtful(snapshotOf(state)) && !blurred(snapshotOf(state)) {
			state = again(state, h.read(t))
		}
		c := d.draw(state)
		if _, ok := c.(*change.Neighbour); ok {
			state = collected(state, h.read(t))
		}
		done = append(done, c)
		out := state.Apply(c)
		said := h.send.send(t, c, out.State)
		after, differs := h.settle(t, out.State, c, patience)
		predicted := out.State
		tally[describe(c, out)]++
		var faults []string
		if r := out.Refusal; r != nil && r.Unknown != "" {
			tally["unknown: "+r.Unknown]++
			if r.Unknown == "not yet" {
				t.Fatal("not yet")
			}
			state = again(out.State, after)
			if blurred(after) {
				return n + 1
			}
			continue
		}
		if f := disagree(out.Refusal, said); f != "" {
			faults = append(faults, f)
		}
		if l, ok := c.(*change.Link); ok && l.MTU != nil { // a device that gets a family again has settings that were not read
			fresh := func(fault string) bool { return strings.HasPrefix(fault, "net/") }
			if slices.ContainsFunc(differs, fresh) {
				out.State = again(out.State, after)
			}
			differs = slices.DeleteFunc(differs, fresh)
		}
		if len(differs) > 0 && len(compare(carriersTogether(snapshotOf(out.State)), carriersTogether(after))) == 0 {
			tally["carriers in another order"]++
			out.State, differs = again(out.State, after), nil
		}
		faults = append(faults, asked(differs, snapshotOf(state))...)
		if len(faults) > 0 {
			t.Errorf("change %d, %s:\n%s\n%s", n, text(c), strings.Join(faults, "\n"), around(state, c))
			keep(t, setup, done)
			if os.Getenv("ROUTEWHY_KEEP_GOING") == "" {
				return n + 1
			}
			out.State = again(out.State, after)
		}
		reread := out.State != predicted
		state = out.State
		if reread && blurred(after) || expired(after) || expired(snapshotOf(state)) {
			return n + 1
		}
	}
	return changes
}

// settled6 is a set-up that waits for the addresses that it has before it switches
// forwarding. Otherwise an address that is usable a little later joins its anycast address a
// second time, and how often that was done is not shown.
func settled6(setup routetest.Setup) (out routetest.Setup) {
	for _, line := range setup {
		if strings.Contains(line, "forwarding=") {
			out = append(out, "sleep 0.1")
		}
		out = append(out, line)
	}
	return out
}

// again is a state that was read after another one, with the settings that the change of
// that one told of and that are not read: those for new devices (conf/default, which
// inetdev_init and ipv6_add_dev copy).
func again(before *change.State, read *route.Snapshot) *change.State {
	s := *read
	s.Sysctls = maps.Clone(s.Sysctls)
	for path, v := range before.FIB().Snapshot().Sysctls {
		if _, there := s.Sysctls[path]; !there && strings.Contains(path, "/conf/default/") {
			s.Sysctls[path] = v
		}
	}
	return change.New(lookup.New(&s))
}

// blurred reports whether a reading does not show which next hops are dead and which have no
// carrier alone, because a setting makes both look dead (fib_nexthop_info). The state before
// it knew.
func blurred(s *route.Snapshot) bool {
	const both = route.NextHopDead | route.NextHopLinkDown
	return slices.ContainsFunc(s.Routes, func(r route.Route) bool {
		return slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool {
			l := s.Link(h.Link)
			return h.Flags&both == both && l != nil && l.Up() && s.IgnoresLinkdown(r.Family(), l.Name)
		})
	})
}

// hides reports whether a line of a set-up makes something that a reading does not show,
// or that may disappear at any time.
func hides(line string) bool {
	if strings.Contains(line, "expires 0") {
		return true // the kernel deletes it when its timer comes (fib6_age)
	}
	if strings.Contains(line, "ignore_routes_with_linkdown") {
		return true // whether a next hop is dead, or has no carrier: both are shown as dead (fib_nexthop_info)
	}
	if strings.Count(line, "nexthop via") == 1 && strings.Contains(line, "weight") {
		return true // a dump has the weights of several next hops alone (fib_dump_info: RTA_MULTIPATH)
	}
	// If several next hops were added one by one, each is a route with attributes of its
	// own, and a dump shows those of the first (rt6_fill_node).
	_, appended, ok := strings.Cut(strings.Replace(line, " prepend ", " append ", 1), "ip -6 route append ")
	if ok && !strings.Contains(line, " via ") {
		return true // see skipped
	}
	return ok && slices.ContainsFunc(strings.Fields(appended), func(word string) bool {
		return slices.Contains([]string{"mtu", "src", "pref", "expires", "proto", "advmss", "hoplimit"}, word)
	})
}

// hidesOwn reports whether a line adds a next hop to an IPv6 route that has attributes of its
// own. A dump shows those of the first next hop alone.
func hidesOwn(line string, setup routetest.Setup) bool {
	_, to, ok := strings.Cut(strings.Replace(line, " prepend ", " append ", 1), "ip -6 route append ")
	dst, _, _ := strings.Cut(to, " ")
	return ok && slices.ContainsFunc(setup, func(other string) bool {
		words := strings.Fields(other)
		return slices.Contains(words, "-6") && slices.Contains(words, dst) && slices.ContainsFunc(words, func(word string) bool {
			return slices.Contains([]string{"mtu", "src", "pref", "expires", "proto", "advmss", "hoplimit"}, word)
		})
	})
}

// collected is a state without the neighbours that the kernel has removed in the meantime,
// as it may do with those that are not permanent (neigh_periodic_work, neigh_forced_gc).
// Those that it has given up are so (neigh_timer_handler: NUD_FAILED after its probes). When
// that happens is a matter of time, which a dump does not tell.
func collected(s *change.State, have *route.Snapshot) *change.State {
	for _, n := range s.FIB().Snapshot().Neighbours {
		at := slices.IndexFunc(have.Neighbours, func(x route.Neighbour) bool { return x.Link == n.Link && x.Addr == n.Addr })
		if n.State == route.NeighbourPermanent || at >= 0 && have.Neighbours[at].State.Valid() == n.State.Valid() {
			continue
		}
		s = s.Apply(&change.Neighbour{Verb: change.Delete, Neighbour: n}).State
		if at >= 0 {
			now := have.Neighbours[at]
			s = s.Apply(&change.Neighbour{Verb: change.Add, Neighbour: now, LinkAddr: now.State.Valid()}).State
		}
	}
	return s
}

// carriersTogether is a snapshot with the routes to ff00::/8, of which each device has one, in
// the order of the devices. A device gets it when the kernel has told of its carrier
// (addrconf_notify, NETDEV_CHANGE). It tells of carriers after the change, at most once a
// second where that is not urgent (linkwatch_urgent_event), and in the order in which it was
// told to look: a device for which that was still to be done keeps its place
// (linkwatch_add_event, __LINK_STATE_LINKWATCH_PENDING). No dump shows for which devices it
// is.
func carriersTogether(s *route.Snapshot) *route.Snapshot {
	out := *s
	var list []route.Route
	multicast := func(r route.Route) bool {
		return r.Type == route.TypeMulticast && r.Protocol == route.ProtocolKernel && len(r.NextHops) == 1
	}
	for _, r := range s.Routes {
		if multicast(r) {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b route.Route) int { return cmp.Compare(a.NextHops[0].Link, b.NextHops[0].Link) })
	out.Routes = append(slices.DeleteFunc(slices.Clone(s.Routes), multicast), list...)
	return &out
}

// doubtful reports whether a dump does not tell everything. For a device without carrier,
// it does not tell whether a next hop is dead or only has no carrier, and whether the
// device had a carrier since it went up. For a bridge, it does not tell whether somebody
// set its MTU. For an address without its local route, it does not tell whether that route
// was deleted. If IPv4's table local has no routes, it does not tell whether the table
// exists. For lo without ::1, it does not tell whether somebody deleted that or whether lo
// lost IPv6 with a small MTU (addrconf_ifdown).
func doubtful(s *route.Snapshot) bool {
	local := func(a route.Addr) bool {
		return slices.ContainsFunc(s.Routes, func(r route.Route) bool {
			return r.Dst.Addr() == a.Prefix.Addr() && r.Type == route.TypeLocal && slices.ContainsFunc(r.NextHops, func(h route.NextHop) bool { return h.Link == a.Link })
		})
	}
	return slices.ContainsFunc(s.Addrs, func(a route.Addr) bool { return a.Prefix.Addr().Is6() && !local(a) }) ||
		slices.ContainsFunc(s.Links, func(l route.Link) bool { return l.Up() && !l.Carrier() || l.Kind == "bridge" && l.MTU != 1500 }) ||
		slices.ContainsFunc(s.Links, func(l route.Link) bool { return l.Flags&route.LinkLoopback != 0 && l.Up() && !hasOne(s, l.Index) }) ||
		len(skipped(s.Routes)) < len(s.Routes) ||
		!slices.ContainsFunc(s.Routes, func(r route.Route) bool { return r.Table == route.TableLocal && r.Dst.Addr().Is4() })
}

// hasOne reports whether a device has ::1.
func hasOne(s *route.Snapshot, link int) bool {
	return slices.ContainsFunc(s.Addrs, func(a route.Addr) bool { return a.Link == link && a.Prefix.Addr() == netip.IPv6Loopback() })
}

// hasVRF reports whether there is a VRF.
func hasVRF(s *change.State) bool {
	return slices.ContainsFunc(s.FIB().Snapshot().Links, func(l route.Link) bool { return l.Kind == "vrf" })
}

// asked leaves out the new neighbours without a link-layer address. The kernel makes such an
// entry for each address that a packet of its own goes to, as the tests of other neighbours
// are (ndisc_solicit, ip6_finish_output2).
func asked(differs []string, before *route.Snapshot) []string {
	return slices.DeleteFunc(differs, func(fault string) bool {
		return strings.HasPrefix(fault, aloneNeighbour) && (strings.Contains(fault, " State:INCOMPLETE ") || strings.Contains(fault, " State:FAILED ")) &&
			!slices.ContainsFunc(before.Neighbours, func(n route.Neighbour) bool {
				return strings.HasPrefix(fault, fmt.Sprintf("%s{Link:%d Addr:%s ", aloneNeighbour, n.Link, n.Addr))
			})
	})
}

// around is what of a state may explain a difference.
func around(s *change.State, c change.Change) string {
	var b strings.Builder
	r, ok := c.(*change.Route)
	if !ok {
		return ""
	}
	for _, x := range snapshotOf(s).Routes {
		if x.Dst == r.Route.Dst.Masked() && r.Route.Dst.Addr().Is4() == x.Dst.Addr().Is4() {
			fmt.Fprintf(&b, "before: %s\n", routeText(&x))
		}
	}
	return b.String()
}

// describe names the kind of a change and of its outcome.
func describe(c change.Change, out change.Outcome) string {
	name := fmt.Sprintf("%T", c)
	switch c := c.(type) {
	case *change.Route:
		name = fmt.Sprintf("route %s %s", c.Family(), c.Verb)
	case *change.Addr:
		name = fmt.Sprintf("addr %s %s", route.FamilyOf(c.Addr.Prefix.Addr()), c.Verb)
	case *change.Rule:
		name = fmt.Sprintf("rule %s %s", c.Rule.Family, c.Verb)
	case *change.Link:
		name = fmt.Sprintf("link %s", c.Verb)
	case *change.NewLink:
		name = "link add " + c.Kind
	case *change.Neighbour:
		name = fmt.Sprintf("neighbour %s", c.Verb)
	case *change.NextHop:
		name = fmt.Sprintf("nexthop %s", c.Verb)
	case *change.Sysctl:
		name = "sysctl"
	}
	if r := out.Refusal; r != nil {
		return name + ": " + r.Errno.String() + " " + r.Message
	}
	return name
}

// disagree names the difference between what the engine and the kernel say to a change. A
// table without routes may be there (fib6_new_table and fib_new_table make it, and only the
// end of the namespace removes it), which no dump shows: the engine then names the error and
// is unsure of the words. An empty IPv6 table has an entry for ::/0 that no request deletes
// (fib6_null_entry, to which __ip6_del_rt says ENOENT).
func disagree(r *change.Refusal, said answer) string {
	got := answerOf(r)
	if got == said || r != nil && r.MessageUnsure && r.Errno == route.ESRCH && said == (answer{Errno: route.ENOENT}) || r != nil && r.MessageUnsure && got.Errno == said.Errno && said.Message == "" {
		return ""
	}
	return fmt.Sprintf("the engine says %v %q, the kernel %v %q", got.Errno, got.Message, said.Errno, said.Message)
}

func answerOf(r *change.Refusal) answer {
	if r == nil {
		return answer{}
	}
	return answer{r.Errno, r.Message}
}

// text is a change in the form in which saved cases have it.
func text(c change.Change) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%s %s", strings.TrimPrefix(fmt.Sprintf("%T", c), "*change."), b)
}

// keep reduces a failure and saves it in the folder that ROUTEWHY_KEEP names.
func keep(t *testing.T, setup routetest.Setup, done []change.Change) {
	dir := os.Getenv("ROUTEWHY_KEEP")
	if dir == "" {
		return
	}
	const mark = "change: "
	all := slices.Clone(setup)
	for _, c := range done {
		all = append(all, mark+text(c))
	}
	split := func(all routetest.Setup) *savedCase {
		c := &savedCase{}
		for _, line := range all {
			if body, ok := strings.CutPrefix(line, mark); ok {
				c.changes = append(c.changes, body)
			} else {
				c.setup = append(c.setup, line)
			}
		}
		return c
	}
	last := text(done[len(done)-1])
	needed := func(line string) bool { return strings.Contains(line, "addr_gen_mode") } // or addresses differ
	fails := func(all routetest.Setup) (bad bool) {
		if !slices.ContainsFunc(all, needed) {
			return false
		}
		t.Run("reduce", func(t *testing.T) {
			faults := split(all).faults(t, 300*time.Millisecond)
			bad = len(faults) > 0 && strings.HasPrefix(faults[0], last) // and no other failure
		})
		return bad
	}
	if fails(all) {
		all = routetest.Shrink(all, fails)
	} else {
		t.Log("it does not happen again")
	}
	c := split(all)
	t.Run("again", func(t *testing.T) {
		for _, f := range c.faults(t, patience) {
			t.Error(f)
		}
	})
	name := dir + "/" + strings.ReplaceAll(t.Name(), "/", "-") + ".txt"
	if err := os.WriteFile(name, []byte(c.String()), 0o644); err != nil {
		t.Error(err)
	}
}

// live is a namespace that can be read.
type live struct {
	*kernel.Host
	ns   *routetest.Namespace
	send *sender
}

func open(t *testing.T, ns *routetest.Namespace) *live {
	h := &live{ns: ns, send: newSender(t, ns)}
	ns.Do(func() {
		var err error
		if h.Host, err = kernel.Open(""); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { h.Close() })
	return h
}

// read reads all of the namespace.
func (h *live) read(t *testing.T) *route.Snapshot {
	var s *route.Snapshot
	h.ns.Do(func() {
		var err error
		if s, err = h.Read(t.Context(), route.Query{AllDevices: true}); err != nil {
			t.Fatal(err)
		}
	})
	for _, g := range s.Gaps {
		t.Errorf("could not read %v %v: %s", g.Family, g.Fact, g.Why)
	}
	s.Order = append(s.Order, h.order(t))
	return s
}

// order reads the order of the devices that have IPv6, which is read only where it decides.
func (h *live) order(t *testing.T) (list []int) {
	h.ns.Do(func() {
		b, err := os.ReadFile("/proc/thread-self/net/igmp6")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if index, err := strconv.Atoi(strings.Fields(line)[0]); err == nil && !slices.Contains(list, index) {
				list = append(list, index)
			}
		}
	})
	return list
}

// patience is how long the kernel may take until it has made everything that follows
// from a change. It adds IPv6 addresses later, and reports carriers at most once a
// second.
const patience = 5 * time.Second

// settle reads the namespace until it is as the given state expects, and names the
// differences that remain.
func (h *live) settle(t *testing.T, want *change.State, c change.Change, patience time.Duration) (have *route.Snapshot, differs []string) {
	expected := snapshotOf(want)
	needsBarrier := false
	switch c.(type) {
	case *change.Link, *change.NewLink:
		needsBarrier = true
	}
	waitForAnnouncing(c, expected)
	end := time.Now().Add(patience)
	behind := !needsBarrier
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		have = h.read(t)
		differs = compare(expected, have)
		if len(differs) == 0 && !behind {
			behind = true // whoever was at work has finished then
			h.barrier(t)
			h.send.askReports(t, have)
			continue
		}
		if len(differs) == 0 || time.Now().After(end) {
			return have, differs
		}
		behind = false
		time.Sleep(wait)
	}
}

// forgetCarriers sets those devices down and up again that are up and have no carrier.
// If a device is not set up again, a dump does not tell whether it ever had a carrier.
// The kernel reports carriers late.
func (h *live) forgetCarriers(t *testing.T) {
	s := h.read(t)
	late := func(l route.Link) bool {
		p := s.Link(l.Peer)
		return l.Kind == "veth" && l.Up() && p != nil && l.Carrier() != p.Up()
	}
	for end := time.Now().Add(patience); slices.ContainsFunc(s.Links, late) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		s = h.read(t)
	}
	for _, l := range s.Links {
		if l.Up() && !l.Carrier() {
			for _, up := range []route.Tristate{route.No, route.Yes} {
				h.send.send(t, &change.Link{Verb: change.Modify, Index: l.Index, Up: up}, nil)
			}
		}
	}
}

// first reads the namespace when it has its local routes, because the kernel makes
// them after the address.
func (h *live) first(t *testing.T) *route.Snapshot {
	for end := time.Now().Add(200 * time.Millisecond); ; time.Sleep(2 * time.Millisecond) {
		s := h.read(t)
		if time.Now().After(end) || !slices.ContainsFunc(s.Addrs, func(a route.Addr) bool {
			return a.Prefix.Addr().Is6() && a.Flags&route.AddrTentative == 0 && !slices.ContainsFunc(s.Routes, func(r route.Route) bool {
				return r.Dst.Addr() == a.Prefix.Addr() && r.Type == route.TypeLocal && len(r.NextHops) == 1 && r.NextHops[0].Link == a.Link
			})
		}) {
			return s
		}
	}
}

// expired reports whether some route has expired, which the kernel deletes at any time.
func expired(s *route.Snapshot) bool {
	return slices.ContainsFunc(s.Routes, func(r route.Route) bool { return r.Expires < 0 })
}
