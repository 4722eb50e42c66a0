package kernel

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"routewhy/route"
)

func TestResolve(t *testing.T) {
	isolate(t)
	sysctl(t, "net/ipv6/conf/default/accept_dad", "0")
	ip(t, twoDevices+`
route add default via 10.0.0.2 mtu lock 1400
route add 10.5.0.0/16 via inet6 2001:db8:a::2 dev v0 metric 5
route add 10.6.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.2
route add blackhole 10.7.0.0/24
route add unreachable 10.7.1.0/24
route add prohibit 10.7.2.0/24
route add throw 10.7.3.0/24
nexthop add id 4 via 10.0.1.2 dev w0
route add 10.8.0.0/16 nhid 4
route add 10.9.0.0/16 via 10.0.1.2 table 100
rule add prio 10 fwmark 0x5 table 100
rule add prio 11 uidrange 0-0 to 10.9.1.0/24 table 100
rule add prio 12 ipproto tcp dport 443 to 10.9.2.0/24 table 100
rule add prio 13 ipproto udp sport 1000-2000 to 10.9.3.0/24 table 100
rule add prio 14 tos 0x10 to 10.9.4.0/24 table 100
rule add prio 15 iif v0 to 10.9.5.0/24 table 100
rule add prio 16 to 10.9.6.0/24 prohibit
route add 2001:db8:5::/48 via 2001:db8:b::2
route add unreachable 2001:db8:6::/48
`)
	ip(t, "rule add prio 10 ipproto tcp sport 80 to 2001:db8:5:1::/64 prohibit\n", "-6")
	masks := hasMasks(t)
	if masks {
		addRule(t, [8]byte{afInet6, 64, 0, 0, 0, 0, 0, uint8(route.ActionProhibit)}, 0, attr32(fraPriority, 12),
			attr(fraDst, ipBytes("2001:db8:5:2::")), attr(fraFlowLabel, be32(0x12345)), attr(fraFlowLabelMask, be32(0xfffff)))
	}
	sysctl(t, "net/ipv4/conf/v0/forwarding", "1")
	h := open(t)
	s := settled6(t, h)
	v0, w0 := index(t, s, "v0"), index(t, s, "w0")
	const lo, main = route.LoopbackIndex, route.TableMain

	// what the kernel answers, in short
	type short struct {
		typ   route.Type
		errno route.Errno
		table route.Table
		gw    string
		link  int
		src   string
		entry string // the entry's prefix, or its errno
	}
	unicast := func(table route.Table, gw string, link int, src, entry string) short {
		return short{route.TypeUnicast, 0, table, gw, link, src, entry}
	}
	refused := func(e route.Errno) short { return short{errno: e, entry: e.String()} }
	w0Via100 := unicast(100, "10.0.1.2", w0, "10.0.1.1", "10.9.0.0/16")
	tests := []struct {
		name string
		flow route.Flow
		want short
	}{
		{"default", route.Flow{Dst: addr("8.8.8.8")}, unicast(main, "10.0.0.2", v0, "10.0.0.1", "0.0.0.0/0")},
		{"on-link", route.Flow{Dst: addr("10.0.1.7")}, unicast(main, "", w0, "10.0.1.1", "10.0.1.0/24")},
		{"own address", route.Flow{Dst: addr("10.0.1.1")}, short{route.TypeLocal, 0, route.TableLocal, "", lo, "10.0.1.1", "10.0.1.1/32"}},
		{"no entry", route.Flow{Dst: addr("0.0.0.0")}, short{route.TypeLocal, 0, 0, "", lo, "127.0.0.1", "EHOSTUNREACH"}},
		{"IPv6 gateway", route.Flow{Dst: addr("10.5.0.1")}, unicast(main, "2001:db8:a::2", v0, "10.0.0.1", "10.5.0.0/16")},
		{"next-hop object", route.Flow{Dst: addr("10.8.0.1")}, unicast(main, "10.0.1.2", w0, "10.0.1.1", "10.8.0.0/16")},
		{"source given", route.Flow{Dst: addr("8.8.8.8"), Src: addr("10.0.1.1")}, unicast(main, "10.0.0.2", v0, "", "0.0.0.0/0")},
		{"output device", route.Flow{Dst: addr("8.8.8.8"), Out: w0}, unicast(0, "", w0, "10.0.1.1", "EHOSTUNREACH")},
		{"blackhole", route.Flow{Dst: addr("10.7.0.1")}, refused(route.EINVAL)},
		{"unreachable", route.Flow{Dst: addr("10.7.1.1")}, refused(route.EHOSTUNREACH)},
		{"prohibit", route.Flow{Dst: addr("10.7.2.1")}, refused(route.EACCES)},
		{"throw", route.Flow{Dst: addr("10.7.3.1")}, refused(route.ENETUNREACH)},
		{"foreign source", route.Flow{Dst: addr("8.8.8.8"), Src: addr("10.99.0.1")}, refused(route.ENETUNREACH)},
		{"no such device", route.Flow{Dst: addr("8.8.8.8"), Out: 999}, refused(route.ENODEV)},

		{"mark", route.Flow{Dst: addr("10.9.0.1"), Mark: 5}, w0Via100},
		{"another mark", route.Flow{Dst: addr("10.9.0.1"), Mark: 6}, unicast(main, "10.0.0.2", v0, "10.0.0.1", "0.0.0.0/0")},
		{"user", route.Flow{Dst: addr("10.9.1.1"), UID: 0}, w0Via100},
		{"another user", route.Flow{Dst: addr("10.9.1.1"), UID: 5}, unicast(main, "10.0.0.2", v0, "10.0.0.1", "0.0.0.0/0")},
		{"no user", route.Flow{Dst: addr("10.9.1.1"), UID: route.NoUID}, unicast(main, "10.0.0.2", v0, "10.0.0.1", "0.0.0.0/0")},
		{"TCP port", route.Flow{Dst: addr("10.9.2.1"), Proto: 6, DstPort: 443}, w0Via100},
		{"UDP port", route.Flow{Dst: addr("10.9.2.1"), Proto: 17, DstPort: 443}, unicast(main, "10.0.0.2", v0, "10.0.0.1", "0.0.0.0/0")},
		{"source port, UDP by default", route.Flow{Dst: addr("10.9.3.1"), SrcPort: 1999}, w0Via100},
		{"ICMP", route.Flow{Dst: addr("10.9.3.1"), Proto: 1, SrcPort: 1999}, unicast(main, "10.0.0.2", v0, "10.0.0.1", "0.0.0.0/0")},
		{"TOS", route.Flow{Dst: addr("10.9.4.1"), TOS: 0x13}, w0Via100},
		{"prohibited by a rule", route.Flow{Dst: addr("10.9.6.1")}, refused(route.EACCES)},
		{"forwarded", route.Flow{Dst: addr("10.9.5.1"), Src: addr("10.0.0.7"), In: v0}, unicast(100, "10.0.1.2", w0, "", "10.9.0.0/16")},
		{"received for us", route.Flow{Dst: addr("10.0.1.1"), Src: addr("10.0.0.7"), In: v0}, short{route.TypeLocal, 0, route.TableLocal, "", lo, "", "10.0.1.1/32"}},
		{"martian", route.Flow{Dst: addr("10.9.5.1"), In: v0}, refused(route.EINVAL)},
		{"not forwarded", route.Flow{Dst: addr("8.8.8.8"), Src: addr("10.0.1.7"), In: w0}, refused(route.EHOSTUNREACH)},

		{"IPv6", route.Flow{Dst: addr("2001:db8:5::1")}, unicast(main, "2001:db8:b::2", w0, "2001:db8:b::1", "2001:db8:5::/48")},
		{"IPv6 on-link", route.Flow{Dst: addr("2001:db8:a::7")}, unicast(main, "", v0, "2001:db8:a::1", "2001:db8:a::/64")},
		{"IPv6 source given", route.Flow{Dst: addr("2001:db8:5::1"), Src: addr("2001:db8:a::1")}, unicast(main, "2001:db8:b::2", w0, "", "2001:db8:5::/48")},
		{"IPv6 own address", route.Flow{Dst: addr("2001:db8:a::1")}, short{route.TypeLocal, 0, route.TableLocal, "", lo, "2001:db8:a::1", "2001:db8:a::1/128"}},
		{"IPv6 with a zone", route.Flow{Dst: addr("fe80::7%v0"), Out: v0}, unicast(main, "", v0, linkLocal(s, v0), "fe80::/64")},
		{"IPv6 unreachable", route.Flow{Dst: addr("2001:db8:6::1")}, refused(route.EHOSTUNREACH)},
		{"IPv6 no route", route.Flow{Dst: addr("2001:db9::1")}, refused(route.ENETUNREACH)},
		{"IPv6 port", route.Flow{Dst: addr("2001:db8:5:1::1"), Proto: 6, SrcPort: 80}, refused(route.EACCES)},
		{"IPv6 flow label", route.Flow{Dst: addr("2001:db8:5:2::1"), FlowLabel: 0x12345}, refused(route.EACCES)},
		{"IPv6 another label", route.Flow{Dst: addr("2001:db8:5:2::1"), FlowLabel: 0x12344}, unicast(main, "2001:db8:b::2", w0, "2001:db8:b::1", "2001:db8:5::/48")},
		{"IPv6 received", route.Flow{Dst: addr("2001:db8:5::1"), Src: addr("2001:db8:a::7"), In: v0}, unicast(main, "2001:db8:b::2", w0, "", "2001:db8:5::/48")},
		{"IPv6 no such device", route.Flow{Dst: addr("2001:db8:5::1"), In: 999}, refused(route.ENODEV)},
	}
	str := func(a interface {
		IsValid() bool
		String() string
	}) string {
		if a.IsValid() {
			return a.String()
		}
		return ""
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.flow.FlowLabel != 0 && !masks {
				t.Skip("needs flow labels in rules")
			}
			a, err := h.Resolve(context.Background(), tt.flow)
			if err != nil {
				t.Fatal(err)
			}
			got := short{a.Type, a.Errno, a.Table, str(a.Gateway), a.Link, str(a.Src), str(a.Entry.Dst)}
			if !a.HasEntry {
				got.entry = a.EntryErrno.String()
			}
			if got != tt.want || !a.Asked {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}

	a, err := h.Resolve(context.Background(), route.Flow{Dst: addr("8.8.8.8")})
	if err != nil || a.MTU != 1400 || !a.MTULocked || a.Expires {
		t.Errorf("mtu lock 1400: %+v, %v", a, err)
	}
	a, err = h.Resolve(context.Background(), route.Flow{Dst: addr("10.6.0.1")})
	want := []route.NextHop{{Gateway: addr("10.0.0.2"), Link: v0, Weight: 1}, {Gateway: addr("10.0.1.2"), Link: w0, Weight: 1}}
	if d := cmp.Diff(want, a.Entry.NextHops, byValue); d != "" || err != nil {
		t.Errorf("multipath: %v\n%s", err, d)
	}
	a, err = h.Resolve(context.Background(), route.Flow{Dst: addr("10.8.0.1")})
	if err != nil || a.Entry.NextHopID != 4 {
		t.Errorf("nhid 4: %+v, %v", a.Entry, err)
	}
}

// linkLocal is a device's own link-local address.
func linkLocal(s *route.Snapshot, link int) string {
	for _, a := range s.Addrs {
		if a.Link == link && a.Prefix.Addr().Is6() && a.Prefix.Addr().IsLinkLocalUnicast() {
			return a.Prefix.Addr().String()
		}
	}
	return ""
}

func TestResolveMergedTable(t *testing.T) {
	isolate(t)
	ip(t, twoDevices)
	h := open(t)
	for _, want := range []route.Table{route.TableMain, route.TableLocal} {
		a, err := h.Resolve(context.Background(), route.Flow{Dst: addr("10.0.0.1")})
		if err != nil || a.Table != want || a.Type != route.TypeLocal {
			t.Errorf("got %+v, %v, want table %d", a, err, want)
		}
		if want == route.TableMain {
			ip(t, "rule add prio 5 table 9")
		}
	}
}

func TestResolveNotAsked(t *testing.T) {
	h := open(t)
	tests := []struct {
		name string
		flow route.Flow
		text string
	}{
		{"nothing", route.Flow{}, "the kernel cannot be asked: no destination"},
		{"protocol", route.Flow{Dst: addr("8.8.8.8"), Proto: 47}, "the kernel cannot be asked: RTM_GETROUTE does not take IP protocol 47"},
		{"ICMPv6 in IPv4", route.Flow{Dst: addr("8.8.8.8"), Proto: 58}, "the kernel cannot be asked: RTM_GETROUTE does not take IP protocol 58"},
		{"ICMP in IPv6", route.Flow{Dst: addr("::1"), Proto: 1}, "the kernel cannot be asked: RTM_GETROUTE does not take IP protocol 1"},
		{"tunnel", route.Flow{Dst: addr("8.8.8.8"), TunnelID: 1}, "the kernel cannot be asked: RTM_GETROUTE has no tunnel ID"},
		{"families", route.Flow{Dst: addr("8.8.8.8"), Src: addr("::1")}, "the kernel cannot be asked: source ::1 and destination 8.8.8.8 are of different families"},
		{"label", route.Flow{Dst: addr("::1"), FlowLabel: 1 << 20}, "the kernel cannot be asked: flow label 0x100000 has more than 20 bits"},
		{"received multicast", route.Flow{Dst: addr("ff02::1"), In: 1}, "the kernel cannot be asked: RTM_GETROUTE does not take a received IPv6 multicast packet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := h.Resolve(context.Background(), tt.flow)
			var not *route.NotAskedError
			if !errors.As(err, &not) || err.Error() != tt.text || a.Asked {
				t.Errorf("got %v, want %s", err, tt.text)
			}
		})
	}
}

