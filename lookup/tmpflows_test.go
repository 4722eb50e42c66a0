//go:build linux

package lookup_test

import (
	"math/rand/v2"
	"net/netip"

	"routewhy/route"
)

func tmpFlows(rng *rand.Rand, s *route.Snapshot, n int, input bool) []route.Flow {
	var dsts, srcs4, srcs6 []netip.Addr
	add := func(p netip.Prefix) {
		a := p.Addr().AsSlice()
		dsts = append(dsts, p.Addr())
		b := append([]byte(nil), a...)
		for i := p.Bits(); i < len(b)*8; i++ {
			b[i/8] |= 0x80 >> (i % 8)
		}
		last, _ := netip.AddrFromSlice(b)
		dsts = append(dsts, last)
		for i := p.Bits(); i < len(b)*8; i++ {
			if rng.IntN(2) == 0 {
				b[i/8] &^= 0x80 >> (i % 8)
			}
		}
		in, _ := netip.AddrFromSlice(b)
		dsts = append(dsts, in)
	}
	for _, r := range s.Routes {
		add(r.Dst)
		for _, h := range r.NextHops {
			if h.Gateway.IsValid() {
				dsts = append(dsts, h.Gateway)
			}
		}
		if r.Src.IsValid() {
			srcs6 = append(srcs6, r.Src.Addr())
		}
	}
	for _, a := range s.Addrs {
		dsts = append(dsts, a.Prefix.Addr())
		if a.Prefix.Addr().Is4() {
			srcs4 = append(srcs4, a.Prefix.Addr())
		} else {
			srcs6 = append(srcs6, a.Prefix.Addr())
		}
	}
	for _, x := range []string{"0.0.0.0", "0.0.0.5", "255.255.255.255", "224.0.0.9", "239.1.1.1", "8.8.8.8", "127.9.9.9", "240.0.0.1", "2001:db8:ffff::1", "::1", "ff02::1", "fe80::9", "::"} {
		dsts = append(dsts, netip.MustParseAddr(x))
	}
	srcs4 = append(srcs4, netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.7"))
	srcs6 = append(srcs6, netip.MustParseAddr("2001:db8:77::1"))
	var out []route.Flow
	for len(out) < n {
		f := route.Flow{Dst: dsts[rng.IntN(len(dsts))]}
		is4 := f.Dst.Is4()
		pick := func(p float64) bool { return rng.Float64() < p }
		srcs := srcs6
		if is4 {
			srcs = srcs4
			f.Proto = []uint8{17, 17, 6, 1}[rng.IntN(4)]
		} else if pick(0.5) {
			f.Proto = []uint8{17, 6, 58}[rng.IntN(3)]
		}
		if pick(0.4) || input {
			f.Src = srcs[rng.IntN(len(srcs))]
			if input && pick(0.5) {
				f.Src = dsts[rng.IntN(len(dsts))]
				if f.Src.Is4() != is4 {
					continue
				}
			}
		}
		if input {
			f.In = s.Links[rng.IntN(len(s.Links))].Index
			if !is4 && f.Dst.IsMulticast() {
				continue
			}
			if is4 && f.Dst.IsMulticast() {
				continue
			}
		} else if pick(0.25) {
			f.Out = s.Links[rng.IntN(len(s.Links))].Index
		}
		if len(s.Rules) > 0 && pick(0.7) {
			r := &s.Rules[rng.IntN(len(s.Rules))].Selector
			if r.MarkMask != 0 {
				f.Mark = r.Mark
			}
			if r.HasUIDs {
				f.UID = r.UIDs.Start
			}
			if r.TOS != 0 {
				f.TOS = r.TOS
			}
			if r.HasDSCP {
				f.TOS = r.DSCP << 2
			}
			if r.Proto == 6 || r.Proto == 17 || r.Proto == 1 && is4 {
				f.Proto = r.Proto
			}
			if r.SrcPort.Start != 0 {
				f.SrcPort = r.SrcPort.Start + uint16(rng.IntN(2))
			}
			if r.DstPort.Start != 0 {
				f.DstPort = r.DstPort.Start + uint16(rng.IntN(2))
			}
			if !is4 && r.FlowLabelMask != 0 {
				f.FlowLabel = r.FlowLabel
			}
		}
		if pick(0.1) {
			f.Mark = rng.Uint32N(64)
		}
		if pick(0.1) {
			f.TOS = uint8(rng.IntN(64)) << 2
		}
		if pick(0.1) {
			f.UID = rng.Uint32N(3000)
		}
		if input && is4 {
			f.UID = 0
		} else if input {
			f.UID = route.NoUID
		}
		out = append(out, f)
	}
	return out
}
