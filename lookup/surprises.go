package lookup

import (
	"net/netip"
	"slices"

	"routewhy/route"
)

// Notes about addresses and devices that are set up so that no answer comes.
const (
	NoteTentative      Code = "tentative-address" // an IPv6 address may not be a source; Have: it, Want: failed where another host has it
	NoteZeroconf       Code = "zeroconf"          // a device has no address but one that it gave itself; Have: its name, Want: the address
	NoteNetworkAddress Code = "network-address"   // the destination is the first address of a network; Have: the network
	NoteForwardingOff4 Code = "ip-forward"        // IPv4 is not forwarded; Have: the device
	NoteGroupRoute     Code = "group-route"       // a group has no route, or the default route's; Have: the device
	NoteHostAddress    Code = "host-address"      // an address without a network is near the destination; Have: it, Want: the network
)

// surprises finds these for a decision.
func (f *FIB) surprises(t *Trace) []Note {
	var out []Note
	d := &t.Decision
	add := func(code Code, want, have any) {
		out = append(out, Note{Reason: Reason{Code: code, Want: want, Have: have}, Route: &d.Route})
	}
	if d.Shortcut == ShortcutNoForwarding {
		add(NoteForwardingOff4, nil, f.snap.LinkName(t.Flow.In))
	}
	if a := f.tentative(t); a != nil {
		why := ""
		if a.Flags&route.AddrDADFailed != 0 {
			why = "failed"
		}
		add(NoteTentative, why, a.Prefix.Addr())
	}
	if n := d.Route.Dst; d.Disposition == DispositionUnicast && d.HasRoute && n.Addr() == t.Flow.Dst && n.Addr().Is4() &&
		n.Bits() > 0 && n.Bits() < 31 && !d.NextHops[0].Gateway.IsValid() && f.ownNetwork(d.NextHops[0].Link, n) {
		add(NoteNetworkAddress, nil, n)
	}
	if dev, group := f.groupRoute(t); group {
		add(NoteGroupRoute, nil, dev)
	}
	if a, net := f.hostAddress(t); a.IsValid() {
		add(NoteHostAddress, net, a)
	}
	return out
}

// ownNetwork reports whether a prefix is the network of an address of a device. A route
// may have any other, half of a network say, whose first address is a host's.
func (f *FIB) ownNetwork(link int, n netip.Prefix) bool {
	dev := f.byIndex[link]
	return dev != nil && slices.ContainsFunc(dev.addrs4, func(a *route.Addr) bool { return subnet(a) == n })
}

// tentative is an address of the output device that would be the source, if duplicate
// address detection had accepted it (RFC 4862 section 5.4).
func (f *FIB) tentative(t *Trace) *route.Addr {
	d := &t.Decision
	src := t.Source.Addr
	if t.Flow.Dst.Is4() || t.Flow.In != 0 || len(d.NextHops) == 0 || d.Disposition != DispositionUnicast || t.Flow.Dst.IsLinkLocalUnicast() ||
		src.IsValid() && !src.IsLoopback() && !src.IsLinkLocalUnicast() {
		return nil
	}
	dev := f.byIndex[d.NextHops[0].Link]
	if dev == nil {
		return nil
	}
	for _, a := range dev.addrs6 {
		if a.Flags&(route.AddrTentative|route.AddrDADFailed) != 0 && !a.Prefix.Addr().IsLinkLocalUnicast() {
			return a
		}
	}
	return nil
}

// zeroconf finds devices whose only IPv4 address is one that they gave themselves: a DHCP
// client does that if it gets no answer (RFC 3927).
func (f *FIB) zeroconf() []Note {
	for _, d := range f.devices {
		if !d.Up() || len(d.addrs4) != 1 || !d.addrs4[0].Prefix.Addr().IsLinkLocalUnicast() {
			continue
		}
		// An address with another prefix length, or on a device without neighbours, was
		// given by somebody: RFC 3927 section 2.1 uses the whole /16.
		if d.addrs4[0].Prefix.Bits() != 16 || d.addrs4[0].Peer.IsValid() || d.Flags&(route.LinkPointopoint|route.LinkNoARP) != 0 {
			continue
		}
		return []Note{{Reason: Reason{NoteZeroconf, d.addrs4[0].Prefix.Addr(), d.Name}}}
	}
	return nil
}

// groupRoute reports whether a group or a limited broadcast has no route, or only the
// default route's although there are other devices for it.
func (f *FIB) groupRoute(t *Trace) (string, bool) {
	d := &t.Decision
	if t.Flow.In != 0 || t.Flow.Out != 0 || !t.Flow.Dst.Is4() || !isMulticast4(t.Flow.Dst) && !isBroadcast4(t.Flow.Dst) {
		return "", false
	}
	if d.Disposition == DispositionNoRoute {
		return "", true
	}
	if !d.Default() || len(d.NextHops) != 1 {
		return "", false
	}
	for _, o := range f.devices {
		if o.Up() && o.Index != d.NextHops[0].Link && o.Flags&route.LinkLoopback == 0 && len(o.addrs4) > 0 {
			return f.snap.LinkName(d.NextHops[0].Link), true
		}
	}
	return "", false
}

// hostAddress finds, for a destination without a route, an address of this host that has
// no network. In a network of usual length, the two would be neighbours.
func (f *FIB) hostAddress(t *Trace) (addr, net netip.Prefix) {
	bits := 24
	if t.Flow.Dst.Is6() {
		bits = 64
	}
	if t.Decision.Disposition != DispositionNoRoute {
		return addr, net
	}
	for _, d := range f.devices {
		for _, a := range append(d.addrs4[:len(d.addrs4):len(d.addrs4)], d.addrs6...) {
			n := netip.PrefixFrom(a.Prefix.Addr(), bits)
			if !a.Prefix.IsSingleIP() || !n.IsValid() || !n.Contains(t.Flow.Dst) || a.Peer.IsValid() || d.Index == route.LoopbackIndex {
				continue
			}
			if p, ok := f.onLink(t.Flow.Dst, d.Index); ok && !p.IsSingleIP() { // it is in some table
				break
			}
			return a.Prefix, n
		}
	}
	return addr, net
}
