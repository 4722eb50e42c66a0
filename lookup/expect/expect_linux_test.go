package expect_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/change/command"
	"routewhy/lookup/coverage"
	"routewhy/lookup/expect"
	"routewhy/lookup/report"
	"routewhy/route"
	"routewhy/route/routetest"
	"routewhy/route/routetest/live"
)

func TestMain(m *testing.M) { routetest.Main(m) }

// setups is how many random set-ups are tried. ROUTEWHY_SETUPS gives another number.
func setups() uint64 {
	if n, err := strconv.Atoi(os.Getenv("ROUTEWHY_SETUPS")); err == nil {
		return uint64(n)
	}
	return 6
}

// TestHoldIsExact compares an expectation about a prefix with a slow method: it looks
// at single addresses on both sides of every boundary, and at other addresses.
func TestHoldIsExact(t *testing.T) {
	support := routetest.Probe(t)
	states := map[expect.State]int{}
	for seed := range setups() {
		rng := rand.New(rand.NewPCG(seed, 16))
		ns := routetest.New(t)
		ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
		s := live.Read(t, ns, route.Query{AllDevices: true})
		f := lookup.New(s)
		ranges := coverage.RangesOf(f)
		for _, flow := range routetest.Flows(rng, s, 60) {
			q := draw(rng, s, flow)
			got := expect.Hold(f, ranges, &q)
			states[got.State]++
			check(t, rng, f, s, &q, &got)
		}
	}
	for _, state := range []expect.State{expect.OK, expect.No} {
		if states[state] < int(setups()) {
			t.Errorf("%d expectations are %s", states[state], state)
		}
	}
}

// draw makes an expectation about a packet.
func draw(rng *rand.Rand, s *route.Snapshot, flow route.Flow) expect.Question {
	fam := flow.Family()
	q := expect.Question{Flow: flow, Dst: fam.Default()}
	switch n := rng.IntN(8); {
	case n == 0:
		q.Dst = netip.PrefixFrom(flow.Dst, fam.Bits())
	case n < 3:
		q.Dst = netip.PrefixFrom(flow.Dst.WithZone(""), rng.IntN(fam.Bits())+1).Masked()
	case n < 7:
		if r := pick(rng, s.Routes); r != nil && r.Family() == fam {
			q.Dst = r.Dst
		}
	}
	// What some packet there does, or something else.
	flow.Dst = q.Dst.Addr()
	d := lookup.New(s).Lookup(flow)
	w := &q.Wanted
	if !d.Disposition.Success() && rng.IntN(2) == 0 {
		w.Fate = []command.Fate{command.FateNone, command.FateRefused, command.FateLocal}[rng.IntN(3)]
		return q
	}
	if d.Disposition == lookup.DispositionLocal && rng.IntN(2) == 0 {
		w.Fate = command.FateLocal
		return q
	}
	var hop lookup.NextHop
	if len(d.NextHops) > 0 {
		hop = d.NextHops[rng.IntN(len(d.NextHops))]
	}
	switch n := rng.IntN(5); {
	case n == 0 && d.HasRoute:
		w.Table, w.HasTable = d.Route.Table, true
	case n == 1 && hop.Gateway.IsValid():
		w.Via = hop.Gateway
	case n == 2 && hop.Src.IsValid():
		w.Src = netip.PrefixFrom(hop.Src, rng.IntN(fam.Bits()+1)).Masked()
	case n == 3:
		if r := pick(rng, s.Routes); r != nil && len(r.NextHops) > 0 {
			w.Link = r.NextHops[0].Link
		}
	}
	if !w.HasTable && !w.Via.IsValid() && !w.Src.IsValid() && w.Link == 0 {
		w.Link = max(1, hop.Link)
	}
	return q
}

func pick[T any](rng *rand.Rand, all []T) *T {
	if len(all) == 0 {
		return nil
	}
	return &all[rng.IntN(len(all))]
}

// check compares a result with the results for single addresses.
func check(t *testing.T, rng *rand.Rand, f *lookup.FIB, s *route.Snapshot, q *expect.Question, got *expect.Result) {
	t.Helper()
	var want expect.State
	var at netip.Addr
	for _, a := range samples(rng, s, q.Dst) {
		switch state := slow(f, q, a); {
		case state == expect.No && want != expect.No, state == expect.Unknown && want != expect.No, state == expect.OK && want == "":
			want, at = state, a
		}
	}
	if want == "" { // no packet takes a default route, or these samples do not
		return
	}
	if got.State != want && (want == expect.No || got.State == expect.OK) {
		t.Errorf("%s %+v %+v: %s, and %s is %s", q.Dst, q.Flow, q.Wanted, got.State, at, want)
	}
	if got.State == expect.OK || got.Word == expect.WordDefault || !got.First.IsValid() {
		return
	}
	for _, a := range []netip.Addr{got.First, got.Last, got.Addr} {
		if state := slow(f, q, a); state != got.State {
			t.Errorf("%s %+v %+v: %s in %s - %s, and %s is %s", q.Dst, q.Flow, q.Wanted, got.State, got.First, got.Last, a, state)
		}
	}
}

