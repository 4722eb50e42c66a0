package kernel

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"routewhy/route"
)

// twoDevices makes the veth pairs v0 and w0, with addresses. Their indices are 3 and
// 5; v0p and w0p have 2 and 4.
const twoDevices = `
link set lo up
link add v0 type veth peer name v0p
link add w0 type veth peer name w0p
link set v0 up
link set v0p up
link set w0 up
link set w0p up
addr add 10.0.0.1/24 dev v0
addr add 10.0.1.1/24 dev w0
addr add 2001:db8:a::1/64 dev v0 nodad
addr add 2001:db8:b::1/64 dev w0 nodad
`

func TestReadRoutes4(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+`
route add default via 10.0.0.2 table 100
route add 0.0.0.0/32 dev v0 table 100
route add 10.1.0.0/16 via 10.0.0.2 metric 50 src 10.0.1.1 mtu lock 1400 advmss 1300 realm 3 table 100
route add 10.1.0.0/16 via 10.0.0.3 metric 60 table 100 proto bird
route add 10.2.0.0/16 tos 0x10 dev w0 scope link table 100
route add 10.3.0.0/16 via 192.0.2.1 dev w0 onlink table 100
route add 10.4.0.0/16 via inet6 2001:db8:a::2 dev v0 table 100
route add 10.5.0.0/16 table 100 nexthop via 10.0.0.2 weight 3 nexthop dev w0 weight 1 nexthop via inet6 fe80::9 dev w0 weight 256
route add blackhole 10.6.0.0/16 table 100
route add unreachable 10.6.1.0/24 table 100
route add prohibit 10.6.2.0/24 table 100
route add throw 10.6.3.0/24 table 100
route add local 10.7.0.0/16 dev v0 table 100
route add broadcast 10.8.0.0/16 dev v0 table 100
route add multicast 239.0.0.0/8 dev v0 table 100
route add 10.10.0.0/16 encap ip id 5 dst 192.0.2.9 via 10.0.0.2 table 100
route add 10.11.0.0/16 dev v0 table 70000
`)
	s := read(t, open(t), route.Query{Family: route.IPv4})
	v0, w0 := index(t, s, "v0"), index(t, s, "w0")
	via := func(gw string) []route.NextHop { return []route.NextHop{{Gateway: addr(gw), Link: v0}} }
	dev := func(link int) []route.NextHop { return []route.NextHop{{Link: link}} }
	entry := func(dst string, typ route.Type, scope route.Scope, hops []route.NextHop) route.Route {
		return route.Route{Table: 100, Dst: prefix(dst), Type: typ, Scope: scope, Protocol: route.ProtocolBoot, NextHops: hops}
	}
	with := func(r route.Route, change func(*route.Route)) route.Route {
		change(&r)
		return r
	}
	const unicast, global, link = route.TypeUnicast, route.ScopeGlobal, route.ScopeLink
	want := []route.Route{
		entry("0.0.0.0/32", unicast, link, dev(v0)), // one leaf, the longest first
		entry("0.0.0.0/0", unicast, global, via("10.0.0.2")),
		with(entry("10.1.0.0/16", unicast, global, via("10.0.0.2")), func(r *route.Route) {
			r.Metric, r.PrefSrc, r.NextHops[0].Realm = 50, addr("10.0.1.1"), 3
			r.Metrics = []route.Metric{{ID: route.MetricMTU, Value: 1400, Lock: true}, {ID: 8, Value: 1300}}
		}),
		with(entry("10.1.0.0/16", unicast, global, via("10.0.0.3")), func(r *route.Route) {
			r.Metric, r.Protocol = 60, 12
		}),
		with(entry("10.2.0.0/16", unicast, link, dev(w0)), func(r *route.Route) { r.TOS = 0x10 }),
		entry("10.3.0.0/16", unicast, global,
			[]route.NextHop{{Gateway: addr("192.0.2.1"), Link: w0, Flags: route.NextHopOnLink}}),
		entry("10.4.0.0/16", unicast, global, via("2001:db8:a::2")),
		entry("10.5.0.0/16", unicast, global, []route.NextHop{
			{Gateway: addr("10.0.0.2"), Link: v0, Weight: 3},
			{Link: w0, Weight: 1},
			{Gateway: addr("fe80::9"), Link: w0, Weight: 256},
		}),
		entry("10.6.0.0/16", route.TypeBlackhole, global, nil),
		entry("10.6.1.0/24", route.TypeUnreachable, global, nil),
		entry("10.6.2.0/24", route.TypeProhibit, global, nil),
		entry("10.6.3.0/24", route.TypeThrow, global, nil),
		entry("10.7.0.0/16", route.TypeLocal, route.ScopeHost, dev(v0)),
		entry("10.8.0.0/16", route.TypeBroadcast, link, dev(v0)),
		with(entry("10.10.0.0/16", unicast, global, via("10.0.0.2")), func(r *route.Route) { r.NextHops[0].Encap = 2 }),
		entry("239.0.0.0/8", route.TypeMulticast, link, dev(v0)),
	}
	if d := cmp.Diff(want, inTable(s, 100), byValue); d != "" {
		t.Errorf("table 100: -want +got\n%s", d)
	}
	if got := inTable(s, 70000); len(got) != 1 || got[0].Dst != prefix("10.11.0.0/16") {
		t.Errorf("table 70000: %v", got)
	}
	if got := inTable(s, route.TableLocal); len(got) < 5 {
		t.Errorf("table local: %v", got)
	}
}

