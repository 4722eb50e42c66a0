package listen

import (
	"net/netip"

	"routewhy/lookup"
	"routewhy/route"
)

// Packet is the first packet of a conversation when it comes to the sockets.
type Packet struct {
	Proto uint8
	// Dst is the address of this host to which it goes.
	Dst netip.AddrPort
	// Src is where it comes from. An invalid address or port zero means: not known.
	Src netip.AddrPort
	// Dev is the device that it counts as received on (inet_iif, inet6_iif).
	Dev int
	// Slave is the device of a VRF that it came in by (inet_sdif); zero: it
	// belongs to no VRF.
	Slave int
}

// PacketOf is the packet of a decision that delivers it to this host. False: the
// decision does not deliver it here, or the packet has no protocol with ports.
//
// What the host sends to itself counts as received on the device that has the
// address, not on lo (orig_oif in ip_route_output_key_hash_rcu, ip6_rcv_core).
// For 0.0.0.0 no route is looked up. Then the device is the one that the sender
// is bound to, or else lo.
func PacketOf(s *route.Snapshot, flow *route.Flow, d *lookup.Decision) (Packet, bool) {
	anycast := d.Disposition == lookup.DispositionAnycast && flow.Proto == route.ProtoUDP // TCP takes nothing there
	if d.Disposition != lookup.DispositionLocal && !anycast || flow.DstPort == 0 ||
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
	case d.HasRoute && len(d.Route.NextHops) > 0:
		p.Dev = d.Route.NextHops[0].Link
	case flow.Out != 0:
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
	CodeV6Only  lookup.Code = "v6only"          // takes no IPv4
	CodeFamily  lookup.Code = "family"          // an IPv4 socket does not take an IPv6 packet
	CodeAddress lookup.Code = "address"         // bound to another address; Want: it
	CodeDevice  lookup.Code = "device"          // bound to another device; Want: its index, Have: the packet's
	CodeVRF     lookup.Code = "other-vrf"       // bound to no device, and the packet belongs to a VRF; Have: its index
	CodeExact   lookup.Code = "exact-first"     // a socket bound to the very address goes first
	CodeBound   lookup.Code = "device-first"    // a socket bound to the device goes first
	CodeFamily4 lookup.Code = "family-first"    // an IPv4 socket goes before an IPv6 socket that takes IPv4 too
	CodePeer    lookup.Code = "connected-first" // the socket that is connected to the sender goes first
	CodeOrder   lookup.Code = "reuseport-order" // another SO_REUSEPORT group goes first
	CodeTakes   lookup.Code = "takes"           // takes it
	CodeOneOf   lookup.Code = "one-of-equals"   // one of several that are equal takes it
)

// Candidate is one socket with the packet's protocol and port, and the reason why it
// takes the packet or not.
type Candidate struct {
	Socket *route.Socket
	Reason lookup.Reason
}

// Verdict says which sockets take a packet.
type Verdict struct {
	Packet Packet
	// Receivers are the sockets that take it. There is none if the packet is
	// refused, and there are several if any of them may take it. In that case they
	// share a port by SO_REUSEPORT, and a hash of each flow chooses. Or, with UDP,
	// they share it by SO_REUSEADDR, and the one that was bound last takes it: the
	// kernel does not tell which one that is.
	Receivers []Candidate
	// Misses are the others with the same protocol and port.
	Misses []Candidate
}

// Refused is what the sender gets if no socket takes the packet: a reset, or an
// ICMP port unreachable. connect(2) and send(2) report both as ECONNREFUSED.
func (v *Verdict) Refused() route.Errno {
	if len(v.Receivers) == 0 {
		return route.ECONNREFUSED
	}
	return 0
}

// Take finds the sockets that take a packet. The sockets must be in the order in
// which the kernel listed them. For sockets of one family that compete, that is
// the order in which the kernel tries them.
func Take(s *route.Snapshot, sockets []route.Socket, p Packet) Verdict {
	v := Verdict{Packet: p}
	var fit []*route.Socket
	for i := range sockets {
		x := &sockets[i]
		if x.Proto != p.Proto || x.Local.Port() != p.Dst.Port() || p.ofAnother(x) {
			continue
		}
		if why, ok := p.refuses(s, x); ok {
			fit = append(fit, x)
		} else {
			v.Misses = append(v.Misses, Candidate{x, why})
		}
	}
	fit = v.exactFirst(fit)
	if len(fit) == 0 {
		return v
	}
	taker := map[*route.Socket]bool{}
	for _, x := range p.first(fit) {
		taker[x] = true
	}
	why := CodeTakes
	if len(taker) > 1 {
		why = CodeOneOf
	}
	var best *route.Socket
	for _, x := range fit {
		if taker[x] {
			best = x
			v.Receivers = append(v.Receivers, Candidate{x, lookup.Reason{Code: why}})
		}
	}
	for _, x := range fit {
		if !taker[x] {
			v.Misses = append(v.Misses, Candidate{x, lookup.Reason{Code: p.before(best, x)}})
		}
	}
	return v
}

// exactFirst keeps the sockets that are bound to exactly the packet's address, if
// there are any. The kernel searches for those first. Only if it finds none does it
// search for those bound to every address.
func (v *Verdict) exactFirst(fit []*route.Socket) []*route.Socket {
	var exact, rest []*route.Socket
	for _, x := range fit {
		if x.Local.Addr().Unmap().IsUnspecified() {
			rest = append(rest, x)
		} else {
			exact = append(exact, x)
		}
	}
	if len(exact) == 0 {
		return rest
	}
	for _, x := range rest {
		v.Misses = append(v.Misses, Candidate{x, lookup.Reason{Code: CodeExact}})
	}
	return exact
}

