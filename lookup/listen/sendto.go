package listen

import (
	"fmt"
	"net/netip"
	"slices"

	"routewhy/lookup"
	"routewhy/route"
)

// If a UDP server is bound to every address and answers by sendto(2), the routing decision
// chooses the source of its answers (udp_sendmsg in net/ipv4/udp.c, udpv6_sendmsg in
// net/ipv6/udp.c). Only a server that passes back the address from IP_PKTINFO (ip(7)) or
// IPV6_PKTINFO (RFC 3542 section 6) answers from the address that was asked. It is not
// known which of the two a program does.

// LeavesSource reports whether the kernel may have to choose the source of a socket's
// answers: the socket is a UDP socket, bound to every address, and not connected.
func LeavesSource(s *route.Socket) bool {
	return s.Proto == route.ProtoUDP && s.Local.Addr().Unmap().IsUnspecified() && s.Remote.Port() == 0
}

// Sendto is the answer that a socket sends to a packet by sendto(2), without a source. False:
// it is not known to whom the answer goes.
func (p *Packet) Sendto(s *route.Socket) (route.Flow, bool) {
	to := p.Src
	if !to.Addr().IsValid() || to.Addr().IsUnspecified() {
		return route.Flow{}, false
	}
	link := s.Link
	if isLink(to.Addr()) {
		link = p.Dev // recvfrom(2) names it
	}
	return sendto(s, to, link), true
}

// sendto is a packet from a socket to a client, by a device; zero: by any device.
func sendto(s *route.Socket, to netip.AddrPort, link int) route.Flow {
	return route.Flow{
		Dst: to.Addr(), Out: link, Bound: s.Link != 0, Mark: s.Mark, UID: s.UID, Proto: s.Proto,
		SrcPort: s.Local.Port(), DstPort: to.Port(), Transparent: s.Transparent,
	}
}

// LookupSendto decides about a packet that is sent by sendto(2) without a source. If the first
// look-up fails, IPv6 looks up again with the source that it chooses (ip6_dst_lookup_tail in
// net/ipv6/ip6_output.c). IPv4 does not.
func LookupSendto(f *lookup.FIB, flow route.Flow) lookup.Decision {
	if flow.Dst.Is6() {
		return f.LookupConnected(flow)
	}
	return f.Lookup(flow)
}

// SourceClass are clients to whom a socket's answers by sendto(2) have the same source.
type SourceClass struct {
	// Clients are prefixes of their addresses. Of all classes, the longest prefix that
	// covers a client says which one it is in.
	Clients []netip.Prefix
	// Sources are the addresses that an answer may get as its source. Errno is the error
	// of sendto(2) if there is no answer. If both are empty, the clients get no answer
	// from any source.
	Sources []netip.Addr
	Errno   route.Errno
}

// Sources are the sources of the answers that a socket sends by sendto(2). The clients are
// those that ask an address in the prefix asked, and could get an answer from that address.
// If asked is the zero Prefix, they may ask any address. The result is nil if all clients get
// answers from the address that they asked. Left out are this host itself as a client,
// link-local IPv6 addresses of clients and of this host, and this host's anycast addresses,
// whose answers come from others by design.
func (h *Host) Sources(s *route.Socket, fam route.Family, asked netip.Prefix) []SourceClass {
	if !LeavesSource(s) {
		return nil
	}
	locals := slices.DeleteFunc(slices.Clone(h.reach(s, ScopeAll).locals), func(l Local) bool {
		return l.Anycast || route.FamilyOf(l.Addr()) != fam || isLink(l.Addr()) || asked.IsValid() && !l.Prefix.Overlaps(asked)
	})
	if len(locals) == 0 {
		return nil
	}
	key := sourcesKey{h.keyOf(s, ScopeAll), fam, asked}
	if all, ok := h.sources[key]; ok {
		return all
	}
	all := h.askerOf(fam).sources(h, locals, s)
	h.sources[key] = all
	return all
}

// sourcesKey is the same for sockets whose answers have the same sources.
type sourcesKey struct {
	reachKey
	fam   route.Family
	asked netip.Prefix
}

// sources are the sources of the answers to all clients that can get an answer from some of
// the addresses.
func (k *asker) sources(h *Host, locals []Local, s *route.Socket) []SourceClass {
	asked := k.askedBy(h, locals, s)
	labels := make([]int, len(k.cells))
	var all []SourceClass
	ids := map[string]int{}
	differs := false
	for i := range k.cells {
		c := &k.cells[i]
		labels[i] = noLabel
		if !c.client || isLink(c.first) {
			continue
		}
		if len(asked[i]) == 0 { // no answer arrives, whatever its source is
			if labels[i] = number(ids, ""); labels[i] == len(all) {
				all = append(all, SourceClass{})
			}
			continue
		}
		d := LookupSendto(k.fib, sendto(s, netip.AddrPortFrom(c.first, clientPort), s.Link))
		one := SourceClass{Sources: d.Sources(), Errno: d.Errno}
		if d.Disposition == lookup.DispositionUnknown || one.Errno == 0 && !slices.ContainsFunc(one.Sources, netip.Addr.IsValid) {
			continue // not known
		}
		labels[i] = number(ids, fmt.Sprint(one.Sources, one.Errno))
		if labels[i] == len(all) {
			all = append(all, one)
		}
		differs = differs || one.Errno != 0 || slices.ContainsFunc(asked[i], func(a netip.Addr) bool { return !slices.Equal(one.Sources, []netip.Addr{a}) })
	}
	if !differs {
		return nil
	}
	return k.sourceClasses(all, labels)
}

// sourceClasses gives classes their clients. The first class has the prefix of length 0.
func (k *asker) sourceClasses(all []SourceClass, labels []int) []SourceClass {
	size, most := map[int]float64{}, -1
	for i, label := range labels {
		if label != noLabel {
			size[label] += k.size(i)
		}
	}
	for label := range all {
		if most < 0 || size[label] > size[most] {
			most = label
		}
	}
	var out []SourceClass
	at := map[int]int{}
	for _, p := range prefixes(k.cells, labels, most, k.cuts) {
		if _, ok := at[p.label]; !ok {
			at[p.label] = len(out)
			out = append(out, all[p.label])
		}
		c := &out[at[p.label]]
		c.Clients = append(c.Clients, p.prefix)
	}
	return out
}

// askedBy gives for each cell the addresses that its clients can ask and get answers from. It
// gives at most two for a cell.
func (k *asker) askedBy(h *Host, locals []Local, s *route.Socket) [][]netip.Addr {
	out := make([][]netip.Addr, len(k.cells))
	alike := h.asked[route.FamilyOf(locals[0].Addr())].of(s)
	for i := range locals {
		l := &locals[i]
		a, of := l.Addr(), h.kind(l.Addr())
		for j := range l.Views {
			v := &l.Views[j]
			if len(v.Classes) == 0 || v.Classes[0].Reason.Code == CodeOtherSocket {
				continue
			}
			key := k.keyOf(v.Uplink, a, of, s, h.at(alike, a))
			for c, label := range k.labels(&key) {
				if label == noLabel || len(out[c]) > 1 || slices.Contains(out[c], a) {
					continue
				}
				if o := &k.outcomes[label]; o.Delivered == route.Yes && o.Answered != route.No {
					out[c] = append(out[c], a)
				}
			}
		}
	}
	return out
}
