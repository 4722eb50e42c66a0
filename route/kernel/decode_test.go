package kernel

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"routewhy/route"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// byValue compares values of package route. Netip's types have unexported fields.
var byValue = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func TestDecodeRoute(t *testing.T) {
	const in4, in6 = afInet, afInet6
	tests := []struct {
		name string
		msg  []byte
		want route.Route
		err  string
	}{
		{
			name: "default route has no RTA_DST",
			msg: routeMessage([8]byte{in4, 0, 0, 0, 254, 16, 0, 1}, 0,
				attr32(rtaTable, 254), attr(rtaGateway, ipBytes("192.0.2.1")), attr32(rtaOif, 4)),
			want: route.Route{
				Table: 254, Dst: prefix("0.0.0.0/0"), Protocol: route.ProtocolDHCP, Type: route.TypeUnicast,
				NextHops: []route.NextHop{{Gateway: addr("192.0.2.1"), Link: 4}},
			},
		},
		{
			name: "0.0.0.0/32 is not the default route",
			msg: routeMessage([8]byte{in4, 32, 0, 0, 254, 3, 0, 1}, 0,
				attr(rtaDst, ipBytes("0.0.0.0")), attr32(rtaOif, 4)),
			want: route.Route{
				Table: 254, Dst: prefix("0.0.0.0/32"), Protocol: route.ProtocolBoot, Type: route.TypeUnicast,
				NextHops: []route.NextHop{{Link: 4}},
			},
		},
		{
			name: "RTA_TABLE overrides the header, flags divide",
			msg: routeMessage([8]byte{in4, 8, 0, 0x10, 252, 4, 253, 1}, 0x4000|0x01|0x04|0x10,
				attr32(rtaTable, 1000), attr(rtaDst, ipBytes("10.0.0.0")), attr32(rtaPriority, 7),
				attr(rtaPrefSrc, ipBytes("10.0.0.1")), attr32(rtaOif, 3), attr32(rtaFlow, 0x10002)),
			want: route.Route{
				Table: 1000, Dst: prefix("10.0.0.0/8"), TOS: 0x10, Metric: 7, Type: route.TypeUnicast,
				Scope: route.ScopeLink, Protocol: route.ProtocolStatic, PrefSrc: addr("10.0.0.1"),
				Flags: route.FlagOffload,
				NextHops: []route.NextHop{{
					Link: 3, Realm: 0x10002,
					Flags: route.NextHopDead | route.NextHopOnLink | route.NextHopLinkDown,
				}},
			},
		},
		{
			name: "host bits are masked",
			msg:  routeMessage([8]byte{in4, 8, 0, 0, 254, 4, 0, 6}, 0, attr(rtaDst, ipBytes("10.1.2.3"))),
			want: route.Route{Table: 254, Dst: prefix("10.0.0.0/8"), Type: route.TypeBlackhole, Protocol: 4},
		},
		{
			name: "a black hole object is shown with lo",
			msg: routeMessage([8]byte{in4, 0, 0, 0, 254, 4, 0, 6}, 0,
				attr32(rtaNhID, 9), attr32(rtaOif, 1)),
			want: route.Route{Table: 254, Dst: prefix("0.0.0.0/0"), Type: route.TypeBlackhole, Protocol: 4, NextHopID: 9},
		},
		{
			name: "multipath: weights from 1, a gateway of the other family, encap, realm",
			msg: routeMessage([8]byte{in4, 24, 0, 0, 100, 4, 0, 1}, 0,
				attr(rtaDst, ipBytes("10.9.8.0")),
				attr(rtaMultipath,
					hop(0, 0, 3, attr(rtaGateway, ipBytes("192.0.2.1"))),
					hop(0x11, 9, 4, attr(rtaVia, u16(afInet6), ipBytes("fe80::1")), attr16(rtaEncapType, 2),
						attr(rtaEncap, []byte{1, 2, 3, 4}), attr32(rtaFlow, 3)))),
			want: route.Route{
				Table: 100, Dst: prefix("10.9.8.0/24"), Type: route.TypeUnicast, Protocol: 4,
				NextHops: []route.NextHop{
					{Gateway: addr("192.0.2.1"), Link: 3, Weight: 1},
					{
						Gateway: addr("fe80::1"), Link: 4, Weight: 10, Encap: 2, Realm: 3,
						Flags: route.NextHopDead | route.NextHopLinkDown,
					},
				},
			},
		},
		{
			name: "IPv6 with source, preference, expiry in the past, locked mtu",
			msg: routeMessage([8]byte{in6, 32, 48, 0, 254, 9, 0, 1}, 0,
				attr(rtaDst, ipBytes("2001:db8::")), attr(rtaSrc, ipBytes("2001:db8:1::")), attr32(rtaPriority, 1024),
				attr8(rtaPref, 3), attr32(rtaOif, 2),
				attr(rtaCacheInfo, make([]byte, 8), u32(^uint32(250)+1), make([]byte, 20)),
				attr(rtaMetrics, attr32(rtaxLock, 1<<2), attr32(2, 1400), attr32(8, 1360), attr(route.MetricCongestion, []byte("cubic\x00")))),
			want: route.Route{
				Table: 254, Dst: prefix("2001:db8::/32"), Src: prefix("2001:db8:1::/48"), Metric: 1024,
				Type: route.TypeUnicast, Protocol: route.ProtocolRA, Pref: route.PreferenceLow,
				Expires:  -2500 * time.Millisecond,
				NextHops: []route.NextHop{{Link: 2}},
				Metrics:  []route.Metric{{ID: 2, Value: 1400, Lock: true}, {ID: 8, Value: 1360}, {ID: 16, Text: "cubic"}},
			},
		},
		{
			name: "IPv6 refusing routes keep lo",
			msg: routeMessage([8]byte{in6, 0, 0, 0, 254, 4, 0, 7}, 0,
				attr32(rtaPriority, 4096), attr32(rtaOif, 1)),
			want: route.Route{
				Table: 254, Dst: prefix("::/0"), Metric: 4096, Type: route.TypeUnreachable, Protocol: 4,
				NextHops: []route.NextHop{{Link: 1}},
			},
		},
		{
			name: "unknown attributes are kept",
			msg:  routeMessage([8]byte{in4, 0, 0, 0, 254, 4, 0, 1}, 0, attr(77, []byte("abc"))),
			want: route.Route{
				Table: 254, Dst: prefix("0.0.0.0/0"), Type: route.TypeUnicast, Protocol: 4,
				Unknown: []route.Attr{{Type: 77, Data: []byte("abc")}},
			},
		},
		{name: "empty", msg: nil, err: "a route message of 0 bytes"},
		{name: "family", msg: routeMessage([8]byte{28}, 0), err: "a route of family 28"},
		{
			name: "prefix too long",
			msg:  routeMessage([8]byte{in4, 33, 0, 0, 254, 4, 0, 1}, 0, attr(rtaDst, ipBytes("10.0.0.0"))),
			err:  "attribute 1: a prefix of 33 bits",
		},
		{name: "no destination", msg: routeMessage([8]byte{in4, 8}, 0), err: "a route without its destination"},
		{
			name: "address of the wrong size",
			msg:  routeMessage([8]byte{in4, 8}, 0, attr(rtaDst, ipBytes("::1"))),
			err:  "attribute 1 has 16 bytes, not 4",
		},
		{
			name: "attribute cut short",
			msg:  routeMessage([8]byte{in4, 0}, 0, attr32(rtaOif, 1)[:6]),
			err:  "attribute 4 claims 8 of 6 bytes",
		},
		{
			name: "bytes left over",
			msg:  routeMessage([8]byte{in4, 0}, 0, []byte{1, 2}),
			err:  "2 bytes after the last attribute",
		},
		{
			name: "multipath cut short",
			msg:  routeMessage([8]byte{in4, 0}, 0, attr(rtaMultipath, hop(0, 0, 1)[:7])),
			err:  "attribute 9: a next hop cut short",
		},
		{
			name: "gateway of no family",
			msg:  routeMessage([8]byte{in4, 0}, 0, attr(rtaVia, u16(28), []byte{1, 2, 3, 4})),
			err:  "attribute 18: a gateway of family 28 in 6 bytes",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeRoute(tt.msg)
			checkDecoded(t, got, err, tt.want, tt.err)
		})
	}
}

