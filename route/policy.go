package route

import "net/netip"

// PolicyDir is the direction that an IPsec policy is for (XFRM_POLICY_*).
type PolicyDir uint8

// The directions.
const (
	PolicyIn      PolicyDir = 0 // delivered to this host
	PolicyOut     PolicyDir = 1 // sent by this host
	PolicyForward PolicyDir = 2 // forwarded
)

func (d PolicyDir) String() string { return enumName([]string{"in", "out", "fwd"}, int(d)) }

// Policy is an IPsec policy (ip-xfrm(8)). It says what happens to a packet after
// the routing decision, and is not a part of that decision.
type Policy struct {
	Dir PolicyDir
	// Src and Dst are the prefixes that it selects, both of one family.
	Src, Dst netip.Prefix
	Proto    uint8 // zero: any
	// SrcPort and DstPort are compared under their masks; a zero mask: any port.
	SrcPort, SrcPortMask, DstPort, DstPortMask uint16
	Link                                       int // zero: any
	Mark, MarkMask                             uint32
	// Priority orders policies: the lowest number comes first. Among equal
	// priorities, the earlier policy comes first.
	Priority uint32
	Block    bool
	// Transforms is how many transformations it asks for; zero: it lets packets
	// pass unchanged. If the first transformation uses a tunnel, Tunnel is the
	// other end of that tunnel.
	Transforms int
	Tunnel     netip.Addr
}

// Selects reports whether the policy applies to a packet that goes through a device.
func (p *Policy) Selects(f *Flow, src netip.Addr, link int) bool {
	return p.Dst.Contains(f.Dst) && p.Src.Contains(src) && (p.Proto == 0 || p.Proto == f.Proto) &&
		(p.SrcPort^f.SrcPort)&p.SrcPortMask == 0 && (p.DstPort^f.DstPort)&p.DstPortMask == 0 &&
		(p.Link == 0 || p.Link == link) && f.Mark&p.MarkMask == p.Mark
}
