package listen

import (
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
)

// Packet is the first packet of a conversation as it comes to the sockets.
type Packet struct {
	Proto uint8
	// Dst is where it goes to, an address of this host.
	Dst netip.AddrPort
	// Src is where it comes from; an invalid address or port zero: not known.
	Src netip.AddrPort
	// Dev is the device that it counts as received on (inet_iif, inet6_iif).
	Dev int
	// Slave is the device of a VRF that it came in by (inet_sdif); zero: it
	// belongs to no VRF.
	Slave int
}

// PacketOf is the packet of a decision that ends at this host; false: it does
// not end here, or has no protocol with ports.
//
// What the host sends to itself counts in IPv4 as received on the device that
// the sender is bound to, or else on lo (rt_iif of __mkroute_output); in IPv6 on
// the device that has the address (ip6_rcv_core).
func PacketOf(s *route.Snapshot, flow *route.Flow, d *lookup.Decision) (Packet, bool) {
	if d.Disposition != lookup.DispositionLocal || flow.DstPort == 0 ||
		flow.Proto != route.ProtoTCP && flow.Proto != route.ProtoUDP {
		return Packet{}, false
	}
	p := Packet{Proto: flow.Proto, Dst: netip.AddrPortFrom(flow.Dst.WithZone(""), flow.DstPort), Dev: route.LoopbackIndex}
	if d.Shortcut == lookup.ShortcutZero {
		p.Dst = netip.AddrPortFrom(d.Src, flow.DstPort)
	}
	if d.Src.IsValid() {
		p.Src = netip.AddrPortFrom(d.Src, flow.SrcPort)
	}
	switch {
	case flow.In != 0:
		p.Dev = flow.In
	case flow.Dst.Is6() && d.HasRoute && len(d.Route.NextHops) > 0:
		p.Dev = d.Route.NextHops[0].Link
	case flow.Dst.Is4() && flow.Out != 0:
		p.Dev = flow.Out
	}
	if v := vrfOf(s, p.Dev); v != 0 {
		p.Dev, p.Slave = v, p.Dev
	}
	return p, true
}

// vrfOf is the VRF that a device is or belongs to; zero: none.
func vrfOf(s *route.Snapshot, index int) int {
	l := s.Link(index)
	if l == nil {
		return 0
	}
	if l.Kind == "vrf" {
		return index
	}
	if m := s.Link(l.Master); l.Master != 0 && m != nil && m.Kind == "vrf" {
		return m.Index
	}
	return 0
}

// The reasons why a socket does not take a packet.
const (
	CodeV6Only    lookup.Code = "v6only"          // takes no IPv4
	CodeFamily    lookup.Code = "family"          // a socket of IPv4, a packet of IPv6
	CodeAddress   lookup.Code = "address"         // bound to another address; Want: it
	CodeDevice    lookup.Code = "device"          // bound to another device; Want: its index, Have: the packet's
	CodeVRF       lookup.Code = "vrf"             // bound to no device, and the packet belongs to a VRF; Have: its index
	CodeConnected lookup.Code = "connected"       // connected to somebody else; Want: whom
	CodeExact     lookup.Code = "exact-first"     // a socket bound to the very address goes first
	CodeBound     lookup.Code = "device-first"    // a socket bound to the device goes first
	CodeFamily4   lookup.Code = "family-first"    // a socket of IPv4 itself goes first
	CodePeer      lookup.Code = "connected-first" // the socket that is connected to the sender goes first
	CodeTakes     lookup.Code = "takes"           // takes it
	CodeOneOf     lookup.Code = "one-of-equals"   // one of several that are equal takes it
)

// Candidate is one socket with the packet's protocol and port, and what is to
// be said about it.
type Candidate struct {
	Socket *route.Socket
	Reason lookup.Reason
}

// Verdict is what becomes of a packet among the sockets.
type Verdict struct {
	Packet Packet
	// Takers are the sockets that take it: none where it is refused, and
	// several where they are equal. Then they share a port by SO_REUSEPORT and a
	// hash of each flow chooses, or, UDP with SO_REUSEADDR, the one that was
	// bound last has it: the kernel does not tell which of the two.
	Takers []Candidate
	// Misses are the others with the same protocol and port.
	Misses []Candidate
}

// Refused is what the sender gets where nobody takes the packet: a reset, or an
// ICMP port unreachable, which connect(2) and send(2) report as ECONNREFUSED.
func (v *Verdict) Refused() route.Errno {
	if len(v.Takers) == 0 {
		return route.ECONNREFUSED
	}
	return 0
}

