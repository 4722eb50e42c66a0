package kernel

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"routewhy/route"
)

// be is an attribute that is a number in network order.
func be(typ uint16, n uint32) []byte {
	return appendAttr(nil, typ, binary.BigEndian.AppendUint32(nil, n))
}

func str(typ uint16, s string) []byte { return appendAttr(nil, typ, append([]byte(s), 0)) }

func nest(typ uint16, parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return appendAttr(nil, typ, all)
}

// expr is an expression of a rule.
func expr(name string, parts ...[]byte) []byte {
	return nest(nftaListElem, str(nftaExprName, name), nest(nftaExprData, parts...))
}

func data(typ uint16, n uint32) []byte {
	return nest(typ, appendAttr32(nil, nftaDataValue, n))
}

func load(n uint32) []byte {
	return expr("immediate", be(nftaImmediateDReg, 1), data(nftaImmediateData, n))
}

func words(n ...uint32) []byte {
	var b []byte
	for _, w := range n {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

func target(name string, rev uint32, info []byte) []byte {
	return expr("target", str(nftaTargetName, name), be(nftaTargetRev, rev), nest(nftaTargetInfo, info))
}

// TestMarkers decodes rules of nftables and of iptables-nft that set marks, and how packets
// come to them.
func TestMarkers(t *testing.T) {
	set := expr("meta", be(nftaMetaKey, nftMark), be(nftaMetaSReg, 1))
	get := expr("meta", be(nftaMetaKey, nftMark), be(nftaMetaDReg, 8))
	masked := func(mask, xor uint32) []byte {
		return expr("bitwise", be(nftaBitwiseSReg, 1), be(nftaBitwiseDReg, 1), data(nftaBitwiseMask, mask), data(nftaBitwiseXor, xor))
	}
	all := ^uint32(0)
	for name, c := range map[string]struct {
		exprs [][]byte
		want  route.Marker // without its place
		none  bool
	}{
		"set":           {exprs: [][]byte{load(7), set}, want: route.Marker{Mark: 7, Set: all}},
		"counter":       {exprs: [][]byte{expr("counter", appendAttr(nil, nftaCounterPackets, binary.BigEndian.AppendUint64(nil, 20))), load(7), set}, want: route.Marker{Mark: 7, Set: all, Counted: true, Packets: 20}},
		"some bits":     {exprs: [][]byte{get, masked(^uint32(0xff), 0x21), set}, want: route.Marker{Mark: 0x21, Set: 0xff}},
		"toggled":       {exprs: [][]byte{get, masked(all, 1), set}, want: route.Marker{Open: 1}},
		"connection":    {exprs: [][]byte{expr("ct", be(nftaMetaKey, nftMark), be(nftaMetaDReg, 1)), set}, want: route.Marker{Open: all}},
		"overwritten":   {exprs: [][]byte{load(7), expr("numgen", be(1, 1)), set}, want: route.Marker{Open: all}},
		"unchanged":     {exprs: [][]byte{get, set}, none: true},
		"priority":      {exprs: [][]byte{load(7), expr("meta", be(nftaMetaKey, 11), be(nftaMetaSReg, 1))}, none: true},
		"mark saved":    {exprs: [][]byte{get, expr("ct", be(nftaMetaKey, nftMark), be(4, 1))}, none: true},
		"MARK":          {exprs: [][]byte{target("MARK", 2, words(0x20, 0xf0))}, want: route.Marker{Mark: 0x20, Set: 0xf0}},
		"MARK xor":      {exprs: [][]byte{target("MARK", 2, words(0x21, 0xf0))}, want: route.Marker{Mark: 0x20, Set: 0xf0, Open: 1}},
		"MARK old":      {exprs: [][]byte{target("MARK", 1, words(1, 1))}, want: route.Marker{Open: all}},
		"TPROXY":        {exprs: [][]byte{target("TPROXY", 1, words(1, 1, 0, 0, 0, 0))}, want: route.Marker{Mark: 1, Set: 1}},
		"restored":      {exprs: [][]byte{target("CONNMARK", 1, append(words(0, 0xf, 0xff), 2, 0, 0, 0))}, want: route.Marker{Set: 0xf0, Open: 0xf}},
		"restored new":  {exprs: [][]byte{target("CONNMARK", 2, append(words(0, 0xff, 0xff), 0, 0, 2, 0))}, want: route.Marker{Open: 0xff}},
		"restored <<":   {exprs: [][]byte{target("CONNMARK", 2, append(words(0, 0xff, 0xff), 0, 4, 2, 0))}, want: route.Marker{Open: all}},
		"saved":         {exprs: [][]byte{target("CONNMARK", 2, append(words(0, 0xff, 0xff), 0, 0, 1, 0))}, none: true},
		"other targets": {exprs: [][]byte{target("LOG", 0, nil), target("MARK", 2, words(1))}, want: route.Marker{Open: all}},
	} {
		t.Run(name, func(t *testing.T) {
			n := nftables()
			message := append([]byte{2, 0, 0, 0}, str(nftaRuleTable, "mangle")...)
			message = append(append(message, str(nftaRuleChain, "OUTPUT")...), nest(nftaRuleExpressions, c.exprs...)...)
			if err := n.take(nftNewRule, message); err != nil {
				t.Fatal(err)
			}
			if c.none {
				if len(n.markers) > 0 {
					t.Errorf("%+v", n.markers)
				}
				return
			}
			c.want.Kind, c.want.Table, c.want.Chain = route.MarkerRule, "ip mangle", "OUTPUT"
			if d := cmp.Diff([]route.Marker{c.want}, n.finish()); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}
}

// TestMarkerHooks follows jumps from base chains to the rules that set marks.
func TestMarkerHooks(t *testing.T) {
	n := nftables()
	take := func(typ uint16, parts ...[]byte) {
		t.Helper()
		message := []byte{1, 0, 0, 0}
		for _, p := range parts {
			message = append(message, p...)
		}
		if err := n.take(typ, message); err != nil {
			t.Fatal(err)
		}
	}
	chain := func(table, name, typ string, hook uint32) {
		t.Helper()
		take(nftNewChain, str(nftaChainTable, table), str(nftaChainName, name), nest(nftaChainHook, be(nftaHookNumber, hook)), str(nftaChainType, typ))
	}
	rule := func(table, chain string, exprs ...[]byte) {
		t.Helper()
		take(nftNewRule, str(nftaRuleTable, table), str(nftaRuleChain, chain), nest(nftaRuleExpressions, exprs...))
	}
	jump := func(to string) []byte {
		return expr("immediate", be(nftaImmediateDReg, 0), nest(nftaImmediateData, nest(nftaDataVerdict, be(nftaVerdictCode, uint32(0xfffffffd)), str(nftaVerdictChain, to))))
	}
	set := [][]byte{load(1), expr("meta", be(nftaMetaKey, nftMark), be(nftaMetaSReg, 1))}
	take(nftNewTable, str(nftaTableName, "off"), be(nftaTableFlags, nftDormant))
	chain("off", "out", "route", 3)
	chain("t", "out", "filter", 3)
	chain("t", "pre", "filter", 0)
	rule("off", "out", set...)
	rule("t", "out", jump("a"))
	rule("t", "a", jump("b"))
	rule("t", "b", jump("a"))
	rule("t", "b", set...)
	rule("t", "pre", expr("lookup", be(nftaLookupDReg, 0)))
	rule("t", "c", set...)
	got := map[string][]route.MarkerHook{}
	for _, m := range n.finish() {
		got[m.Table+" "+m.Chain] = m.Hooks
	}
	want := map[string][]route.MarkerHook{
		"inet off out": nil,
		"inet t b":     {{Hook: "output", Type: "filter"}, {Hook: "prerouting", Type: "filter", Maybe: true}},
		"inet t c":     {{Hook: "prerouting", Type: "filter", Maybe: true}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func FuzzMarkers(f *testing.F) {
	f.Add(uint16(6), append([]byte{2, 0, 0, 0}, nest(nftaRuleExpressions, load(1))...))
	f.Fuzz(func(_ *testing.T, typ uint16, b []byte) {
		n := nftables()
		_ = n.take(nftSubsystem<<8|typ, b)
		n.finish()
		_ = decodeWireGuard(&route.WireGuard{}, new(uint16), b)
		_, _ = genlFamily(b)
	})
}

// TestDecodeWireGuard decodes what the kernel says of a device, and leaves its keys out.
func TestDecodeWireGuard(t *testing.T) {
	sockaddr4 := append(binary.NativeEndian.AppendUint16(nil, afInet), 0xca, 0x6c, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	sockaddr6 := append(binary.NativeEndian.AppendUint16(nil, afInet6), 0xca, 0x6c, 0, 0, 0, 0)
	sockaddr6 = append(append(sockaddr6, addr("2001:db8::1").AsSlice()...), 0, 0, 0, 0)
	const privateKey = 3
	message := genlRequest(wgGetDevice)
	message = append(message, nest(privateKey, make([]byte, 32))...)
	message = append(message, appendAttr32(nil, wgDeviceMark, 51820)...)
	message = append(message, nest(wgDevicePeers, nest(0, nest(wgPeerEndpoint, sockaddr4)), nest(1, nest(wgPeerEndpoint, sockaddr6)), nest(2, nest(wgPeerAllowed,
		nest(0, nest(wgAllowedAddr, []byte{10, 9, 0, 0}), nest(wgAllowedBits, []byte{16})), nest(1, nest(wgAllowedAddr, addr("2001:db8::").AsSlice()), nest(wgAllowedBits, []byte{32})))))...)
	got := route.WireGuard{Link: 4}
	if err := decodeWireGuard(&got, new(uint16), message); err != nil {
		t.Fatal(err)
	}
	want := route.WireGuard{Link: 4, Mark: 51820, Endpoints: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:51820"), netip.MustParseAddrPort("[2001:db8::1]:51820")},
		Allowed: []netip.Prefix{prefix("10.9.0.0/16"), prefix("2001:db8::/32")}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