// A route that is like an earlier one except for its destination is decoded as if there had
// been no earlier one.
func TestDecodeAlike(t *testing.T) {
	type family struct {
		af   byte
		dst  []string
		gate string
	}
	var messages [][]byte
	for _, f := range []family{
		{afInet, []string{"10.0.0.0", "10.1.0.0", "10.0.0.0"}, "192.0.2.1"},
		{afInet6, []string{"2001:db8::", "2001:db8:1::", "2001:db8::"}, "fe80::1"},
	} {
		for i, dst := range f.dst {
			head := [8]byte{f.af, byte(16 + 8*i), 0, 0, 254, 4, 0, 1}
			table, to, out := attr32(rtaTable, 254), attr(rtaDst, ipBytes(dst)), attr32(rtaOif, 4)
			via := attr(rtaGateway, ipBytes(f.gate))
			messages = append(messages,
				routeMessage(head, 0, table, to, via, out),
				routeMessage(head, 0, table, to, out),
				routeMessage(head, 0, to, via, out),
				routeMessage(head, 0, table, to, attr32(rtaPriority, 5), via, out),
				routeMessage(head, 0x4000, table, to, via, out),
				routeMessage(head, 0, table, to, attr(77, []byte("abc")), out),
				routeMessage([8]byte{f.af, 0, 0, 0, 254, 4, 0, 1}, 0, table, via, out),
				routeMessage(head, 0, table, to, attr32(rtaOif, 4)[:6]))
		}
	}
	d, hits := routeDecoder{passing: true}, 0
	for i, msg := range append(messages, messages...) {
		want, wantErr := decodeRoute(msg)
		var got route.Route
		h, err := peekRoute(msg)
		if err == nil {
			var known bool
			if known, err = d.next(&got, msg, h); known {
				hits++
			}
		}
		if diff := cmp.Diff(want, got, byValue); wantErr == nil && diff != "" || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("message %d: %v, want %v, -want +got\n%s", i, err, wantErr, diff)
		}
		for k := range got.NextHops { // as one who resolves its device may
			got.NextHops[k].Link = 99
		}
	}
	if hits != 2*2*3*6-2*6 { // all but the first of each kind, the default routes and the faulty ones
		t.Errorf("%d routes were like an earlier one", hits)
	}
}