// Take finds the sockets that take a packet.
func Take(s *route.Snapshot, sockets []route.Socket, p Packet) Verdict {
	v := Verdict{Packet: p}
	best := rank{}
	for i := range sockets {
		x := &sockets[i]
		if x.Proto != p.Proto || x.Local.Port() != p.Dst.Port() {
			continue
		}
		why, ok := p.refuses(s, x)
		if !ok {
			if x.Listens() || why.Code != CodeConnected {
				v.Misses = append(v.Misses, Candidate{x, why})
			}
			continue
		}
		r := p.rank(x)
		switch c := r.compare(best); {
		case c > 0:
			for _, t := range v.Takers {
				v.Misses = append(v.Misses, Candidate{t.Socket, lookup.Reason{Code: r.over(best)}})
			}
			v.Takers, best = []Candidate{{x, lookup.Reason{Code: CodeTakes}}}, r
		case c == 0:
			v.Takers = append(v.Takers, Candidate{x, lookup.Reason{Code: CodeTakes}})
		default:
			v.Misses = append(v.Misses, Candidate{x, lookup.Reason{Code: best.over(r)}})
		}
	}
	if len(v.Takers) > 1 {
		for i := range v.Takers {
			v.Takers[i].Reason.Code = CodeOneOf
		}
	}
	return v
}

// refuses says why a socket cannot take the packet at all; true: it can.
func (p *Packet) refuses(s *route.Snapshot, x *route.Socket) (lookup.Reason, bool) {
	peer := x.Remote.Port() != 0
	switch {
	case x.Proto == route.ProtoTCP && x.State != route.SocketListen, x.Proto == route.ProtoUDP && peer && !p.from(x):
		return lookup.Reason{Code: CodeConnected, Want: x.Remote}, false
	case p.Dst.Addr().Is6() && x.Family == route.IPv4:
		return lookup.Reason{Code: CodeFamily}, false
	case p.Dst.Addr().Is4() && x.Family == route.IPv6 && x.V6Only:
		return lookup.Reason{Code: CodeV6Only}, false
	case !x.Local.Addr().IsUnspecified() && x.Local.Addr().Unmap() != p.Dst.Addr():
		return lookup.Reason{Code: CodeAddress, Want: x.Local.Addr().Unmap()}, false
	case x.Link == 0 && p.Slave != 0 && !acceptsVRF(s, p.Proto):
		return lookup.Reason{Code: CodeVRF, Have: p.Dev}, false
	case x.Link != 0 && x.Link != p.Dev && x.Link != p.Slave:
		return lookup.Reason{Code: CodeDevice, Want: x.Link, Have: p.Dev}, false
	}
	return lookup.Reason{}, true
}

// from says whether a connected UDP socket is connected to the packet's sender.
func (p *Packet) from(x *route.Socket) bool {
	return p.Src.Port() != 0 && p.Src.Addr() == x.Remote.Addr().Unmap() && p.Src.Port() == x.Remote.Port()
}

// acceptsVRF says whether sockets that are bound to no device take packets of
// VRFs (inet_sk_bound_dev_eq). The setting counts for both families.
func acceptsVRF(s *route.Snapshot, proto uint8) bool {
	key := "net/ipv4/tcp_l3mdev_accept"
	if proto == route.ProtoUDP {
		key = "net/ipv4/udp_l3mdev_accept"
	}
	n, _ := s.Sysctls.Int(key)
	return n != 0
}

// rank is how well a socket fits: zero for none.
type rank struct {
	exact  bool // bound to the very address: the first of two searches
	score  int  // compute_score
	peer   bool
	device bool
	family bool
}

// rank computes the kernel's score: compute_score in net/ipv4/inet_hashtables.c
// (TCP), in net/ipv4/udp.c, in net/ipv6/inet6_hashtables.c and net/ipv6/udp.c.
// The processor that handles the packet (SO_INCOMING_CPU) is left out.
func (p *Packet) rank(x *route.Socket) rank {
	r := rank{
		exact: !x.Local.Addr().IsUnspecified(), peer: x.Remote.Port() != 0, device: x.Link != 0,
		family: p.Dst.Addr().Is4() && x.Family == route.IPv4, score: 1,
	}
	add := func(yes bool, n int) {
		if yes {
			r.score += n
		}
	}
	add(r.family, 1)
	switch {
	case p.Proto == route.ProtoTCP:
		add(r.device, 1)
	case p.Dst.Addr().Is4():
		add(r.peer, 8)
		add(r.device, 4)
	default:
		add(r.peer, 2)
		add(r.device, 1)
	}
	return r
}

func (r rank) compare(o rank) int {
	if r.exact != o.exact && o.score > 0 {
		if r.exact {
			return 1
		}
		return -1
	}
	return r.score - o.score
}

// over says by what a rank goes before a lower one.
func (r rank) over(o rank) lookup.Code {
	switch {
	case r.exact && !o.exact:
		return CodeExact
	case r.peer && !o.peer:
		return CodePeer
	case r.device && !o.device:
		return CodeBound
	}
	return CodeFamily4
}
