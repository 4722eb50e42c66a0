package kernel

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/route"
)

// TestPolicies reads policies that ip(8) made, and leaves out those that are not for
// packets of this host's devices.
func TestPolicies(t *testing.T) {
	isolate(t)
	ip(t, "link set lo up\n"+
		"xfrm policy add src 192.0.2.0/24 dst 203.0.113.0/24 dir out priority 9 tmpl src 192.0.2.2 dst 198.51.100.9 proto esp mode tunnel\n"+
		"xfrm policy add src 2001:db8::/32 dst ::/0 proto tcp dport 443 dir in action block priority 5 mark 1 mask 3\n"+
		"xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 dir fwd if_id 7\n")
	s := read(t, open(t), route.Query{Policies: true})
	if why := s.WhyLacks(route.FactPolicies, 0); strings.HasPrefix(why, "EOPNOTSUPP") { // 32 bits under a kernel of 64
		missing(t, "IPsec of this kernel for this program", errors.New(why))
	}
	want := []route.Policy{{
		Dir: route.PolicyOut, Src: prefix("192.0.2.0/24"), Dst: prefix("203.0.113.0/24"), Priority: 9,
		Transforms: 1, Tunnel: addr("198.51.100.9"),
	}, {
		Dir: route.PolicyIn, Src: prefix("2001:db8::/32"), Dst: prefix("::/0"), Proto: 6, DstPort: 443, DstPortMask: 0xffff,
		Priority: 5, Mark: 1, MarkMask: 3, Block: true,
	}}
	got := s.Policies
	if len(got) == 2 && got[0].Dir != route.PolicyOut { // the dump may have another order
		got[0], got[1] = got[1], got[0]
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if s := read(t, open(t), route.Query{}); s.Policies != nil {
		t.Errorf("not asked for: %v", s.Policies)
	}
}

func FuzzDecodePolicy(f *testing.F) {
	msg := make([]byte, sizeofUserPolicyInfo())
	msg[40], msg[42], msg[160] = 2, 24, 1
	f.Add(append(msg, append([]byte{68, 0, xfrmaTmpl, 0}, make([]byte, sizeofUserTmpl)...)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := decodePolicy(b)
		if ok && (!p.Src.IsValid() || !p.Dst.IsValid()) {
			t.Errorf("%+v", p)
		}
		if ok {
			p.Selects(&route.Flow{Dst: netip.IPv6Unspecified()}, netip.IPv4Unspecified(), 1)
			_ = p.Dir.String()
		}
	})
}
