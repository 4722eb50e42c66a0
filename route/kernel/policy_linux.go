package kernel

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"runtime"

	"golang.org/x/sys/unix"

	"routewhy/route"
)

// Messages and attributes of linux/xfrm.h.
const (
	xfrmMsgNewPolicy = 0x13
	xfrmMsgGetPolicy = 0x15

	xfrmaTmpl       = 5
	xfrmaPolicyType = 16
	xfrmaMark       = 21
	xfrmaIfID       = 31

	sizeofUserPolicyID = 64
	sizeofUserTmpl     = 64
	xfrmPolicyBlock    = 1
	xfrmModeTunnel     = 1
)

// sizeofUserPolicyInfo is the size of struct xfrm_userpolicy_info. The struct ends
// with padding on machines that align 64-bit numbers to 8 bytes. 386 does not.
func sizeofUserPolicyInfo() int {
	if runtime.GOARCH == "386" {
		return 164
	}
	return 168
}

// readPolicies adds the IPsec policies, which are not a part of the decision. Reading
// them needs privilege (CAP_NET_ADMIN).
func (h *Host) readPolicies(ctx context.Context, snap *route.Snapshot) error {
	s, err := h.dialTo(unix.NETLINK_XFRM, 0)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil // the kernel has no IPsec
	}
	if err != nil {
		snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactPolicies, Why: why(err)})
		return nil
	}
	defer s.close()
	_, err = s.dump(ctx, xfrmMsgGetPolicy, make([]byte, sizeofUserPolicyID), func(typ uint16, msg []byte) error {
		if typ != xfrmMsgNewPolicy {
			return nil
		}
		if p, ok := decodePolicy(msg); ok {
			snap.Policies = append(snap.Policies, p)
		}
		return nil
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		snap.Gaps = append(snap.Gaps, route.Gap{Fact: route.FactPolicies, Private: errors.Is(err, unix.EPERM), Why: why(err)})
	}
	return nil
}

// decodePolicy decodes struct xfrm_userpolicy_info and what follows it. False: the
// message is cut short, or the policy is not for packets of this host's devices (a
// subordinate policy, a policy of an xfrm interface, or one without a family).
func decodePolicy(msg []byte) (route.Policy, bool) {
	if len(msg) < sizeofUserPolicyInfo() {
		return route.Policy{}, false
	}
	family := familyOf(byte(binary.NativeEndian.Uint16(msg[40:])))
	p := route.Policy{
		Dir: route.PolicyDir(msg[160]), Block: msg[161] == xfrmPolicyBlock, Priority: binary.NativeEndian.Uint32(msg[152:]),
		Dst: xfrmPrefix(family, msg[0:16], msg[42]), Src: xfrmPrefix(family, msg[16:32], msg[43]), Proto: msg[44],
		DstPort: binary.BigEndian.Uint16(msg[32:]), DstPortMask: binary.BigEndian.Uint16(msg[34:]),
		SrcPort: binary.BigEndian.Uint16(msg[36:]), SrcPortMask: binary.BigEndian.Uint16(msg[38:]),
		Link: int(int32(binary.NativeEndian.Uint32(msg[48:]))),
	}
	ok := p.Dst.IsValid() && p.Src.IsValid()
	for a := (attrs{rest: msg[sizeofUserPolicyInfo():]}); a.next(); {
		switch {
		case a.typ == xfrmaTmpl:
			p.Transforms = len(a.data) / sizeofUserTmpl
			if p.Transforms > 0 && a.data[48] == xfrmModeTunnel {
				p.Tunnel = xfrmAddr(familyOf(byte(binary.NativeEndian.Uint16(a.data[24:]))), a.data[0:16])
			}
		case a.typ == xfrmaMark && len(a.data) >= 8:
			p.Mark, p.MarkMask = binary.NativeEndian.Uint32(a.data), binary.NativeEndian.Uint32(a.data[4:])
		case a.typ == xfrmaPolicyType:
			ok = ok && len(a.data) > 0 && a.data[0] == 0
		case a.typ == xfrmaIfID:
			ok = ok && a.u32() == 0
		}
	}
	return p, ok
}

// xfrmAddr is an xfrm_address_t; the zero Addr for no family.
func xfrmAddr(f route.Family, b []byte) netip.Addr {
	switch f {
	case route.IPv4:
		return netip.AddrFrom4([4]byte(b[:4]))
	case route.IPv6:
		return netip.AddrFrom16([16]byte(b))
	}
	return netip.Addr{}
}

func xfrmPrefix(f route.Family, b []byte, bits uint8) netip.Prefix {
	return netip.PrefixFrom(xfrmAddr(f, b), int(bits)).Masked()
}