func TestReadRoutes6(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+`
route add default via 2001:db8:a::2 pref high table 100
route add default from 2001:db8:b::/64 via 2001:db8:b::2 metric 10 table 100
route add 2001:db8:1::/48 from 2001:db8:a::/64 dev v0 metric 7 table 100
route add 2001:db8:2::/48 dev v0 expires 300 table 100
route add 2001:db8:3::/48 table 100 nexthop via 2001:db8:a::2 weight 2 nexthop via 2001:db8:b::2 dev w0 weight 5
route add blackhole 2001:db8:4::/48 table 100
route add unreachable 2001:db8:5::/48 table 100
route add prohibit 2001:db8:6::/48 metric 9 table 100
route add throw 2001:db8:7::/48 table 100
route add local 2001:db8:8::/48 dev v0 table 100
route add 2001:db8:9::/48 encap ip6 id 1 dst 2001:db8::9 via 2001:db8:a::2 pref low table 100
route add 2001:db8:a:9::/64 dev v0 src 2001:db8:b::1 mtu 1300 table 100
`)
	s := read(t, open(t), route.Query{Family: route.IPv6})
	v0, w0 := index(t, s, "v0"), index(t, s, "w0")
	entry := func(dst string, typ route.Type, change func(*route.Route)) route.Route {
		r := route.Route{
			Table: 100, Dst: prefix(dst), Type: typ, Protocol: route.ProtocolBoot, Metric: 1024,
			NextHops: []route.NextHop{{Link: route.LoopbackIndex}},
		}
		change(&r)
		return r
	}
	a, b := addr("2001:db8:a::2"), addr("2001:db8:b::2")
	plain := func(*route.Route) {}
	want := []route.Route{
		entry("::/0", route.TypeUnicast, func(r *route.Route) {
			r.Src, r.Metric = prefix("2001:db8:b::/64"), 10
			r.NextHops = []route.NextHop{{Gateway: b, Link: w0}}
		}),
		entry("::/0", route.TypeUnicast, func(r *route.Route) {
			r.NextHops = []route.NextHop{{Gateway: a, Link: v0}}
			r.Pref = route.PreferenceHigh
		}),
		entry("2001:db8:1::/48", route.TypeUnicast, func(r *route.Route) {
			r.Src, r.Metric, r.NextHops[0].Link = prefix("2001:db8:a::/64"), 7, v0
		}),
		entry("2001:db8:2::/48", route.TypeUnicast, func(r *route.Route) {
			r.NextHops[0].Link, r.Expires = v0, 300*time.Second
		}),
		entry("2001:db8:3::/48", route.TypeUnicast, func(r *route.Route) {
			r.NextHops = []route.NextHop{{Gateway: a, Link: v0, Weight: 2}, {Gateway: b, Link: w0, Weight: 5}}
		}),
		entry("2001:db8:4::/48", route.TypeBlackhole, plain),
		entry("2001:db8:5::/48", route.TypeUnreachable, plain),
		entry("2001:db8:6::/48", route.TypeProhibit, func(r *route.Route) { r.Metric = 9 }),
		entry("2001:db8:7::/48", route.TypeThrow, plain),
		entry("2001:db8:8::/48", route.TypeLocal, func(r *route.Route) { r.NextHops[0].Link = v0 }),
		entry("2001:db8:9::/48", route.TypeUnicast, func(r *route.Route) {
			r.NextHops = []route.NextHop{{Gateway: a, Link: v0, Encap: 4}}
			r.Pref = route.PreferenceLow
		}),
		entry("2001:db8:a:9::/64", route.TypeUnicast, func(r *route.Route) {
			r.NextHops[0].Link, r.PrefSrc = v0, addr("2001:db8:b::1")
			r.Metrics = []route.Metric{{ID: route.MetricMTU, Value: 1300}}
		}),
	}
	got := inTable(s, 100)
	slices.SortStableFunc(got, func(a, b route.Route) int { return a.Dst.Compare(b.Dst) })
	near := cmp.Comparer(func(a, b time.Duration) bool { return (a-b).Abs() < 10*time.Second && (a == 0) == (b == 0) })
	if d := cmp.Diff(want, got, byValue, near); d != "" {
		t.Errorf("table 100: -want +got\n%s", d)
	}
}

// inTable lists one table's routes.
func inTable(s *route.Snapshot, t route.Table) []route.Route {
	return slices.DeleteFunc(slices.Clone(s.Routes), func(r route.Route) bool { return r.Table != t })
}

