package routetest

import (
	"math/rand/v2"
	"net/netip"

	"routewhy/route"
)

// Flows draws random packets that aim at the boundaries in a snapshot: the first
// and last addresses of prefixes and the addresses next to them, own addresses,
// gateways, special addresses, the values that rules ask for, and values that
// just miss these. Three of four packets are sent by the host, the others are
// received. The kernel can be asked about all of them (RTM_GETROUTE takes only
// some protocols), and [FormatQuery] can write them.
func Flows(rng *rand.Rand, s *route.Snapshot, n int) []route.Flow {
	return draw(rng, s, n, func(d *drawer) route.Flow {
		if d.chance(75) {
			return d.output()
		}
		return d.input()
	})
}

// OutputFlows is Flows with only packets that the host sends.
func OutputFlows(rng *rand.Rand, s *route.Snapshot, n int) []route.Flow {
	return draw(rng, s, n, (*drawer).output)
}

// InputFlows is Flows with only received packets.
func InputFlows(rng *rand.Rand, s *route.Snapshot, n int) []route.Flow {
	return draw(rng, s, n, (*drawer).input)
}

func draw(rng *rand.Rand, s *route.Snapshot, n int, one func(*drawer) route.Flow) []route.Flow {
	var pools []*pool
	for _, f := range familiesOf(s) {
		pools = append(pools, newPool(s, f))
	}
	flows := make([]route.Flow, 0, n)
	for range n {
		d := &drawer{rng, pools[rng.IntN(len(pools))]}
		flows = append(flows, one(d))
	}
	return flows
}

// familiesOf are the families that are in use. If none is, it is both.
func familiesOf(s *route.Snapshot) []route.Family {
	var used []route.Family
	for _, f := range []route.Family{route.IPv4, route.IPv6} {
		for i := range s.Addrs {
			if a := &s.Addrs[i]; route.FamilyOf(a.Prefix.Addr()) == f && a.Link != route.LoopbackIndex {
				used = append(used, f)
				break
			}
		}
	}
	if used == nil {
		used = []route.Family{route.IPv4, route.IPv6}
	}
	return used
}

// pool is what a snapshot offers for one family.
type pool struct {
	family   route.Family
	prefixes []netip.Prefix // of routes that someone made
	kernels  []netip.Prefix // of routes that the kernel made
	fromTo   []netip.Prefix // of rules, and the source prefixes of routes
	own      []netip.Addr
	gates    []netip.Addr
	special  []netip.Addr
	links    []int
	marks    []uint32
	toses    []uint8
	uids     []uint32
	protos   []uint8
	sports   []uint16
	dports   []uint16
	labels   []uint32
}

func newPool(s *route.Snapshot, f route.Family) *pool {
	p := &pool{family: f, special: specials(f)}
	for i := range s.Links {
		l := &s.Links[i]
		p.links = append(p.links, l.Index)
		if m := s.Link(l.Master); l.Kind == "vrf" || m != nil && m.Kind == "vrf" {
			p.links = append(p.links, l.Index, l.Index) // drawn more often, because there is more to see
		}
	}
	for i := range s.Addrs {
		p.addAddr(&s.Addrs[i])
	}
	for i := range s.Routes {
		if r := &s.Routes[i]; r.Family() == f {
			p.addRoute(r)
		}
	}
	for i := range s.NextHops {
		p.addGate(s.NextHops[i].NextHop.Gateway)
	}
	for i := range s.Rules {
		if r := &s.Rules[i]; r.Family == f {
			p.addSelector(&r.Selector)
		}
	}
	return p
}

func (p *pool) addAddr(a *route.Addr) {
	if route.FamilyOf(a.Prefix.Addr()) != p.family {
		return
	}
	p.own = append(p.own, a.Prefix.Addr())
	if a.Peer.IsValid() {
		p.gates = append(p.gates, a.Peer.Addr())
	}
	if a.Broadcast.IsValid() {
		p.gates = append(p.gates, a.Broadcast)
	}
}

