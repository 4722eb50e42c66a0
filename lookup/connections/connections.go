// Package connections says what happens to live connections when a host's routing state
// changes: which of them leave by another way, which are refused, and which are lost.
//
// An established connection keeps its addresses. After any change, the kernel looks the
// way up again for the next packet (dst_check; __ip_queue_xmit in net/ipv4/ip_output.c,
// inet6_csk_xmit in net/ipv6/inet6_connection_sock.c), so the connection moves
// immediately.
//
// Until then, an IPv6 socket that was not bound to its address keeps the way of the look-up
// that connect(2) made before it had one (ip6_datagram_dst_update, tcp_v6_connect). Rules for
// sources may lead elsewhere. Nothing shows this: such a connection is taken to leave by the
// way that a look-up with its address finds, and its move to that way is not told.
//
// What arrives for a connection is not looked up again as long as its socket has a valid
// route for it (tcp_v4_early_demux). So a reverse-path filter that is switched on stops it at
// the next change of a route or an address, and not before.
package connections

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// Change says what happens to one connection.
type Change struct {
	Socket *route.Socket
	// Flow is a packet that the socket sends.
	Flow          route.Flow
	Before, After lookup.Decision
	// Moves says that its packets leave by another device or gateway, or that packets
	// which left are now delivered here, or the reverse. Perhaps says that only some
	// connections of this kind move, because a hash chooses the way.
	Moves, Perhaps bool
	// Lost says why it gets no answers any more; empty: it continues.
	Lost Loss
	// MayBeLost says that it is lost for the reason Lost, or goes on: which of them is not
	// known.
	MayBeLost bool
	// In is the device by which the other end's packets arrive, if it matters for Lost;
	// zero: none. Below is the port or the lower device of it that carries nothing any
	// more, if Lost is LostPort or LostLower.
	In, Below int
	// Neighbour is the gateway, or the other end if it is on the link, of which not enough is
	// known for Lost, or which does not answer, or which is reached by the port Below while
	// the bridge has others; the zero Addr: Lost is about none.
	Neighbour netip.Addr
	// Mark is a mark that the packets may get from a packet filter, if MayBeLost comes from
	// that; Flow, Before and After are then about a packet with it. Spared says that it is the
	// reverse: without the mark, which they are about, it is lost, and with it it goes on.
	// Marker is a rule of nftables that sets it; nil: another thing may.
	Mark   uint32
	Spared bool
	Marker *route.Marker
}

// Loss is a reason why a connection is lost.
type Loss string

// Why a connection is lost.
const (
	// LostRefused: the kernel refuses its packets.
	LostRefused Loss = "refused"
	// LostSource: its own address is none of this host's any more, or not where the
	// packets of the other end arrive, which are not delivered.
	LostSource Loss = "source-gone"
	// LostReversePath: the reverse-path filter drops what the other end sends.
	LostReversePath Loss = "reverse-path"
	// LostDevice: the device by which the other end's packets arrive is down or gone.
	LostDevice Loss = "device-down"
	// LostElsewhere: its packets leave by another device with an address that is none of
	// that device's, and so by another network, which very likely drops or translates
	// them.
	LostElsewhere Loss = "another-way-out"
	// LostGateway: its packets leave by the same device without a gateway, straight to the
	// other end, which is in no network of that link and has no neighbour entry there.
	LostGateway Loss = "no-gateway"
	// LostDead: the only way out is known to be dead: no carrier, or a gateway that does
	// not answer.
	LostDead Loss = "way-out-dead"
	// LostCarrier: the device by which the other end's packets arrive has no carrier any more.
	LostCarrier Loss = "no-carrier"
	// LostPort: a port of the bridge by which its packets arrive carries nothing any more. Where others
	// are left, it is not known by which of them the other end is reached.
	LostPort Loss = "port-gone"
	// LostLower: the device below the one by which the other end's packets arrive is down or
	// has no carrier any more.
	LostLower Loss = "lower-down"
	// LostAttribute: an attribute of the device below decides, and it is not known what it does.
	LostAttribute Loss = "attribute-unread"
	// LostUnheard: it moves to another gateway, and nothing shows whether that answers.
	LostUnheard Loss = "gateway-unheard"
	// LostNeighbour: the neighbour entry of its gateway is changed by hand, and it is not known
	// whether what is sent there arrives.
	LostNeighbour Loss = "neighbour-changed"
	// LostAsPort: its packets leave by the device In, which becomes a port. What Neighbour
	// answers to the question for its link-layer address is received by the bridge or the bond,
	// and not by In: the connection goes on only as long as the entry is usable.
	LostAsPort Loss = "as-port"
	// LostExpiring: its own address, or its route, gets a lifetime and goes after it.
	LostExpiring Loss = "expires"
	// LostItself: its program carries the device by which its packets leave, and so they never
	// get out.
	LostItself Loss = "into-itself"
	// LostOtherHere: the other end's address is one of this host's own.
	LostOtherHere Loss = "other-end-here"
)