// TestReadRules has every selector and action that ip 6.1 can add. Those that it
// cannot add are sent as raw messages.
func TestReadRules(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+`
link set dev w0 group 7
rule add prio 100 from 10.0.0.0/8 to 192.0.2.0/24 table 100
rule add prio 101 not iif v0 fwmark 0x10/0xf0 table 1000
rule add prio 102 oif nosuch uidrange 1000-1999 table 100
rule add prio 103 iif nosuch tos 0x10 table 100 realms 3/4
rule add prio 104 ipproto tcp dport 443 table 100 protocol bird
rule add prio 105 ipproto udp sport 1000-2000 dport 53 table 100
rule add prio 106 table main suppress_prefixlength 0
rule add prio 107 table main suppress_ifgroup 7
rule add prio 108 goto 200
rule add prio 109 goto 150
rule add prio 110 nop
rule add prio 150 blackhole
rule add prio 151 unreachable fwmark 0/0xff
rule add prio 152 prohibit
rule add prio 153 l3mdev
rule add prio 154 tun_id 77 table 100
`)
	ip(t, "rule add prio 100 from 2001:db8::/32 to 2001:db8:1::/48 tos 0xb8 table 100\n", "-6")
	prio := func(p uint32) []byte { return attr32(fraPriority, p) }
	to100 := [8]byte{afInet, 0, 0, 0, 100, 0, 0, uint8(route.ActionTable)}
	to100six := to100
	to100six[0] = afInet6
	masks := hasMasks(t)
	if masks {
		addRule(t, to100, 0, prio(160), attr8(fraDSCP, 46))
		addRule(t, to100, 0, prio(161), attr8(fraDSCP, 32), attr8(fraDSCPMask, 0x38))
		addRule(t, to100, 0, prio(162), attr8(fraDSCP, 0))
		addRule(t, to100, 0, prio(163), attr(fraSportRange, u16(0x100), u16(0x100)), attr16(fraSportMask, 0xff00))
		addRule(t, to100, 0, prio(164), attr(fraDportRange, u16(0x50), u16(0x50)), attr16(fraDportMask, 0x00f0))
		addRule(t, to100six, 0, prio(165), attr(fraFlowLabel, be32(0x12300)), attr(fraFlowLabelMask, be32(0xfff00)))
	}

	s := read(t, open(t), route.Query{})
	r := func(prio uint32, act route.Action, table route.Table, sel route.Selector) route.Rule {
		return route.Rule{
			Family: route.IPv4, Priority: prio, Action: act, Table: table, Selector: sel,
			SuppressPrefixLen: -1, SuppressGroup: -1,
		}
	}
	with := func(r route.Rule, change func(*route.Rule)) route.Rule {
		change(&r)
		return r
	}
	six := func(r *route.Rule) { r.Family = route.IPv6 }
	kern := func(r *route.Rule) { r.Protocol = route.ProtocolKernel }
	kern6 := func(r *route.Rule) { kern(r); six(r) }
	const look, main = route.ActionTable, route.TableMain
	any := route.Selector{}
	want := []route.Rule{
		with(r(0, look, 255, any), kern),
		r(100, look, 100, route.Selector{Src: prefix("10.0.0.0/8"), Dst: prefix("192.0.2.0/24")}),
		r(101, look, 1000, route.Selector{Not: true, In: "v0", Mark: 0x10, MarkMask: 0xf0}),
		r(102, look, 100, route.Selector{
			Out: "nosuch", OutDetached: true, UIDs: route.UIDRange{Start: 1000, End: 1999}, HasUIDs: true,
		}),
		with(r(103, look, 100, route.Selector{In: "nosuch", InDetached: true, TOS: 0x10}),
			func(r *route.Rule) { r.Realm = 3<<16 | 4 }),
		with(r(104, look, 100, route.Selector{Proto: 6, DstPort: route.PortRange{Start: 443, End: 443}}),
			func(r *route.Rule) { r.Protocol = 12 }),
		r(105, look, 100, route.Selector{
			Proto: 17, SrcPort: route.PortRange{Start: 1000, End: 2000}, DstPort: route.PortRange{Start: 53, End: 53},
		}),
		with(r(106, look, main, any), func(r *route.Rule) { r.SuppressPrefixLen = 0 }),
		with(r(107, look, main, any), func(r *route.Rule) { r.SuppressGroup = 7 }),
		with(r(108, route.ActionGoto, 0, any), func(r *route.Rule) { r.Goto, r.Unresolved = 200, true }),
		with(r(109, route.ActionGoto, 0, any), func(r *route.Rule) { r.Goto = 150 }),
		r(110, route.ActionNop, 0, any),
		r(150, route.ActionBlackhole, 0, any),
		r(151, route.ActionUnreachable, 0, route.Selector{MarkMask: 0xff}),
		r(152, route.ActionProhibit, 0, any),
		r(153, look, 0, route.Selector{L3Mdev: true}),
		r(154, look, 100, route.Selector{TunnelID: 77}),
		r(160, look, 100, route.Selector{HasDSCP: true, DSCP: 46, DSCPMask: 0x3f}),
		r(161, look, 100, route.Selector{HasDSCP: true, DSCP: 32, DSCPMask: 0x38}),
		r(162, look, 100, route.Selector{HasDSCP: true, DSCPMask: 0x3f}),
		r(163, look, 100, route.Selector{SrcPort: route.PortRange{Start: 0x100, End: 0x100, Mask: 0xff00}}),
		r(164, look, 100, route.Selector{DstPort: route.PortRange{Start: 0x50, End: 0x50, Mask: 0xf0}}),
		with(r(32766, look, main, any), kern),
		with(r(32767, look, route.TableDefault, any), kern),
		with(r(0, look, 255, any), kern6),
		with(r(100, look, 100, route.Selector{Src: prefix("2001:db8::/32"), Dst: prefix("2001:db8:1::/48"), TOS: 0xb8}), six),
		with(r(165, look, 100, route.Selector{FlowLabel: 0x12300, FlowLabelMask: 0xfff00}), six),
		with(r(32766, look, main, any), kern6),
	}
	want = slices.DeleteFunc(want, func(r route.Rule) bool { return !masks && 160 <= r.Priority && r.Priority <= 165 })
	if d := cmp.Diff(want, s.Rules, byValue); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if s.Merged != route.No {
		t.Errorf("with rules of our own, local and main share a trie: %v", s.Merged)
	}
	if _, ok := s.Sysctls.Conf(route.IPv4, "v0", "rp_filter"); !ok {
		t.Error("no settings of v0, which a rule names")
	}
}