// samples are addresses in a prefix.
func samples(rng *rand.Rand, s *route.Snapshot, within netip.Prefix) []netip.Addr {
	var out []netip.Addr
	add := func(all ...netip.Addr) {
		for _, a := range all {
			if a.IsValid() && within.Contains(a) {
				out = append(out, a)
			}
		}
	}
	around := func(p netip.Prefix) {
		first, last := p.Masked().Addr(), route.LastAddr(p.Masked())
		add(first, first.Prev(), first.Next(), last, last.Next(), last.Prev())
	}
	around(within)
	for i := range s.Routes {
		around(s.Routes[i].Dst)
	}
	for i := range s.Addrs {
		a := s.Addrs[i].Prefix
		around(a)
		around(netip.PrefixFrom(a.Addr(), a.Addr().BitLen()))
	}
	for i := range s.Rules {
		if d := s.Rules[i].Selector.Dst; d.IsValid() {
			around(d)
		}
	}
	for range 300 {
		raw := within.Addr().AsSlice()
		for bit := within.Bits(); bit < len(raw)*8; bit++ {
			raw[bit/8] |= byte(rng.IntN(2)) << (7 - bit%8)
		}
		a, _ := netip.AddrFromSlice(raw)
		add(a)
	}
	return out
}

// slow is the result of an expectation for one address; empty: it is not about that
// address.
func slow(f *lookup.FIB, q *expect.Question, a netip.Addr) expect.State {
	flow := q.Flow
	flow.Dst = a
	d, t := f.Lookup(flow), f.Connect(flow)
	first := slowOne(f, q, a, &d)
	seconds := t.BySource
	if t.First != nil && seconds == nil {
		seconds = []*lookup.Trace{t}
	}
	if seconds == nil {
		return first
	}
	var all []expect.State
	for _, again := range seconds {
		d := &again.Decision
		s := slowOne(f, q, a, d)
		if s == "" && first != "" && !d.Disposition.Success() && !d.HasRoute && (d.Rule == nil || !d.Rule.Selector.Dst.IsValid()) {
			whole := *q
			whole.Dst = netip.PrefixFrom(a, a.BitLen())
			s = slowOne(f, &whole, a, d)
		}
		all = append(all, s)
	}
	out := worst(all)
	hashed := d.Ambiguous.Code == lookup.CodeMultipath || d.Ambiguous.Code == lookup.CodeResilient
	if out == expect.No && first != expect.No && !hashed && slices.ContainsFunc(all, func(s expect.State) bool { return s != out }) {
		out = expect.Unknown
	}
	if a.Is4() && flow.Proto != route.ProtoTCP {
		return worst([]expect.State{first, out})
	}
	return out
}

// worst is the state that says most against an expectation.
func worst(all []expect.State) expect.State {
	for _, s := range []expect.State{expect.No, expect.Unknown, expect.OK} {
		if slices.Contains(all, s) {
			return s
		}
	}
	return ""
}

// globalAlone reports whether ::/0 is replaced by routes to 2000::/3 or parts of it: then an
// expectation about it is about these addresses alone.
func globalAlone(f *lookup.FIB) bool {
	others := f.Replacements(route.IPv6.Default())
	return len(others) > 0 && lookup.Global6().Contains(others[0].Route.Dst.Addr())
}

// slowOne judges one decision.
func slowOne(f *lookup.FIB, q *expect.Question, a netip.Addr, d *lookup.Decision) expect.State {
	one := q.Wanted
	w := &one
	if q.Dst.Bits() == 0 && a.Is6() {
		if unique := netip.MustParsePrefix("fc00::/7"); unique.Contains(a) {
			w.Src = netip.Prefix{}
		}
		if !unicast(a) || *w == (expect.Wanted{}) || globalAlone(f) && !lookup.Global6().Contains(a) {
			return ""
		}
	}
	if d.Disposition == lookup.DispositionUnknown {
		return expect.Unknown
	}
	many := d.Disposition == lookup.DispositionMulticast || d.Disposition == lookup.DispositionBroadcast
	if q.Dst.Bits() == 0 && (!d.Default() || many) {
		return ""
	}
	refused := !d.Disposition.Success()
	switch {
	case w.Fate == command.FateNone:
		return state(d.Disposition == lookup.DispositionNoRoute)
	case w.Fate == command.FateRefused && (!refused || d.Disposition == lookup.DispositionNoRoute):
		return expect.No
	case w.Fate == command.FateLocal && d.Disposition != lookup.DispositionLocal && d.Disposition != lookup.DispositionAnycast:
		return expect.No
	case w.Fate == "" && refused, w.Fate != command.FateRefused && d.SomeRefused != 0, w.HasTable && d.Table() != w.Table:
		return expect.No
	case w.Fate == command.FateRefused:
		return expect.OK
	}
	var bad, good, open int
	for _, h := range d.NextHops {
		one := expect.OK
		if w.Link != 0 && h.Link != w.Link && h.Via.Link != w.Link || w.Via.IsValid() && h.Gateway != w.Via {
			one = expect.No
		}
		if w.Src.IsValid() {
			in := 0
			all := h.SrcOneOf
			if all == nil {
				all = []netip.Addr{h.Src}
			}
			if h.OtherSrc.IsValid() && h.SrcOneOf == nil {
				all = append(all, h.OtherSrc)
			}
			for _, x := range all {
				if x.IsValid() && w.Src.Contains(x) {
					in++
				}
			}
			switch in {
			case 0:
				one = expect.No
			case len(all):
			default:
				one = expect.Unknown
			}
		}
		switch {
		case one == expect.OK:
			good++
		case one == expect.Unknown || h.Stale:
			open++
		default:
			bad++
		}
	}
	hashed := d.Ambiguous.Code == lookup.CodeMultipath || d.Ambiguous.Code == lookup.CodeResilient
	switch {
	case bad == 0 && open == 0 && good > 0:
		if d.MayRefuse != 0 {
			return expect.Unknown
		}
		return expect.OK
	case bad > 0 && (hashed || good == 0 && open == 0), len(d.NextHops) == 0:
		return expect.No
	}
	return expect.Unknown
}

