package lookup_test

import (
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/lookup/internal/golden"
	"routewhy/route"
)

// TestDeviceOrder borrows a source from devices whose order is known, or not.
func TestDeviceOrder(t *testing.T) {
	const eth0, eth1, eth2, red = 2, 3, 5, 4
	src := map[int][2]string{eth0: {"192.0.2.2", "2001:db8:1::1"}, eth1: {"198.51.100.2", "2001:db8:2::1"}, eth2: {"203.0.113.2", "2001:db8:3::1"}}
	for name, c := range map[string]struct {
		order [][]int
		want  []int // the devices that may lend
		vrf   bool  // eth1 and eth2 are in the VRF red, and so is the packet
		lo    bool  // lo has an address too
	}{
		"by index":                 {order: [][]int{{1, eth0, eth1, eth2}}, want: []int{eth0}},
		"against the index":        {order: [][]int{{1, eth2, eth1, eth0}}, want: []int{eth2}},
		"not known":                {want: []int{eth0, eth1, eth2}},
		"two of three":             {order: [][]int{{eth1, eth0}}, want: []int{eth1, eth2}},
		"two lists":                {order: [][]int{{eth2, eth1}, {eth1, eth0}}, want: []int{eth2}},
		"two lists, one the first": {order: [][]int{{eth1, eth0}, {eth1, eth2}}, want: []int{eth1}},
		"one of three":             {order: [][]int{{eth1, 9}}, want: []int{eth0, eth1, eth2}},
		"lo is always first":       {lo: true},
		"VRF, not known":           {vrf: true, want: []int{eth1, eth2}},
		"VRF, known":               {vrf: true, order: [][]int{{eth2, eth0, eth1}}, want: []int{eth2}},
		"VRF, another's is known":  {vrf: true, order: [][]int{{eth2, eth0}}, want: []int{eth1, eth2}},
	} {
		for fam, flow := range map[int]route.Flow{0: {Dst: netip.MustParseAddr("8.8.8.8")}, 1: {Dst: netip.MustParseAddr("2001:4860::1")}} {
			s := lendersOf(c.vrf, c.lo)
			s.Order = c.order
			if c.vrf {
				flow.Out = 6
			}
			var want []netip.Addr
			for _, dev := range c.want {
				want = append(want, netip.MustParseAddr(src[dev][fam]))
			}
			if c.lo {
				want = []netip.Addr{netip.MustParseAddr([]string{"10.99.0.1", "2001:db8:99::1"}[fam])}
			}
			f := lookup.New(s)
			d := f.Lookup(flow)
			if len(d.NextHops) != 1 {
				t.Fatalf("%s: %+v", name, d)
			}
			w := d.NextHops[0]
			if got := w.SrcOneOf; len(want) > 1 && (!slices.Equal(slices.SortedFunc(slices.Values(got), netip.Addr.Compare), want) || d.Src.IsValid()) {
				t.Errorf("%s: one of %v, source %v; want %v", name, got, d.Src, want)
			}
			if len(want) == 1 && (w.SrcOneOf != nil || w.Src != want[0] || d.Src != want[0]) {
				t.Errorf("%s: %v or %v; want %v", name, w.Src, w.SrcOneOf, want)
			}
			trial := f.Explain(flow).Source
			if unknown := trial.Reason.Code == lookup.CodeSrcUnordered; unknown != (len(want) > 1) || unknown == trial.Addr.IsValid() {
				t.Errorf("%s: explained by %+v", name, trial)
			}
			var slow []netip.Addr
			for _, w := range golden.Decide(s, flow).NextHops {
				slow = append(slow, w.Src)
			}
			if slices.SortFunc(slow, netip.Addr.Compare); !slices.Equal(slow, want) {
				t.Errorf("%s: the slow oracle has %v, want %v", name, slow, want)
			}
		}
	}
}

// lendersOf is a host with the devices eth0, eth1 and eth2, which have addresses, and
// t0, which has none and all the routes.
func lendersOf(vrf, lo bool) *route.Snapshot {
	s := hostOf([]route.Route{via("0.0.0.0/0", "", 6), via("::/0", "", 6)})
	s.Sysctls = route.Sysctls{}
	s.Links = append(s.Links, route.Link{Index: 4, Name: "red", Kind: "vrf", VRFTable: route.TableMain, Flags: route.LinkUp | route.LinkNoARP},
		route.Link{Index: 5, Name: "eth2", Flags: route.LinkUp | route.LinkLowerUp}, route.Link{Index: 6, Name: "t0", Flags: route.LinkUp | route.LinkLowerUp})
	if vrf {
		s.Links[2].Master, s.Links[4].Master, s.Links[5].Master = 4, 4, 4
	}
	s.Addrs = append(s.Addrs, route.Addr{Link: 5, Prefix: netip.MustParsePrefix("203.0.113.2/24")})
	for link, p := range map[int]string{2: "2001:db8:1::1/64", 3: "2001:db8:2::1/64", 5: "2001:db8:3::1/64"} {
		s.Addrs = append(s.Addrs, route.Addr{Link: link, Prefix: netip.MustParsePrefix(p)})
	}
	if lo {
		for _, p := range []string{"10.99.0.1/32", "2001:db8:99::1/128"} {
			s.Addrs = append(s.Addrs, route.Addr{Link: 1, Prefix: netip.MustParsePrefix(p)})
		}
	}
	s.Rules = append(s.Rules, six(to(0, route.TableLocal)), six(to(32766, route.TableMain)))
	return s
}

// TestConnectUnordered connects where the source is one of two, and a rule asks
// for one of them.
func TestConnectUnordered(t *testing.T) {
	s := lendersOf(false, false)
	flow := route.Flow{Dst: netip.MustParseAddr("8.8.8.8")}
	if c := lookup.New(s).Connect(flow); c.First != nil || len(c.BySource) > 0 || len(c.Decision.NextHops) != 1 {
		t.Errorf("whichever source it gets: %+v", c.Decision)
	}
	from := to(10, 100)
	from.Selector.Src = netip.MustParsePrefix("192.0.2.2/32")
	s.Rules = append([]route.Rule{from}, s.Rules...)
	s.Routes = append(s.Routes, via("0.0.0.0/0", "192.0.2.1", 2, table(100)))
	c := lookup.New(s).Connect(flow)
	if len(c.BySource) != 3 || c.Decision.Ambiguous.Code != lookup.CodeSrcUnordered {
		t.Errorf("%d look-ups, set by %v", len(c.BySource), c.Decision.Ambiguous)
	}
	for _, w := range c.Decision.NextHops {
		if w.Share != 0 || w.SrcOneOf != nil || (w.Link == 2) != (w.Src == netip.MustParseAddr("192.0.2.2")) {
			t.Errorf("way %+v", w)
		}
	}
}

// TestGroupUnordered sends to groups out of a device that borrows its source.
func TestGroupUnordered(t *testing.T) {
	f := lookup.New(lendersOf(false, false))
	if d := f.Lookup(route.Flow{Dst: netip.MustParseAddr("224.0.0.5"), Out: 6}); len(d.NextHops) != 1 || len(d.NextHops[0].SrcOneOf) != 3 || d.Src.IsValid() {
		t.Errorf("link-local group: %+v", d)
	}
	if d := f.Lookup(route.Flow{Dst: netip.MustParseAddr("239.1.1.1"), Out: 6}); d.Ambiguous.Code != lookup.CodeSrcUnordered || d.Disposition != lookup.DispositionUnknown {
		t.Errorf("group, looked up from the source: %+v", d)
	}
}