func TestReadNextHops(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+`
nexthop add id 1 via 10.0.0.2 dev v0
nexthop add id 2 via 10.0.1.2 dev w0 onlink
nexthop add id 3 via 2001:db8:a::2 dev v0
nexthop add id 4 blackhole
nexthop add id 5 dev w0 proto bird
nexthop add id 6 fdb via 10.0.0.9
nexthop add id 7 encap ip id 9 dst 10.9.9.9 via 10.0.0.2 dev v0
nexthop add id 10 group 1/3,2/5
nexthop add id 11 group 1,2/5 type resilient buckets 16
route add 10.5.0.0/16 nhid 10 table 100
route add 10.6.0.0/16 nhid 3 table 100
route add 10.7.0.0/16 nhid 4 table 100
route add 2001:db8:5::/48 nhid 3 table 100
`)
	h := open(t)
	s := read(t, h, route.Query{})
	v0, w0 := index(t, s, "v0"), index(t, s, "w0")
	want := []route.NextHopObject{
		{ID: 1, Family: 4, NextHop: route.NextHop{Gateway: addr("10.0.0.2"), Link: v0}},
		{ID: 2, Family: 4, NextHop: route.NextHop{Gateway: addr("10.0.1.2"), Link: w0, Flags: route.NextHopOnLink}},
		{ID: 3, Family: 6, NextHop: route.NextHop{Gateway: addr("2001:db8:a::2"), Link: v0}},
		{ID: 4, Family: 4, Blackhole: true},
		{ID: 5, Family: 4, Protocol: 12, NextHop: route.NextHop{Link: w0}},
		{ID: 6, Family: 4, FDB: true, NextHop: route.NextHop{Gateway: addr("10.0.0.9")}},
		{ID: 7, Family: 4, NextHop: route.NextHop{Gateway: addr("10.0.0.2"), Link: v0, Encap: 2}},
		{ID: 10, Group: []route.GroupMember{{ID: 1, Weight: 1}, {ID: 3, Weight: 2}, {ID: 5, Weight: 1}}},
		{
			ID: 11, Resilient: true, Buckets: 16,
			Group: []route.GroupMember{{ID: 1, Weight: 2}, {ID: 5, Weight: 1}},
		},
	}
	if d := cmp.Diff(want, s.NextHops, byValue); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	expanded := inTable(s, 100)
	wantHops := [][]route.NextHop{
		{{Gateway: addr("10.0.0.2"), Link: v0, Weight: 1}, {Gateway: addr("2001:db8:a::2"), Link: v0, Weight: 2}, {Link: w0, Weight: 1}},
		{{Gateway: addr("2001:db8:a::2"), Link: v0}},
		nil,
		{{Gateway: addr("2001:db8:a::2"), Link: v0}},
	}
	for i, r := range expanded {
		if d := cmp.Diff(wantHops[i], r.NextHops, byValue); d != "" {
			t.Errorf("%s nhid %d: -want +got\n%s", r.Dst, r.NextHopID, d)
		}
	}

	sysctl(t, "net/ipv4/nexthop_compat_mode", "0")
	s = read(t, h, route.Query{Keep: func(t route.Table, _ netip.Prefix) bool { return t == 100 }})
	for i, id := range []uint32{10, 3, 4, 3} {
		if r := s.Routes[i]; r.NextHopID != id || r.NextHops != nil {
			t.Errorf("without nexthop_compat_mode: %+v", r)
		}
	}
	for _, dev := range []string{"lo", "v0", "w0"} {
		if _, ok := s.Sysctls.Conf(route.IPv4, dev, "rp_filter"); !ok {
			t.Errorf("no settings of %s, which a group leads to", dev)
		}
	}
}