// Connected reports whether a socket has a connection that still has packets. One that is not
// established yet, or is about to end, sends again what was not acknowledged.
func Connected(s *route.Socket) bool {
	if s.Remote.Port() == 0 || !s.Remote.Addr().IsValid() {
		return false
	}
	if s.Proto != route.ProtoTCP {
		return s.State == route.SocketEstablished
	}
	return s.State != route.SocketTimeWait && s.State != route.SocketClose && s.State != route.SocketListen
}

// FlowOf is a packet that a connected socket sends.
func FlowOf(s *route.Socket) route.Flow {
	return route.Flow{
		Dst: s.Remote.Addr().Unmap().WithZone(""), Src: s.Local.Addr().Unmap().WithZone(""), SrcPort: s.Local.Port(), DstPort: s.Remote.Port(),
		Proto: s.Proto, UID: s.UID, Mark: s.Mark, Out: s.Link, Bound: s.Link != 0,
	}
}

// Compare returns the connections for which something changes, in the order of the
// sockets.
func Compare(before, after *lookup.FIB, sockets []route.Socket) []Change {
	var out []Change
	old, now := before.Searcher(), after.Searcher()
	marks := marksOf(before.Snapshot(), after.Snapshot())
	for i := range sockets {
		s := &sockets[i]
		if !Connected(s) {
			continue
		}
		c := Change{Socket: s, Flow: FlowOf(s)}
		c.Before, c.After = old.Lookup(c.Flow), now.Lookup(c.Flow)
		c.judge(before, after)
		c.marked(marks, before, after)
		if c.Moves || c.Lost != "" {
			c.Before, c.After = c.Before.Clone(), c.After.Clone()
			out = append(out, c)
		}
	}
	return out
}

// judge compares the two decisions about a connection.
func (c *Change) judge(before, after *lookup.FIB) {
	if !c.Before.Disposition.Success() {
		return // it had no way before either
	}
	if c.After.Disposition == lookup.DispositionUnknown {
		return
	}
	c.compareWays()
	switch {
	case !c.After.Disposition.Success():
		c.Lost = LostRefused
	case c.local():
	default:
		if c.Lost = c.answers(before, after); c.Lost == "" {
			c.carried(before.Snapshot(), after.Snapshot())
		}
		if c.Lost == "" {
			c.heard(before.Snapshot(), after.Snapshot())
		}
		if c.Lost == "" {
			c.asPort(before, after)
		}
	}
}

// local reports whether both ends are on this host.
func (c *Change) local() bool {
	return c.Before.Disposition == lookup.DispositionLocal && c.After.Disposition == lookup.DispositionLocal
}

// way are the properties in which two ways out can differ.
type way struct {
	link    int
	gateway netip.Addr
}

func waysOf(d *lookup.Decision) []way {
	var out []way
	for i := range d.NextHops {
		out = append(out, way{d.NextHops[i].Link, d.NextHops[i].Gateway})
	}
	return out
}

// compareWays sets Moves and Perhaps.
func (c *Change) compareWays() {
	old, now := waysOf(&c.Before), waysOf(&c.After)
	same := 0
	for _, w := range old {
		if slices.Contains(now, w) {
			same++
		}
	}
	switch {
	case same == len(old) && len(now) == len(old) && c.Before.Disposition == c.After.Disposition:
	case same == 0 || c.Before.Disposition != c.After.Disposition:
		c.Moves = true
	default:
		c.Moves, c.Perhaps = true, true
	}
}