func TestDecodeRule(t *testing.T) {
	plain := func(f route.Family, change func(*route.Rule)) route.Rule {
		r := route.Rule{
			Family: f, Priority: 5, Table: 100, Action: route.ActionTable,
			SuppressPrefixLen: -1, SuppressGroup: -1,
		}
		change(&r)
		return r
	}
	hdr := func(af, table, action uint8) [8]byte { return [8]byte{af, 0, 0, 0, table, 0, 0, action} }
	prio := attr32(fraPriority, 5)
	tests := []struct {
		name string
		msg  []byte
		want route.Rule
		err  string
	}{
		{
			name: "the unset suppressor is all ones",
			msg:  ruleMessage(hdr(afInet, 100, 1), 0, prio, attr32(fraSuppressPrefixLen, ^uint32(0))),
			want: plain(4, func(*route.Rule) {}),
		},
		{
			name: "host bits stay: a request to delete must have them",
			msg:  ruleMessage([8]byte{afInet, 8, 24, 0, 100, 0, 0, 1}, 0, prio, attr(fraDst, ipBytes("10.1.2.3")), attr(fraSrc, ipBytes("192.0.2.2"))),
			want: plain(4, func(r *route.Rule) { r.Selector.Dst, r.Selector.Src = prefix("10.1.2.3/8"), prefix("192.0.2.2/24") }),
		},
		{
			name: "a source that is too long",
			msg:  ruleMessage([8]byte{afInet, 0, 33, 0, 100, 0, 0, 1}, 0, prio, attr(fraSrc, ipBytes("192.0.2.2"))),
			err:  "attribute 2: a prefix of 33 bits",
		},
		{
			name: "suppressors",
			msg: ruleMessage(hdr(afInet, 252, 1), 1, prio, attr32(fraTable, 100),
				attr32(fraSuppressPrefixLen, 0), attr32(fraSuppressIfGroup, 42)),
			want: plain(4, func(r *route.Rule) { r.SuppressPrefixLen, r.SuppressGroup = 0, 42 }),
		},
		{
			name: "flags and device names",
			msg: ruleMessage(hdr(afInet, 100, 1), 0x1e, prio,
				attr(fraIifName, []byte("eth0\x00")), attr(fraOifName, []byte("eth1\x00"))),
			want: plain(4, func(r *route.Rule) {
				r.Unresolved = true
				r.Selector = route.Selector{Not: true, In: "eth0", InDetached: true, Out: "eth1", OutDetached: true}
			}),
		},
		{
			name: "prefixes, mark, tos, protocol, ports, uids",
			msg: ruleMessage([8]byte{afInet, 24, 8, 0x10, 100, 0, 0, 1}, 0, prio,
				attr(fraSrc, ipBytes("10.0.0.0")), attr(fraDst, ipBytes("192.0.2.0")),
				attr32(fraFwMark, 1), attr32(fraFwMask, 0xff), attr8(fraIPProto, 6),
				attr(fraSportRange, u16(80), u16(80)), attr16(fraSportMask, 0xffff),
				attr(fraDportRange, u16(1024), u16(2047)), attr(fraUIDRange, u32(1000), u32(1999))),
			want: plain(4, func(r *route.Rule) {
				r.Selector = route.Selector{
					Src: prefix("10.0.0.0/8"), Dst: prefix("192.0.2.0/24"), Mark: 1, MarkMask: 0xff, TOS: 0x10,
					Proto: 6, SrcPort: route.PortRange{Start: 80, End: 80}, DstPort: route.PortRange{Start: 1024, End: 2047},
					UIDs: route.UIDRange{Start: 1000, End: 1999}, HasUIDs: true,
				}
			}),
		},
		{
			name: "masks, DSCP, flow label, tunnel",
			msg: ruleMessage(hdr(afInet6, 100, 1), 0, prio,
				attr(fraSportRange, u16(80), u16(80)), attr16(fraSportMask, 0xfff0),
				attr8(fraDSCP, 0), attr8(fraDSCPMask, 0x30),
				attr(fraFlowLabel, be32(0x12345)), attr(fraFlowLabelMask, be32(0xfffff)), attr(fraTunID, be64(1<<40))),
			want: plain(6, func(r *route.Rule) {
				r.Selector = route.Selector{
					SrcPort: route.PortRange{Start: 80, End: 80, Mask: 0xfff0},
					HasDSCP: true, DSCPMask: 0x30, FlowLabel: 0x12345, FlowLabelMask: 0xfffff, TunnelID: 1 << 40,
				}
			}),
		},
		{
			name: "DSCP without a mask compares all of it",
			msg:  ruleMessage(hdr(afInet, 100, 1), 0, prio, attr8(fraDSCP, 46)),
			want: plain(4, func(r *route.Rule) {
				r.Selector = route.Selector{HasDSCP: true, DSCP: 46, DSCPMask: 0x3f}
			}),
		},
		{
			name: "l3mdev, realm, protocol",
			msg: ruleMessage(hdr(afInet, 0, 1), 0, prio,
				attr8(fraL3Mdev, 1), attr32(fraFlow, 7), attr8(fraProtocol, 2)),
			want: plain(4, func(r *route.Rule) {
				r.Table, r.Realm, r.Protocol, r.Selector.L3Mdev = 0, 7, 2, true
			}),
		},
		{
			name: "goto",
			msg:  ruleMessage(hdr(afInet, 0, 2), 0, prio, attr32(fraGoto, 200)),
			want: plain(4, func(r *route.Rule) { r.Table, r.Action, r.Goto = 0, route.ActionGoto, 200 }),
		},
		{
			name: "unknown attributes and flags are kept",
			msg:  ruleMessage(hdr(afInet, 100, 1), 0x10000, prio, attr8(99, 5)),
			want: plain(4, func(r *route.Rule) {
				r.Unknown = []route.Attr{{Type: 0, Data: u32(0x10000)}, {Type: 99, Data: []byte{5}}}
			}),
		},
		{name: "short", msg: make([]byte, 11), err: "a rule message of 11 bytes"},
		{name: "family", msg: ruleMessage([8]byte{128}, 0), err: "a rule of family 128"},
		{
			name: "half a range",
			msg:  ruleMessage(hdr(afInet, 100, 1), 0, attr16(fraSportRange, 1)),
			err:  "attribute 23 has 2 bytes, not 4",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeRule(tt.msg)
			checkDecoded(t, got, err, tt.want, tt.err)
		})
	}
}

