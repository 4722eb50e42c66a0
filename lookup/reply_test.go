package lookup_test

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"routewhy/lookup"
	"routewhy/route"
)

// TestReply pins the way back of IPv4 packets.
func TestReply(t *testing.T) {
	routes := append(locals(), via("192.0.2.0/24", "", 2), via("198.51.100.0/24", "", 3), via("0.0.0.0/0", "192.0.2.1", 2))
	second := via("0.0.0.0/0", "198.51.100.1", 3, table(100))
	strict := map[string]string{"net/ipv4/conf/all/rp_filter": "1"}
	router := map[string]string{"net/ipv4/conf/eth0/forwarding": "1", "net/ipv4/conf/eth1/forwarding": "1"}
	marked := to(5, 100)
	marked.Selector.Mark, marked.Selector.MarkMask = 1, 1
	stale := legs("203.0.113.0/24")
	stale.NextHops[1].Flags = route.NextHopDead | route.NextHopLinkDown
	type back struct {
		in    int // the device that the answer comes in by; 0: sent here
		by    lookup.Code
		out   int // the device of its first way; 0: none
		errno route.Errno
	}
	for name, c := range map[string]struct {
		dst, from string
		flow      route.Flow
		sysctls   []map[string]string
		more      []route.Route
		rules     []route.Rule
		release   string
		none      lookup.Code
		symmetry  lookup.Symmetry
		want      []back
		// strictDrops says that a strict filter would drop the packet itself, or
		// its first answer.
		strictDrops, strictDropsAnswer bool
		unmarked                       bool
	}{
		"out and back": {
			dst: "203.0.113.9", symmetry: lookup.Symmetric, want: []back{{2, lookup.CodeReplySame, 1, 0}},
		},
		"with the other device's source": {
			dst: "203.0.113.9", from: "198.51.100.2", sysctls: []map[string]string{strict}, symmetry: lookup.SymmetryDepends,
			want: []back{{2, lookup.CodeReplySame, 1, 0}, {3, lookup.CodeReplyOwner, 0, route.EINVAL}},
		},
		"bound to the wrong device": {
			dst: "203.0.113.9", flow: route.Flow{Out: 3}, symmetry: lookup.Symmetric,
			want: []back{{3, lookup.CodeReplySame, 1, 0}}, strictDropsAnswer: true,
		},
		"bound to the wrong device, strict": {
			dst: "203.0.113.9", flow: route.Flow{Out: 3}, sysctls: []map[string]string{strict}, symmetry: lookup.Symmetric,
			want: []back{{3, lookup.CodeReplySame, 0, route.EINVAL}},
		},
		"a rule by source": {
			dst: "203.0.113.9", from: "198.51.100.2", rules: []route.Rule{fromSource(5, "198.51.100.2/32", 100)},
			sysctls: []map[string]string{strict}, symmetry: lookup.Symmetric, want: []back{{3, lookup.CodeReplySame, 1, 0}},
		},
		"a mark that the filter ignores": {
			dst: "203.0.113.9", flow: route.Flow{Mark: 1}, rules: []route.Rule{marked}, sysctls: []map[string]string{strict},
			symmetry: lookup.Symmetric, want: []back{{3, lookup.CodeReplySame, 0, route.EINVAL}},
		},
		"a mark that the filter sees": {
			dst: "203.0.113.9", flow: route.Flow{Mark: 1}, rules: []route.Rule{marked},
			sysctls:  []map[string]string{strict, {"net/ipv4/conf/eth1/src_valid_mark": "1"}},
			symmetry: lookup.Symmetric, want: []back{{3, lookup.CodeReplySame, 1, 0}}, unmarked: true,
		},
		"two legs": {
			dst: "203.0.113.9", more: []route.Route{legs("203.0.113.0/24")}, sysctls: []map[string]string{strict},
			symmetry: lookup.Symmetric, want: []back{{2, lookup.CodeReplySame, 1, 0}, {3, lookup.CodeReplySame, 1, 0}},
		},
		"to itself": {
			dst: "192.0.2.2", symmetry: lookup.Symmetric, want: []back{{0, lookup.CodeReplyHere, 1, 0}},
		},
		"received, answered by the same device": {
			dst: "192.0.2.2", from: "203.0.113.9", flow: route.Flow{In: 2}, symmetry: lookup.Symmetric,
			want: []back{{0, lookup.CodeReplyHere, 2, 0}},
		},
		"received, answered by the other": {
			dst: "198.51.100.2", from: "203.0.113.9", flow: route.Flow{In: 3}, symmetry: lookup.Asymmetric,
			want: []back{{0, lookup.CodeReplyHere, 2, 0}}, strictDrops: true,
		},
		"received and dropped, the answer would go by the other": {
			dst: "198.51.100.2", from: "203.0.113.9", flow: route.Flow{In: 3}, sysctls: []map[string]string{strict},
			none: lookup.CodeReplyRefused, symmetry: lookup.Asymmetric, want: []back{{0, lookup.CodeReplyHere, 2, 0}},
		},
		"received, the answer over two legs": {
			dst: "192.0.2.2", from: "203.0.113.9", flow: route.Flow{In: 2}, more: []route.Route{legs("203.0.113.0/24")},
			symmetry: lookup.Symmetric, want: []back{{0, lookup.CodeReplyHere, 2, 0}}, // the one that gives the source
		},
		"received, the answer over two legs, before 6.16": {
			dst: "192.0.2.2", from: "203.0.113.9", flow: route.Flow{In: 2}, more: []route.Route{legs("203.0.113.0/24")}, release: "6.1.0",
			symmetry: lookup.SymmetryDepends, want: []back{{0, lookup.CodeReplyHere, 2, 0}},
		},
		"received, one leg of the answer stale": {
			dst: "192.0.2.2", from: "203.0.113.9", flow: route.Flow{In: 2}, more: []route.Route{stale}, release: "6.1.0",
			sysctls:  []map[string]string{{"net/ipv4/conf/eth1/ignore_routes_with_linkdown": "1"}},
			symmetry: lookup.Symmetric, want: []back{{0, lookup.CodeReplyHere, 2, 0}},
		},
		"received, no route back": {
			dst: "192.0.2.2", from: "203.0.113.9", flow: route.Flow{In: 2}, rules: []route.Rule{refusing(5, "203.0.113.0/24")},
			want: []back{{0, lookup.CodeReplyHere, 0, route.EACCES}}, strictDrops: true,
		},
		"received by all": {
			dst: "255.255.255.255", from: "198.51.100.9", flow: route.Flow{In: 3}, symmetry: lookup.Symmetric,
			want: []back{{0, lookup.CodeReplyHere, 3, 0}},
		},
		"forwarded and back": {
			dst: "198.51.100.9", from: "203.0.113.9", flow: route.Flow{In: 2}, sysctls: []map[string]string{router, strict},
			symmetry: lookup.Symmetric, want: []back{{3, lookup.CodeReplySame, 2, 0}},
		},
		"forwarded, back by another": {
			dst: "203.0.113.9", from: "198.51.100.9", flow: route.Flow{In: 2}, sysctls: []map[string]string{router},
			symmetry: lookup.Asymmetric, want: []back{{2, lookup.CodeReplySame, 3, 0}}, strictDrops: true,
		},
		"forwarded by a rule for its source, and back": {
			dst: "203.0.113.9", from: "192.0.2.9", flow: route.Flow{In: 2}, rules: []route.Rule{fromSource(5, "192.0.2.9/32", 100)},
			sysctls: []map[string]string{router, strict}, symmetry: lookup.Symmetric, want: []back{{3, lookup.CodeReplySame, 2, 0}},
		},
		"forwarded by a mark, the answer filtered": {
			dst: "203.0.113.9", from: "192.0.2.9", flow: route.Flow{In: 2, Mark: 1}, rules: []route.Rule{marked},
			sysctls: []map[string]string{router, strict}, want: []back{{3, lookup.CodeReplySame, 0, route.EINVAL}},
		},
		"forwarded, the other side does not forward": {
			dst: "198.51.100.9", from: "203.0.113.9", flow: route.Flow{In: 2},
			sysctls: []map[string]string{{"net/ipv4/conf/eth0/forwarding": "1"}},
			want:    []back{{3, lookup.CodeReplySame, 0, route.EHOSTUNREACH}},
		},
		"refused":        {dst: "203.0.113.9", rules: []route.Rule{refusing(5, "203.0.113.0/24")}, none: lookup.CodeReplyRefused},
		"without source": {dst: "255.255.255.255", from: "0.0.0.0", flow: route.Flow{In: 2}, none: lookup.CodeReplyNoSource},
		"to a group":     {dst: "224.0.0.1", flow: route.Flow{Out: 2}, none: lookup.CodeReplyGroup},
		"to a far group": {dst: "239.1.1.1", none: lookup.CodeReplyGroup},
	} {
		t.Run(name, func(t *testing.T) {
			all := append(append(append([]route.Route{}, routes...), second), c.more...)
			s := hostOf(all, inOrder(c.rules...)...)
			s.Sysctls, s.Release = route.Sysctls{}, c.release
			for _, m := range c.sysctls {
				maps.Copy(s.Sysctls, m)
			}
			flow := c.flow
			flow.Dst = netip.MustParseAddr(c.dst)
			if c.from != "" {
				flow.Src = netip.MustParseAddr(c.from)
			}
			flow.SrcPort, flow.DstPort, flow.Proto = 1234, 80, route.ProtoTCP
			f := lookup.New(s)
			tr := f.Explain(flow)
			got := f.Reply(tr)
			if got.None.Code != c.none || got.Symmetry != c.symmetry {
				t.Errorf("%q, %q; want %q, %q (%+v)", got.None.Code, got.Symmetry, c.none, c.symmetry, tr.Decision)
			}
			if len(got.Returns) != len(c.want) {
				t.Fatalf("%d ways back, want %d", len(got.Returns), len(c.want))
			}
			for i, w := range c.want {
				r := &got.Returns[i]
				d, back := &r.Trace.Decision, &r.Trace.Flow
				out := 0
				if len(d.NextHops) > 0 {
					out = d.NextHops[0].Link
				}
				if r.In != w.in || r.By != w.by || out != w.out || d.Errno != w.errno {
					t.Errorf("way back %d: in %d, %s, out %d, %v; want %+v", i, r.In, r.By, out, d.Errno, w)
				}
				if back.SrcPort != 80 || back.DstPort != 1234 || back.Proto != route.ProtoTCP || back.In != w.in {
					t.Errorf("way back %d: %+v", i, back)
				}
			}
			if dropped(got.Strict) != c.strictDrops {
				t.Errorf("a strict filter: %+v", got.Strict)
			}
			if len(got.Returns) > 0 {
				if r := got.Returns[0]; dropped(r.Strict) != c.strictDropsAnswer || (r.Unmarked != nil) != c.unmarked {
					t.Errorf("a strict filter: %+v; unmarked: %+v", r.Strict, r.Unmarked)
				}
			}
		})
	}
}