func (p *pool) addRoute(r *route.Route) {
	if r.Protocol == route.ProtocolKernel {
		p.kernels = append(p.kernels, r.Dst)
	} else {
		p.prefixes = append(p.prefixes, r.Dst)
	}
	if r.Src.IsValid() {
		p.fromTo = append(p.fromTo, r.Src)
	}
	if r.TOS != 0 {
		p.toses = append(p.toses, r.TOS, r.TOS|0x20, r.TOS^0x04)
	}
	for i := range r.NextHops {
		p.addGate(r.NextHops[i].Gateway)
	}
}

func (p *pool) addGate(a netip.Addr) {
	if route.FamilyOf(a) == p.family {
		p.gates = append(p.gates, a)
	}
}

// addSelector adds values that meet a rule's condition, and values that miss it.
func (p *pool) addSelector(s *route.Selector) {
	for _, prefix := range []netip.Prefix{s.Src, s.Dst} {
		if prefix.IsValid() {
			p.fromTo = append(p.fromTo, prefix.Masked())
		}
	}
	if s.Mark|s.MarkMask != 0 {
		p.marks = append(p.marks, s.Mark, s.Mark|^s.MarkMask, s.Mark^1, s.Mark^s.MarkMask)
	}
	if s.TOS != 0 {
		p.toses = append(p.toses, s.TOS, s.TOS, s.TOS|0x20, s.TOS|0x01, s.TOS^0x08)
	}
	if s.HasDSCP {
		p.toses = append(p.toses, s.DSCP<<2, s.DSCP<<2, (s.DSCP^0x01)<<2, (s.DSCP^0x20)<<2, s.DSCP<<2|^(s.DSCPMask<<2))
	}
	if s.HasUIDs {
		p.uids = append(p.uids, s.UIDs.Start, s.UIDs.End, s.UIDs.Start-1, s.UIDs.End+1)
	}
	if s.Proto != 0 {
		p.protos = append(p.protos, s.Proto)
	}
	p.sports = append(p.sports, around(s.SrcPort)...)
	p.dports = append(p.dports, around(s.DstPort)...)
	if s.FlowLabelMask != 0 {
		p.labels = append(p.labels, s.FlowLabel, s.FlowLabel|^s.FlowLabelMask&0xfffff, s.FlowLabel^1)
	}
}

// around are ports in a range and next to it, or ports that match a mask and do not.
func around(r route.PortRange) []uint16 {
	switch {
	case r == (route.PortRange{}):
		return nil
	case r.Mask != 0:
		return []uint16{r.Start, r.Start | ^r.Mask, r.Start ^ 1, r.Start ^ r.Mask}
	}
	return []uint16{r.Start, r.End, r.Start, r.End, r.Start - 1, r.End + 1}
}

// specials are the addresses that the kernel treats in a special way.
func specials(f route.Family) []netip.Addr {
	names := []string{
		"::", "::1", "::2", "fe80::1", "fe80::9", "fe80::1:0", "ff02::1", "ff02::5", "ff05::1", "2001:db8:9::9",
		"2001:db8:77::1", "8000::", "fd00::1", "2002:a00:1::1", "64:ff9b::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	}
	if f == route.IPv4 {
		names = []string{
			"0.0.0.0", "0.0.0.1", "0.0.0.5", "0.255.255.255", "127.0.0.1", "127.0.0.77", "127.9.9.9", "127.255.255.255",
			"224.0.0.1", "224.0.0.9", "239.1.1.1", "240.0.0.1", "255.255.255.254", "255.255.255.255", "169.254.1.1",
			"8.8.8.8", "192.0.2.99", "127.255.255.254", "128.0.0.0",
		}
	}
	var all []netip.Addr
	for _, name := range names {
		all = append(all, netip.MustParseAddr(name))
	}
	return all
}