func TestReadLinks(t *testing.T) {
	type facts struct {
		kind, master, peer string
		mtu, group         uint32
		netns              int
	}
	want := map[string]facts{
		"lo":   {mtu: 65536, netns: -1},
		"br0":  {kind: "bridge", mtu: 1500, netns: -1},
		"v0":   {kind: "veth", mtu: 1400, group: 9, peer: "v0p", netns: -1},
		"v0p":  {kind: "veth", mtu: 1500, master: "br0", peer: "v0", netns: -1},
		"m0":   {kind: "macvlan", mtu: 1400, peer: "v0", netns: -1},
		"vx0":  {kind: "vxlan", mtu: 1500, netns: -1},
		"away": {kind: "veth", mtu: 1500, peer: "home", netns: -1},
		"home": {kind: "veth", mtu: 1500, peer: "away", netns: -1},
	}
	isolate(t)
	ip(t, `
link add br0 type bridge
link add v0 type veth peer name v0p
link set v0p master br0
link set v0 group 9 mtu 1400
link property add dev v0 altname some-other-and-much-longer-name
link set v0 alias text
link set v0 up
link add m0 link v0 type macvlan mode bridge
link add vx0 type vxlan id 7 dstport 4789
link add away type veth peer name home
`)
	if out, err := exec.Command("ip", "tuntap", "add", "tun0", "mode", "tun").CombinedOutput(); err != nil {
		t.Logf("without a device that has no hardware address: %s", out)
	} else {
		want["tun0"] = facts{kind: "tun", mtu: 1500, netns: -1}
	}
	s := read(t, open(t), route.Query{})
	got := map[string]facts{}
	for _, l := range s.Links {
		f := facts{kind: l.Kind, mtu: l.MTU, group: l.Group, netns: l.PeerNetNS}
		if l.Master != 0 {
			f.master = s.LinkName(l.Master)
		}
		if l.Peer != 0 {
			f.peer = s.LinkName(l.Peer)
		}
		got[l.Name] = f
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("%s: got %+v, want %+v", name, got[name], w)
		}
	}
	if l := s.LinkByName("v0"); !l.Up() || l.Carrier() {
		t.Errorf("v0 is up and its peer is not: %+v", l)
	}
}

// TestReadPeerInOtherNamespace has the two ends of a veth in two namespaces. Each
// namespace has its own number for the other.
func TestReadPeerInOtherNamespace(t *testing.T) {
	isolate(t)
	other := namedNamespace(t)
	ip(t, "link add v0 type veth peer name v0p netns "+other)
	s := read(t, open(t), route.Query{})
	v0 := s.LinkByName("v0")
	if v0.Peer == 0 || v0.PeerNetNS < 0 {
		t.Errorf("peer %d in namespace %d", v0.Peer, v0.PeerNetNS)
	}
	h, err := Open(other)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	s = read(t, h, route.Query{AllDevices: true})
	if p := s.LinkByName("v0p"); p == nil || p.Index != v0.Peer || p.Peer != v0.Index {
		t.Errorf("the peer is %+v", p)
	}
	if _, ok := s.Sysctls.Conf(route.IPv4, "v0p", "forwarding"); !ok {
		t.Error("no settings of the other namespace")
	}
}

