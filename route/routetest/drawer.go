package routetest

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"routewhy/route"
)

// drawer draws the parts of one flow.
type drawer struct {
	rng *rand.Rand
	*pool
}

func (d *drawer) chance(percent int) bool { return d.rng.IntN(100) < percent }

// one draws from a list. An empty list gives the zero value.
func one[T any](d *drawer, list []T) (v T) {
	if len(list) > 0 {
		v = list[d.rng.IntN(len(list))]
	}
	return v
}

// some draws from a list with a probability of percent. Otherwise it gives the zero value.
func some[T any](d *drawer, percent int, list []T) (v T) {
	if d.chance(percent) {
		v = one(d, list)
	}
	return v
}

// output is a packet that the host sends.
func (d *drawer) output() route.Flow {
	f := d.anyFlow()
	f.Dst = d.address()
	f.Out = some(d, 25, d.links)
	f.UID = some(d, 55, d.uids)
	switch {
	case d.chance(45):
		f.Src = one(d, d.own)
	case d.chance(12):
		f.Src = d.address()
	case d.chance(10) && len(d.fromTo) > 0:
		f.Src = d.edge(one(d, d.fromTo))
	}
	return f
}

// input is a packet that the host receives.
func (d *drawer) input() route.Flow {
	f := d.anyFlow()
	f.In = one(d, d.links)
	for f.Dst = d.address(); f.Dst.Is6() && f.Dst.IsMulticast(); {
		f.Dst = d.address() // the kernel does not answer for those (EMSGSIZE)
	}
	f.Src = d.sender()
	if d.family == route.IPv6 {
		f.UID = route.NoUID
		if len(d.uids) > 0 && d.chance(15) {
			f.UID = one(d, d.uids)
		}
	}
	return f
}

// sender draws the source of a received packet. Most are plausible.
func (d *drawer) sender() netip.Addr {
	switch n := d.rng.IntN(100); {
	case n < 4:
		return netip.Addr{}
	case n < 35 && len(d.gates) > 0:
		return one(d, d.gates)
	case n < 60 && len(d.kernels) > 0:
		return d.inside(one(d, d.kernels))
	case n < 75 && len(d.prefixes) > 0:
		return d.inside(one(d, d.prefixes))
	}
	return d.address()
}

// anyFlow draws what packets of both directions have.
func (d *drawer) anyFlow() route.Flow {
	f := route.Flow{
		Mark: some(d, 55, d.marks), TOS: some(d, 55, d.toses),
		SrcPort: some(d, 55, d.sports), DstPort: some(d, 55, d.dports),
		Proto: d.proto(),
	}
	if d.family == route.IPv6 {
		f.FlowLabel = some(d, 55, d.labels)
	}
	if d.chance(5) {
		f.TOS = uint8(d.rng.Uint32())
	}
	if d.chance(5) {
		f.Mark = d.rng.Uint32N(4)
	}
	return f
}

// proto is a protocol that RTM_GETROUTE takes.
func (d *drawer) proto() uint8 {
	other, icmp := uint8(0), uint8(58)
	if d.family == route.IPv4 {
		other, icmp = protoUDP, 1
	}
	known := []uint8{other, other, protoUDP, 6, icmp}
	if p := some(d, 50, d.protos); p != 0 {
		for _, k := range known {
			if p == k {
				return p
			}
		}
	}
	return one(d, known)
}

// address draws an address that a packet goes to or comes from.
func (d *drawer) address() netip.Addr {
	var a netip.Addr
	switch n := d.rng.IntN(100); {
	case n < 32 && len(d.prefixes) > 0:
		return d.edge(one(d, d.prefixes))
	case n < 45 && len(d.kernels) > 0:
		return d.edge(one(d, d.kernels))
	case n < 57:
		a = one(d, d.own)
	case n < 67:
		a = one(d, d.gates)
	case n < 77 && len(d.fromTo) > 0:
		return d.edge(one(d, d.fromTo))
	case n < 89:
		a = one(d, d.special)
	}
	if !a.IsValid() {
		a = d.inside(netip.PrefixFrom(d.special[0], 0)) // anywhere
	}
	return a
}

// edge draws an address at a boundary of a prefix, or inside.
func (d *drawer) edge(p netip.Prefix) netip.Addr {
	p = p.Masked()
	a := p.Addr()
	switch d.rng.IntN(6) {
	case 0:
		a = route.LastAddr(p)
	case 1:
		a = p.Addr().Prev()
	case 2:
		a = route.LastAddr(p).Next()
	case 3, 4:
		a = d.inside(p)
	}
	if !a.IsValid() { // there is nothing beyond
		return p.Addr()
	}
	return a
}

// inside draws any address of a prefix.
func (d *drawer) inside(p netip.Prefix) netip.Addr {
	var noise [16]byte
	binary.NativeEndian.PutUint64(noise[:], d.rng.Uint64())
	binary.NativeEndian.PutUint64(noise[8:], d.rng.Uint64())
	return fill(p, noise[:])
}

// fill is an address in a prefix with the host bits of host.
func fill(p netip.Prefix, host []byte) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := range b {
		mask := byte(0xff >> min(max(p.Bits()-8*i, 0), 8))
		b[i] |= host[i] & mask
	}
	a, _ := netip.AddrFromSlice(b) // its length is right
	return a
}