// answers says why packets of the other end do not arrive any more, or why the other
// end will not send any.
func (c *Change) answers(before, after *lookup.FIB) Loss {
	for _, in := range c.arrives(before) {
		old := before.Lookup(c.incoming(in))
		if old.Disposition != lookup.DispositionLocal {
			continue // before the change it does not arrive by this device either
		}
		c.In = in
		l := after.Snapshot().Link(in)
		if m := after.Snapshot().MasterOf(l); m != nil { // it takes what the port receives
			l, c.In = m, m.Index
		}
		now := after.Lookup(c.incoming(c.In))
		switch {
		case l == nil || !l.Up():
			return LostDevice
		case now.Disposition == lookup.DispositionLocal, now.Disposition == lookup.DispositionUnknown:
		case now.Shortcut == lookup.ShortcutReversePath:
			return LostReversePath
		case c.After.Disposition == lookup.DispositionLocal && c.Before.Disposition != lookup.DispositionLocal:
			return LostOtherHere
		default:
			return LostSource
		}
		break
	}
	if c.silenced(before.Snapshot(), after.Snapshot()) {
		return LostDead
	}
	if !c.Moves || c.Perhaps {
		return ""
	}
	if dead(after, &c.After) && !dead(before, &c.Before) {
		c.Neighbour = silentGateway(after.Snapshot(), &c.After)
		return LostDead
	}
	if c.foreign(after) {
		return LostElsewhere
	}
	if viaGateway(&c.Before) && straight(after.Snapshot(), &c.After) && !onLink(after.Snapshot(), &c.After, c.Flow.Dst) {
		return LostGateway
	}
	return ""
}

// silenced reports whether each way out is by a device that asks for no link-layer address
// any more: what it sends then reaches nobody (arp_constructor, IFF_NOARP).
func (c *Change) silenced(before, after *route.Snapshot) bool {
	return len(c.After.NextHops) > 0 && !slices.ContainsFunc(c.After.NextHops, func(h lookup.NextHop) bool {
		old, now := before.Link(h.Link), after.Link(h.Link)
		return old == nil || now == nil || old.Flags&route.LinkNoARP != 0 || now.Flags&route.LinkNoARP == 0
	})
}

// viaGateway reports whether all ways out have a gateway.
func viaGateway(d *lookup.Decision) bool {
	return !slices.ContainsFunc(d.NextHops, func(h lookup.NextHop) bool { return !h.Gateway.IsValid() })
}

// straight reports whether all ways out lead directly to the destination, by devices
// on which a neighbour must answer for it.
func straight(s *route.Snapshot, d *lookup.Decision) bool {
	return !slices.ContainsFunc(d.NextHops, func(h lookup.NextHop) bool {
		l := s.Link(h.Link)
		return h.Gateway.IsValid() || l == nil || l.Flags&(route.LinkNoARP|route.LinkPointopoint) != 0
	})
}

// onLink reports whether something shows that the other end is on the link of a way out: an
// address there has a network that contains it, or it has answered there.
func onLink(s *route.Snapshot, d *lookup.Decision, dst netip.Addr) bool {
	return slices.ContainsFunc(d.NextHops, func(h lookup.NextHop) bool {
		return slices.ContainsFunc(s.Addrs, func(a route.Addr) bool {
			return a.Link == h.Link && (a.Prefix.Masked().Contains(dst) || a.Peer.IsValid() && a.Peer.Masked().Contains(dst))
		}) || slices.ContainsFunc(s.Neighbours, func(n route.Neighbour) bool {
			return n.Link == h.Link && n.Addr == dst && n.State.Valid()
		})
	})
}

// incoming is a packet that the other end sends.
func (c *Change) incoming(in int) route.Flow {
	return route.Flow{
		Dst: c.Flow.Src, Src: c.Flow.Dst, In: in, Proto: c.Flow.Proto, SrcPort: c.Flow.DstPort, DstPort: c.Flow.SrcPort, UID: route.NoUID,
	}
}

// arrives are the devices by which the other end's packets may arrive, the most
// likely one first: those by which the connection's own packets leave now, and then
// those that have its address.
func (c *Change) arrives(before *lookup.FIB) []int {
	var out []int
	add := func(link int) {
		if !slices.Contains(out, link) {
			out = append(out, link)
		}
	}
	for i := range c.Before.NextHops {
		add(c.Before.NextHops[i].Link)
	}
	for _, a := range before.Snapshot().Addrs {
		if a.Prefix.Addr() == c.Flow.Src {
			add(a.Link)
		}
	}
	return out
}

