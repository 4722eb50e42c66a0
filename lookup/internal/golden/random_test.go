//go:build linux

package golden

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"routewhy/route"
	"routewhy/route/routetest"
)

var (
	setups    = flag.Int("setups", 60, "how many random set-ups TestRandom makes")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first one")
)

// TestRandom makes random set-ups and compares Resolve with the kernel for flows
// that are aimed at them.
func TestRandom(t *testing.T) {
	n := *setups
	if testing.Short() {
		n = min(n, 10)
	}
	support := routetest.Probe(t)
	asked, uncertain, several := 0, 0, 0
	for i := range uint64(n) {
		seed := *firstSeed + i
		rng := rand.New(rand.NewPCG(seed, 0x60d))
		commands := withoutHidden(routetest.Generate(rng, routetest.Options{Support: support}))
		ns := routetest.New(t)
		ns.Batch(commands)
		h := openHost(t, ns)
		before := h.read(t)
		var failures []string
		for range 120 {
			f := randomFlow(rng, before)
			a := Resolve(before, f)
			why := h.differs(t, before, f, a)
			asked++
			if a.Uncertain != "" {
				uncertain++
			}
			if len(a.NextHops) > 1 {
				several++
			}
			if why == "" {
				why = h.unseen(t, before, f, a)
			}
			if why == "" {
				continue
			}
			// The kernel's state may have changed by itself, and a route that
			// expired less than 10 ms ago looks as if it never would.
			time.Sleep(15 * time.Millisecond)
			now := h.read(t)
			if a = Resolve(now, f); h.differs(t, now, f, a) == "" && h.unseen(t, now, f, a) == "" {
				continue
			}
			if hidden(now, h.ask(t, f)) {
				continue
			}
			failures = append(failures, routetest.FormatQuery(f, before.LinkName)+
				"\n  golden: "+text(now, a)+" "+a.Uncertain+"\n  kernel: "+why)
		}
		if len(failures) > 0 {
			t.Errorf("seed %d:\n%s\n%s", seed, strings.Join(commands, "\n"), strings.Join(failures, "\n"))
		}
		_ = h.Close()
	}
	t.Logf("%d set-ups, %d flows, %d of them uncertain, %d with several ways", n, asked, uncertain, several)
}

// withoutHidden takes out what a dump does not show: that an IPv6 sibling beyond
// the first has expired.
func withoutHidden(commands []string) []string {
	for i, c := range commands {
		if strings.HasPrefix(c, "ip -6 route append") || strings.HasPrefix(c, "ip -6 route prepend") {
			commands[i] = strings.Replace(c, " expires 0", "", 1)
		}
	}
	return commands
}

// hidden reports whether the kernel used an IPv6 entry that it does not dump: one
// that stands between the siblings of a multipath route is skipped with them.
func hidden(s *route.Snapshot, k route.Answer) bool {
	e := &k.Entry
	if !k.HasEntry || e.Family() != route.IPv6 || e.NextHopID != 0 || len(e.NextHops) == 0 {
		return false
	}
	chosen := e.NextHops[0]
	return !slices.ContainsFunc(s.Routes, func(r route.Route) bool {
		return r.Dst == e.Dst && r.Src == e.Src && r.Table == k.Table && r.Metric == e.Metric &&
			slices.ContainsFunc(r.NextHops, func(nh route.NextHop) bool {
				return nh.Link == chosen.Link && nh.Gateway == chosen.Gateway
			})
	})
}

// unseen asks for one member of a multipath route after another by changing the
// seed of the hash, and says which of the ways that Decide allows the kernel
// never takes; empty: none.
func (h *host) unseen(t *testing.T, s *route.Snapshot, f route.Flow, a Answer) string {
	t.Helper()
	if a.Errno != 0 || a.Uncertain != "" || !a.HasEntry || len((&decision{s: s}).hopsOf(&a.Entry).list) < 2 {
		return ""
	}
	left := []Way{} // without sources: one that is remembered is not asked for
	for _, w := range a.NextHops {
		if w.Src = (netip.Addr{}); !slices.Contains(left, w) {
			left = append(left, w)
		}
	}
	if len(left) < 2 {
		return ""
	}
	const path = "net/ipv4/fib_multipath_hash_seed"
	defer func() { _ = h.ns.Sysctl(path, "0") }() // its default; the namespace ends soon
	for seed := 1; seed < 300 && len(left) > 0; seed++ {
		if err := h.ns.Sysctl(path, strconv.Itoa(seed)); err != nil {
			return ""
		}
		k := h.ask(t, f)
		if !k.Asked {
			return ""
		}
		left = slices.DeleteFunc(left, func(w Way) bool { return w.Link == k.Link && w.Gateway == k.Gateway })
	}
	if len(left) > 0 {
		return fmt.Sprintf("never takes %v", left)
	}
	return ""
}