// unicast reports whether a packet to an address may take a default route.
func unicast(a netip.Addr) bool {
	return slices.ContainsFunc(expect.Unicast6(), func(p netip.Prefix) bool { return p.Contains(a) })
}

func state(yes bool) expect.State {
	if yes {
		return expect.OK
	}
	return expect.No
}

// TestDumpHolds writes what a host does with packets to each of its routes as
// expectations. The host must meet them.
func TestDumpHolds(t *testing.T) {
	support := routetest.Probe(t)
	some := 0
	for seed := range setups() {
		rng := rand.New(rand.NewPCG(seed, 17))
		ns := routetest.New(t)
		ns.Batch(routetest.Generate(rng, routetest.Options{Support: support}))
		s := live.Read(t, ns, route.Query{AllDevices: true})
		s.Host, s.Machine = "", ""
		f := lookup.New(s)
		host := report.NewExpectHost(f, 0)
		for i := range s.Routes {
			line, ok := written(f, s, &s.Routes[i])
			if !ok {
				continue
			}
			some++
			e, _, err := command.ParseExpectation(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if got := host.Hold(&report.Expectation{Expectation: e, Line: 1}); got.Result != expect.OK {
				t.Errorf("seed %d: %s: %+v", seed, line, got)
			}
		}
	}
	if some == 0 {
		t.Error("nothing was expected")
	}
}

// written is an expectation that a route lets one have; false: other routes decide about
// some of its addresses, or nobody knows.
func written(f *lookup.FIB, s *route.Snapshot, r *route.Route) (string, bool) {
	if r.Dst.Bits() == 0 || r.Src.IsValid() {
		return "", false
	}
	flow := route.Flow{Dst: r.Dst.Addr()}
	if r.Family() == route.IPv4 {
		flow.Proto = route.ProtoUDP
	}
	d := f.Lookup(flow)
	inner := slices.ContainsFunc(s.Routes, func(o route.Route) bool {
		return o.Dst != r.Dst && o.Dst.Bits() > r.Dst.Bits() && r.Dst.Contains(o.Dst.Addr())
	})
	rules := slices.ContainsFunc(s.Rules, func(o route.Rule) bool { return o.Selector.Dst.IsValid() && o.Selector.Dst.Overlaps(r.Dst) })
	// The kernel decides about these before it looks at any route.
	for _, block := range []string{"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "ff00::/8", "fe80::/10", "::/127"} {
		if netip.MustParsePrefix(block).Overlaps(r.Dst) {
			return "", false
		}
	}
	again := f.Connect(flow)
	if again.Twice() { // the route is not all that is to be said
		return "", false
	}
	if inner || rules || r.Dst.Addr().IsUnspecified() || d.Ambiguous.Code != "" || d.MayRefuse != 0 || d.SomeRefused != 0 {
		return "", false
	}
	switch d.Disposition {
	case lookup.DispositionNoRoute:
		return r.Dst.String() + " none", true
	case lookup.DispositionLocal:
		return r.Dst.String() + " local", true
	case lookup.DispositionUnicast:
	case lookup.DispositionUnknown, lookup.DispositionInvalid:
		return "", false
	default:
		return r.Dst.String() + " refused", !d.Disposition.Success()
	}
	if len(d.NextHops) != 1 || !d.HasRoute {
		return "", false
	}
	h := d.NextHops[0]
	line := fmt.Sprintf("%s dev %q table %d", r.Dst, s.LinkName(h.Link), d.Route.Table)
	if h.Gateway.IsValid() {
		line += " via " + h.Gateway.String()
	}
	return line, true
}
