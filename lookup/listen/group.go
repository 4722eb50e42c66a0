package listen

import (
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// A socket that is bound to a multicast group or to a broadcast address takes what is sent
// there. If it answers, its answers have another source, which it chooses itself. So it is
// only told who can send to it, and Answered is unknown.

// CodeNotJoined: the uplink has not joined the group, and drops its packets.
const CodeNotJoined lookup.Code = lookup.Code(lookup.ShortcutNotJoined)

// CodeAnswerElsewhere: the answer has another source than the address that was asked.
const CodeAnswerElsewhere lookup.Code = "answer-from-elsewhere"

// group gives the address of a socket that is bound to a group or a broadcast address, and
// who can send to it. TCP takes nothing there (tcp_v4_rcv, and tcp_v6_conn_request).
func (h *Host) group(s *route.Socket) []Local {
	if s.Proto == route.ProtoTCP {
		return nil
	}
	a := s.Local.Addr().Unmap()
	l := Local{Prefix: netip.PrefixFrom(a, a.BitLen())}
	k := h.askerOf(route.FamilyOf(a))
	for _, up := range k.links {
		if takesFrom(h.snap, s, up) && !(a.Is6() && groupScope(a) < 2) { // ip6_rcv_core drops packets to such groups
			l.Views = append(l.Views, k.senders(up, a, s))
		}
	}
	l.Self = h.groupSelf(a)
	return []Local{l}
}

// senders is who can send to a group by an uplink.
func (k *asker) senders(uplink int, a netip.Addr, s *route.Socket) View {
	labels := make([]int, len(k.cells))
	for i := range k.cells {
		c := &k.cells[i]
		if labels[i] = noLabel; !c.client || k.leftOut(c, uplink) {
			continue
		}
		d := k.searcher.Lookup(route.Flow{
			Dst: a, Src: c.first, In: uplink, UID: route.NoUID, Proto: s.Proto, SrcPort: clientPort, DstPort: s.Local.Port(),
		})
		labels[i] = k.place(k.toGroup(&d))
	}
	return View{uplink, k.classes(labels, uplink, IsLinkGroup(a))}
}

// toGroup is the outcome of the decision about a packet to a group.
func (k *asker) toGroup(d *lookup.Decision) Outcome {
	switch {
	case d.Shortcut == lookup.ShortcutNotJoined:
		return Outcome{Delivered: route.No, Answered: route.No, Reason: lookup.Reason{Code: CodeNotJoined}}
	case d.Disposition == lookup.DispositionMulticast, d.Disposition == lookup.DispositionBroadcast:
		return Outcome{Delivered: route.Yes, Reason: lookup.Reason{Code: CodeAnswerElsewhere}}
	}
	return arrival(d)
}

// IsLinkGroup reports whether routers do not forward packets to an address from one link to
// another. These are 224.0.0.0/24 (RFC 5771 section 4), 255.255.255.255, and IPv6 groups
// whose scope is the link or less (RFC 4291 section 2.7).
func IsLinkGroup(a netip.Addr) bool {
	if a.Is4() {
		return a.IsLinkLocalMulticast() || a == broadcast4()
	}
	return a.IsMulticast() && groupScope(a) <= 2
}

// broadcast4 is the address of all hosts on a link.
func broadcast4() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// groupScope is the scope of an IPv6 group: 1 is this host, 2 a link.
func groupScope(a netip.Addr) byte { return a.As16()[1] & 0x0f }

// groupSelf reports whether this host gets packets that it sends itself to a group or a
// broadcast address. Only the device that sends them must have joined the group, and that
// may be any device, even lo.
func (h *Host) groupSelf(a netip.Addr) bool {
	known := false
	for i := range h.snap.Memberships {
		m := &h.snap.Memberships[i]
		if m.Is6() == a.Is6() && slices.Contains(m.Groups, a) {
			return true
		}
		known = known || m.Is6() == a.Is6()
	}
	return !known || !a.IsMulticast()
}