func TestReadAddrs(t *testing.T) {
	isolate(t)
	ip(t, `
link set lo up
link add v0 type veth peer name v0p
link set v0p up
link set v0 up
addr add 10.0.0.1/24 dev v0
addr add 10.0.0.9/24 brd 10.0.0.255 dev v0 label v0:x
addr add 10.0.2.1 peer 10.0.2.2/30 dev v0
addr add 10.0.3.1/24 scope link dev v0
addr add 10.0.4.1/24 scope host dev v0 noprefixroute
addr add 10.0.5.1/24 dev v0 valid_lft 1000 preferred_lft 500
addr add 2001:db8::1/64 dev v0 nodad
addr add 2001:db8::5/64 dev v0 nodad valid_lft 1000 preferred_lft 0
addr add 2001:db8:2::1 peer 2001:db8:2::2/64 dev v0 nodad
`)
	s := read(t, open(t), route.Query{})
	v0 := index(t, s, "v0")
	var got []route.Addr
	const byKernelLL = 3
	for _, a := range s.Addrs {
		if a.Prefix.Addr().IsLinkLocalUnicast() && a.Protocol != byKernelLL {
			t.Errorf("made by %d: %v", a.Protocol, a.Prefix)
		}
		if a.Link == v0 && !a.Prefix.Addr().IsLinkLocalUnicast() {
			got = append(got, a)
		}
	}
	a := func(p string, change func(*route.Addr)) route.Addr {
		a := route.Addr{
			Link: v0, Prefix: prefix(p), PreferredLft: route.ForeverLft, ValidLft: route.ForeverLft,
			Flags: route.AddrPermanent,
		}
		if a.Prefix.Addr().Is4() {
			a.Label = "v0"
		}
		change(&a)
		return a
	}
	const s1000 = 1000 * time.Second
	want := []route.Addr{ // the nearer scopes first, secondary ones last
		a("10.0.4.1/24", func(a *route.Addr) { a.Scope, a.Flags = route.ScopeHost, a.Flags|route.AddrNoPrefixRoute }),
		a("10.0.3.1/24", func(a *route.Addr) { a.Scope = route.ScopeLink }),
		a("10.0.0.1/24", func(*route.Addr) {}),
		a("10.0.2.1/30", func(a *route.Addr) { a.Peer = prefix("10.0.2.2/30") }),
		a("10.0.5.1/24", func(a *route.Addr) {
			a.Flags, a.ValidLft, a.PreferredLft = 0, s1000, s1000/2
		}),
		a("10.0.0.9/24", func(a *route.Addr) {
			a.Flags |= route.AddrSecondary
			a.Label, a.Broadcast = "v0:x", addr("10.0.0.255")
		}),
		a("2001:db8:2::1/64", func(a *route.Addr) { a.Flags, a.Peer = a.Flags|route.AddrNoDAD, prefix("2001:db8:2::2/64") }),
		a("2001:db8::5/64", func(a *route.Addr) {
			a.Flags, a.ValidLft, a.PreferredLft = route.AddrNoDAD|route.AddrDeprecated, s1000, 0
		}),
		a("2001:db8::1/64", func(a *route.Addr) { a.Flags |= route.AddrNoDAD }),
	}
	near := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() < 10*time.Second })
	if d := cmp.Diff(want, got, byValue, near); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestReadNeighboursAndLabels(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+`
neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 nud permanent dev v0
neigh add 10.0.0.3 lladdr 02:00:00:00:00:03 nud stale dev v0
neigh add 10.0.0.4 nud failed dev v0
neigh add 2001:db8:a::2 lladdr 02:00:00:00:00:02 nud noarp dev v0
addrlabel add prefix 2001:db8::/32 dev v0 label 99
`)
	h := open(t)
	s := read(t, h, route.Query{})
	v0 := index(t, s, "v0")
	for _, n := range []route.Neighbour{
		{Link: v0, Addr: addr("10.0.0.2"), State: route.NeighbourPermanent},
		{Link: v0, Addr: addr("10.0.0.3"), State: route.NeighbourStale},
		{Link: v0, Addr: addr("10.0.0.4"), State: route.NeighbourFailed},
		{Link: v0, Addr: addr("2001:db8:a::2"), State: route.NeighbourNoARP},
	} {
		if !slices.Contains(s.Neighbours, n) {
			t.Errorf("no neighbour %v in %v", n, s.Neighbours)
		}
	}
	for _, l := range []route.AddrLabel{
		{Prefix: prefix("2001:db8::/32"), Label: 99, Link: v0},
		{Prefix: prefix("fc00::/7"), Label: 5},
		{Prefix: prefix("::/0"), Label: 1},
	} {
		if !slices.Contains(s.Labels, l) {
			t.Errorf("no label %v in %v", l, s.Labels)
		}
	}
	if s := read(t, h, route.Query{NoNeighbours: true, NoRoutes: true}); s.Neighbours != nil || s.Routes != nil || s.NextHops != nil {
		t.Error("read what was not wanted")
	}
}

func TestReadMerged(t *testing.T) {
	isolate(t)
	h := open(t)
	if m := read(t, h, route.Query{}).Merged; m != route.Unknown {
		t.Errorf("without any address: %v", m)
	}
	ip(t, "link set lo up")
	if m := read(t, h, route.Query{}).Merged; m != route.Yes {
		t.Errorf("with lo up: %v", m)
	}
	if m := read(t, h, route.Query{Family: route.IPv6}).Merged; m != route.Unknown {
		t.Errorf("without IPv4: %v", m)
	}
	ip(t, "rule add prio 5 table 9")
	if m := read(t, h, route.Query{}).Merged; m != route.No {
		t.Errorf("with a rule: %v", m)
	}
	ip(t, "rule del prio 5 table 9")
	if m := read(t, h, route.Query{}).Merged; m != route.No {
		t.Errorf("after a rule: %v", m)
	}
	ip(t, `
link set lo down
link add v0 type veth peer name v0p
link set v0 up
addr add 10.0.0.1/24 dev v0
link set v0 down
`)
	if m := read(t, h, route.Query{}).Merged; m != route.No {
		t.Errorf("with an address on a device that is down: %v", m)
	}
}