func TestDecodeNextHop(t *testing.T) {
	tests := []struct {
		name string
		msg  []byte
		want route.NextHopObject
		err  string
	}{
		{
			name: "an IPv4 gateway",
			msg: nextHopMessage([4]byte{afInet, 0, 4, 0}, 0x14,
				attr32(nhaID, 1), attr32(nhaOif, 3), attr(nhaGateway, ipBytes("192.0.2.1")), attr16(nhaEncapType, 1)),
			want: route.NextHopObject{
				ID: 1, Family: 4, Protocol: 4,
				NextHop: route.NextHop{
					Gateway: addr("192.0.2.1"), Link: 3, Encap: 1,
					Flags: route.NextHopOnLink | route.NextHopLinkDown,
				},
			},
		},
		{
			name: "a black hole",
			msg:  nextHopMessage([4]byte{afInet6}, 0, attr32(nhaID, 2), attr(nhaBlackhole)),
			want: route.NextHopObject{ID: 2, Family: 6, Blackhole: true},
		},
		{
			name: "of a bridge",
			msg:  nextHopMessage([4]byte{afInet6}, 0, attr32(nhaID, 2), attr(nhaFDB), attr(nhaGateway, ipBytes("::1"))),
			want: route.NextHopObject{ID: 2, Family: 6, FDB: true, NextHop: route.NextHop{Gateway: addr("::1")}},
		},
		{
			name: "a resilient group with 16-bit weights",
			msg: nextHopMessage([4]byte{}, 0, attr32(nhaID, 10), attr16(nhaGroupType, 1),
				attr(nhaGroup, u32(1), []byte{0, 0, 0, 0}, u32(2), []byte{0xff, 1, 0, 0}),
				attr(nhaResGroup, attr16(nhaResGroupBuckets, 128), attr32(2, 120))),
			want: route.NextHopObject{
				ID: 10, Group: []route.GroupMember{{ID: 1, Weight: 1}, {ID: 2, Weight: 512}},
				Resilient: true, Buckets: 128,
			},
		},
		{
			name: "a group of an unknown kind",
			msg:  nextHopMessage([4]byte{}, 0, attr32(nhaID, 10), attr16(nhaGroupType, 7)),
			want: route.NextHopObject{ID: 10, Unknown: []route.Attr{{Type: nhaGroupType, Data: u16(7)}}},
		},
		{name: "short", msg: make([]byte, 7), err: "a next-hop message of 7 bytes"},
		{name: "no ID", msg: nextHopMessage([4]byte{}, 0), err: "a next-hop object without its ID"},
		{
			name: "half a member",
			msg:  nextHopMessage([4]byte{}, 0, attr32(nhaID, 1), attr(nhaGroup, make([]byte, 12))),
			err:  "attribute 2 has 12 bytes, not 8",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeNextHop(tt.msg)
			checkDecoded(t, got, err, tt.want, tt.err)
		})
	}
}