// TestAnsweredErrno checks that an error about a request which the kernel does not
// accept, such as one with a flow label in IPv4, is not taken as an outcome.
func TestAnsweredErrno(t *testing.T) {
	h := open(t)
	dst := attr(rtaDst, ipBytes("127.0.0.1"))
	bodies := [][]byte{routeMessage([8]byte{afInet, 32}, 0, dst, attr8(rtaIPProto, 47))}
	if hasMasks(t) {
		bodies = append(bodies, routeMessage([8]byte{afInet, 32}, 0, dst, attr(rtaFlowLabel, be32(1))))
	}
	replies, err := h.ask(context.Background(), bodies...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range replies {
		_, err := answerOf(r)
		var not *route.NotAskedError
		if !errors.As(err, &not) {
			t.Errorf("request %d: %v (reply %v)", i, err, r.err)
		}
	}
}

func TestResolveCancelled(t *testing.T) {
	h := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := h.Resolve(ctx, route.Flow{Dst: addr("127.0.0.1")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if a, err := h.Resolve(context.Background(), route.Flow{Dst: addr("127.0.0.1")}); err != nil || !a.Asked {
		t.Errorf("afterwards: %+v, %v", a, err)
	}
}

func TestConcurrently(t *testing.T) {
	h := open(t)
	done := make(chan error)
	for i := range 4 {
		go func() {
			var err error
			if i%2 == 0 {
				_, err = h.Read(context.Background(), route.Query{})
			} else {
				_, err = h.Resolve(context.Background(), route.Flow{Dst: addr("127.0.0.1")})
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// settled6 reads until duplicate address detection has ended for every IPv6 address
// and each has its local route. The kernel does both some time after the command.
func settled6(t *testing.T, h *Host) *route.Snapshot {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s := read(t, h, route.Query{})
		busy := slices.ContainsFunc(s.Addrs, func(a route.Addr) bool {
			host := netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen())
			local := slices.ContainsFunc(s.Routes, func(r route.Route) bool { return r.Dst == host && r.Type == route.TypeLocal })
			return a.Prefix.Addr().Is6() && (a.Flags&route.AddrTentative != 0 || !local)
		})
		if !busy {
			return s
		}
		if time.Now().After(end) {
			t.Fatal("the IPv6 addresses do not settle")
		}
	}
}