func TestReadMergedByAnyAddress(t *testing.T) {
	isolate(t)
	ip(t, `
link add v0 type veth peer name v0p
addr add 10.0.0.1/24 dev v0
link add w0 type veth peer name w0p
link set w0 up
addr add 10.0.1.1/24 dev w0
route add 10.0.0.1/32 via 10.0.1.2
`)
	if m := read(t, open(t), route.Query{}).Merged; m != route.Yes {
		t.Errorf("10.0.0.1 is not local, since v0 was never up: %v", m)
	}
}

func TestReadKeepAndEach(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+"route add default via 10.0.0.2\nroute add 10.9.0.0/16 via 10.0.1.2\n")
	h := open(t)
	dst := addr("8.8.8.8")
	keep := func(_ route.Table, p netip.Prefix) bool { return p.Contains(dst) }
	s := read(t, h, route.Query{Keep: keep})
	if len(s.Routes) != 1 || s.Routes[0].Dst != prefix("0.0.0.0/0") {
		t.Errorf("kept %v", s.Routes)
	}
	if _, ok := s.Sysctls.Conf(route.IPv4, "w0", "rp_filter"); ok {
		t.Error("settings of a device that has nothing to do with it")
	}
	s = read(t, h, route.Query{Keep: keep, Devices: []string{"w0", "nosuch"}})
	if _, ok := s.Sysctls.Conf(route.IPv4, "w0", "rp_filter"); !ok {
		t.Error("no settings of a device that was asked for")
	}

	var all, streamed []route.Route
	for range 100 { // the kernel adds routes of IPv6 a moment after a device is up
		all, streamed = read(t, h, route.Query{}).Routes, nil
		s = read(t, h, route.Query{Each: func(r *route.Route) error {
			streamed = append(streamed, r.Clone())
			return nil
		}})
		if cmp.Equal(all, read(t, h, route.Query{}).Routes, byValue) {
			break
		}
	}
	if d := cmp.Diff(all, streamed, byValue); d != "" || s.Routes != nil {
		t.Errorf("streamed, and in the snapshot %v: -want +got\n%s", s.Routes, d)
	}

	enough := errors.New("enough")
	if _, err := h.Read(context.Background(), route.Query{Each: func(*route.Route) error { return enough }}); err != enough {
		t.Errorf("Each's error became %v", err)
	}
	read(t, h, route.Query{}) // the Host still works
}

func TestReadFamily(t *testing.T) {
	isolate(t)
	ip(t, twoDevices+"neigh add 10.0.0.2 nud permanent lladdr 02:00:00:00:00:02 dev v0\n")
	h := open(t)
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		s := read(t, h, route.Query{Family: f})
		if len(s.Routes) == 0 || len(s.Addrs) == 0 || len(s.Rules) == 0 {
			t.Errorf("%s: nothing read", f)
		}
		for _, r := range s.Routes {
			if r.Family() != f {
				t.Errorf("%s: route %s", f, r.Dst)
			}
		}
		for _, r := range s.Rules {
			if r.Family != f {
				t.Errorf("%s: rule %d", f, r.Priority)
			}
		}
		for _, n := range s.Neighbours {
			if route.FamilyOf(n.Addr) != f {
				t.Errorf("%s: neighbour %s", f, n.Addr)
			}
		}
		if _, ok := s.Sysctls.Conf(f, "all", "forwarding"); !ok {
			t.Errorf("%s: no settings", f)
		}
		if _, ok := s.Sysctls.Conf(4+6-f, "all", "forwarding"); ok {
			t.Errorf("%s: settings of the other family", f)
		}
	}
}

func TestReadWithoutIPv6(t *testing.T) {
	isolate(t)
	sysctl(t, "net/ipv6/conf/all/disable_ipv6", "1")
	sysctl(t, "net/ipv6/conf/default/disable_ipv6", "1")
	ip(t, "link set lo up\nlink add v0 type veth peer name v0p\nlink set v0 up\n")
	s := read(t, open(t), route.Query{})
	if n, _ := s.Sysctls.Conf(route.IPv6, "all", "disable_ipv6"); n != 1 {
		t.Errorf("disable_ipv6 is %d", n)
	}
}