func dropped(rp *lookup.ReversePath) bool { return rp != nil && !rp.Passed }

// TestReply6 does the same for IPv6, which has no reverse-path filter and asks
// about forwarding behind the look-up.
func TestReply6(t *testing.T) {
	rule := func(priority uint32, t route.Table) route.Rule {
		r := to(priority, t)
		r.Family = route.IPv6
		return r
	}
	local := func(dst string, link int) route.Route {
		return via(dst, "", link, table(route.TableLocal), func(r *route.Route) { r.Type = route.TypeLocal })
	}
	for name, c := range map[string]struct {
		dst, from string
		in        int
		forwards  string
		none      lookup.Code
		symmetry  lookup.Symmetry
		out       int
	}{
		"out and back":           {dst: "2001:db8:9::9", symmetry: lookup.Symmetric, out: 1},
		"received":               {dst: "2001:db8::2", from: "2001:db8:9::9", in: 2, symmetry: lookup.Symmetric, out: 2},
		"by the other":           {dst: "2001:db8:1::2", from: "2001:db8:9::9", in: 3, symmetry: lookup.Asymmetric, out: 2},
		"link-local":             {dst: "fe80::2", from: "fe80::9", in: 3, symmetry: lookup.Symmetric, out: 3},
		"forwarded":              {dst: "2001:db8:1::9", from: "2001:db8:9::9", in: 2, forwards: "1", symmetry: lookup.Symmetric, out: 2},
		"not forwarded":          {dst: "2001:db8:1::9", from: "2001:db8:9::9", in: 2, forwards: "0", none: lookup.CodeReplyNotForwarded},
		"who knows if forwarded": {dst: "2001:db8:1::9", from: "2001:db8:9::9", in: 2, symmetry: lookup.Symmetric, out: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostOf([]route.Route{
				local("2001:db8::2/128", 2), local("2001:db8:1::2/128", 3), local("fe80::2/128", 3),
				via("2001:db8::/64", "", 2), via("2001:db8:1::/64", "", 3), via("fe80::/64", "", 2), via("fe80::/64", "", 3),
				via("::/0", "2001:db8::1", 2),
			}, rule(0, route.TableLocal), rule(32766, route.TableMain))
			s.Addrs = []route.Addr{
				{Link: 2, Prefix: netip.MustParsePrefix("2001:db8::2/64")}, {Link: 3, Prefix: netip.MustParsePrefix("2001:db8:1::2/64")},
				{Link: 3, Prefix: netip.MustParsePrefix("fe80::2/64"), Scope: route.ScopeLink},
			}
			if c.forwards != "" {
				s.Sysctls = route.Sysctls{"net/ipv6/conf/all/forwarding": c.forwards}
			}
			f := lookup.New(s)
			flow := route.Flow{Dst: netip.MustParseAddr(c.dst), In: c.in, UID: route.NoUID}
			if c.from != "" {
				flow.Src = netip.MustParseAddr(c.from)
			}
			got := f.Reply(f.Explain(flow))
			if got.None.Code != c.none || got.Symmetry != c.symmetry {
				t.Errorf("%q, %q; want %q, %q", got.None.Code, got.Symmetry, c.none, c.symmetry)
			}
			if c.none != "" {
				return
			}
			if d := got.Returns[0].Trace.Decision; len(d.NextHops) != 1 || d.NextHops[0].Link != c.out {
				t.Errorf("%+v, want device %d", d, c.out)
			}
			if got.Strict != nil || got.Returns[0].Strict != nil {
				t.Error("a reverse-path filter in IPv6")
			}
		})
	}
}