// refuses says why a socket cannot take the packet at all; true: it can.
func (p *Packet) refuses(s *route.Snapshot, x *route.Socket) (lookup.Reason, bool) {
	switch {
	case p.Dst.Addr().Is6() && (x.Family == route.IPv4 || x.Local.Addr().Is4In6()):
		return lookup.Reason{Code: CodeFamily}, false
	case p.Dst.Addr().Is4() && x.Family == route.IPv6 && x.V6Only:
		return lookup.Reason{Code: CodeV6Only}, false
	case !x.Local.Addr().Unmap().IsUnspecified() && x.Local.Addr().Unmap() != p.Dst.Addr():
		return lookup.Reason{Code: CodeAddress, Want: x.Local.Addr().Unmap()}, false
	case x.Link == 0 && p.Slave != 0 && !acceptsVRF(s, p.Proto):
		return lookup.Reason{Code: CodeVRF, Have: p.Dev}, false
	case x.Link != 0 && x.Link != p.Dev && x.Link != p.Slave:
		return lookup.Reason{Code: CodeDevice, Want: x.Link, Have: p.Dev}, false
	}
	return lookup.Reason{}, true
}

// ofAnother reports whether a UDP socket is connected to somebody other than the sender, or
// a TCP socket does not listen.
func (p *Packet) ofAnother(x *route.Socket) bool {
	if x.Proto == route.ProtoTCP {
		return x.State != route.SocketListen
	}
	return x.Proto == route.ProtoUDP && x.Remote.Port() != 0 && !p.from(x)
}

// from reports whether a connected UDP socket is connected to the packet's sender.
func (p *Packet) from(x *route.Socket) bool {
	return p.Src.Port() != 0 && p.Src.Addr() == x.Remote.Addr().Unmap() && p.Src.Port() == x.Remote.Port()
}

// acceptsVRF reports whether sockets that are not bound to a device take packets of
// VRFs (inet_sk_bound_dev_eq). The setting applies to both families.
func acceptsVRF(s *route.Snapshot, proto uint8) bool {
	key := "net/ipv4/tcp_l3mdev_accept"
	if proto == route.ProtoUDP {
		key = "net/ipv4/udp_l3mdev_accept"
	}
	n, _ := s.Sysctls.Int(key)
	return n != 0
}

// first finds which of the sockets of one search the kernel takes.
//
// TCP listeners of one search can share the port only by SO_REUSEPORT
// (inet_csk_bind_conflict). Then the search ends at the first one in the list,
// whatever its score is. It belongs to a group, in which a hash chooses
// (inet_lhash2_lookup). Such IPv4 sockets are put at the front of the list, and
// IPv6 sockets at the end (__inet_hash). The kernel lists them in that order
// (inet_diag_dump_icsk).
//
// UDP sockets do the same with SO_REUSEPORT. But they may also share the port by
// SO_REUSEADDR. Then the highest score wins. If scores are equal, the socket that
// was bound last wins (udp4_lib_lookup2, udp6_lib_lookup2), which the kernel lists
// first. The kernel does not tell which of the two options a socket has.
func (p *Packet) first(fit []*route.Socket) []*route.Socket {
	if p.Proto == route.ProtoTCP {
		return group(fit, head(fit))
	}
	best := p.highest(fit)
	if best.Remote.Port() != 0 {
		return []*route.Socket{best}
	}
	out := group(fit, head(fit))
	for _, x := range out {
		if x == best {
			return out
		}
	}
	return append(out, best)
}

// head is the first of the sockets with SO_REUSEPORT in the list of a search.
func head(fit []*route.Socket) *route.Socket {
	head := fit[0]
	for _, x := range fit[1:] {
		if x.Family == route.IPv4 && head.Family == route.IPv6 {
			head = x
		}
	}
	return head
}

// group are the sockets that can be in one SO_REUSEPORT group
// (inet_reuseport_add_sock, udp_reuseport_add_sock).
func group(fit []*route.Socket, head *route.Socket) []*route.Socket {
	var out []*route.Socket
	for _, x := range fit {
		if x.Family == head.Family && x.Link == head.Link && x.V6Only == head.V6Only &&
			x.UID == head.UID && x.Local == head.Local {
			out = append(out, x)
		}
	}
	return out
}

// highest is the socket with the highest score. If scores are equal, it is the first.
func (p *Packet) highest(fit []*route.Socket) *route.Socket {
	best := fit[0]
	for _, x := range fit[1:] {
		if p.score(x) > p.score(best) {
			best = x
		}
	}
	return best
}

// score is compute_score in net/ipv4/udp.c and net/ipv6/udp.c. The processor
// that handles the packet (SO_INCOMING_CPU) is left out.
func (p *Packet) score(x *route.Socket) int {
	n, peer, device := 1, 2, 1
	if p.Dst.Addr().Is4() {
		peer, device = 8, 4
		if x.Family == route.IPv4 {
			n++
		}
	}
	if x.Remote.Port() != 0 {
		n += peer
	}
	if x.Link != 0 {
		n += device
	}
	return n
}

// before says why a socket goes before another of the same search.
func (p *Packet) before(taker, x *route.Socket) lookup.Code {
	switch {
	case taker.Remote.Port() != 0 && x.Remote.Port() == 0:
		return CodePeer
	case taker.Family == route.IPv4 && x.Family == route.IPv6:
		return CodeFamily4
	case p.Proto == route.ProtoUDP && taker.Link != 0 && x.Link == 0:
		return CodeBound
	}
	return CodeOrder
}