// foreign reports whether the packets leave only by other devices, and none of these has
// the connection's own address or a network that contains it.
func (c *Change) foreign(after *lookup.FIB) bool {
	s := after.Snapshot()
	var old []int
	for i := range c.Before.NextHops {
		old = append(old, c.Before.NextHops[i].Link)
	}
	for i := range c.After.NextHops {
		h := &c.After.NextHops[i]
		if slices.Contains(old, h.Link) {
			return false
		}
		if slices.ContainsFunc(s.Addrs, func(a route.Addr) bool {
			return a.Link == h.Link && (a.Prefix.Addr() == c.Flow.Src || a.Prefix.Masked().Contains(c.Flow.Src))
		}) {
			return false
		}
	}
	return true
}

// heard finds out whether anything is known of the gateways, or of the other end on the link,
// that the packets did not leave by before. One without a usable entry of the neighbour table
// may answer or not.
func (c *Change) heard(before, after *route.Snapshot) {
	old := waysOf(&c.Before)
	for i := range c.After.NextHops {
		h := &c.After.NextHops[i]
		to := NeighbourOf(h, c.Flow.Dst)
		if slices.Contains(old, way{h.Link, h.Gateway}) || !asks(after.Link(h.Link)) || answered(before, after, h.Link, to) {
			continue
		}
		c.Lost, c.MayBeLost, c.In, c.Neighbour = LostUnheard, true, h.Link, to
		return
	}
}

// asPort finds out whether a way out is by a device that becomes a port, and whose neighbour is
// to be asked for its link-layer address.
func (c *Change) asPort(before, after *lookup.FIB) {
	for i := range c.After.NextHops {
		h := &c.After.NextHops[i]
		to := NeighbourOf(h, c.Flow.Dst)
		if after.Receiver(h.Link) == h.Link || before.Receiver(h.Link) != h.Link || !asks(after.Snapshot().Link(h.Link)) ||
			slices.ContainsFunc(after.Snapshot().Neighbours, func(n route.Neighbour) bool {
				return n.Link == h.Link && n.Addr == to && n.State == route.NeighbourPermanent
			}) {
			continue
		}
		c.Lost, c.MayBeLost, c.In, c.Neighbour = LostAsPort, true, h.Link, to
		return
	}
}

// NeighbourOf is who a packet is handed to: the gateway, or the destination on the link.
func NeighbourOf(h *lookup.NextHop, dst netip.Addr) netip.Addr {
	if h.Gateway.IsValid() {
		return h.Gateway
	}
	return dst
}

// asks reports whether a device asks for the link-layer addresses of its neighbours.
func asks(l *route.Link) bool {
	return l != nil && l.Flags&(route.LinkNoARP|route.LinkLoopback|route.LinkPointopoint) == 0
}

// answered reports whether a neighbour is known to be there: by a usable entry, or by one that
// was there before on the device or on one below it.
func answered(before, after *route.Snapshot, link int, to netip.Addr) bool {
	for i := range after.Neighbours {
		if n := &after.Neighbours[i]; n.Link == link && n.Addr == to {
			return n.State.Valid()
		}
	}
	return slices.ContainsFunc(before.Neighbours, func(n route.Neighbour) bool {
		return n.Addr == to && n.State.Valid() && Uses(after, link, n.Link)
	})
}

// silentGateway is the first gateway that does not answer, of those by devices with a carrier.
func silentGateway(s *route.Snapshot, d *lookup.Decision) netip.Addr {
	for i := range d.NextHops {
		if h := &d.NextHops[i]; h.Gateway.IsValid() && s.Link(h.Link).Carrier() {
			return h.Gateway
		}
	}
	return netip.Addr{}
}

// dead reports whether no way out works. A way does not work if it is without carrier
// or its gateway did not answer.
func dead(f *lookup.FIB, d *lookup.Decision) bool {
	s := f.Snapshot()
	for i := range d.NextHops {
		h := &d.NextHops[i]
		l := s.Link(h.Link)
		if l == nil || !l.Carrier() {
			continue
		}
		if !slices.ContainsFunc(s.Neighbours, func(n route.Neighbour) bool {
			return n.Link == h.Link && n.Addr == h.Gateway && n.State == route.NeighbourFailed
		}) {
			return false
		}
	}
	return len(d.NextHops) > 0
}