// randomFlow aims a flow at what a snapshot has: at the edges of its prefixes
// and at the values that its rules select.
func randomFlow(rng *rand.Rand, s *route.Snapshot) route.Flow {
	chance := func(percent int) bool { return rng.IntN(100) < percent }
	families := []route.Family{}
	for _, r := range s.Routes {
		if r.Protocol != route.ProtocolKernel {
			families = append(families, r.Family())
		}
	}
	if len(families) == 0 {
		families = []route.Family{route.IPv4, route.IPv6}
	}
	fam := families[rng.IntN(len(families))]
	addrs := targets(s, fam)
	f := route.Flow{Dst: addrs[rng.IntN(len(addrs))]}
	if fam == route.IPv4 {
		f.Proto = protoUDP
	}
	if chance(25) {
		f.Proto = []uint8{protoTCP, protoUDP}[rng.IntN(2)]
	}
	own := []netip.Addr{}
	for _, a := range s.Addrs {
		if route.FamilyOf(a.Prefix.Addr()) == fam {
			own = append(own, a.Prefix.Addr())
		}
	}
	link := func() int { return s.Links[rng.IntN(len(s.Links))].Index }
	switch {
	case chance(30): // received
		f.In = link()
		f.Src = addrs[rng.IntN(len(addrs))]
		if chance(5) {
			f.Src = netip.Addr{}
		}
		if fam == route.IPv6 {
			f.UID = route.NoUID
		}
	case chance(40) && len(own) > 0:
		f.Src = own[rng.IntN(len(own))]
	case chance(8):
		f.Src = addrs[rng.IntN(len(addrs))]
	}
	if chance(30) {
		f.Out = link()
	}
	if len(s.Rules) > 0 {
		sel := s.Rules[rng.IntN(len(s.Rules))].Selector
		if sel.MarkMask != 0 && chance(70) {
			f.Mark = sel.Mark ^ uint32(rng.IntN(2)<<rng.IntN(8))
		}
		if sel.HasUIDs && chance(70) {
			f.UID = sel.UIDs.Start + uint32(rng.IntN(3)) - 1
		}
		if sel.Proto != 0 && chance(70) {
			f.Proto = sel.Proto
		}
		if sel.DstPort.Start != 0 && chance(80) {
			f.DstPort = sel.DstPort.Start + uint16(rng.IntN(4))
		}
		if sel.SrcPort.Start != 0 && chance(80) {
			f.SrcPort = sel.SrcPort.Start + uint16(rng.IntN(4))
		}
		if sel.HasDSCP && chance(80) {
			f.TOS = sel.DSCP << 2
		}
		if sel.TOS != 0 && chance(80) {
			f.TOS = sel.TOS | uint8(rng.IntN(2)<<5)
		}
		if sel.FlowLabelMask != 0 && fam == route.IPv6 && chance(80) {
			f.FlowLabel = sel.FlowLabel
		}
		if sel.Src.IsValid() && f.Src.IsValid() && route.FamilyOf(sel.Src.Addr()) == fam && chance(50) {
			f.Src = sel.Src.Addr()
		}
		if sel.Dst.IsValid() && route.FamilyOf(sel.Dst.Addr()) == fam && chance(50) {
			f.Dst = sel.Dst.Addr()
		}
	}
	if chance(20) {
		for _, r := range s.Routes {
			if r.TOS != 0 && r.Dst.Contains(f.Dst) {
				f.TOS = r.TOS
			}
		}
	}
	return f
}

// targets are the addresses at the edges of prefixes and just beyond.
func targets(s *route.Snapshot, fam route.Family) []netip.Addr {
	var addrs []netip.Addr
	add := func(a netip.Addr) {
		if a.IsValid() && route.FamilyOf(a) == fam && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	edges := func(p netip.Prefix) {
		if !p.IsValid() {
			return
		}
		first, last := p.Masked().Addr(), lastOf(p)
		add(first)
		add(first.Next())
		add(last)
		add(last.Prev())
		if p.Bits() < p.Addr().BitLen() {
			add(first.Prev())
			add(last.Next())
		}
	}
	for _, r := range s.Routes {
		edges(r.Dst)
		edges(r.Src)
		for _, nh := range r.NextHops {
			add(nh.Gateway)
		}
	}
	for _, a := range s.Addrs {
		add(a.Prefix.Addr())
		add(a.Prefix.Addr().Next())
	}
	for _, text := range []string{
		"8.8.8.8", "127.0.0.1", "127.0.0.9", "224.0.0.1", "224.0.0.5", "239.1.1.1", "255.255.255.255", "0.0.0.0", "0.0.0.7", "240.0.0.1",
		"2001:db8:9::1", "::", "::1", "fe80::9", "ff02::1", "ff05::2", "2002:a00:1::9", "fd00::9",
	} {
		add(netip.MustParseAddr(text))
	}
	return addrs
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(bytes)*8; i++ {
		bytes[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(bytes)
	return a
}
