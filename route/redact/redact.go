// Package redact replaces what must not become public in a snapshot: public
// addresses, by others that keep the structure of prefixes, and the names of
// processes. Two addresses that had their first n bits in common still do, so
// every decision stays what it was (Xu, Fan, Ammar, Moon: Prefix-Preserving IP
// Address Anonymization, 2002, section 3).
package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"

	"routewhy/route"
)

// Mapping replaces addresses. It is the secret: whoever has the key can undo
// it.
type Mapping struct {
	key   []byte
	flips map[netip.Prefix]byte
}

// New makes a mapping from a key, which is to be random and forgotten.
func New(key []byte) *Mapping { return &Mapping{key, map[netip.Prefix]byte{}} }

// kept are the blocks that stay as they are: they say nothing about who uses
// them, and the kernel or RFC 6724 treats many of them apart.
func kept(a netip.Addr) []netip.Prefix {
	v4 := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	}
	v6 := []string{"::/3", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "3ffe::/16", "4000::/2", "8000::/1"}
	var out []netip.Prefix
	for _, s := range map[bool][]string{true: v4, false: v6}[a.Is4()] {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// Addr replaces an address. Addresses of the blocks that are kept stay; none
// other becomes one of them.
func (m *Mapping) Addr(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return a
	}
	if a.Is4In6() {
		return netip.AddrFrom16(m.Addr(a.Unmap()).As16())
	}
	blocks := kept(a)
	out := a.AsSlice()
	for i := range a.BitLen() {
		above, _ := a.WithZone("").Prefix(i)
		blocks = slices.DeleteFunc(blocks, func(b netip.Prefix) bool { return !b.Overlaps(above) })
		if len(blocks) == 0 && m.flip(above) {
			out[i/8] ^= 0x80 >> (i % 8)
		}
	}
	mapped, _ := netip.AddrFromSlice(out)
	return mapped.WithZone(a.Zone())
}

// flip says whether the bit behind a prefix is turned.
func (m *Mapping) flip(p netip.Prefix) bool {
	bit, ok := m.flips[p]
	if !ok {
		h := hmac.New(sha256.New, m.key)
		b, _ := p.MarshalBinary()
		h.Write(b)
		bit = h.Sum(nil)[0] & 1
		if len(m.flips) < 1<<20 {
			m.flips[p] = bit
		}
	}
	return bit == 1
}

// Prefix replaces a prefix, and keeps its length.
func (m *Mapping) Prefix(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return p
	}
	q := netip.PrefixFrom(m.Addr(p.Addr()), p.Bits())
	if p == p.Masked() && !p.IsSingleIP() {
		return q.Masked()
	}
	return q
}

// Snapshot gives a copy of a snapshot with everything replaced.
func (m *Mapping) Snapshot(s *route.Snapshot) *route.Snapshot {
	o := *s
	o.Addrs = slices.Clone(s.Addrs)
	for i := range o.Addrs {
		a := &o.Addrs[i]
		a.Prefix, a.Peer, a.Broadcast = m.whole(a.Prefix), m.whole(a.Peer), m.Addr(a.Broadcast)
	}
	o.Rules = slices.Clone(s.Rules)
	for i := range o.Rules {
		sel := &o.Rules[i].Selector
		sel.Src, sel.Dst = m.Prefix(sel.Src), m.Prefix(sel.Dst)
	}
	o.Routes = slices.Clone(s.Routes)
	for i := range o.Routes {
		m.route(&o.Routes[i])
	}
	o.NextHops = slices.Clone(s.NextHops)
	for i := range o.NextHops {
		o.NextHops[i].NextHop.Gateway = m.Addr(o.NextHops[i].NextHop.Gateway)
	}
	o.Neighbours = slices.Clone(s.Neighbours)
	for i := range o.Neighbours {
		o.Neighbours[i].Addr = m.Addr(o.Neighbours[i].Addr)
	}
	o.Labels = slices.Clone(s.Labels)
	for i := range o.Labels {
		o.Labels[i].Prefix = m.Prefix(o.Labels[i].Prefix)
	}
	o.Sockets = m.sockets(s.Sockets)
	return &o
}

// whole replaces an address with the length of its network.
func (m *Mapping) whole(p netip.Prefix) netip.Prefix {
	if !p.IsValid() {
		return p
	}
	return netip.PrefixFrom(m.Addr(p.Addr()), p.Bits())
}

func (m *Mapping) route(r *route.Route) {
	r.Dst, r.Src, r.PrefSrc = m.Prefix(r.Dst), m.Prefix(r.Src), m.Addr(r.PrefSrc)
	r.NextHops = slices.Clone(r.NextHops)
	for i := range r.NextHops {
		r.NextHops[i].Gateway = m.Addr(r.NextHops[i].Gateway)
	}
	r.Unknown = slices.Clone(r.Unknown)
	for i := range r.Unknown {
		r.Unknown[i].Data = nil
	}
}

func (m *Mapping) sockets(all []route.Socket) []route.Socket {
	out := slices.Clone(all)
	for i := range out {
		x := &out[i]
		x.Local = netip.AddrPortFrom(m.Addr(x.Local.Addr()), x.Local.Port())
		x.Remote = netip.AddrPortFrom(m.Addr(x.Remote.Addr()), x.Remote.Port())
		x.Owners = slices.Clone(x.Owners)
		for k := range x.Owners {
			x.Owners[k].Name = fmt.Sprintf("process%d", x.Owners[k].PID)
		}
	}
	return out
}