// TestReplyDevices pins what kinds of devices and settings do to the way back.
func TestReplyDevices(t *testing.T) {
	routes := append(locals(),
		via("0.0.0.0/0", "192.0.2.1", 2), via("0.0.0.0/0", "192.0.2.1", 2, table(10)),
		via("192.0.2.2/32", "", 2, table(10), func(r *route.Route) { r.Type = route.TypeLocal }),
		via("2001:db8:1::/64", "", 3))
	ask := func(change func(*route.Snapshot), flow route.Flow) *lookup.Reply {
		s := hostOf(routes, inOrder(l3mdev(), six(to(32766, route.TableMain)))...)
		change(s)
		f := lookup.New(s)
		return f.Reply(f.Explain(flow))
	}
	far, own := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("198.51.100.2")
	// No network sends to a dummy device.
	dummy := func(s *route.Snapshot) { s.Links[2].Kind = "dummy" }
	if got := ask(dummy, route.Flow{Dst: far, Src: own}); len(got.Returns) != 1 || got.Returns[0].By != lookup.CodeReplySame {
		t.Errorf("source of a dummy device: %+v", got.Returns)
	}
	// What came by a VRF is answered by it.
	if got := ask(inVRF, route.Flow{In: 2, Dst: netip.MustParseAddr("192.0.2.2"), Src: far}); len(got.Returns) != 1 || got.Returns[0].Trace.Flow.Out != 4 {
		t.Errorf("by a VRF: %+v", got.Returns)
	}
	// A device may forward IPv6 by itself (6.17).
	forced := sysctl("net/ipv6/conf/all/forwarding=0", "net/ipv6/conf/eth0/force_forwarding=1")
	through := route.Flow{In: 2, Dst: netip.MustParseAddr("2001:db8:1::9"), Src: netip.MustParseAddr("2001:db8:9::9")}
	if got := ask(forced, through); got.None.Code != "" {
		t.Errorf("force_forwarding: %s", got.None.Code)
	}
}