func TestDecodeAnswer(t *testing.T) {
	exception := attr(rtaCacheInfo, make([]byte, 8), u32(60000), make([]byte, 20))
	tests := []struct {
		name string
		msg  []byte
		want route.Answer
	}{
		{
			name: "an exception",
			msg: routeMessage([8]byte{afInet, 32, 0, 0, 254, 0, 0, 1}, uint32(route.FlagCloned),
				attr32(rtaTable, 254), attr(rtaDst, ipBytes("198.51.100.1")), attr32(rtaOif, 4),
				attr(rtaPrefSrc, ipBytes("192.0.2.2")), attr(rtaGateway, ipBytes("192.0.2.1")),
				attr(rtaMetrics, attr32(rtaxLock, 4), attr32(2, 552)), attr32(rtaUID, 0), exception),
			want: route.Answer{
				Asked: true, Type: route.TypeUnicast, Table: 254, Gateway: addr("192.0.2.1"), Link: 4,
				Src: addr("192.0.2.2"), MTU: 552, MTULocked: true, Expires: true,
			},
		},
		{
			name: "an IPv4 redirect",
			msg: routeMessage([8]byte{afInet, 32, 0, 0, 254, 0, 0, 1}, uint32(route.FlagCloned)|0x40000,
				attr32(rtaTable, 254), attr(rtaDst, ipBytes("198.51.100.1")), attr32(rtaOif, 4), attr(rtaGateway, ipBytes("192.0.2.77")), exception),
			want: route.Answer{Asked: true, Type: route.TypeUnicast, Table: 254, Gateway: addr("192.0.2.77"), Link: 4, Expires: true, Redirected: true},
		},
		{
			name: "an IPv6 exception, perhaps a redirect",
			msg: routeMessage([8]byte{afInet6, 128, 128, 0, 254, 9, 0, 1}, uint32(route.FlagCloned),
				attr(rtaDst, ipBytes("2001:db8::1")), attr(rtaSrc, ipBytes("::")), attr32(rtaOif, 4)),
			want: route.Answer{Asked: true, Type: route.TypeUnicast, Table: 254, Link: 4, Redirected: true},
		},
		{
			name: "an IPv6 route that expires is no exception",
			msg: routeMessage([8]byte{afInet6, 128, 128, 0, 254, 9, 0, 1}, 0,
				attr(rtaDst, ipBytes("2001:db8::1")), attr(rtaSrc, ipBytes("::")), attr32(rtaOif, 4), exception),
			want: route.Answer{Asked: true, Type: route.TypeUnicast, Table: 254, Link: 4},
		},
		{
			name: "no table entry was used",
			msg: routeMessage([8]byte{afInet, 32, 0, 0, 0, 0, 0, 2}, uint32(route.FlagCloned),
				attr32(rtaTable, 0), attr(rtaDst, ipBytes("0.0.0.0")), attr32(rtaOif, 1)),
			want: route.Answer{Asked: true, Type: route.TypeLocal, Link: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decodeAnswer(tt.msg)
			checkDecoded(t, got, err, tt.want, "")
		})
	}
}

func checkDecoded[T any](t *testing.T, got T, err error, want T, wantErr string) {
	t.Helper()
	if wantErr != "" {
		if err == nil || err.Error() != wantErr {
			t.Errorf("got error %v, want %s", err, wantErr)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