// TestReadChanged changes the tables while they are read, in the function Keep.
func TestReadChanged(t *testing.T) {
	isolate(t)
	ip(t, twoDevices)
	h := open(t)
	dump, added := 0, byte(0)
	changing := func(until int) route.Query {
		dump = 0
		return route.Query{Family: route.IPv4, Keep: func(tb route.Table, p netip.Prefix) bool {
			if tb == route.TableMain && p == prefix("10.0.0.0/24") {
				if dump++; dump <= until {
					added++
					addRouteRaw(t, added)
				}
			}
			return tb == route.TableMain
		}}
	}
	if s := read(t, h, changing(2)); s.Changed || dump != 3 || len(inTable(s, route.TableMain)) != 4 {
		t.Errorf("settled after %d readings with %d routes, changed: %v", dump, len(s.Routes), s.Changed)
	}
	if s := read(t, h, changing(100)); !s.Changed || dump != maxReadings {
		t.Errorf("gave up after %d readings, changed: %v", dump, s.Changed)
	}
	w := changing(100)
	streamed := 0
	w.Each = func(*route.Route) error { streamed++; return nil }
	if s := read(t, h, w); !s.Changed || dump != 1 {
		t.Errorf("streamed %d times, changed: %v", dump, s.Changed)
	}
	once := streamed
	w = changing(1)
	w.Each = func(*route.Route) error { streamed++; return nil }
	w.Again = func() { streamed = 0 }
	if s := read(t, h, w); s.Changed || dump != 2 || streamed != once+2 {
		t.Errorf("streamed %d times, the last time %d routes, changed: %v", dump, streamed, s.Changed)
	}
	w = changing(100)
	keep := w.Keep
	w.Keep = func(tb route.Table, p netip.Prefix) bool { return keep(tb, p) && p == prefix("10.0.1.0/24") }
	if s := read(t, h, w); s.Changed || dump != 1 {
		t.Errorf("routes that are not kept changed; read %d times, changed: %v", dump, s.Changed)
	}
}

// addRouteRaw adds 172.16.N.0/24.
func addRouteRaw(t *testing.T, n byte) {
	t.Helper()
	msg := routeMessage([8]byte{afInet, 24, 0, 0, 254, 4, 253, 1}, 0,
		attr(rtaDst, []byte{172, 16, n, 0}), attr32(rtaOif, 3))
	if err := request(t, unix.RTM_NEWROUTE, netlink.Create|netlink.Excl, msg); err != nil {
		t.Error(err)
	}
}

func TestReadCancelled(t *testing.T) {
	isolate(t)
	ip(t, twoDevices)
	h := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	w := route.Query{Keep: func(route.Table, netip.Prefix) bool { cancel(); return true }}
	if _, err := h.Read(ctx, w); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled within the reading: %v", err)
	}
	if _, err := h.Read(ctx, route.Query{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	read(t, h, route.Query{}) // a Host works again after a cancelled reading
}

// TestReadVRF checks what only a VRF shows. Not every kernel has that kind of
// device.
func TestReadVRF(t *testing.T) {
	isolate(t)
	if out, err := exec.Command("ip", "link", "add", "red", "type", "vrf", "table", "10").CombinedOutput(); err != nil {
		t.Skipf("needs a VRF device: %s", bytes.TrimSpace(out))
	}
	ip(t, `
link set red up
link add v0 type veth peer name v0p
link set v0 master red
link set v0 up
link set v0p up
addr add 10.0.0.1/24 dev v0
route add default via 10.0.0.2 table 10
`)
	h := open(t)
	s := read(t, h, route.Query{})
	red, v0 := s.LinkByName("red"), s.LinkByName("v0")
	if red.Kind != "vrf" || red.VRFTable != 10 || v0.Master != red.Index || v0.VRFTable != 0 {
		t.Errorf("red %+v, v0 %+v", red, v0)
	}
	if r := s.Rules[1]; r.Priority != 1000 || !r.Selector.L3Mdev || r.Table != 0 || r.Action != route.ActionTable {
		t.Errorf("rule %+v", r)
	}
	if s.Merged != route.No {
		t.Errorf("the rule of the VRF divides local and main: %v", s.Merged)
	}
	a, err := h.Resolve(context.Background(), route.Flow{Dst: addr("8.8.8.8"), Out: red.Index})
	if err != nil || a.Table != 10 || a.Link != v0.Index || a.Gateway != addr("10.0.0.2") {
		t.Errorf("by way of red: %+v, %v", a, err)
	}
	a, err = h.Resolve(context.Background(), route.Flow{Dst: addr("10.0.0.1"), Out: red.Index})
	if err != nil || a.Type != route.TypeLocal || a.Table != 10 {
		t.Errorf("an address in red: %+v, %v", a, err)
	}
}

// TestDeviceSettings changes each setting of a device in its file. The link message must
// then have the same values as the files.
func TestDeviceSettings(t *testing.T) {
	isolate(t)
	ip(t, twoDevices)
	h := open(t)
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		of := settingsOf(f)
		folder := of.folder + "conf/v0/"
		for _, d := range of.device {
			old, err := os.ReadFile(sysctlFolder + folder + d.key)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			value := "1"
			if string(old) == "1\n" {
				value = "0"
			}
			if d.key != "mc_forwarding" { // only a multicast router's program can set it
				sysctl(t, folder+d.key, value)
			}
			s := read(t, h, route.Query{Devices: []string{"v0"}})
			for _, d := range of.device {
				want, err := os.ReadFile(sysctlFolder + folder + d.key)
				got, ok := s.Sysctls[folder+d.key]
				if ok != (err == nil) || got != strings.TrimSpace(string(want)) {
					t.Errorf("%s%s is %q (%v), the file has %q (%v)", folder, d.key, got, ok, want, err)
				}
			}
		}
	}
}