// TestReplyTied pins that nothing is symmetric among equal default routes by several
// devices: the next look-up may take another.
func TestReplyTied(t *testing.T) {
	near := append(locals(), via("192.0.2.0/24", "", 2), via("198.51.100.0/24", "", 3))
	for name, c := range map[string]struct {
		second route.Route
		state  route.NeighbourState
		want   lookup.Symmetry
	}{
		"by another device": {via("0.0.0.0/0", "198.51.100.1", 3), route.NeighbourStale, lookup.SymmetryDepends},
		"by the same":       {via("0.0.0.0/0", "192.0.2.9", 2), route.NeighbourStale, lookup.Symmetric},
		"not now":           {via("0.0.0.0/0", "198.51.100.1", 3), route.NeighbourReachable, lookup.Symmetric},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostOf(append(slices.Clone(near), via("0.0.0.0/0", "192.0.2.1", 2), c.second), inOrder()...)
			for i := range s.Routes[len(s.Routes)-2:] {
				h := s.Routes[len(s.Routes)-2+i].NextHops[0]
				s.Neighbours = append(s.Neighbours, route.Neighbour{Link: h.Link, Addr: h.Gateway, State: c.state})
			}
			f := lookup.New(s)
			got := f.Reply(f.Explain(route.Flow{Dst: netip.MustParseAddr("203.0.113.9")}))
			for i := range got.Returns {
				if got.Returns[i].Symmetry != c.want {
					t.Errorf("way back %d: %s, want %s", i, got.Returns[i].Symmetry, c.want)
				}
			}
			if got.Symmetry != c.want {
				t.Errorf("%s, want %s", got.Symmetry, c.want)
			}
		})
	}
}
