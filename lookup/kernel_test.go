//go:build linux

package lookup_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/lookup"
	"routewhy/route"
	"routewhy/route/kernel"
	"routewhy/route/routetest"
	"routewhy/route/routetest/live"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// TestScenarios sets every scenario up, reads it back, and compares the
// decision with the answers that the kernel gave when the scenario was made,
// and with the one that it gives now. ROUTEWHY_SCENARIOS names another file.
func TestScenarios(t *testing.T) {
	scenarios, err := routetest.LoadDir("testdata/scenarios")
	if file := os.Getenv("ROUTEWHY_SCENARIOS"); file != "" {
		scenarios, err = routetest.Load(file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			checkScenario(t, s)
		})
	}
}

// TestRegress does the same for set-ups that once gave a wrong decision. With
// UPDATE=1 the kernel's answers are written into the files.
func TestRegress(t *testing.T) { regress(t, regressDir) }

// TestHidden takes set-ups in which the kernel decides by something that no dump
// shows: the comparison must allow for it.
func TestHidden(t *testing.T) {
	scenarios, err := routetest.LoadDir("testdata/regress-hidden")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			if disagrees(t, s.Setup, s.Query) {
				t.Errorf("the kernel disagrees: %s", s.Query)
			}
		})
	}
}

const (
	regressDir = "testdata/regress"
	vrfDir     = "testdata/regress-vrf"
	devicesDir = "testdata/regress-devices"
)

// TestRegressVRF is TestRegress for set-ups with a VRF. Where this kernel has
// none, snapshots that another one gave stand in for it. With UPDATE=1 they are
// written too.
func TestRegressVRF(t *testing.T) {
	regressOrReplay(t, vrfDir, routetest.Probe(t).VRF)
}

// TestRegressDevices is the same with the kinds of devices and routes that hosts
// have and not every kernel has: dummy, VLAN, WireGuard, MPLS.
func TestRegressDevices(t *testing.T) {
	has := routetest.Probe(t)
	regressOrReplay(t, devicesDir, has.Dummy && has.VLAN && has.WireGuard && has.MPLS)
}

// regressOrReplay sets the scenarios of a directory up, or takes the snapshots
// there.
func regressOrReplay(t *testing.T, dir string, supported bool) {
	if supported {
		regress(t, dir)
		return
	}
	scenarios, err := routetest.LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	states, err := loadStates(dir + statesFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			snap := states[s.Name]
			if snap == nil {
				t.Fatal("there is no state of it")
			}
			flow, err := routetest.ParseQuery(s.Query, func(name string) (int, bool) {
				l := snap.LinkByName(name)
				return l.Index, true // the queries name devices that are there
			})
			if err != nil {
				t.Fatal(err)
			}
			f := lookup.New(snap)
			d := f.Lookup(flow)
			checkGolden(t, f, &flow, &d)
			if diff := cmp.Diff(answers(s.Becomes(snap.Release)), decided(f, &flow, &d)); diff != "" {
				t.Errorf("%s (-kernel +routewhy):\n%s", s.Query, diff)
			}
		})
	}
}

func regress(t *testing.T, dir string) {
	scenarios, err := routetest.LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		update(t, dir, scenarios)
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			checkScenario(t, s)
		})
	}
}

// update writes what this kernel answers and, where another kernel may lack what the
// set-ups have, what they look like.
func update(t *testing.T, dir string, scenarios []routetest.Scenario) {
	answers := map[string]routetest.Expect{}
	states := map[string]*route.Snapshot{}
	var names []string
	for i := range scenarios {
		s := &scenarios[i]
		s.Expect = ask(t, s.Setup, s.Query)
		answers[s.Name] = s.Expect
		ns := routetest.New(t)
		ns.Run(t, s.Setup...)
		states[s.Name] = open(t, ns).fib(t).Snapshot()
		names = append(names, s.Name)
	}
	routetest.SaveAnswers(t, dir, answers)
	if dir == regressDir {
		return
	}
	if err := saveStates(dir+statesFile, names, states); err != nil {
		t.Error(err)
	}
}

func checkScenario(t *testing.T, s routetest.Scenario) {
	ns := routetest.New(t)
	ns.Run(t, s.Setup...)
	flow, err := routetest.ParseQuery(s.Query, ns.Index)
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, ns)
	f := h.fib(t)
	d := f.Lookup(flow)
	c := h.compare(t, f, &flow, &d)
	if !c.Agrees {
		t.Errorf("the kernel disagrees with %+v:\n%+v", d, c.Differences)
	}
	if diff := cmp.Diff(answers(s.Becomes(f.Snapshot().Release)), decided(f, &flow, &d)); diff != "" {
		t.Errorf("%s (-kernel +routewhy):\n%s", s.Query, diff)
	}
}

// answers are the kernel's answers in a form that compares.
func answers(e routetest.Expect) []string {
	if len(e.Candidates) == 0 {
		return []string{answerText(e.Errno, e.Type, e.Dev, e.Gateway, e.Src)}
	}
	var out []string
	for _, c := range e.Candidates {
		out = append(out, answers(c)...)
	}
	slices.Sort(out)
	return out
}

// decided are the answers that a decision allows, in the same form.
func decided(f *lookup.FIB, flow *route.Flow, d *lookup.Decision) []string {
	if d.Errno != 0 {
		return []string{answerText(d.Errno.String(), 0, "", netip.Addr{}, netip.Addr{})}
	}
	var typ route.Type
	if err := typ.UnmarshalText([]byte(d.Disposition.String())); err != nil {
		return []string{d.Disposition.String()}
	}
	var out []string
	for _, w := range d.NextHops {
		src := w.Src
		if flow.In != 0 || flow.Dst.Is4() && flow.Src.IsValid() {
			src = netip.Addr{} // the kernel does not repeat it
		}
		out = append(out, answerText("", typ, f.Snapshot().LinkName(w.Link), w.Gateway, src))
		if src.IsValid() && w.OtherSrc.IsValid() {
			out = append(out, answerText("", typ, f.Snapshot().LinkName(w.Link), w.Gateway, w.OtherSrc))
		}
		for _, src := range w.SrcOneOf {
			out = append(out, answerText("", typ, f.Snapshot().LinkName(w.Link), w.Gateway, src))
		}
	}
	if d.SomeRefused != 0 {
		out = append(out, answerText(d.SomeRefused.String(), 0, "", netip.Addr{}, netip.Addr{}))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func answerText(errno string, typ route.Type, dev string, gateway, src netip.Addr) string {
	if errno != "" {
		return errno
	}
	return fmt.Sprintf("%s dev %s via %v src %v", typ, dev, gateway, src)
}

// host is a namespace that can be read and asked.
type host struct {
	*kernel.Host
	ns *routetest.Namespace
}

func open(t *testing.T, ns *routetest.Namespace) *host {
	return &host{live.Open(t, ns), ns}
}

// fib reads all of the namespace.
func (h *host) fib(t *testing.T) *lookup.FIB {
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
	return lookup.New(s)
}

// compare asks the kernel.
func (h *host) compare(t *testing.T, f *lookup.FIB, flow *route.Flow, d *lookup.Decision) lookup.Comparison {
	var a route.Answer
	h.ns.Do(func() {
		var err error
		if a, err = h.Resolve(t.Context(), *flow); err != nil {
			t.Fatal(err)
		}
	})
	return f.Compare(flow, d, &a)
}
