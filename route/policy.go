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

// Policy is an IPsec policy (ip-xfrm(8)): what becomes of a packet after the
// routing decision, of which it is no part.
type Policy struct {
	Dir PolicyDir
	// Src and Dst are what it selects, of one family.
	Src, Dst netip.Prefix
	Proto    uint8 // zero: any
	// SrcPort and DstPort count under their masks; a zero mask: any.
	SrcPort, SrcPortMask, DstPort, DstPortMask uint16
	Link                                       int // zero: any
	Mark, MarkMask                             uint32
	// Priority orders policies: the lowest goes first, of equal ones the first.
	Priority uint32
	Block    bool
	// Transforms is how many transformations it asks for; zero: it lets packets
	// pass as they are. Tunnel is the other end of the first, where that is a
	// tunnel's.
	Transforms int
	Tunnel     netip.Addr
}

// Selects reports whether the policy is for a packet that goes by a device.
func (p *Policy) Selects(f *Flow, src netip.Addr, link int) bool {
	return p.Dst.Contains(f.Dst) && p.Src.Contains(src) && (p.Proto == 0 || p.Proto == f.Proto) &&
		(p.SrcPort^f.SrcPort)&p.SrcPortMask == 0 && (p.DstPort^f.DstPort)&p.DstPortMask == 0 &&
		(p.Link == 0 || p.Link == link) && f.Mark&p.MarkMask == p.Mark
}
